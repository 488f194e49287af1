//! Chance that is the same on every machine and in every version: `SplitMix64` and alias tables.
//!
//! All arithmetic is on integers. A library generator was rejected because its streams may change
//! between versions, floating weights because `powf` and `ln` differ between platforms: either would
//! change the bytes of a generated report.

/// Odd constant of `SplitMix64`, 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Scatters a number over 64 bits: the finaliser of `SplitMix64`. Different numbers stay different.
pub(super) const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// What a seed is for, so that no two uses share a stream.
#[derive(Debug, Clone, Copy)]
pub(super) enum RandomPurpose {
    /// The tracks and their popularity.
    Catalogue,
    /// The store's id of a track.
    TrackId,
    /// The store's id of a playlist.
    PlaylistId,
    /// Who a listener is.
    Listener,
    /// Who a special listener is, and on which days he plays.
    Special,
    /// What happens on a day.
    Day,
    /// What a listener does on a day.
    Sitting,
    /// What a special listener does on a day.
    Session,
    /// A track that a listener keeps coming back to.
    Favourite,
    /// Which rows of a day are repeated.
    Repeats,
    /// The order of a day's rows.
    Order,
    /// The cells of a row that its play leaves open.
    Cells,
}

/// The seed of one thing, out of the seed of its world, what it is for, and what tells it from its
/// like.
pub(super) fn key(seed: u64, purpose: RandomPurpose, parts: &[u64]) -> u64 {
    let start = mix(seed ^ (purpose as u64 + 1).wrapping_mul(GOLDEN));
    parts.iter().fold(start, |so_far, part| mix(so_far ^ part.wrapping_mul(GOLDEN)))
}

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(super) struct RandomSource {
    state: u64,
}

impl RandomSource {
    /// The stream that starts at `seed`.
    pub(super) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 random bits.
    pub(super) const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// A number from 0 to `bound` - 1; 0 when `bound` is 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// A number from `low` to `high`, both included; `low` when `high` is smaller.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below((high + 1).saturating_sub(low))
    }

    /// True in `share` of 10,000 cases.
    pub(super) fn hit(&mut self, share: u32) -> bool {
        self.below(10_000) < share
    }

    /// One of the items, all equally likely.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.index(items.len())]
    }

    /// An index into `n_items` things, fewer than 2^32 of them.
    pub(super) fn index(&mut self, n_items: usize) -> usize {
        self.below(u32::try_from(n_items).unwrap_or(u32::MAX)) as usize
    }
}

/// Draws an index by weight in constant time (Walker's alias method, in Vose's form).
#[derive(Debug)]
pub(super) struct AliasTable {
    slots: Vec<AliasSlot>,
}

#[derive(Debug, Clone, Copy)]
struct AliasSlot {
    /// Share of this slot that stays with its own index, out of 2^32.
    keep: u32,
    /// The index that has the rest of the slot.
    other: u32,
}

impl AliasTable {
    /// A table of the weights; at least one of them is above 0 and they are fewer than 2^32.
    pub(super) fn new(weights: impl IntoIterator<Item = u64>) -> Self {
        let weights: Vec<u128> = weights.into_iter().map(u128::from).collect();
        let total = weights.iter().sum::<u128>().max(1);
        let mut left: Vec<u128> = weights.iter().map(|w| w * weights.len() as u128).collect();
        let mut slots: Vec<AliasSlot> = (0..=u32::MAX)
            .zip(&left)
            .map(|(other, _)| AliasSlot { keep: u32::MAX, other })
            .collect();
        let (mut poor, mut rich): (Vec<u32>, Vec<u32>) =
            (0..=u32::MAX).take(left.len()).partition(|index| left[*index as usize] < total);
        while let (Some(small), Some(large)) = (poor.pop(), rich.last().copied()) {
            let missing = total - left[small as usize];
            let keep = (left[small as usize] << 32) / total;
            slots[small as usize] =
                AliasSlot { keep: u32::try_from(keep).unwrap_or(u32::MAX), other: large };
            left[large as usize] -= missing;
            if left[large as usize] < total {
                rich.pop();
                poor.push(large);
            }
        }
        Self { slots }
    }

    /// An index, as often as its weight says.
    pub(super) fn draw(&self, chance: &mut RandomSource) -> usize {
        let bits = chance.next();
        let n_slots = self.slots.len() as u64;
        let index = (((bits >> 32) * n_slots) >> 32) as u32;
        let slot = self.slots[index as usize];
        let stays = ((bits & 0xFFFF_FFFF) as u32) < slot.keep;
        (if stays { index } else { slot.other }) as usize
    }
}
