//! Look-up tables of prefix codes (RFC 1951, 3.2.2).
//!
//! The next bits of the stream are the index of an entry that says everything about a symbol: what
//! it stands for, how long its code is and how many extra bits follow. Codes that are longer than
//! the index have an entry that points at a further table behind the main one. Where a literal and
//! the literal or length behind it fit in the index of the main table they share an entry: most of
//! what is decoded in text are literals of four to six bits, and each look-up waits for the one
//! before.
//!
//! A table is filled by doubling: what has up to `n` bits fills the first 2^n entries, a copy of
//! which is the second half of the table for `n + 1` bits.

use super::bits::ones;
use super::entry::TableEntry;
use super::symbols::N_LITERAL_SYMBOLS;

/// Longest code, bits.
const CODE_BITS_MAX: usize = 15;

/// Whether a code may leave bit patterns unused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeGaps {
    /// Never.
    Rejected,
    /// Where it has one symbol, of one bit, or none at all.
    OfOneSymbol,
}

/// Whether a literal shares an entry with what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SymbolPairs {
    Joined,
    Apart,
}

/// The table of a code: `2^ROOT` entries for the next `ROOT` bits, then the further tables. `SIZE`
/// is a power of two, so that an index is cut to it in place of being checked.
///
/// A further table of 2^k entries has at least k + 1 symbols, and k is at most 15 - `ROOT`. So 288
/// literals and lengths need at most 288 * 8 / 4 entries beyond the 2^12, and 32 distances at most
/// 32 * 128 / 8 beyond the 2^8.
pub(super) struct DecodeTable<const ROOT: u32, const SIZE: usize> {
    entries: [TableEntry; SIZE],
}

impl<const ROOT: u32, const SIZE: usize> DecodeTable<ROOT, SIZE> {
    /// A table without codes.
    pub(super) fn new() -> Self {
        const { assert!(SIZE.is_power_of_two() && SIZE >= 1 << ROOT) };
        Self { entries: [TableEntry::INVALID; SIZE] }
    }

    /// The entry of the main table for the next bits.
    #[inline]
    pub(super) fn first(&self, bits: u64) -> TableEntry {
        self.entries[(bits & 0xffff) as usize & const { (1 << ROOT) - 1 } & (SIZE - 1)]
    }

    /// The entry of the further table that a special entry points at, or the entry itself if it
    /// points at none.
    #[inline]
    pub(super) fn further(&self, entry: TableEntry, bits: u64) -> TableEntry {
        if !entry.is_further() {
            return entry;
        }
        let index = bits >> ROOT & ones(entry.n_code_bits());
        self.entries[(usize::from(entry.literals()) + (index & 0xffff) as usize) & (SIZE - 1)]
    }

    /// The entry for the next bits, whichever table it is in.
    #[inline]
    pub(super) fn look_up(&self, bits: u64) -> TableEntry {
        let entry = self.first(bits);
        if entry.is_special() { self.further(entry, bits) } else { entry }
    }

    /// Makes the table of the code with these code lengths; `symbols` has an entry a symbol, without
    /// its code. `None` if there are more codes than bit patterns, or fewer where that is rejected.
    pub(super) fn fill(
        &mut self,
        lengths: &[u8],
        symbols: &[TableEntry],
        gaps: CodeGaps,
        pairs: SymbolPairs,
    ) -> Option<()> {
        let codes = SortedCodes::new(lengths, symbols, gaps)?;
        let seconds = if pairs == SymbolPairs::Joined { Some(codes.as_seconds()) } else { None };
        self.entries[0] = TableEntry::INVALID;
        for n_bits in 1..=ROOT {
            let half = 1 << (n_bits - 1);
            self.entries.copy_within(..half, half);
            for code in codes.of_length(n_bits) {
                self.entries[code.place()] = code.entry;
            }
            if let Some(seconds) = &seconds {
                self.join(&codes, seconds, n_bits);
            }
        }
        self.fill_further(codes.longer_than(ROOT));
        Some(())
    }

    /// Joins the literals with what follows them, where both have `n_bits` in all.
    fn join(&mut self, codes: &SortedCodes, seconds: &SortedCodes, n_bits: u32) {
        for n_first_bits in 1..n_bits {
            let seconds = seconds.of_length(n_bits - n_first_bits);
            let firsts = codes.of_length(n_first_bits).iter();
            for first in firsts.take_while(|first| first.entry.is_literal()) {
                for second in seconds {
                    let place = first.place() | second.place() << n_first_bits;
                    self.entries[place & ((1 << ROOT) - 1)] = first.entry.joined(second.entry);
                }
            }
        }
    }

    /// Makes the further tables for codes that are longer than `ROOT`, in their order.
    fn fill_further(&mut self, codes: &[HuffmanCode]) {
        let main = const { (1 << ROOT) - 1 };
        // The last code of those that begin alike is the longest one and sets the table's size.
        for code in codes {
            let n_index_bits = code.entry.n_code_bits() - ROOT;
            self.entries[code.place() & main] = TableEntry::further(0, n_index_bits);
        }
        let mut end = 1 << ROOT;
        for code in codes {
            let pointer = &mut self.entries[code.place() & main];
            let n_index_bits = pointer.n_code_bits();
            if pointer.literals() == 0 {
                *pointer = TableEntry::further(end, n_index_bits);
                end += 1 << n_index_bits;
            }
            let start = usize::from(pointer.literals());
            let stride = 1 << (code.entry.n_code_bits() - ROOT);
            for index in (code.place() >> ROOT..1 << n_index_bits).step_by(stride) {
                self.entries[start + index] = code.entry;
            }
        }
    }
}

/// A symbol and its code.
#[derive(Debug, Clone, Copy)]
struct HuffmanCode {
    entry: TableEntry,
    /// The code as the stream has it, its first bit lowest.
    place: u16,
}

impl HuffmanCode {
    #[inline]
    fn place(self) -> usize {
        usize::from(self.place)
    }
}

/// The symbols of a code in the order of their codes: by length, then by symbol.
struct SortedCodes {
    codes: [HuffmanCode; N_LITERAL_SYMBOLS],
    /// Where the codes of each length start; those of length n end where those of n + 1 start.
    starts: [usize; CODE_BITS_MAX + 2],
}

impl SortedCodes {
    /// `None` if there are more codes than bit patterns, or fewer where that is rejected.
    fn new(lengths: &[u8], symbols: &[TableEntry], gaps: CodeGaps) -> Option<Self> {
        let mut counts = [0_u16; CODE_BITS_MAX + 1];
        lengths.iter().for_each(|&length| counts[usize::from(length) & CODE_BITS_MAX] += 1);
        check_counts(&counts, gaps)?;

        let mut starts = [0; CODE_BITS_MAX + 2];
        let mut next_codes = [0_u16; CODE_BITS_MAX + 1];
        for length in 1..=CODE_BITS_MAX {
            starts[length + 1] = starts[length] + usize::from(counts[length]);
        }
        for length in 2..=CODE_BITS_MAX {
            next_codes[length] = (next_codes[length - 1] + counts[length - 1]) << 1;
        }
        let mut codes = [HuffmanCode { entry: TableEntry::INVALID, place: 0 }; N_LITERAL_SYMBOLS];
        let mut ends = starts;
        // What has no code goes behind what has one: to look which it is would be guessed wrong often.
        ends[0] = starts[CODE_BITS_MAX + 1];
        for (&length, &symbol) in lengths.iter().zip(symbols) {
            let (n_bits, length) = (u32::from(length & 15), usize::from(length) & CODE_BITS_MAX);
            let place = u32::from(next_codes[length].reverse_bits()) >> (16 - n_bits);
            let place = (place & 0xffff) as u16;
            codes[ends[length]] = HuffmanCode { entry: symbol.with_code_bits(n_bits), place };
            next_codes[length] += 1;
            ends[length] += 1;
        }
        Some(Self { codes, starts })
    }

    /// The literals and lengths as what follows a literal.
    fn as_seconds(&self) -> Self {
        let mut seconds = Self { codes: self.codes, starts: self.starts };
        let mut n_seconds = 0;
        for n_bits in 1..=CODE_BITS_MAX {
            seconds.starts[n_bits] = n_seconds;
            for code in &self.codes[self.starts[n_bits]..self.starts[n_bits + 1]] {
                seconds.codes[n_seconds] = HuffmanCode { entry: code.entry.as_second(), ..*code };
                // The end of the block follows no literal in an entry.
                n_seconds += usize::from(!code.entry.is_special());
            }
        }
        seconds.starts[CODE_BITS_MAX + 1] = n_seconds;
        seconds
    }

    fn of_length(&self, n_bits: u32) -> &[HuffmanCode] {
        &self.codes[self.starts[n_bits as usize]..self.starts[n_bits as usize + 1]]
    }

    fn longer_than(&self, n_bits: u32) -> &[HuffmanCode] {
        &self.codes[self.starts[n_bits as usize + 1]..self.starts[CODE_BITS_MAX + 1]]
    }
}

/// `None` if so many codes of each length cannot be, or leave gaps where there may be none.
fn check_counts(counts: &[u16; CODE_BITS_MAX + 1], gaps: CodeGaps) -> Option<()> {
    let mut n_free = 1_u16;
    for &n_codes in &counts[1..] {
        n_free = (2 * n_free).checked_sub(n_codes)?;
    }
    let has_one_bit_codes_only = counts[2..].iter().all(|&n_codes| n_codes == 0);
    (n_free == 0 || gaps == CodeGaps::OfOneSymbol && has_one_bit_codes_only).then_some(())
}
