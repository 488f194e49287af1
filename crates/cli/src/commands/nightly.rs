//! `streamledger nightly`: options to a plan, the run, and the short table at its end.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use chrono::NaiveDate;
use streamledger_core::model::day::Day;
use streamledger_core::model::listener::ListenerKey;
use streamledger_core::model::money::Amount;
use streamledger_core::numbers::exact;
use streamledger_pipeline::intake::config::{ConfigError, PipelineSettings};
use streamledger_pipeline::nightly::error::NightlyError;
use streamledger_pipeline::nightly::options::NightlyOptions;
use streamledger_pipeline::nightly::plan::proposal::SettingsRequest;
use streamledger_pipeline::nightly::run::{plan_nightly, run_nightly};
use streamledger_pipeline::nightly::summary::{
    ListedRejection, ReplacedReport, ReportFigures, RunSummary,
};
use streamledger_storage::disk::durable::DiskError;
use streamledger_storage::disk::static_site::SiteError;
use streamledger_storage::layout::decisions::DecisionError;
use streamledger_storage::layout::error::WarehouseError;
use streamledger_storage::layout::snapshots::SnapshotError;
use streamledger_storage::layout::warehouse::KeySource;

use crate::arguments::{CommonOptions, FailOn, NightlyCommand, OutputFormat};
use crate::print::decisions;
use crate::print::output::{OutputSheet, grouped, print, to_csv, to_json, to_text};
use crate::print::progress::TerminalProgress;
use crate::{allocator, exit, folders};
use streamledger_storage::source::inbox::require_inbox;

/// Runs or plans a run and prints what it did.
pub(crate) fn run(common: &CommonOptions, command: &NightlyCommand) -> anyhow::Result<u8> {
    allocator::keep_little_under(command.memory_limit);
    start_threads(common)?;
    let settings = load_settings(&command.pipeline)?;
    let inbox = &command.inbox;
    if let Err(DiskError { source, .. }) = require_inbox(inbox) {
        bail!("cannot read the inbox {}: {source}; name its folder with --inbox", inbox.display());
    }
    folders::require_apart(("--inbox", inbox), ("--warehouse", &command.warehouse))?;
    let started = now();
    let options = NightlyOptions {
        inbox: command.inbox.clone(),
        warehouse: command.warehouse.clone(),
        listener_key: key_source(command.listener_key_file.as_ref())?,
        decisions: command.decisions.decisions.clone(),
        memory_limit_bytes: usize::try_from(command.memory_limit.as_u64())?,
        retry_rejected: command.retry_rejected,
        rekey: command.rekey,
        as_of: command.as_of.unwrap_or_else(|| chrono::Utc::now().date_naive()),
        owner: owner(&started),
        started,
    };
    let request = match &command.accept_restatement {
        Some(hash) => SettingsRequest::Accept {
            hash: hash.to_lowercase(),
            author: decisions::author(&command.decisions, "accepted as a restatement"),
        },
        None => SettingsRequest::AsAccepted,
    };
    let bar = TerminalProgress::new();
    let start = Instant::now();
    let result = if command.dry_run {
        plan_nightly(&settings, &options, &bar)
    } else {
        run_nightly(&settings, &options, &request, &bar)
    };
    bar.end();
    let summary = result?;
    let elapsed = start.elapsed();
    for (stage, time) in &summary.stages {
        tracing::info!(stage, ms = time.as_millis(), "time of a stage, summed over threads");
    }
    let run = NightlyOutput { summary: &summary, elapsed, command };
    print(&match common.format {
        OutputFormat::Table => run.to_text(),
        OutputFormat::Json => to_json(&run.sheets())?,
        OutputFormat::Csv => to_csv(&run.sheets()),
    })?;
    Ok(code_of(summary.has_complaints() && !command.dry_run, command.fail_on))
}

/// The code of a run that published.
pub(crate) fn code_of(has_rejects: bool, fail_on: Option<FailOn>) -> u8 {
    match fail_on {
        Some(FailOn::Rejects) if has_rejects => exit::REJECTED,
        _ => exit::DONE,
    }
}

/// Holds the listener key itself, for machines without a place for secret files.
const KEY_VARIABLE: &str = "STREAMLEDGER_LISTENER_KEY";

/// Where the listener key comes from; no message ever shows it.
pub(crate) fn key_source(file: Option<&PathBuf>) -> anyhow::Result<Option<KeySource>> {
    let Some(text) = std::env::var_os(KEY_VARIABLE) else {
        return Ok(file.cloned().map(KeySource::File));
    };
    ensure!(file.is_none(), "both a listener key file and {KEY_VARIABLE} are given: one of them");
    let mut key = [0; 32];
    let text = text.to_string_lossy();
    hex::decode_to_slice(text.trim(), &mut key).map_err(|_| {
        anyhow!("{KEY_VARIABLE} does not hold 64 hex digits, the 32 bytes of a key")
    })?;
    Ok(Some(KeySource::Key(ListenerKey::new(key))))
}

/// The moment, ISO 8601 UTC to the second.
pub(crate) fn now() -> String {
    chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A day that was given, or today (UTC).
pub(crate) fn day_of(given: Option<NaiveDate>) -> Day {
    Day(given.unwrap_or_else(|| chrono::Utc::now().date_naive()).to_epoch_days())
}

/// Threads for all parallel work of the process.
pub(crate) fn start_threads(common: &CommonOptions) -> anyhow::Result<()> {
    let n_threads = common.threads.map_or(0, usize::from);
    rayon::ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .build_global()
        .context("cannot start the threads")
}

/// Reads a pipeline file with all that it names; all errors at once.
pub(crate) fn load_settings(pipeline: &Path) -> anyhow::Result<PipelineSettings> {
    PipelineSettings::load(pipeline).map_err(not_usable)
}

/// All errors of the settings as one.
pub(crate) fn not_usable(errors: Vec<ConfigError>) -> anyhow::Error {
    let lines: Vec<String> = errors
        .into_iter()
        .map(|error| {
            let error = anyhow::Error::from(error);
            error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
        })
        .collect();
    anyhow!("the settings are not usable:\n  {}", lines.join("\n  "))
}

/// What the lock says of this run.
pub(crate) fn owner(started: &str) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let user = rustix::process::getuid().as_raw();
    format!("process {} of user {user} on {host}, since {started}", std::process::id())
}

/// The exit code of an error.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    let of_decisions = |error: &DecisionError| match error {
        DecisionError::Disk(_) => exit::FAILED,
        _ => exit::USAGE,
    };
    if let Some(error) = error.downcast_ref::<DecisionError>() {
        return of_decisions(error);
    }
    let of_warehouse = |error: &WarehouseError| match error {
        WarehouseError::Locked { .. } => exit::LOCKED,
        WarehouseError::NotThere { .. }
        | WarehouseError::Empty { .. }
        | WarehouseError::WrongKey { .. }
        | WarehouseError::OtherVersion { .. } => exit::USAGE,
        _ => exit::FAILED,
    };
    if let Some(error) = error.downcast_ref::<NightlyError>() {
        return match error {
            NightlyError::Warehouse(error) => of_warehouse(error),
            NightlyError::Decisions(error) => of_decisions(error),
            NightlyError::NotNow { .. } => exit::USAGE,
            _ => exit::FAILED,
        };
    }
    if let Some(error) = error.downcast_ref::<SnapshotError>() {
        return match error {
            SnapshotError::Warehouse(error) => of_warehouse(error),
            SnapshotError::Unknown { .. } | SnapshotError::IsCurrent { .. } => exit::USAGE,
            _ => exit::FAILED,
        };
    }
    if let Some(error) = error.downcast_ref::<WarehouseError>() {
        return of_warehouse(error);
    }
    if let Some(error) = error.downcast_ref::<SiteError>() {
        return match error {
            SiteError::Unnamed(_) | SiteError::Foreign(_) => exit::USAGE,
            _ => exit::FAILED,
        };
    }
    // What is said in words alone is said of what was asked for.
    let is_message = error.is::<String>() || error.is::<&'static str>();
    if is_message && error.chain().count() == 1 { exit::USAGE } else { exit::FAILED }
}

/// A run as it is printed.
struct NightlyOutput<'a> {
    summary: &'a RunSummary,
    elapsed: Duration,
    command: &'a NightlyCommand,
}

/// Rows and plays by verdict and reason.
pub(crate) fn outcome_sheet(summary: &RunSummary) -> OutputSheet {
    let columns = ["verdict", "reason", "#rows", "#plays"];
    let mut sheet = OutputSheet::new("outcomes", "Plays of the built dates", &columns);
    for ((verdict, reason), (rows, plays)) in &summary.outcomes {
        let reason = reason.map_or("", |reason| reason.as_str());
        let words = [verdict.as_str(), reason].map(str::to_owned);
        let numbers = [i128::from(*rows), i128::from(*plays)].map(grouped);
        sheet.push(words.into_iter().chain(numbers).collect());
    }
    sheet
}

/// Reports that were rejected, and why.
pub(crate) fn rejected_sheet<'r>(
    reports: impl IntoIterator<Item = &'r ListedRejection>,
) -> OutputSheet {
    let mut sheet = OutputSheet::new("rejected", "Rejected reports", &["file", "reason", "detail"]);
    for report in reports {
        sheet.push(vec![report.file.clone(), report.reason.clone(), report.detail.clone()]);
    }
    sheet
}

/// Partitions and why they are built.
pub(crate) fn plan_sheet(summary: &RunSummary) -> OutputSheet {
    let mut sheet = OutputSheet::new("partitions", "Partitions", &["partition", "why"]);
    for (path, why) in &summary.rebuilt {
        sheet.push(vec![path.clone(), why.clone()]);
    }
    sheet
}

impl NightlyOutput<'_> {
    /// What a person reads: a sentence, then the tables that have rows.
    fn to_text(&self) -> String {
        let summary = self.summary;
        let sentence = match (self.command.dry_run, summary.snapshot) {
            (true, _) if summary.rebuilt.is_empty() => {
                "Nothing to do: no report is new.".to_owned()
            }
            (true, _) => "Nothing was written. A run without --dry-run would do this:".to_owned(),
            (false, Some(number)) => format!("Published snapshot {number}."),
            (false, None) => "Nothing new, nothing published.".to_owned(),
        };
        let sheets = self.sheets();
        let words = decisions::proposal_in_words(summary, self.command);
        format!("{sentence}\n\n{}{words}", to_text(&sheets))
    }

    fn sheets(&self) -> Vec<OutputSheet> {
        [
            self.totals(),
            outcome_sheet(self.summary),
            rejected_sheet(&self.summary.rejected),
            self.quarantined(),
            self.unchecked(),
            self.replaced(),
            self.unmapped(),
            self.unreadable(),
            self.skipped_members(),
            self.left(),
        ]
        .into_iter()
        .chain(decisions::proposal_sheets(self.summary))
        // Which partitions would be built and why: what a dry run is for.
        .chain(self.command.dry_run.then(|| plan_sheet(self.summary)))
        .collect()
    }

    fn totals(&self) -> OutputSheet {
        let summary = self.summary;
        let mut sheet = OutputSheet::new("run", "Reports", &["what", "#number"]);
        let mut push = |what: &str, number: u64| {
            sheet.push(vec![what.to_owned(), grouped(number.into())]);
        };
        push("ingested", summary.taken_in.len() as u64);
        push("rejected", summary.rejected.len() as u64);
        push("copies of known reports", summary.copies.len() as u64);
        push("known, not changed", summary.n_known as u64);
        push("skipped by their names", summary.passed_over.len() as u64);
        push("could not be read", summary.unreadable.len() as u64);
        push("members of archives skipped", summary.skipped_members.len() as u64);
        push("rows ingested or quarantined", summary.rows_taken_in());
        push("partitions built", summary.rebuilt.len() as u64);
        if summary.spilled_files != 0 {
            push("files put on disk for want of memory", summary.spilled_files);
        }
        let seconds = self.elapsed.as_secs_f64();
        sheet.push(vec!["seconds".to_owned(), format!("{seconds:.2}")]);
        let millis = exact::<u64>(self.elapsed.as_millis()).max(1);
        let per_second = i128::from(summary.rows_taken_in()) * 1000 / i128::from(millis);
        sheet.push(vec!["rows per second".to_owned(), grouped(per_second)]);
        sheet
    }

    fn quarantined(&self) -> OutputSheet {
        let columns = ["file", "#quarantined", "#of rows"];
        let mut sheet =
            OutputSheet::new("quarantined", "Quarantined rows (table `quarantine`)", &columns);
        for (file, quarantined, rows) in &self.summary.quarantined {
            sheet.push(vec![file.clone(), grouped((*quarantined).into()), grouped((*rows).into())]);
        }
        sheet
    }

    fn unchecked(&self) -> OutputSheet {
        let title = "Totals that could not be checked";
        let columns = ["report", "control", "report says", "rows add up to", "why"];
        let mut sheet = OutputSheet::new("unchecked", title, &columns);
        for total in &self.summary.unchecked {
            let cells = [&total.file, &total.label, &total.said, &total.found, &total.why];
            sheet.push(cells.map(ToOwned::to_owned).to_vec());
        }
        sheet
    }

    fn replaced(&self) -> OutputSheet {
        let title = "Restated: reports that no longer count";
        let columns = [
            "file",
            "counts instead",
            "why",
            "#rows before",
            "#rows after",
            "#plays before",
            "#plays after",
            "money before",
            "money after",
        ];
        let mut sheet = OutputSheet::new("replaced", title, &columns);
        let plays =
            |figures: &ReportFigures| figures.plays.map_or("?".to_owned(), |n| grouped(n.into()));
        let money = |figures: &ReportFigures| -> String {
            let one =
                |(currency, amount): (&String, &String)| format!("{} {currency}", short(amount));
            figures.money.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        for report in &self.summary.replaced {
            let ReplacedReport { file, newer, why, before, after } = report;
            sheet.push(vec![
                file.clone(),
                newer.clone(),
                (*why).to_owned(),
                grouped(before.rows.into()),
                grouped(after.rows.into()),
                plays(before),
                plays(after),
                money(before),
                money(after),
            ]);
        }
        sheet
    }

    /// Values that somebody should add to a store file or the aliases.
    fn unmapped(&self) -> OutputSheet {
        let title = "Unknown values (table `unmapped_values`)";
        let columns = ["store", "field", "value", "#rows", "#units", "#amount", "currency"];
        let mut sheet = OutputSheet::new("unmapped", title, &columns);
        for ((store, key), sums) in &self.summary.unmapped {
            sheet.push(vec![
                store.clone(),
                key.field.as_str().to_owned(),
                key.value.clone(),
                grouped(sums.rows.into()),
                grouped(sums.units),
                key.currency.map(|_| Amount(sums.amount).to_string()).unwrap_or_default(),
                key.currency.map(|c| c.as_str().to_owned()).unwrap_or_default(),
            ]);
        }
        sheet
    }

    /// Files and folders that somebody should look after.
    fn unreadable(&self) -> OutputSheet {
        let title = "Could not be read: tried again in the next run";
        let mut sheet = OutputSheet::new("unreadable", title, &["file", "why"]);
        for (file, why) in &self.summary.unreadable {
            sheet.push(vec![file.clone(), why.clone()]);
        }
        sheet
    }

    /// What lies next to reports in their archives.
    fn skipped_members(&self) -> OutputSheet {
        let title = "Skipped members of archives: no reports";
        let columns = ["file", "member", "why"];
        let mut sheet = OutputSheet::new("skipped_members", title, &columns);
        for (file, member, why) in &self.summary.skipped_members {
            sheet.push(vec![file.clone(), member.clone(), why.clone()]);
        }
        sheet
    }

    /// Files that were not ingested as reports of their own.
    fn left(&self) -> OutputSheet {
        let mut sheet = OutputSheet::new("left", "Other files", &["file", "what it is"]);
        for (file, other) in &self.summary.copies {
            sheet.push(vec![file.clone(), format!("the same report as {other}")]);
        }
        for (file, missing) in &self.summary.waiting {
            let what = format!("waits for the other files of its report: {missing} missing");
            sheet.push(vec![file.clone(), what]);
        }
        for file in &self.summary.growing {
            let what = "changed while it was read: left for the next run";
            sheet.push(vec![file.clone(), what.to_owned()]);
        }
        for file in &self.summary.links {
            let what = "skipped: a link; put the report itself there";
            sheet.push(vec![file.clone(), what.to_owned()]);
        }
        for file in &self.summary.passed_over {
            let what = "passed over: no file, or a name that the pipeline ignores";
            sheet.push(vec![file.clone(), what.to_owned()]);
        }
        sheet
    }
}

/// An exact amount without zeros at its end.
fn short(amount: &str) -> &str {
    if amount.contains('.') { amount.trim_end_matches('0').trim_end_matches('.') } else { amount }
}
