//! The tracks: identifiers, names, lengths, and how often each is chosen.
//!
//! The cells that depend on the track alone are written once, here, so that a row of a report only
//! copies them. Popularity is 1 / (rank + [`FLATNESS`]), Zipf's law with a flattened head, as the
//! catalogue of one distributor holds no world hits. Ranks are dealt at random, so that the tracks
//! of an album are not equally popular.

use super::chance::{AliasTable, RandomPurpose, RandomSource, key};
use super::names;

/// Rank offset of the popularity curve: the first track has about 2 % of the plays of 5,000 tracks.
const FLATNESS: u64 = 8;
/// A weight of 1, in the fixed point of the popularity weights.
const ONE: u64 = 1 << 40;
/// Shortest track, in milliseconds: everything can reach the 30 s of a play.
const LENGTH_MS_MIN: u32 = 31_000;
/// One track in this many lasts under 36 s: heard to the end it looks like a bot's short play.
const SHORT_TRACK_EVERY: u32 = 97;
/// Share of tracks that exist under a second track id with the same ISRC, out of 10,000.
const TWIN_SHARE: u32 = 60;
/// Share of albums without a UPC, out of 10,000.
const NO_UPC_SHARE: u32 = 50;
/// Country parts of ISRCs; `QM` and `QZ` are US codes that are no country codes.
const ISRC_PREFIXES: &[&str] =
    &["GB", "US", "QM", "QZ", "DE", "FR", "SE", "CH", "DK", "BR", "NL", "ES", "IT", "CA", "AU"];

/// Characters of base 62, in the store's order.
const BASE62: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Characters of a store identifier.
pub(super) const STORE_ID_CHARACTERS: usize = 22;
/// Where the ISRC stands in [`Catalogue::front`].
pub(super) const ISRC_AT: std::ops::Range<usize> = 23..35;

/// All tracks of the world, numbered from 0.
#[derive(Debug)]
pub(super) struct Catalogue {
    tracks: Vec<MadeUpTrack>,
    text: Vec<u8>,
    popularity: AliasTable,
    twins: Vec<(u32, u32)>,
}

/// Where the cells of a track stand in the text, and how long it is.
#[derive(Debug, Clone, Copy)]
struct MadeUpTrack {
    length_ms: u32,
    front_at: u32,
    back_at: u32,
    end_at: u32,
}

/// What reports say of a track.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrackCells<'a> {
    /// The first store's identifier.
    pub(super) store_id: &'a str,
    /// Recording.
    pub(super) isrc: &'a str,
    /// Release; empty for some.
    pub(super) upc: &'a str,
    /// Artist.
    pub(super) artist: &'a str,
    /// Title.
    pub(super) title: &'a str,
    /// Release by name.
    pub(super) album: &'a str,
}

/// The album that is being filled.
#[derive(Debug, Default)]
struct MadeUpAlbum {
    artist: String,
    name: String,
    upc: String,
    registrant: String,
    tracks_left: u32,
    albums_left: u32,
}

impl Catalogue {
    /// A catalogue of `n_tracks` tracks, at least one.
    pub(super) fn new(seed: u64, n_tracks: u32) -> Self {
        let mut chance = RandomSource::new(key(seed, RandomPurpose::Catalogue, &[]));
        let mut catalogue = Self {
            tracks: Vec::with_capacity(n_tracks as usize),
            text: Vec::with_capacity(n_tracks as usize * 160),
            popularity: AliasTable::new(popularity(&mut chance, n_tracks)),
            twins: Vec::new(),
        };
        let mut album = MadeUpAlbum::default();
        for _ in 0..n_tracks {
            if album.tracks_left == 0 {
                album.renew(&mut chance);
            }
            album.tracks_left -= 1;
            catalogue.add(seed, &album, &mut chance, n_tracks);
        }
        catalogue
    }

    /// Number of tracks.
    pub(super) fn n_tracks(&self) -> u32 {
        u32::try_from(self.tracks.len()).unwrap_or(u32::MAX)
    }

    /// A track, the popular ones more often.
    pub(super) fn draw(&self, chance: &mut RandomSource) -> u32 {
        u32::try_from(self.popularity.draw(chance)).unwrap_or(0)
    }

    /// How long the track is, in milliseconds.
    pub(super) fn length_ms(&self, track: u32) -> u32 {
        self.tracks[track as usize].length_ms
    }

    /// The first track from `track` on, round the catalogue, whose length is between the bounds;
    /// `track` itself where there is none.
    pub(super) fn next_of_length(&self, track: u32, low_ms: u32, high_ms: u32) -> u32 {
        (track..self.n_tracks())
            .chain(0..track)
            .find(|track| (low_ms..=high_ms).contains(&self.length_ms(*track)))
            .unwrap_or(track)
    }

    /// Pairs of tracks that share an ISRC.
    pub(super) fn twins(&self) -> &[(u32, u32)] {
        &self.twins
    }

    /// The cells from `track_id` to `album_name`, with a tab behind each.
    pub(super) fn front(&self, track: u32) -> &[u8] {
        let track = self.tracks[track as usize];
        &self.text[track.front_at as usize..track.back_at as usize]
    }

    /// The cells of a track by name.
    pub(super) fn cells(&self, track: u32) -> TrackCells<'_> {
        let mut cells = self.front(track).split(|byte| *byte == b'\t');
        let mut next =
            || cells.next().and_then(|cell| std::str::from_utf8(cell).ok()).unwrap_or("");
        TrackCells {
            store_id: next(),
            isrc: next(),
            upc: next(),
            artist: next(),
            title: next(),
            album: next(),
        }
    }

    /// The cells `track_uri` and `track_artists`, with a tab behind each.
    pub(super) fn back(&self, track: u32) -> &[u8] {
        let track = self.tracks[track as usize];
        &self.text[track.back_at as usize..track.end_at as usize]
    }

    /// Adds the next track.
    fn add(&mut self, seed: u64, album: &MadeUpAlbum, chance: &mut RandomSource, n_tracks: u32) {
        let track = self.n_tracks();
        let is_twin = track > 0 && (chance.hit(TWIN_SHARE) || track + 1 == n_tracks);
        let (length_ms, cells) = if is_twin {
            let original = chance.below(track);
            self.twins.push((original, track));
            (self.length_ms(original), self.shared_cells(original))
        } else {
            (length_ms(track, chance), fresh_cells(track, album, chance))
        };
        let id = store_id(key(seed, RandomPurpose::TrackId, &[u64::from(track)]));
        let front_at = self.text_end();
        for cell in [&id[..], &cells.isrc, album.upc.as_bytes(), &cells.artist, &cells.title] {
            self.text.extend_from_slice(cell);
            self.text.push(b'\t');
        }
        self.text.extend_from_slice(album.name.as_bytes());
        self.text.push(b'\t');
        let back_at = self.text_end();
        for part in [&b"spotify:track:"[..], &id, b"\t", &cells.artists, b"\t"] {
            self.text.extend_from_slice(part);
        }
        self.tracks.push(MadeUpTrack { length_ms, front_at, back_at, end_at: self.text_end() });
    }

    /// What a second release of a track has in common with the first.
    fn shared_cells(&self, original: u32) -> CatalogueCells {
        let front: Vec<&[u8]> = self.front(original).split(|byte| *byte == b'\t').collect();
        let back: Vec<&[u8]> = self.back(original).split(|byte| *byte == b'\t').collect();
        CatalogueCells {
            isrc: front[1].to_vec(),
            artist: front[3].to_vec(),
            title: front[4].to_vec(),
            artists: back[1].to_vec(),
        }
    }

    fn text_end(&self) -> u32 {
        u32::try_from(self.text.len()).unwrap_or(u32::MAX)
    }
}

/// The cells that all releases of a recording share.
#[derive(Debug)]
struct CatalogueCells {
    isrc: Vec<u8>,
    artist: Vec<u8>,
    title: Vec<u8>,
    artists: Vec<u8>,
}

impl MadeUpAlbum {
    /// Starts the next album, of the same artist while he has one left.
    fn renew(&mut self, chance: &mut RandomSource) {
        if self.albums_left == 0 {
            self.albums_left = chance.between(1, 5);
            self.artist = names::artist(chance);
            self.registrant = registrant(chance);
        }
        self.albums_left -= 1;
        let is_single = chance.hit(4_500);
        self.tracks_left = if is_single { chance.between(1, 2) } else { chance.between(4, 14) };
        self.name = names::album(chance);
        self.upc = if chance.hit(NO_UPC_SHARE) { String::new() } else { upc(chance) };
    }
}

/// Weights of the tracks: each track has one rank.
fn popularity(chance: &mut RandomSource, n_tracks: u32) -> Vec<u64> {
    let mut ranks: Vec<u32> = (0..n_tracks).collect();
    for end in (1..ranks.len()).rev() {
        ranks.swap(end, chance.index(end + 1));
    }
    ranks.iter().map(|rank| ONE / (u64::from(*rank) + FLATNESS)).collect()
}

fn fresh_cells(track: u32, album: &MadeUpAlbum, chance: &mut RandomSource) -> CatalogueCells {
    // The parity of the year tells the first 100,000 tracks from the second: no ISRC occurs twice.
    let year = 2 * chance.below(13) + (track / 100_000) % 2;
    let isrc = format!("{}{year:02}{:05}", album.registrant, track % 100_000);
    let artist = album.artist.clone();
    let artists = if chance.hit(1_200) {
        format!("{artist}|{}", names::artist(chance))
    } else {
        artist.clone()
    };
    let title = names::title(chance);
    let (artist, artists) = (artist.into_bytes(), artists.into_bytes());
    CatalogueCells { isrc: isrc.into_bytes(), artist, title: title.into_bytes(), artists }
}

/// Length of a new track: mostly 150 to 240 s, seldom up to 8 minutes.
fn length_ms(track: u32, chance: &mut RandomSource) -> u32 {
    if track % SHORT_TRACK_EVERY == 13 {
        return chance.between(LENGTH_MS_MIN, 35_999);
    }
    match chance.below(100) {
        0..=1 => chance.between(36_000, 90_000),
        2..=15 => chance.between(90_000, 150_000),
        16..=89 => 150_000 + chance.below(45_000) + chance.below(45_000),
        90..=97 => chance.between(240_000, 330_000),
        _ => chance.between(330_000, 480_000),
    }
}

/// The first five characters of an ISRC.
fn registrant(chance: &mut RandomSource) -> String {
    const CHARACTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let mut registrant = chance.pick(ISRC_PREFIXES).to_owned();
    for _ in 0..3 {
        registrant.push(char::from(CHARACTERS[chance.index(CHARACTERS.len())]));
    }
    registrant
}

/// A UPC (12 digits) or EAN (13 digits) with its check digit; one in five starts with a zero.
fn upc(chance: &mut RandomSource) -> String {
    let n_digits = if chance.hit(6_000) { 11 } else { 12 };
    let mut digits: Vec<u32> = (0..n_digits).map(|_| chance.below(10)).collect();
    if chance.hit(1_200) {
        digits[0] = 0;
    }
    digits.push(check_digit(&digits));
    digits.iter().filter_map(|digit| char::from_digit(*digit, 10)).collect()
}

/// GS1 check digit: weights 3 and 1 in turn, from the right.
fn check_digit(digits: &[u32]) -> u32 {
    let weights = [3, 1].into_iter().cycle();
    let sum: u32 = digits.iter().rev().zip(weights).map(|(digit, weight)| digit * weight).sum();
    (10 - sum % 10) % 10
}

/// The 22 base-62 digits of a 128-bit number, as the store writes its identifiers.
pub(super) fn store_id(seed: u64) -> [u8; STORE_ID_CHARACTERS] {
    let mut chance = RandomSource::new(seed);
    let mut number = (u128::from(chance.next()) << 64) | u128::from(chance.next());
    let mut id = [b'0'; STORE_ID_CHARACTERS];
    for character in id.iter_mut().rev() {
        *character = BASE62[(number % 62) as usize];
        number /= 62;
    }
    id
}
