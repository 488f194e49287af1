//! One column of a row group: its dictionary and pages as bytes, with all that the footer says of
//! them (statistics, column index, offset index).

use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, Type, ZstdLevel};
use parquet::column::page::{CompressedPage, Page as ParquetPage, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use crate::narrow;
use crate::page::{EncodedPage, PageSummary, ZSTD_LEVEL};
use crate::pieces::{BytePieces, PiecesWriter};
use crate::values::ColumnValues;

/// The bytes of a column chunk, and its close result with offsets from their start. Pages come with
/// their bytes.
///
/// # Errors
/// If the `parquet` crate or zstd fails a page.
pub(crate) fn assemble_chunk(
    column: &ColumnDescPtr,
    values: &ColumnValues<'_>,
    pages: Vec<(Bytes, EncodedPage)>,
) -> Result<(BytePieces, ColumnCloseResult)> {
    let physical = column.physical_type();
    let dictionary = values.dictionary(physical);
    let packed: Bytes = match &dictionary {
        Some((plain, _)) => zstd::bulk::compress(plain, values.zstd_level())?.into(),
        None => Bytes::new(),
    };
    let known = std::iter::once(&packed).chain(pages.iter().map(|(bytes, _)| bytes));
    let mut sink = TrackedWrite::new(PiecesWriter::new(known.cloned()));
    let mut totals = ChunkTotals::default();
    let mut writer = SerializedPageWriter::new(&mut sink);
    if let Some((plain, n_values)) = &dictionary {
        let page = ParquetPage::DictionaryPage {
            buf: packed,
            num_values: u32::try_from(*n_values)?,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        totals.add(&writer.write_page(CompressedPage::new(page, plain.len()))?);
    }
    let mut index = ChunkIndex::new(physical);
    let data_page_offset = totals.compressed;
    let value_encoding = pages.first().map_or(Encoding::PLAIN, |(_, page)| page.summary.encoding);
    for (bytes, page) in pages {
        index.add_page(&page.summary, values);
        let data_page = data_page(bytes, &page.summary)?;
        let spec = writer.write_page(CompressedPage::new(data_page, page.plain_bytes))?;
        index.offsets.append_offset_and_size(
            i64::try_from(spec.offset)?,
            i32::try_from(spec.compressed_size)?,
        );
        totals.add(&spec);
    }
    writer.close()?;
    let metadata = ColumnChunkMetaData::builder(column.clone())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_encodings(encodings(value_encoding, dictionary.is_some()))
        .set_total_compressed_size(i64::try_from(totals.compressed)?)
        .set_total_uncompressed_size(i64::try_from(totals.plain)?)
        .set_num_values(i64::try_from(index.n_rows)?)
        .set_data_page_offset(i64::try_from(data_page_offset)?)
        .set_dictionary_page_offset(dictionary.map(|_| 0))
        .set_statistics(index.statistics(values, dictionary_len(values)))
        .build()?;
    let close = ColumnCloseResult {
        bytes_written: totals.compressed,
        rows_written: index.n_rows,
        metadata,
        bloom_filter: None,
        column_index: Some(index.columns.build()?),
        offset_index: Some(index.offsets.build()),
    };
    Ok((sink.into_inner()?.finish(), close))
}

/// Codes that are all used are the distinct values.
fn dictionary_len(values: &ColumnValues<'_>) -> Option<u64> {
    match values {
        ColumnValues::Texts(texts) => Some(texts.len() as u64),
        ColumnValues::Hashes(hashes) => Some(hashes.len() as u64),
        ColumnValues::Numbers(numbers) => Some(numbers.len() as u64),
        ColumnValues::Decimals(decimals) => Some(decimals.len() as u64),
        ColumnValues::Plain => None,
    }
}

fn encodings(values: Encoding, has_dictionary: bool) -> Vec<Encoding> {
    // RLE is the encoding of the levels; PLAIN that of the dictionary page.
    let mut encodings = vec![Encoding::RLE, values];
    if has_dictionary {
        encodings.push(Encoding::PLAIN);
    }
    encodings
}

fn data_page(bytes: Bytes, page: &PageSummary) -> Result<ParquetPage> {
    Ok(ParquetPage::DataPage {
        buf: bytes,
        num_values: u32::try_from(page.n_rows)?,
        encoding: page.encoding,
        def_level_encoding: Encoding::RLE,
        rep_level_encoding: Encoding::RLE,
        statistics: None,
    })
}

#[derive(Default)]
struct ChunkTotals {
    compressed: u64,
    plain: u64,
}

impl ChunkTotals {
    fn add(&mut self, spec: &parquet::column::page::PageWriteSpec) {
        self.compressed += spec.bytes_written;
        self.plain += spec.uncompressed_size as u64;
    }
}

/// What the page index and the statistics are made of.
struct ChunkIndex {
    physical: Type,
    columns: ColumnIndexBuilder,
    offsets: OffsetIndexBuilder,
    n_rows: u64,
    n_nulls: u64,
    bounds: Option<(i128, i128)>,
}

impl ChunkIndex {
    fn new(physical: Type) -> Self {
        let mut columns = ColumnIndexBuilder::new(physical);
        columns.set_boundary_order(BoundaryOrder::UNORDERED);
        Self {
            physical,
            columns,
            offsets: OffsetIndexBuilder::new(),
            n_rows: 0,
            n_nulls: 0,
            bounds: None,
        }
    }

    fn add_page(&mut self, page: &PageSummary, values: &ColumnValues<'_>) {
        let bytes_of = |bound| values.bytes_of(bound, self.physical);
        let (min, max) =
            page.bounds.map(|(min, max)| (bytes_of(min), bytes_of(max))).unwrap_or_default();
        let n_nulls = narrow::<i64>(page.n_nulls);
        self.columns.append(page.bounds.is_none(), min, max, n_nulls, None);
        self.offsets.append_row_count(narrow::<i64>(page.n_rows));
        self.n_rows += page.n_rows as u64;
        self.n_nulls += page.n_nulls as u64;
        if let Some((min, max)) = page.bounds {
            let (low, high) = self.bounds.unwrap_or((min, max));
            self.bounds = Some((low.min(min), high.max(max)));
        }
    }

    fn statistics(&self, values: &ColumnValues<'_>, distinct: Option<u64>) -> Statistics {
        let nulls = Some(self.n_nulls);
        let bytes = |pick: fn((i128, i128)) -> i128| {
            self.bounds.map(|bounds| values.bytes_of(pick(bounds), self.physical))
        };
        let (min, max) = (bytes(|bounds| bounds.0), bytes(|bounds| bounds.1));
        let int64 = |b: &Option<Vec<u8>>| {
            b.as_deref().and_then(|b| b.try_into().ok()).map(i64::from_le_bytes)
        };
        let int32 = |b: &Option<Vec<u8>>| {
            b.as_deref().and_then(|b| b.try_into().ok()).map(i32::from_le_bytes)
        };
        let truth = |b: &Option<Vec<u8>>| b.as_deref().and_then(|b| b.first()).map(|b| *b != 0);
        match self.physical {
            Type::INT32 => Statistics::int32(int32(&min), int32(&max), distinct, nulls, false),
            Type::INT64 => Statistics::int64(int64(&min), int64(&max), distinct, nulls, false),
            Type::BOOLEAN => Statistics::boolean(truth(&min), truth(&max), distinct, nulls, false),
            Type::FIXED_LEN_BYTE_ARRAY => {
                let fixed =
                    |b: Option<Vec<u8>>| b.map(|b| FixedLenByteArray::from(ByteArray::from(b)));
                Statistics::fixed_len_byte_array(fixed(min), fixed(max), distinct, nulls, false)
            }
            _ => {
                let array = |b: Option<Vec<u8>>| b.map(ByteArray::from);
                Statistics::byte_array(array(min), array(max), distinct, nulls, false)
            }
        }
    }
}
