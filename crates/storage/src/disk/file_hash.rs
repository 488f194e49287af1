//! The hash of a file that is there already.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crate::disk::durable::{DiskError, IoContext as _, open_file};
use crate::disk::read_ahead::{READ_AHEAD_FROM, ReadAhead};

/// Bytes that are hashed at a time.
const BLOCK_BYTES: usize = 256 << 10;

/// BLAKE3 of a file's bytes as they are.
///
/// # Errors
/// [`DiskError`].
pub fn hash_as_is(path: &Path) -> Result<[u8; 32], DiskError> {
    let file = open_file(path).at("open", path)?;
    hash_of(BufReader::with_capacity(BLOCK_BYTES, file)).at("read", path)
}

/// The same of a file that nobody reads before or after: if it is large, past the page cache.
///
/// # Errors
/// [`DiskError`].
pub fn hash_cold(path: &Path) -> Result<[u8; 32], DiskError> {
    let file = open_file(path).at("open", path)?;
    if file.metadata().at("look at", path)?.len() < READ_AHEAD_FROM {
        return hash_of(BufReader::with_capacity(BLOCK_BYTES, file)).at("read", path);
    }
    ReadAhead::new(file).and_then(hash_of).at("read", path)
}

fn hash_of(mut source: impl BufRead) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    loop {
        let bytes = match source.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            bytes => bytes?,
        };
        if bytes.is_empty() {
            return Ok(hasher.finalize().into());
        }
        hasher.update(bytes);
        let n_bytes = bytes.len();
        source.consume(n_bytes);
    }
}
