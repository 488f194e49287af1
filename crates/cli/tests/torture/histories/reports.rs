//! Random deliveries against what was sold and played: statements, sums, single plays and DDEX reports in
//! one file or two, with copies of them under other names and dates, line ends, encodings and packings, in
//! another order, with another column, only in part or among more rows, and corrections. In between
//! somebody accepts a report, edits settings, accepts the edits, or changes the listener key. Each row
//! counts once, or a report of it does not count and says why.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::{BTreeMap, BTreeSet};

use crate::case::{Case, Outcome, copy_tree, nightly_arguments};
use crate::histories::dry_runs::Foreseen;
use crate::histories::originals::{Form, Kind, Original, Row, isrc};
use crate::histories::settings::{Edited, PLAYED_MS};
use crate::histories::{KEYS, new_case, run_all};
use crate::sample::{Chance, figure, n_histories};

const PIPELINE: [&str; 2] = ["--pipeline", "pipelines/nightly.toml"];

/// Reasons of a rejection that a person may overrule.
const ACCEPTABLE: [&str; 4] = ["shrinks", "overlaps", "two_stores", "cancels"];

/// By what a row is known in the tables: its recording, and its day where it has one.
type Key = (String, String);

fn key_of(kind: Kind, row: &Row) -> Key {
    let day = if kind.has_days() { format!("2026-09-{:02}", row.day) } else { String::new() };
    (isrc(row.recording), day)
}

/// What is in the tables.
struct Found {
    /// Numbers of the rows that are there once, whatever they are judged.
    rows: BTreeMap<Key, Vec<i64>>,
    /// Milliseconds played, and the verdict.
    plays: Vec<(i64, String)>,
    /// States of the reports by file.
    states: BTreeMap<String, String>,
}

fn found(case: &Case) -> Found {
    let mut rows: BTreeMap<Key, Vec<i64>> = BTreeMap::new();
    for [isrc, units] in case.cells("sales", ["isrc", "units"]) {
        rows.entry((isrc, String::new())).or_default().push(units.parse().unwrap());
    }
    let mut plays = Vec::new();
    let columns = ["isrc", "date", "store", "plays", "played_ms", "verdict", "reason"];
    for [isrc, date, store, n, played_ms, verdict, reason] in case.cells("plays", columns) {
        if reason == "duplicate" {
            continue;
        }
        let is_play = store == Kind::Plays.store();
        let number = if is_play { played_ms.parse().unwrap() } else { n.parse().unwrap() };
        rows.entry((isrc, date)).or_default().push(number);
        if is_play {
            plays.push((number, verdict));
        } else {
            assert_eq!(verdict, "counted");
        }
    }
    let states = case.cells("reports", ["file", "state"]);
    Found { rows, plays, states: states.into_iter().map(|[file, state]| (file, state)).collect() }
}

/// A file in the inbox.
#[derive(Debug, Clone)]
struct File {
    /// Place of its original.
    original: usize,
    form: Form,
    path: String,
}

/// A history in a folder of its own.
struct History {
    case: Case,
    originals: Vec<Original>,
    files: Vec<File>,
    steps: Vec<String>,
    /// Whether a person has said that a report counts.
    has_accepted: bool,
    edited: Edited,
    /// Place of the listener key.
    key: usize,
}

impl History {
    fn new(chance: &mut Chance) -> Self {
        let first = chance.within(0..5);
        let original = |number: u64| {
            let kind = Kind::ALL[usize::try_from((first + number) % 5).unwrap()];
            Original::random(chance, kind, number)
        };
        let originals = (0..3).map(original).collect();
        let case = new_case();
        case.own_pipelines();
        let edited = Edited::default();
        let (files, steps) = (Vec::new(), Vec::new());
        Self { case, originals, files, steps, has_accepted: false, edited, key: 0 }
    }

    fn step(&mut self, chance: &mut Chance) {
        match chance.within(0..14) {
            0..6 => self.deliver(chance),
            6..9 => self.nightly(&[]),
            9 => self.accept_report(),
            10..12 => {
                let done = self.edited.toggle(chance, &self.case);
                self.steps.push(done);
            }
            12 => self.accept_edits(),
            _ => self.change_key(),
        }
    }

    fn deliver(&mut self, chance: &mut Chance) {
        for _ in 0..chance.within(1..3) {
            let place = usize::try_from(chance.within(0..self.originals.len() as u64)).unwrap();
            let original = &self.originals[place];
            let form = Form::random(chance, original);
            let path = original.path_of(form, self.files.len());
            if self.files.iter().any(|other| other.path == path) {
                continue;
            }
            self.case.put(&path, original.bytes(form));
            self.steps.push(format!("deliver {path}: {form:?} of {place}"));
            self.files.push(File { original: place, form, path });
        }
    }

    /// Runs a run with the key of the history.
    fn run(&self, case: &Case, more: &[&str]) -> Outcome {
        let usual = [&PIPELINE[..], &["--listener-key-file", KEYS[self.key]]].concat();
        let outcome = case.run(&nightly_arguments(&[&usual, more].concat()));
        assert!(matches!(outcome.code, 0 | 4), "{:#?}\n{outcome:?}", self.steps);
        outcome
    }

    fn nightly(&mut self, more: &[&str]) {
        self.steps.push(format!("run {}", more.join(" ")));
        let key = [&PIPELINE[..], &["--listener-key-file", KEYS[self.key]]].concat();
        let foreseen = more.is_empty().then(|| Foreseen::new(&self.case, &nightly_arguments(&key)));
        let outcome = self.run(&self.case, more);
        // Edits that change nothing are accepted by a second run, which no dry run foresees.
        if let Some(foreseen) =
            foreseen.filter(|_| !outcome.stdout.contains("so they are accepted"))
        {
            foreseen.check(&self.case, &self.steps);
        }
        self.check();
    }

    /// Somebody says that the first report that waits for it counts.
    fn accept_report(&mut self) {
        self.nightly(&[]);
        let reports = self.case.cells("reports", ["report", "file", "reason"]);
        let waits = |[_, _, reason]: &&[String; 3]| ACCEPTABLE.contains(&reason.as_str());
        let Some([report, file, _]) = reports.iter().find(waits) else {
            return;
        };
        self.steps.push(format!("accept {file}"));
        let outcome = self.case.run(&["accept", report, "--why", "checked with the store"]);
        assert_eq!(outcome.code, 0, "{:#?}\n{outcome:?}", self.steps);
        self.has_accepted = true;
        self.nightly(&[]);
    }

    /// Somebody accepts what the edited settings change: all plays are judged by them.
    fn accept_edits(&mut self) {
        self.steps.push("run".to_owned());
        let outcome = self.run(&self.case, &[]);
        if let Some((_, rest)) = outcome.stdout.split_once("--accept-restatement ") {
            let hash = rest.split_whitespace().next().unwrap().to_owned();
            self.nightly(&["--accept-restatement", &hash]);
        }
        self.assert_judged_by(&[self.edited.played_ms()], &found(&self.case).plays);
    }

    fn change_key(&mut self) {
        self.key = 1 - self.key;
        self.nightly(&["--rekey"]);
    }

    /// All plays are judged by one of these bounds.
    #[track_caller]
    fn assert_judged_by(&self, bounds: &[i64], plays: &[(i64, String)]) {
        let fits = |bound: &i64| {
            let is_right =
                |(ms, verdict): &(i64, String)| (*bound <= *ms) == (verdict == "counted");
            plays.iter().all(is_right)
        };
        assert!(bounds.iter().any(fits), "{bounds:?}: {plays:?}\n{:#?}", self.steps);
    }

    /// Each row that came is there once, unless a report of the same original does not count; no row is
    /// there twice unless a person said so.
    #[track_caller]
    fn check(&self) {
        let found = found(&self.case);
        self.assert_judged_by(&PLAYED_MS, &found.plays);
        for (place, original) in self.originals.iter().enumerate() {
            let files: Vec<&File> = self.files.iter().filter(|f| f.original == place).collect();
            let is_open = files.iter().any(|file| {
                let state = found.states.get(&file.path);
                state.is_some_and(|state| state == "rejected" || state == "waiting")
            });
            // A correction proves what it replaces by its name, of the original, not of a copy; a DDEX
            // report by what it says of itself.
            let is_proven = original.kind == Kind::Usage
                || files.iter().all(|file| file.form != Form::Correction)
                || files.iter().any(|file| file.path == original.name);
            let is_unproven = self.has_accepted || !is_proven;
            let rows: BTreeSet<Row> =
                files.iter().flat_map(|file| original.rows_of(file.form)).collect();
            let mut numbers: BTreeMap<Key, Vec<i64>> = BTreeMap::new();
            for row in rows {
                numbers.entry(key_of(original.kind, &row)).or_default().push(row.number);
            }
            let forms: Vec<Form> = files.iter().map(|file| file.form).collect();
            let is_whole = original.is_whole(&forms);
            for (key, numbers) in numbers {
                let there = found.rows.get(&key).cloned().unwrap_or_default();
                let context = || format!("{key:?}: {:#?}\n{:#?}", self.steps, found.states);
                assert!(there.iter().all(|number| numbers.contains(number)), "{}", context());
                assert!(there.len() <= 1 || is_unproven, "{} twice", context());
                assert!(!there.is_empty() || is_open, "{} lost", context());
                assert!(there.is_empty() || is_whole, "{} of one file of two", context());
            }
        }
    }

    /// What one run over the same files publishes, with the same settings, key and decisions.
    fn at_once(&self) -> BTreeMap<String, String> {
        let other = new_case();
        copy_tree(&self.case.path("pipelines"), &other.path("pipelines"));
        copy_tree(&self.case.path("inbox"), &other.path("inbox"));
        let decisions = "warehouse/internal/decisions";
        copy_tree(&self.case.path(decisions), &other.path(decisions));
        self.run(&other, &[]);
        other.published()
    }
}

/// Runs a history; how many steps it had.
fn run(number: u64) -> usize {
    let mut chance = Chance::new(7_000_003 * (number + 1));
    let mut history = History::new(&mut chance);
    for _ in 0..chance.within(3..12) {
        history.step(&mut chance);
    }
    if history.files.is_empty() {
        return 0;
    }
    history.nightly(&[]);
    history.case.verify().expect_code(0);
    let steps = &history.steps;
    assert_eq!(history.case.published(), history.at_once(), "history {number}: {steps:#?}");
    steps.len()
}

#[test]
fn copies_parts_and_corrections_in_any_order_count_once() {
    let n_histories = n_histories(16, 5_000);
    let n_steps = run_all(0..n_histories, run);
    let what = format!("{n_histories} histories, {n_steps} steps, all rows once, tables the same");
    figure("random deliveries of copies, parts and corrections, with edits and other keys", &what);
    assert!(0 < n_steps);
}
