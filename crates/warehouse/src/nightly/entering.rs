//! A report that was read becomes an entry of the ledger; what is wrong with it is noted.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::ingest::table::format::Feed;
use streamledger_core::normalize::sales_lot::{MonthNote, SalesMonth};
use streamledger_core::vocabulary::day::Day;
use streamledger_core::vocabulary::money::{Amount, Currency};

use crate::archive::{NewReport, archive_name};
use crate::examine::{ExaminedReport, Refusal};
use crate::inbox::InboxFile;
use crate::ledger::{ReportEntry, ReportState, ReportSums, Totals, lots_path};
use crate::nightly::Night;
use crate::nightly::examining::{Candidate, Examination};
use crate::nightly::summary::RefusedReport;
use crate::sales_columns::{LotTable, ascii};
use crate::small_tables::Complaint;

impl Night<'_> {
    #[expect(clippy::too_many_arguments, reason = "one call; a struct would only rename them")]
    pub(super) fn enter_new(
        &self,
        candidate: &Candidate<'_>,
        key: String,
        store: &str,
        hash: String,
        report: ExaminedReport,
        former: Option<&ReportEntry>,
        examination: &mut Examination,
    ) {
        let is_refused = report.refusal.is_some();
        let mut files = former.map(|entry| entry.files.clone()).unwrap_or_default();
        files.extend(candidate.file.map(|file| file.name.clone()));
        let archived = former
            .and_then(|entry| entry.archived.clone())
            .unwrap_or_else(|| archive_name(&hash, report.packing));
        let mut dates: Vec<String> = report.day_rows.keys().map(ToString::to_string).collect();
        // A line of a statement is dated by its month of use.
        dates.extend(report.lot_rows.keys().map(|(_, month)| format!("{month}-01")));
        dates.sort();
        let lines_table = report.lot_table.unwrap_or(LotTable::Sales);
        let paths = |table: LotTable, rows: &BTreeMap<SalesMonth, u64>| {
            let path = |((store, month), rows): (&SalesMonth, &u64)| {
                (lots_path(table, store, &month.to_string()), *rows)
            };
            if is_refused { BTreeMap::new() } else { rows.iter().map(path).collect() }
        };
        let day_rows = report.day_rows.iter().map(|(day, rows)| (day.to_string(), *rows));
        let entry = ReportEntry {
            store: store.to_owned(),
            hash,
            feed: report.feed.map(|feed| feed.as_str().to_owned()),
            format: report.format.clone(),
            files,
            archived: if is_refused {
                former.and_then(|entry| entry.archived.clone())
            } else {
                Some(archived)
            },
            reading: self.reading(store, report.format.as_deref()),
            state: if is_refused { ReportState::Refused } else { ReportState::Active },
            reason: report.refusal.as_ref().map(|refusal| refusal.code.to_owned()),
            detail: None,
            sums: report.row_list.as_ref().map(|(sums, _)| ReportSums::of(sums)),
            counts: report.counts,
            days: if is_refused { BTreeMap::new() } else { day_rows.collect() },
            lines: paths(lines_table, &report.lot_rows),
            territories: territories(&report),
            totals: totals(&report),
            pools: paths(LotTable::Pools, &report.pool_rows),
            track_dates: if is_refused { BTreeSet::new() } else { texts(&report.track_dates) },
            part: report.part.clone(),
            about: report.about.clone(),
            superseded_by: None,
            first_date: dates.first().cloned(),
            last_date: dates.last().cloned(),
        };
        let is_news = former.is_none_or(|former| former.state != entry.state);
        self.summarise(&entry, &report, is_news);
        if let (Some(name), Some(file)) = (&entry.archived, candidate.file) {
            examination.to_archive.push(new_report(candidate, file, name.clone(), &report));
        }
        let whole = report.refusal.map(complaint);
        let complaints = whole.into_iter().chain(report.bad_rows.into_iter().map(Into::into));
        examination.complaints.insert(key.clone(), complaints.collect());
        examination.fresh.insert(key.clone(), report.days);
        examination.fresh_runs.insert(key.clone(), report.runs);
        if let Some((_, list)) = report.row_list {
            examination.row_lists.insert(key.clone(), list);
        }
        examination.reports.insert(key, entry);
    }

    fn summarise(&self, entry: &ReportEntry, report: &ExaminedReport, is_news: bool) {
        let file = entry.file().to_owned();
        let counts = entry.counts.unwrap_or_default();
        self.note(|summary| match &report.refusal {
            Some(refusal) if is_news => summary.refused.push(RefusedReport {
                file,
                reason: refusal.code.to_owned(),
                detail: refusal.detail.clone(),
            }),
            Some(_) => {}
            None => {
                summary.taken_in.push((file.clone(), counts.rows));
                if counts.quarantined != 0 {
                    summary.quarantined.push((file, counts.quarantined, counts.rows));
                }
                let store = &entry.store;
                for (code, rows) in &report.unmapped.0 {
                    *summary.unmapped.entry((store.clone(), code.clone())).or_default() += rows;
                }
            }
        });
    }
}

/// What the quarantine says of a refused report.
fn complaint(refusal: Refusal) -> Complaint {
    Complaint {
        row: None,
        column: refusal.column,
        reason: refusal.code.to_owned(),
        detail: refusal.detail,
        raw: None,
    }
}

pub(super) fn new_report(
    candidate: &Candidate<'_>,
    file: &InboxFile,
    name: String,
    report: &ExaminedReport,
) -> NewReport {
    let (path, member) = (candidate.path.clone(), report.member.clone());
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
            format!("plays/store={store}/month={month}")
        } else {
            lots_path(LotTable::Sales, store, &month.to_string())
        };
        (path, codes.collect())
    };
    let notes = report.notes.iter().filter(|_| report.refusal.is_none());
    notes.map(of_path).collect()
}

/// Control totals of the lines by path of their partition.
fn totals(report: &ExaminedReport) -> BTreeMap<String, Totals> {
    let of_path = |((store, month), note): (&SalesMonth, &MonthNote)| {
        let amount = |(currency, sum): (&Currency, &i128)| {
            (currency.as_str().to_owned(), Amount(*sum).to_string())
        };
        let amounts = note.amounts.iter().map(amount).collect();
        let path = lots_path(LotTable::Sales, store, &month.to_string());
        (path, Totals { units: note.units, amounts })
    };
    let is_kept = report.refusal.is_none() && report.feed == Some(Feed::Sales);
    let notes = report.notes.iter().filter(|_| is_kept);
    notes.map(of_path).collect()
}
