//! Random lines of some reports, in runs in memory and on disk, merged in passes and all at once.

use proptest::prelude::*;
use streamledger_core::model::day::Day;
use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::sale::{LineType, SaleRow};
use streamledger_core::model::tier::Tier;
use streamledger_core::normalize::sale_lines::{IsrcRanks, SaleLines};
use streamledger_core::normalize::sales_lot::SalesBuilder;

use super::*;

const N_REPORTS: usize = 3;

fn sale(row: u32, recording: u32, texts: [Option<u32>; 2]) -> SaleRow {
    let isrc = Isrc::parse(format!("ZZSL126{recording:05}").as_bytes());
    SaleRow {
        row,
        usage_from: Day(20_000),
        usage_to: Day(20_000),
        statement_period: None,
        reported: None,
        isrc: isrc.filter(|_| recording != 0),
        upc: None,
        store_track: texts[0],
        territory: None,
        tier: Tier::Duo,
        tier_code: texts[1],
        use_type: 0,
        offline: None,
        units: 1,
        amount: None,
        amount_text: texts[1].filter(|_| row.is_multiple_of(5)),
        currency: None,
        royalty_bearing: None,
        line_type: LineType::Sale,
        pool: None,
        shop: None,
        grid: None,
        id_text: None,
    }
}

/// Report, recording, texts.
type Line = (usize, u32, [Option<u8>; 2]);

/// Report, row, recording and texts of a line.
type Told = (u32, u32, Option<Isrc>, [Option<String>; 3]);

/// Runs of each report, some of them in files of a folder: its lines in order of rows, so many to a run.
fn runs(lines: &[Line], n_of_run: usize, folder: &std::path::Path) -> Vec<Vec<SaleRun>> {
    let mut n_files = 0;
    let of_report = |report: usize| {
        let own: Vec<&Line> = lines.iter().filter(|line| line.0 == report).collect();
        let mut row = 0;
        let mut runs = Vec::new();
        for part in own.chunks(n_of_run) {
            let mut builder = SalesBuilder::default();
            for (_, recording, texts) in part {
                row += 1;
                let texts =
                    texts.map(|text| text.map(|text| builder.text(&format!("text {text}"))));
                builder.push("store", &sale(row, *recording, texts));
            }
            let lot = builder.take();
            let lines: SaleLines = lot.sales.into_values().flatten().collect();
            let lines = IsrcRanks::new(&lot.words.items).sort(&lines);
            runs.push(if row % 3 == 0 {
                SaleRun::Memory { lines, words: Arc::new(lot.words) }
            } else {
                n_files += 1;
                let mut writer =
                    SaleBlockWriter::create(folder.join(format!("{n_files}"))).unwrap();
                // Blocks of few lines, as a long run has many.
                lines.chunks(3).for_each(|some| writer.write_all(some, &lot.words).unwrap());
                SaleRun::Disk(writer.finish().unwrap())
            });
        }
        runs
    };
    (0..N_REPORTS).map(of_report).collect()
}

fn told(line: &SaleLine, words: &SaleWords) -> Told {
    let sale = line.to_sale(words);
    let text = |id: Option<u32>| id.map(|id| words.text(id).to_owned());
    let texts = [sale.store_track, sale.tier_code, sale.amount_text].map(text);
    (line.report, line.row, sale.isrc, texts)
}

fn expected(lines: &[Line]) -> Vec<Told> {
    let mut rows = [0; N_REPORTS];
    let mut all = Vec::new();
    for (report, recording, texts) in lines {
        rows[*report] += 1;
        let texts = texts.map(|text| text.map(|text| format!("text {text}")));
        let row = rows[*report];
        let [store_track, tier_code] = texts;
        let amount_text = tier_code.clone().filter(|_| row % 5 == 0);
        let isrc = sale(row, *recording, [None, None]).isrc;
        let texts = [store_track, tier_code, amount_text];
        all.push((u32::try_from(*report).unwrap(), row, isrc, texts));
    }
    all.sort_by_key(|(report, row, isrc, _)| (isrc.is_none(), *isrc, *report, *row));
    all
}

proptest! {
    #[test]
    fn lines_come_in_the_order_of_the_table_however_they_are_merged(
        lines in prop::collection::vec(
            (0..N_REPORTS, 0_u32..5, prop::array::uniform2(prop::option::of(0_u8..4))), 0..80,
        ),
        n_of_run in 1_usize..12,
        (n_runs_max, n_lines_max) in (2_usize..6, 1_usize..30),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let runs = runs(&lines, n_of_run, folder.path());
        let (mut merged, mut sizes) = (Vec::new(), Vec::new());
        let mut terms: Vec<String> = Vec::new();
        merge_statements(runs, n_runs_max, n_lines_max, |lines, words| {
            merged.extend(lines.iter().map(|line| told(line, words)));
            sizes.push(lines.len());
            let now = words.terms.iter().map(|terms| format!("{terms:?}")).collect::<Vec<_>>();
            assert!(now.starts_with(&terms), "terms keep their ids");
            terms = now;
            Ok(())
        })
        .unwrap();
        prop_assert_eq!(merged, expected(&lines));
        prop_assert!(sizes.iter().rev().skip(1).all(|size| *size == n_lines_max));
        prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
