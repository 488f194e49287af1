//! What is printed: tables for people, JSON and CSV for programs.

use std::borrow::Cow;
use std::io::{ErrorKind, Write as _};

use anyhow::Context as _;
use comfy_table::{CellAlignment, Table};

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ColumnKind {
    Text,
    Number,
    /// Numbers of which no digit may be lost: whole ones are numbers in JSON, others texts.
    Exact,
}

impl ColumnKind {
    fn of(name: &str) -> Self {
        match name.as_bytes().first() {
            Some(b'#') => Self::Number,
            Some(b'$') => Self::Exact,
            _ => Self::Text,
        }
    }
}

/// A table: a header, and cells as texts. Columns of numbers are aligned to the right.
#[derive(Debug)]
pub(crate) struct OutputSheet {
    name: &'static str,
    title: String,
    header: Vec<String>,
    kinds: Vec<ColumnKind>,
    rows: Vec<Vec<String>>,
}

impl OutputSheet {
    /// A table with these columns; names that begin with `#` are of numbers, with `$` of
    /// exact ones. `name` is for programs,
    /// `title` for people.
    pub(crate) fn new(name: &'static str, title: &'static str, columns: &[&str]) -> Self {
        let header =
            columns.iter().map(|name| name.trim_start_matches(['#', '$']).to_owned()).collect();
        let kinds = columns.iter().map(|name| ColumnKind::of(name)).collect();
        Self { name, title: title.to_owned(), header, kinds, rows: Vec::new() }
    }

    /// The same with a title that is made up when it is printed.
    pub(crate) fn named(name: &'static str, title: &str, columns: &[&str]) -> Self {
        Self { title: title.to_owned(), ..Self::new(name, "", columns) }
    }

    /// The same under another name and title.
    pub(crate) fn renamed(self, name: &'static str, title: &str) -> Self {
        Self { name, title: title.to_owned(), ..self }
    }

    /// Appends a row.
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table for people: title, header, aligned cells, two spaces between columns.
    pub(crate) fn to_text(&self) -> String {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(self.header.clone());
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| harmless(cell)));
        }
        for (column, kind) in table.column_iter_mut().zip(&self.kinds) {
            column.set_padding((0, 2));
            if *kind != ColumnKind::Text {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let body: Vec<String> =
            table.lines().map(|line| format!("  {}", line.trim_end())).collect();
        format!("{}\n{}\n", self.title, body.join("\n"))
    }
}

/// Tables as one JSON object: by name a list of objects; numbers are numbers.
pub(crate) fn to_json(sheets: &[OutputSheet]) -> anyhow::Result<String> {
    let mut document = serde_json::Map::new();
    for sheet in sheets {
        let object = |row: &Vec<String>| {
            let cells = sheet.header.iter().zip(&sheet.kinds).zip(row);
            let pairs = cells.map(|((name, kind), cell)| (key(name), json_cell(cell, *kind)));
            serde_json::Value::Object(pairs.collect())
        };
        let rows = sheet.rows.iter().map(object).collect();
        document.insert(sheet.name.to_owned(), serde_json::Value::Array(rows));
    }
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn key(name: &str) -> String {
    name.replace(' ', "_")
}

fn json_cell(cell: &str, kind: ColumnKind) -> serde_json::Value {
    let digits = cell.replace(',', "");
    match (kind, digits.parse::<i64>(), digits.parse::<f64>()) {
        (ColumnKind::Number | ColumnKind::Exact, Ok(number), _) => number.into(),
        (ColumnKind::Number, _, Ok(number)) => number.into(),
        (ColumnKind::Exact, ..) => digits.into(),
        _ => cell.into(),
    }
}

/// The tables that have rows, one below the other.
pub(crate) fn to_text(sheets: &[OutputSheet]) -> String {
    let tables = sheets.iter().filter(|sheet| !sheet.is_empty()).map(OutputSheet::to_text);
    tables.collect::<Vec<_>>().join("\n")
}

/// Tables as CSV: the name of the table, then its cells; a header before each table that has rows.
pub(crate) fn to_csv(sheets: &[OutputSheet]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for sheet in sheets.iter().filter(|sheet| !sheet.is_empty()) {
        let header: Vec<String> = sheet.header.iter().map(|name| csv_cell(&key(name))).collect();
        let _infallible = writeln!(text, "table,{}", header.join(","));
        for row in &sheet.rows {
            let cells = row.iter().zip(&sheet.kinds).map(|(cell, kind)| {
                if *kind == ColumnKind::Text { csv_cell(cell) } else { cell.replace(',', "") }
            });
            let cells: Vec<String> = cells.collect();
            let _infallible = writeln!(text, "{},{}", sheet.name, cells.join(","));
        }
    }
    text
}

/// Quotes a cell where RFC 4180 wants it.
fn csv_cell(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// Prints a text to stdout. A reader that went away (`| head`) is no error of ours.
///
/// # Errors
/// If it cannot be written: a full disk, for instance.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write the result to stdout")
        }
        _ => Ok(()),
    }
}

/// A text without characters that a terminal would obey: they are written as Rust writes them, `\u{1b}`.
/// Names of files and cells of reports are anybody's.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    // Beside the control characters those that change the direction of what follows.
    let is_obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| {
        let escaped: String = if is_obeyed(c) { c.escape_default().collect() } else { c.into() };
        escaped
    };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Prints an error with what caused it, to stderr.
pub(crate) fn error(error: &anyhow::Error) {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let text = causes.join(": ");
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(harmless).collect();
    let _reader_gone = writeln!(std::io::stderr().lock(), "error: {}", lines.join("\n"));
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place != 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1000, -1_234_567].map(grouped), ["0", "999", "1,000", "-1,234,567"]);
    }

    #[test]
    fn columns_line_up() {
        let mut sheet = OutputSheet::new("plays", "Plays", &["verdict", "#rows"]);
        sheet.push(vec!["counted".into(), "12,345".into()]);
        sheet.push(vec!["held".into(), "6".into()]);
        let json = to_json(std::slice::from_ref(&sheet)).unwrap();
        assert!(json.contains("\"rows\": 12345"), "{json}");
        let csv = to_csv(std::slice::from_ref(&sheet));
        assert_eq!(csv, "table,verdict,rows\nplays,counted,12345\nplays,held,6\n");
        assert_eq!(
            sheet.to_text(),
            "Plays\n  verdict    rows\n  counted  12,345\n  held          6\n"
        );
    }
}
