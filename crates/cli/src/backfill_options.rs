//! What a run over archived reports needs to know of the machine and the day, as the options of `backfill`
//! give it.

use std::path::PathBuf;

use streamledger_pipeline::nightly::options::NightlyOptions;

use crate::arguments::BackfillCommand;
use crate::commands::nightly;

/// What the run needs to know of the machine and the day.
pub(crate) fn options(command: &BackfillCommand) -> anyhow::Result<NightlyOptions> {
    let started = nightly::now();
    Ok(NightlyOptions {
        inbox: PathBuf::new(),
        warehouse: command.warehouse.clone(),
        listener_key: nightly::key_source(command.listener_key_file.as_ref())?,
        decisions: command.decisions.decisions.clone(),
        memory_limit_bytes: usize::try_from(command.memory_limit.as_u64())?,
        retry_rejected: false,
        rekey: false,
        as_of: command.as_of.unwrap_or_else(|| chrono::Utc::now().date_naive()),
        owner: nightly::owner(&started),
        started,
    })
}
