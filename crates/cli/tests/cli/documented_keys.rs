//! `docs/tables.md` gives the primary key of each table and the columns that may be added up. Both are checked
//! against warehouses of all fixtures.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;

use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::asks::asked_later;
use crate::case::{Case, copy_tree, files_of, repository};
use crate::formats::all_fixtures;
use crate::tables::Row;

/// Tables that must have many rows, so that doubled keys would be met.
const BIG_TABLES: [&str; 7] =
    ["coverage", "plays", "reports", "sales", "sales_monthly", "trends_daily", "waterfall"];

/// Rows that they have at least, over all warehouses.
const BIG_ROWS_MIN: usize = 20;

/// What the manual says of a table.
#[derive(Debug, PartialEq, Eq)]
struct Documented {
    /// No two rows agree in all of these columns; there are none where equal rows are possible.
    key: Vec<String>,
    /// Columns that may be added up.
    sums: Vec<String>,
}

/// What a text in the form of the manual says, by table: its sections that have both lines.
fn documented(text: &str) -> BTreeMap<String, Documented> {
    let of_section = |section: &str| {
        let (name, body) = section.split_once('\n')?;
        let line = |start: &str| body.lines().find_map(|line| line.strip_prefix(start));
        let key = columns_of(line("Primary key: ")?, "none;");
        let sums = columns_of(line("May be added up: ")?, "nothing.");
        Some((name.to_owned(), Documented { key, sums }))
    };
    text.split("\n## ").skip(1).filter_map(of_section).collect()
}

/// The columns that a line lists; none if it begins with the word for that.
#[track_caller]
fn columns_of(line: &str, none: &str) -> Vec<String> {
    if line.starts_with(none) {
        return Vec::new();
    }
    let columns: Vec<String> = line.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect();
    let quoted: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
    assert_eq!(line, format!("{}.", quoted.join(", ")), "not of the form `a`, `b`.");
    columns
}

fn manual() -> String {
    fs::read_to_string(repository().join("docs/tables.md")).unwrap()
}

/// Warehouses whose tables together all have rows: every format with the plays of the first run, and
/// the months of an artist, with a statement that was corrected.
fn warehouses() -> [Case; 2] {
    let all = all_fixtures();
    copy_tree(&repository().join("fixtures/first-night/in"), &all.path("inbox"));
    let outcome = all.nightly(&["--pipeline", "pipelines/nightly.toml"]);
    // Some reports of the first run have bad rows.
    assert!([0, 4].contains(&outcome.code), "{}\n{}", outcome.stdout, outcome.stderr);
    [all, asked_later()]
}

/// Names of the published tables.
fn published(case: &Case) -> BTreeSet<String> {
    let files = files_of(&case.tables());
    files.iter().filter_map(|(path, _)| Some(path.split_once('/')?.0.to_owned())).collect()
}

fn reader(file: &Path) -> ParquetRecordBatchReaderBuilder<File> {
    ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap()
}

/// The columns of a published table and their types, those of its partitions too.
fn types_of(case: &Case, table: &str) -> BTreeMap<String, DataType> {
    let mut types = BTreeMap::new();
    for (path, file) in files_of(&case.tables().join(table)) {
        let partition = path.split('/').filter_map(|part| part.split_once('='));
        types.extend(partition.map(|(column, _)| (column.to_owned(), DataType::Utf8)));
        let reader = reader(&file);
        let fields = reader.schema().fields().iter();
        types.extend(fields.map(|field| (field.name().clone(), field.data_type().clone())));
    }
    types
}

/// The schema versions that published files say of themselves.
fn versions(case: &Case) -> BTreeSet<String> {
    let version = |file: &Path| {
        let reader = reader(file);
        let entries = reader.metadata().file_metadata().key_value_metadata().unwrap();
        let entry = entries.iter().find(|entry| entry.key == "streamledger.schema_version");
        entry.unwrap().value.clone().unwrap()
    };
    files_of(&case.tables()).iter().map(|(_, file)| version(file)).collect()
}

/// Columns that are not there, or cannot be added up.
fn wrong_columns(documented: &Documented, types: &BTreeMap<String, DataType>) -> Vec<String> {
    let is_number = |column: &&String| {
        let number = |of: &DataType| {
            matches!(of, DataType::Int32 | DataType::Int64 | DataType::Decimal128(..))
        };
        types.get(*column).is_some_and(number)
    };
    let missing = documented.key.iter().filter(|column| !types.contains_key(*column));
    let missing = missing.map(|column| format!("there is no column `{column}`"));
    let no_number = documented.sums.iter().filter(|column| !is_number(column));
    let no_number = no_number.map(|column| format!("`{column}` is no column of numbers"));
    missing.chain(no_number).collect()
}

/// Keys that more than one row has; a null is a value.
fn doubled_keys(documented: &Documented, rows: &[Row]) -> Vec<String> {
    if documented.key.is_empty() {
        return Vec::new();
    }
    let mut counts: BTreeMap<Vec<Option<&str>>, usize> = BTreeMap::new();
    for row in rows {
        let cell = |column: &String| row.get(column).map(String::as_str);
        *counts.entry(documented.key.iter().map(cell).collect()).or_default() += 1;
    }
    let doubled = counts.into_iter().filter(|(_, n_rows)| 1 < *n_rows);
    let shown = doubled.map(|(key, n_rows)| {
        let cells = documented.key.iter().zip(key);
        let cells = cells.map(|(column, cell)| format!("{column} = {}", cell.unwrap_or("null")));
        format!("{n_rows} rows have {}", cells.collect::<Vec<_>>().join(", "))
    });
    shown.collect()
}

#[test]
fn keys_and_sums_are_as_the_manual_says() {
    let text = manual();
    let tables = documented(&text);
    let mut problems = Vec::new();
    let mut n_rows: BTreeMap<&str, usize> = BTreeMap::new();
    for case in warehouses() {
        let described: BTreeSet<String> = tables.keys().cloned().collect();
        assert_eq!(described, published(&case), "sections with both lines, and published tables");
        for (name, documented) in &tables {
            let rows = case.table(name);
            *n_rows.entry(name).or_default() += rows.len();
            let wrong = wrong_columns(documented, &types_of(&case, name));
            let wrong = wrong.into_iter().chain(doubled_keys(documented, &rows));
            problems.extend(wrong.map(|problem| format!("{name}: {problem}")));
        }
        let versions: Vec<String> = versions(&case).into_iter().collect();
        let sentence = format!("`streamledger.schema_version` is `{}`.", versions.join(", "));
        assert!(text.contains(&sentence), "the manual does not say: {sentence}");
    }
    assert!(problems.is_empty(), "{problems:#?}");
    let few = |table: &&str, n_rows: usize| {
        n_rows == 0 || (BIG_TABLES.contains(table) && n_rows < BIG_ROWS_MIN)
    };
    let unchecked: Vec<_> = n_rows.iter().filter(|(table, n_rows)| few(table, **n_rows)).collect();
    assert!(unchecked.is_empty(), "too few rows to tell anything: {unchecked:?}");
}

#[test]
fn the_check_finds_what_it_looks_for() {
    let text = "# T\n\n## a\n\nWords.\n\nPrimary key: `k`, `l`.\nMay be added up: `n`.\nMind `l`.\n\n\
                ## b\n\nPrimary key: none; equal rows are possible: `k` may be null.\n\
                May be added up: nothing.\n\n### c\n\n## d\n\nPrimary key: `k`.\n";
    let found = documented(text);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let a = Documented { key: names(&["k", "l"]), sums: names(&["n"]) };
    let b = Documented { key: Vec::new(), sums: Vec::new() };
    assert_eq!(found, BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]));

    let row = |cells: &[(&str, &str)]| -> Row {
        cells.iter().map(|(column, cell)| ((*column).to_owned(), (*cell).to_owned())).collect()
    };
    let rows = [row(&[("k", "1")]), row(&[("k", "1"), ("l", "2")]), row(&[("k", "1")])];
    assert_eq!(doubled_keys(&found["a"], &rows), ["2 rows have k = 1, l = null"]);
    assert!(doubled_keys(&found["a"], &rows[..2]).is_empty());
    assert!(doubled_keys(&found["b"], &rows).is_empty());

    let types =
        BTreeMap::from([("k".to_owned(), DataType::Int64), ("n".to_owned(), DataType::Utf8)]);
    let expected = ["there is no column `l`", "`n` is no column of numbers"];
    assert_eq!(wrong_columns(&found["a"], &types), expected);
}
