//! Claims about `trends_daily`: its sums and its order are those of a plain map by the grain, and sums
//! of parts are the sum of the whole.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{DayTrends, OptionalSum, Trend, sum_trends};
use crate::aggregate::track_order::order_by_track;
use crate::filter::policy::{Policy, RepeaterAction};
use crate::model::day::{Day, MS_PER_DAY};
use crate::model::isrc::Isrc;
use crate::model::play::{
    NONE, OFFLINE, OFFLINE_UNKNOWN, ONLINE, PlayDictionaries, PlayMark, Plays, Track, UserProduct,
};
use crate::model::tier::Tier;
use crate::model::upc::Upc;
use crate::model::verdict::{Finding, Reason};
use crate::testing::{self, FlatPlay};

/// ISRC, UPC, store track. Recordings under several store tracks and on several releases, tracks
/// without an ISRC, the smallest and the largest of all UPCs.
const TRACKS: [(&str, &str, &str); 11] = [
    ("USABC1234567", "036000291452", "t1"),
    ("USABC1234567", "036000291452", "t2"),
    ("USABC1234567", "", "t1"),
    ("AA0000000000", "00000000", "t9"),
    ("ZZZZZ9999999", "99999999999997", ""),
    ("ZZZZZ9999999", "00000000", ""),
    ("", "036000291452", "t1"),
    ("", "", "t1"),
    ("", "99999999999997", "t1"),
    ("", "4006381333931", "t2"),
    ("", "", "t10"),
];

const TERRITORIES: [&str; 4] = ["", "AD", "DE", "ZW"];

fn words() -> PlayDictionaries {
    let track = |(isrc, upc, store_track): (&str, &str, &str)| Track {
        isrc: Isrc::parse(isrc.as_bytes()),
        upc: Upc::parse(upc.as_bytes()),
        store_track: (!store_track.is_empty()).then(|| store_track.into()),
        track_ms: None,
    };
    // The tiers twice: the store's code is no part of the grain.
    let product = |code| {
        let code = Some(code);
        Tier::ALL.map(|tier| UserProduct {
            tier,
            tier_code: code.clone(),
            use_type: "stream".into(),
        })
    };
    PlayDictionaries {
        tracks: TRACKS.map(track).to_vec(),
        products: [product("a".into()), product("b".into())].concat(),
        ..testing::words(&[], 4)
    }
}

/// Judged plays, and as they were written.
struct Judged {
    plays: Plays,
    rows: Vec<FlatPlay>,
}

/// Plays of which each may have any reason: the mark is the reason's code.
fn judged(rows: Vec<FlatPlay>) -> Judged {
    let mark =
        |reason| PlayMark { finding: Finding::of(reason), measured: Some(1), threshold: None };
    Judged {
        plays: Plays { marks: Reason::ALL.map(mark).to_vec(), ..testing::plays(&rows, words()) },
        rows,
    }
}

fn territory(code: &str) -> u16 {
    <[u8; 2]>::try_from(code.as_bytes()).map_or(0, u16::from_be_bytes)
}

fn summed(judged: &Judged, policy: &Policy) -> DayTrends {
    sum_trends(&judged.plays, &order_by_track(&judged.plays), policy)
}

/// A row as text: the grain, then plays, played time and listeners.
type Shown = ([String; 9], i64, Option<i64>, Option<i64>);

fn or_null(value: Option<impl ToString>) -> String {
    value.map_or("null".to_owned(), |value| value.to_string())
}

fn ascii(text: &[u8]) -> String {
    String::from_utf8(text.to_vec()).unwrap()
}

fn shown(trends: &DayTrends) -> Vec<Shown> {
    let row = |row: Trend| {
        let store_track =
            (row.store_track != NONE).then(|| &trends.store_tracks[row.store_track as usize]);
        let grain = [
            row.listened_month.to_string(),
            or_null(row.isrc.map(|isrc| ascii(&isrc.to_text()))),
            or_null(store_track),
            or_null(row.upc.map(Upc::to_text)),
            or_null(row.territory.map(|territory| ascii(&territory.to_text()))),
            row.tier.as_str().to_owned(),
            or_null(row.offline),
            row.verdict.as_str().to_owned(),
            or_null(row.reason.map(Reason::as_str)),
        ];
        (grain, row.plays, row.played_ms.get(), row.listeners.map(|n| i64::from(n.get())))
    };
    trends.rows().map(row).collect()
}

fn lines(trends: &DayTrends) -> String {
    let line = |(grain, plays, played_ms, listeners): Shown| {
        let grain = grain.join(" ");
        format!("{grain} | {plays} {} {}", or_null(played_ms), or_null(listeners))
    };
    shown(trends).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The sums by a plain map, whose keys order as the table: as text, nulls last.
fn oracle(judged: &Judged, policy: &Policy) -> Vec<Shown> {
    let mut sums = BTreeMap::<Vec<(bool, String)>, (i64, Option<i64>, BTreeSet<u32>)>::new();
    for play in &judged.rows {
        let (isrc, upc, store_track) = TRACKS[play.track as usize];
        let store_track = if isrc.is_empty() { store_track } else { "" };
        let territory = TERRITORIES.iter().find(|code| territory(code) == play.territory).unwrap();
        let reason = (play.mark as usize).checked_sub(1).map(|code| Reason::ALL[code]);
        let month = Day::of_ms(play.listened_at_ms).to_string()[..7].to_owned();
        let grain = [
            month.as_str(),
            isrc,
            store_track,
            upc,
            territory,
            Tier::ALL[play.product as usize % Tier::ALL.len()].as_str(),
            ["false", "true", ""][usize::from(play.offline)],
            policy.verdict(reason.map(Finding::of)).as_str(),
            reason.map_or("", Reason::as_str),
        ];
        let grain = grain.map(|part| (part.is_empty(), part.to_owned())).to_vec();
        let (n_plays, played_ms, listeners) = sums.entry(grain).or_default();
        *n_plays += i64::from(play.plays);
        if play.played_ms != NONE {
            let of_row = i64::from(play.played_ms) * i64::from(play.plays);
            *played_ms = Some(played_ms.unwrap_or(0) + of_row);
        }
        listeners.extend(Some(play.listener).filter(|listener| *listener != NONE));
    }
    let row = |(grain, (plays, played_ms, listeners)): (Vec<(bool, String)>, _)| {
        let part = |(is_null, text): (bool, String)| if is_null { "null".to_owned() } else { text };
        let grain: Vec<String> = grain.into_iter().map(part).collect();
        let listeners: BTreeSet<u32> = listeners;
        let n_listeners = i64::try_from(listeners.len()).unwrap();
        (grain.try_into().unwrap(), plays, played_ms, Some(n_listeners).filter(|n| *n != 0))
    };
    sums.into_iter().map(row).collect()
}

fn rows() -> impl Strategy<Value = Vec<FlatPlay>> {
    let n_tracks = u32::try_from(TRACKS.len()).unwrap();
    let months = [-1, 20_332, 20_697, 20_697, 20_698, 20_711, 20_727];
    let numbers = (
        0..n_tracks,
        prop_oneof![5 => 0_u32..4, 1 => Just(NONE)],
        prop_oneof![3 => 0_u32..90_000, 1 => Just(NONE)],
        prop_oneof![4 => Just(1_u32), 1 => 2_u32..9, 1 => Just(u32::MAX)],
        prop_oneof![3 => Just(0_u32), 2 => 1_u32..10],
    );
    // Few values of each, so that groups have several rows.
    let others = (
        prop::sample::select(months.to_vec()),
        prop::sample::select(TERRITORIES.to_vec()),
        prop_oneof![3 => Just(4_u32), 1 => 0_u32..18],
        prop_oneof![3 => Just(ONLINE), 1 => Just(OFFLINE), 1 => Just(OFFLINE_UNKNOWN)],
        prop::bool::weighted(0.8),
    );
    let row = (numbers, others).prop_map(|(numbers, others)| {
        let (track, listener, played_ms, plays, mark) = numbers;
        let (day, code, product, offline, is_usual) = others;
        let territory = territory(if is_usual { "DE" } else { code });
        let listened_at_ms = day * MS_PER_DAY + i64::from(track);
        let play = FlatPlay { track, listener, played_ms, plays, mark, ..testing::flat(0) };
        FlatPlay { listened_at_ms, territory, product, offline, ..play }
    });
    prop::collection::vec(row, 0..120).prop_map(|mut rows| {
        (1..).zip(&mut rows).for_each(|(row, play)| play.row = row);
        rows
    })
}

fn policies() -> impl Strategy<Value = Policy> {
    let actions = [RepeaterAction::Hold, RepeaterAction::Exclude, RepeaterAction::Cap];
    prop::sample::select(actions.to_vec()).prop_map(|action| {
        let mut policy = testing::policy();
        policy.repeater.action = action;
        policy
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn sums_and_order_are_those_of_a_plain_map_by_the_grain(rows in rows(), policy in policies()) {
        let plays = judged(rows);
        let trends = summed(&plays, &policy);
        prop_assert_eq!(shown(&trends), oracle(&plays, &policy));
        prop_assert!(names_its_own_store_tracks(&trends));
        prop_assert!(trends.store_tracks.is_sorted_by(|a, b| a < b));
    }
}

proptest! {
    #[test]
    fn plays_are_conserved(rows in rows(), policy in policies()) {
        let plays = judged(rows);
        let n_plays: i64 = plays.rows.iter().map(|play| i64::from(play.plays)).sum();
        prop_assert_eq!(summed(&plays, &policy).n_plays(), n_plays);
    }

    #[test]
    fn sums_of_whole_tracks_follow_each_other_in_each_month(
        rows in rows(), policy in policies(), is_cut in prop::collection::vec(any::<bool>(), 12),
    ) {
        let whole = judged(rows);
        let order = order_by_track(&whole.plays);
        let names = whole.plays.words.track_names();
        let name = |place: &u32| names[whole.plays.rows[*place as usize].track as usize];
        let mut is_cut = is_cut.into_iter().cycle();
        let mut parts: Vec<Vec<u32>> = vec![Vec::new()];
        for track in order.chunk_by(|a, b| name(a) == name(b)) {
            if is_cut.next() == Some(true) {
                parts.push(Vec::new());
            }
            parts.last_mut().unwrap().extend(track);
        }
        let sum = |part: &Vec<u32>| shown(&sum_trends(&whole.plays, part, &policy));
        let mut joined: Vec<Shown> = parts.iter().flat_map(sum).collect();
        joined.sort_by(|(a, ..), (b, ..)| a[0].cmp(&b[0]));
        prop_assert_eq!(joined, shown(&summed(&whole, &policy)));
    }
}

/// Whether the store tracks are those that the rows name, none twice in a row.
fn names_its_own_store_tracks(trends: &DayTrends) -> bool {
    let ids = trends.rows().map(|row| row.store_track).filter(|id| *id != NONE);
    let ids: BTreeSet<u32> = ids.collect();
    ids.into_iter().eq((0..).take(trends.store_tracks.len()))
        && trends.store_tracks.windows(2).all(|names| names[0] != names[1])
}

/// A play of the counted month in a group of its own track.
fn heard(track: u32) -> FlatPlay {
    FlatPlay { track, listened_at_ms: 20_711 * MS_PER_DAY, ..testing::flat(1) }
}

fn lines_of(rows: &[FlatPlay]) -> String {
    lines(&summed(&judged(rows.to_vec()), &testing::policy()))
}

#[test]
fn a_group_without_any_known_time_or_listener_has_none_and_others_leave_the_unknown_out() {
    let unknown = FlatPlay { played_ms: NONE, listener: NONE, plays: 5, ..heard(0) };
    let known = FlatPlay { played_ms: 0, listener: 3, plays: 2, ..heard(3) };
    let rows = [unknown, unknown, known, FlatPlay { track: 3, ..unknown }];
    insta::assert_snapshot!(lines_of(&rows), @"
    2026-09 AA0000000000 null 00000000 null bundle false counted null | 7 0 1
    2026-09 USABC1234567 null 036000291452 null bundle false counted null | 10 null null
    ");
}

#[test]
fn played_time_is_that_of_each_play_and_listeners_are_distinct() {
    let rows = [(0, 3), (1, 1), (0, 1), (2, 1), (1, 1), (NONE, 1)];
    let rows =
        rows.map(|(listener, plays)| FlatPlay { listener, plays, played_ms: 1_000, ..heard(0) });
    insta::assert_snapshot!(
        lines_of(&rows),
        @"2026-09 USABC1234567 null 036000291452 null bundle false counted null | 8 8000 3"
    );
}

#[test]
fn the_month_is_that_of_the_listening_date_in_utc() {
    let september = 20_697 * MS_PER_DAY;
    let rows = [september, september - 1, 20_727 * MS_PER_DAY, -1, september + 1];
    let rows = rows.map(|listened_at_ms| FlatPlay { listened_at_ms, ..heard(0) });
    insta::assert_snapshot!(lines_of(&rows), @"
    1969-12 USABC1234567 null 036000291452 null bundle false counted null | 1 60000 1
    2026-08 USABC1234567 null 036000291452 null bundle false counted null | 1 60000 1
    2026-09 USABC1234567 null 036000291452 null bundle false counted null | 2 120000 1
    2026-10 USABC1234567 null 036000291452 null bundle false counted null | 1 60000 1
    ");
}

#[test]
fn a_recording_has_no_store_track_and_nulls_come_last() {
    let rows: Vec<FlatPlay> = (0..11).map(heard).collect();
    insta::assert_snapshot!(lines_of(&rows), @"
    2026-09 AA0000000000 null 00000000 null bundle false counted null | 1 60000 1
    2026-09 USABC1234567 null 036000291452 null bundle false counted null | 2 120000 1
    2026-09 USABC1234567 null null null bundle false counted null | 1 60000 1
    2026-09 ZZZZZ9999999 null 00000000 null bundle false counted null | 1 60000 1
    2026-09 ZZZZZ9999999 null 99999999999997 null bundle false counted null | 1 60000 1
    2026-09 null t1 036000291452 null bundle false counted null | 1 60000 1
    2026-09 null t1 99999999999997 null bundle false counted null | 1 60000 1
    2026-09 null t1 null null bundle false counted null | 1 60000 1
    2026-09 null t10 null null bundle false counted null | 1 60000 1
    2026-09 null t2 4006381333931 null bundle false counted null | 1 60000 1
    ");
}

#[test]
fn a_track_is_told_apart_by_territory_tier_offline_verdict_and_reason() {
    let of = |reason: Reason| FlatPlay { mark: u32::from(reason as u8), ..heard(0) };
    let rows = [
        of(Reason::Repeater),
        of(Reason::TooShort),
        heard(0),
        of(Reason::DurationMissing),
        of(Reason::Duplicate),
        FlatPlay { offline: OFFLINE_UNKNOWN, ..heard(0) },
        FlatPlay { offline: OFFLINE, ..heard(0) },
        FlatPlay { product: 8, ..heard(0) },
        FlatPlay { product: 9, ..heard(0) },
        FlatPlay { territory: territory("ZW"), ..heard(0) },
        FlatPlay { territory: territory("AD"), ..heard(0) },
    ];
    insta::assert_snapshot!(lines_of(&rows), @"
    2026-09 USABC1234567 null 036000291452 AD bundle false counted null | 1 60000 1
    2026-09 USABC1234567 null 036000291452 ZW bundle false counted null | 1 60000 1
    2026-09 USABC1234567 null 036000291452 null bundle false counted null | 2 120000 1
    2026-09 USABC1234567 null 036000291452 null bundle false excluded duplicate | 1 60000 1
    2026-09 USABC1234567 null 036000291452 null bundle false excluded too_short | 1 60000 1
    2026-09 USABC1234567 null 036000291452 null bundle false held duration_missing | 1 60000 1
    2026-09 USABC1234567 null 036000291452 null bundle false held repeater | 1 60000 1
    2026-09 USABC1234567 null 036000291452 null bundle true counted null | 1 60000 1
    2026-09 USABC1234567 null 036000291452 null bundle null counted null | 1 60000 1
    2026-09 USABC1234567 null 036000291452 null unmapped false counted null | 1 60000 1
    ");
}

#[test]
fn a_track_of_many_rows_with_releases_and_months_in_turn_is_summed_as_a_small_one() {
    // Places are gathered in batches, over whose ends tracks, releases and groups go on.
    let n_rows = 3 * u32::try_from(super::GATHERED_ROWS).unwrap() + 7;
    let rows = (0..n_rows).map(|row| {
        let month = [20_697, 20_696][row as usize % 7 / 6];
        let listened_at_ms = month * MS_PER_DAY + i64::from(row) * 1_000;
        let mark = if row % 5 == 0 { 1 + row % 3 } else { 0 };
        let listener = row * 7 % 1_013;
        FlatPlay { row, track: row % 13 % 6, listener, listened_at_ms, mark, ..testing::flat(0) }
    });
    let plays = judged(rows.collect());
    assert_eq!(shown(&summed(&plays, &testing::policy())), oracle(&plays, &testing::policy()));
}

#[test]
fn what_is_not_there_adds_up_to_nothing() {
    assert_eq!(summed(&judged(Vec::new()), &testing::policy()), DayTrends::default());
    assert_eq!([None, Some(0)].map(|sum| OptionalSum::from(sum).get()), [None, Some(0)]);
}

#[test]
fn a_row_that_is_appended_keeps_the_name_of_its_store_track() {
    let trends = summed(&judged(vec![heard(0), heard(6), heard(9)]), &testing::policy());
    let mut again = DayTrends::default();
    for row in trends.rows() {
        let name = trends.store_tracks.get(row.store_track as usize);
        again.push(&row, name.map(|name| &**name));
    }
    assert_eq!(again, trends);
}
