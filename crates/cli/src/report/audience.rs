//! Who heard it: kinds of user, what statements pay for them, and territories.

use std::cmp::Reverse;

use celes::{Country, LookupTable as _};
use streamledger_core::explain::figures::{
    FigureTables, PaidFigures, PaidFor, PlayFigures, RecordingFigures, TerritoryCode,
};
use streamledger_core::numbers::exact;

use crate::commands::explain::share;
use crate::print::words::title_of;
use crate::report::cells::{FigureReach, PageCell, number};
use crate::report::money;

/// Territories that are told one by one; the rest is told as one.
const TERRITORIES_MAX: usize = 20;

/// A kind of user.
pub(crate) struct TierRow {
    /// What it is called.
    pub(crate) name: String,
    /// Reported, counted, held, excluded.
    pub(crate) numbers: [String; 4],
    /// Of all counted.
    pub(crate) share: String,
}

/// What statements pay for a kind of user.
pub(crate) struct PaidRow {
    /// What it is called.
    pub(crate) name: String,
    /// Streams, or other uses.
    pub(crate) uses: &'static str,
    /// The units.
    pub(crate) units: String,
    /// The money with its currency.
    pub(crate) amount: String,
    /// The money for a thousand units.
    pub(crate) per_thousand: String,
}

/// A territory.
pub(crate) struct TerritoryRow {
    /// Its name.
    pub(crate) name: String,
    /// Reported, counted.
    pub(crate) numbers: [PageCell; 2],
    /// Paid.
    pub(crate) paid: PageCell,
    /// Counted, in thousandths of the largest.
    pub(crate) bar: i64,
}

impl TerritoryRow {
    /// The length of its bar in percent.
    pub(crate) fn bar_percent(&self) -> String {
        format!("{}.{}", self.bar / 10, self.bar % 10)
    }
}

pub(crate) fn tier_rows(figures: &RecordingFigures) -> Vec<TierRow> {
    let all: i64 = figures.tiers.values().map(|plays| plays.counted).sum();
    let mut tiers: Vec<_> = figures.tiers.iter().collect();
    tiers.sort_by_key(|(name, plays)| (Reverse(plays.counted), name.as_str()));
    let row = |(name, plays): (&String, &PlayFigures)| TierRow {
        name: tier_in_words(name),
        numbers: [plays.reported(), plays.counted, plays.held, plays.excluded].map(number),
        share: share(plays.counted, all),
    };
    tiers.into_iter().map(row).collect()
}

/// What a kind of user is called.
fn tier_in_words(tier: &str) -> String {
    match tier {
        "unknown" => "Not said by the store".to_owned(),
        "unmapped" => "A code that we do not know".to_owned(),
        other => title_of(other),
    }
}

pub(crate) fn paid_rows(figures: &RecordingFigures) -> Vec<PaidRow> {
    let row = |(key, paid): (&PaidFor, &PaidFigures)| {
        let currency = key.currency.as_deref().unwrap_or("");
        let none = || "none given".to_owned();
        PaidRow {
            name: tier_in_words(&key.tier),
            uses: if key.is_stream { "streams" } else { "other uses" },
            units: number(paid.units),
            amount: paid.amount.map_or_else(none, |amount| money::amount(amount, currency)),
            per_thousand: paid
                .amount
                .and_then(|amount| money::per_thousand(amount, paid.units, currency))
                .unwrap_or_default(),
        }
    };
    figures.paid.iter().map(row).collect()
}

pub(crate) fn territory_rows(figures: &RecordingFigures, reach: &FigureReach) -> Vec<TerritoryRow> {
    let mut all: Vec<(&TerritoryCode, &FigureTables)> = figures.territories.iter().collect();
    all.sort_by_key(|(code, there)| {
        (Reverse((there.plays.counted, there.paid, there.plays.reported())), **code)
    });
    let largest = all.iter().map(|(_, there)| there.plays.counted).fold(1, i64::max);
    let row = |name: String, there: &FigureTables| TerritoryRow {
        name,
        numbers: [there.plays.reported(), there.plays.counted].map(|n| reach.short_cell(n)),
        paid: match there.paid {
            None => PageCell::not_known("no statement yet"),
            Some(paid) if there.is_paid_in_part => PageCell::in_part(paid, ""),
            Some(paid) => PageCell::known(paid),
        },
        bar: exact(i128::from(there.plays.counted.max(0)) * 1000 / i128::from(largest)),
    };
    let (shown, rest) = all.split_at(all.len().min(TERRITORIES_MAX));
    let mut rows: Vec<TerritoryRow> =
        shown.iter().map(|(code, there)| row(territory_in_words(**code), there)).collect();
    if !rest.is_empty() {
        let mut sum = FigureTables::default();
        for (_, there) in rest {
            sum.add(**there);
        }
        rows.push(row(format!("{} others", rest.len()), &sum));
    }
    rows
}

/// A territory's name.
fn territory_in_words(code: TerritoryCode) -> String {
    let Some(code) = code else {
        return "Not said where".to_owned();
    };
    let code = String::from_utf8_lossy(&code).into_owned();
    match Country::from_alpha2(&code) {
        Ok(country) => format!("{} ({code})", short_name(&country)),
        Err(_) if code == "XK" => "Kosovo (XK)".to_owned(),
        Err(_) => code,
    }
}

/// What a country is called from day to day: the official name up to its first "of", if that still
/// names it.
fn short_name(country: &Country) -> String {
    let name = country.long_name.strip_prefix("The ").unwrap_or(country.long_name);
    let words: Vec<&str> = name.split(' ').collect();
    let end = words.iter().position(|word| *word == "Of").unwrap_or(words.len());
    let names_it = country.aliases.contains(&words[..end].concat());
    let n = if names_it { end } else { words.len() };
    let small = |word: &&str| match *word {
        "Of" => "of".to_owned(),
        "And" => "and".to_owned(),
        "The" => "the".to_owned(),
        word => word.to_owned(),
    };
    words[..n].iter().map(small).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn territories_are_called_as_people_call_them() {
        let names = [*b"GB", *b"US", *b"DE", *b"BA", *b"XK", *b"ZZ"]
            .map(|code| territory_in_words(Some(code)));
        assert_eq!(
            names,
            [
                "United Kingdom (GB)",
                "United States (US)",
                "Germany (DE)",
                "Bosnia and Herzegovina (BA)",
                "Kosovo (XK)",
                "ZZ"
            ]
        );
        assert_eq!(territory_in_words(None), "Not said where");
    }
}
