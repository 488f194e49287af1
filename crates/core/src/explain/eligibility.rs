//! Eligibility: whether a track has enough plays to be paid for at all. Spotify pays for a track from
//! the month on in which it has 1,000 plays in twelve months, not for the months before.
//!
//! The store's second condition, a number of listeners that it does not publish, cannot be judged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// From when on a store pays for a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EligibilityRule {
    /// So many counted plays,
    #[schemars(range(min = 1))]
    pub plays_min: i64,
    /// in so many months, of which the last is the month that is paid.
    #[schemars(range(min = 1, max = 24))]
    pub months: u32,
}

/// Whether a track is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eligibility {
    /// It has enough plays.
    Eligible,
    /// It has not.
    Below,
    /// It may have: of some of the months not all plays are known.
    Unknown,
}

impl Eligibility {
    /// The name as it stands in the tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eligible => "eligible",
            Self::Below => "below",
            Self::Unknown => "unknown",
        }
    }

    /// Of a track with so many known plays in the months of the rule; `is_whole` if all plays of
    /// these months are known.
    #[must_use]
    pub fn of(plays: i64, is_whole: bool, rule: EligibilityRule) -> Self {
        match (rule.plays_min <= plays, is_whole) {
            (true, _) => Self::Eligible,
            (false, true) => Self::Below,
            (false, false) => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_is_paid_for_from_the_bound_on() {
        let rule = EligibilityRule { plays_min: 1_000, months: 12 };
        let of = |plays, is_whole| Eligibility::of(plays, is_whole, rule).as_str();
        assert_eq!(
            [of(999, true), of(1_000, true), of(1_001, true)],
            ["below", "eligible", "eligible"]
        );
        assert_eq!([of(999, false), of(1_000, false)], ["unknown", "eligible"]);
    }
}
