//! The stores' lists of tracks for the dates that must be made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;
use polars::prelude::{DataType, PolarsError, PolarsResult, col};
use streamledger_core::model::day::Day;
use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::upc::Upc;
use streamledger_core::normalize::tracks::{KnownTrack, KnownTracks};

use crate::pipeline::nightly::context::Night;
use crate::pipeline::nightly::error::NightlyError;
use crate::pipeline::nightly::plan::planned::{Kind, Plan};
use crate::storage::layout::ledger::{Manifest, PartitionEntry, ReportEntry, lots_path};
use crate::storage::tables::lot_table::LotTable;
use crate::storage::tables::partition::PartitionError;
use crate::storage::tables::scan::{collect, scan};

/// Where the lists are: partitions of `tracks` that were made in this run, or before.
pub(crate) struct TrackLists<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) former: &'a Manifest,
    pub(crate) reports: &'a BTreeMap<String, ReportEntry>,
    pub(crate) staged: &'a Path,
    pub(crate) partitions: &'a BTreeMap<String, PartitionEntry>,
}

impl Night<'_> {
    /// The tracks of each date that must be made anew and for which a store sent a list.
    pub(crate) fn known_tracks(
        &self,
        lists: &TrackLists<'_>,
    ) -> Result<BTreeMap<(String, Day), KnownTracks>, NightlyError> {
        let mut dates: BTreeMap<String, BTreeSet<(String, Day)>> = BTreeMap::new();
        for planned in lists.plan.targets.values().filter(|planned| planned.is_stale) {
            let Kind::Plays { store, day } = &planned.kind else {
                continue;
            };
            let date = day.to_string();
            let is_list = |key: &String| lists.reports[key].track_dates.contains(&date);
            if planned.reports.iter().any(is_list) {
                let path = lots_path(LotTable::Tracks, store, &day.month().to_string());
                dates.entry(path).or_default().insert((store.clone(), *day));
            }
        }
        let mut found = BTreeMap::new();
        for (path, dates) in dates {
            let (Some(partition), Some(planned)) =
                (lists.partitions.get(&path), lists.plan.targets.get(&path))
            else {
                continue;
            };
            let published = self.places.snapshot(lists.former.snapshot).join("tables");
            let folder = if planned.is_stale { lists.staged } else { &published }.join(&path);
            let files: Vec<PathBuf> =
                partition.files.iter().map(|file| folder.join(&file.name)).collect();
            let read = read_lists(&files)
                .map_err(|error| ParquetError::External(Box::new(error)))
                .map_err(PartitionError::parquet(&folder))?;
            for (store, day) in dates {
                let mut tracks = KnownTracks::default();
                for (store_track, track) in read.get(&day).into_iter().flatten() {
                    tracks.add(store_track, *track);
                }
                found.insert((store, day), tracks);
            }
        }
        Ok(found)
    }
}

type Lists = BTreeMap<Day, Vec<(String, KnownTrack)>>;

fn read_lists(files: &[PathBuf]) -> PolarsResult<Lists> {
    let mut lists = Lists::new();
    for file in files {
        let columns = [
            col("date").cast(DataType::Int32),
            col("store_track"),
            col("isrc"),
            col("upc"),
            col("track_ms"),
        ];
        let frame = collect(scan(file)?.select(columns))?;
        let [date, store_track, isrc, upc, track_ms] = frame.columns() else {
            return Err(PolarsError::ComputeError("five columns".into()));
        };
        let (date, store_track) = (date.i32()?, store_track.str()?);
        let (isrc, upc, track_ms) = (isrc.str()?, upc.str()?, track_ms.i64()?);
        for place in 0..frame.height() {
            let (Some(date), Some(id)) = (date.get(place), store_track.get(place)) else {
                continue;
            };
            let track = KnownTrack {
                isrc: isrc.get(place).and_then(|text| Isrc::parse(text.as_bytes())),
                upc: upc.get(place).and_then(|text| Upc::parse(text.as_bytes())),
                track_ms: track_ms.get(place).and_then(|ms| u32::try_from(ms).ok()),
            };
            lists.entry(Day(date)).or_default().push((id.to_owned(), track));
        }
    }
    Ok(lists)
}
