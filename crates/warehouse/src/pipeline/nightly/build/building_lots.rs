//! The partitions of `sales`, `pools` and `sales_monthly` that must be made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use crate::pipeline::build::build_sales::build_lots;
use crate::pipeline::build::build_sales_monthly::{LINES_AT_A_TIME, build_sales_monthly};
use crate::pipeline::build::sales_merge::MergeBounds;
use crate::pipeline::intake::examine::Examined;
use crate::pipeline::intake::sales_runs::{Run, RunStore, Runs, drop_runs};
use crate::pipeline::nightly::context::Night;
use crate::pipeline::nightly::error::NightlyError;
use crate::pipeline::nightly::plan::planned::{Kind, Plan, Wanted};
use crate::storage::archive::archived_reports::archive_path;
use crate::storage::layout::error::WarehouseError;
use crate::storage::layout::ledger::{FileEntry, Manifest, PartitionEntry, ReportEntry};
use crate::storage::source::report_source::ReportFile;
use crate::storage::tables::lot_table::LotTable;

/// What lines and sums are made of, beside the archive.
pub(crate) struct LotInputs {
    /// Runs of the reports that were read in this run.
    pub(crate) fresh: BTreeMap<String, Runs>,
    /// Partitions that are in staging already.
    pub(crate) finished: BTreeMap<String, Vec<FileEntry>>,
}

impl Night<'_> {
    /// Builds them in staging and enters them into `partitions`. Reports that were not read in this run
    /// are read from the archive.
    pub(crate) fn build_lots(
        &self,
        plan: &Plan,
        inputs: LotInputs,
        former: &Manifest,
        reports: &BTreeMap<String, ReportEntry>,
        staged: &Path,
        partitions: &mut BTreeMap<String, PartitionEntry>,
    ) -> Result<(), NightlyError> {
        let LotInputs { mut fresh, finished } = inputs;
        let lots: Vec<(&String, &Wanted)> = plan
            .wanted
            .iter()
            .filter(|(_, wanted)| wanted.is_stale && matches!(wanted.kind, Kind::Lots(..)))
            .filter(|(path, _)| !finished.contains_key(*path))
            .collect();
        self.read_lots_again(&lots, &mut fresh, reports)?;
        let fresh = Mutex::new(fresh);
        self.progress.begin("building sales", lots.len() as u64);
        let limit_bytes = self.options.memory_limit_bytes;
        let bounds = MergeBounds::of(limit_bytes, rayon::current_num_threads());
        let build = || {
            let lots = lots.par_iter().with_max_len(1);
            lots.map(|(path, wanted)| {
                let inputs = take_runs(wanted, &fresh, reports);
                let Kind::Lots(table, _) = &wanted.kind else {
                    return Ok(((*path).clone(), Vec::new()));
                };
                let provenance = self.provenance(wanted, reports);
                let folder = staged.join(path);
                let files = build_lots(*table, inputs, bounds.n_runs, &folder, &provenance)?;
                if let Some(kept) = &self.kept {
                    kept.keep_files(path, &wanted.fingerprint, staged, &files);
                }
                self.progress.advance(1);
                Ok(((*path).clone(), files))
            })
            .collect::<Result<Vec<(String, Vec<FileEntry>)>, NightlyError>>()
        };
        // Threads of their own: as many as partitions fit the memory, and when they end, so does what the
        // allocator keeps for each of them.
        let built = match ThreadPoolBuilder::new().num_threads(bounds.n_partitions).build() {
            Ok(threads) => threads.install(build)?,
            Err(_) => build()?,
        };
        for (path, files) in built.into_iter().chain(finished) {
            let fingerprint = plan.wanted[&path].fingerprint.clone();
            partitions.insert(path, PartitionEntry::new(fingerprint, files));
        }
        if let Ok(rest) = fresh.into_inner() {
            rest.into_values().try_for_each(drop_runs)?;
        }
        self.build_sales_months(plan, former, reports, staged, partitions)
    }

    /// Reads reports from the archive that feed a stale month and were not read in this run.
    fn read_lots_again(
        &self,
        lots: &[(&String, &Wanted)],
        fresh: &mut BTreeMap<String, Runs>,
        reports: &BTreeMap<String, ReportEntry>,
    ) -> Result<(), NightlyError> {
        let missing: BTreeSet<&String> = lots
            .iter()
            .flat_map(|(_, wanted)| &wanted.reports)
            .filter(|key| !fresh.contains_key(*key))
            .collect();
        let examiner = self.examiner(missing.len());
        let nothing = BTreeSet::new();
        let missing: Vec<&String> = missing.into_iter().collect();
        self.progress.begin("reading archived reports", missing.len() as u64);
        let read: Vec<(String, Runs)> = missing
            .par_iter()
            .with_max_len(1)
            .map(|key| {
                let report = &reports[*key];
                let name = report.archived.as_deref().unwrap_or_default();
                let path = archive_path(self.places, name);
                let examined = examiner.examine(
                    ReportFile::Archive(&path),
                    report.read_as(report.file()),
                    Some(&report.store),
                    Some(&nothing),
                )?;
                self.progress.advance(1);
                match examined {
                    Examined::Report(read) if hex::encode(read.hash) == report.hash => {
                        Ok(((*key).clone(), read.runs))
                    }
                    _ => {
                        let message = format!("does not hold the report {} any more", report.hash);
                        let damaged = WarehouseError::Damaged { path, message };
                        Err(NightlyError::Warehouse(damaged))
                    }
                }
            })
            .collect::<Result<_, NightlyError>>()?;
        fresh.extend(read);
        Ok(())
    }

    fn build_sales_months(
        &self,
        plan: &Plan,
        former: &Manifest,
        reports: &BTreeMap<String, ReportEntry>,
        staged: &Path,
        partitions: &mut BTreeMap<String, PartitionEntry>,
    ) -> Result<(), NightlyError> {
        let published = self.places.snapshot(former.snapshot).join("tables");
        for (path, wanted) in plan.wanted.iter().filter(|(_, wanted)| wanted.is_stale) {
            let Kind::SalesMonthly { sales } = &wanted.kind else {
                continue;
            };
            let folder = if plan.wanted[sales].is_stale { staged } else { &published };
            let folder = folder.join(sales);
            let files: Vec<PathBuf> =
                partitions[sales].files.iter().map(|file| folder.join(&file.name)).collect();
            let provenance = self.provenance(wanted, reports);
            let waiting = self.staging.join("sums");
            let waiting = RunStore::new(waiting, self.options.memory_limit_bytes / 16);
            let folder = staged.join(path);
            let (files, totals) =
                build_sales_monthly(&files, LINES_AT_A_TIME, &waiting, &folder, &provenance)?;
            let fingerprint = wanted.fingerprint.clone();
            let partition = PartitionEntry::new(fingerprint, files);
            let partition = PartitionEntry { totals: Some(totals), ..partition };
            partitions.insert(path.clone(), partition);
        }
        Ok(())
    }
}

/// The names of a partition's reports, in order, each with its runs, which nobody else needs.
fn take_runs(
    wanted: &Wanted,
    fresh: &Mutex<BTreeMap<String, Runs>>,
    reports: &BTreeMap<String, ReportEntry>,
) -> Vec<(String, Vec<Run>)> {
    let (Kind::Lots(table, month), Ok(mut fresh)) = (&wanted.kind, fresh.lock()) else {
        return Vec::new();
    };
    // A report that was replaced was read like any other.
    let read_as = if *table == LotTable::SalesSuperseded { LotTable::Sales } else { *table };
    let key_of_runs = (read_as, month.clone());
    wanted
        .reports
        .iter()
        .map(|key| {
            let runs = fresh.get_mut(key).and_then(|runs| runs.remove(&key_of_runs));
            (reports[key].name().to_owned(), runs.unwrap_or_default())
        })
        .collect()
}
