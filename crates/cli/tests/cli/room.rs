//! Room on the disk: what a run says that it needs before it writes is no less than what it takes.
//! The disk is looked at while the program runs, so this file sleeps.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::case::{Case, nightly_arguments};
use crate::report::{lines, report};

/// Bytes by inode of all files below a folder, that of each once.
fn sizes(folder: &Path, sizes_of: &mut BTreeMap<u64, u64>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => sizes(&entry.path(), sizes_of),
            Ok(metadata) => drop(sizes_of.insert(metadata.ino(), metadata.len())),
            // Removed in the meantime.
            Err(_) => {}
        }
    }
}

fn bytes_of(folder: &Path) -> u64 {
    let mut found = BTreeMap::new();
    sizes(folder, &mut found);
    found.values().sum()
}

/// Runs the program; the bytes that it said it needs, and the most that it took.
#[track_caller]
fn needed_and_taken(case: &Case, arguments: &[&str]) -> (u64, u64) {
    let arguments = [arguments, &["-v", "--log-format", "json"]].concat();
    let warehouse = case.path("warehouse");
    let before = bytes_of(&warehouse);
    let log = fs::File::create(case.path("log")).unwrap();
    let mut command = case.command(&arguments);
    let mut child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let mut most = before;
    while child.try_wait().unwrap().is_none() {
        most = most.max(bytes_of(&warehouse));
        std::thread::sleep(Duration::from_millis(1));
    }
    let log = fs::read_to_string(case.path("log")).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{log}");
    let needed = log
        .lines()
        .filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line.get("needed_bytes").or_else(|| line["fields"].get("needed_bytes"))?.as_u64()
        })
        .max();
    (needed.unwrap(), most - before)
}

/// Reports that share their dates, so that all of their plays wait for each other.
fn put_shared(case: &Case, n_reports: usize) {
    for number in 0..n_reports {
        let rows: Vec<_> = (1..=5)
            .flat_map(|day| {
                let from = (number * 5 + day) * 400;
                lines(&format!("2026-09-{day:02}"), from..from + 400)
            })
            .collect();
        case.put(&format!("spotify/r{number}-{number}x.tsv"), report(&rows));
    }
}

#[track_caller]
fn assert_enough(what: &str, (needed, taken): (u64, u64)) {
    assert!(taken <= needed, "{what}: {needed} bytes were estimated, {taken} were taken");
    assert!(needed <= taken * 5, "{what}: {needed} bytes were estimated, {taken} are enough");
}

#[test]
fn many_small_reports_are_estimated_by_what_has_to_wait_of_all_of_them() {
    let case = Case::new();
    put_shared(&case, 40);
    let run = nightly_arguments(&["--memory-limit", "1MiB"]);
    assert_enough("a run", needed_and_taken(&case, &run));
    let month = ["backfill", "--from", "2026-09", "--to", "2026-09"];
    let little = ["--listener-key-file", "key", "--memory-limit", "1MiB"];
    case.own_pipelines();
    assert_enough("a backfill", needed_and_taken(&case, &[&month[..], &little].concat()));
    // All is judged again, from the archive alone.
    case.replace("pipelines/policies/default.toml", "days_max = 30", "days_max = 29");
    let run =
        nightly_arguments(&["--memory-limit", "1MiB", "--pipeline", "pipelines/nightly.toml"]);
    assert_enough("another policy", needed_and_taken(&case, &run));
    // And read again.
    case.replace("pipelines/stores/spotify.toml", "premium = \"premium\"", "premium = \"family\"");
    assert_enough("another setting", needed_and_taken(&case, &run));
}

#[test]
fn what_fits_the_memory_needs_room_for_copies_and_tables_only() {
    let case = Case::new();
    put_shared(&case, 10);
    let inbox = bytes_of(&case.path("inbox"));
    let (needed, taken) = needed_and_taken(&case, &nightly_arguments(&[]));
    assert!(taken <= needed && needed <= 2 * inbox, "{needed} {taken} {inbox}");
}
