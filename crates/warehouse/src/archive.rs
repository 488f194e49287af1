//! The archive: every report that was taken in, by its hash, as it came.
//!
//! A copy, not a hard link: stores write over their files in place, and a link would change with them,
//! so that a month could not be built again. Whoever reads from the archive checks the hash.

use std::path::{Path, PathBuf};

use crate::durable::{At as _, DiskError, copy_new, make_folder, remove_file, rename, sync};
use crate::report_source::{FileState, Packing};
use crate::warehouse::Places;

/// Name of a report in the archive, with its folder.
#[must_use]
pub fn archive_name(hash: &str, packing: Packing) -> String {
    format!("{}/{hash}.{}", &hash[..2], packing.ending())
}

/// Path of a report in the archive.
#[must_use]
pub fn archive_path(places: &Places, name: &str) -> PathBuf {
    places.internal("archive").join(name)
}

/// Puts a report into the archive and syncs it; one that is there already stays. `state` is how the
/// file looked when it was read.
///
/// # Errors
/// [`DiskError`].
pub fn archive_report(
    places: &Places,
    from: &Path,
    state: FileState,
    name: &str,
) -> Result<(), DiskError> {
    let to = archive_path(places, name);
    if to.exists() {
        return Ok(());
    }
    let folder = to.parent().unwrap_or(&to).to_owned();
    make_folder(&folder)?;
    let new = places.internal("staging").join(name.replace('/', "-"));
    // What an attempt that failed has left.
    remove_file(&new)?;
    copy_new(from, &new)?;
    if FileState::of(from)? != state {
        let error = std::io::Error::other("it changed after it was read; run again");
        return Err(error).at("copy to the archive", from);
    }
    rename(&new, &to)?;
    sync(&places.internal("archive"))
}

/// Copies reports to the archive while others are still being read: the disk and the processors work
/// at the same time.
#[derive(Debug)]
pub struct Archiver {
    queue: std::sync::mpsc::Sender<(PathBuf, FileState, String)>,
    thread: std::thread::JoinHandle<()>,
}

impl Archiver {
    /// Starts the thread.
    #[must_use]
    pub fn start(places: &Places) -> Self {
        let places = places.clone();
        let (queue, reports) = std::sync::mpsc::channel::<(PathBuf, FileState, String)>();
        let thread = std::thread::spawn(move || {
            for (path, state, name) in reports {
                // What fails here is tried again, and reported, before anything is published.
                drop(archive_report(&places, &path, state, &name));
            }
        });
        Self { queue, thread }
    }

    /// Copies a report soon.
    pub fn add(&self, path: &Path, state: FileState, name: String) {
        drop(self.queue.send((path.to_owned(), state, name)));
    }

    /// Waits until all are copied.
    pub fn finish(self) {
        drop(self.queue);
        drop(self.thread.join());
    }
}
