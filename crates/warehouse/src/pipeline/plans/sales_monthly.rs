//! `sales_monthly` from `sales`: units, money and lines by what a statement tells apart. Plans only; the
//! caller collects.

use polars::prelude::*;

/// The grain of `sales_monthly`, in the order of its columns.
pub const GRAIN: [&str; 7] =
    ["statement_period", "isrc", "upc", "territory", "tier", "use_type", "currency"];

/// Sums lines by the grain and puts them in its order, nulls last. `amount` is null where no line of a
/// group has one; it is never summed over two currencies, since the currency is of the grain.
pub fn sum_sales(sales: LazyFrame) -> LazyFrame {
    sums(sales, len().cast(DataType::Int64).alias("lines"))
}

/// Adds sums of parts of the lines up, as [`sum_sales`] gives them.
pub fn add_sums(parts: LazyFrame) -> LazyFrame {
    sums(parts, col("lines").sum())
}

fn sums(rows: LazyFrame, lines: Expr) -> LazyFrame {
    let amount = when(col("amount").count().gt(lit(0_u32)))
        .then(col("amount").sum())
        .otherwise(lit(NULL))
        .alias("amount");
    let options = SortMultipleOptions::default().with_nulls_last(true).with_maintain_order(false);
    rows.group_by(GRAIN.map(col))
        .agg([col("units").sum(), amount, lines])
        .sort_by_exprs(GRAIN.map(col), options)
}
