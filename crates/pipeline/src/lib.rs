//! From the inbox to published tables: `intake` reads reports, `nightly` decides and plans, `build` makes
//! partitions, `coverage` compares what came with what is due.
//!
//! Start at `run_nightly` in `nightly`.

#![deny(missing_docs)]
#![cfg_attr(
    test,
    expect(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "tests make files, break them and look at them"
    )
)]

pub mod nightly;
pub mod plans;
pub mod judging;
pub mod accepting;
pub mod rebuild;
pub mod intake;
pub mod coverage;
pub mod build;
pub(crate) mod known_days;
pub mod partition_paths;
