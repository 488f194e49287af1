//! Why a row or a report is rejected. Data errors are data: each has a code, the column
//! it was found in, and what was expected and found.

use crate::ingest::header_names::data_in_header;
use crate::model::isrc::Isrc;
use crate::model::listener::ListenerKey;
use crate::normalize::counts::LineCounts;

/// What is wrong with a cell or a row. The codes stand in `quarantine.reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectCode {
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

impl RejectCode {
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
pub enum ReportRejectCode {
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

impl ReportRejectCode {
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
    pub reject_code: ReportRejectCode,
    /// Where and how, for a person.
    pub detail: String,
}

impl ReportFault {
    /// A fault.
    #[must_use]
    pub fn new(reject_code: ReportRejectCode, detail: impl Into<String>) -> Self {
        Self { reject_code, detail: detail.into() }
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
            Self::new(ReportRejectCode::LinesDoNotAddUp, detail)
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
        Some(Self::new(ReportRejectCode::DataInHeader, detail))
    }

    /// Another header in this row.
    #[must_use]
    pub fn second_header(row: u32) -> Self {
        let detail = format!(
            "row {row} is a header with other columns than the first one, or in another order: the \
             report was put together from several; split it there"
        );
        Self::new(ReportRejectCode::SecondHeader, detail)
    }
}

/// A row that was not ingested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// Data line after the header, from 1; blank lines are counted.
    pub row: u32,
    /// The store's header name of the first bad cell; `None` where the whole row is bad.
    pub column: Option<String>,
    /// What is wrong.
    pub reject_code: RejectCode,
    /// Expected and found, for a person.
    pub detail: String,
    /// The line, at most [`RAW_BYTES_MAX`] bytes, invalid bytes escaped; of plays without what could be a
    /// listener's id.
    pub raw: String,
}

/// Longest raw text that is kept of a bad row, in bytes (specification of `quarantine.raw`).
pub const RAW_BYTES_MAX: usize = 4096;

/// Stands in the raw text in place of the listener's id.
pub const LISTENER_MASK: &str = "<listener>";

/// Longest cell that is too short to name anybody, in bytes.
const SHORT_BYTES: usize = 4;

/// Longest date, time or number, in bytes.
const PLAIN_BYTES_MAX: usize = 32;

impl RejectCode {
    /// Whether the cells of such a row stand in their columns: what is wrong is no sign that they moved.
    #[must_use]
    pub fn leaves_cells_in_place(self) -> bool {
        matches!(self, Self::Missing | Self::NoTrack | Self::OutOfRange | Self::OutsidePeriod)
    }
}

/// The text that is kept of a rejected row of plays. Of a row whose cells stand in their columns those
/// cells are shown that cannot name a listener; of any other row a hash under the listener key, by which
/// the same row is known again.
#[must_use]
pub fn raw_row_of_plays<'a>(
    cells: impl Iterator<Item = &'a [u8]> + Clone,
    row: u32,
    listener: Option<usize>,
    reject_code: RejectCode,
    key: &ListenerKey,
) -> String {
    if !reject_code.leaves_cells_in_place() {
        let line = cells.collect::<Vec<&[u8]>>().join(&b'\t');
        return hashed_line(&line, row, key);
    }
    let shown = cells.enumerate().map(|(place, cell)| {
        let cell = cell.trim_ascii();
        if listener == Some(place) && !cell.is_empty() {
            LISTENER_MASK.to_owned()
        } else if names_nobody(cell) {
            String::from_utf8_lossy(cell).into_owned()
        } else {
            format!("<{} bytes>", cell.len())
        }
    });
    let mut text = shown.collect::<Vec<String>>().join("\t");
    cut_text(&mut text);
    text
}

/// A line that is not shown: its length, its row, and a hash under the listener key.
#[must_use]
pub fn hashed_line(line: &[u8], row: u32, key: &ListenerKey) -> String {
    use std::fmt::Write as _;
    let mut text = format!("<row {row}, {} bytes, hash ", line.len());
    for byte in key.hash("rejected row", line).0 {
        let _infallible = write!(text, "{byte:02x}");
    }
    text + ">"
}

/// Whether a cell is a value that cannot be an id of a listener: nothing, a few characters, a date, a time
/// or a number with a point, or an ISRC.
fn names_nobody(cell: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_digit() || b".,:-+/TZ ".contains(byte);
    let is_parted = |byte: &u8| b".,:-/T".contains(byte);
    let is_date_or_number =
        cell.len() <= PLAIN_BYTES_MAX && cell.iter().all(is_plain) && cell.iter().any(is_parted);
    let is_printable = cell.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    is_printable && cell.len() <= SHORT_BYTES || is_date_or_number || Isrc::parse(cell).is_some()
}

/// As [`shown`], of a cell of plays: what could be an id of a listener is not shown.
#[must_use]
pub fn shown_of_plays(cell: &[u8]) -> String {
    if names_nobody(cell.trim_ascii()) {
        shown(cell)
    } else {
        format!("{} bytes that are not shown", cell.len())
    }
}

/// The cells of a bad line as text.
#[must_use]
pub fn raw_cells<'a>(cells: impl Iterator<Item = &'a [u8]>, delimiter: u8) -> String {
    let mut text = String::new();
    for (place, cell) in cells.enumerate() {
        if place != 0 {
            text.push(char::from(delimiter));
        }
        push_escaped(&mut text, cell);
        if RAW_BYTES_MAX < text.len() {
            break;
        }
    }
    cut_text(&mut text);
    text
}

/// Cuts a text to what is kept of a row.
fn cut_text(text: &mut String) {
    let mut end = text.len().min(RAW_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
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
    fn of_rows_in_place_only_cells_are_shown_that_name_nobody() {
        let key = ListenerKey::new([1; 32]);
        let cells = |line: &'static str| line.split('\t').map(str::as_bytes);
        let line = "2026-09-01\tsecret\tGBXY12600001\t8f3a99\tGB\t30.5\tSong\t\t12345";
        let raw = |reject_code| raw_row_of_plays(cells(line), 7, Some(1), reject_code, &key);
        assert_eq!(
            raw(RejectCode::NoTrack),
            "2026-09-01\t<listener>\tGBXY12600001\t<6 bytes>\tGB\t30.5\tSong\t\t<5 bytes>"
        );
        let hidden = raw(RejectCode::BadNumber);
        assert!(hidden.starts_with("<row 7, 57 bytes, hash ") && hidden.len() == 56, "{hidden}");
        assert_eq!(hidden, hashed_line(line.as_bytes(), 7, &key));
        let other = ListenerKey::new([2; 32]);
        assert_ne!(hidden, hashed_line(line.as_bytes(), 7, &other));
    }

    #[test]
    fn a_cell_that_could_be_an_id_is_not_quoted() {
        for cell in ["9:99", "86400.001", "2026-13-01", "-1", "ZZ", "", "2026-09-01T10:00:00Z"] {
            assert_eq!(shown_of_plays(cell.as_bytes()), format!("`{cell}`"));
        }
        for cell in ["12345", "u-17-a", "5ec4e701d", "\u{e9}", "a@b.c"] {
            assert!(!shown_of_plays(cell.as_bytes()).contains(cell), "{cell}");
        }
    }

    #[test]
    fn raw_text_is_cut_at_a_character_and_escapes_what_is_not_text() {
        let raw = |line: &[u8]| raw_cells(line.split(|byte| *byte == b'\t'), b'\t');
        assert_eq!(raw(b"\xff\0\te\xc3\xa9"), "\\xff\\x00\te\u{e9}");
        let long = "\u{e9}".repeat(RAW_BYTES_MAX);
        assert_eq!(raw(long.as_bytes()).len(), RAW_BYTES_MAX);
        assert_eq!(raw(format!("a{long}").as_bytes()).len(), RAW_BYTES_MAX - 1);
    }

    #[test]
    fn a_shown_cell_is_short() {
        assert_eq!(shown(b"12a"), "`12a`");
        assert_eq!(shown(&[b'x'; 300]), format!("`{}...`", "x".repeat(40)));
    }
}
