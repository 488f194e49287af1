//! Published tables as Polars sees them: files are scanned, plans are collected by the streaming engine.
//! Where it would read ahead and there is no memory for that, a few rows are read at a time.

use std::fs::File;
use std::path::Path;

use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::metadata::FileMetaData;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use polars::prelude::{
    DataFrame, DataType, Engine, LazyFrame, PlRefPath, PolarsError, PolarsResult, ScanArgsParquet,
};

/// A file of a table.
///
/// # Errors
/// If it is not there or no Parquet.
pub fn scan(path: &Path) -> PolarsResult<LazyFrame> {
    let text = path.to_str().ok_or_else(|| {
        PolarsError::ComputeError(format!("{} is not UTF-8", path.display()).into())
    })?;
    let args = ScanArgsParquet { glob: false, ..ScanArgsParquet::default() };
    LazyFrame::scan_parquet(PlRefPath::new(text), args)
}

/// What the footer of a file says of it as a whole.
///
/// # Errors
/// If it is not there or no Parquet.
pub fn read_footer(path: &Path) -> Result<FileMetaData, ParquetError> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    Ok(reader.metadata().file_metadata().clone())
}

/// Rows that are read at a time.
pub(crate) const BATCH_ROWS: usize = 1 << 13;

/// Reads columns of a file a few rows at a time: the engine would read several row groups ahead.
///
/// # Errors
/// If the file cannot be read, and what `take` fails with.
pub fn each_batch(
    file: &Path,
    columns: &[&str],
    mut take: impl FnMut(&RecordBatch) -> Result<(), ParquetError>,
) -> Result<(), ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(file)?)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    for batch in builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()? {
        take(&batch?)?;
    }
    Ok(())
}

/// The streaming engine by name: what Polars picks by itself holds everything in memory.
///
/// # Errors
/// If the plan fails.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "Polars does not export the name of the result's type"
)]
pub fn collect(plan: LazyFrame) -> PolarsResult<DataFrame> {
    plan.collect_with_engine(Engine::Streaming).map(|result| result.unwrap_single())
}

/// The whole numbers of a column that has one in each row.
///
/// # Errors
/// If there is no such column, or a row without a number.
pub fn numbers_of(rows: &DataFrame, name: &str) -> PolarsResult<Vec<i64>> {
    let column = rows.column(name)?.cast(&DataType::Int64)?;
    let missing =
        || PolarsError::ComputeError(format!("column {name} has a row without a number").into());
    column.i64()?.iter().map(|number| number.ok_or_else(missing)).collect()
}
