//! What all steps of a run are given.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use streamledger_core::filter::policy::Policy;
use streamledger_core::model::day::Day;
use streamledger_core::model::listener::ListenerKey;
use streamledger_core::normalize::store::StoreSettings;
use streamledger_storage::archive::row_files::RowFolder;
use streamledger_storage::disk::stages::StageTimes;
use streamledger_storage::encode::file::TableLayout;
use streamledger_storage::encode::{plays, trends};
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;
use streamledger_storage::source::report_source::DecodeMode;
use streamledger_storage::tables::partition::PartitionError;

use crate::build::build_day::{BuiltDay, DayBuilder, DayTask};
use crate::intake::config::PipelineSettings;
use crate::intake::examine::Examiner;
use crate::intake::play_buffer::PlayBuffer;
use crate::intake::sales_runs::RunStore;
use crate::judging::JudgingSettings;
use crate::nightly::build::checkpoint::Checkpoint;
use crate::nightly::error::NightlyError;
use crate::nightly::options::NightlyOptions;
use crate::nightly::options::RunProgress;
use crate::nightly::spans::{CurrentStage, StepNumbers};
use crate::nightly::summary::RunSummary;

/// What a run is asked to do, by what it reads and judges, and where it works.
pub(crate) struct RunContext<'a> {
    /// With the accepted numbers, those for all months, in the place of the pipeline's.
    pub(crate) settings: &'a PipelineSettings,
    pub(crate) judging: JudgingSettings,
    pub(crate) options: &'a NightlyOptions,
    pub(crate) key: ListenerKey,
    pub(crate) places: &'a WarehouseLayout,
    pub(crate) work: Workspace<'a>,
}

/// Where a run works.
pub(crate) struct Workspace<'a> {
    /// Where files are that wait in this run.
    pub(crate) staging: PathBuf,
    pub(crate) buffers: RunBuffers,
    pub(crate) layouts: TableLayouts,
    pub(crate) journal: RunJournal<'a>,
    /// Dates (partitions of `plays`) whose lists of offline plays turned out to be damaged.
    pub(crate) damaged_lists: BTreeSet<String>,
    /// Where a backfill keeps what it has finished; `None` in other runs.
    pub(crate) checkpoint: Option<Checkpoint>,
    /// By store and format, fingerprints of what reading depends on.
    pub(crate) readings: Mutex<BTreeMap<(String, Option<String>), String>>,
}

/// What was read and waits to be built, in memory or in staging.
pub(crate) struct RunBuffers {
    pub(crate) play_buffer: PlayBuffer,
    /// Lines, figures and reference data.
    pub(crate) runs: RunStore,
    /// Lists of rows of reports.
    pub(crate) rows: RowFolder,
}

impl RunBuffers {
    /// In a folder, within a number of bytes.
    fn new(staging: &Path, memory_limit_bytes: usize) -> Self {
        Self {
            play_buffer: PlayBuffer::new(memory_limit_bytes / 4, staging.to_owned()),
            runs: RunStore::new(staging.join("runs"), memory_limit_bytes / 8),
            rows: RowFolder::new(staging.join("rows"), memory_limit_bytes / 32),
        }
    }

    /// For a run that only plans: what plans depend on, in memory.
    pub(crate) fn of_plan() -> Self {
        Self {
            play_buffer: PlayBuffer::of_offline_plays(),
            runs: RunStore::of_lists(),
            rows: RowFolder::in_memory(),
        }
    }
}

/// Layouts of the tables of each date.
pub(crate) struct TableLayouts {
    pub(crate) plays: TableLayout,
    pub(crate) trends: TableLayout,
}

/// How a run gets on, and how long its stages take.
pub(crate) struct RunJournal<'a> {
    pub(crate) progress: &'a dyn RunProgress,
    pub(crate) stages: StageTimes,
    /// For the log.
    pub(crate) stage: CurrentStage,
}

/// What a run is for.
#[derive(Clone, Copy)]
pub(crate) struct RunRequest<'a> {
    pub(crate) settings: &'a PipelineSettings,
    pub(crate) options: &'a NightlyOptions,
    pub(crate) places: &'a WarehouseLayout,
    pub(crate) progress: &'a dyn RunProgress,
}

impl<'a> RunContext<'a> {
    pub(crate) fn new(
        request: RunRequest<'a>,
        judging: JudgingSettings,
        key: ListenerKey,
        staging: &Path,
    ) -> Result<Self, NightlyError> {
        let RunRequest { settings, options, places, progress } = request;
        let layouts = TableLayouts {
            plays: layout(plays::SCHEMA, &plays::SORTED_BY, places.root())?,
            trends: layout(trends::SCHEMA, &trends::SORTED_BY, places.root())?,
        };
        let stage = CurrentStage::default();
        let journal = RunJournal { progress, stages: StageTimes::default(), stage };
        let work = Workspace {
            staging: staging.to_owned(),
            buffers: RunBuffers::new(staging, options.memory_limit_bytes),
            layouts,
            journal,
            damaged_lists: BTreeSet::new(),
            checkpoint: None,
            readings: Mutex::default(),
        };
        Ok(Self { settings, judging, options, key, places, work })
    }
}

impl RunContext<'_> {
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
            play_buffer: &self.work.buffers.play_buffer,
            runs: &self.work.buffers.runs,
            rows: None,
            onlooker: None,
            segment_bytes_max: self.segment_bytes_max(),
            decode_mode: if n_reports < rayon::current_num_threads() {
                DecodeMode::OwnThread
            } else {
                DecodeMode::SameThread
            },
            n_readers: if n_reports < rayon::current_num_threads() {
                rayon::current_num_threads()
            } else {
                1
            },
            stages: &self.work.journal.stages,
        }
    }

    fn day_builder<'n>(&'n self, policy: &'n Policy) -> DayBuilder<'n> {
        DayBuilder {
            policy,
            layout: &self.work.layouts.plays,
            trends_layout: &self.work.layouts.trends,
            play_buffer: &self.work.buffers.play_buffer,
            work_bytes_max: (self.options.memory_limit_bytes / (2 * rayon::current_num_threads()))
                .max(1),
            stages: &self.work.journal.stages,
        }
    }

    /// Builds a date, and logs it under the path of its partition.
    pub(crate) fn build_date(
        &self,
        policy: &Policy,
        path: &str,
        task: &DayTask<'_>,
    ) -> Result<BuiltDay, PartitionError> {
        let numbers = |built: &BuiltDay| StepNumbers::of_date(&built.files, &built.outcomes);
        let build = || self.day_builder(policy).build(task);
        self.work.journal.stage.log_partition(path, build, numbers)
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

    /// Adds to what a run did what it took.
    pub(crate) fn finish(self, summary: RunSummary) -> RunSummary {
        let Workspace { buffers, journal, .. } = self.work;
        RunSummary {
            spilled_files: buffers.play_buffer.n_files(),
            stages: journal.stages.totals().to_vec(),
            ..summary
        }
    }
}

fn layout(schema: &str, sorted_by: &[i32], root: &Path) -> Result<TableLayout, PartitionError> {
    TableLayout::new(schema, sorted_by).map_err(PartitionError::parquet(root))
}
