//! Previous states of the tables: listed, compared, gone back to, removed.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;

use crate::case::{Case, files_of, published_in, repository};
use crate::report::{good_report, lines, report};

/// Three runs: a day, its correction with two short plays, a statement.
fn three_runs() -> Case {
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
    let case = three_runs();
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
    let case = three_runs();
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
        "coverage|||trends complete|periods|1|0|-1",
        "coverage|||trends restated|periods|0|1|1",
        "deliveries||||rows|1|2|1",
        "plays|spotify|2026-09||rows|10|11|1",
        "reports||||rows|1|2|1",
        "reports|||superseded|reports|0|1|1",
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
    let case = three_runs();
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
fn going_back_shows_the_previous_state_and_the_next_run_everything_again() {
    let case = three_runs();
    let (second, third) =
        (published_in(&case.path("warehouse/internal/snapshots/000002/tables")), case.published());
    case.run(&["snapshots", "rollback", "2"]).expect_code(0).expect_stdout("as 4");
    assert_eq!(case.published(), second);
    case.verify().expect_code(0);
    // The inbox may be empty by now: what came after the previous state is known all the same.
    fs::remove_dir_all(case.path("inbox")).unwrap();
    fs::create_dir(case.path("inbox")).unwrap();
    let run = case.nightly(&[]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(case.published(), third);
    case.verify().expect_code(0);
    case.nightly(&[]).expect_code(0).expect_stdout("Nothing new, nothing published.");
}

#[test]
fn what_is_not_there_or_current_cannot_be_gone_back_to() {
    let case = three_runs();
    let before = case.published();
    for number in ["0", "9"] {
        let rejected = case.run(&["snapshots", "rollback", number]).expect_code(2);
        rejected.expect_stderr("snapshots list");
    }
    case.run(&["snapshots", "rollback", "3"])
        .expect_code(2)
        .expect_stderr("the current one already");
    case.run(&["snapshots", "diff", "1", "9"]).expect_code(2).expect_stderr("no snapshot 9");
    assert_eq!(case.published(), before);
}

#[test]
fn pruning_removes_old_states_and_no_file_that_another_has() {
    let case = three_runs();
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
    let case = three_runs();
    let lock = fs::File::open(case.path("warehouse/internal/lock")).unwrap();
    lock.lock().unwrap();
    case.run(&["snapshots", "rollback", "1"]).expect_code(3);
    case.run(&["snapshots", "prune", "--keep", "1", "--grace", "0"]).expect_code(3);
    // Readers do not wait.
    case.run(&["snapshots", "list"]).expect_code(0);
    case.run(&["snapshots", "diff", "1", "2"]).expect_code(0);
    case.verify().expect_code(0);
}

#[test]
fn every_table_with_figures_tells_which_of_them_differ() {
    let case = crate::asks::asked_later();
    let mut told = json(&case, &["diff", "1", "2"])["totals"].as_array().unwrap().clone();
    told.retain(|row| row["measure"] != "rows" && row["before"] != row["after"]);
    for table in ["waterfall", "sales_monthly", "reports", "coverage"] {
        assert!(told.iter().any(|row| row["table"] == table), "{table}: {told:#?}");
    }
    // What the tables themselves say.
    let paid =
        |row: &&serde_json::Value| row["table"] == "waterfall" && row["what"] == "paid_units";
    let sum = |case: &Case| -> i64 {
        let steps = case.cells("waterfall", ["step", "plays"]);
        let paid = steps.iter().filter(|[step, _]| step == "paid_units");
        paid.filter_map(|[_, plays]| plays.parse::<i64>().ok()).sum()
    };
    let difference = sum(&case) - sum(&crate::asks::asked());
    assert_eq!(told.iter().find(paid).unwrap()["difference"], difference);
}

#[test]
fn counters_bad_rows_and_reports_are_told_by_what_they_are() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report("2026-09-01", 0..10));
    case.nightly_verified(0);
    case.put("spotify/bad.tsv", "not a report\n");
    for (name, path) in
        files_of(&repository().join("fixtures/formats/spotify-for-artists-timeline/in"))
    {
        case.put(&name, fs::read(path).unwrap());
    }
    case.nightly(&[]);
    let told = json(&case, &["diff", "1", "2"]);
    let line = |table: &str, what: &str, measure: &str| {
        let rows = told["totals"].as_array().unwrap();
        let is_it = |row: &&serde_json::Value| {
            row["table"] == table && row["what"] == what && row["measure"] == measure
        };
        rows.iter().find(is_it).map(|row| row["after"].as_i64().unwrap())
    };
    let bad = case.cells("quarantine", ["reason"]);
    let n_unknown = bad.iter().filter(|[reason]| reason == "unknown_format").count();
    assert_eq!(line("quarantine", "unknown_format", "bad rows"), i64::try_from(n_unknown).ok());
    assert!(0 < n_unknown);
    let states = case.cells("reports", ["state"]);
    let n_rejected = states.iter().filter(|[state]| state == "rejected").count();
    assert_eq!(line("reports", "rejected", "reports"), i64::try_from(n_rejected).ok());
    let plays = case.cells("public_counts", ["plays"]);
    let sum: i64 = plays.iter().filter_map(|[plays]| plays.parse::<i64>().ok()).sum();
    assert!(0 < sum);
    assert_eq!(line("public_counts", "", "plays"), Some(sum));
}

/// Makes a snapshot say that the run which published it began at this time.
fn began(case: &Case, number: u32, at: &str) {
    let folder = case.path(&format!("warehouse/internal/snapshots/{number:06}"));
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    manifest["published"] = at.into();
    let bytes = serde_json::to_vec_pretty(&manifest).unwrap();
    fs::write(folder.join("manifest.json"), &bytes).unwrap();
    let sum = blake3::hash(&bytes).to_hex().to_string();
    fs::write(folder.join("manifest.blake3"), sum + "\n").unwrap();
}

/// The run that replaced it worked for a long time: it was current until a moment ago.
#[test]
fn a_state_that_was_current_a_moment_ago_is_not_pruned_however_long_the_run_took() {
    let case = three_runs();
    began(&case, 1, "2026-01-01T00:00:00Z");
    began(&case, 2, "2026-01-02T00:00:00Z");
    began(&case, 3, "2026-01-03T00:00:00Z");
    let prune = ["snapshots", "prune", "--keep", "1", "--grace", "1"];
    case.run(&prune).expect_code(0).expect_stdout("No snapshot may go.");
    // Readers have seen all of them for less than a day.
    let old = ["snapshots", "prune", "--keep", "1", "--grace", "0", "--older-than", "1"];
    case.run(&old).expect_code(0).expect_stdout("No snapshot may go.");
    let listed = json(&case, &["list"]);
    for snapshot in listed["snapshots"].as_array().unwrap() {
        assert!(snapshot["published"].as_str().unwrap() > "2026-01-04", "{snapshot}");
    }
}

/// The crash came between the name and the swap, long ago; the swap is made up for only now.
#[test]
fn a_swap_that_is_made_up_for_is_dated_by_the_day_on_which_it_happens() {
    let case = three_runs();
    let internal = case.path("warehouse/internal");
    fs::remove_file(case.tables()).unwrap();
    std::os::unix::fs::symlink("internal/snapshots/000002/tables", case.tables()).unwrap();
    fs::remove_file(internal.join("shown/000003")).unwrap();
    for number in 1..=2 {
        let day = format!("2026-01-0{number}T00:00:00.000Z");
        fs::write(internal.join(format!("shown/00000{number}")), day).unwrap();
    }
    began(&case, 3, "2026-01-03T00:00:00Z");
    let folder = fs::File::open(internal.join("snapshots/000003")).unwrap();
    folder.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    case.nightly(&[]).expect_code(0);
    let prune = ["snapshots", "prune", "--keep", "1", "--grace", "1"];
    case.run(&prune).expect_code(0).expect_stdout("Removed 1 snapshots.");
    let left = json(&case, &["list"]);
    let numbers: Vec<_> =
        left["snapshots"].as_array().unwrap().iter().map(|s| s["snapshot"].as_u64()).collect();
    assert_eq!(numbers, [Some(2), Some(3)]);
    assert!(!internal.join("shown/000001").exists());
}

#[test]
fn where_a_crash_kept_the_moment_from_being_noted_the_link_tells_it() {
    let case = three_runs();
    let noted = case.path("warehouse/internal/shown/000003");
    let before = fs::read_to_string(&noted).unwrap();
    fs::remove_file(&noted).unwrap();
    case.nightly(&[]).expect_code(0);
    let after = fs::read_to_string(&noted).unwrap();
    assert_eq!(before[..16], after[..16], "to the minute");
}

/// A copy that came after the state that was gone back to stays known.
#[test]
fn going_back_forgets_no_name_under_which_a_report_came() {
    let case = Case::new();
    case.put("spotify/b.tsv", good_report("2026-09-01", 0..10));
    case.nightly_verified(0);
    case.put("spotify/a.tsv", good_report("2026-09-01", 0..10));
    case.nightly_verified(0);
    let both = case.published();
    case.run(&["snapshots", "rollback", "1"]).expect_code(0);
    case.verify().expect_code(0);
    fs::remove_dir_all(case.path("inbox")).unwrap();
    fs::create_dir(case.path("inbox")).unwrap();
    case.nightly(&[]).expect_code(0);
    assert_eq!(case.report_row("spotify/a.tsv")["copies"], "2");
    assert_eq!(case.published(), both);
}

#[test]
fn a_damaged_newest_state_can_be_gone_back_from() {
    let case = three_runs();
    let (first, third) =
        (published_in(&case.path("warehouse/internal/snapshots/000001/tables")), case.published());
    let manifest = case.path("warehouse/internal/snapshots/000003/manifest.json");
    let mut bytes = fs::read(&manifest).unwrap();
    bytes[100] ^= 1;
    fs::write(&manifest, bytes).unwrap();
    case.verify().expect_code(1).expect_stdout("streamledger snapshots rollback");
    case.nightly(&[]).expect_code(1).expect_stderr("snapshots list");
    case.run(&["snapshots", "list"]).expect_code(0).expect_stdout("differs from its checksum");
    case.run(&["snapshots", "rollback", "1"]).expect_code(0).expect_stdout("as 4");
    case.verify().expect_code(0);
    assert_eq!(case.published(), first);
    case.nightly(&[]);
    case.verify().expect_code(0);
    assert_eq!(case.published(), third);
}

#[test]
fn a_mistyped_warehouse_is_named_and_nothing_is_made() {
    let case = three_runs();
    let here = ["--warehouse", "warehause"];
    let month = ["--from", "2026-09", "--to", "2026-09"];
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["snapshots", "list"],
        vec!["snapshots", "diff", "1", "2"],
        vec!["snapshots", "rollback", "1"],
        vec!["snapshots", "prune", "--keep", "1"],
        vec!["snapshots", "prune", "--keep", "1", "--dry-run"],
    ];
    let pipeline = crate::asks::pipeline();
    for more in [&[][..], &["--dry-run"], &["--preview"]] {
        commands.push([&["backfill", "--pipeline", &pipeline], &month[..], more].concat());
    }
    for command in commands {
        let outcome = case.run(&[command.as_slice(), &here].concat()).expect_code(2);
        outcome.expect_stderr("warehause is no warehouse");
        assert!(!case.path("warehause").exists(), "{command:?}");
    }
    // A warehouse whose key was given has none of its own, and a backfill makes none.
    case.run(&[&["backfill", "--pipeline", &pipeline], &month[..]].concat()).expect_code(2);
    assert!(!case.path("warehouse/internal/listener.key").exists());
}
