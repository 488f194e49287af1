//! The waterfall: worked-out cases, and that it adds up whatever is known.

use proptest::prelude::*;

use super::*;
use crate::explain::step::StepKind;
use crate::model::verdict::{Reason, Verdict};

const WHOLE: SourceState = Some(CoverageState::Complete);

fn sources() -> SourceStates {
    SourceStates { counters: WHOLE, declared: WHOLE, eligibility: None, next: WHOLE }
}

fn group(facts: TrackFacts) -> TrackGroup {
    TrackGroup { has_territory: true, facts, trends: WHOLE, sales: WHOLE }
}

fn sold(settlement: u32, lines: SoldLines, units: i64) -> SoldUnits {
    SoldUnits { report: settlement, settlement, lines, units }
}

/// Lines of a track as `territory: name plays state`.
fn told(groups: &[TrackGroup], sources: SourceStates) -> Vec<Vec<String>> {
    let line = |line: &WaterfallLine| {
        let plays = line.plays.map_or("-".to_owned(), |plays| plays.to_string());
        format!("{} {plays} {}", line.step.name(), line.state.unwrap_or("")).trim_end().to_owned()
    };
    waterfall(groups, sources).iter().map(|lines| lines.iter().map(line).collect()).collect()
}

/// Every total is the one before it and the changes since, unknown ones being 0.
fn adds_up(lines: &[WaterfallLine]) -> Result<(), String> {
    let mut running = 0;
    let mut totals = 0;
    for line in lines {
        let plays = line.plays.unwrap_or(0);
        match line.step.kind() {
            StepKind::Total if line.step == WaterfallStep::StoreShows => running = plays,
            StepKind::Total if running == plays => {}
            StepKind::Total => return Err(format!("{running} before {line:?}: {lines:#?}")),
            StepKind::Change => running += plays,
            StepKind::Aside => {}
        }
        totals += usize::from(line.step.kind() == StepKind::Total);
    }
    if totals == 4 { Ok(()) } else { Err(format!("{totals} totals")) }
}

#[test]
fn the_names_places_and_kinds_agree() {
    let all = WaterfallStep::all();
    assert_eq!(all.len(), 35);
    for (place, step) in all.iter().enumerate() {
        assert_eq!(step.position(), i32::try_from(place).unwrap() + 1, "{step:?}");
        assert_eq!(WaterfallStep::of_name(&step.name()), Some(*step));
    }
    let names: std::collections::BTreeSet<String> = all.iter().map(|step| step.name()).collect();
    assert_eq!(names.len(), all.len());
}

#[test]
fn a_month_of_which_all_is_known() {
    let facts = TrackFacts {
        shown: Some(12_480),
        shown_unreported: 200,
        counted: Some(11_902),
        not_counted: vec![
            (WaterfallStep::Held(Reason::Repeater), 60),
            (WaterfallStep::Excluded(Reason::TooShort), 300),
            (WaterfallStep::Excluded(Reason::Duplicate), 8),
        ],
        declared: Some(400),
        sales: vec![
            sold(0, SoldLines::Paid, 11_300),
            sold(0, SoldLines::Unpaid, 150),
            sold(1, SoldLines::Paid, 50),
            sold(1, SoldLines::Corrections, -10),
        ],
        listened_earlier: 70,
        counted_later: 90,
    };
    let expected = [
        "store_shows 12480",
        "not_in_trends -10",
        "no_report -200",
        "reported 12270",
        "duplicate -8",
        "too_short -300",
        "held_repeater -60",
        "counted 11902",
        "store_removals -400",
        "not_royalty_bearing -150",
        "restated 40",
        "unexplained -52",
        "paid_units 11340",
        "listened_earlier 70",
        "listened_here_counted_later 90",
    ];
    assert_eq!(told(&[group(facts.clone())], sources()), [expected]);
    let lines = waterfall(&[group(facts)], sources());
    let restated = lines[0].iter().find(|line| line.step == WaterfallStep::Restated).unwrap();
    assert_eq!(restated.reports, [1]);
}

#[test]
fn what_is_late_is_not_zero() {
    let counted = TrackFacts { counted: Some(5), ..TrackFacts::default() };
    let late = TrackGroup { sales: Some(CoverageState::Late), ..group(counted) };
    let counters = SourceStates { counters: None, ..sources() };
    let expected = [
        "store_shows - no_calendar",
        "no_store_figure 5 no_calendar",
        "reported 5",
        "counted 5",
        "not_yet_in_sales -5 late",
        "paid_units - late",
    ];
    assert_eq!(told(&[late], counters), [expected]);
}

#[test]
fn no_row_is_zero_only_where_all_reports_are_there() {
    let paid = TrackFacts { sales: vec![sold(0, SoldLines::Paid, 7)], ..TrackFacts::default() };
    let whole = told(&[group(paid.clone())], sources());
    assert_eq!(
        whole,
        [["store_shows - not_listed", "reported 0", "counted 0", "unexplained 7", "paid_units 7"]]
    );
    let late = TrackGroup { trends: Some(CoverageState::Late), ..group(paid) };
    let expected = [
        "store_shows - not_listed",
        "reported - late",
        "counted - late",
        "no_trends_figure 7 late",
        "unexplained - late",
        "paid_units 7",
    ];
    assert_eq!(told(&[late], sources()), [expected]);
}

/// Three quarters of a year are shown and paid, and no daily report ever came.
#[test]
fn what_was_counted_is_not_known_so_neither_is_what_is_unexplained() {
    let facts = TrackFacts {
        shown: Some(13_020),
        shown_unreported: 13_020,
        sales: vec![sold(0, SoldLines::Paid, 9_800)],
        ..TrackFacts::default()
    };
    let sources = SourceStates { declared: Some(CoverageState::NotSent), ..sources() };
    let expected = [
        "store_shows 13020",
        "no_report -13020 no_calendar",
        "reported - no_calendar",
        "counted - no_calendar",
        "store_removals - not_sent",
        "no_trends_figure 9800 no_calendar",
        "unexplained - no_calendar",
        "shown_less_paid 3220",
        "paid_units 9800",
    ];
    let alone = TrackGroup { trends: None, ..group(facts.clone()) };
    assert_eq!(told(std::slice::from_ref(&alone), sources), [expected]);
    // While the statement is not there either, nobody knows the difference.
    let late = TrackGroup { sales: Some(CoverageState::Late), ..alone.clone() };
    let late = TrackGroup { facts: TrackFacts { sales: Vec::new(), ..late.facts }, ..late };
    assert!(told(&[late], sources)[0].contains(&"shown_less_paid - late".to_owned()));
    // One number for all territories is compared with what all of them pay.
    let shown = TrackFacts { sales: Vec::new(), ..facts.clone() };
    let nowhere = TrackGroup { has_territory: false, facts: shown, ..alone.clone() };
    let of = |units| TrackGroup {
        facts: TrackFacts { sales: vec![sold(0, SoldLines::Paid, units)], ..TrackFacts::default() },
        ..alone.clone()
    };
    let told = told(&[of(9_000), of(800), nowhere], sources);
    assert!(told[2].contains(&"shown_less_paid 3220".to_owned()), "{told:?}");
    assert!(!told[0].iter().any(|line| line.starts_with("shown_less_paid")));
}

/// A store pays for all plays that it reported, whatever we made of them.
#[test]
fn what_is_paid_though_it_was_not_counted_is_told_up_to_its_number() {
    let of = |paid| TrackFacts {
        counted: Some(1),
        not_counted: vec![
            (WaterfallStep::Excluded(Reason::TooShort), 4),
            (WaterfallStep::Excluded(Reason::DurationMissing), 2),
            (WaterfallStep::Held(Reason::Repeater), 50),
        ],
        sales: vec![sold(0, SoldLines::Paid, paid)],
        ..TrackFacts::default()
    };
    let lines = |facts| told(&[group(facts)], sources())[0][6..].to_vec();
    assert_eq!(lines(of(1)), ["counted 1", "paid_units 1"]);
    assert_eq!(lines(of(4)), ["counted 1", "paid_though_excluded 3", "paid_units 4"]);
    let all = ["counted 1", "paid_though_excluded 4", "paid_though_held 52"].map(str::to_owned);
    assert_eq!(lines(of(57))[..3], all);
    assert_eq!(lines(of(57))[3..], ["paid_units 57"]);
    assert_eq!(lines(of(60))[3..], ["unexplained 3", "paid_units 60"]);
    // Where the statement names no territory, the plays of all of them may be meant.
    let here = TrackFacts { sales: Vec::new(), ..of(0) };
    let sales = vec![sold(0, SoldLines::Paid, 5)];
    let nowhere =
        TrackGroup { has_territory: false, ..group(TrackFacts { sales, ..TrackFacts::default() }) };
    let told = told(&[group(here.clone()), nowhere], sources());
    let expected = ["settled_without_territory 1", "paid_though_excluded 4", "paid_units 5"];
    let is_it = |line: &String| expected.contains(&line.as_str());
    assert_eq!(told[1].iter().filter(|line| is_it(line)).count(), 3, "{told:?}");
}

#[test]
fn counters_may_be_lower_than_what_is_reported() {
    let facts = TrackFacts { shown: Some(3), counted: Some(5), ..TrackFacts::default() };
    let told =
        told(&[TrackGroup { sales: Some(CoverageState::NotSent), ..group(facts) }], sources());
    let expected = [
        "store_shows 3",
        "not_in_trends 2",
        "reported 5",
        "counted 5",
        "not_yet_in_sales -5 not_sent",
        "paid_units - not_sent",
    ];
    assert_eq!(told, [expected]);
}

#[test]
fn what_is_counted_later_is_not_known_while_the_next_month_goes_on() {
    let facts = TrackFacts { counted: Some(1), counted_later: 3, ..TrackFacts::default() };
    let last = |facts: &TrackFacts, next| {
        let sources = SourceStates { next, ..sources() };
        told(&[group(facts.clone())], sources)[0].last().cloned().unwrap()
    };
    assert_eq!(last(&facts, WHOLE), "listened_here_counted_later 3");
    assert_eq!(last(&facts, Some(CoverageState::NotDue)), "listened_here_counted_later - not_due");
    assert_eq!(last(&facts, Some(CoverageState::Partial)), "listened_here_counted_later 3 partial");
    let none = TrackFacts { counted_later: 0, ..facts };
    assert_eq!(last(&none, WHOLE), "paid_units 0");
    assert_eq!(last(&none, Some(CoverageState::Late)), "listened_here_counted_later - late");
}

#[test]
fn a_month_of_returns_pays_less_than_nothing() {
    let facts =
        TrackFacts { sales: vec![sold(3, SoldLines::Corrections, -4)], ..TrackFacts::default() };
    let told = told(&[group(facts)], sources());
    let expected =
        ["store_shows - not_listed", "reported 0", "counted 0", "restated -4", "paid_units -4"];
    assert_eq!(told, [expected]);
}

#[test]
fn a_track_with_too_few_plays_is_told_so_unless_the_store_pays() {
    let facts =
        TrackFacts { shown: Some(9), counted: Some(9), declared: Some(2), ..TrackFacts::default() };
    let below = SourceStates { eligibility: Some(Eligibility::Below), ..sources() };
    let lines =
        |facts: TrackFacts, sources: SourceStates| told(&[group(facts)], sources)[0][2..].to_vec();
    assert_eq!(
        lines(facts.clone(), below),
        ["counted 9", "store_removals -2", "below_eligibility -7", "paid_units 0"]
    );
    let listed = TrackFacts { sales: vec![sold(0, SoldLines::Unpaid, 7)], ..facts.clone() };
    assert_eq!(
        lines(listed, below),
        ["counted 9", "store_removals -2", "below_eligibility -7", "paid_units 0"]
    );
    let paid = TrackFacts { sales: vec![sold(0, SoldLines::Paid, 7)], ..facts.clone() };
    assert_eq!(lines(paid, below), ["counted 9", "store_removals -2", "paid_units 7"]);
    let open = SourceStates { eligibility: Some(Eligibility::Unknown), ..sources() };
    assert_eq!(
        lines(facts, open),
        [
            "counted 9",
            "store_removals -2",
            "below_eligibility - history_incomplete",
            "unexplained -7 history_incomplete",
            "paid_units 0"
        ]
    );
}

#[test]
fn one_number_for_all_territories_stands_beside_them() {
    let shown = TrackGroup {
        has_territory: false,
        ..group(TrackFacts { shown: Some(20), declared: Some(1), ..TrackFacts::default() })
    };
    let of = |counted| {
        let sales = vec![sold(0, SoldLines::Paid, counted - 1)];
        group(TrackFacts { counted: Some(counted), sales, ..TrackFacts::default() })
    };
    let told = told(&[of(8), of(10), shown], sources());
    assert_eq!(
        told[0],
        [
            "store_shows - not_by_territory",
            "shown_without_territory 8",
            "reported 8",
            "counted 8",
            "settled_without_territory -1",
            "paid_units 7"
        ]
    );
    assert_eq!(
        told[2],
        [
            "store_shows 20",
            "not_in_trends -2",
            "shown_without_territory -18",
            "reported 0",
            "counted 0",
            "store_removals -1",
            "settled_without_territory 2",
            "unexplained -1",
            "paid_units 0"
        ]
    );
}

#[test]
fn plays_whose_statement_is_not_there_wait_for_it_whatever_is_settled_without_a_territory() {
    let of = |counted, paid: Option<i64>, sales| {
        let lines = paid.map(|units| sold(0, SoldLines::Paid, units));
        let facts =
            TrackFacts { counted, sales: lines.into_iter().collect(), ..TrackFacts::default() };
        TrackGroup { sales, ..group(facts) }
    };
    let nowhere = TrackGroup { has_territory: false, ..of(None, Some(1), WHOLE) };
    let here = of(Some(8), Some(7), WHOLE);
    for state in
        [CoverageState::NotDue, CoverageState::Due, CoverageState::Late, CoverageState::NotSent]
    {
        let told =
            told(&[here.clone(), of(Some(5), None, Some(state)), nowhere.clone()], sources());
        let state = state.as_str();
        let expected = [
            "counted 5".to_owned(),
            format!("not_yet_in_sales -5 {state}"),
            format!("paid_units - {state}"),
        ];
        assert_eq!(told[1][3..], expected);
        assert!(!told.iter().flatten().any(|line| line.starts_with("unexplained")), "{told:?}");
    }
    // Of a statement of which nobody can say that it is all, what names no territory counts too.
    let received = Some(CoverageState::Received);
    let nowhere = TrackGroup { sales: received, ..nowhere };
    let told = told(&[of(Some(5), Some(2), received), nowhere], sources());
    assert_eq!(
        told[1][3..],
        ["not_yet_in_sales -2 received", "settled_without_territory 3", "paid_units 1 received"]
    );
}

#[test]
fn more_removed_than_counted_leaves_nothing_below() {
    let facts = TrackFacts { counted: Some(3), declared: Some(5), ..TrackFacts::default() };
    let below = SourceStates { eligibility: Some(Eligibility::Below), ..sources() };
    assert_eq!(
        told(&[group(facts)], below)[0][3..],
        ["counted 3", "store_removals -5", "unexplained 2", "paid_units 0"]
    );
}

#[test]
fn a_partial_statement_pays_what_it_has() {
    let sales = vec![sold(0, SoldLines::Paid, 4)];
    let facts = TrackFacts { counted: Some(6), sales, ..TrackFacts::default() };
    let partial = TrackGroup { sales: Some(CoverageState::Partial), ..group(facts.clone()) };
    assert_eq!(
        told(&[partial], sources())[0][3..],
        ["counted 6", "not_yet_in_sales -2 partial", "paid_units 4 partial"]
    );
    let more = TrackFacts { sales: vec![sold(0, SoldLines::Paid, 9)], ..facts };
    let partial = TrackGroup { sales: Some(CoverageState::Received), ..group(more) };
    assert_eq!(
        told(&[partial], sources())[0][3..],
        ["counted 6", "unexplained 3", "paid_units 9 received"]
    );
}

fn any_source() -> impl Strategy<Value = SourceState> {
    proptest::option::of(proptest::sample::select(&CoverageState::ALL[..]))
}

fn any_facts() -> impl Strategy<Value = TrackFacts> {
    let number = || proptest::option::of(-5..100_i64);
    let steps: Vec<WaterfallStep> = Reason::ALL
        .into_iter()
        .flat_map(|reason| {
            [Verdict::Held, Verdict::Excluded]
                .map(|v| WaterfallStep::of_outcome(v, Some(reason)).unwrap())
        })
        .collect();
    let not_counted = proptest::collection::vec((proptest::sample::select(steps), 1..50_i64), 0..4);
    let lines =
        proptest::sample::select(&[SoldLines::Paid, SoldLines::Unpaid, SoldLines::Corrections][..]);
    let units = (0..3_u32, lines, -20..100_i64);
    let sales =
        proptest::collection::vec(units.prop_map(|(at, lines, n)| sold(at, lines, n)), 0..4);
    let shown = (number(), 0..50_i64);
    (shown, number(), not_counted, number(), sales, 0..9_i64, 0..9_i64).prop_map(
        |(shown, counted, mut not_counted, declared, sales, listened_earlier, counted_later)| {
            not_counted.sort_by_key(|(step, _)| step.position());
            not_counted.dedup_by_key(|(step, _)| *step);
            let (shown, unreported) = shown;
            let shown_unreported = shown.map_or(0, |shown| unreported.min(shown));
            TrackFacts {
                shown,
                shown_unreported,
                counted,
                not_counted,
                declared,
                sales,
                listened_earlier,
                counted_later,
            }
        },
    )
}

fn any_track() -> impl Strategy<Value = (Vec<TrackGroup>, SourceStates)> {
    let groups = proptest::collection::vec((any_facts(), any_source(), any_source()), 1..5);
    let eligibility = proptest::sample::select(vec![
        None,
        Some(Eligibility::Eligible),
        Some(Eligibility::Below),
        Some(Eligibility::Unknown),
    ]);
    let one_is_without = any::<bool>();
    (groups, one_is_without, any_source(), any_source(), any_source(), eligibility).prop_map(
        |(groups, one_is_without, counters, declared, next, eligibility)| {
            let n_groups = groups.len();
            let groups = groups.into_iter().enumerate();
            let groups = groups.map(|(place, (facts, trends, sales))| TrackGroup {
                has_territory: !one_is_without || place + 1 < n_groups,
                facts,
                trends,
                sales,
            });
            (groups.collect(), SourceStates { counters, declared, eligibility, next })
        },
    )
}

proptest! {
    #[test]
    fn it_always_adds_up((groups, sources) in any_track()) {
        let lines = waterfall(&groups, sources);
        prop_assert_eq!(lines.len(), groups.len());
        for lines in &lines {
            prop_assert!(lines.is_sorted_by_key(|line| line.step.position()));
            adds_up(lines).map_err(TestCaseError::fail)?;
        }
    }

    /// Over all territories too: nothing is carried from one to another that does not arrive there.
    #[test]
    fn what_is_carried_arrives((groups, sources) in any_track()) {
        let lines = waterfall(&groups, sources);
        for step in [WaterfallStep::ShownWithoutTerritory, WaterfallStep::SettledWithoutTerritory] {
            let all = lines.iter().flatten().filter(|line| line.step == step);
            let sum: i64 = all.filter_map(|line| line.plays).sum();
            prop_assert_eq!(sum, 0, "{:?}", step);
        }
    }

    /// A play is in exactly one line: what is reported is what is counted and what is not.
    #[test]
    fn a_play_is_in_one_line((groups, sources) in any_track()) {
        for (group, lines) in groups.iter().zip(waterfall(&groups, sources)) {
            let facts = &group.facts;
            for (step, plays) in &facts.not_counted {
                let told: Vec<_> = lines.iter().filter(|line| line.step == *step).collect();
                prop_assert_eq!(told.len(), 1);
                prop_assert_eq!(told[0].plays, Some(-plays));
            }
            let of = |step| lines.iter().find(|line| line.step == step).and_then(|line| line.plays);
            let not_counted: i64 = facts.not_counted.iter().map(|(_, plays)| plays).sum();
            let counted = facts.counted.unwrap_or(0);
            prop_assert_eq!(of(WaterfallStep::Counted).unwrap_or(0), counted);
            prop_assert_eq!(of(WaterfallStep::Reported).unwrap_or(0), counted + not_counted);
        }
    }

    /// What is paid is what statements say, whatever else is known.
    #[test]
    fn paid_is_what_statements_say((groups, sources) in any_track()) {
        for (group, lines) in groups.iter().zip(waterfall(&groups, sources)) {
            let units = group.facts.sales.iter().filter(|units| units.lines != SoldLines::Unpaid);
            let units: i64 = units.map(|units| units.units).sum();
            let paid = lines.iter().find(|line| line.step == WaterfallStep::PaidUnits).unwrap();
            prop_assert_eq!(paid.plays.unwrap_or(0), units);
        }
    }

    /// What is paid beyond what we counted is never more than what we did not count, and nothing is left
    /// unexplained while there is some of that.
    #[test]
    fn no_more_is_paid_though_it_was_not_counted_than_there_is((groups, sources) in any_track()) {
        let of = |lines: &[WaterfallLine], step| {
            let found = lines.iter().find(|line| line.step == step);
            found.and_then(|line| line.plays).unwrap_or(0)
        };
        let told = waterfall(&groups, sources);
        let all = |step| told.iter().map(|lines| of(lines, step)).sum::<i64>();
        let not_counted = |is_held| -> i64 {
            let all = groups.iter().flat_map(|group| &group.facts.not_counted);
            all.filter(|(step, _)| step.is_held() == is_held).map(|(_, plays)| plays).sum()
        };
        let (excluded, held) = (all(WaterfallStep::PaidThoughExcluded), all(WaterfallStep::PaidThoughHeld));
        prop_assert!(0 <= excluded && excluded <= not_counted(false));
        prop_assert!(0 <= held && held <= not_counted(true));
        for lines in &told {
            let unknown = lines.iter().any(|l| l.step == WaterfallStep::Counted && l.plays.is_none());
            let is_one = groups.iter().any(|group| !group.has_territory);
            let unexplained = lines.iter().find(|line| line.step == WaterfallStep::Unexplained);
            if unknown && !is_one {
                prop_assert_eq!(unexplained.map(|line| line.plays), Some(None));
            }
        }
    }

    /// The order of territories changes nothing of what is told of each.
    #[test]
    fn the_order_of_territories_is_irrelevant((groups, sources) in any_track()) {
        let mut lines = waterfall(&groups, sources);
        let reversed: Vec<TrackGroup> = groups.iter().rev().cloned().collect();
        lines.reverse();
        prop_assert_eq!(lines, waterfall(&reversed, sources));
    }
}
