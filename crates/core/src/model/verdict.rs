//! Verdict and reason: what was decided of a play, and why it is not simply counted.

/// What was decided of a play; every play has one. Orders as its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// It counts.
    Counted,
    /// It does not count, for good.
    Excluded,
    /// It is suspicious, shown apart, and may still be released.
    Held,
}

impl Verdict {
    /// All verdicts, in the order of their names.
    pub const ALL: [Self; 3] = [Self::Counted, Self::Excluded, Self::Held];

    /// The name as it stands in the tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Excluded => "excluded",
            Self::Held => "held",
        }
    }
}

/// Why a play is not counted; a counted play has none. Orders as its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// The same play is there already.
    Duplicate = 1,
    /// Nobody knows how long it was played.
    DurationMissing,
    /// More played time than a day has.
    ImpossibleTime,
    /// More plays than a day can hold.
    ImpossibleVolume,
    /// Many plays, hardly varying in length.
    LowVariety,
    /// Played offline, and reported too late.
    OfflineExpired,
    /// One listener, one track, over and over.
    Repeater,
    /// Most plays end just after the bound from which they pay.
    ShortCluster,
    /// Under the store's minimum.
    TooShort,
}

impl Reason {
    /// All reasons, in the order of their names.
    pub const ALL: [Self; 9] = [
        Self::Duplicate,
        Self::DurationMissing,
        Self::ImpossibleTime,
        Self::ImpossibleVolume,
        Self::LowVariety,
        Self::OfflineExpired,
        Self::Repeater,
        Self::ShortCluster,
        Self::TooShort,
    ];

    /// The name as it stands in the tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::DurationMissing => "duration_missing",
            Self::ImpossibleTime => "impossible_time",
            Self::ImpossibleVolume => "impossible_volume",
            Self::LowVariety => "low_variety",
            Self::OfflineExpired => "offline_expired",
            Self::Repeater => "repeater",
            Self::ShortCluster => "short_cluster",
            Self::TooShort => "too_short",
        }
    }

    /// The reason with this code (its place among the names, from 1); 0 is none.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }
}

/// What a rule found: its reason, and of `low_variety` by which of its signs, since they may have other
/// verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding(u8);

impl Finding {
    /// How many there are.
    pub const COUNT: usize = Reason::ALL.len() + 1;

    /// `low_variety` where each track is played for a length of its own.
    pub const LENGTH_PER_TRACK: Self = Self(Reason::TooShort as u8 + 1);

    /// What a rule found with this reason; of `low_variety` by the signs of few or short played times.
    #[must_use]
    pub const fn of(reason: Reason) -> Self {
        Self(reason as u8)
    }

    /// All of them, in the order of their codes.
    pub fn all() -> impl Iterator<Item = Self> {
        (0_u8..).take(Self::COUNT).map(|place| Self(place + 1))
    }

    /// Its code, from 1; 0 is none.
    #[must_use]
    pub fn code(self) -> u8 {
        self.0
    }

    /// The one with this code; 0 is none.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        (1..=Self::COUNT).contains(&usize::from(code)).then_some(Self(code))
    }

    /// Why the plays are not counted.
    #[must_use]
    pub fn reason(self) -> Reason {
        Reason::from_code(self.0).unwrap_or(Reason::LowVariety)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rules_find_has_codes_of_its_own() {
        let all: Vec<Finding> = Finding::all().collect();
        assert_eq!(all.len(), Finding::COUNT);
        for finding in all {
            assert_eq!(Finding::from_code(finding.code()), Some(finding));
        }
        for reason in Reason::ALL {
            assert_eq!(Finding::of(reason).reason(), reason);
            assert_ne!(Finding::of(reason), Finding::LENGTH_PER_TRACK);
        }
        assert_eq!(Finding::LENGTH_PER_TRACK.reason(), Reason::LowVariety);
        assert_eq!((Finding::from_code(0), Finding::from_code(11)), (None, None));
    }

    #[test]
    fn names_codes_and_order_agree() {
        assert!(Verdict::ALL.is_sorted_by_key(|verdict| verdict.as_str()));
        assert!(Reason::ALL.is_sorted_by_key(|reason| reason.as_str()));
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason as u8), Some(reason));
        }
        assert_eq!((Reason::from_code(0), Reason::from_code(10)), (None, None));
    }
}
