//! How far placing has come: the reports of a store and feed, and how each of them stands that was placed.

use std::collections::{BTreeMap, BTreeSet};

use crate::decisions::AcceptedReports;
use crate::supersede::facts::{ComparedBy, ReportStanding, SharedRows, SupersedeReason};
use crate::supersede::neighbours::ReportNeighbours;
use crate::supersede::proof::PeriodUnit;
use crate::supersede::row_index::RowNeighbours;

/// What two reports have in common.
pub(super) type CompareRows<'p, E> =
    &'p mut dyn FnMut(&str, &str, ComparedBy) -> Result<SharedRows, E>;

/// What placing needs and changes.
pub(super) struct PlacingState<'p, 'a, E> {
    /// The oldest first.
    pub(super) units: &'p [PeriodUnit<'a>],
    pub(super) neighbours: ReportNeighbours<'p>,
    /// Of reports under several names those names under which a newer one has replaced them: the same
    /// bytes count as long as they do under one of their names.
    pub(super) gone: BTreeMap<usize, BTreeSet<usize>>,
    /// Reports that a newer version has replaced, by month: what has their rows alone is old too.
    pub(super) replaced_in: BTreeMap<&'p str, BTreeSet<usize>>,
    pub(super) accepted: &'p AcceptedReports,
    pub(super) standings: &'p mut BTreeMap<String, ReportStanding>,
    pub(super) compare: CompareRows<'p, E>,
}

impl<'p, 'a, E> PlacingState<'p, 'a, E> {
    /// None is placed yet.
    pub(super) fn new(
        (units, may_share): (&'p [PeriodUnit<'a>], &RowNeighbours),
        accepted: &'p AcceptedReports,
        (standings, compare): (&'p mut BTreeMap<String, ReportStanding>, CompareRows<'p, E>),
    ) -> Self {
        let neighbours = ReportNeighbours::new(units, may_share);
        let (gone, replaced_in) = (BTreeMap::new(), BTreeMap::new());
        Self { units, neighbours, gone, replaced_in, accepted, standings, compare }
    }

    /// Sets all files of a unit.
    pub(super) fn set(&mut self, unit: &PeriodUnit<'a>, standing: &ReportStanding) {
        for (key, _) in &unit.files {
            self.standings.insert((*key).to_owned(), standing.clone());
        }
    }

    /// Lets a report take the place of others.
    pub(super) fn supersede(
        &mut self,
        keys: impl Iterator<Item = &'a str>,
        by: &str,
        why: SupersedeReason,
    ) {
        for key in keys.filter(|key| *key != by) {
            // Files that another report took before keep that one's name.
            let standing = self.standings.get(key);
            if !matches!(standing, Some(ReportStanding::Superseded { .. })) {
                let standing = ReportStanding::Superseded { by: by.to_owned(), why };
                self.standings.insert(key.to_owned(), standing);
            }
        }
    }

    /// Whether a file counts.
    pub(super) fn is_active(&self, key: &str) -> bool {
        self.standings.get(key) == Some(&ReportStanding::Active)
    }

    /// Whether a file of a unit counts.
    pub(super) fn counts(&self, unit: &PeriodUnit<'_>) -> bool {
        unit.files.iter().any(|(key, _)| self.is_active(key))
    }

    /// Whether no other report has taken the place of a unit.
    pub(super) fn is_open(&self, unit: &PeriodUnit<'_>) -> bool {
        unit.files.iter().any(|(key, _)| {
            !matches!(self.standings.get(*key), Some(ReportStanding::Superseded { .. }))
        })
    }
}
