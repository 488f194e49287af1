//! Random reports read by several readers, in small pieces, say what they say to one reader.

use std::collections::BTreeMap;

use proptest::prelude::*;
use streamledger_core::ingest::dsr::head::{DsrMatch, match_head};
use streamledger_core::model::territory::TerritoryTable;
use streamledger_core::normalize::store::StoreSettings;

use super::*;

const STORE: &str = include_str!("../../../../../pipelines/stores/spotify.toml");

const HEAD: &str = "HEAD\tdsrf/1\tBasicAudioProfile\t1.4\tM\t2026-10-02T10:00:00Z\t1\t1\t2026-09-01\t2026-09-30\tP\t\
    Store\tPremium\tQ\tUs\n";

/// A line that may stand anywhere: mostly records of blocks, some of which name what is not there.
fn lines() -> impl Strategy<Value = String> {
    let block = prop::sample::select(vec!["B1", "B2", "B3"]);
    let place = prop::sample::select(vec!["A1", "A2"]);
    let summary = prop::sample::select(vec!["S1", "S2", "S3"]);
    let units = prop::sample::select(vec!["1", "25", "-3", "2.0", "x", ""]);
    let record = (block.clone(), place.clone(), 0_u32..4).prop_map(|(block, place, isrc)| {
        format!("AS01.03\t{block}\t{place}\tdsp{place}\tGBXY1000000{isrc}\tTitle")
    });
    let usage = (block, summary, place, units).prop_map(|(block, summary, place, units)| {
        format!("SU02.03\t{block}\t{summary}\tX\t\t{place}\ttrue\t{units}")
    });
    let other = prop::sample::select(vec![
        "# AS01\tB1".to_owned(),
        String::new(),
        "XX01\tB1".to_owned(),
        "FOOT\t9\t9\t2\t1\t1".to_owned(),
        "SY01.03\tS3\t\t\tFree\tStream\tGB\tFree\t7\t7\tEUR\t1.5".to_owned(),
    ]);
    prop_oneof![6 => record, 12 => usage, 1 => other]
}

/// What a report says: its lines by row, and all else.
fn read(
    text: &str,
    n_readers: usize,
    (size, is_taken_out): (usize, bool),
) -> (BTreeMap<u32, String>, String) {
    let store: StoreSettings = toml::from_str(STORE).unwrap();
    let territories = TerritoryTable::new(&BTreeMap::new()).unwrap();
    let DsrMatch::Yes(head) = match_head(text.as_bytes(), "DSR_Us_Store_1of1.tsv") else {
        unreachable!("the head is one");
    };
    let reader = DsrReader::new(*head, &store, &territories);
    let mut rows = DsrRows { piece_bytes: 40, ..DsrRows::new(reader, n_readers) };
    let mut said = BTreeMap::new();
    let mut take_out = |rows: &mut DsrRows<'_>| {
        for lot in rows.take_lots() {
            for ((store, month), sale) in lot.all_sales() {
                let texts = [sale.store_track, sale.tier_code, sale.id_text, sale.pool];
                let texts = texts.map(|id| id.map(|id| lot.text(id)));
                let said_of = format!(
                    "{store} {month} {:?} {:?} {:?} {} {texts:?} {}",
                    sale.isrc,
                    sale.territory,
                    sale.tier,
                    sale.units,
                    lot.text(sale.use_type)
                );
                assert_eq!(said.insert(sale.row, said_of), None);
            }
        }
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for block in lines.chunks(size) {
        rows.read_block(block.concat().as_bytes());
        if is_taken_out {
            take_out(&mut rows);
        }
    }
    rows.end();
    take_out(&mut rows);
    (said, format!("{:?}", rows.finish()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn several_readers_say_what_one_says(
        lines in prop::collection::vec(lines(), 0..60),
        size in 1_usize..9,
        is_taken_out in any::<bool>(),
    ) {
        let mut text = HEAD.to_owned();
        text += "SY01.03\tS1\t\t\tSubscriptionModel\tOnDemandStream\tDE\tPremium\t26\t7\tEUR\t1.5\n";
        text += "SY01.03\tS2\t\t\tSubscriptionModel\tOnDemandStream\tUS\tPremium\t26\t7\tEUR\t1.5\n";
        lines.iter().for_each(|line| text.extend([line.as_str(), "\n"]));
        let one = read(&text, 1, (size, is_taken_out));
        prop_assert_eq!(read(&text, 3, (size, is_taken_out)), one);
    }
}
