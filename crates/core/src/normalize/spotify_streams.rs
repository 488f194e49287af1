//! Rows of Spotify's wide table to plays.
//!
//! The listening time is `offline_timestamp` where the play was offline and it is filled (exact),
//! else `log_time` (read off a clock that the store rounds). A cell is read only where it is used.
//!
//! Two paths give one result: the fast one reads cells into a [`Play`] and stops at the first thing
//! wrong; the slow one then looks at the same cells in the report's column order to say what it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ingest::lines::{Line, LineCutter, Row};
use crate::ingest::spotify_streams::{Columns, STORE};
use crate::normalize::cells::{seconds_to_ms, text, trimmed, truth};
use crate::normalize::defect::{BadRow, Defect, raw_text, shown};
use crate::normalize::interning::{Interner, ShortMemory};
use crate::normalize::store::StoreSettings;
use crate::normalize::times::{date, stamp, stamp_or_epoch};
use crate::vocabulary::day::Day;
use crate::vocabulary::isrc::Isrc;
use crate::vocabulary::listener::{Listener, ListenerKey};
use crate::vocabulary::play::{
    NONE, NONE_SMALL, OFFLINE, OFFLINE_UNKNOWN, ONLINE, Piece, Play, Product, Track, Words,
};
use crate::vocabulary::territory::{Territories, TerritoryCell};
use crate::vocabulary::tier::Tier;
use crate::vocabulary::upc::Upc;

/// Rows are kept in chunks of this many plays: growing never copies what is there.
const CHUNK_ROWS: usize = 1 << 15;

/// Most bad rows that are kept in full; of a report with more only the number is known, since it is
/// refused or a limit of the settings is very loose.
const BAD_ROWS_KEPT_MAX: usize = 1 << 20;

/// From this many different words of a small column on, a report is read on with new ids.
const SMALL_WORDS_SEAL: usize = 1 << 15;

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

    /// Whether the ids of small words are nearly used up, so that what was read must be taken out
    /// before the next block (of at most 1 MiB: a row has at least 35 bytes).
    #[must_use]
    pub fn must_seal(&self) -> bool {
        let words = &self.words;
        [words.products.len(), words.sources.words.len(), words.devices.words.len()]
            .into_iter()
            .any(|n_words| SMALL_WORDS_SEAL <= n_words)
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
        let listener = self.words.listener(row.cell(columns.customer_id), &self.context)?;
        let (product, tier) = self.words.product(columns, row, self.context.store)?;
        let source = self.words.sources.small_id(columns.stream_source.map(|c| row.cell(c)))?;
        let device = self.words.devices.small_id(columns.stream_device.map(|c| row.cell(c)))?;
        let territory = self.territory(row.cell(columns.country_code))?;
        self.counts.bad_isrc += u64::from(track_flaws.bad_isrc);
        self.counts.bad_upc += u64::from(track_flaws.bad_upc);
        self.counts.unmapped_tier += u64::from(tier == Tier::Unmapped);
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
            listener,
            played_ms: played_ms.unwrap_or(NONE),
            track_ms: NONE,
            plays: 1,
            mark: 0,
            territory,
            product,
            source,
            device,
            report: 0,
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
        let defect = if at_end && n_cells < n_columns { Defect::CutLine } else { Defect::ColumnCount };
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

/// The fast path found something that it cannot read; the slow path says what.
#[derive(Debug)]
struct Unreadable;

impl From<Defect> for Unreadable {
    fn from(_: Defect) -> Self {
        Self
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

/// The slow path: the first bad cell in the report's column order.
fn explain_row(columns: &Columns, row: &Row<'_>) -> (usize, Defect, String) {
    let offline = truth(row.cell(columns.stream_cached)).ok().flatten() == Some(true);
    let stamp_cell = columns.offline_timestamp.filter(|_| offline).map(|c| row.cell(c));
    let stamp_used = stamp_cell.is_some_and(|cell| !matches!(stamp_or_epoch(cell), Ok(None)));
    (0..columns.n_columns)
        .find_map(|column| {
            let defect = cell_defect(columns, row, column, offline, stamp_used)?;
            Some((column, defect, describe(defect, column, columns, row.cell(column))))
        })
        .unwrap_or_else(|| {
            let column = columns.track_id.min(columns.isrc);
            (column, Defect::NoTrack, "expected an ISRC or a track id, found neither".to_owned())
        })
}

fn cell_defect(
    columns: &Columns,
    row: &Row<'_>,
    column: usize,
    offline: bool,
    stamp_used: bool,
) -> Option<Defect> {
    let cell = row.cell(column);
    let is = |place: Option<usize>| place == Some(column);
    let is_used = (column != columns.log_time || !stamp_used)
        && (!is(columns.offline_timestamp) || offline);
    if is_used && columns.is_mapped(column)
        && let Err(defect) = text(cell)
    {
        return Some(defect);
    }
    if column == columns.day {
        date(cell).map_or_else(Some, |day| day.is_none().then_some(Defect::Missing))
    } else if column == columns.log_time && !stamp_used {
        stamp(cell).map_or_else(Some, |ms| ms.is_none().then_some(Defect::Missing))
    } else if is(columns.offline_timestamp) && offline {
        stamp_or_epoch(cell).err()
    } else if column == columns.stream_length {
        seconds_to_ms(cell).err()
    } else if column == columns.stream_cached {
        truth(cell).err()
    } else {
        None
    }
}

fn describe(defect: Defect, column: usize, columns: &Columns, cell: &[u8]) -> String {
    let found = if column == columns.customer_id { "it (not shown)".to_owned() } else { shown(cell) };
    let expected = match defect {
        Defect::Missing => return "expected a value, found an empty cell".to_owned(),
        Defect::BadDate => "YYYY-MM-DD or YYYYMMDD",
        Defect::BadTime if Some(column) == columns.offline_timestamp => {
            "an ISO 8601 time stamp, or seconds or milliseconds since 1970"
        }
        Defect::BadTime => "an ISO 8601 time stamp",
        Defect::BadNumber => "seconds as a plain decimal number",
        Defect::OutOfRange => "0 to 86,400 seconds",
        Defect::BadBool => "true/false, t/f, yes/no or 1/0",
        Defect::NulByte => "text without NUL bytes",
        _ => "valid UTF-8",
    };
    format!("expected {expected}, found {found}")
}

impl DayPlays {
    #[inline]
    fn push(&mut self, day: Day, play: Play) {
        self.n_rows += 1;
        if let Some((current, chunks)) = &mut self.current
            && *current == day
            && let Some(chunk) = chunks.last_mut()
            && chunk.len() < CHUNK_ROWS
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
        let Some((_, chunks)) = &mut self.current else { return };
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_ROWS => chunk.push(play),
            _ => chunks.push(vec![play]),
        }
    }

    fn finish(mut self) -> BTreeMap<Day, Vec<Vec<Play>>> {
        self.others.extend(self.current);
        self.others
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct TrackFlaws {
    bad_isrc: bool,
    bad_upc: bool,
}

/// The words of a report as they are met.
#[derive(Debug)]
struct WordsBuilder {
    last_day: Option<([u8; 10], Day)>,
    track_keys: TrackKeys,
    tracks: Interner,
    track_words: Vec<(Track, TrackFlaws)>,
    listeners: Interner,
    listener_words: Vec<Listener>,
    products: Interner,
    product_memory: ShortMemory,
    product_words: Vec<Product>,
    sources: SmallWords,
    devices: SmallWords,
    key: Vec<u8>,
}

/// How to get the bytes that name a track: in the usual column order they lie side by side.
#[derive(Debug, Clone, Copy)]
enum TrackKeys {
    Adjacent { first: usize, last: usize },
    Apart,
}

impl WordsBuilder {
    fn new(columns: &Columns) -> Self {
        let mut places = vec![columns.track_id, columns.isrc];
        places.extend(columns.upc);
        places.sort_unstable();
        let (first, last) = (places[0], places[places.len() - 1]);
        let track_keys = if last - first + 1 == places.len() {
            TrackKeys::Adjacent { first, last }
        } else {
            TrackKeys::Apart
        };
        Self {
            last_day: None,
            track_keys,
            tracks: Interner::default(),
            track_words: Vec::new(),
            listeners: Interner::default(),
            listener_words: Vec::new(),
            products: Interner::default(),
            product_memory: ShortMemory::default(),
            product_words: Vec::new(),
            sources: SmallWords::default(),
            devices: SmallWords::default(),
            key: Vec::new(),
        }
    }

    fn size_bytes(&self) -> usize {
        self.tracks.size_bytes()
            + self.listeners.size_bytes()
            + self.track_words.capacity() * (size_of::<(Track, TrackFlaws)>() + 24)
            + self.listener_words.capacity() * size_of::<Listener>()
    }

    /// The counted date; the same ten bytes as in the last row are not read again.
    #[inline]
    fn day(&mut self, cell: &[u8]) -> Result<Day, Unreadable> {
        if let Some((bytes, day)) = self.last_day
            && cell == bytes
        {
            return Ok(day);
        }
        let day = date(cell)?.ok_or(Unreadable)?;
        self.last_day = <[u8; 10]>::try_from(cell).ok().map(|bytes| (bytes, day));
        Ok(day)
    }

    #[inline]
    fn track(
        &mut self,
        columns: &Columns,
        row: &Row<'_>,
    ) -> Result<(u32, TrackFlaws), Unreadable> {
        let mut key = std::mem::take(&mut self.key);
        let bytes = match self.track_keys {
            TrackKeys::Adjacent { first, last } => row.span(first, last),
            TrackKeys::Apart => {
                key.clear();
                for column in [Some(columns.track_id), Some(columns.isrc), columns.upc] {
                    key.extend_from_slice(column.map_or(b"", |column| row.cell(column)));
                    key.push(b'\t');
                }
                &key
            }
        };
        let id = match self.tracks.find(bytes) {
            Ok(id) => Ok(id),
            Err(hash) => read_track(columns, row).map(|track| {
                self.track_words.push(track);
                self.tracks.insert(hash, bytes)
            }),
        };
        self.key = key;
        let id = id?;
        Ok((id, self.track_words[id as usize].1))
    }

    #[inline]
    fn listener(&mut self, cell: &[u8], context: &Context<'_>) -> Result<u32, Unreadable> {
        let bytes = trimmed(cell);
        if bytes.is_empty() {
            return Ok(NONE);
        }
        match self.listeners.find(bytes) {
            Ok(id) => Ok(id),
            Err(hash) => {
                text(cell)?;
                self.listener_words.push(context.key.hash(STORE, bytes));
                Ok(self.listeners.insert(hash, bytes))
            }
        }
    }

    #[inline]
    fn product(
        &mut self,
        columns: &Columns,
        row: &Row<'_>,
        store: &StoreSettings,
    ) -> Result<(u16, Tier), Unreadable> {
        let product = columns.financial_product.map_or(&b""[..], |column| row.cell(column));
        let access = columns.access.map_or(&b""[..], |column| row.cell(column));
        let place = match self.product_memory.recall(product, access) {
            Ok(id) => return Ok((id, self.product_words[usize::from(id)].tier)),
            Err(place) => place,
        };
        self.key.clear();
        self.key.extend_from_slice(product);
        self.key.push(b'\t');
        self.key.extend_from_slice(access);
        let id = match self.products.find(&self.key) {
            Ok(id) => id,
            Err(hash) => {
                self.product_words.push(read_product(product, access, store)?);
                self.products.insert(hash, &self.key)
            }
        };
        // A store has some dozens of products; two columns of free text would be another format.
        let small = u16::try_from(id).map_err(|_| Unreadable)?;
        self.product_memory.remember(place, small);
        Ok((small, self.product_words[id as usize].tier))
    }

    fn finish(self) -> Words {
        Words {
            tracks: self.track_words.into_iter().map(|(track, _)| track).collect(),
            listeners: self.listener_words,
            products: self.product_words,
            sources: self.sources.words,
            devices: self.devices.words,
        }
    }
}

fn read_track(columns: &Columns, row: &Row<'_>) -> Result<(Track, TrackFlaws), Unreadable> {
    let store_track = text(row.cell(columns.track_id))?;
    let isrc_text = text(row.cell(columns.isrc))?;
    let upc_text = columns.upc.map_or(Ok(None), |column| text(row.cell(column)))?;
    let isrc = isrc_text.and_then(|code| Isrc::parse(code.as_bytes()));
    let upc = upc_text.and_then(|code| Upc::parse(code.as_bytes()));
    if isrc.is_none() && store_track.is_none() {
        return Err(Unreadable);
    }
    let flaws = TrackFlaws {
        bad_isrc: isrc.is_none() && isrc_text.is_some(),
        bad_upc: upc.is_none() && upc_text.is_some(),
    };
    Ok((Track { isrc, upc, store_track: store_track.map(Into::into) }, flaws))
}

fn read_product(product: &[u8], access: &[u8], store: &StoreSettings) -> Result<Product, Unreadable> {
    let (product, access) = (text(product)?, text(access)?);
    let tier_code = match (product, access) {
        (Some(product), Some(access)) => Some(format!("{product}|{access}").into_boxed_str()),
        (code, None) | (None, code) => code.map(Into::into),
    };
    Ok(Product { tier: store.tier.look_up(product, access), tier_code, use_type: "stream".into() })
}

/// Words of a column with few different ones.
#[derive(Debug, Default)]
struct SmallWords {
    memory: ShortMemory,
    interner: Interner,
    words: Vec<Box<str>>,
}

impl SmallWords {
    #[inline]
    fn small_id(&mut self, cell: Option<&[u8]>) -> Result<u16, Unreadable> {
        let Some(bytes) = cell.map(trimmed).filter(|bytes| !bytes.is_empty()) else {
            return Ok(NONE_SMALL);
        };
        let place = match self.memory.recall(bytes, b"") {
            Ok(id) => return Ok(id),
            Err(place) => place,
        };
        let id = match self.interner.find(bytes) {
            Ok(id) => id,
            Err(hash) => {
                let word = text(bytes)?.ok_or(Unreadable)?;
                self.words.push(word.into());
                self.interner.insert(hash, bytes)
            }
        };
        let small = u16::try_from(id).ok().filter(|id| *id != NONE_SMALL).ok_or(Unreadable)?;
        self.memory.remember(place, small);
        Ok(small)
    }
}

#[cfg(test)]
mod tests;
