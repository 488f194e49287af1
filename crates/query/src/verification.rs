//! What verifying has read and what differs, and under which names files are told of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use streamledger_storage::disk::durable::DiskError;
use streamledger_storage::disk::reading::files_below;
use streamledger_storage::layout::ledger::FileEntry;

/// Something that is not as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundDifference {
    /// What was looked at.
    pub subject: String,
    /// Expected and found.
    pub message: String,
}

/// What a list of rejected rows and unknown values is called, before the name of its file.
pub const NOTES: &str = "internal/bad_rows/";

/// What a file is called that says under which names an archived report came, before its name.
pub const NAMES: &str = "internal/archive/";

/// What the warehouse's own listener key is called.
pub const LISTENER_KEY: &str = "internal/listener.key";

/// What is said of a file that nobody published.
pub const NOT_PUBLISHED: &str = "is there, but was not published";

/// What was read, and what differs.
#[derive(Debug, Default)]
pub struct Verification {
    /// The snapshot.
    pub snapshot: u64,
    /// Published files.
    pub n_files: u64,
    /// Their rows.
    pub n_rows: u64,
    /// Their bytes.
    pub n_bytes: u64,
    /// Archived reports.
    pub n_reports: u64,
    /// The newest month that a backfill can be asked for.
    pub newest_month: Option<String>,
    /// What differs; nothing if all is as it was published.
    pub differences: Vec<FoundDifference>,
    /// What cannot be read, for want of permission or by a fault of the disk: nobody knows whether it
    /// differs.
    pub unreadable: Vec<FoundDifference>,
}

impl Verification {
    pub(crate) fn differs(&mut self, subject: impl Into<String>, message: impl Into<String>) {
        self.differences.push(FoundDifference { subject: subject.into(), message: message.into() });
    }

    /// Notes a file that could not be read. What is missing differs; anything else is not known.
    pub(crate) fn failed(&mut self, subject: impl Into<String>, error: &DiskError) {
        let message = format!("{error}: {}", error.source);
        if error.source.kind() == std::io::ErrorKind::NotFound {
            self.differs(subject, message);
        } else {
            self.unreadable.push(FoundDifference { subject: subject.into(), message });
        }
    }

    /// Whether all was read, and is as it was published.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.differences.is_empty() && self.unreadable.is_empty()
    }
}

/// What reading a file again has found.
pub(crate) enum RereadOutcome {
    Differs(String),
    Failed(DiskError),
}

/// Every file of a folder is one that was published.
pub(crate) fn verify_no_others(
    folder: &Path,
    expected: &BTreeMap<PathBuf, &FileEntry>,
    found: &mut Verification,
) -> Result<(), DiskError> {
    for path in files_below(folder)? {
        if !expected.contains_key(&path) {
            found.differs(shown(folder, &path), NOT_PUBLISHED);
        }
    }
    Ok(())
}

pub(crate) fn shown(tables: &Path, path: &Path) -> String {
    path.strip_prefix(tables).unwrap_or(path).display().to_string()
}
