//! Partitions that would sum to too much lose their largest reports, whatever order they came in.

use proptest::prelude::*;
use streamledger_storage::layout::ledger::LedgerReports;
use streamledger_storage::layout::report_sums::MonthTotalsRecord;

use super::*;

const PATH: &str = "sales/store=deezer/month=2026-09";

/// A report of so many units, and money, in one month.
fn report(id: &str, units: i128, amount: &str) -> (String, ReportEntry) {
    let totals =
        MonthTotalsRecord { units, amounts: [("EUR".to_owned(), amount.to_owned())].into() };
    let mut entry: ReportEntry = serde_json::from_value(serde_json::json!({
        "store": "deezer", "id": id.repeat(64), "hash": id.repeat(64), "feed": "sales", "format": "x",
        "files": ["deezer/statement.tsv"], "archived": null, "reading": "", "state": "active",
        "reason": null, "days": {}, "first_date": null, "last_date": null, "counts": null,
    }))
    .unwrap();
    entry.sizes.lots = [(PATH.to_owned(), totals)].into();
    (format!("deezer/{}", entry.hash), entry)
}

fn rejected(reports: impl IntoIterator<Item = (String, ReportEntry)>) -> Vec<char> {
    let mut reports: LedgerReports = reports.into_iter().collect();
    while reject_largest(&mut reports) {}
    let rejected = reports.values().filter(|report| is_out_of_bounds(report));
    rejected.filter_map(|report| report.hash.chars().next()).collect()
}

#[test]
fn a_partition_at_the_bound_keeps_all_and_one_unit_more_rejects_the_largest() {
    let of = |units: [i128; 3]| {
        rejected(["a", "b", "c"].into_iter().zip(units).map(|(id, units)| report(id, units, "1")))
    };
    let third = NUMBER_MAX / 3;
    assert_eq!(of([third, third, NUMBER_MAX - 2 * third]), ['x'; 0]);
    assert_eq!(of([third, third + 1, third + 1]), ['b'], "of several the smallest id");
    assert_eq!(of([1, NUMBER_MAX, 1]), ['b']);
    assert_eq!(of([NUMBER_MAX, NUMBER_MAX, 1]), ['a', 'b']);
}

#[test]
fn money_is_bounded_by_what_a_decimal_holds() {
    let half = "50000000000000000000000000";
    assert_eq!(rejected([report("a", 1, half), report("b", 1, "1")]), ['x'; 0]);
    assert_eq!(rejected([report("a", 1, half), report("b", 1, half)]), ['a']);
    assert_eq!(rejected([report("a", 1, "no amount"), report("b", 1, "1")]), ['a']);
}

#[test]
fn a_report_that_fits_again_counts_again() {
    let reports = [report("a", NUMBER_MAX, "1"), report("b", 1, "1")];
    let mut reports: LedgerReports = reports.into_iter().collect();
    assert!(reject_largest(&mut reports) && !reject_largest(&mut reports));
    let (key, _) = report("a", 0, "1");
    let detail = reports[&key].sizes.rejected_for.clone().unwrap();
    assert!(detail.contains("would sum to 1152921504606846977 units"), "{detail}");
    let (other, _) = report("b", 0, "1");
    reports.get_mut(&other).unwrap().state = ReportState::Superseded;
    readmit(&mut reports);
    assert!(!reject_largest(&mut reports));
    assert!(reports[&key].is_active() && reports[&key].sizes.rejected_for.is_none());
}

#[test]
fn plays_of_a_month_are_bounded_with_how_long_they_were() {
    let trends = |id: &str, plays: i128, played_ms: i128| {
        let (key, mut entry) = report(id, 0, "0");
        entry.sizes.lots.clear();
        entry.days = [("2026-09-01".to_owned(), 3), ("2026-10-01".to_owned(), 1)].into();
        entry.sizes.plays = Some(PlaySizes { plays, played_ms });
        (key, entry)
    };
    assert_eq!(rejected([trends("a", 2, NUMBER_MAX - 5), trends("b", 2, 5)]), ['x'; 0]);
    assert_eq!(rejected([trends("a", 2, NUMBER_MAX - 5), trends("b", 2, 6)]), ['a']);
    assert_eq!(rejected([trends("a", NUMBER_MAX, 0), trends("b", 1, 0)]), ['a']);
    let (_, mut rows) = trends("a", 0, 0);
    rows.sizes.plays = None;
    let of_september = &plays_by_month(&rows)["plays/store=deezer/month=2026-09"];
    assert_eq!((of_september.plays, of_september.played_ms), (3, 3 * 86_400_000));
}

proptest! {
    #[test]
    fn what_is_left_fits_and_nothing_is_rejected_without_need(
        sizes in prop::collection::vec(0_i128..NUMBER_MAX, 1..6),
    ) {
        let reports = || ["a", "b", "c", "d", "e", "f"].into_iter().zip(&sizes).map(|(id, size)| report(id, *size, "1"));
        let forward = rejected(reports());
        prop_assert_eq!(&forward, &rejected(reports().collect::<Vec<_>>().into_iter().rev()));
        // The plain rule: the largest go until the rest fits.
        let mut left: Vec<(i128, char)> =
            sizes.iter().copied().zip("abcdef".chars()).collect();
        left.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        let mut expected = Vec::new();
        while NUMBER_MAX < left.iter().map(|(size, _)| size).sum::<i128>() {
            expected.extend(left.pop().map(|(_, id)| id));
        }
        expected.sort_unstable();
        prop_assert_eq!(forward, expected);
    }
}
