//! The hand-made case `fixtures/first-night`, whose outcome was worked out from the rules.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs;

use crate::case::{Case, copy_tree, repository};
use crate::tables::Row;

/// A warehouse of the fixture.
pub(crate) fn first_run() -> Case {
    let case = Case::new();
    copy_tree(&repository().join("fixtures/first-night/in"), &case.path("inbox"));
    case.nightly_verified(4);
    case
}

/// The rows of a CSV file of the fixture, without its header, and the header.
fn expected(name: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let path = repository().join("fixtures/first-night/expect").join(name);
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let mut rows: Vec<_> = lines.collect();
    rows.sort();
    (header, rows)
}

#[track_caller]
fn assert_as_expected(case: &Case, table: &str) {
    let (columns, expected) = expected(&format!("{table}.csv"));
    let cell = |row: &Row, column: &String| row.get(column).cloned().unwrap_or_default();
    let rows = case.table(table);
    let mut found: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|column| cell(row, column)).collect()).collect();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn the_reports_of_the_first_run_are_as_worked_out_by_hand() {
    assert_as_expected(&first_run(), "reports");
}

#[test]
fn the_quarantine_of_the_first_run_is_as_worked_out_by_hand() {
    assert_as_expected(&first_run(), "quarantine");
}

#[test]
fn the_verdicts_of_the_first_run_are_as_worked_out_by_hand() {
    let case = first_run();
    let (columns, expected) = expected("outcomes.csv");
    assert_eq!(columns, ["date", "verdict", "reason", "rows", "plays", "played_ms"]);
    assert_eq!(sums(&case.table("plays")), expected);
    let without_rows = |rows: &[Vec<String>]| {
        rows.iter().map(|row| [&row[..3], &row[4..]].concat()).collect::<Vec<_>>()
    };
    let trends = sums(&case.table("trends_daily"));
    assert_eq!(without_rows(&trends), without_rows(&expected));
}

/// Rows, plays and played time by date, verdict and reason; no played time at all is empty.
fn sums(rows: &[Row]) -> Vec<Vec<String>> {
    let mut groups: BTreeMap<[String; 3], (i64, i64, Option<i64>)> = BTreeMap::new();
    for row in rows {
        let key = ["date", "verdict", "reason"]
            .map(|column| row.get(column).cloned().unwrap_or_default());
        let sums = groups.entry(key).or_default();
        sums.0 += 1;
        sums.1 += row["plays"].parse::<i64>().unwrap();
        if let Some(ms) = row.get("played_ms") {
            *sums.2.get_or_insert(0) += ms.parse::<i64>().unwrap();
        }
    }
    let ms_text = |ms: Option<i64>| ms.map(|ms| ms.to_string()).unwrap_or_default();
    let mut found: Vec<Vec<String>> = groups
        .into_iter()
        .map(|(key, (n_rows, n_plays, ms))| {
            [key.to_vec(), vec![n_rows.to_string(), n_plays.to_string(), ms_text(ms)]].concat()
        })
        .collect();
    found.sort();
    found
}
