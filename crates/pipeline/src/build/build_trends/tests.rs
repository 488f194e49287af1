//! Claims about the file of a date: the same bytes whether its rows come at once or track by track, all
//! rows in the order of the table, and no row group of two months.

use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::statistics::Statistics;
use proptest::prelude::*;
use streamledger_core::aggregate::trends_daily::Trend;
use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::play::NONE;
use streamledger_core::model::tier::Tier;
use streamledger_core::model::verdict::Verdict;
use streamledger_storage::disk::stages::StageTimes;
use streamledger_storage::encode::file::FileProvenance;
use streamledger_storage::encode::trends::{SCHEMA, SORTED_BY};

use super::*;

const DATE: Day = Day(20_697);

fn layout() -> TableLayout {
    TableLayout::new(SCHEMA, &SORTED_BY).unwrap()
}

/// Rows of some tracks, each with so many rows in each of the months: those of a month lie together.
fn trends(tracks: std::ops::Range<usize>, rows_per_track: &[usize]) -> DayTrends {
    let mut trends = DayTrends::default();
    for (month, n_rows) in (7..).zip(rows_per_track) {
        for track in tracks.clone() {
            let named = track % 4 == 3;
            for row in 0..i64::try_from(*n_rows).unwrap() {
                let trend = Trend {
                    listened_month: Month { year: 2026, month },
                    isrc: Isrc::parse(format!("USABC{track:07}").as_bytes()).filter(|_| !named),
                    store_track: NONE,
                    upc: None,
                    territory: None,
                    tier: Tier::ALL[track % Tier::ALL.len()],
                    offline: Some(row % 3 == 0),
                    verdict: Verdict::Counted,
                    reason: None,
                    plays: 1 + row % 5,
                    played_ms: (row % 5 != 0).then_some(row * 31 % 1_000_003).into(),
                    listeners: None,
                };
                trends.push(&trend, named.then(|| format!("t{track:07}")).as_deref());
            }
        }
    }
    trends
}

fn write(trends: EncodedTrends, folder: &Path) -> BuiltTrends {
    let (layout, provenance) = (layout(), FileProvenance::default());
    let stages = StageTimes::default();
    let writer = PartitionWriter::new(folder.to_owned(), &layout, &provenance, &stages).unwrap();
    trends.write(DATE, writer).unwrap()
}

/// Rows of each row group, with its first and last month.
fn row_groups(file: &Path) -> Vec<(i64, String, String)> {
    let reader = SerializedFileReader::new(std::fs::File::open(file).unwrap()).unwrap();
    let groups = reader.metadata().row_groups().iter().map(|group| {
        let Some(Statistics::ByteArray(months)) = group.column(1).statistics() else {
            panic!("no statistics");
        };
        let text = |bound: Option<&parquet::data_type::ByteArray>| {
            bound.unwrap().as_utf8().unwrap().to_owned()
        };
        (group.num_rows(), text(months.min_opt()), text(months.max_opt()))
    });
    groups.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_date_has_the_same_bytes_whether_its_rows_come_at_once_or_track_by_track(
        n_tracks in 1_usize..9,
        rows_per_track in prop::collection::vec(0_usize..5, 1..4),
        n_at_once in 1_usize..4,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let all = trends(0..n_tracks, &rows_per_track);
        prop_assume!(!all.is_empty());
        let at_once = EncodedTrends::new(DATE, &all, &layout()).unwrap();
        let encoder_layout = layout();
        let mut encoder = TrendsEncoder::new(DATE, &encoder_layout);
        for start in (0..n_tracks).step_by(n_at_once) {
            let tracks = start..n_tracks.min(start + n_at_once);
            encoder.add(&trends(tracks, &rows_per_track)).unwrap();
        }
        let expected = write(at_once, &folder.path().join("at-once"));
        prop_assert_eq!(&write(encoder.finish().unwrap(), &folder.path().join("by-track")), &expected);
        let n_rows: u64 = expected.files.iter().map(|file| file.rows).sum();
        prop_assert_eq!(n_rows, all.len() as u64);
        prop_assert_eq!(expected.n_plays, all.n_plays());
        let n_months = rows_per_track.iter().filter(|n_rows| **n_rows != 0).count();
        prop_assert_eq!(expected.listened_months.len(), n_months);
        prop_assert!(expected.files[0].name.starts_with("2026-09-01-0000-"));
    }
}

#[test]
fn a_row_group_ends_with_its_month_and_at_the_most_rows() {
    let folder = tempfile::tempdir().unwrap();
    let rows_per_track = [1, ROW_GROUP_ROWS / 2 + 5];
    let (first, second) = (trends(0..1, &rows_per_track), trends(1..2, &rows_per_track));
    let at_once = EncodedTrends::new(DATE, &trends(0..2, &rows_per_track), &layout()).unwrap();
    let encoder_layout = layout();
    let mut encoder = TrendsEncoder::new(DATE, &encoder_layout);
    encoder.add(&first).unwrap();
    encoder.add(&second).unwrap();
    let at_once = write(at_once, &folder.path().join("at-once"));
    assert_eq!(write(encoder.finish().unwrap(), &folder.path().join("by-track")), at_once);
    let months = |n_rows, month: &str| (n_rows, month.to_owned(), month.to_owned());
    assert_eq!(
        row_groups(&folder.path().join("at-once").join(&at_once.files[0].name)),
        [
            months(2, "2026-07"),
            months(i64::try_from(ROW_GROUP_ROWS).unwrap(), "2026-08"),
            months(10, "2026-08"),
        ]
    );
}
