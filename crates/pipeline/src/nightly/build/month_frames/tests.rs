//! Random ledgers through the plan of the waterfall: rows of tables in, lines out.

use polars::prelude::{Column, DataFrame, DataType};
use proptest::prelude::*;
use streamledger_core::explain::coverage::CoverageState;
use streamledger_core::explain::step::StepKind;
use streamledger_core::explain::waterfall::{SourceState, SourceStates, WaterfallLine, waterfall};
use streamledger_core::model::day::Month;
use streamledger_storage::layout::ledger::ReportEntry;
use streamledger_storage::layout::ledger::ReportState;
use streamledger_storage::tables::scan::collect;

use super::*;
use crate::build::build_waterfall::{ByTerritory, each_track};
use crate::nightly::plan::month_inputs::in_order_of_settlement;

const MONTH: &str = "2026-09";
const TRACKS: [Option<&str>; 3] = [Some("ZZSL12600001"), Some("ZZSL12600002"), None];
const TERRITORIES: [Option<&str>; 3] = [Some("GB"), Some("US"), None];

/// A row: its track and territory, what it is of, and its number.
type Row = (usize, usize, usize, i64);

/// Rows of the tables of a month. What a line of sales is of: the place of its report among
/// [`REPORTS`], and its kind.
#[derive(Debug, Clone)]
struct Ledger {
    trends: Vec<Row>,
    counters: Vec<Row>,
    declared: Vec<Row>,
    sales: Vec<(usize, Row)>,
    states: (SourceState, SourceState, SourceState),
}

/// Statements by name and period, and which has taken the place of which: one untouched, one that two
/// others have replaced one after the other, and a later one.
const REPORTS: [(&str, &str, Option<&str>); 5] = [
    ("1111111111111111", "2026-09", None),
    ("5555555555555555", "2026-09", Some("3333333333333333")),
    ("3333333333333333", "2026-09", Some("2222222222222222")),
    ("2222222222222222", "2026-09", None),
    ("4444444444444444", "2026-10", None),
];

/// Line types of a statement, and whether money is nothing.
const LINES: [(&str, bool); 4] =
    [("sale", false), ("sale", true), ("return", false), ("adjustment", false)];

fn report((name, period, superseded_by): (&str, &str, Option<&str>)) -> ReportEntry {
    let state = if superseded_by.is_some() { ReportState::Superseded } else { ReportState::Active };
    serde_json::from_value(serde_json::json!({
        "store": "spotify", "id": name.repeat(4), "hash": name.repeat(4), "feed": "sales", "format": "x",
        "files": [name], "archived": null, "reading": "", "state": state, "reason": null,
        "counts": null, "days": {}, "first_date": null, "last_date": null,
        "superseded_by": superseded_by,
        "about": { "period": format!("statement {period}..{period}"), "territory": "*",
            "created_ms": null, "set": null },
    }))
    .unwrap()
}

fn any_rows(n_kinds: usize) -> impl Strategy<Value = Vec<Row>> {
    proptest::collection::vec((0..3_usize, 0..3_usize, 0..n_kinds, 0..20_i64), 0..8)
}

fn any_ledger() -> impl Strategy<Value = Ledger> {
    let sales = any_rows(LINES.len()).prop_flat_map(|rows| {
        let n_rows = rows.len();
        proptest::collection::vec(0..REPORTS.len(), n_rows)
            .prop_map(move |reports| reports.into_iter().zip(rows.clone()).collect::<Vec<_>>())
    });
    let source = || proptest::option::of(proptest::sample::select(&CoverageState::ALL[..]));
    let states = (source(), source(), source());
    (any_rows(5), any_rows(1), any_rows(1), sales, states).prop_map(
        |(trends, counters, declared, sales, states)| Ledger {
            trends,
            counters,
            declared,
            sales,
            states,
        },
    )
}

fn frame(rows: &[Row], number: &str) -> DataFrame {
    let track = |row: &Row| TRACKS[row.0];
    let territory = |row: &Row| TERRITORIES[row.1];
    df!(
        "isrc" => rows.iter().map(track).collect::<Vec<_>>(),
        "territory" => rows.iter().map(territory).collect::<Vec<_>>(),
        number => rows.iter().map(|row| row.3).collect::<Vec<_>>(),
    )
    .unwrap()
}

/// Plays that count, heard in the month or before it, and such that do not.
fn trends_frame(rows: &[Row]) -> LazyFrame {
    let outcomes = [
        ("counted", None, MONTH),
        ("counted", None, "2026-08"),
        ("excluded", Some("too_short"), MONTH),
        ("held", Some("repeater"), MONTH),
        ("excluded", Some("duplicate"), "2026-08"),
    ];
    let of = |row: &Row| outcomes[row.2];
    let mut rows_of = frame(rows, "plays");
    let verdicts: Vec<&str> = rows.iter().map(|row| of(row).0).collect();
    let reasons: Vec<Option<&str>> = rows.iter().map(|row| of(row).1).collect();
    let months: Vec<&str> = rows.iter().map(|row| of(row).2).collect();
    rows_of.with_column(Column::new("verdict".into(), verdicts)).unwrap();
    rows_of.with_column(Column::new("reason".into(), reasons)).unwrap();
    rows_of.with_column(Column::new("listened_month".into(), months)).unwrap();
    rows_of.lazy()
}

/// Lines of the statements that count, or of those that were replaced.
fn sales_frame(lines: &[(usize, Row)], is_replaced: bool) -> MonthLines {
    let of_table = |(report, _): &&(usize, Row)| REPORTS[*report].2.is_some() == is_replaced;
    let lines: Vec<&(usize, Row)> = lines.iter().filter(of_table).collect();
    let rows: Vec<Row> = lines.iter().map(|(_, row)| *row).collect();
    let mut frame = frame(&rows, "units");
    let names: Vec<&str> = lines.iter().map(|(report, _)| REPORTS[*report].0).collect();
    let types: Vec<&str> = rows.iter().map(|row| LINES[row.2].0).collect();
    let amounts: Vec<i64> = rows.iter().map(|row| i64::from(!LINES[row.2].1)).collect();
    let n_rows = rows.len();
    frame.with_column(Column::new("report".into(), names)).unwrap();
    frame.with_column(Column::new("line_type".into(), types)).unwrap();
    frame.with_column(Column::new("amount".into(), amounts)).unwrap();
    frame.with_column(Column::new("use_type".into(), vec!["stream"; n_rows])).unwrap();
    frame.with_column(Column::new("royalty_bearing".into(), vec![None::<bool>; n_rows])).unwrap();
    let last = Period::Month(Month { year: 2026, month: 9 }).last();
    frame.with_column(Column::new("usage_to".into(), vec![last.0; n_rows])).unwrap();
    let amount = col("amount").cast(DataType::Decimal(38, 12));
    let lines = frame.lazy().with_columns([amount, col("usage_to").cast(DataType::Date)]);
    MonthLines { lines, last }
}

/// Lines of all tracks and territories, and the names of the statements by their place.
fn told(ledger: &Ledger) -> (Vec<Vec<WaterfallLine>>, Vec<String>) {
    let entries = REPORTS.map(report);
    let reports = entries.iter().map(|report| (report.name(), report)).collect();
    let (trends, sales, other) = ledger.states;
    let of = |source| ByTerritory { elsewhere: source, nowhere: source, ..ByTerritory::default() };
    let known = MonthKnown {
        sources: SourceStates { counters: other, declared: other, eligibility: None, next: other },
        trends: of(trends),
        unreported: ByTerritory::default(),
        sales: of(sales),
        eligibility: None,
        without_plays: streamledger_core::explain::eligibility::Eligibility::Unknown,
        reports: in_order_of_settlement(&reports),
    };
    let inputs = WaterfallInputs {
        trends: vec![trends_frame(&ledger.trends)],
        later: Vec::new(),
        counters: vec![frame(&ledger.counters, "plays").lazy()],
        is_unreported: None,
        declared: vec![frame(&ledger.declared, "plays").lazy()],
        statements: StatementInputs {
            sales: vec![sales_frame(&ledger.sales, false)],
            replaced: vec![sales_frame(&ledger.sales, true)],
            reports: Some(reports_frame(&known).unwrap()),
            streams: vec!["stream".to_owned()],
        },
        divided: None,
    };
    let facts = collect(facts(inputs, MONTH, &outcomes()).unwrap()).unwrap();
    let mut lines = Vec::new();
    each_track(&facts, &known, |_, groups| {
        let groups: Vec<_> = groups.into_iter().map(|(_, group)| group).collect();
        lines.extend(waterfall(&groups, known.sources));
    })
    .unwrap();
    (lines, known.reports.iter().map(|statement| statement.name.clone()).collect())
}

fn sum(lines: &[Vec<WaterfallLine>], step: WaterfallStep) -> i64 {
    let of_step = lines.iter().flatten().filter(|line| line.step == step);
    of_step.filter_map(|line| line.plays).sum()
}

/// Every total is the one before it and the changes since.
fn adds_up(lines: &[WaterfallLine]) -> bool {
    let mut running = 0;
    lines.iter().all(|line| {
        let plays = line.plays.unwrap_or(0);
        match line.step.kind() {
            StepKind::Total if line.step == WaterfallStep::StoreShows => running = plays,
            StepKind::Total => return running == plays,
            StepKind::Change => running += plays,
            StepKind::Aside => {}
        }
        true
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_ledger_adds_up_to_what_its_tables_hold(ledger in any_ledger()) {
        let (lines, _) = told(&ledger);
        for lines in &lines {
            prop_assert!(adds_up(lines), "{lines:#?}");
        }
        let reported: i64 = ledger.trends.iter().map(|row| row.3).sum();
        let counted: i64 = ledger.trends.iter().filter(|row| row.2 < 2).map(|row| row.3).sum();
        let is_paid =
            |(report, row): &&(usize, Row)| REPORTS[*report].2.is_none() && !LINES[row.2].1;
        let paid: i64 = ledger.sales.iter().filter(is_paid).map(|(_, row)| row.3).sum();
        prop_assert_eq!(sum(&lines, WaterfallStep::Reported), reported);
        prop_assert_eq!(sum(&lines, WaterfallStep::Counted), counted);
        prop_assert_eq!(sum(&lines, WaterfallStep::PaidUnits), paid);
    }

    #[test]
    fn the_order_of_rows_changes_nothing(ledger in any_ledger()) {
        let mut reversed = ledger.clone();
        reversed.trends.reverse();
        reversed.counters.reverse();
        reversed.declared.reverse();
        reversed.sales.reverse();
        prop_assert_eq!(told(&ledger), told(&reversed));
    }

    /// A correction is told by what it changed, whatever other statements of the month say.
    #[test]
    fn a_statement_that_nobody_touched_restates_nothing(ledger in any_ledger()) {
        let mut ledger = ledger;
        // Sales of the month's own statements only: the last line of the replaced ones counts.
        ledger.sales.retain(|(report, row)| *report != 4 && row.2 < 2);
        let (lines, names) = told(&ledger);
        let units = |report: usize| -> i64 {
            let of_it = ledger.sales.iter().filter(|(of, row)| *of == report && !LINES[row.2].1);
            of_it.map(|(_, row)| row.3).sum()
        };
        prop_assert_eq!(sum(&lines, WaterfallStep::Restated), units(3) - units(1));
        for line in lines.iter().flatten().filter(|line| line.step == WaterfallStep::Restated) {
            for place in &line.reports {
                prop_assert_ne!(names[*place as usize].as_str(), REPORTS[0].0);
            }
        }
    }
}
