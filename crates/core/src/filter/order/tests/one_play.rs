//! Rules 1 to 3: what a play is by itself, and whether it is there already.

use super::*;
use crate::model::play::{OFFLINE_UNKNOWN, ONLINE};
use crate::normalize::store::AtBound;

/// Read off the store's clock, which is rounded to 900 s.
fn rounded(played_ms: u32) -> FlatPlay {
    FlatPlay { exact: 0, played_ms, ..heard(0) }
}

fn by_rules_1_to_3(rows: Vec<FlatPlay>) -> String {
    judged_by(rows, &testing::store(), &out_of_reach())
}

/// A row of this report.
fn of(report: u32, play: FlatPlay) -> FlatPlay {
    FlatPlay { report, ..play }
}

#[test]
fn a_duplicate_agrees_in_listener_track_listening_time_and_played_time() {
    let play = heard(0);
    let others = vec![
        play,
        FlatPlay { listener: 1, ..play },
        FlatPlay { track: 1, ..play },
        FlatPlay { listened_at_ms: NOON + 1, ..play },
        FlatPlay { played_ms: 60_001, ..play },
        FlatPlay { played_ms: NONE, ..play },
        play,
    ];
    insta::assert_snapshot!(by_rules_1_to_3(others), @"
    1-5: counted
    6: held duration_missing null/null
    7: excluded duplicate 2/1
    ");
}

#[test]
fn a_duplicate_may_differ_in_all_else() {
    let play = heard(0);
    let others = vec![
        play,
        FlatPlay { territory: 1, ..play },
        FlatPlay { offline: OFFLINE, ..play },
        FlatPlay { track_ms: 70_000, ..play },
        FlatPlay { plays: 7, ..play },
        FlatPlay { source: 1, device: 1, ..play },
    ];
    insta::assert_snapshot!(by_rules_1_to_3(others), @"
    1: counted
    2-6: excluded duplicate 6/1
    ");
}

#[test]
fn a_track_is_its_isrc_or_where_there_is_none_the_stores_id() {
    let rows = [RECORDING_A, 0, NAMESAKE_OF_0, RECORDING_B, 0, NAMESAKE_OF_0];
    let rows = rows.map(|track| FlatPlay { track, ..heard(0) }).to_vec();
    insta::assert_snapshot!(by_rules_1_to_3(rows), @"
    1-3: counted
    4-6: excluded duplicate 2/1
    ");
}

#[test]
fn an_exact_and_a_rounded_time_are_never_equal() {
    let (exact, rounded) = (heard(0), FlatPlay { exact: 0, ..heard(0) });
    let rows = vec![exact, rounded, exact];
    insta::assert_snapshot!(by_rules_1_to_3(rows), @"
    1-2: counted
    3: excluded duplicate 2/1
    ");
}

#[test]
fn an_exact_time_has_room_for_one() {
    insta::assert_snapshot!(by_rules_1_to_3(rows(3, |_| heard(0))), @"
    1: counted
    2-3: excluded duplicate 3/1
    ");
}

#[test]
fn as_many_count_as_can_begin_in_a_step_of_the_clock() {
    for (played_ms, n_kept) in [
        (30_000, 30),
        (180_000, 5),
        (180_001, 5),
        (224_999, 5),
        (225_000, 4),
        (449_999, 3),
        (450_000, 2),
        (450_001, 2),
        (899_999, 2),
        (900_000, 1),
        (900_001, 1),
        (86_400_000, 1),
    ] {
        let same = rows(n_kept + 1, |_| rounded(played_ms));
        let kept = if n_kept == 1 { "1".to_owned() } else { format!("1-{n_kept}") };
        let last = n_kept + 1;
        assert_eq!(
            by_rules_1_to_3(same),
            format!("{kept}: counted\n{last}: excluded duplicate {last}/{n_kept}"),
        );
    }
}

#[test]
fn a_step_of_the_clock_has_room_for_one_play_of_nothing_or_of_nobody_knows_how_long() {
    let rows = [0, 0, NONE, NONE].map(rounded).to_vec();
    insta::assert_snapshot!(by_rules_1_to_3(rows), @"
    1: excluded too_short 0/30000
    2: excluded duplicate 2/1
    3: held duration_missing null/null
    4: excluded duplicate 2/1
    ");
}

#[test]
fn a_wider_step_has_room_for_more() {
    let mut store = testing::store();
    store.clock.rounded_to_s = 86_400;
    let day = rows(1_441, |_| rounded(60_000));
    insta::assert_snapshot!(judged_by(day, &store, &out_of_reach()), @"
    1-1440: counted
    1441: excluded duplicate 1441/1440
    ");
}

#[test]
fn the_report_with_most_of_the_rows_keeps_its_first() {
    let play = rounded(300_000);
    let mut sent_twice = vec![of(0, play), of(0, play)];
    sent_twice.extend(rows(5, |_| of(1, play)));
    sent_twice.extend(rows(4, |_| of(2, play)));
    insta::assert_snapshot!(by_rules_1_to_3(sent_twice), @"
    0.1-2: excluded duplicate 11/3
    1.1-3: counted
    1.4-5: excluded duplicate 11/3
    2.1-4: excluded duplicate 11/3
    ");
}

#[test]
fn of_reports_with_as_many_rows_the_smallest_hash_keeps_its_own() {
    let play = rounded(300_000);
    let rows = [0, 1, 1, 2, 2].map(|report| of(report, play)).to_vec();
    insta::assert_snapshot!(by_rules_1_to_3(rows), @"
    0.1: excluded duplicate 5/2
    1.1-2: counted
    2.1-2: excluded duplicate 5/2
    ");
}

#[test]
fn a_report_keeps_no_more_rows_than_it_has_though_more_would_fit() {
    let play = rounded(30_000);
    let rows = [0, 0, 1].map(|report| of(report, play)).to_vec();
    insta::assert_snapshot!(by_rules_1_to_3(rows), @"
    0.1-2: counted
    1.1: excluded duplicate 3/2
    ");
}

#[test]
fn rows_between_those_of_a_group_do_not_matter() {
    let (a, b) = (rounded(450_000), rounded(450_001));
    insta::assert_snapshot!(by_rules_1_to_3(vec![a, b, a, b, a, b, a]), @"
    1-4: counted
    5: excluded duplicate 4/2
    6: excluded duplicate 3/2
    7: excluded duplicate 4/2
    ");
}

#[test]
fn duplicates_are_counted_in_rows_whatever_they_stand_for() {
    let play = FlatPlay { plays: 100, ..rounded(450_000) };
    insta::assert_snapshot!(by_rules_1_to_3(rows(3, |_| play)), @"
    1-2: counted
    3: excluded duplicate 3/2
    ");
}

#[test]
fn rows_without_a_listener_are_no_duplicates_of_each_other() {
    let nobody = FlatPlay { listener: NONE, ..heard(0) };
    insta::assert_snapshot!(by_rules_1_to_3(vec![nobody, nobody, nobody]), @"1-3: counted");
}

#[test]
fn a_play_counts_from_the_bound_on() {
    let lengths = || {
        let lengths = [0, 1, 29_999, 30_000, 30_001, 86_400_000, NONE];
        (0..).zip(lengths).map(|(n, played_ms)| FlatPlay { played_ms, ..heard(n) }).collect()
    };
    insta::assert_snapshot!(by_rules_1_to_3(lengths()), @"
    1: excluded too_short 0/30000
    2: excluded too_short 1/30000
    3: excluded too_short 29999/30000
    4-6: counted
    7: held duration_missing null/null
    ");
    let mut apple = testing::store();
    apple.minimum.at_bound = AtBound::TooShort;
    apple.played_time.countable_only = true;
    insta::assert_snapshot!(judged_by(lengths(), &apple, &out_of_reach()), @"
    1: excluded too_short 0/30000
    2: excluded too_short 1/30000
    3: excluded too_short 29999/30000
    4: excluded too_short 30000/30000
    5-7: counted
    ");
}

#[test]
fn an_offline_play_is_accepted_for_30_days_by_date() {
    let midnight = NOON - MS_PER_DAY / 2;
    let offline = |listened_at_ms| FlatPlay { listened_at_ms, offline: OFFLINE, ..heard(0) };
    let rows = vec![
        offline(midnight - 31 * MS_PER_DAY),
        offline(midnight - 30 * MS_PER_DAY - 1),
        offline(midnight - 30 * MS_PER_DAY),
        offline(midnight - 29 * MS_PER_DAY - 1),
        offline(NOON),
        offline(NOON + MS_PER_DAY),
        offline(-1),
    ];
    insta::assert_snapshot!(by_rules_1_to_3(rows), @"
    1-2: excluded offline_expired 31/30
    3-6: counted
    7: excluded offline_expired 20712/30
    ");
}

#[test]
fn a_late_play_is_accepted_unless_the_store_says_that_it_was_offline() {
    let late = |offline| FlatPlay { listened_at_ms: NOON - 400 * MS_PER_DAY, offline, ..heard(0) };
    let rows = vec![
        FlatPlay { listener: 0, ..late(ONLINE) },
        FlatPlay { listener: 1, ..late(OFFLINE_UNKNOWN) },
        FlatPlay { listener: 2, ..late(OFFLINE) },
    ];
    insta::assert_snapshot!(by_rules_1_to_3(rows), @"
    1-2: counted
    3: excluded offline_expired 400/30
    ");
}
