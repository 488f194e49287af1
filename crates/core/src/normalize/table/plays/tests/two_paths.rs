//! The fast path and the slow explanation against a plain reading of each cell: a row is ingested, as
//! the cells say, or rejected for the first bad cell in the report's column order.

use proptest::prelude::*;

use super::*;

/// What a cell says, by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    Nothing,
    /// This value, as the table shows it.
    Value(&'static str),
    /// An alias of this value.
    Alias(&'static str),
    /// Something else than an identifier: null, and counted.
    Wrong,
    /// Nothing that can be read: the code.
    Bad(&'static str),
}

use Says::{Alias, Bad, Nothing, Value, Wrong};

type Cell = (&'static [u8], Says);

/// Column, cell and what it says: `=` a value, `~` an alias of one, `!` the code of what is wrong.
const CELLS: &str = "\
day|2026-09-01|=2026-09-01
day|20260902|=2026-09-02
day||!missing
day| |!missing
day|2026-9-1|!bad_date
log_time|20260901T12:15:00|=2026-09-01T12:15:00.000Z
log_time|2026-09-01 12:15:00.5+02:00|=2026-09-01T10:15:00.500Z
log_time||!missing
log_time| |!missing
log_time|1787936602|=2026-08-28T17:03:22.000Z
log_time|noon|!bad_time
offline_timestamp||
offline_timestamp| |
offline_timestamp|0|
offline_timestamp|1787936602|=2026-08-28T17:03:22.000Z
offline_timestamp|1787936602999|=2026-08-28T17:03:22.999Z
offline_timestamp|2026-08-28T17:03:22Z|=2026-08-28T17:03:22.000Z
offline_timestamp|-1|!bad_time
offline_timestamp|later|!bad_time
stream_cached||
stream_cached|false|=false
stream_cached|0|=false
stream_cached|TRUE|=true
stream_cached|1|=true
stream_cached|2|!bad_bool
stream_cached|tru|!bad_bool
stream_length||
stream_length|30|=30000
stream_length|29.9996|=29999
stream_length|.5|=500
stream_length|0|=0
stream_length|86401|!out_of_range
stream_length|-1|!out_of_range
stream_length|1,5|!bad_number
isrc||
isrc| |
isrc|USABC1234567|=USABC1234567
isrc|us-abc-12-34567|=USABC1234567
isrc|GBAYE0601498|=GBAYE0601498
isrc|GBAYE060149|wrong
upc||
upc|036000291452|=036000291452
upc|036000291453|wrong
country_code||
country_code|DE|=DE
country_code|fr|=FR
country_code|uk|~GB
country_code|Deutschland|~DE
country_code|ZZ|wrong
country_code|DEU|=DE
track_id||
track_id|t1|=t1
track_id| t2 |=t2
customer_id||
customer_id|anna|=anna
customer_id| bert |=bert
access||
access|premium|=premium
access| free|=free
access|x|=x
financial_product||
financial_product|family|=family
financial_product|y|=y
stream_source||
stream_source|playlist|=playlist
stream_source| search|=search
stream_device||
stream_device|tv|=tv
stream_device|a device of a long name|=a device of a long name
mobile||
postal_code||";

/// The cell of [`CELLS`] that is no ISRC.
const WRONG_ISRC: &str = "GBAYE060149";

/// What is no text, in a column that is read.
const NO_TEXT: [Cell; 4] = [
    (b"a\0", Bad("nul_byte")),
    (b"\xffa", Bad("invalid_utf8")),
    (b"\0\xff", Bad("nul_byte")),
    (b"\xff\0", Bad("invalid_utf8")),
];

/// A column's cells that can be ingested, and those that cannot.
fn cells_of(column: &str) -> (Vec<Cell>, Vec<Cell>) {
    let cells = CELLS.lines().filter_map(|line| {
        let (cell, says) = line.strip_prefix(column)?.strip_prefix('|')?.split_once('|')?;
        let says = match says.split_at(says.len().min(1)) {
            ("", _) => Nothing,
            ("=", value) => Value(value),
            ("~", value) => Alias(value),
            ("!", code) => Bad(code),
            _ => Wrong,
        };
        Some((cell.as_bytes(), says))
    });
    let (bad, mut good): (Vec<Cell>, Vec<Cell>) =
        cells.partition(|(_, says)| matches!(says, Bad(_)));
    if ["mobile", "postal_code"].contains(&column) {
        good.extend(NO_TEXT.map(|(cell, _)| (cell, Nothing)));
        return (good, Vec::new());
    }
    (good, [bad, NO_TEXT.to_vec()].concat())
}

/// A row's cells by column.
type Cells = BTreeMap<&'static str, Cell>;

fn rows() -> impl Strategy<Value = Vec<Cells>> {
    let cell = |column: &'static str| {
        let (good, bad) = cells_of(column);
        let good = prop::sample::select(good).boxed();
        let bad = if bad.is_empty() { good.clone() } else { prop::sample::select(bad).boxed() };
        prop_oneof![19 => good, 1 => bad].prop_map(move |cell| (column, cell))
    };
    let row = HEADER.map(|column| cell(column).boxed()).to_vec();
    prop::collection::vec(row.prop_map(Cells::from_iter), 1..12)
}

/// What becomes of a row: the play's fields, or column and code of the rejection.
type Reading = Result<Fields, (String, &'static str)>;

fn plain_reading(header: &[&'static str], cells: &Cells) -> Reading {
    let says = |column: &str| cells[column].1;
    let is_offline = says("stream_cached") == Value("true");
    let stamp = if is_offline { says("offline_timestamp") } else { Nothing };
    for column in header {
        let is_read = match *column {
            "offline_timestamp" => is_offline,
            "log_time" => stamp == Nothing,
            _ => true,
        };
        if let (true, Bad(code)) = (is_read, says(column)) {
            return Err(((*column).to_owned(), code));
        }
    }
    let value = |column| match says(column) {
        Value(value) | Alias(value) => value,
        _ => "null",
    };
    // A text in the place of an ISRC is the store's own id where there is no other.
    let store_track = match (value("track_id"), says("isrc")) {
        ("null", Wrong) => WRONG_ISRC,
        (id, _) => id,
    };
    if value("isrc") == "null" && store_track == "null" {
        let first = header.iter().find(|column| ["isrc", "track_id"].contains(column));
        return Err(((*first.unwrap()).to_owned(), "no_track"));
    }
    let (listened_at, clock) = match stamp {
        Value(exact) => (exact, "exact"),
        _ => (value("log_time"), "rounded"),
    };
    let (tier, tier_code) = plain_tier(value("financial_product"), value("access"));
    Ok(Fields::from([
        ("date", value("day").to_owned()),
        ("listened_at", listened_at.to_owned()),
        ("clock", clock.to_owned()),
        ("isrc", value("isrc").to_owned()),
        ("upc", value("upc").to_owned()),
        ("store_track", store_track.to_owned()),
        ("listener", value("customer_id").to_owned()),
        ("territory", value("country_code").to_owned()),
        ("tier", tier),
        ("tier_code", tier_code),
        ("use_type", "stream".to_owned()),
        ("offline", value("stream_cached").to_owned()),
        ("played_ms", value("stream_length").to_owned()),
        ("source", value("stream_source").to_owned()),
        ("device", value("stream_device").to_owned()),
    ]))
}

fn plain_tier(product: &str, access: &str) -> (String, String) {
    let (tier, code) = match (product, access) {
        ("null", "null") => ("unknown", "null".to_owned()),
        ("null", "premium" | "free") => (access, access.to_owned()),
        ("null", _) => ("unmapped", access.to_owned()),
        ("family", "null") => ("family", product.to_owned()),
        ("family", _) => ("family", format!("{product}|{access}")),
        (_, "null") => ("unmapped", product.to_owned()),
        _ => ("unmapped", format!("{product}|{access}")),
    };
    (tier.to_owned(), code)
}

/// What is counted of the rows that are ingested.
fn plain_counts(readings: &[(&Cells, Reading)]) -> RowCounts {
    let taken_in = || readings.iter().filter(|(_, reading)| reading.is_ok());
    let n_rows = |is_counted: &dyn Fn(&Cells, &Fields) -> bool| {
        taken_in().filter(|(cells, reading)| is_counted(cells, reading.as_ref().unwrap())).count()
            as u64
    };
    RowCounts {
        rows: readings.len() as u64,
        quarantined: (readings.len() - taken_in().count()) as u64,
        bad_isrc: n_rows(&|cells, _| cells["isrc"].1 == Wrong),
        bad_upc: n_rows(&|cells, _| cells["upc"].1 == Wrong),
        bad_territory: n_rows(&|cells, _| cells["country_code"].1 == Wrong),
        aliased_territory: n_rows(&|cells, _| matches!(cells["country_code"].1, Alias(_))),
        unmapped_tier: n_rows(&|_, fields| fields["tier"] == "unmapped"),
        ..RowCounts::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_row_is_taken_in_or_rejected_for_its_first_bad_cell_in_any_order_of_the_columns(
        header in Just(HEADER.to_vec()).prop_shuffle(), rows in rows(),
    ) {
        let text: Vec<u8> = rows
            .iter()
            .flat_map(|cells| {
                let changes: Vec<_> = cells.iter().map(|(column, (cell, _))| (*column, *cell)).collect();
                line_of(&header, &changes)
            })
            .collect();
        let report = read_with(&header, &text);
        let readings: Vec<_> = rows.iter().map(|cells| (cells, plain_reading(&header, cells))).collect();
        for (row, (_, expected)) in (1..).zip(&readings) {
            let play = report.plays.iter().find(|((_, of), _)| *of == row).map(|(_, fields)| fields);
            let bad_row = report.bad_rows.iter().find(|bad_row| bad_row.row == row);
            match expected {
                Ok(fields) => {
                    prop_assert_eq!(bad_row, None);
                    prop_assert_eq!(play, Some(fields));
                }
                Err((column, code)) => {
                    prop_assert_eq!(play, None);
                    let bad_row = bad_row.map(|b| (b.column.clone(), b.reject_code.code()));
                    prop_assert_eq!(bad_row, Some((Some(column.clone()), *code)));
                }
            }
        }
        prop_assert_eq!(report.counts, plain_counts(&readings));
    }
}
