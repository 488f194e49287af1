//! Blocks: where a report is cut into blocks, and when what was read is taken out, changes nothing.

use proptest::prelude::*;

use super::*;

/// Lines, good and bad, each with its end.
fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let cell = |column: &'static str, cells: &[&'static str]| {
        let cells = prop::sample::select(cells.to_vec());
        cells.prop_map(move |cell| (column, cell.as_bytes()))
    };
    let changes = (
        cell("day", &["2026-09-01", "2026-09-01", "20260902", "2026-08-31", "x"]),
        cell("track_id", &["t1", "t2", "t3", ""]),
        cell("isrc", &["USABC1234567", "usabc1234567", "GBAYE0601498", "x", ""]),
        cell("customer_id", &["anna", "bert", " bert ", "cleo", ""]),
        cell("country_code", &["DE", "UK", "ZZ", ""]),
        cell("financial_product", &["family", "new", "a product of a long name", ""]),
        cell("stream_device", &["phone", "tv", "a device of a long name", ""]),
        cell("stream_cached", &["true", "false", ""]),
    );
    let row = changes.prop_map(|(a, b, c, d, e, f, g, h)| line(&[a, b, c, d, e, f, g, h]));
    let windows_row = row.clone().prop_map(|mut line| {
        line.insert(line.len() - 1, b'\r');
        line
    });
    let others = [&b"\n"[..], b" \r\n", b"x\n", b"a\tb\r\n", b"\t\t\n"].map(<[u8]>::to_vec);
    let line = prop_oneof![6 => row, 1 => windows_row, 1 => prop::sample::select(others.to_vec())];
    prop::collection::vec(line, 0..40)
}

proptest! {
    #[test]
    fn blocks_of_whole_lines_are_read_as_the_text_that_they_are_of(
        lines in lines(),
        cuts in prop::collection::vec((any::<bool>(), any::<bool>()), 40),
        n_lost in 0_usize..20,
    ) {
        let mut text = lines.concat();
        text.truncate(text.len().saturating_sub(n_lost));
        let whole = read_with(&HEADER, &text);
        let mut blocks = Vec::new();
        let (mut start, mut end) = (0, 0);
        for (line, (is_cut, is_taken_out)) in lines.iter().zip(cuts) {
            end += line.len();
            if is_cut && end <= text.len() {
                blocks.push((&text[start..end], is_taken_out));
                start = end;
            }
        }
        blocks.push((&text[start..], false));
        prop_assert_eq!(read_blocks(&HEADER, &blocks, None), whole);
    }
}

#[test]
fn plays_of_a_date_stay_in_order_however_many_there_are() {
    let header = [
        "day",
        "log_time",
        "customer_id",
        "track_id",
        "isrc",
        "country_code",
        "stream_length",
        "stream_cached",
    ];
    let days = ["2026-09-01", "2026-09-02"];
    let block =
        days.map(|day| line_of(&header, &[("day", day.as_bytes())])).concat().repeat(33_000);
    let territories = Territories::new(&BTreeMap::new()).unwrap();
    let (store, key) = (testing::store(), testing::key());
    let context = Context { store: &store, territories: &territories, key: &key, wanted: None };
    let columns = Columns::recognise(header.join("\t").as_bytes()).unwrap();
    let mut reader = StreamsReader::new(columns, context);
    reader.read_block(&block);
    let size_bytes = reader.size_bytes();
    assert!(66_000 * size_of::<Play>() <= size_bytes, "{size_bytes}");
    let pieces = reader.take_pieces([1; 32]);
    for (first, piece) in (1..).zip(pieces.values()) {
        let rows = piece.rows.iter().flatten().map(|play| play.row);
        assert!(rows.eq((first..).step_by(2).take(33_000)));
    }
    assert!(reader.size_bytes() < 66_000);
    assert!(reader.finish().day_rows.into_values().eq([33_000, 33_000]));
}

#[test]
fn small_words_do_not_run_out_in_a_block_of_a_mebibyte() {
    let header = "day log_time track_id isrc customer_id country_code stream_length stream_cached offline_timestamp stream_device";
    let territories = Territories::new(&BTreeMap::new()).unwrap();
    let (store, key) = (testing::store(), testing::key());
    let context = Context { store: &store, territories: &territories, key: &key, wanted: None };
    let columns = Columns::recognise(header.replace(' ', "\t").as_bytes()).unwrap();
    let mut reader = StreamsReader::new(columns, context);
    let mut devices = (b'0'..=b'z').filter(u8::is_ascii_alphanumeric).flat_map(|a| {
        let others = (b'0'..=b'z').filter(u8::is_ascii_alphanumeric);
        others.flat_map(move |b| {
            (b'0'..=b'z').filter(u8::is_ascii_alphanumeric).map(move |c| [a, b, c])
        })
    });
    let mut block = |n_rows: usize| {
        let mut block = Vec::new();
        for device in devices.by_ref().take(n_rows) {
            block.extend_from_slice(b"20260901\t\tt\t\t\t\t\t1\t1\t");
            block.extend_from_slice(&device);
            block.push(b'\n');
        }
        assert!(block.len() <= 1 << 20);
        block
    };
    let mut n_bad_rows = 0;
    for n_rows in [32_767, 43_690] {
        if reader.must_seal() {
            reader.take_pieces([1; 32]);
        }
        reader.read_block(&block(n_rows));
        n_bad_rows = reader.counts.quarantined;
    }
    assert_eq!(n_bad_rows, 0, "{:?}", reader.bad_rows.first());
}
