//! A report that was read becomes an entry of the ledger; what is wrong with it is noted.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::ingest::table::format::Feed;
use streamledger_core::model::day::Day;
use streamledger_core::normalize::sales_lot::{MonthNote, SalesMonth};
use streamledger_core::normalize::sums::{BoundedSum, PlaySums};
use streamledger_storage::archive::archived_reports::{NewReport, archive_name};
use streamledger_storage::layout::ledger::{
    ArchiveMember, LedgerReports, ReportEntry, ReportState, SourceKind,
};
use streamledger_storage::layout::partition_key::{lots_path, month_path};
use streamledger_storage::layout::report_sums::{
    MonthTotalsRecord, PlaySizes, ReportSizes, ReportSums,
};
use streamledger_storage::source::inbox::InboxFile;
use streamledger_storage::source::report_source::FromArchive;
use streamledger_storage::tables::columns::ascii;
use streamledger_storage::tables::lot_table::LotTable;
use streamledger_storage::tables::small_tables::{QuarantineEntry, ReportNotes, UnmappedValue};

use crate::intake::examine::ExaminedReport;
use crate::intake::rejected_report::RejectedReport;
use crate::nightly::context::RunContext;
use crate::nightly::intake::examination::{IntakeResult, ReadReport, ReportCandidate};
use crate::nightly::intake::intake_index::IntakeIndex;
use crate::nightly::intake::read_again::reading_fingerprint;
use crate::nightly::summary::{ListedRejection, RunSummary, UncheckedTotal};

/// Enters a report that was read; `previous` is what is known of it.
pub(crate) fn enter_new_report(
    run: &RunContext<'_>,
    read: ReadReport<'_>,
    previous: Option<&ReportEntry>,
    examination: &mut IntakeResult,
) {
    let entry = entry_of(run, &read, previous);
    let ReadReport { candidate, report, .. } = read;
    // Whoever has renamed a rejected report, or wants it to be examined again, is told what came of it.
    let is_news = run.options.retry_rejected
        || previous
            .is_none_or(|previous| previous.state != entry.state || previous.files.is_empty());
    summarise_report(&mut examination.summary, &entry, &report, is_news);
    if let (Some(name), Some(file)) = (&entry.archived, candidate.file) {
        examination.to_archive.push(new_report(candidate, file, name.clone(), &report));
    }
    keep(entry, report, examination);
}

/// What the ledger says of a report.
fn entry_of(
    run: &RunContext<'_>,
    ReadReport { candidate, store, key, hash, report }: &ReadReport<'_>,
    previous: Option<&ReportEntry>,
) -> ReportEntry {
    let is_rejected = report.rejection.is_some();
    let ReportNames { files, members, rejected_files } =
        names(previous, candidate.file.map(|file| file.name.as_str()), report);
    let previous_archived = previous.and_then(|entry| entry.archived.clone());
    let archived = previous_archived.clone().unwrap_or_else(|| archive_name(hash, report.packing));
    let mut dates: Vec<String> = report.day_rows.keys().map(ToString::to_string).collect();
    // A line of a statement is dated by its month of use.
    dates.extend(report.lot_rows.keys().map(|(_, month)| format!("{month}-01")));
    dates.sort();
    let lines_table = report.lot_table.unwrap_or(LotTable::Sales);
    let paths = |table: LotTable, rows: &BTreeMap<SalesMonth, u64>| {
        let path =
            |((store, month), rows): (&SalesMonth, &u64)| (lots_path(table, store, month), *rows);
        if is_rejected { BTreeMap::new() } else { rows.iter().map(path).collect() }
    };
    let day_rows = report.day_rows.iter().map(|(day, rows)| (day.to_string(), *rows));
    ReportEntry {
        store: (*store).to_owned(),
        id: key.clone(),
        hash: hash.clone(),
        feed: report.feed.map(|feed| feed.as_str().to_owned()),
        format: report.format.clone(),
        files,
        members,
        rejected_files,
        archived: if is_rejected { previous_archived } else { Some(archived) },
        reading: reading_fingerprint(run, store, report.format.as_deref()),
        state: if is_rejected { ReportState::Rejected } else { ReportState::Active },
        reason: report.rejection.as_ref().map(|rejection| rejection.code.to_owned()),
        source_kind: source_kind(run, report.format.as_deref()),
        decision: None,
        n_unmapped: if is_rejected { 0 } else { report.unmapped.len() as u64 },
        notes_hash: None,
        detail: None,
        sums: report.row_list.as_ref().map(|(sums, _)| ReportSums::of(sums)),
        counts: report.counts,
        days: if is_rejected { BTreeMap::new() } else { day_rows.collect() },
        lines: paths(lines_table, &report.lot_rows),
        territories: territories(report),
        reaches: reaches(report),
        totals: totals(report),
        sizes: sizes(report),
        pools: paths(LotTable::RevenuePools, &report.pool_rows),
        track_dates: if is_rejected { BTreeSet::new() } else { texts(&report.track_dates) },
        part: report.part.clone(),
        about: report.about.clone(),
        superseded_by: None,
        first_date: dates.first().cloned(),
        last_date: dates.last().cloned(),
    }
}

/// What reports of a format are made of; `None` if it was not detected.
fn source_kind(run: &RunContext<'_>, format: Option<&str>) -> Option<SourceKind> {
    let table = run.settings.formats.get(format?);
    let is_json = table.is_some_and(|table| table.text.delimiter.byte().is_none());
    Some(if is_json { SourceKind::Json } else { SourceKind::Text })
}

fn summarise_report(
    summary: &mut RunSummary,
    entry: &ReportEntry,
    report: &ExaminedReport,
    is_news: bool,
) {
    let file = entry.file().to_owned();
    let counts = entry.counts.unwrap_or_default();
    match &report.rejection {
        Some(rejection) if is_news => summary.rejected.push(ListedRejection {
            file,
            reason: rejection.code.to_owned(),
            detail: rejection.detail.clone(),
        }),
        Some(_) => {}
        None => {
            // Names for which it was rejected in this run are those of copies after all.
            let rejected = std::mem::take(&mut summary.rejected).into_iter();
            let (copies, rejected): (Vec<_>, Vec<_>) =
                rejected.partition(|rejected| entry.rejected_files.contains(&rejected.file));
            summary.rejected = rejected;
            let copies = copies.into_iter().map(|copy| (copy.file, file.clone()));
            summary.copies.extend(copies);
            summary.taken_in.push((file.clone(), counts.rows));
            for control in &report.controls {
                if control.is_unchecked() {
                    summary.unchecked.push(UncheckedTotal {
                        file: file.clone(),
                        label: control.label.clone(),
                        said: control.said.clone(),
                        found: control.found.clone(),
                        why: control.why_not.clone(),
                    });
                }
            }
            if counts.quarantined != 0 {
                summary.quarantined.push((file, counts.quarantined, counts.rows));
            }
            let store = &entry.store;
            for (key, sums) in report.unmapped.iter() {
                let all = summary.unmapped.entry((store.clone(), key)).or_default();
                all.add(sums);
            }
        }
    }
}

/// Keeps a report and what was read of it for the rest of the run.
fn keep(mut entry: ReportEntry, mut report: ExaminedReport, examination: &mut IntakeResult) {
    let key = entry.id.clone();
    let notes = notes_of(&mut report);
    entry.notes_hash = notes.hash();
    examination.notes.insert(key.clone(), notes);
    examination.fresh.insert(key.clone(), report.days);
    examination.fresh_runs.insert(key.clone(), report.runs);
    if let Some((_, list)) = report.row_list {
        examination.row_lists.insert(key.clone(), list);
    }
    examination.reports.insert(key, entry);
}

/// What is kept of a report next to the ledger, taken out of what was found of it.
pub(crate) fn notes_of(report: &mut ExaminedReport) -> ReportNotes {
    let is_rejected = report.rejection.is_some();
    let whole = report.rejection.take().map(entry);
    let bad_rows = std::mem::take(&mut report.bad_rows);
    let entries = whole.into_iter().chain(bad_rows.into_iter().map(Into::into));
    let unmapped = report.unmapped.iter().filter(|_| !is_rejected);
    let unmapped = unmapped.map(|(key, sums)| UnmappedValue::new(&key, sums));
    ReportNotes { entries: entries.collect(), unmapped: unmapped.collect() }
}

/// The names under which a report came.
struct ReportNames {
    files: BTreeSet<String>,
    members: BTreeMap<String, ArchiveMember>,
    rejected_files: BTreeSet<String>,
}

/// Names of a report after it was read under one, or from the archive.
fn names(
    previous: Option<&ReportEntry>,
    file: Option<&str>,
    report: &ExaminedReport,
) -> ReportNames {
    let mut names = match previous {
        None => ReportNames {
            files: BTreeSet::new(),
            members: BTreeMap::new(),
            rejected_files: BTreeSet::new(),
        },
        Some(previous) => ReportNames {
            files: previous.files.clone(),
            members: previous.members.clone(),
            rejected_files: previous.rejected_files.clone(),
        },
    };
    let is_rejected = report.rejection.is_some();
    if previous.is_some_and(|previous| previous.state == ReportState::Rejected) {
        // What was rejected under other names is so still, as far as anybody knows.
        names.rejected_files = if is_rejected { BTreeSet::new() } else { names.files.clone() };
    }
    if let Some(file) = file {
        names.files.insert(file.to_owned());
        names.rejected_files.remove(file);
        note_member(&mut names.members, file, report.archive.as_ref());
    }
    names
}

fn note_member(
    members: &mut BTreeMap<String, ArchiveMember>,
    file: &str,
    archive: Option<&FromArchive>,
) {
    match archive {
        None => members.remove(file),
        Some(FromArchive { member, skipped }) => {
            let member = ArchiveMember { name: member.clone(), skipped: skipped.len() as u64 };
            members.insert(file.to_owned(), member)
        }
    };
}

/// Whether what a report is under a new name stands in the place of what is known of it: a rejection holds
/// for the name and the bytes. One name for which it is a report is enough, and of names for which it is
/// none the smallest one counts.
pub(crate) fn takes_over(entry: &ReportEntry, file: &str, is_rejected: bool) -> bool {
    let is_first = entry.files.first().is_none_or(|first| file < first.as_str());
    entry.state == ReportState::Rejected && (!is_rejected || is_first)
}

/// Forgets names under which a rejected report is in the inbox no longer: nothing of it is kept, so that it
/// is as if it had never had them.
pub(crate) fn forget_names(entry: &mut ReportEntry, seen: &IntakeIndex, key: &str) {
    if entry.state == ReportState::Rejected && entry.archived.is_none() {
        entry.keep_files(|file| seen.has(file, key));
    }
}

/// Enters another name of a known report.
pub(crate) fn note_copy(
    entry: &mut ReportEntry,
    file: &str,
    is_rejected: bool,
    archive: Option<&FromArchive>,
) {
    entry.files.insert(file.to_owned());
    note_member(&mut entry.members, file, archive);
    if is_rejected && entry.state != ReportState::Rejected {
        entry.rejected_files.insert(file.to_owned());
    } else {
        entry.rejected_files.remove(file);
    }
}

/// Forgets rejected reports that are in the inbox no longer, where their bytes are a report under another
/// name: they were renamed.
pub(crate) fn drop_renamed(reports: &mut LedgerReports, seen: &IntakeIndex) {
    if !seen.has_looked() {
        return;
    }
    let bytes_of = |report: &ReportEntry| (report.store.clone(), report.hash.clone());
    let is_taken_in = |report: &&ReportEntry| report.state != ReportState::Rejected;
    let taken_in: BTreeSet<_> = reports.values().filter(is_taken_in).map(bytes_of).collect();
    reports.retain(|key, report| {
        report.state != ReportState::Rejected
            || report.files.is_empty()
            || report.files.iter().any(|file| seen.has(file, key))
            || !taken_in.contains(&bytes_of(report))
    });
}

/// What the quarantine says of a rejected report.
fn entry(rejection: RejectedReport) -> QuarantineEntry {
    QuarantineEntry {
        row: None,
        column: rejection.column,
        reason: rejection.code.to_owned(),
        detail: rejection.detail,
        raw: None,
    }
}

pub(crate) fn new_report(
    candidate: &ReportCandidate<'_>,
    file: &InboxFile,
    name: String,
    report: &ExaminedReport,
) -> NewReport {
    let path = candidate.path.clone();
    let member = report.archive.as_ref().map(|archive| archive.member.clone());
    NewReport { path, state: file.state, name, member }
}

fn texts(dates: &BTreeSet<Day>) -> BTreeSet<String> {
    dates.iter().map(ToString::to_string).collect()
}

/// Territories of the lines or plays by path of their month.
fn territories(report: &ExaminedReport) -> BTreeMap<String, BTreeSet<String>> {
    let of_path = |((store, month), note): (&SalesMonth, &MonthNote)| {
        let codes = note.territories.iter().map(|territory| ascii(territory.to_text()));
        let path = if report.feed == Some(Feed::Trends) {
            month_path("plays", store, month)
        } else {
            lots_path(LotTable::Sales, store, month)
        };
        (path, codes.collect())
    };
    let notes = report.notes.iter().filter(|_| report.rejection.is_none());
    notes.map(of_path).collect()
}

/// How many lines of statements end on which day of later months, by path of their partition.
fn reaches(report: &ExaminedReport) -> BTreeMap<String, BTreeMap<String, u64>> {
    let is_kept = report.rejection.is_none() && report.feed == Some(Feed::Sales);
    let notes = report.notes.iter().filter(|_| is_kept);
    let of_path = |((store, month), note): (&SalesMonth, &MonthNote)| {
        let path = lots_path(LotTable::Sales, store, month);
        let days = note.reaches.iter().map(|(day, n_lines)| (day.to_string(), *n_lines));
        (path, days.collect::<BTreeMap<String, u64>>())
    };
    notes.map(of_path).filter(|(_, days)| !days.is_empty()).collect()
}

/// Control totals of the lines by path of their partition.
fn totals(report: &ExaminedReport) -> BTreeMap<String, MonthTotalsRecord> {
    let is_kept = report.rejection.is_none() && report.feed == Some(Feed::Sales);
    let notes = report.notes.iter().filter(|_| is_kept);
    let of_path = |((store, month), note): (&SalesMonth, &MonthNote)| {
        let path = lots_path(LotTable::Sales, store, month);
        // Sums that 128 bits do not hold are those of a rejected report.
        Some((path, MonthTotalsRecord::net(&note.sums)?))
    };
    notes.filter_map(of_path).collect()
}

/// How large the numbers of a report are that is not rejected.
fn sizes(report: &ExaminedReport) -> ReportSizes {
    if report.rejection.is_some() {
        return ReportSizes::default();
    }
    let mut lots = BTreeMap::new();
    for ((store, month), note) in &report.notes {
        for (table, sums) in
            [(report.lot_table, &note.sums), (Some(LotTable::RevenuePools), &note.pools)]
        {
            let path = table.map(|table| lots_path(table, store, month));
            let size =
                MonthTotalsRecord::size(sums).filter(|size| *size != MonthTotalsRecord::default());
            lots.extend(path.zip(size));
        }
    }
    let of_plays = |sums: PlaySums| {
        let size = |sum: BoundedSum| i128::try_from(sum.size()?).ok();
        Some(PlaySizes { plays: size(sums.plays)?, played_ms: size(sums.played_ms)? })
    };
    ReportSizes { lots, plays: report.play_sums.and_then(of_plays), rejected_for: None }
}
