//! How many rows two reports have in common. Pairs that can have any are found by looking each list of rows up
//! once; only those are counted. What was found once is kept next to the archive.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use streamledger_core::ingest::table::format::Feed;
use streamledger_core::model::day::Day;
use streamledger_core::model::play::ReportPlays;
use streamledger_core::numbers::exact;
use streamledger_core::supersede::across_formats::{
    FormatComparison, PlaysByTrack, RowsSay, shared_plays, sum_plays,
};
use streamledger_core::supersede::facts::{ComparedBy, ReportFacts, SharedRows};
use streamledger_core::supersede::row_hash::ROW_HASH_VERSION;
use streamledger_core::supersede::row_index::{RowIndex, RowNeighbours, can_be_indexed};
use streamledger_core::supersede::row_lists::{ListSize, shared_rows};
use streamledger_storage::archive::archived_reports::{NewReport, archive_path};
use streamledger_storage::archive::row_files::{RowCollector, RowFolder, RowList, RowSource};
use streamledger_storage::disk::durable::IoContext as _;
use streamledger_storage::disk::file_batch::{FileAccess, FileBatch};
use streamledger_storage::disk::reading::read_text;
use streamledger_storage::layout::error::WarehouseError;
use streamledger_storage::layout::ledger::{LedgerReports, ReportEntry, fingerprint};
use streamledger_storage::source::report_source::ReportFile;

use crate::intake::examine::{ExaminedFile, ExaminedReport, Examiner, PlayOnlooker};
use crate::intake::play_buffer::PlayBuffer;
use crate::intake::sales_runs::RunStore;
use crate::nightly::context::RunContext;
use crate::nightly::error::NightlyError;
use crate::nightly::intake::examination::IntakeResult;
use crate::nightly::supersede::known_comparisons::{
    KnownComparisons, KnownPair, ListLookup, NO_ROWS, pair_of,
};

/// Folder of the lists of rows.
const ROWS: &str = "rows";

/// File of the counts.
const COUNTS: &str = "rows/comparisons.txt";

/// Counts rows, and knows what was counted.
pub(crate) struct RowComparison<'c, 'n> {
    run: &'c RunContext<'n>,
    reports: &'c LedgerReports,
    /// Lists of reports that were read in this run.
    lists: &'c mut BTreeMap<String, RowList>,
    /// New reports, which are not in the archive yet.
    new: &'c [NewReport],
    /// `None` until it is asked for.
    known: Option<KnownComparisons>,
    is_new: bool,
}

impl<'c, 'n> RowComparison<'c, 'n> {
    pub(crate) fn new(
        run: &'c RunContext<'n>,
        reports: &'c LedgerReports,
        lists: &'c mut BTreeMap<String, RowList>,
        new: &'c [NewReport],
    ) -> Self {
        Self { run, reports, lists, new, known: None, is_new: false }
    }

    /// What two reports have in common.
    pub(crate) fn shared(
        &mut self,
        a: &str,
        b: &str,
        by: ComparedBy,
    ) -> Result<SharedRows, NightlyError> {
        let kind = if by == ComparedBy::Keys { ".keys" } else { "" };
        let names = [a, b].map(|key| list_name(key, &self.reports[key]) + kind);
        let [first, second] = names;
        let pair = pair_of(first, second);
        let known = self.known().pairs.get(&pair).copied();
        if let Some(KnownPair::Counted(shared)) = known {
            return Ok(shared);
        }
        let (one, other) = (&self.reports[a], &self.reports[b]);
        let has_lists = one.sums.is_some() && other.sums.is_some();
        let is_one_format = one.format == other.format;
        let are_plays = one.feed.as_deref() == Some(Feed::Trends.as_str());
        let shared = if by == ComparedBy::Keys {
            self.shared_keys(a, b)?
        } else if are_plays && !is_one_format {
            self.across_formats(a, b)?
        } else if are_plays && !has_lists {
            SharedRows::Rows(self.plays_of_one_format(a, b)?)
        } else if known.is_none() && self.known().are_looked_up(&pair.0, &pair.1) {
            return Ok(SharedRows::Rows(0));
        } else {
            SharedRows::Rows(self.rows(a, b)?)
        };
        self.known().pairs.insert(pair, KnownPair::Counted(shared));
        self.is_new = true;
        Ok(shared)
    }

    fn known(&mut self) -> &mut KnownComparisons {
        self.known.get_or_insert_with(|| {
            let text = read_text(&self.run.places.internal(COUNTS));
            text.map(|text| KnownComparisons::parse(&text)).unwrap_or_default()
        })
    }

    /// Which reports may have a row in common. Lists of rows that no run has looked up yet are, in those of
    /// the same store, feed and months.
    pub(crate) fn neighbours(
        &mut self,
        facts: &BTreeMap<String, ReportFacts>,
    ) -> Result<RowNeighbours, NightlyError> {
        let mut feeds: BTreeMap<(&str, &str), Vec<(&String, &ReportFacts)>> = BTreeMap::new();
        let has_list = |facts: &ReportFacts| facts.fingerprint.is_some() && facts.totals.rows != 0;
        for (key, facts) in facts.iter().filter(|(_, facts)| has_list(facts)) {
            feeds.entry((&facts.store, &facts.feed)).or_default().push((key, facts));
        }
        let mut keys: BTreeMap<String, &String> = BTreeMap::new();
        for reports in feeds.into_values() {
            let name = |(key, _): &(&String, _)| list_name(key, &self.reports[*key]);
            let names: Vec<String> = reports.iter().map(name).collect();
            self.look_up_new(&reports, &names)?;
            keys.extend(names.into_iter().zip(reports.iter().map(|(key, _)| *key)));
        }
        let known = self.known();
        keys.retain(|name, _| known.lists.get(name) == Some(&ListLookup::Done));
        let mut found: RowNeighbours =
            keys.values().map(|key| ((*key).clone(), BTreeSet::new())).collect();
        for ((a, b), _) in known.pairs.iter().filter(|(_, shared)| **shared != NO_ROWS) {
            if let Some((a, b)) = keys.get(a).zip(keys.get(b)) {
                found.entry((*a).clone()).or_default().insert((*b).clone());
                found.entry((*b).clone()).or_default().insert((*a).clone());
            }
        }
        Ok(found)
    }

    /// Looks the lists of a store and feed that are new up in each other, and in the older ones of their
    /// months; those in the new ones.
    fn look_up_new(
        &mut self,
        reports: &[(&String, &ReportFacts)],
        names: &[String],
    ) -> Result<(), NightlyError> {
        let is_new: Vec<bool> =
            names.iter().map(|name| !self.known().lists.contains_key(name)).collect();
        let new = || (0..names.len()).filter(|place| is_new[*place]);
        let months: BTreeSet<&String> = new().flat_map(|place| &reports[place].1.months).collect();
        let old = |place: &usize| {
            !is_new[*place] && reports[*place].1.months.iter().any(|month| months.contains(month))
        };
        let (mut of_new, mut of_old) = (RowIndex::default(), RowIndex::default());
        for place in new().chain((0..names.len()).filter(old)) {
            let index = if is_new[place] { &mut of_new } else { &mut of_old };
            let is_indexed = self.with_list(reports[place].0, |(size, hashes)| {
                let can_be = can_be_indexed(size);
                let added = if can_be { index.add(exact(place), size, hashes) } else { Ok(()) };
                added.map(|()| can_be)
            })?;
            let lookup = if is_indexed { ListLookup::Done } else { ListLookup::TooMany };
            self.known().lists.insert(names[place].clone(), lookup);
        }
        of_new.finish();
        of_old.finish();
        for place in new().chain((0..names.len()).filter(old)) {
            let mut found = BTreeSet::new();
            self.with_list(reports[place].0, |(_, hashes)| of_new.look_up(hashes, &mut found))?;
            if is_new[place] {
                self.with_list(reports[place].0, |(_, hashes)| of_old.look_up(hashes, &mut found))?;
            }
            let others = found.into_iter().map(|other| other as usize);
            for other in others.filter(|other| *other != place) {
                let pair = pair_of(names[place].clone(), names[other].clone());
                self.known().pairs.entry(pair).or_insert(KnownPair::Uncounted);
            }
        }
        self.is_new |= is_new.contains(&true);
        Ok(())
    }

    /// Reads the list of a report; one that is lost or damaged is made again.
    fn with_list<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut((ListSize, RowSource<'_>)) -> io::Result<T>,
    ) -> Result<T, NightlyError> {
        let kept = RowList::File(list_path(self.run, key, &self.reports[key]));
        let list = self.lists.get(key).unwrap_or(&kept);
        if let Ok(found) = list.read().and_then(&mut read) {
            return Ok(found);
        }
        self.make_again(key)?;
        let path = list_path(self.run, key, &self.reports[key]);
        let list = self.lists.get(key).unwrap_or(&kept);
        Ok(list.read().and_then(read).at("read", &path)?)
    }

    fn rows(&mut self, a: &str, b: &str) -> Result<u64, NightlyError> {
        self.count(a, b).or_else(|error| {
            tracing::warn!(%error, "a list of rows is lost or damaged: it is made again from the archive");
            self.make_again(a)?;
            self.make_again(b)?;
            let list = list_path(self.run, a, &self.reports[a]);
            Ok(self.count(a, b).at("read", &list)?)
        })
    }

    fn count(&self, a: &str, b: &str) -> io::Result<u64> {
        let kept = |key: &str| RowList::File(list_path(self.run, key, &self.reports[key]));
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
        let rows = RowFolder::in_memory();
        let read = self.read_again(key, Some(&rows), None)?;
        self.lists.extend(read.row_list.map(|(_, list)| (key.to_owned(), list)));
        Ok(())
    }

    /// Reads a report once more, and keeps nothing of it but what is asked for.
    fn read_again(
        &self,
        key: &str,
        rows: Option<&RowFolder>,
        onlooker: Option<PlayOnlooker<'_>>,
    ) -> Result<Box<ExaminedReport>, NightlyError> {
        let (run, report) = (self.run, &self.reports[key]);
        let name = report.archived.as_deref().unwrap_or_default();
        let archived = archive_path(run.places, name);
        let new = self.new.iter().find(|new| new.name == name);
        let file = match new {
            Some(new) => ReportFile::Inbox(&new.path),
            None => ReportFile::Archive(&archived),
        };
        let (play_buffer, runs) = (PlayBuffer::new(0, PathBuf::new()), RunStore::of_lists());
        let examiner =
            Examiner { play_buffer: &play_buffer, runs: &runs, rows, onlooker, ..run.examiner(1) };
        let nothing = BTreeSet::new();
        let store = Some(report.store.as_str());
        match examiner.examine(file, report.file(), store, Some(&nothing))? {
            ExaminedFile::Report(read) if hex::encode(read.hash) == report.hash => Ok(read),
            _ if new.is_some() => {
                let error = io::Error::other("it changed after it was read; run again");
                Err(error).at("compare", file.path())?
            }
            _ => {
                let message = format!("does not hold the report {} any more", report.hash);
                Err(NightlyError::Warehouse(WarehouseError::Damaged { path: archived, message }))
            }
        }
    }

    /// What two reports of plays in different formats have in common. Both are read once for what their
    /// rows say, and once more for the plays.
    fn across_formats(&self, a: &str, b: &str) -> Result<SharedRows, NightlyError> {
        let Some(comparison) = self.what_rows_say(a)?.comparison(self.what_rows_say(b)?) else {
            return Ok(SharedRows::Unknown);
        };
        Ok(match comparison {
            FormatComparison::Plays(say) => SharedRows::Rows(self.shared_plays(a, b, say)?),
            FormatComparison::Sums(say) => {
                SharedRows::Plays(shared_plays(&self.play_sums(a, say)?, &self.play_sums(b, say)?))
            }
        })
    }

    /// What the rows of both are about, each once.
    fn shared_keys(&self, a: &str, b: &str) -> Result<SharedRows, NightlyError> {
        let (first, second) = (self.keys(a)?, self.keys(b)?);
        let shared = first.intersection(&second).count() as u64;
        Ok(SharedRows::Keys(shared, first.len().min(second.len()) as u64))
    }

    fn keys(&self, key: &str) -> Result<BTreeSet<u64>, NightlyError> {
        let rows = RowFolder::in_memory_by(ComparedBy::Keys);
        let read = self.read_again(key, Some(&rows), None)?;
        let Some((_, list)) = read.row_list else {
            return Ok(self.play_sums(key, RowsSay::default())?.into_keys().collect());
        };
        let path = self.run.places.internal(ROWS);
        let hashes = list.read().and_then(|(_, hashes)| hashes.collect::<io::Result<_>>());
        Ok(hashes.at("read", &path)?)
    }

    fn plays_of_one_format(&self, a: &str, b: &str) -> Result<u64, NightlyError> {
        self.shared_plays(a, b, RowsSay::all_of_one_format())
    }

    fn shared_plays(&self, a: &str, b: &str, say: RowsSay) -> Result<u64, NightlyError> {
        let (first, second) = (self.play_list(a, say)?, self.play_list(b, say)?);
        let path = self.run.places.internal(ROWS);
        let shared = first.read().and_then(|first| shared_rows(first, second.read()?));
        Ok(shared.at("read", &path)?)
    }

    fn what_rows_say(&self, key: &str) -> Result<RowsSay, NightlyError> {
        let say = Mutex::new(RowsSay::default());
        let look = |pieces: Option<&[(Day, ReportPlays)]>| {
            let mut say = say.lock().unwrap_or_else(PoisonError::into_inner);
            match pieces {
                Some(pieces) => pieces.iter().for_each(|(_, piece)| say.look(piece)),
                None => *say = RowsSay::default(),
            }
        };
        self.read_again(key, None, Some(&look))?;
        Ok(*say.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn play_list(&self, key: &str, say: RowsSay) -> Result<RowList, NightlyError> {
        let folder = &self.run.work.buffers.rows;
        let collected = Mutex::new((RowCollector::default(), None));
        let look = |pieces: Option<&[(Day, ReportPlays)]>| {
            let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(pieces) = pieces else {
                *collected = (RowCollector::default(), None);
                return;
            };
            let failed = collected.0.push_each(pieces, say, folder).err();
            collected.1 = collected.1.take().or(failed);
        };
        self.read_again(key, None, Some(&look))?;
        let (collector, failed) = collected.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.map_or(Ok(()), Err)?;
        Ok(collector.finish(folder)?.1)
    }

    fn play_sums(&self, key: &str, say: RowsSay) -> Result<PlaysByTrack, NightlyError> {
        let sums = Mutex::new(PlaysByTrack::new());
        let look = |pieces: Option<&[(Day, ReportPlays)]>| {
            let mut sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(pieces) = pieces else {
                sums.clear();
                return;
            };
            pieces.iter().for_each(|(day, piece)| sum_plays((day.0, piece), say, &mut sums));
        };
        self.read_again(key, None, Some(&look))?;
        Ok(sums.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is to be kept, if anything is new: of the reports that there still are.
    pub(crate) fn finish(self) -> Option<String> {
        let known = self.known.filter(|_| self.is_new)?;
        let names = self.reports.iter().map(|(key, report)| list_name(key, report)).collect();
        Some(known.to_text(&names))
    }
}

/// Name of a report's list: of the report, and of how it was read and hashed.
fn list_name(key: &str, report: &ReportEntry) -> String {
    fingerprint(&[key, &report.reading, &ROW_HASH_VERSION.to_string()])
}

fn list_path(run: &RunContext<'_>, key: &str, report: &ReportEntry) -> PathBuf {
    run.places.internal(ROWS).join(format!("{}.rows", list_name(key, report)))
}

/// Keeps the lists of rows that are new, and what was counted.
pub(crate) fn keep_rows(
    run: &RunContext<'_>,
    examination: &IntakeResult,
    batch: &mut FileBatch,
) -> Result<(), NightlyError> {
    for (key, list) in &examination.row_lists {
        list.keep(&list_path(run, key, &examination.reports[key]), batch)?;
    }
    if let Some(text) = &examination.comparisons {
        batch.write(&run.places.internal(COUNTS), text.as_bytes(), FileAccess::Usual)?;
    }
    Ok(())
}
