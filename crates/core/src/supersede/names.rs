//! What the name of a report tells: which series it is of, what it is about, and whether it is marked as
//! a newer version.
//!
//! Digits in a name are a date only where the report itself speaks of that date or month, or of the
//! months after it. Any other digits, such as an account's number, tell one series from another.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::explain::period::{Period, PeriodLength, month_after};
use crate::model::day::Day;

/// So many months after the days of a report its name may still speak of: statements are named for the
/// month in which they are made.
const MONTHS_AFTER: u32 = 3;

/// A run of digits outside of dates and marks that is at least so long is an account's number, or
/// something like it.
const ACCOUNT_DIGITS: usize = 5;

/// Endings that say how a file is packed or laid out, not what it is.
const ENDINGS: [&str; 12] =
    ["tsv", "csv", "txt", "tab", "json", "ndjson", "jsonl", "gz", "gzip", "zst", "zstd", "zip"];

/// Words by which people mark a newer report about the same.
const NEWER_WORDS: [&str; 18] = [
    "v",
    "ver",
    "version",
    "rev",
    "revision",
    "final",
    "corrected",
    "correction",
    "restated",
    "restatement",
    "resend",
    "resent",
    "redelivery",
    "redelivered",
    "updated",
    "update",
    "new",
    "copy",
];

/// A run of letters or digits in a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum NamePart {
    /// A number without its leading zeros, by its length, then its digits.
    Number(usize, String),
    /// Letters, lower-case.
    Word(String),
}

/// The days of which a report speaks, by which dates in its name are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownDays {
    /// First and last days of its rows, its head, the periods that it settles, and when it was made.
    pub spans: Vec<(Day, Day)>,
}

impl KnownDays {
    /// Whether a report speaks of one of these days, or of the months after its own. A report that
    /// says nothing of days may be about any.
    #[must_use]
    pub fn speak_of(&self, (first, last): (Day, Day)) -> bool {
        let holds = |(from, to): &(Day, Day)| {
            let until = Period::Month(month_after(to.month(), MONTHS_AFTER)).last();
            *from <= last && first <= until
        };
        self.spans.is_empty() || self.spans.iter().any(holds)
    }
}

/// What is the same in the names of all reports of a series: the words of the path below the store,
/// without dates, times, versions, and words that mark a newer report. A number after `part` stays.
#[must_use]
pub fn series(file: &str, known: &KnownDays) -> String {
    let path = below_store(file);
    let mut texts = texts(&path);
    while texts.last().is_some_and(|text| ENDINGS.contains(&text.text)) {
        texts.pop();
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut place = 0;
    while let Some(text) = texts.get(place) {
        if let Some(date) = date_at(&texts[place..]).filter(|date| known.speak_of(date.days)) {
            place += date.n_texts + usize::from(date.has_time);
            continue;
        }
        if !is_mark(&texts, place) {
            kept.push(text.text);
        }
        place += 1;
    }
    kept.join("-")
}

/// What one name says of its report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionName {
    /// The whole path.
    pub path: String,
    /// The words, numbers and dates of its own name and the words of its folders, without what marks a
    /// version. Dates are written one way.
    pub subject: String,
    /// What marks a newer version, those of its own name first; empty for none.
    pub marks: Vec<NamePart>,
    /// Those of them that a store or a person writes for a newer version. `copy` and `(1)` come from
    /// programs that met two files of one name.
    pub versions: Vec<NamePart>,
    /// First day of the only date in its folders; `None` for none or several.
    pub delivered: Option<Day>,
    /// Whether a date stands in its own name.
    pub has_date: bool,
    /// Long numbers that are no dates: of accounts, as far as a name can tell.
    pub accounts: BTreeSet<String>,
}

impl VersionName {
    /// Reads a path in the inbox.
    #[must_use]
    pub fn of(file: &str, known: &KnownDays) -> Self {
        let path = below_store(file);
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let mut facts = Self {
            path: file.to_owned(),
            subject: String::new(),
            marks: Vec::new(),
            versions: Vec::new(),
            delivered: None,
            has_date: false,
            accounts: BTreeSet::new(),
        };
        let mut words = Vec::new();
        let dates = facts.read(name, known, &mut words);
        facts.has_date = !dates.is_empty();
        words.extend(dates.iter().map(|(first, last)| format!("@{first}..{last}")));
        // What stands in a folder is not the end of a name.
        words.push("/".to_owned());
        if let [(first, _)] = *facts.read(folders, known, &mut words) {
            facts.delivered = Some(first);
        }
        facts.subject = words.join("-");
        facts
    }

    /// Reads the texts of a part of the path; gives the dates in it.
    fn read(&mut self, part: &str, known: &KnownDays, words: &mut Vec<String>) -> Vec<(Day, Day)> {
        let mut texts = texts(part);
        while texts.last().is_some_and(|text| ENDINGS.contains(&text.text)) {
            texts.pop();
        }
        let (mut dates, mut place) = (Vec::new(), 0);
        while let Some(text) = texts.get(place) {
            if let Some(date) = date_at(&texts[place..]).filter(|date| known.speak_of(date.days)) {
                dates.push(date.days);
                place += date.n_texts;
                // Two times of a day are two reports of it until their rows say something else.
                words.extend(date.time_in_text.map(str::to_owned));
                if date.has_time {
                    words.extend(texts.get(place).map(|time| time.text.to_owned()));
                    place += 1;
                }
                continue;
            }
            if is_mark(&texts, place) {
                self.marks.extend(runs(text.text));
                if !is_mark_of_copy(&texts, place) {
                    self.versions.extend(runs(text.text));
                }
            } else {
                words.push(text.text.to_owned());
                let is_number = text.text.bytes().all(|byte| byte.is_ascii_digit());
                if is_number && ACCOUNT_DIGITS <= text.text.len() {
                    self.accounts.insert(text.text.to_owned());
                }
            }
            place += 1;
        }
        dates
    }
}

/// The path below the store's folder, in lower case.
fn below_store(file: &str) -> String {
    file.split_once('/').map_or(file, |(_, path)| path).to_lowercase()
}

/// The days of the only date or month in a name; `None` if there is none, or more than one.
#[must_use]
pub fn dates_of_name(file: &str) -> Option<(Day, Day)> {
    let name = file.rsplit_once('/').map_or(file, |(_, name)| name).to_lowercase();
    let texts = texts(&name);
    let mut found = Vec::new();
    let mut place = 0;
    while place < texts.len() {
        let date = date_at(&texts[place..]);
        place += date.as_ref().map_or(1, |date| date.n_texts + usize::from(date.has_time));
        found.extend(date.map(|date| date.days));
    }
    (found.len() == 1).then(|| found[0])
}

/// A run of letters and digits between other characters.
#[derive(Debug, Clone, Copy)]
struct NameText<'a> {
    text: &'a str,
    /// As `2` in `name (2).csv`.
    in_parentheses: bool,
}

fn texts(path: &str) -> Vec<NameText<'_>> {
    let mut texts = Vec::new();
    let mut rest = path;
    let mut before = None;
    while let Some(start) = rest.find(char::is_alphanumeric) {
        before = rest[..start].chars().next_back().or(before.filter(|_| start == 0));
        let run = &rest[start..];
        let end = run.find(|c: char| !c.is_alphanumeric()).unwrap_or(run.len());
        let text = &run[..end];
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let in_parentheses = is_number && before == Some('(') && run[end..].starts_with(')');
        texts.push(NameText { text, in_parentheses });
        rest = &run[end..];
    }
    texts
}

fn runs(text: &str) -> Vec<NamePart> {
    let is_digit = |c: char| c.is_ascii_digit();
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_digit(c) != is_digit(first)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        parts.push(if is_digit(first) {
            let digits = run.trim_start_matches('0');
            NamePart::Number(digits.len(), digits.to_owned())
        } else {
            NamePart::Word(run.to_owned())
        });
        rest = after;
    }
    parts
}

/// A date or month in a name.
struct NameDate<'a> {
    days: (Day, Day),
    /// How many texts it takes.
    n_texts: usize,
    /// Whether the text after it is a time of day.
    has_time: bool,
    /// The time of day that stands in the same text.
    time_in_text: Option<&'a str>,
}

/// The date or month with which texts begin: `20260901`, `202609`, `2026-09-01`, `2026-09`,
/// `20261002T101500`, `20261002_101500`.
fn date_at<'a>(texts: &[NameText<'a>]) -> Option<NameDate<'a>> {
    let text = |place: usize| texts.get(place).map_or("", |text| text.text);
    let (digits, n_texts, time_in_text) = if is_date(text(0)) {
        (text(0).to_owned(), 1, None)
    } else if is_stamp(text(0)) {
        let (date, time) = text(0).split_once('t')?;
        (date.to_owned(), 1, Some(time))
    } else if is_year(text(0)) && is_number(text(1), 2, 1..=12) {
        let day = Some(text(2)).filter(|day| is_number(day, 2, 1..=31));
        let digits = format!("{}{}{}", text(0), text(1), day.unwrap_or_default());
        (digits, if day.is_some() { 3 } else { 2 }, None)
    } else {
        return None;
    };
    let is_time = |text: &str| text.len() == 6 && is_number(&text[..2], 2, 0..=23);
    let has_time = is_time(text(n_texts)) && !is_date(text(n_texts));
    Some(NameDate { days: days_of_text(&digits)?, n_texts, has_time, time_in_text })
}

/// First and last day of `20260901` or `202609`.
fn days_of_text(text: &str) -> Option<(Day, Day)> {
    let day = |text: &str| NaiveDate::parse_from_str(text, "%Y%m%d").ok();
    if text.len() == 8 {
        let day = Day(day(text)?.to_epoch_days());
        return Some((day, day));
    }
    let first = Day(day(&format!("{text}01")).filter(|_| text.len() == 6)?.to_epoch_days());
    let month = PeriodLength::Month.holding(first);
    Some((month.first(), month.last()))
}

fn is_number(text: &str, n_digits: usize, range: std::ops::RangeInclusive<u32>) -> bool {
    text.len() == n_digits
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse().is_ok_and(|number| range.contains(&number))
}

fn is_year(text: &str) -> bool {
    is_number(text, 4, 1990..=2100)
}

/// `YYYYMMDD` or `YYYYMM`.
fn is_date(text: &str) -> bool {
    let Some((year, rest)) = text.split_at_checked(4) else {
        return false;
    };
    let is_day = || NaiveDate::parse_from_str(text, "%Y%m%d").is_ok();
    is_year(year) && (is_number(rest, 2, 1..=12) || (rest.len() == 4 && is_day()))
}

/// `YYYYMMDDThhmmss`, with or without a zone.
fn is_stamp(text: &str) -> bool {
    text.split_once('t').is_some_and(|(date, time)| {
        let digits = time.trim_end_matches('z');
        date.len() == 8
            && is_date(date)
            && 4 <= digits.len()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether a text marks a newer version: `v2`, `corrected`, the `2` of `version 2`, the `1` of
/// `name (1)`, `copy of`.
fn is_mark(texts: &[NameText<'_>], place: usize) -> bool {
    let before = place.checked_sub(1).map(|before| texts[before].text);
    let text = texts[place];
    let is_after_version = text.text.bytes().all(|byte| byte.is_ascii_digit())
        && text.text.len() < 4
        && before.is_some_and(|before| NEWER_WORDS.contains(&before));
    let is_copy_of = text.text == "of" && before == Some("copy");
    text.in_parentheses || is_version(text.text) || is_after_version || is_copy_of
}

/// Whether a mark comes from a program that met two files of one name.
fn is_mark_of_copy(texts: &[NameText<'_>], place: usize) -> bool {
    let is_copy = |place: usize| texts[place].text == "copy";
    let is_after_copy = place.checked_sub(1).is_some_and(is_copy);
    texts[place].in_parentheses || is_copy(place) || is_after_copy
}

/// A word that marks a newer report, or a version such as `v2`.
fn is_version(text: &str) -> bool {
    let word = text.trim_end_matches(|c: char| c.is_ascii_digit());
    NEWER_WORDS.contains(&text) || (word.len() < text.len() && ["v", "ver", "rev"].contains(&word))
}

#[cfg(test)]
mod tests;
