//! What two lists of row hashes share. A list is sorted and keeps hashes that come more than once, so
//! that identical rows of a report stay rows.

use std::iter::Peekable;

/// So many of the smallest different hashes of the smaller list decide whether the rest is looked at.
pub(crate) const SAMPLE: u64 = 256;

/// A list with at least this share of different hashes (in percent) may be sampled. Where rows repeat
/// more, a few hashes stand for most rows and a sample could miss them.
const DIFFERENT_PERCENT: u64 = 90;

/// What is known of a list before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListSize {
    /// Hashes.
    pub rows: u64,
    /// Different ones.
    pub different: u64,
}

impl ListSize {
    /// Of a sorted list.
    #[must_use]
    pub fn of(list: &[u64]) -> Self {
        let repeated = list.array_windows::<2>().filter(|[a, b]| a == b).count() as u64;
        let rows = list.len() as u64;
        Self { rows, different: rows - repeated }
    }

    pub(crate) fn can_be_sampled(self) -> bool {
        // A product of row counts: far from 64 bits.
        self.rows * DIFFERENT_PERCENT <= self.different * 100
    }
}

/// How many rows two sorted lists have in common, identical rows counted as often as both have them.
///
/// Where none of the smallest hashes of the smaller list is in the other, 0: hashes are spread evenly, so
/// that a tenth of the rows in common is missed once in 10^11 times, and always the same way. A list of
/// which all rows are in the other is never missed, since its smallest ones are too.
///
/// # Errors
/// What reading a list fails with.
pub fn shared_rows<E>(
    (a_size, a): (ListSize, impl Iterator<Item = Result<u64, E>>),
    (b_size, b): (ListSize, impl Iterator<Item = Result<u64, E>>),
) -> Result<u64, E> {
    let samples = a_size.can_be_sampled() && b_size.can_be_sampled();
    let a_is_smaller = a_size.rows <= b_size.rows;
    let (mut a, mut b) = (a.peekable(), b.peekable());
    let (mut shared, mut n_looked, mut last) = (0, 0, None);
    while let Some((left, right)) = heads(&mut a, &mut b)? {
        let of_smaller = if a_is_smaller { left } else { right };
        if samples && last != Some(of_smaller) {
            n_looked += 1;
            last = Some(of_smaller);
            if SAMPLE < n_looked && shared == 0 {
                return Ok(0);
            }
        }
        shared += u64::from(left == right);
        if left <= right {
            a.next();
        }
        if right <= left {
            b.next();
        }
    }
    Ok(shared)
}

/// The next hash of each; `None` where one has no more.
fn heads<E>(
    a: &mut Peekable<impl Iterator<Item = Result<u64, E>>>,
    b: &mut Peekable<impl Iterator<Item = Result<u64, E>>>,
) -> Result<Option<(u64, u64)>, E> {
    let mut head = |is_a: bool| {
        let next = if is_a { a.peek() } else { b.peek() };
        match next {
            None => Ok(None),
            Some(Ok(hash)) => Ok(Some(*hash)),
            Some(Err(_)) => {
                let failed = if is_a { a.next() } else { b.next() };
                failed.transpose()
            }
        }
    };
    Ok(head(true)?.zip(head(false)?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn shared(a: &[u64], b: &[u64]) -> u64 {
        let (a_hashes, b_hashes) = (a.iter().copied(), b.iter().copied());
        let a = (ListSize::of(a), a_hashes.map(Ok::<u64, Infallible>));
        shared_rows(a, (ListSize::of(b), b_hashes.map(Ok))).unwrap_or_default()
    }

    /// Counted one by one.
    fn plain(a: &[u64], b: &[u64]) -> u64 {
        let mut left: BTreeMap<u64, u64> = BTreeMap::new();
        a.iter().for_each(|hash| *left.entry(*hash).or_default() += 1);
        let mut n = 0;
        for hash in b {
            if let Some(count) = left.get_mut(hash).filter(|count| 0 < **count) {
                *count -= 1;
                n += 1;
            }
        }
        n
    }

    fn spread(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn a_day_in_its_year_is_found_whole() {
        let mut year: Vec<u64> = (0..400_000).map(spread).collect();
        let mut day: Vec<u64> = (1000..1400).map(spread).collect();
        year.sort_unstable();
        day.sort_unstable();
        assert_eq!((shared(&day, &year), shared(&year, &day)), (400, 400));
    }

    #[test]
    fn rows_that_repeat_are_not_sampled_away() {
        // One row a thousand times, and a thousand others with smaller hashes.
        let mut a: Vec<u64> = (0..1000).chain([u64::MAX; 1000]).collect();
        let mut b: Vec<u64> = (5000..6000).chain([u64::MAX; 1000]).collect();
        a.sort_unstable();
        b.sort_unstable();
        assert_eq!(shared(&a, &b), 1000);
    }

    #[test]
    fn lists_that_share_nothing_are_not_read_to_their_ends() {
        let list = |from: u64| {
            let mut list: Vec<u64> = (from..from + 100_000).map(spread).collect();
            list.sort_unstable();
            list
        };
        let (a, b) = (list(0), list(1_000_000));
        let mut n_read = 0;
        let counted = a.iter().map(|hash| {
            n_read += 1;
            Ok::<u64, Infallible>(*hash)
        });
        let other = (ListSize::of(&b), b.iter().map(|hash| Ok(*hash)));
        assert_eq!(shared_rows((ListSize::of(&a), counted), other).unwrap_or(9), 0);
        assert!(n_read < 1000, "{n_read}");
    }

    proptest! {
        #[test]
        fn as_many_as_counted_one_by_one(
            mut a in prop::collection::vec(0_u64..60, 0..80),
            mut b in prop::collection::vec(0_u64..60, 0..80),
        ) {
            a.sort_unstable();
            b.sort_unstable();
            prop_assert_eq!(shared(&a, &b), plain(&a, &b));
        }
    }
}
