//! `streamledger verify`: everything that is published is read again.

use streamledger_query::verification::{
    FoundDifference, LISTENER_KEY, NOT_PUBLISHED, Verification,
};
use streamledger_query::verify::verify_warehouse;
use streamledger_storage::layout::partition_key::PartitionKey;

use crate::arguments::{CommonOptions, OutputFormat, VerifyCommand};
use crate::commands::nightly;
use crate::exit;
use crate::print::output::{OutputSheet, grouped, print, to_csv, to_json, to_text};

/// Reads everything again and prints what differs.
pub(crate) fn run(common: &CommonOptions, command: &VerifyCommand) -> anyhow::Result<u8> {
    nightly::start_threads(common)?;
    let found = verify_warehouse(
        &command.warehouse,
        nightly::key_source(command.listener_key_file.as_ref())?.as_ref(),
    )?;
    let sheets = [totals(&found), differences(&found), unreadable(&found)];
    print(&match common.format {
        OutputFormat::Table => as_text(&found, &sheets),
        OutputFormat::Json => to_json(&sheets)?,
        OutputFormat::Csv => to_csv(&sheets),
    })?;
    Ok(if found.is_whole() { exit::DONE } else { exit::FAILED })
}

fn as_text(found: &Verification, sheets: &[OutputSheet]) -> String {
    let snapshot = found.snapshot;
    let sentence = match (found.differences.is_empty(), found.unreadable.is_empty()) {
        (true, true) => format!("Snapshot {snapshot} is as it was published."),
        (true, false) => format!("Not all of snapshot {snapshot} could be read."),
        (false, _) => format!("Snapshot {snapshot} is NOT as it was published."),
    };
    let lines: Vec<String> = std::iter::once(sentence).chain(advice(found)).collect();
    format!("{}\n\n{}", lines.join("\n"), to_text(sheets))
}

/// What puts it right, a line for each kind of damage.
fn advice(found: &Verification) -> Vec<String> {
    let mut advice = Vec::new();
    if !found.unreadable.is_empty() {
        let line = "Some files could not be read, so that nobody knows whether they differ: look at their \
                    permissions and at the disk, and run `streamledger verify` again. Remove nothing.";
        advice.push(line.to_owned());
    }
    let subjects = || found.differences.iter().map(|difference| difference.subject.as_str());
    let is_in = |subject: &&str, folder: &str| subject.starts_with(folder);
    if subjects().any(|subject| subject.ends_with("manifest.json")) {
        let line = "The list of what was published is damaged: `streamledger snapshots list` shows previous \
                    states, `streamledger snapshots rollback ID` publishes one of them, and the next \
                    `streamledger nightly` ingests again what came after it.";
        advice.push(line.to_owned());
    }
    if subjects().any(|subject| subject == LISTENER_KEY || subject.contains("listener key")) {
        let line = "Put the listener key back that the tables were made with, or give it with \
                    --listener-key-file.";
        advice.push(line.to_owned());
    }
    let is_stray = |difference: &&FoundDifference| difference.message == NOT_PUBLISHED;
    if found.differences.iter().any(|difference| is_stray(&difference)) {
        advice.push("Remove the files that were not published.".to_owned());
    }
    if subjects().any(|subject| is_in(&subject, "archive/")) {
        let line = "Remove a damaged report from the archive, put the report into the inbox again and run \
                    `streamledger nightly`, before anything else.";
        advice.push(line.to_owned());
    }
    let tables = found.differences.iter().filter(|difference| !is_stray(difference));
    let tables = tables.map(|difference| difference.subject.as_str());
    let tables: Vec<&str> = tables
        .filter(|subject| !is_in(subject, "archive/") && !subject.ends_with("manifest.json"))
        .filter(|subject| !subject.contains("listener"))
        .collect();
    let months = tables.iter().filter_map(|subject| PartitionKey::parse(subject)?.month_text());
    // A table without months is mended with those of any.
    let (first, last) = (months.clone().min(), months.max());
    let any = found.newest_month.as_deref();
    if let (false, Some(first), Some(last)) = (tables.is_empty(), first.or(any), last.or(any)) {
        advice.push(format!(
            "`streamledger backfill --from {first} --to {last}` makes the damaged tables again."
        ));
    }
    advice
}

fn totals(found: &Verification) -> OutputSheet {
    let mut sheet = OutputSheet::new("read", "Read again", &["what", "#number"]);
    for (what, number) in [
        ("published files", found.n_files),
        ("their rows", found.n_rows),
        ("their bytes", found.n_bytes),
        ("archived reports", found.n_reports),
        ("differences", found.differences.len() as u64),
        ("could not be read", found.unreadable.len() as u64),
    ] {
        sheet.push(vec![what.to_owned(), grouped(number.into())]);
    }
    sheet
}

fn unreadable(found: &Verification) -> OutputSheet {
    let mut sheet = OutputSheet::new("unreadable", "Could not be read", &["where", "what"]);
    for failed in &found.unreadable {
        sheet.push(vec![failed.subject.clone(), failed.message.clone()]);
    }
    sheet
}

fn differences(found: &Verification) -> OutputSheet {
    let mut sheet = OutputSheet::new("differences", "Differences", &["where", "what"]);
    for difference in &found.differences {
        sheet.push(vec![difference.subject.clone(), difference.message.clone()]);
    }
    sheet
}
