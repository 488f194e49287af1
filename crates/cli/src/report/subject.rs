//! Subject: the figures of a recording, an artist or all, as texts that a page shows. No number is made
//! up here: what is not known is said in words.

use std::collections::BTreeSet;

use streamledger_core::explain::figures::{FigureLine, FigureLines, RecordingFigures, StoreNumber};
use streamledger_core::explain::freshness::StoreFreshness;
use streamledger_core::explain::step::{StepKind, WaterfallStep};
use streamledger_core::ingest::table::format::Feed;
use streamledger_core::model::day::Month;

use crate::commands::explain::share;
use crate::commands::status::{capitalised, headline};
use crate::print::step_words::name_of;
use crate::print::words::month_in_words;
use crate::report::audience::{
    PaidRow, TerritoryRow, TierRow, paid_rows, territory_rows, tier_rows,
};
use crate::report::book::{FigureBook, FigureSource, source_of};
use crate::report::cells::{FigureReach, PageCell, is_all_paid, number};
use crate::report::charts::{self, ProgressBar};
use crate::report::days::{DayFigures, HeardRow, days, heard_pairs, heard_rows};

/// The figures of something, as texts.
pub(crate) struct PageSubject {
    /// An answer for each store of the last month that has a waterfall.
    pub(crate) answers: Vec<String>,
    /// Up to when there are figures, and what is late.
    pub(crate) headline: String,
    /// Whether something is late.
    pub(crate) is_late: bool,
    /// What is to be known of the days of the stores.
    pub(crate) days_note: Option<String>,
    /// The months, the last one first, with their stores.
    pub(crate) months: Vec<MonthRow>,
    /// Their waterfalls.
    pub(crate) waterfalls: Vec<SubjectWaterfall>,
    /// The days.
    pub(crate) days: Option<DayFigures>,
    /// Months of listening against months of counting.
    pub(crate) heard: Vec<HeardRow>,
    /// Which plays were heard in another month.
    pub(crate) heard_pairs: Vec<String>,
    /// Whether daily reports of some of the months are missing.
    pub(crate) is_in_part: bool,
    /// Kinds of user.
    pub(crate) tiers: Vec<TierRow>,
    /// What statements pay by kind of user.
    pub(crate) paid: Vec<PaidRow>,
    /// Territories, the one with the most plays first.
    pub(crate) territories: Vec<TerritoryRow>,
}

/// A month of a store.
pub(crate) struct MonthRow {
    /// `September 2026`.
    pub(crate) month: String,
    /// The store.
    pub(crate) store: String,
    /// Where its waterfall is on the page; empty if there is none.
    pub(crate) anchor: String,
    /// What the store shows, reported, counted, held, paid, unexplained.
    pub(crate) numbers: [PageCell; 6],
    /// How it stands with the statements.
    pub(crate) statements: String,
}

/// The waterfall of a store's month.
pub(crate) struct SubjectWaterfall {
    /// Where it is on the page.
    pub(crate) anchor: String,
    /// `Spotify, September 2026`.
    pub(crate) title: String,
    /// The two totals in short.
    pub(crate) short: String,
    /// Whether it is unfolded.
    pub(crate) is_open: bool,
    /// The chart in a sentence.
    pub(crate) spoken: String,
    /// The shapes; nothing if all is zero.
    pub(crate) drawing: Option<String>,
    /// The steps.
    pub(crate) rows: Vec<StepRow>,
    /// Where the numbers come from.
    pub(crate) sources: Vec<FigureSource>,
}

impl SubjectWaterfall {
    /// The steps that the chart shows: those within the sum.
    pub(crate) fn bars(&self) -> impl Iterator<Item = &StepRow> {
        self.rows.iter().filter(|row| row.kind != StepKind::Aside.as_str())
    }

    /// How many they are.
    pub(crate) fn n_bars(&self) -> usize {
        self.bars().count()
    }
}

/// A step of a waterfall.
pub(crate) struct StepRow {
    /// `total`, `change` or `aside`.
    pub(crate) kind: &'static str,
    /// What it is called.
    pub(crate) name: String,
    /// The number, or `not known`.
    pub(crate) plays: String,
    /// Its share of the start.
    pub(crate) share: String,
    /// What it is.
    pub(crate) words: String,
    /// Where it comes from.
    pub(crate) source: &'static str,
}

impl PageSubject {
    /// The figures of some stores as texts.
    pub(crate) fn new(figures: &RecordingFigures, book: &FigureBook<'_>) -> Self {
        let stores = stores_of(figures);
        let reach = reach_of_all(figures, book);
        let subject = Self {
            is_in_part: !reach.open.is_empty(),
            answers: answers(figures, book),
            headline: String::new(),
            is_late: false,
            days_note: book.days_in_words(&stores),
            months: month_rows(figures, book),
            waterfalls: waterfalls(figures, book),
            days: days(figures, book, &stores),
            heard: heard_rows(figures, book, &stores),
            heard_pairs: heard_pairs(figures),
            tiers: tier_rows(figures),
            paid: paid_rows(figures),
            territories: territory_rows(figures, &reach),
        };
        subject.with_feeds(&book.feeds(&stores))
    }

    /// The same with what these feeds have and lack.
    pub(crate) fn with_feeds(self, feeds: &[&StoreFreshness]) -> Self {
        let headline = capitalised(&headline(feeds));
        Self { headline, is_late: feeds.iter().any(|feed| feed.is_late()), ..self }
    }
}

/// The stores that figures are of.
fn stores_of(figures: &RecordingFigures) -> BTreeSet<StoreNumber> {
    let keys = figures.months.keys().chain(figures.waterfalls.keys());
    keys.map(|(_, store)| *store).collect()
}

/// How far all plays of these figures are known.
pub(crate) fn reach_of_all(figures: &RecordingFigures, book: &FigureBook<'_>) -> FigureReach {
    let stores = stores_of(figures);
    let of_months = book.span.months.iter().map(|month| book.reach(*month, &stores));
    of_months.fold(FigureReach::default(), |sum, reach| sum.and(&reach))
}

/// The plays of a step; `None` if they are not known, or there is no such step.
fn plays_of(lines: &FigureLines, step: WaterfallStep) -> Option<i64> {
    lines.of(step).and_then(|line| line.plays)
}

/// An answer in a sentence or two for each store of the last month that has a waterfall.
fn answers(figures: &RecordingFigures, book: &FigureBook<'_>) -> Vec<String> {
    let Some(((last, _), _)) = figures.waterfalls.last_key_value() else {
        return Vec::new();
    };
    let of_month = figures.waterfalls.iter().filter(|((month, _), _)| month == last);
    let answer = |((month, store), lines): (&(Month, StoreNumber), &FigureLines)| {
        let (name, words) = (book.store(*store), month_in_words(*month));
        let shown = plays_of(lines, WaterfallStep::StoreShows).map_or_else(
            || format!("{name} in {words}: the store's own number is not known"),
            |shown| format!("{name} in {words}: the store shows {}", number(shown)),
        );
        let paid = plays_of(lines, WaterfallStep::PaidUnits).map_or_else(
            || {
                let state = book.state_in_words(book.store_key(*store), Feed::Sales, *month);
                let state =
                    state.unwrap_or_else(|| "the calendar does not say when it is due".to_owned());
                format!("what is paid is not known yet (statement: {state})")
            },
            |paid| {
                let so_far = if is_all_paid(lines) { "" } else { " so far" };
                format!("{} are paid{so_far}", number(paid))
            },
        );
        let ours = plays_of(lines, WaterfallStep::Reported)
            .zip(plays_of(lines, WaterfallStep::Counted))
            .map_or_else(
                || {
                    let state = book.state_in_words(book.store_key(*store), Feed::Trends, *month);
                    let state = state.unwrap_or_else(|| {
                        "the calendar does not say when they are due".to_owned()
                    });
                    format!(
                        "what is reported to us and counts is not known (daily reports: {state})"
                    )
                },
                |(reported, counted)| {
                    let is_open = |step| lines.of(step).is_some_and(|line| !line.states.is_empty());
                    let so_far = if is_open(WaterfallStep::Reported) { " so far" } else { "" };
                    let (reported, counted) = (number(reported), number(counted));
                    format!("{reported} are reported to us{so_far}, {counted} count")
                },
            );
        format!("{shown}, {ours}, {paid}.")
    };
    of_month.map(answer).collect()
}

fn month_rows(figures: &RecordingFigures, book: &FigureBook<'_>) -> Vec<MonthRow> {
    let keys: BTreeSet<(Month, StoreNumber)> =
        figures.months.keys().chain(figures.waterfalls.keys()).copied().collect();
    let row = |(month, store): &(Month, StoreNumber)| {
        let plays = figures.months.get(&(*month, *store)).copied().unwrap_or_default();
        let lines = figures.waterfalls.get(&(*month, *store));
        let later = || PageCell::not_known("after the month");
        let key = book.store_key(*store);
        let of = |step| {
            let state = |state: &str| book.states.of_step(key, *month, step, state);
            lines.map_or_else(later, |lines| PageCell::of(lines, step, state))
        };
        // Without a waterfall the month goes on.
        let reach = book.reach(*month, &BTreeSet::from([*store]));
        let of_plays = |n: i64| reach.cell(n);
        let statements = book.state_in_words(book.store_key(*store), Feed::Sales, *month);
        MonthRow {
            month: month_in_words(*month),
            store: book.store(*store),
            anchor: lines.map_or_else(String::new, |_| anchor(book, *month, *store)),
            numbers: [
                of(WaterfallStep::StoreShows),
                lines.map_or_else(|| of_plays(plays.reported()), |_| of(WaterfallStep::Reported)),
                lines.map_or_else(|| of_plays(plays.counted), |_| of(WaterfallStep::Counted)),
                of_plays(plays.held),
                of(WaterfallStep::PaidUnits),
                of(WaterfallStep::Unexplained),
            ],
            statements: statements.unwrap_or_else(|| "nothing expected".to_owned()),
        }
    };
    let mut rows: Vec<MonthRow> = Vec::new();
    let months: BTreeSet<Month> = keys.iter().map(|(month, _)| *month).collect();
    for month in months.iter().rev() {
        rows.extend(keys.iter().filter(|(known, _)| known == month).map(row));
    }
    rows
}

fn anchor(book: &FigureBook<'_>, month: Month, store: StoreNumber) -> String {
    format!("{}-{month}", book.store_key(store))
}

fn waterfalls(figures: &RecordingFigures, book: &FigureBook<'_>) -> Vec<SubjectWaterfall> {
    let last = figures.waterfalls.last_key_value().map(|((month, _), _)| *month);
    let months: BTreeSet<Month> = figures.waterfalls.keys().map(|(month, _)| *month).collect();
    let mut all = Vec::new();
    for month in months.into_iter().rev() {
        let of_month = figures.waterfalls.iter().filter(|((known, _), _)| *known == month);
        for ((_, store), lines) in of_month {
            all.push(waterfall(book, (month, *store), lines, Some(month) == last));
        }
    }
    all
}

fn waterfall(
    book: &FigureBook<'_>,
    (month, store): (Month, StoreNumber),
    lines: &FigureLines,
    is_open: bool,
) -> SubjectWaterfall {
    let mut totals = lines.all().iter().filter(|line| line.step.kind() == StepKind::Total);
    let start = totals.find_map(|line| line.plays).unwrap_or(0);
    let row = |line: &FigureLine| StepRow {
        kind: line.step.kind().as_str(),
        name: name_of(line.step),
        plays: line.plays.map_or_else(|| "not known".to_owned(), number),
        share: line
            .plays
            .map_or_else(String::new, |plays| share(plays, start).replace('-', "\u{2212}")),
        words: book.words(month, store, line),
        source: source_of(line.step),
    };
    let rows: Vec<StepRow> = lines.all().iter().map(row).collect();
    let bars = lines.all().iter().filter_map(|line| match (line.step.kind(), line.plays) {
        (StepKind::Aside, _) => None,
        (StepKind::Total, None) => Some(ProgressBar::Unknown),
        (StepKind::Total, Some(plays)) => Some(ProgressBar::Total(plays)),
        (StepKind::Change, plays) => Some(ProgressBar::Change(plays.unwrap_or(0))),
    });
    let bars: Vec<ProgressBar> = bars.collect();
    let spoken = rows.iter().filter(|row| row.kind != StepKind::Aside.as_str());
    let spoken: Vec<String> = spoken.map(|row| format!("{}: {}", row.name, row.plays)).collect();
    let short = |step| plays_of(lines, step).map_or_else(|| "not known".to_owned(), number);
    let title = format!("{}, {}", book.store(store), month_in_words(month));
    SubjectWaterfall {
        anchor: anchor(book, month, store),
        short: format!(
            "counted: {}, paid: {}",
            short(WaterfallStep::Counted),
            short(WaterfallStep::PaidUnits)
        ),
        is_open,
        spoken: format!("Waterfall of {title}. {}.", spoken.join("; ")),
        drawing: charts::waterfall(&bars),
        rows,
        sources: book.sources(month, store).to_vec(),
        title,
    }
}
