//! Steps that survive a crash: files and folders are synced before anything points at them.
//!
//! Every step fails with what was being done and to which path; a failed sync is never tried again,
//! since the kernel may have dropped the data with the first failure.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// A step on the disk failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", .path.display())]
pub struct DiskError {
    /// What was being done.
    pub action: &'static str,
    /// To which path.
    pub path: PathBuf,
    /// Why it failed.
    #[source]
    pub source: io::Error,
}

/// Gives an I/O result its action and path.
pub trait At<T> {
    /// Names what was being done to which path.
    ///
    /// # Errors
    /// The same as before, with its context.
    fn at(self, action: &'static str, path: &Path) -> Result<T, DiskError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, DiskError> {
        self.map_err(|source| DiskError { action, path: path.to_owned(), source })
    }
}

/// Makes a folder with its parents.
///
/// # Errors
/// [`DiskError`].
pub fn make_folder(path: &Path) -> Result<(), DiskError> {
    std::fs::create_dir_all(path).at("make folder", path)
}

/// Writes a new file and syncs it. The folder must be synced before the file is relied on.
///
/// # Errors
/// [`DiskError`], also if the file is there already.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let mut file = File::create_new(path).at("create", path)?;
    io::Write::write_all(&mut file, bytes).at("write", path)?;
    file.sync_all().at("sync", path)
}

/// Syncs a file or folder.
///
/// # Errors
/// [`DiskError`].
pub fn sync(path: &Path) -> Result<(), DiskError> {
    File::open(path).and_then(|file| file.sync_all()).at("sync", path)
}

/// Syncs every folder of a tree, the root included, and nothing else.
///
/// # Errors
/// [`DiskError`].
pub fn sync_folders(root: &Path) -> Result<(), DiskError> {
    for entry in std::fs::read_dir(root).at("list", root)? {
        let entry = entry.at("list", root)?;
        if entry.file_type().at("look at", &entry.path())?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    sync(root)
}

/// Renames, replacing what is there, and syncs the folder of the new name.
///
/// # Errors
/// [`DiskError`].
pub fn rename(from: &Path, to: &Path) -> Result<(), DiskError> {
    std::fs::rename(from, to).at("rename to", to)?;
    to.parent().map_or(Ok(()), sync)
}

/// Removes a folder with all that is in it, if it is there.
///
/// # Errors
/// [`DiskError`].
pub fn remove_tree(path: &Path) -> Result<(), DiskError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at("remove", path),
        _ => Ok(()),
    }
}
