//! Rows of a plain table of the feed `reference`: catalogue, tracks of a store, exchange rates.

use std::collections::BTreeSet;

use crate::ingest::table::format::{FormatField, ReferenceKind, TableFormat, TimeUnit};
use crate::ingest::table::head::BoundFormat;
use crate::ingest::table::rows::TableRecord;
use crate::model::day::Day;
use crate::model::money::{Amount, Currency};
use crate::model::reference::ReferenceRow;
use crate::model::sale::TextId;
use crate::normalize::counts::RowCounts;
use crate::normalize::rejected_row::RejectCode;
use crate::normalize::sales_lot::{SalesBuilder, SalesLot};
use crate::normalize::table::fields::{RowRejection, TableFields};
use crate::normalize::table::sales_reader::SalesContext;
use crate::normalize::table::track_codes::TrackCodes;
use crate::normalize::values::cells::decimal_to_thousandths;

/// Reads the rows of one report.
#[derive(Debug)]
pub struct ReferenceReader<'a> {
    fields: TableFields<'a>,
    kind: ReferenceKind,
    context: SalesContext<'a>,
    builder: SalesBuilder,
    dates: BTreeSet<Day>,
}

impl<'a> ReferenceReader<'a> {
    /// A reader for a report with this head.
    #[must_use]
    pub fn new(format: &'a TableFormat, bound: BoundFormat, context: SalesContext<'a>) -> Self {
        Self {
            fields: TableFields::new(format, bound),
            kind: format.reference.unwrap_or(ReferenceKind::Catalogue),
            context,
            builder: SalesBuilder::default(),
            dates: BTreeSet::new(),
        }
    }

    /// What it reads with.
    #[must_use]
    pub fn context(&self) -> SalesContext<'a> {
        self.context
    }

    /// Where the report has its fields.
    #[must_use]
    pub fn fields(&self) -> &TableFields<'a> {
        &self.fields
    }

    /// Memory of what was read, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.builder.size_bytes()
    }

    /// Takes what was read so far out of the reader.
    pub fn take_lot(&mut self) -> SalesLot {
        self.builder.take()
    }

    /// The days of which it speaks.
    #[must_use]
    pub fn dates(&self) -> &BTreeSet<Day> {
        &self.dates
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
        let fields = &self.fields;
        let mut noted = RowCounts::default();
        let date = fields.date(FormatField::Date, record)?;
        let date = date.ok_or_else(|| fields.missing(FormatField::Date))?.first;
        let track = fields.track(record, &mut noted)?;
        let (base, quote) = self.pair(record)?;
        let rate = self.decimal(FormatField::Rate, record)?;
        self.check_needed(record, &track, rate)?;
        let share = self.decimal(FormatField::Share, record)?;
        let track_ms = self.track_ms(record)?;
        let mut texts = [None; 6];
        let names = [
            FormatField::Title,
            FormatField::Artist,
            FormatField::Release,
            FormatField::Label,
            FormatField::Owner,
            FormatField::RateSource,
        ];
        for (id, field) in texts.iter_mut().zip(names) {
            *id = fields.text(field, record)?.map(|text| self.builder.text(&text));
        }
        let store_track: Option<TextId> =
            track.store_track.as_deref().map(|text| self.builder.text(text));
        let [title, artist, release, label, owner, rate_source] = texts;
        let reference = ReferenceRow {
            row: record.row,
            date,
            isrc: track.isrc,
            upc: track.upc,
            store_track,
            title,
            artist,
            release,
            label,
            owner,
            track_ms,
            share,
            base,
            quote,
            rate,
            rate_source,
        };
        counts.add(&noted);
        self.dates.insert(date);
        self.builder.push_reference(self.context.store, reference);
        Ok(())
    }

    /// Checks what every row of the kind needs.
    fn check_needed(
        &self,
        record: &TableRecord<'_>,
        track: &TrackCodes<'_>,
        rate: Option<Amount>,
    ) -> Result<(), RowRejection> {
        let fields = &self.fields;
        match self.kind {
            ReferenceKind::Tracks if track.store_track.is_none() => {
                Err(fields.missing(FormatField::StoreTrack))
            }
            ReferenceKind::Catalogue if track.isrc.is_none() && track.upc.is_none() => {
                let detail = "expected an ISRC or a UPC, found neither".to_owned();
                Err(RowRejection { column: None, reject_code: RejectCode::NoTrack, detail })
            }
            ReferenceKind::FxRates if rate.is_none_or(|rate| rate.0 <= 0) => {
                let found = fields.text(FormatField::Rate, record)?.unwrap_or_default();
                let expected = "a rate above 0";
                Err(fields.rejection(FormatField::Rate, RejectCode::OutOfRange, expected, &found))
            }
            _ => Ok(()),
        }
    }

    /// `EUR/USD`, `EURUSD` or `EUR-USD`: the price of one euro in dollars.
    fn pair(
        &self,
        record: &TableRecord<'_>,
    ) -> Result<(Option<Currency>, Option<Currency>), RowRejection> {
        let Some(text) = self.fields.text(FormatField::Pair, record)? else {
            return match self.kind {
                ReferenceKind::FxRates => Err(self.fields.missing(FormatField::Pair)),
                _ => Ok((None, None)),
            };
        };
        let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
        let pair = (letters.len() == 6)
            .then(|| Currency::parse(&letters[..3]).zip(Currency::parse(&letters[3..])))
            .flatten();
        match pair {
            Some((base, quote)) if base != quote => Ok((Some(base), Some(quote))),
            _ => {
                let expected = "two different codes of ISO 4217, such as EUR/USD";
                Err(self.fields.rejection(
                    FormatField::Pair,
                    RejectCode::BadCurrency,
                    expected,
                    &text,
                ))
            }
        }
    }

    fn decimal(
        &self,
        field: FormatField,
        record: &TableRecord<'_>,
    ) -> Result<Option<Amount>, RowRejection> {
        let Some(text) = self.fields.decimal(field, record)? else {
            return Ok(None);
        };
        match Amount::parse(&text) {
            Some(read) => Ok(Some(read.amount)),
            None => Err(self.fields.rejection(field, RejectCode::BadNumber, "a number", &text)),
        }
    }

    fn track_ms(&self, record: &TableRecord<'_>) -> Result<Option<u32>, RowRejection> {
        let field = FormatField::TrackTime;
        let Some(text) = self.fields.decimal(field, record)? else {
            return Ok(None);
        };
        let thousandths = decimal_to_thousandths(text.as_bytes());
        let unit = self.fields.source(field).and_then(|source| source.unit);
        let ms = thousandths.map(|thousandths| match unit {
            Some(TimeUnit::Milliseconds) => thousandths / 1000,
            Some(TimeUnit::Seconds) | None => thousandths,
        });
        ms.and_then(|ms| u32::try_from(ms).ok()).map(Some).ok_or_else(|| {
            self.fields.rejection(field, RejectCode::BadNumber, "a plain decimal number", &text)
        })
    }
}
