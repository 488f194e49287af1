//! Partitions of `sales` and `pools` from runs, and of `sales_monthly` from `sales`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::plans::sales_monthly::{GRAIN, add_sums, sum_sales};
use arrow::array::{ArrayRef, Int64Array, StringArray};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use polars::prelude::{
    Column, DataFrame, IntoLazy as _, PolarsError, PolarsResult, UnionArgs, concat,
};

use streamledger_core::vocabulary::money::Amount;

use crate::encode::file::{Provenance, ROW_GROUP_ROWS_MAX};
use crate::ledger::{FileEntry, Totals};
use crate::partition::PartitionError;
use crate::sales_columns::{LotTable, amounts};
use crate::sales_runs::{Run, merge_runs};
use crate::small_tables::write_table;
use crate::table_writer::{ArrowLayout, TableWriter};
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
    let layout = ArrowLayout {
        schema: table.schema(),
        sorted_by: table.sorted_by(),
        row_group_rows: ROW_GROUP_ROWS_MAX,
    };
    let mut writer = TableWriter::new(folder, layout, provenance)?;
    merge_runs(table, reports, folder, |batch| writer.write(&batch))?;
    writer.finish()
}

/// Writes a partition of `sales_monthly` from the files of the same store and month of `sales`, and tells
/// what its rows sum to.
///
/// # Errors
/// [`PartitionError`].
pub fn build_sales_monthly(
    sales: &[PathBuf],
    folder: &Path,
    provenance: &Provenance,
) -> Result<(Vec<FileEntry>, Totals), PartitionError> {
    let wrong = PartitionError::parquet(folder);
    let (columns, n_lines, totals) = sum_files(sales)
        .and_then(|sums| {
            let n_lines: i64 = sums.column("lines")?.i64()?.iter().flatten().sum();
            Ok((to_columns(&sums)?, n_lines, totals_of(&sums)?))
        })
        .map_err(|error| wrong(ParquetError::External(Box::new(error))))?;
    let mut n_rows = 0;
    for path in sales {
        n_rows += rows_of(path).map_err(PartitionError::parquet(path))?;
    }
    if usize::try_from(n_lines) != Ok(n_rows) {
        let message = format!("{n_rows} lines of sales, {n_lines} are summed");
        return Err(PartitionError::NotConserved { path: folder.to_owned(), message });
    }
    let columns = GRAIN.into_iter().chain(["units", "amount", "lines"]).zip(columns).collect();
    let sorted_by: Vec<(i32, bool)> = (0..7).map(|column| (column, false)).collect();
    let required = ["tier", "use_type", "units", "lines"];
    let files = write_table(folder, columns, &required, &sorted_by, provenance)?;
    Ok((files, totals))
}

/// What the rows of `sales_monthly` sum to.
fn totals_of(sums: &DataFrame) -> PolarsResult<Totals> {
    let mut amounts: BTreeMap<&str, i128> = BTreeMap::new();
    let amount = sums.column("amount")?.decimal()?;
    for (currency, amount) in sums.column("currency")?.str()?.iter().zip(amount.physical().iter()) {
        if let Some((currency, amount)) = currency.zip(amount) {
            *amounts.entry(currency).or_default() += amount;
        }
    }
    let amounts = amounts.into_iter().map(|(code, sum)| (code.to_owned(), Amount(sum).to_string()));
    let units = sums.column("units")?.i64()?.iter().flatten().sum();
    Ok(Totals { units, amounts: amounts.collect() })
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
