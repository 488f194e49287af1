//! Reference: one row of what the distributor or a store says of recordings and currencies, besides all
//! plays and sales.

use crate::model::day::Day;
use crate::model::isrc::Isrc;
use crate::model::money::{Amount, Currency};
use crate::model::sale::TextId;
use crate::model::upc::Upc;

/// One row of a catalogue, of a store's list of tracks, or of exchange rates. Each kind uses a part of
/// the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceRow {
    /// Line in the report after the header, from 1.
    pub row: u32,
    /// The day of which it speaks; of a catalogue, from which it holds.
    pub date: Day,
    /// The recording.
    pub isrc: Option<Isrc>,
    /// The release.
    pub upc: Option<Upc>,
    /// The store's own id, or an ISRC that is none.
    pub store_track: Option<TextId>,
    /// Title of the recording.
    pub title: Option<TextId>,
    /// Its artist, as shown.
    pub artist: Option<TextId>,
    /// Title of the release.
    pub release: Option<TextId>,
    /// Label.
    pub label: Option<TextId>,
    /// Account to which the recording belongs.
    pub owner: Option<TextId>,
    /// Length in milliseconds.
    pub track_ms: Option<u32>,
    /// Share of the owner, in percent.
    pub share: Option<Amount>,
    /// One unit of which a rate is the price.
    pub base: Option<Currency>,
    /// In which currency the price is.
    pub quote: Option<Currency>,
    /// Units of `quote` for one of `base`.
    pub rate: Option<Amount>,
    /// Who published the rate.
    pub rate_source: Option<TextId>,
}

impl ReferenceRow {
    /// Its place among the rows of its report and month.
    #[must_use]
    pub fn order(&self) -> (Day, bool, Option<Isrc>, u32) {
        (self.date, self.isrc.is_none(), self.isrc, self.row)
    }
}
