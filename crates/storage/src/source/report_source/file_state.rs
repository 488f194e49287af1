//! How a file looks on its disk.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk::durable::{DiskError, IoContext as _};

/// What a file looked like when it was found; a report whose file changes while it is read is left
/// for the next run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileState {
    /// Bytes on disk.
    pub size_bytes: u64,
    /// Time of the last change of its bytes, which whoever sends a file may set: seconds since 1970,
    /// below 0 before it, and nanoseconds.
    pub modified: (i64, i64),
    /// Time of the last change of the file in any way, which nobody can set: seconds since 1970, and
    /// nanoseconds.
    pub changed: (i64, i64),
    /// Number of the file on its disk.
    pub inode: u64,
}

impl FileState {
    /// Looks at a file; at a link as such.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn of(path: &Path) -> Result<Self, DiskError> {
        let metadata = std::fs::symlink_metadata(path).at("look at", path)?;
        Ok(Self {
            size_bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        })
    }

    /// Whether a file of the archive is still the same: only its bytes matter, and its hash is looked at.
    pub(super) fn has_same_bytes(self, other: Self) -> bool {
        (self.size_bytes, self.modified) == (other.size_bytes, other.modified)
    }
}
