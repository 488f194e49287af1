//! Files of the keys of a counted date's offline plays, and what is looked up in them.
//!
//! A file is for the next runs, not for readers of the tables; it lies next to them in the snapshot.
//! Keys are dealt out by their first byte, so that a look for a few of them reads a few kilobytes.
//!
//! ```text
//! 8 bytes   magic
//! 256 x u32 number of keys heard on the counted date, by first byte
//! 256 x u32 number of keys heard before it, by first byte
//! 16 bytes each, for each first byte: keys heard on the date, then keys heard before it, ascending
//! ```
//!
//! Numbers are little-endian, keys big-endian.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use streamledger_core::filter::offline_repeats::{OfflineKey, OfflineKeys};
use streamledger_core::model::day::Day;
use streamledger_core::numbers::exact;

use crate::disk::disk_queue::DiskQueue;
use crate::disk::durable::{
    DiskError, IoContext as _, make_folder, open_file, read_full, write_new,
};
use crate::disk::file_hash::hash_as_is;
use crate::layout::ledger::FileEntry;
use crate::layout::partition_key::path_in;
use crate::source::report_source::BLOCK_BYTES;

const MAGIC: &[u8; 8] = b"SLOFFK01";
const BUCKETS: usize = 256;
const HEAD_BYTES: usize = MAGIC.len() + 2 * 4 * BUCKETS;
const KEY_BYTES: usize = size_of::<OfflineKey>();

/// Folder of a date's file in a snapshot, for the path of its partition of `plays`.
#[must_use]
pub fn offline_folder(plays_path: &str) -> String {
    path_in("offline", plays_path)
}

/// A list that is to be written.
#[derive(Debug)]
pub struct NewList {
    /// Its folder.
    folder: PathBuf,
    /// What the ledger says of it.
    pub entry: FileEntry,
    keys: Arc<OfflineKeys>,
}

impl NewList {
    /// The keys of a date in a folder, under a name that tells their content.
    #[must_use]
    pub fn new(folder: PathBuf, day: Day, keys: Arc<OfflineKeys>) -> Self {
        let bytes = to_bytes(&keys);
        let blake3 = blake3::hash(&bytes).to_hex().to_string();
        let name = format!("{day}-{}.keys", &blake3[..16]);
        let rows = (keys.same_day.len() + keys.late.len()) as u64;
        let entry = FileEntry { name, rows, size_bytes: bytes.len() as u64, blake3 };
        Self { folder, entry, keys }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn write(&self) -> Result<(), DiskError> {
        make_folder(&self.folder)?;
        // Made once more: those of many dates that wait here would take as much memory as their keys.
        write_new(&self.folder.join(&self.entry.name), &to_bytes(&self.keys))
    }
}

/// Writes lists while other things are made.
#[must_use]
pub fn list_queue() -> DiskQueue<NewList> {
    DiskQueue::new(|list: NewList| list.write())
}

/// Reads a list.
///
/// # Errors
/// [`DiskError`].
pub fn read_keys(path: &Path) -> Result<OfflineKeys, DiskError> {
    KeysFile::open(path)?.all()
}

fn to_bytes(keys: &OfflineKeys) -> Vec<u8> {
    let parts = [&keys.same_day, &keys.late];
    let mut bytes = MAGIC.to_vec();
    for part in parts {
        for count in counts(part) {
            bytes.extend(count.to_le_bytes());
        }
    }
    let [mut same_day, mut late] = parts.map(Vec::as_slice);
    for bucket in 0..BUCKETS {
        for part in [&mut same_day, &mut late] {
            let (keys, rest) = part.split_at(part.partition_point(|key| bucket_of(*key) <= bucket));
            keys.iter().for_each(|key| bytes.extend(key.to_be_bytes()));
            *part = rest;
        }
    }
    bytes
}

fn counts(keys: &[OfflineKey]) -> [u32; BUCKETS] {
    let mut counts = [0; BUCKETS];
    keys.iter().for_each(|key| counts[bucket_of(*key)] += 1);
    counts
}

fn bucket_of(key: OfflineKey) -> usize {
    usize::from(key.to_be_bytes()[0])
}

/// A file of keys that is looked into.
struct KeysFile<'a> {
    path: &'a Path,
    file: File,
    /// Keys heard on the date and before it, by first byte.
    counts: Vec<[usize; 2]>,
}

impl<'a> KeysFile<'a> {
    fn open(path: &'a Path) -> Result<Self, DiskError> {
        let file = File::open(path).at("open", path)?;
        let mut head = [0; HEAD_BYTES];
        file.read_exact_at(&mut head, 0).at("read", path)?;
        let (magic, numbers) = head.split_at(MAGIC.len());
        let (numbers, _) = numbers.as_chunks::<4>();
        let number = |place: usize| u32::from_le_bytes(numbers[place]) as usize;
        let counts: Vec<[usize; 2]> =
            (0..BUCKETS).map(|bucket| [number(bucket), number(BUCKETS + bucket)]).collect();
        let n_keys: usize = counts.iter().flatten().sum();
        let size = file.metadata().at("look at", path)?.len();
        if magic != MAGIC || size != (HEAD_BYTES + n_keys * KEY_BYTES) as u64 {
            let damaged =
                "it is no list of offline plays; `streamledger verify` tells what is damaged";
            return Err(std::io::Error::other(damaged)).at("read", path);
        }
        Ok(Self { path, file, counts })
    }

    /// Where the keys of a first byte start.
    fn start(&self, bucket: usize) -> u64 {
        let before: usize = self.counts[..bucket].iter().flatten().sum();
        (HEAD_BYTES + before * KEY_BYTES) as u64
    }

    fn read(&self, start: u64, n_keys: usize) -> Result<Vec<OfflineKey>, DiskError> {
        let bytes = self.bytes(start, n_keys)?;
        let (keys, _) = bytes.as_chunks::<KEY_BYTES>();
        Ok(keys.iter().map(|key| OfflineKey::from_be_bytes(*key)).collect())
    }

    fn bytes(&self, start: u64, n_keys: usize) -> Result<Vec<u8>, DiskError> {
        let mut bytes = vec![0; n_keys * KEY_BYTES];
        self.file.read_exact_at(&mut bytes, start).at("read", self.path)?;
        Ok(bytes)
    }

    fn late(&self) -> Result<Vec<OfflineKey>, DiskError> {
        let mut late = Vec::new();
        for (bucket, [same_day, n_late]) in self.counts.iter().enumerate() {
            if 0 < *n_late {
                let start = self.start(bucket) + (same_day * KEY_BYTES) as u64;
                late.extend(self.read(start, *n_late)?);
            }
        }
        Ok(late)
    }

    fn all(&self) -> Result<OfflineKeys, DiskError> {
        let mut keys = OfflineKeys { same_day: Vec::new(), late: self.late()? };
        for (bucket, [same_day, _]) in self.counts.iter().enumerate() {
            if 0 < *same_day {
                keys.same_day.extend(self.read(self.start(bucket), *same_day)?);
            }
        }
        Ok(keys)
    }

    /// Those of the keys (ascending) that are in the file.
    fn find(&self, keys: &[OfflineKey], found: &mut Vec<OfflineKey>) -> Result<(), DiskError> {
        for keys in by_bucket(keys) {
            let bucket = bucket_of(keys[0]);
            let [n_same_day, n_late] = self.counts[bucket];
            let there = self.bytes(self.start(bucket), n_same_day + n_late)?;
            let (there, _) = there.as_chunks::<KEY_BYTES>();
            let (same_day, late) = there.split_at(n_same_day);
            for there in [same_day, late] {
                common(keys, there.iter().map(|key| OfflineKey::from_be_bytes(*key)), found);
            }
        }
        Ok(())
    }
}

fn by_bucket(keys: &[OfflineKey]) -> impl Iterator<Item = &[OfflineKey]> {
    keys.chunk_by(|a, b| bucket_of(*a) == bucket_of(*b))
}

/// From this many first bytes on a file is read through: one long read takes less than many short ones.
const READ_THROUGH_FROM: usize = 32;

/// Keys that are looked for, and a table that tells of nearly all others at a glance that they are not.
#[derive(Debug)]
pub struct KeyProbe<'k> {
    /// Ascending.
    keys: &'k [OfflineKey],
    /// A bit for each way in which a key can begin.
    beginnings: Vec<u64>,
    /// Bits of a key that are not its beginning, of the first 32.
    shift: u32,
}

impl<'k> KeyProbe<'k> {
    /// Looks for these keys, ascending.
    #[must_use]
    pub fn new(keys: &'k [OfflineKey]) -> Self {
        /// Of the table, for a key: one of 32 others passes.
        const BITS_PER_KEY: usize = 32;
        let n_bits = (keys.len() * BITS_PER_KEY).next_power_of_two().clamp(64, 1 << 24);
        let shift = u32::BITS - n_bits.trailing_zeros();
        let mut probe = Self { keys, beginnings: vec![0; n_bits / 64], shift };
        for key in keys {
            let (word, bit) = probe.place(first_bits(*key));
            probe.beginnings[word] |= bit;
        }
        probe
    }

    fn place(&self, first_bits: u32) -> (usize, u64) {
        let beginning = first_bits >> self.shift;
        ((beginning / 64) as usize, 1 << (beginning % 64))
    }

    /// Adds the key if it is one of those that are looked for.
    #[inline]
    fn take(&self, first_bits: u32, key: impl FnOnce() -> OfflineKey, found: &mut Vec<OfflineKey>) {
        let (word, bit) = self.place(first_bits);
        if self.beginnings[word] & bit != 0 {
            let key = key();
            if self.keys.binary_search(&key).is_ok() {
                found.push(key);
            }
        }
    }
}

fn first_bits(key: OfflineKey) -> u32 {
    let [a, b, c, d, ..] = key.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// What two ascending lists have in common.
fn common(a: &[OfflineKey], b: impl Iterator<Item = OfflineKey>, found: &mut Vec<OfflineKey>) {
    let mut b = b.peekable();
    for key in a {
        while b.next_if(|other| other < key).is_some() {}
        if b.peek() == Some(key) {
            found.push(*key);
        }
    }
}

/// A list that is not what was written.
#[derive(Debug, thiserror::Error)]
#[error(
    "the list of offline plays is not what was written; `streamledger backfill` of its month makes it \
     again"
)]
pub struct DamagedList {
    /// Path of the date's partition of `plays`.
    pub plays_path: String,
}

/// The damaged list because of which something failed.
#[must_use]
pub fn damaged_list<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a DamagedList> {
    let mut next = Some(error);
    while let Some(error) = next {
        let found = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        if let Some(list) = found.and_then(|inner| inner.downcast_ref()) {
            return Some(list);
        }
        next = error.source();
    }
    None
}

/// A list in a snapshot. A wrong byte of it would show nowhere: a play that is counted twice is not
/// found, no more. So its checksum is looked at, once a run, when it is used.
#[derive(Debug, Clone)]
pub struct ListFile {
    path: PathBuf,
    plays_path: String,
    blake3: String,
    is_whole: Arc<OnceLock<()>>,
}

impl ListFile {
    /// The list of a date (its partition of `plays`) in a snapshot's folder.
    #[must_use]
    pub fn new(snapshot: &Path, plays_path: &str, file: &FileEntry) -> Self {
        Self {
            path: snapshot.join(offline_folder(plays_path)).join(&file.name),
            plays_path: plays_path.to_owned(),
            blake3: file.blake3.clone(),
            is_whole: Arc::default(),
        }
    }

    fn open(&self) -> Result<KeysFile<'_>, DiskError> {
        if !self.is_known_whole() {
            self.require_whole(hash_as_is(&self.path))?;
        }
        KeysFile::open(&self.path)
    }

    fn is_known_whole(&self) -> bool {
        self.is_whole.get().is_some()
    }

    fn require_whole(&self, hash: Result<[u8; 32], DiskError>) -> Result<(), DiskError> {
        let is_whole = match hash {
            Err(error) if error.source.kind() == ErrorKind::NotFound => false,
            hash => hex::encode(hash?) == self.blake3,
        };
        if !is_whole {
            let damaged = DamagedList { plays_path: self.plays_path.clone() };
            return Err(std::io::Error::other(damaged)).at("use", &self.path);
        }
        let _others_found_the_same = self.is_whole.set(());
        Ok(())
    }

    fn find(&self, probe: &KeyProbe<'_>, found: &mut Vec<OfflineKey>) -> Result<(), DiskError> {
        if self.is_known_whole() && by_bucket(probe.keys).count() < READ_THROUGH_FROM {
            self.open()?.find(probe.keys, found)
        } else {
            self.read_through(probe, found)
        }
    }

    /// Looks at all keys of the file while it is in the processor's cache for its checksum.
    fn read_through(
        &self,
        probe: &KeyProbe<'_>,
        found: &mut Vec<OfflineKey>,
    ) -> Result<(), DiskError> {
        let mut hasher = (!self.is_known_whole()).then(blake3::Hasher::new);
        let mut read = || -> Result<(), DiskError> {
            let mut file = open_file(&self.path).at("open", &self.path)?;
            let mut buffer = vec![0; HEAD_BYTES + BLOCK_BYTES];
            let mut keys_start = HEAD_BYTES;
            loop {
                let length = keys_start + BLOCK_BYTES;
                let n_bytes = read_full(&mut file, &mut buffer[..length]).at("read", &self.path)?;
                if let Some(hasher) = &mut hasher {
                    hasher.update(&buffer[..n_bytes]);
                }
                let bytes = buffer[..n_bytes].get(keys_start..).unwrap_or_default();
                for key in bytes.as_chunks::<KEY_BYTES>().0 {
                    let first_bits = u32::from_be_bytes([key[0], key[1], key[2], key[3]]);
                    probe.take(first_bits, || OfflineKey::from_be_bytes(*key), found);
                }
                if n_bytes < length {
                    return Ok(());
                }
                keys_start = 0;
            }
        };
        let read = read();
        match hasher {
            Some(hasher) => self.require_whole(read.map(|()| hasher.finalize().into())),
            None => read,
        }
    }
}

/// Where the keys of a date are. Two are equal if they are the same list, not if they hold the same.
#[derive(Debug, Clone)]
pub enum DateKeys {
    /// Of plays that were read in this run.
    Memory(Arc<OfflineKeys>),
    /// In a file of a snapshot.
    File(ListFile),
}

impl DateKeys {
    /// Keys of the plays that were heard before the date.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn late(&self) -> Result<Vec<OfflineKey>, DiskError> {
        match self {
            Self::Memory(keys) => Ok(keys.late.clone()),
            Self::File(list) => list.open()?.late(),
        }
    }

    /// Adds those of the keys that are of this date, in no order.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn find(&self, probe: &KeyProbe<'_>, found: &mut Vec<OfflineKey>) -> Result<(), DiskError> {
        match self {
            Self::Memory(there) => {
                for key in there.same_day.iter().chain(&there.late) {
                    probe.take(first_bits(*key), || *key, found);
                }
            }
            Self::File(list) if !probe.keys.is_empty() => list.find(probe, found)?,
            Self::File(_) => {}
        }
        Ok(())
    }
}

impl PartialEq for DateKeys {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Memory(a), Self::Memory(b)) => Arc::ptr_eq(a, b),
            (Self::File(a), Self::File(b)) => (&a.path, &a.blake3) == (&b.path, &b.blake3),
            _ => false,
        }
    }
}

/// The keys of all counted dates of all stores.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OfflineKeyIndex {
    /// By store and counted date; dates without offline plays need not be there.
    pub dates: BTreeMap<(String, Day), DateKeys>,
}

impl OfflineKeyIndex {
    /// Those of a date's late plays that earlier dates have too, ascending.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn counted_earlier(
        &self,
        store: &str,
        day: Day,
        days_max: u32,
        late: &[OfflineKey],
    ) -> Result<Vec<OfflineKey>, DiskError> {
        if late.is_empty() {
            return Ok(Vec::new());
        }
        let probe = KeyProbe::new(late);
        let dates = self.dates.range(before(store, day, days_max)).map(|(_, keys)| keys);
        let mut found = dates
            .collect::<Vec<_>>()
            .par_iter()
            .map(|keys| {
                let mut found = Vec::new();
                keys.find(&probe, &mut found).map(|()| found)
            })
            .try_reduce(Vec::new, |a, b| Ok([a, b].concat()))?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The dates that are looked in for one date, alone.
    #[must_use]
    pub fn near(&self, store: &str, day: Day, days_max: u32) -> Self {
        let dates = self.dates.range(before(store, day, days_max));
        Self { dates: dates.map(|(date, keys)| (date.clone(), keys.clone())).collect() }
    }
}

/// The dates that a date's late plays are looked for in: so many days back.
#[must_use]
pub fn before(store: &str, day: Day, days_max: u32) -> std::ops::Range<(String, Day)> {
    let first = Day(exact(i64::from(day.0) - i64::from(days_max)));
    (store.to_owned(), first)..(store.to_owned(), day)
}

/// A name for keys that were found: another name means that the date must be judged again. `None` for
/// none.
#[must_use]
pub fn name_of_keys(found: &[OfflineKey]) -> Option<String> {
    let mut hasher = blake3::Hasher::new();
    for key in found {
        hasher.update(&key.to_be_bytes());
    }
    (!found.is_empty()).then(|| hasher.finalize().to_hex()[..32].to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> impl Strategy<Value = Vec<OfflineKey>> {
        // Few first bytes and few others, so that lists meet; or enough to read a file as a whole.
        let key = |first, rest| (0..first, 0..rest).prop_map(|(first, rest)| first << 120 | rest);
        let few = prop::collection::btree_set(key(4_u128, 6_u128), 0..20);
        let many = prop::collection::btree_set(key(64, 3), 0..150);
        // All over the numbers, as hashes are.
        let spread = (0_u128..60).prop_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15 << 64 | 1));
        let spread = prop::collection::btree_set(spread, 0..40);
        prop_oneof![few, many, spread].prop_map(|keys| keys.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_file_finds_what_memory_finds(same_day in keys(), late in keys(), wanted in keys()) {
            let folder = tempfile::tempdir().unwrap();
            let keys = OfflineKeys { same_day, late };
            let entry = written(&folder.path().join(FOLDER), &keys);
            let list = listed(folder.path(), &entry);
            let path = list.path.clone();
            let file = DateKeys::File(list);
            let find = |keys: &DateKeys| {
                let mut found = Vec::new();
                keys.find(&KeyProbe::new(&wanted), &mut found).unwrap();
                found.sort_unstable();
                found
            };
            let expected: Vec<OfflineKey> = keys
                .same_day
                .iter()
                .chain(&keys.late)
                .filter(|key| wanted.contains(key))
                .copied()
                .collect::<Vec<_>>();
            let mut expected = expected;
            expected.sort_unstable();
            // The second time it is known to be whole.
            prop_assert_eq!(find(&file), expected.clone());
            prop_assert_eq!(find(&file), expected.clone());
            prop_assert_eq!(file.late().unwrap(), keys.late.clone());
            prop_assert_eq!(&read_keys(&path).unwrap(), &keys);
            prop_assert_eq!(find(&DateKeys::Memory(Arc::new(keys))), expected);
        }
    }

    #[test]
    fn a_file_that_is_cut_changed_or_gone_is_an_error_that_names_its_date() {
        let folder = tempfile::tempdir().unwrap();
        let keys = OfflineKeys { same_day: vec![1, 2], late: vec![3] };
        let entry = written(&folder.path().join(FOLDER), &keys);
        let path = folder.path().join(FOLDER).join(&entry.name);
        let assert_damaged = || {
            let list = || DateKeys::File(listed(folder.path(), &entry));
            let error = list().find(&KeyProbe::new(&[3]), &mut Vec::new()).unwrap_err();
            assert_eq!(damaged_list(&error).unwrap().plays_path, PLAYS);
            let error = list().late().unwrap_err();
            assert_eq!(damaged_list(&error).unwrap().plays_path, PLAYS);
            let error = crate::layout::error::WarehouseError::from(error);
            assert_eq!(damaged_list(&error).unwrap().plays_path, PLAYS);
        };
        let mut found = Vec::new();
        let list = DateKeys::File(listed(folder.path(), &entry));
        list.find(&KeyProbe::new(&[0, 3, 4]), &mut found).unwrap();
        assert_eq!(found, [3]);
        let bytes = std::fs::read(&path).unwrap();
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        for other in [&bytes[..bytes.len() - 1], &bytes[..100], b"", b"SLOFFK02", &changed] {
            std::fs::write(&path, other).unwrap();
            assert_damaged();
        }
        std::fs::remove_file(&path).unwrap();
        assert_damaged();
    }

    const PLAYS: &str = "plays/store=spotify/month=1970-01/date=1970-01-01";
    const FOLDER: &str = "offline/store=spotify/month=1970-01";

    fn written(folder: &Path, keys: &OfflineKeys) -> FileEntry {
        let list = NewList::new(folder.to_owned(), Day(0), Arc::new(keys.clone()));
        list.write().unwrap();
        list.entry
    }

    fn listed(snapshot: &Path, entry: &FileEntry) -> ListFile {
        ListFile::new(snapshot, PLAYS, entry)
    }
}
