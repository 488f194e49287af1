//! The head of a plain table: which line is the header, where each field stands, and what the lines
//! before it say. A format is detected from the content alone.

use std::collections::BTreeMap;

use crate::ingest::table::decimal_mark::DecimalMark;
use crate::ingest::table::format::{ControlSpec, FieldSource, FormatField, TableFormat};
use crate::ingest::table::records::split_line;
use crate::ingest::table::text_layout::{TablePreamble, TextFallback};
use crate::model::isrc::Isrc;
use crate::model::money::Currency;
use crate::model::report_id::NameFacts;

/// A report of a format, as its head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundFormat {
    /// Names of the columns as the report writes them.
    pub names: Vec<String>,
    /// Which line is the header, from 0; all before it is the preamble. None in JSON: -1 is said as
    /// `None`.
    pub header_line: Option<u32>,
    /// Where the first row starts in the head, in bytes.
    pub rows_start: usize,
    /// Columns of each field, in the order of the format's names.
    pub columns: BTreeMap<FormatField, Vec<usize>>,
    /// What the preamble says.
    pub preamble: BTreeMap<FormatField, String>,
    /// What was read from the name of the file.
    pub name_facts: NameFacts,
    /// How numbers are read that may be written with a decimal point or comma and prove neither: as the
    /// others of the report are, which only its end tells.
    pub decimal_mark: DecimalMark,
    /// Control numbers of the preamble.
    pub controls: Vec<StatedFacts>,
    /// Columns that tell rows that are no data, by place in the format's list.
    pub skip: Vec<Option<usize>>,
}

/// What a format says of a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadMatch {
    /// It is of the format.
    Yes(Box<BoundFormat>),
    /// It has a part of what the format needs.
    Near {
        /// What is missing: for each field the format's first name for it.
        missing: Vec<String>,
        /// How many needed fields are there.
        n_found: usize,
    },
    /// It has all that the format needs and a column that no report of the format has.
    Excluded {
        /// That column.
        column: String,
    },
    /// A column that is read is there twice.
    Twice {
        /// Which.
        column: String,
    },
    /// Something else.
    No,
}

/// A column name as names are compared: without byte order mark, quotes and spaces at the ends, runs
/// of spaces (also unbreakable ones) as one, lower case.
#[must_use]
pub fn normal_name(name: &str) -> String {
    let name = name.trim_start_matches('\u{feff}').trim().trim_matches('"');
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// Holds the head of a report (its first whole lines) against a format. The name of the file never
/// decides; it only gives what a format says that no column does.
#[must_use]
pub fn match_head(format: &TableFormat, head: &[u8], file_name: &str) -> HeadMatch {
    let Some(delimiter) = format.text.delimiter.byte() else {
        return match_json(format, head, file_name);
    };
    let mut lines = Vec::new();
    let mut best = HeadMatch::No;
    let mut n_best = 0;
    let mut start = 0;
    for line in head.split_inclusive(|byte| *byte == b'\n').take(format.text.header_within as usize)
    {
        let cells: Vec<String> = split_line(line, delimiter, format.text.quoted)
            .iter()
            .map(|cell| cell_text(cell, format))
            .collect();
        start += line.len();
        match match_names(format, &cells, &lines, file_name) {
            HeadMatch::Yes(mut bound) => {
                bound.header_line = u32::try_from(lines.len()).ok();
                bound.rows_start = start;
                return HeadMatch::Yes(bound);
            }
            HeadMatch::Near { n_found, .. } if n_found <= n_best => {}
            other => {
                n_best = match &other {
                    HeadMatch::Near { n_found, .. } => *n_found,
                    HeadMatch::No => n_best,
                    _ => usize::MAX,
                };
                if other != HeadMatch::No {
                    best = other;
                }
            }
        }
        lines.push(cells);
    }
    best
}

/// The encoding of bytes that are not UTF-8.
#[must_use]
pub fn encoding_of(fallback: TextFallback) -> &'static encoding_rs::Encoding {
    match fallback {
        TextFallback::Cp1252 => encoding_rs::WINDOWS_1252,
        TextFallback::Cp932 => encoding_rs::SHIFT_JIS,
    }
}

/// A cell as text; what is not UTF-8 is read by the format's other encoding.
#[must_use]
pub fn cell_text(cell: &[u8], format: &TableFormat) -> String {
    match (std::str::from_utf8(cell), format.text.fallback) {
        (Ok(text), _) => text.to_owned(),
        (Err(_), Some(fallback)) => {
            encoding_of(fallback).decode_without_bom_handling(cell).0.into_owned()
        }
        (Err(_), None) => String::from_utf8_lossy(cell).into_owned(),
    }
}

/// The keys of the first object are the column names; a key that it lacks may come later, so names
/// that the format has and the object has not are columns too.
fn match_json(format: &TableFormat, head: &[u8], file_name: &str) -> HeadMatch {
    let Some(line) = head.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty())
    else {
        return HeadMatch::No;
    };
    let Ok(serde_json::Value::Object(first)) = serde_json::from_slice(line) else {
        return HeadMatch::No;
    };
    let names: Vec<String> = first.keys().cloned().collect();
    let mut matched = match_names(format, &names, &[], file_name);
    if let HeadMatch::Yes(bound) = &mut matched {
        for (field, source) in &format.fields {
            for name in &source.header {
                if !bound.names.iter().any(|known| normal_name(known) == normal_name(name)) {
                    bound.names.push(name.clone());
                    bound.columns.entry(*field).or_default().push(bound.names.len() - 1);
                }
            }
        }
    }
    matched
}

fn match_names(
    format: &TableFormat,
    names: &[String],
    before: &[Vec<String>],
    file_name: &str,
) -> HeadMatch {
    let normal: Vec<String> = names.iter().map(|name| normal_name(name)).collect();
    let mut columns: BTreeMap<FormatField, Vec<usize>> = BTreeMap::new();
    let (mut preamble, mut name_facts) = (BTreeMap::new(), NameFacts::new());
    let (mut missing, mut n_found, mut twice) = (Vec::new(), 0, None);
    for (field, source) in &format.fields {
        let mut places = Vec::new();
        for name in &source.header {
            let wanted = normal_name(name);
            let found: Vec<usize> =
                (0..normal.len()).filter(|place| normal[*place] == wanted).collect();
            if 1 < found.len() {
                twice.get_or_insert_with(|| name.clone());
            }
            places.extend(found.first().copied().filter(|place| !places.contains(place)));
        }
        let stated = preamble_of(source, format, before);
        if let Some((label, _)) = stated.iter().find(|(_, value)| *value != stated[0].1) {
            twice.get_or_insert_with(|| (*label).clone());
        }
        let said = stated.into_iter().next().map(|(_, value)| value).or_else(|| {
            let named = name_value(source, file_name)?;
            name_facts.insert(field.name(), named.clone());
            Some(named)
        });
        if source.needed {
            if places.is_empty() && said.is_none() {
                let label = source.header.first().or(source.preamble.first()).cloned();
                missing.push(label.unwrap_or_else(|| in_name(source)));
            } else {
                n_found += 1;
            }
        }
        preamble.extend(said.map(|said| (*field, said)));
        if !places.is_empty() {
            columns.insert(*field, places);
        }
    }
    if !missing.is_empty() {
        return if n_found == 0 { HeadMatch::No } else { HeadMatch::Near { missing, n_found } };
    }
    if let Some(column) = format.without.iter().find(|name| normal.contains(&normal_name(name))) {
        return HeadMatch::Excluded { column: column.clone() };
    }
    if let Some(column) = twice {
        return HeadMatch::Twice { column };
    }
    let place_of = |name: &String| normal.iter().position(|known| *known == normal_name(name));
    HeadMatch::Yes(Box::new(BoundFormat {
        names: names.to_vec(),
        header_line: None,
        rows_start: 0,
        columns,
        preamble,
        name_facts,
        decimal_mark: DecimalMark::Point,
        controls: stated_before(format, before),
        skip: format.skip.iter().map(|skipped| place_of(&skipped.header)).collect(),
    }))
}

/// What the name of a file says of a field, where the format reads it there.
fn name_value(source: &FieldSource, file_name: &str) -> Option<String> {
    let digits = source.file_digits.and_then(|n_digits| digits_of(file_name, n_digits));
    digits.or_else(|| source.file_isrc.then(|| isrc_of(file_name)).flatten())
}

/// The last group of exactly so many digits in a file's name; hyphens between the digits of a date do
/// not part them.
fn digits_of(file_name: &str, n_digits: u8) -> Option<String> {
    let groups = file_name.split(|character: char| !character.is_ascii_digit() && character != '-');
    let digits = groups.map(|group| group.trim_matches('-').split('-').collect::<Vec<_>>());
    let mut found = None;
    for parts in digits {
        let is_date = matches!(parts.as_slice(), [year, rest @ ..]
            if year.len() == 4 && !rest.is_empty() && rest.iter().all(|part| part.len() == 2));
        let whole = if is_date { vec![parts.concat()] } else { Vec::new() };
        let all = whole.into_iter().chain(parts.into_iter().map(ToOwned::to_owned));
        let mut fitting = all.filter(|digits| digits.len() == usize::from(n_digits));
        found = fitting.next_back().or(found);
    }
    found
}

/// The ISRC that stands in a file's name by itself.
fn isrc_of(file_name: &str) -> Option<String> {
    let mut words = file_name.split(|character: char| !character.is_ascii_alphanumeric());
    words.find(|word| word.len() == 12 && Isrc::parse(word.as_bytes()).is_some()).map(str::to_owned)
}

/// What a field is called that stands in the name of the file alone.
fn in_name(source: &FieldSource) -> String {
    match source.file_digits {
        Some(n_digits) => format!("a date of {n_digits} digits in the name of the file"),
        None => "an ISRC in the name of the file".to_owned(),
    }
}

/// What the lines before the header say of a field, each value with its name.
fn preamble_of<'s>(
    source: &'s FieldSource,
    format: &TableFormat,
    before: &[Vec<String>],
) -> Vec<(&'s String, String)> {
    let values = |label: &'s String| {
        preamble_values(format, label, before).into_iter().map(move |value| (label, value))
    };
    source.preamble.iter().flat_map(values).collect()
}

/// The values that the lines before the header give under a name.
fn preamble_values(format: &TableFormat, label: &str, before: &[Vec<String>]) -> Vec<String> {
    let label = normal_name(label);
    let mut found = Vec::new();
    for (number, line) in before.iter().enumerate() {
        let places = (0..line.len()).filter(|place| normal_name(&line[*place]) == label);
        for place in places {
            let value = match format.text.preamble {
                Some(TablePreamble::Pairs) => line.get(place + 1),
                Some(TablePreamble::Columns) => {
                    before.get(number + 1).and_then(|below| below.get(place))
                }
                None => None,
            };
            let value = value.map(|value| value.trim()).filter(|value| !value.is_empty());
            found.extend(value.map(str::to_owned));
        }
    }
    found
}

/// A control number as a report states it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatedFacts {
    /// Place of the control in the format's list.
    pub control: usize,
    /// Currency of the number, where the line names one.
    pub currency: Option<String>,
    /// The number as it is written; empty where the line has none.
    pub said: String,
}

/// The control numbers of the lines before the header.
fn stated_before(format: &TableFormat, before: &[Vec<String>]) -> Vec<StatedFacts> {
    if format.text.preamble != Some(TablePreamble::Columns) {
        return before.iter().flat_map(|line| stated_in(&format.controls, line)).collect();
    }
    let mut found = Vec::new();
    for (line, below) in before.iter().zip(before.iter().skip(1)) {
        for (place, name) in line.iter().enumerate() {
            let value = below.get(place).map_or("", |value| value.trim());
            found.extend(stated_in(&format.controls, &[name.clone(), value.to_owned()]));
        }
    }
    found
}

/// The control numbers that a line states.
#[must_use]
pub fn stated_in(controls: &[ControlSpec], line: &[String]) -> Vec<StatedFacts> {
    let Some((first, rest)) = line.split_first() else {
        return Vec::new();
    };
    let first = normal_name(first);
    let filled: Vec<&str> =
        rest.iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty()).collect();
    let mut found = Vec::new();
    let lines = controls.iter().enumerate().filter(|(_, control)| control.by.is_empty());
    for (control, ControlSpec { label, per_currency, .. }) in lines {
        let Some(behind) = first.strip_prefix(&normal_name(label)) else {
            continue;
        };
        let is_apart = |c: char| !c.is_alphanumeric();
        let code = Currency::parse(behind.trim_matches(is_apart));
        let code_cell = filled.iter().find_map(|cell| Currency::parse(cell));
        let currency = match (per_currency, behind, code) {
            (_, "", _) => code_cell,
            (true, behind, Some(code)) if behind.starts_with(is_apart) => Some(code),
            _ => continue,
        };
        let is_number = |cell: &&&str| Currency::parse(cell).is_none();
        found.push(StatedFacts {
            control,
            currency: currency.map(|currency| currency.as_str().to_owned()),
            said: filled.iter().find(is_number).map(|cell| (*cell).to_owned()).unwrap_or_default(),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_in_a_files_name_may_have_hyphens() {
        let eight = |name| digits_of(name, 8);
        assert_eq!(eight("tracks_20260901.json").as_deref(), Some("20260901"));
        assert_eq!(eight("tracks-2026-09-01.json.gz").as_deref(), Some("20260901"));
        assert_eq!(eight("fraud_report_20250101-20260630.txt").as_deref(), Some("20260630"));
        assert_eq!(eight("tracks_2026.json"), None);
        assert_eq!(digits_of("us-fraud-202606.txt", 6).as_deref(), Some("202606"));
        assert_eq!(digits_of("us-fraud-2026-06.txt", 6).as_deref(), Some("202606"));
    }

    #[test]
    fn an_isrc_in_a_files_name_stands_by_itself() {
        assert_eq!(isrc_of("GBXY12600001-timeline.csv").as_deref(), Some("GBXY12600001"));
        assert_eq!(isrc_of("timeline_gbxy12600001.csv").as_deref(), Some("gbxy12600001"));
        assert_eq!(isrc_of("xGBXY12600001.csv"), None);
    }
}
