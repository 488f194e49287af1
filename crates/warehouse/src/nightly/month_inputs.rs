//! What the waterfall of a month is told from: the partitions of the month itself, and of later months
//! the dates that hold plays which were heard in it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int64Type};
use parquet::errors::ParquetError;
use polars::prelude::{IntoLazy as _, LazyFrame, PolarsResult, col, df};
use streamledger_core::explain::period::month_after;
use streamledger_core::explain::step::Step;
use streamledger_core::numbers::exact;
use streamledger_core::vocabulary::verdict::{Reason, Verdict};

use crate::build_waterfall::{Corrects, MonthKnown, Statement, WaterfallSums, kind_of_report};
use crate::isrc_slices::{Slice, row_ranges, slices};
use crate::ledger::ReportEntry;
use crate::nightly::explaining::{Explaining, SOURCES, StoreMonth};
use crate::nightly::planning::trends_path;
use crate::plans::waterfall::{Inputs, Outcome, SOLD_LINES, facts};
use crate::tables::{each_batch, scan};

/// What a month is told from: paths of partitions.
pub(super) struct MonthInputs {
    /// Of the month, by the place of their table in [`SOURCES`].
    own: [Option<String>; 5],
    /// Dates of `plays` in later months that hold plays of this one.
    later: Vec<String>,
}

/// Some recordings of a month.
pub(super) struct MonthPart {
    pub(super) slice: Slice,
    /// Where their rows are, of files that lie in order of recordings, if they are not whole files.
    rows: BTreeMap<PathBuf, Range<usize>>,
    /// Use types of the month that are streams.
    streams: Vec<String>,
}

/// Memory that a line of a statement takes on its way to a sum, in rows of trends: it is summed by its
/// report and kind first.
const LINE_WEIGHT: u64 = 2;

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

    /// The figures of some recordings of the month.
    pub(super) fn frame(
        &self,
        of: &StoreMonth,
        work: &Explaining<'_>,
        known: &MonthKnown,
        part: &MonthPart,
    ) -> PolarsResult<LazyFrame> {
        let slice = &part.slice;
        let rows_of = |file: &PathBuf| match part.rows.get(file) {
            Some(rows) => {
                let start = exact::<i64>(rows.start);
                Ok(scan(file)?.slice(start, exact::<u32>(rows.len())))
            }
            None => Ok(slice.of(scan(file)?)),
        };
        let scans = |path: &Option<String>| -> PolarsResult<Vec<LazyFrame>> {
            let files = path.as_ref().map(|path| work.files(path)).unwrap_or_default();
            files.iter().map(rows_of).collect()
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
            streams: part.streams.clone(),
        };
        facts(inputs, &month, &outcomes())
    }

    /// Parts of the month that each fit a part of the memory.
    pub(super) fn parts(
        &self,
        work: &Explaining<'_>,
        work_bytes_max: usize,
    ) -> Result<Vec<MonthPart>, ParquetError> {
        let weights = [1, 1, 1, LINE_WEIGHT, LINE_WEIGHT];
        let own: Vec<(&String, u64)> = self
            .own
            .iter()
            .zip(weights)
            .filter_map(|(path, n)| Some((path.as_ref()?, n)))
            .collect();
        let n_own = own.iter().map(|(path, weight)| work.partitions[*path].rows() * weight).sum();
        // Of later dates only a few rows are of this month.
        let files = || {
            let files = |(path, weight): &(&String, u64)| {
                let weight = *weight;
                work.files(path).into_iter().map(move |file| (file, weight))
            };
            own.iter().flat_map(files).collect()
        };
        let slices = slices(n_own, work_bytes_max, files)?;
        let streams = self.streams(work)?;
        let part = |slice: &Slice| {
            let (slice, streams) = (slice.clone(), streams.clone());
            MonthPart { slice, rows: BTreeMap::new(), streams }
        };
        let mut parts: Vec<MonthPart> = slices.iter().map(part).collect();
        if 1 < slices.len() {
            for file in self.own[3..].iter().flatten().flat_map(|path| work.files(path)) {
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
        for file in self.own[3..].iter().flatten().flat_map(|path| work.files(path)) {
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

    /// The same sums by another way: straight from the tables.
    pub(super) fn sums(&self, work: &Explaining<'_>) -> Result<WaterfallSums, ParquetError> {
        let mut sums = WaterfallSums::default();
        for file in self.own[0].iter().flat_map(|path| work.files(path)) {
            add_verdicts(&file, &mut sums)?;
        }
        for file in self.own[3].iter().flat_map(|path| work.files(path)) {
            add_paid_units(&file, &mut sums)?;
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

/// Adds the units that statements pay, and what corrections change of them, of a file of sales.
fn add_paid_units(file: &Path, sums: &mut WaterfallSums) -> Result<(), ParquetError> {
    let columns = ["use_type", "line_type", "royalty_bearing", "amount", "units"];
    each_batch(file, &columns, |batch| {
        let uses = column(batch, "use_type")?.as_string::<i32>();
        let types = column(batch, "line_type")?.as_string::<i32>();
        let bearing = column(batch, "royalty_bearing")?.as_boolean();
        let amounts = column(batch, "amount")?.as_primitive::<Decimal128Type>();
        let units = column(batch, "units")?.as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let is_nothing = amounts.is_valid(row) && amounts.value(row) == 0;
            let is_free = bearing.is_valid(row) && !bearing.value(row);
            let is_paid = match types.value(row) {
                "sale" => !(is_nothing || is_free),
                "return" | "adjustment" => true,
                _ => false,
            };
            if is_paid && is_stream(uses.value(row)) {
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
