//! Row groups of the table `trends_daily`.

use std::ops::Range;

use parquet::errors::Result;
use parquet::schema::types::SchemaDescPtr;
use rayon::prelude::*;
use streamledger_core::aggregate::trends_daily::{DayTrends, Sum, Trend};
use streamledger_core::vocabulary::day::Day;
use streamledger_core::vocabulary::isrc::Isrc;
use streamledger_core::vocabulary::play::NONE;
use streamledger_core::vocabulary::territory::Territory;
use streamledger_core::vocabulary::tier::Tier;
use streamledger_core::vocabulary::upc::Upc;
use streamledger_core::vocabulary::verdict::{Reason, Verdict};

use crate::encode::chunk::Values;
use crate::encode::codes::{NumberCodes, NumberSet, TextList, WordCodes};
use crate::encode::file::{EncodedRowGroup, PAGE_ROWS, assemble_row_group};
use crate::encode::hybrid::width_for;
use crate::encode::page::{Nulls, Page, PageEncoder};
use crate::encode::plays::{isrc_text, number_page, upc_text};

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

/// Rows of one counted date that lie together. Rows themselves are not listed: of a large date there
/// are as many as half its plays.
#[derive(Debug, Clone, Copy)]
pub struct DayRows<'a> {
    /// Counted date.
    pub date: Day,
    /// The rows.
    pub trends: &'a [Trend],
    /// What [`Trend::store_track`] stands for.
    pub store_tracks: &'a [Box<str>],
}

impl<'a> DayRows<'a> {
    /// Some rows of a date.
    ///
    /// # Panics
    /// If it has fewer rows.
    #[must_use]
    pub fn of(date: Day, trends: &'a DayTrends, range: &Range<usize>) -> Self {
        Self { date, trends: &trends.rows[range.clone()], store_tracks: &trends.store_tracks }
    }

    fn store_track(&self, trend: &Trend) -> Option<&'a str> {
        self.store_tracks.get(trend.store_track as usize).map(|text| &**text)
    }
}

/// Encodes rows of a month, in the order given.
///
/// # Errors
/// If the `parquet` crate or zstd refuses.
pub fn encode_trends(rows: &[DayRows<'_>], schema: &SchemaDescPtr) -> Result<EncodedRowGroup> {
    let codes = Codes::new(rows);
    let pages: Vec<Vec<Page>> = by_page(rows)
        .par_iter()
        .map_init(PageMaker::default, |maker, rows| maker.encode_pages(rows, &codes))
        .collect::<Result<_>>()?;
    let n_rows = rows.iter().map(|rows| rows.trends.len()).sum();
    assemble_row_group(schema, &codes.into_values(), pages, n_rows)
}

/// The rows of each page: [`PAGE_ROWS`], but for the last one, whatever dates they are of.
fn by_page<'a>(rows: &[DayRows<'a>]) -> Vec<Vec<DayRows<'a>>> {
    let (mut pages, mut room) = (Vec::new(), 0);
    for day in rows {
        let mut rest = day.trends;
        while !rest.is_empty() {
            if room == 0 {
                pages.push(Vec::new());
                room = PAGE_ROWS;
            }
            let (trends, behind) = rest.split_at(rest.len().min(room));
            if let Some(page) = pages.last_mut() {
                page.push(DayRows { trends, ..*day });
            }
            room -= trends.len();
            rest = behind;
        }
    }
    pages
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
#[derive(Default)]
struct SortedNumbers(Vec<u64>);

impl SortedNumbers {
    /// Adds a number. Rows of a track lie together: most repetitions never get in.
    #[inline]
    fn push(&mut self, number: u64) {
        if self.0.last() != Some(&number) {
            self.0.push(number);
        }
    }

    fn sort(&mut self) {
        self.0.sort_unstable();
        self.0.dedup();
    }

    fn code(&self, number: Option<u64>) -> u32 {
        let place = number.and_then(|number| self.0.binary_search(&number).ok());
        place.and_then(|place| u32::try_from(place).ok()).unwrap_or(NONE)
    }
}

/// What the rows use, found in one pass.
struct Used {
    dates: NumberSet,
    months: NumberSet,
    isrcs: SortedNumbers,
    upcs: SortedNumbers,
    store_tracks: Vec<Box<[u8]>>,
    territories: Vec<bool>,
    tiers: [bool; Tier::ALL.len()],
    verdicts: [bool; Verdict::ALL.len()],
    reasons: [bool; Reason::ALL.len() + 1],
    plays: NumberSet,
    played_ms: NumberSet,
    listeners: NumberSet,
}

impl Used {
    fn new(rows: &[DayRows<'_>]) -> Self {
        let mut used = Self {
            dates: NumberSet::default(),
            months: NumberSet::default(),
            isrcs: SortedNumbers::default(),
            upcs: SortedNumbers::default(),
            store_tracks: Vec::new(),
            territories: vec![false; 1 << 16],
            tiers: [false; Tier::ALL.len()],
            verdicts: [false; Verdict::ALL.len()],
            reasons: [false; Reason::ALL.len() + 1],
            plays: NumberSet::default(),
            played_ms: NumberSet::default(),
            listeners: NumberSet::default(),
        };
        for day in rows {
            day.trends.iter().for_each(|trend| used.take(day, trend));
        }
        used.isrcs.sort();
        used.upcs.sort();
        used.store_tracks.sort_unstable();
        used.store_tracks.dedup();
        used
    }

    #[inline]
    fn take(&mut self, day: &DayRows<'_>, trend: &Trend) {
        self.dates.insert(i64::from(day.date.0));
        self.months.insert(month_number(trend));
        if let Some(isrc) = trend.isrc {
            self.isrcs.push(isrc.packed());
        }
        if let Some(upc) = trend.upc {
            self.upcs.push(upc.packed());
        }
        self.store_tracks.extend(day.store_track(trend).map(|text| text.as_bytes().into()));
        self.territories[territory_id(trend)] = true;
        self.tiers[trend.tier as usize] = true;
        self.verdicts[trend.verdict as usize] = true;
        self.reasons[reason_id(trend)] = true;
        self.plays.insert(trend.plays);
        if let Some(played_ms) = trend.played_ms.get() {
            self.played_ms.insert(played_ms);
        }
        if let Some(listeners) = trend.listeners.get() {
            self.listeners.insert(listeners);
        }
    }
}

fn month_number(trend: &Trend) -> i64 {
    let month = trend.listened_month;
    i64::from(month.year) * 12 + i64::from(month.month) - 1
}

impl Codes {
    fn new(rows: &[DayRows<'_>]) -> Self {
        let used = Used::new(rows);
        Self {
            date: NumberCodes::new(used.dates),
            month: NumberCodes::new(used.months),
            isrc: used.isrcs,
            upc: used.upcs,
            store_track: used.store_tracks,
            territory: WordCodes::new(&used.territories, |id| {
                u16::try_from(id).ok().and_then(Territory::from_packed).map(Territory::to_text)
            }),
            tier: WordCodes::new(&used.tiers, |id| Some(Tier::ALL[id].as_str())),
            verdict: WordCodes::new(&used.verdicts, |id| Some(Verdict::ALL[id].as_str())),
            reason: WordCodes::new(&used.reasons, |id| {
                u8::try_from(id).ok().and_then(Reason::from_code).map(Reason::as_str)
            }),
            plays: NumberCodes::new(used.plays),
            played_ms: NumberCodes::new(used.played_ms),
            listeners: NumberCodes::new(used.listeners),
        }
    }

    /// What the pages' codes mean, in the order of the columns.
    fn into_values(self) -> Vec<Values> {
        vec![
            self.date.values,
            month_texts(&self.month.values),
            Values::Texts(self.isrc.0.iter().map(|packed| isrc_text(*packed)).collect()),
            Values::Texts(self.store_track.into_iter().collect()),
            Values::Texts(self.upc.0.iter().map(|packed| upc_text(*packed)).collect()),
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

/// Rows of which all columns are made before the next ones are read: they stay in the processor's
/// nearest caches.
const BATCH_ROWS: usize = 1 << 9;

/// Makes pages; keeps its memory from one to the next.
#[derive(Default)]
struct PageMaker {
    encoder: PageEncoder,
    isrc: Vec<u32>,
    store_track: Vec<u32>,
    upc: Vec<u32>,
    territory: Vec<u32>,
    tier: Vec<u32>,
    offline: Vec<Option<bool>>,
    verdict: Vec<u32>,
    reason: Vec<u32>,
    date: Vec<i64>,
    month: Vec<i64>,
    plays: Vec<i64>,
    played_ms: Vec<Sum>,
    listeners: Vec<Sum>,
}

impl PageMaker {
    /// A page of each column, in the order of the schema.
    fn encode_pages(&mut self, rows: &[DayRows<'_>], codes: &Codes) -> Result<Vec<Page>> {
        use Nulls::{Allowed, Never};
        self.clear();
        for day in rows {
            for trends in day.trends.chunks(BATCH_ROWS) {
                self.take(&DayRows { trends, ..*day }, codes);
            }
        }
        let encoder = &mut self.encoder;
        let width =
            |n_values: usize| width_for(u32::try_from(n_values.saturating_sub(1)).unwrap_or(NONE));
        let code_page = |encoder: &mut PageEncoder, page: &[u32], width, nulls| {
            encoder.of_codes(page.iter().copied(), width, nulls)
        };
        let required = |encoder: &mut PageEncoder, page: &[i64], codes| {
            number_page(encoder, page.iter().copied().map(Some), codes, Never)
        };
        let sums = |encoder: &mut PageEncoder, page: &[Sum], codes| {
            number_page(encoder, page.iter().map(|sum| sum.get()), codes, Allowed)
        };
        Ok(vec![
            required(encoder, &self.date, &codes.date)?,
            required(encoder, &self.month, &codes.month)?,
            code_page(encoder, &self.isrc, width(codes.isrc.0.len()), Allowed)?,
            code_page(encoder, &self.store_track, width(codes.store_track.len()), Allowed)?,
            code_page(encoder, &self.upc, width(codes.upc.0.len()), Allowed)?,
            code_page(encoder, &self.territory, codes.territory.width, Allowed)?,
            code_page(encoder, &self.tier, codes.tier.width, Never)?,
            encoder.of_truths(self.offline.iter().copied(), Allowed)?,
            code_page(encoder, &self.verdict, codes.verdict.width, Never)?,
            code_page(encoder, &self.reason, codes.reason.width, Allowed)?,
            required(encoder, &self.plays, &codes.plays)?,
            sums(encoder, &self.played_ms, &codes.played_ms)?,
            sums(encoder, &self.listeners, &codes.listeners)?,
        ])
    }

    fn clear(&mut self) {
        let Self { isrc, store_track, upc, territory, tier, verdict, reason, .. } = self;
        [isrc, store_track, upc, territory, tier, verdict, reason].into_iter().for_each(Vec::clear);
        [&mut self.date, &mut self.month, &mut self.plays].into_iter().for_each(Vec::clear);
        [&mut self.played_ms, &mut self.listeners].into_iter().for_each(Vec::clear);
        self.offline.clear();
    }

    fn take(&mut self, day: &DayRows<'_>, codes: &Codes) {
        let trends = || day.trends.iter();
        self.date.extend(trends().map(|_| i64::from(day.date.0)));
        self.month.extend(trends().map(month_number));
        let isrc = trends().map(|trend| trend.isrc.map(Isrc::packed));
        self.isrc.extend(repeated(isrc, |number| codes.isrc.code(number)));
        self.store_track
            .extend(trends().map(|trend| store_track_code(day.store_track(trend), codes)));
        let upc = trends().map(|trend| trend.upc.map(Upc::packed));
        self.upc.extend(repeated(upc, |number| codes.upc.code(number)));
        self.territory.extend(trends().map(|trend| codes.territory.code(territory_id(trend))));
        self.tier.extend(trends().map(|trend| codes.tier.code(trend.tier as usize)));
        self.offline.extend(trends().map(|trend| trend.offline));
        self.verdict.extend(trends().map(|trend| codes.verdict.code(trend.verdict as usize)));
        self.reason.extend(trends().map(|trend| codes.reason.code(reason_id(trend))));
        self.plays.extend(trends().map(|trend| trend.plays));
        self.played_ms.extend(trends().map(|trend| trend.played_ms));
        self.listeners.extend(trends().map(|trend| trend.listeners));
    }
}

fn store_track_code(store_track: Option<&str>, codes: &Codes) -> u32 {
    let place = store_track.and_then(|text| {
        codes.store_track.binary_search_by(|known| known.as_ref().cmp(text.as_bytes())).ok()
    });
    place.and_then(|place| u32::try_from(place).ok()).unwrap_or(NONE)
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
