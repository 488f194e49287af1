//! Reads published plays with Arrow.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use streamledger_storage::tables::cell_text::cell_text;

use crate::case::{Case, files_of};

/// Verdict and reason by report and row.
pub(crate) fn read_plays(case: &Case) -> BTreeMap<(String, i64), String> {
    let mut rows = BTreeMap::new();
    for (_, path) in files_of(&case.tables().join("plays")) {
        let file = std::fs::File::open(path).unwrap();
        for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let text =
                |name: &str, row| cell_text(batch.column_by_name(name).unwrap(), row).unwrap();
            let row = batch.column_by_name("row").unwrap().as_primitive::<Int64Type>();
            for place in 0..batch.num_rows() {
                let [report, verdict, reason] =
                    ["report", "verdict", "reason"].map(|name| text(name, place));
                let outcome = format!("{verdict} {reason}").trim().to_owned();
                let key = (report, row.value(place));
                assert!(rows.insert(key, outcome).is_none(), "a row twice");
            }
        }
    }
    rows
}
