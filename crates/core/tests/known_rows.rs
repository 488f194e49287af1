//! Rows whose cells were seen before are looked up: that must never make another line of them than reading
//! each row for itself.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]
#![expect(clippy::disallowed_methods, reason = "tests make files, break them and look at them")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use streamledger_core::ingest::table::format::TableFormat;
use streamledger_core::ingest::table::head::{HeadMatch, match_head};
use streamledger_core::model::sale::SaleRow;
use streamledger_core::model::territory::TerritoryTable;
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_core::normalize::store::StoreSettings;
use streamledger_core::normalize::table::reader::{TableContext, TableReader};
use streamledger_core::normalize::table::sales_reader::SalesContext;

fn load<T: serde::de::DeserializeOwned>(folder: &str) -> Vec<T> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines").join(folder);
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()).collect()
}

static FORMATS: LazyLock<Vec<TableFormat>> = LazyLock::new(|| load("formats"));

static STORES: LazyLock<BTreeMap<String, StoreSettings>> = LazyLock::new(|| {
    load::<StoreSettings>("stores").into_iter().map(|store| (store.store.clone(), store)).collect()
});

static TERRITORIES: LazyLock<TerritoryTable> = LazyLock::new(|| {
    TerritoryTable::new(&BTreeMap::from([("UK".to_owned(), "GB".to_owned())])).unwrap()
});

/// A column, and cells that may stand in it; the first ones are usual.
type Column = (&'static str, &'static [&'static str]);

const AMOUNTS: &[&str] = &[
    "0.5",
    ".25",
    "-1.5",
    "12",
    "4.27E-7",
    "1,200.50",
    "1.234",
    "",
    "x",
    "0.1234567890123456",
    "N/A",
    "--",
    " 7.5 ",
    "$3.10",
    "+1",
    "1,5",
    "99999999999999999999999",
];

const UNITS: &[&str] = &[
    "1",
    "7",
    "-2",
    "12",
    "1.0",
    "1.5",
    "",
    " 3",
    "+4",
    "1,200",
    "N/A",
    "1234567890123456",
    "=\"8\"",
];

/// Formats with their currency from a constant and from a column, and with numbers of either decimal mark.
const REPORTS: [(&str, &[Column]); 3] = [
    (
        "imusician",
        &[
            ("Sales date", &["2026-06", "2026-07", ""]),
            ("Statement date", &["2026-10", "2026-11", ""]),
            ("Shop", &["Spotify", "Apple Music", "Unheard Of", ""]),
            ("ISRC", &["GBXY12600001", "GBXY12600002", "none", ""]),
            ("Country", &["US", "UK", "Narnia", ""]),
            ("Quantity", UNITS),
            ("Revenue EUR", AMOUNTS),
        ],
    ),
    (
        "distrokid",
        &[
            ("Reporting Date", &["2026-09-01", "2026-09-02", "", "soon"]),
            ("Sale Month", &["2026-07", "2026-08", "2026-7", ""]),
            ("Store", &["Spotify", "Apple Music", "Unheard Of", "", "spotify "]),
            ("ISRC", &["GBXY12600001", "GBXY12600002", "gb-xy1-26-00001", "none", ""]),
            ("UPC", &["4006381333931", "12", ""]),
            ("Quantity", UNITS),
            ("Country of Sale", &["US", "UK", "Narnia", "Germany", "", "us"]),
            ("Earnings (USD)", AMOUNTS),
        ],
    ),
    (
        "fuga-royalty-extended",
        &[
            ("Asset ISRC", &["GBXY12600001", "GBXY12600002", "none", ""]),
            ("Product UPC", &["4006381333931", "0", ""]),
            ("Asset Reference", &["a", "b", ""]),
            ("Territory", &["US", "UK", "Narnia", ""]),
            ("Quantity", UNITS),
            ("Sale Type", &["Stream", "Download", ""]),
            ("Sale User Type", &["Premium", "Free", "Odd", ""]),
            ("Sale Start date", &["2026-07-01", "2026-08-01", "x", ""]),
            ("Sale End date", &["2026-08-31", "2026-07-31", ""]),
            ("Sale Store Name", &["Spotify", "Apple Music", "Unheard Of", ""]),
            ("Reported Royalty", AMOUNTS),
            ("Currency", &["EUR", "USD", "EURO", ""]),
        ],
    ),
];

/// A row as places of its cells; small numbers are usual ones.
fn row_of(columns: &[Column], numbers: &[u8], delimiter: &str) -> String {
    let cell = |((_, cells), number): (&Column, &u8)| {
        // Three times of four one of the first two.
        let place = if number % 4 == 0 { number / 4 } else { number % 2 };
        cells[usize::from(place) % cells.len()]
    };
    let quoted = |cell: &str| {
        if delimiter == "\t" {
            cell.to_owned()
        } else {
            format!("\"{}\"", cell.replace('"', "\"\""))
        }
    };
    columns.iter().zip(numbers).map(cell).map(quoted).collect::<Vec<_>>().join(delimiter)
}

/// What came of the rows: lines with their texts, counts, unknown values and bad rows.
#[derive(Debug, PartialEq)]
struct Outcome {
    lines: BTreeMap<u32, String>,
    rest: String,
}

fn take(lot: &SalesLot, lines: &mut BTreeMap<u32, String>) {
    for ((store, month), sale) in lot.all_sales() {
        let text = |id: Option<u32>| id.map(|id| lot.text(id).to_owned());
        let texts = [sale.store_track, sale.tier_code, sale.amount_text, sale.shop, sale.id_text];
        let use_type = lot.text(sale.use_type);
        let plain = SaleRow {
            store_track: None,
            tier_code: None,
            amount_text: None,
            shop: None,
            id_text: None,
            use_type: 0,
            ..sale
        };
        let told = format!("{store} {month:?} {plain:?} {:?} {use_type}", texts.map(text));
        assert!(lines.insert(sale.row, told).is_none());
    }
}

fn reader<'a>(format: &'a TableFormat, header: &str) -> TableReader<'a> {
    let head = format!("{header}\n");
    let HeadMatch::Yes(bound) = match_head(format, head.as_bytes(), "statement.txt") else {
        unreachable!("{} is not told by its head", format.format)
    };
    let (store, stores) = (&format.store, &*STORES);
    let store = stores.get(store).map_or("distrokid", |store| &store.store);
    let context = SalesContext { store, stores, territories: &TERRITORIES };
    TableReader::new(format, *bound, TableContext::Sales(context))
}

fn outcome(lines: BTreeMap<u32, String>, reader: TableReader<'_>) -> Outcome {
    let marks = reader.marks();
    let read = reader.finish();
    let rest = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {marks:?}",
        read.counts,
        read.lines,
        read.fault,
        read.unmapped,
        read.bad_rows,
        read.notes,
        read.about,
        read.lot_rows
    );
    Outcome { lines, rest }
}

/// Reads rows; `forgets` after each of them what the cells of the rows before mean.
fn read(format: &TableFormat, header: &str, rows: &[String], forgets: bool) -> Outcome {
    let mut reader = reader(format, header);
    let mut lines = BTreeMap::new();
    for row in rows {
        reader.read_block(format!("{row}\n").as_bytes());
        if forgets {
            take(&reader.take_lot(), &mut lines);
        }
    }
    take(&reader.take_lot(), &mut lines);
    outcome(lines, reader)
}

proptest! {
    #[test]
    fn a_row_that_is_looked_up_is_the_row_that_is_read(
        report in 0..REPORTS.len(),
        rows in prop::collection::vec(prop::collection::vec(any::<u8>(), 12), 1..60),
    ) {
        let (name, columns) = REPORTS[report];
        let format = FORMATS.iter().find(|format| format.format == name).unwrap();
        let header = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let delimiter = char::from(format.text.delimiter.byte().unwrap()).to_string();
        let rows: Vec<String> =
            rows.iter().map(|numbers| row_of(columns, numbers, &delimiter)).collect();
        let header = header.join(&delimiter);
        let (looked_up, each) = (read(format, &header, &rows, false), read(format, &header, &rows, true));
        prop_assert_eq!(looked_up, each);
    }
}

/// A row without money and without a currency is a line; the next one of the same terms has money, and is none.
#[test]
fn money_without_a_currency_is_rejected_also_where_its_terms_are_known() {
    let (name, columns) = REPORTS[2];
    let format = FORMATS.iter().find(|format| format.format == name).unwrap();
    let row = |amount: &str| {
        let cells = columns.iter().map(|(name, cells)| match *name {
            "Reported Royalty" => amount,
            "Currency" => "",
            _ => cells[0],
        });
        cells.collect::<Vec<_>>().join(",")
    };
    let header = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",");
    let rows = [row(""), row("0.5"), row("")];
    let outcome = read(format, &header, &rows, false);
    assert_eq!(outcome.lines.keys().copied().collect::<Vec<_>>(), [1, 3]);
    assert_eq!(outcome, read(format, &header, &rows, true));
}

/// Where lines are many and what they have in common is little, the next lot goes on with the words of the one
/// before: each says what its lines say.
#[test]
fn lots_that_share_their_words_say_what_one_says() {
    let (name, columns) = REPORTS[0];
    let format = FORMATS.iter().find(|format| format.format == name).unwrap();
    let delimiter = char::from(format.text.delimiter.byte().unwrap()).to_string();
    let header = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(&delimiter);
    let row = |n: u8| row_of(columns, &[n, 1, n / 2, n, n / 3, 1, 1], &delimiter);
    let rows: Vec<String> =
        (0..3_000_u32).map(|n| row(u8::try_from(n % 7).unwrap() * 2 + 1)).collect();
    let mut reader = reader(format, &header);
    let mut lines = BTreeMap::new();
    let mut n_words = Vec::new();
    for part in rows.chunks(1_000) {
        part.iter().for_each(|row| reader.read_block(format!("{row}\n").as_bytes()));
        let lot = reader.take_lot();
        n_words.push(lot.words.items.len() + lot.words.terms.len());
        take(&lot, &mut lines);
    }
    assert_eq!(n_words[0], n_words[2], "the words go on");
    assert!(reader.size_bytes() > 0, "the words go on");
    assert_eq!(outcome(lines, reader), read(format, &header, &rows, false));
}

proptest! {
    /// Several readers of one report, each of some of its blocks, know together what one knows.
    #[test]
    fn readers_of_parts_of_a_report_know_together_what_one_knows(
        report in 0..REPORTS.len(),
        rows in prop::collection::vec(prop::collection::vec(any::<u8>(), 12), 1..40),
        of in prop::collection::vec(0_usize..3, 40),
        repeats_header in any::<bool>(),
    ) {
        let (name, columns) = REPORTS[report];
        let format = FORMATS.iter().find(|format| format.format == name).unwrap();
        let delimiter = char::from(format.text.delimiter.byte().unwrap()).to_string();
        let header = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(&delimiter);
        let mut rows: Vec<String> =
            rows.iter().map(|numbers| row_of(columns, numbers, &delimiter)).collect();
        if repeats_header {
            rows.insert(rows.len() / 2, header.clone());
        }
        let mut first = reader(format, &header);
        let mut others: Vec<TableReader<'_>> = (0..2).map(|_| first.fork()).collect();
        for (n_lines, row) in (0..).zip(&rows) {
            let reader = match of[n_lines as usize % of.len()] {
                0 => &mut first,
                other => &mut others[other - 1],
            };
            reader.read_block_behind(n_lines, format!("{row}\n").as_bytes());
        }
        let mut lines = BTreeMap::new();
        take(&first.take_lot(), &mut lines);
        for mut other in others {
            take(&other.take_lot(), &mut lines);
            first.absorb(other);
        }
        prop_assert_eq!(outcome(lines, first), read(format, &header, &rows, false));
    }
}
