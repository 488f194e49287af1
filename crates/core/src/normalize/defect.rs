//! Defect: why a row or a report is not taken in. Data errors are data: each has a code, the column
//! it was found in, and what was expected and found.

use crate::ingest::header_names::data_in_header;
use crate::normalize::counts::LineCounts;

/// What is wrong with a cell or a row. The codes stand in `quarantine.reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Defect {
    /// The line has another number of cells than the header.
    ColumnCount,
    /// The last line has too few cells and no line end: the report was cut off.
    CutLine,
    /// A cell that every play needs is empty.
    Missing,
    /// Not a calendar date.
    BadDate,
    /// Not a time stamp.
    BadTime,
    /// Not a plain decimal number.
    BadNumber,
    /// Not a truth value.
    BadBool,
    /// Not a currency.
    BadCurrency,
    /// A code that the format does not know, where what it means decides how the row is read.
    UnknownCode,
    /// A record of a type that is not read.
    UnknownRecord,
    /// A reference to a record that is not there.
    UnknownReference,
    /// A line that is not cut into cells: JSON that is none, or a quote that is not closed.
    BadLine,
    /// A number outside of what it can be.
    OutOfRange,
    /// A date far outside of the days that the report states.
    OutsidePeriod,
    /// A NUL byte.
    NulByte,
    /// Not UTF-8.
    InvalidUtf8,
    /// Neither a recording nor a store's track: nobody could be paid.
    NoTrack,
}

impl Defect {
    /// The code in `quarantine.reason`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::ColumnCount => "column_count",
            Self::CutLine => "cut_line",
            Self::Missing => "missing",
            Self::BadDate => "bad_date",
            Self::BadTime => "bad_time",
            Self::BadNumber => "bad_number",
            Self::BadBool => "bad_bool",
            Self::BadCurrency => "bad_currency",
            Self::UnknownCode => "unknown_code",
            Self::UnknownRecord => "unknown_record",
            Self::UnknownReference => "unknown_reference",
            Self::BadLine => "bad_line",
            Self::OutOfRange => "out_of_range",
            Self::OutsidePeriod => "outside_period",
            Self::NulByte => "nul_byte",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::NoTrack => "no_track",
        }
    }
}

/// What makes a report as a whole one that cannot be trusted, beside its control numbers. The codes
/// stand in `quarantine.reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReportDefect {
    /// It ends inside a quoted cell.
    CutReport,
    /// Its cells may span lines, and a quote stands where none may be.
    BadQuotes,
    /// There is another header among its rows.
    SecondHeader,
    /// There is data in the line of its header.
    DataInHeader,
    /// There are rows behind the lines with which its rows end.
    RowsInTail,
    /// The lines that were read are not those of its text: a fault of the program.
    LinesDoNotAddUp,
}

impl ReportDefect {
    /// The code in `quarantine.reason`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::CutReport => "cut_report",
            Self::BadQuotes => "bad_quotes",
            Self::SecondHeader => "second_header",
            Self::DataInHeader => "data_in_header",
            Self::RowsInTail => "rows_in_tail",
            Self::LinesDoNotAddUp => "lines_do_not_add_up",
        }
    }
}

/// Why a report as a whole cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFault {
    /// What is wrong.
    pub defect: ReportDefect,
    /// Where and how, for a person.
    pub detail: String,
}

impl ReportFault {
    /// A fault.
    #[must_use]
    pub fn new(defect: ReportDefect, detail: impl Into<String>) -> Self {
        Self { defect, detail: detail.into() }
    }

    /// Whether the lines that were read are those of the report's text.
    #[must_use]
    pub fn of_lines(lines: &LineCounts, n_lines: u64) -> Option<Self> {
        let n_read = lines.total();
        (n_read != n_lines).then(|| {
            let detail = format!(
                "the report has {n_lines} lines, of which {n_read} were read: a fault of the program; \
                 please report it, with the report if you can ({lines:?})"
            );
            Self::new(ReportDefect::LinesDoNotAddUp, detail)
        })
    }

    /// Data in the header's line, whose names these are.
    #[must_use]
    pub fn of_header(names: &[String], n_rows: u64) -> Option<Self> {
        let column = data_in_header(names, n_rows == 0)?;
        // What stands there may be a listener.
        let detail = format!(
            "column {} of the header holds data and no name: the lines of the report do not end with LF, \
             CR LF or CR, or rows were joined to the header; fetch it again",
            column + 1
        );
        Some(Self::new(ReportDefect::DataInHeader, detail))
    }

    /// Another header in this row.
    #[must_use]
    pub fn second_header(row: u32) -> Self {
        let detail = format!(
            "row {row} is a header with other columns than the first one, or in another order: the \
             report was put together from several; split it there"
        );
        Self::new(ReportDefect::SecondHeader, detail)
    }
}

/// A row that was not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Data line after the header, from 1; blank lines are counted.
    pub row: u32,
    /// The store's header name of the first bad cell; `None` where the whole row is bad.
    pub column: Option<String>,
    /// What is wrong.
    pub defect: Defect,
    /// Expected and found, for a person.
    pub detail: String,
    /// The line, at most [`RAW_BYTES_MAX`] bytes, invalid bytes escaped, without the listener's id.
    pub raw: String,
}

/// Longest raw text that is kept of a bad row, in bytes (specification of `quarantine.raw`).
pub const RAW_BYTES_MAX: usize = 4096;

/// Stands in the raw text in place of the listener's id.
pub const LISTENER_MASK: &str = "<listener>";

/// The cells of a bad line as text, without the cells that can hold the listener's id.
///
/// Where the line has another number of cells than the header (`n_columns`), cells were lost or
/// added before or after the listener's, so every place that he can have moved to is masked.
#[must_use]
pub fn raw_text(line: &[u8], listener: usize, n_columns: usize) -> String {
    let n_cells = line.split(|byte| *byte == b'\t').count();
    raw_cells(line.split(|byte| *byte == b'\t'), n_cells, Some(listener), n_columns, b'\t')
}

/// As [`raw_text`], of cells; `listener` is `None` where the format has no listeners.
#[must_use]
pub fn raw_cells<'a>(
    cells: impl Iterator<Item = &'a [u8]>,
    n_cells: usize,
    listener: Option<usize>,
    n_columns: usize,
    delimiter: u8,
) -> String {
    let masked = listener.map(|listener| {
        let moved = (listener + n_cells).saturating_sub(n_columns);
        listener.min(moved)..=listener.max(moved)
    });
    let mut text = String::new();
    for (place, cell) in cells.enumerate() {
        if place != 0 {
            text.push(char::from(delimiter));
        }
        let is_masked = masked.as_ref().is_some_and(|masked| masked.contains(&place));
        if is_masked && !cell.trim_ascii().is_empty() {
            text.push_str(LISTENER_MASK);
        } else {
            push_escaped(&mut text, cell);
        }
        if RAW_BYTES_MAX < text.len() {
            break;
        }
    }
    let mut end = text.len().min(RAW_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// A short, printable rendering of a cell for a message: at most 40 characters.
#[must_use]
pub fn shown(cell: &[u8]) -> String {
    let mut text = String::new();
    push_escaped(&mut text, &cell[..cell.len().min(160)]);
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("`{}...`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// Appends bytes as text; what is not UTF-8, and control characters, as `\xNN`.
fn push_escaped(text: &mut String, bytes: &[u8]) {
    use std::fmt::Write as _;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                let _infallible = write!(text, "\\x{:02x}", u32::from(character));
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _infallible = write!(text, "\\x{byte:02x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listener_is_masked_wherever_a_lost_or_added_cell_moved_him() {
        assert_eq!(raw_text(b"a\tsecret\tc\td", 1, 4), "a\t<listener>\tc\td");
        assert_eq!(raw_text(b"secret\tc\td", 1, 4), "<listener>\t<listener>\td");
        assert_eq!(raw_text(b"x\ta\tsecret\tc\td", 1, 4), "x\t<listener>\t<listener>\tc\td");
        assert_eq!(raw_text(b"a\tsec", 1, 4), "<listener>\t<listener>");
        assert_eq!(raw_text(b"a\t\tc\td", 1, 4), "a\t\tc\td");
    }

    #[test]
    fn raw_text_is_cut_at_a_character_and_escapes_what_is_not_text() {
        assert_eq!(raw_text(b"\xff\0\te\xc3\xa9", 5, 2), "\\xff\\x00\te\u{e9}");
        let long = "\u{e9}".repeat(RAW_BYTES_MAX);
        let text = raw_text(long.as_bytes(), 5, 1);
        assert_eq!(text.len(), RAW_BYTES_MAX);
        let text = raw_text(format!("a{long}").as_bytes(), 5, 1);
        assert_eq!(text.len(), RAW_BYTES_MAX - 1);
    }

    #[test]
    fn a_shown_cell_is_short() {
        assert_eq!(shown(b"12a"), "`12a`");
        assert_eq!(shown(&[b'x'; 300]), format!("`{}...`", "x".repeat(40)));
    }
}
