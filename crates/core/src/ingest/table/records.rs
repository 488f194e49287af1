//! Cuts the rows of a plain table into cells: lines without quoting by their delimiters, quoted text by
//! the rules of RFC 4180, JSON lines by their keys.

use csv_core::ReadRecordResult;

use crate::ingest::table::format::Delimiter;

/// Longest row whose cells are kept, in bytes: an open quote must not take in the rest of a report.
const ROW_BYTES_MAX: usize = 1 << 20;

/// One row, cut into cells.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    text: &'a [u8],
    /// Where each cell starts and ends in the text.
    cells: &'a [(u32, u32)],
    /// Line of the report on which it ends, from 1 for the first after the header.
    pub row: u32,
}

impl<'a> Record<'a> {
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

    /// Whether the row's text ends here.
    #[must_use]
    pub fn ends_at(&self, end: *const u8) -> bool {
        self.text.as_ptr_range().end == end
    }

    /// All cells in order.
    pub fn all(&self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.n_cells()).map(|place| self.cell(place))
    }
}

/// What a line turned out to be.
#[derive(Debug, Clone, Copy)]
pub enum Cut<'a> {
    /// A row.
    Row(Record<'a>),
    /// A line that cannot be cut: the JSON is none, or the row is too long.
    Broken {
        /// The text, or its start.
        text: &'a [u8],
        /// Line of the report, from 1 for the first after the header.
        row: u32,
        /// What is wrong.
        what: &'static str,
    },
}

/// Cuts blocks of whole lines; keeps what one block begins and the next one ends.
#[derive(Debug)]
pub struct RecordCutter {
    kind: Kind,
    cells: Vec<(u32, u32)>,
    /// Lines that were cut.
    n_lines: u32,
}

#[derive(Debug)]
enum Kind {
    Plain(u8),
    Quoted(Box<Quoted>),
    Json { names: Vec<String>, text: Vec<u8> },
}

#[derive(Debug)]
struct Quoted {
    reader: csv_core::Reader,
    text: Vec<u8>,
    n_text: usize,
    ends: Vec<usize>,
    n_ends: usize,
    /// The row is longer than is kept.
    is_lost: bool,
}

impl RecordCutter {
    /// A cutter for rows with this delimiter; `names` are the keys of JSON rows.
    #[must_use]
    pub fn new(delimiter: Delimiter, quoted: bool, names: &[String]) -> Self {
        let kind = match delimiter.byte() {
            None => Kind::Json { names: names.to_vec(), text: Vec::new() },
            Some(byte) if quoted => Kind::Quoted(Box::new(Quoted {
                reader: csv_core::ReaderBuilder::new().delimiter(byte).build(),
                text: vec![0; 1 << 10],
                n_text: 0,
                ends: vec![0; 64],
                n_ends: 0,
                is_lost: false,
            })),
            Some(byte) => Kind::Plain(byte),
        };
        Self { kind, cells: Vec::new(), n_lines: 0 }
    }

    /// Calls `take` with each row of the block. Blank lines are counted and are no rows.
    pub fn cut(&mut self, block: &[u8], mut take: impl FnMut(Cut<'_>)) {
        let Self { kind, cells, n_lines } = self;
        match kind {
            Kind::Plain(delimiter) => {
                for line in lines(block) {
                    *n_lines = n_lines.saturating_add(1);
                    if line.trim_ascii().is_empty() && !line.contains(delimiter) {
                        continue;
                    }
                    cut_plain(line, *delimiter, cells);
                    take(Cut::Row(Record { text: line, cells, row: *n_lines }));
                }
            }
            Kind::Quoted(quoted) => quoted.cut(block, cells, n_lines, &mut take),
            Kind::Json { names, text } => {
                for line in lines(block) {
                    *n_lines = n_lines.saturating_add(1);
                    if line.trim_ascii().is_empty() {
                        continue;
                    }
                    let row = *n_lines;
                    match cut_json(line, names, text, cells) {
                        Ok(()) => take(Cut::Row(Record { text, cells, row })),
                        Err(what) => take(Cut::Broken { text: line, row, what }),
                    }
                }
            }
        }
    }

    /// Ends the report: a quoted row may be waiting for its end.
    pub fn finish(&mut self, mut take: impl FnMut(Cut<'_>)) {
        let Self { kind, cells, n_lines } = self;
        if let Kind::Quoted(quoted) = kind {
            quoted.cut(b"", cells, n_lines, &mut take);
        }
    }
}

/// The lines of a block, without their ends.
fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    block.split_inclusive(|byte| *byte == b'\n').map(without_end)
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn cut_plain(line: &[u8], delimiter: u8, cells: &mut Vec<(u32, u32)>) {
    cells.clear();
    let place = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    let mut start = 0;
    for end in memchr::memchr_iter(delimiter, line) {
        cells.push((place(start), place(end)));
        start = end + 1;
    }
    cells.push((place(start), place(line.len())));
}

/// The cells of one line, for a header or a preamble.
#[must_use]
pub fn split_line(line: &[u8], delimiter: u8, quoted: bool) -> Vec<Vec<u8>> {
    let line = without_end(line);
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let form = match delimiter {
        b'\t' => Delimiter::Tab,
        b';' => Delimiter::Semicolon,
        _ => Delimiter::Comma,
    };
    let mut cutter = RecordCutter::new(form, quoted, &[]);
    let mut found = Vec::new();
    let mut keep = |cut: Cut<'_>| {
        if let Cut::Row(record) = cut {
            found = record.all().map(<[u8]>::to_vec).collect();
        }
    };
    cutter.cut(line, &mut keep);
    cutter.finish(&mut keep);
    found
}

impl Quoted {
    fn cut(
        &mut self,
        mut block: &[u8],
        cells: &mut Vec<(u32, u32)>,
        n_lines: &mut u32,
        take: &mut impl FnMut(Cut<'_>),
    ) {
        // An empty input says that the report ends; a block is never empty.
        let is_end = block.is_empty();
        loop {
            let (result, n_read, n_text, n_ends) = self.reader.read_record(
                block,
                &mut self.text[self.n_text..],
                &mut self.ends[self.n_ends..],
            );
            block = &block[n_read..];
            self.n_text += n_text;
            self.n_ends += n_ends;
            match result {
                ReadRecordResult::InputEmpty if is_end => return,
                ReadRecordResult::InputEmpty => {
                    if block.is_empty() {
                        return;
                    }
                }
                ReadRecordResult::OutputFull if ROW_BYTES_MAX <= self.text.len() => {
                    self.is_lost = true;
                    self.n_text = 0;
                }
                ReadRecordResult::OutputFull => self.text.resize(2 * self.text.len(), 0),
                ReadRecordResult::OutputEndsFull if ROW_BYTES_MAX / 8 <= self.ends.len() => {
                    self.is_lost = true;
                    self.n_ends = 0;
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record => {
                    self.end_row(cells, n_lines, take);
                    if block.is_empty() && !is_end {
                        return;
                    }
                }
                ReadRecordResult::End => return,
            }
        }
    }

    fn end_row(
        &mut self,
        cells: &mut Vec<(u32, u32)>,
        n_lines: &mut u32,
        take: &mut impl FnMut(Cut<'_>),
    ) {
        // The reader counts line feeds from 1; at the end of a row its own is counted.
        let row = u32::try_from(self.reader.line().saturating_sub(1)).unwrap_or(u32::MAX);
        let row = row.max(n_lines.saturating_add(1));
        *n_lines = row;
        if self.is_lost {
            let what = "a row of at most 1 MiB (is a quote not closed?)";
            take(Cut::Broken { text: &self.text[..64], row, what });
        } else {
            cells.clear();
            let mut start = 0;
            for end in &self.ends[..self.n_ends] {
                let place = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
                cells.push((place(start), place(*end)));
                start = *end;
            }
            take(Cut::Row(Record { text: &self.text[..self.n_text], cells, row }));
        }
        (self.n_text, self.n_ends, self.is_lost) = (0, 0, false);
    }
}

/// Texts, numbers and truth values of an object, by the names of the columns; `null` is empty.
fn cut_json(
    line: &[u8],
    names: &[String],
    text: &mut Vec<u8>,
    cells: &mut Vec<(u32, u32)>,
) -> Result<(), &'static str> {
    text.clear();
    cells.clear();
    cells.resize(names.len(), (0, 0));
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let object = json::Object { names, text, cells };
    serde::Deserializer::deserialize_map(&mut deserializer, object)
        .and_then(|()| deserializer.end())
        .map_err(|_| "one JSON object of texts and numbers")
}

mod json {
    use std::borrow::Cow;
    use std::fmt;

    use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

    /// Reads the wanted keys of an object into one text.
    pub(super) struct Object<'a> {
        pub(super) names: &'a [String],
        pub(super) text: &'a mut Vec<u8>,
        pub(super) cells: &'a mut Vec<(u32, u32)>,
    }

    impl<'de> Visitor<'de> for Object<'_> {
        type Value = ();

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                match self.names.iter().position(|name| **name == *key) {
                    None => drop(map.next_value::<IgnoredAny>()?),
                    Some(place) => {
                        let start = self.text.len();
                        map.next_value_seed(Cell(self.text))?;
                        let place_of = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                        self.cells[place] = (place_of(start), place_of(self.text.len()));
                    }
                }
            }
            Ok(())
        }
    }

    /// Appends a plain value; lists and objects are no cells and stay empty.
    struct Cell<'a>(&'a mut Vec<u8>);

    impl<'de> DeserializeSeed<'de> for Cell<'_> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_any(self)
        }
    }

    impl<'de> Visitor<'de> for Cell<'_> {
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

        fn visit_f64<E>(self, value: f64) -> Result<(), E> {
            self.0.extend_from_slice(value.to_string().as_bytes());
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
