//! Interning: raw bytes to small ids, so that text is read, checked and hashed once a report and not
//! once a row.
//!
//! The table holds where the bytes lie and part of their hash, so that a hit touches two cache lines:
//! the slot and the bytes. Which id a text gets depends on the order of rows; ids never leave a run.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Raw bytes to ids counted from 0.
#[derive(Debug, Default)]
pub struct Interner {
    slots: HashTable<Slot>,
    /// Each key: its length in four bytes, then its bytes.
    bytes: Vec<u8>,
}

/// Twelve bytes, so that a table of a million listeners stays near the cache.
#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u32,
    offset: u32,
    id: u32,
}

/// The table wants 64 bits, of which it uses the upper ones for a first look and the lower ones for
/// the place: half a hash, twice.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

impl Interner {
    /// The id of bytes that were interned before; else the hash under which to [`Self::insert`] them.
    ///
    /// # Errors
    /// The hash, where the bytes are new.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Result<u32, u32> {
        let hash = hash(key);
        let found = self.slots.find(spread(hash), |slot| {
            slot.hash == hash && {
                let known = &self.bytes[slot.offset as usize..];
                match (known.split_first_chunk::<4>(), key.len()) {
                    (Some((length, known)), n) => {
                        u32::from_le_bytes(*length) as usize == n && same_bytes(&known[..n], key)
                    }
                    (None, _) => false,
                }
            }
        });
        found.map(|slot| slot.id).ok_or(hash)
    }

    /// Gives new bytes the next id; `hash` is what [`Self::find`] returned for them.
    pub fn insert(&mut self, hash: u32, key: &[u8]) -> u32 {
        let id = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let offset = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.slots.insert_unique(spread(hash), Slot { hash, offset, id }, |slot| spread(slot.hash));
        id
    }

    /// Number of different keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing was interned yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// About how much memory this takes, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.capacity() + self.slots.capacity() * (size_of::<Slot>() + 1)
    }
}

/// Remembers what short keys mean, exactly, in a table that stays in the first-level cache. For
/// columns with few different words: a hit costs a look at one entry and no hash of bytes.
#[derive(Debug)]
pub struct ShortMemory {
    entries: Vec<ShortEntry>,
}

#[derive(Debug, Clone, Copy, Default)]
struct ShortEntry {
    first: u128,
    second: u128,
    /// Lengths of both keys, so that no key is another one's beginning; 0 for an empty entry.
    lengths: u16,
    id: u16,
}

const SHORT_ENTRIES: usize = 256;

impl Default for ShortMemory {
    fn default() -> Self {
        Self { entries: vec![ShortEntry::default(); SHORT_ENTRIES] }
    }
}

impl ShortMemory {
    /// What two keys mean together; the place to [`Self::remember`] it at where that is not known,
    /// `None` where a key is longer than 16 bytes.
    ///
    /// # Errors
    /// The place, where the keys are short and their meaning is not known.
    #[inline]
    pub fn recall(&self, first: &[u8], second: &[u8]) -> Result<u16, Option<ShortKeys>> {
        let (Some(first_word), Some(second_word)) = (short_word(first), short_word(second)) else {
            return Err(None);
        };
        let lengths = (first.len() << 8 | second.len() | 0x8000) & 0xffff;
        let keys = ShortKeys {
            first: first_word,
            second: second_word,
            lengths: u16::try_from(lengths).unwrap_or_default(),
        };
        let entry = &self.entries[keys.place()];
        let is_known =
            (entry.first, entry.second, entry.lengths) == (keys.first, keys.second, keys.lengths);
        if is_known { Ok(entry.id) } else { Err(Some(keys)) }
    }

    /// Remembers what keys mean, in place of whatever was there.
    pub fn remember(&mut self, keys: Option<ShortKeys>, id: u16) {
        if let Some(keys) = keys {
            let ShortKeys { first, second, lengths } = keys;
            self.entries[keys.place()] = ShortEntry { first, second, lengths, id };
        }
    }
}

/// Two short keys.
#[derive(Debug, Clone, Copy)]
pub struct ShortKeys {
    first: u128,
    second: u128,
    lengths: u16,
}

impl ShortKeys {
    #[inline]
    fn place(self) -> usize {
        let [low, high] =
            [self.first ^ self.second.rotate_left(61), self.first >> 64].map(|word| {
                let bytes = word.to_le_bytes();
                u64::from_le_bytes([
                    bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
                ])
            });
        // The golden ratio's bits spread what differs in a few characters.
        let mixed = (low ^ high.rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        usize::from(mixed.to_le_bytes()[7])
    }
}

/// Up to 16 bytes as one number; keys of one length have one number only if they are equal.
#[inline]
fn short_word(key: &[u8]) -> Option<u128> {
    let halves = |a: u64, b: u64| u128::from(b) << 64 | u128::from(a);
    if let (Some(first), Some(last)) = (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        return (key.len() <= 16)
            .then(|| halves(u64::from_le_bytes(*first), u64::from_le_bytes(*last)));
    }
    if let (Some(first), Some(last)) = (key.first_chunk::<4>(), key.last_chunk::<4>()) {
        let word = |four: &[u8; 4]| u64::from(u32::from_le_bytes(*four));
        return Some(halves(word(first), word(last)));
    }
    Some(key.iter().fold(0, |word, byte| word << 8 | u128::from(*byte)))
}

/// Compares keys of equal length eight bytes at a time: most are too short to call a library for.
#[inline]
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    let (a_words, a_rest) = a.as_chunks::<8>();
    let (b_words, b_rest) = b.as_chunks::<8>();
    a_words.iter().zip(b_words).all(|(a, b)| u64::from_le_bytes(*a) == u64::from_le_bytes(*b))
        && a_rest.iter().zip(b_rest).all(|(a, b)| a == b)
}

#[inline]
fn hash(key: &[u8]) -> u32 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    hasher.write(key);
    let hash = hasher.finish();
    let [a, b, c, d, e, f, g, h] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d]) ^ u32::from_le_bytes([e, f, g, h])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equal_bytes_have_one_id_and_others_another(keys in prop::collection::vec("[ab]{0,3}", 0..60)) {
            let mut interner = Interner::default();
            let mut ids = BTreeMap::new();
            for key in &keys {
                let id = interner.find(key.as_bytes()).unwrap_or_else(|hash| interner.insert(hash, key.as_bytes()));
                let n_ids = u32::try_from(ids.len()).unwrap();
                prop_assert_eq!(*ids.entry(key.clone()).or_insert(n_ids), id);
            }
            prop_assert_eq!(interner.len(), ids.len());
        }

        #[test]
        fn short_keys_are_recalled_exactly(keys in prop::collection::vec(("[ab]{0,18}", "[ab]{0,3}"), 0..200)) {
            let mut memory = ShortMemory::default();
            for (id, (first, second)) in (0_u16..).zip(&keys) {
                match memory.recall(first.as_bytes(), second.as_bytes()) {
                    Ok(known) => prop_assert_eq!(&keys[usize::from(known)], &(first.clone(), second.clone())),
                    Err(place) => {
                        prop_assert_eq!(place.is_none(), 16 < first.len());
                        memory.remember(place, id);
                    }
                }
            }
        }
    }
}
