//! The days of a subject: its daily lines, and months of counting against months of listening.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::explain::coverage::CoverageState;
use streamledger_core::explain::figures::{PlayFigures, RecordingFigures, StoreNumber};
use streamledger_core::explain::step::WaterfallStep;
use streamledger_core::model::day::Month;
use streamledger_core::numbers::exact;

use crate::print::words::{date_in_words, month_in_words};
use crate::report::book::FigureBook;
use crate::report::cells::{FigureReach, PageCell, is_all_paid, number};
use crate::report::charts::{self, DayPoint, SettledMonths};

/// The daily lines.
pub(crate) struct DayFigures {
    /// The lines.
    pub(crate) drawing: String,
    /// The chart in a sentence.
    pub(crate) spoken: String,
    /// The numbers at the axis: the highest, and half of it.
    pub(crate) most: String,
    /// Half of the highest.
    pub(crate) half: String,
    /// Months along the axis, with their share of the days in hundredths of a percent.
    pub(crate) months: Vec<AxisMonth>,
    /// Whether of one of the months all statements are there.
    pub(crate) has_paid: bool,
    /// Whether of one of the months some statements are there.
    pub(crate) has_part: bool,
    /// Whether days are missing.
    pub(crate) has_gaps: bool,
    /// The same by month.
    pub(crate) rows: Vec<DaysRow>,
}

/// A month along an axis.
pub(crate) struct AxisMonth {
    /// `Sep 2026`.
    pub(crate) name: String,
    /// Its days.
    pub(crate) n_days: usize,
}

/// A month of the daily lines.
pub(crate) struct DaysRow {
    /// The month.
    pub(crate) month: String,
    /// Reported, counted, held, excluded.
    pub(crate) numbers: [PageCell; 4],
    /// What is paid of it.
    pub(crate) paid: PageCell,
}

/// A month of counting against the same of listening.
pub(crate) struct HeardRow {
    /// The month.
    pub(crate) month: String,
    /// Counted in it, of these heard before, heard in it and counted later, heard in it.
    pub(crate) numbers: [PageCell; 4],
}

/// What statements pay of each month, and whether all of them are there.
fn paid_months(figures: &RecordingFigures) -> BTreeMap<Month, (i64, SettledMonths)> {
    let mut paid: BTreeMap<Month, (i64, SettledMonths)> = BTreeMap::new();
    let mut is_open: BTreeSet<Month> = BTreeSet::new();
    for ((month, _), lines) in &figures.waterfalls {
        let line = lines.of(WaterfallStep::PaidUnits);
        if let Some(plays) = line.and_then(|line| line.plays) {
            paid.entry(*month).or_insert((0, SettledMonths::Whole)).0 += plays;
        }
        if !is_all_paid(lines) {
            is_open.insert(*month);
        }
    }
    // A store whose month has no waterfall yet has no statement either.
    let all = figures.months.keys().filter(|key| !figures.waterfalls.contains_key(key));
    is_open.extend(all.map(|(month, _)| *month));
    for month in is_open {
        paid.entry(month).and_modify(|(_, settled)| *settled = SettledMonths::InPart);
    }
    paid
}

pub(crate) fn days(
    figures: &RecordingFigures,
    book: &FigureBook<'_>,
    stores: &BTreeSet<StoreNumber>,
) -> Option<DayFigures> {
    let paid = paid_months(figures);
    let first = book.span.first_day();
    let day = |place: usize| first.after(exact(place));
    let plays = |place: usize| figures.days.get(place).copied().unwrap_or_default();
    let point = |(place, is_known): (usize, &bool)| DayPoint {
        plays: [plays(place).reported(), plays(place).counted, plays(place).held],
        is_known: *is_known,
        settled: paid.get(&day(place).month()).map_or(SettledMonths::No, |(_, settled)| *settled),
    };
    let known = book.days_known_of(stores);
    let points: Vec<DayPoint> = known.iter().enumerate().map(point).collect();
    let most = points.iter().map(|point| point.plays[0]).max().filter(|most| 0 < *most)?;
    let drawing = charts::days(&points, most)?;
    let mut months: Vec<(Month, usize)> = Vec::new();
    for place in 0..points.len() {
        match months.last_mut() {
            Some((month, n_days)) if *month == day(place).month() => *n_days += 1,
            _ => months.push((day(place).month(), 1)),
        }
    }
    let row = |month: &Month| days_row(figures, *month, &paid, &book.reach(*month, stores));
    let rows: Vec<DaysRow> = book.span.months.iter().rev().map(row).collect();
    let axis =
        |(month, n_days): &(Month, usize)| AxisMonth { name: short_month(*month), n_days: *n_days };
    Some(DayFigures {
        drawing,
        spoken: format!(
            "Plays of each day from {} to {}: reported, counted and held. At most {} in a day. The table \
             below has them by month.",
            date_in_words(first),
            date_in_words(day(points.len().saturating_sub(1))),
            number(most)
        ),
        most: number(most),
        half: if most % 2 == 0 { number(most / 2) } else { String::new() },
        months: months.iter().map(axis).collect(),
        has_paid: points.iter().any(|point| point.settled == SettledMonths::Whole),
        has_part: points.iter().any(|point| point.settled == SettledMonths::InPart),
        has_gaps: points.iter().any(|point| !point.is_known),
        rows,
    })
}

fn days_row(
    figures: &RecordingFigures,
    month: Month,
    paid: &BTreeMap<Month, (i64, SettledMonths)>,
    reach: &FigureReach,
) -> DaysRow {
    let mut plays = PlayFigures::default();
    let of_month = figures.months.iter().filter(|((known, _), _)| *known == month);
    of_month.for_each(|(_, more)| plays.add(*more));
    let is_settled = figures.waterfalls.keys().any(|(known, _)| *known == month);
    let not_yet = if is_settled { "no statement yet" } else { "after the month" };
    DaysRow {
        month: month_in_words(month),
        numbers: [plays.reported(), plays.counted, plays.held, plays.excluded]
            .map(|plays| reach.cell(plays)),
        paid: match paid.get(&month) {
            None => PageCell::not_known(not_yet),
            Some((paid, SettledMonths::Whole)) => PageCell::known(*paid),
            Some((paid, _)) => PageCell::in_part(*paid, ""),
        },
    }
}

/// `Sep 2026`.
pub(crate) fn short_month(month: Month) -> String {
    let words = month_in_words(month);
    let (name, year) = words.split_once(' ').unwrap_or((&words, ""));
    format!("{} {year}", name.chars().take(3).collect::<String>())
}

pub(crate) fn heard_rows(
    figures: &RecordingFigures,
    book: &FigureBook<'_>,
    stores: &BTreeSet<StoreNumber>,
) -> Vec<HeardRow> {
    let row = |month: &Month| {
        let reach = book.reach(*month, stores);
        let of_month = || figures.waterfalls.iter().filter(|((known, _), _)| known == month);
        let counted: i64 = figures
            .months
            .iter()
            .filter(|((known, _), _)| known == month)
            .map(|(_, plays)| plays.counted)
            .sum();
        let before = figures.heard_before.iter().filter(|((known, _), _)| known == month);
        let earlier: i64 = before.map(|(_, plays)| plays).sum();
        let mut later =
            of_month().map(|(_, lines)| lines.of(WaterfallStep::ListenedHereCountedLater));
        // Without a line it is 0, where there is a waterfall at all; a store that has plays and none is
        // not over.
        let keys = || figures.months.keys().filter(|(known, _)| known == month);
        let is_told = keys().all(|key| figures.waterfalls.contains_key(key));
        let is_known = is_told
            && of_month().next().is_some()
            && later.clone().flatten().all(|line| line.plays.is_some());
        let later: Option<i64> =
            is_known.then(|| later.by_ref().flatten().filter_map(|line| line.plays).sum());
        let is_over = of_month().all(|(_, lines)| {
            lines.of(WaterfallStep::ListenedHereCountedLater).is_none_or(|line| {
                line.states.names().all(|state| state != CoverageState::NotDue.as_str())
            })
        });
        let not_yet = || {
            PageCell::not_known(if is_over && is_told {
                "the next month is not all there"
            } else {
                "when the next month is over"
            })
        };
        HeardRow {
            month: month_in_words(*month),
            numbers: [
                reach.cell(counted),
                reach.cell(earlier),
                later.map_or_else(not_yet, PageCell::known),
                later.map_or_else(not_yet, |later| reach.cell(counted - earlier + later)),
            ],
        }
    };
    book.span.months.iter().rev().map(row).collect()
}

pub(crate) fn heard_pairs(figures: &RecordingFigures) -> Vec<String> {
    let pair = |((month, heard), plays): (&(Month, Month), &i64)| {
        let (month, heard) = (month_in_words(*month), month_in_words(*heard));
        format!("Counted in {month}, heard in {heard}: {}", number(*plays))
    };
    figures.heard_before.iter().rev().map(pair).collect()
}
