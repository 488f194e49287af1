//! Rows of a report in our words, as text, for a person who inspects it.

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, RecordBatch};
use streamledger_core::model::day::Day;
use streamledger_core::model::play::{NONE, OFFLINE, ONLINE, Play, ReportPlays};
use streamledger_core::model::territory::Territory;
use streamledger_core::model::upc::Upc;
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_storage::tables::cell_text::cell_text;
use streamledger_storage::tables::lot_table::LotTable;
use streamledger_storage::tables::reference_columns::reference_columns;
use streamledger_storage::tables::sales_columns::{figures_columns, sales_columns};

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

/// Names of the columns of the rows of a table; `None` for plays.
pub(crate) fn columns_of(table: Option<LotTable>) -> Vec<String> {
    let Some(table) = table else {
        return PLAY_COLUMNS.map(ToOwned::to_owned).to_vec();
    };
    let place = ["row", "store", "month"].map(ToOwned::to_owned);
    let schema = table.part_schema();
    let rest = schema.fields().iter().skip(1).map(|field| field.name().clone());
    place.into_iter().chain(rest).collect()
}

/// A row with its line in the report.
pub(crate) type NumberedRow = (i64, Vec<String>);

pub(crate) fn lot_to_rows(mut lot: SalesLot, table: Option<LotTable>) -> Vec<NumberedRow> {
    let mut rows = Vec::new();
    for ((store, month), lines) in &lot.sales {
        let place = [store.clone(), month.to_string()];
        let sales = lines.iter().map(|line| line.to_sale(&lot.words)).collect();
        if let Ok(batch) = sales_columns(&lot, sales) {
            rows.extend(batch_to_rows(&batch, &place));
        }
    }
    for ((store, month), figures) in std::mem::take(&mut lot.figures) {
        let place = [store, month.to_string()];
        if let Ok(batch) = figures_columns(&lot, figures) {
            rows.extend(batch_to_rows(&batch, &place));
        }
    }
    for ((store, month), references) in std::mem::take(&mut lot.references) {
        let place = [store, month.to_string()];
        let batch = table.and_then(|table| reference_columns(table, &lot, references).ok());
        rows.extend(batch.iter().flat_map(|batch| batch_to_rows(batch, &place)));
    }
    rows
}

fn batch_to_rows(batch: &RecordBatch, place: &[String]) -> Vec<NumberedRow> {
    let cell = |column: &ArrayRef, row| without_zeros(cell_text(column, row).unwrap_or_default());
    let numbers = batch.column(0).as_primitive::<Int64Type>().values();
    let rows = numbers.iter().enumerate().map(|(place_in_batch, number)| {
        let mut cells = vec![number.to_string()];
        cells.extend_from_slice(place);
        cells.extend(batch.columns()[1..].iter().map(|column| cell(column, place_in_batch)));
        (*number, cells)
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

pub(crate) fn pieces_to_rows(pieces: Vec<(Day, ReportPlays)>) -> Vec<NumberedRow> {
    let mut rows = Vec::new();
    for (day, piece) in pieces {
        for play in piece.rows.iter().flatten() {
            rows.push((i64::from(play.row), play_cells(day, play, &piece)));
        }
    }
    rows
}

fn play_cells(day: Day, play: &Play, piece: &ReportPlays) -> Vec<String> {
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
