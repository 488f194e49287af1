//! The archive: every report that was ingested, by its hash. A packed report is kept as it came, plain text is
//! packed with zstd, and of a zip archive the member that is the report is.
//!
//! A copy, not a hard link: stores write over their files in place, and a link would change with them,
//! so that a month could not be built again. Whoever reads from the archive checks the hash.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use crate::disk::disk_queue::DiskQueue;
use crate::disk::durable::{
    DiskError, IoContext as _, copy_unsynced, open_file, read_full, remove_file, sync,
};
use crate::disk::file_batch::FileBatch;
use crate::layout::warehouse_layout::WarehouseLayout;
use crate::source::report_source::{FileState, ReportPacking, unpacked_member};

/// Level of what is packed here. Text of statements gets a ninth of its size; level 3 takes twice as long for
/// a tenth less.
const ZSTD_LEVEL: i32 = 1;

/// Name of a report in the archive, with its folder.
#[must_use]
pub fn archive_name(hash: &str, packing: ReportPacking) -> String {
    format!("{}/{hash}.{}", &hash[..2], packing.ending())
}

/// Path of a report in the archive.
#[must_use]
pub fn archive_path(places: &WarehouseLayout, name: &str) -> PathBuf {
    places.internal("archive").join(name)
}

/// What became of a copy to the archive.
#[derive(Debug)]
pub enum CopyOutcome {
    /// It is there.
    Whole,
    /// The file in the inbox is not what was read any more.
    Changed,
    /// The file in the inbox cannot be read any more.
    Unreadable(DiskError),
}

/// Larger copies are synced at once, while other reports are read.
const SYNCED_AT_ONCE_BYTES: u64 = 1 << 20;

/// Copies reports for the archive.
#[derive(Debug)]
pub struct ArchiveWriter {
    places: WarehouseLayout,
    batch: FileBatch,
    /// Bytes of a file that are packed at once.
    buffers: Vec<Vec<u8>>,
}

impl ArchiveWriter {
    /// Adds copies to a batch.
    #[must_use]
    pub fn new(places: &WarehouseLayout, batch: FileBatch) -> Self {
        Self { places: places.clone(), batch, buffers: Vec::new() }
    }

    /// The copies so far.
    pub fn take_batch(&mut self) -> FileBatch {
        std::mem::take(&mut self.batch)
    }

    /// Copies a report; one that is in the archive already stays. It is there when the batch is published.
    ///
    /// # Errors
    /// [`DiskError`] of the archive; what is wrong with the file in the inbox is no error.
    pub fn copy(&mut self, report: &NewReport) -> Result<CopyOutcome, DiskError> {
        let NewReport { path: from, name, .. } = report;
        let to = archive_path(&self.places, name);
        if self.batch.has(&to) {
            return Ok(CopyOutcome::Whole);
        }
        self.batch.add_folder(&self.places.internal("archive"));
        if to.exists() {
            // Whoever put it there may have been stopped before its name was safe.
            self.batch.add_folder(to.parent().unwrap_or(&to));
            return Ok(CopyOutcome::Whole);
        }
        let new = self.places.internal("staging").join(name.replace('/', "-"));
        // What an attempt that failed has left.
        remove_file(&new)?;
        match copy_as_read(report, &new, &mut self.buffers) {
            Ok(true) => {}
            Ok(false) => {
                remove_file(&new)?;
                return Ok(CopyOutcome::Changed);
            }
            Err(error) if error.path == *from => {
                remove_file(&new)?;
                return Ok(CopyOutcome::Unreadable(error));
            }
            Err(error) => return Err(error),
        }
        let length = std::fs::metadata(&new).at("look at", &new)?.len();
        let is_synced = SYNCED_AT_ONCE_BYTES <= length;
        if is_synced {
            sync(&new)?;
        }
        self.batch.add(new, &to, is_synced);
        Ok(CopyOutcome::Whole)
    }
}

/// Copies a report from the inbox to a new file; `false` if the file there has changed since it was read.
fn copy_as_read(
    report: &NewReport,
    new: &Path,
    buffers: &mut Vec<Vec<u8>>,
) -> Result<bool, DiskError> {
    let NewReport { path: from, state, member, .. } = report;
    let copied = match member {
        None => pack_or_copy(from, new, buffers),
        Some(member) => extract_new(from, member, new, buffers),
    };
    let is_same = FileState::of(from)? == *state;
    // What another file did not hold is no fault of this one.
    if is_same { copied.map(|()| true) } else { Ok(false) }
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

/// Copies a packed report as it is, and packs one that is not.
fn pack_or_copy(from: &Path, to: &Path, buffers: &mut Vec<Vec<u8>>) -> Result<(), DiskError> {
    let mut source = open_file(from).at("open", from)?;
    let mut first_bytes = [0; 4];
    let n_bytes = read_full(&mut source, &mut first_bytes).at("read", from)?;
    let first_bytes = &first_bytes[..n_bytes];
    if ReportPacking::of(first_bytes) != ReportPacking::Plain {
        return copy_unsynced(from, to);
    }
    pack_new(&mut first_bytes.chain(source), from, to, buffers)
}

/// Takes a member out of a zip archive, unpacked and packed again.
fn extract_new(
    from: &Path,
    member: &str,
    to: &Path,
    buffers: &mut Vec<Vec<u8>>,
) -> Result<(), DiskError> {
    let mut source = BufReader::new(open_file(from).at("open", from)?);
    let mut unpacked = unpacked_member(&mut source, member).at("read", from)?;
    pack_new(&mut unpacked, from, to, buffers)
}

/// Bytes of a frame of what is packed here. Frames that are packed from one piece of memory take less time than
/// one long stream, and are hardly larger.
const FRAME_BYTES: usize = 4 << 20;

/// Packs what comes from a file into a new one, as many frames at a time as there are threads.
fn pack_new(
    source: &mut impl Read,
    from: &Path,
    to: &Path,
    buffers: &mut Vec<Vec<u8>>,
) -> Result<(), DiskError> {
    let mut target = create_private(to).at("create", to)?;
    buffers.resize_with(rayon::current_num_threads(), Vec::new);
    loop {
        let mut n_filled = 0;
        for buffer in buffers.iter_mut() {
            buffer.clear();
            n_filled += 1;
            let read = source.by_ref().take(FRAME_BYTES as u64).read_to_end(buffer);
            if read.at("read", from)? < FRAME_BYTES {
                break;
            }
        }
        let pack = |buffer: &Vec<u8>| zstd::bulk::compress(buffer, ZSTD_LEVEL);
        let frames = match &buffers[..n_filled] {
            [one] => vec![pack(one)],
            several => several.par_iter().map(pack).collect(),
        };
        for frame in frames {
            target.write_all(&frame.at("write", to)?).at("write", to)?;
        }
        // A file without bytes is a frame without bytes.
        if buffers[n_filled - 1].len() < FRAME_BYTES {
            return Ok(());
        }
    }
}

/// Reports of the inbox that could not be copied as they were read, by their paths.
pub type NotCopied = Arc<Mutex<BTreeMap<PathBuf, CopyOutcome>>>;

/// Copies reports to the archive while others are still being read: the disk and the processors work
/// at the same time. What is wrong with one file of the inbox is noted and keeps no other from its copy.
pub fn archive_queue(
    archive: &Arc<Mutex<ArchiveWriter>>,
    not_copied: &NotCopied,
) -> DiskQueue<NewReport> {
    let (archive, not_copied) = (Arc::clone(archive), Arc::clone(not_copied));
    DiskQueue::new(move |report: NewReport| {
        // Nobody else asks for it before the queue is through.
        let copied = archive.lock().unwrap_or_else(PoisonError::into_inner).copy(&report)?;
        match copied {
            CopyOutcome::Whole => {}
            wrong => {
                not_copied
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(report.path, wrong);
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::durable::make_folder;

    #[test]
    fn plain_text_is_packed_and_what_is_packed_is_kept_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (root.path().join("from"), root.path().join("to"));
        let mut buffers = Vec::new();
        for text in ["", "a", "day\tunits\n", &"a line of a report\n".repeat(500_000)] {
            std::fs::write(&from, text).unwrap();
            pack_or_copy(&from, &to, &mut buffers).unwrap();
            let packed = std::fs::read(&to).unwrap();
            assert_eq!(zstd::stream::decode_all(packed.as_slice()).unwrap(), text.as_bytes());
            std::fs::remove_file(&to).unwrap();
        }
        let packed = zstd::stream::encode_all(&b"a report"[..], 9).unwrap();
        for bytes in [packed.as_slice(), b"\x1f\x8b rest"] {
            std::fs::write(&from, bytes).unwrap();
            pack_or_copy(&from, &to, &mut buffers).unwrap();
            assert_eq!(std::fs::read(&to).unwrap(), bytes);
            std::fs::remove_file(&to).unwrap();
        }
    }

    #[test]
    fn whoever_gives_up_leaves_no_copy_in_the_making() {
        let root = tempfile::tempdir().unwrap();
        let places = WarehouseLayout::new(root.path());
        make_folder(&places.internal("archive")).unwrap();
        make_folder(&places.internal("staging")).unwrap();
        let path = root.path().join("report");
        std::fs::write(&path, vec![b'x'; 8 << 20]).unwrap();
        let batch = FileBatch::new(&places.internal("staging"));
        let archive = Arc::new(Mutex::new(ArchiveWriter::new(&places, batch)));
        let archiver = archive_queue(&archive, &NotCopied::default());
        let names: Vec<String> = (0..4).map(|number| format!("ab/ab{number}.txt.zst")).collect();
        for name in &names {
            let (state, member) = (FileState::of(&path).unwrap(), None);
            archiver.add(NewReport { path: path.clone(), state, name: name.clone(), member });
        }
        drop(archiver);
        archive.lock().unwrap().take_batch().publish().unwrap();
        assert!(names.iter().all(|name| archive_path(&places, name).exists()));
        assert_eq!(std::fs::read_dir(places.internal("staging")).unwrap().count(), 0);
    }
}
