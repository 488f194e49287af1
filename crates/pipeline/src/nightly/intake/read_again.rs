//! Whether a report must be read again, since it was read under other settings; and letting go of one that
//! was read for nothing.

use streamledger_storage::layout::ledger::ReportEntry;

use crate::intake::examine::ExaminedReport;
use crate::intake::play_buffer::{ReportDays, SpillablePlays};
use crate::intake::sales_runs::drop_runs;
use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;

/// Whether it was read under other settings.
pub(crate) fn is_outdated(run: &RunContext<'_>, report: &ReportEntry) -> bool {
    report.reading != reading_fingerprint(run, &report.store, report.format.as_deref())
}

/// Fingerprint of what reading a store's reports of a format depends on; of all formats where none is
/// named.
pub(crate) fn reading_fingerprint(
    run: &RunContext<'_>,
    store: &str,
    format: Option<&str>,
) -> String {
    let fingerprint = || run.settings.reading_fingerprint(store, &run.key.fingerprint(), format);
    // Asked for every known report and date, and it takes all settings to answer.
    let Ok(mut known) = run.work.readings.lock() else {
        return fingerprint();
    };
    let key = (store.to_owned(), format.map(str::to_owned));
    known.entry(key).or_insert_with(fingerprint).clone()
}

pub(crate) fn let_go(run: &RunContext<'_>, report: ExaminedReport) -> Result<(), NightlyError> {
    release_plays(run, report.days);
    Ok(drop_runs(report.runs)?)
}

fn release_plays(run: &RunContext<'_>, days: ReportDays) {
    for segment in days.into_values().flat_map(|of_day| of_day.segments) {
        if let SpillablePlays::Memory(piece) = &segment {
            run.work.buffers.play_buffer.release(piece);
        }
    }
}
