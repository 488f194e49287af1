//! `streamledger backfill --from-archive`: a new warehouse from the archived reports of another one.

use std::path::Path;
use std::time::Instant;

use streamledger_pipeline::nightly::summary::RunSummary;
use streamledger_pipeline::rebuild::{RebuildOutcome, rebuild_from_archive};

use crate::allocator;
use crate::arguments::{BackfillCommand, CommonOptions, OutputFormat};
use crate::backfill_options::options;
use crate::commands::nightly;
use crate::print::output::{OutputSheet, grouped, print, to_csv, to_json, to_text};
use crate::print::progress::TerminalProgress;

/// Makes the warehouse and prints what came of each archived report.
pub(crate) fn run(
    common: &CommonOptions,
    command: &BackfillCommand,
    other: &Path,
) -> anyhow::Result<u8> {
    allocator::keep_little_under(command.memory_limit);
    nightly::start_threads(common)?;
    let settings = nightly::load_settings(&command.pipeline)?;
    let options = options(command)?;
    let bar = TerminalProgress::new();
    let start = Instant::now();
    let result = rebuild_from_archive(other, &settings, &options, &bar);
    bar.end();
    let rebuilt = result?;
    tracing::info!(ms = start.elapsed().as_millis(), "the warehouse is made");
    let rejected = rebuilt.summaries.iter().flat_map(|summary| &summary.rejected);
    let sheets = [totals(&rebuilt), nightly::rejected_sheet(rejected), not_archived(&rebuilt)];
    print(&match common.format {
        OutputFormat::Table => {
            format!("{}\n\n{}", sentence(&rebuilt, other), to_text(&sheets))
        }
        OutputFormat::Json => to_json(&sheets)?,
        OutputFormat::Csv => to_csv(&sheets),
    })?;
    let has_rejects = rebuilt.summaries.iter().any(RunSummary::has_complaints);
    Ok(nightly::code_of(has_rejects, command.fail_on))
}

fn sentence(rebuilt: &RebuildOutcome, other: &Path) -> String {
    let other = other.display();
    match rebuilt.summaries.iter().rev().find_map(|summary| summary.snapshot) {
        Some(number) => format!("Published snapshot {number} from the archive of {other}."),
        None => format!("The archive of {other} has no report: nothing published."),
    }
}

fn totals(rebuilt: &RebuildOutcome) -> OutputSheet {
    let mut sheet = OutputSheet::new("rebuilt", "Reports", &["what", "#number"]);
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
fn not_archived(rebuilt: &RebuildOutcome) -> OutputSheet {
    let title = "Rejected before and so in no archive: read again where they are in the inbox";
    let mut sheet = OutputSheet::new("not_archived", title, &["file"]);
    for file in &rebuilt.not_archived {
        sheet.push(vec![file.clone()]);
    }
    sheet
}
