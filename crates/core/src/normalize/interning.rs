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
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u64,
    offset: u32,
    length: u32,
    id: u32,
}

impl Interner {
    /// The id of bytes that were interned before; else the hash under which to [`Self::insert`] them.
    ///
    /// # Errors
    /// The hash, where the bytes are new.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Result<u32, u64> {
        let hash = hash(key);
        let found = self.slots.find(hash, |slot| {
            slot.hash == hash && {
                let start = slot.offset as usize;
                self.bytes[start..start + slot.length as usize] == *key
            }
        });
        found.map(|slot| slot.id).ok_or(hash)
    }

    /// Gives new bytes the next id; `hash` is what [`Self::find`] returned for them.
    pub fn insert(&mut self, hash: u64, key: &[u8]) -> u32 {
        let id = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let slot = Slot {
            hash,
            offset: u32::try_from(self.bytes.len()).unwrap_or(u32::MAX),
            length: u32::try_from(key.len()).unwrap_or(u32::MAX),
            id,
        };
        self.bytes.extend_from_slice(key);
        self.slots.insert_unique(hash, slot, |slot| slot.hash);
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

#[inline]
fn hash(key: &[u8]) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    hasher.write(key);
    hasher.finish()
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
    }
}
