//! BLAKE3 of many short messages, a lane each, several at once; of each hash the first 16 bytes.
//!
//! A hash is a chain of some hundred steps, each of which waits for the one before, so that the
//! processor idles through most of it. Sixteen chains side by side take about as long as one.

use fearless_simd::{Simd, SimdBase as _, dispatch};

use crate::ingest::LEVEL;
// BLAKE3 begins with the same numbers as SHA-256.
use crate::ingest::report_hash::BEGINNING;

/// Messages that are hashed at once: as many as the widest vectors have numbers.
const LANES: usize = 16;

/// Numbers of 32 bits in a message of one block, and in what the hash works on.
const WORDS: usize = 16;

/// Bytes of the longest message.
pub const MESSAGE_BYTES_MAX: usize = 64;

/// Numbers of the hash that are kept.
const HASH_WORDS: usize = 4;

/// What the block of a message of one block is: its start, its end, and the root.
const FLAGS: u32 = 1 | 2 | 8;

/// The same of a keyed hash.
const FLAGS_KEYED: u32 = FLAGS | 16;

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

/// The first bytes of a hash.
pub type ShortHash = [u8; 16];

/// Takes messages and gives each a place among their hashes.
#[derive(Clone)]
pub struct ShortHashes {
    /// What the hash begins with.
    beginning: [u32; 8],
    flags: u32,
    waiting: Messages,
    n_waiting: usize,
    hashes: Vec<ShortHash>,
}

impl ShortHashes {
    fn of(beginning: [u32; 8], flags: u32) -> Self {
        let waiting = Messages { words: [[0; LANES]; WORDS], lengths: [0; LANES] };
        Self { beginning, flags, waiting, n_waiting: 0, hashes: Vec::new() }
    }

    /// Without a key.
    #[must_use]
    pub fn plain() -> Self {
        Self::of(BEGINNING, FLAGS)
    }

    /// With a key, as little-endian numbers.
    #[must_use]
    pub fn keyed(key: [u32; 8]) -> Self {
        Self::of(key, FLAGS_KEYED)
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

    /// Takes a message of so many bytes, with zeros behind it. Its hash will stand at [`Self::len`] as it
    /// was before.
    #[inline]
    pub fn push(&mut self, message: &[u8; MESSAGE_BYTES_MAX], length: usize) {
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

    /// Takes the hash of a message that is longer.
    pub fn push_hash(&mut self, hash: ShortHash) {
        self.hash_waiting();
        self.hashes.push(hash);
    }

    /// The hashes, in the order of the messages.
    #[must_use]
    pub fn finish(mut self) -> Vec<ShortHash> {
        self.hash_waiting();
        self.hashes
    }

    fn hash_waiting(&mut self) {
        let mut hashes = [[0; LANES]; HASH_WORDS];
        let (beginning, flags, waiting) = (&self.beginning, self.flags, &self.waiting);
        dispatch!(*LEVEL, simd => hash_messages(simd, beginning, flags, waiting, &mut hashes));
        for lane in 0..self.n_waiting {
            let mut hash = [0; 16];
            for (bytes, word) in hash.as_chunks_mut::<4>().0.iter_mut().zip(&hashes) {
                *bytes = word[lane].to_le_bytes();
            }
            self.hashes.push(hash);
        }
        self.n_waiting = 0;
    }
}

impl std::fmt::Debug for ShortHashes {
    /// Never shows a message or a key.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ShortHashes({})", self.len())
    }
}

/// Hashes all lanes, as many at once as the machine's vectors hold.
#[expect(clippy::inline_always, reason = "compiled for several instruction sets")]
#[inline(always)]
fn hash_messages<S: Simd>(
    simd: S,
    beginning: &[u32; 8],
    flags: u32,
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
            0..8 => fill(beginning[word]),
            8..12 => fill(BEGINNING[word - 8]),
            14 => load(&messages.lengths),
            15 => fill(flags),
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

    type HashOne<'a> = &'a dyn Fn(&[u8]) -> ShortHash;

    proptest! {
        #[test]
        fn many_at_once_are_hashed_like_one(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..70),
            key in any::<[u8; 32]>(),
        ) {
            let mut words = [0; 8];
            for (word, bytes) in words.iter_mut().zip(key.as_chunks::<4>().0) {
                *word = u32::from_le_bytes(*bytes);
            }
            let short = |hash: blake3::Hash| -> ShortHash { hash.as_bytes()[..16].try_into().unwrap() };
            let plain = |message: &[u8]| short(blake3::hash(message));
            let keyed = |message: &[u8]| short(blake3::keyed_hash(&key, message));
            let kinds: [(ShortHashes, HashOne<'_>); 2] =
                [(ShortHashes::plain(), &plain), (ShortHashes::keyed(words), &keyed)];
            for (mut hashes, hash_one) in kinds {
                for (n, message) in messages.iter().enumerate() {
                    prop_assert_eq!(hashes.len(), n);
                    let mut block = [0; MESSAGE_BYTES_MAX];
                    match block.get_mut(..message.len()) {
                        Some(start) => {
                            start.copy_from_slice(message);
                            hashes.push(&block, message.len());
                        }
                        None => hashes.push_hash(hash_one(message)),
                    }
                }
                let expected: Vec<_> = messages.iter().map(|message| hash_one(message)).collect();
                prop_assert_eq!(hashes.finish(), expected);
            }
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
            dispatch!(level?, simd => hash_messages(simd, &key, FLAGS, &messages, &mut hashes));
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
