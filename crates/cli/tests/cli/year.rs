//! A made-up year, of which a few months are enough here: nothing is rejected or late, bad rows are those
//! that were made, and what is paid is what was counted, less what the waterfall explains.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use streamledger_generate::year::{GeneratedYear, YearCounts, YearSettings};

use crate::case::Case;

/// Enough for statements of all senders, and for lines of the United States among those of another
/// distributor.
const MONTHS: u32 = 7;

/// Puts the months into the inbox, not packed; gives the last day too.
fn put_months(case: &Case) -> (YearCounts, String) {
    let settings = YearSettings { plays_per_day: 400, seed: 5, year: 2026, months: MONTHS };
    let year = GeneratedYear::new(&settings);
    let mut sink = |path: &Path, bytes: &[u8]| {
        let path = path.to_str().unwrap();
        let path = case.path("inbox").join(path.strip_suffix(".gz").unwrap_or(path));
        fs::create_dir_all(path.parent().unwrap())?;
        fs::write(path, bytes)
    };
    let months = year.store_months().map(|of| (of, year.write_days(of, &mut sink).unwrap()));
    let months = months.collect();
    let counts = year.write_rest(months, &mut sink).unwrap();
    (counts, year.last_day().unwrap().to_string())
}

/// Sums of plays by store, month and step.
fn steps(case: &Case) -> BTreeMap<(String, String), BTreeMap<String, i64>> {
    let mut sums: BTreeMap<_, BTreeMap<String, i64>> = BTreeMap::new();
    for [store, month, step, plays] in case.cells("waterfall", ["store", "month", "step", "plays"])
    {
        let plays: i64 = if plays.is_empty() { 0 } else { plays.parse().unwrap() };
        *sums.entry((store, month)).or_default().entry(step).or_default() += plays;
    }
    sums
}

/// Settled months: paid is what was counted, less removals and what is listed without money.
fn assert_closed(steps: &BTreeMap<(String, String), BTreeMap<String, i64>>) {
    let of = |store: &str, month: &str, step: &str| {
        let month = &steps[&(store.to_owned(), format!("2026-{month}"))];
        month.get(step).copied().unwrap_or(0)
    };
    for (store, months) in [
        ("spotify", &["01", "02", "03", "04", "05"][..]),
        ("deezer", &["01", "02", "03"]),
        ("apple_music", &["01", "02", "03", "04"]),
    ] {
        for month in months {
            let [counted, removed, unpaid, paid, restated, unexplained] = [
                "counted",
                "store_removals",
                "not_royalty_bearing",
                "paid_units",
                "restated",
                "unexplained",
            ]
            .map(|step| of(store, month, step));
            assert!(1_000 < counted, "{store} {month}");
            // A corrected statement says that the first one was wrong, which no play explains.
            assert_eq!(unexplained + restated, 0, "{store} {month}");
            assert_eq!(counted + removed + unpaid, paid, "{store} {month}");
            let is_corrected = store == "spotify" && *month == "03";
            assert_eq!(is_corrected, store == "spotify" && restated != 0, "{store} {month}");
        }
    }
    assert_eq!(of("deezer", "04", "paid_units"), 0);
    assert!(0 < of("tidal", "04", "paid_units") && 0 < of("soundcloud", "03", "paid_units"));
}

#[test]
fn a_made_up_year_is_ingested_whole_and_its_waterfalls_close() {
    let case = Case::new();
    let (counts, last_day) = put_months(&case);
    let pipeline = crate::case::repository().join("pipelines/nightly.toml");
    let pipeline = pipeline.to_str().unwrap();
    let options = ["--pipeline", pipeline, "--as-of", &last_day, "--format", "json"];
    let command = [&["nightly", "--listener-key-file", "key"][..], &options].concat();
    let run = case.run(&command).expect_code(0);
    assert_eq!(run.number("ingested"), i64::try_from(counts.reports).unwrap());
    assert_eq!(run.number("rejected"), 0);
    let reasons = case.cells("quarantine", ["reason", "column"]);
    assert_eq!(reasons.len() as u64, counts.bad_rows);
    assert!(0 < counts.bad_rows && reasons.iter().all(|row| row == &reasons[0]), "{reasons:?}");
    let replaced = case.cells("reports", ["state", "reason"]);
    let replaced = replaced.iter().filter(|[state, _]| state != "active").collect::<Vec<_>>();
    assert_eq!(replaced, [&["superseded".to_owned(), "replaced".to_owned()]]);

    let status = case.run(&[&["status"][..], &options].concat()).expect_code(0);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["is_late"], false, "{status}");

    assert_closed(&steps(&case));
    case.verify().expect_code(0);
}
