//! What a run has to build, and by which settings it judges.

pub(crate) mod planning;
pub(crate) mod fingerprints;
pub(crate) mod month_inputs;
pub(crate) mod preconditions;
pub(crate) mod ruling;
pub mod proposal;
pub(crate) mod planned;
pub(crate) mod store_months;
