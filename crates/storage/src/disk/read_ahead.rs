//! A large file that is not in the page cache: a thread reads it past the cache, a few blocks ahead of
//! whoever uses them.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use crate::disk::direct_io::{DiskBuffer, past_the_cache};

/// From this size on a file is worth a thread.
pub(crate) const READ_AHEAD_FROM: u64 = 1 << 20;

/// Bytes of a block: it stays in the second-level cache while it is used.
const BLOCK_BYTES: usize = 256 << 10;

/// Blocks that are read ahead or in use.
const N_BLOCKS: usize = 4;

/// A file that is read ahead.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    /// There until this is dropped.
    reading: Option<ReadAheadState>,
    /// What is used now, and from where on.
    block: DiskBuffer,
    used: usize,
    /// Whether it was the last one.
    is_last: bool,
}

#[derive(Debug)]
struct ReadAheadState {
    full: Receiver<io::Result<DiskBuffer>>,
    empty: Sender<DiskBuffer>,
    thread: JoinHandle<()>,
}

impl ReadAhead {
    /// Starts reading a file from where it stands.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn new(file: File) -> io::Result<Self> {
        // A file system that does not know such reads says so here or at the first of them.
        let _ = past_the_cache(&file, true);
        let (sender, full) = sync_channel(N_BLOCKS);
        let (empty, blocks) = channel();
        for _ in 1..N_BLOCKS {
            let _received_below = empty.send(DiskBuffer::new(BLOCK_BYTES));
        }
        let thread = std::thread::Builder::new().name("read".to_owned());
        let thread = thread.spawn(move || read(file, &blocks, &sender))?;
        let reading = Some(ReadAheadState { full, empty, thread });
        Ok(Self { reading, block: DiskBuffer::new(BLOCK_BYTES), used: 0, is_last: false })
    }

    /// Takes the next block.
    fn next(&mut self) -> io::Result<()> {
        let lost = || io::Error::other("the thread that reads it is gone");
        let ReadAheadState { full, empty, .. } = self.reading.as_ref().ok_or_else(lost)?;
        let block = full.recv().map_err(|_| lost())??;
        (self.used, self.is_last) = (0, !block.is_full());
        // After the last block nobody takes it.
        drop(empty.send(std::mem::replace(&mut self.block, block)));
        Ok(())
    }
}

/// Reads block by block, up to one that is not full, or an error.
fn read(mut file: File, empty: &Receiver<DiskBuffer>, full: &SyncSender<io::Result<DiskBuffer>>) {
    for mut block in empty {
        block.clear();
        let result = block.fill(&mut file).map(|()| block);
        let is_last = result.as_ref().map_or(true, |block| !block.is_full());
        if full.send(result).is_err() || is_last {
            return;
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        if let Some(ReadAheadState { full, empty, thread }) = self.reading.take() {
            drop((full, empty));
            let _it_only_reads = thread.join();
        }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.fill_buf()?.read(buffer)?;
        self.consume(n_bytes);
        Ok(n_bytes)
    }
}

impl BufRead for ReadAhead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.block.bytes().len() && !self.is_last {
            self.next()?;
        }
        Ok(&self.block.bytes()[self.used..])
    }

    fn consume(&mut self, n_bytes: usize) {
        self.used = (self.used + n_bytes).min(self.block.bytes().len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_is_and_whoever_has_enough_may_stop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for size in [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 9 * BLOCK_BYTES + 77] {
            let bytes: Vec<u8> = (0..size).map(|n| (n % 251).to_le_bytes()[0]).collect();
            std::fs::write(&path, &bytes).unwrap();
            let mut read = Vec::new();
            let mut file = ReadAhead::new(File::open(&path).unwrap()).unwrap();
            file.read_to_end(&mut read).unwrap();
            assert!(read == bytes, "{size}");
            assert_eq!(file.read(&mut [0; 9]).unwrap(), 0);
            let mut file = ReadAhead::new(File::open(&path).unwrap()).unwrap();
            assert!(bytes.starts_with(file.fill_buf().unwrap()));
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = ReadAhead::new(File::open(folder.path()).unwrap()).unwrap();
        file.read(&mut [0; 9]).unwrap_err();
    }
}
