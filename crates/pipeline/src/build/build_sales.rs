//! Partitions of `sales`, `pools`, figures and reference data from runs.

use std::path::Path;

use streamledger_storage::encode::file::{FileProvenance, ROW_GROUP_ROWS_MAX};
use streamledger_storage::layout::ledger::FileEntry;
use streamledger_storage::tables::lot_table::LotTable;
use streamledger_storage::tables::partition::PartitionError;
use streamledger_storage::tables::table_writer::{ArrowLayout, TableWriter};

use crate::build::sales_merge::merge_runs;
use crate::intake::sales_runs::TableRun;

/// Writes a partition of a table of lots. `reports` are the names of its reports, in order, each with
/// its runs, whose files are deleted; at most `n_runs_max` of them are open at a time.
///
/// # Errors
/// [`PartitionError`].
pub fn build_lots(
    table: LotTable,
    reports: Vec<(String, Vec<TableRun>)>,
    n_runs_max: usize,
    folder: &Path,
    provenance: &FileProvenance,
) -> Result<Vec<FileEntry>, PartitionError> {
    let layout = ArrowLayout {
        schema: table.schema(),
        sorted_by: table.sorted_by(),
        row_group_rows: ROW_GROUP_ROWS_MAX,
    };
    let mut writer = TableWriter::new(folder, layout, provenance)?;
    merge_runs(table, reports, n_runs_max, folder, |batch| writer.write(&batch))?;
    writer.finish()
}
