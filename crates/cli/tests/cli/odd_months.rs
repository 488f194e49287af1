//! Months that are not as they should be: each has an answer, in words that an artist understands.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use crate::asks;
use crate::backfill;
use crate::case::{Case, Outcome, nightly_arguments};
use crate::decisions::accept_if_proposed;
use crate::html::Page;

const ISRC: &str = "GBXY12600001";

/// Deezer's plays of a day, one each, of listeners who differ.
pub(crate) fn plays(case: &Case, date: &str, n: usize) {
    let head = "Start Report\tISRC\tUPC\tCountry\tNb of plays\tService\tTrack_duration\tPlay_percent\t\
                Cached_play\tContext_type\tUser_id\tDevice_type";
    let row = |n: usize| {
        format!("{date}\t{ISRC}\t\tFR\t1\tSubscriptionModel\t200\t100\tfalse\tradio\tu{n}\tphone")
    };
    let rows: Vec<String> = (0..n).map(row).collect();
    case.put(&format!("deezer/plays_{date}.txt"), format!("{head}\n{}\n", rows.join("\n")));
}

/// Deezer's statement of a month, a line each.
fn sales(case: &Case, month: &str, units: &[i64]) {
    let head = "start_report\tend_report\tisrc\tupc\tcountry\tnb_of_plays\troyalties\tservice";
    let row = |units: &i64| {
        let amount = format!("{}0.25", if *units < 0 { "-" } else { "" });
        format!("{month}-01\t{month}-28\t{ISRC}\t\tFR\t{units}\t{amount}\tSubscriptionModel")
    };
    let rows: Vec<String> = units.iter().map(row).collect();
    case.put(&format!("deezer/sales_{month}.txt"), format!("{head}\n{}\n", rows.join("\n")));
}

fn counters(case: &Case, date: &str, shown: i64) {
    let text = format!("date,isrc,store_track,territory,streams\n{date},{ISRC},,FR,{shown}\n");
    case.put(&format!("deezer/counters_{date}.csv"), text);
}

/// The lines of the only store as `step plays`, after a run on a day.
fn explained(case: &Case, month: &str, as_of: &str) -> Vec<String> {
    case.nightly(&["--as-of", as_of]).expect_code(0);
    case.verify().expect_code(0);
    let outcome = ask(case, &["--month", month, "--format", "json"]).expect_code(0);
    let document: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(document["stores"].as_array().unwrap().len(), 1, "{document}");
    let line = |line: &serde_json::Value| {
        let plays = line["plays"].as_i64().map_or("-".to_owned(), |plays| plays.to_string());
        format!("{} {plays}", line["step"].as_str().unwrap())
    };
    document["stores"][0]["lines"].as_array().unwrap().iter().map(line).collect()
}

fn ask(case: &Case, more: &[&str]) -> Outcome {
    let pipeline = nightly_arguments(&[])[2];
    case.run(&[&["explain", "--pipeline", pipeline], more].concat())
}

/// The page of the recording.
fn page(case: &Case) -> Page {
    let pipeline = nightly_arguments(&[])[2];
    let arguments = ["report", "--pipeline", pipeline, "--out", "pages"];
    case.run(&arguments).expect_code(0);
    Page::read(&case.path(&format!("pages/tracks/{ISRC}.html")))
}

/// The row of the only month.
fn month(page: &Page) -> &[String] {
    let rows = page.rows_of("months");
    assert_eq!(rows.len(), 1, "{rows:?}");
    &rows[0]
}

#[test]
fn plays_without_a_statement_are_not_paid_yet_and_say_when_it_should_come() {
    let case = Case::new();
    plays(&case, "2026-02-01", 3);
    plays(&case, "2026-02-28", 2);
    let expected = [
        "store_shows -",
        "no_store_figure 5",
        "reported 5",
        "counted 5",
        "store_removals -",
        "not_yet_in_sales -5",
        "paid_units -",
        "listened_here_counted_later -",
    ];
    assert_eq!(explained(&case, "2026-02", "2026-04-10"), expected);
    ask(&case, &["--month", "2026-02"])
        .expect_stdout("no statement has them yet (not due before 28 June 2026)");
    let part = |n: &str| {
        format!("{n} in part: part of it is missing, due on 7 February 2026, 62 days late")
    };
    assert_eq!(
        month(&page(&case))[2..8],
        [
            "not in the delivery calendar".to_owned(),
            part("5"),
            part("5"),
            part("0"),
            "not due before 28 June 2026".to_owned(),
            "0".to_owned(),
        ]
    );
    assert_eq!(explained(&case, "2026-02", "2026-07-20"), expected);
    ask(&case, &["--month", "2026-02"])
        .expect_stdout("no statement has them yet (due on 28 June 2026, 22 days late)")
        .expect_stdout("statements pay for (due on 28 June 2026, 22 days late)");
    assert_eq!(month(&page(&case))[6], "due on 28 June 2026, 22 days late");
}

#[test]
fn a_statement_without_plays_is_paid_and_nobody_knows_for_what() {
    let case = Case::new();
    sales(&case, "2026-02", &[7]);
    let lines = explained(&case, "2026-02", "2026-07-20");
    assert_eq!(
        lines,
        [
            "store_shows -",
            "reported -",
            "counted -",
            "store_removals -",
            "no_trends_figure 7",
            "unexplained -",
            "paid_units 7",
            "listened_here_counted_later -"
        ]
    );
    ask(&case, &["--month", "2026-02"])
        .expect_stdout("daily reports to us (due on 6 February 2026, 164 days late)")
        .expect_stdout("without the daily reports nobody can say what was counted")
        .expect_stdout("neither the store nor a rule of ours explains these");
    // What no report says is no zero, in no table of the page.
    let page = page(&case);
    let late = "due on 6 February 2026, 164 days late";
    assert_eq!(
        page.answers,
        [format!(
            "Deezer in February 2026: the store's own number is not known, what is reported to us and counts \
             is not known (daily reports: {late}), 7 are paid."
        )]
    );
    assert_eq!(month(&page)[2..8], ["not in the delivery calendar", late, late, late, "7", late]);
    let later = "the next month is not all there";
    assert_eq!(page.rows_of("heard")[0][1..], [late, late, later, later]);
    assert_eq!(page.rows_of("territories")[0][1..4], ["not known", "not known", "7"]);
    let list = Page::read(&case.path("pages/tracks/index.html"));
    assert_eq!(list.tables[0].rows[1][2..], ["not known", "not known", "7"]);
}

#[test]
fn a_store_may_show_less_than_it_reports() {
    let case = Case::new();
    plays(&case, "2026-02-01", 3);
    plays(&case, "2026-02-28", 2);
    counters(&case, "2026-02-01", 2);
    counters(&case, "2026-02-28", 2);
    let lines = explained(&case, "2026-02", "2026-04-10");
    assert_eq!(lines[..3], ["store_shows 4", "not_in_trends 1", "reported 5"]);
    assert_eq!(month(&page(&case))[2], "4");
    ask(&case, &["--month", "2026-02"]).expect_stdout("or the other way round");
}

#[test]
fn days_that_a_store_shows_and_no_report_covers_are_told_apart() {
    let case = Case::new();
    plays(&case, "2026-02-01", 4);
    plays(&case, "2026-02-03", 3);
    for (date, shown) in
        [("2026-02-01", 5), ("2026-02-02", 7), ("2026-02-03", 3), ("2026-02-04", 1)]
    {
        counters(&case, date, shown);
    }
    let lines = explained(&case, "2026-02", "2026-04-10");
    assert_eq!(lines[..4], ["store_shows 16", "not_in_trends -1", "no_report -8", "reported 7"]);
    ask(&case, &["--month", "2026-02"]).expect_stdout("on days of which no daily report has come");
    // A report that comes after all takes its day back.
    plays(&case, "2026-02-02", 6);
    let lines = explained(&case, "2026-02", "2026-04-10");
    assert_eq!(lines[..4], ["store_shows 16", "not_in_trends -2", "no_report -1", "reported 13"]);
}

#[test]
fn without_reports_the_difference_between_shown_and_paid_stands_for_what_is_unexplained() {
    let case = Case::new();
    counters(&case, "2026-02-01", 13);
    sales(&case, "2026-02", &[9]);
    let lines = explained(&case, "2026-02", "2026-07-20");
    assert_eq!(
        lines[..lines.len() - 1],
        [
            "store_shows 13",
            "no_report -13",
            "reported -",
            "counted -",
            "store_removals -",
            "no_trends_figure 9",
            "unexplained -",
            "shown_less_paid 4",
            "paid_units 9",
        ]
    );
    // Somebody copied another number from the store.
    std::fs::write(case.path("copied.csv"), format!("isrc,plays\n{ISRC},20\n")).unwrap();
    ask(
        &case,
        &["--month", "2026-02", "--store", "deezer", "--against", "copied.csv", "--format", "csv"],
    )
    .expect_stdout(",shown_less_paid,aside,11,");
}

#[test]
fn what_a_store_pays_for_though_it_was_not_counted_is_told() {
    let case = Case::new();
    plays(&case, "2026-02-01", 3);
    plays(&case, "2026-02-28", 2);
    // Three of the five were played for a tenth of the track, 20 seconds.
    for (date, n) in [("2026-02-01", 2), ("2026-02-28", 1)] {
        let path = case.path(&format!("inbox/deezer/plays_{date}.txt"));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replacen("\t200\t100\t", "\t200\t10\t", n)).unwrap();
    }
    let tail = |paid: i64| {
        sales(&case, "2026-02", &[paid]);
        let lines = explained(&case, "2026-02", "2026-07-20");
        let is_told =
            |line: &&String| ["paid", "unexplained"].iter().any(|step| line.starts_with(step));
        lines.iter().filter(is_told).cloned().collect::<Vec<_>>()
    };
    assert_eq!(tail(5), ["paid_though_excluded 3", "paid_units 5"]);
}

/// A statement from 20 February to 10 March: its units are in both months by the plays of their days.
#[test]
fn a_line_over_two_months_is_in_both() {
    let case = Case::new();
    for (date, n) in [("2026-02-19", 9), ("2026-02-20", 2), ("2026-03-10", 4), ("2026-03-11", 9)] {
        plays(&case, date, n);
    }
    let head = "start_report\tend_report\tisrc\tupc\tcountry\tnb_of_plays\troyalties\tservice";
    let row = |units: i64| {
        format!("2026-02-20\t2026-03-10\t{ISRC}\t\tFR\t{units}\t0.25\tSubscriptionModel\n")
    };
    case.put("deezer/sales_2026-02.txt", format!("{head}\n{}", row(12)));
    let paid = |month: &str, as_of: &str| {
        let lines = explained(&case, month, as_of);
        lines.iter().find(|line| line.starts_with("paid_units")).cloned().unwrap()
    };
    assert_eq!(paid("2026-02", "2026-07-20"), "paid_units 4");
    assert_eq!(paid("2026-03", "2026-07-20"), "paid_units 8");
    assert_eq!(
        case.cells("sales_monthly", ["month", "units"]),
        [["2026-02", "12"].map(str::to_owned)]
    );
    // More plays of March: the line goes there, in February too, and nothing else changes.
    plays(&case, "2026-03-09", 6);
    assert_eq!(paid("2026-02", "2026-07-20"), "paid_units 2");
    assert_eq!(paid("2026-03", "2026-07-20"), "paid_units 10");
    let fresh = Case::new();
    crate::case::copy_tree(&case.path("inbox"), &fresh.path("inbox"));
    fresh.nightly(&["--as-of", "2026-07-20"]).expect_code(0);
    assert_eq!(fresh.published(), case.published());
    // A month that no unit is of has no waterfall.
    case.put(
        "deezer/sales_2025-11.txt",
        format!("{head}\n{}", row(3).replacen("2026-02-20", "2025-11-20", 1)),
    );
    case.nightly(&["--as-of", "2026-07-20"]).expect_code(0);
    case.verify().expect_code(0);
    let months: std::collections::BTreeSet<String> =
        case.cells("waterfall", ["month"]).into_iter().map(|[month]| month).collect();
    assert_eq!(months.into_iter().collect::<Vec<_>>(), ["2026-02", "2026-03"]);
}

#[test]
fn a_month_that_takes_back_more_than_it_pays_says_so() {
    let case = Case::new();
    sales(&case, "2026-02", &[2, -9]);
    let lines = explained(&case, "2026-02", "2026-07-20");
    assert_eq!(lines[lines.len() - 3..][..2], ["unexplained -", "paid_units -7"]);
    assert_eq!(month(&page(&case))[6], "\u{2212}7");
    ask(&case, &["--month", "2026-02"]).expect_stdout("which here take back more than they pay");
}

#[test]
fn the_last_day_of_february_is_a_day_of_its_month() {
    let case = Case::new();
    plays(&case, "2028-02-01", 1);
    plays(&case, "2028-02-29", 2);
    let lines = explained(&case, "2028-02", "2028-04-10");
    assert!(lines.contains(&"counted 3".to_owned()), "{lines:?}");
    assert_eq!(
        month(&page(&case))[4],
        "3 in part: part of it is missing, due on 7 February 2028, 63 days late"
    );
    let table = case.cells("coverage", ["feed", "period", "state"]);
    assert!(table.contains(&["trends", "2028-02-29", "complete"].map(str::to_owned)), "{table:?}");
    assert!(!table.iter().any(|[_, period, _]| period == "2028-02-30"));
}

#[test]
fn stores_whose_days_end_at_different_moments_say_so() {
    let case = asks::asked();
    let pipeline = asks::pipeline();
    let ask = |more: &[&str]| {
        let arguments = ["explain", "--pipeline", &pipeline, "--month", "2026-09"];
        case.run(&[&arguments, more].concat()).expect_code(0).stdout
    };
    let note = "do not end at the same moment: at midnight UTC (Spotify), at midnight in the territory \
                (Apple Music)";
    assert!(ask(&[]).contains(note), "{}", ask(&[]));
    assert!(ask(&["--format", "json"]).contains(note));
    assert!(!ask(&["--store", "spotify"]).contains("the same moment"));
}

#[test]
fn a_policy_that_changes_inside_a_month_judges_all_of_it() {
    let case = Case::new();
    case.own_pipelines();
    for day in ["2026-09-05", "2026-09-25"] {
        case.put(&format!("spotify/{day}.tsv"), backfill::loops(day));
    }
    let held = |as_of: &str| {
        let options = ["--as-of", as_of, "--pipeline", "pipelines/nightly.toml"];
        let outcome = case.nightly(&options).expect_code(0);
        accept_if_proposed(&case, &outcome, &options);
        let question = ["explain", "--month", "2026-09", "--store", "spotify"];
        let outcome = case.run(&question).expect_code(0);
        let line = outcome.stdout.lines().find(|line| line.contains("Held repeater")).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let before = held("2026-11-10");
    assert!(before.starts_with("Held repeater -120 "), "{before}");
    assert!(
        before.ends_with("one listener with 50 plays or more of one track in a day"),
        "{before}"
    );
    case.replace("pipelines/policies/default.toml", "plays_min = 50", "plays_min = 40");
    let after = held("2026-11-11");
    assert!(after.starts_with("Held repeater -210 "), "{after}");
    assert!(after.ends_with("one listener with 40 plays or more of one track in a day"), "{after}");
    // What was said before is still there to be compared.
    let outcome = case.run(&["snapshots", "diff", "1", "3"]).expect_code(0);
    outcome.expect_stdout("repeater");
}
