//! Random histories against a plain model: runs, restated and late reports, offline plays under
//! several dates, backfills, rollbacks, in any order. After each step the verdict of every row is what
//! the model says; at the end the tables are those of one run over all reports, to the byte.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::model::report_id::{NameFacts, ReportId};

use crate::case::{Case, nightly_arguments};
use crate::histories::dry_runs::Foreseen;
use crate::histories::{KEYS, new_case, run_all};
use crate::report::{Line, line, report};
use crate::sample::{Chance, figure, n_histories};
use crate::scene::Published;
use crate::tables::read_plays;

/// Counted dates, and the day of September on which all offline plays were heard.
const DATES: [u32; 5] = [2, 3, 5, 9, 30];
const HEARD: u32 = 1;

/// Days after which an offline play is too late: by the policy that is shipped, and by the other one.
const DAYS_MAX: [u32; 2] = [30, 6];

/// Shortest play that counts, seconds.
const PLAYED_MIN: u32 = 30;

/// A row as the model knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    /// Who, when and what: two rows of the same number are the same play.
    play: u32,
    seconds: u32,
    is_offline: bool,
    /// Counted date.
    date: u32,
}

/// A report as the model knows it.
#[derive(Debug, Clone)]
struct Delivery {
    /// The date of all of its rows, which is in its name; `None` of one whose rows have any dates.
    date: Option<u32>,
    series: char,
    version: u32,
    rows: Vec<Row>,
    bytes: Vec<u8>,
    hash: [u8; 32],
}

impl Delivery {
    fn random(chance: &mut Chance, date: Option<u32>, series: char, version: u32) -> Self {
        let n_rows = chance.within(0..6);
        // Another length makes it another play, so the length is the play's own.
        let row = |chance: &mut Chance| {
            let play = u32::try_from(chance.within(0..12)).unwrap();
            let is_offline = chance.within(0..2) == 0;
            let date = date.unwrap_or_else(|| random_date(chance));
            Row { play, seconds: 24 + play, is_offline, date }
        };
        let rows: Vec<Row> = (0..n_rows).map(|_| row(chance)).collect();
        let lines: Vec<Line> = rows.iter().map(Row::line).collect();
        let bytes = report(&lines);
        let hash = ReportId::new(blake3::hash(&bytes).as_bytes(), "spotify", &NameFacts::new()).0;
        Self { date, series, version, rows, bytes, hash }
    }

    fn name(&self) -> String {
        let Self { date, series, version, .. } = self;
        let date = date.map_or_else(String::new, |date| format!("_2026-09-{date:02}"));
        format!("spotify/streams_{series}{date}_v{version}.tsv")
    }

    fn days(&self) -> Option<(u32, u32)> {
        let days = self.rows.iter().map(|row| row.date);
        days.clone().min().zip(days.max())
    }

    /// Whether it is a newer version of another one: of the same name, and of days that meet.
    fn is_newer_version_of(&self, older: &Self) -> bool {
        let meet = self.days().zip(older.days()).is_none_or(|((a, b), (c, d))| a <= d && c <= b);
        (self.date, self.series) == (older.date, older.series)
            && older.version < self.version
            && meet
    }
}

/// The same bytes under one name or several.
type Copies<'a> = Vec<&'a Delivery>;

/// Reports that count, in order of hashes. Those without rows take nothing back until somebody accepts
/// them, and say nothing else.
fn active(delivered: &[Delivery]) -> Vec<&Delivery> {
    let mut reports: BTreeMap<[u8; 32], Copies<'_>> = BTreeMap::new();
    for delivery in delivered.iter().filter(|delivery| !delivery.rows.is_empty()) {
        reports.entry(delivery.hash).or_default().push(delivery);
    }
    let mut reports: Vec<Copies<'_>> = reports.into_values().collect();
    reports.sort_by_key(|copies| {
        let version = copies.iter().map(|copy| copy.version).max();
        (version, copies[0].days(), copies[0].rows.len(), copies[0].hash)
    });
    let mut states = vec![State::Rejected; reports.len()];
    let mut gone: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); reports.len()];
    for (place, newer) in reports.iter().enumerate() {
        let mut names = gone.clone();
        for (older, copies) in reports[..place].iter().enumerate() {
            let is_gone = |copy: &&Delivery| newer.iter().any(|n| n.is_newer_version_of(copy));
            names[older].extend((0..copies.len()).filter(|copy| is_gone(&copies[*copy])));
        }
        let replaced: Vec<usize> = (0..place)
            .filter(|older| {
                let is_new = gone[*older].len() < names[*older].len();
                is_new && names[*older].len() == reports[*older].len()
            })
            .collect();
        let counts = |older: &&usize| states[**older] == State::Active;
        let before: usize = replaced.iter().filter(counts).map(|o| reports[*o][0].rows.len()).sum();
        if before / 2 < before.saturating_sub(newer[0].rows.len()) {
            continue;
        }
        replaced.into_iter().for_each(|older| states[older] = State::Superseded);
        gone = names;
        states[place] = State::Active;
    }
    let states = states.into_iter().zip(reports);
    let mut active: Vec<&Delivery> =
        states.filter(|(state, _)| *state == State::Active).map(|(_, copies)| copies[0]).collect();
    active.sort_by_key(|delivery| delivery.hash);
    active
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Active,
    Superseded,
    Rejected,
}

fn random_date(chance: &mut Chance) -> u32 {
    DATES[usize::try_from(chance.within(0..DATES.len() as u64)).unwrap()]
}

impl Row {
    fn line(&self) -> Line {
        // One territory: a report of one does not replace a report of several.
        let day = format!("2026-09-{:02}", self.date);
        let line = line(&day, self.play as usize).with("country_code", "SE");
        let line = line.with("stream_length", self.seconds.to_string());
        if self.is_offline {
            let heard = format!("2026-09-{HEARD:02}T10:{:02}:00Z", self.play);
            line.with("stream_cached", "true").with("offline_timestamp", heard)
        } else {
            line
        }
    }
}

/// Verdict and reason by report and row.
type Verdicts = BTreeMap<(String, i64), String>;

/// What the tables must say of these reports, by the policy (a place in [`DAYS_MAX`]).
fn expected(delivered: &[Delivery], policy: usize) -> Verdicts {
    let mut verdicts = Verdicts::new();
    let mut offline_before: BTreeSet<u32> = BTreeSet::new();
    let active = active(delivered);
    for date in DATES {
        for report in &active {
            for (number, row) in (1..).zip(&report.rows).filter(|(_, row)| row.date == date) {
                let verdict = verdict(*row, number, report, &active, &offline_before, policy);
                verdicts.insert((hex::encode(&report.hash[..8]), i64::from(number)), verdict);
            }
        }
        let rows = active.iter().flat_map(|report| &report.rows).filter(|row| row.date == date);
        offline_before.extend(rows.filter(|row| row.is_offline).map(|row| row.play));
    }
    verdicts
}

fn verdict(
    row: Row,
    number: u32,
    report: &Delivery,
    reports: &[&Delivery],
    offline_before: &BTreeSet<u32>,
    policy: usize,
) -> String {
    let is_late = row.is_offline && HEARD < row.date;
    if is_late && offline_before.contains(&row.play) {
        return "excluded duplicate".to_owned();
    }
    // Of equal rows those of the report that has most of them, then of the smallest hash, are kept: one
    // where the time is exact, else as many as fit a quarter of an hour.
    let n_equal = |report: &Delivery| report.rows.iter().filter(|other| **other == row).count();
    let mut most = reports[0];
    for other in reports {
        if n_equal(most) < n_equal(other) {
            most = other;
        }
    }
    let kept = if row.is_offline { 1 } else { 900_u32.div_ceil(row.seconds) as usize };
    let place = report.rows[..number as usize - 1].iter().filter(|other| **other == row).count();
    if most.hash != report.hash || kept <= place {
        return "excluded duplicate".to_owned();
    }
    if row.seconds < PLAYED_MIN {
        return "excluded too_short".to_owned();
    }
    if row.is_offline && DAYS_MAX[policy] < row.date - HEARD {
        return "excluded offline_expired".to_owned();
    }
    "counted".to_owned()
}

/// A history in a folder of its own.
struct History {
    case: Case,
    delivered: Vec<Delivery>,
    /// How many of them the last run saw.
    taken_in: usize,
    policy: usize,
    /// Place of the listener key.
    key: usize,
    steps: Vec<String>,
}

impl History {
    fn new() -> Self {
        let case = new_case();
        case.own_pipelines();
        let path = case.path("pipelines/policies/default.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let other = text.replace("days_max = 30", &format!("days_max = {}", DAYS_MAX[1]));
        std::fs::write(case.path("other.toml"), other).unwrap();
        Self { case, delivered: Vec::new(), taken_in: 0, policy: 0, key: 0, steps: Vec::new() }
    }

    fn step(&mut self, chance: &mut Chance) {
        match chance.within(0..11) {
            0..5 => self.deliver(chance),
            5..8 => self.nightly(),
            8 if 0 < self.taken_in => self.backfill(chance.within(0..2) == 1),
            9 if 0 < self.taken_in => self.roll_back(chance),
            10 if 0 < self.taken_in => self.change_key(),
            _ => {}
        }
    }

    fn deliver(&mut self, chance: &mut Chance) {
        for _ in 0..chance.within(1..4) {
            let series = ['a', 'b', 'w'][usize::try_from(chance.within(0..3)).unwrap()];
            let date = (series != 'w').then(|| random_date(chance));
            let version = u32::try_from(chance.within(1..6)).unwrap();
            let is_there = |other: &Delivery| {
                (other.date, other.series, other.version) == (date, series, version)
            };
            if self.delivered.iter().any(is_there) {
                continue;
            }
            let delivery = Delivery::random(chance, date, series, version);
            self.case.put(&delivery.name(), &delivery.bytes);
            self.steps.push(format!("deliver {} {:?}", delivery.name(), delivery.rows));
            self.delivered.push(delivery);
        }
    }

    fn nightly(&mut self) {
        self.steps.push("run".to_owned());
        // A snapshot that was rolled back to may have been made with another key.
        let key = ["--listener-key-file", KEYS[self.key], "--rekey"];
        let command = nightly_arguments(&key);
        let foreseen = Foreseen::new(&self.case, &command);
        self.run(&command);
        foreseen.check(&self.case, &self.steps);
        self.taken_in = self.delivered.len();
        self.check();
    }

    fn backfill(&mut self, by_other: bool) {
        // Reports of a rolled-back state are ingested by a run first.
        self.nightly();
        if expected(&self.delivered, 0).is_empty() {
            return;
        }
        self.steps.push(format!("backfill, other policy: {by_other}"));
        let policy = if by_other { "other.toml" } else { "pipelines/policies/default.toml" };
        let month = ["--from", "2026-09", "--to", "2026-09", "--listener-key-file", KEYS[self.key]];
        let command = [&["backfill"], &month[..], &["--policy", policy]].concat();
        let foreseen = Foreseen::new(&self.case, &command);
        self.run(&command);
        foreseen.check(&self.case, &self.steps);
        self.policy = usize::from(by_other);
        self.check();
    }

    fn change_key(&mut self) {
        self.key = 1 - self.key;
        self.steps.push(format!("the key is {}", KEYS[self.key]));
        self.nightly();
    }

    fn roll_back(&mut self, chance: &mut Chance) {
        let listed = self.case.run(&["snapshots", "list", "--format", "json"]);
        let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
        let numbers: Vec<&serde_json::Value> =
            listed["snapshots"].as_array().unwrap().iter().map(|s| &s["snapshot"]).collect();
        if numbers.len() < 2 || self.policy != 0 || self.steps.iter().any(|s| s.contains("true")) {
            return;
        }
        let place = chance.within(0..numbers.len() as u64 - 1);
        let number = numbers[usize::try_from(place).unwrap()].to_string();
        self.steps.push(format!("roll back to {number}"));
        self.run(&["snapshots", "rollback", &number]);
        self.case.verify().expect_code(0);
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) {
        let outcome = self.case.run(arguments);
        assert!(matches!(outcome.code, 0 | 4), "{:#?}\n{outcome:?}", self.steps);
    }

    #[track_caller]
    fn check(&self) {
        let expected = expected(&self.delivered[..self.taken_in], self.policy);
        let found: Verdicts = read_plays(&self.case);
        assert_eq!(found, expected, "{:#?}", self.steps);
    }

    /// What one run over the same reports publishes, and a backfill by the same policy.
    fn at_once(&self) -> Published {
        let mut other = Self::new();
        for delivery in &self.delivered {
            other.case.put(&delivery.name(), &delivery.bytes);
        }
        other.delivered.clone_from(&self.delivered);
        other.key = self.key;
        if self.policy == 1 {
            other.backfill(true)
        } else {
            other.nightly()
        }
        other.case.published()
    }
}

/// Runs a history; how many steps it had.
fn run(number: u64) -> usize {
    let mut chance = Chance::new(1_000_003 * (number + 1));
    let mut history = History::new();
    for _ in 0..chance.within(4..12) {
        history.step(&mut chance);
    }
    if history.delivered.is_empty() {
        return 0;
    }
    history.nightly();
    history.case.verify().expect_code(0);
    let steps = &history.steps;
    assert_eq!(history.case.published(), history.at_once(), "history {number}: {steps:#?}");
    steps.len()
}

/// Histories until it is said how far all are.
const HISTORIES_AT_A_TIME: u64 = 1_000;

#[test]
fn any_history_ends_in_the_tables_of_one_run() {
    let n_histories = n_histories(25, 10_000);
    let mut n_steps = 0;
    for start in (0..n_histories).step_by(usize::try_from(HISTORIES_AT_A_TIME).unwrap()) {
        let end = n_histories.min(start + HISTORIES_AT_A_TIME);
        n_steps += run_all(start..end, run);
        let what =
            format!("{end} histories, {n_steps} steps, all equal, tables the same to the byte");
        figure("random histories against a model", &what);
    }
    assert!(0 < n_steps);
}
