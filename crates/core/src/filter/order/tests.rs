//! Claims about the filter as a whole: the bounds of each rule, their order, and that every mark is
//! the one that a plain reading of the rules gives.

mod one_day;
mod one_play;
mod oracle;
mod properties;

use super::judge_plays;
use crate::filter::policy::{Policy, RepeaterAction, RuleAction};
use crate::model::day::{Day, MS_PER_DAY};
use crate::model::play::{NONE, OFFLINE, PlayMark, Plays};
use crate::model::verdict::{Finding, Reason, Verdict};
use crate::normalize::store::StoreSettings;
use crate::testing::{self, FlatPlay};

/// 2026-09-15.
const COUNTED: Day = Day(20_711);
/// Noon of the counted date.
const NOON: i64 = COUNTED.0 as i64 * MS_PER_DAY + MS_PER_DAY / 2;

/// Two store tracks of one recording.
const RECORDING_A: u32 = 200;
const RECORDING_B: u32 = 201;
/// Another recording, whose store track has the name of track 0.
const NAMESAKE_OF_0: u32 = 202;

/// The policy as shipped, with all of rules 4 to 8 but one out of reach.
fn only(rule: Reason) -> Policy {
    let Policy { impossible_volume, impossible_time, low_variety, repeater, short_cluster, .. } =
        testing::policy();
    let mut policy = out_of_reach();
    match rule {
        Reason::ImpossibleVolume => policy.impossible_volume = impossible_volume,
        Reason::ImpossibleTime => policy.impossible_time = impossible_time,
        Reason::LowVariety => policy.low_variety = low_variety,
        Reason::Repeater => policy.repeater = repeater,
        Reason::ShortCluster => policy.short_cluster = short_cluster,
        _ => {}
    }
    policy
}

fn out_of_reach() -> Policy {
    let mut policy = testing::policy();
    policy.impossible_volume.plays_max = u32::MAX;
    policy.impossible_time.played_ms_max = u64::MAX;
    policy.low_variety.plays_min = u32::MAX;
    policy.repeater.plays_min = u32::MAX;
    policy.short_cluster.plays_min = u32::MAX;
    policy
}

/// A minute of track 0 by listener 0, the nth millisecond after noon, on an exact clock.
fn heard(n: u32) -> FlatPlay {
    FlatPlay { listened_at_ms: NOON + i64::from(n), exact: 1, ..testing::flat(0) }
}

/// `n_rows` of these.
fn rows(n_rows: u32, play: impl Fn(u32) -> FlatPlay) -> Vec<FlatPlay> {
    (0..n_rows).map(play).collect()
}

/// The rows as plays, numbered from 1 in each report. Tracks below [`RECORDING_A`] have no ISRC.
fn ledger(rows: &mut [FlatPlay]) -> Plays {
    for report in rows.chunk_by_mut(|a, b| a.report == b.report) {
        (1..).zip(report).for_each(|(row, play)| play.row = row);
    }
    let names: Vec<String> = (0..RECORDING_A).map(|n| format!("t{n}")).collect();
    let mut tracks: Vec<(&str, &str)> = names.iter().map(|name| ("", name.as_str())).collect();
    tracks.extend([("USABC1234567", "a"), ("USABC1234567", "b"), ("USABC1234568", "t0")]);
    testing::plays(rows, testing::words(&tracks, 3))
}

/// What is decided of the rows, a line for each run of rows with the same outcome. Rows are named by
/// report and row where there are several reports.
fn judged_by(mut rows: Vec<FlatPlay>, store: &StoreSettings, policy: &Policy) -> String {
    let mut plays = ledger(&mut rows);
    judge_plays(&mut plays, COUNTED, store, policy, &[]);
    let number = |n: Option<i64>| n.map_or("null".to_owned(), |n| n.to_string());
    let outcome = |place: usize| {
        let mark = plays.mark(place).copied();
        let verdict = policy.verdict(mark.map(|mark| mark.finding)).as_str();
        mark.map_or(verdict.to_owned(), |PlayMark { finding, measured, threshold }| {
            let reason = finding.reason().as_str();
            format!("{verdict} {reason} {}/{}", number(measured), number(threshold))
        })
    };
    let name = |play: &FlatPlay| match plays.reports.len() {
        1 => play.row.to_string(),
        _ => format!("{}.{}", play.report, play.row),
    };
    let outcomes: Vec<(FlatPlay, String)> =
        rows.iter().enumerate().map(|(place, play)| (*play, outcome(place))).collect();
    let runs = outcomes
        .chunk_by(|(a, a_outcome), (b, b_outcome)| (a_outcome, a.report) == (b_outcome, b.report));
    let line = |run: &[(FlatPlay, String)]| match run {
        [(one, outcome)] => format!("{}: {outcome}", name(one)),
        _ => format!("{}-{}: {}", name(&run[0].0), run[run.len() - 1].0.row, run[0].1),
    };
    runs.map(line).collect::<Vec<_>>().join("\n")
}

/// The same at Spotify, by one rule of 4 to 8 or by none of them.
fn judged(rows: Vec<FlatPlay>, rule: Reason) -> String {
    judged_by(rows, &testing::store(), &only(rule))
}

#[test]
fn the_verdict_follows_from_the_reason_and_the_repeaters_action() {
    let mut policy = testing::policy();
    let mut verdict = |reason: Option<Reason>, action| {
        policy.repeater.action = action;
        policy.verdict(reason.map(Finding::of))
    };
    for action in [RepeaterAction::Hold, RepeaterAction::Exclude, RepeaterAction::Cap] {
        assert_eq!(verdict(None, action), Verdict::Counted);
        for reason in Reason::ALL {
            let held = match reason {
                Reason::DurationMissing | Reason::ShortCluster => true,
                Reason::Repeater => action == RepeaterAction::Hold,
                _ => false,
            };
            let expected = if held { Verdict::Held } else { Verdict::Excluded };
            assert_eq!(verdict(Some(reason), action), expected, "{reason:?} {action:?}");
        }
    }
}

#[test]
fn the_first_of_rules_1_to_3_wins_and_takes_the_row_from_those_that_follow() {
    let late = FlatPlay {
        listened_at_ms: NOON - 31 * MS_PER_DAY,
        offline: OFFLINE,
        exact: 1,
        ..testing::flat(0)
    };
    let short = FlatPlay { played_ms: 29_999, ..late };
    let unknown = FlatPlay { played_ms: NONE, ..late };
    let mut policy = out_of_reach();
    policy.repeater.plays_min = 1;
    let rows = vec![short, short, unknown, unknown, late, late, heard(0)];
    insta::assert_snapshot!(judged_by(rows, &testing::store(), &policy), @"
    1: excluded too_short 29999/30000
    2: excluded duplicate 2/1
    3: held duration_missing null/null
    4: excluded duplicate 2/1
    5: excluded offline_expired 31/30
    6: excluded duplicate 2/1
    7: held repeater 1/1
    ");
}

#[test]
fn the_first_of_rules_4_to_8_wins() {
    let day = || rows(6, |n| FlatPlay { played_ms: 30_000, ..heard(n) });
    let mut policy = testing::policy();
    policy.impossible_volume.plays_max = 5;
    policy.impossible_time.played_ms_max = 179_999;
    policy.low_variety.plays_min = 6;
    policy.repeater.plays_min = 6;
    policy.short_cluster.plays_min = 6;
    let mut lines = Vec::new();
    let mut ask = |policy: &Policy| lines.push(judged_by(day(), &testing::store(), policy));
    ask(&policy);
    policy.impossible_volume.plays_max = 6;
    ask(&policy);
    policy.impossible_time.played_ms_max = 180_000;
    ask(&policy);
    policy.low_variety.plays_min = 7;
    ask(&policy);
    policy.repeater.plays_min = 7;
    ask(&policy);
    policy.short_cluster.plays_min = 7;
    ask(&policy);
    insta::assert_snapshot!(lines.join("\n"), @"
    1-6: excluded impossible_volume 6/5
    1-6: excluded impossible_time 180000/179999
    1-6: excluded low_variety 6/6
    1-6: held repeater 6/6
    1-6: held short_cluster 10000/6000
    1-6: counted
    ");
}

#[test]
fn a_measure_is_also_over_rows_that_an_earlier_rule_marked() {
    // 50 of 70 plays are short, all of them a repeater's.
    let day = |n| match n {
        0..50 => FlatPlay { played_ms: 30_000, ..heard(n) },
        _ => FlatPlay { track: 1 + n % 7, ..heard(n) },
    };
    let policy = testing::policy();
    insta::assert_snapshot!(judged_by(rows(70, day), &testing::store(), &policy), @"
    1-50: held repeater 50/50
    51-70: held short_cluster 7142/6000
    ");
}

#[test]
fn what_a_cap_lets_through_is_judged_by_the_next_rule() {
    let mut policy = testing::policy();
    policy.repeater.action = RepeaterAction::Cap;
    let day = rows(55, |n| FlatPlay { played_ms: 30_000, ..heard(n) });
    insta::assert_snapshot!(judged_by(day, &testing::store(), &policy), @"
    1-50: held short_cluster 10000/6000
    51-55: excluded repeater 55/50
    ");
}

#[test]
fn rows_that_rules_1_to_3_marked_are_in_no_measure() {
    let late = NOON - 31 * MS_PER_DAY;
    let mut day = rows(49, heard);
    day.extend([
        heard(48),
        FlatPlay { played_ms: 29_999, ..heard(49) },
        FlatPlay { played_ms: NONE, ..heard(50) },
    ]);
    day.extend(rows(50, |n| FlatPlay {
        listened_at_ms: late + i64::from(n),
        offline: OFFLINE,
        ..heard(n)
    }));
    insta::assert_snapshot!(judged_by(day, &testing::store(), &testing::policy()), @"
    1-49: counted
    50: excluded duplicate 2/1
    51: excluded too_short 29999/30000
    52: held duration_missing null/null
    53-102: excluded offline_expired 31/30
    ");
}

#[test]
fn an_offline_batch_is_judged_by_listening_date() {
    let of_day = |back: i64| {
        rows(49, move |n| FlatPlay {
            listened_at_ms: heard(n).listened_at_ms - back * MS_PER_DAY,
            offline: OFFLINE,
            ..heard(n)
        })
    };
    let batch: Vec<FlatPlay> = (0..=30).flat_map(of_day).collect();
    insta::assert_snapshot!(
        judged_by(batch, &testing::store(), &testing::policy()),
        @"1-1519: counted"
    );
}

#[test]
fn a_day_begins_at_midnight_utc() {
    let midnight = NOON + MS_PER_DAY / 2;
    let around = |n: i64| FlatPlay { listened_at_ms: midnight + n, exact: 1, ..testing::flat(0) };
    let mut policy = out_of_reach();
    policy.repeater.plays_min = 2;
    let rows = vec![around(-1), around(0), around(1)];
    insta::assert_snapshot!(judged_by(rows, &testing::store(), &policy), @"
    1: counted
    2-3: held repeater 2/2
    ");
}

#[test]
fn rules_2_and_3_alone_judge_rows_without_a_listener() {
    let nobody = |n| FlatPlay { listener: NONE, played_ms: 30_000, ..heard(n) };
    let mut day = rows(3_000, |_| nobody(0));
    day.push(FlatPlay { played_ms: 29_999, ..nobody(0) });
    day.push(FlatPlay { played_ms: NONE, ..nobody(0) });
    day.push(FlatPlay { listened_at_ms: NOON - 31 * MS_PER_DAY, offline: OFFLINE, ..nobody(0) });
    insta::assert_snapshot!(judged_by(day, &testing::store(), &testing::policy()), @"
    1-3000: counted
    3001: excluded too_short 29999/30000
    3002: held duration_missing null/null
    3003: excluded offline_expired 31/30
    ");
}

#[test]
fn rows_without_a_listener_add_nothing_to_anybodys_measure() {
    let mut day = rows(49, heard);
    day.push(FlatPlay { listener: NONE, ..heard(49) });
    insta::assert_snapshot!(judged(day, Reason::Repeater), @"1-50: counted");
}

#[test]
fn no_plays_are_judged_without_a_mark() {
    let mut plays = Plays::default();
    judge_plays(&mut plays, COUNTED, &testing::store(), &testing::policy(), &[]);
    assert_eq!(plays, Plays::default());
}
