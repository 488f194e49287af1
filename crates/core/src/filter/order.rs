//! The order of the rules: the first that applies to a play wins.
//!
//! Plays are taken listener by listener (a counting sort of their places), since all rules but 2 and 3
//! ask about one listener. Some hundred listeners at a time are gathered, so that the processor fetches
//! many plays at once, and then settled in cache. Most listeners have few plays and are let through by
//! one look at two sums.

use crate::filter::heard::{Heard, sum_played_ms, sum_plays};
use crate::filter::policy::Policy;
use crate::filter::{
    duplicate, impossible_time, impossible_volume, low_variety, offline_expired, repeater,
    short_cluster, too_short,
};
use crate::normalize::store::StoreSettings;
use crate::vocabulary::day::Day;
use crate::vocabulary::play::{Kind, Mark, NONE, Play, Plays};

/// The place in the marks of a play that is not marked.
const UNMARKED: u32 = 0;

/// Gives every play of a store and counted date its mark, or none if it counts.
///
/// All plays of a listener must be among `plays`. What they were marked with before is forgotten.
pub fn judge_plays(plays: &mut Plays, counted: Day, store: &StoreSettings, policy: &Policy) {
    plays.marks.clear();
    plays.marked.clear();
    plays.marked.resize(plays.rows.len(), UNMARKED);
    let ByListener { places, ends, without } = ByListener::lay_out(plays);
    let names = plays.words.track_names();
    let tracks = names.iter().zip(&plays.words.tracks);
    let hearing = Hearing {
        rows: &plays.rows,
        kinds: &plays.words.kinds,
        tracks: tracks.map(|(name, track)| (*name, track.track_ms.unwrap_or(NONE))).collect(),
    };
    let mut judge = Judge {
        counted,
        store,
        policy,
        plays_min: plays_min(policy),
        rest: Vec::new(),
        marks: Marks { marked: &mut plays.marked, marks: &mut plays.marks },
    };
    let mut batch = Vec::new();
    let mut batch_start = 0;
    for ends in ends.chunks(LISTENERS_AT_ONCE) {
        let batch_end = ends.last().map_or(batch_start, |end| *end as usize);
        batch.clear();
        batch.extend(places[batch_start..batch_end].iter().map(|place| hearing.heard(*place)));
        let mut start = batch_start;
        for end in ends {
            let end = *end as usize;
            judge.judge_listener(&mut batch[start - batch_start..end - batch_start]);
            start = end;
        }
        batch_start = batch_end;
    }
    for place in without {
        if let Some(mark) = judge.judge_alone(&hearing.heard(place)) {
            judge.marks.set(place, mark);
        }
    }
}

/// Listeners whose plays are gathered together.
const LISTENERS_AT_ONCE: usize = 256;

/// Below this many plays in a day none of rules 4 and 6 to 8 can apply.
fn plays_min(policy: &Policy) -> i64 {
    let volume_min = policy.impossible_volume.plays_max.saturating_add(1);
    let others =
        [policy.low_variety.plays_min, policy.repeater.plays_min, policy.short_cluster.plays_min];
    i64::from(others.into_iter().fold(volume_min, u32::min))
}

/// Places of the plays listener by listener, and of those without one.
struct ByListener {
    places: Vec<u32>,
    ends: Vec<u32>,
    without: Vec<u32>,
}

impl ByListener {
    fn lay_out(plays: &Plays) -> Self {
        let mut ends = vec![0_u32; plays.words.listeners.len()];
        let mut without = Vec::new();
        for (place, play) in (0_u32..).zip(&plays.rows) {
            match ends.get_mut(play.listener as usize) {
                Some(count) => *count += 1,
                None => without.push(place),
            }
        }
        // Counts become starts, which move on to the ends as places come in.
        let mut n_places = 0;
        for count in &mut ends {
            let start = n_places;
            n_places += *count;
            *count = start;
        }
        let mut places = vec![0; n_places as usize];
        for (place, play) in (0_u32..).zip(&plays.rows) {
            if let Some(next) = ends.get_mut(play.listener as usize) {
                places[*next as usize] = place;
                *next += 1;
            }
        }
        Self { places, ends, without }
    }
}

/// Where what the rules need to know of a play is found.
struct Hearing<'a> {
    rows: &'a [Play],
    kinds: &'a [Kind],
    /// By id of the track, what tells it apart and its length.
    tracks: Vec<(u32, u32)>,
}

impl Hearing<'_> {
    #[inline]
    fn heard(&self, place: u32) -> Heard {
        let play = &self.rows[place as usize];
        let kind = &self.kinds[play.kind as usize];
        let (track, track_ms) = self.tracks[play.track as usize];
        Heard {
            listened_at_ms: play.listened_at_ms,
            place,
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

struct Judge<'a> {
    counted: Day,
    store: &'a StoreSettings,
    policy: &'a Policy,
    plays_min: i64,
    /// A listener's plays that rules 1 to 3 let through.
    rest: Vec<Heard>,
    marks: Marks<'a>,
}

struct Marks<'a> {
    marked: &'a mut [u32],
    marks: &'a mut Vec<Mark>,
}

impl Marks<'_> {
    fn set(&mut self, place: u32, mark: Mark) {
        // A group's rows share one mark; they are set one after the other.
        if self.marks.last() != Some(&mark) {
            self.marks.push(mark);
        }
        self.marked[place as usize] = u32::try_from(self.marks.len()).unwrap_or(NONE);
    }

    fn is_marked(&self, place: u32) -> bool {
        self.marked[place as usize] != UNMARKED
    }
}

impl Judge<'_> {
    /// Rules 2 and 3, which look at one play.
    #[inline]
    fn judge_alone(&self, heard: &Heard) -> Option<Mark> {
        too_short::judge_played_time(heard.played_ms, self.store).or_else(|| {
            let policy = &self.policy.offline_expired;
            offline_expired::judge_age(heard.offline, heard.day(), self.counted, policy)
        })
    }

    fn judge_listener(&mut self, heard: &mut [Heard]) {
        let Self { marks, .. } = self;
        duplicate::mark_duplicates(heard, self.store.clock, |heard, mark| {
            marks.set(heard.place, mark)
        });
        let mut rest = std::mem::take(&mut self.rest);
        rest.clear();
        let is_alone = heard.len() == 1;
        for heard in &*heard {
            if !is_alone && self.marks.is_marked(heard.place) {
                continue;
            }
            match self.judge_alone(heard) {
                Some(mark) => self.marks.set(heard.place, mark),
                None => rest.push(*heard),
            }
        }
        if self.plays_min <= sum_plays(&rest) || self.exceeds_time(&rest) {
            rest.sort_unstable_by_key(|h| (h.day(), h.track, h.listened_at_ms, h.place));
            rest.chunk_by(|a, b| a.day() == b.day()).for_each(|day| self.judge_day(day));
        }
        self.rest = rest;
    }

    fn exceeds_time(&self, heard: &[Heard]) -> bool {
        i64::try_from(self.policy.impossible_time.played_ms_max)
            .is_ok_and(|played_ms_max| played_ms_max < sum_played_ms(heard))
    }

    /// Rules 4 to 8 over a listener's day: rows by track, listening time, report and row.
    fn judge_day(&mut self, day: &[Heard]) {
        let policy = self.policy;
        let of_all = impossible_volume::judge_day(day, &policy.impossible_volume)
            .or_else(|| impossible_time::judge_day(day, &policy.impossible_time))
            .or_else(|| low_variety::judge_day(day, &policy.low_variety));
        if let Some(mark) = of_all {
            day.iter().for_each(|heard| self.marks.set(heard.place, mark));
            return;
        }
        for track in day.chunk_by(|a, b| a.track == b.track) {
            let marks = &mut self.marks;
            repeater::judge_track(track, &policy.repeater, |heard, mark| {
                marks.set(heard.place, mark)
            });
        }
        if let Some(mark) = short_cluster::judge_day(day, &policy.short_cluster) {
            for heard in day {
                if !self.marks.is_marked(heard.place) {
                    self.marks.set(heard.place, mark);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
