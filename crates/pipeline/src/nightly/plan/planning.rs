//! Which partitions there must be, and which of them must be rebuilt for what they are made of
//! themselves. What decides is the fingerprint of a partition's inputs, never a window of dates.

use std::collections::BTreeMap;

use streamledger_core::explain::coverage::{CoverageRow, coverage};
use streamledger_core::model::day::{Day, Month};
use streamledger_storage::layout::ledger::{LedgerReports, Manifest, ReportEntry, ReportState};
use streamledger_storage::layout::partition_key::{
    hive_escaped, month_path, path_in, plays_path, store_month, trends_path,
};
use streamledger_storage::tables::lot_table::LotTable;

use crate::coverage::deliveries::deliveries;
use crate::intake::config::json;
use crate::nightly::context::RunContext;
use crate::nightly::plan::fingerprints::{coverage_hash, fingerprint_of};
use crate::nightly::plan::planned::{
    COVERAGE, DAMAGED_LIST, DELIVERIES, PartitionKind, PlannedPartition, REPORTS, UNMAPPED_VALUES,
};
use crate::partition_paths::replaced_paths;

/// Partitions by path.
pub(crate) type Targets = BTreeMap<String, PlannedPartition>;

/// A plan without what depends on other partitions.
#[derive(Debug, Default)]
pub(crate) struct PlanDraft {
    pub(crate) targets: Targets,
    /// What is there and what is due.
    pub(crate) coverage: Vec<CoverageRow>,
}

/// The partitions that reports feed. Those whose inputs are other than the published ones' are stale.
pub(crate) fn draft_plan(
    run: &RunContext<'_>,
    reports: &LedgerReports,
    previous: &Manifest,
) -> PlanDraft {
    let mut draft = targets_of(run, reports);
    for (path, planned) in &mut draft.targets {
        planned.why = match previous.partitions.get(path) {
            None => Some("new".to_owned()),
            Some(partition) if partition.fingerprint != planned.fingerprint => {
                Some("its inputs changed".to_owned())
            }
            Some(_) if has_damaged_list(run, path) => Some(DAMAGED_LIST.to_owned()),
            Some(_) => None,
        };
    }
    rebuild_summed_lines(&mut draft.targets);
    draft
}

/// The partitions that reports feed, none of them stale.
pub(crate) fn targets_of(run: &RunContext<'_>, reports: &LedgerReports) -> PlanDraft {
    let mut draft = PlanDraft::default();
    let targets = &mut draft.targets;
    plan_plays(run, reports, targets);
    plan_trends(targets);
    let policy = run.judging.base_footer();
    plan_lots(reports, policy, targets);
    plan_quarantine(reports, policy, targets);
    let keys: Vec<String> = reports.keys().cloned().collect();
    if keys.is_empty() {
        return draft;
    }
    let deliveries = deliveries(reports, &run.settings.stores);
    draft.coverage = coverage(&run.settings.calendar, &deliveries, run.as_of());
    plan_coverage(&draft.coverage, policy, &keys, targets);
    plan_unmapped_values(reports, policy, targets);
    plan_deliveries(reports, policy, targets);
    let all = json(reports);
    add_target(targets, REPORTS.to_owned(), PartitionKind::Reports, (&[policy, &all], keys));
    draft
}

/// Whether a partition is rebuilt for a damaged list of offline plays: that of its date, or of a date of
/// its month.
pub(crate) fn has_damaged_list(run: &RunContext<'_>, path: &str) -> bool {
    run.work.damaged_lists.iter().any(|plays| plays == path || trends_path(plays) == path)
}

fn plan_plays(run: &RunContext<'_>, reports: &LedgerReports, targets: &mut Targets) {
    let mut by_day: BTreeMap<(&str, &str), Vec<&String>> = BTreeMap::new();
    for (key, report) in reports.iter().filter(|(_, report)| report.is_active()) {
        for day in report.days.keys() {
            by_day.entry((&report.store, day)).or_default().push(key);
        }
    }
    // Lists of tracks name the recordings of plays that have only the store's id; a list of a date
    // without plays makes no date.
    for (key, report) in reports.iter().filter(|(_, report)| report.is_active()) {
        for date in &report.track_dates {
            if let Some(keys) = by_day.get_mut(&(report.store.as_str(), date.as_str())) {
                keys.push(key);
            }
        }
    }
    for ((store, date), keys) in by_day {
        let Ok(day) = date.parse::<Day>() else {
            continue;
        };
        let judged_by = run.judging.of_plays(store, &date[..7]);
        let inputs = inputs_as_read(&keys, reports);
        let parts: Vec<&str> = judged_by.iter().chain(&inputs).map(String::as_str).collect();
        let kind = PartitionKind::Plays { store: store.to_owned(), day };
        let keys = keys.into_iter().cloned().collect();
        add_target(targets, plays_path(store, date), kind, (&parts, keys));
    }
}

/// Lines are summed while they are written: where sums are stale, so are their lines.
pub(crate) fn rebuild_summed_lines(targets: &mut Targets) {
    let stale = targets.values().filter(|planned| planned.is_stale());
    let summed: Vec<String> = stale
        .filter_map(|planned| match &planned.kind {
            PartitionKind::SalesMonthly { sales } => Some(sales.clone()),
            _ => None,
        })
        .collect();
    for path in summed {
        if let Some(planned) = targets.get_mut(&path) {
            planned.why.get_or_insert_with(|| "its sums are rebuilt".to_owned());
        }
    }
}

/// Adds a partition that is made of some parts, which its reports feed.
pub(crate) fn add_target(
    targets: &mut Targets,
    path: String,
    kind: PartitionKind,
    (parts, reports): (&[&str], Vec<String>),
) {
    let fingerprint = fingerprint_of(&kind, &path, parts);
    targets.insert(path, PlannedPartition { kind, fingerprint, reports, why: None });
}

/// The reports of a partition, and under which settings each was read.
fn inputs_as_read(keys: &[&String], reports: &LedgerReports) -> Vec<String> {
    keys.iter().map(|key| format!("{key} {}", reports[*key].reading)).collect()
}

/// Months of `sales` and `pools`, and of `sales_monthly`. Nothing of them is judged, but the policy's
/// hash stands in their footers too.
fn plan_lots(reports: &LedgerReports, policy: &str, targets: &mut Targets) {
    let mut months: BTreeMap<&String, (LotTable, Vec<&String>)> = BTreeMap::new();
    let replaced: Vec<(String, &String)> = reports
        .iter()
        .flat_map(|(key, report)| replaced_paths(report).map(move |p| (p, key)))
        .collect();
    for (path, key) in &replaced {
        months.entry(path).or_insert((LotTable::SalesSuperseded, Vec::new())).1.push(key);
    }
    for (key, report) in reports.iter().filter(|(_, report)| report.is_active()) {
        for path in report.lines.keys().chain(report.pools.keys()) {
            if let Some(table) = LotTable::of_path(path) {
                months.entry(path).or_insert((table, Vec::new())).1.push(key);
            }
        }
    }
    for (path, (table, mut keys)) in months {
        let Some(month) = store_month(path) else {
            continue;
        };
        keys.sort();
        let inputs = inputs_as_read(&keys, reports);
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let parts = [&[policy], inputs.as_slice()].concat();
        let keys: Vec<String> = keys.into_iter().cloned().collect();
        if table == LotTable::Sales {
            let monthly = path_in("sales_monthly", path);
            let kind = PartitionKind::SalesMonthly { sales: path.clone() };
            add_target(targets, monthly, kind, (&parts, keys.clone()));
        }
        add_target(targets, path.clone(), PartitionKind::Lots(table, month), (&parts, keys));
    }
}

/// A month of trends is made of its dates of plays.
fn plan_trends(targets: &mut Targets) {
    let mut months: BTreeMap<(String, Month), (Vec<String>, Vec<String>)> = BTreeMap::new();
    for planned in targets.values() {
        if let PartitionKind::Plays { store, day } = &planned.kind {
            let month = months.entry((store.clone(), day.month())).or_default();
            month.0.push(planned.fingerprint.clone());
            month.1.extend(planned.reports.iter().cloned());
        }
    }
    for ((store, month), (fingerprints, reports)) in months {
        let path = month_path("trends_daily", &store, month);
        let parts: Vec<&str> = fingerprints.iter().map(String::as_str).collect();
        let kind = PartitionKind::TrendsDaily { store, month };
        add_target(targets, path, kind, (&parts, reports));
    }
}

/// Coverage depends on the clock: it is rebuilt when a row of it changes.
fn plan_coverage(rows: &[CoverageRow], policy: &str, keys: &[String], targets: &mut Targets) {
    let rows = coverage_hash(rows);
    // The reports stand in the footer, also those that change no row.
    let inputs = keys.join(" ");
    let parts = [policy, &rows, &inputs];
    add_target(targets, COVERAGE.to_owned(), PartitionKind::Coverage, (&parts, keys.to_vec()));
}

/// The policy's hash stands in the footer, though it judges nothing here.
fn plan_quarantine(reports: &LedgerReports, policy: &str, targets: &mut Targets) {
    let mut months: BTreeMap<(&str, &str), Vec<&String>> = BTreeMap::new();
    for (key, report) in reports {
        let n_bad = report.counts.map_or(0, |counts| counts.quarantined);
        if report.state == ReportState::Superseded {
            continue;
        }
        if report.state.is_rejected() || n_bad != 0 {
            months.entry((&report.store, report.first_month())).or_default().push(key);
        }
    }
    for ((store, month), keys) in months {
        let path = month_path("quarantine", &hive_escaped(store), month);
        let entries: Vec<String> = keys
            .iter()
            .map(|key| {
                let report = &reports[*key];
                // What a report is rejected for names other reports.
                let unaccepted = report.detail.as_deref().unwrap_or_default();
                let detail = report.sizes.rejected_for.as_deref().unwrap_or(unaccepted);
                format!("{key} {} {} {detail}", report.file(), report.reading)
            })
            .collect();
        let parts: Vec<&str> =
            std::iter::once(policy).chain(entries.iter().map(String::as_str)).collect();
        let keys = keys.into_iter().cloned().collect();
        add_target(targets, path, PartitionKind::Quarantine, (&parts, keys));
    }
}

fn plan_unmapped_values(reports: &LedgerReports, policy: &str, targets: &mut Targets) {
    let is_shown = |report: &ReportEntry| report.is_active() && report.n_unmapped != 0;
    let keys: Vec<&String> =
        reports.iter().filter(|(_, report)| is_shown(report)).map(|(key, _)| key).collect();
    let inputs = inputs_as_read(&keys, reports);
    let parts: Vec<&str> =
        std::iter::once(policy).chain(inputs.iter().map(String::as_str)).collect();
    let keys = keys.into_iter().cloned().collect();
    let path = UNMAPPED_VALUES.to_owned();
    add_target(targets, path, PartitionKind::UnmappedValues, (&parts, keys));
}

/// When a report came under a name never changes, so the names are all that this table depends on.
fn plan_deliveries(reports: &LedgerReports, policy: &str, targets: &mut Targets) {
    let names = reports.values().flat_map(|report| {
        let last = report.last_date.as_deref().unwrap_or_default();
        report.files.iter().map(move |file| format!("{} {last} {file}", report.id))
    });
    let names: Vec<String> = names.collect();
    let parts: Vec<&str> =
        std::iter::once(policy).chain(names.iter().map(String::as_str)).collect();
    let keys = reports.keys().cloned().collect();
    add_target(targets, DELIVERIES.to_owned(), PartitionKind::Deliveries, (&parts, keys));
}
