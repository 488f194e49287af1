//! Plays of a report by counted date, while it is read.

use std::collections::BTreeMap;

use crate::model::day::Day;
use crate::model::play::Play;

/// Rows are kept in chunks of at most this many plays. A chunk gets all of its room as soon as it has
/// [`CHUNK_ROWS_SMALL`]: what is not used yet costs no memory, and growing never copies much.
const CHUNK_ROWS: usize = 1 << 20;
const CHUNK_ROWS_SMALL: usize = 1 << 14;

/// Plays by counted date; the date of the last row is at hand, since a report hardly changes it.
#[derive(Debug, Default)]
pub(super) struct DayPlays {
    current: Option<(Day, Vec<Vec<Play>>)>,
    others: BTreeMap<Day, Vec<Vec<Play>>>,
    n_rows: usize,
}

impl DayPlays {
    /// Plays that are held.
    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    #[inline]
    pub(super) fn push(&mut self, day: Day, play: Play) {
        self.n_rows += 1;
        if let Some((current, chunks)) = &mut self.current
            && *current == day
            && let Some(chunk) = chunks.last_mut()
            && chunk.len() < chunk.capacity()
        {
            chunk.push(play);
        } else {
            self.push_elsewhere(day, play);
        }
    }

    fn push_elsewhere(&mut self, day: Day, play: Play) {
        if self.current.as_ref().is_none_or(|(current, _)| *current != day) {
            let chunks = self.others.remove(&day).unwrap_or_default();
            if let Some((other, chunks)) = self.current.replace((day, chunks)) {
                self.others.insert(other, chunks);
            }
        }
        let Some((_, chunks)) = &mut self.current else {
            return;
        };
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_ROWS => {
                if chunk.len() == chunk.capacity() && CHUNK_ROWS_SMALL <= chunk.len() {
                    chunk.reserve_exact(CHUNK_ROWS - chunk.len());
                }
                chunk.push(play);
            }
            _ => chunks.push(vec![play]),
        }
    }

    pub(super) fn finish(mut self) -> BTreeMap<Day, Vec<Vec<Play>>> {
        self.others.extend(self.current);
        self.others
    }
}
