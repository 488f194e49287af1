//! Bytes of a report to raw cells. One file per report format, one for what they share.

pub mod builtin;
pub mod dsr;
pub mod header_names;
pub mod table;
pub mod text;
