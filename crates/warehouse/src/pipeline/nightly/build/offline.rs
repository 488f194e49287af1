//! Offline plays across counted dates: which late plays of a date stand under an earlier date too. A
//! change of one date may so reach dates up to the policy's number of days after it; only those that
//! really share a play with it are made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use streamledger_core::filter::offline_repeats::{OfflineKey, OfflineKeys};
use streamledger_core::model::day::Day;
use streamledger_core::normalize::tracks::KnownTracks;

use crate::pipeline::build::build_day::collect_offline_keys;
use crate::pipeline::intake::play_buffer::SpillablePlays;
use crate::pipeline::nightly::build::day_inputs::DayInputs;
use crate::pipeline::nightly::context::Night;
use crate::pipeline::nightly::error::NightlyError;
use crate::pipeline::nightly::intake::speculative_build::{LookedUp, SpeculativeBuilds};
use crate::pipeline::nightly::plan::planned::{Kind, Plan, PlannedPartition};
use crate::pipeline::partition_paths::trends_path;
use crate::storage::layout::ledger::{FileEntry, Manifest};
use crate::storage::layout::offline_keys::{
    DateKeys, KeyProbe, ListFile, NewList, OfflineKeyIndex, before, name_of_keys, offline_folder,
};

/// A store and counted date.
type Date = (String, Day);

/// What is known of a date's offline plays.
#[derive(Debug, Default)]
pub(crate) struct OfflineDate {
    pub(crate) file: Option<FileEntry>,
    /// Name of the keys that earlier dates have too.
    pub(crate) counted_earlier: Option<String>,
    /// The keys of its plays, where the date is made anew.
    pub(crate) keys: Option<Arc<OfflineKeys>>,
    /// Those keys that earlier dates have too, where the date is made anew.
    pub(crate) earlier_keys: Vec<OfflineKey>,
}

/// What is known of all dates, by path of the partition of `plays`.
pub(crate) type OfflineDates = BTreeMap<String, OfflineDate>;

impl Night<'_> {
    /// The keys of what is published, but for lists that were found damaged.
    pub(crate) fn published_keys(&self, manifest: &Manifest) -> OfflineKeyIndex {
        let snapshot = self.places.snapshot(manifest.snapshot);
        let mut index = OfflineKeyIndex::default();
        for (path, partition) in &manifest.partitions {
            if let (Some(date), Some(file)) = (date_of(path), &partition.offline_keys)
                && !self.damaged_lists.contains(path)
            {
                index.dates.insert(date, DateKeys::File(ListFile::new(&snapshot, path, file)));
            }
        }
        index
    }

    /// Has the keys of dates written that have some; gives the files by partition.
    fn write_fresh_keys(
        &self,
        plan: &Plan,
        fresh: &BTreeMap<Date, Arc<OfflineKeys>>,
        staged: &Path,
    ) -> BTreeMap<String, FileEntry> {
        let snapshot = staged.parent().unwrap_or(staged);
        let planned: Vec<(&String, &PlannedPartition)> = plan.targets.iter().collect();
        let files = planned.par_iter().with_max_len(1).filter_map(|(path, planned)| {
            let Kind::Plays { store, day } = &planned.kind else {
                return None;
            };
            let keys = fresh.get(&(store.clone(), *day)).filter(|keys| !keys.is_empty())?;
            let list = NewList::new(snapshot.join(offline_folder(path)), *day, Arc::clone(keys));
            let file = ((*path).clone(), list.entry.clone());
            self.lists.add(list);
            Some(file)
        });
        files.collect()
    }

    pub(crate) fn keys_of_segments<'s>(
        &self,
        segments: impl Iterator<Item = &'s SpillablePlays>,
        tracks: &KnownTracks,
        store: &str,
        day: Day,
    ) -> Result<Arc<OfflineKeys>, NightlyError> {
        let (policy, _) = self.policy_of(store, day);
        let keys =
            self.stages.judge.time(|| collect_offline_keys(segments, tracks, day, policy))?;
        Ok(Arc::new(keys))
    }

    /// Settles for all dates which of their late plays earlier dates have too. Dates for which that has
    /// changed become stale, with their months. The keys of stale dates are written to staging.
    pub(crate) fn settle_offline(
        &self,
        plan: &mut Plan,
        inputs: &DayInputs,
        former: &Manifest,
        staged: &Path,
    ) -> Result<OfflineDates, NightlyError> {
        let published = self.published_keys(former);
        let fresh = self.fresh_keys(plan, inputs)?;
        let mut files = self.write_fresh_keys(plan, &fresh, staged);
        let mut dates = OfflineDates::new();
        let mut index = OfflineKeyIndex::default();
        let mut changed: BTreeMap<Date, [Option<DateKeys>; 2]> = BTreeMap::new();
        for (path, planned) in &plan.targets {
            let Kind::Plays { store, day } = &planned.kind else {
                continue;
            };
            let date = (store.clone(), *day);
            let before = former.partitions.get(path);
            let mut known = OfflineDate::default();
            if let Some(keys) = fresh.get(&date) {
                known.keys = Some(Arc::clone(keys));
                known.file = files.remove(path);
                if !keys.is_empty() {
                    index.dates.insert(date.clone(), DateKeys::Memory(Arc::clone(keys)));
                }
            } else if let Some(before) = before {
                known.file.clone_from(&before.offline_keys);
                known.counted_earlier.clone_from(&before.counted_earlier);
                if let Some(keys) = published.dates.get(&date) {
                    index.dates.insert(date.clone(), keys.clone());
                }
            }
            let file_before = before.and_then(|partition| partition.offline_keys.as_ref());
            let is_other = file_before.map(|file| &file.blake3)
                != known.file.as_ref().map(|file| &file.blake3);
            if is_other || self.damaged_lists.contains(path) {
                let keys = [&published, &index].map(|index| index.dates.get(&date).cloned());
                changed.insert(date, keys);
            }
            dates.insert(path.clone(), known);
        }
        for path in former.partitions.keys().filter(|path| !plan.targets.contains_key(*path)) {
            let Some(date) = date_of(path) else {
                continue;
            };
            let keys = published.dates.get(&date).cloned();
            if keys.is_some() || self.damaged_lists.contains(path) {
                changed.insert(date, [keys, None]);
            }
        }
        self.look_up(plan, &inputs.early, &index, &changed, &mut dates)?;
        Ok(dates)
    }

    /// The keys of the dates that are stale for their own inputs.
    fn fresh_keys(
        &self,
        plan: &Plan,
        inputs: &DayInputs,
    ) -> Result<BTreeMap<Date, Arc<OfflineKeys>>, NightlyError> {
        let no_tracks = KnownTracks::default();
        let stale: Vec<_> = plan.targets.values().filter(|planned| planned.is_stale).collect();
        let keys = stale
            .par_iter()
            .with_max_len(1)
            .filter_map(|planned| match &planned.kind {
                Kind::Plays { store, day } => Some((planned, (store.clone(), *day))),
                _ => None,
            })
            .map(|(planned, date)| {
                if let Some(early) = inputs.early.get(&date) {
                    return Ok((date, Arc::clone(&early.keys)));
                }
                let of_day = |key| inputs.fresh.get(key)?.get(&date.1);
                let segments = planned.reports.iter().filter_map(of_day).flatten();
                let tracks = inputs.tracks.get(&date).unwrap_or(&no_tracks);
                let keys = self.keys_of_segments(segments, tracks, &date.0, date.1)?;
                Ok((date, keys))
            })
            .collect::<Result<_, NightlyError>>()?;
        Ok(keys)
    }
}

impl Night<'_> {
    /// Looks up the late plays of the dates for which something may have changed.
    fn look_up(
        &self,
        plan: &mut Plan,
        early: &SpeculativeBuilds,
        index: &OfflineKeyIndex,
        changed: &BTreeMap<Date, [Option<DateKeys>; 2]>,
        dates: &mut OfflineDates,
    ) -> Result<(), NightlyError> {
        let planned: Vec<(&String, &str, Day, bool)> = plan
            .targets
            .iter()
            .filter_map(|(path, planned)| match &planned.kind {
                Kind::Plays { store, day } => Some((path, store.as_str(), *day, planned.is_stale)),
                _ => None,
            })
            .collect();
        // Nobody knows what stood in a damaged list: whatever looks there is looked up again.
        let unknown: BTreeSet<Date> =
            self.damaged_lists.iter().filter_map(|path| date_of(path)).collect();
        let found: Vec<(String, Vec<OfflineKey>)> = planned
            .par_iter()
            .map(|(path, store, day, is_stale)| {
                let date = ((*store).to_owned(), *day);
                let days_max = self.policy_of(store, *day).0.duplicate.offline_days_max;
                let mut changed = changed.range(before(store, *day, days_max)).peekable();
                let keys = index.dates.get(&date);
                if !is_stale && changed.peek().is_none() {
                    return Ok(None);
                }
                let looked_up = early.get(&date).and_then(|early| early.looked_up.as_ref());
                if let Some(LookedUp { near, found }) = looked_up
                    && *near == index.near(store, *day, days_max)
                {
                    return Ok(Some(((*path).clone(), found.clone())));
                }
                let late = keys.map(DateKeys::late).transpose()?.unwrap_or_default();
                let is_unknown = changed.clone().any(|(date, _)| unknown.contains(date));
                if !is_stale
                    && !is_unknown
                    && !shares(&late, changed.flat_map(|(_, keys)| keys).flatten())?
                {
                    return Ok(None);
                }
                let earlier = index.counted_earlier(store, *day, days_max, &late)?;
                Ok(Some(((*path).clone(), earlier)))
            })
            .collect::<Result<Vec<_>, NightlyError>>()?
            .into_iter()
            .flatten()
            .collect();
        enter_found(plan, dates, found);
        Ok(())
    }
}

/// Notes what was found; a date for which that is something else than before is stale, with its month.
fn enter_found(plan: &mut Plan, dates: &mut OfflineDates, found: Vec<(String, Vec<OfflineKey>)>) {
    let mut months = BTreeSet::new();
    for (path, earlier) in found {
        let name = name_of_keys(&earlier);
        let (Some(date), Some(planned)) = (dates.get_mut(&path), plan.targets.get_mut(&path))
        else {
            continue;
        };
        if !planned.is_stale && name != date.counted_earlier {
            planned.is_stale = true;
            months.insert(trends_path(&path));
            let reason = "offline plays of an earlier date changed".to_owned();
            plan.reasons.push((path, reason));
        }
        (date.counted_earlier, date.earlier_keys) = (name, earlier);
    }
    for path in months {
        if let Some(planned) = plan.targets.get_mut(&path).filter(|planned| !planned.is_stale) {
            planned.is_stale = true;
            plan.reasons.push((path, "its dates changed".to_owned()));
        }
    }
}

/// Whether some of these dates has one of the keys.
fn shares<'a>(
    late: &[OfflineKey],
    mut dates: impl Iterator<Item = &'a DateKeys>,
) -> Result<bool, NightlyError> {
    let mut found = Vec::new();
    let probe = KeyProbe::new(late);
    dates.try_for_each(|keys| keys.find(&probe, &mut found))?;
    Ok(!found.is_empty())
}

/// Store and counted date of a partition of `plays`.
fn date_of(path: &str) -> Option<Date> {
    let (store, date) = path.strip_prefix("plays/store=")?.split_once('/')?;
    let date: chrono::NaiveDate = date.rsplit_once("date=")?.1.parse().ok()?;
    Some((store.to_owned(), Day(date.to_epoch_days())))
}
