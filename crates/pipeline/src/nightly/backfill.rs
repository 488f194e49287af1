//! Backfill: named months are rebuilt from the archived reports, as they are or judged by another
//! policy, and what that changes is told figure by figure.
//!
//! What is finished is kept next to the snapshots until all is published, so that a backfill that was
//! interrupted goes on where it was.

use crate::build::build_day::DayOutcomes;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use streamledger_core::decisions::settings::{DecidedMonths, JudgingNumbers};
use streamledger_core::model::day::Day;
use streamledger_core::model::listener::ListenerKey;
use streamledger_storage::layout::ledger::{LedgerPartitions, MANIFEST_VERSION, Manifest};
use streamledger_storage::layout::preview::PreviewFolder;
use streamledger_storage::layout::warehouse::Warehouse;
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;
use streamledger_storage::tables::compare::{ComparedTables, FigureChanges, compare};

use crate::intake::config::PipelineSettings;
use crate::judging::JudgingSettings;
use crate::nightly::backfill_draft::{count_damaged, draft_backfill, stale_reports};
use crate::nightly::build::build_basis::BuildBasis;
use crate::nightly::build::building::build_plan;
use crate::nightly::build::building_small::empty_tables;
use crate::nightly::build::checkpoint::{Checkpoint, CheckpointDay};
use crate::nightly::checking::check_manifest;
use crate::nightly::context::{RunBuffers, RunContext, RunRequest};
use crate::nightly::error::NightlyError;
use crate::nightly::intake::disk_space::require_room_to_build;
use crate::nightly::intake::examination::IntakeResult;
use crate::nightly::intake::examining::examine_known;
use crate::nightly::intake::keeping_reports::mend_notes;
use crate::nightly::intake::speculative_build::{SpeculativeBuild, SpeculativeBuilder};
use crate::nightly::options::BackfillOptions;
use crate::nightly::options::{NightlyOptions, RunProgress};
use crate::nightly::plan::completing::complete_plan;
use crate::nightly::plan::completing::{KeptPlays, PlanBasis};
use crate::nightly::plan::offline_dates::published_keys;
use crate::nightly::plan::planned::{PartitionKind, Plan};
use crate::nightly::plan::planning::{PlanDraft, Targets};
use crate::nightly::plan::preconditions::key_of;
use crate::nightly::plan::ruling::SettingsRuling;
use crate::nightly::plan::run_inputs::RunInputs;
use crate::nightly::record;
use crate::nightly::spans::logged_run;
use crate::nightly::summary::RunSummary;
use crate::nightly::whole_lists::with_whole_lists;

/// What a backfill did.
#[derive(Debug, Default)]
pub struct BackfillOutcome {
    /// As of a run.
    pub summary: RunSummary,
    /// Figures that it changed, or would change.
    pub changes: FigureChanges,
    /// Partitions that an interrupted backfill had finished.
    pub n_kept: u64,
    /// Partitions whose published files were damaged.
    pub n_damaged: u64,
    /// Reports that were read, or would be.
    pub n_reports: u64,
}

/// Numbers that judge some months from now on.
type DecidedNumbers = (DecidedMonths, JudgingNumbers);

/// A backfill and what it starts from.
struct BackfillTask<'a> {
    /// With the accepted numbers.
    settings: PipelineSettings,
    judging: JudgingSettings,
    options: NightlyOptions,
    backfill: &'a BackfillOptions,
    key: ListenerKey,
    places: &'a WarehouseLayout,
    /// Where it works.
    staging: &'a Path,
    previous: &'a Manifest,
    progress: &'a dyn RunProgress,
}

/// What a backfill has made, not yet published.
struct UnpublishedRun<'a> {
    run: RunContext<'a>,
    plan: Plan,
    manifest: Manifest,
    done: BackfillOutcome,
}

impl<'a> BackfillTask<'a> {
    /// A backfill, with what it decides about its months; nothing of that is written down.
    fn new(
        request: RunRequest<'a>,
        backfill: &'a BackfillOptions,
        previous: &'a Manifest,
        staging: &'a Path,
    ) -> Result<(Self, SettingsRuling, Option<DecidedNumbers>), NightlyError> {
        let RunRequest { settings, options, places, progress } = request;
        let key = key_of(options, places, previous)?;
        let options = backfill.on_its_day(options, previous);
        let mut ruling = SettingsRuling::read(settings, &options, places, previous)?;
        let decided = ruling.judge_months(backfill)?;
        let judging = ruling.judging(settings);
        let settings = settings.judged_by(&ruling.in_force);
        let task =
            Self { settings, judging, options, backfill, key, places, staging, previous, progress };
        Ok((task, ruling, decided))
    }

    fn run(&'a self) -> Result<RunContext<'a>, NightlyError> {
        let (options, places, progress) = (&self.options, self.places, self.progress);
        let request = RunRequest { settings: &self.settings, options, places, progress };
        RunContext::new(request, self.judging.clone(), self.key, self.staging)
    }

    /// Makes the partitions in staging.
    fn make(
        &'a self,
        checkpoint: Option<Checkpoint>,
        damaged_lists: &BTreeSet<String>,
    ) -> Result<UnpublishedRun<'a>, NightlyError> {
        let previous = self.previous;
        let mut run = self.run()?;
        run.work.damaged_lists.clone_from(damaged_lists);
        let n_mended =
            if self.backfill.is_preview { 0 } else { mend_notes(&run, &previous.reports)? };
        let draft = draft_backfill(&run, self.backfill, previous)?;
        require_room_to_build(&run, &draft.targets, &previous.reports, previous)?;
        run.work.checkpoint = checkpoint;
        let staged = self.staging.join("snapshot").join("tables");
        let mut examination = examine_months(&run, &draft.targets, previous, &staged)?;
        let mut done = BackfillOutcome {
            n_kept: examination.n_kept(),
            n_reports: examination.n_read,
            ..BackfillOutcome::default()
        };
        let of = (previous, Some(self.backfill));
        let (plan, built) = plan_and_build(&run, draft, &mut examination, of, &staged)?;
        let (partitions, outcomes) = built;
        run.work.checkpoint.as_ref().map_or(Ok(()), Checkpoint::finish)?;
        done.summary = RunSummary { rebuilt: plan.reasons(), outcomes, ..examination.summary };
        let (empty_tables, n_damaged) = empty_tables(&run, &partitions, previous, &staged)?;
        done.n_damaged = n_damaged + n_mended;
        let manifest = Manifest {
            manifest_version: MANIFEST_VERSION,
            snapshot: previous.snapshot + 1,
            settings: self.judging.in_force().clone(),
            as_of: self.options.as_of.to_string(),
            published: self.options.started.clone(),
            origin: "backfill".to_owned(),
            empty_tables,
            partitions,
            ..previous.clone()
        };
        check_manifest(&manifest)?;
        let published = self.places.snapshot(previous.snapshot).join("tables");
        done.changes = compare(
            ComparedTables { folders: std::slice::from_ref(&published), manifest: previous },
            ComparedTables { folders: &[staged, published.clone()], manifest: &manifest },
        )?;
        Ok(UnpublishedRun { run, plan, manifest, done })
    }
}

/// Rebuilds the named months.
///
/// # Errors
/// [`NightlyError`]; what was published before stays as it was.
pub fn run_backfill(
    settings: &PipelineSettings,
    options: &NightlyOptions,
    backfill: &BackfillOptions,
    progress: &dyn RunProgress,
) -> Result<BackfillOutcome, NightlyError> {
    if backfill.is_preview {
        return preview_backfill(settings, options, backfill, progress);
    }
    let mut warehouse = Warehouse::open_existing(&options.warehouse, &options.owner)?;
    let places = warehouse.places.clone();
    let previous = std::mem::take(&mut warehouse.manifest);
    let staging = places.internal("staging");
    let (places, staging, previous) = (&places, staging.as_path(), &previous);
    let request = RunRequest { settings, options, places, progress };
    let (task, mut ruling, decided) = BackfillTask::new(request, backfill, previous, staging)?;
    // What cannot be done is not decided.
    draft_backfill(&task.run()?, backfill, previous)?;
    if let (Some((months, numbers)), Some((_, author))) = (decided, &backfill.policy) {
        ruling.write(months, numbers, author)?;
    }
    let decisions = &ruling.names();
    with_whole_lists(staging, |damaged_lists| {
        let checkpoint = Checkpoint::new(places.internal("backfill"));
        let made = logged_run("backfill", || task.make(Some(checkpoint), damaged_lists))?;
        let UnpublishedRun { mut run, plan, manifest, mut done } = made;
        let manifest = Manifest { decisions: decisions.clone(), ..manifest };
        done.n_damaged += count_damaged(&plan, previous, places);
        let is_same = (&manifest.partitions, &manifest.settings)
            == (&previous.partitions, &previous.settings);
        if !is_same || 0 < done.n_damaged {
            done.summary.snapshot = Some(manifest.snapshot);
            warehouse.publish(manifest, previous.snapshot)?;
        }
        let checkpoint = run.work.checkpoint.take();
        done.summary = run.finish(done.summary);
        if done.summary.snapshot.is_some() {
            record::write_record(places, &task.options, &done.summary)?;
        }
        let away = places.internal("staging/backfill");
        checkpoint.as_ref().map_or(Ok(()), |checkpoint| checkpoint.clear(&away))?;
        warehouse.clear_staging()?;
        Ok(done)
    })
}

/// Tells what would change. It publishes nothing and works in a folder of its own, so it needs no lock:
/// another run may go on meanwhile.
fn preview_backfill(
    settings: &PipelineSettings,
    options: &NightlyOptions,
    backfill: &BackfillOptions,
    progress: &dyn RunProgress,
) -> Result<BackfillOutcome, NightlyError> {
    let (places, previous) = &published_state(options)?;
    let folder = PreviewFolder::open(places)?;
    let staging = folder.path();
    let request = RunRequest { settings, options, places, progress };
    let (task, ..) = BackfillTask::new(request, backfill, previous, staging)?;
    with_whole_lists(staging, |damaged_lists| {
        let make = || task.make(None, damaged_lists);
        let UnpublishedRun { run, mut done, .. } = logged_run("preview", make)?;
        done.summary = run.finish(done.summary);
        Ok(done)
    })
}

/// A warehouse, and what is published in it.
fn published_state(options: &NightlyOptions) -> Result<(WarehouseLayout, Manifest), NightlyError> {
    let places = WarehouseLayout::new(&options.warehouse);
    places.require()?;
    let previous = places.current_manifest()?;
    Ok((places, previous))
}

/// Says what [`run_backfill`] would read and make, and writes nothing.
///
/// # Errors
/// [`NightlyError`].
pub fn plan_backfill(
    settings: &PipelineSettings,
    options: &NightlyOptions,
    backfill: &BackfillOptions,
    progress: &dyn RunProgress,
) -> Result<BackfillOutcome, NightlyError> {
    let (places, previous) = &published_state(options)?;
    let staging = Path::new("");
    let request = RunRequest { settings, options, places, progress };
    let (task, ..) = BackfillTask::new(request, backfill, previous, staging)?;
    let mut run = task.run()?;
    run.work.buffers = RunBuffers::of_plan();
    let draft = draft_backfill(&run, backfill, previous)?;
    let n_reports = stale_reports(&draft.targets, &BTreeSet::new()).len() as u64;
    let basis = PlanBasis {
        reports: &previous.reports,
        previous,
        backfill: Some(backfill),
        kept: KeptPlays::Offline,
        staged: staging,
    };
    let (plan, _) = complete_plan(&run, draft, &mut RunInputs::default(), basis)?;
    let summary = RunSummary { rebuilt: plan.reasons(), ..RunSummary::default() };
    let summary = run.finish(summary);
    Ok(BackfillOutcome { summary, n_reports, ..BackfillOutcome::default() })
}

/// Completes a plan whose reports were read, and builds it.
pub(super) fn plan_and_build(
    run: &RunContext<'_>,
    draft: PlanDraft,
    examination: &mut IntakeResult,
    (previous, backfill): (&Manifest, Option<&BackfillOptions>),
    staged: &Path,
) -> Result<(Plan, (LedgerPartitions, DayOutcomes)), NightlyError> {
    let mut inputs = examination.take_inputs(&draft.targets, staged)?;
    let reports = &previous.reports;
    let basis = PlanBasis { reports, previous, backfill, kept: KeptPlays::All, staged };
    let (plan, coverage) = complete_plan(run, draft, &mut inputs, basis)?;
    let basis = BuildBasis { reports, coverage: &coverage, previous, staged };
    let built = build_plan(run, &plan, inputs, basis)?;
    Ok((plan, built))
}

/// Takes over what an interrupted backfill has finished, and reads the reports that feed the rest.
pub(super) fn examine_months(
    run: &RunContext<'_>,
    targets: &Targets,
    previous: &Manifest,
    staged: &Path,
) -> Result<IntakeResult, NightlyError> {
    let mut early =
        SpeculativeBuilder::new(staged, previous, run.places, published_keys(run, previous));
    let (mut days, mut files) = (BTreeMap::new(), BTreeMap::new());
    let stale = || targets.iter().filter(|(_, planned)| planned.is_stale());
    for (path, planned) in stale() {
        early.fingerprints.insert(path.clone(), planned.fingerprint.clone());
        let Some(checkpoint) = &run.work.checkpoint else {
            continue;
        };
        match &planned.kind {
            PartitionKind::Plays { store, day } => {
                if let Some(found) = checkpoint.take_day(path, &planned.fingerprint, staged)? {
                    let found = SpeculativeBuild::of_checkpoint(found);
                    early.tell(store, *day, &found.keys);
                    days.insert((store.clone(), *day), found);
                }
            }
            PartitionKind::Lots(..) | PartitionKind::SalesMonthly { .. } => {
                if let Some(found) = checkpoint.take_files(path, &planned.fingerprint, staged)? {
                    files.insert(path.clone(), found);
                }
            }
            _ => {}
        }
    }
    let finished: BTreeSet<&String> = stale()
        .filter(|(path, planned)| match &planned.kind {
            PartitionKind::Plays { store, day } => days.contains_key(&(store.clone(), *day)),
            _ => files.contains_key(*path),
        })
        .map(|(path, _)| path)
        .collect();
    let keys = stale_reports(targets, &finished);
    let wanted_days: BTreeSet<Day> = stale()
        .filter(|(path, _)| !finished.contains(path))
        .filter_map(|(_, planned)| match &planned.kind {
            PartitionKind::Plays { day, .. } => Some(*day),
            _ => None,
        })
        .collect();
    let mut examination = examine_known(run, &keys, previous, early, &wanted_days)?;
    examination.n_read = keys.len() as u64;
    examination.kept_files = files;
    examination.n_kept_days = days.len() as u64;
    examination.speculative_builds.extend(days);
    Ok(examination)
}

impl SpeculativeBuild {
    /// A date that an interrupted backfill has finished.
    fn of_checkpoint(day: CheckpointDay) -> Self {
        let CheckpointDay { built, keys, counted_earlier } = day;
        Self { report: None, built, keys: Arc::new(keys), counted_earlier, looked_up: None }
    }
}

impl IntakeResult {
    fn n_kept(&self) -> u64 {
        self.n_kept_days + self.kept_files.len() as u64
    }
}
