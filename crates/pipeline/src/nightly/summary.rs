//! What a run did, for people.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use streamledger_core::normalize::unmapped::{UnmappedKey, UnmappedSums};
use streamledger_storage::layout::ledger::ReportEntry;
use streamledger_storage::source::inbox::Inbox;

use crate::build::build_day::DayOutcomes;
use crate::nightly::plan::proposal::Proposal;
use crate::nightly::spans::StepNumbers;

/// What a run did.
#[derive(Debug, Clone, Default)]
pub struct RunSummary {
    /// Reports ingested: path and rows.
    pub taken_in: Vec<(String, u64)>,
    /// Reports rejected in this run.
    pub rejected: Vec<ListedRejection>,
    /// Files that hold a report which came under another name too: path, and the other name.
    pub copies: Vec<(String, String)>,
    /// Files that changed while they were read.
    pub growing: Vec<String>,
    /// Files that are no reports by their names.
    pub passed_over: Vec<String>,
    /// Files and folders of the inbox that cannot be read, and why: they are tried again.
    pub unreadable: Vec<(String, String)>,
    /// Members of archives ingested that are no reports: path of the archive, member, and why.
    pub skipped_members: Vec<(String, String, String)>,
    /// Links in the inbox, which are not followed.
    pub links: Vec<String>,
    /// Files that were examined before and have not changed.
    pub n_known: usize,
    /// Files of reports of several files that wait for the others: path, and which are missing.
    pub waiting: Vec<(String, String)>,
    /// Reports in whose place another one counts since this run.
    pub replaced: Vec<ReplacedReport>,
    /// Reports with quarantined rows: path, rows quarantined, rows in all.
    pub quarantined: Vec<(String, u64, u64)>,
    /// Totals of ingested reports that could not be checked.
    pub unchecked: Vec<UncheckedTotal>,
    /// Values of ingested reports that no table of ours knows, by store folder.
    pub unmapped: BTreeMap<(String, UnmappedKey), UnmappedSums>,
    /// Rows and plays of the built dates by verdict and reason.
    pub outcomes: DayOutcomes,
    /// Partitions that were (or would be) built: path and why.
    pub rebuilt: Vec<(String, String)>,
    /// The published snapshot; `None` if nothing changed.
    pub snapshot: Option<u64>,
    /// Files of plays that did not fit the memory.
    pub spilled_files: u64,
    /// Seconds of work by stage.
    pub stages: Vec<(&'static str, Duration)>,
    /// Settings of the pipeline that are not accepted, and what they would change.
    pub proposal: Option<Proposal>,
    /// Settings that were accepted by themselves, since they change no published figure.
    pub settled: Option<Proposal>,
}

/// A report in whose place another one counts.
#[derive(Debug, Clone, Serialize)]
pub struct ReplacedReport {
    /// Path in the inbox.
    pub file: String,
    /// Path of the other one.
    pub newer: String,
    /// Why: `replaced`, `same_rows` or `contained`; or what keeps it from counting any longer.
    pub why: &'static str,
    /// What its rows come to.
    pub before: ReportFigures,
    /// What those of the other one come to.
    pub after: ReportFigures,
}

/// What the rows of a report come to.
#[derive(Debug, Clone, Serialize)]
pub struct ReportFigures {
    /// Ingested rows.
    pub rows: u64,
    /// Units or plays; `None` where they are not known.
    pub plays: Option<i64>,
    /// Money by currency, exact decimals.
    pub money: BTreeMap<String, String>,
}

/// A report that was rejected.
#[derive(Debug, Clone)]
pub struct ListedRejection {
    /// Path in the inbox.
    pub file: String,
    /// Code.
    pub reason: String,
    /// Expected and found.
    pub detail: String,
}

/// A total that a report states and that could not be checked against its rows.
#[derive(Debug, Clone)]
pub struct UncheckedTotal {
    /// Path in the inbox.
    pub file: String,
    /// Its name in the report.
    pub label: String,
    /// What the report states.
    pub said: String,
    /// What the rows that can be read add up to; empty where nobody knows which to sum.
    pub found: String,
    /// Why it could not be checked, for a person.
    pub why: String,
}

impl RunSummary {
    /// Adds what a second run of the same command did.
    pub fn add_run(&mut self, other: Self) {
        self.taken_in.extend(other.taken_in);
        self.rejected.extend(other.rejected);
        self.quarantined.extend(other.quarantined);
        self.rebuilt.extend(other.rebuilt);
        self.snapshot = other.snapshot.or(self.snapshot);
        self.spilled_files += other.spilled_files;
    }

    /// For the log: rows that were read, how many of them are quarantined, and bytes of files in the inbox.
    pub(super) fn intake_numbers(&self, inbox: &Inbox) -> StepNumbers {
        let quarantined = self.quarantined.iter().map(|(_, n_rows, _)| n_rows).sum();
        let rows_in = self.rows_taken_in();
        let files: BTreeSet<&str> = self.taken_in.iter().map(|(file, _)| file.as_str()).collect();
        let read = inbox.files.iter().filter(|file| files.contains(file.name.as_str()));
        StepNumbers {
            rows_in: Some(rows_in),
            rows_out: rows_in.checked_sub(quarantined),
            rows_by_reason: BTreeMap::from([("quarantined", quarantined)]),
            bytes: Some(read.map(|file| file.state.size_bytes).sum()),
            partitions: None,
        }
    }

    /// Rows of the reports ingested.
    #[must_use]
    pub fn rows_taken_in(&self) -> u64 {
        self.taken_in.iter().map(|(_, rows)| rows).sum()
    }

    /// A report that was read is rejected all the same.
    pub(super) fn reject_again(&mut self, report: &ReportEntry) {
        let file = report.file();
        self.taken_in.retain(|(taken_in, _)| taken_in != file);
        self.quarantined.retain(|(quarantined, ..)| quarantined != file);
        self.unchecked.retain(|unchecked| unchecked.file != file);
        self.rejected.push(ListedRejection {
            file: file.to_owned(),
            reason: report.reason.clone().unwrap_or_default(),
            detail: report.sizes.rejected_for.clone().unwrap_or_default(),
        });
    }

    /// Whether this run rejected a report, quarantined a row, or could not read a file.
    #[must_use]
    pub fn has_complaints(&self) -> bool {
        !self.rejected.is_empty() || !self.quarantined.is_empty() || !self.unreadable.is_empty()
    }
}
