//! Days and times: whole days since 1970-01-01 and milliseconds since its midnight, always UTC.
//!
//! Days are plain numbers on the play path (a comparison, a subtraction); `chrono` does the
//! calendar where a day is read or shown.

use chrono::{Datelike as _, NaiveDate};

use crate::numbers::exact;

/// Milliseconds of a day. There are no leap seconds in UTC stamps of stores.
pub const MS_PER_DAY: i64 = 86_400_000;

/// A text is no date or no month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date as YYYY-MM-DD, or a month as YYYY-MM")]
pub struct NotInCalendar;

/// A day, in days since 1970-01-01 (UTC). As text: `YYYY-MM-DD`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Day(pub i32);

impl Day {
    /// The day of a calendar date; `None` outside of what a date can say.
    #[must_use]
    pub fn from_calendar(year: i32, month: u32, day: u32) -> Option<Self> {
        NaiveDate::from_ymd_opt(year, month, day).map(|date| Self(date.to_epoch_days()))
    }

    /// The day on which a moment lies (floor, also before 1970).
    #[must_use]
    pub fn of_ms(ms: i64) -> Self {
        Self(exact::<i32>(ms.div_euclid(MS_PER_DAY)))
    }

    /// Its first moment, milliseconds since 1970.
    #[must_use]
    pub fn start_ms(self) -> i64 {
        i64::from(self.0) * MS_PER_DAY
    }

    /// The day so many days later.
    ///
    /// # Panics
    /// Beyond five million years; settings allow a hundred.
    #[must_use]
    pub fn after(self, n_days: u32) -> Self {
        Self(exact(i64::from(self.0) + i64::from(n_days)))
    }

    /// The calendar date. Days are only made from dates and from stamps in years of four digits.
    #[must_use]
    pub fn date(self) -> NaiveDate {
        NaiveDate::from_epoch_days(self.0).unwrap_or_default()
    }

    /// The month this day lies in.
    #[must_use]
    pub fn month(self) -> Month {
        let date = self.date();
        Month { year: exact::<i16>(date.year()), month: exact::<u8>(date.month()) }
    }
}

impl std::fmt::Display for Day {
    /// `YYYY-MM-DD`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.date().format("%Y-%m-%d").fmt(formatter)
    }
}

impl std::str::FromStr for Day {
    type Err = NotInCalendar;

    fn from_str(text: &str) -> Result<Self, NotInCalendar> {
        let date: NaiveDate = text.parse().map_err(|_| NotInCalendar)?;
        let day = Self(date.to_epoch_days());
        // Other texts of the same day are none: a path has one form.
        (day.to_string() == text).then_some(day).ok_or(NotInCalendar)
    }
}

/// A calendar month. As text: `YYYY-MM`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Month {
    /// The year, four digits.
    pub year: i16,
    /// 1 to 12.
    pub month: u8,
}

impl std::fmt::Display for Month {
    /// `YYYY-MM`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:04}-{:02}", self.year, self.month)
    }
}

impl std::str::FromStr for Month {
    type Err = NotInCalendar;

    fn from_str(text: &str) -> Result<Self, NotInCalendar> {
        format!("{text}-01").parse().map(Day::month)
    }
}

/// In JSON both are their texts.
macro_rules! as_text {
    ($($period:ty),*) => {$(
        impl TryFrom<String> for $period {
            type Error = NotInCalendar;

            fn try_from(text: String) -> Result<Self, NotInCalendar> {
                text.parse()
            }
        }

        impl From<$period> for String {
            fn from(period: $period) -> Self {
                period.to_string()
            }
        }
    )*};
}

as_text!(Day, Month);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_read_as_the_calendar() {
        let day = Day::from_calendar(2024, 2, 29).unwrap();
        assert_eq!(
            (day.to_string(), day.month().to_string()),
            ("2024-02-29".into(), "2024-02".into())
        );
        assert_eq!(Day::from_calendar(2023, 2, 29), None);
        assert_eq!(Day::of_ms(-1).to_string(), "1969-12-31");
        assert_eq!(Day::of_ms(MS_PER_DAY - 1), Day(0));
    }
}
