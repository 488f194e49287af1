//! What the archive says of its reports besides their bytes: of which stores they are, and under which names
//! they came. With the listener key, the decisions and the pipelines it is all that a warehouse is made of.
//!
//! A file in each folder of the archive. It is what the ledger says, written before a state is published
//! that refers to it.

use crate::disk::reading::{if_there, read_file};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::archive::archived_reports::archive_path;
use crate::disk::durable::{DiskError, IoContext as _};
use crate::disk::file_batch::{FileAccess, FileBatch};
use crate::layout::ledger::{ArchiveMember, LedgerReports, ReportEntry};
use crate::layout::warehouse_layout::WarehouseLayout;

/// The file of a folder.
const NAMES_FILE: &str = "names.json";

/// Ending of the name files of earlier versions, one per archived report; read only in folders without a
/// [`NAMES_FILE`].
const FORMER_ENDING: &str = ".names";

/// A report that an archived file holds: the same bytes may be several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ArchivedReport {
    /// Folder in the inbox.
    pub(crate) store: String,
    /// Paths in the inbox under which it came.
    pub files: BTreeSet<String>,
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

/// By name of the archived file, the reports that it holds.
type FolderNames = BTreeMap<String, Vec<ArchivedReport>>;

/// The files of a ledger, one a folder: path in the archive and bytes.
#[must_use]
pub fn names_of(reports: &LedgerReports) -> BTreeMap<String, Vec<u8>> {
    let mut folders: BTreeMap<&str, FolderNames> = BTreeMap::new();
    for report in reports.values() {
        let archived = report.archived.as_deref().and_then(|archived| archived.split_once('/'));
        if let Some((folder, file)) = archived {
            let names = folders.entry(folder).or_default();
            names.entry(file.to_owned()).or_default().push(ArchivedReport::of(report));
        }
    }
    let bytes = |(folder, mut names): (&str, FolderNames)| {
        names.values_mut().for_each(|of| of.sort());
        (format!("{folder}/{NAMES_FILE}"), serde_json::to_vec(&names).unwrap_or_default())
    };
    folders.into_iter().map(bytes).collect()
}

/// Whether a file is there and says what the ledger says.
///
/// # Errors
/// [`DiskError`] if it is there and cannot be read.
pub fn is_kept(places: &WarehouseLayout, name: &str, bytes: &[u8]) -> Result<bool, DiskError> {
    let found = if_there(read_file(&archive_path(places, name)))?;
    Ok(found.is_some_and(|found| found == bytes))
}

/// Writes the files that are not there or say something else. Tells how many.
///
/// # Errors
/// [`DiskError`].
pub fn keep_names(
    places: &WarehouseLayout,
    reports: &LedgerReports,
    batch: &mut FileBatch,
) -> Result<u64, DiskError> {
    let mut n_written = 0;
    for (name, bytes) in names_of(reports) {
        if !is_kept(places, &name, &bytes)? {
            batch.write(&archive_path(places, &name), &bytes, FileAccess::Owner)?;
            n_written += 1;
        }
    }
    Ok(n_written)
}

/// All that an archive says of its reports, with the names of the archived files.
///
/// # Errors
/// [`DiskError`] if a file cannot be read or is not one.
pub fn read_names(places: &WarehouseLayout) -> Result<Vec<(String, ArchivedReport)>, DiskError> {
    let root = places.internal("archive");
    let mut found = Vec::new();
    for entry in WalkDir::new(&root).sort_by_file_name() {
        let entry = entry.map_err(std::io::Error::from).at("list", &root)?;
        let path: PathBuf = entry.into_path();
        let Some((folder, file)) =
            path.strip_prefix(&root).ok().and_then(Path::to_str).and_then(|n| n.split_once('/'))
        else {
            continue;
        };
        let names: FolderNames = if file == NAMES_FILE {
            read_json(&path)?
        } else if let Some(file) = file.strip_suffix(FORMER_ENDING)
            && !path.with_file_name(NAMES_FILE).exists()
        {
            FolderNames::from([(file.to_owned(), read_json(&path)?)])
        } else {
            continue;
        };
        for (file, reports) in names {
            let archived = format!("{folder}/{file}");
            found.extend(reports.into_iter().map(|report| (archived.clone(), report)));
        }
    }
    Ok(found)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, DiskError> {
    let bytes = read_file(path)?;
    serde_json::from_slice(&bytes).map_err(std::io::Error::other).at("read", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(file: &str) -> ArchivedReport {
        ArchivedReport {
            store: "spotify".to_owned(),
            files: BTreeSet::from([file.to_owned()]),
            members: BTreeMap::new(),
        }
    }

    #[test]
    fn files_of_the_previous_kind_count_where_a_folder_has_no_other() {
        let root = tempfile::tempdir().unwrap();
        let places = WarehouseLayout::new(root.path());
        let folder = places.internal("archive/ab");
        std::fs::create_dir_all(&folder).unwrap();
        let previous = serde_json::to_vec(&[report("spotify/a.tsv")]).unwrap();
        std::fs::write(folder.join("ab1.txt.zst.names"), previous).unwrap();
        let found = read_names(&places).unwrap();
        assert_eq!(found, [("ab/ab1.txt.zst".to_owned(), report("spotify/a.tsv"))]);

        let names = FolderNames::from([
            ("ab1.txt.zst".to_owned(), vec![report("spotify/b.tsv")]),
            ("ab2.gz".to_owned(), vec![report("spotify/c.tsv")]),
        ]);
        std::fs::write(folder.join(NAMES_FILE), serde_json::to_vec(&names).unwrap()).unwrap();
        let found: Vec<String> =
            read_names(&places).unwrap().into_iter().map(|(archived, _)| archived).collect();
        assert_eq!(found, ["ab/ab1.txt.zst", "ab/ab2.gz"]);
    }
}
