//! Reports in zip archives, and reports of several files.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;
use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::case::Case;

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const ROYALTIES: &str = "Asset ISRC,Asset Reference,Territory,Quantity,Sale Type,Sale User Type,\
    Sale Start date,Sale End date,Sale Store Name,Reported Royalty,Currency\n\
    GBXY12600001,A1,GB,3,Stream,Family plan,2026-06-01,2026-06-30,Spotify,0.01,GBP\n";

#[test]
fn of_an_archive_the_detail_is_taken_and_the_sums_beside_it_are_not() {
    let case = Case::new();
    let members: [(&str, &[u8]); 3] = [
        ("artists.csv", b"Artist,Reported Royalty\na,0.01\n"),
        ("royalty_extended.csv", ROYALTIES.as_bytes()),
        ("statement.xlsx", b"PK\x03\x04"),
    ];
    case.put("fuga/statement.zip", zip(&members));
    case.nightly_verified(0)
        .expect_stdout("ingested")
        .expect_stdout("artists.csv")
        .expect_stdout("an office document: no format reads one")
        .expect_stderr("a member of an archive is no report");
    let sales = case.table("sales");
    assert_eq!(sales.len(), 1);
    assert_eq!((sales[0]["store"].as_str(), sales[0]["units"].as_str()), ("spotify", "3"));
    // The same report by itself is the same report.
    case.put("fuga/again.csv", ROYALTIES);
    case.nightly_verified(0).expect_stdout("the same report as");
    assert_eq!(case.table("sales").len(), 1);
}

#[test]
fn an_archive_is_told_by_its_bytes_whatever_its_name_says_and_its_member_may_be_packed() {
    let case = Case::new();
    let packed = zstd::encode_all(ROYALTIES.as_bytes(), 1).unwrap();
    case.put("fuga/statement.txt", zip(&[("royalty_extended.csv.zst", &packed)]));
    case.nightly_verified(0);
    assert_eq!(case.table("sales").len(), 1);
    // Another pipeline reads the report again, from the archive.
    case.own_pipelines();
    let store = case.path("pipelines/stores/fuga.toml");
    let text = fs::read_to_string(&store).unwrap();
    fs::write(&store, text.replace("= 100\n", "= 200\n")).unwrap();
    fs::remove_file(case.path("inbox/fuga/statement.txt")).unwrap();
    case.nightly(&["--pipeline", "pipelines/nightly.toml"]).expect_code(0);
    case.verify().expect_code(0);
    assert_eq!(case.table("sales").len(), 1);
}

#[test]
fn an_archive_of_several_reports_or_with_a_name_that_leads_out_of_it_is_rejected() {
    let case = Case::new();
    let other = ROYALTIES.replace(",3,", ",4,");
    let two: [(&str, &[u8]); 2] = [("a.csv", ROYALTIES.as_bytes()), ("b.csv", other.as_bytes())];
    case.put("fuga/two.zip", zip(&two));
    case.put("fuga/out.zip", zip(&[("../../royalty_extended.csv", ROYALTIES.as_bytes())]));
    case.nightly_verified(4)
        .expect_stdout("ambiguous_archive")
        .expect_stdout("unsafe_archive")
        .expect_stdout("several members of the zip archive are reports: a.csv, b.csv")
        .expect_stdout("leads out of it: `../../royalty_extended.csv`");
    assert_eq!(case.n_rows("sales"), 0);
}

#[test]
fn an_archive_without_a_report_is_of_no_format_and_a_broken_one_is_corrupt() {
    let case = Case::new();
    case.put("fuga/sums.zip", zip(&[("artists.csv", b"Artist,Reported Royalty\na,0.01\n")]));
    case.put("fuga/broken.zip", b"PK\x03\x04 a zip");
    case.nightly_verified(4)
        .expect_stdout(
            "none of the members of the zip archive is a report that is read: artists.csv",
        )
        .expect_stdout("cannot be unpacked: not a readable zip archive");
    let reasons: Vec<String> =
        case.table("reports").iter().map(|report| report["reason"].clone()).collect();
    assert!(reasons.contains(&"unknown_format".to_owned()), "{reasons:?}");
    assert!(reasons.contains(&"corrupt".to_owned()), "{reasons:?}");
}

/// What is nearly a report is none of the other files of an archive, and no bytes of one are passed over.
#[test]
fn an_archive_with_a_member_that_is_nearly_a_report_or_with_hidden_bytes_is_rejected() {
    let lacking = ROYALTIES.replace("Quantity", "Number");
    let other_store = "date,subscriber_status,country,music_id,isrc,upc,play30s\n";
    let whole = zip(&[("a.csv", ROYALTIES.as_bytes())]);
    let with = |name: &str, bytes: &[u8]| zip(&[("a.csv", ROYALTIES.as_bytes()), (name, bytes)]);
    let archives: [(&str, Vec<u8>, &str, &str); 6] = [
        (
            "column",
            with("b.csv", lacking.as_bytes()),
            "ambiguous_archive",
            "`b.csv` is not (missing_column",
        ),
        (
            "store",
            with("b.csv", other_store.as_bytes()),
            "ambiguous_archive",
            "`b.csv` is not (store_mismatch",
        ),
        ("empty", with("b.csv", b""), "ambiguous_archive", "`b.csv` is not (empty_file"),
        ("nested", with("b.zip", &whole), "ambiguous_archive", "a zip archive in an archive"),
        (
            "two",
            [whole.as_slice(), &whole].concat(),
            "unsafe_archive",
            "belong to no listed member",
        ),
        (
            "tail",
            [whole.as_slice(), ROYALTIES.as_bytes()].concat(),
            "unsafe_archive",
            "follow its end",
        ),
    ];
    let case = Case::new();
    for (name, bytes, ..) in &archives {
        case.put(&format!("fuga/{name}.zip"), bytes);
    }
    let outcome = case.nightly_verified(4);
    for (name, _, code, detail) in &archives {
        let line = outcome.stdout.lines().find(|line| line.contains(&format!("fuga/{name}.zip")));
        let line = line.unwrap_or_else(|| panic!("{name}: {}", outcome.stdout));
        assert!(line.contains(code) && line.contains(detail), "{name}: {line}");
    }
    assert_eq!(case.n_rows("sales"), 0);
}

/// One file of a DDEX report in two files: each has all summary records and its own blocks.
fn part(number: u32, isrc: &str, usages: u32) -> String {
    let lines = [
        format!(
            "HEAD\tdsrf/1\tBasicAudioProfile\t1.3\tM\t2026-10-02T10:00:00Z\t{number}\t2\t2026-09-01\t\
             2026-09-30\tPADPIDA1\tStore\tPremium\tPADPIDA2\tUs"
        ),
        "SY01\tS1\t\t\tSubscriptionModel\tStream\tDE\tPremium\t30\t9\tEUR\t12.5".to_owned(),
        format!("AS01\t{number}\tA1\ttrk\t{isrc}\tt\t\ta\t\tPT3M\tSoundRecording"),
        format!("SU02\t{number}\tS1\tX\t\tA1\ttrue\t{usages}"),
        "FOOT\t5\t\t1\t1\t".to_owned(),
    ];
    lines.map(|line| line + "\n").concat()
}

fn part_name(number: u32) -> String {
    format!("spotify/DSR_PADPIDA2_PADPIDA1_Premium_2026-09_DE_{number}of2_20261002T100000.tsv")
}

#[test]
fn a_report_of_two_files_counts_when_both_are_there() {
    let case = Case::new();
    case.put(&part_name(1), part(1, "GBXY12600001", 20));
    case.nightly_verified(0)
        .expect_stdout("waits for the other files of its report: 2 of 2 missing");
    assert_eq!(case.n_rows("sales"), 0);
    assert_eq!(case.n_rows("revenue_pools"), 0);
    let report = &case.table("reports")[0];
    assert_eq!((report["state"].as_str(), report["reason"].as_str()), ("waiting", "missing_parts"));

    case.put(&part_name(2), part(2, "GBXY12600002", 10));
    case.nightly_verified(0);
    let units: i64 =
        case.table("sales").iter().map(|row| row["units"].parse::<i64>().unwrap()).sum();
    assert_eq!(units, 30);
    // Both files hold the summary records; their money is there once.
    let pools = case.table("revenue_pools");
    assert_eq!(pools.len(), 1);
    assert_eq!(pools[0]["amount"].parse::<f64>().unwrap().to_string(), "12.5");
    assert!(case.table("reports").iter().all(|report| report["state"] == "active"));
}

#[test]
fn both_files_in_one_run_give_the_same_tables_as_one_after_the_other() {
    let (one, two) = (Case::new(), Case::new());
    for number in [2, 1] {
        one.put(&part_name(number), part(number, "GBXY12600001", 15));
        one.nightly_verified(0);
        two.put(&part_name(number), part(number, "GBXY12600001", 15));
    }
    two.nightly_verified(0);
    assert_eq!(one.published(), two.published());
}

#[test]
fn a_header_that_says_another_file_than_the_name_is_rejected() {
    let case = Case::new();
    case.put(&part_name(2), part(1, "GBXY12600001", 20));
    case.nightly_verified(4)
        .expect_stdout("bad_head")
        .expect_stdout("HEAD says file 1 of 2, the file's name says 2 of 2");
}

#[test]
fn a_total_that_the_lines_do_not_make_up_rejects_the_report() {
    let case = Case::new();
    let one_file = part(1, "GBXY12600001", 29).replace("\t1\t2\t2026-09-01", "\t1\t1\t2026-09-01");
    case.put(&part_name(1).replace("1of2", "1of1"), one_file);
    case.nightly_verified(4)
        .expect_stdout("control_total")
        .expect_stdout("usages of summary record S1 says 30, the rows add up to 29");
    assert_eq!(case.n_rows("sales"), 0);
}
