use super::*;

fn day(text: &str) -> Day {
    Day(text.parse::<NaiveDate>().unwrap().to_epoch_days())
}

fn known(first: &str, last: &str) -> KnownDays {
    KnownDays { spans: vec![(day(first), day(last))] }
}

fn september() -> KnownDays {
    known("2026-09-01", "2026-09-30")
}

#[test]
fn a_version_is_of_the_report_with_the_same_words_and_dates() {
    let of = |file: &str| {
        let facts = VersionName::of(file, &september());
        (facts.subject, !facts.marks.is_empty())
    };
    let (week, date) = (of("spotify/week.tsv"), of("spotify/streams_2026-09-01.tsv"));
    assert!(!week.1 && !date.1);
    for newer in [
        "spotify/week_v2.tsv",
        "spotify/resent/Week.csv.gz",
        "spotify/week (1).tsv",
        "spotify/Copy of week.tsv",
    ] {
        assert_eq!(of(newer), (week.0.clone(), true), "{newer}");
    }
    for newer in [
        "spotify/2026-10/streams_2026-09-01_corrected_2.tsv",
        "spotify/streams_20260901_corrected.tsv",
    ] {
        assert_eq!(of(newer), (date.0.clone(), true), "{newer}");
    }
    for other in [
        "spotify/streams_2026-09-02_v2.tsv",
        "spotify/a/streams_2026-09-01_v2.tsv",
        "spotify/streams_20260901_101500_v2.tsv",
        "spotify/streams_20260901T101500_v2.tsv",
    ] {
        assert_ne!(of(other).0, date.0, "{other}");
    }
}

#[test]
fn digits_of_which_the_report_does_not_speak_are_no_dates() {
    let rows = known("2026-07-01", "2026-07-31");
    let of = |file: &str| VersionName::of(file, &rows);
    let (first, second) =
        (of("distrokid/statement_200101.tsv"), of("distrokid/statement_200112.tsv"));
    assert_ne!(first.subject, second.subject);
    assert_eq!(first.accounts, BTreeSet::from(["200101".to_owned()]));
    assert!(!first.has_date && of("distrokid/statement_202607.tsv").has_date);
    // Statements are named for the month in which they are made.
    assert!(of("distrokid/statement_2026-10.tsv").has_date);
    assert!(!of("distrokid/statement_2026-11.tsv").has_date);
    let account = of("distrokid/20190412_statement_2026-10.tsv");
    assert_eq!(account.accounts, BTreeSet::from(["20190412".to_owned()]));
    let folders = (of("distrokid/200101/s_2026-10.tsv"), of("distrokid/200112/s_2026-10.tsv"));
    assert_ne!(folders.0.subject, folders.1.subject);
    assert_eq!(series("distrokid/statement_200101.tsv", &rows), "statement-200101");
    assert_eq!(series("distrokid/statement_202607.tsv", &rows), "statement");
    // A report without rows may be about any day.
    assert_eq!(series("distrokid/statement_200101.tsv", &KnownDays::default()), "statement");
}

#[test]
fn a_day_in_a_folder_says_when_a_report_was_delivered() {
    let of = |file: &str| VersionName::of(file, &september());
    let (a, b) =
        (of("spotify/2026-09-10/streams_202609.tsv"), of("spotify/2026-09-20/streams_202609.tsv"));
    assert_eq!(a.subject, b.subject);
    assert_eq!((a.delivered, b.delivered), (Some(day("2026-09-10")), Some(day("2026-09-20"))));
}

#[test]
fn dates_versions_and_endings_do_not_tell_a_series() {
    let same = [
        "spotify/streams_2026-09-01.tsv.gz",
        "spotify/streams_2026-09-01_v2.tsv",
        "spotify/streams_20260901_corrected_2.tsv",
        "spotify/2026-10/streams 2026-09-01 (3).csv.zst",
        "spotify/restated/Streams-20260901T101500.tsv",
        "spotify/streams_20260901_101500.tsv",
        "spotify/streams_202609.txt",
        "spotify/streams_2026-09_version 2.txt",
    ];
    for name in same {
        assert_eq!(series(name, &september()), "streams", "{name}");
    }
}

#[test]
fn territories_members_accounts_and_parts_tell_a_series() {
    let names = [
        ("spotify/streams_2026-09-01_GB.tsv", "streams-gb"),
        ("spotify/GB/streams_2026-09-01.tsv", "gb-streams"),
        ("apple_music/S1_80032046_1117_AU.txt", "s1-80032046-1117-au"),
        ("meta/MERLIN_DAILY_TOP_1K_FB_UGC_PROD_20260901.csv", "merlin-daily-top-1k-fb-ugc-prod"),
        ("spotify/streams-2026-09-01-part2.tsv", "streams-part2"),
        ("spotify/streams-2026-09-01-2of3.tsv", "streams-2of3"),
        ("spotify/streams-2026-09-01-00002.tsv", "streams-00002"),
        ("spotify/2026-13.tsv", "2026-13"),
    ];
    for (name, expected) in names {
        assert_eq!(series(name, &september()), expected, "{name}");
    }
}

#[test]
fn a_higher_version_is_newer_and_a_marked_name_newer_than_the_plain_one() {
    let in_order = [
        "spotify/a/streams_2026-09-01.tsv.gz",
        "spotify/a/streams_2026-09-01 (1).tsv",
        "spotify/a/streams_2026-09-01_corrected.tsv",
        "spotify/a/streams_2026-09-01_v2.tsv",
        "spotify/a/streams_2026-09-01_v10.tsv",
        "spotify/a/resent/streams_2026-09-01_v10.tsv",
    ];
    assert!(in_order.is_sorted_by_key(|name| VersionName::of(name, &september()).marks));
}
