//! Random lines of a month summed a few at a time, with sums on disk, and all at once: the same file.

use proptest::prelude::*;
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_core::vocabulary::day::{Day, Month};
use streamledger_core::vocabulary::isrc::Isrc;
use streamledger_core::vocabulary::money::{Amount, Currency};
use streamledger_core::vocabulary::sale::{LineType, Sale};
use streamledger_core::vocabulary::territory::Territory;
use streamledger_core::vocabulary::tier::Tier;

use super::*;
use crate::pipeline::build::build_sales::build_lots;
use crate::storage::tables::lot_table::LotTable;
use crate::storage::tables::sales_columns::sales_columns;

/// A line: place of its recording, territory and statement period (0: none), whether there is money.
type Line = (u32, usize, u8, bool);

const CODES: [[u8; 2]; 3] = [*b"DE", *b"FR", *b"US"];

fn sale(row: u32, (recording, territory, period, has_money): Line) -> Sale {
    let isrc = Isrc::parse(format!("ZZSL126{recording:05}").as_bytes());
    Sale {
        row,
        usage_from: Day(20_000),
        usage_to: Day(20_000),
        statement_period: (period != 0).then_some(Month { year: 2026, month: period }),
        reported: None,
        isrc: isrc.filter(|_| recording != 0),
        upc: None,
        store_track: None,
        territory: Territory::from_packed(u16::from_be_bytes(CODES[territory])),
        tier: Tier::Duo,
        tier_code: None,
        use_type: 0,
        offline: None,
        units: i64::from(row % 100),
        amount: has_money.then_some(Amount(i128::from(row) * 1_000_003)),
        amount_text: None,
        currency: Currency::parse("EUR").filter(|_| has_money),
        royalty_bearing: None,
        line_type: LineType::Sale,
        pool: None,
        shop: None,
        grid: None,
        id_text: None,
    }
}

/// The file that comes of lines in parts of so many, and of so much memory for sums; and the totals.
fn summed(lines: &[Line], n_lines_max: usize, memory_bytes_max: usize) -> (Vec<FileEntry>, Totals) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let lot = SalesLot { texts: vec!["stream".to_owned()], ..SalesLot::default() };
    let sales = (1..).zip(lines).map(|(row, line)| sale(row, *line)).collect();
    let batch = sales_columns(&lot, sales).unwrap();
    let reports = vec![("report".to_owned(), vec![Run::Memory(batch)])];
    let provenance = Provenance::default();
    let files = build_lots(LotTable::Sales, reports, 8, &at("sales"), &provenance).unwrap();
    let sales: Vec<PathBuf> = files.iter().map(|file| at("sales").join(&file.name)).collect();
    let waiting = RunStore::new(at("sums"), memory_bytes_max);
    let months = at("months");
    let built = build_sales_monthly(&sales, n_lines_max, &waiting, &months, &provenance).unwrap();
    if let Ok(left) = std::fs::read_dir(at("sums")) {
        assert_eq!(left.count(), 0, "sums that waited are deleted");
    }
    built
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn how_many_lines_are_summed_at_a_time_changes_no_byte(
        lines in proptest::collection::vec((0..6_u32, 0..3_usize, 0..3_u8, any::<bool>()), 1..60),
        n_lines_max in 1..20_usize,
        memory_bytes_max in 0..20_000_usize,
    ) {
        let (files, totals) = summed(&lines, LINES_AT_A_TIME, 1 << 30);
        let groups: std::collections::BTreeSet<&Line> = lines.iter().collect();
        prop_assert_eq!(files.len(), 1);
        prop_assert_eq!(files[0].rows, groups.len() as u64);
        prop_assert_eq!(totals.units, (1..).zip(&lines).map(|(row, _)| row).sum::<i128>());
        prop_assert_eq!(summed(&lines, n_lines_max, memory_bytes_max), (files, totals));
    }
}

/// More sums than a page holds, the last ones without an ISRC: where pages end must not tell how many were
/// summed at a time.
#[test]
fn pages_end_in_the_same_place_however_many_lines_are_summed_at_a_time() {
    let lines: Vec<Line> = (0..50_000).map(|n| (n % 45_000, 0, 1, n % 3 == 0)).collect();
    let at_once = summed(&lines, LINES_AT_A_TIME, 1 << 30);
    assert_eq!(summed(&lines, 7_001, 0), at_once);
}
