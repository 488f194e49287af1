//! What a run builds from, besides its plan.

use std::path::Path;

use streamledger_core::explain::coverage::CoverageRow;
use streamledger_storage::layout::ledger::{LedgerReports, Manifest};

/// What a run builds from.
#[derive(Clone, Copy)]
pub(crate) struct BuildBasis<'a> {
    pub(crate) reports: &'a LedgerReports,
    pub(crate) coverage: &'a [CoverageRow],
    pub(crate) previous: &'a Manifest,
    /// The tables of the coming snapshot.
    pub(crate) staged: &'a Path,
}
