//! Random lines written block by block are read back as they were.

use proptest::prelude::*;
use streamledger_core::model::money::Amount;
use streamledger_core::model::sale::SaleRow;
use streamledger_core::normalize::sales_lot::{SalesBuilder, SalesLot};

use super::*;

prop_compose! {
    fn terms()(
        (from, days) in (-800_000_i32..2_900_000, 0_i32..400),
        period in prop::option::of((0_i16..10_000, 1_u8..13)),
        reported in prop::option::of(-800_000_i32..2_900_000),
        territory in prop::option::of("[A-Z]{2}"),
        (tier, line_type) in (0..Tier::ALL.len(), 0..LineType::ALL.len()),
        (offline, bearing) in (any::<Option<bool>>(), any::<Option<bool>>()),
        currency in prop::option::of(prop::sample::select(vec!["EUR", "USD", "ZAR"])),
    ) -> SaleTerms {
        let packed = territory.map_or(0, |t| u16::from_be_bytes(t.as_bytes().try_into().unwrap()));
        SaleTerms {
            usage_from: Day(from),
            usage_to: Day(from + days),
            statement_period: period.map(|(year, month)| Month { year, month }),
            reported: reported.map(Day),
            territory: Territory::from_packed(packed),
            tier: Tier::ALL[tier],
            tier_code: None,
            use_type: 0,
            offline,
            currency: currency.and_then(Currency::parse),
            royalty_bearing: bearing,
            line_type: LineType::ALL[line_type],
            pool: None,
            shop: None,
        }
    }
}

/// Texts of a line, by field; some are none.
type Texts = [Option<String>; 7];

fn sale(row: u32, terms: SaleTerms, texts: &[Option<TextId>], amount: Option<i128>) -> SaleRow {
    let isrc = Isrc::parse(format!("ZZSL126{:05}", row % 7).as_bytes());
    SaleRow {
        row,
        usage_from: terms.usage_from,
        usage_to: terms.usage_to,
        statement_period: terms.statement_period,
        reported: terms.reported,
        isrc: isrc.filter(|_| !row.is_multiple_of(7)),
        upc: Upc::parse(b"4006381333931").filter(|_| row.is_multiple_of(3)),
        store_track: texts[0],
        territory: terms.territory,
        tier: terms.tier,
        tier_code: texts[1],
        use_type: texts[2].unwrap_or_default(),
        offline: terms.offline,
        units: i64::from(row) - 20,
        amount: amount.map(Amount),
        amount_text: texts[3],
        currency: terms.currency,
        royalty_bearing: terms.royalty_bearing,
        line_type: terms.line_type,
        pool: texts[4],
        shop: texts[5],
        grid: texts[6],
        id_text: texts[0],
    }
}

fn lot_of(rows: &[(SaleTerms, Texts, Option<i128>)]) -> SalesLot {
    let mut builder = SalesBuilder::default();
    for (row, (terms, texts, amount)) in (1..).zip(rows) {
        let ids: Vec<Option<TextId>> =
            texts.iter().map(|text| text.as_ref().map(|text| builder.text(text))).collect();
        builder.push("store", &sale(row, *terms, &ids, *amount));
    }
    builder.take()
}

/// What a line says, with texts in place of their ids.
fn told(line: &SaleLine, words: &SaleWords) -> String {
    let sale = line.to_sale(words);
    let text = |id: Option<TextId>| id.map(|id| words.text(id).to_owned());
    let texts =
        [sale.store_track, sale.tier_code, sale.amount_text, sale.pool, sale.shop, sale.grid];
    let plain = SaleRow {
        store_track: None,
        tier_code: None,
        amount_text: None,
        pool: None,
        shop: None,
        grid: None,
        id_text: None,
        use_type: 0,
        ..sale
    };
    format!(
        "{plain:?} {:?} {} {:?}",
        texts.map(text),
        words.text(sale.use_type),
        text(sale.id_text)
    )
}

proptest! {
    #[test]
    fn lines_are_read_back_as_they_were_written(
        rows in prop::collection::vec(
            (terms(), prop::array::uniform7(prop::option::of("[ab]{1,3}")), any::<Option<i64>>()),
            1..40,
        ),
    ) {
        let rows: Vec<(SaleTerms, Texts, Option<i128>)> =
            rows.into_iter().map(|(terms, texts, amount)| (terms, texts, amount.map(i128::from))).collect();
        let lot = lot_of(&rows);
        let folder = tempfile::tempdir().unwrap();
        let mut writer = SaleBlockWriter::create(folder.path().join("lines")).unwrap();
        let lines: Vec<SaleLine> = lot.sales.values().flatten().copied().collect();
        writer.write_all(&lines, &lot.words).unwrap();
        writer.write_all(&lines[..1], &lot.words).unwrap();
        let mut reader = SaleBlockReader::open(&writer.finish().unwrap()).unwrap();
        let mut read = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            read.extend(block.lines.iter().map(|line| told(line, &block.words)));
        }
        let expected: Vec<String> =
            lines.iter().chain(&lines[..1]).map(|line| told(line, &lot.words)).collect();
        prop_assert_eq!(read, expected);
    }
}
