//! The record of a run: what was ingested and what came of it. For people and for monitoring; the
//! tables never depend on it, so the clock may stand here.

use serde::Serialize;
use streamledger_core::model::verdict::Reason;
use streamledger_storage::disk::durable::{DiskError, IoContext as _, rename, write_new};
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;

use crate::nightly::options::NightlyOptions;
use crate::nightly::summary::{ReplacedReport, RunSummary};

#[derive(Serialize)]
struct RunRecord<'a> {
    started: &'a str,
    as_of: String,
    snapshot: Option<u64>,
    taken_in: &'a [(String, u64)],
    rejected: Vec<(&'a str, &'a str, &'a str)>,
    copies: &'a [(String, String)],
    replaced: &'a [ReplacedReport],
    left_growing: &'a [String],
    unreadable: &'a [(String, String)],
    skipped_members: &'a [(String, String, String)],
    quarantined: &'a [(String, u64, u64)],
    outcomes: Vec<OutcomeRecord>,
    built: &'a [(String, String)],
    stages_ms: Vec<(&'a str, u128)>,
}

#[derive(Serialize)]
struct OutcomeRecord {
    verdict: &'static str,
    reason: Option<&'static str>,
    rows: u64,
    plays: i64,
}

/// Name of the record of a run.
pub(super) fn name(options: &NightlyOptions) -> String {
    format!("{}-{}.json", options.started.replace(':', ""), std::process::id())
}

/// Writes the record of a run that did something, named for its start.
pub(super) fn write_record(
    places: &WarehouseLayout,
    options: &NightlyOptions,
    summary: &RunSummary,
) -> Result<(), DiskError> {
    let rejected =
        summary.rejected.iter().map(|r| (r.file.as_str(), r.reason.as_str(), r.detail.as_str()));
    let outcomes =
        summary.outcomes.iter().map(|((verdict, reason), (rows, plays))| OutcomeRecord {
            verdict: verdict.as_str(),
            reason: reason.map(Reason::as_str),
            rows: *rows,
            plays: *plays,
        });
    let record = RunRecord {
        started: &options.started,
        as_of: options.as_of.to_string(),
        snapshot: summary.snapshot,
        taken_in: &summary.taken_in,
        rejected: rejected.collect(),
        copies: &summary.copies,
        replaced: &summary.replaced,
        left_growing: &summary.growing,
        unreadable: &summary.unreadable,
        skipped_members: &summary.skipped_members,
        quarantined: &summary.quarantined,
        outcomes: outcomes.collect(),
        built: &summary.rebuilt,
        stages_ms: summary.stages.iter().map(|(stage, time)| (*stage, time.as_millis())).collect(),
    };
    let path = places.internal("runs").join(name(options));
    let new = places.internal("staging").join("run.json");
    let bytes =
        serde_json::to_vec_pretty(&record).map_err(std::io::Error::other).at("write", &path)?;
    write_new(&new, &bytes)?;
    rename(&new, &path)
}
