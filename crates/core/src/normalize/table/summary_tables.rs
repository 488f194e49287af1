//! Small tables in the tail of a plain table: a total for each group of rows, such as each country.

use std::collections::{BTreeMap, BTreeSet};

use crate::ingest::table::decimal_mark::DecimalMark;
use crate::ingest::table::format::{ControlSpec, FormatField, NumberStyle, TableFormat};
use crate::ingest::table::head::normal_name;
use crate::ingest::table::rows::TableRecord;
use crate::normalize::table::control_numbers::{
    CheckedControl, ControlTotals, LostNumber, RowNumbers, is_number, style_of,
};
use crate::normalize::table::fields::TableFields;

/// Most groups of rows that are kept of a report, and most totals that it may state of them. No store has
/// as many countries and currencies; a report beyond it that has such a table does not pass.
const GROUPS_MAX: usize = 4096;

/// Between the cells of a group's key.
const BETWEEN: char = '\u{1f}';

/// The tables that a format may have in its tail.
#[derive(Debug)]
pub(crate) struct SummaryTables<'a> {
    format: &'a TableFormat,
    groupings: Vec<SummaryGrouping<'a>>,
    open: Option<OpenTable>,
    /// The key of a row, kept for its memory.
    key: String,
}

/// Rows by what the groups of some controls have in common.
#[derive(Debug)]
struct SummaryGrouping<'a> {
    by: &'a [FormatField],
    /// By place in the format's list.
    controls: Vec<(usize, &'a ControlSpec)>,
    groups: BTreeMap<String, ControlTotals>,
    stated: BTreeSet<StatedGroup>,
    /// Controls whose column some table has.
    has_column: BTreeSet<usize>,
    /// There are more groups, or more statements, than are kept.
    is_beyond: bool,
    /// Rows whose group cannot be told.
    n_lost: u64,
}

/// A total of a group as a table states it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct StatedGroup {
    control: usize,
    key: String,
    said: String,
}

/// The table that the lines of the tail are in.
#[derive(Debug)]
struct OpenTable {
    grouping: usize,
    /// Columns of the key.
    key: Vec<(usize, FormatField)>,
    /// Columns of totals, with their controls.
    totals: Vec<(usize, usize)>,
}

impl<'a> SummaryTables<'a> {
    pub(crate) fn new(format: &'a TableFormat) -> Self {
        let mut groupings: Vec<SummaryGrouping<'a>> = Vec::new();
        for (place, control) in format.controls.iter().enumerate() {
            if control.by.is_empty() {
                continue;
            }
            let known = groupings.iter_mut().find(|grouping| grouping.by == control.by);
            match known {
                Some(grouping) => grouping.controls.push((place, control)),
                None => groupings.push(SummaryGrouping::new(place, control)),
            }
        }
        Self { format, groupings, open: None, key: String::new() }
    }

    /// Adds a row, whether it was rejected or not.
    pub(crate) fn add(
        &mut self,
        fields: &TableFields<'_>,
        record: &TableRecord<'_>,
        numbers: &RowNumbers,
    ) {
        for grouping in &mut self.groupings {
            self.key.clear();
            let mut is_readable = true;
            for field in grouping.by {
                match fields.text(*field, record) {
                    Ok(text) => push_cell(&mut self.key, &text.unwrap_or_default()),
                    Err(_) => is_readable = false,
                }
            }
            if is_readable {
                grouping.add(&self.key, numbers);
            } else {
                grouping.n_lost += 1;
            }
        }
    }

    /// Adds a row whose cells cannot be told apart.
    pub(crate) fn add_unreadable(&mut self) {
        self.groupings.iter_mut().for_each(|grouping| grouping.n_lost += 1);
    }

    /// Reads a line of the tail: the numbers in it that no control reads; `None` if it is of no table.
    pub(crate) fn read_line(&mut self, cells: &[String]) -> Option<u64> {
        if let Some(opened) = self.header(cells) {
            let grouping = &mut self.groupings[opened.grouping];
            grouping.has_column.extend(opened.totals.iter().map(|(_, control)| *control));
            self.open = Some(opened);
            return Some(0);
        }
        let open = self.open.as_ref()?;
        let mut key = String::new();
        for (column, field) in &open.key {
            let cell = cells.get(*column).map_or("", |cell| cell.trim());
            push_cell(&mut key, self.meaning(*field, cell));
        }
        let cell = |column: usize| cells.get(column).map_or("", |cell| cell.trim());
        if open.totals.iter().all(|(column, _)| cell(*column).is_empty()) {
            return None;
        }
        let grouping = &mut self.groupings[open.grouping];
        for (column, control) in &open.totals {
            let said = cell(*column).to_owned();
            grouping.state(StatedGroup { control: *control, key: key.clone(), said });
        }
        let is_read = |column: &usize| {
            open.key.iter().any(|(known, _)| known == column)
                || open.totals.iter().any(|(known, _)| known == column)
        };
        let unread = cells.iter().enumerate().filter(|(column, _)| !is_read(column));
        Some(unread.filter(|(_, cell)| is_number(cell)).count() as u64)
    }

    /// The table whose header a line is.
    fn header(&self, cells: &[String]) -> Option<OpenTable> {
        let names: Vec<String> = cells.iter().map(|cell| normal_name(cell)).collect();
        let column = |name: &String| names.iter().position(|known| *known == normal_name(name));
        let of_field = |field: &FormatField| {
            let column = self.format.fields.get(field)?.header.iter().find_map(column)?;
            Some((column, *field))
        };
        let of_grouping = |(place, grouping): (usize, &SummaryGrouping<'a>)| {
            let key: Option<Vec<_>> = grouping.by.iter().map(of_field).collect();
            let of_control =
                |(place, control): &(usize, &ControlSpec)| Some((column(&control.label)?, *place));
            let totals: Vec<_> = grouping.controls.iter().filter_map(of_control).collect();
            let opened = OpenTable { grouping: place, key: key?, totals };
            (!opened.totals.is_empty()).then_some(opened)
        };
        // A table by country and currency has the columns of one by country alone.
        let opened = self.groupings.iter().enumerate().filter_map(of_grouping);
        opened.max_by_key(|opened| opened.key.len())
    }

    /// What a cell of the tail means, as rows say it.
    fn meaning<'c>(&'c self, field: FormatField, cell: &'c str) -> &'c str {
        let Some(source) = self.format.fields.get(&field) else {
            return cell;
        };
        let code = source.codes.iter().find(|(code, _)| normal_name(code) == normal_name(cell));
        code.map_or(cell, |(_, meant)| meant)
    }

    /// All that the tables state, checked, and what they should state.
    pub(crate) fn check(&self, lost: &LostNumber, mark: DecimalMark) -> Vec<CheckedControl> {
        let mut checked = Vec::new();
        for grouping in &self.groupings {
            for (place, control) in &grouping.controls {
                let style = style_of(self.format, control.total, mark);
                let n_lost = lost.of(control.total).max(grouping.n_lost);
                let found = grouping.check(*place, control, style);
                checked.extend(found.into_iter().map(|checked| checked.without_lost(n_lost)));
            }
        }
        checked
    }
}

impl<'a> SummaryGrouping<'a> {
    fn new(place: usize, control: &'a ControlSpec) -> Self {
        Self {
            by: &control.by,
            controls: vec![(place, control)],
            groups: BTreeMap::new(),
            stated: BTreeSet::new(),
            has_column: BTreeSet::new(),
            is_beyond: false,
            n_lost: 0,
        }
    }

    fn add(&mut self, key: &str, numbers: &RowNumbers) {
        if let Some(totals) = self.groups.get_mut(key) {
            totals.add(numbers);
        } else if self.groups.len() < GROUPS_MAX {
            self.groups.entry(key.to_owned()).or_default().add(numbers);
        } else {
            self.is_beyond = true;
        }
    }

    fn state(&mut self, stated: StatedGroup) {
        if self.stated.len() < GROUPS_MAX {
            self.stated.insert(stated);
        } else {
            self.is_beyond = true;
        }
    }

    /// What is stated of a control, checked, and the groups that no line states.
    fn check(
        &self,
        place: usize,
        control: &ControlSpec,
        style: NumberStyle,
    ) -> Vec<CheckedControl> {
        let none = ControlTotals::default();
        if !self.has_column.contains(&place) {
            let missing = || none.check((control.label.clone(), ""), control, None, style);
            return control.required.then(missing).into_iter().collect();
        }
        if self.is_beyond {
            let label = format!("{} (more than {GROUPS_MAX} groups)", control.label);
            return vec![none.check((label, ""), control, None, style)];
        }
        let stated = self.stated.iter().filter(|stated| stated.control == place);
        let mut covered: BTreeSet<&str> = BTreeSet::new();
        let mut checked = Vec::new();
        for StatedGroup { key, said, .. } in stated {
            let keys = self.keys_of(key);
            let mut totals = ControlTotals::default();
            keys.iter()
                .filter_map(|key| self.groups.get(*key))
                .for_each(|of| totals.add_totals(of));
            covered.extend(keys);
            let label = label_of(control, key);
            checked.push(totals.check((label, said), control, None, style));
        }
        let is_missing = |(key, totals): &(&String, &ControlTotals)| {
            !covered.contains(key.as_str()) && !totals.is_nothing(control.total)
        };
        let missing = self.groups.iter().filter(is_missing);
        checked.extend(
            missing.map(|(key, totals)| {
                totals.check((label_of(control, key), ""), control, None, style)
            }),
        );
        checked
    }

    /// The groups that a line sums: the one of its key, else all that have the cells that it has.
    fn keys_of(&self, key: &str) -> Vec<&str> {
        if let Some((known, _)) = self.groups.get_key_value(key) {
            return vec![known];
        }
        let agrees = |known: &&str| {
            let mut pairs = key.split_terminator(BETWEEN).zip(known.split_terminator(BETWEEN));
            pairs.all(|(wanted, cell)| wanted.is_empty() || wanted == cell)
        };
        if !key.split_terminator(BETWEEN).any(str::is_empty) {
            return Vec::new();
        }
        self.groups.keys().map(String::as_str).filter(agrees).collect()
    }
}

/// Adds a cell to a key; what differs only in case is the same.
fn push_cell(key: &mut String, cell: &str) {
    key.extend(cell.trim().chars().flat_map(char::to_uppercase));
    key.push(BETWEEN);
}

fn label_of(control: &ControlSpec, key: &str) -> String {
    let cells = key.split_terminator(BETWEEN).filter(|cell| !cell.is_empty());
    std::iter::once(control.label.as_str()).chain(cells).collect::<Vec<_>>().join(" ")
}
