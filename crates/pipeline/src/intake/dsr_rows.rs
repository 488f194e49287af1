//! Records of a DSR report, read by several readers at a time where all that comes is blocks. What all readers
//! know is put together at the end, and is the same however many there are.

use streamledger_core::ingest::dsr::pieces::{
    end_of_block, has_blocks_only, last_block, next_block,
};
use streamledger_core::normalize::dsr::reader::{DsrReader, DsrReading};
use streamledger_core::normalize::sales_lot::SalesLot;

use crate::intake::shared_readers::{n_lines, read_pieces};

/// Bytes of text for each reader before all of them read.
const PIECE_BYTES: usize = 1 << 20;

/// The readers of a report.
#[derive(Debug)]
pub struct DsrRows<'a> {
    first: DsrReader<'a>,
    /// Those with the first, as soon as there are blocks for them.
    others: Vec<DsrReader<'a>>,
    n_readers_max: usize,
    piece_bytes: usize,
    part: ReportSection,
    /// Whole blocks and the beginning of another one that wait for the readers.
    waiting: Vec<u8>,
    /// Lines before those.
    n_lines: u64,
}

/// How far a report was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReportSection {
    /// Where its header and summary records are.
    Head,
    /// Where blocks are, and nothing else.
    Blocks,
    /// Behind another record of the whole report: the rest is read in order.
    Foot,
}

impl<'a> DsrRows<'a> {
    /// Readers of a report, at most as many.
    #[must_use]
    pub fn new(first: DsrReader<'a>, n_readers_max: usize) -> Self {
        let (others, waiting) = (Vec::new(), Vec::new());
        let (part, piece_bytes) = (ReportSection::Head, PIECE_BYTES);
        Self { first, others, n_readers_max, piece_bytes, part, waiting, n_lines: 0 }
    }

    /// The reader that stands for all of them.
    #[must_use]
    pub fn first(&self) -> &DsrReader<'a> {
        &self.first
    }

    /// Reads a block of whole lines.
    pub fn read_block(&mut self, block: &[u8]) {
        if self.n_readers_max == 1 {
            return self.first.read_block(block);
        }
        match (self.part, has_blocks_only(block)) {
            (ReportSection::Foot, _) | (ReportSection::Head, false) => self.read_first(block),
            (ReportSection::Head, true) => {
                let (rest, blocks) = block.split_at(end_of_block(block, self.first.block_id()));
                self.read_first(rest);
                if !blocks.is_empty() {
                    self.part = ReportSection::Blocks;
                    self.waiting.extend_from_slice(blocks);
                }
            }
            (ReportSection::Blocks, true) => {
                self.waiting.extend_from_slice(block);
                if self.piece_bytes * self.n_readers_max <= self.waiting.len() {
                    self.read_waiting();
                }
            }
            (ReportSection::Blocks, false) => {
                self.read_waiting();
                self.read_rest();
                self.read_first(block);
            }
        }
    }

    fn read_first(&mut self, block: &[u8]) {
        self.first.read_block(block);
        self.n_lines += n_lines(block);
    }

    /// Reads what waits in order, and all that comes.
    fn read_rest(&mut self) {
        self.part = ReportSection::Foot;
        self.first.skip_to(self.n_lines);
        let rest = std::mem::take(&mut self.waiting);
        self.read_first(&rest);
    }

    /// Reads the whole blocks that wait. Where no other thread is idle, the first reader reads all of them.
    fn read_waiting(&mut self) {
        let text = std::mem::take(&mut self.waiting);
        let (blocks, rest) = text.split_at(last_block(&text));
        let mut pieces = Vec::new();
        let mut start = 0;
        while start < blocks.len() {
            let line =
                memchr::memchr(b'\n', &blocks[(start + self.piece_bytes).min(blocks.len())..]);
            let end = line.map_or(blocks.len(), |feed| {
                next_block(blocks, start + self.piece_bytes + feed + 1)
            });
            pieces.push((self.n_lines, &blocks[start..end]));
            self.n_lines += n_lines(&blocks[start..end]);
            start = end;
        }
        while self.others.len() + 1 < pieces.len() {
            self.others.push(self.first.fork());
        }
        let readers = std::iter::once(&mut self.first).chain(&mut self.others).collect();
        read_pieces(readers, &pieces, |reader, (n_lines, piece)| {
            reader.skip_to(*n_lines);
            reader.read_block(piece);
        });
        self.waiting = rest.to_vec();
    }

    /// Memory of what was read, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let others = self.others.iter().map(DsrReader::size_bytes);
        self.waiting.len() + self.first.size_bytes() + others.sum::<usize>()
    }

    /// Takes the lines and pools that were read so far out of the readers, those of each apart.
    pub fn take_lots(&mut self) -> Vec<SalesLot> {
        let others = self.others.iter_mut().map(DsrReader::take_lot);
        std::iter::once(self.first.take_lot()).chain(others).collect()
    }

    /// Ends the records; what was read is still to be taken out.
    pub fn end(&mut self) {
        if self.part == ReportSection::Blocks {
            self.read_waiting();
            self.read_rest();
        }
    }

    /// What is known of the whole report, after all was taken out.
    #[must_use]
    pub fn finish(self) -> DsrReading {
        let Self { mut first, others, .. } = self;
        others.into_iter().for_each(|other| first.absorb(other));
        first.finish()
    }
}

#[cfg(test)]
mod tests;
