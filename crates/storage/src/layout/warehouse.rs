//! A warehouse that a run may write to: its lock, its key, and what is left to do after a crash.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use streamledger_core::model::listener::ListenerKey;

use crate::disk::durable::{
    DiskError, IoContext as _, make_folder, remove_tree, rename, sync, sync_above,
};
use crate::layout::error::WarehouseError;
use crate::layout::ledger::Manifest;
use crate::layout::manifest::read_manifest;
use crate::layout::preview::clear_left_over;
use crate::layout::shown::{make_up_for, note_shown};
use crate::layout::warehouse_layout::WarehouseLayout;

/// A warehouse that this process may write to.
#[derive(Debug)]
pub struct Warehouse {
    /// Where everything is.
    pub places: WarehouseLayout,
    /// The current snapshot's manifest; an empty one before the first.
    pub manifest: Manifest,
    _lock: File,
}

impl Warehouse {
    /// Takes the lock, makes the folders, and finishes or clears away what a crash left behind.
    ///
    /// # Errors
    /// [`WarehouseError::Locked`] if another run holds it.
    pub fn open(root: &Path, owner: &str) -> Result<Self, WarehouseError> {
        let (places, lock) = take(root, owner)?;
        let newest = places.snapshots()?.last().copied();
        let manifest = match newest {
            Some(newest) => read_manifest(&places.snapshot(newest))?,
            None => Manifest::default(),
        };
        if let Some(newest) = newest {
            if places.current()? != Some(newest) {
                // Renamed into place, so complete; the crash came before the swap.
                tracing::info!(snapshot = newest, "finished the swap that a crash had interrupted");
                places.swap_current(newest)?;
                note_shown(&places, newest)?;
            }
            make_up_for(&places, newest)?;
        }
        Ok(Self { places, manifest, _lock: lock })
    }

    /// The same for going back to a previous state, which must be possible when the manifest of the
    /// newest one is damaged: then only its number is known, and none of its reports.
    ///
    /// # Errors
    /// [`WarehouseError::Locked`] if another run holds it.
    pub fn open_to_go_back(root: &Path, owner: &str) -> Result<Self, WarehouseError> {
        let damaged = match Self::open_existing(root, owner) {
            Err(WarehouseError::Damaged { path, message }) => (path, message),
            opened => return opened,
        };
        let (places, lock) = take(root, owner)?;
        let Some(newest) = places.snapshots()?.last().copied() else {
            return Err(WarehouseError::Empty { path: root.to_owned() });
        };
        tracing::warn!(
            path = %damaged.0.display(), why = damaged.1,
            "the newest state is damaged: reports that only it knew are ingested by the next run \
             once more, from the inbox"
        );
        let known = read_manifest(&places.snapshot(newest));
        let manifest =
            known.unwrap_or_else(|_| Manifest { snapshot: newest, ..Manifest::default() });
        Ok(Self { places, manifest, _lock: lock })
    }

    /// The same for a warehouse that must be there: a name that was mistyped makes no new one.
    ///
    /// # Errors
    /// [`WarehouseError::NotThere`] if there is none, else as [`Warehouse::open`].
    pub fn open_existing(root: &Path, owner: &str) -> Result<Self, WarehouseError> {
        WarehouseLayout::new(root).require()?;
        Self::open(root, owner)
    }

    /// Removes what a run left unfinished.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn clear_staging(&self) -> Result<(), DiskError> {
        clear_staging(&self.places)
    }

    /// The listener key: the given one, else the warehouse's own, which is
    /// made at the first run.
    ///
    /// # Errors
    /// [`WarehouseError`] if a key file does not hold 32 bytes.
    pub fn listener_key(&self, given: Option<&KeySource>) -> Result<ListenerKey, WarehouseError> {
        if let Some(given) = given {
            return given.key();
        }
        let path = self.places.own_key();
        if !path.exists() {
            let mut key = [0_u8; 32];
            let random = Path::new("/dev/urandom");
            File::open(random).and_then(|mut file| file.read_exact(&mut key)).at("read", random)?;
            let new = self.places.internal("staging/listener.key");
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&new)
                .at("create", &new)?;
            file.write_all(&key).and_then(|()| file.sync_all()).at("write", &new)?;
            rename(&new, &path)?;
        }
        read_key(&path)
    }
}

/// Makes the folders, takes the lock, and clears away what a run left unfinished.
fn take(root: &Path, owner: &str) -> Result<(WarehouseLayout, File), WarehouseError> {
    let places = WarehouseLayout::new(root);
    for name in ["archive", "bad_rows", "rows", "snapshots", "shown", "runs"] {
        make_folder(&places.internal(name))?;
    }
    // Reports hold the stores' own listener ids.
    restrict(&places.internal("archive"))?;
    let lock = take_lock(&places, owner)?;
    clear_staging(&places)?;
    clear_left_over(&places)?;
    sync(&places.internal(""))?;
    sync(root)?;
    // Nothing was shown yet, so the folders above may be new, by this run or by one that was cut off.
    if !places.tables().exists() {
        sync_above(root)?;
    }
    Ok((places, lock))
}

/// Nobody but the owner may look into a folder.
fn restrict(folder: &Path) -> Result<(), DiskError> {
    let owner_only = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(folder, owner_only).at("restrict", folder)
}

fn clear_staging(places: &WarehouseLayout) -> Result<(), DiskError> {
    let staging = places.internal("staging");
    remove_tree(&staging)?;
    make_folder(&staging)
}

/// Where the listener key comes from, if not from the warehouse.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A file of 32 bytes.
    File(PathBuf),
    /// The key itself.
    Key(ListenerKey),
}

impl KeySource {
    /// The key.
    ///
    /// # Errors
    /// [`WarehouseError`] if a key file does not hold 32 bytes.
    pub fn key(&self) -> Result<ListenerKey, WarehouseError> {
        match self {
            Self::File(path) => read_key(path).map_err(|error| {
                let cause = std::error::Error::source(&error);
                let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
                WarehouseError::WrongKey { message: format!("{error}{cause}") }
            }),
            Self::Key(key) => Ok(*key),
        }
    }
}

/// Reads a key file.
///
/// # Errors
/// [`WarehouseError`] if it does not hold 32 bytes.
pub fn read_key(path: &Path) -> Result<ListenerKey, WarehouseError> {
    let bytes = std::fs::read(path).at("read the listener key", path)?;
    let n_bytes = bytes.len();
    <[u8; 32]>::try_from(bytes).map(ListenerKey::new).map_err(|_| WarehouseError::Damaged {
        path: path.to_owned(),
        message: format!("a listener key file holds 32 bytes, this one {n_bytes}"),
    })
}

/// The kernel releases the lock when its owner dies, so no dead owner is ever in the way.
fn take_lock(places: &WarehouseLayout, owner: &str) -> Result<File, WarehouseError> {
    let path = places.internal("lock");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .at("open", &path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            file.read_to_string(&mut owner).at("read", &path)?;
            let (path, owner) = (places.root().to_owned(), owner.trim().to_owned());
            return Err(WarehouseError::Locked { path, owner });
        }
        Err(TryLockError::Error(source)) => Err(source).at("lock", &path)?,
    }
    file.set_len(0).and_then(|()| writeln!(file, "{owner}")).at("write", &path)?;
    Ok(file)
}
