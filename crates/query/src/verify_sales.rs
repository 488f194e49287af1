//! `sales_monthly` checked against `sales`, summed in another way than it was made: by plain code, exactly.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Decimal128Type, Int64Type};
use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_schema::ArrowError;
use parquet::errors::ParquetError;
use streamledger_storage::encode::sales_monthly::GRAIN;
use streamledger_storage::layout::ledger::{Manifest, PartitionEntry};
use streamledger_storage::layout::partition_key::{path_in, table_of};
use streamledger_storage::tables::cell_text::cell_text;
use streamledger_storage::tables::scan::each_batch;

/// What a line of the two tables is summed by.
type SaleGroup = Vec<Option<String>>;

/// Units, money (none where no line has any), lines.
type SaleSums = (i128, Option<i128>, i128);

/// Partitions of `sales_monthly` that are not the sums of their `sales`, and how.
pub(crate) fn verify_sales(tables: &Path, manifest: &Manifest) -> Vec<(String, String)> {
    let mut differences = Vec::new();
    for (path, monthly) in &manifest.partitions {
        if table_of(path) != "sales_monthly" {
            continue;
        }
        let sales_path = path_in("sales", path);
        let sums = |path: &str, partition: Option<&PartitionEntry>, is_monthly| {
            let files = partition.into_iter().flat_map(|partition| &partition.files);
            let files: Vec<PathBuf> =
                files.map(|file| tables.join(path).join(&file.name)).collect();
            sums_of(&files, is_monthly)
        };
        let expected = sums(&sales_path, manifest.partitions.get(&sales_path), false);
        match (expected, sums(path, Some(monthly), true)) {
            (Ok(expected), Ok(found)) if expected == found => {}
            (Ok(expected), Ok(found)) => {
                let differs =
                    |(group, sums): &(&SaleGroup, &SaleSums)| found.get(*group) != Some(sums);
                let missing = expected.iter().find(differs).map(|(group, _)| group);
                let group = missing.or(found.keys().find(|group| !expected.contains_key(*group)));
                let group: Vec<&str> = group
                    .into_iter()
                    .flatten()
                    .map(|text| text.as_deref().unwrap_or("null"))
                    .collect();
                let message = format!("is not the sum of `sales` for {}", group.join(", "));
                differences.push((path.clone(), message));
            }
            (Err(error), _) | (_, Err(error)) => {
                differences.push((path.clone(), format!("cannot be summed: {error}")));
            }
        }
    }
    differences
}

fn sums_of(
    files: &[PathBuf],
    is_monthly: bool,
) -> Result<BTreeMap<SaleGroup, SaleSums>, ParquetError> {
    let mut sums = BTreeMap::new();
    for path in files {
        let mut columns = GRAIN.to_vec();
        columns.extend(["units", "amount"]);
        columns.extend(is_monthly.then_some("lines"));
        each_batch(path, &columns, |batch| Ok(add(batch, is_monthly, &mut sums)?))?;
    }
    Ok(sums)
}

fn add(
    batch: &RecordBatch,
    is_monthly: bool,
    sums: &mut BTreeMap<SaleGroup, SaleSums>,
) -> Result<(), ArrowError> {
    let column = |name: &str| {
        let missing = || ArrowError::SchemaError(format!("no column `{name}`"));
        batch.column_by_name(name).ok_or_else(missing)
    };
    let grain = GRAIN.map(column).into_iter().collect::<Result<Vec<_>, _>>()?;
    let units = column("units")?.as_primitive::<Int64Type>();
    let amounts = column("amount")?.as_primitive::<Decimal128Type>();
    let lines = if is_monthly { Some(column("lines")?.as_primitive::<Int64Type>()) } else { None };
    for row in 0..batch.num_rows() {
        let cell =
            |column: &&ArrayRef| column.is_valid(row).then(|| cell_text(column, row)).transpose();
        let group = grain.iter().map(cell).collect::<Result<SaleGroup, _>>()?;
        let sum = sums.entry(group).or_insert((0, None, 0));
        sum.0 += i128::from(units.value(row));
        if amounts.is_valid(row) {
            *sum.1.get_or_insert(0) += amounts.value(row);
        }
        sum.2 += lines.map_or(1, |lines| i128::from(lines.value(row)));
    }
    Ok(())
}
