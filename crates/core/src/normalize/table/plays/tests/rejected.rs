//! Rows that are not ingested: what is said of them, and what is never said.

use proptest::prelude::*;

use super::*;
use crate::normalize::rejected_row::RejectCode;

/// What is said of rows with these cells.
fn rejections(rows: &[&Changes<'_>]) -> String {
    let lines: Vec<_> = rows.iter().map(|changes| line(changes)).collect();
    let report = read(&lines);
    assert_eq!(report.counts.quarantined, report.bad_rows.len() as u64);
    report.rejections()
}

#[test]
fn what_is_wrong_with_a_cell_is_named() {
    insta::assert_snapshot!(rejections(&[
        &[("day", b"")],
        &[("day", b"01.09.2026")],
        &[("day", b"2026-02-29")],
        &[("log_time", b" ")],
        &[("log_time", b"noon")],
        &[("log_time", b"1e9")],
        &[("stream_cached", b"true"), ("offline_timestamp", b"later")],
        &[("stream_length", b"1e3")],
        &[("stream_length", b"-0.001")],
        &[("stream_length", b"86400.001")],
        &[("stream_cached", b"maybe")],
        &[("track_id", b" "), ("isrc", b"")],
    ]), @"
    1 day missing: expected a value, found an empty cell
    2 day bad_date: expected YYYY-MM-DD or YYYYMMDD, found `01.09.2026`
    3 day bad_date: expected YYYY-MM-DD or YYYYMMDD, found `2026-02-29`
    4 log_time missing: expected a value, found an empty cell
    5 log_time bad_time: expected an ISO 8601 time stamp, or seconds or milliseconds since 1970, found `noon`
    6 log_time bad_time: expected an ISO 8601 time stamp, or seconds or milliseconds since 1970, found `1e9`
    7 offline_timestamp bad_time: expected an ISO 8601 time stamp, or seconds or milliseconds since 1970, found 5 bytes that are not shown
    8 stream_length bad_number: expected a plain decimal number, found `1e3`
    9 stream_length out_of_range: expected 0 to 86,400 seconds, found `-0.001`
    10 stream_length out_of_range: expected 0 to 86,400 seconds, found `86400.001`
    11 stream_cached bad_bool: expected true/false, t/f, yes/no or 1/0, found 5 bytes that are not shown
    12 track_id no_track: expected an ISRC or a track id, found neither
    ");
}

#[test]
fn one_of_isrc_and_store_track_is_enough() {
    let report =
        read(&[line(&[("track_id", b"")]), line(&[("isrc", b"")]), line(&[("isrc", b"x")])]);
    assert_eq!(report.counts, RowCounts { rows: 3, bad_isrc: 1, ..RowCounts::default() });
}

#[test]
fn bytes_that_are_no_text_reject_the_row_in_each_column_that_is_read() {
    let mapped = HEADER.iter().filter(|column| !["mobile", "postal_code"].contains(column));
    for &column in mapped {
        for (cell, reject_code, found) in [
            (&b"a\0b"[..], "nul_byte: expected text without NUL bytes, found", 3),
            (b"a\xffb", "invalid_utf8: expected valid UTF-8, found", 3),
            (b"\0\xff", "nul_byte: expected text without NUL bytes, found", 2),
            (b"\xff\0", "invalid_utf8: expected valid UTF-8, found", 2),
        ] {
            let offline = [("stream_cached", &b"true"[..]), (column, cell)];
            let changes = if column == "offline_timestamp" { &offline[..] } else { &offline[1..] };
            // Twice: what was rejected once must not be known the second time.
            let found = format!("{found} bytes that are not shown");
            let expected =
                format!("1 {column} {reject_code} {found}\n2 {column} {reject_code} {found}");
            assert_eq!(rejections(&[changes, changes]), expected);
        }
    }
}

#[test]
fn the_first_bad_cell_in_the_reports_column_order_is_named_as_the_report_writes_it() {
    let bad: &Changes<'_> = &[
        ("day", b"x"),
        ("log_time", b"x"),
        ("stream_length", b"x"),
        ("stream_cached", b"x"),
        ("stream_device", b"\xff"),
        ("isrc", b""),
        ("track_id", b""),
    ];
    let mut header = HEADER.to_vec();
    let mut named = Vec::new();
    while !header.is_empty() {
        // The columns in turn, each once in front.
        header.rotate_left(1);
        let report = read_with(&header, &line_of(&header, bad));
        named.push(format!("{}: {}", header[0], report.field(1, "date")));
        if header[0] == HEADER[0] {
            break;
        }
    }
    insta::assert_snapshot!(named.join("\n"), @"
    log_time: log_time bad_time
    mobile: stream_length bad_number
    track_id: stream_length bad_number
    isrc: stream_length bad_number
    upc: stream_length bad_number
    customer_id: stream_length bad_number
    postal_code: stream_length bad_number
    access: stream_length bad_number
    country_code: stream_length bad_number
    financial_product: stream_length bad_number
    offline_timestamp: stream_length bad_number
    stream_length: stream_length bad_number
    stream_cached: stream_cached bad_bool
    stream_source: stream_device invalid_utf8
    stream_device: stream_device invalid_utf8
    day: day bad_date
    ");
    let header: Vec<String> = HEADER.iter().map(|column| column.to_uppercase()).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    assert_eq!(read_with(&header, &line(bad)).field(1, "date"), "DAY bad_date");
}

#[test]
fn no_track_is_said_of_the_first_of_both_columns() {
    let neither: &Changes<'_> = &[("isrc", b""), ("track_id", b"")];
    let mut header = HEADER.to_vec();
    assert_eq!(
        read_with(&header, &line_of(&header, neither)).field(1, "date"),
        "track_id no_track"
    );
    header.reverse();
    assert_eq!(read_with(&header, &line_of(&header, neither)).field(1, "date"), "isrc no_track");
}

#[test]
fn a_line_with_another_number_of_cells_is_rejected_whole() {
    let too_few = b"2026-09-01\t20260901T121500\n".to_vec();
    let mut too_many = line(&[]);
    too_many.splice(0..0, *b"x\t");
    let report = read(&[too_few.clone(), line(&[]), too_many, b"\t\n".to_vec(), b"x\n".to_vec()]);
    insta::assert_snapshot!(report.rejections(), @"
    1 - column_count: expected 16 cells, found 2
    3 - column_count: expected 16 cells, found 17
    4 - column_count: expected 16 cells, found 2
    5 - column_count: expected 16 cells, found 1
    ");
    assert_eq!(report.counts, RowCounts { rows: 5, quarantined: 4, ..RowCounts::default() });
}

#[test]
fn a_line_is_cut_only_if_it_is_the_last_and_lacks_both_cells_and_its_end() {
    let last = |text: &[u8]| {
        let report = read(&[line(&[]), text.to_vec()]);
        report.bad_rows.last().map(|bad_row| bad_row.reject_code)
    };
    let whole = line(&[]);
    let without_end = &whole[..whole.len() - 1];
    assert_eq!(last(b"2026-09-01\t20260901T12"), Some(RejectCode::CutLine));
    assert_eq!(last(b"2"), Some(RejectCode::CutLine));
    assert_eq!(last(b"2\t3\n4"), Some(RejectCode::CutLine));
    assert_eq!(last(b"2026-09-01\t20260901T12\n"), Some(RejectCode::ColumnCount));
    assert_eq!(last(b"2026-09-01\t20260901T12\r\n"), Some(RejectCode::ColumnCount));
    assert_eq!(last(&[without_end, b"\tx"].concat()), Some(RejectCode::ColumnCount));
    assert_eq!(last(&[b"2\n", without_end].concat()), Some(RejectCode::ColumnCount));
    assert_eq!(last(without_end), None);
    assert_eq!(last(b"  "), None);
}

#[test]
fn a_cut_line_is_told_from_others_in_the_last_block_only() {
    let whole = line(&[]);
    let plain = BlockReading::default();
    let taken_out = BlockReading { is_taken_out: true, ..plain };
    let blocks: [(&[u8], BlockReading); 3] =
        [(b"1\n", plain), (&whole, taken_out), (b"1\t2", plain)];
    let report = read_blocks(&HEADER, &blocks, None);
    insta::assert_snapshot!(report.rejections(), @"
    1 - column_count: expected 16 cells, found 1
    3 - cut_line: expected 16 cells, found 2
    ");
}

#[test]
fn of_a_rejected_row_only_cells_are_kept_that_name_nobody_and_of_one_that_may_have_moved_a_hash() {
    let report = read(&[
        line(&[("day", b"x"), ("customer_id", b" secret "), ("postal_code", b"\xff")]),
        line(&[("customer_id", b"secret\0")]),
        line(&[("day", b""), ("customer_id", b" ")]),
    ]);
    let raw: Vec<_> =
        report.bad_rows.iter().map(|bad_row| bad_row.raw.replace('\t', "|")).collect();
    insta::assert_snapshot!(raw.join("\n"), @r"
    <row 1, 104 bytes, hash 0f897705a96d114e64bf65433fa95313>
    <row 2, 112 bytes, hash f27a0677030a9b6a1873ecd6fe073582>
    |20260901T121500|-|t1|USABC1234567|<12 bytes>||-|<7 bytes>|DE|<6 bytes>||31.5|<5 bytes>|<8 bytes>|<5 bytes>
    ");
}

#[test]
fn long_cells_and_lines_are_told_by_their_length() {
    let report = read(&[line(&[("day", b""), ("mobile", &[b'm'; 5_000])]), vec![b'x'; 5_000]]);
    let lengths: Vec<_> = report.bad_rows.iter().map(|bad_row| bad_row.raw.len()).collect();
    assert!(lengths.iter().all(|length| *length < 200), "{lengths:?}");
    assert!(report.bad_rows[0].raw.contains("\t<5000 bytes>\t"));
    assert!(report.bad_rows[1].raw.starts_with("<row 2, 5000 bytes, hash "));
}

/// Lines with the listener `secret` of which cells were lost, or to which cells were added. (Both at
/// once could give a line with the header's number of cells and the listener in another column.)
fn mangled_lines() -> impl Strategy<Value = Vec<u8>> {
    let pool = ["", "x", "2026-09-01", "0", "\u{e9}"];
    let cells = prop::collection::vec(prop::sample::select(pool.to_vec()), HEADER.len());
    let places = prop::collection::vec(any::<prop::sample::Index>(), 0..6);
    (cells, places, any::<bool>()).prop_map(|(mut cells, places, is_added)| {
        cells[6] = "secret";
        for place in places {
            if is_added {
                cells.insert(place.index(cells.len() + 1), "y");
            } else if cells[place.index(cells.len())] != "secret" {
                cells.remove(place.index(cells.len()));
            }
        }
        let mut line = cells.join("\t").into_bytes();
        line.push(b'\n');
        line
    })
}

proptest! {
    #[test]
    fn a_rejection_never_shows_the_listener(lines in prop::collection::vec(mangled_lines(), 1..4)) {
        let report = read(&lines);
        prop_assert_eq!(report.bad_rows.len() + report.plays.len(), lines.len());
        for RejectedRow { raw, detail, .. } in &report.bad_rows {
            prop_assert!(!raw.contains("secret") && !detail.contains("secret"), "{raw} {detail}");
        }
    }

    #[test]
    fn a_cut_line_never_shows_the_beginning_of_a_listener(length in 0_usize..130) {
        let whole = line(&[("customer_id", b"qqqq"), ("stream_device", b"\xff")]);
        let report = read(&[line(&[]), whole[..length.min(whole.len())].to_vec()]);
        prop_assert!(report.bad_rows.iter().all(|bad_row| !bad_row.raw.contains('q')));
    }

    #[test]
    fn a_rejection_never_shows_a_listener_that_is_no_text(
        listener in prop::sample::select(vec![&b"secret\0"[..], b"\xffsecret", b"secret\xff\0"]),
        day in prop::sample::select(vec![&b"2026-09-01"[..], b"", b"x"]),
    ) {
        let report = read(&[line(&[("customer_id", listener), ("day", day)])]);
        let RejectedRow { raw, detail, .. } = &report.bad_rows[0];
        prop_assert!(!raw.contains("secret") && !detail.contains("secret"), "{raw} {detail}");
    }
}
