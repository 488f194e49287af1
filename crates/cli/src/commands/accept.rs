//! `streamledger accept`: a report that is rejected until somebody has looked at it is accepted.

use streamledger_core::decisions::AcceptKind;
use streamledger_warehouse::pipeline::accepting::{Acceptance, AcceptedReport, accept_report};
use streamledger_warehouse::storage::layout::decisions::Author;

use crate::arguments::{Accept, Common, Format};
use crate::exit;
use crate::print::decisions;
use crate::print::output::{Sheet, print, to_csv, to_json};

/// Writes the decision and prints what the next run will do.
pub(crate) fn run(common: &Common, command: &Accept) -> anyhow::Result<u8> {
    let acceptance = Acceptance {
        report: command.report.to_lowercase(),
        what: command.what.as_deref().and_then(AcceptKind::of_code),
        author: Author { by: decisions::name(command.by.as_ref()), reason: command.why.clone() },
    };
    let done = accept_report(&command.warehouse, command.decisions.as_deref(), &acceptance)?;
    print(&match common.format {
        Format::Table => in_words(&done),
        Format::Json => to_json(&[sheet(&done)])?,
        Format::Csv => to_csv(&[sheet(&done)]),
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
        AcceptKind::Overlaps => "makes its rows count beside those of the report that it overlaps",
        AcceptKind::TwoStores => "makes its rows count for the store in whose folder it lies",
        AcceptKind::Cancels => "takes the older report back, whose rows count no longer",
    };
    format!("{accepted}\nThe next `streamledger nightly` {next}.\n")
}

fn sheet(done: &AcceptedReport) -> Sheet {
    let columns = ["report", "file", "accepted", "decision", "accepted before"];
    let mut sheet = Sheet::new("accepted", "Accepted", &columns);
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
