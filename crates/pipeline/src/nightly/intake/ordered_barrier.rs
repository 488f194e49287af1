//! Reports are read several at a time, but what a date's offline plays repeat is best known when the
//! reports before it have been read. So what is to be done with a report waits until those before it are
//! complete, while its reader goes on to the next one: nobody waits for anybody. Whoever completes the
//! last report that was missing gets the work that may begin.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Work by number, which begins in about the order of the numbers.
#[derive(Debug)]
pub(crate) struct OrderedBarrier<T> {
    state: Mutex<State<T>>,
    waiting_max: usize,
}

#[derive(Debug)]
struct State<T> {
    /// All numbers below this one are complete.
    complete_below: usize,
    /// Which of those from there on are.
    complete: BTreeSet<usize>,
    waiting: BTreeMap<usize, Vec<T>>,
    n_waiting: usize,
}

impl<T> OrderedBarrier<T> {
    /// A barrier behind which so many pieces of work may wait. What comes first begins before its time where
    /// there are more: one slow report does not hold up all others.
    pub(crate) fn new(waiting_max: usize) -> Self {
        let state = State {
            complete_below: 0,
            complete: BTreeSet::new(),
            waiting: BTreeMap::new(),
            n_waiting: 0,
        };
        Self { state: Mutex::new(state), waiting_max }
    }

    /// Completes a number, each once and from 0 on, with the work that begins when all before it are
    /// complete. Gives the work that may begin now, in order; it is the caller's to do.
    pub(crate) fn complete(&self, number: usize, then: Vec<T>) -> Vec<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { complete_below, complete, waiting, n_waiting } = &mut *state;
        complete.insert(number);
        while complete.first() == Some(complete_below) {
            complete.pop_first();
            *complete_below += 1;
        }
        *n_waiting += then.len();
        waiting.insert(number, then);
        let mut ready = Vec::new();
        while let Some(first) = waiting.first_entry() {
            if *complete_below < *first.key() && *n_waiting <= self.waiting_max {
                break;
            }
            let work = first.remove();
            *n_waiting -= work.len();
            ready.extend(work);
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn work_begins_once_and_after_all_before_it_are_complete(
            order in Just((0..12).collect::<Vec<usize>>()).prop_shuffle(),
            n_each in prop::collection::vec(0_usize..3, 12),
        ) {
            let barrier = OrderedBarrier::new(usize::MAX);
            let (mut complete, mut begun) = (BTreeSet::new(), Vec::new());
            for number in order {
                complete.insert(number);
                for work in barrier.complete(number, vec![number; n_each[number]]) {
                    prop_assert!((0..work).all(|before| complete.contains(&before)));
                    begun.push(work);
                }
            }
            let expected: Vec<usize> =
                (0..12).flat_map(|number| vec![number; n_each[number]]).collect();
            prop_assert_eq!(begun, expected);
        }

        #[test]
        fn no_more_waits_than_may(
            order in Just((0..12).collect::<Vec<usize>>()).prop_shuffle(),
            waiting_max in 0_usize..6,
        ) {
            let barrier = OrderedBarrier::new(waiting_max);
            let (mut n_complete, mut n_begun) = (0, 0);
            for number in order {
                n_complete += 1;
                n_begun += barrier.complete(number, vec![number]).len();
                prop_assert!(n_complete - n_begun <= waiting_max);
            }
            prop_assert_eq!(n_begun, 12);
        }
    }
}
