//! Words for people: dates, months, numbers of things, names of stores.

use chrono::NaiveDate;
use streamledger_core::explain::period::Period;
use streamledger_core::model::day::{Day, Month};

use crate::print::output::grouped;

/// `17 November 2026`.
pub(crate) fn date_in_words(day: Day) -> String {
    day.date().format("%-d %B %Y").to_string()
}

/// `September 2026`.
pub(crate) fn month_in_words(month: Month) -> String {
    let date = NaiveDate::from_ymd_opt(i32::from(month.year), u32::from(month.month), 1);
    date.map_or_else(|| month.to_string(), |date| date.format("%B %Y").to_string())
}

/// A day, a month, or from one day to another.
pub(crate) fn period_in_words(period: Period) -> String {
    match period {
        Period::Day(day) => date_in_words(day),
        Period::Month(month) => month_in_words(month),
        Period::Span(_) => {
            format!("{} to {}", date_in_words(period.first()), date_in_words(period.last()))
        }
    }
}

/// `1 day`, `1,200 days`.
pub(crate) fn counted(number: i128, unit: &str) -> String {
    format!("{} {unit}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// How a store writes itself, where that is more than a capital letter.
const TITLES: [(&str, &str); 12] = [
    ("apple_music", "Apple Music"),
    ("cdbaby", "CD Baby"),
    ("distrokid", "DistroKid"),
    ("fuga", "FUGA"),
    ("imusician", "iMusician"),
    ("itunes", "iTunes"),
    ("soundcloud", "SoundCloud"),
    ("tidal", "TIDAL"),
    ("tiktok", "TikTok"),
    ("tunecore", "TuneCore"),
    ("uma", "UMA"),
    ("youtube", "YouTube"),
];

/// A store's name for people.
pub(crate) fn title_of(store: &str) -> String {
    if let Some((_, title)) = TITLES.iter().find(|(name, _)| *name == store) {
        return (*title).to_owned();
    }
    let words = store.split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_uppercase().collect::<String>() + letters.as_str()
        })
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_dates_and_numbers_read_as_people_write_them() {
        assert_eq!(
            ["spotify", "apple_music", "kkbox_hk"].map(title_of),
            ["Spotify", "Apple Music", "Kkbox Hk"]
        );
        assert_eq!(
            date_in_words("2026-11-07".parse::<Period>().unwrap().first()),
            "7 November 2026"
        );
        assert_eq!(month_in_words(Month { year: 2028, month: 2 }), "February 2028");
        assert_eq!([counted(1, "day"), counted(1200, "day")], ["1 day", "1,200 days"]);
    }
}
