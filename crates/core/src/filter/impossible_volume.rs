//! Rule 4, `impossible_volume`: a listener has more plays in a day than a day can hold.
//!
//! 86,400 s hold 2,880 plays of 30 s, one after the other, without a pause. Taken by listening date:
//! an offline batch of many days is counted on one day and is no burst.

use crate::filter::policy::ImpossibleVolume;
use crate::filter::rule_input::{RuleInput, sum_plays};
use crate::model::play::PlayMark;
use crate::model::verdict::{Finding, Reason};

/// Judges a listener's day. Measured: plays; threshold: most that a day can hold.
#[must_use]
pub fn judge_day(day: &[RuleInput], policy: &ImpossibleVolume) -> Option<PlayMark> {
    let plays = sum_plays(day);
    let plays_max = i64::from(policy.plays_max);
    (plays_max < plays).then_some(PlayMark {
        finding: Finding::of(Reason::ImpossibleVolume),
        measured: Some(plays),
        threshold: Some(plays_max),
    })
}
