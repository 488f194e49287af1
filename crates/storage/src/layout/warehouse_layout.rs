//! Where everything lies in a warehouse, and which snapshot readers see.
//!
//! ```text
//! WAREHOUSE/tables -> internal/snapshots/000042/tables     the one thing that readers look at
//! WAREHOUSE/internal/lock                                  held by the one writer
//! WAREHOUSE/internal/listener.key                          32 secret bytes, mode 0600
//! WAREHOUSE/internal/decisions/                            what people have decided, append-only
//! WAREHOUSE/internal/archive/ab/ab12....txt.gz             reports by hash
//! WAREHOUSE/internal/bad_rows/ab12....json                 bad rows of a report
//! WAREHOUSE/internal/rows/ab12....rows                     hashes of its rows; rebuilt when lost
//! WAREHOUSE/internal/snapshots/000042/manifest.json        ledger and list of files
//! WAREHOUSE/internal/snapshots/000042/tables/...           immutable files, hard-linked
//! WAREHOUSE/internal/shown/000042                          when readers were moved to it
//! WAREHOUSE/internal/staging/                              a run's unfinished work
//! WAREHOUSE/internal/previews/                             work of runs that publish nothing
//! WAREHOUSE/internal/proposals/                            what edited settings would change
//! WAREHOUSE/internal/runs/                                 a record of each run
//! ```
//!
//! A snapshot is complete before it gets its name under `snapshots`; that rename decides. The swap of
//! `tables` follows, and is made up for at the next start if a crash came between.

use crate::disk::reading::{if_there, list_folder};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::disk::durable::{DiskError, IoContext as _, rename};
use crate::layout::error::WarehouseError;
use crate::layout::ledger::Manifest;
use crate::layout::manifest::read_manifest;

/// The places of a warehouse.
#[derive(Debug, Clone)]
pub struct WarehouseLayout {
    root: PathBuf,
}

impl WarehouseLayout {
    /// The places under a folder, which need not be there.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What readers look at.
    #[must_use]
    pub fn tables(&self) -> PathBuf {
        self.root.join("tables")
    }

    /// Something internal.
    #[must_use]
    pub fn internal(&self, name: &str) -> PathBuf {
        self.root.join("internal").join(name)
    }

    /// The file of the key that a warehouse makes for itself.
    #[must_use]
    pub fn own_key(&self) -> PathBuf {
        self.internal("listener.key")
    }

    /// A snapshot's folder.
    #[must_use]
    pub fn snapshot(&self, number: u64) -> PathBuf {
        self.internal("snapshots").join(format!("{number:06}"))
    }

    /// Makes sure that there is a warehouse.
    ///
    /// # Errors
    /// [`WarehouseError::NotThere`].
    pub fn require(&self) -> Result<(), WarehouseError> {
        if self.internal("").is_dir() {
            return Ok(());
        }
        Err(WarehouseError::NotThere { path: self.root.clone() })
    }

    /// Numbers of the snapshots that are there, ascending.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn snapshots(&self) -> Result<Vec<u64>, DiskError> {
        let folder = self.internal("snapshots");
        let entries = if_there(list_folder(&folder))?.unwrap_or_default();
        let names = entries.iter().filter_map(|path| path.file_name()?.to_str());
        let mut numbers: Vec<u64> = names.filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The number of the snapshot that readers see; `None` before the first.
    ///
    /// # Errors
    /// [`WarehouseError`] if `tables` points elsewhere.
    pub fn current(&self) -> Result<Option<u64>, WarehouseError> {
        let tables = self.tables();
        let target = match std::fs::read_link(&tables) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            target => target.at("read the link", &tables)?,
        };
        let number =
            target.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse().ok());
        number.map(Some).ok_or_else(|| WarehouseError::Damaged {
            path: tables,
            message: format!("points at {}, which is no snapshot", target.display()),
        })
    }

    /// The manifest of the snapshot that readers see.
    ///
    /// # Errors
    /// [`WarehouseError::Empty`] before the first snapshot; see also [`read_manifest`].
    pub fn current_manifest(&self) -> Result<Manifest, WarehouseError> {
        match self.current()? {
            Some(number) => read_manifest(&self.snapshot(number)),
            None => Err(WarehouseError::Empty { path: self.root.clone() }),
        }
    }

    /// Points `tables` at a snapshot, in one step.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn swap_current(&self, number: u64) -> Result<(), DiskError> {
        let new = self.internal("tables.new");
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).at("remove", &new)?
            }
            _ => {}
        }
        let target = format!("internal/snapshots/{number:06}/tables");
        symlink(&target, &new).at("link", &new)?;
        rename(&new, &self.tables())
    }
}
