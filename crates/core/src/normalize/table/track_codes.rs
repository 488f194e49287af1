//! What a row says of its track.

use std::borrow::Cow;

use crate::model::isrc::Isrc;
use crate::model::upc::Upc;

/// What names a track.
#[derive(Debug)]
pub struct TrackCodes<'r> {
    /// The recording.
    pub isrc: Option<Isrc>,
    /// The release.
    pub upc: Option<Upc>,
    /// The store's id, or an ISRC that is none.
    pub store_track: Option<Cow<'r, str>>,
    /// An ISRC that is none.
    pub bad_isrc: Option<Cow<'r, str>>,
    /// A UPC that is none.
    pub bad_upc: Option<Cow<'r, str>>,
}
