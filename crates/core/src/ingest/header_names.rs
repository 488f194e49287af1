//! Tells a line of data from a header among the rows: reports that somebody has put together from
//! several hold one for each, and rows behind a header with other columns, or the same ones in another
//! order, would be read under wrong names.

use std::collections::HashSet;

use crate::ingest::table::head::normal_name;
use crate::model::isrc::Isrc;

/// The column names of a report, and of its format.
#[derive(Debug)]
pub struct HeaderNames {
    /// Those of the report, in its order.
    of_report: Vec<String>,
    known: HashSet<String>,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderLine {
    /// No header.
    No,
    /// The header of the report once more.
    Same,
    /// A header with other columns, or in another order, or a part of one.
    Other,
}

impl HeaderNames {
    /// The names of the report's columns, and other names that columns of its format have.
    #[must_use]
    pub fn new<'n>(
        of_report: impl IntoIterator<Item = &'n String>,
        of_format: impl IntoIterator<Item = &'n String>,
    ) -> Self {
        let of_report: Vec<String> = of_report.into_iter().map(|name| normal_name(name)).collect();
        let mut known: HashSet<String> = of_report.iter().cloned().collect();
        known.extend(of_format.into_iter().map(|name| normal_name(name)));
        known.remove("");
        Self { of_report: without_empty_end(of_report), known }
    }

    /// Looks at the cells of a line. A third of its filled cells, and two at least, must be names of
    /// columns to make a header of it: a header may be damaged, or stand in one line with the last
    /// row of what was there before.
    #[must_use]
    pub fn look_at(&self, cells: impl Iterator<Item = String>) -> HeaderLine {
        let cells: Vec<String> = cells.map(|cell| normal_name(&cell)).collect();
        let n_filled = cells.iter().filter(|cell| !cell.is_empty()).count();
        let names: HashSet<&String> = cells.iter().filter(|c| self.known.contains(*c)).collect();
        let n_names = names.len();
        // One column of two: the name of the other is joined to the last row.
        let is_joined = self.of_report.len() <= 2 && self.of_report.len() < cells.len();
        if n_names == 0 || 3 * n_names < n_filled {
            HeaderLine::No
        } else if without_empty_end(cells) == self.of_report {
            HeaderLine::Same
        } else if n_names < 2 && !is_joined {
            // A single cell that happens to be a column's name.
            HeaderLine::No
        } else {
            HeaderLine::Other
        }
    }
}

impl HeaderNames {
    /// Whether more than half of the report's columns are named by these cells.
    #[must_use]
    pub fn are_most(&self, cells: &[String]) -> bool {
        let cells: HashSet<String> = cells.iter().map(|cell| normal_name(cell)).collect();
        let n_named = self.of_report.iter().filter(|name| cells.contains(*name)).count();
        self.of_report.len() < 2 * n_named
    }
}

/// Spreadsheets pad lines with empty cells.
fn without_empty_end(mut cells: Vec<String>) -> Vec<String> {
    while cells.last().is_some_and(String::is_empty) {
        cells.pop();
    }
    cells
}

/// Which column of a header holds data, counted from 0: a header and a row in one line, since what is
/// between them is no line end. Names of columns hold no control characters, and are neither an ISRC
/// nor a day; `without_rows` says that the report has no rows at all, so that a number is not the name
/// of a column either.
#[must_use]
pub fn data_in_header(names: &[String], without_rows: bool) -> Option<usize> {
    names.iter().position(|name| {
        let name = name.trim().trim_matches('"');
        let is_line_end =
            |c: char| c != '\t' && c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        name.contains(is_line_end)
            || Isrc::parse(name.as_bytes()).is_some()
            || is_day(name)
            || without_rows && is_number(name)
    })
}

/// `2026-09-01`, also with a time behind it.
fn is_day(name: &str) -> bool {
    let shape = b"dddd-dd-dd";
    name.len() >= shape.len()
        && name.bytes().zip(shape).all(|(byte, wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            _ => byte == *wanted,
        })
}

fn is_number(name: &str) -> bool {
    name.bytes().any(|byte| byte.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_digit() || b"+-.,".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_at(header: &str, line: &str) -> HeaderLine {
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        let more = ["Reporting Date".to_owned()];
        HeaderNames::new(&names, &more).look_at(line.split(',').map(str::to_owned))
    }

    #[test]
    fn a_header_is_known_again_and_told_from_another_one_and_from_data() {
        let header = "Day,ISRC,Country,Units,Title";
        assert_eq!(look_at(header, "Day,ISRC,Country,Units,Title"), HeaderLine::Same);
        assert_eq!(
            look_at(header, "\u{feff}day, isrc ,COUNTRY,\"Units\",title,,"),
            HeaderLine::Same
        );
        assert_eq!(look_at(header, "Day,ISRC,Units,Country,Title"), HeaderLine::Other);
        assert_eq!(look_at(header, "Day,ISRC,Country,Units"), HeaderLine::Other);
        assert_eq!(look_at(header, "Day,ISRC,Reporting Date,other,more"), HeaderLine::Other);
        // The last row had no line end.
        assert_eq!(
            look_at(header, "2026-09-01,x,DE,3,aDay,ISRC,Country,Units,Title"),
            HeaderLine::Other
        );
        assert_eq!(look_at(header, "2026-09-01,x,DE,3,Title"), HeaderLine::No);
        assert_eq!(look_at(header, "2026-09-01,GBXY12600001,DE,Units,Title,7,8"), HeaderLine::No);
        assert_eq!(look_at(header, ",,,,Title"), HeaderLine::No);
        assert_eq!(look_at(header, ",,"), HeaderLine::No);
        assert_eq!(look_at("Day", "day"), HeaderLine::Same);
        assert_eq!(look_at("Day,Units", "2026-09-01,3Day,Units"), HeaderLine::Other);
        assert_eq!(look_at("Day,Units", "2026-09-01,units"), HeaderLine::No);
    }

    #[test]
    fn a_header_holds_no_data() {
        let found = |cells: &[&str], without_rows| {
            let names: Vec<String> = cells.iter().map(|cell| (*cell).to_owned()).collect();
            data_in_header(&names, without_rows)
        };
        let header = ["Day", "ISRC", "# Units", "", "Earnings (USD)", "30s streams"];
        assert_eq!(found(&header, true), None);
        assert_eq!(found(&["Day", "Units\u{b}2026-09-01", "DE"], false), Some(1));
        assert_eq!(found(&["Day", "Units 2026-09-01", "GBXY12600001"], false), Some(2));
        assert_eq!(found(&["Day", "Units\u{85}x"], false), Some(1));
        assert_eq!(found(&["Day", "2026-09-01T10:00"], false), Some(1));
        assert_eq!(
            (found(&["Day", "1,204.5"], false), found(&["Day", "1,204.5"], true)),
            (None, Some(1))
        );
    }
}
