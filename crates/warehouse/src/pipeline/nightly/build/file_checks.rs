//! Hashes of published files that a night copies from, taken beside its other work: while a date is
//! judged, a core has nothing else to do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::storage::disk::durable::DiskError;
use crate::storage::disk::file_hash::hash_as_is;

type Hash = Result<[u8; 32], DiskError>;

/// Files whose hashes were begun.
#[derive(Debug, Default)]
pub(crate) struct FileChecks {
    begun: Mutex<BTreeMap<PathBuf, JoinHandle<Hash>>>,
}

impl FileChecks {
    /// Begins with a file, if that is not done yet. Whether it can be read is told when it is needed.
    pub(crate) fn begin(&self, path: PathBuf) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.entry(path.clone()).or_insert_with(|| std::thread::spawn(move || hash_as_is(&path)));
    }

    /// BLAKE3 of a file.
    ///
    /// # Errors
    /// [`DiskError`].
    pub(crate) fn hash(&self, path: &Path) -> Hash {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
        begun.and_then(|thread| thread.join().ok()).unwrap_or_else(|| hash_as_is(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_same_whether_it_was_begun_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let (path, gone) = (folder.path().join("file"), folder.path().join("gone"));
        std::fs::write(&path, b"what is published").unwrap();
        let checks = FileChecks::default();
        [&path, &path, &gone].into_iter().for_each(|path| checks.begin(path.clone()));
        let expected = hash_as_is(&path).unwrap();
        assert_eq!([checks.hash(&path).unwrap(), checks.hash(&path).unwrap()], [expected; 2]);
        assert!(checks.hash(&gone).is_err());
    }
}
