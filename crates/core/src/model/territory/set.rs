//! A set of territories that is filled row by row: a bit for each code of two letters.

use std::collections::BTreeSet;

use crate::model::territory::Territory;
use crate::numbers::exact;

/// Letters of the alphabet.
const LETTERS: u16 = 26;

/// Words of 64 bits that hold a bit for each code.
const N_WORDS: usize = 11;

/// Territories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TerritorySet([u64; N_WORDS]);

impl TerritorySet {
    /// Adds a packed territory; 0 is none, and adds nothing.
    #[inline]
    pub fn insert(&mut self, packed: u16) {
        let [first, second] = packed.to_be_bytes().map(|letter| u16::from(letter) & 31);
        // Letters count from 1; what is none gets the first bit, which no code has.
        let bit = usize::from(first.wrapping_sub(1).wrapping_mul(LETTERS).wrapping_add(second));
        let bit = if packed == 0 { 0 } else { bit };
        if let Some(word) = self.0.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    /// Adds those of another set.
    pub fn extend(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, more)| *word |= more);
    }

    /// The territories.
    #[must_use]
    pub fn territories(&self) -> BTreeSet<Territory> {
        let letter = |place: u16| b'A' + exact::<u8>(place);
        let codes = (0..LETTERS).flat_map(|first| (1..=LETTERS).map(move |second| (first, second)));
        codes
            .filter(|(first, second)| {
                let bit = usize::from(first * LETTERS + second);
                self.0.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
            })
            .map(|(first, second)| u16::from_be_bytes([letter(first), letter(second - 1)]))
            .filter_map(Territory::from_packed)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_two_letters_comes_back_and_no_other() {
        let all: Vec<[u8; 2]> =
            (b'A'..=b'Z').flat_map(|one| (b'A'..=b'Z').map(move |other| [one, other])).collect();
        let mut sum = TerritorySet::default();
        for code in &all {
            let mut set = TerritorySet::default();
            set.insert(0);
            assert!(set.territories().is_empty());
            set.insert(u16::from_be_bytes(*code));
            let found: Vec<[u8; 2]> = set.territories().iter().map(|t| t.to_text()).collect();
            assert_eq!(found, [*code]);
            sum.extend(&set);
        }
        assert_eq!(sum.territories().len(), all.len());
    }
}
