//! Whether one report is proven to replace another: by what its head says of itself, or by a mark of a
//! version in its name, together with the same subject and the same days. Digits in a name that look
//! like dates prove nothing.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::model::day::Day;
use crate::supersede::content::{ROWS_MIN, parties};
use crate::supersede::facts::{ReportFacts, SEVERAL};
use crate::supersede::names::{KnownDays, NamePart, VersionName};
use crate::supersede::periods::DayRanges;

/// By which of two reports is the newer one: the mark of a version in its name, when it was made, the
/// date of the folder in which it was delivered, its days, its rows, its id. Never when it arrived. Of two
/// about the same days the smaller one is the newer, so that it is the one that nobody can place.
pub(crate) type VersionAge =
    (Vec<NamePart>, Option<i64>, Option<Day>, Option<(Day, Reverse<Day>)>, Reverse<u64>, String);

/// One report, or all files of one, with what is worked out once.
#[derive(Debug)]
pub(crate) struct PeriodUnit<'a> {
    pub(crate) age: VersionAge,
    /// Keys of its files in order of their numbers, each with what is known of it.
    pub(crate) files: Vec<(&'a str, &'a ReportFacts)>,
    /// Numbers of its files.
    pub(crate) numbers: Vec<u32>,
    /// How many files there must be.
    pub(crate) of: u32,
    /// The only territory of its rows, `*` for several, nothing for none.
    pub(crate) territory: String,
    /// What its names say.
    pub(crate) names: Vec<VersionName>,
    /// What any report must have in common with it to be about the same: its head, or the subject of a
    /// name if all that looks like a date were one.
    pub(crate) topics: BTreeSet<String>,
}

/// What a report and an older one say of each other.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NamedReports {
    /// Places of the older one's names under which the report replaces it.
    pub(crate) newer_than: BTreeSet<usize>,
    /// Places of those under which it came later, or with the older one: their rows must tell whether it
    /// replaces that.
    pub(crate) later_than: BTreeSet<usize>,
    /// Whether they are about the same, and nothing says which is newer.
    pub(crate) is_open: bool,
}

/// What two names of reports say of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NamedAs {
    /// Nothing.
    Apart,
    /// The first one is newer.
    Newer,
    /// The first one came later, or with the other one.
    Later,
    /// They are about the same, and nothing says which is newer.
    Open,
}

impl<'a> PeriodUnit<'a> {
    /// A report of one file, or the first one of a report of several.
    pub(crate) fn new(key: &'a str, facts: &'a ReportFacts) -> Self {
        // A report whose head says what it is about needs no name for that.
        let names = if facts.set.is_some() { Vec::new() } else { facts.names(&facts.known_days) };
        let of_any_days =
            || facts.names(&KnownDays::default()).into_iter().map(|name| name.subject);
        let topics = match &facts.set {
            Some(set) => BTreeSet::from([parties(set).join("\t")]),
            None => of_any_days().collect(),
        };
        let part = facts.part.as_ref();
        Self {
            age: age_of(facts, &names),
            files: vec![(key, facts)],
            numbers: vec![part.map_or(1, |part| part.number)],
            of: part.map_or(1, |part| part.of),
            territory: facts.territory.clone(),
            names,
            topics,
        }
    }

    /// Whether a file is one of this report: of as many, and not there yet. Files come in order of age,
    /// so a number that comes again begins the next report.
    pub(crate) fn takes(&self, facts: &ReportFacts) -> bool {
        let part = facts.part.as_ref();
        part.is_some_and(|part| part.of == self.of && !self.numbers.contains(&part.number))
    }

    /// Adds a file of the same report.
    pub(crate) fn push(&mut self, key: &'a str, facts: &'a ReportFacts) {
        self.age = age_of(facts, &self.names);
        self.numbers.extend(facts.part.as_ref().map(|part| part.number));
        self.files.push((key, facts));
        if self.territory.is_empty() {
            self.territory.clone_from(&facts.territory);
        } else if !facts.territory.is_empty() && facts.territory != self.territory {
            SEVERAL.clone_into(&mut self.territory);
        }
    }

    /// The facts that all of its files share.
    pub(crate) fn facts(&self) -> &'a ReportFacts {
        self.files[0].1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.files.iter().all(|(_, facts)| facts.is_empty())
    }

    /// Under how many names it speaks: one whose head says what it is about needs none.
    pub(crate) fn n_names(&self) -> usize {
        self.names.len().max(1)
    }

    /// Whether its other names are those of copies, so that what replaces it under these replaces all of it:
    /// as many rows are equal by chance only where there are few, and nothing names another account.
    pub(crate) fn is_one_under(&self, replaced: &BTreeSet<usize>) -> bool {
        let accounts = |is_replaced: bool| -> BTreeSet<&String> {
            let places = (0..).zip(&self.names);
            let names = places.filter(|(place, _)| replaced.contains(place) == is_replaced);
            names.flat_map(|(_, name)| &name.accounts).collect()
        };
        let (gone, left) = (accounts(true), accounts(false));
        let are_others = !gone.is_empty() && !left.is_empty() && gone.is_disjoint(&left);
        let n_rows: u64 = self.files.iter().map(|(_, facts)| facts.totals.rows).sum();
        ROWS_MIN <= n_rows && !are_others
    }

    /// What this one and an older one say of each other.
    pub(crate) fn named(&self, older: &Self) -> NamedReports {
        let (newer, old) = (self.facts(), older.facts());
        if newer.adds || old.adds || !self.has_territory_of(older) {
            return NamedReports::default();
        }
        match (&newer.set, &old.set) {
            (Some(_), Some(_)) if !are_of_one_set(newer, old) => NamedReports::default(),
            (Some(_), Some(_)) if old.created_ms < newer.created_ms => {
                NamedReports { newer_than: BTreeSet::from([0]), ..NamedReports::default() }
            }
            // Two contents of one message: nothing says which of them is right.
            (Some(_), Some(_)) if old.created_ms == newer.created_ms => {
                NamedReports { is_open: true, ..NamedReports::default() }
            }
            (None, None) => self.named_by_files(older),
            _ => NamedReports::default(),
        }
    }

    /// A report without rows has no territory and is about all of them.
    fn has_territory_of(&self, older: &Self) -> bool {
        self.territory == older.territory
            || self.territory == SEVERAL
            || self.territory.is_empty()
            || older.is_empty()
    }

    fn named_by_files(&self, older: &Self) -> NamedReports {
        // A report without rows says nothing of days: dates in its name are those of the other one.
        let with = |unit: &Self, other: &Self| unit.facts().names(&other.facts().known_days);
        let of_empty = self.is_empty().then(|| with(self, older));
        let of_old = older.is_empty().then(|| with(older, self));
        let names = of_empty.as_ref().unwrap_or(&self.names);
        let old_names = of_old.as_ref().unwrap_or(&older.names);
        let mut found = NamedReports::default();
        for name in names {
            for (place, old) in old_names.iter().enumerate() {
                let is_same_subject = old.subject == name.subject;
                match is_same_subject.then(|| self.named_as(name, older, old)) {
                    Some(NamedAs::Newer) => {
                        found.newer_than.insert(place);
                    }
                    Some(NamedAs::Later) => {
                        found.later_than.insert(place);
                    }
                    Some(NamedAs::Open) => found.is_open = true,
                    Some(NamedAs::Apart) | None => {}
                }
            }
        }
        found
    }

    fn named_as(&self, name: &VersionName, older: &Self, old: &VersionName) -> NamedAs {
        let (newer_facts, old_facts) = (self.facts(), older.facts());
        let meets = days_meet(newer_facts, old_facts);
        let has_empty = self.is_empty() || older.is_empty();
        if old.marks < name.marks {
            // Nothing takes the place of something only where a person or a store says so.
            return match old.versions < name.versions {
                _ if !has_empty && !meets => NamedAs::Apart,
                true => NamedAs::Newer,
                false if has_empty => NamedAs::Newer,
                false => NamedAs::Later,
            };
        }
        let is_same_period = newer_facts.period.is_some() && newer_facts.period == old_facts.period;
        let is_of_same_days = is_same_period || (name.has_date && (older.is_empty() || meets));
        if self.is_empty() || !is_of_same_days || name.marks < old.marks {
            return NamedAs::Apart;
        }
        let order = |unit: &Self, name: &VersionName| (unit.facts().created_ms, name.delivered);
        match order(older, old).cmp(&order(self, name)) {
            std::cmp::Ordering::Less => NamedAs::Later,
            std::cmp::Ordering::Greater => NamedAs::Apart,
            std::cmp::Ordering::Equal if name.path != old.path => NamedAs::Apart,
            // The file was written over: their rows must tell.
            std::cmp::Ordering::Equal => NamedAs::Open,
        }
    }
}

/// Whether the heads of two reports say that they are about the same. The territory stands in the name of
/// the file alone: where a name has none, the territories of the rows must be the same.
fn are_of_one_set(a: &ReportFacts, b: &ReportFacts) -> bool {
    let (Some(set), Some(other)) = (&a.set, &b.set) else {
        return false;
    };
    let lacks_territory = |set: &str| parties(set).len() == set.split('\t').count();
    let is_alike = (lacks_territory(set) || lacks_territory(other))
        && parties(set) == parties(other)
        && a.territory == b.territory;
    set == other || is_alike
}

fn days_meet(a: &ReportFacts, b: &ReportFacts) -> bool {
    let days: Option<(DayRanges, DayRanges)> = a.days().zip(b.days());
    days.is_some_and(|(a, b)| a.meet(&b))
}

fn age_of(facts: &ReportFacts, names: &[VersionName]) -> VersionAge {
    let marks = names.iter().map(|name| name.marks.clone()).max().unwrap_or_default();
    let delivered = names.iter().filter_map(|name| name.delivered).max();
    let rows = Reverse(facts.totals.rows);
    // A week is newer than its days.
    let span = facts.span().map(|(from, to)| (to, Reverse(from)));
    (marks, facts.created_ms, delivered, span, rows, facts.id.clone())
}
