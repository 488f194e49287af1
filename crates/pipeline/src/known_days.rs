//! The days of which a report speaks.

use streamledger_core::model::day::Day;
use streamledger_core::supersede::names::KnownDays;
use streamledger_core::supersede::periods::DayRanges;
use streamledger_storage::layout::ledger::ReportEntry;

/// The days of which a report speaks in any way: of its rows, the periods that it settles, and when it
/// was made.
pub(crate) fn known_days(report: &ReportEntry) -> KnownDays {
    let day = |text: &String| Some(Day(text.parse::<chrono::NaiveDate>().ok()?.to_epoch_days()));
    let period = report.about.period.as_deref().map(DayRanges::of_period);
    let rows =
        report.first_date.as_ref().and_then(day).zip(report.last_date.as_ref().and_then(day));
    let made = report.about.created_ms.map(|ms| (Day::of_ms(ms), Day::of_ms(ms)));
    KnownDays {
        spans: period.and_then(|days| days.span()).into_iter().chain(rows).chain(made).collect(),
    }
}
