//! Small plays for tests, built by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::filter::policy::Policy;
use crate::normalize::store::{AtBound, Clock, Minimum, PlayedTime, StoreSettings, TierTable};
use crate::vocabulary::isrc::Isrc;
use crate::vocabulary::listener::ListenerKey;
use crate::vocabulary::play::{NONE_SMALL, Piece, Play, Product, Track, Words};
use crate::vocabulary::tier::Tier;

/// The key of all tests.
pub(crate) fn key() -> ListenerKey {
    ListenerKey::new([1; 32])
}

/// Spotify's settings, with a small tier table.
pub(crate) fn store() -> StoreSettings {
    StoreSettings {
        store: "spotify".to_owned(),
        bad_rows_max_basis_points: 100,
        minimum: Minimum { played_ms: 30_000, at_bound: AtBound::Counts },
        played_time: PlayedTime { countable_only: false },
        clock: Clock { rounded_to_s: 900 },
        tier: TierTable {
            product: BTreeMap::from([("family".to_owned(), Tier::Family)]),
            access: BTreeMap::from([
                ("premium".to_owned(), Tier::Premium),
                ("free".to_owned(), Tier::Free),
            ]),
        },
    }
}

/// The numbers of the filter rules as they are shipped.
pub(crate) fn policy() -> Policy {
    toml::from_str(include_str!("../../../pipelines/policies/default.toml")).unwrap()
}

/// A play of a minute, otherwise without anything.
pub(crate) fn play(row: u32) -> Play {
    Play {
        listened_at_ms: 0,
        row,
        track: 0,
        listener: 0,
        played_ms: 60_000,
        track_ms: crate::vocabulary::play::NONE,
        plays: 1,
        mark: 0,
        territory: 0,
        product: 0,
        source: NONE_SMALL,
        device: NONE_SMALL,
        report: 0,
        offline: 0,
        exact: 0,
    }
}

/// Words with these tracks (ISRC, store track) and this many listeners.
pub(crate) fn words(tracks: &[(&str, &str)], n_listeners: usize) -> Words {
    Words {
        tracks: tracks
            .iter()
            .map(|(isrc, store_track)| Track {
                isrc: Isrc::parse(isrc.as_bytes()),
                upc: None,
                store_track: (!store_track.is_empty()).then(|| (*store_track).into()),
            })
            .collect(),
        listeners: (0..n_listeners)
            .map(|n| key().hash("spotify", n.to_string().as_bytes()))
            .collect(),
        products: vec![Product { tier: Tier::Premium, tier_code: None, use_type: "stream".into() }],
        ..Words::default()
    }
}

/// A report's plays, one each of (ISRC, store track, listener).
pub(crate) fn piece(report: u8, plays: &[(&str, &str, &str)]) -> Piece {
    let tracks: Vec<_> = plays.iter().map(|(isrc, track, _)| (*isrc, *track)).collect();
    let mut words = words(&tracks, 0);
    words.listeners = plays.iter().map(|(_, _, id)| key().hash("spotify", id.as_bytes())).collect();
    let rows =
        (0..).take(plays.len()).map(|n| Play { track: n, listener: n, ..play(n + 1) }).collect();
    Piece { report: [report; 32], rows: vec![rows], words: Arc::new(words) }
}
