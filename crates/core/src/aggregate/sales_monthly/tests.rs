//! Random lines in the order of `sales`, summed in pieces, against a map of all of them.

use proptest::prelude::*;

use super::*;
use crate::model::day::Day;
use crate::model::sale::LineType;
use crate::normalize::sale_lines::{IsrcRanks, SaleItem, SaleTerms};

/// Place of the item and of the terms, units, money.
type Line = (u32, u32, i64, Option<i128>);

fn words() -> SaleWords {
    let item = |isrc: &str, upc: &str| SaleItem {
        isrc: Isrc::parse(isrc.as_bytes()),
        upc: Upc::parse(upc.as_bytes()),
        store_track: None,
        grid: None,
        id_text: None,
    };
    let terms = |territory: &[u8; 2], period: u8, use_type: u32, currency: &str| SaleTerms {
        usage_from: Day(20_000),
        usage_to: Day(20_000),
        statement_period: (period != 0).then_some(Month { year: 2026, month: period }),
        reported: None,
        territory: Territory::from_packed(u16::from_be_bytes(*territory)),
        tier: Tier::Free,
        tier_code: None,
        use_type,
        offline: None,
        currency: Currency::parse(currency),
        royalty_bearing: None,
        line_type: LineType::Sale,
        pool: None,
        shop: None,
    };
    SaleWords {
        items: vec![
            item("ZZSL12600002", "4006381333931"),
            item("ZZSL12600001", ""),
            item("ZZSL12600001", "4006381333931"),
            item("", "4006381333931"),
            item("", ""),
        ],
        terms: vec![
            terms(b"DE", 2, 0, "EUR"),
            terms(b"AT", 2, 0, "EUR"),
            terms(b"AT", 1, 0, "EUR"),
            terms(b"AT", 1, 1, "EUR"),
            terms(&[0, 0], 0, 1, ""),
            terms(b"AT", 1, 1, "USD"),
            SaleTerms { tier_code: Some(3), ..terms(b"AT", 1, 1, "USD") },
            SaleTerms { tier_code: Some(2), ..terms(b"AT", 1, 1, "USD") },
            SaleTerms { line_type: LineType::Return, ..terms(b"AT", 1, 1, "USD") },
            SaleTerms { line_type: LineType::Fine, ..terms(b"AT", 1, 1, "USD") },
            SaleTerms { royalty_bearing: Some(true), ..terms(b"AT", 1, 1, "USD") },
            SaleTerms { royalty_bearing: Some(false), ..terms(b"AT", 1, 1, "USD") },
        ],
        texts: vec!["stream".into(), "download".into(), "premium".into(), "family".into()],
    }
}

/// A row of the table: texts that sort as it does, null last, then its numbers.
type Row = (Vec<String>, i64, Option<i128>, i64);

fn text(value: Option<String>) -> String {
    value.unwrap_or_else(|| "~".to_owned())
}

fn grain(item: &SaleItem, of: &SumTerms, words: &SaleWords) -> Vec<String> {
    let ascii = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    vec![
        text(of.statement_period.map(|month| month.to_string())),
        text(item.isrc.map(|isrc| ascii(&isrc.to_text()))),
        text(item.upc.map(Upc::to_text)),
        text(of.territory.map(|territory| ascii(&territory.to_text()))),
        of.tier.as_str().to_owned(),
        text(of.tier_code.map(|code| words.text(code).to_owned())),
        words.text(of.use_type).to_owned(),
        of.line_type.as_str().to_owned(),
        text(of.royalty_bearing.map(|is_due| is_due.to_string())),
        text(of.currency.map(|currency| currency.as_str().to_owned())),
    ]
}

fn expected(lines: &[Line], words: &SaleWords) -> Vec<Row> {
    let mut rows: BTreeMap<Vec<String>, (i64, Option<i128>, i64)> = BTreeMap::new();
    for (item, terms, units, amount) in lines {
        let terms = &words.terms[*terms as usize];
        let of = SumTerms::of(terms);
        let row = rows.entry(grain(&words.items[*item as usize], &of, words)).or_default();
        row.0 += units;
        row.1 = amount.map_or(row.1, |amount| Some(row.1.unwrap_or_default() + amount));
        row.2 += 1;
    }
    rows.into_iter().map(|(grain, (units, amount, lines))| (grain, units, amount, lines)).collect()
}

fn to_lines(lines: &[Line]) -> Vec<SaleLine> {
    let line = |(row, (item, terms, units, amount)): (u32, &Line)| {
        SaleLine::new(row, (*item, *terms), *units, amount.map(Amount))
    };
    (1..).zip(lines).map(line).collect()
}

proptest! {
    #[test]
    fn sums_are_those_of_all_lines_in_the_order_of_the_table(
        lines in prop::collection::vec(
            (0_u32..5, 0_u32..12, -50_i64..50, prop::option::of(-9_i128..9)), 0..60,
        ),
        n_at_a_time in 1_usize..20,
        takes in any::<bool>(),
    ) {
        let words = words();
        let sorted = IsrcRanks::new(&words.items).sort(&to_lines(&lines).into_iter().collect());
        let mut summer = SalesSummer::default();
        let mut all = ByPeriod::new();
        for part in sorted.chunks(n_at_a_time) {
            summer.add(part, &words).unwrap();
            if takes {
                prop_assert_eq!(summer.n_closed() == 0, summer.closed.is_empty());
                for (period, sums) in summer.take_closed() {
                    all.entry(period).or_default().extend(sums);
                }
            }
        }
        let (rest, terms, totals) = summer.finish(&words).unwrap();
        for (period, sums) in rest {
            all.entry(period).or_default().extend(sums);
        }
        let rows: Vec<Row> = all.into_values().flatten().map(|sum| {
            let (isrc, upc) = (sum.isrc(), sum.upc());
            let item = SaleItem { isrc, upc, store_track: None, grid: None, id_text: None };
            (grain(&item, &terms[sum.terms as usize], &words), sum.units, sum.amount(), sum.lines)
        }).collect();
        prop_assert_eq!(rows, expected(&lines, &words));
        prop_assert_eq!(totals.lines, lines.len() as u64);
        prop_assert_eq!(totals.units, lines.iter().map(|line| i128::from(line.2)).sum::<i128>());
    }
}

#[test]
fn a_sum_beyond_its_column_is_an_error() {
    let sum = |lines: &[Line]| {
        let mut summer = SalesSummer::default();
        summer.add(&to_lines(lines), &words())
    };
    assert_eq!(sum(&[(0, 0, i64::MAX, None), (0, 0, 1, None)]), Err(SumBeyondColumn));
    assert_eq!(sum(&[(0, 0, i64::MAX, None), (0, 1, 1, None)]), Ok(()));
    let most = Some(i128::MAX);
    assert_eq!(sum(&[(0, 0, 0, most), (0, 0, 0, Some(1))]), Err(SumBeyondColumn));
}
