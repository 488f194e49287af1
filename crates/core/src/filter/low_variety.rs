//! Rule 6, `low_variety`: many plays in a day that hardly vary in length.
//!
//! Three signs, each known from a distributor's own detector: few different played times, no play
//! longer than 80 s, or as many different played times as different tracks (each track is always cut
//! at the same place). Many plays alone are no sign: a shop plays music all day.
//! Where no played time is known there is nothing to measure, and the rule does not apply.

use crate::filter::heard::{Heard, sum_plays};
use crate::filter::policy::LowVariety;
use crate::vocabulary::play::Mark;
use crate::vocabulary::verdict::Reason;

/// Judges a listener's day. Measured: plays; threshold: plays from which the rule looks.
#[must_use]
pub fn judge_day(day: &[Heard], policy: &LowVariety) -> Option<Mark> {
    let plays = sum_plays(day);
    let plays_min = i64::from(policy.plays_min);
    if plays < plays_min {
        return None;
    }
    let mut played_times: Vec<u32> = day.iter().filter_map(Heard::known_played_ms).collect();
    played_times.sort_unstable();
    played_times.dedup();
    let longest_ms = *played_times.last()?;
    let mut tracks: Vec<u32> = day.iter().map(|heard| heard.track).collect();
    tracks.sort_unstable();
    tracks.dedup();
    let varies_little = played_times.len() <= policy.played_times_max as usize
        || longest_ms <= policy.longest_ms_max
        || played_times.len() == tracks.len();
    varies_little.then_some(Mark {
        reason: Reason::LowVariety,
        measured: Some(plays),
        threshold: Some(plays_min),
    })
}
