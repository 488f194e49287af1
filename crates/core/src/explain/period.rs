//! Period: the day or the month that a report is for.

use chrono::{Datelike as _, Months, NaiveDate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::numbers::exact;
use crate::vocabulary::day::{Day, Month};

/// How long the periods of a feed are.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PeriodLength {
    /// A report a day.
    Day,
    /// A report a month.
    Month,
}

impl PeriodLength {
    /// The period of this length that holds a day.
    #[must_use]
    pub fn holding(self, day: Day) -> Period {
        match self {
            Self::Day => Period::Day(day),
            Self::Month => Period::Month(day.month()),
        }
    }
}

/// A day or a month. Orders by its kind, then by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// A day.
    Day(Day),
    /// A calendar month.
    Month(Month),
}

impl Period {
    /// Its first day.
    #[must_use]
    pub fn first(self) -> Day {
        match self {
            Self::Day(day) => day,
            Self::Month(month) => month_start(month),
        }
    }

    /// Its last day.
    #[must_use]
    pub fn last(self) -> Day {
        match self {
            Self::Day(day) => day,
            Self::Month(_) => Day(self.next().first().0 - 1),
        }
    }

    /// The period after it.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Day(day) => Self::Day(Day(day.0 + 1)),
            Self::Month(month) => Self::Month(month_after(month, 1)),
        }
    }

    /// The month that it is, or lies in.
    #[must_use]
    pub fn month(self) -> Month {
        match self {
            Self::Day(day) => day.month(),
            Self::Month(month) => month,
        }
    }
}

impl std::fmt::Display for Period {
    /// `YYYY-MM-DD` or `YYYY-MM`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Day(day) => day.fmt(formatter),
            Self::Month(month) => month.fmt(formatter),
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
