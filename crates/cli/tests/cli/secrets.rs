//! What nobody else may read, and what no report can reach.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::case::{Case, PROGRAM, files_of, nightly_arguments};
use crate::report::{LISTENER, good_report};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn zipped(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(bytes).unwrap();
    archive.finish().unwrap().into_inner()
}

#[test]
fn only_the_owner_can_read_archived_reports() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report("2026-09-01", 0..5));
    case.put("spotify/b.zip", zipped("b.tsv", &good_report("2026-09-02", 0..5)));
    case.nightly_verified(0);
    let archive = case.path("warehouse/internal/archive");
    assert_eq!(mode(&archive), 0o700);
    let files = files_of(&archive);
    // Each with a file that says under which names it came.
    assert_eq!(files.len(), 4);
    files.iter().for_each(|(name, path)| assert_eq!(mode(path), 0o600, "{name}"));
}

#[test]
fn the_key_may_come_from_the_environment_and_is_shown_nowhere() {
    let digits = "07".repeat(32);
    let by_file = Case::new();
    by_file.put("spotify/a.tsv", good_report("2026-09-01", 0..5));
    by_file.nightly(&[]).expect_code(0);
    let case = Case::new();
    case.put("spotify/a.tsv", good_report("2026-09-01", 0..5));
    let pipeline = nightly_arguments(&[])[2];
    let as_of = ["--as-of", "2026-10-01"];
    let arguments = ["nightly", "--pipeline", pipeline, "-v", "-v", as_of[0], as_of[1]];
    let run = |key: &str, more: &[&str]| {
        let mut command = case.command(&[&arguments[..], more].concat());
        command.env("STREAMLEDGER_LISTENER_KEY", key).output().unwrap()
    };
    let shown = |output: &std::process::Output| {
        String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
    };
    let output = run(&digits, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert!(!shown(&output).contains(&digits) && !shown(&output).contains(LISTENER));
    // It is the same key as the file of the other warehouse, and this one has none of its own.
    assert_eq!(case.published(), by_file.published());
    assert!(!case.path("warehouse/internal/listener.key").exists());
    for wrong in ["", "07", &format!("{digits}zz"), &digits.replace('7', "x")] {
        let output = run(wrong, &[]);
        assert_eq!(output.status.code(), Some(2));
        assert!(shown(&output).contains("64 hex digits"), "{}", shown(&output));
        assert!(wrong.len() < 3 || !shown(&output).contains(wrong));
    }
    let both = run(&digits, &["--listener-key-file", "key"]);
    assert_eq!(both.status.code(), Some(2));
    assert!(shown(&both).contains("one of them"), "{}", shown(&both));
    assert!(Path::new(PROGRAM).exists());
}

/// A cell is data, whatever it says.
#[test]
fn a_report_is_never_a_command() {
    let case = Case::new();
    let cell = "$(touch pwned); `touch pwned` | touch pwned && =cmd|'/c calc'!A1 ../../pwned";
    let rows: Vec<_> = crate::report::lines("2026-09-01", 0..3)
        .into_iter()
        .map(|row| row.with("stream_source", cell).with("track_id", cell))
        .collect();
    case.put("spotify/$(touch pwned).tsv", crate::report::report(&rows));
    case.nightly_verified(0);
    assert_eq!(
        case.cells("plays", ["source"]),
        [[cell.to_owned()], [cell.to_owned()], [cell.to_owned()]]
    );
    let names = files_of(&case.path(""));
    let has_run = |name: &str| name == "pwned" || name.ends_with("/pwned");
    assert!(!names.iter().any(|(name, _)| has_run(name)), "{names:?}");
}

#[test]
fn a_listener_key_is_changed_only_where_that_is_asked_for() {
    let case = Case::new();
    case.own_pipelines();
    case.put("spotify/a.tsv", good_report("2026-09-01", 0..20));
    let run = |more: &[&str]| case.run(&[&["nightly"][..], more].concat());
    run(&[]).expect_code(0);
    let (before, key) = (case.published(), case.path("warehouse/internal/listener.key"));
    let right = fs::read(&key).unwrap();
    let mut wrong = right.clone();
    wrong[17] ^= 1;
    fs::write(&key, &wrong).unwrap();
    for more in [&[][..], &["--dry-run"]] {
        run(more)
            .expect_code(2)
            .expect_stderr("not the listener key that the tables were made with");
    }
    // A lost key is not rebuilt.
    fs::remove_file(&key).unwrap();
    run(&[]).expect_code(2).expect_stderr("listener.key is gone").expect_stderr("--rekey");
    assert!(!key.exists());
    assert_eq!(case.published(), before);
    fs::write(&key, &right).unwrap();
    run(&[]).expect_code(0).expect_stdout("Nothing new, nothing published.");
    // Another one, by wish.
    fs::write(case.path("other"), [9; 32]).unwrap();
    run(&["--listener-key-file", "other"]).expect_code(2);
    run(&["--listener-key-file", "other", "--rekey"]).expect_code(0);
    assert_ne!(case.published(), before);
    run(&["--listener-key-file", "other"]).expect_code(0);
    case.verify().expect_code(0);
}

#[test]
fn a_warehouse_in_the_inbox_or_pages_in_the_warehouse_are_not_made() {
    let case = Case::new();
    case.own_pipelines();
    case.put("spotify/a.tsv", good_report("2026-09-01", 0..20));
    for warehouse in ["inbox/spotify/warehouse", "inbox", ".", "pipelines/../inbox/w"] {
        let outcome = case.run(&["nightly", "--warehouse", warehouse]).expect_code(2);
        outcome.expect_stderr("lie in each other");
    }
    assert!(!case.path("inbox/spotify/warehouse").exists() && !case.path("internal").exists());
    case.run(&["nightly"]).expect_code(0);
    let out = ["report", "--out", "warehouse/tables/pages"];
    case.run(&out).expect_code(2).expect_stderr("lie in each other");
}
