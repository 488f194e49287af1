//! What a run is asked to do.

use std::path::PathBuf;

use chrono::NaiveDate;
use streamledger_core::filter::policy::Policy;
use streamledger_storage::layout::decisions::DecisionAuthor;
use streamledger_storage::layout::ledger::Manifest;
use streamledger_storage::layout::partition_key::PartitionKey;
use streamledger_storage::layout::warehouse::KeySource;

/// What a run is told.
#[derive(Debug, Clone)]
pub struct NightlyOptions {
    /// Where reports lie.
    pub inbox: PathBuf,
    /// Where tables go.
    pub warehouse: PathBuf,
    /// The listener key; `None` for the warehouse's own.
    pub listener_key: Option<KeySource>,
    /// The folder of decisions; `None` for the warehouse's own.
    pub decisions: Option<PathBuf>,
    /// Memory that the run may use for plays, in bytes.
    pub memory_limit_bytes: usize,
    /// Whether rejected reports that have not changed are examined again.
    pub retry_rejected: bool,
    /// Whether listeners are to be hashed with another key than the tables were made with, or with a new one
    /// where that is gone. All plays are read again.
    pub rekey: bool,
    /// The clock.
    pub as_of: NaiveDate,
    /// When the run started, ISO 8601: names its record and shows nowhere else.
    pub started: String,
    /// What the lock says of this run: host, process, start.
    pub owner: String,
}

/// Hears how a long run gets on.
pub trait RunProgress: Sync {
    /// A step begins, of so many units.
    fn begin(&self, step: &'static str, units: u64);
    /// So many units of it are done.
    fn advance(&self, units: u64);
}

/// Which months are rebuilt, and how.
#[derive(Debug, Clone)]
pub struct BackfillOptions {
    /// First month, `YYYY-MM`.
    pub from: String,
    /// Last month.
    pub to: String,
    /// Only this store; `None` for all.
    pub store: Option<String>,
    /// The policy to judge by from now on, and who decides so; `None` for the accepted settings of
    /// each month.
    pub policy: Option<(Policy, DecisionAuthor)>,
    /// Whether what would change is only told.
    pub is_preview: bool,
    /// The day for which it says what is due; `None` for that of the last run.
    pub as_of: Option<NaiveDate>,
}

impl BackfillOptions {
    /// The options with the day of this backfill.
    pub(crate) fn on_its_day(
        &self,
        options: &NightlyOptions,
        previous: &Manifest,
    ) -> NightlyOptions {
        let last = previous.as_of.parse::<NaiveDate>().ok();
        let as_of = self.as_of.or(last).unwrap_or(options.as_of);
        NightlyOptions { as_of, ..options.clone() }
    }

    /// Whether a partition is one of the named months.
    pub(crate) fn covers(&self, path: &str) -> bool {
        // Nothing of it is judged; it is rebuilt where it is damaged.
        if path.starts_with("quarantine/") {
            return false;
        }
        let Some(PartitionKey { store, month, .. }) = PartitionKey::parse(path) else {
            return false;
        };
        self.store.as_deref().is_none_or(|wanted| wanted == store)
            && (self.from.as_str()..=self.to.as_str()).contains(&month)
    }
}
