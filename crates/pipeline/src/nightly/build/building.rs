//! Builds what a plan names: lines and figures, dates in parallel, then months, then the small tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rayon::prelude::*;
use streamledger_core::explain::known::KnownMonths;
use streamledger_core::model::report_id::ReportId;
use streamledger_storage::disk::durable::{link, make_folder};
use streamledger_storage::encode::file::ROW_GROUP_ROWS_MAX;
use streamledger_storage::layout::error::WarehouseError;
use streamledger_storage::layout::ledger::{
    FileEntry, LedgerPartitions, Manifest, PartitionEntry, ReportEntry,
};
use streamledger_storage::layout::offline_keys::list_queue;
use streamledger_storage::layout::partition_key::{PartitionKey, path_in, trends_path};

use crate::build::build_day::{BuiltDay, DayOutcomes, DayTask};
use crate::build::build_trends::BuiltTrends;
use crate::nightly::build::build_basis::BuildBasis;
use crate::nightly::build::building_lots::build_stale_lots;
use crate::nightly::build::building_small::build_small;
use crate::nightly::build::checkpoint::DayCheckpoint;
use crate::nightly::build::explaining::build_waterfalls;
use crate::nightly::build::provenance::{entry, provenance};
use crate::nightly::build::run_tables::RunTables;
use crate::nightly::checking::check_day;
use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::plan::offline_dates::stale_dates;
use crate::nightly::plan::planned::{PartitionKind, Plan, PlannedDate, PlannedPartition};
use crate::nightly::plan::run_inputs::{RunInputs, before_its_month};
use crate::nightly::spans::{StepNumbers, rows_by_reason};

/// Files of `trends_daily` of built dates, by path of the partition of `plays`.
type TrendsFiles = BTreeMap<String, Vec<FileEntry>>;

/// Files of the keys of offline plays, by path of the partition of `plays`; `None` where there are no keys.
type KeysFiles = BTreeMap<String, Option<FileEntry>>;

/// How many dates to build at once, so that they keep within half of the memory limit, in bytes: the
/// plays of a row group, and what is encoded of them, are in memory of each. All, where there is memory
/// for as many as there are threads.
fn dates_at_once(memory_limit_bytes: usize, n_rows_max: usize, n_threads: usize) -> usize {
    /// Measured.
    const BYTES_PER_ROW: usize = 210;
    let date_bytes = n_rows_max.clamp(1, ROW_GROUP_ROWS_MAX) * BYTES_PER_ROW;
    let n_dates = (memory_limit_bytes / 2 / date_bytes).max(1);
    if n_dates < n_threads { n_dates } else { usize::MAX }
}

/// Builds the stale partitions in staging; returns all partitions, the others as they were, and what came of
/// the plays of those that were built.
pub(crate) fn build_plan(
    run: &RunContext<'_>,
    plan: &Plan,
    inputs: RunInputs,
    basis: BuildBasis<'_>,
) -> Result<(LedgerPartitions, DayOutcomes), NightlyError> {
    run.work.journal.stage.log("build", |numbers| {
        let (partitions, outcomes) = build_partitions(run, plan, inputs, basis)?;
        let built = plan.stale().filter_map(|(path, _)| partitions.get(path));
        let files: Vec<FileEntry> = built.flat_map(|built| built.files.clone()).collect();
        *numbers = StepNumbers::of_files(None, &files);
        numbers.partitions = Some(plan.stale().count() as u64);
        numbers.rows_by_reason = rows_by_reason(&outcomes);
        Ok((partitions, outcomes))
    })
}

fn build_partitions(
    run: &RunContext<'_>,
    plan: &Plan,
    mut inputs: RunInputs,
    basis: BuildBasis<'_>,
) -> Result<(LedgerPartitions, DayOutcomes), NightlyError> {
    let BuildBasis { reports, coverage, previous, staged } = basis;
    let mut partitions: LedgerPartitions = plan
        .targets
        .iter()
        .filter(|(_, planned)| !planned.is_stale())
        .map(|(path, _)| (path.clone(), previous.partitions[path].clone()))
        .collect();
    let lists = std::mem::take(&mut inputs.lists);
    let file_of = |path: &String| lists.get(path).map(|list| list.entry.clone());
    let keys_files: KeysFiles =
        inputs.keys.keys().map(|path| (path.clone(), file_of(path))).collect();
    // They are written while partitions are built.
    let queue = list_queue();
    lists.into_values().for_each(|list| queue.add(list));
    let built = build_stale_lots(run, plan, &mut inputs, reports, staged)?;
    partitions.extend(built);
    let days = build_days(run, plan, inputs, basis)?;
    let outcomes = sum_outcomes(&days);
    let (dates, trends) = enter_days(plan, days, (&keys_files, previous))?;
    partitions.extend(dates);
    let published = run.places.snapshot(previous.snapshot).join("tables");
    partitions.extend(assemble_months(run, plan, &trends, (previous, &published), staged)?);
    partitions.extend(build_small(run, plan, basis)?);
    let mut tables = RunTables { plan, partitions: &mut partitions, staged, published: &published };
    build_waterfalls(run, &mut tables, &KnownMonths::new(coverage), reports)?;
    queue.finish()?;
    Ok((partitions, outcomes))
}

fn build_days<'p>(
    run: &RunContext<'_>,
    plan: &'p Plan,
    inputs: RunInputs,
    BuildBasis { reports, staged, .. }: BuildBasis<'_>,
) -> Result<Vec<(&'p String, BuiltDay)>, NightlyError> {
    let RunInputs { mut early, mut plays, mut tracks, keys, .. } = inputs;
    let mut results = Vec::new();
    let mut tasks = Vec::new();
    for (path, planned, date) in stale_dates(&plan.targets) {
        if let Some(early) = early.remove(&date) {
            results.push((path, early.built));
            continue;
        }
        let (store, day) = &date;
        let Some(store) = run.store_of(store, &day.month().to_string()) else {
            continue;
        };
        let segments = planned.reports.iter().filter_map(|key| {
            Some((report_id(&reports[key])?, plays.get_mut(key)?.remove(day)?.segments))
        });
        let task = DayTask {
            store,
            day: *day,
            segments: Mutex::new(segments.collect()),
            counted_earlier: plan.dates[path].earlier_keys.clone(),
            folder: staged.join(path),
            trends_folder: staged.join(trends_path(path)),
            provenance: provenance(run, planned, reports),
            tracks: tracks.remove(&date).unwrap_or_default(),
        };
        tasks.push((path, planned, task));
    }
    run.work.journal.progress.begin("building dates", tasks.len() as u64);
    let build = |(path, planned, task): &(&'p String, &PlannedPartition, DayTask<'_>)| {
        let (policy, _) = run.policy_of(&task.store.store, task.day);
        let built = run.build_date(policy, path, task)?;
        if let (Some(checkpoint), Some(keys)) = (&run.work.checkpoint, keys.get(*path)) {
            let counted_earlier = plan.dates[*path].counted_earlier.as_deref();
            let day = DayCheckpoint { day: task.day, built: &built, keys, counted_earlier };
            checkpoint.keep_day(path, &planned.fingerprint, staged, &day);
        }
        run.work.journal.progress.advance(1);
        Ok((*path, built))
    };
    let n_rows_max = tasks.iter().map(|(_, _, task)| task.n_rows()).max().unwrap_or_default();
    let limit_bytes = run.options.memory_limit_bytes;
    let n_at_once = dates_at_once(limit_bytes, n_rows_max, rayon::current_num_threads());
    for tasks in tasks.chunks(n_at_once) {
        let tasks = tasks.par_iter().with_max_len(1);
        results.extend(tasks.map(build).collect::<Result<Vec<_>, NightlyError>>()?);
    }
    Ok(results)
}

fn sum_outcomes(built: &[(&String, BuiltDay)]) -> DayOutcomes {
    let mut all = DayOutcomes::new();
    for (outcome, (rows, n_plays)) in built.iter().flat_map(|(_, day)| &day.outcomes) {
        let sums = all.entry(*outcome).or_default();
        *sums = (sums.0 + rows, sums.1 + n_plays);
    }
    all
}

/// The partitions of built dates, and their files of `trends_daily`.
fn enter_days(
    plan: &Plan,
    built: Vec<(&String, BuiltDay)>,
    (keys_files, previous): (&KeysFiles, &Manifest),
) -> Result<(LedgerPartitions, TrendsFiles), NightlyError> {
    let (mut partitions, mut trends) = (LedgerPartitions::new(), TrendsFiles::new());
    for (path, BuiltDay { files, trends: of_date, outcomes }) in built {
        let judged = outcomes.values().map(|(_, plays)| plays).sum();
        let BuiltTrends { files: trends_files, n_plays, listened_months } = of_date;
        check_day(path, judged, n_plays)?;
        let planned = &plan.targets[path];
        let PlannedDate { heard_in, counted_earlier, .. } = plan.dates[path].clone();
        if let PartitionKind::Plays { day, .. } = &planned.kind
            && heard_in != before_its_month(&listened_months, *day)
        {
            let message = format!("{path} has plays of other months than it was planned with");
            return Err(NightlyError::Inconsistent { message });
        }
        trends.insert(path.clone(), trends_files);
        let offline_keys = match keys_files.get(path) {
            Some(file) => file.clone(),
            // It is stale for an earlier date alone: it has the keys that it had.
            None => previous.partitions.get(path).and_then(|p| p.offline_keys.clone()),
        };
        let partition =
            PartitionEntry { offline_keys, counted_earlier, heard_in, ..entry(planned, files) };
        partitions.insert(path.clone(), partition);
    }
    Ok((partitions, trends))
}

/// Puts stale months of `trends_daily` together from the files of their dates. Those of dates that were
/// not built are the published ones.
fn assemble_months(
    run: &RunContext<'_>,
    plan: &Plan,
    built: &TrendsFiles,
    (previous, published): (&Manifest, &Path),
    staged: &Path,
) -> Result<LedgerPartitions, NightlyError> {
    let mut partitions = LedgerPartitions::new();
    let is_month =
        |planned: &PlannedPartition| matches!(planned.kind, PartitionKind::TrendsDaily { .. });
    for (path, planned) in plan.stale().filter(|(_, planned)| is_month(planned)) {
        let before = previous.partitions.get(path).map_or(&[][..], |entry| &entry.files);
        let folders = (published.join(path), staged.join(path));
        let assemble = || assemble_month(plan, path, (built, before), &folders);
        let numbers = |files: &Vec<FileEntry>| StepNumbers::of_files(None, files);
        let files = run.work.journal.stage.log_partition(path, assemble, numbers)?;
        partitions.insert(path.clone(), entry(planned, files));
    }
    Ok(partitions)
}

/// The files of a month: those of built dates, and links to those that were there before.
fn assemble_month(
    plan: &Plan,
    path: &str,
    (built, before): (&TrendsFiles, &[FileEntry]),
    (published, staged): &(PathBuf, PathBuf),
) -> Result<Vec<FileEntry>, NightlyError> {
    make_folder(staged)?;
    let dates = format!("{}/", path_in("plays", path));
    let mut files = Vec::new();
    let in_month = plan.dates.range(dates.clone()..);
    for (date, _) in in_month.take_while(|(date, _)| date.starts_with(&dates)) {
        if let Some(built) = built.get(date) {
            files.extend(built.iter().cloned());
            continue;
        }
        let key = PartitionKey::parse(date);
        let of_date = before.iter().filter(|file| key.is_some_and(|key| key.has_file(&file.name)));
        let of_date: Vec<FileEntry> = of_date.cloned().collect();
        if of_date.is_empty() {
            let message = format!("has no file for {date}, which was not rebuilt");
            return Err(WarehouseError::Damaged { path: published.clone(), message }.into());
        }
        for FileEntry { name, .. } in &of_date {
            link(&published.join(name), &staged.join(name))?;
        }
        files.extend(of_date);
    }
    Ok(files)
}

fn report_id(report: &ReportEntry) -> Option<[u8; 32]> {
    ReportId::parse(&report.id).map(|id| id.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_built_side_by_side_where_there_is_memory_for_each_thread() {
        assert_eq!(dates_at_once(4 << 30, 1 << 20, 2), usize::MAX);
        assert_eq!(dates_at_once(4 << 30, 1 << 20, 64), 9);
        assert_eq!(dates_at_once(512 << 20, 1 << 20, 2), 1);
        // Beyond a row group, more rows take no more.
        assert_eq!(dates_at_once(4 << 30, 1 << 30, 64), 9);
        assert_eq!(dates_at_once(0, 1, 2), 1);
        assert_eq!(dates_at_once(512 << 20, 0, 2), usize::MAX);
    }
}
