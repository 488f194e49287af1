//! What goes with a report that a newer version replaces: whatever has its rows, and nothing else.

use std::collections::BTreeSet;

use crate::ingest::table::format::Feed;
use crate::supersede::content::{ROWS_MIN, is_fifth, is_within};
use crate::supersede::facts::{
    ComparedBy, ReportFacts, ReportStanding, SharedRows, SupersedeReason,
};
use crate::supersede::placing::state::PlacingState;
use crate::supersede::proof::{NamedReports, PeriodUnit};

/// Reports that go where a newer version of some comes.
#[derive(Default)]
pub(super) struct ReplacedReports<'a> {
    pub(super) places: BTreeSet<usize>,
    /// Larger reports that hold rows of them, and how many.
    pub(super) within: Vec<(&'a ReportFacts, SharedRows)>,
}

impl<'a, E> PlacingState<'_, 'a, E> {
    /// Older reports under the same name that the unit was written over with all of their rows: mostly they
    /// were still being copied.
    pub(super) fn written_over(
        &mut self,
        unit: &PeriodUnit<'a>,
        named: &[(usize, NamedReports)],
    ) -> Result<Vec<usize>, E> {
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
    pub(super) fn replaced(
        &mut self,
        gone: &[usize],
        place: usize,
    ) -> Result<ReplacedReports<'a>, E> {
        let units = self.units;
        let mut found = ReplacedReports::default();
        for older in gone.iter().map(|older| &units[*older]) {
            for (key, facts) in &older.files {
                let Some((taker, is_same)) = self.taker(key) else {
                    continue;
                };
                if is_same {
                    found.places.insert(self.neighbours.by_key[taker]);
                } else {
                    let (_, larger) = &units[self.neighbours.by_key[taker]].files[0];
                    found.within.push((*larger, SharedRows::Rows(facts.totals.rows)));
                }
            }
        }
        found.places.extend(gone.iter().filter(|older| self.is_open(&units[**older])));
        for older in gone.iter().map(|older| &units[*older]) {
            for other in self.neighbours.all_of_rows(older, place) {
                let is_known = found.places.contains(&other) || !self.counts(&units[other]);
                if is_known {
                    continue;
                }
                if self.is_unit_within(&units[other], older, ROWS_MIN)? {
                    found.places.insert(other);
                } else if let Some(shared) = self.shared_plays(&units[other], older)? {
                    found.within.push((units[other].facts(), shared));
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
    pub(super) fn taker(&self, key: &str) -> Option<(&'a str, bool)> {
        let mut is_same = true;
        let mut at = key;
        loop {
            match self.standings.get(at)? {
                ReportStanding::Superseded { by, why } => {
                    is_same &= *why == SupersedeReason::SameRows;
                    if *why == SupersedeReason::Replaced {
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

    /// How many plays with listeners two reports have in common, where that is too much to be chance. As
    /// long as both count, the rule of duplicates knows such plays again; not if a newer version of one
    /// of the two has others in their place.
    fn shared_plays(
        &mut self,
        a: &PeriodUnit<'a>,
        b: &PeriodUnit<'a>,
    ) -> Result<Option<SharedRows>, E> {
        for (a_key, a) in &a.files {
            for (b_key, b) in &b.files {
                let are_plays = a.fingerprint.is_none()
                    && b.fingerprint.is_none()
                    && a.feed == Feed::Trends.as_str();
                if !are_plays || a.months.is_disjoint(&b.months) {
                    continue;
                }
                let smaller = a.totals.rows.min(b.totals.rows);
                let shared = (self.compare)(a_key, b_key, ComparedBy::Rows)?;
                if let SharedRows::Rows(rows) = shared
                    && ROWS_MIN <= rows
                    && is_fifth(rows, smaller.into())
                {
                    return Ok(Some(shared));
                }
            }
        }
        Ok(None)
    }

    /// Whether all files of a unit are in files of another one.
    pub(super) fn is_unit_within(
        &mut self,
        inner: &PeriodUnit<'a>,
        outer: &PeriodUnit<'a>,
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

    /// Files of a report whose rows are all in one of the same name that counts: mostly it was still being
    /// copied.
    pub(super) fn rows_under_the_same_name(
        &mut self,
        unit: &PeriodUnit<'a>,
        named: &[(usize, NamedReports)],
    ) -> Result<Vec<(&'a str, String, SupersedeReason)>, E> {
        let units = self.units;
        let mut found = Vec::new();
        for (older, _) in named.iter().filter(|(_, named)| named.is_open) {
            for (older_key, old) in &units[*older].files {
                for (key, facts) in &unit.files {
                    if self.is_active(older_key)
                        && is_within((key, facts), (older_key, old), self.compare)?
                    {
                        found.push((*key, (*older_key).to_owned(), SupersedeReason::Contained));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Files of a report whose rows are all in one that a newer version has replaced, with the newer one.
    pub(super) fn rows_that_were_replaced(
        &mut self,
        unit: &PeriodUnit<'a>,
    ) -> Result<Vec<(&'a str, String, SupersedeReason)>, E> {
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
                    found.push((*key, by.clone(), SupersedeReason::Replaced));
                }
            }
        }
        Ok(found)
    }
}
