//! A date whose report was just read is built at once, while its plays are at hand, on the assumption
//! that no other report has plays of that date. Nearly always that is so, and a run then needs memory
//! for the dates at hand only. Where it turns out otherwise the date is built again with all of its
//! reports: what is published is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use streamledger_core::filter::offline_repeats::{OfflineKey, OfflineKeys};
use streamledger_core::model::day::Day;
use streamledger_core::model::report_id::ReportId;
use streamledger_core::normalize::tracks::KnownTracks;
use streamledger_storage::archive::archived_reports::{
    ArchiveWriter, CopyOutcome, NewReport, NotCopied, archive_queue,
};
use streamledger_storage::disk::disk_queue::DiskQueue;
use streamledger_storage::disk::durable::{DiskError, remove_file, remove_tree};
use streamledger_storage::disk::file_batch::FileBatch;
use streamledger_storage::encode::file::FileProvenance;
use streamledger_storage::layout::ledger::{FileEntry, Manifest, inputs_hash};
use streamledger_storage::layout::offline_keys::{DateKeys, OfflineKeyIndex, name_of_keys};
use streamledger_storage::layout::partition_key::{plays_path, trends_path};
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;

use crate::build::build_day::{BuiltDay, DayTask, collect_offline_keys};
use crate::intake::examine::ExaminedReport;
use crate::intake::play_buffer::{ReportDay, SpillablePlays};
use crate::nightly::build::checkpoint::DayCheckpoint;
use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::intake::ordered_barrier::OrderedBarrier;
use crate::nightly::plan::planned::PlannedPartition;
use crate::nightly::plan::planning::Targets;

/// Dates that were built at once.
pub(crate) type SpeculativeBuilds = BTreeMap<(String, Day), SpeculativeBuild>;

/// A date that was built at once.
#[derive(Debug)]
pub(crate) struct SpeculativeBuild {
    /// The report that it was built from; `None` if a backfill that was interrupted had finished it,
    /// of whatever it was made.
    pub(crate) report: Option<String>,
    pub(crate) built: BuiltDay,
    /// Keys of its offline plays.
    pub(crate) keys: Arc<OfflineKeys>,
    /// Name of the keys that it was taken to have in common with earlier dates.
    pub(crate) counted_earlier: Option<String>,
    /// Where those keys were looked for, and what was found; `None` for a date that was finished before.
    pub(crate) looked_up: Option<LookedUp>,
}

/// What came of looking for the late plays of a date under the dates before it.
#[derive(Debug)]
pub(crate) struct LookedUp {
    pub(crate) near: OfflineKeyIndex,
    pub(crate) found: Vec<OfflineKey>,
}

/// A date of a report that no other report is known to have.
#[derive(Debug)]
pub(crate) struct ClaimedDate {
    store: String,
    day: Day,
    id: ReportId,
    /// Hash of the report.
    hash: String,
    segments: Vec<SpillablePlays>,
    /// Keys of its offline plays.
    keys: Arc<OfflineKeys>,
}

/// Which dates may be built at once, and those that were.
pub(crate) struct SpeculativeBuilder<'a> {
    staged: &'a Path,
    /// Stores and dates of known reports, with the report if it is the only one.
    known: BTreeMap<(String, Day), Option<String>>,
    claimed: Mutex<BTreeSet<(String, Day)>>,
    built: Mutex<SpeculativeBuilds>,
    /// Keys of published dates, and of those that were read in this run so far.
    index: Mutex<OfflineKeyIndex>,
    /// Dates with late plays, by the number of their report.
    pub(crate) barrier: OrderedBarrier<ClaimedDate>,
    /// By path, what the dates that a backfill makes depend on.
    pub(crate) fingerprints: BTreeMap<String, String>,
    /// Copies what is ingested.
    pub(crate) archiver: DiskQueue<NewReport>,
    /// What could not be copied as it was read.
    not_copied: NotCopied,
    /// The copies.
    archive: Arc<Mutex<ArchiveWriter>>,
}

/// What was made of reports while they were read.
#[derive(Default)]
pub(crate) struct FinishedIntake {
    /// The dates that were built.
    pub(crate) builds: SpeculativeBuilds,
    /// The files that could not be copied as they were read.
    pub(crate) not_copied: BTreeMap<PathBuf, CopyOutcome>,
    /// Copies for the archive.
    pub(crate) copies: FileBatch,
}

impl<'a> SpeculativeBuilder<'a> {
    pub(crate) fn new(
        staged: &'a Path,
        previous: &'a Manifest,
        places: &WarehouseLayout,
        index: OfflineKeyIndex,
    ) -> Self {
        let mut known = BTreeMap::new();
        for (key, report) in previous.reports.iter().filter(|(_, report)| report.is_active()) {
            for date in report.days.keys().filter_map(|date| date.parse().ok()) {
                let day = Day(chrono::NaiveDate::to_epoch_days(&date));
                known
                    .entry((report.store.clone(), day))
                    .and_modify(|only| *only = None)
                    .or_insert_with(|| Some(key.clone()));
            }
        }
        let not_copied = NotCopied::default();
        let batch = FileBatch::new(&places.internal("staging"));
        let archive = Arc::new(Mutex::new(ArchiveWriter::new(places, batch)));
        Self {
            staged,
            known,
            claimed: Mutex::default(),
            built: Mutex::default(),
            index: Mutex::new(index),
            barrier: OrderedBarrier::new(2 * rayon::current_num_threads()),
            fingerprints: BTreeMap::new(),
            archiver: archive_queue(&archive, &not_copied),
            not_copied,
            archive,
        }
    }

    /// What was made of the reports while they were read, once all are copied.
    pub(crate) fn finish(self) -> Result<FinishedIntake, NightlyError> {
        self.archiver.finish()?;
        let not_copied = self.not_copied.lock().map(|mut all| std::mem::take(&mut *all));
        let copies = self.archive.lock().map(|mut archive| archive.take_batch());
        Ok(FinishedIntake {
            builds: self.built.into_inner().unwrap_or_default(),
            not_copied: not_copied.unwrap_or_default(),
            copies: copies.unwrap_or_default(),
        })
    }

    /// Lets later dates look up the offline plays of this one.
    pub(crate) fn tell(&self, store: &str, day: Day, keys: &Arc<OfflineKeys>) {
        if let Ok(mut index) = self.index.lock() {
            let date = (store.to_owned(), day);
            index.dates.insert(date, DateKeys::Memory(Arc::clone(keys)));
        }
    }

    /// Whether no other report is known to have this date.
    fn claim(&self, date: &(String, Day), key: &str) -> bool {
        let is_free = self.known.get(date).is_none_or(|only| only.as_deref() == Some(key));
        is_free && self.claimed.lock().is_ok_and(|mut claimed| claimed.insert(date.clone()))
    }
}

/// Takes those dates out of a report that no other report is known to have, and lets others look up their
/// offline plays.
pub(crate) fn claim_dates(
    run: &RunContext<'_>,
    early: &SpeculativeBuilder<'_>,
    store: &str,
    report: &mut ExaminedReport,
) -> Result<Vec<ClaimedDate>, NightlyError> {
    if !run.settings.stores.contains_key(store) {
        return Ok(Vec::new());
    }
    let id = report.id(store);
    let (hash, key) = (hex::encode(report.hash), id.to_hex());
    let days: Vec<Day> = report.days.keys().copied().collect();
    let mut claimed = Vec::new();
    for day in days {
        if early.claim(&(store.to_owned(), day), &key)
            && let Some(ReportDay { segments, .. }) = report.days.remove(&day)
        {
            let no_tracks = KnownTracks::default();
            let keys = keys_of_segments(run, segments.iter(), &no_tracks, store, day)?;
            early.tell(store, day, &keys);
            let (store, hash) = (store.to_owned(), hash.clone());
            claimed.push(ClaimedDate { store, day, id, hash, segments, keys });
        }
    }
    Ok(claimed)
}

/// Builds claimed dates of a report, which has this number: those with late plays when the reports before
/// it are read. The dates of others that may be built then are built too.
pub(crate) fn build_claimed(
    run: &RunContext<'_>,
    early: &SpeculativeBuilder<'_>,
    number: usize,
    claimed: Vec<ClaimedDate>,
) -> Result<(), NightlyError> {
    let (later, now): (Vec<_>, Vec<_>) =
        claimed.into_iter().partition(|date| !date.keys.late.is_empty());
    let ready = early.barrier.complete(number, later);
    now.into_iter().chain(ready).try_for_each(|date| build_early(run, early, date))
}

fn build_early(
    run: &RunContext<'_>,
    early: &SpeculativeBuilder<'_>,
    claimed: ClaimedDate,
) -> Result<(), NightlyError> {
    let ClaimedDate { store, day, id, hash, segments, keys } = claimed;
    let (policy, policy_hash) = run.policy_of(&store, day);
    let Some(settings) = run.store_of(&store, &day.month().to_string()) else {
        return Ok(());
    };
    let days_max = policy.duplicate.offline_days_max;
    let near =
        early.index.lock().map(|index| index.near(&store, day, days_max)).unwrap_or_default();
    let found = near.counted_earlier(&store, day, days_max, &keys.late)?;
    let path = plays_path(&store, &day.to_string());
    let task = DayTask {
        store: settings,
        day,
        segments: Mutex::new(BTreeMap::from([(id.0, segments)])),
        // A date with a list of tracks is built with all its reports.
        tracks: KnownTracks::default(),
        counted_earlier: found.clone(),
        trends_folder: early.staged.join(trends_path(&path)),
        folder: early.staged.join(&path),
        provenance: FileProvenance {
            inputs: inputs_hash(std::iter::once(hash.as_str())),
            policy: policy_hash.to_owned(),
        },
    };
    let speculative_build = SpeculativeBuild {
        report: Some(id.to_hex()),
        built: run.build_date(policy, &path, &task)?,
        keys,
        counted_earlier: name_of_keys(&found),
        looked_up: Some(LookedUp { near, found }),
    };
    keep_early(run, early, &store, day, &speculative_build);
    if let Ok(mut all) = early.built.lock() {
        all.insert((store, day), speculative_build);
    }
    Ok(())
}

/// Keeps a date that a backfill has finished.
fn keep_early(
    run: &RunContext<'_>,
    early: &SpeculativeBuilder<'_>,
    store: &str,
    day: Day,
    finished: &SpeculativeBuild,
) {
    let path = plays_path(store, &day.to_string());
    let (Some(checkpoint), Some(fingerprint)) =
        (&run.work.checkpoint, early.fingerprints.get(&path))
    else {
        return;
    };
    let day = DayCheckpoint {
        day,
        built: &finished.built,
        keys: &finished.keys,
        counted_earlier: finished.counted_earlier.as_deref(),
    };
    checkpoint.keep_day(&path, fingerprint, early.staged, &day);
}

/// Dates that were built at once from just the reports that feed them; the others are cleared away.
pub(crate) fn usable_builds(
    targets: &Targets,
    builds: SpeculativeBuilds,
    staged: &Path,
) -> Result<SpeculativeBuilds, NightlyError> {
    let mut usable = SpeculativeBuilds::new();
    for ((store, day), early) in builds {
        let path = plays_path(&store, &day.to_string());
        let is_fed_by =
            |report: &String, planned: &PlannedPartition| planned.reports == [report.as_str()];
        let is_usable = targets.get(&path).is_some_and(|planned| {
            planned.is_stale()
                && early.report.as_ref().is_none_or(|report| is_fed_by(report, planned))
        });
        if is_usable {
            usable.insert((store, day), early);
        } else {
            drop_early(staged, &path, &early, "it has more than one report")?;
        }
    }
    Ok(usable)
}

/// Clears away a date that was built at once on a wrong assumption.
pub(crate) fn drop_early(
    staged: &Path,
    path: &str,
    early: &SpeculativeBuild,
    why: &str,
) -> Result<(), DiskError> {
    tracing::info!(%path, why, "a date is built again");
    let month = staged.join(trends_path(path));
    for FileEntry { name, .. } in &early.built.trends.files {
        remove_file(&month.join(name))?;
    }
    remove_tree(&staged.join(path))
}

pub(crate) fn keys_of_segments<'s>(
    run: &RunContext<'_>,
    segments: impl Iterator<Item = &'s SpillablePlays>,
    tracks: &KnownTracks,
    store: &str,
    day: Day,
) -> Result<Arc<OfflineKeys>, NightlyError> {
    let (policy, _) = run.policy_of(store, day);
    let keys = run
        .work
        .journal
        .stages
        .judge
        .time(|| collect_offline_keys(segments, tracks, day, policy))?;
    Ok(Arc::new(keys))
}
