//! Backfill: named months are made anew from the archived reports, as they are or judged by another
//! policy, and what that changes is told figure by figure.
//!
//! What is finished is kept beside the snapshots until all is published, so that a backfill that was
//! interrupted goes on where it was.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use streamledger_core::model::day::Day;
use streamledger_core::model::listener::ListenerKey;

use crate::pipeline::intake::config::Settings;
use crate::pipeline::judging::Judging;
use crate::pipeline::nightly::build::build_basis::BuildBasis;
use crate::pipeline::nightly::build::building::build_plan;
use crate::pipeline::nightly::build::building_small::empty_tables;
use crate::pipeline::nightly::build::checkpoint::Checkpoint;
use crate::pipeline::nightly::checking::check_manifest;
use crate::pipeline::nightly::context::{RunBuffers, RunContext, RunRequest};
use crate::pipeline::nightly::error::NightlyError;
use crate::pipeline::nightly::intake::disk_space::require_room_to_build;
use crate::pipeline::nightly::intake::examination::Examination;
use crate::pipeline::nightly::intake::examining::examine_known;
use crate::pipeline::nightly::intake::keeping_reports::mend_notes;
use crate::pipeline::nightly::intake::read_again::is_outdated;
use crate::pipeline::nightly::intake::speculative_build::{SpeculativeBuild, SpeculativeBuilder};
use crate::pipeline::nightly::options::Backfill;
use crate::pipeline::nightly::options::{NightlyOptions, Progress};
use crate::pipeline::nightly::plan::completing::complete_plan;
use crate::pipeline::nightly::plan::completing::{KeptPlays, PlanBasis};
use crate::pipeline::nightly::plan::offline_dates::published_keys;
use crate::pipeline::nightly::plan::planned::{DAMAGED_LIST, PartitionKind, Plan};
use crate::pipeline::nightly::plan::planning::has_damaged_list;
use crate::pipeline::nightly::plan::planning::targets_of;
use crate::pipeline::nightly::plan::planning::{PlanDraft, Targets};
use crate::pipeline::nightly::plan::preconditions::key_of;
use crate::pipeline::nightly::plan::ruling::Ruling;
use crate::pipeline::nightly::plan::run_inputs::RunInputs;
use crate::pipeline::nightly::record;
use crate::pipeline::nightly::summary::Summary;
use crate::pipeline::nightly::whole_lists::with_whole_lists;
use crate::storage::disk::file_hash::hash_cold;
use crate::storage::layout::error::WarehouseError;
use crate::storage::layout::ledger::{MANIFEST_VERSION, Manifest, PartitionEntry};
use crate::storage::layout::offline_keys::offline_folder;
use crate::storage::layout::preview::PreviewFolder;
use crate::storage::layout::warehouse::Warehouse;
use crate::storage::layout::warehouse_layout::WarehouseLayout;
use crate::storage::tables::compare::{Changes, State, compare};

/// What a backfill did.
#[derive(Debug, Default)]
pub struct Backfilled {
    /// As of a run.
    pub summary: Summary,
    /// Figures that it changed, or would change.
    pub changes: Changes,
    /// Partitions that an interrupted backfill had finished.
    pub n_kept: u64,
    /// Partitions whose published files were damaged.
    pub n_damaged: u64,
    /// Reports that were read, or would be.
    pub n_reports: u64,
}

/// A backfill and what it starts from.
struct Task<'a> {
    /// With the accepted numbers.
    settings: &'a Settings,
    judging: Judging,
    options: NightlyOptions,
    backfill: &'a Backfill,
    key: ListenerKey,
    places: &'a WarehouseLayout,
    /// Where it works.
    staging: &'a Path,
    former: &'a Manifest,
    progress: &'a dyn Progress,
}

/// What a backfill has made, not yet published.
struct Made<'a> {
    run: RunContext<'a>,
    plan: Plan,
    manifest: Manifest,
    done: Backfilled,
}

impl<'a> Task<'a> {
    fn run(&'a self) -> Result<RunContext<'a>, NightlyError> {
        let (options, places, progress) = (&self.options, self.places, self.progress);
        let request = RunRequest { settings: self.settings, options, places, progress };
        RunContext::new(request, self.judging.clone(), self.key, self.staging)
    }

    /// Makes the partitions in staging.
    fn make(
        &'a self,
        checkpoint: Option<Checkpoint>,
        damaged_lists: &BTreeSet<String>,
    ) -> Result<Made<'a>, NightlyError> {
        let former = self.former;
        let mut run = self.run()?;
        run.work.damaged_lists.clone_from(damaged_lists);
        let n_mended =
            if self.backfill.is_preview { 0 } else { mend_notes(&run, &former.reports)? };
        let draft = draft_backfill(&run, self.backfill, former)?;
        require_room_to_build(&run, &draft.targets, &former.reports, former)?;
        run.work.checkpoint = checkpoint;
        let staged = self.staging.join("snapshot").join("tables");
        let mut examination = examine_months(&run, &draft.targets, former, &staged)?;
        let mut done = Backfilled {
            n_kept: examination.n_kept(),
            n_reports: examination.n_read,
            ..Backfilled::default()
        };
        let of = (former, Some(self.backfill));
        let (plan, partitions) = plan_and_build(&run, draft, &mut examination, of, &staged)?;
        run.work.checkpoint.as_ref().map_or(Ok(()), Checkpoint::finish)?;
        run.note(|summary| summary.rebuilt = plan.reasons());
        let (empty_tables, n_damaged) = empty_tables(&run, &partitions, former, &staged)?;
        done.n_damaged = n_damaged + n_mended;
        let manifest = Manifest {
            manifest_version: MANIFEST_VERSION,
            snapshot: former.snapshot + 1,
            settings: self.judging.in_force().clone(),
            as_of: self.options.as_of.to_string(),
            published: self.options.started.clone(),
            origin: "backfill".to_owned(),
            empty_tables,
            partitions,
            ..former.clone()
        };
        check_manifest(&manifest)?;
        let published = self.places.snapshot(former.snapshot).join("tables");
        done.changes = compare(
            State { folders: std::slice::from_ref(&published), manifest: former },
            State { folders: &[staged, published.clone()], manifest: &manifest },
        )?;
        Ok(Made { run, plan, manifest, done })
    }
}

/// Makes the named months anew.
///
/// # Errors
/// [`NightlyError`]; what was published before stays as it was.
pub fn run_backfill(
    settings: &Settings,
    options: &NightlyOptions,
    backfill: &Backfill,
    progress: &dyn Progress,
) -> Result<Backfilled, NightlyError> {
    if backfill.is_preview {
        return preview_backfill(settings, options, backfill, progress);
    }
    let mut warehouse = Warehouse::open_existing(&options.warehouse, &options.owner)?;
    let places = warehouse.places.clone();
    let former = std::mem::take(&mut warehouse.manifest);
    let key = key_of(options, &places, &former)?;
    let (staging, options) = (places.internal("staging"), backfill.on_its_day(options, &former));
    let (places, staging, former) = (&places, staging.as_path(), &former);
    let mut ruling = Ruling::read(settings, &options, places, former)?;
    let decided = ruling.judge_months(backfill)?;
    let judging = ruling.judging(settings);
    let settings = &settings.judged_by(&ruling.in_force);
    let task =
        Task { settings, judging, options, backfill, key, places, staging, former, progress };
    // What cannot be done is not decided.
    draft_backfill(&task.run()?, backfill, former)?;
    if let (Some((months, numbers)), Some((_, author))) = (decided, &backfill.policy) {
        ruling.write(months, numbers, author)?;
    }
    let decisions = &ruling.names();
    with_whole_lists(staging, |damaged_lists| {
        let checkpoint = Checkpoint::new(places.internal("backfill"));
        let made = task.make(Some(checkpoint), damaged_lists)?;
        let Made { mut run, plan, manifest, mut done } = made;
        let manifest = Manifest { decisions: decisions.clone(), ..manifest };
        done.n_damaged += count_damaged(&plan, former, places);
        let is_same =
            (&manifest.partitions, &manifest.settings) == (&former.partitions, &former.settings);
        if !is_same || 0 < done.n_damaged {
            let number = manifest.snapshot;
            run.note(|summary| summary.snapshot = Some(number));
            warehouse.publish(manifest, former.snapshot)?;
        }
        let checkpoint = run.work.checkpoint.take();
        done.summary = run.finish();
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
/// a run may run beside it.
fn preview_backfill(
    settings: &Settings,
    options: &NightlyOptions,
    backfill: &Backfill,
    progress: &dyn Progress,
) -> Result<Backfilled, NightlyError> {
    let places = &WarehouseLayout::new(&options.warehouse);
    places.require()?;
    let former = &places.current_manifest()?;
    let key = key_of(options, places, former)?;
    let folder = PreviewFolder::open(places)?;
    let (staging, options) = (folder.path(), backfill.on_its_day(options, former));
    let mut ruling = Ruling::read(settings, &options, places, former)?;
    ruling.judge_months(backfill)?;
    let judging = ruling.judging(settings);
    let settings = &settings.judged_by(&ruling.in_force);
    let task =
        Task { settings, judging, options, backfill, key, places, staging, former, progress };
    with_whole_lists(staging, |damaged_lists| {
        let Made { run, mut done, .. } = task.make(None, damaged_lists)?;
        done.summary = run.finish();
        Ok(done)
    })
}

/// Says what [`run_backfill`] would read and make, and writes nothing.
///
/// # Errors
/// [`NightlyError`].
pub fn plan_backfill(
    settings: &Settings,
    options: &NightlyOptions,
    backfill: &Backfill,
    progress: &dyn Progress,
) -> Result<Backfilled, NightlyError> {
    let places = &WarehouseLayout::new(&options.warehouse);
    places.require()?;
    let former = &places.current_manifest()?;
    let key = key_of(options, places, former)?;
    let (staging, options) = (Path::new(""), backfill.on_its_day(options, former));
    let mut ruling = Ruling::read(settings, &options, places, former)?;
    ruling.judge_months(backfill)?;
    let judging = ruling.judging(settings);
    let settings = &settings.judged_by(&ruling.in_force);
    let task =
        Task { settings, judging, options, backfill, key, places, staging, former, progress };
    let mut run = task.run()?;
    run.work.buffers = RunBuffers::of_plan();
    let draft = draft_backfill(&run, backfill, former)?;
    let n_reports = stale_reports(&draft.targets, &BTreeSet::new()).len() as u64;
    let basis = PlanBasis {
        reports: &former.reports,
        former,
        backfill: Some(backfill),
        kept: KeptPlays::Offline,
        staged: staging,
    };
    let (plan, _) = complete_plan(&run, draft, &mut RunInputs::default(), basis)?;
    let mut summary = run.finish();
    summary.rebuilt = plan.reasons();
    Ok(Backfilled { summary, n_reports, ..Backfilled::default() })
}

/// Completes a plan whose reports were read, and builds it.
pub(super) fn plan_and_build(
    run: &RunContext<'_>,
    draft: PlanDraft,
    examination: &mut Examination,
    (former, backfill): (&Manifest, Option<&Backfill>),
    staged: &Path,
) -> Result<(Plan, BTreeMap<String, PartitionEntry>), NightlyError> {
    let mut inputs = examination.take_inputs(&draft.targets, staged)?;
    let reports = &former.reports;
    let basis = PlanBasis { reports, former, backfill, kept: KeptPlays::All, staged };
    let (plan, coverage) = complete_plan(run, draft, &mut inputs, basis)?;
    let basis = BuildBasis { reports, coverage: &coverage, former, staged };
    let partitions = build_plan(run, &plan, inputs, basis)?;
    Ok((plan, partitions))
}

/// All partitions that there are; those of the named months are stale.
fn draft_backfill(
    run: &RunContext<'_>,
    backfill: &Backfill,
    former: &Manifest,
) -> Result<PlanDraft, NightlyError> {
    let not_now = |why: &str| {
        let message = format!("{why}; run `streamledger nightly` first, then the backfill again");
        Err(NightlyError::NotNow { message })
    };
    if former.snapshot == 0 {
        return Err(WarehouseError::Empty { path: run.places.root().to_owned() }.into());
    }
    if !former.set_aside.is_empty() {
        return not_now("the tables were rolled back to a former state");
    }
    if former.listener_key != run.key.fingerprint() {
        let message = "this is not the listener key that the tables were made with; leave the \
                       key out to take the warehouse's own, or name the file that runs use"
            .to_owned();
        return Err(NightlyError::NotNow { message });
    }
    let mut draft = targets_of(run, &former.reports);
    if draft.targets.iter().any(|(path, planned)| {
        planned.kind != PartitionKind::Coverage && !former.partitions.contains_key(path)
    }) {
        return not_now("the settings have changed since the reports were read");
    }
    let is_any = make_stale(run, &mut draft.targets, backfill, former);
    let is_fed = |path: &&String| {
        !["waterfall/", "eligibility/"].iter().any(|table| path.starts_with(table))
    };
    if former.partitions.keys().filter(is_fed).any(|path| !draft.targets.contains_key(path)) {
        return not_now("the settings have changed since the reports were read");
    }
    let keys = stale_reports(&draft.targets, &BTreeSet::new());
    let is_outdated = |key: &&String| is_outdated(run, &former.reports[*key]);
    if keys.iter().any(is_outdated) {
        return not_now("the settings have changed since the reports were read");
    }
    if !is_any {
        let of = backfill.store.as_ref().map_or(String::new(), |store| format!(" of {store}"));
        let message = format!(
            "nothing{of} from {} to {} is published; months are those of the counted date, of \
             statements those of use",
            backfill.from, backfill.to
        );
        return Err(NightlyError::NotNow { message });
    }
    Ok(draft)
}

/// What is of the named months is stale, and what is damaged and cannot be named; whether there is any.
fn make_stale(
    run: &RunContext<'_>,
    targets: &mut Targets,
    backfill: &Backfill,
    former: &Manifest,
) -> bool {
    let mut is_any = false;
    for (path, planned) in targets {
        // What is due depends on the day of the run.
        let is_other =
            former.partitions.get(path).is_none_or(|p| p.fingerprint != planned.fingerprint);
        let reason = if has_damaged_list(run, path) {
            DAMAGED_LIST
        } else if is_small(&planned.kind) && !is_whole(run.places, former, path) {
            "its file was damaged"
        } else if backfill.covers(path) {
            "its month is made anew"
        } else {
            let is_due = planned.kind == PartitionKind::Coverage && is_other;
            planned.why = is_due.then(|| "its inputs changed".to_owned());
            continue;
        };
        planned.why = Some(reason.to_owned());
        is_any = true;
    }
    is_any
}

/// Takes over what an interrupted backfill has finished, and reads the reports that feed the rest.
pub(super) fn examine_months(
    run: &RunContext<'_>,
    targets: &Targets,
    former: &Manifest,
    staged: &Path,
) -> Result<Examination, NightlyError> {
    let mut early =
        SpeculativeBuilder::new(staged, former, run.places, published_keys(run, former));
    let (mut days, mut files) = (BTreeMap::new(), BTreeMap::new());
    let stale = || targets.iter().filter(|(_, planned)| planned.is_stale());
    for (path, planned) in stale() {
        early.fingerprints.insert(path.clone(), planned.fingerprint.clone());
        let Some(checkpoint) = &run.work.checkpoint else {
            continue;
        };
        match &planned.kind {
            PartitionKind::Plays { store, day } => {
                let found = checkpoint.take_day(path, &planned.fingerprint, staged)?;
                if let Some(found) = found {
                    let keys = Arc::new(found.keys);
                    early.tell(store, *day, &keys);
                    let (built, counted_earlier) = (found.built, found.counted_earlier);
                    let finished_day = SpeculativeBuild {
                        report: None,
                        built,
                        keys,
                        counted_earlier,
                        looked_up: None,
                    };
                    days.insert((store.clone(), *day), finished_day);
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
    let mut examination = examine_known(run, &keys, former, early, &wanted_days)?;
    examination.n_read = keys.len() as u64;
    examination.kept_files = files;
    examination.n_kept_days = days.len() as u64;
    examination.speculative_builds.extend(days);
    Ok(examination)
}

impl Examination {
    fn n_kept(&self) -> u64 {
        self.n_kept_days + self.kept_files.len() as u64
    }
}

/// The reports that feed stale partitions that are not finished.
fn stale_reports<'a>(targets: &'a Targets, finished: &BTreeSet<&String>) -> BTreeSet<&'a String> {
    targets
        .iter()
        .filter(|(path, planned)| planned.is_stale() && !finished.contains(path))
        // A month of trends or sums is made of partitions, which are named themselves.
        .filter(|(_, planned)| {
            matches!(planned.kind, PartitionKind::Plays { .. } | PartitionKind::Lots(..))
        })
        .flat_map(|(_, planned)| &planned.reports)
        .collect()
}

/// Tables that are small and not of a month that can be named: a backfill of any month mends them.
fn is_small(kind: &PartitionKind) -> bool {
    matches!(
        kind,
        PartitionKind::Quarantine
            | PartitionKind::Reports
            | PartitionKind::Coverage
            | PartitionKind::UnmappedValues
            | PartitionKind::Deliveries
    )
}

/// Partitions that were made anew and whose published files are not what was published.
fn count_damaged(plan: &Plan, former: &Manifest, places: &WarehouseLayout) -> u64 {
    let stale: Vec<&String> = plan.stale().map(|(path, _)| path).collect();
    let n_whole =
        stale.par_iter().with_max_len(1).filter(|path| is_whole(places, former, path)).count();
    (stale.len() - n_whole) as u64
}

/// Whether the files of a published partition, and its list of offline plays, are as they were written.
fn is_whole(places: &WarehouseLayout, former: &Manifest, path: &str) -> bool {
    let Some(partition) = former.partitions.get(path) else {
        return true;
    };
    let snapshot = places.snapshot(former.snapshot);
    let folder = snapshot.join("tables").join(path);
    let list =
        partition.offline_keys.iter().map(|file| (snapshot.join(offline_folder(path)), file));
    let mut files = partition.files.iter().map(|file| (folder.clone(), file)).chain(list);
    files.all(|(folder, file)| {
        hash_cold(&folder.join(&file.name)).is_ok_and(|hash| hex::encode(hash) == file.blake3)
    })
}
