//! One store and counted date: its plays joined, judged, sorted, summed and written.
//!
//! A date that fits the memory is judged at once. A larger one is judged share by share of its
//! listeners; each share leaves a sorted run on disk, and the runs are merged into the same rows in
//! the same order.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use parquet::errors::ParquetError;
use rayon::prelude::*;
use streamledger_core::aggregate::gathered::GatheredPlays;
use streamledger_core::aggregate::track_order::order_by_track;
use streamledger_core::aggregate::trends_daily::{DayTrends, TrendSums, sum_trends};
use streamledger_core::filter::offline_repeats::{OfflineKey, OfflineKeys};
use streamledger_core::filter::order::judge_plays;
use streamledger_core::filter::policy::Policy;
use streamledger_core::model::day::Day;
use streamledger_core::model::play::{PlayAttributes, Plays, ReportPlays};
use streamledger_core::model::verdict::{Finding, Reason, Verdict};
use streamledger_core::normalize::join::join_pieces;
use streamledger_core::normalize::store::StoreSettings;
use streamledger_core::normalize::tracks::KnownTracks;
use streamledger_parquet_pages::file::EncodedRowGroup;
use streamledger_storage::disk::durable::DiskError;
use streamledger_storage::disk::stages::StageTimes;
use streamledger_storage::encode::file::{
    FileProvenance, PAGE_ROWS, ROW_GROUP_ROWS_MAX, TableLayout,
};
use streamledger_storage::encode::plays::{PageMaker, PlaysEncoder, encode_plays};
use streamledger_storage::layout::ledger::FileEntry;
use streamledger_storage::tables::partition::{PartitionError, PartitionWriter};

use crate::build::build_trends::{BuiltTrends, EncodedTrends, TrendsEncoder};
use crate::build::merge::{RunFile, merge_runs};
use crate::intake::play_buffer::{BUCKETS, PlayBuffer, SpillablePlays};

/// Bytes that judging and sorting a play takes besides the play itself.
const WORK_BYTES_PER_PLAY: usize = 160;

/// The same where plays come from disk: what they have in common is in every block anew until it is
/// joined.
const SHARE_BYTES_PER_PLAY: usize = 320;

/// What building a date needs to know.
#[derive(Clone, Copy)]
pub struct DayBuilder<'a> {
    /// The numbers of the rules.
    pub policy: &'a Policy,
    /// Layout of `plays`.
    pub layout: &'a TableLayout,
    /// Layout of `trends_daily`.
    pub trends_layout: &'a TableLayout,
    /// Who held the plays.
    pub play_buffer: &'a PlayBuffer,
    /// Memory that one date may take, in bytes.
    pub work_bytes_max: usize,
    /// Where the time goes.
    pub stages: &'a StageTimes,
}

/// A date to build.
#[derive(Debug)]
pub struct DayTask<'a> {
    /// The store's settings.
    pub store: &'a StoreSettings,
    /// Counted date.
    pub day: Day,
    /// Its plays, by hash of the report. Taken out when the date is built.
    pub segments: Mutex<BTreeMap<[u8; 32], Vec<SpillablePlays>>>,
    /// The store's own list of tracks for this date.
    pub tracks: KnownTracks,
    /// Keys, ascending, of its late offline plays that earlier dates have too.
    pub counted_earlier: Vec<OfflineKey>,
    /// The partition's folder in staging.
    pub folder: PathBuf,
    /// The folder of its month of `trends_daily` in staging.
    pub trends_folder: PathBuf,
    /// What the footer says.
    pub provenance: FileProvenance,
}

impl DayTask<'_> {
    /// Number of its plays' rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.segments.lock().map_or(0, |segments| count_rows(&segments))
    }
}

fn count_rows(segments: &BTreeMap<[u8; 32], Vec<SpillablePlays>>) -> usize {
    segments.values().flatten().map(SpillablePlays::n_rows).sum()
}

/// A built date.
#[derive(Debug)]
pub struct BuiltDay {
    /// Its files.
    pub files: Vec<FileEntry>,
    /// Its file of `trends_daily`.
    pub trends: BuiltTrends,
    /// Rows and plays by verdict and reason.
    pub outcomes: DayOutcomes,
}

/// Files of `plays`, those of `trends_daily`, and what was decided.
type WrittenDay = (Vec<FileEntry>, BuiltTrends, DayOutcomes);

/// Rows and plays by verdict and reason.
pub type DayOutcomes = BTreeMap<(Verdict, Option<Reason>), (u64, i64)>;

impl DayBuilder<'_> {
    /// Builds a date.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn build(&self, task: &DayTask<'_>) -> Result<BuiltDay, PartitionError> {
        let segments =
            task.segments.lock().map(|mut s| std::mem::take(&mut *s)).unwrap_or_default();
        let n_rows = count_rows(&segments);
        let n_shares = if n_rows * WORK_BYTES_PER_PLAY <= self.work_bytes_max {
            1
        } else {
            (n_rows * SHARE_BYTES_PER_PLAY).div_ceil(self.work_bytes_max).clamp(2, BUCKETS)
        };
        let writer =
            PartitionWriter::new(task.folder.clone(), self.layout, &task.provenance, self.stages)?;
        let (files, trends, outcomes) = if n_shares == 1 {
            self.build_at_once(task, segments, writer)?
        } else {
            self.build_in_shares(task, segments, n_shares, writer)?
        };
        let n_written: u64 = files.iter().map(|file| file.rows).sum();
        let n_judged: u64 = outcomes.values().map(|(rows, _)| rows).sum();
        if (n_written, n_judged) != (n_rows as u64, n_rows as u64) {
            let message = format!("{n_rows} in, {n_judged} judged, {n_written} written");
            return Err(PartitionError::NotConserved { path: task.folder.clone(), message });
        }
        Ok(BuiltDay { files, trends, outcomes })
    }

    fn build_at_once(
        &self,
        task: &DayTask<'_>,
        segments: BTreeMap<[u8; 32], Vec<SpillablePlays>>,
        mut writer: PartitionWriter<'_>,
    ) -> Result<WrittenDay, PartitionError> {
        let mut pieces = Vec::new();
        for (report, segments) in segments {
            for segment in segments {
                match segment {
                    SpillablePlays::Memory(piece) => {
                        self.play_buffer.release(&piece);
                        pieces.push(ReportPlays { report, ..piece });
                    }
                    SpillablePlays::Disk(_) => {
                        pieces.extend(segment.read_buckets(&(0..BUCKETS), report)?)
                    }
                }
            }
        }
        let (plays, order) = self.judge(task, pieces);
        let mut sums = DaySums::new(&plays, self.policy);
        let mut last = None;
        for order in order.chunks(ROW_GROUP_ROWS_MAX) {
            let row_group = self.encode_and_sum(&plays, order, &mut sums);
            let row_group = row_group.map_err(PartitionError::parquet(&task.folder))?;
            last.replace(row_group).map_or(Ok(()), |before| writer.push(before))?;
        }
        let (trends, outcomes) = self.stages.aggregate.time(|| sums.finish(self.policy));
        drop((plays, order));
        let (trends, files) = rayon::join(
            || {
                let encode = || EncodedTrends::new(task.day, &trends, self.trends_layout);
                self.write_trends(task, self.stages.encode.time(encode))
            },
            || {
                last.map_or(Ok(()), |row_group| writer.push(row_group))?;
                writer.finish()
            },
        );
        Ok((files?, trends?, outcomes))
    }

    fn write_trends(
        &self,
        task: &DayTask<'_>,
        trends: Result<EncodedTrends, ParquetError>,
    ) -> Result<BuiltTrends, PartitionError> {
        let trends = trends.map_err(PartitionError::parquet(&task.trends_folder))?;
        let DayTask { day, trends_folder, provenance, .. } = task;
        let folder = trends_folder.clone();
        let writer = PartitionWriter::new(folder, self.trends_layout, provenance, self.stages)?;
        trends.write(*day, writer)
    }

    /// Encodes the rows at these places and sums them, page by page: plays lie all over the memory, and
    /// are fetched once for both.
    fn encode_and_sum(
        &self,
        plays: &Plays,
        order: &[u32],
        sums: &mut DaySums<'_>,
    ) -> Result<EncodedRowGroup, ParquetError> {
        let StageTimes { encode, aggregate, .. } = self.stages;
        let encoder = encode.time(|| PlaysEncoder::new(plays, order, self.policy));
        let n_at_once = rayon::current_num_threads();
        let mut lots: Vec<(GatheredPlays, PageMaker)> = Vec::new();
        lots.resize_with(n_at_once, Default::default);
        let mut pages = Vec::new();
        for order in order.chunks(n_at_once * PAGE_ROWS) {
            let n_pages = order.len().div_ceil(PAGE_ROWS);
            let lots = &mut lots[..n_pages];
            lots.par_iter_mut().zip(order.par_chunks(PAGE_ROWS)).for_each(
                |((gathered, _), order)| {
                    encode.time(|| gathered.gather(plays, order));
                },
            );
            let (gathered, makers): (Vec<&GatheredPlays>, Vec<&mut PageMaker>) =
                lots.iter_mut().map(|(gathered, maker)| (&*gathered, maker)).unzip();
            let pages_of = |(gathered, maker): (&&GatheredPlays, &mut PageMaker)| {
                encode.time(|| encoder.encode_pages(maker, gathered))
            };
            let (encoded, ()) = rayon::join(
                || gathered.par_iter().zip(makers).map(pages_of).collect::<Result<Vec<_>, _>>(),
                || aggregate.time(|| gathered.iter().for_each(|gathered| sums.take(gathered))),
            );
            pages.extend(encoded?);
        }
        encode.time(|| encoder.finish(&self.layout.schema, pages))
    }

    fn judge(&self, task: &DayTask<'_>, mut pieces: Vec<ReportPlays>) -> (Plays, Vec<u32>) {
        if !task.tracks.is_empty() {
            pieces.iter_mut().for_each(|piece| task.tracks.fill(piece));
        }
        let mut plays = self.stages.join.time(|| join_pieces(pieces));
        self.stages.judge.time(|| {
            judge_plays(&mut plays, task.day, task.store, self.policy, &task.counted_earlier);
        });
        plays.by_listener = Vec::new();
        let order = self.stages.sort.time(|| order_by_track(&plays));
        (plays, order)
    }

    fn encode(
        &self,
        task: &DayTask<'_>,
        plays: &Plays,
        order: &[u32],
        writer: &mut PartitionWriter<'_>,
    ) -> Result<(), PartitionError> {
        for order in order.chunks(ROW_GROUP_ROWS_MAX) {
            let row_group = self
                .stages
                .encode
                .time(|| encode_plays(plays, order, self.policy, &self.layout.schema))
                .map_err(PartitionError::parquet(&task.folder))?;
            writer.push(row_group)?;
        }
        Ok(())
    }

    fn build_in_shares(
        &self,
        task: &DayTask<'_>,
        segments: BTreeMap<[u8; 32], Vec<SpillablePlays>>,
        n_shares: usize,
        mut writer: PartitionWriter<'_>,
    ) -> Result<WrittenDay, PartitionError> {
        let (mut runs, mut outcomes) = (Vec::new(), DayOutcomes::new());
        for share in 0..n_shares {
            let buckets = share * BUCKETS / n_shares..(share + 1) * BUCKETS / n_shares;
            let mut pieces = Vec::new();
            for (report, segments) in &segments {
                for segment in segments {
                    pieces.extend(segment.read_buckets(&buckets, *report)?);
                }
            }
            let (plays, order) = self.judge(task, pieces);
            for (outcome, (rows, n_plays)) in count_outcomes(&plays, self.policy) {
                let sums = outcomes.entry(outcome).or_default();
                *sums = (sums.0 + rows, sums.1 + n_plays);
            }
            runs.push(RunFile::write(self.play_buffer.new_path("run"), &plays, &order)?);
        }
        for segment in segments.into_values().flatten() {
            if let SpillablePlays::Memory(piece) = &segment {
                self.play_buffer.release(piece);
            }
        }
        let mut trends = TrendsEncoder::new(task.day, self.trends_layout);
        let in_order = |plays: &Plays| (0_u32..).take(plays.rows.len()).collect::<Vec<u32>>();
        merge_runs(
            &runs,
            |plays| self.encode(task, plays, &in_order(plays), &mut writer),
            |plays| {
                let sum = || sum_trends(plays, &in_order(plays), self.policy);
                let sums = self.stages.aggregate.time(sum);
                let added = self.stages.encode.time(|| trends.add(&sums));
                added.map_err(PartitionError::parquet(&task.trends_folder))
            },
        )?;
        let trends = self.stages.encode.time(|| trends.finish());
        Ok((writer.finish()?, self.write_trends(task, trends)?, outcomes))
    }
}

/// Buckets of a piece that are read back at once; divides [`BUCKETS`].
const BUCKETS_AT_ONCE: usize = 16;

/// Keys of the offline plays of a date, as the segments of its reports have them.
///
/// # Errors
/// [`DiskError`] if plays on disk cannot be read.
pub fn collect_offline_keys<'a>(
    segments: impl Iterator<Item = &'a SpillablePlays>,
    tracks: &KnownTracks,
    day: Day,
    policy: &Policy,
) -> Result<OfflineKeys, DiskError> {
    let days_max = policy.duplicate.offline_days_max;
    let mut keys = OfflineKeys::default();
    for segment in segments {
        match segment {
            SpillablePlays::Memory(piece) => keys.add(piece, tracks, day, days_max),
            SpillablePlays::Disk(_) => {
                for start in (0..BUCKETS).step_by(BUCKETS_AT_ONCE) {
                    for piece in segment.read_buckets(&(start..start + BUCKETS_AT_ONCE), [0; 32])? {
                        keys.add(&piece, tracks, day, days_max);
                    }
                }
            }
        }
    }
    keys.settle();
    Ok(keys)
}

/// What is summed of a date: its trends, and rows and plays by reason.
struct DaySums<'a> {
    trends: TrendSums<'a>,
    kinds: &'a [PlayAttributes],
    /// By code of the reason, 0 for none.
    by_reason: ByReason,
}

impl<'a> DaySums<'a> {
    fn new(plays: &'a Plays, policy: &Policy) -> Self {
        let by_reason = ByReason::default();
        Self { trends: TrendSums::new(plays, policy), kinds: &plays.words.kinds, by_reason }
    }

    fn take(&mut self, gathered: &GatheredPlays) {
        for (play, reason) in gathered.rows.iter().zip(&gathered.findings) {
            let n_plays = self.kinds[play.kind as usize].plays;
            let sums = &mut self.by_reason[usize::from(*reason)];
            *sums = (sums.0 + 1, sums.1 + i64::from(n_plays));
        }
        self.trends.take(gathered);
    }

    fn finish(self, policy: &Policy) -> (DayTrends, DayOutcomes) {
        (self.trends.finish(), outcomes_of(self.by_reason, policy))
    }
}

/// Rows and plays by code of what a rule found, 0 for nothing.
type ByReason = [(u64, i64); Finding::COUNT + 1];

fn count_outcomes(plays: &Plays, policy: &Policy) -> DayOutcomes {
    let mut by_reason = ByReason::default();
    for (play, marked) in plays.rows.iter().zip(&plays.marked) {
        let sums = &mut by_reason
            [plays.mark_of(*marked).map_or(0, |mark| usize::from(mark.finding.code()))];
        *sums = (sums.0 + 1, sums.1 + i64::from(plays.kind(play).plays));
    }
    outcomes_of(by_reason, policy)
}

fn outcomes_of(by_reason: ByReason, policy: &Policy) -> DayOutcomes {
    let findings = std::iter::once(None).chain(Finding::all().map(Some));
    let mut outcomes = DayOutcomes::default();
    for (finding, (rows, plays)) in findings.zip(by_reason).filter(|(_, (rows, _))| *rows != 0) {
        let outcome = (policy.verdict(finding), finding.map(Finding::reason));
        let sums = outcomes.entry(outcome).or_default();
        *sums = (sums.0 + rows, sums.1 + plays);
    }
    outcomes
}
