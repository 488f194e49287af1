//! What must hold for any bytes, whoever makes them up: nothing panics, every row is taken in or
//! quarantined, and where the blocks of a report end does not matter.
//!
//! `fuzz/` runs these with cargo-fuzz for hours, `tests/` with its corpus and some changes of it in
//! seconds.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use streamledger_core::ingest::dsr::head::{Match as DsrMatch, match_head as match_dsr};
use streamledger_core::ingest::inflate::gzip::GunzipReader;
use streamledger_core::ingest::spotify_streams::Columns;
use streamledger_core::ingest::table::format::{Delimiter, Feed, TableFormat};
use streamledger_core::ingest::table::head::{Match, match_head};
use streamledger_core::normalize::counts::Counts;
use streamledger_core::normalize::dates::read_date;
use streamledger_core::normalize::dsr_reader::DsrReader;
use streamledger_core::normalize::numbers::{plain_decimal, whole_number};
use streamledger_core::normalize::sales_reader::SalesContext;
use streamledger_core::normalize::spotify_streams::{Context, StreamsReader};
use streamledger_core::normalize::store::StoreSettings;
use streamledger_core::normalize::table_plays::PlaysContext;
use streamledger_core::normalize::table_reader::{TableContext, TableReader};
use streamledger_core::normalize::times::stamp_or_epoch;
use streamledger_core::vocabulary::isrc::Isrc;
use streamledger_core::vocabulary::listener::ListenerKey;
use streamledger_core::vocabulary::money::{Amount, Currency};
use streamledger_core::vocabulary::territory::Territories;
use streamledger_core::vocabulary::upc::Upc;

/// What the readers need beside a report: the project's own settings.
struct World {
    formats: Vec<TableFormat>,
    stores: BTreeMap<String, StoreSettings>,
    territories: Territories,
    key: ListenerKey,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let pipelines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines");
    let texts = |folder: &str| -> Vec<String> {
        let mut paths: Vec<_> = std::fs::read_dir(pipelines.join(folder))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        paths.sort();
        paths.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
    };
    let formats: Vec<TableFormat> =
        texts("formats").iter().filter_map(|text| toml::from_str(text).ok()).collect();
    let stores = texts("stores")
        .iter()
        .filter_map(|text| toml::from_str::<StoreSettings>(text).ok())
        .map(|store| (store.store.clone(), store))
        .collect();
    let aliases = BTreeMap::from([("UK".to_owned(), "GB".to_owned())]);
    let territories = Territories::new(&aliases);
    assert!(!formats.is_empty() && territories.is_ok(), "no pipelines in {}", pipelines.display());
    World {
        formats,
        stores,
        territories: territories.unwrap_or_else(|_| unreachable!()),
        key: ListenerKey::new([7; 32]),
    }
});

/// The names of the targets, which are also the folders of the corpus.
pub const TARGETS: [&str; 6] = ["cells", "dsr", "gunzip", "json_table", "streams", "table"];

/// Runs a target by its name.
///
/// # Panics
/// Where something that must hold does not.
pub fn run(target: &str, bytes: &[u8]) {
    match target {
        "cells" => cells(bytes),
        "dsr" => dsr(bytes),
        "gunzip" => gunzip(bytes),
        "json_table" => table(bytes, true),
        "streams" => streams(bytes),
        "table" => table(bytes, false),
        _ => {}
    }
}

/// Blocks of whole lines: the text as one, and cut behind each line end whose place has `mask`'s bits.
fn blocks(text: &[u8], is_cut: bool) -> Vec<&[u8]> {
    if !is_cut {
        return vec![text];
    }
    let mut blocks = Vec::new();
    let mut start = 0;
    for (place, byte) in text.iter().enumerate() {
        if *byte == b'\n' && place % 3 != 1 {
            blocks.push(&text[start..=place]);
            start = place + 1;
        }
    }
    if start < text.len() {
        blocks.push(&text[start..]);
    }
    blocks
}

/// Counts, rows taken in, and a digest of them, of a reading.
type Outcome = (Counts, u64, String);

fn assert_conserved(outcome: &Outcome) {
    let (counts, n_taken, _) = outcome;
    assert_eq!(counts.rows, n_taken + counts.quarantined, "rows are lost or made up");
}

/// Spotify's wide table of raw streams.
fn streams(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let header = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
    let Ok(columns) = Columns::recognise(header) else {
        return;
    };
    let rows = bytes.get(end + 1..).unwrap_or_default();
    let world = &*WORLD;
    let read = |is_cut: bool| -> Outcome {
        let context = Context {
            store: &world.stores["spotify"],
            territories: &world.territories,
            key: &world.key,
            wanted: None,
        };
        let mut reader = StreamsReader::new(columns.clone(), context);
        blocks(rows, is_cut).into_iter().for_each(|block| reader.read_block(block));
        let pieces = reader.take_pieces([0; 32]);
        let n_taken = pieces.values().flat_map(|piece| &piece.rows).map(|c| c.len() as u64).sum();
        let reading = reader.finish();
        let bad: Vec<_> = reading.bad_rows.iter().map(|bad| (bad.row, bad.defect)).collect();
        (reading.counts, n_taken, format!("{bad:?}"))
    };
    let whole = read(false);
    assert_conserved(&whole);
    assert_eq!(whole, read(true), "the blocks of a report change what it says");
}

/// A plain table of the first format that claims it.
fn table(bytes: &[u8], is_json: bool) {
    let world = &*WORLD;
    for format in &world.formats {
        if (format.text.delimiter == Delimiter::Ndjson) != is_json {
            continue;
        }
        let Match::Yes(bound) = match_head(format, bytes, "GBXY12600001_20260901.txt") else {
            continue;
        };
        let rows = &bytes[bound.rows_start..];
        let read = |is_cut: bool| -> Outcome {
            let mut reader = TableReader::new(format, (*bound).clone(), context_of(format));
            blocks(rows, is_cut).into_iter().for_each(|block| reader.read_block(block));
            reader.end();
            let pieces = reader.take_pieces();
            let n_plays: u64 =
                pieces.values().flat_map(|piece| &piece.rows).map(|c| c.len() as u64).sum();
            let lot = reader.take_lot();
            let n_lines = lot.sales.values().map(Vec::len).sum::<usize>()
                + lot.figures.values().map(Vec::len).sum::<usize>()
                + lot.references.values().map(Vec::len).sum::<usize>();
            let digest = format!("{:?}{:?}{:?}", lot.sales, lot.figures, lot.texts);
            let reading = reader.finish();
            let bad: Vec<_> = reading.bad_rows.iter().map(|bad| (bad.row, bad.defect)).collect();
            (reading.counts, n_plays + n_lines as u64, format!("{digest}{bad:?}"))
        };
        let whole = read(false);
        assert_conserved(&whole);
        assert_eq!(whole, read(true), "the blocks of a report change what it says");
        return;
    }
}

fn context_of(format: &TableFormat) -> TableContext<'static> {
    let world = &*WORLD;
    let store = world.stores.get(&format.store).unwrap_or(&world.stores["spotify"]);
    let (stores, territories) = (&world.stores, &world.territories);
    let sales = SalesContext { store: &store.store, stores, territories };
    match format.feed {
        Feed::Trends => {
            TableContext::Plays(PlaysContext { store, territories, key: &world.key, wanted: None })
        }
        Feed::PublicCounts | Feed::StoreRemovals => TableContext::Figures(sales),
        Feed::Sales => TableContext::Sales(sales),
        Feed::Reference => TableContext::Reference(sales),
    }
}

/// A DDEX DSR flat file.
fn dsr(bytes: &[u8]) {
    let name = "DSR_Us_Store_Premium_2026-09_DE_1of1_20261002T100000.tsv";
    let DsrMatch::Yes(head) = match_dsr(bytes, name) else {
        return;
    };
    let world = &*WORLD;
    let read = |is_cut: bool| -> Outcome {
        let store = &world.stores["spotify"];
        let mut reader = DsrReader::new((*head).clone(), store, &world.territories);
        blocks(bytes, is_cut).into_iter().for_each(|block| reader.read_block(block));
        let lot = reader.take_lot();
        let n_taken = lot.sales.values().map(Vec::len).sum::<usize>()
            + lot.pools.values().map(Vec::len).sum::<usize>();
        let digest = format!("{:?}{:?}{:?}", lot.sales, lot.pools, lot.texts);
        let reading = reader.finish();
        let bad: Vec<_> = reading.bad_rows.iter().map(|bad| (bad.row, bad.defect)).collect();
        (reading.counts, n_taken as u64, format!("{digest}{bad:?}{:?}", reading.controls))
    };
    let whole = read(false);
    assert_conserved(&whole);
    assert_eq!(whole, read(true), "the blocks of a report change what it says");
}

/// gzip, held against another decoder: where that one reads all, ours reads the same.
fn gunzip(bytes: &[u8]) {
    use std::io::Read as _;
    const OUTPUT_MAX: usize = 1 << 20;
    let mut expected = Vec::new();
    let decoder = flate2::bufread::MultiGzDecoder::new(bytes);
    let is_whole = decoder.take(OUTPUT_MAX as u64).read_to_end(&mut expected).is_ok();
    if expected.len() == OUTPUT_MAX {
        return;
    }
    let mut output = vec![0; OUTPUT_MAX];
    let mut position = 0;
    let read = GunzipReader::new(bytes).read_into(&mut output, &mut position);
    if is_whole && !bytes.is_empty() {
        assert!(read.is_ok(), "{read:?}, the other decoder read {} bytes", expected.len());
        assert!(output[..position] == expected, "other bytes than the other decoder's");
    }
}

/// Cells of all kinds: what is read is sane, and what is written is read back.
fn cells(bytes: &[u8]) {
    use streamledger_core::ingest::table::format::DateStyle;
    use streamledger_core::ingest::table::format::NumberStyle::{Comma, Either, Point};
    let _stamp = stamp_or_epoch(bytes);
    if let Some(isrc) = Isrc::parse(bytes) {
        assert_eq!(Isrc::parse(&isrc.to_text()), Some(isrc));
    }
    if let Some(upc) = Upc::parse(bytes) {
        assert_eq!(Upc::parse(upc.to_text().as_bytes()), Some(upc));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let _currency = Currency::parse(text);
    let styles = [
        DateStyle::Iso,
        DateStyle::YearSlash,
        DateStyle::DayFirst,
        DateStyle::MonthFirst,
        DateStyle::YearMonth,
        DateStyle::DayOfMonth,
        DateStyle::MonthYear,
        DateStyle::Range,
    ];
    for style in styles {
        if let Some(span) = read_date(text, &[style]) {
            assert!(span.first <= span.last);
        }
    }
    for style in [Point, Comma, Either] {
        if let Some(plain) = plain_decimal(text, style) {
            let _whole = whole_number(&plain);
            if let Some(read) = Amount::parse(&plain) {
                let again = Amount::parse(&read.amount.to_string());
                assert_eq!(again.map(|again| again.amount), Some(read.amount));
            }
        }
    }
}
