//! Row groups of the table `sales`.

use parquet::errors::Result;
use parquet::schema::types::SchemaDescPtr;
use rayon::prelude::*;
use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::money::Currency;
use streamledger_core::model::sale::TextId;
use streamledger_core::model::territory::Territory;
use streamledger_core::model::upc::Upc;
use streamledger_core::normalize::sale_lines::{SaleLine, SaleTerms, SaleWords};
use streamledger_parquet_pages::codes::{NumberCodes, WordCodes};
use streamledger_parquet_pages::decimals::DecimalCodes;
use streamledger_parquet_pages::delta::IntegerWidth;
use streamledger_parquet_pages::file::{EncodedPages, EncodedRowGroup, assemble_row_group};
use streamledger_parquet_pages::page::{EncodedPage, PageEncoder, PageNulls};
use streamledger_parquet_pages::values::ColumnValues;

use crate::encode::file::{PAGE_ROWS, TableLayout};
use crate::encode::plays::{isrc_text, upc_text};

/// The columns of `sales` and `sales_superseded`; `store` and `month` are in the path.
pub const SCHEMA: &str = "message sales {
    required binary report (UTF8);
    required int64 row;
    required int32 usage_from (DATE);
    required int32 usage_to (DATE);
    optional binary statement_period (UTF8);
    optional int32 reported_date (DATE);
    optional binary isrc (UTF8);
    optional binary upc (UTF8);
    optional binary store_track (UTF8);
    optional binary territory (UTF8);
    required binary tier (UTF8);
    optional binary tier_code (UTF8);
    required binary use_type (UTF8);
    optional boolean offline;
    required int64 units;
    optional fixed_len_byte_array(16) amount (DECIMAL(38,12));
    optional binary amount_text (UTF8);
    optional binary currency (UTF8);
    optional boolean royalty_bearing;
    required binary line_type (UTF8);
    optional binary pool (UTF8);
    optional binary shop (UTF8);
    optional binary grid (UTF8);
    optional binary id_text (UTF8);
}";

/// Places in [`SCHEMA`] of the columns by which the rows are sorted; nulls last.
pub const SORTED_BY: [i32; 3] = [6, 0, 1];

/// The columns and the order of the rows.
///
/// # Errors
/// If the `parquet` crate fails [`SCHEMA`].
pub fn layout() -> Result<TableLayout> {
    TableLayout::new(SCHEMA, &SORTED_BY)
}

/// Encodes lines in the order given. `reports` are the names of their reports, by [`SaleLine::report`].
///
/// # Errors
/// If the `parquet` crate or zstd fails.
pub fn encode_sales(
    lines: &[SaleLine],
    words: &SaleWords,
    reports: &[String],
    schema: &SchemaDescPtr,
) -> Result<EncodedRowGroup> {
    let codes = SaleCodes::new(lines, words, reports);
    let pages: Vec<EncodedPages> = lines
        .par_chunks(PAGE_ROWS)
        .map_init(SalesPageMaker::default, |maker, lines| maker.encode_pages(lines, words, &codes))
        .collect::<Result<_>>()?;
    assemble_row_group(schema, &codes.into_values(), pages, lines.len())
}

/// Which ids the lines use.
struct UsedIds {
    reports: Vec<bool>,
    items: Vec<bool>,
    terms: Vec<bool>,
    amount_texts: Vec<bool>,
}

impl UsedIds {
    fn of(lines: &[SaleLine], words: &SaleWords, n_reports: usize) -> Self {
        let mut used = Self {
            reports: vec![false; n_reports],
            items: vec![false; words.items.len()],
            terms: vec![false; words.terms.len()],
            amount_texts: vec![false; words.texts.len()],
        };
        for line in lines {
            used.reports[line.report as usize] = true;
            used.items[line.item as usize] = true;
            used.terms[line.terms as usize] = true;
            if let Some(text) = used.amount_texts.get_mut(line.amount_text as usize) {
                *text = true;
            }
        }
        used
    }
}

/// The dictionaries of a row group.
struct SaleCodes {
    report: WordCodes,
    usage_from: NumberCodes,
    usage_to: NumberCodes,
    statement_period: WordCodes,
    reported: NumberCodes,
    isrc: WordCodes,
    upc: WordCodes,
    store_track: WordCodes,
    territory: WordCodes,
    tier: WordCodes,
    tier_code: WordCodes,
    use_type: WordCodes,
    units: NumberCodes,
    amount: DecimalCodes,
    amount_text: WordCodes,
    currency: WordCodes,
    line_type: WordCodes,
    pool: WordCodes,
    shop: WordCodes,
    grid: WordCodes,
    id_text: WordCodes,
}

impl SaleCodes {
    fn new(lines: &[SaleLine], words: &SaleWords, reports: &[String]) -> Self {
        let used = UsedIds::of(lines, words, reports.len());
        let SaleWords { items, terms, .. } = words;
        let of_item = |text: fn(usize, &SaleWords) -> Option<TextId>| {
            WordCodes::new(&used.items, |id| text(id, words).map(|text| words.text(text)))
        };
        let of_terms = |text: fn(&SaleTerms) -> Option<TextId>| {
            WordCodes::new(&used.terms, |id| text(&terms[id]).map(|text| words.text(text)))
        };
        let used_terms = || terms.iter().zip(&used.terms).filter(|(_, used)| **used);
        let day = |day: DayOf| {
            NumberCodes::new(used_terms().filter_map(|(terms, _)| day(terms)).collect())
        };
        Self {
            report: WordCodes::new(&used.reports, |id| Some(&reports[id])),
            usage_from: day(USAGE_FROM),
            usage_to: day(USAGE_TO),
            statement_period: WordCodes::new(&used.terms, |id| {
                terms[id].statement_period.map(|month| month.to_string())
            }),
            reported: day(REPORTED),
            isrc: WordCodes::of_packed(
                &used.items,
                |id| items[id].isrc.map(Isrc::packed),
                isrc_text,
            ),
            upc: WordCodes::of_packed(&used.items, |id| items[id].upc.map(Upc::packed), upc_text),
            store_track: of_item(|id, words| words.items[id].store_track),
            territory: WordCodes::new(&used.terms, |id| {
                terms[id].territory.map(Territory::to_text)
            }),
            tier: WordCodes::new(&used.terms, |id| Some(terms[id].tier.as_str())),
            tier_code: of_terms(|terms| terms.tier_code),
            use_type: of_terms(|terms| Some(terms.use_type)),
            units: NumberCodes::new(lines.iter().map(|line| line.units).collect()),
            amount: DecimalCodes::new(amounts(lines)),
            amount_text: WordCodes::new(&used.amount_texts, |id| words.texts.get(id).map(|t| &**t)),
            currency: WordCodes::new(&used.terms, |id| terms[id].currency.map(Currency::letters)),
            line_type: WordCodes::new(&used.terms, |id| Some(terms[id].line_type.as_str())),
            pool: of_terms(|terms| terms.pool),
            shop: of_terms(|terms| terms.shop),
            grid: of_item(|id, words| words.items[id].grid),
            id_text: of_item(|id, words| words.items[id].id_text),
        }
    }

    /// What the pages' codes mean, in the order of the columns.
    fn into_values(self) -> Vec<ColumnValues<'static>> {
        vec![
            self.report.values,
            ColumnValues::Plain,
            self.usage_from.values,
            self.usage_to.values,
            self.statement_period.values,
            self.reported.values,
            self.isrc.values,
            self.upc.values,
            self.store_track.values,
            self.territory.values,
            self.tier.values,
            self.tier_code.values,
            self.use_type.values,
            ColumnValues::Plain,
            self.units.values,
            self.amount.values,
            self.amount_text.values,
            self.currency.values,
            ColumnValues::Plain,
            self.line_type.values,
            self.pool.values,
            self.shop.values,
            self.grid.values,
            self.id_text.values,
        ]
    }
}

/// A day of terms, as a number.
type DayOf = fn(&SaleTerms) -> Option<i64>;

const USAGE_FROM: DayOf = |terms| Some(terms.usage_from.0.into());
const USAGE_TO: DayOf = |terms| Some(terms.usage_to.0.into());
const REPORTED: DayOf = |terms| terms.reported.map(|day| day.0.into());

fn amounts(lines: &[SaleLine]) -> impl ExactSizeIterator<Item = Option<i128>> {
    lines.iter().map(|line| line.amount().map(|amount| amount.0))
}

/// Makes pages; keeps its memory from one to the next.
#[derive(Default)]
struct SalesPageMaker {
    encoder: PageEncoder,
    /// Of each line, beside the lines: many columns are made of either, and nothing else.
    items: Vec<u32>,
    terms: Vec<u32>,
}

impl SalesPageMaker {
    /// A page of each column, in the order of the schema.
    fn encode_pages(
        &mut self,
        lines: &[SaleLine],
        words: &SaleWords,
        codes: &SaleCodes,
    ) -> Result<EncodedPages> {
        use PageNulls::{Allowed, Never};
        let Self { encoder, items, terms } = self;
        items.clear();
        items.extend(lines.iter().map(|line| line.item));
        terms.clear();
        terms.extend(lines.iter().map(|line| line.terms));
        let report = lines.iter().map(|line| line.report as usize);
        let row = lines.iter().map(|line| Some(i64::from(line.row)));
        let units = lines.iter().map(|line| Some(line.units));
        // Few lines have one: it is no page of equal codes where all that have one have the same.
        let amount_text =
            lines.iter().map(|line| codes.amount_text.code(line.amount_text as usize));
        let terms = TermsColumns { ids: terms, words };
        let pages = vec![
            codes.report.page(encoder, report, Never)?,
            encoder.of_integers(row, IntegerWidth::Bits64, Never)?,
            terms.day_page(encoder, USAGE_FROM, &codes.usage_from, Never)?,
            terms.day_page(encoder, USAGE_TO, &codes.usage_to, Never)?,
            terms.word_page(encoder, &codes.statement_period, Allowed)?,
            terms.day_page(encoder, REPORTED, &codes.reported, Allowed)?,
            codes.isrc.page(encoder, places(items), Allowed)?,
            codes.upc.page(encoder, places(items), Allowed)?,
            codes.store_track.page(encoder, places(items), Allowed)?,
            terms.word_page(encoder, &codes.territory, Allowed)?,
            terms.word_page(encoder, &codes.tier, Never)?,
            terms.word_page(encoder, &codes.tier_code, Allowed)?,
            terms.word_page(encoder, &codes.use_type, Never)?,
            terms.truth_page(encoder, |terms| terms.offline)?,
            codes.units.page(encoder, units, Never)?,
            codes.amount.page(encoder, amounts(lines))?,
            encoder.of_codes(amount_text, codes.amount_text.width, Allowed)?,
            terms.word_page(encoder, &codes.currency, Allowed)?,
            terms.truth_page(encoder, |terms| terms.royalty_bearing)?,
            terms.word_page(encoder, &codes.line_type, Never)?,
            terms.word_page(encoder, &codes.pool, Allowed)?,
            terms.word_page(encoder, &codes.shop, Allowed)?,
            codes.grid.page(encoder, places(items), Allowed)?,
            codes.id_text.page(encoder, places(items), Allowed)?,
        ];
        Ok(EncodedPages { bytes: encoder.take_bytes(), pages })
    }
}

fn places(ids: &[u32]) -> impl ExactSizeIterator<Item = usize> {
    ids.iter().map(|id| *id as usize)
}

/// Columns that are looked up by the terms of each line.
struct TermsColumns<'a> {
    ids: &'a [u32],
    words: &'a SaleWords,
}

impl TermsColumns<'_> {
    fn word_page(
        &self,
        encoder: &mut PageEncoder,
        codes: &WordCodes,
        nulls: PageNulls,
    ) -> std::io::Result<EncodedPage> {
        codes.page(encoder, places(self.ids), nulls)
    }

    fn day_page(
        &self,
        encoder: &mut PageEncoder,
        day: DayOf,
        codes: &NumberCodes,
        nulls: PageNulls,
    ) -> std::io::Result<EncodedPage> {
        let by_terms: Vec<Option<i64>> = self.words.terms.iter().map(day).collect();
        codes.page(encoder, places(self.ids).map(|id| by_terms[id]), nulls)
    }

    fn truth_page(
        &self,
        encoder: &mut PageEncoder,
        truth: fn(&SaleTerms) -> Option<bool>,
    ) -> std::io::Result<EncodedPage> {
        let by_terms: Vec<Option<bool>> = self.words.terms.iter().map(truth).collect();
        encoder.of_truths(places(self.ids).map(|id| by_terms[id]), PageNulls::Allowed)
    }
}
