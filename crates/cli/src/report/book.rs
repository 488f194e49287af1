//! Book: what all pages have in common. Months and stores, the rules by which they were judged, and for
//! each store's month where its numbers come from and how it stands with them.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::explain::coverage::{CoverageRow, CoverageState};
use streamledger_core::explain::figures::FigureLine;
use streamledger_core::explain::figures::StoreNumber;
use streamledger_core::explain::freshness::StoreFreshness;
use streamledger_core::explain::known::KnownMonths;
use streamledger_core::explain::step::WaterfallStep;
use streamledger_core::explain::waterfall::why;
use streamledger_core::filter::policy::Policy;
use streamledger_core::ingest::table::format::Feed;
use streamledger_core::model::day::{Day, Month};
use streamledger_core::numbers::exact;
use streamledger_pipeline::intake::config::PipelineSettings;
use streamledger_query::explain::PublishedTables;
use streamledger_query::recordings::PublishedSpan;
use streamledger_query::status::StoreStatus;
use streamledger_storage::layout::ledger::{ReportEntry, ReportState};
use streamledger_storage::layout::partition_key::month_path;

use crate::commands::status::{capitalised, headline};
use crate::print::state_words::{StateWords, state_in_words};
use crate::print::step_words::{days_in_words, words_of};
use crate::print::words::{counted, title_of};
use crate::report::cells::FigureReach;

/// Files of a store's month that are named; of more the number is told.
const FILES_MAX: usize = 3;

/// What all pages have in common.
pub(crate) struct FigureBook<'a> {
    /// What the pages are about.
    pub(crate) span: &'a PublishedSpan,
    /// What is there and what is due.
    pub(crate) status: &'a StoreStatus,
    /// How it stands with each month of a store and feed, and how that is said.
    pub(crate) states: StateWords<'a>,
    /// Of which days each store has reported something, from the first day of the months on.
    known_days: BTreeMap<&'a str, Vec<bool>>,
    settings: &'a PipelineSettings,
    published: &'a PublishedTables,
    files: BTreeMap<&'a str, &'a str>,
    sources: BTreeMap<(Month, StoreNumber), Vec<FigureSource>>,
    reaches: BTreeMap<(Month, StoreNumber), FigureReach>,
}

/// Where numbers of a store's month come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FigureSource {
    /// What kind of report.
    pub(crate) name: &'static str,
    /// How it stands with it.
    pub(crate) state: String,
    /// The reports.
    pub(crate) files: String,
}

impl<'a> FigureBook<'a> {
    pub(crate) fn new(
        published: &'a PublishedTables,
        settings: &'a PipelineSettings,
        status: &'a StoreStatus,
        span: &'a PublishedSpan,
    ) -> Self {
        let reports = published.manifest.reports.values();
        let mut book = Self {
            span,
            status,
            states: StateWords {
                known: KnownMonths::new(&status.coverage),
                as_of: status.as_of,
                calendar: &settings.calendar,
            },
            known_days: known_days(status, span),
            settings,
            published,
            files: reports.map(|report| (report.name(), report.file())).collect(),
            sources: BTreeMap::new(),
            reaches: BTreeMap::new(),
        };
        for month in &span.months {
            for (number, store) in (0..).zip(&span.stores) {
                let sources = book.make_sources(store, *month);
                book.sources.insert((*month, number), sources);
                book.reaches.insert((*month, number), book.make_reach(store, *month));
            }
        }
        book
    }

    /// A store's name for people.
    pub(crate) fn store(&self, number: StoreNumber) -> String {
        self.span.stores.get(usize::from(number)).map_or_else(String::new, |store| title_of(store))
    }

    /// A store's name in the tables.
    pub(crate) fn store_key(&self, number: StoreNumber) -> &str {
        self.span.stores.get(usize::from(number)).map_or("", String::as_str)
    }

    /// What a line says in words, with the numbers of the rules that decided.
    pub(crate) fn words(&self, month: Month, number: StoreNumber, line: &FigureLine) -> String {
        let store = self.store_key(number);
        let state = |state: &str| self.states.of_step(store, month, line.step, state);
        let settings = self.settings.stores.get(store);
        words_of(line, self.policy(store, month), settings, state, |name| self.file(name))
    }

    /// What is to be known of the days of some stores.
    pub(crate) fn days_in_words(&self, stores: &BTreeSet<StoreNumber>) -> Option<String> {
        let names = stores.iter().map(|number| self.store_key(*number));
        days_in_words(names.map(|name| (name, self.settings.stores.get(name))))
    }

    fn policy(&self, store: &str, month: Month) -> Option<&Policy> {
        let settings = &self.published.manifest.settings;
        settings.of_month(store, &month.to_string()).map(|numbers| &numbers.policy)
    }

    fn file<'b>(&'b self, report: &'b str) -> &'b str {
        self.files.get(report).copied().unwrap_or(report)
    }

    /// Where the numbers of a store's month come from.
    pub(crate) fn sources(&self, month: Month, number: StoreNumber) -> &[FigureSource] {
        self.sources.get(&(month, number)).map_or(&[], Vec::as_slice)
    }

    fn make_sources(&self, store: &str, month: Month) -> Vec<FigureSource> {
        let feeds = [
            (Feed::PublicCounts, "The store's own numbers"),
            (Feed::Trends, "Daily reports"),
            (Feed::StoreRemovals, "Removed as artificial"),
            (Feed::Sales, "Statements"),
        ];
        let source = |(feed, name)| {
            let state = self.state_in_words(store, feed, month)?;
            Some(FigureSource { name, state, files: self.files_of(store, feed, month) })
        };
        feeds.into_iter().filter_map(source).collect()
    }

    /// How it stands with a month of a store and feed, also of territories that have a date of their own
    /// or whose report is missing; `None` where nothing came and nothing is expected.
    pub(crate) fn state_in_words(&self, store: &str, feed: Feed, month: Month) -> Option<String> {
        let known = &self.states.known;
        let missing = known.missing_in(store, feed, month);
        let all = known.of(store, feed, None, month).map(|state| match state.state {
            // What is missing is told territory by territory.
            CoverageState::Partial if !missing.is_empty() => {
                state_in_words(CoverageState::Partial.as_str()).to_owned()
            }
            _ => self.states.of_month(state),
        });
        let mut codes = known.territories_apart(store, feed);
        codes.extend(missing);
        let apart = codes.into_iter().filter_map(|code| {
            let state = known.of(store, feed, Some(&code), month)?;
            Some(format!("{code}: {}", self.states.of_month(state)))
        });
        let parts: Vec<String> = all.into_iter().chain(apart).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// How far the plays of some stores in a month are known.
    pub(crate) fn reach(&self, month: Month, stores: &BTreeSet<StoreNumber>) -> FigureReach {
        let reaches = stores.iter().filter_map(|store| self.reaches.get(&(month, *store)));
        reaches.fold(FigureReach::default(), FigureReach::and)
    }

    fn make_reach(&self, store: &str, month: Month) -> FigureReach {
        let mut reach = FigureReach::default();
        match self.states.known.of(store, Feed::Trends, None, month) {
            Some(known) if known.state.is_whole() => reach.is_some = true,
            Some(known) => {
                reach.is_some = known.state == CoverageState::Partial;
                let goes_on = known.due_date.is_none_or(|due| self.status.as_of < due);
                let so_far = known.state == CoverageState::Partial && goes_on;
                let words = self.states.of_month(known);
                reach.open.insert(if so_far { "so far".to_owned() } else { words });
            }
            // It had not begun to report, or nobody knows when it should.
            None if self.has_trends(store) => {}
            None => drop(reach.open.insert(state_in_words(why::NO_CALENDAR).to_owned())),
        }
        reach
    }

    fn has_trends(&self, store: &str) -> bool {
        let mut rows = self.status.coverage.iter();
        rows.any(|row| row.feed == Feed::Trends && row.store == store)
    }

    /// Of which days all of these stores that have begun to report have reported something: of these, no
    /// plays are none. A store has begun on the first day that it has reported.
    pub(crate) fn days_known_of(&self, stores: &BTreeSet<StoreNumber>) -> Vec<bool> {
        let of_stores = || stores.iter().filter_map(|n| self.known_days.get(self.store_key(*n)));
        let n_days = of_stores().map(Vec::len).max().unwrap_or_default();
        let is_known = |place: usize| {
            let begun = || {
                of_stores().filter(|days| {
                    days.iter().position(|known| *known).is_some_and(|first| first <= place)
                })
            };
            begun().next().is_some()
                && begun().all(|days| days.get(place).copied().unwrap_or(false))
        };
        (0..n_days).map(is_known).collect()
    }

    /// The files that count of a store's month.
    fn files_of(&self, store: &str, feed: Feed, month: Month) -> String {
        let table = match feed {
            Feed::PublicCounts => "public_counts",
            Feed::StoreRemovals => "store_removals",
            Feed::Sales => "sales",
            Feed::Trends | Feed::Reference => "plays",
        };
        let path = month_path(table, store, month);
        let has = |report: &&ReportEntry| {
            let is_of = report.lines.keys().any(|known| known.starts_with(&path));
            let days = || report.days.keys().any(|day| day.starts_with(&month.to_string()));
            let is_trends = feed == Feed::Trends && report.store == store && days();
            report.state == ReportState::Active && (is_of || is_trends)
        };
        let reports = self.published.manifest.reports.values().filter(has);
        let files: BTreeSet<&str> = reports.map(ReportEntry::file).collect();
        if files.len() <= FILES_MAX {
            return files.into_iter().collect::<Vec<_>>().join(", ");
        }
        counted(exact::<i128>(files.len()), "report")
    }

    /// How it stands with the feeds of some stores, and with those of who sends their figures.
    pub(crate) fn feeds(&self, stores: &BTreeSet<StoreNumber>) -> Vec<&StoreFreshness> {
        let mut names: BTreeSet<&str> =
            stores.iter().map(|number| self.store_key(*number)).collect();
        let rows = self.status.coverage.iter();
        let senders: Vec<&str> = rows
            .filter(|row| names.contains(row.store.as_str()))
            .filter_map(|row| row.sender.as_deref())
            .flat_map(|senders| senders.split('|'))
            .collect();
        names.extend(senders);
        self.status.feeds.iter().filter(|feed| names.contains(feed.store.as_str())).collect()
    }

    /// Up to when there are figures, and what is late, of all stores.
    pub(crate) fn headline(&self) -> String {
        capitalised(&headline(&self.all_feeds()))
    }

    /// How it stands with all feeds.
    pub(crate) fn all_feeds(&self) -> Vec<&StoreFreshness> {
        self.status.feeds.iter().collect()
    }
}

/// Of which days of the months each store has reported something.
fn known_days<'a>(status: &'a StoreStatus, span: &PublishedSpan) -> BTreeMap<&'a str, Vec<bool>> {
    let first = span.first_day();
    let mut all: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
    let is_there = |row: &&CoverageRow| {
        row.feed == Feed::Trends
            && matches!(
                row.state,
                CoverageState::Complete
                    | CoverageState::Restated
                    | CoverageState::Received
                    | CoverageState::Partial
            )
    };
    for row in status.coverage.iter().filter(is_there) {
        let known = all.entry(&row.store).or_default();
        for day in (row.period.first().0..=row.period.last().0).map(Day) {
            let Ok(place) = usize::try_from(day.0 - first.0) else { continue };
            if !span.months.contains(&day.month()) {
                continue;
            }
            if known.len() <= place {
                known.resize(place + 1, false);
            }
            known[place] = true;
        }
    }
    all
}

/// Where a step's number comes from.
pub(crate) fn source_of(step: WaterfallStep) -> &'static str {
    match step {
        WaterfallStep::StoreShows => "store's own number",
        WaterfallStep::Reported
        | WaterfallStep::Counted
        | WaterfallStep::ListenedEarlier
        | WaterfallStep::ListenedHereCountedLater => "daily reports",
        WaterfallStep::Excluded(_) | WaterfallStep::Held(_) => "our rule",
        WaterfallStep::StoreRemovals => "store's list",
        WaterfallStep::BelowEligibility => "store's rule",
        WaterfallStep::NotRoyaltyBearing | WaterfallStep::Restated | WaterfallStep::PaidUnits => {
            "statements"
        }
        WaterfallStep::NotInTrends
        | WaterfallStep::NoReport
        | WaterfallStep::NoStoreFigure
        | WaterfallStep::ShownWithoutTerritory
        | WaterfallStep::NotYetInSales
        | WaterfallStep::PaidThoughExcluded
        | WaterfallStep::PaidThoughHeld
        | WaterfallStep::SettledWithoutTerritory
        | WaterfallStep::NoTrendsFigure
        | WaterfallStep::ShownLessPaid
        | WaterfallStep::Unexplained => "difference",
    }
}
