//! Claims about held plays: whatever goes to disk comes back once, all plays of a listener in one share.

use std::collections::BTreeMap;

use proptest::prelude::*;
use streamledger_core::model::listener::Listener;
use streamledger_core::model::play::{NONE, PlayAttributes, Track, UserProduct};
use streamledger_core::model::tier::Tier;

use super::*;

/// Plays of these listeners, of one in eight tracks; `None` for a play without a listener.
fn piece(listeners: &[Option<u8>]) -> ReportPlays {
    let play = |(row, listener): (u32, &Option<u8>)| Play {
        listened_at_ms: i64::from(row) * 1_000,
        row,
        track: row % 8,
        listener: listener.map_or(NONE, u32::from),
        kind: 0,
        played_ms: 31_000 + row,
        territory: 0,
        offline: 0,
        exact: 0,
    };
    let rows: Vec<Play> = (0..).zip(listeners).map(play).collect();
    let listener = |n: u8| Listener([n.wrapping_mul(97); 16]);
    let track = |n: u32| Track {
        isrc: None,
        upc: None,
        store_track: Some(format!("t{n}").into()),
        track_ms: None,
    };
    let words = PlayDictionaries {
        tracks: (0..8).map(track).collect(),
        listeners: (0..=u8::MAX).map(listener).collect(),
        kinds: vec![PlayAttributes { product: 0, source: NONE, device: NONE, plays: 1, report: 0 }],
        products: vec![UserProduct {
            tier: Tier::ALL[0],
            tier_code: None,
            use_type: "stream".into(),
        }],
        sources: Vec::new(),
        devices: Vec::new(),
    };
    let half = rows.len() / 2;
    let rows = vec![rows[..half].to_vec(), rows[half..].to_vec()];
    ReportPlays { report: [0; 32], rows, words: Arc::new(words) }
}

/// Listener, track, time and played time of a play, by what they stand for.
type Meaning = (Option<Listener>, Option<String>, i64, u32);

/// What the plays stand for, by row.
fn meaning(pieces: &[ReportPlays]) -> BTreeMap<u32, Vec<Meaning>> {
    let mut rows: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    for piece in pieces {
        for play in piece.rows.iter().flatten() {
            let listener = piece.words.listeners.get(play.listener as usize).copied();
            let track = piece.words.tracks[play.track as usize].store_track.as_deref();
            rows.entry(play.row).or_default().push((
                listener,
                track.map(str::to_owned),
                play.listened_at_ms,
                play.played_ms,
            ));
        }
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_plays_come_back_from_disk_once_and_a_listener_in_one_share(
        listeners in prop::collection::vec(prop::option::weighted(0.9, any::<u8>()), 0..300),
        n_shares in 1_usize..9,
        in_memory in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let play_buffer =
            PlayBuffer::new(if in_memory { usize::MAX } else { 0 }, folder.path().to_owned());
        let whole = piece(&listeners);
        let expected = meaning(std::slice::from_ref(&whole));
        let segment = play_buffer.hold(whole).unwrap();
        prop_assert_eq!(matches!(segment, SpillablePlays::Memory(_)), in_memory);
        prop_assert_eq!(segment.n_rows(), listeners.len());
        let mut found = BTreeMap::new();
        let mut share_of_listener = BTreeMap::new();
        for share in 0..n_shares {
            let buckets = share * BUCKETS / n_shares..(share + 1) * BUCKETS / n_shares;
            for (row, plays) in meaning(&segment.read_buckets(&buckets, [7; 32]).unwrap()) {
                for (listener, ..) in &plays {
                    if let Some(listener) = listener {
                        let first = share_of_listener.entry(listener.0).or_insert(share);
                        prop_assert_eq!(*first, share);
                    }
                }
                found.entry(row).or_insert_with(Vec::new).extend(plays);
            }
        }
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn memory_that_is_released_can_be_held_again() {
    let folder = tempfile::tempdir().unwrap();
    let plays = || piece(&[Some(1), Some(2)]);
    let play_buffer = PlayBuffer::new(piece_bytes(&plays()), folder.path().to_owned());
    let SpillablePlays::Memory(first) = play_buffer.hold(plays()).unwrap() else {
        panic!("the first fits");
    };
    assert!(matches!(play_buffer.hold(plays()).unwrap(), SpillablePlays::Disk(_)));
    play_buffer.release(&first);
    assert!(matches!(play_buffer.hold(plays()).unwrap(), SpillablePlays::Memory(_)));
    assert_eq!(play_buffer.n_files(), 1);
}
