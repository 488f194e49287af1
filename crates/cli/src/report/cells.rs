//! Cells: a number, and next to it why it is not known or only a part. What is not known is said in words,
//! never as 0.

use std::collections::BTreeSet;

use streamledger_core::explain::figures::{FigureLines, RecordingFigures};
use streamledger_core::explain::step::WaterfallStep;

use crate::print::output::grouped;

/// A number, or why there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PageCell {
    /// The number; empty if it is not known.
    pub(crate) number: String,
    /// Why it is not known, or not final.
    pub(crate) note: String,
}

/// How far plays are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FigureReach {
    /// Whether some of the reports that they are in are there.
    pub(crate) is_some: bool,
    /// How it stands with those that are not.
    pub(crate) open: BTreeSet<String>,
}

/// A number as pages write it.
pub(crate) fn number(plays: i64) -> String {
    grouped(plays.into()).replace('-', "\u{2212}")
}

impl PageCell {
    pub(crate) fn known(plays: i64) -> Self {
        Self { number: number(plays), note: String::new() }
    }

    pub(crate) fn not_known(note: impl Into<String>) -> Self {
        Self { number: String::new(), note: note.into() }
    }

    pub(crate) fn in_part(plays: i64, note: &str) -> Self {
        // Two words that stay together in a narrow column.
        let part = "in\u{a0}part";
        let note = if note.is_empty() { part.to_owned() } else { format!("{part}: {note}") };
        Self { number: number(plays), note }
    }

    /// A line of a waterfall; `state` says a state in words. A change that has none is 0.
    pub(crate) fn of(
        lines: &FigureLines,
        step: WaterfallStep,
        state: impl Fn(&str) -> String,
    ) -> Self {
        let Some(line) = lines.of(step) else {
            return Self::known(0);
        };
        let states: Vec<String> = line.states.names().map(state).collect();
        let note = states.join("; ");
        match line.plays {
            None => Self::not_known(if note.is_empty() { "not known".to_owned() } else { note }),
            Some(plays) if note.is_empty() => Self::known(plays),
            Some(plays) => Self::in_part(plays, &note),
        }
    }

    /// Units that statements pay over months and stores.
    pub(crate) fn paid(figures: &RecordingFigures) -> Self {
        match figures.paid_units() {
            None => Self::not_known("no statement yet"),
            Some(paid) if figures.is_paid_in_part() => Self::in_part(paid, ""),
            Some(paid) => Self::known(paid),
        }
    }
}

impl FigureReach {
    /// The same and another one.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.is_some |= other.is_some;
        self.open.extend(other.open.iter().cloned());
        self
    }

    /// A number of plays that are known so far.
    pub(crate) fn cell(&self, plays: i64) -> PageCell {
        let notes = || self.open.iter().cloned().collect::<Vec<_>>().join("; ");
        match (self.open.is_empty(), self.is_some || plays != 0) {
            (true, _) => PageCell::known(plays),
            (false, false) => PageCell::not_known(notes()),
            (false, true) if notes() == "so far" => {
                PageCell { note: notes(), ..PageCell::known(plays) }
            }
            (false, true) => PageCell::in_part(plays, &notes()),
        }
    }

    /// The same without the reasons, for sums of many months.
    pub(crate) fn short_cell(&self, plays: i64) -> PageCell {
        match (self.open.is_empty(), self.is_some || plays != 0) {
            (true, _) => PageCell::known(plays),
            (false, false) => PageCell::not_known("not known"),
            (false, true) => PageCell::in_part(plays, ""),
        }
    }
}

/// Whether the paid units of a waterfall are all there.
pub(crate) fn is_all_paid(lines: &FigureLines) -> bool {
    let line = lines.of(WaterfallStep::PaidUnits);
    line.is_some_and(|line| line.plays.is_some() && line.states.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_sign_of_a_number() {
        assert_eq!([number(-1200), number(0)], ["\u{2212}1,200", "0"]);
    }

    #[test]
    fn what_no_report_says_is_no_zero() {
        let reach = |is_some, open: &[&str]| FigureReach {
            is_some,
            open: open.iter().map(|text| (*text).to_owned()).collect(),
        };
        assert_eq!(reach(true, &[]).cell(0), PageCell::known(0));
        assert_eq!(reach(false, &["late"]).cell(0), PageCell::not_known("late"));
        assert_eq!(reach(true, &["late"]).cell(0), PageCell::in_part(0, "late"));
        assert_eq!(reach(false, &["late"]).cell(3), PageCell::in_part(3, "late"));
        assert_eq!(reach(true, &["so far"]).cell(3).note, "so far");
        assert_eq!(reach(false, &["late"]).short_cell(0), PageCell::not_known("not known"));
        assert_eq!(reach(true, &["late"]).short_cell(3).note, "in\u{a0}part");
    }
}
