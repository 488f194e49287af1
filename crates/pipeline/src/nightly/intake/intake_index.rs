//! Which inbox files were examined, and how they looked then.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_storage::disk::durable::{DiskError, IoContext as _, rename, write_new};
use streamledger_storage::disk::reading::{if_there, read_file};
use streamledger_storage::layout::ledger::SeenFile;
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;
use streamledger_storage::source::inbox::{Inbox, InboxFile};

/// Inbox files by path. Only saves work: what is wrong or missing here is found again by hash.
#[derive(Debug, Default)]
pub(crate) struct IntakeIndex {
    files: BTreeMap<String, SeenFile>,
    /// Those that are in the inbox as they were; `None` where nobody looked.
    present: Option<BTreeSet<String>>,
}

impl IntakeIndex {
    /// Reads what is there; a damaged file is as good as none.
    pub(crate) fn read(places: &WarehouseLayout) -> Result<Self, DiskError> {
        let path = places.internal("seen.json");
        let bytes = if_there(read_file(&path))?;
        let files = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Ok(Self { files, present: None })
    }

    /// Writes what is known now.
    pub(crate) fn write(&self, places: &WarehouseLayout) -> Result<(), DiskError> {
        let path = places.internal("seen.json");
        let new = places.internal("staging/seen.json");
        let bytes =
            serde_json::to_vec(&self.files).map_err(std::io::Error::other).at("write", &new)?;
        write_new(&new, &bytes)?;
        rename(&new, &path)
    }

    /// Notes which of the files are in the inbox as they were.
    pub(crate) fn look(&mut self, inbox: &Inbox) {
        let present = inbox.files.iter().filter(|file| self.report(file).is_some());
        self.present = Some(present.map(|file| file.name.clone()).collect());
    }

    /// Whether it is known which files are in the inbox.
    pub(crate) fn has_looked(&self) -> bool {
        self.present.is_some()
    }

    /// Whether a file is in the inbox and holds this report.
    pub(crate) fn has(&self, file: &str, report: &str) -> bool {
        self.present.as_ref().is_some_and(|present| present.contains(file))
            && self.files.get(file).is_some_and(|seen| seen.report == report)
    }

    /// The report that a file holds, if it has not changed since it was examined.
    pub(crate) fn report(&self, file: &InboxFile) -> Option<&str> {
        let seen = self.files.get(&file.name).filter(|seen| seen.state == file.state)?;
        Some(&seen.report)
    }

    pub(crate) fn note(&mut self, file: &InboxFile, report: &str) {
        let seen = SeenFile { state: file.state, report: report.to_owned() };
        self.files.insert(file.name.clone(), seen);
        self.present.get_or_insert_default().insert(file.name.clone());
    }
}
