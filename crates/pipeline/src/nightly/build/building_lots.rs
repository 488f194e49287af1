//! The partitions of `sales`, `pools` and `sales_monthly` that must be rebuilt.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use streamledger_storage::layout::ledger::{
    LedgerPartitions, LedgerReports, PartitionEntry, ReportEntry,
};
use streamledger_storage::layout::partition_key::path_in;
use streamledger_storage::tables::lot_table::LotTable;

use crate::build::build_sales::build_lots;
use crate::build::build_statements::{PartitionTarget, StatementBounds, build_statements};
use crate::build::sales_merge::MergeBounds;
use crate::intake::sales_runs::{ReportRuns, SaleRun, TableRun, drop_runs};
use crate::nightly::build::provenance::provenance;
use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::plan::planned::{FinishedFiles, PartitionKind, Plan, PlannedPartition};
use crate::nightly::plan::reading_again::read_lots_again;
use crate::nightly::plan::run_inputs::RunInputs;
use crate::nightly::spans::StepNumbers;

/// Where the rows of partitions come from, where these go, and how much of them may be in memory.
struct LotSources<'a> {
    /// Runs by report, which nobody else needs.
    fresh: Mutex<BTreeMap<String, ReportRuns>>,
    reports: &'a LedgerReports,
    staged: &'a Path,
    bounds: MergeBounds,
}

/// A partition that is finished, by its path.
type FinishedLot = (String, FinishedFiles);

/// Builds them in staging. Reports that were not read in this run are read from the archive.
pub(crate) fn build_stale_lots(
    run: &RunContext<'_>,
    plan: &Plan,
    inputs: &mut RunInputs,
    reports: &LedgerReports,
    staged: &Path,
) -> Result<LedgerPartitions, NightlyError> {
    let mut fresh = std::mem::take(&mut inputs.runs);
    let finished = std::mem::take(&mut inputs.finished);
    let monthly = monthly_partitions(plan);
    let is_finished = |path: &String| {
        let sums = monthly.get(path);
        finished.contains_key(path) && sums.is_none_or(|path| finished.contains_key(*path))
    };
    let lots: Vec<(&String, &PlannedPartition)> = plan
        .stale()
        .filter(|(_, planned)| matches!(planned.kind, PartitionKind::Lots(..)))
        .filter(|(path, _)| !is_finished(path))
        .collect();
    read_lots_again(run, &lots, &mut fresh, reports)?;
    let bounds = MergeBounds::of(run.options.memory_limit_bytes, rayon::current_num_threads());
    let sources = LotSources { fresh: Mutex::new(fresh), reports, staged, bounds };
    let built = build_each_lot(run, plan, &lots, &monthly, &sources)?;
    let mut partitions = BTreeMap::new();
    // What was built takes the place of what was finished before.
    for (path, FinishedFiles { files, totals }) in finished.into_iter().chain(built) {
        let fingerprint = plan.targets[&path].fingerprint.clone();
        let partition = PartitionEntry::new(fingerprint, files);
        partitions.insert(path, PartitionEntry { totals, ..partition });
    }
    if let Ok(rest) = sources.fresh.into_inner() {
        rest.into_values().try_for_each(drop_runs)?;
    }
    Ok(partitions)
}

/// Builds as many partitions at a time as fit the memory.
fn build_each_lot(
    run: &RunContext<'_>,
    plan: &Plan,
    lots: &[(&String, &PlannedPartition)],
    monthly: &BTreeMap<&String, &String>,
    sources: &LotSources<'_>,
) -> Result<Vec<FinishedLot>, NightlyError> {
    run.work.journal.progress.begin("building sales", lots.len() as u64);
    let target = |path: &String, planned: &PlannedPartition| PartitionTarget {
        folder: sources.staged.join(path),
        provenance: provenance(run, planned, sources.reports),
    };
    let build = |(path, planned): &(&String, &PlannedPartition)| {
        let own = target(path, planned);
        let sums = monthly.get(path).map(|path| (*path, target(path, &plan.targets[*path])));
        let rows_in = rows_of_reports(path, planned, sources.reports);
        let numbers = |place: usize, rows_in: Option<u64>| {
            move |built: &Vec<FinishedLot>| {
                let files = built.get(place).map_or(&[][..], |(_, finished)| &finished.files);
                StepNumbers::of_files(rows_in, files)
            }
        };
        let stage = &run.work.journal.stage;
        let of_sums = sums.as_ref().map(|(path, _)| *path);
        let build = || build_lot(run, (path, planned), &own, sums, sources);
        let build = || stage.log_partition(path, build, numbers(0, Some(rows_in)));
        let built = match of_sums {
            Some(path) => stage.log_partition(path, build, numbers(1, None)),
            None => build(),
        }?;
        if let Some(checkpoint) = &run.work.checkpoint {
            for (path, finished) in &built {
                let fingerprint = &plan.targets[path].fingerprint;
                checkpoint.keep_files(path, fingerprint, sources.staged, finished);
            }
        }
        run.work.journal.progress.advance(1);
        Ok(built)
    };
    let build = || {
        let built = lots.par_iter().with_max_len(1).map(build);
        built.collect::<Result<Vec<Vec<FinishedLot>>, NightlyError>>()
    };
    // Threads of their own: as many as partitions fit the memory, and when they end, so does what the
    // allocator keeps for each of them.
    let built = match ThreadPoolBuilder::new().num_threads(sources.bounds.n_partitions).build() {
        Ok(threads) => threads.install(build)?,
        Err(_) => build()?,
    };
    Ok(built.into_iter().flatten().collect())
}

/// Rows that the reports of a partition of lines, figures or reference data have for it.
fn rows_of_reports(path: &str, planned: &PlannedPartition, reports: &LedgerReports) -> u64 {
    let replaced = path_in("sales", path);
    let of_report = |report: &ReportEntry| {
        let lines = &report.lines;
        let rows = lines.get(path).or_else(|| report.pools.get(path));
        rows.or_else(|| lines.get(&replaced)).copied()
    };
    planned.reports.iter().filter_map(|key| of_report(&reports[key])).sum()
}

/// Builds a partition of lines, figures or reference data, and of the sums of its lines if they have a
/// target.
fn build_lot(
    run: &RunContext<'_>,
    (path, planned): (&String, &PlannedPartition),
    target: &PartitionTarget,
    sums: Option<(&String, PartitionTarget)>,
    sources: &LotSources<'_>,
) -> Result<Vec<FinishedLot>, NightlyError> {
    let PartitionKind::Lots(table, month) = &planned.kind else {
        return Ok(Vec::new());
    };
    let bounds = sources.bounds;
    if !matches!(table, LotTable::Sales | LotTable::SalesSuperseded) {
        let key = (*table, month.clone());
        let inputs: Vec<(String, Vec<TableRun>)> =
            take_runs(planned, sources, |runs| runs.tables.remove(&key));
        let PartitionTarget { folder, provenance } = target;
        let files = build_lots(*table, inputs, bounds.n_runs, folder, provenance)?;
        return Ok(vec![(path.clone(), FinishedFiles { files, totals: None })]);
    }
    // A report that was replaced was read like any other.
    let inputs: Vec<(String, Vec<SaleRun>)> =
        take_runs(planned, sources, |runs| runs.sales.remove(month));
    let waiting = run.work.staging.join("sums").join(path);
    let bounds = StatementBounds {
        n_runs: bounds.n_runs,
        sums_bytes: run.options.memory_limit_bytes / 16 / bounds.n_partitions,
        folder: &waiting,
    };
    let monthly = sums.as_ref().map(|(_, target)| target);
    let built = build_statements(inputs, target, monthly, bounds, &run.work.journal.stages)?;
    let own = (path.clone(), FinishedFiles { files: built.sales, totals: None });
    let of_sums = sums.zip(built.monthly).map(|((path, _), (files, totals))| {
        (path.clone(), FinishedFiles { files, totals: Some(totals) })
    });
    Ok(std::iter::once(own).chain(of_sums).collect())
}

/// Stale partitions of `sales_monthly`, by the path of the partition of `sales` that they sum.
fn monthly_partitions(plan: &Plan) -> BTreeMap<&String, &String> {
    let sums = plan.stale().filter_map(|(path, planned)| match &planned.kind {
        PartitionKind::SalesMonthly { sales } => Some((sales, path)),
        _ => None,
    });
    sums.collect()
}

/// The names of a partition's reports, in order, each with its runs, which nobody else needs.
fn take_runs<R>(
    planned: &PlannedPartition,
    LotSources { fresh, reports, .. }: &LotSources<'_>,
    take: impl Fn(&mut ReportRuns) -> Option<Vec<R>>,
) -> Vec<(String, Vec<R>)> {
    let Ok(mut fresh) = fresh.lock() else {
        return Vec::new();
    };
    let runs = |key: &String| {
        let runs = fresh.get_mut(key).and_then(&take);
        (reports[key].name().to_owned(), runs.unwrap_or_default())
    };
    planned.reports.iter().map(runs).collect()
}
