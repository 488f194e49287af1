//! Writes the files of a partition from Arrow batches in their order, for tables that are no plays.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;
use streamledger_parquet_pages::page::ZSTD_LEVEL;

use crate::disk::durable::{IoContext as _, make_folder};
use crate::disk::hashing::HashingWriter;
use crate::encode::file::{CREATED_BY, FILE_BYTES_MAX, FileProvenance};
use crate::layout::ledger::FileEntry;
use crate::tables::partition::PartitionError;

/// The columns of a table, and how its rows lie.
#[derive(Debug, Clone)]
pub struct ArrowLayout {
    /// The columns.
    pub schema: SchemaRef,
    /// Places of the columns by which it is sorted, ascending, nulls last.
    pub sorted_by: &'static [i32],
    /// Rows of a row group.
    pub row_group_rows: usize,
}

/// Writes the files of one partition.
pub struct TableWriter<'a> {
    layout: ArrowLayout,
    folder: &'a Path,
    provenance: &'a FileProvenance,
    open: Option<(ArrowWriter<HashingWriter>, u64)>,
    files: Vec<FileEntry>,
}

impl<'a> TableWriter<'a> {
    /// A writer into a folder of staging, which is made.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn new(
        folder: &'a Path,
        layout: ArrowLayout,
        provenance: &'a FileProvenance,
    ) -> Result<Self, PartitionError> {
        make_folder(folder)?;
        Ok(Self { layout, folder, provenance, open: None, files: Vec::new() })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), PartitionError> {
        let is_full = |(writer, _): &(ArrowWriter<HashingWriter>, u64)| {
            // Only between row groups, so that all but a file's last one are large.
            writer.in_progress_rows() == 0 && FILE_BYTES_MAX <= writer.bytes_written() as u64
        };
        if self.open.as_ref().is_some_and(is_full) {
            self.close()?;
        }
        let (mut writer, n_rows) = match self.open.take() {
            Some(open) => open,
            None => (self.open_file()?, 0),
        };
        writer.write(batch).map_err(PartitionError::parquet(self.folder))?;
        self.open = Some((writer, n_rows + batch.num_rows() as u64));
        Ok(())
    }

    /// Ends the partition.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn finish(mut self) -> Result<Vec<FileEntry>, PartitionError> {
        self.close()?;
        Ok(self.files)
    }

    fn open_file(&self) -> Result<ArrowWriter<HashingWriter>, PartitionError> {
        let path = self.folder.join("unfinished");
        let file = File::create_new(&path).at("create", &path)?;
        let sink = HashingWriter::new(file);
        let sorting = self.layout.sorted_by.iter().map(|column_idx| SortingColumn {
            column_idx: *column_idx,
            descending: false,
            nulls_first: false,
        });
        let build = || {
            let properties = WriterProperties::builder()
                .set_created_by(CREATED_BY.to_owned())
                .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
                .set_max_row_group_row_count(Some(self.layout.row_group_rows))
                .set_sorting_columns(Some(sorting.collect()))
                .set_key_value_metadata(Some(self.provenance.entries()))
                .build();
            let options = ArrowWriterOptions::new()
                .with_properties(properties)
                .with_skip_arrow_metadata(true);
            ArrowWriter::try_new_with_options(sink, Arc::clone(&self.layout.schema), options)
        };
        build().map_err(PartitionError::parquet(self.folder))
    }

    fn close(&mut self) -> Result<(), PartitionError> {
        let Some((writer, rows)) = self.open.take() else {
            return Ok(());
        };
        let sink = writer.into_inner().map_err(PartitionError::parquet(self.folder))?;
        let path = self.folder.join("unfinished");
        let (blake3, size_bytes) = sink.finish().at("write and sync", &path)?;
        let name = format!("part-{:04}-{}.parquet", self.files.len(), &blake3[..16]);
        std::fs::rename(&path, self.folder.join(&name)).at("rename", &path)?;
        self.files.push(FileEntry { name, rows, size_bytes, blake3 });
        Ok(())
    }
}
