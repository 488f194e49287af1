//! What a run logs of itself: a span for the run, for each of its stages, and for each partition that is
//! built, each with one event at its end that has its numbers. Nothing of it is in any table.
//!
//! Partitions are built by other threads than the one that runs the stages, so that their spans name the
//! stage as their parent. Numbers that a step does not have are left out.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use streamledger_core::numbers::exact;
use streamledger_storage::layout::ledger::FileEntry;
use tracing::Span;

use crate::build::build_day::DayOutcomes;
use crate::nightly::error::NightlyError;

/// The numbers of a step.
#[derive(Debug, Default)]
pub(crate) struct StepNumbers {
    /// Rows of reports that went in.
    pub(crate) rows_in: Option<u64>,
    /// Rows that came out.
    pub(crate) rows_out: Option<u64>,
    /// Rows by verdict or reason, where the step decides about rows.
    pub(crate) rows_by_reason: BTreeMap<&'static str, u64>,
    /// Bytes of the files that were read, or written by what builds.
    pub(crate) bytes: Option<u64>,
    /// Number of partitions.
    pub(crate) partitions: Option<u64>,
}

impl StepNumbers {
    /// Those of files that were written.
    pub(crate) fn of_files(rows_in: Option<u64>, files: &[FileEntry]) -> Self {
        Self {
            rows_in,
            rows_out: Some(files.iter().map(|file| file.rows).sum()),
            bytes: Some(files.iter().map(|file| file.size_bytes).sum()),
            ..Self::default()
        }
    }

    /// The same of a date of plays, with what became of them.
    pub(crate) fn of_date(files: &[FileEntry], outcomes: &DayOutcomes) -> Self {
        let rows_by_reason = rows_by_reason(outcomes);
        let rows_in = Some(rows_by_reason.values().sum());
        Self { rows_by_reason, ..Self::of_files(rows_in, files) }
    }

    fn log(&self, span: &Span, start: Instant, what: &str) {
        let Self { rows_in, rows_out, bytes, partitions, .. } = *self;
        let ms = exact::<u64>(start.elapsed().as_millis());
        let reasons = (!self.rows_by_reason.is_empty())
            .then(|| serde_json::to_string(&self.rows_by_reason).unwrap_or_default());
        let rows_by_reason = reasons.as_deref();
        // Inside of the span: JSON lists the spans around the event only then.
        span.in_scope(|| {
            tracing::info!(rows_in, rows_out, rows_by_reason, bytes, partitions, ms, "{what}");
        });
    }
}

/// Rows by reason; those that are counted as `counted`.
pub(crate) fn rows_by_reason(outcomes: &DayOutcomes) -> BTreeMap<&'static str, u64> {
    let mut rows = BTreeMap::new();
    for ((verdict, reason), (n_rows, _)) in outcomes {
        let name = reason.map_or(verdict.as_str(), |reason| reason.as_str());
        *rows.entry(name).or_default() += n_rows;
    }
    rows
}

/// Logs a run, of this kind.
pub(crate) fn logged_run<T>(
    kind: &'static str,
    work: impl FnOnce() -> Result<T, NightlyError>,
) -> Result<T, NightlyError> {
    let (span, start) = (tracing::info_span!("run", kind), Instant::now());
    let result = span.in_scope(work)?;
    StepNumbers::default().log(&span, start, "run done");
    Ok(result)
}

/// The stage that a run is in.
#[derive(Debug, Default)]
pub(crate) struct CurrentStage(Mutex<Option<Span>>);

impl CurrentStage {
    /// Logs a stage. One inside another one is a part of it.
    pub(crate) fn log<T>(
        &self,
        stage: &'static str,
        work: impl FnOnce(&mut StepNumbers) -> Result<T, NightlyError>,
    ) -> Result<T, NightlyError> {
        let (span, start) = (tracing::info_span!("stage", stage), Instant::now());
        let before = self.enter(Some(span.clone()));
        let mut numbers = StepNumbers::default();
        let result = span.in_scope(|| work(&mut numbers));
        self.enter(before);
        if result.is_ok() {
            numbers.log(&span, start, "stage done");
        }
        result
    }

    /// Logs a partition that is built, by its path.
    pub(crate) fn log_partition<T, E>(
        &self,
        path: &str,
        work: impl FnOnce() -> Result<T, E>,
        numbers: impl FnOnce(&T) -> StepNumbers,
    ) -> Result<T, E> {
        let stage = self.0.lock().ok().and_then(|stage| stage.as_ref().and_then(Span::id));
        let (span, start) =
            (tracing::info_span!(parent: stage, "partition", partition = path), Instant::now());
        let built = span.in_scope(work)?;
        if !span.is_disabled() {
            numbers(&built).log(&span, start, "partition built");
        }
        Ok(built)
    }

    fn enter(&self, span: Option<Span>) -> Option<Span> {
        self.0.lock().map_or(None, |mut stage| std::mem::replace(&mut *stage, span))
    }
}
