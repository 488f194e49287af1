//! The bytes of a report: plain, gzip (also of several members), zstd, or a member of a zip archive, told
//! by their first bytes, handed on in blocks of whole lines while their hash is taken.
//!
//! A block is a quarter of a megabyte, so that it is inflated, hashed and read while it is in the
//! second-level cache. Inflating a whole report at once is faster by itself and needs memory of its
//! size.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use streamledger_core::ingest::text::{LINE_BYTES_MAX, TextError, after_last_line_end, is_utf16};
use streamledger_inflate::WINDOW_BYTES;
use streamledger_inflate::gzip::GunzipReader;

use self::blocks::{in_blocks, is_bomb};

pub use self::file_state::FileState;
pub use self::packing::ReportPacking;
use self::zip_layout::read_layout;
pub(crate) use self::zip_members::ZipError;
pub use self::zip_members::{FromArchive, MemberKind, SkippedMember};
use self::zip_members::{choose, open_member};
use crate::disk::durable::{DiskError, IoContext as _, is_no_file, open_file, read_full};
use crate::disk::file_hash::hash_as_is;
use crate::disk::read_ahead::{READ_AHEAD_FROM, ReadAhead};
use crate::disk::stages::StageTimes;

mod blocks;
mod file_state;
mod packing;
mod zip_fields;
mod zip_layout;
mod zip_members;

/// Bytes of a block; a longer line makes its block longer.
pub const BLOCK_BYTES: usize = 256 << 10;

/// A block, and before it what matches of a packed report may be copied from.
const BUFFER_BYTES: usize = WINDOW_BYTES + BLOCK_BYTES;

/// How reading a report ended.
#[derive(Debug)]
pub enum SourceEnd {
    /// All of it was read.
    Whole {
        /// BLAKE3 of the uncompressed bytes.
        hash: [u8; 32],
        /// How it is packed.
        packing: ReportPacking,
        /// Of an archive: the member that is the report, and the others.
        archive: Option<FromArchive>,
    },
    /// It cannot be unpacked, or is an archive without one report in it.
    Corrupt {
        /// BLAKE3 of the bytes as they came.
        hash: [u8; 32],
        /// Code in `quarantine.reason`.
        code: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// The file changed while it was read.
    Growing,
    /// A file of the inbox cannot be read: it may not be opened, is gone, or its disk fails.
    Unreadable(DiskError),
}

/// Whether unpacking runs at the same time as reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeMode {
    /// In one thread: where there is a report for every thread, each block stays in one core's cache.
    SameThread,
    /// Unpacking and hashing in a thread of their own: where threads would be idle otherwise.
    OwnThread,
}

/// Blocks that may wait between unpacking and reading.
const BLOCKS_WAITING: usize = 8;

/// Who reads a report.
pub trait BlockReader {
    /// What a member of an archive with this name, without its folders, and these first lines is.
    fn judge(&self, member: &str, head: &[u8]) -> MemberKind;

    /// Which member of the archive is read, before its first block.
    fn begin_member(&mut self, member: &str);

    /// Takes a block of whole lines; the last one may lack its line end. Of UTF-16, whose lines are
    /// known only when it is decoded, a block ends anywhere.
    fn take(&mut self, block: &[u8]);

    /// Why no more blocks are taken; asked after each.
    fn stopped(&self) -> Option<TextError> {
        None
    }
}

/// Whoever only wants the bytes of what is no archive.
impl<F: FnMut(&[u8])> BlockReader for F {
    fn judge(&self, _: &str, _: &[u8]) -> MemberKind {
        MemberKind::Other { reason: "nobody asked what it is".to_owned() }
    }

    fn begin_member(&mut self, _: &str) {}

    fn take(&mut self, block: &[u8]) {
        self(block);
    }
}

/// A file that holds a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFile<'a> {
    /// It came a short while ago and is copied a short while after: it is read through the page cache.
    Inbox(&'a Path),
    /// Nobody has read it for long, or will soon: if it is large, it is read past the page cache.
    Archive(&'a Path),
}

impl<'a> ReportFile<'a> {
    /// Where it is.
    #[must_use]
    pub fn path(self) -> &'a Path {
        let (Self::Inbox(path) | Self::Archive(path)) = self;
        path
    }
}

/// Reads a file through and hands its blocks to the reader.
///
/// # Errors
/// [`DiskError`] if a file of the archive cannot be read; what is wrong inside a file, or with reading
/// one of the inbox, is an [`SourceEnd`].
pub fn read_through(
    file: ReportFile<'_>,
    decode_mode: DecodeMode,
    stages: &StageTimes,
    reader: &mut impl BlockReader,
) -> Result<SourceEnd, DiskError> {
    match (file, read_to_end(file, decode_mode, stages, reader)) {
        (ReportFile::Inbox(_), Err(error)) => Ok(SourceEnd::Unreadable(error)),
        (_, end) => end,
    }
}

fn read_to_end(
    file: ReportFile<'_>,
    decode_mode: DecodeMode,
    stages: &StageTimes,
    reader: &mut impl BlockReader,
) -> Result<SourceEnd, DiskError> {
    let path = file.path();
    let before = FileState::of(path)?;
    let failed = AtomicBool::new(false);
    let opened = match open_file(path) {
        // Swapped for a link after it was found: the next run passes it over.
        Err(error) if is_no_file(&error) => return Ok(SourceEnd::Growing),
        opened => opened.at("open", path)?,
    };
    let unpacking = UnpackingState { decode_mode, stages, packed_bytes: before.size_bytes };
    let is_cold = matches!(file, ReportFile::Archive(_)) && READ_AHEAD_FROM <= before.size_bytes;
    let (packing, result) = if is_cold {
        let ahead = ReadAhead::new(opened).at("read", path)?;
        let mut source = WatchedFile { inner: ahead, failed: &failed, stages };
        let packing = ReportPacking::of(source.fill_buf().at("read", path)?);
        (packing, unpacking.read(source, packing, reader).map(|hash| (hash, None)))
    } else {
        let watched = WatchedFile { inner: opened, failed: &failed, stages };
        let mut source = BufReader::with_capacity(BLOCK_BYTES, watched);
        let packing = ReportPacking::of(source.fill_buf().at("read", path)?);
        let result = if packing == ReportPacking::Zip {
            unpacking.read_zip(source, reader)
        } else {
            unpacking.read(source, packing, reader).map(|hash| (hash, None))
        };
        (packing, result)
    };
    let after = FileState::of(path)?;
    let is_same = match file {
        ReportFile::Inbox(_) => after == before,
        ReportFile::Archive(_) => after.has_same_bytes(before),
    };
    if !is_same {
        return Ok(SourceEnd::Growing);
    }
    match result {
        Ok((hash, archive)) => Ok(SourceEnd::Whole { hash, packing, archive }),
        Err(error) if failed.load(Ordering::Relaxed) => Err(error).at("read", path),
        Err(error) => {
            let inner = error.get_ref();
            let archive = inner.and_then(|inner| inner.downcast_ref::<ZipError>());
            let no_text = inner.and_then(|inner| inner.downcast_ref::<TextError>());
            let (code, detail) = match archive.and_then(ZipError::code) {
                Some(code) => (code, error.to_string()),
                None if no_text.is_some() => ("corrupt", error.to_string()),
                None => ("corrupt", format!("cannot be unpacked: {error}")),
            };
            Ok(SourceEnd::Corrupt { hash: hash_as_is(path)?, code, detail })
        }
    }
}

/// Tells failures of the disk from failures of the decoder above it, and how long the disk took.
struct WatchedFile<'a, R> {
    inner: R,
    failed: &'a AtomicBool,
    stages: &'a StageTimes,
}

impl<R> WatchedFile<'_, R> {
    fn watch<'s, T>(&'s mut self, read: impl FnOnce(&'s mut R) -> io::Result<T>) -> io::Result<T> {
        let start = Instant::now();
        let result = read(&mut self.inner);
        self.stages.read.add(start.elapsed());
        if let Err(error) = &result {
            self.failed.fetch_or(error.kind() != io::ErrorKind::Interrupted, Ordering::Relaxed);
        }
        result
    }
}

impl<R: Read> Read for WatchedFile<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.watch(|inner| inner.read(buffer))
    }
}

impl<R: BufRead> BufRead for WatchedFile<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.watch(R::fill_buf)
    }

    fn consume(&mut self, n_bytes: usize) {
        self.inner.consume(n_bytes);
    }
}

impl<R: Seek> Seek for WatchedFile<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// How a report is unpacked.
#[derive(Clone, Copy)]
struct UnpackingState<'a> {
    decode_mode: DecodeMode,
    stages: &'a StageTimes,
    /// Bytes of the file.
    packed_bytes: u64,
}

impl UnpackingState<'_> {
    fn read(
        self,
        source: impl BufRead + Send,
        packing: ReportPacking,
        reader: &mut impl BlockReader,
    ) -> io::Result<[u8; 32]> {
        match self.decode_mode {
            DecodeMode::SameThread => {
                let stages = self.stages;
                self.unpack(source, packing, |block| {
                    stages.parse.time(|| reader.take(block));
                    reader.stopped().map_or(Ok(()), |error| Err(io::Error::other(error)))
                })
            }
            DecodeMode::OwnThread => self.unpack_in_own_thread(source, packing, reader),
        }
    }

    /// Reads the member of an archive that is the report; it may be packed itself, but no archive.
    fn read_zip(
        self,
        mut source: impl BufRead + Seek + Send,
        reader: &mut impl BlockReader,
    ) -> io::Result<([u8; 32], Option<FromArchive>)> {
        let judge = |name: &str, head: &[u8]| reader.judge(name, head);
        let (entry, archive) = choose(&mut source, judge).map_err(io::Error::other)?;
        reader.begin_member(&archive.member);
        let opened = open_member(&mut source, &entry)?;
        let mut buffered = BufReader::with_capacity(BLOCK_BYTES, opened);
        let damaged = |error: io::Error| {
            io::Error::other(ZipError::member(&entry.name, format!("is damaged: {error}")))
        };
        let packing = ReportPacking::of(buffered.fill_buf().map_err(damaged)?);
        let hash = self.read(&mut buffered, packing, reader).map_err(damaged)?;
        // Only the last read of a member finds whether it is whole.
        if !buffered.fill_buf().map_err(damaged)?.is_empty() {
            return Err(damaged(io::Error::other("has more bytes than were read")));
        }
        Ok((hash, Some(archive)))
    }

    /// Unpacks in a thread of its own; the reader runs in this one.
    fn unpack_in_own_thread(
        self,
        source: impl BufRead + Send,
        packing: ReportPacking,
        reader: &mut impl BlockReader,
    ) -> io::Result<[u8; 32]> {
        let (full, blocks) = std::sync::mpsc::sync_channel::<Vec<u8>>(BLOCKS_WAITING);
        let (empty, used) = std::sync::mpsc::channel::<Vec<u8>>();
        std::thread::scope(|scope| {
            let unpacking = scope.spawn(move || {
                self.unpack(source, packing, |block| {
                    let mut copy = used.try_recv().unwrap_or_default();
                    copy.clear();
                    copy.extend_from_slice(block);
                    // Fails only where the reading side has stopped, which ends both.
                    full.send(copy).map_err(|_| io::Error::other("nobody reads any more"))
                })
            });
            let mut stopped = None;
            for block in blocks {
                self.stages.parse.time(|| reader.take(&block));
                stopped = reader.stopped();
                if stopped.is_some() {
                    break;
                }
                drop(empty.send(block));
            }
            let unpacked =
                unpacking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            stopped.map_or(unpacked, |error| Err(io::Error::other(error)))
        })
    }

    fn unpack(
        self,
        source: impl BufRead,
        packing: ReportPacking,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<[u8; 32]> {
        match packing {
            ReportPacking::Plain => self.pump(UnpackedBytes(source), &mut take),
            ReportPacking::Gzip => self.pump(GunzipReader::new(source), &mut take),
            ReportPacking::Zstd => zstd::stream::read::Decoder::with_buffer(source)
                .and_then(|decoder| self.pump(UnpackedBytes(decoder), &mut take)),
            ReportPacking::Zip => Err(io::Error::other("an archive in an archive")),
        }
    }
}

/// What is in a member of a zip archive.
///
/// # Errors
/// The archive cannot be read, or has no such member.
pub(crate) fn unpacked_member<'a>(
    source: &'a mut (impl BufRead + Seek),
    name: &str,
) -> io::Result<Box<dyn Read + 'a>> {
    let entries = read_layout(source).map_err(io::Error::other)?;
    let entry = entries.into_iter().find(|entry| entry.name == name);
    let entry = entry.ok_or_else(|| io::Error::other(format!("it has no member `{name}`")))?;
    unpacked(BufReader::with_capacity(BLOCK_BYTES, open_member(source, &entry)?))
}

/// What is in a file or member that may be packed.
///
/// # Errors
/// It cannot be read.
pub fn unpacked<'a>(mut source: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match ReportPacking::of(source.fill_buf()?) {
        ReportPacking::Plain => Box::new(source),
        ReportPacking::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        ReportPacking::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(source)?),
        ReportPacking::Zip => return Err(io::Error::other("an archive in an archive")),
    })
}

/// Where the bytes of a report come from.
trait PackedSource {
    /// Fills the buffer from `end` on until it is full or the report ends; returns the new end. The
    /// bytes before `end`, of which there are [`WINDOW_BYTES`] or all, are those that came before.
    fn fill(&mut self, buffer: &mut [u8], end: usize) -> io::Result<usize>;
}

/// A source that needs nothing of what it gave before.
struct UnpackedBytes<R>(R);

impl<R: Read> PackedSource for UnpackedBytes<R> {
    fn fill(&mut self, buffer: &mut [u8], end: usize) -> io::Result<usize> {
        Ok(end + read_full(&mut self.0, &mut buffer[end..])?)
    }
}

impl<R: BufRead> PackedSource for GunzipReader<R> {
    fn fill(&mut self, buffer: &mut [u8], mut end: usize) -> io::Result<usize> {
        self.read_into(buffer, &mut end)?;
        Ok(end)
    }
}

impl UnpackingState<'_> {
    /// Hands on blocks of whole lines; returns the hash of all bytes.
    fn pump(
        self,
        mut source: impl PackedSource,
        mut take: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<[u8; 32]> {
        let stages = self.stages;
        let mut n_bytes = 0_u64;
        let mut hash = blake3::Hasher::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        // Where the line starts that was not handed on yet, and where the bytes end.
        let (mut start, mut end) = (0, 0);
        let mut is_decoded_later = false;
        loop {
            let before = end;
            let begun = Instant::now();
            end = source.fill(&mut buffer, end)?;
            stages.inflate.add(begun.elapsed());
            let begun = Instant::now();
            hash.update(&buffer[before..end]);
            n_bytes += (end - before) as u64;
            if is_bomb(n_bytes, self.packed_bytes) {
                return Err(io::Error::other("it unpacks to more than 1,000 times its size"));
            }
            stages.hash.add(begun.elapsed());
            if before == 0 {
                is_decoded_later = is_utf16(&buffer[..end]);
            }
            if is_decoded_later {
                take(&buffer[start..end])?;
                start = end;
            } else if let Some(length) = after_last_line_end(&buffer[start..end]) {
                in_blocks(&buffer[start..start + length], &mut take)?;
                start += length;
            }
            if end < buffer.len() {
                if start < end {
                    take(&buffer[start..end])?;
                }
                return Ok(hash.finalize().into());
            }
            if LINE_BYTES_MAX <= end - start {
                return Err(io::Error::other(TextError::LongLine {
                    starts_at: n_bytes - (end - start) as u64,
                }));
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
}

#[cfg(test)]
mod tests;
