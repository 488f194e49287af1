//! What the waterfall of a month is made of: figures of all feeds, summed by track, territory and kind.
//! Plans only; the caller collects.
//!
//! One row a figure, whatever its feed, so that nothing has to be joined: no row of any side can be
//! lost for want of a partner on another.

use polars::prelude::*;

/// Columns of [`facts`].
pub const GRAIN: [&str; 3] = ["isrc", "territory", "kind"];

/// Kind of counted plays that were heard before the month.
pub const LISTENED_EARLIER: i32 = 29;

/// Kind of counted plays of later months that were heard in this one.
pub const COUNTED_LATER: i32 = 30;

/// Kind of what a store shows.
pub const SHOWN: i32 = 1;

/// Kind of counted plays.
pub const COUNTED: i32 = 20;

/// Kind of streams that a store says it has removed.
pub const DECLARED: i32 = 21;

/// The first kind of units of statements: this, and four for each report, and the kind of line.
pub const SOLD: i32 = 1000;

/// Units of a report that are paid, listed only, or corrections: added to the kind of the report.
pub const SOLD_LINES: [i32; 3] = [0, 1, 2];

/// The tables of a month; none where there is no partition.
#[derive(Default)]
pub struct Inputs {
    /// `trends_daily` of the month.
    pub trends: Vec<LazyFrame>,
    /// `trends_daily` of later months, only rows of plays that were heard in this one.
    pub later: Vec<LazyFrame>,
    /// `counters`.
    pub counters: Vec<LazyFrame>,
    /// `declared`.
    pub declared: Vec<LazyFrame>,
    /// `sales`.
    pub sales: Vec<LazyFrame>,
    /// `sales_superseded`.
    pub replaced: Vec<LazyFrame>,
    /// The reports of both: `report`, the `kind` of its units, and `by`, that of corrections by the
    /// report that has taken its place.
    pub reports: Option<LazyFrame>,
    /// Which use types of `sales` are streams.
    pub streams: Vec<String>,
}

/// Kind of plays with a verdict and a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Verdict, as the table has it.
    pub verdict: String,
    /// Reason, as the table has it.
    pub reason: String,
    /// Their kind.
    pub kind: i32,
}

/// Figures of a month (`YYYY-MM`) by ISRC, territory and kind: columns `isrc`, `territory`, `kind`
/// (int32) and `plays`, in the order of the grain, nulls last.
///
/// # Errors
/// If the plans cannot be put together.
pub fn facts(inputs: Inputs, month: &str, outcomes: &[Outcome]) -> PolarsResult<LazyFrame> {
    let mut parts = Vec::new();
    for trends in inputs.trends {
        let sums = trends
            .with_column(col("listened_month").lt(lit(month)).alias("earlier"))
            .group_by(["isrc", "territory", "verdict", "reason", "earlier"].map(col))
            .agg([col("plays").sum()]);
        let earlier = sums.clone().filter(col("earlier").and(col("reason").is_null()));
        parts.push(figures(earlier, lit(LISTENED_EARLIER)));
        parts.push(figures(sums, kind_of(outcomes)));
    }
    for later in inputs.later {
        let heard = later.filter(col("listened_month").eq(lit(month)).and(col("reason").is_null()));
        parts.push(figures(heard, lit(COUNTED_LATER)));
    }
    parts.extend(inputs.counters.into_iter().map(|shown| figures(shown, lit(SHOWN))));
    parts.extend(inputs.declared.into_iter().map(|removed| figures(removed, lit(DECLARED))));
    if let Some(reports) = inputs.reports {
        for sales in inputs.sales {
            parts.push(figures(sold(sales, &reports, &inputs.streams), kind_of_lines()));
        }
        for replaced in inputs.replaced {
            let units = sold(replaced, &reports, &inputs.streams);
            // What was listed without money was never paid.
            let units = units.filter(col("lines").neq(lit(SOLD_LINES[1])));
            parts.push(figures(units.clone(), kind_of_lines()));
            let taken_back = units.with_column((col("plays") * lit(-1_i64)).alias("plays"));
            parts.push(figures(taken_back, col("by")));
        }
    }
    let options = SortMultipleOptions::default().with_nulls_last(true).with_maintain_order(false);
    Ok(concat(parts, UnionArgs::default())?
        .group_by(GRAIN.map(col))
        .agg([col("plays").sum()])
        .sort_by_exprs(GRAIN.map(col), options))
}

fn figures(rows: LazyFrame, kind: Expr) -> LazyFrame {
    rows.select([
        col("isrc"),
        col("territory"),
        kind.cast(DataType::Int32).alias("kind"),
        col("plays"),
    ])
    .group_by(GRAIN.map(col))
    .agg([col("plays").sum()])
}

/// Counted plays have no reason. A reason that nobody knows has no kind, which the reader refuses.
fn kind_of(outcomes: &[Outcome]) -> Expr {
    let known = outcomes.iter().fold(lit(NULL).cast(DataType::Int32), |rest, outcome| {
        let is_it = col("verdict")
            .eq(lit(outcome.verdict.clone()))
            .and(col("reason").eq(lit(outcome.reason.clone())));
        when(is_it).then(lit(outcome.kind)).otherwise(rest)
    });
    when(col("reason").is_null()).then(lit(COUNTED)).otherwise(known)
}

/// Units of streams. Downloads are no plays; promotions and fines have units that another line has
/// already.
fn sold(sales: LazyFrame, reports: &LazyFrame, streams: &[String]) -> LazyFrame {
    let is = |line_type: &str| col("line_type").eq(lit(line_type));
    let is_unpaid = col("amount")
        .eq(lit(0).cast(DataType::Decimal(38, 12)))
        .fill_null(lit(false))
        .or(col("royalty_bearing").eq(lit(false)).fill_null(lit(false)));
    let [paid, unpaid, corrections] = SOLD_LINES;
    let lines = when(is("sale"))
        .then(when(is_unpaid).then(lit(unpaid)).otherwise(lit(paid)))
        .otherwise(lit(corrections));
    let units = sales
        .filter(is("sale").or(is("return")).or(is("adjustment")))
        .filter(is_one_of("use_type", streams))
        .with_column(lines.alias("lines"))
        .group_by(["isrc", "territory", "report", "lines"].map(col))
        .agg([col("units").sum().alias("plays")]);
    let mut join = JoinArgs::new(JoinType::Inner);
    // Every line has a report, and the caller names all of them: no line is lost.
    join.validation = JoinValidation::ManyToOne;
    units.join(reports.clone(), [col("report")], [col("report")], join)
}

fn kind_of_lines() -> Expr {
    col("kind") + col("lines")
}

fn is_one_of(column: &str, names: &[String]) -> Expr {
    let is = |name: &String| col(column).eq(lit(name.clone()));
    names.iter().map(is).reduce(Expr::or).unwrap_or(lit(false))
}
