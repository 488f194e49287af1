//! What is kept of the reports that a run has read before anything is published that refers to them: their
//! copies in the archive, and next to the ledger what is wrong with them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use streamledger_storage::archive::archived_names::{keep_names, read_names};
use streamledger_storage::archive::archived_reports::{ArchiveWriter, CopyOutcome, archive_path};
use streamledger_storage::disk::durable::IoContext as _;
use streamledger_storage::disk::file_batch::{FileAccess, FileBatch};
use streamledger_storage::disk::reading::{exists, if_there, read_file};
use streamledger_storage::layout::error::WarehouseError;
use streamledger_storage::layout::ledger::{LedgerReports, ReportEntry, ReportState};
use streamledger_storage::source::report_source::ReportFile;
use streamledger_storage::tables::small_tables::{QuarantineEntry, ReportNotes};

use crate::intake::examine::{ExaminedFile, REJECTED_ROWS_KEPT};
use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::intake::entering::notes_of;
use crate::nightly::intake::examination::{IntakeResult, NO_STORE};
use crate::nightly::intake::read_again::let_go;
use crate::nightly::supersede::comparing::keep_rows;

/// Puts new reports into the archive, and what is wrong with them next to the ledger, before
/// anything is published that refers to them.
pub(crate) fn keep_reports(
    run: &RunContext<'_>,
    examination: &mut IntakeResult,
) -> Result<(), NightlyError> {
    let copies = std::mem::take(&mut examination.copies);
    let mut archive = ArchiveWriter::new(run.places, copies);
    for report in &examination.to_archive {
        match archive.copy(report)? {
            CopyOutcome::Whole => {}
            // Its copy was made while others were read, and somebody has removed it since.
            CopyOutcome::Changed => {
                let error = std::io::Error::other("it changed after it was read; run again");
                return Err(error).at("copy to the archive", &report.path)?;
            }
            CopyOutcome::Unreadable(error) => return Err(error.into()),
        }
    }
    warn_of_unknown_reports(run, examination)?;
    let mut batch = archive.take_batch();
    keep_names(run.places, &examination.reports, &mut batch)?;
    keep_rows(run, examination, &mut batch)?;
    for (key, notes) in &examination.notes {
        write_notes(run, &examination.reports[key], notes, &mut batch)?;
    }
    Ok(batch.publish()?)
}

/// Warns of archived reports that a first run knows nothing of: the manifest was lost, or the archive was
/// put back from a backup. What a run that was cut off has archived is in the inbox still.
fn warn_of_unknown_reports(
    run: &RunContext<'_>,
    examination: &IntakeResult,
) -> Result<(), NightlyError> {
    if run.places.current()?.is_some() {
        return Ok(());
    }
    let known: BTreeSet<&String> =
        examination.reports.values().filter_map(|report| report.archived.as_ref()).collect();
    let archived = read_names(run.places)?;
    let unknown = archived.iter().filter(|(name, _)| !known.contains(name)).count();
    if unknown != 0 {
        tracing::warn!(
            unknown,
            archive = %run.places.internal("archive").display(),
            "the archive holds reports that are in no table and not in the inbox; `streamledger backfill \
             --from-archive OLD --warehouse NEW` makes a new warehouse of them"
        );
    }
    Ok(())
}

fn write_notes(
    run: &RunContext<'_>,
    report: &ReportEntry,
    notes: &ReportNotes,
    batch: &mut FileBatch,
) -> Result<(), NightlyError> {
    let path = notes_path(run, report);
    // Empty notes get no file, unless there is an older one to replace.
    if *notes == ReportNotes::default() && !exists(&path) {
        return Ok(());
    }
    let bytes = notes.to_bytes().map_err(std::io::Error::other).at("write", &path)?;
    Ok(batch.write(&path, &bytes, FileAccess::Usual)?)
}

/// Makes damaged lists of rejected rows and unknown values again, as far as the reports are there, and
/// what the archive says of them. Tells how many files it made.
pub(crate) fn mend_notes(
    run: &RunContext<'_>,
    reports: &LedgerReports,
) -> Result<u64, NightlyError> {
    let mut batch = FileBatch::new(&run.places.internal("staging"));
    let mut n_mended = keep_names(run.places, reports, &mut batch)?;
    for report in reports.values() {
        if read_notes(run, report)?.is_none() {
            let notes = remake_notes(run, report)?;
            write_notes(run, report, &notes, &mut batch)?;
            n_mended += 1;
        }
    }
    batch.publish()?;
    Ok(n_mended)
}

/// What is kept of a report next to the ledger.
pub(crate) fn notes_of_report(
    run: &RunContext<'_>,
    report: &ReportEntry,
) -> Result<ReportNotes, NightlyError> {
    let mut notes = match read_notes(run, report)? {
        Some(notes) => notes,
        None => remake_notes(run, report)?,
    };
    if report.state == ReportState::Unaccepted {
        notes.entries.truncate(REJECTED_ROWS_KEPT);
        let detail = report.detail.as_deref().unwrap_or_default();
        let whole = QuarantineEntry::of_report(report.reason.as_deref(), detail);
        notes.entries.insert(0, whole);
    }
    if let Some(detail) = &report.sizes.rejected_for {
        notes.entries.truncate(REJECTED_ROWS_KEPT);
        let whole = QuarantineEntry::of_report(report.reason.as_deref(), detail);
        notes.entries.insert(0, whole);
    }
    Ok(notes)
}

/// What is kept of a report; `None` if it is gone or not what was written.
fn read_notes(
    run: &RunContext<'_>,
    report: &ReportEntry,
) -> Result<Option<ReportNotes>, NightlyError> {
    let path = notes_path(run, report);
    let Some(bytes) = if_there(read_file(&path))? else {
        let are_none = ReportNotes::are_none(report.notes_hash.as_deref());
        return Ok(are_none.then(ReportNotes::default));
    };
    let is_other = report
        .notes_hash
        .as_ref()
        .is_some_and(|hash| *hash != blake3::hash(&bytes).to_hex().as_str());
    if is_other {
        return Ok(None);
    }
    Ok(serde_json::from_slice(&bytes).ok())
}

/// Reads a report again whose rejected rows and unknown values are lost: from the archive, or where it
/// was rejected as a whole, from the inbox.
fn remake_notes(run: &RunContext<'_>, report: &ReportEntry) -> Result<ReportNotes, NightlyError> {
    let path = notes_path(run, report);
    tracing::warn!(
        path = %path.display(), file = report.file(),
        "the list of rejected rows and unknown values is damaged: the report is read again"
    );
    let archived = report.archived.as_ref().map(|name| archive_path(run.places, name));
    let in_inbox = run.options.inbox.join(report.file());
    let (source, name) = match &archived {
        Some(archived) => (ReportFile::Archive(archived), report.read_as(report.file())),
        None => (ReportFile::Inbox(&in_inbox), report.file()),
    };
    let nothing = BTreeSet::new();
    let store = Some(report.store.as_str()).filter(|store| *store != NO_STORE);
    let examined = run.examiner(1).examine(source, name, store, Some(&nothing))?;
    if let ExaminedFile::Report(mut found) = examined
        && hex::encode(found.hash) == report.hash
    {
        let notes = notes_of(&mut found);
        let_go(run, *found)?;
        return Ok(notes);
    }
    let message = format!(
        "is not what was written, and the report is not in {}: put {} there again and run \
         `streamledger nightly --retry-rejected`",
        if archived.is_some() { "the archive" } else { "the inbox" },
        report.file()
    );
    Err(NightlyError::Warehouse(WarehouseError::Damaged { path, message }))
}

fn notes_path(run: &RunContext<'_>, report: &ReportEntry) -> PathBuf {
    run.places.internal("bad_rows").join(report.notes_file())
}
