//! Rows of Spotify's wide table to plays.
//!
//! The listening time is `offline_timestamp` where the play was offline and it is filled (exact),
//! else `log_time` (read off a clock that the store rounds). A cell is read only where it is used.
//!
//! Two paths give one result: the fast one reads cells into a [`Play`] and stops at the first thing
//! wrong; the slow one then looks at the same cells in the report's column order to say what it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ingest::lines::{Line, LineCutter, Row};
use crate::ingest::spotify_streams::Columns;
use crate::normalize::cells::{seconds_to_ms, text, trimmed, truth};
use crate::normalize::defect::{BadRow, Defect, raw_text};
use crate::normalize::spotify_defects::explain_row;
use crate::normalize::spotify_words::{Unreadable, WordsBuilder, listener_id};
use crate::normalize::store::StoreSettings;
use crate::normalize::times::{stamp, stamp_or_epoch};
use crate::vocabulary::day::Day;
use crate::vocabulary::listener::ListenerKey;
use crate::vocabulary::play::{NONE, OFFLINE, OFFLINE_UNKNOWN, ONLINE, Piece, Play};
use crate::vocabulary::territory::{Territories, TerritoryCell};

/// Rows are kept in chunks of at most this many plays. A chunk gets all of its room as soon as it has
/// [`CHUNK_ROWS_SMALL`]: what is not used yet costs no memory, and growing never copies much.
const CHUNK_ROWS: usize = 1 << 20;
const CHUNK_ROWS_SMALL: usize = 1 << 14;

/// Most bad rows that are kept in full; of a report with more only the number is known, since it is
/// refused or a limit of the settings is very loose.
const BAD_ROWS_KEPT_MAX: usize = 1 << 20;

/// What normalising needs to know beside the rows.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The store's settings.
    pub store: &'a StoreSettings,
    /// Territory codes and aliases.
    pub territories: &'a Territories,
    /// The key of the listeners' hashes.
    pub key: &'a ListenerKey,
    /// Counted dates to keep plays of; `None` for all.
    pub wanted: Option<&'a BTreeSet<Day>>,
}

/// What was counted while a report was read. Counts of identifiers are over rows taken in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Data rows, bad ones included; blank lines are none.
    pub rows: u64,
    /// Bad rows.
    pub quarantined: u64,
    /// Rows whose ISRC was not one.
    pub bad_isrc: u64,
    /// Rows whose UPC was not one.
    pub bad_upc: u64,
    /// Rows whose territory was not one.
    pub bad_territory: u64,
    /// Rows whose territory was spelt as an alias.
    pub aliased_territory: u64,
    /// Rows whose tier code the store's table does not hold.
    pub unmapped_tier: u64,
}

/// Reads the rows of one report.
#[derive(Debug)]
pub struct StreamsReader<'a> {
    columns: Columns,
    context: Context<'a>,
    cutter: LineCutter,
    line: u32,
    counts: Counts,
    bad_rows: Vec<BadRow>,
    /// Rows taken in by counted date; those of the last row's date are counted beside.
    day_rows: BTreeMap<Day, u64>,
    last_day: (Day, u64),
    plays: DayPlays,
    words: WordsBuilder,
}

/// Plays by counted date; the date of the last row is at hand, since a report hardly changes it.
#[derive(Debug, Default)]
struct DayPlays {
    current: Option<(Day, Vec<Vec<Play>>)>,
    others: BTreeMap<Day, Vec<Vec<Play>>>,
    n_rows: usize,
}

/// What one report brought, or a part of it, without its plays.
#[derive(Debug)]
pub struct Reading {
    /// Counts over the whole report.
    pub counts: Counts,
    /// Bad rows in order.
    pub bad_rows: Vec<BadRow>,
    /// Rows taken in by counted date, wanted or not.
    pub day_rows: BTreeMap<Day, u64>,
}

impl<'a> StreamsReader<'a> {
    /// A reader for a report with these columns.
    #[must_use]
    pub fn new(columns: Columns, context: Context<'a>) -> Self {
        Self {
            cutter: LineCutter::new(columns.n_columns),
            words: WordsBuilder::new(&columns),
            columns,
            context,
            line: 0,
            counts: Counts::default(),
            bad_rows: Vec::new(),
            day_rows: BTreeMap::new(),
            last_day: (Day(0), 0),
            plays: DayPlays::default(),
        }
    }

    /// Reads a block of whole lines; the last block of a report may end without a line end.
    pub fn read_block(&mut self, block: &[u8]) {
        let mut cutter = std::mem::replace(&mut self.cutter, LineCutter::new(1));
        let ends_in_line = !block.ends_with(b"\n");
        let length = block.len();
        cutter.cut(block, |line| {
            self.line = self.line.saturating_add(1);
            match line {
                Line::Row(row) => self.read_row(&row),
                Line::Uneven { line, n_cells } => {
                    let at_end = ends_in_line
                        && line.as_ptr_range().end == block.as_ptr_range().end
                        && length != 0;
                    self.refuse_line(line, n_cells, at_end);
                }
                Line::Blank => {}
            }
        });
        self.cutter = cutter;
    }

    /// Plays that are held in memory by now, and the bytes that they and their words take.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.plays.n_rows * size_of::<Play>() + self.words.size_bytes()
    }

    /// Takes what was read so far out of the reader, by counted date.
    pub fn take_pieces(&mut self, report: [u8; 32]) -> BTreeMap<Day, Piece> {
        let words = std::mem::replace(&mut self.words, WordsBuilder::new(&self.columns));
        let words = Arc::new(words.finish());
        std::mem::take(&mut self.plays)
            .finish()
            .into_iter()
            .map(|(day, rows)| (day, Piece { report, rows, words: Arc::clone(&words) }))
            .collect()
    }

    /// Ends the report.
    #[must_use]
    pub fn finish(mut self) -> Reading {
        self.end_day();
        Reading { counts: self.counts, bad_rows: self.bad_rows, day_rows: self.day_rows }
    }

    fn end_day(&mut self) {
        let (day, n_rows) = self.last_day;
        if n_rows != 0 {
            *self.day_rows.entry(day).or_default() += n_rows;
        }
    }

    fn read_row(&mut self, row: &Row<'_>) {
        self.counts.rows += 1;
        match self.play(row) {
            Ok(Some((day, play))) => self.plays.push(day, play),
            Ok(None) => {}
            Err(Unreadable) => self.refuse_row(row),
        }
    }

    /// The fast path. `Ok(None)`: a good row of a date that is not wanted.
    #[inline]
    fn play(&mut self, row: &Row<'_>) -> Result<Option<(Day, Play)>, Unreadable> {
        let columns = &self.columns;
        let day = self.words.day(row.cell(columns.day))?;
        let offline = truth(row.cell(columns.stream_cached))?;
        let (listened_at_ms, exact) = listened_at(columns, row, offline)?;
        let played_ms = seconds_to_ms(row.cell(columns.stream_length))?;
        let (track, track_flaws) = self.words.track(columns, row)?;
        let listener_id = listener_id(row.cell(columns.customer_id))?;
        let (kind, is_unmapped) = self.words.kind(columns, row, self.context.store)?;
        let territory = self.territory(row.cell(columns.country_code))?;
        self.counts.bad_isrc += u64::from(track_flaws.bad_isrc);
        self.counts.bad_upc += u64::from(track_flaws.bad_upc);
        self.counts.unmapped_tier += u64::from(is_unmapped);
        if self.last_day.0 != day {
            self.end_day();
            self.last_day = (day, 0);
        }
        self.last_day.1 += 1;
        if self.context.wanted.is_some_and(|wanted| !wanted.contains(&day)) {
            return Ok(None);
        }
        let play = Play {
            listened_at_ms,
            row: self.line,
            track,
            listener: self.words.listener(listener_id, self.context.key),
            kind,
            played_ms: played_ms.unwrap_or(NONE),
            territory,
            offline: offline_code(offline),
            exact,
        };
        Ok(Some((day, play)))
    }

    #[inline]
    fn territory(&mut self, cell: &[u8]) -> Result<u16, Unreadable> {
        match self.context.territories.look_up(trimmed(cell)) {
            TerritoryCell::Known(territory) => Ok(territory.packed()),
            TerritoryCell::Empty => Ok(0),
            TerritoryCell::Aliased(territory) => {
                self.counts.aliased_territory += 1;
                Ok(territory.packed())
            }
            TerritoryCell::Wrong => {
                text(cell)?;
                self.counts.bad_territory += 1;
                Ok(0)
            }
        }
    }

    fn refuse_line(&mut self, line: &[u8], n_cells: usize, at_end: bool) {
        self.counts.rows += 1;
        let n_columns = self.columns.n_columns;
        let defect =
            if at_end && n_cells < n_columns { Defect::CutLine } else { Defect::ColumnCount };
        self.keep_bad_row(BadRow {
            row: self.line,
            column: None,
            defect,
            detail: format!("expected {n_columns} cells, found {n_cells}"),
            raw: raw_text(line, self.columns.customer_id, n_columns),
        });
    }

    fn refuse_row(&mut self, row: &Row<'_>) {
        let (column, defect, detail) = explain_row(&self.columns, row);
        self.keep_bad_row(BadRow {
            row: self.line,
            column: Some(self.columns.names[column].clone()),
            defect,
            detail,
            raw: raw_text(row.line(), self.columns.customer_id, self.columns.n_columns),
        });
    }

    fn keep_bad_row(&mut self, bad_row: BadRow) {
        self.counts.quarantined += 1;
        if self.bad_rows.len() < BAD_ROWS_KEPT_MAX {
            self.bad_rows.push(bad_row);
        }
    }
}

fn offline_code(offline: Option<bool>) -> u8 {
    match offline {
        Some(true) => OFFLINE,
        Some(false) => ONLINE,
        None => OFFLINE_UNKNOWN,
    }
}

#[inline]
fn listened_at(
    columns: &Columns,
    row: &Row<'_>,
    offline: Option<bool>,
) -> Result<(i64, u8), Unreadable> {
    if let (Some(true), Some(column)) = (offline, columns.offline_timestamp)
        && let Some(ms) = stamp_or_epoch(row.cell(column))?
    {
        return Ok((ms, 1));
    }
    stamp(row.cell(columns.log_time))?.map(|ms| (ms, 0)).ok_or(Unreadable)
}

impl DayPlays {
    #[inline]
    fn push(&mut self, day: Day, play: Play) {
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

    fn finish(mut self) -> BTreeMap<Day, Vec<Vec<Play>>> {
        self.others.extend(self.current);
        self.others
    }
}

#[cfg(test)]
mod tests;
