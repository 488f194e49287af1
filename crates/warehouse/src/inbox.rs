//! The inbox: `inbox/<store>/**`. The first folder names the store.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::durable::{At as _, DiskError};
use crate::ignored::Ignored;
use crate::report_source::FileState;

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
    /// Links: they are refused.
    pub links: Vec<String>,
    /// Files and folders that cannot be looked at, and why.
    pub unreadable: Vec<(String, String)>,
}

/// Looks through an inbox. Links are not followed: a report lies where it was delivered. What is wrong
/// with one file or folder is noted, and the others are found all the same.
///
/// # Errors
/// [`DiskError`] if the inbox itself cannot be listed.
pub fn scan_inbox(inbox: &Path, ignored: &Ignored) -> Result<Inbox, DiskError> {
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

/// A name as text. Bytes that are not UTF-8 are shown as `\xNN`, and so is a backslash before what would
/// look like that: different names are shown differently.
#[must_use]
pub fn shown_bytes(name: &[u8]) -> String {
    let mut shown = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some((before, after)) = rest.split_once('\\') {
            shown.push_str(before);
            let is_like_ours = after
                .as_bytes()
                .first_chunk::<3>()
                .is_some_and(|next| next[0] == b'x' && next[1..].iter().all(u8::is_ascii_hexdigit));
            shown.push_str(if is_like_ours { "\\x5c" } else { "\\" });
            rest = after;
        }
        shown.push_str(rest);
        for byte in chunk.invalid() {
            shown.push_str("\\x");
            shown.push_str(&hex::encode([*byte]));
        }
    }
    shown
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
