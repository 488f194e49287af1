//! Completes a plan: what depends on other partitions. Reports that feed stale dates are read for it, since
//! only their plays tell which later dates share offline plays with them. Nothing is built.

use std::path::Path;

use streamledger_core::explain::coverage::CoverageRow;
use streamledger_core::explain::known::KnownMonths;
use streamledger_storage::layout::ledger::{LedgerReports, Manifest};

use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::intake::speculative_build::drop_early;
use crate::nightly::options::BackfillOptions;
use crate::nightly::plan::offline_dates::collect_keys;
use crate::nightly::plan::offline_dates::settle_offline;
use crate::nightly::plan::offline_dates::{PlannedDates, reports_of_date};
use crate::nightly::plan::planned::{PartitionKind, Plan, PlannedPartition};
use crate::nightly::plan::planning::{PlanDraft, Targets};
use crate::nightly::plan::reading_again::read_again;
use crate::nightly::plan::run_inputs::{RunInputs, before_its_month};
use crate::nightly::plan::store_months::plan_waterfalls;
use crate::nightly::plan::track_lists::find_tracks;

/// What a run keeps of the plays that it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeptPlays {
    /// All of them: dates are built.
    All,
    /// Offline plays alone: a dry run only has to know which dates share some.
    Offline,
}

/// What a plan is completed from.
#[derive(Clone, Copy)]
pub(crate) struct PlanBasis<'a> {
    pub(crate) reports: &'a LedgerReports,
    pub(crate) previous: &'a Manifest,
    /// Months that are rebuilt whatever their fingerprints say.
    pub(crate) backfill: Option<&'a BackfillOptions>,
    pub(crate) kept: KeptPlays,
    /// The tables of the coming snapshot.
    pub(crate) staged: &'a Path,
}

/// The whole plan, with what is there and what is due. What was read for it is added to the inputs.
pub(crate) fn complete_plan(
    run: &RunContext<'_>,
    draft: PlanDraft,
    inputs: &mut RunInputs,
    basis: PlanBasis<'_>,
) -> Result<(Plan, Vec<CoverageRow>), NightlyError> {
    run.work.journal.stage.log("plan", |numbers| {
        let (plan, coverage) = complete(run, draft, inputs, basis)?;
        numbers.partitions = Some(plan.stale().count() as u64);
        Ok((plan, coverage))
    })
}

fn complete(
    run: &RunContext<'_>,
    draft: PlanDraft,
    inputs: &mut RunInputs,
    basis: PlanBasis<'_>,
) -> Result<(Plan, Vec<CoverageRow>), NightlyError> {
    let PlanBasis { reports, previous, backfill, kept, staged } = basis;
    let PlanDraft { mut targets, coverage } = draft;
    let is_as_published = |path: &String, planned: &PlannedPartition| {
        let published = previous.partitions.get(path);
        published.is_some_and(|published| published.fingerprint == planned.fingerprint)
            && !run.work.damaged_lists.contains(path)
    };
    // The offline plays of a date that is as it is published stand in its list.
    let is_needed = |path: &String, planned: &PlannedPartition| {
        kept == KeptPlays::All || !is_as_published(path, planned)
    };
    read_again(run, &targets, inputs, reports, is_needed)?;
    find_tracks(run, &targets, inputs, reports, previous)?;
    collect_keys(run, &targets, inputs, reports)?;
    let mut dates = settle_offline(run, &mut targets, inputs, previous)?;
    if kept == KeptPlays::All {
        drop_wrong_builds(&targets, &dates, inputs, staged)?;
        // Dates that became stale now.
        read_again(run, &targets, inputs, reports, |_, _| true)?;
        find_tracks(run, &targets, inputs, reports, previous)?;
    }
    note_months(&targets, &mut dates, inputs, (reports, previous))?;
    let known = KnownMonths::new(&coverage);
    plan_waterfalls(run, &mut targets, &known, (&dates, reports), (previous, backfill));
    let is_gone = |path: &&String| !targets.contains_key(*path);
    let dropped = previous.partitions.keys().filter(is_gone).cloned().collect();
    Ok((Plan { targets, dates, dropped }, coverage))
}

/// Clears away dates that were built before it was known which of their plays stand under an earlier date.
fn drop_wrong_builds(
    targets: &Targets,
    dates: &PlannedDates,
    inputs: &mut RunInputs,
    staged: &Path,
) -> Result<(), NightlyError> {
    for (path, known) in dates {
        let PartitionKind::Plays { store, day } = &targets[path].kind else {
            continue;
        };
        let date = (store.clone(), *day);
        let early = inputs.early.get(&date);
        let is_wrong = early.is_some_and(|early| early.counted_earlier != known.counted_earlier);
        if is_wrong && let Some(early) = inputs.early.remove(&date) {
            drop_early(staged, path, &early, "offline plays of it stand under an earlier date")?;
        }
    }
    Ok(())
}

/// Notes in which earlier months the plays of each date were listened to. Where they were not read, they
/// are as they were.
fn note_months(
    targets: &Targets,
    dates: &mut PlannedDates,
    inputs: &RunInputs,
    (reports, previous): (&LedgerReports, &Manifest),
) -> Result<(), NightlyError> {
    for (path, known) in dates {
        let planned = &targets[path];
        let PartitionKind::Plays { store, day } = &planned.kind else {
            continue;
        };
        let of_date = reports_of_date(planned, *day, reports);
        let read = || inputs.listened_months(&(store.clone(), *day), &of_date);
        let months = if planned.is_stale() { read() } else { None };
        known.heard_in = match (months, previous.partitions.get(path)) {
            (Some(months), _) => before_its_month(&months, *day),
            (None, Some(published)) => published.heard_in.clone(),
            (None, None) => {
                let message = format!("{path} is planned, and its reports were not read");
                return Err(NightlyError::Inconsistent { message });
            }
        };
    }
    Ok(())
}
