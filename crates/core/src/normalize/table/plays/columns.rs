//! Rows of plays, column by column. It stops at nothing: a row with a cell that cannot be read is marked,
//! and [`PlayFields::check`] says what it was.
//!
//! A column at a time, the processor runs one short loop whose branches it knows and looks many tracks
//! up at once, where row by row each lookup would wait for the memory.

use crate::ingest::table::format::FormatField;
use crate::ingest::table::rows::{RecordRows, TableRecord};
use crate::model::day::Day;
use crate::model::play::{NONE, OFFLINE, ONLINE, Play};
use crate::normalize::table::cell_groups::RowKeys;
use crate::normalize::table::fields::{RowRejection, TableFields};
use crate::normalize::table::plays::fields::{ListenedAt, PlayFields};
use crate::normalize::table::plays::words::{PlayWords, ReadTerritory, ReadTrack};
use crate::normalize::values::cells::{plain_seconds_to_ms, whole_seconds_to_ms};
use crate::normalize::values::interning::{CellMemory, Interner};
use crate::normalize::values::times::can_be_heard_at;

/// Fields that name a track.
const TRACK: [FormatField; 4] =
    [FormatField::StoreTrack, FormatField::Isrc, FormatField::Upc, FormatField::TrackTime];
/// Fields that many plays have in common.
const ATTRIBUTES: [FormatField; 6] = [
    FormatField::TierProduct,
    FormatField::TierAccess,
    FormatField::UseType,
    FormatField::Source,
    FormatField::Device,
    FormatField::Plays,
];

/// Columns of attributes that are remembered together.
const REMEMBERED: usize = 4;

/// What a row says.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowFields {
    /// Counted date.
    pub(super) day: Day,
    /// The play, without its row and listener.
    pub(super) play: Play,
    /// Whether a cell cannot be read, so that nothing else is to be used.
    pub(super) is_bad: bool,
    /// What is known of the track.
    pub(super) track: ReadTrack,
    /// The territory, and how it is to be counted.
    pub(super) territory: ReadTerritory,
    /// Whether the listening time cannot be, so that it is not used.
    pub(super) log_time_used: bool,
}

const NO_TERRITORY: ReadTerritory = ReadTerritory { packed: 0, is_bad: false, is_alias: false };

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
    track: ReadTrack { track_ms: NONE, is_bad_isrc: false, is_bad_upc: false },
    territory: NO_TERRITORY,
    log_time_used: false,
};

/// The columns of a report of plays, with what their cells meant in the rows before.
#[derive(Debug)]
pub(super) struct PlayColumns {
    days: RepeatedField<Day>,
    listened_at: RepeatedField<Option<ListenedAt>>,
    /// Whether offline plays may say it better.
    has_offline_times: bool,
    offline: RepeatedField<u8>,
    territories: RepeatedField<ReadTerritory>,
    played_shares: RepeatedField<Option<u64>>,
    /// `None` where the report does not say how long it was played.
    played_time: Option<FieldColumn>,
    has_plain_seconds: bool,
    tracks: RowKeys,
    attributes: KnownAttributes,
    listener: FieldColumn,
}

/// What the cells of attributes mean together.
#[derive(Debug)]
struct KnownAttributes {
    /// Columns that are looked at in the memory first; `None` for one that the report has not.
    remembered: Option<[Option<usize>; REMEMBERED]>,
    memory: CellMemory<REMEMBERED, u32>,
    columns: Vec<usize>,
    keys: RowKeys,
    ids: Interner,
    /// By id of the cells: the id of what they mean.
    meanings: Vec<u32>,
}

/// Where a field stands in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldColumn {
    /// Nowhere: what holds for all rows, holds.
    Nowhere,
    /// In one column.
    One(usize),
    /// In one of several.
    Several,
}

impl FieldColumn {
    fn of(table: &TableFields<'_>, field: FormatField) -> Self {
        match table.field_columns(field) {
            [] => Self::Nowhere,
            [column] => Self::One(*column),
            _ => Self::Several,
        }
    }
}

/// A field whose cells are mostly those of rows before: each is looked up before it is read.
#[derive(Debug)]
struct RepeatedField<T> {
    column: FieldColumn,
    memory: CellMemory<1, T>,
}

impl<T: Copy> RepeatedField<T> {
    fn new(table: &TableFields<'_>, field: FormatField, any: T) -> Self {
        Self { column: FieldColumn::of(table, field), memory: CellMemory::new(any) }
    }

    /// What the cell of a row says; `None` if it cannot be read.
    #[inline]
    fn read(
        &mut self,
        rows: &RecordRows<'_>,
        place: usize,
        read: impl FnOnce(&TableRecord<'_>) -> Result<T, RowRejection>,
    ) -> Option<T> {
        let cell = match self.column {
            FieldColumn::Nowhere => b"",
            FieldColumn::One(column) => rows.cell(place, column),
            FieldColumn::Several => return read(&rows.record(place)).ok(),
        };
        let known = self.memory.recall(&[cell]);
        if known.is_some() {
            return known;
        }
        let meaning = read(&rows.record(place)).ok()?;
        self.memory.remember(&[cell], meaning);
        Some(meaning)
    }
}

impl PlayColumns {
    /// The columns of a report.
    pub(super) fn new(fields: &PlayFields<'_>) -> Self {
        let table = &fields.table;
        let columns_of = |fields: &[FormatField]| -> Vec<usize> {
            fields.iter().flat_map(|field| table.field_columns(*field).to_vec()).collect()
        };
        let mut tracks = columns_of(&TRACK);
        tracks.sort_unstable();
        Self {
            days: RepeatedField::new(table, FormatField::Date, Day(0)),
            listened_at: RepeatedField::new(table, FormatField::ListenedAt, None),
            has_offline_times: table.has(FormatField::OfflineListenedAt),
            offline: RepeatedField::new(table, FormatField::Offline, ONLINE),
            territories: RepeatedField::new(table, FormatField::Territory, NO_TERRITORY),
            played_shares: RepeatedField::new(table, FormatField::PlayedPercent, None),
            played_time: table
                .has(FormatField::PlayedTime)
                .then(|| FieldColumn::of(table, FormatField::PlayedTime)),
            has_plain_seconds: fields.has_plain_seconds(),
            tracks: RowKeys::new(tracks),
            attributes: KnownAttributes::new(columns_of(&ATTRIBUTES)),
            listener: FieldColumn::of(table, FormatField::Listener),
        }
    }

    /// Forgets what is known by ids of words that are gone.
    pub(super) fn forget_words(&mut self) {
        self.attributes = KnownAttributes::new(std::mem::take(&mut self.attributes.columns));
    }

    /// Reads rows into `all`, in their order.
    pub(super) fn read(
        &mut self,
        rows: &RecordRows<'_>,
        fields: &PlayFields<'_>,
        words: &mut PlayWords,
        all: &mut Vec<RowFields>,
    ) {
        all.clear();
        all.resize(rows.len(), NOTHING);
        for (place, row) in all.iter_mut().enumerate() {
            match self.days.read(rows, place, |record| fields.day(record)) {
                Some(day) => row.day = day,
                None => row.is_bad = true,
            }
        }
        for (place, row) in all.iter_mut().enumerate() {
            match self.offline.read(rows, place, |record| fields.offline(record)) {
                Some(offline) => row.play.offline = offline,
                None => row.is_bad = true,
            }
        }
        for (place, row) in all.iter_mut().enumerate() {
            match self.territories.read(rows, place, |record| fields.territory(record)) {
                Some(read) => (row.play.territory, row.territory) = (read.packed, read),
                None => row.is_bad = true,
            }
        }
        self.read_listening_times(rows, fields, all);
        self.read_tracks((rows, fields), words, all);
        self.read_played_times(rows, fields, all);
        self.attributes.read((rows, fields), words, all);
        for (place, row) in all.iter_mut().enumerate() {
            let is_plain = self.plain_listener(rows, place).is_some();
            row.is_bad |= !is_plain && fields.listener(&rows.record(place)).is_err();
        }
    }

    /// The listening time, or midnight of the counted date.
    fn read_listening_times(
        &mut self,
        rows: &RecordRows<'_>,
        fields: &PlayFields<'_>,
        all: &mut [RowFields],
    ) {
        for (place, row) in all.iter_mut().enumerate() {
            if self.has_offline_times && row.play.offline == OFFLINE {
                let field = FormatField::OfflineListenedAt;
                match fields.listened_at(field, &rows.record(place)) {
                    Ok(Some((ms, exact))) if can_be_heard_at(ms, row.day) => {
                        (row.play.listened_at_ms, row.play.exact) = (ms, exact.into());
                        continue;
                    }
                    Ok(heard) => row.log_time_used = heard.is_some(),
                    Err(_) => row.is_bad = true,
                }
            }
            let read =
                |record: &TableRecord<'_>| fields.listened_at(FormatField::ListenedAt, record);
            let Some(heard) = self.listened_at.read(rows, place, read) else {
                row.is_bad = true;
                continue;
            };
            let usable = heard.filter(|(ms, _)| can_be_heard_at(*ms, row.day));
            let midnight = (row.day.start_ms(), false);
            row.log_time_used |=
                usable.is_none() && (heard.is_some() || !can_be_heard_at(midnight.0, row.day));
            let (ms, exact) = usable.unwrap_or(midnight);
            (row.play.listened_at_ms, row.play.exact) = (ms, exact.into());
        }
    }

    /// Tracks: all keys, then all candidates, then whether they are it, then what is new.
    fn read_tracks(
        &mut self,
        (rows, fields): (&RecordRows<'_>, &PlayFields<'_>),
        words: &mut PlayWords,
        all: &mut [RowFields],
    ) {
        self.tracks.look_up(&words.tracks, rows);
        for (place, row) in all.iter_mut().enumerate() {
            row.play.track = match self.tracks.find(&words.tracks, rows, place) {
                Ok(id) => id,
                Err(hash) => {
                    let Ok((track, counts)) = fields.track(&rows.record(place)) else {
                        row.is_bad = true;
                        continue;
                    };
                    words.add_track((hash, self.tracks.key(rows, place)), track, &counts)
                }
            };
        }
        // By themselves, so that the processor waits for many at once.
        for row in all.iter_mut().filter(|row| row.play.track != NONE) {
            row.track = words.read_track(row.play.track);
        }
    }

    /// Played times, or as much of the tracks' as was played.
    fn read_played_times(
        &mut self,
        rows: &RecordRows<'_>,
        fields: &PlayFields<'_>,
        all: &mut [RowFields],
    ) {
        let plain = match self.played_time {
            Some(FieldColumn::One(column)) if self.has_plain_seconds => Some(column),
            _ => None,
        };
        for (place, row) in all.iter_mut().enumerate() {
            let usual = plain.and_then(|column| rows.end_of_cell(place, column));
            if let Some(ms) = usual.and_then(|(bytes, length)| whole_seconds_to_ms(bytes, length)) {
                row.play.played_ms = ms;
                continue;
            }
            let decimal = plain.and_then(|column| plain_seconds_to_ms(rows.cell(place, column)));
            if let Some(ms) = decimal {
                row.play.played_ms = ms;
                continue;
            }
            if self.played_time.is_some() {
                match fields.milliseconds(FormatField::PlayedTime, &rows.record(place)) {
                    Ok(None) => {}
                    Ok(Some(ms)) => {
                        row.play.played_ms = ms;
                        continue;
                    }
                    Err(_) => {
                        row.is_bad = true;
                        continue;
                    }
                }
            }
            let share = self.played_shares.read(rows, place, |record| fields.played_share(record));
            match share {
                Some(share) if !row.is_bad => {
                    row.play.played_ms = played_of(row.track.track_ms, share);
                }
                Some(_) => {}
                None => row.is_bad = true,
            }
        }
    }

    /// The store's id of the listener, where the cell is nothing but that, as nearly all are; empty where it
    /// gives none.
    #[inline]
    pub(super) fn plain_listener<'r>(
        &self,
        rows: &RecordRows<'r>,
        place: usize,
    ) -> Option<&'r [u8]> {
        let FieldColumn::One(column) = self.listener else {
            return None;
        };
        let cell = rows.cell(place, column);
        let (Some(first), Some(last)) = (cell.first(), cell.last()) else {
            return Some(cell);
        };
        // No early end, so that many bytes are looked at at once.
        let is_printable = cell.iter().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'));
        let is_bare = first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric();
        // Short words with an N may say that there is nothing.
        let is_word = SHORT_WORD < cell.len() || !first.eq_ignore_ascii_case(&b'n');
        (is_printable && is_bare && is_word).then_some(cell)
    }
}

impl KnownAttributes {
    fn new(columns: Vec<usize>) -> Self {
        let remembered = || std::array::from_fn(|n| columns.get(n).copied());
        Self {
            remembered: (columns.len() <= REMEMBERED).then(remembered),
            memory: CellMemory::new(0),
            keys: RowKeys::new(columns.clone()),
            columns,
            ids: Interner::default(),
            meanings: Vec::new(),
        }
    }

    fn read(
        &mut self,
        (rows, fields): (&RecordRows<'_>, &PlayFields<'_>),
        words: &mut PlayWords,
        all: &mut [RowFields],
    ) {
        let columns = self.remembered.unwrap_or_default();
        for (place, row) in all.iter_mut().enumerate() {
            let cells = columns.map(|column| column.map_or(&b""[..], |c| rows.cell(place, c)));
            let known = self.remembered.and_then(|_| self.memory.recall(&cells));
            let id = known.or_else(|| {
                let id = self.look_up((rows, fields), place, words)?;
                if self.remembered.is_some() {
                    self.memory.remember(&cells, id);
                }
                Some(id)
            });
            row.play.kind = id.unwrap_or_default();
            row.is_bad |= id.is_none();
        }
    }

    /// What the cells of a row mean; `None` if they cannot be read.
    fn look_up(
        &mut self,
        (rows, fields): (&RecordRows<'_>, &PlayFields<'_>),
        place: usize,
        words: &mut PlayWords,
    ) -> Option<u32> {
        let record = rows.record(place);
        self.keys.take_record(&record);
        match self.keys.find_taken(&self.ids) {
            Ok(id) => Some(self.meanings[id as usize]),
            Err(hash) => {
                let texts = fields.attributes(&record).ok()?;
                let meaning = words.attributes_id(&texts);
                self.ids.insert(hash, self.keys.taken());
                self.meanings.push(meaning);
                Some(meaning)
            }
        }
    }
}

/// Longest word that says that there is nothing, in bytes.
const SHORT_WORD: usize = 4;

/// As much of a track's time as was played, in milliseconds; [`NONE`] if not known.
fn played_of(track_ms: u32, share: Option<u64>) -> u32 {
    match share {
        Some(thousandths) if track_ms != NONE => {
            u32::try_from(u64::from(track_ms) * thousandths / 100_000).unwrap_or(NONE)
        }
        _ => NONE,
    }
}
