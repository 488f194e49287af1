//! The stores' lists of tracks for the dates that are rebuilt.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Int64Type};
use arrow_array::{Array as _, RecordBatch};
use parquet::errors::ParquetError;
use streamledger_core::model::day::Day;
use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::upc::Upc;
use streamledger_core::normalize::tracks::{KnownTrack, KnownTracks};
use streamledger_storage::layout::ledger::{FileEntry, LedgerReports, Manifest};
use streamledger_storage::layout::partition_key::lots_path;
use streamledger_storage::tables::lot_table::LotTable;
use streamledger_storage::tables::partition::PartitionError;
use streamledger_storage::tables::scan::each_batch;

use crate::build::sales_merge::each_batch as each_batch_of_run;
use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::plan::offline_dates::stale_dates;
use crate::nightly::plan::planned::PlannedPartition;
use crate::nightly::plan::planning::Targets;
use crate::nightly::plan::reading_again::read_lots_again;
use crate::nightly::plan::run_inputs::{Date, RunInputs};

/// The columns of `tracks` that plays are filled in from.
const COLUMNS: [&str; 5] = ["date", "store_track", "isrc", "upc", "track_ms"];

/// Finds the tracks of each stale date for which a store sent a list. They are in the published partition
/// of `tracks`, or, where that is stale itself, in the reports that feed it: those that were not read in
/// this run are read.
pub(crate) fn find_tracks(
    run: &RunContext<'_>,
    targets: &Targets,
    inputs: &mut RunInputs,
    reports: &LedgerReports,
    previous: &Manifest,
) -> Result<(), NightlyError> {
    let mut by_month: BTreeMap<String, BTreeSet<Date>> = BTreeMap::new();
    for (_, planned, date) in stale_dates(targets) {
        let day = date.1.to_string();
        let is_list = |key: &String| reports[key].track_dates.contains(&day);
        if !inputs.tracks.contains_key(&date) && planned.reports.iter().any(is_list) {
            let path = lots_path(LotTable::Tracks, &date.0, date.1.month());
            by_month.entry(path).or_default().insert(date);
        }
    }
    for (path, dates) in by_month {
        let Some(planned) = targets.get(&path) else {
            continue;
        };
        let published = run.places.snapshot(previous.snapshot).join("tables");
        let lists = if !planned.is_stale() {
            let partition = previous.partitions.get(&path);
            lists_of_files(&published.join(&path), partition.map_or(&[], |p| &p.files))?
        } else if let Some(finished) = inputs.finished.get(&path) {
            let staged = run.work.staging.join("snapshot").join("tables");
            lists_of_files(&staged.join(&path), &finished.files)?
        } else {
            read_lots_again(run, &[(&path, planned)], &mut inputs.runs, reports)?;
            lists_of_runs(planned, &dates, inputs)?
        };
        for (store, day) in dates {
            let mut tracks = KnownTracks::default();
            for (store_track, track) in lists.get(&day).into_iter().flatten() {
                tracks.add(store_track, *track);
            }
            inputs.tracks.insert((store, day), tracks);
        }
    }
    Ok(())
}

/// Tracks by date.
type TracksByDate = BTreeMap<Day, Vec<(String, KnownTrack)>>;

fn lists_of_files(folder: &Path, files: &[FileEntry]) -> Result<TracksByDate, NightlyError> {
    let mut lists = TracksByDate::new();
    for file in files {
        each_batch(&folder.join(&file.name), &COLUMNS, |batch| {
            add_rows(batch, &mut lists).ok_or_else(no_list)
        })
        .map_err(PartitionError::parquet(folder))?;
    }
    Ok(lists)
}

fn lists_of_runs(
    planned: &PlannedPartition,
    dates: &BTreeSet<Date>,
    inputs: &RunInputs,
) -> Result<TracksByDate, NightlyError> {
    let mut lists = TracksByDate::new();
    let months: BTreeSet<_> =
        dates.iter().map(|(store, day)| (store.clone(), day.month())).collect();
    for key in &planned.reports {
        let Some(runs) = inputs.runs.get(key) else {
            continue;
        };
        for month in &months {
            for run in runs.tables.get(&(LotTable::Tracks, month.clone())).into_iter().flatten() {
                each_batch_of_run(run, |batch| {
                    let failed = PartitionError::parquet(Path::new("runs"));
                    add_rows(&batch, &mut lists).ok_or_else(no_list).map_err(failed)
                })?;
            }
        }
    }
    Ok(lists)
}

fn no_list() -> ParquetError {
    ParquetError::General("the columns are not those of `tracks`".to_owned())
}

/// Adds the rows of a batch; `None` if it has other columns.
fn add_rows(batch: &RecordBatch, lists: &mut TracksByDate) -> Option<()> {
    let text = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
    let dates = batch.column_by_name("date")?.as_primitive_opt::<Date32Type>()?;
    let lengths = batch.column_by_name("track_ms")?.as_primitive_opt::<Int64Type>()?;
    let (ids, isrcs, upcs) = (text("store_track")?, text("isrc")?, text("upc")?);
    for row in 0..batch.num_rows() {
        if dates.is_null(row) || ids.is_null(row) {
            continue;
        }
        let code = |codes: &arrow_array::StringArray| {
            codes.is_valid(row).then(|| codes.value(row).as_bytes().to_vec())
        };
        let length = lengths.is_valid(row).then(|| lengths.value(row));
        let track = KnownTrack {
            isrc: code(isrcs).and_then(|text| Isrc::parse(&text)),
            upc: code(upcs).and_then(|text| Upc::parse(&text)),
            track_ms: length.and_then(|ms| u32::try_from(ms).ok()),
        };
        lists.entry(Day(dates.value(row))).or_default().push((ids.value(row).to_owned(), track));
    }
    Some(())
}
