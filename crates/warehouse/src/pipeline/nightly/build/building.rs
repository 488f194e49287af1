//! Third step of a night: the partitions that must be made anew are made, dates in parallel, then
//! months, then the small tables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use rayon::prelude::*;
use streamledger_core::model::day::Day;
use streamledger_core::model::report_id::ReportId;

use crate::pipeline::build::build_day::{BuiltDay, DayTask};
use crate::pipeline::build::build_trends::BuiltTrends;
use crate::pipeline::intake::examine::Examined;
use crate::pipeline::nightly::build::building_lots::LotInputs;
use crate::pipeline::nightly::build::building_tracks::TrackLists;
use crate::pipeline::nightly::build::checkpoint::DayCheckpoint;
use crate::pipeline::nightly::build::day_inputs::DayInputs;
use crate::pipeline::nightly::build::offline::{OfflineDate, OfflineDates};
use crate::pipeline::nightly::checking::check_day;
use crate::pipeline::nightly::context::Night;
use crate::pipeline::nightly::error::NightlyError;
use crate::pipeline::nightly::intake::examination::{Days, Examination};
use crate::pipeline::nightly::intake::speculative_build::{SpeculativeBuild, SpeculativeBuilds};
use crate::pipeline::nightly::plan::planned::{Kind, Plan, PlannedPartition};
use crate::pipeline::nightly::plan::store_months::Explaining;
use crate::pipeline::partition_paths::trends_path;
use crate::storage::archive::archived_reports::archive_path;
use crate::storage::disk::durable::{DiskError, link, make_folder, remove_file, remove_tree};
use crate::storage::encode::file::{Provenance, ROW_GROUP_ROWS_MAX};
use crate::storage::layout::error::WarehouseError;
use crate::storage::layout::ledger::{
    FileEntry, Manifest, PartitionEntry, ReportEntry, inputs_hash, plays_path,
};
use crate::storage::source::report_source::ReportFile;

type Reports = BTreeMap<String, ReportEntry>;
type Partitions = BTreeMap<String, PartitionEntry>;
/// Files of `trends_daily` of built dates, by path of the partition of `plays`.
type TrendsFiles = BTreeMap<String, Vec<FileEntry>>;

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

impl Night<'_> {
    /// Makes all stale partitions in staging; returns all partitions, the others as they were.
    pub(crate) fn build(
        &self,
        plan: &mut Plan,
        examination: &mut Examination,
        former: &Manifest,
        staged: &Path,
    ) -> Result<Partitions, NightlyError> {
        let fresh = std::mem::take(&mut examination.fresh);
        let early = usable_builds(plan, examination, staged)?;
        let lots = LotInputs {
            fresh: std::mem::take(&mut examination.fresh_runs),
            finished: std::mem::take(&mut examination.kept_files),
        };
        let mut partitions: Partitions = plan
            .targets
            .iter()
            .filter(|(_, planned)| !planned.is_stale)
            .map(|(path, _)| (path.clone(), former.partitions[path].clone()))
            .collect();
        let reports = &examination.reports;
        self.build_lots(plan, lots, reports, staged, &mut partitions)?;
        let mut inputs = DayInputs { early, fresh, tracks: BTreeMap::new() };
        let offline = self.gather(plan, &mut inputs, former, reports, staged, &partitions)?;
        let trends = self.build_days(plan, inputs, &offline, reports, staged, &mut partitions)?;
        let published = self.places.snapshot(former.snapshot).join("tables");
        partitions.extend(assemble_months(plan, &trends, former, &published, staged)?);
        partitions.extend(self.build_small(plan, former, reports, staged)?);
        self.explain(&mut Explaining {
            plan,
            former,
            reports,
            staged,
            published: &published,
            partitions: &mut partitions,
        })?;
        self.lists.finish()?;
        Ok(partitions)
    }

    /// Brings together what the stale dates are made of, and finds those that an earlier date makes
    /// stale.
    fn gather(
        &self,
        plan: &mut Plan,
        inputs: &mut DayInputs,
        former: &Manifest,
        reports: &Reports,
        staged: &Path,
        partitions: &Partitions,
    ) -> Result<OfflineDates, NightlyError> {
        let tracks = |plan: &Plan| {
            self.known_tracks(&TrackLists { plan, former, reports, staged, partitions })
        };
        self.read_again(plan, &inputs.early, &mut inputs.fresh, reports)?;
        inputs.tracks = tracks(plan)?;
        let n_reasons = plan.reasons.len();
        let offline = self.settle_offline(plan, inputs, former, staged)?;
        for (path, known) in &offline {
            let Kind::Plays { store, day } = &plan.targets[path].kind else {
                continue;
            };
            let date = (store.clone(), *day);
            if inputs
                .early
                .get(&date)
                .is_some_and(|early| early.counted_earlier != known.counted_earlier)
                && let Some(early) = inputs.early.remove(&date)
            {
                let why = "offline plays of it stand under an earlier date";
                drop_early(staged, path, &early, why)?;
            }
        }
        self.read_again(plan, &inputs.early, &mut inputs.fresh, reports)?;
        if n_reasons < plan.reasons.len() {
            inputs.tracks = tracks(plan)?;
        }
        Ok(offline)
    }

    /// Reads reports that feed a stale date and were not read in this run from the archive.
    fn read_again(
        &self,
        plan: &Plan,
        early: &SpeculativeBuilds,
        fresh: &mut BTreeMap<String, Days>,
        reports: &Reports,
    ) -> Result<(), NightlyError> {
        let mut wanted_days: BTreeMap<&String, BTreeSet<Day>> = BTreeMap::new();
        for (_, planned) in stale(plan) {
            let Kind::Plays { store, day } = &planned.kind else {
                continue;
            };
            if early.contains_key(&(store.clone(), *day)) {
                continue;
            }
            let date = day.to_string();
            for key in planned.reports.iter().filter(|key| reports[*key].days.contains_key(&date)) {
                if fresh.get(key).is_none_or(|days| !days.contains_key(day)) {
                    wanted_days.entry(key).or_default().insert(*day);
                }
            }
        }
        let wanted_days: Vec<(&String, BTreeSet<Day>)> = wanted_days.into_iter().collect();
        self.progress.begin("reading archived reports", wanted_days.len() as u64);
        let examiner = self.examiner(wanted_days.len());
        let read: Vec<(String, Days)> = wanted_days
            .par_iter()
            .with_max_len(1)
            .map(|(key, days)| {
                let report = &reports[*key];
                let path =
                    archive_path(self.places, report.archived.as_deref().unwrap_or_default());
                let examined = examiner.examine(
                    ReportFile::Archive(&path),
                    report.read_as(report.file()),
                    Some(&report.store),
                    Some(days),
                )?;
                self.progress.advance(1);
                match examined {
                    Examined::Report(read) if hex::encode(read.hash) == report.hash => {
                        Ok(((*key).clone(), read.days))
                    }
                    _ => Err(NightlyError::Warehouse(WarehouseError::Damaged {
                        path,
                        message: format!(
                            "is not the report {} any more; put the original back into the inbox \
                             and remove this file",
                            report.hash
                        ),
                    })),
                }
            })
            .collect::<Result<_, NightlyError>>()?;
        for (key, days) in read {
            fresh.entry(key).or_default().extend(days);
        }
        Ok(())
    }

    fn build_days(
        &self,
        plan: &Plan,
        inputs: DayInputs,
        offline: &OfflineDates,
        reports: &Reports,
        staged: &Path,
        partitions: &mut Partitions,
    ) -> Result<TrendsFiles, NightlyError> {
        let DayInputs { mut early, mut fresh, mut tracks } = inputs;
        let mut results = Vec::new();
        let mut tasks = Vec::new();
        for (path, planned) in stale(plan) {
            let Kind::Plays { store, day } = &planned.kind else {
                continue;
            };
            if let Some(early) = early.remove(&(store.clone(), *day)) {
                results.push((path, planned, *day, early.built));
                continue;
            }
            let Some(store) = self.store_of(store, &day.month().to_string()) else {
                continue;
            };
            let segments = planned.reports.iter().filter_map(|key| {
                Some((report_id(&reports[key])?, fresh.get_mut(key)?.remove(day)?))
            });
            tasks.push((
                path,
                planned,
                DayTask {
                    store,
                    day: *day,
                    segments: Mutex::new(segments.collect()),
                    tracks: tracks.remove(&(store.store.clone(), *day)).unwrap_or_default(),
                    counted_earlier: offline[path].earlier_keys.clone(),
                    folder: staged.join(path),
                    trends_folder: staged.join(trends_path(path)),
                    provenance: self.provenance(planned, reports),
                },
            ));
        }
        self.progress.begin("building dates", tasks.len() as u64);
        let build = |(path, planned, task): &(&String, &PlannedPartition, DayTask<'_>)| {
            let (policy, _) = self.policy_of(&task.store.store, task.day);
            let built = self.day_builder(policy).build(task)?;
            self.keep_built((path, planned), task, &built, &offline[*path], staged);
            self.progress.advance(1);
            Ok(built)
        };
        let n_rows_max = tasks.iter().map(|(_, _, task)| task.n_rows()).max().unwrap_or_default();
        let limit_bytes = self.options.memory_limit_bytes;
        let n_at_once = dates_at_once(limit_bytes, n_rows_max, rayon::current_num_threads());
        let mut built: Vec<BuiltDay> = Vec::new();
        for tasks in tasks.chunks(n_at_once) {
            let tasks = tasks.par_iter().with_max_len(1);
            built.extend(tasks.map(build).collect::<Result<Vec<_>, NightlyError>>()?);
        }
        for ((path, planned, task), built) in tasks.into_iter().zip(built) {
            results.push((path, planned, task.day, built));
        }
        self.enter_days(results, offline, partitions)
    }

    /// Keeps a date that a backfill has finished.
    fn keep_built(
        &self,
        (path, planned): (&str, &PlannedPartition),
        task: &DayTask<'_>,
        built: &BuiltDay,
        offline: &OfflineDate,
        staged: &Path,
    ) {
        let (Some(checkpoint), Some(keys)) = (&self.checkpoint, &offline.keys) else {
            return;
        };
        let day = DayCheckpoint {
            day: task.day,
            built,
            keys,
            counted_earlier: offline.counted_earlier.as_deref(),
        };
        checkpoint.keep_day(path, &planned.fingerprint, staged, &day);
    }

    fn enter_days(
        &self,
        built: Vec<(&String, &PlannedPartition, Day, BuiltDay)>,
        offline: &OfflineDates,
        partitions: &mut Partitions,
    ) -> Result<TrendsFiles, NightlyError> {
        let mut trends = TrendsFiles::new();
        for (path, planned, day, built) in built {
            let judged = built.outcomes.values().map(|(_, plays)| plays).sum();
            let BuiltTrends { files, n_plays, listened_months } = built.trends;
            check_day(path, judged, n_plays)?;
            self.note(|summary| {
                for (outcome, (rows, n_plays)) in &built.outcomes {
                    let sums = summary.outcomes.entry(*outcome).or_default();
                    *sums = (sums.0 + rows, sums.1 + n_plays);
                }
            });
            let month = day.month().to_string();
            let heard_in = listened_months.into_iter().filter(|heard| *heard != month).collect();
            trends.insert(path.clone(), files);
            let OfflineDate { file, counted_earlier, .. } = &offline[path];
            let partition = PartitionEntry {
                offline_keys: file.clone(),
                counted_earlier: counted_earlier.clone(),
                heard_in,
                ..entry(planned, built.files)
            };
            partitions.insert(path.clone(), partition);
        }
        Ok(trends)
    }

    /// Hash of the policy that stands in a partition's footers.
    fn policy_hash(&self, kind: &Kind) -> &str {
        match kind {
            Kind::Plays { store, day } => self.policy_of(store, *day).1,
            Kind::TrendsDaily { store, month } => self.judging.footer(store, month),
            Kind::Lots(..)
            | Kind::SalesMonthly { .. }
            | Kind::Quarantine
            | Kind::Reports
            | Kind::UnmappedValues
            | Kind::Deliveries
            | Kind::Coverage
            | Kind::Waterfall
            | Kind::Eligibility => self.judging.base_footer(),
        }
    }

    pub(crate) fn provenance(&self, planned: &PlannedPartition, reports: &Reports) -> Provenance {
        let hashes = planned.reports.iter().map(|key| reports[key].hash.as_str());
        Provenance {
            inputs: inputs_hash(hashes),
            policy: self.policy_hash(&planned.kind).to_owned(),
        }
    }
}

/// Dates that were built at once from just the reports that feed them; the others are cleared away.
fn usable_builds(
    plan: &Plan,
    examination: &mut Examination,
    staged: &Path,
) -> Result<SpeculativeBuilds, NightlyError> {
    let mut usable = SpeculativeBuilds::new();
    for ((store, day), early) in std::mem::take(&mut examination.speculative_builds) {
        let path = plays_path(&store, &day.to_string());
        let planned = plan.targets.get(&path);
        if planned.is_some_and(|planned| {
            planned.is_stale
                && early.report.as_ref().is_none_or(|report| planned.reports == [report.as_str()])
        }) {
            usable.insert((store, day), early);
        } else {
            drop_early(staged, &path, &early, "it has more than one report")?;
        }
    }
    Ok(usable)
}

/// Clears away a date that was built at once on a wrong assumption.
fn drop_early(
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

/// Puts stale months of `trends_daily` together from the files of their dates. Those of dates that were
/// not built are the published ones.
fn assemble_months(
    plan: &Plan,
    built: &TrendsFiles,
    former: &Manifest,
    published: &Path,
    staged: &Path,
) -> Result<Partitions, NightlyError> {
    let mut partitions = Partitions::new();
    for (path, planned) in stale(plan) {
        let Kind::TrendsDaily { .. } = &planned.kind else {
            continue;
        };
        let folder = staged.join(path);
        make_folder(&folder)?;
        let dates = format!("{}/", path.replacen("trends_daily/", "plays/", 1));
        let before = former.partitions.get(path).map_or(&[][..], |entry| &entry.files);
        let mut files = Vec::new();
        let in_month = plan.targets.range(dates.clone()..);
        for (date, _) in in_month.take_while(|(date, _)| date.starts_with(&dates)) {
            if let Some(built) = built.get(date) {
                files.extend(built.iter().cloned());
                continue;
            }
            let day = date.rsplit_once("date=").map_or(date.as_str(), |(_, day)| day);
            let of_date = before.iter().filter(|file| is_of_date(file, day));
            let of_date: Vec<FileEntry> = of_date.cloned().collect();
            if of_date.is_empty() {
                let message = format!("has no file of {day}, which was not rebuilt");
                let path = published.join(path);
                return Err(WarehouseError::Damaged { path, message }.into());
            }
            for FileEntry { name, .. } in &of_date {
                link(&published.join(path).join(name), &folder.join(name))?;
            }
            files.extend(of_date);
        }
        partitions.insert(path.clone(), entry(planned, files));
    }
    Ok(partitions)
}

/// Whether a file of a month of `trends_daily` is of a date.
fn is_of_date(file: &FileEntry, day: &str) -> bool {
    file.name.strip_prefix(day).is_some_and(|rest| rest.starts_with('-'))
}

pub(crate) fn stale(plan: &Plan) -> impl Iterator<Item = (&String, &PlannedPartition)> {
    plan.targets.iter().filter(|(_, planned)| planned.is_stale)
}

pub(crate) fn entry(planned: &PlannedPartition, files: Vec<FileEntry>) -> PartitionEntry {
    PartitionEntry::new(planned.fingerprint.clone(), files)
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
