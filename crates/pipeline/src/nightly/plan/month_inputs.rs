//! What the waterfall of a month is told from: the partitions of the month itself, and of later months
//! the dates that hold plays which were listened to in it.

use std::collections::{BTreeMap, BTreeSet};

use streamledger_core::explain::period::month_after;
use streamledger_storage::layout::ledger::ReportEntry;
use streamledger_storage::layout::partition_key::month_path;

use crate::build::build_waterfall::{CorrectedTerritories, SettledStatement};
use crate::nightly::plan::plan_view::{PlanView, SOURCES, StoreMonth};

pub(crate) mod spanning;

use spanning::SpanningLines;

/// What a month is told from: paths of partitions.
pub(crate) struct MonthInputs {
    /// Of the month, by the place of their table in [`SOURCES`].
    pub(crate) own: [Option<String>; 5],
    /// Dates of `plays` in later months that hold plays of this one.
    pub(crate) later: Vec<String>,
    /// Lines whose days lie in several months, of which this is one.
    pub(crate) spanning: Option<SpanningLines>,
}

impl MonthInputs {
    pub(crate) fn new(of: &StoreMonth, view: PlanView<'_>) -> Self {
        let own = SOURCES.map(|table| {
            let path = of.path(table);
            view.targets.contains_key(&path).then_some(path)
        });
        let month = of.month.to_string();
        let after = month_path("plays", &of.store, month_after(of.month, 1));
        // Months that go on are left out: they would rebuild this one in every run.
        let end = month_after(of.last_over, 1).max(month_after(of.month, 1));
        let end = month_path("plays", &of.store, end);
        let later = view.dates.range(after..end);
        let later = later.filter(|(_, date)| date.heard_in.contains(&month));
        let later = later.map(|(path, _)| path.clone()).collect();
        Self { own, later, spanning: SpanningLines::new(of, view) }
    }

    /// All partitions that the month is told from, each once.
    pub(crate) fn paths(&self) -> BTreeSet<&String> {
        let spanning = self.spanning.iter().flat_map(SpanningLines::paths);
        self.own.iter().flatten().chain(&self.later).chain(spanning).collect()
    }

    /// The partitions with lines of statements: those that begin in the month, and those that begin
    /// before it and have days in it.
    pub(crate) fn statement_paths(&self) -> BTreeSet<&String> {
        let spanning = self.spanning.iter().flat_map(|of| of.sales.iter().chain(&of.replaced));
        self.own[3].iter().chain(&self.own[4]).chain(spanning).collect()
    }

    /// Whether the store shows anything of the month.
    pub(crate) fn has_counters(&self) -> bool {
        self.own[1].is_some()
    }

    pub(crate) fn fingerprints(&self, view: PlanView<'_>) -> Vec<String> {
        let print = |path: &String| format!("{path} {}", view.targets[path].fingerprint);
        self.paths().into_iter().map(print).collect()
    }

    /// Keys of the reports that feed it.
    pub(crate) fn reports(&self, view: PlanView<'_>) -> Vec<String> {
        let keys = self.paths().into_iter().flat_map(|path| &view.targets[path].reports);
        keys.cloned().collect::<BTreeSet<String>>().into_iter().collect()
    }

    /// Statements of the month, also those that were replaced, in the order in which they settle: by
    /// the period that they settle, then a replaced one before what has taken its place. All of a period
    /// settle together: what has taken another's place corrects it, and moves no statement next to it.
    pub(crate) fn statements(&self, view: PlanView<'_>) -> Vec<SettledStatement> {
        let paths = self.statement_paths().into_iter();
        let keys = paths.flat_map(|path| &view.targets[path].reports);
        let reports: BTreeMap<&str, &ReportEntry> =
            keys.map(|key| (view.reports[key].name(), &view.reports[key])).collect();
        in_order_of_settlement(&reports)
    }
}

/// The period that a report settles, or its last month of use; and how many newer ones have taken its
/// place, one after the other, the most first.
type SettledIn = (Option<String>, std::cmp::Reverse<usize>);

fn settled_in(report: &ReportEntry, reports: &BTreeMap<&str, &ReportEntry>) -> SettledIn {
    let period = report.about.period.as_ref().map(|period| {
        let last = period.rsplit_once("..").map_or(period.as_str(), |(_, last)| last);
        last.chars().take("YYYY-MM".len()).collect()
    });
    let mut n_newer = 0;
    let mut newer = report.superseded_by.as_deref();
    while let Some(name) = newer.filter(|_| n_newer <= reports.len()) {
        n_newer += 1;
        newer = reports.get(name).and_then(|report| report.superseded_by.as_deref());
    }
    (period, std::cmp::Reverse(n_newer))
}

pub(crate) fn in_order_of_settlement(
    reports: &BTreeMap<&str, &ReportEntry>,
) -> Vec<SettledStatement> {
    let mut order: Vec<(SettledIn, &ReportEntry)> =
        reports.values().map(|report| (settled_in(report, reports), *report)).collect();
    order.sort_by(|(one, a), (other, b)| (one, &a.id).cmp(&(other, &b.id)));
    let mut place = 0;
    let mut last: Option<&Option<String>> = None;
    let mut statements = Vec::new();
    for ((period, _), report) in &order {
        place += u32::from(last.is_some_and(|last| last != period));
        last = Some(period);
        statements.push(SettledStatement {
            name: report.name().to_owned(),
            settlement: place,
            replaced_by: report.superseded_by.clone(),
            corrects: corrects(report, reports),
        });
    }
    statements
}

/// Where a report corrects others: in the territory of each of which it has taken the place, or
/// everywhere.
fn corrects(report: &ReportEntry, reports: &BTreeMap<&str, &ReportEntry>) -> CorrectedTerritories {
    let is_older = |older: &&&ReportEntry| older.superseded_by.as_deref() == Some(report.name());
    let mut found = CorrectedTerritories::Nothing;
    for older in reports.values().filter(is_older) {
        let code = &older.about.territory;
        let is_single = !code.is_empty() && code != "*";
        found = match found {
            CorrectedTerritories::Nothing if is_single => {
                CorrectedTerritories::In([code.clone()].into())
            }
            CorrectedTerritories::In(mut codes) if is_single => {
                codes.insert(code.clone());
                CorrectedTerritories::In(codes)
            }
            _ => CorrectedTerritories::All,
        };
    }
    found
}
