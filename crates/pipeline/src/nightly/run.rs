//! The nightly run: examine the inbox, plan, build the partitions whose inputs changed, publish all tables
//! together. [`run_nightly`] shows the whole run on one screen.

use std::collections::BTreeMap;
use std::path::Path;

use streamledger_core::model::listener::ListenerKey;
use streamledger_storage::disk::reading::exists;
use streamledger_storage::layout::decisions::DecisionError;
use streamledger_storage::layout::ledger::{MANIFEST_VERSION, Manifest};
use streamledger_storage::layout::manifest::read_manifest;
use streamledger_storage::layout::warehouse::{Warehouse, read_key};
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;
use streamledger_storage::source::inbox::{Inbox, require_inbox, scan_inbox};

use crate::intake::config::PipelineSettings;
use crate::nightly::build::build_basis::BuildBasis;
use crate::nightly::build::building::build_plan;
use crate::nightly::build::building_small::empty_tables;
use crate::nightly::build::building_small::keep_deliveries;
use crate::nightly::checking::check_manifest;
use crate::nightly::context::{RunBuffers, RunContext, RunRequest};
use crate::nightly::error::NightlyError;
use crate::nightly::intake::disk_space::require_room_to_build;
use crate::nightly::intake::examination::IntakeResult;
use crate::nightly::intake::examining::examine_dry;
use crate::nightly::intake::examining::examine_inbox;
use crate::nightly::intake::intake_index::IntakeIndex;
use crate::nightly::intake::keeping_reports::keep_reports;
use crate::nightly::options::NightlyOptions;
use crate::nightly::options::RunProgress;
use crate::nightly::plan::completing::complete_plan;
use crate::nightly::plan::completing::{KeptPlays, PlanBasis};
use crate::nightly::plan::planning::draft_plan;
use crate::nightly::plan::preconditions::require_key;
use crate::nightly::plan::proposal::{Proposal, SettingsRequest};
use crate::nightly::plan::ruling::{SettingsRuling, by_program};
use crate::nightly::proposing::{propose, warn_of};
use crate::nightly::record::write_record;
use crate::nightly::spans::logged_run;
use crate::nightly::summary::RunSummary;
use crate::nightly::whole_lists::with_whole_lists;

/// Takes in what is new, builds what it changes, publishes, and tells what settings that are edited and
/// not accepted would change. Edits that change nothing are accepted by themselves.
///
/// # Errors
/// [`NightlyError`]; what was published before stays as it was.
pub fn run_nightly(
    settings: &PipelineSettings,
    options: &NightlyOptions,
    request: &SettingsRequest,
    progress: &dyn RunProgress,
) -> Result<RunSummary, NightlyError> {
    require_inbox(&options.inbox)?;
    let (mut summary, published) =
        run_once(settings, options, progress, |ruling, _| match request {
            SettingsRequest::AsAccepted => Ok(()),
            SettingsRequest::Accept { hash, author } => ruling.accept(hash, author),
        })?;
    // Readers have the tables, and the next run may have the lock: nothing from here on is a failure.
    match propose(settings, options, progress) {
        Ok(Some(proposal)) if proposal.changes_nothing() => {
            match accept_unseen(settings, options, progress, &proposal, published) {
                Ok((more, is_accepted)) => {
                    summary.add_run(more);
                    summary.settled = is_accepted.then_some(proposal);
                }
                Err(error) => {
                    warn_of(&error);
                    summary.proposal = Some(proposal);
                }
            }
        }
        Ok(proposal) => summary.proposal = proposal,
        Err(error) => warn_of(&error),
    }
    Ok(summary)
}

/// Accepts a proposal that changes nothing of what is published as that snapshot, and runs by it. Tells
/// whether it did: where another run was faster, that one or the next looks at the same edits.
fn accept_unseen(
    settings: &PipelineSettings,
    options: &NightlyOptions,
    progress: &dyn RunProgress,
    proposal: &Proposal,
    published: u64,
) -> Result<(RunSummary, bool), NightlyError> {
    let author = by_program("changes no published figure");
    let mut is_accepted = false;
    let (summary, _) = run_once(settings, options, progress, |ruling, manifest| {
        is_accepted = manifest.snapshot == published
            && ruling.proposed.as_ref().is_some_and(|(_, hash)| *hash == proposal.hash);
        if is_accepted { ruling.accept(&proposal.hash, &author) } else { Ok(()) }
    })?;
    Ok((summary, is_accepted))
}

/// One run under the lock: what it did, and the number of the snapshot that is published after it.
fn run_once(
    settings: &PipelineSettings,
    options: &NightlyOptions,
    progress: &dyn RunProgress,
    decide: impl FnOnce(&mut SettingsRuling, &Manifest) -> Result<(), DecisionError>,
) -> Result<(RunSummary, u64), NightlyError> {
    let mut warehouse = Warehouse::open(&options.warehouse, &options.owner)?;
    warehouse.manifest = std::mem::take(&mut warehouse.manifest).with_all_reports();
    let places = warehouse.places.clone();
    let mut ruling = SettingsRuling::read(settings, options, &places, &warehouse.manifest)?;
    decide(&mut ruling, &warehouse.manifest)?;
    require_key(&warehouse.manifest, &places, options)?;
    let key = warehouse.listener_key(options.listener_key.as_ref())?;
    let staging = places.internal("staging");
    let judging = ruling.judging(settings);
    let settings = &settings.judged_by(&ruling.in_force);
    let summary = with_whole_lists(&staging, |damaged_lists| {
        let judging = judging.clone();
        let request = RunRequest { settings, options, places: &places, progress };
        let mut run = RunContext::new(request, judging, key, &staging)?;
        run.work.damaged_lists.clone_from(damaged_lists);
        logged_run("nightly", || run_steps(run, &mut warehouse, &mut ruling))
    })?;
    Ok((summary, warehouse.manifest.snapshot))
}

/// The run itself.
fn run_steps(
    run: RunContext<'_>,
    warehouse: &mut Warehouse,
    ruling: &mut SettingsRuling,
) -> Result<RunSummary, NightlyError> {
    let (options, places) = (run.options, run.places);
    let staged = warehouse.staged_tables();
    let (seen, mut examination) = read_inbox(&run, &warehouse.manifest, &staged)?;
    let draft = draft_plan(&run, &examination.reports, &warehouse.manifest);
    require_room_to_build(&run, &draft.targets, &examination.reports, &warehouse.manifest)?;
    let mut inputs = examination.take_inputs(&draft.targets, &staged)?;
    let basis = PlanBasis {
        reports: &examination.reports,
        previous: &warehouse.manifest,
        backfill: None,
        kept: KeptPlays::All,
        staged: &staged,
    };
    let (plan, coverage) = complete_plan(&run, draft, &mut inputs, basis)?;
    if plan.is_empty() && !is_judged_again(&warehouse.manifest, ruling) {
        seen.write(places)?;
        warehouse.clear_staging()?;
        return Ok(run.finish(examination.summary));
    }
    keep_deliveries(&run, &plan, &examination.reports, &warehouse.manifest)?;
    let basis = BuildBasis {
        reports: &examination.reports,
        coverage: &coverage,
        previous: &warehouse.manifest,
        staged: &staged,
    };
    let (partitions, outcomes) = build_plan(&run, &plan, inputs, basis)?;
    ruling.write_pending()?;
    let manifest = Manifest {
        manifest_version: MANIFEST_VERSION,
        snapshot: warehouse.manifest.snapshot + 1,
        listener_key: run.key.fingerprint(),
        has_own_key: options.listener_key.is_none(),
        settings: ruling.in_force.clone(),
        decisions: ruling.names(),
        as_of: options.as_of.to_string(),
        published: options.started.clone(),
        origin: "nightly".to_owned(),
        set_aside: BTreeMap::new(),
        reports: examination.reports,
        empty_tables: empty_tables(&run, &partitions, &warehouse.manifest, &staged)?.0,
        partitions,
    };
    run.work.journal.stage.log("check", |_| check_manifest(&manifest))?;
    let (rebuilt, snapshot) = (plan.reasons(), Some(manifest.snapshot));
    let summary = RunSummary { outcomes, rebuilt, snapshot, ..examination.summary };
    publish(&run, warehouse, manifest)?;
    seen.write(places)?;
    let summary = run.finish(summary);
    write_record(places, options, &summary)?;
    warehouse.clear_staging()?;
    Ok(summary)
}

/// Reads the reports of the inbox that are new, settles which count, and keeps what is to be kept of them.
fn read_inbox(
    run: &RunContext<'_>,
    published: &Manifest,
    staged: &Path,
) -> Result<(IntakeIndex, IntakeResult), NightlyError> {
    run.work.journal.stage.log("intake", |numbers| {
        let inbox = scan_inbox(&run.options.inbox, &run.settings.ignore)?;
        let mut seen = IntakeIndex::read(run.places)?;
        let mut examination = examine_inbox(run, &inbox, published, &mut seen, staged)?;
        keep_reports(run, &mut examination)?;
        *numbers = examination.summary.intake_numbers(&inbox);
        Ok((seen, examination))
    })
}

fn publish(
    run: &RunContext<'_>,
    warehouse: &mut Warehouse,
    manifest: Manifest,
) -> Result<(), NightlyError> {
    let from = warehouse.manifest.snapshot;
    let publish = || warehouse.publish(manifest, from);
    let journal = &run.work.journal;
    journal.stage.log("publish", |_| Ok(journal.stages.write.time(publish)?))
}

/// Whether what is published was judged by other settings: then they are published too, also where no
/// file depends on what is other, so that what is due is told by them.
fn is_judged_again(published: &Manifest, ruling: &SettingsRuling) -> bool {
    published.snapshot != 0 && published.settings != ruling.in_force
}

/// Says what [`run_nightly`] would do, and writes nothing.
///
/// # Errors
/// [`NightlyError`].
pub fn plan_nightly(
    settings: &PipelineSettings,
    options: &NightlyOptions,
    progress: &dyn RunProgress,
) -> Result<RunSummary, NightlyError> {
    require_inbox(&options.inbox)?;
    let places = WarehouseLayout::new(&options.warehouse);
    let manifest = match places.current()? {
        Some(number) => read_manifest(&places.snapshot(number))?.with_all_reports(),
        None => Manifest::default(),
    };
    require_key(&manifest, &places, options)?;
    let own_key = places.own_key();
    let key = match &options.listener_key {
        Some(given) => given.key()?,
        None if exists(&own_key) => read_key(&own_key)?,
        // There will be a key at the first run; until then there is nothing it could agree with.
        None => ListenerKey::new([0; 32]),
    };
    let ruling = SettingsRuling::read(settings, options, &places, &manifest)?;
    let judging = ruling.judging(settings);
    let proposal = Proposal::foreseen(&ruling)?;
    let settings = &settings.judged_by(&ruling.in_force);
    let nowhere = Path::new("");
    let request = RunRequest { settings, options, places: &places, progress };
    let mut run = RunContext::new(request, judging, key, nowhere)?;
    run.work.buffers = RunBuffers::of_plan();
    let inbox: Inbox = scan_inbox(&options.inbox, &settings.ignore)?;
    let mut seen = IntakeIndex::read(&places)?;
    let mut examination: IntakeResult = examine_dry(&run, &inbox, &manifest, &mut seen)?;
    let draft = draft_plan(&run, &examination.reports, &manifest);
    let mut inputs = examination.take_inputs(&draft.targets, nowhere)?;
    let basis = PlanBasis {
        reports: &examination.reports,
        previous: &manifest,
        backfill: None,
        kept: KeptPlays::Offline,
        staged: nowhere,
    };
    let (plan, _) = complete_plan(&run, draft, &mut inputs, basis)?;
    let summary = RunSummary { rebuilt: plan.reasons(), proposal, ..examination.summary };
    Ok(run.finish(summary))
}
