//! A file that is hashed as it is written: of a large one the hash is computed in a thread of its own,
//! since both take about as long and the file of a month is most of what a run writes.
//!
//! Large files go past the page cache where the file system can: filling the cache takes longer than
//! writing to the disk, and a run is not waited for by whoever reads its tables first.

use std::fs::File;
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::disk::direct_io::{DiskBuffer, past_the_cache};

/// Bytes that are written and hashed at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// Buffers that may wait for their hash.
const BUFFERS_WAITING: usize = 2;

/// A file whose bytes are hashed as they are written.
pub(crate) struct HashingWriter {
    file: File,
    /// Made with the first byte.
    buffer: Option<DiskBuffer>,
    /// Buffers that were written; used again when they are hashed.
    written: Vec<Arc<DiskBuffer>>,
    /// From the first full buffer on.
    hasher: Option<HashingThread>,
    size_bytes: u64,
}

impl HashingWriter {
    /// Hashes what is written to a file, from its start.
    pub(crate) fn new(file: File) -> Self {
        Self { file, buffer: None, written: Vec::new(), hasher: None, size_bytes: 0 }
    }

    /// Syncs the file; returns the hash, hex, and the number of bytes.
    pub(crate) fn finish(mut self) -> io::Result<(String, u64)> {
        let rest = self.buffer.take().unwrap_or_else(|| DiskBuffer::new(BUFFER_BYTES));
        // The end of a file is no whole block of the disk.
        past_the_cache(&self.file, false)?;
        self.file.write_all(rest.bytes())?;
        let hash = if let Some(hasher) = self.hasher.take() {
            hasher.send(Arc::new(rest))?;
            // While the last bytes are hashed, the file is brought to the disk.
            self.file.sync_all()?;
            hasher.finish()?
        } else {
            self.file.sync_all()?;
            blake3::hash(rest.bytes()).into()
        };
        Ok((hex::encode(hash), self.size_bytes))
    }

    /// Writes a full buffer and hands it to the thread that hashes.
    fn pass_on(&mut self, full: DiskBuffer) -> io::Result<()> {
        let full = Arc::new(full);
        let hasher = if let Some(hasher) = &self.hasher {
            hasher
        } else {
            // A file system that does not know such writes says so here or at the first of them.
            let _ = past_the_cache(&self.file, true);
            self.hasher.insert(HashingThread::start()?)
        };
        hasher.send(Arc::clone(&full))?;
        match self.file.write_all(full.bytes()) {
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                past_the_cache(&self.file, false)?;
                // Some of it may be written already.
                self.file.seek(SeekFrom::Start(self.size_bytes - full.bytes().len() as u64))?;
                self.file.write_all(full.bytes())?;
            }
            result => result?,
        }
        self.written.push(full);
        Ok(())
    }

    /// An empty buffer: one that is hashed, or a new one.
    fn next_buffer(&mut self) -> DiskBuffer {
        let hashed = self.written.iter().position(|written| Arc::strong_count(written) == 1);
        let used = hashed.and_then(|place| Arc::into_inner(self.written.swap_remove(place)));
        let mut buffer = used.unwrap_or_else(|| DiskBuffer::new(BUFFER_BYTES));
        buffer.clear();
        buffer
    }
}

impl Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = match self.buffer.take() {
            Some(buffer) => buffer,
            None => self.next_buffer(),
        };
        let n_taken = buffer.take(bytes);
        self.size_bytes += n_taken as u64;
        if buffer.is_full() {
            self.pass_on(buffer)?;
        } else {
            self.buffer = Some(buffer);
        }
        Ok(n_taken)
    }

    /// Nothing is to be read before the file is finished.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hashes buffers in their order.
struct HashingThread {
    buffers: SyncSender<Arc<DiskBuffer>>,
    thread: JoinHandle<[u8; 32]>,
}

impl HashingThread {
    fn start() -> io::Result<Self> {
        let (buffers, waiting) = sync_channel::<Arc<DiskBuffer>>(BUFFERS_WAITING);
        let hash = move || {
            let mut hasher = blake3::Hasher::new();
            for buffer in waiting {
                hasher.update(buffer.bytes());
            }
            hasher.finalize().into()
        };
        let thread = std::thread::Builder::new().name("hash".to_owned()).spawn(hash)?;
        Ok(Self { buffers, thread })
    }

    fn send(&self, buffer: Arc<DiskBuffer>) -> io::Result<()> {
        self.buffers.send(buffer).map_err(|_| io::Error::other("the hash of the file is lost"))
    }

    fn finish(self) -> io::Result<[u8; 32]> {
        drop(self.buffers);
        self.thread.join().map_err(|_| io::Error::other("the hash of the file is lost"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_size_is_what_was_written_and_has_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let sizes = [0, 1, BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1, 7 * BUFFER_BYTES + 5];
        for (size, piece) in sizes.into_iter().flat_map(|size| [(size, 8_192), (size, size + 1)]) {
            let path = folder.path().join(format!("{size}-{piece}"));
            let bytes: Vec<u8> = (0..size).map(|n| (n % 251).to_le_bytes()[0]).collect();
            let mut hashing = HashingWriter::new(File::create_new(&path).unwrap());
            bytes.chunks(piece).for_each(|piece| hashing.write_all(piece).unwrap());
            let (hash, size_bytes) = hashing.finish().unwrap();
            assert_eq!(size_bytes, size as u64);
            assert_eq!(hash, blake3::hash(&bytes).to_hex().as_str());
            assert!(std::fs::read(&path).unwrap() == bytes);
        }
    }
}
