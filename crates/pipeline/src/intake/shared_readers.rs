//! Several readers of one report.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

/// Reads pieces, each by one of the readers (of which there is one at least) that is free. Where no other thread
/// is idle, the first reader reads all of them, in order.
pub(crate) fn read_pieces<R: Send, P: Sync>(
    readers: Vec<&mut R>,
    pieces: &[P],
    read: impl Fn(&mut R, &P) + Sync,
) {
    let readers: Vec<Mutex<&mut R>> = readers.into_iter().map(Mutex::new).collect();
    let read_one = |(place, piece): (usize, &P)| {
        let free = readers.iter().find_map(|reader| reader.try_lock().ok());
        // Where none is free at once, one will be: none waits for another one.
        let reader = free.map_or_else(|| readers[place % readers.len()].lock(), Ok);
        read(&mut reader.unwrap_or_else(PoisonError::into_inner), piece);
    };
    pieces.par_iter().enumerate().with_max_len(1).for_each(read_one);
}
