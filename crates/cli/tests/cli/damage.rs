//! `verify` finds every damage to what is published, and names the file.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::case::{Case, files_of, gzip, nightly_arguments, repository};
use crate::report::{good_report, line, lines, report};

/// A warehouse with all kinds of files.
fn warehouse() -> Case {
    let case = Case::new();
    let mut rows = lines("2026-09-02", 0..150);
    rows.push(line("2026-09-02", 1).with("stream_length", "x"));
    case.put("spotify/a.tsv", report(&rows));
    case.put("spotify/b.tsv.gz", gzip(&good_report("2026-09-03", 0..200)));
    case.nightly_verified(4);
    case
}

/// Reports in the archive, without the files that say under which names they came.
fn archived_reports(case: &Case) -> Vec<(String, PathBuf)> {
    let mut files = files_of(&case.path("warehouse/internal/archive"));
    files.retain(|(_, path)| !path.ends_with("names.json"));
    files
}

fn published_files(case: &Case) -> Vec<(String, PathBuf)> {
    let mut files = files_of(&case.tables());
    // Those without rows, and what depends on the clock, are looked at by other tests.
    let others = ["/store=none/", "deliveries/", "unmapped_values/"];
    files.retain(|(name, _)| others.iter().all(|other| !name.contains(other)));
    let trends = ["trends_daily/"; 2];
    let tables = ["coverage/", "plays/", "plays/", "quarantine/", "reports/"];
    let tables = tables.into_iter().chain(trends);
    assert!(
        files.len() == 7
            && files.iter().zip(tables).all(|((name, _), table)| name.starts_with(table))
    );
    files
}

#[track_caller]
fn assert_found(case: &Case, name: &str) {
    let outcome = case.verify().expect_code(1);
    let outcome = outcome.expect_stdout("is NOT as it was published").expect_stdout(name);
    assert_eq!(outcome.stderr, "");
}

/// Flips one byte, looks, and puts the file back.
#[track_caller]
fn assert_flips_are_found(case: &Case, name: &str, path: &Path, offsets: &[usize]) {
    let bytes = fs::read(path).unwrap();
    for offset in offsets {
        let mut flipped = bytes.clone();
        flipped[*offset] ^= 0x01;
        fs::write(path, flipped).unwrap();
        assert_found(case, name);
    }
    fs::write(path, bytes).unwrap();
    case.verify().expect_code(0);
}

#[test]
fn a_flipped_byte_of_a_published_file_is_found_wherever_it_is() {
    let case = warehouse();
    for (name, path) in published_files(&case) {
        let length = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
        assert_flips_are_found(
            &case,
            &name,
            &path,
            &[0, 4, length / 3, length / 2, length - 9, length - 1],
        );
    }
}

#[test]
fn a_flipped_byte_of_the_manifest_is_found() {
    let case = warehouse();
    let path = case.path("warehouse/internal/snapshots/000001/manifest.json");
    let length = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
    assert_flips_are_found(&case, "manifest.json", &path, &[0, length / 4, length / 2, length - 2]);
    let sum = case.path("warehouse/internal/snapshots/000001/manifest.blake3");
    assert_flips_are_found(&case, "manifest.json", &sum, &[0, 63]);
}

/// The list of the rejected rows of a report.
fn rejected_rows(case: &Case) -> PathBuf {
    let [report] = case
        .cells("quarantine", ["report"])
        .into_iter()
        .map(|[report]| report)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let files = files_of(&case.path("warehouse/internal/bad_rows"));
    files.into_iter().find(|(name, _)| name.starts_with(&report)).unwrap().1
}

#[test]
fn a_damaged_list_of_rejected_rows_is_found_and_the_tables_are_made_right_all_the_same() {
    let damages: [fn(&Path); 3] = [
        |path| fs::remove_file(path).unwrap(),
        |path| flip(path, 40),
        |path| fs::write(path, b"{\"entries\":[],\"unmapped\":[]}").unwrap(),
    ];
    for damage in damages {
        let case = warehouse();
        let list = rejected_rows(&case);
        damage(&list);
        assert_found(&case, "internal/bad_rows/");
        // A bad row of the same month makes the table anew, from the lists of both reports.
        let mut rows = lines("2026-09-04", 0..150);
        rows.push(line("2026-09-04", 1).with("stream_length", "y"));
        case.put("spotify/c.tsv", report(&rows));
        case.nightly(&[]).expect_code(4);
        let fresh = Case::new();
        crate::case::copy_tree(&case.path("inbox"), &fresh.path("inbox"));
        fresh.nightly(&[]).expect_code(4);
        assert_eq!(case.published(), fresh.published());
        // The list itself is mended by the backfill that `verify` advises.
        let arguments = advised_backfill(&case);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let pipeline = nightly_arguments(&[])[2];
        let more = ["--pipeline", pipeline, "--listener-key-file", "key"];
        case.run(&[&arguments[..], &more].concat()).expect_code(0);
        case.verify().expect_code(0);
        assert_eq!(case.published(), fresh.published());
    }
}

#[test]
fn a_rejected_report_whose_list_is_lost_is_looked_for_in_the_inbox() {
    let case = warehouse();
    case.put("spotify/none.tsv", "not a report\n");
    case.nightly(&[]).expect_code(4);
    let before = case.published();
    for (_, path) in files_of(&case.path("warehouse/internal/bad_rows")) {
        fs::remove_file(path).unwrap();
    }
    case.put("spotify/none2.tsv", "no report either\n");
    case.nightly(&[]).expect_code(4);
    let of_none = |case: &Case| {
        let rows = case.cells("quarantine", ["file", "reason", "detail"]).into_iter();
        rows.filter(|[file, ..]| file == "spotify/none.tsv").collect::<Vec<_>>()
    };
    assert_eq!(of_none(&case).len(), 1);
    assert_ne!(case.published(), before);
    // Where it is gone too, the run says so and publishes nothing.
    for (_, path) in files_of(&case.path("warehouse/internal/bad_rows")) {
        fs::remove_file(path).unwrap();
    }
    fs::remove_file(case.path("inbox/spotify/none.tsv")).unwrap();
    case.put("spotify/none3.tsv", "nor this\n");
    let before = case.published();
    let outcome = case.nightly(&[]).expect_code(1);
    outcome.expect_stderr("put spotify/none.tsv there again");
    assert_eq!(case.published(), before);
}

#[test]
fn what_cannot_be_read_is_not_called_different_and_nothing_is_to_be_removed() {
    let case = warehouse();
    let (name, path) = published_files(&case).swap_remove(1);
    let archived = archived_reports(&case).swap_remove(0).1;
    for path in [path, archived] {
        let bytes = fs::read(&path).unwrap();
        // Opening a folder succeeds, reading it fails: as a disk does that returns errors.
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let outcome = case.verify().expect_code(1);
        let outcome = outcome.expect_stdout("could be read").expect_stdout("Remove nothing");
        assert!(!outcome.stdout.contains("NOT as it was published"), "{}", outcome.stdout);
        assert!(!outcome.stdout.contains("Remove a damaged"), "{}", outcome.stdout);
        assert!(!outcome.stdout.contains("backfill"), "{name}: {}", outcome.stdout);
        fs::remove_dir(&path).unwrap();
        fs::write(&path, bytes).unwrap();
    }
    case.verify().expect_code(0);
}

#[test]
fn another_listener_key_is_found() {
    let case = Case::new();
    case.put("spotify/a.tsv", good_report("2026-09-02", 0..30));
    let pipeline = nightly_arguments(&[])[2];
    let run = ["nightly", "--pipeline", pipeline, "--as-of", "2026-10-01"];
    case.run(&run).expect_code(0);
    case.verify().expect_code(0);
    let own = case.path("warehouse/internal/listener.key");
    flip(&own, 3);
    case.verify().expect_code(1).expect_stdout("is not the key that the tables were made with");
    flip(&own, 3);
    fs::write(case.path("other"), [7; 32]).unwrap();
    let outcome = case.run(&["verify", "--listener-key-file", "other"]).expect_code(1);
    outcome.expect_stdout("Put the listener key back");
}

/// Partial copies of a warehouse, and folders that were copied within one.
#[test]
fn a_snapshot_counts_only_with_the_manifest_of_its_number_and_there_is_a_way_back() {
    let folder = "warehouse/internal/snapshots";
    let damages: [fn(&Path); 4] = [
        |root| fs::remove_file(root.join("000002/manifest.json")).unwrap(),
        |root| fs::remove_file(root.join("000002/manifest.blake3")).unwrap(),
        |root| crate::case::copy_tree(&root.join("000001"), &root.join("000009")),
        |root| fs::create_dir(root.join("000009")).unwrap(),
    ];
    for damage in damages {
        let case = warehouse();
        case.put("spotify/c.tsv", good_report("2026-09-04", 0..20));
        case.nightly(&[]).expect_code(0);
        let shown = fs::read_link(case.path("warehouse/tables")).unwrap();
        damage(&case.path(folder));
        let outcome = case.nightly(&[]).expect_code(1);
        let outcome = outcome.expect_stderr("`rollback` publishes one of them again");
        assert_eq!(fs::read_link(case.path("warehouse/tables")).unwrap(), shown, "{outcome:?}");
        case.run(&["snapshots", "list"]).expect_code(0);
        case.run(&["snapshots", "rollback", "1"]).expect_code(0);
        assert!(matches!(case.nightly(&[]).code, 0 | 4));
        case.verify().expect_code(0);
        let fresh = Case::new();
        crate::case::copy_tree(&case.path("inbox"), &fresh.path("inbox"));
        fresh.nightly(&[]).expect_code(4);
        assert_eq!(case.published(), fresh.published());
    }
}

#[test]
fn a_manifest_that_is_gone_is_named_and_nothing_is_called_right() {
    for name in ["manifest.json", "manifest.blake3"] {
        let case = warehouse();
        fs::remove_file(case.path("warehouse/internal/snapshots/000001").join(name)).unwrap();
        let outcome = case.verify();
        assert_ne!(outcome.code, 0, "{outcome:?}");
        assert!((outcome.stdout + &outcome.stderr).contains(name));
    }
}

#[test]
fn a_published_file_that_is_gone_is_named() {
    let case = warehouse();
    for (name, path) in published_files(&case) {
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_found(&case, &name);
        fs::write(&path, bytes).unwrap();
    }
    case.verify().expect_code(0);
}

#[test]
fn an_emptied_file_is_named() {
    let case = warehouse();
    for (name, path) in published_files(&case) {
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, b"").unwrap();
        assert_found(&case, &name);
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn a_stray_file_or_link_is_named() {
    let case = warehouse();
    let (name, path) = published_files(&case).swap_remove(0);
    let stray = path.with_file_name("part-0001-stray.parquet");
    fs::copy(&path, &stray).unwrap();
    assert_found(
        &case,
        &name.replace(path.file_name().unwrap().to_str().unwrap(), "part-0001-stray.parquet"),
    );
    fs::remove_file(&stray).unwrap();
    std::os::unix::fs::symlink(&path, &stray).unwrap();
    assert_found(&case, "part-0001-stray.parquet");
    fs::remove_file(&stray).unwrap();
    fs::write(case.tables().join("notes.txt"), b"hello").unwrap();
    assert_found(&case, "notes.txt");
}

#[test]
fn two_swapped_files_are_both_named() {
    let case = warehouse();
    let files = published_files(&case);
    let (a, b) = (fs::read(&files[0].1).unwrap(), fs::read(&files[1].1).unwrap());
    fs::write(&files[0].1, b).unwrap();
    fs::write(&files[1].1, a).unwrap();
    assert_found(&case, &files[0].0);
    assert_found(&case, &files[1].0);
}

#[test]
fn a_damaged_or_lost_archived_report_is_named() {
    let case = warehouse();
    let archived = archived_reports(&case);
    assert_eq!(archived.len(), 2);
    for (name, path) in archived {
        let length = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
        let shown = format!("archive/{name}");
        assert_flips_are_found(&case, &shown, &path, &[length / 2, length - 5]);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..length / 2]).unwrap();
        assert_found(&case, &shown);
        fs::remove_file(&path).unwrap();
        assert_found(&case, &shown);
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn tables_that_point_at_no_snapshot_are_named() {
    let case = warehouse();
    fs::remove_file(case.tables()).unwrap();
    std::os::unix::fs::symlink("/nowhere", case.tables()).unwrap();
    let outcome = case.verify();
    assert_ne!(outcome.code, 0, "{outcome:?}");
    assert!((outcome.stdout + &outcome.stderr).contains("tables"));
}

#[test]
fn a_run_on_a_damaged_archive_publishes_nothing_and_names_the_file() {
    let case = warehouse();
    let before = case.published();
    let (name, path) = archived_reports(&case).swap_remove(0);
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    case.put("spotify/more.tsv", good_report("2026-09-02", 300..310));
    case.put("spotify/other.tsv", good_report("2026-09-03", 300..310));
    case.nightly(&[]).expect_code(1).expect_stderr(&name);
    assert_eq!(case.published(), before);
}

#[test]
fn a_run_keeps_a_damaged_date_beside_a_new_one_and_a_backfill_mends_it() {
    let case = warehouse();
    let (_, path) = published_files(&case).pop().unwrap();
    let whole = fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 0x01;
    fs::write(&path, damaged).unwrap();
    case.put("spotify/c.tsv", good_report("2026-09-04", 0..30));
    let before = case.published();
    case.nightly(&[]).expect_code(0);
    assert_found(&case, path.file_name().unwrap().to_str().unwrap());
    let n_new = case.published().keys().filter(|name| !before.contains_key(*name)).count();
    // The new date of `plays` and of `trends_daily`, and tables of all reports.
    assert!(4 <= n_new, "{:?}", case.published());

    let mut backfill = nightly_arguments(&["--from", "2026-09", "--to", "2026-09"]);
    backfill[0] = "backfill";
    backfill
        .retain(|argument| !["--as-of", "2026-10-01", "--fail-on", "rejects"].contains(argument));
    case.run(&backfill).expect_code(0);
    let mended = case.tables().join("trends_daily/store=spotify/month=2026-09");
    assert_eq!(fs::read(mended.join(path.file_name().unwrap())).unwrap(), whole);
    case.nightly_verified(0);
}

/// A warehouse with a list of offline plays, statements and bad rows.
fn rich_warehouse() -> Case {
    let case = Case::new();
    case.own_pipelines();
    let mut rows = lines("2026-09-02", 0..150);
    rows.push(line("2026-09-02", 1).with("stream_length", "x"));
    rows.push(offline("2026-09-02", 3));
    case.put("spotify/a.tsv", report(&rows));
    case.put("spotify/bad.tsv", "not a report\n");
    for (name, path) in files_of(&repository().join("fixtures/formats/cdbaby/in")) {
        case.put(&name, fs::read(path).unwrap());
    }
    case.nightly(&[]);
    case.verify().expect_code(0);
    case
}

/// A play heard offline on 1 September, minute `n`.
fn offline(counted: &str, n: usize) -> crate::report::Line {
    line(counted, n)
        .with("stream_cached", "true")
        .with("offline_timestamp", format!("2026-09-01T10:{n:02}:00Z"))
}

fn flip(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[offset] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// The backfill that `verify` advises, as a person copies it.
#[track_caller]
fn advised_backfill(case: &Case) -> Vec<String> {
    let stdout = case.verify().expect_code(1).stdout;
    let command = stdout.split('`').find(|text| text.starts_with("streamledger backfill"));
    assert!(command.is_some(), "no backfill is advised: {stdout}");
    command.unwrap().split(' ').skip(1).map(ToOwned::to_owned).collect()
}

#[test]
fn what_verify_advises_puts_every_damaged_table_right() {
    let case = rich_warehouse();
    let before = case.published();
    let mut names: Vec<String> = before.keys().map(|name| format!("tables/{name}")).collect();
    let snapshot = || {
        let tables = fs::read_link(case.tables()).unwrap();
        case.path("warehouse").join(tables.parent().unwrap())
    };
    let lists = files_of(&snapshot().join("offline"));
    assert_eq!(lists.len(), 1);
    names.extend(lists.iter().map(|(name, _)| format!("offline/{name}")));
    let small = ["quarantine/", "reports/", "coverage/", "sales_monthly/"];
    assert!(small.iter().all(|table| before.keys().any(|name| name.starts_with(table))));
    for name in names {
        let path = snapshot().join(&name);
        flip(&path, usize::try_from(fs::metadata(&path).unwrap().len()).unwrap() / 2);
        let command = advised_backfill(&case);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let outcome = case.run(&[&command[..], &["--listener-key-file", "key"]].concat());
        outcome.expect_code(0).expect_stdout("were damaged and are whole again");
        case.verify().expect_code(0);
        assert_eq!(case.published(), before, "{name}");
    }
}

#[test]
fn what_verify_advises_puts_a_damaged_archive_right() {
    let case = rich_warehouse();
    let before = case.published();
    for is_changed in [true, false] {
        let archive = archived_reports(&case);
        for (_, path) in archive {
            if is_changed {
                flip(&path, 20);
                case.verify().expect_code(1).expect_stdout("put the report into the inbox again");
            }
            fs::remove_file(path).unwrap();
        }
        case.verify().expect_code(1);
        // The inbox still has them, as they were.
        case.nightly(&[]);
        case.verify().expect_code(0);
        assert_eq!(case.published(), before);
    }
}

/// A wrong byte of the list of a date would make a later date count a play that it has already.
#[test]
fn a_damaged_list_of_offline_plays_lets_no_play_be_counted_twice_and_is_made_anew() {
    let counted = |day: &str, minutes: &[usize]| {
        let mut rows = lines(day, 100..110);
        rows.extend(minutes.iter().map(|minute| offline(day, *minute)));
        report(&rows)
    };
    let first = ("spotify/streams-2026-09-02.tsv", counted("2026-09-02", &[1, 2]));
    let second = ("spotify/streams-2026-09-05.tsv", counted("2026-09-05", &[1, 3]));
    let restated = ("spotify/streams-2026-09-02_v2.tsv", counted("2026-09-02", &[2, 3]));
    // What comes after the damage, with what was there before it.
    for (before, after) in [(vec![&first], &second), (vec![&first, &second], &restated)] {
        let sound = Case::new();
        before.iter().chain([&after]).for_each(|(name, bytes)| sound.put(name, bytes));
        sound.nightly_verified(0);
        for (damage, date) in [("flip", "02"), ("flip", "05"), ("gone", "02")] {
            let case = Case::new();
            before.iter().for_each(|(name, bytes)| case.put(name, bytes));
            case.nightly_verified(0);
            let lists = files_of(&case.path("warehouse/internal/snapshots/000001/offline"));
            let of_date = |(name, _): &&(String, PathBuf)| name.contains(&format!("-{date}-"));
            let Some((_, list)) = lists.iter().find(of_date) else {
                continue;
            };
            match damage {
                "flip" => {
                    flip(list, usize::try_from(fs::metadata(list).unwrap().len()).unwrap() - 1)
                }
                _ => fs::remove_file(list).unwrap(),
            }
            case.put(after.0, &after.1);
            let run = case.nightly(&["-v"]).expect_code(0);
            assert!(date == "05" || run.stderr.contains("rebuilt"), "{}", run.stderr);
            assert_eq!(case.published(), sound.published(), "{damage} {date}");
            if date == "02" {
                case.verify().expect_code(0);
            }
        }
    }
}
