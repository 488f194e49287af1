//! Looks at one report for a person: which format it is and why, where each field stands, what its
//! control numbers say, and its first rows in our words. Writes nothing.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use streamledger_core::ingest::spotify_streams::Columns;
use streamledger_core::ingest::table::format::{Feed, TableFormat};
use streamledger_core::ingest::table::head::Bound;
use streamledger_core::normalize::counts::{Counts, UnmappedCodes};
use streamledger_core::normalize::defect::BadRow;
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_core::normalize::sales_reader::SalesContext;
use streamledger_core::normalize::spotify_streams::{Context, StreamsReader};
use streamledger_core::normalize::store::StoreSettings;
use streamledger_core::normalize::table_plays::PlaysContext;
use streamledger_core::normalize::table_reader::{Checked, TableContext, TableReader};
use streamledger_core::vocabulary::day::Day;
use streamledger_core::vocabulary::listener::ListenerKey;
use streamledger_core::vocabulary::play::{NONE, OFFLINE, ONLINE, Piece, Play};
use streamledger_core::vocabulary::sale::{Figure, Sale};
use streamledger_core::vocabulary::territory::Territory;

use crate::config::Settings;
use crate::durable::DiskError;
use crate::examine::Refusal;
use crate::recognise::{Recognised, recognise};
use crate::report_source::{End, Pace, Packing, read_through};
use crate::sales_columns::{figures_columns, sales_columns};
use crate::stages::Stages;
use crate::unicode::Utf16;

/// What was found.
#[derive(Debug, Default)]
pub struct Inspection {
    /// How the file is packed.
    pub packing: Option<Packing>,
    /// SHA-256 of the uncompressed bytes, hex.
    pub hash: Option<String>,
    /// The format.
    pub format: Option<String>,
    /// What it is for.
    pub feed: Option<Feed>,
    /// Store as which it was read.
    pub store: Option<String>,
    /// Line of the header, from 1.
    pub header_line: Option<u32>,
    /// Fields and where each comes from, in the order of the specification.
    pub fields: Vec<(String, String)>,
    /// Columns that are not looked at.
    pub unused: Vec<String>,
    /// Counts over the whole report.
    pub counts: Counts,
    /// Rows that are no data by the format's rules.
    pub n_skipped: u64,
    /// Tier codes that no table holds.
    pub unmapped: UnmappedCodes,
    /// Control numbers.
    pub controls: Vec<Checked>,
    /// Names of the columns of `rows`.
    pub columns: Vec<&'static str>,
    /// First rows in our words, in the report's order; empty cells are nulls.
    pub rows: Vec<Vec<String>>,
    /// First bad rows.
    pub bad_rows: Vec<BadRow>,
    /// Why it would be refused.
    pub refusal: Option<Refusal>,
}

/// Columns of plays that are shown.
const PLAY_COLUMNS: [&str; 15] = [
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
];

/// Reads a report of `store`, or of the store whose format claims it, and shows its first rows.
///
/// # Errors
/// [`DiskError`] if the file cannot be read.
pub fn inspect_report(
    settings: &Settings,
    path: &Path,
    store: Option<&str>,
    n_rows_max: usize,
) -> Result<Inspection, DiskError> {
    let key = ListenerKey::new([0; 32]);
    let mut inspector = Inspector {
        settings,
        key: &key,
        store: store.map(ToOwned::to_owned),
        file_name: path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        n_rows_max,
        reader: Reader::Start,
        utf16: None,
        found: Inspection::default(),
    };
    let path: PathBuf = path.to_owned();
    let end = read_through(&path, Pace::Alone, &Stages::default(), |block| inspector.take(block))?;
    Ok(inspector.finish(end))
}

struct Inspector<'a> {
    settings: &'a Settings,
    key: &'a ListenerKey,
    store: Option<String>,
    file_name: String,
    n_rows_max: usize,
    reader: Reader<'a>,
    utf16: Option<Utf16>,
    found: Inspection,
}

enum Reader<'a> {
    Start,
    Streams(Box<StreamsReader<'a>>),
    Table(Box<TableReader<'a>>),
    Refused,
}

impl<'a> Inspector<'a> {
    fn take(&mut self, block: &[u8]) {
        if matches!(self.reader, Reader::Start) && self.utf16.is_none() {
            self.utf16 = Utf16::of(block);
        }
        match self.utf16.take() {
            None => self.take_text(block),
            Some(mut utf16) => {
                utf16.decode(block, |text| self.take_text(text));
                self.utf16 = Some(utf16);
            }
        }
    }

    fn take_text(&mut self, block: &[u8]) {
        let mut rows = block;
        if matches!(self.reader, Reader::Start) {
            let text = block.strip_prefix(b"\xef\xbb\xbf").unwrap_or(block);
            let rows_start = self.begin(text).unwrap_or_else(|refusal| {
                self.found.refusal = Some(refusal);
                self.reader = Reader::Refused;
                0
            });
            rows = &text[rows_start..];
        }
        match &mut self.reader {
            Reader::Streams(reader) => reader.read_block(rows),
            Reader::Table(reader) => reader.read_block(rows),
            Reader::Start | Reader::Refused => {}
        }
        self.show_rows();
    }

    /// Tries the store that was named, or each one.
    fn begin(&mut self, head: &[u8]) -> Result<usize, Refusal> {
        let settings = self.settings;
        let stores: Vec<String> = match &self.store {
            Some(store) => vec![store.clone()],
            None => settings.stores.keys().cloned().collect(),
        };
        let mut first_refusal = None;
        for store in stores {
            match recognise(settings, Some(&store), &self.file_name, head) {
                Ok(recognised) => return self.read_as(&store, recognised, head),
                // Of many stores only the one that is meant says something that helps.
                Err(refusal) if self.store.is_some() || refusal.code != "unknown_format" => {
                    let is_better = first_refusal
                        .as_ref()
                        .is_none_or(|first: &Refusal| first.code == "store_mismatch");
                    if is_better {
                        first_refusal = Some(refusal);
                    }
                }
                Err(_) => {}
            }
        }
        Err(first_refusal.unwrap_or_else(|| {
            let n_formats = settings.formats.len() + 1;
            Refusal::new("unknown_format", format!("none of the {n_formats} formats claims it"))
        }))
    }

    fn read_as(
        &mut self,
        store: &str,
        recognised: Recognised<'a>,
        head: &[u8],
    ) -> Result<usize, Refusal> {
        let settings = self.settings;
        let store = settings.stores.get(store).ok_or_else(|| {
            Refusal::new("unknown_store", format!("no store file of the pipeline is for `{store}`"))
        })?;
        self.found.store = Some(store.store.clone());
        match recognised {
            Recognised::SpotifyStreams(columns) => {
                self.read_streams(store, columns);
                Ok(memchr::memchr(b'\n', head).map_or(head.len(), |feed| feed + 1))
            }
            Recognised::Table(format, bound) => {
                let rows_start = bound.rows_start;
                self.read_table(store, format, *bound)?;
                Ok(rows_start)
            }
        }
    }

    fn read_streams(&mut self, store: &'a StoreSettings, columns: Columns) {
        let found = &mut self.found;
        found.format = Some(streamledger_core::ingest::spotify_streams::FORMAT.to_owned());
        (found.feed, found.header_line) = (Some(Feed::Trends), Some(1));
        found.columns = PLAY_COLUMNS.to_vec();
        for (place, name) in columns.names.iter().enumerate() {
            if columns.is_mapped(place) {
                found.fields.push((name.to_lowercase(), format!("column {} `{name}`", place + 1)));
            } else {
                found.unused.push(name.clone());
            }
        }
        let territories = &self.settings.territories;
        let context = Context { store, territories, key: self.key, wanted: None };
        self.reader = Reader::Streams(Box::new(StreamsReader::new(columns, context)));
    }

    fn read_table(
        &mut self,
        store: &'a StoreSettings,
        format: &'a TableFormat,
        bound: Bound,
    ) -> Result<(), Refusal> {
        self.describe(format, &bound);
        let territories = &self.settings.territories;
        let context = match format.feed {
            Feed::Sales => {
                self.found.columns = vec!["row", "store", "month"];
                self.found.columns.extend(SALE_COLUMNS);
                let stores = &self.settings.stores;
                TableContext::Sales(SalesContext { store: &store.store, stores, territories })
            }
            Feed::Trends => {
                self.found.columns = PLAY_COLUMNS.to_vec();
                self.found.columns.push("plays");
                TableContext::Plays(PlaysContext {
                    store,
                    territories,
                    key: self.key,
                    wanted: None,
                })
            }
            Feed::Counters | Feed::Declared => {
                self.found.columns = vec!["row", "store", "month"];
                self.found.columns.extend(FIGURE_COLUMNS);
                let stores = &self.settings.stores;
                TableContext::Figures(SalesContext { store: &store.store, stores, territories })
            }
            Feed::Reference => {
                let feed = format.feed.as_str();
                let detail = format!("{}: the feed `{feed}` is not read yet", format.format);
                return Err(Refusal::new("unknown_format", detail));
            }
        };
        self.reader = Reader::Table(Box::new(TableReader::new(format, bound, context)));
        Ok(())
    }

    fn describe(&mut self, format: &TableFormat, bound: &Bound) {
        let found = &mut self.found;
        found.format = Some(format.format.clone());
        found.feed = Some(format.feed);
        found.header_line = bound.header_line.map(|line| line + 1);
        let mut used = vec![false; bound.names.len()];
        for field in format.fields.keys().chain(format.constants.keys()) {
            let name = field_name(*field);
            if found.fields.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let columns = bound.columns.get(field).into_iter().flatten();
            let mut places: Vec<String> = Vec::new();
            for column in columns {
                used[*column] = true;
                places.push(format!("column {} `{}`", column + 1, bound.names[*column].trim()));
            }
            let fixed = match (bound.preamble.get(field), format.constants.get(field)) {
                (Some(said), _) => Some(format!("preamble: {said}")),
                (None, Some(constant)) => Some(format!("always {constant}")),
                (None, None) => None,
            };
            places.extend(fixed);
            let from = if places.is_empty() {
                "not in this report".to_owned()
            } else {
                places.join(", else ")
            };
            found.fields.push((name, from));
        }
        let unused = bound.names.iter().zip(used).filter(|(_, used)| !used);
        found.unused = unused.map(|(name, _)| name.trim().to_owned()).collect();
    }

    /// Takes what was read out of the reader and keeps the first rows of it.
    fn show_rows(&mut self) {
        let rows = match &mut self.reader {
            Reader::Streams(reader) => pieces_to_rows(reader.take_pieces([0; 32]), false),
            Reader::Table(reader) => {
                let mut rows = pieces_to_rows(reader.take_pieces(), true);
                rows.extend(lot_to_rows(reader.take_lot()));
                rows
            }
            Reader::Start | Reader::Refused => return,
        };
        let mut rows = rows;
        rows.sort_by_key(|(row, _)| *row);
        let room = self.n_rows_max.saturating_sub(self.found.rows.len());
        self.found.rows.extend(rows.into_iter().take(room).map(|(_, cells)| cells));
    }

    fn finish(mut self, end: End) -> Inspection {
        if let Some(mut utf16) = self.utf16.take() {
            utf16.finish(|text| self.take_text(text));
        }
        if let Reader::Table(reader) = &mut self.reader {
            reader.end();
        }
        self.show_rows();
        let mut found = self.found;
        match end {
            End::Whole { hash, packing } => {
                found.hash = Some(hex::encode(hash));
                found.packing = Some(packing);
            }
            End::Corrupt { detail, .. } => {
                let detail = format!("cannot be unpacked: {detail}");
                found.refusal = Some(Refusal::new("corrupt", detail));
            }
            End::Growing => {
                let detail = "it changed while it was read";
                found.refusal = Some(Refusal::new("growing", detail));
            }
        }
        match self.reader {
            Reader::Start => {
                found.refusal = Some(Refusal::new("empty_file", "the report has no bytes"));
            }
            Reader::Refused => {}
            Reader::Streams(reader) => {
                let reading = reader.finish();
                (found.counts, found.bad_rows) = (reading.counts, reading.bad_rows);
            }
            Reader::Table(reader) => {
                let reading = reader.finish();
                (found.counts, found.bad_rows) = (reading.counts, reading.bad_rows);
                (found.controls, found.n_skipped) = (reading.controls, reading.n_skipped);
                found.unmapped = reading.unmapped;
            }
        }
        let settings = found.store.as_ref().and_then(|store| self.settings.stores.get(store));
        if let (None, Some(store)) = (&found.refusal, settings) {
            let max = store.bad_rows_max_basis_points;
            found.refusal = crate::examine::wrong_total(&found.controls)
                .or_else(|| crate::examine::too_many_bad_rows(&found.counts, max));
        }
        found.bad_rows.truncate(self.n_rows_max);
        found
    }
}

/// A field's name as format files write it.
fn field_name(field: streamledger_core::ingest::table::format::Field) -> String {
    serde_json::to_value(field).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
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

type NumberedRow = (u32, Vec<String>);

fn lot_to_rows(mut lot: SalesLot) -> Vec<NumberedRow> {
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

fn pieces_to_rows(
    pieces: std::collections::BTreeMap<Day, Piece>,
    with_plays: bool,
) -> Vec<NumberedRow> {
    let mut rows = Vec::new();
    for (day, piece) in pieces {
        for play in piece.rows.iter().flatten() {
            rows.push((play.row, play_cells(day, play, &piece, with_plays)));
        }
    }
    rows
}

fn play_cells(day: Day, play: &Play, piece: &Piece, with_plays: bool) -> Vec<String> {
    let words = &piece.words;
    let track = &words.tracks[play.track as usize];
    let kind = &words.kinds[play.kind as usize];
    let product = &words.products[kind.product as usize];
    let ascii = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let name = |names: &[Box<str>], id: u32| names.get(id as usize).map_or("", |n| n).to_owned();
    let ms = |ms: u32| if ms == NONE { String::new() } else { ms.to_string() };
    let heard = chrono::DateTime::from_timestamp_millis(play.listened_at_ms).unwrap_or_default();
    let mut cells = vec![
        play.row.to_string(),
        day.to_string(),
        heard.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        track.isrc.map(|isrc| ascii(&isrc.to_text())).unwrap_or_default(),
        track.upc.map(|upc| upc.to_text()).unwrap_or_default(),
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
    ];
    if with_plays {
        cells.push(kind.plays.to_string());
    }
    cells
}
