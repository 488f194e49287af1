//! `DELTA_BINARY_PACKED`: how Parquet stores whole numbers that do not fit a dictionary
//! (<https://parquet.apache.org/docs/file-format/data-pages/encodings/#DELTAENC>).

#![expect(clippy::inline_always, reason = "compiled for several instruction sets")]

use fearless_simd::{Level, dispatch};

use crate::bits::push_packed;

const BLOCK_VALUES: usize = 128;
const MINI_BLOCKS: usize = 4;
const MINI_BLOCK_VALUES: usize = BLOCK_VALUES / MINI_BLOCKS;

/// Appends a number, seven bits a byte, low bits first.
pub(crate) fn push_varint(mut number: u64, out: &mut Vec<u8>) {
    while 0x80 <= number {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn push_zigzag(number: i64, out: &mut Vec<u8>) {
    push_varint((number << 1 ^ number >> 63).cast_unsigned(), out);
}

/// Width of the physical type: differences wrap around in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntegerWidth {
    /// `INT32`.
    Bits32,
    /// `INT64`.
    Bits64,
}

impl IntegerWidth {
    #[inline(always)]
    fn subtract(self, a: i64, b: i64) -> i64 {
        let difference = a.wrapping_sub(b);
        match self {
            Self::Bits64 => difference,
            // Sign-extended low half: what 32-bit arithmetic gives.
            Self::Bits32 => difference << 32 >> 32,
        }
    }

    #[inline(always)]
    fn offset(self, delta: i64, min: i64) -> u64 {
        let offset = delta.wrapping_sub(min).cast_unsigned();
        match self {
            Self::Bits64 => offset,
            Self::Bits32 => offset & u64::from(u32::MAX),
        }
    }
}

/// Appends the values of a page.
pub(crate) fn push_delta(level: Level, values: &[i64], integer: IntegerWidth, out: &mut Vec<u8>) {
    dispatch!(level, _ => push_blocks(values, integer, out));
}

#[inline(always)]
fn push_blocks(values: &[i64], integer: IntegerWidth, out: &mut Vec<u8>) {
    push_varint(BLOCK_VALUES as u64, out);
    push_varint(MINI_BLOCKS as u64, out);
    push_varint(values.len() as u64, out);
    push_zigzag(values.first().copied().unwrap_or(0), out);
    let mut deltas = [0_i64; BLOCK_VALUES];
    let mut start = 0;
    while start + 1 < values.len() {
        let pairs = values[start..].windows(2).take(BLOCK_VALUES);
        let n_deltas = pairs.len();
        for (delta, pair) in deltas.iter_mut().zip(pairs) {
            *delta = integer.subtract(pair[1], pair[0]);
        }
        push_block(&deltas[..n_deltas], integer, out);
        start += n_deltas;
    }
}

#[inline(always)]
fn push_block(deltas: &[i64], integer: IntegerWidth, out: &mut Vec<u8>) {
    let min = deltas.iter().copied().min().unwrap_or(0);
    push_zigzag(min, out);
    let widths_at = out.len();
    out.extend_from_slice(&[0; MINI_BLOCKS]);
    let mut offsets = [0_u64; MINI_BLOCK_VALUES];
    for (mini_block, deltas) in deltas.chunks(MINI_BLOCK_VALUES).enumerate() {
        let mut used_bits = 0;
        for (offset, delta) in offsets.iter_mut().zip(deltas) {
            *offset = integer.offset(*delta, min);
            used_bits |= *offset;
        }
        let width = u64::BITS - used_bits.leading_zeros();
        out[widths_at + mini_block] = width.to_le_bytes()[0];
        // A mini block is always filled up to its 32 values.
        push_packed(&offsets[..deltas.len()], width, MINI_BLOCK_VALUES, out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads back as the format says, in 64-bit arithmetic, cut to the type's width.
    fn read(bytes: &[u8], integer: IntegerWidth) -> Vec<i64> {
        let mut at = 0;
        let varint = |at: &mut usize| {
            let mut number = 0_u64;
            for shift in (0..).step_by(7) {
                let byte = bytes[*at];
                *at += 1;
                number |= u64::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            number
        };
        let zigzag = |n: u64| (n >> 1).cast_signed() ^ -(n & 1).cast_signed();
        let (block, minis, total) =
            (varint(&mut at), varint(&mut at), usize::try_from(varint(&mut at)).unwrap());
        assert_eq!((block, minis), (128, 4));
        let mut values = vec![zigzag(varint(&mut at))];
        while values.len() < total {
            let min = zigzag(varint(&mut at));
            let widths = [0, 1, 2, 3].map(|n| usize::from(bytes[at + n]));
            at += 4;
            for width in widths {
                if total <= values.len() {
                    break;
                }
                for n in 0..32 {
                    let bit = |b: usize| {
                        u64::from(bytes[at + (n * width + b) / 8] >> ((n * width + b) % 8) & 1) << b
                    };
                    let offset: u64 = (0..width).map(bit).sum();
                    let next = values[values.len() - 1]
                        .wrapping_add(min)
                        .wrapping_add(offset.cast_signed());
                    values.push(if integer == IntegerWidth::Bits32 {
                        next << 32 >> 32
                    } else {
                        next
                    });
                }
                at += 4 * width;
            }
        }
        values.truncate(total);
        values
    }

    proptest! {
        #[test]
        fn numbers_of_64_bits_read_back(values in prop::collection::vec(any::<i64>(), 1..400)) {
            let mut bytes = Vec::new();
            push_delta(Level::new(), &values, IntegerWidth::Bits64, &mut bytes);
            prop_assert_eq!(read(&bytes, IntegerWidth::Bits64), values);
        }

        #[test]
        fn numbers_of_32_bits_read_back(values in prop::collection::vec(any::<i32>(), 1..400)) {
            let values: Vec<i64> = values.into_iter().map(i64::from).collect();
            let mut bytes = Vec::new();
            push_delta(Level::new(), &values, IntegerWidth::Bits32, &mut bytes);
            prop_assert_eq!(read(&bytes, IntegerWidth::Bits32), values);
        }
    }
}
