//! What is printed: tables for people, JSON and CSV for programs.

use std::io::Write as _;

use comfy_table::{CellAlignment, Table};

/// A table: a header, and cells as texts. Columns of numbers are aligned to the right.
#[derive(Debug)]
pub(crate) struct Sheet {
    title: &'static str,
    header: Vec<&'static str>,
    numbers: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    /// A table with these columns; names that begin with `#` are of numbers.
    pub(crate) fn new(title: &'static str, columns: &[&'static str]) -> Self {
        let header = columns.iter().map(|name| name.trim_start_matches('#')).collect();
        let numbers = columns.iter().map(|name| name.starts_with('#')).collect();
        Self { title, header, numbers, rows: Vec::new() }
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
        self.rows.iter().for_each(|row| drop(table.add_row(row.clone())));
        for (column, is_number) in table.column_iter_mut().zip(&self.numbers) {
            column.set_padding((0, 2));
            if *is_number {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let body: Vec<String> = table.lines().map(|line| format!("  {}", line.trim_end())).collect();
        format!("{}\n{}\n", self.title, body.join("\n"))
    }
}

/// Prints a text to stdout; a reader that went away is no error of ours.
pub(crate) fn print(text: &str) {
    let _reader_gone = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Prints an error with what caused it, to stderr.
pub(crate) fn error(error: &anyhow::Error) {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let _reader_gone = writeln!(std::io::stderr().lock(), "error: {}", causes.join(": "));
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
        let mut sheet = Sheet::new("plays", &["verdict", "#rows"]);
        sheet.push(vec!["counted".into(), "12,345".into()]);
        sheet.push(vec!["held".into(), "6".into()]);
        assert_eq!(sheet.to_text(), "plays\n  verdict    rows\n  counted  12,345\n  held          6\n");
    }
}
