//! `trends_daily`: plays of a counted date summed by listening month, track, release, territory,
//! tier, offline, verdict and reason.
//!
//! Rows come in the order of `plays`, so that each track's rows lie together. Everything else that a
//! group is made of fits 92 bits, and the listener's id the next 32: one sort of 128-bit numbers by
//! track gives groups in order and each listener once. The general engine does the same sums in
//! `verify`; the two are held against each other.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::filter::policy::Policy;
use crate::vocabulary::day::{Day, Month};
use crate::vocabulary::isrc::Isrc;
use crate::vocabulary::play::{Kind, NONE, Plays, Track, Words};
use crate::vocabulary::territory::Territory;
use crate::vocabulary::tier::Tier;
use crate::vocabulary::upc::Upc;
use crate::vocabulary::verdict::{Reason, Verdict};

/// One row of `trends_daily`, without its date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trend {
    /// Month of the listening date.
    pub listened_month: Month,
    /// The recording.
    pub isrc: Option<Isrc>,
    /// Id of the store's track in [`DayTrends::store_tracks`], only where there is no recording; else
    /// [`NONE`].
    pub store_track: u32,
    /// The release.
    pub upc: Option<Upc>,
    /// Where.
    pub territory: Option<Territory>,
    /// What kind of user.
    pub tier: Tier,
    /// Whether offline; `None` = unknown.
    pub offline: Option<bool>,
    /// What was decided.
    pub verdict: Verdict,
    /// Why it is not counted.
    pub reason: Option<Reason>,
    /// Plays.
    pub plays: i64,
    /// Played time, milliseconds; nothing if not known of any row.
    pub played_ms: Sum,
    /// Distinct known listeners; nothing if no row has one.
    pub listeners: Sum,
}

/// A sum of what is not negative, or nothing. Eight bytes: a date has half as many trends as plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum(i64);

impl Sum {
    /// The sum of nothing, which is not 0.
    pub const NOTHING: Self = Self(-1);

    /// The sum, or `None` of nothing.
    #[must_use]
    pub fn get(self) -> Option<i64> {
        (0 <= self.0).then_some(self.0)
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self.get(), other.get()) {
            (Some(a), Some(b)) => Self(a + b),
            (None, _) => other,
            (_, None) => self,
        }
    }
}

impl From<Option<i64>> for Sum {
    fn from(sum: Option<i64>) -> Self {
        sum.map_or(Self::NOTHING, Self)
    }
}

/// The rows of `trends_daily` for one counted date, in the order of the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayTrends {
    /// The rows.
    pub rows: Vec<Trend>,
    /// Store tracks of the rows without a recording; after a merge a name can stand more than once.
    pub store_tracks: Vec<Box<str>>,
}

/// Sums judged plays; `order` is that of the table `plays`.
#[must_use]
pub fn sum_trends(plays: &Plays, order: &[u32], policy: &Policy) -> DayTrends {
    let mut summing = Summing::new(plays, policy);
    let names = plays.words.track_names();
    let name = |place: u32| names[plays.rows[place as usize].track as usize];
    for track in order.chunk_by(|a, b| name(*a) == name(*b)) {
        track.iter().for_each(|place| summing.take(plays, *place as usize));
        let first = &plays.rows[track[0] as usize];
        summing.end_track(&plays.words.tracks[first.track as usize]);
    }
    // The last month is nearly all of it: the earlier ones are put before it, it is not copied.
    let mut months: Vec<Vec<Trend>> = summing.by_month.into_values().collect();
    let mut rows = months.pop().unwrap_or_default();
    rows.splice(0..0, months.into_iter().flatten());
    DayTrends { rows, store_tracks: summing.store_tracks }
}

/// A play as its group sees it.
#[derive(Debug, Clone, Copy)]
struct Summand {
    /// Group above, listener's id in the lowest 32 bits.
    key: u128,
    plays: u32,
    played_ms: u32,
}

const UPC_BITS: u32 = 49;
const UPC_NONE: u64 = (1 << UPC_BITS) - 1;
const TERRITORY_NONE: u16 = u16::MAX;

struct Summing {
    summands: Vec<Summand>,
    by_month: BTreeMap<u32, Vec<Trend>>,
    store_tracks: Vec<Box<str>>,
    outcomes: Outcomes,
    /// The month of the last listening date met, since most are the same.
    month: (Day, u32),
    /// What a group needs of a track, packed, by id.
    upcs: Vec<u64>,
    /// Tier and number of plays by id of the kind.
    kinds: Vec<(u8, u32)>,
}

impl Summing {
    fn new(plays: &Plays, policy: &Policy) -> Self {
        let Words { tracks, kinds, products, .. } = &plays.words;
        let tier = |kind: &Kind| products[kind.product as usize].tier as u8;
        Self {
            upcs: tracks.iter().map(|track| track.upc.map_or(UPC_NONE, Upc::packed)).collect(),
            kinds: kinds.iter().map(|kind| (tier(kind), kind.plays)).collect(),
            summands: Vec::new(),
            by_month: BTreeMap::new(),
            store_tracks: Vec::new(),
            outcomes: Outcomes::new(policy),
            month: (Day(0), month_number(Day(0).month())),
        }
    }

    #[inline]
    fn take(&mut self, plays: &Plays, place: usize) {
        let play = &plays.rows[place];
        let day = Day::of_ms(play.listened_at_ms);
        if self.month.0 != day {
            self.month = (day, month_number(day.month()));
        }
        let (tier, n_plays) = self.kinds[play.kind as usize];
        let territory = if play.territory == 0 { TERRITORY_NONE } else { play.territory };
        let reason = plays.mark(place).map_or(0, |mark| mark.reason as u8);
        let group = u128::from(self.month.1) << (UPC_BITS + 26)
            | u128::from(self.upcs[play.track as usize]) << 26
            | u128::from(territory) << 10
            | u128::from(tier) << 6
            | u128::from(play.offline) << 4
            | u128::from(self.outcomes.rank_of[usize::from(reason)]);
        self.summands.push(Summand {
            key: group << 32 | u128::from(play.listener),
            plays: n_plays,
            played_ms: play.played_ms,
        });
    }

    fn end_track(&mut self, track: &Track) {
        let store_track = match (track.isrc, &track.store_track) {
            (None, Some(store_track)) => {
                self.store_tracks.push(store_track.clone());
                u32::try_from(self.store_tracks.len() - 1).unwrap_or(NONE)
            }
            _ => NONE,
        };
        self.summands.sort_unstable_by_key(|summand| summand.key);
        for group in self.summands.chunk_by(|a, b| a.key >> 32 == b.key >> 32) {
            let (month, trend) = self.outcomes.trend(group, track.isrc, store_track);
            self.by_month.entry(month).or_default().push(trend);
        }
        self.summands.clear();
    }
}

fn month_number(month: Month) -> u32 {
    u32::try_from(month.year).unwrap_or(0) * 12 + u32::from(month.month) - 1
}

/// Verdicts with their reasons, in the order of the table: by verdict, then reason, none last.
struct Outcomes {
    rank_of: [u8; Reason::ALL.len() + 1],
    by_rank: Vec<(Verdict, Option<Reason>)>,
}

impl Outcomes {
    fn new(policy: &Policy) -> Self {
        let reasons = Reason::ALL.iter().copied().map(Some).chain([None]);
        let mut by_rank: Vec<_> = reasons.map(|reason| (policy.verdict(reason), reason)).collect();
        by_rank.sort_by_key(|(verdict, reason)| (*verdict, reason.is_none(), *reason));
        let mut rank_of = [0; Reason::ALL.len() + 1];
        for (rank, (_, reason)) in (0_u8..).zip(&by_rank) {
            rank_of[reason.map_or(0, |reason| reason as usize)] = rank;
        }
        Self { rank_of, by_rank }
    }

    /// The sums of a group, whose keys are sorted and differ in the listener alone.
    fn trend(&self, group: &[Summand], isrc: Option<Isrc>, store_track: u32) -> (u32, Trend) {
        let key = group[0].key >> 32;
        let part = |shift: u32, bits: u32| {
            u64::try_from(key >> shift & ((1 << bits) - 1)).unwrap_or_default()
        };
        let small = |shift, bits| usize::try_from(part(shift, bits)).unwrap_or_default();
        let month = u32::try_from(key >> (UPC_BITS + 26)).unwrap_or_default();
        let territory = u16::try_from(part(10, 16)).unwrap_or_default();
        let (verdict, reason) = self.by_rank[small(0, 4)];
        let listener =
            |summand: &Summand| u32::try_from(summand.key & u128::from(NONE)).unwrap_or(NONE);
        let n_listeners = group
            .chunk_by(|a, b| listener(a) == listener(b))
            .filter(|same| listener(&same[0]) != NONE)
            .count();
        let known = || group.iter().filter(|summand| summand.played_ms != NONE);
        let played = |s: &Summand| i64::from(s.played_ms) * i64::from(s.plays);
        let trend = Trend {
            listened_month: Month {
                year: i16::try_from(month / 12).unwrap_or_default(),
                month: u8::try_from(month % 12 + 1).unwrap_or(1),
            },
            isrc,
            store_track,
            upc: Upc::from_packed(part(26, UPC_BITS)).filter(|upc| upc.packed() != UPC_NONE),
            territory: Territory::from_packed(territory).filter(|_| territory != TERRITORY_NONE),
            tier: Tier::ALL[small(6, 4)],
            offline: [Some(false), Some(true), None][small(4, 2)],
            verdict,
            reason,
            plays: group.iter().map(|summand| i64::from(summand.plays)).sum(),
            played_ms: known().next().map(|_| known().map(played).sum()).into(),
            listeners: (n_listeners != 0)
                .then(|| i64::try_from(n_listeners).unwrap_or(i64::MAX))
                .into(),
        };
        (month, trend)
    }
}

/// Merges the trends of disjoint sets of listeners of one date, each in batches in the order of the
/// table, and calls `take` with batches of at most `rows_max` rows in that order. Of each part only the
/// batch at hand is in memory.
///
/// # Errors
/// The first error of a part or of `take`.
pub fn merge_trends<E>(
    parts: Vec<impl Iterator<Item = Result<DayTrends, E>>>,
    rows_max: usize,
    mut take: impl FnMut(DayTrends) -> Result<(), E>,
) -> Result<(), E> {
    let mut cursors = Vec::new();
    for batches in parts {
        let mut cursor = Cursor { batches, batch: DayTrends::default(), place: 0 };
        if cursor.load()? {
            cursors.push(cursor);
        }
    }
    let mut merged = DayTrends::default();
    while let Some(first) =
        (0..cursors.len()).min_by(|a, b| compare(cursors[*a].current(), cursors[*b].current()))
    {
        let (row, store_track) = cursors[first].current();
        let is_same = merged.rows.last().is_some_and(|last| {
            let name = merged.store_tracks.get(last.store_track as usize).map(|name| &**name);
            compare((last, name), (row, store_track)).is_eq()
        });
        if !is_same && merged.rows.len() == rows_max {
            take(std::mem::take(&mut merged))?;
        }
        merged.add(row, store_track, is_same);
        if !cursors[first].advance()? {
            cursors.remove(first);
        }
    }
    if merged.rows.is_empty() { Ok(()) } else { take(merged) }
}

impl DayTrends {
    /// Appends a row, or adds it to the last one.
    fn add(&mut self, row: &Trend, store_track: Option<&str>, to_last: bool) {
        if to_last && let Some(last) = self.rows.last_mut() {
            last.plays += row.plays;
            last.played_ms = last.played_ms.plus(row.played_ms);
            last.listeners = last.listeners.plus(row.listeners);
            return;
        }
        let id = store_track.map_or(NONE, |name| {
            if self.store_tracks.last().is_none_or(|last| **last != *name) {
                self.store_tracks.push(name.into());
            }
            u32::try_from(self.store_tracks.len() - 1).unwrap_or(NONE)
        });
        self.rows.push(Trend { store_track: id, ..*row });
    }
}

struct Cursor<I> {
    batches: I,
    batch: DayTrends,
    place: usize,
}

impl<E, I: Iterator<Item = Result<DayTrends, E>>> Cursor<I> {
    /// Takes the next batch that has rows; false at the end.
    fn load(&mut self) -> Result<bool, E> {
        self.place = 0;
        for batch in self.batches.by_ref() {
            self.batch = batch?;
            if !self.batch.rows.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn advance(&mut self) -> Result<bool, E> {
        self.place += 1;
        if self.place < self.batch.rows.len() { Ok(true) } else { self.load() }
    }

    fn current(&self) -> (&Trend, Option<&str>) {
        let row = &self.batch.rows[self.place];
        (row, self.batch.store_tracks.get(row.store_track as usize).map(|name| &**name))
    }
}

/// The order of rows inside their date: the grain, nulls last.
fn compare(
    (a, a_store_track): (&Trend, Option<&str>),
    (b, b_store_track): (&Trend, Option<&str>),
) -> Ordering {
    fn last<T: Ord>(value: Option<T>) -> impl Ord {
        (value.is_none(), value)
    }
    (a.listened_month, last(a.isrc))
        .cmp(&(b.listened_month, last(b.isrc)))
        .then_with(|| last(a_store_track).cmp(&last(b_store_track)))
        .then_with(|| (last(a.upc), last(a.territory)).cmp(&(last(b.upc), last(b.territory))))
        .then_with(|| (a.tier, last(a.offline)).cmp(&(b.tier, last(b.offline))))
        .then_with(|| (a.verdict, last(a.reason)).cmp(&(b.verdict, last(b.reason))))
}

#[cfg(test)]
mod tests;
