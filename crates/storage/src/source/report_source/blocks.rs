//! Blocks of whole lines, and how much may come out of a file that is packed.

use std::io;

use streamledger_core::ingest::text::{after_first_line_end, after_last_line_end};

use super::BLOCK_BYTES;

/// A file may unpack to so much whatever its size.
const SURE_BYTES: u64 = 64 << 20;

/// Above that, to at most so many times its size.
const RATIO_MAX: u64 = 1000;

/// Whether what comes out of a file cannot be a report: no text of rows packs so well.
pub(super) fn is_bomb(unpacked_bytes: u64, packed_bytes: u64) -> bool {
    SURE_BYTES < unpacked_bytes && RATIO_MAX < unpacked_bytes / packed_bytes.max(1)
}

/// Hands on whole lines in blocks of the usual size, also where a long line made the buffer larger.
pub(super) fn in_blocks(
    mut lines: &[u8],
    take: &mut impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    while BLOCK_BYTES < lines.len() {
        let before = after_last_line_end(&lines[..BLOCK_BYTES]);
        let end = before.or_else(|| after_first_line_end(lines)).unwrap_or(lines.len());
        let (block, rest) = lines.split_at(end);
        take(block)?;
        lines = rest;
    }
    if lines.is_empty() { Ok(()) } else { take(lines) }
}
