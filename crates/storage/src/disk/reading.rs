//! Looking at files and folders without changing anything. Every error names the path.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::disk::durable::{DiskError, IoContext as _};

/// Whether there is anything at a path; a link counts as what it points at.
#[must_use]
pub fn exists(path: &Path) -> bool {
    path.exists()
}

/// Whether there is a folder at a path.
#[must_use]
pub fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// Bytes of a file.
///
/// # Errors
/// [`DiskError`].
pub fn file_size(path: &Path) -> Result<u64, DiskError> {
    Ok(std::fs::metadata(path).at("look at", path)?.len())
}

/// All bytes of a file.
///
/// # Errors
/// [`DiskError`].
pub fn read_file(path: &Path) -> Result<Vec<u8>, DiskError> {
    std::fs::read(path).at("read", path)
}

/// All of a file that holds text.
///
/// # Errors
/// [`DiskError`], also if it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, DiskError> {
    std::fs::read_to_string(path).at("read", path)
}

/// Some bytes of a file, as many as the buffer holds.
///
/// # Errors
/// [`DiskError`], also if the file ends before.
pub fn read_bytes_at(path: &Path, start: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
    let file = File::open(path).at("open", path)?;
    file.read_exact_at(buffer, start).at("read", path)
}

/// `None` in the place of the error that there is no such file or folder.
///
/// # Errors
/// All other errors.
pub fn if_there<T>(read: Result<T, DiskError>) -> Result<Option<T>, DiskError> {
    match read {
        Err(error) if error.is_missing() => Ok(None),
        read => read.map(Some),
    }
}

/// What lies in a folder, in byte order of the names.
///
/// # Errors
/// [`DiskError`].
pub fn list_folder(folder: &Path) -> Result<Vec<PathBuf>, DiskError> {
    let entries = std::fs::read_dir(folder).at("list", folder)?;
    let paths = entries.map(|entry| Ok(entry.at("list", folder)?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, DiskError>>()?;
    paths.sort_unstable();
    Ok(paths)
}

/// All in a tree that is no folder, in no order.
///
/// # Errors
/// [`DiskError`].
pub fn files_below(root: &Path) -> Result<Vec<PathBuf>, DiskError> {
    let mut files = Vec::new();
    for entry in WalkDir::new(root) {
        let entry = entry.map_err(io::Error::from).at("list", root)?;
        if !entry.file_type().is_dir() {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

/// A path without links.
///
/// # Errors
/// [`DiskError`] if there is nothing at it.
pub fn without_links(path: &Path) -> Result<PathBuf, DiskError> {
    path.canonicalize().at("open", path)
}

/// A path without links, as far as it is there.
#[must_use]
pub fn real_path(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            real_path(parent).join(name)
        }
        _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}
