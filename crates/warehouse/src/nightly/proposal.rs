//! A proposal: numbers of the pipeline that nobody has accepted. The tables are judged by what is
//! accepted; what the proposal would change is computed in a folder of its own, after publishing and
//! without the lock, from the archived reports, and kept until the tables or the proposal change.
//!
//! Files of the proposal name the accepted settings in their footers. So a file that differs from the
//! published one differs in its rows, and a proposal without such a file changes no published figure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use streamledger_core::decisions::settings::{Edit, SettingsInForce};

use crate::compare::{Change, Changes, Figure, MEASURES, State, compare};
use crate::config::Settings;
use crate::decisions::{Author, DecisionError, unwritable};
use crate::durable::{At as _, DiskError, make_folder, remove_tree, rename, write_new};
use crate::ledger::Manifest;
use crate::nightly::backfill::key_of;
use crate::nightly::ruling::{Ruling, short};
use crate::nightly::{Night, NightlyError, NightlyOptions, Progress, with_whole_lists};
use crate::preview::PreviewFolder;
use crate::warehouse::{MANIFEST, Places};

/// Folder of the effects of proposals that were computed.
const PROPOSALS: &str = "proposals";

/// What a run decides about the settings before it judges by them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Nothing: it judges by what is accepted.
    AsAccepted,
    /// It accepts the proposal whose hash begins so.
    Accept {
        /// The first digits of the hash, at least eight.
        hash: String,
        /// Who decides, and why.
        author: Author,
    },
}

/// Numbers that are not accepted, and what they would change.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Hash of the proposed numbers, 64 hex digits.
    pub hash: String,
    /// Hash of the accepted ones.
    pub accepted: String,
    /// The numbers that differ.
    pub edits: Vec<Edit>,
    /// What it would change.
    pub effect: Effect,
}

/// What a proposal would change of what is published.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Figures before and after; none if it changes nothing.
    Computed(Changes),
    /// It was not computed: nothing is, in a dry run.
    NotComputed,
    /// It could not be computed; the tables are published all the same.
    Failed(String),
}

impl Proposal {
    /// The proposal of a run; its effect is not computed.
    pub(super) fn foreseen(ruling: &Ruling) -> Result<Option<Self>, DecisionError> {
        let (Some((numbers, hash)), Some(base)) = (&ruling.proposed, ruling.in_force.base()) else {
            return Ok(None);
        };
        let edits = base.edits(numbers).map_err(unwritable)?;
        Ok(Some(Self {
            hash: hash.clone(),
            accepted: ruling.in_force.base_hash().to_owned(),
            edits,
            effect: Effect::NotComputed,
        }))
    }

    /// Whether no published figure would change.
    #[must_use]
    pub fn changes_nothing(&self) -> bool {
        matches!(&self.effect, Effect::Computed(changes) if changes.is_empty())
    }

    /// The hash as a command takes it.
    #[must_use]
    pub fn short_hash(&self) -> &str {
        short(&self.hash)
    }
}

/// What the pipeline proposes, with what it would change of the published tables. Nothing before the
/// first snapshot: what nobody has seen cannot change.
pub(super) fn propose(
    settings: &Settings,
    options: &NightlyOptions,
    progress: &dyn Progress,
) -> Result<Option<Proposal>, NightlyError> {
    let places = &Places::new(&options.warehouse);
    if places.current()?.is_none() {
        return Ok(None);
    }
    let published = places.current_manifest()?;
    let ruling = Ruling::read(settings, options, places, &published)?;
    let cache = Cache::of(places, &published, &ruling)?;
    let Some(mut proposal) = Proposal::foreseen(&ruling)? else {
        cache.clear();
        return Ok(None);
    };
    if let Some(changes) = cache.read() {
        proposal.effect = Effect::Computed(changes);
        return Ok(Some(proposal));
    }
    tracing::info!(
        proposal = proposal.short_hash(),
        "the settings were edited: computing what that would change; the tables are published"
    );
    let compared = Comparison { settings, options, ruling: &ruling, places, published };
    proposal.effect = match compared.changes(progress) {
        Ok(changes) => {
            cache.write(&changes);
            Effect::Computed(changes)
        }
        Err(error) => Effect::Failed(in_full(&error)),
    };
    Ok(Some(proposal))
}

/// Tells of an error after publishing, which fails no run.
pub(super) fn warn_of(error: &NightlyError) {
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
struct Comparison<'a> {
    settings: &'a Settings,
    options: &'a NightlyOptions,
    ruling: &'a Ruling,
    places: &'a Places,
    published: Manifest,
}

impl Comparison<'_> {
    fn changes(self, progress: &dyn Progress) -> Result<Changes, NightlyError> {
        let Some((numbers, _)) = &self.ruling.proposed else {
            return Ok(Changes::new());
        };
        let places = self.places;
        let former = &self.published.with_all_reports();
        let proposed = SettingsInForce::for_all(numbers).map_err(unwritable)?;
        let judging = self.ruling.judging(self.settings).with_numbers_of(self.settings, proposed);
        let settings = &self.settings.judged_by(judging.in_force());
        let key = key_of(self.options, places, former)?;
        // On the day of what is published: nothing but the numbers is other.
        let as_of = former.as_of.parse().unwrap_or(self.options.as_of);
        let options = &NightlyOptions { as_of, ..self.options.clone() };
        let folder = PreviewFolder::open(places)?;
        let staging = folder.path();
        with_whole_lists(staging, |damaged_lists| {
            let judging = judging.clone();
            let mut night = Night::new(settings, judging, options, key, places, staging, progress)?;
            night.damaged_lists.clone_from(damaged_lists);
            let mut plan = night.plan(&former.reports, former);
            night.require_room_to_build(&plan, &former.reports, former)?;
            let staged = staging.join("snapshot").join("tables");
            let mut examination = night.examine_months(&plan, former, &staged)?;
            let partitions = night.build(&mut plan, &mut examination, former, &staged)?;
            let manifest = Manifest { partitions, ..former.clone() };
            let tables = places.snapshot(former.snapshot).join("tables");
            Ok(compare(
                State { folders: std::slice::from_ref(&tables), manifest: former },
                State { folders: &[staged, tables.clone()], manifest: &manifest },
            )?)
        })
    }
}

/// Where the effect of a proposal on a published state is kept.
struct Cache {
    folder: PathBuf,
    file: PathBuf,
}

/// The effect on the disk: a figure's texts, and its numbers as text, which JSON has no room for.
#[derive(Debug, Serialize, Deserialize)]
struct Row(String, String, String, String, String, String, String);

impl Cache {
    fn of(places: &Places, published: &Manifest, ruling: &Ruling) -> Result<Self, DiskError> {
        let folder = places.internal(PROPOSALS);
        let manifest = places.snapshot(published.snapshot).join(MANIFEST);
        let bytes = std::fs::read(&manifest).at("read", &manifest)?;
        let hash = blake3::hash(&bytes).to_hex();
        let proposed = ruling.proposed.as_ref().map_or("", |(_, hash)| hash);
        let file = folder.join(format!("{}-{}.json", short(proposed), short(&hash)));
        Ok(Self { folder, file })
    }

    fn read(&self) -> Option<Changes> {
        let rows: Vec<Row> = serde_json::from_slice(&std::fs::read(&self.file).ok()?).ok()?;
        let figure = |Row(table, store, month, what, measure, before, after): Row| {
            let measure = MEASURES.into_iter().find(|known| *known == measure)?;
            let change = Change { before: before.parse().ok()?, after: after.parse().ok()? };
            Some((Figure { table, store, month, what, measure }, change))
        };
        rows.into_iter().map(figure).collect::<Option<BTreeMap<_, _>>>()
    }

    /// Keeps an effect in the place of all others. What cannot be kept is computed again.
    fn write(&self, changes: &Changes) {
        let row = |(figure, change): (&Figure, &Change)| {
            let Figure { table, store, month, what, measure } = figure.clone();
            let (before, after) = (change.before.to_string(), change.after.to_string());
            Row(table, store, month, what, measure.to_owned(), before, after)
        };
        let rows: Vec<Row> = changes.iter().map(row).collect();
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
            tracing::warn!(error = in_full(&error), "what is kept of former proposals stays");
        }
    }
}
