//! How many rows two reports have in common. What was counted once is kept beside the archive, since it
//! depends on the two reports and their reading alone; what is lost of it is counted again, to the same
//! numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use streamledger_core::supersede::row_hash::ROW_HASH_VERSION;
use streamledger_core::supersede::row_lists::shared_rows;

use crate::archive::archive_path;
use crate::durable::{At as _, remove_file, rename, write_new};
use crate::examine::{Examined, Examiner};
use crate::held::Holder;
use crate::ledger::{ReportEntry, fingerprint};
use crate::nightly::examining::Examination;
use crate::nightly::{Night, NightlyError};
use crate::report_source::ReportFile;
use crate::row_files::{RowFolder, RowList};
use crate::sales_runs::RunStore;
use crate::warehouse::WarehouseError;

/// Folder of the lists of rows.
const ROWS: &str = "rows";

/// File of the counts.
const COUNTS: &str = "rows/comparisons.txt";

/// Counts of pairs of lists, by their names, the smaller one first.
type Counts = BTreeMap<(String, String), u64>;

/// Counts rows, and knows what was counted.
pub(super) struct Comparing<'c, 'n> {
    night: &'c Night<'n>,
    reports: &'c BTreeMap<String, ReportEntry>,
    /// Lists of reports that were read in this run.
    lists: &'c mut BTreeMap<String, RowList>,
    /// `None` until the first pair.
    known: Option<Counts>,
    is_new: bool,
}

impl<'c, 'n> Comparing<'c, 'n> {
    pub(super) fn new(
        night: &'c Night<'n>,
        reports: &'c BTreeMap<String, ReportEntry>,
        lists: &'c mut BTreeMap<String, RowList>,
    ) -> Self {
        Self { night, reports, lists, known: None, is_new: false }
    }

    /// How many rows two reports have in common.
    pub(super) fn shared_rows(&mut self, a: &str, b: &str) -> Result<u64, NightlyError> {
        let names = [a, b].map(|key| list_name(key, &self.reports[key]));
        let [first, second] = names;
        let pair = if first <= second { (first, second) } else { (second, first) };
        let known = self.known.get_or_insert_with(|| self.night.known_counts());
        if let Some(shared) = known.get(&pair) {
            return Ok(*shared);
        }
        let shared = self.count(a, b).or_else(|error| -> Result<u64, NightlyError> {
            tracing::warn!(%error, "a list of rows is lost or damaged: it is made again from the archive");
            self.make_again(a)?;
            self.make_again(b)?;
            let list = self.night.list_path(a, &self.reports[a]);
            Ok(self.count(a, b).at("read", &list)?)
        })?;
        self.known.get_or_insert_default().insert(pair, shared);
        self.is_new = true;
        Ok(shared)
    }

    fn count(&self, a: &str, b: &str) -> io::Result<u64> {
        let kept = |key: &str| RowList::File(self.night.list_path(key, &self.reports[key]));
        let (of_a, of_b) = (kept(a), kept(b));
        let list_a = self.lists.get(a).unwrap_or(&of_a).read()?;
        let list_b = self.lists.get(b).unwrap_or(&of_b).read()?;
        shared_rows(list_a, list_b)
    }

    /// Reads an archived report for its list of rows.
    fn make_again(&mut self, key: &str) -> Result<(), NightlyError> {
        if self.lists.contains_key(key) {
            return Ok(());
        }
        let (night, report) = (self.night, &self.reports[key]);
        let name = report.archived.as_deref().unwrap_or_default();
        let path = archive_path(night.places, name);
        let (holder, runs) = (Holder::new(0, PathBuf::new()), RunStore::none());
        let rows = RowFolder::in_memory();
        let examiner =
            Examiner { holder: &holder, runs: &runs, rows: Some(&rows), ..night.examiner(1) };
        let nothing = BTreeSet::new();
        let store = Some(report.store.as_str());
        let file = ReportFile::Archive(&path);
        let examined = examiner.examine(file, report.file(), store, Some(&nothing))?;
        match examined {
            Examined::Report(read) if hex::encode(read.hash) == report.hash => {
                self.lists.extend(read.row_list.map(|(_, list)| (key.to_owned(), list)));
                Ok(())
            }
            _ => {
                let message = format!("does not hold the report {} any more", report.hash);
                Err(NightlyError::Warehouse(WarehouseError::Damaged { path, message }))
            }
        }
    }

    /// The counts to keep, if there are new ones: those of reports that there still are.
    pub(super) fn finish(self) -> Option<String> {
        let known = self.known.filter(|_| self.is_new)?;
        let names: BTreeSet<String> =
            self.reports.iter().map(|(key, report)| list_name(key, report)).collect();
        let is_there =
            |((a, b), _): &(&(String, String), &u64)| names.contains(a) && names.contains(b);
        let lines =
            known.iter().filter(is_there).map(|((a, b), shared)| format!("{a} {b} {shared}"));
        let text = lines.map(|line| line + "\n").collect::<String>();
        Some(format!("{}\n{text}", fingerprint(&[&text])))
    }
}

/// Name of a report's list: of the report, and of how it was read and hashed.
fn list_name(key: &str, report: &ReportEntry) -> String {
    fingerprint(&[key, &report.reading, &ROW_HASH_VERSION.to_string()])
}

/// Counts as they were kept; none where they are damaged.
fn counts_of(text: &str) -> Counts {
    let Some((sum, lines)) = text.split_once('\n') else {
        return Counts::new();
    };
    if sum != fingerprint(&[lines]) {
        return Counts::new();
    }
    let count = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let (a, b, shared) = (words.next()?, words.next()?, words.next()?);
        Some(((a, b), shared.parse().ok()?))
    };
    lines.lines().filter_map(count).collect()
}

impl Night<'_> {
    fn list_path(&self, key: &str, report: &ReportEntry) -> PathBuf {
        self.places.internal(ROWS).join(format!("{}.rows", list_name(key, report)))
    }

    fn known_counts(&self) -> Counts {
        let text = std::fs::read_to_string(self.places.internal(COUNTS));
        text.map(|text| counts_of(&text)).unwrap_or_default()
    }

    /// Keeps the lists of rows that are new, and what was counted.
    pub(super) fn keep_rows(&self, examination: &Examination) -> Result<(), NightlyError> {
        let new = self.places.internal("staging/list");
        for (key, list) in &examination.row_lists {
            list.keep(&self.list_path(key, &examination.reports[key]), &new)?;
        }
        if let Some(text) = &examination.comparisons {
            remove_file(&new)?;
            write_new(&new, text.as_bytes())?;
            rename(&new, &self.places.internal(COUNTS))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_were_damaged_are_counted_again() {
        let lines = "a b 12\na c 0\n";
        let text = format!("{}\n{lines}", fingerprint(&[lines]));
        let counts = counts_of(&text);
        assert_eq!(counts.get(&("a".to_owned(), "b".to_owned())), Some(&12));
        assert_eq!(counts.len(), 2);
        for damaged in [text.replace("12", "13"), text[..text.len() - 6].to_owned(), String::new()]
        {
            assert_eq!(counts_of(&damaged), Counts::new());
        }
    }
}
