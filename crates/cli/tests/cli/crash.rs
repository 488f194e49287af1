//! A run that is killed at any moment leaves the former or the new tables, whole, and the next run
//! finishes the work. Waiting for a moment is what is tested here, so this file sleeps.
//!
//! `STREAMLEDGER_KILLS` sets the number of kills, `STREAMLEDGER_KILL_SEED` the moments.
#![expect(
    clippy::unwrap_used,
    reason = "what a test needs for itself must be there"
)]

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::case::{Case, copy_tree, files_of, hashes, nightly_arguments};
use crate::report::{good_report, line};

/// Kills of the usual run of the tests.
const KILLS: u64 = 40;

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

/// The inbox of the first night and the reports that come with the second.
fn inbox() -> Case {
    let case = Case::new();
    let generate = [
        "generate", "--plays", "60000", "--days", "3", "--seed", "11", "--out", ".",
    ];
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

/// Runs a night and kills it after a while; whether it was killed.
fn kill_after(case: &Case, moment: Duration) -> bool {
    let mut command = case.command(&nightly_arguments(&[]));
    let mut run = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
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

#[test]
#[expect(clippy::print_stdout, reason = "what a failure is repeated with")]
fn a_run_that_is_killed_at_any_moment_leaves_the_former_or_the_new_tables() {
    let seed = number_from("STREAMLEDGER_KILL_SEED").unwrap_or(20_260_901);
    let n_kills = number_from("STREAMLEDGER_KILLS").unwrap_or(KILLS);
    println!("STREAMLEDGER_KILL_SEED={seed} STREAMLEDGER_KILLS={n_kills}");
    let reports = inbox();
    let undisturbed = Case::new();
    let mut usual = [Duration::ZERO; 2];
    let mut states = vec![BTreeMap::new()];
    for (night, folder) in ["inbox", "second"].iter().enumerate() {
        copy_tree(&reports.path(folder), &undisturbed.path("inbox"));
        let start = Instant::now();
        undisturbed
            .nightly(&[])
            .expect_code(i32::try_from(night).unwrap());
        usual[night] = start.elapsed();
        undisturbed.verify().expect_code(0);
        states.push(undisturbed.published());
    }
    let mut moments = Moments(seed);
    let mut n_done = 0;
    let mut n_hits = 0;
    while n_done < n_kills {
        let case = Case::new();
        for (night, folder) in ["inbox", "second"].iter().enumerate() {
            copy_tree(&reports.path(folder), &case.path("inbox"));
            // Some runs are killed more than once before one is let through.
            for _ in 0..4.min(n_kills - n_done) {
                let moment = moments.next(usual[night]);
                n_hits += u64::from(kill_after(&case, moment));
                n_done += 1;
                let found = published_whole(&case);
                let is_known = found == states[night] || found == states[night + 1];
                assert!(
                    is_known,
                    "night {night}, killed after {moment:?}: {:?}",
                    found.keys()
                );
            }
            let outcome = case.nightly(&[]);
            assert!(matches!(outcome.code, 0 | 1), "{outcome:?}");
            case.verify().expect_code(0);
            assert_eq!(case.published(), states[night + 1], "night {night}");
            assert_nothing_staged(&case);
        }
    }
    println!("{n_hits} of {n_done} runs were killed before their end");
    assert!(
        n_kills < 2 * n_hits,
        "{n_hits} of {n_done} runs were killed before their end"
    );
}

#[test]
fn a_crash_between_the_rename_and_the_flip_is_made_up_for() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report("2026-09-02", 0..30));
    case.nightly_verified(0);
    case.put("spotify/b.tsv", good_report("2026-09-03", 0..30));
    case.nightly_verified(0);
    let new = case.published();
    // As it was before the flip.
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
    std::fs::write(case.path("warehouse/internal/staging/complaints"), b"[").unwrap();
    std::fs::write(case.path("warehouse/internal/staging/seen.json"), b"{").unwrap();
    case.put("spotify/b.tsv", good_report("2026-09-03", 0..30));
    case.nightly_verified(0);
    assert_nothing_staged(&case);
    assert!(before.iter().all(|(path, hash)| {
        path.starts_with("trends_daily/")
            || path.starts_with("reports/")
            || case.published().get(path) == Some(hash)
    }));
    assert!(!hashes(&case.tables()).is_empty());
}
