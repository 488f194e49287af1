//! Row groups of the table `sales_monthly`.

use parquet::errors::Result;
use parquet::schema::types::SchemaDescPtr;
use rayon::prelude::*;
use streamledger_core::aggregate::sales_monthly::{MonthlySum, SumTerms};
use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::money::Currency;
use streamledger_core::model::territory::Territory;
use streamledger_core::model::upc::Upc;
use streamledger_core::normalize::sale_lines::SaleWords;
use streamledger_core::numbers::exact;
use streamledger_parquet_pages::NULL_CODE;
use streamledger_parquet_pages::codes::{NumberCodes, WordCodes};
use streamledger_parquet_pages::decimals::DecimalCodes;
use streamledger_parquet_pages::file::{EncodedPages, EncodedRowGroup, assemble_row_group};
use streamledger_parquet_pages::page::{PageEncoder, PageNulls};
use streamledger_parquet_pages::values::{ColumnValues, TextList};

use crate::encode::file::{PAGE_ROWS, TableLayout};
use crate::encode::plays::{isrc_text, upc_text};

/// The columns of `sales_monthly`; `store` and `month` are in the path.
pub const SCHEMA: &str = "message sales_monthly {
    optional binary statement_period (UTF8);
    optional binary isrc (UTF8);
    optional binary upc (UTF8);
    optional binary territory (UTF8);
    required binary tier (UTF8);
    optional binary tier_code (UTF8);
    required binary use_type (UTF8);
    required binary line_type (UTF8);
    optional boolean royalty_bearing;
    optional binary currency (UTF8);
    required int64 units;
    optional fixed_len_byte_array(16) amount (DECIMAL(38,12));
    required int64 lines;
}";

/// The columns by which lines are summed, in their order.
pub const GRAIN: [&str; 10] = [
    "statement_period",
    "isrc",
    "upc",
    "territory",
    "tier",
    "tier_code",
    "use_type",
    "line_type",
    "royalty_bearing",
    "currency",
];

/// Places in [`SCHEMA`] of the columns by which the rows are sorted (the grain); nulls last.
pub const SORTED_BY: [i32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/// The columns and the order of the rows.
///
/// # Errors
/// If the `parquet` crate fails [`SCHEMA`].
pub fn layout() -> Result<TableLayout> {
    TableLayout::new(SCHEMA, &SORTED_BY)
}

/// Encodes sums in the order given; `terms` is by [`MonthlySum::terms`].
///
/// # Errors
/// If the `parquet` crate or zstd fails.
pub fn encode_sales_monthly(
    sums: &[MonthlySum],
    terms: &[SumTerms],
    words: &SaleWords,
    schema: &SchemaDescPtr,
) -> Result<EncodedRowGroup> {
    let codes = MonthlySumCodes::new(sums, terms, words);
    let pages: Vec<EncodedPages> = sums
        .par_chunks(PAGE_ROWS)
        .map_init(PageEncoder::default, |encoder, sums| codes.encode_pages(encoder, sums, terms))
        .collect::<Result<_>>()?;
    assemble_row_group(schema, &codes.into_values(), pages, sums.len())
}

/// The dictionaries of a row group.
struct MonthlySumCodes {
    statement_period: WordCodes,
    isrc: PackedCodes,
    upc: PackedCodes,
    territory: WordCodes,
    tier: WordCodes,
    tier_code: WordCodes,
    use_type: WordCodes,
    line_type: WordCodes,
    currency: WordCodes,
    units: NumberCodes,
    amount: DecimalCodes,
    lines: NumberCodes,
}

impl MonthlySumCodes {
    fn new(sums: &[MonthlySum], terms: &[SumTerms], words: &SaleWords) -> Self {
        let mut used = vec![false; terms.len()];
        sums.iter().for_each(|sum| used[sum.terms as usize] = true);
        Self {
            statement_period: WordCodes::new(&used, |id| {
                terms[id].statement_period.map(|month| month.to_string())
            }),
            isrc: PackedCodes::new(sums.iter().filter_map(isrc_of), isrc_text),
            upc: PackedCodes::new(sums.iter().filter_map(upc_of), upc_text),
            territory: WordCodes::new(&used, |id| terms[id].territory.map(Territory::to_text)),
            tier: WordCodes::new(&used, |id| Some(terms[id].tier.as_str())),
            tier_code: WordCodes::new(&used, |id| terms[id].tier_code.map(|t| words.text(t))),
            use_type: WordCodes::new(&used, |id| Some(words.text(terms[id].use_type))),
            line_type: WordCodes::new(&used, |id| Some(terms[id].line_type.as_str())),
            currency: WordCodes::new(&used, |id| terms[id].currency.map(Currency::letters)),
            units: NumberCodes::new(sums.iter().map(|sum| sum.units).collect()),
            amount: DecimalCodes::new(sums.iter().map(MonthlySum::amount)),
            lines: NumberCodes::new(sums.iter().map(|sum| sum.lines).collect()),
        }
    }

    /// A page of each column, in the order of the schema.
    fn encode_pages(
        &self,
        encoder: &mut PageEncoder,
        sums: &[MonthlySum],
        of_terms: &[SumTerms],
    ) -> Result<EncodedPages> {
        use PageNulls::{Allowed, Never};
        let terms = || sums.iter().map(|sum| sum.terms as usize);
        let mut isrc = self.isrc.cursor();
        let mut upc = self.upc.cursor();
        let isrcs = sums.iter().map(|sum| isrc.code(isrc_of(sum)));
        let upcs = sums.iter().map(|sum| upc.code(upc_of(sum)));
        let units = sums.iter().map(|sum| Some(sum.units));
        let lines = sums.iter().map(|sum| Some(sum.lines));
        let amounts = sums.iter().map(MonthlySum::amount);
        let pages = vec![
            self.statement_period.page(encoder, terms(), Allowed)?,
            encoder.of_codes(isrcs, self.isrc.width, Allowed)?,
            encoder.of_codes(upcs, self.upc.width, Allowed)?,
            self.territory.page(encoder, terms(), Allowed)?,
            self.tier.page(encoder, terms(), Never)?,
            self.tier_code.page(encoder, terms(), Allowed)?,
            self.use_type.page(encoder, terms(), Never)?,
            self.line_type.page(encoder, terms(), Never)?,
            encoder.of_truths(terms().map(|id| of_terms[id].royalty_bearing), Allowed)?,
            self.currency.page(encoder, terms(), Allowed)?,
            self.units.page(encoder, units, Never)?,
            self.amount.page(encoder, amounts)?,
            self.lines.page(encoder, lines, Never)?,
        ];
        Ok(EncodedPages { bytes: encoder.take_bytes(), pages })
    }

    /// What the pages' codes mean, in the order of the columns.
    fn into_values(self) -> Vec<ColumnValues<'static>> {
        vec![
            self.statement_period.values,
            self.isrc.values,
            self.upc.values,
            self.territory.values,
            self.tier.values,
            self.tier_code.values,
            self.use_type.values,
            self.line_type.values,
            ColumnValues::Plain,
            self.currency.values,
            self.units.values,
            self.amount.values,
            self.lines.values,
        ]
    }
}

fn isrc_of(sum: &MonthlySum) -> Option<u64> {
    sum.isrc().map(Isrc::packed)
}

fn upc_of(sum: &MonthlySum) -> Option<u64> {
    sum.upc().map(Upc::packed)
}

/// Codes of identifiers that are packed in numbers which order as they do.
struct PackedCodes {
    sorted: Vec<u64>,
    values: ColumnValues<'static>,
    /// Bits of a code.
    width: u32,
}

impl PackedCodes {
    fn new<T: AsRef<[u8]>>(packed: impl Iterator<Item = u64>, text: impl Fn(u64) -> T) -> Self {
        let mut sorted: Vec<u64> = Vec::new();
        for packed in packed {
            // Equal ones mostly follow each other.
            if sorted.last() != Some(&packed) {
                sorted.push(packed);
            }
        }
        sorted.sort_unstable();
        sorted.dedup();
        let values =
            ColumnValues::Texts(sorted.iter().map(|packed| text(*packed)).collect::<TextList>());
        Self { sorted, width: values.width(), values }
    }

    fn cursor(&self) -> CodeCursor<'_> {
        CodeCursor { sorted: &self.sorted, last: (None, NULL_CODE) }
    }
}

/// Looks codes up, and remembers the last one.
struct CodeCursor<'a> {
    sorted: &'a [u64],
    last: (Option<u64>, u32),
}

impl CodeCursor<'_> {
    fn code(&mut self, packed: Option<u64>) -> u32 {
        if self.last.0 != packed {
            let place = packed.and_then(|packed| self.sorted.binary_search(&packed).ok());
            self.last = (packed, place.map_or(NULL_CODE, exact::<u32>));
        }
        self.last.1
    }
}
