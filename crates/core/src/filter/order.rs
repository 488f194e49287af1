//! The order of the rules: the first that applies to a play wins.
//!
//! Plays are taken listener by listener, since all rules but 2 and 3 ask about one listener. Some hundred
//! listeners at a time are gathered, so that the processor fetches many plays at once, and then settled
//! in cache. Most listeners have few plays and are let through by
//! one look at two sums.

use std::hint::black_box;

use crate::filter::offline_repeats::OfflineKey;
use crate::filter::policy::Policy;
use crate::filter::rule_input::{RuleInput, sum_played_ms, sum_plays};
use crate::filter::{
    duplicate, impossible_time, impossible_volume, low_variety, offline_expired, offline_repeats,
    repeater, short_cluster, too_short,
};
use crate::model::day::Day;
use crate::model::play::{NONE, Play, PlayAttributes, PlayMark, Plays};
use crate::normalize::store::StoreSettings;
use crate::numbers::exact;

/// The place in the marks of a play that is not marked.
const UNMARKED: u32 = 0;

/// Gives every play of a store and counted date its mark, or none if it counts.
///
/// All plays of a listener must be among `plays`. What they were marked with before is forgotten.
/// `earlier` are the keys (ascending) of offline plays that earlier counted dates of the store have.
pub fn judge_plays(
    plays: &mut Plays,
    counted: Day,
    store: &StoreSettings,
    policy: &Policy,
    earlier: &[OfflineKey],
) {
    plays.marks.clear();
    plays.marked.clear();
    plays.marked.resize(plays.rows.len(), UNMARKED);
    let mut repeats = Vec::new();
    offline_repeats::mark_repeats(plays, counted, earlier, |place, mark| {
        repeats.push((place, mark))
    });
    let names = plays.words.track_names();
    let tracks = names.iter().zip(&plays.words.tracks);
    let gatherer = RuleInputGatherer {
        rows: &plays.rows,
        kinds: &plays.words.kinds,
        tracks: tracks.map(|(name, track)| (*name, track.track_ms.unwrap_or(NONE))).collect(),
    };
    let mut judge = PlayJudge {
        counted,
        store,
        policy,
        plays_min: plays_min(policy),
        rest: Vec::new(),
        marks: PlayMarks { marked: &mut plays.marked, marks: &mut plays.marks },
    };
    repeats.iter().for_each(|(place, mark)| judge.marks.set(*place, *mark));
    let mut batch = Vec::new();
    let mut places = &*plays.by_listener;
    while !places.is_empty() {
        let (taken, rest) = places.split_at(gatherer.end_of_batch(places));
        batch.clear();
        gatherer.fetch(taken);
        batch.extend(taken.iter().map(|place| gatherer.gather(*place)));
        if !repeats.is_empty() {
            batch.retain(|input| !judge.marks.is_marked(input.place));
        }
        batch
            .chunk_by_mut(|a, b| a.listener == b.listener)
            .for_each(|inputs| judge.judge_listener(inputs));
        places = rest;
    }
    if plays.by_listener.len() < plays.rows.len() {
        for (place, _) in (0..).zip(&plays.rows).filter(|(_, play)| play.listener == NONE) {
            if let Some(mark) = judge.judge_alone(&gatherer.gather(place)) {
                judge.marks.set(place, mark);
            }
        }
    }
}

/// Plays that are gathered together, about.
const BATCH_ROWS: usize = 512;

/// Below this many plays in a day none of rules 4 and 6 to 8 can apply.
fn plays_min(policy: &Policy) -> i64 {
    let volume_min = i64::from(policy.impossible_volume.plays_max) + 1;
    let others =
        [policy.low_variety.plays_min, policy.repeater.plays_min, policy.short_cluster.plays_min];
    others.into_iter().map(i64::from).fold(volume_min, i64::min)
}

/// Where what the rules need to know of a play is found.
struct RuleInputGatherer<'a> {
    rows: &'a [Play],
    kinds: &'a [PlayAttributes],
    /// By id of the track, what tells it apart and its length.
    tracks: Vec<(u32, u32)>,
}

impl RuleInputGatherer<'_> {
    /// How many of the places are gathered next: whole listeners.
    fn end_of_batch(&self, places: &[u32]) -> usize {
        let listener = |place: u32| self.rows[place as usize].listener;
        match places.get(BATCH_ROWS) {
            Some(next) => {
                let last = listener(*next);
                BATCH_ROWS
                    + places[BATCH_ROWS..].iter().take_while(|p| listener(**p) == last).count()
            }
            None => places.len(),
        }
    }

    /// Looks at plays without using them: the processor fetches more of them at once than where it
    /// does something with each.
    fn fetch(&self, places: &[u32]) {
        let byte = |place: &u32| self.rows[*place as usize].offline;
        black_box(places.iter().map(byte).fold(0, u8::wrapping_add));
    }

    #[inline]
    fn gather(&self, place: u32) -> RuleInput {
        let play = &self.rows[place as usize];
        let kind = &self.kinds[play.kind as usize];
        let (track, track_ms) = self.tracks[play.track as usize];
        RuleInput {
            listened_at_ms: play.listened_at_ms,
            place,
            listener: play.listener,
            track,
            played_ms: play.played_ms,
            track_ms,
            plays: kind.plays,
            report: kind.report,
            exact: play.exact,
            offline: play.offline,
        }
    }
}

struct PlayJudge<'a> {
    counted: Day,
    store: &'a StoreSettings,
    policy: &'a Policy,
    plays_min: i64,
    /// A listener's plays that rules 1 to 3 let through.
    rest: Vec<RuleInput>,
    marks: PlayMarks<'a>,
}

struct PlayMarks<'a> {
    marked: &'a mut [u32],
    marks: &'a mut Vec<PlayMark>,
}

impl PlayMarks<'_> {
    fn set(&mut self, place: u32, mark: PlayMark) {
        // A group's rows share one mark; they are set one after the other.
        if self.marks.last() != Some(&mark) {
            self.marks.push(mark);
        }
        self.marked[place as usize] = exact::<u32>(self.marks.len());
    }

    fn is_marked(&self, place: u32) -> bool {
        self.marked[place as usize] != UNMARKED
    }
}

impl PlayJudge<'_> {
    /// Rules 2 and 3, which look at one play.
    #[inline]
    fn judge_alone(&self, input: &RuleInput) -> Option<PlayMark> {
        too_short::judge_played_time(input.played_ms, self.store).or_else(|| {
            let policy = &self.policy.offline_expired;
            offline_expired::judge_age(input.offline, input.day(), self.counted, policy)
        })
    }

    fn judge_listener(&mut self, inputs: &mut [RuleInput]) {
        let Self { marks, .. } = self;
        let mut has_duplicates = false;
        duplicate::mark_duplicates(inputs, self.store.clock, |input, mark| {
            has_duplicates = true;
            marks.set(input.place, mark);
        });
        let mut rest = std::mem::take(&mut self.rest);
        rest.clear();
        for input in &*inputs {
            // Marks lie anywhere in the memory: most listeners' need not be looked at.
            if has_duplicates && self.marks.is_marked(input.place) {
                continue;
            }
            match self.judge_alone(input) {
                Some(mark) => self.marks.set(input.place, mark),
                None => rest.push(*input),
            }
        }
        if self.plays_min <= sum_plays(&rest) || self.exceeds_time(&rest) {
            rest.sort_unstable_by_key(|h| (h.day(), h.track, h.listened_at_ms, h.place));
            rest.chunk_by(|a, b| a.day() == b.day()).for_each(|day| self.judge_day(day));
        }
        self.rest = rest;
    }

    fn exceeds_time(&self, inputs: &[RuleInput]) -> bool {
        i64::try_from(self.policy.impossible_time.played_ms_max)
            .is_ok_and(|played_ms_max| played_ms_max < sum_played_ms(inputs))
    }

    /// Rules 4 to 8 over a listener's day: rows by track, listening time, report and row.
    fn judge_day(&mut self, day: &[RuleInput]) {
        let policy = self.policy;
        let of_all = impossible_volume::judge_day(day, &policy.impossible_volume)
            .or_else(|| impossible_time::judge_day(day, &policy.impossible_time))
            .or_else(|| low_variety::judge_day(day, &policy.low_variety));
        if let Some(mark) = of_all {
            day.iter().for_each(|input| self.marks.set(input.place, mark));
            return;
        }
        for track in day.chunk_by(|a, b| a.track == b.track) {
            let marks = &mut self.marks;
            repeater::judge_track(track, &policy.repeater, |input, mark| {
                marks.set(input.place, mark)
            });
        }
        if let Some(mark) = short_cluster::judge_day(day, &policy.short_cluster) {
            for input in day {
                if !self.marks.is_marked(input.place) {
                    self.marks.set(input.place, mark);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
