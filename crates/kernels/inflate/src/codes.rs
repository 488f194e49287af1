//! The codes of a block (RFC 1951, 3.2.5 to 3.2.7): which symbols there are and what they stand for.

use super::InflateError;
use super::entry::TableEntry;
use super::symbols::{END_OF_BLOCK, N_DISTANCE_SYMBOLS, N_LENGTH_SYMBOLS, N_LITERAL_SYMBOLS};
use super::table::{CodeGaps, DecodeTable, SymbolPairs};

/// The two codes of a block.
pub(super) struct BlockCodes {
    /// Literals, lengths and the end of the block. With 12 bits two literals of 6 bits share an
    /// entry; the 16 KiB that are in use stay in the first-level cache beside the window's part.
    pub(super) literal: DecodeTable<12, 8192>,
    /// Distances.
    pub(super) distance: DecodeTable<8, 1024>,
}

impl BlockCodes {
    pub(super) fn new() -> Self {
        Self { literal: DecodeTable::new(), distance: DecodeTable::new() }
    }

    /// The codes of a block that names none (RFC 1951, 3.2.6).
    pub(super) fn fixed() -> Self {
        let mut literal_lengths = [8; N_LITERAL_SYMBOLS];
        literal_lengths[144..256].fill(9);
        literal_lengths[256..280].fill(7);
        let mut codes = Self::new();
        // The fixed codes are complete, so there is no error to report.
        let _ = codes.fill(&literal_lengths, &[5; N_DISTANCE_SYMBOLS]);
        codes
    }

    /// Makes both tables from the code lengths of a block.
    ///
    /// # Errors
    /// Codes that are over-subscribed or incomplete, and no code for the end of the block.
    pub(super) fn fill(&mut self, literal: &[u8], distance: &[u8]) -> Result<(), InflateError> {
        if literal.get(END_OF_BLOCK).is_none_or(|&length| length == 0) {
            return Err(InflateError::NoEndOfBlock);
        }
        self.literal
            .fill(literal, &LITERAL_SYMBOLS, CodeGaps::OfOneSymbol, SymbolPairs::Joined)
            .ok_or(InflateError::LiteralCode)?;
        self.distance
            .fill(distance, &DISTANCE_SYMBOLS, CodeGaps::OfOneSymbol, SymbolPairs::Apart)
            .ok_or(InflateError::DistanceCode)
    }
}

/// The code in which the code lengths of a block are written.
pub(super) struct LengthCode(DecodeTable<7, 128>);

impl LengthCode {
    /// Makes the table.
    ///
    /// # Errors
    /// A code that is over-subscribed or incomplete.
    pub(super) fn new(lengths: &[u8; N_LENGTH_SYMBOLS]) -> Result<Self, InflateError> {
        let mut table = DecodeTable::new();
        table
            .fill(lengths, &LENGTH_SYMBOLS, CodeGaps::Rejected, SymbolPairs::Apart)
            .ok_or(InflateError::CodeLengthCode)?;
        Ok(Self(table))
    }

    /// The entry for the next bits; every one is a value.
    pub(super) fn look_up(&self, bits: u64) -> TableEntry {
        self.0.first(bits)
    }
}

/// Entries of literals, the end of the block and lengths, without their codes.
const LITERAL_SYMBOLS: [TableEntry; N_LITERAL_SYMBOLS] = {
    let mut symbols = [TableEntry::INVALID; N_LITERAL_SYMBOLS];
    let mut byte = 0_u8;
    loop {
        symbols[byte as usize] = TableEntry::literal(byte);
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    symbols[END_OF_BLOCK] = TableEntry::END;
    // Eight lengths without extra bits, then four each with one bit more; the longest, 258, has a
    // symbol of its own.
    let (mut index, mut length) = (0_u8, 3);
    while index < 28 {
        let n_extra_bits = if index < 8 { 0 } else { index / 4 - 1 };
        symbols[END_OF_BLOCK + 1 + index as usize] = TableEntry::length(length, n_extra_bits);
        length += 1 << n_extra_bits;
        index += 1;
    }
    symbols[285] = TableEntry::length(258, 0);
    // The fixed code has two symbols more, which stand for nothing.
    symbols[286] = TableEntry::NOTHING;
    symbols[287] = TableEntry::NOTHING;
    symbols
};

/// Entries of distances, without their codes.
const DISTANCE_SYMBOLS: [TableEntry; N_DISTANCE_SYMBOLS] = {
    // Two symbols each with one extra bit more; the last two stand for nothing.
    let mut symbols = [TableEntry::NOTHING; N_DISTANCE_SYMBOLS];
    let (mut symbol, mut distance) = (0_u8, 1_u16);
    while symbol < 30 {
        let n_extra_bits = if symbol < 4 { 0 } else { symbol / 2 - 1 };
        symbols[symbol as usize] = TableEntry::value(distance, n_extra_bits);
        distance = distance.wrapping_add(1 << n_extra_bits);
        symbol += 1;
    }
    symbols
};

/// Entries of the symbols of code lengths: the symbol itself and the bits of its repeat count.
const LENGTH_SYMBOLS: [TableEntry; N_LENGTH_SYMBOLS] = {
    let mut symbols = [TableEntry::INVALID; N_LENGTH_SYMBOLS];
    let mut symbol = 0_u16;
    while symbol < 19 {
        let n_extra_bits = match symbol {
            16 => 2,
            17 => 3,
            18 => 7,
            _ => 0,
        };
        symbols[symbol as usize] = TableEntry::value(symbol, n_extra_bits);
        symbol += 1;
    }
    symbols
};
