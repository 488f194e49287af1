//! What lies under `internal/` of a warehouse, read again: the archive, lists of offline plays, lists of
//! rejected rows and unknown values, and the listener key.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use streamledger_storage::archive::archived_names::{is_kept, names_of};
use streamledger_storage::archive::archived_reports::archive_path;
use streamledger_storage::disk::durable::DiskError;
use streamledger_storage::disk::file_hash::hash_as_is;
use streamledger_storage::disk::reading::exists;
use streamledger_storage::disk::stages::StageTimes;
use streamledger_storage::layout::error::WarehouseError;
use streamledger_storage::layout::ledger::{Manifest, ReportEntry};
use streamledger_storage::layout::offline_keys::offline_folder;
use streamledger_storage::layout::warehouse::{KeySource, read_key};
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;
use streamledger_storage::source::report_source::{
    DecodeMode, ReportFile, SourceEnd, read_through,
};
use streamledger_storage::tables::small_tables::ReportNotes;

use crate::verification::{
    LISTENER_KEY, NAMES, NOTES, RereadOutcome, Verification, shown, verify_no_others,
};

/// The lists of offline plays, by which later runs find plays that are counted twice.
pub(crate) fn verify_offline(
    snapshot: &Path,
    manifest: &Manifest,
    found: &mut Verification,
) -> Result<(), DiskError> {
    let mut expected = BTreeMap::new();
    for (path, partition) in &manifest.partitions {
        if let Some(file) = &partition.offline_keys {
            expected.insert(snapshot.join(offline_folder(path)).join(&file.name), file);
        }
    }
    let folder = snapshot.join("offline");
    if exists(&folder) {
        verify_no_others(&folder, &expected, found)?;
    }
    for (path, file) in expected {
        match hash_as_is(&path).map(hex::encode) {
            Ok(sum) if sum == file.blake3 => {}
            Ok(sum) => {
                let message = format!("BLAKE3 is {sum}, was published as {}", file.blake3);
                found.differs(shown(snapshot, &path), message);
            }
            Err(error) => found.failed(shown(snapshot, &path), &error),
        }
    }
    Ok(())
}

/// The lists of rejected rows and unknown values, of which tables are made.
pub(crate) fn verify_notes(
    places: &WarehouseLayout,
    manifest: &Manifest,
    found: &mut Verification,
) {
    for report in manifest.reports.values() {
        let Some(hash) = &report.notes_hash else {
            continue;
        };
        let subject = format!("{NOTES}{}", report.notes_file());
        match hash_as_is(&places.internal("bad_rows").join(report.notes_file())).map(hex::encode) {
            Ok(sum) if sum == *hash => {}
            Ok(sum) => found.differs(subject, format!("BLAKE3 is {sum}, was written as {hash}")),
            Err(error) if error.is_missing() && ReportNotes::are_none(Some(hash)) => {}
            Err(error) => found.failed(subject, &error),
        }
    }
}

/// The listener key is the one that the listeners of the tables were hashed with.
pub(crate) fn verify_key(
    places: &WarehouseLayout,
    manifest: &Manifest,
    key: Option<&KeySource>,
    found: &mut Verification,
) {
    let own = places.own_key();
    let (subject, read) = match key {
        Some(given) => ("the listener key".to_owned(), given.key()),
        // Whoever keeps it elsewhere gives it or not: nothing is known of it here.
        None if !manifest.has_own_key => return,
        None => (LISTENER_KEY.to_owned(), read_key(&own)),
    };
    match read {
        Ok(key)
            if manifest.listener_key.is_empty() || key.fingerprint() == manifest.listener_key => {}
        Ok(_) => found.differs(subject, "is not the key that the tables were made with"),
        Err(WarehouseError::Disk(error)) => found.failed(subject, &error),
        Err(error) => found.differs(subject, error.to_string()),
    }
}

/// Every report that was ingested is in the archive, with its bytes.
pub(crate) fn verify_archive(
    places: &WarehouseLayout,
    manifest: &Manifest,
    found: &mut Verification,
) {
    for (name, bytes) in names_of(&manifest.reports) {
        let subject = format!("{NAMES}{name}");
        match is_kept(places, &name, &bytes) {
            Ok(true) => {}
            Ok(false) => found.differs(subject, "does not say what the ledger says of the report"),
            Err(error) => found.failed(subject, &error),
        }
    }
    let reports: Vec<&ReportEntry> =
        manifest.reports.values().filter(|report| report.archived.is_some()).collect();
    found.n_reports = reports.len() as u64;
    let messages: Vec<(String, Option<RereadOutcome>)> = reports
        .par_iter()
        .map(|report| {
            let name = report.archived.as_deref().unwrap_or_default();
            let path = archive_path(places, name);
            let read = read_through(
                ReportFile::Archive(&path),
                DecodeMode::SameThread,
                &StageTimes::default(),
                &mut |_: &[u8]| {},
            );
            let message = match read {
                Ok(SourceEnd::Whole { hash, .. }) if hex::encode(hash) == report.hash => None,
                Ok(SourceEnd::Whole { .. }) => {
                    Some("has other bytes than were ingested".to_owned())
                }
                Ok(SourceEnd::Corrupt { detail, .. }) => Some(detail),
                Ok(SourceEnd::Growing) => {
                    let source = std::io::Error::other("it changed while it was read");
                    let error = DiskError { action: "read", path, source };
                    return (format!("archive/{name}"), Some(RereadOutcome::Failed(error)));
                }
                Ok(SourceEnd::Unreadable(error)) | Err(error) => {
                    return (format!("archive/{name}"), Some(RereadOutcome::Failed(error)));
                }
            };
            (format!("archive/{name}"), message.map(RereadOutcome::Differs))
        })
        .collect();
    for (subject, message) in messages {
        match message {
            None => {}
            Some(RereadOutcome::Differs(message)) => found.differs(subject, message),
            Some(RereadOutcome::Failed(error)) => found.failed(subject, &error),
        }
    }
}
