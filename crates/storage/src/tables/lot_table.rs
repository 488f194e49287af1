//! Tables that are made of lots: lines of statements, pools, figures and reference data. Their names, their
//! columns, and the order of their rows.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use streamledger_core::ingest::table::format::{Feed, ReferenceKind};

use crate::tables::columns::amount_type;

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

/// The columns of a table of reference data, after `report`.
pub(crate) fn reference_schema(table: LotTable) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let amount = |name: &str, nullable| Field::new(name, amount_type(), nullable);
    let code = |name: &str| Field::new(name, DataType::Utf8, false);
    let date = if table == LotTable::Catalogue { "valid_from" } else { "date" };
    let mut fields =
        vec![Field::new("row", DataType::Int64, false), Field::new(date, DataType::Date32, false)];
    let ms = Field::new("track_ms", DataType::Int64, true);
    fields.extend(match table {
        LotTable::Tracks => {
            vec![
                text("isrc"),
                code("store_track"),
                text("upc"),
                text("title"),
                text("artist"),
                text("release"),
                ms,
            ]
        }
        LotTable::FxRates => {
            vec![code("base"), code("quote"), amount("rate", false), text("source")]
        }
        _ => vec![
            text("isrc"),
            text("upc"),
            text("title"),
            text("artist"),
            text("release"),
            text("label"),
            ms,
            text("owner"),
            amount("share", true),
        ],
    });
    Arc::new(Schema::new(fields))
}

/// A table that is made of lots.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
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
