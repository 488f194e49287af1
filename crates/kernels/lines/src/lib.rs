//! Cuts a block of delimited text into rows of cells, without copying or looking twice.
//!
//! Separators are found 64 bytes at a time: each byte is compared with the delimiter and the line feed,
//! the results become two bit masks, and the places of set bits are written eight at a time, needed or
//! not, since a loop that ends after six of them one time and after seven the next costs more than
//! two places too many. Lines are then put together from the places of their line feeds. Where cells may
//! be quoted, lines with a quote are handed on whole: only there can a quote change where a cell ends.

pub mod plain;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_mm512_castsi512_si128, _mm512_cvtepu8_epi32, _mm512_maskz_compress_epi8};

use fearless_simd::{Level, Simd, SimdBase as _, SimdMask as _, dispatch, u8x64};
#[cfg(target_arch = "x86_64")]
use fearless_simd::{SimdFrom as _, u32x16};

/// One line, cut into cells.
#[derive(Debug, Clone, Copy)]
pub struct LineRow<'a> {
    block: &'a [u8],
    /// Where each cell starts in `block`, and one past the end of the last cell's separator.
    starts: &'a [u32],
}

impl<'a> LineRow<'a> {
    /// Number of cells that the header promises; each is there.
    #[must_use]
    pub fn n_cells(&self) -> usize {
        self.starts.len() - 1
    }

    /// The raw bytes of a cell, untrimmed.
    #[must_use]
    #[inline]
    pub fn cell(&self, column: usize) -> &'a [u8] {
        self.span(column, column)
    }

    /// The raw bytes from the start of one cell to the end of another, tabs between them included.
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call takes longer than what it does")]
    #[inline(always)]
    pub fn span(&self, first: usize, last: usize) -> &'a [u8] {
        let text = &self.block[self.starts[first] as usize..self.starts[last + 1] as usize - 1];
        // A carriage return before the line feed is part of the line's end.
        if last + 2 == self.starts.len() { text.strip_suffix(b"\r").unwrap_or(text) } else { text }
    }

    /// The whole line, without its end.
    #[must_use]
    pub fn line(&self) -> &'a [u8] {
        self.span(0, self.n_cells() - 1)
    }
}

/// Rows that lie together: their cells are read column by column, so that the processor does one thing
/// at a time, for many rows at once.
#[derive(Debug, Clone, Copy)]
pub struct LineRows<'a> {
    block: &'a [u8],
    /// Where cells of the block start, all one after the other.
    starts: &'a [u32],
    n_columns: usize,
    places: &'a [RowPlace],
}

#[derive(Debug, Clone, Copy)]
struct RowPlace {
    /// Place of its first cell among the starts.
    first: u32,
    /// Which line of the block it is, from 0.
    line: u32,
}

impl<'a> LineRows<'a> {
    /// Number of rows, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is a row at least")]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Which line of the block a row is, from 0.
    #[must_use]
    pub fn line(&self, place: usize) -> u32 {
        self.places[place].line
    }

    /// The raw bytes of a cell, untrimmed.
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call takes longer than what it does")]
    #[inline(always)]
    pub fn cell(&self, place: usize, column: usize) -> &'a [u8] {
        self.row(place).cell(column)
    }

    /// The eight bytes that end with a cell, the last one uppermost, and the length of the cell. `None`
    /// for the last column, and where there are no eight bytes.
    #[must_use]
    #[inline]
    pub fn end_of_cell(&self, place: usize, column: usize) -> Option<(u64, usize)> {
        let first = self.places[place].first as usize;
        let starts = &self.starts[first..=first + self.n_columns];
        let (start, end) = (starts[column] as usize, starts[column + 1] as usize - 1);
        let bytes = self.block.get(end.checked_sub(8)?..end)?;
        let is_last = column + 1 == self.n_columns;
        (!is_last).then_some((u64::from_le_bytes(bytes.try_into().ok()?), end - start))
    }

    /// One row.
    #[must_use]
    #[inline]
    pub fn row(&self, place: usize) -> LineRow<'a> {
        let first = self.places[place].first as usize;
        LineRow { block: self.block, starts: &self.starts[first..=first + self.n_columns] }
    }
}

/// What lines turned out to be. Blank ones (nothing, or spaces only) are counted but are no rows.
#[derive(Debug, Clone, Copy)]
pub enum BlockLines<'a> {
    /// As many cells as the layout has.
    Rows(LineRows<'a>),
    /// One line with a quote in it, where cells may be quoted.
    Quoted {
        /// The whole line, without its end.
        text: &'a [u8],
        /// Which line of the block it is, from 0.
        line: u32,
    },
    /// One line with another number of cells.
    Uneven {
        /// The whole line, without its end.
        text: &'a [u8],
        /// How many cells it has.
        n_cells: usize,
        /// Which line of the block it is, from 0.
        line: u32,
    },
}

/// Most rows that are handed on together: what is known of them stays in the first-level cache.
const ROWS_MAX: usize = 128;

/// How lines are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineLayout {
    /// Cells of a row, at least 1.
    pub n_columns: usize,
    /// What is between two cells; no line feed.
    pub delimiter: u8,
    /// Whether cells may be quoted: lines with a `"` are not cut then.
    pub is_quoted: bool,
}

impl LineLayout {
    /// Cells between tabs, in which a quote is a character like others.
    #[must_use]
    pub fn tabs(n_columns: usize) -> Self {
        Self { n_columns, delimiter: b'\t', is_quoted: false }
    }
}

/// Cuts blocks of whole lines; keeps its memory from block to block.
#[derive(Debug)]
pub struct LineCutter {
    level: Level,
    layout: LineLayout,
    /// Where cells start: 0, then one past each separator.
    starts: Vec<u32>,
    /// How many of them are known.
    n_starts: usize,
    lines: BlockPlaces,
    rows: Vec<RowPlace>,
}

/// Lines of a block.
#[derive(Debug, Default)]
struct BlockPlaces {
    /// Places among the starts where lines start: 0, then that of each line feed.
    first_starts: Vec<u32>,
    /// Which lines have a quote, from 0, ascending.
    quoted: Vec<u32>,
}

impl LineCutter {
    /// A cutter for lines of this layout, with the instructions of this machine.
    #[must_use]
    pub fn new(layout: LineLayout) -> Self {
        Self::with_level(layout, Level::new())
    }

    /// The same with other instructions that the machine has.
    #[must_use]
    pub fn with_level(layout: LineLayout, level: Level) -> Self {
        let (lines, rows) = (BlockPlaces::default(), Vec::with_capacity(ROWS_MAX));
        Self { level, layout, starts: Vec::new(), n_starts: 0, lines, rows }
    }

    /// Calls `take` with the lines of the block, in order, and returns how many there are, and how many
    /// of them are blank. The block is under 4 GiB; its last line may lack its line feed. CRLF and LF end a
    /// line.
    ///
    /// # Panics
    /// If the block is larger.
    pub fn cut(&mut self, block: &[u8], mut take: impl FnMut(BlockLines<'_>)) -> (u32, u32) {
        self.find_starts(block);
        let Self { layout: LineLayout { n_columns, .. }, starts, n_starts, lines, rows, .. } = self;
        let starts = &starts[..*n_starts];
        let mut quoted = lines.quoted.iter().copied().peekable();
        let (mut number, mut n_blank) = (0, 0);
        rows.clear();
        for bounds in lines.first_starts.windows(2) {
            let (first, next) = (bounds[0], bounds[1]);
            let n_cells = (next - first) as usize;
            let row = LineRow { block, starts: &starts[first as usize..=next as usize] };
            let is_blank = n_cells == 1 && row.cell(0).trim_ascii().is_empty();
            let is_quoted = quoted.next_if_eq(&number).is_some();
            let is_even = n_cells == *n_columns && !is_quoted;
            if is_even && !is_blank {
                rows.push(RowPlace { first, line: number });
            }
            if rows.len() == ROWS_MAX || !is_even {
                if !rows.is_empty() {
                    let n_columns = *n_columns;
                    take(BlockLines::Rows(LineRows { block, starts, n_columns, places: rows }));
                    rows.clear();
                }
                if is_quoted {
                    take(BlockLines::Quoted { text: row.line(), line: number });
                } else if !is_even && !is_blank {
                    take(BlockLines::Uneven { text: row.line(), n_cells, line: number });
                }
            }
            number += 1;
            n_blank += u32::from(is_blank);
        }
        if !rows.is_empty() {
            take(BlockLines::Rows(LineRows { block, starts, n_columns: *n_columns, places: rows }));
        }
        (number, n_blank)
    }

    fn find_starts(&mut self, block: &[u8]) {
        let Self { level, layout, starts, lines, .. } = self;
        starts.resize(starts.len().max(1 << 10), 0);
        starts[0] = 0;
        lines.first_starts.clear();
        lines.first_starts.push(0);
        lines.quoted.clear();
        self.n_starts = find_starts_at(*level, *layout, block, starts, lines);
        let end = as_u32(block.len());
        let last_line =
            self.lines.first_starts.last().map_or(0, |first| self.starts[*first as usize]);
        if last_line < end {
            self.lines.first_starts.push(as_u32(self.n_starts));
            self.starts[self.n_starts] = end + 1;
            self.n_starts += 1;
        }
    }
}

impl BlockPlaces {
    /// Notes which lines have the quotes of a chunk, before its line feeds are counted.
    fn note_quotes(&mut self, mut quotes: u64, feeds: u64) {
        while quotes != 0 {
            let below = (quotes & quotes.wrapping_neg()) - 1;
            let line = as_u32(self.first_starts.len()) - 1 + (feeds & below).count_ones();
            if self.quoted.last() != Some(&line) {
                self.quoted.push(line);
            }
            quotes &= quotes - 1;
        }
    }
}

/// [`find_starts`] with some instructions.
fn find_starts_at(
    level: Level,
    layout: LineLayout,
    block: &[u8],
    starts: &mut Vec<u32>,
    lines: &mut BlockPlaces,
) -> usize {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx512) = level.as_avx512() {
        return avx512.vectorize(
            #[inline(always)]
            || find_starts((avx512, PlacesAtOnce(avx512)), layout, block, starts, lines),
        );
    }
    dispatch!(level, simd => find_starts((simd, PlacesByBit), layout, block, starts, lines))
}

/// A place in a block, which is under 4 GiB.
#[expect(clippy::expect_used, reason = "a larger block is a fault of the caller")]
fn as_u32(place: usize) -> u32 {
    u32::try_from(place).expect("a block of lines is under 4 GiB")
}

/// How the places of bits are written.
trait CellPlaces: Copy {
    /// Places that are written at once.
    const AT_ONCE: usize;

    /// Writes where the lowest bits of the mask are, after `offset`, and takes them out of it. Where
    /// there are fewer than there is room for, the rest is written with anything.
    fn write(self, mask: &mut u64, offset: u32, room: &mut [u32]);
}

/// One after the other.
#[derive(Clone, Copy)]
struct PlacesByBit;

impl CellPlaces for PlacesByBit {
    const AT_ONCE: usize = 8;

    #[expect(clippy::inline_always, reason = "compiled for several instruction sets")]
    #[inline(always)]
    fn write(self, mask: &mut u64, offset: u32, room: &mut [u32]) {
        for place in room {
            *place = offset.wrapping_add(mask.trailing_zeros());
            *mask &= mask.wrapping_sub(1);
        }
    }
}

/// With the instruction that moves the bytes of set bits together.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct PlacesAtOnce(fearless_simd::Avx512);

#[cfg(target_arch = "x86_64")]
impl CellPlaces for PlacesAtOnce {
    const AT_ONCE: usize = 16;

    #[expect(clippy::inline_always, reason = "compiled for several instruction sets")]
    #[inline(always)]
    fn write(self, mask: &mut u64, offset: u32, room: &mut [u32]) {
        room.copy_from_slice(&places_of_bits(self.0, *mask, offset));
        if mask.count_ones() <= 16 {
            *mask = 0;
        } else {
            // Sixteen cells in 64 bytes: rows are hardly ever like that.
            (0..16).for_each(|_| *mask &= mask.wrapping_sub(1));
        }
    }
}

#[cfg(target_arch = "x86_64")]
fearless_simd::kernel!(
    /// Where the lowest sixteen bits are, after `offset`.
    #[inline(always)]
    fn places_of_bits(avx512: Avx512, mask: u64, offset: u32) -> [u32; 16] {
        let bytes: [u8; 64] = std::array::from_fn(|n| n.to_le_bytes()[0]);
        let together = _mm512_maskz_compress_epi8(mask, u8x64::from_slice(avx512, &bytes).into());
        let places = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(together));
        *(u32x16::simd_from(avx512, places) + offset)
    }
);

/// Writes after the first of `starts` one past each separator, and to `lines` which of them follow a
/// line feed and which lines have a quote; returns how many starts there are. There is room for one more.
#[expect(clippy::inline_always, reason = "compiled for several instruction sets")]
#[inline(always)]
fn find_starts<S: Simd, P: CellPlaces>(
    (simd, places): (S, P),
    layout: LineLayout,
    block: &[u8],
    starts: &mut Vec<u32>,
    lines: &mut BlockPlaces,
) -> usize {
    let delimiter = u8x64::splat(simd, layout.delimiter);
    let mut n_starts = 1;
    let mut offset = 0;
    for chunk in block.chunks(64) {
        let mut padded = [0; 64];
        let chunk = <&[u8; 64]>::try_from(chunk).unwrap_or_else(|_| {
            padded[..chunk.len()].copy_from_slice(chunk);
            &padded
        });
        let bytes = u8x64::from_slice(simd, chunk);
        let mut feeds = bytes.simd_eq(u8x64::splat(simd, b'\n')).to_bitmask();
        let mut both = bytes.simd_eq(delimiter).to_bitmask() | feeds;
        if layout.is_quoted {
            let quotes = bytes.simd_eq(u8x64::splat(simd, b'"')).to_bitmask();
            if quotes != 0 {
                lines.note_quotes(quotes, feeds);
            }
        }
        // Room for each bit of a mask, and for what is written beyond.
        if starts.len() < n_starts + 64 + P::AT_ONCE {
            starts.resize(starts.len() * 2, 0);
        }
        while feeds != 0 {
            let below = (feeds & feeds.wrapping_neg()) - 1;
            let first = n_starts + (both & below).count_ones() as usize;
            lines.first_starts.push(as_u32(first));
            feeds &= feeds - 1;
        }
        let mut next = n_starts;
        n_starts += both.count_ones() as usize;
        while next < n_starts {
            places.write(&mut both, offset + 1, &mut starts[next..next + P::AT_ONCE]);
            next += P::AT_ONCE;
        }
        offset += 64;
    }
    n_starts
}
