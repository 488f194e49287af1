//! The ledger: which reports came, what they hold, and which files were made of them. It is part of a
//! snapshot (`manifest.json`), so that what is published and what is known become true together.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use streamledger_core::normalize::counts::Counts;
use streamledger_core::supersede::facts::Superseding;
use streamledger_core::supersede::row_hash::RowSums;
use streamledger_core::vocabulary::money::{Amount, Currency};

use crate::policies::Policies;
use crate::report_source::FileState;
use crate::sales_columns::LotTable;

/// Version of the manifest's own layout.
pub const MANIFEST_VERSION: u32 = 2;

/// A published state of all tables, and the ledger behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this layout.
    pub manifest_version: u32,
    /// Number of the snapshot, from 1.
    pub snapshot: u64,
    /// Fingerprint of the listener key; plays of another key are told apart by it.
    pub listener_key: String,
    /// By what plays are judged.
    #[serde(default)]
    pub policies: Policies,
    /// The day for which it says what is due (`YYYY-MM-DD`), that of the last night.
    #[serde(default)]
    pub as_of: String,
    /// When the run that made it started, ISO 8601 UTC; no table depends on it. When readers were moved
    /// to it is noted beside the snapshots.
    #[serde(default)]
    pub published: String,
    /// How it came to be: `nightly`, `backfill`, or the snapshot that it was rolled back to.
    #[serde(default)]
    pub origin: String,
    /// Reports that came after the state that was rolled back to: none of their rows is in the tables
    /// until the next night.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set_aside: BTreeMap<String, ReportEntry>,
    /// Reports by store and hash (`spotify/ab12...`).
    pub reports: BTreeMap<String, ReportEntry>,
    /// Partitions by table and path (`plays/store=spotify/month=2026-09/date=2026-09-01`).
    pub partitions: BTreeMap<String, PartitionEntry>,
}

impl Manifest {
    /// With the reports that were set aside by going back to a former state: what is known of them
    /// counts again.
    #[must_use]
    pub fn with_all_reports(mut self) -> Self {
        self.reports.append(&mut self.set_aside);
        self
    }
}

/// An inbox file that was examined. What was seen is kept beside the snapshots, only to save reading
/// the same file again: without it the next run finds by the hashes that nothing is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenFile {
    /// Bytes on disk.
    pub size_bytes: u64,
    /// Time of the last change, nanoseconds since 1970.
    pub modified_ns: i64,
    /// Key of the report that it holds.
    pub report: String,
}

impl SeenFile {
    /// Whether the file has not changed since.
    #[must_use]
    pub fn is(&self, state: FileState) -> bool {
        (self.size_bytes, self.modified_ns) == (state.size_bytes, state.modified_ns)
    }
}

/// Whether a report counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportState {
    /// Its rows are in the tables.
    Active,
    /// It is one file of a report of several, of which some are not there yet.
    Waiting,
    /// A newer report about the same has taken its place.
    Superseded,
    /// It was refused as a whole.
    Refused,
    /// It was read, and is refused until a person accepts it: its rows are known and archived, so that
    /// this is decided anew in each run.
    Unaccepted,
}

impl ReportState {
    /// Whether the table `quarantine` says why it does not count.
    #[must_use]
    pub fn is_refused(self) -> bool {
        matches!(self, Self::Refused | Self::Unaccepted)
    }

    /// The name as it stands in `reports`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Superseded => "superseded",
            Self::Refused | Self::Unaccepted => "refused",
        }
    }
}

/// The place of a file in a report of several files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What the files of the report have in common.
    pub set: String,
    /// Which file, from 1.
    pub number: u32,
    /// Of how many.
    pub of: u32,
}

/// What a report says of itself, by which a newer one about the same is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AboutReport {
    /// The period that it settles, or of which it speaks; `None` if it says neither.
    pub period: Option<String>,
    /// The only territory of its rows, `*` for several, nothing for none.
    pub territory: String,
    /// When it was made, milliseconds since 1970 UTC; `None` if it does not say.
    pub created_ms: Option<i64>,
    /// Sender, service and what else it says of itself; `None` where only the name tells such things.
    pub set: Option<String>,
    /// Whether its content proves that it is of the store in whose folder it lies.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proves_store: bool,
}

/// What the rows of a report come to, where they are compared with those of other reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportSums {
    /// Rows that were compared: lines, pools, figures, or plays in sums.
    pub rows: u64,
    /// 32 hex digits: the same for the same rows in any order.
    pub fingerprint: String,
    /// Units or plays, a whole number; `None` where they are beyond 128 bits.
    pub plays: Option<String>,
    /// Money by currency, exact decimals.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub money: BTreeMap<String, String>,
    /// Whether a row has no territory.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_no_territory: bool,
}

impl ReportSums {
    /// As the ledger has them.
    #[must_use]
    pub fn of(sums: &RowSums) -> Self {
        let money = |(currency, amount): (&Currency, &i128)| {
            (currency.as_str().to_owned(), Amount(*amount).to_string())
        };
        Self {
            rows: sums.rows,
            fingerprint: format!("{:032x}", sums.fingerprint),
            plays: (!sums.is_beyond).then(|| sums.plays.to_string()),
            money: sums.money.iter().map(money).collect(),
            has_no_territory: sums.has_no_territory,
        }
    }
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportEntry {
    /// Folder in the inbox; `unknown` where the file lay in none.
    pub store: String,
    /// SHA-256, 64 hex digits.
    pub hash: String,
    /// What the report is for; `None` if it was not recognised.
    pub feed: Option<String>,
    /// Name of the format; `None` if it was not recognised.
    pub format: Option<String>,
    /// Paths in the inbox under which it came.
    pub files: BTreeSet<String>,
    /// File in the archive; `None` if it was refused.
    pub archived: Option<String>,
    /// Fingerprint of the settings under which it was read.
    pub reading: String,
    /// Whether it counts.
    pub state: ReportState,
    /// Code of why it is refused, superseded, or waits.
    pub reason: Option<String>,
    /// What was found of a report that is refused until it is accepted, and how to accept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Counts; `None` if nothing could be counted.
    pub counts: Option<Counts>,
    /// Rows taken in, by counted date (`YYYY-MM-DD`).
    pub days: BTreeMap<String, u64>,
    /// Lines of statements, counters or declared streams taken in, by path of their partition under
    /// the tables.
    #[serde(default)]
    pub lines: BTreeMap<String, u64>,
    /// Territories of its lines of statements, by path of their partition under the tables; of its
    /// plays, by path of their month.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub territories: BTreeMap<String, BTreeSet<String>>,
    /// Control totals of its lines of statements, by path of their partition under the tables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub totals: BTreeMap<String, Totals>,
    /// Pools taken in, by path of their partition under the tables.
    #[serde(default)]
    pub pools: BTreeMap<String, u64>,
    /// What its rows come to; `None` where they are not compared with those of other reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sums: Option<ReportSums>,
    /// Dates (`YYYY-MM-DD`) for whose plays it names the tracks.
    #[serde(default)]
    pub track_dates: BTreeSet<String>,
    /// Its place in a report of several files; `None` if it is one of its own.
    #[serde(default)]
    pub part: Option<Part>,
    /// What it says of itself.
    #[serde(default)]
    pub about: AboutReport,
    /// Name of the report that has taken its place.
    #[serde(default)]
    pub superseded_by: Option<String>,
    /// First counted date or day of use, also of a refused report.
    pub first_date: Option<String>,
    /// Last counted date or last month of use, also of a refused report.
    pub last_date: Option<String>,
}

impl ReportEntry {
    /// Whether its rows are in the tables.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == ReportState::Active
    }

    /// Whether a newer version has taken its place, so that what it said was restated; not where another
    /// report merely has the same rows.
    #[must_use]
    pub fn is_restated(&self) -> bool {
        let is_same = |reason: &str| {
            [Superseding::SameRows, Superseding::Contained].iter().any(|why| why.as_str() == reason)
        };
        self.state == ReportState::Superseded && !self.reason.as_deref().is_some_and(is_same)
    }

    /// The key of a report in the ledger.
    #[must_use]
    pub fn key(store: &str, hash: &str) -> String {
        format!("{store}/{hash}")
    }

    /// Month of the earliest counted date (`YYYY-MM`), or `unknown`.
    #[must_use]
    pub fn first_month(&self) -> &str {
        self.first_date.as_deref().map_or("unknown", |date| &date[..7])
    }

    /// The store's name as a part of a file name.
    #[must_use]
    pub fn store_token(&self) -> String {
        hex::encode(&Sha256::digest(&self.store)[..4])
    }

    /// The first 16 digits of the hash: the report's name in the tables.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.hash[..16]
    }

    /// The smallest path under which it came.
    #[must_use]
    pub fn file(&self) -> &str {
        self.files.first().map_or("", String::as_str)
    }
}

/// Sums over lines of statements, to be held against each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Units.
    pub units: i64,
    /// Money by currency, exact decimals; nothing where no line has any.
    pub amounts: BTreeMap<String, String>,
}

/// The files of a partition, and what they were made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionEntry {
    /// Names all that the files depend on; another one means that they must be made again.
    pub fingerprint: String,
    /// The files, in order.
    pub files: Vec<FileEntry>,
    /// Of a date of plays: the keys of its offline plays, in the snapshot's folder
    /// [`crate::offline_keys::offline_folder`]. `None` if there are no such plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline_keys: Option<FileEntry>,
    /// Of a date of plays: name of the keys of its late plays that earlier dates have too. `None` for
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_earlier: Option<String>,
    /// Of a date of plays: months (`YYYY-MM`) before its own in which some of them were heard.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub heard_in: BTreeSet<String>,
    /// Of a month of `sales_monthly`: what its rows sum to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
}

impl PartitionEntry {
    /// A partition of these files.
    #[must_use]
    pub fn new(fingerprint: String, files: Vec<FileEntry>) -> Self {
        Self {
            fingerprint,
            files,
            offline_keys: None,
            counted_earlier: None,
            heard_in: BTreeSet::new(),
            totals: None,
        }
    }

    /// Rows of all files.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }
}

/// A published file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Name in the partition's folder.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub size_bytes: u64,
    /// SHA-256 of the bytes, hex.
    pub sha256: String,
}

/// A date's partition of `plays` under the tables; `date` is `YYYY-MM-DD`.
#[must_use]
pub fn plays_path(store: &str, date: &str) -> String {
    format!("plays/store={store}/month={}/date={date}", &date[..7])
}

/// A month's partition of `sales` or `pools` under the tables; `month` is `YYYY-MM`.
#[must_use]
pub fn lots_path(table: LotTable, store: &str, month: &str) -> String {
    format!("{}/store={store}/month={month}", table.name())
}

/// Hex SHA-256 over sorted hashes, a line feed after each: `streamledger.inputs`.
#[must_use]
pub fn inputs_hash<'a>(hashes: impl Iterator<Item = &'a str>) -> String {
    let mut hashes: Vec<&str> = hashes.collect();
    hashes.sort_unstable();
    hashes.dedup();
    let mut hasher = Sha256::new();
    for hash in hashes {
        hasher.update(hash);
        hasher.update("\n");
    }
    hex::encode(hasher.finalize())
}

/// A short name for all parts that something depends on.
#[must_use]
pub fn fingerprint(parts: &[&str]) -> String {
    hex::encode(&Sha256::digest(parts.join("\n"))[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inputs_hash_is_that_of_the_sorted_lines() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let expected = hex::encode(Sha256::digest(format!("{a}\n{b}\n")));
        assert_eq!(inputs_hash([b.as_str(), &a, &b].into_iter()), expected);
    }
}
