//! Reads published plays with Arrow.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::case::{Case, files_of};

/// Verdict and reason by report and row.
pub(crate) fn read_plays(case: &Case) -> BTreeMap<(String, i64), String> {
    let mut rows = BTreeMap::new();
    for (_, path) in files_of(&case.tables().join("plays")) {
        let file = std::fs::File::open(path).unwrap();
        for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let text = |name: &str| {
                let column = arrow::compute::cast(
                    batch.column_by_name(name).unwrap(),
                    &arrow::datatypes::DataType::Utf8,
                );
                column.unwrap()
            };
            let [report, verdict, reason] = ["report", "verdict", "reason"].map(text);
            let row = batch.column_by_name("row").unwrap().as_primitive::<Int64Type>();
            let (report, verdict) = (report.as_string::<i32>(), verdict.as_string::<i32>());
            let reason = reason.as_string::<i32>();
            for place in 0..batch.num_rows() {
                let reason = if arrow::array::Array::is_null(reason, place) {
                    ""
                } else {
                    reason.value(place)
                };
                let outcome = format!("{} {reason}", verdict.value(place)).trim().to_owned();
                let key = (report.value(place).to_owned(), row.value(place));
                assert!(rows.insert(key, outcome).is_none(), "a row twice");
            }
        }
    }
    rows
}
