//! A report that several readers read, each of some of its blocks.

use super::{BAD_ROWS_KEPT_MAX, TableReader, TableRowsKind};

impl TableReader<'_> {
    /// Whether other readers may read other blocks of the same report: its rows are plays or lines of a
    /// statement, and none depends on what came before it.
    #[must_use]
    pub fn can_fork(&self) -> bool {
        let text = &self.format.text;
        // A tail, totals and cells that span lines are read in order.
        let is_in_order =
            text.multiline || !text.end_at.is_empty() || !self.format.controls.is_empty();
        matches!(self.rows, TableRowsKind::Plays(_) | TableRowsKind::Sales(_)) && !is_in_order
    }

    /// Another reader for other blocks of the same report.
    #[must_use]
    pub fn fork(&self) -> Self {
        let bound = self.rows.fields().bound.clone();
        Self { n_head: 0, ..Self::new(self.format, bound, self.rows.context()) }
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
        match (&mut self.rows, other.rows) {
            (TableRowsKind::Plays(own), TableRowsKind::Plays(others)) => own.absorb(*others),
            (TableRowsKind::Sales(own), TableRowsKind::Sales(others)) => own.absorb(*others),
            _ => {}
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
