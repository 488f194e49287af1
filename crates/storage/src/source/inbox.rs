//! The inbox: `inbox/<store>/**`. The first folder names the store.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::disk::durable::{DiskError, IoContext as _};
use crate::source::ignored::IgnoredNames;
use crate::source::report_source::FileState;
use crate::source::shown_names::shown_bytes;

/// A file in the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxFile {
    /// Where it is.
    pub path: PathBuf,
    /// Path in the inbox, with `/`, as [`shown_bytes`] shows it: two files never have one name.
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
    /// Paths that were passed over: ignored names, and what is no regular file. A folder stands for all
    /// that is in it, and ends in `/`.
    pub passed_over: Vec<String>,
    /// Links: they are rejected.
    pub links: Vec<String>,
    /// Files and folders that cannot be looked at, and why.
    pub unreadable: Vec<(String, String)>,
}

/// Looks through an inbox. Links are not followed: a report lies where it was delivered. What is wrong
/// with one file or folder is noted, and the others are found all the same.
///
/// # Errors
/// [`DiskError`] if the inbox itself cannot be listed.
pub fn scan_inbox(inbox: &Path, ignored: &IgnoredNames) -> Result<Inbox, DiskError> {
    let mut found = Inbox::default();
    let mut entries = WalkDir::new(inbox).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(inbox).to_owned();
                let source = io::Error::from(error);
                if path == inbox {
                    return Err(DiskError { action: "list", path, source });
                }
                found.unreadable.push((name_of(inbox, &path), why_unreadable(&source)));
                continue;
            }
        };
        if entry.depth() == 0 {
            continue;
        }
        let is_folder = entry.file_type().is_dir();
        if ignored.has(&name_of(inbox, entry.path())) {
            if is_folder {
                entries.skip_current_dir();
            }
            let ending = if is_folder { "/" } else { "" };
            found.passed_over.push(name_of(inbox, entry.path()) + ending);
        } else if !is_folder {
            found.note(inbox, &entry);
        }
    }
    // As bytes: what is shown of a name may sort otherwise.
    let key = |file: &InboxFile| file.path.as_os_str().as_bytes().to_owned();
    found.files.sort_by_cached_key(key);
    Ok(found)
}

impl Inbox {
    fn note(&mut self, inbox: &Path, entry: &DirEntry) {
        let name = name_of(inbox, entry.path());
        if entry.file_type().is_symlink() {
            self.links.push(name);
            return;
        }
        if !entry.file_type().is_file() {
            self.passed_over.push(name);
            return;
        }
        match FileState::of(entry.path()) {
            Ok(state) => {
                let store = name.split_once('/').map(|(store, _)| store.to_owned());
                self.files.push(InboxFile { path: entry.path().to_owned(), name, store, state });
            }
            Err(error) => self.unreadable.push((name, why_unreadable(&error.source))),
        }
    }
}

/// Path in the inbox, with `/`.
fn name_of(inbox: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(inbox).unwrap_or(path);
    let parts: Vec<&[u8]> = relative.iter().map(OsStrExt::as_bytes).collect();
    shown_bytes(&parts.join(&b'/'))
}

/// Why a file or folder of the inbox cannot be read, for a person.
#[must_use]
pub fn why_unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it is gone: it was there when the inbox was listed".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied: let the user of this job read it".to_owned()
        }
        _ => error.to_string(),
    }
}

/// Makes sure that an inbox is there.
///
/// # Errors
/// [`DiskError`] if it is not a folder.
pub fn require_inbox(inbox: &Path) -> Result<(), DiskError> {
    std::fs::read_dir(inbox).map(|_| ()).at("list the inbox", inbox)
}

#[cfg(test)]
mod tests;
