//! Statements of another distributor, of the stores that it pays for: those of a month come four months after
//! it, and its lines from the United States two months later still.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use chrono::{Months, NaiveDate};

use super::statements::{decimal, rate_micros};
use super::stores::{StatementDelay, StoreWorld};
use super::sums::StoreSums;
use super::{ReportSink, StatementSpan};

/// Months after the month of use.
const DELAY_MONTHS: u32 = 4;
/// The same for the United States.
const US_DELAY_MONTHS: u32 = 6;

/// Month of use, store, track, country.
type OtherLine<'a> = (NaiveDate, usize, u32, &'a str);

/// Writes the statements that are due on the last day.
pub(super) fn write_statements(
    stores: &[(&StoreWorld, &StoreSums)],
    months: &[StatementSpan],
    sink: &mut ReportSink<'_>,
) -> io::Result<()> {
    let mut statements: BTreeMap<NaiveDate, BTreeMap<OtherLine<'_>, (u64, u64)>> = BTreeMap::new();
    for (number, (store, sums)) in stores.iter().enumerate() {
        if matches!(store.store.delay(), StatementDelay::Days(_)) {
            continue;
        }
        for (key, units) in &sums.settled {
            let delay = if key.territory == "US" { US_DELAY_MONTHS } else { DELAY_MONTHS };
            let used = key.period.first;
            let Some(month) = used.checked_add_months(Months::new(delay)) else {
                continue;
            };
            let line = (used, number, key.track, key.territory);
            let (all, micros) = statements.entry(month).or_default().entry(line).or_default();
            *all += units;
            *micros += units * rate_micros(key.product, key.territory);
        }
    }
    for (month, lines) in statements.range(..=months.last().map_or(NaiveDate::MIN, |m| m.last)) {
        let month = month.format("%Y-%m");
        let mut text = "Sales date;Statement date;Release title;Barcode;Label;ISRC;Track title;\
            Track version;Shop;Transaction type;Country;Quantity;Revenue EUR\n"
            .to_owned();
        for ((used, number, track, country), (units, micros)) in lines {
            let store = stores[*number].0;
            let cells = store.cells(*track);
            let _ = writeln!(
                text,
                "{};{month};{};{};{};{};{};;{:?};Streaming;{country};{units};{}",
                used.format("%Y-%m"),
                cells.album,
                cells.upc,
                cells.artist,
                cells.isrc,
                cells.title,
                store.store,
                decimal(*micros).replace('.', ",")
            );
        }
        let path = format!("imusician/imusician_{month}.csv");
        sink(Path::new(&path), text.as_bytes())?;
    }
    Ok(())
}
