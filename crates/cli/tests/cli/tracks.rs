//! A store's lists of tracks give plays their recordings, for the date of which they speak.

use crate::case::Case;

fn streams(date: &str) -> String {
    let play = |track: &str| {
        format!(
            "{{\"timestamp\": \"{date}T10:15:00Z\", \"track_id\": \"{track}\", \"country\": \"GB\", \
             \"customer_id\": \"u1\", \"access\": \"premium\", \"stream_length\": 187}}\n"
        )
    };
    play("T1") + &play("T2")
}

fn tracks(isrc: &str) -> String {
    format!("{{\"track_id\": \"T1\", \"isrc\": \"{isrc}\"}}\n")
}

const FIRST: &str = "spotify/streams_2026-09-01.json";
const SECOND: &str = "spotify/streams_2026-09-02.json";
const LIST: &str = "spotify/tracks_2026-09-01.json";

/// Date, store's track and recording of all plays, in order.
fn recordings(case: &Case) -> Vec<[String; 3]> {
    let cell = |row: &crate::tables::Row, name: &str| row.get(name).cloned().unwrap_or_default();
    let mut found: Vec<[String; 3]> = case
        .table("plays")
        .iter()
        .map(|row| ["date", "store_track", "isrc"].map(|name| cell(row, name)))
        .collect();
    found.sort();
    found
}

fn expected(isrc: &str) -> Vec<[String; 3]> {
    [
        ["2026-09-01", "T1", isrc],
        ["2026-09-01", "T2", ""],
        ["2026-09-02", "T1", ""],
        ["2026-09-02", "T2", ""],
    ]
    .map(|row| row.map(str::to_owned))
    .to_vec()
}

#[test]
fn a_list_that_comes_later_gives_the_plays_of_its_date_their_recordings() {
    let case = Case::new();
    case.put(FIRST, streams("2026-09-01"));
    case.put(SECOND, streams("2026-09-02"));
    case.nightly_verified(0);
    assert_eq!(recordings(&case), expected(""));
    case.put(LIST, tracks("GBXY12600001"));
    let plan = case.nightly(&["--dry-run"]).expect_code(0);
    let plan = plan.expect_stdout("plays/store=spotify/month=2026-09/date=2026-09-01");
    assert!(!plan.stdout.contains("date=2026-09-02"), "{}", plan.stdout);
    case.nightly_verified(0);
    assert_eq!(recordings(&case), expected("GBXY12600001"));
    let isrcs = case.table("trends_daily").iter().filter(|row| row.contains_key("isrc")).count();
    assert_eq!(isrcs, 1);
}

#[test]
fn what_comes_first_makes_no_difference() {
    let mut published = Vec::new();
    for runs in [vec![vec![FIRST, SECOND, LIST]], vec![vec![LIST], vec![SECOND], vec![FIRST]]] {
        let case = Case::new();
        for run in runs {
            for name in run {
                let bytes = match name {
                    FIRST => streams("2026-09-01"),
                    SECOND => streams("2026-09-02"),
                    _ => tracks("GBXY12600001"),
                };
                case.put(name, bytes);
            }
            case.nightly_verified(0);
        }
        published.push(case.published());
    }
    assert_eq!(published[0], published[1]);
}

#[test]
fn lists_that_differ_give_nothing() {
    let case = Case::new();
    case.put(FIRST, streams("2026-09-01"));
    case.put(SECOND, streams("2026-09-02"));
    case.put(LIST, tracks("GBXY12600001"));
    case.put("spotify/more_tracks_2026-09-01.json", tracks("GBXY12600002"));
    case.nightly_verified(0);
    assert_eq!(recordings(&case), expected(""));
    assert_eq!(case.table("tracks").len(), 2);
}

#[test]
fn a_recording_that_a_play_names_itself_stays() {
    let case = Case::new();
    let itself =
        streams("2026-09-01").replace("\"country\"", "\"isrc\": \"GBXY12600009\", \"country\"");
    case.put(FIRST, itself);
    case.put(LIST, tracks("GBXY12600001"));
    case.nightly_verified(0);
    assert!(case.table("plays").iter().all(|row| row["isrc"] == "GBXY12600009"));
    assert_eq!(case.table("tracks")[0]["isrc"], "GBXY12600001");
}
