//! First step of a run: every file of the inbox that is not known is examined, and every known
//! report that was read under other settings is read again.

use crate::nightly::summary::RunSummary;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;
use streamledger_core::model::day::Day;
use streamledger_storage::archive::archived_reports::{CopyOutcome, archive_name, archive_path};
use streamledger_storage::disk::reading::{exists, file_size};
use streamledger_storage::layout::error::WarehouseError;
use streamledger_storage::layout::ledger::{Manifest, ReportEntry, ReportState};
use streamledger_storage::source::inbox::{Inbox, why_unreadable};

use crate::intake::examine::{ExaminedFile, ExaminedReport, Examiner};
use crate::nightly::build::checkpoint::Checkpoint;
use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::intake::disk_space::require_room_for_run;
use crate::nightly::intake::entering::enter_new_report;
use crate::nightly::intake::entering::{
    drop_renamed, forget_names, new_report, note_copy, takes_over,
};
use crate::nightly::intake::examination::IntakeResult;
use crate::nightly::intake::examination::NO_STORE;
use crate::nightly::intake::examination::{ReadReport, ReportCandidate};
use crate::nightly::intake::intake_index::IntakeIndex;
use crate::nightly::intake::read_again::is_outdated;
use crate::nightly::intake::read_again::let_go;
use crate::nightly::intake::speculative_build::build_claimed;
use crate::nightly::intake::speculative_build::claim_dates;
use crate::nightly::intake::speculative_build::{FinishedIntake, SpeculativeBuilder};
use crate::nightly::plan::offline_dates::published_keys;
use crate::nightly::supersede::superseding::settle_reports;

pub(crate) fn examine_inbox(
    run: &RunContext<'_>,
    inbox: &Inbox,
    manifest: &Manifest,
    seen: &mut IntakeIndex,
    staged: &Path,
) -> Result<IntakeResult, NightlyError> {
    let early =
        SpeculativeBuilder::new(staged, manifest, run.places, published_keys(run, manifest));
    examine_all(run, inbox, manifest, seen, Some(early))
}

/// The same without copying and building anything.
pub(crate) fn examine_dry(
    run: &RunContext<'_>,
    inbox: &Inbox,
    manifest: &Manifest,
    seen: &mut IntakeIndex,
) -> Result<IntakeResult, NightlyError> {
    examine_all(run, inbox, manifest, seen, None)
}

fn examine_all(
    run: &RunContext<'_>,
    inbox: &Inbox,
    manifest: &Manifest,
    seen: &mut IntakeIndex,
    early: Option<SpeculativeBuilder<'_>>,
) -> Result<IntakeResult, NightlyError> {
    seen.look(inbox);
    let candidates = candidates(run, inbox, manifest, seen);
    let n_known = inbox.files.len() - candidates.iter().filter(|c| c.file.is_some()).count();
    let mut summary = RunSummary {
        n_known,
        passed_over: inbox.passed_over.clone(),
        links: inbox.links.clone(),
        ..RunSummary::default()
    };
    for (file, why) in &inbox.unreadable {
        note_unreadable(&mut summary, file.clone(), why.clone());
    }
    for file in &inbox.links {
        tracing::warn!(file, "a link in the inbox is rejected: put the report itself there");
    }
    if early.is_some() {
        require_room_for_run(run, &candidates, manifest)?;
    }
    let examined = read_candidates(run, &candidates, early.as_ref(), None)?;
    enter_examined(run, (&candidates, examined), early, (manifest, summary), seen)
}

/// Reads known reports from the archive again; of their plays, those of the wanted dates.
pub(crate) fn examine_known(
    run: &RunContext<'_>,
    keys: &BTreeSet<&String>,
    manifest: &Manifest,
    early: SpeculativeBuilder<'_>,
    wanted: &BTreeSet<Day>,
) -> Result<IntakeResult, NightlyError> {
    let candidates = archived_candidates(run, manifest, |key, _| keys.contains(key));
    let examined = read_candidates(run, &candidates, Some(&early), Some(wanted))?;
    let mut seen = IntakeIndex::default();
    let summary = RunSummary::default();
    enter_examined(run, (&candidates, examined), Some(early), (manifest, summary), &mut seen)
}

/// Reads reports, several at a time.
fn read_candidates(
    run: &RunContext<'_>,
    candidates: &[ReportCandidate<'_>],
    early: Option<&SpeculativeBuilder<'_>>,
    wanted: Option<&BTreeSet<Day>>,
) -> Result<BTreeMap<usize, ExaminedFile>, NightlyError> {
    let progress = run.work.journal.progress;
    progress.begin("reading reports", candidates.iter().map(|c| c.size_bytes).sum());
    let rows = Some(&run.work.buffers.rows);
    let examiner = Examiner { rows, ..run.examiner(candidates.len()) };
    candidates
        .iter()
        .enumerate()
        // In order, so that the dates before one are mostly read when it is built.
        .par_bridge()
        .map(|(number, candidate)| {
            let file = candidate.report_file();
            // With the last reports some threads have no report of their own.
            let n_threads = rayon::current_num_threads();
            let is_last = candidates.len() < number + n_threads;
            let n_readers = if is_last { n_threads } else { examiner.n_readers };
            let examiner = Examiner { n_readers, ..examiner };
            let mut examined = examiner.examine(file, candidate.name, candidate.store, wanted)?;
            if let Some(early) = early {
                let mut claimed = Vec::new();
                if let ExaminedFile::Report(report) = &mut examined {
                    if let (None, Some(file)) = (&report.rejection, candidate.file) {
                        let name = archive_name(&hex::encode(report.hash), report.packing);
                        early.archiver.add(new_report(candidate, file, name, report));
                    }
                    let store = candidate.store.unwrap_or(NO_STORE);
                    claimed = claim_dates(run, early, store, report)?;
                }
                build_claimed(run, early, number, claimed)?;
            }
            progress.advance(candidate.size_bytes);
            Ok((number, examined))
        })
        .collect()
}

/// Enters what was read into the ledger, in order, and settles which reports count.
fn enter_examined(
    run: &RunContext<'_>,
    (candidates, examined): (&[ReportCandidate<'_>], BTreeMap<usize, ExaminedFile>),
    early: Option<SpeculativeBuilder<'_>>,
    (manifest, summary): (&Manifest, RunSummary),
    seen: &mut IntakeIndex,
) -> Result<IntakeResult, NightlyError> {
    let FinishedIntake { builds: speculative_builds, mut not_copied, copies } =
        early.map(SpeculativeBuilder::finish).transpose()?.unwrap_or_default();
    // Some of those dates may be cleared away from here on.
    run.work.checkpoint.as_ref().map_or(Ok(()), Checkpoint::finish)?;
    let mut examination = IntakeResult {
        reports: manifest.reports.clone(),
        speculative_builds,
        copies,
        summary,
        ..IntakeResult::default()
    };
    for (candidate, examined) in candidates.iter().zip(examined.into_values()) {
        match examined_as_copied(run, examined, not_copied.remove(&candidate.path))? {
            ExaminedFile::Growing => {
                examination.summary.growing.push(candidate.shown());
            }
            ExaminedFile::Unreadable(error) => {
                let why = why_unreadable(&error.source);
                note_unreadable(&mut examination.summary, candidate.shown(), why);
            }
            ExaminedFile::Report(report) => {
                let read = ReadReport::new(candidate, *report);
                enter_report(run, read, manifest, seen, &mut examination)?;
            }
        }
    }
    drop_renamed(&mut examination.reports, seen);
    run.work
        .journal
        .stage
        .log("supersede", |_| settle_reports(run, &mut examination, &manifest.reports))?;
    Ok(examination)
}

/// A file that is not what was read any more, or is gone, before its copy was made: it is as if it had
/// not been read. Dates that were built of it are cleared away, since no report has them.
fn examined_as_copied(
    run: &RunContext<'_>,
    examined: ExaminedFile,
    copied: Option<CopyOutcome>,
) -> Result<ExaminedFile, NightlyError> {
    let instead = match copied {
        None | Some(CopyOutcome::Whole) => return Ok(examined),
        Some(CopyOutcome::Changed) => ExaminedFile::Growing,
        Some(CopyOutcome::Unreadable(error)) => ExaminedFile::Unreadable(error),
    };
    if let ExaminedFile::Report(report) = examined {
        let_go(run, *report)?;
    }
    Ok(instead)
}

fn note_unreadable(summary: &mut RunSummary, file: String, why: String) {
    tracing::warn!(file, why, "it cannot be read: it is left for the next run");
    summary.unreadable.push((file, why));
}

/// Files that are new or changed, and known reports that must be read again.
fn candidates<'a>(
    run: &RunContext<'_>,
    inbox: &'a Inbox,
    manifest: &'a Manifest,
    seen: &IntakeIndex,
) -> Vec<ReportCandidate<'a>> {
    let mut candidates = Vec::new();
    let mut read_again = BTreeSet::new();
    for file in &inbox.files {
        let entry = seen.report(file).and_then(|key| manifest.reports.get_key_value(key));
        let known = match entry {
            // A file that moved within the inbox is another copy.
            Some((_, report)) if !report.files.contains(&file.name) => None,
            // What was lost from the archive is put there once more.
            Some((_, report)) if !is_archived(run, report) => None,
            Some((_, report)) if !must_read_again(run, report) => continue,
            // Under other settings its name may be one to read it by.
            Some((_, report)) if report.rejected_files.contains(&file.name) => None,
            Some((_, report)) if report.archived.is_some() => continue,
            Some((key, report)) if report.state == ReportState::Rejected => {
                // Each of its names, since another one may be that of a report.
                read_again.insert(key.as_str()).then_some(key.as_str())
            }
            Some(_) => continue,
            None => None,
        };
        candidates.push(ReportCandidate {
            path: file.path.clone(),
            name: &file.name,
            store: file.store.as_deref(),
            size_bytes: file.state.size_bytes,
            file: Some(file),
            known,
            came_as: None,
        });
    }
    // A report that was ingested is read again from the archive, where its bytes cannot change.
    candidates.extend(archived_candidates(run, manifest, |_, report| must_read_again(run, report)));
    candidates
}

/// Archived reports, those of early dates first.
fn archived_candidates<'a>(
    run: &RunContext<'_>,
    manifest: &'a Manifest,
    is_wanted: impl Fn(&String, &ReportEntry) -> bool,
) -> Vec<ReportCandidate<'a>> {
    let mut archived: Vec<_> = manifest
        .reports
        .iter()
        .filter(|(key, report)| is_wanted(key, report))
        .filter_map(|(key, report)| Some((key, report, report.archived.as_ref()?)))
        .collect();
    archived.sort_by_key(|(key, report, _)| (&report.store, &report.first_date, *key));
    let candidate = |(key, report, name): (&'a String, &'a ReportEntry, &String), file| {
        let path = archive_path(run.places, name);
        let size_bytes = file_size(&path).unwrap_or_default();
        let (store, known) = (Some(report.store.as_str()), Some(key.as_str()));
        let (name, came_as) = (report.read_as(file), Some(file));
        ReportCandidate { path, name, store, size_bytes, file: None, known, came_as }
    };
    let mut candidates = Vec::new();
    for found in archived {
        // Under other settings its names may tell it from itself: each of them is read.
        let is_read = |file: &&String| !found.1.rejected_files.contains(*file);
        let all = found.1.files.iter().filter(is_read).map(String::as_str);
        let n_names = if is_outdated(run, found.1) { usize::MAX } else { 1 };
        candidates.extend(all.take(n_names).map(|file| candidate(found, file)));
    }
    candidates
}

/// Whether the archive has a report, as far as it should.
fn is_archived(run: &RunContext<'_>, report: &ReportEntry) -> bool {
    let name = report.archived.as_ref();
    name.is_none_or(|name| exists(&archive_path(run.places, name)))
}

fn must_read_again(run: &RunContext<'_>, report: &ReportEntry) -> bool {
    let retry = run.options.retry_rejected && report.state == ReportState::Rejected;
    retry || is_outdated(run, report)
}

/// Enters what was found into the ledger.
fn enter_report(
    run: &RunContext<'_>,
    read: ReadReport<'_>,
    manifest: &Manifest,
    seen: &mut IntakeIndex,
    examination: &mut IntakeResult,
) -> Result<(), NightlyError> {
    let ReadReport { candidate, key, report, .. } = &read;
    if let Some(known) = candidate.known.filter(|_| candidate.file.is_none()) {
        check_archived(&manifest.reports[known], &read.hash, &candidate.path)?;
        if known != key {
            return enter_as_other_report(run, read, known, examination);
        }
        // Read before in this run, under another of its names.
        if examination.notes.contains_key(key) {
            return let_go(run, read.report);
        }
    }
    if let Some(file) = candidate.file {
        seen.note(file, key);
    }
    note_skipped(&mut examination.summary, candidate, report);
    let is_read_again = candidate.known == Some(key.as_str());
    // Some of its names may have become those of other reports.
    let known = examination.reports.get(key).or_else(|| manifest.reports.get(key));
    let mut previous = known.cloned();
    if let (Some(entry), false) = (examination.reports.get_mut(key), is_read_again) {
        let Some(file) = candidate.file else {
            return let_go(run, read.report);
        };
        let is_new = !entry.files.contains(&file.name);
        forget_names(entry, seen, key);
        let is_rejected = report.rejection.is_some();
        let other = entry.file().to_owned();
        if is_new && !other.is_empty() && (is_rejected || entry.state != ReportState::Rejected) {
            examination.summary.copies.push((file.name.clone(), other));
        }
        if !takes_over(entry, &file.name, is_rejected) {
            note_copy(entry, &file.name, is_rejected, report.archive.as_ref());
            return let_go(run, read.report);
        }
        previous = Some(entry.clone());
    }
    if let (Some(previous), Some(_)) = (&mut previous, candidate.file) {
        forget_names(previous, seen, key);
    }
    enter_new_report(run, read, previous.as_ref(), examination);
    Ok(())
}

/// Enters an archived report that is another one than before under one of its names, since its format
/// now reads other things from the name.
fn enter_as_other_report(
    run: &RunContext<'_>,
    read: ReadReport<'_>,
    known: &str,
    examination: &mut IntakeResult,
) -> Result<(), NightlyError> {
    let file = read.candidate.came_as;
    let Some(before) = examination.reports.get_mut(known) else {
        return let_go(run, read.report);
    };
    let mut previous = before.clone();
    previous.keep_files(|name| Some(name) == file);
    before.keep_files(|name| Some(name) != file);
    if before.files.is_empty() {
        examination.reports.remove(known);
    }
    if let Some(other) = examination.reports.get_mut(&read.key) {
        other.files.append(&mut previous.files);
        other.members.append(&mut previous.members);
        other.rejected_files.append(&mut previous.rejected_files);
        return let_go(run, read.report);
    }
    enter_new_report(run, read, Some(&previous), examination);
    Ok(())
}

/// Tells of the members of an archive that are not read.
fn note_skipped(
    summary: &mut RunSummary,
    candidate: &ReportCandidate<'_>,
    report: &ExaminedReport,
) {
    let skipped = report.archive.iter().flat_map(|archive| &archive.skipped);
    for member in skipped {
        let (file, reason) = (candidate.shown(), member.reason.clone());
        let member = member.name.clone();
        tracing::warn!(file, member, reason, "a member of an archive is no report: it is not read");
        summary.skipped_members.push((file, member, reason));
    }
}

/// Makes sure that the archive has the bytes of a report.
fn check_archived(report: &ReportEntry, hash: &str, path: &Path) -> Result<(), NightlyError> {
    if report.hash == hash {
        return Ok(());
    }
    Err(NightlyError::Warehouse(WarehouseError::Damaged {
        path: path.to_owned(),
        message: format!(
            "the archived report {} was changed (its hash is now {hash}); put the original back into \
             the inbox and remove this file",
            report.hash
        ),
    }))
}
