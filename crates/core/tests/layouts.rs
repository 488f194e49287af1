//! Random rows, written in the layout of each format of the project, are read back as they were meant.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]
#![expect(clippy::disallowed_methods, reason = "tests make files, break them and look at them")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use streamledger_core::ingest::table::format::{
    DateStyle, Feed, FieldSource, FormatField, NumberStyle, TableFormat, TimeUnit, TotalSpec,
};
use streamledger_core::ingest::table::head::{HeadMatch, match_head};
use streamledger_core::ingest::table::text_layout::{FieldDelimiter, TablePreamble};
use streamledger_core::model::day::Day;
use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::listener::ListenerKey;
use streamledger_core::model::money::Amount;
use streamledger_core::model::play::{NONE, OFFLINE, ONLINE};
use streamledger_core::model::territory::{Territory, TerritoryTable};
use streamledger_core::model::upc::Upc;
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_core::normalize::store::StoreSettings;
use streamledger_core::normalize::table::plays::context::PlaysContext;
use streamledger_core::normalize::table::reader::{TableContext, TableReader};
use streamledger_core::normalize::table::sales_reader::SalesContext;
use streamledger_core::normalize::values::times::can_be_heard_at;

fn load<T: serde::de::DeserializeOwned>(folder: &str) -> Vec<T> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines").join(folder);
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
        .collect()
}

static FORMATS: LazyLock<Vec<TableFormat>> = LazyLock::new(|| load("formats"));

static STORES: LazyLock<BTreeMap<String, StoreSettings>> = LazyLock::new(|| {
    load::<StoreSettings>("stores").into_iter().map(|store| (store.store.clone(), store)).collect()
});

static TERRITORIES: LazyLock<TerritoryTable> =
    LazyLock::new(|| TerritoryTable::new(&BTreeMap::new()).unwrap());

static KEY: LazyLock<ListenerKey> = LazyLock::new(|| ListenerKey::new([7; 32]));

/// Name of the file, for formats whose date stands only there.
const FILE_NAME: &str = "GBXY12600001-20260930-202609.txt";

/// What each field of a row means, as text; what a row does not say is not there.
type Meant = BTreeMap<FormatField, String>;

/// Seeded numbers.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn word(&mut self, format: &TableFormat) -> String {
        let mut pieces = vec!["a", "Z9", "\u{e9}", "_", "x y", "\u{66f2}", "7"];
        if format.text.quoted || format.text.delimiter == FieldDelimiter::Ndjson {
            pieces.extend([",", ";", "\"", "\t"]);
        }
        let inner: String = (0..self.below(4)).map(|_| *self.pick(&pieces)).collect();
        format!("w{inner}w")
    }

    fn day(&mut self) -> Day {
        Day(20_000 + i32::try_from(self.below(700)).unwrap())
    }
}

/// A row: for each field the cell as it is written, and what it means.
struct Written {
    cells: BTreeMap<FormatField, String>,
    meant: Meant,
}

#[expect(clippy::too_many_lines, reason = "an arm for each field")]
/// Cells of one field: how it is written and what it means.
fn write_field(
    field: FormatField,
    source: &FieldSource,
    format: &TableFormat,
    numbers: &mut Numbers,
) -> (String, String) {
    let same = |text: String| (text.clone(), text);
    match field {
        FormatField::Date
        | FormatField::ReportedDate
        | FormatField::UsageFrom
        | FormatField::UsageTo
        | FormatField::StatementPeriod => {
            let day = numbers.day();
            let style = source.date.first().copied().unwrap_or(DateStyle::Iso);
            write_date(day, style, field)
        }
        FormatField::ListenedAt | FormatField::OfflineListenedAt => {
            let ms = i64::from(numbers.day().0) * 86_400_000
                + i64::try_from(numbers.below(86_400_000)).unwrap();
            let stamp = chrono_text(ms);
            match source.date.first() {
                // A clock that says days only.
                Some(style) => {
                    let (cell, _) = write_date(
                        Day(i32::try_from(ms / 86_400_000).unwrap()),
                        *style,
                        FormatField::Date,
                    );
                    (cell, (ms / 86_400_000 * 86_400_000).to_string())
                }
                None => (stamp, ms.to_string()),
            }
        }
        FormatField::PlayedTime | FormatField::TrackTime => {
            let ms = numbers.below(86_400_000);
            let cell = match source.unit {
                Some(TimeUnit::Milliseconds) => ms.to_string(),
                _ => format!("{}.{:03}", ms / 1000, ms % 1000),
            };
            (cell, ms.to_string())
        }
        FormatField::PlayedPercent => same(numbers.below(101).to_string()),
        FormatField::Plays | FormatField::Units => {
            let number = numbers.below(3_000_000);
            let cell =
                if numbers.one_in(3) { grouped(number, source.number) } else { number.to_string() };
            (cell, number.to_string())
        }
        FormatField::Isrc => {
            let text = format!(
                "GB{}{:07}",
                numbers.pick(&["XY1", "Z9Z", "A1B"]),
                numbers.below(9_999_999)
            );
            let cell = match numbers.below(3) {
                0 => text.clone(),
                1 => text.to_lowercase(),
                _ => format!("{}-{}-{}-{}", &text[..2], &text[2..5], &text[5..7], &text[7..]),
            };
            (cell, text)
        }
        FormatField::Upc => {
            let digits = format!("{:011}", numbers.below(99_999_999_999));
            let sum: u32 = digits
                .bytes()
                .enumerate()
                .map(|(place, byte)| u32::from(byte - b'0') * if place % 2 == 0 { 3 } else { 1 })
                .sum();
            same(format!("{digits}{}", (10 - sum % 10) % 10))
        }
        FormatField::Territory => same((*numbers.pick(&["DE", "US", "JP", "BR", "XK"])).to_owned()),
        FormatField::Amount => {
            let amount = Amount(
                i128::from(numbers.next() % 1_000_000_000_000_000_000) - 300_000_000_000_000_000,
            );
            let plain = amount.to_string();
            let cell = match source.number {
                NumberStyle::Comma | NumberStyle::Either => plain.replace('.', ","),
                NumberStyle::Point => plain,
            };
            (cell, amount.to_string())
        }
        FormatField::Grid => {
            let (cell, meant) = ("a1-2425g-abc1234002-m", "A12425GABC1234002M");
            (cell.to_owned(), meant.to_owned())
        }
        FormatField::Pair => same((*numbers.pick(&["EUR/USD", "GBPJPY"])).to_owned()),
        FormatField::Rate | FormatField::Share => {
            same(Amount(1 + i128::from(numbers.below(200_000_000_000_000))).to_string())
        }
        // One total over several currencies is none.
        FormatField::Currency
            if format
                .controls
                .iter()
                .any(|control| control.total == TotalSpec::Amount && !control.per_currency) =>
        {
            same("EUR".to_owned())
        }
        FormatField::Currency => same((*numbers.pick(&["EUR", "USD", "JPY"])).to_owned()),
        FormatField::Offline | FormatField::RoyaltyBearing => {
            let (cell, meant) =
                numbers.pick(&[("1", "true"), ("0", "false"), ("TRUE", "true"), ("no", "false")]);
            ((*cell).to_owned(), (*meant).to_owned())
        }
        FormatField::LineType | FormatField::UseType if !source.codes.is_empty() => {
            let codes: Vec<(&String, &String)> = source.codes.iter().collect();
            let (code, meant) = *numbers.pick(&codes);
            (code.to_uppercase(), meant.clone())
        }
        _ => same(numbers.word(format)),
    }
}

fn chrono_text(ms: i64) -> String {
    let stamp = chrono::DateTime::from_timestamp_millis(ms).unwrap();
    stamp.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A date by a style, and the first day that it means, of `usage_to` the last.
fn write_date(day: Day, style: DateStyle, field: FormatField) -> (String, String) {
    let text = day.to_string();
    let (y, m, d) = (&text[..4], &text[5..7], &text[8..]);
    let cell = match style {
        DateStyle::Iso | DateStyle::Range => text.clone(),
        DateStyle::YearSlash => format!("{y}/{m}/{d}"),
        DateStyle::DayOfMonth => format!("{y}-{m}-01"),
        DateStyle::DayFirst => format!("{d}-{m}-{y}"),
        DateStyle::MonthFirst => format!("{m}/{d}/{y}"),
        DateStyle::YearMonth => format!("{y}-{m}"),
        DateStyle::MonthYear => format!("{m}-{y}"),
    };
    let is_month =
        matches!(style, DateStyle::YearMonth | DateStyle::MonthYear | DateStyle::DayOfMonth);
    let meant = match field {
        FormatField::StatementPeriod => format!("{y}-{m}"),
        _ if is_month => format!("{y}-{m}-01"),
        _ => text.clone(),
    };
    (cell, meant)
}

fn grouped(number: u64, style: NumberStyle) -> String {
    let separator = match style {
        NumberStyle::Point => ",",
        NumberStyle::Comma => ".",
        // Either may be the decimal mark: such formats have no thousands.
        NumberStyle::Either => "",
    };
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).unwrap()).collect();
    groups.join(separator)
}

/// Whether a field is told by the preamble or the file's name, once for all rows.
fn is_fixed(source: &FieldSource) -> bool {
    source.header.is_empty()
}

fn write_row(
    format: &TableFormat,
    fixed: &BTreeMap<FormatField, (String, String)>,
    numbers: &mut Numbers,
) -> Written {
    let mut written = Written { cells: BTreeMap::new(), meant: Meant::new() };
    for (field, source) in &format.fields {
        let (cell, meant) = match fixed.get(field) {
            Some((_, meant)) => (String::new(), meant.clone()),
            None if !source.needed && numbers.one_in(4) => continue,
            None if format.feed == Feed::Reference && source.needed => {
                write_field(*field, source, format, numbers)
            }
            // A track must have a name; what is needed of the others must be filled for the row to be read.
            None if !is_always_filled(*field) && numbers.one_in(6) => continue,
            None => write_field(*field, source, format, numbers),
        };
        written.cells.insert(*field, cell);
        written.meant.insert(*field, meant);
    }
    let names_track = |field| format.fields.contains_key(&field);
    if !written.meant.contains_key(&FormatField::Isrc)
        && !written.meant.contains_key(&FormatField::StoreTrack)
    {
        let field = if names_track(FormatField::Isrc) {
            FormatField::Isrc
        } else {
            FormatField::StoreTrack
        };
        if let Some(source) = format.fields.get(&field) {
            let (cell, meant) = write_field(field, source, format, numbers);
            written.cells.insert(field, cell);
            written.meant.insert(field, meant);
        }
    }
    // One column may say two things: when a play was heard, and on which day it was counted.
    let header = |field| format.fields.get(&field).and_then(|source| source.header.first());
    if header(FormatField::Date) == header(FormatField::ListenedAt)
        && let Some(stamp) = written.cells.get(&FormatField::ListenedAt).cloned()
    {
        written.meant.insert(FormatField::Date, stamp[..10].to_owned());
        written.cells.insert(FormatField::Date, stamp);
    }
    fit_listening_time(&mut written);
    // Use ends after it begins.
    if let (Some(from), Some(to)) =
        (written.meant.get(&FormatField::UsageFrom), written.meant.get(&FormatField::UsageTo))
        && to < from
        && !fixed.contains_key(&FormatField::UsageTo)
    {
        written.meant.remove(&FormatField::UsageTo);
        written.cells.remove(&FormatField::UsageTo);
    }
    if !written.meant.contains_key(&FormatField::Currency)
        && (format.fields.contains_key(&FormatField::Currency)
            || !format.constants.contains_key(&FormatField::Currency))
    {
        written.meant.remove(&FormatField::Amount);
        written.cells.remove(&FormatField::Amount);
    }
    written
}

/// What a row means by its listening times together.
fn fit_listening_time(written: &mut Written) {
    // A moment that cannot be is none: what is left is the day.
    let date = written.meant.get(&FormatField::Date).map(|date| date.parse::<chrono::NaiveDate>());
    let heard = written.meant.get(&FormatField::ListenedAt).map(|ms| ms.parse::<i64>());
    let offline_heard = written.meant.remove(&FormatField::OfflineListenedAt);
    if let (Some(Ok(date)), Some(Ok(ms))) = (date, heard) {
        let day = Day(date.to_epoch_days());
        let is_offline = written.meant.get(&FormatField::Offline).is_some_and(|is| is == "true");
        let offline_heard = offline_heard.filter(|_| is_offline).map(|ms| ms.parse().unwrap());
        let of_device = offline_heard.filter(|ms| can_be_heard_at(*ms, day));
        let of_store = Some(ms).filter(|ms| can_be_heard_at(*ms, day));
        let meant = of_device.or(of_store).unwrap_or(day.start_ms());
        written.meant.insert(FormatField::ListenedAt, meant.to_string());
    }
}

fn is_always_filled(field: FormatField) -> bool {
    matches!(
        field,
        FormatField::Date
            | FormatField::UsageFrom
            | FormatField::Units
            | FormatField::Plays
            | FormatField::LineType
            | FormatField::Currency
            | FormatField::ListenedAt
    )
}

/// The columns of a report: the first name of each field.
fn columns(format: &TableFormat) -> Vec<&String> {
    let mut columns: Vec<&String> = Vec::new();
    for name in format.fields.values().filter_map(|source| source.header.first()) {
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
    columns
}

fn line(cells: &[String], format: &TableFormat) -> String {
    let delimiter = char::from(format.text.delimiter.byte().unwrap());
    let cell = |cell: &String| {
        let is_special = cell.contains([delimiter, '"', '\n']);
        if format.text.quoted && is_special {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.clone()
        }
    };
    cells.iter().map(cell).collect::<Vec<_>>().join(&delimiter.to_string())
}

/// A whole report.
fn write_report(
    format: &TableFormat,
    rows: &[Written],
    fixed: &BTreeMap<FormatField, (String, String)>,
    end: &str,
) -> String {
    let columns = columns(format);
    let cell_of = |row: &Written, name: &String| {
        let has = |field: &FormatField| {
            format.fields[field].header.first() == Some(name) && row.cells.contains_key(field)
        };
        row.cells
            .keys()
            .find(|field| has(field))
            .map(|field| row.cells.get(field).cloned().unwrap_or_default())
    };
    if format.text.delimiter == FieldDelimiter::Ndjson {
        let object = |row: &Written| {
            let pairs = columns.iter().map(|name| {
                let value = cell_of(row, name).map_or(serde_json::Value::Null, Into::into);
                ((*name).clone(), value)
            });
            serde_json::Value::Object(pairs.collect()).to_string()
        };
        return rows.iter().map(object).fold(String::new(), |text, row| text + &row + end);
    }
    let mut lines = Vec::new();
    let told: Vec<(String, String)> = fixed
        .iter()
        .filter_map(|(field, (cell, _))| {
            Some((format.fields[field].preamble.first()?.clone(), cell.clone()))
        })
        .collect();
    match format.text.preamble {
        Some(TablePreamble::Pairs) => {
            lines.extend(
                told.iter().map(|(name, value)| line(&[name.clone(), value.clone()], format)),
            );
        }
        Some(TablePreamble::Columns) if !told.is_empty() => {
            let (names, values): (Vec<String>, Vec<String>) = told.into_iter().unzip();
            lines.extend([line(&names, format), line(&values, format)]);
        }
        _ => {}
    }
    let names: Vec<String> =
        columns.iter().map(|name| format!(" {}", name.to_uppercase())).collect();
    lines.push(line(&names, format));
    for row in rows {
        let cells: Vec<String> =
            columns.iter().map(|name| cell_of(row, name).unwrap_or_default()).collect();
        lines.push(line(&cells, format));
    }
    for control in format.controls.iter().filter(|control| control.by.is_empty()) {
        lines.push(line(&[control.label.clone(), total_of(control.total, rows.iter())], format));
    }
    lines.extend(summary_table(format, rows).iter().map(|cells| line(cells, format)));
    lines.into_iter().fold(String::new(), |text, line| text + &line + end)
}

/// The table of groups in the tail, header first: a line for each group of rows.
fn summary_table(format: &TableFormat, rows: &[Written]) -> Vec<Vec<String>> {
    let controls: Vec<_> =
        format.controls.iter().filter(|control| !control.by.is_empty()).collect();
    let Some(first) = controls.first() else {
        return Vec::new();
    };
    let names = first.by.iter().map(|field| format.fields[field].header[0].clone());
    let labels = controls.iter().map(|control| control.label.clone());
    let mut groups: BTreeMap<Vec<String>, Vec<&Written>> = BTreeMap::new();
    for row in rows {
        let key = first
            .by
            .iter()
            .map(|field| row.cells.get(field).cloned().unwrap_or_default())
            .collect();
        groups.entry(key).or_default().push(row);
    }
    let lines = groups.into_iter().map(|(key, rows)| {
        let totals = controls.iter().map(|control| total_of(control.total, rows.iter().copied()));
        key.into_iter().chain(totals).collect()
    });
    std::iter::once(names.chain(labels).collect()).chain(lines).collect()
}

/// What rows add up to.
fn total_of<'r>(total: TotalSpec, rows: impl Iterator<Item = &'r Written> + Clone) -> String {
    let meant = |field| rows.clone().filter_map(move |row| row.meant.get(&field));
    match total {
        TotalSpec::Rows => rows.count().to_string(),
        TotalSpec::Units => {
            let units = meant(FormatField::Units).map(|units| units.parse::<i64>().unwrap());
            units.sum::<i64>().to_string()
        }
        TotalSpec::Amount => {
            let amounts = meant(FormatField::Amount);
            let amounts = amounts.map(|text| Amount::parse_sum(text).unwrap().amount.0);
            Amount(amounts.sum()).to_string()
        }
    }
}

/// What was read of a row, in the words of [`Meant`].
fn read_report(format: &TableFormat, text: &str) -> Result<BTreeMap<u32, Meant>, String> {
    let bound = match match_head(format, text.as_bytes(), FILE_NAME) {
        HeadMatch::Yes(bound) => bound,
        other => return Err(format!("{}: {other:?}", format.format)),
    };
    let store = STORES.get(&format.store).unwrap_or(&STORES["spotify"]);
    let sales = SalesContext { store: &store.store, stores: &STORES, territories: &TERRITORIES };
    let context = match format.feed {
        Feed::Trends => TableContext::Plays(PlaysContext {
            store,
            territories: &TERRITORIES,
            key: &KEY,
            wanted: None,
        }),
        Feed::PublicCounts | Feed::StoreRemovals => TableContext::Figures(sales),
        Feed::Sales => TableContext::Sales(sales),
        Feed::Reference => TableContext::Reference(sales),
    };
    let rows_start = bound.rows_start;
    let mut reader = TableReader::new(format, *bound, context);
    reader.read_block(&text.as_bytes()[rows_start..]);
    reader.end();
    let mut read = plays(&mut reader);
    read.extend(lots(&mut reader));
    let reading = reader.finish();
    if let Some(bad) = reading.bad_rows.first() {
        return Err(format!("{}: {bad:?}", format.format));
    }
    if let Some(wrong) = reading.controls.iter().find(|control| !control.agrees) {
        return Err(format!("{}: {wrong:?}", format.format));
    }
    Ok(read)
}

fn ascii(bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8(bytes.as_ref().to_vec()).unwrap()
}

fn put(meant: &mut Meant, field: FormatField, value: Option<String>) {
    meant.extend(value.map(|value| (field, value)));
}

fn put_track(meant: &mut Meant, isrc: Option<Isrc>, upc: Option<Upc>, store_track: Option<String>) {
    put(meant, FormatField::Isrc, isrc.map(|isrc| ascii(isrc.to_text())));
    put(meant, FormatField::Upc, upc.map(Upc::to_text));
    put(meant, FormatField::StoreTrack, store_track);
}

fn plays(reader: &mut TableReader<'_>) -> BTreeMap<u32, Meant> {
    let mut read = BTreeMap::new();
    for (day, piece) in reader.take_pieces() {
        let words = &piece.words;
        for play in piece.rows.iter().flatten() {
            let mut meant = Meant::new();
            let track = &words.tracks[play.track as usize];
            let kind = &words.kinds[play.kind as usize];
            let product = &words.products[kind.product as usize];
            put_track(
                &mut meant,
                track.isrc,
                track.upc,
                track.store_track.as_deref().map(str::to_owned),
            );
            put(&mut meant, FormatField::Date, Some(day.to_string()));
            put(&mut meant, FormatField::ListenedAt, Some(play.listened_at_ms.to_string()));
            put(
                &mut meant,
                FormatField::Territory,
                Territory::from_packed(play.territory).map(|t| ascii(t.to_text())),
            );
            put(
                &mut meant,
                FormatField::TierProduct,
                product.tier_code.as_deref().map(str::to_owned),
            );
            put(&mut meant, FormatField::UseType, Some(product.use_type.to_string()));
            put(&mut meant, FormatField::Plays, Some(kind.plays.to_string()));
            let ms = |ms: u32| (ms != NONE).then(|| ms.to_string());
            put(&mut meant, FormatField::PlayedTime, ms(play.played_ms));
            put(&mut meant, FormatField::TrackTime, track.track_ms.and_then(ms));
            let name =
                |names: &[Box<str>], id: u32| names.get(id as usize).map(ToString::to_string);
            put(&mut meant, FormatField::Source, name(&words.sources, kind.source));
            put(&mut meant, FormatField::Device, name(&words.devices, kind.device));
            let listener = words.listeners.get(play.listener as usize);
            put(
                &mut meant,
                FormatField::Listener,
                listener.map(|listener| format!("{listener:?}")),
            );
            let offline = match play.offline {
                OFFLINE => Some("true"),
                ONLINE => Some("false"),
                _ => None,
            };
            put(&mut meant, FormatField::Offline, offline.map(str::to_owned));
            assert!(read.insert(play.row, meant).is_none());
        }
    }
    read
}

fn lots(reader: &mut TableReader<'_>) -> BTreeMap<u32, Meant> {
    let mut read = BTreeMap::new();
    let lot = reader.take_lot();
    let text = |id: Option<u32>| id.map(|id| lot.text(id).to_owned());
    let territory = |territory: Option<Territory>| territory.map(|t| ascii(t.to_text()));
    let truth = |truth: Option<bool>| truth.map(|truth| truth.to_string());
    for (_, sale) in lot.all_sales() {
        let mut meant = Meant::new();
        put_track(&mut meant, sale.isrc, sale.upc, text(sale.store_track));
        put(&mut meant, FormatField::UsageFrom, Some(sale.usage_from.to_string()));
        put(&mut meant, FormatField::UsageTo, Some(sale.usage_to.to_string()));
        put(
            &mut meant,
            FormatField::StatementPeriod,
            sale.statement_period.map(|month| month.to_string()),
        );
        put(&mut meant, FormatField::ReportedDate, sale.reported.map(|day| day.to_string()));
        put(&mut meant, FormatField::Territory, territory(sale.territory));
        put(&mut meant, FormatField::TierProduct, text(sale.tier_code));
        put(&mut meant, FormatField::UseType, text(Some(sale.use_type)));
        put(&mut meant, FormatField::Offline, truth(sale.offline));
        put(&mut meant, FormatField::Units, Some(sale.units.to_string()));
        put(&mut meant, FormatField::Amount, sale.amount.map(|amount| amount.to_string()));
        put(
            &mut meant,
            FormatField::Currency,
            sale.currency.map(|currency| currency.as_str().to_owned()),
        );
        put(&mut meant, FormatField::RoyaltyBearing, truth(sale.royalty_bearing));
        put(&mut meant, FormatField::LineType, Some(sale.line_type.as_str().to_owned()));
        put(&mut meant, FormatField::Pool, text(sale.pool));
        put(&mut meant, FormatField::Shop, text(sale.shop));
        put(&mut meant, FormatField::Grid, text(sale.grid));
        assert_eq!((sale.amount_text, sale.id_text), (None, None));
        assert!(read.insert(sale.row, meant).is_none());
    }
    read.extend(references(&lot));
    for figure in lot.figures.values().flatten() {
        let mut meant = Meant::new();
        put_track(&mut meant, figure.isrc, figure.upc, text(figure.store_track));
        put(&mut meant, FormatField::Date, Some(figure.date.to_string()));
        put(&mut meant, FormatField::Territory, territory(figure.territory));
        put(&mut meant, FormatField::TierProduct, text(figure.tier_code));
        put(&mut meant, FormatField::Plays, Some(figure.plays.to_string()));
        assert!(read.insert(figure.row, meant).is_none());
    }
    read
}

fn references(lot: &SalesLot) -> BTreeMap<u32, Meant> {
    let text = |id: Option<u32>| id.map(|id| lot.text(id).to_owned());
    let mut read = BTreeMap::new();
    for row in lot.references.values().flatten() {
        let mut meant = Meant::new();
        put_track(&mut meant, row.isrc, row.upc, text(row.store_track));
        put(&mut meant, FormatField::Date, Some(row.date.to_string()));
        put(&mut meant, FormatField::Title, text(row.title));
        put(&mut meant, FormatField::Artist, text(row.artist));
        put(&mut meant, FormatField::Release, text(row.release));
        put(&mut meant, FormatField::Label, text(row.label));
        put(&mut meant, FormatField::Owner, text(row.owner));
        put(&mut meant, FormatField::RateSource, text(row.rate_source));
        put(&mut meant, FormatField::TrackTime, row.track_ms.map(|ms| ms.to_string()));
        put(&mut meant, FormatField::Share, row.share.map(|share| share.to_string()));
        put(&mut meant, FormatField::Rate, row.rate.map(|rate| rate.to_string()));
        let pair = row.base.zip(row.quote);
        let pair = pair.map(|(base, quote)| format!("{}{}", base.as_str(), quote.as_str()));
        put(&mut meant, FormatField::Pair, pair);
        assert!(read.insert(row.row, meant).is_none());
    }
    read
}

/// What a row says when all that the format says of itself is added.
fn completed(format: &TableFormat, meant: &Meant) -> Meant {
    let mut whole = meant.clone();
    for (field, constant) in &format.constants {
        if format.fields.get(field).is_none_or(|source| source.header.is_empty()) {
            whole.entry(*field).or_insert_with(|| constant.clone());
        }
    }
    let access = whole.remove(&FormatField::TierAccess);
    match (whole.get(&FormatField::TierProduct).cloned(), access) {
        (Some(product), Some(access)) => {
            drop(whole.insert(FormatField::TierProduct, format!("{product}|{access}")))
        }
        (None, Some(access)) => drop(whole.insert(FormatField::TierProduct, access)),
        _ => {}
    }
    match format.feed {
        Feed::Trends => {
            whole.entry(FormatField::UseType).or_insert_with(|| "stream".to_owned());
            whole.entry(FormatField::Plays).or_insert_with(|| "1".to_owned());
            let midnight = format!("{}T00:00:00Z", whole[&FormatField::Date]);
            let midnight =
                chrono::DateTime::parse_from_rfc3339(&midnight).unwrap().timestamp_millis();
            whole.entry(FormatField::ListenedAt).or_insert_with(|| midnight.to_string());
            if let Some(percent) = whole.remove(&FormatField::PlayedPercent)
                && let Some(track_ms) = whole.get(&FormatField::TrackTime)
            {
                let ms = track_ms.parse::<u64>().unwrap() * percent.parse::<u64>().unwrap() / 100;
                whole.insert(FormatField::PlayedTime, ms.to_string());
            }
            if let Some(listener) = whole.get_mut(&FormatField::Listener) {
                *listener = format!("{:?}", KEY.hash(&format.store, listener.as_bytes()));
            }
        }
        Feed::Sales => {
            whole.entry(FormatField::UseType).or_insert_with(|| "stream".to_owned());
            whole.entry(FormatField::LineType).or_insert_with(|| "sale".to_owned());
            let from = whole[&FormatField::UsageFrom].clone();
            let style = format.fields[&FormatField::UsageFrom].date.first();
            let is_month = matches!(
                style,
                Some(DateStyle::YearMonth | DateStyle::MonthYear | DateStyle::DayOfMonth)
            );
            let first = chrono::NaiveDate::parse_from_str(&from, "%Y-%m-%d").unwrap();
            let last =
                first.checked_add_months(chrono::Months::new(1)).unwrap().pred_opt().unwrap();
            let last = if is_month { last } else { first };
            whole.entry(FormatField::UsageTo).or_insert_with(|| last.to_string());
        }
        Feed::Reference => {
            if let Some(pair) = whole.get_mut(&FormatField::Pair) {
                *pair = pair.replace('/', "");
            }
        }
        Feed::PublicCounts | Feed::StoreRemovals => {}
    }
    whole
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_read_back_as_they_were_meant(
        seed in 1_u64.., n_rows in 1_usize..8, is_crlf in any::<bool>(),
    ) {
        let mut numbers = Numbers(seed);
        for format in FORMATS.iter() {
            let fixed: BTreeMap<FormatField, (String, String)> = format
                .fields
                .iter()
                .filter(|(_, source)| is_fixed(source))
                .map(|(field, source)| match (source.file_digits, field) {
                    (None, FormatField::Isrc) => (*field, (String::new(), "GBXY12600001".to_owned())),
                    (Some(8), _) => (*field, (String::new(), "2026-09-30".to_owned())),
                    (Some(_), _) => (*field, (String::new(), "2026-09-01".to_owned())),
                    // After each first day.
                    (None, FormatField::UsageTo) => (*field, write_date(Day(20_800), source.date.first().copied().unwrap_or(DateStyle::Iso), *field)),
                    (None, _) => (*field, write_field(*field, source, format, &mut numbers)),
                })
                .collect();
            let rows: Vec<Written> = (0..n_rows).map(|_| write_row(format, &fixed, &mut numbers)).collect();
            let report = write_report(format, &rows, &fixed, if is_crlf { "\r\n" } else { "\n" });
            let read = read_report(format, &report).map_err(TestCaseError::fail)?;
            prop_assert_eq!(read.len(), rows.len(), "{}\n{}", format.format, report);
            for (place, (row, (number, read))) in (1_u32..).zip(rows.iter().zip(&read)) {
                prop_assert_eq!(*number, place);
                let expected = completed(format, &row.meant);
                prop_assert_eq!(read, &expected, "{} row {}\n{}", &format.format, number, &report);
            }
        }
    }
}

#[test]
fn each_format_claims_its_own_reports_and_no_other_of_its_store_does() {
    let mut numbers = Numbers(42);
    for format in FORMATS.iter() {
        let fixed: BTreeMap<FormatField, (String, String)> = format
            .fields
            .iter()
            .filter(|(_, source)| is_fixed(source))
            .map(|(field, source)| (*field, write_field(*field, source, format, &mut numbers)))
            .collect();
        let rows = [write_row(format, &fixed, &mut numbers)];
        let report = write_report(format, &rows, &fixed, "\n");
        let claims: Vec<&String> = FORMATS
            .iter()
            .filter(|other| {
                [format.store.as_str(), "*"].contains(&other.store.as_str()) || format.store == "*"
            })
            .filter(|other| {
                matches!(match_head(other, report.as_bytes(), FILE_NAME), HeadMatch::Yes(_))
            })
            .map(|other| &other.format)
            .collect();
        assert_eq!(claims, [&format.format], "{report}");
    }
}

/// A report of one row in the layout of a format, with these bytes in one column.
fn one_row(format: &str, column: &str, cell: &[u8], others: &[(&str, &str)]) -> Meant {
    let format = FORMATS.iter().find(|known| known.format == format).unwrap();
    let delimiter = format.text.delimiter.byte().unwrap();
    let mut text = Vec::new();
    for (name, value) in others.iter().filter(|(name, _)| name.starts_with('^')) {
        text.extend(
            [name.trim_start_matches('^').as_bytes(), &[delimiter], value.as_bytes(), b"\n"]
                .concat(),
        );
    }
    let cells: Vec<&(&str, &str)> =
        others.iter().filter(|(name, _)| !name.starts_with('^')).collect();
    let names: Vec<&[u8]> =
        cells.iter().map(|(name, _)| name.as_bytes()).chain([column.as_bytes()]).collect();
    let values: Vec<&[u8]> =
        cells.iter().map(|(_, value)| value.as_bytes()).chain([cell]).collect();
    for line in [names, values] {
        text.extend(line.join(&delimiter));
        text.push(b'\n');
    }
    let bound = match match_head(format, &text, FILE_NAME) {
        HeadMatch::Yes(bound) => bound,
        other => unreachable!("{other:?}"),
    };
    let store = &STORES[&format.store];
    let sales = SalesContext { store: &store.store, stores: &STORES, territories: &TERRITORIES };
    let rows_start = bound.rows_start;
    let mut reader = TableReader::new(format, *bound, TableContext::Sales(sales));
    reader.read_block(&text[rows_start..]);
    reader.end();
    lots(&mut reader).remove(&1).unwrap()
}

#[test]
fn what_is_not_utf8_is_read_in_the_other_encoding_of_its_format() {
    let statement = [
        ("Sales date", "2026-06"),
        ("Statement date", "2026-10"),
        ("ISRC", ""),
        ("Country", "FR"),
        ("Quantity", "1"),
        ("Revenue EUR", "0,5"),
    ];
    let cp1252 = one_row("imusician", "Shop", b"Caf\xe9 \x80", &statement);
    assert_eq!(cp1252[&FormatField::Shop], "Caf\u{e9} \u{20ac}");
    let utf8 = one_row("imusician", "Shop", "Caf\u{e9}".as_bytes(), &statement);
    assert_eq!(utf8[&FormatField::Shop], "Caf\u{e9}");
    let fiscal = [
        ("^Start Date", "09/27/2026"),
        ("^End Date", "10/31/2026"),
        ("^Vendor", "8"),
        ("Storefront Name", "JP"),
        ("Apple Identifier", "1"),
        ("Total  Royalty Bearing Plays", "1"),
        ("Net Royalty Total", ".5"),
        ("Currency", "JPY"),
    ];
    // "Student", in Shift-JIS as Windows writes it.
    let cp932 = one_row("apple-music-s1", "Membership Type", b"\x8a\x77\x90\xb6", &fiscal);
    assert_eq!(cp932[&FormatField::TierProduct], "\u{5b66}\u{751f}");
    assert_eq!(cp932[&FormatField::UsageTo], "2026-10-31");
}

#[test]
fn use_that_ends_before_it_begins_is_rejected() {
    let format = FORMATS.iter().find(|format| format.format == "meta-sales").unwrap();
    let report = |to: &str| {
        format!(
            "elected_isrc,start_date,end_date,country,event_count,usd_payable\nGBXY12600001,2026-06-02,{to},MX,1,0.1\n"
        )
    };
    assert_eq!(read_report(format, &report("2026-06-02")).map(|read| read.len()), Ok(1));
    let rejected = read_report(format, &report("2026-06-01")).unwrap_err();
    assert!(rejected.contains("OutOfRange") && rejected.contains("end_date"), "{rejected}");
}

#[test]
fn columns_are_found_by_their_older_names_too() {
    for (format, store, header) in [
        (
            "apple-music-amstreams",
            "apple_music",
            "Datestamp\tApple Identifier\tStorefront Name\tMembership Type\tMembership Mode\tOffline\tQuantity",
        ),
        (
            "deezer-sales",
            "deezer",
            "Start Report\tEnd Report\tISRC\tArtist\tTitle\tAlbum\tUPC\tCountry\tNb of plays\tRoyalties\tService",
        ),
        (
            "soundcloud-sales-2020",
            "soundcloud",
            "Partner ID\tTrack ID\tISRC\tUPC\tReporting Period\tTerritory\tTotal Plays\tTotal Amount\tRevenue Currency",
        ),
        (
            "distrokid",
            "distrokid",
            "Date Inserted\tReporting Date\tSale Month\tStore\tISRC\tUPC\tQuantity\tSource Type\tCountry of Sale\tEarnings (USD)",
        ),
    ] {
        let claims: Vec<&str> = FORMATS
            .iter()
            .filter(|known| [store, "*"].contains(&known.store.as_str()))
            .filter(|known| {
                matches!(
                    match_head(known, format!("{header}\n").as_bytes(), FILE_NAME),
                    HeadMatch::Yes(_)
                )
            })
            .map(|known| known.format.as_str())
            .collect();
        assert_eq!(claims, [format], "{header}");
    }
}
