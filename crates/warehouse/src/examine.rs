//! Examines one report: is it one, of which format, and what does it hold?

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use streamledger_core::ingest::spotify_streams::{self, Columns, HeaderMismatch};
use streamledger_core::normalize::defect::BadRow;
use streamledger_core::normalize::spotify_streams::{Context, Counts, StreamsReader};
use streamledger_core::vocabulary::day::Day;
use streamledger_core::vocabulary::listener::ListenerKey;

use crate::config::Settings;
use crate::durable::DiskError;
use crate::held::{Holder, Segment};
use crate::report_source::{End, Pace, Packing, read_through};
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
    /// Name of the format; `None` if it was not recognised.
    pub format: Option<&'static str>,
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
    fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, column: None, detail: detail.into() }
    }
}

impl Examiner<'_> {
    /// Reads a report; `wanted` limits which counted dates are kept.
    ///
    /// # Errors
    /// [`DiskError`] if the file cannot be read or plays cannot be put on disk. What is wrong with
    /// the report is a [`Refusal`].
    pub fn examine(
        &self,
        path: &Path,
        store_folder: Option<&str>,
        wanted: Option<&BTreeSet<Day>>,
    ) -> Result<Examined, DiskError> {
        let mut reading = Reading::new(*self, store_folder, wanted);
        let end = read_through(path, self.pace, self.stages, |block| reading.take(block))?;
        if let Some(error) = reading.error.take() {
            return Err(error);
        }
        match end {
            End::Growing => Ok(Examined::Growing),
            End::Corrupt { hash, detail } => Ok(Examined::Report(Box::new(ExaminedReport {
                hash,
                packing: Packing::Plain,
                format: None,
                counts: None,
                day_rows: BTreeMap::new(),
                bad_rows: Vec::new(),
                refusal: Some(Refusal::new("corrupt", format!("cannot be unpacked: {detail}"))),
                days: BTreeMap::new(),
            }))),
            End::Whole { hash, packing } => reading.finish(hash, packing).map(Examined::Report),
        }
    }
}

/// A report while its blocks come in.
struct Reading<'a> {
    examiner: Examiner<'a>,
    store_folder: Option<&'a str>,
    wanted: Option<&'a BTreeSet<Day>>,
    state: State<'a>,
    days: BTreeMap<Day, Vec<Segment>>,
    error: Option<DiskError>,
}

enum State<'a> {
    Start,
    Rows(Box<StreamsReader<'a>>),
    Refused(Refusal),
}

impl<'a> Reading<'a> {
    fn new(
        examiner: Examiner<'a>,
        store_folder: Option<&'a str>,
        wanted: Option<&'a BTreeSet<Day>>,
    ) -> Self {
        let (state, days) = (State::Start, BTreeMap::new());
        Self { examiner, store_folder, wanted, state, days, error: None }
    }

    fn take(&mut self, block: &[u8]) {
        let mut rows = block;
        if matches!(self.state, State::Start) {
            let text = block.strip_prefix(b"\xef\xbb\xbf").unwrap_or(block);
            let end = memchr::memchr(b'\n', text).map_or(text.len(), |feed| feed + 1);
            self.state = match self.recognise(&text[..end]) {
                Ok(reader) => State::Rows(Box::new(reader)),
                Err(refusal) => State::Refused(refusal),
            };
            rows = &text[end..];
        }
        if let State::Rows(reader) = &mut self.state {
            reader.read_block(rows);
            if self.examiner.segment_bytes_max < reader.size_bytes() {
                self.seal();
            }
        }
    }

    fn recognise(&self, header: &[u8]) -> Result<StreamsReader<'a>, Refusal> {
        let header = header.strip_suffix(b"\n").unwrap_or(header);
        let header = header.strip_suffix(b"\r").unwrap_or(header);
        let columns = Columns::recognise(header).map_err(not_recognised)?;
        let settings = self.examiner.settings;
        let folder = self.store_folder.unwrap_or_default();
        if folder != spotify_streams::STORE {
            let detail = format!(
                "expected a report of the store that the folder names ({}), found {}, which is {}'s",
                if folder.is_empty() { "none" } else { folder },
                spotify_streams::FORMAT,
                spotify_streams::STORE,
            );
            return Err(Refusal::new("store_mismatch", detail));
        }
        let Some(store) = settings.stores.get(spotify_streams::STORE) else {
            let detail =
                format!("no store file of the pipeline is for `{}`", spotify_streams::STORE);
            return Err(Refusal::new("unknown_store", detail));
        };
        let context = Context {
            store,
            territories: &settings.territories,
            key: self.examiner.key,
            wanted: self.wanted,
        };
        Ok(StreamsReader::new(columns, context))
    }

    /// Hands what was read so far to the holder.
    fn seal(&mut self) {
        let State::Rows(reader) = &mut self.state else {
            return;
        };
        // The report's hash is known at its end only; whoever joins the pieces sets it.
        for (day, piece) in reader.take_pieces([0; 32]) {
            match self.examiner.holder.hold(piece) {
                Ok(segment) => self.days.entry(day).or_default().push(segment),
                Err(error) => self.error = self.error.take().or(Some(error)),
            }
        }
    }

    fn finish(
        mut self,
        hash: [u8; 32],
        packing: Packing,
    ) -> Result<Box<ExaminedReport>, DiskError> {
        self.seal();
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut report = ExaminedReport {
            hash,
            packing,
            format: None,
            counts: None,
            day_rows: BTreeMap::new(),
            bad_rows: Vec::new(),
            refusal: None,
            days: self.days,
        };
        match self.state {
            State::Start => {
                report.refusal = Some(Refusal::new("empty_file", "the report has no bytes"))
            }
            State::Refused(refusal) => report.refusal = Some(refusal),
            State::Rows(reader) => {
                let reading = reader.finish();
                let bad_rows_max =
                    self.examiner.settings.stores[spotify_streams::STORE].bad_rows_max_basis_points;
                report.format = Some(spotify_streams::FORMAT);
                report.refusal = too_many_bad_rows(&reading.counts, bad_rows_max);
                report.counts = Some(reading.counts);
                report.day_rows = reading.day_rows;
                report.bad_rows = reading.bad_rows;
            }
        }
        if report.refusal.is_some() {
            report.bad_rows.truncate(REFUSED_ROWS_KEPT);
            for segment in std::mem::take(&mut report.days).into_values().flatten() {
                if let Segment::Memory(piece) = &segment {
                    self.examiner.holder.release(piece);
                }
            }
        }
        Ok(Box::new(report))
    }
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

/// Half of the needed columns make a near miss: that format with a hole; else it is something else.
fn not_recognised(mismatch: HeaderMismatch) -> Refusal {
    let format = spotify_streams::FORMAT;
    match mismatch {
        HeaderMismatch::Missing { columns, n_found } if columns.len() <= n_found => Refusal {
            code: "missing_column",
            column: columns.first().map(ToString::to_string),
            detail: format!("{format}: the header lacks {}", columns.join(", ")),
        },
        HeaderMismatch::Twice { column } => Refusal {
            code: "ambiguous_column",
            column: Some(column.to_owned()),
            detail: format!("{format}: the header has `{column}` more than once"),
        },
        mismatch => Refusal::new("unknown_format", format!("not {format}: {mismatch}")),
    }
}
