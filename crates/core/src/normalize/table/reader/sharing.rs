//! A report that several readers read, each of some of its blocks.

use super::{BAD_ROWS_KEPT_MAX, TableContext, TableReader, TableRowsKind};

impl TableReader<'_> {
    /// Another reader for other blocks of the same report; `None` where a row depends on what came before it,
    /// or is not a line of a statement.
    #[must_use]
    pub fn fork(&self) -> Option<Self> {
        let TableRowsKind::Sales(sales) = &self.rows else {
            return None;
        };
        let text = &self.format.text;
        // A tail, totals and cells that span lines are read in order.
        if text.multiline || !text.end_at.is_empty() || !self.format.controls.is_empty() {
            return None;
        }
        let bound = sales.fields().bound.clone();
        let fork = Self::new(self.format, bound, TableContext::Sales(sales.context()));
        Some(Self { n_head: 0, ..fork })
    }

    /// Reads a block of whole lines before which there are so many others in the report.
    pub fn read_block_behind(&mut self, n_lines: u32, block: &[u8]) {
        self.cutter.skip_to(n_lines);
        self.read_block(block);
    }

    /// Adds what another reader of the same report knows, whose lines were taken out.
    pub fn absorb(&mut self, other: Self) {
        self.cutter.absorb(&other.cutter);
        self.counts.add(&other.counts);
        self.n_skipped += other.n_skipped;
        if let (TableRowsKind::Sales(own), TableRowsKind::Sales(others)) =
            (&mut self.rows, other.rows)
        {
            own.absorb(*others);
        }
        // The first fault of the report, and what its last line is.
        if other.fault.is_some() && (self.fault.is_none() || other.fault_row < self.fault_row) {
            (self.fault, self.fault_row) = (other.fault, other.fault_row);
        }
        if self.last_row < other.last_row {
            (self.last_row, self.open_quote) = (other.last_row, other.open_quote);
        }
        self.bad_rows.extend(other.bad_rows);
        self.bad_rows.sort_by_key(|bad| bad.row);
        self.bad_rows.truncate(BAD_ROWS_KEPT_MAX);
        for (month, n_rows) in other.lot_rows {
            *self.lot_rows.entry(month).or_default() += n_rows;
        }
        for (month, note) in other.notes {
            self.notes.entry(month).or_default().add(&note);
        }
    }
}
