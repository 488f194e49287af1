//! The figures of a month, read from the tables: some recordings at a time where memory is short.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type};
use arrow_array::{Array as _, ArrayRef, RecordBatch};
use parquet::errors::ParquetError;
use polars::prelude::{
    Expr, IntoLazy as _, LazyFrame, PolarsError, PolarsResult, col, df, lit, when,
};
use streamledger_core::explain::period::Period;
use streamledger_core::explain::step::WaterfallStep;
use streamledger_core::model::day::Day;
use streamledger_core::model::verdict::{Reason, Verdict};
use streamledger_core::numbers::exact;
use streamledger_storage::layout::partition_key::{PartitionKey, store_month, trends_path};
use streamledger_storage::tables::isrc_slices::{IsrcSlice, row_ranges, slices};
use streamledger_storage::tables::scan::{collect, each_batch, scan};

use crate::build::build_waterfall::{ByTerritory, MonthKnown, WaterfallSums, kind_of_report};
use crate::build::divided_lines::{DividedLines, StorePlays, divided_lines};
use crate::nightly::build::run_tables::RunTables;
use crate::nightly::plan::month_inputs::MonthInputs;
use crate::nightly::plan::month_inputs::spanning::SpanningLines;
use crate::nightly::plan::plan_view::StoreMonth;
use crate::plans::waterfall::{
    MonthLines, OutcomeKind, SOLD_LINES, StatementInputs, WaterfallInputs, facts,
    over_several_months,
};

/// Some recordings of a month.
pub(crate) struct MonthPart {
    pub(crate) slice: IsrcSlice,
    /// Where their rows are, of files that lie in order of recordings, if they are not whole files.
    rows: BTreeMap<PathBuf, Range<usize>>,
    /// Use types of the month that are streams.
    streams: Vec<String>,
    store_plays: Arc<StorePlays>,
}

impl MonthPart {
    /// The rows of partitions that are of its recordings.
    fn scans<'p>(
        &self,
        tables: &RunTables<'_>,
        paths: impl IntoIterator<Item = &'p String>,
    ) -> PolarsResult<Vec<LazyFrame>> {
        let rows_of = |file: PathBuf| match self.rows.get(&file) {
            Some(rows) => {
                let start = exact::<i64>(rows.start);
                Ok(scan(&file)?.slice(start, exact::<u32>(rows.len())))
            }
            None => Ok(self.slice.of(scan(&file)?)),
        };
        paths.into_iter().flat_map(|path| tables.files(path)).map(rows_of).collect()
    }

    /// The same of lines of statements, with the months in which they begin.
    fn lines<'p>(
        &self,
        tables: &RunTables<'_>,
        paths: impl IntoIterator<Item = &'p String>,
    ) -> PolarsResult<Vec<MonthLines>> {
        let mut found = Vec::new();
        for path in paths {
            let unknown = || PolarsError::ComputeError(format!("{path} is of no month").into());
            let (_, month) = store_month(path).ok_or_else(unknown)?;
            let last = Period::Month(month).last();
            let scans = self.scans(tables, [path])?.into_iter();
            found.extend(scans.map(|lines| MonthLines { lines, last }));
        }
        Ok(found)
    }
}

/// Memory that a line of a statement takes on its way to a sum, in rows of trends: it is summed by its
/// report and kind first.
const LINE_WEIGHT: u64 = 2;

/// The tables of a month.
pub(crate) struct MonthFrames<'a> {
    pub(crate) of: &'a StoreMonth,
    pub(crate) inputs: &'a MonthInputs,
    pub(crate) tables: &'a RunTables<'a>,
}

impl MonthFrames<'_> {
    /// The figures of some recordings of the month, and how many units of lines whose days lie in several
    /// months are paid in it.
    pub(crate) fn frame(
        &self,
        known: &MonthKnown,
        part: &MonthPart,
    ) -> PolarsResult<(LazyFrame, i64)> {
        let tables = self.tables;
        let scans = |path: &Option<String>| part.scans(tables, path.as_ref());
        let lines = |path: &Option<String>| part.lines(tables, path.as_ref());
        let [trends, counters, declared, sales, replaced] = &self.inputs.own;
        let month = self.of.month.to_string();
        let reports = reports_frame(known)?;
        let statements = |sales, replaced| StatementInputs {
            sales,
            replaced,
            reports: Some(reports.clone()),
            streams: part.streams.clone(),
        };
        let divided = match &self.inputs.spanning {
            None => DividedLines::default(),
            Some(spanning) => {
                let sales = part.lines(tables, &spanning.sales)?;
                let replaced = part.lines(tables, &spanning.replaced)?;
                let begin = Period::Month(self.of.month).first();
                let units = over_several_months(statements(sales, replaced), begin)?;
                let units = units.map(collect).transpose()?.filter(|units| units.height() != 0);
                let trends = || part.scans(tables, &spanning.trends);
                match units {
                    Some(units) => divided_lines(&units, trends, &part.store_plays, self.of.month)?,
                    None => DividedLines::default(),
                }
            }
        };
        let inputs = WaterfallInputs {
            trends: scans(trends)?,
            later: self.later_frames()?.into_iter().map(|rows| part.slice.of(rows)).collect(),
            counters: scans(counters)?,
            is_unreported: is_unreported(&known.unreported),
            declared: scans(declared)?,
            statements: statements(lines(sales)?, lines(replaced)?),
            divided: Some(divided.to_frame()?.lazy()),
        };
        Ok((facts(inputs, &month, &outcomes())?, divided.paid))
    }

    /// Parts of the month that each fit a part of the memory.
    pub(crate) fn parts(&self, work_bytes_max: usize) -> Result<Vec<MonthPart>, ParquetError> {
        let weights = [1, 1, 1, LINE_WEIGHT, LINE_WEIGHT];
        let mut own: Vec<(&String, u64)> = self
            .inputs
            .own
            .iter()
            .zip(weights)
            .filter_map(|(path, n)| Some((path.as_ref()?, n)))
            .collect();
        // Of later dates only a few rows are of this month.
        let other = self.inputs.paths().into_iter().filter(|path| {
            !self.inputs.later.contains(path)
                && !self.inputs.own.iter().flatten().any(|known| known == *path)
        });
        own.extend(other.map(|path| (path, 1)));
        let n_own = own.iter().map(|(path, weight)| self.tables.rows(path) * weight).sum();
        let files = || {
            let files = |(path, weight): &(&String, u64)| {
                let weight = *weight;
                self.tables.files(path).into_iter().map(move |file| (file, weight))
            };
            own.iter().flat_map(files).collect()
        };
        let slices = slices(n_own, work_bytes_max, files)?;
        let streams = self.streams()?;
        let store_plays = match &self.inputs.spanning {
            Some(spanning) => store_plays(spanning, self.tables)?,
            None => StorePlays::default(),
        };
        let store_plays = Arc::new(store_plays);
        let part = |slice: &IsrcSlice| MonthPart {
            slice: slice.clone(),
            rows: BTreeMap::new(),
            streams: streams.clone(),
            store_plays: Arc::clone(&store_plays),
        };
        let mut parts: Vec<MonthPart> = slices.iter().map(part).collect();
        if 1 < slices.len() {
            for file in
                self.inputs.statement_paths().into_iter().flat_map(|path| self.tables.files(path))
            {
                for (part, rows) in parts.iter_mut().zip(row_ranges(&file, &slices)?) {
                    part.rows.insert(file.clone(), rows);
                }
            }
        }
        Ok(parts)
    }

    /// Trends of the later dates that hold plays of this month.
    fn later_frames(&self) -> PolarsResult<Vec<LazyFrame>> {
        let of_date = |date: &String| {
            let mut files = self.tables.files(&trends_path(date));
            let key = PartitionKey::parse(date);
            files.retain(|file| {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                key.is_some_and(|key| key.has_file(&name))
            });
            files
        };
        self.inputs.later.iter().flat_map(of_date).map(|file| scan(&file)).collect()
    }

    /// Use types of the month's lines that are streams.
    fn streams(&self) -> Result<Vec<String>, ParquetError> {
        let mut found = BTreeSet::new();
        for file in
            self.inputs.statement_paths().into_iter().flat_map(|path| self.tables.files(path))
        {
            each_batch(&file, &["use_type"], |batch| {
                for name in column(batch, "use_type")?.as_string::<i32>().iter().flatten() {
                    if !found.contains(name) {
                        found.insert(name.to_owned());
                    }
                }
                Ok(())
            })?;
        }
        Ok(found.into_iter().filter(|name| is_stream(name)).collect())
    }

    /// The same sums by another way: straight from the tables. Of lines whose days lie in several months so
    /// many units were divided to this one.
    pub(crate) fn sums(&self, divided: i64) -> Result<WaterfallSums, ParquetError> {
        let mut sums = WaterfallSums { paid: divided, ..WaterfallSums::default() };
        let last = Period::Month(self.of.month).last();
        for file in self.inputs.own[0].iter().flat_map(|path| self.tables.files(path)) {
            add_verdicts(&file, &mut sums)?;
        }
        for file in self.inputs.own[3].iter().flat_map(|path| self.tables.files(path)) {
            add_paid_units(&file, last, &mut sums)?;
        }
        Ok(sums)
    }
}

/// Counted plays of the store on the days of lines that are divided.
fn store_plays(
    spanning: &SpanningLines,
    tables: &RunTables<'_>,
) -> Result<StorePlays, ParquetError> {
    let files = spanning.trends.iter().flat_map(|path| tables.files(path));
    let frames = files.map(|file| scan(&file)).collect::<PolarsResult<Vec<LazyFrame>>>();
    frames
        .and_then(|frames| StorePlays::read(frames, spanning.days))
        .map_err(|error| ParquetError::External(Box::new(error)))
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, ParquetError> {
    let missing = || ParquetError::General(format!("no column {name}"));
    batch.column_by_name(name).ok_or_else(missing)
}

fn is_stream(use_type: &str) -> bool {
    use_type.ends_with("stream")
}

/// Adds the plays of a file of trends.
fn add_verdicts(file: &Path, sums: &mut WaterfallSums) -> Result<(), ParquetError> {
    each_batch(file, &["verdict", "plays"], |batch| {
        let verdicts = column(batch, "verdict")?.as_string::<i32>();
        let plays = column(batch, "plays")?.as_primitive::<Int64Type>();
        for (verdict, plays) in verdicts.iter().zip(plays.values()) {
            sums.reported += plays;
            if verdict == Some(Verdict::Counted.as_str()) {
                sums.counted += plays;
            }
        }
        Ok(())
    })
}

/// Adds the units that statements pay, and what corrections change of them, of a file of sales: of lines
/// whose days end with a day or before.
fn add_paid_units(file: &Path, last: Day, sums: &mut WaterfallSums) -> Result<(), ParquetError> {
    let columns = ["use_type", "line_type", "royalty_bearing", "amount", "units", "usage_to"];
    each_batch(file, &columns, |batch| {
        let uses = column(batch, "use_type")?.as_string::<i32>();
        let types = column(batch, "line_type")?.as_string::<i32>();
        let bearing = column(batch, "royalty_bearing")?.as_boolean();
        let amounts = column(batch, "amount")?.as_primitive::<Decimal128Type>();
        let units = column(batch, "units")?.as_primitive::<Int64Type>();
        let ends = column(batch, "usage_to")?.as_primitive::<Date32Type>();
        for row in 0..batch.num_rows() {
            let is_nothing = amounts.is_valid(row) && amounts.value(row) == 0;
            let is_free = bearing.is_valid(row) && !bearing.value(row);
            let is_paid = match types.value(row) {
                "sale" => !(is_nothing || is_free),
                "return" | "adjustment" => true,
                _ => false,
            };
            if is_paid && is_stream(uses.value(row)) && ends.value(row) <= last.0 {
                sums.paid += units.value(row);
            }
        }
        Ok(())
    })
}

fn reports_frame(known: &MonthKnown) -> PolarsResult<LazyFrame> {
    let statements = &known.reports;
    let names: Vec<&str> = statements.iter().map(|statement| statement.name.as_str()).collect();
    let kinds: Vec<i32> = (0..names.len()).map(kind_of_report).collect();
    let [_, _, corrections] = SOLD_LINES;
    // A newer report without a line of the month takes all of them back, under its own name all the
    // same: it is the older one's last word.
    let by = statements.iter().enumerate().map(|(place, statement)| {
        let newer = statement.replaced_by.as_deref();
        let newer = newer.and_then(|name| names.iter().position(|known| *known == name));
        kind_of_report(newer.unwrap_or(place)) + corrections
    });
    let by: Vec<i32> = by.collect();
    Ok(df!("report" => names, "kind" => kinds, "by" => by)?.lazy())
}

/// Whether a row is of one of the days of its territory.
fn is_unreported(days: &ByTerritory<BTreeSet<Day>>) -> Option<Expr> {
    let sets = days.apart.values().chain([&days.elsewhere, &days.nowhere]);
    if sets.into_iter().all(BTreeSet::is_empty) {
        return None;
    }
    let code = || col("territory");
    let rest = when(code().is_null())
        .then(is_one_of_days(&days.nowhere))
        .otherwise(is_one_of_days(&days.elsewhere));
    Some(days.apart.iter().fold(rest, |rest, (territory, days)| {
        let is_it = code().eq(lit(territory.clone())).fill_null(lit(false));
        when(is_it).then(is_one_of_days(days)).otherwise(rest)
    }))
}

fn is_one_of_days(days: &BTreeSet<Day>) -> Expr {
    let is_it = |day: &Day| col("date").to_physical().eq(lit(day.0));
    days.iter().map(is_it).reduce(Expr::or).unwrap_or(lit(false))
}

fn outcomes() -> Vec<OutcomeKind> {
    let all = Verdict::ALL.into_iter().flat_map(|v| Reason::ALL.map(|reason| (v, reason)));
    all.filter_map(|(verdict, reason)| {
        let step = WaterfallStep::of_outcome(verdict, Some(reason))?;
        let (verdict, reason) = (verdict.as_str().to_owned(), reason.as_str().to_owned());
        Some(OutcomeKind { verdict, reason, kind: step.position() })
    })
    .collect()
}

#[cfg(test)]
mod tests;
