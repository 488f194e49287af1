//! Rule 7, `repeater`: one listener plays one track over and over.
//!
//! 50 plays of a song of three and a half minutes are three hours, which a fan may well do: so the
//! usual action is to hold, not to exclude. In `cap` mode the first plays up to the bound count (by
//! listening time, report, row) and those beyond are excluded; a row that stands for several plays
//! is beyond if its last one is.

use crate::filter::policy::{RepeaterAction, RepeaterRule};
use crate::filter::rule_input::{RuleInput, sum_plays};
use crate::model::play::PlayMark;
use crate::model::verdict::{Finding, Reason};

/// Judges one track in a listener's day, rows in order of listening time, report and row; calls
/// `take` with each row that is marked. Measured: plays; threshold: plays from which the rule looks.
pub fn judge_track(
    track: &[RuleInput],
    policy: &RepeaterRule,
    mut take: impl FnMut(&RuleInput, PlayMark),
) {
    let plays = sum_plays(track);
    let plays_min = i64::from(policy.plays_min);
    if plays < plays_min {
        return;
    }
    let mark = PlayMark {
        finding: Finding::of(Reason::Repeater),
        measured: Some(plays),
        threshold: Some(plays_min),
    };
    let mut plays_so_far = 0;
    for input in track {
        plays_so_far += i64::from(input.plays);
        if policy.action != RepeaterAction::Cap || plays_min < plays_so_far {
            take(input, mark);
        }
    }
}
