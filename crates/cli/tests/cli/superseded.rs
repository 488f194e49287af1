//! The same figures under other bytes, names, folders and packings count once; what nobody can decide is
//! rejected, with what was found and the command that accepts it.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs;

use crate::case::Case;
use crate::report::{LISTENER, good_report};

const AUDIOMACK: &str = "date,subscriber_status,country,music_id,isrc,upc,play30s\n";

/// Plays of a day: as many tracks, of 101, 102 ... plays.
fn plays_of(day: u32, n_tracks: u32) -> String {
    let row = |track: u32| {
        format!("2026-09-{day:02},free,US,77{track},QZFC126000{track:02},,{}\n", 100 + track)
    };
    (1..=n_tracks).map(row).collect()
}

fn audiomack(day: u32, n_tracks: u32) -> String {
    format!("{AUDIOMACK}{}", plays_of(day, n_tracks))
}

const DISTROKID: &str = "Reporting Date\tSale Month\tStore\tArtist\tTitle\tISRC\tUPC\tQuantity\tTeam Percentage\t\
    Song/Album\tCountry of Sale\tSongwriter Royalties Withheld (USD)\tEarnings (USD)\n";

fn sales_of(lines: std::ops::Range<u32>) -> Vec<String> {
    let line = |line: u32| {
        format!(
            "2026-10-14\t2026-07\tSpotify\tVesna Kolar\tSong {line}\tQZFC126{line:05}\t\t{}\t100\tSong\tUS\t0.00\t\
             3.{line:04}\n",
            1000 + line
        )
    };
    lines.map(line).collect()
}

fn distrokid(lines: std::ops::Range<u32>) -> String {
    format!("{DISTROKID}{}", sales_of(lines).concat())
}

fn plays(case: &Case) -> i64 {
    case.table("trends_daily").iter().map(|row| row["plays"].parse::<i64>().unwrap()).sum()
}

fn units(case: &Case) -> i64 {
    case.table("sales").iter().map(|row| row["units"].parse::<i64>().unwrap()).sum()
}

/// `file state reason` of all reports.
fn reports(case: &Case) -> Vec<String> {
    let rows = case.cells("reports", ["file", "state", "reason"]);
    let mut lines: Vec<String> =
        rows.iter().map(|cells| cells.join(" ").trim().to_owned()).collect();
    lines.sort();
    lines
}

/// A run that publishes, whether or not it rejects something; `verify` agrees with it.
fn run(case: &Case) -> String {
    let outcome = case.nightly(&[]);
    assert!(matches!(outcome.code, 0 | 4), "{outcome:?}");
    case.verify().expect_code(0);
    outcome.stdout
}

/// Both at once, and one after the other, in both orders: the same tables.
fn published_in_any_order(files: &[(&str, Vec<u8>)]) -> Case {
    let at_once = Case::new();
    files.iter().for_each(|(name, bytes)| at_once.put(name, bytes));
    run(&at_once);
    let (forward, backward) = (Case::new(), Case::new());
    for (name, bytes) in files {
        forward.put(name, bytes);
        run(&forward);
    }
    for (name, bytes) in files.iter().rev() {
        backward.put(name, bytes);
        run(&backward);
    }
    assert_eq!(forward.published(), at_once.published());
    assert_eq!(backward.published(), at_once.published());
    at_once
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

#[test]
fn the_same_rows_under_other_bytes_and_names_count_once() {
    let text = audiomack(1, 39);
    let once: i64 = (101..=139).sum();
    let (head, rows) = text.split_once('\n').unwrap();
    let mut sorted: Vec<&str> = rows.lines().collect();
    sorted.reverse();
    let more = format!("{head},favourites\n{}", rows.replace('\n', ",7\n"));
    let others: [(&str, Vec<u8>); 6] = [
        (
            "audiomack/Export 2026-09-02 0915 (1).csv",
            format!("{head}\n{}\n", sorted.join("\n")).into(),
        ),
        ("audiomack/plays-01-09-2026.csv", text.replace('\n', "\r\n").into()),
        ("audiomack/audiomack_20260901_excel.csv", format!("\u{feff}{text}").into()),
        ("audiomack/sub/other.csv", utf16(&text)),
        ("audiomack/more.csv", more.into()),
        ("audiomack/no last line feed.csv", text.trim_end().into()),
    ];
    for (name, bytes) in &others {
        let files = [
            ("audiomack/audiomack_20260901.csv", text.clone().into_bytes()),
            (name, bytes.clone()),
        ];
        let case = published_in_any_order(&files);
        assert_eq!(plays(&case), once, "{name}");
        let states = reports(&case);
        let n_same = states.iter().filter(|line| line.ends_with(" superseded same_rows")).count();
        assert_eq!(n_same, 1, "{states:?}");
    }
}

#[test]
fn a_statement_that_was_sorted_or_half_there_counts_once() {
    let whole = distrokid(1..41);
    let mut lines = sales_of(1..41);
    lines.sort_by_key(|line| std::cmp::Reverse(line.clone()));
    let sorted = format!("{DISTROKID}{}", lines.concat());
    let half = distrokid(1..21);
    for other in [sorted, half] {
        let files = [
            ("distrokid/DistroKid_2026-10.tsv", whole.clone().into_bytes()),
            ("distrokid/DistroKid_2026-10 sorted by title.tsv", other.into_bytes()),
        ];
        let case = published_in_any_order(&files);
        assert_eq!(units(&case), (1001..=1040).sum::<i64>());
    }
}

#[test]
fn a_run_says_what_was_replaced_in_rows_plays_and_money() {
    let case = Case::new();
    case.put("distrokid/half.tsv", distrokid(1..21));
    run(&case);
    case.put("distrokid/whole.tsv", distrokid(1..41));
    let stdout = run(&case);
    for text in ["contained", "distrokid/half.tsv", "20,210", "40,820", "60.021 USD", "120.082 USD"]
    {
        assert!(stdout.contains(text), "no `{text}` in\n{stdout}");
    }
    // It is said once.
    case.put("distrokid/other.tsv", distrokid(50..60));
    assert!(!run(&case).contains("contained"));
}

#[test]
fn days_and_their_week_count_once() {
    for n_tracks in [3, 12] {
        let mut files: Vec<(String, Vec<u8>)> = (1..=7)
            .map(|day| {
                (format!("audiomack/audiomack_2026090{day}.csv"), audiomack(day, n_tracks).into())
            })
            .collect();
        let week: String = (1..=7).map(|day| plays_of(day, n_tracks)).collect();
        let name = "audiomack/audiomack_weekly_20260901_20260907.csv".to_owned();
        files.push((name.clone(), format!("{AUDIOMACK}{week}").into()));
        let files: Vec<(&str, Vec<u8>)> =
            files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
        let case = published_in_any_order(&files);
        let once: i64 = 7 * (1..=i64::from(n_tracks)).map(|track| 100 + track).sum::<i64>();
        assert_eq!(plays(&case), once, "{n_tracks}");
        let states = reports(&case);
        if n_tracks < 10 {
            // Too few rows to take one for the other: somebody must look.
            assert!(states.contains(&format!("{name} rejected overlaps")), "{states:?}");
        } else {
            let n_days =
                states.iter().filter(|line| line.ends_with(" superseded contained")).count();
            assert_eq!(n_days, 7, "{states:?}");
        }
    }
}

/// A day's plays in the interface's JSON: as [`report`] has them, with an exact time and fewer columns.
fn as_json(day: &str, numbers: std::ops::Range<usize>) -> String {
    let row = |n: usize| {
        format!(
            "{{\"timestamp\": \"{day}T{:02}:{:02}:{:02}Z\", \"customer_id\": \"{LISTENER}{n:023x}\", \"track_id\": \
             \"track{:04}\", \"country\": \"{}\", \"stream_length\": {}.5, \"access\": \"premium\"}}\n",
            n / 4 % 24,
            n % 4 * 15 + n % 15,
            n % 60,
            n % 50,
            ["SE", "DE", "BR"][n % 3],
            40 + n % 300
        )
    };
    numbers.map(row).collect()
}

#[test]
fn a_day_in_two_formats_counts_once() {
    let day = "2026-09-01";
    let (table, json) = ("spotify/streams_2026-09-01.tsv", "spotify/streams_20260901.json");
    let state_of = |whole: usize, in_json: std::ops::Range<usize>| {
        let files =
            [(table, good_report(day, 0..whole)), (json, as_json(day, in_json).into_bytes())];
        let case = published_in_any_order(&files);
        (case, reports)
    };
    // All plays, a part of them, plays of which most are others', and others'.
    for (in_json, expected) in [
        (0..60, (60, "superseded same_rows")),
        (10..40, (60, "superseded contained")),
        (0..90, (90, "superseded contained")),
        (40..80, (60, "rejected overlaps")),
        (60..90, (90, "active")),
    ] {
        let (case, reports) = state_of(60, in_json.clone());
        let states = reports(&case);
        assert_eq!(plays(&case), expected.0, "{in_json:?} {states:?}");
        let is_one = states.iter().any(|state| state.ends_with(expected.1));
        assert!(is_one, "{in_json:?} {states:?}");
    }
}

#[test]
fn sums_and_single_plays_of_a_day_do_not_both_count() {
    const SUMS: &str = "Datestamp\tIngest Datestamp\tApple Identifier\tStorefront Name\tTime Bucket\t\
        Subscription Type\tSubscription Mode\tChannel Partner\tDevice Type\tSource of Stream\tContainer Type\t\
        Container Sub-Type\tContainer ID\tContainer Name\tEnd Reason Type\tOffline\tAudio Format\tStreams\n";
    const PLAYS: &str = "anonymized_person_id\tingest_datestamp\tstream_timestamp\tutc_offset\tapple_identifier\t\
        isrc\tstorefront_name\tstream_start_position\tstream_duration\tsource_of_stream\tcontainer_type\toffline\t\
        action_type\tend_reason_type\tmedia_duration\titem_type\tmedia_type\n";
    let day = "2026-10-01";
    // Three plays each of twelve tracks, and one that is too short to be in the sums.
    let sum = |n: u32| {
        format!("{day}\t{day}\t14400000{n:02}\tDE\t1\tFamily\tPaid\t\t2\t1\t1\t0\t\t\t1\t0\t0\t3\n")
    };
    let play = |n: u32, listener: u32, ms: u32| {
        format!(
            "p{listener}\t{day}\t{day}T1{listener}:{n:02}:05.250Z\t2\t14400000{n:02}\tGBXY126000{n:02}\tDE\t0\t{ms}\t\
             1\t1\t0\t1\t1\t181500\t1\t1\n"
        )
    };
    let sums: String = (0..12).map(sum).collect();
    let plays_of_track = |n: u32| (0..3).map(move |listener| play(n, listener, 180_000));
    let single: String = (0..12).flat_map(plays_of_track).collect();
    let short = play(11, 4, 12_000);
    let files = [
        ("apple_music/AppleMusic_amStreams_20261001.txt", format!("{SUMS}{sums}").into_bytes()),
        ("apple_music/amStreams_detail_20261001.tsv", format!("{PLAYS}{single}{short}").into()),
    ];
    let case = published_in_any_order(&files);
    let states = reports(&case);
    assert!([36, 37].contains(&plays(&case)), "{states:?}");
    assert_eq!(states.iter().filter(|state| state.ends_with("rejected overlaps")).count(), 1);
    let detail = case.cells("quarantine", ["detail"])[0][0].clone();
    assert!(detail.contains("36 of its 3") && detail.contains("another format"), "{detail}");
}

#[test]
fn two_lines_under_windows_line_ends_are_named() {
    let case = Case::new();
    case.put("distrokid/distrokid_2026-10.tsv", distrokid(5..7));
    case.put("distrokid/october.tsv", distrokid(5..7).replace('\n', "\r\n"));
    let stdout = run(&case);
    assert_eq!(units(&case), 1005 + 1006);
    let rejected =
        reports(&case).into_iter().find(|line| line.ends_with("rejected overlaps")).unwrap();
    let file = rejected.split(' ').next().unwrap();
    let name = case.report_row(file)["report"].clone();
    let command = format!("streamledger accept {name} --why");
    assert!(stdout.contains(&command), "{stdout}");
    let quarantined = case.cells("quarantine", ["file", "reason", "detail"]);
    assert_eq!(quarantined.len(), 1);
    assert!(quarantined[0][2].contains(&command) && quarantined[0][2].contains("2 of its 2 rows"));
    // It is said once, and nothing is new in the next run.
    assert!(case.nightly(&[]).expect_code(0).stdout.contains("Nothing new, nothing published."));
}

#[test]
fn account_numbers_that_look_like_dates_tell_two_accounts() {
    let files = [
        ("distrokid/statement_200101.tsv", distrokid(1..2).into_bytes()),
        ("distrokid/statement_200112.tsv", distrokid(2..3).into_bytes()),
        ("distrokid/20190412_statement_2026-10.tsv", distrokid(3..4).into_bytes()),
        ("distrokid/20190413_statement_2026-10.tsv", distrokid(4..5).into_bytes()),
        ("distrokid/200101/s_2026-10.tsv", distrokid(5..6).into_bytes()),
        ("distrokid/200112/s_2026-10.tsv", distrokid(6..7).into_bytes()),
    ];
    let case = published_in_any_order(&files);
    assert_eq!(units(&case), (1001..=1006).sum::<i64>());
    // The same rows of two accounts: nobody can say whether that is right.
    let files = [
        ("distrokid/statement_200101.tsv", distrokid(1..41).into_bytes()),
        ("distrokid/statement_200112.tsv", format!("{}\n", distrokid(1..41)).into_bytes()),
    ];
    let case = published_in_any_order(&files);
    assert_eq!(units(&case), (1001..=1040).sum::<i64>());
    let states = reports(&case);
    assert_eq!(states.iter().filter(|line| line.ends_with("rejected overlaps")).count(), 1);
}

#[test]
fn a_replacement_of_one_row_waits_for_a_person() {
    let (old, new) = ("distrokid/a_2026-10.tsv", "distrokid/a_2026-10_v2.tsv");
    let files = [(old, distrokid(1..201).into_bytes()), (new, distrokid(1..2).into_bytes())];
    let case = published_in_any_order(&files);
    assert_eq!(case.n_rows("sales"), 200);
    assert_eq!(reports(&case), [format!("{old} active"), format!("{new} rejected shrinks")]);
    let detail = case.cells("quarantine", ["detail"])[0][0].clone();
    for text in
        [old, "200 rows, now 1", "220100 plays or units, now 1001", "USD, now 3.0001", "accept"]
    {
        assert!(detail.contains(text), "no `{text}` in {detail}");
    }
    // A whole one puts it right.
    case.put("distrokid/a_2026-10_v3.tsv", distrokid(1..190));
    run(&case);
    assert_eq!((case.n_rows("sales"), case.n_rows("quarantine")), (189, 0));
}

#[test]
fn an_empty_correction_waits_for_a_person_in_every_format() {
    for fixture in ["tunecore", "believe", "distrokid", "orchard"] {
        let folder = crate::case::repository().join("fixtures/formats").join(fixture).join("in");
        let (name, path) = crate::case::files_of(&folder).into_iter().next().unwrap();
        // The header and two rows: one number by itself may have either decimal mark.
        let bytes = fs::read(path).unwrap();
        let mut ends = (1..).zip(&bytes).filter(|(_, byte)| **byte == b'\n').map(|(end, _)| end);
        let (header, second) = (ends.next().unwrap(), ends.nth(1).unwrap());
        let (stem, ending) = name.rsplit_once('.').unwrap();
        let case = Case::new();
        case.put(&name, &bytes[..second]);
        run(&case);
        let before = case.n_rows("sales");
        let empty = format!("{stem}_corrected.{ending}");
        case.put(&empty, &bytes[..header]);
        let stdout = run(&case);
        assert!(stdout.contains("cancels") && stdout.contains("streamledger accept"), "{stdout}");
        assert_eq!((before, case.n_rows("sales")), (2, 2), "{fixture}");
        assert_eq!(case.report_row(&empty)["reason"], "cancels", "{fixture}");
    }
}

/// A DDEX report of one line and one pool, by a sender.
fn ddex(sender: &str) -> String {
    format!(
        "HEAD\tdsrf/1.1\tBasicAudioProfile\t1.3\tM2\t2026-10-02T10:00:00Z\t1\t1\t2026-09-01\t2026-09-30\tPADPIDA1\t\
         {sender}\tPremium\tPADPIDA2\tUs\t\n\
         SY01.02\tS1\t\t\tSubscriptionModel\tOnDemandStream\tDE\tPremium\t5\t5000\tEUR\t1200.50\t0\n\
         AS01.02\t1\tA1\ttrk1\tZZSL12600001\tT\t\ta\t\tPT3M\tSoundRecording\ttrue\n\
         SU02.03\t1\tS1\tX1\t\tA1\ttrue\t5\t\t\tOnDemandStream\t\n\
         FOOT\t5\t5\t1\t1\t1\n"
    )
}

#[test]
fn bytes_in_two_store_folders_are_of_the_store_that_they_name_or_of_none() {
    let name = "DSR_Us_Store_Premium_2026-09_DE_1of1_20261002T100000.tsv";
    let (spotify, tidal) = (format!("spotify/{name}"), format!("tidal/{name}"));
    let at = |sender: &str| {
        let bytes = ddex(sender).into_bytes();
        let case = published_in_any_order(&[(&spotify, bytes.clone()), (&tidal, bytes)]);
        (units(&case), reports(&case))
    };
    let rejected = |file: &str| format!("{file} rejected two_stores");
    assert_eq!(at("Store"), (0, vec![rejected(&spotify), rejected(&tidal)]));
    assert_eq!(at("Tidal Music AS"), (5, vec![rejected(&spotify), format!("{tidal} active")]));
    // One folder alone is right, whatever its name.
    let case = Case::new();
    case.put(&spotify, ddex("Store"));
    case.nightly_verified(0);
    assert_eq!(units(&case), 5);
}

#[test]
fn lists_of_rows_that_are_lost_or_damaged_are_made_again() {
    let first = ("distrokid/a.tsv", distrokid(1..3001));
    let second = ("distrokid/b.tsv", distrokid(2001..6001));
    let sound = Case::new();
    sound.put(first.0, &first.1);
    sound.put(second.0, &second.1);
    run(&sound);
    assert_eq!(reports(&sound)[0], "distrokid/a.tsv rejected overlaps");
    for damage in ["lost", "flipped", "cut"] {
        let case = Case::new();
        case.put(first.0, &first.1);
        run(&case);
        for (name, path) in crate::case::files_of(&case.path("warehouse/internal/rows")) {
            // What was found of the lists is lost with them, or says that all of them are known.
            if damage != "lost" && name.ends_with("comparisons.txt") {
                continue;
            }
            let mut bytes = fs::read(&path).unwrap();
            match damage {
                "lost" => fs::remove_file(&path).unwrap(),
                "flipped" => {
                    let place = bytes.len() / 2;
                    bytes[place] ^= 4;
                    fs::write(&path, bytes).unwrap();
                }
                _ => fs::write(&path, &bytes[..bytes.len() / 2]).unwrap(),
            }
        }
        case.put(second.0, &second.1);
        run(&case);
        assert_eq!(case.published(), sound.published(), "{damage}");
        // And what was counted is not needed either.
        fs::remove_dir_all(case.path("warehouse/internal/rows")).unwrap();
        case.nightly(&[]).expect_code(0).expect_stdout("Nothing new, nothing published.");
    }
}

#[test]
fn a_dry_run_says_what_would_be_rejected_and_replaced() {
    let case = Case::new();
    case.put("audiomack/a.csv", audiomack(1, 39));
    case.put("audiomack/b.csv", format!("{AUDIOMACK}{}{}", plays_of(1, 30), plays_of(2, 39)));
    case.put("distrokid/a.tsv", distrokid(1..41));
    case.put("distrokid/b.tsv", distrokid(1..41).replace('\n', "\r\n"));
    let plan = case.nightly(&["--dry-run"]).expect_code(0);
    let plan = plan.expect_stdout("overlaps").expect_stdout("same_rows");
    assert!(!case.path("warehouse/internal/rows").exists(), "{plan:?}");
    let states: BTreeMap<String, String> = {
        run(&case);
        let cells = case.cells("reports", ["file", "state"]);
        cells.into_iter().map(|[file, state]| (file, state)).collect()
    };
    assert_eq!(states.values().filter(|state| *state == "rejected").count(), 1, "{states:?}");
}
