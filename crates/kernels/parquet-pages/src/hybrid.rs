//! RLE / bit-packed hybrid: how Parquet stores dictionary codes and definition levels
//! (<https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE>).

#![expect(clippy::inline_always, reason = "compiled for several instruction sets")]

use fearless_simd::{Level, dispatch};

use crate::bits::push_packed;
use crate::delta::push_varint;

/// A run of equal values is worth a run of its own from this length on.
pub(crate) const RUN_MIN: usize = 8;

/// Bits that codes from 0 to `max` need; at least 1, since some readers reject 0.
#[must_use]
pub fn width_for(max: u32) -> u32 {
    (u32::BITS - max.leading_zeros()).max(1)
}

/// Appends values of at most `width` bits (1 to 32).
pub(crate) fn push_hybrid(level: Level, values: &[u32], width: u32, out: &mut Vec<u8>) {
    dispatch!(level, _ => push_runs_and_literals(values, width, out));
}

#[inline(always)]
fn push_runs_and_literals(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let mut literals_start = 0;
    let mut place = 0;
    while place < values.len() {
        let value = values[place];
        // Eight at a time: where they differ, as they mostly do, one look without a branch settles it.
        if are_equal(value, &values[place..]) {
            let mut run = RUN_MIN;
            while are_equal(value, &values[place + run..]) {
                run += RUN_MIN;
            }
            run += values[place + run..].iter().take_while(|other| **other == value).count();
            push_literals(&values[literals_start..place], width, out);
            push_run(value, run, width, out);
            place += run;
            literals_start = place;
        } else {
            // Literals come in groups of eight; only the last group of all may be filled up.
            place = (place + 8).min(values.len());
        }
    }
    push_literals(&values[literals_start..], width, out);
}

/// Whether the first eight of the values are there and all this one.
#[inline(always)]
fn are_equal(value: u32, values: &[u32]) -> bool {
    let differ = |eight: &[u32; RUN_MIN]| eight.iter().fold(0, |bits, v| bits | (v ^ value)) != 0;
    values.first_chunk().is_some_and(|eight| !differ(eight))
}

/// Appends a value that stands there several times in a row.
pub(crate) fn push_run(value: u32, n_times: usize, width: u32, out: &mut Vec<u8>) {
    push_varint((n_times as u64) << 1, out);
    out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
}

#[inline(always)]
fn push_literals(values: &[u32], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let n_groups = values.len().div_ceil(8);
    push_varint((n_groups as u64) << 1 | 1, out);
    push_packed(values, width, n_groups * 8, out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads back as the format says.
    fn read(mut bytes: &[u8], width: u32, n_values: usize) -> Vec<u32> {
        let mut values = Vec::new();
        while values.len() < n_values {
            let mut header = 0_u64;
            for shift in (0..).step_by(7) {
                let byte = bytes[0];
                bytes = &bytes[1..];
                header |= u64::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            if header & 1 == 0 {
                let (value, rest) = bytes.split_at(width.div_ceil(8) as usize);
                let mut le = [0; 4];
                le[..value.len()].copy_from_slice(value);
                values.extend(std::iter::repeat_n(u32::from_le_bytes(le), (header >> 1) as usize));
                bytes = rest;
            } else {
                let n_bits = (header >> 1) as usize * 8 * width as usize;
                let (packed, rest) = bytes.split_at(n_bits / 8);
                let bit = |n: usize| u32::from(packed[n / 8] >> (n % 8) & 1);
                let w = width as usize;
                values.extend(
                    (0..n_bits / w).map(|v| (0..w).map(|b| bit(v * w + b) << b).sum::<u32>()),
                );
                bytes = rest;
            }
        }
        assert!(bytes.is_empty());
        values.truncate(n_values);
        values
    }

    proptest! {
        #[test]
        fn values_read_back(
            runs in prop::collection::vec((any::<u32>(), 1_usize..40), 0..60),
            width in 1_u32..=32,
        ) {
            let mask = u32::MAX >> (32 - width);
            let values: Vec<u32> = runs.iter().flat_map(|(v, n)| std::iter::repeat_n(v & mask, *n)).collect();
            let mut bytes = Vec::new();
            push_hybrid(Level::new(), &values, width, &mut bytes);
            prop_assert_eq!(read(&bytes, width, values.len()), values);
        }
    }

    #[test]
    fn widths_are_what_the_largest_code_needs() {
        assert_eq!([0, 1, 2, 3, 4, 255, 256, u32::MAX].map(width_for), [1, 1, 2, 2, 3, 8, 9, 32]);
    }
}
