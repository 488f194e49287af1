//! Rows of a plain table, read by several readers at a time where no row depends on another one. Each reader
//! goes on with every n-th piece of the text and keeps what it has learnt; what all of them know is put
//! together at the end, and is the same however many there are.

use rayon::prelude::*;
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_core::normalize::table::reader::{TableReader, TableReading};
use streamledger_core::normalize::values::numbers::MarksSeen;
use streamledger_core::numbers::exact;

/// Bytes of the piece that a reader takes at a time: enough that handing it over costs nothing.
const PIECE_BYTES: usize = 1 << 20;

/// The readers of a report.
#[derive(Debug)]
pub struct TableRows<'a> {
    first: TableReader<'a>,
    /// Those beside the first.
    others: Vec<TableReader<'a>>,
    /// Whole lines for each reader, until all of them have some.
    pieces: Vec<Vec<u8>>,
    /// Lines before the pieces.
    n_lines: u32,
}

impl<'a> TableRows<'a> {
    /// Readers of a report; as many as are asked for if its rows can be read in any order, else one.
    #[must_use]
    pub fn new(first: TableReader<'a>, n_readers: usize) -> Self {
        let others = (1..n_readers).map_while(|_| first.fork()).collect();
        Self { first, others, pieces: Vec::new(), n_lines: 0 }
    }

    /// Reads a block of whole lines.
    pub fn read_block(&mut self, block: &[u8]) {
        if self.others.is_empty() {
            return self.first.read_block(block);
        }
        if let Some(piece) = self.pieces.last_mut()
            && piece.len() < PIECE_BYTES
        {
            return piece.extend_from_slice(block);
        }
        if self.others.len() < self.pieces.len() {
            self.read_pieces();
        }
        self.pieces.push(block.to_vec());
    }

    /// Reads what was gathered.
    fn read_pieces(&mut self) {
        let mut starts = Vec::new();
        for piece in &self.pieces {
            starts.push(self.n_lines);
            let n_ends = memchr::memchr_iter(b'\n', piece).count();
            let has_rest = !piece.is_empty() && !piece.ends_with(b"\n");
            self.n_lines += exact::<u32>(n_ends) + u32::from(has_rest);
        }
        let readers: Vec<&mut TableReader<'a>> =
            std::iter::once(&mut self.first).chain(&mut self.others).collect();
        readers
            .into_par_iter()
            .zip(&self.pieces)
            .zip(starts)
            .with_max_len(1)
            .for_each(|((reader, piece), start)| reader.read_block_behind(start, piece));
        self.pieces.clear();
    }

    /// The reader that stands for all of them.
    #[must_use]
    pub fn first(&self) -> &TableReader<'a> {
        &self.first
    }

    /// The same, to take plays out of it: those are read by one reader alone.
    pub fn first_mut(&mut self) -> &mut TableReader<'a> {
        &mut self.first
    }

    /// Memory of what was read, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let others = self.others.iter().map(TableReader::size_bytes);
        self.first.size_bytes() + others.sum::<usize>()
    }

    /// Takes the lines that were read so far out of the readers.
    pub fn take_lots(&mut self) -> Vec<SalesLot> {
        self.read_pieces();
        let others = self.others.iter_mut().map(TableReader::take_lot);
        std::iter::once(self.first.take_lot()).chain(others).collect()
    }

    /// What the numbers that were read say of the decimal mark of the report.
    #[must_use]
    pub fn marks(&self) -> MarksSeen {
        let mut marks = self.first.marks();
        self.others.iter().for_each(|other| marks.add(other.marks()));
        marks
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
