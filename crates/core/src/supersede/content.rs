//! What two reports are to each other by their rows.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::supersede::facts::{ReportFacts, Superseding};

/// Fewer rows in common prove nothing: a handful of lines can be equal by chance.
const ROWS_MIN: u64 = 10;

/// One in so many rows of the smaller report in common is too much.
const OVERLAP_PART: u64 = 5;

/// What an older report is to a newer one by its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// Two reports.
    Apart,
    /// The older one counts through the newer.
    OlderIsIn(Superseding),
    /// The newer one counts through the older.
    NewerIsIn,
    /// So many rows are in both, and nobody can say which of them count.
    Overlap(u64),
}

/// What two reports are to each other; `compare` counts the rows that are in both.
pub(crate) fn relation<E>(
    newer: (&str, &ReportFacts),
    older: (&str, &ReportFacts),
    compare: &mut dyn FnMut(&str, &str) -> Result<u64, E>,
) -> Result<Relation, E> {
    let ((newer_key, newer), (older_key, older)) = (newer, older);
    let Some(fingerprints) = newer.fingerprint.zip(older.fingerprint) else {
        return Ok(Relation::Apart);
    };
    let (n_newer, n_older) = (newer.totals.rows, older.totals.rows);
    let smaller = n_newer.min(n_older);
    let territories = newer.only_territory.as_ref().zip(older.only_territory.as_ref());
    let is_elsewhere = territories.is_some_and(|(a, b)| a != b);
    if smaller == 0 || is_elsewhere || newer.months.is_disjoint(&older.months) {
        return Ok(Relation::Apart);
    }
    let is_same = fingerprints.0 == fingerprints.1 && n_newer == n_older;
    let shared = if is_same { smaller } else { compare(newer_key, older_key)? };
    if shared < smaller {
        let is_much = ROWS_MIN <= shared
            && shared.checked_mul(OVERLAP_PART).is_none_or(|part| smaller <= part);
        return Ok(if is_much { Relation::Overlap(shared) } else { Relation::Apart });
    }
    if smaller < ROWS_MIN || have_other_accounts(newer, older) {
        return Ok(Relation::Overlap(shared));
    }
    Ok(match n_older.cmp(&n_newer) {
        Ordering::Equal => Relation::OlderIsIn(Superseding::SameRows),
        Ordering::Less => Relation::OlderIsIn(Superseding::Contained),
        Ordering::Greater => Relation::NewerIsIn,
    })
}

/// Whether two reports name accounts, and not the same: by their heads, or by long numbers in their
/// names that are no dates.
pub(crate) fn have_other_accounts(a: &ReportFacts, b: &ReportFacts) -> bool {
    if let Some((a, b)) = a.set.as_deref().zip(b.set.as_deref()) {
        return parties(a) != parties(b);
    }
    let accounts = |facts: &ReportFacts| -> BTreeSet<String> {
        let names = facts.names(&facts.known_days);
        names.into_iter().flat_map(|name| name.accounts).collect()
    };
    let (a, b) = (accounts(a), accounts(b));
    !a.is_empty() && !b.is_empty() && a.is_disjoint(&b)
}

/// The cells of a head that name sender, service, recipient, days and profile; what follows is of the
/// name of the file.
const PARTY_CELLS: usize = 6;

fn parties(set: &str) -> Vec<&str> {
    set.split('\t').take(PARTY_CELLS).collect()
}
