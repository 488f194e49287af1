//! Where a partition is below the tables: `table/store=S/month=M`, and `date=D` after it where a table has a
//! folder for each date. The only place where such paths are put together and taken apart.

use std::fmt;

use streamledger_core::model::day::{Day, Month};

use crate::layout::ledger::fingerprint;
use crate::tables::lot_table::LotTable;

/// A partition of a table that is divided by store and month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionKey<'a> {
    /// Name of the table.
    pub table: &'a str,
    /// The store, as it stands in the path.
    pub store: &'a str,
    /// `YYYY-MM`, or a word where there is no month.
    pub month: &'a str,
    /// `YYYY-MM-DD`, of a table with a folder for each date.
    date: Option<&'a str>,
}

impl<'a> PartitionKey<'a> {
    /// The partition of a path, or of a path in it; `None` where it has no store and month.
    #[must_use]
    pub fn parse(path: &'a str) -> Option<Self> {
        let mut parts = path.split('/');
        let table = parts.next()?;
        let store = parts.next()?.strip_prefix("store=")?;
        let month = parts.next()?.strip_prefix("month=")?;
        let date = parts.next().and_then(|part| part.strip_prefix("date="));
        Some(Self { table, store, month, date })
    }

    /// The partition of the same store and month or date in another table.
    #[must_use]
    pub fn in_table(self, table: &'a str) -> Self {
        Self { table, ..self }
    }

    /// The month, of a partition of a date.
    #[must_use]
    pub fn whole_month(self) -> Self {
        Self { date: None, ..self }
    }

    /// The month; `None` where a word stands in its place.
    #[must_use]
    pub fn month(&self) -> Option<Month> {
        self.month.parse().ok()
    }

    /// Text of the month in the path; `None` where a word stands in its place.
    #[must_use]
    pub fn month_text(&self) -> Option<&'a str> {
        self.month().map(|_| self.month)
    }

    /// The date; `None` of a month.
    #[must_use]
    pub fn day(&self) -> Option<Day> {
        self.date?.parse().ok()
    }

    /// Whether a file in the month of this date is of it: such files begin with their date.
    #[must_use]
    pub fn has_file(&self, name: &str) -> bool {
        let rest = self.date.and_then(|date| name.strip_prefix(date));
        rest.is_some_and(|rest| rest.starts_with('-'))
    }
}

impl fmt::Display for PartitionKey<'_> {
    /// The path.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, store, month, date } = self;
        write!(formatter, "{table}/store={store}/month={month}")?;
        date.map_or(Ok(()), |date| write!(formatter, "/date={date}"))
    }
}

/// Name of the table of a path.
#[must_use]
pub fn table_of(path: &str) -> &str {
    path.split_once('/').map_or(path, |(table, _)| table)
}

/// Path of a month's partition; `month` is `YYYY-MM`, or `none` or `unknown`.
#[must_use]
pub fn month_path(table: &str, store: &str, month: impl fmt::Display) -> String {
    PartitionKey { table, store, month: &month.to_string(), date: None }.to_string()
}

/// What all paths of a store's months of a table begin with.
#[must_use]
pub fn store_prefix(table: &str, store: &str) -> String {
    month_path(table, store, "")
}

/// Path of a date's partition of `plays`; `date` is `YYYY-MM-DD`.
#[must_use]
pub fn plays_path(store: &str, date: &str) -> String {
    let month = date.get(..7).unwrap_or(date);
    PartitionKey { table: "plays", store, month, date: Some(date) }.to_string()
}

/// Path of a month's partition of lines, figures or reference data.
#[must_use]
pub fn lots_path(table: LotTable, store: &str, month: impl fmt::Display) -> String {
    month_path(table.name(), store, month)
}

/// Path of the same month in another table; the path itself where it has no month.
#[must_use]
pub fn path_in(table: &str, path: &str) -> String {
    let key = PartitionKey::parse(path);
    key.map_or(path.to_owned(), |key| key.in_table(table).whole_month().to_string())
}

/// Path of the month of `trends_daily` that a date of `plays` is in.
#[must_use]
pub fn trends_path(plays_path: &str) -> String {
    path_in("trends_daily", plays_path)
}

/// Store and month of a path.
#[must_use]
pub fn store_month(path: &str) -> Option<(String, Month)> {
    let key = PartitionKey::parse(path)?;
    Some((key.store.to_owned(), key.month()?))
}

/// Longest name of a store's folder in a path: file systems take 255 bytes with `store=`.
const ESCAPED_BYTES_MAX: usize = 200;

/// A folder's name as a store in a path: what Hive paths cannot hold is written as `%XX`. A name that gets
/// too long is cut and told apart by its hash.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_is_taken_apart_and_put_together() {
        let path = "plays/store=spotify/month=2026-09/date=2026-09-01";
        assert_eq!(plays_path("spotify", "2026-09-01"), path);
        let key = PartitionKey::parse(path).unwrap();
        assert_eq!((key.table, key.store, key.month_text()), ("plays", "spotify", Some("2026-09")));
        assert_eq!(key.day().unwrap().to_string(), "2026-09-01");
        assert!(key.has_file("2026-09-01-0000-a.parquet") && !key.has_file("2026-09-011.parquet"));
        assert_eq!(trends_path(path), "trends_daily/store=spotify/month=2026-09");
        let unknown = PartitionKey::parse("quarantine/store=a b/month=unknown").unwrap();
        assert_eq!((unknown.store, unknown.month(), unknown.day()), ("a b", None, None));
        for path in ["reports", "coverage/part-0000.parquet", "plays/month=2026-09", ""] {
            assert_eq!(PartitionKey::parse(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn what_is_put_together_is_what_was_taken_apart(
            table in "[a-z_]{1,20}",
            store in "[^/]{1,20}",
            days in -10_000..40_000,
        ) {
            let day = Day(days);
            let path = month_path(&table, &store, day.month());
            let key = PartitionKey::parse(&path).unwrap();
            prop_assert_eq!((key.table, key.store, key.month()), (&*table, &*store, Some(day.month())));
            prop_assert_eq!(key.to_string(), &*path);
            prop_assert!(path.starts_with(&store_prefix(&table, &store)));
            let date = plays_path(&store, &day.to_string());
            let key = PartitionKey::parse(&date).unwrap();
            prop_assert_eq!((key.store, key.day()), (&*store, Some(day)));
            prop_assert_eq!(key.to_string(), date);
        }

        #[test]
        fn whatever_a_folder_is_called_its_store_fits_in_a_path(name in ".{0,300}") {
            let escaped = hive_escaped(&name);
            prop_assert!(escaped.len() <= 255 - "store=".len());
            prop_assert!(!escaped.contains(['/', '=']));
        }
    }
}
