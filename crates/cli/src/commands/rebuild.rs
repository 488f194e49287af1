//! `streamledger backfill --from-archive`: a new warehouse from the archived reports of another one.

use std::path::Path;
use std::time::Instant;

use streamledger_warehouse::pipeline::nightly::summary::Summary;
use streamledger_warehouse::pipeline::rebuild::{Rebuilt, rebuild_from_archive};

use crate::allocator;
use crate::arguments::{Backfill, Common, Format};
use crate::backfill_options::options;
use crate::commands::nightly;
use crate::print::output::{Sheet, grouped, print, to_csv, to_json, to_text};
use crate::print::progress::Bar;

/// Makes the warehouse and prints what came of each archived report.
pub(crate) fn run(common: &Common, command: &Backfill, other: &Path) -> anyhow::Result<u8> {
    allocator::keep_little_under(command.memory_limit);
    nightly::start_threads(common)?;
    let settings = nightly::load_settings(&command.pipeline)?;
    let options = options(command)?;
    let bar = Bar::new();
    let start = Instant::now();
    let result = rebuild_from_archive(other, &settings, &options, &bar);
    bar.end();
    let rebuilt = result?;
    tracing::info!(ms = start.elapsed().as_millis(), "the warehouse is made");
    let rejected = rebuilt.summaries.iter().flat_map(|summary| &summary.rejected);
    let sheets = [totals(&rebuilt), nightly::rejected_sheet(rejected), not_archived(&rebuilt)];
    print(&match common.format {
        Format::Table => {
            format!("{}\n\n{}", sentence(&rebuilt, other), to_text(&sheets))
        }
        Format::Json => to_json(&sheets)?,
        Format::Csv => to_csv(&sheets),
    })?;
    let has_rejects = rebuilt.summaries.iter().any(Summary::has_complaints);
    Ok(nightly::code_of(has_rejects, command.fail_on))
}

fn sentence(rebuilt: &Rebuilt, other: &Path) -> String {
    let other = other.display();
    match rebuilt.summaries.iter().rev().find_map(|summary| summary.snapshot) {
        Some(number) => format!("Published snapshot {number} from the archive of {other}."),
        None => format!("The archive of {other} has no report: nothing published."),
    }
}

fn totals(rebuilt: &Rebuilt) -> Sheet {
    let mut sheet = Sheet::new("rebuilt", "Reports", &["what", "#number"]);
    let n_rejected: usize = rebuilt.summaries.iter().map(|summary| summary.rejected.len()).sum();
    let rows = [
        ("archived reports read", rebuilt.n_reports),
        ("rejected now", n_rejected as u64),
        ("files of reports that were rejected before", rebuilt.not_archived.len() as u64),
    ];
    for (what, number) in rows {
        sheet.push(vec![what.to_owned(), grouped(number.into())]);
    }
    sheet
}

/// What the next nightly run has to find in the inbox.
fn not_archived(rebuilt: &Rebuilt) -> Sheet {
    let title = "Rejected before and so in no archive: read again where they are in the inbox";
    let mut sheet = Sheet::new("not_archived", title, &["file"]);
    for file in &rebuilt.not_archived {
        sheet.push(vec![file.clone()]);
    }
    sheet
}
