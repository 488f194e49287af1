//! Store settings: what differs from store to store, as `pipelines/stores/*.toml` writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::explain::eligibility::EligibilityRule;
use crate::model::tier::Tier;

/// What differs from store to store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// Name of the store: of its folder in the inbox and of its partitions.
    pub store: String,
    /// Names by which statements of several stores call it, in any case.
    #[serde(default)]
    pub shops: Vec<String>,
    /// A report with a larger share of bad rows than this is rejected as a whole. Basis points of
    /// its data rows: 100 = 1 %.
    #[schemars(range(max = 10_000))]
    pub bad_rows_max_basis_points: u32,
    /// A day that neither the head nor the name of a report states is covered by it where it has this
    /// share of the rows that a day usually has. Basis points: 2000 = 20 %.
    #[serde(default = "share_min")]
    #[schemars(range(max = 10_000))]
    pub share_min_basis_points: u32,
    /// The played time from which a play counts.
    pub minimum: MinimumRate,
    /// What a missing played time means.
    pub played_time: PlayedTime,
    /// The store's clock.
    pub clock: StoreClock,
    /// From when on it pays for a track; it pays for every one if not given.
    #[serde(default)]
    pub eligibility: Option<EligibilityRule>,
    /// The store's codes for the kinds of users.
    pub tier: TierTable,
}

/// The share of rows that covers a day where the store's file says nothing.
pub const SHARE_MIN: u32 = 2_000;

fn share_min() -> u32 {
    SHARE_MIN
}

/// The played time from which a play counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MinimumRate {
    /// The bound, milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub played_ms: u32,
    /// What a play of exactly the bound is: most stores count it, Apple does not.
    pub at_bound: AtBound,
}

impl MinimumRate {
    /// Whether a play of this length is too short.
    #[must_use]
    pub fn is_too_short(&self, played_ms: u32) -> bool {
        match self.at_bound {
            AtBound::Counts => played_ms < self.played_ms,
            AtBound::TooShort => played_ms <= self.played_ms,
        }
    }
}

/// What a play of exactly the bound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AtBound {
    /// It counts (">= 30 s").
    Counts,
    /// It is too short ("> 30 s").
    TooShort,
}

/// What a missing played time means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlayedTime {
    /// True if the feed holds countable plays only, so that a play without a played time counts;
    /// false if such a play is held.
    pub countable_only: bool,
}

/// The store's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreClock {
    /// Width of the steps to which the store rounds the times of plays, in seconds. As many plays
    /// as fit one step can look the same without being duplicates.
    #[schemars(range(min = 1, max = 86_400))]
    pub rounded_to_s: u32,
    /// When the store's day ends, if it says so. Only told: plays stand under the day of the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_ends: Option<DayEnds>,
}

/// When a store's day ends.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DayEnds {
    /// At midnight UTC.
    Utc,
    /// At midnight in the territory of the play.
    Territory,
}

/// The store's codes for the kinds of users, in any case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TierTable {
    /// By product code, looked at first.
    pub product: BTreeMap<String, Tier>,
    /// By access code, where there is no product code.
    pub access: BTreeMap<String, Tier>,
    /// By a word in a code that stands in neither table, the first that is found: for stores that
    /// describe a user in words (`Indirect Individual Monthly EXTENDED TRIAL`).
    #[serde(default)]
    pub words: Vec<TierWord>,
}

/// A word that says the tier, wherever it stands in a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TierWord {
    /// The word, in any case.
    pub word: String,
    /// The tier.
    pub tier: Tier,
}

impl TierTable {
    /// The tier of a user: by product code if there is one, else by access code. A code that the
    /// table does not hold is [`Tier::Unmapped`], no code at all is [`Tier::Unknown`].
    #[must_use]
    pub fn look_up(&self, product: Option<&str>, access: Option<&str>) -> Tier {
        let (table, code) = match (product, access) {
            (Some(product), _) => (&self.product, product),
            (None, Some(access)) => (&self.access, access),
            (None, None) => return Tier::Unknown,
        };
        let exact = table.iter().find(|(known, _)| known.eq_ignore_ascii_case(code));
        exact.map(|(_, tier)| *tier).or_else(|| self.by_word(code)).unwrap_or(Tier::Unmapped)
    }

    fn by_word(&self, code: &str) -> Option<Tier> {
        if self.words.is_empty() {
            return None;
        }
        let code = code.to_lowercase();
        let has = |word: &str| {
            code.split(|c: char| !c.is_alphanumeric()).any(|part| part == word.to_lowercase())
        };
        self.words.iter().find(|known| has(&known.word)).map(|known| known.tier)
    }
}

/// A store's codes of a user as `tier_code` holds them: those that are there, joined by `|`.
#[must_use]
pub fn tier_code(product: Option<&str>, access: Option<&str>) -> Option<String> {
    match (product, access) {
        (Some(product), Some(access)) => Some(format!("{product}|{access}")),
        (product, access) => product.or(access).map(ToOwned::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_that_stands_in_a_code_says_the_tier() {
        let word = |word: &str, tier| TierWord { word: word.to_owned(), tier };
        let table = TierTable {
            product: [("family trial plus".to_owned(), Tier::Bundle)].into(),
            access: BTreeMap::new(),
            words: vec![word("TRIAL", Tier::Trial), word("family", Tier::Family)],
        };
        assert_eq!(
            table.look_up(Some("Indirect Family Monthly Extended Trial"), None),
            Tier::Trial
        );
        assert_eq!(table.look_up(Some("Indirect FAMILY"), None), Tier::Family);
        assert_eq!(table.look_up(Some("Family Trial Plus"), None), Tier::Bundle);
        assert_eq!(table.look_up(Some("familyhifi"), None), Tier::Unmapped);
    }

    #[test]
    fn the_product_goes_before_the_access_even_where_it_is_unknown() {
        let table = TierTable {
            product: [("FAM6".to_owned(), Tier::Family)].into(),
            access: [("premium".to_owned(), Tier::Premium)].into(),
            words: Vec::new(),
        };
        assert_eq!(table.look_up(Some("fam6"), Some("premium")), Tier::Family);
        assert_eq!(table.look_up(Some("new"), Some("premium")), Tier::Unmapped);
        assert_eq!(table.look_up(None, Some("Premium")), Tier::Premium);
        assert_eq!(table.look_up(None, Some("free")), Tier::Unmapped);
        assert_eq!(table.look_up(None, None), Tier::Unknown);
    }

    #[test]
    fn the_bound_counts_or_not_as_the_store_says() {
        let minimum = |at_bound| MinimumRate { played_ms: 30_000, at_bound };
        let too_short =
            |at_bound| [29_999, 30_000, 30_001].map(|ms| minimum(at_bound).is_too_short(ms));
        assert_eq!(too_short(AtBound::Counts), [true, false, false]);
        assert_eq!(too_short(AtBound::TooShort), [true, true, false]);
    }
}
