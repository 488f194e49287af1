//! A place for the work of a run that publishes nothing and takes no lock: a folder of its own, which the
//! next run removes if this one was killed.

use std::fs::File;
use std::path::{Path, PathBuf};

use chrono::Utc;

use crate::disk::durable::{DiskError, IoContext as _, make_folder, remove_file, remove_tree};
use crate::layout::warehouse_layout::WarehouseLayout;

/// Folder of all of them.
const PREVIEWS: &str = "previews";

/// Ending of the file that says, by the kernel's lock on it, that a folder is in use.
const LOCK: &str = "lock";

/// A folder in use; gone when it is dropped.
#[derive(Debug)]
pub struct PreviewFolder {
    folder: PathBuf,
    lock_path: PathBuf,
    _lock: File,
}

impl PreviewFolder {
    /// Makes one. The lock is there before the folder, so that nobody takes the folder for left over.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn open(places: &WarehouseLayout) -> Result<Self, DiskError> {
        clear_left_over(places)?;
        let previews = places.internal(PREVIEWS);
        make_folder(&previews)?;
        let now = Utc::now().timestamp_micros();
        let folder = previews.join(format!("{}-{now}", std::process::id()));
        let lock_path = folder.with_extension(LOCK);
        let lock = File::create_new(&lock_path).at("create", &lock_path)?;
        lock.lock().at("lock", &lock_path)?;
        make_folder(&folder)?;
        Ok(Self { folder, lock_path, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for PreviewFolder {
    fn drop(&mut self) {
        let gone = remove_tree(&self.folder).and_then(|()| remove_file(&self.lock_path));
        if let Err(error) = gone {
            tracing::warn!(%error, "the next run removes what is left");
        }
    }
}

/// Removes the folders of runs that were killed.
pub(crate) fn clear_left_over(places: &WarehouseLayout) -> Result<(), DiskError> {
    let previews = places.internal(PREVIEWS);
    if !previews.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(&previews).at("list", &previews)? {
        let path = entry.at("list", &previews)?.path();
        if path.extension().is_some_and(|ending| ending == LOCK) {
            continue;
        }
        let lock_path = path.with_extension(LOCK);
        let is_in_use = File::open(&lock_path).is_ok_and(|lock| lock.try_lock().is_err());
        if !is_in_use {
            remove_tree(&path)?;
            remove_file(&lock_path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_goes_and_what_is_in_use_stays() {
        let root = tempfile::tempdir().unwrap();
        let places = WarehouseLayout::new(root.path());
        let in_use = PreviewFolder::open(&places).unwrap();
        let left = places.internal("previews/1-1");
        make_folder(&left.join("snapshot")).unwrap();
        File::create_new(places.internal("previews/1-1.lock")).unwrap();
        let other = PreviewFolder::open(&places).unwrap();
        assert!(!left.exists() && in_use.path().exists());
        drop((in_use, other));
        assert_eq!(std::fs::read_dir(places.internal(PREVIEWS)).unwrap().count(), 0);
    }
}
