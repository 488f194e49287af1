//! Copying of matches within the output.

#![expect(clippy::inline_always, reason = "what the inner loop calls must be part of it")]

/// Bytes that are copied at once.
const BLOCK_BYTES: usize = 32;

/// Bytes that must be left in the output where [`copy_match`] writes: the longest match, 258, and
/// the rest of a block.
pub(super) const MATCH_ROOM: usize = 258 + BLOCK_BYTES;

/// Copies `length` bytes from `distance` bytes before `to`, and perhaps some more that are to be
/// written over.
#[inline(always)]
pub(super) fn copy_match(output: &mut [u8], to: usize, distance: usize, length: usize) {
    let from = to - distance;
    if distance >= BLOCK_BYTES {
        // Most matches are shorter than two blocks: these are copied without asking for the length.
        let around = &mut output[from..to + 2 * BLOCK_BYTES];
        copy_block::<BLOCK_BYTES>(around, 0, distance);
        copy_block::<BLOCK_BYTES>(around, BLOCK_BYTES, distance + BLOCK_BYTES);
        let mut n_copied = 2 * BLOCK_BYTES;
        while n_copied < length {
            copy_block::<BLOCK_BYTES>(output, from + n_copied, to + n_copied);
            n_copied += BLOCK_BYTES;
        }
    } else {
        repeat(output, to, distance, length);
    }
}

/// Copies `N` bytes as they are before any of them is written.
#[inline(always)]
fn copy_block<const N: usize>(output: &mut [u8], from: usize, to: usize) {
    let mut block = [0; N];
    block.copy_from_slice(&output[from..from + N]);
    output[to..to + N].copy_from_slice(&block);
}

/// Copies a match whose bytes repeat soon, with the room of [`copy_match`].
#[inline(never)]
fn repeat(output: &mut [u8], to: usize, distance: usize, length: usize) {
    if distance == 1 {
        let byte = output[to - 1];
        output[to..to + length].fill(byte);
        return;
    }
    // Each copy of a period makes the next one twice as long, until it is as long as a block.
    let (from, end) = (to - distance, to + length);
    let (mut to, mut period) = (to, distance);
    while period < BLOCK_BYTES / 2 {
        copy_block::<{ BLOCK_BYTES / 2 }>(output, from, to);
        to += period;
        period *= 2;
    }
    while to < end {
        copy_block::<{ BLOCK_BYTES / 2 }>(output, to - period, to);
        to += BLOCK_BYTES / 2;
    }
}

/// Copies up to `length` bytes as far as the output goes, one at a time where they repeat. Returns
/// how many.
pub(super) fn copy_match_at_edge(
    output: &mut [u8],
    to: usize,
    distance: usize,
    length: usize,
) -> usize {
    let n_bytes = length.min(output.len() - to);
    for index in to..to + n_bytes {
        output[index] = output[index - distance];
    }
    n_bytes
}
