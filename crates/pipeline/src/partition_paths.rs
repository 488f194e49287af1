//! Paths of partitions, and what they say.

use streamledger_core::normalize::sales_lot::SalesMonth;
use streamledger_storage::layout::ledger::{ReportEntry, fingerprint};

/// Partitions of what a newer statement has replaced: what was paid before it is told by its lines.
pub(crate) fn replaced_paths(report: &ReportEntry) -> impl Iterator<Item = String> + '_ {
    let is_replaced = report.is_restated();
    let paths = report.lines.keys().filter(move |_| is_replaced);
    paths.filter_map(|path| Some(format!("sales_superseded/{}", path.strip_prefix("sales/")?)))
}

/// Store and month of a path that ends in `store=.../month=YYYY-MM`.
pub(crate) fn month_of(path: &str) -> Option<SalesMonth> {
    let (rest, month) = path.rsplit_once("/month=")?;
    let (_, store) = rest.split_once("/store=")?;
    Some((store.to_owned(), month.parse().ok()?))
}

/// Path of the month of `trends_daily` that a date of `plays` is in.
pub(crate) fn trends_path(plays_path: &str) -> String {
    let month = plays_path.rsplit_once('/').map_or(plays_path, |(month, _)| month);
    month.replacen("plays/", "trends_daily/", 1)
}

/// Whether a file of a month of `trends_daily` is of the date of a partition of `plays`.
pub(crate) fn is_of_date(file_name: &str, plays_path: &str) -> bool {
    let date = plays_path.rsplit_once("date=").map_or(plays_path, |(_, date)| date);
    file_name.strip_prefix(date).is_some_and(|rest| rest.starts_with('-'))
}

/// Longest name of a store's folder in a path: file systems take 255 bytes with `store=`.
const ESCAPED_BYTES_MAX: usize = 200;

/// A folder's name as a partition value: what Hive paths cannot hold is written as `%XX`. A name that
/// gets too long is cut and told apart by its hash.
#[must_use]
pub fn hive_escaped(value: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"_-. ".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _infallible = write!(escaped, "%{byte:02X}");
        }
    }
    if ESCAPED_BYTES_MAX < escaped.len() {
        escaped.truncate(ESCAPED_BYTES_MAX);
        escaped.push('~');
        escaped.push_str(&fingerprint(&[value]));
    }
    escaped
}
