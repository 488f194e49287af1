//! Rows of `sales_monthly`: units, money and lines by what a statement tells apart. Lines come in the order
//! of `sales`, so that a recording is summed up as soon as the next one begins.

use std::collections::BTreeMap;

use bytemuck::{Pod, Zeroable};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::model::day::Month;
use crate::model::isrc::Isrc;
use crate::model::money::{Amount, Currency};
use crate::model::sale::{LineType, TextId};
use crate::model::territory::Territory;
use crate::model::tier::Tier;
use crate::model::upc::Upc;
use crate::normalize::sale_lines::{IdTable, SaleLine, SaleTerms, SaleWords, isrc_key};
use crate::numbers::exact;

/// In place of the money of a sum none of whose lines has any.
const NO_AMOUNT: i128 = i128::MIN;

/// What lines are summed by, besides their recording and release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SumTerms {
    /// Period in which they are settled; `None` sorts last.
    pub statement_period: Option<Month>,
    /// Where they were used; `None` sorts last.
    pub territory: Option<Territory>,
    /// The plan tier.
    pub tier: Tier,
    /// The store's codes of the tier; `None` sorts last.
    pub tier_code: Option<TextId>,
    /// What kind of use.
    pub use_type: TextId,
    /// Whether units were used, given back, given away, or something else is settled.
    pub line_type: LineType,
    /// Whether royalties are due; `None`, where the store does not say, sorts last.
    pub royalty_bearing: Option<bool>,
    /// In which currency; `None` sorts last.
    pub currency: Option<Currency>,
}

impl SumTerms {
    /// What lines of some terms are summed by.
    #[must_use]
    pub fn of(terms: &SaleTerms) -> Self {
        Self {
            statement_period: terms.statement_period,
            territory: terms.territory,
            tier: terms.tier,
            tier_code: terms.tier_code,
            use_type: terms.use_type,
            line_type: terms.line_type,
            royalty_bearing: terms.royalty_bearing,
            currency: terms.currency,
        }
    }
}

/// A row of `sales_monthly`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct MonthlySum {
    amount: i128,
    isrc: u64,
    upc: u64,
    /// Units of all lines.
    pub units: i64,
    /// How many lines there are.
    pub lines: i64,
    /// Place of its [`SumTerms`].
    pub terms: u32,
    unused: [u32; 3],
}

impl MonthlySum {
    /// The recording.
    #[must_use]
    pub fn isrc(&self) -> Option<Isrc> {
        Isrc::from_packed(self.isrc)
    }

    /// The release.
    #[must_use]
    pub fn upc(&self) -> Option<Upc> {
        Upc::from_packed(self.upc)
    }

    /// Money of all lines, in 10^-12 of the currency's unit; `None` where no line has any.
    #[must_use]
    pub fn amount(&self) -> Option<i128> {
        (self.amount != NO_AMOUNT).then_some(self.amount)
    }
}

/// Units or money of a month sum to more than a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("units or money of a row of sales_monthly are beyond what its columns hold")]
pub struct SumBeyondColumn;

/// Sums of all rows of a month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MonthTotals {
    /// Lines.
    pub lines: u64,
    /// Units.
    pub units: i128,
    /// Money, in 10^-12 of the currency's unit.
    pub amounts: BTreeMap<Currency, i128>,
}

/// Sums that are complete, by statement period in order, those without one last. Those of a period are in
/// the order of the table.
pub type ByPeriod = BTreeMap<(bool, Option<Month>), Vec<MonthlySum>>;

/// Sums the lines of a month.
#[derive(Debug, Default)]
pub struct SalesSummer {
    terms: Vec<SumTerms>,
    terms_ids: IdTable,
    /// By id of the lines' terms: the place of their [`SumTerms`].
    sum_terms_of: Vec<u32>,
    /// By place of [`SumTerms`]: where they stand in the order of a period. Shorter than the list as long as
    /// new ones were not put in order.
    ranks: Vec<u32>,
    open_key: u64,
    open: HashMap<(u64, u32), OpenSums, FixedState>,
    closed: ByPeriod,
    totals: MonthTotals,
}

#[derive(Debug, Clone, Copy, Default)]
struct OpenSums {
    units: i64,
    amount: Option<i128>,
    lines: i64,
}

impl SalesSummer {
    /// Adds lines that come after those before in the order of `sales`. Ids of terms and texts always mean
    /// the same, those of items only within one call.
    ///
    /// # Errors
    /// [`SumBeyondColumn`].
    pub fn add(&mut self, lines: &[SaleLine], words: &SaleWords) -> Result<(), SumBeyondColumn> {
        for terms in &words.terms[self.sum_terms_of.len()..] {
            let of = SumTerms::of(terms);
            self.sum_terms_of.push(self.terms_ids.id_of(of, &mut self.terms));
        }
        let keys: Vec<(u64, u64)> = words
            .items
            .iter()
            .map(|item| (isrc_key(item), item.upc.map_or(0, Upc::packed)))
            .collect();
        for line in lines {
            let (key, upc) = keys[line.item as usize];
            if key != self.open_key {
                self.close(words)?;
                self.open_key = key;
            }
            let terms = self.sum_terms_of[line.terms as usize];
            let sums = self.open.entry((upc, terms)).or_default();
            sums.units = sums.units.checked_add(line.units).ok_or(SumBeyondColumn)?;
            if let Some(Amount(amount)) = line.amount() {
                let sum = sums.amount.unwrap_or_default().checked_add(amount);
                sums.amount = Some(sum.ok_or(SumBeyondColumn)?);
            }
            sums.lines += 1;
        }
        Ok(())
    }

    /// Ends the recording whose lines came last.
    fn close(&mut self, words: &SaleWords) -> Result<(), SumBeyondColumn> {
        if self.ranks.len() < self.terms.len() {
            self.ranks = ranks(&self.terms, words);
        }
        let mut sums: Vec<((u64, u32), OpenSums)> = self.open.drain().collect();
        // No release is 0, and stands last.
        sums.sort_unstable_by_key(|((upc, terms), _)| {
            (upc.wrapping_sub(1), self.ranks[*terms as usize])
        });
        for ((upc, terms), OpenSums { units, amount, lines }) in sums {
            let SumTerms { statement_period, currency, .. } = self.terms[terms as usize];
            self.totals.lines += exact::<u64>(lines);
            self.totals.units += i128::from(units);
            if let Some((currency, amount)) = currency.zip(amount) {
                let total = self.totals.amounts.entry(currency).or_default();
                *total = total.checked_add(amount).ok_or(SumBeyondColumn)?;
            }
            let isrc = if self.open_key == u64::MAX { 0 } else { self.open_key };
            let amount = amount.unwrap_or(NO_AMOUNT);
            let sum = MonthlySum { amount, isrc, upc, units, lines, terms, unused: [0; 3] };
            let period = (statement_period.is_none(), statement_period);
            self.closed.entry(period).or_default().push(sum);
        }
        Ok(())
    }

    /// Takes the sums that are complete: those of all recordings but the last one.
    pub fn take_closed(&mut self) -> ByPeriod {
        std::mem::take(&mut self.closed)
    }

    /// How many sums are complete and were not taken.
    #[must_use]
    pub fn n_closed(&self) -> usize {
        self.closed.values().map(Vec::len).sum()
    }

    /// Ends the lines: the rest of the sums, what their terms are, and what all of them come to.
    ///
    /// # Errors
    /// [`SumBeyondColumn`].
    pub fn finish(
        mut self,
        words: &SaleWords,
    ) -> Result<(ByPeriod, Vec<SumTerms>, MonthTotals), SumBeyondColumn> {
        self.close(words)?;
        Ok((self.closed, self.terms, self.totals))
    }
}

/// Where terms stand among those of one period and release.
fn ranks(terms: &[SumTerms], words: &SaleWords) -> Vec<u32> {
    let key = |id: &u32| {
        let of = terms[*id as usize];
        let tier_code = of.tier_code.map(|code| words.text(code));
        (
            (of.territory.is_none(), of.territory, of.tier),
            (tier_code.is_none(), tier_code, words.text(of.use_type), of.line_type.as_str()),
            (of.royalty_bearing.is_none(), of.royalty_bearing),
            (of.currency.is_none(), of.currency),
        )
    };
    let mut ids: Vec<u32> = (0..exact::<u32>(terms.len())).collect();
    ids.sort_by_key(key);
    let mut ranks = vec![0; terms.len()];
    for (rank, id) in (0..).zip(ids) {
        ranks[id as usize] = rank;
    }
    ranks
}

#[cfg(test)]
mod tests;
