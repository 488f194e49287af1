//! Several readers of one report.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

/// A reader, and the last piece that it has read.
type SharedReader<'r, R> = (&'r mut R, Option<usize>);

/// Reads pieces, of which there are no more than readers, each by one of the readers that is free. What one
/// reader reads is in order. Where no other thread is idle, the first reader reads all of them.
pub(crate) fn read_pieces<R: Send, P: Sync>(
    readers: Vec<&mut R>,
    pieces: &[P],
    read: impl Fn(&mut R, &P) + Sync,
) {
    let all: Vec<Option<SharedReader<'_, R>>> =
        readers.into_iter().map(|reader| Some((reader, None))).collect();
    let all = Mutex::new(all);
    let lock = || -> MutexGuard<'_, Vec<Option<SharedReader<'_, R>>>> {
        all.lock().unwrap_or_else(PoisonError::into_inner)
    };
    // The first that is free and has read none of the pieces behind this one.
    let take = |piece: usize| {
        lock().iter_mut().enumerate().find_map(|(place, reader)| {
            let is_behind = reader.as_ref().is_some_and(|(_, last)| *last < Some(piece));
            is_behind.then(|| reader.take()).flatten().map(|(reader, _)| (place, reader))
        })
    };
    let read_one = |(piece, text): (usize, &P)| {
        // Of as many readers as pieces, those behind a piece leave one for it.
        let (place, reader) = loop {
            match take(piece) {
                Some(found) => break found,
                None => std::thread::yield_now(),
            }
        };
        read(reader, text);
        lock()[place] = Some((reader, Some(piece)));
    };
    pieces.par_iter().enumerate().with_max_len(1).for_each(read_one);
}

/// Lines of a text, the last of which may lack its end.
pub(crate) fn n_lines(text: &[u8]) -> u64 {
    let has_rest = !text.is_empty() && !text.ends_with(b"\n");
    memchr::memchr_iter(b'\n', text).count() as u64 + u64::from(has_rest)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_piece_is_read_once_and_no_reader_goes_back() {
        for round in 0_u64..60 {
            let mut readers: Vec<Vec<usize>> = vec![Vec::new(); 4];
            let pieces: Vec<usize> = (0..4).collect();
            read_pieces(readers.iter_mut().collect(), &pieces, |reader, piece| {
                // The first pieces take longest, now and then, so that others are done before them.
                let pause = (round * 7 + *piece as u64 * 3) % 5;
                std::thread::sleep(Duration::from_micros(pause * 40));
                reader.push(*piece);
            });
            assert!(readers.iter().all(|read| read.is_sorted()), "{readers:?}");
            let mut all: Vec<usize> = readers.concat();
            all.sort_unstable();
            assert_eq!(all, pieces);
        }
    }

    #[test]
    fn a_thread_alone_reads_all_with_the_first_reader() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); 3];
        let pieces = [0, 1, 2];
        let readers_of = readers.iter_mut().collect();
        pool.install(|| read_pieces(readers_of, &pieces, |reader, piece| reader.push(*piece)));
        assert_eq!(readers, [vec![0, 1, 2], vec![], vec![]]);
    }
}
