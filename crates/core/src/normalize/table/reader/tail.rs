//! Lines behind the rows of a plain table.

use crate::ingest::table::head::{cell_text, normal_name};
use crate::ingest::table::rows::TableRecord;
use crate::normalize::table::reader::TableReader;

impl TableReader<'_> {
    /// A line behind the rows.
    pub(super) fn take_tail(&mut self, record: &TableRecord<'_>) {
        self.n_tail += 1;
        let cells: Vec<String> = record.all().map(|cell| cell_text(cell, self.format)).collect();
        if self.fault.is_none() {
            self.fault = self.headers.fault_of_tail(&cells, record.row);
        }
        self.is_in_tail = true;
        self.controls.read_line(&cells);
    }

    /// Whether the rows have ended with this line or before.
    pub(super) fn is_tail(&self, record: &TableRecord<'_>) -> bool {
        self.is_in_tail
            || (!self.end_at.is_empty() && {
                let first = normal_name(&String::from_utf8_lossy(record.cell(0)));
                self.end_at.contains(&first)
            })
    }
}
