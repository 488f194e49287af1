//! The order of the rules: the first that applies to a play wins.
//!
//! Plays are laid out by listener first (a counting sort of 40-byte records), since all rules but 2
//! and 3 ask about one listener; each listener's plays are then settled in cache. Most listeners
//! have few plays and are let through by one look at two sums.

use crate::filter::heard::{Heard, sum_played_ms, sum_plays};
use crate::filter::policy::Policy;
use crate::filter::{
    duplicate, impossible_time, impossible_volume, low_variety, offline_expired, repeater,
    short_cluster, too_short,
};
use crate::normalize::store::StoreSettings;
use crate::vocabulary::day::Day;
use crate::vocabulary::play::{Mark, NONE, Plays};

/// The place in the marks of a play that is not marked.
const UNMARKED: u32 = 0;

/// Gives every play of a store and counted date its mark, or none if it counts.
///
/// All plays of a listener must be among `plays`. Rows stay where they are; what they were marked
/// with before is forgotten.
pub fn judge_plays(plays: &mut Plays, counted: Day, store: &StoreSettings, policy: &Policy) {
    plays.marks.clear();
    plays.rows.iter_mut().for_each(|play| play.mark = UNMARKED);
    let layout = ByListener::lay_out(plays);
    let mut judge = Judge {
        counted,
        store,
        policy,
        plays_min: plays_min(policy),
        rest: Vec::new(),
        marks: Marks { plays },
    };
    let ByListener { mut heard, ends, without } = layout;
    let mut start = 0;
    for end in ends {
        judge.judge_listener(&mut heard[start..end as usize]);
        start = end as usize;
    }
    for place in without {
        let play = judge.marks.plays.rows[place as usize];
        let alone = Heard {
            listened_at_ms: play.listened_at_ms,
            played_ms: play.played_ms,
            offline: play.offline,
            place,
            ..Heard::default()
        };
        if let Some(mark) = judge.judge_alone(&alone) {
            judge.marks.set(place, mark);
        }
    }
}

/// Below this many plays in a day none of rules 4 and 6 to 8 can apply.
fn plays_min(policy: &Policy) -> i64 {
    let volume_min = policy.impossible_volume.plays_max.saturating_add(1);
    let others =
        [policy.low_variety.plays_min, policy.repeater.plays_min, policy.short_cluster.plays_min];
    i64::from(others.into_iter().fold(volume_min, u32::min))
}

/// Plays laid out listener by listener, and the places of those without one.
struct ByListener {
    heard: Vec<Heard>,
    ends: Vec<u32>,
    without: Vec<u32>,
}

impl ByListener {
    fn lay_out(plays: &Plays) -> Self {
        let tracks = plays.words.track_names();
        // Counted one place further on, so that the running sum gives where each listener starts.
        let mut ends = vec![0_u32; plays.words.listeners.len()];
        let mut without = Vec::new();
        for (place, play) in (0_u32..).zip(&plays.rows) {
            match ends.get_mut(play.listener as usize) {
                Some(count) => *count += 1,
                None => without.push(place),
            }
        }
        let mut n_heard = 0;
        for count in &mut ends {
            let start = n_heard;
            n_heard += *count;
            *count = start;
        }
        let mut heard = vec![Heard::default(); n_heard as usize];
        for (place, play) in (0_u32..).zip(&plays.rows) {
            let Some(next) = ends.get_mut(play.listener as usize) else {
                continue;
            };
            heard[*next as usize] = Heard {
                listened_at_ms: play.listened_at_ms,
                place,
                track: tracks[play.track as usize],
                played_ms: play.played_ms,
                track_ms: play.track_ms,
                plays: play.plays,
                report: play.report,
                exact: play.exact,
                offline: play.offline,
            };
            *next += 1;
        }
        Self { heard, ends, without }
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
    plays: &'a mut Plays,
}

impl Marks<'_> {
    fn set(&mut self, place: u32, mark: Mark) {
        // A group's rows share one mark; they are set one after the other.
        if self.plays.marks.last() != Some(&mark) {
            self.plays.marks.push(mark);
        }
        self.plays.rows[place as usize].mark =
            u32::try_from(self.plays.marks.len()).unwrap_or(NONE);
    }

    fn is_marked(&self, place: u32) -> bool {
        self.plays.rows[place as usize].mark != UNMARKED
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
