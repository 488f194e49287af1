//! The disk: how files are written so that a crash loses nothing, the layout of a warehouse,
//! the reports in the inbox and in the archive, Parquet files and the columns of the tables.
//!
//! Read `disk` first, then `layout`.

#![deny(missing_docs)]

pub mod encode;
pub mod tables;
pub mod source;
pub mod disk;
pub mod layout;
pub mod archive;
