//! The partitions that there must be, and why some of them are built.

use std::collections::BTreeMap;

use streamledger_core::explain::coverage::CoverageRow;
use streamledger_core::model::day::Day;
use streamledger_core::normalize::sales_lot::SalesMonth;

use crate::pipeline::nightly::options::Backfill;
use crate::storage::layout::ledger::FileEntry;
use crate::storage::layout::report_sums::Totals;
use crate::storage::tables::lot_table::LotTable;

/// Path of the one partition of `reports`.
pub(crate) const REPORTS: &str = "reports";

/// Path of the one partition of `unmapped_values`.
pub(crate) const UNMAPPED_VALUES: &str = "unmapped_values";

/// Path of the one partition of `deliveries`.
pub(crate) const DELIVERIES: &str = "deliveries";

/// Why a date is made anew whose inputs are as they were.
pub(crate) const DAMAGED_LIST: &str = "its list of offline plays was damaged";

/// Path of the one partition of `coverage`.
pub(crate) const COVERAGE: &str = "coverage";

/// A partition that there must be.
#[derive(Debug, Clone)]
pub(crate) struct PlannedPartition {
    pub(crate) kind: Kind,
    pub(crate) fingerprint: String,
    /// Keys of the reports that feed it.
    pub(crate) reports: Vec<String>,
    pub(crate) is_stale: bool,
}

/// What a partition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Plays {
        store: String,
        day: Day,
    },
    TrendsDaily {
        store: String,
        month: String,
    },
    /// A month of `sales` or `pools`.
    Lots(LotTable, SalesMonth),
    /// Made of the partition of `sales` with this path.
    SalesMonthly {
        sales: String,
    },
    Quarantine,
    Reports,
    /// Values of reports that no table of ours knows.
    UnmappedValues,
    /// When reports came.
    Deliveries,
    /// What is there and what is due, of all stores.
    Coverage,
    /// Made of the other tables of its month.
    Waterfall,
    Eligibility,
}

/// The files of a partition of lines or sums that is complete.
#[derive(Debug)]
pub(crate) struct FinishedFiles {
    pub(crate) files: Vec<FileEntry>,
    /// Of `sales_monthly`: what its rows come to.
    pub(crate) totals: Option<Totals>,
}

/// All partitions that there must be, by path, and why some must be made.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) targets: BTreeMap<String, PlannedPartition>,
    /// Path and reason of the partitions to make or drop.
    pub(crate) reasons: Vec<(String, String)>,
    /// What is there and what is due.
    pub(crate) coverage: Vec<CoverageRow>,
    /// Months that a backfill makes anew, whatever their fingerprints say.
    pub(crate) again: Option<Backfill>,
}

impl Plan {
    /// Whether a partition is planned before anything is built; what explains the other tables is
    /// planned when they are there.
    pub(crate) fn is_planned_first(path: &str) -> bool {
        !["waterfall/", "eligibility/"].iter().any(|table| path.starts_with(table))
    }

    /// Whether the tables are already as they must be.
    pub(crate) fn is_empty(&self) -> bool {
        self.reasons.is_empty()
    }
}
