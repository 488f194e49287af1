//! What is done to reports on their way to us: a quote too many, other line ends, several put together,
//! line ends that are none. No row is lost or changed in silence.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]
#![expect(clippy::disallowed_methods, reason = "tests make files, break them and look at them")]

use std::fs;
use std::path::{Path, PathBuf};

use streamledger_core::ingest::table::format::TableFormat;
use streamledger_core::ingest::table::records::split_line;
use streamledger_core::ingest::table::text_layout::FieldDelimiter;
use streamledger_core::normalize::rejected_row::RejectCode;
use streamledger_fuzz::reports::{FuzzKind, ReportRead, formats, read_report};

/// A report of `fixtures/formats`.
struct Fixture {
    name: String,
    /// The file's own name, which may say a date.
    file_name: String,
    kind: FuzzKind,
    text: String,
}

impl Fixture {
    fn read(&self, text: impl AsRef<[u8]>) -> Option<ReportRead> {
        let read = read_report(text.as_ref(), self.kind, &self.file_name, false);
        if let Some(read) = &read {
            assert_eq!(read.lines.total(), read.n_lines, "{}: {:?}", self.name, read.lines);
            assert_eq!(read.counts.rows, read.rows.len() as u64 + read.counts.quarantined);
        }
        read
    }
}

fn format_of(read: &ReportRead) -> Option<&'static TableFormat> {
    formats().iter().find(|format| format.format == read.format)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// All that are plain text, with what is read of them.
fn fixtures() -> Vec<(Fixture, ReportRead)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/formats");
    let mut paths = Vec::new();
    for entry in fs::read_dir(&root).unwrap() {
        files(&entry.unwrap().path().join("in"), &mut paths);
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let file_name = path.file_name().unwrap().to_str().unwrap().to_owned();
        for kind in [FuzzKind::Dsr, FuzzKind::Table, FuzzKind::JsonTable] {
            let fixture = Fixture {
                name: name.clone(),
                file_name: file_name.clone(),
                kind,
                text: text.clone(),
            };
            if let Some(read) = fixture.read(&text) {
                found.push((fixture, read));
                break;
            }
        }
    }
    assert!(40 < found.len(), "{} fixtures are read", found.len());
    found
}

/// Most places of a fixture that are tried.
const PLACES_MAX: usize = 400;

#[test]
fn a_quote_too_many_costs_its_own_row_or_the_report() {
    let (mut n_rejected, mut n_bad) = (0, 0);
    for (fixture, before) in fixtures() {
        let header_line = before.header_line.map_or(0, |line| line + 1);
        let bytes = fixture.text.as_bytes();
        for place in (0..=bytes.len()).step_by(bytes.len() / PLACES_MAX + 1) {
            // Between the two bytes of a line end a quote is a line of its own.
            if place != 0 && bytes[place - 1..].starts_with(b"\r\n") {
                continue;
            }
            let mut changed = bytes.to_vec();
            changed.insert(place, b'"');
            let Some(after) = fixture.read(&changed) else {
                continue;
            };
            let line = bytes[..place].split(|byte| *byte == b'\n').count() - 1;
            let Some(touched) = u32::try_from(line + 1).unwrap().checked_sub(header_line) else {
                continue;
            };
            // A name that was changed is another column, or none.
            if after.rejected.is_some() || touched == 0 {
                n_rejected += 1;
                continue;
            }
            n_bad += usize::from(after.bad_rows.contains_key(&touched));
            let of_kind = fixture.kind == FuzzKind::Dsr;
            for (row, text) in &before.rows {
                // Records of a block are what its usage records are about.
                if *row != touched && !of_kind {
                    assert_eq!(after.rows.get(row), Some(text), "{} at {place}", fixture.name);
                }
            }
            assert!(after.rows.keys().all(|row| before.rows.contains_key(row)));
        }
    }
    assert!(100 < n_rejected && 100 < n_bad, "{n_rejected} {n_bad}");
}

#[test]
fn line_ends_of_all_kinds_and_mixtures_are_the_same() {
    for (fixture, before) in fixtures() {
        let lines: Vec<&str> = fixture.text.lines().collect();
        let written = |end: &dyn Fn(usize) -> &'static str| -> String {
            (0..).zip(&lines).flat_map(|(n, line)| [*line, end(n)]).collect()
        };
        let mixtures = [
            written(&|_| "\r"),
            written(&|_| "\r\n"),
            written(&|n| ["\r", "\n", "\r\n"][n % 3]),
            written(&|n| if n == 0 { "\n" } else { "\r" }),
            written(&|n| if n + 1 == lines.len() { "\n" } else { "\r" }),
        ];
        let expected = fixture.read(written(&|_| "\n"));
        assert_eq!(expected.as_ref().map(|read| &read.rows), Some(&before.rows));
        for text in mixtures {
            assert_eq!(fixture.read(&text), expected, "{}\n{text:?}", fixture.name);
            for is_big in [false, true] {
                let units = std::iter::once(0xfeff).chain(text.encode_utf16());
                let bytes =
                    units.flat_map(|u| if is_big { u.to_be_bytes() } else { u.to_le_bytes() });
                let bytes: Vec<u8> = bytes.collect();
                assert_eq!(fixture.read(&bytes), expected, "{} UTF-16", fixture.name);
                let cut = read_report(&bytes, fixture.kind, &fixture.file_name, true);
                assert_eq!(cut, expected, "{} UTF-16 in blocks", fixture.name);
            }
        }
    }
}

#[test]
fn what_is_no_line_end_makes_no_report_of_a_header_alone() {
    for (fixture, _) in fixtures() {
        if fixture.kind == FuzzKind::JsonTable {
            continue;
        }
        let lines: Vec<&str> = fixture.text.lines().collect();
        for end in ["\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{1e}", "\0", " ", "\\n", "<br>"] {
            let read = fixture.read(lines.join(end));
            assert!(
                read.is_none_or(|read| read.rejected.is_some()),
                "{} with {end:?} is ingested",
                fixture.name
            );
            // The first row alone in the line of the header.
            let read =
                fixture.read([&[lines[..2].join(end).as_str()], &lines[2..]].concat().join("\n"));
            let is_right = |read: &ReportRead| {
                read.rejected.is_some() || read.rows.is_empty() && 0 < read.counts.quarantined
            };
            // Where lines stand before the header, the first two are not those that were joined.
            let header = fixture.read(&fixture.text).and_then(|read| read.header_line);
            if header == Some(0) && 1 < lines.len() {
                assert!(
                    read.as_ref().is_none_or(is_right),
                    "{} with {end:?} behind the header: {read:?}",
                    fixture.name
                );
            }
        }
    }
}

#[test]
fn a_report_that_ends_inside_a_quote_is_rejected_as_cut_off() {
    let mut n_cut = 0;
    for (fixture, before) in fixtures() {
        let Some(format) = format_of(&before).filter(|format| format.text.quoted) else {
            continue;
        };
        assert!(!format.text.multiline);
        for end in 1..fixture.text.len() {
            let Some(text) = fixture.text.get(..end) else {
                continue;
            };
            let last_line = text.rsplit('\n').next().unwrap();
            let delimiter = char::from(format.text.delimiter.byte().unwrap());
            let is_open = last_line.matches('"').count() % 2 == 1
                && last_line.rsplit(delimiter).any(|cell| cell.starts_with('"'));
            if !is_open || text.lines().count() <= before.header_line.unwrap() as usize + 1 {
                continue;
            }
            for more in ["", "\n", "\r\n\r\n"] {
                let read = fixture.read(format!("{text}{more}")).unwrap();
                assert_eq!(
                    read.rejected.as_deref(),
                    Some("cut_report"),
                    "{}: {text}",
                    fixture.name
                );
            }
            n_cut += 1;
        }
    }
    assert!(100 < n_cut, "{n_cut}");
}

fn read_table(text: &str) -> ReportRead {
    let read = read_report(text.as_bytes(), FuzzKind::Table, "a_2026-10.txt", false).unwrap();
    assert_eq!(read.lines.total(), read.n_lines);
    read
}

#[test]
fn two_open_quotes_cost_two_rows_of_a_thousand() {
    let header = "Report Date\tSales Date\tQuantity\tSubtotal\tIsrc\tBarcode\tAlbum Name\tArtist Name\t\
        Track Name\tPartner Name\tTransaction Type\tDelivery Country\n";
    let row = |title: &str| {
        format!(
            "10/15/2026 12:00:00 AM\t7/31/2026 12:00:00 AM\t1\t1.00\tGBXY12600001\t200000000011\t\
             al\ta\t{title}\tSpotify\tStream\tUS\n"
        )
    };
    let title = |n: u32| if [100, 900].contains(&n) { "\"Heroes" } else { "Song" };
    let rows: String = (1..=1000).map(|n| row(title(n))).collect();
    let read = read_table(&format!("{header}{rows}"));
    assert_eq!((read.format.as_str(), read.rejected), ("cdbaby", None));
    assert_eq!((read.counts.rows, read.counts.quarantined, read.rows.len()), (1000, 2, 998));
    assert_eq!(read.bad_rows, [(100, RejectCode::BadLine), (900, RejectCode::BadLine)].into());
    // In the last line nobody knows whether there was more.
    let read = read_table(&format!("{header}{rows}{}", row("\"Heroes")));
    assert_eq!(read.rejected.as_deref(), Some("cut_report"));
}

#[test]
fn an_amount_that_was_cut_in_its_quotes_is_not_read() {
    let text = "elected_isrc,start_date,end_date,country,event_count,usd_payable\n\
        \"GBXY12600001\",\"2026-06-01\",\"2026-06-30\",\"MX\",\"800\",\"1234.56\"\n\
        \"GBXY12600001\",\"2026-06-01\",\"2026-06-30\",\"MX\",\"800\",\"1234.56\"\n";
    let whole = read_table(text);
    assert_eq!((whole.rows.len(), whole.rejected), (2, None));
    let cut = read_table(text.trim_end_matches("234.56\"\n"));
    assert_eq!((cut.rows.len(), cut.rejected.as_deref()), (1, Some("cut_report")));
}

#[test]
fn a_second_table_with_two_columns_changed_over_is_found() {
    let header = |a, b| {
        format!(
            "Reporting Date\tSale Month\tStore\tArtist\tTitle\tISRC\tUPC\t{a}\t{b}\tSong/Album\t\
             Country of Sale\tSongwriter Royalties Withheld (USD)\tEarnings (USD)\n"
        )
    };
    let row = |a, b| {
        format!(
            "2026-10-14\t2026-07\tSpotify\ta\tt\tGBXY12600001\t200000000011\t{a}\t{b}\tSong\tUS\t0.00\t1.5\n"
        )
    };
    let (units, share) = ("Quantity", "Team Percentage");
    let first = header(units, share) + &row(5, 100).repeat(150);
    let same = read_table(&format!("{first}{first}"));
    assert_eq!((same.rejected.as_deref(), same.counts.repeated_headers), (None, 1));
    // The header between them is a line too.
    assert_eq!((same.counts.rows, same.rows.keys().last()), (300, Some(&301)));
    let other = header(share, units) + &row(100, 5).repeat(150);
    let other = read_table(&format!("{first}{other}"));
    assert_eq!(other.rejected.as_deref(), Some("second_header"));
}

/// The lines from the header on with their columns in another order.
fn reordered(
    lines: &[&str],
    format: &TableFormat,
    order: &dyn Fn(usize, usize) -> usize,
) -> String {
    let delimiter = format.text.delimiter.byte().unwrap();
    let mut text = String::new();
    for line in lines {
        let cells = split_line(line.as_bytes(), delimiter, format.text.quoted);
        let cells: Vec<String> = (0..cells.len())
            .map(|place| String::from_utf8(cells[order(place, cells.len())].clone()).unwrap())
            .map(|cell| {
                let quoted = format!("\"{}\"", cell.replace('"', "\"\""));
                if format.text.quoted { quoted } else { cell }
            })
            .collect();
        text += &cells.join(&char::from(delimiter).to_string());
        text.push('\n');
    }
    text
}

#[test]
fn tables_that_are_put_together_are_read_rightly_or_rejected() {
    let all = fixtures();
    let mut n_same = 0;
    for (first, before) in &all {
        let (Some(format), Some(first_header)) = (format_of(before), before.header_line) else {
            continue;
        };
        assert_ne!(format.text.delimiter, FieldDelimiter::Ndjson);
        for (second, other) in all.iter().filter(|(_, other)| other.format == before.format) {
            let lines: Vec<&str> = second.text.lines().collect();
            let lines = &lines[other.header_line.unwrap() as usize..];
            let orders: [&dyn Fn(usize, usize) -> usize; 5] = [
                &|place, _| place,
                &|place, n| n - 1 - place,
                &|place, n| (place + 1) % n,
                &|place, n| (place + n - 1) % n,
                &|place, n| if n == 1 { 0 } else { [1, 0].get(place).copied().unwrap_or(place) },
            ];
            for (number, order) in orders.into_iter().enumerate() {
                let more = reordered(lines, format, order);
                for end in ["", "\n"] {
                    let text = format!("{}{end}{more}", first.text.trim_end_matches(['\r', '\n']));
                    let what = format!("{} {number} {end:?}\n{text}", first.name);
                    let read = first.read(&text).unwrap();
                    if read.rejected.is_some() {
                        continue;
                    }
                    assert!(number == 0 && end == "\n" && first_header == 0, "{what}");
                    assert_eq!(read.counts.repeated_headers, 1, "{what}");
                    let n_rows = before.counts.rows + other.counts.rows;
                    assert_eq!(read.counts.rows, n_rows, "{what}");
                    assert!(read.rows.values().eq(before.rows.values().chain(other.rows.values())));
                    n_same += 1;
                }
            }
        }
    }
    assert!(20 < n_same, "{n_same}");
}
