//! Reads a plain table of any feed: cuts it, hands rows to the reader of its feed, keeps bad rows and
//! the tail, and holds what was read against the report's own control numbers.

use std::collections::{BTreeMap, BTreeSet};

use crate::ingest::table::decimal_mark::DecimalMark;
use crate::ingest::table::format::FormatField;
use crate::ingest::table::format::{Feed, ReferenceKind, TableFormat};
use crate::ingest::table::head::{BoundFormat, cell_text, normal_name};
use crate::ingest::table::quotes::LineFault;
use crate::ingest::table::records::RecordCutter;
use crate::ingest::table::rows::TableRecord;
use crate::model::about::ReportFacets;
use crate::model::day::Day;
use crate::model::listener::ListenerKey;
use crate::model::play::ReportPlays;
use crate::normalize::counts::{LineCounts, RowCounts};
use crate::normalize::rejected_row::{
    RejectCode, RejectedRow, ReportFault, ReportRejectCode, hashed_line, raw_cells,
    raw_row_of_plays, shown,
};
use crate::normalize::sales_lot::{MonthNotes, SalesLot, SalesMonth};
use crate::normalize::sums::PlaySums;
use crate::normalize::table::control_numbers::CheckedControl;
use crate::normalize::table::controls::ControlNumbers;
use crate::normalize::table::fields::{RowRejection, TableFields};
use crate::normalize::table::figures_reader::FiguresReader;
use crate::normalize::table::headers::{TableHeaders, is_repeated};
use crate::normalize::table::plays::PlaysReader;
use crate::normalize::table::plays::context::PlaysContext;
use crate::normalize::table::reference_reader::ReferenceReader;
use crate::normalize::table::sales_reader::{SalesContext, SalesReader};
use crate::normalize::unmapped::UnmappedValues;
use crate::normalize::values::numbers::MarksSeen;

mod rows;
mod sharing;
mod tail;

/// Most bad rows that are kept in full; of a report with more only the number is known, since it is rejected
/// or a limit of the settings is very loose.
pub(crate) const BAD_ROWS_KEPT_MAX: usize = 1 << 20;

/// Reads one report.
#[derive(Debug)]
pub struct TableReader<'a> {
    format: &'a TableFormat,
    cutter: RecordCutter,
    n_columns: usize,
    rows: TableRowsKind<'a>,
    end_at: Vec<String>,
    /// Whether the rows have ended.
    is_in_tail: bool,
    controls: ControlNumbers<'a>,
    counts: RowCounts,
    /// Rows that are no data.
    n_skipped: u64,
    headers: TableHeaders,
    n_head: u64,
    n_tail: u64,
    /// The row that ends inside a quote, if no other line came after it.
    open_quote: Option<u32>,
    fault: Option<ReportFault>,
    /// The row with the fault.
    fault_row: u32,
    /// The last row that was cut.
    last_row: u32,
    bad_rows: Vec<RejectedRow>,
    /// Places of rows at hand that cannot be read, and why; keeps its memory.
    rejected: Vec<(usize, RowRejection)>,
    lot_rows: BTreeMap<SalesMonth, u64>,
    notes: MonthNotes,
}

/// What rows become.
#[derive(Debug)]
enum TableRowsKind<'a> {
    Plays(Box<PlaysReader<'a>>),
    Sales(Box<SalesReader<'a>>),
    Figures(Box<FiguresReader<'a>>),
    Reference(Box<ReferenceReader<'a>>),
}

impl<'a> TableRowsKind<'a> {
    fn fields(&self) -> &TableFields<'a> {
        match self {
            Self::Plays(reader) => reader.fields(),
            Self::Sales(reader) => reader.fields(),
            Self::Figures(reader) => reader.fields(),
            Self::Reference(reader) => reader.fields(),
        }
    }

    /// What it reads with.
    fn context(&self) -> TableContext<'a> {
        match self {
            Self::Plays(reader) => TableContext::Plays(reader.context()),
            Self::Sales(reader) => TableContext::Sales(reader.context()),
            Self::Figures(reader) => TableContext::Figures(reader.context()),
            Self::Reference(reader) => TableContext::Reference(reader.context()),
        }
    }

    /// The key of the listeners' hashes, of a report whose cells may name listeners.
    fn listener_key(&self) -> Option<&'a ListenerKey> {
        match self {
            Self::Plays(reader) => Some(reader.context().key),
            Self::Sales(_) | Self::Figures(_) | Self::Reference(_) => None,
        }
    }
}

/// What rows become, with what is needed for it.
#[derive(Debug, Clone, Copy)]
pub enum TableContext<'a> {
    /// Plays.
    Plays(PlaysContext<'a>),
    /// Lines of statements.
    Sales(SalesContext<'a>),
    /// Counters or declared streams.
    Figures(SalesContext<'a>),
    /// Reference data.
    Reference(SalesContext<'a>),
}

/// What is known after the last row.
#[derive(Debug)]
pub struct TableReading {
    /// Counts over the whole report.
    pub counts: RowCounts,
    /// Rows that are no data by the format's rules.
    pub n_skipped: u64,
    /// What its lines were.
    pub lines: LineCounts,
    /// Why it cannot be trusted as a whole.
    pub fault: Option<ReportFault>,
    /// Bad rows in order.
    pub bad_rows: Vec<RejectedRow>,
    /// Plays ingested by counted date.
    pub day_rows: BTreeMap<Day, u64>,
    /// Lines of statements, figures or reference data ingested by store and month.
    pub lot_rows: BTreeMap<SalesMonth, u64>,
    /// Where its lines or plays were, and the sums of its lines.
    pub notes: MonthNotes,
    /// Dates for whose plays the report names the tracks.
    pub track_dates: BTreeSet<Day>,
    /// Values that no table of ours knows.
    pub unmapped: UnmappedValues,
    /// Control numbers of the report, checked against its rows.
    pub controls: Vec<CheckedControl>,
    /// What its numbers say of its decimal mark, where they may have either.
    pub marks: MarksSeen,
    /// Sums of its plays; `None` if it has none.
    pub play_sums: Option<PlaySums>,
    /// What the report says of itself.
    pub about: ReportFacets,
}

impl<'a> TableReader<'a> {
    /// A reader for a report with this head; the context must be that of the format's feed.
    #[must_use]
    pub fn new(format: &'a TableFormat, bound: BoundFormat, context: TableContext<'a>) -> Self {
        let names = bound.names.clone();
        let controls = ControlNumbers::new(format, bound.controls.clone());
        let headers = TableHeaders::new(format, &bound);
        let n_head = bound.header_line.map_or(0, |line| u64::from(line) + 1);
        let rows = match context {
            TableContext::Plays(context) => {
                TableRowsKind::Plays(Box::new(PlaysReader::new(format, bound, context)))
            }
            TableContext::Sales(context) => {
                TableRowsKind::Sales(Box::new(SalesReader::new(format, bound, context)))
            }
            TableContext::Figures(context) => {
                TableRowsKind::Figures(Box::new(FiguresReader::new(format, bound, context)))
            }
            TableContext::Reference(context) => {
                TableRowsKind::Reference(Box::new(ReferenceReader::new(format, bound, context)))
            }
        };
        Self {
            format,
            cutter: RecordCutter::new(&format.text, &names),
            n_columns: names.len(),
            rows,
            end_at: format.text.end_at.iter().map(|name| normal_name(name)).collect(),
            is_in_tail: false,
            controls,
            counts: RowCounts::default(),
            n_skipped: 0,
            headers,
            n_head,
            n_tail: 0,
            open_quote: None,
            fault: None,
            fault_row: 0,
            last_row: 0,
            bad_rows: Vec::new(),
            rejected: Vec::new(),
            lot_rows: BTreeMap::new(),
            notes: MonthNotes::new(),
        }
    }

    /// The feed.
    #[must_use]
    pub fn feed(&self) -> Feed {
        self.format.feed
    }

    /// Reads a block of whole lines; the last block of a report may end without a line end.
    pub fn read_block(&mut self, block: &[u8]) {
        let mut cutter = std::mem::take(&mut self.cutter);
        cutter.cut(block, |cut| self.take(cut));
        self.cutter = cutter;
    }

    /// Memory of what was read, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        match &self.rows {
            TableRowsKind::Plays(reader) => reader.size_bytes(),
            TableRowsKind::Sales(reader) => reader.size_bytes(),
            TableRowsKind::Figures(reader) => reader.size_bytes(),
            TableRowsKind::Reference(reader) => reader.size_bytes(),
        }
    }

    /// Takes the plays that were read so far out of the reader.
    pub fn take_pieces(&mut self) -> BTreeMap<Day, ReportPlays> {
        match &mut self.rows {
            TableRowsKind::Plays(reader) => reader.take_pieces([0; 32]),
            TableRowsKind::Sales(_) | TableRowsKind::Figures(_) | TableRowsKind::Reference(_) => {
                BTreeMap::new()
            }
        }
    }

    /// Takes the lines that were read so far out of the reader.
    pub fn take_lot(&mut self) -> SalesLot {
        let lot = match &mut self.rows {
            TableRowsKind::Plays(_) => return SalesLot::default(),
            TableRowsKind::Sales(reader) => reader.take_lot(),
            TableRowsKind::Figures(reader) => reader.take_lot(),
            TableRowsKind::Reference(reader) => reader.take_lot(),
        };
        lot.note(&mut self.notes);
        for (month, sales) in &lot.sales {
            *self.lot_rows.entry(month.clone()).or_default() += sales.len() as u64;
        }
        for (month, references) in &lot.references {
            *self.lot_rows.entry(month.clone()).or_default() += references.len() as u64;
        }
        for (month, figures) in &lot.figures {
            *self.lot_rows.entry(month.clone()).or_default() += figures.len() as u64;
        }
        lot
    }

    /// Ends the rows; what was read is still to be taken out.
    pub fn end(&mut self) {
        let mut cutter = std::mem::take(&mut self.cutter);
        cutter.finish(|cut| self.take(cut));
        self.cutter = cutter;
    }

    /// What is known of the whole report, after all was taken out.
    #[must_use]
    pub fn finish(self) -> TableReading {
        let (about, lines, fault) = (self.about(), self.lines(), self.fault());
        let (marks, mark) = (self.marks(), self.marks_read());
        let of_tracks = self.format.reference == Some(ReferenceKind::Tracks);
        let (mut day_rows, mut track_dates) = (BTreeMap::new(), BTreeSet::new());
        let (mut play_sums, mut notes) = (None, self.notes);
        let unmapped = match self.rows {
            TableRowsKind::Plays(reader) => {
                let reading = reader.finish();
                (day_rows, notes) = (reading.day_rows, reading.notes);
                play_sums = Some(reading.sums);
                reading.unmapped
            }
            TableRowsKind::Sales(reader) => reader.unmapped().clone(),
            TableRowsKind::Figures(reader) => reader.unmapped().clone(),
            TableRowsKind::Reference(reader) => {
                if of_tracks {
                    track_dates.clone_from(reader.dates());
                }
                UnmappedValues::default()
            }
        };
        TableReading {
            about,
            track_dates,
            controls: self.controls.check(mark),
            marks,
            play_sums,
            counts: self.counts,
            n_skipped: self.n_skipped,
            lines,
            fault,
            bad_rows: self.bad_rows,
            day_rows,
            lot_rows: self.lot_rows,
            notes,
            unmapped,
        }
    }

    /// What the numbers say so far of the decimal mark of the report.
    #[must_use]
    pub fn marks(&self) -> MarksSeen {
        self.rows.fields().marks()
    }

    /// The mark by which its stated numbers are read.
    fn marks_read(&self) -> DecimalMark {
        let decided = self.marks().decided().ok().flatten();
        decided.unwrap_or(self.rows.fields().bound.decimal_mark)
    }

    fn lines(&self) -> LineCounts {
        LineCounts {
            head: self.n_head,
            rows: self.counts.rows,
            skipped: self.n_skipped,
            repeated_headers: self.counts.repeated_headers,
            descriptions: 0,
            continued: self.cutter.n_continued(),
            blank: self.cutter.n_blank(),
            tail: self.n_tail,
        }
    }

    fn fault(&self) -> Option<ReportFault> {
        let cut = || {
            let detail = format!(
                "the last line (row {}) ends inside a quoted cell: the report was cut off; fetch it again",
                self.open_quote?
            );
            Some(ReportFault::new(ReportRejectCode::CutReport, detail))
        };
        let in_header = || {
            let names = self.headers.names()?;
            ReportFault::of_header(names, self.counts.rows + self.n_skipped)
        };
        self.fault.clone().or_else(cut).or_else(in_header)
    }

    fn about(&self) -> ReportFacets {
        match &self.rows {
            TableRowsKind::Plays(reader) => reader.about(),
            TableRowsKind::Sales(reader) => reader.about(),
            TableRowsKind::Figures(reader) => reader.about(),
            TableRowsKind::Reference(reader) => {
                let mut about = ReportFacets::default();
                reader.dates().iter().for_each(|day| about.note_days(*day, *day));
                about
            }
        }
    }

    fn fields(&self) -> &TableFields<'a> {
        self.rows.fields()
    }

    /// Whether a line repeats the header and is to be passed over. Another header breaks the report.
    fn is_repeated_header(&mut self, record: &TableRecord<'_>) -> bool {
        let cells = record.all().map(|cell| cell_text(cell, self.format));
        let line = self.headers.look_at(cells);
        self.with_fault_row(record.row, |reader| {
            is_repeated(line, Some(record.row), &mut reader.counts, &mut reader.fault)
        })
    }

    /// A line that is not cut into cells.
    fn take_broken(&mut self, text: &[u8], row: u32, fault: LineFault) {
        self.open_quote = (fault == LineFault::OpenQuote).then_some(row);
        if self.format.text.multiline {
            let reject_code = match fault {
                LineFault::OpenQuote => ReportRejectCode::CutReport,
                _ => ReportRejectCode::BadQuotes,
            };
            let expected = fault.expected();
            let detail = format!("row {row}: expected {expected}; no row behind it can be trusted");
            self.fault.get_or_insert_with(|| ReportFault::new(reject_code, detail));
        } else if self.headers.is_broken_header(text) {
            self.fault.get_or_insert_with(|| ReportFault::second_header(row));
        }
        if self.is_in_tail {
            self.n_tail += 1;
            return;
        }
        self.counts.rows += 1;
        self.controls.add_unreadable();
        // Nobody can say where in a broken line the listener stands.
        let (found, raw) = match self.rows.listener_key() {
            Some(key) => (String::new(), hashed_line(text, row, key)),
            None => (format!(", found {}", shown(text)), shown(text)),
        };
        let detail = format!("expected {}{found}", fault.expected());
        self.keep(RejectedRow { row, column: None, reject_code: RejectCode::BadLine, detail, raw });
    }

    fn reject(&mut self, record: &TableRecord<'_>, rejection: &mut RowRejection) {
        let delimiter = self.format.text.delimiter.byte().unwrap_or(b'\t');
        let raw = match self.rows.listener_key() {
            Some(key) => {
                let listener = self.fields().column(FormatField::Listener);
                raw_row_of_plays(record.all(), record.row, listener, rejection.reject_code, key)
            }
            None => raw_cells(record.all(), delimiter),
        };
        let RowRejection { column, reject_code, detail } = rejection;
        let (column, detail) = (column.take(), std::mem::take(detail));
        let reject_code = *reject_code;
        self.keep(RejectedRow { row: record.row, column, reject_code, detail, raw });
    }

    fn keep(&mut self, bad_row: RejectedRow) {
        self.counts.quarantined += 1;
        if self.bad_rows.len() < BAD_ROWS_KEPT_MAX {
            self.bad_rows.push(bad_row);
        }
    }
}
