//! What lies in the inbox: copies, packings, wrong folders, files that are no reports.

use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::symlink;

use crate::case::{Case, gzip};
use crate::report::{good_report, lines, report};
use crate::tables::Row;

const DAY: &str = "2026-09-02";

#[test]
fn the_same_report_under_two_names_and_packings_counts_once() {
    let bytes = good_report(DAY, 0..40);
    let case = Case::new();
    case.put("spotify/b.tsv", &bytes);
    case.put("spotify/a.tsv.gz", gzip(&bytes));
    let outcome = case.nightly_verified(0);
    let outcome =
        outcome.expect_stdout("spotify/b.tsv").expect_stdout("the same report as spotify/a.tsv.gz");
    assert_eq!(outcome.stderr, "");
    assert_eq!(case.n_rows("plays"), 40);
    assert_eq!(
        case.cells("reports", ["file", "copies"]),
        [["spotify/a.tsv.gz", "2"].map(String::from)]
    );
}

#[test]
fn a_copy_that_comes_a_run_later_is_counted_as_a_copy_only() {
    let bytes = good_report(DAY, 0..40);
    let case = Case::new();
    case.put("spotify/b.tsv", &bytes);
    case.nightly_verified(0);
    case.put("spotify/a.tsv.gz", gzip(&bytes));
    let outcome = case.nightly_verified(0);
    outcome.expect_stdout("the same report as spotify/b.tsv");
    assert_eq!(case.n_rows("plays"), 40);
    assert_eq!(
        case.cells("reports", ["file", "copies"]),
        [["spotify/a.tsv.gz", "2"].map(String::from)]
    );
}

#[test]
fn a_new_copy_of_a_rejected_report_is_no_new_rejection() {
    let case = Case::new();
    case.put("spotify/b.tsv", b"not a report\n");
    case.nightly_verified(4);
    case.put("spotify/a.tsv.gz", gzip(b"not a report\n"));
    case.nightly_verified(0);
    assert_eq!(
        case.cells("quarantine", ["file", "reason"]),
        [["spotify/a.tsv.gz", "unknown_format"].map(String::from)]
    );
}

/// Rows of `plays` without what names the report.
fn plays_without_report(case: &Case) -> Vec<Row> {
    let mut rows = case.table("plays");
    for row in &mut rows {
        row.remove("report");
    }
    rows
}

#[test]
fn every_packing_and_line_end_gives_the_same_plays() {
    let mut all = lines(DAY, 0..3000);
    all.extend(lines("2026-09-03", 0..3000));
    let plain = report(&all);
    let (half, text) = (plain.len() / 2, String::from_utf8(plain.clone()).unwrap());
    let packings: [(&str, Vec<u8>); 6] = [
        ("plain.tsv", plain.clone()),
        ("one.tsv.gz", gzip(&plain)),
        ("two.tsv.gz", [gzip(&plain[..half]), gzip(b""), gzip(&plain[half..])].concat()),
        ("one.tsv.zst", zstd::encode_all(plain.as_slice(), 3).unwrap()),
        (
            "two.tsv.zst",
            [&plain[..half], &plain[half..]]
                .map(|part| zstd::encode_all(part, 1).unwrap())
                .concat(),
        ),
        ("windows.tsv", format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes()),
    ];
    let mut expected: Option<Vec<Row>> = None;
    for (name, bytes) in packings {
        let case = Case::new();
        case.put(&format!("spotify/{name}"), bytes);
        case.nightly_verified(0);
        let found = plays_without_report(&case);
        assert_eq!(found.len(), 6000, "{name}");
        assert!(expected.get_or_insert_with(|| found.clone()) == &found, "{name}");
    }
}

#[test]
fn a_packing_is_told_by_the_bytes_and_not_by_the_name() {
    let case = Case::new();
    case.put("spotify/a.tsv.gz", good_report(DAY, 0..10));
    case.put("spotify/b.tsv", gzip(&good_report("2026-09-03", 0..10)));
    case.nightly_verified(0);
    assert_eq!(case.n_rows("plays"), 20);
}

#[test]
fn a_report_in_another_stores_folder_is_rejected_there_and_taken_in_here() {
    let bytes = good_report(DAY, 0..10);
    let case = Case::new();
    case.put("deezer/a.tsv", &bytes);
    case.put("spotify/a.tsv", &bytes);
    case.nightly_verified(4).expect_stdout("deezer/a.tsv").expect_stdout("store_mismatch");
    assert_eq!(case.n_rows("plays"), 10);
    let expected =
        [["deezer", "deezer/a.tsv", "rejected", "1"], ["spotify", "spotify/a.tsv", "active", "1"]];
    let mut found = case.cells("reports", ["store", "file", "state", "copies"]);
    found.sort();
    assert_eq!(found, expected.map(|row| row.map(String::from)));
    assert_eq!(case.cells("quarantine", ["store"]), [["deezer".to_owned()]]);
}

#[test]
fn a_file_in_no_stores_folder_is_rejected() {
    let case = Case::new();
    case.put("a.tsv", good_report(DAY, 0..10));
    case.nightly_verified(4).expect_stdout("a.tsv").expect_stdout("store_mismatch");
    assert_eq!(case.quarantined("a.tsv").len(), 1);
    assert_eq!(case.n_rows("plays"), 0);
}

#[test]
fn odd_names_of_folders_and_files_are_rejected_or_taken_in_but_never_stop_the_run() {
    let case = Case::new();
    let good = good_report(DAY, 0..10);
    case.put("spotify/\u{e9}t\u{e9} #1 %20=x/a b.tsv", &good);
    for folder in ["a b", "x=y", "100%", "caf\u{e9}", "spotify ", "SPOTIFY", "..x"] {
        case.put(&format!("{folder}/a.tsv"), &good);
    }
    // A folder that begins with a dot is a hidden one.
    case.nightly_verified(4).expect_stdout("..x/");
    assert_eq!(case.n_rows("plays"), 10);
    assert_eq!(case.n_rows("quarantine"), 6);
}

#[test]
fn a_name_that_is_not_utf8_is_taken_in_once() {
    let case = Case::new();
    fs::create_dir(case.path("inbox/spotify")).unwrap();
    for (byte, day, numbers) in [(0xfe, DAY, 0..10), (0xff, "2026-09-08", 10..20)] {
        let name = std::ffi::OsString::from_vec(vec![b'a', byte]);
        fs::write(case.path("inbox/spotify").join(name), good_report(day, numbers)).unwrap();
    }
    case.nightly_verified(0);
    case.nightly_verified(0).expect_stdout("Nothing new, nothing published.");
    assert_eq!((case.n_rows("plays"), case.n_rows("reports")), (20, 2));
}

#[test]
fn a_folder_with_the_longest_name_there_can_be_does_not_stop_the_run() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report(DAY, 0..10));
    case.put(&format!("{}/a.tsv", "f".repeat(255)), good_report(DAY, 0..10));
    case.nightly_verified(4).expect_stdout("store_mismatch");
    assert_eq!(case.n_rows("plays"), 10);
}

#[test]
fn unfinished_and_hidden_files_are_passed_over_and_links_rejected_and_all_are_named() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report(DAY, 0..10));
    for name in ["spotify/.hidden", "spotify/b.tsv.part", "spotify/c.tmp", "d.filepart"] {
        case.put(name, good_report("2026-09-05", 0..10));
    }
    fs::write(case.path("elsewhere.tsv"), good_report("2026-09-06", 0..10)).unwrap();
    symlink(case.path("elsewhere.tsv"), case.path("inbox/spotify/link.tsv")).unwrap();
    fs::create_dir(case.path("folder")).unwrap();
    fs::write(case.path("folder/x.tsv"), good_report("2026-09-07", 0..10)).unwrap();
    symlink(case.path("folder"), case.path("inbox/spotify/linked")).unwrap();
    let outcome = case.nightly_verified(0);
    for name in [".hidden", "b.tsv.part", "c.tmp", "d.filepart", "link.tsv", "spotify/linked"] {
        assert!(outcome.stdout.contains(name), "{name}: {}", outcome.stdout);
    }
    assert!(outcome.stdout.contains("passed over"), "{}", outcome.stdout);
    let rejected = |line: &&str| line.contains("skipped: a link");
    let links: Vec<&str> = outcome.stdout.lines().filter(rejected).collect();
    assert_eq!(links.len(), 2, "{}", outcome.stdout);
    for (line, name) in links.iter().zip(["spotify/link.tsv", "spotify/linked"]) {
        assert!(line.contains(name), "{line}");
        assert!(outcome.stderr.contains(name), "{}", outcome.stderr);
    }
    assert_eq!((case.n_rows("plays"), case.n_rows("reports")), (10, 1));
}

#[test]
fn an_unfinished_file_is_taken_in_once_it_has_its_name() {
    let case = Case::new();
    case.put("spotify/a.tsv.part", good_report(DAY, 0..10));
    case.nightly(&[]).expect_code(0);
    fs::rename(case.path("inbox/spotify/a.tsv.part"), case.path("inbox/spotify/a.tsv")).unwrap();
    case.nightly_verified(0);
    assert_eq!(case.n_rows("plays"), 10);
}

#[test]
fn months_stay_when_the_inbox_is_emptied() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report(DAY, 0..10));
    case.nightly_verified(0);
    fs::remove_file(case.path("inbox/spotify/a.tsv")).unwrap();
    case.put("spotify/b.tsv", good_report(DAY, 5..20));
    case.nightly_verified(0);
    assert_eq!(case.n_rows("plays"), 25);
    let verdicts = case.cells("plays", ["verdict", "reason"]);
    assert_eq!(verdicts.iter().filter(|[_, reason]| reason == "duplicate").count(), 5);
}

/// A transfer program that writes in place: the file that was ingested last night has grown tonight. The
/// one with more rows takes the place of the other.
#[test]
fn a_report_that_grew_in_place_after_it_was_taken_in_does_not_stop_later_runs() {
    let case = Case::new();
    let whole = good_report(DAY, 0..300);
    let end_of_line = whole[..whole.len() / 2].iter().rposition(|byte| *byte == b'\n').unwrap();
    case.put("spotify/a.tsv", &whole[..=end_of_line]);
    case.nightly_verified(0);
    let mut file =
        fs::OpenOptions::new().append(true).open(case.path("inbox/spotify/a.tsv")).unwrap();
    std::io::Write::write_all(&mut file, &whole[end_of_line + 1..]).unwrap();
    drop(file);
    case.nightly_verified(0);
    assert_eq!((case.n_rows("plays"), case.n_rows("reports")), (300, 2));
}

/// A store that sends a corrected report again, under the same name, and a transfer program that writes
/// over the file that is there: one of the two counts, the same whichever came first, and the other is
/// named, since nothing says which of them is right.
#[test]
fn a_report_that_was_written_over_in_place_does_not_stop_later_runs() {
    let published = [[0, 50], [50, 0]].map(|starts| {
        let case = Case::new();
        for (start, reasons) in starts.into_iter().zip([0, 1]) {
            case.put("spotify/a.tsv", good_report(DAY, start..start + 100));
            case.nightly(&[]);
            case.verify().expect_code(0);
            assert_eq!(case.n_rows("quarantine"), reasons);
        }
        assert_eq!((case.n_rows("plays"), case.n_rows("reports")), (100, 2));
        case.published()
    });
    assert_eq!(published[0], published[1]);
}

/// Transfer programs set the times of files; what nobody can set tells that one was written over.
#[test]
fn other_bytes_of_the_same_size_and_time_are_seen() {
    let case = Case::new();
    let path = case.path("inbox/spotify/a.tsv");
    let mut lengths = Vec::new();
    for length in ["100", "200"] {
        let line = crate::report::line(DAY, 1).with("stream_length", length);
        case.put("spotify/a.tsv", report(&[line]));
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        drop(file);
        // Nothing says which of the two is the newer one, so that a person must look.
        case.nightly_verified(4 * i32::from(length == "200"));
        lengths.push(fs::metadata(&path).unwrap().len());
    }
    assert_eq!(lengths[0], lengths[1]);
    assert_eq!(case.n_rows("reports"), 2);
}

/// Two names that differ in a byte that is no UTF-8, of one size and time, in two runs.
#[test]
fn names_that_are_not_utf8_are_told_apart() {
    let case = Case::new();
    fs::create_dir(case.path("inbox/spotify")).unwrap();
    for (byte, day) in [(0xfe, DAY), (0xff, "2026-09-08")] {
        let name = std::ffi::OsString::from_vec(vec![b'a', byte]);
        fs::write(case.path("inbox/spotify").join(name), good_report(day, 0..10)).unwrap();
        case.nightly_verified(0);
    }
    let mut files = case.cells("reports", ["file"]).concat();
    files.sort();
    assert_eq!(files, ["spotify/a\\xfe", "spotify/a\\xff"]);
}

#[test]
fn what_is_passed_over_is_counted() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report(DAY, 0..10));
    case.put("spotify/b.tsv.5f3a9c1e.PARTIAL", good_report("2026-09-05", 0..10));
    case.put("spotify/.stversions/b.tsv", good_report("2026-09-06", 0..10));
    case.put("lost+found/b.tsv", good_report("2026-09-06", 0..10));
    let outcome = case.nightly(&["--format", "json"]).expect_code(0);
    assert_eq!(outcome.number("skipped by their names"), 3);
    for name in ["spotify/.stversions/", "lost+found/", "b.tsv.5f3a9c1e.PARTIAL"] {
        assert!(outcome.stdout.contains(name), "{name}: {}", outcome.stdout);
    }
    assert_eq!(case.n_rows("reports"), 1);
}
