//! Reports that cannot be ingested as a whole: each is rejected with its reason, and the run goes on.

use crate::case::{Case, gzip};
use crate::report::{COLUMNS, Line, good_report, line, lines, report};

/// A report that has nothing wrong with it, to see that the rest of the run goes on.
const GOOD: &str = "spotify/good.tsv";

/// Takes in a bad report next to a good one: the bad one is rejected with this code, the good one is in.
#[track_caller]
fn run_with_rejected(name: &str, bytes: &[u8], code: &str) -> (Case, String) {
    let case = Case::new();
    case.put(GOOD, good_report("2026-09-01", 0..30));
    case.put(name, bytes);
    let outcome = case.nightly_verified(4).expect_stdout(name).expect_stdout(code);
    assert_eq!(outcome.stderr, "");
    assert_eq!(case.n_rows("plays"), 30);
    let row = case.report_row(name);
    assert_eq!((row["state"].as_str(), row["reason"].as_str()), ("rejected", code));
    let whole = case.quarantined(name).remove(0);
    assert_eq!((whole.0.as_str(), whole.1.as_str()), (code, ""));
    (case, outcome.stdout)
}

/// Nothing could be counted: the counts are null, not 0.
#[track_caller]
fn assert_no_counts(case: &Case, name: &str) {
    let row = case.report_row(name);
    for count in ["rows", "quarantined", "bad_isrc", "bad_upc", "unmapped_tier"] {
        assert_eq!(row.get(count), None, "{count}");
    }
}

#[test]
fn an_empty_file_is_rejected() {
    let (case, _) = run_with_rejected("spotify/none.tsv", b"", "empty_file");
    assert_no_counts(&case, "spotify/none.tsv");
}

#[test]
fn nothing_in_gzip_is_an_empty_file() {
    run_with_rejected("spotify/none.tsv.gz", &gzip(b""), "empty_file");
}

#[test]
fn a_header_without_rows_is_a_true_zero() {
    for header in [COLUMNS.join("\t"), COLUMNS.join("\t") + "\r\n", COLUMNS.join("\t") + "\n\n"] {
        let case = Case::new();
        case.put("spotify/zero.tsv", header);
        case.nightly_verified(0);
        let row = case.report_row("spotify/zero.tsv");
        assert_eq!((row["state"].as_str(), row["rows"].as_str()), ("active", "0"));
        assert_eq!(row.get("first_date"), None);
        assert_eq!((case.n_rows("plays"), case.n_rows("quarantine")), (0, 0));
    }
}

#[test]
fn a_truncated_gzip_is_rejected_and_nothing_of_it_is_counted() {
    let packed = gzip(&good_report("2026-09-02", 0..5000));
    for length in [packed.len() / 2, packed.len() - 1, packed.len() - 8, 12] {
        let (case, _) = run_with_rejected("spotify/a.tsv.gz", &packed[..length], "corrupt");
        assert_no_counts(&case, "spotify/a.tsv.gz");
    }
}

#[test]
fn a_corrupt_gzip_is_rejected() {
    let mut packed = gzip(&good_report("2026-09-02", 0..5000));
    let middle = packed.len() / 2;
    packed[middle] ^= 0xff;
    let (_, stdout) = run_with_rejected("spotify/a.tsv.gz", &packed, "corrupt");
    assert!(stdout.contains("cannot be unpacked"), "{stdout}");
}

#[test]
fn a_gzip_whose_checksum_does_not_agree_is_rejected() {
    let mut packed = gzip(&good_report("2026-09-02", 0..5000));
    let sum = packed.len() - 8;
    packed[sum] ^= 1;
    run_with_rejected("spotify/a.tsv.gz", &packed, "corrupt");
}

#[test]
fn text_behind_the_magic_of_gzip_is_rejected() {
    let text = [b"\x1f\x8b".as_slice(), &good_report("2026-09-02", 0..10)].concat();
    run_with_rejected("spotify/a.tsv", &text, "corrupt");
}

#[test]
fn a_truncated_zstd_is_rejected() {
    let packed = zstd::encode_all(good_report("2026-09-02", 0..5000).as_slice(), 3).unwrap();
    run_with_rejected("spotify/a.tsv.zst", &packed[..packed.len() / 2], "corrupt");
    run_with_rejected("spotify/b.tsv.zst", &packed[..packed.len() - 1], "corrupt");
}

#[test]
fn a_line_that_never_ends_is_rejected_within_bounded_memory() {
    let endless = [COLUMNS.join("\t").as_bytes(), b"\n", &vec![b'x'; 17 << 20]].concat();
    let (_, stdout) = run_with_rejected("spotify/a.tsv.gz", &gzip(&endless), "corrupt");
    assert!(stdout.contains("longer than 16 MiB"), "{stdout}");
}

#[test]
fn a_header_that_lacks_a_needed_column_names_it() {
    let text = String::from_utf8(good_report("2026-09-02", 0..10)).unwrap();
    let text = text.replacen("country_code", "country", 1);
    let (case, stdout) = run_with_rejected("spotify/a.tsv", text.as_bytes(), "missing_column");
    assert!(stdout.contains("the header lacks country_code"), "{stdout}");
    assert_eq!(case.quarantined("spotify/a.tsv")[0].2, "country_code");
}

#[test]
fn a_header_with_a_mapped_column_twice_is_rejected() {
    let text = String::from_utf8(good_report("2026-09-02", 0..10)).unwrap();
    let text = text.replacen("upc", "isrc", 1);
    let (case, _) = run_with_rejected("spotify/a.tsv", text.as_bytes(), "ambiguous_column");
    assert_eq!(case.quarantined("spotify/a.tsv")[0].2, "isrc");
}

#[test]
fn a_preamble_that_says_two_things_is_rejected() {
    let path = "fixtures/formats/apple-music-s1/in/apple_music/S1_80000001_1126_ZZ.txt";
    let bytes = std::fs::read(crate::case::repository().join(path)).unwrap();
    let units: Vec<u16> =
        bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    let text = String::from_utf16(&units).unwrap().trim_start_matches('\u{feff}').to_owned();
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("Start Date"), "{first}");
    let name = "apple_music/S1_80000001_1126_ZZ.txt";
    let twice = format!("Start Date\t08/27/2026\n{text}");
    let (case, _) = run_with_rejected(name, twice.as_bytes(), "ambiguous_column");
    assert_eq!(case.quarantined(name)[0].2, "Start Date");
    // The same value twice says one thing.
    let case = Case::new();
    case.put(name, format!("{first}\n{text}"));
    case.nightly(&[]);
    assert_eq!(case.report_row(name)["state"], "active");
}

#[test]
fn a_key_that_comes_twice_in_a_json_row_rejects_the_row() {
    let row = |n: u32, more: &str| {
        format!(
            "{{\"timestamp\": \"2026-09-01T10:15:00Z\", \"track_id\": \"t{n}\", \"isrc\": \"GBXY126{n:05}\", {more}\"country\": \
             \"GB\", \"customer_id\": \"u{n}\", \"stream_length\": 187}}\n"
        )
    };
    let rows: String = (0..300)
        .map(|n| row(n, if n == 7 { "\"isrc\": \"GBXY12699999\", " } else { "" }))
        .collect();
    let case = Case::new();
    case.put("spotify/streams_2026-09-01.json", rows);
    case.nightly(&[]);
    let found = case.quarantined("spotify/streams_2026-09-01.json");
    assert_eq!(found, [("bad_line".to_owned(), "8".to_owned(), String::new())]);
    assert_eq!(case.n_rows("plays"), 299);
}

#[test]
fn what_no_format_fits_is_rejected_as_unknown() {
    let without_header =
        report(&lines("2026-09-02", 0..10)).split_off(COLUMNS.join("\t").len() + 1);
    let wide =
        good_report("2026-09-02", 0..10).iter().flat_map(|byte| [*byte, 0]).collect::<Vec<_>>();
    for bytes in [&b"\n"[..], b"\xef\xbb\xbf", b"a,b,c\n1,2,3\n", &without_header, &wide] {
        let (_, stdout) = run_with_rejected("spotify/a.tsv", bytes, "unknown_format");
        assert!(!stdout.contains(crate::report::LISTENER), "{stdout}");
    }
}

fn bad(n: usize) -> Line {
    line("2026-09-02", n).with("stream_length", "3:34")
}

#[test]
fn too_many_bad_rows_reject_the_report_and_the_first_hundred_are_kept() {
    let rows: Vec<Line> =
        (0..400).map(|n| if n % 4 == 0 { line("2026-08-31", n) } else { bad(n) }).collect();
    let (case, stdout) = run_with_rejected("spotify/bad.tsv", &report(&rows), "too_many_bad_rows");
    assert!(stdout.contains("expected at most 1 % bad rows or 10, found 300 of 400"), "{stdout}");
    let row = case.report_row("spotify/bad.tsv");
    assert_eq!((row["rows"].as_str(), row["quarantined"].as_str()), ("400", "300"));
    assert_eq!(
        (row["first_date"].as_str(), row["last_date"].as_str()),
        ("2026-08-31", "2026-08-31")
    );
    let entries = case.quarantined("spotify/bad.tsv");
    assert_eq!(entries.len(), 101);
    assert_eq!(entries[0], ("too_many_bad_rows".into(), String::new(), String::new()));
    let expected: Vec<usize> = (0..400).filter(|n| n % 4 != 0).map(|n| n + 1).take(100).collect();
    let found: Vec<usize> = entries[1..].iter().map(|(_, row, _)| row.parse().unwrap()).collect();
    assert_eq!(found, expected);
    assert!(case.cells("quarantine", ["month"]).iter().all(|[month]| month == "2026-08"));
}

#[test]
fn fewer_than_a_hundred_bad_rows_of_a_rejected_report_are_all_kept() {
    let rows: Vec<Line> = (0..40).map(bad).collect();
    let (case, _) = run_with_rejected("spotify/bad.tsv", &report(&rows), "too_many_bad_rows");
    assert_eq!(case.quarantined("spotify/bad.tsv").len(), 41);
    assert!(case.cells("quarantine", ["month"]).iter().all(|[month]| month == "unknown"));
}

#[test]
fn one_bad_row_in_a_hundred_is_accepted_and_ten_in_any_case_unless_all_are_bad() {
    let cases = [
        (1_089, 11, "active"),
        (1_088, 11, "rejected"),
        (49, 1, "active"),
        (1, 10, "active"),
        (1, 11, "rejected"),
        (0, 1, "rejected"),
        (0, 10, "rejected"),
    ];
    for (n_good, n_bad, state) in cases {
        let case = Case::new();
        let rows = [lines("2026-09-02", 0..n_good), (0..n_bad).map(bad).collect()].concat();
        case.put("spotify/a.tsv", report(&rows));
        case.nightly_verified(4);
        let row = case.report_row("spotify/a.tsv");
        assert_eq!(row["state"], state, "{n_good} {n_bad}");
        assert_eq!(row["quarantined"], n_bad.to_string());
    }
}

#[test]
fn a_short_report_that_was_cut_in_mid_line_loses_nothing_in_silence() {
    let bytes = good_report("2026-09-02", 0..20);
    let case = Case::new();
    case.put("spotify/a.tsv", &bytes[..bytes.len() - 40]);
    case.nightly_verified(4).expect_stdout("Quarantined rows");
    assert_eq!(
        case.quarantined("spotify/a.tsv"),
        [("cut_line".into(), "20".into(), String::new())]
    );
    assert_eq!(case.n_rows("plays"), 19);
}
