//! Publishing: a snapshot is put together in staging, synced, given its name in one step, and shown to
//! readers in another.

use std::path::Path;

use rayon::prelude::*;

use crate::disk::durable::{DiskError, link, make_folder, rename, sync_folders};
use crate::layout::ledger::{Manifest, PartitionEntry};
use crate::layout::manifest::write_manifest;
use crate::layout::offline_keys::offline_folder;
use crate::layout::shown::note_shown;
use crate::layout::warehouse::Warehouse;

/// Folder of the coming snapshot in staging.
const STAGED: &str = "staging/snapshot";

impl Warehouse {
    /// The tables of the coming snapshot: where a run writes its partitions.
    #[must_use]
    pub fn staged_tables(&self) -> std::path::PathBuf {
        self.places.internal(STAGED).join("tables")
    }

    /// Publishes a snapshot: files that are not in staging are linked from the snapshot `from`.
    ///
    /// # Errors
    /// [`DiskError`]; readers then still see the previous snapshot, or, if the last step failed, will
    /// see the new one when the next run makes up for it.
    pub fn publish(&mut self, manifest: Manifest, from: u64) -> Result<(), DiskError> {
        let staged = self.places.internal(STAGED);
        let previous = self.places.snapshot(from);
        make_folder(&self.staged_tables())?;
        let partitions: Vec<_> = manifest.all_partitions().collect();
        partitions
            .par_iter()
            .try_for_each(|(path, partition)| link_previous(path, partition, &previous, &staged))?;
        write_manifest(&staged, &manifest)?;
        sync_folders(&staged)?;
        rename(&staged, &self.places.snapshot(manifest.snapshot))?;
        self.places.swap_current(manifest.snapshot)?;
        note_shown(&self.places, manifest.snapshot)?;
        self.manifest = manifest;
        Ok(())
    }
}

/// Links what is not in staging from the previous snapshot.
fn link_previous(
    path: &str,
    partition: &PartitionEntry,
    previous: &Path,
    staged: &Path,
) -> Result<(), DiskError> {
    if let Some(file) = &partition.offline_keys {
        let folder = offline_folder(path);
        let to = staged.join(&folder).join(&file.name);
        if !to.exists() {
            make_folder(&staged.join(&folder))?;
            link(&previous.join(&folder).join(&file.name), &to)?;
        }
    }
    let path = Path::new("tables").join(path);
    let folder = staged.join(&path);
    make_folder(&folder)?;
    // A file's name tells its content, so that one which is there is the right one.
    let is_missing = |name: &&String| !folder.join(name).exists();
    let mut files = partition.files.iter().map(|file| &file.name).filter(is_missing);
    files.try_for_each(|name| link(&previous.join(&path).join(name), &folder.join(name)))
}
