//! Lines of statements, pools and figures as columns, in the order of their tables.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch};
use arrow_schema::ArrowError;
use streamledger_core::model::sale::{FigureRow, RevenuePool, SaleRow, TextId};
use streamledger_core::model::upc::Upc;
use streamledger_core::normalize::sales_lot::SalesLot;

use crate::tables::columns::{amounts, ascii, strings, territories, texts};
use crate::tables::lot_table::LotTable;

/// Lines in the order of `sales`, as columns without `report`.
///
/// # Errors
/// If the columns do not fit the layout.
pub fn sales_columns(lot: &SalesLot, mut sales: Vec<SaleRow>) -> Result<RecordBatch, ArrowError> {
    sales.sort_unstable_by_key(|sale| (sale.isrc.is_none(), sale.isrc, sale.row));
    let text = |of: fn(&SaleRow) -> Option<TextId>| texts(lot, sales.iter().map(of));
    let date = |of: fn(&SaleRow) -> Option<i32>| -> ArrayRef {
        Arc::new(sales.iter().map(of).collect::<Date32Array>())
    };
    let truth = |of: fn(&SaleRow) -> Option<bool>| -> ArrayRef {
        Arc::new(sales.iter().map(of).collect::<BooleanArray>())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(sales.iter().map(|sale| i64::from(sale.row)).collect::<Int64Array>()),
        date(|sale| Some(sale.usage_from.0)),
        date(|sale| Some(sale.usage_to.0)),
        strings(sales.iter().map(|sale| sale.statement_period.map(|month| month.to_string()))),
        date(|sale| sale.reported.map(|day| day.0)),
        strings(sales.iter().map(|s| s.isrc.map(|isrc| ascii(isrc.to_text())))),
        strings(sales.iter().map(|s| s.upc.map(Upc::to_text))),
        text(|sale| sale.store_track),
        territories(sales.iter().map(|sale| sale.territory)),
        strings(sales.iter().map(|sale| Some(sale.tier.as_str()))),
        text(|sale| sale.tier_code),
        text(|sale| Some(sale.use_type)),
        truth(|sale| sale.offline),
        Arc::new(sales.iter().map(|sale| sale.units).collect::<Int64Array>()),
        amounts(sales.iter().map(|sale| sale.amount.map(|amount| amount.0)))?,
        text(|sale| sale.amount_text),
        strings(sales.iter().map(|sale| sale.currency.map(|c| c.as_str().to_owned()))),
        truth(|sale| sale.royalty_bearing),
        strings(sales.iter().map(|sale| Some(sale.line_type.as_str()))),
        text(|sale| sale.pool),
        text(|sale| sale.shop),
        text(|sale| sale.grid),
        text(|sale| sale.id_text),
    ];
    RecordBatch::try_new(LotTable::Sales.part_schema(), columns)
}

/// Figures in the order of their table, as columns without `report`.
///
/// # Errors
/// If the columns do not fit the layout.
pub fn figures_columns(
    lot: &SalesLot,
    mut figures: Vec<FigureRow>,
) -> Result<RecordBatch, ArrowError> {
    figures.sort_unstable_by_key(FigureRow::order);
    let text = |of: fn(&FigureRow) -> Option<TextId>| texts(lot, figures.iter().map(of));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(figures.iter().map(|figure| i64::from(figure.row)).collect::<Int64Array>()),
        Arc::new(figures.iter().map(|figure| Some(figure.date.0)).collect::<Date32Array>()),
        strings(figures.iter().map(|f| f.isrc.map(|isrc| ascii(isrc.to_text())))),
        strings(figures.iter().map(|f| f.upc.map(Upc::to_text))),
        text(|figure| figure.store_track),
        territories(figures.iter().map(|figure| figure.territory)),
        strings(figures.iter().map(|figure| Some(figure.tier.as_str()))),
        text(|figure| figure.tier_code),
        Arc::new(figures.iter().map(|figure| figure.plays).collect::<Int64Array>()),
    ];
    RecordBatch::try_new(LotTable::PublicCounts.part_schema(), columns)
}

/// Pools in order of rows, as columns without `report`.
///
/// # Errors
/// If the columns do not fit the layout.
pub fn pools_columns(lot: &SalesLot, pools: &[RevenuePool]) -> Result<RecordBatch, ArrowError> {
    let text = |of: fn(&RevenuePool) -> Option<TextId>| texts(lot, pools.iter().map(of));
    let number = |of: fn(&RevenuePool) -> Option<i64>| -> ArrayRef {
        Arc::new(pools.iter().map(of).collect::<Int64Array>())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(pools.iter().map(|pool| i64::from(pool.row)).collect::<Int64Array>()),
        text(|pool| Some(pool.pool)),
        territories(pools.iter().map(|pool| pool.territory)),
        text(|pool| pool.model),
        text(|pool| pool.use_type),
        number(|pool| pool.units),
        number(|pool| pool.subscribers),
        amounts(pools.iter().map(|pool| pool.amount.map(|amount| amount.0)))?,
        strings(pools.iter().map(|pool| pool.currency.map(|c| c.as_str().to_owned()))),
    ];
    RecordBatch::try_new(LotTable::RevenuePools.part_schema(), columns)
}
