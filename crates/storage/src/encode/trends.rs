//! Row groups of the table `trends_daily`.

use std::borrow::Cow;
use std::iter::repeat_n;
use std::ops::Range;

use parquet::errors::Result;
use parquet::schema::types::SchemaDescPtr;
use rayon::prelude::*;
use streamledger_core::aggregate::trends_daily::{
    DayTrends, MonthTrends, TrendGroup, TrendRelease,
};
use streamledger_core::model::day::Day;
use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::territory::Territory;
use streamledger_core::model::tier::Tier;
use streamledger_core::model::upc::Upc;
use streamledger_core::model::verdict::{Reason, Verdict};
use streamledger_core::numbers::exact;
use streamledger_parquet_pages::NULL_CODE;
use streamledger_parquet_pages::codes::{NumberCodes, NumberSet, WordCodes};
use streamledger_parquet_pages::file::{EncodedPages, EncodedRowGroup, assemble_row_group};
use streamledger_parquet_pages::hybrid::width_for;
use streamledger_parquet_pages::page::{PageEncoder, PageNulls};
use streamledger_parquet_pages::values::{ColumnValues, TextList};

use crate::encode::file::PAGE_ROWS;
use crate::encode::plays::{isrc_text, upc_text};

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

/// Rows of one counted date and listening month that lie together.
#[derive(Debug, Clone)]
pub struct DayRows<'a> {
    /// Counted date.
    pub date: Day,
    /// The rows are among these.
    pub month: &'a MonthTrends,
    /// Their places.
    pub places: Range<usize>,
    /// What [`TrendRelease::store_track`] stands for.
    pub store_tracks: &'a [Box<str>],
}

impl<'a> DayRows<'a> {
    /// The rows of a date at some places, month by month.
    #[must_use]
    pub fn of(date: Day, trends: &'a DayTrends, places: &Range<usize>) -> Vec<Self> {
        let (mut parts, mut start) = (Vec::new(), 0);
        for month in &trends.months {
            let in_month = |place: usize| place.clamp(start, start + month.len()) - start;
            let places = in_month(places.start)..in_month(places.end);
            if !places.is_empty() {
                parts.push(Self { date, month, places, store_tracks: &trends.store_tracks });
            }
            start += month.len();
        }
        parts
    }

    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.places.len()
    }

    /// The releases of the rows, each with the number of them.
    fn releases(&self) -> impl Iterator<Item = (&'a TrendRelease, usize)> {
        let Range { mut start, end } = self.places;
        let releases = &self.month.releases;
        let first = releases.partition_point(|release| release.end <= start);
        releases[first..].iter().map_while(move |release| {
            let n_rows = release.end.min(end).saturating_sub(start);
            start += n_rows;
            (n_rows != 0).then_some((release, n_rows))
        })
    }

    fn groups(&self) -> &'a [TrendGroup] {
        &self.month.groups[self.places.clone()]
    }

    fn store_track(&self, release: &TrendRelease) -> Option<&'a str> {
        self.store_tracks.get(release.store_track as usize).map(|text| &**text)
    }
}

/// Encodes rows of a month, in the order given.
///
/// # Errors
/// If the `parquet` crate or zstd fails.
pub fn encode_trends(rows: &[DayRows<'_>], schema: &SchemaDescPtr) -> Result<EncodedRowGroup> {
    let codes = TrendCodes::new(rows);
    let pages: Vec<EncodedPages> = by_page(rows)
        .par_iter()
        .map_init(TrendsPageMaker::default, |maker, rows| maker.encode_pages(rows, &codes))
        .collect::<Result<_>>()?;
    let n_rows = rows.iter().map(DayRows::n_rows).sum();
    assemble_row_group(schema, &codes.into_values(), pages, n_rows)
}

/// The rows of each page: [`PAGE_ROWS`], but for the last one, whatever dates they are of.
fn by_page<'a>(rows: &[DayRows<'a>]) -> Vec<Vec<DayRows<'a>>> {
    let (mut pages, mut room) = (Vec::new(), 0);
    for part in rows {
        let Range { mut start, end } = part.places;
        while start < end {
            if room == 0 {
                pages.push(Vec::new());
                room = PAGE_ROWS;
            }
            let places = start..end.min(start + room);
            room -= places.len();
            start = places.end;
            if let Some(page) = pages.last_mut() {
                page.push(DayRows { places, ..part.clone() });
            }
        }
    }
    pages
}

/// The dictionaries of a row group. Recordings, releases and months are numbers whose order is that
/// of their texts, so that they are coded as numbers and shown as texts.
struct TrendCodes {
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
        place.and_then(|place| u32::try_from(place).ok()).unwrap_or(NULL_CODE)
    }
}

/// What the rows use, found in one pass.
struct UsedTrendIds {
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

impl UsedTrendIds {
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
        rows.iter().for_each(|rows| used.take(rows));
        used.isrcs.sort();
        used.upcs.sort();
        used.store_tracks.sort_unstable();
        used.store_tracks.dedup();
        used
    }

    fn take(&mut self, rows: &DayRows<'_>) {
        self.dates.insert(i64::from(rows.date.0));
        self.months.insert(month_number(rows.month));
        for (release, _) in rows.releases() {
            if let Some(isrc) = release.isrc {
                self.isrcs.push(isrc.packed());
            }
            if let Some(upc) = release.upc {
                self.upcs.push(upc.packed());
            }
            self.store_tracks.extend(rows.store_track(release).map(|text| text.as_bytes().into()));
        }
        for group in rows.groups() {
            self.territories[usize::from(group.territory)] = true;
            self.tiers[group.tier as usize] = true;
            self.verdicts[group.verdict as usize] = true;
            self.reasons[reason_id(*group)] = true;
        }
        let MonthTrends { plays, played_ms, listeners, .. } = rows.month;
        plays[rows.places.clone()].iter().for_each(|plays| self.plays.insert(*plays));
        let known = played_ms[rows.places.clone()].iter().filter_map(|sum| sum.get());
        known.for_each(|played_ms| self.played_ms.insert(played_ms));
        let known = listeners[rows.places.clone()].iter().flatten();
        known.for_each(|listeners| self.listeners.insert(i64::from(listeners.get())));
    }
}

fn month_number(month: &MonthTrends) -> i64 {
    let month = month.listened_month;
    i64::from(month.year) * 12 + i64::from(month.month) - 1
}

impl TrendCodes {
    fn new(rows: &[DayRows<'_>]) -> Self {
        let used = UsedTrendIds::new(rows);
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
    fn into_values(self) -> Vec<ColumnValues<'static>> {
        vec![
            self.date.values,
            month_texts(&self.month.values),
            ColumnValues::Texts(self.isrc.0.iter().map(|packed| isrc_text(*packed)).collect()),
            ColumnValues::Texts(self.store_track.into_iter().collect()),
            ColumnValues::Texts(self.upc.0.iter().map(|packed| upc_text(*packed)).collect()),
            self.territory.values,
            self.tier.values,
            ColumnValues::Plain,
            self.verdict.values,
            self.reason.values,
            self.plays.values,
            self.played_ms.values,
            self.listeners.values,
        ]
    }
}

fn month_texts(months: &ColumnValues<'_>) -> ColumnValues<'static> {
    let ColumnValues::Numbers(months) = months else {
        return ColumnValues::Texts(TextList::default());
    };
    let text = |month: &i64| format!("{:04}-{:02}", month / 12, month % 12 + 1);
    ColumnValues::Texts(months.iter().map(text).collect())
}

fn reason_id(group: TrendGroup) -> usize {
    group.reason.map_or(0, |reason| reason as usize)
}

/// Rows of which all columns are made before the next ones are read: they stay in the processor's
/// nearest caches.
const BATCH_ROWS: usize = 1 << 9;

/// Makes pages; keeps its memory from one to the next.
#[derive(Default)]
struct TrendsPageMaker {
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
}

impl TrendsPageMaker {
    /// A page of each column, in the order of the schema.
    fn encode_pages(&mut self, rows: &[DayRows<'_>], codes: &TrendCodes) -> Result<EncodedPages> {
        use PageNulls::{Allowed, Never};
        self.clear();
        rows.iter().for_each(|rows| self.take(rows, codes));
        let encoder = &mut self.encoder;
        let width = |n_values: usize| width_for(exact::<u32>(n_values.saturating_sub(1)));
        let code_page = |encoder: &mut PageEncoder, page: &[u32], width, nulls| {
            encoder.of_codes(page.iter().copied(), width, nulls)
        };
        let required = |encoder: &mut PageEncoder, page: &[i64], codes: &NumberCodes| {
            codes.page(encoder, page.iter().copied().map(Some), Never)
        };
        let plays = numbers(rows, |month| &month.plays);
        let played_ms = numbers(rows, |month| &month.played_ms);
        let listeners = numbers(rows, |month| &month.listeners);
        let played_ms = played_ms.iter().map(|sum| sum.get());
        let listeners = listeners.iter().map(|n| n.map(|n| i64::from(n.get())));
        let pages = vec![
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
            required(encoder, &plays, &codes.plays)?,
            codes.played_ms.page(encoder, played_ms, Allowed)?,
            codes.listeners.page(encoder, listeners, Allowed)?,
        ];
        Ok(EncodedPages { bytes: encoder.take_bytes(), pages })
    }

    fn clear(&mut self) {
        let Self { isrc, store_track, upc, territory, tier, verdict, reason, .. } = self;
        [isrc, store_track, upc, territory, tier, verdict, reason].into_iter().for_each(Vec::clear);
        [&mut self.date, &mut self.month].into_iter().for_each(Vec::clear);
        self.offline.clear();
    }

    fn take(&mut self, rows: &DayRows<'_>, codes: &TrendCodes) {
        let n_rows = rows.n_rows();
        self.date.extend(repeat_n(i64::from(rows.date.0), n_rows));
        self.month.extend(repeat_n(month_number(rows.month), n_rows));
        for (release, n_rows) in rows.releases() {
            let isrc = codes.isrc.code(release.isrc.map(Isrc::packed));
            self.isrc.extend(repeat_n(isrc, n_rows));
            let store_track = store_track_code(rows.store_track(release), codes);
            self.store_track.extend(repeat_n(store_track, n_rows));
            let upc = codes.upc.code(release.upc.map(Upc::packed));
            self.upc.extend(repeat_n(upc, n_rows));
        }
        for groups in rows.groups().chunks(BATCH_ROWS) {
            let groups = || groups.iter();
            let territory = |group: &TrendGroup| codes.territory.code(usize::from(group.territory));
            self.territory.extend(groups().map(territory));
            self.tier.extend(groups().map(|group| codes.tier.code(group.tier as usize)));
            self.offline.extend(groups().map(|group| group.offline));
            self.verdict.extend(groups().map(|group| codes.verdict.code(group.verdict as usize)));
            self.reason.extend(groups().map(|group| codes.reason.code(reason_id(*group))));
        }
    }
}

/// A column of the rows of a page, which are nearly always of one date and month.
fn numbers<'a, T: Copy>(
    rows: &[DayRows<'a>],
    column: impl Fn(&'a MonthTrends) -> &'a [T],
) -> Cow<'a, [T]> {
    let of_part = |rows: &DayRows<'a>| &column(rows.month)[rows.places.clone()];
    match rows {
        [rows] => Cow::Borrowed(of_part(rows)),
        rows => rows.iter().flat_map(of_part).copied().collect(),
    }
}

fn store_track_code(store_track: Option<&str>, codes: &TrendCodes) -> u32 {
    let place = store_track.and_then(|text| {
        codes.store_track.binary_search_by(|known| known.as_ref().cmp(text.as_bytes())).ok()
    });
    place.and_then(|place| u32::try_from(place).ok()).unwrap_or(NULL_CODE)
}
