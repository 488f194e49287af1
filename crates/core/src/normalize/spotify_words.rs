//! The words of Spotify's wide table while a report is read: each is checked and interned where it is
//! met first.

use crate::ingest::lines::Row;
use crate::ingest::spotify_streams::{Columns, STORE};
use crate::normalize::cells::{text, trimmed};
use crate::normalize::defect::Defect;
use crate::normalize::interning::{Interner, ShortMemory};
use crate::normalize::store::StoreSettings;
use crate::normalize::times::date;
use crate::vocabulary::day::Day;
use crate::vocabulary::isrc::Isrc;
use crate::vocabulary::listener::{Listener, ListenerKey};
use crate::vocabulary::play::{NONE, NONE_SMALL, Product, Track, Words};
use crate::vocabulary::tier::Tier;
use crate::vocabulary::upc::Upc;

/// The fast path found something that it cannot read; the slow path says what.
#[derive(Debug)]
pub(super) struct Unreadable;

impl From<Defect> for Unreadable {
    fn from(_: Defect) -> Self {
        Self
    }
}

/// From this many different words of a small column on, a report is read on with new ids.
const SMALL_WORDS_SEAL: usize = 1 << 15;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TrackFlaws {
    pub(super) bad_isrc: bool,
    pub(super) bad_upc: bool,
}

/// The words of a report as they are met.
#[derive(Debug)]
pub(super) struct WordsBuilder {
    last_day: Option<([u8; 10], Day)>,
    track_keys: TrackKeys,
    tracks: Interner,
    track_words: Vec<(Track, TrackFlaws)>,
    listeners: Interner,
    listener_words: Vec<Listener>,
    products: Interner,
    product_memory: ShortMemory,
    product_words: Vec<Product>,
    pub(super) sources: SmallWords,
    pub(super) devices: SmallWords,
    key: Vec<u8>,
}

/// How to get the bytes that name a track: in the usual column order they lie side by side.
#[derive(Debug, Clone, Copy)]
enum TrackKeys {
    Adjacent { first: usize, last: usize },
    Apart,
}

impl WordsBuilder {
    pub(super) fn new(columns: &Columns) -> Self {
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
            listeners: Interner::default(),
            listener_words: Vec::new(),
            products: Interner::default(),
            product_memory: ShortMemory::default(),
            product_words: Vec::new(),
            sources: SmallWords::default(),
            devices: SmallWords::default(),
            key: Vec::new(),
        }
    }

    /// Whether the ids of small words are nearly used up.
    pub(super) fn must_seal(&self) -> bool {
        [self.product_words.len(), self.sources.words.len(), self.devices.words.len()]
            .into_iter()
            .any(|n_words| SMALL_WORDS_SEAL <= n_words)
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.tracks.size_bytes()
            + self.listeners.size_bytes()
            + self.track_words.capacity() * (size_of::<(Track, TrackFlaws)>() + 24)
            + self.listener_words.capacity() * size_of::<Listener>()
    }

    /// The counted date; the same ten bytes as in the last row are not read again.
    #[inline]
    pub(super) fn day(&mut self, cell: &[u8]) -> Result<Day, Unreadable> {
        if let Some((bytes, day)) = self.last_day
            && cell == bytes
        {
            return Ok(day);
        }
        let day = date(cell)?.ok_or(Unreadable)?;
        self.last_day = <[u8; 10]>::try_from(cell).ok().map(|bytes| (bytes, day));
        Ok(day)
    }

    #[inline]
    pub(super) fn track(
        &mut self,
        columns: &Columns,
        row: &Row<'_>,
    ) -> Result<(u32, TrackFlaws), Unreadable> {
        let mut key = std::mem::take(&mut self.key);
        let bytes = match self.track_keys {
            TrackKeys::Adjacent { first, last } => row.span(first, last),
            TrackKeys::Apart => {
                key.clear();
                for column in [Some(columns.track_id), Some(columns.isrc), columns.upc] {
                    key.extend_from_slice(column.map_or(b"", |column| row.cell(column)));
                    key.push(b'\t');
                }
                &key
            }
        };
        let id = match self.tracks.find(bytes) {
            Ok(id) => Ok(id),
            Err(hash) => read_track(columns, row).map(|track| {
                self.track_words.push(track);
                self.tracks.insert(hash, bytes)
            }),
        };
        self.key = key;
        let id = id?;
        Ok((id, self.track_words[id as usize].1))
    }

    #[inline]
    pub(super) fn listener(&mut self, cell: &[u8], key: &ListenerKey) -> Result<u32, Unreadable> {
        let bytes = trimmed(cell);
        if bytes.is_empty() {
            return Ok(NONE);
        }
        match self.listeners.find(bytes) {
            Ok(id) => Ok(id),
            Err(hash) => {
                text(cell)?;
                self.listener_words.push(key.hash(STORE, bytes));
                Ok(self.listeners.insert(hash, bytes))
            }
        }
    }

    #[inline]
    pub(super) fn product(
        &mut self,
        columns: &Columns,
        row: &Row<'_>,
        store: &StoreSettings,
    ) -> Result<(u16, Tier), Unreadable> {
        let product = columns.financial_product.map_or(&b""[..], |column| row.cell(column));
        let access = columns.access.map_or(&b""[..], |column| row.cell(column));
        let place = match self.product_memory.recall(product, access) {
            Ok(id) => return Ok((id, self.product_words[usize::from(id)].tier)),
            Err(place) => place,
        };
        self.key.clear();
        self.key.extend_from_slice(product);
        self.key.push(b'\t');
        self.key.extend_from_slice(access);
        let id = match self.products.find(&self.key) {
            Ok(id) => id,
            Err(hash) => {
                self.product_words.push(read_product(product, access, store)?);
                self.products.insert(hash, &self.key)
            }
        };
        // A store has some dozens of products; two columns of free text would be another format.
        let small = u16::try_from(id).map_err(|_| Unreadable)?;
        self.product_memory.remember(place, small);
        Ok((small, self.product_words[id as usize].tier))
    }

    pub(super) fn finish(self) -> Words {
        Words {
            tracks: self.track_words.into_iter().map(|(track, _)| track).collect(),
            listeners: self.listener_words,
            products: self.product_words,
            sources: self.sources.words,
            devices: self.devices.words,
        }
    }
}

fn read_track(columns: &Columns, row: &Row<'_>) -> Result<(Track, TrackFlaws), Unreadable> {
    let store_track = text(row.cell(columns.track_id))?;
    let isrc_text = text(row.cell(columns.isrc))?;
    let upc_text = columns.upc.map_or(Ok(None), |column| text(row.cell(column)))?;
    let isrc = isrc_text.and_then(|code| Isrc::parse(code.as_bytes()));
    let upc = upc_text.and_then(|code| Upc::parse(code.as_bytes()));
    if isrc.is_none() && store_track.is_none() {
        return Err(Unreadable);
    }
    let flaws = TrackFlaws {
        bad_isrc: isrc.is_none() && isrc_text.is_some(),
        bad_upc: upc.is_none() && upc_text.is_some(),
    };
    Ok((Track { isrc, upc, store_track: store_track.map(Into::into) }, flaws))
}

fn read_product(
    product: &[u8],
    access: &[u8],
    store: &StoreSettings,
) -> Result<Product, Unreadable> {
    let (product, access) = (text(product)?, text(access)?);
    let tier_code = match (product, access) {
        (Some(product), Some(access)) => Some(format!("{product}|{access}").into_boxed_str()),
        (code, None) | (None, code) => code.map(Into::into),
    };
    Ok(Product { tier: store.tier.look_up(product, access), tier_code, use_type: "stream".into() })
}

/// Words of a column with few different ones.
#[derive(Debug, Default)]
pub(super) struct SmallWords {
    memory: ShortMemory,
    interner: Interner,
    words: Vec<Box<str>>,
}

impl SmallWords {
    #[inline]
    pub(super) fn small_id(&mut self, cell: Option<&[u8]>) -> Result<u16, Unreadable> {
        let Some(bytes) = cell.map(trimmed).filter(|bytes| !bytes.is_empty()) else {
            return Ok(NONE_SMALL);
        };
        let place = match self.memory.recall(bytes, b"") {
            Ok(id) => return Ok(id),
            Err(place) => place,
        };
        let id = match self.interner.find(bytes) {
            Ok(id) => id,
            Err(hash) => {
                let word = text(bytes)?.ok_or(Unreadable)?;
                self.words.push(word.into());
                self.interner.insert(hash, bytes)
            }
        };
        let small = u16::try_from(id).ok().filter(|id| *id != NONE_SMALL).ok_or(Unreadable)?;
        self.memory.remember(place, small);
        Ok(small)
    }
}
