//! Hashes of many listeners: those of [`ListenerKey::hash`], a lane each, several at once.
//!
//! A hash is a chain of some hundred steps, each of which waits for the one before, so that the
//! processor idles through most of it. Sixteen chains side by side take about as long as one.

use fearless_simd::{Simd, SimdBase as _, dispatch};

use crate::ingest::LEVEL;
use crate::vocabulary::listener::{Listener, ListenerKey};

/// Messages that are hashed at once: as many as the widest vectors have numbers.
const LANES: usize = 16;

/// Numbers of 32 bits in a message of one block, and in what the hash works on.
const WORDS: usize = 16;

/// Bytes of a block: longer messages are left to the crate.
const BLOCK_BYTES: usize = 64;

/// Numbers of the hash that a [`Listener`] keeps.
const HASH_WORDS: usize = 4;

/// The first half of what BLAKE3 begins with, the same numbers as those of SHA-256.
const BEGINNING: [u32; 4] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a];

/// What a block of a message of one block is: start, end and root of a keyed hash.
const FLAGS: u32 = 1 | 2 | 8 | 16;

/// Which words of the message each of the seven rounds takes, in order.
const SCHEDULE: [[usize; WORDS]; 7] = schedule();

const fn schedule() -> [[usize; WORDS]; 7] {
    const PERMUTATION: [usize; WORDS] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
    let mut rounds = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]; 7];
    let mut round = 1;
    while round < rounds.len() {
        let mut word = 0;
        while word < WORDS {
            rounds[round][word] = rounds[round - 1][PERMUTATION[word]];
            word += 1;
        }
        round += 1;
    }
    rounds
}

/// Messages that wait to be hashed.
#[derive(Clone)]
struct Messages {
    /// Word by word, a lane each.
    words: [[u32; LANES]; WORDS],
    lengths: [u32; LANES],
}

/// Takes ids of listeners of one store and gives each a place among their hashes.
#[derive(Clone)]
pub struct ListenerHashes {
    key: ListenerKey,
    store: &'static str,
    waiting: Messages,
    n_waiting: usize,
    hashes: Vec<Listener>,
}

impl ListenerHashes {
    /// None yet.
    #[must_use]
    pub fn new(key: ListenerKey, store: &'static str) -> Self {
        let waiting = Messages { words: [[0; LANES]; WORDS], lengths: [0; LANES] };
        Self { key, store, waiting, n_waiting: 0, hashes: Vec::new() }
    }

    /// How many were taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes.len() + self.n_waiting
    }

    /// Whether none was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes room for so many at once, unless there is room for one more.
    pub fn grow(&mut self, n_more: usize) {
        if self.hashes.capacity() < self.hashes.len() + LANES {
            self.hashes.reserve_exact(n_more.max(LANES));
        }
    }

    /// Takes an id as the store writes it; its hash will stand at [`Self::len`] as it was before.
    #[inline]
    pub fn push(&mut self, id: &[u8]) {
        let length = self.store.len() + 1 + id.len();
        if BLOCK_BYTES < length {
            self.hash_waiting();
            self.hashes.push(self.key.hash(self.store, id));
            return;
        }
        let mut message = [0; BLOCK_BYTES];
        message[..self.store.len()].copy_from_slice(self.store.as_bytes());
        message[self.store.len() + 1..length].copy_from_slice(id);
        let lane = self.n_waiting;
        let (words, _) = message.as_chunks::<4>();
        for (lanes, word) in self.waiting.words.iter_mut().zip(words) {
            lanes[lane] = u32::from_le_bytes(*word);
        }
        self.waiting.lengths[lane] = u32::try_from(length).unwrap_or(0);
        self.n_waiting += 1;
        if self.n_waiting == LANES {
            self.hash_waiting();
        }
    }

    /// The hashes, in the order of the ids.
    #[must_use]
    pub fn finish(mut self) -> Vec<Listener> {
        self.hash_waiting();
        self.hashes
    }

    fn hash_waiting(&mut self) {
        let mut hashes = [[0; LANES]; HASH_WORDS];
        let (key, waiting) = (self.key.words(), &self.waiting);
        dispatch!(*LEVEL, simd => hash_messages(simd, &key, waiting, &mut hashes));
        for lane in 0..self.n_waiting {
            let mut listener = [0; 16];
            for (bytes, word) in listener.as_chunks_mut::<4>().0.iter_mut().zip(&hashes) {
                *bytes = word[lane].to_le_bytes();
            }
            self.hashes.push(Listener(listener));
        }
        self.n_waiting = 0;
    }
}

impl std::fmt::Debug for ListenerHashes {
    /// Never shows an id.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ListenerHashes({})", self.len())
    }
}

/// Hashes all lanes, as many at once as the machine's vectors hold.
#[expect(clippy::inline_always, reason = "compiled for several instruction sets")]
#[inline(always)]
fn hash_messages<S: Simd>(
    simd: S,
    key: &[u32; 8],
    messages: &Messages,
    hashes: &mut [[u32; LANES]; HASH_WORDS],
) {
    let at_once = S::u32s::LEN.min(LANES);
    for first in (0..LANES).step_by(at_once) {
        let lanes = first..first + at_once;
        let load = |words: &[u32; LANES]| S::u32s::from_slice(simd, &words[lanes.clone()]);
        let fill = |word: u32| S::u32s::splat(simd, word);
        let message: [S::u32s; WORDS] = std::array::from_fn(|word| load(&messages.words[word]));
        let mut state: [S::u32s; WORDS] = std::array::from_fn(|word| match word {
            0..8 => fill(key[word]),
            8..12 => fill(BEGINNING[word - 8]),
            14 => load(&messages.lengths),
            15 => fill(FLAGS),
            // The number of the block: the first.
            _ => fill(0),
        });
        round::<S>(&mut state, &message, &SCHEDULE[0]);
        round::<S>(&mut state, &message, &SCHEDULE[1]);
        round::<S>(&mut state, &message, &SCHEDULE[2]);
        round::<S>(&mut state, &message, &SCHEDULE[3]);
        round::<S>(&mut state, &message, &SCHEDULE[4]);
        round::<S>(&mut state, &message, &SCHEDULE[5]);
        round::<S>(&mut state, &message, &SCHEDULE[6]);
        for (word, hash) in hashes.iter_mut().enumerate() {
            let mixed = state[word] ^ state[word + 8];
            hash[lanes.clone()].copy_from_slice(mixed.as_slice());
        }
    }
}

#[expect(clippy::inline_always, reason = "compiled for several instruction sets")]
#[inline(always)]
fn round<S: Simd>(
    state: &mut [S::u32s; WORDS],
    message: &[S::u32s; WORDS],
    order: &[usize; WORDS],
) {
    let words = |pair: usize| (message[order[2 * pair]], message[order[2 * pair + 1]]);
    mix::<S>(state, [0, 4, 8, 12], words(0));
    mix::<S>(state, [1, 5, 9, 13], words(1));
    mix::<S>(state, [2, 6, 10, 14], words(2));
    mix::<S>(state, [3, 7, 11, 15], words(3));
    mix::<S>(state, [0, 5, 10, 15], words(4));
    mix::<S>(state, [1, 6, 11, 12], words(5));
    mix::<S>(state, [2, 7, 8, 13], words(6));
    mix::<S>(state, [3, 4, 9, 14], words(7));
}

#[expect(clippy::inline_always, reason = "compiled for several instruction sets")]
#[inline(always)]
fn mix<S: Simd>(
    state: &mut [S::u32s; WORDS],
    [a, b, c, d]: [usize; 4],
    (first, second): (S::u32s, S::u32s),
) {
    state[a] = state[a] + state[b] + first;
    state[d] = rotated::<S>(state[d] ^ state[a], 16);
    state[c] += state[d];
    state[b] = rotated::<S>(state[b] ^ state[c], 12);
    state[a] = state[a] + state[b] + second;
    state[d] = rotated::<S>(state[d] ^ state[a], 8);
    state[c] += state[d];
    state[b] = rotated::<S>(state[b] ^ state[c], 7);
}

#[expect(clippy::inline_always, reason = "compiled for several instruction sets")]
#[inline(always)]
fn rotated<S: Simd>(word: S::u32s, n_bits: u32) -> S::u32s {
    word >> n_bits | word << (u32::BITS - n_bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn many_at_once_are_hashed_like_one(
            ids in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..70),
        ) {
            let key = ListenerKey::new([7; 32]);
            let mut hashes = ListenerHashes::new(key, "spotify");
            for (n, id) in ids.iter().enumerate() {
                prop_assert_eq!(hashes.len(), n);
                hashes.push(id);
            }
            let expected: Vec<_> = ids.iter().map(|id| key.hash("spotify", id)).collect();
            prop_assert_eq!(hashes.finish(), expected);
        }
    }

    #[test]
    fn a_block_may_be_full_and_no_fuller() {
        let key = ListenerKey::new([8; 32]);
        for length in [0, 1, 55, 56, 57] {
            let id = vec![b'x'; length];
            let mut hashes = ListenerHashes::new(key, "spotify");
            hashes.push(&id);
            assert_eq!(hashes.finish(), [key.hash("spotify", &id)], "{length}");
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn all_instruction_sets_hash_alike() {
        let word = |n: usize| u32::try_from(n).unwrap().wrapping_mul(0x9e37_79b9);
        let messages = Messages {
            words: std::array::from_fn(|w| std::array::from_fn(|lane| word(w * LANES + lane))),
            lengths: std::array::from_fn(|lane| word(lane) % 65),
        };
        let key = std::array::from_fn(word);
        let hashed = |level: Option<fearless_simd::Level>| {
            let mut hashes = [[0; LANES]; HASH_WORDS];
            dispatch!(level?, simd => hash_messages(simd, &key, &messages, &mut hashes));
            Some(hashes)
        };
        let level = *LEVEL;
        let plain = hashed(level.as_sse2().map(Simd::level));
        assert!(plain.is_some());
        // What the machine does not have is none.
        for found in [
            hashed(level.as_sse4_2().map(Simd::level)),
            hashed(level.as_avx2().map(Simd::level)),
            hashed(level.as_avx512().map(Simd::level)),
        ] {
            assert!(found.is_none() || found == plain);
        }
    }
}
