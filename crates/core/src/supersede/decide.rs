//! The decision: which reports count.
//!
//! The reports of a store and feed are placed from the oldest to the newest, each against those that
//! count so far: a proven replacement first, then the same rows, then rows that are all in another
//! report, then rows of which a part is. So every report that counts has been compared with every other
//! that can have a row of it, and neither the order of arrival nor that of runs can matter. What is rejected counts for nothing:
//! reports that it would have replaced stay.

use std::collections::BTreeMap;

use crate::decisions::{AcceptKind, AcceptedReports};
use crate::ingest::table::format::Feed;
use crate::supersede::content::ROWS_MIN;
use crate::supersede::facts::{ComparedBy, ReportFacts, ReportStanding, SharedRows};
use crate::supersede::messages;
use crate::supersede::placing::place_all;
use crate::supersede::proof::PeriodUnit;
use crate::supersede::row_index::RowNeighbours;

/// Says of each report whether it counts. Reports that are no neighbours in `may_share` have no row in common,
/// which saves asking; it changes nothing of what comes out. `compare` is asked what two reports have in common,
/// identical rows counted as often as both have them; it is asked of few pairs only, and the same pair
/// always has the same answer.
///
/// # Errors
/// What `compare` fails with.
pub fn supersede<E>(
    reports: &BTreeMap<String, ReportFacts>,
    may_share: &RowNeighbours,
    accepted: &AcceptedReports,
    compare: &mut dyn FnMut(&str, &str, ComparedBy) -> Result<SharedRows, E>,
) -> Result<BTreeMap<String, ReportStanding>, E> {
    let mut standings = of_two_stores(reports, accepted);
    let mut feeds: BTreeMap<(&str, &str), Vec<(&str, &ReportFacts)>> = BTreeMap::new();
    for (key, facts) in reports.iter().filter(|(key, _)| !standings.contains_key(*key)) {
        let feed = (facts.store.as_str(), facts.feed.as_str());
        feeds.entry(feed).or_default().push((key, facts));
    }
    for reports in feeds.into_values() {
        let units = units(&reports);
        place_all((&units, may_share), accepted, (&mut standings, compare))?;
    }
    Ok(standings)
}

/// The same bytes in the folders of two stores: only a folder that they prove keeps them.
fn of_two_stores(
    reports: &BTreeMap<String, ReportFacts>,
    accepted: &AcceptedReports,
) -> BTreeMap<String, ReportStanding> {
    let mut by_hash: BTreeMap<&str, Vec<(&String, &ReportFacts)>> = BTreeMap::new();
    let mut by_rows: BTreeMap<(u128, u64), Vec<(&String, &ReportFacts)>> = BTreeMap::new();
    for (key, facts) in reports.iter().filter(|(_, facts)| facts.is_figures && !facts.is_empty()) {
        by_hash.entry(&facts.hash).or_default().push((key, facts));
        // Other bytes, the same lines of a statement. Equal sums of two stores may be chance.
        let is_statement = facts.feed == Feed::Sales.as_str() && ROWS_MIN <= facts.totals.rows;
        if let Some(fingerprint) = facts.fingerprint.filter(|_| is_statement) {
            by_rows.entry((fingerprint, facts.totals.rows)).or_default().push((key, facts));
        }
    }
    let mut rejected = BTreeMap::new();
    for same in by_hash.into_values().chain(by_rows.into_values()) {
        for (key, facts) in &same {
            let others = || same.iter().filter(|(_, other)| other.store != facts.store);
            let proven = others().find(|(_, other)| other.proves_store);
            let Some((_, other)) = proven.or(others().next()) else {
                continue;
            };
            if facts.proves_store || facts.is_accepted(accepted, AcceptKind::TwoStores) {
                continue;
            }
            let detail = match proven {
                Some(_) => messages::of_other_store(facts, other.file()),
                None => messages::two_stores(facts, other.file()),
            };
            let what = AcceptKind::TwoStores;
            rejected.insert((*key).clone(), ReportStanding::Rejected { what, detail });
        }
    }
    rejected
}

/// What files of one report have in common: format, what the head says, days.
type SetOfFiles<'f> = (&'f str, Option<&'f str>, Option<&'f str>);

/// Reports with all their files, the oldest first.
fn units<'a>(reports: &[(&'a str, &'a ReportFacts)]) -> Vec<PeriodUnit<'a>> {
    let mut units = Vec::new();
    let mut sets: BTreeMap<SetOfFiles<'_>, Vec<PeriodUnit<'a>>> = BTreeMap::new();
    for (key, facts) in reports {
        let unit = PeriodUnit::new(key, facts);
        if facts.part.is_none() {
            units.push(unit);
            continue;
        }
        let set = (facts.format.as_str(), facts.set.as_deref(), facts.period.as_deref());
        sets.entry(set).or_default().push(unit);
    }
    for mut files in sets.into_values() {
        files.sort_by(|a, b| a.age.cmp(&b.age));
        let mut of_set: Vec<PeriodUnit<'a>> = Vec::new();
        for file in files {
            let (key, facts) = file.files[0];
            match of_set.last_mut().filter(|last| last.takes(facts)) {
                Some(last) => last.push(key, facts),
                None => of_set.push(file),
            }
        }
        units.append(&mut of_set);
    }
    for unit in &mut units {
        unit.files.sort_by_key(|(_, facts)| facts.part.as_ref().map(|part| part.number));
    }
    units.sort_by(|a, b| a.age.cmp(&b.age));
    units
}

#[cfg(test)]
mod tests;
