//! First step of a night: every file of the inbox that is not known is examined, and every known
//! report that was read under other settings is read again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use streamledger_core::vocabulary::day::Day;

use crate::archive::{NewReport, archive_name, archive_path, archive_report};
use crate::durable::At as _;
use crate::examine::{Examined, ExaminedReport, Examiner, REFUSED_ROWS_KEPT};
use crate::held::Segment;
use crate::inbox::{Inbox, InboxFile};
use crate::ledger::{FileEntry, Manifest, ReportEntry, ReportState};
use crate::nightly::early::{Early, EarlyDays};
use crate::nightly::entering::new_report;
use crate::nightly::seen::Seen;
use crate::nightly::{Night, NightlyError};
use crate::report_source::ReportFile;
use crate::row_files::RowList;
use crate::sales_runs::{Runs, drop_runs};
use crate::small_tables::Complaint;
use crate::warehouse::WarehouseError;

/// Store of a file that lies in no store's folder.
const NO_STORE: &str = "unknown";

/// Plays of a report by counted date.
pub(super) type Days = BTreeMap<Day, Vec<Segment>>;

/// Reports by key.
type Reports = BTreeMap<String, ReportEntry>;

/// What is known after all files were examined.
#[derive(Debug, Default)]
pub(super) struct Examination {
    /// All reports, known and new.
    pub(super) reports: Reports,
    /// Plays of the reports that were read in this run, of dates that were not built at once.
    pub(super) fresh: BTreeMap<String, Days>,
    /// Lines and pools of the reports that were read in this run.
    pub(super) fresh_runs: BTreeMap<String, Runs>,
    /// Partitions of lines and sums that a backfill which was interrupted had finished.
    pub(super) kept_files: BTreeMap<String, Vec<FileEntry>>,
    /// Dates that such a backfill had finished.
    pub(super) n_kept_days: u64,
    /// Archived reports that a backfill has read.
    pub(super) n_read: u64,
    /// Dates that were built at once, by store and date.
    pub(super) early_days: EarlyDays,
    /// Files to put into the archive under a name.
    pub(super) to_archive: Vec<NewReport>,
    /// Lists of rows of the reports that were read in this run.
    pub(super) row_lists: BTreeMap<String, RowList>,
    /// How many rows pairs of reports have in common, to be kept; `None` where nothing is new.
    pub(super) comparisons: Option<String>,
    /// What is wrong with the reports that were read in this run.
    pub(super) complaints: BTreeMap<String, Vec<Complaint>>,
}

/// A file to read.
pub(super) struct Candidate<'a> {
    pub(super) path: PathBuf,
    /// Path in the inbox.
    name: &'a str,
    store: Option<&'a str>,
    pub(super) size_bytes: u64,
    /// The inbox file; `None` for a report from the archive.
    pub(super) file: Option<&'a InboxFile>,
    /// The report's key, where it is a known one that is read again.
    known: Option<&'a str>,
}

impl Candidate<'_> {
    fn report_file(&self) -> ReportFile<'_> {
        match self.file {
            Some(_) => ReportFile::Inbox(&self.path),
            None => ReportFile::Archive(&self.path),
        }
    }
}

impl Night<'_> {
    pub(super) fn examine(
        &self,
        inbox: &Inbox,
        manifest: &Manifest,
        seen: &mut Seen,
        staged: &Path,
    ) -> Result<Examination, NightlyError> {
        let early = Early::new(staged, manifest, self.places, self.published_keys(manifest));
        self.examine_all(inbox, manifest, seen, Some(early))
    }

    /// The same without keeping any plays.
    pub(super) fn examine_dry(
        &self,
        inbox: &Inbox,
        manifest: &Manifest,
        seen: &mut Seen,
    ) -> Result<Examination, NightlyError> {
        self.examine_all(inbox, manifest, seen, None)
    }

    fn examine_all(
        &self,
        inbox: &Inbox,
        manifest: &Manifest,
        seen: &mut Seen,
        early: Option<Early<'_>>,
    ) -> Result<Examination, NightlyError> {
        let candidates = self.candidates(inbox, manifest, seen);
        let n_known = inbox.files.len() - candidates.iter().filter(|c| c.file.is_some()).count();
        self.note(|summary| {
            summary.n_known = n_known;
            summary.passed_over.clone_from(&inbox.passed_over);
            summary.links.clone_from(&inbox.links);
        });
        for file in &inbox.links {
            tracing::warn!(file, "a link in the inbox is refused: put the report itself there");
        }
        let nothing = BTreeSet::new();
        let wanted = if early.is_some() { None } else { Some(&nothing) };
        if early.is_some() {
            self.require_room_for_night(&candidates, manifest)?;
        }
        self.read_candidates(&candidates, manifest, seen, early, wanted)
    }

    /// Reads known reports from the archive again; of their plays, those of the wanted dates.
    pub(super) fn examine_known(
        &self,
        keys: &BTreeSet<&String>,
        manifest: &Manifest,
        early: Early<'_>,
        wanted: &BTreeSet<Day>,
    ) -> Result<Examination, NightlyError> {
        let candidates = self.archived(manifest, |key, _| keys.contains(key));
        let mut seen = Seen::default();
        self.read_candidates(&candidates, manifest, &mut seen, Some(early), Some(wanted))
    }

    fn read_candidates(
        &self,
        candidates: &[Candidate<'_>],
        manifest: &Manifest,
        seen: &mut Seen,
        early: Option<Early<'_>>,
        wanted: Option<&BTreeSet<Day>>,
    ) -> Result<Examination, NightlyError> {
        self.progress.begin("reading reports", candidates.iter().map(|c| c.size_bytes).sum());
        let examiner = Examiner { rows: Some(&self.rows), ..self.examiner(candidates.len()) };
        let examined: BTreeMap<usize, Examined> = candidates
            .iter()
            .enumerate()
            // In order, so that the dates before one are mostly read when it is built.
            .par_bridge()
            .map(|(number, candidate)| {
                let turn = early.as_ref().map(|early| early.turns.turn(number));
                let mut examined = examiner.examine(
                    candidate.report_file(),
                    candidate.name,
                    candidate.store,
                    wanted,
                )?;
                if let (Some(early), Some(turn), Examined::Report(report)) =
                    (&early, turn, &mut examined)
                {
                    if let (None, Some(file)) = (&report.refusal, candidate.file) {
                        let name = archive_name(&hex::encode(report.hash), report.packing);
                        early.archiver.add(new_report(candidate, file, name, report));
                    }
                    let store = candidate.store.unwrap_or(NO_STORE);
                    self.build_early(early, store, report, turn)?;
                }
                self.progress.advance(candidate.size_bytes);
                Ok((number, examined))
            })
            .collect::<Result<_, NightlyError>>()?;
        let early_days = early.map(Early::finish).transpose()?.unwrap_or_default();
        // Some of those dates may be cleared away from here on.
        self.finish_keeping()?;
        let mut examination =
            Examination { reports: manifest.reports.clone(), early_days, ..Examination::default() };
        for (candidate, examined) in candidates.iter().zip(examined.into_values()) {
            match examined {
                Examined::Growing => {
                    let name = candidate
                        .file
                        .map_or_else(|| candidate.path.display().to_string(), |f| f.name.clone());
                    self.note(|summary| summary.growing.push(name));
                }
                Examined::Report(report) => {
                    self.enter(candidate, *report, manifest, seen, &mut examination)?;
                }
            }
        }
        self.settle(&mut examination, &manifest.reports)?;
        Ok(examination)
    }

    /// Files that are new or changed, and known reports that must be read again.
    fn candidates<'a>(
        &self,
        inbox: &'a Inbox,
        manifest: &'a Manifest,
        seen: &Seen,
    ) -> Vec<Candidate<'a>> {
        let mut candidates = Vec::new();
        let mut read_again = BTreeSet::new();
        for file in &inbox.files {
            let entry = seen.report(file).and_then(|key| manifest.reports.get_key_value(key));
            let known = match entry {
                // A file that moved within the inbox is another copy.
                Some((_, report)) if !report.files.contains(&file.name) => None,
                // What was lost from the archive is put there once more.
                Some((_, report)) if !self.is_archived(report) => None,
                Some((_, report)) if !self.must_read_again(report) => continue,
                Some((_, report)) if report.archived.is_some() => continue,
                Some((key, report)) if report.state == ReportState::Refused => {
                    if !read_again.insert(key.as_str()) {
                        continue;
                    }
                    Some(key.as_str())
                }
                Some(_) => continue,
                None => None,
            };
            candidates.push(Candidate {
                path: file.path.clone(),
                name: &file.name,
                store: file.store.as_deref(),
                size_bytes: file.state.size_bytes,
                file: Some(file),
                known,
            });
        }
        // A report that was taken in is read again from the archive, where its bytes cannot change.
        candidates.extend(self.archived(manifest, |_, report| self.must_read_again(report)));
        candidates
    }

    /// Archived reports, those of early dates first.
    fn archived<'a>(
        &self,
        manifest: &'a Manifest,
        is_wanted: impl Fn(&String, &ReportEntry) -> bool,
    ) -> Vec<Candidate<'a>> {
        let mut archived: Vec<_> = manifest
            .reports
            .iter()
            .filter(|(key, report)| is_wanted(key, report))
            .filter_map(|(key, report)| Some((key, report, report.archived.as_ref()?)))
            .collect();
        archived.sort_by_key(|(key, report, _)| (&report.store, &report.first_date, *key));
        let candidate = |(key, report, name): (&'a String, &'a ReportEntry, &String)| {
            let path = archive_path(self.places, name);
            let size_bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
            let (store, known) = (Some(report.store.as_str()), Some(key.as_str()));
            Candidate { path, name: report.file(), store, size_bytes, file: None, known }
        };
        archived.into_iter().map(candidate).collect()
    }

    /// Whether the archive has a report, as far as it should.
    fn is_archived(&self, report: &ReportEntry) -> bool {
        let name = report.archived.as_ref();
        name.is_none_or(|name| archive_path(self.places, name).exists())
    }

    fn must_read_again(&self, report: &ReportEntry) -> bool {
        let retry = self.options.retry_refused && report.state == ReportState::Refused;
        retry || self.is_outdated(report)
    }

    /// Whether it was read under other settings.
    pub(super) fn is_outdated(&self, report: &ReportEntry) -> bool {
        report.reading != self.reading(&report.store, report.format.as_deref())
    }

    /// Fingerprint of what reading a store's reports of a format depends on; of all formats where none is
    /// named.
    pub(super) fn reading(&self, store: &str, format: Option<&str>) -> String {
        let fingerprint =
            || self.settings.reading_fingerprint(store, &self.key.fingerprint(), format);
        // Asked for every known report and date, and it takes all settings to answer.
        let Ok(mut known) = self.readings.lock() else {
            return fingerprint();
        };
        let key = (store.to_owned(), format.map(str::to_owned));
        known.entry(key).or_insert_with(fingerprint).clone()
    }

    /// Enters what was found into the ledger.
    fn enter(
        &self,
        candidate: &Candidate<'_>,
        report: ExaminedReport,
        manifest: &Manifest,
        seen: &mut Seen,
        examination: &mut Examination,
    ) -> Result<(), NightlyError> {
        let store = candidate.store.unwrap_or(NO_STORE);
        let hash = hex::encode(report.hash);
        let key = ReportEntry::key(store, &hash);
        if let Some(known) =
            candidate.known.filter(|known| candidate.file.is_none() && *known != key)
        {
            return Err(NightlyError::Warehouse(WarehouseError::Damaged {
                path: candidate.path.clone(),
                message: format!(
                    "the archived report {known} was changed (its hash is now {hash}); put the \
                     original back into the inbox and remove this file"
                ),
            }));
        }
        if let Some(file) = candidate.file {
            seen.note(file, &key);
        }
        let is_read_again = candidate.known == Some(key.as_str());
        if let Some(entry) = examination.reports.get_mut(&key)
            && !is_read_again
        {
            self.release(report.days);
            drop_runs(report.runs)?;
            if let Some(file) = candidate.file {
                let other = entry.file().to_owned();
                if entry.files.insert(file.name.clone()) {
                    self.note(|summary| summary.copies.push((file.name.clone(), other)));
                }
            }
            return Ok(());
        }
        let former = manifest.reports.get(&key);
        self.enter_new(candidate, key, store, hash, report, former, examination);
        Ok(())
    }

    fn release(&self, days: Days) {
        for segment in days.into_values().flatten() {
            if let Segment::Memory(piece) = &segment {
                self.holder.release(piece);
            }
        }
    }

    /// Puts new reports into the archive, and what is wrong with them beside the ledger, before
    /// anything is published that refers to them.
    pub(super) fn keep_reports(&self, examination: &Examination) -> Result<(), NightlyError> {
        for report in &examination.to_archive {
            archive_report(self.places, report)?;
        }
        self.keep_rows(examination)?;
        for (key, complaints) in &examination.complaints {
            let path = self.complaints_path(&examination.reports[key]);
            let new = self.places.internal("staging/complaints");
            let bytes =
                serde_json::to_vec(complaints).map_err(std::io::Error::other).at("write", &new)?;
            crate::durable::write_new(&new, &bytes)?;
            crate::durable::rename(&new, &path)?;
        }
        Ok(())
    }

    /// What is wrong with a report, as it was kept, and why it does not count.
    pub(super) fn complaints(&self, report: &ReportEntry) -> Result<Vec<Complaint>, NightlyError> {
        let path = self.complaints_path(report);
        let bytes = std::fs::read(&path).at("read", &path)?;
        let mut complaints: Vec<Complaint> = serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!("does not hold the bad rows of a report: {error}");
            NightlyError::Warehouse(WarehouseError::Damaged { path, message })
        })?;
        if report.state == ReportState::Unaccepted {
            complaints.truncate(REFUSED_ROWS_KEPT);
            complaints.insert(0, whole_report(report));
        }
        Ok(complaints)
    }

    fn complaints_path(&self, report: &ReportEntry) -> PathBuf {
        let name = format!("{}-{}-{}.json", report.hash, report.store_token(), report.reading);
        self.places.internal("bad_rows").join(name)
    }
}

/// What the quarantine says of a report that is refused until it is accepted.
fn whole_report(report: &ReportEntry) -> Complaint {
    Complaint {
        row: None,
        column: None,
        reason: report.reason.clone().unwrap_or_default(),
        detail: report.detail.clone().unwrap_or_default(),
        raw: None,
    }
}
