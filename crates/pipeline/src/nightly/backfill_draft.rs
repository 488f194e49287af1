//! What a backfill rebuilds: the named months, and what is damaged and cannot be named.

use std::collections::BTreeSet;

use rayon::prelude::*;
use streamledger_storage::layout::error::WarehouseError;
use streamledger_storage::layout::ledger::Manifest;
use streamledger_storage::layout::offline_keys::offline_folder;
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;

use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::intake::read_again::is_outdated;
use crate::nightly::options::BackfillOptions;
use crate::nightly::plan::planned::{DAMAGED_LIST, PartitionKind, Plan};
use crate::nightly::plan::planning::has_damaged_list;
use crate::nightly::plan::planning::targets_of;
use crate::nightly::plan::planning::{PlanDraft, Targets};

/// All partitions that there are; those of the named months are stale.
pub(super) fn draft_backfill(
    run: &RunContext<'_>,
    backfill: &BackfillOptions,
    previous: &Manifest,
) -> Result<PlanDraft, NightlyError> {
    let not_now = |why: &str| {
        let message = format!("{why}; run `streamledger nightly` first, then the backfill again");
        Err(NightlyError::NotNow { message })
    };
    if previous.snapshot == 0 {
        return Err(WarehouseError::Empty { path: run.places.root().to_owned() }.into());
    }
    if !previous.set_aside.is_empty() {
        return not_now("the tables were rolled back to a previous state");
    }
    if previous.listener_key != run.key.fingerprint() {
        let message = "this is not the listener key that the tables were made with; leave the \
                       key out to take the warehouse's own, or name the file that runs use"
            .to_owned();
        return Err(NightlyError::NotNow { message });
    }
    let mut draft = targets_of(run, &previous.reports);
    if draft.targets.iter().any(|(path, planned)| {
        planned.kind != PartitionKind::Coverage && !previous.partitions.contains_key(path)
    }) {
        return not_now("the settings have changed since the reports were read");
    }
    let is_any = make_stale(run, &mut draft.targets, backfill, previous);
    let is_fed = |path: &&String| {
        !["waterfall/", "eligibility/"].iter().any(|table| path.starts_with(table))
    };
    if previous.partitions.keys().filter(is_fed).any(|path| !draft.targets.contains_key(path)) {
        return not_now("the settings have changed since the reports were read");
    }
    let keys = stale_reports(&draft.targets, &BTreeSet::new());
    let is_outdated = |key: &&String| is_outdated(run, &previous.reports[*key]);
    if keys.iter().any(is_outdated) {
        return not_now("the settings have changed since the reports were read");
    }
    if !is_any {
        let of = backfill.store.as_ref().map_or(String::new(), |store| format!(" of {store}"));
        let message = format!(
            "nothing{of} from {} to {} is published; months are those of the counted date, of \
             statements those of use",
            backfill.from, backfill.to
        );
        return Err(NightlyError::NotNow { message });
    }
    Ok(draft)
}

/// What is of the named months is stale, and what is damaged and cannot be named; whether there is any.
fn make_stale(
    run: &RunContext<'_>,
    targets: &mut Targets,
    backfill: &BackfillOptions,
    previous: &Manifest,
) -> bool {
    let mut is_any = false;
    for (path, planned) in targets {
        // What is due depends on the day of the run.
        let is_other =
            previous.partitions.get(path).is_none_or(|p| p.fingerprint != planned.fingerprint);
        let reason = if has_damaged_list(run, path) {
            DAMAGED_LIST
        } else if is_small(&planned.kind) && !is_whole(run.places, previous, path) {
            "its file was damaged"
        } else if backfill.covers(path) {
            "its month is rebuilt"
        } else {
            let is_due = planned.kind == PartitionKind::Coverage && is_other;
            planned.why = is_due.then(|| "its inputs changed".to_owned());
            continue;
        };
        planned.why = Some(reason.to_owned());
        is_any = true;
    }
    is_any
}

/// The reports that feed stale partitions that are not finished.
pub(super) fn stale_reports<'a>(
    targets: &'a Targets,
    finished: &BTreeSet<&String>,
) -> BTreeSet<&'a String> {
    targets
        .iter()
        .filter(|(path, planned)| planned.is_stale() && !finished.contains(path))
        // A month of trends or sums is made of partitions, which are named themselves.
        .filter(|(_, planned)| {
            matches!(planned.kind, PartitionKind::Plays { .. } | PartitionKind::Lots(..))
        })
        .flat_map(|(_, planned)| &planned.reports)
        .collect()
}

/// Tables that are small and not of a month that can be named: a backfill of any month mends them.
fn is_small(kind: &PartitionKind) -> bool {
    matches!(
        kind,
        PartitionKind::Quarantine
            | PartitionKind::Reports
            | PartitionKind::Coverage
            | PartitionKind::UnmappedValues
            | PartitionKind::Deliveries
    )
}

/// Partitions that were rebuilt and whose published files are not what was published.
pub(super) fn count_damaged(plan: &Plan, previous: &Manifest, places: &WarehouseLayout) -> u64 {
    let stale: Vec<&String> = plan.stale().map(|(path, _)| path).collect();
    let n_whole =
        stale.par_iter().with_max_len(1).filter(|path| is_whole(places, previous, path)).count();
    (stale.len() - n_whole) as u64
}

/// Whether the files of a published partition, and its list of offline plays, are as they were written.
fn is_whole(places: &WarehouseLayout, previous: &Manifest, path: &str) -> bool {
    let Some(partition) = previous.partitions.get(path) else {
        return true;
    };
    let snapshot = places.snapshot(previous.snapshot);
    let folder = snapshot.join("tables").join(path);
    let list =
        partition.offline_keys.iter().map(|file| (snapshot.join(offline_folder(path)), file));
    let mut files = partition.files.iter().map(|file| (folder.clone(), file)).chain(list);
    files.all(|(folder, file)| file.is_whole_in(&folder))
}
