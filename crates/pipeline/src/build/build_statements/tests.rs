//! Random lines as files, read back by another reader and compared with the rows that the `arrow` crate makes
//! of the same lines, and against sums by plain code. Bounds change no byte.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Decimal128Type, Int64Type};
use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_select::concat::concat_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use streamledger_core::model::day::{Day, Month};
use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::money::{Amount, Currency};
use streamledger_core::model::sale::{LineType, SaleRow};
use streamledger_core::model::territory::Territory;
use streamledger_core::model::tier::Tier;
use streamledger_core::model::upc::Upc;
use streamledger_core::normalize::sale_lines::{IsrcRanks, SaleLine, SaleLines};
use streamledger_core::normalize::sales_lot::{SalesBuilder, SalesLot};
use streamledger_storage::disk::sale_spill::SaleBlockWriter;
use streamledger_storage::tables::lot_table::LotTable;
use streamledger_storage::tables::sales_columns::sales_columns;

use super::*;

/// Recording, territory, statement period (0: none), money, and a number that decides the rest.
type Line = (u32, usize, u8, Option<i128>, u32);

const CODES: [&[u8; 2]; 3] = [b"DE", b"FR", b"US"];

fn sale(row: u32, line: Line, texts: [u32; 3]) -> SaleRow {
    let (recording, territory, period, amount, number) = line;
    let isrc = Isrc::parse(format!("ZZSL126{recording:05}").as_bytes());
    let text = |bit: u32| (number >> bit & 1 == 1).then_some(texts[bit as usize % 3]);
    let truth = |bit: u32| [None, Some(false), Some(true)][(number >> bit) as usize % 3];
    let from = Day(20_000 + i32::try_from(number % 5).unwrap());
    SaleRow {
        row,
        usage_from: from,
        usage_to: from.after(number % 3),
        statement_period: (period != 0).then_some(Month { year: 2026, month: period }),
        reported: (number % 2 == 0).then_some(Day(20_100)),
        isrc: isrc.filter(|_| recording != 0),
        upc: Upc::parse(b"4006381333931").filter(|_| number % 4 == 1),
        store_track: text(0),
        territory: Territory::from_packed(u16::from_be_bytes(*CODES[territory])),
        tier: Tier::ALL[number as usize % Tier::ALL.len()],
        tier_code: text(1),
        use_type: texts[number as usize % 3],
        offline: truth(2),
        units: i64::from(number) - 400,
        amount: amount.map(Amount),
        amount_text: text(3).filter(|_| amount.is_some()),
        currency: Currency::parse(["EUR", "USD"][number as usize % 2]).filter(|_| amount.is_some()),
        royalty_bearing: truth(4),
        line_type: LineType::ALL[number as usize % LineType::ALL.len()],
        pool: text(5),
        shop: text(6),
        grid: text(7),
        id_text: text(8),
    }
}

fn lot_of(lines: &[Line]) -> SalesLot {
    let mut builder = SalesBuilder::default();
    let texts = ["stream", "download", "a text"].map(|text| builder.text(text));
    for (row, line) in (1..).zip(lines) {
        builder.push("store", &sale(row, *line, texts));
    }
    let mut lot = builder.take();
    // Days of a month alone.
    let all: SaleLines = std::mem::take(&mut lot.sales).into_values().flatten().collect();
    let month = ("store".to_owned(), Month { year: 2024, month: 10 });
    lot.sales.insert(month, IsrcRanks::new(&lot.words.items).sort(&all).into_iter().collect());
    lot
}

/// The files of lines in one or two reports, with what may be in memory.
fn build(
    lots: &[SalesLot],
    on_disk: bool,
    sums_bytes: usize,
) -> (Vec<RecordBatch>, BuiltStatements) {
    let root = tempfile::tempdir().unwrap();
    let target = |name: &str| PartitionTarget {
        folder: root.path().join(name),
        provenance: FileProvenance::default(),
    };
    let run = |(n, lot): (usize, &SalesLot)| {
        let lines: Vec<SaleLine> = lot.sales.values().flatten().copied().collect();
        let run = if on_disk {
            let path = root.path().join(format!("lines-{n}"));
            let mut writer = SaleBlockWriter::create(path).unwrap();
            writer.write_all(&lines, &lot.words).unwrap();
            SaleRun::Disk(writer.finish().unwrap())
        } else {
            SaleRun::Memory { lines, words: Arc::new(lot.words.clone()) }
        };
        (format!("report {n}"), vec![run])
    };
    let runs = lots.iter().enumerate().map(run).collect();
    let waiting = root.path().join("waiting");
    let bounds = StatementBounds { n_runs: 2, sums_bytes, folder: &waiting };
    let (sales, monthly) = (target("sales"), target("monthly"));
    let built =
        build_statements(runs, &sales, Some(&monthly), bounds, &StageTimes::default()).unwrap();
    let left = std::fs::read_dir(&waiting).map_or(0, Iterator::count);
    assert_eq!(left, 0, "sums that waited are deleted");
    let read = |folder: &str, files: &[FileEntry]| {
        assert_eq!(files.len(), 1);
        let file = File::open(root.path().join(folder).join(&files[0].name)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let schema = Arc::clone(reader.schema());
        let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
        concat_batches(&schema, &batches).unwrap()
    };
    let files = &built.monthly.as_ref().unwrap().0;
    (vec![read("sales", &built.sales), read("monthly", files)], built)
}

/// Sums of lines by the grain, with texts that sort as the table does.
fn summed(lots: &[SalesLot]) -> Vec<(Vec<String>, i64, Option<i128>, i64)> {
    let mut sums: BTreeMap<Vec<String>, (i64, Option<i128>, i64)> = BTreeMap::new();
    for lot in lots {
        for (_, sale) in lot.all_sales() {
            let text = |text: Option<String>| text.unwrap_or_else(|| "~".to_owned());
            let ascii = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let grain = vec![
                text(sale.statement_period.map(|month| month.to_string())),
                text(sale.isrc.map(|isrc| ascii(&isrc.to_text()))),
                text(sale.upc.map(Upc::to_text)),
                text(sale.territory.map(|territory| ascii(&territory.to_text()))),
                sale.tier.as_str().to_owned(),
                text(sale.tier_code.map(|code| lot.text(code).to_owned())),
                lot.text(sale.use_type).to_owned(),
                sale.line_type.as_str().to_owned(),
                text(sale.royalty_bearing.map(|is_due| is_due.to_string())),
                text(sale.currency.map(|currency| currency.as_str().to_owned())),
            ];
            let sum = sums.entry(grain).or_default();
            sum.0 += sale.units;
            sum.1 = sale.amount.map_or(sum.1, |a| Some(sum.1.unwrap_or_default() + a.0));
            sum.2 += 1;
        }
    }
    sums.into_iter().map(|(grain, (units, amount, lines))| (grain, units, amount, lines)).collect()
}

fn rows_of(monthly: &RecordBatch) -> Vec<(Vec<String>, i64, Option<i128>, i64)> {
    let number =
        |column: usize, row: usize| monthly.column(column).as_primitive::<Int64Type>().value(row);
    let row = |row: usize| {
        let text = |column: &ArrayRef| {
            if column.is_null(row) {
                "~".to_owned()
            } else if let Some(texts) = column.as_string_opt::<i32>() {
                texts.value(row).to_owned()
            } else {
                column.as_boolean().value(row).to_string()
            }
        };
        let amounts = monthly.column(11).as_primitive::<Decimal128Type>();
        let amount = amounts.is_valid(row).then(|| amounts.value(row));
        let grain = monthly.columns()[..10].iter().map(text).collect();
        (grain, number(10, row), amount, number(12, row))
    };
    (0..monthly.num_rows()).map(row).collect()
}

/// The rows that `arrow` makes of the lines of one report, with its name before them.
fn columns_of(lots: &[SalesLot]) -> Vec<ArrayRef> {
    let [lot] = lots else { panic!("one report") };
    let sales: Vec<SaleRow> = lot.all_sales().map(|(_, sale)| sale).collect();
    let names: arrow_array::StringArray = sales.iter().map(|_| Some("report 0")).collect();
    let batch = sales_columns(lot, sales).unwrap();
    std::iter::once(Arc::new(names) as _).chain(batch.columns().iter().cloned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn files_hold_the_lines_and_their_sums_whatever_the_bounds(
        lines in prop::collection::vec(
            (
                0..6_u32, 0..3_usize, 0..3_u8,
                prop::option::of(prop_oneof![-3_i128..3, any::<i64>().prop_map(|n| i128::from(n) << 20)]),
                0..800_u32,
            ),
            1..70,
        ),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = [lot_of(&lines)];
        let (tables, built) = build(&whole, false, 1 << 20);
        prop_assert_eq!(tables[0].columns(), columns_of(&whole));
        let schema = LotTable::Sales.schema();
        let names = |schema: &arrow_schema::Schema| {
            schema.fields().iter().map(|f| (f.name().clone(), f.data_type().clone(), f.is_nullable())).collect::<Vec<_>>()
        };
        prop_assert_eq!(names(&tables[0].schema()), names(&schema));
        prop_assert_eq!(rows_of(&tables[1]), summed(&whole));
        let totals = &built.monthly.as_ref().unwrap().1;
        let units: i128 = lines.iter().map(|line| i128::from(line.4) - 400).sum();
        prop_assert_eq!(totals.units, units);
        prop_assert_eq!(&build(&whole, true, 0).1, &built);
        let (first, second) = lines.split_at(cut.index(lines.len()));
        let parts = [lot_of(first), lot_of(second)];
        let (tables, built) = build(&parts, false, 1 << 20);
        prop_assert_eq!(tables[0].num_rows(), lines.len());
        prop_assert_eq!(rows_of(&tables[1]), summed(&parts));
        prop_assert_eq!(build(&parts, true, 0).1, built);
    }
}

/// Statistics of the footer are the smallest and largest amounts, with a dictionary of them and without.
#[test]
fn the_footer_tells_the_bounds_of_amounts() {
    for n_different in [10_i128, 1 << 40] {
        let line = |n: u32| (1, 0, 1, Some((i128::from(n) * 7_919) % n_different - 5), 1);
        let lines: Vec<Line> = (0..1_000).map(line).collect();
        let amounts = || lines.iter().filter_map(|line| line.3);
        let root = tempfile::tempdir().unwrap();
        let lot = lot_of(&lines);
        let own: Vec<SaleLine> = lot.sales.values().flatten().copied().collect();
        let layout = sales::layout().unwrap();
        let group = encode_sales(&own, &lot.words, &["report".to_owned()], &layout.schema).unwrap();
        let provenance = FileProvenance::default();
        let stages = StageTimes::default();
        let folder = root.path().join("sales");
        let mut writer =
            PartitionWriter::new(folder.clone(), &layout, &provenance, &stages).unwrap();
        writer.push(group).unwrap();
        let files = writer.finish().unwrap();
        let file = File::open(folder.join(&files[0].name)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let statistics = reader.metadata().row_group(0).column(15).statistics().unwrap();
        let number = |bytes: Option<&[u8]>| i128::from_be_bytes(bytes.unwrap().try_into().unwrap());
        assert_eq!(number(statistics.min_bytes_opt()), amounts().min().unwrap());
        assert_eq!(number(statistics.max_bytes_opt()), amounts().max().unwrap());
    }
}
