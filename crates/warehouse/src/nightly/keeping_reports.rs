//! What is kept of the reports that a run has read before anything is published that refers to them: their
//! copies in the archive, and beside the ledger what is wrong with them.

use std::path::PathBuf;

use crate::archive::{Copied, archive_report};
use crate::durable::At as _;
use crate::examine::REFUSED_ROWS_KEPT;
use crate::ledger::{ReportEntry, ReportState};
use crate::nightly::examining::Examination;
use crate::nightly::{Night, NightlyError};
use crate::small_tables::{Complaint, ReportNotes};
use crate::warehouse::WarehouseError;

impl Night<'_> {
    /// Puts new reports into the archive, and what is wrong with them beside the ledger, before
    /// anything is published that refers to them.
    pub(super) fn keep_reports(&self, examination: &Examination) -> Result<(), NightlyError> {
        for report in &examination.to_archive {
            match archive_report(self.places, report)? {
                Copied::Whole => {}
                // Its copy was made while others were read, and somebody has removed it since.
                Copied::Changed => {
                    let error = std::io::Error::other("it changed after it was read; run again");
                    return Err(error).at("copy to the archive", &report.path)?;
                }
                Copied::Unreadable(error) => return Err(error.into()),
            }
        }
        self.keep_rows(examination)?;
        for (key, notes) in &examination.notes {
            let path = self.notes_path(&examination.reports[key]);
            let new = self.places.internal("staging/notes");
            let bytes =
                serde_json::to_vec(notes).map_err(std::io::Error::other).at("write", &new)?;
            crate::durable::write_new(&new, &bytes)?;
            crate::durable::rename(&new, &path)?;
        }
        Ok(())
    }

    /// What is kept of a report beside the ledger.
    pub(super) fn notes(&self, report: &ReportEntry) -> Result<ReportNotes, NightlyError> {
        let path = self.notes_path(report);
        let bytes = std::fs::read(&path).at("read", &path)?;
        let mut notes: ReportNotes = serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!("does not hold the bad rows of a report: {error}");
            NightlyError::Warehouse(WarehouseError::Damaged { path, message })
        })?;
        if report.state == ReportState::Unaccepted {
            notes.complaints.truncate(REFUSED_ROWS_KEPT);
            let detail = report.detail.as_deref().unwrap_or_default();
            let whole = Complaint::of_report(report.reason.as_deref(), detail);
            notes.complaints.insert(0, whole);
        }
        if let Some(detail) = &report.sizes.rejected_for {
            notes.complaints.truncate(REFUSED_ROWS_KEPT);
            let whole = Complaint::of_report(report.reason.as_deref(), detail);
            notes.complaints.insert(0, whole);
        }
        Ok(notes)
    }

    fn notes_path(&self, report: &ReportEntry) -> PathBuf {
        let name = format!("{}-{}.json", report.id, report.reading);
        self.places.internal("bad_rows").join(name)
    }
}
