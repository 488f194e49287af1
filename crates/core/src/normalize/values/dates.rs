//! Dates as stores write them in statements: days, months and ranges, by the styles that the format
//! names. A month or a range names its first and its last day.

use crate::ingest::table::format::DateStyle;
use crate::model::day::{Day, Month};

/// From a day to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateSpan {
    /// The first day.
    pub first: Day,
    /// The last day.
    pub last: Day,
}

impl DateSpan {
    fn day(day: Day) -> Self {
        Self { first: day, last: day }
    }

    fn month(year: i32, month: u32) -> Option<Self> {
        let first = Day::from_calendar(year, month, 1)?;
        let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        Some(Self { first, last: Day(Day::from_calendar(next_year, next, 1)?.0 - 1) })
    }

    /// The month in which it begins.
    #[must_use]
    pub fn first_month(self) -> Month {
        self.first.month()
    }
}

/// Reads a date by the first style that fits; `None` if none does.
#[must_use]
pub fn read_date(cell: &str, styles: &[DateStyle]) -> Option<DateSpan> {
    styles.iter().find_map(|style| read_style(cell, *style))
}

fn read_style(cell: &str, style: DateStyle) -> Option<DateSpan> {
    match style {
        DateStyle::Iso => {
            let digits = cell.as_bytes();
            let day = match digits {
                [_, _, _, _, b'-', _, _, b'-', _, _, rest @ ..] if is_time(rest) => {
                    calendar(&cell[..4], &cell[5..7], &cell[8..10])
                }
                digits if digits.len() == 8 && digits.iter().all(u8::is_ascii_digit) => {
                    calendar(&cell[..4], &cell[4..6], &cell[6..])
                }
                _ => None,
            };
            day.map(DateSpan::day)
        }
        DateStyle::YearSlash => {
            let [year, month, day] = parts(cell, &['/'])?;
            (year.len() == 4).then(|| calendar(year, month, day)).flatten().map(DateSpan::day)
        }
        DateStyle::DayFirst => {
            let [day, month, year] = parts(before_time(cell), &['/', '-', '.'])?;
            calendar(year, month, day).map(DateSpan::day)
        }
        DateStyle::MonthFirst => {
            let [month, day, year] = parts(before_time(cell), &['/', '-'])?;
            calendar(year, month, day).map(DateSpan::day)
        }
        DateStyle::YearMonth => {
            let (year, month) = match cell.split_once(['-', '/', 'M', 'm']) {
                Some(parts) => parts,
                None if cell.len() == 6 && cell.is_ascii() => cell.split_at(4),
                None => return None,
            };
            (year.len() == 4)
                .then(|| DateSpan::month(number(year)?, number(month)?.try_into().ok()?))
                .flatten()
        }
        DateStyle::DayOfMonth => {
            let day = read_date(cell, &[DateStyle::Iso, DateStyle::YearSlash])?;
            let Month { year, month } = day.first.month();
            DateSpan::month(year.into(), month.into())
        }
        DateStyle::MonthYear => {
            let (month, year) = cell.split_once(['-', '/'])?;
            (year.len() == 4)
                .then(|| DateSpan::month(number(year)?, number(month)?.try_into().ok()?))
                .flatten()
        }
        DateStyle::Range => {
            let (from, to) = cell.split_once(" - ")?;
            let from = read_style(from.trim(), DateStyle::Iso)?;
            let to = read_style(to.trim(), DateStyle::Iso)?;
            (from.first <= to.first).then_some(DateSpan { first: from.first, last: to.first })
        }
    }
}

/// Nothing, or a time behind a date.
fn is_time(rest: &[u8]) -> bool {
    matches!(rest, [] | [b'T' | b' ', b'0'..=b'9', ..])
}

/// The date of a date with a time behind it.
fn before_time(cell: &str) -> &str {
    cell.split_once(' ').map_or(cell, |(date, _)| date)
}

fn parts<'a>(cell: &'a str, separators: &[char]) -> Option<[&'a str; 3]> {
    let mut parts = cell.split(separators);
    let three = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(three)
}

fn number(text: &str) -> Option<i32> {
    let is_plain = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

/// A year of two digits is one of this century: no store reports an earlier one.
fn calendar(year: &str, month: &str, day: &str) -> Option<Day> {
    let full = match year.len() {
        4 => number(year)?,
        2 => 2000 + number(year)?,
        _ => return None,
    };
    let (month, day) = (number(month)?, number(day)?);
    Day::from_calendar(full, month.try_into().ok()?, day.try_into().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cell: &str, styles: &[DateStyle]) -> Option<String> {
        read_date(cell, styles).map(|span| format!("{} {}", span.first, span.last))
    }

    #[test]
    fn a_day_is_read_by_the_style_that_the_format_names() {
        use DateStyle::{DayFirst, Iso, MonthFirst, YearSlash};
        let expected = Some("2026-02-03 2026-02-03".to_owned());
        for (cell, style) in [
            ("2026-02-03", Iso),
            ("20260203", Iso),
            ("2026-02-03T11:00:00Z", Iso),
            ("2026-02-03 11:00", Iso),
            ("2026/02/03", YearSlash),
            ("03/02/2026", DayFirst),
            ("03-02-2026", DayFirst),
            ("02/03/2026", MonthFirst),
            ("02/03/26", MonthFirst),
            ("2/3/2026 12:00:00 AM", MonthFirst),
        ] {
            assert_eq!(read(cell, &[style]), expected, "{cell}");
        }
    }

    #[test]
    fn a_month_names_its_first_and_its_last_day() {
        use DateStyle::{MonthYear, Range, YearMonth};
        assert_eq!(read("2024-02", &[YearMonth]).as_deref(), Some("2024-02-01 2024-02-29"));
        assert_eq!(read("202412", &[YearMonth]).as_deref(), Some("2024-12-01 2024-12-31"));
        assert_eq!(read("2017M10", &[YearMonth]).as_deref(), Some("2017-10-01 2017-10-31"));
        assert_eq!(read("2-2023", &[MonthYear]).as_deref(), Some("2023-02-01 2023-02-28"));
        assert_eq!(read("20230101 - 20230131", &[Range]).as_deref(), Some("2023-01-01 2023-01-31"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        use DateStyle::{DayFirst, Iso, MonthFirst, MonthYear, Range, YearMonth, YearSlash};
        let all = [Iso, YearSlash, DayFirst, MonthFirst, YearMonth, MonthYear, Range];
        for cell in [
            "",
            "x",
            "2026-02-30",
            "2026-13",
            "2026-00",
            "13-32-2026",
            "2026-02-03x",
            "é026-02-03",
            "20260x",
            "2026/02/03/04",
            "20230131 - 20230101",
        ] {
            assert_eq!(read(cell, &all), None, "{cell}");
        }
    }
}
