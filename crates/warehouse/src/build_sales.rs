//! Partitions of `sales` and `pools` from runs, and of `sales_monthly` from `sales`.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::plans::sales_monthly::{GRAIN, add_sums, sum_sales};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use polars::prelude::{
    Column, DataFrame, IntoLazy as _, PolarsError, PolarsResult, UnionArgs, concat,
};

use crate::durable::{At as _, make_folder};
use crate::encode::file::{CREATED_BY, FILE_BYTES_MAX, Provenance, ROW_GROUP_ROWS_MAX};
use crate::encode::page::ZSTD_LEVEL;
use crate::ledger::FileEntry;
use crate::partition::{Hashing, PartitionError};
use crate::sales_columns::{LotTable, amounts};
use crate::sales_runs::{Run, merge_runs};
use crate::small_tables::write_table;
use crate::tables::{collect, scan};

/// Writes a partition of `sales` or `pools`. `reports` are the names of its reports, in order, each
/// with its runs.
///
/// # Errors
/// [`PartitionError`].
pub fn build_lots(
    table: LotTable,
    reports: &[(String, Vec<Run>)],
    folder: &Path,
    provenance: &Provenance,
) -> Result<Vec<FileEntry>, PartitionError> {
    make_folder(folder)?;
    let mut writer = LotWriter { table, folder, provenance, open: None, files: Vec::new() };
    merge_runs(table, reports, folder, |batch| writer.write(&batch))?;
    writer.close()?;
    Ok(writer.files)
}

/// Writes the files of a partition from batches in their order.
struct LotWriter<'a> {
    table: LotTable,
    folder: &'a Path,
    provenance: &'a Provenance,
    open: Option<(ArrowWriter<Hashing>, u64)>,
    files: Vec<FileEntry>,
}

impl LotWriter<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), PartitionError> {
        let is_full = |(writer, _): &(ArrowWriter<Hashing>, u64)| {
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

    fn open_file(&self) -> Result<ArrowWriter<Hashing>, PartitionError> {
        let path = self.folder.join("unfinished");
        let file = File::create_new(&path).at("create", &path)?;
        let sink = Hashing::new(BufWriter::with_capacity(1 << 18, file));
        let wrong = PartitionError::parquet(self.folder);
        let sorted_by = self.table.sorted_by().iter();
        let sorting = sorted_by.map(|column_idx| SortingColumn {
            column_idx: *column_idx,
            descending: false,
            nulls_first: false,
        });
        let build = || {
            let properties = WriterProperties::builder()
                .set_created_by(CREATED_BY.to_owned())
                .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
                .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
                .set_sorting_columns(Some(sorting.collect()))
                .set_key_value_metadata(Some(self.provenance.entries()))
                .build();
            let options = ArrowWriterOptions::new()
                .with_properties(properties)
                .with_skip_arrow_metadata(true);
            ArrowWriter::try_new_with_options(sink, self.table.schema(), options)
        };
        build().map_err(wrong)
    }

    fn close(&mut self) -> Result<(), PartitionError> {
        let Some((writer, rows)) = self.open.take() else {
            return Ok(());
        };
        let sink = writer.into_inner().map_err(PartitionError::parquet(self.folder))?;
        let path = self.folder.join("unfinished");
        let (sha256, size_bytes) = sink.finish().at("write and sync", &path)?;
        let name = format!("part-{:04}-{}.parquet", self.files.len(), &sha256[..16]);
        std::fs::rename(&path, self.folder.join(&name)).at("rename", &path)?;
        self.files.push(FileEntry { name, rows, size_bytes, sha256 });
        Ok(())
    }
}

/// Writes a partition of `sales_monthly` from the files of the same store and month of `sales`.
///
/// # Errors
/// [`PartitionError`].
pub fn build_sales_monthly(
    sales: &[PathBuf],
    folder: &Path,
    provenance: &Provenance,
) -> Result<Vec<FileEntry>, PartitionError> {
    let wrong = PartitionError::parquet(folder);
    let columns = sum_files(sales)
        .and_then(|sums| to_columns(&sums))
        .map_err(|error| wrong(ParquetError::External(Box::new(error))))?;
    let columns = GRAIN.into_iter().chain(["units", "amount", "lines"]).zip(columns).collect();
    let sorted_by: Vec<(i32, bool)> = (0..7).map(|column| (column, false)).collect();
    write_table(folder, columns, &["tier", "use_type", "units", "lines"], &sorted_by, provenance)
}

/// Sums the files of a month with Polars, a row group at a time: as many lines as a month may have, a
/// bounded part of them is in memory.
///
/// # Errors
/// If they cannot be read.
pub fn sum_files(sales: &[PathBuf]) -> PolarsResult<DataFrame> {
    let mut sums: Option<DataFrame> = None;
    for path in sales {
        let n_rows =
            rows_of(path).map_err(|error| PolarsError::ComputeError(error.to_string().into()))?;
        for start in (0..n_rows).step_by(ROW_GROUP_ROWS_MAX) {
            let start = i64::try_from(start).unwrap_or(i64::MAX);
            let lines =
                scan(path)?.slice(start, u32::try_from(ROW_GROUP_ROWS_MAX).unwrap_or(u32::MAX));
            let part = collect(sum_sales(lines))?;
            sums = Some(match sums {
                None => part,
                Some(sums) => {
                    let both = concat([sums.lazy(), part.lazy()], UnionArgs::default())?;
                    collect(add_sums(both))?
                }
            });
        }
    }
    match sums {
        Some(sums) => Ok(sums),
        None => Err(PolarsError::NoData("a month of sales without lines".into())),
    }
}

fn rows_of(path: &Path) -> Result<usize, ParquetError> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    let n_rows = reader.metadata().file_metadata().num_rows();
    Ok(usize::try_from(n_rows).unwrap_or(0))
}

fn to_columns(sums: &DataFrame) -> PolarsResult<Vec<ArrayRef>> {
    let mut columns: Vec<ArrayRef> = Vec::new();
    for name in GRAIN {
        let texts = sums.column(name)?.str()?;
        columns.push(Arc::new(texts.iter().collect::<StringArray>()));
    }
    let numbers = |column: &Column| -> PolarsResult<ArrayRef> {
        Ok(Arc::new(column.i64()?.iter().collect::<Int64Array>()))
    };
    columns.push(numbers(sums.column("units")?)?);
    let amount = sums.column("amount")?.decimal()?;
    let amounts = amounts(amount.physical().iter())
        .map_err(|error| PolarsError::ComputeError(error.to_string().into()))?;
    columns.push(amounts);
    columns.push(numbers(sums.column("lines")?)?);
    Ok(columns)
}
