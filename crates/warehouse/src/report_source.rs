//! The bytes of a report: plain, gzip (also of several members) or zstd, told by their first bytes,
//! handed on in blocks of whole lines while their hash is taken.
//!
//! A block is a quarter of a megabyte, so that it is inflated, hashed and read while it is in the
//! second-level cache. Inflating a whole report at once is faster by itself and needs memory of its
//! size.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use sha2::{Digest as _, Sha256};
use streamledger_core::ingest::inflate::WINDOW_BYTES;
use streamledger_core::ingest::inflate::gzip::GunzipReader;

use crate::durable::{At as _, DiskError, read_full};
use crate::stages::Stages;

/// Bytes of a block; a longer line makes its block longer.
const BLOCK_BYTES: usize = 256 << 10;

/// A block, and before it what matches of a packed report may be copied from.
const BUFFER_BYTES: usize = WINDOW_BYTES + BLOCK_BYTES;

/// Longest line that is read, so that a file without line ends cannot fill the memory.
const LINE_BYTES_MAX: usize = 16 << 20;

/// How a report is packed. The names are file endings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// As it is.
    Plain,
    /// gzip, one or more members.
    Gzip,
    /// zstd, one or more frames.
    Zstd,
}

impl Packing {
    /// Tells by the first bytes.
    #[must_use]
    pub fn of(first_bytes: &[u8]) -> Self {
        match first_bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain text",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The ending of an archived file.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Plain => "txt",
            Self::Gzip => "txt.gz",
            Self::Zstd => "txt.zst",
        }
    }
}

/// What a file looked like when it was found; a report whose file changes while it is read is left
/// for the next run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileState {
    /// Bytes on disk.
    pub size_bytes: u64,
    /// Time of the last change, nanoseconds since 1970.
    pub modified_ns: i64,
}

impl FileState {
    /// Looks at a file.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn of(path: &Path) -> Result<Self, DiskError> {
        let metadata = std::fs::metadata(path).at("look at", path)?;
        let modified = metadata.modified().at("look at", path)?;
        let since = modified.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        Ok(Self {
            size_bytes: metadata.len(),
            modified_ns: i64::try_from(since).unwrap_or(i64::MAX),
        })
    }
}

/// How reading a report ended.
#[derive(Debug)]
pub enum End {
    /// All of it was read.
    Whole {
        /// SHA-256 of the uncompressed bytes.
        hash: [u8; 32],
        /// How it is packed.
        packing: Packing,
    },
    /// It cannot be unpacked.
    Corrupt {
        /// SHA-256 of the bytes as they came.
        hash: [u8; 32],
        /// What the decoder said.
        detail: String,
    },
    /// The file changed while it was read.
    Growing,
}

/// Whether unpacking runs beside reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// In one thread: where there is a report for every thread, each block stays in one core's cache.
    Alone,
    /// Unpacking and hashing in a thread of their own: where threads would be idle otherwise.
    Beside,
}

/// Blocks that may wait between unpacking and reading.
const BLOCKS_WAITING: usize = 8;

/// Reads a file through, calling `take` with each block of whole lines (the last one may lack its
/// line end).
///
/// # Errors
/// [`DiskError`] if the file itself cannot be read; what is wrong inside it is an [`End`].
pub fn read_through(
    path: &Path,
    pace: Pace,
    stages: &Stages,
    mut take: impl FnMut(&[u8]),
) -> Result<End, DiskError> {
    let before = FileState::of(path)?;
    let failed = AtomicBool::new(false);
    let file = File::open(path).at("open", path)?;
    let watched = Watched { file, failed: &failed, stages };
    let mut source = BufReader::with_capacity(BLOCK_BYTES, watched);
    let packing = Packing::of(source.fill_buf().at("read", path)?);
    let result = match pace {
        Pace::Alone => unpack(source, packing, stages, |block| stages.parse.time(|| take(block))),
        Pace::Beside => unpack_beside(source, packing, stages, take),
    };
    if FileState::of(path)? != before {
        return Ok(End::Growing);
    }
    match result {
        Ok(hash) => Ok(End::Whole { hash, packing }),
        Err(error) if failed.load(Ordering::Relaxed) => Err(error).at("read", path),
        Err(error) => Ok(End::Corrupt { hash: hash_as_is(path)?, detail: error.to_string() }),
    }
}

/// SHA-256 of a file's bytes as they are.
///
/// # Errors
/// [`DiskError`].
pub fn hash_as_is(path: &Path) -> Result<[u8; 32], DiskError> {
    let mut file = File::open(path).at("open", path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; BLOCK_BYTES];
    loop {
        match file.read(&mut buffer).at("read", path)? {
            0 => return Ok(hasher.finalize().into()),
            n_bytes => hasher.update(&buffer[..n_bytes]),
        }
    }
}

/// Tells failures of the disk from failures of the decoder above it.
struct Watched<'a> {
    file: File,
    failed: &'a AtomicBool,
    stages: &'a Stages,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let start = Instant::now();
        let result = self.file.read(buffer);
        self.stages.read.add(start.elapsed());
        if let Err(error) = &result {
            self.failed.fetch_or(error.kind() != io::ErrorKind::Interrupted, Ordering::Relaxed);
        }
        result
    }
}

/// Unpacks in a thread of its own; `take` runs in this one.
fn unpack_beside(
    source: impl BufRead + Send,
    packing: Packing,
    stages: &Stages,
    mut take: impl FnMut(&[u8]),
) -> io::Result<[u8; 32]> {
    let (full, blocks) = std::sync::mpsc::sync_channel::<Vec<u8>>(BLOCKS_WAITING);
    let (empty, used) = std::sync::mpsc::channel::<Vec<u8>>();
    std::thread::scope(|scope| {
        let unpacking = scope.spawn(move || {
            unpack(source, packing, stages, |block| {
                let mut copy = used.try_recv().unwrap_or_default();
                copy.clear();
                copy.extend_from_slice(block);
                // Fails only where the reading side has panicked, which ends both.
                drop(full.send(copy));
            })
        });
        for block in blocks {
            stages.parse.time(|| take(&block));
            drop(empty.send(block));
        }
        unpacking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn unpack(
    source: impl BufRead,
    packing: Packing,
    stages: &Stages,
    mut take: impl FnMut(&[u8]),
) -> io::Result<[u8; 32]> {
    match packing {
        Packing::Plain => pump(Unpacked(source), stages, &mut take),
        Packing::Gzip => pump(GunzipReader::new(source), stages, &mut take),
        Packing::Zstd => zstd::stream::read::Decoder::with_buffer(source)
            .and_then(|decoder| pump(Unpacked(decoder), stages, &mut take)),
    }
}

/// Where the bytes of a report come from.
trait Source {
    /// Fills the buffer from `end` on until it is full or the report ends; returns the new end. The
    /// bytes before `end`, of which there are [`WINDOW_BYTES`] or all, are those that came before.
    fn fill(&mut self, buffer: &mut [u8], end: usize) -> io::Result<usize>;
}

/// A source that needs nothing of what it gave before.
struct Unpacked<R>(R);

impl<R: Read> Source for Unpacked<R> {
    fn fill(&mut self, buffer: &mut [u8], end: usize) -> io::Result<usize> {
        Ok(end + read_full(&mut self.0, &mut buffer[end..])?)
    }
}

impl<R: BufRead> Source for GunzipReader<R> {
    fn fill(&mut self, buffer: &mut [u8], mut end: usize) -> io::Result<usize> {
        self.read_into(buffer, &mut end)?;
        Ok(end)
    }
}

/// Hands on blocks of whole lines; returns the hash of all bytes.
fn pump(
    mut source: impl Source,
    stages: &Stages,
    mut take: &mut impl FnMut(&[u8]),
) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    // Where the line starts that was not handed on yet, and where the bytes end.
    let (mut start, mut end) = (0, 0);
    loop {
        let before = end;
        let begun = Instant::now();
        end = source.fill(&mut buffer, end)?;
        stages.inflate.add(begun.elapsed());
        let begun = Instant::now();
        hasher.update(&buffer[before..end]);
        stages.hash.add(begun.elapsed());
        if let Some(feed) = memchr::memrchr(b'\n', &buffer[before..end]) {
            let next = before + feed + 1;
            in_blocks(&buffer[start..next], &mut take);
            start = next;
        }
        if end < buffer.len() {
            if start < end {
                take(&buffer[start..end]);
            }
            return Ok(hasher.finalize().into());
        }
        if LINE_BYTES_MAX <= end - start {
            return Err(io::Error::other("a line is longer than 16 MiB"));
        }
        // What was begun of a line, and what matches may still be copied from, moves to the front.
        let keep = start.min(end - WINDOW_BYTES);
        buffer.copy_within(keep..end, 0);
        (start, end) = (start - keep, end - keep);
        // A long line makes the buffer larger; later blocks are of the usual size again.
        let is_long = BLOCK_BYTES / 2 < end - start;
        let larger = (2 * end).min(WINDOW_BYTES + LINE_BYTES_MAX);
        buffer.resize(if is_long { larger } else { BUFFER_BYTES }, 0);
    }
}

/// Hands on whole lines in blocks of the usual size, also where a long line made the buffer larger.
fn in_blocks(mut lines: &[u8], take: &mut impl FnMut(&[u8])) {
    while BLOCK_BYTES < lines.len() {
        let before = memchr::memrchr(b'\n', &lines[..BLOCK_BYTES]);
        let feed = before.or_else(|| memchr::memchr(b'\n', lines)).unwrap_or(lines.len() - 1);
        let (block, rest) = lines.split_at(feed + 1);
        take(block);
        lines = rest;
    }
    if !lines.is_empty() {
        take(lines);
    }
}

#[cfg(test)]
mod tests;
