//! `streamledger nightly`: options to a plan, the run, and the short table at its end.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use streamledger_warehouse::config::Settings;
use streamledger_warehouse::nightly::summary::Summary;
use streamledger_warehouse::nightly::{NightlyError, NightlyOptions, plan_nightly, run_nightly};
use streamledger_warehouse::warehouse::WarehouseError;

use crate::arguments::{Common, Format, Nightly};
use crate::exit;
use crate::output::{Sheet, grouped, print};
use crate::progress::Bar;

/// Runs or plans a night and prints what it did.
pub(crate) fn run(common: &Common, command: &Nightly) -> anyhow::Result<u8> {
    start_threads(common)?;
    let settings = load_settings(command)?;
    let options = NightlyOptions {
        inbox: command.inbox.clone(),
        warehouse: command.warehouse.clone(),
        listener_key: command.listener_key_file.clone(),
        memory_limit_bytes: usize::try_from(command.memory_limit.as_u64())?,
        retry_refused: command.retry_refused,
        as_of: command.as_of.unwrap_or_else(|| chrono::Utc::now().date_naive()),
        owner: owner(),
    };
    let bar = Bar::new();
    let start = Instant::now();
    let result = if command.dry_run {
        plan_nightly(&settings, &options, &bar)
    } else {
        run_nightly(&settings, &options, &bar)
    };
    bar.end();
    let summary = result?;
    let elapsed = start.elapsed();
    for (stage, time) in &summary.stages {
        tracing::info!(stage, ms = time.as_millis(), "time of a stage, summed over threads");
    }
    match common.format {
        Format::Table => print(&as_text(&summary, elapsed, command)),
        Format::Json => print(&as_text(&summary, elapsed, command)),
        Format::Csv => print(&as_text(&summary, elapsed, command)),
    }
    Ok(if summary.has_complaints() && !command.dry_run { exit::WITH_COMPLAINTS } else { exit::DONE })
}

/// Threads for all parallel work of the process.
pub(crate) fn start_threads(common: &Common) -> anyhow::Result<()> {
    let n_threads = common.threads.map_or(0, usize::from);
    rayon::ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .build_global()
        .context("cannot start the threads")
}

fn load_settings(command: &Nightly) -> anyhow::Result<Settings> {
    Settings::load(&command.pipeline).map_err(|errors| {
        let lines: Vec<String> = errors
            .into_iter()
            .map(|error| anyhow::Error::from(error).chain().map(ToString::to_string).collect::<Vec<_>>().join(": "))
            .collect();
        anyhow!("the settings are not usable:\n  {}", lines.join("\n  "))
    })
}

fn owner() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let start = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ");
    format!("process {} on {host}, since {start}", std::process::id())
}

/// The exit code of an error.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<NightlyError>() {
        Some(NightlyError::Warehouse(WarehouseError::Locked { .. })) => exit::LOCKED,
        _ => exit::NOTHING_DONE,
    }
}

fn as_text(summary: &Summary, elapsed: Duration, command: &Nightly) -> String {
    let mut sheet = Sheet::new("night", &["what", "#number"]);
    sheet.push(vec!["reports taken in".into(), grouped(summary.taken_in.len() as i128)]);
    sheet.push(vec!["plays".into(), grouped(summary.rows_taken_in().into())]);
    sheet.push(vec!["partitions".into(), grouped(summary.rebuilt.len() as i128)]);
    sheet.push(vec!["seconds".into(), format!("{:.2}", elapsed.as_secs_f64())]);
    for ((verdict, reason), (rows, _)) in &summary.outcomes {
        sheet.push(vec![format!("{} {}", verdict.as_str(), reason.map_or("", |r| r.as_str())), grouped((*rows).into())]);
    }
    let _ = command;
    sheet.to_text()
}
