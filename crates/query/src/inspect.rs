//! Looks at one report for a person: which format it is and why, where each field stands, what its
//! control numbers say, and its first rows in our words. Writes nothing.

use std::path::Path;

use streamledger_core::ingest::dsr::head::{DsrHead, DsrProfile};
use streamledger_core::ingest::table::decimal_mark::DecimalMark;
use streamledger_core::ingest::table::format::{Feed, TableFormat};
use streamledger_core::ingest::table::head::BoundFormat;
use streamledger_core::ingest::text::{ReportText, TextError};
use streamledger_core::model::listener::ListenerKey;
use streamledger_core::normalize::counts::{LineCounts, RowCounts};
use streamledger_core::normalize::rejected_row::RejectedRow;
use streamledger_core::normalize::table::control_numbers::CheckedControl;
use streamledger_core::normalize::unmapped::UnmappedValues;
use streamledger_pipeline::intake::config::PipelineSettings;
use streamledger_pipeline::intake::detect_format::{DetectedFormat, detect_format, judge_member};
use streamledger_pipeline::intake::examine::without_folders;
use streamledger_pipeline::intake::reading::{ReportRows, RowsContext};
use streamledger_pipeline::intake::rejected_report::RejectedReport;
use streamledger_pipeline::intake::why_rejected::why_rejected;
use streamledger_storage::disk::durable::DiskError;
use streamledger_storage::disk::reading::without_links;
use streamledger_storage::disk::stages::StageTimes;
use streamledger_storage::source::report_source::{
    BlockReader, DecodeMode, MemberKind, ReportFile, ReportPacking, SkippedMember, SourceEnd,
    read_through,
};

use crate::inspect_rows::{columns_of, lot_to_rows, pieces_to_rows};

/// What was found.
#[derive(Debug, Default)]
pub struct ReportInspection {
    /// How the file is packed.
    pub packing: Option<ReportPacking>,
    /// Name of the member that is the report, of an archive.
    pub member: Option<String>,
    /// The other members of the archive, and why they are not read.
    pub skipped: Vec<SkippedMember>,
    /// BLAKE3 of the uncompressed bytes, hex.
    pub hash: Option<String>,
    /// The format.
    pub format: Option<String>,
    /// What it is for.
    pub feed: Option<Feed>,
    /// Store as which it was read.
    pub store: Option<String>,
    /// Line of the header, from 1.
    pub header_line: Option<u32>,
    /// Fields and where each comes from, in the order of the specification.
    pub fields: Vec<(String, String)>,
    /// Columns that are not looked at.
    pub unused: Vec<String>,
    /// Counts over the whole report.
    pub counts: RowCounts,
    /// Rows that are no data by the format's rules.
    pub n_skipped: u64,
    /// Values that no table of ours knows.
    pub unmapped: UnmappedValues,
    /// What its lines were.
    pub lines: LineCounts,
    /// Lines of its text, counted by themselves.
    pub n_lines: u64,
    /// Control numbers.
    pub controls: Vec<CheckedControl>,
    /// Names of the columns of `rows`.
    pub columns: Vec<String>,
    /// First rows in our words, in the report's order; empty cells are nulls.
    pub rows: Vec<Vec<String>>,
    /// First bad rows.
    pub bad_rows: Vec<RejectedRow>,
    /// Why it would be rejected.
    pub rejection: Option<RejectedReport>,
}

/// Reads a report of `store`, or of the store whose format claims it, and shows its first rows.
///
/// # Errors
/// [`DiskError`] if the file cannot be read.
pub fn inspect_report(
    settings: &PipelineSettings,
    path: &Path,
    store: Option<&str>,
    n_rows_max: usize,
) -> Result<ReportInspection, DiskError> {
    let key = ListenerKey::new([0; 32]);
    // A person may name a link.
    let canonical = without_links(path)?;
    let file_name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut mark = DecimalMark::Point;
    loop {
        let mut inspector = ReportInspector {
            settings,
            key: &key,
            store: store.map(ToOwned::to_owned),
            file_name: file_name.clone(),
            n_rows_max,
            mark,
            text: ReportText::default(),
            text_error: None,
            rows: None,
            found: ReportInspection::default(),
        };
        let file = ReportFile::Inbox(&canonical);
        let end =
            read_through(file, DecodeMode::SameThread, &StageTimes::default(), &mut inspector)?;
        if let SourceEnd::Unreadable(error) = end {
            return Err(error);
        }
        inspector.end();
        // What other numbers of the report tell of some is known at its end only.
        let marks = inspector.rows.as_ref().map(ReportRows::marks).unwrap_or_default();
        match marks.misread(mark) {
            Some(other) => mark = other,
            None => return Ok(inspector.finish(end)),
        }
    }
}

struct ReportInspector<'a> {
    settings: &'a PipelineSettings,
    key: &'a ListenerKey,
    store: Option<String>,
    file_name: String,
    n_rows_max: usize,
    /// The decimal mark by which numbers are read that prove none.
    mark: DecimalMark,
    text: ReportText,
    text_error: Option<TextError>,
    rows: Option<ReportRows<'a>>,
    found: ReportInspection,
}

impl<'a> ReportInspector<'a> {
    fn take_text(&mut self, mut lines: &[u8]) {
        if self.rows.is_none() && self.found.rejection.is_none() {
            match self.begin(lines) {
                Ok(rows_start) => lines = &lines[rows_start..],
                Err(rejection) => self.found.rejection = Some(rejection),
            }
        }
        if let Some(rows) = &mut self.rows {
            rows.read_block(lines);
            self.show_rows();
        }
    }

    /// Tries the store that was named, or each one.
    fn begin(&mut self, head: &[u8]) -> Result<usize, RejectedReport> {
        let settings = self.settings;
        let stores: Vec<String> = match &self.store {
            Some(store) => vec![store.clone()],
            None => settings.stores.keys().cloned().collect(),
        };
        let mut first_rejection = None;
        for store in stores {
            match detect_format(settings, Some(&store), &self.file_name, head) {
                Ok(detected) => return self.read_as(&store, detected),
                // Of many stores only the one that is meant says something that helps.
                Err(rejection) if self.store.is_some() || rejection.code != "unknown_format" => {
                    let is_better = first_rejection
                        .as_ref()
                        .is_none_or(|first: &RejectedReport| first.code == "store_mismatch");
                    if is_better {
                        first_rejection = Some(rejection);
                    }
                }
                Err(_) => {}
            }
        }
        Err(first_rejection.unwrap_or_else(|| {
            let n_formats = settings.formats.len() + DsrProfile::ALL.len();
            RejectedReport::new(
                "unknown_format",
                format!("none of the {n_formats} formats claims it"),
            )
        }))
    }

    fn read_as(
        &mut self,
        store: &str,
        detected: DetectedFormat<'a>,
    ) -> Result<usize, RejectedReport> {
        let settings = self.settings;
        let store = settings.stores.get(store).ok_or_else(|| {
            RejectedReport::new(
                "unknown_store",
                format!("no store file of the pipeline is for `{store}`"),
            )
        })?;
        self.found.store = Some(store.store.clone());
        match &detected {
            DetectedFormat::Dsr(head) => self.describe_dsr(head),
            DetectedFormat::Table(format, bound) => self.describe(format, bound),
        }
        let context = RowsContext {
            settings,
            key: self.key,
            wanted: None,
            decimal_mark: self.mark,
            n_readers: 1,
        };
        let (rows, rows_start) = ReportRows::open(context, &store.store, detected)?;
        self.found.feed = Some(rows.feed());
        self.found.columns = columns_of(rows.lot_table());
        self.rows = Some(rows);
        Ok(rows_start)
    }

    fn describe_dsr(&mut self, head: &DsrHead) {
        let found = &mut self.found;
        found.format = Some(head.profile.format().to_owned());
        let DsrHead { profile_name, profile_version, .. } = head;
        let mut push = |name: &str, text: String| found.fields.push((name.to_owned(), text));
        push("profile", format!("{profile_name} {profile_version}"));
        if let Some((from, to)) = head.usage {
            push("usage", format!("HEAD: {from} to {to}"));
        }
        if let (Some(number), Some(of)) = (head.file_number, head.n_files) {
            push("file", format!("HEAD: {number} of {of}"));
        }
        push("territory, tier, currency", "summary records (SY), by SummaryRecordId".to_owned());
        push("isrc, upc", "records of the block (AS, RE), by reference, or the line's".to_owned());
    }

    fn describe(&mut self, format: &TableFormat, bound: &BoundFormat) {
        let found = &mut self.found;
        found.format = Some(format.format.clone());
        found.feed = Some(format.feed);
        found.header_line = bound.header_line.map(|line| line + 1);
        let mut used = vec![false; bound.names.len()];
        for field in format.fields.keys().chain(format.constants.keys()) {
            let name = field_name(*field);
            if found.fields.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let columns = bound.columns.get(field).into_iter().flatten();
            let mut places: Vec<String> = Vec::new();
            for column in columns {
                used[*column] = true;
                places.push(format!("column {} `{}`", column + 1, bound.names[*column].trim()));
            }
            let fixed = match (bound.preamble.get(field), format.constants.get(field)) {
                (Some(said), _) => Some(format!("preamble: {said}")),
                (None, Some(constant)) => Some(format!("always {constant}")),
                (None, None) => None,
            };
            places.extend(fixed);
            let from = if places.is_empty() {
                "not in this report".to_owned()
            } else {
                places.join(", else ")
            };
            found.fields.push((name, from));
        }
        let unused = bound.names.iter().zip(used).filter(|(_, used)| !used);
        found.unused = unused.map(|(name, _)| name.trim().to_owned()).collect();
    }

    /// Takes what was read out of the reader and keeps the first rows of it.
    fn show_rows(&mut self) {
        let Some(rows) = &mut self.rows else {
            return;
        };
        let mut shown = pieces_to_rows(rows.take_plays());
        for lot in rows.take_lots() {
            shown.extend(lot_to_rows(lot, rows.lot_table()));
        }
        shown.sort_by_key(|(row, _)| *row);
        let room = self.n_rows_max.saturating_sub(self.found.rows.len());
        self.found.rows.extend(shown.into_iter().take(room).map(|(_, cells)| cells));
    }

    /// Reads what is left of the text.
    fn end(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        text.finish(|lines| self.take_text(lines));
        self.found.n_lines = text.n_lines();
        if let Some(rows) = &mut self.rows {
            rows.end();
        }
    }

    fn finish(mut self, end: SourceEnd) -> ReportInspection {
        self.show_rows();
        let mut found = self.found;
        let store = found.store.as_ref().and_then(|store| self.settings.stores.get(store));
        match (self.rows, store) {
            (Some(rows), Some(store)) => {
                let read = rows.finish();
                found.rejection =
                    why_rejected(&read, found.n_lines, store.bad_rows_max_basis_points);
                found.lines = read.lines;
                (found.counts, found.n_skipped) = (read.counts, read.n_skipped);
                (found.bad_rows, found.unmapped) = (read.bad_rows, read.unmapped);
                found.controls = read.controls;
            }
            _ if found.rejection.is_none() => {
                found.rejection =
                    Some(RejectedReport::new("empty_file", "the report has no bytes"));
            }
            _ => {}
        }
        match end {
            SourceEnd::Whole { hash, packing, archive } => {
                if let Some(archive) = archive {
                    found.member = Some(archive.member);
                    found.skipped = archive.skipped;
                }
                found.hash = Some(hex::encode(hash));
                found.packing = Some(packing);
            }
            SourceEnd::Corrupt { code, detail, .. } => {
                found.rejection = Some(RejectedReport::new(code, detail));
            }
            SourceEnd::Growing | SourceEnd::Unreadable(_) => {
                let detail = "it changed while it was read";
                found.rejection = Some(RejectedReport::new("growing", detail));
            }
        }
        found.bad_rows.truncate(self.n_rows_max);
        found
    }
}

impl BlockReader for ReportInspector<'_> {
    fn judge(&self, member: &str, head: &[u8]) -> MemberKind {
        let settings = self.settings;
        if let Some(store) = &self.store {
            return judge_member(settings, Some(store), member, head);
        }
        let kinds =
            settings.stores.keys().map(|store| judge_member(settings, Some(store), member, head));
        let mut kinds: Vec<MemberKind> = kinds.collect();
        // Of many stores only the one that is meant says something that helps.
        let is_of_another =
            |kind: &MemberKind| matches!(kind, MemberKind::Nearly { code: "store_mismatch", .. });
        let best = kinds.iter().position(|kind| *kind == MemberKind::Report).or_else(|| {
            kinds
                .iter()
                .position(|kind| matches!(kind, MemberKind::Nearly { .. }) && !is_of_another(kind))
        });
        if kinds.is_empty() {
            return MemberKind::Other { reason: "the pipeline has no stores".to_owned() };
        }
        kinds.swap_remove(best.unwrap_or_default())
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

/// A field's name as format files write it.
fn field_name(field: streamledger_core::ingest::table::format::FormatField) -> String {
    serde_json::to_value(field).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
