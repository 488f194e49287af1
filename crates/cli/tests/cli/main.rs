//! The program as a person runs it: each test has a folder of its own, runs the binary on small
//! reports that it writes itself, and reads what was printed and published.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests make files, break them and look at them"
)]

mod browser;
mod case;
mod html;
mod report;
mod secrets;
mod tables;
mod tracks;
mod unmapped;
mod texts;
mod totals;

mod archives;
mod asks;
mod backfill;
mod bad_reports;
mod bad_rows;
mod command_line;
mod crash;
mod damage;
mod decimals;
mod decisions;
mod documented_keys;
mod exit_codes;
mod formats;
mod gaps;
mod golden;
mod history;
mod inbox;
mod logs;
mod meanwhile;
mod odd_months;
mod offline;
mod packings;
mod pages;
mod purity;
mod python;
mod readme;
mod rebuilt;
mod restated;
mod schema_upgrade;
mod settings_edits;
mod stray_dates;
mod superseded;
mod year;
mod room;
