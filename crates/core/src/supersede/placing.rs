//! Placing a report: what it is to the older ones of its store and feed, and whether it counts beside them.

use std::collections::{BTreeMap, BTreeSet};

use crate::decisions::{AcceptKind, Accepted};
use crate::supersede::content::{ROWS_MIN, Relation, is_within, relation};
use crate::supersede::decide::is_accepted;
use crate::supersede::facts::{ReportFacts, ReportStanding, ReportTotals, Shared, Superseding};
use crate::supersede::messages;
use crate::supersede::neighbours::Neighbours;
use crate::supersede::proof::{Named, Unit};

/// What two reports have in common.
pub(super) type Compare<'p, E> = &'p mut dyn FnMut(&str, &str) -> Result<Shared, E>;

/// What placing needs and changes.
pub(super) struct Placing<'p, 'a, E> {
    /// The oldest first.
    units: &'p [Unit<'a>],
    neighbours: Neighbours<'p>,
    /// Of reports under several names those names under which a newer one has replaced them: the same
    /// bytes count as long as they do under one of their names.
    gone: BTreeMap<usize, BTreeSet<usize>>,
    /// Reports that a newer version has replaced, by month: what has their rows alone is old too.
    replaced_in: BTreeMap<&'p str, BTreeSet<usize>>,
    accepted: &'p Accepted,
    standings: &'p mut BTreeMap<String, ReportStanding>,
    compare: Compare<'p, E>,
}

/// What a unit is to older ones by its rows.
#[derive(Default)]
struct Contents<'a> {
    /// Reports whose rows are all in it, and why they go.
    holds: Vec<(&'a str, Superseding)>,
    /// Of its files, in which other report all their rows are, or which one has replaced them.
    is_in: Vec<(&'a str, String, Superseding)>,
    /// Reports with which it has rows in common, and how much.
    overlaps: Vec<(&'a ReportFacts, Shared)>,
    /// Whether one of those would count through the other, were there more rows or the same account.
    is_all: bool,
}

/// Reports that go where a newer version of some comes.
#[derive(Default)]
struct Replaced<'a> {
    places: BTreeSet<usize>,
    /// Larger reports that hold rows of them, and how many.
    within: Vec<(&'a ReportFacts, Shared)>,
}

impl<'p, 'a, E> Placing<'p, 'a, E> {
    pub(super) fn new(
        units: &'p [Unit<'a>],
        accepted: &'p Accepted,
        (standings, compare): (&'p mut BTreeMap<String, ReportStanding>, Compare<'p, E>),
    ) -> Self {
        let neighbours = Neighbours::new(units);
        let (gone, replaced_in) = (BTreeMap::new(), BTreeMap::new());
        Self { units, neighbours, gone, replaced_in, accepted, standings, compare }
    }
    /// Says of one report whether it counts beside the older ones.
    pub(super) fn place(&mut self, place: usize) -> Result<(), E> {
        let units = self.units;
        let unit = &units[place];
        let missing: BTreeSet<u32> =
            (1..=unit.of).filter(|number| !unit.numbers.contains(number)).collect();
        if !missing.is_empty() {
            self.set(unit, &ReportStanding::Waiting { missing, of: unit.of });
            return Ok(());
        }
        let of_topic = self.neighbours.of_topic(unit, place).into_iter();
        let named: Vec<(usize, Named)> =
            of_topic.map(|older| (older, unit.named(&units[older]))).collect();
        let is_gone = |(older, named): &&(usize, Named)| {
            let before =
                self.gone.get(older).map_or(0, |names| names.difference(&named.newer_than).count());
            let is_each = before + named.newer_than.len() == units[*older].n_names();
            !named.newer_than.is_empty()
                && (is_each || units[*older].is_one_under(&named.newer_than))
        };
        let mut gone: Vec<usize> = named.iter().filter(is_gone).map(|(older, _)| *older).collect();
        for older in self.written_over(unit, &named)? {
            gone.push(older);
        }
        let Replaced { places: replaced, within } = self.replaced(&gone, place)?;
        let replaced: Vec<&Unit<'a>> = replaced.into_iter().map(|older| &units[older]).collect();
        if let Some(rejected) = self.rejected_as_replacement(unit, &replaced) {
            self.set(unit, &rejected);
            return Ok(());
        }
        let mut contents = self.contents(unit, place, &replaced)?;
        contents.overlaps.extend(within);
        let is_in_others = !contents.is_in.is_empty() && contents.is_in.len() == unit.files.len();
        let is_open = |(older, named): &&(usize, Named)| {
            named.is_open && named.newer_than.is_empty() && !gone.contains(older)
        };
        let open = named
            .iter()
            .filter(is_open)
            .map(|(older, _)| &units[*older])
            .find(|older| self.counts(older));
        if let Some(rejected) = self.rejected_for_rows(unit, &contents, is_in_others, open) {
            self.set(unit, &rejected);
            return Ok(());
        }
        let first = unit.files[0].0;
        for older in &gone {
            let months = units[*older].files.iter().flat_map(|(_, facts)| &facts.months);
            months.for_each(|month| {
                self.replaced_in.entry(month.as_str()).or_default().insert(*older);
            });
        }
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
            for (key, by, why) in contents.is_in {
                self.supersede(std::iter::once(key), &by, why);
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
                        Relation::NewerIsIn if is_active => {
                            let by = (*older_key).to_owned();
                            found.is_in.push((key, by, Superseding::Contained));
                        }
                        Relation::Overlap(shared) if is_active => {
                            let smaller = facts.totals.rows.min(old.totals.rows);
                            found.is_all |= shared == Shared::Rows(smaller);
                            found.overlaps.push((old, shared));
                        }
                        _ => {}
                    }
                }
            }
        }
        if replaced.is_empty() {
            found.is_in.extend(self.rows_that_were_replaced(unit)?);
        }
        found.is_in.sort_by_key(|(key, ..)| *key);
        found.is_in.dedup_by_key(|(key, ..)| *key);
        Ok(found)
    }

    /// Older reports under the same name that the unit was written over with all of their rows: mostly they
    /// were still being copied.
    fn written_over(&mut self, unit: &Unit<'a>, named: &[(usize, Named)]) -> Result<Vec<usize>, E> {
        let units = self.units;
        let mut found = Vec::new();
        for (older, _) in named.iter().filter(|(_, named)| named.is_open) {
            let is_empty = units[*older].is_empty();
            let is_open = self.is_open(&units[*older]);
            if is_open && (is_empty || self.is_unit_within(&units[*older], unit, 1)?) {
                found.push(*older);
            }
        }
        Ok(found)
    }

    /// What goes with reports of which a newer version comes: reports with the same rows or a part of
    /// them. Where one of them counts through a larger report, that has rows of which there is a newer
    /// version, and nobody can say which of them count.
    fn replaced(&mut self, gone: &[usize], place: usize) -> Result<Replaced<'a>, E> {
        let units = self.units;
        let mut found = Replaced::default();
        for older in gone.iter().map(|older| &units[*older]) {
            for (key, facts) in &older.files {
                let Some((taker, is_same)) = self.taker(key) else {
                    continue;
                };
                if is_same {
                    found.places.insert(self.neighbours.by_key[taker]);
                } else {
                    let (_, larger) = &units[self.neighbours.by_key[taker]].files[0];
                    found.within.push((*larger, Shared::Rows(facts.totals.rows)));
                }
            }
        }
        found.places.extend(gone.iter().filter(|older| self.is_open(&units[**older])));
        for older in gone.iter().map(|older| &units[*older]) {
            for other in self.neighbours.all_of_months(older, place) {
                let is_known = found.places.contains(&other) || !self.counts(&units[other]);
                if !is_known && self.is_unit_within(&units[other], older, ROWS_MIN)? {
                    found.places.insert(other);
                }
            }
        }
        let is_replaced = |larger: &&ReportFacts| {
            found.places.iter().any(|place| units[*place].facts().id == larger.id)
        };
        found.within.retain(|(larger, _)| !is_replaced(larger));
        Ok(found)
    }

    /// The report that counts in place of a superseded one, and whether it has the same rows; `None` if
    /// there is none.
    fn taker(&self, key: &str) -> Option<(&'a str, bool)> {
        let mut is_same = true;
        let mut at = key;
        loop {
            match self.standings.get(at)? {
                ReportStanding::Superseded { by, why } => {
                    is_same &= *why == Superseding::SameRows;
                    if *why == Superseding::Replaced {
                        return None;
                    }
                    at = by;
                }
                ReportStanding::Active if at != key => {
                    let place = *self.neighbours.by_key.get(at)?;
                    let (taker, _) = self.units[place].files.iter().find(|(key, _)| *key == at)?;
                    return Some((taker, is_same));
                }
                _ => return None,
            }
        }
    }

    /// Whether all files of a unit are in files of another one.
    fn is_unit_within(
        &mut self,
        inner: &Unit<'a>,
        outer: &Unit<'a>,
        rows_min: u64,
    ) -> Result<bool, E> {
        for (key, facts) in &inner.files {
            let mut is_in = false;
            for (outer_key, outer) in &outer.files {
                is_in |= rows_min <= facts.totals.rows
                    && is_within((key, facts), (outer_key, outer), self.compare)?;
            }
            if !is_in {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Files of a report whose rows are all in one that a newer version has replaced, with the newer one.
    fn rows_that_were_replaced(
        &mut self,
        unit: &Unit<'a>,
    ) -> Result<Vec<(&'a str, String, Superseding)>, E> {
        let units = self.units;
        let months = unit.files.iter().flat_map(|(_, facts)| &facts.months);
        let older: BTreeSet<usize> = months
            .filter_map(|month| self.replaced_in.get(month.as_str()))
            .flatten()
            .copied()
            .collect();
        let mut found = Vec::new();
        for (older_key, old) in older.into_iter().flat_map(|older| &units[older].files) {
            let standing = self.standings.get(*older_key);
            let Some(ReportStanding::Superseded { by, .. }) = standing.cloned() else {
                continue;
            };
            for (key, facts) in &unit.files {
                let is_much = ROWS_MIN <= facts.totals.rows;
                if is_much && is_within((key, facts), (older_key, old), self.compare)? {
                    found.push((*key, by.clone(), Superseding::Replaced));
                }
            }
        }
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
            contents.is_in.iter().filter_map(|(key, ..)| {
                let (_, facts) = unit.files.iter().find(|(file, _)| file == key)?;
                Some((*facts, Shared::Rows(facts.totals.rows)))
            })
        };
        let overlaps: Vec<(&ReportFacts, Shared)> =
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
