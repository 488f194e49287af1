//! Months in the paths of partitions.

/// The month in the path of a partition, or of a file in it.
#[must_use]
pub fn month_of_any(path: &str) -> Option<&str> {
    let month = path.split('/').find_map(|part| part.strip_prefix("month="));
    month.filter(|month| is_month(month))
}

/// Whether a text is a month as `YYYY-MM`.
#[must_use]
pub fn is_month(text: &str) -> bool {
    chrono::NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").is_ok() && text.len() == 7
}
