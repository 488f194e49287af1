//! Reads archived reports again that feed stale partitions and were not read in this run.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use streamledger_core::model::day::Day;
use streamledger_storage::archive::archived_reports::archive_path;
use streamledger_storage::layout::error::WarehouseError;
use streamledger_storage::layout::ledger::LedgerReports;
use streamledger_storage::source::report_source::ReportFile;

use crate::intake::examine::ExaminedFile;
use crate::intake::play_buffer::ReportDays;
use crate::intake::sales_runs::ReportRuns;
use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::plan::offline_dates::{reports_of_date, stale_dates};
use crate::nightly::plan::planned::PlannedPartition;
use crate::nightly::plan::planning::Targets;
use crate::nightly::plan::run_inputs::RunInputs;

/// Reads reports that feed a stale date and were not read in this run from the archive.
pub(crate) fn read_again(
    run: &RunContext<'_>,
    targets: &Targets,
    inputs: &mut RunInputs,
    reports: &LedgerReports,
    is_needed: impl Fn(&String, &PlannedPartition) -> bool,
) -> Result<(), NightlyError> {
    let mut wanted_days: BTreeMap<&String, BTreeSet<Day>> = BTreeMap::new();
    for (path, planned, date) in stale_dates(targets) {
        if inputs.early.contains_key(&date) || !is_needed(path, planned) {
            continue;
        }
        for key in reports_of_date(planned, date.1, reports) {
            if inputs.plays.get(key).is_none_or(|days| !days.contains_key(&date.1)) {
                wanted_days.entry(key).or_default().insert(date.1);
            }
        }
    }
    let wanted_days: Vec<(&String, BTreeSet<Day>)> = wanted_days.into_iter().collect();
    run.work.journal.progress.begin("reading archived reports", wanted_days.len() as u64);
    let examiner = run.examiner(wanted_days.len());
    let read: Vec<(String, ReportDays)> = wanted_days
        .par_iter()
        .with_max_len(1)
        .map(|(key, days)| {
            let report = &reports[*key];
            let path = archive_path(run.places, report.archived.as_deref().unwrap_or_default());
            let examined = examiner.examine(
                ReportFile::Archive(&path),
                report.read_as(report.file()),
                Some(&report.store),
                Some(days),
            )?;
            run.work.journal.progress.advance(1);
            match examined {
                ExaminedFile::Report(read) if hex::encode(read.hash) == report.hash => {
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
        inputs.plays.entry(key).or_default().extend(days);
    }
    Ok(())
}

/// Reads reports from the archive that feed a stale month and were not read in this run.
pub(crate) fn read_lots_again(
    run: &RunContext<'_>,
    lots: &[(&String, &PlannedPartition)],
    fresh: &mut BTreeMap<String, ReportRuns>,
    reports: &LedgerReports,
) -> Result<(), NightlyError> {
    let missing: BTreeSet<&String> = lots
        .iter()
        .flat_map(|(_, planned)| &planned.reports)
        .filter(|key| !fresh.contains_key(*key))
        .collect();
    let examiner = run.examiner(missing.len());
    let nothing = BTreeSet::new();
    let missing: Vec<&String> = missing.into_iter().collect();
    run.work.journal.progress.begin("reading archived reports", missing.len() as u64);
    let read: Vec<(String, ReportRuns)> = missing
        .par_iter()
        .with_max_len(1)
        .map(|key| {
            let report = &reports[*key];
            let name = report.archived.as_deref().unwrap_or_default();
            let path = archive_path(run.places, name);
            let examined = examiner.examine(
                ReportFile::Archive(&path),
                report.read_as(report.file()),
                Some(&report.store),
                Some(&nothing),
            )?;
            run.work.journal.progress.advance(1);
            match examined {
                ExaminedFile::Report(read) if hex::encode(read.hash) == report.hash => {
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
