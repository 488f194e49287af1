//! The decision: which reports count.
//!
//! The reports of a store and feed are placed from the oldest to the newest, each against those that
//! count so far: a proven replacement first, then the same rows, then rows that are all in another
//! report, then rows of which a part is. So every report that counts has been held against every other,
//! and neither the order of arrival nor that of runs can matter. What is rejected counts for nothing:
//! reports that it would have replaced stay.

use std::collections::{BTreeMap, BTreeSet};

use crate::decisions::{AcceptKind, Accepted};
use crate::supersede::content::{Relation, relation};
use crate::supersede::facts::{ReportFacts, ReportStanding, ReportTotals, Superseding};
use crate::supersede::messages;
use crate::supersede::proof::{Named, Unit};

/// Says of each report whether it counts. `compare` is asked how many rows two reports have in common,
/// identical rows counted as often as both have them; it is asked of few pairs only, and the same pair
/// always has the same answer.
///
/// # Errors
/// What `compare` fails with.
pub fn supersede<E>(
    reports: &BTreeMap<String, ReportFacts>,
    accepted: &Accepted,
    compare: &mut dyn FnMut(&str, &str) -> Result<u64, E>,
) -> Result<BTreeMap<String, ReportStanding>, E> {
    let mut standings = of_two_stores(reports, accepted);
    let mut feeds: BTreeMap<(&str, &str), Vec<(&str, &ReportFacts)>> = BTreeMap::new();
    for (key, facts) in reports.iter().filter(|(key, _)| !standings.contains_key(*key)) {
        let feed = (facts.store.as_str(), facts.feed.as_str());
        feeds.entry(feed).or_default().push((key, facts));
    }
    for reports in feeds.into_values() {
        let units = units(&reports);
        let neighbours = Neighbours::new(&units);
        let standings = &mut standings;
        let gone = BTreeMap::new();
        let mut placing = Placing { units: &units, neighbours, gone, accepted, standings, compare };
        (0..units.len()).try_for_each(|place| placing.place(place))?;
    }
    Ok(standings)
}

/// The same bytes in the folders of two stores: only a folder that they prove keeps them.
fn of_two_stores(
    reports: &BTreeMap<String, ReportFacts>,
    accepted: &Accepted,
) -> BTreeMap<String, ReportStanding> {
    let mut by_hash: BTreeMap<&str, Vec<(&String, &ReportFacts)>> = BTreeMap::new();
    for (key, facts) in reports.iter().filter(|(_, facts)| facts.is_figures && !facts.is_empty()) {
        by_hash.entry(&facts.hash).or_default().push((key, facts));
    }
    let mut rejected = BTreeMap::new();
    for same in by_hash.into_values() {
        for (key, facts) in &same {
            let others = || same.iter().filter(|(_, other)| other.store != facts.store);
            let proven = others().find(|(_, other)| other.proves_store);
            let Some((_, other)) = proven.or(others().next()) else {
                continue;
            };
            if facts.proves_store || is_accepted(accepted, facts, AcceptKind::TwoStores) {
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

fn is_accepted(accepted: &Accepted, facts: &ReportFacts, what: AcceptKind) -> bool {
    accepted.contains(&(facts.id.clone(), what))
}

/// What files of one report have in common: format, what the head says, days.
type SetOfFiles<'f> = (&'f str, Option<&'f str>, Option<&'f str>);

/// Reports with all their files, the oldest first.
fn units<'a>(reports: &[(&'a str, &'a ReportFacts)]) -> Vec<Unit<'a>> {
    let mut units = Vec::new();
    let mut sets: BTreeMap<SetOfFiles<'_>, Vec<Unit<'a>>> = BTreeMap::new();
    for (key, facts) in reports {
        let unit = Unit::new(key, facts);
        if facts.part.is_none() {
            units.push(unit);
            continue;
        }
        let set = (facts.format.as_str(), facts.set.as_deref(), facts.period.as_deref());
        sets.entry(set).or_default().push(unit);
    }
    for mut files in sets.into_values() {
        files.sort_by(|a, b| a.age.cmp(&b.age));
        let mut of_set: Vec<Unit<'a>> = Vec::new();
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

/// Which reports can have to do with each other, so that not every pair is looked at.
#[derive(Default)]
struct Neighbours<'u> {
    by_topic: BTreeMap<&'u str, Vec<usize>>,
    by_month: BTreeMap<&'u str, Vec<usize>>,
}

impl<'u> Neighbours<'u> {
    fn new(units: &'u [Unit<'_>]) -> Self {
        let mut found = Self::default();
        for (place, unit) in units.iter().enumerate() {
            for topic in &unit.topics {
                found.by_topic.entry(topic).or_default().push(place);
            }
            let compared = unit.files.iter().filter(|(_, facts)| facts.fingerprint.is_some());
            let months: BTreeSet<&'u String> =
                compared.flat_map(|(_, facts)| &facts.months).collect();
            for month in months {
                found.by_month.entry(month).or_default().push(place);
            }
        }
        found
    }

    /// Older ones that may be about the same.
    fn of_topic(&self, unit: &Unit<'_>, place: usize) -> BTreeSet<usize> {
        let topics = unit.topics.iter().filter_map(|topic| self.by_topic.get(topic.as_str()));
        topics.flatten().copied().filter(|other| *other < place).collect()
    }

    /// Older ones that may have a row in common.
    fn of_months(&self, unit: &Unit<'_>, place: usize) -> BTreeSet<usize> {
        let compared = unit.files.iter().filter(|(_, facts)| facts.fingerprint.is_some());
        let months = compared.flat_map(|(_, facts)| &facts.months);
        let of_month = months.filter_map(|month| self.by_month.get(month.as_str()));
        of_month.flatten().copied().filter(|other| *other < place).collect()
    }
}

/// What placing needs and changes.
struct Placing<'p, 'a, E> {
    /// The oldest first.
    units: &'p [Unit<'a>],
    neighbours: Neighbours<'p>,
    /// Of reports under several names those names under which a newer one has replaced them: the same
    /// bytes count as long as they do under one of their names.
    gone: BTreeMap<usize, BTreeSet<usize>>,
    accepted: &'p Accepted,
    standings: &'p mut BTreeMap<String, ReportStanding>,
    compare: &'p mut dyn FnMut(&str, &str) -> Result<u64, E>,
}

/// What a unit is to older ones by its rows.
#[derive(Default)]
struct Contents<'a> {
    /// Reports whose rows are all in it, and why they go.
    holds: Vec<(&'a str, Superseding)>,
    /// Of its files, in which other report all their rows are.
    is_in: Vec<(&'a str, &'a str)>,
    /// Reports with which it has rows in common, and how many.
    overlaps: Vec<(&'a ReportFacts, u64)>,
    /// Whether one of those would count through the other, were there more rows or the same account.
    is_all: bool,
}

impl<'a, E> Placing<'_, 'a, E> {
    fn place(&mut self, place: usize) -> Result<(), E> {
        let units = self.units;
        let unit = &units[place];
        let missing: BTreeSet<u32> =
            (1..=unit.of).filter(|number| !unit.numbers.contains(number)).collect();
        if !missing.is_empty() {
            self.set(unit, &ReportStanding::Waiting { missing, of: unit.of });
            return Ok(());
        }
        let of_topic = self.neighbours.of_topic(unit, place);
        let older = of_topic.into_iter().filter(|older| self.is_open(&units[*older]));
        let named: Vec<(usize, Named)> =
            older.map(|older| (older, unit.named(&units[older]))).collect();
        let is_gone = |(older, named): &&(usize, Named)| {
            let before =
                self.gone.get(older).map_or(0, |names| names.difference(&named.newer_than).count());
            !named.newer_than.is_empty()
                && before + named.newer_than.len() == units[*older].n_names()
        };
        let replaced: Vec<&Unit<'a>> =
            named.iter().filter(is_gone).map(|(older, _)| &units[*older]).collect();
        if let Some(rejected) = self.rejected_as_replacement(unit, &replaced) {
            self.set(unit, &rejected);
            return Ok(());
        }
        let contents = self.contents(unit, place, &replaced)?;
        let is_in_others = !contents.is_in.is_empty() && contents.is_in.len() == unit.files.len();
        let open = named.iter().filter(|(_, named)| named.is_open && named.newer_than.is_empty());
        let open = open.map(|(older, _)| &units[*older]).find(|older| self.counts(older));
        if let Some(rejected) = self.rejected_for_rows(unit, &contents, is_in_others, open) {
            self.set(unit, &rejected);
            return Ok(());
        }
        let first = unit.files[0].0;
        for older in &replaced {
            self.supersede(older.files.iter().map(|(key, _)| *key), first, Superseding::Replaced);
        }
        for (older, named) in named {
            self.gone.entry(older).or_default().extend(named.newer_than);
        }
        for (key, why) in &contents.holds {
            self.supersede(std::iter::once(*key), first, *why);
        }
        self.set(unit, &ReportStanding::Active);
        if is_in_others {
            for (key, by) in contents.is_in {
                self.supersede(std::iter::once(key), by, Superseding::Contained);
            }
        }
        Ok(())
    }

    /// Sets all files of a unit.
    fn set(&mut self, unit: &Unit<'a>, standing: &ReportStanding) {
        for (key, _) in &unit.files {
            self.standings.insert((*key).to_owned(), standing.clone());
        }
    }

    fn supersede(&mut self, keys: impl Iterator<Item = &'a str>, by: &str, why: Superseding) {
        for key in keys.filter(|key| *key != by) {
            // Files that another report took before keep that one's name.
            let standing = self.standings.get(key);
            if !matches!(standing, Some(ReportStanding::Superseded { .. })) {
                let standing = ReportStanding::Superseded { by: by.to_owned(), why };
                self.standings.insert(key.to_owned(), standing);
            }
        }
    }

    fn is_active(&self, key: &str) -> bool {
        self.standings.get(key) == Some(&ReportStanding::Active)
    }

    /// Whether a file of a unit counts.
    fn counts(&self, unit: &Unit<'_>) -> bool {
        unit.files.iter().any(|(key, _)| self.is_active(key))
    }

    /// Whether no other report has taken the place of a unit.
    fn is_open(&self, unit: &Unit<'_>) -> bool {
        unit.files.iter().any(|(key, _)| {
            !matches!(self.standings.get(*key), Some(ReportStanding::Superseded { .. }))
        })
    }

    /// Why a report cannot replace those that it is a newer version of.
    fn rejected_as_replacement(
        &self,
        unit: &Unit<'a>,
        replaced: &[&Unit<'a>],
    ) -> Option<ReportStanding> {
        // What is rejected counts for nothing, but nothing takes it back without a word.
        let files = || {
            let files = replaced.iter().flat_map(|older| &older.files);
            files.filter(|(key, _)| unit.is_empty() || self.is_active(key))
        };
        let older = files().next()?.1.file();
        let before = ReportTotals::of(files().map(|(_, facts)| &facts.totals));
        let after = ReportTotals::of(unit.files.iter().map(|(_, facts)| &facts.totals));
        let facts = unit.facts();
        let (what, detail) = if unit.is_empty() {
            if facts.empty_cancels || before.rows == 0 {
                return None;
            }
            (AcceptKind::Cancels, messages::cancels(facts, older, &before))
        } else if shrinks(&before, &after) {
            (AcceptKind::Shrinks, messages::shrinks(facts, older, (&before, &after)))
        } else {
            return None;
        };
        (!is_accepted(self.accepted, facts, what))
            .then_some(ReportStanding::Rejected { what, detail })
    }

    fn contents(
        &mut self,
        unit: &Unit<'a>,
        place: usize,
        replaced: &[&Unit<'a>],
    ) -> Result<Contents<'a>, E> {
        let mut found = Contents::default();
        let is_replaced = |older: &Unit<'a>| replaced.iter().any(|other| other.age == older.age);
        let older = self.neighbours.of_months(unit, place);
        for older in older.into_iter().map(|older| &self.units[older]) {
            if is_replaced(older) {
                continue;
            }
            for (older_key, old) in &older.files {
                let is_active = self.is_active(older_key);
                let is_rejected =
                    matches!(self.standings.get(*older_key), Some(ReportStanding::Rejected { .. }));
                if !is_active && !is_rejected {
                    continue;
                }
                for (key, facts) in &unit.files {
                    match relation((key, facts), (older_key, old), self.compare)? {
                        Relation::OlderIsIn(why) => found.holds.push((older_key, why)),
                        Relation::NewerIsIn if is_active => found.is_in.push((key, older_key)),
                        Relation::Overlap(shared) if is_active => {
                            found.is_all |= shared == facts.totals.rows.min(old.totals.rows);
                            found.overlaps.push((old, shared));
                        }
                        _ => {}
                    }
                }
            }
        }
        found.is_in.dedup_by_key(|(key, _)| *key);
        Ok(found)
    }

    /// Why the rows of a report cannot count beside those that count.
    fn rejected_for_rows(
        &self,
        unit: &Unit<'a>,
        contents: &Contents<'a>,
        is_in_others: bool,
        open: Option<&Unit<'a>>,
    ) -> Option<ReportStanding> {
        let what = AcceptKind::Overlaps;
        let facts = unit.facts();
        if is_in_others || is_accepted(self.accepted, facts, what) {
            return None;
        }
        let of_parts = || {
            contents.is_in.iter().filter_map(|(key, _)| {
                let (_, facts) = unit.files.iter().find(|(file, _)| file == key)?;
                Some((*facts, facts.totals.rows))
            })
        };
        let overlaps: Vec<(&ReportFacts, u64)> =
            contents.overlaps.iter().copied().chain(of_parts()).collect();
        if !overlaps.is_empty() {
            let detail = messages::overlaps(facts, &overlaps, contents.is_all);
            return Some(ReportStanding::Rejected { what, detail });
        }
        let older = open.filter(|_| contents.holds.is_empty())?;
        let detail = messages::same_path(facts, older.facts());
        Some(ReportStanding::Rejected { what, detail })
    }
}

/// Whether rows, plays or the money of a currency fall by more than half.
fn shrinks(before: &ReportTotals, after: &ReportTotals) -> bool {
    let fall = |before: i128, after: i128| {
        let loss = before.checked_sub(after).filter(|loss| 0 < *loss);
        before != 0 && loss.is_some_and(|loss| before.unsigned_abs() / 2 < loss.unsigned_abs())
    };
    let plays = before.plays.zip(after.plays);
    fall(before.rows.into(), after.rows.into())
        || plays.is_some_and(|(before, after)| fall(before, after))
        || before.money.iter().any(|(currency, before)| {
            fall(*before, after.money.get(currency).copied().unwrap_or_default())
        })
}

#[cfg(test)]
mod tests;
