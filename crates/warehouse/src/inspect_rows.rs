//! Rows of a report in our words, as text, for a person who inspects it.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use streamledger_core::ingest::table::format::Feed;
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_core::vocabulary::day::Day;
use streamledger_core::vocabulary::play::{NONE, OFFLINE, ONLINE, Piece, Play};
use streamledger_core::vocabulary::sale::{Figure, Sale};
use streamledger_core::vocabulary::territory::Territory;
use streamledger_core::vocabulary::upc::Upc;

use crate::sales_columns::{figures_columns, sales_columns};

/// Columns of plays that are shown.
const PLAY_COLUMNS: [&str; 16] = [
    "row",
    "date",
    "listened_at",
    "isrc",
    "upc",
    "store_track",
    "territory",
    "tier",
    "tier_code",
    "use_type",
    "offline",
    "played_ms",
    "track_ms",
    "source",
    "device",
    "plays",
];

/// Names of the columns of a feed's rows.
pub(crate) fn columns_of(feed: Feed) -> Vec<&'static str> {
    let place = ["row", "store", "month"];
    match feed {
        Feed::Trends => PLAY_COLUMNS.to_vec(),
        Feed::Sales => place.into_iter().chain(SALE_COLUMNS).collect(),
        Feed::Counters | Feed::Declared => place.into_iter().chain(FIGURE_COLUMNS).collect(),
        Feed::Reference => Vec::new(),
    }
}

/// Columns of sales that are shown, after row, store and month.
const SALE_COLUMNS: [&str; 20] = [
    "usage_from",
    "usage_to",
    "statement_period",
    "reported_date",
    "isrc",
    "upc",
    "store_track",
    "territory",
    "tier",
    "tier_code",
    "use_type",
    "offline",
    "units",
    "amount",
    "amount_text",
    "currency",
    "royalty_bearing",
    "line_type",
    "pool",
    "shop",
];

/// Columns of counters and declared streams that are shown, after row, store and month.
const FIGURE_COLUMNS: [&str; 8] =
    ["date", "isrc", "upc", "store_track", "territory", "tier", "tier_code", "plays"];

/// A row with its line in the report.
pub(crate) type NumberedRow = (u32, Vec<String>);

pub(crate) fn lot_to_rows(mut lot: SalesLot) -> Vec<NumberedRow> {
    let mut rows = Vec::new();
    for ((store, month), sales) in std::mem::take(&mut lot.sales) {
        let place = [store, month.to_string()];
        if let Ok(batch) = sales_columns(&lot, sales.clone()) {
            rows.extend(batch_to_rows(&batch, &place, sorted_rows(sales)));
        }
    }
    for ((store, month), mut figures) in std::mem::take(&mut lot.figures) {
        let place = [store, month.to_string()];
        if let Ok(batch) = figures_columns(&lot, figures.clone()) {
            figures.sort_unstable_by_key(Figure::order);
            let numbers = figures.iter().map(|figure| figure.row).collect();
            rows.extend(batch_to_rows(&batch, &place, numbers));
        }
    }
    rows
}

/// Row numbers in the order of the columns.
fn sorted_rows(mut sales: Vec<Sale>) -> Vec<u32> {
    sales.sort_unstable_by_key(|sale| (sale.isrc.is_none(), sale.isrc, sale.row));
    sales.iter().map(|sale| sale.row).collect()
}

fn batch_to_rows(batch: &RecordBatch, place: &[String], numbers: Vec<u32>) -> Vec<NumberedRow> {
    let options = FormatOptions::default();
    let formatters: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .filter_map(|column| ArrayFormatter::try_new(column, &options).ok())
        .collect();
    let cell =
        |column: &ArrayFormatter<'_>, row: usize| without_zeros(column.value(row).to_string());
    let rows = numbers.into_iter().enumerate().map(|(place_in_batch, number)| {
        let mut cells = vec![number.to_string()];
        cells.extend_from_slice(place);
        cells.extend(formatters[1..].iter().map(|column| cell(column, place_in_batch)));
        (number, cells)
    });
    rows.collect()
}

/// An amount as people write it; anything else as it is.
fn without_zeros(text: String) -> String {
    let is_amount = text.rsplit_once('.').is_some_and(|(whole, fraction)| {
        let digits = whole.strip_prefix('-').unwrap_or(whole);
        fraction.len() == 12
            && [digits, fraction].iter().all(|t| t.bytes().all(|b| b.is_ascii_digit()))
    });
    if is_amount { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

pub(crate) fn pieces_to_rows(pieces: BTreeMap<Day, Piece>) -> Vec<NumberedRow> {
    let mut rows = Vec::new();
    for (day, piece) in pieces {
        for play in piece.rows.iter().flatten() {
            rows.push((play.row, play_cells(day, play, &piece)));
        }
    }
    rows
}

fn play_cells(day: Day, play: &Play, piece: &Piece) -> Vec<String> {
    let words = &piece.words;
    let track = &words.tracks[play.track as usize];
    let kind = &words.kinds[play.kind as usize];
    let product = &words.products[kind.product as usize];
    let ascii = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let name = |names: &[Box<str>], id: u32| names.get(id as usize).map_or("", |n| n).to_owned();
    let ms = |ms: u32| if ms == NONE { String::new() } else { ms.to_string() };
    let heard = chrono::DateTime::from_timestamp_millis(play.listened_at_ms).unwrap_or_default();
    vec![
        play.row.to_string(),
        day.to_string(),
        heard.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        track.isrc.map(|isrc| ascii(&isrc.to_text())).unwrap_or_default(),
        track.upc.map(Upc::to_text).unwrap_or_default(),
        track.store_track.as_deref().unwrap_or_default().to_owned(),
        Territory::from_packed(play.territory).map(|t| ascii(&t.to_text())).unwrap_or_default(),
        product.tier.as_str().to_owned(),
        product.tier_code.as_deref().unwrap_or_default().to_owned(),
        product.use_type.to_string(),
        match play.offline {
            OFFLINE => "true".to_owned(),
            ONLINE => "false".to_owned(),
            _ => String::new(),
        },
        ms(play.played_ms),
        ms(track.track_ms.unwrap_or(NONE)),
        name(&words.sources, kind.source),
        name(&words.devices, kind.device),
        kind.plays.to_string(),
    ]
}
