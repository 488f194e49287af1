//! Book: what all pages have in common. Months and stores, the rules by which they were judged, and for
//! each store's month where its numbers come from and how it stands with them.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::explain::coverage::{CoverageRow, State};
use streamledger_core::explain::figures::Line;
use streamledger_core::explain::figures::StoreNumber;
use streamledger_core::explain::freshness::Freshness;
use streamledger_core::explain::known::{Known, MonthState};
use streamledger_core::explain::step::Step;
use streamledger_core::filter::policy::Policy;
use streamledger_core::ingest::table::format::Feed;
use streamledger_core::vocabulary::day::{Day, Month};
use streamledger_warehouse::config::Settings;
use streamledger_warehouse::explain::Published;
use streamledger_warehouse::ledger::{ReportEntry, ReportState};
use streamledger_warehouse::recordings::Span;
use streamledger_warehouse::status::Status;

use crate::step_words::{days_in_words, state_in_words, words_of};
use crate::words::{counted, date_in_words, title_of};

/// Files of a store's month that are named; of more the number is told.
const FILES_MAX: usize = 3;

/// What all pages have in common.
pub(crate) struct Book<'a> {
    /// What the pages are about.
    pub(crate) span: &'a Span,
    /// What is there and what is due.
    pub(crate) status: &'a Status,
    /// What is known of each month of a store and feed.
    pub(crate) known: Known,
    /// Of which days anything was reported, from the first day of the months on.
    pub(crate) known_days: Vec<bool>,
    settings: &'a Settings,
    published: &'a Published,
    files: BTreeMap<&'a str, &'a str>,
    sources: BTreeMap<(Month, StoreNumber), Vec<Source>>,
}

/// Where numbers of a store's month come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// What kind of report.
    pub(crate) name: &'static str,
    /// How it stands with it.
    pub(crate) state: String,
    /// The reports.
    pub(crate) files: String,
}

impl<'a> Book<'a> {
    pub(crate) fn new(
        published: &'a Published,
        settings: &'a Settings,
        status: &'a Status,
        span: &'a Span,
    ) -> Self {
        let reports = published.manifest.reports.values();
        let mut book = Self {
            span,
            status,
            known: Known::new(&status.coverage),
            known_days: known_days(status, span),
            settings,
            published,
            files: reports.map(|report| (report.name(), report.file())).collect(),
            sources: BTreeMap::new(),
        };
        for month in &span.months {
            for (number, store) in (0..).zip(&span.stores) {
                let sources = book.make_sources(store, *month);
                book.sources.insert((*month, number), sources);
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
    pub(crate) fn words(&self, month: Month, number: StoreNumber, line: &Line) -> String {
        let store = self.store_key(number);
        words_of(line, self.policy(store, month), self.settings.stores.get(store), |name| {
            self.file(name)
        })
    }

    /// What is to be known of the days of some stores.
    pub(crate) fn days_in_words(&self, stores: &BTreeSet<StoreNumber>) -> Option<String> {
        let names = stores.iter().map(|number| self.store_key(*number));
        days_in_words(names.map(|name| (name, self.settings.stores.get(name))))
    }

    fn policy(&self, store: &str, month: Month) -> Option<&Policy> {
        let policies = &self.published.manifest.policies;
        policies.of(store, &month.to_string()).map(|(policy, _)| policy)
    }

    fn file<'b>(&'b self, report: &'b str) -> &'b str {
        self.files.get(report).copied().unwrap_or(report)
    }

    /// Where the numbers of a store's month come from.
    pub(crate) fn sources(&self, month: Month, number: StoreNumber) -> &[Source] {
        self.sources.get(&(month, number)).map_or(&[], Vec::as_slice)
    }

    fn make_sources(&self, store: &str, month: Month) -> Vec<Source> {
        let feeds = [
            (Feed::Counters, "The store's own numbers"),
            (Feed::Trends, "Daily reports"),
            (Feed::Declared, "Removed as artificial"),
            (Feed::Sales, "Statements"),
        ];
        let source = |(feed, name)| {
            let state = self.state_in_words(store, feed, month)?;
            Some(Source { name, state, files: self.files_of(store, feed, month) })
        };
        feeds.into_iter().filter_map(source).collect()
    }

    /// How it stands with a month of a store and feed, also of territories that have a date of their
    /// own; `None` where nothing came and nothing is expected.
    pub(crate) fn state_in_words(&self, store: &str, feed: Feed, month: Month) -> Option<String> {
        let all = self.known.of(store, feed, None, month).map(|state| self.month_state(state));
        let apart = self.known.territories_apart(store, feed).into_iter().filter_map(|code| {
            let state = self.known.of(store, feed, Some(&code), month)?;
            Some(format!("{code}: {}", self.month_state(state)))
        });
        let parts: Vec<String> = all.into_iter().chain(apart).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    fn month_state(&self, known: MonthState) -> String {
        let due = known.due_date.map(|due| (due, date_in_words(due)));
        let days_late = |due: Day| counted((self.status.as_of.0 - due.0).into(), "day");
        match (known.state, due) {
            (State::NotDue, Some((_, date))) => format!("not due before {date}"),
            (State::Due, Some((_, date))) => format!("due since {date}"),
            (State::Late, Some((due, _))) => format!("{} late", days_late(due)),
            (state, _) => state_in_words(state.as_str()).to_owned(),
        }
    }

    /// The files that count of a store's month.
    fn files_of(&self, store: &str, feed: Feed, month: Month) -> String {
        let table = match feed {
            Feed::Counters => "counters",
            Feed::Declared => "declared",
            Feed::Sales => "sales",
            Feed::Trends | Feed::Reference => "plays",
        };
        let path = format!("{table}/store={store}/month={month}");
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
        counted(i128::try_from(files.len()).unwrap_or(0), "report")
    }

    /// How it stands with the feeds of some stores, and with those of who sends their figures.
    pub(crate) fn feeds(&self, stores: &BTreeSet<StoreNumber>) -> Vec<&Freshness> {
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

    /// How it stands with all feeds.
    pub(crate) fn all_feeds(&self) -> Vec<&Freshness> {
        self.status.feeds.iter().collect()
    }
}

/// Of which days of the months any store has reported something: of these, no plays are none.
fn known_days(status: &Status, span: &Span) -> Vec<bool> {
    let first = span.first_day();
    let mut known = Vec::new();
    let is_there = |row: &&CoverageRow| {
        row.feed == Feed::Trends
            && matches!(
                row.state,
                State::Complete | State::Restated | State::Received | State::Partial
            )
    };
    for row in status.coverage.iter().filter(is_there) {
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
    known
}

/// Where a step's number comes from.
pub(crate) fn source_of(step: Step) -> &'static str {
    match step {
        Step::StoreShows => "store's own number",
        Step::Reported | Step::Counted | Step::ListenedEarlier | Step::ListenedHereCountedLater => {
            "daily reports"
        }
        Step::Excluded(_) | Step::Held(_) => "our rule",
        Step::DeclaredArtificial => "store's list",
        Step::BelowEligibility => "store's rule",
        Step::NotRoyaltyBearing | Step::Restated | Step::PaidUnits => "statements",
        Step::NotInTrends
        | Step::NoStoreFigure
        | Step::ShownWithoutTerritory
        | Step::NotYetInSales
        | Step::SettledWithoutTerritory
        | Step::Unexplained => "difference",
    }
}
