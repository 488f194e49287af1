//! Months of which nothing is there though something should be: what is missing is said for each total,
//! since when and until when, in place of a number.

use streamledger_core::explain::coverage::State;
use streamledger_core::explain::figures::Line;
use streamledger_core::explain::period::Period;
use streamledger_core::explain::states::States;
use streamledger_core::explain::step::Step;
use streamledger_core::explain::waterfall::why;
use streamledger_core::ingest::table::format::Feed;
use streamledger_core::model::day::Month;
use streamledger_warehouse::query::explain::{Answer, Explained, Published, Question};

use crate::print::state_words::StateWords;

/// The totals of each store that was asked for and whose daily reports of the month are not all there.
/// Where they are, a recording without a row has none.
pub(crate) fn explained(
    published: &Published,
    states: &StateWords<'_>,
    question: &Question,
    answer: &Answer,
) -> Vec<Explained> {
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
        .map(|store| Explained {
            store: store.to_owned(),
            lines: lines(states, store, month, territory),
        })
        .collect()
}

fn lines(states: &StateWords<'_>, store: &str, month: Month, territory: Option<&str>) -> Vec<Line> {
    let totals = [
        (Step::StoreShows, Feed::PublicCounts),
        (Step::Reported, Feed::Trends),
        (Step::Counted, Feed::Trends),
        (Step::PaidUnits, Feed::Sales),
    ];
    let line = |(step, feed): (Step, Feed)| {
        let known = states.known.of(store, feed, territory, month);
        let name = match known.map(|known| known.state) {
            None => why::NO_CALENDAR,
            Some(State::Complete | State::Restated) => why::NOT_LISTED,
            Some(state) => state.as_str(),
        };
        let states = States::default().with(name).unwrap_or_default();
        Line { step, plays: None, states, reports: None }
    };
    totals.map(line).to_vec()
}
