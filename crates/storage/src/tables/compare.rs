//! What two states of the tables say differently: by table, store and month, and where a table has
//! figures, by what they are told apart. Only partitions whose files differ are read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use polars::prelude::{
    AnyValue, DataFrame, DataType, Expr, LazyFrame, PolarsError, PolarsResult, UnionArgs, col,
    concat, len,
};
use streamledger_core::model::money::Amount;

use crate::layout::ledger::{FileEntry, Manifest};
use crate::layout::partition_key::{PartitionKey, table_of};
use crate::tables::scan::{collect, scan};

/// A state of the tables.
#[derive(Debug, Clone, Copy)]
pub struct ComparedTables<'a> {
    /// Folders in which the files of a partition may lie, under its path; the first that has them counts.
    pub folders: &'a [PathBuf],
    /// What there is.
    pub manifest: &'a Manifest,
}

/// What figures count.
pub const MEASURES: [&str; 9] =
    ["rows", "plays", "units", "lines", "amount", "bad rows", "reports", "periods", "tracks"];

/// What a figure is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComparedFigure {
    /// Table.
    pub table: String,
    /// Store; empty for a table without stores.
    pub store: String,
    /// Month, `YYYY-MM`; empty for a table without months.
    pub month: String,
    /// Verdict and reason of plays, currency of sales, step of a waterfall, reason or state of what is
    /// counted; empty for the table as a whole.
    pub what: String,
    /// What is counted: one of [`MEASURES`].
    pub measure: &'static str,
}

/// Before and after, in units of the measure; of `amount` in 10^-12 of the currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FigureChange {
    /// In the first state.
    pub before: i128,
    /// In the second.
    pub after: i128,
}

/// Figures of the partitions that differ.
pub type FigureChanges = BTreeMap<ComparedFigure, FigureChange>;

/// Compares two states. A figure that is the same in both is there only for `rows`: the rows differ,
/// though they are as many.
///
/// # Errors
/// If a file cannot be read.
pub fn compare(one: ComparedTables<'_>, other: ComparedTables<'_>) -> PolarsResult<FigureChanges> {
    let paths: BTreeSet<&String> =
        one.manifest.partitions.keys().chain(other.manifest.partitions.keys()).collect();
    let mut changes = FigureChanges::new();
    for path in paths {
        let [a, b] = [one, other].map(|state| files_of(state, path));
        let names = |files: &[&FileEntry]| -> Vec<String> {
            files.iter().map(|file| file.blake3.clone()).collect()
        };
        if names(&a) == names(&b) {
            continue;
        }
        let mut add =
            |what: String, measure, change: fn(&mut FigureChange) -> &mut i128, number| {
                let figure = ComparedFigure { what, measure, ..figure_of(path) };
                *change(changes.entry(figure).or_default()) += number;
            };
        for (state, files, change) in [
            (one, &a, (|change| &mut change.before) as fn(&mut FigureChange) -> &mut i128),
            (other, &b, |change| &mut change.after),
        ] {
            let rows: u64 = files.iter().map(|file| file.rows).sum();
            add(String::new(), "rows", change, i128::from(rows));
            for (what, measure, number) in sums_of(state, path, files)? {
                add(what, measure, change, number);
            }
        }
    }
    changes.retain(|figure, change| figure.measure == "rows" || change.before != change.after);
    Ok(changes)
}

fn files_of<'a>(state: ComparedTables<'a>, path: &str) -> Vec<&'a FileEntry> {
    let partition = state.manifest.partitions.get(path);
    partition.into_iter().flat_map(|partition| &partition.files).collect()
}

/// Table, store and month of a partition.
fn figure_of(path: &str) -> ComparedFigure {
    let key = PartitionKey::parse(path);
    ComparedFigure {
        table: table_of(path).to_owned(),
        store: key.map_or("", |key| key.store).to_owned(),
        month: key.map_or("", |key| key.month).to_owned(),
        what: String::new(),
        measure: "",
    }
}

type FigureSum = (String, &'static str, i128);

fn sums_of(
    state: ComparedTables<'_>,
    path: &str,
    files: &[&FileEntry],
) -> PolarsResult<Vec<FigureSum>> {
    let frames = || -> PolarsResult<LazyFrame> {
        let scans: Vec<LazyFrame> = files
            .iter()
            .map(|file| scan(&found(state.folders, path, &file.name)))
            .collect::<PolarsResult<_>>()?;
        concat(scans, UnionArgs::default())
    };
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let Some(ComparedColumns { by, sums, count }) = figures_in(table_of(path)) else {
        return Ok(Vec::new());
    };
    let sum = |measure: &&'static str| {
        let sum = col(*measure).sum();
        if *measure == "amount" { sum.cast(DataType::String) } else { sum }
    };
    let mut measures: Vec<Expr> = sums.iter().map(sum).collect();
    measures.extend(count.map(|name| len().cast(DataType::Int64).alias(name)));
    let names: Vec<&'static str> = sums.iter().copied().chain(count).collect();
    let lines = frames()?;
    let summed = if by.is_empty() {
        lines.select(measures)
    } else {
        lines.group_by(by.iter().map(|name| col(*name)).collect::<Vec<_>>()).agg(measures)
    };
    rows_of(&collect(summed)?, by.len(), &names)
}

/// What can be summed in a table.
struct ComparedColumns {
    /// Columns that tell the figures apart.
    by: &'static [&'static str],
    /// Columns that are summed.
    sums: &'static [&'static str],
    /// What its rows are called where they are counted by those columns.
    count: Option<&'static str>,
}

/// The figures of a table; `None` where its rows are all that can be counted. The plays of `plays` are
/// those of `trends_daily`, the lines of `sales` those of `sales_monthly`.
fn figures_in(table: &str) -> Option<ComparedColumns> {
    let figures = |by, sums| Some(ComparedColumns { by, sums, count: None });
    let counted = |by, name| Some(ComparedColumns { by, sums: &[], count: Some(name) });
    match table {
        "trends_daily" => figures(&["verdict", "reason"], &["plays"]),
        "sales_monthly" => figures(&["currency"], &["units", "lines", "amount"]),
        "sales_superseded" | "revenue_pools" => figures(&["currency"], &["units", "amount"]),
        "public_counts" | "store_removals" => figures(&[], &["plays"]),
        "waterfall" => figures(&["step"], &["plays"]),
        "quarantine" => counted(&["reason"], "bad rows"),
        "reports" => counted(&["state"], "reports"),
        "coverage" => counted(&["feed", "state"], "periods"),
        "eligibility" => counted(&["state"], "tracks"),
        _ => None,
    }
}

/// Where a file of a partition lies.
fn found(folders: &[PathBuf], path: &str, name: &str) -> PathBuf {
    let place = |folder: &PathBuf| folder.join(path).join(name);
    let there = folders.iter().map(place).find(|place| place.exists());
    there.unwrap_or_else(|| Path::new(path).join(name))
}

/// Sums by their group: the first columns are its words, the others numbers.
fn rows_of(
    frame: &DataFrame,
    n_words: usize,
    measures: &[&'static str],
) -> PolarsResult<Vec<FigureSum>> {
    let columns = frame.columns();
    let mut sums = Vec::new();
    for row in 0..frame.height() {
        let words: Vec<String> = columns[..n_words]
            .iter()
            .map(|column| match column.get(row)? {
                AnyValue::Null => Ok(String::new()),
                value => Ok(value.get_str().unwrap_or_default().to_owned()),
            })
            .collect::<PolarsResult<_>>()?;
        let what = words.join(" ").trim().to_owned();
        for (column, measure) in columns[n_words..].iter().zip(measures) {
            let number = match column.get(row)? {
                AnyValue::Null => 0,
                AnyValue::Int64(number) => i128::from(number),
                value => amount_of(value.get_str().unwrap_or_default())?,
            };
            sums.push((what.clone(), *measure, number));
        }
    }
    Ok(sums)
}

fn amount_of(text: &str) -> PolarsResult<i128> {
    let wrong = || PolarsError::ComputeError(format!("`{text}` is no amount").into());
    Amount::parse(text).map(|read| read.amount.0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_store_and_month_are_in_the_path() {
        let found = figure_of("plays/store=spotify/month=2026-09/date=2026-09-01");
        assert_eq!((found.table.as_str(), found.store.as_str()), ("plays", "spotify"));
        assert_eq!(found.month, "2026-09");
        assert_eq!((figure_of("reports").store, figure_of("reports").month), Default::default());
    }
}
