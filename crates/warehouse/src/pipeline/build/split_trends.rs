//! Trends of a date that does not fit the memory.
//!
//! They come track by track, and in the table they stand by listening month first. So each month goes to
//! a file of its own, and at the end the months follow each other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use streamledger_core::aggregate::trends_daily::DayTrends;
use streamledger_core::model::day::{Day, Month};

use crate::pipeline::build::build_month::KeptTrends;
use crate::pipeline::intake::play_buffer::PlayBuffer;
use crate::storage::disk::durable::IoContext as _;
use crate::storage::encode::file::{Provenance, ROW_GROUP_ROWS_MAX, TableFile, TableLayout};
use crate::storage::encode::trends::{DayRows, encode_trends};
use crate::storage::tables::partition::PartitionError;
use crate::storage::tables::stored_trends::TrendsFile;

/// Rows that are read back at once.
const BATCH_ROWS: usize = 1 << 14;

/// Trends of a date, on disk.
pub struct SplitTrends<'a> {
    day: Day,
    layout: &'a TableLayout,
    play_buffer: &'a PlayBuffer,
    months: BTreeMap<Month, Unfinished>,
    n_plays: i64,
}

/// A file that is not finished.
struct Unfinished {
    path: PathBuf,
    file: TableFile<BufWriter<File>>,
}

impl Unfinished {
    fn finish(self) -> Result<TrendsFile, PartitionError> {
        let Self { path, file } = self;
        let mut bytes = file.finish().map_err(PartitionError::parquet(&path))?;
        bytes.flush().at("write", &path)?;
        TrendsFile::open(&path).map_err(PartitionError::parquet(&path))
    }
}

impl<'a> SplitTrends<'a> {
    /// Of a date, in files beside the plays that the play buffer has put on disk.
    #[must_use]
    pub fn new(day: Day, layout: &'a TableLayout, play_buffer: &'a PlayBuffer) -> Self {
        Self { day, layout, play_buffer, months: BTreeMap::new(), n_plays: 0 }
    }

    /// Takes the trends of the next tracks.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn take(&mut self, trends: &DayTrends) -> Result<(), PartitionError> {
        self.n_plays += trends.n_plays();
        for rows in DayRows::of(self.day, trends, &(0..trends.len())) {
            let month = rows.month.listened_month;
            if !self.months.contains_key(&month) {
                let unfinished = self.start("trends-of-month")?;
                self.months.insert(month, unfinished);
            }
            let Some(Unfinished { path, file }) = self.months.get_mut(&month) else {
                continue;
            };
            encode_trends(&[rows], &self.layout.schema)
                .and_then(|row_group| file.push(row_group))
                .map_err(PartitionError::parquet(path))?;
        }
        Ok(())
    }

    /// All of them, in the order of the table.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn finish(mut self) -> Result<KeptTrends, PartitionError> {
        let mut whole = self.start("trends")?;
        let (mut rows, mut n_rows) = (DayTrends::default(), 0);
        let months = self.months.keys().copied().collect();
        for (_, Unfinished { path, file }) in std::mem::take(&mut self.months) {
            let stored = Unfinished { path: path.clone(), file }.finish()?;
            let failed = || PartitionError::parquet(&path);
            for batch in stored.batches(BATCH_ROWS).map_err(failed())? {
                let batch = batch.map_err(failed())?;
                for trend in batch.rows() {
                    let name = batch.store_tracks.get(trend.store_track as usize);
                    rows.push(&trend, name.map(|name| &**name));
                    n_rows += 1;
                    if n_rows == ROW_GROUP_ROWS_MAX {
                        self.write(&mut whole, &std::mem::take(&mut rows))?;
                        n_rows = 0;
                    }
                }
            }
        }
        if !rows.is_empty() {
            self.write(&mut whole, &rows)?;
        }
        Ok(KeptTrends::File { file: whole.finish()?, n_plays: self.n_plays, months })
    }

    fn start(&self, name: &str) -> Result<Unfinished, PartitionError> {
        let path = self.play_buffer.new_path(name);
        let file = BufWriter::new(File::create_new(&path).at("create", &path)?);
        let file = TableFile::new(file, self.layout, &Provenance::default())
            .map_err(PartitionError::parquet(&path))?;
        Ok(Unfinished { path, file })
    }

    fn write(&self, to: &mut Unfinished, trends: &DayTrends) -> Result<(), PartitionError> {
        let rows = DayRows::of(self.day, trends, &(0..trends.len()));
        encode_trends(&rows, &self.layout.schema)
            .and_then(|row_group| to.file.push(row_group))
            .map_err(PartitionError::parquet(&to.path))
    }
}
