//! Which of many lists of row hashes can share a row, found by reading each of them once: comparing each
//! with each takes the square of that.
//!
//! Two lists share a row only if one of the hashes that decide of the smaller one ([`shared_rows`] looks no
//! further) is in the other. So those of each list are indexed, and each list is looked up in the index.
//!
//! [`shared_rows`]: crate::supersede::row_lists::shared_rows

use std::collections::{BTreeMap, BTreeSet};

use crate::supersede::row_lists::{ListSize, SAMPLE};

/// Reports, by key, with those with which they may have a row in common. One that is not there may have rows
/// in common with any.
pub type RowNeighbours = BTreeMap<String, BTreeSet<String>>;

/// Of a list whose rows repeat each hash decides; one with more different ones than this is not indexed.
const REPEATED_MAX: u64 = 1 << 11;

/// Whether a list can be indexed; one that cannot may share rows with any.
#[must_use]
pub fn can_be_indexed(size: ListSize) -> bool {
    size.can_be_sampled() || size.different <= REPEATED_MAX
}

/// The hashes of lists that decide whether they share a row with another one.
#[derive(Debug, Default)]
pub struct RowIndex {
    /// Each with the place of its list; sorted once all are added.
    entries: Vec<(u64, u32)>,
}

impl RowIndex {
    /// Adds a list that can be indexed, whose hashes come sorted.
    ///
    /// # Errors
    /// What reading the list fails with.
    pub fn add<E>(
        &mut self,
        place: u32,
        size: ListSize,
        hashes: impl Iterator<Item = Result<u64, E>>,
    ) -> Result<(), E> {
        let n_deciding = if size.can_be_sampled() { SAMPLE } else { REPEATED_MAX };
        let (mut last, mut n_added) = (None, 0);
        for hash in hashes {
            let hash = hash?;
            if last == Some(hash) {
                continue;
            }
            if n_added == n_deciding {
                break;
            }
            last = Some(hash);
            n_added += 1;
            self.entries.push((hash, place));
        }
        Ok(())
    }

    /// Sorts what was added, so that lists can be looked up.
    pub fn finish(&mut self) {
        self.entries.sort_unstable();
    }

    /// Enters the places of the lists of which a deciding hash is in a list, whose hashes come sorted.
    ///
    /// # Errors
    /// What reading the list fails with.
    pub fn look_up<E>(
        &self,
        hashes: impl Iterator<Item = Result<u64, E>>,
        found: &mut BTreeSet<u32>,
    ) -> Result<(), E> {
        let mut entries = &*self.entries;
        for hash in hashes {
            let hash = hash?;
            entries = &entries[entries.partition_point(|(entry, _)| *entry < hash)..];
            if entries.is_empty() {
                break;
            }
            let equal = entries.iter().take_while(|(entry, _)| *entry == hash);
            found.extend(equal.map(|(_, place)| *place));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::supersede::row_lists::shared_rows;

    fn read(list: &[u64]) -> impl Iterator<Item = Result<u64, Infallible>> {
        list.iter().copied().map(Ok)
    }

    /// Pairs of lists that may share a row: those that the index finds, and those with one that it cannot
    /// hold.
    fn pairs(lists: &[Vec<u64>]) -> BTreeSet<(usize, usize)> {
        let is_indexed = |list: &usize| can_be_indexed(ListSize::of(&lists[*list]));
        let mut index = RowIndex::default();
        for place in (0..lists.len()).filter(is_indexed) {
            let list = &lists[place];
            index.add(u32::try_from(place).unwrap(), ListSize::of(list), read(list)).unwrap();
        }
        index.finish();
        let mut pairs = BTreeSet::new();
        for (a, list) in lists.iter().enumerate() {
            let mut found = BTreeSet::new();
            index.look_up(read(list), &mut found).unwrap();
            found.extend((0_u32..).take(lists.len()).filter(|_| !is_indexed(&a)));
            pairs.extend(found.iter().map(|b| (a.min(*b as usize), a.max(*b as usize))));
        }
        pairs
    }

    fn spread(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// A list of rows: from a number on, so many, each so often, and whether it is repeated much.
    fn list() -> impl Strategy<Value = Vec<u64>> {
        let length = prop_oneof![0_u64..30, 200_u64..3000];
        (0_u64..20_000, length, 1_usize..3).prop_map(|(from, n_rows, times)| {
            let rows =
                (from..from + n_rows).flat_map(|row| std::iter::repeat_n(spread(row), times));
            let mut list: Vec<u64> = rows.collect();
            list.sort_unstable();
            list
        })
    }

    proptest! {
        /// No pair is missed of which a comparison finds a row.
        #[test]
        fn every_pair_that_shares_a_row_is_found(
            lists in prop::collection::vec(list(), 2..14),
        ) {
            let pairs = pairs(&lists);
            for (a, first) in lists.iter().enumerate() {
                for (b, second) in lists.iter().enumerate().skip(a + 1) {
                    let shared = |a: &[u64], b: &[u64]| {
                        shared_rows((ListSize::of(a), read(a)), (ListSize::of(b), read(b))).unwrap()
                    };
                    let n_shared = shared(first, second).max(shared(second, first));
                    prop_assert!(n_shared == 0 || pairs.contains(&(a, b)), "{a} {b} {n_shared}");
                }
            }
        }
    }

    #[test]
    fn lists_that_share_nothing_are_no_pair() {
        let lists = (0_u64..50).map(|list| {
            let mut list: Vec<u64> = (list * 100..list * 100 + 100).map(spread).collect();
            list.sort_unstable();
            list
        });
        let found = pairs(&lists.collect::<Vec<_>>());
        assert!(found.iter().all(|(a, b)| a == b), "{found:?}");
    }
}
