//! While a run of another process holds the warehouse: it is named, and whoever reads neither waits nor
//! sees a half. The other run is a real one that is stopped where it is.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::case::{Case, files_of, nightly_arguments};
use crate::report::good_report;

/// Readers and a preview do little here: whoever waited for the lock would take longer.
const LONGEST: Duration = Duration::from_secs(20);

/// A warehouse of one date, and the next one in the inbox, large enough to be caught at work.
fn scene() -> Case {
    let case = Case::new();
    case.own_pipelines();
    case.put("spotify/a.tsv", good_report("2026-09-02", 0..10));
    case.nightly_verified(0);
    case.put("spotify/b.tsv", good_report("2026-09-03", 0..60_000));
    case
}

/// A run that was stopped while it holds the lock.
struct Held(Child);

impl Held {
    fn start(case: &Case) -> Self {
        let mut command = case.command(&nightly_arguments(&[]));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let held = Self(child);
        let lock = case.path("warehouse/internal/lock");
        let name = format!("process {} of", held.0.id());
        let start = Instant::now();
        while !fs::read_to_string(&lock).unwrap_or_default().starts_with(&name) {
            assert!(start.elapsed() < LONGEST, "the run does not begin");
        }
        held.signal("-STOP");
        held
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.0.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Lets it go on to its end.
    fn finish(mut self) -> Option<i32> {
        self.signal("-CONT");
        self.0.wait().unwrap().code()
    }
}

/// What asks and changes nothing.
const READERS: [&[&str]; 7] = [
    &["status"],
    &["explain", "--month", "2026-09"],
    &["verify"],
    &["snapshots", "list"],
    &["snapshots", "prune", "--keep", "1", "--grace", "0", "--dry-run"],
    &[
        "backfill",
        "--from",
        "2026-09",
        "--to",
        "2026-09",
        "--listener-key-file",
        "key",
        "--dry-run",
    ],
    &["report", "--out", "pages"],
];

const PREVIEW: [&str; 8] =
    ["backfill", "--from", "2026-09", "--to", "2026-09", "--listener-key-file", "key", "--preview"];

#[test]
fn who_holds_the_warehouse_is_named_with_process_user_host_and_start() {
    let case = scene();
    let held = Held::start(&case);
    let outcome = case.nightly(&[]).expect_code(3);
    let command = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (user, host) = (command("id", "-u"), command("uname", "-n"));
    let owner = format!("process {} of user {user} on {host}, since ", held.0.id());
    let (_, since) = outcome.stderr.split_once(&owner).unwrap();
    let since = since.trim();
    assert_eq!((since.len(), &since[10..11], &since[19..]), (20, "T", "Z"), "{since}");
    assert_eq!(held.finish(), Some(0));
    case.verify().expect_code(0);
}

#[test]
fn nobody_who_reads_waits_for_a_run_that_works() {
    let case = scene();
    let before = case.published();
    let usual: Vec<_> = READERS.iter().map(|arguments| case.run(arguments)).collect();
    let held = Held::start(&case);
    for (arguments, usual) in READERS.iter().zip(&usual) {
        let start = Instant::now();
        let outcome = case.run(arguments);
        assert!(start.elapsed() < LONGEST, "{arguments:?}");
        assert_eq!((outcome.code, &outcome.stderr), (usual.code, &usual.stderr), "{arguments:?}");
    }
    // It publishes nothing, so it waits for nobody.
    let preview = case.run(&PREVIEW).expect_code(0);
    preview.expect_stdout("Nothing would change.");
    assert_eq!(case.published(), before);
    assert!(files_of(&case.path("warehouse/internal/previews")).is_empty());
    assert_eq!(held.finish(), Some(0));
    case.verify().expect_code(0);
    assert_ne!(case.published(), before);
}

/// Answers of the commands, in a loop, while the tables go back and forth between two states.
#[test]
fn during_swaps_every_answer_is_that_of_one_state() {
    let case = Case::new();
    case.own_pipelines();
    let dates = ["2026-09-02", "2026-09-03", "2026-09-04"];
    for (n_plays, version) in [(10, ""), (13, "_v2")] {
        for date in dates {
            let name = format!("spotify/streams_{date}{version}.tsv");
            case.put(&name, good_report(date, 0..n_plays));
        }
        case.nightly_verified(0);
    }
    let questions: [&[&str]; 2] = [
        &["status", "--as-of", "2026-10-01", "--format", "json"],
        &["explain", "--month", "2026-09", "--format", "json"],
    ];
    // Snapshots with odd numbers are the first state, those with even ones the second.
    let ask = |question: &[&str]| {
        let stdout = case.run(question).stdout;
        let mut told: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        let snapshot = told["snapshot"].take().as_u64().unwrap();
        (usize::from(snapshot.is_multiple_of(2)), told)
    };
    let mut answers = [const { Vec::new() }; 2];
    for (place, number) in ["1", "2"].iter().enumerate() {
        case.run(&["snapshots", "rollback", number]).expect_code(0);
        for (question, known) in questions.iter().zip(&mut answers) {
            let (state, told) = ask(question);
            assert_eq!(state, place);
            known.push(told);
        }
    }
    assert_ne!(answers[1][0], answers[1][1]);
    let mut wrong = Vec::new();
    for round in 0..12 {
        // The swap comes while the question is being answered, or before or after it.
        let mut swap = case.command(&["snapshots", "rollback", ["1", "2"][round % 2]]);
        let mut swap = swap.stdout(Stdio::null()).spawn().unwrap();
        for (question, known) in questions.iter().zip(&answers) {
            let (state, told) = ask(question);
            if told != known[state] {
                wrong.push(format!("{question:?}: {told}"));
            }
        }
        let verified = case.verify();
        if verified.code != 0 {
            wrong.push(verified.stdout);
        }
        assert!(swap.wait().unwrap().success());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
