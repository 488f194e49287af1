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
    /// The store's id, or a text that is no valid ISRC.
    pub store_track: Option<Cow<'r, str>>,
    /// A text that is no valid ISRC.
    pub bad_isrc: Option<Cow<'r, str>>,
    /// A text that is no valid UPC.
    pub bad_upc: Option<Cow<'r, str>>,
}
