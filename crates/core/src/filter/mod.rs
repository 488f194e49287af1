//! The filter: a verdict and a reason for every play. One file per rule, in the order in which they
//! are asked; [`order`] asks them. Rows in = rows out.

pub mod policy;
pub mod rule_input;
pub mod duplicate;
pub mod offline_repeats;
pub mod too_short;
pub mod offline_expired;
pub mod impossible_volume;
pub mod impossible_time;
pub mod low_variety;
pub mod repeater;
pub mod short_cluster;
pub mod order;
