//! Readers of other makes, while the tables are swapped under them.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::case::{Case, nightly_arguments};
use crate::python::python;
use crate::report::good_report;
use crate::sample::{figure, is_full};

/// Dates of the month, each a partition.
const DATES: usize = 31;

/// Plays of a date in the two states.
const PLAYS: [usize; 2] = [20, 23];

/// Two snapshots that differ in every date.
fn two_states() -> Case {
    let case = Case::new();
    for (n_plays, version) in PLAYS.into_iter().zip(["", "_v2"]) {
        for day in 1..=DATES {
            let date = format!("2026-10-{day:02}");
            let name = format!("spotify/streams_{date}{version}.tsv");
            case.put(&name, good_report(&date, 0..n_plays));
        }
        case.run(&nightly_arguments(&[])).expect_code(0);
    }
    case
}

/// A reader that runs until the file `stop` is there.
fn start(case: &Case, engine: &str) -> (Child, BufReader<ChildStdout>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture/readers.py");
    let mut command = Command::new(python());
    command.arg(script).args([engine, "stop"]).current_dir(case.path(""));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut ready = String::new();
    lines.read_line(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    (child, lines)
}

#[test]
fn readers_of_other_makes_see_one_snapshot() {
    let case = two_states();
    let n_swaps = if is_full() { 300 } else { 40 };
    let engines = ["duckdb", "polars", "pyarrow"];
    let readers = engines.map(|engine| (engine, start(&case, engine)));
    for swap in 0..n_swaps {
        // 1 and 2 are the two states; each way back is a new snapshot.
        let number = if swap % 2 == 0 { "1" } else { "2" };
        case.run(&["snapshots", "rollback", number]).expect_code(0);
    }
    fs::write(case.path("stop"), "").unwrap();
    // Of `plays` rows, plays and dates; of `trends_daily`, in the same read, plays and dates.
    let states = PLAYS.map(|n_plays| format!("{0},{0},{DATES},{0},{DATES}", n_plays * DATES));
    for (engine, (mut child, mut lines)) in readers {
        let mut text = String::new();
        lines.read_to_string(&mut text).unwrap();
        assert!(child.wait().unwrap().success());
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        let seen = told["seen"].as_object().unwrap();
        let wrong: Vec<&String> = seen.keys().filter(|key| !states.contains(key)).collect();
        assert!(wrong.is_empty(), "{engine} saw {wrong:?}, the states are {states:?}");
        let n_reads: i64 = seen.values().filter_map(serde_json::Value::as_i64).sum();
        let n_snapshots = told["snapshots"].as_u64().unwrap();
        assert!(1 < n_snapshots, "{engine} met no swap: {text}");
        assert_eq!(seen.len(), 2, "{engine} saw one state alone: {text}");
        let failed = &told["failed"];
        assert_eq!(failed, 0, "{engine}: {}", told["messages"]);
        let what = format!(
            "{engine}: {n_swaps} swaps of {DATES} partitions, {n_reads} reads of two tables in {n_snapshots} snapshots, 0 mixed, \
             {failed} failed"
        );
        figure("readers during swaps", &what);
    }
}
