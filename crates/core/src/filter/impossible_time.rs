//! Rule 5, `impossible_time`: a listener has more played time in a day than a day has.
//!
//! 24 hours and 5 % for clocks that disagree. Rows without a known played time add nothing.

use crate::filter::policy::ImpossibleTime;
use crate::filter::rule_input::{RuleInput, sum_played_ms};
use crate::model::play::PlayMark;
use crate::model::verdict::{Finding, Reason};

/// Judges a listener's day. Measured: milliseconds; threshold: most that a day has.
#[must_use]
pub fn judge_day(day: &[RuleInput], policy: &ImpossibleTime) -> Option<PlayMark> {
    let played_ms = sum_played_ms(day);
    // No sum reaches a limit beyond 64 bits.
    let played_ms_max = i64::try_from(policy.played_ms_max).ok()?;
    (played_ms_max < played_ms).then_some(PlayMark {
        finding: Finding::of(Reason::ImpossibleTime),
        measured: Some(played_ms),
        threshold: Some(played_ms_max),
    })
}
