//! Many files that get their names together. All are written first, then what was written is synced, and
//! only then does each get its name: no name ever stands for bytes that a power cut can take. So a hundred
//! thousand small files cost one sync of the disk and not one each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::disk::durable::{
    DiskError, IoContext as _, make_folder, remove_file, rename_unsynced, sync_all, sync_disk,
};

/// Up to so many files are synced one by one; of more, the whole disk is synced, which may have to write
/// what other programs have left in its cache.
const SYNCED_ALONE_MAX: usize = 16;

/// Who may read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAccess {
    /// Its owner.
    Owner,
    /// Whoever the process lets.
    Usual,
}

/// Files that wait for their names.
#[derive(Debug, Default)]
pub struct FileBatch {
    staging: PathBuf,
    n_written: u64,
    /// By the name that a file gets: where it is until then, and whether it is synced.
    files: BTreeMap<PathBuf, (PathBuf, bool)>,
    folders: BTreeSet<PathBuf>,
}

impl FileBatch {
    /// An empty batch, whose files wait in a folder on the same disk.
    #[must_use]
    pub fn new(staging: &Path) -> Self {
        Self { staging: staging.to_owned(), ..Self::default() }
    }

    /// Whether a file of it gets this name.
    pub(crate) fn has(&self, name: &Path) -> bool {
        self.files.contains_key(name)
    }

    /// Adds a file that was written; of two files for one name the later one counts.
    pub(crate) fn add(&mut self, file: PathBuf, name: &Path, is_synced: bool) {
        self.files.insert(name.to_owned(), (file, is_synced));
    }

    /// Has a folder synced, whose names an earlier run may have made.
    pub(crate) fn add_folder(&mut self, folder: &Path) {
        if !self.folders.contains(folder) {
            self.folders.insert(folder.to_owned());
        }
    }

    /// Writes a file that is to get a name.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn write(
        &mut self,
        name: &Path,
        bytes: &[u8],
        access: FileAccess,
    ) -> Result<(), DiskError> {
        let new = self.staging.join(format!("named-{}", self.n_written));
        self.n_written += 1;
        // What an attempt that failed has left.
        remove_file(&new)?;
        let mut options = File::options();
        options.write(true).create_new(true);
        if access == FileAccess::Owner {
            options.mode(0o600);
        }
        let mut file = options.open(&new).at("create", &new)?;
        file.write_all(bytes).at("write", &new)?;
        self.add(new, name, false);
        Ok(())
    }

    /// Syncs the files, gives them their names, and syncs those.
    ///
    /// # Errors
    /// [`DiskError`]; some files may have their names then, all of them whole.
    pub fn publish(self) -> Result<(), DiskError> {
        let Self { staging, files, mut folders, .. } = self;
        let unsynced = files.values().filter(|(_, is_synced)| !is_synced);
        let unsynced: Vec<PathBuf> = unsynced.map(|(file, _)| file.clone()).collect();
        if unsynced.len() <= SYNCED_ALONE_MAX {
            sync_all(&unsynced)?;
        } else {
            sync_disk(&staging)?;
        }
        for (name, (file, _)) in &files {
            let folder = name.parent().unwrap_or(name);
            if folders.insert(folder.to_owned()) && !folder.exists() {
                make_folder(folder)?;
                folders.extend(folder.parent().map(Path::to_owned));
            }
            rename_unsynced(file, name)?;
        }
        sync_all(&folders.into_iter().collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_get_their_names_when_the_batch_is_published() {
        let root = tempfile::tempdir().unwrap();
        let staging = root.path().join("staging");
        make_folder(&staging).unwrap();
        for n_files in [0, 1, SYNCED_ALONE_MAX, SYNCED_ALONE_MAX + 1, 300] {
            let folder = root.path().join(format!("kept-{n_files}"));
            let name = |n: usize| folder.join(format!("{}/{n}", n % 7));
            let mut batch = FileBatch::new(&staging);
            for n in 0..n_files {
                batch.write(&name(n), n.to_string().as_bytes(), FileAccess::Owner).unwrap();
                assert!(batch.has(&name(n)) && !name(n).exists());
            }
            batch.publish().unwrap();
            for n in 0..n_files {
                assert_eq!(std::fs::read_to_string(name(n)).unwrap(), n.to_string());
            }
            assert_eq!(std::fs::read_dir(&staging).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_name_is_replaced_by_the_last_file_for_it() {
        let root = tempfile::tempdir().unwrap();
        let name = root.path().join("kept");
        std::fs::write(&name, "old").unwrap();
        let mut batch = FileBatch::new(root.path());
        let other = root.path().join("other");
        batch.write(&name, b"newer", FileAccess::Usual).unwrap();
        batch.write(&name, b"new", FileAccess::Usual).unwrap();
        batch.write(&other, b"other", FileAccess::Usual).unwrap();
        assert_eq!(std::fs::read_to_string(&name).unwrap(), "old");
        batch.publish().unwrap();
        assert_eq!(std::fs::read_to_string(&name).unwrap(), "new");
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "other");
    }
}
