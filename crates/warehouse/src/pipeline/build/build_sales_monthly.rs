//! Partitions of `sales_monthly` from `sales`: as many lines as a month has, some of them at a time.
//!
//! Lines lie in order of recordings. A recording that is through is summed up; its sums wait, by statement
//! period, in memory or on disk, where they lie in their order already. What has no ISRC stands last
//! in no order, and its sums stay in memory to the end: they are as many as its products, territories
//! and kinds of use.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use polars::prelude::{
    BooleanChunked, Column, DataFrame, IntoLazy as _, LazyFrame, PolarsError, PolarsResult,
    UnionArgs, concat,
};
use streamledger_core::vocabulary::money::Amount;

use crate::pipeline::build::build_waterfall::polars_failed;
use crate::pipeline::build::sales_merge::each_batch;
use crate::pipeline::intake::sales_runs::{Run, RunStore};
use crate::pipeline::plans::sales_monthly::{GRAIN, add_sums, sum_sales};
use crate::storage::encode::file::{Provenance, ROW_GROUP_ROWS_MAX};
use crate::storage::layout::ledger::FileEntry;
use crate::storage::layout::report_sums::Totals;
use crate::storage::tables::columns::{amount_type, amounts};
use crate::storage::tables::partition::PartitionError;
use crate::storage::tables::scan::{collect, scan};
use crate::storage::tables::table_writer::{ArrowLayout, TableWriter};

/// Lines that are summed at a time. The engine holds all of them with what they are summed by.
pub const LINES_AT_A_TIME: usize = 1 << 17;

/// The columns of `sales_monthly`.
static SUMS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let required = ["tier", "use_type"];
    let text = |name: &str| Field::new(name, DataType::Utf8, !required.contains(&name));
    let mut fields: Vec<Field> = GRAIN.into_iter().map(text).collect();
    fields.push(Field::new("units", DataType::Int64, false));
    fields.push(Field::new("amount", amount_type(), true));
    fields.push(Field::new("lines", DataType::Int64, false));
    Arc::new(Schema::new(fields))
});

/// The columns of `sales_monthly`.
#[must_use]
pub fn sales_monthly_schema() -> SchemaRef {
    Arc::clone(&SUMS)
}

/// Writes a partition of `sales_monthly` from the files of the same store and month of `sales`, in their
/// order, and tells what its rows sum to. `n_lines_max` lines are summed at a time, as a rule
/// [`LINES_AT_A_TIME`]; sums wait in `waiting`. Neither changes a byte.
///
/// # Errors
/// [`PartitionError`].
pub fn build_sales_monthly(
    sales: &[PathBuf],
    n_lines_max: usize,
    waiting: &RunStore,
    folder: &Path,
    provenance: &Provenance,
) -> Result<(Vec<FileEntry>, Totals), PartitionError> {
    let mut sums = MonthSums::new(waiting, folder);
    let mut n_rows = 0;
    for path in sales {
        let n_of_file = rows_of(path).map_err(PartitionError::parquet(path))?;
        for start in (0..n_of_file).step_by(n_lines_max) {
            sums.add(scan(path).and_then(|lines| some_of(lines, start, n_lines_max)))?;
        }
        n_rows += n_of_file;
    }
    sums.close()?;
    if usize::try_from(sums.n_lines) != Ok(n_rows) {
        let message = format!("{n_rows} lines of sales, {} are summed", sums.n_lines);
        return Err(PartitionError::NotConserved { path: folder.to_owned(), message });
    }
    let totals = sums.totals();
    Ok((sums.write(provenance)?, totals))
}

/// Sums of a month while its lines are read.
struct MonthSums<'a> {
    waiting: &'a RunStore,
    folder: &'a Path,
    /// Sums of the recording whose lines may go on.
    open: Option<DataFrame>,
    /// Sums of the recordings before it, by statement period, those without one last.
    closed: BTreeMap<(bool, String), Vec<Run>>,
    n_lines: i64,
    units: i128,
    /// By currency, in 10^-12 of its unit.
    amounts: BTreeMap<String, i128>,
}

impl<'a> MonthSums<'a> {
    fn new(waiting: &'a RunStore, folder: &'a Path) -> Self {
        Self {
            waiting,
            folder,
            open: None,
            closed: BTreeMap::new(),
            n_lines: 0,
            units: 0,
            amounts: BTreeMap::new(),
        }
    }

    /// Adds lines that come after those before.
    fn add(&mut self, lines: PolarsResult<LazyFrame>) -> Result<(), PartitionError> {
        let open = self.open.take();
        let (closed, open) = lines
            .and_then(|lines| sum_up(lines, open))
            .map_err(|error| polars_failed(self.folder, error))?;
        self.open = Some(open);
        self.keep(&closed)
    }

    /// Ends the lines.
    fn close(&mut self) -> Result<(), PartitionError> {
        let Some(last) = self.open.take() else {
            let error = PolarsError::NoData("a month of sales without lines".into());
            return Err(polars_failed(self.folder, error));
        };
        self.keep(&last)
    }

    fn keep(&mut self, closed: &DataFrame) -> Result<(), PartitionError> {
        let folder = self.folder;
        let wrong = |error| polars_failed(folder, error);
        self.count(closed).map_err(wrong)?;
        for (period, sums) in by_period(closed).map_err(wrong)? {
            let batch = to_batch(&sums).map_err(wrong)?;
            let run = self.waiting.keep(batch)?;
            let key = (period.is_none(), period.unwrap_or_default());
            self.closed.entry(key).or_default().push(run);
        }
        Ok(())
    }

    fn count(&mut self, sums: &DataFrame) -> PolarsResult<()> {
        self.n_lines += sums.column("lines")?.i64()?.iter().flatten().sum::<i64>();
        self.units += sums.column("units")?.i64()?.iter().flatten().map(i128::from).sum::<i128>();
        let amounts = sums.column("amount")?.decimal()?;
        let currencies = sums.column("currency")?.str()?;
        for (currency, amount) in currencies.iter().zip(amounts.physical().iter()) {
            let Some((currency, amount)) = currency.zip(amount) else {
                continue;
            };
            match self.amounts.get_mut(currency) {
                Some(sum) => *sum += amount,
                None => drop(self.amounts.insert(currency.to_owned(), amount)),
            }
        }
        Ok(())
    }

    fn totals(&self) -> Totals {
        let amounts =
            self.amounts.iter().map(|(code, sum)| (code.clone(), Amount(*sum).to_string()));
        Totals { units: self.units, amounts: amounts.collect() }
    }

    fn write(self, provenance: &Provenance) -> Result<Vec<FileEntry>, PartitionError> {
        let layout = ArrowLayout {
            schema: Arc::clone(&SUMS),
            sorted_by: &[0, 1, 2, 3, 4, 5, 6],
            row_group_rows: ROW_GROUP_ROWS_MAX,
        };
        let mut rows = RowGroup {
            writer: TableWriter::new(self.folder, layout, provenance)?,
            folder: self.folder,
            columns: vec![Vec::new(); SUMS.fields().len()],
            n_rows: 0,
        };
        for run in self.closed.into_values().flatten() {
            each_batch(&run, |batch| rows.push(&batch))?;
            run.remove()?;
        }
        rows.flush()?;
        rows.writer.finish()
    }
}

/// Sums until they are a row group. It is written at once: where a page ends depends on which rows come in
/// together, and must not depend on how many are summed at a time.
struct RowGroup<'a> {
    writer: TableWriter<'a>,
    folder: &'a Path,
    /// Parts of each column.
    columns: Vec<Vec<ArrayRef>>,
    n_rows: usize,
}

impl RowGroup<'_> {
    fn push(&mut self, batch: &RecordBatch) -> Result<(), PartitionError> {
        let mut start = 0;
        while start < batch.num_rows() {
            let n_rows = (batch.num_rows() - start).min(ROW_GROUP_ROWS_MAX - self.n_rows);
            let part = batch.slice(start, n_rows);
            for (column, part) in self.columns.iter_mut().zip(part.columns()) {
                column.push(Arc::clone(part));
            }
            self.n_rows += n_rows;
            start += n_rows;
            if self.n_rows == ROW_GROUP_ROWS_MAX {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), PartitionError> {
        if std::mem::take(&mut self.n_rows) == 0 {
            return Ok(());
        }
        let wrong = |error: ArrowError| PartitionError::parquet(self.folder)(error.into());
        let mut columns = Vec::new();
        for column in &mut self.columns {
            // The parts of a column go before the next one is put together.
            let parts = std::mem::take(column);
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            columns.push(arrow::compute::concat(&parts).map_err(wrong)?);
        }
        let batch = RecordBatch::try_new(Arc::clone(&SUMS), columns).map_err(wrong)?;
        self.writer.write(&batch)
    }
}

fn some_of(lines: LazyFrame, start: usize, n_lines: usize) -> PolarsResult<LazyFrame> {
    Ok(lines.slice(number(start)?, number(n_lines)?))
}

/// A number of rows as the engine counts them.
fn number<T: TryFrom<usize>>(n_rows: usize) -> PolarsResult<T> {
    let wrong = || PolarsError::OutOfBounds(format!("{n_rows} rows").into());
    T::try_from(n_rows).map_err(|_| wrong())
}

/// Sums lines and what is open of those before them; parts with those of the last recording, which may go
/// on.
fn sum_up(lines: LazyFrame, open: Option<DataFrame>) -> PolarsResult<(DataFrame, DataFrame)> {
    let mut sums = collect(sum_sales(lines))?;
    if let Some(open) = open {
        let both = concat([open.lazy(), sums.lazy()], UnionArgs::default())?;
        sums = collect(add_sums(both))?;
    }
    let isrcs = sums.column("isrc")?.str()?;
    // Lines without an ISRC stand last.
    let last = if isrcs.null_count() == 0 { isrcs.iter().flatten().max() } else { None };
    let is_open: BooleanChunked = isrcs.iter().map(|isrc| Some(isrc == last)).collect();
    Ok((sums.filter(&!&is_open)?, sums.filter(&is_open)?))
}

/// Sums by statement period, by which they are sorted.
fn by_period(sums: &DataFrame) -> PolarsResult<Vec<(Option<String>, DataFrame)>> {
    let periods = sums.column("statement_period")?.str()?;
    let mut starts: Vec<(usize, Option<&str>)> = Vec::new();
    for (row, period) in periods.iter().enumerate() {
        if starts.last().is_none_or(|(_, last)| *last != period) {
            starts.push((row, period));
        }
    }
    let ends = starts.iter().skip(1).map(|(start, _)| *start).chain([sums.height()]);
    let of = |((start, period), end): (&(usize, Option<&str>), usize)| {
        Ok((period.map(ToOwned::to_owned), sums.slice(number(*start)?, end - start)))
    };
    starts.iter().zip(ends).map(of).collect()
}

fn rows_of(path: &Path) -> Result<usize, ParquetError> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    let n_rows = reader.metadata().file_metadata().num_rows();
    let wrong = |_| ParquetError::General(format!("the footer has {n_rows} rows"));
    usize::try_from(n_rows).map_err(wrong)
}

fn to_batch(sums: &DataFrame) -> PolarsResult<RecordBatch> {
    let wrong =
        |error: arrow::error::ArrowError| PolarsError::ComputeError(error.to_string().into());
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
    columns.push(amounts(amount.physical().iter()).map_err(wrong)?);
    columns.push(numbers(sums.column("lines")?)?);
    RecordBatch::try_new(Arc::clone(&SUMS), columns).map_err(wrong)
}

#[cfg(test)]
mod tests;
