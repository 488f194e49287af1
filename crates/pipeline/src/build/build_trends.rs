//! The rows of `trends_daily` of one store and counted date, as row groups and as a file.
//!
//! Rows are sorted by listening month first. No row group has rows of two months, so that a date which
//! does not fit the memory, and comes track by track, gets the same row groups as one that does.

use std::collections::{BTreeMap, BTreeSet};

use parquet::errors::ParquetError;
use serde::{Deserialize, Serialize};
use streamledger_core::aggregate::trends_daily::{DayTrends, MonthTrends};
use streamledger_core::model::day::{Day, Month};
use streamledger_parquet_pages::file::EncodedRowGroup;
use streamledger_storage::encode::file::TableLayout;
use streamledger_storage::encode::trends::{DayRows, encode_trends};
use streamledger_storage::layout::ledger::FileEntry;
use streamledger_storage::tables::partition::{PartitionError, PartitionWriter};

/// Most rows of a row group. Of each month so many wait in memory while a large date is summed.
const ROW_GROUP_ROWS: usize = 1 << 18;

/// The file of a date, and what its rows come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuiltTrends {
    /// One file, or more where it is very large.
    pub files: Vec<FileEntry>,
    /// Plays that the rows stand for.
    pub n_plays: i64,
    /// Months (`YYYY-MM`) in which the plays were listened to.
    pub listened_months: BTreeSet<String>,
}

/// Row groups of a date, in the order of the table.
#[derive(Debug, Default)]
pub struct EncodedTrends {
    row_groups: Vec<EncodedRowGroup>,
    n_plays: i64,
    listened_months: BTreeSet<String>,
}

impl EncodedTrends {
    /// Encodes the rows of a date.
    ///
    /// # Errors
    /// If they cannot be encoded.
    pub fn new(date: Day, trends: &DayTrends, layout: &TableLayout) -> Result<Self, ParquetError> {
        let mut encoded = Self { n_plays: trends.n_plays(), ..Self::default() };
        let mut start = 0;
        for month in &trends.months {
            encoded.listened_months.insert(month.listened_month.to_string());
            let end = start + month.len();
            while start < end {
                let places = start..end.min(start + ROW_GROUP_ROWS);
                start = places.end;
                let rows = DayRows::of(date, trends, &places);
                encoded.row_groups.push(encode_trends(&rows, &layout.schema)?);
            }
        }
        Ok(encoded)
    }

    /// Writes the file of a date, with a writer into the folder of its month.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn write(
        self,
        date: Day,
        mut writer: PartitionWriter<'_>,
    ) -> Result<BuiltTrends, PartitionError> {
        writer.name_files(&date.to_string());
        self.row_groups.into_iter().try_for_each(|row_group| writer.push(row_group))?;
        let files = writer.finish()?;
        let Self { n_plays, listened_months, .. } = self;
        Ok(BuiltTrends { files, n_plays, listened_months })
    }
}

/// Encodes a date whose rows come track by track.
pub struct TrendsEncoder<'a> {
    date: Day,
    layout: &'a TableLayout,
    months: BTreeMap<Month, MonthEncoder>,
    n_plays: i64,
}

/// What came of a month so far.
#[derive(Default)]
struct MonthEncoder {
    waiting: DayTrends,
    n_waiting: usize,
    row_groups: Vec<EncodedRowGroup>,
}

impl<'a> TrendsEncoder<'a> {
    /// Of a date.
    #[must_use]
    pub fn new(date: Day, layout: &'a TableLayout) -> Self {
        Self { date, layout, months: BTreeMap::new(), n_plays: 0 }
    }

    /// Adds the rows of the next tracks.
    ///
    /// # Errors
    /// If they cannot be encoded.
    pub fn add(&mut self, trends: &DayTrends) -> Result<(), ParquetError> {
        self.n_plays += trends.n_plays();
        for month in &trends.months {
            self.add_month(month, &trends.store_tracks)?;
        }
        Ok(())
    }

    fn add_month(&mut self, month: &MonthTrends, names: &[Box<str>]) -> Result<(), ParquetError> {
        let to = self.months.entry(month.listened_month).or_default();
        for row in month.rows() {
            to.waiting.push(&row, names.get(row.store_track as usize).map(|name| &**name));
            to.n_waiting += 1;
            if to.n_waiting == ROW_GROUP_ROWS {
                to.encode_waiting(self.date, self.layout)?;
            }
        }
        Ok(())
    }

    /// All rows of the date.
    ///
    /// # Errors
    /// If they cannot be encoded.
    pub fn finish(self) -> Result<EncodedTrends, ParquetError> {
        let mut all = EncodedTrends { n_plays: self.n_plays, ..EncodedTrends::default() };
        for (month, mut encoder) in self.months {
            encoder.encode_waiting(self.date, self.layout)?;
            all.row_groups.append(&mut encoder.row_groups);
            all.listened_months.insert(month.to_string());
        }
        Ok(all)
    }
}

impl MonthEncoder {
    fn encode_waiting(&mut self, date: Day, layout: &TableLayout) -> Result<(), ParquetError> {
        let trends = std::mem::take(&mut self.waiting);
        let n_rows = std::mem::take(&mut self.n_waiting);
        if n_rows != 0 {
            let rows = DayRows::of(date, &trends, &(0..n_rows));
            self.row_groups.push(encode_trends(&rows, &layout.schema)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
