//! Exit codes: 0 published or nothing to do, 1 failed, 2 usage or configuration, 3 another run holds the
//! warehouse, 4 published and something was rejected, where that was asked for.

use std::fs;

use crate::case::{Case, hashes};
use crate::report::{good_report, line, lines, report};

const DAY: &str = "2026-09-02";

#[test]
fn sums_that_do_not_agree_stop_the_publishing() {
    let case = Case::new();
    let head = "start_report\tend_report\tisrc\tupc\tcountry\tnb_of_plays\troyalties\tservice";
    let statement = |month: &str| {
        let row = format!("{month}-01\t{month}-28\tGBXY12600001\t\tFR\t7\t0.25\tSubscriptionModel");
        case.put(&format!("deezer/sales_{month}.txt"), format!("{head}\n{row}\n"));
    };
    statement("2026-01");
    case.nightly(&[]).expect_code(0);
    let before = case.published();
    // As if a unit had been lost between the report and the table.
    let snapshot = case.path("warehouse/internal/snapshots/000001");
    let manifest = fs::read_to_string(snapshot.join("manifest.json")).unwrap();
    let mut ledger: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let partitions = ledger["partitions"].as_object_mut().unwrap();
    let path = "sales_monthly/store=deezer/month=2026-01";
    assert_eq!(partitions[path]["totals"]["units"], 7);
    partitions[path]["totals"]["units"] = 6.into();
    let manifest = serde_json::to_string(&ledger).unwrap();
    fs::write(snapshot.join("manifest.json"), &manifest).unwrap();
    let hash = blake3::hash(manifest.as_bytes()).to_hex().to_string();
    let known = fs::read_to_string(snapshot.join("manifest.blake3")).unwrap();
    fs::write(snapshot.join("manifest.blake3"), known.replace(&known.trim()[..64], &hash)).unwrap();
    statement("2026-02");
    case.nightly(&[]).expect_code(1).expect_stderr(
        "nothing was published, since the sums do not agree: \
         sales_monthly/store=deezer/month=2026-01 has 6 units, its reports have 7",
    );
    assert_eq!(case.published(), before);
}

#[test]
fn a_clean_run_exits_0_and_so_does_one_without_reports() {
    let case = Case::new();
    case.nightly(&[]).expect_code(0).expect_stdout("Nothing new, nothing published.");
    assert!(!case.tables().exists());
    case.put("spotify/a.tsv", good_report(DAY, 0..10));
    case.nightly(&[]).expect_code(0).expect_stdout("Published snapshot 1.");
}

#[test]
fn a_missing_inbox_exits_2_and_is_named() {
    let case = Case::new();
    let outcome = case.nightly(&["--inbox", "no/such/inbox"]).expect_code(2);
    assert_eq!(outcome.stdout, "");
    outcome.expect_stderr("no/such/inbox").expect_stderr("No such file or directory");
    assert!(!case.path("warehouse").exists());
}

#[test]
fn an_inbox_that_is_a_file_exits_2_and_is_named() {
    let case = Case::new();
    case.nightly(&["--inbox", "key"]).expect_code(2).expect_stderr("key");
}

#[test]
fn reports_that_the_disk_has_no_room_for_exit_1_before_anything_is_read() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report(DAY, 0..10));
    case.nightly(&[]).expect_code(0);
    let before = case.published();
    // A file that is long and takes no room: half of all that is free, so that it does not fit twice.
    let disk = rustix::fs::statvfs(case.path("inbox")).unwrap();
    let file = fs::File::create(case.path("inbox/spotify/large.tsv")).unwrap();
    file.set_len(disk.f_bavail * disk.f_frsize / 2 + (8 << 30)).unwrap();
    let outcome = case.nightly(&[]).expect_code(1);
    assert_eq!(outcome.stdout, "");
    outcome.expect_stderr("not enough room on the disk of").expect_stderr("1 reports need");
    assert_eq!(case.published(), before);
    fs::remove_file(case.path("inbox/spotify/large.tsv")).unwrap();
    case.put("spotify/b.tsv", good_report("2026-09-03", 0..10));
    case.nightly_verified(0);
}

#[test]
fn a_listener_key_of_another_length_exits_2_and_is_named() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report(DAY, 0..10));
    fs::write(case.path("key"), [7; 31]).unwrap();
    case.nightly(&[]).expect_code(2).expect_stderr("key").expect_stderr("32 bytes, this one 31");
    assert!(!case.tables().exists());
}

#[test]
fn a_missing_pipeline_exits_2_and_is_named() {
    let case = Case::new();
    case.nightly(&["--pipeline", "gone.toml"]).expect_code(2).expect_stderr("gone.toml");
}

#[test]
fn all_errors_of_the_settings_are_listed_at_once() {
    let case = Case::new();
    case.own_pipelines();
    case.replace("pipelines/nightly.toml", "stores = [", "stores = [\"stores/gone.toml\", ");
    case.replace("pipelines/nightly.toml", "EL = \"GR\"", "EL = \"GR\"\nXX = \"Greece\"");
    case.replace("pipelines/nightly.toml", "\".*\"", "\"[\"");
    case.replace("pipelines/policies/default.toml", "days_max = 30", "days_max = 30\ndays_min = 1");
    case.replace("pipelines/stores/spotify.toml", "_points = 100\n", "_points = 10001\n");
    let outcome = case.nightly(&["--pipeline", "pipelines/nightly.toml"]).expect_code(2);
    assert_eq!(outcome.stdout, "");
    for text in [
        "days_min",
        "default.toml",
        "gone.toml",
        "Greece",
        "bad_rows_max_basis_points",
        "spotify.toml",
        "[",
    ] {
        assert!(outcome.stderr.contains(text), "{text}: {}", outcome.stderr);
    }
    assert!(!case.path("warehouse").exists());
}

#[test]
fn an_unknown_key_of_the_pipeline_is_listed_with_the_errors_of_what_can_still_be_read() {
    let case = Case::new();
    case.own_pipelines();
    case.replace("pipelines/nightly.toml", "[inbox]", "[inbox]\ndeep = true");
    case.replace("pipelines/nightly.toml", "UK = \"GB\"", "UK = \"United Kingdom\"");
    case.replace("pipelines/nightly.toml", "stores = [", "stores = [\"gone.toml\", ");
    let outcome = case.nightly(&["--pipeline", "pipelines/nightly.toml"]).expect_code(2);
    outcome.expect_stderr("deep").expect_stderr("United Kingdom").expect_stderr("gone.toml");
}

#[test]
fn while_another_run_holds_the_lock_a_run_exits_3_and_names_it() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report(DAY, 0..10));
    case.nightly_verified(0);
    case.put("spotify/b.tsv", good_report("2026-09-03", 0..10));
    let before = case.published();
    let lock =
        fs::OpenOptions::new().write(true).open(case.path("warehouse/internal/lock")).unwrap();
    lock.try_lock().unwrap();
    let outcome = case.nightly(&[]).expect_code(3).expect_stderr("another run holds the warehouse");
    assert!(outcome.stderr.contains("process "), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
    assert_eq!(case.published(), before);
    case.verify().expect_code(0);
    drop(lock);
    case.nightly_verified(0);
    assert_eq!(case.n_rows("plays"), 20);
}

#[test]
fn a_rejected_report_that_has_not_changed_is_not_examined_again() {
    let case = Case::new();
    case.put("spotify/bad.tsv", b"not a report\n");
    case.nightly(&[]).expect_code(4).expect_stdout("unknown_format");
    let again = case.nightly(&["--format", "json"]).expect_code(0);
    assert_eq!((again.number("known, not changed"), again.number("rejected")), (1, 0));
    let retried = case.nightly(&["--format", "json", "--retry-rejected"]);
    assert_eq!(retried.number("known, not changed"), 0);
    assert_eq!(retried.number("partitions built"), 0);
    case.verify().expect_code(0);
}

#[test]
fn a_rejected_report_that_was_replaced_by_a_good_one_is_taken_in() {
    let case = Case::new();
    case.put("spotify/a.tsv", b"not a report\n");
    case.nightly_verified(4);
    case.put("spotify/a.tsv", good_report(DAY, 0..10));
    case.nightly_verified(0);
    assert_eq!(case.n_rows("plays"), 10);
}

#[test]
fn a_quarantined_row_is_told_once() {
    let case = Case::new();
    let mut rows = lines(DAY, 0..150);
    rows.push(line(DAY, 1).with("stream_length", "3:34"));
    case.put("spotify/a.tsv", report(&rows));
    case.nightly_verified(4).expect_stdout("Quarantined rows");
    case.nightly_verified(0).expect_stdout("Nothing new, nothing published.");
}

#[test]
fn a_run_without_new_reports_publishes_nothing_and_says_so() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report(DAY, 0..10));
    case.nightly_verified(0);
    let before = hashes(&case.path("warehouse/internal/snapshots"));
    case.nightly_verified(0).expect_stdout("Nothing new, nothing published.");
    assert_eq!(hashes(&case.path("warehouse/internal/snapshots")), before);
}

#[test]
fn a_run_that_forgot_what_it_saw_finds_by_the_hashes_that_nothing_is_new() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report(DAY, 0..10));
    case.put("spotify/bad.tsv", b"not a report\n");
    case.nightly_verified(4);
    let before = case.published();
    for seen in [None, Some("{}"), Some("no JSON")] {
        let path = case.path("warehouse/internal/seen.json");
        seen.map_or_else(|| fs::remove_file(&path), |text| fs::write(&path, text)).unwrap();
        case.nightly_verified(0).expect_stdout("Nothing new, nothing published.");
        assert_eq!(case.published(), before);
    }
}

#[test]
fn a_dry_run_writes_nothing_and_exits_0() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report(DAY, 0..10));
    case.put("spotify/bad.tsv", b"not a report\n");
    let before = hashes(case.path("").as_path());
    let outcome = case.nightly(&["--dry-run"]).expect_code(0).expect_stdout("Nothing was written.");
    let outcome = outcome.expect_stdout("plays/store=spotify/month=2026-09/date=2026-09-02");
    outcome.expect_stdout("unknown_format");
    assert_eq!(hashes(case.path("").as_path()), before);
    assert!(!case.path("warehouse").exists());

    case.nightly_verified(4);
    case.put("spotify/b.tsv", good_report("2026-09-03", 0..10));
    let before = hashes(case.path("").as_path());
    let outcome = case.nightly(&["--dry-run"]).expect_code(0).expect_stdout("date=2026-09-03");
    assert!(!outcome.stdout.contains("date=2026-09-02"), "{}", outcome.stdout);
    assert_eq!(hashes(case.path("").as_path()), before);
    case.nightly_verified(0);
    case.nightly(&["--dry-run"]).expect_code(0).expect_stdout("Nothing to do: no report is new.");
}

#[test]
fn verify_without_a_warehouse_exits_2_and_says_what_to_do() {
    let case = Case::new();
    case.verify().expect_code(2).expect_stderr("`streamledger nightly` makes them");
}

#[test]
fn generate_into_a_folder_that_holds_an_inbox_exits_2() {
    let case = Case::new();
    let outcome =
        case.run(&["generate", "--plays", "10", "--days", "1", "--out", "."]).expect_code(2);
    outcome.expect_stderr("already holds an inbox");
}

#[test]
fn a_run_with_rejects_exits_0_unless_it_is_to_fail_on_them() {
    let case = Case::new();
    case.own_pipelines();
    case.put("spotify/a.tsv", good_report(DAY, 0..10));
    case.put("spotify/bad.tsv", "a,b\n1,2\n");
    let usual = ["nightly", "--listener-key-file", "key"];
    case.run(&usual).expect_code(0).expect_stdout("spotify/bad.tsv");
    // What was rejected and has not changed is nothing new.
    let failing = [&usual[..], &["--fail-on", "rejects"]].concat();
    case.run(&failing).expect_code(0);
    let again = [&failing[..], &["--retry-rejected"]].concat();
    case.run(&again).expect_code(4).expect_stdout("spotify/bad.tsv");
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure_and_a_reader_that_left_is_none() {
    let case = Case::new();
    case.own_pipelines();
    case.put("spotify/a.tsv", good_report(DAY, 0..10));
    case.nightly(&[]).expect_code(0);
    for arguments in [&["verify"][..], &["snapshots", "list"], &["formats"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = case.command(arguments).stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?} {stderr}");
        assert!(stderr.contains("cannot write the result to stdout: No space left"), "{stderr}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = case.command(arguments).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{arguments:?}");
    }
}

#[test]
fn a_terminal_obeys_nothing_that_a_name_says() {
    let case = Case::new();
    case.put("spotify/\u{1b}[31mred\u{202e}.tsv", "a,b\n1,2\n");
    let outcome = case.nightly(&[]).expect_code(4);
    assert!(!outcome.stdout.contains(['\u{1b}', '\u{202e}']), "{}", outcome.stdout);
    assert!(!outcome.stderr.contains(['\u{1b}', '\u{202e}']), "{}", outcome.stderr);
    outcome.expect_stdout("\\u{1b}[31mred\\u{202e}.tsv");
}
