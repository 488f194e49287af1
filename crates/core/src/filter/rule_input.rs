//! What the rules need to know of a play, side by side, so that all plays of a
//! listener are read from memory once.

use crate::model::day::Day;
use crate::model::play::NONE;

/// What the rules need to know of a play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuleInput {
    /// When, milliseconds since 1970 UTC.
    pub listened_at_ms: i64,
    /// Place of the play among the rows, which stand in order of report and row.
    pub place: u32,
    /// Id of the listener.
    pub listener: u32,
    /// The track: equal where the ISRC is, or where there is none the store's track.
    pub track: u32,
    /// Played time; [`crate::model::play::NONE`] if not known.
    pub played_ms: u32,
    /// Length of the track; [`crate::model::play::NONE`] if not known.
    pub track_ms: u32,
    /// Number of plays that the row stands for.
    pub plays: u32,
    /// Place of the report; reports stand in order of their hashes.
    pub report: u32,
    /// 1 if the time is exact, 0 if it is read off a rounded clock.
    pub exact: u8,
    /// As [`crate::model::play::Play::offline`].
    pub offline: u8,
}

impl RuleInput {
    /// The listening date (UTC).
    #[must_use]
    pub fn day(&self) -> Day {
        Day::of_ms(self.listened_at_ms)
    }

    /// The played time, or `None` if not known.
    #[must_use]
    pub fn known_played_ms(&self) -> Option<u32> {
        (self.played_ms != NONE).then_some(self.played_ms)
    }

    /// Whether it was heard to so many percent of a known track length; not where its played time is not
    /// known.
    #[must_use]
    pub fn is_complete(&self, percent_min: u32) -> bool {
        self.track_ms != NONE
            && self.known_played_ms().is_some_and(|played_ms| {
                u64::from(self.track_ms) * u64::from(percent_min) <= u64::from(played_ms) * 100
            })
    }
}

/// Plays that the rows stand for.
#[must_use]
pub fn sum_plays(inputs: &[RuleInput]) -> i64 {
    inputs.iter().map(|input| i64::from(input.plays)).sum()
}

/// Played time of the rows in which it is known, milliseconds.
#[must_use]
pub fn sum_played_ms(inputs: &[RuleInput]) -> i64 {
    let of_row = |input: &RuleInput| {
        input.known_played_ms().map(|played_ms| i64::from(played_ms) * i64::from(input.plays))
    };
    inputs.iter().filter_map(of_row).sum()
}
