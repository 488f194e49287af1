//! Control numbers: what a report states of itself, beside what its rows add up to.

use crate::ingest::table::decimal_mark::DecimalMark;
use crate::ingest::table::format::{
    ControlSpec, Feed, FormatField, NumberStyle, TableFormat, TotalSpec,
};
use crate::model::money::{Amount, Currency};
use crate::normalize::sums::{BoundedSum, ReportSumsBuilder};
use crate::normalize::values::numbers::plain_decimal;

/// A control number that was checked against the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedControl {
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

impl CheckedControl {
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

    /// Numbers of a tail that no control of the format reads, of which this is the first.
    pub(crate) fn unread(first: &str, n_numbers: u64) -> Self {
        let label = match n_numbers {
            1 => "tail".to_owned(),
            _ => format!("tail ({n_numbers} numbers)"),
        };
        Self {
            label,
            said: first.to_owned(),
            found: String::new(),
            agrees: false,
            is_binding: false,
            why_not: "the format does not say what is summed there".to_owned(),
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

    /// Whether nobody knows if it is right: rows are missing from its sum, or it is not known which rows
    /// it sums.
    #[must_use]
    pub fn is_unchecked(&self) -> bool {
        !self.agrees && !self.is_binding && (self.n_lost != 0 || self.found.is_empty())
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
const ONE: i128 = 10_i128.pow(crate::model::money::SCALE);

/// Whether a cell of a tail is a number, with either decimal mark.
pub(crate) fn is_number(cell: &str) -> bool {
    let is_of = |style| read_number(cell, style).is_some();
    cell.bytes().any(|byte| byte.is_ascii_digit())
        && (is_of(NumberStyle::Point) || is_of(NumberStyle::Comma))
}

/// How a report writes the numbers of such a total, if its decimal mark is this one.
pub(crate) fn style_of(format: &TableFormat, total: TotalSpec, mark: DecimalMark) -> NumberStyle {
    let field = match total {
        TotalSpec::Amount => FormatField::Amount,
        TotalSpec::Rows | TotalSpec::Units if format.feed == Feed::Sales => FormatField::Units,
        TotalSpec::Rows | TotalSpec::Units => FormatField::Plays,
    };
    let style = format.fields.get(&field).map(|source| source.number);
    match style.unwrap_or_default() {
        NumberStyle::Either if mark == DecimalMark::Comma => NumberStyle::Comma,
        NumberStyle::Either => NumberStyle::Point,
        style => style,
    }
}

/// A number as a report states it (`12`, `12.0`, `1,200`), in 10^-12; `None` if it is none.
fn read_number(said: &str, style: NumberStyle) -> Option<i128> {
    Amount::parse_sum(&plain_decimal(said, style, DecimalMark::Point)?).map(|read| read.amount.0)
}

/// The numbers of a row that are summed; `Err` where they cannot be read.
pub(crate) struct RowNumbers {
    /// `None` where the row has no number.
    pub(crate) units: Result<Option<i64>, UnreadableControl>,
    /// `None` where the row has no money.
    pub(crate) money: Result<Option<ControlMoney>, UnreadableControl>,
}

/// A number cannot be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnreadableControl;

/// The money of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ControlMoney {
    pub(crate) amount: Amount,
    pub(crate) currency: Currency,
    /// Whether the amount has no more decimals than are kept.
    pub(crate) is_exact: bool,
}

/// Rejected rows whose numbers cannot be read.
#[derive(Debug, Default)]
pub(crate) struct LostNumber {
    units: u64,
    money: u64,
}

impl LostNumber {
    /// Counts what cannot be read of a row.
    pub(crate) fn add(&mut self, numbers: &RowNumbers) {
        self.units += u64::from(numbers.units.is_err());
        self.money += u64::from(numbers.money.is_err());
    }

    /// Rows that are missing from such a total.
    pub(crate) fn of(&self, total: TotalSpec) -> u64 {
        match total {
            TotalSpec::Rows => 0,
            TotalSpec::Units => self.units,
            TotalSpec::Amount => self.money,
        }
    }
}

/// What rows add up to.
#[derive(Debug, Default)]
pub(crate) struct ControlTotals {
    n_rows: u64,
    sums: ReportSumsBuilder,
    /// Rows whose amount has more decimals than are kept.
    n_inexact: u64,
}

impl ControlTotals {
    /// Adds the numbers of a row that can be read.
    pub(crate) fn add(&mut self, numbers: &RowNumbers) {
        self.n_rows += 1;
        if let Ok(Some(units)) = numbers.units {
            self.sums.units.add(units.into());
        }
        if let Ok(Some(ControlMoney { amount, currency, is_exact })) = numbers.money {
            self.n_inexact += u64::from(!is_exact);
            self.sums.amounts.entry(currency).or_default().add(amount.0);
        }
    }

    /// Adds all that others have.
    pub(crate) fn add_totals(&mut self, other: &Self) {
        self.n_rows += other.n_rows;
        self.sums.add_sums(&other.sums);
        self.n_inexact += other.n_inexact;
    }

    /// The currencies of the rows.
    pub(crate) fn currencies(&self) -> impl Iterator<Item = Currency> {
        self.sums.amounts.keys().copied()
    }

    /// Whether all that a control may state of the rows is 0.
    pub(crate) fn is_nothing(&self, total: TotalSpec) -> bool {
        match total {
            TotalSpec::Rows => self.n_rows == 0,
            TotalSpec::Units => self.sums.units.net() == Some(0),
            TotalSpec::Amount => self.sums.amounts.values().all(|sum| sum.net() == Some(0)),
        }
    }

    /// The total of the rows beside what a report states of it, in this style; of money, in this currency
    /// where one is stated.
    pub(crate) fn check(
        &self,
        (label, said): (String, &str),
        control: &ControlSpec,
        currency: Option<&str>,
        style: NumberStyle,
    ) -> CheckedControl {
        match control.total {
            TotalSpec::Rows => CheckedControl::number(&label, said, self.n_rows),
            TotalSpec::Units => of_sum((label, said), &self.sums.units, ONE, 0, style),
            TotalSpec::Amount => {
                let none = BoundedSum::default();
                let amounts = &self.sums.amounts;
                let code = currency.and_then(Currency::parse);
                let sum = match code {
                    Some(code) => amounts.get(&code),
                    None if control.per_currency => None,
                    None => amounts.values().next(),
                };
                let checked =
                    of_sum((label, said), sum.unwrap_or(&none), 1, self.n_inexact.into(), style);
                if code.is_none() && 1 < amounts.len() {
                    CheckedControl { found: self.in_currencies(), agrees: false, ..checked }
                } else {
                    checked
                }
            }
        }
    }

    /// One total over amounts in several currencies says nothing: they do not add up.
    fn in_currencies(&self) -> String {
        let of = |(currency, sum): (&Currency, &BoundedSum)| {
            let net = sum.net().map_or_else(|| "?".to_owned(), |net| Amount(net).to_string());
            format!("{net} {}", currency.as_str())
        };
        let found: Vec<String> = self.sums.amounts.iter().map(of).collect();
        found.join(" and ")
    }
}

/// A sum of numbers of this size in 10^-12, each of which may be off by half of that where so many were
/// rounded.
fn of_sum(
    (label, said): (String, &str),
    sum: &BoundedSum,
    scale: i128,
    n_rounded: i128,
    style: NumberStyle,
) -> CheckedControl {
    let found = sum.net().and_then(|net| net.checked_mul(scale));
    let difference = read_number(said, style).zip(found).and_then(|(a, b)| a.checked_sub(b));
    CheckedControl {
        label,
        said: said.to_owned(),
        found: found.map_or_else(|| "more than can be told".to_owned(), |f| Amount(f).to_string()),
        agrees: difference
            .is_some_and(|difference| difference.unsigned_abs() <= n_rounded.unsigned_abs()),
        is_binding: true,
        why_not: String::new(),
        n_lost: 0,
    }
}
