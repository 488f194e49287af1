//! `streamledger verify`: everything that is published is read again.

use streamledger_warehouse::verify::{Verification, verify_warehouse};

use crate::arguments::{Common, Format, Verify};
use crate::output::{Sheet, grouped, print, to_csv, to_json};
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
    });
    Ok(if found.differences.is_empty() { exit::DONE } else { exit::WITH_COMPLAINTS })
}

fn as_text(found: &Verification, sheets: &[Sheet]) -> String {
    let sentence = if found.differences.is_empty() {
        format!("Snapshot {} is as it was published.", found.snapshot)
    } else {
        format!(
            "Snapshot {} is NOT as it was published: restore the named files from a backup, or move \
             the warehouse away and run `nightly` on the archived reports.",
            found.snapshot
        )
    };
    let tables: Vec<String> =
        sheets.iter().filter(|sheet| !sheet.is_empty()).map(Sheet::to_text).collect();
    format!("{sentence}\n\n{}", tables.join("\n"))
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
