//! `streamledger backfill`: named months rebuilt, and what that changes.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use streamledger_core::numbers::exact;
use streamledger_pipeline::intake::config::load_policy;
use streamledger_pipeline::nightly::backfill::{BackfillOutcome, plan_backfill, run_backfill};
use streamledger_pipeline::nightly::options::BackfillOptions as Task;

use crate::allocator;
use crate::arguments::{BackfillCommand, CommonOptions, OutputFormat};
use crate::backfill_options::options;
use crate::commands::{nightly, rebuild};
use crate::print::changes::change_sheets;
use crate::print::decisions;
use crate::print::output::{OutputSheet, grouped, print, to_csv, to_json, to_text};
use crate::print::progress::TerminalProgress;

/// Runs or plans a backfill and prints what it changed.
pub(crate) fn run(common: &CommonOptions, command: &BackfillCommand) -> anyhow::Result<u8> {
    if let Some(other) = &command.from_archive {
        return rebuild::run(common, command, other);
    }
    let (Some(from), Some(to)) = (&command.from, &command.to) else {
        bail!("--from and --to are missing: the first and the last month, such as 2026-09");
    };
    ensure!(from <= to, "--from {from} is after --to {to}: the first month comes first");
    allocator::keep_little_under(command.memory_limit);
    nightly::start_threads(common)?;
    let settings = nightly::load_settings(&command.pipeline)?;
    let policy = command.policy.as_deref().map(load_policy).transpose();
    let task = Task {
        from: from.clone(),
        to: to.clone(),
        store: command.store.clone(),
        policy: policy.map_err(nightly::not_usable)?.map(|policy| {
            (policy, decisions::author(&command.decisions, "backfilled under another policy"))
        }),
        is_preview: command.preview,
        as_of: command.as_of,
    };
    let options = options(command)?;
    let bar = TerminalProgress::new();
    let start = Instant::now();
    let result = if command.dry_run {
        plan_backfill(&settings, &options, &task, &bar)
    } else {
        run_backfill(&settings, &options, &task, &bar)
    };
    bar.end();
    let done = result?;
    let elapsed = start.elapsed();
    for (stage, time) in &done.summary.stages {
        tracing::info!(stage, ms = time.as_millis(), "time of a stage, summed over threads");
    }
    let sheets = sheets(command, &done, elapsed);
    print(&match common.format {
        OutputFormat::Table => {
            format!("{}\n\n{}", sentence(command, &done), to_text(&sheets))
        }
        OutputFormat::Json => to_json(&sheets)?,
        OutputFormat::Csv => to_csv(&sheets),
    })?;
    let has_rejects = done.summary.has_complaints() && !command.dry_run && !command.preview;
    Ok(nightly::code_of(has_rejects, command.fail_on))
}

fn sentence(command: &BackfillCommand, done: &BackfillOutcome) -> String {
    match (command.dry_run, command.preview, done.summary.snapshot) {
        (true, ..) => "Nothing was written. A run without --dry-run would do this:".to_owned(),
        (_, true, _) if done.changes.is_empty() => "Nothing would change.".to_owned(),
        (_, true, _) => "Nothing was published. This would change:".to_owned(),
        (.., Some(number)) if 0 < done.n_damaged => format!(
            "Published snapshot {number}: {} partitions were damaged and are whole again.",
            done.n_damaged
        ),
        (.., Some(number)) => format!("Published snapshot {number}."),
        (.., None) => "Everything is as it was, to the byte: nothing published.".to_owned(),
    }
}

fn sheets(
    command: &BackfillCommand,
    done: &BackfillOutcome,
    elapsed: Duration,
) -> Vec<OutputSheet> {
    if command.dry_run {
        return vec![totals(done, elapsed), nightly::plan_sheet(&done.summary)];
    }
    // Rows that are as many as before are no figure that changed.
    let changes = done.changes.clone().into_iter();
    let changes = changes
        .filter(|(figure, change)| figure.measure != "rows" || change.before != change.after);
    let [changed, summed] = change_sheets(&changes.collect());
    vec![totals(done, elapsed), nightly::outcome_sheet(&done.summary), changed, summed]
}

fn totals(done: &BackfillOutcome, elapsed: Duration) -> OutputSheet {
    let mut sheet = OutputSheet::new("backfill", "Backfill", &["what", "#number"]);
    let built = done.summary.rebuilt.len() as u64;
    let mut push = |what: &str, number: u64| {
        sheet.push(vec![what.to_owned(), grouped(number.into())]);
    };
    push("partitions rebuilt", built - done.n_kept.min(built));
    push("taken over from an interrupted backfill", done.n_kept);
    push("archived reports read", done.n_reports);
    let seconds = elapsed.as_secs_f64();
    sheet.push(vec!["seconds".to_owned(), format!("{seconds:.2}")]);
    let plays: u64 = done.summary.outcomes.values().map(|(rows, _)| rows).sum();
    let millis = exact::<u64>(elapsed.as_millis()).max(1);
    let per_second = i128::from(plays) * 1000 / i128::from(millis);
    sheet.push(vec!["rows of plays per second".to_owned(), grouped(per_second)]);
    sheet
}
