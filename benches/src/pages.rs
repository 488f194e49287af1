//! A table sorted like `plays`, as the page encoder takes it (ids, and what they mean) and as the
//! `parquet` crate's own writer does (arrays of values).

#![expect(clippy::expect_used, reason = "a bench has nobody to hand an error to")]

use std::sync::{Arc, OnceLock};

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Int32Array,
    Int64Array, RecordBatch, StringArray,
};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use streamledger_parquet_pages::flat_table::{FlatRow, FlatTable};
use streamledger_parquet_pages::page::{PageEncoder, ZSTD_LEVEL};

/// Rows, in one row group.
pub const N_ROWS: usize = 1 << 20;

/// Rows of a page.
const PAGE_ROWS: usize = 1 << 15;

const N_WORDS: u64 = 30_000;
const N_HASHES: u64 = 200_000;

/// The same rows for both.
pub struct PageBench {
    table: FlatTable,
    batch: RecordBatch,
}

impl PageBench {
    /// Makes the rows, once.
    #[must_use]
    pub fn get() -> &'static Self {
        static BENCH: OnceLock<PageBench> = OnceLock::new();
        BENCH.get_or_init(|| {
            let table = made_up_table();
            let batch = batch_of(&table);
            Self { table, batch }
        })
    }

    /// Writes a file by the kernel.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        self.table.to_parquet(PageEncoder::new(), PAGE_ROWS).expect("memory takes it")
    }

    /// Writes a file by the `parquet` crate's own writer, with the same encodings, compression and
    /// pages; dictionaries have as much room as here.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn write_with_arrow(&self) -> Vec<u8> {
        let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("a level");
        let properties = WriterProperties::builder()
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_compression(Compression::ZSTD(level))
            .set_max_row_group_row_count(Some(N_ROWS))
            .set_data_page_row_count_limit(PAGE_ROWS)
            .set_data_page_size_limit(16 << 20)
            .set_dictionary_page_size_limit(16 << 20);
        let properties = ["time", "difference"].into_iter().fold(properties, |properties, name| {
            properties
                .set_column_dictionary_enabled(name.into(), false)
                .set_column_encoding(name.into(), Encoding::DELTA_BINARY_PACKED)
        });
        let mut writer =
            ArrowWriter::try_new(Vec::new(), self.batch.schema(), Some(properties.build()))
                .expect("the columns are known");
        writer.write(&self.batch).expect("memory takes it");
        writer.into_inner().expect("memory takes it")
    }
}

/// Prints how large both files are, whose values are the same.
///
/// # Panics
/// If they are not.
#[expect(clippy::print_stdout, reason = "the figure that no timer shows")]
pub fn print_sizes() {
    let bench = PageBench::get();
    let files = [bench.write(), bench.write_with_arrow()];
    println!("{N_ROWS} rows: {} bytes, by ArrowWriter {}", files[0].len(), files[1].len());
    let [ours, theirs] = files.map(read);
    assert!(ours == theirs, "the files have other values");
}

/// All columns, batch by batch.
fn read(file: Vec<u8>) -> Vec<Vec<ArrayRef>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file)).expect("a file");
    let batches = reader.build().expect("a file");
    batches.map(|batch| batch.expect("a batch").columns().to_vec()).collect()
}

/// A number that looks random (`SplitMix64`).
fn noise(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// Recordings of very different popularity, listeners at random, times ascending by recording.
fn made_up_table() -> FlatTable {
    let mut hashes: Vec<[u8; 16]> = (0..N_HASHES)
        .map(|n| (u128::from(noise(n)) << 64 | u128::from(noise(n + N_HASHES))).to_be_bytes())
        .collect();
    hashes.sort_unstable();
    let row = |place: usize| {
        let of = |column: u64, bound: u64| noise(place as u64 * 16 + column) % bound;
        let signed = |number: u64| number.cast_signed();
        let word = of(0, N_WORDS) * of(1, N_WORDS) / N_WORDS;
        FlatRow {
            word: u32::try_from(word).ok().filter(|word| *word != 0),
            count: signed(1 + of(2, 20) / 19),
            number: Some(signed(30_000 + of(3, 40_000))).filter(|_| of(4, 50) != 0),
            day: i16::try_from(20_000 + of(5, 30)).ok(),
            time: signed(1_700_000_000_000_000 + of(6, 86_400_000) * 1_000),
            difference: i32::try_from(of(7, 1_000_000)).ok(),
            amount: Some(i128::from(of(8, 5_000)) * 1_000_000).filter(|_| of(9, 4) != 0),
            hash: u32::try_from(of(10, N_HASHES)).ok(),
            truth: Some(of(11, 16) == 0).filter(|_| of(12, 8) != 0),
        }
    };
    let mut rows: Vec<FlatRow> = (0..N_ROWS).map(row).collect();
    rows.sort_by_key(|row| (row.word, row.time));
    let words = (0..N_WORDS).map(|n| format!("GBXY1{:07}", noise(n) % 10_000_000)).collect();
    FlatTable { words, hashes, rows }
}

/// The rows as arrays.
fn batch_of(table: &FlatTable) -> RecordBatch {
    let rows = || table.rows.iter();
    let words = rows().map(|row| row.word.map(|id| &*table.words[id as usize]));
    let hashes = rows().map(|row| row.hash.map(|place| table.hashes[place as usize]));
    let hashes = FixedSizeBinaryArray::try_from_sparse_iter_with_size(hashes, 16);
    let amounts: Decimal128Array = rows().map(|row| row.amount).collect();
    let columns: [(&str, ArrayRef, bool); 9] = [
        ("word", Arc::new(words.collect::<StringArray>()), true),
        ("count", Arc::new(Int64Array::from_iter_values(rows().map(|row| row.count))), false),
        ("number", Arc::new(rows().map(|row| row.number).collect::<Int64Array>()), true),
        ("day", Arc::new(rows().map(|r| r.day.map(i32::from)).collect::<Date32Array>()), true),
        ("time", Arc::new(Int64Array::from_iter_values(rows().map(|row| row.time))), false),
        ("difference", Arc::new(rows().map(|r| r.difference).collect::<Int32Array>()), true),
        ("amount", Arc::new(amounts.with_precision_and_scale(38, 12).expect("decimals")), true),
        ("hash", Arc::new(hashes.expect("hashes of one length")), true),
        ("truth", Arc::new(rows().map(|row| row.truth).collect::<BooleanArray>()), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
}
