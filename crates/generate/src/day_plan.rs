//! The plays of one day in the order of its report.
//!
//! Listeners are walked in turn and their plays sorted by arrival afterwards, so that a report shows
//! them interleaved. Log times ascend roughly, not strictly. Nothing here depends on another day.

use super::GeneratedWorld;
use super::chance::{RandomPurpose, RandomSource, key};
use super::day::{ARRIVAL_JITTER_MIN, DAY_S, GeneratedDay, GeneratedPlay, ListenerNature};
use super::pattern_plays;

/// The plays of a day.
#[derive(Debug)]
pub(super) struct DayPlan {
    /// The plays; the last ones are rows that the store sends again.
    pub(super) plays: Vec<GeneratedPlay>,
    /// Indices of the plays in the order of the report.
    pub(super) order: Vec<u32>,
    /// How many of the plays are sent again.
    n_repeats: usize,
}

impl DayPlan {
    /// The plays less those whose exact time shows that they are sent again. Other repeats look like
    /// further plays within the step of the log clock, and count as such.
    pub(super) fn plays_once(&self) -> impl Iterator<Item = &GeneratedPlay> {
        let (made, repeats) = self.plays.split_at(self.plays.len() - self.n_repeats);
        made.iter().chain(repeats.iter().filter(|play| play.nature != ListenerNature::Offline))
    }
}

/// Makes the plays of a day of `n_rows` rows.
pub(super) fn plan(world: &GeneratedWorld, day: u32, n_rows: usize) -> DayPlan {
    let seed = key(world.seed(), RandomPurpose::Day, &[u64::from(day)]);
    let plays = Vec::with_capacity(n_rows);
    let mut day_plan = GeneratedDay { world, chance: RandomSource::new(seed), seed, plays };
    let sessions = world.sessions(day);
    let n_special: usize = sessions.iter().map(|session| session.n_plays as usize).sum();
    let n_people = n_rows.saturating_sub(n_special);
    let n_repeats = day_plan.count_repeats(n_rows).min(n_people.saturating_sub(1));
    day_plan.let_everybody_play(n_people - n_repeats);
    let n_organic = day_plan.plays.len();
    for session in sessions {
        pattern_plays::perform(&mut day_plan, session);
    }
    day_plan.repeat_rows(n_repeats, n_organic);
    let mut chance = RandomSource::new(key(seed, RandomPurpose::Order, &[]));
    let order = arrival_order(&day_plan.plays, &mut chance);
    DayPlan { plays: day_plan.plays, order, n_repeats }
}

/// Indices of the plays by the minute of arrival (a counting sort), shuffled inside the minute.
fn arrival_order(plays: &[GeneratedPlay], chance: &mut RandomSource) -> Vec<u32> {
    let mut next_place = vec![0_usize; (DAY_S / 60 + ARRIVAL_JITTER_MIN + 1) as usize];
    for play in plays {
        next_place[usize::from(play.arrival_min) + 1] += 1;
    }
    for minute in 1..next_place.len() {
        next_place[minute] += next_place[minute - 1];
    }
    let mut order = vec![0; plays.len()];
    for (index, play) in (0_u32..).zip(plays) {
        let place = &mut next_place[usize::from(play.arrival_min)];
        order[*place] = index;
        *place += 1;
    }
    let mut start = 0;
    for end in next_place {
        let minute = &mut order[start..end];
        for last in (1..minute.len()).rev() {
            minute.swap(last, chance.index(last + 1));
        }
        start = end;
    }
    order
}
