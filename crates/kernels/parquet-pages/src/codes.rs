//! Codes: which values a row group uses, and the code of each in a sorted dictionary.

use crate::delta::IntegerWidth;
use crate::page::{EncodedPage, PageEncoder, PageNulls};
use crate::values::{ColumnValues, TextList};
use crate::{NULL_CODE, narrow};

/// Codes of words that have ids: by id the code, [`NULL_CODE`] for an unused id or a word that is null.
#[derive(Debug)]
pub struct WordCodes {
    codes: Vec<u32>,
    /// The code of all used ids, where it is the same, which is also so if all are null.
    pub uniform: Option<u32>,
    /// The dictionary.
    pub values: ColumnValues<'static>,
    /// Bits of a code.
    pub width: u32,
}

impl WordCodes {
    /// Sorts the words of the used ids; equal words get one code.
    pub fn new<W: AsRef<[u8]>>(used: &[bool], word: impl Fn(usize) -> Option<W>) -> Self {
        // Most words differ in their first eight bytes, which compare as one number.
        let mut entries: Vec<(u64, u32)> = Vec::new();
        for (id, _) in (0_u32..).zip(used).filter(|(_, used)| **used) {
            entries.extend(word(id as usize).map(|word| (leading(word.as_ref()), id)));
        }
        let compare = |a: u32, b: u32| {
            let (a, b) = (word(a as usize), word(b as usize));
            a.as_ref().map(AsRef::as_ref).cmp(&b.as_ref().map(AsRef::as_ref))
        };
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| compare(a.1, b.1)));
        let mut codes = vec![NULL_CODE; used.len()];
        let mut texts = TextList::default();
        for (_, id) in entries {
            let Some(word) = word(id as usize) else {
                continue;
            };
            let last = texts.len().checked_sub(1).and_then(|last| texts.get(last));
            if last != Some(word.as_ref()) {
                texts.push(word.as_ref());
            }
            codes[id as usize] = narrow::<u32>(texts.len() - 1);
        }
        Self::with_texts(codes, used, texts)
    }

    /// The same for words that are packed in numbers which order as they do.
    pub fn of_packed<W: AsRef<[u8]>>(
        used: &[bool],
        packed: impl Fn(usize) -> Option<u64>,
        word: impl Fn(u64) -> W,
    ) -> Self {
        let used_ids = (0_u32..).zip(used).filter(|(_, used)| **used);
        let mut entries: Vec<(u64, u32)> =
            used_ids.filter_map(|(id, _)| Some((packed(id as usize)?, id))).collect();
        entries.sort_unstable();
        let mut codes = vec![NULL_CODE; used.len()];
        let mut texts = TextList::default();
        for (code, same) in (0_u32..).zip(entries.chunk_by(|a, b| a.0 == b.0)) {
            texts.push(word(same[0].0).as_ref());
            same.iter().for_each(|(_, id)| codes[*id as usize] = code);
        }
        Self::with_texts(codes, used, texts)
    }

    fn with_texts(codes: Vec<u32>, used: &[bool], texts: TextList) -> Self {
        let values = ColumnValues::Texts(texts);
        let mut used_codes =
            codes.iter().zip(used).filter(|(_, used)| **used).map(|(code, _)| code);
        let first = used_codes.next().copied();
        let uniform = first.filter(|first| used_codes.all(|code| code == first));
        Self { uniform, width: values.width(), values, codes }
    }

    /// The code of an id; [`NULL_CODE`] for an id beyond all words.
    #[must_use]
    #[inline]
    pub fn code(&self, id: usize) -> u32 {
        self.codes.get(id).copied().unwrap_or(NULL_CODE)
    }

    /// A page of words by their ids.
    ///
    /// # Errors
    /// If zstd fails.
    pub fn page(
        &self,
        encoder: &mut PageEncoder,
        ids: impl ExactSizeIterator<Item = usize>,
        nulls: PageNulls,
    ) -> std::io::Result<EncodedPage> {
        match self.uniform {
            Some(code) => encoder.of_equal_codes(code, ids.len(), self.width, nulls),
            None => encoder.of_codes(ids.map(|id| self.code(id)), self.width, nulls),
        }
    }
}

/// Codes of hashes of sixteen bytes, which stand in order already.
#[derive(Debug)]
pub struct HashCodes<'a> {
    /// By place the code; `None` where each hash is used, so that places are codes.
    codes: Option<Vec<u32>>,
    n_hashes: u32,
    /// The dictionary.
    pub values: ColumnValues<'a>,
    /// Bits of a code.
    pub width: u32,
}

impl<'a> HashCodes<'a> {
    /// Codes of the used ones of these hashes, which ascend.
    #[must_use]
    pub fn new(used: &[bool], hashes: &'a [[u8; 16]]) -> Self {
        let is_used = |place: usize| used.get(place).copied().unwrap_or(false);
        let codes = (!used.iter().all(|used| *used)).then(|| {
            let mut next = 0;
            let next_code = |used: &bool| {
                let code = if *used { next } else { NULL_CODE };
                next += u32::from(*used);
                code
            };
            used.iter().map(next_code).collect()
        });
        let values = ColumnValues::Hashes(if codes.is_none() {
            hashes.into()
        } else {
            let places = hashes.iter().enumerate();
            places.filter(|(place, _)| is_used(*place)).map(|(_, hash)| *hash).collect()
        });
        let n_hashes = narrow::<u32>(hashes.len());
        Self { codes, n_hashes, width: values.width(), values }
    }

    /// The code of a hash by place; [`NULL_CODE`] for none.
    #[must_use]
    #[inline]
    pub fn code(&self, place: u32) -> u32 {
        match &self.codes {
            None if place < self.n_hashes => place,
            None => NULL_CODE,
            Some(codes) => codes.get(place as usize).copied().unwrap_or(NULL_CODE),
        }
    }
}

/// The first eight bytes as a number that orders as they do; shorter words end in zeros.
fn leading(word: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = word.len().min(8);
    bytes[..length].copy_from_slice(&word[..length]);
    u64::from_be_bytes(bytes)
}

/// A dictionary of numbers is worth its while up to this many; beyond, differences are stored.
const NUMBERS_MAX: u32 = 1 << 16;

/// Numbers that lie further apart than this get no dictionary: their codes are looked up in a bit map.
const RANGE_MAX: u64 = 1 << 23;

/// The different numbers of a column, until they get codes.
#[derive(Debug, Default)]
pub struct NumberSet {
    /// A bit for each number from 0 to [`RANGE_MAX`] that occurs; all that are greater do not.
    bits: Vec<u64>,
    /// Numbers that are less or greater, as they came.
    others: Vec<i64>,
}

impl NumberSet {
    /// Adds a number.
    #[inline]
    pub fn insert(&mut self, number: i64) {
        match usize::try_from(number) {
            Ok(place) if number.unsigned_abs() <= RANGE_MAX => {
                if self.bits.len() <= place / 64 {
                    self.bits.resize(place / 64 + 1, 0);
                }
                self.bits[place / 64] |= 1 << (place % 64);
            }
            _ => self.others.push(number),
        }
    }

    /// A number and bits for those from it on; `None` if they lie too far apart.
    fn into_bits(self) -> Option<(i64, Vec<u64>)> {
        let small = ones(0, &self.bits);
        if self.others.is_empty() {
            let n_skipped = self.bits.iter().take_while(|bits| **bits == 0).count();
            let start = narrow::<i64>(n_skipped * 64);
            return Some((start, self.bits[n_skipped..].to_vec()));
        }
        let numbers = || small.clone().chain(self.others.iter().copied());
        let (smallest, largest) =
            numbers().fold((i64::MAX, i64::MIN), |(min, max), n| (min.min(n), max.max(n)));
        let place = |number: i64| narrow::<usize>(number.abs_diff(smallest));
        if RANGE_MAX < largest.abs_diff(smallest) {
            return None;
        }
        let mut bits = vec![0; place(largest) / 64 + 1];
        numbers().for_each(|number| bits[place(number) / 64] |= 1 << (place(number) % 64));
        Some((smallest, bits))
    }
}

impl FromIterator<i64> for NumberSet {
    fn from_iter<I: IntoIterator<Item = i64>>(numbers: I) -> Self {
        let mut set = Self::default();
        numbers.into_iter().for_each(|number| set.insert(number));
        set
    }
}

/// The numbers whose bits are set, the first bit being that of `start`.
fn ones(start: i64, bits: &[u64]) -> impl Iterator<Item = i64> + Clone {
    let of_word = move |(place, bits): (i64, &u64)| {
        let next = |left: &u64| Some(left & (left - 1)).filter(|left| *left != 0);
        std::iter::successors(Some(*bits).filter(|bits| *bits != 0), next)
            .map(move |left| start + place * 64 + i64::from(left.trailing_zeros()))
    };
    (0_i64..).zip(bits).flat_map(of_word)
}

/// Codes of numbers, if a row group has few different ones that lie close together.
#[derive(Debug)]
pub struct NumberCodes {
    /// The number of the first bit.
    start: i64,
    /// A bit for each number that occurs, and how many come before each word.
    words: Vec<(u64, u32)>,
    /// The dictionary, or [`ColumnValues::Plain`] where there is none.
    pub values: ColumnValues<'static>,
    /// Bits of a code.
    pub width: u32,
}

impl NumberCodes {
    /// Codes of these numbers.
    #[must_use]
    pub fn new(numbers: NumberSet) -> Self {
        let plain = Self { start: 0, words: Vec::new(), values: ColumnValues::Plain, width: 0 };
        let Some((start, bits)) = numbers.into_bits() else {
            return plain;
        };
        let mut n_before = 0;
        let with_before = |bits: u64| {
            let before = n_before;
            n_before += bits.count_ones();
            (bits, before)
        };
        let words = bits.iter().copied().map(with_before).collect();
        if NUMBERS_MAX < n_before {
            return plain;
        }
        let values = ColumnValues::Numbers(ones(start, &bits).collect());
        Self { start, words, width: values.width(), values }
    }

    /// The code of a number that was looked at, [`NULL_CODE`] for null.
    #[must_use]
    #[inline]
    pub fn code(&self, number: Option<i64>) -> u32 {
        let Some(number) = number else { return NULL_CODE };
        let place = number.abs_diff(self.start);
        let word = usize::try_from(place / 64).ok().and_then(|word| self.words.get(word));
        let Some((bits, before)) = word else {
            return NULL_CODE;
        };
        before + (bits & ((1 << (place % 64)) - 1)).count_ones()
    }

    /// A page of numbers that were looked at: codes where they have a dictionary, else differences in 64
    /// bits. Numbers of an `INT32` column must have one.
    ///
    /// # Errors
    /// If zstd fails.
    pub fn page(
        &self,
        encoder: &mut PageEncoder,
        numbers: impl ExactSizeIterator<Item = Option<i64>>,
        nulls: PageNulls,
    ) -> std::io::Result<EncodedPage> {
        match &self.values {
            ColumnValues::Numbers(dictionary) => match dictionary.len() {
                0 => encoder.of_equal_codes(NULL_CODE, numbers.len(), self.width, nulls),
                1 if nulls == PageNulls::Never => {
                    encoder.of_equal_codes(0, numbers.len(), self.width, nulls)
                }
                _ => encoder.of_codes(numbers.map(|n| self.code(n)), self.width, nulls),
            },
            _ => encoder.of_integers(numbers, IntegerWidth::Bits64, nulls),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_stands_at_its_code(
            numbers in prop::collection::vec(-5_000_i64..5_000, 1..200),
            offset in prop::sample::select(vec![0, 5_000, 100_000, 1 << 23, -9_000, 1 << 40, i64::MAX - 5_000, i64::MIN + 5_000]),
        ) {
            let numbers: Vec<i64> = numbers.into_iter().map(|number| number + offset).collect();
            let codes = NumberCodes::new(numbers.iter().copied().collect());
            let ColumnValues::Numbers(dictionary) = &codes.values else { panic!("no dictionary") };
            prop_assert_eq!(dictionary.clone(), numbers.iter().copied().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
            for number in numbers {
                prop_assert_eq!(dictionary[codes.code(Some(number)) as usize], number);
            }
            prop_assert_eq!(codes.code(None), NULL_CODE);
        }

        #[test]
        fn a_word_stands_at_its_code(words in prop::collection::vec(prop::option::of("[ab\u{0}]{0,12}"), 1..60)) {
            let used: Vec<bool> = (0..words.len()).map(|id| id % 3 != 0).collect();
            let codes = WordCodes::new(&used, |id| words[id].as_deref());
            let ColumnValues::Texts(dictionary) = &codes.values else { panic!("no dictionary") };
            prop_assert!(dictionary.iter().is_sorted_by(|a, b| a < b));
            for (id, word) in words.iter().enumerate() {
                let expected = word.as_deref().filter(|_| used[id]).map(str::as_bytes);
                prop_assert_eq!(dictionary.get(codes.code(id) as usize), expected);
            }
        }
    }

    proptest! {
        #[test]
        fn packed_words_have_the_codes_of_their_texts(
            numbers in prop::collection::vec(prop::option::of(0_u64..40), 0..60),
        ) {
            let text = |number: u64| format!("{number:02}");
            let used: Vec<bool> = (0..numbers.len()).map(|id| id % 3 != 0).collect();
            let packed = WordCodes::of_packed(&used, |id| numbers[id], text);
            let plain = WordCodes::new(&used, |id| numbers[id].map(text));
            let shown = |codes: &WordCodes| format!("{codes:?}");
            prop_assert_eq!(shown(&packed), shown(&plain));
        }
    }

    #[test]
    fn numbers_far_apart_or_too_many_have_no_dictionary() {
        let has_dictionary = |codes: &NumberCodes| matches!(codes.values, ColumnValues::Numbers(_));
        let of = |numbers: &[i64]| NumberCodes::new(numbers.iter().copied().collect());
        assert!(!has_dictionary(&of(&[0, 1 << 40])));
        assert!(!has_dictionary(&NumberCodes::new((0..70_000).collect())));
        assert!(has_dictionary(&NumberCodes::new((0..65_536).collect())));
        assert!(!has_dictionary(&NumberCodes::new((-1..65_536).collect())));
        assert!(has_dictionary(&of(&[])));
        assert!(has_dictionary(&of(&[-1, (1 << 23) - 1])));
        assert!(!has_dictionary(&of(&[-1, 1 << 23])));
        assert!(has_dictionary(&of(&[0, 1 << 23])));
        assert!(!has_dictionary(&of(&[0, (1 << 23) + 1])));
        assert!(!has_dictionary(&of(&[i64::MIN, i64::MAX])));
    }
}
