//! Rows of a plain table, cut into cells.

use streamledger_lines::{LineRow, LineRows};

/// One row, cut into cells.
#[derive(Debug, Clone, Copy)]
pub struct TableRecord<'a> {
    cells: RowCells<'a>,
    /// Line of the report on which it ends, from 1 for the first after the header.
    pub row: u32,
    /// Whether a line end follows, which only the last line of a report may lack.
    pub has_line_end: bool,
}

/// Where the cells of a row are.
#[derive(Debug, Clone, Copy)]
enum RowCells<'a> {
    /// Where each starts and ends in a text.
    Spans { text: &'a [u8], cells: &'a [(u32, u32)] },
    /// In a line without quotes.
    Line(LineRow<'a>),
}

impl<'a> TableRecord<'a> {
    /// A row of which each cell starts and ends somewhere in a text.
    pub(super) fn new(
        text: &'a [u8],
        cells: &'a [(u32, u32)],
        row: u32,
        has_line_end: bool,
    ) -> Self {
        Self { cells: RowCells::Spans { text, cells }, row, has_line_end }
    }

    /// Number of cells.
    #[must_use]
    pub fn n_cells(&self) -> usize {
        match self.cells {
            RowCells::Spans { cells, .. } => cells.len(),
            RowCells::Line(line) => line.n_cells(),
        }
    }

    /// The bytes of a cell, empty where the row has none.
    #[must_use]
    #[inline]
    pub fn cell(&self, place: usize) -> &'a [u8] {
        match self.cells {
            RowCells::Spans { text, cells } => {
                cells.get(place).map_or(b"", |(start, end)| &text[*start as usize..*end as usize])
            }
            RowCells::Line(line) if place < line.n_cells() => line.cell(place),
            RowCells::Line(_) => b"",
        }
    }

    /// All cells in order.
    pub fn all(&self) -> impl Iterator<Item = &'a [u8]> + Clone {
        (0..self.n_cells()).map(|place| self.cell(place))
    }
}

/// Rows that are handed on together, at least one.
#[derive(Debug, Clone, Copy)]
pub enum RecordRows<'a> {
    /// Lines without quotes, with as many cells as the header has.
    Lines {
        /// The lines of a block.
        rows: LineRows<'a>,
        /// Lines of the report before the block.
        before: u32,
    },
    /// A row by itself.
    One(TableRecord<'a>),
}

impl<'a> RecordRows<'a> {
    /// Number of rows, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is a row at least")]
    pub fn len(&self) -> usize {
        match self {
            Self::Lines { rows, .. } => rows.len(),
            Self::One(_) => 1,
        }
    }

    /// Line of the report on which a row ends, from 1 for the first after the header.
    #[must_use]
    #[inline]
    pub fn row(&self, place: usize) -> u32 {
        match self {
            Self::Lines { rows, before } => before + rows.line(place) + 1,
            Self::One(record) => record.row,
        }
    }

    /// The bytes of a cell, empty where the row has none.
    #[must_use]
    #[inline]
    pub fn cell(&self, place: usize, column: usize) -> &'a [u8] {
        match self {
            Self::Lines { rows, .. } => rows.cell(place, column),
            Self::One(record) => record.cell(column),
        }
    }

    /// The eight bytes that end with a cell, the last one uppermost, and the length of the cell; `None` where
    /// they are not at hand.
    #[must_use]
    #[inline]
    pub fn end_of_cell(&self, place: usize, column: usize) -> Option<(u64, usize)> {
        match self {
            Self::Lines { rows, .. } => rows.end_of_cell(place, column),
            Self::One(_) => None,
        }
    }

    /// One row.
    #[must_use]
    pub fn record(&self, place: usize) -> TableRecord<'a> {
        match self {
            Self::Lines { rows, .. } => TableRecord {
                cells: RowCells::Line(rows.row(place)),
                row: self.row(place),
                has_line_end: true,
            },
            Self::One(record) => *record,
        }
    }
}
