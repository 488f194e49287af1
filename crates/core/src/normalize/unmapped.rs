//! Values of a report that no table of ours knows: spellings of territories, names of shops, codes of
//! tiers. The rows stay; what stands on them is kept, so that a person can add what is missing.

use std::collections::BTreeMap;

use crate::model::money::{Amount, Currency};

/// What kind of value is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnmappedField {
    /// Neither a code of ISO 3166-1 nor an alias of the pipeline file.
    Territory,
    /// In no store file; the row stands under the sender.
    Shop,
    /// In no table of the store file.
    Tier,
}

impl UnmappedField {
    /// The name as it stands in `unmapped_values.field`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Territory => "territory",
            Self::Shop => "shop",
            Self::Tier => "tier",
        }
    }
}

/// An unknown value, and the currency of the rows that it stands on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnmappedKey {
    /// What kind.
    pub field: UnmappedField,
    /// As the report writes it, or [`OTHER_VALUES`].
    pub value: String,
    /// Currency of the rows; `None` where they have no money.
    pub currency: Option<Currency>,
}

/// The values of a row that are unknown; most rows have none.
pub type UnknownTexts = Vec<(UnmappedField, String)>;

/// What stands on an unknown value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnmappedSums {
    /// Rows.
    pub rows: u64,
    /// Their units or plays.
    pub units: i128,
    /// Their money in 10^-12 of the currency's unit.
    pub amount: i128,
}

impl UnmappedSums {
    /// Adds the sums of other rows.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.units += other.units;
        self.amount += other.amount;
    }
}

/// Most different unknown values of a field that are listed one by one for a report: the first ones by value and
/// currency, so that the order of rows makes no difference.
const VALUES_MAX: usize = 1000;

/// Stands for all values beyond `VALUES_MAX`, so that the sums are those of all rows.
pub const OTHER_VALUES: &str = "*";

/// The unknown values of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnmappedValues(BTreeMap<UnmappedField, FieldValues>);

/// The unknown values of a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct FieldValues {
    listed: BTreeMap<(String, Option<Currency>), UnmappedSums>,
    /// Those beyond [`VALUES_MAX`], by currency.
    others: BTreeMap<Option<Currency>, UnmappedSums>,
}

impl FieldValues {
    fn add(&mut self, key: (String, Option<Currency>), sums: &UnmappedSums) {
        if let Some(known) = self.listed.get_mut(&key) {
            return known.add(sums);
        }
        self.listed.insert(key, *sums);
        if VALUES_MAX < self.listed.len()
            && let Some(((_, currency), sums)) = self.listed.pop_last()
        {
            self.others.entry(currency).or_default().add(&sums);
        }
    }
}

impl UnmappedValues {
    /// Counts a row with an unknown value, its units, and its money if it has any.
    pub fn note(
        &mut self,
        field: UnmappedField,
        value: &str,
        units: i64,
        money: Option<(Currency, i128)>,
    ) {
        let (currency, amount) = money.unzip();
        let amount = amount.unwrap_or_default();
        let sums = UnmappedSums { rows: 1, units: i128::from(units), amount };
        self.0.entry(field).or_default().add((value.to_owned(), currency), &sums);
    }

    /// Adds what other rows have.
    pub fn add(&mut self, other: Self) {
        for (field, FieldValues { listed, others }) in other.0 {
            let known = self.0.entry(field).or_default();
            listed.into_iter().for_each(|(key, sums)| known.add(key, &sums));
            for (currency, sums) in others {
                known.others.entry(currency).or_default().add(&sums);
            }
        }
    }

    /// Counts a row under each of its values that is unknown.
    pub fn note_all(
        &mut self,
        values: &UnknownTexts,
        units: i64,
        money: Option<(Currency, Amount)>,
    ) {
        let money = money.map(|(currency, amount)| (currency, amount.0));
        values.iter().for_each(|(field, value)| self.note(*field, value, units, money));
    }

    /// The values of each field in order, then its rest under [`OTHER_VALUES`].
    pub fn iter(&self) -> impl Iterator<Item = (UnmappedKey, &UnmappedSums)> {
        self.0.iter().flat_map(|(field, FieldValues { listed, others })| {
            let field = *field;
            let listed = listed.iter().map(move |((value, currency), sums)| {
                (UnmappedKey { field, value: value.clone(), currency: *currency }, sums)
            });
            listed.chain(others.iter().map(move |(currency, sums)| {
                let value = OTHER_VALUES.to_owned();
                (UnmappedKey { field, value, currency: *currency }, sums)
            }))
        })
    }

    /// How many there are, with [`OTHER_VALUES`] as one of each field and currency.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(|values| values.listed.len() + values.others.len()).sum()
    }

    /// Whether all values are known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// Rows in any order, and in parts, give the same list.
        #[test]
        fn what_is_listed_depends_on_no_order(
            values in prop::collection::vec(0_u32..3_000, 1..3_000),
            cut in any::<prop::sample::Index>(),
        ) {
            let noted = |values: &mut dyn Iterator<Item = &u32>| {
                let mut noted = UnmappedValues::default();
                values.for_each(|n| noted.note(UnmappedField::Shop, &n.to_string(), 1, None));
                noted
            };
            let all = noted(&mut values.iter());
            let (first, second) = values.split_at(cut.index(values.len()));
            let mut parts = noted(&mut second.iter().rev());
            parts.add(noted(&mut first.iter()));
            prop_assert_eq!(all, parts);
        }
    }

    #[test]
    fn rows_units_and_money_are_summed_by_value_and_currency() {
        let (eur, usd) = (Currency::parse("EUR").unwrap(), Currency::parse("USD").unwrap());
        let mut values = UnmappedValues::default();
        for (units, money) in [(3, Some((eur, 5))), (4, Some((eur, -2))), (1, Some((usd, 9)))] {
            values.note(UnmappedField::Shop, "YouTube (Ads)", units, money);
        }
        values.note(UnmappedField::Territory, "Narnia", 7, None);
        let found: Vec<_> = values
            .iter()
            .map(|(key, sums)| (key.field.as_str(), key.value, key.currency, *sums))
            .collect();
        let sums = |rows, units, amount| UnmappedSums { rows, units, amount };
        let expected = [
            ("territory", "Narnia".to_owned(), None, sums(1, 7, 0)),
            ("shop", "YouTube (Ads)".to_owned(), Some(eur), sums(2, 7, 3)),
            ("shop", "YouTube (Ads)".to_owned(), Some(usd), sums(1, 1, 9)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn values_beyond_those_that_are_listed_are_summed() {
        let mut values = UnmappedValues::default();
        for number in 0..2 * VALUES_MAX {
            values.note(UnmappedField::Tier, &number.to_string(), 1, None);
            values.note(UnmappedField::Tier, "0", 1, None);
        }
        assert_eq!(values.len(), VALUES_MAX + 1);
        let sums: Vec<_> = values.iter().map(|(key, sums)| (key.value, sums)).collect();
        assert_eq!(sums.iter().map(|(_, sums)| sums.rows).sum::<u64>(), 4 * VALUES_MAX as u64);
        let other = sums.iter().find(|(value, _)| value == OTHER_VALUES).unwrap();
        assert_eq!(other.1.units, VALUES_MAX as i128);
    }
}
