//! Rule 6, `low_variety`: many plays in a day that hardly vary in length.
//!
//! Three signs, each known from a distributor's own detector: few different played times, no play
//! longer than 80 s, or as many different played times as different tracks (each track is always cut
//! at the same place). Many plays alone are no sign: a shop plays music all day. Nor is it one that tracks
//! are inputs to their end, so that plays which reach most of a known track length are left out of all
//! numbers of the third sign.
//! Where no played time is known there is nothing to measure, and the rule does not apply.

use crate::filter::policy::LowVariety;
use crate::filter::rule_input::{RuleInput, sum_plays};
use crate::model::play::PlayMark;
use crate::model::verdict::{Finding, Reason};

/// What gave a day away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VarietySign {
    /// So many different played times, which are few.
    FewPlayedTimes(usize),
    /// No play is longer than this, milliseconds, which is short.
    ShortPlays(u32),
    /// So many tracks, each played for a length of its own.
    LengthPerTrack(usize),
}

/// The first sign of a listener's day; `None` if there is none.
#[must_use]
pub fn sign_of(day: &[RuleInput], policy: &LowVariety) -> Option<VarietySign> {
    let plays_min = i64::from(policy.plays_min);
    if sum_plays(day) < plays_min {
        return None;
    }
    let played_times = played_times(day.iter());
    let longest_ms = *played_times.last()?;
    if played_times.len() <= policy.played_times_max as usize {
        return Some(VarietySign::FewPlayedTimes(played_times.len()));
    }
    if longest_ms <= policy.longest_ms_max {
        return Some(VarietySign::ShortPlays(longest_ms));
    }
    let cut = || day.iter().filter(|inputs| !inputs.is_complete(policy.complete_min_percent));
    let plays: i64 = cut().map(|inputs| i64::from(inputs.plays)).sum();
    let mut tracks: Vec<u32> = cut().map(|inputs| inputs.track).collect();
    tracks.sort_unstable();
    tracks.dedup();
    let is_one_each = plays_min <= plays && self::played_times(cut()).len() == tracks.len();
    is_one_each.then_some(VarietySign::LengthPerTrack(tracks.len()))
}

/// Different played times, the longest last.
fn played_times<'h>(inputs: impl Iterator<Item = &'h RuleInput>) -> Vec<u32> {
    let mut played_times: Vec<u32> = inputs.filter_map(RuleInput::known_played_ms).collect();
    played_times.sort_unstable();
    played_times.dedup();
    played_times
}

/// Judges a listener's day. Measured: plays; threshold: plays from which the rule looks.
#[must_use]
pub fn judge_day(day: &[RuleInput], policy: &LowVariety) -> Option<PlayMark> {
    let finding = match sign_of(day, policy)? {
        VarietySign::FewPlayedTimes(_) | VarietySign::ShortPlays(_) => {
            Finding::of(Reason::LowVariety)
        }
        VarietySign::LengthPerTrack(_) => Finding::LENGTH_PER_TRACK,
    };
    Some(PlayMark {
        finding,
        measured: Some(sum_plays(day)),
        threshold: Some(policy.plays_min.into()),
    })
}
