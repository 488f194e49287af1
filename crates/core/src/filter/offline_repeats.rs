//! The part of rule 1 that looks beyond the counted date: an offline play that the store counts again
//! on a later day.
//!
//! A device that comes online hands in what was heard on it, and may hand in the same again another
//! day. So each counted date leaves a list of keys of its offline plays. A date's late plays (heard on
//! an earlier date than they are counted) are looked up in the lists of the dates before it: one that
//! stands there is a duplicate, and the earliest date keeps it. Only keys of offline plays are written
//! and only late plays are looked up, so the cost grows with those alone.

use crate::normalize::tracks::KnownTracks;
use crate::vocabulary::day::Day;
use crate::vocabulary::isrc::Isrc;
use crate::vocabulary::listener::Listener;
use crate::vocabulary::play::{Mark, NONE, OFFLINE, Piece, Play, Plays, Track, Words};
use crate::vocabulary::verdict::Reason;

/// What makes two offline plays the same: 128 bits of a hash over listener, track, listening time and
/// played time.
pub type OfflineKey = u128;

/// Keys of the offline plays of a counted date, those heard too long before it left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfflineKeys {
    /// Of plays heard on the counted date itself; ascending, each once.
    pub same_day: Vec<OfflineKey>,
    /// Of plays heard before it; ascending, each once.
    pub late: Vec<OfflineKey>,
}

impl OfflineKeys {
    /// Takes in the plays of a piece. [`Self::settle`] must follow the last.
    pub fn add(&mut self, piece: &Piece, tracks: &KnownTracks, counted: Day, days_max: u32) {
        let words = &piece.words;
        for play in piece.rows.iter().flatten().filter(|play| is_offline(play)) {
            let days = days_before(play, counted);
            let keys = match days {
                ..=0 => &mut self.same_day,
                days if i64::from(days_max) < days => continue,
                _ => &mut self.late,
            };
            let (Some(listener), Some(track)) = (
                words.listeners.get(play.listener as usize),
                words.tracks.get(play.track as usize),
            ) else {
                continue;
            };
            keys.push(key(play, *listener, track, tracks.isrc_of(track)));
        }
    }

    /// Puts the keys in order.
    pub fn settle(&mut self) {
        for keys in [&mut self.same_day, &mut self.late] {
            keys.sort_unstable();
            keys.dedup();
            keys.shrink_to_fit();
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.same_day.is_empty() && self.late.is_empty()
    }
}

fn is_offline(play: &Play) -> bool {
    play.offline == OFFLINE && play.listener != NONE
}

fn days_before(play: &Play, counted: Day) -> i64 {
    i64::from(counted.0) - i64::from(Day::of_ms(play.listened_at_ms).0)
}

/// Of a track counts what rule 1 compares: the ISRC, or where there is none the store's id.
fn key(play: &Play, listener: Listener, track: &Track, isrc: Option<Isrc>) -> OfflineKey {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&listener.0);
    hasher.update(&play.listened_at_ms.to_le_bytes());
    hasher.update(&play.played_ms.to_le_bytes());
    hasher.update(&[play.exact, u8::from(isrc.is_some())]);
    match (isrc, &track.store_track) {
        (Some(isrc), _) => hasher.update(&isrc.packed().to_le_bytes()),
        (None, store_track) => hasher.update(store_track.as_deref().unwrap_or_default().as_bytes()),
    };
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    u128::from_be_bytes(bytes)
}

/// Calls `take` with the place and mark of each late play whose key is among `earlier` (ascending):
/// keys of offline plays of earlier counted dates. Measured: rows of this date that are the same play;
/// threshold: 0, as none of them is kept.
pub(super) fn mark_repeats(
    plays: &Plays,
    counted: Day,
    earlier: &[OfflineKey],
    mut take: impl FnMut(u32, Mark),
) {
    if earlier.is_empty() {
        return;
    }
    let Words { tracks, listeners, .. } = &plays.words;
    let mut repeats = Vec::new();
    for (place, play) in (0_u32..).zip(&plays.rows) {
        if is_offline(play) && 0 < days_before(play, counted) {
            let track = &tracks[play.track as usize];
            let key = key(play, listeners[play.listener as usize], track, track.isrc);
            if earlier.binary_search(&key).is_ok() {
                repeats.push((key, place));
            }
        }
    }
    repeats.sort_unstable();
    for group in repeats.chunk_by(|a, b| a.0 == b.0) {
        let mark = Mark {
            reason: Reason::Duplicate,
            measured: i64::try_from(group.len()).ok(),
            threshold: Some(0),
        };
        group.iter().for_each(|(_, place)| take(*place, mark));
    }
}
