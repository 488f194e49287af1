//! Builds the stale months of `waterfall` and `eligibility` from the other tables.

use std::collections::BTreeMap;
use std::path::PathBuf;

use streamledger_core::explain::eligibility::Eligibility;
use streamledger_core::explain::known::KnownMonths;
use streamledger_storage::encode::file::FileProvenance;
use streamledger_storage::layout::ledger::{FileEntry, LedgerReports, inputs_hash};
use streamledger_storage::tables::partition::PartitionError;
use streamledger_storage::tables::scan::collect;

use crate::build::build_eligibility::{EligibilityOf, judge_eligibility, write_eligibility};
use crate::build::build_waterfall::{WaterfallWriter, polars_failed};
use crate::nightly::build::month_frames::MonthFrames;
use crate::nightly::build::run_tables::RunTables;
use crate::nightly::checking::check_waterfall;
use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::plan::plan_view::PlanView;
use crate::nightly::plan::planned::PlannedPartition;
use crate::nightly::plan::store_months::settled_months;
use crate::nightly::plan::store_months::{PlannedMonth, plan_month};
use crate::nightly::spans::StepNumbers;

/// Builds the stale months in staging and enters them, the earliest first: the eligibility of a month
/// depends on those before it.
pub(crate) fn build_waterfalls(
    run: &RunContext<'_>,
    tables: &mut RunTables<'_>,
    known: &KnownMonths,
    reports: &LedgerReports,
) -> Result<(), NightlyError> {
    let plan = tables.plan;
    let view = PlanView { targets: &plan.targets, dates: &plan.dates, reports };
    let mut months = settled_months(run, &plan.targets, reports);
    let is_stale = |path: &String| plan.targets.get(path).is_some_and(PlannedPartition::is_stale);
    months.retain(|of| ["waterfall", "eligibility"].iter().any(|table| is_stale(&of.path(table))));
    run.work.journal.progress.begin("explaining months", months.len() as u64);
    for of in months {
        let month = plan_month(of, known, view);
        let hashes = plan.targets[&month.path].reports.iter();
        let hashes = hashes.map(|key| reports[key].hash.as_str());
        let policy = run.judging.footer(&month.of.store, &month.of.month.to_string());
        let provenance = FileProvenance { inputs: inputs_hash(hashes), policy: policy.to_owned() };
        let stage = &run.work.journal.stage;
        let tracks = month.of.rule.is_some().then(|| month.tracks.clone());
        let path = month.path.clone();
        let build = || build_waterfall(run, month, &provenance, tables);
        let build =
            || stage.log_partition(&path, build, |[files, _]| StepNumbers::of_files(None, files));
        match tracks {
            Some(path) => {
                stage.log_partition(&path, build, |[_, files]| StepNumbers::of_files(None, files))
            }
            None => build(),
        }?;
        run.work.journal.progress.advance(1);
    }
    Ok(())
}

/// Builds the two partitions of a month; returns their files.
fn build_waterfall(
    run: &RunContext<'_>,
    month: PlannedMonth,
    provenance: &FileProvenance,
    tables: &mut RunTables<'_>,
) -> Result<[Vec<FileEntry>; 2], NightlyError> {
    let PlannedMonth { of, inputs, mut known, window, path, tracks } = month;
    let folder = tables.staged.join(&path);
    let failed = |error| NightlyError::from(polars_failed(&folder, error));
    let name = of.month.to_string();
    let frames = MonthFrames { of: &of, inputs: &inputs, tables };
    let mut writer = WaterfallWriter::new(&folder, provenance)?;
    let mut judged = BTreeMap::new();
    let mut n_divided = 0;
    let work_bytes_max = run.options.memory_limit_bytes / 4;
    let parts = frames.parts(work_bytes_max).map_err(PartitionError::parquet(&folder))?;
    let earlier: Vec<Vec<PathBuf>> =
        window.iter().flat_map(|window| &window.earlier).map(|path| tables.files(path)).collect();
    for part in &parts {
        let (frame, divided) = frames.frame(&known, part).map_err(failed)?;
        n_divided += divided;
        let frame = collect(frame).map_err(failed)?;
        if let (Some(window), Some(rule)) = (&window, of.rule) {
            let (is_whole, has_month_before) = (window.is_whole, window.has_month_before);
            let earlier = &earlier;
            let decides = EligibilityOf { month: &name, rule, is_whole, earlier, has_month_before };
            let tracks = judge_eligibility(&frame, &decides, &part.slice, &folder)?;
            let states = tracks.iter().map(|(isrc, track)| (isrc.clone(), track.eligibility));
            known.eligibility = Some(states.collect::<BTreeMap<String, Eligibility>>());
            judged.extend(tracks);
        }
        writer.push(&frame, &known)?;
    }
    let (files, sums) = writer.finish()?;
    let expected = frames.sums(n_divided).map_err(PartitionError::parquet(&folder))?;
    if files.iter().all(|file| file.rows == 0) {
        // All that reaches into the month are lines of which no unit is of it.
        judged.clear();
    } else {
        check_waterfall(&path, sums, expected)?;
    }
    let mut of_tracks = Vec::new();
    if let Some(rule) = of.rule {
        of_tracks = write_eligibility(&judged, rule, &tables.staged.join(&tracks), provenance)?;
        tables.enter(&tracks, of_tracks.clone());
    }
    tables.enter(&path, files.clone());
    Ok([files, of_tracks])
}
