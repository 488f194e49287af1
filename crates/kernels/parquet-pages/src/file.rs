//! Parquet files: row groups, the frame and the footer.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::SchemaDescPtr;
use rayon::prelude::*;

use crate::chunk::assemble_chunk;
use crate::page::EncodedPage;
use crate::pieces::BytePieces;
use crate::values::ColumnValues;

/// The encoded columns of a row group.
#[derive(Debug, Clone)]
pub struct EncodedRowGroup {
    columns: Vec<(BytePieces, ColumnCloseResult)>,
    /// Rows of the row group.
    pub n_rows: usize,
}

/// A page of each column of the same rows.
#[derive(Debug)]
pub struct EncodedPages {
    /// The bytes of all of them.
    pub bytes: Bytes,
    /// In the order of the columns.
    pub pages: Vec<EncodedPage>,
}

/// Puts the pages of a row group together, which come in the order of the rows; `values` by column.
///
/// # Errors
/// If the `parquet` crate or zstd fails.
pub fn assemble_row_group(
    schema: &SchemaDescPtr,
    values: &[ColumnValues<'_>],
    pages: Vec<EncodedPages>,
    n_rows: usize,
) -> Result<EncodedRowGroup> {
    let mut by_column: Vec<Vec<(Bytes, EncodedPage)>> = values.iter().map(|_| Vec::new()).collect();
    for EncodedPages { bytes, pages } in pages {
        for (column, page) in by_column.iter_mut().zip(pages) {
            column.push((bytes.slice(page.place.clone()), page));
        }
    }
    let columns = by_column
        .into_par_iter()
        .zip(values)
        .zip(schema.columns())
        .map(|((pages, values), column)| assemble_chunk(column, values, pages))
        .collect::<Result<_>>()?;
    Ok(EncodedRowGroup { columns, n_rows })
}

/// A Parquet file being written.
pub struct TableFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
}

impl<W: Write + Send> TableFile<W> {
    /// Starts a file. Of `properties` only what the footer says is used.
    ///
    /// # Errors
    /// If the first bytes cannot be written.
    pub fn new(sink: W, schema: &SchemaDescPtr, properties: WriterProperties) -> Result<Self> {
        let (schema, properties) = (schema.root_schema_ptr(), Arc::new(properties));
        Ok(Self { writer: SerializedFileWriter::new(sink, schema, properties)? })
    }

    /// Appends a row group.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn push(&mut self, row_group: EncodedRowGroup) -> Result<()> {
        let mut writer = self.writer.next_row_group()?;
        for (bytes, close) in row_group.columns {
            writer.append_column(&bytes, close)?;
        }
        writer.close().map(|_| ())
    }

    /// Bytes written so far.
    pub fn size_bytes(&mut self) -> u64 {
        self.writer.bytes_written() as u64
    }

    /// Writes the footer and gives the sink back.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self) -> Result<W> {
        self.writer.into_inner()
    }
}
