//! The tables `deliveries` (when each report came) and `unmapped_values` (what no table of ours knows).

use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use chrono::{DateTime, NaiveDate};
use streamledger_core::explain::period::Period;
use streamledger_core::model::day::Day;
use streamledger_storage::archive::delivery_log::{DeliveryEntry, DeliveryLog};
use streamledger_storage::encode::file::FileProvenance;
use streamledger_storage::layout::ledger::{FileEntry, ReportEntry};
use streamledger_storage::tables::columns::amounts;
use streamledger_storage::tables::partition::PartitionError;
use streamledger_storage::tables::small_tables::{UnmappedValue, write_table};

/// Writes the table `unmapped_values`: reports, each with its unknown values.
///
/// # Errors
/// [`PartitionError`].
pub fn write_unmapped_values(
    folder: &Path,
    reports: &[(&ReportEntry, Vec<UnmappedValue>)],
    provenance: &FileProvenance,
) -> Result<Vec<FileEntry>, PartitionError> {
    let mut rows: Vec<(&str, &UnmappedValue)> = reports
        .iter()
        .flat_map(|(report, values)| values.iter().map(move |value| (report.name(), value)))
        .collect();
    rows.sort_by_key(|(report, value)| (*report, &value.field, &value.value, &value.currency));
    let text = |of: &dyn Fn(&(&str, &UnmappedValue)) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let number = |of: &dyn Fn(&UnmappedValue) -> Option<i64>| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, value)| of(value)).collect::<Int64Array>())
    };
    let money = rows.iter().map(|(_, value)| value.amount.as_ref()?.parse::<i128>().ok());
    let money = amounts(money).map_err(|error| PartitionError::parquet(folder)(error.into()))?;
    let columns = vec![
        ("report", text(&|(report, _)| Some((*report).to_owned()))),
        ("field", text(&|(_, value)| Some(value.field.clone()))),
        ("value", text(&|(_, value)| Some(value.value.clone()))),
        ("rows", number(&|value| i64::try_from(value.rows).ok())),
        ("units", number(&|value| value.units.parse().ok())),
        ("amount", money),
        ("currency", text(&|(_, value)| value.currency.clone())),
    ];
    let sorted_by = [(0, false), (1, false), (2, false), (6, true)];
    write_table(folder, columns, &["report", "field", "value", "rows"], &sorted_by, provenance)
}

/// A row of `deliveries`.
struct DeliveryRow<'a> {
    report: &'a ReportEntry,
    file: &'a str,
    seen: Option<&'a DeliveryEntry>,
    /// When it was first seen, microseconds since 1970.
    first_seen_us: Option<i64>,
    /// Last day that the report speaks of.
    period_end: Option<Day>,
}

impl DeliveryRow<'_> {
    /// Whole days from the end of the period to the day on which the report was first seen.
    fn days_after(&self) -> Option<i32> {
        let seen = Day::of_ms(self.first_seen_us?.div_euclid(1_000));
        seen.0.checked_sub(self.period_end?.0)
    }
}

/// Writes the table `deliveries`: a row for each name under which a report came.
///
/// # Errors
/// [`PartitionError`].
pub fn write_deliveries<'a>(
    folder: &Path,
    reports: impl Iterator<Item = &'a ReportEntry>,
    log: &DeliveryLog,
    provenance: &FileProvenance,
) -> Result<Vec<FileEntry>, PartitionError> {
    let row = |report: &'a ReportEntry, file: &'a str| {
        let seen = log.get(&report.id, file);
        let moment = seen.and_then(|seen| DateTime::parse_from_rfc3339(&seen.first_seen).ok());
        let first_seen_us = moment.map(|moment| moment.timestamp_micros());
        DeliveryRow { report, file, seen, first_seen_us, period_end: period_end(report) }
    };
    let mut rows: Vec<DeliveryRow<'_>> = reports
        .flat_map(|report| report.files.iter().map(move |file| (report, file.as_str())))
        .map(|(report, file)| row(report, file))
        .collect();
    rows.sort_by_key(|row| (row.report.name(), row.file));
    let text = |of: &dyn Fn(&DeliveryRow<'_>) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let moments: TimestampMicrosecondArray = rows.iter().map(|row| row.first_seen_us).collect();
    let snapshots = rows.iter().map(|row| row.seen.map(|seen| seen.snapshot));
    let ends = rows.iter().map(|row| row.period_end.map(|day| day.0));
    let columns = vec![
        ("report", text(&|row| Some(row.report.name().to_owned()))),
        ("file", text(&|row| Some(row.file.to_owned()))),
        ("first_seen", Arc::new(moments.with_timezone("UTC")) as ArrayRef),
        ("run", text(&|row| row.seen.map(|seen| seen.run.clone()))),
        ("snapshot", Arc::new(snapshots.collect::<Int64Array>())),
        ("period_end", Arc::new(ends.collect::<Date32Array>())),
        ("days_after", Arc::new(rows.iter().map(DeliveryRow::days_after).collect::<Int32Array>())),
    ];
    write_table(folder, columns, &["report", "file"], &[(0, false), (1, false)], provenance)
}

/// The last day that a report speaks of: of statements that of its last month of use.
fn period_end(report: &ReportEntry) -> Option<Day> {
    let last: NaiveDate = report.last_date.as_deref()?.parse().ok()?;
    let last = Day(last.to_epoch_days());
    let is_statement = report.feed.as_deref() == Some("sales");
    Some(if is_statement { Period::Month(last.month()).last() } else { last })
}
