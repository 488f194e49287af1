//! The nightly job: what is new in the inbox is examined, the partitions whose inputs changed are
//! built, and all tables are published together.
//!
//! [`run_nightly`] is the way of a night on one screen; each step is a file of its own.

pub mod summary;
pub mod backfill;
mod preconditions;
mod early;
mod kept;
mod offline;
mod turns;
mod examining;
mod keeping_reports;
mod entering;
mod superseding;
mod comparing;
mod bounds;
mod planning;
mod record;
mod building;
mod building_small;
mod building_lots;
mod building_tracks;
mod explaining;
mod fingerprints;
mod ruling;
pub mod proposal;
mod file_checks;
mod month_inputs;
mod checking;
mod room;
mod seen;

pub(crate) use checking::check_manifest;
pub(crate) use explaining::settled_from;
pub(crate) use planning::{hive_escaped, month_of};
pub(crate) use superseding::known_days;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use chrono::NaiveDate;
use streamledger_core::filter::policy::Policy;
use streamledger_core::normalize::store::StoreSettings;
use streamledger_core::vocabulary::day::Day;
use streamledger_core::vocabulary::listener::ListenerKey;

use crate::build_day::DayBuilder;
use crate::config::Settings;
use crate::decisions::DecisionError;
use crate::disk_queue::DiskQueue;
use crate::durable::{DiskError, make_folder, remove_tree};
use crate::encode::file::TableLayout;
use crate::encode::{plays, trends};
use crate::examine::Examiner;
use crate::held::Holder;
use crate::inbox::{Inbox, require_inbox, scan_inbox};
use crate::judging::Judging;
use crate::ledger::{MANIFEST_VERSION, Manifest};
use crate::nightly::examining::Examination;
use crate::nightly::file_checks::FileChecks;
use crate::nightly::kept::Kept;
use crate::nightly::planning::{DELIVERIES, Plan};
use crate::nightly::preconditions::require_key;
use crate::nightly::proposal::{Proposal, Request, propose, warn_of};
use crate::nightly::ruling::{Ruling, by_program};
use crate::nightly::seen::Seen;
use crate::nightly::summary::Summary;
use crate::offline_keys::{NewList, damaged_list, list_queue};
use crate::partition::PartitionError;
use crate::report_source::Pace;
use crate::row_files::RowFolder;
use crate::sales_runs::RunStore;
use crate::stages::Stages;
use crate::warehouse::{KeySource, Places, Warehouse, WarehouseError, read_key, read_manifest};

/// What a night is told.
#[derive(Debug, Clone)]
pub struct NightlyOptions {
    /// Where reports lie.
    pub inbox: PathBuf,
    /// Where tables go.
    pub warehouse: PathBuf,
    /// The listener key; `None` for the warehouse's own.
    pub listener_key: Option<KeySource>,
    /// The folder of decisions; `None` for the warehouse's own.
    pub decisions: Option<PathBuf>,
    /// Memory that the run may use for plays, in bytes.
    pub memory_limit_bytes: usize,
    /// Whether refused reports that have not changed are examined again.
    pub retry_rejected: bool,
    /// Whether listeners are to be hashed with another key than the tables were made with, or with a new one
    /// where that is gone. All plays are read again.
    pub rekey: bool,
    /// The clock.
    pub as_of: NaiveDate,
    /// When the run started, ISO 8601: names its record and shows nowhere else.
    pub started: String,
    /// What the lock says of this run: host, process, start.
    pub owner: String,
}

/// A night that could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NightlyError {
    /// The warehouse.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// The decisions.
    #[error(transparent)]
    Decisions(#[from] DecisionError),
    /// A partition.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The disk is too full for what is new.
    #[error(
        "not enough room on the disk of {}: {n_reports} reports need about {} MiB (copies of new ones, \
         tables, and what has to wait), {} MiB are free; nothing was published; make room, raise \
         --memory-limit, or move the warehouse",
        .path.display(), .needed_bytes >> 20, .free_bytes >> 20
    )]
    NoSpace {
        /// The warehouse.
        path: PathBuf,
        /// How many reports are read.
        n_reports: u64,
        /// About how much they need.
        needed_bytes: u64,
        /// How much there is.
        free_bytes: u64,
    },
    /// A backfill that cannot be done as things are.
    #[error("{message}")]
    NotNow {
        /// Why, and what to do.
        message: String,
    },
    /// Two states of the tables cannot be compared.
    #[error("the tables cannot be compared")]
    Tables(#[from] polars::error::PolarsError),
    /// What would be published contradicts the ledger.
    #[error("nothing was published, since the sums do not agree: {message}")]
    Inconsistent {
        /// Which sums.
        message: String,
    },
}

impl From<DiskError> for NightlyError {
    fn from(error: DiskError) -> Self {
        Self::Warehouse(error.into())
    }
}

/// Hears how a long run gets on.
pub trait Progress: Sync {
    /// A step begins, of so many units.
    fn begin(&self, step: &'static str, units: u64);
    /// So many units of it are done.
    fn advance(&self, units: u64);
}

/// What all steps of a night share.
struct Night<'a> {
    /// With the accepted numbers, those for all months, in the place of the pipeline's.
    settings: &'a Settings,
    judging: Judging,
    options: &'a NightlyOptions,
    key: ListenerKey,
    places: &'a Places,
    /// Where files are that wait in this run.
    staging: PathBuf,
    holder: Holder,
    runs: RunStore,
    /// Lists of rows of reports that are read in this run.
    rows: RowFolder,
    /// Dates (partitions of `plays`) whose lists of offline plays turned out to be damaged.
    damaged_lists: BTreeSet<String>,
    /// Where a backfill keeps what it has finished; `None` in other runs.
    kept: Option<Kept>,
    /// Published months that rows are copied from.
    checks: FileChecks,
    /// Writes lists of offline plays.
    lists: DiskQueue<NewList>,
    stages: Stages,
    progress: &'a dyn Progress,
    plays_layout: TableLayout,
    trends_layout: TableLayout,
    /// By store and format, fingerprints of what reading depends on.
    readings: Mutex<BTreeMap<(String, Option<String>), String>>,
    summary: Mutex<Summary>,
}

impl<'a> Night<'a> {
    fn new(
        settings: &'a Settings,
        judging: Judging,
        options: &'a NightlyOptions,
        key: ListenerKey,
        places: &'a Places,
        staging: &Path,
        progress: &'a dyn Progress,
    ) -> Result<Self, NightlyError> {
        Ok(Self {
            settings,
            judging,
            options,
            key,
            places,
            staging: staging.to_owned(),
            holder: Holder::new(options.memory_limit_bytes / 4, staging.to_owned()),
            runs: RunStore::new(staging.join("runs"), options.memory_limit_bytes / 8),
            rows: RowFolder::new(staging.join("rows"), options.memory_limit_bytes / 32),
            damaged_lists: BTreeSet::new(),
            kept: None,
            checks: FileChecks::default(),
            lists: list_queue(),
            stages: Stages::default(),
            progress,
            plays_layout: layout(plays::SCHEMA, &plays::SORTED_BY, places.root())?,
            trends_layout: layout(trends::SCHEMA, &trends::SORTED_BY, places.root())?,
            readings: Mutex::default(),
            summary: Mutex::default(),
        })
    }
}

impl Night<'_> {
    /// Bytes of plays of a report that wait to be held.
    fn segment_bytes_max(&self) -> usize {
        // Up to two reports a thread are being read: half of the held bytes for all of them.
        let n_readers = 2 * rayon::current_num_threads();
        self.options.memory_limit_bytes / (4 * n_readers)
    }

    /// An examiner for so many reports.
    fn examiner(&self, n_reports: usize) -> Examiner<'_> {
        Examiner {
            settings: self.settings,
            key: &self.key,
            holder: &self.holder,
            runs: &self.runs,
            rows: None,
            onlooker: None,
            segment_bytes_max: self.segment_bytes_max(),
            pace: if n_reports < rayon::current_num_threads() { Pace::Beside } else { Pace::Alone },
            stages: &self.stages,
        }
    }

    fn day_builder<'n>(&'n self, policy: &'n Policy) -> DayBuilder<'n> {
        DayBuilder {
            policy,
            layout: &self.plays_layout,
            trends_layout: &self.trends_layout,
            holder: &self.holder,
            work_bytes_max: (self.options.memory_limit_bytes / (2 * rayon::current_num_threads()))
                .max(1),
            stages: &self.stages,
        }
    }

    /// The policy of a date, and the hash that its footers name.
    fn policy_of(&self, store: &str, day: Day) -> (&Policy, &str) {
        let month = day.month().to_string();
        let policy = self.judging.policy(store, &month).unwrap_or(&self.settings.policy);
        (policy, self.judging.footer(store, &month))
    }

    /// A store's file with the numbers that judge a month (`YYYY-MM`); `None` for a store without one.
    fn store_of(&self, store: &str, month: &str) -> Option<&StoreSettings> {
        self.judging.own_store(store, month).or_else(|| self.settings.stores.get(store))
    }

    fn note(&self, write: impl FnOnce(&mut Summary)) {
        if let Ok(mut summary) = self.summary.lock() {
            write(&mut summary);
        }
    }

    fn finish(self) -> Summary {
        let mut summary = self.summary.into_inner().unwrap_or_default();
        summary.spilled_files = self.holder.n_files();
        summary.stages = self.stages.totals().to_vec();
        summary
    }
}

/// Takes in what is new, builds what it changes, publishes, and tells what settings that are edited and
/// not accepted would change. Edits that change nothing are accepted by themselves.
///
/// # Errors
/// [`NightlyError`]; what was published before stays as it was.
pub fn run_nightly(
    settings: &Settings,
    options: &NightlyOptions,
    request: &Request,
    progress: &dyn Progress,
) -> Result<Summary, NightlyError> {
    require_inbox(&options.inbox)?;
    let (mut summary, published) =
        night_once(settings, options, progress, |ruling, _| match request {
            Request::AsAccepted => Ok(()),
            Request::Accept { hash, author } => ruling.accept(hash, author),
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
    settings: &Settings,
    options: &NightlyOptions,
    progress: &dyn Progress,
    proposal: &Proposal,
    published: u64,
) -> Result<(Summary, bool), NightlyError> {
    let author = by_program("changes no published figure");
    let mut is_accepted = false;
    let (summary, _) = night_once(settings, options, progress, |ruling, manifest| {
        is_accepted = manifest.snapshot == published
            && ruling.proposed.as_ref().is_some_and(|(_, hash)| *hash == proposal.hash);
        if is_accepted { ruling.accept(&proposal.hash, &author) } else { Ok(()) }
    })?;
    Ok((summary, is_accepted))
}

/// One run under the lock: what it did, and the number of the snapshot that is published after it.
fn night_once(
    settings: &Settings,
    options: &NightlyOptions,
    progress: &dyn Progress,
    decide: impl FnOnce(&mut Ruling, &Manifest) -> Result<(), DecisionError>,
) -> Result<(Summary, u64), NightlyError> {
    let mut warehouse = Warehouse::open(&options.warehouse, &options.owner)?;
    warehouse.manifest = std::mem::take(&mut warehouse.manifest).with_all_reports();
    let places = warehouse.places.clone();
    let mut ruling = Ruling::read(settings, options, &places, &warehouse.manifest)?;
    decide(&mut ruling, &warehouse.manifest)?;
    require_key(&warehouse.manifest, &places, options)?;
    let key = warehouse.listener_key(options.listener_key.as_ref())?;
    let staging = places.internal("staging");
    let judging = ruling.judging(settings);
    let settings = &settings.judged_by(&ruling.in_force);
    let summary = with_whole_lists(&staging, |damaged_lists| {
        let judging = judging.clone();
        let mut night = Night::new(settings, judging, options, key, &places, &staging, progress)?;
        night.damaged_lists.clone_from(damaged_lists);
        run_night(night, &mut warehouse, &mut ruling)
    })?;
    Ok((summary, warehouse.manifest.snapshot))
}

/// Does the work; where a damaged list of offline plays is met, from the start once more, with the list
/// made anew.
fn with_whole_lists<T>(
    staging: &Path,
    mut work: impl FnMut(&BTreeSet<String>) -> Result<T, NightlyError>,
) -> Result<T, NightlyError> {
    let mut damaged = BTreeSet::new();
    loop {
        let error = match work(&damaged) {
            Err(error) => error,
            done => return done,
        };
        let Some(path) = damaged_list(&error).map(|list| list.plays_path.clone()) else {
            return Err(error);
        };
        tracing::warn!(%path, "a list of offline plays is damaged: it is made anew");
        if !damaged.insert(path) {
            return Err(error);
        }
        remove_tree(staging)?;
        make_folder(staging)?;
    }
}

/// The night itself.
fn run_night(
    night: Night<'_>,
    warehouse: &mut Warehouse,
    ruling: &mut Ruling,
) -> Result<Summary, NightlyError> {
    let (options, places) = (night.options, night.places);
    let inbox = scan_inbox(&options.inbox, &night.settings.ignore)?;
    let mut seen = Seen::read(places)?;
    let staged = warehouse.staged_tables();
    let mut examination = night.examine(&inbox, &warehouse.manifest, &mut seen, &staged)?;
    night.keep_reports(&examination)?;
    let mut plan = night.plan(&examination.reports, &warehouse.manifest);
    if plan.is_empty() && !is_judged_anew(&warehouse.manifest, ruling) {
        seen.write(places)?;
        warehouse.clear_staging()?;
        return Ok(night.finish());
    }
    night.require_room_to_build(&plan, &examination.reports, &warehouse.manifest)?;
    if plan.wanted.get(DELIVERIES).is_some_and(|wanted| wanted.is_stale) {
        night.keep_deliveries(&examination.reports, &warehouse.manifest)?;
    }
    let partitions = night.build(&mut plan, &mut examination, &warehouse.manifest, &staged)?;
    night.note(|summary| summary.rebuilt.clone_from(&plan.reasons));
    ruling.write_pending()?;
    let manifest = Manifest {
        manifest_version: MANIFEST_VERSION,
        snapshot: warehouse.manifest.snapshot + 1,
        listener_key: night.key.fingerprint(),
        has_own_key: options.listener_key.is_none(),
        settings: ruling.in_force.clone(),
        decisions: ruling.names(),
        as_of: options.as_of.to_string(),
        published: options.started.clone(),
        origin: "nightly".to_owned(),
        set_aside: BTreeMap::new(),
        reports: examination.reports,
        empty_tables: night.empty_tables(&partitions, &warehouse.manifest, &staged)?.0,
        partitions,
    };
    check_manifest(&manifest)?;
    night.note(|summary| summary.snapshot = Some(manifest.snapshot));
    let from = warehouse.manifest.snapshot;
    night.stages.write.time(|| warehouse.publish(manifest, from))?;
    seen.write(places)?;
    let summary = night.finish();
    record::write_record(places, options, &summary)?;
    warehouse.clear_staging()?;
    Ok(summary)
}

/// Whether what is published was judged by other settings: then they are published too, also where no
/// file depends on what is other, so that what is due is told by them.
fn is_judged_anew(published: &Manifest, ruling: &Ruling) -> bool {
    published.snapshot != 0 && published.settings != ruling.in_force
}

fn layout(schema: &str, sorted_by: &[i32], root: &Path) -> Result<TableLayout, PartitionError> {
    TableLayout::new(schema, sorted_by).map_err(PartitionError::parquet(root))
}

/// Says what [`run_nightly`] would do, and writes nothing.
///
/// # Errors
/// [`NightlyError`].
pub fn plan_nightly(
    settings: &Settings,
    options: &NightlyOptions,
    progress: &dyn Progress,
) -> Result<Summary, NightlyError> {
    require_inbox(&options.inbox)?;
    let places = Places::new(&options.warehouse);
    let manifest = match places.current()? {
        Some(number) => read_manifest(&places.snapshot(number))?.with_all_reports(),
        None => Manifest::default(),
    };
    require_key(&manifest, &places, options)?;
    let own_key = places.own_key();
    let key = match &options.listener_key {
        Some(given) => given.key()?,
        None if own_key.exists() => read_key(&own_key)?,
        // There will be a key at the first run; until then there is nothing it could agree with.
        None => ListenerKey::new([0; 32]),
    };
    let ruling = Ruling::read(settings, options, &places, &manifest)?;
    let judging = ruling.judging(settings);
    let proposal = Proposal::foreseen(&ruling)?;
    let settings = &settings.judged_by(&ruling.in_force);
    let nowhere = Path::new("");
    let mut night = Night::new(settings, judging, options, key, &places, nowhere, progress)?;
    (night.holder, night.runs) = (Holder::new(0, PathBuf::new()), RunStore::none());
    night.rows = RowFolder::in_memory();
    let inbox: Inbox = scan_inbox(&options.inbox, &settings.ignore)?;
    let mut seen = Seen::read(&places)?;
    let examination: Examination = night.examine_dry(&inbox, &manifest, &mut seen)?;
    let mut plan: Plan = night.plan(&examination.reports, &manifest);
    night.foresee_waterfalls(&mut plan, &examination.reports);
    night.note(|summary| {
        summary.rebuilt.clone_from(&plan.reasons);
        summary.proposal = proposal;
    });
    Ok(night.finish())
}
