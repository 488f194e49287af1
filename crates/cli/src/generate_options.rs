//! Options of `generate`.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Args;

/// Options of `generate`.
#[derive(Debug, Args)]
#[command(after_help = GENERATE_EXAMPLES)]
pub(crate) struct GenerateCommand {
    /// All reports of a small distributor's year, from six stores: trends, statements with their delays,
    /// public numbers, removals, a correction, a catalogue. What is not due on 31 December is not there yet.
    #[arg(long, value_name = "YYYY", value_parser = clap::value_parser!(i32).range(1990..=2100),
          conflicts_with_all = ["plays", "days", "first_day"])]
    pub(crate) year: Option<i32>,
    /// Plays of all stores on a day of the year.
    #[arg(long, value_name = "N", default_value_t = 2_000, requires = "year",
          value_parser = clap::value_parser!(u64).range(400..=10_000_000))]
    pub(crate) plays_per_day: u64,
    /// Plays in all.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) plays: u64,
    /// Days, a report each.
    #[arg(long, value_name = "D", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(crate) days: u32,
    /// The same seed makes the same bytes.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// First counted date.
    #[arg(long, value_name = "YYYY-MM-DD", default_value = "2026-09-01")]
    pub(crate) first_day: NaiveDate,
    /// Folder for `inbox/` and `truth.tsv`; neither may be there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

const GENERATE_EXAMPLES: &str = "\
Examples:
  streamledger generate --plays 1000000 --days 6 --out demo
  streamledger generate --year 2026 --out year
  streamledger nightly --inbox year/inbox --warehouse year/warehouse --as-of 2026-12-31

Without --year the reports are daily plays of one store.";
