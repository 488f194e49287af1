//! About: what a report says of itself, by which a newer report about the same is told from another.

use crate::model::day::{Day, Month};
use crate::model::territory::Territory;

/// What a report says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportFacets {
    territory: OneOrMore,
    /// First and last day of which it speaks.
    pub days: Option<(Day, Day)>,
    /// First and last day of a report of plays or figures, as its head states them.
    pub stated: Option<(Day, Day)>,
    /// First and last period in which its lines are settled.
    pub statements: Option<(Month, Month)>,
    /// When it was made, milliseconds since 1970 UTC.
    pub created_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum OneOrMore {
    #[default]
    None,
    One(u16),
    More,
}

impl ReportFacets {
    /// Notes the territory of a row, packed; 0 for none.
    #[inline]
    pub fn note_territory(&mut self, packed: u16) {
        self.territory = match self.territory {
            _ if packed == 0 => return,
            OneOrMore::None => OneOrMore::One(packed),
            OneOrMore::One(known) if known == packed => return,
            OneOrMore::One(_) | OneOrMore::More => OneOrMore::More,
        };
    }

    /// Notes the first and last day of a row.
    pub fn note_days(&mut self, first: Day, last: Day) {
        let (from, to) = self.days.unwrap_or((first, last));
        self.days = Some((from.min(first), to.max(last)));
    }

    /// Notes the period in which a row is settled.
    pub fn note_statement(&mut self, month: Month) {
        let (from, to) = self.statements.unwrap_or((month, month));
        self.statements = Some((from.min(month), to.max(month)));
    }

    /// Notes when a row says that the report was made; the latest counts.
    pub fn note_created(&mut self, created_ms: i64) {
        self.created_ms = Some(self.created_ms.map_or(created_ms, |known| known.max(created_ms)));
    }

    /// Notes all that was noted of other rows.
    pub fn add(&mut self, other: &Self) {
        match other.territory {
            OneOrMore::None => {}
            OneOrMore::One(packed) => self.note_territory(packed),
            OneOrMore::More => self.territory = OneOrMore::More,
        }
        other.days.into_iter().for_each(|(first, last)| self.note_days(first, last));
        if let Some((first, last)) = other.statements {
            self.note_statement(first);
            self.note_statement(last);
        }
        other.created_ms.into_iter().for_each(|created_ms| self.note_created(created_ms));
        self.stated = self.stated.or(other.stated);
    }

    /// The only territory of its rows, `*` for several, nothing for none.
    #[must_use]
    pub fn territory(&self) -> String {
        match self.territory {
            OneOrMore::None => String::new(),
            OneOrMore::One(packed) => Territory::from_packed(packed)
                .map_or_else(String::new, |one| {
                    one.to_text().iter().map(|b| char::from(*b)).collect()
                }),
            OneOrMore::More => "*".to_owned(),
        }
    }

    /// The period that it settles, else that of which it speaks; `None` where it says neither.
    #[must_use]
    pub fn period(&self) -> Option<String> {
        let statements = self.statements.map(|(from, to)| format!("statement {from}..{to}"));
        statements.or_else(|| self.days.map(|(from, to)| format!("{from}..{to}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_one_territory_is_told_from_one_of_several() {
        let (gb, us) = (u16::from_be_bytes(*b"GB"), u16::from_be_bytes(*b"US"));
        let of = |rows: &[u16]| {
            let mut about = ReportFacets::default();
            rows.iter().for_each(|row| about.note_territory(*row));
            about.territory()
        };
        assert_eq!(of(&[]), "");
        assert_eq!(of(&[0, 0]), "");
        assert_eq!(of(&[gb, 0, gb]), "GB");
        assert_eq!(of(&[gb, us, gb]), "*");
    }

    #[test]
    fn the_period_of_settlement_goes_before_that_of_use() {
        let mut about = ReportFacets::default();
        assert_eq!(about.period(), None);
        about.note_days(Day(31), Day(58));
        about.note_days(Day(0), Day(30));
        assert_eq!(about.period().as_deref(), Some("1970-01-01..1970-02-28"));
        about.note_statement(Month { year: 2026, month: 9 });
        assert_eq!(about.period().as_deref(), Some("statement 2026-09..2026-09"));
    }
}
