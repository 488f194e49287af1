//! The file of a snapshot's manifest, with its checksum next to it.

use crate::disk::reading::{if_there, read_file};
use std::path::Path;

use crate::disk::durable::{DiskError, IoContext as _, write_new};
use crate::layout::error::WarehouseError;
use crate::layout::ledger::{MANIFEST_VERSION, Manifest};

/// Name of the manifest in a snapshot's folder.
pub const MANIFEST: &str = "manifest.json";
/// Name of the file with the manifest's own BLAKE3.
pub const MANIFEST_SUM: &str = "manifest.blake3";

/// Reads a snapshot's manifest and checks it against its checksum.
///
/// # Errors
/// [`WarehouseError::Damaged`] if it is not what was written.
pub fn read_manifest(snapshot: &Path) -> Result<Manifest, WarehouseError> {
    let path = snapshot.join(MANIFEST);
    reject_other_version(snapshot, &path)?;
    let damaged = |message: String| WarehouseError::Damaged { path: path.clone(), message };
    let advice = "`streamledger snapshots list` shows previous states, and `rollback` publishes one of \
                  them again";
    let read = |file: &str| {
        let bytes = if_there(read_file(&snapshot.join(file)))?;
        bytes.ok_or_else(|| damaged(format!("{file} is missing; {advice}")))
    };
    let (bytes, sum) = (read(MANIFEST)?, read(MANIFEST_SUM)?);
    if sum != format!("{}\n", blake3::hash(&bytes).to_hex()).into_bytes() {
        return Err(damaged(format!("differs from its checksum in manifest.blake3; {advice}")));
    }
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| damaged(format!("is no manifest: {error}")))?;
    let number = snapshot.file_name().and_then(|name| name.to_str()?.parse::<u64>().ok());
    if number.is_some_and(|number| number != manifest.snapshot) {
        return Err(damaged(format!(
            "is the manifest of snapshot {}: its folder was copied or renamed; move the folder away, or \
             {advice}",
            manifest.snapshot
        )));
    }
    Ok(manifest)
}

/// Name of the checksum next to manifests of schema version 1.
const MANIFEST_SUM_OF_VERSION_1: &str = "manifest.sha256";

/// Tells a manifest of another version from a damaged one, before it is checked against its checksum.
fn reject_other_version(snapshot: &Path, path: &Path) -> Result<(), WarehouseError> {
    #[derive(serde::Deserialize)]
    struct ManifestVersion {
        manifest_version: u32,
    }
    if snapshot.join(MANIFEST_SUM).exists() || !snapshot.join(MANIFEST_SUM_OF_VERSION_1).exists() {
        // What is missing is told by whoever reads it.
        let Some(bytes) = if_there(read_file(path))? else { return Ok(()) };
        let version =
            serde_json::from_slice::<ManifestVersion>(&bytes).map(|read| read.manifest_version);
        // What cannot be read is told by the checksum.
        return match version {
            Ok(version) if MANIFEST_VERSION < version => Err(WarehouseError::OtherVersion {
                path: path.to_owned(),
                message: format!(
                    "was written by a later version of streamledger (manifest version {version}, \
                     this program knows {MANIFEST_VERSION}); use that version or a later one"
                ),
            }),
            _ => Ok(()),
        };
    }
    Err(WarehouseError::OtherVersion {
        path: path.to_owned(),
        message:
            "was written by an earlier version of streamledger (schema version 1, this program \
                  writes version 2); make a new warehouse from it: `streamledger backfill \
                  --from-archive OLD --warehouse NEW`, where OLD is this warehouse"
                .to_owned(),
    })
}

/// Writes a snapshot's manifest with its checksum.
///
/// # Errors
/// [`DiskError`].
pub fn write_manifest(snapshot: &Path, manifest: &Manifest) -> Result<(), DiskError> {
    let path = snapshot.join(MANIFEST);
    let bytes =
        serde_json::to_vec_pretty(manifest).map_err(std::io::Error::other).at("write", &path)?;
    write_new(&path, &bytes)?;
    let sum = format!("{}\n", blake3::hash(&bytes).to_hex());
    write_new(&snapshot.join(MANIFEST_SUM), sum.as_bytes())
}
