//! Dates of rows that lie far from those of their report: they make no day complete, and no table large.

use crate::case::{Case, nightly_arguments};
use crate::report::{line, lines, report};

const DAY: &str = "2026-09-01";

/// A run over 300 plays of a day, and one play of another one.
fn run_with(stray: &str) -> Case {
    let case = Case::new();
    let mut plays = lines(DAY, 0..300);
    plays.push(line(stray, 300));
    case.put(&format!("spotify/streams_{DAY}.tsv"), report(&plays));
    case.nightly(&["--as-of", "2026-11-20"]).expect_code(0);
    case.verify().expect_code(0);
    case
}

/// Periods of the daily reports by state.
fn days(case: &Case, state: &str) -> Vec<String> {
    let rows = case.cells("coverage", ["feed", "period", "state"]).into_iter();
    rows.filter(|[feed, _, known]| feed == "trends" && known == state)
        .map(|[_, day, _]| day)
        .collect()
}

#[test]
fn a_stray_row_makes_no_other_day_complete_and_its_own_partial() {
    for stray in ["2027-09-01", "9999-12-31", "0001-01-01", "2026-08-20", "2026-09-03"] {
        let case = run_with(stray);
        assert_eq!(days(&case, "complete"), [DAY], "{stray}");
        assert_eq!(days(&case, "partial"), [stray]);
        // 15 November is due on 20 November.
        let n_late = days(&case, "late").len();
        assert_eq!(n_late, if stray == "2026-09-03" { 73 } else { 74 } - 1, "{stray}");
        assert!(case.n_rows("coverage") < 120, "{stray}: {}", case.n_rows("coverage"));
        let pipeline = nightly_arguments(&[])[2];
        case.run(&["status", "--pipeline", pipeline, "--as-of", "2026-11-20"]).expect_code(1);
    }
}

/// Plays by day, with the days of the report before the header.
const FORMAT: &str = r#"
format = "own-plays"
feed = "trends"
store = "deezer"
evidence = "sample"
source = "Made up."
late_days = 10

[text]
delimiter = "comma"
header_within = 4
preamble = "pairs"

[fields.usage_from]
preamble = ["From"]
needed = true

[fields.usage_to]
preamble = ["To"]

[fields.date]
header = ["Played on"]
needed = true

[fields.isrc]
header = ["Recording"]
needed = true

[fields.territory]
header = ["Where"]

[fields.plays]
header = ["How often"]
needed = true
"#;

#[test]
fn a_row_far_outside_of_the_days_that_the_report_states_is_rejected() {
    let case = Case::new();
    case.own_pipelines();
    std::fs::write(case.path("pipelines/formats/own-plays.toml"), FORMAT).unwrap();
    let row = |day: &str| format!("{day},GBXY12600001,FR,3\n");
    let days = ["2026-08-21", "2026-08-22", "2026-09-01", "2026-09-13", "2026-09-14"];
    let rows: String = days.into_iter().map(row).collect();
    let head = "From,2026-09-01\nTo,2026-09-03\nPlayed on,Recording,Where,How often\n";
    case.put("deezer/plays.csv", format!("{head}{rows}"));
    let run = ["--pipeline", "pipelines/nightly.toml", "--as-of", "2026-10-01"];
    case.nightly(&run).expect_code(4);
    let outside: Vec<String> = case
        .cells("quarantine", ["row", "column", "reason"])
        .into_iter()
        .map(|cells| cells.join(" "))
        .collect();
    assert_eq!(outside, ["1 Played on outside_period", "5 Played on outside_period"]);
    assert_eq!(case.n_rows("plays"), 3);
    // The days that it states are there, also those without plays; late plays make no day complete.
    assert_eq!(self::days(&case, "complete"), ["2026-09-01", "2026-09-02", "2026-09-03"]);
    assert_eq!(self::days(&case, "partial"), ["2026-08-22", "2026-09-13"]);
}
