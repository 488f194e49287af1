//! Which days a report of plays covers. A day needs proof: the report states it in its head or its name,
//! or has as many rows of it as reports like it have of a day. One stray row proves nothing.

use std::collections::BTreeMap;

use streamledger_core::explain::delivery::AboutDays;
use streamledger_core::model::day::Day;
use streamledger_core::supersede::names::dates_of_name;
use streamledger_storage::layout::ledger::{LedgerReports, ReportEntry};

use crate::coverage::territory_series::{SeriesKey, key_of};

/// Most days that a head or a name may state: ten years. More is a date that was mistyped.
const STATED_DAYS_MAX: i32 = 3_660;

/// So many days before and after a day tell how many rows a day has.
const WINDOW_DAYS: i32 = 28;

/// Of fewer rows nobody can say what is usual.
const MEDIAN_MIN: u64 = 50;

/// A number of basis points that is all.
const ALL: u64 = 10_000;

/// Rows of plays by day, of reports that have the same kind of name.
pub(crate) struct RowsOfSeries<'a>(BTreeMap<SeriesKey<'a>, BTreeMap<Day, u64>>);

impl<'a> RowsOfSeries<'a> {
    pub(crate) fn new(reports: &'a LedgerReports) -> Self {
        let mut all: BTreeMap<SeriesKey<'a>, BTreeMap<Day, u64>> = BTreeMap::new();
        for report in reports.values().filter(|report| report.is_active()) {
            let rows = days_of_rows(report);
            if !rows.is_empty() {
                let of_series = all.entry(key_of(report)).or_default();
                rows.into_iter().for_each(|(day, n)| *of_series.entry(day).or_default() += n);
            }
        }
        Self(all)
    }

    /// Whether so many rows of a day are a share of what reports like this one have of a day.
    fn is_usual(&self, report: &ReportEntry, (day, n_rows): (Day, u64), share_min: u64) -> bool {
        let Some(of_series) = self.0.get(&key_of(report)) else {
            return false;
        };
        let window = Day(day.0 - WINDOW_DAYS)..=Day(day.0 + WINDOW_DAYS);
        let mut numbers: Vec<u64> = of_series.range(window).map(|(_, n_rows)| *n_rows).collect();
        numbers.sort_unstable();
        let Some(median) = median(&numbers) else {
            return false;
        };
        MEDIAN_MIN <= median && median * share_min <= n_rows * ALL
    }
}

/// The middle of sorted numbers; of two in the middle half of both together.
fn median(sorted: &[u64]) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    Some(u64::midpoint(sorted[last / 2], sorted[sorted.len() / 2]))
}

/// Rows by day.
fn days_of_rows(report: &ReportEntry) -> BTreeMap<Day, u64> {
    let day = |(date, n_rows): (&String, &u64)| {
        let date: chrono::NaiveDate = date.parse().ok()?;
        Some((Day(date.to_epoch_days()), *n_rows))
    };
    report.days.iter().filter_map(day).collect()
}

/// The days of which a report of plays speaks, and whether it covers them, in order. `share_min` is the
/// part of the usual number of rows from which a day is covered, in basis points.
pub(crate) fn covered_days(
    report: &ReportEntry,
    series: &RowsOfSeries<'_>,
    share_min: u32,
) -> Vec<((Day, Day), AboutDays)> {
    let rows = days_of_rows(report);
    let mut stated: Vec<(Day, Day)> = stated_days(report, &rows);
    stated.sort_unstable();
    let mut found: Vec<((Day, Day), AboutDays)> = Vec::new();
    for span in &stated {
        add(&mut found, *span, AboutDays::Own);
    }
    let is_stated = |day: Day| stated.iter().any(|(first, last)| *first <= day && day <= *last);
    for (day, n_rows) in rows.iter().filter(|(day, _)| !is_stated(**day)) {
        let is_usual = series.is_usual(report, (*day, *n_rows), share_min.into());
        add(&mut found, (*day, *day), if is_usual { AboutDays::Own } else { AboutDays::Part });
    }
    found.sort_unstable();
    found
}

/// Adds days, to the last ones where they go on.
fn add(found: &mut Vec<((Day, Day), AboutDays)>, (first, last): (Day, Day), about: AboutDays) {
    match found.last_mut() {
        Some((known, known_about))
            if *known_about == about && known.0 <= first && first.0 <= known.1.0 + 1 =>
        {
            known.1 = known.1.max(last);
        }
        _ => found.push(((first, last), about)),
    }
}

/// The days that the head of a report states, else those in its names. A date in a name of which no row
/// is may be that of the export.
fn stated_days(report: &ReportEntry, rows: &BTreeMap<Day, u64>) -> Vec<(Day, Day)> {
    let in_head = report.about.stated.as_deref().and_then(span_of).filter(|days| is_sane(*days));
    if let Some(span) = in_head {
        return vec![span];
    }
    let has_rows =
        |(first, last): &(Day, Day)| rows.is_empty() || rows.range(*first..=*last).next().is_some();
    let names = report.files.iter().filter_map(|file| dates_of_name(file));
    names.filter(|days| is_sane(*days) && has_rows(days)).collect()
}

/// Whether days may be those of a report.
pub(crate) fn is_sane((first, last): (Day, Day)) -> bool {
    first <= last && last.0 - first.0 <= STATED_DAYS_MAX
}

fn span_of(text: &str) -> Option<(Day, Day)> {
    let (first, last) = text.split_once("..")?;
    let day = |text: &str| Some(Day(text.parse::<chrono::NaiveDate>().ok()?.to_epoch_days()));
    Some((day(first)?, day(last)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHARE: u32 = 2_000;

    fn report(file: &str, days: &[(&str, u64)]) -> ReportEntry {
        let days: BTreeMap<&str, u64> = days.iter().copied().collect();
        serde_json::from_value(serde_json::json!({
            "store": "spotify", "id": blake3::hash(file.as_bytes()).to_hex().to_string(),
            "hash": "a".repeat(64), "feed": "trends", "format": "x", "files": [file], "archived": null,
            "reading": "", "state": "active", "reason": null, "counts": null, "days": days,
            "first_date": null, "last_date": null,
        }))
        .unwrap()
    }

    /// What the first report covers, besides the others.
    fn told(reports: &[ReportEntry]) -> Vec<String> {
        let all: LedgerReports =
            reports.iter().map(|report| (report.id.clone(), report.clone())).collect();
        let covered = covered_days(&reports[0], &RowsOfSeries::new(&all), SHARE);
        covered.iter().map(|((first, last), about)| format!("{first}..{last} {about:?}")).collect()
    }

    #[test]
    fn a_stray_row_covers_nothing() {
        let one =
            report("spotify/streams_2026-09-01.tsv", &[("2026-09-01", 300), ("2027-09-01", 1)]);
        assert_eq!(told(&[one]), ["2026-09-01..2026-09-01 Own", "2027-09-01..2027-09-01 Part"]);
        // Beside the named day: 150 is the middle of 300 and 0, and a fifth of it 30.
        let of =
            |n| report("spotify/streams_2026-09-01.tsv", &[("2026-09-01", 300), ("2026-09-02", n)]);
        assert_eq!(told(&[of(33)]), ["2026-09-01..2026-09-01 Own", "2026-09-02..2026-09-02 Part"]);
        assert_eq!(told(&[of(34)]), ["2026-09-01..2026-09-02 Own"]);
    }

    #[test]
    fn without_a_date_in_the_name_days_are_covered_by_their_rows() {
        let week = |n: u64| {
            report(
                "spotify/streams.tsv",
                &[("2026-09-01", n), ("2026-09-02", n), ("2026-09-04", n)],
            )
        };
        assert_eq!(told(&[week(50)]), ["2026-09-01..2026-09-02 Own", "2026-09-04..2026-09-04 Own"]);
        // Of so few rows nobody knows.
        assert_eq!(
            told(&[week(49)]),
            ["2026-09-01..2026-09-02 Part", "2026-09-04..2026-09-04 Part"]
        );
        // What reports like it have of days within four weeks is what is usual.
        let other = report("spotify/streams_2026-09-30.tsv", &[("2026-09-30", 1_000)]);
        let near = report("spotify/streams.tsv", &[("2026-09-04", 199)]);
        assert_eq!(told(&[near, other.clone()]), ["2026-09-04..2026-09-04 Own"]);
        let both = [
            report("spotify/streams.tsv", &[("2026-09-04", 199)]),
            other,
            report("spotify/streams_2026-09-29.tsv", &[("2026-09-29", 1_000)]),
        ];
        assert_eq!(told(&both), ["2026-09-04..2026-09-04 Part"]);
    }

    #[test]
    fn a_date_in_a_name_counts_where_the_report_has_rows_of_it_or_none_at_all() {
        let exported = report("spotify/export_2026-09-05.tsv", &[("2026-09-01", 60)]);
        assert_eq!(told(&[exported]), ["2026-09-01..2026-09-01 Own"]);
        let empty = report("spotify/streams_2026-09-05.tsv", &[]);
        assert_eq!(told(&[empty]), ["2026-09-05..2026-09-05 Own"]);
        let month = report("spotify/streams_2026-09.tsv", &[("2026-09-03", 1)]);
        assert_eq!(told(&[month]), ["2026-09-01..2026-09-30 Own"]);
        let all_times = report("spotify/a_2000-01-01_2026-09-03.tsv", &[("2026-09-03", 1)]);
        assert_eq!(told(&[all_times]), ["2026-09-03..2026-09-03 Part"]);
        let mut stated = report("spotify/streams_2026-09-05.tsv", &[("2026-09-05", 1)]);
        stated.about.stated = Some("2026-09-04..2026-09-06".to_owned());
        assert_eq!(told(&[stated]), ["2026-09-04..2026-09-06 Own"]);
    }

    proptest! {
        /// A row more never covers a day that was not covered, but its own.
        #[test]
        fn a_row_more_covers_no_other_day(
            days in prop::collection::btree_map(0_u32..60, 1_u64..400, 1..12),
            more in 0_u32..60,
            has_name in any::<bool>(),
        ) {
            let date = |n: u32| {
                let day = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + chrono::Days::new(n.into());
                day.to_string()
            };
            let covered = |days: &BTreeMap<u32, u64>| -> Vec<Day> {
                let first = date(*days.keys().next().unwrap());
                let file = if has_name { format!("spotify/s_{first}.tsv") } else { "spotify/s.tsv".to_owned() };
                let mut one = report(&file, &[]);
                one.days = days.iter().map(|(day, n)| (date(*day), *n)).collect();
                let all = BTreeMap::from([(one.id.clone(), one.clone())]);
                let own = covered_days(&one, &RowsOfSeries::new(&all), SHARE).into_iter();
                let own = own.filter(|(_, about)| *about == AboutDays::Own);
                own.flat_map(|((first, last), _)| (first.0..=last.0).map(Day)).collect()
            };
            let before = covered(&days);
            let mut after = days.clone();
            let is_new = !after.contains_key(&more);
            if is_new && days.keys().next().is_none_or(|first| *first < more) {
                after.insert(more, 1);
                for day in covered(&after) {
                    let own = Day(date(more).parse::<chrono::NaiveDate>().unwrap().to_epoch_days());
                    // A row may make the median less, by which other days are measured; days without rows
                    // are never covered by it.
                    let has_rows = days.keys().any(|n| {
                        date(*n).parse::<chrono::NaiveDate>().unwrap().to_epoch_days() == day.0
                    });
                    prop_assert!(before.contains(&day) || has_rows || day == own);
                }
            }
        }
    }
}
