//! The archive: every report that was taken in, by its hash, as it came; of a zip archive the member
//! that is the report.
//!
//! A copy, not a hard link: stores write over their files in place, and a link would change with them,
//! so that a month could not be built again. Whoever reads from the archive checks the hash.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::disk_queue::DiskQueue;
use crate::durable::{
    At as _, DiskError, copy_new, make_folder, open_file, remove_file, rename, sync,
};
use crate::report_source::{FileState, Packing, unpacked};
use crate::warehouse::Places;

/// Level of what is packed anew.
const ZSTD_LEVEL: i32 = 3;

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

/// Puts a report into the archive and syncs it; one that is there already stays.
///
/// # Errors
/// [`DiskError`].
pub fn archive_report(places: &Places, report: &NewReport) -> Result<(), DiskError> {
    let NewReport { path: from, state, name, member } = report;
    let to = archive_path(places, name);
    let folder = to.parent().unwrap_or(&to).to_owned();
    if to.exists() {
        // Whoever put it there may have been stopped before its name was safe.
        sync(&folder)?;
        return sync(&places.internal("archive"));
    }
    make_folder(&folder)?;
    let new = places.internal("staging").join(name.replace('/', "-"));
    // What an attempt that failed has left.
    remove_file(&new)?;
    match member {
        None => copy_new(from, &new)?,
        Some(member) => extract_new(from, member, &new)?,
    }
    if FileState::of(from)? != *state {
        let error = std::io::Error::other("it changed after it was read; run again");
        return Err(error).at("copy to the archive", from);
    }
    rename(&new, &to)?;
    sync(&places.internal("archive"))
}

/// A report that is to be put into the archive.
#[derive(Debug, Clone)]
pub struct NewReport {
    /// Where it lies.
    pub path: PathBuf,
    /// How the file looked when it was read.
    pub state: FileState,
    /// Name in the archive.
    pub name: String,
    /// The member that is the report, of a zip archive.
    pub member: Option<String>,
}

/// A new file that only the owner can read.
fn create_private(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Takes a member out of a zip archive, unpacked and packed again.
fn extract_new(from: &Path, member: &str, to: &Path) -> Result<(), DiskError> {
    let source = open_file(from).at("open", from)?;
    let extract = || -> std::io::Result<()> {
        let mut archive = zip::ZipArchive::new(std::io::BufReader::new(source))?;
        let member = std::io::BufReader::new(archive.by_name(member)?);
        let mut unpacked = unpacked(member)?;
        let target = create_private(to)?;
        let mut encoder = zstd::stream::write::Encoder::new(target, ZSTD_LEVEL)?;
        std::io::copy(&mut unpacked, &mut encoder)?;
        encoder.finish()?.sync_all()
    };
    extract().at("copy to the archive", from)
}

/// Copies reports to the archive while others are still being read: the disk and the processors work
/// at the same time.
pub(crate) fn archive_queue(places: &Places) -> DiskQueue<NewReport> {
    let places = places.clone();
    DiskQueue::new(move |report| archive_report(&places, &report))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_gives_up_leaves_no_copy_in_the_making() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::new(root.path());
        make_folder(&places.internal("archive")).unwrap();
        make_folder(&places.internal("staging")).unwrap();
        let path = root.path().join("report");
        std::fs::write(&path, vec![b'x'; 8 << 20]).unwrap();
        let archiver = archive_queue(&places);
        let names: Vec<String> = (0..4).map(|number| format!("ab/ab{number}.txt")).collect();
        for name in &names {
            let (state, member) = (FileState::of(&path).unwrap(), None);
            archiver.add(NewReport { path: path.clone(), state, name: name.clone(), member });
        }
        drop(archiver);
        assert!(names.iter().all(|name| archive_path(&places, name).exists()));
        assert_eq!(std::fs::read_dir(places.internal("staging")).unwrap().count(), 0);
    }
}
