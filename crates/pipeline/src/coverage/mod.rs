//! Which periods the reports cover, by store and feed.

pub mod deliveries;
pub(crate) mod covered_days;
pub(crate) mod territory_series;
