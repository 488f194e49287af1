//! Lines of one report on disk, as Arrow batches, until their partition is built.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::disk::durable::IoContext as _;
use crate::tables::partition::PartitionError;

/// Lines of a run on disk that are read at once, and of a page of it.
const BATCH_ROWS: usize = 1 << 11;

/// Lines of a row group of a run on disk.
const RUN_GROUP_ROWS: usize = 1 << 16;

/// Bytes of a page of a run on disk.
const PAGE_BYTES: usize = 1 << 16;

/// Writes a run into a file.
pub struct RunWriter {
    path: PathBuf,
    writer: ArrowWriter<File>,
}

impl RunWriter {
    /// A new file.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn create(path: PathBuf, schema: &SchemaRef) -> Result<Self, PartitionError> {
        let file = File::create_new(&path).at("create", &path)?;
        let open = || {
            let properties = WriterProperties::builder()
                .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
                // A page of each column of each run is in memory while runs are merged: they are small.
                .set_max_row_group_row_count(Some(RUN_GROUP_ROWS))
                .set_data_page_row_count_limit(BATCH_ROWS)
                .set_data_page_size_limit(PAGE_BYTES)
                .set_dictionary_page_size_limit(PAGE_BYTES)
                .set_statistics_enabled(EnabledStatistics::None)
                .build();
            ArrowWriter::try_new(file, Arc::clone(schema), Some(properties))
        };
        let writer = open().map_err(PartitionError::parquet(&path))?;
        Ok(Self { path, writer })
    }

    /// Appends lines.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn write(&mut self, lines: &RecordBatch) -> Result<(), PartitionError> {
        self.writer.write(lines).map_err(PartitionError::parquet(&self.path))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn finish(self) -> Result<PathBuf, PartitionError> {
        self.writer.close().map_err(PartitionError::parquet(&self.path))?;
        Ok(self.path)
    }
}

/// The batches of a run.
///
/// # Errors
/// [`PartitionError`].
pub fn open_run(path: &Path) -> Result<ParquetRecordBatchReader, PartitionError> {
    let file = File::open(path).at("open", path)?;
    ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
        .map_err(PartitionError::parquet(path))
}
