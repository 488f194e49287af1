//! Figures: what reports and statements say of a recording, an artist or all, in the form that pages
//! show. All of them add up: those of an artist are the sum of those of the recordings.

use std::collections::{BTreeMap, BTreeSet};

use crate::explain::states::StepStates;
use crate::explain::step::{StepKind, WaterfallStep};
use crate::model::day::{Day, Month};
use crate::model::verdict::Verdict;

/// Place of a store in the list of stores that the figures are about.
pub type StoreNumber = u16;

/// ISO 3166-1 alpha-2; `None` where nobody said where.
pub type TerritoryCode = Option<[u8; 2]>;

/// Plays by what was decided of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlayFigures {
    /// They count.
    pub counted: i64,
    /// They may still be released.
    pub held: i64,
    /// They do not count.
    pub excluded: i64,
}

impl PlayFigures {
    /// Plays with one verdict.
    #[must_use]
    pub fn of(verdict: Verdict, plays: i64) -> Self {
        match verdict {
            Verdict::Counted => Self { counted: plays, ..Self::default() },
            Verdict::Held => Self { held: plays, ..Self::default() },
            Verdict::Excluded => Self { excluded: plays, ..Self::default() },
        }
    }

    /// All that were reported.
    #[must_use]
    pub fn reported(self) -> i64 {
        self.counted + self.held + self.excluded
    }

    /// Adds others.
    pub fn add(&mut self, other: Self) {
        self.counted += other.counted;
        self.held += other.held;
        self.excluded += other.excluded;
    }
}

/// A line of the waterfall of a store's month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureLine {
    /// Which one.
    pub step: WaterfallStep,
    /// Plays that are known; `None` if none of them are.
    pub plays: Option<i64>,
    /// Why some of them are not known, or not final.
    pub states: StepStates,
    /// Of `restated`: the statements that did it.
    pub reports: Option<Box<BTreeSet<String>>>,
}

impl FigureLine {
    fn add(&mut self, other: &Self) {
        self.plays = sum_of_known(self.plays, other.plays);
        self.states = self.states.and(other.states);
        if let Some(reports) = &other.reports {
            self.reports.get_or_insert_default().extend(reports.iter().cloned());
        }
    }
}

/// The lines of a waterfall, in the order of their steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FigureLines(Vec<FigureLine>);

impl FigureLines {
    /// Adds a line to the one of the same step.
    pub fn add(&mut self, line: &FigureLine) {
        let place = |known: &FigureLine| known.step.position().cmp(&line.step.position());
        match self.0.binary_search_by(place) {
            Ok(at) => self.0[at].add(line),
            Err(at) => self.0.insert(at, line.clone()),
        }
    }

    /// The lines.
    #[must_use]
    pub fn all(&self) -> &[FigureLine] {
        &self.0
    }

    /// The lines, to be had.
    #[must_use]
    pub fn into_all(self) -> Vec<FigureLine> {
        self.0
    }

    /// The line of a step.
    #[must_use]
    pub fn of(&self, step: WaterfallStep) -> Option<&FigureLine> {
        self.0.iter().find(|line| line.step == step)
    }

    /// The first total that is not the one before it and the changes since, and by how much.
    #[must_use]
    pub fn first_gap(&self) -> Option<(WaterfallStep, i64)> {
        let mut running = 0;
        for line in &self.0 {
            let plays = line.plays.unwrap_or(0);
            match line.step.kind() {
                StepKind::Total if line.step == WaterfallStep::StoreShows => running = plays,
                StepKind::Total if running != plays => return Some((line.step, plays - running)),
                StepKind::Change => running += plays,
                StepKind::Total | StepKind::Aside => {}
            }
        }
        None
    }
}

/// What statements pay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PaidFigures {
    /// Units.
    pub units: i64,
    /// Money, in 10^-12 of the currency's unit; `None` if no line has any.
    pub amount: Option<i128>,
}

/// For what statements pay.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PaidFor {
    /// ISO 4217; `None` where there is no money.
    pub currency: Option<String>,
    /// Whether it is a kind of stream; downloads and other uses are not.
    pub is_stream: bool,
    /// Kind of user.
    pub tier: String,
}

/// What is said of a territory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FigureTables {
    /// Plays.
    pub plays: PlayFigures,
    /// Units that statements pay, of months with a waterfall; `None` if none of them is known.
    pub paid: Option<i64>,
    /// Whether of some of these months not all of them are known.
    pub is_paid_in_part: bool,
}

impl FigureTables {
    /// Adds others.
    pub fn add(&mut self, other: Self) {
        self.plays.add(other.plays);
        self.paid = sum_of_known(self.paid, other.paid);
        self.is_paid_in_part |= other.is_paid_in_part;
    }
}

/// The sum of what is known.
fn sum_of_known<N: std::ops::Add<Output = N>>(one: Option<N>, other: Option<N>) -> Option<N> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    }
}

/// The figures of some months.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordingFigures {
    /// The waterfalls.
    pub waterfalls: BTreeMap<(Month, StoreNumber), FigureLines>,
    /// Plays by store and month of the counted date.
    pub months: BTreeMap<(Month, StoreNumber), PlayFigures>,
    /// Plays of each day, from the first day of the months on, all stores.
    pub days: Vec<PlayFigures>,
    /// Counted plays that were heard in another month than they were counted in, by both.
    pub heard_before: BTreeMap<(Month, Month), i64>,
    /// Plays by kind of user.
    pub tiers: BTreeMap<String, PlayFigures>,
    /// Plays and paid units by territory.
    pub territories: BTreeMap<TerritoryCode, FigureTables>,
    /// What statements pay.
    pub paid: BTreeMap<PaidFor, PaidFigures>,
}

impl RecordingFigures {
    /// Adds plays of a day; `first` is the first day of all.
    pub fn add_day(&mut self, first: Day, day: Day, plays: PlayFigures) {
        let Ok(place) = usize::try_from(day.0 - first.0) else {
            return;
        };
        if self.days.len() <= place {
            self.days.resize(place + 1, PlayFigures::default());
        }
        self.days[place].add(plays);
    }

    /// Adds the figures of another recording.
    pub fn add(&mut self, other: &Self) {
        for (key, lines) in &other.waterfalls {
            let sum = self.waterfalls.entry(*key).or_default();
            lines.all().iter().for_each(|line| sum.add(line));
        }
        for (key, plays) in &other.months {
            self.months.entry(*key).or_default().add(*plays);
        }
        if self.days.len() < other.days.len() {
            self.days.resize(other.days.len(), PlayFigures::default());
        }
        self.days.iter_mut().zip(&other.days).for_each(|(sum, plays)| sum.add(*plays));
        for (key, plays) in &other.heard_before {
            *self.heard_before.entry(*key).or_default() += plays;
        }
        for (tier, plays) in &other.tiers {
            self.tiers.entry(tier.clone()).or_default().add(*plays);
        }
        for (code, there) in &other.territories {
            self.territories.entry(*code).or_default().add(*there);
        }
        for (key, paid) in &other.paid {
            self.add_paid(key, *paid);
        }
    }

    /// Adds what statements pay.
    pub fn add_paid(&mut self, key: &PaidFor, paid: PaidFigures) {
        let sum = self.paid.entry(key.clone()).or_default();
        sum.units += paid.units;
        sum.amount = sum_of_known(sum.amount, paid.amount);
    }

    /// All plays.
    #[must_use]
    pub fn plays(&self) -> PlayFigures {
        let mut sum = PlayFigures::default();
        self.months.values().for_each(|plays| sum.add(*plays));
        sum
    }

    /// Whether of some month or store not all that statements pay is known: its statement is missing in
    /// whole or in part, or the month is not over.
    #[must_use]
    pub fn is_paid_in_part(&self) -> bool {
        let is_open = |lines: &FigureLines| {
            lines
                .of(WaterfallStep::PaidUnits)
                .is_none_or(|line| line.plays.is_none() || !line.states.is_empty())
        };
        self.waterfalls.values().any(is_open)
            || self.months.keys().any(|month| !self.waterfalls.contains_key(month))
    }

    /// Units that are paid, of the months with a waterfall; `None` if of none of them a statement is
    /// there.
    #[must_use]
    pub fn paid_units(&self) -> Option<i64> {
        let lines = self.waterfalls.values().filter_map(|lines| lines.of(WaterfallStep::PaidUnits));
        lines.filter_map(|line| line.plays).reduce(|sum, plays| sum + plays)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(step: WaterfallStep, plays: Option<i64>, state: &str) -> FigureLine {
        let states = if state.is_empty() {
            Some(StepStates::default())
        } else {
            StepStates::default().with(state)
        };
        FigureLine { step, plays, states: states.unwrap(), reports: None }
    }

    #[test]
    fn lines_stand_in_the_order_of_their_steps_and_add_up() {
        let mut lines = FigureLines::default();
        lines.add(&line(WaterfallStep::Counted, Some(7), ""));
        lines.add(&line(WaterfallStep::Reported, Some(10), ""));
        lines.add(&line(
            WaterfallStep::Held(crate::model::verdict::Reason::Repeater),
            Some(-3),
            "",
        ));
        let steps: Vec<String> = lines.all().iter().map(|line| line.step.name()).collect();
        assert_eq!(steps, ["reported", "held_repeater", "counted"]);
        assert_eq!(lines.first_gap(), Some((WaterfallStep::Reported, 10)));
        lines.add(&line(WaterfallStep::StoreShows, None, "not_listed"));
        lines.add(&line(WaterfallStep::NoStoreFigure, Some(10), ""));
        assert_eq!(lines.first_gap(), None);
        lines.add(&line(WaterfallStep::Counted, Some(1), ""));
        assert_eq!(lines.first_gap(), Some((WaterfallStep::Counted, 1)));
    }

    #[test]
    fn what_is_known_of_a_part_is_known_and_says_what_is_missing() {
        let mut paid = line(WaterfallStep::PaidUnits, None, "not_due");
        paid.add(&line(WaterfallStep::PaidUnits, Some(5), ""));
        assert_eq!((paid.plays, paid.states.names().collect()), (Some(5), vec!["not_due"]));
    }

    prop_compose! {
        fn figures()(
            months in prop::collection::vec((1u8..4, 0u16..2, 0i64..99, 0i64..99), 0..6),
            days in prop::collection::vec((0i32..9, 0i64..99), 0..6),
            paid in prop::collection::vec((0u8..2, 0i64..9, prop::option::of(0i128..99)), 0..4),
        ) -> RecordingFigures {
            let mut figures = RecordingFigures::default();
            for (month, store, counted, held) in months {
                let plays = PlayFigures { counted, held, excluded: 1 };
                let month = Month { year: 2026, month };
                figures.months.entry((month, store)).or_default().add(plays);
                let lines = figures.waterfalls.entry((month, store)).or_default();
                lines.add(&line(WaterfallStep::Counted, Some(counted), ""));
                figures.territories.entry(Some(*b"GB")).or_default().plays.add(plays);
                figures.tiers.entry("free".to_owned()).or_default().add(plays);
            }
            for (day, counted) in days {
                figures.add_day(Day(0), Day(day), PlayFigures::of(Verdict::Counted, counted));
            }
            for (tier, units, amount) in paid {
                let key = PaidFor { currency: None, is_stream: true, tier: tier.to_string() };
                figures.add_paid(&key, PaidFigures { units, amount });
            }
            figures
        }
    }

    proptest! {
        #[test]
        fn figures_add_up_in_any_order(all in prop::collection::vec(figures(), 0..5)) {
            let (mut one, mut other) = (RecordingFigures::default(), RecordingFigures::default());
            all.iter().for_each(|figures| one.add(figures));
            all.iter().rev().for_each(|figures| other.add(figures));
            prop_assert_eq!(&one, &other);
            let counted: i64 = all.iter().map(|figures| figures.plays().counted).sum();
            prop_assert_eq!(one.plays().counted, counted);
        }
    }
}
