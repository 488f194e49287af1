//! DDEX DSR flat files: lines of records, told apart by the type in their first cell.
//!
//! There is no quoting: a double quote is a character like any other. Cells are separated by tabs, the
//! values of a list by `|`, which a backslash before it makes a character. Spreadsheets pad all lines to
//! the widest one or drop empty cells at the end, so that a line may have any number of cells.

pub mod head;
pub mod pieces;
pub mod records;

use std::borrow::Cow;

use crate::numbers::exact;

/// A line, cut into cells. The cells are cut once and found by their place.
#[derive(Debug, Default)]
pub struct DsrLine {
    /// Where each cell ends.
    ends: Vec<u32>,
}

/// The cells of one line.
#[derive(Debug, Clone, Copy)]
pub struct RecordCells<'a> {
    text: &'a [u8],
    ends: &'a [u32],
}

impl DsrLine {
    /// Cuts a line, without its end, into cells.
    pub fn cut<'a>(&'a mut self, text: &'a [u8]) -> RecordCells<'a> {
        let place = |place: usize| exact::<u32>(place);
        self.ends.clear();
        self.ends.extend(memchr::memchr_iter(b'\t', text).map(place));
        self.ends.push(place(text.len()));
        RecordCells { text, ends: &self.ends }
    }
}

impl<'a> RecordCells<'a> {
    /// The bytes of a cell without spaces at its ends; empty where the line has none.
    #[must_use]
    pub fn get(&self, place: usize) -> &'a [u8] {
        let Some(end) = self.ends.get(place) else {
            return b"";
        };
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before] as usize + 1);
        self.text[start..*end as usize].trim_ascii()
    }

    /// All cells as they are.
    pub fn all(&self) -> impl Iterator<Item = &'a [u8]> {
        self.text.split(|byte| *byte == b'\t')
    }

    /// Number of cells.
    #[must_use]
    pub fn n_cells(&self) -> usize {
        self.ends.len()
    }
}

/// The lines of a block, without their ends, LF or CRLF.
pub fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    block.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    })
}

/// Whether a line is a comment or a heading, or has nothing in it.
#[must_use]
pub fn is_comment(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.is_empty() || line.starts_with(b"#")
}

/// The values of a list, in order; a separator with a backslash before it is part of a value.
pub fn values(cell: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(cell);
    std::iter::from_fn(move || {
        let text = rest?;
        let is_separator = |place: &usize| *place == 0 || text[place - 1] != b'\\';
        let end = memchr::memchr_iter(b'|', text).find(is_separator);
        rest = end.map(|place| &text[place + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

/// The one value of a cell; `None` if it is empty or a list of several.
#[must_use]
pub fn only_value(cell: &[u8]) -> Option<&[u8]> {
    let mut filled = values(cell).map(<[u8]>::trim_ascii).filter(|value| !value.is_empty());
    let first = filled.next()?;
    filled.next().is_none().then_some(first)
}

/// A value without the backslashes that make characters of separators. Senders write one or two of
/// them before a `|`.
#[must_use]
pub fn unescaped(value: &str) -> Cow<'_, str> {
    if value.contains('\\') {
        Cow::Owned(value.replace("\\\\|", "|").replace("\\|", "|").replace("\\\\", "\\"))
    } else {
        Cow::Borrowed(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_any_length_has_the_cells_that_it_has() {
        let mut line = DsrLine::default();
        let cells = line.cut(b"SU02\t7\t \t\"(P) 2015\t\t\t");
        assert_eq!((cells.get(0), cells.get(1), cells.get(2)), (&b"SU02"[..], &b"7"[..], &b""[..]));
        assert_eq!(cells.get(3), b"\"(P) 2015");
        assert_eq!((cells.get(6), cells.get(99)), (&b""[..], &b""[..]));
        assert_eq!(cells.n_cells(), 7);
        assert_eq!(line.cut(b"").n_cells(), 1);
    }

    #[test]
    fn an_escaped_separator_is_part_of_a_value() {
        let all = |cell: &'static str| -> Vec<&str> {
            values(cell.as_bytes()).map(|value| std::str::from_utf8(value).unwrap()).collect()
        };
        assert_eq!(all("a|b||c"), ["a", "b", "", "c"]);
        assert_eq!(all(r"a\|b|c"), [r"a\|b", "c"]);
        assert_eq!(all(r"a\\|b"), [r"a\\|b"]);
        assert_eq!(all(""), [""]);
        assert_eq!(unescaped(r"a\|b"), "a|b");
        assert_eq!(unescaped(r"a\\|b"), "a|b");
        assert_eq!(unescaped(r"a\\b"), r"a\b");
    }

    #[test]
    fn one_value_may_stand_among_empty_ones() {
        assert_eq!(only_value(b"|7|"), Some(&b"7"[..]));
        assert_eq!(only_value(b"7|8"), None);
        assert_eq!(only_value(b""), None);
    }

    #[test]
    fn line_ends_may_be_mixed() {
        assert_eq!(lines(b"a\r\nb\nc").collect::<Vec<_>>(), [b"a", b"b", b"c"]);
        assert!(is_comment(b" # SY02") && is_comment(b"  ") && !is_comment(b"SY02"));
    }
}
