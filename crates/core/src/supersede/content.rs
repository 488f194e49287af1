//! What two reports are to each other by their rows.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::ingest::table::format::Feed;
use crate::supersede::facts::{ComparedBy, ReportFacts, SEVERAL, SharedRows, SupersedeReason};

/// Fewer rows in common prove nothing: a handful of lines can be equal by chance.
pub(crate) const ROWS_MIN: u64 = 10;

/// One in so many rows of the smaller report in common is too much.
const OVERLAP_PART: i128 = 5;

/// Of a report with few rows so many percent in common are too much.
const FEW_PERCENT: u64 = 80;

/// Whether so many rows or plays in common are a fifth of the smaller report or more.
pub(crate) fn is_fifth(shared: u64, smaller: i128) -> bool {
    smaller <= i128::from(shared) * OVERLAP_PART
}

/// What the rows of an older report say of a newer one that came later under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentEvidence {
    /// They are of other things.
    Apart,
    /// The newer one is another version of it.
    Replaces,
    /// They may be.
    Open,
}

/// Whether the rows of two reports of one name prove that the newer one is another version of the older:
/// it has rows of it, or it is about the same recordings, territories and days. Statements speak of the
/// same recordings and months again and again, so of them that proves nothing.
pub(crate) fn evidence<E>(
    (newer_key, newer): (&str, &ReportFacts),
    (older_key, older): (&str, &ReportFacts),
    compare: &mut dyn FnMut(&str, &str, ComparedBy) -> Result<SharedRows, E>,
) -> Result<ContentEvidence, E> {
    let are_compared = newer.fingerprint.is_some() && older.fingerprint.is_some();
    if older.is_empty()
        || !newer.is_figures
        || newer.fingerprint == older.fingerprint && are_compared
    {
        return Ok(ContentEvidence::Replaces);
    }
    let smaller = newer.totals.rows.min(older.totals.rows);
    let shared = match compare(newer_key, older_key, ComparedBy::Rows)? {
        SharedRows::Rows(rows) => rows,
        SharedRows::Plays(_) | SharedRows::Keys(..) | SharedRows::Unknown => 0,
    };
    if is_fifth(shared, smaller.into()) {
        return Ok(ContentEvidence::Replaces);
    }
    let SharedRows::Keys(keys, of) = compare(newer_key, older_key, ComparedBy::Keys)? else {
        return Ok(ContentEvidence::Open);
    };
    let is_most = of < 2 * keys;
    Ok(if newer.feed == Feed::Sales.as_str() {
        let is_open = is_most && newer.months == older.months;
        if is_open { ContentEvidence::Open } else { ContentEvidence::Apart }
    } else if keys == 0 || (!are_compared && shared == 0) {
        // Plays that a listener tells apart are known again one by one.
        ContentEvidence::Apart
    } else if is_most && are_compared {
        ContentEvidence::Replaces
    } else {
        ContentEvidence::Open
    })
}

/// What an older report is to a newer one by its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentRelation {
    /// Two reports.
    Apart,
    /// The older one counts through the newer.
    OlderIsIn(SupersedeReason),
    /// The newer one counts through the older.
    NewerIsIn,
    /// So much is in both, and nobody can say which of them counts.
    Overlap(SharedRows),
}

/// What two reports are to each other; `compare` counts what is in both.
pub(crate) fn relation<E>(
    newer: (&str, &ReportFacts),
    older: (&str, &ReportFacts),
    compare: &mut dyn FnMut(&str, &str, ComparedBy) -> Result<SharedRows, E>,
) -> Result<ContentRelation, E> {
    let ((newer_key, newer), (older_key, older)) = (newer, older);
    let fingerprints = newer.fingerprint.zip(older.fingerprint);
    if fingerprints.is_none() && !are_plays_in_two_formats(newer, older) {
        return Ok(ContentRelation::Apart);
    }
    let (n_newer, n_older) = (newer.totals.rows, older.totals.rows);
    let smaller = n_newer.min(n_older);
    let territories = newer.only_territory.as_ref().zip(older.only_territory.as_ref());
    let is_elsewhere = territories.is_some_and(|(a, b)| a != b);
    if smaller == 0 || is_elsewhere || newer.months.is_disjoint(&older.months) {
        return Ok(ContentRelation::Apart);
    }
    let is_same = fingerprints.is_some_and(|(a, b)| a == b) && n_newer == n_older;
    let shared = if is_same {
        SharedRows::Rows(smaller)
    } else {
        compare(newer_key, older_key, ComparedBy::Rows)?
    };
    Ok(match shared {
        SharedRows::Unknown | SharedRows::Keys(..) => ContentRelation::Apart,
        SharedRows::Rows(rows) if rows == smaller => {
            if smaller < ROWS_MIN || have_other_accounts(newer, older) {
                ContentRelation::Overlap(shared)
            } else {
                by_size(n_older.cmp(&n_newer))
            }
        }
        SharedRows::Rows(rows) => overlap_of(shared, rows, smaller.into()),
        SharedRows::Plays(plays) => {
            let of = |facts: &ReportFacts| facts.totals.plays;
            // Sums of tracks can be equal by chance only where there are few of them.
            let (all_newer, all_older) = (of(newer), of(older));
            let is_same = all_newer == all_older && all_newer == Some(plays.into());
            if is_same && ROWS_MIN <= smaller && !have_other_accounts(newer, older) {
                return Ok(ContentRelation::OlderIsIn(SupersedeReason::SameRows));
            }
            let smaller = all_newer.zip(all_older).map(|(a, b)| a.min(b));
            // Sums beyond 128 bits were rejected when the report was read.
            smaller.map_or(ContentRelation::Overlap(shared), |smaller| {
                overlap_of(shared, plays, smaller)
            })
        }
    })
}

fn by_size(older_to_newer: Ordering) -> ContentRelation {
    match older_to_newer {
        Ordering::Equal => ContentRelation::OlderIsIn(SupersedeReason::SameRows),
        Ordering::Less => ContentRelation::OlderIsIn(SupersedeReason::Contained),
        Ordering::Greater => ContentRelation::NewerIsIn,
    }
}

/// Whether so much of the smaller report is too much to be chance.
fn overlap_of(shared: SharedRows, number: u64, smaller: i128) -> ContentRelation {
    let is_part = ROWS_MIN <= number && is_fifth(number, smaller);
    // Of sums a few plays say nothing: every recording has some.
    let are_rows = matches!(shared, SharedRows::Rows(_));
    let is_much =
        is_part || are_rows && smaller * i128::from(FEW_PERCENT) <= i128::from(number) * 100;
    if is_much { ContentRelation::Overlap(shared) } else { ContentRelation::Apart }
}

/// Whether two reports of plays come in different formats: what each says of a play is other than what
/// rows of one format are compared by.
pub(crate) fn are_plays_in_two_formats(a: &ReportFacts, b: &ReportFacts) -> bool {
    let is_plays = |facts: &ReportFacts| facts.feed == Feed::Trends.as_str();
    is_plays(a) && is_plays(b) && a.format != b.format
}

/// Whether all rows of a report are in another one; `compare` counts what is in both.
pub(crate) fn is_within<E>(
    (inner_key, inner): (&str, &ReportFacts),
    (outer_key, outer): (&str, &ReportFacts),
    compare: &mut dyn FnMut(&str, &str, ComparedBy) -> Result<SharedRows, E>,
) -> Result<bool, E> {
    let (n_inner, n_outer) = (inner.totals.rows, outer.totals.rows);
    let fingerprints = inner.fingerprint.zip(outer.fingerprint);
    let are_plays = inner.feed == Feed::Trends.as_str() && inner.feed == outer.feed;
    let is_about = inner.territory == outer.territory || outer.territory == SEVERAL;
    if n_inner == 0
        || n_outer < n_inner
        || inner.adds
        || !is_about
        || (fingerprints.is_none() && !are_plays)
        || !inner.months.is_subset(&outer.months)
        || have_other_accounts(inner, outer)
    {
        return Ok(false);
    }
    if fingerprints.is_some_and(|(a, b)| a == b) && n_inner == n_outer {
        return Ok(true);
    }
    Ok(compare(inner_key, outer_key, ComparedBy::Rows)? == SharedRows::Rows(n_inner))
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

/// The cells of a head that say by whom, for whom, of which days and in which profile a report is.
pub(crate) fn parties(set: &str) -> Vec<&str> {
    set.split('\t').take(PARTY_CELLS).collect()
}
