//! Reference data as columns: `catalogue`, `tracks`, `fx_rates`.

use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Int64Array, RecordBatch};
use arrow_schema::ArrowError;
use streamledger_core::model::money::{Amount, Currency};
use streamledger_core::model::reference::ReferenceRow;
use streamledger_core::model::sale::TextId;
use streamledger_core::model::upc::Upc;
use streamledger_core::normalize::sales_lot::SalesLot;

use crate::tables::columns::{amounts, ascii, strings, texts};
use crate::tables::lot_table::{LotTable, reference_schema};

/// Reference data in the order of its table, as columns without `report`.
///
/// # Errors
/// If the columns do not fit the layout.
pub fn reference_columns(
    table: LotTable,
    lot: &SalesLot,
    mut rows: Vec<ReferenceRow>,
) -> Result<RecordBatch, ArrowError> {
    rows.sort_unstable_by_key(ReferenceRow::order);
    let text = |of: fn(&ReferenceRow) -> Option<TextId>| texts(lot, rows.iter().map(of));
    let code = |of: fn(&ReferenceRow) -> Option<Currency>| -> ArrayRef {
        strings(rows.iter().map(|row| of(row).map(|currency| currency.as_str().to_owned())))
    };
    let amount = |of: fn(&ReferenceRow) -> Option<Amount>| {
        amounts(rows.iter().map(|row| of(row).map(|amount| amount.0)))
    };
    let isrc = || strings(rows.iter().map(|row| row.isrc.map(|isrc| ascii(isrc.to_text()))));
    let upc = || strings(rows.iter().map(|row| row.upc.map(Upc::to_text)));
    let ms = || -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.track_ms.map(i64::from)).collect::<Int64Array>())
    };
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| i64::from(row.row)).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| Some(row.date.0)).collect::<Date32Array>()),
    ];
    columns.extend(match table {
        LotTable::Tracks => vec![
            isrc(),
            text(|row| row.store_track),
            upc(),
            text(|row| row.title),
            text(|row| row.artist),
            text(|row| row.release),
            ms(),
        ],
        LotTable::FxRates => vec![
            code(|row| row.base),
            code(|row| row.quote),
            amount(|row| row.rate)?,
            text(|row| row.rate_source),
        ],
        _ => vec![
            isrc(),
            upc(),
            text(|row| row.title),
            text(|row| row.artist),
            text(|row| row.release),
            text(|row| row.label),
            ms(),
            text(|row| row.owner),
            amount(|row| row.share)?,
        ],
    });
    RecordBatch::try_new(reference_schema(table), columns)
}
