//! Partitions of `sales`, `pools`, figures and reference data from runs.

use std::path::Path;

use crate::pipeline::build::sales_merge::merge_runs;
use crate::pipeline::intake::sales_runs::TableRun;
use crate::storage::encode::file::{FileProvenance, ROW_GROUP_ROWS_MAX};
use crate::storage::layout::ledger::FileEntry;
use crate::storage::tables::lot_table::LotTable;
use crate::storage::tables::partition::PartitionError;
use crate::storage::tables::table_writer::{ArrowLayout, TableWriter};

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
