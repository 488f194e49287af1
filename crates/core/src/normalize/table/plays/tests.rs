//! Claims about reading plays, in the layout of Spotify's wide table; here the words in which they are made.

mod blocks;
mod rejected;
mod taken_in;
mod two_paths;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat};

use crate::ingest::table::format::TableFormat;
use crate::ingest::table::head::{BoundFormat, HeadMatch, match_head};
use crate::model::day::Day;
use crate::model::play::{
    NONE, OFFLINE, OFFLINE_UNKNOWN, ONLINE, Play, PlayDictionaries, Plays, ReportPlays,
};
use crate::model::territory::{Territory, TerritoryTable};
use crate::model::upc::Upc;
use crate::normalize::counts::RowCounts;
use crate::normalize::join::join_pieces;
use crate::normalize::rejected_row::RejectedRow;
use crate::normalize::table::plays::context::PlaysContext;
use crate::normalize::table::reader::{TableContext, TableReader, TableReading};
use crate::testing;

/// Every mapped column, and two that are not.
const HEADER: [&str; 16] = [
    "day",
    "log_time",
    "mobile",
    "track_id",
    "isrc",
    "upc",
    "customer_id",
    "postal_code",
    "access",
    "country_code",
    "financial_product",
    "offline_timestamp",
    "stream_length",
    "stream_cached",
    "stream_source",
    "stream_device",
];

/// A cell of a row in which nothing is wrong.
fn usual_cell(column: &str) -> &'static str {
    match column {
        "day" => "2026-09-01",
        "log_time" => "20260901T121500",
        "track_id" => "t1",
        "isrc" => "USABC1234567",
        "upc" => "036000291452",
        "customer_id" => "anna",
        "access" => "premium",
        "country_code" => "DE",
        "financial_product" => "family",
        "offline_timestamp" => "",
        "stream_length" => "31.5",
        "stream_cached" => "false",
        "stream_source" => "playlist",
        "stream_device" => "phone",
        _ => "-",
    }
}

/// Cells by column that are not the usual ones.
type Changes<'a> = [(&'a str, &'a [u8])];

/// A line of these columns, with its end.
fn line_of(header: &[&str], changes: &Changes<'_>) -> Vec<u8> {
    let cell = |column: &&str| {
        let change = changes.iter().find(|(changed, _)| changed == column);
        change.map_or(usual_cell(column).as_bytes(), |(_, cell)| cell)
    };
    let mut line = header.iter().map(cell).collect::<Vec<_>>().join(&b'\t');
    line.push(b'\n');
    line
}

fn line(changes: &Changes<'_>) -> Vec<u8> {
    line_of(&HEADER, changes)
}

/// A play's fields as text, by the names of the table `plays`; `date` is the counted date.
type Fields = BTreeMap<&'static str, String>;

/// What was read of a report.
#[derive(Debug, PartialEq)]
struct Report {
    counts: RowCounts,
    bad_rows: Vec<RejectedRow>,
    day_rows: BTreeMap<Day, u64>,
    /// All else that is known at its end, as text.
    rest: String,
    /// By counted date, then row.
    plays: BTreeMap<(Day, u32), Fields>,
}

impl Report {
    /// A field of a row's play, or why there is none.
    fn field(&self, row: u32, field: &str) -> String {
        if let Some((_, play)) = self.plays.iter().find(|((_, of), _)| *of == row) {
            return play[field].clone();
        }
        let bad_row = self.bad_rows.iter().find(|bad_row| bad_row.row == row).unwrap();
        format!("{} {}", bad_row.column.as_deref().unwrap_or("-"), bad_row.reject_code.code())
    }

    /// Each bad row: row, column, code, expected and found.
    fn rejections(&self) -> String {
        let lines =
            self.bad_rows.iter().map(|RejectedRow { row, column, reject_code, detail, .. }| {
                format!(
                    "{row} {} {}: {detail}",
                    column.as_deref().unwrap_or("-"),
                    reject_code.code()
                )
            });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The layout, as the project describes it.
fn wide_table() -> TableFormat {
    let text = include_str!("../../../../../../pipelines/formats/spotify-streams.toml");
    toml::from_str(text).unwrap()
}

/// The layout in a report with this header.
fn bound(format: &TableFormat, header: &[&str]) -> BoundFormat {
    let head = header.join("\t") + "\n";
    match match_head(format, head.as_bytes(), "streams.tsv") {
        HeadMatch::Yes(bound) => *bound,
        other => panic!("the header has what is needed: {other:?}"),
    }
}

/// How a block is read.
#[derive(Debug, Clone, Copy, Default)]
struct BlockReading {
    /// Whether what was read so far is taken out after it.
    is_taken_out: bool,
    /// Whether another reader reads it.
    is_shared: bool,
}

/// Reads a report block by block.
fn read_blocks(
    header: &[&str],
    blocks: &[(&[u8], BlockReading)],
    wanted: Option<&BTreeSet<Day>>,
) -> Report {
    let aliases = [("UK", "GB"), ("Deutschland", "DE")].map(|(a, c)| (a.to_owned(), c.to_owned()));
    let territories = TerritoryTable::new(&aliases.into()).unwrap();
    let (store, key) = (testing::store(), testing::key());
    let context = PlaysContext { store: &store, territories: &territories, key: &key, wanted };
    let format = wide_table();
    let mut reader =
        TableReader::new(&format, bound(&format, header), TableContext::Plays(context));
    let mut pieces = BTreeMap::<Day, Vec<ReportPlays>>::new();
    let mut take_out = |reader: &mut TableReader<'_>| {
        for (day, piece) in reader.take_pieces() {
            pieces.entry(day).or_default().push(piece);
        }
    };
    let (mut other, mut n_lines) = (reader.fork(), 0);
    for (block, BlockReading { is_taken_out, is_shared }) in blocks {
        let reader = if *is_shared { &mut other } else { &mut reader };
        reader.read_block_behind(n_lines, block);
        n_lines += u32::try_from(block.split_inclusive(|byte| *byte == b'\n').count()).unwrap();
        if *is_taken_out {
            take_out(reader);
        }
    }
    reader.end();
    take_out(&mut reader);
    take_out(&mut other);
    reader.absorb(other);
    let reading = reader.finish();
    let mut plays = BTreeMap::new();
    for (day, pieces) in pieces {
        let joined = join_pieces(pieces);
        assert!(joined.rows.is_sorted_by_key(|play| play.row));
        plays.extend(joined.rows.iter().map(|play| ((day, play.row), fields(day, play, &joined))));
    }
    let TableReading { counts, bad_rows, day_rows, unmapped, notes, .. } = &reading;
    let TableReading { play_sums, about, lines, fault, .. } = &reading;
    let rest = format!("{unmapped:?} {notes:?} {play_sums:?} {about:?} {lines:?} {fault:?}");
    let (bad_rows, day_rows) = (bad_rows.clone(), day_rows.clone());
    Report { counts: *counts, bad_rows, day_rows, rest, plays }
}

fn read_with(header: &[&str], text: &[u8]) -> Report {
    read_blocks(header, &[(text, BlockReading::default())], None)
}

fn read(lines: &[Vec<u8>]) -> Report {
    read_with(&HEADER, &lines.concat())
}

fn fields(day: Day, play: &Play, plays: &Plays) -> Fields {
    let PlayDictionaries { tracks, kinds, products, sources, devices, .. } = &plays.words;
    let track = &tracks[play.track as usize];
    let kind = kinds[play.kind as usize];
    assert_eq!((track.track_ms, kind.plays, kind.report), (None, 1, 0));
    let product = &products[kind.product as usize];
    let territory = Territory::from_packed(play.territory).map(Territory::to_text);
    let listened_at = DateTime::from_timestamp_millis(play.listened_at_ms).unwrap();
    let offline = match play.offline {
        ONLINE => Some("false"),
        OFFLINE => Some("true"),
        OFFLINE_UNKNOWN => None,
        _ => Some("neither"),
    };
    Fields::from([
        ("date", day.to_string()),
        ("listened_at", listened_at.to_rfc3339_opts(SecondsFormat::Millis, true)),
        ("clock", if play.exact == 1 { "exact" } else { "rounded" }.to_owned()),
        ("isrc", or_null(track.isrc.map(|isrc| ascii(&isrc.to_text())))),
        ("upc", or_null(track.upc.map(Upc::to_text))),
        ("store_track", or_null(track.store_track.as_deref())),
        ("listener", or_null(listener_id(play, plays))),
        ("territory", or_null(territory.map(|letters| ascii(&letters)))),
        ("tier", product.tier.as_str().to_owned()),
        ("tier_code", or_null(product.tier_code.as_deref())),
        ("use_type", product.use_type.to_string()),
        ("offline", or_null(offline)),
        ("played_ms", or_null(play.played_ms())),
        ("source", or_null((kind.source != NONE).then(|| &sources[kind.source as usize]))),
        ("device", or_null((kind.device != NONE).then(|| &devices[kind.device as usize]))),
    ])
}

fn or_null(value: Option<impl ToString>) -> String {
    value.map_or("null".to_owned(), |value| value.to_string())
}

fn ascii(text: &[u8]) -> String {
    String::from_utf8(text.to_vec()).unwrap()
}

/// Whose hash the listener is, of those who play here.
fn listener_id(play: &Play, plays: &Plays) -> Option<&'static str> {
    let listener = *plays.words.listeners.get(play.listener as usize)?;
    let hash = |id: &str| testing::key().hash("spotify", id.as_bytes());
    ["anna", "bert", "cleo"].into_iter().find(|id| hash(id) == listener).or(Some("somebody"))
}
