//! What the waterfall of a month is told from: the partitions of the month itself, and of later months
//! the dates that hold plays which were heard in it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type, Int64Type};
use parquet::errors::ParquetError;
use polars::prelude::{
    Expr, IntoLazy as _, LazyFrame, PolarsError, PolarsResult, col, df, lit, when,
};
use streamledger_core::explain::period::{Period, month_after};
use streamledger_core::explain::step::Step;
use streamledger_core::model::day::Day;
use streamledger_core::model::verdict::{Reason, Verdict};
use streamledger_core::numbers::exact;

use crate::pipeline::build::build_waterfall::{
    ByTerritory, Corrects, MonthKnown, Statement, WaterfallSums, kind_of_report,
};
use crate::pipeline::build::divided_lines::{DividedLines, StorePlays, divided_lines};
use crate::pipeline::nightly::plan::store_months::{Explaining, SOURCES, StoreMonth};
use crate::pipeline::partition_paths::{month_of, trends_path};
use crate::pipeline::plans::waterfall::{
    Inputs, MonthLines, Outcome, SOLD_LINES, Statements, facts, over_several_months,
};
use crate::storage::layout::ledger::ReportEntry;
use crate::storage::tables::isrc_slices::{Slice, row_ranges, slices};
use crate::storage::tables::scan::{collect, each_batch, scan};

mod spanning;

use spanning::Spanning;

/// What a month is told from: paths of partitions.
pub(crate) struct MonthInputs {
    /// Of the month, by the place of their table in [`SOURCES`].
    own: [Option<String>; 5],
    /// Dates of `plays` in later months that hold plays of this one.
    later: Vec<String>,
    /// Lines whose days lie in several months, of which this is one.
    spanning: Option<Spanning>,
}

/// Some recordings of a month.
pub(crate) struct MonthPart {
    pub(crate) slice: Slice,
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
        work: &Explaining<'_>,
        paths: impl IntoIterator<Item = &'p String>,
    ) -> PolarsResult<Vec<LazyFrame>> {
        let rows_of = |file: PathBuf| match self.rows.get(&file) {
            Some(rows) => {
                let start = exact::<i64>(rows.start);
                Ok(scan(&file)?.slice(start, exact::<u32>(rows.len())))
            }
            None => Ok(self.slice.of(scan(&file)?)),
        };
        paths.into_iter().flat_map(|path| work.files(path)).map(rows_of).collect()
    }

    /// The same of lines of statements, with the months in which they begin.
    fn lines<'p>(
        &self,
        work: &Explaining<'_>,
        paths: impl IntoIterator<Item = &'p String>,
    ) -> PolarsResult<Vec<MonthLines>> {
        let mut found = Vec::new();
        for path in paths {
            let unknown = || PolarsError::ComputeError(format!("{path} is of no month").into());
            let (_, month) = month_of(path).ok_or_else(unknown)?;
            let last = Period::Month(month).last();
            let scans = self.scans(work, [path])?.into_iter();
            found.extend(scans.map(|lines| MonthLines { lines, last }));
        }
        Ok(found)
    }
}

/// Memory that a line of a statement takes on its way to a sum, in rows of trends: it is summed by its
/// report and kind first.
const LINE_WEIGHT: u64 = 2;

impl MonthInputs {
    pub(crate) fn new(of: &StoreMonth, work: &Explaining<'_>) -> Self {
        let own = SOURCES.map(|table| {
            let path = format!("{table}/store={}/month={}", of.store, of.month);
            work.partitions.contains_key(&path).then_some(path)
        });
        let month = of.month.to_string();
        let after = format!("plays/store={}/month={}", of.store, month_after(of.month, 1));
        // Months that go on are left out: they would make this one anew every night.
        let end = month_after(of.last_over, 1).max(month_after(of.month, 1));
        let end = format!("plays/store={}/month={end}", of.store);
        let later = work.partitions.range(after..end);
        let later = later.filter(|(_, partition)| partition.heard_in.contains(&month));
        let later = later.map(|(path, _)| path.clone()).collect();
        Self { own, later, spanning: Spanning::new(of, work) }
    }

    /// All partitions that the month is told from, each once.
    fn paths(&self) -> BTreeSet<&String> {
        let spanning = self.spanning.iter().flat_map(Spanning::paths);
        self.own.iter().flatten().chain(&self.later).chain(spanning).collect()
    }

    /// The partitions with lines of statements: those that begin in the month, and those that begin
    /// before it and have days in it.
    fn statement_paths(&self) -> BTreeSet<&String> {
        let spanning = self.spanning.iter().flat_map(|of| of.sales.iter().chain(&of.replaced));
        self.own[3].iter().chain(&self.own[4]).chain(spanning).collect()
    }

    /// Whether the store shows anything of the month.
    pub(crate) fn has_counters(&self) -> bool {
        self.own[1].is_some()
    }

    pub(crate) fn fingerprints(&self, work: &Explaining<'_>) -> Vec<String> {
        let print = |path: &String| format!("{path} {}", work.partitions[path].fingerprint);
        self.paths().into_iter().map(print).collect()
    }

    /// Keys of the reports that feed it.
    pub(crate) fn reports(&self, work: &Explaining<'_>) -> Vec<String> {
        let keys = self.paths().into_iter().flat_map(|path| &work.plan.targets[path].reports);
        keys.cloned().collect::<BTreeSet<String>>().into_iter().collect()
    }

    /// Statements of the month, also those that were replaced, in the order in which they settle: by
    /// the period that they settle, then a replaced one before what has taken its place. All of a period
    /// settle together: what has taken another's place corrects it, and moves no statement beside it.
    pub(crate) fn statements(&self, work: &Explaining<'_>) -> Vec<Statement> {
        let paths = self.statement_paths().into_iter();
        let keys = paths.flat_map(|path| &work.plan.targets[path].reports);
        let reports: BTreeMap<&str, &ReportEntry> =
            keys.map(|key| (work.reports[key].name(), &work.reports[key])).collect();
        in_order_of_settlement(&reports)
    }

    /// The figures of some recordings of the month, and how many units of lines whose days lie in several
    /// months are paid in it.
    pub(crate) fn frame(
        &self,
        of: &StoreMonth,
        work: &Explaining<'_>,
        known: &MonthKnown,
        part: &MonthPart,
    ) -> PolarsResult<(LazyFrame, i64)> {
        let scans = |path: &Option<String>| part.scans(work, path.as_ref());
        let lines = |path: &Option<String>| part.lines(work, path.as_ref());
        let [trends, counters, declared, sales, replaced] = &self.own;
        let month = of.month.to_string();
        let reports = reports_frame(known)?;
        let statements = |sales, replaced| Statements {
            sales,
            replaced,
            reports: Some(reports.clone()),
            streams: part.streams.clone(),
        };
        let divided = match &self.spanning {
            None => DividedLines::default(),
            Some(spanning) => {
                let sales = part.lines(work, &spanning.sales)?;
                let replaced = part.lines(work, &spanning.replaced)?;
                let begin = Period::Month(of.month).first();
                let units = over_several_months(statements(sales, replaced), begin)?;
                let units = units.map(collect).transpose()?.filter(|units| units.height() != 0);
                let trends = || part.scans(work, &spanning.trends);
                match units {
                    Some(units) => divided_lines(&units, trends, &part.store_plays, of.month)?,
                    None => DividedLines::default(),
                }
            }
        };
        let inputs = Inputs {
            trends: scans(trends)?,
            later: self.later_frames(work)?.into_iter().map(|rows| part.slice.of(rows)).collect(),
            counters: scans(counters)?,
            is_unreported: is_unreported(&known.unreported),
            declared: scans(declared)?,
            statements: statements(lines(sales)?, lines(replaced)?),
            divided: Some(divided.to_frame()?.lazy()),
        };
        Ok((facts(inputs, &month, &outcomes())?, divided.paid))
    }

    /// Parts of the month that each fit a part of the memory.
    pub(crate) fn parts(
        &self,
        work: &Explaining<'_>,
        work_bytes_max: usize,
    ) -> Result<Vec<MonthPart>, ParquetError> {
        let weights = [1, 1, 1, LINE_WEIGHT, LINE_WEIGHT];
        let mut own: Vec<(&String, u64)> = self
            .own
            .iter()
            .zip(weights)
            .filter_map(|(path, n)| Some((path.as_ref()?, n)))
            .collect();
        // Of later dates only a few rows are of this month.
        let other = self.paths().into_iter().filter(|path| {
            !self.later.contains(path) && !self.own.iter().flatten().any(|known| known == *path)
        });
        own.extend(other.map(|path| (path, 1)));
        let n_own = own.iter().map(|(path, weight)| work.partitions[*path].rows() * weight).sum();
        let files = || {
            let files = |(path, weight): &(&String, u64)| {
                let weight = *weight;
                work.files(path).into_iter().map(move |file| (file, weight))
            };
            own.iter().flat_map(files).collect()
        };
        let slices = slices(n_own, work_bytes_max, files)?;
        let streams = self.streams(work)?;
        let store_plays = match &self.spanning {
            Some(spanning) => spanning.store_plays(work)?,
            None => StorePlays::default(),
        };
        let store_plays = Arc::new(store_plays);
        let part = |slice: &Slice| MonthPart {
            slice: slice.clone(),
            rows: BTreeMap::new(),
            streams: streams.clone(),
            store_plays: Arc::clone(&store_plays),
        };
        let mut parts: Vec<MonthPart> = slices.iter().map(part).collect();
        if 1 < slices.len() {
            for file in self.statement_paths().into_iter().flat_map(|path| work.files(path)) {
                for (part, rows) in parts.iter_mut().zip(row_ranges(&file, &slices)?) {
                    part.rows.insert(file.clone(), rows);
                }
            }
        }
        Ok(parts)
    }

    /// Trends of the later dates that hold plays of this month.
    fn later_frames(&self, work: &Explaining<'_>) -> PolarsResult<Vec<LazyFrame>> {
        let mut months: BTreeMap<String, Vec<i32>> = BTreeMap::new();
        for path in &self.later {
            let month = trends_path(path);
            let date = path.rsplit_once("date=").and_then(|(_, date)| date.parse().ok());
            let day = date.map(|date: chrono::NaiveDate| date.to_epoch_days());
            months.entry(month).or_default().extend(day);
        }
        let mut frames = Vec::new();
        for (path, days) in months {
            let (first, last) = (days.iter().min().copied(), days.iter().max().copied());
            let Some((first, last)) = first.zip(last) else {
                continue;
            };
            for file in work.files(&path) {
                let day = || col("date").to_physical();
                let is_of = day().gt_eq(first).and(day().lt_eq(last));
                frames.push(scan(&file)?.filter(is_of));
            }
        }
        Ok(frames)
    }

    /// Use types of the month's lines that are streams.
    fn streams(&self, work: &Explaining<'_>) -> Result<Vec<String>, ParquetError> {
        let mut found = BTreeSet::new();
        for file in self.statement_paths().into_iter().flat_map(|path| work.files(path)) {
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
    pub(crate) fn sums(
        &self,
        of: &StoreMonth,
        work: &Explaining<'_>,
        divided: i64,
    ) -> Result<WaterfallSums, ParquetError> {
        let mut sums = WaterfallSums { paid: divided, ..WaterfallSums::default() };
        let last = Period::Month(of.month).last();
        for file in self.own[0].iter().flat_map(|path| work.files(path)) {
            add_verdicts(&file, &mut sums)?;
        }
        for file in self.own[3].iter().flat_map(|path| work.files(path)) {
            add_paid_units(&file, last, &mut sums)?;
        }
        Ok(sums)
    }
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

/// The period that a report settles, or its last month of use; and how many newer ones have taken its
/// place, one after the other, the most first.
type SettledIn = (Option<String>, std::cmp::Reverse<usize>);

fn settled_in(report: &ReportEntry, reports: &BTreeMap<&str, &ReportEntry>) -> SettledIn {
    let period = report.about.period.as_ref().map(|period| {
        let last = period.rsplit_once("..").map_or(period.as_str(), |(_, last)| last);
        last.chars().take("YYYY-MM".len()).collect()
    });
    let mut n_newer = 0;
    let mut newer = report.superseded_by.as_deref();
    while let Some(name) = newer.filter(|_| n_newer <= reports.len()) {
        n_newer += 1;
        newer = reports.get(name).and_then(|report| report.superseded_by.as_deref());
    }
    (period, std::cmp::Reverse(n_newer))
}

fn in_order_of_settlement(reports: &BTreeMap<&str, &ReportEntry>) -> Vec<Statement> {
    let mut order: Vec<(SettledIn, &ReportEntry)> =
        reports.values().map(|report| (settled_in(report, reports), *report)).collect();
    order.sort_by(|(one, a), (other, b)| (one, &a.id).cmp(&(other, &b.id)));
    let mut place = 0;
    let mut last: Option<&Option<String>> = None;
    let mut statements = Vec::new();
    for ((period, _), report) in &order {
        place += u32::from(last.is_some_and(|last| last != period));
        last = Some(period);
        statements.push(Statement {
            name: report.name().to_owned(),
            settlement: place,
            replaced_by: report.superseded_by.clone(),
            corrects: corrects(report, reports),
        });
    }
    statements
}

/// Where a report corrects others: in the territory of each of which it has taken the place, or
/// everywhere.
fn corrects(report: &ReportEntry, reports: &BTreeMap<&str, &ReportEntry>) -> Corrects {
    let is_older = |older: &&&ReportEntry| older.superseded_by.as_deref() == Some(report.name());
    let mut found = Corrects::Nothing;
    for older in reports.values().filter(is_older) {
        let code = &older.about.territory;
        let is_single = !code.is_empty() && code != "*";
        found = match found {
            Corrects::Nothing if is_single => Corrects::In([code.clone()].into()),
            Corrects::In(mut codes) if is_single => {
                codes.insert(code.clone());
                Corrects::In(codes)
            }
            _ => Corrects::All,
        };
    }
    found
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

fn outcomes() -> Vec<Outcome> {
    let all = Verdict::ALL.into_iter().flat_map(|v| Reason::ALL.map(|reason| (v, reason)));
    all.filter_map(|(verdict, reason)| {
        let step = Step::of_outcome(verdict, Some(reason))?;
        let (verdict, reason) = (verdict.as_str().to_owned(), reason.as_str().to_owned());
        Some(Outcome { verdict, reason, kind: step.position() })
    })
    .collect()
}

#[cfg(test)]
mod tests;
