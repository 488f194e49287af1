//! A small distributor's year: all reports of six stores, as they lie in an inbox on its last day.
//!
//! Three stores send plays every day (`trends`: Spotify raw ones, Deezer a table with listeners, Apple Music
//! sums and its list of tracks). All six pay: in statements of their own (`statements`), or in those of
//! another distributor (`other_statements`). What a store pays follows from the plays it had (`stores`), so
//! that months reconcile; what it removes and shows is in `figures`. Statements come with the delays of
//! the delivery calendar: those that are not due on the last day are not there yet.
//!
//! The reports of a store and month need no other ones, and can be written in parallel; statements need
//! the sums of all of them. Memory is one day of plays for each month being written, and the sums.

use std::io::{self, Write};
use std::path::Path;

use chrono::{Datelike, Days, Months, NaiveDate};

mod stores;

pub mod sums;

mod trends;

mod statements;

mod other_statements;

mod figures;

use super::catalogue::Catalogue;
use super::chance::mix;
use super::{GeneratedWorld, GeneratorSettings, TRUTH_HEADER, n_tracks};
use stores::{StoreWorld, YearStore};
use sums::StoreSums;

/// Takes a report: its path in the inbox, and its bytes.
pub type ReportSink<'a> = dyn FnMut(&Path, &[u8]) -> io::Result<()> + 'a;

/// What to generate.
#[derive(Debug, Clone, Copy)]
pub struct YearSettings {
    /// Plays of all stores on a day.
    pub plays_per_day: u64,
    /// What makes this year different from others of the same size.
    pub seed: u64,
    /// The year in which the first month, January, is.
    pub year: i32,
    /// Number of months; 12 for a year.
    pub months: u32,
}

/// The stores, their listeners, and the catalogue that they share.
#[derive(Debug)]
pub struct GeneratedYear {
    months: Vec<StatementSpan>,
    stores: Vec<StoreWorld>,
}

/// Days from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct StatementSpan {
    first: NaiveDate,
    last: NaiveDate,
}

/// A month of a store, whose daily reports are written together.
#[derive(Debug, Clone, Copy)]
pub struct GeneratedMonth {
    store: usize,
    month: usize,
}

/// What was generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YearCounts {
    /// Plays of all stores, as they are in daily reports or, without these, in statements.
    pub plays: u64,
    /// Reports.
    pub reports: u64,
    /// Rows of daily reports that cannot be read, and are no plays.
    pub bad_rows: u64,
}

impl GeneratedYear {
    /// Makes the world of the settings; takes a fraction of a second. A year outside of the calendar has no
    /// months.
    #[must_use]
    pub fn new(settings: &YearSettings) -> Self {
        let months: Vec<StatementSpan> =
            (0..settings.months).map_while(|month| month_span(settings.year, month)).collect();
        let days = months.iter().map(|span| span.days().count()).sum::<usize>();
        let days = u32::try_from(days).unwrap_or(u32::MAX);
        let tracks = n_tracks(settings.plays_per_day);
        let worlds = YearStore::ALL.into_iter().zip(1..).map(|(store, number)| {
            let plays_per_day = settings.plays_per_day * store.plays_percent() / 100;
            let of_store = GeneratorSettings {
                plays: plays_per_day * u64::from(days),
                days,
                seed: mix(settings.seed ^ mix(number)),
                first_day: months.first().map_or(NaiveDate::MIN, |month| month.first),
            };
            let catalogue = Catalogue::new(settings.seed, tracks);
            StoreWorld { store, world: GeneratedWorld::with_catalogue(&of_store, catalogue) }
        });
        let stores = worlds.collect();
        Self { months, stores }
    }

    /// The day on which the inbox is as it is: the last one.
    #[must_use]
    pub fn last_day(&self) -> Option<NaiveDate> {
        self.months.last().map(|month| month.last)
    }

    /// All months of all stores: each is to be written once.
    pub fn store_months(&self) -> impl Iterator<Item = GeneratedMonth> {
        let n_months = self.months.len();
        (0..self.stores.len())
            .flat_map(move |store| (0..n_months).map(move |month| GeneratedMonth { store, month }))
    }

    /// Writes the daily reports of a store and month; returns what [`GeneratedYear::write_rest`] needs.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn write_days(
        &self,
        of: GeneratedMonth,
        sink: &mut ReportSink<'_>,
    ) -> io::Result<StoreSums> {
        let store = &self.stores[of.store];
        let mut sums = StoreSums::default();
        let mut n_reports = 0;
        let mut counting = |path: &Path, bytes: &[u8]| {
            n_reports += 1;
            sink(path, bytes)
        };
        let days_before: usize =
            self.months[..of.month].iter().map(|month| month.days().count()).sum();
        let first = u32::try_from(days_before).unwrap_or(u32::MAX);
        for (day, date) in (first..).zip(self.months[of.month].days()) {
            let plan = store.plan(day);
            sums.n_plays += plan.plays.len() as u64;
            sums.add_day(store, (day, date), &plan);
            sums.n_bad_rows += trends::write_day(store, (day, date), &plan, &mut counting)?;
        }
        sums.n_reports = n_reports;
        Ok(sums)
    }

    /// Writes what rests on sums: statements, numbers that stores show, removals, and the catalogue.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn write_rest(
        &self,
        months: Vec<(GeneratedMonth, StoreSums)>,
        sink: &mut ReportSink<'_>,
    ) -> io::Result<YearCounts> {
        let mut sums: Vec<StoreSums> = self.stores.iter().map(|_| StoreSums::default()).collect();
        for (of, of_month) in months {
            sums[of.store].merge(of_month);
        }
        let stores: Vec<(&StoreWorld, &StoreSums)> = self.stores.iter().zip(&sums).collect();
        let mut n_reports = sums.iter().map(|sums| sums.n_reports).sum();
        let mut counting = |path: &Path, bytes: &[u8]| {
            n_reports += 1;
            sink(path, bytes)
        };
        for (store, sums) in &stores {
            statements::write_statements(store, sums, &self.months, &mut counting)?;
            figures::write_figures(store, sums, &self.months, &mut counting)?;
        }
        other_statements::write_statements(&stores, &self.months, &mut counting)?;
        if let (Some((store, _)), Some(month)) = (stores.first(), self.months.first()) {
            figures::write_catalogue(store, month.first, &mut counting)?;
        }
        Ok(YearCounts {
            plays: sums.iter().map(|sums| sums.n_plays).sum(),
            reports: n_reports,
            bad_rows: sums.iter().map(|sums| sums.n_bad_rows).sum(),
        })
    }

    /// Writes the special listeners of the stores whose reports have listeners, as
    /// [`GeneratedWorld::write_truth`] does for one.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_truth(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{TRUTH_HEADER}")?;
        self.stores
            .iter()
            .filter(|store| store.store.has_listeners())
            .try_for_each(|store| store.world.write_specials(out))
    }
}

impl StatementSpan {
    fn days(self) -> impl Iterator<Item = NaiveDate> {
        self.first.iter_days().take_while(move |date| *date <= self.last)
    }
}

/// A month, counted from January of the year; `None` outside of the calendar.
fn month_span(year: i32, month: u32) -> Option<StatementSpan> {
    let first = NaiveDate::from_ymd_opt(year, 1, 1)?.checked_add_months(Months::new(month))?;
    let last = first.checked_add_months(Months::new(1))?.pred_opt()?;
    Some(StatementSpan { first, last })
}

/// The fiscal month that holds a day: 5, 4 and 4 weeks, in a year that ends with the last Saturday of
/// September. In a year of 53 weeks the third month has one more.
fn fiscal_month(day: NaiveDate) -> StatementSpan {
    let years = [day.year() - 1, day.year()].into_iter().filter_map(fiscal_year);
    let Some(year) = years.filter(|year| year.first <= day).max() else {
        return StatementSpan { first: day, last: day };
    };
    let is_long = 52 * 7 < year.days().count();
    let mut first = year.first;
    for (place, weeks) in (0..12).zip([5, 4, 4].into_iter().cycle()) {
        let weeks = weeks + u64::from(is_long && place == 2);
        let next = first + Days::new(7 * weeks);
        if day < next {
            return StatementSpan { first, last: next - Days::new(1) };
        }
        first = next;
    }
    year
}

/// The fiscal year that begins in the autumn of this year; `None` outside of the calendar.
fn fiscal_year(year: i32) -> Option<StatementSpan> {
    let last_saturday = |year| {
        let end = NaiveDate::from_ymd_opt(year, 9, 30)?;
        let days_since = (end.weekday().num_days_from_sunday() + 1) % 7;
        end.checked_sub_days(Days::new(u64::from(days_since)))
    };
    Some(StatementSpan { first: last_saturday(year)?.succ_opt()?, last: last_saturday(year + 1)? })
}

#[cfg(test)]
mod tests;
