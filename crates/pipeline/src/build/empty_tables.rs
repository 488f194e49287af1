//! Every table is always there. One that no report feeds yet is one file without rows, with the columns
//! of the table: a query over an empty table gives no rows and not an error.
//!
//! The file lies in a partition of its own, whose values are `none`, so that the partition columns are
//! there too. It goes with the first rows of the table.

use std::collections::BTreeSet;
use std::path::Path;

use arrow_array::RecordBatch;
use streamledger_storage::disk::stages::StageTimes;
use streamledger_storage::encode::file::{FileProvenance, TableLayout};
use streamledger_storage::encode::{sales, sales_monthly};
use streamledger_storage::layout::ledger::FileEntry;
use streamledger_storage::layout::partition_key::table_of;
use streamledger_storage::tables::lot_table::LotTable;
use streamledger_storage::tables::partition::{PartitionError, PartitionWriter};
use streamledger_storage::tables::small_tables::write_quarantine;
use streamledger_storage::tables::table_writer::{ArrowLayout, TableWriter};

use crate::build::build_eligibility::empty_eligibility;
use crate::build::build_waterfall::waterfall_schema;

/// A partitioned table, by its name; the others are one file each, which is always written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionedTable {
    /// Its name.
    pub name: &'static str,
    /// Its partition columns, outermost first.
    pub partition_columns: &'static [&'static str],
}

const BY_MONTH: &[&str] = &["store", "month"];

/// All partitioned tables.
pub const PARTITIONED_TABLES: [PartitionedTable; 14] = [
    PartitionedTable { name: "plays", partition_columns: &["store", "month", "date"] },
    PartitionedTable { name: "trends_daily", partition_columns: BY_MONTH },
    PartitionedTable { name: "sales", partition_columns: BY_MONTH },
    PartitionedTable { name: "sales_monthly", partition_columns: BY_MONTH },
    PartitionedTable { name: "sales_superseded", partition_columns: BY_MONTH },
    PartitionedTable { name: "revenue_pools", partition_columns: BY_MONTH },
    PartitionedTable { name: "public_counts", partition_columns: BY_MONTH },
    PartitionedTable { name: "store_removals", partition_columns: BY_MONTH },
    PartitionedTable { name: "catalogue", partition_columns: BY_MONTH },
    PartitionedTable { name: "tracks", partition_columns: BY_MONTH },
    PartitionedTable { name: "fx_rates", partition_columns: BY_MONTH },
    PartitionedTable { name: "waterfall", partition_columns: BY_MONTH },
    PartitionedTable { name: "eligibility", partition_columns: BY_MONTH },
    PartitionedTable { name: "quarantine", partition_columns: BY_MONTH },
];

/// The value of a partition column of a table without rows.
const NO_VALUE: &str = "none";

impl PartitionedTable {
    /// Path under the tables of the partition that stands for a table without rows.
    #[must_use]
    pub fn empty_path(self) -> String {
        let parts = self.partition_columns.iter().map(|column| format!("/{column}={NO_VALUE}"));
        std::iter::once(self.name.to_owned()).chain(parts).collect()
    }
}

/// The partition that stands for a table without rows, by its path.
#[must_use]
pub fn empty_table_of_path(path: &str) -> Option<PartitionedTable> {
    PARTITIONED_TABLES.into_iter().find(|table| table.empty_path() == path)
}

/// The tables of which none of these paths is a partition.
#[must_use]
pub fn tables_without<'a>(paths: impl Iterator<Item = &'a String>) -> Vec<PartitionedTable> {
    let tables: BTreeSet<&str> = paths
        .filter(|path| empty_table_of_path(path).is_none())
        .map(|path| table_of(path))
        .collect();
    PARTITIONED_TABLES.into_iter().filter(|table| !tables.contains(table.name)).collect()
}

/// Writes the file of a table without rows. `plays` and `trends` are the layouts of the two tables that
/// are not written from Arrow.
///
/// # Errors
/// [`PartitionError`].
pub fn write_empty_table(
    table: PartitionedTable,
    [plays, trends]: [&TableLayout; 2],
    folder: &Path,
    provenance: &FileProvenance,
) -> Result<Vec<FileEntry>, PartitionError> {
    let native = |layout: &TableLayout| {
        let stages = StageTimes::default();
        PartitionWriter::new(folder.to_owned(), layout, provenance, &stages)?.finish_without_rows()
    };
    let arrow = |schema, sorted_by| {
        let layout = ArrowLayout { schema, sorted_by, row_group_rows: 1 };
        let no_rows = RecordBatch::new_empty(layout.schema.clone());
        let mut writer = TableWriter::new(folder, layout, provenance)?;
        writer.write(&no_rows)?;
        writer.finish()
    };
    let wrong = PartitionError::parquet(folder);
    match table.name {
        "plays" => native(plays),
        "trends_daily" => native(trends),
        "sales" | "sales_superseded" => native(&sales::layout().map_err(wrong)?),
        "sales_monthly" => native(&sales_monthly::layout().map_err(wrong)?),
        "waterfall" => arrow(waterfall_schema(), &[]),
        "eligibility" => empty_eligibility(folder, provenance),
        "quarantine" => write_quarantine(folder, &[], provenance),
        name => match LotTable::of_path(&format!("{name}/")) {
            Some(table) => arrow(table.schema(), table.sorted_by()),
            None => Ok(Vec::new()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamledger_storage::encode::{plays, trends};

    #[test]
    fn every_table_has_a_file_without_rows_and_with_its_columns() {
        let root = tempfile::tempdir().unwrap();
        let layouts = [
            TableLayout::new(plays::SCHEMA, &plays::SORTED_BY).unwrap(),
            TableLayout::new(trends::SCHEMA, &trends::SORTED_BY).unwrap(),
        ];
        for table in PARTITIONED_TABLES {
            let folder = root.path().join(table.empty_path());
            let provenance = FileProvenance::default();
            let files =
                write_empty_table(table, [&layouts[0], &layouts[1]], &folder, &provenance).unwrap();
            assert_eq!(files.iter().map(|file| file.rows).collect::<Vec<_>>(), [0], "{table:?}");
            let mut frame =
                streamledger_storage::tables::scan::scan(&folder.join(&files[0].name)).unwrap();
            let schema = frame.collect_schema().unwrap();
            assert!(4 <= schema.len(), "{table:?} {schema:?}");
            assert_eq!(empty_table_of_path(&table.empty_path()), Some(table));
        }
    }

    #[test]
    fn a_table_is_without_rows_until_it_has_a_partition() {
        let names = |paths: &[&str]| -> Vec<&str> {
            let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
            tables_without(paths.iter()).iter().map(|table| table.name).collect()
        };
        assert_eq!(names(&[]).len(), PARTITIONED_TABLES.len());
        assert!(!names(&["sales/store=spotify/month=2026-06"]).contains(&"sales"));
        assert!(names(&["sales/store=none/month=none"]).contains(&"sales"));
        assert!(names(&["sales_monthly/store=spotify/month=2026-06"]).contains(&"sales"));
    }
}
