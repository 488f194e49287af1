//! The text of a report: plays as tab-separated rows, written by hand into one buffer.
//!
//! What a row shows beyond its play (source, spelling of a stamp, a missing cell) follows from the
//! play itself, so that two equal plays give two equal rows. Cells that one real data set of 3.8
//! million rows left empty throughout (`referral_code`, `source`) stay empty here.

use std::io::{self, Write};

use chrono::{Days, NaiveDate};

use super::GeneratedWorld;
use super::audience::ListenerProfile;
use super::catalogue::{ISRC_AT, STORE_ID_CHARACTERS, store_id};
use super::chance::{AliasTable, RandomPurpose, RandomSource, key};
use super::day::{DAY_S, GeneratedPlay, LOG_STEP_S, ListenerNature, OFFLINE_DAYS_MAX};
use super::day_plan::DayPlan;

/// Size at which the buffer is handed on, in bytes.
const BUFFER_BYTES: usize = 1 << 18;
/// Rows without an ISRC, out of 10,000.
const NO_ISRC_SHARE: u32 = 1;
/// Rows with `UK` in place of `GB`, out of 10,000 rows from there.
const UK_SHARE: u32 = 300;
/// Online rows whose `stream_cached` is empty, out of 10,000.
const NO_CACHED_SHARE: u32 = 800;
/// Online rows whose `offline_timestamp` is `0`, out of 10,000.
const ZERO_STAMP_SHARE: u32 = 60;
/// Number of playlists that plays come from.
const N_PLAYLISTS: u32 = 1_200;

/// `stream_source`: value, weight, share of rows with a playlist in `stream_source_uri` out of
/// 10,000. In the real rows 27 % have one.
const SOURCES: &[(&str, u64, u32)] = &[
    ("others_playlist", 30, 8_000),
    ("collection", 19, 0),
    ("playlist", 12, 3_000),
    ("album", 12, 0),
    ("search", 8, 0),
    ("radio", 8, 0),
    ("artist", 6, 0),
    ("play_queue", 5, 0),
];

/// Where plays come from; the same on all days.
#[derive(Debug)]
pub(super) struct SourceTable {
    kinds: AliasTable,
    playlists: AliasTable,
    playlist_ids: Vec<[u8; STORE_ID_CHARACTERS]>,
}

impl SourceTable {
    /// The sources of a world.
    pub(super) fn new(seed: u64) -> Self {
        let popularity = (0..u64::from(N_PLAYLISTS)).map(|rank| (1 << 32) / (rank + 3));
        Self {
            kinds: AliasTable::new(SOURCES.iter().map(|(_, weight, _)| *weight)),
            playlists: AliasTable::new(popularity),
            playlist_ids: (0..N_PLAYLISTS)
                .map(|playlist| {
                    store_id(key(seed, RandomPurpose::PlaylistId, &[u64::from(playlist)]))
                })
                .collect(),
        }
    }
}

/// Writes plays of one day as rows.
#[derive(Debug)]
pub(super) struct RowWriter<'a> {
    world: &'a GeneratedWorld,
    seed: u64,
    buffer: Vec<u8>,
    /// The cells `day` and `log_time` for each quarter of an hour.
    quarters: Vec<String>,
    /// `YYYY-MM-DD` of the day and the days before it.
    dates: Vec<String>,
    /// Cell `filename` without the country.
    file_name: String,
    /// Start of the day, in seconds since 1970.
    epoch_s: i64,
}

impl<'a> RowWriter<'a> {
    /// A writer for the day with this number and date.
    pub(super) fn new(world: &'a GeneratedWorld, day: u32, date: NaiveDate) -> Self {
        let quarters = (0..DAY_S / LOG_STEP_S).map(|quarter| {
            let (hour, minute) = (quarter / 4, quarter % 4 * 15);
            format!("{date}\t{}T{hour:02}:{minute:02}:00\t", date.format("%Y%m%d"))
        });
        let dates = (0..=OFFLINE_DAYS_MAX).filter_map(|age| {
            let date = date.checked_sub_days(Days::new(u64::from(age)))?;
            Some(date.to_string())
        });
        Self {
            world,
            seed: key(world.seed(), RandomPurpose::Cells, &[u64::from(day)]),
            buffer: Vec::with_capacity(BUFFER_BYTES + 4_096),
            quarters: quarters.collect(),
            dates: dates.collect(),
            file_name: format!("spotify_{}_", date.format("%Y%m%d")),
            epoch_s: date.and_hms_opt(0, 0, 0).map_or(0, |start| start.and_utc().timestamp()),
        }
    }

    /// Writes the header and a row for each play, in this order.
    ///
    /// # Errors
    /// Those of `out`.
    pub(super) fn write(&mut self, plan: &DayPlan, out: &mut impl Write) -> io::Result<()> {
        self.cell(super::HEADER.as_bytes(), b'\n');
        for index in &plan.order {
            self.row(&plan.plays[*index as usize]);
            if self.buffer.len() >= BUFFER_BYTES {
                out.write_all(&self.buffer)?;
                self.buffer.clear();
            }
        }
        out.write_all(&self.buffer)
    }

    /// Whether the row of a play names its recording.
    pub(super) fn has_isrc(&self, play: &GeneratedPlay) -> bool {
        !self.chance_of(play).hit(NO_ISRC_SHARE)
    }

    /// What decides the cells that a play leaves open; the first number is for the ISRC.
    fn chance_of(&self, play: &GeneratedPlay) -> RandomSource {
        RandomSource::new(key(
            self.seed,
            RandomPurpose::Cells,
            &[
                (u64::from(play.listener) << 32) | u64::from(play.track),
                (u64::from(play.heard_s.cast_unsigned()) << 32) | u64::from(play.played_ms),
            ],
        ))
    }

    fn row(&mut self, play: &GeneratedPlay) {
        let world = self.world;
        let profile = world.profile(play.listener);
        let chance = &mut self.chance_of(play);
        self.buffer.extend_from_slice(self.quarters[usize::from(play.quarter)].as_bytes());
        self.cell(profile.device.mobile.as_bytes(), b'\t');
        self.track(world.catalogue().front(play.track), chance);
        self.listener(&profile, chance);
        self.stamp(play, chance);
        self.seconds(play.played_ms);
        let cached: &[u8] = match play.nature {
            ListenerNature::Offline | ListenerNature::Unstamped => b"true",
            ListenerNature::Online if chance.hit(NO_CACHED_SHARE) => b"",
            ListenerNature::Online => b"false",
        };
        self.cell(cached, b'\t');
        self.source(chance);
        self.cell(profile.device.kind.as_bytes(), b'\t');
        self.cell(profile.device.system.as_bytes(), b'\t');
        self.cell(world.catalogue().back(play.track), b'\n');
    }

    fn cell(&mut self, text: &[u8], end: u8) {
        self.buffer.extend_from_slice(text);
        self.buffer.push(end);
    }

    fn track(&mut self, cells: &[u8], chance: &mut RandomSource) {
        if chance.hit(NO_ISRC_SHARE) {
            self.buffer.extend_from_slice(&cells[..ISRC_AT.start]);
            self.buffer.extend_from_slice(&cells[ISRC_AT.end..]);
        } else {
            self.buffer.extend_from_slice(cells);
        }
    }

    /// The cells from `customer_id` to `user_product_type`.
    fn listener(&mut self, profile: &ListenerProfile, chance: &mut RandomSource) {
        push_customer_id(&mut self.buffer, profile);
        self.buffer.push(b'\t');
        push_postal_code(&mut self.buffer, profile);
        self.buffer.push(b'\t');
        self.cell(profile.plan.access.as_bytes(), b'\t');
        let country = profile.country.code.as_bytes();
        let shown = if country == b"GB" && chance.hit(UK_SHARE) { b"UK" } else { country };
        self.cell(shown, b'\t');
        self.cell(profile.gender.as_bytes(), b'\t');
        if let Some(year) = profile.birth_year {
            push_number(&mut self.buffer, u64::from(year), 4);
        }
        self.buffer.push(b'\t');
        self.buffer.extend_from_slice(self.file_name.as_bytes());
        self.cell(country, b'\t');
        if let Some(region) = profile.region {
            self.buffer.extend_from_slice(country);
            self.buffer.push(b'-');
            push_number(&mut self.buffer, u64::from(region), 2);
        }
        self.buffer.extend_from_slice(b"\t\t");
        self.cell(profile.plan.partner.as_bytes(), b'\t');
        self.cell(profile.plan.product.as_bytes(), b'\t');
        self.cell(profile.plan.user_type.as_bytes(), b'\t');
    }

    /// The cell `offline_timestamp`: mostly ISO 8601, else seconds or milliseconds since 1970.
    fn stamp(&mut self, play: &GeneratedPlay, chance: &mut RandomSource) {
        let is_stamped = play.nature == ListenerNature::Offline;
        if is_stamped {
            let since_1970 = self.epoch_s + i64::from(play.heard_s);
            let since_1970 = u64::try_from(since_1970).unwrap_or(0);
            match chance.below(100) {
                0..=8 => push_number(&mut self.buffer, since_1970, 1),
                9..=14 => push_number(&mut self.buffer, since_1970 * 1_000, 1),
                _ => self.iso_stamp(play.heard_s),
            }
        } else if play.nature == ListenerNature::Online && chance.hit(ZERO_STAMP_SHARE) {
            self.buffer.push(b'0');
        }
        self.buffer.push(b'\t');
    }

    fn iso_stamp(&mut self, heard_s: i32) {
        let day_s = DAY_S.cast_signed();
        let age = usize::try_from(-heard_s.div_euclid(day_s)).unwrap_or(0);
        let second = u64::from(heard_s.rem_euclid(day_s).unsigned_abs());
        if let Some(date) = self.dates.get(age) {
            self.buffer.extend_from_slice(date.as_bytes());
        }
        for (before, number) in
            [(b'T', second / 3_600), (b':', second / 60 % 60), (b':', second % 60)]
        {
            self.buffer.push(before);
            push_number(&mut self.buffer, number, 2);
        }
        self.buffer.push(b'Z');
    }

    /// The cell `stream_length`: seconds, with as many decimals as needed.
    fn seconds(&mut self, played_ms: u32) {
        push_number(&mut self.buffer, u64::from(played_ms / 1_000), 1);
        let fraction = u64::from(played_ms % 1_000);
        if fraction > 0 {
            self.buffer.push(b'.');
            push_number(&mut self.buffer, fraction, 3);
            while self.buffer.last() == Some(&b'0') {
                self.buffer.pop();
            }
        }
        self.buffer.push(b'\t');
    }

    /// The cells `stream_source` and `stream_source_uri`.
    fn source(&mut self, chance: &mut RandomSource) {
        let sources = self.world.sources();
        let (source, _, playlist_share) = SOURCES[sources.kinds.draw(chance)];
        self.cell(source.as_bytes(), b'\t');
        if chance.hit(playlist_share) {
            let playlist = sources.playlists.draw(chance);
            self.buffer.extend_from_slice(b"spotify:playlist:");
            self.buffer.extend_from_slice(&sources.playlist_ids[playlist]);
        }
        self.buffer.push(b'\t');
    }
}

/// Appends the 32 hexadecimal digits of a customer id.
pub(super) fn push_customer_id(buffer: &mut Vec<u8>, profile: &ListenerProfile) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (half, number) in text.chunks_exact_mut(16).zip(profile.id) {
        for (byte, pair) in number.to_be_bytes().into_iter().zip(half.chunks_exact_mut(2)) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
    }
    buffer.extend_from_slice(&text);
}

fn push_postal_code(buffer: &mut Vec<u8>, profile: &ListenerProfile) {
    let Some(mut filling) = profile.postal else {
        return;
    };
    for shape in profile.country.postal_shape.bytes() {
        let (base, first) = match shape {
            b'9' => (10, b'0'),
            b'A' => (26, b'A'),
            separator => (1, separator),
        };
        buffer.push(first + u8::try_from(filling % base).unwrap_or(0));
        filling /= base;
    }
}

/// Appends a number in decimal, with zeros before it up to `n_digits` digits.
fn push_number(buffer: &mut Vec<u8>, number: u64, n_digits: usize) {
    let mut text = [b'0'; 20];
    let mut rest = number;
    let mut start = text.len();
    while rest > 0 || text.len() - start < n_digits {
        start -= 1;
        text[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    buffer.extend_from_slice(&text[start..]);
}
