//! Sums over the rows of a report: in 128 bits, checked, and held to bounds. No report can make a sum of a
//! warehouse wrong or unreadable: one that goes beyond a bound is rejected by itself.
//!
//! What is bounded is the size of a sum, the sum of all numbers without their signs: a part of the rows can
//! then sum to no more either, whatever they are grouped by.

use std::collections::BTreeMap;

use crate::model::money::{Amount, Currency, SCALE};

/// Largest size of a report's units or plays: 10^14.
pub const UNITS_MAX: u128 = 10_u128.pow(14);

/// Largest size of a report's money in one currency, in 10^-12 of its unit: below 10^20 units, as a single
/// amount is.
pub const AMOUNT_MAX: u128 = 10_u128.pow(20 + SCALE) - 1;

/// Largest size of a report's played time, in milliseconds: 10^18, a tenth of what 64 bits hold.
pub const PLAYED_MS_MAX: u128 = 10_u128.pow(18);

/// Most lines of a report: rows are numbered in 32 bits.
pub const LINES_MAX: u64 = u32::MAX as u64;

/// A checked sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BoundedSum {
    net: i128,
    size: u128,
    /// 128 bits do not hold it: what was added since is not in it.
    is_lost: bool,
}

impl BoundedSum {
    /// Adds a number.
    pub fn add(&mut self, number: i128) {
        let size = self.size.checked_add(number.unsigned_abs());
        match (size, self.net.checked_add(number)) {
            (Some(size), Some(net)) if !self.is_lost => (self.size, self.net) = (size, net),
            _ => self.is_lost = true,
        }
    }

    /// Adds all that another one has.
    pub fn add_sum(&mut self, other: &Self) {
        let size = self.size.checked_add(other.size);
        match (size, self.net.checked_add(other.net)) {
            (Some(size), Some(net)) if !self.is_lost && !other.is_lost => {
                (self.size, self.net) = (size, net);
            }
            _ => self.is_lost = true,
        }
    }

    /// The sum; `None` if 128 bits do not hold it.
    #[must_use]
    pub fn net(&self) -> Option<i128> {
        (!self.is_lost).then_some(self.net)
    }

    /// The sum of the numbers without their signs; `None` if 128 bits do not hold it.
    #[must_use]
    pub fn size(&self) -> Option<u128> {
        (!self.is_lost).then_some(self.size)
    }

    fn is_beyond(&self, bound: u128) -> bool {
        self.size().is_none_or(|size| bound < size)
    }
}

/// Sums of units and money.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportSumsBuilder {
    /// Units or plays.
    pub units: BoundedSum,
    /// Money, in 10^-12 of the currency's unit; nothing where no row has any.
    pub amounts: BTreeMap<Currency, BoundedSum>,
}

impl ReportSumsBuilder {
    /// Adds a row.
    pub fn add(&mut self, units: i64, money: Option<(Amount, Currency)>) {
        self.units.add(units.into());
        if let Some((amount, currency)) = money {
            self.amounts.entry(currency).or_default().add(amount.0);
        }
    }

    /// Adds all that others have.
    pub fn add_sums(&mut self, other: &Self) {
        self.units.add_sum(&other.units);
        for (currency, sum) in &other.amounts {
            self.amounts.entry(*currency).or_default().add_sum(sum);
        }
    }

    /// What of a report is beyond its bound, for a person; `what` its units are.
    #[must_use]
    pub fn beyond_bounds(&self, what: &str) -> Option<String> {
        if self.units.is_beyond(UNITS_MAX) {
            return Some(beyond(what, &shown(self.units.size()), "at most 10^14"));
        }
        let beyond_amount = |(_, sum): &(&Currency, &BoundedSum)| sum.is_beyond(AMOUNT_MAX);
        self.amounts.iter().find(beyond_amount).map(|(currency, sum)| {
            let size = sum.size().and_then(|size| i128::try_from(size).ok());
            let found = size.map_or_else(|| shown(None), |size| Amount(size).to_string());
            beyond(&format!("money in {}", currency.as_str()), &found, "less than 10^20")
        })
    }
}

/// Sums of plays and of their played time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlaySums {
    /// Plays.
    pub plays: BoundedSum,
    /// Played time of all of them, in milliseconds.
    pub played_ms: BoundedSum,
}

impl PlaySums {
    /// Adds a row that stands for so many plays, each of a played time; `None` if it is not known.
    pub fn add(&mut self, plays: u32, played_ms: Option<i64>) {
        self.plays.add(plays.into());
        if let Some(played_ms) = played_ms {
            // 32 bits times 63 bits.
            self.played_ms.add(i128::from(plays) * i128::from(played_ms));
        }
    }

    /// Adds the sums of other rows.
    pub fn add_sums(&mut self, other: &Self) {
        self.plays.add_sum(&other.plays);
        self.played_ms.add_sum(&other.played_ms);
    }

    /// What of a report is beyond its bound, for a person.
    #[must_use]
    pub fn beyond_bounds(&self) -> Option<String> {
        if self.plays.is_beyond(UNITS_MAX) {
            return Some(beyond("plays", &shown(self.plays.size()), "at most 10^14"));
        }
        let is_beyond = self.played_ms.is_beyond(PLAYED_MS_MAX);
        is_beyond
            .then(|| beyond("milliseconds played", &shown(self.played_ms.size()), "at most 10^18"))
    }
}

fn shown(size: Option<u128>) -> String {
    size.map_or_else(|| "more than 128 bits hold".to_owned(), |size| size.to_string())
}

fn beyond(what: &str, found: &str, bound: &str) -> String {
    format!("expected {bound} in the sum of {what} without signs, found {found}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_report_is_beyond_a_bound_one_above_it() {
        let eur = Currency::parse("EUR");
        let of = |units: i64, amount: i128| {
            let mut sums = ReportSumsBuilder::default();
            sums.add(units, eur.map(|eur| (Amount(amount), eur)));
            sums.beyond_bounds("units")
        };
        let (units, amount) = (10_i64.pow(14), 10_i128.pow(32) - 1);
        assert_eq!(of(units, amount), None);
        assert_eq!(of(-units, -amount), None);
        assert!(of(units + 1, 0).unwrap().contains("units without signs, found 100000000000001"));
        assert!(of(-units - 1, 0).is_some());
        let found = of(0, -amount - 1).unwrap();
        assert!(found.ends_with("found 100000000000000000000"), "{found}");
        let mut plays = PlaySums::default();
        (0..10).for_each(|_| plays.add(4_000_000_000, Some(25_000_000)));
        assert_eq!(plays.beyond_bounds(), None);
        plays.add(1, Some(1));
        assert!(plays.beyond_bounds().unwrap().contains("milliseconds played"));
    }

    #[test]
    fn signs_do_not_hide_how_much_there_is() {
        let mut sums = ReportSumsBuilder::default();
        for _ in 0..60_000 {
            sums.add(999_999_999_999_999, None);
            sums.add(-999_999_999_999_999, None);
        }
        assert_eq!(sums.units.net(), Some(0));
        assert!(sums.beyond_bounds("units").is_some());
    }

    #[test]
    fn what_128_bits_do_not_hold_stays_lost() {
        let mut sum = BoundedSum::default();
        sum.add(i128::MAX);
        sum.add(i128::MAX);
        assert_eq!((sum.net(), sum.size()), (None, None));
        sum.add(i128::MIN);
        assert!(sum.is_beyond(u128::MAX));
        let mut all = BoundedSum::default();
        all.add_sum(&sum);
        assert_eq!(all.net(), None);
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole(numbers in prop::collection::vec(any::<i64>(), 0..40), cut in 0_usize..40) {
            let sum = |numbers: &[i64]| {
                let mut sum = BoundedSum::default();
                numbers.iter().for_each(|number| sum.add((*number).into()));
                sum
            };
            let (first, second) = numbers.split_at(cut.min(numbers.len()));
            let mut both = sum(first);
            both.add_sum(&sum(second));
            prop_assert_eq!(both, sum(&numbers));
            let expected: i128 = numbers.iter().map(|number| i128::from(*number)).sum();
            prop_assert_eq!(both.net(), Some(expected));
        }
    }
}
