//! The only place that opens a file: inbox, archive, ledger, Parquet, snapshots, lock.

#![deny(missing_docs)]

pub mod query;
pub mod pipeline;
pub mod storage;
