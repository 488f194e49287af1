//! Examines one report: is it one, of which format, and what does it hold?

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::ingest::table::format::Feed;
use streamledger_core::ingest::text::{Text, TextError, is_utf16};
use streamledger_core::normalize::counts::{Counts, UnmappedCodes};
use streamledger_core::normalize::defect::{BadRow, ReportFault};
use streamledger_core::normalize::sales_lot::{MonthNotes, SalesMonth};
use streamledger_core::normalize::table_reader::Checked;
use streamledger_core::vocabulary::day::Day;
use streamledger_core::vocabulary::listener::ListenerKey;

use crate::config::Settings;
use crate::held::{Holder, Segment};
use crate::ledger::{AboutReport, Part};
use crate::partition::PartitionError;
use crate::reading::{Rows, RowsContext, RowsRead};
use crate::recognise::recognise;
use crate::report_source::{End, Pace, Packing, Reader, ReportFile, read_through};
use crate::sales_columns::LotTable;
use crate::sales_runs::{RunStore, Runs, drop_runs};
use crate::stages::Stages;

/// What examining needs to know beside the file.
#[derive(Clone, Copy)]
pub struct Examiner<'a> {
    /// The settings of the run.
    pub settings: &'a Settings,
    /// The key of the listeners' hashes.
    pub key: &'a ListenerKey,
    /// Where plays are kept.
    pub holder: &'a Holder,
    /// Where lines of statements are kept.
    pub runs: &'a RunStore,
    /// Plays of one report that are kept in memory with their words before they are handed to the
    /// holder, in bytes.
    pub segment_bytes_max: usize,
    /// Whether a report is unpacked in a thread of its own.
    pub pace: Pace,
    /// Where the time goes.
    pub stages: &'a Stages,
}

/// What was found.
#[derive(Debug)]
pub enum Examined {
    /// A report.
    Report(Box<ExaminedReport>),
    /// The file changed while it was read: it is left for the next run.
    Growing,
}

/// A report that was read to its end, for good or bad.
#[derive(Debug)]
pub struct ExaminedReport {
    /// SHA-256 of the uncompressed bytes, or of the bytes as they came where they cannot be decoded.
    pub hash: [u8; 32],
    /// How it is packed.
    pub packing: Packing,
    /// Name of the member that is the report, of an archive.
    pub member: Option<String>,
    /// Name of the format; `None` if it was not recognised.
    pub format: Option<String>,
    /// What it is for; `None` if it was not recognised.
    pub feed: Option<Feed>,
    /// Counts; `None` if the bytes could not be decoded or the format was not recognised.
    pub counts: Option<Counts>,
    /// Rows that can be read, by counted date.
    pub day_rows: BTreeMap<Day, u64>,
    /// Bad rows; of a refused report the first [`REFUSED_ROWS_KEPT`].
    pub bad_rows: Vec<BadRow>,
    /// Why it is refused; `None` if it is taken in.
    pub refusal: Option<Refusal>,
    /// Its plays by counted date; none if it is refused.
    pub days: BTreeMap<Day, Vec<Segment>>,
    /// Lines of statements or figures taken in, by store and month.
    pub lot_rows: BTreeMap<SalesMonth, u64>,
    /// Where its lines or plays were, and the sums of its lines.
    pub notes: MonthNotes,
    /// Pools by store and month of use.
    pub pool_rows: BTreeMap<SalesMonth, u64>,
    /// Its lines and pools; none if it is refused.
    pub runs: Runs,
    /// Tier codes that no store's table holds.
    pub unmapped: UnmappedCodes,
    /// Its control numbers, held against its rows.
    pub controls: Vec<Checked>,
    /// Its place in a report of several files.
    pub part: Option<Part>,
    /// What it says of itself.
    pub about: AboutReport,
    /// Table of its lines; `None` for plays.
    pub lot_table: Option<LotTable>,
    /// Dates for whose plays it names the tracks.
    pub track_dates: BTreeSet<Day>,
}

impl ExaminedReport {
    fn new(hash: [u8; 32], packing: Packing) -> Self {
        Self {
            hash,
            packing,
            member: None,
            format: None,
            feed: None,
            counts: None,
            day_rows: BTreeMap::new(),
            bad_rows: Vec::new(),
            refusal: None,
            days: BTreeMap::new(),
            lot_rows: BTreeMap::new(),
            notes: MonthNotes::new(),
            pool_rows: BTreeMap::new(),
            runs: Runs::new(),
            unmapped: UnmappedCodes::default(),
            controls: Vec::new(),
            part: None,
            about: AboutReport::default(),
            lot_table: None,
            track_dates: BTreeSet::new(),
        }
    }

    fn take(&mut self, read: RowsRead, n_lines: u64, bad_rows_max_basis_points: u32) {
        self.refusal = why_refused(&read, n_lines, bad_rows_max_basis_points);
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
        self.part = read.part;
        self.about = read.about;
        self.lot_table = read.lot_table;
        self.track_dates = read.track_dates;
    }
}

/// Of a report refused for too many bad rows, this many are kept (specification of `quarantine`).
pub const REFUSED_ROWS_KEPT: usize = 100;

/// Why a report is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Code in `quarantine.reason` and `reports.reason`.
    pub code: &'static str,
    /// Column, where one is to blame.
    pub column: Option<String>,
    /// Expected and found, for a person.
    pub detail: String,
}

impl Refusal {
    /// A refusal that no single column is to blame for.
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, column: None, detail: detail.into() }
    }
}

impl Examiner<'_> {
    /// Reads a report; `name` is its path in the inbox, `wanted` limits which counted dates are kept.
    ///
    /// # Errors
    /// [`PartitionError`] if the file cannot be read or rows cannot be put on disk. What is wrong with
    /// the report is a [`Refusal`].
    pub fn examine(
        &self,
        file: ReportFile<'_>,
        name: &str,
        store_folder: Option<&str>,
        wanted: Option<&BTreeSet<Day>>,
    ) -> Result<Examined, PartitionError> {
        let mut reading = Reading::new(*self, name, store_folder, wanted);
        let end = read_through(file, self.pace, self.stages, &mut reading)?;
        if let Some(error) = reading.error.take() {
            return Err(error);
        }
        match end {
            End::Growing => Ok(Examined::Growing),
            End::Corrupt { hash, code, detail } => {
                let mut report = ExaminedReport::new(hash, Packing::Plain);
                report.refusal = Some(Refusal::new(code, detail));
                Ok(Examined::Report(Box::new(report)))
            }
            End::Whole { hash, packing, member } => {
                let mut report = reading.finish(hash, packing)?;
                report.member = member;
                Ok(Examined::Report(report))
            }
        }
    }
}

/// A report while its blocks come in.
struct Reading<'a> {
    examiner: Examiner<'a>,
    /// Name of the file in the inbox or archive, without its folders.
    file_name: String,
    store_folder: Option<&'a str>,
    wanted: Option<&'a BTreeSet<Day>>,
    text: Text,
    /// Why the bytes are no text of lines.
    text_error: Option<TextError>,
    state: State<'a>,
    days: BTreeMap<Day, Vec<Segment>>,
    runs: Runs,
    error: Option<PartitionError>,
}

enum State<'a> {
    Start,
    Rows(Rows<'a>),
    Refused(Refusal),
}

impl<'a> Reading<'a> {
    fn new(
        examiner: Examiner<'a>,
        name: &'a str,
        store_folder: Option<&'a str>,
        wanted: Option<&'a BTreeSet<Day>>,
    ) -> Self {
        Self {
            examiner,
            file_name: without_folders(name).to_owned(),
            store_folder,
            wanted,
            text: Text::default(),
            text_error: None,
            state: State::Start,
            days: BTreeMap::new(),
            runs: Runs::new(),
            error: None,
        }
    }

    fn take_text(&mut self, mut lines: &[u8]) {
        if matches!(self.state, State::Start) {
            match self.begin(lines) {
                Ok((rows, rows_start)) => {
                    self.state = State::Rows(rows);
                    lines = &lines[rows_start..];
                }
                Err(refusal) => self.state = State::Refused(refusal),
            }
        }
        if let State::Rows(rows) = &mut self.state {
            rows.read_block(lines);
            if self.examiner.segment_bytes_max < rows.size_bytes() {
                self.seal();
            }
        }
    }

    /// The reader of the report's format, and where in its head the rows start.
    fn begin(&self, head: &[u8]) -> Result<(Rows<'a>, usize), Refusal> {
        let Examiner { settings, key, .. } = self.examiner;
        let recognised = recognise(settings, self.store_folder, &self.file_name, head)?;
        let context = RowsContext { settings, key, wanted: self.wanted };
        Rows::open(context, self.store_folder.unwrap_or_default(), recognised, head)
    }

    /// Hands what was read so far to the holder and the runs.
    fn seal(&mut self) {
        let State::Rows(rows) = &mut self.state else {
            return;
        };
        for (day, piece) in rows.take_pieces() {
            match self.examiner.holder.hold(piece) {
                Ok(segment) => self.days.entry(day).or_default().push(segment),
                Err(error) => self.error = self.error.take().or(Some(error.into())),
            }
        }
        let (lot, table) = (rows.take_lot(), rows.lot_table());
        if let Err(error) = self.examiner.runs.put_down(lot, table, &mut self.runs) {
            self.error = self.error.take().or(Some(error));
        }
    }

    fn finish(
        mut self,
        hash: [u8; 32],
        packing: Packing,
    ) -> Result<Box<ExaminedReport>, PartitionError> {
        let mut text = std::mem::take(&mut self.text);
        text.finish(|lines| self.take_text(lines));
        let n_lines = text.n_lines();
        if let State::Rows(rows) = &mut self.state {
            rows.end();
        }
        self.seal();
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut report = ExaminedReport::new(hash, packing);
        (report.days, report.runs) = (self.days, self.runs);
        match self.state {
            State::Start => {
                report.refusal = Some(Refusal::new("empty_file", "the report has no bytes"));
            }
            State::Refused(refusal) => report.refusal = Some(refusal),
            State::Rows(rows) => {
                let folder = self.store_folder.unwrap_or_default();
                let store = self.examiner.settings.stores.get(folder);
                let bad_rows_max = store.map_or(0, |store| store.bad_rows_max_basis_points);
                report.take(rows.finish(), n_lines, bad_rows_max);
            }
        }
        if report.refusal.is_some() {
            self.examiner.drop_rows(&mut report)?;
        }
        Ok(Box::new(report))
    }
}

impl Reader for Reading<'_> {
    fn is_report(&self, member: &str, head: &[u8]) -> bool {
        is_report(self.examiner.settings, self.store_folder, member, head)
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

/// Whether the head of a member of an archive is that of a report that is taken in.
pub(crate) fn is_report(
    settings: &Settings,
    store_folder: Option<&str>,
    member: &str,
    head: &[u8],
) -> bool {
    // What follows the first lines is rows; a head of one line may lack its end, or half of it.
    let head = if is_utf16(head) { &head[..head.len() / 2 * 2] } else { head };
    let (mut text, mut is_one) = (Text::default(), None);
    let mut take = |lines: &[u8]| {
        is_one.get_or_insert_with(|| recognise(settings, store_folder, member, lines).is_ok());
    };
    if text.take(head, &mut take).is_ok() {
        text.finish(take);
    }
    is_one.unwrap_or(false)
}

/// The name of a file without the folders before it.
pub(crate) fn without_folders(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

impl Examiner<'_> {
    /// A refused report keeps none of its rows.
    fn drop_rows(&self, report: &mut ExaminedReport) -> Result<(), PartitionError> {
        report.bad_rows.truncate(REFUSED_ROWS_KEPT);
        for segment in std::mem::take(&mut report.days).into_values().flatten() {
            if let Segment::Memory(piece) = &segment {
                self.holder.release(piece);
            }
        }
        Ok(drop_runs(std::mem::take(&mut report.runs))?)
    }
}

/// Why a report is refused after all its rows were read; its text has `n_lines`.
pub(crate) fn why_refused(
    read: &RowsRead,
    n_lines: u64,
    bad_rows_max_basis_points: u32,
) -> Option<Refusal> {
    let problems = || {
        let detail = read.problems.join("; ");
        (!read.problems.is_empty()).then(|| Refusal::new("bad_head", detail))
    };
    let fault = || read.fault.clone().or_else(|| ReportFault::of_lines(&read.lines, n_lines));
    problems()
        .or_else(|| fault().map(|fault| Refusal::new(fault.defect.code(), fault.detail)))
        .or_else(|| wrong_total(&read.controls))
        .or_else(|| too_many_bad_rows(&read.counts, bad_rows_max_basis_points))
}

/// A control number that the rows do not add up to: part of the report is missing, or too much.
fn wrong_total(controls: &[Checked]) -> Option<Refusal> {
    let wrong = controls.iter().find(|control| control.is_binding && !control.agrees)?;
    if wrong.said.is_empty() {
        let detail = format!("{} is missing: the report was cut off", wrong.label);
        return Some(Refusal::new("control_total", detail));
    }
    let detail = format!("{} says {}, the rows add up to {}", wrong.label, wrong.said, wrong.found);
    Some(Refusal::new("control_total", detail))
}

fn too_many_bad_rows(counts: &Counts, max_basis_points: u32) -> Option<Refusal> {
    let too_many = u64::from(max_basis_points) * counts.rows < counts.quarantined * 10_000;
    too_many.then(|| {
        let percent = f64::from(max_basis_points) / 100.0;
        let detail = format!(
            "expected at most {percent} % bad rows, found {} of {}",
            counts.quarantined, counts.rows
        );
        Refusal::new("too_many_bad_rows", detail)
    })
}
