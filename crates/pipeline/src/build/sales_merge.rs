//! Merging of runs into a partition, whatever their number: no more than so many files are open at a time.
//! Where there are more runs, some of them become one longer run first. Merging all at once is faster,
//! and takes memory that grows with the report: of each run some lines are at hand, and a page of each
//! of its columns.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Int64Type, UInt32Type};
use arrow_array::{Array as _, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::interleave::interleave_record_batch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::errors::ParquetError;
use streamledger_storage::tables::lot_table::LotTable;
use streamledger_storage::tables::partition::PartitionError;
use streamledger_storage::tables::run_file::{RunWriter, open_run};

use crate::intake::sales_runs::TableRun;

/// Lines that are put together before they are written.
const MERGED_ROWS: usize = 1 << 15;

/// Memory of a run that is being merged, in bytes: its lines at hand, a page and a dictionary of each
/// column, and what the reader of each column keeps. Measured: 1.6 MiB.
const RUN_BYTES: usize = 2 << 20;

/// Memory of a partition that is being written, in bytes, besides its runs: the pages of a row group, and
/// lines that were put together. Measured: up to 100 MiB where all amounts differ.
const WRITER_BYTES: usize = 64 << 20;

/// Memory of a partition whose runs are merged, in bytes, where there is memory for it.
const PARTITION_BYTES: usize = 128 << 20;

/// Files of runs that a partition has open, at least: fewer would be read and written too often.
const RUNS_MIN: usize = 8;

/// At most: the system bounds how many files a process may have open.
const RUNS_MAX: usize = 128;

/// How many partitions and runs are merged at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergeBounds {
    /// Partitions.
    pub n_partitions: usize,
    /// Files of runs of each of them.
    pub n_runs: usize,
}

impl MergeBounds {
    /// Bounds that keep merging within half of the memory limit, in bytes, unless it is too small for
    /// a single partition.
    #[must_use]
    pub fn of(memory_limit_bytes: usize, n_threads: usize) -> Self {
        let memory_bytes = memory_limit_bytes / 2;
        let n_partitions = (memory_bytes / PARTITION_BYTES).clamp(1, n_threads.max(1));
        let of_runs = (memory_bytes / n_partitions).saturating_sub(WRITER_BYTES);
        Self { n_partitions, n_runs: (of_runs / RUN_BYTES).clamp(RUNS_MIN, RUNS_MAX) }
    }
}

/// Merges the runs of a partition's reports and hands the lines on in the order of the table, with the
/// name of their report before them. Their files are deleted.
///
/// `reports` are the reports' names in order, each with its runs. No more than `n_runs_max` files of runs
/// (2 or more) are open at a time, and which ones they are changes no line and no batch.
///
/// # Errors
/// [`PartitionError`].
pub fn merge_runs(
    table: LotTable,
    reports: Vec<(String, Vec<TableRun>)>,
    n_runs_max: usize,
    folder: &Path,
    mut take: impl FnMut(RecordBatch) -> Result<(), PartitionError>,
) -> Result<(), PartitionError> {
    let mut names = Vec::new();
    let mut in_memory = Vec::new();
    let mut on_disk = VecDeque::new();
    for (place, (name, runs)) in (0_u32..).zip(reports) {
        names.push(name);
        for run in runs {
            let source = RunSource { run, report: Some(place) };
            match source.run {
                TableRun::Memory(_) => in_memory.push(source),
                TableRun::Disk(_) => on_disk.push_back(source),
            }
        }
    }
    let merge = RunMerge { table, lines: with_report_place(table), folder };
    while let Some(n_runs) = next_pass(on_disk.len(), n_runs_max) {
        let first: Vec<RunSource> = on_disk.drain(..n_runs).collect();
        on_disk.push_back(merge.to_longer_run(first)?);
    }
    in_memory.extend(on_disk);
    let schema = table.schema();
    merge.merge(&in_memory, |lines| {
        take(with_names(&schema, &lines, &names).map_err(PartitionError::parquet(folder))?)
    })?;
    in_memory.into_iter().try_for_each(|source| Ok(source.run.remove()?))
}

/// How many runs to make one of, so that all that are left can be merged at once, or as many as can;
/// `None` if all can be merged. What is short of a full pass comes first, so that the fewest lines are
/// written twice.
pub(crate) fn next_pass(n_runs: usize, n_runs_max: usize) -> Option<usize> {
    let n_runs_max = n_runs_max.max(2);
    (n_runs_max < n_runs).then(|| (n_runs - n_runs_max + 1).min(n_runs_max))
}

/// A run and the place of its report.
struct RunSource {
    run: TableRun,
    /// `None`: of several reports; its last column tells.
    report: Option<u32>,
}

/// The columns of a run with the place of each line's report after them.
fn with_report_place(table: LotTable) -> SchemaRef {
    let part = table.part_schema();
    let fields = part.fields().iter().map(|field| field.as_ref().clone());
    let place = Field::new("report_place", DataType::UInt32, false);
    Arc::new(Schema::new(fields.chain([place]).collect::<Vec<_>>()))
}

/// Lines of a table, with the names of their reports first in place of their places last.
fn with_names(
    schema: &SchemaRef,
    lines: &RecordBatch,
    names: &[String],
) -> Result<RecordBatch, ParquetError> {
    let (place, rest) = lines
        .columns()
        .split_last()
        .ok_or_else(|| ParquetError::General("lines without columns".to_owned()))?;
    let places = place.as_primitive::<UInt32Type>().values();
    let names: StringArray =
        places.iter().map(|place| Some(names[*place as usize].as_str())).collect();
    let columns = std::iter::once(Arc::new(names) as _).chain(rest.iter().cloned());
    Ok(RecordBatch::try_new(Arc::clone(schema), columns.collect())?)
}

/// The lines of a run, batch by batch.
enum RunBatches {
    Memory(Option<RecordBatch>),
    Disk(Box<ParquetRecordBatchReader>),
}

impl RunBatches {
    fn open(run: &TableRun) -> Result<Self, PartitionError> {
        match run {
            TableRun::Memory(batch) => Ok(Self::Memory(Some(batch.clone()))),
            TableRun::Disk(path) => Ok(Self::Disk(Box::new(open_run(path)?))),
        }
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, ParquetError> {
        match self {
            Self::Memory(batch) => Ok(batch.take()),
            Self::Disk(reader) => Ok(reader.next().transpose()?),
        }
    }
}

/// All batches of a run.
pub(crate) fn each_batch(
    run: &TableRun,
    mut take: impl FnMut(RecordBatch) -> Result<(), PartitionError>,
) -> Result<(), PartitionError> {
    let mut batches = RunBatches::open(run)?;
    while let Some(batch) = batches.next().map_err(PartitionError::parquet(Path::new("runs")))? {
        take(batch)?;
    }
    Ok(())
}

/// Where a line stands in the order of its table.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TableKey {
    /// Of counters and declared streams; 0 in the other tables.
    date: i32,
    /// Lines without a recording stand last.
    is_null: bool,
    /// The twelve characters of the ISRC; zeros in tables that are not ordered by it.
    isrc: [u8; 12],
    report: u32,
    row: i64,
}

/// A run while it is merged.
struct RunCursor {
    batches: RunBatches,
    report: Option<u32>,
    /// Place of the batch that is being read among those that are at hand.
    batch: usize,
    row: usize,
}

/// Merging of runs of a table.
struct RunMerge<'a> {
    table: LotTable,
    /// The columns of a run with the place of the report.
    lines: SchemaRef,
    /// The partition's folder.
    folder: &'a Path,
}

impl RunMerge<'_> {
    /// Makes one run of several.
    fn to_longer_run(&self, sources: Vec<RunSource>) -> Result<RunSource, PartitionError> {
        let Some(RunSource { run: TableRun::Disk(first), .. }) = sources.first() else {
            return Err(self.wrong(ParquetError::General("no runs on disk to merge".to_owned())));
        };
        let path = first.with_extension("merged.parquet");
        let mut writer = RunWriter::create(path, &self.lines)?;
        self.merge(&sources, |lines| writer.write(&lines))?;
        let run = TableRun::Disk(writer.finish()?);
        sources.into_iter().try_for_each(|source| source.run.remove())?;
        Ok(RunSource { run, report: None })
    }

    /// Hands the lines of runs on in the order of the table, with the places of their reports.
    fn merge(
        &self,
        sources: &[RunSource],
        mut take: impl FnMut(RecordBatch) -> Result<(), PartitionError>,
    ) -> Result<(), PartitionError> {
        let mut at_hand: Vec<RecordBatch> = Vec::new();
        let mut cursors = Vec::new();
        let mut heap: BinaryHeap<Reverse<(TableKey, usize)>> = BinaryHeap::new();
        for RunSource { run, report } in sources {
            let batches = RunBatches::open(run)?;
            let mut cursor = RunCursor { batches, report: *report, batch: 0, row: 0 };
            if self.next_batch(&mut cursor, &mut at_hand)? {
                heap.push(Reverse((self.key(&cursor, &at_hand), cursors.len())));
                cursors.push(cursor);
            }
        }
        let mut lines: Vec<(usize, usize)> = Vec::new();
        while let Some(Reverse((_, place))) = heap.pop() {
            let cursor = &mut cursors[place];
            lines.push((cursor.batch, cursor.row));
            cursor.row += 1;
            let is_whole = cursor.row < at_hand[cursor.batch].num_rows();
            if is_whole || self.next_batch(cursor, &mut at_hand)? {
                heap.push(Reverse((self.key(cursor, &at_hand), place)));
            }
            if MERGED_ROWS <= lines.len() {
                take(self.put_together(&at_hand, &lines)?)?;
                lines.clear();
                forget_read(&mut at_hand, &mut cursors);
            }
        }
        if !lines.is_empty() {
            take(self.put_together(&at_hand, &lines)?)?;
        }
        Ok(())
    }

    /// Moves on to the next batch; false at the end of the run.
    fn next_batch(
        &self,
        cursor: &mut RunCursor,
        at_hand: &mut Vec<RecordBatch>,
    ) -> Result<bool, PartitionError> {
        while let Some(batch) = cursor.batches.next().map_err(|error| self.wrong(error))? {
            if batch.num_rows() == 0 {
                continue;
            }
            let places = cursor
                .report
                .map(|place| Arc::new(UInt32Array::from_value(place, batch.num_rows())) as _);
            let columns = batch.columns().iter().cloned().chain(places).collect();
            let batch = RecordBatch::try_new(Arc::clone(&self.lines), columns)
                .map_err(|error| self.wrong(error.into()))?;
            (cursor.batch, cursor.row) = (at_hand.len(), 0);
            at_hand.push(batch);
            return Ok(true);
        }
        Ok(false)
    }

    fn key(&self, cursor: &RunCursor, at_hand: &[RecordBatch]) -> TableKey {
        let (batch, line) = (&at_hand[cursor.batch], cursor.row);
        let report = batch.column(batch.num_columns() - 1).as_primitive::<UInt32Type>().value(line);
        let row = batch.column(0).as_primitive::<Int64Type>().value(line);
        let isrc = |column: usize| {
            let isrcs = batch.column(column).as_string::<i32>();
            if isrcs.is_null(line) { (true, [0; 12]) } else { (false, code_of(isrcs.value(line))) }
        };
        let (date, (is_null, isrc)) = match self.table {
            LotTable::RevenuePools => (0, (false, [0; 12])),
            LotTable::Sales | LotTable::SalesSuperseded => (0, isrc(5)),
            table => {
                let date = batch.column(1).as_primitive::<Date32Type>().value(line);
                (date, table.isrc_column().map_or((false, [0; 12]), isrc))
            }
        };
        TableKey { date, is_null, isrc, report, row }
    }

    /// Lines of several batches as one.
    fn put_together(
        &self,
        at_hand: &[RecordBatch],
        lines: &[(usize, usize)],
    ) -> Result<RecordBatch, PartitionError> {
        let batches: Vec<&RecordBatch> = at_hand.iter().collect();
        interleave_record_batch(&batches, lines).map_err(|error| self.wrong(error.into()))
    }

    fn wrong(&self, error: ParquetError) -> PartitionError {
        PartitionError::parquet(self.folder)(error)
    }
}

/// The characters of an ISRC, which orders as they do.
fn code_of(isrc: &str) -> [u8; 12] {
    let mut code = [0; 12];
    code.iter_mut().zip(isrc.bytes()).for_each(|(place, character)| *place = character);
    code
}

/// Drops the batches that no cursor reads any more.
fn forget_read(at_hand: &mut Vec<RecordBatch>, cursors: &mut [RunCursor]) {
    let mut kept = Vec::new();
    for cursor in cursors {
        kept.push(at_hand[cursor.batch].clone());
        cursor.batch = kept.len() - 1;
    }
    *at_hand = kept;
}

#[cfg(test)]
mod tests;
