//! Statements that stores send themselves, once they are due: Spotify's and Deezer's of months, Apple
//! Music's of fiscal months, Tidal's in flat files of DDEX.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use chrono::{Datelike as _, Days, Months};

use super::stores::{StatementDelay, StoreWorld, YearStore};
use super::sums::{SettledKey, StoreSums, add_all};
use super::trends::apple_id;
use super::{ReportSink, StatementSpan};

/// Plays in twelve months from which on Spotify pays for a recording.
const PAID_FROM_PLAYS: u64 = 1_000;
/// The month of the year whose statement Spotify corrects, counted from 0.
const CORRECTED_MONTH: usize = 2;

/// Lines of a statement: what they settle, and units.
type StatementLines<'a> = [(&'a SettledKey, u64)];

/// Writes the statements of a store that are due on the last day.
pub(super) fn write_statements(
    store: &StoreWorld,
    sums: &StoreSums,
    months: &[StatementSpan],
    sink: &mut ReportSink<'_>,
) -> io::Result<()> {
    let (StatementDelay::Days(delay), Some(last)) = (store.store.delay(), months.last()) else {
        return Ok(());
    };
    let mut periods: BTreeMap<StatementSpan, Vec<(&SettledKey, u64)>> = BTreeMap::new();
    for (key, units) in &sums.settled {
        periods.entry(key.period).or_default().push((key, *units));
    }
    let paid = paid_recordings(store, sums);
    for (period, lines) in &periods {
        let due = period.last.checked_add_days(Days::new(delay));
        if due.is_none_or(|due| last.last < due) {
            continue;
        }
        let month = period.first.format("%Y%m");
        match store.store {
            YearStore::Spotify => {
                let name = format!("spotify/us-track-for-streaming-{month}");
                let is_corrected = months.get(CORRECTED_MONTH) == Some(period);
                let text = |part| spotify(store, *period, lines, (&paid, part));
                if is_corrected {
                    sink(Path::new(&format!("{name}.txt")), text(10).as_bytes())?;
                }
                let ending = if is_corrected { "_corrected.txt" } else { ".txt" };
                sink(Path::new(&format!("{name}{ending}")), text(u64::MAX).as_bytes())?;
            }
            YearStore::Deezer => {
                let path = format!("deezer/deezer_sales_{month}.txt");
                sink(Path::new(&path), deezer(store, *period, lines).as_bytes())?;
            }
            YearStore::AppleMusic => {
                let middle = (period.first + Days::new(14)).format("%m%y");
                let path = format!("apple_music/S1_80000001_{middle}_ZZ.txt");
                sink(Path::new(&path), apple(store, *period, lines).as_bytes())?;
            }
            YearStore::Tidal => {
                let made = period.last + Days::new(delay);
                let path = format!(
                    "tidal/DSR_PADPIDA2_PADPIDA1_Premium_{}_Multi_1of1_{}T100000.tsv",
                    period.first.format("%Y-%m"),
                    made.format("%Y%m%d")
                );
                sink(Path::new(&path), ddex(store, *period, lines).as_bytes())?;
            }
            YearStore::SoundCloud | YearStore::Boomplay => {}
        }
    }
    Ok(())
}

/// Recordings that have the plays from which on they are paid, by month.
fn paid_recordings<'a>(
    store: &'a StoreWorld,
    sums: &StoreSums,
) -> BTreeSet<(StatementSpan, &'a str)> {
    let mut plays: BTreeMap<(&str, StatementSpan), u64> = BTreeMap::new();
    let settled = sums.settled.iter();
    add_all(&mut plays, settled.map(|(key, n)| ((store.cells(key.track).isrc, key.period), *n)));
    let in_year = |isrc: &str, period: StatementSpan| -> u64 {
        let since = period.first.checked_sub_months(Months::new(11)).unwrap_or(period.first);
        let first = StatementSpan { first: since, last: since };
        plays.range((isrc, first)..=(isrc, period)).map(|(_, n)| n).sum()
    };
    let periods = plays.keys().filter(|(isrc, period)| PAID_FROM_PLAYS <= in_year(isrc, *period));
    periods.map(|(isrc, period)| (*period, *isrc)).collect()
}

/// What a unit is worth, in millionths of the currency: by product, and less in some countries.
pub(super) fn rate_micros(product: &str, territory: &str) -> u64 {
    let full = match product {
        "ad_supported" | "free" => 1_100,
        "family" | "student" | "duo" => 2_400,
        "trial" => 600,
        _ => 3_600,
    };
    let place: u64 = territory.bytes().map(u64::from).sum();
    full * (60 + place % 41) / 100
}

/// Millionths as a decimal number.
pub(super) fn decimal(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// One unit in `missing_part` is missing of each line; what is not paid for yet has no money.
fn spotify(
    store: &StoreWorld,
    period: StatementSpan,
    lines: &StatementLines<'_>,
    (paid, missing_part): (&BTreeSet<(StatementSpan, &str)>, u64),
) -> String {
    let mut text = format!(
        "Format version\tStart date\tEnd date\tSender\tRecipient\tDPID\tDisclaimer\n\
         4\t{}\t{}\tSpotify\tUs\tPADPIDA1\tConfidential\n\n\
         Country\tLabel\tProduct\tURI\tUPC\tEAN\tISRC\tTrack name\tArtist name\tComposer name\tAlbum name\t\
         Quantity\tPayable currency\tPayable\n",
        period.first, period.last
    );
    for (key, units) in lines {
        let track = store.cells(key.track);
        let units = units - units / missing_part;
        let is_paid = paid.contains(&(period, track.isrc));
        let micros = if is_paid { units * rate_micros(key.product, key.territory) } else { 0 };
        let isrc = if key.has_isrc { track.isrc } else { "" };
        let _ = writeln!(
            text,
            "{}\t{}\t{}\tspotify:track:{}\t{}\t\t{isrc}\t{}\t{}\t\t{}\t{units}\tUSD\t{}",
            key.territory,
            track.artist,
            key.product,
            track.store_id,
            track.upc,
            track.title,
            track.artist,
            track.album,
            decimal(micros)
        );
    }
    text
}

fn deezer(store: &StoreWorld, period: StatementSpan, lines: &StatementLines<'_>) -> String {
    let mut text =
        "start_report\tend_report\tisrc\tartist\ttitle\talbum\tupc\tcountry\tnb_of_plays\t\
        royalties\tservice\tprovider\tlabel\n"
            .to_owned();
    let [first, last] = [period.first, period.last].map(|date| date.format("%d-%m-%Y").to_string());
    for (key, units) in lines {
        let track = store.cells(key.track);
        let service = match key.product {
            "ad_supported" | "free" => "FREE",
            "family" => "FAMILYHIFI",
            "duo" => "DUO",
            _ => "PREMIUM",
        };
        let _ = writeln!(
            text,
            "{first}\t{last}\t{}\t{}\t{}\t{}\t{}\t{}\t{units}\t{}\t{service}\tp\t{}",
            track.isrc,
            track.artist,
            track.title,
            track.album,
            track.upc,
            key.territory,
            decimal(units * rate_micros(key.product, key.territory)),
            track.artist
        );
    }
    text
}

fn apple(store: &StoreWorld, period: StatementSpan, lines: &StatementLines<'_>) -> String {
    let mut sums: BTreeMap<(&str, u32), (u64, u64)> = BTreeMap::new();
    for (key, units) in lines {
        let (all, micros) = sums.entry((key.territory, key.track)).or_default();
        *all += units;
        *micros += units * rate_micros(key.product, key.territory);
    }
    let [first, last] = [period.first, period.last].map(|date| date.format("%m/%d/%Y").to_string());
    let mut text = format!(
        "Start Date\t{first}\nEnd Date\t{last}\nVendor\t80000001\n\
         Storefront Name\tApple Identifier\tVendor Identifier\tISRC\tContent Title\tArtist\tMedia Type\t\
         Label/Studio/Network\tTotal  Royalty Bearing Plays\tNet Royalty\tNet Royalty Total\tCurrency\n"
    );
    for ((territory, track), (units, micros)) in &sums {
        let (id, cells) = (apple_id(*track), store.cells(*track));
        let _ = writeln!(
            text,
            "{territory}\t{id}\t{0}\t{0}\t{1}\t{2}\t1\t{2}\t{units}\t{3}\t{4}\tUSD",
            cells.isrc,
            cells.title,
            cells.artist,
            decimal(micros / units),
            decimal(*micros)
        );
    }
    let _ = writeln!(text, "Row Count\t{}", sums.len());
    text
}

/// A flat file of the Basic Audio profile: a summary record for each country and commercial model, then a
/// block for each track. Its money is that of the summaries.
fn ddex(store: &StoreWorld, period: StatementSpan, lines: &StatementLines<'_>) -> String {
    let model = |product: &str| match product {
        "ad_supported" | "free" => "AdvertisementSupportedModel",
        _ => "SubscriptionModel",
    };
    let mut summaries: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    let mut blocks: BTreeMap<u32, BTreeMap<(&str, &str), u64>> = BTreeMap::new();
    for (key, units) in lines {
        let pool = (key.territory, model(key.product));
        let (all, micros) = summaries.entry(pool).or_default();
        *all += units;
        *micros += units * rate_micros(key.product, key.territory);
        *blocks.entry(key.track).or_default().entry(pool).or_default() += units;
    }
    let made = period.last + Days::new(90);
    let mut text = format!(
        "HEAD\tdsrf/1.1/1.4.1/1.3\tBasicAudioProfile\t1.3\tM{}\t{made}T10:00:00Z\t1\t1\t{}\t{}\tPADPIDA1\t\
         Store\tPremium\tPADPIDA2\tUs\n",
        period.first.month(),
        period.first,
        period.last
    );
    let names: BTreeMap<(&str, &str), String> =
        (1..).zip(summaries.keys()).map(|(number, pool)| (*pool, format!("S{number}"))).collect();
    for ((territory, model), (units, micros)) in &summaries {
        let _ = writeln!(
            text,
            "SY01.02\t{}\t\t\t{model}\tOnDemandStream\t{territory}\tPremium\t{units}\t100\tEUR\t{}\t0",
            names[&(*territory, *model)],
            decimal(*micros)
        );
    }
    for (track, pools) in &blocks {
        let cells = store.cells(*track);
        let _ = writeln!(
            text,
            "AS01.02\t{track}\tA1\ttrk{track}\t{}\t{}\t\t{}\t\tPT{}S\tSoundRecording\ttrue",
            cells.isrc,
            cells.title,
            cells.artist,
            store.track_s(*track)
        );
        for (pool, units) in pools {
            let _ = writeln!(
                text,
                "SU02.03\t{track}\t{}\tX{track}\t\tA1\ttrue\t{units}\t\t\tOnDemandStream",
                names[pool]
            );
        }
    }
    let (n_lines, n_blocks) = (text.lines().count() + 1, blocks.len());
    let _ =
        writeln!(text, "FOOT\t{n_lines}\t{n_lines}\t{}\t{n_blocks}\t{n_blocks}", summaries.len());
    text
}
