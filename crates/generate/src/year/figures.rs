//! What stores show in public, what they remove as artificial, and the distributor's catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use chrono::{Datelike as _, NaiveDate};

use super::stores::{StoreWorld, YearStore};
use super::sums::StoreSums;
use super::{ReportSink, StatementSpan};

/// Months after which removals are reported.
const REMOVALS_DELAY: usize = 1;
/// Recordings that belong to one account.
const RECORDINGS_PER_OWNER: usize = 20;

/// Writes the numbers and removals of the stores that tell listeners apart.
pub(super) fn write_figures(
    store: &StoreWorld,
    sums: &StoreSums,
    months: &[StatementSpan],
    sink: &mut ReportSink<'_>,
) -> io::Result<()> {
    let folder = match store.store {
        YearStore::Spotify => "spotify",
        YearStore::Deezer => "deezer",
        _ => return Ok(()),
    };
    let mut shown: BTreeMap<(NaiveDate, &str), u64> = BTreeMap::new();
    for ((date, track), plays) in &sums.shown {
        *shown.entry((*date, store.cells(*track).isrc)).or_default() += plays;
    }
    for month in months {
        let mut text = "date,isrc,store_track,territory,streams\n".to_owned();
        let since = shown.range((month.first, "")..);
        for ((date, isrc), plays) in since.take_while(|((date, _), _)| *date <= month.last) {
            let _ = writeln!(text, "{date},{isrc},,,{plays}");
        }
        let path = format!("{folder}/counters_{}.csv", month.first.format("%Y-%m"));
        sink(Path::new(&path), text.as_bytes())?;
    }
    let is_removed = |month: &StatementSpan| sums.removed.keys().any(|key| key.period == *month);
    let due = months.iter().take(months.len().saturating_sub(REMOVALS_DELAY));
    for month in due.filter(|month| is_removed(month)) {
        let (path, text) = match store.store {
            YearStore::Spotify => spotify_removals(store, sums, *month),
            _ => deezer_removals(store, sums, *month),
        };
        sink(Path::new(&path), text.as_bytes())?;
    }
    Ok(())
}

fn spotify_removals(
    store: &StoreWorld,
    sums: &StoreSums,
    month: StatementSpan,
) -> (String, String) {
    let mut text =
        "Licensor\tCountry\tProduct Type\tURI\tUPC\tEAN\tISRC\tTrack Name\tArtist Name\t\
        Composer Name\tAlbum Name\tLabel\tQuantity\n"
            .to_owned();
    for (key, plays) in sums.removed.iter().filter(|(key, _)| key.period == month) {
        let track = store.cells(key.track);
        let isrc = if key.has_isrc { track.isrc } else { "" };
        let _ = writeln!(
            text,
            "Us\t{}\t{}\tspotify:track:{}\t{}\t\t{isrc}\t{}\t{}\t\t{}\t{}\t{plays}",
            key.territory,
            key.product,
            track.store_id,
            track.upc,
            track.title,
            track.artist,
            track.album,
            track.artist
        );
    }
    (format!("spotify/us-fraud-{}.txt", month.first.format("%Y%m")), text)
}

fn deezer_removals(store: &StoreWorld, sums: &StoreSums, month: StatementSpan) -> (String, String) {
    let mut text = "SONG_ID,SONG_TITLE,ISRC,ALBUM_TITLE,ALBUM_UPC,ARTIST_NAME,LABEL_NAME,COUNTRY,\
        NB_STREAMS,NB_DISTINCT_USERS\n"
        .to_owned();
    let mut removed: BTreeMap<(u32, &str), u64> = BTreeMap::new();
    for (key, plays) in sums.removed.iter().filter(|(key, _)| key.period == month) {
        *removed.entry((key.track, key.territory)).or_default() += plays;
    }
    for ((track, country), plays) in removed {
        let cells = store.cells(track);
        let _ = writeln!(
            text,
            "{track},{},{},{},{},{artist},{artist},{country},{plays},1",
            cells.title,
            cells.isrc,
            cells.album,
            cells.upc,
            artist = cells.artist
        );
    }
    (format!("deezer/fraud_report_us-{}.csv", month.last.format("%Y%m%d")), text)
}

/// Writes a row for each recording and release.
pub(super) fn write_catalogue(
    store: &StoreWorld,
    from: NaiveDate,
    sink: &mut ReportSink<'_>,
) -> io::Result<()> {
    let catalogue = store.world.catalogue();
    let mut text =
        "valid_from,isrc,upc,title,artist,release,label,track_length,owner,share\n".to_owned();
    let mut seen = BTreeSet::new();
    for track in 0..catalogue.n_tracks() {
        let cells = store.cells(track);
        if !seen.insert((cells.isrc, cells.upc)) {
            continue;
        }
        let owner = seen.len() / RECORDINGS_PER_OWNER + 1;
        let _ = writeln!(
            text,
            "{from},{},{},{},{},{},{},{},account-{owner},100",
            cells.isrc,
            cells.upc,
            cells.title,
            cells.artist,
            cells.album,
            cells.artist,
            store.track_s(track)
        );
    }
    let path = format!("reference/catalogue_{}.csv", from.year());
    sink(Path::new(&path), text.as_bytes())
}
