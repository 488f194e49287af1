//! Placing a report: what it is to the older ones of its store and feed, and whether it counts with them.

mod replaced;
mod state;

use std::collections::{BTreeMap, BTreeSet};

use crate::decisions::{AcceptKind, AcceptedReports};
use crate::supersede::content::{ContentEvidence, ContentRelation, ROWS_MIN, evidence, relation};
use crate::supersede::facts::{
    ReportFacts, ReportStanding, ReportTotals, SharedRows, SupersedeReason,
};
use crate::supersede::messages;
use crate::supersede::placing::replaced::ReplacedReports;
use crate::supersede::placing::state::{CompareRows, PlacingState};
use crate::supersede::proof::{NamedReports, PeriodUnit};
use crate::supersede::row_index::RowNeighbours;

/// What a unit is to older ones by its rows.
#[derive(Default)]
struct ReportContents<'a> {
    /// Reports whose rows are all in it, and why they go.
    holds: Vec<(&'a str, SupersedeReason)>,
    /// Of its files, in which other report all their rows are, or which one has replaced them.
    is_in: Vec<(&'a str, String, SupersedeReason)>,
    /// Reports with which it has rows in common, and how much.
    overlaps: Vec<(&'a ReportFacts, SharedRows)>,
    /// Reports with few rows that are all in it, while it has others: they prove nothing.
    few: Vec<(&'a str, &'a ReportFacts, SharedRows)>,
    /// Whether one of those would count through the other, were there more rows or the same account.
    is_all: bool,
}

impl ReportContents<'_> {
    /// Whether all files of the unit are in other reports.
    fn is_in_others(&self, unit: &PeriodUnit<'_>) -> bool {
        !self.is_in.is_empty() && self.is_in.len() == unit.files.len()
    }
}

/// Says of each report of a store and feed, the oldest first, whether it counts with the older ones.
///
/// # Errors
/// What `compare` fails with.
pub(super) fn place_all<'p, E>(
    units: (&'p [PeriodUnit<'_>], &RowNeighbours),
    accepted: &'p AcceptedReports,
    (standings, compare): (&'p mut BTreeMap<String, ReportStanding>, CompareRows<'p, E>),
) -> Result<(), E> {
    let mut placing = PlacingState::new(units, accepted, (standings, compare));
    (0..units.0.len()).try_for_each(|place| placing.place(place))
}

impl<'p, 'a, E> PlacingState<'p, 'a, E> {
    /// Says of one report whether it counts with the older ones.
    fn place(&mut self, place: usize) -> Result<(), E> {
        let units = self.units;
        let unit = &units[place];
        let missing: BTreeSet<u32> =
            (1..=unit.of).filter(|number| !unit.numbers.contains(number)).collect();
        if !missing.is_empty() {
            self.set(unit, &ReportStanding::Waiting { missing, of: unit.of });
            return Ok(());
        }
        let named = self.named(unit, place)?;
        let gone = self.gone(unit, &named)?;
        let ReplacedReports { places: replaced, within } = self.replaced(&gone, place)?;
        let replaced: Vec<&PeriodUnit<'a>> =
            replaced.into_iter().map(|older| &units[older]).collect();
        if let Some(rejected) = self.rejected_as_replacement(unit, &replaced) {
            self.set(unit, &rejected);
            return Ok(());
        }
        let mut contents = self.contents(unit, place, (&replaced, &named))?;
        contents.overlaps.extend(within);
        let open = self.open(unit, &named, &gone);
        if let Some(rejected) = self.rejected_for_rows(unit, &contents, open) {
            self.set(unit, &rejected);
            return Ok(());
        }
        self.set(unit, &ReportStanding::Active);
        self.displace(unit, &gone, &replaced, contents);
        for (older, named) in named {
            self.gone.entry(older).or_default().extend(named.newer_than);
        }
        Ok(())
    }

    /// Older reports about the same of which the unit is a newer version.
    fn gone(
        &mut self,
        unit: &PeriodUnit<'a>,
        named: &[(usize, NamedReports)],
    ) -> Result<Vec<usize>, E> {
        let units = self.units;
        let is_gone = |(older, named): &&(usize, NamedReports)| {
            let before =
                self.gone.get(older).map_or(0, |names| names.difference(&named.newer_than).count());
            let is_each = before + named.newer_than.len() == units[*older].n_names();
            !named.newer_than.is_empty()
                && (is_each || units[*older].is_one_under(&named.newer_than))
        };
        let mut gone: Vec<usize> = named.iter().filter(is_gone).map(|(older, _)| *older).collect();
        for older in self.written_over(unit, named)? {
            gone.push(older);
        }
        Ok(gone)
    }

    /// An older report that counts and is about the same, where nothing says which of the two is right.
    fn open(
        &self,
        unit: &PeriodUnit<'a>,
        named: &[(usize, NamedReports)],
        gone: &[usize],
    ) -> Option<&'p PeriodUnit<'a>> {
        let units = self.units;
        let months = |unit: &PeriodUnit<'a>| -> BTreeSet<&'a String> {
            unit.files.iter().flat_map(|(_, facts)| &facts.months).collect()
        };
        let is_open = |(older, named): &&(usize, NamedReports)| {
            let is_open = named.is_open && named.newer_than.is_empty() && !gone.contains(older);
            is_open && !months(unit).is_disjoint(&months(&units[*older]))
        };
        named
            .iter()
            .filter(is_open)
            .map(|(older, _)| &units[*older])
            .find(|older| self.counts(older))
    }

    /// Takes the place of what a report replaces or holds; where all of its rows are in others, those take
    /// its place.
    fn displace(
        &mut self,
        unit: &PeriodUnit<'a>,
        gone: &[usize],
        replaced: &[&PeriodUnit<'a>],
        contents: ReportContents<'a>,
    ) {
        let units = self.units;
        let first = unit.files[0].0;
        for older in gone {
            let months = units[*older].files.iter().flat_map(|(_, facts)| &facts.months);
            months.for_each(|month| {
                self.replaced_in.entry(month.as_str()).or_default().insert(*older);
            });
        }
        for older in replaced {
            self.supersede(
                older.files.iter().map(|(key, _)| *key),
                first,
                SupersedeReason::Replaced,
            );
        }
        for (key, why) in &contents.holds {
            self.supersede(std::iter::once(*key), first, *why);
        }
        for (key, facts, shared) in &contents.few {
            let what = AcceptKind::Overlaps;
            if !facts.is_accepted(self.accepted, what) {
                let detail = messages::overlaps(facts, &[(unit.facts(), *shared)], true);
                let standing = ReportStanding::Rejected { what, detail };
                self.standings.insert((*key).to_owned(), standing);
            }
        }
        if contents.is_in_others(unit) {
            for (key, by, why) in contents.is_in {
                self.supersede(std::iter::once(key), &by, why);
            }
        }
    }

    /// Why a report cannot replace those that it is a newer version of.
    fn rejected_as_replacement(
        &self,
        unit: &PeriodUnit<'a>,
        replaced: &[&PeriodUnit<'a>],
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
        (!facts.is_accepted(self.accepted, what))
            .then_some(ReportStanding::Rejected { what, detail })
    }

    fn contents(
        &mut self,
        unit: &PeriodUnit<'a>,
        place: usize,
        (replaced, named): (&[&PeriodUnit<'a>], &[(usize, NamedReports)]),
    ) -> Result<ReportContents<'a>, E> {
        let mut found = ReportContents::default();
        let is_replaced =
            |older: &PeriodUnit<'a>| replaced.iter().any(|other| other.age == older.age);
        let older = self.neighbours.of_rows(unit, place);
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
                        ContentRelation::OlderIsIn(why) => found.holds.push((older_key, why)),
                        ContentRelation::NewerIsIn if is_active => {
                            let by = (*older_key).to_owned();
                            found.is_in.push((key, by, SupersedeReason::Contained));
                        }
                        ContentRelation::Overlap(shared)
                            if is_active
                                && shared == SharedRows::Rows(old.totals.rows)
                                && old.totals.rows < facts.totals.rows.min(ROWS_MIN) =>
                        {
                            found.few.push((older_key, old, shared));
                        }
                        ContentRelation::Overlap(shared) if is_active => {
                            let smaller = facts.totals.rows.min(old.totals.rows);
                            found.is_all |= shared == SharedRows::Rows(smaller);
                            found.overlaps.push((old, shared));
                        }
                        _ => {}
                    }
                }
            }
        }
        // Where few rows of each make up all of it, nothing is lost without it.
        let n_few: u64 = found.few.iter().map(|(_, old, _)| old.totals.rows).sum();
        if unit.files.iter().map(|(_, facts)| facts.totals.rows).sum::<u64>() <= n_few {
            found.is_all |= !found.few.is_empty();
            let few = std::mem::take(&mut found.few).into_iter();
            found.overlaps.extend(few.map(|(_, old, shared)| (old, shared)));
        }
        if replaced.is_empty() {
            found.is_in.extend(self.rows_that_were_replaced(unit)?);
            found.is_in.extend(self.rows_under_the_same_name(unit, named)?);
        }
        found.is_in.sort_by_key(|(key, ..)| *key);
        found.is_in.dedup_by_key(|(key, ..)| *key);
        Ok(found)
    }

    /// What a report and older ones about the same say of each other; where only their rows can tell, what
    /// those say.
    fn named(
        &mut self,
        unit: &PeriodUnit<'a>,
        place: usize,
    ) -> Result<Vec<(usize, NamedReports)>, E> {
        let units = self.units;
        let mut found = Vec::new();
        for older in self.neighbours.of_topic(unit, place) {
            let mut named = unit.named(&units[older]);
            let is_replaced = |(key, _): &(&str, &ReportFacts)| {
                let standing = self.standings.get(*key);
                let why = SupersedeReason::Replaced;
                matches!(standing, Some(ReportStanding::Superseded { why: known, .. }) if *known == why)
            };
            if !named.later_than.is_empty() && !units[older].files.iter().all(is_replaced) {
                let (newer, old) = (unit.files[0], units[older].files[0]);
                match evidence(newer, old, self.compare)? {
                    ContentEvidence::Apart => {}
                    ContentEvidence::Replaces => named.newer_than.extend(&named.later_than),
                    ContentEvidence::Open => named.is_open = true,
                }
            }
            found.push((older, named));
        }
        Ok(found)
    }

    /// Why the rows of a report cannot count with those that count.
    fn rejected_for_rows(
        &self,
        unit: &PeriodUnit<'a>,
        contents: &ReportContents<'a>,
        open: Option<&PeriodUnit<'a>>,
    ) -> Option<ReportStanding> {
        let what = AcceptKind::Overlaps;
        let facts = unit.facts();
        if contents.is_in_others(unit) || facts.is_accepted(self.accepted, what) {
            return None;
        }
        let of_parts = || {
            contents.is_in.iter().filter_map(|(key, ..)| {
                let (_, facts) = unit.files.iter().find(|(file, _)| file == key)?;
                Some((*facts, SharedRows::Rows(facts.totals.rows)))
            })
        };
        let overlaps: Vec<(&ReportFacts, SharedRows)> =
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
