//! Plans over published tables, for the engine of tables from tables. The caller collects.

pub mod recompute;
pub mod waterfall;
