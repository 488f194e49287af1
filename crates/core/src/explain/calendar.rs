//! Calendar: how long after its period a report is due, as `pipelines/calendar.toml` writes it.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::explain::period::{Period, PeriodLength, months_after};
use crate::ingest::table::format::Feed;
use crate::model::day::Day;

/// When reports are due.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// What is expected of whom.
    #[serde(default)]
    pub expected: Vec<ExpectedFeed>,
    /// What is not sent, by agreement: a figure that rests on it is not known, and nothing is late.
    #[serde(default)]
    pub not_sent: Vec<NotSent>,
}

/// Reports that are expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedFeed {
    /// Who sends them: a store or a distributor, as its folder in the inbox is called.
    pub store: String,
    /// What they are for.
    pub feed: Feed,
    /// The one territory whose figures come later than the others, ISO 3166-1 alpha-2; all that have
    /// no entry of their own if not given.
    #[serde(default)]
    pub territory: Option<String>,
    /// How long a period is.
    pub period: PeriodLength,
    /// How long after the last day of the period the report is due.
    pub due_after: DeliveryDelay,
    /// For so many days after that it is `due`; then it is `late`.
    #[schemars(range(max = 3_660))]
    pub grace_days: u32,
    /// Who says so.
    pub source: String,
}

/// Longest delay: ten years. No report comes later.
const DAYS_MAX: u32 = 3_660;
const MONTHS_MAX: u32 = 120;

/// A delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryDelay {
    /// Days.
    Days(#[schemars(range(max = 3_660))] u32),
    /// Calendar months.
    Months(#[schemars(range(max = 120))] u32),
}

/// Reports that are not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotSent {
    /// By whom.
    pub store: String,
    /// What they would be for.
    pub feed: Feed,
    /// Who says so.
    pub source: String,
}

impl ExpectedFeed {
    /// The day on which the report of a period is due.
    #[must_use]
    pub fn due_date(&self, period: Period) -> Day {
        match self.due_after {
            DeliveryDelay::Days(days) => period.last().after(days),
            DeliveryDelay::Months(months) => months_after(period.last(), months),
        }
    }
}

impl std::fmt::Display for DeliveryDelay {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (number, unit) = match self {
            Self::Days(days) => (days, "day"),
            Self::Months(months) => (months, "month"),
        };
        write!(formatter, "{number} {unit}{}", if *number == 1 { "" } else { "s" })
    }
}

impl Calendar {
    /// The entries of a store and feed; the one without a territory first.
    #[must_use]
    pub fn of(&self, store: &str, feed: Feed) -> Vec<&ExpectedFeed> {
        let mut entries: Vec<&ExpectedFeed> = self
            .expected
            .iter()
            .filter(|entry| entry.store == store && entry.feed == feed)
            .collect();
        entries.sort_by_key(|entry| &entry.territory);
        entries
    }

    /// Whether a store does not send a feed, by agreement.
    #[must_use]
    pub fn is_not_sent(&self, store: &str, feed: Feed) -> bool {
        self.not_sent.iter().any(|entry| entry.store == store && entry.feed == feed)
    }

    /// What is wrong with it beyond what its types can say.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut seen = BTreeSet::new();
        for entry in &self.expected {
            let name = format!("`{}` {}", entry.store, entry.feed.as_str());
            if !seen.insert((&entry.store, entry.feed, &entry.territory)) {
                wrong.push(format!("{name} is expected twice for the same territory"));
            }
            let all = self.of(&entry.store, entry.feed);
            if all.iter().all(|other| other.territory.is_some()) {
                wrong.push(format!("{name} needs an entry without a territory, for all others"));
            }
            if all.iter().any(|other| other.period != entry.period) {
                wrong.push(format!("{name} has periods of two lengths"));
            }
            if self.is_not_sent(&entry.store, entry.feed) {
                wrong.push(format!("{name} is both expected and not sent"));
            }
            let is_long = match entry.due_after {
                DeliveryDelay::Days(days) => DAYS_MAX < days,
                DeliveryDelay::Months(months) => MONTHS_MAX < months,
            };
            if is_long || DAYS_MAX < entry.grace_days {
                wrong.push(format!(
                    "{name}: a delay is at most {DAYS_MAX} days or {MONTHS_MAX} months"
                ));
            }
            if entry.feed == Feed::Reference {
                wrong.push(format!("{name}: reference data has no period"));
            }
            let is_code = |code: &String| {
                code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
            };
            if entry.territory.as_ref().is_some_and(|code| !is_code(code)) {
                wrong.push(format!("{name}: a territory is two capital letters"));
            }
        }
        wrong.dedup();
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(territory: Option<&str>, due_after: DeliveryDelay) -> ExpectedFeed {
        ExpectedFeed {
            store: "spotify".to_owned(),
            feed: Feed::Sales,
            territory: territory.map(ToOwned::to_owned),
            period: PeriodLength::Month,
            due_after,
            grace_days: 0,
            source: String::new(),
        }
    }

    #[test]
    fn a_report_is_due_so_long_after_the_last_day() {
        let due = |delay, period: &str| {
            expected(None, delay).due_date(period.parse().unwrap()).to_string()
        };
        assert_eq!(due(DeliveryDelay::Days(60), "2026-09"), "2026-11-29");
        assert_eq!(due(DeliveryDelay::Months(4), "2026-10"), "2027-02-28");
        assert_eq!(due(DeliveryDelay::Days(5), "2028-02-29"), "2028-03-05");
        assert_eq!(
            (DeliveryDelay::Days(1).to_string(), DeliveryDelay::Months(4).to_string()),
            ("1 day".into(), "4 months".into())
        );
    }

    #[test]
    fn contradictions_are_named_all_at_once() {
        let us = expected(Some("US"), DeliveryDelay::Days(1));
        let mut usa = expected(Some("usa"), DeliveryDelay::Days(1));
        usa.period = PeriodLength::Day;
        let not_sent =
            NotSent { store: "spotify".to_owned(), feed: Feed::Sales, source: String::new() };
        let mut long = us.clone();
        long.grace_days = u32::MAX;
        let calendar =
            Calendar { expected: vec![us.clone(), us, usa, long], not_sent: vec![not_sent] };
        let wrong = calendar.check().join("; ");
        let parts =
            ["twice", "without a territory", "two lengths", "both expected", "two capital", "3660"];
        for part in parts {
            assert!(wrong.contains(part), "{part}: {wrong}");
        }
        let good = Calendar {
            expected: vec![
                expected(Some("US"), DeliveryDelay::Days(1)),
                expected(None, DeliveryDelay::Days(1)),
            ],
            not_sent: Vec::new(),
        };
        assert_eq!(good.check(), Vec::<String>::new());
        assert_eq!(good.of("spotify", Feed::Sales)[0].territory, None);
    }
}
