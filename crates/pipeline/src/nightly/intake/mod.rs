//! First step of a run: reads what is new in the inbox, and enters it in the ledger.

pub(crate) mod examining;
pub(crate) mod read_again;
pub(crate) mod entering;
pub(crate) mod intake_index;
pub(crate) mod speculative_build;
pub(crate) mod ordered_barrier;
pub(crate) mod keeping_reports;
pub(crate) mod disk_space;
pub(crate) mod examination;
