//! Steps that survive a crash: files and folders are synced before anything points at them.
//!
//! Every step fails with what was being done and to which path; a failed sync is never tried again,
//! since the kernel may have dropped the data with the first failure.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use streamledger_core::numbers::exact;

use crate::disk::direct_io::DiskBuffer;

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

impl DiskError {
    /// Whether there is no such file or folder.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// Gives an I/O result its action and path.
pub trait IoContext<T> {
    /// Names what was being done to which path.
    ///
    /// # Errors
    /// The same as before, with its context.
    fn at(self, action: &'static str, path: &Path) -> Result<T, DiskError>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, DiskError> {
        self.map_err(|source| DiskError { action, path: path.to_owned(), source })
    }
}

/// Bytes that may still be written where a folder lies.
///
/// # Errors
/// [`DiskError`].
pub fn free_bytes(folder: &Path) -> Result<u64, DiskError> {
    let disk = rustix::fs::statvfs(folder).map_err(io::Error::from);
    let disk = disk.at("look at the disk of", folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Opens a file for reading, but no link and no pipe: what lies in an inbox may be swapped for another
/// thing after it was looked at.
///
/// # Errors
/// If it cannot be opened or is none; see [`is_no_file`].
pub fn open_file(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = exact::<i32>(flags.bits());
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
}

/// Whether [`open_file`] failed because there is another thing than a file.
#[must_use]
pub fn is_no_file(error: &io::Error) -> bool {
    let is_link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    is_link || error.kind() == io::ErrorKind::InvalidInput
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
    file.write_all(bytes).at("write", path)?;
    file.sync_all().at("sync", path)
}

/// Begins a new file that is written piece by piece and never synced: a run that was interrupted does not
/// go on with it.
///
/// # Errors
/// [`DiskError`], also if the file is there already.
pub fn create_unsynced(path: &Path) -> Result<BufWriter<File>, DiskError> {
    Ok(BufWriter::new(File::create_new(path).at("create", path)?))
}

/// Appends to a file that is never synced; makes it, if it is not there.
///
/// # Errors
/// [`DiskError`].
pub fn append_unsynced(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let mut file = File::options().create(true).append(true).open(path).at("open", path)?;
    file.write_all(bytes).at("write", path)
}

/// Bytes that are copied at once.
pub(crate) const COPY_BYTES: usize = 1 << 20;

/// Copies a file to a new one and syncs it; see [`copy_unsynced`].
///
/// # Errors
/// [`DiskError`], also if there is a file already.
pub fn copy_new(from: &Path, to: &Path) -> Result<(), DiskError> {
    copy_unsynced(from, to)?;
    sync(to)
}

/// Copies a file to a new one, which must be synced before it is relied on. The copy is written past the
/// page cache where the file system can: nobody reads it soon, and filling the cache takes longer than
/// writing to the disk. Only the owner can read it.
///
/// # Errors
/// [`DiskError`], also if there is a file already.
pub fn copy_unsynced(from: &Path, to: &Path) -> Result<(), DiskError> {
    let direct = exact::<i32>(rustix::fs::OFlags::DIRECT.bits());
    match copy_with(from, to, direct) {
        // The file system does not know such writes.
        Err(error) if error.source.kind() == io::ErrorKind::InvalidInput => {
            remove_file(to)?;
            copy_with(from, to, 0)
        }
        result => result,
    }
}

fn copy_with(from: &Path, to: &Path, flags: i32) -> Result<(), DiskError> {
    let mut source = open_file(from).at("open", from)?;
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600).custom_flags(flags);
    let mut copy = options.open(to).at("create", to)?;
    let mut buffer = DiskBuffer::new(COPY_BYTES);
    let mut length = 0;
    loop {
        buffer.clear();
        buffer.fill(&mut source).at("read", from)?;
        copy.write_all(buffer.blocks()).at("write", to)?;
        length += buffer.bytes().len() as u64;
        if !buffer.is_full() {
            break;
        }
    }
    // The last block was written whole.
    copy.set_len(length).at("write", to)
}

/// Reads until the buffer is full or the source ends; gives the number of bytes.
///
/// # Errors
/// What reading fails with; an interruption is none.
pub fn read_full(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n_bytes) => filled += n_bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Removes a file; one that is not there is none to remove.
///
/// # Errors
/// [`DiskError`].
pub fn remove_file(path: &Path) -> Result<(), DiskError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.at("remove", path),
    }
}

/// Syncs a file or folder.
///
/// # Errors
/// [`DiskError`].
pub fn sync(path: &Path) -> Result<(), DiskError> {
    File::open(path).and_then(|file| file.sync_all()).at("sync", path)
}

/// Syncs the folders above one that this run or one before it may have made, so that their names survive a
/// power cut: those on the same disk, up to the first that may not be read. A new folder is its owner's.
///
/// # Errors
/// [`DiskError`].
pub fn sync_above(folder: &Path) -> Result<(), DiskError> {
    let device = |path: &Path| std::fs::metadata(path).map(|found| found.dev());
    let folder = folder.canonicalize().at("look at", folder)?;
    let own = device(&folder).at("look at", &folder)?;
    for above in folder.ancestors().skip(1) {
        let same_disk = device(above).is_ok_and(|other| other == own);
        match File::open(above) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
            _ if !same_disk => break,
            opened => opened.and_then(|opened| opened.sync_all()).at("sync", above)?,
        }
    }
    Ok(())
}

/// Syncs every folder of a tree, the root included, and nothing else.
///
/// # Errors
/// [`DiskError`].
pub fn sync_folders(root: &Path) -> Result<(), DiskError> {
    let mut folders = vec![root.to_owned()];
    let mut n_listed = 0;
    while let Some(folder) = folders.get(n_listed).cloned() {
        n_listed += 1;
        for entry in std::fs::read_dir(&folder).at("list", &folder)? {
            let entry = entry.at("list", &folder)?;
            if entry.file_type().at("look at", &entry.path())?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    sync_all(&folders)
}

/// Files or folders that are synced at the same time.
const SYNC_THREADS: usize = 16;

/// Syncs files and folders, several at the same time.
///
/// # Errors
/// [`DiskError`].
pub fn sync_all(paths: &[PathBuf]) -> Result<(), DiskError> {
    let [first, _, ..] = paths else {
        return paths.iter().try_for_each(|path| sync(path));
    };
    // Threads of their own: they wait for the disk, which syncs many folders as fast as one.
    let share = paths.len().div_ceil(SYNC_THREADS);
    std::thread::scope(|scope| {
        let sync_share = |paths: &[PathBuf]| paths.iter().try_for_each(|path| sync(path));
        let threads: Vec<_> =
            paths.chunks(share).map(|paths| scope.spawn(move || sync_share(paths))).collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the thread panicked")).at("sync", first))
        })
    })
}

/// Syncs all that was written to the disk of a folder, by whomever.
///
/// # Errors
/// [`DiskError`].
pub fn sync_disk(folder: &Path) -> Result<(), DiskError> {
    let opened = File::open(folder).at("sync the disk of", folder)?;
    rustix::fs::syncfs(&opened).map_err(io::Error::from).at("sync the disk of", folder)
}

/// Renames, replacing what is there, and syncs the folder of the new name.
///
/// # Errors
/// [`DiskError`].
pub fn rename(from: &Path, to: &Path) -> Result<(), DiskError> {
    rename_unsynced(from, to)?;
    to.parent().map_or(Ok(()), sync)
}

/// Renames, replacing what is there. The folder of the new name must be synced before it is relied on.
///
/// # Errors
/// [`DiskError`].
pub fn rename_unsynced(from: &Path, to: &Path) -> Result<(), DiskError> {
    std::fs::rename(from, to).at("rename to", to)
}

/// Gives a file a second name.
///
/// # Errors
/// [`DiskError`], also if the name is taken.
pub fn link(from: &Path, to: &Path) -> Result<(), DiskError> {
    std::fs::hard_link(from, to).at("link", from)
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
