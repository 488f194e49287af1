//! What the reports of the ledger bring, for the coverage: of whom, for which days, in which territories.
//!
//! A report of plays or figures speaks of the days of its rows. A statement is that of the months that
//! it settles; where it names no period, of the months that have at least a tenth of the lines of its
//! largest one. Its lines of other months are late ones: they do not make those months complete.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::explain::coverage::{AboutDays, Delivery, Standing};
use streamledger_core::explain::period::{Period, month_after, months_within};
use streamledger_core::ingest::table::format::Feed;
use streamledger_core::supersede::names::dates_of_name;
use streamledger_core::vocabulary::day::{Day, Month};

use crate::ledger::{ReportEntry, ReportState};
use crate::territory_series::{TerritorySeries, series_name};

/// A month with fewer lines than this part of a statement's largest one has late lines only.
const OWN_PART: u64 = 10;

/// What all reports bring that were not refused.
#[must_use]
pub fn deliveries(reports: &BTreeMap<String, ReportEntry>) -> Vec<Delivery> {
    let series = TerritorySeries::new(reports);
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

fn of_report(report: &ReportEntry, feed: Feed, series: &TerritorySeries<'_>) -> Vec<Delivery> {
    let Some(standing) = standing(report) else {
        return Vec::new();
    };
    let (only, name) = (series.only(report, feed), series_name(report));
    let delivery = |store: &str, days, about, territories| Delivery {
        store: store.to_owned(),
        sender: report.store.clone(),
        feed,
        report: report.name().to_owned(),
        days,
        about,
        standing: standing.clone(),
        territories,
        series: name.clone(),
        only: only.clone(),
    };
    if feed == Feed::Trends && !report.territories.is_empty() {
        let months = spoken_of(report).into_iter().flat_map(months_within);
        let of_month = |(month, days): (Month, (Day, Day))| {
            let path = format!("plays/store={}/month={month}", report.store);
            let territories = report.territories.get(&path).cloned().unwrap_or_default();
            delivery(&report.store, days, AboutDays::Own, territories)
        };
        return months.map(of_month).collect();
    }
    if feed != Feed::Sales || report.lines.is_empty() {
        let own = |days| {
            let days = if feed == Feed::StoreRemovals { whole_months(days) } else { days };
            delivery(&report.store, days, AboutDays::Own, BTreeSet::new())
        };
        return spoken_of(report).into_iter().map(own).collect();
    }
    let mut found = Vec::new();
    for (store, months) in months_of(report) {
        let is_own = own_months(report, &store, &months);
        for (month, (_, territories)) in &months {
            let about = if is_own.contains(month) { AboutDays::Own } else { AboutDays::Other };
            let days = own_days(report, *month, about);
            found.push(delivery(&store, days, about, territories.clone()));
        }
        // Days of use may go on into a month that no line begins in.
        if let Some(days) = is_own.last().and_then(|last| days_after(report, *last)) {
            found.push(delivery(&store, days, AboutDays::Own, BTreeSet::new()));
        }
    }
    found
}

/// The days of which a report speaks; of one without rows those in its names, since empty reports of
/// several days are the same bytes.
fn spoken_of(report: &ReportEntry) -> BTreeSet<(Day, Day)> {
    let named = || report.files.iter().filter_map(|file| dates_of_name(file)).collect();
    days_of(report).map_or_else(named, |days| BTreeSet::from([days]))
}

/// Removals are declared by month, under its first day.
fn whole_months((first, last): (Day, Day)) -> (Day, Day) {
    let month = Period::Month(last.month());
    if month.first() == last { (first, month.last()) } else { (first, last) }
}

fn standing(report: &ReportEntry) -> Option<Standing> {
    match report.state {
        ReportState::Active => Some(Standing::Active),
        ReportState::Waiting => Some(Standing::Waiting),
        // Its rows are in another report, which speaks for itself.
        ReportState::Superseded if !report.is_restated() => None,
        ReportState::Superseded => {
            Some(Standing::Superseded(report.superseded_by.clone().unwrap_or_default()))
        }
        ReportState::Rejected | ReportState::Unaccepted => None,
    }
}

/// Months of use by store, each with its lines and their territories.
type Months = BTreeMap<Month, (u64, BTreeSet<String>)>;

fn months_of(report: &ReportEntry) -> BTreeMap<String, Months> {
    let mut stores: BTreeMap<String, Months> = BTreeMap::new();
    for (path, n_lines) in &report.lines {
        let Some((store, month)) = crate::nightly::month_of(path) else {
            continue;
        };
        let territories = report.territories.get(path).cloned().unwrap_or_default();
        stores.entry(store).or_default().insert(month, (*n_lines, territories));
    }
    stores
}

/// The months that a statement is for.
fn own_months(report: &ReportEntry, store: &str, months: &Months) -> BTreeSet<Month> {
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

/// Days of use after a month.
fn days_after(report: &ReportEntry, month: Month) -> Option<(Day, Day)> {
    let (_, last) = days_of(report).filter(|_| statements_of(report).is_none())?;
    let first = Period::Month(month_after(month, 1)).first();
    (first <= last).then_some((first, last))
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
        let path = |store: &str, month: &str| format!("sales/store={store}/month={month}");
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
        deliveries(&reports)
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
        let report = report(
            Some("2026-07-05..2026-10-02"),
            &[("spotify", "2026-07", 9), ("spotify", "2026-08", 10), ("spotify", "2026-09", 100)],
        );
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
