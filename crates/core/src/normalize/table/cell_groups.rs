//! Remembers what the cells of some columns mean together. Most rows of a report say of their recording, or
//! of where and how it was used, what a row before has said: those cells are looked up instead of parsed.

use crate::ingest::table::records::TableRecord;
use crate::normalize::counts::RowCounts;
use crate::normalize::values::interning::{CellCandidate, Interner, hash};
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

/// Keys of rows that are read next. What is known by them is fetched for all at once, so that the processor
/// waits for the memory once and not for each.
#[derive(Debug, Default)]
pub(crate) struct LookAhead {
    /// The keys, one behind the other.
    bytes: Vec<u8>,
    keys: Vec<RowKey>,
    candidates: Vec<Option<CellCandidate>>,
    /// How many of them were asked for.
    n_used: usize,
}

/// A key of a row.
#[derive(Debug, Clone, Copy)]
struct RowKey {
    row: u32,
    hash: u32,
    /// Where it begins and ends.
    place: (u32, u32),
}

impl LookAhead {
    /// Looks at rows that are asked for next, in this order.
    pub(crate) fn look(
        &mut self,
        ids: &Interner,
        records: &[TableRecord<'_>],
        write: impl Fn(&TableRecord<'_>, &mut Vec<u8>),
    ) {
        self.clear();
        for record in records {
            self.push(record, &write);
        }
        self.candidates.extend(self.keys.iter().map(|key| ids.candidate(key.hash)));
        ids.fetch(&self.candidates);
    }

    /// Forgets the keys.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.keys.clear();
        self.candidates.clear();
        self.n_used = 0;
    }

    fn push(&mut self, record: &TableRecord<'_>, write: impl Fn(&TableRecord<'_>, &mut Vec<u8>)) {
        let start = self.bytes.len();
        write(record, &mut self.bytes);
        self.push_written(record.row, start);
    }

    /// Adds the key that begins there; its hash.
    fn push_written(&mut self, row: u32, start: usize) -> u32 {
        let hash = hash(&self.bytes[start..]);
        let place = (exact::<u32>(start), exact::<u32>(self.bytes.len()));
        self.keys.push(RowKey { row, hash, place });
        hash
    }

    /// The id of a row's key, or the hash under which to insert it.
    #[inline]
    pub(crate) fn find(
        &mut self,
        ids: &Interner,
        record: &TableRecord<'_>,
        write: impl Fn(&TableRecord<'_>, &mut Vec<u8>),
    ) -> Result<u32, u32> {
        // Rows that were passed over were looked at too.
        while self.keys.get(self.n_used).is_some_and(|key| key.row < record.row) {
            self.n_used += 1;
        }
        if self.keys.get(self.n_used).is_none_or(|key| key.row != record.row) {
            self.clear();
            self.push(record, write);
        }
        let candidate = self.candidates.get(self.n_used).copied().flatten();
        ids.find_again(self.key(), self.keys[self.n_used].hash, candidate)
    }

    /// The key that was asked for last.
    pub(crate) fn key(&self) -> &[u8] {
        let key = self.keys.get(self.n_used);
        key.map_or(&[], |RowKey { place: (from, to), .. }| {
            &self.bytes[*from as usize..*to as usize]
        })
    }
}

/// What the cells of some columns mean, by their bytes.
#[derive(Debug)]
pub(crate) struct CellGroups<T> {
    ahead: LookAhead,
    ids: Interner,
    meanings: Vec<T>,
}

impl<T> Default for CellGroups<T> {
    fn default() -> Self {
        Self { ahead: LookAhead::default(), ids: Interner::default(), meanings: Vec::new() }
    }
}

/// Writes the cells of some columns, each behind its length.
fn write_cells(record: &TableRecord<'_>, columns: &[usize], key: &mut Vec<u8>) {
    columns.iter().for_each(|column| write_cell(record.cell(*column), key));
}

fn write_cell(cell: &[u8], key: &mut Vec<u8>) {
    key.extend_from_slice(&exact::<u32>(cell.len()).to_le_bytes());
    key.extend_from_slice(cell);
}

impl<T> CellGroups<T> {
    /// Looks at rows that are asked for next.
    pub(crate) fn look_ahead(&mut self, records: &[TableRecord<'_>], columns: &[usize]) {
        let write = |record: &TableRecord<'_>, key: &mut Vec<u8>| write_cells(record, columns, key);
        self.ahead.look(&self.ids, records, write);
    }

    /// What the cells of a row mean, if it is known; else the hash to remember it by.
    #[inline]
    pub(crate) fn find(&mut self, record: &TableRecord<'_>, columns: &[usize]) -> Result<&T, u32> {
        let write = |record: &TableRecord<'_>, key: &mut Vec<u8>| write_cells(record, columns, key);
        self.ahead.find(&self.ids, record, write).map(|id| &self.meanings[id as usize])
    }

    /// What cells mean of a row that was not looked at before.
    pub(crate) fn find_cells<'c>(
        &mut self,
        cells: impl Iterator<Item = &'c [u8]>,
    ) -> Result<&T, u32> {
        self.ahead.clear();
        cells.for_each(|cell| write_cell(cell, &mut self.ahead.bytes));
        let hash = self.ahead.push_written(0, 0);
        self.ids.find_again(self.ahead.key(), hash, None).map(|id| &self.meanings[id as usize])
    }

    /// Remembers what the cells of the row mean that was looked up last and was not known.
    pub(crate) fn insert(&mut self, hash: u32, meaning: T) {
        if self.meanings.len() < GROUPS_MAX {
            self.ids.insert(hash, self.ahead.key());
            self.meanings.push(meaning);
        }
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.ahead.clear();
        if !self.meanings.is_empty() {
            (self.ids, self.meanings) = (Interner::default(), Vec::new());
        }
    }

    /// About how much memory this takes, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        self.ids.size_bytes() + self.meanings.capacity() * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::ingest::table::records::{AnyCutter, RecordCutter};

    proptest! {
        /// Rows are passed over, and cells that are new are remembered while their rows are waiting.
        #[test]
        fn cells_that_were_looked_at_ahead_mean_what_they_were_remembered_for(
            rows in prop::collection::vec(("[ab]{0,3}", "[ab]{0,3}", "[xy]{0,2}", any::<bool>()), 0..120),
        ) {
            let lines: Vec<String> =
                rows.iter().map(|(a, b, c, _)| format!("{a}\t{c}\t{b}\n")).collect();
            let text = lines.concat();
            let (mut groups, columns) = (CellGroups::<usize>::default(), [0, 2]);
            let (mut known, mut wrong) = (BTreeMap::new(), None);
            RecordCutter::default().cut(text.as_bytes(), |cut| match cut {
                AnyCutter::Ahead(records) => groups.look_ahead(records, &columns),
                AnyCutter::Row(record) => {
                    let place = record.row as usize - 1;
                    let (a, b, _, is_read) = &rows[place];
                    if !is_read {
                        return;
                    }
                    let expected = *known.entry((a, b)).or_insert(place);
                    let found = match groups.find(&record, &columns) {
                        Ok(found) => *found,
                        Err(hash) => {
                            groups.insert(hash, place);
                            place
                        }
                    };
                    if found != expected {
                        wrong = Some((place, found, expected));
                    }
                }
                AnyCutter::Broken { .. } => unreachable!("no quotes are looked at"),
            });
            prop_assert_eq!(wrong, None);
            prop_assert_eq!(groups.meanings.len(), known.len());
        }
    }
}
