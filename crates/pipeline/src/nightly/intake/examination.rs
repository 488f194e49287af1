//! What a run knows after it has read what is new.

use crate::nightly::summary::RunSummary;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use streamledger_storage::archive::archived_reports::NewReport;
use streamledger_storage::archive::row_files::RowList;
use streamledger_storage::disk::file_batch::FileBatch;
use streamledger_storage::layout::ledger::LedgerReports;
use streamledger_storage::source::inbox::InboxFile;
use streamledger_storage::source::report_source::ReportFile;
use streamledger_storage::tables::small_tables::ReportNotes;

use crate::intake::examine::ExaminedReport;
use crate::intake::play_buffer::ReportDays;
use crate::intake::sales_runs::ReportRuns;
use crate::nightly::error::NightlyError;
use crate::nightly::intake::speculative_build::{SpeculativeBuilds, usable_builds};
use crate::nightly::plan::planned::FinishedFiles;
use crate::nightly::plan::planning::Targets;
use crate::nightly::plan::run_inputs::RunInputs;

/// Store of a file that lies in no store's folder.
pub(crate) const NO_STORE: &str = "unknown";

/// What is known after all files were examined.
#[derive(Debug, Default)]
pub(crate) struct IntakeResult {
    /// All reports, known and new.
    pub(crate) reports: LedgerReports,
    /// Plays of the reports that were read in this run, of dates that were not built at once.
    pub(crate) fresh: BTreeMap<String, ReportDays>,
    /// Lines and pools of the reports that were read in this run.
    pub(crate) fresh_runs: BTreeMap<String, ReportRuns>,
    /// Partitions of lines and sums that a backfill which was interrupted had finished.
    pub(crate) kept_files: BTreeMap<String, FinishedFiles>,
    /// Dates that such a backfill had finished.
    pub(crate) n_kept_days: u64,
    /// Archived reports that a backfill has read.
    pub(crate) n_read: u64,
    /// Dates that were built at once, by store and date.
    pub(crate) speculative_builds: SpeculativeBuilds,
    /// Copies for the archive that were made while reports were read.
    pub(crate) copies: FileBatch,
    /// Files to put into the archive under a name.
    pub(crate) to_archive: Vec<NewReport>,
    /// What is kept next to the ledger of the reports that were read in this run.
    pub(crate) notes: BTreeMap<String, ReportNotes>,
    /// Lists of rows of the reports that were read in this run.
    pub(crate) row_lists: BTreeMap<String, RowList>,
    /// How many rows pairs of reports have in common, to be kept; `None` where nothing is new.
    pub(crate) comparisons: Option<String>,
    /// What people are told of the files and reports.
    pub(crate) summary: RunSummary,
}

impl IntakeResult {
    /// What partitions are built from: of the dates that were built at once, those that a plan can use.
    pub(crate) fn take_inputs(
        &mut self,
        targets: &Targets,
        staged: &Path,
    ) -> Result<RunInputs, NightlyError> {
        let builds = std::mem::take(&mut self.speculative_builds);
        Ok(RunInputs {
            plays: std::mem::take(&mut self.fresh),
            runs: std::mem::take(&mut self.fresh_runs),
            finished: std::mem::take(&mut self.kept_files),
            early: usable_builds(targets, builds, staged)?,
            ..RunInputs::default()
        })
    }
}

/// A report that was read.
pub(crate) struct ReadReport<'a> {
    pub(crate) candidate: &'a ReportCandidate<'a>,
    pub(crate) store: &'a str,
    /// Its id, hex.
    pub(crate) key: String,
    /// Hash of its bytes, hex.
    pub(crate) hash: String,
    pub(crate) report: ExaminedReport,
}

impl<'a> ReadReport<'a> {
    pub(crate) fn new(candidate: &'a ReportCandidate<'a>, report: ExaminedReport) -> Self {
        let store = candidate.store.unwrap_or(NO_STORE);
        let (key, hash) = (report.id(store).to_hex(), hex::encode(report.hash));
        Self { candidate, store, key, hash, report }
    }
}

/// A file to read.
pub(crate) struct ReportCandidate<'a> {
    pub(crate) path: PathBuf,
    /// Path in the inbox, or the name by which the report was first read.
    pub(crate) name: &'a str,
    pub(crate) store: Option<&'a str>,
    pub(crate) size_bytes: u64,
    /// The inbox file; `None` for a report from the archive.
    pub(crate) file: Option<&'a InboxFile>,
    /// The report's key, where it is a known one that is read again.
    pub(crate) known: Option<&'a str>,
    /// Of a report from the archive: the path in the inbox under which it is read.
    pub(crate) came_as: Option<&'a str>,
}

impl ReportCandidate<'_> {
    pub(crate) fn report_file(&self) -> ReportFile<'_> {
        match self.file {
            Some(_) => ReportFile::Inbox(&self.path),
            None => ReportFile::Archive(&self.path),
        }
    }

    /// What the summary calls it.
    pub(crate) fn shown(&self) -> String {
        self.file.map_or_else(|| self.path.display().to_string(), |file| file.name.clone())
    }
}
