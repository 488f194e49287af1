//! Runs: the nightly job and the backfill. A run reads what is new (`intake`), settles which reports count
//! (`supersede`), plans what to build (`plan`), builds it (`build`), checks it (`checking`) and publishes.
//!
//! Start at `run`; `context` is what its steps share.

pub mod summary;
pub mod backfill;
mod backfill_draft;
mod record;
pub mod checking;
pub(crate) mod build;
pub(crate) mod intake;
pub mod plan;
pub(crate) mod supersede;
mod context;
pub mod error;
pub mod options;
mod proposing;
pub mod run;
mod spans;
mod whole_lists;
