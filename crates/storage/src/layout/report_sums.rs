//! What the rows of a report come to, as the ledger keeps it: to check tables against, to keep sums within
//! what columns hold, and to tell what is replaced.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streamledger_core::model::money::{Amount, Currency};
use streamledger_core::normalize::sums::{BoundedSum, ReportSumsBuilder};
use streamledger_core::supersede::row_hash::RowSums;

/// What the rows of a report come to, where they are compared with those of other reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportSums {
    /// Rows that were compared: lines, pools, figures, or plays in sums.
    pub rows: u64,
    /// 32 hex digits: the same for the same rows in any order.
    pub fingerprint: String,
    /// Units or plays, a whole number; `None` where they are beyond 128 bits.
    pub plays: Option<String>,
    /// Money by currency, exact decimals.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub money: BTreeMap<String, String>,
    /// Whether a row has no territory.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_no_territory: bool,
}

impl ReportSums {
    /// As the ledger has them.
    #[must_use]
    pub fn of(sums: &RowSums) -> Self {
        let money = |(currency, amount): (&Currency, &i128)| {
            (currency.as_str().to_owned(), Amount(*amount).to_string())
        };
        Self {
            rows: sums.rows,
            fingerprint: format!("{:032x}", sums.fingerprint),
            plays: (!sums.is_beyond).then(|| sums.plays.to_string()),
            money: sums.money.iter().map(money).collect(),
            has_no_territory: sums.has_no_territory,
        }
    }
}

/// Sums over lines of statements, to be checked against each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonthTotalsRecord {
    /// Units.
    pub units: i128,
    /// Money by currency, exact decimals; nothing where no line has any.
    pub amounts: BTreeMap<String, String>,
}

impl MonthTotalsRecord {
    /// Sums with their signs; `None` if 128 bits do not hold one.
    #[must_use]
    pub fn net(sums: &ReportSumsBuilder) -> Option<Self> {
        let amount = |(currency, sum): (&Currency, &BoundedSum)| {
            Some((currency.as_str().to_owned(), Amount(sum.net()?).to_string()))
        };
        let amounts = sums.amounts.iter().map(amount).collect::<Option<_>>()?;
        Some(Self { units: sums.units.net()?, amounts })
    }

    /// Sums without signs; `None` if 128 bits do not hold one.
    #[must_use]
    pub fn size(sums: &ReportSumsBuilder) -> Option<Self> {
        let size = |sum: &BoundedSum| i128::try_from(sum.size()?).ok();
        let amount = |(currency, sum): (&Currency, &BoundedSum)| {
            Some((currency.as_str().to_owned(), Amount(size(sum)?).to_string()))
        };
        let amounts = sums.amounts.iter().map(amount).collect::<Option<_>>()?;
        Some(Self { units: size(&sums.units)?, amounts })
    }
}

/// How large the numbers of a report are: sums without signs, which bound what any of its rows sum to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportSizes {
    /// Of lines, pools, counters and declared streams, by path of their partition under the tables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lots: BTreeMap<String, MonthTotalsRecord>,
    /// Of plays, where a row may stand for several; `None` where each row is one play.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plays: Option<PlaySizes>,
    /// Why it is rejected, though it could be read: a partition would sum to too much with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_for: Option<String>,
}

impl ReportSizes {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How large the plays of a report are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaySizes {
    /// Plays.
    pub plays: i128,
    /// Played time, milliseconds.
    pub played_ms: i128,
}
