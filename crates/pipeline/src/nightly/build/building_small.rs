//! The tables that are one file each, and the files of tables without rows.

use std::path::Path;

use streamledger_core::numbers::exact;
use streamledger_storage::archive::delivery_log::{DeliveryLog, FoundBy};
use streamledger_storage::encode::file::{FileProvenance, SCHEMA_VERSION};
use streamledger_storage::layout::ledger::{
    FileEntry, LedgerPartitions, LedgerReports, Manifest, PartitionEntry, ReportEntry, fingerprint,
    inputs_hash,
};
use streamledger_storage::tables::small_tables::{write_coverage, write_quarantine, write_reports};

use crate::build::empty_tables::{tables_without, write_empty_table};
use crate::build::history_tables::{write_deliveries, write_unmapped_values};
use crate::nightly::build::build_basis::BuildBasis;
use crate::nightly::build::provenance::entry;
use crate::nightly::build::provenance::provenance;
use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::intake::keeping_reports::notes_of_report;
use crate::nightly::plan::planned::{DELIVERIES, PartitionKind, Plan, PlannedPartition};
use crate::nightly::record;
use crate::nightly::spans::StepNumbers;

/// The files of the tables of which there is no partition. Those that were published and are whole
/// stay; also tells how many were not.
pub(crate) fn empty_tables(
    run: &RunContext<'_>,
    partitions: &LedgerPartitions,
    previous: &Manifest,
    staged: &Path,
) -> Result<(LedgerPartitions, u64), NightlyError> {
    let mut n_damaged = 0;
    let layouts = [&run.work.layouts.plays, &run.work.layouts.trends];
    let provenance = FileProvenance { inputs: inputs_hash(std::iter::empty()), ..<_>::default() };
    let published = run.places.snapshot(previous.snapshot).join("tables");
    let mut empty = LedgerPartitions::new();
    for table in tables_without(partitions.keys()) {
        let path = table.empty_path();
        let fingerprint = fingerprint(&[SCHEMA_VERSION, &path]);
        let known = previous.empty_tables.get(&path).filter(|f| f.fingerprint == fingerprint);
        let folder = published.join(&path);
        let is_whole = |known: &&PartitionEntry| known.files.iter().all(|f| f.is_whole_in(&folder));
        let partition = if let Some(known) = known.filter(is_whole) {
            known.clone()
        } else {
            n_damaged += u64::from(known.is_some());
            let files = write_empty_table(table, layouts, &staged.join(&path), &provenance)?;
            PartitionEntry::new(fingerprint, files)
        };
        empty.insert(path, partition);
    }
    Ok((empty, n_damaged))
}

pub(crate) fn build_small(
    run: &RunContext<'_>,
    plan: &Plan,
    basis: BuildBasis<'_>,
) -> Result<LedgerPartitions, NightlyError> {
    let mut partitions = LedgerPartitions::new();
    for (path, planned) in plan.stale() {
        let is_built_elsewhere = match &planned.kind {
            PartitionKind::Quarantine
            | PartitionKind::Reports
            | PartitionKind::Coverage
            | PartitionKind::UnmappedValues
            | PartitionKind::Deliveries => false,
            PartitionKind::Plays { .. }
            | PartitionKind::TrendsDaily { .. }
            | PartitionKind::Lots(..)
            | PartitionKind::SalesMonthly { .. }
            | PartitionKind::Waterfall
            | PartitionKind::Eligibility => true,
        };
        if is_built_elsewhere {
            continue;
        }
        let write = || write_small(run, path, planned, basis);
        let numbers = |files: &Vec<FileEntry>| StepNumbers::of_files(None, files);
        let files = run.work.journal.stage.log_partition(path, write, numbers)?;
        partitions.insert(path.clone(), entry(planned, files));
    }
    Ok(partitions)
}

fn write_small(
    run: &RunContext<'_>,
    path: &str,
    planned: &PlannedPartition,
    BuildBasis { reports, coverage, previous, staged }: BuildBasis<'_>,
) -> Result<Vec<FileEntry>, NightlyError> {
    let provenance = provenance(run, planned, reports);
    let folder = staged.join(path);
    let files = match &planned.kind {
        PartitionKind::Quarantine => {
            let mut entries = Vec::new();
            for key in &planned.reports {
                entries.push((&reports[key], notes_of_report(run, &reports[key])?.entries));
            }
            write_quarantine(&folder, &entries, &provenance)?
        }
        PartitionKind::Reports => {
            let mut entries: Vec<&ReportEntry> = reports.values().collect();
            entries.sort_by_key(|report| (report.name(), &report.store));
            write_reports(&folder, &entries, &provenance)?
        }
        PartitionKind::Coverage => write_coverage(&folder, coverage, &provenance)?,
        PartitionKind::UnmappedValues => {
            let mut values = Vec::new();
            for key in &planned.reports {
                values.push((&reports[key], notes_of_report(run, &reports[key])?.unmapped));
            }
            write_unmapped_values(&folder, &values, &provenance)?
        }
        PartitionKind::Deliveries => {
            let log = log_deliveries(run, reports, previous)?;
            write_deliveries(&folder, reports.values(), &log, &provenance)?
        }
        _ => Vec::new(),
    };
    Ok(files)
}

/// The log of deliveries with those that this run has found.
fn log_deliveries(
    run: &RunContext<'_>,
    reports: &LedgerReports,
    previous: &Manifest,
) -> Result<DeliveryLog, NightlyError> {
    let mut log = DeliveryLog::read(run.places)?;
    let name = record::name(run.options);
    let snapshot = previous.snapshot + 1;
    let found_by =
        FoundBy { started: &run.options.started, run: &name, snapshot: exact::<i64>(snapshot) };
    log.add_new(reports.values(), found_by);
    Ok(log)
}

/// Notes when the reports that this run has found came, before anything is published that shows it.
pub(crate) fn keep_deliveries(
    run: &RunContext<'_>,
    plan: &Plan,
    reports: &LedgerReports,
    previous: &Manifest,
) -> Result<(), NightlyError> {
    if !plan.targets.get(DELIVERIES).is_some_and(PlannedPartition::is_stale) {
        return Ok(());
    }
    let log = log_deliveries(run, reports, previous)?;
    Ok(log.write(run.places)?)
}
