//! A warehouse on disk: its places, its lock, its key, the current snapshot, and what is left to do
//! after a crash.
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
//! A snapshot is complete before it gets its name under `snapshots`; that rename decides. The flip of
//! `tables` follows, and is made up for at the next start if a crash came between.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use streamledger_core::vocabulary::listener::ListenerKey;

use crate::durable::{
    At as _, DiskError, make_folder, remove_tree, rename, sync, sync_above, write_new,
};
use crate::ledger::{MANIFEST_VERSION, Manifest};
use crate::preview::clear_left_over;
use crate::shown::{make_up_for, note_shown};

/// Something about a warehouse that stops a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WarehouseError {
    /// A step on the disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Another run holds the lock.
    #[error("another run holds the warehouse {}: {owner}", .path.display())]
    Locked {
        /// The warehouse.
        path: PathBuf,
        /// What the lock file says of the other run.
        owner: String,
    },
    /// There is no warehouse.
    #[error(
        "{} is no warehouse: there is no folder `internal` in it; look at --warehouse (a first \
         `streamledger nightly` makes a warehouse)", .path.display()
    )]
    NotThere {
        /// What was taken for one.
        path: PathBuf,
    },
    /// There is no snapshot yet.
    #[error("{} has no published tables yet; `streamledger nightly` makes them", .path.display())]
    Empty {
        /// The warehouse.
        path: PathBuf,
    },
    /// What was given as the listener key is none.
    #[error("{message}")]
    WrongKey {
        /// Which file, and what is wrong with it.
        message: String,
    },
    /// The warehouse was written by another version of the program.
    #[error("{} {message}", .path.display())]
    OtherVersion {
        /// Which file.
        path: PathBuf,
        /// Which version, and what to do.
        message: String,
    },
    /// A file of the warehouse is not what was written.
    #[error("{}: {message}", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what to do.
        message: String,
    },
}

/// The places of a warehouse.
#[derive(Debug, Clone)]
pub struct Places {
    root: PathBuf,
}

impl Places {
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
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.at("list", &folder)?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.at("list", &folder)?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
        }
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
    pub fn flip(&self, number: u64) -> Result<(), DiskError> {
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

/// A warehouse that this process may write to.
#[derive(Debug)]
pub struct Warehouse {
    /// Where everything is.
    pub places: Places,
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
                // Renamed into place, so complete; the crash came before the flip.
                tracing::info!(snapshot = newest, "finished the flip that a crash had interrupted");
                places.flip(newest)?;
                note_shown(&places, newest)?;
            }
            make_up_for(&places, newest)?;
        }
        Ok(Self { places, manifest, _lock: lock })
    }

    /// The same for going back to a former state, which must be possible when the manifest of the
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
            "the newest state is damaged: reports that only it knew are taken in by the next night \
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
        Places::new(root).require()?;
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
fn take(root: &Path, owner: &str) -> Result<(Places, File), WarehouseError> {
    let places = Places::new(root);
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

fn clear_staging(places: &Places) -> Result<(), DiskError> {
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

/// The kernel releases the lock when its holder dies, so no dead owner is ever in the way.
fn take_lock(places: &Places, owner: &str) -> Result<File, WarehouseError> {
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
            let (path, owner) = (places.root.clone(), owner.trim().to_owned());
            return Err(WarehouseError::Locked { path, owner });
        }
        Err(TryLockError::Error(source)) => Err(source).at("lock", &path)?,
    }
    file.set_len(0).and_then(|()| writeln!(file, "{owner}")).at("write", &path)?;
    Ok(file)
}

/// Name of the manifest in a snapshot's folder.
pub const MANIFEST: &str = "manifest.json";
/// Name of the file with the manifest's own BLAKE3.
pub const MANIFEST_SUM: &str = "manifest.blake3";

/// Reads a snapshot's manifest and holds it against its checksum.
///
/// # Errors
/// [`WarehouseError::Damaged`] if it is not what was written.
pub fn read_manifest(snapshot: &Path) -> Result<Manifest, WarehouseError> {
    let path = snapshot.join(MANIFEST);
    refuse_other_version(snapshot, &path)?;
    let damaged = |message: String| WarehouseError::Damaged { path: path.clone(), message };
    let advice = "`streamledger snapshots list` shows former states, and `rollback` publishes one of \
                  them again";
    let read = |file: &str| match std::fs::read(snapshot.join(file)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(damaged(format!("{file} is missing; {advice}")))
        }
        bytes => Ok(bytes.at("read", &snapshot.join(file))?),
    };
    let (bytes, sum) = (read(MANIFEST)?, read(MANIFEST_SUM)?);
    if sum != format!("{}\n", blake3::hash(&bytes).to_hex()).into_bytes() {
        return Err(damaged(format!("differs from its checksum in manifest.blake3; {advice}")));
    }
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| damaged(format!("is no manifest: {error}")))?;
    let number = snapshot.file_name().and_then(|name| name.to_str()?.parse::<u64>().ok());
    if number.is_some_and(|number| number != manifest.snapshot) {
        return Err(damaged(format!(
            "is the manifest of snapshot {}: its folder was copied or renamed; move the folder away, or \
             {advice}",
            manifest.snapshot
        )));
    }
    Ok(manifest)
}

/// Name of the checksum beside manifests of schema version 1.
const MANIFEST_SUM_OF_VERSION_1: &str = "manifest.sha256";

/// Tells a manifest of another version from a damaged one, before it is held against its checksum.
fn refuse_other_version(snapshot: &Path, path: &Path) -> Result<(), WarehouseError> {
    #[derive(serde::Deserialize)]
    struct Version {
        manifest_version: u32,
    }
    if snapshot.join(MANIFEST_SUM).exists() || !snapshot.join(MANIFEST_SUM_OF_VERSION_1).exists() {
        let bytes = match std::fs::read(path) {
            // What is missing is told by whoever reads it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            bytes => bytes.at("read", path)?,
        };
        let version = serde_json::from_slice::<Version>(&bytes).map(|read| read.manifest_version);
        // What cannot be read is told by the checksum.
        return match version {
            Ok(version) if MANIFEST_VERSION < version => Err(WarehouseError::OtherVersion {
                path: path.to_owned(),
                message: format!(
                    "was written by a later version of streamledger (manifest version {version}, \
                     this program knows {MANIFEST_VERSION}); use that version or a later one"
                ),
            }),
            _ => Ok(()),
        };
    }
    Err(WarehouseError::OtherVersion {
        path: path.to_owned(),
        message:
            "was written by an earlier version of streamledger (schema version 1, this program \
                  writes version 2); make a new warehouse from it: `streamledger backfill \
                  --from-archive OLD --warehouse NEW`, where OLD is this warehouse"
                .to_owned(),
    })
}

/// Writes a snapshot's manifest with its checksum.
///
/// # Errors
/// [`DiskError`].
pub fn write_manifest(snapshot: &Path, manifest: &Manifest) -> Result<(), DiskError> {
    let path = snapshot.join(MANIFEST);
    let bytes =
        serde_json::to_vec_pretty(manifest).map_err(std::io::Error::other).at("write", &path)?;
    write_new(&path, &bytes)?;
    let sum = format!("{}\n", blake3::hash(&bytes).to_hex());
    write_new(&snapshot.join(MANIFEST_SUM), sum.as_bytes())
}
