//! When readers were moved to a snapshot. A run may work for hours before it publishes, and a swap that
//! a crash interrupted is made up for much later; what readers may still hold, and what the tables said
//! on a certain day, depends on the swap alone. So the moment is noted when it has happened, in a file
//! next to the snapshots; no table depends on it.
//!
//! Where a crash came between the swap and the note, the link itself tells: it was made just then.

use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::disk::durable::{DiskError, IoContext as _, remove_file, rename, write_new};
use crate::layout::warehouse_layout::WarehouseLayout;

fn path(places: &WarehouseLayout, number: u64) -> PathBuf {
    places.internal("shown").join(format!("{number:06}"))
}

/// Notes that readers see a snapshot from now on.
///
/// # Errors
/// [`DiskError`]; the next run makes up for it.
pub(crate) fn note_shown(places: &WarehouseLayout, number: u64) -> Result<(), DiskError> {
    write(places, number, Utc::now())
}

/// Notes it for the snapshot that readers see, if a crash kept the run from doing so.
///
/// # Errors
/// [`DiskError`].
pub(crate) fn make_up_for(places: &WarehouseLayout, number: u64) -> Result<(), DiskError> {
    if path(places, number).exists() {
        return Ok(());
    }
    let link = places.tables();
    let changed = std::fs::symlink_metadata(&link).and_then(|metadata| metadata.modified());
    write(places, number, changed.at("look at", &link)?.into())
}

fn write(places: &WarehouseLayout, number: u64, moment: DateTime<Utc>) -> Result<(), DiskError> {
    let new = places.internal("staging/shown");
    remove_file(&new)?;
    write_new(&new, moment.to_rfc3339_opts(SecondsFormat::Millis, true).as_bytes())?;
    rename(&new, &path(places, number))
}

/// When readers were moved to a snapshot. Where that was not noted, when it got its name: not before
/// that. `None` if nobody knows.
#[must_use]
pub(crate) fn shown_at(places: &WarehouseLayout, number: u64) -> Option<DateTime<Utc>> {
    let noted = std::fs::read_to_string(path(places, number)).ok();
    let noted = noted.and_then(|text| DateTime::parse_from_rfc3339(&text).ok());
    let named = || std::fs::metadata(places.snapshot(number)).and_then(|data| data.modified());
    noted.map(|moment| moment.to_utc()).or_else(|| named().ok().map(Into::into))
}

/// Forgets a snapshot that is gone.
///
/// # Errors
/// [`DiskError`].
pub(crate) fn forget(places: &WarehouseLayout, number: u64) -> Result<(), DiskError> {
    remove_file(&path(places, number))
}
