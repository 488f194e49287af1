//! A hand-made report of each format in `fixtures/formats`, with the quirks of its layout: what is read
//! of it was worked out by hand (`why.md` next to it).
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;

use crate::case::{Case, copy_tree, repository};
use crate::tables::Row;

/// A fixture: a report, its store, and what is expected of it.
struct Fixture {
    format: String,
    store: String,
    report: PathBuf,
    folder: PathBuf,
}

fn fixtures() -> Vec<Fixture> {
    let mut found = Vec::new();
    for folder in sorted(&repository().join("fixtures/formats")) {
        for store in sorted(&folder.join("in")) {
            for report in sorted(&store) {
                found.push(Fixture {
                    format: name(&folder),
                    store: name(&store),
                    report,
                    folder: folder.clone(),
                });
            }
        }
    }
    assert!(!found.is_empty());
    found
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

impl Fixture {
    /// The columns and rows of an expected table; `None` if the fixture has none of it.
    fn expected(&self, table: &str) -> Option<(Vec<String>, Vec<Vec<String>>)> {
        let path = self.folder.join("expect").join(format!("{table}.csv"));
        let text = fs::read_to_string(path).ok()?;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let texts = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
        let columns = texts(reader.headers().unwrap());
        Some((columns, reader.records().map(|record| texts(&record.unwrap())).collect()))
    }

    fn inspect(&self) -> Value {
        let case = Case::new();
        let report = self.report.to_str().unwrap();
        let more = ["--store", &self.store, "--rows", "1000"];
        let outcome = case.run(&with_pipeline(&[&["inspect", report], more.as_slice()].concat()));
        assert!([0, 1].contains(&outcome.code), "{}: {}", self.format, outcome.stderr);
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    #[track_caller]
    fn assert_table(&self, document: &Value, table: &str) {
        let empty = Vec::new();
        let found = document.get(table).and_then(Value::as_array).unwrap_or(&empty);
        let Some((columns, expected)) = self.expected(table) else {
            assert!(found.is_empty(), "{}: {table}: {found:#?}", self.format);
            return;
        };
        let found: Vec<Vec<String>> = found
            .iter()
            .map(|row| columns.iter().map(|column| cell(&row[column])).collect())
            .collect();
        let shown = |rows: &[Vec<String>]| {
            rows.iter().map(|row| row.join(",")).collect::<Vec<_>>().join("\n")
        };
        let (found, expected) = (shown(&found), shown(&expected));
        assert_eq!(found, expected, "{}: {table}: {}", self.format, columns.join(","));
    }
}

/// The arguments of a command on the project's own pipeline, for tables as JSON.
fn with_pipeline<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    static PIPELINE: LazyLock<String> =
        LazyLock::new(|| repository().join("pipelines/nightly.toml").to_str().unwrap().to_owned());
    [arguments, &["--pipeline", PIPELINE.as_str(), "--format", "json"]].concat()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value of the table `report`.
fn report_value(document: &Value, what: &str) -> Option<String> {
    let rows = document["report"].as_array()?;
    rows.iter().find(|row| row["what"] == what).map(|row| cell(&row["value"]))
}

#[test]
fn each_fixture_is_read_as_worked_out_by_hand() {
    for fixture in fixtures() {
        let document = fixture.inspect();
        let rejected = report_value(&document, "rejected").unwrap_or_default();
        let code = rejected.split(':').next().unwrap_or_default();
        match fixture.expected("rejected") {
            Some((_, rows)) => assert_eq!(code, rows[0][0], "{}: {rejected}", fixture.format),
            // A handful of rows with one bad row among them is above any share.
            None => {
                assert!(["", "too_many_bad_rows"].contains(&code), "{}: {rejected}", fixture.format)
            }
        }
        if code != "repeats" {
            let format = report_value(&document, "format").unwrap_or_default();
            assert_eq!(format, fixture.format, "{rejected}");
        }
        for table in ["rows", "bad_rows", "controls"] {
            fixture.assert_table(&document, table);
        }
    }
}

#[test]
fn each_format_has_a_fixture_and_says_why() {
    let case = Case::new();
    let outcome = case.run(&with_pipeline(&["formats"])).expect_code(0);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let listed: BTreeSet<String> =
        document["formats"].as_array().unwrap().iter().map(|row| cell(&row["format"])).collect();
    let fixtures = fixtures();
    let there: BTreeSet<String> = fixtures.iter().map(|fixture| fixture.format.clone()).collect();
    assert_eq!(there, listed);
    assert!(fixtures.iter().all(|fixture| fixture.folder.join("why.md").is_file()));
}

/// A warehouse of all fixtures, ingested together.
pub(crate) fn all_fixtures() -> Case {
    let case = Case::new();
    case.own_pipelines();
    // With a handful of rows one bad row is above the usual share.
    for store in sorted(&case.path("pipelines/stores")) {
        let text = fs::read_to_string(&store).unwrap();
        let share = "bad_rows_max_basis_points = 100\n";
        assert!(text.contains(share), "{}", store.display());
        fs::write(&store, text.replace(share, "bad_rows_max_basis_points = 6000\n")).unwrap();
    }
    for fixture in &fixtures() {
        copy_tree(&fixture.folder.join("in"), &case.path("inbox"));
    }
    case.nightly(&["--pipeline", "pipelines/nightly.toml"]).expect_code(4);
    case.verify().expect_code(0);
    case
}

/// A cell of a published table as `inspect` shows it: amounts without zeros at their end, times with
/// milliseconds.
fn shown(column: &str, cell: &str) -> String {
    let is_amount = cell.rsplit_once('.').is_some_and(|(_, fraction)| {
        fraction.len() == 12 && fraction.bytes().all(|byte| byte.is_ascii_digit())
    });
    if is_amount {
        return cell.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    match column {
        "listened_at" if cell.contains('.') => format!("{cell}Z"),
        "listened_at" => format!("{cell}.000Z"),
        _ => cell.to_owned(),
    }
}

/// All fixtures in one inbox: a report's rows are where `inspect` says, whatever comes with it.
#[test]
fn a_run_takes_all_fixtures_in() {
    let case = all_fixtures();
    let mut expected: BTreeMap<(&str, String), u64> = BTreeMap::new();
    let fixtures = fixtures();
    let mut published: BTreeMap<&str, BTreeMap<[String; 2], Row>> = BTreeMap::new();
    for fixture in &fixtures {
        if fixture.expected("rejected").is_some() {
            continue;
        }
        let (columns, rows) = fixture.expected("rows").unwrap();
        let has = |column: &str| columns.iter().any(|known| known == column);
        let table = match (has("month"), has("plays")) {
            (false, _) => "plays",
            (true, true) if fixture.format.ends_with("fraud") => "store_removals",
            (true, true) => "public_counts",
            (true, false) if has("units") => "sales",
            (true, false) if has("rate") => "fx_rates",
            (true, false) if has("owner") => "catalogue",
            (true, false) => "tracks",
        };
        let published = published.entry(table).or_insert_with(|| {
            let key = |row: &Row| [row["report"].clone(), row["row"].clone()];
            case.table(table).into_iter().map(|row| (key(&row), row)).collect()
        });
        let report = case.report_row(&format!("{}/{}", fixture.store, name(&fixture.report)));
        let place = columns.iter().position(|column| column == "store");
        for row in rows {
            let found = &published[&[report["report"].clone(), row[0].clone()]];
            for (column, expected) in columns.iter().zip(&row) {
                // Lists of tracks among the fixtures give some plays what they do not say themselves.
                let is_joined = ["isrc", "upc", "track_ms"].contains(&column.as_str());
                if table == "plays" && is_joined {
                    continue;
                }
                let found = found.get(column).map(|cell| shown(column, cell)).unwrap_or_default();
                assert_eq!(&found, expected, "{}: {column} of row {}", fixture.format, row[0]);
            }
            let store = place.map_or(fixture.store.clone(), |place| row[place].clone());
            *expected.entry((table, store)).or_default() += 1;
        }
    }
    for table in
        ["plays", "sales", "public_counts", "store_removals", "catalogue", "tracks", "fx_rates"]
    {
        let mut found: BTreeMap<(&str, String), u64> = BTreeMap::new();
        for row in case.table(table) {
            *found.entry((table, row["store"].clone())).or_default() += 1;
        }
        let expected: BTreeMap<_, _> = expected
            .iter()
            .filter(|(key, _)| key.0 == table)
            .map(|(k, n)| (k.clone(), *n))
            .collect();
        assert_eq!(found, expected);
    }
    case.nightly(&["--pipeline", "pipelines/nightly.toml"])
        .expect_code(0)
        .expect_stdout("Nothing new");
}

/// The public samples of DDEX, where somebody has them; they may not be copied here.
#[test]
fn public_samples_are_detected_and_their_wrong_totals_are_named() {
    let Some(folder) = std::env::var_os("STREAMLEDGER_DSR_SAMPLES").map(PathBuf::from) else {
        return;
    };
    let case = Case::new();
    let samples: Vec<PathBuf> = sorted(&folder)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "tsv"))
        .collect();
    for sample in &samples {
        let sample_path = sample.to_str().unwrap();
        let outcome = case.run(&with_pipeline(&["inspect", sample_path, "--store", "youtube"]));
        let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let format = report_value(&document, "format");
        let controls = document["controls"].as_array().cloned().unwrap_or_default();
        let lines = controls.iter().find(|row| row["control"] == "NumberOfLinesInFile");
        let agrees = lines.map(|row| cell(&row["agrees"]));
        match name(sample).as_str() {
            // Its header is of no version of the standard.
            "test_file_parser.tsv" => assert_eq!((format, outcome.code), (None, 1)),
            whole if whole.starts_with("DSR_TEST_YouTube") => {
                assert_eq!(format.as_deref(), Some("ddex-ugc"));
                assert_eq!((agrees.as_deref(), outcome.code), (Some("yes"), 0));
            }
            // Toys, whose footers say 123 lines.
            _ => {
                assert_eq!(format.as_deref(), Some("ddex-ugc"));
                let lines = lines.unwrap();
                assert_eq!(
                    (cell(&lines["report_says"]), cell(&lines["rows_add_up_to"])),
                    ("123".to_owned(), "7".to_owned())
                );
                assert_eq!((agrees.as_deref(), outcome.code), (Some("no"), 1));
            }
        }
    }
    assert_eq!(samples.len(), 6);
}
