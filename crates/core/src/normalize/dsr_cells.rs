//! Cells of DSR records: texts, numbers, amounts, and what is wrong with them.

use crate::ingest::dsr::unescaped;
use crate::normalize::defect::{Defect, shown};
use crate::normalize::numbers::whole_number;
use crate::normalize::table_fields::Flaw;
use crate::vocabulary::money::{Amount, Currency};

/// A value as text, without escapes; `None` if the cell is empty.
pub(super) fn text_of(cell: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(cell);
    (!cell.is_empty()).then(|| unescaped(&text).into_owned())
}

/// `OnDemandStream` as our tables write it: `on_demand_stream`; a permanent download is a `download`.
pub(super) fn snake_case(text: &str) -> String {
    let mut snake = String::new();
    let mut was_lower = false;
    for character in text.trim().chars() {
        if character.is_uppercase() && was_lower {
            snake.push('_');
        }
        was_lower = character.is_lowercase() || character.is_ascii_digit();
        snake.extend(character.to_lowercase());
    }
    if snake == "permanent_download" { "download".to_owned() } else { snake }
}

pub(super) fn flaw(column: Option<&str>, defect: Defect, expected: &str, found: &[u8]) -> Flaw {
    let detail = format!("expected {expected}, found {}", shown(found));
    Flaw { column: column.map(ToOwned::to_owned), defect, detail }
}

pub(super) fn missing(column: &str) -> Flaw {
    let detail = "expected a value, found an empty cell".to_owned();
    Flaw { column: Some(column.to_owned()), defect: Defect::Missing, detail }
}

pub(super) fn optional_whole(column: &str, cell: &[u8]) -> Result<Option<i64>, Flaw> {
    if cell.is_empty() { Ok(None) } else { whole(column, cell).map(Some) }
}

pub(super) fn whole(column: &str, cell: &[u8]) -> Result<i64, Flaw> {
    if cell.is_empty() {
        return Err(missing(column));
    }
    let number = std::str::from_utf8(cell).ok().and_then(whole_number);
    let expected = "a whole number of at most 15 digits";
    number.ok_or_else(|| flaw(Some(column), Defect::BadNumber, expected, cell))
}

/// An amount, and its text where 12 decimals do not hold it.
pub(super) type ReadMoney = (Amount, Option<String>);

pub(super) fn amount_of(column: &str, cell: &[u8]) -> Result<Option<ReadMoney>, Flaw> {
    if cell.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(cell).unwrap_or_default();
    let Some(read) = Amount::parse(text) else {
        let expected = "an amount below 10^20";
        return Err(flaw(Some(column), Defect::BadNumber, expected, cell));
    };
    Ok(Some((read.amount, (!read.is_exact).then(|| text.to_owned()))))
}

pub(super) fn currency_of(cell: &[u8]) -> Result<Option<Currency>, Flaw> {
    if cell.is_empty() {
        return Ok(None);
    }
    let currency = std::str::from_utf8(cell).ok().and_then(Currency::parse);
    currency
        .map(Some)
        .ok_or_else(|| flaw(Some("Currency"), Defect::BadCurrency, "a code of ISO 4217", cell))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_types_are_written_as_our_tables_write_words() {
        for (theirs, ours) in [
            ("Stream", "stream"),
            ("OnDemandStream", "on_demand_stream"),
            ("PermanentDownload", "download"),
            ("UserMakeAvailableUserProvided", "user_make_available_user_provided"),
            ("", ""),
        ] {
            assert_eq!(snake_case(theirs), ours);
        }
    }
}
