//! Tier: the kind of user that played. Each store has codes of its own, which a table maps to these.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind of user. Declared in the order of the names, so that it orders as its text.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Tier {
    /// Part of another contract, such as a telephone's.
    Bundle,
    /// A plan for two.
    Duo,
    /// A plan for a household.
    Family,
    /// Funded by advertising.
    Free,
    /// A paying single user.
    Premium,
    /// A paying user at a student's price.
    Student,
    /// Not paying yet.
    Trial,
    /// The store gave no code.
    Unknown,
    /// The store gave a code that its table does not hold.
    Unmapped,
}

impl Tier {
    /// All tiers, in the order of their names.
    pub const ALL: [Self; 9] = [
        Self::Bundle,
        Self::Duo,
        Self::Family,
        Self::Free,
        Self::Premium,
        Self::Student,
        Self::Trial,
        Self::Unknown,
        Self::Unmapped,
    ];

    /// The name as it stands in the tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Duo => "duo",
            Self::Family => "family",
            Self::Free => "free",
            Self::Premium => "premium",
            Self::Student => "student",
            Self::Trial => "trial",
            Self::Unknown => "unknown",
            Self::Unmapped => "unmapped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_order_and_count_as_their_names() {
        assert!(Tier::ALL.is_sorted_by_key(|tier| tier.as_str()));
        assert!(Tier::ALL.iter().enumerate().all(|(place, tier)| *tier as usize == place));
    }
}
