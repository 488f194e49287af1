//! Numbers of one width packed one after the other, least significant bit first: what literals of
//! the hybrid encoding, mini blocks of differences, and truth values have in common.

#![expect(
    clippy::inline_always,
    reason = "compiled for several instruction sets, with its callers"
)]

/// Bytes that are written at a time.
const WORD_BYTES: usize = 8;

/// Appends numbers of at most `width` bits (0 to 64), and zeros for those that lack to `n_values`.
#[inline(always)]
pub(crate) fn push_packed<V: Copy + Into<u64>>(
    values: &[V],
    width: u32,
    n_values: usize,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    let n_bytes = (n_values * width as usize).div_ceil(8);
    // Whole words are written of which the next overwrites the rest: the last reaches beyond the end.
    out.resize(start + n_bytes + WORD_BYTES, 0);
    let bytes = &mut out[start..];
    match width {
        0..=7 => pack::<8, V>(values, width, bytes),
        8..=14 => pack::<4, V>(values, width, bytes),
        15..=28 => pack::<2, V>(values, width, bytes),
        29..=56 => pack::<1, V>(values, width, bytes),
        _ => pack_wide(values, width, bytes),
    }
    out.truncate(start + n_bytes);
}

/// Packs `N` numbers a word, which with seven bits left from the word before must have less than 64.
#[inline(always)]
fn pack<const N: usize, V: Copy + Into<u64>>(values: &[V], width: u32, bytes: &mut [u8]) {
    let mut packed = PackedBits { bytes, at: 0, buffer: 0, n_bits: 0 };
    let (words, rest) = values.as_chunks::<N>();
    for word in words {
        for value in word {
            packed.take((*value).into(), width);
        }
        packed.write();
    }
    for value in rest {
        packed.take((*value).into(), width);
        packed.write();
    }
    packed.write();
}

struct PackedBits<'a> {
    bytes: &'a mut [u8],
    at: usize,
    buffer: u64,
    n_bits: u32,
}

impl PackedBits<'_> {
    #[inline(always)]
    fn take(&mut self, value: u64, width: u32) {
        self.buffer |= value << self.n_bits;
        self.n_bits += width;
    }

    /// Writes the buffer and keeps what is no whole byte.
    #[inline(always)]
    fn write(&mut self) {
        self.bytes[self.at..self.at + WORD_BYTES].copy_from_slice(&self.buffer.to_le_bytes());
        self.at += (self.n_bits / 8) as usize;
        self.buffer >>= self.n_bits & !7;
        self.n_bits &= 7;
    }
}

#[inline(always)]
fn pack_wide<V: Copy + Into<u64>>(values: &[V], width: u32, bytes: &mut [u8]) {
    let (mut buffer, mut n_bits, mut at) = (0_u128, 0_u32, 0);
    let low = |buffer: u128| u64::try_from(buffer & u128::from(u64::MAX)).unwrap_or_default();
    for value in values {
        buffer |= u128::from((*value).into()) << n_bits;
        n_bits += width;
        if u64::BITS <= n_bits {
            bytes[at..at + WORD_BYTES].copy_from_slice(&low(buffer).to_le_bytes());
            at += WORD_BYTES;
            buffer >>= u64::BITS;
            n_bits -= u64::BITS;
        }
    }
    bytes[at..at + WORD_BYTES].copy_from_slice(&low(buffer).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_are_those_of_the_numbers_one_after_the_other(
            numbers in prop::collection::vec(any::<u64>(), 0..70), width in 0_u32..=64,
            n_missing in 0_usize..9, before in prop::collection::vec(any::<u8>(), 0..3),
        ) {
            let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
            let numbers: Vec<u64> = numbers.into_iter().map(|number| number & mask).collect();
            let n_values = numbers.len() + n_missing;
            let mut bits: Vec<bool> = numbers.iter().flat_map(|n| (0..width).map(move |b| n >> b & 1 == 1)).collect();
            bits.resize(n_values * width as usize, false);
            let byte = |bits: &[bool]| bits.iter().rev().fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit));
            let expected: Vec<u8> = before.iter().copied().chain(bits.chunks(8).map(byte)).collect();
            let mut bytes = before;
            push_packed(&numbers, width, n_values, &mut bytes);
            prop_assert_eq!(bytes, expected);
        }
    }
}
