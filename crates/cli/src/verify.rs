//! `streamledger verify`: everything that is published is read again.

use streamledger_warehouse::month_paths::month_of_any;
use streamledger_warehouse::verify::{Difference, NOT_PUBLISHED, Verification, verify_warehouse};

use crate::arguments::{Common, Format, Verify};
use crate::output::{Sheet, grouped, print, to_csv, to_json, to_text};
use crate::{exit, nightly};

/// Reads everything again and prints what differs.
pub(crate) fn run(common: &Common, command: &Verify) -> anyhow::Result<u8> {
    nightly::start_threads(common)?;
    let found = verify_warehouse(&command.warehouse)?;
    let sheets = [totals(&found), differences(&found)];
    print(&match common.format {
        Format::Table => as_text(&found, &sheets),
        Format::Json => to_json(&sheets)?,
        Format::Csv => to_csv(&sheets),
    })?;
    Ok(if found.differences.is_empty() { exit::DONE } else { exit::FAILED })
}

fn as_text(found: &Verification, sheets: &[Sheet]) -> String {
    let sentence = if found.differences.is_empty() {
        format!("Snapshot {} is as it was published.", found.snapshot)
    } else {
        let advice = advice(found).join("\n");
        format!("Snapshot {} is NOT as it was published.\n{advice}", found.snapshot)
    };
    format!("{sentence}\n\n{}", to_text(sheets))
}

/// What puts it right, a line for each kind of damage.
fn advice(found: &Verification) -> Vec<String> {
    let mut advice = Vec::new();
    let subjects = || found.differences.iter().map(|difference| difference.subject.as_str());
    let is_in = |subject: &&str, folder: &str| subject.starts_with(folder);
    if subjects().any(|subject| subject.ends_with("manifest.json")) {
        let line = "The list of what was published is damaged: `streamledger snapshots list` shows former \
                    states, `streamledger snapshots rollback ID` publishes one of them, and the next \
                    `streamledger nightly` takes in again what came after it.";
        advice.push(line.to_owned());
    }
    let is_stray = |difference: &&Difference| difference.message == NOT_PUBLISHED;
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
        .collect();
    let months = tables.iter().filter_map(|subject| month_of_any(subject));
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

fn totals(found: &Verification) -> Sheet {
    let mut sheet = Sheet::new("read", "Read again", &["what", "#number"]);
    for (what, number) in [
        ("published files", found.n_files),
        ("their rows", found.n_rows),
        ("their bytes", found.n_bytes),
        ("archived reports", found.n_reports),
        ("differences", found.differences.len() as u64),
    ] {
        sheet.push(vec![what.to_owned(), grouped(number.into())]);
    }
    sheet
}

fn differences(found: &Verification) -> Sheet {
    let mut sheet = Sheet::new("differences", "Differences", &["where", "what"]);
    for difference in &found.differences {
        sheet.push(vec![difference.subject.clone(), difference.message.clone()]);
    }
    sheet
}
