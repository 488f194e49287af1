//! One store and month of `trends_daily`: the dates that were built anew, and the others as they were.
//!
//! Rows are sorted by date first, so a month is its dates one after the other. Row groups end with a
//! date where that leaves them large enough: what a late date changes begins with its row group.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::Range;
use std::path::Path;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;
use rayon::prelude::*;
use streamledger_core::aggregate::trends_daily::{DayTrends, Trend, merge_trends};
use streamledger_core::vocabulary::day::{Day, Month};
use streamledger_core::vocabulary::isrc::Isrc;
use streamledger_core::vocabulary::play::NONE;
use streamledger_core::vocabulary::territory::Territory;
use streamledger_core::vocabulary::tier::Tier;
use streamledger_core::vocabulary::upc::Upc;
use streamledger_core::vocabulary::verdict::{Reason, Verdict};

use crate::encode::file::{
    EncodedRowGroup, Provenance, ROW_GROUP_ROWS_MAX, ROW_GROUP_ROWS_MIN, TableFile, TableLayout,
};
use crate::encode::trends::{MonthRow, encode_trends};
use crate::ledger::FileEntry;
use crate::partition::{PartitionError, PartitionWriter};
use crate::stages::Stages;

/// Row groups that are encoded at the same time: bounds the memory of a month.
const PARALLEL_ROW_GROUPS: usize = 2;

/// The rows of a date until its month is written.
#[derive(Debug)]
pub enum KeptTrends {
    /// As they are.
    Rows(DayTrends),
    /// As row groups, where the date fills them by itself: a tenth of the memory.
    Encoded {
        /// The row groups.
        groups: Vec<EncodedRowGroup>,
        /// Their rows.
        n_rows: usize,
        /// Plays that the rows stand for.
        n_plays: i64,
    },
}

impl KeptTrends {
    /// Encodes the rows of a date if they end with a row group of their own.
    ///
    /// # Errors
    /// If they cannot be encoded.
    pub fn new(date: Day, trends: DayTrends, layout: &TableLayout) -> Result<Self, ParquetError> {
        let n_rows = trends.rows.len();
        let rest = n_rows % ROW_GROUP_ROWS_MAX;
        if n_rows == 0 || (rest != 0 && rest < ROW_GROUP_ROWS_MIN) {
            return Ok(Self::Rows(trends));
        }
        let mut groups = Vec::new();
        for start in (0..n_rows).step_by(ROW_GROUP_ROWS_MAX) {
            let range = start..n_rows.min(start + ROW_GROUP_ROWS_MAX);
            let rows: Vec<MonthRow<'_>> = month_rows(date, &trends, &range).collect();
            groups.push(encode_trends(&rows, &layout.schema)?);
        }
        let n_plays = trends.rows.iter().map(|trend| trend.plays).sum();
        Ok(Self::Encoded { groups, n_rows, n_plays })
    }

    /// Merges the rows of disjoint sets of listeners; no more than a row group of them is in memory.
    ///
    /// # Errors
    /// If they cannot be read back or encoded.
    pub fn merge(
        date: Day,
        parts: Vec<TrendsPart>,
        layout: &TableLayout,
    ) -> Result<Self, ParquetError> {
        let batches = parts.into_iter().map(TrendsPart::read).collect::<Result<Vec<_>, _>>()?;
        let (mut groups, mut n_rows, mut n_plays) = (Vec::new(), 0, 0);
        let mut rest = DayTrends::default();
        merge_trends(batches, ROW_GROUP_ROWS_MAX, |merged| {
            if merged.rows.len() < ROW_GROUP_ROWS_MIN {
                rest = merged;
                return Ok(());
            }
            n_rows += merged.rows.len();
            n_plays += merged.rows.iter().map(|trend| trend.plays).sum::<i64>();
            groups.push(encode_all(date, &merged, layout)?);
            Ok(())
        })?;
        let whole = Self::Encoded { groups, n_rows, n_plays };
        if rest.rows.is_empty() {
            return Ok(whole);
        }
        // The last rows share a row group with the next date: as rows, with those before them.
        let mut trends = whole.into_rows(date, layout)?;
        let n_names = trends.store_tracks.len();
        let moved =
            |id: u32| if id == NONE { NONE } else { id + u32::try_from(n_names).unwrap_or(0) };
        trends
            .rows
            .extend(rest.rows.iter().map(|t| Trend { store_track: moved(t.store_track), ..*t }));
        trends.store_tracks.extend(rest.store_tracks);
        Ok(Self::Rows(trends))
    }

    /// The rows as a file of their own.
    ///
    /// # Errors
    /// If they cannot be encoded.
    pub fn to_bytes(&self, date: Day, layout: &TableLayout) -> Result<Vec<u8>, ParquetError> {
        let nothing = Provenance { inputs: String::new(), policy: String::new() };
        let mut file = TableFile::new(Vec::new(), layout, &nothing)?;
        match self {
            Self::Encoded { groups, .. } => {
                groups.iter().try_for_each(|group| file.push(group.clone()))?;
            }
            Self::Rows(trends) if !trends.rows.is_empty() => {
                file.push(encode_all(date, trends, layout)?)?;
            }
            Self::Rows(_) => {}
        }
        file.finish()
    }

    /// Reads back what [`Self::to_bytes`] gave.
    ///
    /// # Errors
    /// If it is not that.
    pub fn from_bytes(
        bytes: Vec<u8>,
        date: Day,
        layout: &TableLayout,
    ) -> Result<Self, ParquetError> {
        let mut days = BTreeMap::new();
        read_rows(Bytes::from(bytes), &BTreeSet::from([date]), &mut days)?;
        Self::new(date, days.remove(&date).unwrap_or_default(), layout)
    }

    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        match self {
            Self::Rows(trends) => trends.rows.len(),
            Self::Encoded { n_rows, .. } => *n_rows,
        }
    }

    /// Plays that the rows stand for.
    #[must_use]
    pub fn n_plays(&self) -> i64 {
        match self {
            Self::Rows(trends) => trends.rows.iter().map(|trend| trend.plays).sum(),
            Self::Encoded { n_plays, .. } => *n_plays,
        }
    }

    /// The rows, read back if need be.
    fn into_rows(self, date: Day, layout: &TableLayout) -> Result<DayTrends, ParquetError> {
        let groups = match self {
            Self::Rows(trends) => return Ok(trends),
            Self::Encoded { groups, .. } => groups,
        };
        let nothing = Provenance { inputs: String::new(), policy: String::new() };
        let mut file = TableFile::new(Vec::new(), layout, &nothing)?;
        groups.into_iter().try_for_each(|group| file.push(group))?;
        let mut days = BTreeMap::new();
        read_rows(Bytes::from(file.finish()?), &BTreeSet::from([date]), &mut days)?;
        Ok(days.remove(&date).unwrap_or_default())
    }
}

/// Rows of a share of a date's listeners, encoded until all shares are there.
#[derive(Debug)]
pub struct TrendsPart(Bytes);

/// Rows of a part that are in memory while parts are merged.
const PART_BATCH_ROWS: usize = 1 << 13;

impl TrendsPart {
    /// Encodes the rows.
    ///
    /// # Errors
    /// If they cannot be encoded.
    pub fn new(date: Day, trends: &DayTrends, layout: &TableLayout) -> Result<Self, ParquetError> {
        let nothing = Provenance { inputs: String::new(), policy: String::new() };
        let mut file = TableFile::new(Vec::new(), layout, &nothing)?;
        if !trends.rows.is_empty() {
            file.push(encode_all(date, trends, layout)?)?;
        }
        file.finish().map(|bytes| Self(bytes.into()))
    }

    fn read(self) -> Result<impl Iterator<Item = Result<DayTrends, ParquetError>>, ParquetError> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(self.0)?
            .with_batch_size(PART_BATCH_ROWS)
            .build()?;
        Ok(reader.map(|batch| {
            let mut days = BTreeMap::new();
            read_batch(&batch?, None, &mut days).ok_or_else(not_trends)?;
            Ok(days.into_values().next().unwrap_or_default())
        }))
    }
}

fn encode_all(
    date: Day,
    trends: &DayTrends,
    layout: &TableLayout,
) -> Result<EncodedRowGroup, ParquetError> {
    let rows: Vec<MonthRow<'_>> = month_rows(date, trends, &(0..trends.rows.len())).collect();
    encode_trends(&rows, &layout.schema)
}

fn not_trends() -> ParquetError {
    ParquetError::General("not a file of trends_daily".to_owned())
}

/// Writes a month from all of its dates.
///
/// # Errors
/// [`PartitionError`].
pub fn build_month(
    days: BTreeMap<Day, KeptTrends>,
    folder: &Path,
    layout: &TableLayout,
    provenance: &Provenance,
    stages: &Stages,
) -> Result<Vec<FileEntry>, PartitionError> {
    let mut writer = PartitionWriter::new(folder.to_owned(), layout, provenance, stages)?;
    let lengths: Vec<usize> = days.values().map(KeptTrends::n_rows).collect();
    let groups = plan_row_groups(&lengths);
    let mut kept = Vec::new();
    for (place, (date, trends)) in days.into_iter().enumerate() {
        // What was encoded by itself stays so only if no earlier date runs into its row group.
        let shares =
            groups.iter().any(|parts| 1 < parts.len() && parts.iter().any(|p| p.0 == place));
        let trends = if shares {
            KeptTrends::Rows(
                trends.into_rows(date, layout).map_err(PartitionError::parquet(folder))?,
            )
        } else {
            trends
        };
        kept.push((date, trends));
    }
    for groups in groups.chunks(PARALLEL_ROW_GROUPS) {
        let encoded: Vec<Option<EncodedRowGroup>> = groups
            .par_iter()
            .map(|parts| stages.encode.time(|| encode_group(&kept, parts, layout)))
            .collect::<Result<_, ParquetError>>()
            .map_err(PartitionError::parquet(folder))?;
        for (parts, encoded) in groups.iter().zip(encoded) {
            let encoded = encoded.or_else(|| match &mut kept[parts[0].0].1 {
                KeptTrends::Encoded { groups, .. } if !groups.is_empty() => Some(groups.remove(0)),
                _ => None,
            });
            encoded.map_or(Ok(()), |row_group| writer.push(row_group))?;
        }
    }
    writer.finish()
}

/// Encodes a row group; `None` where it is encoded already.
fn encode_group(
    kept: &[(Day, KeptTrends)],
    parts: &[(usize, Range<usize>)],
    layout: &TableLayout,
) -> Result<Option<EncodedRowGroup>, ParquetError> {
    let mut rows: Vec<MonthRow<'_>> = Vec::new();
    for (place, range) in parts {
        match &kept[*place] {
            (date, KeptTrends::Rows(trends)) => rows.extend(month_rows(*date, trends, range)),
            (_, KeptTrends::Encoded { .. }) => return Ok(None),
        }
    }
    encode_trends(&rows, &layout.schema).map(Some)
}

fn month_rows<'a>(
    date: Day,
    trends: &'a DayTrends,
    range: &Range<usize>,
) -> impl Iterator<Item = MonthRow<'a>> {
    trends.rows[range.clone()].iter().map(move |trend| MonthRow {
        date,
        trend,
        store_track: trends.store_tracks.get(trend.store_track as usize).map(|text| &**text),
    })
}

/// Parts of dates (place and rows) by row group. A pure function of the dates' numbers of rows.
fn plan_row_groups(lengths: &[usize]) -> Vec<Vec<(usize, Range<usize>)>> {
    let (mut groups, mut current, mut n_rows) = (Vec::new(), Vec::new(), 0);
    for (place, length) in lengths.iter().enumerate() {
        let mut start = 0;
        while start < *length {
            let end = (*length).min(start + ROW_GROUP_ROWS_MAX - n_rows);
            current.push((place, start..end));
            n_rows += end - start;
            start = end;
            if n_rows == ROW_GROUP_ROWS_MAX {
                groups.push(std::mem::take(&mut current));
                n_rows = 0;
            }
        }
        if ROW_GROUP_ROWS_MIN <= n_rows {
            groups.push(std::mem::take(&mut current));
            n_rows = 0;
        }
    }
    if !current.is_empty() {
        groups.push(current);
    }
    groups
}

/// Reads dates of a month back from a published file.
///
/// # Errors
/// [`PartitionError`] if it is not what was written.
pub fn read_days(
    path: &Path,
    wanted: &BTreeSet<Day>,
    days: &mut BTreeMap<Day, DayTrends>,
) -> Result<(), PartitionError> {
    File::open(path)
        .map_err(ParquetError::from)
        .and_then(|file| read_rows(file, wanted, days))
        .map_err(PartitionError::parquet(path))
}

fn read_rows(
    file: impl ChunkReader + 'static,
    wanted: &BTreeSet<Day>,
    days: &mut BTreeMap<Day, DayTrends>,
) -> Result<(), ParquetError> {
    for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(1 << 16).build()? {
        read_batch(&batch?, Some(wanted), days).ok_or_else(not_trends)?;
    }
    Ok(())
}

fn read_batch(
    batch: &RecordBatch,
    wanted: Option<&BTreeSet<Day>>,
    days: &mut BTreeMap<Day, DayTrends>,
) -> Option<()> {
    let texts = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
    let numbers = |name| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>();
    let dates = batch.column_by_name("date")?.as_primitive_opt::<Date32Type>()?;
    let (months, isrcs, store_tracks) =
        (texts("listened_month")?, texts("isrc")?, texts("store_track")?);
    let (upcs, territories, tiers) = (texts("upc")?, texts("territory")?, texts("tier")?);
    let offlines = batch.column_by_name("offline")?.as_boolean_opt()?;
    let (verdicts, reasons) = (texts("verdict")?, texts("reason")?);
    let (plays, played, listeners) =
        (numbers("plays")?, numbers("played_ms")?, numbers("listeners")?);
    for row in 0..batch.num_rows() {
        let day = Day(dates.value(row));
        if wanted.is_some_and(|wanted| !wanted.contains(&day)) {
            continue;
        }
        let text = |array: &arrow::array::StringArray| -> Option<String> {
            array.is_valid(row).then(|| array.value(row).to_owned())
        };
        let number = |array: &arrow::array::PrimitiveArray<Int64Type>| {
            array.is_valid(row).then(|| array.value(row))
        };
        let trends = days.entry(day).or_default();
        let store_track = text(store_tracks).map_or(NONE, |name| store_track_id(trends, name));
        trends.rows.push(Trend {
            listened_month: read_month(months.value(row))?,
            isrc: text(isrcs).and_then(|code| Isrc::parse(code.as_bytes())),
            store_track,
            upc: text(upcs).and_then(|code| Upc::parse(code.as_bytes())),
            territory: text(territories)
                .and_then(|code| <[u8; 2]>::try_from(code.as_bytes()).ok())
                .and_then(|code| Territory::from_packed(u16::from_be_bytes(code))),
            tier: Tier::ALL.into_iter().find(|tier| tier.as_str() == tiers.value(row))?,
            offline: offlines.is_valid(row).then(|| offlines.value(row)),
            verdict: Verdict::ALL.into_iter().find(|v| v.as_str() == verdicts.value(row))?,
            reason: match text(reasons) {
                Some(code) => Some(Reason::ALL.into_iter().find(|r| r.as_str() == code)?),
                None => None,
            },
            plays: plays.value(row),
            played_ms: number(played).into(),
            listeners: number(listeners).into(),
        });
    }
    Some(())
}

/// Ids need only be the same for the same name: the encoder looks at names.
fn store_track_id(trends: &mut DayTrends, name: String) -> u32 {
    let place =
        trends.store_tracks.iter().rposition(|known| **known == *name).unwrap_or_else(|| {
            trends.store_tracks.push(name.into_boxed_str());
            trends.store_tracks.len() - 1
        });
    u32::try_from(place).unwrap_or(NONE)
}

fn read_month(text: &str) -> Option<Month> {
    let (year, month) = text.split_once('-')?;
    Some(Month { year: year.parse().ok()?, month: month.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_groups_end_with_a_date_that_makes_them_large_enough() {
        let (small, large) = (ROW_GROUP_ROWS_MIN - 1, ROW_GROUP_ROWS_MIN);
        assert_eq!(plan_row_groups(&[large, large]), [vec![(0, 0..large)], vec![(1, 0..large)]]);
        assert_eq!(
            plan_row_groups(&[small, 1, small, small, 3]),
            [vec![(0, 0..small), (1, 0..1)], vec![(2, 0..small), (3, 0..small)], vec![(4, 0..3)]]
        );
        assert!(plan_row_groups(&[0, 0]).is_empty());
    }

    #[test]
    fn a_large_date_is_cut_at_the_most_rows() {
        let groups = plan_row_groups(&[5, ROW_GROUP_ROWS_MAX + 10, 2]);
        assert_eq!(
            groups,
            [
                vec![(0, 0..5), (1, 0..ROW_GROUP_ROWS_MAX - 5)],
                vec![(1, ROW_GROUP_ROWS_MAX - 5..ROW_GROUP_ROWS_MAX + 10), (2, 0..2)]
            ]
        );
    }
}
