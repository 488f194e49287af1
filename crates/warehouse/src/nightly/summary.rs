//! What a night did, for people.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::build_day::Outcomes;
use crate::ledger::ReportEntry;

/// What a night did.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Reports taken in: path and rows.
    pub taken_in: Vec<(String, u64)>,
    /// Reports refused in this run.
    pub refused: Vec<RefusedReport>,
    /// Files that hold a report which came under another name too: path, and the other name.
    pub copies: Vec<(String, String)>,
    /// Files that changed while they were read.
    pub growing: Vec<String>,
    /// Files that are no reports by their names.
    pub passed_over: Vec<String>,
    /// Links in the inbox, which are not followed.
    pub links: Vec<String>,
    /// Files that were examined before and have not changed.
    pub n_known: usize,
    /// Files of reports of several files that wait for the others: path, and which are missing.
    pub waiting: Vec<(String, String)>,
    /// Reports whose place a newer one about the same has taken in this run: path, and the newer one.
    pub replaced: Vec<(String, String)>,
    /// Reports with quarantined rows: path, rows quarantined, rows in all.
    pub quarantined: Vec<(String, u64, u64)>,
    /// Totals of reports taken in that could not be checked, since rejected rows could not be summed.
    pub unchecked: Vec<UncheckedTotal>,
    /// Rows of reports taken in whose tier code no store's table holds, by store folder and code.
    pub unmapped: BTreeMap<(String, String), u64>,
    /// Rows and plays of the built dates by verdict and reason.
    pub outcomes: Outcomes,
    /// Partitions that were (or would be) built: path and why.
    pub rebuilt: Vec<(String, String)>,
    /// The published snapshot; `None` if nothing changed.
    pub snapshot: Option<u64>,
    /// Files of plays that did not fit the memory.
    pub spilled_files: u64,
    /// Seconds of work by stage.
    pub stages: Vec<(&'static str, Duration)>,
}

/// A report that was refused.
#[derive(Debug, Clone)]
pub struct RefusedReport {
    /// Path in the inbox.
    pub file: String,
    /// Code.
    pub reason: String,
    /// Expected and found.
    pub detail: String,
}

/// A total that a report states and that does not agree with the rows that could be summed.
#[derive(Debug, Clone)]
pub struct UncheckedTotal {
    /// Path in the inbox.
    pub file: String,
    /// Its name in the report.
    pub label: String,
    /// What the report states.
    pub said: String,
    /// What the rows that can be read add up to.
    pub found: String,
}

impl Summary {
    /// Rows of the reports taken in.
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
        self.refused.push(RefusedReport {
            file: file.to_owned(),
            reason: report.reason.clone().unwrap_or_default(),
            detail: report.sizes.rejected_for.clone().unwrap_or_default(),
        });
    }

    /// Whether this run refused a report or quarantined a row.
    #[must_use]
    pub fn has_complaints(&self) -> bool {
        !self.refused.is_empty() || !self.quarantined.is_empty()
    }
}
