//! Each listener once, ascending: what reading leaves out, since most listeners have a play or two a
//! date, and looking each one up in a table of all costs more than the rest of a row.
//!
//! Rows are dealt out by the first bits of the hash, then each hand is sorted in the cache. Hashes are
//! as good as random, so hands are of a size.

use bytemuck::{Zeroable, zeroed_vec};

use crate::model::listener::Listener;
use crate::model::play::Play;
use crate::numbers::exact;

/// Rows of a hand, about: its entries stay in the first-level cache.
const HAND_ROWS: usize = 512;

/// Most hands: more would be written to than the processor keeps addresses of.
const HAND_BITS_MAX: u32 = 11;

/// Bits by which a hand is dealt out once more, so that what is left to sort is a card or two.
const CARD_BITS: u32 = 9;

/// The rows of a date by listener.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettledListeners {
    /// Each listener once, ascending.
    pub listeners: Vec<Listener>,
    /// Places of the rows that have one, by listener, then place.
    pub by_listener: Vec<u32>,
}

/// A row's listener and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Zeroable)]
#[repr(C)]
struct ListenerEntry {
    listener: Listener,
    place: u32,
}

/// Gives the listeners of the rows ids by the order of their hashes. `known` is what
/// [`Play::listener`] meant before; afterwards it is a place in what is returned.
#[must_use]
pub fn settle_listeners(rows: &mut [Play], known: Vec<Listener>) -> SettledListeners {
    let bits = (rows.len() / HAND_ROWS).max(1).ilog2().clamp(1, HAND_BITS_MAX);
    let (mut entries, ends) = deal_out(rows, &known, bits);
    // What is returned fits where they were known before.
    let mut listeners = known;
    listeners.clear();
    let by_listener = Vec::with_capacity(entries.len());
    let mut settled = SettledListeners { listeners, by_listener };
    let mut cards = ListenerCards { shift: 64 - bits - CARD_BITS, ..ListenerCards::default() };
    let mut start = 0;
    for end in ends {
        let hand = &mut entries[start..end];
        cards.sort(hand);
        for entry in &*hand {
            if settled.listeners.last() != Some(&entry.listener) {
                settled.listeners.push(entry.listener);
            }
            let id = exact::<u32>(settled.listeners.len() - 1);
            rows[entry.place as usize].listener = id;
            settled.by_listener.push(entry.place);
        }
        start = end;
    }
    // To move them costs as much memory as it saves, unless they are few.
    if settled.listeners.len() < settled.listeners.capacity() / 2 {
        settled.listeners.shrink_to_fit();
    }
    settled
}

/// The first half of the hash as a number that orders as its bytes.
#[inline]
fn first_half(listener: Listener) -> u64 {
    u64::from_be_bytes(listener.0.as_chunks::<8>().0[0])
}

/// Entries of all rows that have a listener, hand by hand, each in order of place; and where hands end.
fn deal_out(rows: &[Play], known: &[Listener], bits: u32) -> (Vec<ListenerEntry>, Vec<usize>) {
    let hand = |listener: Listener| exact::<usize>(first_half(listener) >> (64 - bits));
    let listener = |play: &Play| known.get(play.listener as usize).copied();
    let mut ends = vec![0_usize; 1 << bits];
    for listener in rows.iter().filter_map(listener) {
        ends[hand(listener)] += 1;
    }
    let n_entries = counts_to_starts(&mut ends);
    let mut entries: Vec<ListenerEntry> = zeroed_vec(n_entries);
    for (place, play) in (0_u32..).zip(rows) {
        if let Some(listener) = listener(play) {
            let next = &mut ends[hand(listener)];
            entries[*next] = ListenerEntry { listener, place };
            *next += 1;
        }
    }
    (entries, ends)
}

/// Turns numbers of things into where the first of each goes; returns how many there are.
fn counts_to_starts(counts: &mut [usize]) -> usize {
    counts.iter_mut().fold(0, |start, count| start + std::mem::replace(count, start))
}

/// Sorts hands; keeps its memory.
#[derive(Default)]
struct ListenerCards {
    /// The bits from here on are looked at.
    shift: u32,
    starts: Vec<usize>,
    entries: Vec<ListenerEntry>,
}

impl ListenerCards {
    fn sort(&mut self, hand: &mut [ListenerEntry]) {
        let mask = (1_u64 << CARD_BITS) - 1;
        let shift = self.shift;
        let card =
            |entry: &ListenerEntry| exact::<usize>(first_half(entry.listener) >> shift & mask);
        self.starts.clear();
        self.starts.resize(1 << CARD_BITS, 0);
        hand.iter().for_each(|entry| self.starts[card(entry)] += 1);
        counts_to_starts(&mut self.starts);
        self.entries.clear();
        self.entries.extend_from_slice(hand);
        for entry in &self.entries {
            let next = &mut self.starts[card(entry)];
            hand[*next] = *entry;
            *next += 1;
        }
        // Cards lie in order now, and those that are alike in order of place.
        let mut start = 0;
        for end in &self.starts {
            let alike = &mut hand[start..*end];
            if 1 < alike.len() && !alike.is_sorted() {
                alike.sort_unstable();
            }
            start = *end;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use crate::model::play::NONE;

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
            let SettledListeners { listeners, by_listener } = settle_listeners(&mut plays, known.clone());
            let expected: BTreeSet<_> = known.iter().copied().collect();
            prop_assert_eq!(&listeners, &expected.into_iter().collect::<Vec<_>>());
            for (play, listener) in plays.iter().zip(&rows) {
                prop_assert_eq!(listeners.get(play.listener as usize).copied(), listener.map(hash));
            }
            let mut places: Vec<u32> = (0..).take(rows.len()).filter(|place| rows[*place as usize].is_some()).collect();
            places.sort_by_key(|place| (rows[*place as usize].map(hash), *place));
            prop_assert_eq!(by_listener, places);
        }
    }
}
