//! Reports that a store sends again: the newer one takes the place of the older, whatever came first,
//! and `reports` shows the chain.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs;

use crate::case::{Case, files_of, repository};
use crate::report::{good_report, lines, report};

const FIRST: &str = "spotify/streams_2026-09-01.tsv";
const SECOND: &str = "spotify/streams_2026-09-01_v2.tsv";
const THIRD: &str = "spotify/resent/streams_2026-09-01_v10.tsv";

/// State and newer report (its file) by file.
fn standing(case: &Case) -> BTreeMap<String, (String, String)> {
    let rows = case.cells("reports", ["report", "file", "state", "superseded_by"]);
    let file_of = |name: &str| {
        let found = rows.iter().find(|[report, ..]| report == name);
        found.map(|[_, file, ..]| file.clone()).unwrap_or_default()
    };
    rows.iter().map(|[_, file, state, by]| (file.clone(), (state.clone(), file_of(by)))).collect()
}

fn chain(links: &[(&str, &str, &str)]) -> BTreeMap<String, (String, String)> {
    let text = |text: &&str| (*text).to_owned();
    links.iter().map(|(file, state, by)| (text(file), (text(state), text(by)))).collect()
}

#[test]
fn the_newest_counts_and_the_chain_is_shown_whatever_came_first() {
    let bytes = |name: &str| match name {
        FIRST => good_report("2026-09-01", 0..10),
        SECOND => good_report("2026-09-01", 0..8),
        _ => good_report("2026-09-01", 0..7),
    };
    let orders: [&[&[&str]]; 4] = [
        &[&[FIRST], &[SECOND], &[THIRD]],
        &[&[THIRD], &[SECOND], &[FIRST]],
        &[&[SECOND], &[THIRD, FIRST]],
        &[&[FIRST, SECOND, THIRD]],
    ];
    let mut published = Vec::new();
    for runs in orders {
        let case = Case::new();
        for run in runs {
            run.iter().for_each(|name| case.put(name, bytes(name)));
            case.nightly_verified(0);
        }
        assert_eq!(case.n_rows("plays"), 7, "{runs:?}");
        let expected =
            [(FIRST, "superseded", SECOND), (SECOND, "superseded", THIRD), (THIRD, "active", "")];
        assert_eq!(standing(&case), chain(&expected), "{runs:?}");
        case.nightly(&[]).expect_code(0).expect_stdout("Nothing new, nothing published.");
        published.push(case.published());
    }
    published.iter().for_each(|tables| assert_eq!(*tables, published[0]));
}

#[test]
fn a_run_says_what_was_restated() {
    let case = Case::new();
    case.put(FIRST, good_report("2026-09-01", 0..10));
    case.nightly_verified(0);
    case.put(SECOND, good_report("2026-09-01", 0..8));
    let plan = case.nightly(&["--dry-run"]).expect_code(0);
    let plan = plan.expect_stdout("Restated: reports that no longer count");
    plan.expect_stdout("plays/store=spotify/month=2026-09/date=2026-09-01");
    case.nightly(&[]).expect_code(0).expect_stdout(FIRST).expect_stdout(SECOND);
    // It is said once.
    case.put("spotify/streams_2026-09-02.tsv", good_report("2026-09-02", 0..1));
    let run = case.nightly(&[]).expect_code(0);
    assert!(!run.stdout.contains("Restated"), "{}", run.stdout);
}

#[test]
fn a_report_of_another_part_territory_or_day_is_not_restated() {
    let case = Case::new();
    let of = |territory: &str, numbers: std::ops::Range<usize>| {
        let rows = lines("2026-09-01", numbers);
        let rows: Vec<_> =
            rows.into_iter().map(|row| row.with("country_code", territory)).collect();
        report(&rows)
    };
    case.put("spotify/streams_2026-09-01_part1.tsv", good_report("2026-09-01", 0..5));
    case.put("spotify/streams_2026-09-01_part2.tsv", good_report("2026-09-01", 5..10));
    case.put("spotify/country/2026-09-01.tsv", of("GB", 20..25));
    case.put("spotify/country/2026-09-01_v2.tsv", of("US", 25..30));
    case.put("spotify/streams_2026-09-02_part1.tsv", good_report("2026-09-02", 0..5));
    case.nightly_verified(0);
    assert!(standing(&case).values().all(|(state, _)| state == "active"));
    assert_eq!(case.n_rows("plays"), 25);
}

#[test]
fn what_a_superseded_report_had_in_quarantine_goes_with_it() {
    let case = Case::new();
    let mut rows = lines("2026-09-01", 0..200);
    rows.push(lines("2026-09-01", 200..201).remove(0).with("stream_length", "3:34"));
    case.put(FIRST, report(&rows));
    case.nightly_verified(4);
    assert_eq!(case.quarantined(FIRST).len(), 1);
    case.put(SECOND, good_report("2026-09-01", 0..201));
    case.nightly_verified(0);
    assert_eq!((case.n_rows("quarantine"), case.n_rows("plays")), (0, 201));
    // The rows that were rejected are still counted.
    assert_eq!(case.report_row(FIRST)["quarantined"], "1");
}

#[test]
fn dates_that_only_the_older_report_had_go_away() {
    let case = Case::new();
    let two_days = |second: &str| {
        report(
            &[lines("2026-09-01", 0..5), lines(second, 5..9), lines("2026-09-07", 9..11)].concat(),
        )
    };
    case.put("spotify/week.tsv", two_days("2026-09-03"));
    case.nightly_verified(0);
    case.put("spotify/week_v2.tsv", two_days("2026-09-04"));
    case.nightly_verified(0);
    let mut dates: Vec<String> = case.table("plays").iter().map(|r| r["date"].clone()).collect();
    dates.dedup();
    assert_eq!(dates, ["2026-09-01", "2026-09-04", "2026-09-07"]);
}

/// The first and the last day of the rows are no part of what a week is.
#[test]
fn a_newer_version_takes_the_place_though_its_first_and_last_dates_are_others() {
    let week = |dates: [&str; 2]| report(&[lines(dates[0], 0..5), lines(dates[1], 5..9)].concat());
    let (first, second) = ("spotify/week.tsv", "spotify/week_v2.tsv");
    let old = ["2026-09-01", "2026-09-07"];
    for new in [["2026-09-01", "2026-09-06"], ["2026-09-02", "2026-09-07"], ["2026-09-03"; 2]] {
        let case = Case::new();
        case.put(first, week(old));
        case.nightly_verified(0);
        case.put(second, week(new));
        case.nightly_verified(0);
        let expected = [(first, "superseded", second), (second, "active", "")];
        assert_eq!(standing(&case), chain(&expected), "{new:?}");
        assert_eq!(case.n_rows("plays"), 9, "{new:?}");
    }
}

/// Nobody says that one of these is a newer version of another.
#[test]
fn reports_that_merely_meet_stand_beside_each_other() {
    let case = Case::new();
    let days = |dates: [&str; 2], from: usize| {
        report(&[lines(dates[0], from..from + 2), lines(dates[1], from + 2..from + 4)].concat())
    };
    case.put("spotify/streams_2026-09-01.tsv", good_report("2026-09-01", 0..5));
    case.put("spotify/streams_2026-09-01_2026-09-07.tsv", days(["2026-09-01", "2026-09-07"], 20));
    case.put("spotify/weekly/streams.tsv", days(["2026-09-01", "2026-09-07"], 30));
    case.put("spotify/2026-10-01/rolling.tsv", days(["2026-09-01", "2026-09-05"], 40));
    case.put("spotify/2026-10-02/rolling.tsv", days(["2026-09-02", "2026-09-06"], 50));
    // A newer version of other days: of no day that the first one speaks of.
    case.put("spotify/slice.tsv", days(["2026-09-01", "2026-09-02"], 60));
    case.put("spotify/slice_v2.tsv", days(["2026-09-03", "2026-09-04"], 70));
    case.nightly_verified(0);
    let standing = standing(&case);
    assert!(standing.values().all(|(state, _)| state == "active"), "{standing:?}");
    assert_eq!(case.n_rows("plays"), 5 + 6 * 4);
}

#[test]
fn a_month_that_is_sent_again_is_of_the_month_in_its_name() {
    let case = Case::new();
    let until = |last: &str| report(&[lines("2026-09-01", 0..3), lines(last, 3..6)].concat());
    case.put("spotify/2026-09-10/streams_202609.tsv", until("2026-09-09"));
    case.nightly_verified(0);
    case.put("spotify/2026-09-20/streams_202609.tsv", until("2026-09-19"));
    case.nightly_verified(0);
    assert_eq!(standing(&case)["spotify/2026-09-10/streams_202609.tsv"].0, "superseded");
    assert_eq!(case.n_rows("plays"), 6);
}

/// Two reports without rows are the same bytes. A file that was cut off behind its header looks like
/// them, so that they wait for somebody to accept them.
#[test]
fn a_newer_version_without_rows_takes_nothing_back_by_itself() {
    let case = Case::new();
    for (name, date) in [("streams_2026-09-01", "2026-09-01"), ("week", "2026-09-02")] {
        case.put(&format!("spotify/{name}.tsv"), good_report(date, 0..5));
        case.put(&format!("spotify/{name}_v2.tsv"), report(&[]));
    }
    case.put("spotify/streams_2026-09-03.tsv", good_report("2026-09-03", 0..5));
    let run = case.nightly(&[]);
    run.expect_stdout("cancels").expect_stdout("streamledger accept ");
    assert_eq!(case.n_rows("plays"), 15);
    let standing_before = standing(&case);
    assert_eq!(standing_before["spotify/streams_2026-09-01_v2.tsv"].0, "rejected");
    // And is replaced when there is something after all.
    case.put("spotify/week_v3.tsv", good_report("2026-09-02", 0..3));
    case.nightly(&[]);
    assert_eq!(case.n_rows("plays"), 13);
}

/// The store takes its correction back: the first bytes come once more, under a newer name.
#[test]
fn the_first_bytes_again_under_a_newer_name_count_again() {
    let case = Case::new();
    case.put(FIRST, good_report("2026-09-01", 0..10));
    case.put(SECOND, good_report("2026-09-01", 0..8));
    case.nightly_verified(0);
    assert_eq!(case.n_rows("plays"), 8);
    case.put(THIRD, good_report("2026-09-01", 0..10));
    case.nightly_verified(0);
    assert_eq!(case.n_rows("plays"), 10);
    assert_eq!(standing(&case)[SECOND].0, "superseded");
}

/// Nothing looks at how old a date is: what changed decides.
#[test]
fn a_play_that_was_counted_fourteen_months_ago_finds_its_month() {
    let (old, late) = ("spotify/streams_2025-07-14.tsv", "spotify/late/streams_2025-07-15.tsv");
    let case = Case::new();
    case.put(old, good_report("2025-07-14", 0..10));
    case.put(FIRST, good_report("2026-09-01", 0..10));
    case.nightly_verified(0);
    let before = case.published();
    case.put(late, good_report("2025-07-15", 0..7));
    // More of a date that is there already.
    case.put("spotify/more.tsv", good_report("2025-07-14", 20..23));
    case.nightly_verified(0);
    let after = case.published();
    let of_month = |path: &str| path.contains("month=2025-07");
    let of_all = |path: &str| path.starts_with("coverage/") || path.starts_with("reports/");
    for (path, hash) in &before {
        let is_same = after.get(path) == Some(hash);
        assert!(is_same || of_month(path) || of_all(path), "{path} was rebuilt");
    }
    let dates = case.cells("trends_daily", ["date", "plays"]);
    let plays = |date: &str| -> i64 {
        let of_date = dates.iter().filter(|[of, _]| of == date);
        of_date.filter_map(|[_, plays]| plays.parse::<i64>().ok()).sum()
    };
    assert_eq!((plays("2025-07-14"), plays("2025-07-15"), plays("2026-09-01")), (13, 7, 10));
    let at_once = Case::new();
    at_once.put(old, good_report("2025-07-14", 0..10));
    at_once.put(FIRST, good_report("2026-09-01", 0..10));
    at_once.put(late, good_report("2025-07-15", 0..7));
    at_once.put("spotify/more.tsv", good_report("2025-07-14", 20..23));
    at_once.nightly_verified(0);
    assert_eq!(at_once.published(), after);
}

/// A DDEX report of September in Germany with so much use of one recording, or of none.
fn ddex(message: &str, created: &str, usages: Option<u32>) -> String {
    let mut lines = vec![format!(
        "HEAD\tdsrf/1.1/1.4.1/1.3\tBasicAudioProfile\t1.3\t{message}\t{created}\t1\t1\t\
             2026-09-01\t2026-09-30\tPADPIDA1\tStore\tPremium\tPADPIDA2\tUs\t"
    )];
    if let Some(usages) = usages {
        lines.push(format!(
            "SY01.02\tS1\t\t\tSubscriptionModel\tOnDemandStream\tDE\tPremium\t{usages}\t50\tEUR\t9.5\t0"
        ));
        lines.push(
            "AS01.02\t1\tA1\ttrk1\tGBXY12600001\tt\t\ta\t\tPT3M\tSoundRecording\ttrue".to_owned(),
        );
        lines.push(format!("SU02.03\t1\tS1\tX1\t\tA1\ttrue\t{usages}\t\t\tOnDemandStream\t"));
    }
    let (n_lines, n_parts) = (lines.len() + 1, usages.is_some().into());
    let n_parts: u8 = n_parts;
    lines.push(format!("FOOT\t{n_lines}\t{n_lines}\t{n_parts}\t{n_parts}\t{n_parts}"));
    lines.join("\r\n") + "\r\n"
}

fn ddex_name(created: &str) -> String {
    format!("spotify/DSR_PADPIDA2_PADPIDA1_Premium_2026-09_DE_1of1_{created}.tsv")
}

fn units(case: &Case) -> i64 {
    case.table("sales").iter().map(|row| row["units"].parse::<i64>().unwrap()).sum()
}

#[test]
fn a_newer_message_about_the_same_use_takes_the_place_and_an_empty_one_cancels() {
    let case = Case::new();
    // The newer one has the name that comes first.
    let newer = ddex_name("20261001T100000");
    case.put(&newer, ddex("M2", "2026-10-09T10:00:00Z", Some(90)));
    case.nightly_verified(0);
    case.put(&ddex_name("20261002T100000"), ddex("M1", "2026-10-02T10:00:00Z", Some(100)));
    case.nightly_verified(0);
    assert_eq!(units(&case), 90);
    let expected = [
        (newer.as_str(), "active", ""),
        (&ddex_name("20261002T100000"), "superseded", newer.as_str()),
    ];
    assert_eq!(standing(&case), chain(&expected));
    case.put(&ddex_name("20261110T100000"), ddex("M3", "2026-11-10T10:00:00Z", None));
    case.nightly_verified(0);
    assert_eq!((case.n_rows("sales"), case.n_rows("revenue_pools")), (0, 0));
    assert_eq!(standing(&case)[&newer].0, "superseded");
}

/// FUGA's corrections come as files of their own next to the first one. The same lines again are none.
#[test]
fn reports_of_a_format_that_adds_are_added() {
    let name = "fuga-royalty-extended/in";
    let folder = repository().join("fixtures/formats").join(name);
    let (file, path) = files_of(&folder).into_iter().next().unwrap();
    let text = fs::read_to_string(path).unwrap();
    let correction = file.replace(".csv", "_corrected.csv");
    let case = Case::new();
    case.put(&file, &text);
    case.nightly(&[]);
    let once = case.n_rows("sales");
    assert!(0 < once);
    case.put(&correction, text.replace("12600001", "12600002"));
    case.nightly(&[]);
    assert_eq!(case.n_rows("sales"), 2 * once);
    // Other bytes, the same rows.
    case.put(&correction.replace("corrected", "final"), text.clone() + "\n");
    case.nightly(&[]).expect_stdout("overlaps");
    assert_eq!(case.n_rows("sales"), 2 * once);
}
