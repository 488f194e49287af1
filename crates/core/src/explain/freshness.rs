//! Freshness: what a person wants to know of the coverage. Up to when figures are complete, what comes
//! next and when, what is late, and how far sales are behind trends.

use std::collections::BTreeMap;

use crate::explain::coverage::{CoverageRow, CoverageState, TerritorySplit};
use crate::explain::period::Period;
use crate::ingest::table::format::Feed;
use crate::model::day::Day;

/// How it stands with a store's feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFreshness {
    /// The store, or the distributor.
    pub store: String,
    /// What the reports are for.
    pub feed: Feed,
    /// The one territory that it is about; `None` for all others.
    pub territory: Option<String>,
    /// The last period up to which nothing is missing; `None` if the first is missing already.
    pub complete_until: Option<Period>,
    /// The last period of which anything is there.
    pub latest: Option<Period>,
    /// The first period that is not there and not late, and when its report is due.
    pub next: Option<(Period, Option<Day>)>,
    /// Periods that are late, and since how many days they are due.
    pub late: Vec<(Period, i32)>,
    /// Periods of which some days, files or territories are missing.
    pub partial: Vec<Period>,
    /// Of these, the territories that are missing where others are there.
    pub missing: Vec<(Period, Vec<String>)>,
    /// Whether the calendar says when reports are due.
    pub has_calendar: bool,
    /// Whether the feed is not sent, by agreement.
    pub is_not_sent: bool,
}

/// How far a store's sales are behind its trends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedLag {
    /// The store.
    pub store: String,
    /// The last day of the trends that are there.
    pub trends_until: Day,
    /// The last day of the sales that are there.
    pub sales_until: Day,
    /// Days between them.
    pub days: i32,
}

/// Sums the coverage up, by store, feed and territory. Stores whose figures others send are told with
/// those.
#[must_use]
pub fn freshness(rows: &[CoverageRow], as_of: Day) -> Vec<StoreFreshness> {
    let mut found: Vec<StoreFreshness> = Vec::new();
    for row in rows.iter().filter(|row| row.sender.is_none()) {
        let same = |known: &mut StoreFreshness| {
            known.store == row.store && known.feed == row.feed && known.territory == row.territory
        };
        if found.last_mut().is_none_or(|known| !same(known)) {
            found.push(StoreFreshness {
                store: row.store.clone(),
                feed: row.feed,
                territory: row.territory.clone(),
                complete_until: None,
                latest: None,
                next: None,
                late: Vec::new(),
                partial: Vec::new(),
                missing: Vec::new(),
                has_calendar: row.due_date.is_some(),
                is_not_sent: false,
            });
        }
        if let Some(known) = found.last_mut() {
            known.add(row, as_of);
        }
    }
    found
}

impl StoreFreshness {
    fn add(&mut self, row: &CoverageRow, as_of: Day) {
        let is_unbroken = self.next.is_none() && self.late.is_empty() && self.partial.is_empty();
        match row.state {
            CoverageState::NotSent => self.is_not_sent = true,
            CoverageState::NotDue | CoverageState::Due if self.next.is_none() => {
                self.next = Some((row.period, row.due_date));
            }
            CoverageState::NotDue | CoverageState::Due => {}
            CoverageState::Late => {
                let days = row.due_date.map_or(0, |due| as_of.0 - due.0);
                self.late.push((row.period, days));
            }
            CoverageState::Partial => {
                self.latest = Some(row.period);
                self.partial.push(row.period);
                let codes: Vec<String> = row
                    .split
                    .iter()
                    .flat_map(TerritorySplit::missing)
                    .map(ToOwned::to_owned)
                    .collect();
                if !codes.is_empty() {
                    self.missing.push((row.period, codes));
                }
                if row.late_from.is_some_and(|day| day <= as_of) {
                    self.late.push((row.period, row.due_date.map_or(0, |due| as_of.0 - due.0)));
                }
                // What is missing of it still comes.
                if self.next.is_none() && row.due_date.is_some_and(|due| as_of <= due) {
                    self.next = Some((row.period, row.due_date));
                }
            }
            // Nobody can say whether it is all: it ends nothing, and nothing is complete by it.
            CoverageState::Received => self.latest = Some(row.period),
            CoverageState::Complete | CoverageState::Restated => {
                self.latest = Some(row.period);
                if is_unbroken {
                    self.complete_until = Some(row.period);
                }
            }
        }
    }

    /// Whether something is late.
    #[must_use]
    pub fn is_late(&self) -> bool {
        !self.late.is_empty()
    }
}

/// How far sales are behind trends, for stores that have both.
#[must_use]
pub fn lags(rows: &[CoverageRow]) -> Vec<FeedLag> {
    let is_there = |row: &&CoverageRow| {
        matches!(
            row.state,
            CoverageState::Received
                | CoverageState::Partial
                | CoverageState::Complete
                | CoverageState::Restated
        )
    };
    let mut last: BTreeMap<&str, (Option<Day>, Option<Day>)> = BTreeMap::new();
    for row in rows.iter().filter(is_there) {
        let (trends, sales) = last.entry(&row.store).or_default();
        let place = match row.feed {
            Feed::Trends => trends,
            Feed::Sales => sales,
            Feed::PublicCounts | Feed::StoreRemovals | Feed::Reference => continue,
        };
        *place = (*place).max(Some(row.period.last()));
    }
    let lags = last.into_iter().filter_map(|(store, (trends, sales))| {
        let (trends_until, sales_until) = trends.zip(sales)?;
        let days = trends_until.0 - sales_until.0;
        Some(FeedLag { store: store.to_owned(), trends_until, sales_until, days })
    });
    lags.collect()
}

#[cfg(test)]
mod tests;
