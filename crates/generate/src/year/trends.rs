//! Daily reports: Spotify's raw plays, Deezer's table, Apple Music's sums with its list of tracks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use chrono::NaiveDate;

use super::super::day::{GeneratedPlay, ListenerNature};
use super::super::day_plan::DayPlan;
use super::super::rows::{RowWriter, push_customer_id};
use super::ReportSink;
use super::stores::{StoreWorld, YearStore, heard_on};

/// One report of Spotify in this many days has a row that cannot be read.
const BAD_ROW_EVERY: u32 = 10;
/// Apple's identifier of the first track.
const APPLE_ID: u32 = 1_440_000_001;

const DEEZER_HEADER: &str = "Start Report\tEnd Report\tISRC\tArtist\tTitle\tAlbum\tUPC\tCountry\tNb of plays\t\
    Royalties\tService\tProvider\tprovider_id\tLabel\tService_name\tTrack_duration\tPlay_percent\t\
    Cached_play\tContext_type\tPlaylist_Id\tPlaylist_name\tUser_id\tGender\tBirth_year\tDevice_type\tOS\n";
const APPLE_HEADER: &str = "Datestamp\tIngest Datestamp\tApple Identifier\tStorefront Name\tTime Bucket\t\
    Subscription Type\tSubscription Mode\tChannel Partner\tDevice Type\tSource of Stream\tContainer Type\t\
    Container Sub-Type\tContainer ID\tContainer Name\tEnd Reason Type\tOffline\tAudio Format\tStreams\n";
const CONTENT_HEADER: &str = "Apple Identifier\tISRC\tTitle\tArtist\tMedia Duration\n";

/// Writes the reports of a day, if the store sends any; returns the number of their rows that cannot be read.
pub(super) fn write_day(
    store: &StoreWorld,
    (day, date): (u32, NaiveDate),
    plan: &DayPlan,
    sink: &mut ReportSink<'_>,
) -> io::Result<u64> {
    let month = date.format("%Y-%m");
    let digits = date.format("%Y%m%d");
    match store.store {
        YearStore::Spotify => {
            let (text, n_bad_rows) = spotify(store, (day, date), plan)?;
            let path = format!("spotify/{month}/streams_{date}.tsv.gz");
            sink(Path::new(&path), &text)?;
            return Ok(n_bad_rows);
        }
        YearStore::Deezer => {
            let path = format!("deezer/{month}/LMERLIN_{digits}_{digits}.txt");
            sink(Path::new(&path), deezer(store, date, plan).as_bytes())?;
        }
        YearStore::AppleMusic => {
            let (streams, content) = apple(store, date, plan);
            let path = format!("apple_music/{month}/AppleMusic_amStreams_{digits}.txt");
            sink(Path::new(&path), streams.as_bytes())?;
            let path = format!("apple_music/{month}/Content_{digits}.txt");
            sink(Path::new(&path), content.as_bytes())?;
        }
        YearStore::Tidal | YearStore::SoundCloud | YearStore::Boomplay => {}
    }
    Ok(0)
}

/// Apple's identifier of a track.
pub(super) const fn apple_id(track: u32) -> u32 {
    APPLE_ID + track
}

/// A bad row repeats the first one with a played time that is no number.
fn spotify(
    store: &StoreWorld,
    (day, date): (u32, NaiveDate),
    plan: &DayPlan,
) -> io::Result<(Vec<u8>, u64)> {
    let mut text = Vec::new();
    RowWriter::new(&store.world, day, date).write(plan, &mut text)?;
    let played = super::super::HEADER.split('\t').position(|name| name == "stream_length");
    let row = text.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
    if row.is_empty() || day % BAD_ROW_EVERY != BAD_ROW_EVERY - 1 {
        return Ok((text, 0));
    }
    let mut cells: Vec<&[u8]> = row.split(|byte| *byte == b'\t').collect();
    if let Some(cell) = played.and_then(|place| cells.get_mut(place)) {
        *cell = b"3:05";
    }
    let bad_row = cells.join(&b'\t');
    text.extend_from_slice(&bad_row);
    text.push(b'\n');
    Ok((text, 1))
}

fn deezer(store: &StoreWorld, date: NaiveDate, plan: &DayPlan) -> String {
    let day = date.format("%d-%m-%Y").to_string();
    let mut text = DEEZER_HEADER.to_owned();
    for play in plan.plays_once() {
        let (profile, track) = (store.world.profile(play.listener), store.cells(play.track));
        let service = match (profile.plan.access, profile.plan.product) {
            ("free", _) => "FREE",
            (_, "family") => "FAMILYHIFI",
            (_, "duo") => "DUO",
            _ => "PREMIUM",
        };
        let mut user = Vec::new();
        push_customer_id(&mut user, &profile);
        let _ = write!(
            text,
            "{day}\t{day}\t{}\t{}\t{}\t{}\t{}\t{}\t1\t0\t{service}\tp\t1\t{}\ts\t",
            track.isrc,
            track.artist,
            track.title,
            track.album,
            track.upc,
            profile.country.code,
            track.artist,
        );
        let _ = writeln!(
            text,
            "{}\t{}\t{}\tplaylist\t\t\t{}\t{}\t{}\t{}\t{}",
            store.track_s(play.track),
            store.percent(play),
            u8::from(is_offline(play)),
            String::from_utf8_lossy(&user),
            profile.gender,
            profile.birth_year.map_or_else(String::new, |year| year.to_string()),
            profile.device.kind,
            profile.device.system,
        );
    }
    text
}

/// What Apple sums: day of listening, track, country, subscription, mode, and whether it was offline.
type AppleKey = (NaiveDate, u32, &'static str, [&'static str; 2], bool);

/// The streams of a day, and the list of their tracks. Streams are what is long enough; expired ones are
/// among them.
fn apple(store: &StoreWorld, date: NaiveDate, plan: &DayPlan) -> (String, String) {
    let mut sums: BTreeMap<AppleKey, u64> = BTreeMap::new();
    for play in plan.plays_once().filter(|play| 30_000 < play.played_ms) {
        let profile = store.world.profile(play.listener);
        let subscription = match (profile.plan.access, profile.plan.product) {
            ("trial", _) => ["Individual", "Trial"],
            (_, "family") => ["Family", "Paid"],
            (_, "student") => ["Student", "Paid"],
            _ => ["Individual", "Paid"],
        };
        let heard = heard_on(play, date);
        let key = (heard, play.track, profile.country.code, subscription, is_offline(play));
        *sums.entry(key).or_default() += 1;
    }
    let mut streams = APPLE_HEADER.to_owned();
    for ((heard, track, country, [kind, mode], offline), plays) in &sums {
        let (id, offline) = (apple_id(*track), u8::from(*offline));
        let _ = writeln!(
            streams,
            "{heard}\t{date}\t{id}\t{country}\t1\t{kind}\t{mode}\t\t2\t1\t1\t0\t\t\t1\t{offline}\t0\t{plays}"
        );
    }
    let mut content = CONTENT_HEADER.to_owned();
    let tracks: BTreeSet<u32> = sums.keys().map(|(_, track, ..)| *track).collect();
    for track in tracks {
        let (cells, length_ms) = (store.cells(track), store.world.catalogue().length_ms(track));
        let id = apple_id(track);
        let _ = writeln!(
            content,
            "{id}\t{}\t{}\t{}\t{length_ms}",
            cells.isrc, cells.title, cells.artist
        );
    }
    (streams, content)
}

fn is_offline(play: &GeneratedPlay) -> bool {
    play.nature != ListenerNature::Online
}
