//! What a night did, for people.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::build_day::Outcomes;

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
    /// Reports in whose place another one counts since this run.
    pub replaced: Vec<ReplacedReport>,
    /// Reports with quarantined rows: path, rows quarantined, rows in all.
    pub quarantined: Vec<(String, u64, u64)>,
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

/// A report in whose place another one counts.
#[derive(Debug, Clone, Serialize)]
pub struct ReplacedReport {
    /// Path in the inbox.
    pub file: String,
    /// Path of the other one.
    pub newer: String,
    /// Why: `replaced`, `same_rows` or `contained`.
    pub why: &'static str,
    /// What its rows come to.
    pub before: Figures,
    /// What those of the other one come to.
    pub after: Figures,
}

/// What the rows of a report come to.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Ingested rows.
    pub rows: u64,
    /// Units or plays; `None` where they are not known.
    pub plays: Option<i64>,
    /// Money by currency, exact decimals.
    pub money: BTreeMap<String, String>,
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

impl Summary {
    /// Rows of the reports taken in.
    #[must_use]
    pub fn rows_taken_in(&self) -> u64 {
        self.taken_in.iter().map(|(_, rows)| rows).sum()
    }

    /// Whether this run refused a report or quarantined a row.
    #[must_use]
    pub fn has_complaints(&self) -> bool {
        !self.refused.is_empty() || !self.quarantined.is_empty()
    }
}
