//! Lists of row hashes next to the archive, by which reports are compared: sorted, in pieces with a sum
//! each, so that the beginning of a list can be trusted without its end. A list that is lost or damaged
//! is made again from the archived report.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use streamledger_core::model::day::Day;
use streamledger_core::model::play::ReportPlays;
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_core::supersede::across_formats::{RowsSay, hash_each_play};
use streamledger_core::supersede::facts::ComparedBy;
use streamledger_core::supersede::row_hash::{
    HashedAs, ROW_HASH_VERSION, RowSums, checksum, hash_lot, hash_plays,
};
use streamledger_core::supersede::row_lists::ListSize;

use crate::disk::durable::{DiskError, IoContext as _, make_folder, remove_file};
use crate::disk::file_batch::{FileAccess, FileBatch};

/// Hashes of a piece; its sum comes after them.
const PIECE: usize = (1 << 13) - 1;

/// Bytes after the last piece: version, rows, different ones, and a sum of these three.
const END_BYTES: u64 = 32;

/// Shorter lists wait in memory until they are kept.
const MEMORY_ROWS_MAX: usize = 1 << 10;

/// Fewest and most hashes of a report in memory while it is read; more go to disk, sorted.
const BUFFER_ROWS: (usize, usize) = (1 << 14, 1 << 23);

/// Where lists wait while a run goes on.
#[derive(Debug)]
pub struct RowFolder {
    /// `None`: all wait in memory, for a run that writes nothing.
    folder: Option<PathBuf>,
    n_files: AtomicU64,
    buffer_rows_max: usize,
    by: ComparedBy,
}

impl RowFolder {
    /// Long lists wait in this folder, which is made with the first one; of a report that is read so many
    /// bytes are in memory.
    #[must_use]
    pub fn new(folder: PathBuf, buffer_bytes: usize) -> Self {
        let (least, most) = BUFFER_ROWS;
        let buffer_rows_max = (buffer_bytes / size_of::<u64>()).clamp(least, most);
        let by = ComparedBy::Rows;
        Self { folder: Some(folder), n_files: AtomicU64::new(0), buffer_rows_max, by }
    }

    /// All lists wait in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::in_memory_by(ComparedBy::Rows)
    }

    /// The same, of what rows are hashed by.
    #[must_use]
    pub fn in_memory_by(by: ComparedBy) -> Self {
        Self { folder: None, n_files: AtomicU64::new(0), buffer_rows_max: usize::MAX, by }
    }

    /// A name for a new file.
    fn new_path(&self) -> Result<Option<PathBuf>, DiskError> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        make_folder(folder)?;
        let number = self.n_files.fetch_add(1, Ordering::Relaxed);
        Ok(Some(folder.join(format!("{number}.rows"))))
    }
}

/// The hashes of a report while it is read.
#[derive(Debug, Default)]
pub struct RowCollector {
    sums: RowSums,
    buffer: Vec<u64>,
    /// Sorted files.
    runs: Vec<PathBuf>,
}

/// The sorted hashes of a report.
#[derive(Debug)]
pub enum RowList {
    /// In memory.
    Memory(Vec<u64>),
    /// In a file that is synced.
    File(PathBuf),
}

impl RowCollector {
    /// Takes plays by date, and lines, pools and figures.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn push(
        &mut self,
        pieces: &[(Day, ReportPlays)],
        lots: &[SalesLot],
        (folder, store): (&RowFolder, &str),
    ) -> Result<(), DiskError> {
        let Self { sums, buffer, .. } = self;
        let how = HashedAs { store, by: folder.by };
        for (day, piece) in pieces {
            hash_plays((day.0, piece), how, sums, |hash| buffer.push(hash));
        }
        let hash = |lot: &SalesLot| {
            let (mut sums, mut hashes) = (RowSums::default(), Vec::new());
            hash_lot(lot, how, &mut sums, |hash| hashes.push(hash));
            (sums, hashes)
        };
        let hashed: Vec<(RowSums, Vec<u64>)> = lots.par_iter().with_max_len(1).map(hash).collect();
        for (of_lot, hashes) in hashed {
            sums.join(&of_lot);
            buffer.extend(hashes);
        }
        self.spill(folder)
    }

    /// Takes plays one by one, as another format may tell them.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn push_each(
        &mut self,
        pieces: &[(Day, ReportPlays)],
        say: RowsSay,
        folder: &RowFolder,
    ) -> Result<(), DiskError> {
        let Self { sums, buffer, .. } = self;
        for (day, piece) in pieces {
            hash_each_play((day.0, piece), say, sums, |hash| buffer.push(hash));
        }
        self.spill(folder)
    }

    fn spill(&mut self, folder: &RowFolder) -> Result<(), DiskError> {
        if self.buffer.len() < folder.buffer_rows_max {
            return Ok(());
        }
        if let Some(path) = folder.new_path()? {
            self.buffer.par_sort_unstable();
            let hashes = self.buffer.iter().map(|hash| Ok(*hash));
            write_list(&path, hashes).at("write", &path)?;
            self.runs.push(path);
            self.buffer.clear();
        }
        Ok(())
    }

    /// Ends the list.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn finish(self, folder: &RowFolder) -> Result<(RowSums, RowList), DiskError> {
        let Self { sums, mut buffer, runs } = self;
        buffer.par_sort_unstable();
        let is_short = runs.is_empty() && buffer.len() <= MEMORY_ROWS_MAX;
        let path = if is_short { None } else { folder.new_path()? };
        let Some(path) = path else {
            return Ok((sums, RowList::Memory(buffer)));
        };
        let mut sources: Vec<RowSource> = vec![Box::new(buffer.into_iter().map(Ok))];
        for run in &runs {
            sources.push(Box::new(HashReader::open(run).at("read", run)?));
        }
        write_list(&path, MergedRows::new(sources).at("read", &path)?).at("write", &path)?;
        runs.iter().try_for_each(|run| remove_file(run))?;
        Ok((sums, RowList::File(path)))
    }
}

impl RowList {
    /// How many hashes it has, and the hashes.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged.
    pub fn read(&self) -> io::Result<(ListSize, RowSource<'_>)> {
        match self {
            Self::Memory(list) => {
                Ok((ListSize::of(list), Box::new(list.iter().map(|hash| Ok(*hash)))))
            }
            Self::File(path) => {
                let reader = HashReader::open(path)?;
                Ok((reader.size, Box::new(reader)))
            }
        }
    }

    /// Has it kept under a name.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn keep(&self, name: &Path, batch: &mut FileBatch) -> Result<(), DiskError> {
        match self {
            Self::File(path) => {
                batch.add(path.clone(), name, true);
                Ok(())
            }
            Self::Memory(list) => {
                let mut bytes = Vec::new();
                let hashes = list.iter().map(|hash| Ok(*hash));
                write_to(&mut bytes, hashes).at("write", name)?;
                batch.write(name, &bytes, FileAccess::Usual)
            }
        }
    }
}

/// Hashes as they come.
pub type RowSource<'a> = Box<dyn Iterator<Item = io::Result<u64>> + 'a>;

/// Writes sorted hashes to a new file and syncs it.
fn write_list(path: &Path, hashes: impl Iterator<Item = io::Result<u64>>) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 16, File::create_new(path)?);
    write_to(&mut file, hashes)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

fn write_to(
    file: &mut impl Write,
    hashes: impl Iterator<Item = io::Result<u64>>,
) -> io::Result<()> {
    let mut piece = Vec::with_capacity(PIECE);
    let (mut rows, mut different, mut last) = (0_u64, 0_u64, None);
    for hash in hashes {
        let hash = hash?;
        rows += 1;
        different += u64::from(last != Some(hash));
        last = Some(hash);
        piece.push(hash);
        if piece.len() == PIECE {
            write_piece(file, &piece)?;
            piece.clear();
        }
    }
    if !piece.is_empty() {
        write_piece(file, &piece)?;
    }
    let end = [u64::from(ROW_HASH_VERSION), rows, different];
    write_piece(file, &end)
}

fn write_piece(file: &mut impl Write, hashes: &[u64]) -> io::Result<()> {
    let bytes: Vec<u8> =
        hashes.iter().chain([&checksum(hashes)]).flat_map(|hash| hash.to_le_bytes()).collect();
    file.write_all(&bytes)
}

/// Reads a file of hashes, and trusts none whose sum is wrong.
#[derive(Debug)]
struct HashReader {
    file: BufReader<File>,
    size: ListSize,
    n_left: u64,
    piece: std::vec::IntoIter<u64>,
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the list of rows is damaged")
}

impl HashReader {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let n_bytes = file.metadata()?.len();
        let end = n_bytes.checked_sub(END_BYTES).ok_or_else(damaged)?;
        file.seek(SeekFrom::Start(end))?;
        let numbers = read_piece(&mut file, 3)?;
        let [version, rows, different] = numbers[..] else {
            return Err(damaged());
        };
        let pieces = rows.div_ceil(PIECE as u64);
        let is_whole = rows.checked_add(pieces).and_then(|n| n.checked_mul(8)) == Some(end);
        if version != u64::from(ROW_HASH_VERSION) || !is_whole {
            return Err(damaged());
        }
        file.seek(SeekFrom::Start(0))?;
        let size = ListSize { rows, different };
        let piece = Vec::new().into_iter();
        Ok(Self { file: BufReader::with_capacity(1 << 16, file), size, n_left: rows, piece })
    }
}

/// Reads so many hashes and the sum after them.
fn read_piece(file: &mut impl io::Read, n_hashes: usize) -> io::Result<Vec<u64>> {
    let mut bytes = vec![0; (n_hashes + 1) * 8];
    file.read_exact(&mut bytes)?;
    let mut hashes: Vec<u64> =
        bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    let sum = hashes.pop();
    if sum != Some(checksum(&hashes)) {
        return Err(damaged());
    }
    Ok(hashes)
}

impl Iterator for HashReader {
    type Item = io::Result<u64>;

    fn next(&mut self) -> Option<io::Result<u64>> {
        if let Some(hash) = self.piece.next() {
            return Some(Ok(hash));
        }
        let n_hashes = usize::try_from(self.n_left.min(PIECE as u64)).ok().filter(|n| 0 < *n)?;
        match read_piece(&mut self.file, n_hashes) {
            Ok(piece) => {
                self.n_left -= n_hashes as u64;
                self.piece = piece.into_iter();
                self.piece.next().map(Ok)
            }
            Err(error) => {
                self.n_left = 0;
                Some(Err(error))
            }
        }
    }
}

/// Sorted sources as one.
struct MergedRows<'a> {
    sources: Vec<RowSource<'a>>,
    heads: BinaryHeap<Reverse<(u64, usize)>>,
}

impl<'a> MergedRows<'a> {
    fn new(sources: Vec<RowSource<'a>>) -> io::Result<Self> {
        let mut merged = Self { sources, heads: BinaryHeap::new() };
        (0..merged.sources.len()).try_for_each(|source| merged.fetch(source))?;
        Ok(merged)
    }

    fn fetch(&mut self, source: usize) -> io::Result<()> {
        if let Some(hash) = self.sources[source].next().transpose()? {
            self.heads.push(Reverse((hash, source)));
        }
        Ok(())
    }
}

impl Iterator for MergedRows<'_> {
    type Item = io::Result<u64>;

    fn next(&mut self) -> Option<io::Result<u64>> {
        let Reverse((hash, source)) = self.heads.pop()?;
        Some(self.fetch(source).map(|()| hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn collected(folder: &RowFolder, hashes: &[u64]) -> RowList {
        let mut collector = RowCollector::default();
        for hash in hashes {
            collector.buffer.push(*hash);
            collector.spill(folder).unwrap();
        }
        collector.finish(folder).unwrap().1
    }

    fn read(list: &RowList) -> io::Result<(ListSize, Vec<u64>)> {
        let (size, hashes) = list.read()?;
        Ok((size, hashes.collect::<io::Result<_>>()?))
    }

    #[test]
    fn a_list_is_the_same_in_memory_on_disk_and_merged() {
        let root = tempfile::tempdir().unwrap();
        let hashes: Vec<u64> = (0..50_000).map(|number| spread(number / 2)).collect();
        let mut expected = hashes.clone();
        expected.sort_unstable();
        let small = RowFolder { buffer_rows_max: 7000, ..RowFolder::new(root.path().join("a"), 0) };
        let large = RowFolder::new(root.path().join("b"), usize::MAX);
        for folder in [small, large, RowFolder::in_memory()] {
            let (size, found) = read(&collected(&folder, &hashes)).unwrap();
            assert_eq!(size, ListSize { rows: 50_000, different: 25_000 });
            assert_eq!(found, expected);
        }
        // Nothing but the list is left of a merge.
        assert_eq!(std::fs::read_dir(root.path().join("a")).unwrap().count(), 1);
    }

    #[test]
    fn each_flipped_or_lost_byte_is_found() {
        let root = tempfile::tempdir().unwrap();
        let folder = RowFolder::new(root.path().join("rows"), usize::MAX);
        let hashes: Vec<u64> = (0..9000).map(spread).collect();
        let list = collected(&folder, &hashes);
        let RowList::File(path) = &list else {
            panic!("{list:?}");
        };
        let bytes = std::fs::read(path).unwrap();
        for place in [0, 8 * PIECE, 8 * PIECE + 9, bytes.len() - 30, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            std::fs::write(path, damaged).unwrap();
            assert!(read(&list).is_err(), "{place}");
        }
        for length in [0, 31, bytes.len() - 8, bytes.len() - 1] {
            std::fs::write(path, &bytes[..length]).unwrap();
            assert!(read(&list).is_err(), "{length}");
        }
    }
}
