//! Why a run fails.

use std::path::PathBuf;

use streamledger_storage::disk::durable::DiskError;
use streamledger_storage::layout::decisions::DecisionError;
use streamledger_storage::layout::error::WarehouseError;
use streamledger_storage::tables::partition::PartitionError;

/// A run that could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NightlyError {
    /// The warehouse.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// The decisions.
    #[error(transparent)]
    Decisions(#[from] DecisionError),
    /// A partition.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The disk is too full for what is new.
    #[error(
        "not enough room on the disk of {}: {n_reports} reports need about {} MiB (copies of new ones, \
         tables, and what has to wait), {} MiB are free; nothing was published; make room, raise \
         --memory-limit, or move the warehouse",
        .path.display(), .needed_bytes >> 20, .free_bytes >> 20
    )]
    NoSpace {
        /// The warehouse.
        path: PathBuf,
        /// How many reports are read.
        n_reports: u64,
        /// About how much they need.
        needed_bytes: u64,
        /// How much there is.
        free_bytes: u64,
    },
    /// A backfill that cannot be done as things are.
    #[error("{message}")]
    NotNow {
        /// Why, and what to do.
        message: String,
    },
    /// Two states of the tables cannot be compared.
    #[error("the tables cannot be compared")]
    Tables(#[from] polars::error::PolarsError),
    /// What would be published contradicts the ledger.
    #[error("nothing was published, since the sums do not agree: {message}")]
    Inconsistent {
        /// Which sums.
        message: String,
    },
}

impl From<DiskError> for NightlyError {
    fn from(error: DiskError) -> Self {
        Self::Warehouse(error.into())
    }
}
