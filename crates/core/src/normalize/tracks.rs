//! A store's own list of its tracks: gives plays that have only the store's id their recording.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::isrc::Isrc;
use crate::model::play::{ReportPlays, Track};
use crate::model::upc::Upc;

/// What a store says of a track of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KnownTrack {
    /// The recording.
    pub isrc: Option<Isrc>,
    /// The release.
    pub upc: Option<Upc>,
    /// Length in milliseconds.
    pub track_ms: Option<u32>,
}

/// Tracks by the store's ids.
#[derive(Debug, Default)]
pub struct KnownTracks(HashMap<Box<str>, KnownTrack>);

impl KnownTracks {
    /// Takes a track in. Where two lists differ, nothing is known: none of them is to be guessed.
    pub fn add(&mut self, store_track: &str, track: KnownTrack) {
        let known = self.0.entry(store_track.into()).or_insert(track);
        if known.isrc != track.isrc {
            known.isrc = None;
        }
        if known.upc != track.upc {
            known.upc = None;
        }
        if known.track_ms != track.track_ms {
            known.track_ms = None;
        }
    }

    /// Whether no track is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fills in what the tracks of a piece do not say themselves.
    pub fn fill(&self, piece: &mut ReportPlays) {
        let is_missing = |track: &Track| self.found(track).is_some();
        if piece.words.tracks.iter().any(is_missing) {
            let words = Arc::make_mut(&mut piece.words);
            for track in &mut words.tracks {
                if let Some(known) = self.found(track) {
                    track.isrc = known.isrc;
                    track.upc = track.upc.or(known.upc);
                    track.track_ms = track.track_ms.or(known.track_ms);
                }
            }
        }
    }

    /// The recording of a track, from the list where the track does not say it itself.
    #[must_use]
    pub fn isrc_of(&self, track: &Track) -> Option<Isrc> {
        self.found(track).map_or(track.isrc, |known| known.isrc)
    }

    /// What is known of a track that has no recording.
    fn found(&self, track: &Track) -> Option<&KnownTrack> {
        let id = track.store_track.as_deref().filter(|_| track.isrc.is_none())?;
        self.0.get(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn isrc(text: &str) -> Option<Isrc> {
        Isrc::parse(text.as_bytes())
    }

    #[test]
    fn lists_that_differ_say_nothing() {
        let mut tracks = KnownTracks::default();
        let one = KnownTrack { isrc: isrc("GBXY12600001"), upc: None, track_ms: Some(5) };
        tracks.add("T1", one);
        tracks.add("T1", one);
        assert_eq!(tracks.0["T1"], one);
        tracks.add("T1", KnownTrack { isrc: isrc("GBXY12600002"), ..one });
        assert_eq!(tracks.0["T1"], KnownTrack { isrc: None, ..one });
        // A third list does not settle it.
        tracks.add("T1", one);
        assert_eq!(tracks.0["T1"].isrc, None);
    }
}
