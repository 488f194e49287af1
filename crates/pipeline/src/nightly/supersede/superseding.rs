//! Which reports count: what the ledger knows of them is handed to the decision, and what comes out is
//! entered. It is decided again in each run over all reports, those too that were superseded or rejected
//! until somebody accepts them, so that a report that comes or a decision changes what hangs on it.

use std::collections::BTreeMap;

use streamledger_core::decisions::AcceptedReports;
use streamledger_core::ingest::table::format::{Feed, RestatesBy};
use streamledger_core::model::money::Amount;
use streamledger_core::supersede::decide::supersede;
use streamledger_core::supersede::facts::{FilePart, ReportFacts, ReportStanding, ReportTotals};
use streamledger_storage::layout::ledger::{LedgerReports, ReportEntry, ReportState};

use crate::known_days::known_days;
use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::intake::examination::IntakeResult;
use crate::nightly::summary::{ListedRejection, ReplacedReport, ReportFigures, RunSummary};
use crate::nightly::supersede::bounds::{is_out_of_bounds, readmit, reject_largest};
use crate::nightly::supersede::comparing::RowComparison;

/// Reason of a report that waits for its other files.
pub(crate) const MISSING_PARTS: &str = "missing_parts";

/// Which reports count, with what that was decided by.
struct SettledReports {
    standings: BTreeMap<String, ReportStanding>,
    facts: BTreeMap<String, ReportFacts>,
    /// Names of the reports in the tables.
    names: BTreeMap<String, String>,
}

/// Settles which reports count, and notes what is new about that. Of a partition that would sum to
/// more than its columns hold, the largest report does not: what hangs on it is settled again.
pub(crate) fn settle_reports(
    run: &RunContext<'_>,
    examination: &mut IntakeResult,
    previous: &LedgerReports,
) -> Result<(), NightlyError> {
    readmit(&mut examination.reports);
    let mut settled = settle_reports_once(run, examination)?;
    while reject_largest(&mut examination.reports) {
        settled = settle_reports_once(run, examination)?;
    }
    let beyond = examination.reports.iter().filter(|(_, report)| is_out_of_bounds(report));
    for (key, report) in beyond {
        if previous.get(key).is_none_or(|previous| !is_out_of_bounds(previous)) {
            examination.summary.reject_again(report);
        }
    }
    let SettledReports { standings, facts, names } = settled;
    note_standings(&mut examination.summary, &standings, &facts, (&names, previous));
    Ok(())
}

fn settle_reports_once(
    run: &RunContext<'_>,
    examination: &mut IntakeResult,
) -> Result<SettledReports, NightlyError> {
    let reports = &examination.reports;
    let is_read = |(_, report): &(&String, &ReportEntry)| report.state != ReportState::Rejected;
    let facts: BTreeMap<String, ReportFacts> = reports
        .iter()
        .filter(is_read)
        .map(|(key, report)| (key.clone(), facts_of(run, key, report)))
        .collect();
    let accepted = run.judging.accepted();
    let (lists, new) = (&mut examination.row_lists, &examination.to_archive);
    let mut comparing = RowComparison::new(run, reports, lists, new);
    let standings = supersede(
        &facts,
        &comparing.neighbours(&facts)?,
        accepted,
        &mut |a: &str, b: &str, by| comparing.shared(a, b, by),
    )?;
    examination.comparisons = comparing.finish();
    let names: BTreeMap<String, String> =
        reports.iter().map(|(key, report)| (key.clone(), report.name().to_owned())).collect();
    for (key, standing) in &standings {
        if let Some(report) = examination.reports.get_mut(key) {
            enter_standing(report, standing, &names);
            report.decision = decisions_of(key, report, accepted);
        }
    }
    Ok(SettledReports { standings, facts, names })
}

/// What the ledger knows of a report, as far as it decides whether it counts.
fn facts_of(run: &RunContext<'_>, key: &str, report: &ReportEntry) -> ReportFacts {
    let format = report.format.as_deref().and_then(|name| run.settings.formats.get(name));
    let is_dsr = format.is_none() && report.about.set.is_some();
    let feed = report.feed.clone().unwrap_or_default();
    let months = report.days.keys().chain(report.lines.keys()).chain(report.pools.keys());
    let sums = report.sums.as_ref();
    let fingerprint = |text: &String| u128::from_str_radix(text, 16).ok();
    ReportFacts {
        id: key.rsplit('/').next().unwrap_or(key).to_owned(),
        hash: report.hash.clone(),
        store: report.store.clone(),
        format: report.format.clone().unwrap_or_default(),
        files: report.files.clone(),
        set: report.about.set.clone(),
        part: report.part.as_ref().map(|part| FilePart { number: part.number, of: part.of }),
        period: report.about.period.clone(),
        territory: report.about.territory.clone(),
        only_territory: only_territory(report),
        created_ms: report.about.created_ms,
        known_days: known_days(report),
        months: months.cloned().collect(),
        totals: totals(report),
        fingerprint: sums.and_then(|sums| fingerprint(&sums.fingerprint)),
        adds: format.is_some_and(|format| format.restates == RestatesBy::Add),
        // The tail of a DDEX report says that it has no lines: one that was cut off has none.
        empty_cancels: format.map_or(is_dsr, |format| format.empty_cancels),
        proves_store: report.about.proves_store,
        is_figures: feed != Feed::Reference.as_str(),
        feed,
    }
}

fn note_standings(
    summary: &mut RunSummary,
    standings: &BTreeMap<String, ReportStanding>,
    facts: &BTreeMap<String, ReportFacts>,
    (names, previous): (&BTreeMap<String, String>, &LedgerReports),
) {
    for (key, standing) in standings {
        let (report, before) = (&facts[key], previous.get(key));
        match standing {
            ReportStanding::Active => {}
            ReportStanding::Waiting { missing, of } => {
                let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
                let missing = format!("{} of {of}", missing.join(", "));
                let file = report.file().to_owned();
                summary.waiting.push((file, missing));
            }
            ReportStanding::Superseded { by, why } => {
                let (newer, name) = (&facts[by], names.get(by));
                if before.is_some_and(|before| before.superseded_by.as_ref() == name) {
                    continue;
                }
                let replaced = ReplacedReport {
                    file: report.file().to_owned(),
                    newer: newer.file().to_owned(),
                    why: why.as_str(),
                    before: figures(&report.totals),
                    after: figures(&newer.totals),
                };
                summary.replaced.push(replaced);
            }
            ReportStanding::Rejected { what, detail } => {
                if before.is_some_and(|before| before.detail.as_ref() == Some(detail)) {
                    continue;
                }
                if before.is_some_and(ReportEntry::is_active) {
                    let instead = counts_instead(report, standings, (facts, previous));
                    let replaced = ReplacedReport {
                        file: report.file().to_owned(),
                        newer: instead.0,
                        why: what.as_str(),
                        before: figures(&report.totals),
                        after: figures(&instead.1),
                    };
                    summary.replaced.push(replaced);
                }
                let (file, reason) = (report.file().to_owned(), what.as_str().to_owned());
                let rejected = ListedRejection { file, reason, detail: detail.clone() };
                summary.rejected.push(rejected);
            }
        }
    }
}

/// Files of the reports about the same days that begin to count when one no longer does, and what their
/// rows come to.
fn counts_instead(
    report: &ReportFacts,
    standings: &BTreeMap<String, ReportStanding>,
    (facts, previous): (&BTreeMap<String, ReportFacts>, &LedgerReports),
) -> (String, ReportTotals) {
    let is_new = |key: &str| previous.get(key).is_none_or(|previous| !previous.is_active());
    let begins = |(key, standing): &(&String, &ReportStanding)| {
        let other = &facts[*key];
        **standing == ReportStanding::Active
            && is_new(key)
            && (&other.store, &other.feed) == (&report.store, &report.feed)
            && !other.months.is_disjoint(&report.months)
    };
    let others: Vec<&ReportFacts> =
        standings.iter().filter(begins).map(|(key, _)| &facts[key]).collect();
    let files: Vec<&str> = others.iter().map(|other| other.file()).collect();
    let totals = ReportTotals::of(others.iter().map(|other| &other.totals));
    (if files.is_empty() { "nothing".to_owned() } else { files.join(", ") }, totals)
}

/// The one territory of all rows of a report; `None` for several, or where a row has none.
fn only_territory(report: &ReportEntry) -> Option<String> {
    let code = &report.about.territory;
    let is_one = !code.is_empty() && code != "*";
    let has_all = report.sums.as_ref().is_some_and(|sums| !sums.has_no_territory);
    (is_one && has_all).then(|| code.clone())
}

/// Names of the decisions by which a report counts, joined by a bar; `None` where it needs none.
fn decisions_of(key: &str, report: &ReportEntry, accepted: &AcceptedReports) -> Option<String> {
    let of_report = accepted.iter().filter(|((report, _), _)| report == key);
    let names: Vec<&str> = of_report.map(|(_, name)| name.as_str()).collect();
    (report.is_active() && !names.is_empty()).then(|| names.join("|"))
}

fn enter_standing(
    report: &mut ReportEntry,
    standing: &ReportStanding,
    names: &BTreeMap<String, String>,
) {
    (report.reason, report.detail, report.superseded_by) = (None, None, None);
    report.state = match standing {
        ReportStanding::Active => ReportState::Active,
        ReportStanding::Waiting { .. } => {
            report.reason = Some(MISSING_PARTS.to_owned());
            ReportState::Waiting
        }
        ReportStanding::Superseded { by, why } => {
            report.superseded_by = names.get(by).cloned();
            report.reason = Some(why.as_str().to_owned());
            ReportState::Superseded
        }
        ReportStanding::Rejected { what, detail } => {
            report.reason = Some(what.as_str().to_owned());
            report.detail = Some(detail.clone());
            ReportState::Unaccepted
        }
    };
}

/// What the rows of a report come to. Where they are not compared, each row is a play.
fn totals(report: &ReportEntry) -> ReportTotals {
    let counts = report.counts.unwrap_or_default();
    let Some(sums) = &report.sums else {
        let rows = counts.rows - counts.quarantined.min(counts.rows);
        return ReportTotals { rows, plays: Some(rows.into()), money: BTreeMap::new() };
    };
    let money = sums
        .money
        .iter()
        .filter_map(|(currency, text)| Some((currency.clone(), Amount::parse(text)?.amount.0)));
    ReportTotals {
        rows: sums.rows,
        plays: sums.plays.as_ref().and_then(|plays| plays.parse().ok()),
        money: money.collect(),
    }
}

fn figures(totals: &ReportTotals) -> ReportFigures {
    let money =
        |(currency, amount): (&String, &i128)| (currency.clone(), Amount(*amount).to_string());
    ReportFigures {
        rows: totals.rows,
        plays: totals.plays.and_then(|plays| i64::try_from(plays).ok()),
        money: totals.money.iter().map(money).collect(),
    }
}
