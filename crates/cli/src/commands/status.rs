//! `streamledger status`: what is complete, what is due next, what is late, for people and for
//! dashboards.

use serde::Serialize;
use streamledger_core::explain::freshness::{FeedLag, StoreFreshness};
use streamledger_core::explain::period::{Period, PeriodLength};
use streamledger_core::model::day::Day;
use streamledger_core::numbers::exact;
use streamledger_query::status::{StoreStatus, read_status};
use streamledger_storage::layout::settings_of_months::SettingsOfMonths;

use crate::arguments::{CommonOptions, OutputFormat, StatusOptions};
use crate::commands::nightly;
use crate::exit;
use crate::print::decisions;
use crate::print::output::{OutputSheet, grouped, print, to_csv, to_text};
use crate::print::words::{counted, date_in_words, period_in_words, title_of};

/// Prints the status.
pub(crate) fn run(common: &CommonOptions, command: &StatusOptions) -> anyhow::Result<u8> {
    let settings = nightly::load_settings(&command.pipeline)?;
    let as_of = nightly::day_of(command.as_of);
    let status = read_status(&command.warehouse, &settings, as_of)?;
    print(&match common.format {
        OutputFormat::Table => as_text(&status),
        OutputFormat::Json => serde_json::to_string_pretty(&StatusDocument::new(&status))? + "\n",
        OutputFormat::Csv => to_csv(&sheets(&status)),
    })?;
    Ok(if status.is_late() { exit::FAILED } else { exit::DONE })
}

/// The JSON document. Its keys are an agreement with dashboards: `docs/status.md`.
#[derive(Debug, Serialize)]
struct StatusDocument {
    version: u32,
    as_of: String,
    snapshot: u64,
    is_late: bool,
    headline: String,
    feeds: Vec<FeedObject>,
    lags: Vec<LagObject>,
    settings: SettingsObject,
}

#[derive(Debug, Serialize)]
struct SettingsObject {
    all: String,
    months: Vec<MonthObject>,
}

#[derive(Debug, Serialize)]
struct MonthObject {
    store: String,
    month: String,
    settings: String,
}

#[derive(Debug, Serialize)]
struct FeedObject {
    store: String,
    feed: &'static str,
    territory: Option<String>,
    state: &'static str,
    complete_until: Option<String>,
    latest: Option<String>,
    next_period: Option<String>,
    next_due: Option<String>,
    late: Vec<LateObject>,
    partial: Vec<String>,
    missing: Vec<MissingObject>,
    message: String,
}

#[derive(Debug, Serialize)]
struct LateObject {
    period: String,
    days_late: i32,
}

#[derive(Debug, Serialize)]
struct MissingObject {
    period: String,
    territories: Vec<String>,
}

#[derive(Debug, Serialize)]
struct LagObject {
    store: String,
    trends_until: String,
    sales_until: String,
    days: i32,
}

impl StatusDocument {
    fn new(status: &StoreStatus) -> Self {
        Self {
            version: 1,
            as_of: status.as_of.to_string(),
            snapshot: status.snapshot,
            is_late: status.is_late(),
            headline: headline(&all(status)),
            feeds: status.feeds.iter().map(feed_object).collect(),
            lags: status.lags.iter().map(lag_object).collect(),
            settings: settings_object(&status.settings),
        }
    }
}

fn feed_object(feed: &StoreFreshness) -> FeedObject {
    let text = |period: &Period| period.to_string();
    FeedObject {
        store: feed.store.clone(),
        feed: feed.feed.as_str(),
        territory: feed.territory.clone(),
        state: state(feed),
        complete_until: feed.complete_until.as_ref().map(text),
        latest: feed.latest.as_ref().map(text),
        next_period: feed.next.as_ref().map(|(period, _)| period.to_string()),
        next_due: feed.next.as_ref().and_then(|(_, due)| due.map(|due| due.to_string())),
        late: feed
            .late
            .iter()
            .map(|(period, days_late)| LateObject {
                period: period.to_string(),
                days_late: *days_late,
            })
            .collect(),
        partial: feed.partial.iter().map(text).collect(),
        missing: feed
            .missing
            .iter()
            .map(|(period, codes)| MissingObject {
                period: period.to_string(),
                territories: codes.clone(),
            })
            .collect(),
        message: message(feed),
    }
}

fn lag_object(lag: &FeedLag) -> LagObject {
    LagObject {
        store: lag.store.clone(),
        trends_until: lag.trends_until.to_string(),
        sales_until: lag.sales_until.to_string(),
        days: lag.days,
    }
}

fn settings_object(settings: &SettingsOfMonths) -> SettingsObject {
    let own = settings.own.iter().cloned();
    let month = |(store, month, settings)| MonthObject { store, month, settings };
    SettingsObject { all: settings.base.clone(), months: own.map(month).collect() }
}

/// One word for a feed.
fn state(feed: &StoreFreshness) -> &'static str {
    if feed.is_late() {
        "late"
    } else if feed.is_not_sent {
        "not_sent"
    } else if feed.has_calendar {
        "in_time"
    } else {
        "no_calendar"
    }
}

fn all(status: &StoreStatus) -> Vec<&StoreFreshness> {
    status.feeds.iter().collect()
}

/// What an artist may read instead of an error.
pub(crate) fn headline(feeds: &[&StoreFreshness]) -> String {
    let trends = feeds.iter().filter(|feed| feed.feed.as_str() == "trends");
    let until = trends.filter_map(|feed| Some((feed.complete_until?, feed))).min_by_key(|f| f.0);
    let mut parts = Vec::new();
    if let Some((period, _)) = until {
        parts.push(format!("figures until {}", period_in_words(period)));
    }
    parts.extend(feeds.iter().filter(|feed| feed.is_late()).map(|feed| late_in_words(feed)));
    if parts.is_empty() { "nothing is late".to_owned() } else { parts.join("; ") }
}

/// `Apple Music sales for July 2026 are 9 days late`.
fn late_in_words(feed: &StoreFreshness) -> String {
    let name = name_in_words(feed);
    let Some((first, days)) = feed.late.first() else {
        return name;
    };
    let days = counted(i128::from(*days), "day");
    match feed.late.last() {
        Some((last, _)) if last != first => {
            let n = feed.late.len();
            let unit = match first.length() {
                PeriodLength::Day => "day",
                PeriodLength::Week => "week",
                PeriodLength::Month => "month",
                PeriodLength::Quarter => "quarter",
                PeriodLength::FiscalMonth => "fiscal month",
            };
            let (n, first) = (counted(exact::<i128>(n), unit), period_in_words(*first));
            let last = period_in_words(*last);
            format!("{name}: {n} from {first} to {last} are missing, the first is {days} late")
        }
        _ => {
            let missing = feed.missing.iter().find(|(period, _)| period == first);
            let of = missing.map(|(_, codes)| format!(" of {}", codes.join(", ")));
            let of = of.unwrap_or_default();
            format!("{name}{of} for {} are {days} late", period_in_words(*first))
        }
    }
}

fn name_in_words(feed: &StoreFreshness) -> String {
    let of = feed.territory.as_ref().map_or(String::new(), |code| format!(" of {code}"));
    format!("{} {}{of}", title_of(&feed.store), feed.feed.as_str())
}

/// The state of a feed in a sentence.
pub(crate) fn message(feed: &StoreFreshness) -> String {
    if feed.is_late() {
        return late_in_words(feed);
    }
    let name = name_in_words(feed);
    if feed.is_not_sent {
        return format!("{name} are not sent, by agreement");
    }
    let until = feed.complete_until.or(feed.latest);
    let there = match until {
        Some(period) => format!("{name} are there until {}", period_in_words(period)),
        None => format!("{name} have not come yet"),
    };
    match &feed.next {
        Some((period, Some(due))) => {
            let (period, due) = (period_in_words(*period), date_in_words(*due));
            format!("{there}; those for {period} are due on {due}")
        }
        _ if feed.has_calendar => there,
        _ => format!(
            "{there}; when they are due is not known: add an entry to pipelines/calendar.toml"
        ),
    }
}

fn as_text(status: &StoreStatus) -> String {
    let day: Day = status.as_of;
    let first = if status.is_late() { "Something is late" } else { "Nothing is late" };
    let mut text = format!(
        "{first} on {} (snapshot {}).\n{}.\n\n",
        date_in_words(day),
        status.snapshot,
        capitalised(&headline(&all(status)))
    );
    let sheets = sheets(status);
    text.push_str(&to_text(&sheets));
    text
}

pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

fn sheets(status: &StoreStatus) -> [OutputSheet; 4] {
    [feeds(status), late(status), lags(status), decisions::settings_sheet(&status.settings)]
}

fn feeds(status: &StoreStatus) -> OutputSheet {
    let columns = ["store", "feed", "territory", "state", "complete until", "next", "due"];
    let mut sheet = OutputSheet::new("feeds", "Feeds", &columns);
    for feed in &status.feeds {
        let text = |period: Option<Period>| period.map_or_else(String::new, |p| p.to_string());
        let due = feed.next.as_ref().and_then(|(_, due)| *due);
        sheet.push(vec![
            feed.store.clone(),
            feed.feed.as_str().to_owned(),
            feed.territory.clone().unwrap_or_default(),
            state(feed).to_owned(),
            text(feed.complete_until),
            text(feed.next.as_ref().map(|(period, _)| *period)),
            due.map_or_else(String::new, |due| due.to_string()),
        ]);
    }
    sheet
}

/// Late periods; days that follow each other are one row.
fn late(status: &StoreStatus) -> OutputSheet {
    let columns = ["store", "feed", "territory", "from", "to", "#periods", "#days late"];
    let mut sheet = OutputSheet::new("late", "Late", &columns);
    for feed in &status.feeds {
        let mut spans: Vec<(Period, Period, i128, i32)> = Vec::new();
        for (period, days) in &feed.late {
            match spans.last_mut() {
                Some((_, last, n, _)) if last.next() == *period => (*last, *n) = (*period, *n + 1),
                _ => spans.push((*period, *period, 1, *days)),
            }
        }
        for (first, last, n, days) in spans {
            sheet.push(vec![
                feed.store.clone(),
                feed.feed.as_str().to_owned(),
                feed.territory.clone().unwrap_or_default(),
                first.to_string(),
                last.to_string(),
                grouped(n),
                grouped(days.into()),
            ]);
        }
    }
    sheet
}

fn lags(status: &StoreStatus) -> OutputSheet {
    let columns = ["store", "trends until", "sales until", "#days between"];
    let mut sheet = OutputSheet::new("lags", "Sales behind trends", &columns);
    for lag in &status.lags {
        sheet.push(vec![
            lag.store.clone(),
            lag.trends_until.to_string(),
            lag.sales_until.to_string(),
            grouped(lag.days.into()),
        ]);
    }
    sheet
}
