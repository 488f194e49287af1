//! Records of a DDEX DSR report to lines of statements and pools.
//!
//! Territory, commercial model and money stand in the summary records, units in the usage records, ISRC
//! and UPC in the records of the usage's block. A pool is money for a territory and model: what one
//! track gets of it is not said, so that most lines have no amount and name their pool instead.

use std::collections::{BTreeMap, HashMap};

use crate::ingest::dsr::head::{DsrHead, DsrProfile};
use crate::ingest::dsr::records::{BLOCK_ID, DsrItem, RecordType, UsageCells};
use crate::ingest::dsr::{DsrLine, RecordCells, is_comment, lines};
use crate::ingest::table::format::DateStyle;
use crate::model::about::ReportFacets;
use crate::model::day::Day;
use crate::model::grid::Grid;
use crate::model::sale::{LineType, SaleRow, TextId, USAGE_DAYS_MAX};
use crate::model::territory::TerritoryTable;
use crate::model::tier::Tier;
use crate::normalize::counts::{LineCounts, RowCounts};
use crate::normalize::dsr::block::ReportBlock;
use crate::normalize::dsr::cells::{
    amount_of, grid_of, missing, not_in_block, rejection, royalty_bearing, snake_case, text_of,
    units,
};
use crate::normalize::dsr::known_cells::{KnownCells, KnownDsrTerms, KnownLine};
use crate::normalize::dsr::summary::{
    CountedSummary, DsrSummary, ReportFoot, check_foot, summary_of,
};
use crate::normalize::rejected_row::{RejectCode, RejectedRow, ReportFault, raw_cells};
use crate::normalize::sale_lines::SaleLine;
use crate::normalize::sales_lot::{MonthNotes, SalesBuilder, SalesLot, SalesMonth};
use crate::normalize::store::{StoreSettings, tier_code};
use crate::normalize::table::cell_groups::{KnownItem, without_identifiers};
use crate::normalize::table::control_numbers::CheckedControl;
use crate::normalize::table::fields::RowRejection;
use crate::normalize::table::reader::BAD_ROWS_KEPT_MAX;
use crate::normalize::table::sales_reader::wrong_ids;
use crate::normalize::unmapped::{UnknownTexts, UnmappedField, UnmappedValues};
use crate::normalize::values::dates::read_date;

mod sharing;
mod summary_records;

/// Most different summary records of a report: they are kept in memory.
const SUMMARIES_MAX: usize = 1 << 20;

/// Reads one report.
#[derive(Debug)]
pub struct DsrReader<'a> {
    head: DsrHead,
    store: &'a StoreSettings,
    territories: &'a TerritoryTable,
    line: DsrLine,
    n_lines: u64,
    n_heads: u64,
    /// Number of the line that is read.
    row: u32,
    builder: SalesBuilder,
    summaries: HashMap<String, DsrSummary>,
    block: ReportBlock,
    known: KnownCells,
    n_blocks: u64,
    n_summaries: u64,
    foot: Option<ReportFoot>,
    /// Totals of summary records that are no numbers.
    unreadable_totals: Vec<CheckedControl>,
    reading: DsrReading,
}

/// What is known after the last line.
#[derive(Debug, Default)]
pub struct DsrReading {
    /// Counts over summary and usage records.
    pub counts: RowCounts,
    /// Lines of any kind; those beyond [`LINES_MAX`](crate::normalize::sums::LINES_MAX) were not read.
    pub n_lines: u64,
    /// Summary records that another file of the report holds too.
    pub n_skipped: u64,
    /// What its lines were.
    pub lines: LineCounts,
    /// Why it cannot be trusted as a whole.
    pub fault: Option<ReportFault>,
    /// Bad records in order.
    pub bad_rows: Vec<RejectedRow>,
    /// Lines ingested by store and month.
    pub lot_rows: BTreeMap<SalesMonth, u64>,
    /// Where its lines or plays were, and the sums of its lines.
    pub notes: MonthNotes,
    /// Pools ingested by store and month.
    pub pool_rows: BTreeMap<SalesMonth, u64>,
    /// Commercial models that the store's table does not hold.
    pub unmapped: UnmappedValues,
    /// Control numbers, checked against the records.
    pub controls: Vec<CheckedControl>,
    /// What is wrong with the header.
    pub problems: Vec<String>,
    /// What the report says of itself.
    pub about: ReportFacets,
}

impl<'a> DsrReader<'a> {
    /// A reader for a report with this header.
    #[must_use]
    pub fn new(head: DsrHead, store: &'a StoreSettings, territories: &'a TerritoryTable) -> Self {
        let mut reading = DsrReading { problems: head.problems.clone(), ..DsrReading::default() };
        (reading.about.days, reading.about.created_ms) = (head.usage, head.created_ms);
        Self {
            head,
            store,
            territories,
            line: DsrLine::default(),
            n_lines: 0,
            n_heads: 0,
            row: 0,
            builder: SalesBuilder::default(),
            summaries: HashMap::new(),
            block: ReportBlock::default(),
            known: KnownCells::default(),
            n_blocks: 0,
            n_summaries: 0,
            foot: None,
            unreadable_totals: Vec::new(),
            reading,
        }
    }

    /// The profile of the report.
    #[must_use]
    pub fn profile(&self) -> DsrProfile {
        self.head.profile
    }

    /// The header.
    #[must_use]
    pub fn head(&self) -> &DsrHead {
        &self.head
    }

    /// Whether the header names the store of the folder as the sender, or its service.
    #[must_use]
    pub fn proves_store(&self) -> bool {
        self.head.names_sender(std::iter::once(&self.store.store).chain(&self.store.shops))
    }

    /// Memory of what was read, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.builder.size_bytes() + self.known.size_bytes()
    }

    /// Reads a block of whole lines, the header among them.
    pub fn read_block(&mut self, block: &[u8]) {
        let mut line = std::mem::take(&mut self.line);
        for text in lines(block) {
            self.n_lines += 1;
            // Rows are numbered in 32 bits: a report with more lines is rejected for it.
            let Ok(row) = u32::try_from(self.n_lines) else {
                continue;
            };
            self.row = row;
            if text.trim_ascii().is_empty() {
                self.reading.lines.blank += 1;
            } else if is_comment(text) {
                self.reading.lines.head += 1;
            } else {
                let cells = line.cut(text);
                if let Err(rejection) = self.take(&cells) {
                    self.reject(&cells, rejection);
                }
            }
        }
        self.line = line;
    }

    /// Takes the lines and pools that were read so far out of the reader.
    pub fn take_lot(&mut self) -> SalesLot {
        let lot = if self.builder.has_few_words(self.known.size_bytes()) {
            self.builder.take_lines()
        } else {
            // They mean ids of the lot.
            self.known = KnownCells::default();
            self.builder.take()
        };
        lot.note(&mut self.reading.notes);
        for (month, sales) in &lot.sales {
            *self.reading.lot_rows.entry(month.clone()).or_default() += sales.len() as u64;
        }
        for (month, pools) in &lot.pools {
            *self.reading.pool_rows.entry(month.clone()).or_default() += pools.len() as u64;
        }
        lot
    }

    /// What is known of the whole report, after all was taken out.
    #[must_use]
    pub fn finish(mut self) -> DsrReading {
        let controls = self.controls();
        self.reading.controls = controls;
        self.reading.n_lines = self.n_lines;
        let DsrReading { lines, counts, n_skipped, .. } = &mut self.reading;
        (lines.rows, lines.skipped) = (counts.rows, *n_skipped);
        self.reading
    }

    fn take(&mut self, cells: &RecordCells<'_>) -> Result<(), RowRejection> {
        match RecordType::of(cells.get(0)) {
            Some(RecordType::Head) => {
                self.n_heads += 1;
                self.reading.lines.head += 1;
                if self.n_heads == 2 {
                    self.reading.fault = Some(ReportFault::second_header(self.row));
                }
                Ok(())
            }
            Some(RecordType::Aside) => {
                self.reading.lines.descriptions += 1;
                Ok(())
            }
            Some(RecordType::Foot) => {
                self.reading.lines.tail += 1;
                self.foot = Some(ReportFoot::read(cells));
                Ok(())
            }
            Some(RecordType::Summary(places)) => {
                self.n_summaries += 1;
                let taken = self.take_summary(cells, places);
                // A bad one is a row of whichever file it stands in: it goes to quarantine.
                if taken.is_err() || self.head.file_number.is_none_or(|number| number == 1) {
                    self.reading.counts.rows += 1;
                } else {
                    self.reading.n_skipped += 1;
                }
                taken
            }
            Some(
                record @ (RecordType::Resource
                | RecordType::Release
                | RecordType::SubRelease
                | RecordType::Videos),
            ) => {
                self.enter_block(cells);
                self.describe(cells, record)
            }
            Some(RecordType::Usage(places)) => {
                self.reading.counts.rows += 1;
                if !matches!(places.item, DsrItem::Here { .. }) {
                    self.enter_block(cells);
                }
                self.take_usage(cells, places)
            }
            None => {
                self.reading.counts.rows += 1;
                let expected = "a record of the profiles that are read";
                Err(rejection(
                    Some("RecordType"),
                    RejectCode::UnknownRecord,
                    expected,
                    cells.get(0),
                ))
            }
        }
    }

    fn enter_block(&mut self, cells: &RecordCells<'_>) {
        if self.block.enter(cells.get(BLOCK_ID)) {
            self.n_blocks += 1;
            self.known.forget_items();
        }
    }

    fn describe(
        &mut self,
        cells: &RecordCells<'_>,
        record: RecordType,
    ) -> Result<(), RowRejection> {
        let mut has_room = self.block.has_room();
        self.known.forget_items();
        if has_room {
            match record {
                RecordType::Resource => self.block.add_resource(cells),
                RecordType::Release => self.block.add_release(cells),
                RecordType::Videos => has_room = self.block.add_videos(cells),
                _ => self.block.add_sub_release(cells),
            }
        }
        if has_room {
            self.reading.lines.descriptions += 1;
            return Ok(());
        }
        self.reading.counts.rows += 1;
        let expected = "at most 131,072 recordings, releases and videos in a block";
        Err(rejection(Some("BlockId"), RejectCode::OutOfRange, expected, cells.get(BLOCK_ID)))
    }

    fn take_usage(
        &mut self,
        cells: &RecordCells<'_>,
        places: &UsageCells,
    ) -> Result<(), RowRejection> {
        let (known, new) = self.known.find(cells, places);
        if let Some(KnownLine { item, terms, units, amount }) = known
            && let Some(summary) = self.summaries.get_mut(&terms.summary)
        {
            summary.units += i128::from(units);
            self.reading.counts.add(&terms.counts);
            item.count(&mut self.reading.counts);
            let money = terms.currency.zip(amount);
            self.reading.unmapped.note_all(&terms.unknown, units, money);
            let line = SaleLine::new(self.row, (item.id, terms.id), units, amount);
            self.builder.push_line(&self.store.store, line);
            return Ok(());
        }
        let id = text_of(cells.get(places.summary)).ok_or_else(|| missing("SummaryRecordId"))?;
        let read = self.read_usage(cells, places, &id);
        let Some(summary) = self.summaries.get_mut(&id) else {
            return read.map(drop);
        };
        match read {
            Ok((sale, counts)) => {
                summary.units += i128::from(sale.units);
                self.reading.counts.add(&counts);
                let code = summary.tier_code.clone().filter(|_| sale.tier == Tier::Unmapped);
                let mut unknown = UnknownTexts::new();
                unknown.extend(code.map(|code| (UnmappedField::Tier, code)));
                let territory = summary.unknown_territory.clone();
                unknown.extend(territory.map(|name| (UnmappedField::Territory, name)));
                let money = sale.currency.zip(sale.amount);
                self.reading.unmapped.note_all(&unknown, sale.units, money);
                let (item, terms) = self.builder.push(&self.store.store, &sale);
                let terms = KnownDsrTerms {
                    id: terms,
                    summary: id,
                    currency: sale.currency,
                    counts: without_identifiers(&counts),
                    unknown,
                };
                self.known.remember(new, KnownItem::new(item, &counts), terms);
                Ok(())
            }
            Err(rejection) => {
                // The store has summed this line too.
                match units(cells, places) {
                    Ok(units) => summary.units += i128::from(units),
                    Err(_) => summary.n_lost += 1,
                }
                Err(rejection)
            }
        }
    }

    fn read_usage(
        &mut self,
        cells: &RecordCells<'_>,
        places: &UsageCells,
        id: &str,
    ) -> Result<(SaleRow, RowCounts), RowRejection> {
        let summary = summary_of(&self.summaries, id, cells.get(places.summary))?;
        let units = units(cells, places)?;
        let amount = match places.amount {
            Some(place) => amount_of("NetRevenue", cells.get(place))?,
            None => None,
        };
        if amount.is_some() && summary.currency.is_none() {
            return Err(missing("Currency"));
        }
        let (usage_from, usage_to) = self.usage(cells, places.validity)?;
        let royalty_bearing = royalty_bearing(cells, places)?;
        let used =
            self.block.used(&places.item, cells).map_err(|missing| not_in_block(&missing))?;
        let (grid, bad_grid) = grid_of(cells, places);
        let id_text =
            wrong_ids(used.bad_isrc.as_deref(), used.bad_upc.as_deref(), bad_grid.as_deref());
        let use_type = places.use_type.and_then(|place| text_of(cells.get(place)));
        let use_type = use_type.map(|text| snake_case(&text)).or_else(|| summary.use_type.clone());
        let counts = RowCounts {
            bad_isrc: used.bad_isrc.is_some().into(),
            bad_upc: used.bad_upc.is_some().into(),
            bad_territory: summary.unknown_territory.is_some().into(),
            unmapped_tier: (summary.tier == Tier::Unmapped).into(),
            ..RowCounts::default()
        };
        let builder = &mut self.builder;
        let mut text_id =
            |text: Option<&str>| -> Option<TextId> { text.map(|text| builder.text(text)) };
        let sale = SaleRow {
            row: self.row,
            usage_from,
            usage_to,
            statement_period: None,
            reported: self.head.created,
            isrc: used.isrc,
            upc: used.upc,
            store_track: text_id(used.store_track.as_deref()),
            territory: summary.territory,
            tier: summary.tier,
            tier_code: text_id(summary.tier_code.as_deref()),
            use_type: text_id(Some(use_type.as_deref().unwrap_or("stream"))).unwrap_or_default(),
            offline: None,
            units,
            currency: summary.currency.filter(|_| amount.is_some()),
            amount_text: text_id(amount.as_ref().and_then(|(_, text)| text.as_deref())),
            amount: amount.map(|(amount, _)| amount),
            royalty_bearing,
            line_type: if units < 0 { LineType::Return } else { LineType::Sale },
            pool: text_id(Some(id)),
            shop: None,
            grid: text_id(grid.as_ref().map(Grid::as_str)),
            id_text: text_id(id_text.as_deref()),
        };
        Ok((sale, counts))
    }

    /// First and last day of use: those of the record, where it has some, else the report's.
    fn usage(
        &self,
        cells: &RecordCells<'_>,
        validity: Option<(usize, usize)>,
    ) -> Result<(Day, Day), RowRejection> {
        let day = |place: usize, name: &'static str| match cells.get(place) {
            b"" => Ok(None),
            cell => read_date(&String::from_utf8_lossy(cell), &[DateStyle::Iso])
                .map(|span| Some(span.first))
                .ok_or_else(|| {
                    rejection(Some(name), RejectCode::BadDate, "YYYY-MM-DD or YYYYMMDD", cell)
                }),
        };
        let (from, to) = match validity {
            Some((from, to)) => (day(from, "ValidityPeriodStart")?, day(to, "ValidityPeriodEnd")?),
            None => (None, None),
        };
        let report = self.head.usage;
        let first = from.or(report.map(|(first, _)| first));
        let first = first.ok_or_else(|| missing("UsageStartDate"))?;
        let last = to.or(report.map(|(_, last)| last)).unwrap_or(first);
        let latest = first.after(USAGE_DAYS_MAX.unsigned_abs());
        if last < first || latest < last {
            let found = last.to_string();
            let expected = format!("from {first} to {latest}");
            let name = Some("ValidityPeriodEnd");
            return Err(rejection(name, RejectCode::OutOfRange, &expected, found.as_bytes()));
        }
        Ok((first, last))
    }

    fn tier(&self, model: Option<&str>, subscribers: Option<&str>) -> (Tier, Option<String>) {
        let tier = self.store.tier.look_up(model, subscribers);
        (tier, tier_code(model, subscribers))
    }

    fn controls(&mut self) -> Vec<CheckedControl> {
        let counted = CountedSummary {
            lines: self.n_lines,
            summaries: self.n_summaries,
            blocks: self.n_blocks,
        };
        let n_files = self.head.n_files.filter(|n_files| *n_files != 1);
        let mut controls = check_foot(self.foot.as_ref(), n_files, counted);
        controls.append(&mut self.unreadable_totals);
        let mut summaries: Vec<(&String, &DsrSummary)> = self.summaries.iter().collect();
        summaries.sort_unstable_by_key(|(id, _)| *id);
        let totals = summaries.into_iter().filter_map(|(id, summary)| summary.check(id, n_files));
        controls.extend(totals);
        controls
    }

    fn reject(&mut self, cells: &RecordCells<'_>, rejection: RowRejection) {
        self.reading.counts.quarantined += 1;
        if self.reading.bad_rows.len() < BAD_ROWS_KEPT_MAX {
            let raw = raw_cells(cells.all(), b'\t');
            let RowRejection { column, reject_code, detail } = rejection;
            self.reading.bad_rows.push(RejectedRow {
                row: self.row,
                column,
                reject_code,
                detail,
                raw,
            });
        }
    }
}
