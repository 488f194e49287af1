//! Site: the folder of the pages. It is written beside the place where it is to be, and takes it when it
//! is complete, so that who reads the former pages meanwhile never sees half of the new ones.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};

/// Says that a folder is one of ours, which may be replaced.
const MARK: &str = "streamledger-report.txt";

const MARK_TEXT: &str =
    "Pages made by `streamledger report`. The next run replaces the whole folder.\n";

/// A folder of pages in the making.
#[derive(Debug)]
pub(crate) struct StaticSite {
    place: PathBuf,
    making: PathBuf,
    /// The folder around it, held so that no other run writes the same pages.
    _around: fs_err::File,
}

impl StaticSite {
    /// Begins one that is to be at a place.
    ///
    /// # Errors
    /// If something else is there already, another run is at it, or nothing can be written.
    pub(crate) fn begin(place: &Path) -> anyhow::Result<Self> {
        let name = place.file_name().with_context(|| {
            format!("`{}` is no name of a folder: give another --out", place.display())
        })?;
        let is_empty =
            |folder: &Path| fs_err::read_dir(folder).is_ok_and(|mut d| d.next().is_none());
        if place.exists() && !place.join(MARK).is_file() && !is_empty(place) {
            bail!(
                "{} is there already and holds no pages of this program, so it is left as it is: give \
                 another --out, or move it away",
                place.display()
            );
        }
        let around = match place.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        fs_err::create_dir_all(around)?;
        let around = fs_err::File::open(around)?;
        flock(&around, FlockOperation::NonBlockingLockExclusive).with_context(|| {
            format!("another run is writing pages beside {}: wait for it", place.display())
        })?;
        let making = place.with_file_name(format!(".{}.making", name.to_string_lossy()));
        // Left by a run that was ended.
        if making.exists() {
            fs_err::remove_dir_all(&making)?;
        }
        for folder in ["artists", "tracks", "search"] {
            fs_err::create_dir_all(making.join(folder))?;
        }
        fs_err::write(making.join(MARK), MARK_TEXT)?;
        Ok(Self { place: place.to_owned(), making, _around: around })
    }

    /// Writes a file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        Ok(fs_err::write(self.making.join(name), text)?)
    }

    /// Puts the pages where they are to be.
    ///
    /// # Errors
    /// If the folder cannot be moved.
    pub(crate) fn publish(self) -> anyhow::Result<()> {
        if !self.place.exists() {
            return Ok(fs_err::rename(&self.making, &self.place)?);
        }
        // Both names change hands at once: there is no moment without pages.
        renameat_with(CWD, &self.making, CWD, &self.place, RenameFlags::EXCHANGE)
            .with_context(|| format!("cannot replace {}", self.place.display()))?;
        Ok(fs_err::remove_dir_all(&self.making)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_replace_pages_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("pages");
        let first = StaticSite::begin(&place).unwrap();
        first.write("index.html", "one").unwrap();
        assert!(!place.exists(), "not before it is complete");
        first.publish().unwrap();
        let second = StaticSite::begin(&place).unwrap();
        let error = StaticSite::begin(&place).unwrap_err().to_string();
        assert!(error.contains("another run is writing pages"), "{error}");
        second.write("other.html", "two").unwrap();
        assert_eq!(fs_err::read_to_string(place.join("index.html")).unwrap(), "one");
        second.publish().unwrap();
        assert!(!place.join("index.html").exists() && place.join("other.html").exists());
        assert_eq!(
            fs_err::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );

        let other = folder.path().join("photos");
        fs_err::create_dir(&other).unwrap();
        fs_err::write(other.join("cat.jpg"), "cat").unwrap();
        let error = StaticSite::begin(&other).unwrap_err().to_string();
        assert!(error.contains("photos is there already"), "{error}");
        assert!(StaticSite::begin(Path::new("/")).is_err());
    }
}
