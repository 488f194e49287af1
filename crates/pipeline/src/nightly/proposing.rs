//! Computes what a proposal would change, after publishing and without the lock, and keeps it until the
//! tables or the proposal change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use streamledger_core::decisions::settings::SettingsInForce;
use streamledger_storage::disk::durable::{
    DiskError, IoContext as _, make_folder, remove_tree, rename, write_new,
};
use streamledger_storage::disk::reading::read_file;
use streamledger_storage::layout::decisions::unwritable;
use streamledger_storage::layout::ledger::Manifest;
use streamledger_storage::layout::manifest::MANIFEST;
use streamledger_storage::layout::preview::PreviewFolder;
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;
use streamledger_storage::tables::compare::{
    ComparedFigure, ComparedTables, FigureChange, FigureChanges, MEASURES, compare,
};

use crate::intake::config::PipelineSettings;
use crate::nightly::backfill::examine_months;
use crate::nightly::backfill::plan_and_build;
use crate::nightly::context::{RunContext, RunRequest};
use crate::nightly::error::NightlyError;
use crate::nightly::intake::disk_space::require_room_to_build;
use crate::nightly::options::{NightlyOptions, RunProgress};
use crate::nightly::plan::planning::draft_plan;
use crate::nightly::plan::preconditions::key_of;
use crate::nightly::plan::proposal::{Proposal, ProposalEffect};
use crate::nightly::plan::ruling::{SettingsRuling, short};
use crate::nightly::spans::logged_run;
use crate::nightly::whole_lists::with_whole_lists;

/// Folder of the effects of proposals that were computed.
const PROPOSALS: &str = "proposals";

/// What the pipeline proposes, with what it would change of the published tables. Nothing before the
/// first snapshot: what nobody has seen cannot change.
pub(crate) fn propose(
    settings: &PipelineSettings,
    options: &NightlyOptions,
    progress: &dyn RunProgress,
) -> Result<Option<Proposal>, NightlyError> {
    let places = &WarehouseLayout::new(&options.warehouse);
    if places.current()?.is_none() {
        return Ok(None);
    }
    let published = places.current_manifest()?;
    let ruling = SettingsRuling::read(settings, options, places, &published)?;
    let cache = EffectCache::of(places, &published, &ruling)?;
    let Some(mut proposal) = Proposal::foreseen(&ruling)? else {
        cache.clear();
        return Ok(None);
    };
    if let Some(changes) = cache.read() {
        proposal.effect = ProposalEffect::Computed(changes);
        return Ok(Some(proposal));
    }
    tracing::info!(
        proposal = proposal.short_hash(),
        "the settings were edited: computing what that would change; the tables are published"
    );
    let compared = ProposalComparison { settings, options, ruling: &ruling, places, published };
    proposal.effect = match compared.changes(progress) {
        Ok(changes) => {
            cache.write(&changes);
            ProposalEffect::Computed(changes)
        }
        Err(error) => ProposalEffect::Failed(in_full(&error)),
    };
    Ok(Some(proposal))
}

/// Tells of an error after publishing, which fails no run.
pub(crate) fn warn_of(error: &NightlyError) {
    let why = in_full(error);
    tracing::warn!(
        why,
        "the tables are published; the next run looks at the edited settings again"
    );
}

/// An error with what caused it.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The published tables, and the same reports judged by the proposal.
struct ProposalComparison<'a> {
    settings: &'a PipelineSettings,
    options: &'a NightlyOptions,
    ruling: &'a SettingsRuling,
    places: &'a WarehouseLayout,
    published: Manifest,
}

impl ProposalComparison<'_> {
    fn changes(self, progress: &dyn RunProgress) -> Result<FigureChanges, NightlyError> {
        let Some((numbers, _)) = &self.ruling.proposed else {
            return Ok(FigureChanges::new());
        };
        let places = self.places;
        let previous = &self.published.with_all_reports();
        let proposed = SettingsInForce::for_all(numbers).map_err(unwritable)?;
        let judging = self.ruling.judging(self.settings).with_numbers_of(self.settings, proposed);
        let settings = &self.settings.judged_by(judging.in_force());
        let key = key_of(self.options, places, previous)?;
        // On the day of what is published: nothing but the numbers is other.
        let as_of = previous.as_of.parse().unwrap_or(self.options.as_of);
        let options = &NightlyOptions { as_of, ..self.options.clone() };
        let folder = PreviewFolder::open(places)?;
        let staging = folder.path();
        let compute = |damaged_lists: &BTreeSet<String>| {
            let judging = judging.clone();
            let request = RunRequest { settings, options, places, progress };
            let mut run = RunContext::new(request, judging, key, staging)?;
            run.work.damaged_lists.clone_from(damaged_lists);
            let draft = draft_plan(&run, &previous.reports, previous);
            require_room_to_build(&run, &draft.targets, &previous.reports, previous)?;
            let staged = staging.join("snapshot").join("tables");
            let mut examination = examine_months(&run, &draft.targets, previous, &staged)?;
            let (_, (partitions, _)) =
                plan_and_build(&run, draft, &mut examination, (previous, None), &staged)?;
            let manifest = Manifest { partitions, ..previous.clone() };
            let tables = places.snapshot(previous.snapshot).join("tables");
            Ok(compare(
                ComparedTables { folders: std::slice::from_ref(&tables), manifest: previous },
                ComparedTables { folders: &[staged, tables.clone()], manifest: &manifest },
            )?)
        };
        logged_run("proposal", || with_whole_lists(staging, compute))
    }
}

/// Where the effect of a proposal on a published state is kept.
struct EffectCache {
    folder: PathBuf,
    file: PathBuf,
}

/// The effect on the disk: a figure's texts, and its numbers as text, which JSON has no room for.
#[derive(Debug, Serialize, Deserialize)]
struct EffectRow(String, String, String, String, String, String, String);

impl EffectCache {
    fn of(
        places: &WarehouseLayout,
        published: &Manifest,
        ruling: &SettingsRuling,
    ) -> Result<Self, DiskError> {
        let folder = places.internal(PROPOSALS);
        let manifest = places.snapshot(published.snapshot).join(MANIFEST);
        let bytes = read_file(&manifest)?;
        let hash = blake3::hash(&bytes).to_hex();
        let proposed = ruling.proposed.as_ref().map_or("", |(_, hash)| hash);
        let file = folder.join(format!("{}-{}.json", short(proposed), short(&hash)));
        Ok(Self { folder, file })
    }

    fn read(&self) -> Option<FigureChanges> {
        let rows: Vec<EffectRow> = serde_json::from_slice(&read_file(&self.file).ok()?).ok()?;
        let figure = |EffectRow(table, store, month, what, measure, before, after): EffectRow| {
            let measure = MEASURES.into_iter().find(|known| *known == measure)?;
            let change = FigureChange { before: before.parse().ok()?, after: after.parse().ok()? };
            Some((ComparedFigure { table, store, month, what, measure }, change))
        };
        rows.into_iter().map(figure).collect::<Option<BTreeMap<_, _>>>()
    }

    /// Keeps an effect in the place of all others. What cannot be kept is computed again.
    fn write(&self, changes: &FigureChanges) {
        let row = |(figure, change): (&ComparedFigure, &FigureChange)| {
            let ComparedFigure { table, store, month, what, measure } = figure.clone();
            let (before, after) = (change.before.to_string(), change.after.to_string());
            EffectRow(table, store, month, what, measure.to_owned(), before, after)
        };
        let rows: Vec<EffectRow> = changes.iter().map(row).collect();
        let kept = || -> Result<(), DiskError> {
            remove_tree(&self.folder)?;
            make_folder(&self.folder)?;
            let new = self.file.with_extension("new");
            let bytes = serde_json::to_vec(&rows).map_err(std::io::Error::other);
            write_new(&new, &bytes.at("write", &new)?)?;
            rename(&new, &self.file)
        };
        if let Err(error) = kept() {
            tracing::warn!(error = in_full(&error), "the effect of the proposal is not kept");
        }
    }

    fn clear(&self) {
        if let Err(error) = remove_tree(&self.folder) {
            tracing::warn!(error = in_full(&error), "what is kept of previous proposals stays");
        }
    }
}
