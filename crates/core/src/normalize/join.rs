//! Joins what several reports, or several parts of one, say of a counted date, so that one id means
//! one thing in all of its rows.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use crate::model::play::{
    NONE, Play, PlayAttributes, PlayDictionaries, Plays, ReportPlays, Track, UserProduct,
};
use crate::normalize::listeners::{SettledListeners, settle_listeners};
use crate::numbers::exact;

/// The plays of all pieces: rows in order of report and row.
///
/// Rows in = rows out. Words that no row uses are left behind; tracks and kinds only where there are
/// several pieces.
#[must_use]
pub fn join_pieces(mut pieces: Vec<ReportPlays>) -> Plays {
    pieces.sort_by_key(|piece| piece.report);
    let mut reports: Vec<[u8; 32]> = pieces.iter().map(|piece| piece.report).collect();
    reports.dedup();
    if pieces.len() == 1
        && let Some(piece) = pieces.pop()
    {
        let ReportPlays { report, rows: chunks, words } = piece;
        match Arc::try_unwrap(words) {
            Ok(words) => return Plays { reports, ..settle(concatenate(chunks), words) },
            Err(words) => pieces.push(ReportPlays { report, rows: chunks, words }),
        }
    }
    let n_rows = pieces.iter().flat_map(|piece| &piece.rows).map(Vec::len).sum();
    let mut rows: Vec<Play> = Vec::with_capacity(n_rows);
    let mut joined = JoinedWords::of_rows(n_rows);
    let mut report = 0_u32;
    for piece in pieces {
        while reports[report as usize] != piece.report {
            report += 1;
        }
        let mut translation = IdTranslation::new(&piece.words, |_| report);
        for play in piece.rows.into_iter().flatten() {
            rows.push(translation.translate(play, &piece.words, &mut joined));
        }
    }
    // A report's rows may come in several pieces that do not follow each other.
    let kinds = &joined.words.kinds;
    let key = |play: &Play| (kinds[play.kind as usize].report, play.row);
    if !rows.is_sorted_by_key(key) {
        // Each piece is in order: sorting merges what is sorted.
        rows.sort_by_key(key);
    }
    Plays { reports, ..joined.into_plays(rows) }
}

/// All chunks as one; a single chunk stays where it is.
fn concatenate(mut chunks: Vec<Vec<Play>>) -> Vec<Play> {
    if chunks.len() == 1 {
        return chunks.pop().unwrap_or_default();
    }
    let mut rows = Vec::with_capacity(chunks.iter().map(Vec::len).sum());
    chunks.into_iter().for_each(|chunk| rows.extend_from_slice(&chunk));
    rows
}

/// Words of several pieces, and where each is found.
#[derive(Default)]
pub struct JoinedWords {
    words: PlayDictionaries,
    tracks: JoinPlaces<Track>,
    kinds: JoinPlaces<PlayAttributes>,
    products: JoinPlaces<UserProduct>,
    sources: JoinPlaces<Box<str>>,
    devices: JoinPlaces<Box<str>>,
}

impl JoinedWords {
    /// No words yet, of at most so many rows, each of which may have a listener.
    #[must_use]
    pub fn of_rows(n_rows: usize) -> Self {
        let words = PlayDictionaries {
            listeners: Vec::with_capacity(n_rows),
            ..PlayDictionaries::default()
        };
        Self { words, ..Self::default() }
    }

    /// The track of a play that was translated to these words.
    ///
    /// # Panics
    /// If the play is of other words.
    #[must_use]
    pub fn track(&self, play: &Play) -> &Track {
        &self.words.tracks[play.track as usize]
    }

    /// The plays that were translated to these words, with their listeners put in order.
    #[must_use]
    pub fn into_plays(self, rows: Vec<Play>) -> Plays {
        settle(rows, self.words)
    }
}

/// The plays of these words, with their listeners put in order.
pub(crate) fn settle(mut rows: Vec<Play>, words: PlayDictionaries) -> Plays {
    let SettledListeners { listeners, by_listener } = settle_listeners(&mut rows, words.listeners);
    Plays { rows, words: PlayDictionaries { listeners, ..words }, by_listener, ..Plays::default() }
}

/// Ids of one piece to ids of the whole, as far as they were met.
pub struct IdTranslation {
    tracks: Vec<u32>,
    kinds: Vec<u32>,
    /// By report of the piece, the report of the whole.
    reports: Vec<u32>,
    products: Vec<u32>,
    sources: Vec<u32>,
    devices: Vec<u32>,
}

impl IdTranslation {
    /// For plays with these words; `report` says which report of the whole one of theirs is.
    #[must_use]
    pub fn new(words: &PlayDictionaries, report: impl Fn(u32) -> u32) -> Self {
        let n_reports = words.kinds.iter().map(|kind| kind.report + 1).max().unwrap_or_default();
        Self {
            tracks: vec![NONE; words.tracks.len()],
            kinds: vec![NONE; words.kinds.len()],
            reports: (0..n_reports).map(report).collect(),
            products: vec![NONE; words.products.len()],
            sources: vec![NONE; words.sources.len()],
            devices: vec![NONE; words.devices.len()],
        }
    }

    /// The play with ids of the whole; `words` are those that this translation was made for.
    #[must_use]
    pub fn translate(
        &mut self,
        play: Play,
        words: &PlayDictionaries,
        joined: &mut JoinedWords,
    ) -> Play {
        let all = &mut joined.words;
        let track =
            id_of(&mut self.tracks, play.track, &words.tracks, &mut joined.tracks, &mut all.tracks);
        let listener = words.listeners.get(play.listener as usize).map_or(NONE, |listener| {
            all.listeners.push(*listener);
            last_id(&all.listeners)
        });
        let kind = self.kind(play.kind, words, joined);
        Play { track, listener, kind, ..play }
    }

    fn kind(&mut self, id: u32, words: &PlayDictionaries, joined: &mut JoinedWords) -> u32 {
        let known = self.kinds[id as usize];
        if known != NONE {
            return known;
        }
        let all = &mut joined.words;
        let PlayAttributes { product, source, device, plays, report } = words.kinds[id as usize];
        let kind = PlayAttributes {
            product: id_of(
                &mut self.products,
                product,
                &words.products,
                &mut joined.products,
                &mut all.products,
            ),
            source: id_of(
                &mut self.sources,
                source,
                &words.sources,
                &mut joined.sources,
                &mut all.sources,
            ),
            device: id_of(
                &mut self.devices,
                device,
                &words.devices,
                &mut joined.devices,
                &mut all.devices,
            ),
            plays,
            report: self.reports[report as usize],
        };
        let joined_id = place(kind, &mut joined.kinds, &mut all.kinds);
        self.kinds[id as usize] = joined_id;
        joined_id
    }
}

type JoinPlaces<T> = HashMap<T, u32, foldhash::fast::FixedState>;

#[inline]
fn id_of<T: Clone + Eq + Hash>(
    known: &mut [u32],
    id: u32,
    words: &[T],
    places: &mut JoinPlaces<T>,
    all: &mut Vec<T>,
) -> u32 {
    let Some(known) = known.get_mut(id as usize) else {
        return NONE;
    };
    if *known == NONE {
        *known = place(words[id as usize].clone(), places, all);
    }
    *known
}

fn place<T: Clone + Eq + Hash>(word: T, places: &mut JoinPlaces<T>, all: &mut Vec<T>) -> u32 {
    *places.entry(word).or_insert_with_key(|word| {
        all.push(word.clone());
        last_id(all)
    })
}

/// A date has fewer rows, and so fewer words, than a `u32` counts.
fn last_id<T>(all: &[T]) -> u32 {
    exact::<u32>(all.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn one_id_means_one_thing_in_all_rows() {
        let a =
            testing::piece(2, &[("USABC1234567", "t1", "anna"), ("USABC1234568", "t2", "bert")]);
        let b =
            testing::piece(1, &[("USABC1234568", "t2", "anna"), ("USABC1234567", "t1", "cleo")]);
        let joined = join_pieces(vec![a, b]);
        assert_eq!(joined.reports, [[1; 32], [2; 32]]);
        assert_eq!(
            joined.rows.iter().map(|play| (joined.kind(play).report, play.row)).collect::<Vec<_>>(),
            [(0, 1), (0, 2), (1, 1), (1, 2)]
        );
        assert_eq!((joined.words.tracks.len(), joined.words.listeners.len()), (2, 3));
        let texts: Vec<_> = joined
            .rows
            .iter()
            .map(|play| {
                (
                    joined.words.tracks[play.track as usize].store_track.clone().unwrap(),
                    joined.words.listeners[play.listener as usize],
                )
            })
            .collect();
        let key = testing::key();
        assert_eq!(texts[0], ("t2".into(), key.hash("spotify", b"anna")));
        assert_eq!(texts[2], ("t1".into(), key.hash("spotify", b"anna")));
        assert_eq!(texts[3], ("t2".into(), key.hash("spotify", b"bert")));
    }

    #[test]
    fn words_shared_with_another_day_are_left_behind() {
        let mut a =
            testing::piece(1, &[("USABC1234567", "t1", "anna"), ("USABC1234568", "t2", "bert")]);
        let _other_day = Arc::clone(&a.words);
        a.rows = vec![vec![a.rows[0][1]]];
        let joined = join_pieces(vec![a]);
        assert_eq!(
            (joined.rows.len(), joined.words.tracks.len(), joined.words.listeners.len()),
            (1, 1, 1)
        );
    }
}
