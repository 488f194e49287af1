//! Which days a report speaks of, by what it says and whether those of two reports meet.

use crate::explain::period::Period;
use crate::model::day::Day;

/// What stands before a period that is settled, not used.
const STATEMENT: &str = "statement ";

/// First and last day of use, or first and last day of the months that are settled; nothing where that
/// cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayRanges {
    /// Of use.
    Used(Day, Day),
    /// Settled.
    Settled(Day, Day),
    /// Of a text that names none.
    Unknown,
}

impl DayRanges {
    /// Those of a period as the ledger has it: `2026-09-01..2026-09-07`, `statement 2026-09..2026-09`.
    #[must_use]
    pub fn of_period(text: &str) -> Self {
        let (text, is_settled) =
            text.strip_prefix(STATEMENT).map_or((text, false), |text| (text, true));
        let span = text.split_once("..").and_then(|(from, to)| {
            Some((from.parse::<Period>().ok()?.first(), to.parse::<Period>().ok()?.last()))
        });
        match span {
            Some((first, last)) if is_settled => Self::Settled(first, last),
            Some((first, last)) => Self::Used(first, last),
            None => Self::Unknown,
        }
    }

    /// Whether a day is in both.
    #[must_use]
    pub fn meet(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Used(a, b), Self::Used(c, d)) | (Self::Settled(a, b), Self::Settled(c, d)) => {
                a <= d && c <= b
            }
            _ => false,
        }
    }

    /// First and last day; `None` where they are not known.
    #[must_use]
    pub fn span(&self) -> Option<(Day, Day)> {
        match self {
            Self::Used(first, last) | Self::Settled(first, last) => Some((*first, *last)),
            Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_meet_from_the_first_that_both_have() {
        let meet = |a: &str, b: &str| {
            let (a, b) = (DayRanges::of_period(a), DayRanges::of_period(b));
            assert_eq!(a.meet(&b), b.meet(&a));
            a.meet(&b)
        };
        assert!(meet("2026-09-01..2026-09-07", "2026-09-07..2026-09-09"));
        assert!(!meet("2026-09-01..2026-09-07", "2026-09-08..2026-09-09"));
        assert!(meet("statement 2026-09..2026-09", "statement 2026-08..2026-10"));
        assert!(!meet("statement 2026-09..2026-09", "2026-09-01..2026-09-30"));
        assert!(!meet("unreadable", "unreadable"));
    }
}
