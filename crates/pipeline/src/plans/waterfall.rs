//! What the waterfall of a month is made of: figures of all feeds, summed by track, territory and kind.
//! Plans only; the caller collects.
//!
//! One row a figure, whatever its feed, so that nothing has to be joined: no row of any side can be
//! lost for want of a partner on another.

use polars::prelude::*;
use streamledger_core::model::day::Day;

/// Columns of [`facts`].
pub const GRAIN: [&str; 3] = ["isrc", "territory", "kind"];

/// Kind of what a store shows. Plays that were not counted have the position of their step, which is less.
pub const SHOWN: i32 = 101;

/// Kind of what a store shows on days that no daily report covers.
pub const SHOWN_UNREPORTED: i32 = 102;

/// Kind of counted plays.
pub const COUNTED: i32 = 103;

/// Kind of streams that a store says it has removed.
pub const DECLARED: i32 = 104;

/// Kind of counted plays that were heard before the month.
pub const LISTENED_EARLIER: i32 = 105;

/// Kind of counted plays of later months that were heard in this one.
pub const COUNTED_LATER: i32 = 106;

/// The first kind of units of statements: this, and four for each report, and the kind of line.
pub const SOLD: i32 = 1000;

/// Units of a report that are paid, listed only, or corrections: added to the kind of the report.
pub const SOLD_LINES: [i32; 3] = [0, 1, 2];

/// Kinds of a report's units.
pub const KINDS_OF_REPORT: i32 = 4;

/// Whether a kind of units of statements is of lines that are listed and not paid.
#[must_use]
pub fn is_listed_only(kind: i32) -> bool {
    (kind - SOLD) % KINDS_OF_REPORT == SOLD_LINES[1]
}

/// The tables of a month; none where there is no partition.
#[derive(Default)]
pub struct WaterfallInputs {
    /// `trends_daily` of the month.
    pub trends: Vec<LazyFrame>,
    /// `trends_daily` of later months, only rows of plays that were heard in this one.
    pub later: Vec<LazyFrame>,
    /// `public_counts`.
    pub counters: Vec<LazyFrame>,
    /// Whether a row of these is of a day that no daily report covers.
    pub is_unreported: Option<Expr>,
    /// `store_removals`.
    pub declared: Vec<LazyFrame>,
    /// Lines of statements.
    pub statements: StatementInputs,
    /// Units of lines whose days lie in several months, as far as they are of this one: the columns of
    /// the result.
    pub divided: Option<LazyFrame>,
}

/// Lines of statements.
#[derive(Default, Clone)]
pub struct StatementInputs {
    /// `sales`.
    pub sales: Vec<MonthLines>,
    /// `sales_superseded`.
    pub replaced: Vec<MonthLines>,
    /// The reports of both: `report`, the `kind` of its units, and `by`, that of corrections by the
    /// report that has taken its place.
    pub reports: Option<LazyFrame>,
    /// Which use types of `sales` are streams.
    pub streams: Vec<String>,
}

/// Lines that begin in a month.
#[derive(Clone)]
pub struct MonthLines {
    /// The lines.
    pub lines: LazyFrame,
    /// Last day of the month.
    pub last: Day,
}

impl MonthLines {
    fn filter(self, is_kept: impl FnOnce(Expr, Expr) -> Expr) -> Self {
        let is_kept = is_kept(day("usage_to"), lit(self.last.0));
        Self { lines: self.lines.filter(is_kept), last: self.last }
    }
}

fn day(name: &str) -> Expr {
    col(name).cast(DataType::Int32)
}

/// Kind of plays with a verdict and a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeKind {
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
pub fn facts(
    inputs: WaterfallInputs,
    month: &str,
    outcomes: &[OutcomeKind],
) -> PolarsResult<LazyFrame> {
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
    for shown in inputs.counters {
        if let Some(is_unreported) = &inputs.is_unreported {
            let unreported = shown.clone().filter(is_unreported.clone());
            parts.push(figures(unreported, lit(SHOWN_UNREPORTED)));
        }
        parts.push(figures(shown, lit(SHOWN)));
    }
    parts.extend(inputs.declared.into_iter().map(|removed| figures(removed, lit(DECLARED))));
    let within = inputs.statements.within_their_month();
    parts.extend(units_of(within, &[]).into_iter().map(|units| figures(units, col("kind"))));
    parts.extend(inputs.divided);
    let options = SortMultipleOptions::default().with_nulls_last(true).with_maintain_order(false);
    Ok(concat(parts, UnionArgs::default())?
        .group_by(GRAIN.map(col))
        .agg([col("plays").sum()])
        .sort_by_exprs(GRAIN.map(col), options))
}

impl StatementInputs {
    /// Without lines whose days go on in later months.
    fn within_their_month(self) -> Self {
        let filtered = |months: Vec<MonthLines>| {
            months.into_iter().map(|lines| lines.filter(Expr::lt_eq)).collect()
        };
        let Self { sales, replaced, reports, streams } = self;
        Self { sales: filtered(sales), replaced: filtered(replaced), reports, streams }
    }
}

/// Units of lines whose days go on in later months than that of the first one, and reach the month that
/// begins with a day: columns `isrc`, `territory`, `kind`, `plays`, and the first and last of their days as the numbers
/// `from` and `to`. `None` if there are no lines.
///
/// # Errors
/// If the plans cannot be put together.
pub fn over_several_months(
    statements: StatementInputs,
    begin: Day,
) -> PolarsResult<Option<LazyFrame>> {
    let filtered = |months: Vec<MonthLines>| {
        let lines = months.into_iter().map(|lines| {
            let goes_on = |to: Expr, last: Expr| to.clone().gt(last).and(to.gt_eq(lit(begin.0)));
            let MonthLines { lines, last } = lines.filter(goes_on);
            let days = [day("usage_from").alias("from"), day("usage_to").alias("to")];
            MonthLines { lines: lines.with_columns(days), last }
        });
        lines.collect()
    };
    let StatementInputs { sales, replaced, reports, streams } = statements;
    let statements =
        StatementInputs { sales: filtered(sales), replaced: filtered(replaced), reports, streams };
    let parts = units_of(statements, &["from", "to"]);
    if parts.is_empty() {
        return Ok(None);
    }
    let keys = [&GRAIN[..], &["from", "to"]].concat();
    let keys: Vec<Expr> = keys.into_iter().map(col).collect();
    let all = concat(parts, UnionArgs::default())?;
    Ok(Some(all.group_by(keys).agg([col("plays").sum()])))
}

/// Units of statements by recording, territory and kind, and by more columns.
fn units_of(statements: StatementInputs, more: &[&str]) -> Vec<LazyFrame> {
    let Some(reports) = &statements.reports else {
        return Vec::new();
    };
    let keys: Vec<Expr> = [&GRAIN[..], more].concat().into_iter().map(col).collect();
    let by_kind = |units: LazyFrame, kind: Expr| {
        let units = units.with_column(kind.cast(DataType::Int32).alias("kind"));
        units.group_by(keys.clone()).agg([col("plays").sum()])
    };
    let mut parts = Vec::new();
    for MonthLines { lines, .. } in statements.sales {
        parts.push(by_kind(sold(lines, reports, &statements.streams, more), kind_of_lines()));
    }
    for MonthLines { lines, .. } in statements.replaced {
        let units = sold(lines, reports, &statements.streams, more);
        // What was listed without money was never paid.
        let units = units.filter(col("lines").neq(lit(SOLD_LINES[1])));
        parts.push(by_kind(units.clone(), kind_of_lines()));
        let taken_back = units.with_column((col("plays") * lit(-1_i64)).alias("plays"));
        parts.push(by_kind(taken_back, col("by")));
    }
    parts
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

/// Counted plays have no reason. A reason that nobody knows has no kind, which the reader rejects.
fn kind_of(outcomes: &[OutcomeKind]) -> Expr {
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
fn sold(sales: LazyFrame, reports: &LazyFrame, streams: &[String], more: &[&str]) -> LazyFrame {
    let is = |line_type: &str| col("line_type").eq(lit(line_type));
    let is_unpaid = col("amount")
        .eq(lit(0).cast(DataType::Decimal(38, 12)))
        .fill_null(lit(false))
        .or(col("royalty_bearing").eq(lit(false)).fill_null(lit(false)));
    let keys = [&["isrc", "territory", "report", "lines"], more].concat();
    let keys: Vec<Expr> = keys.into_iter().map(col).collect();
    let [paid, unpaid, corrections] = SOLD_LINES;
    let lines = when(is("sale"))
        .then(when(is_unpaid).then(lit(unpaid)).otherwise(lit(paid)))
        .otherwise(lit(corrections));
    let units = sales
        .filter(is("sale").or(is("return")).or(is("adjustment")))
        .filter(is_one_of("use_type", streams))
        .with_column(lines.alias("lines"))
        .group_by(keys)
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
