//! What the dates of a run are built from.

use std::collections::BTreeMap;

use streamledger_core::model::day::Day;
use streamledger_core::normalize::tracks::KnownTracks;

use crate::pipeline::nightly::intake::examination::Days;
use crate::pipeline::nightly::intake::speculative_build::SpeculativeBuilds;

/// What dates are made of, beside the archive.
pub(crate) struct DayInputs {
    /// Dates that were built at once.
    pub(crate) early: SpeculativeBuilds,
    /// Plays that were read in this run, by report.
    pub(crate) fresh: BTreeMap<String, Days>,
    /// The stores' lists of tracks.
    pub(crate) tracks: BTreeMap<(String, Day), KnownTracks>,
}
