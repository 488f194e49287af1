//! Coverage, to be asked for months: days are put together, and where reports are of single territories,
//! each is told by itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::explain::coverage::{CoverageRow, CoverageState, TerritorySplit};
use crate::explain::period::{Period, months_within};
use crate::ingest::table::format::Feed;
use crate::model::day::{Day, Month};

/// What is known of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthState {
    /// How it stands; of a month of days that are not all alike, `Partial`.
    pub state: CoverageState,
    /// When what is missing first is due.
    pub due_date: Option<Day>,
}

/// Store, feed, territory with rows of its own, month.
type KeyOfMonth = (String, Feed, Option<String>, Month);

/// How it stands with a period, and when its report is due.
type PeriodState = (CoverageState, Option<Day>, Period);

/// Coverage, to be asked for months.
#[derive(Debug, Default)]
pub struct KnownMonths {
    months: BTreeMap<KeyOfMonth, Vec<(PeriodState, Option<TerritorySplit>)>>,
}

impl KnownMonths {
    /// Of these rows.
    #[must_use]
    pub fn new(rows: &[CoverageRow]) -> Self {
        let mut known = Self::default();
        for row in rows {
            let period = (row.state, row.due_date, row.period);
            for (month, _) in months_within((row.period.first(), row.period.last())) {
                let key = (row.store.clone(), row.feed, row.territory.clone(), month);
                known.months.entry(key).or_default().push((period, row.split.clone()));
            }
        }
        known
    }

    /// How it stands with a month of a store and feed: in a territory, or in all that have no rows of their
    /// own. `None`: nothing came, and the calendar does not say when it should.
    #[must_use]
    pub fn of(
        &self,
        store: &str,
        feed: Feed,
        territory: Option<&str>,
        month: Month,
    ) -> Option<MonthState> {
        Some(fold(self.periods_of(store, feed, territory, month)?.into_iter(), month))
    }

    /// How it stands with the periods of a month.
    fn periods_of(
        &self,
        store: &str,
        feed: Feed,
        territory: Option<&str>,
        month: Month,
    ) -> Option<Vec<PeriodState>> {
        let key = |territory: Option<&str>| {
            (store.to_owned(), feed, territory.map(ToOwned::to_owned), month)
        };
        if let Some(own) = territory.and_then(|code| self.months.get(&key(Some(code)))) {
            return Some(own.iter().map(|(period, _)| *period).collect());
        }
        let others = self.months.get(&key(None))?;
        let there = others.iter().map(|((state, due, period), split)| {
            let here = territory.and_then(|code| split.as_ref().map(|split| split.of(code)));
            (here.unwrap_or(*state), *due, *period)
        });
        Some(there.collect())
    }

    /// The days of a month of which no report came, in a territory as in [`KnownMonths::of`].
    #[must_use]
    pub fn days_without_report(
        &self,
        store: &str,
        feed: Feed,
        territory: Option<&str>,
        month: Month,
    ) -> BTreeSet<Day> {
        let periods = self.periods_of(store, feed, territory, month).unwrap_or_default();
        let has_report = |(state, ..): &&PeriodState| {
            use CoverageState::{Complete, Partial, Received, Restated};
            matches!(state, Received | Partial | Complete | Restated)
        };
        let covered: Vec<Period> =
            periods.iter().filter(has_report).map(|(.., period)| *period).collect();
        let month = Period::Month(month);
        let days = (month.first().0..=month.last().0).map(Day);
        let is_covered =
            |day: &Day| covered.iter().any(|of| of.first() <= *day && *day <= of.last());
        days.filter(|day| !is_covered(day)).collect()
    }

    /// How it stands with a month in territories that nothing is said of: neither have they rows of their
    /// own, nor reports, nor is any expected.
    #[must_use]
    pub fn elsewhere(&self, store: &str, feed: Feed, month: Month) -> Option<MonthState> {
        self.of(store, feed, Some(""), month)
    }

    /// Territories that are told apart in a month of a store and feed: they have rows of their own, or
    /// reports of single territories leave some of them out.
    #[must_use]
    pub fn territories_of(&self, store: &str, feed: Feed, month: Month) -> BTreeSet<String> {
        let mut found = self.territories_apart(store, feed);
        let others = self.months.get(&(store.to_owned(), feed, None, month));
        let splits = others.into_iter().flatten().filter_map(|(_, split)| split.as_ref());
        found.extend(splits.flat_map(|split| split.states.keys().cloned()));
        found
    }

    /// Territories whose part of a month is not all there, though that of others is.
    #[must_use]
    pub fn missing_in(&self, store: &str, feed: Feed, month: Month) -> BTreeSet<String> {
        let others = self.months.get(&(store.to_owned(), feed, None, month));
        let splits = others.into_iter().flatten().filter_map(|(_, split)| split.as_ref());
        splits.flat_map(TerritorySplit::missing).map(ToOwned::to_owned).collect()
    }

    /// Territories of a store and feed that have rows of their own.
    #[must_use]
    pub fn territories_apart(&self, store: &str, feed: Feed) -> BTreeSet<String> {
        let keys = self.months.keys().filter(|(of, its, ..)| of == store && *its == feed);
        keys.filter_map(|(_, _, territory, _)| territory.clone()).collect()
    }
}

/// Periods to a month. A month of which some days are in no period yet is not over.
fn fold(periods: impl Iterator<Item = PeriodState>, month: Month) -> MonthState {
    let periods: Vec<PeriodState> = periods.collect();
    let missing: Vec<&PeriodState> =
        periods.iter().filter(|(state, ..)| !state.is_whole()).collect();
    let month = Period::Month(month);
    let days_of = |period: Period| {
        let (first, last) = (period.first().max(month.first()), period.last().min(month.last()));
        (last.0 - first.0 + 1).max(0)
    };
    let n_days: i32 = periods.iter().map(|(.., period)| days_of(*period)).sum();
    let due_date = missing.iter().filter_map(|(_, due, _)| *due).min();
    let is_whole = missing.is_empty() && n_days == days_of(month);
    let first = missing.first().map(|(state, ..)| *state);
    let alike = missing.iter().all(|(state, ..)| Some(*state) == first);
    let state = match first {
        None if is_whole && periods.iter().any(|(state, ..)| *state == CoverageState::Restated) => {
            CoverageState::Restated
        }
        None if is_whole => CoverageState::Complete,
        Some(state) if alike && missing.len() == periods.len() => state,
        // Nothing is there, for different reasons: the worst counts.
        Some(_) if missing.len() == periods.len() => {
            let states = missing.iter().map(|(state, ..)| *state);
            let waits = [CoverageState::NotDue, CoverageState::Due, CoverageState::Late];
            if states.clone().all(|state| waits.contains(&state)) {
                states.max().unwrap_or(CoverageState::NotDue)
            } else {
                CoverageState::Partial
            }
        }
        _ => CoverageState::Partial,
    };
    MonthState { state, due_date }
}
