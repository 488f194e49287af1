//! Where the plays of a report were, by month of the counted date. A store that settles its territories
//! one by one owes a statement for each in which it reports plays.

use std::collections::BTreeMap;

use crate::model::day::{Day, Month};
use crate::model::territory::set::TerritorySet;
use crate::normalize::sales_lot::{MonthNote, MonthNotes};

/// Territories of plays.
#[derive(Debug, Clone, Default)]
pub(super) struct PlayedIn {
    day: Option<Day>,
    /// Of that day.
    of_day: TerritorySet,
    months: BTreeMap<Month, TerritorySet>,
}

impl PlayedIn {
    /// Notes a play; `packed` is 0 where there is no territory. Rows of a day mostly stand together.
    #[inline]
    pub(super) fn note(&mut self, day: Day, packed: u16) {
        if self.day != Some(day) {
            self.end_day();
            self.day = Some(day);
        }
        self.of_day.insert(packed);
    }

    /// Adds what another reader of the report noted.
    pub(super) fn add(&mut self, mut other: Self) {
        other.end_day();
        for (month, set) in other.months {
            self.months.entry(month).or_default().extend(&set);
        }
    }

    fn end_day(&mut self) {
        if let Some(day) = self.day {
            self.months.entry(day.month()).or_default().extend(&self.of_day);
        }
        self.of_day = TerritorySet::default();
    }

    /// The territories by month, of a store.
    #[must_use]
    pub(super) fn finish(mut self, store: &str) -> MonthNotes {
        self.end_day();
        let note = |(month, set): (Month, TerritorySet)| {
            let note = MonthNote { territories: set.territories(), ..MonthNote::default() };
            ((store.to_owned(), month), note)
        };
        self.months.into_iter().map(note).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn territories_are_those_of_the_month_of_their_days() {
        let (gb, us) = (u16::from_be_bytes(*b"GB"), u16::from_be_bytes(*b"US"));
        let mut played = PlayedIn::default();
        for (day, packed) in [(30, gb), (31, us), (30, 0), (31, us)] {
            played.note(Day(day), packed);
        }
        let codes = |note: &MonthNote| -> Vec<[u8; 2]> {
            note.territories.iter().map(|territory| territory.to_text()).collect()
        };
        let found: Vec<_> =
            played.finish("s").iter().map(|((_, m), note)| (m.to_string(), codes(note))).collect();
        assert_eq!(
            found,
            [("1970-01".to_owned(), vec![*b"GB"]), ("1970-02".to_owned(), vec![*b"US"])]
        );
    }
}
