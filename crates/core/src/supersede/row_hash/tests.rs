use super::*;
use crate::model::day::{Day, Month};
use crate::model::isrc::Isrc;
use crate::model::sale::{LineType, SaleRow};
use crate::model::tier::Tier;
use crate::normalize::sales_lot::SalesBuilder;

fn sale() -> SaleRow {
    SaleRow {
        row: 1,
        usage_from: Day(20_000),
        usage_to: Day(20_029),
        statement_period: None,
        reported: None,
        isrc: Isrc::parse(b"ZZSL12600001"),
        upc: None,
        store_track: Some(1),
        territory: Territory::from_packed(u16::from_be_bytes(*b"SE")),
        tier: Tier::Unknown,
        tier_code: Some(2),
        use_type: 0,
        offline: None,
        units: 5,
        amount: Some(Amount(1_500_000_000_000)),
        amount_text: None,
        currency: Currency::parse("EUR"),
        royalty_bearing: None,
        line_type: LineType::Sale,
        pool: None,
        shop: Some(3),
        grid: None,
        id_text: None,
    }
}

fn lot_of(store: &str, sales: &[SaleRow], texts: [&str; 4]) -> SalesLot {
    let mut builder = SalesBuilder::default();
    texts.iter().for_each(|text| assert!(builder.text(text) < 4));
    for sale in sales {
        builder.push(store, sale);
    }
    builder.take()
}

fn sums(sales: &[SaleRow], texts: [&str; 4]) -> (RowSums, Vec<u64>) {
    let lot = lot_of("distrokid", sales, texts);
    let (mut sums, mut hashes) = (RowSums::default(), Vec::new());
    let how = HashedAs { store: "believe", by: ComparedBy::Rows };
    hash_lot(&lot, how, &mut sums, |hash| hashes.push(hash));
    (sums, hashes)
}

const TEXTS: [&str; 4] = ["stream", "track:1", "PREMIUM", "Spotify"];

fn fingerprint(sale: SaleRow) -> u128 {
    sums(&[sale], TEXTS).0.fingerprint
}

/// Lists lie next to the archive: another number here needs another [`ROW_HASH_VERSION`].
#[test]
fn the_hash_is_the_same_everywhere_and_for_ever() {
    assert_eq!(format!("{:032x}", fingerprint(sale())), "cf0733ca864c34413220bd50029a39e2");
    assert_eq!(format!("{:016x}", text_hash("Spotify Premium".as_bytes())), "b4afa456e3d09a09");
}

#[test]
fn each_compared_field_changes_the_hash_and_no_other_does() {
    let plain = fingerprint(sale());
    let same = [
        SaleRow { row: 9, ..sale() },
        // Where there is an ISRC the store's own id says nothing more.
        SaleRow { store_track: None, ..sale() },
        SaleRow { statement_period: Some(Month { year: 2026, month: 9 }), ..sale() },
        SaleRow { reported: Some(Day(20_100)), ..sale() },
        SaleRow { royalty_bearing: Some(true), ..sale() },
        SaleRow { pool: Some(1), ..sale() },
    ];
    same.into_iter().for_each(|other| assert_eq!(fingerprint(other), plain, "{other:?}"));
    let different = [
        SaleRow { usage_from: Day(20_001), ..sale() },
        SaleRow { usage_to: Day(20_028), ..sale() },
        SaleRow { isrc: Isrc::parse(b"ZZSL12600002"), ..sale() },
        SaleRow { isrc: None, ..sale() },
        SaleRow { upc: crate::model::upc::Upc::parse(b"5901234123457"), ..sale() },
        SaleRow { territory: None, ..sale() },
        SaleRow { tier_code: None, ..sale() },
        SaleRow { use_type: 2, ..sale() },
        SaleRow { units: 6, ..sale() },
        SaleRow { units: -5, ..sale() },
        SaleRow { amount: Some(Amount(1_500_000_000_001)), ..sale() },
        SaleRow { amount: None, currency: None, ..sale() },
        SaleRow { amount: Some(Amount(0)), ..sale() },
        SaleRow { currency: Currency::parse("USD"), ..sale() },
        SaleRow { shop: None, ..sale() },
    ];
    let mut all: Vec<u128> = different.into_iter().map(fingerprint).collect();
    all.push(plain);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), different.len() + 1);
}

#[test]
fn ids_of_texts_and_the_order_of_rows_say_nothing() {
    let other_ids =
        SaleRow { use_type: 3, store_track: Some(0), tier_code: Some(1), shop: Some(2), ..sale() };
    let texts = ["track:1", "PREMIUM", "Spotify", "stream"];
    assert_eq!(sums(&[other_ids], texts).0, sums(&[sale()], TEXTS).0);
    let second = SaleRow { units: 7, ..sale() };
    let (ab, ba) = (sums(&[sale(), second], TEXTS), sums(&[second, sale()], TEXTS));
    assert_eq!(ab.0, ba.0);
    assert_eq!(
        (ab.0.rows, ab.0.plays, ab.0.money.values().sum::<i128>()),
        (2, 12, 3_000_000_000_000)
    );
    // A row twice is not the row once.
    assert_ne!(sums(&[sale(), sale()], TEXTS).0.fingerprint, sums(&[sale()], TEXTS).0.fingerprint);
}

#[test]
fn sums_of_parts_are_those_of_the_whole() {
    let (first, second) =
        (sale(), SaleRow { units: 7, currency: Currency::parse("USD"), ..sale() });
    let mut joined = sums(&[first], TEXTS).0;
    joined.join(&sums(&[second], TEXTS).0);
    assert_eq!(joined, sums(&[first, second], TEXTS).0);
}

#[test]
fn a_sum_beyond_128_bits_is_unknown_not_wrong() {
    let large = SaleRow { amount: Some(Amount(i128::MAX)), ..sale() };
    assert!(sums(&[large, large], TEXTS).0.is_beyond);
    assert!(!sums(&[large], TEXTS).0.is_beyond);
}

#[test]
fn a_key_says_what_a_row_is_about_and_a_report_is_the_same_in_every_folder() {
    let hashes = |sale: SaleRow, of: &str, store: &str, by: ComparedBy| {
        let lot = lot_of(of, &[sale], TEXTS);
        let mut hashes = Vec::new();
        hash_lot(&lot, HashedAs { store, by }, &mut RowSums::default(), |hash| hashes.push(hash));
        hashes
    };
    let other = SaleRow { units: 9, amount: None, ..sale() };
    let keys = |sale: SaleRow| hashes(sale, "tidal", "tidal", ComparedBy::Keys);
    assert_eq!(keys(sale()), keys(other));
    assert_ne!(keys(sale()), keys(SaleRow { territory: None, ..sale() }));
    let rows = |of: &str, store: &str| hashes(sale(), of, store, ComparedBy::Rows);
    assert_eq!(rows("tidal", "tidal"), rows("spotify", "spotify"));
    assert_ne!(rows("tidal", "distrokid"), rows("spotify", "distrokid"));
}
