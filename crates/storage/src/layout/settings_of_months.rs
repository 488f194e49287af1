//! By which settings the months of a published state were judged.

use std::collections::BTreeSet;

use crate::layout::ledger::Manifest;
use crate::layout::partition_key::PartitionKey;

/// By which settings published months were judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsOfMonths {
    /// Hash of those of all months that are not named; empty where nothing is known.
    pub base: String,
    /// Months that were judged by others: store, month (`YYYY-MM`) and hash, in this order.
    pub own: Vec<(String, String, String)>,
}

impl SettingsOfMonths {
    /// Those of a published state.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        let judged = manifest.partitions.keys().filter(|path| !path.starts_with("quarantine/"));
        let months: BTreeSet<(String, String)> = judged
            .filter_map(|path| {
                let key = PartitionKey::parse(path)?;
                Some((key.store.to_owned(), key.month_text()?.to_owned()))
            })
            .collect();
        let own = |(store, month): (String, String)| {
            let hash = manifest.settings.differing(&store, &month)?.to_owned();
            Some((store, month, hash))
        };
        let base = manifest.settings.base_hash().to_owned();
        Self { base, own: months.into_iter().filter_map(own).collect() }
    }
}
