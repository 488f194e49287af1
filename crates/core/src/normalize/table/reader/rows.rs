//! Rows of a plain table: which lines are some, and who reads them.

use crate::ingest::table::records::CutLines;
use crate::ingest::table::rows::{RecordRows, TableRecord};
use crate::normalize::rejected_row::RejectCode;
use crate::normalize::table::fields::RowRejection;
use crate::normalize::table::reader::{TableReader, TableRowsKind};

impl TableReader<'_> {
    /// Takes what lines turned out to be.
    pub(super) fn take(&mut self, cut: CutLines<'_>) {
        match cut {
            CutLines::Rows(rows) if self.are_data(&rows) => self.take_data(&rows),
            CutLines::Rows(rows) => {
                (0..rows.len()).for_each(|place| self.take_record(rows.record(place)));
            }
            CutLines::Broken { text, row, fault } => {
                self.last_row = row;
                self.with_fault_row(row, |reader| reader.take_broken(text, row, fault));
            }
        }
    }

    /// Does something with a row that may break the report.
    pub(super) fn with_fault_row<T>(&mut self, row: u32, act: impl FnOnce(&mut Self) -> T) -> T {
        let had_fault = self.fault.is_some();
        let done = act(self);
        if !had_fault {
            self.fault_row = row;
        }
        done
    }

    /// Whether rows are neither of the tail nor passed over, and no header can be read as one of them.
    fn are_data(&self, rows: &RecordRows<'_>) -> bool {
        let is_data = |record: &TableRecord<'_>| {
            !self.is_tail(record)
                && !self.fields().is_skipped(record)
                && !self.headers.must_look_at(record)
        };
        let looks_at_rows = self.is_in_tail
            || !self.end_at.is_empty()
            || !self.format.skip.is_empty()
            || self.headers.looks_at_all();
        match rows {
            RecordRows::Lines { .. } if !looks_at_rows => true,
            RecordRows::Lines { .. } => (0..rows.len()).all(|place| is_data(&rows.record(place))),
            RecordRows::One(_) => false,
        }
    }

    /// Takes a line that may be no data.
    fn take_record(&mut self, record: TableRecord<'_>) {
        self.open_quote = None;
        self.last_row = record.row;
        if self.is_tail(&record) {
            return self.with_fault_row(record.row, |reader| reader.take_tail(&record));
        }
        if self.fields().is_skipped(&record) {
            self.n_skipped += u64::from(!self.is_repeated_header(&record));
            return;
        }
        if self.headers.must_look_at(&record) && self.is_repeated_header(&record) {
            return;
        }
        self.take_data(&RecordRows::One(record));
    }

    /// Takes rows in.
    fn take_data(&mut self, rows: &RecordRows<'_>) {
        self.open_quote = None;
        self.last_row = rows.row(rows.len() - 1);
        let mut rejected = std::mem::take(&mut self.rejected);
        self.read_rows(rows, &mut rejected);
        // No header can be read as a row, so that only what cannot be read is looked at.
        rejected.retain_mut(|(place, rejection)| {
            let record = rows.record(*place);
            let is_header = self.is_repeated_header(&record);
            if !is_header {
                self.reject(&record, rejection);
            }
            is_header
        });
        if !self.format.controls.is_empty() {
            let mut headers = rejected.iter().map(|(place, _)| *place).peekable();
            for place in 0..rows.len() {
                if headers.next_if_eq(&place).is_none() {
                    self.add_to_controls(&rows.record(place));
                }
            }
        }
        self.counts.rows += (rows.len() - rejected.len()) as u64;
        rejected.clear();
        self.rejected = rejected;
    }

    /// Adds a row, rejected or not, to what the control numbers are checked against.
    fn add_to_controls(&mut self, record: &TableRecord<'_>) {
        if record.n_cells() == self.n_columns || self.format.text.ragged {
            self.controls.add(self.rows.fields(), record);
        } else {
            self.controls.add_unreadable();
        }
    }

    /// Reads rows; `rejected` gets the places of those that cannot be read, ascending, and why.
    fn read_rows(&mut self, rows: &RecordRows<'_>, rejected: &mut Vec<(usize, RowRejection)>) {
        if let RecordRows::One(record) = rows
            && record.n_cells() != self.n_columns
            && !self.format.text.ragged
        {
            let n_cells = record.n_cells();
            let is_cut = !record.has_line_end && n_cells < self.n_columns;
            let rejection = RowRejection {
                column: None,
                reject_code: if is_cut { RejectCode::CutLine } else { RejectCode::ColumnCount },
                detail: format!("expected {} cells, found {n_cells}", self.n_columns),
            };
            return rejected.push((0, rejection));
        }
        let counts = &mut self.counts;
        let mut reject = |place, rejection| rejected.push((place, rejection));
        match &mut self.rows {
            TableRowsKind::Plays(reader) => reader.read(rows, counts, reject),
            TableRowsKind::Sales(reader) => reader.read(rows, counts, reject),
            TableRowsKind::Figures(reader) => (0..rows.len()).for_each(|place| {
                let read = reader.read(&rows.record(place), counts);
                read.unwrap_or_else(|rejection| reject(place, rejection));
            }),
            TableRowsKind::Reference(reader) => (0..rows.len()).for_each(|place| {
                let read = reader.read(&rows.record(place), counts);
                read.unwrap_or_else(|rejection| reject(place, rejection));
            }),
        }
    }
}
