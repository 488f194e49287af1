//! The archive: every ingested report, and what is kept next to it: the names under which reports
//! came and when, and the hashes of their rows.

pub mod archived_reports;
pub mod archived_names;
pub mod delivery_log;
pub mod row_files;
