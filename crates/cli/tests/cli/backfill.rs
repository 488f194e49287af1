//! Months rebuilt from the archive: the same to the byte, or judged by other numbers, and what that
//! changes.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;

use crate::case::{Case, Outcome, files_of, nightly_arguments, repository};
use crate::decisions::accept_if_proposed;
use crate::report::{Line, good_report, line, report};

/// 45 and 60 plays of one track by one listener in a day.
pub(crate) fn loops(day: &str) -> Vec<u8> {
    let fan = |name: &str, n: usize| -> Line {
        line(day, n)
            .with("customer_id", name)
            .with("track_id", "t")
            .with("isrc", "ZZSL12600001")
            .with("stream_length", format!("{}", 100 + n))
    };
    let rows: Vec<Line> =
        (0..45).map(|n| fan("anna", n)).chain((0..60).map(|n| fan("bert", n))).collect();
    report(&rows)
}

/// Two plays of August.
const SOUNDCLOUD: &str = "reporting_start_date\tisrc\tcountry\ttrack_id\tclient_application\t\
    operating_system\tplay_length\ttrack_favorited\ttrack_reposted_shared\n\
    2026-08-01 17:18:10.040+00\tGBXY12600001\tGB\t900\tapp\tios\t31000\t0\t0\n\
    2026-08-01 23:59:59.999+00\t\tGB\t901\tapp\tios\t1500\t0\t0\n";

/// Puts reports of three months into an inbox; returns how many.
fn fill_inbox(case: &Case) -> usize {
    case.put("spotify/2026-07.tsv", good_report("2026-07-15", 0..20));
    case.put("spotify/2026-08.tsv", loops("2026-08-15"));
    case.put("spotify/2026-08-b.tsv", good_report("2026-08-15", 300..310));
    case.put("spotify/2026-09.tsv", loops("2026-09-15"));
    case.put("soundcloud/Streamlevelreport_20260801.tsv", SOUNDCLOUD);
    for (file, path) in files_of(&repository().join("fixtures/formats/cdbaby/in")) {
        case.put(&file, fs::read(path).unwrap());
    }
    files_of(&case.path("inbox")).len()
}

/// A warehouse with these reports, whose inbox is gone by now.
fn three_months() -> Case {
    let case = Case::new();
    case.own_pipelines();
    fill_inbox(&case);
    case.nightly(&[]);
    case.verify().expect_code(0);
    fs::remove_dir_all(case.path("inbox")).unwrap();
    case
}

fn backfill(case: &Case, more: &[&str]) -> Outcome {
    let usual = [["--listener-key-file", "key"], ["--from", "2026-07"], ["--to", "2026-09"]];
    let not_given = usual.iter().filter(|[option, _]| !more.contains(option)).flatten().copied();
    let arguments: Vec<&str> =
        ["backfill"].into_iter().chain(not_given).chain(more.iter().copied()).collect();
    case.run(&arguments)
}

/// 40 instead of 50 plays of a track in a day.
fn stricter(case: &Case) {
    let text = fs::read_to_string(case.path("pipelines/policies/default.toml")).unwrap();
    let at = text.find("[repeater]").unwrap();
    let (before, after) = text.split_at(at);
    let after = after.replacen("plays_min = 50", "plays_min = 40", 1);
    fs::write(case.path("stricter.toml"), before.to_owned() + &after).unwrap();
}

fn snapshot(case: &Case) -> String {
    let target = fs::read_link(case.tables()).unwrap();
    target.to_string_lossy().into_owned()
}

#[test]
fn months_that_are_made_anew_are_the_same_to_the_byte() {
    let case = three_months();
    let (before, at) = (case.published(), snapshot(&case));
    let outcome = backfill(&case, &[]).expect_code(0);
    outcome.expect_stdout("Everything is as it was, to the byte");
    assert_eq!((case.published(), snapshot(&case)), (before, at));
    case.verify().expect_code(0);
    assert!(!case.path("warehouse/internal/backfill").exists());
}

#[test]
fn a_damaged_file_is_mended() {
    let case = three_months();
    let before = case.published();
    let month = case.tables().join("plays/store=spotify/month=2026-08/date=2026-08-15");
    let (_, file) = files_of(&month).into_iter().next().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes[100] ^= 1;
    fs::write(&file, bytes).unwrap();
    case.verify().expect_code(1);
    let outcome = backfill(&case, &["--from", "2026-08", "--to", "2026-08"]).expect_code(0);
    outcome.expect_stdout("1 partitions were damaged and are whole again");
    case.verify().expect_code(0);
    assert_eq!(case.published(), before);
}

#[test]
fn a_preview_tells_what_another_policy_would_change_and_publishes_nothing() {
    let case = three_months();
    stricter(&case);
    let (before, at) = (case.published(), snapshot(&case));
    let preview = backfill(&case, &["--policy", "stricter.toml", "--preview", "--format", "json"]);
    let changed: serde_json::Value = serde_json::from_str(&preview.expect_code(0).stdout).unwrap();
    let line = |row: &serde_json::Value| {
        let text = |name: &str| row[name].to_string().trim_matches('"').to_owned();
        ["table", "store", "month", "what", "measure", "before", "after", "difference"]
            .map(text)
            .join("|")
    };
    let lines: Vec<String> = changed["changes"].as_array().unwrap().iter().map(line).collect();
    let expected = [
        "trends_daily|spotify|2026-08|counted|plays|55|10|-45",
        "trends_daily|spotify|2026-08|held repeater|plays|60|105|45",
        "trends_daily|spotify|2026-09|counted|plays|45|0|-45",
        "trends_daily|spotify|2026-09|held repeater|plays|60|105|45",
        "waterfall|spotify|2026-08|counted|plays|55|10|-45",
        "waterfall|spotify|2026-08|held_repeater|plays|-60|-105|-45",
        "waterfall|spotify|2026-08|not_yet_in_sales|plays|-55|-10|45",
    ];
    let plays: Vec<&String> = lines.iter().filter(|line| line.contains("|plays|")).collect();
    assert_eq!(plays, expected);
    assert_eq!((case.published(), snapshot(&case)), (before, at));
    let left = files_of(&case.path("warehouse/internal/staging"));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn months_judged_by_another_policy_stay_so_until_they_are_judged_by_another_one() {
    let case = three_months();
    stricter(&case);
    let before = case.published();
    let month = ["--from", "2026-08", "--to", "2026-08"];
    let with_policy = [&month[..], &["--policy", "stricter.toml"]].concat();
    backfill(&case, &with_policy).expect_code(0).expect_stdout("held repeater");
    case.verify().expect_code(0);
    let judged = case.published();
    let differs = |path: &&String| judged.get(*path) != before.get(*path);
    let changed: Vec<&String> = judged.keys().filter(differs).collect();
    assert!(!changed.is_empty() && changed.iter().all(|path| path.contains("month=2026-08")));
    // A run leaves that as it is.
    fs::create_dir(case.path("inbox")).unwrap();
    case.nightly(&[]).expect_code(0).expect_stdout("Nothing new, nothing published.");
    // A late report is judged by the month's own policy.
    case.put("spotify/late.tsv", loops("2026-08-16"));
    case.nightly_verified(0);
    let held = |date: &str| {
        let rows = case.cells("plays", ["date", "reason"]);
        rows.iter().filter(|[of, reason]| of == date && reason == "repeater").count()
    };
    assert_eq!((held("2026-08-15"), held("2026-08-16"), held("2026-09-15")), (105, 105, 60));
    // Rebuilt without a policy, they are judged as was decided.
    let outcome = backfill(&case, &month).expect_code(0);
    outcome.expect_stdout("Everything is as it was, to the byte");
    let first = ["--policy", "pipelines/policies/default.toml"];
    backfill(&case, &[&month[..], &first].concat()).expect_code(0);
    case.verify().expect_code(0);
    assert_eq!((held("2026-08-15"), held("2026-08-16")), (60, 60));
    let after = case.published();
    let august = |path: &&String| path.contains("date=2026-08-15");
    for path in before.keys().filter(august) {
        assert_eq!(after.get(path), before.get(path), "{path}");
    }
    // The pipeline's own policy is what it is.
    assert!(case.path("stricter.toml").exists());
}

#[test]
fn when_the_pipeline_takes_over_the_policy_nothing_is_left_to_do_for_the_month() {
    let case = three_months();
    stricter(&case);
    backfill(&case, &["--policy", "stricter.toml"]).expect_code(0);
    fs::copy(case.path("stricter.toml"), case.path("pipelines/policies/default.toml")).unwrap();
    fs::create_dir(case.path("inbox")).unwrap();
    let pipeline = ["--pipeline", "pipelines/nightly.toml"];
    let outcome = case.nightly(&pipeline).expect_code(0);
    accept_if_proposed(&case, &outcome, &pipeline);
    case.verify().expect_code(0);
    let by_runs = Case::new();
    by_runs.own_pipelines();
    fs::copy(case.path("stricter.toml"), by_runs.path("pipelines/policies/default.toml")).unwrap();
    assert_eq!(case.n_rows("reports"), fill_inbox(&by_runs));
    by_runs.nightly(&pipeline);
    assert_eq!(case.published(), by_runs.published());
}

#[test]
fn one_store_is_made_anew_alone() {
    let case = three_months();
    let plan = backfill(&case, &["--store", "soundcloud", "--dry-run"]).expect_code(0);
    let plan = plan.expect_stdout("plays/store=soundcloud");
    assert!(!plan.stdout.contains("store=spotify"), "{}", plan.stdout);
    backfill(&case, &["--store", "soundcloud"]).expect_code(0);
    case.verify().expect_code(0);
}

#[test]
fn what_cannot_be_done_says_what_to_do() {
    let case = three_months();
    let at = snapshot(&case);
    let rejected = |more: &[&str], code: i32, text: &str| {
        backfill(&case, more).expect_code(code).expect_stderr(text);
        assert_eq!(snapshot(&case), at);
    };
    rejected(&["--from", "2026-10", "--to", "2026-09"], 2, "is after --to");
    rejected(&["--from", "2026-13", "--to", "2026-14"], 2, "a month such as 2026-09");
    rejected(&["--from", "2020-01", "--to", "2020-02"], 2, "nothing from 2020-01 to 2020-02");
    rejected(&["--store", "nobody"], 2, "nothing of nobody");
    rejected(&["--policy", "none.toml"], 2, "none.toml");
    rejected(&["--preview", "--dry-run"], 2, "cannot be used with");
    // Settings by which reports are read have changed.
    case.replace("pipelines/stores/spotify.toml", "premium = \"premium\"", "premium = \"family\"");
    rejected(&["--pipeline", "pipelines/nightly.toml"], 2, "run `streamledger nightly` first");
    let empty = Case::new();
    empty.own_pipelines();
    backfill(&empty, &[]).expect_code(2).expect_stderr("is no warehouse");
}

#[test]
fn a_report_that_is_gone_from_the_archive_stops_it_and_is_named() {
    let case = three_months();
    let before = case.published();
    let archived = files_of(&case.path("warehouse/internal/archive"));
    for (_, path) in &archived {
        fs::remove_file(path).unwrap();
    }
    let outcome = backfill(&case, &[]).expect_code(1);
    outcome.expect_stderr("warehouse/internal/archive/");
    assert_eq!(case.published(), before);
}

#[test]
fn memory_and_threads_make_no_difference() {
    let case = three_months();
    stricter(&case);
    let mut published = Vec::new();
    for options in [&["--memory-limit", "64KiB"][..], &["--threads", "1"], &[]] {
        backfill(&case, &[&["--policy", "stricter.toml"], options].concat()).expect_code(0);
        published.push(case.published());
        backfill(&case, &["--policy", "pipelines/policies/default.toml"]).expect_code(0);
    }
    assert!(published.iter().all(|tables| *tables == published[0]));
}

/// Killed again and again, it does not do finished dates twice, and comes to the same end.
#[test]
fn an_interrupted_backfill_goes_on_where_it_was() {
    let case = Case::new();
    case.own_pipelines();
    for day in 1..=24 {
        let date = format!("2026-08-{day:02}");
        case.put(&format!("spotify/{date}.tsv"), good_report(&date, 0..4000));
    }
    let nightly = nightly_arguments(&[]);
    case.run(&nightly).expect_code(0);
    stricter(&case);
    let arguments = [
        "backfill",
        "--listener-key-file",
        "key",
        "--from",
        "2026-08",
        "--to",
        "2026-08",
        "--policy",
        "stricter.toml",
        "--format",
        "json",
        "--threads",
        "1",
    ];
    let mut kept_most = 0;
    let done = |case: &Case| {
        let kept = files_of(&case.path("warehouse/internal/backfill"));
        kept.iter().filter(|(name, _)| name.ends_with("done.json")).count()
    };
    for _ in 0..40 {
        let mut child =
            case.command(&arguments).stdout(std::process::Stdio::null()).spawn().unwrap();
        let before = done(&case);
        // Until it has finished one more date.
        let start = std::time::Instant::now();
        while done(&case) <= before
            && start.elapsed().as_secs() < 20
            && child.try_wait().unwrap().is_none()
        {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let now = done(&case);
        assert!(before <= now || now == 0, "{before} {now}");
        kept_most = kept_most.max(now);
        if 12 <= now {
            break;
        }
    }
    assert!(0 < kept_most, "no date was kept");
    let outcome = case.run(&arguments).expect_code(0);
    assert!(outcome.number("taken over from an interrupted backfill") >= 1, "{outcome:?}");
    assert!(outcome.number("archived reports read") < 24, "{outcome:?}");
    case.verify().expect_code(0);
    assert!(!case.path("warehouse/internal/backfill").exists());
    let resumed = case.published();
    backfill(&case, &["--policy", "pipelines/policies/default.toml"]).expect_code(0);
    backfill(&case, &["--policy", "stricter.toml"]).expect_code(0);
    assert_eq!(case.published(), resumed);
}

#[test]
fn another_listener_key_is_rejected_and_named() {
    let case = three_months();
    let before = case.published();
    fs::write(case.path("other"), [8; 32]).unwrap();
    let outcome = backfill(&case, &["--listener-key-file", "other"]).expect_code(2);
    outcome.expect_stderr("this is not the listener key that the tables were made with");
    assert_eq!(case.published(), before);
}

/// On a terminal, here one that Python makes.
#[test]
fn a_backfill_draws_a_bar_on_a_terminal_and_clears_it_away() {
    let case = three_months();
    let script = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
    let output = std::process::Command::new(crate::python::python())
        .args(["-c", script, crate::case::PROGRAM, "backfill", "--listener-key-file", "key"])
        .args(["--from", "2026-07", "--to", "2026-09"])
        .current_dir(case.path(""))
        .env("TERM", "xterm")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("reading reports") && shown.contains(" %"), "{shown}");
    assert!(shown.contains("Everything is as it was, to the byte"), "{shown}");
}
