//! A power cut at any step: readers see the state before or the state after, the next run publishes what it
//! would have published without the cut, and nothing is lost.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use crate::case::{Case, nightly_arguments};
use crate::disk_model::{Disk, Step, Survives, read_steps};
use crate::sample::{Chance, figure, n_histories};
use crate::scene::{Published, Scene, copy_folder};
use crate::shim::compile;

/// About how many steps at the end of a run publish a state and clear up after it.
const LAST_STEPS: u64 = 30;

/// A command, its steps, and what is published before and after it.
struct Recorded {
    name: &'static str,
    /// The folder before the command.
    before: Case,
    /// A copy of each file as of each of its syncs.
    _kept: Case,
    arguments: Vec<&'static str>,
    steps: Vec<Step>,
    tables_before: Published,
    tables_after: Published,
    /// What a run publishes after the command, and what it publishes without it.
    next: [Published; 2],
}

fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| compile("power"))
}

fn copy_of(case: &Case) -> Case {
    let copy = Case::new();
    copy_folder(&case.path(""), &copy.path(""));
    copy
}

/// A run with the usual arguments.
#[track_caller]
fn nightly(case: &Case, context: &str) -> Published {
    let outcome = case.run(&nightly_arguments(&[]));
    assert!(matches!(outcome.code, 0 | 4), "{context}: {outcome:?}");
    case.published()
}

impl Recorded {
    fn new(name: &'static str, before: Case, arguments: Vec<&'static str>) -> Self {
        let (run, kept) = (copy_of(&before), Case::new());
        let (root, log) = (run.path("warehouse"), kept.path("steps.log"));
        fs::create_dir_all(&root).unwrap();
        let root = fs::canonicalize(root).unwrap();
        let mut command = run.command(&arguments);
        command.env("LD_PRELOAD", library());
        command.env("POWER_ROOT", &root).env("POWER_LOG", &log).env("POWER_KEPT", kept.path(""));
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(matches!(status.code(), Some(0 | 4)), "{name}: {status:?}");
        let steps = read_steps(&log, &root);
        assert!(steps.iter().any(|step| step.kind == "sync"), "{name}");
        let (tables_before, tables_after) = (before.published(), run.published());
        let instead = nightly(&copy_of(&before), name);
        let after = nightly(&run, name);
        let next = [instead, after];
        Self { name, before, _kept: kept, arguments, steps, tables_before, tables_after, next }
    }

    fn all() -> Vec<Self> {
        let of = |scene: &Scene| Self::new(scene.name, scene.copy(), scene.arguments.clone());
        let two_runs = || {
            let case = Scene::second_run().copy();
            nightly(&case, "two runs");
            case
        };
        let rollback = vec!["snapshots", "rollback", "1"];
        let prune = vec!["snapshots", "prune", "--keep", "1", "--grace", "0"];
        let mut all: Vec<Self> = Scene::all().into_iter().map(of).collect();
        all.push(Self::new("rollback", two_runs(), rollback));
        all.push(Self::new("prune", two_runs(), prune));
        all
    }

    /// The disk before each step.
    fn disk_at(&self, at: usize) -> Disk {
        let mut disk = Disk::load(&self.before.path("warehouse"));
        self.steps[..at].iter().for_each(|step| disk.play(step));
        disk.look_ahead(&self.steps[at..]);
        disk
    }

    /// Cuts the power before a step; whether readers see the state after the command.
    fn assert_survives(&self, at: usize, survives: Survives, chance: &mut Chance) -> bool {
        let case = copy_of(&self.before);
        let warehouse = case.path("warehouse");
        if warehouse.exists() {
            fs::remove_dir_all(&warehouse).unwrap();
        }
        self.disk_at(at).cut(survives, chance, &warehouse);
        let step =
            self.steps.get(at).map_or_else(String::new, |s| format!("{} {}", s.kind, s.path));
        let context = format!("{}: cut before step {at} ({step}), {survives:?}", self.name);
        let seen = if case.tables().exists() { case.published() } else { BTreeMap::new() };
        let is_after = seen == self.tables_after;
        assert!(is_after || seen == self.tables_before, "{context}: half a state");
        if !seen.is_empty() {
            let verified = case.verify();
            assert_eq!(verified.code, 0, "{context}: {verified:?}");
        }
        // The command is run again, or the next run comes first.
        let again = chance.within(0..2) == 1 && !["rollback", "prune"].contains(&self.name);
        if again {
            let outcome = case.run(&self.arguments);
            assert!(matches!(outcome.code, 0 | 4), "{context}: {outcome:?}");
            assert_eq!(case.published(), self.tables_after, "{context}");
        }
        let found = nightly(&case, &context);
        assert!(self.next.contains(&found), "{context}: the next run publishes something else");
        let verified = case.verify();
        assert_eq!(verified.code, 0, "{context}: {verified:?}");
        is_after
    }
}

#[test]
fn a_power_cut_at_any_step_loses_nothing() {
    let all = Recorded::all();
    let n_cuts = n_histories(20, 2_000);
    let mut chance = Chance::new(9);
    let mut n_after = 0;
    for n in 0..n_cuts {
        let recorded = &all[usize::try_from(n).unwrap() % all.len()];
        let length = recorded.steps.len() as u64;
        // Half of them where a state is published, which is at the end.
        let first = if chance.within(0..2) == 1 { length.saturating_sub(LAST_STEPS) } else { 0 };
        let at = usize::try_from(chance.within(first..length + 1)).unwrap();
        let survives = [Survives::None, Survives::None, Survives::All, Survives::Some];
        let survives = survives[usize::try_from(chance.within(0..4)).unwrap()];
        n_after += u64::from(recorded.assert_survives(at, survives, &mut chance));
    }
    let n_steps: usize = all.iter().map(|recorded| recorded.steps.len()).sum();
    let what = format!(
        "nightly, backfill, rollback and prune: {n_cuts} cuts in {n_steps} steps, {n_after} of them after \
         the swap, 0 lost, 0 double, 0 torn"
    );
    figure("power cuts", &what);
}
