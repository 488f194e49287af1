//! Whether the disk has room for a run, before it writes anything: copies of new reports, the tables
//! that are made of them or rebuilt, and plays that wait for their date on disk.
//!
//! The bounds are on the safe side. Nothing waits on disk if all that is to be read fits the memory for
//! it together; a backfill, which knows the dates of its reports, holds those alone that share a date.

use std::collections::BTreeSet;

use streamledger_storage::disk::durable::free_bytes;
use streamledger_storage::layout::ledger::{LedgerReports, Manifest};
use streamledger_storage::source::report_source::BLOCK_BYTES;

use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::intake::examination::ReportCandidate;
use crate::nightly::plan::planned::PartitionKind;
use crate::nightly::plan::planning::Targets;
use crate::nightly::plan::planning::draft_plan;

/// Bytes that a row which has to wait takes on the disk: it goes there twice, in shares and in runs,
/// with its listener and its part of the words. Measured: 135 for Spotify's raw streams.
const ROW_BYTES: u64 = 150;

/// How many times larger than its file a packed report is, as a rule. Measured: 3.4 for Spotify's wide
/// table. What waits of a report is about as large as its text where rows are short, and less than half
/// of it where they are long.
const UNPACKED_TIMES: u64 = 4;

/// Bytes of a share of plays besides its rows: the heads of its blocks, one for each bucket.
const SHARE_BYTES: u64 = 40 << 10;

/// Dates of a block of a report, at most as a rule: each is a share of its own.
const DATES: u64 = 4;

/// Endings of files that are packed.
const PACKED: [&str; 5] = [".gz", ".gzip", ".zst", ".zstd", ".zip"];

/// What a run puts on the disk.
#[derive(Debug, Default, Clone, Copy)]
struct DiskLoad {
    n_reports: u64,
    /// Copies and tables.
    stays_bytes: u64,
    /// What all that is read takes if it has to wait: about its text.
    text_bytes: u64,
    /// Of that, what may have to wait at the same time.
    held_bytes: u64,
}

/// For a run: new reports are copied, and as a rule, with room to spare, their tables are as large
/// again. What other settings make stale is known before anything is read.
pub(crate) fn require_room_for_run(
    run: &RunContext<'_>,
    candidates: &[ReportCandidate<'_>],
    previous: &Manifest,
) -> Result<(), NightlyError> {
    let mut load =
        load_of_plan(&draft_plan(run, &previous.reports, previous).targets, previous, previous);
    for candidate in candidates {
        let is_new = candidate.file.is_some();
        let text = text_of_file(&candidate.path.to_string_lossy(), candidate.size_bytes);
        load.n_reports += 1;
        load.stays_bytes += candidate.size_bytes * if is_new { 2 } else { 1 };
        load.text_bytes += text;
        load.held_bytes += text;
    }
    require_disk_space(run, load)
}

/// For the stale partitions of a plan.
pub(crate) fn require_room_to_build(
    run: &RunContext<'_>,
    targets: &Targets,
    reports: &LedgerReports,
    previous: &Manifest,
) -> Result<(), NightlyError> {
    let known = Manifest { reports: reports.clone(), ..Manifest::default() };
    require_disk_space(run, load_of_plan(targets, &known, previous))
}

fn require_disk_space(run: &RunContext<'_>, load: DiskLoad) -> Result<(), NightlyError> {
    let limit = run.options.memory_limit_bytes as u64;
    let mut needed_bytes = load.stays_bytes;
    if limit / 4 < load.held_bytes {
        // A report is looked at block by block.
        let share_bytes = run.segment_bytes_max().max(BLOCK_BYTES) as u64;
        let n_shares = DATES * (load.n_reports + load.text_bytes / share_bytes);
        needed_bytes += load.text_bytes + n_shares * SHARE_BYTES;
    }
    let path = run.places.root().to_owned();
    let free_bytes = free_bytes(&path)?;
    tracing::info!(
        needed_bytes,
        free_bytes,
        reports = load.n_reports,
        "room that is needed on the disk, at most as a rule"
    );
    if free_bytes < needed_bytes {
        let n_reports = load.n_reports;
        return Err(NightlyError::NoSpace { path, n_reports, needed_bytes, free_bytes });
    }
    Ok(())
}

/// What the stale partitions of a plan put on the disk.
fn load_of_plan(targets: &Targets, known: &Manifest, previous: &Manifest) -> DiskLoad {
    let mut load = DiskLoad::default();
    let (mut alone, mut shared) = (BTreeSet::new(), BTreeSet::new());
    for (path, planned) in targets.iter().filter(|(_, planned)| planned.is_stale()) {
        let partition = previous.partitions.get(path);
        let files = partition.into_iter().flat_map(|partition| &partition.files);
        // What is finished is there once more until all is published.
        load.stays_bytes += 2 * files.map(|file| file.size_bytes).sum::<u64>();
        match planned.kind {
            PartitionKind::Plays { .. } if planned.reports.len() == 1 => {
                alone.extend(&planned.reports)
            }
            PartitionKind::Plays { .. } | PartitionKind::Lots(..) => {
                shared.extend(&planned.reports)
            }
            _ => {}
        }
    }
    let text = |key: &&String| {
        let counts = known.reports.get(*key).and_then(|report| report.counts);
        counts.map_or(0, |counts| counts.rows * ROW_BYTES)
    };
    let shared_bytes: u64 = shared.iter().map(text).sum();
    let mut alone: Vec<u64> = alone.difference(&shared).map(text).collect();
    alone.sort_unstable();
    let n_readers = 2 * rayon::current_num_threads();
    load.n_reports = (shared.len() + alone.len()) as u64;
    load.text_bytes = shared_bytes + alone.iter().sum::<u64>();
    load.held_bytes = shared_bytes + alone.iter().rev().take(n_readers).sum::<u64>();
    load
}

fn text_of_file(name: &str, size_bytes: u64) -> u64 {
    let name = name.to_lowercase();
    let is_packed = PACKED.iter().any(|ending| name.ends_with(ending));
    size_bytes.saturating_mul(if is_packed { UNPACKED_TIMES } else { 1 })
}
