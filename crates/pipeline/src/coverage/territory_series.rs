//! Reports of single territories: a store may send a report for each, and then what one of them does not
//! hold is unknown in all others, not zero.
//!
//! A report with rows of one territory may also be one of all that has no other rows. Reports like it
//! decide: a series that once had rows of several is about all. A statement is else about its territory,
//! so that a month is never whole by too little. Daily reports of few plays often have one territory by
//! chance: theirs must stand in the name, or another report of the same days must be about another one.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::ingest::table::format::Feed;
use streamledger_core::supersede::names::series;
use streamledger_storage::layout::ledger::{LedgerReports, ReportEntry};

use crate::known_days::known_days;

/// Territory of a report with rows of several.
const SEVERAL: &str = "*";

/// Store, format, and what the names have in common.
pub(crate) type SeriesKey<'a> = (&'a str, Option<&'a str>, String);

/// Which territories the series of a ledger have rows of.
pub(crate) struct TerritorySeries<'a> {
    territories: BTreeMap<SeriesKey<'a>, BTreeSet<&'a str>>,
    /// Series with which another territory is reported, for the same days.
    parallel: BTreeSet<SeriesKey<'a>>,
}

impl<'a> TerritorySeries<'a> {
    pub(crate) fn new(reports: &'a LedgerReports) -> Self {
        let mut territories: BTreeMap<SeriesKey<'a>, BTreeSet<&str>> = BTreeMap::new();
        let mut days: BTreeMap<_, BTreeMap<&str, BTreeSet<SeriesKey<'a>>>> = BTreeMap::new();
        for report in reports.values().filter(|report| !report.state.is_rejected()) {
            let code = report.about.territory.as_str();
            let key = key_of(report);
            let codes = territories.entry(key.clone()).or_default();
            codes.extend(Some(code).filter(|code| !code.is_empty()));
            if let Some(period) = report.about.period.as_deref().filter(|_| is_single(code)) {
                let same_days = days.entry((key.0, key.1, period)).or_default();
                same_days.entry(code).or_default().insert(key);
            }
        }
        let of_several = days.into_values().filter(|codes| 1 < codes.len());
        let parallel = of_several.flat_map(BTreeMap::into_values).flatten().collect();
        Self { territories, parallel }
    }

    /// The one territory that a report is about. One without rows is about that of its series.
    pub(crate) fn only(&self, report: &ReportEntry, feed: Feed) -> Option<String> {
        let key = key_of(report);
        let of_series = self.territories.get(&key)?;
        if of_series.contains(SEVERAL) {
            return None;
        }
        let own = Some(report.about.territory.as_str()).filter(|code| !code.is_empty());
        let of_all = of_series.first().copied().filter(|_| of_series.len() == 1);
        let code = own.or(of_all)?;
        let is_told = feed == Feed::Sales || self.parallel.contains(&key) || is_named(report, code);
        is_told.then(|| code.to_owned())
    }
}

fn is_single(code: &str) -> bool {
    !code.is_empty() && code != SEVERAL
}

/// Of which series a report is.
pub(crate) fn key_of(report: &ReportEntry) -> SeriesKey<'_> {
    (&report.store, report.format.as_deref(), series_name(report))
}

/// What a report has in common with those like it.
pub(crate) fn series_name(report: &ReportEntry) -> String {
    report.about.set.clone().unwrap_or_else(|| series(report.file(), &known_days(report)))
}

/// Whether a territory stands in the report's own name.
fn is_named(report: &ReportEntry, code: &str) -> bool {
    let name = report.file().rsplit_once('/').map_or(report.file(), |(_, name)| name);
    name.split(|letter: char| !letter.is_ascii_alphanumeric())
        .any(|word| word.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report by its name, days and territory.
    fn report((file, days, territory): (&str, &str, &str)) -> (String, ReportEntry) {
        let mut report: ReportEntry = serde_json::from_value(serde_json::json!({
            "store": "spotify", "id": "b".repeat(64), "hash": "a".repeat(64), "feed": "sales", "format": "x",
            "files": [file], "archived": null, "reading": "", "state": "active",
            "reason": null, "counts": null, "days": {}, "first_date": null, "last_date": null,
        }))
        .unwrap();
        report.about.period = Some(days.to_owned());
        territory.clone_into(&mut report.about.territory);
        (file.to_owned(), report)
    }

    fn told(feed: Feed, reports: &[(&str, &str, &str)]) -> Vec<String> {
        let all: LedgerReports = reports.iter().copied().map(report).collect();
        let series = TerritorySeries::new(&all);
        let only = |(file, ..): &(&str, &str, &str)| series.only(&all[*file], feed);
        reports.iter().map(|report| only(report).unwrap_or_else(|| "all".to_owned())).collect()
    }

    #[test]
    fn a_series_that_once_had_several_territories_is_about_all() {
        let reports = [("s/a_202608.txt", "08", "GB"), ("s/a_202609.txt", "09", "*")];
        assert_eq!(told(Feed::Sales, &reports), ["all", "all"]);
        assert_eq!(told(Feed::Sales, &reports[..1]), ["GB"]);
    }

    #[test]
    fn a_report_without_rows_is_about_the_territory_of_its_series() {
        let reports = [("s/a_202608.txt", "08", "GB"), ("s/a_202609.txt", "09", "")];
        assert_eq!(told(Feed::Sales, &reports), ["GB", "GB"]);
        assert_eq!(told(Feed::Sales, &reports[1..]), ["all"]);
    }

    #[test]
    fn days_with_plays_of_one_territory_are_about_all_unless_something_says_otherwise() {
        let by_chance = [("s/p_20260801.txt", "1", "GB"), ("s/p_20260802.txt", "2", "US")];
        assert_eq!(told(Feed::Trends, &by_chance), ["all", "all"]);
        let named = [("s/p_GB_20260801.txt", "1", "GB")];
        assert_eq!(told(Feed::Trends, &named), ["GB"]);
        let together = [("s/a_20260801.txt", "1", "GB"), ("s/b_20260801.txt", "1", "US")];
        assert_eq!(told(Feed::Trends, &together), ["GB", "US"]);
    }
}
