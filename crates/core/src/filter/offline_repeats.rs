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
use crate::vocabulary::short_hashes::{MESSAGE_BYTES_MAX, ShortHash, ShortHashes};
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
        let (mut same_day, mut late) = (ShortHashes::plain(), ShortHashes::plain());
        for play in piece.rows.iter().flatten().filter(|play| is_offline(play)) {
            let hashes = match days_before(play, counted) {
                ..=0 => &mut same_day,
                days if i64::from(days_max) < days => continue,
                _ => &mut late,
            };
            let (Some(listener), Some(track)) = (
                words.listeners.get(play.listener as usize),
                words.tracks.get(play.track as usize),
            ) else {
                continue;
            };
            with_message(play, *listener, track, tracks.isrc_of(track), |message| match message {
                Message::Short(block, length) => hashes.push(&block, length),
                Message::Long(start, name) => hashes.push_hash(hash_long(&start, name)),
            });
        }
        for (keys, hashes) in [(&mut self.same_day, same_day), (&mut self.late, late)] {
            keys.extend(hashes.finish().into_iter().map(u128::from_be_bytes));
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

/// What a key is the hash of.
enum Message<'a> {
    /// A block of the hash, with zeros behind so many bytes.
    Short([u8; MESSAGE_BYTES_MAX], usize),
    /// What comes before the name of the track, and the name.
    Long([u8; START_BYTES], &'a [u8]),
}

/// Of a track counts what rule 1 compares: the ISRC, or where there is none the store's id.
#[inline]
fn with_message<R>(
    play: &Play,
    listener: Listener,
    track: &Track,
    isrc: Option<Isrc>,
    take: impl FnOnce(Message<'_>) -> R,
) -> R {
    let packed = isrc.map(|isrc| isrc.packed().to_le_bytes());
    let name = match (&packed, &track.store_track) {
        (Some(packed), _) => &packed[..],
        (None, store_track) => store_track.as_deref().unwrap_or_default().as_bytes(),
    };
    let mut start = [0; START_BYTES];
    start[..16].copy_from_slice(&listener.0);
    start[16..24].copy_from_slice(&play.listened_at_ms.to_le_bytes());
    start[24..28].copy_from_slice(&play.played_ms.to_le_bytes());
    start[28..].copy_from_slice(&[play.exact, u8::from(isrc.is_some())]);
    let length = START_BYTES + name.len();
    let mut message = [0; MESSAGE_BYTES_MAX];
    take(match message.get_mut(START_BYTES..length) {
        Some(rest) => {
            rest.copy_from_slice(name);
            message[..START_BYTES].copy_from_slice(&start);
            Message::Short(message, length)
        }
        None => Message::Long(start, name),
    })
}

fn hash_long(start: &[u8], name: &[u8]) -> ShortHash {
    shortened(&blake3::Hasher::new().update(start).update(name).finalize())
}

fn shortened(hash: &blake3::Hash) -> ShortHash {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    bytes
}

fn key(play: &Play, listener: Listener, track: &Track, isrc: Option<Isrc>) -> OfflineKey {
    with_message(play, listener, track, isrc, |message| {
        u128::from_be_bytes(match message {
            Message::Short(block, length) => shortened(&blake3::hash(&block[..length])),
            Message::Long(start, name) => hash_long(&start, name),
        })
    })
}

/// Bytes of what a key is made of before the name of its track.
const START_BYTES: usize = 30;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

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
        let long = "t".repeat(MESSAGE_BYTES_MAX - START_BYTES);
        let longest = "t".repeat(MESSAGE_BYTES_MAX - START_BYTES + 1);
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
    fn many_keys_at_once_are_those_of_each_play() {
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
