//! Reads dates and time stamps. Everything is UTC; a stamp without a zone is taken as UTC.
//!
//! Read: `YYYY-MM-DD` and `YYYYMMDD` dates; ISO 8601 stamps in extended and basic form, with `T` or a
//! space, seconds and fraction optional, zone `Z`, `+HH`, `+HHMM` or `+HH:MM`, and the mixed form
//! `YYYYMMDDTHH:MM:SS` that one store writes; seconds or milliseconds since 1970 as plain decimals.

use crate::model::day::{Day, MS_PER_DAY};
use crate::normalize::rejected_row::RejectCode;
use crate::normalize::values::cells::{decimal_to_thousandths, trimmed};

/// From this number on, a stamp is in milliseconds: 10^11 s lie in the year 5138, 10^11 ms in 1973.
const EPOCH_MS_MIN: u64 = 100_000_000_000;

/// A date, `YYYY-MM-DD` or `YYYYMMDD`; `None` where the cell is empty.
///
/// # Errors
/// [`RejectCode::BadDate`] for anything else, also for a day that the calendar does not have.
pub fn date(cell: &[u8]) -> Result<Option<Day>, RejectCode> {
    let cell = trimmed(cell);
    if cell.is_empty() {
        return Ok(None);
    }
    match leading_date(cell) {
        Some((day, [])) => Ok(Some(day)),
        _ => Err(RejectCode::BadDate),
    }
}

/// An ISO 8601 stamp in milliseconds since 1970, cut; `None` where the cell is empty.
///
/// # Errors
/// [`RejectCode::BadTime`] for anything else.
pub fn stamp(cell: &[u8]) -> Result<Option<i64>, RejectCode> {
    let cell = trimmed(cell);
    if cell.is_empty() { Ok(None) } else { iso(cell).ok_or(RejectCode::BadTime).map(Some) }
}

/// An ISO 8601 stamp, or seconds or (above 10^11) milliseconds since 1970, as milliseconds, cut;
/// `None` where the cell is empty or 0.
///
/// # Errors
/// [`RejectCode::BadTime`] for anything else.
pub fn stamp_or_epoch(cell: &[u8]) -> Result<Option<i64>, RejectCode> {
    let cell = trimmed(cell);
    if cell.is_empty() {
        return Ok(None);
    }
    let ms = match decimal_to_thousandths(cell) {
        None => return iso(cell).ok_or(RejectCode::BadTime).map(Some),
        Some(0) => return Ok(None),
        Some(thousandths) if EPOCH_MS_MIN < thousandths / 1000 => thousandths / 1000,
        Some(thousandths) => thousandths,
    };
    // The year 9999 ends a calendar of four digits.
    i64::try_from(ms).ok().filter(|ms| *ms < EPOCH_MS_END).map(Some).ok_or(RejectCode::BadTime)
}

/// 2006-01-01: no store streamed before, so an earlier moment is a device's clock that was never set.
const STREAMED_FROM_MS: i64 = 1_136_073_600_000;

/// Whether a play that is counted on a day can have been heard at this moment: not before stores streamed,
/// and not later than the day after, which leaves room for time zones.
#[must_use]
pub fn can_be_heard_at(ms: i64, counted: Day) -> bool {
    STREAMED_FROM_MS <= ms && ms < Day(counted.0 + 2).start_ms()
}

/// 0001-01-01.
const EPOCH_MS_START: i64 = -62_135_596_800_000;
/// 10000-01-01.
const EPOCH_MS_END: i64 = 253_402_300_800_000;

fn iso(cell: &[u8]) -> Option<i64> {
    let (day, rest) = leading_date(cell)?;
    let (b'T' | b't' | b' ', rest) = rest.split_first()? else {
        return None;
    };
    let (hour, rest) = two_digits(rest, 24)?;
    let extended = rest.first() == Some(&b':');
    let (minute, rest) = two_digits(rest.strip_prefix(b":").unwrap_or(rest), 60)?;
    let seconds_follow = if extended {
        rest.first() == Some(&b':')
    } else {
        rest.first().is_some_and(u8::is_ascii_digit)
    };
    let (second, rest) = if seconds_follow {
        two_digits(rest.strip_prefix(b":").unwrap_or(rest), 60)?
    } else {
        (0, rest)
    };
    let (fraction_ms, rest) = match rest.strip_prefix(b".") {
        Some(fraction) if seconds_follow => fraction_to_ms(fraction)?,
        _ => (0, rest),
    };
    let offset_minutes = zone(rest)?;
    let seconds =
        (i64::from(hour) * 60 + i64::from(minute) - offset_minutes) * 60 + i64::from(second);
    let ms = i64::from(day.0) * MS_PER_DAY + seconds * 1000 + fraction_ms;
    // A zone can lead out of the calendar of four digits.
    (EPOCH_MS_START..EPOCH_MS_END).contains(&ms).then_some(ms)
}

/// Minutes east of UTC; nothing is UTC.
fn zone(cell: &[u8]) -> Option<i64> {
    let (sign, rest) = match cell {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = two_digits(rest, 24)?;
    let (minutes, rest) = match rest {
        [] => (0, rest),
        _ => two_digits(rest.strip_prefix(b":").unwrap_or(rest), 60)?,
    };
    rest.is_empty().then_some(sign * (i64::from(hours) * 60 + i64::from(minutes)))
}

fn fraction_to_ms(cell: &[u8]) -> Option<(i64, &[u8])> {
    let length = cell.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = cell.split_at(length);
    let ms =
        digits.iter().chain(b"000").take(3).fold(0, |ms, byte| ms * 10 + i64::from(byte - b'0'));
    (length != 0).then_some((ms, rest))
}

fn leading_date(cell: &[u8]) -> Option<(Day, &[u8])> {
    let (year, rest) = digits(cell, 4)?;
    let extended = rest.first() == Some(&b'-');
    let dash = |rest: &'_ [u8]| -> Option<usize> {
        Some(usize::from(extended)).filter(|_| !extended || rest.first() == Some(&b'-'))
    };
    let (month, rest) = digits(rest.get(dash(rest)?..)?, 2)?;
    let (day, rest) = digits(rest.get(dash(rest)?..)?, 2)?;
    Some((civil(year, month, day)?, rest))
}

/// Days since 1970 of a calendar date, or `None` if the calendar does not have it.
///
/// Counts from 1 March of year 0, so that a leap day is the last of its year and the lengths of the
/// months follow one formula; an era is the 400 years after which the calendar repeats.
fn civil(year: u32, month: u32, day: u32) -> Option<Day> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year == 0 || day == 0 || length < day {
        return None;
    }
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    // 719,468 days from 0000-03-01 to 1970-01-01.
    i32::try_from(i64::from(era) * 146_097 + i64::from(day_of_era) - 719_468).ok().map(Day)
}

fn two_digits(cell: &[u8], end: u32) -> Option<(u32, &[u8])> {
    digits(cell, 2).filter(|(number, _)| *number < end)
}

#[inline]
fn digits(cell: &[u8], length: usize) -> Option<(u32, &[u8])> {
    let (digits, rest) = cell.split_at_checked(length)?;
    let number = digits.iter().try_fold(0_u32, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'))
    })?;
    Some((number, rest))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};
    use proptest::prelude::*;

    use super::*;

    fn ms(rfc3339: &str) -> i64 {
        DateTime::parse_from_rfc3339(rfc3339).unwrap().timestamp_millis()
    }

    #[test]
    fn dates_have_two_forms() {
        let day = Day::from_calendar(2026, 9, 1);
        for cell in ["2026-09-01", "20260901", " 2026-09-01 "] {
            assert_eq!(date(cell.as_bytes()), Ok(day), "{cell}");
        }
        assert_eq!(date(b""), Ok(None));
        for cell in [
            "2026-9-1",
            "2026-0901",
            "202609-01",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "0000-01-01",
            "01.09.2026",
            "2026-09-01T00:00",
            "26-09-01",
            "2026-09-0x",
        ] {
            assert_eq!(date(cell.as_bytes()), Err(RejectCode::BadDate), "{cell}");
        }
    }

    #[test]
    fn stamps_have_many_forms() {
        for (cell, rfc3339) in [
            ("20160510T12:15:00", "2016-05-10T12:15:00Z"),
            ("2016-05-10T12:15:00", "2016-05-10T12:15:00Z"),
            ("2016-05-10 12:15:00Z", "2016-05-10T12:15:00Z"),
            ("20160510T121500Z", "2016-05-10T12:15:00Z"),
            ("2016-05-10T12:15", "2016-05-10T12:15:00Z"),
            ("2016-05-10T12:15:59.9999", "2016-05-10T12:15:59.999Z"),
            ("2016-05-10T12:15:00.5+02:00", "2016-05-10T10:15:00.500Z"),
            ("2016-05-10T12:15:00-0330", "2016-05-10T15:45:00Z"),
            ("2016-05-10T00:15:00+01", "2016-05-09T23:15:00Z"),
        ] {
            assert_eq!(stamp(cell.as_bytes()), Ok(Some(ms(rfc3339))), "{cell}");
        }
        for cell in [
            "2016-05-10",
            "2016-05-10T24:00:00",
            "2016-05-10T12:60:00",
            "2016-05-10T12:15:60",
            "2016-05-10T12:15:00.",
            "2016-05-10T12:15:00 UTC",
            "2016-05-10T12:15:00+1",
            "2016-05-10T12",
            "2016-05-10X12:15:00",
            "1473465600",
            "noon",
        ] {
            assert_eq!(stamp(cell.as_bytes()), Err(RejectCode::BadTime), "{cell}");
        }
    }

    #[test]
    fn numbers_are_seconds_or_milliseconds_by_their_size() {
        let expected = ms("2026-08-28T17:03:22Z");
        for cell in [
            format!("{}", expected / 1000),
            format!("{expected}"),
            format!("{expected}.7"),
            "2026-08-28T17:03:22Z".to_owned(),
        ] {
            assert_eq!(stamp_or_epoch(cell.as_bytes()), Ok(Some(expected)), "{cell}");
        }
        assert_eq!(stamp_or_epoch(b"1787936602.1239"), Ok(Some(1_787_936_602_123)));
        assert_eq!(stamp_or_epoch(b"100000000000"), Ok(Some(100_000_000_000_000)));
        assert_eq!(stamp_or_epoch(b"100000000001"), Ok(Some(100_000_000_001)));
        for cell in ["", " ", "0", "0.0", "000"] {
            assert_eq!(stamp_or_epoch(cell.as_bytes()), Ok(None), "{cell}");
        }
        for cell in ["-5", "1e9", "99999999999999999999999"] {
            assert_eq!(stamp_or_epoch(cell.as_bytes()), Err(RejectCode::BadTime), "{cell}");
        }
    }

    proptest! {
        #[test]
        fn every_date_is_the_calendars(days in -719_000_i32..2_900_000) {
            let text = NaiveDate::from_epoch_days(days).unwrap().format("%Y-%m-%d").to_string();
            prop_assert_eq!(date(text.as_bytes()), Ok(Some(Day(days))));
            prop_assert_eq!(date(text.replace('-', "").as_bytes()), Ok(Some(Day(days))));
        }

        #[test]
        fn every_second_reads_back(seconds in 0_i64..4_000_000_000) {
            let moment = DateTime::from_timestamp(seconds, 0).unwrap();
            for form in ["%Y%m%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"] {
                let cell = moment.format(form).to_string();
                prop_assert_eq!(stamp(cell.as_bytes()), Ok(Some(seconds * 1000)));
            }
        }
    }
}
