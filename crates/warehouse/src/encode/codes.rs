//! Codes: which values a row group uses, and the code of each in a sorted dictionary.

use streamledger_core::vocabulary::listener::Listener;
use streamledger_core::vocabulary::play::NONE;

use crate::encode::chunk::Values;

/// Texts one after the other in one piece of memory.
#[derive(Debug, Default)]
pub struct TextList {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl TextList {
    /// Appends a text.
    pub fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    /// The text at a place.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&[u8]> {
        let end = *self.ends.get(place)? as usize;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        self.bytes.get(start..end)
    }

    /// Number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The texts in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|place| self.get(place))
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for TextList {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut list = Self::default();
        texts.into_iter().for_each(|text| list.push(text.as_ref()));
        list
    }
}

/// Codes of words that have ids: by id the code, [`NONE`] for an unused id or a word that is null.
#[derive(Debug)]
pub struct WordCodes {
    codes: Vec<u32>,
    /// The code of all used ids, where it is the same, which is also so if all are null.
    pub uniform: Option<u32>,
    /// The dictionary.
    pub values: Values,
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
        let mut codes = vec![NONE; used.len()];
        let mut texts = TextList::default();
        for (_, id) in entries {
            let Some(word) = word(id as usize) else {
                continue;
            };
            let last = texts.len().checked_sub(1).and_then(|last| texts.get(last));
            if last != Some(word.as_ref()) {
                texts.push(word.as_ref());
            }
            codes[id as usize] = u32::try_from(texts.len() - 1).unwrap_or(NONE);
        }
        let values = Values::Texts(texts);
        let mut used_codes =
            codes.iter().zip(used).filter(|(_, used)| **used).map(|(code, _)| code);
        let first = used_codes.next().copied();
        let uniform = first.filter(|first| used_codes.all(|code| code == first));
        Self { uniform, width: values.width(), values, codes }
    }

    /// The code of an id; [`NONE`] for an id beyond all words.
    #[must_use]
    #[inline]
    pub fn code(&self, id: usize) -> u32 {
        self.codes.get(id).copied().unwrap_or(NONE)
    }
}

/// Codes of listeners, who stand in order already.
#[derive(Debug)]
pub struct ListenerCodes {
    /// By place the code; `None` where each listener is used, so that places are codes.
    codes: Option<Vec<u32>>,
    n_listeners: u32,
    /// The dictionary.
    pub values: Values,
    /// Bits of a code.
    pub width: u32,
}

impl ListenerCodes {
    /// Codes of the used ones of these listeners, which ascend.
    #[must_use]
    pub fn new(used: &[bool], listeners: &[Listener]) -> Self {
        let is_used = |place: usize| used.get(place).copied().unwrap_or(false);
        let codes = (!used.iter().all(|used| *used)).then(|| {
            let mut next = 0;
            let next_code = |used: &bool| {
                let code = if *used { next } else { NONE };
                next += u32::from(*used);
                code
            };
            used.iter().map(next_code).collect()
        });
        let values = Values::Listeners(match codes {
            None => listeners.to_vec(),
            Some(_) => {
                let places = listeners.iter().enumerate();
                places.filter(|(place, _)| is_used(*place)).map(|(_, l)| *l).collect()
            }
        });
        let n_listeners = u32::try_from(listeners.len()).unwrap_or(NONE);
        Self { codes, n_listeners, width: values.width(), values }
    }

    /// The code of a listener by place; [`NONE`] for none.
    #[must_use]
    #[inline]
    pub fn code(&self, place: u32) -> u32 {
        match &self.codes {
            None if place < self.n_listeners => place,
            None => NONE,
            Some(codes) => codes.get(place as usize).copied().unwrap_or(NONE),
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
const NUMBERS_MAX: usize = 1 << 16;

/// Numbers that lie further apart than this get no dictionary: their codes are looked up in a bit map.
const RANGE_MAX: u64 = 1 << 23;

/// Codes of numbers, if a row group has few different ones that lie close together.
#[derive(Debug)]
pub struct NumberCodes {
    smallest: i64,
    /// A bit for each number from the smallest on that occurs, and how many come before each word.
    words: Vec<(u64, u32)>,
    /// The dictionary, or [`Values::Plain`] where there is none.
    pub values: Values,
    /// Bits of a code.
    pub width: u32,
}

impl NumberCodes {
    /// Looks through the numbers, twice.
    pub fn new(numbers: impl Iterator<Item = i64> + Clone) -> Self {
        let plain = Self { smallest: 0, words: Vec::new(), values: Values::Plain, width: 0 };
        let (smallest, largest) =
            numbers.clone().fold((i64::MAX, i64::MIN), |(min, max), n| (min.min(n), max.max(n)));
        if largest < smallest {
            return Self { values: Values::Numbers(Vec::new()), width: 1, ..plain };
        }
        let range = largest.abs_diff(smallest);
        if RANGE_MAX < range {
            return plain;
        }
        let n_words = usize::try_from(range / 64).unwrap_or(usize::MAX) + 1;
        let mut words = vec![(0_u64, 0_u32); n_words];
        for number in numbers {
            let place = number.abs_diff(smallest);
            words[usize::try_from(place / 64).unwrap_or(usize::MAX)].0 |= 1 << (place % 64);
        }
        let mut sorted = Vec::new();
        for (place, (bits, before)) in (0_i64..).zip(&mut words) {
            *before = u32::try_from(sorted.len()).unwrap_or(NONE);
            let mut left = *bits;
            while left != 0 {
                sorted.push(smallest + place * 64 + i64::from(left.trailing_zeros()));
                left &= left - 1;
            }
        }
        if NUMBERS_MAX < sorted.len() {
            return plain;
        }
        let values = Values::Numbers(sorted);
        Self { smallest, words, width: values.width(), values }
    }

    /// The code of a number that was looked at, [`NONE`] for null.
    #[must_use]
    #[inline]
    pub fn code(&self, number: Option<i64>) -> u32 {
        let Some(number) = number else { return NONE };
        let place = number.abs_diff(self.smallest);
        let word = usize::try_from(place / 64).ok().and_then(|word| self.words.get(word));
        let Some((bits, before)) = word else {
            return NONE;
        };
        before + (bits & ((1 << (place % 64)) - 1)).count_ones()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_stands_at_its_code(numbers in prop::collection::vec(-5_000_i64..5_000, 1..200)) {
            let codes = NumberCodes::new(numbers.iter().copied());
            let Values::Numbers(dictionary) = &codes.values else { panic!("no dictionary") };
            prop_assert_eq!(dictionary.clone(), numbers.iter().copied().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
            for number in numbers {
                prop_assert_eq!(dictionary[codes.code(Some(number)) as usize], number);
            }
            prop_assert_eq!(codes.code(None), NONE);
        }

        #[test]
        fn a_word_stands_at_its_code(words in prop::collection::vec(prop::option::of("[ab\u{0}]{0,12}"), 1..60)) {
            let used: Vec<bool> = (0..words.len()).map(|id| id % 3 != 0).collect();
            let codes = WordCodes::new(&used, |id| words[id].as_deref());
            let Values::Texts(dictionary) = &codes.values else { panic!("no dictionary") };
            prop_assert!(dictionary.iter().is_sorted_by(|a, b| a < b));
            for (id, word) in words.iter().enumerate() {
                let expected = word.as_deref().filter(|_| used[id]).map(str::as_bytes);
                prop_assert_eq!(dictionary.get(codes.code(id) as usize), expected);
            }
        }
    }

    #[test]
    fn numbers_far_apart_or_too_many_have_no_dictionary() {
        let has_dictionary = |codes: &NumberCodes| matches!(codes.values, Values::Numbers(_));
        assert!(!has_dictionary(&NumberCodes::new([0, 1 << 40].into_iter())));
        assert!(!has_dictionary(&NumberCodes::new(0..70_000)));
        assert!(has_dictionary(&NumberCodes::new(0..65_536)));
        assert!(has_dictionary(&NumberCodes::new(std::iter::empty())));
        assert!(!has_dictionary(&NumberCodes::new([i64::MIN, i64::MAX].into_iter())));
    }
}
