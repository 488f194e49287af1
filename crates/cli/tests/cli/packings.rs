//! A report is read again under the name that it was first read under, however it is packed: nothing
//! moves when settings are edited and put back, or when months are rebuilt.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;
use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::case::{Case, files_of, gzip, repository};

/// An archive of one member and a note next to it.
fn zipped(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [(name, bytes), ("notes/read me", b"sent in October".as_slice())] {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Packings of a warehouse whose reports take turns in them.
const TURNS: [&[&str]; 2] = [&["zip"], &["plain", "gz in zip", "gz", "gz in zip", "zst"]];

/// Puts a report into the inbox in a packing. The name of an archive says nothing of what is in it, and
/// a number that could be another month.
fn put(case: &Case, number: usize, path: &str, bytes: Vec<u8>, packing: &str) {
    let (folder, name) = path.rsplit_once('/').unwrap();
    let archive = format!("{folder}/delivery-2031-12-{number}.zip");
    match packing {
        "gz" => case.put(&format!("{path}.gz"), gzip(&bytes)),
        "zst" => case.put(&format!("{path}.zst"), zstd::encode_all(bytes.as_slice(), 1).unwrap()),
        "zip" => case.put(&archive, zipped(&format!("sent/{name}"), &bytes)),
        "gz in zip" => case.put(&archive, zipped(&format!("{name}.gz"), &gzip(&bytes))),
        _ => case.put(path, bytes),
    }
}

/// All reports of the fixtures, by their paths in an inbox, unpacked.
fn fixtures() -> Vec<(String, Vec<u8>)> {
    let root = repository().join("fixtures/formats");
    let mut reports = Vec::new();
    for (name, path) in files_of(&root) {
        let Some((format, path_in)) = name.split_once("/in/") else { continue };
        let bytes = fs::read(path).unwrap();
        let (store, file) = path_in.split_once('/').unwrap();
        let (file, bytes) = match file.strip_suffix(".gz") {
            None => (file, bytes),
            Some(file) => {
                let mut plain = Vec::new();
                let mut decoder = flate2::read::MultiGzDecoder::new(bytes.as_slice());
                std::io::Read::read_to_end(&mut decoder, &mut plain).unwrap();
                (file, plain)
            }
        };
        reports.push((format!("{store}/{format}/{file}"), bytes));
    }
    reports
}

#[test]
fn no_table_moves_when_a_report_of_any_format_and_packing_is_read_again() {
    let reports = fixtures();
    assert!(40 < reports.len());
    for packings in TURNS {
        let case = Case::new();
        case.own_pipelines();
        for (number, (path, bytes)) in reports.iter().enumerate() {
            put(&case, number, path, bytes.clone(), packings[number % packings.len()]);
        }
        let run = || {
            let outcome = case.nightly(&["--pipeline", "pipelines/nightly.toml"]);
            assert!([0, 4].contains(&outcome.code), "{packings:?}: {outcome:?}");
            case.published()
        };
        let before = run();
        let states = case.cells("reports", ["file", "state", "reason"]);
        case.replace("pipelines/nightly.toml", "EL = \"GR\"", "EL = \"GR\"\nZQ = \"DE\"");
        assert_eq!(run(), before, "{packings:?}: an alias was added");
        case.replace("pipelines/nightly.toml", "\nZQ = \"DE\"", "");
        assert_eq!(run(), before, "{packings:?}: it was taken away");
        assert_eq!(case.cells("reports", ["file", "state", "reason"]), states);
        let months = ["--from", "2015-01", "--to", "2031-12", "--listener-key-file", "key"];
        let outcome = case.run(&[["backfill"].as_slice(), &months].concat());
        assert_eq!(outcome.code, 0, "{packings:?}: {outcome:?}");
        assert_eq!(case.published(), before, "{packings:?}: rebuilt");
        case.verify().expect_code(0);
    }
}

const REMOVED: &str = "Licensor\tCountry\tProduct Type\tURI\tUPC\tEAN\tISRC\tTrack Name\tArtist Name\t\
    Composer Name\tAlbum Name\tLabel\tQuantity\n\
    Us\tDE\tpremium\tspotify:track:1\t200000000011\t\tZZSL12600001\ta\tb\t\tc\tL\t51\n";

/// The month of such a report stands in its name alone, and an archive has a name of its own.
#[test]
fn the_month_of_a_member_is_that_of_its_own_name_for_good() {
    for archive in ["sent-202607.zip", "delivery.zip"] {
        let case = Case::new();
        case.own_pipelines();
        let pipeline = ["--pipeline", "pipelines/nightly.toml"];
        let bytes = zipped("us-fraud-202606.txt", REMOVED.as_bytes());
        case.put(&format!("spotify/{archive}"), bytes);
        case.nightly(&pipeline).expect_code(0);
        let before = case.published();
        assert_eq!(case.cells("store_removals", ["date"]), [["2026-06-01".to_owned()]]);
        case.replace("pipelines/nightly.toml", "EL = \"GR\"", "EL = \"GR\"\nZQ = \"DE\"");
        case.nightly(&pipeline).expect_code(0);
        case.nightly(&[pipeline.as_slice(), &["--retry-rejected"]].concat()).expect_code(0);
        assert_eq!(case.published(), before, "{archive}");
        case.run(&[
            "backfill",
            "--from",
            "2026-06",
            "--to",
            "2026-06",
            "--listener-key-file",
            "key",
        ])
        .expect_code(0);
        assert_eq!(case.published(), before, "{archive}");
    }
}

/// Whichever comes first, the archive or the report by itself.
#[test]
fn an_archive_and_its_member_by_itself_are_one_report_in_any_order() {
    let files = [
        ("spotify/b.zip", zipped("us-fraud-202606.txt", REMOVED.as_bytes())),
        ("spotify/us-fraud-202606.txt", REMOVED.as_bytes().to_vec()),
    ];
    let published = [[0, 1], [1, 0]].map(|order| {
        let case = Case::new();
        for number in order {
            let (name, bytes) = &files[number];
            case.put(name, bytes);
            case.nightly_verified(0);
        }
        assert_eq!(case.cells("store_removals", ["date"]), [["2026-06-01".to_owned()]]);
        assert_eq!(
            case.cells("reports", ["file", "copies"]),
            [["spotify/b.zip", "2"].map(str::to_owned)]
        );
        case.published()
    });
    assert_eq!(published[0], published[1]);
}

/// What is rejected for its name is read under the right one, and nothing is left of the wrong one.
#[test]
fn a_rejected_report_that_is_renamed_is_read_as_in_a_fresh_warehouse() {
    let right = Case::new();
    right.put("spotify/us-fraud-202606.txt", REMOVED);
    right.nightly_verified(0);

    let case = Case::new();
    case.put("spotify/us-fraud.txt", REMOVED);
    case.nightly_verified(4).expect_stdout("missing_column");
    let inbox = case.path("inbox/spotify");
    fs::rename(inbox.join("us-fraud.txt"), inbox.join("still-none.txt")).unwrap();
    // Whoever renames it is told what came of that.
    case.nightly_verified(4).expect_stdout("still-none.txt").expect_stdout("missing_column");
    fs::rename(inbox.join("still-none.txt"), inbox.join("us-fraud-202606.txt")).unwrap();
    case.nightly_verified(0).expect_stdout("ingested");
    assert_eq!(case.published(), right.published());
    case.nightly_verified(0).expect_stdout("Nothing new, nothing published.");
}

/// Beside the right name the wrong one is that of a rejected report, whichever is looked at first: the
/// date that the format reads from the name makes it another report.
#[test]
fn a_name_that_is_rejected_changes_nothing_of_the_report_under_its_right_name() {
    for wrong in ["a.txt", "z.txt"] {
        let case = Case::new();
        let fresh = Case::new();
        fresh.put("spotify/us-fraud-202606.txt", REMOVED);
        fresh.put(&format!("spotify/{wrong}"), REMOVED);
        fresh.nightly(&[]);
        case.put(&format!("spotify/{wrong}"), REMOVED);
        case.nightly_verified(4);
        case.put("spotify/us-fraud-202606.txt", REMOVED);
        case.nightly_verified(0);
        case.nightly_verified(0).expect_stdout("Nothing new, nothing published.");
        for case in [&case, &fresh] {
            let mut found = case.cells("reports", ["file", "copies", "state"]);
            found.sort();
            let rejected = [format!("spotify/{wrong}"), "1".to_owned(), "rejected".to_owned()];
            let active = ["spotify/us-fraud-202606.txt", "1", "active"].map(str::to_owned);
            let mut expected = [rejected, active];
            expected.sort();
            assert_eq!(found, expected, "{wrong}");
        }
        assert_eq!(case.published(), fresh.published(), "{wrong}");
    }
}
