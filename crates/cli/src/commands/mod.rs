//! One file for each command: its arguments to a request, the run, and what it prints.

pub(crate) mod accept;
pub(crate) mod backfill;
pub(crate) mod formats;
pub(crate) mod generate;
pub(crate) mod inspect;
pub(crate) mod nightly;
pub(crate) mod rebuild;
pub(crate) mod snapshots;
pub(crate) mod status;
pub(crate) mod verify;
pub(crate) mod explain;
pub(crate) mod explain_against;
pub(crate) mod explain_missing;
pub(crate) mod explain_plays;
