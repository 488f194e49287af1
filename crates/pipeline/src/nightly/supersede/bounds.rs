//! Partitions whose numbers 64 bits must hold. A report alone cannot go beyond a bound (it is rejected when
//! it is read), but thousands of the largest ones can together: then the largest report of the partition is
//! rejected, of several the one with the smallest id, until the others fit. Which ones are, depends on the
//! reports that are there and never on the order in which they came: the choice is made again in each run,
//! after it is settled which reports count, and a report that was rejected here and fits now counts again.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::model::money::Amount;
use streamledger_core::normalize::values::cells::PLAYED_MS_MAX;
use streamledger_storage::layout::ledger::{LedgerReports, ReportEntry, ReportState};
use streamledger_storage::layout::partition_key::{path_in, plays_path};
use streamledger_storage::layout::report_sums::PlaySizes;

/// Code of a report that is rejected for what its partition would sum to.
pub(crate) const PARTITION_OUT_OF_BOUNDS: &str = "partition_out_of_bounds";

/// Largest size of the units, plays or milliseconds of a partition: 2^60, so that the steps of a waterfall,
/// which are sums and differences of up to eight of them, stay within 64 bits too.
const NUMBER_MAX: i128 = 1 << 60;

/// Largest size of the money of a partition in one currency, in 10^-12 of its unit: what a
/// `DECIMAL(38, 12)` holds.
const AMOUNT_MAX: i128 = 10_i128.pow(38) - 1;

/// What is summed in a partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum BoundedMeasure {
    Units,
    Plays,
    PlayedMs,
    Money(String),
}

impl BoundedMeasure {
    fn bound(&self) -> i128 {
        if matches!(self, Self::Money(_)) { AMOUNT_MAX } else { NUMBER_MAX }
    }

    fn shown(&self, size: i128) -> String {
        match self {
            Self::Units => format!("{size} units"),
            Self::Plays => format!("{size} plays"),
            Self::PlayedMs => format!("{size} ms of playing"),
            Self::Money(currency) => format!("{} {currency}", Amount(size)),
        }
    }
}

/// Lets reports count again that an earlier run rejected for what their partitions summed to.
pub(crate) fn readmit(reports: &mut LedgerReports) {
    for report in reports.values_mut().filter(|report| is_out_of_bounds(report)) {
        (report.state, report.reason) = (ReportState::Active, None);
        report.sizes.rejected_for = None;
    }
}

/// Whether a report is rejected for what its partition would sum to.
pub(crate) fn is_out_of_bounds(report: &ReportEntry) -> bool {
    report.reason.as_deref() == Some(PARTITION_OUT_OF_BOUNDS)
}

/// Rejects the largest report of the first partition that sums to too much; tells whether there was one.
/// What counts must be settled again then: a report that it had replaced may count.
pub(crate) fn reject_largest(reports: &mut LedgerReports) -> bool {
    let Some((path, measure, sum)) = first_beyond(reports) else {
        return false;
    };
    let largest = reports
        .iter()
        .filter(|(_, report)| report.is_active())
        .filter_map(|(key, report)| Some((size_in(report, &path, &measure)?, key)))
        .max_by(|(a, key), (b, other)| a.cmp(b).then_with(|| other.cmp(key)))
        .map(|(size, key)| (size, key.clone()));
    let Some((size, key)) = largest else {
        return false;
    };
    let Some(report) = reports.get_mut(&key) else {
        return false;
    };
    let (sum, own) = (measure.shown(sum), measure.shown(size));
    report.sizes.rejected_for = Some(format!(
        "{path} would sum to {sum} without signs, expected at most {}; this is the largest of its \
         reports with {own}; ask the store whether its numbers are right",
        measure.shown(measure.bound()),
    ));
    report.state = ReportState::Rejected;
    report.reason = Some(PARTITION_OUT_OF_BOUNDS.to_owned());
    true
}

/// The first partition, in order of paths, that sums to too much.
fn first_beyond(reports: &LedgerReports) -> Option<(String, BoundedMeasure, i128)> {
    let mut sums: BTreeMap<(String, BoundedMeasure), i128> = BTreeMap::new();
    for report in reports.values().filter(|report| report.is_active()) {
        for (path, measure, size) in sizes_of(report) {
            let sum = sums.entry((path, measure)).or_default();
            // Beyond 128 bits is beyond the bound.
            *sum = sum.checked_add(size).unwrap_or(i128::MAX);
        }
    }
    let beyond = sums.into_iter().find(|((_, measure), sum)| measure.bound() < *sum);
    beyond.map(|((path, measure), sum)| (path, measure, sum))
}

fn size_in(report: &ReportEntry, path: &str, measure: &BoundedMeasure) -> Option<i128> {
    let of_path = |(of, what, _): &(String, BoundedMeasure, i128)| of == path && what == measure;
    sizes_of(report).into_iter().find(of_path).map(|(_, _, size)| size)
}

/// How large a report is in each of its partitions. Plays are bounded by month.
fn sizes_of(report: &ReportEntry) -> Vec<(String, BoundedMeasure, i128)> {
    let mut sizes = Vec::new();
    for (path, totals) in &report.sizes.lots {
        sizes.push((path.clone(), BoundedMeasure::Units, totals.units));
        for (currency, text) in &totals.amounts {
            // An amount that the ledger cannot read back fits nowhere.
            let size = Amount::parse_sum(text).map_or(i128::MAX, |read| read.amount.0);
            sizes.push((path.clone(), BoundedMeasure::Money(currency.clone()), size));
        }
    }
    for (path, of_month) in plays_by_month(report) {
        sizes.push((path.clone(), BoundedMeasure::Plays, of_month.plays));
        sizes.push((path, BoundedMeasure::PlayedMs, of_month.played_ms));
    }
    sizes
}

/// Plays by path of their month. Where a row is a play, as many as rows, each as long as a play can be;
/// where it may stand for several, all plays of the report in each of its months.
fn plays_by_month(report: &ReportEntry) -> BTreeMap<String, PlaySizes> {
    let month = |date: &str| path_in("plays", &plays_path(&report.store, date));
    if let Some(plays) = report.sizes.plays {
        let months: BTreeSet<String> = report.days.keys().map(|date| month(date)).collect();
        return months.into_iter().map(|path| (path, plays)).collect();
    }
    let mut months: BTreeMap<String, PlaySizes> = BTreeMap::new();
    for (date, rows) in &report.days {
        let of_month = months.entry(month(date)).or_default();
        // 64 bits times 27 bits, for at most as many dates as there are rows.
        of_month.plays += i128::from(*rows);
        of_month.played_ms += i128::from(*rows) * i128::from(PLAYED_MS_MAX);
    }
    months
}

#[cfg(test)]
mod tests;
