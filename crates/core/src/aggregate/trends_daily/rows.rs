//! The rows of `trends_daily` for one counted date, as columns: a date has half as many rows as plays.
//!
//! Rows of a track and release lie together, so that what they have in common is kept once.

use std::num::NonZeroU32;

use crate::model::day::Month;
use crate::model::isrc::Isrc;
use crate::model::play::NONE;
use crate::model::territory::Territory;
use crate::model::tier::Tier;
use crate::model::upc::Upc;
use crate::model::verdict::{Reason, Verdict};
use crate::numbers::exact;

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
    pub played_ms: OptionalSum,
    /// Distinct known listeners; `None` if no row has one.
    pub listeners: Option<NonZeroU32>,
}

/// A sum of what is not negative, or nothing, in eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionalSum(i64);

impl OptionalSum {
    /// The sum of nothing, which is not 0.
    pub const NOTHING: Self = Self(-1);

    /// The sum, or `None` of nothing.
    #[must_use]
    pub fn get(self) -> Option<i64> {
        (0 <= self.0).then_some(self.0)
    }
}

impl From<Option<i64>> for OptionalSum {
    fn from(sum: Option<i64>) -> Self {
        sum.map_or(Self::NOTHING, Self)
    }
}

/// What neighbouring rows have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrendRelease {
    /// As [`Trend::isrc`].
    pub isrc: Option<Isrc>,
    /// As [`Trend::store_track`].
    pub store_track: u32,
    /// As [`Trend::upc`].
    pub upc: Option<Upc>,
    /// The place behind its last row.
    pub end: usize,
}

/// What tells the rows of a release apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrendGroup {
    /// Packed territory; 0 for none.
    pub territory: u16,
    /// As [`Trend::tier`].
    pub tier: Tier,
    /// As [`Trend::offline`].
    pub offline: Option<bool>,
    /// As [`Trend::verdict`].
    pub verdict: Verdict,
    /// As [`Trend::reason`].
    pub reason: Option<Reason>,
}

/// The rows of one listening month, in the order of the table. All columns but the releases are of one
/// length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthTrends {
    /// Month of the listening date.
    pub listened_month: Month,
    /// Which rows are of which release, in order; none is empty.
    pub releases: Vec<TrendRelease>,
    /// Where, what kind of user, and what was decided.
    pub groups: Vec<TrendGroup>,
    /// As [`Trend::plays`].
    pub plays: Vec<i64>,
    /// As [`Trend::played_ms`].
    pub played_ms: Vec<OptionalSum>,
    /// As [`Trend::listeners`].
    pub listeners: Vec<Option<NonZeroU32>>,
}

impl MonthTrends {
    /// No rows.
    #[must_use]
    pub fn new(listened_month: Month) -> Self {
        Self {
            listened_month,
            releases: Vec::new(),
            groups: Vec::new(),
            plays: Vec::new(),
            played_ms: Vec::new(),
            listeners: Vec::new(),
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Makes room for all the rows that there can be, if there is none for so many more.
    pub(super) fn make_room(&mut self, n_more: usize, rows_max: usize) {
        if self.groups.capacity() < self.len() + n_more {
            let n_more = n_more.max(rows_max.saturating_sub(self.len()));
            self.groups.reserve_exact(n_more);
            self.plays.reserve_exact(n_more);
            self.played_ms.reserve_exact(n_more);
            self.listeners.reserve_exact(n_more);
        }
    }

    /// Says of which release the rows are that were appended since the last one.
    pub(super) fn end_release(&mut self, isrc: Option<Isrc>, store_track: u32, upc: Option<Upc>) {
        let end = self.len();
        match self.releases.last_mut() {
            Some(last) if (last.isrc, last.store_track, last.upc) == (isrc, store_track, upc) => {
                last.end = end;
            }
            _ => self.releases.push(TrendRelease { isrc, store_track, upc, end }),
        }
    }

    fn push(&mut self, row: &Trend, store_track: u32) {
        self.groups.push(TrendGroup {
            territory: row.territory.map_or(0, Territory::packed),
            tier: row.tier,
            offline: row.offline,
            verdict: row.verdict,
            reason: row.reason,
        });
        self.plays.push(row.plays);
        self.played_ms.push(row.played_ms);
        self.listeners.push(row.listeners);
        self.end_release(row.isrc, store_track, row.upc);
    }

    /// Its rows, in the order of the table.
    pub fn rows(&self) -> impl Iterator<Item = Trend> {
        let starts = std::iter::once(0).chain(self.releases.iter().map(|release| release.end));
        let of_release = move |(start, release): (usize, &TrendRelease)| {
            let TrendRelease { isrc, store_track, upc, end } = *release;
            (start..end).map(move |row| {
                let group = &self.groups[row];
                Trend {
                    listened_month: self.listened_month,
                    isrc,
                    store_track,
                    upc,
                    territory: Territory::from_packed(group.territory),
                    tier: group.tier,
                    offline: group.offline,
                    verdict: group.verdict,
                    reason: group.reason,
                    plays: self.plays[row],
                    played_ms: self.played_ms[row],
                    listeners: self.listeners[row],
                }
            })
        };
        starts.zip(&self.releases).flat_map(of_release)
    }
}

/// The rows of `trends_daily` for one counted date, in the order of the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayTrends {
    /// The rows by listening month; none is empty.
    pub months: Vec<MonthTrends>,
    /// Store tracks of the rows without a recording; a name can stand more than once.
    pub store_tracks: Vec<Box<str>>,
}

impl DayTrends {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.months.iter().map(MonthTrends::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.months.is_empty()
    }

    /// Plays that the rows stand for.
    #[must_use]
    pub fn n_plays(&self) -> i64 {
        self.months.iter().flat_map(|month| &month.plays).sum()
    }

    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = Trend> {
        self.months.iter().flat_map(MonthTrends::rows)
    }

    /// Appends a row; the name of its store track where it has one.
    pub fn push(&mut self, row: &Trend, store_track: Option<&str>) {
        let id = store_track.map_or(NONE, |name| {
            if self.store_tracks.last().is_none_or(|last| **last != *name) {
                self.store_tracks.push(name.into());
            }
            exact::<u32>(self.store_tracks.len() - 1)
        });
        match self.months.last_mut() {
            Some(month) if month.listened_month == row.listened_month => month.push(row, id),
            _ => {
                let mut month = MonthTrends::new(row.listened_month);
                month.push(row, id);
                self.months.push(month);
            }
        }
    }
}
