//! Which reports can have to do with each other, so that not every pair is looked at.

use std::collections::{BTreeMap, BTreeSet};

use crate::supersede::content::are_plays_in_two_formats;
use crate::supersede::facts::ReportFacts;
use crate::supersede::proof::PeriodUnit;

/// Reports by what they have in common.
#[derive(Default)]
pub(super) struct ReportNeighbours<'u> {
    by_topic: BTreeMap<&'u str, Vec<usize>>,
    by_month: BTreeMap<&'u str, Vec<usize>>,
    /// By month all of them, compared or not.
    all_by_month: BTreeMap<&'u str, Vec<usize>>,
    /// By key of each file.
    pub(super) by_key: BTreeMap<&'u str, usize>,
}

impl<'u> ReportNeighbours<'u> {
    pub(super) fn new(units: &'u [PeriodUnit<'_>]) -> Self {
        let mut found = Self::default();
        let in_two_formats = in_two_formats(units);
        for (place, unit) in units.iter().enumerate() {
            for topic in &unit.topics {
                found.by_topic.entry(topic).or_default().push(place);
            }
            let mut months: BTreeSet<&'u String> = BTreeSet::new();
            for (_, facts) in &unit.files {
                let is_compared = |month: &&'u String| {
                    facts.fingerprint.is_some() || in_two_formats.contains(month.as_str())
                };
                months.extend(facts.months.iter().filter(is_compared));
            }
            for month in months {
                found.by_month.entry(month).or_default().push(place);
            }
            let all: BTreeSet<&'u String> =
                unit.files.iter().flat_map(|(_, facts)| &facts.months).collect();
            for month in all {
                found.all_by_month.entry(month).or_default().push(place);
            }
            found.by_key.extend(unit.files.iter().map(|(key, _)| (*key, place)));
        }
        found
    }

    /// Older ones that may be about the same.
    pub(super) fn of_topic(&self, unit: &PeriodUnit<'_>, place: usize) -> BTreeSet<usize> {
        let topics = unit.topics.iter().filter_map(|topic| self.by_topic.get(topic.as_str()));
        topics.flatten().copied().filter(|other| *other < place).collect()
    }

    /// Older ones that may have a row in common.
    pub(super) fn of_months(&self, unit: &PeriodUnit<'_>, place: usize) -> BTreeSet<usize> {
        older_of(&self.by_month, unit, place)
    }

    /// Older ones of the same months, whether their rows are compared or not.
    pub(super) fn all_of_months(&self, unit: &PeriodUnit<'_>, place: usize) -> BTreeSet<usize> {
        older_of(&self.all_by_month, unit, place)
    }
}

fn older_of(
    by_month: &BTreeMap<&str, Vec<usize>>,
    unit: &PeriodUnit<'_>,
    place: usize,
) -> BTreeSet<usize> {
    let months = unit.files.iter().flat_map(|(_, facts)| &facts.months);
    let of_month = months.filter_map(|month| by_month.get(month.as_str()));
    of_month.flatten().copied().filter(|other| *other < place).collect()
}

/// The days of which plays came in more than one format.
fn in_two_formats<'u>(units: &'u [PeriodUnit<'_>]) -> BTreeSet<&'u str> {
    let mut first: BTreeMap<&str, &ReportFacts> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for (_, facts) in units.iter().flat_map(|unit| &unit.files) {
        for day in &facts.months {
            let known = first.entry(day).or_insert(facts);
            if are_plays_in_two_formats(known, facts) {
                found.insert(day.as_str());
            }
        }
    }
    found
}
