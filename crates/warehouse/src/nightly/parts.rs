//! Reports of several files count when all their files are there, not before: a part of a report is
//! part of a sum.

use std::collections::{BTreeMap, BTreeSet};

use crate::ledger::{ReportEntry, ReportState};

/// Reason of a report that waits for its other files.
pub(crate) const MISSING_PARTS: &str = "missing_parts";

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

/// Sets the state of every report of several files by which of them are there.
pub(crate) fn settle_parts(reports: &mut BTreeMap<String, ReportEntry>) -> Vec<Waiting> {
    let mut there: BTreeMap<(String, String), BTreeSet<u32>> = BTreeMap::new();
    for report in reports.values().filter(|report| report.state != ReportState::Refused) {
        if let Some(part) = &report.part {
            let set = (report.store.clone(), part.set.clone());
            there.entry(set).or_default().insert(part.number);
        }
    }
    let mut waiting = Vec::new();
    for (key, report) in reports {
        let (Some(part), false) = (&report.part, report.state == ReportState::Refused) else {
            continue;
        };
        let numbers = &there[&(report.store.clone(), part.set.clone())];
        let missing: BTreeSet<u32> =
            (1..=part.of).filter(|number| !numbers.contains(number)).collect();
        if missing.is_empty() {
            (report.state, report.reason) = (ReportState::Active, None);
        } else {
            report.state = ReportState::Waiting;
            report.reason = Some(MISSING_PARTS.to_owned());
            waiting.push(Waiting { key: key.clone(), missing, of: part.of });
        }
    }
    waiting
}
