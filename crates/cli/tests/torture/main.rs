//! What must hold whatever happens: killed anywhere, every disk step failing, a full disk, many at once,
//! damaged files. Each trial ends in the same: readers see the state before or the state after, to the
//! byte; the next run comes to the state after; running again changes nothing.
//!
//! The usual run is a sample; `STREAMLEDGER_TORTURE=full` tries everything and takes an hour or so.
//! `STREAMLEDGER_TORTURE_SEED` sets the sample, `STREAMLEDGER_HISTORIES` how many random histories are lived
//! through, and how many power cuts. Figures are printed as lines that begin with `figure`.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests make files, break them and look at them"
)]

#[path = "../cli/case.rs"]
#[expect(dead_code, reason = "shared with the tests of the command line, which use the rest")]
mod case;
#[path = "../cli/python.rs"]
mod python;
#[path = "../cli/tables.rs"]
#[expect(dead_code, reason = "shared with the tests of the command line, which use the rest")]
mod rows;
#[path = "../cli/report.rs"]
#[expect(dead_code, reason = "shared with the tests of the command line, which use the rest")]
mod report;

mod damaged;
mod discipline;
mod disk_model;
mod faults;
mod histories;
mod moments;
mod oracle;
mod power_cuts;
mod readers;
mod sample;
mod scene;
mod shim;
mod tables;
mod together;
