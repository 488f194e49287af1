//! Partitions of a report's lines.

use streamledger_storage::layout::ledger::ReportEntry;
use streamledger_storage::layout::partition_key::path_in;

/// Partitions of what a newer statement has replaced: its lines show what was paid before.
pub(crate) fn replaced_paths(report: &ReportEntry) -> impl Iterator<Item = String> + '_ {
    let is_replaced = report.is_restated();
    let paths = report.lines.keys().filter(move |path| is_replaced && path.starts_with("sales/"));
    paths.map(|path| path_in("sales_superseded", path))
}
