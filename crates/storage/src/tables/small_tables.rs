//! The tables of what is not a play: `reports` and `quarantine`. Few rows, so Arrow's own writer.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};
use streamledger_core::explain::coverage::{CoverageRow, TerritorySplit};
use streamledger_core::model::day::Day;
use streamledger_core::normalize::counts::RowCounts;
use streamledger_core::normalize::rejected_row::RejectedRow;
use streamledger_core::normalize::unmapped::{UnmappedKey, UnmappedSums};
use streamledger_parquet_pages::page::ZSTD_LEVEL;

use crate::disk::durable::{make_folder, write_new};
use crate::encode::file::{CREATED_BY, FileProvenance};
use crate::layout::ledger::{FileEntry, ReportEntry, SourceKind};
use crate::tables::partition::PartitionError;

/// What is wrong with a report or one of its rows, as it is kept next to the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineEntry {
    /// Data line after the header; `None` for the report as a whole.
    pub row: Option<u32>,
    /// The store's name of the column; `None` where no single one is to blame.
    pub column: Option<String>,
    /// Code.
    pub reason: String,
    /// Expected and found.
    pub detail: String,
    /// The line; `None` for the report as a whole.
    pub raw: Option<String>,
}

/// What is kept of a report next to the ledger, for the tables `quarantine` and `unmapped_values`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportNotes {
    /// What is wrong with it or its rows.
    #[serde(alias = "complaints")]
    pub entries: Vec<QuarantineEntry>,
    /// Values that no table of ours knows, in order.
    pub unmapped: Vec<UnmappedValue>,
}

impl ReportNotes {
    /// The bytes of the file in which they are kept.
    ///
    /// # Errors
    /// If they cannot be written as JSON, which their types rule out.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// BLAKE3 of the bytes, by which the ledger knows them.
    #[must_use]
    pub fn hash(&self) -> Option<String> {
        Some(blake3::hash(&self.to_bytes().ok()?).to_hex().to_string())
    }

    /// Whether the ledger knows that nothing is kept of a report: then there is no file.
    #[must_use]
    pub fn are_none(hash: Option<&str>) -> bool {
        hash.is_some() && hash == Self::default().hash().as_deref()
    }
}

/// A value that no table of ours knows, and what stands on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnmappedValue {
    /// `territory`, `shop` or `tier`.
    pub field: String,
    /// As the report writes it.
    pub value: String,
    /// Rows.
    pub rows: u64,
    /// Their units or plays, a decimal number.
    pub units: String,
    /// Their money in 10^-12 of the currency's unit, a decimal number; `None` for none.
    pub amount: Option<String>,
    /// Its currency.
    pub currency: Option<String>,
}

impl UnmappedValue {
    /// As it is kept.
    #[must_use]
    pub fn new(key: &UnmappedKey, sums: &UnmappedSums) -> Self {
        Self {
            field: key.field.as_str().to_owned(),
            value: key.value.clone(),
            rows: sums.rows,
            units: sums.units.to_string(),
            amount: key.currency.map(|_| sums.amount.to_string()),
            currency: key.currency.map(|currency| currency.as_str().to_owned()),
        }
    }
}

impl QuarantineEntry {
    /// What is wrong with a report as a whole.
    #[must_use]
    pub fn of_report(reason: Option<&str>, detail: &str) -> Self {
        Self {
            row: None,
            column: None,
            reason: reason.unwrap_or_default().to_owned(),
            detail: detail.to_owned(),
            raw: None,
        }
    }
}

impl From<RejectedRow> for QuarantineEntry {
    fn from(bad: RejectedRow) -> Self {
        Self {
            row: Some(bad.row),
            column: bad.column,
            reason: bad.reject_code.code().to_owned(),
            detail: bad.detail,
            raw: Some(bad.raw),
        }
    }
}

/// Writes a partition of `quarantine`: reports with what is wrong with each.
///
/// # Errors
/// [`PartitionError`].
pub fn write_quarantine(
    folder: &Path,
    reports: &[(&ReportEntry, Vec<QuarantineEntry>)],
    provenance: &FileProvenance,
) -> std::result::Result<Vec<FileEntry>, PartitionError> {
    let mut rows: Vec<(&ReportEntry, &QuarantineEntry)> = reports
        .iter()
        .flat_map(|(report, entries)| entries.iter().map(move |entry| (*report, entry)))
        .collect();
    rows.sort_by_key(|(report, entry)| (report.name(), entry.row));
    let text = |of: &dyn Fn(&(&ReportEntry, &QuarantineEntry)) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let numbers: Int64Array = rows.iter().map(|(_, entry)| entry.row.map(i64::from)).collect();
    let columns = vec![
        ("report", text(&|(report, _)| Some(report.name().to_owned()))),
        ("file", text(&|(report, _)| Some(report.file().to_owned()))),
        ("row", Arc::new(numbers) as ArrayRef),
        ("column", text(&|(_, entry)| entry.column.clone())),
        ("reason", text(&|(_, entry)| Some(entry.reason.clone()))),
        ("detail", text(&|(_, entry)| Some(entry.detail.clone()))),
        ("raw", text(&|(_, entry)| entry.raw.clone())),
    ];
    let required = ["report", "file", "reason", "detail"];
    write_table(folder, columns, &required, &[(0, false), (2, true)], provenance)
}

/// Writes the table `reports`.
///
/// # Errors
/// [`PartitionError`].
pub fn write_reports(
    folder: &Path,
    reports: &[&ReportEntry],
    provenance: &FileProvenance,
) -> std::result::Result<Vec<FileEntry>, PartitionError> {
    let text = |of: &dyn Fn(&ReportEntry) -> Option<&str>| -> ArrayRef {
        Arc::new(reports.iter().map(|report| of(report)).collect::<StringArray>())
    };
    let count = |of: fn(&RowCounts) -> u64| -> ArrayRef {
        let counts = reports.iter().map(|report| report.counts.as_ref().map(of));
        Arc::new(
            counts.map(|count| count.and_then(|n| i64::try_from(n).ok())).collect::<Int64Array>(),
        )
    };
    let date = |of: fn(&ReportEntry) -> Option<&String>| -> ArrayRef {
        let days = |text: &String| Some(text.parse::<chrono::NaiveDate>().ok()?.to_epoch_days());
        Arc::new(reports.iter().map(|report| of(report).and_then(days)).collect::<Date32Array>())
    };
    let copies: Int32Array = reports.iter().map(|r| i32::try_from(r.files.len()).ok()).collect();
    let columns = vec![
        ("report", text(&|report| Some(report.name()))),
        ("hash", text(&|report| Some(&report.hash))),
        ("file", text(&|report| Some(report.file()))),
        ("copies", Arc::new(copies) as ArrayRef),
        ("store", text(&|report| Some(&report.store))),
        ("feed", text(&|report| report.feed.as_deref())),
        ("format", text(&|report| report.format.as_deref())),
        ("first_date", date(|report| report.first_date.as_ref())),
        ("last_date", date(|report| report.last_date.as_ref())),
        ("rows", count(|counts| counts.rows)),
        ("quarantined", count(|counts| counts.quarantined)),
        ("bad_isrc", count(|counts| counts.bad_isrc)),
        ("bad_upc", count(|counts| counts.bad_upc)),
        ("bad_territory", count(|counts| counts.bad_territory)),
        ("aliased_territory", count(|counts| counts.aliased_territory)),
        ("unmapped_tier", count(|counts| counts.unmapped_tier)),
        ("log_time_used", count(|counts| counts.log_time_used)),
        ("repeated_headers", count(|counts| counts.repeated_headers)),
        ("skipped_members", skipped_members(reports)),
        ("source_kind", text(&|report| report.source_kind.map(SourceKind::as_str))),
        ("decision", text(&|report| report.decision.as_deref())),
        ("state", text(&|report| Some(report.state.as_str()))),
        ("superseded_by", text(&|report| report.superseded_by.as_deref())),
        ("reason", text(&|report| report.reason.as_deref())),
    ];
    let required = ["report", "hash", "file", "copies", "store", "state"];
    write_table(folder, columns, &required, &[(0, false), (4, false)], provenance)
}

/// Members of the archive that a report came in which are no reports; 0 where it came in none.
fn skipped_members(reports: &[&ReportEntry]) -> ArrayRef {
    let skipped = reports.iter().map(|report| {
        report.counts?;
        i64::try_from(report.member().map_or(0, |member| member.skipped)).ok()
    });
    Arc::new(skipped.collect::<Int64Array>())
}

/// Writes the table `coverage`.
///
/// # Errors
/// [`PartitionError`].
pub fn write_coverage(
    folder: &Path,
    rows: &[CoverageRow],
    provenance: &FileProvenance,
) -> std::result::Result<Vec<FileEntry>, PartitionError> {
    let text = |of: &dyn Fn(&CoverageRow) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let date = |of: fn(&CoverageRow) -> Option<Day>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| of(row).map(|day| day.0)).collect::<Date32Array>())
    };
    let n_reports = rows.iter().map(|row| i32::try_from(row.n_reports).ok());
    let columns = vec![
        ("store", text(&|row| Some(row.store.clone()))),
        ("feed", text(&|row| Some(row.feed.as_str().to_owned()))),
        ("territory", text(&|row| row.territory.clone())),
        ("period", text(&|row| Some(row.period.to_string()))),
        ("state", text(&|row| Some(row.state.as_str().to_owned()))),
        ("due_date", date(|row| row.due_date)),
        ("late_from", date(|row| row.late_from)),
        ("sender", text(&|row| row.sender.clone())),
        ("reports", Arc::new(n_reports.collect::<Int32Array>()) as ArrayRef),
        ("restated_by", text(&|row| row.restated_by.clone())),
        ("missing", text(&missing)),
    ];
    let required = ["store", "feed", "period", "state", "reports"];
    let sorted_by = [(0, false), (1, false), (2, false), (3, false)];
    write_table(folder, columns, &required, &sorted_by, provenance)
}

/// Territories that are missing where others are there.
fn missing(row: &CoverageRow) -> Option<String> {
    let codes: Vec<&str> = row.split.iter().flat_map(TerritorySplit::missing).collect();
    (!codes.is_empty()).then(|| codes.join("|"))
}

/// Writes a small table as one file. `sorted_by`: place of a column, and whether its nulls come first.
///
/// # Errors
/// [`PartitionError`].
pub fn write_table(
    folder: &Path,
    columns: Vec<(&str, ArrayRef)>,
    required: &[&str],
    sorted_by: &[(i32, bool)],
    provenance: &FileProvenance,
) -> std::result::Result<Vec<FileEntry>, PartitionError> {
    let rows = columns.first().map_or(0, |(_, column)| column.len()) as u64;
    let bytes = encode_table(columns, required, sorted_by, provenance)
        .map_err(PartitionError::parquet(folder))?;
    let blake3 = blake3::hash(&bytes).to_hex().to_string();
    let name = format!("part-0000-{}.parquet", &blake3[..16]);
    make_folder(folder)?;
    write_new(&folder.join(&name), &bytes)?;
    Ok(vec![FileEntry { name, rows, size_bytes: bytes.len() as u64, blake3 }])
}

fn encode_table(
    columns: Vec<(&str, ArrayRef)>,
    required: &[&str],
    sorted_by: &[(i32, bool)],
    provenance: &FileProvenance,
) -> Result<Vec<u8>> {
    let field = |(name, column): &(&str, ArrayRef)| {
        let data_type: DataType = column.data_type().clone();
        Field::new(*name, data_type, !required.contains(name))
    };
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    let sorting = |(column_idx, nulls_first): &(i32, bool)| SortingColumn {
        column_idx: *column_idx,
        descending: false,
        nulls_first: *nulls_first,
    };
    let properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_sorting_columns(Some(sorted_by.iter().map(sorting).collect()))
        .set_key_value_metadata(Some(provenance.entries()))
        .build();
    // Without Arrow's own schema in the footer, readers go by the standard's types alone.
    let options =
        ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema, options)?;
    writer.write(&batch)?;
    writer.into_inner().map_err(|error: ParquetError| error)
}
