//! The ledger: which reports came, what they hold, and which files were made of them. It is part of a
//! snapshot (`manifest.json`), so that what is published and what is known become true together.

use crate::disk::file_hash::hash_cold;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use std::path::Path;
use streamledger_core::decisions::settings::SettingsInForce;
use streamledger_core::explain::period::Period;
use streamledger_core::model::day::Month;
use streamledger_core::normalize::counts::RowCounts;
use streamledger_core::supersede::facts::SupersedeReason;

use crate::layout::report_sums::{MonthTotalsRecord, ReportSizes, ReportSums};
use crate::source::report_source::FileState;

/// Version of the manifest's own layout.
pub const MANIFEST_VERSION: u32 = 3;

/// Reports of the ledger by key.
pub type LedgerReports = BTreeMap<String, ReportEntry>;

/// Partitions by path.
pub type LedgerPartitions = BTreeMap<String, PartitionEntry>;

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
    /// Whether that is the key that the warehouse keeps itself; else it is kept elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_own_key: bool,
    /// By what it was judged: what [`Manifest::decisions`] come to.
    #[serde(default)]
    pub settings: SettingsInForce,
    /// The decisions that it was made with, by the names of their files.
    #[serde(default)]
    pub decisions: BTreeSet<String>,
    /// The day for which it says what is due (`YYYY-MM-DD`), that of the last run.
    #[serde(default)]
    pub as_of: String,
    /// When the run that made it started, ISO 8601 UTC; no table depends on it. When readers were moved
    /// to it is noted next to the snapshots.
    #[serde(default)]
    pub published: String,
    /// How it came to be: `nightly`, `backfill`, or the snapshot that it was rolled back to.
    #[serde(default)]
    pub origin: String,
    /// Reports that came after the state that was rolled back to: none of their rows is in the tables
    /// until the next run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set_aside: LedgerReports,
    /// Reports by id (64 hex digits).
    pub reports: LedgerReports,
    /// Partitions by table and path (`plays/store=spotify/month=2026-09/date=2026-09-01`).
    pub partitions: LedgerPartitions,
    /// Files of the tables that have no rows, by the path of the partition that stands for them.
    pub empty_tables: LedgerPartitions,
}

impl Manifest {
    /// All partitions that are files under the tables, by path: those with rows, and those that stand
    /// for tables without any.
    pub fn all_partitions(&self) -> impl Iterator<Item = (&String, &PartitionEntry)> {
        self.partitions.iter().chain(&self.empty_tables)
    }

    /// With the reports that were set aside by going back to a previous state: what is known of them
    /// counts again.
    #[must_use]
    pub fn with_all_reports(mut self) -> Self {
        self.reports.append(&mut self.set_aside);
        self
    }
}

/// An inbox file that was examined. What was seen is kept next to the snapshots, only to save reading
/// the same file again: without it the next run finds by the hashes that nothing is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenFile {
    /// How it looked.
    pub state: FileState,
    /// Key of the report that it holds.
    pub report: String,
}

/// The member of an archive that is a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveMember {
    /// Its path in the archive.
    pub name: String,
    /// How many other members were passed over.
    pub skipped: u64,
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
    /// It was rejected as a whole.
    Rejected,
    /// It was read, and is rejected until a person accepts it: its rows are known and archived, so that
    /// this is decided again in each run.
    Unaccepted,
}

impl ReportState {
    /// Whether the table `quarantine` says why it does not count.
    #[must_use]
    pub fn is_rejected(self) -> bool {
        matches!(self, Self::Rejected | Self::Unaccepted)
    }

    /// The name as it stands in `reports`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Superseded => "superseded",
            Self::Rejected | Self::Unaccepted => "rejected",
        }
    }
}

/// What a report is made of, as far as it tells what can go wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// Lines of cells.
    Text,
    /// Lines of JSON.
    Json,
    /// A binary format, such as a workbook.
    Binary,
}

impl SourceKind {
    /// The name as it stands in `reports`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Binary => "binary",
        }
    }
}

/// The place of a file in a report of several files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportPart {
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
    /// First and last day of a report of plays or figures, as its head states them (`FIRST..LAST`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated: Option<String>,
    /// When it was made, milliseconds since 1970 UTC; `None` if it does not say.
    pub created_ms: Option<i64>,
    /// Sender, service and what else it says of itself; `None` where only the name tells such things.
    pub set: Option<String>,
    /// Whether its content proves that it is of the store in whose folder it lies.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proves_store: bool,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportEntry {
    /// Folder in the inbox; `unknown` where the file lay in none.
    pub store: String,
    /// 64 hex digits of its [id](streamledger_core::model::report_id::ReportId).
    pub id: String,
    /// BLAKE3 of its uncompressed bytes, 64 hex digits.
    pub hash: String,
    /// What the report is for; `None` if it was not detected.
    pub feed: Option<String>,
    /// Name of the format; `None` if it was not detected.
    pub format: Option<String>,
    /// Paths in the inbox under which it came.
    pub files: BTreeSet<String>,
    /// Those of `files` that are zip archives, and the member that is the report.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<String, ArchiveMember>,
    /// Those of `files` under whose name the report would be rejected, while it is ingested under another:
    /// copies that are never read.
    #[serde(default, alias = "refused_files", skip_serializing_if = "BTreeSet::is_empty")]
    pub rejected_files: BTreeSet<String>,
    /// File in the archive; `None` if it was rejected.
    pub archived: Option<String>,
    /// Fingerprint of the settings under which it was read.
    pub reading: String,
    /// Whether it counts.
    pub state: ReportState,
    /// Code of why it is rejected, superseded, or waits.
    pub reason: Option<String>,
    /// What it is made of; `None` if it was not detected.
    #[serde(default)]
    pub source_kind: Option<SourceKind>,
    /// Name of the decision by which it counts; `None` if it needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// Values that no table of ours knows: how many different ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_unmapped: u64,
    /// BLAKE3, hex, of what is kept of it next to the ledger: its rejected rows and unknown values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes_hash: Option<String>,
    /// What was found of a report that is rejected until it is accepted, and how to accept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Counts; `None` if nothing could be counted.
    pub counts: Option<RowCounts>,
    /// Rows ingested, by counted date (`YYYY-MM-DD`).
    pub days: BTreeMap<String, u64>,
    /// Lines of statements, counters or declared streams ingested, by path of their partition under
    /// the tables.
    #[serde(default)]
    pub lines: BTreeMap<String, u64>,
    /// Territories of its lines of statements, by path of their partition under the tables; of its
    /// plays, by path of their month.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub territories: BTreeMap<String, BTreeSet<String>>,
    /// How many lines of statements end on which day, by path of their partition under the tables; only of
    /// lines that end in a later month than the partition's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reaches: BTreeMap<String, BTreeMap<String, u64>>,
    /// Control totals of its lines of statements, by path of their partition under the tables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub totals: BTreeMap<String, MonthTotalsRecord>,
    /// How large its numbers are.
    #[serde(default, skip_serializing_if = "ReportSizes::is_empty")]
    pub sizes: ReportSizes,
    /// Pools ingested, by path of their partition under the tables.
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
    pub part: Option<ReportPart>,
    /// What it says of itself.
    #[serde(default)]
    pub about: AboutReport,
    /// Name of the report that has taken its place.
    #[serde(default)]
    pub superseded_by: Option<String>,
    /// First counted date or day of use, also of a rejected report.
    pub first_date: Option<String>,
    /// Last counted date or last month of use, also of a rejected report.
    pub last_date: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
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
            [SupersedeReason::SameRows, SupersedeReason::Contained]
                .iter()
                .any(|why| why.as_str() == reason)
        };
        self.state == ReportState::Superseded && !self.reason.as_deref().is_some_and(is_same)
    }

    /// The last month in which a line has days that begins in a partition; `None` if none goes on in a
    /// later one.
    #[must_use]
    pub fn last_reach(&self, path: &str) -> Option<Month> {
        let last: Period = self.reaches.get(path)?.last_key_value()?.0.parse().ok()?;
        Some(last.month())
    }

    /// Month of the earliest counted date (`YYYY-MM`), or `unknown`.
    #[must_use]
    pub fn first_month(&self) -> &str {
        self.first_date.as_deref().map_or("unknown", |date| &date[..7])
    }

    /// The store's name as a part of a file name.
    #[must_use]
    pub fn store_token(&self) -> String {
        blake3::hash(self.store.as_bytes()).to_hex()[..8].to_owned()
    }

    /// The first 16 digits of the id: the report's name in the tables.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.id[..16]
    }

    /// The smallest path under which it came, of those under which it can be read.
    #[must_use]
    pub fn file(&self) -> &str {
        let readable = self.files.iter().find(|file| !self.rejected_files.contains(*file));
        readable.or(self.files.first()).map_or("", String::as_str)
    }

    /// The member of the archive [`Self::file`] that is the report; `None` if that is no archive.
    #[must_use]
    pub fn member(&self) -> Option<&ArchiveMember> {
        self.members.get(self.file())
    }

    /// Forgets names under which it came.
    pub fn keep_files(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.files.retain(|file| is_kept(file));
        self.members.retain(|file, _| is_kept(file));
        self.rejected_files.retain(|file| is_kept(file));
    }

    /// Name of the file with its rejected rows and unknown values.
    #[must_use]
    pub fn notes_file(&self) -> String {
        format!("{}-{}.json", self.id, self.reading)
    }

    /// The name by which it is read as the report that came under a path in the inbox, also from the archive, where its bytes have another one.
    #[must_use]
    pub fn read_as<'a>(&'a self, file: &'a str) -> &'a str {
        self.members.get(file).map_or(file, |member| member.name.as_str())
    }
}

/// The files of a partition, and what they were made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionEntry {
    /// Names all that the files depend on; another one means that they must be made again.
    pub fingerprint: String,
    /// The files, in order.
    pub files: Vec<FileEntry>,
    /// Of a date of plays: the keys of its offline plays, in the folder of its month under the snapshot's
    /// folder `offline`. `None` if there are no such plays.
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
    pub totals: Option<MonthTotalsRecord>,
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
    /// BLAKE3 of the bytes, hex.
    pub blake3: String,
}

impl FileEntry {
    /// Whether the file in a folder is as it was written.
    #[must_use]
    pub fn is_whole_in(&self, folder: &Path) -> bool {
        hash_cold(&folder.join(&self.name)).is_ok_and(|hash| hex::encode(hash) == self.blake3)
    }
}

/// Hex BLAKE3 over sorted hashes, a line feed after each: `streamledger.inputs`.
#[must_use]
pub fn inputs_hash<'a>(hashes: impl Iterator<Item = &'a str>) -> String {
    let mut hashes: Vec<&str> = hashes.collect();
    hashes.sort_unstable();
    hashes.dedup();
    let mut hasher = blake3::Hasher::new();
    for hash in hashes {
        hasher.update(hash.as_bytes()).update(b"\n");
    }
    hasher.finalize().to_hex().to_string()
}

/// A short name for all parts that something depends on.
#[must_use]
pub fn fingerprint(parts: &[&str]) -> String {
    blake3::hash(parts.join("\n").as_bytes()).to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inputs_hash_is_that_of_the_sorted_lines() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let expected = blake3::hash(format!("{a}\n{b}\n").as_bytes()).to_hex().to_string();
        assert_eq!(inputs_hash([b.as_str(), &a, &b].into_iter()), expected);
    }
}
