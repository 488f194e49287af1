//! Control numbers of a plain table: what its head and tail state, checked against its rows.
//!
//! Sums are over all rows that were read, those in quarantine too, as far as their cells can be read: a
//! report whose store sums a row that we reject still agrees with its own total. Where a rejected row
//! cannot be read, nobody knows the sum: then a total that does not agree binds nobody, and says so.

use std::collections::BTreeSet;

use crate::ingest::table::decimal_mark::DecimalMark;
use crate::ingest::table::format::{Control, Feed, Field, NumberStyle, TableFormat, Total};
use crate::ingest::table::head::{Stated, stated_in};
use crate::ingest::table::records::Record;
use crate::normalize::numbers::plain_decimal;
use crate::normalize::sums::{Sum, Sums};
use crate::normalize::table_fields::TableFields;
use crate::vocabulary::money::{Amount, Currency};

/// Most different statements that are kept of a report. Of so many at least one is wrong: there are only
/// so many currencies.
const STATED_MAX: usize = 4096;

/// A control number that was checked against the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its name in the report.
    pub label: String,
    /// What the report states; empty where it must state it and does not.
    pub said: String,
    /// What the rows add up to.
    pub found: String,
    /// Whether the two are the same.
    pub agrees: bool,
    /// Whether a report with another number is rejected.
    pub is_binding: bool,
    /// Why it does not bind, for a person; empty if it does.
    pub why_not: String,
    /// Rejected rows that are missing from what the rows add up to, since they cannot be read.
    pub n_lost: u64,
}

impl Checked {
    /// A binding number of things that were counted.
    #[must_use]
    pub fn number(label: &str, said: &str, found: u64) -> Self {
        Self::sum(label, said, i128::from(found))
    }

    /// A binding sum.
    #[must_use]
    pub fn sum(label: &str, said: &str, found: i128) -> Self {
        let scaled = found.checked_mul(ONE);
        Self {
            label: label.to_owned(),
            said: said.to_owned(),
            found: found.to_string(),
            agrees: scaled.is_some() && read_number(said, NumberStyle::Point) == scaled,
            is_binding: true,
            why_not: String::new(),
            n_lost: 0,
        }
    }

    /// The same without so many rejected rows: if it does not agree, it binds nobody.
    #[must_use]
    pub fn without_lost(mut self, n_lost: u64) -> Self {
        self.n_lost = n_lost;
        if n_lost == 0 || self.agrees {
            return self;
        }
        let rows = if n_lost == 1 { "row" } else { "rows" };
        self.unless_readable(format!("{n_lost} rejected {rows} cannot be summed"))
    }

    /// The same, but it binds nobody. A number that is none binds in any case.
    #[must_use]
    pub fn unless_readable(mut self, why_not: String) -> Self {
        if read_number(&self.said, NumberStyle::Point).is_some() {
            self.is_binding = false;
            self.why_not = why_not;
        }
        self
    }
}

/// One, in 10^-12.
const ONE: i128 = 10_i128.pow(crate::vocabulary::money::SCALE);

/// A number as a report states it (`12`, `12.0`, `1,200`), in 10^-12; `None` if it is none.
fn read_number(said: &str, style: NumberStyle) -> Option<i128> {
    Amount::parse_sum(&plain_decimal(said, style, DecimalMark::Point)?).map(|read| read.amount.0)
}

/// What a report states, and what its rows sum to.
#[derive(Debug)]
pub(super) struct Controls<'a> {
    format: &'a TableFormat,
    stated: BTreeSet<Stated>,
    has_units: bool,
    has_amounts: bool,
    sums: Sums,
    /// Money whatever its currency.
    amount: Sum,
    /// Rows whose amount has more decimals than are kept.
    n_inexact: i128,
    /// Rejected rows whose units, or whose amount, cannot be read.
    n_lost: [u64; 2],
}

impl<'a> Controls<'a> {
    /// The controls of a report whose head states this.
    pub(super) fn new(format: &'a TableFormat, stated: Vec<Stated>) -> Self {
        let has = |total| format.controls.iter().any(|control| control.total == total);
        Self {
            format,
            stated: stated.into_iter().collect(),
            has_units: has(Total::Units),
            has_amounts: has(Total::Amount),
            sums: Sums::default(),
            amount: Sum::default(),
            n_inexact: 0,
            n_lost: [0; 2],
        }
    }

    /// Takes a line of the tail in.
    pub(super) fn take_line(&mut self, cells: &[String]) {
        for stated in stated_in(&self.format.controls, cells) {
            if self.stated.len() < STATED_MAX {
                self.stated.insert(stated);
            }
        }
    }

    /// Adds a row, whether it was rejected or not.
    pub(super) fn add(&mut self, fields: &TableFields<'_>, record: &Record<'_>) {
        if self.has_units {
            match fields.whole(self.units_field(), record) {
                Ok(units) => self.sums.units.add(units.map_or(0, i128::from)),
                Err(_) => self.n_lost[0] += 1,
            }
        }
        if self.has_amounts && !self.add_amount(fields, record) {
            self.n_lost[1] += 1;
        }
    }

    /// Adds a row whose cells cannot be told apart.
    pub(super) fn add_unreadable(&mut self) {
        self.n_lost.iter_mut().for_each(|n_lost| *n_lost += 1);
    }

    fn add_amount(&mut self, fields: &TableFields<'_>, record: &Record<'_>) -> bool {
        let Ok(text) = fields.decimal(Field::Amount, record) else {
            return false;
        };
        let Some(text) = text else {
            return true;
        };
        let currency = fields.text(Field::Currency, record).ok().flatten();
        match (Amount::parse(&text), currency.and_then(|text| Currency::parse(&text))) {
            (Some(read), Some(currency)) => {
                self.n_inexact += i128::from(!read.is_exact);
                self.amount.add(read.amount.0);
                self.sums.amounts.entry(currency).or_default().add(read.amount.0);
                true
            }
            _ => false,
        }
    }

    fn units_field(&self) -> Field {
        if self.format.feed == Feed::Sales { Field::Units } else { Field::Plays }
    }

    /// All control numbers, checked; `n_rows` are all data rows, rejected ones included, `mark` is the decimal
    /// mark of the report where it may have either.
    pub(super) fn check(&self, n_rows: u64, mark: DecimalMark) -> Vec<Checked> {
        let mut checked = Vec::new();
        for (place, control) in self.format.controls.iter().enumerate() {
            let stated: Vec<&Stated> =
                self.stated.iter().filter(|stated| stated.control == place).collect();
            checked
                .extend(stated.iter().map(|stated| self.checked(control, (n_rows, mark), stated)));
            let missing: Vec<Option<String>> = if control.per_currency {
                let is_stated = |code: &str| {
                    stated.iter().any(|stated| stated.currency.as_deref() == Some(code))
                };
                let codes = self.sums.amounts.keys().map(|currency| currency.as_str().to_owned());
                let is_expected = control.required || !stated.is_empty();
                codes.filter(|code| is_expected && !is_stated(code)).map(Some).collect()
            } else if control.required && stated.is_empty() {
                vec![None]
            } else {
                Vec::new()
            };
            checked.extend(missing.into_iter().map(|currency| {
                let stated = Stated { control: place, currency, said: String::new() };
                self.checked(control, (n_rows, mark), &stated)
            }));
        }
        checked
    }

    fn checked(
        &self,
        control: &Control,
        (n_rows, mark): (u64, DecimalMark),
        stated: &Stated,
    ) -> Checked {
        let n_lost = match control.total {
            Total::Rows => 0,
            Total::Units => self.n_lost[0],
            Total::Amount => self.n_lost[1],
        };
        let checked = match control.total {
            Total::Rows => Checked::number(&control.label, &stated.said, n_rows),
            Total::Units => {
                let style = self.style(self.units_field(), mark);
                Self::of_sum(control, stated, &self.sums.units, ONE, 0, style)
            }
            Total::Amount => {
                let style = self.style(Field::Amount, mark);
                let none = Sum::default();
                let code = stated.currency.as_deref().and_then(Currency::parse);
                let sum = match code {
                    Some(code) => self.sums.amounts.get(&code).unwrap_or(&none),
                    None if control.per_currency => &none,
                    None => &self.amount,
                };
                let checked = Self::of_sum(control, stated, sum, 1, self.n_inexact, style);
                if code.is_none() && 1 < self.sums.amounts.len() {
                    self.of_several_currencies(checked)
                } else {
                    checked
                }
            }
        };
        checked.without_lost(n_lost)
    }

    /// One total over amounts in several currencies says nothing: they do not add up.
    fn of_several_currencies(&self, checked: Checked) -> Checked {
        let of = |(currency, sum): (&Currency, &Sum)| {
            let net = sum.net().map_or_else(|| "?".to_owned(), |net| Amount(net).to_string());
            format!("{net} {}", currency.as_str())
        };
        let found: Vec<String> = self.sums.amounts.iter().map(of).collect();
        Checked { found: found.join(" and "), agrees: false, ..checked }
    }

    /// A sum of numbers of this size in 10^-12, each of which may be off by half of that where so many
    /// were rounded.
    fn of_sum(
        control: &Control,
        stated: &Stated,
        sum: &Sum,
        scale: i128,
        n_rounded: i128,
        style: NumberStyle,
    ) -> Checked {
        let label = match &stated.currency {
            Some(currency) => format!("{} {currency}", control.label),
            None => control.label.clone(),
        };
        let found = sum.net().and_then(|net| net.checked_mul(scale));
        let difference =
            read_number(&stated.said, style).zip(found).and_then(|(a, b)| a.checked_sub(b));
        Checked {
            label,
            said: stated.said.clone(),
            found: found
                .map_or_else(|| "more than can be told".to_owned(), |f| Amount(f).to_string()),
            agrees: difference
                .is_some_and(|difference| difference.unsigned_abs() <= n_rounded.unsigned_abs()),
            is_binding: true,
            why_not: String::new(),
            n_lost: 0,
        }
    }

    fn style(&self, field: Field, mark: DecimalMark) -> NumberStyle {
        let style = self.format.fields.get(&field).map(|source| source.number);
        match style.unwrap_or_default() {
            NumberStyle::Either if mark == DecimalMark::Comma => NumberStyle::Comma,
            NumberStyle::Either => NumberStyle::Point,
            style => style,
        }
    }
}
