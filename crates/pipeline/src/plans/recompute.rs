//! `trends_daily` computed from `plays` by a general engine: the slow, plain way, to hold the fast one
//! against. Plans only; the caller collects.

use polars::prelude::*;

/// The grain of `trends_daily`, in the order of its columns.
pub const GRAIN: [&str; 10] = [
    "date",
    "listened_month",
    "isrc",
    "store_track",
    "upc",
    "territory",
    "tier",
    "offline",
    "verdict",
    "reason",
];

const SUMS: [&str; 3] = ["plays", "played_ms", "listeners"];

/// Adds `listened_day` (days since 1970, floor) to plays with a `listened_at`.
pub fn with_listened_day(plays: LazyFrame) -> LazyFrame {
    const US_PER_DAY: i64 = 86_400_000_000;
    let us = || col("listened_at").cast(DataType::Int64);
    let day =
        (us() - ((us() % lit(US_PER_DAY)) + lit(US_PER_DAY)) % lit(US_PER_DAY)) / lit(US_PER_DAY);
    plays.with_column(day.cast(DataType::Int64).alias("listened_day"))
}

/// Sums plays by the grain. `months` says for each `listened_day` its `listened_month`, a row a day.
///
/// `played_ms` and `listeners` are null where no row of a group knows any.
pub fn recompute_trends(plays: LazyFrame, months: LazyFrame) -> LazyFrame {
    let day = || [col("listened_day")];
    let mut join = JoinArgs::new(JoinType::Inner);
    join.validation = JoinValidation::ManyToOne;
    let known = |sum: Expr, of: &str| {
        when(col(of).count().gt(lit(0_u32))).then(sum).otherwise(lit(NULL)).cast(DataType::Int64)
    };
    with_listened_day(plays)
        .join(months, day(), day(), join)
        .with_columns([
            when(col("isrc").is_null())
                .then(col("store_track"))
                .otherwise(lit(NULL))
                .alias("store_track"),
            (col("played_ms") * col("plays")).alias("played_ms"),
        ])
        .group_by(GRAIN.map(col))
        .agg([
            col("plays").sum(),
            known(col("played_ms").sum(), "played_ms").alias("played_ms"),
            known(col("listener").drop_nulls().n_unique(), "listener").alias("listeners"),
        ])
}

/// Groups in which two tables of trends differ: a group that only one has, or other sums.
///
/// # Errors
/// If the two plans cannot be put together.
pub fn differing_groups(one: LazyFrame, other: LazyFrame) -> PolarsResult<LazyFrame> {
    // Each side's sums count with opposite signs; nulls become -1, which no sum is.
    let signed = |frame: LazyFrame, sign: i64| {
        let sums = SUMS.map(|name| (col(name).fill_null(lit(-1_i64)) * lit(sign)).alias(name));
        frame.select(
            [GRAIN.map(col).to_vec(), sums.to_vec(), vec![lit(sign).alias("side")]].concat(),
        )
    };
    let both = concat([signed(one, 1), signed(other, -1)], UnionArgs::default())?;
    let differs = ["plays", "played_ms", "listeners", "side"]
        .map(|name| col(name).neq(lit(0_i64)))
        .into_iter()
        .reduce(Expr::or)
        .unwrap_or(lit(false));
    let sums = ["plays", "played_ms", "listeners", "side"].map(|name| col(name).sum());
    Ok(both.group_by(GRAIN.map(col)).agg(sums).filter(differs))
}
