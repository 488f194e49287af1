//! What all steps of a run share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use streamledger_core::filter::policy::Policy;
use streamledger_core::model::day::Day;
use streamledger_core::model::listener::ListenerKey;
use streamledger_core::normalize::store::StoreSettings;

use crate::pipeline::build::build_day::DayBuilder;
use crate::pipeline::intake::config::Settings;
use crate::pipeline::intake::examine::Examiner;
use crate::pipeline::intake::play_buffer::PlayBuffer;
use crate::pipeline::intake::sales_runs::RunStore;
use crate::pipeline::judging::Judging;
use crate::pipeline::nightly::build::checkpoint::Checkpoint;
use crate::pipeline::nightly::error::NightlyError;
use crate::pipeline::nightly::options::NightlyOptions;
use crate::pipeline::nightly::options::Progress;
use crate::pipeline::nightly::summary::Summary;
use crate::storage::archive::row_files::RowFolder;
use crate::storage::disk::disk_queue::DiskQueue;
use crate::storage::disk::stages::Stages;
use crate::storage::encode::file::TableLayout;
use crate::storage::encode::{plays, trends};
use crate::storage::layout::offline_keys::{NewList, list_queue};
use crate::storage::layout::warehouse_layout::WarehouseLayout;
use crate::storage::source::report_source::DecodeMode;
use crate::storage::tables::partition::PartitionError;

/// What all steps of a night share.
pub(crate) struct Night<'a> {
    /// With the accepted numbers, those for all months, in the place of the pipeline's.
    pub(crate) settings: &'a Settings,
    pub(crate) judging: Judging,
    pub(crate) options: &'a NightlyOptions,
    pub(crate) key: ListenerKey,
    pub(crate) places: &'a WarehouseLayout,
    /// Where files are that wait in this run.
    pub(crate) staging: PathBuf,
    pub(crate) play_buffer: PlayBuffer,
    pub(crate) runs: RunStore,
    /// Lists of rows of reports that are read in this run.
    pub(crate) rows: RowFolder,
    /// Dates (partitions of `plays`) whose lists of offline plays turned out to be damaged.
    pub(crate) damaged_lists: BTreeSet<String>,
    /// Where a backfill keeps what it has finished; `None` in other runs.
    pub(crate) checkpoint: Option<Checkpoint>,
    /// Writes lists of offline plays.
    pub(crate) lists: DiskQueue<NewList>,
    pub(crate) stages: Stages,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) plays_layout: TableLayout,
    pub(crate) trends_layout: TableLayout,
    /// By store and format, fingerprints of what reading depends on.
    pub(crate) readings: Mutex<BTreeMap<(String, Option<String>), String>>,
    pub(crate) summary: Mutex<Summary>,
}

impl<'a> Night<'a> {
    pub(crate) fn new(
        settings: &'a Settings,
        judging: Judging,
        options: &'a NightlyOptions,
        key: ListenerKey,
        places: &'a WarehouseLayout,
        staging: &Path,
        progress: &'a dyn Progress,
    ) -> Result<Self, NightlyError> {
        Ok(Self {
            settings,
            judging,
            options,
            key,
            places,
            staging: staging.to_owned(),
            play_buffer: PlayBuffer::new(options.memory_limit_bytes / 4, staging.to_owned()),
            runs: RunStore::new(staging.join("runs"), options.memory_limit_bytes / 8),
            rows: RowFolder::new(staging.join("rows"), options.memory_limit_bytes / 32),
            damaged_lists: BTreeSet::new(),
            checkpoint: None,
            lists: list_queue(),
            stages: Stages::default(),
            progress,
            plays_layout: layout(plays::SCHEMA, &plays::SORTED_BY, places.root())?,
            trends_layout: layout(trends::SCHEMA, &trends::SORTED_BY, places.root())?,
            readings: Mutex::default(),
            summary: Mutex::default(),
        })
    }
}

impl Night<'_> {
    /// Bytes of plays of a report that wait to be held.
    pub(crate) fn segment_bytes_max(&self) -> usize {
        // Up to two reports a thread are being read: half of the held bytes for all of them.
        let n_readers = 2 * rayon::current_num_threads();
        self.options.memory_limit_bytes / (4 * n_readers)
    }

    /// An examiner for so many reports.
    pub(crate) fn examiner(&self, n_reports: usize) -> Examiner<'_> {
        Examiner {
            settings: self.settings,
            key: &self.key,
            play_buffer: &self.play_buffer,
            runs: &self.runs,
            rows: None,
            onlooker: None,
            segment_bytes_max: self.segment_bytes_max(),
            decode_mode: if n_reports < rayon::current_num_threads() {
                DecodeMode::OwnThread
            } else {
                DecodeMode::SameThread
            },
            stages: &self.stages,
        }
    }

    pub(crate) fn day_builder<'n>(&'n self, policy: &'n Policy) -> DayBuilder<'n> {
        DayBuilder {
            policy,
            layout: &self.plays_layout,
            trends_layout: &self.trends_layout,
            play_buffer: &self.play_buffer,
            work_bytes_max: (self.options.memory_limit_bytes / (2 * rayon::current_num_threads()))
                .max(1),
            stages: &self.stages,
        }
    }

    /// The policy of a date, and the hash that its footers name.
    pub(crate) fn policy_of(&self, store: &str, day: Day) -> (&Policy, &str) {
        let month = day.month().to_string();
        let policy = self.judging.policy(store, &month).unwrap_or(&self.settings.policy);
        (policy, self.judging.footer(store, &month))
    }

    /// A store's file with the numbers that judge a month (`YYYY-MM`); `None` for a store without one.
    pub(crate) fn store_of(&self, store: &str, month: &str) -> Option<&StoreSettings> {
        self.judging.own_store(store, month).or_else(|| self.settings.stores.get(store))
    }

    pub(crate) fn note(&self, write: impl FnOnce(&mut Summary)) {
        if let Ok(mut summary) = self.summary.lock() {
            write(&mut summary);
        }
    }

    pub(crate) fn finish(self) -> Summary {
        let mut summary = self.summary.into_inner().unwrap_or_default();
        summary.spilled_files = self.play_buffer.n_files();
        summary.stages = self.stages.totals().to_vec();
        summary
    }
}

fn layout(schema: &str, sorted_by: &[i32], root: &Path) -> Result<TableLayout, PartitionError> {
    TableLayout::new(schema, sorted_by).map_err(PartitionError::parquet(root))
}
