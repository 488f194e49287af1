//! Publishing: a snapshot is put together in staging, synced, given its name in one step, and shown to
//! readers in another.

use crate::durable::{DiskError, link, make_folder, rename, sync_folders};
use crate::ledger::Manifest;
use crate::offline_keys::offline_folder;
use crate::warehouse::{Warehouse, write_manifest};

/// Folder of the coming snapshot in staging.
const STAGED: &str = "staging/snapshot";

impl Warehouse {
    /// The tables of the coming snapshot: where a run writes its partitions.
    #[must_use]
    pub fn staged_tables(&self) -> std::path::PathBuf {
        self.places.internal(STAGED).join("tables")
    }

    /// Publishes a snapshot: partitions that are not in staging are linked from the snapshot `from`.
    ///
    /// # Errors
    /// [`DiskError`]; readers then still see the former snapshot, or, if the last step failed, will
    /// see the new one when the next run makes up for it.
    pub fn publish(&mut self, manifest: Manifest, from: u64) -> Result<(), DiskError> {
        let staged = self.places.internal(STAGED);
        let former = self.places.snapshot(from);
        make_folder(&self.staged_tables())?;
        for (path, partition) in &manifest.partitions {
            if let Some(file) = &partition.offline_keys {
                let folder = offline_folder(path);
                let from = former.join(&folder);
                let to = staged.join(&folder).join(&file.name);
                if !to.exists() {
                    make_folder(&staged.join(&folder))?;
                    link(&from.join(&file.name), &to)?;
                }
            }
            let folder = self.staged_tables().join(path);
            if !folder.exists() {
                make_folder(&folder)?;
                for file in &partition.files {
                    link(
                        &former.join("tables").join(path).join(&file.name),
                        &folder.join(&file.name),
                    )?;
                }
            }
        }
        write_manifest(&staged, &manifest)?;
        sync_folders(&staged)?;
        rename(&staged, &self.places.snapshot(manifest.snapshot))?;
        self.places.flip(manifest.snapshot)?;
        self.manifest = manifest;
        Ok(())
    }
}
