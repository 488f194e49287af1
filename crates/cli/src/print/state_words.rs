//! Why a number is not known, or not final: which reports it waits for, when they are due, and since when
//! they are late.

use streamledger_core::explain::calendar::Calendar;
use streamledger_core::explain::coverage::CoverageState;
use streamledger_core::explain::known::{KnownMonths, MonthState};
use streamledger_core::explain::period::month_after;
use streamledger_core::explain::step::WaterfallStep;
use streamledger_core::ingest::table::format::Feed;
use streamledger_core::model::day::{Day, Month};
use streamledger_query::explain::made_from;

use crate::print::words::{counted, date_in_words};

/// What is known of the reports on a day.
pub(crate) struct StateWords<'a> {
    /// How it stands with each month of a store and feed.
    pub(crate) known: KnownMonths,
    /// On which day.
    pub(crate) as_of: Day,
    /// When reports are due.
    pub(crate) calendar: &'a Calendar,
}

impl StateWords<'_> {
    /// A state of a step, with the date of the reports that it rests on. Where territories have several
    /// dates, the first one.
    pub(crate) fn of_step(
        &self,
        store: &str,
        month: Month,
        step: WaterfallStep,
        state: &str,
    ) -> String {
        let mut month = month;
        if step == WaterfallStep::ListenedHereCountedLater {
            month = month_after(month, 1);
            if state == CoverageState::NotDue.as_str() {
                let from = made_from(self.calendar, store, month);
                return format!("known from {} on", date_in_words(from));
            }
        }
        let Some(feed) = feed_of(step, state) else {
            return state_in_words(state).to_owned();
        };
        let codes = self.known.territories_of(store, feed, month);
        let apart = codes.iter().map(|code| self.known.of(store, feed, Some(code), month));
        let all = self.known.of(store, feed, None, month);
        let elsewhere = self.known.elsewhere(store, feed, month);
        let alike = apart.chain([all, elsewhere]).flatten();
        let alike = alike.filter(|known| known.state.as_str() == state);
        match alike.min_by_key(|known| (known.due_date.is_none(), known.due_date)) {
            Some(known) => self.of_month(known),
            None => state_in_words(state).to_owned(),
        }
    }

    /// How it stands with a month.
    pub(crate) fn of_month(&self, known: MonthState) -> String {
        let words = state_in_words(known.state.as_str());
        let Some(due) = known.due_date else {
            return words.to_owned();
        };
        let date = date_in_words(due);
        let days = || counted((self.as_of.0 - due.0).into(), "day");
        let late = || format!("due on {date}, {} late", days());
        match known.state {
            CoverageState::NotDue => format!("not due before {date}"),
            CoverageState::Due => format!("due since {date}"),
            CoverageState::Late => late(),
            CoverageState::Partial | CoverageState::Received if due < self.as_of => {
                format!("{words}, {}", late())
            }
            CoverageState::Partial | CoverageState::Received => format!("{words}, due on {date}"),
            CoverageState::Complete | CoverageState::Restated | CoverageState::NotSent => {
                words.to_owned()
            }
        }
    }
}

/// What a step waits for. What nobody explains may wait for daily reports, if it says so.
fn feed_of(step: WaterfallStep, state: &str) -> Option<Feed> {
    match step {
        WaterfallStep::StoreShows | WaterfallStep::NoStoreFigure => Some(Feed::PublicCounts),
        WaterfallStep::NotInTrends
        | WaterfallStep::NoReport
        | WaterfallStep::Reported
        | WaterfallStep::Counted
        | WaterfallStep::NoTrendsFigure
        | WaterfallStep::ListenedHereCountedLater => Some(Feed::Trends),
        WaterfallStep::StoreRemovals => Some(Feed::StoreRemovals),
        WaterfallStep::NotYetInSales | WaterfallStep::ShownLessPaid | WaterfallStep::PaidUnits => {
            Some(Feed::Sales)
        }
        WaterfallStep::Unexplained if state != "history_incomplete" => Some(Feed::Trends),
        _ => None,
    }
}

/// Why a number is not known, or not final.
pub(crate) fn state_in_words(state: &str) -> &str {
    match state {
        "not_due" => "not due yet",
        "due" => "due these days",
        "late" => "late",
        "received" => "there, perhaps not all",
        "partial" => "part of it is missing",
        "not_sent" => "not sent",
        "no_calendar" => "not in the delivery calendar",
        "not_by_territory" => "only for the whole world",
        "not_listed" => "not given for this track",
        "history_incomplete" => "plays of earlier months are not all known",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_says_when_it_is_due_and_since_when_it_is_late() {
        let calendar = Calendar::default();
        let words =
            StateWords { known: KnownMonths::default(), as_of: Day(10), calendar: &calendar };
        let of =
            |state, due: Option<i32>| words.of_month(MonthState { state, due_date: due.map(Day) });
        assert_eq!(of(CoverageState::NotDue, Some(31)), "not due before 1 February 1970");
        assert_eq!(of(CoverageState::Due, Some(9)), "due since 10 January 1970");
        assert_eq!(of(CoverageState::Late, Some(5)), "due on 6 January 1970, 5 days late");
        let partial = "part of it is missing, due on 10 January 1970, 1 day late";
        assert_eq!(of(CoverageState::Partial, Some(9)), partial);
        assert_eq!(
            of(CoverageState::Partial, Some(10)),
            "part of it is missing, due on 11 January 1970"
        );
        assert_eq!(of(CoverageState::Late, None), "late");
        assert_eq!(of(CoverageState::Complete, None), "complete");
    }
}
