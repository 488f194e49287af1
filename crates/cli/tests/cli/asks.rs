//! The hand-made case `fixtures/artist-asks`: what explain, status and the tables say is what was worked
//! out on paper.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;

use crate::case::{Case, copy_tree, nightly_arguments, repository};

pub(crate) const FIXTURE: &str = "fixtures/artist-asks";

/// The first day that is asked about, and the one on which more has come.
pub(crate) const DAY: &str = "2026-10-07";
const LATER: &str = "2026-10-25";

pub(crate) fn pipeline() -> String {
    let path = repository().join(FIXTURE).join("pipeline/nightly.toml");
    path.to_string_lossy().into_owned()
}

/// A warehouse of the first inbox.
pub(crate) fn asked() -> Case {
    let case = Case::new();
    copy_tree(&repository().join(FIXTURE).join("in"), &case.path("inbox"));
    run(&case, DAY);
    case
}

/// A warehouse of both.
pub(crate) fn asked_later() -> Case {
    let case = asked();
    copy_tree(&repository().join(FIXTURE).join("later"), &case.path("inbox"));
    run(&case, LATER);
    case
}

fn run(case: &Case, as_of: &str) {
    case.run(&nightly_arguments(&["--pipeline", &pipeline(), "--as-of", as_of])).expect_code(0);
    case.verify().expect_code(0);
}

pub(crate) fn expected(name: &str) -> Vec<String> {
    let path = repository().join(FIXTURE).join("expect").join(name);
    let text = fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().skip(1).map(ToOwned::to_owned).collect();
    lines.sort();
    lines
}

pub(crate) fn waterfall(case: &Case) -> Vec<String> {
    let columns = ["store", "month", "isrc", "territory", "step", "plays", "state"];
    let mut lines: Vec<String> =
        case.cells("waterfall", columns).iter().map(|cells| cells.join(",")).collect();
    lines.sort();
    lines
}

fn json(case: &Case, arguments: &[&str], code: i32) -> serde_json::Value {
    let pipeline = pipeline();
    let more = ["--pipeline", &pipeline, "--format", "json"];
    let outcome = case.run(&[arguments, &more].concat()).expect_code(code);
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// Lines of an explanation as `step plays`.
fn explained(case: &Case, arguments: &[&str]) -> Vec<String> {
    let document = json(case, &[&["explain", "--month", "2026-09"], arguments].concat(), 0);
    let stores = document["stores"].as_array().unwrap();
    assert_eq!(stores.len(), 1, "{document}");
    let line = |line: &serde_json::Value| {
        let plays = line["plays"].as_i64().map_or("-".to_owned(), |plays| plays.to_string());
        format!("{} {plays}", line["step"].as_str().unwrap())
    };
    stores[0]["lines"].as_array().unwrap().iter().map(line).collect()
}

const TRACK: [&str; 4] = ["--store", "spotify", "--isrc", "zz-sl1-26-00001"];

#[test]
fn the_waterfalls_are_as_worked_out_by_hand() {
    assert_eq!(waterfall(&asked()), expected("waterfall.csv"));
}

#[test]
fn a_late_statement_and_a_corrected_one_change_what_was_worked_out_by_hand() {
    let case = asked_later();
    assert_eq!(waterfall(&case), expected("waterfall_later.csv"));
    let restated = case.table("waterfall").into_iter().find(|row| row["step"] == "restated");
    let corrected = case.report_row("spotify/us-track-for-streaming-202609_corrected.txt");
    assert_eq!(restated.unwrap()["report"], corrected["report"]);
    // What the first statement said is still there, apart from what counts.
    let columns = ["territory", "units", "amount"];
    assert_eq!(case.cells("sales_superseded", columns).len(), 2);
}

#[test]
fn whether_a_track_is_paid_for_is_as_worked_out_by_hand() {
    let columns = ["month", "isrc", "plays", "window_plays", "state", "pays_since"];
    let case = asked();
    let mut found: Vec<String> =
        case.cells("eligibility", columns).iter().map(|cells| cells.join(",")).collect();
    found.sort();
    assert_eq!(found, expected("eligibility.csv"));
}

#[test]
fn the_order_of_the_runs_changes_nothing() {
    let one_by_one = asked_later();
    let at_once = Case::new();
    for folder in ["later", "in"] {
        copy_tree(&repository().join(FIXTURE).join(folder), &at_once.path("inbox"));
    }
    run(&at_once, LATER);
    assert_eq!(one_by_one.published(), at_once.published());
}

#[test]
fn hardly_any_memory_changes_nothing() {
    let small = Case::new();
    copy_tree(&repository().join(FIXTURE).join("in"), &small.path("inbox"));
    let pipeline = pipeline();
    let options = ["--pipeline", &pipeline, "--as-of", DAY, "--memory-limit", "1B"];
    small.run(&nightly_arguments(&options)).expect_code(0);
    assert_eq!(small.published(), asked().published());
}

#[test]
fn a_track_is_explained_over_all_territories() {
    assert_eq!(
        explained(&asked(), &TRACK),
        [
            "store_shows 23",
            "not_in_trends -3",
            "reported 20",
            "duplicate -1",
            "too_short -2",
            "duration_missing -1",
            "offline_expired -1",
            "counted 15",
            "store_removals -1",
            "not_royalty_bearing -1",
            "not_yet_in_sales -5",
            "unexplained -1",
            "paid_units 7",
            "listened_earlier 2",
            "listened_here_counted_later -",
        ]
    );
}

#[test]
fn an_explanation_is_the_same_by_track_artist_release_and_territory() {
    let case = asked();
    let track = explained(&case, &TRACK);
    for by in [
        ["--artist", "mira solvang"],
        ["--release", "2000126000012"],
        ["--release", "Harbour Lights"],
    ] {
        assert_eq!(explained(&case, &[&["--store", "spotify"], &by[..]].concat()), track);
    }
    let of =
        |territory: &str| explained(&case, &[&TRACK[..], &["--territory", territory]].concat());
    assert!(of("gb").contains(&"paid_units 7".to_owned()));
    assert!(of("US").contains(&"paid_units -".to_owned()));
    let release = ["explain", "--month", "2026-09", "--release", "2000126000012"];
    let document = json(&case, &release, 0);
    assert_eq!((&document["level"], &document["is_additive"]), (&"release".into(), &true.into()));
}

#[test]
fn a_release_does_not_add_up_where_a_recording_is_on_another_one_too() {
    let case = asked();
    let question = ["explain", "--month", "2026-09", "--release", "2000126000012"];
    let pipeline = pipeline();
    let csv = |case: &Case| {
        let more = ["--pipeline", &pipeline, "--format", "csv"];
        case.run(&[&question[..], &more].concat()).expect_code(0).stdout
    };
    let note = "these releases do not add up";
    let text = |case: &Case| {
        let more = ["--pipeline", &pipeline];
        case.run(&[&question[..], &more].concat()).expect_code(0).stdout
    };
    assert!(csv(&case).contains("release,true") && !text(&case).contains(note));
    case.put(
        "reference/catalogue_february.csv",
        "valid_from,isrc,upc,title,artist,release,label,track_length,owner,share\n\
         2026-02-01,ZZSL12600001,2000126000029,Harbour Lights,Mira Solvang,All,L,214,account-1,100\n",
    );
    run(&case, DAY);
    assert!(csv(&case).contains("release,false"), "{}", csv(&case));
    assert!(text(&case).contains(note), "{}", text(&case));
    assert_eq!(json(&case, &question, 0)["is_additive"], false);
}

#[test]
fn a_store_and_all_stores_are_the_sums_of_their_tracks() {
    let case = asked();
    let of = |more: &[&str]| {
        let document = json(&case, &[&["explain", "--month", "2026-09"], more].concat(), 0);
        let paid = |store: &serde_json::Value| {
            let lines = store["lines"].as_array().unwrap();
            let counted = lines.iter().find(|line| line["step"] == "counted").unwrap();
            (store["store"].as_str().unwrap().to_owned(), counted["plays"].as_i64().unwrap())
        };
        let stores = document["stores"].as_array().unwrap().iter().map(paid).collect::<Vec<_>>();
        (document["level"].as_str().unwrap().to_owned(), stores)
    };
    let spotify = ("spotify".to_owned(), 18);
    let all = ("all".to_owned(), vec![("apple_music".to_owned(), 70), spotify.clone()]);
    assert_eq!(of(&[]), all);
    assert_eq!(of(&["--store", "spotify"]), ("store".to_owned(), vec![spotify]));
    let tracks = ["ZZSL12600001", "ZZSL12600002"]
        .map(|isrc| of(&["--store", "spotify", "--isrc", isrc]).1[0].1);
    assert_eq!(tracks, [15, 3]);
}

#[test]
fn a_month_of_which_nothing_came_says_since_when_and_until_when() {
    let case = asked();
    run(&case, "2026-11-20");
    let arguments = ["explain", "--month", "2026-10"];
    let document = json(&case, &arguments, 0);
    let lines = document["stores"].as_array().unwrap().iter().map(|store| {
        let line = |line: &serde_json::Value| {
            assert!(line["plays"].is_null());
            format!("{} {}", line["step"].as_str().unwrap(), line["states"][0].as_str().unwrap())
        };
        let lines = store["lines"].as_array().unwrap().iter().map(line);
        (store["store"].as_str().unwrap().to_owned(), lines.collect::<Vec<_>>())
    });
    let late = ["store_shows no_calendar", "reported late", "counted late", "paid_units late"];
    let late = late.map(str::to_owned).to_vec();
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [("apple_music".to_owned(), late.clone()), ("spotify".to_owned(), late)]
    );
    let pipeline = pipeline();
    let outcome = case.run(&[&arguments[..], &["--pipeline", &pipeline]].concat()).expect_code(0);
    outcome
        .expect_stdout(
            "the plays in the store's daily reports to us (due on 6 October 2026, 45 days late)",
        )
        .expect_stdout("statements pay for (due on 2 November 2026, 18 days late)");
    let future = [&["explain", "--month", "2027-10"][..], &["--pipeline", &pipeline]].concat();
    case.run(&future).expect_code(2).expect_stderr("there are no figures of October 2027");
}

#[test]
fn the_keys_of_the_documents_are_those_of_the_manual() {
    let text = fs::read_to_string(repository().join("docs/status.md")).unwrap();
    let keys_of = |heading: &str| {
        let (_, table) = text.split_once(heading).unwrap();
        let rows = table.lines().skip_while(|line| !line.starts_with('|'));
        let rows = rows.take_while(|line| line.starts_with('|'));
        let cells = rows.map(|row| row.split('|').nth(1).unwrap().to_owned());
        let names = cells.flat_map(|cell| {
            let parts: Vec<String> = cell.split('`').map(ToOwned::to_owned).collect();
            parts.into_iter().skip(1).step_by(2)
        });
        names.collect::<std::collections::BTreeSet<String>>()
    };
    let keys = |value: &serde_json::Value| {
        value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<String>>()
    };
    let case = asked();
    let status = json(&case, &["status", "--as-of", DAY], 1);
    assert_eq!(keys(&status), keys_of("## status"));
    assert_eq!(keys(&status["feeds"][0]), keys_of("| key of a feed"));
    let explained = json(&case, &["explain", "--month", "2026-09"], 0);
    assert_eq!(keys(&explained), keys_of("## explain"));
    assert_eq!(keys(&explained["stores"][0]["lines"][0]), keys_of("| key of a line"));
}

#[test]
fn a_person_reads_words_with_the_numbers_of_the_rules() {
    let case = asked();
    let pipeline = pipeline();
    let arguments = ["explain", "--month", "2026-09", "--pipeline", &pipeline];
    let outcome = case.run(&[&arguments[..], &TRACK].concat()).expect_code(0);
    for text in [
        "Harbour Lights by Mira Solvang (ZZSL12600001) in September 2026",
        "played for less than 30 seconds",
        "reported more than 30 days later",
        "100.0 %",
        "no statement has them yet (not due before 21 October 2026)",
        "(in part: not due before 21 October 2026)",
        "(known from 6 November 2026 on)",
    ] {
        assert!(outcome.stdout.contains(text), "{text}: {}", outcome.stdout);
    }
}

#[test]
fn the_readme_shows_what_is_printed() {
    let case = asked();
    let pipeline = pipeline();
    let arguments = ["explain", "--month", "2026-09", "--pipeline", &pipeline];
    let outcome = case.run(&[&arguments[..], &TRACK].concat()).expect_code(0);
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    assert!(readme.contains(outcome.stdout.trim_end()), "{}", outcome.stdout);
}

#[test]
fn the_plays_behind_a_step_can_be_checked() {
    let case = asked();
    let arguments = ["explain", "--month", "2026-09", "--plays", "too_short"];
    let document = json(&case, &[&arguments[..], &TRACK].concat(), 0);
    let plays = document["plays"].as_array().unwrap();
    let measured: Vec<i64> = plays.iter().map(|play| play["measured"].as_i64().unwrap()).collect();
    assert_eq!(measured, [29_999, 12_000]);
    assert!(plays.iter().all(|play| play["threshold"] == 30_000));
    assert_eq!(plays[0]["file"], "spotify/streams_2026-09.tsv");
    assert_eq!(plays[0]["row"], 10);
}

#[test]
fn the_artists_own_number_may_be_the_start() {
    let case = asked();
    fs::write(case.path("copied.csv"), "plays,ISRC\n\"1,030\",ZZSL12600001\n9,ZZSL12600002\n")
        .unwrap();
    let lines = explained(&case, &[&TRACK[..], &["--against", "copied.csv"]].concat());
    assert_eq!(lines[..3], ["store_shows 1030", "not_in_trends -1010", "reported 20"]);
    // What nobody copied is not asked for: another recording's plays are no gap of this number.
    fs::write(case.path("one.csv"), "isrc,plays\nZZSL12600001,23\n").unwrap();
    let one = ["explain", "--month", "2026-09", "--store", "spotify", "--against", "one.csv"];
    let document = json(&case, &one, 0);
    assert_eq!(document["stores"][0]["lines"][1]["plays"], -3);
    assert_eq!(document["notes"][0], "Only the 1 recording of one.csv.");
    fs::write(case.path("wrong.csv"), "isrc,plays\nZZSL12600001,many\n").unwrap();
    let pipeline = pipeline();
    let arguments = ["explain", "--month", "2026-09", "--pipeline", &pipeline];
    let wrong = [&arguments[..], &TRACK, &["--against", "wrong.csv"]].concat();
    let outcome = case.run(&wrong).expect_code(2);
    outcome.expect_stderr("wrong.csv, row 1, column plays: `many` is no whole number");
}

#[test]
fn what_cannot_be_explained_is_told_in_words() {
    let case = asked();
    let pipeline = pipeline();
    let say = |month: &str, more: &[&str]| {
        let arguments = ["explain", "--pipeline", &pipeline, "--month", month];
        case.run(&[&arguments[..], more].concat()).expect_code(2).stderr
    };
    let of = |text: String, part: &str| assert!(text.contains(part), "{part}: {text}");
    of(
        say("2025-01", &[]),
        "there are no figures of January 2025; there are from 2026-07 to 2026-09",
    );
    of(
        say("2026-09", &["--store", "deezer"]),
        "there are no figures of deezer; there are of apple_music, spotify",
    );
    of(
        say("2026-09", &["--isrc", "ZZSL12699999"]),
        "no report of September 2026 has a row of ZZSL12699999",
    );
    of(say("2026-09", &["--isrc", "ZZSL"]), "`ZZSL` is no ISRC");
    of(
        say("2026-09", &["--artist", "Nobody"]),
        "no recording of the artist `Nobody` in the catalogue",
    );
    of(
        say("2026-09", &["--plays", "too_long"]),
        "`too_long` is no step; the steps are store_shows",
    );
    of(say("2026-09", &["--plays", "restated"]), "there are no single plays behind `restated`");
}

#[test]
fn the_status_says_what_is_there_due_and_late() {
    let case = asked();
    let document = json(&case, &["status", "--as-of", DAY], 1);
    assert_eq!(
        document["headline"],
        "figures until 30 September 2026; Apple Music sales for 30 August 2026 to 26 September 2026 are 9 days late"
    );
    let feeds = document["feeds"].as_array().unwrap();
    let told = |feed: &serde_json::Value| {
        let keys =
            ["store", "feed", "territory", "state", "complete_until", "next_period", "next_due"];
        keys.map(|key| feed[key].as_str().unwrap_or("-")).join(" ")
    };
    let told: Vec<String> = feeds.iter().map(told).collect();
    assert_eq!(
        told,
        [
            "apple_music sales - late 2026-08-02..2026-08-29 2026-09-27..2026-10-31 2026-11-02",
            "apple_music trends - in_time 2026-09-30 2026-10-01 2026-10-06",
            "spotify public_counts - no_calendar 2026-09 - -",
            "spotify sales US in_time 2026-08 2026-09 2026-10-21",
            "spotify sales - in_time 2026-09 2026-10 2026-11-07",
            "spotify store_removals - no_calendar 2026-09 - -",
            "spotify trends - in_time 2026-09-30 2026-10-01 2026-10-06",
        ]
    );
    assert_eq!(document["lags"][0]["days"], 32);
    assert_eq!(document["lags"][1]["days"], 0);
    // On the day on which it was due, all was in time.
    assert_eq!(json(&case, &["status", "--as-of", "2026-09-28"], 0)["is_late"], false);
}

#[test]
fn a_store_without_a_calendar_is_explained_when_its_month_is_over() {
    let case = Case::new();
    let head = "date,subscriber_status,country,music_id,music_title,album,music_genre,release_date,\
                upc,isrc,reposts,favourites,downloads,play30s,listeners,member_id,member_name";
    let row = "2028-02-29,Premium,GH,M1,t,al,g,,200000000011,GBXY12600001,0,0,0,12,9,1,m";
    case.put("audiomack/trends.csv", format!("{head}\n{row}\n"));
    case.nightly(&["--as-of", "2028-02-29"]).expect_code(0);
    assert_eq!(case.n_rows("waterfall"), 0);
    let arguments = ["explain", "--pipeline", nightly_arguments(&[])[2], "--month", "2028-02"];
    let outcome = case.run(&arguments).expect_code(0).expect_stdout("Audiomack, so far\n");
    let words: Vec<&str> = outcome.stdout.split_whitespace().collect();
    let words = words.join(" ");
    assert!(words.contains(
        "The month is not over for Audiomack: runs from 1 March 2028 on report what it shows and pays."
    ));
    assert!(words.contains("Reported to us 12 100.0 %") && words.contains("Counted 12 100.0 %"));
    assert!(!words.contains("The store shows") && !words.contains("Paid"), "{words}");
    let nobody = [&arguments[..], &["--isrc", "ZZSL12600001"]].concat();
    let outcome = case.run(&nobody).expect_code(2);
    outcome
        .expect_stderr("February 2028 is not over for Audiomack, and no report so far has a row");
    case.nightly(&["--as-of", "2028-03-01"]).expect_code(0);
    case.run(&arguments).expect_code(0).expect_stdout("not in the delivery calendar");
    // A day later nothing is different, and nothing is published.
    let outcome = case.nightly(&["--as-of", "2028-03-02"]).expect_code(0);
    outcome.expect_stdout("Nothing new, nothing published.");
    let status = ["status", "--pipeline", nightly_arguments(&[])[2], "--as-of", "2028-06-01"];
    case.run(&status).expect_code(0).expect_stdout("no_calendar");
}

#[test]
fn an_empty_warehouse_has_no_status_and_explains_nothing() {
    let case = Case::new();
    let pipeline = pipeline();
    for command in [&["status"][..], &["explain", "--month", "2026-09"]] {
        let outcome = case.run(&[command, &["--pipeline", &pipeline]].concat()).expect_code(2);
        outcome.expect_stderr("streamledger nightly");
    }
}
