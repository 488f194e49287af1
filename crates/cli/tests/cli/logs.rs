//! What a run logs of itself: a span for each stage and each partition that it builds, with numbers that add
//! up to those of its summary.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::asks::{DAY, FIXTURE, pipeline};
use crate::case::{Case, copy_tree, nightly_arguments, repository};

/// A run with logs as JSON: its summary, and the logged objects.
fn logged(case: &Case, more: &[&str]) -> (Value, Vec<Value>) {
    let pipeline = pipeline();
    let options = ["--pipeline", &pipeline, "--as-of", DAY, "--format", "json"];
    let arguments = nightly_arguments(&[&options, more].concat()).join("\n");
    let outcome = case.run(&arguments.lines().collect::<Vec<_>>()).expect_code(0);
    let lines = outcome.stderr.lines().map(|line| serde_json::from_str(line).unwrap());
    (serde_json::from_str(&outcome.stdout).unwrap(), lines.collect())
}

/// The fields of the events with this message, by the value of a field of their span. Of a date that was
/// built again, the last ones.
fn events<'a>(lines: &'a [Value], message: &str, field: &str) -> BTreeMap<&'a str, &'a Value> {
    let with = |message: &str| {
        let message = message.to_owned();
        lines.iter().filter(move |line| line["fields"]["message"] == message)
    };
    let name = |line: &'a Value| line["span"][field].as_str().unwrap();
    let by_name: BTreeMap<_, _> = with(message).map(|line| (name(line), &line["fields"])).collect();
    let n_again = if field == "partition" { with("a date is built again").count() } else { 0 };
    assert_eq!(by_name.len() + n_again, with(message).count(), "{message}");
    by_name
}

fn add_reasons(sums: &mut BTreeMap<String, u64>, fields: &Value) {
    let reasons = fields["rows_by_reason"].as_str().unwrap();
    for (reason, rows) in serde_json::from_str::<BTreeMap<String, u64>>(reasons).unwrap() {
        *sums.entry(reason).or_default() += rows;
    }
}

#[test]
fn stages_and_partitions_are_spans_whose_rows_add_up_to_the_summary() {
    let case = Case::new();
    copy_tree(&repository().join(FIXTURE).join("in"), &case.path("inbox"));
    let (plan, _) = logged(&case, &["--dry-run"]);
    let planned: BTreeSet<&str> = plan["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["partition"].as_str().unwrap())
        .collect();
    let (summary, lines) = logged(&case, &["-v", "--log-format", "json"]);

    let stages = events(&lines, "stage done", "stage");
    let names: Vec<&str> = stages.keys().copied().collect();
    assert_eq!(names, ["build", "check", "intake", "plan", "publish", "supersede"]);
    assert!(stages.values().all(|fields| fields["ms"].is_u64()));
    let partitions = events(&lines, "partition built", "partition");
    assert_eq!(partitions.keys().copied().collect::<BTreeSet<_>>(), planned);
    assert!(planned.len() > 20 && partitions.values().all(|fields| fields["bytes"].is_u64()));
    let runs = events(&lines, "run done", "kind");
    assert_eq!(runs.keys().copied().collect::<Vec<_>>(), ["nightly"]);
    // A partition lies in a stage, and that in the run.
    for line in lines.iter().filter(|line| line["fields"]["message"] == "partition built") {
        let spans = line["spans"].as_array().unwrap();
        let names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["run", "stage", "partition"], "{line}");
    }

    let number = |what: &str| {
        let rows = summary["run"].as_array().unwrap();
        rows.iter().find(|row| row["what"] == what).unwrap()["number"].as_u64().unwrap()
    };
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    for row in summary["outcomes"].as_array().unwrap() {
        let reason = row["reason"].as_str().filter(|reason| !reason.is_empty());
        let name = reason.or(row["verdict"].as_str()).unwrap().to_owned();
        *outcomes.entry(name).or_default() += row["rows"].as_u64().unwrap();
    }
    assert!(outcomes.len() > 3, "{outcomes:?}");
    let (mut of_dates, mut of_build) = (BTreeMap::new(), BTreeMap::new());
    let dates = partitions.iter().filter(|(path, _)| path.starts_with("plays/"));
    for (path, fields) in dates {
        assert_eq!(fields["rows_in"], fields["rows_out"], "{path}");
        add_reasons(&mut of_dates, fields);
    }
    add_reasons(&mut of_build, stages["build"]);
    assert_eq!((&of_dates, &of_build), (&outcomes, &outcomes));
    let rows_in = |fields: &Value| fields["rows_in"].as_u64().unwrap_or(0);
    let n_rows = number("rows ingested or quarantined");
    assert_eq!(rows_in(stages["intake"]), n_rows);
    assert_eq!(partitions.values().map(|fields| rows_in(fields)).sum::<u64>(), n_rows);
    let rows_out: u64 =
        partitions.values().map(|fields| fields["rows_out"].as_u64().unwrap()).sum();
    assert_eq!(stages["build"]["rows_out"], rows_out);
    assert_eq!(stages["build"]["partitions"], number("partitions built"));
}
