//! Plays that were read and not yet judged: in memory as long as they fit, else on disk.
//!
//! What goes to disk is split by listener into [`BUCKETS`], so that a date that does not fit the
//! memory is judged bucket by bucket: no rule looks at two listeners at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use streamledger_core::filter::offline_repeats::offline_plays;
use streamledger_core::model::day::{Day, Month};
use streamledger_core::model::play::{Play, PlayDictionaries, ReportPlays};
use streamledger_core::normalize::join::join_pieces;
use streamledger_storage::disk::durable::DiskError;
use streamledger_storage::disk::spill::{PlayBlockReader, PlayBlockWriter};

/// Buckets of listeners. A date is judged in shares of whole buckets.
pub const BUCKETS: usize = 256;

/// Plays of one report and date.
#[derive(Debug)]
pub enum SpillablePlays {
    /// In memory.
    Memory(ReportPlays),
    /// On disk, a block for each bucket.
    Disk(SpilledPiece),
}

/// Plays of a report of one counted date.
#[derive(Debug, Default)]
pub struct ReportDay {
    /// The plays, in order.
    pub segments: Vec<SpillablePlays>,
    /// Months in which all plays of the date were listened to, those too that are not kept.
    pub listened_months: BTreeSet<Month>,
}

/// Plays of a report by counted date.
pub type ReportDays = BTreeMap<Day, ReportDay>;

/// Where the blocks of a piece lie.
#[derive(Debug)]
pub struct SpilledPiece {
    path: Arc<PathBuf>,
    /// Start of each bucket's block, and the end of the last.
    offsets: Vec<u64>,
    n_rows: usize,
}

/// Keeps plays within a number of bytes.
#[derive(Debug)]
pub struct PlayBuffer {
    bytes_max: usize,
    bytes: AtomicUsize,
    folder: PathBuf,
    n_files: AtomicU64,
    /// Whether offline plays alone are kept, all of them in memory.
    is_of_offline_plays: bool,
}

impl PlayBuffer {
    /// Holds up to `bytes_max` in memory, the rest in files of `folder`, which must be there when
    /// the first of them is written.
    #[must_use]
    pub fn new(bytes_max: usize, folder: PathBuf) -> Self {
        Self {
            bytes_max,
            bytes: AtomicUsize::new(0),
            folder,
            n_files: AtomicU64::new(0),
            is_of_offline_plays: false,
        }
    }

    /// Keeps offline plays, in memory, and forgets all others: for a run that only plans.
    #[must_use]
    pub fn of_offline_plays() -> Self {
        Self { is_of_offline_plays: true, ..Self::new(0, PathBuf::new()) }
    }

    /// Takes a piece.
    ///
    /// # Errors
    /// [`DiskError`] if it has to go to disk and cannot.
    pub fn hold(&self, piece: ReportPlays) -> Result<SpillablePlays, DiskError> {
        if self.is_of_offline_plays {
            let report = piece.report;
            let plays = join_pieces(vec![offline_plays(piece)]);
            let (rows, words) = (vec![plays.rows], Arc::new(plays.words));
            return Ok(SpillablePlays::Memory(ReportPlays { report, rows, words }));
        }
        let bytes = piece_bytes(&piece);
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.bytes_max {
            return Ok(SpillablePlays::Memory(piece));
        }
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.spill(&piece).map(SpillablePlays::Disk)
    }

    /// Says that a piece from memory is no longer held.
    pub fn release(&self, piece: &ReportPlays) {
        self.bytes.fetch_sub(piece_bytes(piece), Ordering::Relaxed);
    }

    /// How many bytes went to disk, in files.
    #[must_use]
    pub fn n_files(&self) -> u64 {
        self.n_files.load(Ordering::Relaxed)
    }

    fn spill(&self, piece: &ReportPlays) -> Result<SpilledPiece, DiskError> {
        let number = self.n_files.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("plays-{number}"));
        let mut file = PlayBlockWriter::create(path)?;
        let mut offsets = vec![0];
        let mut n_rows = 0;
        for rows in hash_partition(piece) {
            n_rows += rows.len();
            let share = ReportPlays {
                report: piece.report,
                rows: vec![rows],
                words: Arc::clone(&piece.words),
            };
            offsets.push(file.write(&join_pieces(vec![share]))?);
        }
        Ok(SpilledPiece { path: Arc::new(file.finish()?), offsets, n_rows })
    }

    /// A file in the folder of spilled plays, for other parts of the run.
    #[must_use]
    pub fn new_path(&self, name: &str) -> PathBuf {
        let number = self.n_files.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("{name}-{number}"))
    }
}

impl SpillablePlays {
    /// Number of plays.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        match self {
            Self::Memory(piece) => count_rows(piece),
            Self::Disk(piece) => piece.n_rows,
        }
    }

    /// The plays of some buckets, as a piece of this report.
    ///
    /// # Errors
    /// [`DiskError`] if they cannot be read back.
    pub fn read_buckets(
        &self,
        buckets: &Range<usize>,
        report: [u8; 32],
    ) -> Result<Vec<ReportPlays>, DiskError> {
        match self {
            Self::Memory(piece) => Ok(vec![ReportPlays { report, ..of_buckets(piece, buckets) }]),
            Self::Disk(spilled) => spilled.read(buckets, report),
        }
    }
}

impl SpilledPiece {
    fn read(
        &self,
        buckets: &Range<usize>,
        report: [u8; 32],
    ) -> Result<Vec<ReportPlays>, DiskError> {
        let mut file = PlayBlockReader::open(&self.path, self.offsets[buckets.start])?;
        buckets
            .clone()
            .map(|_| {
                let plays = file.next_block()?;
                Ok(ReportPlays { report, rows: vec![plays.rows], words: Arc::new(plays.words) })
            })
            .collect()
    }
}

fn count_rows(piece: &ReportPlays) -> usize {
    piece.rows.iter().map(Vec::len).sum()
}

fn piece_bytes(piece: &ReportPlays) -> usize {
    count_rows(piece) * size_of::<Play>() + piece.words.size_bytes()
}

/// The bucket of a play: by its listener's hash, or by its row where there is none.
fn bucket_of(play: &Play, words: &PlayDictionaries) -> usize {
    match words.listeners.get(play.listener as usize) {
        Some(listener) => usize::from(listener.0[0]),
        None => play.row as usize % BUCKETS,
    }
}

/// The rows of a piece by bucket, in their order.
fn hash_partition(piece: &ReportPlays) -> Vec<Vec<Play>> {
    let mut counts = [0; BUCKETS];
    for play in piece.rows.iter().flatten() {
        counts[bucket_of(play, &piece.words)] += 1;
    }
    let mut buckets: Vec<Vec<Play>> = counts.into_iter().map(Vec::with_capacity).collect();
    for play in piece.rows.iter().flatten() {
        buckets[bucket_of(play, &piece.words)].push(*play);
    }
    buckets
}

fn of_buckets(piece: &ReportPlays, buckets: &Range<usize>) -> ReportPlays {
    let words = &piece.words;
    let in_share = |play: &&Play| buckets.contains(&bucket_of(play, words));
    let rows = piece.rows.iter().map(|chunk| chunk.iter().filter(in_share).copied().collect());
    ReportPlays { report: piece.report, rows: rows.collect(), words: Arc::clone(words) }
}

#[cfg(test)]
mod tests;
