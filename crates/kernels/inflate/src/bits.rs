//! Bits of a DEFLATE stream, least significant first, across the slices in which the input comes.
//!
//! Up to 63 bits are held in a word. What is held is decoded first and asked for more only when it
//! is too short for the next element (a symbol with its distance, or a field of a header). So bits
//! that are left from an earlier slice always belong to the next element, and whatever follows the
//! stream can be given back to the slice at hand.

/// A refill leaves at least so many bits, input allowing: 63 less what is missing to a whole byte.
/// The longest element, a length with its distance, takes 48.
pub(super) const REFILLED_BITS: u32 = 56;

/// Reads one slice of input, going on from the bits held from the slices before.
pub(super) struct BitReader<'a> {
    /// The slice.
    pub(super) input: &'a [u8],
    /// Bytes of the slice that were taken.
    pub(super) at: usize,
    /// The bits held, the next one lowest; zero above them.
    pub(super) bits: u64,
    /// How many bits are held, at most 63.
    pub(super) n_bits: u32,
}

/// `n_bits` ones, for less than 64 bits.
#[inline]
pub(super) fn ones(n_bits: u32) -> u64 {
    (1 << (n_bits & 63)) - 1
}

impl<'a> BitReader<'a> {
    /// Goes on at the front of a slice with the bits held before.
    pub(super) fn new(input: &'a [u8], bits: u64, n_bits: u32) -> Self {
        Self { input, at: 0, bits, n_bits }
    }

    /// Takes in whole bytes until at least 56 bits are held or the slice is used up.
    pub(super) fn refill(&mut self) {
        let rest = self.input.get(self.at..).unwrap_or_default();
        if let Some(word) = rest.first_chunk::<8>() {
            self.bits |= u64::from_le_bytes(*word) << self.n_bits;
            self.at += ((63 - self.n_bits) >> 3) as usize;
            self.n_bits |= REFILLED_BITS;
            self.bits &= ones(self.n_bits);
            return;
        }
        for &byte in rest {
            if self.n_bits >= REFILLED_BITS {
                break;
            }
            self.bits |= u64::from(byte) << self.n_bits;
            self.n_bits += 8;
            self.at += 1;
        }
    }

    /// Drops bits that were decoded.
    pub(super) fn drop_bits(&mut self, n_bits: u32) {
        self.bits >>= n_bits;
        self.n_bits -= n_bits;
    }

    /// Takes a field of at most 32 bits, or nothing if the input ends within it.
    pub(super) fn take(&mut self, n_bits: u32) -> Option<u32> {
        self.refill();
        if self.n_bits < n_bits {
            return None;
        }
        let field = (self.bits & ones(n_bits) & 0xffff_ffff) as u32;
        self.drop_bits(n_bits);
        Some(field)
    }

    /// Gives whole bytes back to the slice, as far as they came from it.
    pub(super) fn give_back(&mut self) {
        let n_whole = self.n_bits / 8;
        // Fewer than eight bytes are in the bits, and of those only what came from this slice goes back.
        let n_bytes = u32::try_from(self.at).map_or(n_whole, |n_bytes| n_bytes.min(n_whole));
        self.at -= n_bytes as usize;
        self.n_bits -= 8 * n_bytes;
        self.bits &= ones(self.n_bits);
    }
}
