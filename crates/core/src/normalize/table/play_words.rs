//! What the texts of a report of plays mean: tracks, kinds and territories, each with an id, as they are met.

use hashbrown::HashMap;

use crate::ingest::table::records::TableRecord;
use crate::model::listener::Listener;
use crate::model::play::{NONE, PlayAttributes, Track, UserProduct};
use crate::normalize::values::cells::trimmed;
use crate::normalize::values::interning::Interner;
use crate::numbers::exact;

/// The words of a report as they are met, each with what its rows are counted for.
#[derive(Debug, Default)]
pub(super) struct TableWords {
    pub(super) tracks: Interner,
    pub(super) track_words: Vec<Track>,
    /// What a row needs of its track, by its place.
    pub(super) read_tracks: Vec<ReadTrack>,
    pub(super) kinds: Interner,
    /// By text of a kind: its id and its tier code where the store's table does not hold it.
    pub(super) kind_texts: Vec<(u32, Option<String>)>,
    pub(super) kind_ids: HashMap<PlayAttributes, u32>,
    pub(super) kind_words: Vec<PlayAttributes>,
    pub(super) territories: Interner,
    pub(super) territory_words: Vec<ReadTerritory>,
    pub(super) products: HashMap<UserProduct, u32>,
    pub(super) product_words: Vec<UserProduct>,
    pub(super) names: HashMap<(bool, Box<str>), u32>,
    pub(super) sources: Vec<Box<str>>,
    pub(super) devices: Vec<Box<str>>,
    pub(super) listeners: Vec<Listener>,
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
    pub(super) packed: u16,
    pub(super) is_bad: bool,
    pub(super) is_alias: bool,
}

/// Adds the cells of some columns, apart.
pub(super) fn gather(record: &TableRecord<'_>, columns: &[usize], key: &mut Vec<u8>) {
    for column in columns {
        key.extend_from_slice(trimmed(record.cell(*column)));
        // No text that is read has a control character of this kind.
        key.push(0x1f);
    }
}

impl TableWords {
    pub(super) fn product(&mut self, product: UserProduct) -> u32 {
        if let Some(id) = self.products.get(&product) {
            return *id;
        }
        let id = exact::<u32>(self.product_words.len());
        self.product_words.push(product.clone());
        self.products.insert(product, id);
        id
    }

    pub(super) fn name(&mut self, is_source: bool, text: Option<&str>) -> u32 {
        let Some(text) = text else {
            return NONE;
        };
        let names = if is_source { &mut self.sources } else { &mut self.devices };
        *self.names.entry((is_source, text.into())).or_insert_with(|| {
            names.push(text.into());
            exact::<u32>(names.len() - 1)
        })
    }
}
