//! What the reports of the ledger bring, for the coverage: of whom, for which days, in which territories.
//!
//! A report of plays covers the days that it states, and those of which it has many rows
//! (`covered_days`); one of figures the months that have at least a tenth of the rows of its
//! largest one. A statement is that of the months that it settles; where it names no period, of the months
//! that have at least a tenth of the lines of its largest one. Its lines of other months are late ones:
//! they do not make those months complete.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::explain::delivery::{AboutDays, DeliveryStatus, FeedDelivery};
use streamledger_core::explain::period::{Period, month_after, months_within};
use streamledger_core::ingest::table::format::Feed;
use streamledger_core::model::day::{Day, Month};
use streamledger_core::normalize::store::{SHARE_MIN, StoreSettings};
use streamledger_core::supersede::names::dates_of_name;
use streamledger_storage::layout::ledger::{LedgerReports, ReportEntry, ReportState};
use streamledger_storage::layout::partition_key::{lots_path, month_path, store_month};
use streamledger_storage::tables::lot_table::LotTable;

use crate::coverage::covered_days::{RowsOfSeries, covered_days, is_sane};
use crate::coverage::territory_series::{TerritorySeries, series_name};

/// A month with fewer lines than this part of a statement's largest one has late lines only.
const OWN_PART: u64 = 10;

/// What is known of all reports together.
struct DeliverySeries<'a> {
    territories: TerritorySeries<'a>,
    rows: RowsOfSeries<'a>,
    stores: &'a BTreeMap<String, StoreSettings>,
}

/// What all reports bring that were not rejected.
#[must_use]
pub fn deliveries(
    reports: &LedgerReports,
    stores: &BTreeMap<String, StoreSettings>,
) -> Vec<FeedDelivery> {
    let series = DeliverySeries {
        territories: TerritorySeries::new(reports),
        rows: RowsOfSeries::new(reports),
        stores,
    };
    reports
        .values()
        .filter_map(|report| Some(of_report(report, feed_of(report)?, &series)))
        .flatten()
        .collect()
}

fn feed_of(report: &ReportEntry) -> Option<Feed> {
    let feeds = [Feed::Trends, Feed::Sales, Feed::PublicCounts, Feed::StoreRemovals];
    feeds.into_iter().find(|feed| report.feed.as_deref() == Some(feed.as_str()))
}

fn of_report(report: &ReportEntry, feed: Feed, series: &DeliverySeries<'_>) -> Vec<FeedDelivery> {
    let Some(standing) = standing(report) else {
        return Vec::new();
    };
    let (only, name) = (series.territories.only(report, feed), series_name(report));
    let of = OfReport { report, feed, standing, name, only };
    if feed == Feed::Trends {
        let share_min = series
            .stores
            .get(&report.store)
            .map_or(SHARE_MIN, |store| store.share_min_basis_points);
        return of.of_plays(covered_days(report, &series.rows, share_min));
    }
    if report.lines.is_empty() {
        let named = named_days(report).into_iter();
        let own = |days| of.delivery(&report.store, days, AboutDays::Own, BTreeSet::new());
        return named.map(own).collect();
    }
    if feed == Feed::Sales { of.of_statement() } else { of.of_figures() }
}

/// A report, and what all of its deliveries have in common.
struct OfReport<'a> {
    report: &'a ReportEntry,
    feed: Feed,
    standing: DeliveryStatus,
    name: String,
    only: Option<String>,
}

impl OfReport<'_> {
    fn delivery(
        &self,
        store: &str,
        days: (Day, Day),
        about: AboutDays,
        territories: BTreeSet<String>,
    ) -> FeedDelivery {
        FeedDelivery {
            store: store.to_owned(),
            sender: self.report.store.clone(),
            feed: self.feed,
            report: self.report.name().to_owned(),
            days,
            about,
            standing: self.standing.clone(),
            territories,
            series: self.name.clone(),
            only: self.only.clone(),
        }
    }

    fn of_plays(&self, covered: Vec<((Day, Day), AboutDays)>) -> Vec<FeedDelivery> {
        let store = &self.report.store;
        let months = covered.into_iter().flat_map(|(days, about)| {
            months_within(days).into_iter().map(move |(month, days)| (month, days, about))
        });
        let of_month = |(month, days, about): (Month, (Day, Day), AboutDays)| {
            let path = month_path("plays", store, month);
            let territories = self.report.territories.get(&path).cloned().unwrap_or_default();
            self.delivery(store, days, about, territories)
        };
        months.map(of_month).collect()
    }

    fn of_figures(&self) -> Vec<FeedDelivery> {
        let store = &self.report.store;
        let months = months_of(self.report).remove(store).unwrap_or_default();
        let is_own = months_with_many(&months);
        let of_month = |month: Month| {
            let about = if is_own.contains(&month) { AboutDays::Own } else { AboutDays::Part };
            let days = figure_days(self.report, month, self.feed);
            self.delivery(store, days, about, BTreeSet::new())
        };
        months.into_keys().map(of_month).collect()
    }

    fn of_statement(&self) -> Vec<FeedDelivery> {
        let mut found = Vec::new();
        for (store, months) in months_of(self.report) {
            let is_own = own_months(self.report, &store, &months);
            for (month, (_, territories)) in &months {
                let about = if is_own.contains(month) { AboutDays::Own } else { AboutDays::Other };
                let days = own_days(self.report, *month, about);
                found.push(self.delivery(&store, days, about, territories.clone()));
            }
            // Days of use may go on into months that no line begins in.
            let last = is_own.last();
            let after = last.and_then(|last| days_after(self.report, &store, *last, &months));
            for (_, days) in after.into_iter().flat_map(months_within) {
                found.push(self.delivery(&store, days, AboutDays::Own, BTreeSet::new()));
            }
        }
        found
    }
}

/// The days in the names of a report without rows: empty reports of several days are the same bytes.
fn named_days(report: &ReportEntry) -> BTreeSet<(Day, Day)> {
    let named = report.files.iter().filter_map(|file| dates_of_name(file));
    named.filter(|days| is_sane(*days)).collect()
}

/// The days of a month that a report of figures speaks of. Removals are declared by month, under its
/// first day.
fn figure_days(report: &ReportEntry, month: Month, feed: Feed) -> (Day, Day) {
    let month = Period::Month(month);
    let (first, last) = days_of(report).unwrap_or((month.first(), month.last()));
    let (first, last) = (first.max(month.first()), last.min(month.last()));
    let is_month = feed == Feed::StoreRemovals && last == month.first();
    (first, if is_month { month.last() } else { last })
}

fn standing(report: &ReportEntry) -> Option<DeliveryStatus> {
    match report.state {
        ReportState::Active => Some(DeliveryStatus::Active),
        ReportState::Waiting => Some(DeliveryStatus::Waiting),
        // Its rows are in another report, which speaks for itself.
        ReportState::Superseded if !report.is_restated() => None,
        ReportState::Superseded => {
            Some(DeliveryStatus::Superseded(report.superseded_by.clone().unwrap_or_default()))
        }
        ReportState::Rejected | ReportState::Unaccepted => None,
    }
}

/// Months of use by store, each with its lines and their territories.
type DeliveredMonths = BTreeMap<Month, (u64, BTreeSet<String>)>;

fn months_of(report: &ReportEntry) -> BTreeMap<String, DeliveredMonths> {
    let mut stores: BTreeMap<String, DeliveredMonths> = BTreeMap::new();
    for (path, n_lines) in &report.lines {
        let Some((store, month)) = store_month(path) else {
            continue;
        };
        let territories = report.territories.get(path).cloned().unwrap_or_default();
        stores.entry(store).or_default().insert(month, (*n_lines, territories));
    }
    stores
}

/// The months that a statement is for.
fn own_months(report: &ReportEntry, store: &str, months: &DeliveredMonths) -> BTreeSet<Month> {
    if store != report.store {
        // Of a statement of several stores nobody can say that it is all of a month.
        return BTreeSet::new();
    }
    let settled: BTreeSet<Month> = match statements_of(report) {
        Some((from, to)) => months.keys().copied().filter(|m| from <= *m && *m <= to).collect(),
        None => BTreeSet::new(),
    };
    if !settled.is_empty() {
        return settled;
    }
    months_with_many(months)
}

/// The months that have at least a tenth of the lines of the one with most.
fn months_with_many(months: &DeliveredMonths) -> BTreeSet<Month> {
    let most = months.values().map(|(n_lines, _)| *n_lines).max().unwrap_or_default();
    let has_many = |(_, (n_lines, _)): &(&Month, &(u64, _))| most <= n_lines * OWN_PART;
    months.iter().filter(has_many).map(|(month, _)| *month).collect()
}

/// The days of a month that a statement speaks of.
fn own_days(report: &ReportEntry, month: Month, about: AboutDays) -> (Day, Day) {
    let whole = Period::Month(month);
    let whole = (whole.first(), whole.last());
    match days_of(report) {
        Some((first, last)) if about == AboutDays::Own && statements_of(report).is_none() => {
            (whole.0.max(first), whole.1.min(last))
        }
        _ => whole,
    }
}

/// Days of use after a month: up to the last one that at least a tenth of its lines reach.
fn days_after(
    report: &ReportEntry,
    store: &str,
    month: Month,
    months: &DeliveredMonths,
) -> Option<(Day, Day)> {
    if statements_of(report).is_some() {
        return None;
    }
    let path = lots_path(LotTable::Sales, store, month);
    let (n_lines, _) = months.get(&month)?;
    let mut n_reaching = 0;
    let reached = report.reaches.get(&path)?.iter().rev().find(|(_, n_ending)| {
        n_reaching += *n_ending;
        *n_lines <= n_reaching * OWN_PART
    });
    let last: Period = reached?.0.parse().ok()?;
    Some((Period::Month(month_after(month, 1)).first(), last.last()))
}

fn span_of(text: &str) -> Option<(Period, Period)> {
    let (from, to) = text.split_once("..")?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// The days that a report speaks of, where it does not name statements.
fn days_of(report: &ReportEntry) -> Option<(Day, Day)> {
    let period = report.about.period.as_deref()?;
    let (from, to) = span_of(period)?;
    Some((from.first(), to.last()))
}

/// The periods that a statement settles.
fn statements_of(report: &ReportEntry) -> Option<(Month, Month)> {
    let text = report.about.period.as_deref()?.strip_prefix("statement ")?;
    let (from, to) = span_of(text)?;
    Some((from.month(), to.month()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(about: Option<&str>, lines: &[(&str, &str, u64)]) -> ReportEntry {
        let path = |store: &str, month: &str| month_path("sales", store, month);
        let lines = lines.iter().map(|(store, month, n)| (path(store, month), *n)).collect();
        let mut report: ReportEntry = serde_json::from_value(serde_json::json!({
            "store": "spotify", "id": "b".repeat(64), "hash": "a".repeat(64), "feed": "sales", "format": "x",
            "files": ["spotify/statement.tsv"], "archived": null, "reading": "", "state": "active",
            "reason": null, "counts": null, "days": {}, "first_date": null, "last_date": null,
        }))
        .unwrap();
        report.lines = lines;
        report.about.period = about.map(ToOwned::to_owned);
        report
    }

    fn told(report: &ReportEntry) -> Vec<String> {
        let reports = BTreeMap::from([("key".to_owned(), report.clone())]);
        deliveries(&reports, &BTreeMap::new())
            .iter()
            .map(|d| format!("{} {}..{} {:?}", d.store, d.days.0, d.days.1, d.about))
            .collect()
    }

    #[test]
    fn a_statement_is_of_the_months_that_it_settles() {
        let report = report(
            Some("statement 2026-09..2026-09"),
            &[("spotify", "2026-09", 1), ("spotify", "2026-07", 90)],
        );
        assert_eq!(
            told(&report),
            ["spotify 2026-07-01..2026-07-31 Other", "spotify 2026-09-01..2026-09-30 Own"]
        );
    }

    #[test]
    fn without_a_period_it_is_of_the_months_with_many_lines() {
        let mut report = report(
            Some("2026-07-05..2036-10-02"),
            &[("spotify", "2026-07", 9), ("spotify", "2026-08", 10), ("spotify", "2026-09", 100)],
        );
        // Ten of its lines reach October; one that goes on for ten years covers nothing.
        let ends = [("2026-10-02", 9), ("2036-10-02", 1)];
        report.reaches = BTreeMap::from([(
            "sales/store=spotify/month=2026-09".to_owned(),
            ends.map(|(day, n_lines)| (day.to_owned(), n_lines)).into(),
        )]);
        assert_eq!(
            told(&report),
            [
                "spotify 2026-07-01..2026-07-31 Other",
                "spotify 2026-08-01..2026-08-31 Own",
                "spotify 2026-09-01..2026-09-30 Own",
                "spotify 2026-10-01..2026-10-02 Own",
            ]
        );
    }

    #[test]
    fn a_statement_of_several_stores_is_all_of_no_month() {
        let report = report(Some("statement 2026-09..2026-09"), &[("deezer", "2026-09", 5)]);
        assert_eq!(told(&report), ["deezer 2026-09-01..2026-09-30 Other"]);
    }

    #[test]
    fn a_report_without_rows_is_of_the_date_in_its_name() {
        let mut report = report(None, &[]);
        assert_eq!(told(&report), [""; 0]);
        report.files = ["spotify/streams_20260903.tsv".to_owned()].into();
        assert_eq!(told(&report), ["spotify 2026-09-03..2026-09-03 Own"]);
        report.files = ["spotify/streams-2028-02.tsv".to_owned()].into();
        assert_eq!(told(&report), ["spotify 2028-02-01..2028-02-29 Own"]);
        let names = ["spotify/streams_20260903.tsv", "spotify/streams_20260905.tsv"];
        report.files = names.map(ToOwned::to_owned).into();
        let both = ["spotify 2026-09-03..2026-09-03 Own", "spotify 2026-09-05..2026-09-05 Own"];
        assert_eq!(told(&report), both);
        report.files = ["spotify/streams_20260903_20261001.tsv".to_owned()].into();
        assert_eq!(told(&report), [""; 0]);
    }
}
