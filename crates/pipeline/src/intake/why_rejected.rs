//! Why a report is rejected after all its rows were read.

use streamledger_core::ingest::table::format::Feed;
use streamledger_core::normalize::counts::RowCounts;
use streamledger_core::normalize::rejected_row::ReportFault;
use streamledger_core::normalize::sums::{LINES_MAX, ReportSumsBuilder};
use streamledger_core::normalize::table::control_numbers::CheckedControl;
use streamledger_core::normalize::values::numbers::{MarkDoubt, MarksSeen};

use crate::intake::reading::RowsRead;
use crate::intake::rejected_report::RejectedReport;

/// Why a report is rejected after all its rows were read; its text has `n_lines`.
#[must_use]
pub fn why_rejected(
    read: &RowsRead,
    n_lines: u64,
    bad_rows_max_basis_points: u32,
) -> Option<RejectedReport> {
    let problems = || {
        let detail = read.problems.join("; ");
        (!read.problems.is_empty()).then(|| RejectedReport::new("bad_head", detail))
    };
    let fault = || read.fault.clone().or_else(|| ReportFault::of_lines(&read.lines, n_lines));
    problems()
        .or_else(|| {
            fault().map(|fault| RejectedReport::new(fault.reject_code.code(), fault.detail))
        })
        .or_else(|| ambiguous_numbers(read.marks))
        .or_else(|| wrong_total(&read.controls))
        .or_else(|| beyond_bounds(read))
        .or_else(|| too_many_bad_rows(&read.counts, bad_rows_max_basis_points))
}

/// Numbers of which nobody can say whether a comma is before thousands or decimals.
fn ambiguous_numbers(marks: MarksSeen) -> Option<RejectedReport> {
    let detail = match marks.decided().err()? {
        MarkDoubt::Both => {
            "some numbers have a decimal point (`0.5`), others a decimal comma (`0,5`); expected one of the \
             two in the whole report"
        }
        MarkDoubt::Open => {
            "each number with a comma or a point may be thousands (`1,234` or `1.234`), and no other one \
             tells; expected one that leaves no doubt, such as `0.5`; if the format has one mark, say so in \
             its file (`number = \"point\"` or `\"comma\"`)"
        }
    };
    Some(RejectedReport::new("ambiguous_numbers", detail))
}

/// A control number that the rows do not add up to: part of the report is missing, or too much.
fn wrong_total(controls: &[CheckedControl]) -> Option<RejectedReport> {
    let wrong = controls.iter().find(|control| control.is_binding && !control.agrees)?;
    let CheckedControl { label, said, found, .. } = wrong;
    let detail = if said.is_empty() {
        format!("{label} is missing: the report was cut off")
    } else if found.is_empty() {
        format!("{label} says {said}, which is no number")
    } else {
        format!("{label} says {said}, the rows add up to {found}")
    };
    Some(RejectedReport::new("control_total", detail))
}

/// Numbers so large that sums of a warehouse could not hold them.
fn beyond_bounds(read: &RowsRead) -> Option<RejectedReport> {
    let (mut lines, mut pools) = (ReportSumsBuilder::default(), ReportSumsBuilder::default());
    for note in read.notes.values() {
        lines.add_sums(&note.sums);
        pools.add_sums(&note.pools);
    }
    let too_long = || {
        let n_lines = read.n_lines.filter(|n_lines| LINES_MAX < *n_lines)?;
        Some(format!("expected at most {LINES_MAX} lines, found {n_lines}"))
    };
    let units = if read.feed == Feed::Sales { "units" } else { "plays" };
    let detail = too_long()
        .or_else(|| lines.beyond_bounds(units))
        .or_else(|| pools.beyond_bounds("units of pools"))
        .or_else(|| read.play_sums.and_then(|sums| sums.beyond_bounds()))?;
    Some(RejectedReport::new("out_of_bounds", detail))
}

/// So many bad rows are never too many, as long as there are good ones: one of fifty is more than a percent
/// and says nothing of the others.
const BAD_ROWS_MIN: u64 = 10;

fn too_many_bad_rows(counts: &RowCounts, max_basis_points: u32) -> Option<RejectedReport> {
    let RowCounts { rows, quarantined, .. } = *counts;
    let is_much = u64::from(max_basis_points) * rows < quarantined * 10_000;
    let is_all = rows != 0 && rows == quarantined;
    (is_much && (BAD_ROWS_MIN < quarantined || is_all)).then(|| {
        let percent = f64::from(max_basis_points) / 100.0;
        let detail = format!(
            "expected at most {percent} % bad rows or {BAD_ROWS_MIN}, found {quarantined} of {rows}"
        );
        RejectedReport::new("too_many_bad_rows", detail)
    })
}
