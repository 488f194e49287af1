//! Overview: the first page. All figures, the months of each store's feeds as a grid, and when the next
//! reports are due.

use std::collections::BTreeSet;

use streamledger_core::explain::coverage::CoverageState;
use streamledger_core::explain::freshness::StoreFreshness;
use streamledger_core::explain::period::{Period, month_after};
use streamledger_core::model::day::Month;

use crate::commands::status::message;
use crate::print::words::{date_in_words, month_in_words, period_in_words, title_of};
use crate::report::book::FigureBook;
use crate::report::days::short_month;
use crate::report::pages::{FeedRow, GridCell, GridRow};

/// Months that the grid shows: those of the pages, and on to the day of the run.
pub(crate) fn grid_months(book: &FigureBook<'_>) -> Vec<Month> {
    let (Some(first), Some(last)) = (book.span.months.first(), book.span.months.last()) else {
        return Vec::new();
    };
    let last = (*last).max(book.status.as_of.month());
    let mut months = vec![*first];
    while let Some(month) = months.last().filter(|month| **month < last) {
        months.push(month_after(*month, 1));
    }
    months
}

/// The months of each store's feeds.
pub(crate) fn grid(book: &FigureBook<'_>, months: &[Month]) -> Vec<GridRow> {
    let row = |feed: &StoreFreshness| {
        let territory = feed.territory.as_deref();
        let state = |month: &Month| book.states.known.of(&feed.store, feed.feed, territory, *month);
        GridRow {
            store: title_of(&feed.store),
            feed: name_of(feed),
            cells: months.iter().map(|month| cell(state(month).map(|known| known.state))).collect(),
        }
    };
    book.status.feeds.iter().map(row).collect()
}

fn name_of(feed: &StoreFreshness) -> String {
    let of = feed.territory.as_ref().map_or(String::new(), |code| format!(", {code}"));
    format!("{}{of}", feed.feed.as_str())
}

fn cell(state: Option<CoverageState>) -> GridCell {
    let (class, words) = match state {
        Some(CoverageState::Complete) => ("good", "complete"),
        Some(CoverageState::Restated) => ("good", "corrected"),
        Some(CoverageState::Partial) => ("part", "in part"),
        Some(CoverageState::Received) => ("part", "some"),
        Some(CoverageState::Late) => ("bad", "late"),
        Some(CoverageState::Due) => ("wait", "due now"),
        Some(CoverageState::NotDue) => ("wait", "not due"),
        Some(CoverageState::NotSent) => ("wait", "not sent"),
        None => ("wait", "none"),
    };
    GridCell { class, words }
}

/// How it stands with each feed.
pub(crate) fn feeds(book: &FigureBook<'_>) -> Vec<FeedRow> {
    let period = |period: Option<Period>| period.map_or_else(String::new, period_in_words);
    let row = |feed: &StoreFreshness| FeedRow {
        store: title_of(&feed.store),
        feed: name_of(feed),
        until: period(feed.complete_until),
        next: period(feed.next.as_ref().map(|(period, _)| *period)),
        due: feed.next.and_then(|(_, due)| due).map_or_else(String::new, date_in_words),
        message: message(feed),
    };
    book.status.feeds.iter().map(row).collect()
}

/// `July to September 2026`.
pub(crate) fn months_in_words(months: &BTreeSet<Month>) -> String {
    match (months.first(), months.last()) {
        (Some(first), Some(last)) if first == last => month_in_words(*first),
        (Some(first), Some(last)) if first.year == last.year => {
            let words = month_in_words(*first);
            let name = words.split(' ').next().unwrap_or_default();
            format!("{name} to {}", month_in_words(*last))
        }
        (Some(first), Some(last)) => {
            format!("{} to {}", month_in_words(*first), month_in_words(*last))
        }
        _ => String::new(),
    }
}

/// The months along the top of the grid.
pub(crate) fn grid_heads(months: &[Month]) -> Vec<String> {
    months.iter().map(|month| short_month(*month)).collect()
}
