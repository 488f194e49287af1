//! Remembers what the cells of some columns mean together. Most rows of a report say of their recording, or
//! of where and how it was used, what a row before has said: those cells are looked up instead of parsed.

use crate::normalize::counts::RowCounts;
use crate::normalize::values::interning::Interner;
use crate::numbers::exact;

/// A group is not remembered beyond so many different rows: where each row differs, it helps nobody.
const GROUPS_MAX: usize = 1 << 20;

/// What cells mean that name a recording or a release.
#[derive(Debug)]
pub(crate) struct KnownItem {
    /// Id of the item in the lot.
    pub(crate) id: u32,
    is_bad_isrc: bool,
    is_bad_upc: bool,
}

impl KnownItem {
    /// An item, and what was counted of the row that named it first.
    pub(crate) fn new(id: u32, counts: &RowCounts) -> Self {
        Self { id, is_bad_isrc: counts.bad_isrc != 0, is_bad_upc: counts.bad_upc != 0 }
    }

    /// Counts another row that names it.
    pub(crate) fn count(&self, counts: &mut RowCounts) {
        counts.bad_isrc += u64::from(self.is_bad_isrc);
        counts.bad_upc += u64::from(self.is_bad_upc);
    }
}

/// What is counted of a row beside its item.
pub(crate) fn without_identifiers(counts: &RowCounts) -> RowCounts {
    RowCounts { bad_isrc: 0, bad_upc: 0, ..*counts }
}

/// What the cells of some columns mean, by their bytes.
#[derive(Debug)]
pub(crate) struct CellGroups<T> {
    /// The cells of the row that was looked up last, each behind its length.
    key: Vec<u8>,
    ids: Interner,
    meanings: Vec<T>,
}

impl<T> Default for CellGroups<T> {
    fn default() -> Self {
        Self { key: Vec::new(), ids: Interner::default(), meanings: Vec::new() }
    }
}

impl<T> CellGroups<T> {
    /// What the cells of a row mean, if it is known; else the hash to remember it by.
    #[inline]
    pub(crate) fn find<'c>(&mut self, cells: impl Iterator<Item = &'c [u8]>) -> Result<&T, u32> {
        self.key.clear();
        for cell in cells {
            self.key.extend_from_slice(&exact::<u32>(cell.len()).to_le_bytes());
            self.key.extend_from_slice(cell);
        }
        self.ids.find(&self.key).map(|id| &self.meanings[id as usize])
    }

    /// Remembers what the cells of the row mean that was looked up last and was not known.
    pub(crate) fn insert(&mut self, hash: u32, meaning: T) {
        if self.meanings.len() < GROUPS_MAX {
            self.ids.insert(hash, &self.key);
            self.meanings.push(meaning);
        }
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        if !self.meanings.is_empty() {
            (self.ids, self.meanings) = (Interner::default(), Vec::new());
        }
    }

    /// About how much memory this takes, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        self.ids.size_bytes() + self.meanings.capacity() * size_of::<T>()
    }
}
