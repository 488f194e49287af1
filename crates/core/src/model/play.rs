//! Play: one row of a trends feed in our words, and the dictionaries its ids point into.
//!
//! A play is a record of 32 bytes, not a row of many columns: the filter gathers plays by listener
//! and the encoder by track, and both then touch half a cache line a play instead of one a column.
//! What few plays have for themselves stands apart: what many have in common is a [`PlayAttributes`], what the
//! filter found is a list of its own. Text is interned once a report; ids mean nothing without their
//! [`PlayDictionaries`].

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use crate::model::day::{Day, Month};
use crate::model::isrc::Isrc;
use crate::model::listener::Listener;
use crate::model::tier::Tier;
use crate::model::upc::Upc;
use crate::model::verdict::Finding;

/// In an id: the store gave none. In a number of milliseconds: not known.
pub const NONE: u32 = u32::MAX;

/// Offline: the device was connected.
pub const ONLINE: u8 = 0;
/// Offline: the device was not connected.
pub const OFFLINE: u8 = 1;
/// Offline: the store does not say.
pub const OFFLINE_UNKNOWN: u8 = 2;

/// One play, or several of them where the store reports sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Play {
    /// When the listener heard it, milliseconds since 1970 UTC.
    pub listened_at_ms: i64,
    /// Data line in the report after the header, from 1; blank lines are counted.
    pub row: u32,
    /// Id of the track, never [`NONE`].
    pub track: u32,
    /// Place of the listener; [`NONE`] if the store gives none.
    pub listener: u32,
    /// Id of what the play has in common with many others, never [`NONE`].
    pub kind: u32,
    /// How long it was played, milliseconds; [`NONE`] if not known. Of one play, where the row stands
    /// for several.
    pub played_ms: u32,
    /// Packed territory; 0 for none.
    pub territory: u16,
    /// [`ONLINE`], [`OFFLINE`] or [`OFFLINE_UNKNOWN`].
    pub offline: u8,
    /// 1 if `listened_at_ms` is exact, 0 if it is read off a clock that the store rounds.
    pub exact: u8,
}

impl Play {
    /// The played time, or `None` if not known.
    #[must_use]
    pub fn played_ms(&self) -> Option<i64> {
        (self.played_ms != NONE).then(|| i64::from(self.played_ms))
    }
}

/// What many plays have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlayAttributes {
    /// Id of the user's product: tier, its code, and the use type.
    pub product: u32,
    /// Id of the source; [`NONE`] for none.
    pub source: u32,
    /// Id of the device; [`NONE`] for none.
    pub device: u32,
    /// Number of plays that a row stands for.
    pub plays: u32,
    /// Place of the report among [`Plays::reports`]; 0 in a [`ReportPlays`].
    pub report: u32,
}

/// What a rule found of a play or of the group it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlayMark {
    /// Why the play is not counted.
    pub finding: Finding,
    /// What was measured, in the rule's unit; `None` where the rule measures nothing.
    pub measured: Option<i64>,
    /// What it was compared with, in the same unit.
    pub threshold: Option<i64>,
}

/// A track as a store names it in a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Track {
    /// The recording; `None` if the store gave none or not a code.
    pub isrc: Option<Isrc>,
    /// The release; `None` if the store gave none or not one.
    pub upc: Option<Upc>,
    /// The store's own id; `None` if it gave none. One of `isrc` and `store_track` is there.
    pub store_track: Option<Box<str>>,
    /// How long the track is, milliseconds; `None` if the store does not say.
    pub track_ms: Option<u32>,
}

/// A user's product: what kind of user, in our word and in the store's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserProduct {
    /// Our word.
    pub tier: Tier,
    /// The store's codes, joined by `|`; `None` if it gave none.
    pub tier_code: Option<Box<str>>,
    /// What kind of use: `stream` unless the report says otherwise.
    pub use_type: Box<str>,
}

/// What the ids of plays mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlayDictionaries {
    /// By [`Play::track`].
    pub tracks: Vec<Track>,
    /// By [`Play::listener`]. Of a [`ReportPlays`] in any order, and a listener may stand there more than
    /// once; of [`Plays`] each once, ascending.
    pub listeners: Vec<Listener>,
    /// By [`Play::kind`].
    pub kinds: Vec<PlayAttributes>,
    /// By [`PlayAttributes::product`].
    pub products: Vec<UserProduct>,
    /// By [`PlayAttributes::source`].
    pub sources: Vec<Box<str>>,
    /// By [`PlayAttributes::device`].
    pub devices: Vec<Box<str>>,
}

impl PlayDictionaries {
    /// By id of a track a number that is the same for two tracks where the ISRC is, or where there is
    /// none the store's track. Releases do not tell tracks apart.
    #[must_use]
    pub fn track_names(&self) -> Vec<u32> {
        let hasher = foldhash::fast::FixedState::with_seed(0);
        let mut first = HashMap::with_capacity_and_hasher(self.tracks.len(), hasher);
        (0_u32..)
            .zip(&self.tracks)
            .map(|(id, track)| {
                let store_track = track.store_track.as_deref().filter(|_| track.isrc.is_none());
                *first.entry((track.isrc, store_track)).or_insert(id)
            })
            .collect()
    }

    /// About how much memory this takes, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.tracks.len() * (size_of::<Track>() + 24) + self.listeners.len() * size_of::<Listener>()
    }
}

/// Plays of one report, as they were read: rows in any number of chunks, ids in one set of words.
#[derive(Debug, Clone)]
pub struct ReportPlays {
    /// Id of the report.
    pub report: [u8; 32],
    /// The plays, in order of their rows.
    pub rows: Vec<Vec<Play>>,
    /// What their ids mean.
    pub words: Arc<PlayDictionaries>,
}

impl ReportPlays {
    /// Months in which the plays were listened to.
    #[must_use]
    pub fn listened_months(&self) -> BTreeSet<Month> {
        let mut days = BTreeSet::new();
        let mut last = None;
        // Plays of a day mostly stand together.
        for play in self.rows.iter().flatten() {
            let day = Day::of_ms(play.listened_at_ms);
            if last.replace(day) != Some(day) {
                days.insert(day);
            }
        }
        days.into_iter().map(Day::month).collect()
    }
}

/// All plays of one store and counted date (or of a share of its listeners), with what their ids
/// mean. Rows stand in order of report, then row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plays {
    /// The plays.
    pub rows: Vec<Play>,
    /// What their ids mean.
    pub words: PlayDictionaries,
    /// By [`PlayAttributes::report`], ascending: ids of the reports.
    pub reports: Vec<[u8; 32]>,
    /// Places of the plays that have a listener, by listener, then place.
    pub by_listener: Vec<u32>,
    /// By place of the play what the filter found of it: 0 for nothing, else one more than the place
    /// in `marks`. Empty before it ran.
    pub marked: Vec<u32>,
    /// What the filter found, in no order.
    pub marks: Vec<PlayMark>,
}

impl Plays {
    /// What the filter found of the play at a place; `None` if it counts, or before the filter ran.
    #[must_use]
    #[inline]
    pub fn mark(&self, place: usize) -> Option<&PlayMark> {
        self.mark_of(*self.marked.get(place)?)
    }

    /// What the filter found, by a number of `marked`.
    #[must_use]
    #[inline]
    pub fn mark_of(&self, marked: u32) -> Option<&PlayMark> {
        self.marks.get((marked as usize).checked_sub(1)?)
    }

    /// The kind of a play.
    ///
    /// # Panics
    /// If the play is of other words.
    #[must_use]
    #[inline]
    pub fn kind(&self, play: &Play) -> &PlayAttributes {
        &self.words.kinds[play.kind as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_plays_fit_a_cache_line_and_no_byte_is_padding() {
        assert_eq!(size_of::<Play>(), 32);
    }
}
