//! Runs a step again where a list of offline plays turns out to be damaged.

use std::collections::BTreeSet;
use std::path::Path;

use streamledger_storage::disk::durable::{make_folder, remove_tree};
use streamledger_storage::layout::offline_keys::damaged_list;

use crate::nightly::error::NightlyError;

/// Does the work; where a damaged list of offline plays is met, from the start once more, with the list
/// rebuilt.
pub(crate) fn with_whole_lists<T>(
    staging: &Path,
    mut work: impl FnMut(&BTreeSet<String>) -> Result<T, NightlyError>,
) -> Result<T, NightlyError> {
    let mut damaged = BTreeSet::new();
    loop {
        let error = match work(&damaged) {
            Err(error) => error,
            done => return done,
        };
        let Some(path) = damaged_list(&error).map(|list| list.plays_path.clone()) else {
            return Err(error);
        };
        tracing::warn!(%path, "a list of offline plays is damaged: it is rebuilt");
        if !damaged.insert(path) {
            return Err(error);
        }
        remove_tree(staging)?;
        make_folder(staging)?;
    }
}
