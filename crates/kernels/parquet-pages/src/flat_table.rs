//! A table with a column of each kind that this crate encodes: what its tests, the fuzzing and the bench
//! write with it, and what the `parquet` crate must read in the file.

use std::sync::Arc;

use bytes::Bytes;
use fearless_simd::Level;
use parquet::data_type::{ByteArray, Decimal};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;

use crate::codes::{HashCodes, NumberCodes, WordCodes};
use crate::decimals::DecimalCodes;
use crate::delta::IntegerWidth;
use crate::file::{EncodedPages, TableFile, assemble_row_group};
use crate::page::{PageEncoder, PageNulls};
use crate::values::ColumnValues;

/// The columns, in the order of [`FlatRow`].
pub const SCHEMA: &str = "message flat_table {
    optional binary word (UTF8);
    required int64 count;
    optional int64 number;
    optional int32 day (DATE);
    required int64 time;
    optional int32 difference;
    optional fixed_len_byte_array(16) amount (DECIMAL(38,12));
    optional fixed_len_byte_array(16) hash;
    optional boolean truth;
}";

/// A row. Nulls are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatRow {
    /// Place among [`FlatTable::words`].
    pub word: Option<u32>,
    /// Codes if the row group allows for a dictionary.
    pub count: i64,
    /// The same, with nulls.
    pub number: Option<i64>,
    /// Days since 1970, always with a dictionary.
    pub day: Option<i16>,
    /// Never with a dictionary.
    pub time: i64,
    /// The same in 32 bits, with nulls.
    pub difference: Option<i32>,
    /// In units of 10^-12.
    pub amount: Option<i128>,
    /// Place among [`FlatTable::hashes`].
    pub hash: Option<u32>,
    /// A bit a row.
    pub truth: Option<bool>,
}

/// Rows, and what their ids mean.
#[derive(Debug, Default)]
pub struct FlatTable {
    /// In any order, some perhaps equal.
    pub words: Vec<String>,
    /// Ascending.
    pub hashes: Vec<[u8; 16]>,
    /// In the order in which they are written.
    pub rows: Vec<FlatRow>,
}

/// Bytes of which a row is made up.
const ROW_BYTES: usize = 20;

impl FlatTable {
    /// Makes up rows of any bytes; the last ones that make no whole row are left out.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // Of some columns all are null or none is.
        let Some(([only_null, never_null], bytes)) = bytes.split_first_chunk::<2>() else {
            return Self::default();
        };
        let row = |bytes: &[u8; ROW_BYTES]| {
            let [flags, word, hash, shift, numbers @ ..] = *bytes;
            let numbers = u128::from_le_bytes(numbers).cast_signed();
            let (low, high) = (truncated(numbers), truncated(numbers >> 64));
            let is_known = (flags | never_null) & !only_null;
            let known = |column: u8| is_known >> column & 1 == 1;
            FlatRow {
                word: known(0).then_some(u32::from(word % 64)),
                count: high >> (shift.rotate_left(4) & 63),
                number: known(1).then_some(low >> (shift & 63)),
                day: known(2).then_some(i16::from_le_bytes([word, hash])),
                time: low,
                difference: known(3).then_some((high << 32 >> 32).try_into().unwrap_or_default()),
                amount: known(4).then_some(numbers >> (shift & 127).max(2)),
                hash: known(5).then_some(u32::from(hash)),
                truth: known(6).then_some(shift & 1 == 1),
            }
        };
        Self {
            words: (0_u32..64).map(|n| "word".repeat(n.count_ones() as usize)).collect(),
            hashes: (0_u128..256).map(u128::to_be_bytes).collect(),
            rows: bytes.as_chunks().0.iter().map(row).collect(),
        }
    }

    /// A Parquet file with one row group, whose pages have `page_rows` rows, at least 1.
    ///
    /// # Errors
    /// If the `parquet` crate or zstd fails.
    pub fn to_parquet(&self, mut encoder: PageEncoder, page_rows: usize) -> Result<Vec<u8>> {
        let schema = Arc::new(SchemaDescriptor::new(Arc::new(parse_message_type(SCHEMA)?)));
        let codes = FlatCodes::new(self);
        let pages = self.rows.chunks(page_rows).map(|rows| codes.encode_pages(&mut encoder, rows));
        let pages = pages.collect::<Result<_>>()?;
        let row_group = assemble_row_group(&schema, &codes.into_values(), pages, self.rows.len())?;
        let mut file = TableFile::new(Vec::new(), &schema, WriterProperties::default())?;
        file.push(row_group)?;
        file.finish()
    }

    /// What the file must say of a row.
    fn fields(&self, row: &FlatRow) -> Vec<Field> {
        fn field<T>(value: Option<T>, of: impl Fn(T) -> Field) -> Field {
            value.map_or(Field::Null, of)
        }
        let decimal = |n: i128| Decimal::from_bytes(n.to_be_bytes().to_vec().into(), 38, 12);
        let hash = |place: u32| ByteArray::from(self.hashes[place as usize].to_vec());
        vec![
            field(row.word, |id| Field::Str(self.words[id as usize].clone())),
            Field::Long(row.count),
            field(row.number, Field::Long),
            field(row.day, |day| Field::Date(day.into())),
            Field::Long(row.time),
            field(row.difference, Field::Int),
            field(row.amount, |amount| Field::Decimal(decimal(amount))),
            field(row.hash, |place| Field::Bytes(hash(place))),
            field(row.truth, Field::Bool),
        ]
    }
}

/// What must hold for rows that are made up of any bytes: each instruction set writes the same file, and
/// the `parquet` crate reads the same values in it.
///
/// # Errors
/// If the file cannot be written or read.
///
/// # Panics
/// Where something that must hold does not.
pub fn check_any_bytes(bytes: &[u8], levels: &[Level]) -> Result<()> {
    let Some((page_rows, bytes)) = bytes.split_first() else {
        return Ok(());
    };
    let (table, page_rows) = (FlatTable::from_bytes(bytes), usize::from(*page_rows) + 1);
    let mut files =
        levels.iter().map(|level| table.to_parquet(PageEncoder::with_level(*level), page_rows));
    let Some(file) = files.next().transpose()?.filter(|_| !table.rows.is_empty()) else {
        return Ok(());
    };
    for other in files {
        assert!(other? == file, "instruction sets differ");
    }
    let reader = SerializedFileReader::new(Bytes::from(file))?;
    let mut n_rows = 0;
    for (read, row) in reader.get_row_iter(None)?.zip(&table.rows) {
        let read: Vec<Field> = read?.into_columns().into_iter().map(|(_, field)| field).collect();
        assert_eq!(read, table.fields(row), "row {n_rows}");
        n_rows += 1;
    }
    assert_eq!(n_rows, table.rows.len(), "rows are lost");
    Ok(())
}

/// The low half.
fn truncated(numbers: i128) -> i64 {
    i64::try_from(numbers << 64 >> 64).unwrap_or_default()
}

/// The dictionaries.
struct FlatCodes<'a> {
    word: WordCodes,
    count: NumberCodes,
    number: NumberCodes,
    day: NumberCodes,
    amount: DecimalCodes,
    hash: HashCodes<'a>,
}

/// By id whether a row has it.
fn used(n_ids: usize, ids: impl Iterator<Item = Option<u32>>) -> Vec<bool> {
    let mut used = vec![false; n_ids];
    ids.flatten().for_each(|id| used[id as usize] = true);
    used
}

impl<'a> FlatCodes<'a> {
    fn new(table: &'a FlatTable) -> Self {
        let FlatTable { words, hashes, rows } = table;
        let used_words = used(words.len(), rows.iter().map(|row| row.word));
        let used_hashes = used(hashes.len(), rows.iter().map(|row| row.hash));
        let days = rows.iter().filter_map(|row| row.day.map(i64::from));
        Self {
            word: WordCodes::new(&used_words, |id| Some(&words[id])),
            count: NumberCodes::new(rows.iter().map(|row| row.count).collect()),
            number: NumberCodes::new(rows.iter().filter_map(|row| row.number).collect()),
            day: NumberCodes::new(days.collect()),
            amount: DecimalCodes::new(rows.iter().map(|row| row.amount)),
            hash: HashCodes::new(&used_hashes, hashes),
        }
    }

    /// A page of each column.
    fn encode_pages(&self, encoder: &mut PageEncoder, rows: &[FlatRow]) -> Result<EncodedPages> {
        use PageNulls::{Allowed, Never};
        let words = rows.iter().map(|row| row.word.map_or(usize::MAX, |id| id as usize));
        let words = words.map(|id| self.word.code(id));
        let hashes = rows.iter().map(|row| self.hash.code(row.hash.unwrap_or(crate::NULL_CODE)));
        let days = rows.iter().map(|row| row.day.map(i64::from));
        let times = rows.iter().map(|row| Some(row.time));
        let differences = rows.iter().map(|row| row.difference.map(i64::from));
        let pages = vec![
            encoder.of_codes(words, self.word.width, Allowed)?,
            self.count.page(encoder, rows.iter().map(|row| Some(row.count)), Never)?,
            self.number.page(encoder, rows.iter().map(|row| row.number), Allowed)?,
            self.day.page(encoder, days, Allowed)?,
            encoder.of_integers(times, IntegerWidth::Bits64, Never)?,
            encoder.of_integers(differences, IntegerWidth::Bits32, Allowed)?,
            self.amount.page(encoder, rows.iter().map(|row| row.amount))?,
            encoder.of_random_codes(hashes, self.hash.width, Allowed)?,
            encoder.of_truths(rows.iter().map(|row| row.truth), Allowed)?,
        ];
        Ok(EncodedPages { bytes: encoder.take_bytes(), pages })
    }

    /// What the pages' codes mean, in the order of the columns.
    fn into_values(self) -> Vec<ColumnValues<'a>> {
        vec![
            self.word.values,
            self.count.values,
            self.number.values,
            self.day.values,
            ColumnValues::Plain,
            ColumnValues::Plain,
            self.amount.values,
            self.hash.values,
            ColumnValues::Plain,
        ]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streamledger_levels::available_levels;

    use super::*;

    /// Which columns are null in all rows, and which in none, unless they are among the former.
    fn any_nulls() -> impl Strategy<Value = [u8; 2]> {
        prop_oneof![Just([0, 0]), Just([0, 255]), any::<[u8; 2]>()]
    }

    proptest! {
        #[test]
        fn any_table_is_read_as_it_was_written(
            rows in prop::collection::vec(any::<[u8; ROW_BYTES]>(), 0..200),
            page_rows in 0_u8..40,
            nulls in any_nulls(),
        ) {
            let bytes = [&[page_rows], &nulls[..], rows.as_flattened()].concat();
            check_any_bytes(&bytes, &available_levels()).unwrap();
        }

        #[test]
        fn rows_that_repeat_are_read_as_they_were_written(
            runs in prop::collection::vec((any::<[u8; ROW_BYTES]>(), 1_usize..60), 0..20),
            page_rows: u8,
            nulls in any_nulls(),
        ) {
            let rows: Vec<u8> = runs.iter().flat_map(|(row, n)| row.repeat(*n)).collect();
            let bytes = [&[page_rows], &nulls[..], &rows].concat();
            check_any_bytes(&bytes, &available_levels()).unwrap();
        }
    }
}
