//! Period: the days that a report is for, such as a day, a calendar month, or the fiscal month of a store.

use chrono::{Datelike as _, Months, NaiveDate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::day::{Day, Month};
use crate::numbers::exact;

/// How long the periods of a feed are.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PeriodLength {
    /// A report a day.
    Day,
    /// A report a week, from Monday on.
    Week,
    /// A report a calendar month.
    Month,
    /// A report for three calendar months; the first quarter begins with January.
    Quarter,
    /// A report for a fiscal month as Apple has them: 5, 4 and 4 weeks from Sunday on, in a fiscal year that
    /// ends with the last Saturday of September. A year of 53 weeks has 5 weeks in its third month.
    FiscalMonth,
}

impl PeriodLength {
    /// The period of this length that holds a day.
    #[must_use]
    pub fn holding(self, day: Day) -> Period {
        let span = |(first, last)| Period::Span(PeriodSpan { first, last, length: self });
        match self {
            Self::Day => Period::Day(day),
            Self::Month => Period::Month(day.month()),
            Self::Week => {
                let first = Day(day.0 - (day.0 - MONDAY).rem_euclid(7));
                span((first, Day(first.0 + 6)))
            }
            Self::Quarter => {
                let month = day.month();
                let begin = month_before(month, u32::from((month.month - 1) % 3));
                span((month_start(begin), Period::Month(month_after(begin, 2)).last()))
            }
            Self::FiscalMonth => span(fiscal_month(day)),
        }
    }
}

/// A Monday, in days since 1970.
const MONDAY: i32 = 4;

/// Weeks of the fiscal months of a year of 52 weeks.
const FISCAL_WEEKS: [i32; 12] = [5, 4, 4, 5, 4, 4, 5, 4, 4, 5, 4, 4];

/// First and last day of the fiscal month that holds a day.
fn fiscal_month(day: Day) -> (Day, Day) {
    let year = i32::from(day.month().year);
    // A fiscal year begins in September or October of the year before.
    let (mut first, mut end) = (fiscal_year(year), fiscal_year(year + 1));
    if end <= day {
        (first, end) = (end, fiscal_year(year + 2));
    }
    let is_long = end.0 - first.0 == 53 * 7;
    for (place, weeks) in FISCAL_WEEKS.into_iter().enumerate() {
        let weeks = weeks + i32::from(is_long && place == 2);
        let next = Day(first.0 + 7 * weeks);
        if day < next {
            return (first, Day(next.0 - 1));
        }
        first = next;
    }
    (first, Day(end.0 - 1))
}

/// First day of a fiscal year: the day after the last Saturday of September of the year before.
fn fiscal_year(year: i32) -> Day {
    let end = Day::from_calendar(year - 1, 9, 30).unwrap_or(Day(i32::MIN / 2));
    let saturday = MONDAY + 5;
    Day(end.0 - (end.0 - saturday).rem_euclid(7) + 1)
}

/// A day, a month, or other days. Orders by its kind, then by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// A day.
    Day(Day),
    /// A calendar month.
    Month(Month),
    /// Days that are neither.
    Span(PeriodSpan),
}

/// A week, a quarter or a fiscal month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeriodSpan {
    first: Day,
    last: Day,
    length: PeriodLength,
}

impl Period {
    /// How long it is.
    #[must_use]
    pub fn length(self) -> PeriodLength {
        match self {
            Self::Day(_) => PeriodLength::Day,
            Self::Month(_) => PeriodLength::Month,
            Self::Span(span) => span.length,
        }
    }

    /// Its first day.
    #[must_use]
    pub fn first(self) -> Day {
        match self {
            Self::Day(day) => day,
            Self::Month(month) => month_start(month),
            Self::Span(span) => span.first,
        }
    }

    /// Its last day.
    #[must_use]
    pub fn last(self) -> Day {
        match self {
            Self::Day(day) => day,
            Self::Month(_) => Day(self.next().first().0 - 1),
            Self::Span(span) => span.last,
        }
    }

    /// The period after it.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Day(day) => Self::Day(Day(day.0 + 1)),
            Self::Month(month) => Self::Month(month_after(month, 1)),
            Self::Span(span) => span.length.holding(Day(span.last.0 + 1)),
        }
    }

    /// The month that it is, or in which most of its days lie.
    #[must_use]
    pub fn month(self) -> Month {
        match self {
            Self::Day(day) => day.month(),
            Self::Month(month) => month,
            Self::Span(span) => Day(span.first.0 + (span.last.0 - span.first.0) / 2).month(),
        }
    }
}

impl std::fmt::Display for Period {
    /// `YYYY-MM-DD`, `YYYY-MM`, or first and last day with `..` between them.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Day(day) => day.fmt(formatter),
            Self::Month(month) => month.fmt(formatter),
            Self::Span(span) => write!(formatter, "{}..{}", span.first, span.last),
        }
    }
}

impl std::str::FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let day = |text: &str| {
            let date = text.parse::<NaiveDate>().ok()?;
            (date.to_string() == text).then(|| Day(date.to_epoch_days()))
        };
        let month = || day(&format!("{text}-01")).map(|day| Self::Month(day.month()));
        day(text)
            .map(Self::Day)
            .or_else(month)
            .ok_or_else(|| format!("expected a day such as 2026-09-01 or a month, found `{text}`"))
    }
}

/// The months that days lie in, each with those of its days.
#[must_use]
pub fn months_within((first, last): (Day, Day)) -> Vec<(Month, (Day, Day))> {
    let mut months = Vec::new();
    let mut month = Period::Month(first.month());
    while month.first() <= last {
        months.push((month.month(), (first.max(month.first()), last.min(month.last()))));
        month = month.next();
    }
    months
}

/// The month so many months after another one.
#[must_use]
pub fn month_after(month: Month, n_months: u32) -> Month {
    let months = i32::from(month.year) * 12 + i32::from(month.month) - 1 + n_months.cast_signed();
    month_of_number(months)
}

/// The month so many months before another one.
#[must_use]
pub fn month_before(month: Month, n_months: u32) -> Month {
    let months = i32::from(month.year) * 12 + i32::from(month.month) - 1 - n_months.cast_signed();
    month_of_number(months)
}

fn month_of_number(months: i32) -> Month {
    Month {
        year: exact::<i16>(months.div_euclid(12)),
        month: exact::<u8>(months.rem_euclid(12)) + 1,
    }
}

fn month_start(month: Month) -> Day {
    Day::from_calendar(i32::from(month.year), u32::from(month.month), 1).unwrap_or(Day(i32::MAX))
}

/// The day so many calendar months after another one: the same day of the month, or its last where
/// there is none (31 August and a month: 30 September).
#[must_use]
pub fn months_after(day: Day, n_months: u32) -> Day {
    let date = day.date();
    let is_last = (date + chrono::Days::new(1)).day() == 1;
    let Some(moved) = date.checked_add_months(Months::new(n_months)) else {
        return Day(i32::MAX);
    };
    // The end of a month stays the end of one: 30 September and a month is 31 October.
    if is_last {
        return Period::Month(Day(moved.to_epoch_days()).month()).last();
    }
    Day(moved.to_epoch_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day(text.parse::<NaiveDate>().unwrap().to_epoch_days())
    }

    #[test]
    fn a_month_has_its_first_and_last_day_in_leap_years_too() {
        let february: Period = "2028-02".parse().unwrap();
        assert_eq!((february.first(), february.last()), (day("2028-02-01"), day("2028-02-29")));
        assert_eq!(february.next().to_string(), "2028-03");
        let december: Period = "2026-12".parse().unwrap();
        assert_eq!(december.next().to_string(), "2027-01");
        let leap: Period = "2028-02-29".parse().unwrap();
        assert_eq!(
            (leap.next().to_string(), leap.month().to_string()),
            ("2028-03-01".into(), "2028-02".into())
        );
    }

    #[test]
    fn fiscal_months_are_those_of_apple() {
        let of = |text: &str| PeriodLength::FiscalMonth.holding(day(text)).to_string();
        // As the heads of its reports have them.
        assert_eq!(of("2017-10-31"), "2017-10-01..2017-11-04");
        assert_eq!(of("2026-07-01"), "2026-06-28..2026-08-01");
        assert_eq!(of("2026-08-02"), "2026-08-02..2026-08-29");
        assert_eq!(of("2026-09-26"), "2026-08-30..2026-09-26");
        assert_eq!(of("2026-09-27"), "2026-09-27..2026-10-31");
        // The fiscal year that ended on 30 September 2023 had 53 weeks.
        assert_eq!(of("2022-12-31"), "2022-11-27..2022-12-31");
        assert_eq!(of("2023-01-01"), "2023-01-01..2023-02-04");
        let mut period = PeriodLength::FiscalMonth.holding(day("2000-01-01"));
        for _ in 0..1_200 {
            let days = period.last().0 - period.first().0 + 1;
            assert!(days == 28 || days == 35, "{period}");
            assert_eq!(period.next().first().0, period.last().0 + 1);
            assert_eq!(period.length().holding(period.last()), period);
            assert_eq!(period.length().holding(period.first()), period);
            period = period.next();
        }
        assert!(period.first() < day("2101-01-01"));
    }

    #[test]
    fn weeks_begin_with_monday_and_quarters_with_january() {
        let week = PeriodLength::Week.holding(day("2026-11-29"));
        assert_eq!(week.to_string(), "2026-11-23..2026-11-29");
        assert_eq!(week.next().to_string(), "2026-11-30..2026-12-06");
        assert_eq!(PeriodLength::Week.holding(day("1969-12-31")).first(), day("1969-12-29"));
        let quarter = PeriodLength::Quarter.holding(day("2027-11-30"));
        assert_eq!(quarter.to_string(), "2027-10-01..2027-12-31");
        assert_eq!(quarter.next().to_string(), "2028-01-01..2028-03-31");
        assert_eq!(quarter.month().to_string(), "2027-11");
    }

    #[test]
    fn months_within_days_have_their_days() {
        let of = |from: &str, to: &str| -> Vec<String> {
            let months = months_within((day(from), day(to))).into_iter();
            months.map(|(month, (first, last))| format!("{month} {first} {last}")).collect()
        };
        assert_eq!(
            of("2026-09-27", "2026-10-31"),
            ["2026-09 2026-09-27 2026-09-30", "2026-10 2026-10-01 2026-10-31"]
        );
        assert_eq!(of("2026-09-27", "2026-09-27"), ["2026-09 2026-09-27 2026-09-27"]);
        assert_eq!(of("2026-12-31", "2027-02-01").len(), 3);
    }

    #[test]
    fn what_is_no_period_is_none() {
        for text in ["2026", "2026-13", "2026-02-30", "2026-2", "202602", ""] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn months_are_counted_over_years() {
        let month = Month { year: 2026, month: 11 };
        assert_eq!(month_after(month, 2).to_string(), "2027-01");
        assert_eq!(month_before(month, 11).to_string(), "2025-12");
        assert_eq!(month_before(month, 0), month);
    }

    #[test]
    fn the_end_of_a_month_and_some_months_is_the_end_of_a_month() {
        assert_eq!(months_after(day("2026-09-30"), 1), day("2026-10-31"));
        assert_eq!(months_after(day("2026-10-31"), 4), day("2027-02-28"));
        assert_eq!(months_after(day("2026-10-15"), 4), day("2027-02-15"));
    }
}
