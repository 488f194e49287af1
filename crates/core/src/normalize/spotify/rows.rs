//! Rows of Spotify's wide table, column by column: the fast path. It stops at nothing; a row with a
//! cell that cannot be read is marked, and the slow path says what it was.
//!
//! A column at a time, the processor runs one short loop whose branches it knows and looks many tracks
//! up at once, where row by row each lookup would wait for the memory.

use streamledger_lines::LineRows;

use crate::ingest::spotify_streams::StreamColumns;
use crate::model::day::Day;
use crate::model::play::{NONE, OFFLINE, OFFLINE_UNKNOWN, ONLINE, Play};
use crate::model::territory::{TerritoryCell, TerritoryTable};
use crate::normalize::spotify::words::{TrackFlaws, UnreadableCell, WordsBuilder};
use crate::normalize::store::StoreSettings;
use crate::normalize::values::cells::{seconds_to_ms, text, trimmed, truth, whole_seconds_to_ms};
use crate::normalize::values::interning::{CellCandidate, hash};
use crate::normalize::values::times::{LastStamp, can_be_heard_at, stamp_or_epoch};

/// What a row says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowFields {
    /// Counted date.
    pub(crate) day: Day,
    /// The play, without its row and listener.
    pub(crate) play: Play,
    /// Whether a cell cannot be read, so that nothing else is to be used.
    pub(crate) is_bad: bool,
    /// How the territory cell is to be counted.
    pub(crate) territory: TerritoryKind,
    /// What is wrong with the track's codes.
    pub(crate) track_flaws: TrackFlaws,
    /// Whether the store's table does not hold the tier code.
    pub(crate) unmapped_tier: bool,
    /// Whether the exact listening time cannot be, so that the store's clock is used.
    pub(crate) log_time_used: bool,
}

/// How a territory cell is to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TerritoryKind {
    /// A code, or nothing.
    Usual,
    /// An alias of a code.
    Aliased,
    /// Neither.
    Wrong,
}

const NOTHING: RowFields = RowFields {
    day: Day(0),
    play: Play {
        listened_at_ms: 0,
        row: 0,
        track: NONE,
        listener: NONE,
        kind: 0,
        played_ms: NONE,
        territory: 0,
        offline: ONLINE,
        exact: 0,
    },
    is_bad: false,
    territory: TerritoryKind::Usual,
    track_flaws: TrackFlaws { bad_isrc: false, bad_upc: false },
    unmapped_tier: false,
    log_time_used: false,
};

/// What the rows at hand say; keeps its memory.
#[derive(Debug, Default)]
pub(crate) struct RowReader {
    rows: Vec<RowFields>,
    track_hashes: Vec<u32>,
    candidates: Vec<Option<CellCandidate>>,
    last_stamp: LastStamp,
}

impl RowReader {
    /// Reads rows; what they say is in their order.
    pub(crate) fn read(
        &mut self,
        rows: &LineRows<'_>,
        columns: &StreamColumns,
        words: &mut WordsBuilder,
        (store, territories): (&StoreSettings, &TerritoryTable),
    ) -> &[RowFields] {
        self.rows.clear();
        self.rows.resize(rows.len(), NOTHING);
        self.read_cells(rows, columns.day, |fields, cell| {
            words.day(cell).map(|day| fields.day = day)
        });
        self.read_cells(rows, columns.stream_cached, |fields, cell| {
            fields.play.offline = offline_code(truth(cell)?);
            Ok(())
        });
        self.read_listening_times(rows, columns);
        self.read_played_times(rows, columns.stream_length);
        self.read_tracks(rows, columns, words);
        self.read_cells(rows, columns.country_code, |fields, cell| {
            (fields.play.territory, fields.territory) = read_territory(cell, territories)?;
            Ok(())
        });
        for (place, fields) in self.rows.iter_mut().enumerate() {
            match words.kind(columns, rows, place, store) {
                Ok((kind, unmapped_tier)) => {
                    fields.play.kind = kind;
                    fields.unmapped_tier = unmapped_tier;
                }
                Err(UnreadableCell) => fields.is_bad = true,
            }
        }
        self.read_cells(rows, columns.customer_id, |_, cell| check_listener(cell));
        &self.rows
    }

    #[inline]
    fn read_cells<'a>(
        &mut self,
        rows: &LineRows<'a>,
        column: usize,
        mut read: impl FnMut(&mut RowFields, &'a [u8]) -> Result<(), UnreadableCell>,
    ) {
        for (place, fields) in self.rows.iter_mut().enumerate() {
            fields.is_bad |= read(fields, rows.cell(place, column)).is_err();
        }
    }

    fn read_played_times(&mut self, rows: &LineRows<'_>, column: usize) {
        for (place, fields) in self.rows.iter_mut().enumerate() {
            let usual = rows.end_of_cell(place, column);
            let usual = usual.and_then(|(bytes, length)| whole_seconds_to_ms(bytes, length));
            fields.play.played_ms = usual.unwrap_or_else(|| {
                let read = seconds_to_ms(rows.cell(place, column));
                fields.is_bad |= read.is_err();
                read.ok().flatten().unwrap_or(NONE)
            });
        }
    }

    fn read_listening_times(&mut self, rows: &LineRows<'_>, columns: &StreamColumns) {
        let Self { rows: all, last_stamp, .. } = self;
        for (place, fields) in all.iter_mut().enumerate() {
            let day = fields.day;
            let Play { listened_at_ms, exact, offline, .. } = &mut fields.play;
            if *offline == OFFLINE
                && let Some(column) = columns.offline_timestamp
            {
                match stamp_or_epoch(rows.cell(place, column)) {
                    Ok(Some(ms)) if can_be_heard_at(ms, day) => {
                        (*listened_at_ms, *exact) = (ms, 1);
                        continue;
                    }
                    Ok(Some(_)) => fields.log_time_used = true,
                    Ok(None) => {}
                    Err(_) => fields.is_bad = true,
                }
            }
            match last_stamp.read(rows.cell(place, columns.log_time)) {
                Ok(Some(ms)) => *listened_at_ms = ms,
                Ok(None) | Err(_) => fields.is_bad = true,
            }
        }
    }

    /// Tracks: all hashes, then all candidates, then whether they are it, then what is new.
    fn read_tracks(
        &mut self,
        rows: &LineRows<'_>,
        columns: &StreamColumns,
        words: &mut WordsBuilder,
    ) {
        let Self { rows: all, track_hashes, candidates, .. } = self;
        track_hashes.clear();
        for place in 0..rows.len() {
            track_hashes.push(words.with_track_key(columns, rows, place, |_, key| hash(key)));
        }
        candidates.clear();
        candidates.extend(track_hashes.iter().map(|hash| words.track_candidate(*hash)));
        words.fetch_tracks(candidates);
        for (place, (fields, candidate)) in all.iter_mut().zip(&*candidates).enumerate() {
            if let Some(candidate) = *candidate
                && words.with_track_key(columns, rows, place, |words, key| {
                    words.is_track(candidate, key)
                })
            {
                fields.play.track = candidate.id();
            }
        }
        for (place, fields) in all.iter_mut().enumerate() {
            if fields.play.track == NONE {
                let Ok(track) = words.new_track(columns, rows, place) else {
                    fields.is_bad = true;
                    continue;
                };
                fields.play.track = track;
            }
            fields.track_flaws = words.track_flaws(fields.play.track);
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
fn read_territory(
    cell: &[u8],
    territories: &TerritoryTable,
) -> Result<(u16, TerritoryKind), UnreadableCell> {
    Ok(match territories.look_up(trimmed(cell)) {
        TerritoryCell::Known(territory) => (territory.packed(), TerritoryKind::Usual),
        TerritoryCell::Empty => (0, TerritoryKind::Usual),
        TerritoryCell::Aliased(territory) => (territory.packed(), TerritoryKind::Aliased),
        TerritoryCell::Wrong => {
            text(cell)?;
            (0, TerritoryKind::Wrong)
        }
    })
}

/// Whether the listener's id can be read.
#[inline]
fn check_listener(cell: &[u8]) -> Result<(), UnreadableCell> {
    // Printable ASCII needs no closer look. No early end, so that many bytes are looked at at once.
    let is_plain = cell.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
    if !is_plain {
        text(cell)?;
    }
    Ok(())
}
