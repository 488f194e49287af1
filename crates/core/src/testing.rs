//! Small plays for tests, built by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::filter::policy::Policy;
use crate::model::isrc::Isrc;
use crate::model::listener::ListenerKey;
use crate::model::play::{
    NONE, Play, PlayAttributes, PlayDictionaries, Plays, ReportPlays, Track, UserProduct,
};
use crate::model::tier::Tier;
use crate::normalize::join::settle;
use crate::normalize::store::{
    AtBound, MinimumRate, PlayedTime, StoreClock, StoreSettings, TierTable,
};

/// The key of all tests.
pub(crate) fn key() -> ListenerKey {
    ListenerKey::new([1; 32])
}

/// Spotify's settings, with a small tier table.
pub(crate) fn store() -> StoreSettings {
    StoreSettings {
        store: "spotify".to_owned(),
        shops: Vec::new(),
        bad_rows_max_basis_points: 100,

        share_min_basis_points: 2_000,
        minimum: MinimumRate { played_ms: 30_000, at_bound: AtBound::Counts },
        played_time: PlayedTime { countable_only: false },
        clock: StoreClock { rounded_to_s: 900, day_ends: None },
        eligibility: None,
        tier: TierTable {
            product: BTreeMap::from([("family".to_owned(), Tier::Family)]),
            access: BTreeMap::from([
                ("premium".to_owned(), Tier::Premium),
                ("free".to_owned(), Tier::Free),
            ]),
            words: Vec::new(),
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
        kind: 0,
        territory: 0,
        offline: 0,
        exact: 0,
    }
}

/// One play of the first product, otherwise without anything.
pub(crate) fn kind() -> PlayAttributes {
    PlayAttributes { product: 0, source: NONE, device: NONE, plays: 1, report: 0 }
}

/// A play as tests write it: with what it has in common with others, the length of its track and its
/// mark. Fields as those of [`Play`] and [`PlayAttributes`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlatPlay {
    pub(crate) listened_at_ms: i64,
    pub(crate) row: u32,
    pub(crate) track: u32,
    pub(crate) listener: u32,
    pub(crate) played_ms: u32,
    pub(crate) track_ms: u32,
    pub(crate) plays: u32,
    pub(crate) mark: u32,
    pub(crate) territory: u16,
    pub(crate) product: u32,
    pub(crate) source: u32,
    pub(crate) device: u32,
    pub(crate) report: u32,
    pub(crate) offline: u8,
    pub(crate) exact: u8,
}

/// [`play`], flat.
pub(crate) fn flat(row: u32) -> FlatPlay {
    let Play { listened_at_ms, track, listener, played_ms, territory, offline, exact, .. } =
        play(row);
    let PlayAttributes { product, source, device, plays, report } = kind();
    let (track_ms, mark) = (NONE, 0);
    FlatPlay {
        listened_at_ms,
        row,
        track,
        listener,
        played_ms,
        track_ms,
        plays,
        mark,
        territory,
        product,
        source,
        device,
        report,
        offline,
        exact,
    }
}

/// Plays with these words: kinds are added, and tracks for other lengths.
pub(crate) fn plays(rows: &[FlatPlay], mut words: PlayDictionaries) -> Plays {
    words.kinds.clear();
    let mut plays = Plays::default();
    for flat in rows {
        let FlatPlay { product, source, device, plays: n_plays, report, .. } = *flat;
        let kind = PlayAttributes { product, source, device, plays: n_plays, report };
        let track_ms = (flat.track_ms != NONE).then_some(flat.track_ms);
        let track = Track { track_ms, ..words.tracks[flat.track as usize].clone() };
        plays.rows.push(Play {
            listened_at_ms: flat.listened_at_ms,
            row: flat.row,
            track: if track_ms.is_none() { flat.track } else { id_of(&mut words.tracks, track) },
            listener: flat.listener,
            kind: id_of(&mut words.kinds, kind),
            played_ms: flat.played_ms,
            territory: flat.territory,
            offline: flat.offline,
            exact: flat.exact,
        });
        plays.marked.push(flat.mark);
    }
    let n_reports = rows.iter().map(|flat| flat.report + 1).max().unwrap_or(0);
    plays.reports = (0..n_reports).map(|n| [u8::try_from(n).unwrap(); 32]).collect();
    let Plays { rows, reports, marked, .. } = plays;
    Plays { reports, marked, ..settle(rows, words) }
}

/// The id of a word, which is added where it is new.
pub(crate) fn id_of<T: PartialEq>(words: &mut Vec<T>, word: T) -> u32 {
    let known = words.iter().position(|known| *known == word);
    let id = known.unwrap_or(words.len());
    if known.is_none() {
        words.push(word);
    }
    u32::try_from(id).unwrap()
}

/// Words with these tracks (ISRC, store track) and this many listeners.
pub(crate) fn words(tracks: &[(&str, &str)], n_listeners: usize) -> PlayDictionaries {
    PlayDictionaries {
        tracks: tracks
            .iter()
            .map(|(isrc, store_track)| Track {
                isrc: Isrc::parse(isrc.as_bytes()),
                upc: None,
                track_ms: None,
                store_track: (!store_track.is_empty()).then(|| (*store_track).into()),
            })
            .collect(),
        listeners: (0..n_listeners)
            .map(|n| key().hash("spotify", n.to_string().as_bytes()))
            .collect(),
        kinds: vec![kind()],
        products: vec![UserProduct {
            tier: Tier::Premium,
            tier_code: None,
            use_type: "stream".into(),
        }],
        ..PlayDictionaries::default()
    }
}

/// A report's plays, one each of (ISRC, store track, listener).
pub(crate) fn piece(report: u8, plays: &[(&str, &str, &str)]) -> ReportPlays {
    let tracks: Vec<_> = plays.iter().map(|(isrc, track, _)| (*isrc, *track)).collect();
    let mut words = words(&tracks, 0);
    words.listeners = plays.iter().map(|(_, _, id)| key().hash("spotify", id.as_bytes())).collect();
    let rows =
        (0..).take(plays.len()).map(|n| Play { track: n, listener: n, ..play(n + 1) }).collect();
    ReportPlays { report: [report; 32], rows: vec![rows], words: Arc::new(words) }
}
