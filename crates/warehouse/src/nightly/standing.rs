//! Which reports count. A report of several files counts when all of them are there: a part of a report
//! is part of a sum. A newer report takes the place of an older one about the same. What is newer is
//! decided by what reports say of themselves and by their names, never by which came first.
//!
//! Two reports are about the same if they have store, format, period and territory in common, and their
//! senders where they name them, or else their names but for dates, versions and words such as
//! `corrected`. A report of several territories also replaces one of a single territory.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::ingest::table::format::{Restates, TableFormat};

use crate::ledger::{ReportEntry, ReportState};
use crate::nightly::names::{NameOrder, name_order, series};

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

/// What reports must have in common for one to take another's place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Scope {
    store: String,
    format: String,
    period: String,
    /// Sender and service, or what the name says.
    series: String,
}

/// By which of two reports is the newer one: when it was made, its name, its number of rows (of a file
/// that was taken in before it was whole, and after), its hash.
type Age = (Option<i64>, NameOrder, u64, String);

/// One report, of one file or several.
#[derive(Debug)]
struct Delivery {
    age: Age,
    /// Keys of its files, by number.
    files: BTreeMap<u32, String>,
    /// Number of files that there must be.
    of: u32,
    territory: String,
}

/// Sets the state of every report that was not refused; returns those that wait.
pub(crate) fn settle_standing(
    reports: &mut BTreeMap<String, ReportEntry>,
    formats: &BTreeMap<String, TableFormat>,
) -> Vec<Waiting> {
    let mut waiting = Vec::new();
    for (scope, deliveries) in by_scope(reports) {
        let adds = formats.get(&scope.format).is_some_and(|f| f.restates == Restates::Add);
        for (place, delivery) in deliveries.iter().enumerate() {
            let newer = deliveries[place + 1..]
                .iter()
                .find(|newer| !adds && newer.is_complete() && newer.covers(delivery));
            let superseded_by = newer
                .and_then(|newer| newer.files.values().next())
                .map(|key| reports[key].name().to_owned());
            let missing = delivery.missing();
            for key in delivery.files.values() {
                let Some(report) = reports.get_mut(key) else {
                    continue;
                };
                (report.reason, report.superseded_by) = (None, superseded_by.clone());
                report.state = if superseded_by.is_some() {
                    ReportState::Superseded
                } else if missing.is_empty() {
                    ReportState::Active
                } else {
                    report.reason = Some(MISSING_PARTS.to_owned());
                    let (key, missing) = (key.clone(), missing.clone());
                    waiting.push(Waiting { key, missing, of: delivery.of });
                    ReportState::Waiting
                };
            }
        }
    }
    waiting
}

/// Deliveries of each scope, the oldest first.
fn by_scope(reports: &BTreeMap<String, ReportEntry>) -> Vec<(Scope, Vec<Delivery>)> {
    let mut scopes: BTreeMap<Scope, Vec<(Age, &String)>> = BTreeMap::new();
    let mut alone = Vec::new();
    for (key, report) in reports.iter().filter(|(_, r)| r.state != ReportState::Refused) {
        let rows = report.counts.map_or(0, |counts| counts.rows);
        let name = name_order(report.file());
        let age = (report.about.created_ms, name, rows, report.hash.clone());
        match scope_of(report) {
            Some(scope) => scopes.entry(scope).or_default().push((age, key)),
            // It says of nothing what it is about: it stands for itself.
            None => alone.push((age, key)),
        }
    }
    let mut all: Vec<(Scope, Vec<Delivery>)> = Vec::new();
    for (scope, mut files) in scopes {
        files.sort();
        let mut deliveries: Vec<Delivery> = Vec::new();
        for (age, key) in files {
            let last = deliveries.last_mut().filter(|delivery| delivery.takes(&reports[key]));
            match last {
                Some(delivery) => delivery.push(age, key, &reports[key]),
                None => deliveries.push(Delivery::new(age, key, &reports[key])),
            }
        }
        deliveries.sort_by(|a, b| a.age.cmp(&b.age));
        all.push((scope, deliveries));
    }
    for (age, key) in alone {
        let store = reports[key].store.clone();
        let scope =
            Scope { store, format: String::new(), period: String::new(), series: String::new() };
        all.push((scope, vec![Delivery::new(age, key, &reports[key])]));
    }
    all
}

fn scope_of(report: &ReportEntry) -> Option<Scope> {
    let about = &report.about;
    Some(Scope {
        store: report.store.clone(),
        format: report.format.clone()?,
        period: about.period.clone()?,
        series: about.set.clone().unwrap_or_else(|| series(report.file())),
    })
}

impl Delivery {
    fn new(age: Age, key: &str, report: &ReportEntry) -> Self {
        let (number, of) = report.part.as_ref().map_or((1, 1), |part| (part.number, part.of));
        Self {
            age,
            files: BTreeMap::from([(number, key.to_owned())]),
            of,
            territory: report.about.territory.clone(),
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

    /// Whether it speaks of what another one speaks of. A report without rows has no territory and
    /// speaks of all: it says that there is nothing.
    fn covers(&self, older: &Self) -> bool {
        self.territory == older.territory || self.territory == SEVERAL || self.territory.is_empty()
    }
}

#[cfg(test)]
mod tests;
