//! What the waterfall of a month is told from: the partitions of the month itself, and of later months
//! the dates that hold plays which were heard in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use parquet::errors::ParquetError;
use polars::prelude::{
    DataFrame, DataType, IntoLazy as _, LazyFrame, PolarsError, PolarsResult, col, df, lit,
};
use streamledger_core::explain::period::month_after;
use streamledger_core::explain::step::Step;
use streamledger_core::vocabulary::verdict::{Reason, Verdict};

use crate::build_waterfall::{Corrects, MonthKnown, Statement, WaterfallSums, kind_of_report};
use crate::isrc_slices::{Slice, slices};
use crate::ledger::ReportEntry;
use crate::nightly::explaining::{Explaining, SOURCES, StoreMonth};
use crate::nightly::planning::trends_path;
use crate::plans::waterfall::{Inputs, Outcome, SOLD_LINES, facts};
use crate::tables::{collect, scan};

/// What a month is told from: paths of partitions.
pub(super) struct MonthInputs {
    /// Of the month, by the place of their table in [`SOURCES`].
    own: [Option<String>; 5],
    /// Dates of `plays` in later months that hold plays of this one.
    later: Vec<String>,
}

impl MonthInputs {
    pub(super) fn new(of: &StoreMonth, work: &Explaining<'_>) -> Self {
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
        Self { own, later: later.map(|(path, _)| path.clone()).collect() }
    }

    pub(super) fn fingerprints(&self, work: &Explaining<'_>) -> Vec<String> {
        let paths = self.own.iter().flatten().chain(&self.later);
        paths.map(|path| format!("{path} {}", work.partitions[path].fingerprint)).collect()
    }

    /// Keys of the reports that feed it.
    pub(super) fn reports(&self, work: &Explaining<'_>) -> Vec<String> {
        let paths = self.own.iter().flatten().chain(&self.later);
        let keys = paths.flat_map(|path| &work.plan.wanted[path].reports);
        keys.cloned().collect::<BTreeSet<String>>().into_iter().collect()
    }

    /// Statements of the month, also those that were replaced, in the order in which they settle: by
    /// the period that they settle, then a replaced one before what has taken its place. All of a period
    /// settle together: what has taken another's place corrects it, and moves no statement beside it.
    pub(super) fn statements(&self, work: &Explaining<'_>) -> Vec<Statement> {
        let paths = self.own[3].iter().chain(&self.own[4]);
        let keys = paths.flat_map(|path| &work.plan.wanted[path].reports);
        let reports: BTreeMap<&str, &ReportEntry> =
            keys.map(|key| (work.reports[key].name(), &work.reports[key])).collect();
        in_order_of_settlement(&reports)
    }

    /// The figures of the month.
    pub(super) fn frame(
        &self,
        of: &StoreMonth,
        work: &Explaining<'_>,
        known: &MonthKnown,
        slice: &Slice,
    ) -> PolarsResult<LazyFrame> {
        let scans = |path: &Option<String>| -> PolarsResult<Vec<LazyFrame>> {
            let files = path.as_ref().map(|path| work.files(path)).unwrap_or_default();
            files.iter().map(|file| Ok(slice.of(scan(file)?))).collect()
        };
        let [trends, counters, declared, sales, replaced] = &self.own;
        let month = of.month.to_string();
        let inputs = Inputs {
            trends: scans(trends)?,
            later: self.later_frames(work)?.into_iter().map(|rows| slice.of(rows)).collect(),
            counters: scans(counters)?,
            declared: scans(declared)?,
            sales: scans(sales)?,
            replaced: scans(replaced)?,
            reports: reports_frame(known)?,
            streams: self.streams(work)?,
        };
        facts(inputs, &month, &outcomes())
    }

    /// Slices of the month that each fit a part of the memory.
    pub(super) fn slices(
        &self,
        work: &Explaining<'_>,
        work_bytes_max: usize,
    ) -> Result<Vec<Slice>, ParquetError> {
        let own = || self.own.iter().flatten();
        let n_own: u64 = own().map(|path| work.partitions[path].rows()).sum();
        // Of later dates only a few rows are of this month.
        let files = || own().flat_map(|path| work.files(path)).collect();
        slices(n_own, work_bytes_max, files)
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
    fn streams(&self, work: &Explaining<'_>) -> PolarsResult<Vec<String>> {
        let mut found = BTreeSet::new();
        for file in self.own[3..].iter().flatten().flat_map(|path| work.files(path)) {
            let types = scan(&file)?.group_by([col("use_type")]).agg([]);
            let types = collect(types)?;
            found.extend(types.column("use_type")?.str()?.iter().flatten().map(ToOwned::to_owned));
        }
        Ok(found.into_iter().filter(|name| name.ends_with("stream")).collect())
    }

    /// The same sums by another way: straight from the tables.
    pub(super) fn sums(&self, work: &Explaining<'_>) -> PolarsResult<WaterfallSums> {
        let mut sums = WaterfallSums::default();
        for file in self.own[0].iter().flat_map(|path| work.files(path)) {
            add_verdicts(&file, &mut sums).map_err(|error| {
                PolarsError::ComputeError(format!("{}: {error}", file.display()).into())
            })?;
        }
        let streams = self.streams(work)?;
        for file in self.own[3].iter().flat_map(|path| work.files(path)) {
            let columns = ["use_type", "line_type", "royalty_bearing"].map(col);
            let is_nothing = col("amount").eq(lit(0).cast(DataType::Decimal(38, 12)));
            let lines = scan(&file)?.with_column(is_nothing.alias("is_nothing"));
            let group = [columns.to_vec(), vec![col("is_nothing")]].concat();
            let lines = collect(lines.group_by(group).agg([col("units").sum()]))?;
            sums.paid += paid_units(&lines, &streams)?;
        }
        Ok(sums)
    }
}

/// Adds the plays of a file of trends, a few rows at a time: the engine would read ahead.
fn add_verdicts(file: &Path, sums: &mut WaterfallSums) -> Result<(), ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(file)?)?;
    let schema = builder.parquet_schema();
    let columns = schema.columns().iter().enumerate();
    let wanted = columns.filter(|(_, column)| ["verdict", "plays"].contains(&column.name()));
    let mask = ProjectionMask::leaves(schema, wanted.map(|(place, _)| place).collect::<Vec<_>>());
    for batch in builder.with_projection(mask).build()? {
        let batch = batch?;
        let column = |name: &str| {
            let missing = || ParquetError::General(format!("no column {name}"));
            batch.column_by_name(name).ok_or_else(missing)
        };
        let verdicts = column("verdict")?.as_string::<i32>();
        let plays = column("plays")?.as_primitive::<Int64Type>();
        for (verdict, plays) in verdicts.iter().zip(plays.iter()) {
            sums.reported += plays.unwrap_or(0);
            if verdict == Some(Verdict::Counted.as_str()) {
                sums.counted += plays.unwrap_or(0);
            }
        }
    }
    Ok(())
}

/// Units that statements pay, and what corrections change of them.
fn paid_units(lines: &DataFrame, streams: &[String]) -> PolarsResult<i64> {
    let text = |name: &str| lines.column(name).and_then(|column| column.str().cloned());
    let truth = |name: &str| lines.column(name).and_then(|column| column.bool().cloned());
    let (uses, types) = (text("use_type")?, text("line_type")?);
    let (bearing, nothing) = (truth("royalty_bearing")?, truth("is_nothing")?);
    let units = lines.column("units")?.i64()?.clone();
    let mut paid = 0;
    for row in 0..lines.height() {
        let is_stream = uses.get(row).is_some_and(|name| streams.iter().any(|known| known == name));
        let is_unpaid = nothing.get(row) == Some(true) || bearing.get(row) == Some(false);
        let is_paid = match types.get(row) {
            Some("sale") => !is_unpaid,
            Some("return" | "adjustment") => true,
            _ => false,
        };
        if is_stream && is_paid {
            paid += units.get(row).unwrap_or(0);
        }
    }
    Ok(paid)
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
    order.sort_by(|(one, a), (other, b)| (one, &a.hash).cmp(&(other, &b.hash)));
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

fn reports_frame(known: &MonthKnown) -> PolarsResult<Option<LazyFrame>> {
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
    Ok(Some(df!("report" => names, "kind" => kinds, "by" => by)?.lazy()))
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
