//! The inbox: `inbox/<store>/**`. The first folder names the store.

use std::path::{Path, PathBuf};

use globset::GlobSet;
use walkdir::WalkDir;

use crate::durable::{At as _, DiskError};
use crate::report_source::FileState;

/// A file in the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxFile {
    /// Where it is.
    pub path: PathBuf,
    /// Path in the inbox, with `/`; what is not UTF-8 is shown as `\u{fffd}`.
    pub name: String,
    /// The first folder; `None` where the file lies in none.
    pub store: Option<String>,
    /// What it looks like now.
    pub state: FileState,
}

/// What is in the inbox, by path.
#[derive(Debug, Default)]
pub struct Inbox {
    /// Files that can be reports.
    pub files: Vec<InboxFile>,
    /// Paths that were passed over: ignored names, and what is no regular file.
    pub passed_over: Vec<String>,
    /// Links: they are refused.
    pub links: Vec<String>,
}

/// Looks through an inbox. Links are not followed: a report lies where it was delivered.
///
/// # Errors
/// [`DiskError`] if a folder cannot be listed.
pub fn scan_inbox(inbox: &Path, ignore: &GlobSet) -> Result<Inbox, DiskError> {
    let mut found = Inbox::default();
    for entry in WalkDir::new(inbox).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(inbox).to_owned();
            DiskError { action: "list", path, source: error.into() }
        })?;
        let relative = entry.path().strip_prefix(inbox).unwrap_or(entry.path());
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        let name = parts.join("/");
        if entry.file_type().is_dir() {
            continue;
        }
        if entry.file_type().is_symlink() {
            found.links.push(name);
            continue;
        }
        if !entry.file_type().is_file() || ignore.is_match(entry.file_name()) {
            found.passed_over.push(name);
            continue;
        }
        let state = match FileState::of(entry.path()) {
            // Taken away between listing and looking: not there, then.
            Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => continue,
            state => state?,
        };
        let store = (1 < parts.len()).then(|| parts[0].to_string());
        found.files.push(InboxFile { path: entry.path().to_owned(), name, store, state });
    }
    found.files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Makes sure that an inbox is there.
///
/// # Errors
/// [`DiskError`] if it is not a folder.
pub fn require_inbox(inbox: &Path) -> Result<(), DiskError> {
    std::fs::read_dir(inbox).map(|_| ()).at("list the inbox", inbox)
}
