//! DDEX flat files: records to statement lines and revenue pools.

pub(crate) mod block;
pub(crate) mod cells;
pub(crate) mod summary;
pub(crate) mod known_cells;
pub mod reader;
