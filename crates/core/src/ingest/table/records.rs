//! Cuts the rows of a plain table into cells: lines without quoting by their delimiters, quoted text by
//! the rules of RFC 4180, JSON lines by their keys.

use crate::ingest::table::quotes::{CutText, LineFault, LongRow, QuoteRules, cut_plain};
use crate::ingest::table::text_layout::TextLayout;

/// One row, cut into cells.
#[derive(Debug, Clone, Copy)]
pub struct TableRecord<'a> {
    text: &'a [u8],
    /// Where each cell starts and ends in the text.
    cells: &'a [(u32, u32)],
    /// Line of the report on which it ends, from 1 for the first after the header.
    pub row: u32,
    /// Whether a line end follows, which only the last line of a report may lack.
    pub has_line_end: bool,
}

impl<'a> TableRecord<'a> {
    /// Number of cells.
    #[must_use]
    pub fn n_cells(&self) -> usize {
        self.cells.len()
    }

    /// The bytes of a cell, empty where the row has none.
    #[must_use]
    #[inline]
    pub fn cell(&self, place: usize) -> &'a [u8] {
        self.cells.get(place).map_or(b"", |(start, end)| &self.text[*start as usize..*end as usize])
    }

    /// All cells in order.
    pub fn all(&self) -> impl Iterator<Item = &'a [u8]> + Clone {
        (0..self.n_cells()).map(|place| self.cell(place))
    }
}

/// What a line turned out to be.
#[derive(Debug, Clone, Copy)]
pub enum AnyCutter<'a> {
    /// The rows that come next, one by one, so that what all of them need can be fetched at once.
    Ahead(&'a [TableRecord<'a>]),
    /// A row.
    Row(TableRecord<'a>),
    /// A line that cannot be cut into cells.
    Broken {
        /// The text, or its start.
        text: &'a [u8],
        /// Line of the report, from 1 for the first after the header.
        row: u32,
        /// What is wrong.
        fault: LineFault,
    },
}

/// Cuts blocks of whole lines; keeps what one block begins and the next one ends.
#[derive(Debug)]
pub struct RecordCutter {
    kind: RecordKind,
    cells: Vec<(u32, u32)>,
    /// Lines that were cut.
    n_lines: u32,
    /// Lines with nothing in them.
    n_blank: u64,
    /// Lines that go on with a row.
    n_continued: u64,
}

#[derive(Debug)]
enum RecordKind {
    Plain(u8),
    Quoted { delimiter: u8, quotes: QuoteRules },
    Multiline { delimiter: u8, quotes: QuoteRules, row: LongRow },
    Json { names: Vec<String>, text: Vec<u8> },
}

impl Default for RecordCutter {
    /// A cutter that stands in for another one.
    fn default() -> Self {
        let kind = RecordKind::Plain(b'\t');
        Self { kind, cells: Vec::new(), n_lines: 0, n_blank: 0, n_continued: 0 }
    }
}

impl RecordCutter {
    /// A cutter for rows of this layout; `names` are the keys of JSON rows.
    #[must_use]
    pub fn new(layout: &TextLayout, names: &[String]) -> Self {
        let kind = match layout.delimiter.byte() {
            None => RecordKind::Json { names: names.to_vec(), text: Vec::new() },
            Some(delimiter) if layout.quoted && layout.multiline => {
                let (quotes, row) = (QuoteRules::default(), LongRow::default());
                RecordKind::Multiline { delimiter, quotes, row }
            }
            Some(delimiter) if layout.quoted => {
                RecordKind::Quoted { delimiter, quotes: QuoteRules::default() }
            }
            Some(delimiter) => RecordKind::Plain(delimiter),
        };
        Self { kind, ..Self::default() }
    }

    /// Lines with nothing in them, so far.
    #[must_use]
    pub fn n_blank(&self) -> u64 {
        self.n_blank
    }

    /// Lines that go on with the row of a line before, so far.
    #[must_use]
    pub fn n_continued(&self) -> u64 {
        self.n_continued
    }

    /// Goes on with a block before which there are so many lines that others have cut.
    pub fn skip_to(&mut self, n_lines: u32) {
        self.n_lines = n_lines;
    }

    /// Adds what another one has counted of the same report.
    pub fn absorb(&mut self, other: &Self) {
        self.n_blank += other.n_blank;
        self.n_continued += other.n_continued;
    }

    /// Calls `take` with each row of the block. Blank lines are counted and are no rows.
    pub fn cut(&mut self, block: &[u8], mut take: impl FnMut(AnyCutter<'_>)) {
        if let RecordKind::Plain(delimiter) = self.kind {
            return self.cut_plain_rows(block, delimiter, take);
        }
        let Self { kind, cells, n_lines, n_blank, n_continued } = self;
        let mut start = 0;
        while start < block.len() {
            let rest = &block[start..];
            let whole = &rest[..memchr::memchr(b'\n', rest).map_or(rest.len(), |feed| feed + 1)];
            start += whole.len();
            *n_lines += 1;
            let (line, row) = (without_end(whole), *n_lines);
            let has_line_end = line.len() != whole.len();
            let is_blank = |delimiter: u8| is_blank(line, delimiter);
            match kind {
                RecordKind::Multiline { delimiter, quotes, row: long } => {
                    if !long.is_begun && is_blank(*delimiter) {
                        *n_blank += 1;
                        continue;
                    }
                    *n_continued += u64::from(long.is_begun);
                    if long.add(line) {
                        let cut = long.cut(*delimiter, quotes, cells);
                        take(result_of(cut, cells, (row, has_line_end)));
                        long.clear();
                    }
                }
                // Cut by rows of lines, above.
                RecordKind::Plain(_) => {}
                RecordKind::Quoted { delimiter, .. } if is_blank(*delimiter) => *n_blank += 1,
                RecordKind::Quoted { delimiter, quotes } => {
                    let cut = quotes.cut(line, *delimiter, false, cells);
                    let cut = cut.map_err(|fault| (line, fault));
                    take(result_of(cut, cells, (row, has_line_end)));
                }
                RecordKind::Json { .. } if line.trim_ascii().is_empty() => *n_blank += 1,
                RecordKind::Json { names, text } => {
                    let cut = cut_json(line, names, text, cells);
                    let cut = cut.map(|()| text.as_slice()).map_err(|fault| (line, fault));
                    take(result_of(cut, cells, (row, has_line_end)));
                }
            }
        }
    }

    /// The same of lines without quoting, some at a time.
    fn cut_plain_rows(&mut self, block: &[u8], delimiter: u8, mut take: impl FnMut(AnyCutter<'_>)) {
        let Self { cells, n_lines, n_blank, .. } = self;
        let mut rest = block;
        while !rest.is_empty() {
            cells.clear();
            let mut lines = [PlainLine::default(); ROWS_AT_ONCE];
            let mut n_rows = 0;
            while n_rows < ROWS_AT_ONCE && !rest.is_empty() {
                let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |feed| feed + 1);
                let (whole, behind) = rest.split_at(end);
                rest = behind;
                *n_lines += 1;
                let text = without_end(whole);
                if is_blank(text, delimiter) {
                    *n_blank += 1;
                    continue;
                }
                let first_cell = cells.len();
                cut_plain(text, delimiter, cells);
                let has_line_end = text.len() != whole.len();
                lines[n_rows] = PlainLine { text, first_cell, row: *n_lines, has_line_end };
                n_rows += 1;
            }
            let lines = &lines[..n_rows];
            let ends = lines.iter().skip(1).map(|next| next.first_cell).chain([cells.len()]);
            let records = lines.iter().zip(ends).map(|(line, end)| {
                let PlainLine { text, first_cell, row, has_line_end } = *line;
                TableRecord { text, cells: &cells[first_cell..end], row, has_line_end }
            });
            let records: Vec<TableRecord<'_>> = records.collect();
            take(AnyCutter::Ahead(&records));
            records.into_iter().for_each(|record| take(AnyCutter::Row(record)));
        }
    }

    /// Ends the report: a row of several lines may be waiting for its end, which is broken then.
    pub fn finish(&mut self, mut take: impl FnMut(AnyCutter<'_>)) {
        if let RecordKind::Multiline { row: long, .. } = &mut self.kind
            && long.is_begun
        {
            let fault = if long.is_lost { LineFault::LongRow } else { LineFault::OpenQuote };
            take(AnyCutter::Broken { text: &long.text, row: self.n_lines, fault });
            long.clear();
        }
    }
}

/// Rows that are handed on together: their cells stay in the first-level cache.
const ROWS_AT_ONCE: usize = 32;

/// A line without quoting whose cells were cut.
#[derive(Debug, Clone, Copy, Default)]
struct PlainLine<'a> {
    text: &'a [u8],
    first_cell: usize,
    row: u32,
    has_line_end: bool,
}

fn result_of<'a>(
    cut: CutText<'a>,
    cells: &'a [(u32, u32)],
    (row, has_line_end): (u32, bool),
) -> AnyCutter<'a> {
    match cut {
        Ok(text) => AnyCutter::Row(TableRecord { text, cells, row, has_line_end }),
        Err((text, fault)) => AnyCutter::Broken { text, row, fault },
    }
}

fn is_blank(line: &[u8], delimiter: u8) -> bool {
    line.trim_ascii().is_empty() && !line.contains(&delimiter)
}

fn without_end(line: &[u8]) -> &[u8] {
    match line {
        [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => text,
        _ => line,
    }
}

/// The cells of one line, for a header or a preamble. A line whose quotes do not fit is cut at each
/// delimiter.
#[must_use]
pub fn split_line(line: &[u8], delimiter: u8, quoted: bool) -> Vec<Vec<u8>> {
    let line = without_end(line);
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    if is_blank(line, delimiter) {
        return Vec::new();
    }
    let (mut quotes, mut cells) = (QuoteRules::default(), Vec::new());
    let cut = if quoted { quotes.cut(line, delimiter, false, &mut cells) } else { Ok(line) };
    let text = match cut {
        Ok(text) if quoted => text,
        _ => {
            cells.clear();
            cut_plain(line, delimiter, &mut cells);
            line
        }
    };
    cells.iter().map(|(start, end)| text[*start as usize..*end as usize].to_vec()).collect()
}

/// Texts, numbers and truth values of an object, by the names of the columns; `null` is empty.
fn cut_json(
    line: &[u8],
    names: &[String],
    text: &mut Vec<u8>,
    cells: &mut Vec<(u32, u32)>,
) -> Result<(), LineFault> {
    text.clear();
    cells.clear();
    cells.resize(names.len(), (0, 0));
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let mut has_floats = false;
    let object = json::JsonObject { names, text, cells, has_floats: &mut has_floats };
    serde::Deserializer::deserialize_map(&mut deserializer, object)
        .and_then(|()| deserializer.end())
        .map_err(|_| LineFault::Json)?;
    if has_floats {
        json::take_numbers(line, names, text, cells);
    }
    Ok(())
}

mod json {
    use std::borrow::Cow;
    use std::fmt;

    use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

    /// Reads the wanted keys of an object into one text.
    pub(super) struct JsonObject<'a> {
        pub(super) names: &'a [String],
        pub(super) text: &'a mut Vec<u8>,
        pub(super) cells: &'a mut Vec<(u32, u32)>,
        /// Set where a number was read that is no whole one of 64 bits: not as it is written.
        pub(super) has_floats: &'a mut bool,
    }

    /// Takes the numbers of an object as they are written: `1e2` is no `100`, and no digit is lost. The line
    /// is an object, as it was read before.
    pub(super) fn take_numbers(
        line: &[u8],
        names: &[String],
        text: &mut Vec<u8>,
        cells: &mut [(u32, u32)],
    ) {
        let mut at = skip(line, 0, b" \t\r\n{");
        while line.get(at) == Some(&b'"') {
            let key = at..end_of_value(line, at);
            let value_at = skip(line, key.end, b" \t\r\n:");
            let value = value_at..end_of_value(line, value_at);
            let first = line.get(value_at).copied().unwrap_or_default();
            if first == b'-' || first.is_ascii_digit() {
                let key: Option<Cow<'_, str>> = serde_json::from_slice(&line[key]).ok();
                let is_key = |name: &&String| Some(name.as_str()) == key.as_deref();
                if let Some(place) = names.iter().position(|name| is_key(&name)) {
                    let start = text.len();
                    text.extend_from_slice(&line[value.clone()]);
                    let place_of = |n: usize| crate::numbers::exact::<u32>(n);
                    cells[place] = (place_of(start), place_of(text.len()));
                }
            }
            at = skip(line, value.end, b" \t\r\n,");
        }
    }

    /// The first place from here on where none of these bytes stands.
    fn skip(line: &[u8], from: usize, bytes: &[u8]) -> usize {
        let rest = line.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|byte| bytes.contains(byte)).count()
    }

    /// Where the value that begins here ends.
    fn end_of_value(line: &[u8], from: usize) -> usize {
        let (mut depth, mut in_text, mut is_escaped) = (0_u32, false, false);
        for (at, byte) in line.iter().enumerate().skip(from) {
            if in_text {
                match byte {
                    _ if is_escaped => is_escaped = false,
                    b'\\' => is_escaped = true,
                    b'"' => in_text = false,
                    _ => {}
                }
                if !in_text && depth == 0 {
                    return at + 1;
                }
                continue;
            }
            match byte {
                b'"' => in_text = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
                b'}' | b']' if depth == 1 => return at + 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
        }
        line.len()
    }

    impl<'de> Visitor<'de> for JsonObject<'_> {
        type Value = ();

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            let mut seen = 0_u128;
            while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                match self.names.iter().position(|name| **name == *key) {
                    None => drop(map.next_value::<IgnoredAny>()?),
                    Some(place) => {
                        // Which of two values is meant nobody can say.
                        let bit = 1_u128.checked_shl(crate::numbers::exact(place));
                        if bit.is_none_or(|bit| seen & bit != 0) {
                            return Err(serde::de::Error::custom("a key that is there twice"));
                        }
                        seen |= bit.map_or(0, |bit| bit);
                        let start = self.text.len();
                        map.next_value_seed(RecordCell(self.text, self.has_floats))?;
                        let place_of = |n: usize| crate::numbers::exact::<u32>(n);
                        self.cells[place] = (place_of(start), place_of(self.text.len()));
                    }
                }
            }
            Ok(())
        }
    }

    /// Appends a plain value; lists and objects are no cells and stay empty.
    struct RecordCell<'a>(&'a mut Vec<u8>, &'a mut bool);

    impl<'de> DeserializeSeed<'de> for RecordCell<'_> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_any(self)
        }
    }

    impl<'de> Visitor<'de> for RecordCell<'_> {
        type Value = ();

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a value")
        }

        fn visit_str<E>(self, value: &str) -> Result<(), E> {
            self.0.extend_from_slice(value.as_bytes());
            Ok(())
        }

        fn visit_bool<E>(self, value: bool) -> Result<(), E> {
            self.0.extend_from_slice(if value { b"true" } else { b"false" });
            Ok(())
        }

        fn visit_i64<E>(self, value: i64) -> Result<(), E> {
            self.0.extend_from_slice(value.to_string().as_bytes());
            Ok(())
        }

        fn visit_u64<E>(self, value: u64) -> Result<(), E> {
            self.0.extend_from_slice(value.to_string().as_bytes());
            Ok(())
        }

        /// What it is as a float is not what is written.
        fn visit_f64<E>(self, _: f64) -> Result<(), E> {
            *self.1 = true;
            Ok(())
        }

        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ingest::table::text_layout::FieldDelimiter;

    /// The cells of one JSON line; `None` if it is none.
    fn json_cells(line: &str, names: &[&str]) -> Option<Vec<String>> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let (mut text, mut cells) = (Vec::new(), Vec::new());
        cut_json(line.as_bytes(), &names, &mut text, &mut cells).ok()?;
        let cell = |(start, end): &(u32, u32)| {
            String::from_utf8(text[*start as usize..*end as usize].to_vec()).unwrap()
        };
        Some(cells.iter().map(cell).collect())
    }

    #[test]
    fn numbers_of_json_pass_as_they_are_written() {
        let line = r#"{ "a\u0020b" : [1.5, {"n": "}\"]"}], "x":"1.50","n" : 0.10, "m":12345678901234567890123, "e":1E2 ,"z":-0}"#;
        let cells = json_cells(line, &["n", "m", "e", "z", "x", "a b"]).unwrap();
        assert_eq!(cells, ["0.10", "12345678901234567890123", "1E2", "-0", "1.50", ""]);
        assert_eq!(json_cells(r#"{"n":01}"#, &["n"]), None);
        assert_eq!(json_cells(r#"{"n":1.}"#, &["n"]), None);
    }

    proptest! {
        /// Any digits as a bare number read as the same digits in quotes.
        #[test]
        fn a_bare_number_is_the_text_of_it(
            whole in "-?(0|[1-9][0-9]{0,30})",
            rest in "(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
            before in "[a-z{}\\[\\],: ]{0,8}",
        ) {
            let number = format!("{whole}{rest}");
            // Beyond the range of a float is no number of JSON's.
            prop_assume!(number.parse::<f64>().unwrap().is_finite());
            let bare = format!("{{\"t\": \"{before}\", \"n\": {number}}}");
            let quoted = format!("{{\"t\": \"{before}\", \"n\": \"{number}\"}}");
            let cells = json_cells(&bare, &["n", "t"]);
            prop_assert_eq!(&cells, &json_cells(&quoted, &["n", "t"]));
            prop_assert_eq!(&cells.unwrap()[0], &number);
        }
    }

    /// Rows with their number, or what is wrong; blank and continued lines.
    type Read = (Vec<(u32, Result<Vec<String>, LineFault>)>, u64, u64);

    fn read(text: &str, multiline: bool, size: usize) -> Read {
        let layout = TextLayout {
            delimiter: FieldDelimiter::Comma,
            quoted: true,
            multiline,
            fallback: None,
            header_within: 1,
            preamble: None,
            end_at: Vec::new(),
            ragged: false,
        };
        let mut cutter = RecordCutter::new(&layout, &[]);
        let mut rows = Vec::new();
        let mut take = |cut: AnyCutter<'_>| match cut {
            AnyCutter::Row(record) => {
                let cells = record.all().map(|cell| String::from_utf8(cell.to_vec()).unwrap());
                rows.push((record.row, Ok(cells.collect())));
            }
            AnyCutter::Broken { row, fault, .. } => rows.push((row, Err(fault))),
            AnyCutter::Ahead(_) => {}
        };
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        lines.chunks(size).for_each(|block| cutter.cut(block.concat().as_bytes(), &mut take));
        cutter.finish(&mut take);
        (rows, cutter.n_blank(), cutter.n_continued())
    }

    fn cells(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_cell_spans_lines_only_where_the_format_says_so() {
        let text = "a,\"b\n\nc\"\r\n\nd,e\n\"f\ng";
        let (rows, n_blank, n_continued) = read(text, true, 2);
        assert_eq!(
            rows,
            [
                (3, Ok(cells(&["a", "b\n\nc"]))),
                (5, Ok(cells(&["d", "e"]))),
                (7, Err(LineFault::OpenQuote))
            ]
        );
        assert_eq!((n_blank, n_continued), (1, 3));
        let (rows, n_blank, n_continued) = read(text, false, 2);
        assert_eq!(
            rows,
            [
                (1, Err(LineFault::OpenQuote)),
                (3, Ok(cells(&["c\""]))),
                (5, Ok(cells(&["d", "e"]))),
                (6, Err(LineFault::OpenQuote)),
                (7, Ok(cells(&["g"])))
            ]
        );
        assert_eq!((n_blank, n_continued), (2, 0));
    }

    #[test]
    fn an_open_quote_keeps_no_more_than_a_row_may_be_long() {
        let text = format!("\"{}\n\",1\nb,2\n", "x\n".repeat(1 << 20));
        let (rows, _, n_continued) = read(&text, true, 1 << 16);
        assert_eq!(rows[0], ((1 << 20) + 2, Err(LineFault::LongRow)));
        assert_eq!((rows.len(), n_continued), (2, (1 << 20) + 1));
    }

    proptest! {
        #[test]
        fn one_quote_too_many_is_found_where_cells_span_lines(
            rows in prop::collection::vec(prop::collection::vec("[ab,\n\"]{0,3}", 2), 1..6),
            place in any::<prop::sample::Index>(), size in 1_usize..4,
        ) {
            let cell = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let line = |row: &Vec<String>| row.iter().map(cell).collect::<Vec<_>>().join(",") + "\n";
            let mut text: String = rows.iter().map(line).collect();
            let (read_rows, n_blank, n_continued) = read(&text, true, size);
            let read_cells: Vec<_> = read_rows.iter().filter_map(|(_, row)| row.clone().ok()).collect();
            prop_assert_eq!(&read_cells, &rows);
            let n_lines = text.matches('\n').count() as u64;
            prop_assert_eq!(rows.len() as u64 + n_blank + n_continued, n_lines);
            text.insert(place.index(text.len() + 1), '"');
            let (broken, n_blank, n_continued) = read(&text, true, size);
            prop_assert!(broken.iter().any(|(_, row)| row.is_err()), "{}", text);
            let n_lines = text.split_inclusive('\n').count() as u64;
            prop_assert_eq!(broken.len() as u64 + n_blank + n_continued, n_lines);
        }
    }
}
