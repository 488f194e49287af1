//! Cuts text with quoted cells by the rules of RFC 4180.
//!
//! A line end in a quoted cell is text only in formats that say so. In all others each line is a row of
//! its own, whatever quotes stand in it, so that a quote too many costs its row and no other. Where
//! cells may span lines one quote moves the ends of all rows behind it: there a quote must stand where
//! RFC 4180 allows it, which an odd number of them never does.

use crate::numbers::exact;

/// Longest row of several lines, in bytes: an open quote must not swallow the rest of a report.
const ROW_BYTES_MAX: usize = 1 << 20;

/// The text that cells are in, or what is wrong with it.
pub(super) type CutText<'a> = Result<&'a [u8], (&'a [u8], LineFault)>;

/// Why a line is not cut into cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFault {
    /// Not one JSON object of plain values.
    Json,
    /// The line, or the report, ends inside a quoted cell.
    OpenQuote,
    /// There is text between a closing quote and the next delimiter.
    TextBehindQuote,
    /// A quote in a cell that does not begin with one; only where cells may span lines.
    QuoteInCell,
    /// A row of several lines that is longer than is kept.
    LongRow,
}

impl LineFault {
    /// What was expected in its place.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Self::Json => "one JSON object of texts and numbers",
            Self::OpenQuote => "a closing quote",
            Self::TextBehindQuote => "a delimiter or the line's end behind a closing quote",
            Self::QuoteInCell => "quotes only around cells (and two for each inside of them)",
            Self::LongRow => "a row of at most 1 MiB (is a quote not closed?)",
        }
    }
}

fn place(place: usize) -> u32 {
    exact::<u32>(place)
}

/// The cells of a line between its delimiters, whatever quotes are in it.
pub(crate) fn without_quotes(line: &[u8], delimiter: u8) -> impl Iterator<Item = &[u8]> {
    line.split(move |byte| *byte == delimiter)
}

/// Adds the cells of a line between its delimiters.
pub(super) fn cut_plain(line: &[u8], delimiter: u8, cells: &mut Vec<(u32, u32)>) {
    let mut start = 0;
    for end in memchr::memchr_iter(delimiter, line) {
        cells.push((place(start), place(end)));
        start = end + 1;
    }
    cells.push((place(start), place(line.len())));
}

/// Cuts text with quoted cells; keeps its memory.
#[derive(Debug, Default)]
pub(super) struct QuoteRules {
    /// The text with one quote for each two, where there are such.
    text: Vec<u8>,
    /// Which cells have some.
    escaped: Vec<usize>,
}

impl QuoteRules {
    /// Cuts one line, or a row of several. Outside of quoted cells a quote is a character, unless
    /// `is_strict`. Returns the text that the cells are in.
    pub(super) fn cut<'a>(
        &'a mut self,
        line: &'a [u8],
        delimiter: u8,
        is_strict: bool,
        cells: &mut Vec<(u32, u32)>,
    ) -> Result<&'a [u8], LineFault> {
        cells.clear();
        if memchr::memchr(b'"', line).is_none() {
            cut_plain(line, delimiter, cells);
            return Ok(line);
        }
        self.escaped.clear();
        let mut start = 0;
        loop {
            let rest = &line[start..];
            let behind = if rest.first() == Some(&b'"') {
                let (end, is_escaped) = closing_quote(rest).ok_or(LineFault::OpenQuote)?;
                if is_escaped {
                    self.escaped.push(cells.len());
                }
                cells.push((place(start + 1), place(start + end)));
                end + 1
            } else {
                0
            };
            let next = memchr::memchr(delimiter, &rest[behind..]).map(|n| behind + n);
            let cell_end = next.unwrap_or(rest.len());
            if behind == 0 {
                if is_strict && rest[..cell_end].contains(&b'"') {
                    return Err(LineFault::QuoteInCell);
                }
                cells.push((place(start), place(start + cell_end)));
            } else if !rest[behind..cell_end].trim_ascii().is_empty() {
                return Err(LineFault::TextBehindQuote);
            }
            match next {
                Some(next) => start += next + 1,
                None => break,
            }
        }
        Ok(if self.escaped.is_empty() { line } else { self.unescape(line, cells) })
    }

    /// One quote for each two: cells get shorter where they are.
    fn unescape(&mut self, line: &[u8], cells: &mut [(u32, u32)]) -> &[u8] {
        self.text.clear();
        self.text.extend_from_slice(line);
        for cell in &self.escaped {
            let (start, end) = &mut cells[*cell];
            let mut to = *start as usize;
            let mut from = to;
            while from < *end as usize {
                let byte = line[from];
                self.text[to] = byte;
                to += 1;
                from += if byte == b'"' { 2 } else { 1 };
            }
            *end = place(to);
        }
        &self.text
    }
}

/// Where the quote closes that the text begins with, and whether there are double ones before it.
fn closing_quote(text: &[u8]) -> Option<(usize, bool)> {
    let (mut from, mut is_escaped) = (1, false);
    loop {
        let quote = from + memchr::memchr(b'"', &text[from..])?;
        if text.get(quote + 1) != Some(&b'"') {
            return Some((quote, is_escaped));
        }
        (from, is_escaped) = (quote + 2, true);
    }
}

/// A row whose cells span lines, while they come in.
#[derive(Debug, Default)]
pub(super) struct LongRow {
    pub(super) text: Vec<u8>,
    /// There is a line of it.
    pub(super) is_begun: bool,
    /// The row is longer than is kept.
    pub(super) is_lost: bool,
    /// A quoted cell is open: there is an odd number of quotes so far.
    is_open: bool,
}

impl LongRow {
    /// Adds a line without its end; returns whether the row ends with it.
    pub(super) fn add(&mut self, line: &[u8]) -> bool {
        let n_quotes = memchr::memchr_iter(b'"', line).count();
        self.is_open ^= n_quotes % 2 == 1;
        if !self.is_lost {
            if self.is_begun {
                self.text.push(b'\n');
            }
            self.text.extend_from_slice(line);
            // A line by itself may be longer.
            if self.is_begun && ROW_BYTES_MAX < self.text.len() {
                self.is_lost = true;
                self.text.truncate(ROW_BYTES_MAX);
            }
        }
        self.is_begun = true;
        !self.is_open
    }

    pub(super) fn cut<'a>(
        &'a self,
        delimiter: u8,
        quotes: &'a mut QuoteRules,
        cells: &mut Vec<(u32, u32)>,
    ) -> CutText<'a> {
        if self.is_lost {
            return Err((&self.text, LineFault::LongRow));
        }
        let cut = quotes.cut(&self.text, delimiter, true, cells);
        cut.map_err(|fault| (self.text.as_slice(), fault))
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        (self.is_begun, self.is_lost, self.is_open) = (false, false, false);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(line: &str, is_strict: bool) -> Result<Vec<String>, LineFault> {
        let (mut quotes, mut cells) = (QuoteRules::default(), Vec::new());
        let text = quotes.cut(line.as_bytes(), b',', is_strict, &mut cells)?;
        let cell = |(start, end): &(u32, u32)| {
            String::from_utf8(text[*start as usize..*end as usize].to_vec()).unwrap()
        };
        Ok(cells.iter().map(cell).collect())
    }

    #[test]
    fn quotes_around_cells_are_none_of_them_and_two_inside_are_one() {
        let cells = |line| cut(line, true).unwrap();
        assert_eq!(cells(r#"a,"b,c","","d""e""""#), ["a", "b,c", "", r#"d"e""#]);
        assert_eq!(cells(r#""a" ,b,"#), ["a", "b", ""]);
        assert_eq!(cells("a"), ["a"]);
        assert_eq!(cut(r#"a,12" x,b"#, false).unwrap(), ["a", r#"12" x"#, "b"]);
        assert_eq!(cut(r#"a,="01",b"#, false).unwrap(), ["a", r#"="01""#, "b"]);
    }

    #[test]
    fn a_quote_too_many_breaks_the_line() {
        assert_eq!(cut(r#"a,"b,c"#, false), Err(LineFault::OpenQuote));
        assert_eq!(cut(r#""a"","b""#, false), Err(LineFault::TextBehindQuote));
        assert_eq!(cut(r#""a"b,c"#, false), Err(LineFault::TextBehindQuote));
        assert_eq!(cut(r#"a,b"c"#, true), Err(LineFault::QuoteInCell));
        assert_eq!(cut("\"", false), Err(LineFault::OpenQuote));
    }

    proptest! {
        #[test]
        fn what_is_written_in_quotes_is_read_back(
            cells in prop::collection::vec("[ab,\"\\n ]{0,5}", 1..6),
            place in any::<prop::sample::Index>(),
        ) {
            let quoted: Vec<String> =
                cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            let line = quoted.join(",");
            for is_strict in [false, true] {
                prop_assert_eq!(cut(&line, is_strict), Ok(cells.clone()));
            }
            // An odd number of quotes is never right where they are all looked at.
            let mut broken = line.clone();
            broken.insert(place.index(line.len() + 1), '"');
            prop_assert!(cut(&broken, true).is_err(), "{broken}");
        }
    }
}
