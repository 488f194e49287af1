//! Rows of a plain table, read by several readers at a time where no row depends on another one. A reader takes
//! whichever piece of the text comes next and keeps what it has learnt; what all of them know is put together
//! at the end, and is the same however many there are.

use streamledger_core::model::day::Day;
use streamledger_core::model::play::ReportPlays;
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_core::normalize::table::reader::{TableReader, TableReading};
use streamledger_core::normalize::values::numbers::MarksSeen;
use streamledger_core::numbers::exact;

use crate::intake::shared_readers::{n_lines, read_pieces};

/// Bytes of the piece that a reader takes at a time: enough that handing it over costs nothing.
const PIECE_BYTES: usize = 1 << 20;

/// The readers of a report.
#[derive(Debug)]
pub struct TableRows<'a> {
    first: TableReader<'a>,
    /// Those with the first, as soon as there are pieces for them.
    others: Vec<TableReader<'a>>,
    n_readers_max: usize,
    /// Whole lines, until there are as many pieces as readers may be.
    pieces: Vec<Vec<u8>>,
    /// Lines before the pieces.
    n_lines: u32,
}

impl<'a> TableRows<'a> {
    /// Readers of a report; at most as many if its rows can be read in any order, else one.
    #[must_use]
    pub fn new(first: TableReader<'a>, n_readers_max: usize) -> Self {
        let n_readers_max = if first.can_fork() { n_readers_max } else { 1 };
        Self { first, others: Vec::new(), n_readers_max, pieces: Vec::new(), n_lines: 0 }
    }

    /// Reads a block of whole lines.
    pub fn read_block(&mut self, block: &[u8]) {
        if self.n_readers_max == 1 {
            return self.first.read_block(block);
        }
        if let Some(piece) = self.pieces.last_mut()
            && piece.len() < PIECE_BYTES
        {
            return piece.extend_from_slice(block);
        }
        if self.pieces.len() == self.n_readers_max {
            self.read_pieces();
        }
        self.pieces.push(block.to_vec());
    }

    /// Reads what was gathered.
    fn read_pieces(&mut self) {
        let mut pieces = Vec::new();
        for piece in std::mem::take(&mut self.pieces) {
            let n_lines = exact::<u32>(n_lines(&piece));
            pieces.push((self.n_lines, piece));
            self.n_lines += n_lines;
        }
        while self.others.len() + 1 < pieces.len() {
            self.others.push(self.first.fork());
        }
        let readers = std::iter::once(&mut self.first).chain(&mut self.others).collect();
        read_pieces(readers, &pieces, |reader, (n_lines, piece)| {
            reader.read_block_behind(*n_lines, piece);
        });
    }

    /// What the numbers that were read say of the decimal mark of the report.
    #[must_use]
    pub fn marks(&self) -> MarksSeen {
        let mut marks = self.first.marks();
        self.others.iter().for_each(|other| marks.add(other.marks()));
        marks
    }

    /// Memory of what was read, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let others = self.others.iter().map(TableReader::size_bytes);
        self.first.size_bytes() + others.sum::<usize>()
    }

    /// Takes the plays that were read so far out of the readers, those of each apart.
    pub fn take_plays(&mut self) -> Vec<(Day, ReportPlays)> {
        self.read_pieces();
        let others = self.others.iter_mut().flat_map(TableReader::take_pieces);
        self.first.take_pieces().into_iter().chain(others).collect()
    }

    /// Takes the lines that were read so far out of the readers, those of each apart.
    pub fn take_lots(&mut self) -> Vec<SalesLot> {
        self.read_pieces();
        let others = self.others.iter_mut().map(TableReader::take_lot);
        std::iter::once(self.first.take_lot()).chain(others).collect()
    }

    /// Ends the rows; what was read is still to be taken out.
    pub fn end(&mut self) {
        self.read_pieces();
        self.first.end();
    }

    /// What is known of the whole report, after all was taken out.
    #[must_use]
    pub fn finish(self) -> TableReading {
        let Self { mut first, others, .. } = self;
        others.into_iter().for_each(|other| first.absorb(other));
        first.finish()
    }
}
