//! What a backfill has finished: partitions that are complete, next to the snapshots, so that a backfill
//! that was interrupted goes on where it was. What is kept is used only where all that it was made of
//! is still the same.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use streamledger_core::filter::offline_repeats::OfflineKeys;
use streamledger_core::model::day::Day;
use streamledger_core::model::verdict::{Reason, Verdict};
use streamledger_storage::disk::disk_queue::DiskQueue;
use streamledger_storage::disk::durable::{
    DiskError, IoContext as _, link, make_folder, remove_tree, rename, sync, write_new,
};
use streamledger_storage::disk::reading::{exists, read_file};
use streamledger_storage::layout::ledger::FileEntry;
use streamledger_storage::layout::offline_keys::{NewList, read_keys};
use streamledger_storage::layout::partition_key::trends_path;
use streamledger_storage::layout::report_sums::MonthTotalsRecord;
use streamledger_storage::tables::partition::PartitionError;

use crate::build::build_day::{BuiltDay, DayOutcomes};
use crate::build::build_trends::BuiltTrends;
use crate::nightly::plan::planned::FinishedFiles;

/// Name of the file that says that a partition is complete.
const DONE: &str = "done.json";

/// The work of a backfill that is kept. It is put on the disk while the next is being made: a date that
/// was finished a moment before an interruption is made again.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    folder: PathBuf,
    queue: DiskQueue<CheckpointEntry>,
}

/// A partition to keep.
#[derive(Debug)]
struct CheckpointEntry {
    /// Its path.
    path: String,
    /// Where its files are.
    staged: PathBuf,
    done: FinishedPartition,
    /// Of a date: what is kept next to its files.
    day: Option<BesideFiles>,
}

/// What is kept of a date next to its files.
#[derive(Debug)]
struct BesideFiles {
    day: Day,
    keys: Arc<OfflineKeys>,
}

/// A partition that is complete.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FinishedPartition {
    fingerprint: String,
    files: Vec<FileEntry>,
    /// Of `sales_monthly`: what its rows come to.
    totals: Option<MonthTotalsRecord>,
    /// Of a date: what its late plays were taken to have in common with earlier dates.
    counted_earlier: Option<String>,
    /// Of a date: the list of its offline plays.
    keys: Option<FileEntry>,
    /// Of a date: its file of `trends_daily`.
    trends: Option<BuiltTrends>,
    /// Of a date: rows and plays by verdict and reason.
    outcomes: Vec<(String, Option<String>, u64, i64)>,
}

impl FinishedPartition {
    fn all_files(&self) -> impl Iterator<Item = &FileEntry> {
        let trends = self.trends.iter().flat_map(|trends| &trends.files);
        self.files.iter().chain(&self.keys).chain(trends)
    }
}

/// A date that is complete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DayCheckpoint<'a> {
    pub(crate) day: Day,
    pub(crate) built: &'a BuiltDay,
    pub(crate) keys: &'a Arc<OfflineKeys>,
    pub(crate) counted_earlier: Option<&'a str>,
}

/// A date that was finished by a backfill that was interrupted.
#[derive(Debug)]
pub(crate) struct CheckpointDay {
    pub(crate) built: BuiltDay,
    pub(crate) keys: OfflineKeys,
    pub(crate) counted_earlier: Option<String>,
}

impl Checkpoint {
    /// The work kept in a folder, which need not be there.
    pub(crate) fn new(folder: PathBuf) -> Self {
        let queue = DiskQueue::new({
            let folder = folder.clone();
            move |kept: CheckpointEntry| keep(&folder, kept)
        });
        Self { folder, queue }
    }

    /// Keeps a partition of lines or sums.
    pub(crate) fn keep_files(
        &self,
        path: &str,
        fingerprint: &str,
        staged: &Path,
        finished: &FinishedFiles,
    ) {
        let done = FinishedPartition {
            fingerprint: fingerprint.to_owned(),
            files: finished.files.clone(),
            totals: finished.totals.clone(),
            counted_earlier: None,
            keys: None,
            trends: None,
            outcomes: Vec::new(),
        };
        self.queue.add(CheckpointEntry {
            path: path.to_owned(),
            staged: staged.to_owned(),
            done,
            day: None,
        });
    }

    /// Keeps a date.
    pub(crate) fn keep_day(
        &self,
        path: &str,
        fingerprint: &str,
        staged: &Path,
        day: &DayCheckpoint<'_>,
    ) {
        let DayCheckpoint { day, built, keys, counted_earlier } = *day;
        let outcomes = built.outcomes.iter().map(|((verdict, reason), (rows, plays))| {
            let reason = reason.map(|reason| reason.as_str().to_owned());
            (verdict.as_str().to_owned(), reason, *rows, *plays)
        });
        let done = FinishedPartition {
            fingerprint: fingerprint.to_owned(),
            files: built.files.clone(),
            totals: None,
            counted_earlier: counted_earlier.map(str::to_owned),
            keys: None,
            trends: Some(built.trends.clone()),
            outcomes: outcomes.collect(),
        };
        let day = Some(BesideFiles { day, keys: Arc::clone(keys) });
        self.queue.add(CheckpointEntry {
            path: path.to_owned(),
            staged: staged.to_owned(),
            done,
            day,
        });
    }

    /// Waits until all is kept: what lies in staging may be moved from then on.
    ///
    /// # Errors
    /// [`DiskError`] if something could not be kept.
    pub(crate) fn finish(&self) -> Result<(), DiskError> {
        self.queue.finish()
    }

    /// Takes a kept partition into staging, if it was made of the same; `None` if there is none.
    pub(crate) fn take_files(
        &self,
        path: &str,
        fingerprint: &str,
        staged: &Path,
    ) -> Result<Option<FinishedFiles>, DiskError> {
        let Some(FinishedPartition { files, totals, .. }) = self.find(path, fingerprint) else {
            return Ok(None);
        };
        link_all(&files, &self.folder.join(path), &staged.join(path))?;
        Ok(Some(FinishedFiles { files, totals }))
    }

    /// The same for a date.
    pub(crate) fn take_day(
        &self,
        path: &str,
        fingerprint: &str,
        staged: &Path,
    ) -> Result<Option<CheckpointDay>, PartitionError> {
        let Some(done) = self.find(path, fingerprint) else {
            return Ok(None);
        };
        let Some(outcomes) = outcomes_of(&done) else {
            return Ok(None);
        };
        let (Some(keys), Some(trends)) = (&done.keys, done.trends) else {
            return Ok(None);
        };
        let from = self.folder.join(path);
        let keys = read_keys(&from.join(&keys.name))?;
        link_all(&done.files, &from, &staged.join(path))?;
        link_all(&trends.files, &from, &staged.join(trends_path(path)))?;
        let built = BuiltDay { files: done.files, trends, outcomes };
        Ok(Some(CheckpointDay { built, keys, counted_earlier: done.counted_earlier }))
    }

    fn find(&self, path: &str, fingerprint: &str) -> Option<FinishedPartition> {
        let folder = self.folder.join(path);
        let bytes = read_file(&folder.join(DONE)).ok()?;
        let done: FinishedPartition = serde_json::from_slice(&bytes).ok()?;
        let is_there = done.fingerprint == fingerprint
            && done.all_files().all(|file| file.is_whole_in(&folder));
        is_there.then_some(done)
    }

    /// Takes all away in one step, to a place that the next run clears at the latest.
    pub(crate) fn clear(&self, away: &Path) -> Result<(), DiskError> {
        if exists(&self.folder) {
            rename(&self.folder, away)?;
        }
        remove_tree(away)
    }
}

/// Puts a partition under the folder of what is kept. Its `done.json` comes last.
fn keep(root: &Path, kept: CheckpointEntry) -> Result<(), DiskError> {
    let CheckpointEntry { path, staged, mut done, day } = kept;
    let folder = root.join(&path);
    // What an attempt that was interrupted has left, or one under other settings.
    remove_tree(&folder)?;
    make_folder(&folder)?;
    if let Some(BesideFiles { day, keys }) = day {
        let list = NewList::new(folder.clone(), day, keys);
        list.write()?;
        done.keys = Some(list.entry);
    }
    link_all(&done.files, &staged.join(&path), &folder)?;
    if let Some(trends) = &done.trends {
        link_all(&trends.files, &staged.join(trends_path(&path)), &folder)?;
    }
    sync(&folder)?;
    let new = folder.join("done.new");
    let bytes = serde_json::to_vec(&done).map_err(std::io::Error::other).at("write", &new)?;
    write_new(&new, &bytes)?;
    rename(&new, &folder.join(DONE))
}

/// Links files into another folder, which is made.
fn link_all(files: &[FileEntry], from: &Path, to: &Path) -> Result<(), DiskError> {
    make_folder(to)?;
    files.iter().try_for_each(|file| link(&from.join(&file.name), &to.join(&file.name)))
}

fn outcomes_of(done: &FinishedPartition) -> Option<DayOutcomes> {
    let outcome = |(verdict, reason, rows, plays): &(String, Option<String>, u64, i64)| {
        let verdict = Verdict::ALL.into_iter().find(|known| known.as_str() == verdict)?;
        let reason = match reason {
            None => None,
            Some(name) => Some(Reason::ALL.into_iter().find(|known| known.as_str() == name)?),
        };
        Some(((verdict, reason), (*rows, *plays)))
    };
    done.outcomes.iter().map(outcome).collect()
}
