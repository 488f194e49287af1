//! Published tables as Polars sees them: files are scanned, plans are collected by the streaming engine.

use std::path::Path;

use polars::prelude::{
    DataFrame, Engine, LazyFrame, PlRefPath, PolarsError, PolarsResult, ScanArgsParquet,
};

/// A file of a table.
///
/// # Errors
/// If it is not there or no Parquet.
pub fn scan(path: &Path) -> PolarsResult<LazyFrame> {
    let text = path.to_str().ok_or_else(|| {
        PolarsError::ComputeError(format!("{} is not UTF-8", path.display()).into())
    })?;
    let args = ScanArgsParquet { glob: false, ..ScanArgsParquet::default() };
    LazyFrame::scan_parquet(PlRefPath::new(text), args)
}

/// The streaming engine by name: what Polars picks by itself holds everything in memory.
///
/// # Errors
/// If the plan fails.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "Polars does not export the name of the result's type"
)]
pub fn collect(plan: LazyFrame) -> PolarsResult<DataFrame> {
    plan.collect_with_engine(Engine::Streaming).map(|result| result.unwrap_single())
}
