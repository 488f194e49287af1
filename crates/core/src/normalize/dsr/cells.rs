//! Cells of DSR records: texts, numbers, amounts, and what is wrong with them.

use crate::ingest::dsr::records::{DsrItem, SummaryCells, UsageCells};
use crate::ingest::dsr::{RecordCells, only_value, unescaped};
use crate::model::grid::Grid;
use crate::model::money::{Amount, Currency};
use crate::model::territory::{Territory, TerritoryCell, TerritoryTable};
use crate::normalize::dsr::block::NotInBlock;
use crate::normalize::rejected_row::{RejectCode, shown};
use crate::normalize::table::fields::RowRejection;
use crate::normalize::values::cells::truth;
use crate::normalize::values::numbers::{short_whole, whole_number};

/// A value as text, without escapes; `None` if the cell is empty.
pub(crate) fn text_of(cell: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(cell);
    (!cell.is_empty()).then(|| unescaped(&text).into_owned())
}

/// `OnDemandStream` as our tables write it: `on_demand_stream`; a permanent download is a `download`.
pub(crate) fn snake_case(text: &str) -> String {
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

pub(crate) fn rejection(
    column: Option<&str>,
    reject_code: RejectCode,
    expected: &str,
    found: &[u8],
) -> RowRejection {
    let detail = format!("expected {expected}, found {}", shown(found));
    RowRejection { column: column.map(ToOwned::to_owned), reject_code, detail }
}

pub(crate) fn missing(column: &str) -> RowRejection {
    let detail = "expected a value, found an empty cell".to_owned();
    RowRejection { column: Some(column.to_owned()), reject_code: RejectCode::Missing, detail }
}

pub(crate) fn optional_whole(column: &str, cell: &[u8]) -> Result<Option<i64>, RowRejection> {
    if cell.is_empty() { Ok(None) } else { whole(column, cell).map(Some) }
}

pub(crate) fn whole(column: &str, cell: &[u8]) -> Result<i64, RowRejection> {
    if cell.is_empty() {
        return Err(missing(column));
    }
    let number = std::str::from_utf8(cell).ok().and_then(whole_number);
    let expected = "a whole number of at most 15 digits";
    number.ok_or_else(|| rejection(Some(column), RejectCode::BadNumber, expected, cell))
}

/// An amount, and its text where 12 decimals do not hold it.
pub(crate) type ReadMoney = (Amount, Option<String>);

pub(crate) fn amount_of(column: &str, cell: &[u8]) -> Result<Option<ReadMoney>, RowRejection> {
    if cell.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(cell).unwrap_or_default();
    let Some(read) = Amount::parse(text) else {
        let expected = "an amount below 10^20";
        return Err(rejection(Some(column), RejectCode::BadNumber, expected, cell));
    };
    Ok(Some((read.amount, (!read.is_exact).then(|| text.to_owned()))))
}

pub(crate) fn currency_of(cell: &[u8]) -> Result<Option<Currency>, RowRejection> {
    if cell.is_empty() {
        return Ok(None);
    }
    let currency = std::str::from_utf8(cell).ok().and_then(Currency::parse);
    currency.map(Some).ok_or_else(|| {
        rejection(Some("Currency"), RejectCode::BadCurrency, "a code of ISO 4217", cell)
    })
}

/// Amount and currency of a pool, which has both or no amount.
pub(crate) fn pool_money(
    cells: &RecordCells<'_>,
    places: &SummaryCells,
) -> Result<(Option<ReadMoney>, Option<Currency>), RowRejection> {
    let amount = match places.amount {
        Some(place) => amount_of("NetRevenue", cells.get(place))?,
        None => None,
    };
    let currency = match places.currency {
        Some(place) => currency_of(cells.get(place))?,
        None => None,
    };
    if amount.is_some() && currency.is_none() {
        return Err(missing("Currency"));
    }
    Ok((amount, currency))
}

/// The `GRid` of a release, and the text of one that is none.
pub(crate) fn grid_of(
    cells: &RecordCells<'_>,
    places: &UsageCells,
) -> (Option<Grid>, Option<String>) {
    let text = places.grid.and_then(|place| text_of(cells.get(place)));
    let grid = text.as_deref().and_then(Grid::parse);
    (grid, text.filter(|_| grid.is_none()))
}

/// Units that were used, without those that were given back.
pub(crate) fn units(cells: &RecordCells<'_>, places: &UsageCells) -> Result<i64, RowRejection> {
    let used = whole("Usages", cells.get(places.units))?;
    let returned = match places.returns {
        Some(place) => optional_whole("Returns", cells.get(place))?,
        None => None,
    };
    Ok(returned.map_or(used, |returned| used - returned))
}

/// Units and amount of a usage record as most records write them; `None` where they must be looked at more
/// closely.
pub(crate) fn short_numbers(
    cells: &RecordCells<'_>,
    places: &UsageCells,
) -> Option<(i64, Option<Amount>)> {
    let used = short_whole(cells.get(places.units))?;
    let returned = match places.returns.map(|place| cells.get(place)) {
        None | Some(b"") => 0,
        Some(cell) => short_whole(cell)?,
    };
    let amount = match places.amount.map(|place| cells.get(place)) {
        None | Some(b"") => None,
        Some(cell) => Some(Amount::parse_short(cell)?),
    };
    Some((used - returned, amount))
}

/// The cells that say what was used.
pub(crate) fn item_cells<'c>(cells: &RecordCells<'c>, places: &UsageCells) -> [&'c [u8]; 5] {
    let grid = places.grid.map_or(&b""[..], |place| cells.get(place));
    let [first, second, third] = match places.item {
        DsrItem::References { release, resource } => [Some(release), Some(resource), None],
        DsrItem::DspId(place) => [Some(place), None, None],
        DsrItem::Here { isrc, icpn, dsp_resource } => [Some(isrc), Some(icpn), Some(dsp_resource)],
    }
    .map(|place| place.map_or(&b""[..], |place| cells.get(place)));
    [cells.get(0), first, second, third, grid]
}

/// The cells that say how it was used, beside what `kind` says of its numbers.
pub(crate) fn terms_cells<'c>(
    cells: &RecordCells<'c>,
    places: &UsageCells,
    kind: &'c [u8; 2],
) -> [&'c [u8]; 7] {
    let cell = |place: Option<usize>| place.map_or(&b""[..], |place| cells.get(place));
    let (from, to) = places.validity.unzip();
    [
        cells.get(0),
        kind,
        cells.get(places.summary),
        cell(places.royalty_bearing),
        cell(places.use_type),
        cell(from),
        cell(to),
    ]
}

pub(crate) fn not_in_block(missing: &NotInBlock) -> RowRejection {
    let NotInBlock { column, expected, reference } = missing;
    rejection(Some(column), RejectCode::UnknownReference, expected, reference.as_bytes())
}

/// Whether the units bear a royalty; `None` if the record does not say.
pub(crate) fn royalty_bearing(
    cells: &RecordCells<'_>,
    places: &UsageCells,
) -> Result<Option<bool>, RowRejection> {
    let Some(place) = places.royalty_bearing else {
        return Ok(None);
    };
    truth(cells.get(place)).map_err(|reject_code| {
        rejection(Some("IsRoyaltyBearing"), reject_code, "true or false", cells.get(place))
    })
}

/// A territory of ISO 3166-1 or its number in the TIS. A list, the world or a part of a country
/// is no single territory.
pub(crate) fn territory_of(territories: &TerritoryTable, cell: &[u8]) -> (Option<Territory>, bool) {
    let Some(code) = only_value(cell) else {
        return (None, false);
    };
    match territories.look_up(code) {
        TerritoryCell::Known(territory) | TerritoryCell::Aliased(territory) => {
            (Some(territory), false)
        }
        TerritoryCell::Empty => (None, false),
        TerritoryCell::Wrong if code.eq_ignore_ascii_case(b"worldwide") => (None, false),
        TerritoryCell::Wrong => {
            let territory = territories.look_up_tis(code);
            (territory, territory.is_none())
        }
    }
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
