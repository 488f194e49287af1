//! Cuts the rows of a plain table into cells: lines without quotes many at a time, lines with quotes by the
//! rules of RFC 4180, JSON lines by their keys.

use streamledger_lines::{BlockLines, LineCutter, LineLayout};

use crate::ingest::table::json_lines::cut_json;
use crate::ingest::table::quotes::{CutText, LineFault, LongRow, QuoteRules, cut_plain};
use crate::ingest::table::rows::{RecordRows, TableRecord};
use crate::ingest::table::text_layout::TextLayout;

/// What lines turned out to be.
#[derive(Debug, Clone, Copy)]
pub enum CutLines<'a> {
    /// Rows.
    Rows(RecordRows<'a>),
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
    lines: LineCutter,
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
    Delimited { delimiter: u8, quotes: QuoteRules },
    Multiline { delimiter: u8, quotes: QuoteRules, row: LongRow },
    Json { names: Vec<String>, text: Vec<u8> },
}

impl Default for RecordCutter {
    /// A cutter that stands in for another one.
    fn default() -> Self {
        let kind = RecordKind::Delimited { delimiter: b'\t', quotes: QuoteRules::default() };
        let lines = LineCutter::new(LineLayout::tabs(1));
        Self { kind, lines, cells: Vec::new(), n_lines: 0, n_blank: 0, n_continued: 0 }
    }
}

impl RecordCutter {
    /// A cutter for rows of this layout under a header with these names, which are the keys of JSON rows.
    #[must_use]
    pub fn new(layout: &TextLayout, names: &[String]) -> Self {
        let quotes = QuoteRules::default();
        let kind = match layout.delimiter.byte() {
            None => RecordKind::Json { names: names.to_vec(), text: Vec::new() },
            Some(delimiter) if layout.quoted && layout.multiline => {
                RecordKind::Multiline { delimiter, quotes, row: LongRow::default() }
            }
            Some(delimiter) => RecordKind::Delimited { delimiter, quotes },
        };
        let lines = LineCutter::new(LineLayout {
            n_columns: names.len().max(1),
            delimiter: layout.delimiter.byte().unwrap_or(b'\t'),
            is_quoted: layout.quoted,
        });
        Self { kind, lines, ..Self::default() }
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

    /// Calls `take` with the rows of the block, in order. Blank lines are counted and are no rows.
    pub fn cut(&mut self, block: &[u8], mut take: impl FnMut(CutLines<'_>)) {
        let is_of_lines = match &self.kind {
            RecordKind::Delimited { .. } => true,
            // A cell spans lines only if it is quoted.
            RecordKind::Multiline { row, .. } => {
                !row.is_begun && memchr::memchr(b'"', block).is_none()
            }
            RecordKind::Json { .. } => false,
        };
        if is_of_lines {
            return self.cut_lines(block, take);
        }
        let Self { kind, cells, n_lines, n_blank, n_continued, .. } = self;
        for whole in block.split_inclusive(|byte| *byte == b'\n') {
            *n_lines += 1;
            let (line, row) = (without_end(whole), *n_lines);
            let has_line_end = line.len() != whole.len();
            match kind {
                RecordKind::Multiline { delimiter, quotes, row: long } => {
                    if !long.is_begun && is_blank(line, *delimiter) {
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
                // Cut above.
                RecordKind::Delimited { .. } => {}
                RecordKind::Json { .. } if line.trim_ascii().is_empty() => *n_blank += 1,
                RecordKind::Json { names, text } => {
                    let cut = cut_json(line, names, text, cells);
                    let cut = cut.map(|()| text.as_slice()).map_err(|fault| (line, fault));
                    take(result_of(cut, cells, (row, has_line_end)));
                }
            }
        }
    }

    /// The same where each line is a row, or nearly each.
    fn cut_lines(&mut self, block: &[u8], mut take: impl FnMut(CutLines<'_>)) {
        let Self { kind, lines, cells, n_lines, n_blank, .. } = self;
        let (RecordKind::Delimited { delimiter, quotes }
        | RecordKind::Multiline { delimiter, quotes, .. }) = kind
        else {
            return;
        };
        let (before, delimiter) = (*n_lines, *delimiter);
        let place_of = |text: &[u8], line: u32| {
            let is_last = text.as_ptr_range().end == block.as_ptr_range().end;
            (before + line + 1, !is_last || block.ends_with(b"\n"))
        };
        let (n_cut, n_empty) = lines.cut(block, |cut| match cut {
            BlockLines::Rows(rows) => take(CutLines::Rows(RecordRows::Lines { rows, before })),
            BlockLines::Quoted { text, line } => {
                let cut = quotes.cut(text, delimiter, false, cells);
                let cut = cut.map_err(|fault| (text, fault));
                take(result_of(cut, cells, place_of(text, line)));
            }
            BlockLines::Uneven { text, line, .. } => {
                cells.clear();
                cut_plain(text, delimiter, cells);
                take(result_of(Ok(text), cells, place_of(text, line)));
            }
        });
        *n_lines += n_cut;
        *n_blank += u64::from(n_empty);
    }

    /// Ends the report: a row of several lines may be waiting for its end, which is broken then.
    pub fn finish(&mut self, mut take: impl FnMut(CutLines<'_>)) {
        if let RecordKind::Multiline { row: long, .. } = &mut self.kind
            && long.is_begun
        {
            let fault = if long.is_lost { LineFault::LongRow } else { LineFault::OpenQuote };
            take(CutLines::Broken { text: &long.text, row: self.n_lines, fault });
            long.clear();
        }
    }
}

fn result_of<'a>(
    cut: CutText<'a>,
    cells: &'a [(u32, u32)],
    (row, has_line_end): (u32, bool),
) -> CutLines<'a> {
    match cut {
        Ok(text) => {
            CutLines::Rows(RecordRows::One(TableRecord::new(text, cells, row, has_line_end)))
        }
        Err((text, fault)) => CutLines::Broken { text, row, fault },
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ingest::table::text_layout::FieldDelimiter;

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
        let mut take = |cut: CutLines<'_>| match cut {
            CutLines::Rows(cut) => rows.extend((0..cut.len()).map(|place| {
                let record = cut.record(place);
                let cells = record.all().map(|cell| String::from_utf8(cell.to_vec()).unwrap());
                (record.row, Ok(cells.collect()))
            })),
            CutLines::Broken { row, fault, .. } => rows.push((row, Err(fault))),
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
