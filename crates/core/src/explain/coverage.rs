//! Coverage: for each store, feed, territory and period, whether its report is there, and if not,
//! whether it should be. Zero is a number only where a complete report says so.
//!
//! What is expected is in the calendar. Periods run from the first report of a store to the day of the
//! clock. A store without an entry has rows for what came, and no due dates: what is missing of it
//! cannot be told from what nobody sends.

use std::collections::{BTreeMap, BTreeSet};

use crate::explain::calendar::{Calendar, ExpectedFeed};
use crate::explain::delivery::{AboutDays, DeliveryStatus, FeedDelivery};
use crate::explain::period::{Period, PeriodLength};
use crate::explain::series::SeriesOfFeed;
use crate::ingest::table::format::Feed;
use crate::model::day::Day;
use crate::numbers::exact;

/// So many days before the day of the clock, twenty years, no report is missing: an older date of a report
/// says only that it has figures of it.
const DAYS_BEFORE_MAX: i32 = 7_305;

/// How it stands with a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoverageState {
    /// Nothing came, and nothing had to come yet.
    NotDue,
    /// Nothing came; the report is due these days.
    Due,
    /// Nothing came, though it should have.
    Late,
    /// Figures came, of which nobody can say whether they are all: lines of a statement of several
    /// stores, or of a later month.
    Received,
    /// Some days or some files of the report are missing.
    Partial,
    /// All of it is there.
    Complete,
    /// All of it is there, and a newer report has corrected it.
    Restated,
    /// It is not sent, by agreement.
    NotSent,
}

impl CoverageState {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::NotDue,
        Self::Due,
        Self::Late,
        Self::Received,
        Self::Partial,
        Self::Complete,
        Self::Restated,
        Self::NotSent,
    ];

    /// The name as it stands in the tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotDue => "not_due",
            Self::Due => "due",
            Self::Late => "late",
            Self::Received => "received",
            Self::Partial => "partial",
            Self::Complete => "complete",
            Self::Restated => "restated",
            Self::NotSent => "not_sent",
        }
    }

    /// Whether all figures of the period are there: what is not among them is zero.
    #[must_use]
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Complete | Self::Restated)
    }
}

/// A row of the table `coverage`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageRow {
    /// The store.
    pub store: String,
    /// What the reports are for.
    pub feed: Feed,
    /// The one territory that it is about; `None` for all without rows of their own.
    pub territory: Option<String>,
    /// The day or month.
    pub period: Period,
    /// How it stands.
    pub state: CoverageState,
    /// When the report is due; `None` where the calendar does not say.
    pub due_date: Option<Day>,
    /// From when on it is late.
    pub late_from: Option<Day>,
    /// Who sends the reports, where it is not the store: names, joined by `|`.
    pub sender: Option<String>,
    /// How many reports have figures of it that count.
    pub n_reports: u32,
    /// The report that corrected an earlier one.
    pub restated_by: Option<String>,
    /// Where reports of single territories leave others out; `None` if the state is that of all.
    pub split: Option<TerritorySplit>,
}

/// How it stands with the territories of a period whose reports are of single ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerritorySplit {
    /// Territories that have a report, or of which one is expected.
    pub states: BTreeMap<String, CoverageState>,
    /// All others.
    pub elsewhere: CoverageState,
}

impl TerritorySplit {
    /// How it stands with a territory.
    #[must_use]
    pub fn of(&self, territory: &str) -> CoverageState {
        self.states.get(territory).copied().unwrap_or(self.elsewhere)
    }

    /// The territories that are expected and not all there.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        let missing = self.states.iter().filter(|(_, state)| !state.is_whole());
        missing.map(|(code, _)| code.as_str())
    }
}

/// All rows, in the order of the table: store, feed, territory (nulls last), period.
#[must_use]
pub fn coverage(calendar: &Calendar, deliveries: &[FeedDelivery], as_of: Day) -> Vec<CoverageRow> {
    let mut rows = Vec::new();
    let senders = sender_rows(deliveries);
    let all: Vec<&FeedDelivery> = deliveries.iter().chain(&senders).collect();
    let stores: BTreeSet<&str> = all.iter().map(|delivery| delivery.store.as_str()).collect();
    for store in stores {
        let of_store: Vec<&FeedDelivery> =
            all.iter().copied().filter(|delivery| delivery.store == store).collect();
        for feed in [Feed::PublicCounts, Feed::StoreRemovals, Feed::Sales, Feed::Trends] {
            rows.extend(FeedOfStore::new(calendar, store, feed, &of_store).rows(as_of));
        }
    }
    rows.sort_by(|a, b| order(a).cmp(&order(b)));
    rows
}

fn order(row: &CoverageRow) -> (&str, &str, bool, &Option<String>, Period) {
    let territory = &row.territory;
    (&row.store, row.feed.as_str(), territory.is_none(), territory, row.period)
}

/// Statements of several stores are also reports of whoever sends them.
fn sender_rows(deliveries: &[FeedDelivery]) -> Vec<FeedDelivery> {
    deliveries
        .iter()
        .filter(|delivery| delivery.sender != delivery.store)
        .map(|delivery| FeedDelivery { store: delivery.sender.clone(), ..delivery.clone() })
        .collect()
}

/// The reports of a store for one feed, and what is expected of them.
struct FeedOfStore<'a> {
    store: &'a str,
    feed: Feed,
    /// Whether the store sends no such reports.
    is_not_sent: bool,
    entries: Vec<&'a ExpectedFeed>,
    length: PeriodLength,
    start: Option<Day>,
    deliveries: Vec<&'a FeedDelivery>,
    /// Who sends them, if the store does not.
    sender: Option<String>,
    /// Which reports come with every period.
    series: SeriesOfFeed<'a>,
    /// Territories with plays, by period: those that statements are owed for.
    played: BTreeMap<Period, BTreeSet<&'a str>>,
}

impl<'a> FeedOfStore<'a> {
    fn new(
        calendar: &'a Calendar,
        store: &'a str,
        feed: Feed,
        of_store: &[&'a FeedDelivery],
    ) -> Self {
        let of = |feed: Feed| of_store.iter().copied().filter(move |known| known.feed == feed);
        let deliveries: Vec<&FeedDelivery> = of(feed).collect();
        let is_direct = deliveries.is_empty() || deliveries.iter().any(|d| d.sender == store);
        let senders: BTreeSet<&str> = deliveries.iter().map(|d| d.sender.as_str()).collect();
        let senders: Vec<&str> = senders.into_iter().collect();
        let entries = if is_direct {
            calendar.of(store, feed)
        } else {
            // Several distributors: the one that names its entry first.
            let entries = senders.iter().map(|sender| calendar.of(sender, feed));
            entries.into_iter().find(|entries| !entries.is_empty()).unwrap_or_default()
        };
        let short = entries.is_empty() && feed == Feed::Trends;
        let length = match entries.first() {
            Some(entry) => entry.period,
            None if short => PeriodLength::Day,
            None => PeriodLength::Month,
        };
        let first = |feed: Feed| {
            let own = of(feed).filter(|d| d.about == AboutDays::Own).map(|d| d.days.0).min();
            own.or_else(|| of(feed).map(|d| d.days.0).min())
        };
        let start = match feed {
            Feed::Sales => [first(Feed::Sales), first(Feed::Trends)].into_iter().flatten().min(),
            Feed::Trends => first(Feed::Trends).or_else(|| first(Feed::Sales)),
            Feed::PublicCounts | Feed::StoreRemovals | Feed::Reference => first(feed),
        };
        let sender = (!is_direct).then(|| senders.join("|"));
        let series = SeriesOfFeed::new(&deliveries, length);
        let mut played: BTreeMap<Period, BTreeSet<&str>> = BTreeMap::new();
        for plays in of(Feed::Trends).filter(|d| d.standing == DeliveryStatus::Active) {
            let codes = plays.territories.iter().map(String::as_str);
            // Of a report over two periods nobody can say which of them: that of most of its days.
            let middle = Day(plays.days.0.0 + (plays.days.1.0 - plays.days.0.0) / 2);
            played.entry(length.holding(middle)).or_default().extend(codes);
        }
        let is_not_sent = calendar.is_not_sent(store, feed);
        Self {
            store,
            feed,
            is_not_sent,
            entries,
            length,
            start,
            deliveries,
            sender,
            series,
            played,
        }
    }

    fn rows(&self, as_of: Day) -> Vec<CoverageRow> {
        let mut territories: Vec<Option<&str>> =
            self.entries.iter().map(|entry| entry.territory.as_deref()).collect();
        if territories.is_empty() {
            territories.push(None);
        }
        let by_period = self.by_period();
        let mut periods: BTreeSet<Period> = by_period.keys().copied().collect();
        if let Some(start) = self.start.filter(|_| self.is_not_sent || !self.entries.is_empty()) {
            let mut period = self.length.holding(start.max(Day(as_of.0 - DAYS_BEFORE_MAX)));
            while period.first() <= as_of {
                periods.insert(period);
                period = period.next();
            }
        }
        let mut rows = Vec::new();
        for territory in &territories {
            for period in &periods {
                let there = by_period.get(period).map_or(&[][..], Vec::as_slice);
                let there: Vec<&FeedDelivery> =
                    there.iter().copied().filter(|d| self.is_of(d, *territory)).collect();
                if there.is_empty() && self.entries.is_empty() && !self.is_not_sent {
                    continue;
                }
                rows.push(self.row(*territory, *period, &there, as_of));
            }
        }
        rows
    }

    /// The deliveries by the periods that they have days of.
    fn by_period(&self) -> BTreeMap<Period, Vec<&'a FeedDelivery>> {
        let mut by_period: BTreeMap<Period, Vec<&FeedDelivery>> = BTreeMap::new();
        for delivery in &self.deliveries {
            let mut period = self.length.holding(delivery.days.0);
            while period.first() <= delivery.days.1 {
                by_period.entry(period).or_default().push(delivery);
                period = period.next();
            }
        }
        by_period
    }

    /// Whether a report has figures of a territory; of one without rows nobody can say that it has not.
    fn is_of(&self, delivery: &FeedDelivery, territory: Option<&str>) -> bool {
        if let Some(territory) = territory {
            // A day without plays is a day all the same.
            let is_of_all = self.feed != Feed::Sales && delivery.only.is_none();
            return is_of_all || delivery.territories.contains(territory);
        }
        let apart =
            |code: &String| self.entries.iter().any(|entry| entry.territory.as_ref() == Some(code));
        delivery.territories.is_empty() || !delivery.territories.iter().all(apart)
    }

    fn row(
        &self,
        territory: Option<&str>,
        period: Period,
        there: &[&FeedDelivery],
        as_of: Day,
    ) -> CoverageRow {
        let entry = self.entries.iter().find(|entry| entry.territory.as_deref() == territory);
        let due_date = entry.map(|entry| entry.due_date(period));
        let late_from =
            entry.zip(due_date).map(|(entry, due)| due.after(entry.grace_days).after(1));
        let nothing = if self.is_not_sent {
            CoverageState::NotSent
        } else if late_from.is_some_and(|day| day <= as_of) {
            CoverageState::Late
        } else if due_date.is_some_and(|day| day <= as_of) {
            CoverageState::Due
        } else {
            CoverageState::NotDue
        };
        let split = self.split(territory, period, there, nothing);
        let state = match (self.what_came(there, period), &split) {
            (None, _) => nothing,
            (Some(state), None) => state,
            (Some(_), Some(split)) => split.state(),
        };
        let is_active = |delivery: &&&FeedDelivery| delivery.standing == DeliveryStatus::Active;
        CoverageRow {
            store: self.store.to_owned(),
            feed: self.feed,
            territory: territory.map(ToOwned::to_owned),
            period,
            state,
            due_date,
            late_from,
            sender: self.sender.clone(),
            n_reports: exact::<u32>(there.iter().filter(is_active).count()),
            restated_by: restated_by(there),
            split: split.filter(|_| territory.is_none()),
        }
    }

    /// What the reports that came say of a period; `None` if they are none. Lines of other months'
    /// statements are all of a month nowhere, and where its own statement should be they are a part.
    fn what_came(&self, there: &[&FeedDelivery], period: Period) -> Option<CoverageState> {
        let has_own = self.deliveries.iter().any(|delivery| delivery.about == AboutDays::Own);
        let has_begun = self.start.is_some_and(|start| start <= period.last());
        match what_came(there, period) {
            Some(CoverageState::Received) if has_own && has_begun => Some(CoverageState::Partial),
            state => state,
        }
    }

    /// How it stands with each territory, where there are reports of single ones, or where reports are
    /// missing that came with the periods before. Territories with plays are owed a statement, so are
    /// those whose report came each time.
    fn split(
        &self,
        territory: Option<&str>,
        period: Period,
        there: &[&FeedDelivery],
        nothing: CoverageState,
    ) -> Option<TerritorySplit> {
        if there.is_empty() || !matches!(self.feed, Feed::Trends | Feed::Sales) {
            return None;
        }
        let own = there.iter().filter(|delivery| {
            delivery.about == AboutDays::Own
                && !matches!(delivery.standing, DeliveryStatus::Superseded(_))
        });
        let singles: BTreeSet<&str> = own.filter_map(|d| d.only.as_deref()).collect();
        let played = self.played.get(&period).filter(|_| self.feed == Feed::Sales);
        let mut short = self.series.missing(period);
        // Plays tell better which territories are owed a statement than habits do.
        short.retain(|only| only.is_none() || played.is_none());
        if singles.is_empty() && short.is_empty() {
            return None;
        }
        // Without a calendar nobody can say that it is late; it is missing all the same.
        let nothing = if self.entries.is_empty() { CoverageState::Partial } else { nothing };
        let state_in = |only: Option<&str>| {
            let of_it = |d: &&FeedDelivery| d.only.is_none() || d.only.as_deref() == only;
            let there: Vec<&FeedDelivery> = there.iter().copied().filter(of_it).collect();
            let is_short = short.contains(&None) || short.contains(&only);
            match self.what_came(&there, period) {
                Some(state) if state.is_whole() && is_short => CoverageState::Partial,
                Some(state) => state,
                None => nothing,
            }
        };
        if let Some(code) = territory {
            let states = BTreeMap::from([(code.to_owned(), state_in(Some(code)))]);
            return Some(TerritorySplit { states, elsewhere: nothing });
        }
        let is_apart =
            |code: &&str| self.entries.iter().any(|e| e.territory.as_deref() == Some(*code));
        let owed = played.into_iter().flatten().copied().filter(|_| !singles.is_empty());
        let codes = singles.iter().copied().chain(short.iter().filter_map(|code| *code));
        let codes = codes.chain(owed).filter(|code| !is_apart(code));
        let states = codes.map(|code| (code.to_owned(), state_in(Some(code)))).collect();
        Some(TerritorySplit { states, elsewhere: state_in(None) })
    }
}

impl TerritorySplit {
    /// How it stands with the period as a whole, of which something is there.
    fn state(&self) -> CoverageState {
        let none_is_single = self.states.is_empty();
        let is_whole = self.missing().next().is_none();
        let states = || self.states.values().chain(none_is_single.then_some(&self.elsewhere));
        if !is_whole || states().any(|state| !state.is_whole()) {
            CoverageState::Partial
        } else if states().any(|state| *state == CoverageState::Restated) {
            CoverageState::Restated
        } else {
            CoverageState::Complete
        }
    }
}

/// What reports say of a period; `None` if they are none.
fn what_came(there: &[&FeedDelivery], period: Period) -> Option<CoverageState> {
    let own = |delivery: &&&FeedDelivery| delivery.about == AboutDays::Own;
    let active = || there.iter().filter(|delivery| delivery.standing == DeliveryStatus::Active);
    let is_waiting = there.iter().any(|delivery| delivery.standing == DeliveryStatus::Waiting);
    let days: Vec<(Day, Day)> = active().filter(own).map(|delivery| delivery.days).collect();
    if are_all_days(days, period) && !is_waiting {
        return Some(if restated_by(there).is_some() {
            CoverageState::Restated
        } else {
            CoverageState::Complete
        });
    }
    if is_waiting || active().any(|delivery| delivery.about != AboutDays::Other) {
        return Some(CoverageState::Partial);
    }
    active().next().map(|_| CoverageState::Received)
}

/// Whether spans of days leave no day of a period out.
fn are_all_days(mut spans: Vec<(Day, Day)>, period: Period) -> bool {
    spans.sort_unstable();
    let mut next = period.first();
    for (first, last) in spans {
        if next < first {
            return false;
        }
        next = next.max(Day(last.0 + 1));
    }
    period.last() < next
}

/// The report that corrected another one: by taking its place, or as figures of an earlier month in a
/// later statement next to the month's own.
fn restated_by(there: &[&FeedDelivery]) -> Option<String> {
    let is_active = |name: &&String| {
        there.iter().any(|d| d.standing == DeliveryStatus::Active && d.report == **name)
    };
    let newer = there.iter().filter_map(|delivery| match &delivery.standing {
        DeliveryStatus::Superseded(by) => Some(by),
        DeliveryStatus::Active | DeliveryStatus::Waiting => None,
    });
    let has_own =
        there.iter().any(|d| d.standing == DeliveryStatus::Active && d.about == AboutDays::Own);
    let later = there.iter().filter(|delivery| {
        has_own && delivery.standing == DeliveryStatus::Active && delivery.about == AboutDays::Other
    });
    newer.filter(is_active).max().or_else(|| later.map(|d| &d.report).max()).cloned()
}

#[cfg(test)]
mod tests;
