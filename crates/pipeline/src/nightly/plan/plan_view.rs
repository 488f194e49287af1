//! What is known of the partitions of a plan when the months of `waterfall` are planned.

use streamledger_core::explain::eligibility::EligibilityRule;
use streamledger_core::model::day::Month;
use streamledger_storage::layout::ledger::LedgerReports;
use streamledger_storage::layout::partition_key::month_path;

use crate::nightly::plan::offline_dates::PlannedDates;
use crate::nightly::plan::planning::Targets;

/// Tables whose months have a waterfall.
pub(crate) const SOURCES: [&str; 5] =
    ["trends_daily", "public_counts", "store_removals", "sales", "sales_superseded"];

/// What a waterfall is planned from.
#[derive(Clone, Copy)]
pub(crate) struct PlanView<'a> {
    pub(crate) targets: &'a Targets,
    pub(crate) dates: &'a PlannedDates,
    pub(crate) reports: &'a LedgerReports,
}

/// A store's month.
#[derive(Debug, Clone)]
pub(crate) struct StoreMonth {
    pub(crate) store: String,
    pub(crate) month: Month,
    /// The last month of the store that is over.
    pub(crate) last_over: Month,
    pub(crate) rule: Option<EligibilityRule>,
}

impl StoreMonth {
    /// Path of its partition of a table.
    pub(crate) fn path(&self, table: &str) -> String {
        month_path(table, &self.store, self.month)
    }
}
