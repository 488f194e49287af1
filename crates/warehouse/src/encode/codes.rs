//! Codes: which values a row group uses, and the code of each in a sorted dictionary.

use streamledger_core::vocabulary::play::NONE;

use crate::encode::chunk::Values;

/// Codes of words that have ids: by id the code, [`NONE`] for an unused id or a word that is null.
#[derive(Debug)]
pub struct WordCodes {
    codes: Vec<u32>,
    /// The dictionary.
    pub values: Values,
    /// Bits of a code.
    pub width: u32,
}

impl WordCodes {
    /// Sorts the words of the used ids; equal words get one code.
    pub fn new<W: AsRef<[u8]>>(used: &[bool], word: impl Fn(usize) -> Option<W>) -> Self {
        let mut words: Vec<(W, usize)> = used
            .iter()
            .enumerate()
            .filter(|(_, used)| **used)
            .filter_map(|(id, _)| word(id).map(|word| (word, id)))
            .collect();
        words.sort_unstable_by(|(a, _), (b, _)| a.as_ref().cmp(b.as_ref()));
        let mut codes = vec![NONE; used.len()];
        let mut texts: Vec<Vec<u8>> = Vec::new();
        for (word, id) in &words {
            if texts.last().is_none_or(|last| last.as_slice() != word.as_ref()) {
                texts.push(word.as_ref().to_vec());
            }
            codes[*id] = u32::try_from(texts.len() - 1).unwrap_or(NONE);
        }
        let values = Values::Texts(texts);
        Self { codes, width: values.width(), values }
    }

    /// The code of an id; [`NONE`] for an id beyond all words.
    #[must_use]
    #[inline]
    pub fn code(&self, id: usize) -> u32 {
        self.codes.get(id).copied().unwrap_or(NONE)
    }
}

/// A dictionary of numbers is worth its while up to this many; beyond, differences are stored.
const NUMBERS_MAX: usize = 1 << 16;

/// Codes of numbers, if a row group has few different ones.
#[derive(Debug)]
pub struct NumberCodes {
    codes: hashbrown::HashMap<i64, u32, foldhash::fast::FixedState>,
    /// The dictionary, or [`Values::Plain`] where there are too many numbers for one.
    pub values: Values,
    /// Bits of a code.
    pub width: u32,
}

impl NumberCodes {
    /// Collects the different numbers.
    pub fn new(numbers: impl Iterator<Item = i64>) -> Self {
        let mut codes = hashbrown::HashMap::with_hasher(foldhash::fast::FixedState::with_seed(0));
        let mut last = None;
        for number in numbers {
            if last != Some(number) {
                codes.insert(number, 0);
                last = Some(number);
                if NUMBERS_MAX < codes.len() {
                    return Self { codes: Default::default(), values: Values::Plain, width: 0 };
                }
            }
        }
        let mut sorted: Vec<i64> = codes.keys().copied().collect();
        sorted.sort_unstable();
        for (code, number) in (0_u32..).zip(&sorted) {
            codes.insert(*number, code);
        }
        let values = Values::Numbers(sorted);
        Self { codes, width: values.width(), values }
    }

    /// The code of a number, [`NONE`] for null; `None` where there is no dictionary.
    #[must_use]
    #[inline]
    pub fn code(&self, number: Option<i64>) -> u32 {
        number.and_then(|number| self.codes.get(&number).copied()).unwrap_or(NONE)
    }

    /// Whether there is a dictionary.
    #[must_use]
    pub fn has_dictionary(&self) -> bool {
        matches!(self.values, Values::Numbers(_))
    }
}
