//! A dry run names exactly the partitions that the run after it builds. What a run has built is seen on the
//! disk: files of partitions that stay are the same files, by their inodes, in the next snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;

use crate::case::{Case, files_of};

/// What a dry run says, and the published files before the run.
pub(super) struct Foreseen {
    partitions: BTreeSet<String>,
    before: BTreeSet<(String, u64)>,
    /// Whether what comes out the same is not published.
    is_backfill: bool,
}

impl Foreseen {
    /// Runs a command without writing anything.
    #[track_caller]
    pub(super) fn new(case: &Case, command: &[&str]) -> Self {
        let outcome = case.run(&[command, &["--dry-run", "--format", "json"]].concat());
        assert!(matches!(outcome.code, 0 | 4), "{outcome:?}");
        let said: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        let rows = said["partitions"].as_array().unwrap().iter();
        let partitions = rows.map(|row| row["partition"].as_str().unwrap().to_owned()).collect();
        Self { partitions, before: inodes(case), is_backfill: command[0] == "backfill" }
    }

    /// Compares it with what the run has built.
    #[track_caller]
    pub(super) fn check(&self, case: &Case, steps: &[String]) {
        let now = inodes(case);
        if self.is_backfill && now == self.before {
            return;
        }
        let mut is_new: BTreeMap<String, bool> = BTreeMap::new();
        for (name, inode) in now {
            let (partition, _) = name.rsplit_once('/').unwrap();
            // Tables without rows are no partitions.
            if !partition.contains("=none") {
                let is_other = !self.before.contains(&(name.clone(), inode));
                *is_new.entry(partition.to_owned()).or_default() |= is_other;
            }
        }
        let built = |(_, is_new): &(&String, &bool)| **is_new;
        let built: BTreeSet<&String> = is_new.iter().filter(built).map(|(path, _)| path).collect();
        // A month of trends that lost a date, and nothing else, has no new file.
        let is_seen =
            |path: &&String| is_new.contains_key(*path) && !path.starts_with("trends_daily/");
        let named: BTreeSet<&String> = self.partitions.iter().filter(is_seen).collect();
        let unnamed: Vec<_> =
            built.iter().filter(|path| !self.partitions.contains(**path)).collect();
        assert!(unnamed.is_empty(), "built and not named: {unnamed:?}\n{steps:#?}");
        let unbuilt: Vec<_> = named.difference(&built).collect();
        assert!(unbuilt.is_empty(), "named and not built: {unbuilt:?}\n{steps:#?}");
    }
}

/// Published files with their inodes.
fn inodes(case: &Case) -> BTreeSet<(String, u64)> {
    let inode = |path: &std::path::Path| std::fs::metadata(path).unwrap().ino();
    files_of(&case.tables()).into_iter().map(|(name, path)| (name, inode(&path))).collect()
}
