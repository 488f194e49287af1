//! `trends_daily`: plays of a counted date summed by listening month, track, release, territory,
//! tier, offline, verdict and reason.
//!
//! Rows come in the order of `plays`, so that each track's rows lie together, and nearly always they
//! are of one release and listening month. What tells groups of those apart fits 26 bits, and the
//! listener's id the next 32: one sort of 64-bit numbers by release gives groups in order and each
//! listener once. The general engine does the same sums in `verify`; the two are checked against each
//! other.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;

pub use self::rows::{DayTrends, MonthTrends, OptionalSum, Trend, TrendGroup, TrendRelease};

use crate::aggregate::gathered::GatheredPlays;
use crate::filter::policy::Policy;
use crate::model::day::{Day, Month};
use crate::model::isrc::Isrc;
use crate::model::play::{NONE, Play, PlayAttributes, PlayDictionaries, Plays};
use crate::model::tier::Tier;
use crate::model::upc::Upc;
use crate::model::verdict::{Finding, Reason, Verdict};
use crate::numbers::exact;

mod rows;

/// Sums judged plays; `order` is that of the table `plays`.
#[must_use]
pub fn sum_trends(plays: &Plays, order: &[u32], policy: &Policy) -> DayTrends {
    let mut sums = TrendSums::new(plays, policy);
    let mut gathered = GatheredPlays::default();
    for places in order.chunks(GATHERED_ROWS) {
        gathered.gather(plays, places);
        sums.take(&gathered);
    }
    sums.finish()
}

/// Rows that are gathered at a time: they stay in the processor's nearest caches.
const GATHERED_ROWS: usize = 1 << 11;

/// From this many rows on a month gets room for as many rows as there can be: what is not used costs no
/// memory, and growing would copy all of them.
const ROWS_SMALL: usize = 1 << 14;

/// A play as its group sees it.
#[derive(Debug, Clone, Copy)]
struct TrendSummand {
    /// What tells groups of a release apart, listener's id in the lowest 32 bits.
    key: u64,
    plays: u32,
    played_ms: u32,
}

/// Listening month and packed release.
type MonthRelease = (u32, u64);

/// Orders after all releases.
const UPC_NONE: u64 = u64::MAX;
/// Orders after all territories.
const TERRITORY_NONE: u16 = u16::MAX;

/// Sums plays as they come, in the order of the table `plays`.
pub struct TrendSums<'a> {
    words: &'a PlayDictionaries,
    /// Id of the track of the last play; others of its name may follow.
    last: Option<u32>,
    /// Of the track at hand.
    summands: Vec<TrendSummand>,
    /// Releases of the summands and where each begins, as they were met.
    releases: Vec<(MonthRelease, usize)>,
    /// The track's recording and its id if it has a name of its own.
    track: (Option<Isrc>, u32),
    /// Summands of one release, where a track has several.
    same: Vec<TrendSummand>,
    by_month: BTreeMap<u32, MonthTrends>,
    /// There are at most as many rows as plays.
    rows_max: usize,
    store_tracks: Vec<Box<str>>,
    outcomes: GroupOutcomes,
    /// The month of the last listening date met, since most are the same.
    month: (Day, u32),
    /// Recording and packed release by id of the track.
    codes: Vec<(Option<Isrc>, u64)>,
    /// Tier and number of plays by id of the kind.
    kinds: Vec<(u8, u32)>,
}

impl<'a> TrendSums<'a> {
    /// Sums of nothing so far.
    #[must_use]
    pub fn new(plays: &'a Plays, policy: &Policy) -> Self {
        let PlayDictionaries { tracks, kinds, products, .. } = &plays.words;
        let tier = |kind: &PlayAttributes| products[kind.product as usize].tier as u8;
        Self {
            words: &plays.words,
            last: None,
            codes: tracks.iter().map(|t| (t.isrc, t.upc.map_or(UPC_NONE, Upc::packed))).collect(),
            kinds: kinds.iter().map(|kind| (tier(kind), kind.plays)).collect(),
            summands: Vec::new(),
            releases: Vec::new(),
            track: (None, NONE),
            same: Vec::new(),
            by_month: BTreeMap::new(),
            rows_max: plays.rows.len(),
            store_tracks: Vec::new(),
            outcomes: GroupOutcomes::new(policy),
            month: (Day(0), month_number(Day(0).month())),
        }
    }

    /// Takes the plays that come next.
    ///
    /// # Panics
    /// If they are not of the plays that it was made for.
    pub fn take(&mut self, gathered: &GatheredPlays) {
        for (play, reason) in gathered.rows.iter().zip(&gathered.findings) {
            if self.last != Some(play.track) {
                if self.last.is_none_or(|last| !self.is_same(last as usize, play.track as usize)) {
                    self.end_track();
                    self.start_track(play.track as usize);
                }
                self.last = Some(play.track);
            }
            self.take_play(play, *reason);
        }
    }

    /// The sums of all that was taken.
    #[must_use]
    pub fn finish(mut self) -> DayTrends {
        self.end_track();
        let months = self.by_month.into_values().collect();
        DayTrends { months, store_tracks: self.store_tracks }
    }

    /// Whether two tracks have one name: the ISRC, or where there is none the store's own.
    fn is_same(&self, a: usize, b: usize) -> bool {
        let store_track = |track: usize| &self.words.tracks[track].store_track;
        let (isrc, other) = (self.codes[a].0, self.codes[b].0);
        isrc == other && (isrc.is_some() || store_track(a) == store_track(b))
    }

    fn start_track(&mut self, track: usize) {
        let isrc = self.codes[track].0;
        let store_track = match (isrc, &self.words.tracks[track].store_track) {
            (None, Some(store_track)) => {
                self.store_tracks.push(store_track.clone());
                exact::<u32>(self.store_tracks.len() - 1)
            }
            _ => NONE,
        };
        self.track = (isrc, store_track);
    }

    #[inline]
    fn take_play(&mut self, play: &Play, reason: u8) {
        let day = Day::of_ms(play.listened_at_ms);
        if self.month.0 != day {
            self.month = (day, month_number(day.month()));
        }
        let release = (self.month.1, self.codes[play.track as usize].1);
        if self.releases.last().is_none_or(|(last, _)| *last != release) {
            self.releases.push((release, self.summands.len()));
        }
        let (tier, n_plays) = self.kinds[play.kind as usize];
        let territory = if play.territory == 0 { TERRITORY_NONE } else { play.territory };
        let group = u64::from(territory) << 10
            | u64::from(tier) << 6
            | u64::from(play.offline) << 4
            | u64::from(self.outcomes.rank_of[usize::from(reason)]);
        self.summands.push(TrendSummand {
            key: group << 32 | u64::from(play.listener),
            plays: n_plays,
            played_ms: play.played_ms,
        });
    }

    /// Sums the track at hand, release by release. Nearly all tracks have one.
    fn end_track(&mut self) {
        let mut summands = std::mem::take(&mut self.summands);
        let mut releases = std::mem::take(&mut self.releases);
        if let [(release, _)] = releases[..] {
            self.sum_release(release, &mut summands);
        } else {
            self.sum_releases(&mut releases, &summands);
        }
        summands.clear();
        releases.clear();
        (self.summands, self.releases) = (summands, releases);
    }

    fn sum_releases(&mut self, releases: &mut [(MonthRelease, usize)], summands: &[TrendSummand]) {
        let mut end = summands.len();
        let mut runs: Vec<(MonthRelease, Range<usize>)> = Vec::with_capacity(releases.len());
        for (release, start) in releases.iter().rev() {
            runs.push((*release, *start..end));
            end = *start;
        }
        runs.sort_unstable_by_key(|(release, _)| *release);
        for same_release in runs.chunk_by(|a, b| a.0 == b.0) {
            let mut same = std::mem::take(&mut self.same);
            same.clear();
            for (_, run) in same_release {
                same.extend_from_slice(&summands[run.clone()]);
            }
            self.sum_release(same_release[0].0, &mut same);
            self.same = same;
        }
    }

    fn sum_release(&mut self, (month, upc): MonthRelease, summands: &mut [TrendSummand]) {
        summands.sort_unstable_by_key(|summand| summand.key);
        let (isrc, store_track) = self.track;
        let upc = Some(upc).filter(|upc| *upc != UPC_NONE).and_then(Upc::from_packed);
        let rows = self.by_month.entry(month).or_insert_with(|| MonthTrends::new(month_of(month)));
        if ROWS_SMALL <= rows.len() {
            rows.make_room(summands.len(), self.rows_max);
        }
        for group in summands.chunk_by(|a, b| a.key >> 32 == b.key >> 32) {
            self.outcomes.push_sums(group, rows);
        }
        rows.end_release(isrc, store_track, upc);
    }
}

fn month_number(month: Month) -> u32 {
    exact::<u32>(month.year) * 12 + u32::from(month.month) - 1
}

fn month_of(number: u32) -> Month {
    Month { year: exact(number / 12), month: exact::<u8>(number % 12 + 1) }
}

/// Verdicts with their reasons, in the order of the table: by verdict, then reason, none last.
struct GroupOutcomes {
    rank_of: [u8; Finding::COUNT + 1],
    by_rank: Vec<(Verdict, Option<Reason>)>,
}

impl GroupOutcomes {
    fn new(policy: &Policy) -> Self {
        let findings = || Finding::all().map(Some).chain([None]);
        let outcome =
            |finding: Option<Finding>| (policy.verdict(finding), finding.map(Finding::reason));
        let mut by_rank: Vec<_> = findings().map(outcome).collect();
        by_rank.sort_by_key(|(verdict, reason)| (*verdict, reason.is_none(), *reason));
        // Two signs of one rule may have the same verdict.
        by_rank.dedup();
        let mut rank_of = [0; Finding::COUNT + 1];
        for finding in findings() {
            let rank = (0_u8..).zip(&by_rank).find(|(_, known)| **known == outcome(finding));
            if let Some((rank, _)) = rank {
                rank_of[usize::from(finding.map_or(0, Finding::code))] = rank;
            }
        }
        Self { rank_of, by_rank }
    }

    /// Appends the sums of a group, whose keys are sorted and differ in the listener alone.
    #[inline]
    fn push_sums(&self, group: &[TrendSummand], rows: &mut MonthTrends) {
        let key = group[0].key >> 32;
        let small = |shift: u32, bits: u32| {
            usize::try_from(key >> shift & ((1 << bits) - 1)).unwrap_or_default()
        };
        let territory = u16::try_from(key >> 10).unwrap_or_default();
        let (verdict, reason) = self.by_rank[small(0, 4)];
        let (mut plays, mut played_ms, mut is_known) = (0, 0, false);
        let (mut listeners, mut last) = (0, u64::from(NONE));
        for summand in group {
            let n_plays = i64::from(summand.plays);
            plays += n_plays;
            if summand.played_ms != NONE {
                played_ms += i64::from(summand.played_ms) * n_plays;
                is_known = true;
            }
            // Unknown listeners come last.
            let listener = summand.key & u64::from(NONE);
            listeners += u32::from(listener != last && listener != u64::from(NONE));
            last = listener;
        }
        rows.groups.push(TrendGroup {
            territory: if territory == TERRITORY_NONE { 0 } else { territory },
            tier: Tier::ALL[small(6, 4)],
            offline: [Some(false), Some(true), None][small(4, 2)],
            verdict,
            reason,
        });
        rows.plays.push(plays);
        rows.played_ms.push(is_known.then_some(played_ms).into());
        rows.listeners.push(NonZeroU32::new(listeners));
    }
}

#[cfg(test)]
mod tests;
