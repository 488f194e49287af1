//! `streamledger accept`: a report that is rejected until somebody has looked at it is accepted.

use streamledger_core::decisions::AcceptKind;
use streamledger_pipeline::accepting::{AcceptanceOutcome, AcceptedReport, accept_report};
use streamledger_storage::layout::decisions::DecisionAuthor;

use crate::arguments::{AcceptCommand, CommonOptions, OutputFormat};
use crate::exit;
use crate::print::decisions;
use crate::print::output::{OutputSheet, print, to_csv, to_json};

/// Writes the decision and prints what the next run will do.
pub(crate) fn run(common: &CommonOptions, command: &AcceptCommand) -> anyhow::Result<u8> {
    let acceptance = AcceptanceOutcome {
        report: command.report.to_lowercase(),
        what: command.what.as_deref().and_then(AcceptKind::of_code),
        author: DecisionAuthor {
            by: decisions::name(command.by.as_ref()),
            reason: command.why.clone(),
        },
    };
    let done = accept_report(&command.warehouse, command.decisions.as_deref(), &acceptance)?;
    print(&match common.format {
        OutputFormat::Table => in_words(&done),
        OutputFormat::Json => to_json(&[sheet(&done)])?,
        OutputFormat::Csv => to_csv(&[sheet(&done)]),
    })?;
    Ok(exit::DONE)
}

fn in_words(done: &AcceptedReport) -> String {
    let AcceptedReport { report, file, what, decision, before } = done;
    let short = report.get(..16).unwrap_or(report);
    let accepted = match before {
        None => format!("Accepted report {short} ({file}) as `{}`: {decision}.", what.as_str()),
        Some(before) => format!(
            "Report {short} ({file}) was accepted as `{}` before, by {before}: nothing was written.",
            what.as_str()
        ),
    };
    let next = match what {
        AcceptKind::Shrinks => "puts it in the place of the older, larger report",
        AcceptKind::Overlaps => "makes its rows count with those of the report that it overlaps",
        AcceptKind::TwoStores => "makes its rows count for the store in whose folder it lies",
        AcceptKind::Cancels => "takes the older report back, whose rows count no longer",
    };
    format!("{accepted}\nThe next `streamledger nightly` {next}.\n")
}

fn sheet(done: &AcceptedReport) -> OutputSheet {
    let columns = ["report", "file", "accepted", "decision", "accepted before"];
    let mut sheet = OutputSheet::new("accepted", "Accepted", &columns);
    let AcceptedReport { report, file, what, decision, before } = done;
    sheet.push(vec![
        report.clone(),
        file.clone(),
        what.as_str().to_owned(),
        decision.clone(),
        before.clone().unwrap_or_default(),
    ]);
    sheet
}
