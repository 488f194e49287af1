//! What holds of the filter whatever the plays: its marks are those of the plain reading, and neither
//! the order of the reports, nor who else is judged, nor that it ran before changes one.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::oracle::{self, Found, Row, pieces};
use super::*;
use crate::model::play::{Play, ReportPlays};
use crate::normalize::join::join_pieces;
use crate::normalize::store::AtBound;

/// (ISRC, store track): two names of one recording, another with the same store track, and tracks
/// without an ISRC.
const TRACKS: [(&str, &str); 6] = [
    ("USABC1234567", "t1"),
    ("USABC1234567", "t2"),
    ("USABC1234568", "t1"),
    ("USABC1234568", ""),
    ("", "t1"),
    ("", "t3"),
];

/// Days before the counted date, so that offline plays of any policy here are just in time or late.
const DAYS_BACK: [i64; 6] = [0, 0, 0, 1, 2, 3];

/// Around every bound that [`policies`] can set.
const PLAYED_MS: [u32; 12] =
    [0, 29_999, 30_000, 30_001, 31_000, 35_000, 35_999, 36_000, 60_000, 300_000, 450_000, 450_001];

/// 95 % of the second is just under 30,000 ms, of the third just over.
const TRACK_MS: [u32; 6] = [0, 31_578, 31_579, 36_000, 60_000, 400_000];

/// Rows of three reports, many of them again what a row before them is.
fn ledgers() -> impl Strategy<Value = Vec<Row>> {
    let who_and_what =
        (prop::option::weighted(0.95, 0_u8..3), prop::sample::select(TRACKS.to_vec()));
    let when = (prop::sample::select(DAYS_BACK.to_vec()), 0_i64..4, any::<bool>());
    let lengths = (
        prop::option::weighted(0.9, prop::sample::select(PLAYED_MS.to_vec())),
        prop::option::weighted(0.4, prop::sample::select(TRACK_MS.to_vec())),
    );
    let others = (prop_oneof![4 => Just(1_u32), 1 => 2_u32..4], prop::option::of(any::<bool>()));
    let row =
        (who_and_what, when, lengths, others).prop_map(|(who_and_what, when, lengths, others)| {
            let (listener, (isrc, store_track)) = who_and_what;
            let (days_back, ms, exact) = when;
            let (played_ms, track_ms) = lengths;
            let (plays, offline) = others;
            let listened_at_ms = NOON - days_back * MS_PER_DAY + ms;
            let name = (0, 0);
            Row {
                name,
                listener,
                isrc,
                store_track,
                listened_at_ms,
                exact,
                played_ms,
                track_ms,
                plays,
                offline,
            }
        });
    let again = prop::option::weighted(0.4, any::<prop::sample::Index>());
    prop::collection::vec((0_u8..3, row, again), 0..40).prop_map(|drawn| {
        let mut rows: Vec<Row> = Vec::new();
        for (n, (report, row, again)) in (1..).zip(drawn) {
            let again = again.filter(|_| !rows.is_empty()).map(|place| place.get(&rows).clone());
            rows.push(Row { name: (report, n), ..again.unwrap_or(row) });
        }
        rows.sort_by_key(|row| row.name);
        rows
    })
}

/// A number that a few plays reach, or one that none do.
fn reachable(numbers: std::ops::Range<u32>) -> impl Strategy<Value = u32> {
    prop_oneof![3 => numbers, 1 => Just(u32::MAX)]
}

fn policies() -> impl Strategy<Value = Policy> {
    let actions = [RepeaterAction::Hold, RepeaterAction::Exclude, RepeaterAction::Cap];
    (
        0_u32..4,
        reachable(3..12),
        prop_oneof![30_000_u64..1_200_000, Just(180_000), Just(u64::MAX), Just(u64::MAX)],
        (reachable(1..8), 0_u32..4, prop::sample::select(vec![0, 30_000, 35_999, 60_000])),
        (reachable(1..6), prop::sample::select(actions.to_vec())),
        (reachable(1..6), prop::sample::select(vec![0, 3_333, 5_000, 6_000, 6_667, 10_000])),
        prop::sample::select(vec![0, 95, 100]),
    )
        .prop_map(
            |(days_max, plays_max, played_ms_max, variety, repeater, cluster, percent)| {
                let mut policy = testing::policy();
                policy.offline_expired.days_max = days_max;
                policy.impossible_volume.plays_max = plays_max;
                policy.impossible_time.played_ms_max = played_ms_max;
                policy.low_variety.plays_min = variety.0;
                policy.low_variety.played_times_max = variety.1;
                policy.low_variety.longest_ms_max = variety.2;
                policy.repeater.plays_min = repeater.0;
                policy.repeater.action = repeater.1;
                policy.short_cluster.plays_min = cluster.0;
                policy.short_cluster.share_min_basis_points = cluster.1;
                policy.short_cluster.complete_min_percent = percent;
                policy.low_variety.complete_min_percent = percent;
                policy
            },
        )
}

fn stores() -> impl Strategy<Value = StoreSettings> {
    let at_bound = prop::sample::select(vec![AtBound::Counts, AtBound::TooShort]);
    (any::<bool>(), at_bound, prop::sample::select(vec![1, 60, 900, 86_400])).prop_map(
        |(countable_only, at_bound, rounded_to_s)| {
            let mut store = testing::store();
            store.played_time.countable_only = countable_only;
            store.minimum.at_bound = at_bound;
            store.clock.rounded_to_s = rounded_to_s;
            store
        },
    )
}

fn judged(pieces: Vec<ReportPlays>, store: &StoreSettings, policy: &Policy) -> Plays {
    let mut plays = join_pieces(pieces);
    judge_plays(&mut plays, COUNTED, store, policy, &[]);
    plays
}

fn found(plays: &Plays) -> Found {
    let name = |play: &Play| (plays.reports[plays.kind(play).report as usize][0], play.row);
    let rows = plays.rows.iter().enumerate();
    rows.map(|(place, play)| (name(play), plays.mark(place).copied())).collect()
}

/// The pieces in the order of the shuffled priorities, those of each report in their own order.
fn permuted(pieces: Vec<ReportPlays>, priorities: &[u32]) -> Vec<ReportPlays> {
    let mut order: Vec<(u32, [u8; 32])> =
        priorities.iter().copied().zip(pieces.iter().map(|piece| piece.report)).collect();
    order.sort_unstable();
    let mut queues = BTreeMap::<[u8; 32], Vec<ReportPlays>>::new();
    for piece in pieces.into_iter().rev() {
        queues.entry(piece.report).or_default().push(piece);
    }
    order.iter().map(|(_, report)| queues.get_mut(report).unwrap().pop().unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn marks_are_those_of_a_plain_reading_of_the_rules(
        rows in ledgers(), store in stores(), policy in policies(), n_rows in 1_usize..30,
    ) {
        let plays = judged(pieces(&rows, n_rows), &store, &policy);
        prop_assert_eq!(found(&plays), oracle::judge(&rows, &store, &policy));
    }
}

proptest! {
    #[test]
    fn rows_in_are_rows_out_and_keep_all_but_their_mark(
        rows in ledgers(), store in stores(), policy in policies(),
    ) {
        let unjudged = join_pieces(pieces(&rows, 7));
        let mut plays = unjudged.clone();
        judge_plays(&mut plays, COUNTED, &store, &policy, &[]);
        prop_assert_eq!(plays.rows.len(), rows.len());
        plays.marks.clear();
        plays.marked.clear();
        prop_assert_eq!(plays, unjudged);
    }

    #[test]
    fn the_order_in_which_reports_come_changes_no_mark(
        rows in ledgers(), store in stores(), policy in policies(),
        n_rows in 1_usize..10, priorities in prop::collection::vec(any::<u32>(), 40),
    ) {
        let in_order = judged(pieces(&rows, n_rows), &store, &policy);
        let pieces = permuted(pieces(&rows, n_rows), &priorities);
        let in_another = judged(pieces, &store, &policy);
        prop_assert_eq!(found(&in_another), found(&in_order));
        let names = |plays: &Plays| plays.rows.iter().map(|p| (plays.kind(p).report, p.row)).collect::<Vec<_>>();
        prop_assert_eq!(names(&in_another), names(&in_order));
    }

    #[test]
    fn how_reports_are_cut_into_pieces_changes_no_mark(
        rows in ledgers(), store in stores(), policy in policies(), n_rows in 1_usize..10,
    ) {
        let cut = judged(pieces(&rows, n_rows), &store, &policy);
        let whole = judged(pieces(&rows, usize::MAX), &store, &policy);
        prop_assert_eq!(found(&cut), found(&whole));
    }

    #[test]
    fn each_listeners_plays_can_be_judged_apart(
        rows in ledgers(), store in stores(), policy in policies(),
    ) {
        let together = judged(pieces(&rows, 7), &store, &policy);
        let listeners: BTreeSet<_> = rows.iter().map(|row| row.listener).collect();
        let mut apart = Found::new();
        for listener in listeners {
            let own: Vec<Row> = rows.iter().filter(|r| r.listener == listener).cloned().collect();
            apart.extend(found(&judged(pieces(&own, 7), &store, &policy)));
        }
        prop_assert_eq!(apart, found(&together));
    }

    #[test]
    fn what_was_judged_before_is_judged_as_if_it_was_not(
        rows in ledgers(), store in stores(), policy in policies(), other in policies(),
    ) {
        let once = judged(pieces(&rows, 7), &store, &policy);
        let mut again = once.clone();
        judge_plays(&mut again, COUNTED, &store, &policy, &[]);
        prop_assert_eq!(&again, &once);
        let mut by_another_first = judged(pieces(&rows, 7), &store, &other);
        judge_plays(&mut by_another_first, COUNTED, &store, &policy, &[]);
        prop_assert_eq!(&by_another_first, &once);
    }

    #[test]
    fn a_cap_counts_the_more_plays_the_higher_it_is(
        rows in ledgers(), mut policy in policies(), plays_min in 1_u32..6,
    ) {
        let mut counted = |plays_min| {
            policy.repeater.action = RepeaterAction::Cap;
            policy.repeater.plays_min = plays_min;
            policy.short_cluster.plays_min = u32::MAX;
            let plays = judged(pieces(&rows, 7), &testing::store(), &policy);
            found(&plays).into_iter().filter(|(_, mark)| mark.is_none()).map(|(name, _)| name).collect::<BTreeSet<_>>()
        };
        prop_assert!(counted(plays_min).is_subset(&counted(plays_min + 1)));
    }
}

#[test]
fn every_reason_is_found_in_the_ledgers_above() {
    let mut runner = TestRunner::deterministic();
    let mut n_rows = BTreeMap::<Option<Reason>, u32>::new();
    for _ in 0..300 {
        let case = (ledgers(), stores(), policies()).new_tree(&mut runner).unwrap().current();
        let (rows, store, policy) = case;
        for mark in oracle::judge(&rows, &store, &policy).into_values() {
            *n_rows.entry(mark.map(|mark| mark.finding.reason())).or_default() += 1;
        }
    }
    for reason in Reason::ALL.map(Some).into_iter().chain([None]) {
        assert!(100 <= n_rows.get(&reason).copied().unwrap_or(0), "{reason:?}: {n_rows:?}");
    }
}
