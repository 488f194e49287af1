//! One store and month of `trends_daily`: the dates that were built anew, and the others as they were.
//!
//! Rows are sorted by date first, so a month is its dates one after the other. Row groups end with a
//! date where that leaves them large enough: what a late date changes begins with its row group, and
//! those before and after it are copied as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use parquet::errors::ParquetError;
use rayon::prelude::*;
use streamledger_core::aggregate::trends_daily::DayTrends;
use streamledger_core::model::day::{Day, Month as CalendarMonth};

use crate::storage::disk::stages::Stages;
use crate::storage::encode::file::{
    EncodedRowGroup, Provenance, ROW_GROUP_ROWS_MAX, ROW_GROUP_ROWS_MIN, TableFile, TableLayout,
};
use crate::storage::encode::trends::{DayRows, encode_trends};
use crate::storage::layout::ledger::FileEntry;
use crate::storage::tables::partition::{PartitionError, PartitionWriter};
use crate::storage::tables::stored_trends::{Part, StoredGroup, StoredTrends, TrendsFile};

/// Row groups that are encoded at the same time: bounds the memory of a month.
const PARALLEL_ROW_GROUPS: usize = 2;

/// The rows of a date until its month is written.
#[derive(Debug)]
pub enum KeptTrends {
    /// As they are.
    Rows(DayTrends),
    /// As a file, where they are many: a tenth of the memory, or none.
    File {
        /// Row groups of at most [`ROW_GROUP_ROWS_MAX`] rows; all but the last have so many.
        file: TrendsFile,
        /// Plays that the rows stand for.
        n_plays: i64,
        /// Months in which they were heard.
        months: BTreeSet<CalendarMonth>,
    },
}

impl KeptTrends {
    /// Encodes the rows of a date if they are many.
    ///
    /// # Errors
    /// If they cannot be encoded.
    pub fn new(date: Day, trends: DayTrends, layout: &TableLayout) -> Result<Self, ParquetError> {
        if trends.len() < ROW_GROUP_ROWS_MIN {
            return Ok(Self::Rows(trends));
        }
        let file = TrendsFile::in_memory(to_file(date, &trends, layout)?)?;
        Ok(Self::File { file, n_plays: trends.n_plays(), months: months_of(&trends) })
    }

    /// The rows as a file of their own.
    ///
    /// # Errors
    /// If they cannot be encoded.
    pub fn to_bytes(&self, date: Day, layout: &TableLayout) -> Result<Bytes, ParquetError> {
        match self {
            Self::Rows(trends) => to_file(date, trends, layout),
            Self::File { file, .. } => file.to_bytes(),
        }
    }

    /// Takes what [`Self::to_bytes`] gave.
    ///
    /// # Errors
    /// If it is not that.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, ParquetError> {
        let file = TrendsFile::in_memory(bytes)?;
        let (mut n_plays, mut months) = (0, BTreeSet::new());
        for batch in file.batches(1 << 16)? {
            let batch = batch?;
            n_plays += batch.n_plays();
            months.append(&mut months_of(&batch));
        }
        Ok(Self::File { file, n_plays, months })
    }

    /// Plays that the rows stand for.
    #[must_use]
    pub fn n_plays(&self) -> i64 {
        match self {
            Self::Rows(trends) => trends.n_plays(),
            Self::File { n_plays, .. } => *n_plays,
        }
    }

    /// Months in which the plays were heard.
    #[must_use]
    pub fn listened_months(&self) -> BTreeSet<CalendarMonth> {
        match self {
            Self::Rows(trends) => months_of(trends),
            Self::File { months, .. } => months.clone(),
        }
    }
}

fn months_of(trends: &DayTrends) -> BTreeSet<CalendarMonth> {
    trends.months.iter().map(|month| month.listened_month).collect()
}

fn to_file(date: Day, trends: &DayTrends, layout: &TableLayout) -> Result<Bytes, ParquetError> {
    let mut file = TableFile::new(Vec::new(), layout, &Provenance::default())?;
    for start in (0..trends.len()).step_by(ROW_GROUP_ROWS_MAX) {
        let range = start..trends.len().min(start + ROW_GROUP_ROWS_MAX);
        file.push(encode_trends(&DayRows::of(date, trends, &range), &layout.schema)?)?;
    }
    file.finish().map(Bytes::from)
}

/// Writes a month from all of its dates: those of `days`, and those of `former`, which are published.
///
/// # Errors
/// [`PartitionError`].
pub fn build_month(
    days: BTreeMap<Day, KeptTrends>,
    former: StoredTrends,
    folder: &Path,
    layout: &TableLayout,
    provenance: &Provenance,
    stages: &Stages,
) -> Result<Vec<FileEntry>, PartitionError> {
    let mut writer = PartitionWriter::new(folder.to_owned(), layout, provenance, stages)?;
    let month = Month::new(days, former);
    for groups in plan_row_groups(&month.lengths()).chunks(PARALLEL_ROW_GROUPS) {
        let made: Vec<Made<'_>> = groups
            .par_iter()
            .map(|parts| stages.encode.time(|| month.make_group(parts, layout)))
            .collect::<Result<_, ParquetError>>()
            .map_err(PartitionError::parquet(folder))?;
        for group in made {
            match group {
                Made::Anew(row_group) => writer.push(row_group)?,
                Made::Stored(group) => writer.copy(&group)?,
            }
        }
    }
    writer.finish()
}

/// All dates of a month.
struct Month {
    rows: BTreeMap<Day, DayTrends>,
    stored: StoredTrends,
}

/// A row group of the month.
enum Made<'a> {
    Anew(EncodedRowGroup),
    /// It is written already.
    Stored(StoredGroup<'a>),
}

impl Month {
    fn new(days: BTreeMap<Day, KeptTrends>, mut stored: StoredTrends) -> Self {
        let mut rows = BTreeMap::new();
        for (day, trends) in days {
            match trends {
                KeptTrends::Rows(trends) => drop(rows.insert(day, trends)),
                KeptTrends::File { file, .. } => stored.add(vec![file], &BTreeSet::from([day])),
            }
        }
        Self { rows, stored }
    }

    fn lengths(&self) -> Vec<(Day, usize)> {
        let mut lengths = self.stored.lengths().clone();
        lengths.extend(self.rows.iter().map(|(day, trends)| (*day, trends.len())));
        lengths.into_iter().collect()
    }

    fn make_group(&self, parts: &[Part], layout: &TableLayout) -> Result<Made<'_>, ParquetError> {
        if let Some(group) = self.stored.find(parts) {
            return Ok(Made::Stored(group));
        }
        let read = self.stored.read(parts)?;
        let mut rows: Vec<DayRows<'_>> = Vec::new();
        for (day, range) in parts {
            match (self.rows.get(day), read.get(day)) {
                (Some(trends), _) => rows.extend(DayRows::of(*day, trends, range)),
                (None, Some(read)) => rows.extend(DayRows::of(*day, read, &(0..read.len()))),
                (None, None) => {}
            }
        }
        let n_rows: usize = rows.iter().map(DayRows::n_rows).sum();
        if n_rows != parts.iter().map(|(_, range)| range.len()).sum::<usize>() {
            return Err(ParquetError::General("rows of a stored date are missing".to_owned()));
        }
        encode_trends(&rows, &layout.schema).map(Made::Anew)
    }
}

/// Parts of dates by row group. A pure function of the dates and their numbers of rows.
fn plan_row_groups(lengths: &[(Day, usize)]) -> Vec<Vec<Part>> {
    let (mut groups, mut current, mut n_rows) = (Vec::new(), Vec::new(), 0);
    for (day, length) in lengths {
        let mut start = 0;
        while start < *length {
            let end = (*length).min(start + ROW_GROUP_ROWS_MAX - n_rows);
            current.push((*day, start..end));
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

#[cfg(test)]
mod tests;
