//! Previous states of the tables: what there is, back to one of them, and away with those that nobody
//! needs.

use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::disk::durable::{remove_tree, rename, sync};
use crate::layout::error::WarehouseError;
use crate::layout::ledger::Manifest;
use crate::layout::manifest::read_manifest;
use crate::layout::settings_of_months::SettingsOfMonths;
use crate::layout::shown::{forget, shown_at};
use crate::layout::warehouse::Warehouse;
use crate::layout::warehouse_layout::WarehouseLayout;
use crate::tables::compare::{ComparedTables, FigureChanges, compare};

/// A snapshot could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The warehouse.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// There is no such snapshot.
    #[error(
        "there is no snapshot {number}; `streamledger snapshots list` shows those that there are"
    )]
    Unknown {
        /// Its number.
        number: u64,
    },
    /// It is what readers see already.
    #[error("snapshot {number} is the current one already")]
    IsCurrent {
        /// Its number.
        number: u64,
    },
    /// A table cannot be read.
    #[error("the tables cannot be compared")]
    Tables(#[from] polars::error::PolarsError),
}

impl From<crate::disk::durable::DiskError> for SnapshotError {
    fn from(error: crate::disk::durable::DiskError) -> Self {
        Self::Warehouse(error.into())
    }
}

/// A snapshot that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its number.
    pub number: u64,
    /// From when on readers saw it; `None` if nobody knows.
    pub shown: Option<DateTime<Utc>>,
    /// How it came to be.
    pub origin: String,
    /// Whether it is what readers see.
    pub is_current: bool,
    /// Reports whose rows are in it.
    pub n_reports: u64,
    /// Rows of `plays`.
    pub n_plays: u64,
    /// Files of tables.
    pub n_files: u64,
    /// Bytes of those of them that no older snapshot has.
    pub own_bytes: u64,
    /// By which settings its months were judged.
    pub settings: SettingsOfMonths,
    /// Its tables.
    pub tables: PathBuf,
    /// What is wrong with its manifest: nothing of it is known, then.
    pub damage: Option<String>,
}

impl Snapshot {
    /// From when on readers saw it, ISO 8601 UTC.
    #[must_use]
    pub fn published(&self) -> String {
        self.shown.map_or_else(String::new, |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

/// The snapshots that are there, the oldest first.
///
/// # Errors
/// [`SnapshotError`] if one cannot be read.
pub fn list_snapshots(root: &Path) -> Result<Vec<Snapshot>, SnapshotError> {
    let places = WarehouseLayout::new(root);
    places.require()?;
    let current = places.current()?;
    let mut known = std::collections::HashSet::new();
    let mut snapshots = Vec::new();
    for number in places.snapshots().map_err(WarehouseError::from)? {
        let (manifest, damage) = match read_manifest(&places.snapshot(number)) {
            // Pruned between listing and reading.
            Err(_) if !places.snapshot(number).exists() => continue,
            // The others can still be gone back to.
            Err(WarehouseError::Damaged { message, .. }) => {
                (Manifest::default(), Some(format!("its manifest {message}")))
            }
            manifest => (manifest?, None),
        };
        let files: Vec<(String, u64)> = manifest
            .all_partitions()
            .flat_map(|(path, partition)| partition.files.iter().map(move |file| (path, file)))
            .map(|(path, file)| (format!("{path}/{}", file.name), file.size_bytes))
            .collect();
        let n_files = files.len() as u64;
        let own_bytes =
            files.into_iter().filter_map(|(name, bytes)| known.insert(name).then_some(bytes)).sum();
        snapshots.push(Snapshot {
            number,
            is_current: current == Some(number),
            n_reports: manifest.reports.values().filter(|report| report.is_active()).count() as u64,
            n_plays: rows_of_plays(&manifest),
            n_files,
            own_bytes,
            settings: SettingsOfMonths::of(&manifest),
            tables: places.snapshot(number).join("tables"),
            shown: shown_at(&places, number),
            origin: manifest.origin,
            damage,
        });
    }
    Ok(snapshots)
}

fn rows_of_plays(manifest: &Manifest) -> u64 {
    let plays = manifest.partitions.iter().filter(|(path, _)| path.starts_with("plays/"));
    plays.map(|(_, partition)| partition.rows()).sum()
}

/// Which figures differ between two snapshots.
///
/// # Errors
/// [`SnapshotError`].
pub fn diff_snapshots(root: &Path, one: u64, other: u64) -> Result<FigureChanges, SnapshotError> {
    let places = WarehouseLayout::new(root);
    places.require()?;
    let [one, other] = [one, other].map(|number| snapshot_of(&places, number));
    let ((one, one_tables), (other, other_tables)) = (one?, other?);
    Ok(compare(
        ComparedTables { folders: &[one_tables], manifest: &one },
        ComparedTables { folders: &[other_tables], manifest: &other },
    )?)
}

fn snapshot_of(
    places: &WarehouseLayout,
    number: u64,
) -> Result<(Manifest, PathBuf), SnapshotError> {
    let folder = places.snapshot(number);
    if !folder.exists() {
        return Err(SnapshotError::Unknown { number });
    }
    Ok((read_manifest(&folder)?, folder.join("tables")))
}

/// Publishes a previous state again, as a new snapshot. Reports that came after it stay known, without
/// their rows, until the next run builds the tables from all of them. Returns the new number.
///
/// # Errors
/// [`SnapshotError`]; readers then see what they saw before.
pub fn roll_back(
    root: &Path,
    number: u64,
    owner: &str,
    started: &str,
) -> Result<u64, SnapshotError> {
    let mut warehouse = Warehouse::open_to_go_back(root, owner)?;
    let current = &warehouse.manifest;
    if current.snapshot == number {
        return Err(SnapshotError::IsCurrent { number });
    }
    let (mut previous, _) = snapshot_of(&warehouse.places, number)?;
    // Names under which a known report came once more are as little forgotten as reports that came.
    for (key, report) in &mut previous.reports {
        let later = [&current.reports, &current.set_aside].into_iter().filter_map(|r| r.get(key));
        later.for_each(|later| report.files.extend(later.files.iter().cloned()));
    }
    let mut set_aside = current.set_aside.clone();
    set_aside.extend(current.reports.clone());
    set_aside.retain(|key, _| !previous.reports.contains_key(key));
    let new = Manifest {
        snapshot: current.snapshot + 1,
        published: started.to_owned(),
        origin: format!("rolled back to {number}"),
        set_aside,
        ..previous
    };
    let new_number = new.snapshot;
    warehouse.publish(new, number)?;
    warehouse.clear_staging()?;
    Ok(new_number)
}

/// Which snapshots may go.
#[derive(Debug, Clone, Copy)]
pub struct PrunePlan {
    /// The newest of them that stay.
    pub keep: usize,
    /// Only those go that readers were moved to before this moment; `None` for any.
    pub published_before: Option<DateTime<Utc>>,
    /// Only those go that readers have not seen since this moment.
    pub unseen_since: DateTime<Utc>,
}

/// The numbers of the snapshots that may go: none of the newest, never the current one, none that
/// was current after `unseen_since`, and none whose age is not known.
#[must_use]
pub fn prunable(snapshots: &[Snapshot], prune: &PrunePlan) -> Vec<u64> {
    let n_old = snapshots.len().saturating_sub(prune.keep.max(1));
    let may_go = |place: &usize| {
        let (old, next) = (&snapshots[*place], snapshots.get(place + 1));
        let (Some(shown), Some(replaced)) = (old.shown, next.and_then(|next| next.shown)) else {
            return false;
        };
        let is_old = prune.published_before.is_none_or(|before| shown < before);
        !old.is_current && is_old && replaced <= prune.unseen_since
    };
    (0..n_old).filter(may_go).map(|place| snapshots[place].number).collect()
}

/// Removes snapshots; returns their numbers. Files that another snapshot has too stay on disk.
///
/// # Errors
/// [`SnapshotError`]; those removed before stay removed.
pub fn prune_snapshots(
    root: &Path,
    prune: &PrunePlan,
    owner: &str,
) -> Result<Vec<u64>, SnapshotError> {
    let warehouse = Warehouse::open_existing(root, owner)?;
    let gone = prunable(&list_snapshots(root)?, prune);
    for number in &gone {
        // Out of the list in one step, then away.
        let folder = warehouse.places.snapshot(*number);
        let away = warehouse.places.internal("staging").join(format!("pruned-{number:06}"));
        rename(&folder, &away)?;
        sync(&warehouse.places.internal("snapshots"))?;
        remove_tree(&away)?;
        forget(&warehouse.places, *number)?;
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(number: u64, published: &str, is_current: bool) -> Snapshot {
        Snapshot {
            number,
            shown: Some(at(published)),
            origin: String::new(),
            is_current,
            n_reports: 0,
            n_plays: 0,
            n_files: 0,
            own_bytes: 0,
            settings: SettingsOfMonths { base: String::new(), own: Vec::new() },
            tables: PathBuf::new(),
            damage: None,
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn the_current_one_the_newest_and_those_a_reader_may_hold_stay() {
        let day = |day: u32| format!("2026-09-{day:02}T01:00:00Z");
        let mut all: Vec<Snapshot> =
            (1..=6).map(|number| snapshot(u64::from(number), &day(number), number == 6)).collect();
        let now = at("2026-09-06T01:30:00Z");
        let prune = |keep, before: Option<&str>, unseen_since| PrunePlan {
            keep,
            published_before: before.map(at),
            unseen_since,
        };
        assert_eq!(prunable(&all, &prune(2, None, now)), [1, 2, 3, 4]);
        assert_eq!(prunable(&all, &prune(0, None, now)), [1, 2, 3, 4, 5]);
        assert_eq!(prunable(&all, &prune(9, None, now)), [0; 0]);
        assert_eq!(prunable(&all, &prune(1, Some("2026-09-03T00:00:00Z"), now)), [1, 2]);
        // Number 5 was current until half an hour ago.
        assert_eq!(prunable(&all, &prune(1, None, at("2026-09-06T00:30:00Z"))), [1, 2, 3, 4]);
        // The current one need not be the newest folder.
        all[5].is_current = false;
        all[1].is_current = true;
        assert_eq!(prunable(&all, &prune(1, None, now)), [1, 3, 4, 5]);
        // Whose age nobody knows, that one stays.
        all[0].shown = None;
        assert_eq!(prunable(&all, &prune(1, None, now)), [3, 4, 5]);
    }
}
