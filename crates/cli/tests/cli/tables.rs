//! Reads published tables with Arrow, as texts.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use arrow_array::{Array as _, ArrayRef};
use arrow_schema::FieldRef;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use streamledger_storage::tables::cell_text::cell_text;

use crate::case::{Case, files_of};

/// A row by column; null cells are absent, partition columns are there.
pub(crate) type Row = BTreeMap<String, String>;

impl Case {
    /// All rows of a published table, in the order of its files.
    pub(crate) fn table(&self, name: &str) -> Vec<Row> {
        read_table(&self.tables(), name)
    }

    /// The cells of some columns of a table, null as an empty text.
    pub(crate) fn cells<const N: usize>(
        &self,
        table: &str,
        columns: [&str; N],
    ) -> Vec<[String; N]> {
        let cell = |row: &Row, column: &str| row.get(column).cloned().unwrap_or_default();
        let rows = self.table(table);
        rows.iter().map(|row| columns.map(|column| cell(row, column))).collect()
    }

    /// Number of rows of a table.
    pub(crate) fn n_rows(&self, table: &str) -> usize {
        self.table(table).len()
    }

    /// The row of `reports` for a path in the inbox.
    #[track_caller]
    pub(crate) fn report_row(&self, file: &str) -> Row {
        self.table("reports").into_iter().find(|row| row["file"] == file).unwrap()
    }

    /// Code, row and column of what `quarantine` has for a path in the inbox.
    pub(crate) fn quarantined(&self, file: &str) -> Vec<(String, String, String)> {
        self.cells("quarantine", ["file", "reason", "row", "column"])
            .into_iter()
            .filter(|[name, ..]| name == file)
            .map(|[_, reason, row, column]| (reason, row, column))
            .collect()
    }
}

fn read_table(tables: &Path, name: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (path, file) in files_of(&tables.join(name)) {
        let partition: Row = path
            .split('/')
            .filter_map(|part| part.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        rows.extend(read_file(&file).into_iter().map(|mut row| {
            row.extend(partition.clone());
            row
        }));
    }
    rows
}

/// The rows of a Parquet file.
pub(crate) fn read_file(path: &Path) -> Vec<Row> {
    let file = File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        for place in 0..batch.num_rows() {
            let columns = batch.schema_ref().fields().iter().zip(batch.columns());
            let cell = |(field, column): (&FieldRef, &ArrayRef)| {
                (field.name().clone(), cell_text(column, place).unwrap())
            };
            rows.push(columns.filter(|(_, column)| column.is_valid(place)).map(cell).collect());
        }
    }
    rows
}
