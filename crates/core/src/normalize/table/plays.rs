//! Rows of a plain table of the feed `trends` to plays.
//!
//! What many rows have in common (track, kind, territory) is read once for each different text: its
//! cells together are looked up first, and read only where they are new.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ingest::table::format::{FormatField, TableFormat, TimeUnit};
use crate::ingest::table::head::BoundFormat;
use crate::ingest::table::records::TableRecord;
use crate::model::about::ReportFacets;
use crate::model::day::{Day, MS_PER_DAY};
use crate::model::listener::{Listener, ListenerKey};
use crate::model::play::{
    NONE, OFFLINE, OFFLINE_UNKNOWN, ONLINE, Play, PlayAttributes, PlayDictionaries, ReportPlays,
    Track, UserProduct,
};
use crate::model::territory::TerritoryTable;
use crate::model::tier::Tier;
use crate::normalize::counts::RowCounts;
use crate::normalize::day_plays::DayPlays;
use crate::normalize::played_in::PlayedIn;
use crate::normalize::rejected_row::RejectCode;
use crate::normalize::sales_lot::MonthNotes;
use crate::normalize::store::StoreSettings;
use crate::normalize::sums::PlaySums;
use crate::normalize::table::cell_groups::LookAhead;
use crate::normalize::table::fields::{RowRejection, TableFields};
use crate::normalize::table::play_words::{ReadTerritory, ReadTrack, TableWords, gather};
use crate::normalize::unmapped::{UnmappedField, UnmappedValues};
use crate::normalize::values::cells::{PLAYED_MS_MAX, decimal_to_thousandths};
use crate::normalize::values::times::{can_be_heard_at, stamp_or_epoch};
use crate::numbers::exact;

/// What reading plays needs to know beside the rows.
#[derive(Debug, Clone, Copy)]
pub struct PlaysContext<'a> {
    /// The store's settings.
    pub store: &'a StoreSettings,
    /// Territory codes and aliases.
    pub territories: &'a TerritoryTable,
    /// The key of the listeners' hashes.
    pub key: &'a ListenerKey,
    /// Counted dates to keep plays of; `None` for all.
    pub wanted: Option<&'a BTreeSet<Day>>,
}

/// Fields that name a track.
const TRACK: [FormatField; 4] =
    [FormatField::Isrc, FormatField::Upc, FormatField::StoreTrack, FormatField::TrackTime];
/// Fields that make a kind.
const KIND: [FormatField; 6] = [
    FormatField::TierProduct,
    FormatField::TierAccess,
    FormatField::UseType,
    FormatField::Source,
    FormatField::Device,
    FormatField::Plays,
];

/// Reads the rows of one report.
#[derive(Debug)]
pub struct PlaysReader<'a> {
    fields: TableFields<'a>,
    context: PlaysContext<'a>,
    /// Columns whose cells together name a track, a kind, a territory, a date.
    columns: [Vec<usize>; 4],
    plays: DayPlays,
    words: TableWords,
    last_day: (Vec<u8>, Option<Day>),
    last_stamp: (Vec<u8>, ListenedAt),
    /// The column that says how much of the track was played, if it is one.
    percent_column: Option<usize>,
    /// The last cell that said how much of the track was played, and the thousandths of a percent.
    last_percent: (Vec<u8>, u64),
    key: Vec<u8>,
    /// Tracks of the rows that are read next.
    ahead: LookAhead,
    day_rows: BTreeMap<Day, u64>,
    unmapped: UnmappedValues,
    about: ReportFacets,
    played_in: PlayedIn,
    sums: PlaySums,
}

/// When a play was heard, and whether that is exact.
type ListenedAt = Option<(i64, bool)>;

impl<'a> PlaysReader<'a> {
    /// A reader for a report with this head.
    #[must_use]
    pub fn new(format: &'a TableFormat, bound: BoundFormat, context: PlaysContext<'a>) -> Self {
        let columns =
            [&TRACK[..], &KIND, &[FormatField::Territory], &[FormatField::Date]].map(|fields| {
                let of_field = |field| bound.columns.get(field).into_iter().flatten().copied();
                fields.iter().flat_map(of_field).collect()
            });
        let percent = bound.columns.get(&FormatField::PlayedPercent);
        let percent_column = percent.filter(|columns| columns.len() == 1).map(|columns| columns[0]);
        Self {
            fields: TableFields::new(format, bound),
            context,
            percent_column,
            columns,
            plays: DayPlays::default(),
            words: TableWords::default(),
            last_day: (Vec::new(), None),
            last_stamp: (Vec::new(), None),
            last_percent: (Vec::new(), 0),
            key: Vec::new(),
            ahead: LookAhead::default(),
            day_rows: BTreeMap::new(),
            unmapped: UnmappedValues::default(),
            about: ReportFacets::default(),
            played_in: PlayedIn::default(),
            sums: PlaySums::default(),
        }
    }

    /// What the report says of itself.
    #[must_use]
    pub fn about(&self) -> ReportFacets {
        let mut about = self.about;
        about.stated = self.fields.stated_days();
        self.day_rows.keys().for_each(|day| about.note_days(*day, *day));
        about
    }

    /// Where the report has its fields.
    #[must_use]
    pub fn fields(&self) -> &TableFields<'a> {
        &self.fields
    }

    /// The key of the listeners' hashes.
    #[must_use]
    pub fn key(&self) -> &'a ListenerKey {
        self.context.key
    }

    /// Memory of what was read, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.plays.n_rows() * size_of::<Play>()
            + self.words.listeners.len() * size_of::<Listener>()
            + self.words.tracks.size_bytes()
            + self.words.track_words.len() * (size_of::<Track>() + size_of::<ReadTrack>())
            + self.words.kinds.size_bytes()
    }

    /// Rows ingested by counted date, wanted or not.
    #[must_use]
    pub fn day_rows(&self) -> &BTreeMap<Day, u64> {
        &self.day_rows
    }

    /// Tier codes that the store's table does not hold.
    #[must_use]
    pub fn unmapped(&self) -> &UnmappedValues {
        &self.unmapped
    }

    /// Sums of its plays, wanted or not.
    #[must_use]
    pub fn play_sums(&self) -> PlaySums {
        self.sums
    }

    /// Where its plays were.
    #[must_use]
    pub fn notes(&self) -> MonthNotes {
        self.played_in.clone().finish(&self.context.store.store)
    }

    /// Takes what was read so far out of the reader, by counted date.
    pub fn take_pieces(&mut self, report: [u8; 32]) -> BTreeMap<Day, ReportPlays> {
        let words = std::mem::take(&mut self.words);
        self.ahead.clear();
        let words = Arc::new(PlayDictionaries {
            tracks: words.track_words,
            listeners: words.listeners,
            kinds: words.kind_words,
            products: words.product_words,
            sources: words.sources,
            devices: words.devices,
        });
        std::mem::take(&mut self.plays)
            .finish()
            .into_iter()
            .map(|(day, rows)| (day, ReportPlays { report, rows, words: Arc::clone(&words) }))
            .collect()
    }

    /// Looks at rows that are read next.
    pub fn look_ahead(&mut self, records: &[TableRecord<'_>]) {
        let columns = &self.columns[0];
        let write = |record: &TableRecord<'_>, key: &mut Vec<u8>| gather(record, columns, key);
        self.ahead.look(&self.words.tracks, records, write);
    }

    /// Takes a row in.
    ///
    /// # Errors
    /// Why it goes to quarantine; nothing of it is counted then.
    pub fn read(
        &mut self,
        record: &TableRecord<'_>,
        counts: &mut RowCounts,
    ) -> Result<(), RowRejection> {
        let day = self.day(record)?;
        let heard = self.heard(record, day)?;
        let can_be = can_be_heard_at(heard.0, day);
        let (listened_at_ms, exact) = if can_be { heard } else { midnight(day) };
        let track = self.track(record)?;
        let kind = self.kind(record)?;
        let territory = self.territory(record)?;
        let played_ms = self.played_ms(record, track)?;
        let offline = match self.fields.truth(FormatField::Offline, record)? {
            Some(true) => OFFLINE,
            Some(false) => ONLINE,
            None => OFFLINE_UNKNOWN,
        };
        let listener = self.fields.text(FormatField::Listener, record)?;
        counts.log_time_used += u64::from(!can_be);
        let read_track = self.words.read_tracks[track as usize];
        counts.bad_isrc += u64::from(read_track.is_bad_isrc);
        counts.bad_upc += u64::from(read_track.is_bad_upc);
        let territory = self.words.territory_words[territory as usize];
        counts.bad_territory += u64::from(territory.is_bad);
        counts.aliased_territory += u64::from(territory.is_alias);
        let (kind, unmapped) = &self.words.kind_texts[kind as usize];
        let n_plays = i64::from(self.words.kind_words[*kind as usize].plays);
        let known_ms = (played_ms != NONE).then(|| i64::from(played_ms));
        self.sums.add(self.words.kind_words[*kind as usize].plays, known_ms);
        if let Some(code) = unmapped {
            counts.unmapped_tier += 1;
            self.unmapped.note(UnmappedField::Tier, code, n_plays, None);
        }
        if territory.is_bad {
            let text = self.fields.text(FormatField::Territory, record)?.unwrap_or_default();
            self.unmapped.note(UnmappedField::Territory, &text, n_plays, None);
        }
        *self.day_rows.entry(day).or_default() += 1;
        self.played_in.note(day, territory.packed);
        if self.context.wanted.is_some_and(|wanted| !wanted.contains(&day)) {
            return Ok(());
        }
        let listener = match listener {
            None => NONE,
            Some(id) => {
                let store = &self.context.store.store;
                self.words.listeners.push(self.context.key.hash(store, id.as_bytes()));
                crate::numbers::exact::<u32>(self.words.listeners.len() - 1)
            }
        };
        let play = Play {
            listened_at_ms,
            row: record.row,
            track,
            listener,
            kind: *kind,
            played_ms,
            territory: territory.packed,
            offline,
            exact: u8::from(exact),
        };
        self.plays.push(day, play);
        Ok(())
    }

    fn day(&mut self, record: &TableRecord<'_>) -> Result<Day, RowRejection> {
        self.key.clear();
        gather(record, &self.columns[3], &mut self.key);
        if let (true, Some(day)) = (self.last_day.0 == self.key, self.last_day.1) {
            return Ok(day);
        }
        let span = self.fields.date(FormatField::Date, record)?;
        let day = span.ok_or_else(|| self.fields.missing(FormatField::Date))?.first;
        self.fields.check_stated(day)?;
        self.last_day = (self.key.clone(), Some(day));
        Ok(day)
    }

    /// The listening time: a stamp, a date (its midnight), or else midnight of the counted date.
    fn heard(&mut self, record: &TableRecord<'_>, day: Day) -> Result<(i64, bool), RowRejection> {
        let midnight = midnight(day);
        let Some(text) = self.fields.text(FormatField::ListenedAt, record)? else {
            return Ok(midnight);
        };
        if self.last_stamp.0 == text.as_bytes() {
            return Ok(self.last_stamp.1.unwrap_or(midnight));
        }
        let source = self.fields.source(FormatField::ListenedAt);
        let exact = source.is_some_and(|source| source.exact);
        let stamp = stamp_or_epoch(text.as_bytes());
        let heard = match stamp {
            Ok(stamp) => stamp.map(|ms| (ms, exact)),
            Err(reject_code) => {
                let Ok(Some(span)) = self.fields.date(FormatField::ListenedAt, record) else {
                    let expected = "an ISO 8601 time stamp, a date, or seconds since 1970";
                    return Err(self.fields.rejection(
                        FormatField::ListenedAt,
                        reject_code,
                        expected,
                        &text,
                    ));
                };
                Some((i64::from(span.first.0) * MS_PER_DAY, false))
            }
        };
        self.last_stamp = (text.as_bytes().to_vec(), heard);
        Ok(heard.unwrap_or(midnight))
    }

    /// Place of the track's words.
    fn track(&mut self, record: &TableRecord<'_>) -> Result<u32, RowRejection> {
        let columns = &self.columns[0];
        let write = |record: &TableRecord<'_>, key: &mut Vec<u8>| gather(record, columns, key);
        let hash = match self.ahead.find(&self.words.tracks, record, write) {
            Ok(id) => return Ok(id),
            Err(hash) => hash,
        };
        let mut counts = RowCounts::default();
        let codes = self.fields.track(record, &mut counts)?;
        if codes.isrc.is_none() && codes.store_track.is_none() {
            return Err(RowRejection {
                column: None,
                reject_code: RejectCode::NoTrack,
                detail: "expected an ISRC or a track id, found neither".to_owned(),
            });
        }
        let track_ms = self.milliseconds(FormatField::TrackTime, record)?;
        let store_track = codes.store_track.map(|text| text.into_owned().into_boxed_str());
        let track = Track { isrc: codes.isrc, upc: codes.upc, store_track, track_ms };
        self.words.read_tracks.push(ReadTrack {
            track_ms: track.track_ms.unwrap_or(NONE),
            is_bad_isrc: counts.bad_isrc != 0,
            is_bad_upc: counts.bad_upc != 0,
        });
        self.words.track_words.push(track);
        Ok(self.words.tracks.insert(hash, self.ahead.key()))
    }

    /// Place of the kind's text.
    fn kind(&mut self, record: &TableRecord<'_>) -> Result<u32, RowRejection> {
        self.key.clear();
        gather(record, &self.columns[1], &mut self.key);
        let hash = match self.words.kinds.find(&self.key) {
            Ok(id) => return Ok(id),
            Err(hash) => hash,
        };
        let fields = &self.fields;
        let (tier, tier_code) = fields.tier(record, Some(self.context.store))?;
        let use_type = fields.text(FormatField::UseType, record)?;
        let plays = if fields.has(FormatField::Plays) {
            let number = fields.whole(FormatField::Plays, record)?;
            let number = number.ok_or_else(|| fields.missing(FormatField::Plays))?;
            u32::try_from(number).map_err(|_| {
                fields.rejection(
                    FormatField::Plays,
                    RejectCode::OutOfRange,
                    "0 to 4,294,967,295",
                    &number.to_string(),
                )
            })?
        } else {
            1
        };
        let source = fields.text(FormatField::Source, record)?;
        let device = fields.text(FormatField::Device, record)?;
        let words = &mut self.words;
        let product = UserProduct {
            tier,
            tier_code: tier_code.as_deref().map(Into::into),
            use_type: use_type.as_deref().unwrap_or("stream").into(),
        };
        let kind = PlayAttributes {
            product: words.product(product),
            source: words.name(true, source.as_deref()),
            device: words.name(false, device.as_deref()),
            plays,
            report: 0,
        };
        let id = *words.kind_ids.entry(kind).or_insert_with(|| {
            words.kind_words.push(kind);
            exact::<u32>(words.kind_words.len() - 1)
        });
        let unmapped = (tier == Tier::Unmapped).then(|| tier_code.unwrap_or_default());
        words.kind_texts.push((id, unmapped));
        Ok(words.kinds.insert(hash, &self.key))
    }

    /// Place of the territory's text.
    fn territory(&mut self, record: &TableRecord<'_>) -> Result<u32, RowRejection> {
        self.key.clear();
        gather(record, &self.columns[2], &mut self.key);
        let hash = match self.words.territories.find(&self.key) {
            Ok(id) => return Ok(id),
            Err(hash) => hash,
        };
        let mut counts = RowCounts::default();
        let territory = self.fields.territory(record, self.context.territories, &mut counts)?;
        let packed = territory.map_or(0, crate::model::territory::Territory::packed);
        self.about.note_territory(packed);
        let (is_bad, is_alias) = (counts.bad_territory != 0, counts.aliased_territory != 0);
        self.words.territory_words.push(ReadTerritory { packed, is_bad, is_alias });
        Ok(self.words.territories.insert(hash, &self.key))
    }

    /// Played time, or as much of the track's as was played.
    fn played_ms(&mut self, record: &TableRecord<'_>, track: u32) -> Result<u32, RowRejection> {
        if let Some(ms) = self.milliseconds(FormatField::PlayedTime, record)? {
            return Ok(ms);
        }
        let track_ms = self.words.read_tracks[track as usize].track_ms;
        let percent_of = |thousandths: u64| {
            if track_ms == NONE {
                return NONE;
            }
            u32::try_from(u64::from(track_ms) * thousandths / 100_000).unwrap_or(NONE)
        };
        let cell = self.percent_column.map_or(&b""[..], |column| record.cell(column));
        if !cell.is_empty() && cell == self.last_percent.0 {
            return Ok(percent_of(self.last_percent.1));
        }
        let Some(percent) = self.fields.decimal(FormatField::PlayedPercent, record)? else {
            return Ok(NONE);
        };
        match decimal_to_thousandths(percent.as_bytes()) {
            Some(thousandths) if thousandths <= 100_000 => {
                self.last_percent.0.clear();
                self.last_percent.0.extend_from_slice(cell);
                self.last_percent.1 = thousandths;
                Ok(percent_of(thousandths))
            }
            Some(_) => {
                let rejection =
                    (FormatField::PlayedPercent, RejectCode::OutOfRange, "0 to 100 percent");
                Err(self.fields.rejection(rejection.0, rejection.1, rejection.2, &percent))
            }
            None => {
                let rejection =
                    (FormatField::PlayedPercent, RejectCode::BadNumber, "a plain decimal number");
                Err(self.fields.rejection(rejection.0, rejection.1, rejection.2, &percent))
            }
        }
    }

    /// A length of time in whole milliseconds, cut.
    fn milliseconds(
        &self,
        field: FormatField,
        record: &TableRecord<'_>,
    ) -> Result<Option<u32>, RowRejection> {
        let Some(text) = self.fields.decimal(field, record)? else {
            return Ok(None);
        };
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.as_str()),
        };
        let Some(thousandths) = decimal_to_thousandths(digits.as_bytes()) else {
            return Err(self.fields.rejection(
                field,
                RejectCode::BadNumber,
                "a plain decimal number",
                &text,
            ));
        };
        let ms = match self.fields.source(field).and_then(|source| source.unit) {
            Some(TimeUnit::Milliseconds) => thousandths / 1000,
            Some(TimeUnit::Seconds) | None => thousandths,
        };
        let is_sane = ms <= PLAYED_MS_MAX && (!is_negative || ms == 0);
        match u32::try_from(ms) {
            Ok(ms) if is_sane => Ok(Some(ms)),
            _ => Err(self.fields.rejection(
                field,
                RejectCode::OutOfRange,
                "0 to 86,400 seconds",
                &text,
            )),
        }
    }
}

/// The listening time of a play of which only the day is known.
fn midnight(day: Day) -> (i64, bool) {
    (day.start_ms(), false)
}
