//! Joins what several reports, or several parts of one, say of a counted date, so that one id means
//! one thing in all of its rows.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use crate::vocabulary::listener::Listener;
use crate::vocabulary::play::{NONE, NONE_SMALL, Piece, Play, Plays, Product, Track, Words};

/// The plays of all pieces: rows in order of report, then of the pieces, then of their rows.
///
/// Rows in = rows out. Words that no row uses are left behind, unless there is one piece alone.
///
/// # Panics
/// If a date has more than 65,535 different sources, devices or products.
#[must_use]
pub fn join_pieces(mut pieces: Vec<Piece>) -> Plays {
    pieces.sort_by_key(|piece| piece.report);
    let mut reports: Vec<[u8; 32]> = pieces.iter().map(|piece| piece.report).collect();
    reports.dedup();
    if pieces.len() == 1
        && let Some(piece) = pieces.pop()
    {
        let Piece { report, rows: chunks, words } = piece;
        match Arc::try_unwrap(words) {
            Ok(words) => {
                return Plays { rows: concatenate(chunks), words, reports, marks: Vec::new() };
            }
            Err(words) => pieces.push(Piece { report, rows: chunks, words }),
        }
    }
    let n_rows = pieces.iter().flat_map(|piece| &piece.rows).map(Vec::len).sum();
    let mut rows: Vec<Play> = Vec::with_capacity(n_rows);
    let mut joined = JoinedWords::default();
    let mut report = 0_u16;
    for piece in pieces {
        while reports[usize::from(report)] != piece.report {
            report += 1;
        }
        let mut translation = Translation::new(&piece.words);
        for chunk in piece.rows {
            rows.extend(chunk.into_iter().map(|play| Play {
                report,
                ..translation.translate(play, &piece.words, &mut joined)
            }));
        }
    }
    Plays { rows, words: joined.words, reports, marks: Vec::new() }
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

/// Words of several pieces, each once, and where each is found.
#[derive(Default)]
pub struct JoinedWords {
    words: Words,
    tracks: Places<Track, u32>,
    listeners: Places<Listener, u32>,
    products: Places<Product, u16>,
    sources: Places<Box<str>, u16>,
    devices: Places<Box<str>, u16>,
}

impl JoinedWords {
    /// The words that plays were translated to.
    #[must_use]
    pub fn into_words(self) -> Words {
        self.words
    }
}

/// Ids of one piece to ids of the whole, as far as they were met.
pub struct Translation {
    tracks: Vec<u32>,
    listeners: Vec<u32>,
    products: Vec<u16>,
    sources: Vec<u16>,
    devices: Vec<u16>,
}

impl Translation {
    /// For plays with these words.
    #[must_use]
    pub fn new(words: &Words) -> Self {
        Self {
            tracks: vec![NONE; words.tracks.len()],
            listeners: vec![NONE; words.listeners.len()],
            products: vec![NONE_SMALL; words.products.len()],
            sources: vec![NONE_SMALL; words.sources.len()],
            devices: vec![NONE_SMALL; words.devices.len()],
        }
    }

    /// The play with ids of the whole; `words` are those that this translation was made for.
    #[must_use]
    pub fn translate(&mut self, mut play: Play, words: &Words, joined: &mut JoinedWords) -> Play {
        let all = &mut joined.words;
        play.track =
            large(&mut self.tracks, play.track, &words.tracks, &mut joined.tracks, &mut all.tracks);
        play.listener = large(
            &mut self.listeners,
            play.listener,
            &words.listeners,
            &mut joined.listeners,
            &mut all.listeners,
        );
        play.product = small(
            &mut self.products,
            play.product,
            &words.products,
            &mut joined.products,
            &mut all.products,
        );
        play.source = small(
            &mut self.sources,
            play.source,
            &words.sources,
            &mut joined.sources,
            &mut all.sources,
        );
        play.device = small(
            &mut self.devices,
            play.device,
            &words.devices,
            &mut joined.devices,
            &mut all.devices,
        );
        play
    }
}

type Places<T, Id> = HashMap<T, Id, foldhash::fast::FixedState>;

#[inline]
fn large<T: Clone + Eq + Hash>(
    known: &mut [u32],
    id: u32,
    words: &[T],
    places: &mut Places<T, u32>,
    all: &mut Vec<T>,
) -> u32 {
    let Some(known) = known.get_mut(id as usize) else {
        return NONE;
    };
    if *known == NONE {
        let word = &words[id as usize];
        *known = *places.entry(word.clone()).or_insert_with(|| {
            all.push(word.clone());
            u32::try_from(all.len() - 1).unwrap_or(NONE)
        });
    }
    *known
}

#[inline]
fn small<T: Clone + Eq + Hash>(
    known: &mut [u16],
    id: u16,
    words: &[T],
    places: &mut Places<T, u16>,
    all: &mut Vec<T>,
) -> u16 {
    let Some(known) = known.get_mut(usize::from(id)) else {
        return NONE_SMALL;
    };
    if *known == NONE_SMALL {
        let word = &words[usize::from(id)];
        *known = *places.entry(word.clone()).or_insert_with(|| {
            all.push(word.clone());
            let id = u16::try_from(all.len() - 1).ok().filter(|id| *id != NONE_SMALL);
            // Going on would give plays another device or tier than the store did.
            assert!(
                id.is_some(),
                "a date has more than 65,535 different sources, devices or products"
            );
            id.unwrap_or(NONE_SMALL)
        });
    }
    *known
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
            joined.rows.iter().map(|play| (play.report, play.row)).collect::<Vec<_>>(),
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
