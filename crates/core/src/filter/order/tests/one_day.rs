//! Rules 4 to 8: what a listener's day is.

use super::*;

/// At a store whose feed holds countable plays only, so that a play of unknown length comes to rules
/// 4 to 8.
fn judged_countable(rows: Vec<FlatPlay>, rule: Reason) -> String {
    let mut store = testing::store();
    store.played_time.countable_only = true;
    judged_by(rows, &store, &only(rule))
}

#[test]
fn a_day_holds_2880_plays() {
    let day = |n_rows| judged(rows(n_rows, heard), Reason::ImpossibleVolume);
    insta::assert_snapshot!(day(2_880), @"1-2880: counted");
    insta::assert_snapshot!(day(2_881), @"1-2881: excluded impossible_volume 2881/2880");
}

#[test]
fn a_row_weighs_as_many_plays_as_it_stands_for() {
    let day = |plays| vec![FlatPlay { plays, ..heard(0) }, heard(1)];
    insta::assert_snapshot!(judged(day(2_879), Reason::ImpossibleVolume), @"1-2: counted");
    insta::assert_snapshot!(
        judged(day(2_880), Reason::ImpossibleVolume),
        @"1-2: excluded impossible_volume 2881/2880"
    );
    insta::assert_snapshot!(
        judged(rows(2, |n| FlatPlay { plays: u32::MAX, ..heard(n) }), Reason::ImpossibleVolume),
        @"1-2: excluded impossible_volume 8589934590/2880"
    );
}

#[test]
fn each_listener_and_each_date_has_a_volume_of_its_own() {
    let many = FlatPlay { plays: 2_880, ..heard(0) };
    let rows = vec![
        many,
        FlatPlay { listener: 1, ..many },
        FlatPlay { listened_at_ms: NOON - MS_PER_DAY, ..many },
        FlatPlay { listener: 2, plays: 2_881, ..many },
    ];
    insta::assert_snapshot!(judged(rows, Reason::ImpossibleVolume), @"
    1-3: counted
    4: excluded impossible_volume 2881/2880
    ");
}

#[test]
fn a_day_holds_90_720_seconds() {
    let day = |last_ms| {
        vec![
            FlatPlay { played_ms: 86_400_000, ..heard(0) },
            FlatPlay { played_ms: last_ms, ..heard(1) },
        ]
    };
    insta::assert_snapshot!(judged(day(4_320_000), Reason::ImpossibleTime), @"1-2: counted");
    insta::assert_snapshot!(
        judged(day(4_320_001), Reason::ImpossibleTime),
        @"1-2: excluded impossible_time 90720001/90720000"
    );
}

#[test]
fn played_time_is_that_of_each_play_of_a_row() {
    let row = |played_ms| vec![FlatPlay { played_ms, plays: 1_000, ..heard(0) }];
    insta::assert_snapshot!(judged(row(90_720), Reason::ImpossibleTime), @"1: counted");
    insta::assert_snapshot!(
        judged(row(90_721), Reason::ImpossibleTime),
        @"1: excluded impossible_time 90721000/90720000"
    );
}

#[test]
fn an_unknown_played_time_adds_no_time_but_goes_with_its_day() {
    let day = |last_ms| {
        let unknown = FlatPlay { played_ms: NONE, plays: 1_000, ..heard(0) };
        vec![
            unknown,
            FlatPlay { played_ms: 86_400_000, ..heard(1) },
            FlatPlay { played_ms: last_ms, ..heard(2) },
        ]
    };
    insta::assert_snapshot!(judged_countable(day(4_320_000), Reason::ImpossibleTime), @"1-3: counted");
    insta::assert_snapshot!(
        judged_countable(day(4_320_001), Reason::ImpossibleTime),
        @"1-3: excluded impossible_time 90720001/90720000"
    );
}

/// A day with this many different played times, tracks, and this longest play.
fn varied(n_rows: u32, n_times: u32, n_tracks: u32, longest_ms: u32) -> Vec<FlatPlay> {
    rows(n_rows, |n| FlatPlay {
        played_ms: longest_ms - n % n_times,
        track: n % n_tracks,
        ..heard(n)
    })
}

#[test]
fn variety_is_asked_for_from_150_plays_on() {
    let day = |n_rows| judged(varied(n_rows, 1, 3, 200_000), Reason::LowVariety);
    insta::assert_snapshot!(day(149), @"1-149: counted");
    insta::assert_snapshot!(day(150), @"1-150: excluded low_variety 150/150");
    insta::assert_snapshot!(day(151), @"1-151: excluded low_variety 151/150");
    let sums = rows(3, |n| FlatPlay { plays: 50, ..heard(n) });
    insta::assert_snapshot!(judged(sums, Reason::LowVariety), @"1-3: excluded low_variety 150/150");
}

#[test]
fn ten_different_played_times_are_few() {
    let day = |n_times| judged(varied(150, n_times, 3, 200_000), Reason::LowVariety);
    insta::assert_snapshot!(day(10), @"1-150: excluded low_variety 150/150");
    insta::assert_snapshot!(day(11), @"1-150: counted");
}

#[test]
fn plays_of_at_most_80_seconds_are_all_short() {
    let day = |longest_ms| judged(varied(150, 11, 3, longest_ms), Reason::LowVariety);
    insta::assert_snapshot!(day(80_000), @"1-150: excluded low_variety 150/150");
    insta::assert_snapshot!(day(80_001), @"1-150: counted");
}

#[test]
fn as_many_played_times_as_tracks_are_suspicious_but_neither_more_nor_fewer() {
    let day = |n_tracks| judged(varied(150, 11, n_tracks, 200_000), Reason::LowVariety);
    insta::assert_snapshot!(day(10), @"1-150: counted");
    insta::assert_snapshot!(day(11), @"1-150: held low_variety 150/150");
    insta::assert_snapshot!(day(12), @"1-150: counted");
}

/// A cafe plays a list of tracks of different lengths over and over, each to its end.
#[test]
fn tracks_that_are_heard_to_their_end_have_lengths_of_their_own() {
    let cafe = |n_rows: u32, played_percent: u32| {
        rows(n_rows, |n| {
            let track_ms = 180_000 + n % 20 * 1_000;
            FlatPlay {
                track: n % 20,
                track_ms,
                played_ms: track_ms / 100 * played_percent,
                ..heard(n)
            }
        })
    };
    insta::assert_snapshot!(judged(cafe(190, 100), Reason::LowVariety), @"1-190: counted");
    insta::assert_snapshot!(judged(cafe(190, 95), Reason::LowVariety), @"1-190: counted");
    insta::assert_snapshot!(judged(cafe(190, 94), Reason::LowVariety), @"1-190: held low_variety 190/150");
    // A skipped track more is no sign either, and only plays that are cut count to 150.
    let skipped = |n_cut: usize| {
        let mut day = cafe(190, 100);
        day[..n_cut].iter_mut().for_each(|play| play.played_ms = 40_000 + play.track * 100);
        judged(day, Reason::LowVariety)
    };
    insta::assert_snapshot!(skipped(1), @"1-190: counted");
    insta::assert_snapshot!(skipped(149), @"1-190: counted");
    insta::assert_snapshot!(skipped(150), @"1-190: held low_variety 190/150");
}

#[test]
fn the_actions_of_rules_4_to_8_decide_what_becomes_of_their_plays() {
    let by = |set: fn(&mut Policy, RuleAction), action, rule, rows: Vec<FlatPlay>| {
        let mut policy = only(rule);
        set(&mut policy, action);
        judged_by(rows, &testing::store(), &policy)
    };
    let verdicts = |set, rule, rows: &dyn Fn() -> Vec<FlatPlay>| {
        [RuleAction::Hold, RuleAction::Exclude].map(|action| {
            let told = by(set, action, rule, rows());
            told.split(' ').nth(1).unwrap().to_owned()
        })
    };
    let expected = ["held", "excluded"];
    let few = || varied(150, 1, 3, 200_000);
    assert_eq!(verdicts(|p, a| p.low_variety.action = a, Reason::LowVariety, &few), expected);
    let each = || varied(150, 11, 11, 200_000);
    let set: fn(&mut Policy, RuleAction) = |p, a| p.low_variety.length_per_track_action = a;
    assert_eq!(verdicts(set, Reason::LowVariety, &each), expected);
    let many = || rows(1, |n| FlatPlay { plays: 2_881, ..heard(n) });
    let set: fn(&mut Policy, RuleAction) = |p, a| p.impossible_volume.action = a;
    assert_eq!(verdicts(set, Reason::ImpossibleVolume, &many), expected);
    let long = || rows(1, |n| FlatPlay { plays: 1_000, played_ms: 100_000, ..heard(n) });
    let set: fn(&mut Policy, RuleAction) = |p, a| p.impossible_time.action = a;
    assert_eq!(verdicts(set, Reason::ImpossibleTime, &long), expected);
    let short = || rows(30, |n| FlatPlay { played_ms: 31_000, ..heard(n) });
    let set: fn(&mut Policy, RuleAction) = |p, a| p.short_cluster.action = a;
    assert_eq!(verdicts(set, Reason::ShortCluster, &short), expected);
}

#[test]
fn two_store_tracks_of_one_recording_are_one_track_to_variety() {
    let day = |a: u32, b: u32| {
        let mut day = varied(150, 11, 10, 200_000);
        day[0].track = a;
        day[10].track = b;
        judged(day, Reason::LowVariety)
    };
    insta::assert_snapshot!(day(RECORDING_A, RECORDING_B), @"1-150: held low_variety 150/150");
    insta::assert_snapshot!(day(RECORDING_A, NAMESAKE_OF_0), @"1-150: counted");
}

#[test]
fn an_unknown_played_time_is_a_play_but_no_played_time_to_variety() {
    let day = |n_known: u32, n_times| {
        let mut day = varied(150, n_times, 3, 200_000);
        day[n_known as usize..].iter_mut().for_each(|play| play.played_ms = NONE);
        judged_countable(day, Reason::LowVariety)
    };
    insta::assert_snapshot!(day(149, 10), @"1-150: excluded low_variety 150/150");
    insta::assert_snapshot!(day(149, 11), @"1-150: counted");
    insta::assert_snapshot!(day(1, 1), @"1-150: excluded low_variety 150/150");
    insta::assert_snapshot!(day(0, 1), @"1-150: counted");
    let mut day = varied(150, 11, 11, 200_000);
    day[149] = FlatPlay { played_ms: NONE, track: 11, ..day[149] };
    insta::assert_snapshot!(judged_countable(day, Reason::LowVariety), @"1-150: counted");
}

#[test]
fn a_track_is_repeated_from_50_plays_on() {
    let day = |n_rows| judged(rows(n_rows, heard), Reason::Repeater);
    insta::assert_snapshot!(day(49), @"1-49: counted");
    insta::assert_snapshot!(day(50), @"1-50: held repeater 50/50");
    insta::assert_snapshot!(day(51), @"1-51: held repeater 51/50");
}

#[test]
fn a_repeater_is_held_for_the_track_that_he_repeats() {
    let day =
        rows(100, |n| FlatPlay { track: u32::from(!n.is_multiple_of(2) || n == 0), ..heard(n) });
    insta::assert_snapshot!(
        judged(day.iter().copied().filter(|play| play.track == 1).collect(), Reason::Repeater),
        @"1-51: held repeater 51/50"
    );
    let others = day.into_iter().filter(|play| play.track == 0).collect();
    insta::assert_snapshot!(judged(others, Reason::Repeater), @"1-49: counted");
}

#[test]
fn repeats_of_a_recording_are_those_of_all_its_store_tracks() {
    let day = |a: u32, b: u32| {
        judged(
            rows(50, |n| FlatPlay { track: if n < 25 { a } else { b }, ..heard(n) }),
            Reason::Repeater,
        )
    };
    insta::assert_snapshot!(day(RECORDING_A, RECORDING_B), @"1-50: held repeater 50/50");
    insta::assert_snapshot!(day(0, NAMESAKE_OF_0), @"1-50: counted");
}

/// A repeater's rows under an action.
fn repeated(action: RepeaterAction, rows: Vec<FlatPlay>) -> String {
    let mut policy = only(Reason::Repeater);
    policy.repeater.action = action;
    judged_by(rows, &testing::store(), &policy)
}

#[test]
fn a_repeaters_plays_are_held_excluded_or_capped() {
    let day = || rows(52, heard);
    insta::assert_snapshot!(repeated(RepeaterAction::Hold, day()), @"1-52: held repeater 52/50");
    insta::assert_snapshot!(repeated(RepeaterAction::Exclude, day()), @"1-52: excluded repeater 52/50");
    insta::assert_snapshot!(repeated(RepeaterAction::Cap, day()), @"
    1-50: counted
    51-52: excluded repeater 52/50
    ");
    insta::assert_snapshot!(repeated(RepeaterAction::Cap, rows(50, heard)), @"1-50: counted");
}

#[test]
fn a_cap_counts_by_listening_time_then_report_then_row() {
    let at = |n, report| FlatPlay { report, track: RECORDING_A, plays: 10, ..heard(n) };
    let of_b = |play| FlatPlay { track: RECORDING_B, played_ms: 61_000, ..play };
    // The sixth and seventh: the last in time, and the later report's of two at one time.
    let rows =
        vec![at(6, 0), at(0, 0), at(5, 0), at(4, 0), of_b(at(5, 1)), at(1, 1), of_b(at(2, 1))];
    insta::assert_snapshot!(repeated(RepeaterAction::Cap, rows), @"
    0.1: excluded repeater 70/50
    0.2-4: counted
    1.1: excluded repeater 70/50
    1.2-3: counted
    ");
}

#[test]
fn of_rows_at_one_time_a_cap_lets_the_first_through() {
    let same_time = |n: u32| FlatPlay { played_ms: 60_000 + n, listened_at_ms: NOON, ..heard(n) };
    insta::assert_snapshot!(repeated(RepeaterAction::Cap, rows(51, |n| same_time(50 - n))), @"
    1-50: counted
    51: excluded repeater 51/50
    ");
}

#[test]
fn a_row_is_beyond_the_cap_if_its_last_play_is() {
    let of = |plays: [u32; 3]| {
        repeated(
            RepeaterAction::Cap,
            rows(3, |n| FlatPlay { plays: plays[n as usize], ..heard(n) }),
        )
    };
    insta::assert_snapshot!(of([49, 1, 1]), @"
    1-2: counted
    3: excluded repeater 51/50
    ");
    insta::assert_snapshot!(of([49, 2, 1]), @"
    1: counted
    2-3: excluded repeater 52/50
    ");
}

/// This many short plays of this length, then others of a minute.
fn clustered(n_short: u32, played_ms: u32, n_others: u32) -> Vec<FlatPlay> {
    rows(n_short + n_others, |n| match n {
        _ if n < n_short => FlatPlay { played_ms, track: n % 9, ..heard(n) },
        _ => FlatPlay { track: n % 9, ..heard(n) },
    })
}

#[test]
fn a_cluster_has_at_least_30_plays() {
    let day = |n_short| judged(clustered(n_short, 30_000, 0), Reason::ShortCluster);
    insta::assert_snapshot!(day(29), @"1-29: counted");
    insta::assert_snapshot!(day(30), @"1-30: held short_cluster 10000/6000");
}

#[test]
fn a_cluster_is_60_percent_of_the_plays_and_its_share_is_cut() {
    let day =
        |n_short, n_others| judged(clustered(n_short, 30_000, n_others), Reason::ShortCluster);
    insta::assert_snapshot!(day(17, 13), @"1-30: counted");
    insta::assert_snapshot!(day(18, 12), @"1-30: held short_cluster 6000/6000");
    insta::assert_snapshot!(day(20, 11), @"1-31: held short_cluster 6451/6000");
    insta::assert_snapshot!(day(0, 31), @"1-31: counted");
    let sums = |plays: [u32; 2]| {
        let row = |n: u32, played_ms| FlatPlay { plays: plays[n as usize], played_ms, ..heard(n) };
        judged(vec![row(0, 30_000), row(1, 36_000)], Reason::ShortCluster)
    };
    insta::assert_snapshot!(sums([5_999, 4_001]), @"1-2: counted");
    insta::assert_snapshot!(sums([11_999, 8_001]), @"1-2: counted");
    insta::assert_snapshot!(sums([6_000, 4_000]), @"1-2: held short_cluster 6000/6000");
}

#[test]
fn a_short_play_lasts_30_to_just_under_36_seconds() {
    let mut store = testing::store();
    store.minimum.played_ms = 1;
    let day =
        |played_ms| judged_by(clustered(18, played_ms, 12), &store, &only(Reason::ShortCluster));
    insta::assert_snapshot!(day(29_999), @"1-30: counted");
    insta::assert_snapshot!(day(30_000), @"1-30: held short_cluster 6000/6000");
    insta::assert_snapshot!(day(35_999), @"1-30: held short_cluster 6000/6000");
    insta::assert_snapshot!(day(36_000), @"1-30: counted");
}

#[test]
fn a_play_that_reaches_95_percent_of_its_track_is_left_out() {
    let day = |track_ms: u32| {
        let mut day = clustered(30, 30_000, 0);
        day[0].track_ms = track_ms;
        judged(day, Reason::ShortCluster)
    };
    // 95 % of 31,578 ms are 29,999.1 ms, of 31,579 ms 30,000.05 ms.
    insta::assert_snapshot!(day(31_578), @"1-30: counted");
    insta::assert_snapshot!(day(31_579), @"1-30: held short_cluster 10000/6000");
    insta::assert_snapshot!(day(NONE), @"1-30: held short_cluster 10000/6000");
    let at_95 = |played_ms| {
        let day = clustered(30, played_ms, 0);
        let day = day.into_iter().map(|play| FlatPlay { track_ms: 36_000, ..play }).collect();
        judged(day, Reason::ShortCluster)
    };
    insta::assert_snapshot!(at_95(34_199), @"1-30: held short_cluster 10000/6000");
    insta::assert_snapshot!(at_95(34_200), @"1-30: counted");
}

#[test]
fn what_a_cluster_leaves_out_goes_with_its_day() {
    let mut day = clustered(30, 30_000, 20);
    day[30..40].iter_mut().for_each(|play| play.played_ms = NONE);
    day[40..50].iter_mut().for_each(|play| play.track_ms = 60_000);
    insta::assert_snapshot!(
        judged_countable(day, Reason::ShortCluster),
        @"1-50: held short_cluster 10000/6000"
    );
    let mut day = clustered(29, 30_000, 1);
    day[29].played_ms = NONE;
    insta::assert_snapshot!(judged_countable(day, Reason::ShortCluster), @"1-30: counted");
}
