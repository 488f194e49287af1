//! A file that is hashed as it is written: of a large one the hash is taken in a thread of its own,
//! since both take about as long and the file of a month is most of what a night writes.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use sha2::{Digest as _, Sha256};

/// Bytes that are written and hashed at a time.
const BUFFER_BYTES: usize = 1 << 18;

/// Buffers that may wait for their hash.
const BUFFERS_WAITING: usize = 4;

/// A file whose bytes are hashed as they are written.
pub(crate) struct Hashing {
    file: File,
    buffer: Vec<u8>,
    /// Buffers that were written; used again when they are hashed.
    written: Vec<Arc<Vec<u8>>>,
    /// From the first full buffer on.
    hasher: Option<HashingThread>,
    size_bytes: u64,
}

impl Hashing {
    /// Hashes what is written to a file.
    pub(crate) fn new(file: File) -> Self {
        Self { file, buffer: Vec::new(), written: Vec::new(), hasher: None, size_bytes: 0 }
    }

    /// Syncs the file; returns the hash, hex, and the number of bytes.
    pub(crate) fn finish(mut self) -> io::Result<(String, u64)> {
        let rest = std::mem::take(&mut self.buffer);
        self.file.write_all(&rest)?;
        let hash = match self.hasher.take() {
            Some(hasher) => {
                hasher.send(Arc::new(rest))?;
                // While the last bytes are hashed, the file is brought to the disk.
                self.file.sync_all()?;
                hasher.finish()?
            }
            None => {
                self.file.sync_all()?;
                Sha256::digest(&rest).into()
            }
        };
        Ok((hex::encode(hash), self.size_bytes))
    }

    /// Writes the full buffer and hands it to the thread that hashes.
    fn pass_on(&mut self) -> io::Result<()> {
        let hashed = self.written.iter().position(|written| Arc::strong_count(written) == 1);
        let reusable = hashed.and_then(|place| Arc::into_inner(self.written.swap_remove(place)));
        let mut next = reusable.unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES));
        next.clear();
        let full = Arc::new(std::mem::replace(&mut self.buffer, next));
        let hasher = match &self.hasher {
            Some(hasher) => hasher,
            None => self.hasher.insert(HashingThread::start()?),
        };
        hasher.send(Arc::clone(&full))?;
        self.file.write_all(&full)?;
        self.written.push(full);
        Ok(())
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = &bytes[..bytes.len().min(BUFFER_BYTES - self.buffer.len())];
        self.buffer.extend_from_slice(taken);
        self.size_bytes += taken.len() as u64;
        if self.buffer.len() == BUFFER_BYTES {
            self.pass_on()?;
        }
        Ok(taken.len())
    }

    /// Nothing is to be read before the file is finished.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hashes buffers in their order.
struct HashingThread {
    buffers: SyncSender<Arc<Vec<u8>>>,
    thread: JoinHandle<[u8; 32]>,
}

impl HashingThread {
    fn start() -> io::Result<Self> {
        let (buffers, waiting) = sync_channel::<Arc<Vec<u8>>>(BUFFERS_WAITING);
        let hash = move || {
            let mut hasher = Sha256::new();
            waiting.iter().for_each(|buffer| hasher.update(&*buffer));
            hasher.finalize().into()
        };
        let thread = std::thread::Builder::new().name("hash".to_owned()).spawn(hash)?;
        Ok(Self { buffers, thread })
    }

    fn send(&self, buffer: Arc<Vec<u8>>) -> io::Result<()> {
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
            let mut hashing = Hashing::new(File::create_new(&path).unwrap());
            bytes.chunks(piece).for_each(|piece| hashing.write_all(piece).unwrap());
            let (hash, size_bytes) = hashing.finish().unwrap();
            assert_eq!(size_bytes, size as u64);
            assert_eq!(hash, hex::encode(Sha256::digest(&bytes)));
            assert!(std::fs::read(&path).unwrap() == bytes);
        }
    }
}
