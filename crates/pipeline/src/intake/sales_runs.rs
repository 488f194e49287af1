//! Runs: lines of one report, sorted, that wait for their partition in memory or on disk. Whatever the
//! size of a report, a bounded part of it is in memory.

use parquet::errors::ParquetError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arrow_array::RecordBatch;
use rayon::prelude::*;
use streamledger_core::normalize::sale_lines::{IsrcRanks, SaleLine, SaleWords};
use streamledger_core::normalize::sales_lot::{SalesLot, SalesMonth};
use streamledger_storage::disk::durable::{DiskError, make_folder, remove_file};
use streamledger_storage::disk::sale_spill::SaleBlockWriter;
use streamledger_storage::tables::lot_table::LotTable;
use streamledger_storage::tables::partition::PartitionError;
use streamledger_storage::tables::reference_columns::reference_columns;
use streamledger_storage::tables::run_file::RunWriter;
use streamledger_storage::tables::sales_columns::{figures_columns, pools_columns};

/// Lines of a lot that stay in memory; a larger lot goes to disk.
const MEMORY_ROWS_MAX: usize = 1 << 14;

/// Sorted lines of one report and partition.
#[derive(Debug)]
pub enum TableRun {
    /// In memory.
    Memory(RecordBatch),
    /// In a file of its own in staging.
    Disk(PathBuf),
}

impl TableRun {
    /// Deletes its file, if it has one.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn remove(self) -> Result<(), DiskError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Disk(path) => remove_file(&path),
        }
    }
}

/// Lines of statements of one report and month, in the order of `sales`.
#[derive(Debug)]
pub enum SaleRun {
    /// In memory.
    Memory {
        /// The lines.
        lines: Vec<SaleLine>,
        /// What their ids mean; shared with other months of the report.
        words: Arc<SaleWords>,
    },
    /// In a file of its own in staging.
    Disk(PathBuf),
}

impl SaleRun {
    /// Deletes its file, if it has one.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn remove(self) -> Result<(), DiskError> {
        match self {
            Self::Memory { .. } => Ok(()),
            Self::Disk(path) => remove_file(&path),
        }
    }
}

/// Runs of a report.
#[derive(Debug, Default)]
pub struct ReportRuns {
    /// Lines of statements, by store and month.
    pub sales: BTreeMap<SalesMonth, Vec<SaleRun>>,
    /// Rows of other tables, by table, store and month.
    pub tables: BTreeMap<(LotTable, SalesMonth), Vec<TableRun>>,
}

impl ReportRuns {
    /// Adds runs of later rows.
    pub fn extend(&mut self, other: Self) {
        for (month, runs) in other.sales {
            self.sales.entry(month).or_default().extend(runs);
        }
        for (of, runs) in other.tables {
            self.tables.entry(of).or_default().extend(runs);
        }
    }
}

/// Where runs are put down.
#[derive(Debug)]
pub struct RunStore {
    /// `None`: lists of tracks are kept in memory, all other runs are forgotten.
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
        Self { folder: Some(folder), memory_bytes_max, ..Self::of_lists() }
    }

    /// Keeps lists of tracks, in memory, and forgets all other runs: for a run that only plans.
    #[must_use]
    pub fn of_lists() -> Self {
        Self {
            folder: None,
            n_files: AtomicU64::new(0),
            memory_bytes: AtomicUsize::new(0),
            memory_bytes_max: 0,
        }
    }

    /// Sorts lots of a report into runs; `table` is that of their rows beside pools and lines.
    ///
    /// # Errors
    /// [`PartitionError`]; files of lots that were put down are left then, as those of the whole run are.
    pub fn put_down(
        &self,
        lots: Vec<SalesLot>,
        table: Option<LotTable>,
    ) -> Result<ReportRuns, PartitionError> {
        let put_down = |lot| {
            let mut runs = ReportRuns::default();
            self.put_down_one(lot, table, &mut runs).map(|()| runs)
        };
        let parts: Vec<ReportRuns> =
            lots.into_par_iter().with_max_len(1).map(put_down).collect::<Result<_, _>>()?;
        let mut runs = ReportRuns::default();
        parts.into_iter().for_each(|part| runs.extend(part));
        Ok(runs)
    }

    fn put_down_one(
        &self,
        mut lot: SalesLot,
        table: Option<LotTable>,
        runs: &mut ReportRuns,
    ) -> Result<(), PartitionError> {
        let Some(table) = table else {
            return Ok(());
        };
        let Some(folder) = &self.folder else {
            return keep_lists(lot, table, runs);
        };
        let at = |error| PartitionError::parquet(folder)(ParquetError::from(error));
        let pools = std::mem::take(&mut lot.pools);
        let ReportRuns { sales, tables } = runs;
        for (month, lines) in std::mem::take(&mut lot.figures) {
            let batch = figures_columns(&lot, lines).map_err(at)?;
            tables.entry((table, month)).or_default().push(self.run(folder, batch)?);
        }
        for (month, references) in std::mem::take(&mut lot.references) {
            let batch = reference_columns(table, &lot, references).map_err(at)?;
            tables.entry((table, month)).or_default().push(self.run(folder, batch)?);
        }
        for (month, pools) in pools {
            let batch = pools_columns(&lot, &pools).map_err(at)?;
            let key = (LotTable::RevenuePools, month);
            tables.entry(key).or_default().push(self.run(folder, batch)?);
        }
        let ranks = IsrcRanks::new(&lot.words.items);
        let words = Arc::new(lot.words);
        for (month, lines) in lot.sales {
            let run = self.keep_lines(folder, ranks.sort(&lines), &words)?;
            sales.entry(month).or_default().push(run);
        }
        Ok(())
    }

    /// Keeps lines of statements that are in order in memory as long as there is room for them, else on disk.
    fn keep_lines(
        &self,
        folder: &Path,
        lines: Vec<SaleLine>,
        words: &Arc<SaleWords>,
    ) -> Result<SaleRun, PartitionError> {
        if self.has_room(size_of_val(lines.as_slice())) {
            return Ok(SaleRun::Memory { lines, words: Arc::clone(words) });
        }
        let mut writer = SaleBlockWriter::create(self.new_path(folder, "lines")?)?;
        writer.write_all(&lines, words)?;
        Ok(SaleRun::Disk(writer.finish()?))
    }

    fn run(&self, folder: &Path, batch: RecordBatch) -> Result<TableRun, PartitionError> {
        if batch.num_rows() <= MEMORY_ROWS_MAX {
            self.hold(folder, batch)
        } else {
            self.write(folder, &batch)
        }
    }

    /// Keeps rows in memory as long as there is room for them, else on disk.
    fn hold(&self, folder: &Path, batch: RecordBatch) -> Result<TableRun, PartitionError> {
        if self.has_room(batch.get_array_memory_size()) {
            return Ok(TableRun::Memory(batch));
        }
        self.write(folder, &batch)
    }

    /// Whether so many bytes more may be in memory; they are counted then.
    fn has_room(&self, bytes: usize) -> bool {
        let before = self.memory_bytes.fetch_add(bytes, Ordering::Relaxed);
        let has_room = before + bytes <= self.memory_bytes_max;
        if !has_room {
            self.memory_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        has_room
    }

    fn write(&self, folder: &Path, batch: &RecordBatch) -> Result<TableRun, PartitionError> {
        let path = self.new_path(folder, "run")?;
        let mut writer = RunWriter::create(path.with_extension("parquet"), &batch.schema())?;
        writer.write(batch)?;
        writer.finish().map(TableRun::Disk)
    }

    fn new_path(&self, folder: &Path, name: &str) -> Result<PathBuf, DiskError> {
        make_folder(folder)?;
        let number = self.n_files.fetch_add(1, Ordering::Relaxed);
        Ok(folder.join(format!("{name}-{number:06}")))
    }
}

/// Keeps the lists of tracks of a lot.
fn keep_lists(
    mut lot: SalesLot,
    table: LotTable,
    runs: &mut ReportRuns,
) -> Result<(), PartitionError> {
    if table != LotTable::Tracks {
        return Ok(());
    }
    for (month, references) in std::mem::take(&mut lot.references) {
        let batch = reference_columns(table, &lot, references)
            .map_err(|error| PartitionError::parquet(Path::new("tracks"))(error.into()))?;
        runs.tables.entry((table, month)).or_default().push(TableRun::Memory(batch));
    }
    Ok(())
}

/// Deletes the files of runs that are not needed.
///
/// # Errors
/// [`DiskError`].
pub fn drop_runs(runs: ReportRuns) -> Result<(), DiskError> {
    runs.sales.into_values().flatten().try_for_each(SaleRun::remove)?;
    runs.tables.into_values().flatten().try_for_each(TableRun::remove)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::UInt32Array;

    use crate::build::sales_merge::each_batch;

    fn batch(n_rows: u32) -> RecordBatch {
        let rows: UInt32Array = (0..n_rows).collect();
        RecordBatch::try_from_iter([("row", Arc::new(rows) as _)]).unwrap()
    }

    #[test]
    fn many_small_lots_stay_in_memory_only_as_long_as_all_of_them_fit() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = batch(1000).get_array_memory_size();
        let store = RunStore::new(folder.path().join("runs"), 3 * bytes);
        let runs: Vec<TableRun> =
            (0..10).map(|_| store.run(&folder.path().join("runs"), batch(1000)).unwrap()).collect();
        let in_memory = runs.iter().filter(|run| matches!(run, TableRun::Memory(_))).count();
        assert_eq!(in_memory, 3);
        for run in &runs {
            let mut n_rows = 0;
            each_batch(run, |batch| {
                n_rows += batch.num_rows();
                Ok(())
            })
            .unwrap();
            assert_eq!(n_rows, 1000);
        }
        runs.into_iter().for_each(|run| run.remove().unwrap());
        assert_eq!(std::fs::read_dir(folder.path().join("runs")).unwrap().count(), 0);
    }
}
