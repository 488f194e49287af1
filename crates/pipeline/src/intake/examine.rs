//! Examines one report: is it one, of which format, and what does it hold?

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::ingest::table::decimal_mark::DecimalMark;
use streamledger_core::ingest::table::format::Feed;
use streamledger_core::ingest::text::{ReportText, TextError};
use streamledger_core::model::day::Day;
use streamledger_core::model::listener::ListenerKey;
use streamledger_core::model::play::ReportPlays;
use streamledger_core::model::report_id::{NameFacts, ReportId};
use streamledger_core::normalize::counts::RowCounts;
use streamledger_core::normalize::rejected_row::RejectedRow;
use streamledger_core::normalize::sales_lot::{MonthNotes, SalesMonth};
use streamledger_core::normalize::sums::PlaySums;
use streamledger_core::normalize::table::control_numbers::CheckedControl;
use streamledger_core::normalize::unmapped::UnmappedValues;
use streamledger_core::supersede::row_hash::RowSums;
use streamledger_storage::archive::row_files::{RowCollector, RowFolder, RowList};
use streamledger_storage::disk::durable::DiskError;
use streamledger_storage::disk::stages::StageTimes;
use streamledger_storage::layout::ledger::{AboutReport, ReportPart};
use streamledger_storage::source::report_source::{
    BlockReader, DecodeMode, FromArchive, MemberKind, ReportFile, ReportPacking, SourceEnd,
    read_through,
};
use streamledger_storage::tables::lot_table::LotTable;
use streamledger_storage::tables::partition::PartitionError;

use crate::intake::config::PipelineSettings;
use crate::intake::detect_format::{DetectedFormat, detect_format, judge_member};
use crate::intake::play_buffer::{PlayBuffer, ReportDay, SpillablePlays};
use crate::intake::reading::{ReportRows, RowsContext, RowsRead, is_compared_table};
use crate::intake::rejected_report::RejectedReport;
use crate::intake::sales_runs::{ReportRuns, RunStore, drop_runs};
use crate::intake::why_rejected::why_rejected;

/// What examining needs to know beside the file.
#[derive(Clone, Copy)]
pub struct Examiner<'a> {
    /// The settings of the run.
    pub settings: &'a PipelineSettings,
    /// The key of the listeners' hashes.
    pub key: &'a ListenerKey,
    /// Where plays are kept.
    pub play_buffer: &'a PlayBuffer,
    /// Where lines of statements are kept.
    pub runs: &'a RunStore,
    /// Plays of one report that are kept in memory with their words before they are handed to the
    /// play buffer, in bytes.
    pub segment_bytes_max: usize,
    /// Where lists of rows wait by which reports are compared; `None` where no report is new.
    pub rows: Option<&'a RowFolder>,
    /// Sees all plays of a report before they are kept or let go; `None` where nobody needs to.
    pub onlooker: Option<PlayOnlooker<'a>>,
    /// Whether a report is unpacked in a thread of its own.
    pub decode_mode: DecodeMode,
    /// How many readers may read a report at a time.
    pub n_readers: usize,
    /// Where the time goes.
    pub stages: &'a StageTimes,
}

/// Is shown plays by date; `None` where the report is read from its beginning, perhaps not for the first
/// time.
pub type PlayOnlooker<'a> = &'a (dyn Fn(Option<&[(Day, ReportPlays)]>) + Sync);

/// What was found.
#[derive(Debug)]
pub enum ExaminedFile {
    /// A report.
    Report(Box<ExaminedReport>),
    /// The file changed while it was read: it is left for the next run.
    Growing,
    /// The file in the inbox cannot be read: it is left for the next run.
    Unreadable(DiskError),
}

/// A report that was read to its end, for good or bad.
#[derive(Debug)]
pub struct ExaminedReport {
    /// BLAKE3 of the uncompressed bytes, or of the bytes as they came where they cannot be decoded.
    pub hash: [u8; 32],
    /// What its format reads from its name.
    pub name_facts: NameFacts,
    /// How it is packed.
    pub packing: ReportPacking,
    /// Of an archive: the member that is the report, and the others.
    pub archive: Option<FromArchive>,
    /// Name of the format; `None` if it was not detected.
    pub format: Option<String>,
    /// What it is for; `None` if it was not detected.
    pub feed: Option<Feed>,
    /// Counts; `None` if the bytes could not be decoded or the format was not detected.
    pub counts: Option<RowCounts>,
    /// Rows that can be read, by counted date.
    pub day_rows: BTreeMap<Day, u64>,
    /// Bad rows; of a rejected report the first [`REJECTED_ROWS_KEPT`].
    pub bad_rows: Vec<RejectedRow>,
    /// Why it is rejected; `None` if it is ingested.
    pub rejection: Option<RejectedReport>,
    /// Its plays by counted date; none if it is rejected.
    pub days: BTreeMap<Day, ReportDay>,
    /// Lines of statements or figures ingested, by store and month.
    pub lot_rows: BTreeMap<SalesMonth, u64>,
    /// Where its lines or plays were, and the sums of its lines.
    pub notes: MonthNotes,
    /// Pools by store and month of use.
    pub pool_rows: BTreeMap<SalesMonth, u64>,
    /// Its lines and pools; none if it is rejected.
    pub runs: ReportRuns,
    /// Values that no table of ours knows.
    pub unmapped: UnmappedValues,
    /// Its control numbers, checked against its rows.
    pub controls: Vec<CheckedControl>,
    /// Sums of its plays, where a row may stand for several.
    pub play_sums: Option<PlaySums>,
    /// Its place in a report of several files.
    pub part: Option<ReportPart>,
    /// What it says of itself.
    pub about: AboutReport,
    /// Table of its lines; `None` for plays.
    pub lot_table: Option<LotTable>,
    /// Dates for whose plays it names the tracks.
    pub track_dates: BTreeSet<Day>,
    /// Its rows, where they are compared with those of other reports.
    pub row_list: Option<(RowSums, RowList)>,
}

impl ExaminedReport {
    fn new(hash: [u8; 32], packing: ReportPacking) -> Self {
        Self {
            hash,
            name_facts: NameFacts::new(),
            packing,
            archive: None,
            format: None,
            feed: None,
            counts: None,
            day_rows: BTreeMap::new(),
            bad_rows: Vec::new(),
            rejection: None,
            days: BTreeMap::new(),
            lot_rows: BTreeMap::new(),
            notes: MonthNotes::new(),
            pool_rows: BTreeMap::new(),
            runs: ReportRuns::default(),
            unmapped: UnmappedValues::default(),
            controls: Vec::new(),
            play_sums: None,
            part: None,
            about: AboutReport::default(),
            lot_table: None,
            track_dates: BTreeSet::new(),
            row_list: None,
        }
    }

    /// Its id as a report of this store.
    #[must_use]
    pub fn id(&self, store: &str) -> ReportId {
        ReportId::new(&self.hash, store, &self.name_facts)
    }

    fn take(&mut self, read: RowsRead, n_lines: u64, bad_rows_max_basis_points: u32) {
        self.rejection = why_rejected(&read, n_lines, bad_rows_max_basis_points);
        self.format = Some(read.format);
        self.feed = Some(read.feed);
        self.counts = Some(read.counts);
        self.day_rows = read.day_rows;
        self.lot_rows = read.lot_rows;
        self.notes = read.notes;
        self.pool_rows = read.pool_rows;
        self.bad_rows = read.bad_rows;
        self.unmapped = read.unmapped;
        self.controls = read.controls;
        self.play_sums = read.play_sums;
        self.part = read.part;
        self.about = read.about;
        self.lot_table = read.lot_table;
        self.track_dates = read.track_dates;
    }
}

/// Of a report rejected for too many bad rows, this many are kept (specification of `quarantine`).
pub const REJECTED_ROWS_KEPT: usize = 100;

impl Examiner<'_> {
    /// Reads a report; `name` is its path in the inbox, `wanted` limits which counted dates are kept.
    ///
    /// # Errors
    /// [`PartitionError`] if the file cannot be read or rows cannot be put on disk. What is wrong with
    /// the report is a [`RejectedReport`].
    pub fn examine(
        &self,
        file: ReportFile<'_>,
        name: &str,
        store_folder: Option<&str>,
        wanted: Option<&BTreeSet<Day>>,
    ) -> Result<ExaminedFile, PartitionError> {
        let mut mark = DecimalMark::Point;
        loop {
            let mut reading = ReportReading::new(*self, name, store_folder, (wanted, mark));
            let end = read_through(file, self.decode_mode, self.stages, &mut reading)?;
            reading.end();
            // What other numbers of the report tell of some is known at its end only.
            match reading.mark_of_report().filter(|_| matches!(end, SourceEnd::Whole { .. })) {
                Some(other) => mark = other,
                None => return reading.ended(end),
            }
            reading.abandon()?;
        }
    }
}

/// A report while its blocks come in.
struct ReportReading<'a> {
    examiner: Examiner<'a>,
    /// Name of the file in the inbox or archive, without its folders.
    file_name: String,
    store_folder: Option<&'a str>,
    wanted: Option<&'a BTreeSet<Day>>,
    name_facts: NameFacts,
    text: ReportText,
    /// Why the bytes are no text of lines.
    text_error: Option<TextError>,
    state: ReadingState<'a>,
    days: BTreeMap<Day, ReportDay>,
    runs: ReportRuns,
    /// Rows that are compared with those of other reports.
    collector: RowCollector,
    /// The decimal mark by which numbers are read that prove none.
    mark: DecimalMark,
    n_lines: u64,
    error: Option<PartitionError>,
}

enum ReadingState<'a> {
    Start,
    Rows(ReportRows<'a>),
    Rejected(RejectedReport),
}

impl<'a> ReportReading<'a> {
    fn new(
        examiner: Examiner<'a>,
        name: &'a str,
        store_folder: Option<&'a str>,
        (wanted, mark): (Option<&'a BTreeSet<Day>>, DecimalMark),
    ) -> Self {
        if let Some(look) = examiner.onlooker {
            look(None);
        }
        Self {
            examiner,
            file_name: without_folders(name).to_owned(),
            store_folder,
            wanted,
            name_facts: NameFacts::new(),
            text: ReportText::default(),
            text_error: None,
            state: ReadingState::Start,
            days: BTreeMap::new(),
            runs: ReportRuns::default(),
            collector: RowCollector::default(),
            mark,
            n_lines: 0,
            error: None,
        }
    }

    fn take_text(&mut self, mut lines: &[u8]) {
        if matches!(self.state, ReadingState::Start) {
            match self.begin(lines) {
                Ok((rows, rows_start)) => {
                    self.state = ReadingState::Rows(rows);
                    lines = &lines[rows_start..];
                }
                Err(rejection) => self.state = ReadingState::Rejected(rejection),
            }
        }
        if let ReadingState::Rows(rows) = &mut self.state {
            rows.read_block(lines);
            if self.examiner.segment_bytes_max < rows.size_bytes() {
                self.seal();
            }
        }
    }

    /// The reader of the report's format, and where in its head the rows start.
    fn begin(&mut self, head: &[u8]) -> Result<(ReportRows<'a>, usize), RejectedReport> {
        let Examiner { settings, key, .. } = self.examiner;
        let detected = detect_format(settings, self.store_folder, &self.file_name, head)?;
        self.name_facts = detected.name_facts().clone();
        let reads_all = self.examiner.rows.is_some() && is_compared(&detected);
        let wanted = self.wanted.filter(|_| !reads_all && self.examiner.onlooker.is_none());
        let n_readers = self.examiner.n_readers;
        let context = RowsContext { settings, key, wanted, decimal_mark: self.mark, n_readers };
        ReportRows::open(context, self.store_folder.unwrap_or_default(), detected)
    }

    /// Hands what was read so far to the play buffer and the runs.
    fn seal(&mut self) {
        let ReadingState::Rows(rows) = &mut self.state else {
            return;
        };
        let folder = self.examiner.rows.filter(|_| rows.is_compared());
        let (pieces, lots, table) = (rows.take_plays(), rows.take_lots(), rows.lot_table());
        if let Some(folder) = folder {
            let store = self.store_folder.unwrap_or_default();
            let collected = self.collector.push(&pieces, &lots, (folder, store));
            self.error = self.error.take().or(collected.err().map(Into::into));
        }
        if let Some(look) = self.examiner.onlooker {
            look(Some(&pieces));
        }
        for (day, piece) in pieces {
            if self.wanted.is_some_and(|wanted| !wanted.contains(&day)) {
                continue;
            }
            let of_day = self.days.entry(day).or_default();
            of_day.listened_months.extend(piece.listened_months());
            match self.examiner.play_buffer.hold(piece) {
                Ok(segment) => of_day.segments.push(segment),
                Err(error) => self.error = self.error.take().or(Some(error.into())),
            }
        }
        match self.examiner.runs.put_down(lots, table) {
            Ok(runs) => self.runs.extend(runs),
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
    }

    /// Reads what is left of the text.
    fn end(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        text.finish(|lines| self.take_text(lines));
        self.n_lines = text.n_lines();
        if let ReadingState::Rows(rows) = &mut self.state {
            rows.end();
        }
    }

    /// The decimal mark of the report, if numbers that prove none were read by the other one.
    fn mark_of_report(&self) -> Option<DecimalMark> {
        let ReadingState::Rows(rows) = &self.state else {
            return None;
        };
        rows.marks().misread(self.mark)
    }

    /// What came of the file.
    fn ended(mut self, end: SourceEnd) -> Result<ExaminedFile, PartitionError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        match end {
            SourceEnd::Growing => {
                self.abandon()?;
                Ok(ExaminedFile::Growing)
            }
            SourceEnd::Unreadable(error) => {
                self.abandon()?;
                Ok(ExaminedFile::Unreadable(error))
            }
            SourceEnd::Corrupt { hash, code, detail } => {
                self.abandon()?;
                let mut report = ExaminedReport::new(hash, ReportPacking::Plain);
                report.rejection = Some(RejectedReport::new(code, detail));
                Ok(ExaminedFile::Report(Box::new(report)))
            }
            SourceEnd::Whole { hash, packing, archive } => {
                let mut report = self.finish(hash, packing)?;
                report.archive = archive;
                Ok(ExaminedFile::Report(report))
            }
        }
    }

    /// Lets go of what was read of a report that is not kept.
    fn abandon(self) -> Result<(), PartitionError> {
        release(self.examiner.play_buffer, self.days);
        Ok(drop_runs(self.runs)?)
    }

    fn finish(
        mut self,
        hash: [u8; 32],
        packing: ReportPacking,
    ) -> Result<Box<ExaminedReport>, PartitionError> {
        self.seal();
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut report = ExaminedReport::new(hash, packing);
        (report.days, report.runs) = (self.days, self.runs);
        report.name_facts = self.name_facts;
        match self.state {
            ReadingState::Start => {
                report.rejection =
                    Some(RejectedReport::new("empty_file", "the report has no bytes"));
            }
            ReadingState::Rejected(rejection) => report.rejection = Some(rejection),
            ReadingState::Rows(rows) => {
                if let Some(folder) = self.examiner.rows.filter(|_| rows.is_compared()) {
                    report.row_list = Some(self.collector.finish(folder)?);
                }
                let folder = self.store_folder.unwrap_or_default();
                let store = self.examiner.settings.stores.get(folder);
                let bad_rows_max = store.map_or(0, |store| store.bad_rows_max_basis_points);
                report.take(rows.finish(), self.n_lines, bad_rows_max);
            }
        }
        if report.rejection.is_some() {
            self.examiner.drop_rows(&mut report)?;
        }
        Ok(Box::new(report))
    }
}

impl BlockReader for ReportReading<'_> {
    fn judge(&self, member: &str, head: &[u8]) -> MemberKind {
        judge_member(self.examiner.settings, self.store_folder, member, head)
    }

    fn begin_member(&mut self, member: &str) {
        without_folders(member).clone_into(&mut self.file_name);
    }

    fn take(&mut self, block: &[u8]) {
        let mut text = std::mem::take(&mut self.text);
        let taken = text.take(block, |lines| self.take_text(lines));
        self.text_error = taken.err();
        self.text = text;
    }

    fn stopped(&self) -> Option<TextError> {
        self.text_error
    }
}

/// Lets go of plays that were held.
fn release(play_buffer: &PlayBuffer, days: BTreeMap<Day, ReportDay>) {
    for segment in days.into_values().flat_map(|of_day| of_day.segments) {
        if let SpillablePlays::Memory(piece) = &segment {
            play_buffer.release(piece);
        }
    }
}

/// Whether all rows of a report are read whatever dates are wanted, since they are compared.
fn is_compared(detected: &DetectedFormat<'_>) -> bool {
    match detected {
        DetectedFormat::Dsr(_) => true,
        DetectedFormat::Table(format, _) => is_compared_table(format),
    }
}

/// The name of a file without the folders before it.
#[must_use]
pub fn without_folders(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

impl Examiner<'_> {
    /// A rejected report keeps none of its rows.
    fn drop_rows(&self, report: &mut ExaminedReport) -> Result<(), PartitionError> {
        report.bad_rows.truncate(REJECTED_ROWS_KEPT);
        report.row_list = None;
        release(self.play_buffer, std::mem::take(&mut report.days));
        Ok(drop_runs(std::mem::take(&mut report.runs))?)
    }
}
