//! Former states of the tables: listed, compared, gone back to, removed.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;

use crate::case::{Case, files_of, hashes, repository};
use crate::report::{good_report, lines, report};

/// Three nights: a day, its correction with two short plays, a statement.
fn three_nights() -> Case {
    let case = Case::new();
    case.put("spotify/streams_2026-09-01.tsv", good_report("2026-09-01", 0..10));
    case.nightly_verified(0);
    let mut rows = lines("2026-09-01", 0..9);
    rows.extend(lines("2026-09-01", 20..22).into_iter().map(|row| row.with("stream_length", "12")));
    case.put("spotify/streams_2026-09-01_v2.tsv", report(&rows));
    case.nightly_verified(0);
    let statement = repository().join("fixtures/formats/cdbaby/in/cdbaby");
    for (name, path) in files_of(&statement) {
        case.put(&format!("cdbaby/{name}"), fs::read(path).unwrap());
    }
    case.nightly(&[]);
    case.verify().expect_code(0);
    case
}

fn json(case: &Case, arguments: &[&str]) -> serde_json::Value {
    let arguments = [&["snapshots", "--format", "json"], arguments].concat();
    serde_json::from_str(&case.run(&arguments).expect_code(0).stdout).unwrap()
}

#[test]
fn a_list_says_when_each_was_published_and_where_its_tables_are() {
    let case = three_nights();
    let listed = json(&case, &["list"]);
    let snapshots = listed["snapshots"].as_array().unwrap();
    let numbers: Vec<_> = snapshots.iter().map(|s| s["snapshot"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let rows: Vec<_> = snapshots.iter().map(|s| s["rows_of_plays"].as_u64().unwrap()).collect();
    assert_eq!(rows, [10, 11, 11]);
    let current: Vec<_> = snapshots.iter().map(|s| s["current"].as_str().unwrap()).collect();
    assert_eq!(current, ["", "", "yes"]);
    for snapshot in snapshots {
        chrono_like(snapshot["published"].as_str().unwrap());
        assert!(case.path(snapshot["tables"].as_str().unwrap()).join("plays").is_dir());
    }
}

fn chrono_like(text: &str) {
    assert_eq!((text.len(), &text[10..11], &text[19..]), (20, "T", "Z"), "{text}");
}

#[test]
fn a_difference_is_told_by_table_store_month_and_verdict_with_totals() {
    let case = three_nights();
    let changed = json(&case, &["diff", "1", "2"]);
    let line = |row: &serde_json::Value| {
        let text = |name: &str| row[name].to_string().trim_matches('"').to_owned();
        ["table", "store", "month", "what", "measure", "before", "after", "difference"]
            .map(text)
            .join("|")
    };
    let changes: Vec<String> = changed["changes"].as_array().unwrap().iter().map(line).collect();
    let expected = [
        "coverage||||rows|33|33|0",
        "plays|spotify|2026-09||rows|10|11|1",
        "reports||||rows|1|2|1",
        "trends_daily|spotify|2026-09||rows|10|11|1",
        "trends_daily|spotify|2026-09|counted|plays|10|9|-1",
        "trends_daily|spotify|2026-09|excluded too_short|plays|0|2|2",
    ];
    assert_eq!(changes, expected);
    let totals = changed["totals"].as_array().unwrap();
    let counted = totals.iter().find(|row| row["what"] == "counted").unwrap();
    assert_eq!((&counted["before"], &counted["after"]), (&10.into(), &9.into()));
    // The other way round, and nothing between a state and itself.
    let back = json(&case, &["diff", "2", "1"]);
    assert_eq!(back["totals"].as_array().unwrap().len(), totals.len());
    case.run(&["snapshots", "diff", "2", "2"]).expect_code(0).expect_stdout("say the same");
}

#[test]
fn sums_of_money_are_exact_and_no_floats() {
    let case = three_nights();
    let changed = json(&case, &["diff", "2", "3"]);
    let amounts: Vec<&serde_json::Value> = changed["totals"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["measure"] == "amount")
        .map(|row| &row["after"])
        .collect();
    assert!(!amounts.is_empty());
    let after: Vec<&str> = amounts.iter().map(|amount| amount.as_str().unwrap()).collect();
    let sum = |rows: Vec<[String; 1]>| -> f64 {
        rows.iter().filter_map(|[amount]| amount.parse::<f64>().ok()).sum()
    };
    let expected = sum(case.cells("sales_monthly", ["amount"]));
    let found: f64 =
        after.iter().map(|amount| amount.replace(',', "").parse::<f64>().unwrap()).sum();
    assert!((expected - found).abs() < 1e-9, "{expected} {found}");
}

#[test]
fn going_back_shows_the_former_state_and_the_next_night_everything_again() {
    let case = three_nights();
    let (second, third) =
        (hashes(&case.path("warehouse/internal/snapshots/000002/tables")), case.published());
    case.run(&["snapshots", "rollback", "2"]).expect_code(0).expect_stdout("as 4");
    assert_eq!(case.published(), second);
    case.verify().expect_code(0);
    // The inbox may be empty by now: what came after the former state is known all the same.
    fs::remove_dir_all(case.path("inbox")).unwrap();
    fs::create_dir(case.path("inbox")).unwrap();
    let night = case.nightly(&[]);
    assert_eq!(night.code, 0, "{night:?}");
    assert_eq!(case.published(), third);
    case.verify().expect_code(0);
    case.nightly(&[]).expect_code(0).expect_stdout("Nothing new, nothing published.");
}

#[test]
fn what_is_not_there_or_current_cannot_be_gone_back_to() {
    let case = three_nights();
    let before = case.published();
    for number in ["0", "9"] {
        let refused = case.run(&["snapshots", "rollback", number]).expect_code(2);
        refused.expect_stderr("snapshots list");
    }
    case.run(&["snapshots", "rollback", "3"])
        .expect_code(2)
        .expect_stderr("the current one already");
    case.run(&["snapshots", "diff", "1", "9"]).expect_code(2).expect_stderr("no snapshot 9");
    assert_eq!(case.published(), before);
}

#[test]
fn pruning_removes_old_states_and_no_file_that_another_has() {
    let case = three_nights();
    let before = case.published();
    // An hour has not passed since readers saw them.
    case.run(&["snapshots", "prune", "--keep", "1"])
        .expect_code(0)
        .expect_stdout("No snapshot may go.");
    let prune = ["snapshots", "prune", "--keep", "1", "--grace", "0"];
    let dry = [&prune[..], &["--dry-run"]].concat();
    case.run(&dry).expect_code(0).expect_stdout("these 2 would be");
    case.run(&[&prune[..], &["--older-than", "1"]].concat())
        .expect_code(0)
        .expect_stdout("No snapshot may go.");
    case.run(&prune).expect_code(0).expect_stdout("Removed 2 snapshots.");
    let numbers = json(&case, &["list"]);
    assert_eq!(numbers["snapshots"].as_array().unwrap().len(), 1);
    assert_eq!(case.published(), before);
    case.verify().expect_code(0);
    case.nightly(&[]).expect_code(0).expect_stdout("Nothing new, nothing published.");
}

#[test]
fn a_warehouse_that_is_in_use_is_not_pruned_or_rolled_back() {
    let case = three_nights();
    let lock = fs::File::open(case.path("warehouse/internal/lock")).unwrap();
    lock.lock().unwrap();
    case.run(&["snapshots", "rollback", "1"]).expect_code(3);
    case.run(&["snapshots", "prune", "--keep", "1", "--grace", "0"]).expect_code(3);
    // Readers do not wait.
    case.run(&["snapshots", "list"]).expect_code(0);
    case.run(&["snapshots", "diff", "1", "2"]).expect_code(0);
    case.verify().expect_code(0);
}
