//! What the archive says of its reports beside their bytes: of which stores they are, and under which names
//! they came. With the listener key, the decisions and the pipelines it is all that a warehouse is made of.
//!
//! A file beside each archived one, with the ending `names`. It is what the ledger says, written before a
//! state is published that refers to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::storage::archive::archived_reports::{archive_path, write_private};
use crate::storage::disk::durable::{DiskError, IoContext as _, remove_file, rename};
use crate::storage::layout::ledger::{ArchiveMember, ReportEntry};
use crate::storage::layout::warehouse_layout::WarehouseLayout;

/// Ending of the files.
const ENDING: &str = "names";

/// A report that an archived file holds: the same bytes may be several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ArchivedReport {
    /// Folder in the inbox.
    pub(crate) store: String,
    /// Paths in the inbox under which it came.
    pub(crate) files: BTreeSet<String>,
    /// Those of them that are zip archives, with the path of the member that is the report.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) members: BTreeMap<String, String>,
}

impl ArchivedReport {
    fn of(report: &ReportEntry) -> Self {
        let member =
            |(file, member): (&String, &ArchiveMember)| (file.clone(), member.name.clone());
        Self {
            store: report.store.clone(),
            files: report.files.clone(),
            members: report.members.iter().map(member).collect(),
        }
    }
}

/// The files of a ledger: path in the archive and bytes.
pub(crate) fn names_of(reports: &BTreeMap<String, ReportEntry>) -> BTreeMap<String, Vec<u8>> {
    let mut all: BTreeMap<String, Vec<ArchivedReport>> = BTreeMap::new();
    for report in reports.values() {
        if let Some(archived) = &report.archived {
            let names = format!("{archived}.{ENDING}");
            all.entry(names).or_default().push(ArchivedReport::of(report));
        }
    }
    let bytes = |(name, mut of): (String, Vec<ArchivedReport>)| {
        of.sort();
        (name, serde_json::to_vec(&of).unwrap_or_default())
    };
    all.into_iter().map(bytes).collect()
}

/// Whether a file is there and says what the ledger says.
///
/// # Errors
/// [`DiskError`] if it is there and cannot be read.
pub(crate) fn is_kept(
    places: &WarehouseLayout,
    name: &str,
    bytes: &[u8],
) -> Result<bool, DiskError> {
    let path = archive_path(places, name);
    match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        found => Ok(found.at("read", &path)? == bytes),
    }
}

/// Writes the files that are not there or say something else. Tells how many it wrote.
///
/// # Errors
/// [`DiskError`].
pub(crate) fn keep_names(
    places: &WarehouseLayout,
    reports: &BTreeMap<String, ReportEntry>,
) -> Result<u64, DiskError> {
    let new = places.internal("staging/names");
    let mut n_written = 0;
    for (name, bytes) in names_of(reports) {
        let path = archive_path(places, &name);
        // A report that is lost from the archive is named by whoever looks for it.
        let has_folder = path.parent().is_some_and(Path::exists);
        if has_folder && !is_kept(places, &name, &bytes)? {
            // What an attempt that failed has left.
            remove_file(&new)?;
            write_private(&new, &bytes)?;
            rename(&new, &path)?;
            n_written += 1;
        }
    }
    Ok(n_written)
}

/// All that an archive says of its reports, with the names of the archived files.
///
/// # Errors
/// [`DiskError`] if a file cannot be read or is not one.
pub(crate) fn read_names(
    places: &WarehouseLayout,
) -> Result<Vec<(String, ArchivedReport)>, DiskError> {
    let root = places.internal("archive");
    let mut found = Vec::new();
    for entry in WalkDir::new(&root).sort_by_file_name() {
        let entry = entry.map_err(std::io::Error::from).at("list", &root)?;
        let path: PathBuf = entry.into_path();
        let is_names = path.extension().is_some_and(|ending| ending == ENDING);
        let name = path.strip_prefix(&root).ok().and_then(Path::to_str);
        let archived = name.and_then(|name| name.strip_suffix(&format!(".{ENDING}")));
        let (true, Some(archived)) = (is_names, archived) else {
            continue;
        };
        let bytes = std::fs::read(&path).at("read", &path)?;
        let reports: Vec<ArchivedReport> =
            serde_json::from_slice(&bytes).map_err(std::io::Error::other).at("read", &path)?;
        found.extend(reports.into_iter().map(|report| (archived.to_owned(), report)));
    }
    Ok(found)
}
