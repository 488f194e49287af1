//! A new warehouse from the archive of another one: the way from an earlier schema version to this one,
//! and out of a warehouse whose snapshots are lost but for one manifest.
//!
//! The archive has the reports by their hash. Which store each is of, and under which names it came, the
//! manifest of the other warehouse says. From both an inbox is laid out in the new warehouse, and a
//! nightly run ingests it. The other warehouse is only read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::Settings;
use crate::durable::{At as _, DiskError, copy_new, link, make_folder, remove_tree};
use crate::nightly::proposal::Request;
use crate::nightly::summary::Summary;
use crate::nightly::{NightlyError, NightlyOptions, Progress, run_nightly};
use crate::warehouse::{KeySource, MANIFEST, Places, WarehouseError};

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
pub struct Rebuilt {
    /// As of a nightly run.
    pub summary: Summary,
    /// Reports that were read from the archive.
    pub n_reports: u64,
    /// Files of reports that were rejected and so are in no archive: they must come from an inbox.
    pub not_archived: Vec<String>,
}

/// Makes a warehouse from the archive of another one. `options.inbox` is not looked at; the listener key
/// is the given one, else that of the other warehouse.
///
/// # Errors
/// [`NightlyError`]; also if there are tables in the new warehouse already.
pub fn rebuild_from_archive(
    other: &Path,
    settings: &Settings,
    options: &NightlyOptions,
    progress: &dyn Progress,
) -> Result<Rebuilt, NightlyError> {
    let (from, to) = (Places::new(other), Places::new(&options.warehouse));
    from.require()?;
    if to.current()?.is_some() {
        let message = format!(
            "{} has published tables already; name a folder that is new as --warehouse",
            to.root().display()
        );
        return Err(NightlyError::NotNow { message });
    }
    let manifest = newest_manifest(&from)?;
    let inbox = to.internal(INBOX);
    // What a rebuild that was stopped has left.
    remove_tree(&inbox)?;
    make_folder(&inbox)?;
    let mut rebuilt = Rebuilt::default();
    for report in manifest.reports.into_values().chain(manifest.set_aside.into_values()) {
        match &report.archived {
            None => rebuilt.not_archived.extend(report.files),
            Some(name) => {
                rebuilt.n_reports += 1;
                let archived = from.internal("archive").join(name);
                lay_out(&archived, &report.files, &inbox)?;
            }
        }
    }
    rebuilt.not_archived.sort();
    let own_key = || KeySource::File(from.internal("listener.key"));
    let listener_key = options.listener_key.clone().unwrap_or_else(own_key);
    keep_key(&listener_key, &to)?;
    let options = NightlyOptions {
        inbox: inbox.clone(),
        listener_key: options.listener_key.clone(),
        ..options.clone()
    };
    rebuilt.summary = run_nightly(settings, &options, &Request::AsAccepted, progress)?;
    remove_tree(&inbox)?;
    Ok(rebuilt)
}

/// Gives an archived report the names under which it came.
fn lay_out(archived: &Path, files: &[String], inbox: &Path) -> Result<(), DiskError> {
    for file in files {
        let to = inbox.join(file);
        make_folder(to.parent().unwrap_or(inbox))?;
        // Across file systems there are no links.
        link(archived, &to).or_else(|_| copy_new(archived, &to))?;
    }
    Ok(())
}

/// Puts the key of the other warehouse into the new one: listeners keep their hashes' key.
fn keep_key(key: &KeySource, to: &Places) -> Result<(), NightlyError> {
    let own = to.internal("listener.key");
    if let KeySource::File(path) = key
        && *path != own
        && path.file_name() == own.file_name()
        && !own.exists()
    {
        key.key()?;
        copy_new(path, &own)?;
    }
    Ok(())
}

/// The manifest of the newest snapshot that can be read.
fn newest_manifest(places: &Places) -> Result<OtherManifest, WarehouseError> {
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
    let bytes = std::fs::read(path).at("read", path)?;
    serde_json::from_slice(&bytes).map_err(|error| WarehouseError::Damaged {
        path: PathBuf::from(path),
        message: format!("is no manifest: {error}"),
    })
}
