//! When each report first came under each of its names. The log lies next to the archive, since it cannot
//! be made again: the table `deliveries` shows it, and no other table depends on it.

use crate::disk::reading::{if_there, read_text};
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::disk::durable::{DiskError, IoContext as _, rename, write_new};
use crate::layout::error::WarehouseError;
use crate::layout::ledger::ReportEntry;
use crate::layout::warehouse_layout::WarehouseLayout;

/// A report under one of its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryEntry {
    /// Id of the report, 64 hex digits.
    pub report: String,
    /// Path in the inbox.
    pub file: String,
    /// Start of the run that found it, ISO 8601 UTC.
    pub first_seen: String,
    /// Name of that run's record.
    pub run: String,
    /// Number of the snapshot that the run was to publish.
    pub snapshot: i64,
}

/// All deliveries, by report and file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryLog {
    entries: BTreeMap<(String, String), DeliveryEntry>,
}

/// The run that finds new deliveries.
#[derive(Debug, Clone, Copy)]
pub struct FoundBy<'a> {
    /// When it started, ISO 8601 UTC.
    pub started: &'a str,
    /// Name of its record.
    pub run: &'a str,
    /// Number of the snapshot that it is to publish.
    pub snapshot: i64,
}

impl DeliveryLog {
    /// Reads the log; there is none before the first report.
    ///
    /// # Errors
    /// [`WarehouseError::Damaged`] if a line is no delivery.
    pub fn read(places: &WarehouseLayout) -> Result<Self, WarehouseError> {
        let path = places.internal(NAME);
        let text = if_there(read_text(&path))?.unwrap_or_default();
        let mut log = Self::default();
        for (line, number) in text.lines().zip(1_u64..) {
            let entry: DeliveryEntry =
                serde_json::from_str(line).map_err(|error| WarehouseError::Damaged {
                    path: path.clone(),
                    message: format!(
                        "line {number} is no delivery: {error}; put the file back from a backup, or \
                         remove it: all reports then count as first seen by the next run"
                    ),
                })?;
            log.entries.insert((entry.report.clone(), entry.file.clone()), entry);
        }
        Ok(log)
    }

    /// Adds the names under which reports came and that are not in the log yet; returns whether there
    /// were any.
    pub fn add_new<'r>(
        &mut self,
        reports: impl Iterator<Item = &'r ReportEntry>,
        found_by: FoundBy<'_>,
    ) -> bool {
        let n_before = self.entries.len();
        for report in reports {
            for file in &report.files {
                let key = (report.id.clone(), file.clone());
                self.entries.entry(key).or_insert_with(|| DeliveryEntry {
                    report: report.id.clone(),
                    file: file.clone(),
                    first_seen: found_by.started.to_owned(),
                    run: found_by.run.to_owned(),
                    snapshot: found_by.snapshot,
                });
            }
        }
        n_before != self.entries.len()
    }

    /// Writes the log in one step.
    ///
    /// # Errors
    /// [`DiskError`]; the previous log is still there then.
    pub fn write(&self, places: &WarehouseLayout) -> Result<(), DiskError> {
        let path = places.internal(NAME);
        let new = places.internal("staging").join(NAME);
        let mut bytes = Vec::new();
        for entry in self.entries.values() {
            serde_json::to_writer(&mut bytes, entry)
                .map_err(std::io::Error::other)
                .at("write", &new)?;
            bytes.push(b'\n');
        }
        write_new(&new, &bytes)?;
        rename(&new, &path)
    }

    /// The delivery of a report under a name.
    #[must_use]
    pub fn get(&self, report: &str, file: &str) -> Option<&DeliveryEntry> {
        self.entries.get(&(report.to_owned(), file.to_owned()))
    }
}

/// Name of the file.
const NAME: &str = "deliveries.jsonl";
