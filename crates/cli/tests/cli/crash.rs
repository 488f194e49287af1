//! A run that is killed at any moment leaves the previous or the new tables, whole, and the next run
//! finishes the work. Waiting for a moment is what is tested here, so this file sleeps.
//!
//! `STREAMLEDGER_KILLS` sets the number of kills, `STREAMLEDGER_KILL_SEED` the moments.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::case::{Case, copy_tree, files_of, hashes, nightly_arguments};
use crate::report::{good_report, line};

/// Kills of the usual run of the tests.
const KILLS: u64 = 20;

/// SIGKILL.
const SIGKILL: i32 = 9;

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The moments of the kills: splitmix64, whose next number follows from the last.
struct Moments(u64);

impl Moments {
    /// A moment between the start and the usual end of a run.
    fn next(&mut self, usual: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^= number >> 31;
        usual * u32::try_from(number >> 40).unwrap() / (1 << 24)
    }
}

/// The inbox of the first run and the reports that come with the second.
fn inbox() -> Case {
    let case = Case::new();
    let generate = ["generate", "--plays", "60000", "--days", "3", "--seed", "11", "--out", "."];
    std::fs::remove_dir(case.path("inbox")).unwrap();
    case.run(&generate).expect_code(0);
    let second = case.path("second/spotify");
    std::fs::create_dir_all(&second).unwrap();
    std::fs::write(second.join("late.tsv"), good_report("2026-09-02", 0..300)).unwrap();
    std::fs::write(second.join("next.tsv"), good_report("2026-10-01", 0..300)).unwrap();
    let bad = crate::report::report(&[line("2026-09-05", 0).with("stream_length", "x")]);
    std::fs::write(second.join("bad.tsv"), bad).unwrap();
    case
}

/// Runs a run and kills it after a while; whether it was killed.
fn kill_after(case: &Case, moment: Duration) -> bool {
    let mut command = case.command(&nightly_arguments(&[]));
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(moment);
    run.kill().unwrap();
    run.wait().unwrap().signal() == Some(SIGKILL)
}

fn assert_nothing_staged(case: &Case) {
    let staged = files_of(&case.path("warehouse/internal/staging"));
    assert!(staged.is_empty(), "{staged:?}");
    let new = case.path("warehouse/internal/tables.new");
    assert!(!new.exists() && !new.is_symlink(), "{}", new.display());
}

/// What is published, if anything; it must be as it was published.
fn published_whole(case: &Case) -> BTreeMap<String, String> {
    if case.tables().is_symlink() {
        case.verify().expect_code(0);
    }
    case.published()
}

/// Runs that are run without being disturbed: how long each takes, and what it publishes.
struct Undisturbed {
    usual: [Duration; 2],
    /// Before the first run, after it, after the second.
    states: Vec<BTreeMap<String, String>>,
}

/// The folders of the reports that come with each run.
const FOLDERS: [&str; 2] = ["inbox", "second"];

impl Undisturbed {
    fn new(reports: &Case) -> Self {
        let case = Case::new();
        let mut found = Self { usual: [Duration::MAX; 2], states: vec![BTreeMap::new()] };
        for (run, folder) in FOLDERS.iter().enumerate() {
            copy_tree(&reports.path(folder), &case.path("inbox"));
            found.run_to_the_end(&case, run);
            found.states.push(case.published());
        }
        found
    }

    /// Runs a run to its end, and notes how long that takes on this machine now.
    fn run_to_the_end(&mut self, case: &Case, run: usize) {
        let start = Instant::now();
        let outcome = case.nightly(&[]);
        // The shortest, so that a busy moment of the machine does not make all kills come too late.
        self.usual[run] = self.usual[run].min(start.elapsed());
        assert!(matches!(outcome.code, 0 | 4), "{outcome:?}");
        case.verify().expect_code(0);
    }

    /// Whether the new tables are there; there must be those or the previous ones.
    #[track_caller]
    fn is_new(&self, case: &Case, run: usize) -> bool {
        let found = published_whole(case);
        let is_new = found == self.states[run + 1];
        assert!(is_new || found == self.states[run], "run {run}: {:?}", found.keys());
        is_new
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "what a failure is repeated with")]
fn a_run_that_is_killed_at_any_moment_leaves_the_previous_or_the_new_tables() {
    let seed = number_from("STREAMLEDGER_KILL_SEED").unwrap_or(20_260_901);
    let n_kills = number_from("STREAMLEDGER_KILLS").unwrap_or(KILLS);
    println!("STREAMLEDGER_KILL_SEED={seed} STREAMLEDGER_KILLS={n_kills}");
    let reports = inbox();
    let mut undisturbed = Undisturbed::new(&reports);
    let mut moments = Moments(seed);
    let (mut n_done, mut n_hits, mut n_new) = (0, 0, 0);
    while n_done < n_kills {
        let case = Case::new();
        for (run, folder) in FOLDERS.iter().enumerate() {
            copy_tree(&reports.path(folder), &case.path("inbox"));
            // A run is killed more than once before it is let through.
            for _ in 0..4.min(n_kills - n_done) {
                let moment = moments.next(undisturbed.usual[run]);
                n_hits += u64::from(kill_after(&case, moment));
                n_new += u64::from(undisturbed.is_new(&case, run));
                n_done += 1;
            }
            undisturbed.run_to_the_end(&case, run);
            assert_eq!(case.published(), undisturbed.states[run + 1], "run {run}");
            assert_nothing_staged(&case);
        }
    }
    println!("{n_hits} of {n_done} runs were killed before their end; {n_new} left new tables");
    assert!(n_kills < 3 * n_hits, "{n_hits} of {n_done} runs were killed before their end");
}

/// What appears in a warehouse in the course of a run, in this order.
const STEPS: [&str; 7] = [
    "internal/lock",
    "internal/staging",
    "internal/staging/snapshot/tables/plays",
    "internal/staging/snapshot/tables/reports",
    "internal/staging/snapshot/manifest.json",
    "internal/snapshots/000001",
    "tables",
];

#[test]
fn a_run_that_is_killed_right_after_a_step_leaves_no_tables_or_the_new_ones() {
    let reports = Case::new();
    reports.put("spotify/a.tsv", good_report("2026-09-02", 0..3000));
    reports.put("spotify/b.tsv", good_report("2026-10-01", 0..3000));
    reports.put("spotify/bad.tsv", b"not a report\n");
    reports.nightly_verified(4);
    let expected = reports.published();
    for step in STEPS.iter().flat_map(|step| [step; 3]) {
        let case = Case::new();
        copy_tree(&reports.path("inbox"), &case.path("inbox"));
        let mut command = case.command(&nightly_arguments(&[]));
        let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let path = case.path("warehouse").join(step);
        while !path.exists() && run.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        run.kill().unwrap();
        run.wait().unwrap();
        let found = published_whole(&case);
        assert!(found.is_empty() || found == expected, "{step}: {:?}", found.keys());
        let outcome = case.nightly(&[]);
        assert!(matches!(outcome.code, 0 | 4), "{step}: {outcome:?}");
        case.verify().expect_code(0);
        assert_eq!(case.published(), expected, "{step}");
        assert_nothing_staged(&case);
    }
}

#[test]
fn a_crash_between_the_rename_and_the_swap_is_made_up_for() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report("2026-09-02", 0..30));
    case.nightly_verified(0);
    case.put("spotify/b.tsv", good_report("2026-09-03", 0..30));
    case.nightly_verified(0);
    let new = case.published();
    // As it was before the swap.
    std::fs::remove_file(case.tables()).unwrap();
    std::os::unix::fs::symlink("internal/snapshots/000001/tables", case.tables()).unwrap();
    std::os::unix::fs::symlink("somewhere", case.path("warehouse/internal/tables.new")).unwrap();
    case.nightly_verified(0);
    assert_eq!(case.published(), new);
    assert_nothing_staged(&case);
}

#[test]
fn what_a_crash_left_in_staging_is_cleared_away() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report("2026-09-02", 0..30));
    case.nightly_verified(0);
    let before = case.published();
    let staged = case.path("warehouse/internal/staging/snapshot/tables/plays");
    std::fs::create_dir_all::<&Path>(&staged).unwrap();
    std::fs::write(staged.join("half.parquet"), b"PAR1").unwrap();
    std::fs::write(case.path("warehouse/internal/staging/entries"), b"[").unwrap();
    std::fs::write(case.path("warehouse/internal/staging/seen.json"), b"{").unwrap();
    case.put("spotify/b.tsv", good_report("2026-09-03", 0..30));
    case.nightly_verified(0);
    assert_nothing_staged(&case);
    assert!(before.iter().all(|(path, hash)| {
        let others = ["trends_daily/", "reports/", "coverage/"];
        others.iter().any(|table| path.starts_with(table))
            || case.published().get(path) == Some(hash)
    }));
    assert!(!hashes(&case.tables()).is_empty());
}
