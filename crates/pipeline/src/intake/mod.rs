//! Reads one report: detects its format, and turns its rows into plays, statement lines and figures.

pub mod examine;
mod shared_readers;
pub mod table_rows;
pub mod dsr_rows;
pub mod reading;
pub mod detect_format;
pub mod rejected_report;
pub mod why_rejected;
pub mod play_buffer;
pub mod sales_runs;
pub mod config;
