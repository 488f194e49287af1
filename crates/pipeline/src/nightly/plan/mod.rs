//! What a run has to build, and by which settings it judges.

pub(crate) mod planning;
pub(crate) mod completing;
pub(crate) mod reading_again;
pub(crate) mod run_inputs;
pub(crate) mod track_lists;
pub(crate) mod offline_dates;
pub(crate) mod fingerprints;
pub(crate) mod plan_view;
pub(crate) mod month_inputs;
pub(crate) mod preconditions;
pub(crate) mod ruling;
pub mod proposal;
pub mod planned;
pub mod store_months;
