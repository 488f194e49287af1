//! One data page of one column: levels and values, compressed, with its smallest and largest value.
//!
//! Pages know nothing of each other, so that the pages of a row group are encoded in parallel.

#![expect(clippy::inline_always, reason = "compiled for several instruction sets")]

use std::io::Cursor;
use std::ops::Range;

use bytes::Bytes;
use fearless_simd::{Level, dispatch};
use parquet::basic::Encoding;

use crate::bits::push_packed;
use crate::delta::{IntegerWidth, push_delta};
use crate::hybrid::{RUN_MIN, push_hybrid, push_run};
use crate::{NULL_CODE, narrow};

/// zstd level of all pages. Codes are packed already; a higher level gains a percent and costs a half.
pub const ZSTD_LEVEL: i32 = 1;

/// zstd level of what is as good as random, hashes and their codes in the order of something else: it
/// does not get smaller, which this level sees sooner.
pub const ZSTD_LEVEL_RANDOM: i32 = -50;

/// Whether a column has nulls, by its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageNulls {
    /// `REQUIRED`.
    Never,
    /// `OPTIONAL`.
    Allowed,
}

/// A data page.
#[derive(Debug)]
pub struct EncodedPage {
    /// Where the compressed levels and values are among the encoder's bytes.
    pub place: Range<usize>,
    /// Their length before compression.
    pub plain_bytes: usize,
    /// What is in them.
    pub summary: PageSummary,
}

/// What the footer of a file says of a page's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSummary {
    /// Rows of the page, nulls included.
    pub n_rows: usize,
    /// Rows that are null.
    pub n_nulls: usize,
    /// How the values are stored.
    pub encoding: Encoding,
    /// Smallest and largest value, or code in a sorted dictionary; `None` if all are null.
    pub bounds: Option<(i128, i128)>,
}

/// Encodes pages; keeps its memory and the compressor's from page to page.
pub struct PageEncoder {
    level: Level,
    /// Made with the first page.
    compressor: Option<zstd::bulk::Compressor<'static>>,
    plain: Vec<u8>,
    codes: Vec<u32>,
    integers: Vec<i64>,
    decimals: Vec<i128>,
    levels: Vec<u32>,
    /// Compressed pages, one after the other.
    bytes: Vec<u8>,
    /// How many bytes were taken last: the next pages are about as large.
    n_bytes_last: usize,
}

impl Default for PageEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl PageEncoder {
    /// An encoder with the instructions of this machine.
    #[must_use]
    pub fn new() -> Self {
        Self::with_level(Level::new())
    }

    /// The same with other instructions that the machine has. They change no byte of a page.
    #[must_use]
    pub fn with_level(level: Level) -> Self {
        Self {
            level,
            compressor: None,
            plain: Vec::new(),
            codes: Vec::new(),
            integers: Vec::new(),
            decimals: Vec::new(),
            levels: Vec::new(),
            bytes: Vec::new(),
            n_bytes_last: 0,
        }
    }

    /// The bytes of all pages since the last time.
    pub fn take_bytes(&mut self) -> Bytes {
        self.n_bytes_last = self.bytes.len();
        std::mem::take(&mut self.bytes).into()
    }

    /// A page of dictionary codes of `width` bits; [`NULL_CODE`] is null.
    ///
    /// # Errors
    /// If zstd fails.
    pub fn of_codes(
        &mut self,
        codes: impl Iterator<Item = u32>,
        width: u32,
        nulls: PageNulls,
    ) -> std::io::Result<EncodedPage> {
        self.of_codes_at(codes, width, nulls, ZSTD_LEVEL)
    }

    /// The same, of codes whose order is as good as random.
    ///
    /// # Errors
    /// If zstd fails.
    pub fn of_random_codes(
        &mut self,
        codes: impl Iterator<Item = u32>,
        width: u32,
        nulls: PageNulls,
    ) -> std::io::Result<EncodedPage> {
        self.of_codes_at(codes, width, nulls, ZSTD_LEVEL_RANDOM)
    }

    fn of_codes_at(
        &mut self,
        codes: impl Iterator<Item = u32>,
        width: u32,
        nulls: PageNulls,
        zstd_level: i32,
    ) -> std::io::Result<EncodedPage> {
        let n_rows = self.take_codes(codes);
        self.plain.clear();
        let n_nulls = self.split_codes(nulls, 0);
        self.plain.push(width.to_le_bytes()[0]);
        push_hybrid(self.level, &self.codes, width, &mut self.plain);
        let bounds = dispatch!(self.level, _ => code_bounds(&self.codes));
        let encoding = Encoding::RLE_DICTIONARY;
        self.compress(zstd_level, PageSummary { n_rows, n_nulls, encoding, bounds })
    }

    /// A page of one code all through; [`NULL_CODE`] is null.
    ///
    /// # Errors
    /// If zstd fails.
    pub fn of_equal_codes(
        &mut self,
        code: u32,
        n_rows: usize,
        width: u32,
        nulls: PageNulls,
    ) -> std::io::Result<EncodedPage> {
        let is_null = code == NULL_CODE;
        self.plain.clear();
        if nulls == PageNulls::Allowed {
            push_equal_levels(u32::from(!is_null), n_rows, &mut self.plain);
        }
        self.plain.push(width.to_le_bytes()[0]);
        if !is_null {
            push_run(code, n_rows, width, &mut self.plain);
        }
        let n_nulls = if is_null { n_rows } else { 0 };
        let bounds = (!is_null && n_rows != 0).then(|| (i128::from(code), i128::from(code)));
        let encoding = Encoding::RLE_DICTIONARY;
        self.compress(ZSTD_LEVEL, PageSummary { n_rows, n_nulls, encoding, bounds })
    }

    /// A page of whole numbers.
    ///
    /// # Errors
    /// If zstd fails.
    pub fn of_integers(
        &mut self,
        values: impl Iterator<Item = Option<i64>>,
        integer: IntegerWidth,
        nulls: PageNulls,
    ) -> std::io::Result<EncodedPage> {
        self.integers.clear();
        self.plain.clear();
        let n_rows = if nulls == PageNulls::Never {
            let integers = &mut self.integers;
            dispatch!(self.level, _ => integers.extend(values.map(Option::unwrap_or_default)));
            self.integers.len()
        } else {
            self.levels.clear();
            for value in values {
                self.levels.push(u32::from(value.is_some()));
                self.integers.extend(value);
            }
            push_levels(self.level, &self.levels, &mut self.plain);
            self.levels.len()
        };
        push_delta(self.level, &self.integers, integer, &mut self.plain);
        let bounds = dispatch!(self.level, _ => bounds(&self.integers));
        let n_nulls = n_rows - self.integers.len();
        let encoding = Encoding::DELTA_BINARY_PACKED;
        self.compress(ZSTD_LEVEL, PageSummary { n_rows, n_nulls, encoding, bounds })
    }

    /// A page of decimals, sixteen bytes each with the highest first.
    ///
    /// # Errors
    /// If zstd fails.
    pub fn of_decimals(
        &mut self,
        values: impl Iterator<Item = Option<i128>>,
        nulls: PageNulls,
    ) -> std::io::Result<EncodedPage> {
        self.plain.clear();
        self.levels.clear();
        self.decimals.clear();
        for value in values {
            self.levels.push(u32::from(value.is_some()));
            self.decimals.extend(value);
        }
        if nulls == PageNulls::Allowed {
            push_levels(self.level, &self.levels, &mut self.plain);
        }
        self.plain.extend(self.decimals.iter().flat_map(|value| value.to_be_bytes()));
        let bounds = self.decimals.iter().copied().min().zip(self.decimals.iter().copied().max());
        let (n_rows, encoding) = (self.levels.len(), Encoding::PLAIN);
        let n_nulls = n_rows - self.decimals.len();
        self.compress(ZSTD_LEVEL, PageSummary { n_rows, n_nulls, encoding, bounds })
    }

    /// A page of truth values, a bit each.
    ///
    /// # Errors
    /// If zstd fails.
    pub fn of_truths(
        &mut self,
        values: impl Iterator<Item = Option<bool>>,
        nulls: PageNulls,
    ) -> std::io::Result<EncodedPage> {
        let n_rows = self.take_codes(values.map(|value| value.map_or(NULL_CODE, u32::from)));
        self.plain.clear();
        let n_nulls = self.split_codes(nulls, RUN_MIN);
        let Self { level, codes, plain, .. } = self;
        dispatch!(*level, _ => push_packed(codes, 1, codes.len(), plain));
        let bounds = dispatch!(self.level, _ => code_bounds(&self.codes));
        let encoding = Encoding::PLAIN;
        self.compress(ZSTD_LEVEL, PageSummary { n_rows, n_nulls, encoding, bounds })
    }

    fn take_codes(&mut self, codes: impl Iterator<Item = u32>) -> usize {
        let taken = &mut self.codes;
        taken.clear();
        dispatch!(self.level, _ => taken.extend(codes));
        taken.len()
    }

    /// Appends the levels of the codes to the plain bytes and removes the nulls; gives their number.
    /// Equal levels of fewer rows than `run_min` are no run.
    fn split_codes(&mut self, nulls: PageNulls, run_min: usize) -> usize {
        let n_rows = self.codes.len();
        let n_nulls =
            self.codes.iter().map(|code| u32::from(*code == NULL_CODE)).sum::<u32>() as usize;
        let are_equal = n_nulls == 0 || n_nulls == n_rows;
        if nulls == PageNulls::Allowed {
            if are_equal && run_min <= n_rows {
                push_equal_levels(u32::from(n_nulls == 0), n_rows, &mut self.plain);
            } else {
                self.levels.clear();
                self.levels.extend(self.codes.iter().map(|code| u32::from(*code != NULL_CODE)));
                push_levels(self.level, &self.levels, &mut self.plain);
            }
        }
        if n_nulls != 0 {
            let codes = &mut self.codes;
            dispatch!(self.level, _ => remove_nulls(codes));
        }
        n_nulls
    }

    /// Compresses the plain bytes behind the pages before.
    fn compress(&mut self, zstd_level: i32, summary: PageSummary) -> std::io::Result<EncodedPage> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(zstd::bulk::Compressor::new(zstd_level)?),
        };
        compressor.set_compression_level(zstd_level)?;
        let start = self.bytes.len();
        let n_bytes_max = zstd::zstd_safe::compress_bound(self.plain.len());
        let n_expected = self.n_bytes_last + self.n_bytes_last / 8;
        self.bytes.reserve(n_bytes_max.max(n_expected.saturating_sub(start)));
        let mut behind = Cursor::new(&mut self.bytes);
        behind.set_position(start as u64);
        let n_bytes = compressor.compress_to_buffer(&self.plain, &mut behind)?;
        let place = start..start + n_bytes;
        Ok(EncodedPage { place, plain_bytes: self.plain.len(), summary })
    }
}

#[inline(always)]
fn bounds(values: &[i64]) -> Option<(i128, i128)> {
    let (min, max) = (values.iter().copied().min()?, values.iter().copied().max()?);
    Some((min.into(), max.into()))
}

/// Moves what is not null forward; without a branch, since nulls come as they like.
#[inline(always)]
fn remove_nulls(codes: &mut Vec<u32>) {
    let mut n_kept = 0;
    for place in 0..codes.len() {
        let code = codes[place];
        codes[n_kept] = code;
        n_kept += usize::from(code != NULL_CODE);
    }
    codes.truncate(n_kept);
}

#[inline(always)]
fn code_bounds(codes: &[u32]) -> Option<(i128, i128)> {
    let min = codes.iter().fold(NULL_CODE, |min, code| min.min(*code));
    let max = codes.iter().fold(0, |max, code| max.max(*code));
    (!codes.is_empty()).then(|| (min.into(), max.into()))
}

/// Definition levels that are all the same: one run.
fn push_equal_levels(level: u32, n_rows: usize, out: &mut Vec<u8>) {
    let mut run = Vec::with_capacity(8);
    push_run(level, n_rows, 1, &mut run);
    out.extend_from_slice(&narrow::<u32>(run.len()).to_le_bytes());
    out.extend_from_slice(&run);
}

/// Definition levels of a flat column: their length in bytes, then 1 where there is a value.
fn push_levels(level: Level, levels: &[u32], out: &mut Vec<u8>) {
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    push_hybrid(level, levels, 1, out);
    let length = narrow::<u32>(out.len() - length_at - 4);
    out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The levels of a column that may have nulls, with their length before them.
    fn levels(values: &[Option<u32>], run_min: usize) -> Vec<u8> {
        let levels: Vec<u32> = values.iter().map(|value| u32::from(value.is_some())).collect();
        let mut bytes = Vec::new();
        let are_equal = levels.iter().all(|level| *level == levels[0]);
        if are_equal && run_min <= levels.len() {
            push_run(levels.first().copied().unwrap_or(1), levels.len(), 1, &mut bytes);
        } else {
            push_hybrid(Level::new(), &levels, 1, &mut bytes);
        }
        [&u32::try_from(bytes.len()).unwrap().to_le_bytes()[..], &bytes].concat()
    }

    fn check(page: &EncodedPage, encoder: &PageEncoder, values: &[Option<u32>], plain: &[u8]) {
        let numbers = || values.iter().flatten().map(|value| i128::from(*value));
        assert_eq!(page.summary.n_rows, values.len());
        assert_eq!(page.summary.n_nulls, values.len() - numbers().count());
        assert_eq!(page.summary.bounds, numbers().min().zip(numbers().max()));
        assert_eq!(encoder.plain, plain);
        assert_eq!(
            zstd::bulk::decompress(&encoder.bytes[page.place.clone()], plain.len()).unwrap(),
            plain
        );
    }

    proptest! {
        #[test]
        fn pages_are_levels_and_what_is_not_null(
            values in prop_oneof![
                prop::collection::vec(prop::option::of(0_u32..2), 0..60),
                prop::collection::vec(Just(None), 0..60),
                prop::collection::vec((0_u32..2).prop_map(Some), 0..60),
            ],
        ) {
            let mut encoder = PageEncoder::default();
            let known: Vec<u32> = values.iter().copied().flatten().collect();
            let mut codes = vec![1];
            push_hybrid(Level::new(), &known, 1, &mut codes);
            let bits = |eight: &[u32]| eight.iter().rev().fold(0, |bits, truth| bits << 1 | u8::from(*truth == 1));
            let truths: Vec<u8> = known.chunks(8).map(bits).collect();
            // Twice: nothing of a page is left in the next one.
            for _ in 0..2 {
                let page = encoder.of_codes(values.iter().map(|v| v.unwrap_or(NULL_CODE)), 1, PageNulls::Allowed).unwrap();
                check(&page, &encoder, &values, &[levels(&values, 0), codes.clone()].concat());
                let page = encoder.of_truths(values.iter().map(|v| v.map(|v| v == 1)), PageNulls::Allowed).unwrap();
                check(&page, &encoder, &values, &[levels(&values, RUN_MIN), truths.clone()].concat());
                let numbers = values.iter().map(|v| v.map(i64::from));
                let page = encoder.of_integers(numbers, IntegerWidth::Bits64, PageNulls::Allowed).unwrap();
                let mut plain = levels(&values, RUN_MIN);
                push_delta(Level::new(), &known.iter().copied().map(i64::from).collect::<Vec<_>>(), IntegerWidth::Bits64, &mut plain);
                check(&page, &encoder, &values, &plain);
                let page = encoder.of_decimals(values.iter().map(|v| v.map(i128::from)), PageNulls::Allowed).unwrap();
                let mut plain = levels(&values, RUN_MIN);
                known.iter().for_each(|value| plain.extend([vec![0; 12], value.to_be_bytes().to_vec()].concat()));
                check(&page, &encoder, &values, &plain);
            }
            if known.len() == values.len() {
                let page = encoder.of_codes(known.iter().copied(), 1, PageNulls::Never).unwrap();
                check(&page, &encoder, &values, &codes);
            }
        }
    }
}
