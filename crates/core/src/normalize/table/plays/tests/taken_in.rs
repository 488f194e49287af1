//! Rows that are ingested: what becomes of each cell, and what is counted.

use super::*;

/// What becomes of a column's cells: the field of the play, or column and code of the rejection.
fn cells(column: &str, field: &str, cells: &[&str]) -> String {
    let lines: Vec<_> = cells.iter().map(|cell| line(&[(column, cell.as_bytes())])).collect();
    let report = read(&lines);
    let shown =
        (1..).zip(cells).map(|(row, cell)| format!("[{cell}] {}", report.field(row, field)));
    shown.collect::<Vec<_>>().join("\n")
}

#[test]
fn each_column_becomes_the_field_that_is_meant_for_it() {
    let report = read(&[line(&[])]);
    let fields = &report.plays[&(Day::from_calendar(2026, 9, 1).unwrap(), 1)];
    let lines: Vec<_> = fields.iter().map(|(field, value)| format!("{field} {value}")).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    clock rounded
    date 2026-09-01
    device phone
    isrc USABC1234567
    listened_at 2026-09-01T12:15:00.000Z
    listener anna
    offline false
    played_ms 31500
    source playlist
    store_track t1
    territory DE
    tier family
    tier_code family|premium
    upc 036000291452
    use_type stream
    ");
    assert_eq!(report.counts, RowCounts { rows: 1, ..RowCounts::default() });
    assert_eq!((report.bad_rows.len(), report.day_rows.values().sum::<u64>()), (0, 1));
}

#[test]
fn columns_that_a_report_may_lack_are_null_where_it_does() {
    let needed: Vec<_> =
        "day log_time customer_id track_id isrc country_code stream_length stream_cached"
            .split(' ')
            .collect();
    let report = read_with(&needed, &line_of(&needed, &[("stream_cached", b"true")]));
    let field = |field| report.field(1, field);
    assert_eq!(
        ["upc", "tier", "tier_code", "source", "device", "clock"].map(field),
        ["null", "unknown", "null", "null", "null", "rounded"]
    );
    assert_eq!(field("listened_at"), "2026-09-01T12:15:00.000Z");
}

#[test]
fn empty_cells_are_null() {
    for empty in ["", " ", " \r "] {
        for (column, field) in [
            ("isrc", "isrc"),
            ("upc", "upc"),
            ("track_id", "store_track"),
            ("customer_id", "listener"),
            ("country_code", "territory"),
            ("stream_cached", "offline"),
            ("stream_length", "played_ms"),
            ("stream_source", "source"),
            ("stream_device", "device"),
        ] {
            let report = read(&[line(&[(column, empty.as_bytes())])]);
            assert_eq!(report.field(1, field), "null", "{column}");
            assert_eq!(report.counts, RowCounts { rows: 1, ..RowCounts::default() }, "{column}");
        }
    }
}

#[test]
fn cells_are_trimmed() {
    for (column, field, cell, value) in [
        ("day", "date", " 20260902 ", "2026-09-02"),
        ("isrc", "isrc", " us-abc-12-34567 ", "USABC1234567"),
        ("upc", "upc", " 036000291452", "036000291452"),
        ("track_id", "store_track", " t 2 ", "t 2"),
        ("customer_id", "listener", " bert\r", "bert"),
        ("country_code", "territory", " fr ", "FR"),
        ("stream_cached", "offline", " TRUE ", "true"),
        ("stream_length", "played_ms", " 30 ", "30000"),
        ("stream_source", "source", " search ", "search"),
        ("stream_device", "device", " tv ", "tv"),
        ("access", "tier_code", " free ", "family|free"),
        ("financial_product", "tier_code", " family ", "family|premium"),
    ] {
        assert_eq!(read(&[line(&[(column, cell.as_bytes())])]).field(1, field), value, "{column}");
    }
}

#[test]
fn an_offline_plays_stamp_is_its_exact_time_in_any_form() {
    let row = |cached: &str, stamp: &str| {
        line(&[("stream_cached", cached.as_bytes()), ("offline_timestamp", stamp.as_bytes())])
    };
    let lines = [
        row("true", "2026-08-28T17:03:22Z"),
        row("1", "20260828T17:03:22.9999"),
        row("yes", "1787936602"),
        row("t", "1787936602.1239"),
        row("TRUE", " 1787936602123 "),
        row("true", ""),
        row("true", "0"),
        row("true", "0.0"),
        row("false", "2026-08-28T17:03:22Z"),
        row("", "2026-08-28T17:03:22Z"),
    ];
    let report = read(&lines);
    let shown: Vec<_> = (1..=10)
        .map(|row| format!("{} {}", report.field(row, "listened_at"), report.field(row, "clock")))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    2026-08-28T17:03:22.000Z exact
    2026-08-28T17:03:22.999Z exact
    2026-08-28T17:03:22.000Z exact
    2026-08-28T17:03:22.123Z exact
    2026-08-28T17:03:22.123Z exact
    2026-09-01T12:15:00.000Z rounded
    2026-09-01T12:15:00.000Z rounded
    2026-09-01T12:15:00.000Z rounded
    2026-09-01T12:15:00.000Z rounded
    2026-09-01T12:15:00.000Z rounded
    ");
}

#[test]
fn the_clock_is_not_read_where_an_exact_stamp_is_used() {
    for log_time in [&b""[..], b"noon", b"\xff", b"a\0b"] {
        let exact: &Changes<'_> = &[
            ("stream_cached", b"true"),
            ("offline_timestamp", b"1787936602"),
            ("log_time", log_time),
        ];
        assert_eq!(read(&[line(exact)]).field(1, "clock"), "exact");
        let rounded = [exact[0], ("offline_timestamp", b"0"), exact[2]];
        assert!(read(&[line(&rounded)]).field(1, "clock").starts_with("log_time "));
    }
}

#[test]
fn the_stamp_is_not_read_where_the_play_is_not_offline() {
    for stamp in [&b"later"[..], b"-1", b"\xff", b"a\0b"] {
        for cached in [&b"false"[..], b""] {
            let changes: &Changes<'_> = &[("stream_cached", cached), ("offline_timestamp", stamp)];
            assert_eq!(read(&[line(changes)]).field(1, "clock"), "rounded");
        }
        let offline = [("stream_cached", &b"true"[..]), ("offline_timestamp", stamp)];
        assert!(read(&[line(&offline)]).field(1, "clock").starts_with("offline_timestamp "));
    }
}

#[test]
fn the_tier_is_the_products_or_without_one_that_of_the_access() {
    let rows = [
        ("family", "free"),
        ("Family", ""),
        ("new", "premium"),
        ("", "PREMIUM"),
        ("", "new"),
        ("", ""),
    ];
    let lines = rows.map(|(product, access)| {
        line(&[("financial_product", product.as_bytes()), ("access", access.as_bytes())])
    });
    let report = read(&lines);
    let shown: Vec<_> = (1..=6)
        .map(|row| format!("{} {}", report.field(row, "tier"), report.field(row, "tier_code")))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    family family|free
    family Family
    unmapped new|premium
    premium PREMIUM
    unmapped new
    unknown null
    ");
    assert_eq!(report.counts, RowCounts { rows: 6, unmapped_tier: 2, ..RowCounts::default() });
}

#[test]
fn a_wrong_identifier_becomes_null_and_is_counted_each_time() {
    insta::assert_snapshot!(cells("isrc", "isrc", &["GB-AYE-06-01498", "ISRCGBAYE0601498", "GBAYE060149", "x"]), @"
    [GB-AYE-06-01498] GBAYE0601498
    [ISRCGBAYE0601498] GBAYE0601498
    [GBAYE060149] null
    [x] null
    ");
    insta::assert_snapshot!(cells("upc", "upc", &["4006381333931", "96385074", "036000291453", "1.9e11"]), @"
    [4006381333931] 4006381333931
    [96385074] 96385074
    [036000291453] null
    [1.9e11] null
    ");
    insta::assert_snapshot!(cells("country_code", "territory", &["XK", "uk", "deutschland", "ZZ", "DEU", "\u{e9}"]), @"
    [XK] XK
    [uk] GB
    [deutschland] DE
    [ZZ] null
    [DEU] DE
    [é] null
    ");
    let wrong: &Changes<'_> = &[("isrc", b"x"), ("upc", b"1"), ("country_code", b"ZZ")];
    let alias: &Changes<'_> = &[("country_code", b"UK"), ("financial_product", b"new")];
    let report =
        read(&[line(wrong), line(alias), line(wrong), line(&[]), line(alias), line(alias)]);
    assert_eq!(
        report.counts,
        RowCounts {
            rows: 6,
            quarantined: 0,
            bad_isrc: 2,
            bad_upc: 2,
            bad_territory: 2,
            aliased_territory: 3,
            unmapped_tier: 3,
            ..RowCounts::default()
        }
    );
}

#[test]
fn wrong_identifiers_of_rejected_rows_are_not_counted() {
    let rejected = [
        line(&[("isrc", b"x"), ("country_code", b"ZZ"), ("upc", b"1"), ("day", b"")]),
        line(&[("country_code", b"UK"), ("financial_product", b"new"), ("stream_device", b"\xff")]),
        line(&[("country_code", b"ZZ"), ("isrc", b""), ("upc", b"1"), ("track_id", b"")]),
        line(&[("country_code", b"\xff"), ("isrc", b"x"), ("upc", b"1")]),
    ];
    let report = read(&rejected);
    assert_eq!(report.counts, RowCounts { rows: 4, quarantined: 4, ..RowCounts::default() });
    assert_eq!(report.day_rows, BTreeMap::new());
}

#[test]
fn unmapped_columns_are_not_looked_at() {
    let report = read(&[line(&[("mobile", b"\xff\0"), ("postal_code", b"\0\xff")])]);
    assert_eq!(report.counts, RowCounts { rows: 1, ..RowCounts::default() });
}

#[test]
fn a_listener_is_one_whatever_spaces_are_around_him() {
    let text = [line(&[("customer_id", b" anna ")]), line(&[]), line(&[("customer_id", b"Anna")])];
    let report = read(&text);
    assert_eq!([1, 2, 3].map(|row| report.field(row, "listener")), ["anna", "anna", "somebody"]);
}

#[test]
fn dates_of_plays_may_come_and_go_in_any_form() {
    let days = ["2026-09-01", "20260902", "2026-09-01", "2026-09-02", "2026-09-03", "2026-09-0x"];
    let lines = days.map(|day| line(&[("day", day.as_bytes())]));
    let report = read(&lines);
    let shown: Vec<_> = (1..=6).map(|row| report.field(row, "date")).collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    2026-09-01
    2026-09-02
    2026-09-01
    2026-09-02
    2026-09-03
    day bad_date
    ");
    let n_rows: Vec<_> = report.day_rows.into_values().collect();
    assert_eq!(n_rows, [2, 2, 1]);
}

#[test]
fn plays_of_other_dates_than_the_wanted_are_counted_but_not_kept() {
    let days = ["2026-09-01", "2026-09-02", "2026-09-01", "2026-09-03"];
    let text = days.map(|day| line(&[("day", day.as_bytes()), ("isrc", b"x")])).concat();
    let day = |day| Day::from_calendar(2026, 9, day).unwrap();
    let wanted = BTreeSet::from([day(2), day(9)]);
    let report = read_blocks(&HEADER, &[(&text, BlockReading::default())], Some(&wanted));
    assert_eq!(report.plays.keys().copied().collect::<Vec<_>>(), [(day(2), 2)]);
    assert_eq!(report.day_rows, BTreeMap::from([(day(1), 2), (day(2), 1), (day(3), 1)]));
    assert_eq!(report.counts, RowCounts { rows: 4, bad_isrc: 4, ..RowCounts::default() });
}

#[test]
fn blank_lines_are_counted_but_are_no_rows() {
    let text =
        [b"\n".to_vec(), line(&[]), b" \r\n\n".to_vec(), line(&[("day", b"")]), b"  ".to_vec()];
    let report = read(&text);
    assert_eq!(report.counts, RowCounts { rows: 2, quarantined: 1, ..RowCounts::default() });
    assert_eq!(report.plays.keys().map(|(_, row)| *row).collect::<Vec<_>>(), [2]);
    insta::assert_snapshot!(report.rejections(), @"5 day missing: expected a value, found an empty cell");
}

#[test]
fn lines_may_end_as_on_windows_and_the_last_not_at_all() {
    let lines = [line(&[]), line(&[("day", b"")]), line(&[("stream_device", b"tv")])];
    let unix = lines.concat();
    let windows = String::from_utf8(unix.clone()).unwrap().replace('\n', "\r\n").into_bytes();
    let expected = read_with(&HEADER, &unix);
    assert_eq!(read_with(&HEADER, &windows), expected);
    assert_eq!(read_with(&HEADER, &unix[..unix.len() - 1]), expected);
    assert_eq!(read_with(&HEADER, &windows[..windows.len() - 2]), expected);
    assert_eq!(expected.counts.rows, 3);
}

#[test]
fn words_that_nearly_agree_are_told_apart() {
    let devices: Vec<String> =
        [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 18].map(|n| "a".repeat(n)).to_vec();
    let lines: Vec<_> =
        devices.iter().map(|device| line(&[("stream_device", device.as_bytes())])).collect();
    let report = read(&[lines.concat(), lines.concat()]);
    for (row, device) in (1..).zip(devices.iter().chain(&devices)) {
        assert_eq!(report.field(row, "device"), *device);
    }
}

#[test]
fn cells_that_side_by_side_are_one_text_are_told_apart() {
    let mut header = HEADER.to_vec();
    // The columns of a track side by side, and the release apart.
    for _ in 0..2 {
        let of_tracks = [
            ["t", "USABC1234567", ""],
            ["tUSABC1234567", "", ""],
            ["t", "", "036000291452"],
            ["t", "036000291452", ""],
            ["t036000291452", "", ""],
        ];
        let lines = of_tracks.map(|cells| {
            let cells = cells.map(str::as_bytes);
            line_of(&header, &[("track_id", cells[0]), ("isrc", cells[1]), ("upc", cells[2])])
        });
        let report = read_with(&header, &lines.concat());
        let track = |row| ["store_track", "isrc", "upc"].map(|field| report.field(row, field));
        assert_eq!(track(1), ["t", "USABC1234567", "null"]);
        assert_eq!(track(2), ["tUSABC1234567", "null", "null"]);
        assert_eq!(track(3), ["t", "null", "036000291452"]);
        assert_eq!(track(4), ["t", "null", "null"]);
        assert_eq!(track(5), ["t036000291452", "null", "null"]);
        header.swap(0, 5);
    }
    let of_products = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc")];
    let lines = of_products.map(|(product, access)| {
        line(&[("financial_product", product.as_bytes()), ("access", access.as_bytes())])
    });
    let report = read(&lines);
    let codes = [1, 2, 3, 4].map(|row| report.field(row, "tier_code"));
    assert_eq!(codes, ["ab|c", "a|bc", "abc", "abc"]);
}
