//! Reads a report of any format to what can be compared: its rows as text, and what was counted.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use streamledger_core::ingest::dsr::head::{DsrMatch, match_head as match_dsr};
use streamledger_core::ingest::table::format::{Feed, TableFormat};
use streamledger_core::ingest::table::head::{HeadMatch, match_head};
use streamledger_core::ingest::table::text_layout::FieldDelimiter;
use streamledger_core::ingest::text::{ReportText, after_first_line_end, is_utf16};
use streamledger_core::model::day::Day;
use streamledger_core::model::listener::ListenerKey;
use streamledger_core::model::play::ReportPlays;
use streamledger_core::model::territory::TerritoryTable;
use streamledger_core::normalize::counts::{LineCounts, RowCounts};
use streamledger_core::normalize::dsr::reader::DsrReader;
use streamledger_core::normalize::rejected_row::{RejectCode, RejectedRow, ReportFault};
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_core::normalize::store::StoreSettings;
use streamledger_core::normalize::table::control_numbers::CheckedControl;
use streamledger_core::normalize::table::plays::context::PlaysContext;
use streamledger_core::normalize::table::reader::{TableContext, TableReader};
use streamledger_core::normalize::table::sales_reader::SalesContext;

/// What the readers need besides a report: the project's own settings.
struct FuzzWorld {
    formats: Vec<TableFormat>,
    stores: BTreeMap<String, StoreSettings>,
    territories: TerritoryTable,
    key: ListenerKey,
}

static WORLD: LazyLock<FuzzWorld> = LazyLock::new(|| {
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
    let territories = TerritoryTable::new(&aliases);
    assert!(!formats.is_empty() && territories.is_ok(), "no pipelines in {}", pipelines.display());
    FuzzWorld {
        formats,
        stores,
        territories: territories.unwrap_or_else(|_| unreachable!()),
        key: ListenerKey::new([7; 32]),
    }
});

/// The plain tables of the project.
#[must_use]
pub fn formats() -> &'static [TableFormat] {
    &WORLD.formats
}

/// Which readers are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FuzzKind {
    /// DDEX DSR flat files.
    Dsr,
    /// The first plain table that claims the report.
    Table,
    /// The first table of JSON lines that claims it.
    JsonTable,
}

/// What was read of a report.
#[derive(Debug, PartialEq, Eq)]
pub struct ReportRead {
    /// The format.
    pub format: String,
    /// Line of the report that is its header, from 0; `None` where it has none.
    pub header_line: Option<u32>,
    /// What was counted.
    pub counts: RowCounts,
    /// What its lines were.
    pub lines: LineCounts,
    /// Lines of its text.
    pub n_lines: u64,
    /// Rows that were ingested, by number, as text.
    pub rows: BTreeMap<u32, String>,
    /// Rows that were not.
    pub bad_rows: BTreeMap<u32, RejectCode>,
    /// Why the report is rejected, other than for its bad rows.
    pub rejected: Option<String>,
}

/// Reads a report; `is_cut` hands it to its reader in many blocks. `None` if no format claims it.
#[must_use]
pub fn read_report(
    bytes: &[u8],
    kind: FuzzKind,
    file_name: &str,
    is_cut: bool,
) -> Option<ReportRead> {
    let (text, n_lines) = text_of(bytes, is_cut);
    match kind {
        FuzzKind::Dsr => dsr(&text, n_lines, is_cut),
        FuzzKind::Table => table(&text, n_lines, file_name, (false, is_cut)),
        FuzzKind::JsonTable => table(&text, n_lines, file_name, (true, is_cut)),
    }
}

fn text_of(bytes: &[u8], is_cut: bool) -> (Vec<u8>, u64) {
    let (mut text, mut whole) = (ReportText::default(), Vec::new());
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = if !is_cut {
            rest.len()
        } else if is_utf16(bytes) {
            // The mark is in one block.
            rest.len().min(7)
        } else {
            after_first_line_end(rest).unwrap_or(rest.len())
        };
        // A line may be too long; no fuzzer gets so far.
        let _taken = text.take(&rest[..end], |lines| whole.extend_from_slice(lines));
        rest = &rest[end..];
    }
    text.finish(|lines| whole.extend_from_slice(lines));
    (whole, text.n_lines())
}

/// Blocks of whole lines: the text as one, or cut behind some of its line ends.
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

fn bad_rows(bad_rows: &[RejectedRow]) -> BTreeMap<u32, RejectCode> {
    bad_rows.iter().map(|bad| (bad.row, bad.reject_code)).collect()
}

fn rejected(fault: Option<ReportFault>, controls: &[CheckedControl]) -> Option<String> {
    let wrong = controls.iter().find(|control| control.is_binding && !control.agrees);
    fault
        .map(|fault| fault.reject_code.code().to_owned())
        .or_else(|| wrong.map(|wrong| format!("control_total {}", wrong.label)))
}

fn table(
    text: &[u8],
    n_lines: u64,
    file_name: &str,
    (is_json, is_cut): (bool, bool),
) -> Option<ReportRead> {
    let of_kind =
        |format: &&TableFormat| (format.text.delimiter == FieldDelimiter::Ndjson) == is_json;
    let mut formats = WORLD.formats.iter().filter(of_kind);
    let (format, bound) = formats.find_map(|format| match match_head(format, text, file_name) {
        HeadMatch::Yes(bound) => Some((format, bound)),
        _ => None,
    })?;
    let (rows, header_line) = (&text[bound.rows_start..], bound.header_line);
    let mut reader = TableReader::new(format, *bound, context_of(format));
    blocks(rows, is_cut).into_iter().for_each(|block| reader.read_block(block));
    reader.end();
    let mut rows = rows_of_pieces(&reader.take_pieces());
    rows.extend(rows_of_lot(&reader.take_lot()));
    let reading = reader.finish();
    Some(ReportRead {
        format: format.format.clone(),
        header_line,
        counts: reading.counts,
        lines: reading.lines,
        n_lines,
        rows,
        bad_rows: bad_rows(&reading.bad_rows),
        rejected: rejected(reading.fault, &reading.controls),
    })
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

fn dsr(text: &[u8], n_lines: u64, is_cut: bool) -> Option<ReportRead> {
    let name = "DSR_Us_Store_Premium_2026-09_DE_1of1_20261002T100000.tsv";
    let DsrMatch::Yes(head) = match_dsr(text, name) else {
        return None;
    };
    let (world, format) = (&*WORLD, head.profile.format().to_owned());
    let mut reader = DsrReader::new(*head, &world.stores["spotify"], &world.territories);
    blocks(text, is_cut).into_iter().for_each(|block| reader.read_block(block));
    let rows = rows_of_lot(&reader.take_lot());
    let reading = reader.finish();
    Some(ReportRead {
        format,
        header_line: None,
        counts: reading.counts,
        lines: reading.lines,
        n_lines,
        rows,
        bad_rows: bad_rows(&reading.bad_rows),
        rejected: rejected(reading.fault, &reading.controls),
    })
}

/// Plays by row, with what their ids mean in place of them.
fn rows_of_pieces(pieces: &BTreeMap<Day, ReportPlays>) -> BTreeMap<u32, String> {
    let mut rows = BTreeMap::new();
    for (day, piece) in pieces {
        let words = &piece.words;
        for play in piece.rows.iter().flatten() {
            let kind = words.kinds[play.kind as usize];
            let text = format!(
                "{day} {:?} {:?} {:?} {:?} {:?} {} {} {} {} {} {}",
                words.tracks[play.track as usize],
                words.listeners.get(play.listener as usize),
                words.products[kind.product as usize],
                words.sources.get(kind.source as usize),
                words.devices.get(kind.device as usize),
                kind.plays,
                play.listened_at_ms,
                play.played_ms,
                play.territory,
                play.offline,
                play.exact,
            );
            assert!(rows.insert(play.row, text).is_none(), "row {} is there twice", play.row);
        }
    }
    rows
}

/// Lines, pools, figures and reference data by row, with texts in place of their ids.
fn rows_of_lot(lot: &SalesLot) -> BTreeMap<u32, String> {
    let mut rows = BTreeMap::new();
    let text = |id: Option<u32>| id.map(|id| lot.text(id));
    let mut put = |row: u32, what: String, texts: &[Option<&str>]| {
        let earlier = rows.insert(row, format!("{what} {texts:?}"));
        assert!(earlier.is_none(), "row {row} is there twice");
    };
    for (month, sale) in lot.all_sales() {
        let mut plain = sale;
        let texts = [
            plain.store_track.take(),
            plain.tier_code.take(),
            plain.amount_text.take(),
            plain.pool.take(),
            plain.shop.take(),
            plain.grid.take(),
            plain.id_text.take(),
            Some(std::mem::take(&mut plain.use_type)),
        ];
        plain.row = 0;
        put(sale.row, format!("{month:?} {plain:?}"), &texts.map(text));
    }
    for (month, pool) in entries(&lot.pools) {
        let mut plain = *pool;
        let texts =
            [Some(std::mem::take(&mut plain.pool)), plain.model.take(), plain.use_type.take()];
        plain.row = 0;
        put(pool.row, format!("{month:?} {plain:?}"), &texts.map(text));
    }
    for (month, figure) in entries(&lot.figures) {
        let mut plain = *figure;
        let texts = [plain.store_track.take(), plain.tier_code.take()];
        plain.row = 0;
        put(figure.row, format!("{month:?} {plain:?}"), &texts.map(text));
    }
    for (month, reference) in entries(&lot.references) {
        let mut plain = *reference;
        let texts = [
            plain.store_track.take(),
            plain.title.take(),
            plain.artist.take(),
            plain.release.take(),
            plain.label.take(),
            plain.owner.take(),
            plain.rate_source.take(),
        ];
        plain.row = 0;
        put(reference.row, format!("{month:?} {plain:?}"), &texts.map(text));
    }
    rows
}

fn entries<K, T>(by_month: &BTreeMap<K, Vec<T>>) -> impl Iterator<Item = (&K, &T)> {
    by_month.iter().flat_map(|(month, all)| all.iter().map(move |one| (month, one)))
}
