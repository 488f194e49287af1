//! Partitions of `sales` and `sales_monthly` from the runs of a month's statements. A row group of lines is
//! in memory at a time; it is written and summed at once.

use std::path::{Path, PathBuf};

use streamledger_core::aggregate::sales_monthly::{
    MonthTotals, MonthlySum, SalesSummer, SumBeyondColumn,
};
use streamledger_core::model::money::Amount;
use streamledger_storage::disk::stages::StageTimes;
use streamledger_storage::encode::file::{FileProvenance, ROW_GROUP_ROWS_MAX};
use streamledger_storage::encode::sales::{self, encode_sales};
use streamledger_storage::encode::sales_monthly::{self, encode_sales_monthly};
use streamledger_storage::layout::ledger::FileEntry;
use streamledger_storage::layout::report_sums::MonthTotalsRecord;
use streamledger_storage::tables::partition::{PartitionError, PartitionWriter};

use crate::build::merge_statements::merge_statements;
use crate::build::waiting_sums::WaitingSums;
use crate::intake::sales_runs::SaleRun;

/// Where a partition goes, and what its footers say.
#[derive(Debug, Clone)]
pub(crate) struct PartitionTarget {
    /// A folder of staging.
    pub(crate) folder: PathBuf,
    pub(crate) provenance: FileProvenance,
}

/// How much memory may be used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StatementBounds<'a> {
    /// Files of runs that may be open.
    pub(crate) n_runs: usize,
    /// Bytes of sums that may wait in memory.
    pub(crate) sums_bytes: usize,
    /// Where sums wait that do not fit; it is made when it is needed.
    pub(crate) folder: &'a Path,
}

/// Files of a month.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BuiltStatements {
    /// Of `sales`, or of `sales_superseded`.
    pub(crate) sales: Vec<FileEntry>,
    /// Of `sales_monthly` if it was asked for, with what its rows come to.
    pub(crate) monthly: Option<(Vec<FileEntry>, MonthTotalsRecord)>,
}

/// Writes a partition of `sales` or `sales_superseded`, and one of `sales_monthly` if it has a target.
/// `reports` are the names of the reports, in order, each with its runs, whose files are deleted. Bounds
/// change no byte of what is written.
///
/// # Errors
/// [`PartitionError`].
pub(crate) fn build_statements(
    reports: Vec<(String, Vec<SaleRun>)>,
    sales: &PartitionTarget,
    monthly: Option<&PartitionTarget>,
    bounds: StatementBounds<'_>,
    stages: &StageTimes,
) -> Result<BuiltStatements, PartitionError> {
    let folder = &sales.folder;
    let layout = sales::layout().map_err(PartitionError::parquet(folder))?;
    let (names, runs): (Vec<String>, Vec<Vec<SaleRun>>) = reports.into_iter().unzip();
    let mut writer = PartitionWriter::new(folder.clone(), &layout, &sales.provenance, stages)?;
    let mut summer = SalesSummer::default();
    let mut waiting = WaitingSums::new(bounds.folder.to_owned(), bounds.sums_bytes);
    let mut n_lines = 0;
    let words = merge_statements(runs, bounds.n_runs, ROW_GROUP_ROWS_MAX, |lines, words| {
        n_lines += lines.len() as u64;
        let encode = || encode_sales(lines, words, &names, &layout.schema);
        let sum = || match monthly {
            Some(target) => summer.add(lines, words).map_err(beyond(&target.folder)),
            None => Ok(()),
        };
        let (group, summed) = rayon::join(encode, sum);
        summed?;
        writer.push(group.map_err(PartitionError::parquet(folder))?)?;
        waiting.add(summer.take_closed())
    })?;
    let sales = writer.finish()?;
    let Some(target) = monthly else {
        return Ok(BuiltStatements { sales, monthly: None });
    };
    let (last, terms, totals) = summer.finish(&words).map_err(beyond(&target.folder))?;
    waiting.add(last)?;
    if totals.lines != n_lines {
        let message = format!("{n_lines} lines of sales, {} are summed", totals.lines);
        return Err(PartitionError::NotConserved { path: target.folder.clone(), message });
    }
    let layout = sales_monthly::layout().map_err(PartitionError::parquet(&target.folder))?;
    let mut writer =
        PartitionWriter::new(target.folder.clone(), &layout, &target.provenance, stages)?;
    waiting.each_group(ROW_GROUP_ROWS_MAX, &mut |sums: &[MonthlySum]| {
        let group = encode_sales_monthly(sums, &terms, &words, &layout.schema);
        writer.push(group.map_err(PartitionError::parquet(&target.folder))?)
    })?;
    Ok(BuiltStatements { sales, monthly: Some((writer.finish()?, to_totals(&totals))) })
}

fn beyond(folder: &Path) -> impl FnOnce(SumBeyondColumn) -> PartitionError + '_ {
    |error| PartitionError::NotConserved { path: folder.to_owned(), message: error.to_string() }
}

fn to_totals(totals: &MonthTotals) -> MonthTotalsRecord {
    let amounts = totals
        .amounts
        .iter()
        .map(|(currency, sum)| (currency.as_str().to_owned(), Amount(*sum).to_string()));
    MonthTotalsRecord { units: totals.units, amounts: amounts.collect() }
}

#[cfg(test)]
mod tests;
