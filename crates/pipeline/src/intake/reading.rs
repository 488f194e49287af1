//! The rows of one report, whatever its format: one reader over all kinds of formats.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::ingest::dsr::head::DsrHead;
use streamledger_core::ingest::table::decimal_mark::DecimalMark;
use streamledger_core::ingest::table::format::{Feed, FormatField, TableFormat};
use streamledger_core::ingest::table::head::BoundFormat;
use streamledger_core::model::about::ReportFacets;
use streamledger_core::model::day::Day;
use streamledger_core::model::listener::ListenerKey;
use streamledger_core::model::play::ReportPlays;
use streamledger_core::normalize::counts::{LineCounts, RowCounts};
use streamledger_core::normalize::dsr::reader::DsrReader;
use streamledger_core::normalize::rejected_row::{RejectedRow, ReportFault};
use streamledger_core::normalize::sales_lot::{MonthNotes, SalesLot, SalesMonth};
use streamledger_core::normalize::store::StoreSettings;
use streamledger_core::normalize::sums::PlaySums;
use streamledger_core::normalize::table::control_numbers::CheckedControl;
use streamledger_core::normalize::table::plays::context::PlaysContext;
use streamledger_core::normalize::table::reader::{TableContext, TableReader};
use streamledger_core::normalize::table::sales_reader::SalesContext;
use streamledger_core::normalize::unmapped::UnmappedValues;
use streamledger_core::normalize::values::numbers::MarksSeen;
use streamledger_storage::layout::ledger::{AboutReport, ReportPart};
use streamledger_storage::tables::lot_table::LotTable;

use crate::intake::config::PipelineSettings;
use crate::intake::detect_format::{ANY_STORE, DetectedFormat};
use crate::intake::dsr_rows::DsrRows;
use crate::intake::rejected_report::RejectedReport;
use crate::intake::table_rows::TableRows;

/// What reading rows needs to know beside the report.
#[derive(Clone, Copy)]
pub struct RowsContext<'a> {
    /// The settings of the run.
    pub settings: &'a PipelineSettings,
    /// The key of the listeners' hashes.
    pub key: &'a ListenerKey,
    /// Counted dates to keep plays of; `None` for all.
    pub wanted: Option<&'a BTreeSet<Day>>,
    /// The decimal mark of the report's numbers, where they may have either and prove none.
    pub decimal_mark: DecimalMark,
    /// How many readers may read at a time.
    pub n_readers: usize,
}

/// The rows of a report of any format.
#[derive(Debug)]
pub enum ReportRows<'a> {
    /// A DDEX DSR flat file.
    Dsr(Box<DsrRows<'a>>),
    /// A plain table.
    Table(&'a TableFormat, Box<TableRows<'a>>),
}

/// What is known of a report after its last row.
#[derive(Debug)]
pub struct RowsRead {
    /// Name of the format.
    pub format: String,
    /// What it is for.
    pub feed: Feed,
    /// Counts over the whole report.
    pub counts: RowCounts,
    /// Rows that are no data by the format's rules.
    pub n_skipped: u64,
    /// What its lines were.
    pub lines: LineCounts,
    /// Why it cannot be trusted as a whole, beside its control numbers.
    pub fault: Option<ReportFault>,
    /// Bad rows in order.
    pub bad_rows: Vec<RejectedRow>,
    /// Plays ingested by counted date.
    pub day_rows: BTreeMap<Day, u64>,
    /// Lines of statements or figures ingested, by store and month.
    pub lot_rows: BTreeMap<SalesMonth, u64>,
    /// Where its lines or plays were, and the sums of its lines.
    pub notes: MonthNotes,
    /// Pools ingested, by store and month.
    pub pool_rows: BTreeMap<SalesMonth, u64>,
    /// Values that no table of ours knows.
    pub unmapped: UnmappedValues,
    /// Table of the lines; `None` for plays.
    pub lot_table: Option<LotTable>,
    /// Control numbers of the report, checked against its rows.
    pub controls: Vec<CheckedControl>,
    /// What its numbers say of its decimal mark, where they may have either.
    pub marks: MarksSeen,
    /// Sums of its plays, where a row may stand for several.
    pub play_sums: Option<PlaySums>,
    /// Its lines, where its reader counts more than it numbers.
    pub n_lines: Option<u64>,
    /// What is wrong with the report as a whole, beside its control numbers.
    pub problems: Vec<String>,
    /// Its place in a report of several files.
    pub part: Option<ReportPart>,
    /// What it says of itself.
    pub about: AboutReport,
    /// Dates for whose plays it names the tracks.
    pub track_dates: BTreeSet<Day>,
}

impl<'a> ReportRows<'a> {
    /// A reader of a report of this store, and where in its head the rows start.
    ///
    /// # Errors
    /// Why the report cannot be read.
    pub fn open(
        context: RowsContext<'a>,
        store: &str,
        detected: DetectedFormat<'a>,
    ) -> Result<(Self, usize), RejectedReport> {
        let store = context.settings.stores.get(store).ok_or_else(|| {
            let detail = format!("no store file of the pipeline is for `{store}`");
            RejectedReport::new("unknown_store", detail)
        })?;
        match detected {
            DetectedFormat::Dsr(head) => {
                let territories = &context.settings.territories;
                let reader = DsrReader::new(*head, store, territories);
                Ok((Self::Dsr(Box::new(DsrRows::new(reader, context.n_readers))), 0))
            }
            DetectedFormat::Table(format, bound) => {
                let rows_start = bound.rows_start;
                let bound = BoundFormat { decimal_mark: context.decimal_mark, ..*bound };
                Ok((Self::table(context, store, format, bound), rows_start))
            }
        }
    }

    fn table(
        context: RowsContext<'a>,
        store: &'a StoreSettings,
        format: &'a TableFormat,
        bound: BoundFormat,
    ) -> Self {
        let RowsContext { settings, key, wanted, n_readers, .. } = context;
        let territories = &settings.territories;
        let sales = SalesContext { store: &store.store, stores: &settings.stores, territories };
        let context = match format.feed {
            Feed::Sales => TableContext::Sales(sales),
            Feed::PublicCounts | Feed::StoreRemovals => TableContext::Figures(sales),
            Feed::Trends => TableContext::Plays(PlaysContext { store, territories, key, wanted }),
            Feed::Reference => TableContext::Reference(sales),
        };
        let reader = TableReader::new(format, bound, context);
        Self::Table(format, Box::new(TableRows::new(reader, n_readers)))
    }

    /// What the report is for.
    #[must_use]
    pub fn feed(&self) -> Feed {
        match self {
            Self::Dsr(_) => Feed::Sales,
            Self::Table(format, _) => format.feed,
        }
    }

    /// Whether its rows are compared with those of other reports.
    #[must_use]
    pub fn is_compared(&self) -> bool {
        match self {
            Self::Dsr(_) => true,
            Self::Table(format, _) => is_compared_table(format),
        }
    }

    /// Reads a block of whole lines.
    pub fn read_block(&mut self, block: &[u8]) {
        match self {
            Self::Dsr(reader) => reader.read_block(block),
            Self::Table(_, reader) => reader.read_block(block),
        }
    }

    /// Memory of what was read, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Dsr(reader) => reader.size_bytes(),
            Self::Table(_, reader) => reader.size_bytes(),
        }
    }

    /// Takes the plays that were read so far out of the readers, in pieces of a counted date. The report's
    /// hash is known at its end only; whoever joins the pieces sets it.
    pub fn take_plays(&mut self) -> Vec<(Day, ReportPlays)> {
        match self {
            Self::Dsr(_) => Vec::new(),
            Self::Table(_, rows) => rows.take_plays(),
        }
    }

    /// Takes lines, pools, figures and reference data that were read so far out of the readers, those of
    /// each apart.
    pub fn take_lots(&mut self) -> Vec<SalesLot> {
        match self {
            Self::Dsr(rows) => rows.take_lots(),
            Self::Table(_, rows) => rows.take_lots(),
        }
    }

    /// The table of the rows that [`Self::take_lots`] gives, beside pools; `None` for plays.
    #[must_use]
    pub fn lot_table(&self) -> Option<LotTable> {
        let reference = match self {
            Self::Dsr(_) => None,
            Self::Table(format, _) => format.reference,
        };
        LotTable::of_feed(self.feed(), reference)
    }

    /// What the numbers that were read say of the decimal mark of the report.
    #[must_use]
    pub fn marks(&self) -> MarksSeen {
        match self {
            Self::Dsr(_) => MarksSeen::default(),
            Self::Table(_, reader) => reader.marks(),
        }
    }

    /// Ends the rows; what was read is still to be taken out.
    pub fn end(&mut self) {
        match self {
            Self::Dsr(reader) => reader.end(),
            Self::Table(_, reader) => reader.end(),
        }
    }

    /// What is known of the whole report, after all was taken out.
    #[must_use]
    pub fn finish(self) -> RowsRead {
        let lot_table = self.lot_table();
        let mut read = match self {
            Self::Dsr(reader) => {
                let first = reader.first();
                let (format, part) = (first.profile().format(), part_of(first.head()));
                let (set, proves_store) = (first.head().set.clone(), first.proves_store());
                let reading = reader.finish();
                RowsRead {
                    n_skipped: reading.n_skipped,
                    lines: reading.lines,
                    fault: reading.fault,
                    bad_rows: reading.bad_rows,
                    lot_rows: reading.lot_rows,
                    notes: reading.notes,
                    pool_rows: reading.pool_rows,
                    unmapped: reading.unmapped,
                    controls: reading.controls,
                    n_lines: Some(reading.n_lines),
                    problems: reading.problems,
                    part,
                    about: AboutReport { proves_store, ..about(&reading.about, Some(set)) },
                    ..RowsRead::new(format, Feed::Sales, reading.counts)
                }
            }
            Self::Table(format, reader) => {
                let (proves_store, reading) = (format.store != ANY_STORE, reader.finish());
                RowsRead {
                    n_skipped: reading.n_skipped,
                    lines: reading.lines,
                    fault: reading.fault,
                    bad_rows: reading.bad_rows,
                    day_rows: reading.day_rows,
                    lot_rows: reading.lot_rows,
                    notes: reading.notes,
                    unmapped: reading.unmapped,
                    controls: reading.controls,
                    marks: reading.marks,
                    play_sums: reading.play_sums,
                    track_dates: reading.track_dates,
                    about: AboutReport { proves_store, ..about(&reading.about, None) },
                    ..RowsRead::new(&format.format, format.feed, reading.counts)
                }
            }
        };
        read.lot_table = lot_table;
        read
    }
}

impl RowsRead {
    fn new(format: &str, feed: Feed, counts: RowCounts) -> Self {
        Self {
            format: format.to_owned(),
            feed,
            counts,
            n_skipped: 0,
            lines: LineCounts::default(),
            fault: None,
            bad_rows: Vec::new(),
            day_rows: BTreeMap::new(),
            lot_rows: BTreeMap::new(),
            notes: MonthNotes::new(),
            pool_rows: BTreeMap::new(),
            unmapped: UnmappedValues::default(),
            lot_table: None,
            controls: Vec::new(),
            marks: MarksSeen::default(),
            play_sums: None,
            n_lines: None,
            problems: Vec::new(),
            part: None,
            about: AboutReport::default(),
            track_dates: BTreeSet::new(),
        }
    }
}

/// Whether rows of a format are compared with those of other reports: figures that are added up, and plays
/// that no listener tells apart.
pub(crate) fn is_compared_table(format: &TableFormat) -> bool {
    match format.feed {
        Feed::Sales | Feed::PublicCounts | Feed::StoreRemovals => true,
        Feed::Trends => !format.fields.contains_key(&FormatField::Listener),
        Feed::Reference => false,
    }
}

fn about(about: &ReportFacets, set: Option<String>) -> AboutReport {
    AboutReport {
        period: about.period(),
        territory: about.territory(),
        stated: about.stated.map(|(first, last)| format!("{first}..{last}")),
        created_ms: about.created_ms,
        set,
        proves_store: false,
    }
}

/// The place of a file among the files of its report; `None` if it is the only one.
fn part_of(head: &DsrHead) -> Option<ReportPart> {
    let (number, of) = head.file_number.zip(head.n_files)?;
    (1 < of).then(|| ReportPart { set: head.set.clone(), number, of })
}
