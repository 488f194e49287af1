//! The command line.

use std::path::PathBuf;

use bytesize::ByteSize;
use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};
use streamledger_core::model::day::Month;

use crate::generate_options::GenerateCommand;

const EXAMPLES: &str = "\
Examples:
  streamledger generate --plays 1000000 --days 6 --seed 7 --out demo
  streamledger nightly --inbox demo/inbox --warehouse demo/warehouse
  streamledger verify --warehouse demo/warehouse
  streamledger backfill --from 2026-09 --to 2026-09 --preview
  streamledger accept 9f86d081884c7d65 --why \"the store confirmed the smaller report\"
  streamledger status
  streamledger explain --month 2026-09 --store spotify
  streamledger inspect inbox/distrokid/statement.tsv

Exit codes:
  0  published, or nothing to do, also where rows or reports were rejected
  1  failed, nothing was published; `verify`: something differs; `status`: something
     is late; `inspect`: the report, or rows of it, would be rejected
  2  usage or configuration: nothing was tried
  3  another run holds the warehouse
  4  with --fail-on rejects: published, and something was rejected";

/// Turns the reports of streaming stores into tables in which every play has a verdict and a reason.
#[derive(Debug, Parser)]
#[command(name = "streamledger", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: CliCommand,
    /// Options of all commands.
    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum CliCommand {
    /// Take in every report of the inbox that is not yet in the ledger, build the partitions whose
    /// inputs changed, and publish all tables together.
    Nightly(NightlyCommand),
    /// Rebuild named months from the archived reports, as they are or judged by another policy, and
    /// tell what that changes.
    Backfill(BackfillCommand),
    /// Accept a report that is rejected until somebody has looked at it; the next run makes its rows
    /// count.
    Accept(AcceptCommand),
    /// Previous states of the tables: list them, compare two, go back to one, remove old ones.
    Snapshots(SnapshotsCommand),
    /// Say what is complete, what is due next and when, and what is late.
    Status(StatusOptions),
    /// Explain the difference between what a store shows and what is paid, step by step.
    Explain(ExplainCommand),
    /// Write the same for every recording and artist as pages that a person reads in a browser.
    Report(ReportCommand),
    /// Read everything again that is published: checksums, row counts, sums.
    Verify(VerifyCommand),
    /// Say which format a report is and why, what it maps to what, and show its first rows in our
    /// words. Writes nothing.
    Inspect(InspectCommand),
    /// List the formats that are read.
    Formats(FormatsCommand),
    /// Make a realistic inbox from a seed, for demos, tests and benchmarks.
    Generate(GenerateCommand),
}

/// Options of all commands.
#[derive(Debug, Args)]
pub(crate) struct CommonOptions {
    /// Form of what is printed to stdout.
    #[arg(long, global = true, value_enum, default_value_t = OutputFormat::Table, help_heading = "Output")]
    pub(crate) format: OutputFormat,
    /// Form of the logs on stderr.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, help_heading = "Output")]
    pub(crate) log_format: LogFormat,
    /// Log each stage and each partition that is built, with rows, bytes and milliseconds; twice for
    /// everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
    /// Say errors only.
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Threads to work with; all cores if not given. Never changes a result.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Machine")]
    pub(crate) threads: Option<u16>,
}

/// Form of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Aligned, for people.
    Table,
    /// One JSON document.
    Json,
    /// Comma-separated values with a header.
    Csv,
}

/// Form of the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Options of `nightly`.
#[derive(Debug, Args)]
#[command(after_help = NIGHTLY_EXAMPLES)]
pub(crate) struct NightlyCommand {
    /// Pipeline file: stores, policy, what the inbox ignores.
    #[arg(long, value_name = "FILE", default_value = "pipelines/nightly.toml")]
    pub(crate) pipeline: PathBuf,
    /// Folder of the reports: `inbox/<store>/**`.
    #[arg(long, value_name = "DIR", default_value = "inbox")]
    pub(crate) inbox: PathBuf,
    /// Folder of the tables, made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "warehouse")]
    pub(crate) warehouse: PathBuf,
    /// File of 32 bytes that listeners are hashed with; else the warehouse makes one. The variable
    /// `STREAMLEDGER_LISTENER_KEY` may hold the key itself, as 64 hex digits.
    #[arg(long, value_name = "FILE", env = "STREAMLEDGER_LISTENER_KEY_FILE")]
    pub(crate) listener_key_file: Option<PathBuf>,
    /// The day that it is, for what is due and late; today (UTC) if not given.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) as_of: Option<NaiveDate>,
    /// Memory for plays; what does not fit goes to disk. Never changes a result.
    #[arg(long, value_name = "SIZE", default_value = "4GiB", help_heading = "Machine")]
    pub(crate) memory_limit: ByteSize,
    /// Examine rejected reports again that have not changed.
    #[arg(long)]
    pub(crate) retry_rejected: bool,
    /// Exit with code 4 if this was so; all that is right is published all the same.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) fail_on: Option<FailOn>,
    /// Hash listeners with another key than before, or with a new one where that is gone: all plays are
    /// read again, and every `listener` is another value.
    #[arg(long)]
    pub(crate) rekey: bool,
    /// Say what would be done and why; write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Accept the edited settings with this hash, as a run without this option prints it: they judge
    /// all months from now on.
    #[arg(long, value_name = "HASH", conflicts_with = "dry_run", help_heading = "Decisions")]
    pub(crate) accept_restatement: Option<String>,
    /// Where decisions are kept, and who decides.
    #[command(flatten)]
    pub(crate) decisions: DecisionOptions,
}

/// What makes a run that published fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FailOn {
    /// A row, a report or a file was rejected, or could not be read.
    Rejects,
}

const NIGHTLY_EXAMPLES: &str = "\
Examples:
  streamledger nightly
  streamledger nightly --fail-on rejects
  streamledger nightly --as-of 2026-10-01 --dry-run
  streamledger nightly --accept-restatement 1f2e3d4c5b6a --why \"policy of October\"

Edited numbers of the policy, the stores' bounds, eligibility and the calendar judge nothing until they
are accepted. A run judges by the accepted ones, publishes, and then prints what the edited ones would
change and the command that accepts them.";

/// Where decisions are kept, and who decides.
#[derive(Debug, Args)]
pub(crate) struct DecisionOptions {
    /// Folder of the decisions; WAREHOUSE/internal/decisions if not given. Back it up.
    #[arg(long, value_name = "DIR", env = "STREAMLEDGER_DECISIONS", help_heading = "Decisions")]
    pub(crate) decisions: Option<PathBuf>,
    /// Why you decide so; it stands in the decision.
    #[arg(long, value_name = "TEXT", help_heading = "Decisions")]
    pub(crate) why: Option<String>,
    /// Who decides; the user's name if not given.
    #[arg(long, value_name = "NAME", env = "STREAMLEDGER_BY", help_heading = "Decisions")]
    pub(crate) by: Option<String>,
}

/// Options of `accept`.
#[derive(Debug, Args)]
#[command(after_help = ACCEPT_EXAMPLES)]
pub(crate) struct AcceptCommand {
    /// The report: at least 16 digits of its id, as the message of the rejection gives them.
    #[arg(value_name = "REPORT")]
    pub(crate) report: String,
    /// Why you accept it; it stands in the decision.
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
    /// What you accept of it; what it is rejected for now if not given.
    #[arg(long, value_name = "KIND", value_parser = ["shrinks", "overlaps", "two_stores", "cancels"])]
    pub(crate) what: Option<String>,
    /// Who decides; the user's name if not given.
    #[arg(long, value_name = "NAME", env = "STREAMLEDGER_BY")]
    pub(crate) by: Option<String>,
    /// Folder of the tables.
    #[arg(long, value_name = "DIR", default_value = "warehouse")]
    pub(crate) warehouse: PathBuf,
    /// Folder of the decisions; WAREHOUSE/internal/decisions if not given.
    #[arg(long, value_name = "DIR", env = "STREAMLEDGER_DECISIONS")]
    pub(crate) decisions: Option<PathBuf>,
}

const ACCEPT_EXAMPLES: &str = "\
Examples:
  streamledger accept 9f86d081884c7d65 --why \"the store confirmed the smaller report\"
  streamledger accept 9f86d081884c7d65 --what overlaps --why \"two labels\" --by anna

What is accepted:
  shrinks     a newer report with less than half of the rows, plays or money of the older one
  overlaps    a report whose rows are in part those of another one
  two_stores  the same bytes in the folders of two stores
  cancels     a report without rows that takes an older one back";

/// Options of `backfill`.
#[derive(Debug, Args)]
#[command(after_help = BACKFILL_EXAMPLES)]
pub(crate) struct BackfillCommand {
    /// First month: of the counted date, of statements the month of use.
    #[arg(long, value_name = "YYYY-MM", value_parser = month, required_unless_present = "from_archive")]
    pub(crate) from: Option<String>,
    /// Last month.
    #[arg(long, value_name = "YYYY-MM", value_parser = month, required_unless_present = "from_archive")]
    pub(crate) to: Option<String>,
    /// Make the new warehouse from the archived reports of this one, all months; also where this one is of
    /// an earlier version. It is only read.
    #[arg(long, value_name = "WAREHOUSE",
          conflicts_with_all = ["from", "to", "store", "policy", "preview", "dry_run"])]
    pub(crate) from_archive: Option<PathBuf>,
    /// Exit with code 4 if this was so; all that is right is published all the same.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) fail_on: Option<FailOn>,
    /// Only this store; all if not given.
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// Judge the months by the numbers of this policy file from now on: a decision, which holds for
    /// reports of them that are still to come too. Without it each month is judged by its accepted
    /// settings.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Compute what would change, tell it, and publish nothing.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) preview: bool,
    /// Say which partitions would be rebuilt; compute and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Pipeline file: stores and policy.
    #[arg(long, value_name = "FILE", default_value = "pipelines/nightly.toml")]
    pub(crate) pipeline: PathBuf,
    /// Folder of the tables.
    #[arg(long, value_name = "DIR", default_value = "warehouse")]
    pub(crate) warehouse: PathBuf,
    /// File of 32 bytes that listeners are hashed with; else the warehouse's own.
    #[arg(long, value_name = "FILE", env = "STREAMLEDGER_LISTENER_KEY_FILE")]
    pub(crate) listener_key_file: Option<PathBuf>,
    /// The day that it is, for what is due and late; that of the last run if not given.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) as_of: Option<NaiveDate>,
    /// Memory for plays; what does not fit goes to disk. Never changes a result.
    #[arg(long, value_name = "SIZE", default_value = "4GiB", help_heading = "Machine")]
    pub(crate) memory_limit: ByteSize,
    /// Where decisions are kept, and who decides.
    #[command(flatten)]
    pub(crate) decisions: DecisionOptions,
}

const BACKFILL_EXAMPLES: &str = "\
Examples:
  streamledger backfill --from 2026-01 --to 2026-06
  streamledger backfill --from 2026-09 --to 2026-09 --store spotify \\
      --policy stricter.toml --preview
  streamledger backfill --from 2026-09 --to 2026-09 --store spotify \\
      --policy stricter.toml --why \"loops found in September\"
  streamledger backfill --from-archive warehouse --warehouse warehouse-2";

fn month(text: &str) -> Result<String, String> {
    let month = text.parse::<Month>();
    month.map(|month| month.to_string()).map_err(|_| "expected a month such as 2026-09".to_owned())
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyCommand {
    /// Folder of the tables.
    #[arg(long, value_name = "DIR", default_value = "warehouse")]
    pub(crate) warehouse: PathBuf,
    /// File with the listener key, where it is not the warehouse's own: whether it is the one that the
    /// tables were made with.
    #[arg(long, value_name = "FILE", env = "STREAMLEDGER_LISTENER_KEY_FILE")]
    pub(crate) listener_key_file: Option<PathBuf>,
}

/// Options of `status`.
#[derive(Debug, Args)]
#[command(after_help = STATUS_EXAMPLES)]
pub(crate) struct StatusOptions {
    /// Pipeline file: the calendar that it names says what is due.
    #[arg(long, value_name = "FILE", default_value = "pipelines/nightly.toml")]
    pub(crate) pipeline: PathBuf,
    /// Folder of the tables.
    #[arg(long, value_name = "DIR", default_value = "warehouse")]
    pub(crate) warehouse: PathBuf,
    /// The day that it is; today (UTC) if not given.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) as_of: Option<NaiveDate>,
}

const STATUS_EXAMPLES: &str = "\
Examples:
  streamledger status
  streamledger status --format json

Exit codes: 0 all in time, 1 something is late.";

/// Options of `explain`.
#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub(crate) struct ExplainCommand {
    /// Month of the counted date.
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    pub(crate) month: String,
    /// Only this store.
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// Only this recording.
    #[arg(long, value_name = "ISRC", group = "recordings")]
    pub(crate) isrc: Option<String>,
    /// Only the recordings of this artist, by the catalogue.
    #[arg(long, value_name = "NAME", group = "recordings")]
    pub(crate) artist: Option<String>,
    /// Only the recordings on this release, by the catalogue: its UPC or its name. A recording on
    /// several releases counts in each: releases do not add up.
    #[arg(long, value_name = "UPC", group = "recordings")]
    pub(crate) release: Option<String>,
    /// Only this territory, ISO 3166-1 alpha-2.
    #[arg(long, value_name = "CODE")]
    pub(crate) territory: Option<String>,
    /// List the plays behind this step instead: report, row, measured, threshold.
    #[arg(long, value_name = "STEP")]
    pub(crate) plays: Option<String>,
    /// Take the store's own numbers from this file (CSV with the columns `isrc` and `plays`).
    #[arg(long, value_name = "FILE", requires = "store", conflicts_with = "territory")]
    pub(crate) against: Option<PathBuf>,
    /// Pipeline file: stores.
    #[arg(long, value_name = "FILE", default_value = "pipelines/nightly.toml")]
    pub(crate) pipeline: PathBuf,
    /// Folder of the tables.
    #[arg(long, value_name = "DIR", default_value = "warehouse")]
    pub(crate) warehouse: PathBuf,
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  streamledger explain --month 2026-09 --store spotify --isrc QM2LE2600001
  streamledger explain --month 2026-09 --artist \"The Artist\" --format json
  streamledger explain --month 2026-09 --isrc QM2LE2600001 --plays too_short
  streamledger explain --month 2026-09 --store spotify --against copied.csv";

/// Options of `report`.
#[derive(Debug, Args)]
#[command(after_help = REPORT_EXAMPLES)]
pub(crate) struct ReportCommand {
    /// Folder for the pages. It is made, or replaced if it holds pages of this program.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// First month of the counted date; five months before the last if not given.
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    pub(crate) from: Option<String>,
    /// Last month; the newest with figures if not given.
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    pub(crate) to: Option<String>,
    /// Pipeline file: stores, and the calendar of what is due.
    #[arg(long, value_name = "FILE", default_value = "pipelines/nightly.toml")]
    pub(crate) pipeline: PathBuf,
    /// Folder of the tables.
    #[arg(long, value_name = "DIR", default_value = "warehouse")]
    pub(crate) warehouse: PathBuf,
}

const REPORT_EXAMPLES: &str = "\
Examples:
  streamledger report --out pages
  streamledger report --out pages --from 2026-01 --to 2026-06

Open pages/index.html in a browser. Each page stands by itself and can be sent.";

/// Options of `snapshots`.
#[derive(Debug, Args)]
#[command(after_help = SNAPSHOT_EXAMPLES)]
pub(crate) struct SnapshotsCommand {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: SnapshotAction,
    /// Folder of the tables.
    #[arg(long, value_name = "DIR", default_value = "warehouse", global = true)]
    pub(crate) warehouse: PathBuf,
}

const SNAPSHOT_EXAMPLES: &str = "\
Examples:
  streamledger snapshots list
  streamledger snapshots diff 41 42
  streamledger snapshots rollback 41
  streamledger snapshots prune --keep 30 --older-than 90";

/// What to do with snapshots.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotAction {
    /// Show the snapshots that are there: number, time, size, where their tables are.
    List,
    /// Show which figures differ between two snapshots, by table, store and month, with totals.
    Diff {
        /// Number of the earlier one.
        #[arg(value_name = "A")]
        one: u64,
        /// Number of the later one.
        #[arg(value_name = "B")]
        other: u64,
    },
    /// Publish a previous state again, as a new snapshot. The next run builds the tables from all
    /// reports again: correct what was wrong before it runs.
    Rollback {
        /// Number of the snapshot.
        #[arg(value_name = "ID")]
        number: u64,
    },
    /// Remove old snapshots. The current one stays, and so does one that a reader may still hold.
    Prune {
        /// How many of the newest stay.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        keep: u32,
        /// Remove only those that were published more than so many days ago.
        #[arg(long, value_name = "DAYS")]
        older_than: Option<u32>,
        /// Remove none that readers have seen in the last so many minutes.
        #[arg(long, value_name = "MINUTES", default_value_t = 60)]
        grace: u32,
        /// Say what would be removed; remove nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Options of `inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectCommand {
    /// The report.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Read it as a report of this store's folder; else every store is tried.
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// How many rows and bad rows are shown.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) rows: usize,
    /// Pipeline file: stores and formats.
    #[arg(long, value_name = "FILE", default_value = "pipelines/nightly.toml")]
    pub(crate) pipeline: PathBuf,
}

/// Options of `formats`.
#[derive(Debug, Args)]
pub(crate) struct FormatsCommand {
    /// Pipeline file: stores and formats.
    #[arg(long, value_name = "FILE", default_value = "pipelines/nightly.toml")]
    pub(crate) pipeline: PathBuf,
}
