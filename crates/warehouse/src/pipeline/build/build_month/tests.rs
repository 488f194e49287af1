//! Claims about the month of trends: where row groups end, and that what is copied is what would have
//! been written.

use std::ops::Range;

use streamledger_core::aggregate::trends_daily::Trend;
use streamledger_core::model::day::Month as ListeningMonth;
use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::play::NONE;
use streamledger_core::model::tier::Tier;
use streamledger_core::model::verdict::Verdict;

use super::*;
use crate::storage::encode::trends::{SCHEMA, SORTED_BY};

const SMALL: usize = ROW_GROUP_ROWS_MIN - 1;
const LARGE: usize = ROW_GROUP_ROWS_MIN;

fn planned(lengths: &[usize]) -> Vec<Vec<(i32, Range<usize>)>> {
    let lengths: Vec<(Day, usize)> = (0..).map(Day).zip(lengths.iter().copied()).collect();
    let plain = |parts: Vec<Part>| parts.into_iter().map(|(day, rows)| (day.0, rows)).collect();
    plan_row_groups(&lengths).into_iter().map(plain).collect()
}

#[test]
fn row_groups_end_with_a_date_that_makes_them_large_enough() {
    assert_eq!(planned(&[LARGE, LARGE]), [vec![(0, 0..LARGE)], vec![(1, 0..LARGE)]]);
    assert_eq!(
        planned(&[SMALL, 1, SMALL, SMALL, 3]),
        [vec![(0, 0..SMALL), (1, 0..1)], vec![(2, 0..SMALL), (3, 0..SMALL)], vec![(4, 0..3)]]
    );
    assert!(planned(&[0, 0]).is_empty());
}

#[test]
fn a_large_date_is_cut_at_the_most_rows() {
    assert_eq!(
        planned(&[5, ROW_GROUP_ROWS_MAX + 10, 2]),
        [
            vec![(0, 0..5), (1, 0..ROW_GROUP_ROWS_MAX - 5)],
            vec![(1, ROW_GROUP_ROWS_MAX - 5..ROW_GROUP_ROWS_MAX + 10), (2, 0..2)]
        ]
    );
}

fn layout() -> TableLayout {
    TableLayout::new(SCHEMA, &SORTED_BY).unwrap()
}

/// As many rows as are asked for; those of another `version` have other numbers.
fn trends(n_rows: usize, version: i64) -> DayTrends {
    let mut trends = DayTrends::default();
    for row in 0..i64::try_from(n_rows).unwrap() {
        let named = row % 4 == 3;
        let trend = Trend {
            listened_month: ListeningMonth { year: 2026, month: 9 },
            isrc: (!named)
                .then(|| Isrc::parse(format!("USABC{:07}", row / 4).as_bytes()))
                .flatten(),
            store_track: NONE,
            upc: None,
            territory: None,
            tier: Tier::ALL[usize::try_from(row % 4).unwrap()],
            offline: Some(row % 3 == 0),
            verdict: Verdict::Counted,
            reason: None,
            plays: 1 + (row * 7 + version) % 5,
            played_ms: (row % 5 != 0).then_some(row * 31 % 1_000_003).into(),
            listeners: None,
        };
        trends.push(&trend, named.then(|| format!("t{}", row / 4)).as_deref());
    }
    trends
}

/// The files' names, which are hashes of what is in them, and their rows.
fn build(
    days: BTreeMap<Day, KeptTrends>,
    stored: StoredTrends,
    folder: &Path,
) -> Vec<(String, u64)> {
    let stages = Stages::default();
    let files =
        build_month(days, stored, folder, &layout(), &Provenance::default(), &stages).unwrap();
    files.into_iter().map(|file| (file.name, file.rows)).collect()
}

fn kept(lengths: &BTreeMap<Day, (usize, i64)>) -> BTreeMap<Day, KeptTrends> {
    let kept = |(day, (n_rows, version)): (&Day, &(usize, i64))| {
        (*day, KeptTrends::new(*day, trends(*n_rows, *version), &layout()).unwrap())
    };
    lengths.iter().map(kept).collect()
}

/// A month of dates of these lengths; then the given dates get other lengths, and of the month only
/// they are at hand. Returns how many row groups were copied, out of how many.
fn rebuild(lengths: &[usize], changed: &[(i32, usize)]) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut dates: BTreeMap<Day, (usize, i64)> =
        (0..).map(Day).zip(lengths.iter().map(|n_rows| (*n_rows, 0))).collect();
    let before = folder.path().join("before");
    let files = build(kept(&dates), StoredTrends::default(), &before);
    let mut unchanged: BTreeSet<Day> = dates.keys().copied().collect();
    let mut anew = BTreeMap::new();
    for (day, n_rows) in changed {
        unchanged.remove(&Day(*day));
        anew.insert(Day(*day), (*n_rows, 1));
    }
    dates.extend(anew.clone());
    let stored = || {
        let mut stored = StoredTrends::default();
        let open = |(name, _): &(String, u64)| TrendsFile::open(&before.join(name)).unwrap();
        stored.add(files.iter().map(open).collect(), &unchanged);
        stored
    };
    let whole = build(kept(&dates), StoredTrends::default(), &folder.path().join("whole"));
    let mended = build(kept(&anew), stored(), &folder.path().join("mended"));
    assert_eq!(mended, whole);
    let month = Month::new(BTreeMap::new(), stored());
    let groups = plan_row_groups(&dates.iter().map(|(day, (n, _))| (*day, *n)).collect::<Vec<_>>());
    (groups.iter().filter(|parts| month.stored.find(parts).is_some()).count(), groups.len())
}

#[test]
fn what_is_copied_is_what_would_have_been_written() {
    // A date more, at the end; one less row in the middle; a small date between others.
    assert_eq!(rebuild(&[LARGE, LARGE + 7], &[(2, LARGE)]), (2, 3));
    assert_eq!(rebuild(&[LARGE, LARGE + 7, LARGE], &[(1, LARGE + 6)]), (2, 3));
    assert_eq!(rebuild(&[9, SMALL, 4, SMALL, 5], &[(2, 5)]), (2, 3));
    // The date has as many rows as before, but others.
    assert_eq!(rebuild(&[LARGE, 3, LARGE, 2], &[(1, 3)]), (2, 3));
    assert_eq!(rebuild(&[LARGE, LARGE, SMALL, 2], &[(0, LARGE), (2, SMALL)]), (1, 3));
}

#[test]
fn a_date_of_several_row_groups_is_copied_where_it_begins_one() {
    let many = ROW_GROUP_ROWS_MAX + 10;
    assert_eq!(rebuild(&[many, 5], &[(1, 6)]), (1, 2));
    // Moved by the rows of an earlier date: none of its row groups is what it was.
    assert_eq!(rebuild(&[many, LARGE], &[(-1, 5)]), (0, 2));
}
