//! Random runs merged in passes and all at once: the same lines in the same batches, and never more
//! files open than allowed.

use arrow_select::concat::concat_batches;
use proptest::prelude::*;
use streamledger_core::model::day::Day;
use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::sale::FigureRow;
use streamledger_core::model::tier::Tier;
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_storage::tables::sales_columns::figures_columns;

use super::*;

/// A line: place of its report, of its run, of its recording, and its date.
type Line = (usize, usize, usize, i32);

const N_REPORTS: usize = 3;

fn figure(row: u32, isrc: Option<Isrc>, date: Day) -> FigureRow {
    let (upc, store_track, territory, tier_code) = (None, None, None, None);
    let (tier, plays) = (Tier::Duo, i64::from(row));
    FigureRow { row, date, isrc, upc, store_track, territory, tier, tier_code, plays }
}

fn runs_of(lines: &[Line], in_memory: bool, folder: &Path) -> Vec<(String, Vec<TableRun>)> {
    let mut lots: Vec<Vec<Vec<FigureRow>>> = vec![vec![Vec::new(); 7]; N_REPORTS];
    for (row, (report, run, recording, date)) in (0..).zip(lines) {
        let isrc = Isrc::parse(format!("ZZSL1260000{recording}").as_bytes());
        lots[*report][*run].push(figure(row, isrc.filter(|_| *recording != 0), Day(*date)));
    }
    let to_run = |report: usize, (number, figures): (usize, Vec<FigureRow>)| {
        let batch = figures_columns(&SalesLot::default(), figures).unwrap();
        if in_memory && number == 0 {
            return TableRun::Memory(batch);
        }
        let path = folder.join(format!("run-{report}-{number}.parquet"));
        let mut writer = RunWriter::create(path, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        TableRun::Disk(writer.finish().unwrap())
    };
    let runs = |(report, lots): (usize, Vec<Vec<FigureRow>>)| {
        let filled = lots.into_iter().enumerate().filter(|(_, figures)| !figures.is_empty());
        (format!("report {report}"), filled.map(|lot| to_run(report, lot)).collect())
    };
    lots.into_iter().enumerate().map(runs).collect()
}

/// How many files of a folder this process has open; `None` where the system does not tell.
fn n_open(folder: &Path) -> Option<usize> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?;
    let paths = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    Some(paths.filter(|path| path.starts_with(folder)).count())
}

/// The batches that come of merging no more than so many files at a time.
fn merged(lines: &[Line], in_memory: bool, n_runs_max: usize) -> Vec<RecordBatch> {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let mut batches = Vec::new();
    let runs = runs_of(lines, in_memory, &folder);
    merge_runs(LotTable::PublicCounts, runs, n_runs_max, &folder, |batch| {
        assert!(n_open(&folder).is_none_or(|n_files| n_files <= n_runs_max));
        batches.push(batch);
        Ok(())
    })
    .unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "runs are deleted");
    batches
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn merging_in_passes_is_merging_at_once(
        lines in proptest::collection::vec((0..N_REPORTS, 0..7_usize, 0..4_usize, 0..3_i32), 1..80),
        in_memory: bool,
        n_runs_max in 2..6_usize,
    ) {
        let at_once = merged(&lines, in_memory, RUNS_MAX);
        prop_assert_eq!(&merged(&lines, in_memory, n_runs_max), &at_once);
        prop_assert_eq!(&merged(&lines, !in_memory, n_runs_max), &at_once);
        let whole = concat_batches(&LotTable::PublicCounts.schema(), &at_once).unwrap();
        let mut expected: Vec<_> = (0_i64..).zip(&lines).map(|(row, (report, _, recording, date))| {
            (*date, *recording == 0, *recording, *report, row)
        }).collect();
        expected.sort_unstable();
        let rows = whole.column(1).as_primitive::<Int64Type>().values().to_vec();
        prop_assert_eq!(rows, expected.iter().map(|line| line.4).collect::<Vec<i64>>());
        let names = whole.column(0).as_string::<i32>();
        for (name, line) in names.iter().zip(&expected) {
            let expected = format!("report {}", line.3);
            prop_assert_eq!(name, Some(expected.as_str()));
        }
    }

    #[test]
    fn passes_keep_to_the_bound_and_end(n_runs in 0..5000_usize, n_runs_max in 0..200_usize) {
        let (mut left, mut n_passes) = (n_runs, 0);
        while let Some(n_first) = next_pass(left, n_runs_max) {
            prop_assert!((2..=n_runs_max.max(2)).contains(&n_first));
            left = left - n_first + 1;
            n_passes += 1;
        }
        prop_assert!(left <= n_runs_max.max(2));
        // None of them merges fewer than it must.
        prop_assert!(n_passes <= n_runs.div_ceil(n_runs_max.max(2) - 1));
    }
}

/// Lines of several batches and row groups of a run, and of several that are handed on.
#[test]
fn long_runs_are_merged_in_passes_too() {
    let n_lines = 2 * i32::try_from(MERGED_ROWS).unwrap();
    let line = |n: i32| {
        let place = |of: i32| usize::try_from(n % of).unwrap();
        (place(3), place(5), 1 + place(2), n / 7 % 30)
    };
    let lines: Vec<Line> = (0..n_lines + 100).map(line).collect();
    let at_once = merged(&lines, false, RUNS_MAX);
    assert_eq!(at_once.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [32768, 32768, 100]);
    assert_eq!(merged(&lines, false, 4), at_once);
}

#[test]
fn bounds_follow_the_memory_limit() {
    let bounds = |limit_mib: usize, n_threads| {
        let MergeBounds { n_partitions, n_runs } = MergeBounds::of(limit_mib << 20, n_threads);
        (n_partitions, n_runs)
    };
    assert_eq!(bounds(64, 2), (1, RUNS_MIN));
    assert_eq!(bounds(256, 2), (1, 32));
    assert_eq!(bounds(512, 2), (2, 32));
    assert_eq!(bounds(512, 16), (2, 32));
    assert_eq!(bounds(512, 1), (1, 96));
    assert_eq!(bounds(4096, 2), (2, RUNS_MAX));
    assert_eq!(bounds(4096, 64), (16, 32));
}
