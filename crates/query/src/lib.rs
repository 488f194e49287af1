//! Answers from published snapshots; nothing here writes to a warehouse.

#![deny(missing_docs)]

pub mod explain;
pub mod figures;
pub mod recordings;
pub mod plays_behind;
pub mod status;
pub mod inspect;
pub(crate) mod inspect_rows;
pub mod verification;
pub mod verify;
pub(crate) mod verify_internal;
pub(crate) mod verify_sales;
pub(crate) mod verify_waterfall;
