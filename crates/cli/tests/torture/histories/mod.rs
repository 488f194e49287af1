//! Random histories: deliveries, runs and what people do in between, in any order, against a model of
//! what must be in the tables. Each history ends in the tables of one run over the same files, with the
//! same settings and decisions, to the byte.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::case::Case;

mod ddex;
mod dry_runs;
mod originals;
mod plays;
mod reports;
mod settings;

/// The listener key that every case has, and another one.
const KEYS: [&str; 2] = ["key", "other-key"];

/// A case with both keys.
fn new_case() -> Case {
    let case = Case::new();
    std::fs::write(case.path(KEYS[1]), [9; 32]).unwrap();
    case
}

/// Runs the histories of these numbers, several at a time; how many steps they had.
fn run_all(numbers: Range<u64>, run: fn(u64) -> usize) -> usize {
    let n_threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicU64::new(numbers.start);
    // Each has folders of its own.
    let some = || {
        let taken = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        taken.take_while(|number| *number < numbers.end).map(run).sum::<usize>()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(some)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}
