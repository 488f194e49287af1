//! The archive: every report that was taken in, by its hash, as it came.
//!
//! A hard link where the file system allows it (no copy of data, and the inbox may be emptied), else
//! a copy. Whoever reads from the archive checks the hash, so that a file that was changed in place
//! through another link is found and not believed.

use std::path::{Path, PathBuf};

use crate::durable::{At as _, DiskError, make_folder, rename, sync};
use crate::report_source::Packing;
use crate::warehouse::Places;

/// Name of a report in the archive, with its folder.
#[must_use]
pub fn archive_name(hash: &str, packing: Packing) -> String {
    format!("{}/{hash}.{}", &hash[..2], packing.ending())
}

/// Path of a report in the archive.
#[must_use]
pub fn archive_path(places: &Places, name: &str) -> PathBuf {
    places.internal("archive").join(name)
}

/// Puts a report into the archive and syncs it; one that is there already stays.
///
/// # Errors
/// [`DiskError`].
pub fn archive_report(places: &Places, from: &Path, name: &str) -> Result<(), DiskError> {
    let to = archive_path(places, name);
    if to.exists() {
        return Ok(());
    }
    let folder = to.parent().unwrap_or(&to).to_owned();
    make_folder(&folder)?;
    if std::fs::hard_link(from, &to).is_ok() {
        sync(&to)?;
    } else {
        let new = places.internal("staging").join(name.replace('/', "-"));
        std::fs::copy(from, &new).at("copy to the archive", from)?;
        sync(&new)?;
        rename(&new, &to)?;
    }
    sync(&folder)?;
    sync(&places.internal("archive"))
}
