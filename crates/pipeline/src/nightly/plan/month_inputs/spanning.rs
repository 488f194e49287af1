//! Lines of statements whose days lie in several months, as those of a fiscal month: where they are, and
//! the plays by which they are divided.

use streamledger_core::explain::period::{Period, months_within};
use streamledger_core::model::day::{Day, Month};
use streamledger_storage::layout::ledger::ReportEntry;
use streamledger_storage::layout::partition_key::{
    lots_path, month_path, store_month, store_prefix,
};
use streamledger_storage::tables::lot_table::LotTable;

use crate::nightly::plan::plan_view::{PlanView, StoreMonth};

/// Where the lines are whose days lie in several months, and the plays by which they are divided.
pub(crate) struct SpanningLines {
    /// Months of `sales` and of `sales_superseded` in which such lines begin.
    pub(crate) sales: Vec<String>,
    pub(crate) replaced: Vec<String>,
    /// Months of `trends_daily` in which they have days.
    pub(crate) trends: Vec<String>,
    /// First and last day of these months.
    pub(crate) days: (Day, Day),
}

impl SpanningLines {
    pub(super) fn new(of: &StoreMonth, view: PlanView<'_>) -> Option<Self> {
        let mut found = Self {
            sales: Vec::new(),
            replaced: Vec::new(),
            trends: Vec::new(),
            days: (Day(i32::MAX), Day(i32::MIN)),
        };
        for (table, is_replaced) in [("sales", false), ("sales_superseded", true)] {
            let prefix = store_prefix(table, &of.store);
            let paths = view.targets.range(prefix.clone()..);
            let paths = paths.map(|(path, _)| path).take_while(|path| path.starts_with(&prefix));
            for path in paths {
                let Some((_, begin)) = store_month(path).filter(|(_, begin)| *begin <= of.month)
                else {
                    continue;
                };
                let reports = view.targets[path].reports.iter().map(|key| &view.reports[key]);
                let Some(reach) =
                    reports.filter_map(|report| reach_of(report, &of.store, begin)).max()
                else {
                    continue;
                };
                if reach < of.month {
                    continue;
                }
                let (first, last) = (Period::Month(begin).first(), Period::Month(reach).last());
                found.days = (found.days.0.min(first), found.days.1.max(last));
                if is_replaced { &mut found.replaced } else { &mut found.sales }.push(path.clone());
            }
        }
        if found.sales.is_empty() && found.replaced.is_empty() {
            return None;
        }
        let paths = months_within(found.days).into_iter();
        let paths = paths.map(|(month, _)| month_path("trends_daily", &of.store, month));
        found.trends = paths.filter(|path| view.targets.contains_key(path)).collect();
        Some(found)
    }

    /// All of these partitions.
    pub(super) fn paths(&self) -> impl Iterator<Item = &String> {
        self.sales.iter().chain(&self.replaced).chain(&self.trends)
    }
}

/// The last month in which a line of a report has days that begins in another one.
fn reach_of(report: &ReportEntry, store: &str, begin: Month) -> Option<Month> {
    let path = lots_path(LotTable::Sales, store, begin);
    report.last_reach(&path)
}
