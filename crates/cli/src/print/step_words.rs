//! What each step of the waterfall means, in words that an artist understands, with the numbers of the
//! policy that decided.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::explain::figures::FigureLine;
use streamledger_core::explain::step::{StepKind, WaterfallStep};
use streamledger_core::filter::policy::Policy;
use streamledger_core::model::verdict::Reason;
use streamledger_core::normalize::store::{AtBound, DayEnds, StoreSettings};

use crate::print::output::grouped;
use crate::print::words::{counted, title_of};

/// What a step is called.
pub(crate) fn name_of(step: WaterfallStep) -> String {
    match step {
        WaterfallStep::StoreShows => "The store shows".to_owned(),
        WaterfallStep::Reported => "Reported to us".to_owned(),
        WaterfallStep::Counted => "Counted".to_owned(),
        WaterfallStep::PaidUnits => "Paid".to_owned(),
        other => {
            let name = other.name().replace('_', " ");
            let mut letters = name.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_uppercase().collect::<String>() + letters.as_str()
            })
        }
    }
}

/// What a line says: the step, why its number is not known or not final, and what did it. `state` tells a
/// state for people, `file` names a report for them.
pub(crate) fn words_of<'a>(
    line: &'a FigureLine,
    policy: Option<&Policy>,
    store: Option<&StoreSettings>,
    state: impl Fn(&str) -> String,
    file: impl Fn(&'a str) -> &'a str,
) -> String {
    let mut words = meaning(line.step, policy, store);
    if line.step == WaterfallStep::PaidUnits && line.plays.is_some_and(|plays| plays < 0) {
        words.push_str(", which here take back more than they pay");
    }
    let states: Vec<String> = line.states.names().map(state).collect();
    if !states.is_empty() {
        let is_part = line.plays.is_some() && line.step.kind() == StepKind::Total;
        let part = if is_part { "in part: " } else { "" };
        words = format!("{words} ({part}{})", states.join("; "));
    }
    let Some(reports) = &line.reports else {
        return words;
    };
    let files: Vec<&str> = reports.iter().map(|name| file(name)).collect();
    format!("{words}: {}", files.join(", "))
}

/// What is to be known of stores whose days do not end at the same moment; nothing for one store, or if
/// they do.
pub(crate) fn days_in_words<'a>(
    stores: impl Iterator<Item = (&'a str, Option<&'a StoreSettings>)>,
) -> Option<String> {
    let mut by_end: BTreeMap<DayEnds, BTreeSet<String>> = BTreeMap::new();
    for (name, settings) in stores {
        if let Some(ends) = settings.and_then(|settings| settings.clock.day_ends) {
            by_end.entry(ends).or_default().insert(title_of(name));
        }
    }
    let ends = by_end.iter().map(|(ends, names)| {
        let names = names.iter().cloned().collect::<Vec<_>>().join(", ");
        match ends {
            DayEnds::Utc => format!("at midnight UTC ({names})"),
            DayEnds::Territory => format!("at midnight in the territory ({names})"),
        }
    });
    let ends: Vec<String> = ends.collect();
    (1 < ends.len()).then(|| {
        format!(
            "The days of these stores do not end at the same moment: {}. A play around midnight may stand \
             under another day, and at the end of a month under another month.",
            ends.join(", ")
        )
    })
}

/// What a step means. `policy` judged the month, `store` is whose month it is; without one of them no
/// number is told.
fn meaning(step: WaterfallStep, policy: Option<&Policy>, store: Option<&StoreSettings>) -> String {
    let eligibility = store.and_then(|store| store.eligibility);
    match (step, eligibility) {
        (WaterfallStep::Excluded(reason), _) => rule(reason, policy, store),
        (WaterfallStep::Held(reason), _) => {
            format!("{}: {}", plain_meaning(step), rule(reason, policy, store))
        }
        (WaterfallStep::BelowEligibility, Some(rule)) => format!(
            "the store pays for a track from the month on in which it has {} plays in {} months",
            grouped(rule.plays_min.into()),
            rule.months
        ),
        _ => plain_meaning(step).to_owned(),
    }
}

/// The same without numbers.
fn plain_meaning(step: WaterfallStep) -> &'static str {
    match step {
        WaterfallStep::StoreShows => {
            "what the store shows you in public or on its page for artists"
        }
        WaterfallStep::NotInTrends => {
            "shown by the store and not in the daily reports that it sends us, or \
                              the other way round"
        }
        WaterfallStep::NoReport => {
            "shown by the store on days of which no daily report has come to us"
        }
        WaterfallStep::NoStoreFigure => {
            "reported plays of which we do not have the store's own number"
        }
        WaterfallStep::ShownWithoutTerritory => "the store's number is one for the whole world",
        WaterfallStep::Reported => "the plays in the store's daily reports to us",
        // The rule says it.
        WaterfallStep::Excluded(_) => "not counted",
        WaterfallStep::Held(_) => "held until it is looked at",
        WaterfallStep::Counted => "what we count, and your dashboard shows",
        WaterfallStep::StoreRemovals => {
            "the store says that it removed these as artificial; it is not our finding"
        }
        WaterfallStep::BelowEligibility => "the store does not pay for tracks with so few plays",
        WaterfallStep::NotRoyaltyBearing => {
            "in the store's statement, without money: trials, promotions, reduced rates"
        }
        WaterfallStep::NotYetInSales => "no statement has them yet",
        WaterfallStep::PaidThoughExcluded => {
            "the store pays for plays that a rule of ours excludes"
        }
        WaterfallStep::PaidThoughHeld => "the store pays for plays that a rule of ours holds",
        WaterfallStep::Restated => "later statements and corrections for this month",
        WaterfallStep::SettledWithoutTerritory => "settled by the store without saying where",
        WaterfallStep::NoTrendsFigure => {
            "in statements, and without the daily reports nobody can say what was counted"
        }
        WaterfallStep::ShownLessPaid => "what the store shows, less what it pays",
        WaterfallStep::Unexplained => "neither the store nor a rule of ours explains these",
        WaterfallStep::PaidUnits => "the plays that the store's statements pay for",
        WaterfallStep::ListenedEarlier => {
            "heard before this month, without a network, and counted when the \
                                  device was online again"
        }
        WaterfallStep::ListenedHereCountedLater => {
            "heard in this month, and counted in a later one for the same reason"
        }
    }
}

fn rule(reason: Reason, policy: Option<&Policy>, store: Option<&StoreSettings>) -> String {
    let seconds = |ms: u64| {
        let cents = ms % 1000;
        if cents == 0 { format!("{}", ms / 1000) } else { format!("{}.{cents:03}", ms / 1000) }
    };
    let number = |value: Option<String>, unit: &str| {
        value.map_or_else(|| unit.to_owned(), |value| format!("{value} {unit}"))
    };
    match reason {
        Reason::Duplicate => {
            "the same play a second time: same listener, track, moment and length".to_owned()
        }
        Reason::TooShort => match store.map(|store| &store.minimum) {
            Some(minimum) => {
                let bound = seconds(minimum.played_ms.into());
                match minimum.at_bound {
                    AtBound::Counts => format!("played for less than {bound} seconds"),
                    AtBound::TooShort => format!("played for {bound} seconds or less"),
                }
            }
            None => "played for too short a time".to_owned(),
        },
        Reason::DurationMissing => {
            "the store does not say how long it was played: held until it does".to_owned()
        }
        Reason::OfflineExpired => {
            let days = policy.map(|policy| counted(policy.offline_expired.days_max.into(), "day"));
            let days = days.unwrap_or_else(|| "too many days".to_owned());
            format!("played without a network and reported more than {days} later")
        }
        Reason::ImpossibleVolume => {
            let most = policy.map(|policy| grouped(policy.impossible_volume.plays_max.into()));
            format!("one listener with more than {} in a day", number(most, "plays"))
        }
        Reason::ImpossibleTime => "one listener with more played time than a day has".to_owned(),
        Reason::LowVariety => {
            let least = policy.map(|policy| grouped(policy.low_variety.plays_min.into()));
            format!(
                "one listener with {} or more in a day, hardly differing in length: the pattern of a \
                 machine",
                number(least, "plays")
            )
        }
        Reason::Repeater => {
            let least = policy.map(|policy| grouped(policy.repeater.plays_min.into()));
            format!("one listener with {} or more of one track in a day", number(least, "plays"))
        }
        Reason::ShortCluster => {
            let least = policy.map(|policy| grouped(policy.short_cluster.plays_min.into()));
            format!(
                "one listener with {} or more in a day, most of them just over the paid length",
                number(least, "plays")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_words() {
        for step in WaterfallStep::all() {
            let words = meaning(step, None, None);
            assert!(words.len() > 10 && !words.contains('_'), "{step:?}: {words}");
            assert!(!name_of(step).contains('_'));
        }
    }
}
