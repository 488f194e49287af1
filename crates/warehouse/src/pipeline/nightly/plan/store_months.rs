//! Months of a store that get a waterfall, and where their partitions are.

use std::collections::BTreeMap;
use std::path::Path;

use streamledger_core::explain::eligibility::EligibilityRule;
use streamledger_core::model::day::Month;

use crate::pipeline::nightly::plan::planned::Plan;
use crate::storage::layout::ledger::{Manifest, PartitionEntry, ReportEntry};

type Reports = BTreeMap<String, ReportEntry>;
type Partitions = BTreeMap<String, PartitionEntry>;

/// Tables whose months have a waterfall.
pub(crate) const SOURCES: [&str; 5] =
    ["trends_daily", "public_counts", "store_removals", "sales", "sales_superseded"];

/// Where the partitions of this run are, and what is known of them.
pub(crate) struct Explaining<'a> {
    pub(crate) plan: &'a mut Plan,
    pub(crate) former: &'a Manifest,
    pub(crate) reports: &'a Reports,
    pub(crate) staged: &'a Path,
    /// The tables as they are shown.
    pub(crate) published: &'a Path,
    pub(crate) partitions: &'a mut Partitions,
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
