//! A report that several readers read, each of some of its blocks.

use super::{DsrReader, DsrReading};
use crate::normalize::dsr::summary::DsrSummary;
use crate::normalize::table::reader::BAD_ROWS_KEPT_MAX;

impl DsrReader<'_> {
    /// Another reader for other blocks of the same report, none of which has a header, a summary record or a
    /// footer.
    #[must_use]
    pub fn fork(&self) -> Self {
        let summaries = self.summaries.iter().map(|(id, summary)| {
            (id.clone(), DsrSummary { units: 0, n_lost: 0, ..summary.clone() })
        });
        Self {
            summaries: summaries.collect(),
            reading: DsrReading::default(),
            ..Self::new(self.head.clone(), self.store, self.territories)
        }
    }

    /// The id of the block that was read last.
    #[must_use]
    pub fn block_id(&self) -> &[u8] {
        self.block.id()
    }

    /// Reads on behind so many lines of the report that others have read, with the first record of a block.
    pub fn skip_to(&mut self, n_lines: u64) {
        self.n_lines = n_lines;
        self.block.end();
    }

    /// Adds what another reader of the same report knows, whose lines were taken out.
    pub fn absorb(&mut self, other: Self) {
        for (id, summary) in other.summaries {
            if let Some(own) = self.summaries.get_mut(&id) {
                own.units += summary.units;
                own.n_lost += summary.n_lost;
            }
        }
        self.n_blocks += other.n_blocks;
        let (own, other) = (&mut self.reading, other.reading);
        own.counts.add(&other.counts);
        own.lines.descriptions += other.lines.descriptions;
        own.lines.blank += other.lines.blank;
        own.lines.head += other.lines.head;
        own.bad_rows.extend(other.bad_rows);
        own.bad_rows.sort_by_key(|bad| bad.row);
        own.bad_rows.truncate(BAD_ROWS_KEPT_MAX);
        own.unmapped.add(other.unmapped);
        for (month, n_rows) in other.lot_rows {
            *own.lot_rows.entry(month).or_default() += n_rows;
        }
        for (month, note) in other.notes {
            own.notes.entry(month).or_default().add(&note);
        }
    }
}
