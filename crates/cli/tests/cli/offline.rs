//! Offline plays across counted dates: counted on the day on which they are handed in, judged by the
//! day on which they were heard, and once, however often they are handed in.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;

use crate::case::{Case, files_of};
use crate::report::{Line, line, lines, report};
use crate::tables::Row;

/// A play heard offline on 1 September, minute `n`.
fn offline(counted: &str, n: usize) -> Line {
    line(counted, n)
        .with("stream_cached", "true")
        .with("offline_timestamp", format!("2026-09-01T10:{n:02}:00Z"))
}

/// A counted date with plays that count, and offline plays.
fn counted_on(day: &str, repeats: &[usize]) -> Vec<u8> {
    let mut rows = lines(day, 100..110);
    rows.extend(repeats.iter().map(|n| offline(day, *n)));
    report(&rows)
}

fn name(day: &str) -> String {
    format!("spotify/streams-{day}.tsv")
}

/// Verdicts of the offline plays, by minute of listening and counted date; with what was measured.
fn outcomes(case: &Case) -> BTreeMap<(String, String), String> {
    let cell = |row: &Row, name: &str| row.get(name).cloned().unwrap_or_default();
    let is_offline = |row: &&Row| row.get("offline").is_some_and(|offline| offline == "true");
    let outcome = |row: &Row| {
        let minute = cell(row, "listened_at")[14..16].to_owned();
        let columns = ["verdict", "reason", "measured", "threshold"].map(|name| cell(row, name));
        ((minute, cell(row, "date")), columns.join(" ").trim().to_owned())
    };
    case.table("plays").iter().filter(is_offline).map(outcome).collect()
}

fn expected(rows: &[(&str, &str, &str)]) -> BTreeMap<(String, String), String> {
    rows.iter()
        .map(|(minute, date, outcome)| {
            (((*minute).to_owned(), (*date).to_owned()), (*outcome).to_owned())
        })
        .collect()
}

/// A counted date and the minutes of its offline plays.
type Counted = (&'static str, &'static [usize]);

/// Runs with these reports, in this order.
fn runs(batches: &[&[Counted]]) -> Case {
    let case = Case::new();
    for batch in batches {
        for (day, repeats) in *batch {
            case.put(&name(day), counted_on(day, repeats));
        }
        case.nightly_verified(0);
    }
    case
}

const SECOND: Counted = ("2026-09-02", &[1, 2]);
const FIFTH: Counted = ("2026-09-05", &[1, 3]);
const OCTOBER: Counted = ("2026-10-03", &[1, 3]);

#[test]
fn the_earliest_counted_date_keeps_the_play_whatever_comes_first() {
    let rows = expected(&[
        ("01", "2026-09-02", "counted"),
        ("02", "2026-09-02", "counted"),
        ("01", "2026-09-05", "excluded duplicate 1 0"),
        ("03", "2026-09-05", "counted"),
        // Two days too late as well, but the first rule that applies wins.
        ("01", "2026-10-03", "excluded duplicate 1 0"),
        ("03", "2026-10-03", "excluded duplicate 1 0"),
    ]);
    let mut published = Vec::new();
    let orders: [&[&[Counted]]; 5] = [
        &[&[SECOND, FIFTH, OCTOBER]],
        &[&[SECOND], &[FIFTH], &[OCTOBER]],
        &[&[OCTOBER], &[FIFTH], &[SECOND]],
        &[&[FIFTH], &[SECOND, OCTOBER]],
        &[&[OCTOBER, SECOND], &[FIFTH]],
    ];
    for batches in orders {
        let case = runs(batches);
        assert_eq!(outcomes(&case), rows, "{batches:?}");
        published.push(case.published());
        case.nightly(&[]).expect_code(0).expect_stdout("Nothing new, nothing published.");
    }
    published.iter().for_each(|tables| assert_eq!(*tables, published[0]));
}

#[test]
fn only_dates_that_share_a_play_are_made_anew() {
    let case = runs(&[&[FIFTH, ("2026-09-06", &[7])], &[("2026-09-07", &[])]]);
    let before = inodes(&case);
    case.put(&name(SECOND.0), counted_on(SECOND.0, SECOND.1));
    case.nightly_verified(0);
    let after = inodes(&case);
    let is_new = |date: &str| before.get(date) != after.get(date);
    let dates = ["2026-09-02", "2026-09-05", "2026-09-06", "2026-09-07"].map(is_new);
    assert_eq!(dates, [true, true, false, false]);
}

/// The files of `plays` by date: another number is another file.
fn inodes(case: &Case) -> BTreeMap<String, u64> {
    let date = |name: &str| name.split(['=', '/']).nth(5).unwrap_or_default().to_owned();
    files_of(&case.tables().join("plays"))
        .into_iter()
        .filter_map(|(name, path)| Some((date(&name), path.metadata().ok()?.ino())))
        .collect()
}

#[test]
fn sixty_days_after_listening_a_play_is_not_looked_for_any_more() {
    // 31 October is the 60th day after 1 September; there rule 3 has excluded it already.
    let outcomes_on = |day: &'static str| outcomes(&runs(&[&[SECOND, (day, &[1])]]));
    let found = outcomes_on("2026-10-31");
    assert_eq!(found[&("01".to_owned(), "2026-10-31".to_owned())], "excluded duplicate 1 0");
    let found = outcomes_on("2026-11-01");
    let expired = "excluded offline_expired 61 30";
    assert_eq!(found[&("01".to_owned(), "2026-11-01".to_owned())], expired);
}

#[test]
fn a_play_is_another_if_listener_track_time_or_length_differ_or_it_was_online() {
    let first = offline("2026-09-02", 1);
    let others = [
        offline("2026-09-04", 1).with("customer_id", "somebody"),
        offline("2026-09-04", 1).with("isrc", "ZZSL12699999"),
        offline("2026-09-04", 1).with("offline_timestamp", "2026-09-01T10:01:00.001Z"),
        offline("2026-09-04", 1).with("stream_length", "41.501"),
        // The clock of an online play is another kind of time.
        offline("2026-09-04", 1).with("stream_cached", "false"),
        // The store's own id does not tell recordings apart.
        offline("2026-09-04", 1).with("track_id", "another"),
    ];
    let case = Case::new();
    case.put(&name("2026-09-02"), report(&[first]));
    case.put(&name("2026-09-04"), report(&others));
    case.nightly_verified(0);
    let mut verdicts: Vec<(String, String)> = case
        .table("plays")
        .iter()
        .filter(|row| row["date"] == "2026-09-04")
        .map(|row| (row["row"].clone(), row["verdict"].clone()))
        .collect();
    verdicts.sort();
    let verdicts: Vec<&str> = verdicts.iter().map(|(_, verdict)| verdict.as_str()).collect();
    assert_eq!(verdicts, ["counted", "counted", "counted", "counted", "counted", "excluded"]);
}

#[test]
fn what_was_counted_earlier_is_in_no_measure_of_the_later_date() {
    // 60 plays of one track in a day hold all of them (rule 7); half of them were counted before.
    let looped = |day: &str, n: usize| {
        offline(day, n)
            .with("customer_id", "fan")
            .with("track_id", "t")
            .with("isrc", "ZZSL12600001")
            .with("stream_length", "200")
    };
    let rows = |day: &str, minutes: std::ops::Range<usize>| -> Vec<u8> {
        report(&minutes.map(|n| looped(day, n)).collect::<Vec<_>>())
    };
    let alone = Case::new();
    alone.put(&name("2026-09-04"), rows("2026-09-04", 0..60));
    alone.nightly_verified(0);
    assert!(outcomes(&alone).values().all(|outcome| outcome == "held repeater 60 50"));
    let both = Case::new();
    both.put(&name("2026-09-02"), rows("2026-09-02", 0..30));
    both.put(&name("2026-09-04"), rows("2026-09-04", 0..60));
    both.nightly_verified(0);
    let outcomes = outcomes(&both);
    let n_with = |text: &str| outcomes.values().filter(|outcome| *outcome == text).count();
    assert_eq!((n_with("excluded duplicate 1 0"), n_with("counted")), (30, 60));
}

#[test]
fn counted_in_september_and_heard_in_august_is_a_sum() {
    let case = Case::new();
    let heard = |counted: &str, n: usize| {
        offline(counted, n).with("offline_timestamp", format!("2026-08-31T23:{n:02}:00Z"))
    };
    let rows: Vec<Line> = (0..4).map(|n| heard("2026-09-02", n)).collect();
    case.put(&name("2026-09-02"), report(&[rows, lines("2026-09-02", 50..53)].concat()));
    case.nightly_verified(0);
    let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
    for row in case.table("trends_daily") {
        let months = (row["month"].clone(), row["listened_month"].clone());
        *sums.entry(months).or_default() += row["plays"].parse::<i64>().unwrap_or(0);
    }
    let month = |month: &str| ("2026-09".to_owned(), month.to_owned());
    assert_eq!(sums, BTreeMap::from([(month("2026-08"), 4), (month("2026-09"), 3)]));
}

#[test]
fn memory_makes_no_difference() {
    let published = |options: &[&str]| {
        let case = Case::new();
        for (day, repeats) in [FIFTH, SECOND] {
            let mut rows = lines(day, 100..2000);
            rows.extend(repeats.iter().map(|n| offline(day, *n)));
            case.put(&name(day), report(&rows));
            case.nightly(options).expect_code(0);
        }
        case.verify().expect_code(0);
        case.published()
    };
    assert_eq!(published(&[]), published(&["--memory-limit", "64KiB"]));
}

#[test]
fn verify_finds_a_damaged_list_of_offline_plays() {
    let case = runs(&[&[SECOND]]);
    let lists = files_of(&case.path("warehouse/internal/snapshots"));
    let list = lists.into_iter().find(|(name, _)| name.contains("/offline/"));
    let Some((_, path)) = list else {
        panic!("no list of offline plays");
    };
    let Ok(mut bytes) = std::fs::read(&path) else {
        panic!("{} cannot be read", path.display());
    };
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    assert!(std::fs::write(&path, bytes).is_ok());
    case.verify().expect_code(1).expect_stdout("offline/store=spotify/month=2026-09/2026-09-02-");
}

#[test]
fn a_moment_that_cannot_be_is_not_used_and_counted() {
    let case = Case::new();
    let day = "2026-09-02";
    let at = |n: usize, stamp: &str| {
        line(day, n).with("stream_cached", "true").with("offline_timestamp", stamp)
    };
    let rows = [
        // Those that can be: up to the end of the day after, and from the day when stores began.
        at(0, "2026-09-03T23:59:59Z"),
        at(1, "2006-01-01T00:00:00Z"),
        at(2, "2026-08-20T10:00:00Z"),
        // Those that cannot.
        at(3, "2026-09-04T00:00:00Z"),
        at(4, "2027-05-01T10:00:00Z"),
        at(5, "2005-12-31T23:59:59Z"),
        at(6, "1900-01-01T00:00:00Z"),
        at(7, "1"),
        // No stamp at all.
        at(8, "0"),
        at(9, ""),
    ];
    case.put("spotify/a.tsv", report(&rows));
    case.nightly_verified(0);
    assert_eq!(case.report_row("spotify/a.tsv")["log_time_used"], "5");
    let mut heard = case.cells("plays", ["row", "listened_at"]);
    heard.sort_by_key(|[row, _]| row.parse::<u32>().unwrap());
    let dates: Vec<&str> = heard.iter().map(|[_, at]| &at[..10]).collect();
    let expected = [&["2026-09-03", "2006-01-01", "2026-08-20"][..], &["2026-09-02"; 7]].concat();
    assert_eq!(dates, expected);
}
