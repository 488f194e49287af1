//! What single cells of a play say, each by itself. Nothing is remembered here.

use std::borrow::Cow;

use crate::ingest::table::format::{FieldSource, FormatField, NumberStyle, TimeUnit};
use crate::ingest::table::rows::TableRecord;
use crate::model::day::{Day, MS_PER_DAY};
use crate::model::play::{OFFLINE, OFFLINE_UNKNOWN, ONLINE, Track};
use crate::model::territory::Territory;
use crate::normalize::counts::RowCounts;
use crate::normalize::rejected_row::RejectCode;
use crate::normalize::table::fields::{RowRejection, TableFields};
use crate::normalize::table::plays::context::PlaysContext;
use crate::normalize::table::plays::words::{AttributeTexts, ReadTerritory};
use crate::normalize::values::cells::{PLAYED_MS_MAX, decimal_to_thousandths};
use crate::normalize::values::times::{can_be_heard_at, stamp_or_epoch};

/// When a play was heard, milliseconds since 1970 UTC, and whether that is exact.
pub(super) type ListenedAt = (i64, bool);

/// Fields that are texts, of which several are read together.
const TEXTS: [FormatField; 10] = [
    FormatField::Isrc,
    FormatField::Upc,
    FormatField::StoreTrack,
    FormatField::Territory,
    FormatField::Listener,
    FormatField::TierProduct,
    FormatField::TierAccess,
    FormatField::UseType,
    FormatField::Source,
    FormatField::Device,
];

/// The fields of a report of plays.
#[derive(Debug)]
pub(super) struct PlayFields<'a> {
    pub(super) table: TableFields<'a>,
    pub(super) context: PlaysContext<'a>,
}

impl PlayFields<'_> {
    /// The counted date.
    pub(super) fn day(&self, record: &TableRecord<'_>) -> Result<Day, RowRejection> {
        let span = self.table.date(FormatField::Date, record)?;
        let day = span.ok_or_else(|| self.table.missing(FormatField::Date))?.first;
        self.table.check_stated(day)?;
        Ok(day)
    }

    /// The listening time, by one of its fields: a stamp, or a date (its midnight) where the format says how
    /// dates are written; `None` where the report does not say.
    pub(super) fn listened_at(
        &self,
        field: FormatField,
        record: &TableRecord<'_>,
    ) -> Result<Option<ListenedAt>, RowRejection> {
        let exact = self.table.source(field).is_some_and(|source| source.exact);
        // Nearly all cells are stamps with nothing round them.
        let plain = self.table.plain_cell(field, record);
        if let Some(Ok(Some(ms))) = plain.map(stamp_or_epoch) {
            return Ok(Some((ms, exact)));
        }
        let Some(text) = self.table.text(field, record)? else {
            return Ok(None);
        };
        match stamp_or_epoch(text.as_bytes()) {
            Ok(stamp) => Ok(stamp.map(|ms| (ms, exact))),
            Err(reject_code) => {
                let source = self.table.source(field);
                if source.is_none_or(|source| source.date.is_empty()) {
                    let expected = "an ISO 8601 time stamp, or seconds or milliseconds since 1970";
                    return Err(self.table.rejection(field, reject_code, expected, &text));
                }
                let span = self.table.date(field, record)?;
                Ok(span.map(|span| (i64::from(span.first.0) * MS_PER_DAY, false)))
            }
        }
    }

    /// Whether the device had no network.
    pub(super) fn offline(&self, record: &TableRecord<'_>) -> Result<u8, RowRejection> {
        Ok(match self.table.truth(FormatField::Offline, record)? {
            Some(true) => OFFLINE,
            Some(false) => ONLINE,
            None => OFFLINE_UNKNOWN,
        })
    }

    /// The territory.
    pub(super) fn territory(
        &self,
        record: &TableRecord<'_>,
    ) -> Result<ReadTerritory, RowRejection> {
        let mut counts = RowCounts::default();
        let territory = self.table.territory(record, self.context.territories, &mut counts)?;
        Ok(ReadTerritory {
            packed: territory.map_or(0, Territory::packed),
            is_bad: counts.bad_territory != 0,
            is_alias: counts.aliased_territory != 0,
        })
    }

    /// The track, and what its codes are counted for.
    pub(super) fn track(
        &self,
        record: &TableRecord<'_>,
    ) -> Result<(Track, RowCounts), RowRejection> {
        let mut counts = RowCounts::default();
        let codes = self.table.track(record, &mut counts)?;
        if codes.isrc.is_none() && codes.store_track.is_none() {
            return Err(self.table.no_track());
        }
        let track_ms = self.milliseconds(FormatField::TrackTime, record)?;
        let store_track = codes.store_track.map(|text| text.into_owned().into_boxed_str());
        Ok((Track { isrc: codes.isrc, upc: codes.upc, store_track, track_ms }, counts))
    }

    /// What the play has in common with many others.
    pub(super) fn attributes<'r>(
        &'r self,
        record: &TableRecord<'r>,
    ) -> Result<AttributeTexts<'r>, RowRejection> {
        let (tier, tier_code) = self.table.tier(record, Some(self.context.store))?;
        Ok(AttributeTexts {
            tier,
            tier_code,
            use_type: self.table.text(FormatField::UseType, record)?,
            plays: self.plays(record)?,
            source: self.table.text(FormatField::Source, record)?,
            device: self.table.text(FormatField::Device, record)?,
        })
    }

    /// Number of plays that the row stands for.
    fn plays(&self, record: &TableRecord<'_>) -> Result<u32, RowRejection> {
        let field = FormatField::Plays;
        if !self.table.has(field) {
            return Ok(1);
        }
        let number = self.table.whole(field, record)?;
        let number = number.ok_or_else(|| self.table.missing(field))?;
        u32::try_from(number).map_err(|_| {
            let expected = "0 to 4,294,967,295";
            self.table.rejection(field, RejectCode::OutOfRange, expected, &number.to_string())
        })
    }

    /// The store's id of the listener; `None` where it gives none.
    pub(super) fn listener<'r>(
        &'r self,
        record: &TableRecord<'r>,
    ) -> Result<Option<Cow<'r, str>>, RowRejection> {
        self.table.text(FormatField::Listener, record)
    }

    /// How much of the track was played, in thousandths of a percent.
    pub(super) fn played_share(
        &self,
        record: &TableRecord<'_>,
    ) -> Result<Option<u64>, RowRejection> {
        let field = FormatField::PlayedPercent;
        let Some(percent) = self.table.decimal(field, record)? else {
            return Ok(None);
        };
        let (reject_code, expected) = match decimal_to_thousandths(percent.as_bytes()) {
            Some(thousandths) if thousandths <= 100_000 => return Ok(Some(thousandths)),
            Some(_) => (RejectCode::OutOfRange, "0 to 100 percent"),
            None => (RejectCode::BadNumber, "a plain decimal number"),
        };
        Err(self.table.rejection(field, reject_code, expected, &percent))
    }

    /// Whether played times are whole or decimal seconds with a point, as most stores write them.
    pub(super) fn has_plain_seconds(&self) -> bool {
        let is_plain = |source: &FieldSource| {
            source.number == NumberStyle::Point
                && source.unit != Some(TimeUnit::Milliseconds)
                && source.codes.is_empty()
        };
        self.table.source(FormatField::PlayedTime).is_some_and(is_plain)
    }

    /// A length of time in whole milliseconds, cut.
    pub(super) fn milliseconds(
        &self,
        field: FormatField,
        record: &TableRecord<'_>,
    ) -> Result<Option<u32>, RowRejection> {
        let Some(text) = self.table.decimal(field, record)? else {
            return Ok(None);
        };
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.as_str()),
        };
        let Some(thousandths) = decimal_to_thousandths(digits.as_bytes()) else {
            let expected = "a plain decimal number";
            return Err(self.table.rejection(field, RejectCode::BadNumber, expected, &text));
        };
        let ms = match self.table.source(field).and_then(|source| source.unit) {
            Some(TimeUnit::Milliseconds) => thousandths / 1000,
            Some(TimeUnit::Seconds) | None => thousandths,
        };
        let is_sane = ms <= PLAYED_MS_MAX && (!is_negative || ms == 0);
        match u32::try_from(ms) {
            Ok(ms) if is_sane => Ok(Some(ms)),
            _ => {
                let expected = "0 to 86,400 seconds";
                Err(self.table.rejection(field, RejectCode::OutOfRange, expected, &text))
            }
        }
    }

    /// Why a row cannot be read.
    ///
    /// # Errors
    /// What is wrong with its first bad cell, in the order of the report's columns.
    pub(super) fn check(&self, record: &TableRecord<'_>) -> Result<(), RowRejection> {
        let day = self.day(record);
        let offline = self.offline(record);
        let cells = [
            self.check_listening_time(record, day.as_ref().ok(), offline.as_ref().ok()),
            day.map(drop),
            offline.map(drop),
            self.track(record).map(drop),
            self.attributes(record).map(drop),
            self.check_played_time(record),
        ];
        let texts = TEXTS.map(|field| self.table.text(field, record).map(drop));
        let mut wrong: Vec<RowRejection> =
            cells.into_iter().chain(texts).filter_map(Result::err).collect();
        let names = &self.table.bound.names;
        let place = |rejection: &RowRejection| {
            let column = rejection.column.as_ref();
            column.and_then(|column| names.iter().position(|name| name == column))
        };
        // What is wrong with several cells together is said last.
        let key = |rejection: &RowRejection| {
            let is_of_several = rejection.reject_code == RejectCode::NoTrack;
            (is_of_several, place(rejection).is_none(), place(rejection))
        };
        wrong.sort_by_key(key);
        wrong.into_iter().next().map_or(Ok(()), Err)
    }

    /// A cell is read only where it is used.
    fn check_listening_time(
        &self,
        record: &TableRecord<'_>,
        day: Option<&Day>,
        offline: Option<&u8>,
    ) -> Result<(), RowRejection> {
        if offline == Some(&OFFLINE)
            && let Some((ms, _)) = self.listened_at(FormatField::OfflineListenedAt, record)?
            && day.is_none_or(|day| can_be_heard_at(ms, *day))
        {
            return Ok(());
        }
        self.listened_at(FormatField::ListenedAt, record).map(drop)
    }

    fn check_played_time(&self, record: &TableRecord<'_>) -> Result<(), RowRejection> {
        if self.milliseconds(FormatField::PlayedTime, record)?.is_none() {
            self.played_share(record)?;
        }
        Ok(())
    }
}
