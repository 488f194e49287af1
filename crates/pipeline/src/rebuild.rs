//! A new warehouse from the archive of another one: the way from an earlier schema version to this one,
//! and out of a warehouse of which only the archive, the decisions and the listener key are left.
//!
//! The archive has the reports by their hash. Which store each is of, and under which names it came, the
//! newest manifest of the other warehouse says; where no manifest can be read, the archive itself does. From
//! both an inbox is laid out in the new warehouse, and a nightly run ingests it, with the decisions of the
//! other warehouse. That is only read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use streamledger_storage::archive::archived_names::read_names;
use streamledger_storage::archive::archived_reports::archive_path;
use streamledger_storage::disk::durable::{DiskError, copy_new, link, make_folder, remove_tree};
use streamledger_storage::disk::reading::{exists, if_there, list_folder, read_file};
use streamledger_storage::layout::error::WarehouseError;
use streamledger_storage::layout::manifest::MANIFEST;
use streamledger_storage::layout::warehouse::KeySource;
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;

use crate::intake::config::PipelineSettings;
use crate::nightly::error::NightlyError;
use crate::nightly::options::{NightlyOptions, RunProgress};
use crate::nightly::plan::proposal::SettingsRequest;
use crate::nightly::run::run_nightly;
use crate::nightly::summary::RunSummary;

/// Folder of the laid out inbox in the new warehouse.
const INBOX: &str = "from-archive";

/// What every version of a manifest says of its reports.
#[derive(Debug, Deserialize)]
struct OtherManifest {
    #[serde(default)]
    reports: BTreeMap<String, OtherReport>,
    /// Reports that came after a state that was rolled back to.
    #[serde(default)]
    set_aside: BTreeMap<String, OtherReport>,
}

#[derive(Debug, Deserialize)]
struct OtherReport {
    /// Paths in the inbox, the first folder of which names the store.
    files: Vec<String>,
    /// File in the archive; `None` for a rejected report.
    archived: Option<String>,
}

/// What a rebuild did.
#[derive(Debug, Default)]
pub struct RebuildOutcome {
    /// As of nightly runs: one, and one more for each time that a report was overwritten by another one of
    /// the same name.
    pub summaries: Vec<RunSummary>,
    /// Reports that were read from the archive.
    pub n_reports: u64,
    /// Files of reports that were rejected and so are in no archive: they must come from an inbox.
    pub not_archived: Vec<String>,
}

/// Paths in the inbox with the archived file that was there, for one run.
type RebuildRound = BTreeMap<String, PathBuf>;

/// Makes a warehouse from the archive of another one. `options.inbox` is not looked at; the listener key
/// is the given one, else that of the other warehouse.
///
/// # Errors
/// [`NightlyError`]; also if there are tables in the new warehouse already.
pub fn rebuild_from_archive(
    other: &Path,
    settings: &PipelineSettings,
    options: &NightlyOptions,
    progress: &dyn RunProgress,
) -> Result<RebuildOutcome, NightlyError> {
    let (from, to) = (WarehouseLayout::new(other), WarehouseLayout::new(&options.warehouse));
    from.require()?;
    if to.current()?.is_some() {
        let message = format!(
            "{} has published tables already; name a folder that is new as --warehouse",
            to.root().display()
        );
        return Err(NightlyError::NotNow { message });
    }
    let manifest = match newest_manifest(&from) {
        Ok(manifest) => manifest,
        Err(error) => of_archive(&from)?.ok_or(error)?,
    };
    if options.listener_key.is_none() {
        keep_key(&from.own_key(), &to)?;
    }
    keep_decisions(&from.internal("decisions"), &to.internal("decisions"))?;
    let mut rebuilt = RebuildOutcome::default();
    let mut rounds: Vec<RebuildRound> = Vec::new();
    for report in manifest.reports.into_values().chain(manifest.set_aside.into_values()) {
        let Some(name) = &report.archived else {
            rebuilt.not_archived.extend(report.files);
            continue;
        };
        rebuilt.n_reports += 1;
        let archived = archive_path(&from, name);
        report.files.iter().for_each(|file| enter(&mut rounds, file, &archived));
    }
    rebuilt.not_archived.sort();
    let inbox = to.internal(INBOX);
    let options = NightlyOptions { inbox: inbox.clone(), ..options.clone() };
    for round in &rounds {
        // The last round's, or what a rebuild that was stopped has left.
        remove_tree(&inbox)?;
        lay_out(round, &inbox)?;
        let summary = run_nightly(settings, &options, &SettingsRequest::AsAccepted, progress)?;
        rebuilt.summaries.push(summary);
    }
    remove_tree(&inbox)?;
    Ok(rebuilt)
}

/// What the archive says of its reports; `None` if it says nothing.
fn of_archive(places: &WarehouseLayout) -> Result<Option<OtherManifest>, DiskError> {
    let found = read_names(places)?.into_iter().enumerate();
    let reports: BTreeMap<String, OtherReport> = found
        .map(|(number, (archived, report))| {
            let files = report.files.into_iter().collect();
            (number.to_string(), OtherReport { files, archived: Some(archived) })
        })
        .collect();
    if reports.is_empty() {
        return Ok(None);
    }
    tracing::warn!("no manifest can be read: the archive itself says which reports it holds");
    Ok(Some(OtherManifest { reports, set_aside: BTreeMap::new() }))
}

/// Takes the decisions of the other warehouse over, if the new one has none.
fn keep_decisions(from: &Path, to: &Path) -> Result<(), DiskError> {
    let Some(entries) = if_there(list_folder(from))? else { return Ok(()) };
    if exists(to) {
        return Ok(());
    }
    make_folder(to)?;
    for path in entries {
        copy_new(&path, &to.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

/// Enters a file into the first round in which its path is free.
fn enter(rounds: &mut Vec<RebuildRound>, file: &str, archived: &Path) {
    match rounds.iter_mut().find(|round| !round.contains_key(file)) {
        Some(round) => {
            round.insert(file.to_owned(), archived.to_owned());
        }
        None => rounds.push(RebuildRound::from([(file.to_owned(), archived.to_owned())])),
    }
}

/// Gives archived reports the names under which they came.
fn lay_out(round: &RebuildRound, inbox: &Path) -> Result<(), DiskError> {
    make_folder(inbox)?;
    for (file, archived) in round {
        let to = inbox.join(file);
        make_folder(to.parent().unwrap_or(inbox))?;
        // Across file systems there are no links.
        link(archived, &to).or_else(|_| copy_new(archived, &to))?;
    }
    Ok(())
}

/// Puts the listener key of the other warehouse into the new one.
fn keep_key(others: &Path, to: &WarehouseLayout) -> Result<(), NightlyError> {
    if !exists(others) {
        let message = format!(
            "the other warehouse has no listener key of its own ({} is missing); give the file of its \
             key as --listener-key-file",
            others.display()
        );
        return Err(NightlyError::NotNow { message });
    }
    KeySource::File(others.to_owned()).key()?;
    let own = to.own_key();
    if !exists(&own) {
        make_folder(&to.internal(""))?;
        copy_new(others, &own)?;
    }
    Ok(())
}

/// The manifest of the newest snapshot that can be read.
fn newest_manifest(places: &WarehouseLayout) -> Result<OtherManifest, WarehouseError> {
    let mut last_error = WarehouseError::Empty { path: places.root().to_owned() };
    for number in places.snapshots()?.into_iter().rev() {
        match read_other(&places.snapshot(number).join(MANIFEST)) {
            Ok(manifest) => return Ok(manifest),
            Err(error) => {
                tracing::warn!(snapshot = number, %error, "a manifest cannot be read");
                last_error = error;
            }
        }
    }
    Err(last_error)
}

fn read_other(path: &Path) -> Result<OtherManifest, WarehouseError> {
    let bytes = read_file(path)?;
    serde_json::from_slice(&bytes).map_err(|error| WarehouseError::Damaged {
        path: PathBuf::from(path),
        message: format!("is no manifest: {error}"),
    })
}
