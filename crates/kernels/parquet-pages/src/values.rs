//! The values that the codes or bounds of a column stand for, and their dictionary page.

use std::borrow::Cow;

use parquet::basic::Type;

use crate::hybrid::width_for;
use crate::narrow;
use crate::page::{ZSTD_LEVEL, ZSTD_LEVEL_RANDOM};

/// Texts one after the other in one piece of memory.
#[derive(Debug, Default)]
pub struct TextList {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl TextList {
    /// Appends a text.
    #[inline]
    pub fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(narrow::<u32>(self.bytes.len()));
    }

    /// The text at a place.
    #[must_use]
    #[inline]
    pub fn get(&self, place: usize) -> Option<&[u8]> {
        let end = *self.ends.get(place)? as usize;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        self.bytes.get(start..end)
    }

    /// Number of texts.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of the texts in a dictionary page, each after its length.
    #[must_use]
    pub fn plain_bytes(&self) -> usize {
        self.bytes.len() + self.len() * size_of::<u32>()
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

/// What the codes or bounds of a column's pages mean.
#[derive(Debug)]
pub enum ColumnValues<'a> {
    /// Codes of these texts, ascending.
    Texts(TextList),
    /// Codes of these hashes, ascending.
    Hashes(Cow<'a, [[u8; 16]]>),
    /// Codes of these numbers, ascending.
    Numbers(Vec<i64>),
    /// Codes of these decimals, ascending.
    Decimals(Vec<i128>),
    /// The numbers themselves.
    Plain,
}

impl ColumnValues<'_> {
    /// Bits of a code.
    #[must_use]
    pub fn width(&self) -> u32 {
        let n_values = match self {
            Self::Texts(texts) => texts.len(),
            Self::Hashes(hashes) => hashes.len(),
            Self::Numbers(numbers) => numbers.len(),
            Self::Decimals(decimals) => decimals.len(),
            Self::Plain => 0,
        };
        width_for(narrow::<u32>(n_values.saturating_sub(1)))
    }

    /// How hard to look for what can be made smaller.
    pub(crate) fn zstd_level(&self) -> i32 {
        if matches!(self, Self::Hashes(_)) { ZSTD_LEVEL_RANDOM } else { ZSTD_LEVEL }
    }

    /// A page's bound as a value: of the texts by code, of numbers as `INT32`, `INT64` or sixteen bytes.
    pub(crate) fn bytes_of(&self, bound: i128, physical: Type) -> Vec<u8> {
        let number = match self {
            Self::Texts(texts) => return texts.get(narrow(bound)).unwrap_or_default().to_vec(),
            Self::Hashes(hashes) => return hashes[narrow::<usize>(bound)].to_vec(),
            Self::Numbers(numbers) => numbers[narrow::<usize>(bound)].into(),
            Self::Decimals(decimals) => decimals[narrow::<usize>(bound)],
            Self::Plain => bound,
        };
        let le = number.to_le_bytes();
        match physical {
            Type::INT32 => le[..4].to_vec(),
            Type::BOOLEAN => le[..1].to_vec(),
            Type::FIXED_LEN_BYTE_ARRAY => number.to_be_bytes().to_vec(),
            _ => le[..8].to_vec(),
        }
    }

    /// The dictionary page's bytes and number of values; `None` without a dictionary.
    pub(crate) fn dictionary(&self, physical: Type) -> Option<(Cow<'_, [u8]>, usize)> {
        let mut bytes = Vec::new();
        match self {
            Self::Plain => None,
            Self::Numbers(numbers) => {
                let length = if physical == Type::INT32 { 4 } else { 8 };
                numbers.iter().for_each(|n| bytes.extend_from_slice(&n.to_le_bytes()[..length]));
                Some((bytes.into(), numbers.len()))
            }
            Self::Decimals(decimals) => {
                decimals.iter().for_each(|decimal| bytes.extend(decimal.to_be_bytes()));
                Some((bytes.into(), decimals.len()))
            }
            // Of one length, they are the page as they lie.
            Self::Hashes(hashes) => Some((hashes.as_flattened().into(), hashes.len())),
            Self::Texts(texts) => {
                bytes.reserve_exact(texts.plain_bytes());
                for text in texts.iter() {
                    let length = narrow::<u32>(text.len());
                    bytes.extend_from_slice(&length.to_le_bytes());
                    bytes.extend_from_slice(text);
                }
                Some((bytes.into(), texts.len()))
            }
        }
    }
}
