//! Reads and writes past the page cache, for large files that nobody reads soon: filling the cache takes
//! longer than the disk does, and pushes out what is needed.

use std::fs::File;
use std::io::{self, ErrorKind, Read};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// Bytes that a file system wants such reads and writes to be made of, and where in memory.
pub(crate) const DISK_BLOCK: usize = 4096;

/// Whether a file is read and written past the page cache from now on.
///
/// # Errors
/// The file system cannot do that; or it says so at the first read or write, as
/// [`ErrorKind::InvalidInput`].
pub(crate) fn past_the_cache(file: &File, is_past: bool) -> io::Result<()> {
    let flags = fcntl_getfl(file)?;
    let wanted = if is_past { flags | OFlags::DIRECT } else { flags - OFlags::DIRECT };
    if wanted != flags {
        fcntl_setfl(file, wanted)?;
    }
    Ok(())
}

/// Bytes that lie in memory where the disk wants them.
#[derive(Debug)]
pub(crate) struct DiskBuffer {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl DiskBuffer {
    /// Room for so many bytes, whole blocks of the disk.
    pub(crate) fn new(capacity: usize) -> Self {
        let memory = vec![0; capacity + DISK_BLOCK];
        let start = memory.as_ptr().align_offset(DISK_BLOCK).min(DISK_BLOCK);
        Self { memory, start, length: 0 }
    }

    fn room(&mut self) -> &mut [u8] {
        let end = self.start + self.capacity();
        &mut self.memory[self.start + self.length..end]
    }

    fn capacity(&self) -> usize {
        self.memory.len() - DISK_BLOCK
    }

    /// What it holds.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }

    /// The same with what lies behind it in its last block.
    pub(crate) fn blocks(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length.next_multiple_of(DISK_BLOCK)]
    }

    /// Whether there is no room.
    pub(crate) fn is_full(&self) -> bool {
        self.length == self.capacity()
    }

    /// Makes room.
    pub(crate) fn clear(&mut self) {
        self.length = 0;
    }

    /// Takes what it has room for; how much that is.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> usize {
        let room = self.room();
        let n_bytes = bytes.len().min(room.len());
        room[..n_bytes].copy_from_slice(&bytes[..n_bytes]);
        self.length += n_bytes;
        n_bytes
    }

    /// Reads from a file, which may be past the cache, until it is full or the file ends.
    ///
    /// # Errors
    /// What reading fails with; an interruption is none.
    pub(crate) fn fill(&mut self, file: &mut File) -> io::Result<()> {
        let mut is_rejected = false;
        while !self.is_full() {
            match file.read(self.room()) {
                Ok(0) => break,
                Ok(n_bytes) => {
                    self.length += n_bytes;
                    if !self.length.is_multiple_of(DISK_BLOCK) {
                        // The end of a file is no whole block, and to ask once more is one too few.
                        past_the_cache(file, false)?;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::InvalidInput && !is_rejected => {
                    past_the_cache(file, false)?;
                    is_rejected = true;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_size_is_read_past_the_cache_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let sizes = [0, 1, DISK_BLOCK - 1, DISK_BLOCK, DISK_BLOCK + 1, 5 * DISK_BLOCK, 40_000];
        for (size, is_past) in sizes.into_iter().flat_map(|size| [(size, false), (size, true)]) {
            let path = folder.path().join("file");
            let bytes: Vec<u8> = (0..size).map(|n| (n % 251).to_le_bytes()[0]).collect();
            std::fs::write(&path, &bytes).unwrap();
            let mut file = File::open(&path).unwrap();
            // The file system of a test may not know it.
            let _ = past_the_cache(&file, is_past);
            let (mut buffer, mut read) = (DiskBuffer::new(2 * DISK_BLOCK), Vec::new());
            loop {
                buffer.clear();
                buffer.fill(&mut file).unwrap();
                read.extend_from_slice(buffer.bytes());
                assert!(buffer.blocks().starts_with(buffer.bytes()));
                assert!(buffer.blocks().len().is_multiple_of(DISK_BLOCK));
                if !buffer.is_full() {
                    break;
                }
            }
            assert!(read == bytes, "{size}");
        }
    }
}
