//! Which reports can have to do with each other, so that not every pair is looked at.

use std::collections::{BTreeMap, BTreeSet};

use crate::supersede::content::are_plays_in_two_formats;
use crate::supersede::facts::ReportFacts;
use crate::supersede::proof::PeriodUnit;
use crate::supersede::row_index::RowNeighbours;

/// Reports by what they have in common.
#[derive(Default)]
pub(super) struct ReportNeighbours<'u> {
    by_topic: BTreeMap<&'u str, Vec<usize>>,
    /// Of these, those without rows.
    empty_by_topic: BTreeMap<&'u str, Vec<usize>>,
    /// Those with rows and without a head by the subjects of their names: what is a date in a name is known
    /// of both, so that two of them are about the same only if they share a subject.
    by_subject: BTreeMap<&'u str, Vec<usize>>,
    /// Those whose rows are compared.
    compared: MonthReports<'u>,
    /// All of them, compared or not.
    all: MonthReports<'u>,
    /// Of each report those with which it may have a row in common; `None` for any.
    sharing: Vec<Option<BTreeSet<usize>>>,
    /// By key of each file.
    pub(super) by_key: BTreeMap<&'u str, usize>,
}

/// Reports by the months of their rows.
#[derive(Default)]
struct MonthReports<'u> {
    by_month: BTreeMap<&'u str, Vec<usize>>,
    /// Of these, those that may have a row in common with any.
    open: BTreeMap<&'u str, Vec<usize>>,
}

impl<'u> MonthReports<'u> {
    fn add(&mut self, place: usize, months: BTreeSet<&'u String>, is_open: bool) {
        for month in months {
            self.by_month.entry(month).or_default().push(place);
            if is_open {
                self.open.entry(month).or_default().push(place);
            }
        }
    }

    /// Those that are older than a place and may have a row in common with a report.
    fn older_than(
        &self,
        place: usize,
        unit: &PeriodUnit<'_>,
        sharing: Option<&BTreeSet<usize>>,
    ) -> BTreeSet<usize> {
        let by_month = if sharing.is_some() { &self.open } else { &self.by_month };
        let months = unit.files.iter().flat_map(|(_, facts)| &facts.months);
        let of_months = months.filter_map(|month| by_month.get(month.as_str())).flatten();
        let all = of_months.chain(sharing.into_iter().flatten());
        all.copied().filter(|other| *other < place).collect()
    }
}

impl<'u> ReportNeighbours<'u> {
    pub(super) fn new(units: &'u [PeriodUnit<'_>], may_share: &RowNeighbours) -> Self {
        let mut found = Self::default();
        let mut by_fingerprint: BTreeMap<u128, BTreeSet<usize>> = BTreeMap::new();
        for (place, unit) in units.iter().enumerate() {
            for topic in &unit.topics {
                found.by_topic.entry(topic).or_default().push(place);
                if unit.is_empty() {
                    found.empty_by_topic.entry(topic).or_default().push(place);
                }
            }
            for name in unit.names.iter().filter(|_| !unit.is_empty()) {
                found.by_subject.entry(&name.subject).or_default().push(place);
            }
            found.by_key.extend(unit.files.iter().map(|(key, _)| (*key, place)));
            for fingerprint in unit.files.iter().filter_map(|(_, facts)| facts.fingerprint) {
                by_fingerprint.entry(fingerprint).or_default().insert(place);
            }
        }
        let in_two_formats = in_two_formats(units);
        let is_in_two = |month: &String| in_two_formats.contains(month.as_str());
        for (place, unit) in units.iter().enumerate() {
            let facts = || unit.files.iter().map(|(_, facts)| *facts);
            // Plays in another format are compared by other things than their rows.
            let is_open = facts()
                .any(|facts| facts.fingerprint.is_none() || facts.months.iter().any(is_in_two))
                || unit.files.iter().any(|(key, _)| !may_share.contains_key(*key));
            let compared = facts().flat_map(|facts| {
                let is_compared =
                    move |month: &&String| facts.fingerprint.is_some() || is_in_two(month);
                facts.months.iter().filter(is_compared)
            });
            found.compared.add(place, compared.collect(), is_open);
            found.all.add(place, facts().flat_map(|facts| &facts.months).collect(), is_open);
            let by_rows = unit.files.iter().filter_map(|(key, _)| may_share.get(*key)).flatten();
            let by_rows = by_rows.filter_map(|key| found.by_key.get(key.as_str())).copied();
            let same = facts().filter_map(|facts| by_fingerprint.get(&facts.fingerprint?));
            let sharing = by_rows.chain(same.flatten().copied()).collect();
            found.sharing.push((!is_open).then_some(sharing));
        }
        found
    }

    /// Older ones that may be about the same.
    pub(super) fn of_topic(&self, unit: &PeriodUnit<'_>, place: usize) -> BTreeSet<usize> {
        let has_own_dates = !unit.names.is_empty() && !unit.is_empty();
        let by_topic = if has_own_dates { &self.empty_by_topic } else { &self.by_topic };
        let topics = unit.topics.iter().filter_map(|topic| by_topic.get(topic.as_str()));
        let names = unit.names.iter().filter(|_| has_own_dates);
        let subjects = names.filter_map(|name| self.by_subject.get(name.subject.as_str()));
        let all = topics.chain(subjects).flatten().copied();
        all.filter(|other| *other < place).collect()
    }

    /// Older ones that may have a row in common.
    pub(super) fn of_rows(&self, unit: &PeriodUnit<'_>, place: usize) -> BTreeSet<usize> {
        self.compared.older_than(place, unit, self.sharing[place].as_ref())
    }

    /// Those older than a place that may have a row in common with a report, also where only the rule of
    /// duplicates compares their rows.
    pub(super) fn all_of_rows(&self, unit: &PeriodUnit<'_>, place: usize) -> BTreeSet<usize> {
        let own = self.by_key[unit.files[0].0];
        self.all.older_than(place, unit, self.sharing[own].as_ref())
    }
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
