//! Before a run publishes: what is about to be shown is checked against what the ledger knows of the
//! reports, row by row in number, and statements in units and money too. A difference is named, and
//! nothing is published.

use std::collections::BTreeMap;

use streamledger_core::model::money::Amount;
use streamledger_storage::layout::ledger::Manifest;
use streamledger_storage::layout::partition_key::{path_in, plays_path};
use streamledger_storage::layout::report_sums::MonthTotalsRecord;
use streamledger_storage::tables::lot_table::LotTable;

use crate::build::build_waterfall::WaterfallSums;
use crate::nightly::error::NightlyError;
use crate::partition_paths::replaced_paths;

/// Holds what is about to be published against the ledger: every row that was ingested is in `plays`
/// or `sales`, every other one was quarantined.
///
/// # Errors
/// [`NightlyError`].
pub fn check_manifest(manifest: &Manifest) -> Result<(), NightlyError> {
    let inconsistent = |message: String| Err(NightlyError::Inconsistent { message });
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for (key, report) in manifest.reports.iter().filter(|(_, report)| report.is_active()) {
        for (date, rows) in &report.days {
            let path = plays_path(&report.store, date);
            *expected.entry(path).or_default() += rows;
        }
        for (path, rows) in report.lines.iter().chain(&report.pools) {
            *expected.entry(path.clone()).or_default() += rows;
        }
        let counts = report.counts.unwrap_or_default();
        let lots = report.lines.values().chain(report.pools.values());
        let n_taken: u64 = report.days.values().chain(lots).sum();
        if n_taken + counts.quarantined != counts.rows {
            return inconsistent(format!(
                "report {key} has {} rows, of which {n_taken} were ingested and {} quarantined",
                counts.rows, counts.quarantined
            ));
        }
    }
    for report in manifest.reports.values() {
        for path in replaced_paths(report) {
            let sales = path_in("sales", &path);
            *expected.entry(path).or_default() += report.lines[&sales];
        }
    }
    let is_of_rows = |path: &str| path.starts_with("plays/") || LotTable::of_path(path).is_some();
    for (path, partition) in &manifest.partitions {
        if !is_of_rows(path) {
            continue;
        }
        let rows = expected.remove(path).unwrap_or(0);
        if partition.rows() != rows {
            let found = partition.rows();
            return inconsistent(format!("{path} has {found} rows, its reports have {rows}"));
        }
    }
    if let Some((path, rows)) = expected.first_key_value() {
        return inconsistent(format!("{path} is missing, its reports have {rows} rows"));
    }
    check_totals(manifest)
}

/// Control totals: units and money of a month of `sales_monthly` are those of the lines of its reports,
/// as they were read.
fn check_totals(manifest: &Manifest) -> Result<(), NightlyError> {
    let mut expected: BTreeMap<String, ControlSums> = BTreeMap::new();
    for report in manifest.reports.values().filter(|report| report.is_active()) {
        for (path, totals) in &report.totals {
            let monthly = path_in("sales_monthly", path);
            add_totals(expected.entry(monthly).or_default(), totals)?;
        }
    }
    for (path, partition) in &manifest.partitions {
        if !path.starts_with("sales_monthly/") {
            continue;
        }
        let mut found = ControlSums::default();
        add_totals(&mut found, partition.totals.as_ref().unwrap_or(&MonthTotalsRecord::default()))?;
        let expected = expected.remove(path).unwrap_or_default();
        if let Some(difference) = difference(&found, &expected) {
            let message = format!("{path} has {difference}");
            return Err(NightlyError::Inconsistent { message });
        }
    }
    match expected.first_key_value() {
        Some((path, (units, _))) => {
            let message = format!("{path} is missing, its reports have {units} units");
            Err(NightlyError::Inconsistent { message })
        }
        None => Ok(()),
    }
}

/// Units, and money by currency in 10^-12 of its unit.
type ControlSums = (i128, BTreeMap<String, i128>);

fn add_totals(sums: &mut ControlSums, totals: &MonthTotalsRecord) -> Result<(), NightlyError> {
    let inconsistent = |message: String| NightlyError::Inconsistent { message };
    let too_large = || inconsistent("the ledger has sums that 128 bits do not hold".to_owned());
    sums.0 = sums.0.checked_add(totals.units).ok_or_else(too_large)?;
    for (currency, text) in &totals.amounts {
        let read = Amount::parse_sum(text).ok_or_else(|| {
            inconsistent(format!("the ledger has `{text}` {currency}, which is no amount"))
        })?;
        let sum = sums.1.entry(currency.clone()).or_default();
        *sum = sum.checked_add(read.amount.0).ok_or_else(too_large)?;
    }
    Ok(())
}

/// The first number in which two sums differ, in words.
fn difference(found: &ControlSums, expected: &ControlSums) -> Option<String> {
    if found.0 != expected.0 {
        return Some(format!("{} units, its reports have {}", found.0, expected.0));
    }
    let currencies = found.1.keys().chain(expected.1.keys());
    let amount = |sums: &ControlSums, currency: &String| sums.1.get(currency).copied();
    let shown = |amount: Option<i128>| {
        amount.map_or_else(|| "no".to_owned(), |amount| Amount(amount).to_string())
    };
    let differs = |currency: &&String| amount(found, currency) != amount(expected, currency);
    currencies.into_iter().find(differs).map(|currency| {
        let (found, expected) = (amount(found, currency), amount(expected, currency));
        format!("{} {currency}, its reports have {}", shown(found), shown(expected))
    })
}

/// The waterfall must hold the plays of the other tables, no more and no fewer.
pub(super) fn check_waterfall(
    path: &str,
    sums: WaterfallSums,
    tables: WaterfallSums,
) -> Result<(), NightlyError> {
    for (what, table, found, expected) in [
        ("reported plays", "trends_daily", sums.reported, tables.reported),
        ("counted plays", "trends_daily", sums.counted, tables.counted),
        ("paid units", "sales", sums.paid, tables.paid),
    ] {
        if found != expected {
            let message = format!("{path} has {found} {what}, {table} has {expected}");
            return Err(NightlyError::Inconsistent { message });
        }
    }
    Ok(())
}

/// `trends_daily` must hold the plays that were judged, no more and no fewer.
pub(super) fn check_day(path: &str, judged: i64, summed: i64) -> Result<(), NightlyError> {
    if judged == summed {
        return Ok(());
    }
    let message = format!("{path} has {judged} plays, trends_daily has {summed} of them");
    Err(NightlyError::Inconsistent { message })
}

#[cfg(test)]
mod tests;
