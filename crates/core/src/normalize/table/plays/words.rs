//! What the texts of a report of plays mean: tracks and what plays have in common, each with an id, as they
//! are met.

use std::borrow::Cow;

use hashbrown::HashMap;

use crate::model::listener::{Listener, ListenerKey};
use crate::model::play::{NONE, PlayAttributes, PlayDictionaries, Track, UserProduct};
use crate::model::tier::Tier;
use crate::normalize::counts::RowCounts;
use crate::normalize::values::interning::Interner;
use crate::numbers::exact;

/// Room for listeners grows to this at once, as soon as there are [`LISTENERS_SMALL`]: what is not used
/// yet costs no memory.
const LISTENERS: usize = 1 << 20;
const LISTENERS_SMALL: usize = 1 << 14;

/// The words of a report as they are met, each with what its rows are counted for.
#[derive(Debug, Default)]
pub(super) struct PlayWords {
    /// By the cells that name a track.
    pub(super) tracks: Interner,
    track_words: Vec<Track>,
    /// What a row needs of its track, by its place.
    read_tracks: Vec<ReadTrack>,
    attribute_ids: HashMap<PlayAttributes, u32>,
    attributes: Vec<PlayAttributes>,
    /// By place of the attributes: the tier code, where the store's table does not hold it.
    unmapped: Vec<Option<Box<str>>>,
    product_ids: HashMap<UserProduct, u32>,
    products: Vec<UserProduct>,
    sources: NameIds,
    devices: NameIds,
    listeners: Vec<Listener>,
}

/// Names and their ids.
#[derive(Debug, Default)]
struct NameIds {
    ids: HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
}

/// What a row needs of its track.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadTrack {
    /// [`NONE`] where the store does not say.
    pub(super) track_ms: u32,
    pub(super) is_bad_isrc: bool,
    pub(super) is_bad_upc: bool,
}

/// What a row needs of its territory.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadTerritory {
    /// 0 for none.
    pub(super) packed: u16,
    pub(super) is_bad: bool,
    pub(super) is_alias: bool,
}

/// What a row says that it has in common with many others.
#[derive(Debug)]
pub(super) struct AttributeTexts<'r> {
    pub(super) tier: Tier,
    pub(super) tier_code: Option<String>,
    /// `None` for `stream`.
    pub(super) use_type: Option<Cow<'r, str>>,
    pub(super) plays: u32,
    pub(super) source: Option<Cow<'r, str>>,
    pub(super) device: Option<Cow<'r, str>>,
}

impl PlayWords {
    /// Memory in bytes.
    pub(super) fn size_bytes(&self) -> usize {
        self.listeners.len() * size_of::<Listener>()
            + self.tracks.size_bytes()
            + self.track_words.capacity() * (size_of::<Track>() + size_of::<ReadTrack>() + 24)
            + self.attributes.len() * (2 * size_of::<PlayAttributes>() + 24)
    }

    /// Gives a track that is named by these cells the next id.
    pub(super) fn add_track(
        &mut self,
        (hash, key): (u32, &[u8]),
        track: Track,
        counts: &RowCounts,
    ) -> u32 {
        self.read_tracks.push(ReadTrack {
            track_ms: track.track_ms.unwrap_or(NONE),
            is_bad_isrc: counts.bad_isrc != 0,
            is_bad_upc: counts.bad_upc != 0,
        });
        self.track_words.push(track);
        self.tracks.insert(hash, key)
    }

    /// What a row needs of its track.
    #[inline]
    pub(super) fn read_track(&self, track: u32) -> ReadTrack {
        self.read_tracks[track as usize]
    }

    /// The id of what a row has in common with others.
    pub(super) fn attributes_id(&mut self, texts: &AttributeTexts<'_>) -> u32 {
        let product = UserProduct {
            tier: texts.tier,
            tier_code: texts.tier_code.as_deref().map(Into::into),
            use_type: texts.use_type.as_deref().unwrap_or("stream").into(),
        };
        let Self { product_ids, products, .. } = self;
        let product = *product_ids.entry(product).or_insert_with_key(|product| {
            products.push(product.clone());
            exact::<u32>(products.len() - 1)
        });
        let attributes = PlayAttributes {
            product,
            source: self.sources.id(texts.source.as_deref()),
            device: self.devices.id(texts.device.as_deref()),
            plays: texts.plays,
            report: 0,
        };
        let Self { attribute_ids, attributes: all, unmapped, .. } = self;
        *attribute_ids.entry(attributes).or_insert_with(|| {
            all.push(attributes);
            unmapped.push(texts.unmapped().map(Into::into));
            exact::<u32>(all.len() - 1)
        })
    }

    /// Number of plays that a row with these attributes stands for.
    #[inline]
    pub(super) fn n_plays(&self, attributes: u32) -> u32 {
        self.attributes[attributes as usize].plays
    }

    /// The tier code that the store's table does not hold.
    #[inline]
    pub(super) fn unmapped(&self, attributes: u32) -> Option<&str> {
        self.unmapped[attributes as usize].as_deref()
    }

    /// Takes a listener. Each row's is taken anew: to look it up among a day's listeners costs more than to
    /// hash it.
    #[inline]
    pub(super) fn listener(&mut self, key: &ListenerKey, store: &str, id: &[u8]) -> u32 {
        let place = self.listeners.len();
        if LISTENERS_SMALL <= place && place == self.listeners.capacity() {
            self.listeners.reserve_exact(LISTENERS.max(place));
        }
        self.listeners.push(key.hash(store, id));
        exact::<u32>(place)
    }

    /// What the ids mean.
    pub(super) fn finish(self) -> PlayDictionaries {
        PlayDictionaries {
            tracks: self.track_words,
            listeners: self.listeners,
            kinds: self.attributes,
            products: self.products,
            sources: self.sources.names,
            devices: self.devices.names,
        }
    }
}

impl AttributeTexts<'_> {
    /// The tier code that the store's table does not hold, if it is one.
    fn unmapped(&self) -> Option<&str> {
        (self.tier == Tier::Unmapped).then(|| self.tier_code.as_deref().unwrap_or_default())
    }
}

impl NameIds {
    fn id(&mut self, name: Option<&str>) -> u32 {
        let Some(name) = name else {
            return NONE;
        };
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = exact::<u32>(self.names.len());
        self.names.push(name.into());
        self.ids.insert(name.into(), id);
        id
    }
}
