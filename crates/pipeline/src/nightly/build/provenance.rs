//! What the files of a partition say of themselves, and what the manifest says of them.

use streamledger_storage::encode::file::FileProvenance;
use streamledger_storage::layout::ledger::{FileEntry, LedgerReports, PartitionEntry, inputs_hash};

use crate::nightly::context::RunContext;
use crate::nightly::plan::planned::{PartitionKind, PlannedPartition};

pub(crate) fn provenance(
    run: &RunContext<'_>,
    planned: &PlannedPartition,
    reports: &LedgerReports,
) -> FileProvenance {
    let hashes = planned.reports.iter().map(|key| reports[key].hash.as_str());
    FileProvenance { inputs: inputs_hash(hashes), policy: policy_hash(run, &planned.kind) }
}

/// Hash of the policy that stands in a partition's footers.
fn policy_hash(run: &RunContext<'_>, kind: &PartitionKind) -> String {
    match kind {
        PartitionKind::Plays { store, day } => run.policy_of(store, *day).1.to_owned(),
        PartitionKind::TrendsDaily { store, month } => {
            run.judging.footer(store, &month.to_string()).to_owned()
        }
        PartitionKind::Lots(..)
        | PartitionKind::SalesMonthly { .. }
        | PartitionKind::Quarantine
        | PartitionKind::Reports
        | PartitionKind::UnmappedValues
        | PartitionKind::Deliveries
        | PartitionKind::Coverage
        | PartitionKind::Waterfall
        | PartitionKind::Eligibility => run.judging.base_footer().to_owned(),
    }
}

pub(crate) fn entry(planned: &PlannedPartition, files: Vec<FileEntry>) -> PartitionEntry {
    PartitionEntry::new(planned.fingerprint.clone(), files)
}
