//! Remembers what the cells of some columns mean together. Most rows of a report say of their recording, or
//! of where and how it was used, what a row before has said: those cells are looked up instead of parsed.

use crate::ingest::table::rows::{RecordRows, TableRecord};
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

/// Keys of rows that are read together: what the cells of some columns name. What is known by them is fetched
/// for all rows at once, so that the processor waits for the memory once and not for each.
///
/// Rows with different cells have different keys: of lines they are the text of columns that stand side by
/// side, and between such texts a line feed, which no line has; keys of other rows begin with a line feed for
/// each cell.
#[derive(Debug, Default)]
pub(crate) struct RowKeys {
    columns: Vec<usize>,
    /// First and last of the columns that stand side by side in this order.
    spans: Vec<(usize, usize)>,
    /// The keys, one behind the other, of rows that do not have them as they are.
    bytes: Vec<u8>,
    /// By row: where its key ends.
    ends: Vec<u32>,
    hashes: Vec<u32>,
    candidates: Vec<Option<CellCandidate>>,
}

impl RowKeys {
    /// Keys of the cells of these columns.
    pub(crate) fn new(columns: Vec<usize>) -> Self {
        let spans = columns.chunk_by(|a, b| a + 1 == *b);
        let spans = spans.map(|span| (span[0], span[span.len() - 1])).collect();
        Self { columns, spans, ..Self::default() }
    }

    /// Looks the keys of rows up.
    pub(crate) fn look_up(&mut self, ids: &Interner, rows: &RecordRows<'_>) {
        self.clear();
        match (rows, &self.spans[..]) {
            (RecordRows::Lines { rows, .. }, [(first, last)]) => {
                let keys = (0..rows.len()).map(|place| rows.row(place).span(*first, *last));
                self.hashes.extend(keys.map(hash));
            }
            (RecordRows::Lines { rows, .. }, _) => {
                for place in 0..rows.len() {
                    let row = rows.row(place);
                    for (first, last) in &self.spans {
                        self.bytes.extend_from_slice(row.span(*first, *last));
                        self.bytes.push(b'\n');
                    }
                    self.end_key();
                }
            }
            (RecordRows::One(record), _) => self.write_record(record),
        }
        self.candidates.extend(self.hashes.iter().map(|hash| ids.candidate(*hash)));
        ids.fetch(&self.candidates);
    }

    /// Takes the key of one row.
    pub(crate) fn take_record(&mut self, record: &TableRecord<'_>) {
        self.clear();
        self.write_record(record);
        self.candidates.push(None);
    }

    /// Takes the key of cells that are in no row.
    fn take_cells<'c>(&mut self, cells: impl Iterator<Item = &'c [u8]>) {
        self.clear();
        cells.for_each(|cell| write_cell(cell, &mut self.bytes));
        self.end_key();
        self.candidates.push(None);
    }

    fn write_record(&mut self, record: &TableRecord<'_>) {
        self.bytes.resize(self.columns.len(), b'\n');
        self.columns.iter().for_each(|column| write_cell(record.cell(*column), &mut self.bytes));
        self.end_key();
    }

    fn end_key(&mut self) {
        let start = self.ends.last().map_or(0, |end| *end as usize);
        self.hashes.push(hash(&self.bytes[start..]));
        self.ends.push(exact::<u32>(self.bytes.len()));
    }

    /// Forgets the keys.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.hashes.clear();
        self.candidates.clear();
    }

    /// The id of a row's key, or the hash under which to insert it; `rows` are those that were looked up.
    #[inline]
    pub(crate) fn find(
        &self,
        ids: &Interner,
        rows: &RecordRows<'_>,
        place: usize,
    ) -> Result<u32, u32> {
        ids.find_again(self.key(rows, place), self.hashes[place], self.candidates[place])
    }

    /// The id of a key that was taken by itself, or the hash under which to insert it.
    pub(crate) fn find_taken(&self, ids: &Interner) -> Result<u32, u32> {
        ids.find_again(&self.bytes, self.hashes[0], None)
    }

    /// The key that was taken by itself.
    pub(crate) fn taken(&self) -> &[u8] {
        &self.bytes
    }

    /// The key of a row.
    #[inline]
    pub(crate) fn key<'k>(&'k self, rows: &RecordRows<'k>, place: usize) -> &'k [u8] {
        if let (RecordRows::Lines { rows, .. }, [(first, last)]) = (rows, &self.spans[..]) {
            return rows.row(place).span(*first, *last);
        }
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[place] as usize]
    }
}

/// Adds a cell behind its length.
fn write_cell(cell: &[u8], key: &mut Vec<u8>) {
    key.extend_from_slice(&exact::<u32>(cell.len()).to_le_bytes());
    key.extend_from_slice(cell);
}

/// What the cells of some columns mean, by their bytes.
#[derive(Debug)]
pub(crate) struct CellGroups<T> {
    keys: RowKeys,
    ids: Interner,
    meanings: Vec<T>,
}

impl<T> Default for CellGroups<T> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl<T> CellGroups<T> {
    /// What the cells of these columns mean.
    pub(crate) fn new(columns: Vec<usize>) -> Self {
        Self { keys: RowKeys::new(columns), ids: Interner::default(), meanings: Vec::new() }
    }

    /// Looks rows up.
    pub(crate) fn look_up(&mut self, rows: &RecordRows<'_>) {
        self.keys.look_up(&self.ids, rows);
    }

    /// What the cells mean of one of the rows that were looked up, if it is known; else the hash to remember
    /// it by.
    #[inline]
    pub(crate) fn find(&self, rows: &RecordRows<'_>, place: usize) -> Result<&T, u32> {
        self.keys.find(&self.ids, rows, place).map(|id| &self.meanings[id as usize])
    }

    /// What the cells of a row by itself mean.
    pub(crate) fn find_cells<'c>(
        &mut self,
        cells: impl Iterator<Item = &'c [u8]>,
    ) -> Result<&T, u32> {
        self.keys.take_cells(cells);
        self.keys.find_taken(&self.ids).map(|id| &self.meanings[id as usize])
    }

    /// Remembers what the cells of one of the rows that were looked up mean.
    pub(crate) fn insert(&mut self, hash: u32, rows: &RecordRows<'_>, place: usize, meaning: T) {
        if self.meanings.len() < GROUPS_MAX {
            self.ids.insert(hash, self.keys.key(rows, place));
            self.meanings.push(meaning);
        }
    }

    /// Remembers what the cells mean that were looked up by themselves.
    pub(crate) fn insert_cells(&mut self, hash: u32, meaning: T) {
        if self.meanings.len() < GROUPS_MAX {
            self.ids.insert(hash, self.keys.taken());
            self.meanings.push(meaning);
        }
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.ids.clear();
        self.meanings.clear();
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
    use crate::ingest::table::records::{CutLines, RecordCutter};
    use crate::ingest::table::text_layout::{FieldDelimiter, TextLayout};

    /// Which row first had the cells of each row, by the groups; some rows are passed over.
    fn first_rows(text: &str, layout: &TextLayout, columns: &[usize], skip: u32) -> Vec<usize> {
        let names = ["a", "b", "c"].map(str::to_owned);
        let mut groups = CellGroups::new(columns.to_vec());
        let mut first = Vec::new();
        RecordCutter::new(layout, &names).cut(text.as_bytes(), |cut| {
            let CutLines::Rows(rows) = cut else {
                return;
            };
            groups.look_up(&rows);
            for place in 0..rows.len() {
                let row = rows.row(place);
                if row.is_multiple_of(skip) {
                    continue;
                }
                let known = groups.find(&rows, place).copied();
                first.push(known.unwrap_or_else(|hash| {
                    groups.insert(hash, &rows, place, row as usize);
                    row as usize
                }));
            }
        });
        first
    }

    proptest! {
        /// Quoted cells may hold what stands between the cells of other rows.
        #[test]
        fn cells_mean_what_they_were_remembered_for(
            rows in prop::collection::vec(prop::array::uniform3("[ab,\u{1}]{0,3}"), 0..300),
            is_quoted in any::<bool>(),
            columns in prop::sample::subsequence(vec![0, 1, 2], 1..4),
            skip in 2_u32..9,
        ) {
            let layout = TextLayout {
                delimiter: FieldDelimiter::Comma,
                quoted: true,
                multiline: false,
                fallback: None,
                header_within: 1,
                preamble: None,
                end_at: Vec::new(),
                ragged: false,
            };
            let cell = |cell: &String| {
                if is_quoted && cell.contains(',') {
                    format!("\"{cell}\"")
                } else {
                    format!("x{}", cell.replace(',', ";"))
                }
            };
            let lines = rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(",") + "\n");
            let text: String = lines.collect();
            let mut known = BTreeMap::new();
            let expected: Vec<usize> = (1_usize..).zip(&rows).filter(|(row, _)| !row.is_multiple_of(skip as usize)).map(|(row, cells)| {
                let of_row: Vec<String> = columns.iter().map(|column| cell(&cells[*column])).collect();
                // Rows with quotes are known apart from those without.
                let has_quotes = cells.iter().any(|text| cell(text).starts_with('"'));
                *known.entry((of_row, has_quotes)).or_insert(row)
            }).collect();
            prop_assert_eq!(first_rows(&text, &layout, &columns, skip), expected);
        }
    }
}
