//! The part of rule 1 that looks beyond the counted date: an offline play that the store counts again
//! on a later day.
//!
//! A device that comes online hands in what was heard on it, and may hand in the same again another
//! day. So each counted date leaves a list of keys of its offline plays. A date's late plays (heard on
//! an earlier date than they are counted) are looked up in the lists of the dates before it: one that
//! stands there is a duplicate, and the earliest date keeps it. Only keys of offline plays are written
//! and only late plays are looked up, so the cost grows with those alone.

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

use crate::model::day::Day;
use crate::model::isrc::Isrc;
use crate::model::listener::Listener;
use crate::model::play::{
    NONE, OFFLINE, Play, PlayDictionaries, PlayMark, Plays, ReportPlays, Track,
};
use crate::model::verdict::{Finding, Reason};
use crate::normalize::tracks::KnownTracks;

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
    pub fn add(&mut self, piece: &ReportPlays, tracks: &KnownTracks, counted: Day, days_max: u32) {
        let words = &piece.words;
        for play in piece.rows.iter().flatten().filter(|play| is_offline(play)) {
            let keys = match days_before(play, counted) {
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

/// The plays of a piece that can have a key.
#[must_use]
pub fn offline_plays(mut piece: ReportPlays) -> ReportPlays {
    piece.rows.iter_mut().for_each(|rows| rows.retain(is_offline));
    piece
}

fn is_offline(play: &Play) -> bool {
    play.offline == OFFLINE && play.listener != NONE
}

fn days_before(play: &Play, counted: Day) -> i64 {
    i64::from(counted.0) - i64::from(Day::of_ms(play.listened_at_ms).0)
}

/// The key of a play. Of a track counts what rule 1 compares: the ISRC, or where there is none the
/// store's id.
///
/// The hash has no secret key: the listener in it is one already, under the key of the warehouse.
#[inline]
fn key(play: &Play, listener: Listener, track: &Track, isrc: Option<Isrc>) -> OfflineKey {
    let packed = isrc.map(|isrc| isrc.packed().to_le_bytes());
    let name = match (&packed, &track.store_track) {
        (Some(packed), _) => &packed[..],
        (None, store_track) => store_track.as_deref().unwrap_or_default().as_bytes(),
    };
    let mut message = [0; MESSAGE_BYTES];
    message[..16].copy_from_slice(&listener.0);
    message[16..24].copy_from_slice(&play.listened_at_ms.to_le_bytes());
    message[24..28].copy_from_slice(&play.played_ms.to_le_bytes());
    message[28..START_BYTES].copy_from_slice(&[play.exact, u8::from(isrc.is_some())]);
    let length = START_BYTES + name.len();
    let mut hasher = SipHasher24::new();
    let hash = if let Some(rest) = message.get_mut(START_BYTES..length) {
        // Nearly all tracks: one call, without the state that pieces of a message need.
        rest.copy_from_slice(name);
        hasher.hash(&message[..length])
    } else {
        hasher.write(&message[..START_BYTES]);
        hasher.write(name);
        hasher.finish128()
    };
    hash.as_u128()
}

/// Longest message that is hashed in one call, in bytes.
const MESSAGE_BYTES: usize = 64;

/// Bytes of what a key is made of before the name of its track.
const START_BYTES: usize = 30;

/// Calls `take` with the place and mark of each late play whose key is among `earlier` (ascending):
/// keys of offline plays of earlier counted dates. Measured: rows of this date that are the same play;
/// threshold: 0, as none of them is kept.
pub(super) fn mark_repeats(
    plays: &Plays,
    counted: Day,
    earlier: &[OfflineKey],
    mut take: impl FnMut(u32, PlayMark),
) {
    if earlier.is_empty() {
        return;
    }
    let PlayDictionaries { tracks, listeners, .. } = &plays.words;
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
        let mark = PlayMark {
            finding: Finding::of(Reason::Duplicate),
            measured: i64::try_from(group.len()).ok(),
            threshold: Some(0),
        };
        group.iter().for_each(|(_, place)| take(*place, mark));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::day::MS_PER_DAY;
    use crate::normalize::join::join_pieces;
    use crate::testing;

    /// Days back that rule 1 looks.
    const DAYS_MAX: u32 = 60;

    const FIRST: Day = Day(20_000);
    const SECOND: Day = Day(20_003);

    /// ISRC and store's id; the first two are one recording.
    const TRACKS: [(&str, &str); 4] =
        [("USABC1234567", "a"), ("USABC1234567", "b"), ("", "a"), ("", "b")];

    /// Listener (`None`: unknown), track, listening day, moment of that day, played time, whether offline.
    type Row = (Option<u8>, usize, i32, i64, u32, bool);

    fn rows(counted: Day) -> impl Strategy<Value = Vec<Row>> {
        let listener = prop_oneof![4 => (0_u8..2).prop_map(Some), 1 => Just(None)];
        let days = prop::sample::select(vec![0, 1, 2, 3, 4, 5, 60, 61, 63, 64]);
        let day = days.prop_map(move |days| counted.0 - days);
        let offline = prop_oneof![4 => Just(true), 1 => Just(false)];
        let row = (listener, 0..TRACKS.len(), day, 0_i64..2, 40_000_u32..40_002, offline);
        prop::collection::vec(row, 0..24)
    }

    fn piece_of(report: u8, rows: &[Row]) -> ReportPlays {
        let names: Vec<String> = rows.iter().map(|row| format!("{:?}", row.0)).collect();
        let plays: Vec<(&str, &str, &str)> = rows
            .iter()
            .zip(&names)
            .map(|(row, name)| (TRACKS[row.1].0, TRACKS[row.1].1, name.as_str()))
            .collect();
        let mut piece = testing::piece(report, &plays);
        for (play, (listener, _, day, moment, played_ms, offline)) in
            piece.rows[0].iter_mut().zip(rows)
        {
            play.listened_at_ms = i64::from(*day) * MS_PER_DAY + moment;
            play.played_ms = *played_ms;
            play.offline = if *offline { OFFLINE } else { crate::model::play::ONLINE };
            if listener.is_none() {
                play.listener = NONE;
            }
        }
        piece
    }

    fn keys_of(rows: &[Row], counted: Day) -> Vec<OfflineKey> {
        let mut keys = OfflineKeys::default();
        keys.add(&piece_of(1, rows), &KnownTracks::default(), counted, DAYS_MAX);
        keys.settle();
        let mut all = [keys.same_day, keys.late].concat();
        all.sort_unstable();
        all
    }

    /// Marks by place of the row, in the order of the rows.
    fn marked(rows: &[Row], earlier: &[OfflineKey]) -> BTreeMap<u32, PlayMark> {
        let plays = join_pieces(vec![piece_of(2, rows)]);
        let mut marks = BTreeMap::new();
        mark_repeats(&plays, SECOND, earlier, |place, mark| {
            assert!(marks.insert(plays.rows[place as usize].row - 1, mark).is_none());
        });
        marks
    }

    fn is_same(a: &Row, b: &Row) -> bool {
        let track = |row: &Row| {
            let (isrc, store_track) = TRACKS[row.1];
            if isrc.is_empty() { store_track } else { isrc }
        };
        (a.0, a.2, a.3, a.4) == (b.0, b.2, b.3, b.4) && track(a) == track(b)
    }

    /// The rule across dates, read plainly.
    fn expected(first: &[Row], second: &[Row]) -> BTreeMap<u32, PlayMark> {
        let is_late = |row: &&Row| row.0.is_some() && row.5 && row.2 < SECOND.0;
        let is_there = |row: &Row| {
            let oldest = FIRST.0 - DAYS_MAX.cast_signed();
            first.iter().any(|other| other.5 && oldest <= other.2 && is_same(row, other))
        };
        let repeated: Vec<&Row> =
            second.iter().filter(is_late).filter(|row| is_there(row)).collect();
        let mark = |row: &Row| {
            let n_rows = repeated.iter().filter(|other| is_same(row, other)).count();
            PlayMark {
                finding: Finding::of(Reason::Duplicate),
                measured: i64::try_from(n_rows).ok(),
                threshold: Some(0),
            }
        };
        let marks = (0_u32..).zip(second).filter(|(_, row)| is_late(row) && is_there(row));
        marks.map(|(place, row)| (place, mark(row))).collect()
    }

    proptest! {
        #[test]
        fn a_late_play_that_an_earlier_date_has_is_a_duplicate(
            first in rows(FIRST), second in rows(SECOND), n_copied in 0_usize..12,
        ) {
            // Some of the plays come again.
            let again: Vec<Row> = first.iter().take(n_copied).copied().chain(second).collect();
            let found = marked(&again, &keys_of(&first, FIRST));
            prop_assert_eq!(found, expected(&first, &again));
        }

        #[test]
        fn more_earlier_plays_never_make_fewer_duplicates(
            first in rows(FIRST), second in rows(SECOND), n_less in 0_usize..24,
        ) {
            let again: Vec<Row> = first.iter().copied().chain(second).collect();
            let fewer = &first[..first.len().saturating_sub(n_less)];
            let all = marked(&again, &keys_of(&first, FIRST));
            let some = marked(&again, &keys_of(fewer, FIRST));
            prop_assert!(some.iter().all(|(place, mark)| all.get(place) == Some(mark)));
        }
    }

    #[test]
    fn a_key_depends_on_all_that_makes_two_plays_the_same() {
        let track = |store_track: &str| Track {
            isrc: None,
            upc: None,
            store_track: Some(store_track.into()),
            track_ms: None,
        };
        let isrc = Isrc::parse(b"USABC1234567");
        let (anna, bert) = (Listener([1; 16]), Listener([2; 16]));
        let play = testing::play(1);
        let later = Play { listened_at_ms: play.listened_at_ms + 1, ..play };
        let longer = Play { played_ms: 1, ..play };
        let rounded = Play { exact: 1 - play.exact, ..play };
        let long = "t".repeat(MESSAGE_BYTES - START_BYTES);
        let longest = "t".repeat(MESSAGE_BYTES - START_BYTES + 1);
        let keys = [
            key(&play, anna, &track("t"), None),
            key(&play, bert, &track("t"), None),
            key(&later, anna, &track("t"), None),
            key(&longer, anna, &track("t"), None),
            key(&rounded, anna, &track("t"), None),
            key(&play, anna, &track("u"), None),
            key(&play, anna, &track(&long), None),
            key(&play, anna, &track(&longest), None),
            key(&play, anna, &track("t"), isrc),
        ];
        for (n, one) in keys.iter().enumerate() {
            assert!(keys[..n].iter().all(|other| other != one), "{n}");
        }
        // Nothing else of a play counts, and with an ISRC not the store's name of the track.
        let other_row = Play { row: 9, ..play };
        assert_eq!(key(&other_row, anna, &track("t"), None), keys[0]);
        assert_eq!(key(&play, anna, &track("u"), isrc), keys[8]);
    }

    #[test]
    fn offline_plays_leave_keys_by_whether_they_are_late() {
        let names: Vec<String> = (0..70).map(|length| "t".repeat(length + 1)).collect();
        let rows: Vec<(&str, &str, &str)> = names
            .iter()
            .enumerate()
            .map(|(n, name)| {
                (["USABC1234567", ""][n % 2], name.as_str(), ["anna", "bert"][n % 3 / 2])
            })
            .collect();
        let mut piece = testing::piece(1, &rows);
        let counted = Day::of_ms(piece.rows[0][0].listened_at_ms);
        for (n, play) in piece.rows[0].iter_mut().enumerate() {
            play.offline = OFFLINE;
            play.listened_at_ms += i64::from(play.row) - [0, 1, 99][n % 3] * 86_400_000;
        }
        let mut found = OfflineKeys::default();
        found.add(&piece, &KnownTracks::default(), counted, 60);
        found.settle();
        let mut expected = OfflineKeys::default();
        for (n, play) in piece.rows[0].iter().enumerate().filter(|(n, _)| n % 3 < 2) {
            let track = &piece.words.tracks[play.track as usize];
            let listener = piece.words.listeners[play.listener as usize];
            let keys = [&mut expected.same_day, &mut expected.late].into_iter().nth(n % 3).unwrap();
            keys.push(key(play, listener, track, track.isrc));
        }
        expected.settle();
        assert!(20 < found.same_day.len() && 20 < found.late.len());
        assert_eq!(found, expected);
    }
}
