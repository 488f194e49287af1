//! Headers among the rows of a plain table, and rows among the lines of its tail: what a report that was
//! put together from several holds.

use crate::ingest::header_names::{HeaderLine, HeaderNames};
use crate::ingest::table::format::{FormatField, TableFormat};
use crate::ingest::table::head::BoundFormat;
use crate::ingest::table::quotes::without_quotes;
use crate::ingest::table::rows::TableRecord;
use crate::normalize::counts::RowCounts;
use crate::normalize::rejected_row::{ReportFault, ReportRejectCode};

/// Fields in whose columns a name of a column is never read as a value: a header in the place of a row
/// is no row.
const TELLING: [FormatField; 5] = [
    FormatField::Date,
    FormatField::UsageFrom,
    FormatField::Units,
    FormatField::Plays,
    FormatField::Rate,
];

/// Whether a line is passed over since it repeats the header. Another header breaks the report; `row` is
/// `None` beyond the lines that have a number, for which the report is rejected anyway.
pub(crate) fn is_repeated(
    line: HeaderLine,
    row: Option<u32>,
    counts: &mut RowCounts,
    fault: &mut Option<ReportFault>,
) -> bool {
    match (line, row) {
        (HeaderLine::Same, _) => counts.repeated_headers += 1,
        (HeaderLine::Other, Some(row)) if fault.is_none() => {
            *fault = Some(ReportFault::second_header(row));
        }
        (HeaderLine::No | HeaderLine::Other, _) => {}
    }
    line == HeaderLine::Same
}

/// The header of a report, known again.
#[derive(Debug)]
pub(crate) struct TableHeaders {
    /// `None` where a row names its columns itself.
    names: Option<HeaderNames>,
    /// The names as the report writes them.
    written: Vec<String>,
    delimiter: u8,
    /// Lines before the header hold what is said of all rows.
    has_preamble: bool,
    /// A header could be read as a row, so that each row is looked at.
    looks_at_all: bool,
    /// More cells than the header has are passed over, so that they are looked at here.
    is_ragged: bool,
    /// For each field that a report must have: its columns.
    needed: Vec<Vec<usize>>,
}

impl TableHeaders {
    pub(crate) fn new(format: &TableFormat, bound: &BoundFormat) -> Self {
        let of_format = format.fields.values().flat_map(|source| &source.header);
        let needed = format.fields.iter().filter(|(_, source)| source.needed);
        let needed = needed.filter_map(|(field, _)| bound.columns.get(field).cloned());
        Self {
            names: bound.header_line.map(|_| HeaderNames::new(&bound.names, of_format)),
            written: bound.names.clone(),
            delimiter: format.text.delimiter.byte().unwrap_or(b'\t'),
            has_preamble: bound.header_line.is_some_and(|line| line != 0),
            looks_at_all: !TELLING.iter().any(|field| bound.columns.contains_key(field)),
            is_ragged: format.text.ragged,
            needed: needed.collect(),
        }
    }

    /// The names of the header; `None` where there is none.
    pub(crate) fn names(&self) -> Option<&[String]> {
        self.names.as_ref().map(|_| self.written.as_slice())
    }

    /// Whether each row must be looked at before it is read.
    pub(crate) fn looks_at_all(&self) -> bool {
        self.looks_at_all
    }

    /// Whether a row must be looked at before it is read, since it could be read.
    pub(crate) fn must_look_at(&self, record: &TableRecord<'_>) -> bool {
        self.looks_at_all || self.is_ragged && self.written.len() < record.n_cells()
    }

    /// Whether a line is a header. What stands before the header holds for the rows behind it, so that
    /// where something does, the same header once more is another one.
    pub(crate) fn look_at(&self, cells: impl Iterator<Item = String>) -> HeaderLine {
        match self.names.as_ref().map_or(HeaderLine::No, |names| names.look_at(cells)) {
            HeaderLine::Same if self.has_preamble => HeaderLine::Other,
            line => line,
        }
    }

    /// Whether a line whose quotes do not fit is a header nevertheless.
    pub(crate) fn is_broken_header(&self, line: &[u8]) -> bool {
        let cells = without_quotes(line, self.delimiter);
        self.look_at(cells.map(|cell| String::from_utf8_lossy(cell).into_owned())) != HeaderLine::No
    }

    /// What is wrong with a line behind the rows: it is the header of other rows, or a row.
    pub(crate) fn fault_of_tail(&self, cells: &[String], row: u32) -> Option<ReportFault> {
        // A summary has some columns of the same names.
        if self.names.as_ref()?.are_most(cells) {
            return Some(ReportFault::second_header(row));
        }
        let is_filled =
            |columns: &Vec<usize>| columns.iter().any(|column| !cells[*column].trim().is_empty());
        let is_row = cells.len() == self.written.len()
            && !self.needed.is_empty()
            && self.needed.iter().all(is_filled);
        is_row.then(|| {
            let detail = format!(
                "row {row} has all cells of a row and stands behind the line with which the rows end: \
                 the report was put together from several; split it there"
            );
            ReportFault::new(ReportRejectCode::RowsInTail, detail)
        })
    }
}
