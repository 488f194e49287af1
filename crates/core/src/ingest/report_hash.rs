//! SHA-256 of a report, taken while its bytes are written.
//!
//! Each step of the hash waits for the one before, and so does each symbol that is unpacked; a
//! processor does both at a time if they lie near each other. So the unpacker hands over a block as
//! soon as it is written, and not a buffer when it is full.

use sha2::block_api::compress256;

/// Bytes that the hash takes at once.
const BLOCK_BYTES: usize = 64;

/// Bytes at the end of the last block that say how long the report is.
const LENGTH_BYTES: usize = 8;

/// What the hash begins with (FIPS 180-4, 5.3.3).
const BEGINNING: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The hash of what was written to a buffer so far, all but what does not fill a block yet.
#[derive(Debug, Clone)]
pub struct ReportHash {
    state: [u32; 8],
    /// Bytes that are in the state.
    n_bytes: u64,
    /// Where in the buffer the next one stands.
    from: usize,
}

impl ReportHash {
    /// The hash of nothing; the report's first byte will stand at `from` in the buffer.
    #[must_use]
    pub fn new(from: usize) -> Self {
        Self { state: BEGINNING, n_bytes: 0, from }
    }

    /// Takes the whole blocks at the end of what was written to the buffer from its start.
    #[inline]
    pub fn follow(&mut self, written: &[u8]) {
        let (blocks, _) = written[self.from..].as_chunks::<BLOCK_BYTES>();
        compress256(&mut self.state, blocks);
        let n_taken = blocks.len() * BLOCK_BYTES;
        self.from += n_taken;
        self.n_bytes += n_taken as u64;
    }

    /// Up to here the buffer can be written before there is a block to take.
    #[must_use]
    #[inline]
    pub fn pause(&self) -> usize {
        self.from + (BLOCK_BYTES - 1)
    }

    /// Bytes were dropped from the front of the buffer, all of them taken before.
    pub fn moved_forward(&mut self, n_bytes: usize) {
        self.from -= n_bytes;
    }

    /// The hash of all that was written.
    #[must_use]
    pub fn finish(mut self, written: &[u8]) -> [u8; 32] {
        self.follow(written);
        let rest = &written[self.from..];
        let n_bits = (self.n_bytes + rest.len() as u64) * 8;
        let mut blocks = [[0; BLOCK_BYTES]; 2];
        let flat = blocks.as_flattened_mut();
        flat[..rest.len()].copy_from_slice(rest);
        flat[rest.len()] = 0x80;
        let n_blocks = if rest.len() + 1 + LENGTH_BYTES <= BLOCK_BYTES { 1 } else { 2 };
        flat[n_blocks * BLOCK_BYTES - LENGTH_BYTES..n_blocks * BLOCK_BYTES]
            .copy_from_slice(&n_bits.to_be_bytes());
        compress256(&mut self.state, &blocks[..n_blocks]);
        let mut hash = [0; 32];
        for (bytes, word) in hash.as_chunks_mut::<4>().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    use super::*;

    proptest! {
        #[test]
        fn pieces_of_any_length_give_the_hash_of_the_whole(
            lengths in prop::collection::vec(0_usize..200, 0..20), before in 0_usize..100,
        ) {
            let mut hash = ReportHash::new(before);
            let mut buffer = vec![b'x'; before];
            let mut whole = Vec::new();
            for (byte, length) in (0_u8..).zip(lengths) {
                buffer.extend((0..length).map(|n| byte.wrapping_mul(31) ^ u8::try_from(n).unwrap()));
                whole.extend_from_slice(&buffer[buffer.len() - length..]);
                hash.follow(&buffer);
                prop_assert!(buffer.len() <= hash.pause());
                // All but an unfinished block may go.
                let drop = buffer.len() / BLOCK_BYTES / 2 * BLOCK_BYTES;
                if drop <= hash.from {
                    buffer.drain(..drop);
                    hash.moved_forward(drop);
                }
            }
            prop_assert_eq!(hash.finish(&buffer), <[u8; 32]>::from(Sha256::digest(&whole)));
        }
    }

    #[test]
    fn the_length_fits_behind_the_last_byte_or_takes_a_block_of_its_own() {
        for length in [0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128] {
            let text = vec![b'a'; length];
            let hash = ReportHash::new(0).finish(&text);
            assert_eq!(hash, <[u8; 32]>::from(Sha256::digest(&text)), "{length}");
        }
    }
}
