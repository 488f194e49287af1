//! What must hold for any bytes, whoever makes them up: nothing panics, every row is ingested or
//! quarantined, every line is accounted for, and where the blocks of a report end does not matter.
//!
//! `fuzz/` runs these with cargo-fuzz for hours, `tests/` with its corpus and some changes of it in
//! seconds.

#![expect(clippy::disallowed_methods, reason = "tests make files, break them and look at them")]

pub mod reports;

use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::money::{Amount, Currency};
use streamledger_core::model::upc::Upc;
use streamledger_core::normalize::values::dates::read_date;
use streamledger_core::normalize::values::numbers::{plain_decimal, whole_number};
use streamledger_core::normalize::values::times::stamp_or_epoch;
use streamledger_inflate::gzip::GunzipReader;
use streamledger_levels::available_levels;
use streamledger_lines::LineLayout;
use streamledger_lines::plain::{cut_lines, split_lines};
use streamledger_parquet_pages::flat_table::check_any_bytes;

use crate::reports::{FuzzKind, read_report};

/// The names of the targets, which are also the folders of the corpus.
pub const TARGETS: [&str; 7] =
    ["cells", "dsr", "gunzip", "json_table", "lines", "parquet_pages", "table"];

/// Runs a target by its name.
///
/// # Panics
/// Where something that must hold does not.
pub fn run(target: &str, bytes: &[u8]) {
    match target {
        "cells" => cells(bytes),
        "dsr" => report(bytes, FuzzKind::Dsr),
        "gunzip" => gunzip(bytes),
        "json_table" => report(bytes, FuzzKind::JsonTable),
        "lines" => lines(bytes),
        "parquet_pages" => parquet_pages(bytes),
        "table" => report(bytes, FuzzKind::Table),
        _ => {}
    }
}

/// Reads a report both in one block and in many, and checks what must hold for any bytes.
fn report(bytes: &[u8], kind: FuzzKind) {
    let read = |is_cut| read_report(bytes, kind, "GBXY12600001_20260901.txt", is_cut);
    let whole = read(false);
    if let Some(read) = &whole {
        let n_taken = read.rows.len() as u64;
        assert_eq!(read.counts.rows, n_taken + read.counts.quarantined, "rows are lost or made up");
        assert_eq!(read.lines.total(), read.n_lines, "lines are lost or made up: {:?}", read.lines);
    }
    assert_eq!(whole, read(true), "the blocks of a report change what it says");
}

/// gzip, compared with another decoder: where that one reads all, ours reads the same.
fn gunzip(bytes: &[u8]) {
    use std::io::Read as _;
    const OUTPUT_MAX: usize = 1 << 20;
    let mut expected = Vec::new();
    let decoder = flate2::bufread::MultiGzDecoder::new(bytes);
    let is_whole = decoder.take(OUTPUT_MAX as u64).read_to_end(&mut expected).is_ok();
    if expected.len() == OUTPUT_MAX {
        return;
    }
    for level in available_levels() {
        let mut output = vec![0; OUTPUT_MAX];
        let mut position = 0;
        let read = GunzipReader::with_level(bytes, level).read_into(&mut output, &mut position);
        if is_whole && !bytes.is_empty() {
            assert!(read.is_ok(), "{read:?}, the other decoder read {} bytes", expected.len());
            assert!(output[..position] == expected, "other bytes than the other decoder's");
        }
    }
}

/// Lines of as many cells as the first byte says, compared with a plain split.
fn lines(bytes: &[u8]) {
    let Some((first, block)) = bytes.split_first() else {
        return;
    };
    let layout = LineLayout {
        n_columns: usize::from(first % 8) + 1,
        delimiter: if first & 8 == 0 { b'\t' } else { b',' },
        is_quoted: first & 16 != 0,
    };
    let expected = split_lines(block, layout);
    for level in available_levels() {
        assert_eq!(cut_lines(level, block, layout), expected, "{level:?}");
    }
}

/// Rows to Parquet, as the `parquet` crate reads them.
fn parquet_pages(bytes: &[u8]) {
    let checked = check_any_bytes(bytes, &available_levels());
    assert!(checked.is_ok(), "{checked:?}");
}

/// Cells of all kinds: what is read is sane, and what is written is read back.
fn cells(bytes: &[u8]) {
    use streamledger_core::ingest::table::decimal_mark::DecimalMark;
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
        if let Some(plain) = plain_decimal(text, style, DecimalMark::Point) {
            let _whole = whole_number(&plain);
            if let Some(read) = Amount::parse(&plain) {
                let again = Amount::parse(&read.amount.to_string());
                assert_eq!(again.map(|again| again.amount), Some(read.amount));
            }
        }
    }
}
