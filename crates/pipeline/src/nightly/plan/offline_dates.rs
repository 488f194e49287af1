//! Offline plays across counted dates: which late plays of a date stand under an earlier date too. A
//! change of one date may so reach dates up to the policy's number of days after it; only those that
//! really share a play with it are rebuilt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use streamledger_core::filter::offline_repeats::OfflineKey;
use streamledger_core::model::day::Day;
use streamledger_core::normalize::tracks::KnownTracks;
use streamledger_storage::layout::ledger::{LedgerReports, Manifest, PartitionEntry};
use streamledger_storage::layout::offline_keys::{
    DateKeys, KeyProbe, ListFile, NewList, OfflineKeyIndex, before, name_of_keys, offline_folder,
};
use streamledger_storage::layout::partition_key::{PartitionKey, trends_path};

use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::intake::speculative_build::{LookedUp, keys_of_segments};
use crate::nightly::plan::planned::{PartitionKind, PlannedDate, PlannedPartition};
use crate::nightly::plan::planning::Targets;
use crate::nightly::plan::run_inputs::{Date, RunInputs};

/// Dates by path of the partition of `plays`.
pub(crate) type PlannedDates = BTreeMap<String, PlannedDate>;

/// Dates whose offline plays are others than the published ones: those of before, and those of now.
type ChangedDates = BTreeMap<Date, [Option<DateKeys>; 2]>;

/// The keys of what is published, but for lists that were found damaged.
pub(crate) fn published_keys(run: &RunContext<'_>, manifest: &Manifest) -> OfflineKeyIndex {
    let snapshot = run.places.snapshot(manifest.snapshot);
    let mut index = OfflineKeyIndex::default();
    for (path, partition) in &manifest.partitions {
        if let (Some(date), Some(file)) = (date_of(path), &partition.offline_keys)
            && !run.work.damaged_lists.contains(path)
        {
            index.dates.insert(date, DateKeys::File(ListFile::new(&snapshot, path, file)));
        }
    }
    index
}

/// Collects the keys of stale dates whose plays were read, and names the files for them.
pub(crate) fn collect_keys(
    run: &RunContext<'_>,
    targets: &Targets,
    inputs: &mut RunInputs,
    reports: &LedgerReports,
) -> Result<(), NightlyError> {
    let no_tracks = KnownTracks::default();
    let snapshot = run.work.staging.join("snapshot");
    let dates: Vec<(&String, &PlannedPartition, Date)> = stale_dates(targets).collect();
    let of_date = |(path, planned, date): &(&String, &PlannedPartition, Date)| {
        let keys = if let Some(early) = inputs.early.get(date) {
            Arc::clone(&early.keys)
        } else {
            let mut segments = Vec::new();
            for key in reports_of_date(planned, date.1, reports) {
                let Some(of_report) = inputs.plays.get(key).and_then(|days| days.get(&date.1))
                else {
                    return Ok(None);
                };
                segments.extend(&of_report.segments);
            }
            let tracks = inputs.tracks.get(date).unwrap_or(&no_tracks);
            keys_of_segments(run, segments.into_iter(), tracks, &date.0, date.1)?
        };
        let folder = snapshot.join(offline_folder(path));
        let list = (!keys.is_empty()).then(|| NewList::new(folder, date.1, Arc::clone(&keys)));
        Ok(Some(((*path).clone(), keys, list)))
    };
    let found: Vec<_> =
        dates.par_iter().with_max_len(1).map(of_date).collect::<Result<Vec<_>, NightlyError>>()?;
    for (path, keys, list) in found.into_iter().flatten() {
        inputs.lists.extend(list.map(|list| (path.clone(), list)));
        inputs.keys.insert(path, keys);
    }
    Ok(())
}

/// Settles for all dates which of their late plays earlier dates have too. Dates for which that has
/// changed become stale, with their months.
pub(crate) fn settle_offline(
    run: &RunContext<'_>,
    targets: &mut Targets,
    inputs: &RunInputs,
    previous: &Manifest,
) -> Result<PlannedDates, NightlyError> {
    let published = published_keys(run, previous);
    let mut dates = PlannedDates::new();
    let mut index = OfflineKeyIndex::default();
    let mut changed = ChangedDates::new();
    for (path, planned) in targets.iter() {
        let PartitionKind::Plays { store, day } = &planned.kind else {
            continue;
        };
        let date = (store.clone(), *day);
        let before = previous.partitions.get(path);
        let mut known = PlannedDate::default();
        let mut name_now = None;
        if let Some(keys) = inputs.keys.get(path) {
            name_now = inputs.lists.get(path).map(|list| list.entry.blake3.as_str());
            if !keys.is_empty() {
                index.dates.insert(date.clone(), DateKeys::Memory(Arc::clone(keys)));
            }
        } else if let Some(before) = before {
            name_now = list_name(before);
            known.counted_earlier.clone_from(&before.counted_earlier);
            if let Some(keys) = published.dates.get(&date) {
                index.dates.insert(date.clone(), keys.clone());
            }
        }
        let is_other = before.and_then(list_name) != name_now;
        if is_other || run.work.damaged_lists.contains(path) {
            let keys = [&published, &index].map(|index| index.dates.get(&date).cloned());
            changed.insert(date, keys);
        }
        dates.insert(path.clone(), known);
    }
    for path in previous.partitions.keys().filter(|path| !targets.contains_key(*path)) {
        let Some(date) = date_of(path) else {
            continue;
        };
        let keys = published.dates.get(&date).cloned();
        if keys.is_some() || run.work.damaged_lists.contains(path) {
            changed.insert(date, [keys, None]);
        }
    }
    let found = look_up(run, targets, inputs, &index, &changed)?;
    enter_found(targets, &mut dates, found);
    Ok(dates)
}

/// Looks up the late plays of the dates for which something may have changed.
fn look_up(
    run: &RunContext<'_>,
    targets: &Targets,
    inputs: &RunInputs,
    index: &OfflineKeyIndex,
    changed: &ChangedDates,
) -> Result<Vec<(String, Vec<OfflineKey>)>, NightlyError> {
    // Nobody knows what stood in a damaged list: whatever looks there is looked up again.
    let unknown: BTreeSet<Date> =
        run.work.damaged_lists.iter().filter_map(|path| date_of(path)).collect();
    let of_date = |(path, planned): (&String, &PlannedPartition)| {
        let PartitionKind::Plays { store, day } = &planned.kind else {
            return Ok(None);
        };
        let date = (store.clone(), *day);
        let days_max = run.policy_of(store, *day).0.duplicate.offline_days_max;
        let mut changed = changed.range(before(store, *day, days_max)).peekable();
        let keys = index.dates.get(&date);
        if !planned.is_stale() && changed.peek().is_none() {
            return Ok(None);
        }
        let looked_up = inputs.early.get(&date).and_then(|early| early.looked_up.as_ref());
        if let Some(LookedUp { near, found }) = looked_up
            && *near == index.near(store, *day, days_max)
        {
            return Ok(Some((path.clone(), found.clone())));
        }
        let late = keys.map(DateKeys::late).transpose()?.unwrap_or_default();
        let is_unknown = changed.clone().any(|(date, _)| unknown.contains(date));
        if !planned.is_stale()
            && !is_unknown
            && !shares(&late, changed.flat_map(|(_, keys)| keys).flatten())?
        {
            return Ok(None);
        }
        let earlier = index.counted_earlier(store, *day, days_max, &late)?;
        Ok(Some((path.clone(), earlier)))
    };
    let found = targets.par_iter().map(of_date).collect::<Result<Vec<_>, NightlyError>>()?;
    Ok(found.into_iter().flatten().collect())
}

fn list_name(partition: &PartitionEntry) -> Option<&str> {
    partition.offline_keys.as_ref().map(|file| file.blake3.as_str())
}

/// Stale partitions of `plays`, with their dates.
pub(crate) fn stale_dates(
    targets: &Targets,
) -> impl Iterator<Item = (&String, &PlannedPartition, Date)> {
    targets.iter().filter_map(|(path, planned)| match &planned.kind {
        PartitionKind::Plays { store, day } if planned.is_stale() => {
            Some((path, planned, (store.clone(), *day)))
        }
        _ => None,
    })
}

/// Those of a date's reports that have plays of it: the others are lists of tracks.
pub(crate) fn reports_of_date<'a>(
    planned: &'a PlannedPartition,
    day: Day,
    reports: &LedgerReports,
) -> Vec<&'a String> {
    let date = day.to_string();
    planned.reports.iter().filter(|key| reports[*key].days.contains_key(&date)).collect()
}

/// Notes what was found; a date for which that is something else than before is stale, with its month.
fn enter_found(
    targets: &mut Targets,
    dates: &mut PlannedDates,
    found: Vec<(String, Vec<OfflineKey>)>,
) {
    let mut months = BTreeSet::new();
    for (path, earlier) in found {
        let name = name_of_keys(&earlier);
        let (Some(date), Some(planned)) = (dates.get_mut(&path), targets.get_mut(&path)) else {
            continue;
        };
        if !planned.is_stale() && name != date.counted_earlier {
            planned.why = Some("offline plays of an earlier date changed".to_owned());
            months.insert(trends_path(&path));
        }
        (date.counted_earlier, date.earlier_keys) = (name, earlier);
    }
    for path in months {
        if let Some(planned) = targets.get_mut(&path) {
            planned.why.get_or_insert_with(|| "its dates changed".to_owned());
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
    let key = PartitionKey::parse(path).filter(|key| key.table == "plays")?;
    Some((key.store.to_owned(), key.day()?))
}
