//! What is told of the figures: which reports are there and which are due ([`coverage`]), and how a
//! store's number becomes the one that is paid ([`waterfall`]). Pure; the tables that it is told from
//! are summed elsewhere.

pub mod period;
pub mod calendar;
pub mod delivery;
pub(crate) mod series;
pub mod coverage;
pub mod known;
pub mod freshness;
pub mod divide;
pub mod eligibility;
pub mod step;
pub mod waterfall;
pub mod states;
pub mod figures;
