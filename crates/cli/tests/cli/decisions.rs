//! Decisions: edited numbers judge nothing until somebody has accepted them, and a fresh warehouse with
//! the same reports, settings and decisions has the same bytes.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::backfill::loops;
use crate::case::{Case, Outcome, copy_tree, files_of, nightly_arguments};
use crate::report::{good_report, line, lines, report};

const PIPELINE: [&str; 2] = ["--pipeline", "pipelines/nightly.toml"];
const POLICY: &str = "pipelines/policies/default.toml";
const SPOTIFY: &str = "pipelines/stores/spotify.toml";
const CALENDAR: &str = "pipelines/calendar.toml";

/// An edit of a number that judges: file, text, other text; and whether it changes a figure of
/// [`two_months`].
const EDITS: [(&str, &str, &str, bool); 8] = [
    (POLICY, "plays_min = 50\n", "plays_min = 40\n", true),
    (POLICY, "[repeater]\naction = \"hold\"", "[repeater]\naction = \"exclude\"", true),
    (POLICY, "plays_max = 2_880", "plays_max = 2_881", false),
    (SPOTIFY, "played_ms = 30_000", "played_ms = 45_000", true),
    (SPOTIFY, "rounded_to_s = 900", "rounded_to_s = 60", true),
    (SPOTIFY, "plays_min = 1_000", "plays_min = 20", true),
    (CALENDAR, "due_after = { days = 60 }", "due_after = { days = 70 }", true),
    (CALENDAR, "due_after = { months = 4 }", "due_after = { months = 5 }", false),
];

/// Reports of two months that are over. Of August 45 plays of a loop count and 60 are held, 40 others
/// count, and of three that look the same two: so many fit a step of the store's clock.
fn two_months(case: &Case) {
    case.put("spotify/2026-07.tsv", good_report("2026-07-15", 0..20));
    case.put("spotify/2026-08.tsv", loops("2026-08-15"));
    let mut rows = lines("2026-08-16", 0..40);
    rows.extend((0..3).map(|_| line("2026-08-16", 50).with("stream_length", "450")));
    rows.push(line("2026-08-16", 51).with("stream_length", "12"));
    case.put("spotify/2026-08-16.tsv", report(&rows));
}

fn own_case() -> Case {
    let case = Case::new();
    case.own_pipelines();
    two_months(&case);
    case
}

fn run(case: &Case, more: &[&str]) -> Outcome {
    case.nightly(&[&PIPELINE, more].concat())
}

/// Nothing is left to do, and what is published holds together.
#[track_caller]
fn assert_settled(case: &Case) {
    case.verify().expect_code(0);
    run(case, &[]).expect_code(0).expect_stdout("Nothing new, nothing published.");
}

fn decisions_of(case: &Case) -> Vec<(String, PathBuf)> {
    files_of(&case.path("warehouse/internal/decisions"))
}

/// What a fresh warehouse with the reports, settings and decisions of another one publishes.
fn fresh(case: &Case) -> BTreeMap<String, String> {
    let fresh = Case::new();
    copy_tree(&case.path("inbox"), &fresh.path("inbox"));
    copy_tree(&case.path("pipelines"), &fresh.path("pipelines"));
    copy_tree(&case.path("warehouse/internal/decisions"), &fresh.path("decided"));
    run(&fresh, &["--decisions", "decided"]).expect_code(0);
    fresh.verify().expect_code(0);
    assert!(!fresh.path("warehouse/internal/decisions").exists());
    fresh.published()
}

/// The hash in the command that accepts the proposal of a run.
#[track_caller]
fn proposed(outcome: &Outcome) -> String {
    let found = outcome.stdout.split_once("--accept-restatement ");
    assert!(found.is_some(), "no proposal in:\n{}\n{}", outcome.stdout, outcome.stderr);
    let (_, rest) = found.unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

/// Accepts what a run proposes, if it does.
#[track_caller]
pub(crate) fn accept_if_proposed(case: &Case, outcome: &Outcome, options: &[&str]) {
    if outcome.stdout.contains("--accept-restatement ") {
        let hash = proposed(outcome);
        case.nightly(&[options, &["--accept-restatement", &hash]].concat()).expect_code(0);
    }
}

#[test]
fn the_first_run_writes_the_first_settings_and_later_runs_none() {
    let case = own_case();
    run(&case, &["--dry-run"]).expect_code(0);
    assert_eq!(decisions_of(&case).len(), 0);
    run(&case, &[]).expect_code(0);
    assert_settled(&case);
    case.put("spotify/2026-09.tsv", good_report("2026-09-15", 0..20));
    run(&case, &[]).expect_code(0);
    let decisions = decisions_of(&case);
    assert_eq!(decisions.len(), 1);
    let entry: serde_json::Value =
        serde_json::from_slice(&fs::read(&decisions[0].1).unwrap()).unwrap();
    assert_eq!(entry["kind"], "settings");
    assert_eq!((&entry["months"], &entry["by"]), (&"all".into(), &"streamledger".into()));
    assert_eq!(entry["numbers"]["stores"]["spotify"]["minimum"]["played_ms"], 30_000);
    assert_eq!(fresh(&case), case.published());
}

/// The whole life of an edit, for every kind of number that judges.
#[test]
fn edited_numbers_change_no_figure_until_they_are_accepted() {
    for (file, from, to, changes) in EDITS {
        let case = own_case();
        run(&case, &[]).expect_code(0);
        let before = case.published();
        case.replace(file, from, to);
        let outcome = run(&case, &[]).expect_code(0);
        if !changes {
            // It is accepted by itself, and what it says besides is what a fresh warehouse says.
            outcome.expect_stdout("changes no published figure, so they are accepted");
            assert_eq!(decisions_of(&case).len(), 2, "{to}");
            assert_settled(&case);
            assert_eq!(fresh(&case), case.published(), "{to}");
            continue;
        }
        let hash = proposed(&outcome);
        assert!(outcome.stdout.contains("Edited numbers"), "{to}: {}", outcome.stdout);
        assert_eq!(case.published(), before, "{to}");
        // A month that is new is judged by the accepted numbers too.
        case.put("spotify/2026-09.tsv", loops("2026-09-15"));
        let outcome = run(&case, &[]).expect_code(0);
        assert_eq!(proposed(&outcome), hash);
        let unedited = own_case();
        unedited.put("spotify/2026-09.tsv", loops("2026-09-15"));
        run(&unedited, &[]).expect_code(0);
        assert_eq!(case.published(), unedited.published(), "{to}");
        assert_eq!(fresh(&case), case.published(), "{to}");
        let again = run(&case, &[]).expect_code(0).expect_stdout("Nothing new");
        assert_eq!(proposed(&again), hash);
        // Accepted, it is as if it had been the first.
        let accepted = run(&case, &["--accept-restatement", &hash, "--why", "w", "--by", "anna"]);
        assert!(!accepted.expect_code(0).stdout.contains("--accept-restatement"));
        assert_settled(&case);
        assert_ne!(case.published(), unedited.published(), "{to}");
        unedited.replace(file, from, to);
        fs::remove_dir_all(unedited.path("warehouse")).unwrap();
        run(&unedited, &[]).expect_code(0);
        assert_eq!(case.published(), unedited.published(), "{to}");
        assert_eq!(fresh(&case), case.published(), "{to}");
        let entry = fs::read_to_string(&decisions_of(&case).last().unwrap().1).unwrap();
        assert!(
            entry.contains("\"by\": \"anna\"") && entry.contains("\"reason\": \"w\""),
            "{entry}"
        );
    }
}

#[test]
fn what_a_proposal_would_change_is_told_by_month_and_computed_once() {
    let case = own_case();
    run(&case, &[]).expect_code(0);
    case.replace(POLICY, "plays_min = 50\n", "plays_min = 40\n");
    let told = |outcome: &Outcome| {
        let document: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        let rows = document["proposed_changes"].as_array().unwrap().clone();
        let edits = document["edits"].as_array().unwrap().clone();
        assert_eq!(edits.len(), 1);
        assert_eq!(edits[0]["edited"], "policy.repeater.plays_min");
        let text = |row: &serde_json::Value, name: &str| row[name].to_string().replace('"', "");
        let names = ["table", "month", "what", "measure", "before", "after"];
        let line = |row| names.map(|name| text(row, name)).join("|");
        rows.iter().map(line).collect::<Vec<_>>()
    };
    let json = ["--format", "json"];
    let first = told(&run(&case, &json).expect_code(0));
    for line in [
        "trends_daily|2026-08|counted|plays|87|42",
        "trends_daily|2026-08|held repeater|plays|60|105",
        "waterfall|2026-08|held_repeater|plays|-60|-105",
    ] {
        assert!(first.iter().any(|found| found == line), "no {line} in {first:#?}");
    }
    assert!(first.iter().all(|line| line.contains("|2026-08|")), "{first:#?}");
    let kept = files_of(&case.path("warehouse/internal/proposals"));
    assert_eq!(kept.len(), 1);
    let written = fs::metadata(&kept[0].1).unwrap().modified().unwrap();
    assert_eq!(told(&run(&case, &json).expect_code(0)), first);
    assert_eq!(fs::metadata(&kept[0].1).unwrap().modified().unwrap(), written);
    // The edit is taken back, and all is as if it had not been.
    case.replace(POLICY, "plays_min = 40\n", "plays_min = 50\n");
    let outcome = run(&case, &[]).expect_code(0);
    assert!(!outcome.stdout.contains("edited"), "{}", outcome.stdout);
    assert_eq!(files_of(&case.path("warehouse/internal/proposals")).len(), 0);
    assert_eq!(decisions_of(&case).len(), 1);
    assert!(
        !case.path("warehouse/internal/previews").exists()
            || files_of(&case.path("warehouse/internal/previews")).is_empty()
    );
}

#[test]
fn a_proposal_whose_effect_cannot_be_computed_stops_nothing() {
    let case = own_case();
    run(&case, &[]).expect_code(0);
    for (_, path) in files_of(&case.path("warehouse/internal/archive")) {
        fs::remove_file(path).unwrap();
    }
    fs::remove_dir_all(case.path("inbox")).unwrap();
    case.put("spotify/2026-09.tsv", good_report("2026-09-15", 0..20));
    case.replace(POLICY, "plays_min = 50\n", "plays_min = 40\n");
    let outcome = run(&case, &[]).expect_code(0).expect_stdout("Published snapshot 2.");
    let outcome = outcome.expect_stdout("could not be computed: cannot look at");
    proposed(&outcome);
    case.verify();
}

#[test]
fn only_the_proposal_that_is_there_can_be_accepted() {
    let case = own_case();
    run(&case, &[]).expect_code(0);
    let rejected = |hash: &str, text: &str| {
        run(&case, &["--accept-restatement", hash]).expect_code(2).expect_stderr(text);
        assert_eq!(decisions_of(&case).len(), 1);
    };
    rejected("0123456789abcdef", "the pipeline proposes nothing");
    case.replace(POLICY, "plays_min = 50\n", "plays_min = 40\n");
    let hash = proposed(&run(&case, &[]));
    rejected("0123456789abcdef", "the settings of the pipeline are");
    rejected(&hash[..7], "at least 8 digits");
    // Edited once more, it is another one.
    case.replace(POLICY, "plays_min = 40\n", "plays_min = 41\n");
    rejected(&hash, "the settings of the pipeline are");
    case.replace(POLICY, "plays_min = 41\n", "plays_min = 40\n");
    run(&case, &["--accept-restatement", &hash[..8]]).expect_code(0);
    // Once more after an interruption: nothing is decided twice.
    run(&case, &["--accept-restatement", &hash]).expect_code(0).expect_stdout("Nothing new");
    assert_eq!(decisions_of(&case).len(), 2);
}

#[test]
fn decisions_that_are_lost_edited_or_misplaced_stop_a_run() {
    let case = own_case();
    run(&case, &[]).expect_code(0);
    let before = case.published();
    let stops = |more: &[&str], text: &str| {
        run(&case, more).expect_code(2).expect_stderr(text);
        let month =
            ["backfill", "--from", "2026-08", "--to", "2026-08", "--listener-key-file", "key"];
        if !more.contains(&"inbox/decisions") {
            case.run(&[&month[..], &PIPELINE, more].concat()).expect_code(2).expect_stderr(text);
        }
        assert_eq!(case.published(), before);
    };
    stops(&["--decisions", "elsewhere"], "put them back from a backup, or name their folder");
    stops(&["--decisions", "inbox/decisions"], "cannot lie in the inbox");
    let (name, path) = decisions_of(&case).pop().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("30000", "10000")).unwrap();
    stops(&[], "was changed after it was written");
    fs::write(&path, &text[..100]).unwrap();
    stops(&[], &name);
    fs::write(&path, &text).unwrap();
    fs::write(case.path("warehouse/internal/decisions/readme.txt"), "").unwrap();
    stops(&[], "readme.txt");
    fs::remove_file(case.path("warehouse/internal/decisions/readme.txt")).unwrap();
    fs::remove_file(&path).unwrap();
    stops(&[], &name);
    fs::write(&path, &text).unwrap();
    assert_settled(&case);
}

#[test]
fn a_store_that_is_new_needs_nobody_and_its_numbers_stay_from_then_on() {
    let case = own_case();
    let file = "pipelines/stores/soundcloud.toml";
    let text = fs::read_to_string(case.path(file)).unwrap();
    fs::remove_file(case.path(file)).unwrap();
    case.replace(POLICY, "plays_max = 2_880", "plays_max = 2_879");
    run(&case, &[]).expect_code(0);
    // Beside an edit of other numbers, which is none of its business.
    case.replace(POLICY, "plays_min = 50\n", "plays_min = 40\n");
    let hash = proposed(&run(&case, &[]).expect_code(0));
    fs::write(case.path(file), &text).unwrap();
    case.put(
        "soundcloud/Streamlevelreport_20260801.tsv",
        "reporting_start_date\tisrc\tcountry\ttrack_id\tclient_application\toperating_system\t\
         play_length\ttrack_favorited\ttrack_reposted_shared\n\
         2026-08-01 17:18:10.040+00\tGBXY12600001\tGB\t900\tapp\tios\t31000\t0\t0\n",
    );
    let outcome = run(&case, &[]).expect_code(0);
    assert_ne!(proposed(&outcome), hash, "the proposal has the new store too");
    assert_eq!(decisions_of(&case).len(), 2);
    let before = case.published();
    assert!(before.keys().any(|path| path.starts_with("plays/store=soundcloud/")));
    assert_eq!(fresh(&case), before);
    // From then on they are as any others, also where the file is away in between.
    case.replace(POLICY, "plays_min = 40\n", "plays_min = 50\n");
    fs::remove_file(case.path(file)).unwrap();
    fs::remove_dir_all(case.path("inbox/soundcloud")).unwrap();
    run(&case, &[]);
    fs::write(case.path(file), text.replacen("played_ms = 30_000", "played_ms = 32_000", 1))
        .unwrap();
    case.put(
        "soundcloud/Streamlevelreport_20260801.tsv",
        "reporting_start_date\tisrc\tcountry\ttrack_id\tclient_application\toperating_system\t\
         play_length\ttrack_favorited\ttrack_reposted_shared\n\
         2026-08-01 17:18:10.040+00\tGBXY12600001\tGB\t900\tapp\tios\t31000\t0\t0\n",
    );
    let outcome = run(&case, &[]).expect_code(0);
    assert!(outcome.stdout.contains("stores.soundcloud.minimum.played_ms"), "{}", outcome.stdout);
    assert_eq!(case.published(), before);
}

#[test]
fn status_and_snapshots_name_the_settings_of_months() {
    let case = own_case();
    run(&case, &[]).expect_code(0);
    let status = || {
        let arguments = ["status", "--as-of", "2026-08-20", "--format", "json"];
        let outcome = case.run(&[&arguments[..], &PIPELINE].concat());
        let document: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        document["settings"].clone()
    };
    let base = status()["all"].as_str().unwrap().to_owned();
    assert_eq!((base.len(), status()["months"].as_array().unwrap().len()), (64, 0));
    case.run(&["snapshots", "list"]).expect_code(0).expect_stdout(&base[..8]);
    let stricter = fs::read_to_string(case.path(POLICY)).unwrap();
    let stricter = stricter.replacen("plays_min = 50\n", "plays_min = 40\n", 1);
    fs::write(case.path("stricter.toml"), stricter).unwrap();
    let arguments = "backfill --from 2026-08 --to 2026-08 --policy stricter.toml --listener-key-file \
                     key --why loops --by anna";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    for _ in 0..2 {
        case.run(&[&arguments[..], &PIPELINE].concat()).expect_code(0);
        assert_eq!(decisions_of(&case).len(), 2, "the same is decided once");
    }
    assert_settled(&case);
    let months = status()["months"].clone();
    assert_eq!(months.as_array().unwrap().len(), 1);
    assert_eq!((&months[0]["store"], &months[0]["month"]), (&"spotify".into(), &"2026-08".into()));
    let own = &months[0]["settings"].as_str().unwrap()[..8];
    let list = case.run(&["snapshots", "list"]).expect_code(0);
    list.expect_stdout(&format!("{} (spotify 2026-08: {own})", &base[..8]));
    let text = case.run(&[&["status", "--as-of", "2026-08-20"], &PIPELINE[..]].concat());
    text.expect_stdout("all others");
    // An entry for one month is as much a decision as one for all.
    assert_eq!(fresh(&case), case.published());
}

#[test]
fn the_accepted_calendar_says_what_is_due() {
    let case = own_case();
    run(&case, &[]).expect_code(0);
    let due = || {
        let arguments = ["status", "--as-of", "2026-08-20", "--format", "json"];
        let outcome = case.run(&[&arguments[..], &PIPELINE].concat());
        let document: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        let feeds = document["feeds"].as_array().unwrap().clone();
        let sales = feeds.into_iter().find(|feed| feed["feed"] == "sales").unwrap();
        sales["next_due"].as_str().unwrap().to_owned()
    };
    let before = due();
    case.replace(CALENDAR, "due_after = { days = 60 }", "due_after = { days = 70 }");
    assert_eq!(due(), before);
    let hash = proposed(&run(&case, &[]));
    assert_eq!(due(), before);
    run(&case, &["--accept-restatement", &hash]).expect_code(0);
    assert_ne!(due(), before);
}

#[test]
fn what_cannot_be_accepted_is_named() {
    let case = own_case();
    case.put("spotify/none.tsv", "not a report\n");
    run(&case, &[]).expect_code(4);
    let rejected = |report: &str, text: &str| {
        let arguments = ["accept", report, "--why", "because"];
        case.run(&arguments).expect_code(2).expect_stderr(text);
        assert_eq!(decisions_of(&case).len(), 1);
    };
    rejected("0123456789abcdef", "no report of this warehouse has an id");
    rejected("2026-07.tsv", "at least 16 hex digits");
    for (name, text) in [("none.tsv", "which cannot be accepted"), ("2026-07.tsv", "is active")] {
        let rows = case.cells("reports", ["report", "file"]);
        let [id, _] = rows.iter().find(|[_, file]| file.ends_with(name)).unwrap();
        rejected(&id[..16], text);
    }
    case.run(&["accept", "0123456789abcdef"]).expect_code(2).expect_stderr("--why");
    let elsewhere = ["accept", "0123456789abcdef", "--why", "w", "--warehouse", "none"];
    case.run(&elsewhere).expect_code(2).expect_stderr("is no warehouse");
}

/// Edits, reports, runs, acceptances and months of their own in any order: at any time a fresh warehouse
/// with the same reports, settings and decisions has the same bytes.
#[test]
fn a_history_of_decisions_ends_where_a_fresh_warehouse_begins() {
    for seed in 1..=4_u64 {
        let case = own_case();
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut chance = |n: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        run(&case, &[]).expect_code(0);
        let mut edited = BTreeMap::new();
        for step in 0..7 {
            match chance(4) {
                0 => {
                    let day = format!("2026-0{}-{:02}", 7 + chance(3), 1 + chance(28));
                    let text = if chance(2) == 0 { loops(&day) } else { good_report(&day, 0..30) };
                    case.put(&format!("spotify/{day}-{step}.tsv"), text);
                }
                1 | 2 => {
                    let n = usize::try_from(chance(8)).unwrap();
                    let (file, from, to, _) = EDITS[n];
                    let is_edited: &mut bool = edited.entry(n).or_default();
                    let (from, to) = if *is_edited { (to, from) } else { (from, to) };
                    case.replace(file, from, to);
                    *is_edited = !*is_edited;
                }
                _ => {
                    fs::copy(case.path(POLICY), case.path("own.toml")).unwrap();
                    let month = ["2026-07", "2026-08"][usize::try_from(chance(2)).unwrap()];
                    let arguments = ["backfill", "--from", month, "--to", month];
                    let more = ["--policy", "own.toml", "--listener-key-file", "key"];
                    case.run(&[&arguments[..], &more, &PIPELINE].concat()).expect_code(0);
                }
            }
            let outcome = run(&case, &[]).expect_code(0);
            if chance(2) == 0 && outcome.stdout.contains("--accept-restatement") {
                let hash = proposed(&outcome);
                run(&case, &["--accept-restatement", &hash]).expect_code(0);
            }
        }
        case.verify().expect_code(0);
        assert_eq!(fresh(&case), case.published(), "seed {seed}");
    }
}

/// The arguments are those of all other tests.
#[test]
fn a_decision_says_with_the_first_settings_who_made_it() {
    let case = own_case();
    let mut arguments = nightly_arguments(&PIPELINE);
    arguments.extend(["--decisions", "decided/here"]);
    case.run(&arguments).expect_code(0);
    let found = files_of(&case.path("decided/here"));
    assert_eq!(found.len(), 1);
    let name = Path::new(&found[0].0).file_stem().unwrap().to_str().unwrap().to_owned();
    let parts: Vec<&str> = name.split('-').collect();
    assert_eq!((parts.len(), parts[1], parts[2].len()), (3, "settings", 8), "{name}");
    assert_eq!(parts[0].len(), "20261129T211500.123456Z".len());
}
