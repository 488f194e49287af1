//! Where the files of a run's tables are.

use std::path::{Path, PathBuf};

use streamledger_storage::layout::ledger::{FileEntry, LedgerPartitions, PartitionEntry};

use crate::nightly::plan::planned::{Plan, PlannedPartition};

/// The tables of a run: what is built is in staging, what is not is published.
pub(crate) struct RunTables<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) partitions: &'a mut LedgerPartitions,
    pub(crate) staged: &'a Path,
    pub(crate) published: &'a Path,
}

impl RunTables<'_> {
    /// Files of a partition, wherever they are.
    pub(crate) fn files(&self, path: &str) -> Vec<PathBuf> {
        let Some(partition) = self.partitions.get(path) else {
            return Vec::new();
        };
        let is_staged = self.plan.targets.get(path).is_some_and(PlannedPartition::is_stale);
        let folder = if is_staged { self.staged } else { self.published };
        partition.files.iter().map(|file| folder.join(path).join(&file.name)).collect()
    }

    /// Rows of a partition.
    pub(crate) fn rows(&self, path: &str) -> u64 {
        self.partitions.get(path).map_or(0, PartitionEntry::rows)
    }

    pub(crate) fn enter(&mut self, path: &str, files: Vec<FileEntry>) {
        let fingerprint = self.plan.targets[path].fingerprint.clone();
        self.partitions.insert(path.to_owned(), PartitionEntry::new(fingerprint, files));
    }
}
