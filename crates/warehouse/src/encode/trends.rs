//! Row groups of the table `trends_daily`.

use parquet::errors::Result;
use parquet::schema::types::SchemaDescPtr;
use rayon::prelude::*;
use streamledger_core::aggregate::trends_daily::Trend;
use streamledger_core::vocabulary::day::Day;
use streamledger_core::vocabulary::isrc::Isrc;
use streamledger_core::vocabulary::play::NONE;
use streamledger_core::vocabulary::territory::Territory;
use streamledger_core::vocabulary::tier::Tier;
use streamledger_core::vocabulary::upc::Upc;
use streamledger_core::vocabulary::verdict::{Reason, Verdict};

use crate::encode::chunk::Values;
use crate::encode::codes::{NumberCodes, TextList, WordCodes};
use crate::encode::file::{EncodedRowGroup, PAGE_ROWS, assemble_row_group};
use crate::encode::page::{Nulls, Page, PageEncoder};
use crate::encode::plays::number_page;

/// The columns of `trends_daily`; `store` and `month` are in the path.
pub const SCHEMA: &str = "message trends_daily {
    required int32 date (DATE);
    required binary listened_month (UTF8);
    optional binary isrc (UTF8);
    optional binary store_track (UTF8);
    optional binary upc (UTF8);
    optional binary territory (UTF8);
    required binary tier (UTF8);
    optional boolean offline;
    required binary verdict (UTF8);
    optional binary reason (UTF8);
    required int64 plays;
    optional int64 played_ms;
    optional int64 listeners;
}";

/// Places in [`SCHEMA`] of the columns by which the rows are sorted (the grain); nulls last.
pub const SORTED_BY: [i32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/// A row of a month: its date, the trend, and the store track's name where it has one.
#[derive(Debug, Clone, Copy)]
pub struct MonthRow<'a> {
    /// Counted date.
    pub date: Day,
    /// The rest of the row.
    pub trend: &'a Trend,
    /// What [`Trend::store_track`] stands for.
    pub store_track: Option<&'a str>,
}

/// Encodes rows of a month, in the order given.
///
/// # Errors
/// If the `parquet` crate or zstd refuses.
pub fn encode_trends(rows: &[MonthRow<'_>], schema: &SchemaDescPtr) -> Result<EncodedRowGroup> {
    let codes = Codes::new(rows);
    let pages: Vec<Vec<Page>> =
        rows.par_chunks(PAGE_ROWS).map(|rows| encode_pages(rows, &codes)).collect::<Result<_>>()?;
    assemble_row_group(schema, &codes.into_values(), pages, rows.len())
}

/// The dictionaries of a row group. Recordings, releases and months are numbers whose order is that
/// of their texts, so that they are coded as numbers and shown as texts.
struct Codes {
    date: NumberCodes,
    month: NumberCodes,
    isrc: SortedNumbers,
    upc: SortedNumbers,
    store_track: Vec<Box<[u8]>>,
    territory: WordCodes,
    tier: WordCodes,
    verdict: WordCodes,
    reason: WordCodes,
    plays: NumberCodes,
    played_ms: NumberCodes,
    listeners: NumberCodes,
}

/// Different packed numbers, ascending; a number's code is its place.
struct SortedNumbers(Vec<u64>);

impl SortedNumbers {
    fn new(numbers: impl Iterator<Item = u64>) -> Self {
        let mut sorted: Vec<u64> = Vec::new();
        // Rows of a track lie together: most repetitions are dropped before the sort.
        numbers.for_each(|number| {
            if sorted.last() != Some(&number) {
                sorted.push(number);
            }
        });
        sorted.sort_unstable();
        sorted.dedup();
        Self(sorted)
    }

    fn code(&self, number: Option<u64>) -> u32 {
        let place = number.and_then(|number| self.0.binary_search(&number).ok());
        place.and_then(|place| u32::try_from(place).ok()).unwrap_or(NONE)
    }
}

fn month_number(row: &MonthRow<'_>) -> i64 {
    let month = row.trend.listened_month;
    i64::from(month.year) * 12 + i64::from(month.month) - 1
}

impl Codes {
    fn new(rows: &[MonthRow<'_>]) -> Self {
        let used = |n_ids: usize, id: &dyn Fn(&MonthRow<'_>) -> usize| {
            let mut used = vec![false; n_ids];
            rows.iter().for_each(|row| used[id(row)] = true);
            used
        };
        let territories = used(1 << 16, &|row| territory_id(row.trend));
        let tiers = used(Tier::ALL.len(), &|row| row.trend.tier as usize);
        let verdicts = used(Verdict::ALL.len(), &|row| row.trend.verdict as usize);
        let reasons = used(Reason::ALL.len() + 1, &|row| reason_id(row.trend));
        let mut store_track: Vec<Box<[u8]>> = rows
            .iter()
            .filter_map(|row| row.store_track)
            .map(|text| text.as_bytes().into())
            .collect();
        store_track.sort_unstable();
        store_track.dedup();
        Self {
            date: NumberCodes::new(rows.iter().map(|row| i64::from(row.date.0))),
            month: NumberCodes::new(rows.iter().map(month_number)),
            isrc: SortedNumbers::new(
                rows.iter().filter_map(|row| row.trend.isrc.map(Isrc::packed)),
            ),
            upc: SortedNumbers::new(rows.iter().filter_map(|row| row.trend.upc.map(Upc::packed))),
            store_track,
            territory: WordCodes::new(&territories, |id| {
                u16::try_from(id).ok().and_then(Territory::from_packed).map(Territory::to_text)
            }),
            tier: WordCodes::new(&tiers, |id| Some(Tier::ALL[id].as_str())),
            verdict: WordCodes::new(&verdicts, |id| Some(Verdict::ALL[id].as_str())),
            reason: WordCodes::new(&reasons, |id| {
                u8::try_from(id).ok().and_then(Reason::from_code).map(Reason::as_str)
            }),
            plays: NumberCodes::new(rows.iter().map(|row| row.trend.plays)),
            played_ms: NumberCodes::new(rows.iter().filter_map(|row| row.trend.played_ms.get())),
            listeners: NumberCodes::new(rows.iter().filter_map(|row| row.trend.listeners.get())),
        }
    }

    /// What the pages' codes mean, in the order of the columns.
    fn into_values(self) -> Vec<Values> {
        let isrc_text =
            |packed: &u64| Isrc::from_packed(*packed).map(Isrc::to_text).unwrap_or_default();
        let upc_text =
            |packed: &u64| Upc::from_packed(*packed).map(Upc::to_text).unwrap_or_default();
        vec![
            self.date.values,
            month_texts(&self.month.values),
            Values::Texts(self.isrc.0.iter().map(isrc_text).collect()),
            Values::Texts(self.store_track.into_iter().collect()),
            Values::Texts(self.upc.0.iter().map(upc_text).collect()),
            self.territory.values,
            self.tier.values,
            Values::Plain,
            self.verdict.values,
            self.reason.values,
            self.plays.values,
            self.played_ms.values,
            self.listeners.values,
        ]
    }
}

fn month_texts(months: &Values) -> Values {
    let Values::Numbers(months) = months else {
        return Values::Texts(TextList::default());
    };
    let text = |month: &i64| format!("{:04}-{:02}", month / 12, month % 12 + 1);
    Values::Texts(months.iter().map(text).collect())
}

fn territory_id(trend: &Trend) -> usize {
    trend.territory.map_or(0, |territory| usize::from(territory.packed()))
}

fn reason_id(trend: &Trend) -> usize {
    trend.reason.map_or(0, |reason| reason as usize)
}

/// A page of each column, in the order of the schema.
fn encode_pages(rows: &[MonthRow<'_>], codes: &Codes) -> Result<Vec<Page>> {
    use Nulls::{Allowed, Never};
    let mut encoder = PageEncoder::new()?;
    let width = |n_values: usize| Values::Numbers(vec![0; n_values]).width();
    let isrc_width = width(codes.isrc.0.len());
    let upc_width = width(codes.upc.0.len());
    let store_track_width = width(codes.store_track.len());
    let store_track = |row: &MonthRow<'_>| {
        let place = row.store_track.and_then(|text| {
            codes.store_track.binary_search_by(|known| known.as_ref().cmp(text.as_bytes())).ok()
        });
        place.and_then(|place| u32::try_from(place).ok()).unwrap_or(NONE)
    };
    let trends = || rows.iter().map(|row| row.trend);
    let isrc_codes =
        repeated(trends().map(|trend| trend.isrc.map(Isrc::packed)), |n| codes.isrc.code(n));
    let upc_codes =
        repeated(trends().map(|trend| trend.upc.map(Upc::packed)), |n| codes.upc.code(n));
    let words =
        |encoder: &mut PageEncoder, codes: &WordCodes, nulls, id: &dyn Fn(&Trend) -> usize| {
            encoder.of_codes(trends().map(|trend| codes.code(id(trend))), codes.width, nulls)
        };
    let encoder = &mut encoder;
    Ok(vec![
        number_page(
            encoder,
            rows.iter().map(|row| Some(i64::from(row.date.0))),
            &codes.date,
            Never,
        )?,
        number_page(encoder, rows.iter().map(|row| Some(month_number(row))), &codes.month, Never)?,
        encoder.of_codes(isrc_codes, isrc_width, Allowed)?,
        encoder.of_codes(rows.iter().map(store_track), store_track_width, Allowed)?,
        encoder.of_codes(upc_codes, upc_width, Allowed)?,
        words(encoder, &codes.territory, Allowed, &territory_id)?,
        words(encoder, &codes.tier, Never, &|trend| trend.tier as usize)?,
        encoder.of_truths(trends().map(|trend| trend.offline), Allowed)?,
        words(encoder, &codes.verdict, Never, &|trend| trend.verdict as usize)?,
        words(encoder, &codes.reason, Allowed, &reason_id)?,
        number_page(encoder, trends().map(|trend| Some(trend.plays)), &codes.plays, Never)?,
        number_page(
            encoder,
            trends().map(|trend| trend.played_ms.get()),
            &codes.played_ms,
            Allowed,
        )?,
        number_page(
            encoder,
            trends().map(|trend| trend.listeners.get()),
            &codes.listeners,
            Allowed,
        )?,
    ])
}

/// Looks a value up only where it differs from the one before.
fn repeated(
    values: impl Iterator<Item = Option<u64>>,
    look_up: impl Fn(Option<u64>) -> u32,
) -> impl Iterator<Item = u32> {
    let mut last = (None, NONE);
    values.map(move |value| {
        if value != last.0 {
            last = (value, look_up(value));
        }
        last.1
    })
}
