//! Blocks: where a report is cut into blocks, which of two readers reads each, and when what was read is taken
//! out, changes nothing.

use std::collections::BTreeSet;

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
        cuts in prop::collection::vec(any::<[bool; 3]>(), 40),
        n_lost in 0_usize..20,
    ) {
        let mut text = lines.concat();
        text.truncate(text.len().saturating_sub(n_lost));
        let whole = read_with(&HEADER, &text);
        let mut blocks = Vec::new();
        let (mut start, mut end) = (0, 0);
        for (line, [is_cut, is_taken_out, is_shared]) in lines.iter().zip(cuts) {
            end += line.len();
            if is_cut && end <= text.len() {
                blocks.push((&text[start..end], BlockReading { is_taken_out, is_shared }));
                start = end;
            }
        }
        blocks.push((&text[start..], BlockReading::default()));
        prop_assert_eq!(read_blocks(&HEADER, &blocks, None), whole);
    }
}

/// The needed columns alone.
const NARROW: [&str; 8] = [
    "day",
    "log_time",
    "customer_id",
    "track_id",
    "isrc",
    "country_code",
    "stream_length",
    "stream_cached",
];

/// Calls `read` with a reader for these columns.
fn with_reader(header: &[&str], read: impl FnOnce(TableReader<'_>)) {
    let territories = TerritoryTable::new(&BTreeMap::new()).unwrap();
    let (store, key) = (testing::store(), testing::key());
    let context =
        PlaysContext { store: &store, territories: &territories, key: &key, wanted: None };
    let format = wide_table();
    read(TableReader::new(&format, bound(&format, header), TableContext::Plays(context)));
}

#[test]
fn plays_of_a_date_stay_in_order_however_many_there_are() {
    // More than a chunk of plays holds of the first date, a few of the second between them.
    const N_BLOCKS: u32 = 1_060;
    let days = |n| if n == 500 { "2026-09-02" } else { "2026-09-01" };
    let block: Vec<u8> =
        (1..=1_000).flat_map(|n| line_of(&NARROW, &[("day", days(n).as_bytes())])).collect();
    with_reader(&NARROW, |mut reader| {
        (0..N_BLOCKS).for_each(|_| reader.read_block(&block));
        let size_bytes = reader.size_bytes();
        let pieces = reader.take_pieces();
        let rows = |piece: usize| pieces.values().nth(piece).unwrap().rows.iter().flatten();
        let n_rows = [0, 1].map(|piece| rows(piece).count());
        assert_eq!(n_rows, [1_058_940, 1_060]);
        assert!(1_060_000 * size_of::<Play>() <= size_bytes);
        assert!([0, 1].iter().all(|piece| rows(*piece).is_sorted_by(|a, b| a.row < b.row)));
        assert!(rows(1).map(|play| play.row).eq((0..N_BLOCKS).map(|block| block * 1_000 + 500)));
        assert!(reader.size_bytes() < 1 << 16);
        assert!(reader.finish().day_rows.into_values().eq([1_058_940, 1_060]));
    });
}

/// `n_rows` rows of 24 bytes, the shortest that there are, each of another device.
fn devices(first: u32, n_rows: u32) -> Vec<u8> {
    let rows = (first..).take(n_rows as usize).flat_map(|n| {
        let device = [n / 3_600, n / 60 % 60, n % 60]
            .map(|digit| b"0".map(|b| b + u8::try_from(digit).unwrap()));
        let device = device.as_flattened();
        [b"20260901\t\tt\t\t\t\t\t1\t1788220800\t", device, b"\n"].concat()
    });
    rows.collect()
}

/// The columns of [`devices`].
const WITH_DEVICE: [&str; 10] = [
    "day",
    "log_time",
    "track_id",
    "isrc",
    "customer_id",
    "country_code",
    "stream_length",
    "stream_cached",
    "offline_timestamp",
    "stream_device",
];

#[test]
fn a_report_may_have_more_devices_than_16_bits_count() {
    with_reader(&WITH_DEVICE, |mut reader| {
        reader.read_block(&devices(0, 40_000));
        reader.read_block(&devices(40_000, 30_000));
        let (_, piece) = reader.take_pieces().pop_first().unwrap();
        assert_eq!(reader.finish().counts, RowCounts { rows: 70_000, ..RowCounts::default() });
        let plays = join_pieces(vec![piece]);
        let device = |play: &Play| &*plays.words.devices[plays.kind(play).device as usize];
        let different: BTreeSet<&str> = plays.rows.iter().map(device).collect();
        assert_eq!(different.len(), 70_000);
        assert_eq!(device(&plays.rows[0]), "000");
        assert_eq!(device(&plays.rows[3_600]), "100");
    });
}
