//! Runs: lines of one report, sorted, that wait for their partition in memory or on disk, and the
//! merging of runs into a partition. Whatever the size of a report, a bounded part of it is in memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arrow::array::{Array as _, AsArray as _, RecordBatch, StringArray};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{Date32Type, SchemaRef, UInt32Type};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use streamledger_core::normalize::sales_lot::{SalesLot, SalesMonth};

use crate::durable::{At as _, DiskError, make_folder};
use crate::partition::PartitionError;
use crate::reference_columns::reference_columns;
use crate::sales_columns::{LotTable, figures_columns, pools_columns, sales_columns};

/// Lines of a lot that stay in memory; a larger lot goes to disk.
const MEMORY_ROWS_MAX: usize = 1 << 14;

/// Lines of a run that are read at once while runs are merged.
const BATCH_ROWS: usize = 1 << 13;

/// Lines of a row group of a run on disk.
const RUN_GROUP_ROWS: usize = 1 << 16;

/// Bytes of a page of a run on disk.
const PAGE_BYTES: usize = 1 << 16;

/// Lines that are put together before they are written.
const MERGED_ROWS: usize = 1 << 15;

/// Sorted lines of one report and partition.
#[derive(Debug)]
pub enum Run {
    /// In memory.
    Memory(RecordBatch),
    /// In a file of its own in staging.
    Disk(PathBuf),
}

impl Run {
    /// Deletes its file, if it has one.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn remove(self) -> Result<(), DiskError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Disk(path) => std::fs::remove_file(&path).at("remove", &path),
        }
    }
}

/// Runs of a report by table, store and month.
pub type Runs = BTreeMap<(LotTable, SalesMonth), Vec<Run>>;

/// Where runs are put down.
#[derive(Debug)]
pub struct RunStore {
    /// `None`: runs are forgotten.
    folder: Option<PathBuf>,
    n_files: AtomicU64,
    /// Bytes of the runs in memory, and how many there may be: many small lots are as much as a large one.
    memory_bytes: AtomicUsize,
    memory_bytes_max: usize,
}

impl RunStore {
    /// Puts runs into this folder, which is made with the first one; small ones stay in memory, as long
    /// as all of them have no more than so many bytes.
    #[must_use]
    pub fn new(folder: PathBuf, memory_bytes_max: usize) -> Self {
        Self { folder: Some(folder), memory_bytes_max, ..Self::none() }
    }

    /// Forgets all runs: for a run that only says what it would do.
    #[must_use]
    pub fn none() -> Self {
        Self {
            folder: None,
            n_files: AtomicU64::new(0),
            memory_bytes: AtomicUsize::new(0),
            memory_bytes_max: 0,
        }
    }

    /// Sorts a lot into runs; `table` is that of its rows beside pools.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn put_down(
        &self,
        mut lot: SalesLot,
        table: Option<LotTable>,
        runs: &mut Runs,
    ) -> Result<(), PartitionError> {
        let (Some(folder), Some(table)) = (&self.folder, table) else {
            return Ok(());
        };
        let at = |error| PartitionError::parquet(folder)(ParquetError::from(error));
        let (sales, pools) = (std::mem::take(&mut lot.sales), std::mem::take(&mut lot.pools));
        for (month, sales) in sales {
            let batch = sales_columns(&lot, sales).map_err(at)?;
            runs.entry((LotTable::Sales, month)).or_default().push(self.run(folder, batch)?);
        }
        for (month, lines) in std::mem::take(&mut lot.figures) {
            let batch = figures_columns(&lot, lines).map_err(at)?;
            runs.entry((table, month)).or_default().push(self.run(folder, batch)?);
        }
        for (month, references) in std::mem::take(&mut lot.references) {
            let batch = reference_columns(table, &lot, references).map_err(at)?;
            runs.entry((table, month)).or_default().push(self.run(folder, batch)?);
        }
        for (month, pools) in pools {
            let batch = pools_columns(&lot, &pools).map_err(at)?;
            runs.entry((LotTable::Pools, month)).or_default().push(self.run(folder, batch)?);
        }
        Ok(())
    }

    fn run(&self, folder: &Path, batch: RecordBatch) -> Result<Run, PartitionError> {
        let bytes = batch.get_array_memory_size();
        if batch.num_rows() <= MEMORY_ROWS_MAX {
            let before = self.memory_bytes.fetch_add(bytes, Ordering::Relaxed);
            if before + bytes <= self.memory_bytes_max {
                return Ok(Run::Memory(batch));
            }
            self.memory_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        make_folder(folder)?;
        let number = self.n_files.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("run-{number:06}.parquet"));
        let file = File::create_new(&path).at("create", &path)?;
        write_run(file, &batch).map_err(PartitionError::parquet(&path))?;
        Ok(Run::Disk(path))
    }
}

fn write_run(file: File, batch: &RecordBatch) -> Result<(), ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        // A page of each column of each run is in memory while runs are merged: they are small.
        .set_max_row_group_row_count(Some(RUN_GROUP_ROWS))
        .set_data_page_row_count_limit(BATCH_ROWS)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_dictionary_page_size_limit(PAGE_BYTES)
        .set_statistics_enabled(parquet::file::properties::EnabledStatistics::None)
        .build();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties))?;
    writer.write(batch)?;
    writer.close().map(drop)
}

/// The lines of a run, batch by batch.
enum Batches {
    Memory(Option<RecordBatch>),
    Disk(Box<ParquetRecordBatchReader>),
}

impl Batches {
    fn open(run: &Run) -> Result<Self, PartitionError> {
        match run {
            Run::Memory(batch) => Ok(Self::Memory(Some(batch.clone()))),
            Run::Disk(path) => {
                let file = File::open(path).at("open", path)?;
                ParquetRecordBatchReaderBuilder::try_new(file)
                    .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
                    .map(|reader| Self::Disk(Box::new(reader)))
                    .map_err(PartitionError::parquet(path))
            }
        }
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, ParquetError> {
        match self {
            Self::Memory(batch) => Ok(batch.take()),
            Self::Disk(reader) => Ok(reader.next().transpose()?),
        }
    }
}

/// Where a line stands in the order of its table.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// Of counters and declared streams; 0 in the other tables.
    date: i32,
    /// Lines without a recording stand last.
    is_null: bool,
    isrc: String,
    report: usize,
    row: u32,
}

/// A run while it is merged.
struct Cursor {
    batches: Batches,
    report: usize,
    /// Place of the batch that is being read among those that are at hand.
    batch: usize,
    row: usize,
}

/// Merges the runs of a partition's reports and hands the lines on in the order of the table, with the
/// name of their report before them.
///
/// `reports` are the reports' names in order, each with its runs.
///
/// # Errors
/// [`PartitionError`].
pub fn merge_runs(
    table: LotTable,
    reports: &[(String, Vec<Run>)],
    folder: &Path,
    mut take: impl FnMut(RecordBatch) -> Result<(), PartitionError>,
) -> Result<(), PartitionError> {
    let wrong = |error: ParquetError| PartitionError::parquet(folder)(error);
    let mut at_hand: Vec<(RecordBatch, usize)> = Vec::new();
    let mut cursors = Vec::new();
    let mut heap: BinaryHeap<Reverse<(Key, usize)>> = BinaryHeap::new();
    for (report, (_, runs)) in reports.iter().enumerate() {
        for run in runs {
            let mut cursor = Cursor { batches: Batches::open(run)?, report, batch: 0, row: 0 };
            if cursor.next_batch(&mut at_hand).map_err(wrong)? {
                heap.push(Reverse((cursor.key(table, &at_hand), cursors.len())));
                cursors.push(cursor);
            }
        }
    }
    let schema = table.schema();
    let mut lines: Vec<(usize, usize)> = Vec::new();
    while let Some(Reverse((_, place))) = heap.pop() {
        let cursor = &mut cursors[place];
        lines.push((cursor.batch, cursor.row));
        cursor.row += 1;
        let is_whole = cursor.row < at_hand[cursor.batch].0.num_rows();
        if is_whole || cursor.next_batch(&mut at_hand).map_err(wrong)? {
            heap.push(Reverse((cursor.key(table, &at_hand), place)));
        }
        if MERGED_ROWS <= lines.len() {
            take(put_together(&schema, &at_hand, &lines, reports).map_err(wrong)?)?;
            lines.clear();
            forget_read(&mut at_hand, &mut cursors);
        }
    }
    if !lines.is_empty() {
        take(put_together(&schema, &at_hand, &lines, reports).map_err(wrong)?)?;
    }
    Ok(())
}

impl Cursor {
    /// Moves on to the next batch; false at the end of the run.
    fn next_batch(
        &mut self,
        at_hand: &mut Vec<(RecordBatch, usize)>,
    ) -> Result<bool, ParquetError> {
        while let Some(batch) = self.batches.next()? {
            if batch.num_rows() != 0 {
                (self.batch, self.row) = (at_hand.len(), 0);
                at_hand.push((batch, self.report));
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn key(&self, table: LotTable, at_hand: &[(RecordBatch, usize)]) -> Key {
        let batch = &at_hand[self.batch].0;
        let row = batch.column(0).as_primitive::<UInt32Type>().value(self.row);
        let isrc = |column: usize| {
            let isrcs = batch.column(column).as_string::<i32>();
            let is_null = isrcs.is_null(self.row);
            (is_null, if is_null { "" } else { isrcs.value(self.row) })
        };
        let (date, (is_null, isrc)) = match table {
            LotTable::Pools => (0, (false, "")),
            LotTable::Sales | LotTable::SalesReplaced => (0, isrc(5)),
            _ => {
                let date = batch.column(1).as_primitive::<Date32Type>().value(self.row);
                (date, table.isrc_column().map_or((false, ""), isrc))
            }
        };
        Key { date, is_null, isrc: isrc.to_owned(), report: self.report, row }
    }
}

/// Lines of several batches as one, with the names of their reports.
fn put_together(
    schema: &SchemaRef,
    at_hand: &[(RecordBatch, usize)],
    lines: &[(usize, usize)],
    reports: &[(String, Vec<Run>)],
) -> Result<RecordBatch, ParquetError> {
    let batches: Vec<&RecordBatch> = at_hand.iter().map(|(batch, _)| batch).collect();
    let part = interleave_record_batch(&batches, lines)?;
    let names = lines.iter().map(|(batch, _)| Some(reports[at_hand[*batch].1].0.as_str()));
    let names: StringArray = names.collect();
    let columns = std::iter::once(Arc::new(names) as _).chain(part.columns().iter().cloned());
    Ok(RecordBatch::try_new(Arc::clone(schema), columns.collect())?)
}

/// Drops the batches that no cursor reads any more.
fn forget_read(at_hand: &mut Vec<(RecordBatch, usize)>, cursors: &mut [Cursor]) {
    let mut kept = Vec::new();
    for cursor in cursors {
        kept.push(at_hand[cursor.batch].clone());
        cursor.batch = kept.len() - 1;
    }
    *at_hand = kept;
}

/// Deletes the files of runs that are not needed.
///
/// # Errors
/// [`DiskError`].
pub fn drop_runs(runs: Runs) -> Result<(), DiskError> {
    runs.into_values().flatten().try_for_each(Run::remove)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::UInt32Array;

    fn batch(n_rows: u32) -> RecordBatch {
        let rows: UInt32Array = (0..n_rows).collect();
        RecordBatch::try_from_iter([("row", Arc::new(rows) as _)]).unwrap()
    }

    #[test]
    fn many_small_lots_stay_in_memory_only_as_long_as_all_of_them_fit() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = batch(1000).get_array_memory_size();
        let store = RunStore::new(folder.path().join("runs"), 3 * bytes);
        let runs: Vec<Run> =
            (0..10).map(|_| store.run(&folder.path().join("runs"), batch(1000)).unwrap()).collect();
        let in_memory = runs.iter().filter(|run| matches!(run, Run::Memory(_))).count();
        assert_eq!(in_memory, 3);
        for run in &runs {
            let mut batches = Batches::open(run).unwrap();
            let mut n_rows = 0;
            while let Some(batch) = batches.next().unwrap() {
                n_rows += batch.num_rows();
            }
            assert_eq!(n_rows, 1000);
        }
        runs.into_iter().for_each(|run| run.remove().unwrap());
        assert_eq!(std::fs::read_dir(folder.path().join("runs")).unwrap().count(), 0);
    }
}
