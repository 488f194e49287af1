//! Second step of a night: which partitions there must be, and which of them must be made anew. What
//! decides is the fingerprint of a partition's inputs, never a window of dates.

use std::collections::BTreeMap;

use streamledger_core::explain::coverage::coverage;
use streamledger_core::model::day::Day;

use crate::pipeline::coverage::deliveries::deliveries;
use crate::pipeline::nightly::context::Night;
use crate::pipeline::nightly::plan::fingerprints::{coverage_hash, fingerprint_of};
use crate::pipeline::nightly::plan::planned::COVERAGE;
use crate::pipeline::nightly::plan::planned::DAMAGED_LIST;
use crate::pipeline::nightly::plan::planned::DELIVERIES;
use crate::pipeline::nightly::plan::planned::Kind;
use crate::pipeline::nightly::plan::planned::Plan;
use crate::pipeline::nightly::plan::planned::PlannedPartition;
use crate::pipeline::nightly::plan::planned::REPORTS;
use crate::pipeline::nightly::plan::planned::UNMAPPED_VALUES;
use crate::pipeline::partition_paths::hive_escaped;
use crate::pipeline::partition_paths::month_of;
use crate::pipeline::partition_paths::replaced_paths;
use crate::pipeline::partition_paths::trends_path;
use crate::storage::layout::ledger::{Manifest, ReportEntry, ReportState, plays_path};
use crate::storage::tables::lot_table::LotTable;

impl Night<'_> {
    pub(crate) fn plan(
        &self,
        reports: &BTreeMap<String, ReportEntry>,
        manifest: &Manifest,
    ) -> Plan {
        let mut plan = Plan::default();
        self.plan_plays(reports, &mut plan);
        plan_trends(&mut plan);
        let policy = self.judging.base_footer();
        plan_lots(reports, policy, &mut plan);
        plan_quarantine(reports, policy, &mut plan);
        plan.coverage = coverage(
            &self.settings.calendar,
            &deliveries(reports, &self.settings.stores),
            self.as_of(),
        );
        let over = self.months_over(plan.targets.keys(), reports);
        plan_coverage(reports, policy, &over, &mut plan);
        let all = crate::pipeline::intake::config::json(reports);
        let keys: Vec<String> = reports.keys().cloned().collect();
        if !keys.is_empty() {
            plan_unmapped_values(reports, policy, &mut plan);
            plan_deliveries(reports, policy, &mut plan);
            plan.add_target(REPORTS.to_owned(), Kind::Reports, &[policy, &all], keys);
        }
        for (path, planned) in &mut plan.targets {
            let reason = match manifest.partitions.get(path) {
                None => "new",
                Some(partition) if partition.fingerprint != planned.fingerprint => {
                    "its inputs changed"
                }
                Some(_) if self.has_damaged_list(path) => DAMAGED_LIST,
                Some(_) => continue,
            };
            planned.is_stale = true;
            plan.reasons.push((path.clone(), reason.to_owned()));
        }
        plan.rebuild_summed_lines();
        let former = manifest.partitions.keys().filter(|path| Plan::is_planned_first(path));
        let gone: Vec<&String> = former.filter(|path| !plan.targets.contains_key(*path)).collect();
        for path in gone {
            plan.reasons.push((path.clone(), "no report feeds it any more".to_owned()));
        }
        plan
    }

    /// Whether a partition is made anew for a damaged list of offline plays: that of its date, or of a
    /// date of its month.
    pub(crate) fn has_damaged_list(&self, path: &str) -> bool {
        self.damaged_lists.iter().any(|plays| plays == path || trends_path(plays) == path)
    }

    fn plan_plays(&self, reports: &BTreeMap<String, ReportEntry>, plan: &mut Plan) {
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
            let Ok(day) = date.parse::<chrono::NaiveDate>() else {
                continue;
            };
            let path = plays_path(store, date);
            let day = Day(day.to_epoch_days());
            let judged_by = self.judging.of_plays(store, &date[..7]);
            let inputs = inputs_as_read(&keys, reports);
            let parts: Vec<&str> = judged_by.iter().chain(&inputs).map(String::as_str).collect();
            let kind = Kind::Plays { store: store.to_owned(), day };
            plan.add_target(path, kind, &parts, keys.into_iter().cloned().collect());
        }
    }
}

impl Plan {
    /// Lines are summed while they are written: where sums are stale, so are their lines.
    fn rebuild_summed_lines(&mut self) {
        let stale = self.targets.values().filter(|planned| planned.is_stale);
        let summed: Vec<String> = stale
            .filter_map(|planned| match &planned.kind {
                Kind::SalesMonthly { sales } => Some(sales.clone()),
                _ => None,
            })
            .collect();
        for path in summed {
            let Some(planned) = self.targets.get_mut(&path) else {
                continue;
            };
            if !std::mem::replace(&mut planned.is_stale, true) {
                self.reasons.push((path, "its sums are rebuilt".to_owned()));
            }
        }
    }

    pub(crate) fn add_target(
        &mut self,
        path: String,
        kind: Kind,
        parts: &[&str],
        reports: Vec<String>,
    ) {
        let fingerprint = fingerprint_of(&kind, &path, parts);
        let planned = PlannedPartition { kind, fingerprint, reports, is_stale: false };
        self.targets.insert(path, planned);
    }
}

/// The reports of a partition, and under which settings each was read.
fn inputs_as_read(keys: &[&String], reports: &BTreeMap<String, ReportEntry>) -> Vec<String> {
    keys.iter().map(|key| format!("{key} {}", reports[*key].reading)).collect()
}

/// Months of `sales` and `pools`, and of `sales_monthly`. Nothing of them is judged, but the policy's
/// hash stands in their footers too.
fn plan_lots(reports: &BTreeMap<String, ReportEntry>, policy: &str, plan: &mut Plan) {
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
        let Some(month) = month_of(path) else {
            continue;
        };
        keys.sort();
        let inputs = inputs_as_read(&keys, reports);
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let parts = [&[policy], inputs.as_slice()].concat();
        let keys: Vec<String> = keys.into_iter().cloned().collect();
        if table == LotTable::Sales {
            let monthly = path.replacen("sales/", "sales_monthly/", 1);
            let kind = Kind::SalesMonthly { sales: path.clone() };
            plan.add_target(monthly, kind, &parts, keys.clone());
        }
        plan.add_target(path.clone(), Kind::Lots(table, month), &parts, keys);
    }
}

/// A month of trends is made of its dates of plays.
fn plan_trends(plan: &mut Plan) {
    let mut months: BTreeMap<(String, String), (Vec<String>, Vec<String>)> = BTreeMap::new();
    for planned in plan.targets.values() {
        if let Kind::Plays { store, day } = &planned.kind {
            let month = months.entry((store.clone(), day.month().to_string())).or_default();
            month.0.push(planned.fingerprint.clone());
            month.1.extend(planned.reports.iter().cloned());
        }
    }
    for ((store, month), (fingerprints, reports)) in months {
        let path = format!("trends_daily/store={store}/month={month}");
        let parts: Vec<&str> = fingerprints.iter().map(String::as_str).collect();
        plan.add_target(path, Kind::TrendsDaily { store, month }, &parts, reports);
    }
}

/// Coverage depends on the clock: it is made anew when a row of it changes, or when another month is
/// over, so that there is something to do on the day on which a waterfall is to be made.
fn plan_coverage(
    reports: &BTreeMap<String, ReportEntry>,
    policy: &str,
    over: &str,
    plan: &mut Plan,
) {
    if reports.is_empty() {
        return;
    }
    let rows = coverage_hash(&plan.coverage);
    let keys: Vec<String> = reports.keys().cloned().collect();
    // The reports stand in the footer, also those that change no row.
    let inputs = keys.join(" ");
    plan.add_target(COVERAGE.to_owned(), Kind::Coverage, &[policy, &rows, &inputs, over], keys);
}

/// The policy's hash stands in the footer, though it judges nothing here.
fn plan_quarantine(reports: &BTreeMap<String, ReportEntry>, policy: &str, plan: &mut Plan) {
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
        let path = format!("quarantine/store={}/month={month}", hive_escaped(store));
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
        plan.add_target(path, Kind::Quarantine, &parts, keys.into_iter().cloned().collect());
    }
}

fn plan_unmapped_values(reports: &BTreeMap<String, ReportEntry>, policy: &str, plan: &mut Plan) {
    let is_shown = |report: &ReportEntry| report.is_active() && report.n_unmapped != 0;
    let keys: Vec<&String> =
        reports.iter().filter(|(_, report)| is_shown(report)).map(|(key, _)| key).collect();
    let inputs = inputs_as_read(&keys, reports);
    let parts: Vec<&str> =
        std::iter::once(policy).chain(inputs.iter().map(String::as_str)).collect();
    let keys = keys.into_iter().cloned().collect();
    plan.add_target(UNMAPPED_VALUES.to_owned(), Kind::UnmappedValues, &parts, keys);
}

/// When a report came under a name never changes, so the names are all that this table depends on.
fn plan_deliveries(reports: &BTreeMap<String, ReportEntry>, policy: &str, plan: &mut Plan) {
    let names = reports.values().flat_map(|report| {
        let last = report.last_date.as_deref().unwrap_or_default();
        report.files.iter().map(move |file| format!("{} {last} {file}", report.id))
    });
    let names: Vec<String> = names.collect();
    let parts: Vec<&str> =
        std::iter::once(policy).chain(names.iter().map(String::as_str)).collect();
    let keys = reports.keys().cloned().collect();
    plan.add_target(DELIVERIES.to_owned(), Kind::Deliveries, &parts, keys);
}
