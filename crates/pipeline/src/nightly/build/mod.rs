//! Builds the partitions of a plan.

pub(crate) mod provenance;
pub(crate) mod build_basis;
pub(crate) mod building;
pub(crate) mod building_lots;
pub(crate) mod building_small;
pub(crate) mod run_tables;
pub(crate) mod explaining;
pub(crate) mod checkpoint;
pub(crate) mod month_frames;
