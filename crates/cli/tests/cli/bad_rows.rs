//! Rows that cannot be read go to `quarantine` with row, column and code; cells that are only wrong
//! are nulled and counted; no listener's id gets out on any way.

use crate::case::{Case, files_of, gzip};
use crate::report::{COLUMNS, LISTENER, Line, good_report, line, lines, report};
use crate::tables::{Row, read_file};

const DAY: &str = "2026-09-02";
const FILE: &str = "spotify/2026-09/a.tsv";

/// A report in which each of these rows stands behind a hundred good ones; their row numbers.
fn among_good_rows(bad: &[Line]) -> (Vec<u8>, Vec<String>) {
    let mut rows = Vec::new();
    let mut numbers = Vec::new();
    for (n, bad) in bad.iter().enumerate() {
        rows.extend(lines(DAY, n * 100..n * 100 + 100));
        rows.push(bad.clone());
        numbers.push(rows.len().to_string());
    }
    (report(&rows), numbers)
}

/// A cell that cannot be read, and the code of what is wrong with it.
const BAD_CELLS: [(&str, &[u8], &str); 20] = [
    ("day", b"", "missing"),
    ("day", b"2026-02-30", "bad_date"),
    ("day", b"01.09.2026", "bad_date"),
    ("log_time", b" ", "missing"),
    ("log_time", b"2026-09-02", "bad_time"),
    ("log_time", b"2026-09-02T25:00:00", "bad_time"),
    ("stream_length", b"3:34", "bad_number"),
    ("stream_length", b"1e3", "bad_number"),
    ("stream_length", b"NaN", "bad_number"),
    ("stream_length", b"-1", "out_of_range"),
    ("stream_length", b"86400.001", "out_of_range"),
    ("stream_length", &[b'9'; 400], "out_of_range"),
    ("stream_length", b"x\0", "nul_byte"),
    ("stream_cached", b"maybe", "bad_bool"),
    ("track_id", b"a\0b", "nul_byte"),
    ("track_id", b"a\xffb", "invalid_utf8"),
    ("customer_id", b"5ec4e701d\0", "nul_byte"),
    ("customer_id", b"5ec4e701d\xc3", "invalid_utf8"),
    ("country_code", b"S\0", "nul_byte"),
    ("stream_source", b"\xff", "invalid_utf8"),
];

/// Rows that cannot be read, with code and column.
fn bad_rows() -> Vec<(Line, &'static str, &'static str)> {
    let l = || line(DAY, 9);
    let cells = BAD_CELLS.iter();
    let mut rows: Vec<_> =
        cells.map(|(column, cell, code)| (l().with(column, cell), *code, *column)).collect();
    let offline = l().with("stream_cached", "true");
    let stamp = "offline_timestamp";
    rows.extend([
        (l().cut(12), "column_count", ""),
        (l().longer("x"), "column_count", ""),
        (l().cut(1), "column_count", ""),
        (offline.with(stamp, "soon"), "bad_time", stamp),
        (l().with("track_id", "").with("isrc", ""), "no_track", "track_id"),
        // The first bad cell in the order of the report's columns is named.
        (l().with("upc", b"\xff").with("isrc", "\0"), "nul_byte", "isrc"),
        (l().with("day", "x").with("isrc", b"\xff"), "bad_date", "day"),
    ]);
    rows
}

#[test]
fn a_row_that_cannot_be_read_is_quarantined_with_its_column_and_code() {
    let rows = bad_rows();
    let bad: Vec<Line> = rows.iter().map(|(line, ..)| line.clone()).collect();
    let (bytes, numbers) = among_good_rows(&bad);
    let case = Case::new();
    case.put(FILE, gzip(&bytes));
    let n_bad = rows.len().to_string();
    case.nightly_verified(4).expect_stdout(FILE).expect_stdout(&n_bad);
    let texts = |(_, code, column): &(Line, &str, &str)| [*code, *column].map(str::to_owned);
    let expected: Vec<_> = rows
        .iter()
        .map(texts)
        .zip(numbers)
        .map(|([code, column], row)| (code, row, column))
        .collect();
    assert_eq!(case.quarantined(FILE), expected);
    assert_eq!(case.n_rows("plays"), 100 * rows.len());
    assert_eq!(case.report_row(FILE)["quarantined"], n_bad);
    let details = case.cells("quarantine", ["detail", "raw", "store", "month"]);
    assert!(details[6][0].contains("found `3:34`"), "{:?}", details[6]);
    assert_eq!(details[20][0], "expected 13 cells, found 12");
    assert!(details.iter().all(|[detail, raw, store, month]| {
        !detail.is_empty() && !raw.is_empty() && store == "spotify" && month == "2026-09"
    }));
}

#[test]
fn the_last_line_of_a_cut_report_is_quarantined_and_the_others_are_taken_in() {
    let bytes = good_report(DAY, 0..150);
    let case = Case::new();
    case.put(FILE, &bytes[..bytes.len() - 30]);
    case.nightly_verified(4).expect_stdout(FILE);
    assert_eq!(case.quarantined(FILE), [("cut_line".into(), "150".into(), String::new())]);
    assert_eq!(case.n_rows("plays"), 149);
}

#[test]
fn a_whole_last_line_needs_no_line_end() {
    let bytes = good_report(DAY, 0..10);
    let case = Case::new();
    case.put(FILE, &bytes[..bytes.len() - 1]);
    case.nightly_verified(0);
    assert_eq!(case.n_rows("plays"), 10);
}

/// Rows that are ingested although something in them is wrong or missing.
fn flawed_rows() -> [Line; 13] {
    let l = |n| line(DAY, n);
    [
        l(0).with("isrc", "ZZSL1260000"),
        l(1).with("isrc", "123456789012"),
        l(2).with("isrc", "zz-sl1-26-00007"),
        l(3).with("upc", "2000126000013"),
        l(4).with("upc", "twelve"),
        l(5).with("upc", ""),
        l(6).with("country_code", "ZZ"),
        l(7).with("country_code", "uk"),
        l(8).with("country_code", ""),
        l(9).with("financial_product", "brand new"),
        l(10).with("customer_id", " "),
        l(11).with("financial_product", "").with("access", ""),
        l(12).with("country_code", "xk"),
    ]
}

#[test]
fn a_wrong_identifier_is_nulled_and_counted_and_its_row_stays() {
    let case = Case::new();
    case.put(FILE, report(&flawed_rows()));
    case.nightly_verified(0);
    let counts = ["rows", "quarantined", "bad_isrc", "bad_upc"];
    assert_eq!(counts.map(|name| case.report_row(FILE)[name].clone()), ["13", "0", "2", "2"]);
    let counts = ["bad_territory", "aliased_territory", "unmapped_tier"];
    assert_eq!(counts.map(|name| case.report_row(FILE)[name].clone()), ["1", "1", "1"]);
    let mut plays = case.table("plays");
    plays.sort_by_key(|row| row["row"].parse::<usize>().unwrap());
    let text = |name: &str, row: &Row| row.get(name).cloned().unwrap_or_else(|| "null".into());
    let column = |name: &str| plays.iter().map(|row| text(name, row)).collect::<Vec<_>>();
    assert_eq!(column("isrc")[..4], ["null", "null", "ZZSL12600007", "ZZSL12600003"]);
    assert_eq!(column("upc")[2..6], ["2000126000012", "null", "null", "null"]);
    assert_eq!(column("territory")[6..9], ["null", "GB", "null"]);
    assert_eq!(column("territory")[12], "XK");
    assert_eq!(column("tier")[9..12], ["unmapped", "premium", "unknown"]);
    assert_eq!(column("tier_code")[9..12], ["brand new|premium", "premium|premium", "null"]);
    let unknown: Vec<usize> = (0..13).filter(|n| column("listener")[*n] == "null").collect();
    assert_eq!(unknown, [10]);
}

#[test]
fn blank_lines_are_counted_as_lines_and_are_no_rows() {
    let text = String::from_utf8(good_report(DAY, 0..3)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let case = Case::new();
    case.put(FILE, format!("{}\n\n{}\n  \n{}\n{}\n\n", lines[0], lines[1], lines[2], lines[3]));
    case.nightly_verified(0);
    assert_eq!(case.report_row(FILE)["rows"], "3");
    let mut rows: Vec<String> = case.cells("plays", ["row"]).into_iter().map(|[row]| row).collect();
    rows.sort();
    assert_eq!(rows, ["2", "4", "5"]);
}

#[test]
fn dates_at_the_ends_of_the_calendar_are_published_and_verified() {
    // Enough good rows that two bad ones do not make a bad report.
    let mut rows = lines(DAY, 10..310);
    rows.extend([
        line("0001-01-01", 0),
        line("9999-12-31", 1),
        line(DAY, 2).with("log_time", "0001-01-01T00:00:00+23:59"),
        line(DAY, 3).with("log_time", "9999-12-31T23:59:59-23:59"),
        line(DAY, 4).with("stream_cached", "1").with("offline_timestamp", "253402300799"),
        line(DAY, 5).with("stream_cached", "1").with("offline_timestamp", "1"),
    ]);
    let case = Case::new();
    case.put(FILE, report(&rows));
    let outcome = case.nightly(&[]);
    assert!(matches!(outcome.code, 0 | 4), "{outcome:?}");
    case.verify().expect_code(0);
    let n_taken = case.n_rows("plays");
    assert_eq!(n_taken + case.quarantined(FILE).len(), 306);
    assert_eq!(case.quarantined(FILE).len(), 2);
    let months = case.cells("trends_daily", ["listened_month"]);
    assert!(months.iter().all(|[month]| month.len() == 7), "{months:?}");
}

#[test]
fn of_a_row_that_may_have_moved_its_length_and_a_hash_are_kept() {
    let mut rows = lines(DAY, 0..100);
    rows.push(line(DAY, 100).with("upc", "\u{e9}".repeat(1 << 20)).longer(""));
    let case = Case::new();
    case.put(FILE, report(&rows));
    case.nightly_verified(4);
    let raw = &case.cells("quarantine", ["raw"])[0][0];
    assert!(raw.starts_with("<row 101, 2097") && raw.contains(" bytes, hash "), "{raw}");
}

/// Reports that have each listener's cell in a place of its own, and in rows that are wrong in all ways.
fn reports_with_listeners_everywhere() -> Vec<(String, Vec<u8>)> {
    let l = || line(DAY, 77);
    let headers = [
        COLUMNS.join("\t"),
        COLUMNS.map(|name| if name == "customer_id" { "CUSTOMER_ID " } else { name }).join("\t"),
    ];
    let bad = [
        l().cut(12),
        l().cut(3),
        l().longer("x"),
        l().with("day", "x"),
        l().with("stream_length", "x"),
        l().with("customer_id", format!("{LISTENER}\0x")),
        l().with("customer_id", [b"\xff", LISTENER.as_bytes()].concat()),
        l().with("customer_id", format!("  {LISTENER}  ")).with("isrc", b"\xff"),
        l().with("track_id", "").with("isrc", " "),
    ];
    // In any cell of a row that is rejected: in rows whose cells stand in their columns, and in others.
    let anywhere = COLUMNS.iter().filter(|column| **column != "day").flat_map(|column| {
        [l().with("day", "").with(column, LISTENER), l().with("day", "x").with(column, LISTENER)]
    });
    let bad: Vec<Line> = bad.into_iter().chain(anywhere).collect();
    let (bytes, _) = among_good_rows(&bad);
    let body = bytes.split_off_header();
    let mut reports: Vec<(String, Vec<u8>)> = headers
        .iter()
        .enumerate()
        .map(|(n, header)| (format!("spotify/{n}.tsv"), [header.as_bytes(), b"\n", &body].concat()))
        .collect();
    let rejected: Vec<Line> = (0..200).map(|n| line(DAY, n).with("stream_length", "x")).collect();
    reports.push(("spotify/rejected.tsv".to_owned(), report(&rejected)));
    reports.push(("spotify/no_header.tsv".to_owned(), body));
    reports.push(("deezer/mismatch.tsv".to_owned(), good_report(DAY, 0..5)));
    reports.push(("deezer/plays_2026-09-01.txt".to_owned(), deezer_report().into_bytes()));
    let json = |more: &str| format!("{{\"customer_id\":\"{LISTENER}\",\"timestamp\":{more}\n");
    let text = [r#""x"}"#, "1", r#"{"a":1}}"#, "\"2026"].map(json).concat();
    reports.push(("spotify/broken.json".to_owned(), text.into_bytes()));
    reports
}

/// Deezer's plays: good ones, and the listener in each cell of rejected ones.
fn deezer_report() -> String {
    let names = "Start Report\tISRC\tUPC\tCountry\tNb of plays\tService\tTrack_duration\tPlay_percent\t\
                 Cached_play\tContext_type\tUser_id\tDevice_type";
    let good = format!(
        "{DAY}\tGBXY12600001\t\tFR\t1\tSubscriptionModel\t200\t100\tfalse\tradio\t{LISTENER}\tphone"
    );
    let mut rows = vec![names.to_owned()];
    rows.extend(std::iter::repeat_n(good.clone(), 300));
    for place in 0..12 {
        for (other, value) in [(0, "x"), (4, "x"), (4, "")] {
            let mut cells: Vec<&str> = good.split('\t').collect();
            cells[other] = value;
            cells[place] = LISTENER;
            rows.push(cells.join("\t"));
        }
    }
    rows.push(good.replacen('\t', "", 2));
    rows.join("\n") + "\n"
}

/// The rows of a report.
trait SplitHeader {
    fn split_off_header(&self) -> Vec<u8>;
}

impl SplitHeader for Vec<u8> {
    fn split_off_header(&self) -> Vec<u8> {
        self[COLUMNS.join("\t").len() + 1..].to_vec()
    }
}

#[test]
fn no_listeners_id_reaches_any_output() {
    let case = Case::new();
    for (name, bytes) in reports_with_listeners_everywhere() {
        case.put(&name, bytes);
    }
    let outcome = case.nightly(&["-vv"]).expect_code(4);
    let verified = case.run(&["verify", "-vv"]).expect_code(0);
    for text in [&outcome.stdout, &outcome.stderr, &verified.stdout, &verified.stderr] {
        assert!(!text.contains(LISTENER), "{text}");
    }
    let as_hex = hex::encode(LISTENER);
    let mut n_masked = 0;
    for (name, path) in files_of(&case.tables()) {
        for row in read_file(&path) {
            let text = format!("{row:?}");
            assert!(!text.contains(LISTENER) && !text.contains(&as_hex), "{name}: {text}");
            n_masked += usize::from(text.contains("<listener>"));
        }
    }
    assert_ne!(n_masked, 0);
    assert!(case.quarantined("deezer/plays_2026-09-01.txt").len() > 20);
    for (name, path) in files_of(&case.path("warehouse")) {
        let bytes = std::fs::read(&path).unwrap();
        let is_archive = name.starts_with("internal/archive/");
        let has_listener =
            bytes.windows(LISTENER.len()).any(|window| window == LISTENER.as_bytes());
        assert!(is_archive || !has_listener, "{name}");
    }
}
