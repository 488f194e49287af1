//! Coverage: what each state means, on both sides of its bounds.

use super::*;
use crate::explain::calendar::{DeliveryDelay, NotSent};
use crate::explain::known::KnownMonths;
use crate::model::day::Month;

fn day(text: &str) -> Day {
    Day(text.parse::<chrono::NaiveDate>().unwrap().to_epoch_days())
}

fn delivery(feed: Feed, first: &str, last: &str) -> FeedDelivery {
    FeedDelivery {
        store: "spotify".to_owned(),
        sender: "spotify".to_owned(),
        feed,
        report: format!("r-{first}"),
        days: (day(first), day(last)),
        about: AboutDays::Own,
        standing: DeliveryStatus::Active,
        territories: ["GB".to_owned()].into(),
        series: "statement".to_owned(),
        only: None,
    }
}

fn expected(store: &str, feed: Feed, territory: Option<&str>, days: u32) -> ExpectedFeed {
    ExpectedFeed {
        store: store.to_owned(),
        feed,
        territory: territory.map(ToOwned::to_owned),
        period: if feed == Feed::Trends { PeriodLength::Day } else { PeriodLength::Month },
        due_after: DeliveryDelay::Days(days),
        grace_days: 2,
        source: String::new(),
    }
}

fn calendar(expected: Vec<ExpectedFeed>) -> Calendar {
    Calendar { expected, not_sent: Vec::new() }
}

/// Rows of a feed as `territory period state due`.
fn told(calendar: &Calendar, deliveries: &[FeedDelivery], feed: Feed, as_of: &str) -> Vec<String> {
    let rows = coverage(calendar, deliveries, day(as_of));
    let of_feed = rows.iter().filter(|row| row.feed == feed && row.store == "spotify");
    of_feed
        .map(|row| {
            let territory = row.territory.as_deref().map_or(String::new(), |t| format!("{t} "));
            let due = row.due_date.map_or("-".to_owned(), |due| due.to_string());
            format!("{territory}{} {} {due}", row.period, row.state.as_str())
        })
        .collect()
}

#[test]
fn a_day_is_not_due_then_due_then_late() {
    let calendar = calendar(vec![expected("spotify", Feed::Trends, None, 5)]);
    let came = [delivery(Feed::Trends, "2026-09-01", "2026-09-01")];
    let second = |as_of: &str| told(&calendar, &came, Feed::Trends, as_of)[1].clone();
    assert_eq!(
        told(&calendar, &came, Feed::Trends, "2026-09-01"),
        ["2026-09-01 complete 2026-09-06"]
    );
    assert_eq!(second("2026-09-02"), "2026-09-02 not_due 2026-09-07");
    assert_eq!(second("2026-09-06"), "2026-09-02 not_due 2026-09-07");
    assert_eq!(second("2026-09-07"), "2026-09-02 due 2026-09-07");
    assert_eq!(second("2026-09-09"), "2026-09-02 due 2026-09-07");
    assert_eq!(second("2026-09-10"), "2026-09-02 late 2026-09-07");
}

#[test]
fn sales_are_expected_from_the_first_month_of_trends_on() {
    let calendar = calendar(vec![expected("spotify", Feed::Sales, None, 60)]);
    let mut late_line = delivery(Feed::Sales, "2026-07-01", "2026-07-31");
    late_line.about = AboutDays::Other;
    let came = [
        delivery(Feed::Trends, "2026-08-30", "2026-08-30"),
        delivery(Feed::Sales, "2026-09-01", "2026-09-30"),
        late_line,
    ];
    assert_eq!(
        told(&calendar, &came, Feed::Sales, "2026-11-05"),
        [
            "2026-07 received 2026-09-29",
            "2026-08 late 2026-10-30",
            "2026-09 complete 2026-11-29",
            "2026-10 not_due 2026-12-30",
            "2026-11 not_due 2027-01-29",
        ]
    );
}

#[test]
fn a_month_is_complete_when_no_day_and_no_file_of_it_is_missing() {
    let calendar = calendar(vec![expected("spotify", Feed::Sales, None, 60)]);
    let of = |came: &[FeedDelivery]| told(&calendar, came, Feed::Sales, "2028-02-29");
    let first = delivery(Feed::Sales, "2028-02-01", "2028-02-14");
    let second = delivery(Feed::Sales, "2028-02-15", "2028-02-29");
    let short = delivery(Feed::Sales, "2028-02-15", "2028-02-28");
    let waiting = FeedDelivery { standing: DeliveryStatus::Waiting, ..second.clone() };
    assert_eq!(of(&[first.clone(), second.clone()]), ["2028-02 complete 2028-04-29"]);
    assert_eq!(of(&[first.clone(), short]), ["2028-02 partial 2028-04-29"]);
    assert_eq!(of(&[first.clone(), waiting.clone()]), ["2028-02 partial 2028-04-29"]);
    assert_eq!(of(&[first, second, waiting]), ["2028-02 partial 2028-04-29"]);
}

#[test]
fn what_a_newer_report_has_replaced_is_restated() {
    let calendar = calendar(vec![expected("spotify", Feed::Sales, None, 60)]);
    let old = FeedDelivery {
        standing: DeliveryStatus::Superseded("newer".to_owned()),
        ..delivery(Feed::Sales, "2026-09-01", "2026-09-30")
    };
    let new = FeedDelivery {
        report: "newer".to_owned(),
        ..delivery(Feed::Sales, "2026-09-01", "2026-09-30")
    };
    let rows = coverage(&calendar, &[old.clone(), new], day("2026-09-30"));
    assert_eq!(
        (rows[0].state, rows[0].restated_by.as_deref()),
        (CoverageState::Restated, Some("newer"))
    );
    assert_eq!(rows[0].n_reports, 1);
    // The newer one has nothing of this month: the month is not there.
    let rows = coverage(&calendar, &[old], day("2026-09-30"));
    assert_eq!((rows[0].state, &rows[0].restated_by), (CoverageState::NotDue, &None));
}

#[test]
fn lines_in_a_later_statement_restate_a_month_that_has_its_own() {
    let calendar = calendar(vec![expected("spotify", Feed::Sales, None, 60)]);
    let later = FeedDelivery {
        about: AboutDays::Other,
        report: "later".to_owned(),
        ..delivery(Feed::Sales, "2026-09-01", "2026-09-30")
    };
    let own = delivery(Feed::Sales, "2026-09-01", "2026-09-30");
    let rows = coverage(&calendar, &[own, later], day("2026-09-30"));
    assert_eq!(
        (rows[0].state, rows[0].restated_by.as_deref()),
        (CoverageState::Restated, Some("later"))
    );
}

#[test]
fn a_territory_that_comes_later_has_rows_of_its_own() {
    let calendar = calendar(vec![
        expected("spotify", Feed::Sales, None, 0),
        expected("spotify", Feed::Sales, Some("US"), 31),
    ]);
    let came = [delivery(Feed::Sales, "2026-09-01", "2026-09-30")];
    assert_eq!(
        told(&calendar, &came, Feed::Sales, "2026-10-20"),
        [
            "US 2026-09 not_due 2026-10-31",
            "US 2026-10 not_due 2026-12-01",
            "2026-09 complete 2026-09-30",
            "2026-10 not_due 2026-10-31",
        ]
    );
    let known = KnownMonths::new(&coverage(&calendar, &came, day("2026-10-20")));
    let month = Month { year: 2026, month: 9 };
    let of = |territory| known.of("spotify", Feed::Sales, territory, month).unwrap().state;
    assert_eq!(
        (of(Some("US")), of(Some("GB")), of(None)),
        (CoverageState::NotDue, CoverageState::Complete, CoverageState::Complete)
    );
    assert_eq!(known.territories_apart("spotify", Feed::Sales), ["US".to_owned()].into());
    let american = FeedDelivery { territories: ["US".to_owned()].into(), ..came[0].clone() };
    assert_eq!(
        told(&calendar, &[american], Feed::Sales, "2026-09-30")[1],
        "2026-09 due 2026-09-30"
    );
}

/// A statement of one territory.
fn single(code: &str, first: &str, last: &str) -> FeedDelivery {
    FeedDelivery {
        territories: [code.to_owned()].into(),
        series: format!("statement-{code}"),
        only: Some(code.to_owned()),
        report: format!("r-{code}-{first}"),
        ..delivery(Feed::Sales, first, last)
    }
}

/// States of sales of September: of all, and of some territories.
fn september(deliveries: &[FeedDelivery], as_of: &str) -> Vec<&'static str> {
    let calendar = calendar(vec![expected("spotify", Feed::Sales, None, 30)]);
    let known = KnownMonths::new(&coverage(&calendar, deliveries, day(as_of)));
    let month = Month { year: 2026, month: 9 };
    let of = |code| known.of("spotify", Feed::Sales, code, month).unwrap().state.as_str();
    let elsewhere = known.elsewhere("spotify", Feed::Sales, month).unwrap().state.as_str();
    vec![of(None), of(Some("GB")), of(Some("US")), elsewhere]
}

#[test]
fn a_statement_of_one_territory_says_nothing_of_the_others() {
    let gb = single("GB", "2026-09-01", "2026-09-30");
    let us = single("US", "2026-09-01", "2026-09-30");
    let plays = |codes: &[&str]| FeedDelivery {
        territories: codes.iter().map(|code| (*code).to_owned()).collect(),
        ..delivery(Feed::Trends, "2026-09-01", "2026-09-30")
    };
    // Plays tell in which territories a statement is owed.
    let both = [plays(&["GB", "US"]), gb.clone()];
    assert_eq!(september(&both, "2026-10-29"), ["partial", "complete", "not_due", "not_due"]);
    assert_eq!(september(&both, "2026-10-30"), ["partial", "complete", "due", "due"]);
    assert_eq!(september(&both, "2026-11-02"), ["partial", "complete", "late", "late"]);
    let all = [plays(&["GB", "US"]), gb.clone(), us.clone()];
    assert_eq!(september(&all, "2026-11-02"), ["complete", "complete", "complete", "late"]);
    let here = [plays(&["GB"]), gb.clone()];
    assert_eq!(september(&here, "2026-11-02"), ["complete", "complete", "late", "late"]);
    // A report of all territories says it for all.
    let world = delivery(Feed::Sales, "2026-09-01", "2026-09-30");
    let with_world = [plays(&["GB", "US"]), gb.clone(), world];
    assert_eq!(september(&with_world, "2026-11-02"), ["complete"; 4]);
    // Halves of a month in two territories are no month.
    let halves = [
        plays(&["GB", "US"]),
        single("GB", "2026-09-01", "2026-09-15"),
        single("US", "2026-09-16", "2026-09-30"),
    ];
    assert_eq!(september(&halves, "2026-11-02"), ["partial", "partial", "partial", "late"]);
}

#[test]
fn what_is_missing_is_named() {
    let calendar = calendar(vec![expected("spotify", Feed::Sales, None, 30)]);
    let plays = FeedDelivery {
        territories: ["GB".to_owned(), "US".to_owned()].into(),
        ..delivery(Feed::Trends, "2026-09-01", "2026-09-30")
    };
    let came = [plays, single("GB", "2026-09-01", "2026-09-30")];
    let rows = coverage(&calendar, &came, day("2026-11-02"));
    let sales = rows.iter().find(|row| row.feed == Feed::Sales).unwrap();
    assert_eq!(sales.split.iter().flat_map(TerritorySplit::missing).collect::<Vec<_>>(), ["US"]);
}

#[test]
fn a_territory_that_came_each_time_is_missed_where_no_plays_tell() {
    let months = [("2026-07-01", "2026-07-31"), ("2026-08-01", "2026-08-31")];
    let mut came: Vec<FeedDelivery> = months
        .iter()
        .flat_map(|(first, last)| [single("GB", first, last), single("US", first, last)])
        .collect();
    came.push(single("GB", "2026-09-01", "2026-09-30"));
    assert_eq!(september(&came, "2026-11-02"), ["partial", "complete", "late", "late"]);
    // Once is no habit.
    came.remove(1);
    assert_eq!(september(&came, "2026-11-02"), ["complete", "complete", "late", "late"]);
}

#[test]
fn a_day_of_which_a_territory_is_missing_is_a_part() {
    let calendar = calendar(vec![expected("spotify", Feed::Trends, None, 5)]);
    let plays =
        |code: &str, day: &str| FeedDelivery { feed: Feed::Trends, ..single(code, day, day) };
    let mut came: Vec<FeedDelivery> = ["2026-09-01", "2026-09-02"]
        .iter()
        .flat_map(|day| [plays("GB", day), plays("US", day)])
        .collect();
    came.push(plays("GB", "2026-09-03"));
    assert_eq!(
        told(&calendar, &came, Feed::Trends, "2026-09-03"),
        [
            "2026-09-01 complete 2026-09-06",
            "2026-09-02 complete 2026-09-07",
            "2026-09-03 partial 2026-09-08"
        ]
    );
    let known = KnownMonths::new(&coverage(&calendar, &came, day("2026-09-12")));
    let month = Month { year: 2026, month: 9 };
    assert_eq!(known.missing_in("spotify", Feed::Trends, month), ["US".to_owned()].into());
}

#[test]
fn a_series_that_came_each_time_is_missed_until_it_has_been_silent_for_long() {
    let of = |series: &str, month: u8| {
        let days = Period::Month(Month { year: 2026, month });
        FeedDelivery {
            series: series.to_owned(),
            report: format!("{series}-{month}"),
            days: (days.first(), days.last()),
            ..delivery(Feed::Sales, "2026-09-01", "2026-09-30")
        }
    };
    let calendar = calendar(vec![expected("spotify", Feed::Sales, None, 30)]);
    let mut came: Vec<FeedDelivery> = (1..=8).map(|month| of("premium", month)).collect();
    came.extend([1, 2].map(|month| of("free", month)));
    let states = |came: &[FeedDelivery]| -> Vec<String> {
        let rows = told(&calendar, came, Feed::Sales, "2026-08-31");
        rows.iter().map(|row| row.split(' ').nth(1).unwrap().to_owned()).collect()
    };
    let expected = [
        "complete", "complete", "partial", "partial", "partial", "complete", "complete", "complete",
    ];
    assert_eq!(states(&came), expected);
    // A new name in its place is the same number of reports.
    came.extend((3..=8).map(|month| of("ad funded", month)));
    assert_eq!(states(&came), ["complete"; 8]);
}

#[test]
fn late_lines_do_not_stand_for_a_statement_that_is_missing() {
    let calendar = calendar(vec![expected("spotify", Feed::Sales, None, 60)]);
    let late_line = FeedDelivery {
        about: AboutDays::Other,
        ..delivery(Feed::Sales, "2026-02-01", "2026-02-28")
    };
    let came = [
        delivery(Feed::Sales, "2026-01-01", "2026-01-31"),
        late_line,
        delivery(Feed::Sales, "2026-03-01", "2026-03-31"),
    ];
    assert_eq!(
        told(&calendar, &came, Feed::Sales, "2026-03-31")[..3],
        [
            "2026-01 complete 2026-04-01",
            "2026-02 partial 2026-04-29",
            "2026-03 complete 2026-05-30"
        ]
    );
}

#[test]
fn a_distributor_is_late_once_and_not_for_each_of_its_stores() {
    let calendar = calendar(vec![expected("imusician", Feed::Sales, None, 120)]);
    let statement = FeedDelivery {
        sender: "imusician".to_owned(),
        about: AboutDays::Other,
        ..delivery(Feed::Sales, "2026-03-01", "2026-03-31")
    };
    let rows = coverage(&calendar, &[statement], day("2026-09-01"));
    let late = |store: &str| {
        rows.iter()
            .filter(|r| r.store == store && r.state == CoverageState::Late)
            .map(|r| r.period.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(late("imusician"), ["2026-04"]);
    let spotify: Vec<_> = rows.iter().filter(|row| row.store == "spotify").collect();
    assert_eq!(spotify[0].sender.as_deref(), Some("imusician"));
    assert_eq!(spotify[0].state, CoverageState::Received);
}

#[test]
fn without_a_calendar_there_are_rows_for_what_came() {
    let came = [delivery(Feed::Trends, "2026-09-01", "2026-09-02")];
    let rows = told(&Calendar::default(), &came, Feed::Trends, "2026-12-31");
    assert_eq!(rows, ["2026-09-01 complete -", "2026-09-02 complete -"]);
    assert_eq!(told(&Calendar::default(), &came, Feed::Sales, "2026-12-31"), [""; 0]);
    let not_sent =
        NotSent { store: "spotify".to_owned(), feed: Feed::Sales, source: String::new() };
    let calendar = Calendar { expected: Vec::new(), not_sent: vec![not_sent] };
    let rows = told(&calendar, &came, Feed::Sales, "2026-10-01");
    assert_eq!(rows, ["2026-09 not_sent -", "2026-10 not_sent -"]);
}

#[test]
fn a_month_of_days_is_whole_when_all_days_are() {
    let calendar = calendar(vec![expected("spotify", Feed::Trends, None, 5)]);
    let month = Month { year: 2026, month: 9 };
    let of = |first: &str, last: &str, as_of: &str| {
        let came = [
            delivery(Feed::Trends, "2026-08-31", "2026-08-31"),
            delivery(Feed::Trends, first, last),
        ];
        let known = KnownMonths::new(&coverage(&calendar, &came, day(as_of)));
        known
            .of("spotify", Feed::Trends, None, month)
            .map(|state| (state.state, state.due_date.map(|d| d.to_string())))
    };
    assert_eq!(of("2026-09-01", "2026-09-30", "2026-10-01"), Some((CoverageState::Complete, None)));
    let due = Some("2026-10-05".to_owned());
    assert_eq!(of("2026-09-01", "2026-09-29", "2026-10-01"), Some((CoverageState::Partial, due)));
    // The rest of the month has no rows yet.
    assert_eq!(of("2026-09-01", "2026-09-10", "2026-09-10"), Some((CoverageState::Partial, None)));
    let none = of("2026-08-31", "2026-08-31", "2026-10-20");
    assert_eq!(none, Some((CoverageState::Late, Some("2026-09-06".to_owned()))));
}
