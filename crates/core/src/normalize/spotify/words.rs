//! The words of Spotify's wide table while a report is read: each is checked and interned where it is
//! met first.

use std::collections::HashMap;

use streamledger_lines::{LineRow, LineRows};

use crate::ingest::spotify_streams::{STORE, StreamColumns};
use crate::model::day::Day;
use crate::model::isrc::Isrc;
use crate::model::listener::{Listener, ListenerKey};
use crate::model::play::{NONE, PlayAttributes, PlayDictionaries, Track, UserProduct};
use crate::model::tier::Tier;
use crate::model::upc::Upc;
use crate::normalize::rejected_row::RejectCode;
use crate::normalize::store::{StoreSettings, tier_code};
use crate::normalize::values::cells::{text, trimmed};
use crate::normalize::values::interning::{CellCandidate, CellMemory, Interner, RecalledCells};
use crate::normalize::values::times::date;
use crate::numbers::exact;

/// The fast path found something that it cannot read; the slow path says what.
#[derive(Debug)]
pub(crate) struct UnreadableCell;

impl From<RejectCode> for UnreadableCell {
    fn from(_: RejectCode) -> Self {
        Self
    }
}

/// Room for listeners grows to this at once, as soon as there are [`LISTENERS_SMALL`]: what is not used
/// yet costs no memory.
const LISTENERS: usize = 1 << 20;
const LISTENERS_SMALL: usize = 1 << 14;

/// What is wrong with a track's codes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TrackFlaws {
    /// The ISRC was not one.
    pub(crate) bad_isrc: bool,
    /// The UPC was not one.
    pub(crate) bad_upc: bool,
}

/// The words of a report as they are met.
#[derive(Debug)]
pub(crate) struct WordsBuilder {
    last_day: Option<([u8; 10], Day)>,
    track_keys: TrackKeys,
    tracks: Interner,
    track_words: Vec<Track>,
    /// Looked at for each row, so they lie apart from what is looked at once a track.
    track_flaws: Vec<TrackFlaws>,
    listener_key: ListenerKey,
    listeners: Vec<Listener>,
    kind_memory: CellMemory,
    kinds: HashMap<PlayAttributes, u32>,
    /// Whether the tier code is one that the store's table does not hold, by kind.
    kind_words: Vec<(PlayAttributes, bool)>,
    products: Interner,
    product_words: Vec<UserProduct>,
    sources: SmallWords,
    devices: SmallWords,
    key: Vec<u8>,
}

/// How to get the bytes that name a track: in the usual column order they lie side by side.
#[derive(Debug, Clone, Copy)]
enum TrackKeys {
    Adjacent { first: usize, last: usize },
    Apart,
}

impl WordsBuilder {
    pub(crate) fn new(columns: &StreamColumns, key: ListenerKey) -> Self {
        let mut places = vec![columns.track_id, columns.isrc];
        places.extend(columns.upc);
        places.sort_unstable();
        let (first, last) = (places[0], places[places.len() - 1]);
        let track_keys = if last - first + 1 == places.len() {
            TrackKeys::Adjacent { first, last }
        } else {
            TrackKeys::Apart
        };
        Self {
            last_day: None,
            track_keys,
            tracks: Interner::default(),
            track_words: Vec::new(),
            track_flaws: Vec::new(),
            listener_key: key,
            listeners: Vec::new(),
            kind_memory: CellMemory::default(),
            kinds: HashMap::new(),
            kind_words: Vec::new(),
            products: Interner::default(),
            product_words: Vec::new(),
            sources: SmallWords::default(),
            devices: SmallWords::default(),
            key: Vec::new(),
        }
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.tracks.size_bytes()
            + self.track_words.capacity() * (size_of::<Track>() + size_of::<TrackFlaws>() + 24)
            + self.listeners.len() * size_of::<Listener>()
            + self.kind_words.len() * (2 * size_of::<(PlayAttributes, bool)>() + 24)
            + self.sources.size_bytes()
            + self.devices.size_bytes()
    }

    /// The counted date; the same ten bytes as in the last row are not read again.
    #[inline]
    pub(crate) fn day(&mut self, cell: &[u8]) -> Result<Day, UnreadableCell> {
        if let Some((bytes, day)) = self.last_day
            && cell == bytes
        {
            return Ok(day);
        }
        let day = date(cell)?.ok_or(UnreadableCell)?;
        self.last_day = <[u8; 10]>::try_from(cell).ok().map(|bytes| (bytes, day));
        Ok(day)
    }

    /// Calls `take` with the bytes that name the track of a row.
    #[inline]
    pub(crate) fn with_track_key<T>(
        &mut self,
        columns: &StreamColumns,
        rows: &LineRows<'_>,
        place: usize,
        take: impl FnOnce(&mut Self, &[u8]) -> T,
    ) -> T {
        if let TrackKeys::Adjacent { first, last } = self.track_keys {
            return take(self, rows.row(place).span(first, last));
        }
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        for column in [Some(columns.track_id), Some(columns.isrc), columns.upc] {
            key.extend_from_slice(column.map_or(b"", |column| rows.cell(place, column)));
            key.push(b'\t');
        }
        let taken = take(self, &key);
        self.key = key;
        taken
    }

    /// What is likely the track with the hash of these bytes.
    #[inline]
    pub(crate) fn track_candidate(&self, hash: u32) -> Option<CellCandidate> {
        self.tracks.candidate(hash)
    }

    /// Fetches what candidates are compared with.
    #[inline]
    pub(crate) fn fetch_tracks(&self, candidates: &[Option<CellCandidate>]) {
        self.tracks.fetch(candidates);
    }

    /// Whether a candidate is the track of these bytes.
    #[inline]
    pub(crate) fn is_track(&self, candidate: CellCandidate, key: &[u8]) -> bool {
        self.tracks.holds(candidate, key)
    }

    /// The id of a track that may be met for the first time.
    pub(crate) fn new_track(
        &mut self,
        columns: &StreamColumns,
        rows: &LineRows<'_>,
        place: usize,
    ) -> Result<u32, UnreadableCell> {
        self.with_track_key(columns, rows, place, |words, key| match words.tracks.find(key) {
            Ok(id) => Ok(id),
            Err(hash) => {
                let (track, flaws) = read_track(columns, &rows.row(place))?;
                words.track_words.push(track);
                words.track_flaws.push(flaws);
                Ok(words.tracks.insert(hash, key))
            }
        })
    }

    /// What is wrong with a track's codes.
    #[inline]
    pub(crate) fn track_flaws(&self, track: u32) -> TrackFlaws {
        self.track_flaws[track as usize]
    }

    /// Takes the listener of a cell that can be read. Each row's is taken anew: to look it up among a
    /// day's listeners costs more than to hash it.
    #[inline]
    pub(crate) fn listener(&mut self, cell: &[u8]) -> u32 {
        let id = trimmed(cell);
        if id.is_empty() {
            return NONE;
        }
        let place = self.listeners.len();
        if LISTENERS_SMALL <= place && place == self.listeners.capacity() {
            self.listeners.reserve_exact(LISTENERS.max(place));
        }
        self.listeners.push(self.listener_key.hash(STORE, id));
        exact::<u32>(place)
    }

    /// The kind, and whether its tier code is unmapped.
    #[inline]
    pub(crate) fn kind(
        &mut self,
        columns: &StreamColumns,
        rows: &LineRows<'_>,
        place: usize,
        store: &StoreSettings,
    ) -> Result<(u32, bool), UnreadableCell> {
        let cell =
            |column: Option<usize>| column.map_or(&b""[..], |column| rows.cell(place, column));
        let cells = [
            cell(columns.financial_product),
            cell(columns.access),
            cell(columns.stream_source),
            cell(columns.stream_device),
        ];
        let id = match self.kind_memory.recall(&cells) {
            Some(id) => id,
            None => self.look_up_kind(cells, store)?,
        };
        Ok((id, self.kind_words[id as usize].1))
    }

    #[cold]
    fn look_up_kind(
        &mut self,
        cells: RecalledCells<'_>,
        store: &StoreSettings,
    ) -> Result<u32, UnreadableCell> {
        let [product, access, source, device] = cells;
        let kind = PlayAttributes {
            product: self.product(product, access, store)?,
            source: self.sources.id(source)?,
            device: self.devices.id(device)?,
            plays: 1,
            report: 0,
        };
        let id = *self.kinds.entry(kind).or_insert_with(|| {
            let tier = self.product_words[kind.product as usize].tier;
            self.kind_words.push((kind, tier == Tier::Unmapped));
            exact::<u32>(self.kind_words.len() - 1)
        });
        self.kind_memory.remember(&cells, id);
        Ok(id)
    }

    fn product(
        &mut self,
        product: &[u8],
        access: &[u8],
        store: &StoreSettings,
    ) -> Result<u32, UnreadableCell> {
        self.key.clear();
        self.key.extend_from_slice(product);
        self.key.push(b'\t');
        self.key.extend_from_slice(access);
        match self.products.find(&self.key) {
            Ok(id) => Ok(id),
            Err(hash) => {
                self.product_words.push(read_product(product, access, store)?);
                Ok(self.products.insert(hash, &self.key))
            }
        }
    }

    pub(crate) fn finish(self) -> PlayDictionaries {
        PlayDictionaries {
            tracks: self.track_words,
            listeners: self.listeners,
            kinds: self.kind_words.into_iter().map(|(kind, _)| kind).collect(),
            products: self.product_words,
            sources: self.sources.words,
            devices: self.devices.words,
        }
    }
}

fn read_track(
    columns: &StreamColumns,
    row: &LineRow<'_>,
) -> Result<(Track, TrackFlaws), UnreadableCell> {
    let store_track = text(row.cell(columns.track_id))?;
    let isrc_text = text(row.cell(columns.isrc))?;
    let upc_text = columns.upc.map_or(Ok(None), |column| text(row.cell(column)))?;
    let isrc = isrc_text.and_then(|code| Isrc::parse(code.as_bytes()));
    let upc = upc_text.and_then(|code| Upc::parse(code.as_bytes()));
    if isrc.is_none() && store_track.is_none() {
        return Err(UnreadableCell);
    }
    let flaws = TrackFlaws {
        bad_isrc: isrc.is_none() && isrc_text.is_some(),
        bad_upc: upc.is_none() && upc_text.is_some(),
    };
    let store_track = store_track.map(Into::into);
    Ok((Track { isrc, upc, store_track, track_ms: None }, flaws))
}

fn read_product(
    product: &[u8],
    access: &[u8],
    store: &StoreSettings,
) -> Result<UserProduct, UnreadableCell> {
    let (product, access) = (text(product)?, text(access)?);
    let tier_code = tier_code(product, access).map(String::into_boxed_str);
    Ok(UserProduct {
        tier: store.tier.look_up(product, access),
        tier_code,
        use_type: "stream".into(),
    })
}

/// Words of a column with few different ones.
#[derive(Debug, Default)]
struct SmallWords {
    interner: Interner,
    words: Vec<Box<str>>,
}

impl SmallWords {
    fn id(&mut self, cell: &[u8]) -> Result<u32, UnreadableCell> {
        let bytes = trimmed(cell);
        if bytes.is_empty() {
            return Ok(NONE);
        }
        match self.interner.find(bytes) {
            Ok(id) => Ok(id),
            Err(hash) => {
                let word = text(bytes)?.ok_or(UnreadableCell)?;
                self.words.push(word.into());
                Ok(self.interner.insert(hash, bytes))
            }
        }
    }

    fn size_bytes(&self) -> usize {
        self.interner.size_bytes() + self.words.len() * (size_of::<Box<str>>() + 24)
    }
}
