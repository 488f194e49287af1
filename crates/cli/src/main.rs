//! The command `streamledger`: reads the command line, makes a plan of it, runs it, prints what came
//! of it. Data goes to stdout, logs and progress to stderr.

#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "tests make files, break them and look at them")
)]

mod allocator;
mod arguments;
mod backfill_options;
mod generate_options;
mod folders;
mod logging;
mod report;
mod commands;
mod print;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{CliCommand, CommandLine};
use crate::commands::{
    accept, backfill, explain, formats, generate, inspect, nightly, snapshots, status, verify,
};
use crate::print::output;

/// Few large allocations, many threads: the system's allocator gives memory back more slowly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit codes, the same for all commands.
mod exit {
    /// Done.
    pub(crate) const DONE: u8 = 0;
    /// Failed, nothing was published. Of `verify`: something differs; of `status`: something is late; of
    /// `inspect`: the report would be rejected, or rows of it.
    pub(crate) const FAILED: u8 = 1;
    /// Nothing was tried: the arguments, the settings, or the folders that they name.
    pub(crate) const USAGE: u8 = 2;
    /// Another run holds the warehouse.
    pub(crate) const LOCKED: u8 = 3;
    /// Published, and something was rejected; only with `--fail-on rejects`.
    pub(crate) const REJECTED: u8 = 4;
}

fn main() -> ExitCode {
    abort_on_panic();
    let code = run();
    // Before it ends in the usual way, a process gives its memory back block by block, for nobody.
    if std::io::stdout().flush().is_ok() {
        signal_hook::low_level::exit(i32::from(code));
    }
    ExitCode::from(code)
}

/// A panic is a bug: no other thread may go on and publish after one. The profile unwinds all the same,
/// since tests need it and would otherwise build every dependency a second time.
fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
}

fn run() -> u8 {
    let arguments = CommandLine::parse();
    logging::start(&arguments.common);
    let result = match &arguments.command {
        CliCommand::Nightly(command) => nightly::run(&arguments.common, command),
        CliCommand::Backfill(command) => backfill::run(&arguments.common, command),
        CliCommand::Accept(command) => accept::run(&arguments.common, command),
        CliCommand::Snapshots(command) => snapshots::run(&arguments.common, command),
        CliCommand::Status(command) => status::run(&arguments.common, command),
        CliCommand::Explain(command) => explain::run(&arguments.common, command),
        CliCommand::Report(command) => report::run(&arguments.common, command),
        CliCommand::Verify(command) => verify::run(&arguments.common, command),
        CliCommand::Inspect(command) => inspect::run(&arguments.common, command),
        CliCommand::Formats(command) => formats::run(&arguments.common, command),
        CliCommand::Generate(command) => generate::run(&arguments.common, command),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            nightly::exit_code(&error)
        }
    }
}
