//! What a person is told of a report that does not count until it is accepted: what was found, against
//! which report, and what to do.

use crate::model::money::Amount;
use crate::supersede::facts::{ReportFacts, ReportTotals, SharedRows};

/// Digits of a report's name in the tables, which the command takes.
const NAME_DIGITS: usize = 16;

/// How to accept it.
fn accept(facts: &ReportFacts) -> String {
    let name = facts.id.get(..NAME_DIGITS).unwrap_or(&facts.id);
    format!("streamledger accept {name} --why \"...\"")
}

pub(crate) fn shrinks(
    facts: &ReportFacts,
    older: &str,
    (before, after): (&ReportTotals, &ReportTotals),
) -> String {
    format!(
        "it replaces {older} and has less than half of it: {}; a file that was cut off looks like this; \
         fetch it again, or if it is right: {}",
        changes(before, after),
        accept(facts)
    )
}

pub(crate) fn cancels(facts: &ReportFacts, older: &str, before: &ReportTotals) -> String {
    format!(
        "it has no rows and would take {older} back: {}; if that is right: {}",
        changes(before, &ReportTotals { plays: Some(0), ..ReportTotals::default() }),
        accept(facts)
    )
}

/// The file of another report, with its id where both came under one name.
fn named(other: &ReportFacts, facts: &ReportFacts) -> String {
    if other.file() != facts.file() {
        return other.file().to_owned();
    }
    let id = other.id.get(..NAME_DIGITS).unwrap_or(&other.id);
    format!("the report {id} that came under the same name")
}

pub(crate) fn overlaps(
    facts: &ReportFacts,
    others: &[(&ReportFacts, SharedRows)],
    is_all: bool,
) -> String {
    const SHOWN_MAX: usize = 3;
    let shown =
        others.iter().take(SHOWN_MAX).map(|(other, shared)| match (shared, facts.totals.plays) {
            (SharedRows::Plays(plays), Some(all)) => {
                let other = named(other, facts);
                format!(
                    "{plays} of its {all} plays may be in {other}, another format of the same days"
                )
            }
            (SharedRows::Rows(rows) | SharedRows::Plays(rows), _) => {
                format!("{rows} of its {} rows are in {}", facts.totals.rows, named(other, facts))
            }
            (SharedRows::Unknown | SharedRows::Keys(..), _) => {
                format!("nothing tells it from {}", named(other, facts))
            }
        });
    let shown: Vec<String> = shown.collect();
    let more = others.iter().skip(SHOWN_MAX).count();
    let more = if more == 0 { String::new() } else { format!(" and {more} more reports") };
    let why =
        if is_all { "too few rows, or other accounts, to take one for the other; " } else { "" };
    // A format of which newer reports add to older ones has no corrections.
    let correct = if facts.adds {
        ""
    } else {
        "if it corrects that one, put it next to it under the same name with `_corrected`; "
    };
    format!(
        "{}{more}, which counts already; {why}{correct}if both count: {}",
        shown.join(", "),
        accept(facts)
    )
}

pub(crate) fn same_path(facts: &ReportFacts, older: &ReportFacts) -> String {
    format!(
        "it has other bytes than the report {} of the same name and days, and nothing says which of the \
         two is newer; put the right one under a name of its own with `_corrected`, or if both count: {}",
        older.id.get(..NAME_DIGITS).unwrap_or(&older.id),
        accept(facts)
    )
}

pub(crate) fn two_stores(facts: &ReportFacts, other: &str) -> String {
    format!(
        "the same lines lie in the folder of another store, {other}, and nothing in them says of which \
         store they are; remove the wrong one, or if they are of {}: {}",
        facts.store,
        accept(facts)
    )
}

pub(crate) fn of_other_store(facts: &ReportFacts, other: &str) -> String {
    format!(
        "the same bytes lie in {other}, and they say that they are of that store; if they are of {} too: {}",
        facts.store,
        accept(facts)
    )
}

/// Rows, plays and money before and after.
fn changes(before: &ReportTotals, after: &ReportTotals) -> String {
    let plays = |totals: &ReportTotals| totals.plays.map_or("?".to_owned(), |n| n.to_string());
    let mut parts = vec![
        format!("{} rows, now {}", before.rows, after.rows),
        format!("{} plays or units, now {}", plays(before), plays(after)),
    ];
    for (currency, amount) in &before.money {
        let now = after.money.get(currency).copied().unwrap_or_default();
        parts.push(format!("{} {currency}, now {}", Amount(*amount), Amount(now)));
    }
    parts.join("; ")
}
