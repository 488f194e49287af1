//! Freshness of made-up coverage.

use super::*;
use crate::model::day::Month;

fn row(feed: Feed, month: u8, state: CoverageState) -> CoverageRow {
    let period = Period::Month(Month { year: 2026, month });
    CoverageRow {
        store: "spotify".to_owned(),
        feed,
        territory: None,
        period,
        state,
        due_date: Some(Day(period.last().0 + 60)),
        late_from: Some(Day(period.last().0 + 61)),
        sender: None,
        n_reports: 0,
        restated_by: None,
        split: None,
    }
}

#[test]
fn figures_are_complete_up_to_the_first_gap() {
    let states = [
        CoverageState::Complete,
        CoverageState::Restated,
        CoverageState::Late,
        CoverageState::Complete,
        CoverageState::NotDue,
    ];
    let rows: Vec<CoverageRow> =
        states.iter().zip(1..).map(|(state, month)| row(Feed::Sales, month, *state)).collect();
    let as_of = Day(rows[2].due_date.unwrap().0 + 9);
    let found = freshness(&rows, as_of);
    assert_eq!(found.len(), 1);
    let text = |period: Option<Period>| period.map(|period| period.to_string()).unwrap_or_default();
    assert_eq!(
        (text(found[0].complete_until), text(found[0].latest)),
        ("2026-02".into(), "2026-04".into())
    );
    assert_eq!(found[0].late, [(rows[2].period, 9)]);
    assert!(found[0].is_late());
    assert_eq!(found[0].next, Some((rows[4].period, rows[4].due_date)));
}

#[test]
fn what_may_not_be_all_completes_nothing() {
    let states = [CoverageState::Complete, CoverageState::Received, CoverageState::Complete];
    let until = |states: &[CoverageState]| {
        let rows = states.iter().zip(1..).map(|(state, month)| row(Feed::Sales, month, *state));
        let rows: Vec<CoverageRow> = rows.collect();
        let found = freshness(&rows, Day(0)).remove(0);
        [found.complete_until, found.latest].map(|period| period.map(|p| p.to_string()))
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(until(&states), [text("2026-03"), text("2026-03")]);
    assert_eq!(until(&states[1..2]), [None, text("2026-01")]);
}

#[test]
fn a_part_that_is_still_missing_when_it_is_due_is_late() {
    let rows = [row(Feed::Sales, 1, CoverageState::Partial)];
    let due = rows[0].due_date.unwrap();
    let at = |as_of| freshness(&rows, as_of)[0].clone();
    assert_eq!((at(due).late, at(due).next.is_some()), (vec![], true));
    assert_eq!(at(Day(due.0 + 1)).late, [(rows[0].period, 1)]);
}

#[test]
fn sales_are_so_many_days_behind_trends() {
    let mut trends = row(Feed::Trends, 9, CoverageState::Complete);
    trends.period = Period::Day(Day(trends.period.first().0 + 4));
    let rows = [
        row(Feed::Sales, 7, CoverageState::Complete),
        row(Feed::Sales, 8, CoverageState::Late),
        trends,
    ];
    let lags = lags(&rows);
    assert_eq!(lags.len(), 1);
    assert_eq!((lags[0].sales_until.to_string(), lags[0].days), ("2026-07-31".into(), 36));
}
