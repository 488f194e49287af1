//! Plays, trends and lines of statements as row groups of Parquet files: which columns a table has, and
//! which ids and numbers they are made of. How pages are made of those is in `kernels/parquet-pages`.

pub mod file;
pub mod plays;
pub mod trends;
pub mod sales;
pub mod sales_monthly;
