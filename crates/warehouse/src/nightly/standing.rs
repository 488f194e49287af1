//! Which reports count. A report of several files counts when all of them are there: a part of a report
//! is part of a sum. A newer report takes the place of an older one about the same. What is newer is
//! decided by what reports say of themselves and by their names, never by which came first.
//!
//! Two reports are about the same if they have store, format and territory in common, their senders
//! where they name them, or else their names but for dates, versions and words such as `corrected`; and
//! the period. What a head says of the period holds. Rows say it badly: a day without plays at the end
//! of a week makes it another week. So where only rows tell, days that meet are enough for a report whose
//! name says of which date it is, or that it is a newer version of just this one; and two reports that
//! merely meet, a day and its week, stand beside each other. A report of several territories also
//! replaces one of a single territory.
//!
//! The same bytes under several names are one report that speaks under each of them: it counts as long
//! as one of its names does.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::ingest::table::format::{Restates, TableFormat};

use crate::ledger::{ReportEntry, ReportState};
use crate::nightly::names::{NameOrder, Subject, name_order, series, subject};
use crate::nightly::periods::Days;

/// Reason of a report that waits for its other files.
pub(crate) const MISSING_PARTS: &str = "missing_parts";

/// Territory of a report with several.
const SEVERAL: &str = "*";

/// A report that waits, and for which files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Key of the report.
    pub(crate) key: String,
    /// Numbers of the files that are missing.
    pub(crate) missing: BTreeSet<u32>,
    /// Number of files that there must be.
    pub(crate) of: u32,
}

/// What reports must have in common for one to take another's place, besides the period.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Scope {
    store: String,
    format: String,
    /// Sender and service, or what the name says.
    series: String,
}

/// By which of two reports is the newer one: when it was made, its name, its number of rows (of a file
/// that was taken in before it was whole, and after), its hash.
type Age = (Option<i64>, NameOrder, u64, String);

/// One report, of one file or several, under one of its names.
#[derive(Debug)]
struct Delivery {
    age: Age,
    /// Keys of its files, by number.
    files: BTreeMap<u32, String>,
    /// Number of files that there must be.
    of: u32,
    territory: String,
    /// The period that its head or its rows tell.
    period: Option<String>,
    /// The days of the only date in its name, if its rows are all of them.
    named: Option<Days>,
    /// What its name is about; `None` where the report says that itself.
    subject: Option<Subject>,
    is_empty: bool,
}

/// What became of a report under one of its names.
type Outcome = (Age, Option<String>);

/// Sets the state of every report that was not refused; returns those that wait.
pub(crate) fn settle_standing(
    reports: &mut BTreeMap<String, ReportEntry>,
    formats: &BTreeMap<String, TableFormat>,
) -> Vec<Waiting> {
    let mut waiting = Vec::new();
    let mut outcomes: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    for (scope, deliveries) in by_scope(reports) {
        let adds = formats.get(&scope.format).is_some_and(|f| f.restates == Restates::Add);
        for (place, delivery) in deliveries.iter().enumerate() {
            let newer = deliveries[place + 1..]
                .iter()
                .find(|newer| !adds && newer.is_complete() && newer.replaces(delivery));
            let superseded_by = newer
                .and_then(|newer| newer.files.values().next())
                .map(|key| reports[key].name().to_owned());
            let missing = delivery.missing();
            for key in delivery.files.values() {
                let outcome = (delivery.age.clone(), superseded_by.clone());
                outcomes.entry(key.clone()).or_default().push(outcome);
                if superseded_by.is_none() && !missing.is_empty() {
                    let (key, missing) = (key.clone(), missing.clone());
                    waiting.push(Waiting { key, missing, of: delivery.of });
                }
            }
        }
    }
    let waits: BTreeSet<&String> = waiting.iter().map(|waiting| &waiting.key).collect();
    for (key, outcomes) in outcomes {
        let Some(report) = reports.get_mut(&key) else {
            continue;
        };
        let stands = outcomes.iter().any(|(_, by)| by.is_none());
        let newest = outcomes.into_iter().max().and_then(|(_, by)| by);
        (report.reason, report.superseded_by) = (None, newest.filter(|_| !stands));
        report.state = if !stands {
            ReportState::Superseded
        } else if waits.contains(&key) {
            report.reason = Some(MISSING_PARTS.to_owned());
            ReportState::Waiting
        } else {
            ReportState::Active
        };
    }
    waiting
}

/// Deliveries of each scope, the oldest first.
fn by_scope(reports: &BTreeMap<String, ReportEntry>) -> BTreeMap<Scope, Vec<Delivery>> {
    type Files<'a> = Vec<(Age, &'a str, &'a String)>;
    let mut periods: BTreeMap<(Scope, Option<&String>), Files<'_>> = BTreeMap::new();
    for (key, report) in reports.iter().filter(|(_, r)| r.state != ReportState::Rejected) {
        for file in names_of(report) {
            let rows = report.counts.map_or(0, |counts| counts.rows);
            let age = (report.about.created_ms, name_order(file), rows, report.id.clone());
            let scope = scope_of(report, file);
            let of_period = periods.entry((scope, report.about.period.as_ref())).or_default();
            of_period.push((age, file, key));
        }
    }
    let mut scopes: BTreeMap<Scope, Vec<Delivery>> = BTreeMap::new();
    for ((scope, _), mut files) in periods {
        files.sort();
        let mut deliveries: Vec<Delivery> = Vec::new();
        for (age, file, key) in files {
            let last = deliveries.last_mut().filter(|delivery| delivery.takes(&reports[key]));
            match last {
                Some(delivery) => delivery.push(age, key, &reports[key]),
                None => deliveries.push(Delivery::new(age, file, key, &reports[key])),
            }
        }
        scopes.entry(scope).or_default().append(&mut deliveries);
    }
    for deliveries in scopes.values_mut() {
        deliveries.sort_by(|a, b| a.age.cmp(&b.age));
    }
    scopes
}

/// The names under which a report speaks: one that says itself what it is about needs none.
fn names_of(report: &ReportEntry) -> Vec<&str> {
    if report.about.set.is_some() || report.files.is_empty() {
        return vec![report.file()];
    }
    report.files.iter().map(String::as_str).collect()
}

fn scope_of(report: &ReportEntry, file: &str) -> Scope {
    Scope {
        store: report.store.clone(),
        format: report.format.clone().unwrap_or_default(),
        series: report.about.set.clone().unwrap_or_else(|| series(file)),
    }
}

impl Delivery {
    fn new(age: Age, file: &str, key: &str, report: &ReportEntry) -> Self {
        let (number, of) = report.part.as_ref().map_or((1, 1), |part| (part.number, part.of));
        let period = report.about.period.clone();
        let rows = period.as_deref().map(Days::of_period);
        let holds = |named: &Days| rows.as_ref().is_none_or(|rows| named.hold(rows));
        Self {
            age,
            files: BTreeMap::from([(number, key.to_owned())]),
            of,
            territory: report.about.territory.clone(),
            named: Days::of_name(file).filter(holds),
            subject: report.about.set.is_none().then(|| subject(file)),
            is_empty: period.is_none() && report.counts.is_some_and(|counts| counts.rows == 0),
            period,
        }
    }

    /// Whether a file is one of this report: of as many, and not there yet. Files come in order of
    /// age, so a number that comes again begins the next report.
    fn takes(&self, report: &ReportEntry) -> bool {
        let part = report.part.as_ref();
        part.is_some_and(|part| part.of == self.of && !self.files.contains_key(&part.number))
    }

    fn push(&mut self, age: Age, key: &str, report: &ReportEntry) {
        let number = report.part.as_ref().map_or(1, |part| part.number);
        self.files.insert(number, key.to_owned());
        self.age = age;
        let territory = &report.about.territory;
        if self.territory.is_empty() {
            self.territory.clone_from(territory);
        } else if !territory.is_empty() && *territory != self.territory {
            SEVERAL.clone_into(&mut self.territory);
        }
    }

    fn missing(&self) -> BTreeSet<u32> {
        (1..=self.of).filter(|number| !self.files.contains_key(number)).collect()
    }

    fn is_complete(&self) -> bool {
        self.missing().is_empty()
    }

    /// Whether it takes an older one's place.
    fn replaces(&self, older: &Self) -> bool {
        self.has_territory_of(older) && self.has_period_of(older)
    }

    /// A report without rows has no territory and speaks of all: it says that there is nothing.
    fn has_territory_of(&self, older: &Self) -> bool {
        self.territory == older.territory
            || self.territory == SEVERAL
            || self.territory.is_empty()
            || older.is_empty
    }

    fn has_period_of(&self, older: &Self) -> bool {
        if self.period.is_some() && self.period == older.period {
            return true;
        }
        let (Some(subject), Some(older_subject)) = (&self.subject, &older.subject) else {
            return false;
        };
        let meets = || {
            let periods = self.period.as_deref().zip(older.period.as_deref());
            periods.is_some_and(|(a, b)| Days::of_period(a).meet(&Days::of_period(b)))
        };
        let is_version = subject.is_newer_version && subject.words == older_subject.words;
        let is_of_same_date = self.named.is_some() && self.named == older.named;
        // Nothing takes the place of something only where a person or a store has said so.
        is_version && (self.is_empty || older.is_empty || meets())
            || is_of_same_date && (older.is_empty || meets())
    }
}

#[cfg(test)]
mod tests;
