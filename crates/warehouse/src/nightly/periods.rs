//! Which days a report speaks of, by what it says or by its name, and whether those of two reports meet.

use streamledger_core::explain::period::Period;
use streamledger_core::vocabulary::day::Day;

use crate::nightly::names::dates_of_name;

/// What stands before a period that is settled, not used.
const STATEMENT: &str = "statement ";

/// First and last day of use, or first and last day of the months that are settled; nothing where that
/// cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Days {
    /// Of use.
    Used(Day, Day),
    /// Settled.
    Settled(Day, Day),
    /// Of a text that names none.
    Unknown,
}

impl Days {
    /// Those of a period as the ledger has it: `2026-09-01..2026-09-07`, `statement 2026-09..2026-09`.
    pub(super) fn of_period(text: &str) -> Self {
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

    /// Those of the only date in a name.
    pub(super) fn of_name(file: &str) -> Option<Self> {
        dates_of_name(file).map(|(first, last)| Self::Used(first, last))
    }

    /// Whether a day is in both.
    pub(super) fn meet(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Used(a, b), Self::Used(c, d)) | (Self::Settled(a, b), Self::Settled(c, d)) => {
                a <= d && c <= b
            }
            _ => false,
        }
    }

    /// Whether all days of the other are in this one.
    pub(super) fn hold(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Used(a, b), Self::Used(c, d)) => a <= c && d <= b,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_meet_from_the_first_that_both_have() {
        let meet = |a: &str, b: &str| {
            let (a, b) = (Days::of_period(a), Days::of_period(b));
            assert_eq!(a.meet(&b), b.meet(&a));
            a.meet(&b)
        };
        assert!(meet("2026-09-01..2026-09-07", "2026-09-07..2026-09-09"));
        assert!(!meet("2026-09-01..2026-09-07", "2026-09-08..2026-09-09"));
        assert!(meet("statement 2026-09..2026-09", "statement 2026-08..2026-10"));
        assert!(!meet("statement 2026-09..2026-09", "2026-09-01..2026-09-30"));
        assert!(!meet("unreadable", "unreadable"));
    }

    #[test]
    fn a_month_holds_its_days_and_no_others() {
        let month = Days::of_name("a/streams_202609.tsv").unwrap();
        assert!(month.hold(&Days::of_period("2026-09-01..2026-09-30")));
        assert!(!month.hold(&Days::of_period("2026-09-01..2026-10-01")));
        assert!(!month.hold(&Days::of_period("statement 2026-09..2026-09")));
    }
}
