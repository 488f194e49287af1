//! A folder of pages. It is written next to the place where it is to be, and takes it when it is complete,
//! so that who reads the previous pages meanwhile never sees half of the new ones.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};

use crate::disk::durable::{DiskError, IoContext as _, make_folder, remove_tree, rename_unsynced};

/// Says that a folder is one of ours, which may be replaced.
const MARK: &str = "streamledger-report.txt";

const MARK_TEXT: &str =
    "Pages made by `streamledger report`. The next run replaces the whole folder.\n";

/// Pages cannot be put where they are to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// The place has no name of its own.
    #[error("`{}` is no name of a folder: give another --out", .0.display())]
    Unnamed(PathBuf),
    /// Something else is there.
    #[error(
        "{} is there already and holds no pages of this program, so it is left as it is: give \
         another --out, or move it away", .0.display()
    )]
    Foreign(PathBuf),
    /// Another run is at it.
    #[error("another run is writing pages next to {}: wait for it", .0.display())]
    Busy(PathBuf),
    /// A step on the disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A folder of pages in the making.
#[derive(Debug)]
pub struct StaticSite {
    place: PathBuf,
    making: PathBuf,
    /// The folder around it, held so that no other run writes the same pages.
    _around: File,
}

impl StaticSite {
    /// Begins one that is to be at a place, with folders of these names.
    ///
    /// # Errors
    /// [`SiteError`] if something else is there already, another run is at it, or nothing can be written.
    pub fn begin(place: &Path, folders: &[&str]) -> Result<Self, SiteError> {
        let name = place.file_name().ok_or_else(|| SiteError::Unnamed(place.to_owned()))?;
        let is_empty =
            |folder: &Path| std::fs::read_dir(folder).is_ok_and(|mut d| d.next().is_none());
        if place.exists() && !place.join(MARK).is_file() && !is_empty(place) {
            return Err(SiteError::Foreign(place.to_owned()));
        }
        let around = match place.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        make_folder(around)?;
        let held = File::open(around).at("open", around)?;
        flock(&held, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| SiteError::Busy(place.to_owned()))?;
        let making = place.with_file_name(format!(".{}.making", name.to_string_lossy()));
        // Left by a run that was ended.
        remove_tree(&making)?;
        make_folder(&making)?;
        folders.iter().try_for_each(|folder| make_folder(&making.join(folder)))?;
        let site = Self { place: place.to_owned(), making, _around: held };
        site.write(MARK, MARK_TEXT)?;
        Ok(site)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn write(&self, name: &str, text: &str) -> Result<(), DiskError> {
        let path = self.making.join(name);
        std::fs::write(&path, text).at("write", &path)
    }

    /// Puts the pages where they are to be.
    ///
    /// # Errors
    /// [`DiskError`] if the folder cannot be moved.
    pub fn publish(self) -> Result<(), DiskError> {
        if !self.place.exists() {
            return rename_unsynced(&self.making, &self.place);
        }
        // Both names change hands at once: there is no moment without pages.
        renameat_with(CWD, &self.making, CWD, &self.place, RenameFlags::EXCHANGE)
            .map_err(io::Error::from)
            .at("replace", &self.place)?;
        remove_tree(&self.making)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_replace_pages_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("pages");
        let first = StaticSite::begin(&place, &["tracks"]).unwrap();
        first.write("index.html", "one").unwrap();
        assert!(!place.exists(), "not before it is complete");
        first.publish().unwrap();
        let second = StaticSite::begin(&place, &["tracks"]).unwrap();
        let error = StaticSite::begin(&place, &["tracks"]).unwrap_err().to_string();
        assert!(error.contains("another run is writing pages"), "{error}");
        second.write("other.html", "two").unwrap();
        assert_eq!(std::fs::read_to_string(place.join("index.html")).unwrap(), "one");
        second.publish().unwrap();
        assert!(!place.join("index.html").exists() && place.join("other.html").exists());
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left next to it"
        );

        let other = folder.path().join("photos");
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join("cat.jpg"), "cat").unwrap();
        let error = StaticSite::begin(&other, &[]).unwrap_err().to_string();
        assert!(error.contains("photos is there already"), "{error}");
        assert!(StaticSite::begin(Path::new("/"), &[]).is_err());
    }
}
