//! Builds one partition of a table from its inputs, in staging.

pub mod build_day;
pub mod build_eligibility;
pub mod build_trends;
pub mod build_sales;
pub(crate) mod build_statements;
pub mod build_waterfall;
pub mod merge;
pub mod sales_merge;
pub(crate) mod merge_statements;
pub(crate) mod waiting_sums;
pub(crate) mod divided_lines;
pub mod empty_tables;
pub mod history_tables;
