//! The only place that opens a file: inbox, archive, ledger, Parquet, snapshots, lock.

#![deny(missing_docs)]

pub mod archive;
pub mod build_day;
pub mod build_eligibility;
pub mod build_month;
pub mod build_sales;
pub mod build_waterfall;
pub mod compare;
pub mod config;
pub mod deliveries;
pub mod durable;
pub mod encode;
pub mod examine;
pub mod explain;
pub mod held;
pub mod inbox;
pub mod inspect;
mod inspect_rows;
pub mod ledger;
pub mod merge;
pub mod nightly;
pub mod offline_keys;
pub mod partition;
pub mod plans;
pub mod plays_behind;
pub mod policies;
pub mod publish;
mod reference_columns;
pub mod report_source;
pub mod reading;
pub mod recognise;
pub mod sales_columns;
pub mod sales_runs;
pub mod small_tables;
pub mod snapshots;
pub mod spill;
pub mod split_trends;
pub mod stages;
pub mod status;
pub mod stored_trends;
pub mod table_writer;
pub mod tables;
pub mod unicode;
pub mod verify;
mod verify_sales;
pub mod warehouse;
