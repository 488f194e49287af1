//! Control numbers of a plain table: what its head and tail state, checked against its rows.
//!
//! Sums are over all rows that were read, rejected ones too, as far as their cells can be read: a report
//! whose store sums a row that we reject still agrees with its own total. Where a rejected row cannot be
//! read, nobody knows the sum: then a total that does not agree binds nobody, and says so.

use std::collections::BTreeSet;

use crate::ingest::table::decimal_mark::DecimalMark;
use crate::ingest::table::format::{ControlSpec, Feed, FormatField, TableFormat, TotalSpec};
use crate::ingest::table::head::{StatedFacts, stated_in};
use crate::ingest::table::rows::TableRecord;
use crate::model::money::{Amount, Currency};
use crate::normalize::table::control_numbers::{
    CheckedControl, ControlMoney, ControlTotals, LostNumber, RowNumbers, UnreadableControl,
    is_number, style_of,
};
use crate::normalize::table::fields::TableFields;
use crate::normalize::table::summary_tables::SummaryTables;

/// Most different statements that are kept of a report. Of so many at least one is wrong: there are only
/// so many currencies.
const STATED_MAX: usize = 4096;

/// What a report states, and what its rows sum to.
#[derive(Debug)]
pub(crate) struct ControlNumbers<'a> {
    format: &'a TableFormat,
    stated: BTreeSet<StatedFacts>,
    summaries: SummaryTables<'a>,
    has_units: bool,
    has_amounts: bool,
    totals: ControlTotals,
    lost: LostNumber,
    /// Numbers of the tail that no control reads, and the line of the first.
    n_unread: u64,
    first_unread: String,
}

impl<'a> ControlNumbers<'a> {
    /// The controls of a report whose head states this.
    pub(crate) fn new(format: &'a TableFormat, stated: Vec<StatedFacts>) -> Self {
        let has = |total| format.controls.iter().any(|control| control.total == total);
        Self {
            format,
            stated: stated.into_iter().collect(),
            summaries: SummaryTables::new(format),
            has_units: has(TotalSpec::Units),
            has_amounts: has(TotalSpec::Amount),
            totals: ControlTotals::default(),
            lost: LostNumber::default(),
            n_unread: 0,
            first_unread: String::new(),
        }
    }

    /// Reads a line of the tail.
    pub(crate) fn read_line(&mut self, cells: &[String]) {
        let stated = stated_in(&self.format.controls, cells);
        let n_unread = if stated.is_empty() {
            self.summaries.read_line(cells).unwrap_or_else(|| {
                let numbers = cells.iter().filter(|cell| is_number(cell));
                numbers.count() as u64
            })
        } else {
            0
        };
        if self.n_unread == 0 && n_unread != 0 {
            cells.join(" ").trim().clone_into(&mut self.first_unread);
        }
        self.n_unread += n_unread;
        for stated in stated {
            if self.stated.len() < STATED_MAX {
                self.stated.insert(stated);
            }
        }
    }

    /// Adds a row, whether it was rejected or not.
    pub(crate) fn add(&mut self, fields: &TableFields<'_>, record: &TableRecord<'_>) {
        let numbers = RowNumbers {
            units: if self.has_units { self.units(fields, record) } else { Ok(None) },
            money: if self.has_amounts { money(fields, record) } else { Ok(None) },
        };
        self.totals.add(&numbers);
        self.lost.add(&numbers);
        self.summaries.add(fields, record, &numbers);
    }

    /// Adds a row whose cells cannot be told apart.
    pub(crate) fn add_unreadable(&mut self) {
        let numbers = RowNumbers { units: Err(UnreadableControl), money: Err(UnreadableControl) };
        self.totals.add(&numbers);
        self.lost.add(&numbers);
        self.summaries.add_unreadable();
    }

    fn units(
        &self,
        fields: &TableFields<'_>,
        record: &TableRecord<'_>,
    ) -> Result<Option<i64>, UnreadableControl> {
        let field =
            if self.format.feed == Feed::Sales { FormatField::Units } else { FormatField::Plays };
        fields.whole(field, record).map_err(|_| UnreadableControl)
    }

    /// All control numbers, checked; `mark` is the decimal mark of the report where it may have either.
    pub(crate) fn check(&self, mark: DecimalMark) -> Vec<CheckedControl> {
        let mut checked = Vec::new();
        let lines = self.format.controls.iter().enumerate();
        for (place, control) in lines.filter(|(_, control)| control.by.is_empty()) {
            let stated: Vec<&StatedFacts> =
                self.stated.iter().filter(|stated| stated.control == place).collect();
            let missing = self.missing(control, &stated);
            let missing = missing.into_iter().map(|currency| (currency, String::new()));
            let stated =
                stated.into_iter().map(|stated| (stated.currency.clone(), stated.said.clone()));
            checked.extend(stated.chain(missing).map(|(currency, said)| {
                let label = match &currency {
                    Some(currency) => format!("{} {currency}", control.label),
                    None => control.label.clone(),
                };
                let style = style_of(self.format, control.total, mark);
                let checked =
                    self.totals.check((label, &said), control, currency.as_deref(), style);
                checked.without_lost(self.lost.of(control.total))
            }));
        }
        checked.extend(self.summaries.check(&self.lost, mark));
        if self.n_unread != 0 {
            checked.push(CheckedControl::unread(&self.first_unread, self.n_unread));
        }
        checked
    }

    /// The lines that a report should have and has not: the currency of each, if it is of one.
    fn missing(&self, control: &ControlSpec, stated: &[&StatedFacts]) -> Vec<Option<String>> {
        if !control.per_currency {
            return if control.required && stated.is_empty() { vec![None] } else { Vec::new() };
        }
        if !control.required && stated.is_empty() {
            return Vec::new();
        }
        let is_stated =
            |code: &str| stated.iter().any(|stated| stated.currency.as_deref() == Some(code));
        let codes = self.totals.currencies().map(|currency| currency.as_str().to_owned());
        codes.filter(|code| !is_stated(code)).map(Some).collect()
    }
}

fn money(
    fields: &TableFields<'_>,
    record: &TableRecord<'_>,
) -> Result<Option<ControlMoney>, UnreadableControl> {
    let Some(text) = fields.decimal(FormatField::Amount, record).map_err(|_| UnreadableControl)?
    else {
        return Ok(None);
    };
    let currency = fields.text(FormatField::Currency, record).ok().flatten();
    let currency = currency.and_then(|text| Currency::parse(&text)).ok_or(UnreadableControl)?;
    let read = Amount::parse(&text).ok_or(UnreadableControl)?;
    Ok(Some(ControlMoney { amount: read.amount, currency, is_exact: read.is_exact }))
}
