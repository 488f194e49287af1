//! The plays of two reports of one store and day in different formats, by what both say of a play.
//!
//! A store that sends a day in two formats sends the same plays with other words: one rounds the time,
//! the other gives no product code, a third has sums. Only what every row of both reports says is
//! compared: the track, the territory, and listener and played time where both name listeners. Without
//! listeners nothing tells one play from another, so the plays of each track and territory are summed.
//! Plays of one format are compared by all that it says.

use std::collections::HashMap;

use crate::model::play::{NONE, Play, ReportPlays, Track};
use crate::supersede::row_hash::{HashMixer, RowSums, at, text_hash};

/// What every row of a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "five facts, none of which follows from another")]
pub struct RowsSay {
    listener: bool,
    store_track: bool,
    isrc: bool,
    territory: bool,
    /// Whether both reports tell the time alike: they are of one format.
    time: bool,
}

/// How two reports can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatComparison {
    /// Play by play.
    Plays(RowsSay),
    /// By the sums of plays of each track and territory.
    Sums(RowsSay),
}

/// Plays by the hash of their date, track and territory.
pub type PlaysByTrack = HashMap<u64, u64>;

impl Default for RowsSay {
    /// What no row contradicts.
    fn default() -> Self {
        Self { listener: true, store_track: true, isrc: true, territory: true, time: false }
    }
}

impl RowsSay {
    /// Takes note of what rows do not say.
    pub fn look(&mut self, piece: &ReportPlays) {
        let tracks = &piece.words.tracks;
        self.store_track &= tracks.iter().all(|track| track.store_track.is_some());
        self.isrc &= tracks.iter().all(|track| track.isrc.is_some());
        for play in piece.rows.iter().flatten() {
            self.listener &= play.listener != NONE;
            self.territory &= play.territory != 0;
        }
    }

    /// What the rows of two reports of one format are compared by.
    #[must_use]
    pub fn all_of_one_format() -> Self {
        Self { time: true, ..Self::default() }
    }

    /// How two reports whose rows say this can be compared; `None` if they name tracks differently.
    #[must_use]
    pub fn comparison(self, other: Self) -> Option<FormatComparison> {
        let both = Self {
            time: false,
            listener: self.listener && other.listener,
            store_track: self.store_track && other.store_track,
            isrc: self.isrc && other.isrc,
            territory: self.territory && other.territory,
        };
        if !both.store_track && !both.isrc {
            return None;
        }
        Some(if both.listener {
            FormatComparison::Plays(both)
        } else {
            FormatComparison::Sums(both)
        })
    }

    /// The hash of what tells plays apart, but for their listeners.
    fn track_of(self, track: &Track) -> HashMixer {
        // Both formats are of one store, so its own id tells more than an ISRC.
        let name = match &track.store_track {
            Some(store_track) if self.store_track => text_hash(store_track.as_bytes()),
            _ => track.isrc.map_or(0, crate::model::isrc::Isrc::packed),
        };
        HashMixer::new(8).word(name)
    }

    fn place_of(self, track: HashMixer, play: &Play, day: i32) -> HashMixer {
        let territory = if self.territory { play.territory } else { 0 };
        track.word(u64::from(day.cast_unsigned())).word(territory.into())
    }
}

/// Hashes plays one by one and hands each hash on.
pub fn hash_each_play(
    (day, piece): (i32, &ReportPlays),
    say: RowsSay,
    sums: &mut RowSums,
    mut push: impl FnMut(u64),
) {
    let words = &*piece.words;
    let tracks: Vec<HashMixer> = words.tracks.iter().map(|track| say.track_of(track)).collect();
    for play in piece.rows.iter().flatten() {
        let Some((track, kind)) = at(&tracks, play.track).zip(at(&words.kinds, play.kind)) else {
            continue;
        };
        let listener = at(&words.listeners, play.listener).map_or([0; 16], |listener| listener.0);
        let [first, second] = *listener.as_chunks::<8>().0 else {
            continue;
        };
        let listened_at = if say.time { play.listened_at_ms.cast_unsigned() } else { 0 };
        let row = say.place_of(*track, play, day).word(u64::from_le_bytes(first));
        let row = row.word(u64::from_le_bytes(second)).word(play.played_ms.into());
        let row = row.word(listened_at).word(kind.plays.into());
        push(sums.add(row, kind.plays.into(), play.territory));
    }
}

/// Adds up the plays of each date, track and territory.
pub fn sum_plays((day, piece): (i32, &ReportPlays), say: RowsSay, sums: &mut PlaysByTrack) {
    let words = &*piece.words;
    let tracks: Vec<HashMixer> = words.tracks.iter().map(|track| say.track_of(track)).collect();
    for play in piece.rows.iter().flatten() {
        let Some((track, kind)) = at(&tracks, play.track).zip(at(&words.kinds, play.kind)) else {
            continue;
        };
        // A report has fewer than 2^32 rows of fewer than 2^32 plays each.
        *sums.entry(say.place_of(*track, play, day).short()).or_default() += u64::from(kind.plays);
    }
}

/// How many plays both reports have of the same track, territory and date.
#[must_use]
pub fn shared_plays(a: &PlaysByTrack, b: &PlaysByTrack) -> u64 {
    a.iter().filter_map(|(key, plays)| Some(*plays.min(b.get(key)?))).sum()
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;

    use super::*;
    use crate::model::listener::Listener;
    use crate::model::play::{PlayAttributes, PlayDictionaries};

    fn track(isrc: Option<&str>, store_track: Option<&str>) -> Track {
        let isrc = isrc.and_then(|isrc| crate::model::isrc::Isrc::parse(isrc.as_bytes()));
        Track { isrc, upc: None, store_track: store_track.map(Into::into), track_ms: None }
    }

    fn piece(tracks: Vec<Track>, plays: u32, rows: Vec<Play>) -> ReportPlays {
        let kinds =
            vec![PlayAttributes { product: NONE, source: NONE, device: NONE, plays, report: 0 }];
        let listeners = vec![Listener([1; 16]), Listener([2; 16])];
        let words = PlayDictionaries { tracks, listeners, kinds, ..PlayDictionaries::default() };
        ReportPlays { report: [0; 32], rows: vec![rows], words: words.into() }
    }

    fn play(track: u32, listener: u32, listened_at_ms: i64) -> Play {
        let nothing = Play::zeroed();
        Play { track, listener, listened_at_ms, played_ms: 60_000, territory: 5, ..nothing }
    }

    #[test]
    fn plays_of_two_formats_are_the_same_whatever_their_time_and_codes() {
        let first = piece(
            vec![track(Some("QZFC12600001"), Some("t1"))],
            1,
            vec![play(0, 0, 900_000), play(0, 1, 900_000)],
        );
        let second = piece(
            vec![track(None, Some("t0")), track(None, Some("t1"))],
            1,
            vec![play(1, 1, 912_345), play(1, 0, 987_654)],
        );
        let say = |piece: &ReportPlays| {
            let mut say = RowsSay::default();
            say.look(piece);
            say
        };
        let Some(FormatComparison::Plays(both)) = say(&first).comparison(say(&second)) else {
            panic!("{:?} {:?}", say(&first), say(&second));
        };
        let hashes = |piece: &ReportPlays| {
            let mut hashes = Vec::new();
            hash_each_play((7, piece), both, &mut RowSums::default(), |hash| hashes.push(hash));
            hashes.sort_unstable();
            hashes
        };
        assert_eq!(hashes(&first), hashes(&second));
        let later = piece(vec![track(None, Some("t1"))], 1, vec![play(0, 0, 0)]);
        assert!(!hashes(&first).is_empty() && hashes(&later).len() == 1);
    }

    #[test]
    fn sums_share_what_both_have_of_a_track() {
        let first = piece(vec![track(None, Some("a")), track(None, Some("b"))], 3, {
            vec![play(0, NONE, 0), play(1, NONE, 0)]
        });
        let second = piece(vec![track(Some("QZFC12600001"), Some("b"))], 1, {
            vec![play(0, 0, 0), play(0, 1, 0)]
        });
        let mut say = RowsSay::default();
        say.look(&first);
        let Some(FormatComparison::Sums(both)) = say.comparison(RowsSay::default()) else {
            panic!("{say:?}");
        };
        let summed = |piece: &ReportPlays| {
            let mut sums = PlaysByTrack::new();
            sum_plays((7, piece), both, &mut sums);
            sums
        };
        assert_eq!(shared_plays(&summed(&first), &summed(&second)), 2);
        assert_eq!(shared_plays(&summed(&first), &summed(&first)), 6);
    }

    #[test]
    fn reports_that_name_tracks_differently_are_not_compared() {
        let mut by_isrc = RowsSay::default();
        by_isrc.look(&piece(vec![track(Some("QZFC12600001"), None)], 1, vec![play(0, 0, 0)]));
        let mut by_id = RowsSay::default();
        by_id.look(&piece(vec![track(None, Some("t"))], 1, vec![play(0, 0, 0)]));
        assert_eq!(by_isrc.comparison(by_id), None);
    }
}
