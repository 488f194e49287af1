//! Interning: raw bytes to small ids, so that text is read, checked and hashed once a report and not
//! once a row.
//!
//! The table holds where the bytes lie and part of their hash, so that a hit touches two cache lines:
//! the slot and the bytes. Which id a text gets depends on the order of rows; ids never leave a run.

use std::hash::{BuildHasher as _, Hasher as _};
use std::hint::black_box;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::numbers::exact;

/// Raw bytes to ids counted from 0.
#[derive(Debug, Default)]
pub struct Interner {
    slots: HashTable<CellSlot>,
    /// Each key: its length in four bytes, then its bytes.
    bytes: Vec<u8>,
}

/// Twelve bytes, so that a table of many tracks stays near the cache.
#[derive(Debug, Clone, Copy)]
struct CellSlot {
    hash: u32,
    offset: u32,
    id: u32,
}

/// A key that was found by its hash alone.
#[derive(Debug, Clone, Copy)]
pub struct CellCandidate(CellSlot);

impl CellCandidate {
    /// The id, if it is the key.
    #[must_use]
    pub fn id(self) -> u32 {
        self.0.id
    }
}

/// The table wants 64 bits, of which it uses the upper ones for a first look and the lower ones for
/// the place: half a hash, twice.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// Room for so many keys is kept when they are forgotten.
const SLOTS_KEPT: usize = 1 << 8;

/// Bytes that come into the cache together.
const CACHE_LINE_BYTES: usize = 64;

/// Whether bytes of one length are the same. Keys are a few dozen bytes, for which a call takes longer
/// than to compare them.
#[inline]
fn are_same(a: &[u8], b: &[u8]) -> bool {
    const AT_ONCE: usize = 16;
    let (Some(last_a), Some(last_b)) = (a.last_chunk::<AT_ONCE>(), b.last_chunk::<AT_ONCE>())
    else {
        return a == b;
    };
    let number = |bytes: &[u8; AT_ONCE]| u128::from_le_bytes(*bytes);
    let difference = |(a, b)| number(a) ^ number(b);
    let (whole_a, whole_b) = (a.as_chunks::<AT_ONCE>().0, b.as_chunks::<AT_ONCE>().0);
    let differences = whole_a.iter().zip(whole_b).map(difference);
    differences.fold(difference((last_a, last_b)), std::ops::BitOr::bitor) == 0
}

impl Interner {
    /// The id of bytes that were interned before; else the hash under which to [`Self::insert`] them.
    ///
    /// # Errors
    /// The hash, where the bytes are new.
    pub fn find(&self, key: &[u8]) -> Result<u32, u32> {
        self.find_again(key, hash(key), None)
    }

    /// The same for a key of which the [`hash`] is known, and what it likely is.
    ///
    /// # Errors
    /// The hash, where the bytes are new.
    pub fn find_again(
        &self,
        key: &[u8],
        hash: u32,
        candidate: Option<CellCandidate>,
    ) -> Result<u32, u32> {
        if let Some(candidate) = candidate.filter(|candidate| self.holds(*candidate, key)) {
            return Ok(candidate.id());
        }
        // It may have come since, or two keys have one hash.
        let is_it = |slot: &CellSlot| slot.hash == hash && self.holds(CellCandidate(*slot), key);
        self.slots.find(spread(hash), is_it).map(|slot| slot.id).ok_or(hash)
    }

    /// What is likely the key with this [`hash`]. Of many keys, candidates are looked up first and then
    /// compared with the keys, so that the processor waits for the memory once, not for each.
    #[must_use]
    #[inline]
    pub fn candidate(&self, hash: u32) -> Option<CellCandidate> {
        self.slots.find(spread(hash), |slot| slot.hash == hash).map(|slot| CellCandidate(*slot))
    }

    /// Looks at the keys of candidates without using them: all at once they come into the cache while
    /// the processor waits for one.
    #[inline]
    pub fn fetch(&self, candidates: &[Option<CellCandidate>]) {
        let byte = |candidate: &CellCandidate| {
            let place = candidate.0.offset as usize;
            // Most keys end in the next line of the cache.
            self.bytes[place] ^ self.bytes.get(place + CACHE_LINE_BYTES - 1).unwrap_or(&0)
        };
        black_box(candidates.iter().flatten().map(byte).fold(0, u8::wrapping_add));
    }

    /// Whether a candidate is this key.
    #[must_use]
    #[inline]
    pub fn holds(&self, candidate: CellCandidate, key: &[u8]) -> bool {
        let known = &self.bytes[candidate.0.offset as usize..];
        known.split_first_chunk::<4>().is_some_and(|(length, known)| {
            u32::from_le_bytes(*length) as usize == key.len() && are_same(&known[..key.len()], key)
        })
    }

    /// Gives new bytes the next id; `hash` is what [`Self::find`] returned for them.
    pub fn insert(&mut self, hash: u32, key: &[u8]) -> u32 {
        let id = exact::<u32>(self.slots.len());
        let offset = exact::<u32>(self.bytes.len());
        self.bytes.extend_from_slice(&exact::<u32>(key.len()).to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.slots
            .insert_unique(spread(hash), CellSlot { hash, offset, id }, |slot| spread(slot.hash));
        id
    }

    /// Forgets all keys.
    pub fn clear(&mut self) {
        // To empty a table takes as long as it is large.
        if SLOTS_KEPT < self.slots.capacity() {
            *self = Self::default();
        }
        self.slots.clear();
        self.bytes.clear();
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
        self.bytes.capacity() + self.slots.capacity() * (size_of::<CellSlot>() + 1)
    }
}

/// Remembers what a few short cells mean together, exactly, in a small table. For columns with few
/// different words: a hit costs a look at one entry and no hash of bytes.
#[derive(Debug)]
pub struct CellMemory<const N: usize, T> {
    /// A power of two of them: few until that many different cells were met.
    entries: Vec<CellEntry<N, T>>,
    n_remembered: usize,
    nothing: CellEntry<N, T>,
}

/// Cells that mean something together.
pub type RecalledCells<'a, const N: usize> = [&'a [u8]; N];

#[derive(Debug, Clone, Copy)]
struct CellEntry<const N: usize, T> {
    /// Each cell as two numbers.
    words: [[u64; 2]; N],
    /// Lengths of the cells, a byte each, so that no cell is another one's beginning.
    lengths: u32,
    meaning: T,
}

const CELL_BYTES_MAX: usize = 16;
/// Entries for each of the cells: more cells have more combinations.
const CELL_ENTRIES: usize = 1 << 9;
/// Entries of a report with few rows.
const CELL_ENTRIES_SMALL: usize = 1 << 4;

/// Lengths of an entry that holds nothing.
const NO_LENGTHS: u32 = u32::MAX;

/// Odd numbers without a pattern (the bits of sqrt 2, 3, 5, ...): sums of products with them spread
/// what differs in a few characters, and the products do not wait for each other.
const SPREADS: [[u64; 2]; 4] = [
    [0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b],
    [0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1],
    [0x510e_527f_ade6_82d1, 0x9b05_688c_2b3e_6c1f],
    [0x1f83_d9ab_fb41_bd6b, 0x5be0_cd19_137e_2179],
];

impl<const N: usize, T: Copy> CellMemory<N, T> {
    /// Remembers nothing yet; `any` stands in for a meaning.
    #[must_use]
    pub fn new(any: T) -> Self {
        const { assert!(N.is_power_of_two() && N <= SPREADS.len(), "lengths are four bytes") };
        let nothing = CellEntry { words: [[0; 2]; N], lengths: NO_LENGTHS, meaning: any };
        Self { entries: vec![nothing; CELL_ENTRIES_SMALL], n_remembered: 0, nothing }
    }

    /// What cells mean together, if that is remembered.
    #[must_use]
    #[inline]
    pub fn recall(&self, cells: &RecalledCells<'_, N>) -> Option<T> {
        let (words, lengths) = cell_words(cells)?;
        let entry = &self.entries[self.place(&words)];
        // Numbers one by one, not arrays: they stay in registers.
        let differs = (0..N).fold(0, |differs, n| {
            differs | (words[n][0] ^ entry.words[n][0]) | (words[n][1] ^ entry.words[n][1])
        });
        (differs == 0 && entry.lengths == lengths).then_some(entry.meaning)
    }

    /// Remembers what cells mean, in place of whatever was there; cells of more than 16 bytes are not
    /// remembered.
    pub fn remember(&mut self, cells: &RecalledCells<'_, N>, meaning: T) {
        if let Some((words, lengths)) = cell_words(cells) {
            self.n_remembered += 1;
            if self.n_remembered == CELL_ENTRIES_SMALL {
                self.entries = vec![self.nothing; N * CELL_ENTRIES];
            }
            let place = self.place(&words);
            self.entries[place] = CellEntry { words, lengths, meaning };
        }
    }

    #[inline]
    fn place(&self, words: &[[u64; 2]; N]) -> usize {
        let sum = words.iter().zip(&SPREADS).fold(0_u64, |sum, (word, spread)| {
            let product = |n: usize| word[n].wrapping_mul(spread[n]);
            sum.wrapping_add(product(0)).wrapping_add(product(1))
        });
        exact::<usize>(sum >> (u64::BITS - self.entries.len().ilog2()))
    }
}

#[expect(clippy::inline_always, reason = "its numbers stay in registers")]
#[inline(always)]
fn cell_words<const N: usize>(cells: &RecalledCells<'_, N>) -> Option<([[u64; 2]; N], u32)> {
    let mut words = [[0; 2]; N];
    let mut lengths = 0;
    for (n, cell) in cells.iter().enumerate() {
        if CELL_BYTES_MAX < cell.len() {
            return None;
        }
        words[n] = cell_word(cell);
        lengths = lengths << 8 | exact::<u32>(cell.len());
    }
    Some((words, lengths))
}

/// Up to 16 bytes as two numbers; cells of one length have the same only if they are equal.
#[inline]
fn cell_word(cell: &[u8]) -> [u64; 2] {
    if let (Some(first), Some(last)) = (cell.first_chunk::<8>(), cell.last_chunk::<8>()) {
        return [u64::from_le_bytes(*first), u64::from_le_bytes(*last)];
    }
    if let (Some(first), Some(last)) = (cell.first_chunk::<4>(), cell.last_chunk::<4>()) {
        return [u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()];
    }
    match *cell {
        [a, b, c] => [u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16, 0],
        [a, b] => [u64::from(a) | u64::from(b) << 8, 0],
        [a] => [u64::from(a), 0],
        _ => [0, 0],
    }
}

/// The hash of a key.
#[must_use]
#[inline]
pub fn hash(key: &[u8]) -> u32 {
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
        fn bytes_are_the_same_if_they_are(mut bytes in prop::collection::vec(any::<u8>(), 1..70), change in any::<prop::sample::Index>()) {
            let before = bytes.clone();
            prop_assert!(are_same(&before, &bytes));
            let place = change.index(bytes.len());
            bytes[place] ^= 1;
            prop_assert!(!are_same(&before, &bytes));
        }

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
        fn cells_are_recalled_exactly(rows in prop::collection::vec(("[ab]{0,18}", "[ab]{0,3}", "[a\u{0}]{0,9}", "[ab]{0,5}"), 0..200)) {
            let mut memory = CellMemory::<4, u32>::new(0);
            let cells = |row: &(String, String, String, String)| {
                [&row.0, &row.1, &row.2, &row.3].map(|cell| cell.clone().into_bytes())
            };
            for (id, row) in (0_u32..).zip(&rows) {
                let owned = cells(row);
                let cells: RecalledCells<'_, 4> = std::array::from_fn(|n| owned[n].as_slice());
                if let Some(known) = memory.recall(&cells) {
                    prop_assert_eq!(&rows[known as usize], row);
                }
                memory.remember(&cells, id);
                prop_assert_eq!(memory.recall(&cells), (row.0.len() <= 16).then_some(id));
            }
        }
    }
}
