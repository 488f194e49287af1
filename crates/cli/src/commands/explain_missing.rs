//! Months of which nothing is there though something should be: what is missing is said for each total,
//! since when and until when, in place of a number.

use streamledger_core::explain::coverage::CoverageState;
use streamledger_core::explain::figures::FigureLine;
use streamledger_core::explain::period::Period;
use streamledger_core::explain::states::StepStates;
use streamledger_core::explain::step::WaterfallStep;
use streamledger_core::explain::waterfall::why;
use streamledger_core::ingest::table::format::Feed;
use streamledger_core::model::day::Month;
use streamledger_query::explain::{
    ExplainedStore, PublishedTables, WaterfallAnswer, WaterfallQuestion,
};

use crate::print::state_words::StateWords;

/// The totals of each store that was asked for and whose daily reports of the month are not all there.
/// Where they are, a recording without a row has none.
pub(crate) fn explained(
    published: &PublishedTables,
    states: &StateWords<'_>,
    question: &WaterfallQuestion,
    answer: &WaterfallAnswer,
) -> Vec<ExplainedStore> {
    let Ok(Period::Month(month)) = question.month.parse() else {
        return Vec::new();
    };
    if !answer.not_yet.is_empty() {
        return Vec::new();
    }
    let is_asked = |store: &&str| question.store.as_ref().is_none_or(|asked| asked == store);
    let is_open = |store: &&str| {
        let of = |feed| states.known.of(store, feed, question.territory.as_deref(), month);
        match (of(Feed::Trends), of(Feed::Sales)) {
            (Some(trends), _) => !trends.state.is_whole(),
            (None, sales) => sales.is_some_and(|sales| !sales.state.is_whole()),
        }
    };
    let stores = published.stores().into_iter().filter(is_asked).filter(is_open);
    let territory = question.territory.as_deref();
    stores
        .map(|store| ExplainedStore {
            store: store.to_owned(),
            lines: lines(states, store, month, territory),
        })
        .collect()
}

fn lines(
    states: &StateWords<'_>,
    store: &str,
    month: Month,
    territory: Option<&str>,
) -> Vec<FigureLine> {
    let totals = [
        (WaterfallStep::StoreShows, Feed::PublicCounts),
        (WaterfallStep::Reported, Feed::Trends),
        (WaterfallStep::Counted, Feed::Trends),
        (WaterfallStep::PaidUnits, Feed::Sales),
    ];
    let line = |(step, feed): (WaterfallStep, Feed)| {
        let known = states.known.of(store, feed, territory, month);
        let name = match known.map(|known| known.state) {
            None => why::NO_CALENDAR,
            Some(CoverageState::Complete | CoverageState::Restated) => why::NOT_LISTED,
            Some(state) => state.as_str(),
        };
        let states = StepStates::default().with(name).unwrap_or_default();
        FigureLine { step, plays: None, states, reports: None }
    };
    totals.map(line).to_vec()
}
