//! Rule 1, `duplicate`: the same play is there already.
//!
//! Rows with the same listener, track, listening time (of the same kind, exact or rounded) and played
//! time are one group. From the report that has most of them (then the smallest hash) the first k
//! rows are kept; all others are duplicates. k = 1 where the time is exact; on a clock rounded to P
//! seconds as many as can begin in one step, max(1, ceil(1000 P / played ms)): the fan who played a song
//! of four minutes four times in a quarter of an hour, the last one into the next, has four plays that
//! look the same. Taking the
//! rows of one report, not of all, makes a report that was sent twice count once.

use crate::filter::rule_input::RuleInput;
use crate::model::play::{NONE, PlayMark};
use crate::model::verdict::{Finding, Reason};
use crate::normalize::store::StoreClock;
use crate::numbers::exact;

/// Sorts a listener's plays so that possible duplicates stand together, and calls `take` with each
/// duplicate. Measured: rows of the group; threshold: rows of it that are kept.
pub fn mark_duplicates(
    inputs: &mut [RuleInput],
    clock: StoreClock,
    mut take: impl FnMut(&RuleInput, PlayMark),
) {
    if inputs.len() < 2 {
        return;
    }
    inputs.sort_unstable_by_key(|inputs| (group_key(inputs), inputs.place));
    for group in inputs.chunk_by(|a, b| group_key(a) == group_key(b)) {
        if 1 < group.len() {
            mark_group(group, clock, &mut take);
        }
    }
}

fn group_key(input: &RuleInput) -> (u32, i64, u8, u32) {
    (input.track, input.listened_at_ms, input.exact, input.played_ms)
}

/// Rows of a group stand in order of report and row.
fn mark_group(group: &[RuleInput], clock: StoreClock, take: &mut impl FnMut(&RuleInput, PlayMark)) {
    let by_report = || group.chunk_by(|a, b| a.report == b.report);
    // `max_by_key` returns the last of equals, the smallest hash is the first: so it goes from behind.
    let Some(most) = by_report().rev().max_by_key(|rows| rows.len()) else {
        return;
    };
    let kept = &most[..most.len().min(rows_that_begin(&group[0], clock))];
    let mark = PlayMark {
        finding: Finding::of(Reason::Duplicate),
        measured: i64::try_from(group.len()).ok(),
        threshold: i64::try_from(kept.len()).ok(),
    };
    let (first, last) = (kept[0].place, kept[kept.len() - 1].place);
    group
        .iter()
        .filter(|input| input.place < first || last < input.place)
        .for_each(|input| take(input, mark));
}

/// How many plays of this length can begin in one step of the clock.
fn rows_that_begin(input: &RuleInput, clock: StoreClock) -> usize {
    let step_ms = u64::from(clock.rounded_to_s) * 1000;
    match input.played_ms {
        0 | NONE => 1,
        _ if input.exact == 1 => 1,
        played_ms => exact::<usize>(step_ms.div_ceil(u64::from(played_ms)).max(1)),
    }
}
