//! Rows of a plain table of the feeds `counters` and `declared`: numbers of plays by day or month.

use crate::ingest::table::format::{FormatField, TableFormat};
use crate::ingest::table::head::BoundFormat;
use crate::ingest::table::rows::TableRecord;
use crate::model::about::ReportFacets;
use crate::model::sale::FigureRow;
use crate::model::territory::Territory;
use crate::model::tier::Tier;
use crate::normalize::counts::RowCounts;
use crate::normalize::sales_lot::{SalesBuilder, SalesLot};
use crate::normalize::table::fields::{RowRejection, TableFields};
use crate::normalize::table::sales_reader::SalesContext;
use crate::normalize::unmapped::{UnmappedField, UnmappedValues};

/// Reads the rows of one report.
#[derive(Debug)]
pub struct FiguresReader<'a> {
    fields: TableFields<'a>,
    context: SalesContext<'a>,
    builder: SalesBuilder,
    unmapped: UnmappedValues,
    about: ReportFacets,
}

impl<'a> FiguresReader<'a> {
    /// A reader for a report with this head.
    #[must_use]
    pub fn new(format: &'a TableFormat, bound: BoundFormat, context: SalesContext<'a>) -> Self {
        Self {
            fields: TableFields::new(format, bound),
            context,
            builder: SalesBuilder::default(),
            unmapped: UnmappedValues::default(),
            about: ReportFacets::default(),
        }
    }

    /// What the report says of itself.
    #[must_use]
    pub fn about(&self) -> ReportFacets {
        let mut about = self.about;
        about.stated = self.fields.stated_days();
        about
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

    /// Tier codes that the store's table does not hold.
    #[must_use]
    pub fn unmapped(&self) -> &UnmappedValues {
        &self.unmapped
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
        fields.check_stated(date)?;
        let plays = fields.whole(FormatField::Plays, record)?;
        let plays = plays.ok_or_else(|| fields.missing(FormatField::Plays))?;
        let territory = fields.territory(record, self.context.territories, &mut noted)?;
        let track = fields.track(record, &mut noted)?;
        if track.isrc.is_none() && track.store_track.is_none() {
            return Err(fields.no_track());
        }
        let store = self.context.store;
        let (tier, tier_code) = fields.tier(record, self.context.stores.get(store))?;
        if tier == Tier::Unmapped {
            noted.unmapped_tier += 1;
            let code = tier_code.as_deref().unwrap_or_default();
            self.unmapped.note(UnmappedField::Tier, code, plays, None);
        }
        if noted.bad_territory != 0 {
            let text = fields.text(FormatField::Territory, record)?.unwrap_or_default();
            self.unmapped.note(UnmappedField::Territory, &text, plays, None);
        }
        let builder = &mut self.builder;
        let mut id = |text: Option<&str>| text.map(|text| builder.text(text));
        let figure = FigureRow {
            row: record.row,
            date,
            isrc: track.isrc,
            upc: track.upc,
            store_track: id(track.store_track.as_deref()),
            territory,
            tier,
            tier_code: id(tier_code.as_deref()),
            plays,
        };
        counts.add(&noted);
        self.about.note_territory(territory.map_or(0, Territory::packed));
        self.about.note_days(date, date);
        self.builder.push_figure(store, figure);
        Ok(())
    }
}
