//! SHA-256 of a report, taken while its bytes are written.
//!
//! Each step of the hash waits for the one before, and so does each symbol that is unpacked; a
//! processor does both at a time if they lie near each other. So the unpacker hands over a block as
//! soon as it is written, and not a buffer when it is full.

use sha2::block_api::compress256;

/// Bytes that the hash takes at once.
pub(super) const BLOCK_BYTES: usize = 64;

/// Bytes at the end of the last block that say how long the report is.
const LENGTH_BYTES: usize = 8;

/// What the hash is between two blocks.
pub(crate) type State = [u32; 8];

/// What the hash begins with (FIPS 180-4, 5.3.3).
pub(crate) const BEGINNING: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// What is added in each of the 64 rounds, four at a time (FIPS 180-4, 4.2.2).
#[cfg(target_arch = "x86_64")]
pub(super) const CONSTANTS: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
    [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
    [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
    [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
    [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
    [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
    [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
    [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
    [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];

/// The hash of what was written to a buffer so far, all but what does not fill a block yet.
#[derive(Debug, Clone)]
pub struct ReportHash {
    state: State,
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

    /// Whether a block was written and not taken.
    #[inline]
    pub(super) fn is_behind(&self, at: usize) -> bool {
        self.from + BLOCK_BYTES <= at
    }

    /// The next block, which must have been written.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn next_block<'a>(&self, written: &'a [u8]) -> &'a [u8] {
        &written[self.from..self.from + BLOCK_BYTES]
    }

    /// The hash so far.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// The next block was hashed, to this.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn take_block(&mut self, state: State) {
        self.state = state;
        self.from += BLOCK_BYTES;
        self.n_bytes += BLOCK_BYTES as u64;
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
                prop_assert!(!hash.is_behind(buffer.len()));
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
