//! Status: what is there and what is due on a day, by the ledger of the published state. Reads one file
//! and takes no lock, so that it can be asked while a run runs.

use std::path::Path;

use streamledger_core::explain::coverage::{CoverageRow, coverage};
use streamledger_core::explain::freshness::{FeedLag, StoreFreshness, freshness, lags};
use streamledger_core::model::day::Day;
use streamledger_pipeline::coverage::deliveries::deliveries;
use streamledger_pipeline::intake::config::PipelineSettings;
use streamledger_pipeline::nightly::error::NightlyError;
use streamledger_storage::layout::error::WarehouseError;
use streamledger_storage::layout::ledger::Manifest;
use streamledger_storage::layout::settings_of_months::SettingsOfMonths;
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;

/// What is there and what is due.
#[derive(Debug)]
pub struct StoreStatus {
    /// The published state that was asked.
    pub snapshot: u64,
    /// On which day.
    pub as_of: Day,
    /// By store, feed and territory.
    pub feeds: Vec<StoreFreshness>,
    /// How far sales are behind trends, by store.
    pub lags: Vec<FeedLag>,
    /// All periods.
    pub coverage: Vec<CoverageRow>,
    /// By which settings the published months were judged.
    pub settings: SettingsOfMonths,
}

impl StoreStatus {
    /// Whether something is late.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.feeds.iter().any(StoreFreshness::is_late)
    }
}

/// The status of a warehouse on a day.
///
/// # Errors
/// If nothing is published, or the ledger cannot be read.
pub fn read_status(
    root: &Path,
    settings: &PipelineSettings,
    as_of: Day,
) -> Result<StoreStatus, NightlyError> {
    let places = WarehouseLayout::new(root);
    if places.current()?.is_none() {
        return Err(WarehouseError::Empty { path: root.to_owned() }.into());
    }
    let manifest = places.current_manifest()?;
    Ok(status_of(&manifest, settings, as_of))
}

/// The status of a published state on a day, by the accepted calendar; by the given one where the state
/// has none.
#[must_use]
pub fn status_of(manifest: &Manifest, settings: &PipelineSettings, as_of: Day) -> StoreStatus {
    let calendar = manifest.settings.base();
    let calendar = calendar.map_or(&settings.calendar, |accepted| &accepted.calendar);
    let coverage = coverage(calendar, &deliveries(&manifest.reports, &settings.stores), as_of);
    StoreStatus {
        snapshot: manifest.snapshot,
        as_of,
        feeds: freshness(&coverage, as_of),
        lags: lags(&coverage),
        coverage,
        settings: SettingsOfMonths::of(manifest),
    }
}
