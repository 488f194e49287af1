//! The order of the table `plays`: isrc (nulls last), store track, listening time, report, row.
//!
//! A counting sort by the rank of the track, then small sorts by time. Rows already stand in order of
//! report and row, so their place settles what is left.

use bytemuck::{Zeroable, zeroed_vec};

use crate::model::play::{Plays, Track};
use crate::numbers::exact;

/// Places of the rows in the order of the table.
#[must_use]
pub fn order_by_track(plays: &Plays) -> Vec<u32> {
    let times = || plays.rows.iter().map(|play| play.listened_at_ms);
    let (Some(earliest), Some(latest)) = (times().min(), times().max()) else {
        return Vec::new();
    };
    if u32::try_from(latest.abs_diff(earliest)).is_ok() {
        // Within seven weeks, as nearly always, a number holds both the time and the place.
        let since = |ms: i64| ms.abs_diff(earliest);
        in_order(plays, |ms, place| since(ms) << 32 | u64::from(place), |entry| *entry)
    } else {
        in_order(plays, |ms, place| (ms, u64::from(place)), |(_, place)| *place)
    }
}

/// Puts rows in order; `entry` orders as listening time and place do and holds the place in the lower
/// half of what `number` takes out of it.
fn in_order<E: Copy + Ord + Zeroable>(
    plays: &Plays,
    entry: impl Fn(i64, u32) -> E,
    number: impl Fn(&E) -> u64,
) -> Vec<u32> {
    let ranks = rank_tracks(&plays.words.tracks);
    let n_ranks = ranks.iter().max().map_or(0, |rank| *rank as usize + 1);
    let mut starts = vec![0_u32; n_ranks + 1];
    for play in &plays.rows {
        starts[ranks[play.track as usize] as usize + 1] += 1;
    }
    for rank in 1..starts.len() {
        starts[rank] += starts[rank - 1];
    }
    let mut next = starts.clone();
    let mut entries: Vec<E> = zeroed_vec(plays.rows.len());
    for (place, play) in (0_u32..).zip(&plays.rows) {
        let slot = &mut next[ranks[play.track as usize] as usize];
        entries[*slot as usize] = entry(play.listened_at_ms, place);
        *slot += 1;
    }
    for bounds in starts.windows(2) {
        entries[bounds[0] as usize..bounds[1] as usize].sort_unstable();
    }
    let place = |entry: &E| exact::<u32>(number(entry) & u64::from(u32::MAX));
    entries.iter().map(place).collect()
}

/// The rank of each track by isrc, then store track, nulls last; equal where both are equal.
#[must_use]
pub fn rank_tracks(tracks: &[Track]) -> Vec<u32> {
    let key = |id: u32| {
        let Track { isrc, store_track, .. } = &tracks[id as usize];
        (isrc.is_none(), *isrc, store_track.is_none(), store_track.as_deref())
    };
    let mut by_name: Vec<u32> = (0_u32..).take(tracks.len()).collect();
    by_name.sort_unstable_by(|a, b| key(*a).cmp(&key(*b)));
    let mut ranks = vec![0; tracks.len()];
    for (rank, same) in (0_u32..).zip(by_name.chunk_by(|a, b| key(*a) == key(*b))) {
        same.iter().for_each(|id| ranks[*id as usize] = rank);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::play::Play;
    use crate::testing;

    proptest! {
        #[test]
        fn the_order_is_a_plain_sort_by_the_key(
            rows in prop::collection::vec((0_u32..6, 0_i64..3), 0..80),
            // Times that are further apart than seven weeks take another way.
            apart in prop::sample::select(vec![1, 1 << 31, 1 << 32, i64::MAX / 2]),
        ) {
            let rows: Vec<_> = rows.iter().map(|(track, time)| (*track, (time - 1) * apart)).collect();
            let tracks = [("USABC1234567", "t2"), ("USABC1234567", "t1"), ("", "t3"), ("GBABC1234567", ""), ("GBABC1234567", "t9"), ("", "t1")];
            let plays = Plays {
                rows: (1..).zip(&rows).map(|(row, (track, listened_at_ms))| Play { track: *track, listened_at_ms: *listened_at_ms, ..testing::play(row) }).collect(),
                words: testing::words(&tracks, 1),
                ..Plays::default()
            };
            let text = |text: &str| (text.is_empty(), text.to_owned());
            let mut expected: Vec<u32> = (0..).take(rows.len()).collect();
            expected.sort_by_key(|place| {
                let (track, listened_at_ms) = rows[*place as usize];
                let (isrc, store_track) = tracks[track as usize];
                (text(isrc), text(store_track), listened_at_ms, *place)
            });
            prop_assert_eq!(order_by_track(&plays), expected);
        }
    }
}
