//! Formats that are read by code of their own: what is known of them, for lists of all formats.

use crate::ingest::dsr::head::DsrProfile;
use crate::ingest::table::format::{ColumnEvidence, Feed};

/// A format that is read by code of its own.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// Name.
    pub format: &'static str,
    /// What it is for.
    pub feed: Feed,
    /// Store; `*` for any.
    pub store: &'static str,
    /// How well the layout is known.
    pub evidence: ColumnEvidence,
    /// Where the layout is from.
    pub source: &'static str,
    /// What is not read.
    pub limits: &'static [&'static str],
}

const DSR_SOURCE: &str = "DDEX Digital Sales Reporting, parts 1 (architecture) and 8 (record types), \
    and the schemas of the profile";

const POOLS: &str = "a line names its pool and has no amount: what a track gets of a pool is not in \
    the report";
const SUMMARIES: &str = "the total of a market (SY02, SY03 and later) is shown next to the sum of the \
    lines and binds nobody";

/// All of them.
pub static BUILT_IN: [BuiltIn; 4] = [
    BuiltIn {
        format: "ddex-basic-audio",
        feed: Feed::Sales,
        store: "*",
        evidence: ColumnEvidence::Sample,
        source: DSR_SOURCE,
        limits: &[POOLS, SUMMARIES, "the prices that consumers paid (SU01, SU02) are not kept"],
    },
    BuiltIn {
        format: "ddex-ugc",
        feed: Feed::Sales,
        store: "*",
        evidence: ColumnEvidence::Sample,
        source: DSR_SOURCE,
        limits: &[
            "shares of rights controllers (LI01) and lists of videos (RU01) are not kept",
            "the variant of one record per line (SR03 to SR07) goes to quarantine",
            SUMMARIES,
        ],
    },
    BuiltIn {
        format: "ddex-royalty",
        feed: Feed::Sales,
        store: "*",
        evidence: ColumnEvidence::Specification,
        source: DSR_SOURCE,
        limits: &["shares of rights controllers (LI01) are not kept", SUMMARIES],
    },
    BuiltIn {
        format: "ddex-financial",
        feed: Feed::Sales,
        store: "*",
        evidence: ColumnEvidence::Specification,
        source: DSR_SOURCE,
        limits: &[
            "the amount is the allocated net revenue in the currency of accounting",
            "deals (DE01) and prices are not kept",
        ],
    },
];

/// What is known of a profile's format.
#[must_use]
pub fn of_profile(profile: DsrProfile) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|format| format.format == profile.format())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_profile_is_listed() {
        assert!(DsrProfile::ALL.into_iter().all(|profile| of_profile(profile).is_some()));
    }
}
