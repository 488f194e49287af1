//! Each listener once, ascending: what reading leaves out, since most listeners have a play or two a
//! date, and looking each one up in a table of all costs more than the rest of a row.
//!
//! Rows are dealt out by the first bits of the hash, then each hand is sorted in the cache. Hashes are
//! as good as random, so hands are of a size.

use std::ops::Range;

use crate::vocabulary::listener::Listener;
use crate::vocabulary::play::{NONE, Play};

/// Rows of a hand, about: its entries stay in the first-level cache.
const HAND_ROWS: usize = 512;

/// Most hands: more would be written to than the processor keeps addresses of.
const HAND_BITS_MAX: u32 = 11;

/// The first 64 bits of a listener's hash, then where the listener and the play stand.
type Entry = u128;

/// Gives the listeners of the rows ids by the order of their hashes; returns each once, ascending.
/// `known` is what [`Play::listener`] meant before; afterwards it is a place in what is returned.
#[must_use]
pub fn settle_listeners(rows: &mut [Play], known: &[Listener]) -> Vec<Listener> {
    let mut settled = Vec::new();
    let mut entries = deal_out(rows, known);
    let mut last = None;
    for hand in entries.hands() {
        let hand = &mut entries.entries[hand];
        hand.sort_unstable();
        settle_collisions(hand, known);
        for entry in &*hand {
            // Equal bits need not be equal hashes.
            let listener = known[place_of(*entry, 32)];
            if last != Some(listener) {
                last = Some(listener);
                settled.push(listener);
            }
            let id = u32::try_from(settled.len() - 1).unwrap_or(NONE);
            rows[place_of(*entry, 0)].listener = id;
        }
    }
    settled
}

struct Hands {
    entries: Vec<Entry>,
    ends: Vec<usize>,
}

impl Hands {
    fn hands(&self) -> Vec<Range<usize>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| start..*end).collect()
    }
}

fn deal_out(rows: &[Play], known: &[Listener]) -> Hands {
    let bits = (rows.len() / HAND_ROWS).max(1).ilog2().clamp(1, HAND_BITS_MAX);
    let hand = |bits_of_hash: u64| usize::try_from(bits_of_hash >> (64 - bits)).unwrap_or(0);
    let listener = |play: &Play| known.get(play.listener as usize).map(|known| first_bits(*known));
    let mut ends = vec![0_usize; 1 << bits];
    for bits_of_hash in rows.iter().filter_map(listener) {
        ends[hand(bits_of_hash)] += 1;
    }
    let mut n_entries = 0;
    for end in &mut ends {
        let start = n_entries;
        n_entries += *end;
        *end = start;
    }
    let mut entries: Vec<Entry> = vec![0; n_entries];
    for (place, play) in (0_u32..).zip(rows) {
        let Some(bits_of_hash) = listener(play) else {
            continue;
        };
        let next = &mut ends[hand(bits_of_hash)];
        let places = u128::from(play.listener) << 32 | u128::from(place);
        entries[*next] = u128::from(bits_of_hash) << 64 | places;
        *next += 1;
    }
    Hands { entries, ends }
}

#[inline]
fn first_bits(listener: Listener) -> u64 {
    listener.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

#[inline]
fn place_of(entry: Entry, shift: u32) -> usize {
    usize::try_from(entry >> shift & u128::from(u32::MAX)).unwrap_or(usize::MAX)
}

/// Sorts entries that have their first bits in common by the whole hash, where they differ: of a
/// billion listeners, two are such a pair once in forty dates.
fn settle_collisions(hand: &mut [Entry], known: &[Listener]) {
    for same in hand.chunk_by_mut(|a, b| a >> 64 == b >> 64) {
        let listener = |entry: &Entry| known[place_of(*entry, 32)];
        if same.iter().any(|entry| listener(entry) != listener(&same[0])) {
            same.sort_unstable_by_key(|entry| (listener(entry), *entry));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::testing;

    proptest! {
        #[test]
        fn each_listener_stands_once_and_rows_keep_theirs(
            // Few different bytes at few places, so that hashes share their first half or all of it.
            rows in prop::collection::vec(prop::option::weighted(0.9, (0_u8..4, 0_u8..3, 0_u8..3)), 0..4000),
        ) {
            let hash = |(first, middle, last): (u8, u8, u8)| {
                let mut bytes = [first << 6; 16];
                (bytes[7], bytes[15]) = (middle, last);
                Listener(bytes)
            };
            let mut known = Vec::new();
            let mut plays = Vec::new();
            for (row, listener) in (1..).zip(&rows) {
                let listener = listener.map_or(NONE, |listener| {
                    known.push(hash(listener));
                    u32::try_from(known.len() - 1).unwrap()
                });
                plays.push(Play { listener, ..testing::play(row) });
            }
            let settled = settle_listeners(&mut plays, &known);
            let expected: BTreeSet<_> = known.iter().copied().collect();
            prop_assert_eq!(&settled, &expected.into_iter().collect::<Vec<_>>());
            for (play, listener) in plays.iter().zip(&rows) {
                prop_assert_eq!(settled.get(play.listener as usize).copied(), listener.map(hash));
            }
        }
    }
}
