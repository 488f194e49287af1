//! What the name of a report tells: which series it is of, and which of two is the newer one.

use chrono::NaiveDate;
use streamledger_core::vocabulary::day::Day;

use crate::deliveries::days_of_text;

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
pub(crate) enum NamePart {
    /// A number without its leading zeros, by its length, then its digits.
    Number(usize, String),
    /// Letters, lower-case.
    Word(String),
}

/// The parts of a file's own name, then those of its folders.
pub(crate) type NameOrder = (Vec<NamePart>, Vec<NamePart>);

/// What is the same in the names of all reports of a series: the words of the path below the store,
/// without dates, times, versions, and words that mark a newer report. A number after `part` stays.
#[must_use]
pub(crate) fn series(file: &str) -> String {
    let path = file.split_once('/').map_or(file, |(_, path)| path).to_lowercase();
    let mut texts = texts(&path);
    while texts.last().is_some_and(|text| ENDINGS.contains(&text.text)) {
        texts.pop();
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut place = 0;
    while let Some(text) = texts.get(place) {
        let n_of_date = date_length(&texts[place..]);
        if 0 < n_of_date {
            place += n_of_date;
            continue;
        }
        if !(text.in_parentheses || is_version(text.text) || is_after_version(&texts, place)) {
            kept.push(text.text);
        }
        place += 1;
    }
    kept.join("-")
}

/// What one name is about, to tell a newer version of a report from another report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The words and dates of its own name, and the words of its folders, without what marks a version.
    pub(crate) words: String,
    /// Whether something in the path marks a newer version.
    pub(crate) is_newer_version: bool,
}

/// What a name is about: as [`series`], but with the dates of the file's own name.
#[must_use]
pub(crate) fn subject(file: &str) -> Subject {
    let path = file.split_once('/').map_or(file, |(_, path)| path).to_lowercase();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let mut is_newer_version = false;
    let mut kept: Vec<&str> = Vec::new();
    for (part, has_dates) in [(folders, false), (name, true)] {
        let mut texts = texts(part);
        while has_dates && texts.last().is_some_and(|text| ENDINGS.contains(&text.text)) {
            texts.pop();
        }
        let mut place = 0;
        while let Some(text) = texts.get(place) {
            let n_of_date = date_length(&texts[place..]);
            let marks =
                text.in_parentheses || is_version(text.text) || is_after_version(&texts, place);
            if n_of_date == 0 && marks {
                is_newer_version = true;
            } else if n_of_date == 0 || has_dates {
                kept.extend(texts[place..place + n_of_date.max(1)].iter().map(|text| text.text));
            }
            place += n_of_date.max(1);
        }
        // What stands in a folder is not the beginning of a name.
        kept.push("/");
    }
    Subject { words: kept.join("-"), is_newer_version }
}

/// The days of the only date or month in a name; `None` if there is none, or more than one.
#[must_use]
pub(crate) fn dates_of_name(file: &str) -> Option<(Day, Day)> {
    let name = file.rsplit_once('/').map_or(file, |(_, name)| name).to_lowercase();
    let texts = texts(&name);
    let mut found = Vec::new();
    let mut place = 0;
    while place < texts.len() {
        let n_of_date = date_length(&texts[place..]).max(1);
        let date: String = texts[place..place + n_of_date].iter().map(|text| text.text).collect();
        found.extend(days_of_text(&date));
        place += n_of_date;
    }
    (found.len() == 1).then(|| found[0])
}

/// By which names are put in order: the file's own name before its folders, numbers by their value.
#[must_use]
pub(crate) fn name_order(file: &str) -> NameOrder {
    let (folders, name) = file.rsplit_once('/').unwrap_or(("", file));
    let (name, folders) = (name.to_lowercase(), folders.to_lowercase());
    let mut texts = texts(&name);
    while 1 < texts.len() && texts.last().is_some_and(|text| ENDINGS.contains(&text.text)) {
        texts.pop();
    }
    (texts.iter().map(|text| text.text).flat_map(runs).collect(), runs(&folders))
}

/// A run of letters and digits between other characters.
#[derive(Debug, Clone, Copy)]
struct Text<'a> {
    text: &'a str,
    /// As `2` in `name (2).csv`.
    in_parentheses: bool,
}

fn texts(path: &str) -> Vec<Text<'_>> {
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
        texts.push(Text { text, in_parentheses });
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

/// How many texts from the first on are a date or a time of day after one: `20260901`, `202609`,
/// `2026-09-01`, `2026-09`, `20261002T101500`, `20261002_101500`.
fn date_length(texts: &[Text<'_>]) -> usize {
    let text = |place: usize| texts.get(place).map_or("", |text| text.text);
    let n_of_date = if is_date(text(0)) || is_stamp(text(0)) {
        1
    } else if is_year(text(0)) && is_number(text(1), 2, 1..=12) {
        if is_number(text(2), 2, 1..=31) { 3 } else { 2 }
    } else {
        return 0;
    };
    let is_time = |text: &str| text.len() == 6 && is_number(&text[..2], 2, 0..=23);
    n_of_date + usize::from(is_time(text(n_of_date)) && !is_date(text(n_of_date)))
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

/// A word that marks a newer report, or a version such as `v2`.
fn is_version(text: &str) -> bool {
    let word = text.trim_end_matches(|c: char| c.is_ascii_digit());
    NEWER_WORDS.contains(&text) || (word.len() < text.len() && ["v", "ver", "rev"].contains(&word))
}

/// The `2` of `version 2` or `corrected_2`.
fn is_after_version(texts: &[Text<'_>], place: usize) -> bool {
    let before = place.checked_sub(1).map(|before| texts[before].text);
    texts[place].text.bytes().all(|byte| byte.is_ascii_digit())
        && texts[place].text.len() < 4
        && before.is_some_and(|before| NEWER_WORDS.contains(&before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_of_the_report_with_the_same_words_and_dates() {
        let of = |file: &str| {
            let subject = subject(file);
            (subject.words, subject.is_newer_version)
        };
        let (week, day) = (of("spotify/week.tsv"), of("spotify/streams_2026-09-01.tsv"));
        assert!(!week.1 && !day.1);
        for newer in ["spotify/week_v2.tsv", "spotify/resent/Week.csv.gz", "spotify/week (1).tsv"] {
            assert_eq!(of(newer), (week.0.clone(), true), "{newer}");
        }
        let newer = of("spotify/2026-10/streams_2026-09-01_corrected_2.tsv");
        assert_eq!(newer, (day.0.clone(), true));
        for other in ["spotify/streams_2026-09-02_v2.tsv", "spotify/a/streams_2026-09-01_v2.tsv"] {
            assert_ne!(of(other).0, day.0, "{other}");
        }
    }

    #[test]
    fn dates_versions_and_endings_do_not_tell_a_series() {
        let same = [
            "spotify/streams_2026-09-01.tsv.gz",
            "spotify/streams_2026-09-01_v2.tsv",
            "spotify/streams_20260901_corrected_2.tsv",
            "spotify/2026-10/streams 2026-09-01 (3).csv.zst",
            "spotify/restated/Streams-20260901T101500.tsv",
            "spotify/streams_20260901_101500.tsv",
            "spotify/streams_202609.txt",
            "spotify/streams_2026-09_version 2.txt",
        ];
        for name in same {
            assert_eq!(series(name), "streams", "{name}");
        }
    }

    #[test]
    fn territories_members_accounts_and_parts_tell_a_series() {
        let names = [
            ("spotify/streams_2026-09-01_GB.tsv", "streams-gb"),
            ("spotify/GB/streams_2026-09-01.tsv", "gb-streams"),
            ("apple_music/S1_80032046_1117_AU.txt", "s1-80032046-1117-au"),
            (
                "meta/MERLIN_DAILY_TOP_1K_FB_UGC_PROD_20260901.csv",
                "merlin-daily-top-1k-fb-ugc-prod",
            ),
            ("spotify/streams-2026-09-01-part2.tsv", "streams-part2"),
            ("spotify/streams-2026-09-01-2of3.tsv", "streams-2of3"),
            ("spotify/streams-2026-09-01-00002.tsv", "streams-00002"),
            ("spotify/2026-13.tsv", "2026-13"),
        ];
        for (name, expected) in names {
            assert_eq!(series(name), expected, "{name}");
        }
    }

    #[test]
    fn a_higher_version_is_newer_and_a_marked_name_newer_than_the_plain_one() {
        let in_order = [
            "spotify/a/streams_2026-09-01.tsv.gz",
            "spotify/a/streams_2026-09-01 (1).tsv",
            "spotify/a/streams_2026-09-01_corrected.tsv",
            "spotify/a/streams_2026-09-01_v2.tsv",
            "spotify/a/streams_2026-09-01_v10.tsv",
        ];
        assert!(in_order.is_sorted_by_key(|name| name_order(name)));
        assert!(name_order("s/2026-10/x.tsv") < name_order("s/2026-11/x.tsv.gz"));
        assert!(name_order("s/b/x_1.tsv") < name_order("s/a/x_2.tsv"));
    }
}
