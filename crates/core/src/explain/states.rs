//! States: why a number is not known, or not final; a few of the names that the tables have.

use crate::explain::coverage::CoverageState;
use crate::explain::waterfall::why;

/// All names, in the order in which they are told.
const NAMES: [&str; 12] = [
    CoverageState::NotDue.as_str(),
    CoverageState::Due.as_str(),
    CoverageState::Late.as_str(),
    CoverageState::Received.as_str(),
    CoverageState::Partial.as_str(),
    CoverageState::Complete.as_str(),
    CoverageState::Restated.as_str(),
    CoverageState::NotSent.as_str(),
    why::NO_CALENDAR,
    why::NOT_BY_TERRITORY,
    why::NOT_LISTED,
    why::HISTORY_INCOMPLETE,
];

/// A set of states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepStates(u16);

impl StepStates {
    /// Adds one by its name; `None` if nobody knows it.
    #[must_use]
    pub fn with(self, name: &str) -> Option<Self> {
        let place = NAMES.iter().position(|known| *known == name)?;
        Some(Self(self.0 | 1 << place))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let is_in = move |place: usize| self.0 >> place & 1 == 1;
        NAMES.into_iter().enumerate().filter(move |(place, _)| is_in(*place)).map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_states_has_each_once_and_knows_all() {
        let late = StepStates::default().with("late").unwrap();
        let both = late.and(StepStates::default().with("not_due").unwrap().with("late").unwrap());
        assert_eq!(both.names().collect::<Vec<_>>(), ["not_due", "late"]);
        assert_eq!(StepStates::default().with("gone"), None);
        let all = CoverageState::ALL.map(CoverageState::as_str);
        assert!(all.iter().all(|name| StepStates::default().with(name).is_some()));
    }
}
