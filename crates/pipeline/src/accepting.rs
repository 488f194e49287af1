//! Accepting a report that is rejected until a person has looked at it.

use std::path::Path;

use streamledger_core::decisions::AcceptKind;
use streamledger_storage::layout::decisions::{DecisionAuthor, DecisionError, DecisionLog};
use streamledger_storage::layout::ledger::{Manifest, ReportEntry};
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;

use crate::nightly::error::NightlyError;

/// Fewest digits that name a report on the command line.
const PREFIX_MIN: usize = 16;

/// What is accepted, and where.
#[derive(Debug, Clone)]
pub struct AcceptanceOutcome {
    /// The first digits of the report's id, at least sixteen.
    pub report: String,
    /// What is accepted; `None` for what the report is rejected for now.
    pub what: Option<AcceptKind>,
    /// Who decides, and why.
    pub author: DecisionAuthor,
}

/// What was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedReport {
    /// The report: 64 hex digits of its id.
    pub report: String,
    /// A path in the inbox under which it came.
    pub file: String,
    /// What is accepted of it.
    pub what: AcceptKind,
    /// The decision's file.
    pub decision: String,
    /// Who had accepted the same before; nothing was written then.
    pub before: Option<String>,
}

/// Writes the decision to accept a report. The next run makes its rows count. It takes no lock: a run may
/// go on meanwhile, which does not see the decision.
///
/// # Errors
/// [`NightlyError`] if nothing is published, the report is not known, or it is not rejected for something
/// that a person can accept.
pub fn accept_report(
    root: &Path,
    folder: Option<&Path>,
    acceptance: &AcceptanceOutcome,
) -> Result<AcceptedReport, NightlyError> {
    let places = WarehouseLayout::new(root);
    places.require()?;
    let manifest = places.current_manifest()?.with_all_reports();
    let own = places.internal("decisions");
    let mut decisions = DecisionLog::read(folder.unwrap_or(&own))?;
    decisions.require(&manifest.decisions)?;
    let (report, entry) = found(&manifest, &acceptance.report).map_err(undecidable)?;
    let what = kind_of(report, entry, acceptance.what).map_err(undecidable)?;
    let (report, file) = (report.to_owned(), entry.file().to_owned());
    if let Some(known) = decisions.acceptance(&report, what) {
        let before = Some(format!("{} at {}", known.by, known.when.to_rfc3339()));
        return Ok(AcceptedReport { report, file, what, decision: String::new(), before });
    }
    let decision = decisions.accept(&report, what, &acceptance.author)?;
    Ok(AcceptedReport { report, file, what, decision, before: None })
}

fn undecidable(message: String) -> DecisionError {
    DecisionError::Undecidable { message }
}

/// The one report whose id begins so.
fn found<'a>(manifest: &'a Manifest, prefix: &str) -> Result<(&'a str, &'a ReportEntry), String> {
    let is_hex = prefix.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if prefix.len() < PREFIX_MIN || !is_hex {
        return Err(format!(
            "`{prefix}` names no report: give at least {PREFIX_MIN} hex digits (0-9, a-f) of its id, \
             as the table `reports` and the message of the rejection have them"
        ));
    }
    let id = |key: &'a String| key.rsplit('/').next().unwrap_or(key);
    let all = manifest.reports.iter().map(|(key, entry)| (id(key), entry));
    let named: Vec<_> = all.filter(|(id, _)| id.starts_with(prefix)).collect();
    match named.as_slice() {
        [] => Err(format!(
            "no report of this warehouse has an id that begins with {prefix}; the table `reports` has \
             the ids of all, also of those that are rejected"
        )),
        [only] => Ok(*only),
        several => {
            let one = |(id, entry): &(&str, &ReportEntry)| format!("\n  {id} {}", entry.file());
            let all: String = several.iter().map(one).collect();
            Err(format!("{} reports begin with {prefix}; give more digits:{all}", several.len()))
        }
    }
}

/// What can be accepted of a report: what it is rejected for.
fn kind_of(
    id: &str,
    entry: &ReportEntry,
    wanted: Option<AcceptKind>,
) -> Result<AcceptKind, String> {
    let (file, short) = (entry.file(), id.get(..PREFIX_MIN).unwrap_or(id));
    let all = AcceptKind::ALL.map(AcceptKind::as_str).join(", ");
    let Some(code) = entry.reason.as_deref() else {
        let state = entry.state.as_str();
        return Err(format!(
            "report {short} ({file}) is not rejected, it is {state}: there is nothing to accept"
        ));
    };
    let Some(kind) = AcceptKind::of_code(code) else {
        return Err(format!(
            "report {short} ({file}) is rejected as `{code}`, which cannot be accepted (only {all}): \
             correct the report, or the settings by which it is read"
        ));
    };
    match wanted {
        Some(wanted) if wanted != kind => Err(format!(
            "report {short} ({file}) is rejected as `{code}`, not as `{}`: leave --what out to accept \
             that",
            wanted.as_str()
        )),
        _ => Ok(kind),
    }
}

#[cfg(test)]
mod tests;
