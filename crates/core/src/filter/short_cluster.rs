//! Rule 8, `short_cluster`: most of a listener's plays end just after the bound from which they pay.
//!
//! A play that reaches most of a known track length is left out of all numbers here: a track of 33
//! seconds is not to blame for being short. So are rows without a known played time.

use crate::filter::policy::ShortCluster;
use crate::filter::rule_input::RuleInput;
use crate::model::play::PlayMark;
use crate::model::verdict::{Finding, Reason};

/// Judges a listener's day. Measured: share of short plays, basis points, cut; threshold: share from
/// which they are suspicious.
#[must_use]
pub fn judge_day(day: &[RuleInput], policy: &ShortCluster) -> Option<PlayMark> {
    let (mut plays, mut short_plays) = (0_i64, 0_i64);
    for input in day {
        let Some(played_ms) = input.known_played_ms() else {
            continue;
        };
        if input.is_complete(policy.complete_min_percent) {
            continue;
        }
        plays += i64::from(input.plays);
        if (policy.played_ms_from..=policy.played_ms_to).contains(&played_ms) {
            short_plays += i64::from(input.plays);
        }
    }
    let share_min = i64::from(policy.share_min_basis_points);
    let is_cluster =
        i64::from(policy.plays_min) <= plays && share_min * plays <= short_plays * 10_000;
    is_cluster.then(|| PlayMark {
        finding: Finding::of(Reason::ShortCluster),
        measured: Some(short_plays * 10_000 / plays),
        threshold: Some(share_min),
    })
}
