//! Lines of statements and pools as columns: the layouts of `sales` and `revenue_pools`, and the order of
//! `sales`.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray,
    StringBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use streamledger_core::ingest::table::format::{Feed, ReferenceKind};
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_core::numbers::exact;
use streamledger_core::vocabulary::money::SCALE;
use streamledger_core::vocabulary::sale::{Figure, Pool, Sale, TextId};
use streamledger_core::vocabulary::territory::Territory;
use streamledger_core::vocabulary::upc::Upc;

use crate::reference_columns::reference_schema;

/// Digits of an amount.
const PRECISION: u8 = 38;

pub(crate) fn amount_type() -> DataType {
    DataType::Decimal128(PRECISION, exact::<i8>(SCALE))
}

/// The columns of `sales`, after `report`.
static SALES: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let date = |name: &str, nullable| Field::new(name, DataType::Date32, nullable);
    let truth = |name: &str| Field::new(name, DataType::Boolean, true);
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::Int64, false),
        date("usage_from", false),
        date("usage_to", false),
        text("statement_period", true),
        date("reported_date", true),
        text("isrc", true),
        text("upc", true),
        text("store_track", true),
        text("territory", true),
        text("tier", false),
        text("tier_code", true),
        text("use_type", false),
        truth("offline"),
        Field::new("units", DataType::Int64, false),
        Field::new("amount", amount_type(), true),
        text("amount_text", true),
        text("currency", true),
        truth("royalty_bearing"),
        text("line_type", false),
        text("pool", true),
        text("shop", true),
        text("grid", true),
        text("id_text", true),
    ]))
});

/// The columns of `revenue_pools`, after `report`.
static POOLS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::Int64, false),
        text("pool", false),
        text("territory", true),
        text("model", true),
        text("use_type", true),
        Field::new("units", DataType::Int64, true),
        Field::new("subscribers", DataType::Int64, true),
        Field::new("amount", amount_type(), true),
        text("currency", true),
    ]))
});

/// The columns of `public_counts` and `store_removals`, after `report`.
static FIGURES: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::Int64, false),
        Field::new("date", DataType::Date32, false),
        text("isrc", true),
        text("upc", true),
        text("store_track", true),
        text("territory", true),
        text("tier", false),
        text("tier_code", true),
        Field::new("plays", DataType::Int64, false),
    ]))
});

/// A table that is made of lots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LotTable {
    /// `sales`.
    Sales,
    /// `sales_superseded`: the lines of statements whose place a newer one has taken.
    SalesSuperseded,
    /// `revenue_pools`.
    RevenuePools,
    /// `public_counts`.
    PublicCounts,
    /// `store_removals`.
    StoreRemovals,
    /// `catalogue`.
    Catalogue,
    /// `tracks`.
    Tracks,
    /// `fx_rates`.
    FxRates,
}

impl LotTable {
    /// The table of a feed's rows; `None` for plays.
    #[must_use]
    pub fn of_feed(feed: Feed, reference: Option<ReferenceKind>) -> Option<Self> {
        match (feed, reference) {
            (Feed::Trends, _) => None,
            (Feed::Sales, _) => Some(Self::Sales),
            (Feed::PublicCounts, _) => Some(Self::PublicCounts),
            (Feed::StoreRemovals, _) => Some(Self::StoreRemovals),
            (Feed::Reference, Some(ReferenceKind::Tracks)) => Some(Self::Tracks),
            (Feed::Reference, Some(ReferenceKind::FxRates)) => Some(Self::FxRates),
            (Feed::Reference, Some(ReferenceKind::Catalogue) | None) => Some(Self::Catalogue),
        }
    }

    /// Place of the ISRC among the columns without `report`, where rows are sorted by it after the
    /// date.
    #[must_use]
    pub fn isrc_column(self) -> Option<usize> {
        (!matches!(self, Self::RevenuePools | Self::FxRates)).then_some(2)
    }

    /// The table of a partition's path; `None` if it is another kind of table.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let tables = [
            Self::Sales,
            Self::SalesSuperseded,
            Self::RevenuePools,
            Self::PublicCounts,
            Self::StoreRemovals,
            Self::Catalogue,
            Self::Tracks,
            Self::FxRates,
        ];
        tables
            .into_iter()
            .find(|table| path.strip_prefix(table.name()).is_some_and(|rest| rest.starts_with('/')))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sales => "sales",
            Self::SalesSuperseded => "sales_superseded",
            Self::RevenuePools => "revenue_pools",
            Self::PublicCounts => "public_counts",
            Self::StoreRemovals => "store_removals",
            Self::Catalogue => "catalogue",
            Self::Tracks => "tracks",
            Self::FxRates => "fx_rates",
        }
    }

    /// Its columns, without `report`.
    #[must_use]
    pub fn part_schema(self) -> SchemaRef {
        match self {
            Self::Sales | Self::SalesSuperseded => Arc::clone(&SALES),
            Self::RevenuePools => Arc::clone(&POOLS),
            Self::PublicCounts | Self::StoreRemovals => Arc::clone(&FIGURES),
            Self::Catalogue | Self::Tracks | Self::FxRates => reference_schema(self),
        }
    }

    /// Its columns.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        let report = Field::new("report", DataType::Utf8, false);
        let part = self.part_schema();
        let rest = part.fields().iter().map(|field| field.as_ref().clone());
        Arc::new(Schema::new(std::iter::once(report).chain(rest).collect::<Vec<_>>()))
    }

    /// Places of the columns by which it is sorted; nulls stand last.
    #[must_use]
    pub fn sorted_by(self) -> &'static [i32] {
        match self {
            Self::Sales | Self::SalesSuperseded => &[6, 0, 1],
            Self::RevenuePools => &[0, 1],
            Self::PublicCounts | Self::StoreRemovals | Self::Catalogue | Self::Tracks => {
                &[2, 3, 0, 1]
            }
            Self::FxRates => &[2, 0, 1],
        }
    }
}

/// Lines in the order of `sales`, as columns without `report`.
///
/// # Errors
/// If the columns do not fit the layout.
pub fn sales_columns(lot: &SalesLot, mut sales: Vec<Sale>) -> Result<RecordBatch, ArrowError> {
    sales.sort_unstable_by_key(|sale| (sale.isrc.is_none(), sale.isrc, sale.row));
    let text = |of: fn(&Sale) -> Option<TextId>| texts(lot, sales.iter().map(of));
    let date = |of: fn(&Sale) -> Option<i32>| -> ArrayRef {
        Arc::new(sales.iter().map(of).collect::<Date32Array>())
    };
    let truth = |of: fn(&Sale) -> Option<bool>| -> ArrayRef {
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
    mut figures: Vec<Figure>,
) -> Result<RecordBatch, ArrowError> {
    figures.sort_unstable_by_key(Figure::order);
    let text = |of: fn(&Figure) -> Option<TextId>| texts(lot, figures.iter().map(of));
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
pub fn pools_columns(lot: &SalesLot, pools: &[Pool]) -> Result<RecordBatch, ArrowError> {
    let text = |of: fn(&Pool) -> Option<TextId>| texts(lot, pools.iter().map(of));
    let number = |of: fn(&Pool) -> Option<i64>| -> ArrayRef {
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

pub(crate) fn texts(lot: &SalesLot, ids: impl Iterator<Item = Option<TextId>>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    ids.for_each(|id| builder.append_option(id.map(|id| lot.text(id))));
    Arc::new(builder.finish())
}

pub(crate) fn strings<T: AsRef<str>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn territories(values: impl Iterator<Item = Option<Territory>>) -> ArrayRef {
    strings(values.map(|territory| territory.map(|territory| ascii(territory.to_text()))))
}

pub(crate) fn ascii<const N: usize>(text: [u8; N]) -> String {
    text.iter().copied().map(char::from).collect()
}

/// Amounts as the tables store them.
///
/// # Errors
/// If one has more than 38 digits.
pub fn amounts(values: impl Iterator<Item = Option<i128>>) -> Result<ArrayRef, ArrowError> {
    let array: Decimal128Array = values.collect();
    let scale = exact::<i8>(SCALE);
    Ok(Arc::new(array.with_precision_and_scale(PRECISION, scale)?))
}
