//! Row groups of the table `plays`.

use parquet::errors::Result;
use parquet::schema::types::SchemaDescPtr;
use rayon::prelude::*;
use streamledger_core::filter::policy::Policy;
use streamledger_core::vocabulary::isrc::Isrc;
use streamledger_core::vocabulary::play::{Mark, NONE, OFFLINE, ONLINE, Play, Plays};
use streamledger_core::vocabulary::territory::Territory;
use streamledger_core::vocabulary::upc::Upc;
use streamledger_core::vocabulary::verdict::{Reason, Verdict};

use crate::encode::chunk::Values;
use crate::encode::codes::{NumberCodes, WordCodes};
use crate::encode::delta::Integer;
use crate::encode::file::{EncodedRowGroup, PAGE_ROWS, assemble_row_group};
use crate::encode::page::{Nulls, Page, PageEncoder};

/// The columns of `plays`; `store`, `month` and `date` are in the path.
pub const SCHEMA: &str = "message plays {
    required binary report (UTF8);
    required int32 row (INTEGER(32, false));
    required int64 listened_at (TIMESTAMP(MILLIS, true));
    optional int32 reported_date (DATE);
    optional binary isrc (UTF8);
    optional binary upc (UTF8);
    optional binary store_track (UTF8);
    optional fixed_len_byte_array(16) listener;
    optional binary territory (UTF8);
    required binary tier (UTF8);
    optional binary tier_code (UTF8);
    required binary use_type (UTF8);
    optional boolean offline;
    optional int64 played_ms;
    optional int64 track_ms;
    optional binary source (UTF8);
    optional binary device (UTF8);
    required int64 plays;
    required binary verdict (UTF8);
    optional binary reason (UTF8);
    optional int64 measured;
    optional int64 threshold;
}";

/// Places in [`SCHEMA`] of the columns by which the rows are sorted; nulls last.
pub const SORTED_BY: [i32; 5] = [4, 6, 2, 0, 1];

/// Encodes the rows at the given places, in that order.
///
/// # Errors
/// If the `parquet` crate or zstd refuses.
pub fn encode_plays(
    plays: &Plays,
    order: &[u32],
    policy: &Policy,
    schema: &SchemaDescPtr,
) -> Result<EncodedRowGroup> {
    let codes = Codes::new(plays, order, policy);
    let pages: Vec<Vec<Page>> = order
        .par_chunks(PAGE_ROWS)
        .map(|order| {
            let rows: Vec<Play> = order.iter().map(|place| plays.rows[*place as usize]).collect();
            encode_pages(plays, &rows, &codes)
        })
        .collect::<Result<_>>()?;
    assemble_row_group(schema, &codes.into_values(), pages, order.len())
}

/// Which ids the rows use.
struct Used {
    reports: Vec<bool>,
    tracks: Vec<bool>,
    listeners: Vec<bool>,
    territories: Vec<bool>,
    products: Vec<bool>,
    sources: Vec<bool>,
    devices: Vec<bool>,
    reasons: Vec<bool>,
}

impl Used {
    fn new(plays: &Plays, order: &[u32]) -> Self {
        let words = &plays.words;
        let mut used = Self {
            reports: vec![false; plays.reports.len()],
            tracks: vec![false; words.tracks.len()],
            listeners: vec![false; words.listeners.len()],
            territories: vec![false; 1 << 16],
            products: vec![false; words.products.len()],
            sources: vec![false; words.sources.len()],
            devices: vec![false; words.devices.len()],
            reasons: vec![false; Reason::ALL.len() + 1],
        };
        if order.len() == plays.rows.len() {
            // All rows: read as they lie in memory, the order makes no difference here.
            plays.rows.iter().for_each(|play| used.mark(plays, play));
        } else {
            order.iter().for_each(|place| used.mark(plays, &plays.rows[*place as usize]));
        }
        used
    }

    #[inline]
    fn mark(&mut self, plays: &Plays, play: &Play) {
        self.reports[usize::from(play.report)] = true;
        self.tracks[play.track as usize] = true;
        if let Some(listener) = self.listeners.get_mut(play.listener as usize) {
            *listener = true;
        }
        self.territories[usize::from(play.territory)] = true;
        self.products[usize::from(play.product)] = true;
        if let Some(source) = self.sources.get_mut(usize::from(play.source)) {
            *source = true;
        }
        if let Some(device) = self.devices.get_mut(usize::from(play.device)) {
            *device = true;
        }
        self.reasons[reason_id(plays, play)] = true;
    }
}

fn reason_id(plays: &Plays, play: &Play) -> usize {
    plays.mark(play).map_or(0, |mark| mark.reason as usize)
}

/// The dictionaries of a row group.
struct Codes {
    report: WordCodes,
    isrc: WordCodes,
    upc: WordCodes,
    store_track: WordCodes,
    listener: WordCodes,
    territory: WordCodes,
    tier: WordCodes,
    tier_code: WordCodes,
    use_type: WordCodes,
    source: WordCodes,
    device: WordCodes,
    verdict: WordCodes,
    reason: WordCodes,
    listened_at: NumberCodes,
    played_ms: NumberCodes,
    track_ms: NumberCodes,
    plays: NumberCodes,
    measured: NumberCodes,
    threshold: NumberCodes,
}

impl Codes {
    fn new(plays: &Plays, order: &[u32], policy: &Policy) -> Self {
        let used = Used::new(plays, order);
        let words = &plays.words;
        let product = |id: usize| &words.products[id];
        // The order makes no difference to a dictionary: all rows are read as they lie in memory.
        let is_all = order.len() == plays.rows.len();
        let (all, some) = if is_all { (&*plays.rows, &[][..]) } else { (&[][..], order) };
        let rows = || all.iter().chain(some.iter().map(|place| &plays.rows[*place as usize]));
        let marks = |number: fn(&Mark) -> Option<i64>| {
            rows().filter_map(move |play| plays.mark(play).and_then(number))
        };
        let verdict = |id: usize| policy.verdict(Reason::from_code(u8::try_from(id).unwrap_or(0)));
        Self {
            report: WordCodes::new(&used.reports, |id| Some(hex::encode(&plays.reports[id][..8]))),
            isrc: WordCodes::new(&used.tracks, |id| words.tracks[id].isrc.map(Isrc::to_text)),
            upc: WordCodes::new(&used.tracks, |id| words.tracks[id].upc.map(Upc::to_text)),
            store_track: WordCodes::new(&used.tracks, |id| words.tracks[id].store_track.as_deref()),
            listener: WordCodes::new(&used.listeners, |id| Some(words.listeners[id].0)),
            territory: WordCodes::new(&used.territories, |id| {
                u16::try_from(id).ok().and_then(Territory::from_packed).map(Territory::to_text)
            }),
            tier: WordCodes::new(&used.products, |id| Some(product(id).tier.as_str())),
            tier_code: WordCodes::new(&used.products, |id| product(id).tier_code.as_deref()),
            use_type: WordCodes::new(&used.products, |id| Some(&*product(id).use_type)),
            source: WordCodes::new(&used.sources, |id| Some(&*words.sources[id])),
            device: WordCodes::new(&used.devices, |id| Some(&*words.devices[id])),
            verdict: WordCodes::new(&used.reasons, |id| Some(Verdict::as_str(verdict(id)))),
            reason: WordCodes::new(&used.reasons, |id| {
                u8::try_from(id).ok().and_then(Reason::from_code).map(Reason::as_str)
            }),
            // Sorted by time within a track: differences are small.
            listened_at: NumberCodes::none(),
            played_ms: NumberCodes::new(rows().filter_map(Play::played_ms)),
            track_ms: NumberCodes::new(rows().filter_map(Play::track_ms)),
            plays: NumberCodes::new(rows().map(|play| i64::from(play.plays))),
            measured: NumberCodes::new(marks(|mark| mark.measured)),
            threshold: NumberCodes::new(marks(|mark| mark.threshold)),
        }
    }

    /// What the pages' codes mean, in the order of the columns.
    fn into_values(self) -> Vec<Values> {
        vec![
            self.report.values,
            Values::Plain,
            self.listened_at.values,
            Values::Numbers(Vec::new()),
            self.isrc.values,
            self.upc.values,
            self.store_track.values,
            self.listener.values,
            self.territory.values,
            self.tier.values,
            self.tier_code.values,
            self.use_type.values,
            Values::Plain,
            self.played_ms.values,
            self.track_ms.values,
            self.source.values,
            self.device.values,
            self.plays.values,
            self.verdict.values,
            self.reason.values,
            self.measured.values,
            self.threshold.values,
        ]
    }
}

/// A page of each column, in the order of the schema.
fn encode_pages(plays: &Plays, rows: &[Play], codes: &Codes) -> Result<Vec<Page>> {
    use Nulls::{Allowed, Never};
    let mut pages = Pages { encoder: PageEncoder::new()?, rows };
    let track = |play: &Play| play.track as usize;
    let product = |play: &Play| usize::from(play.product);
    let reason = |play: &Play| reason_id(plays, play);
    let measured = |play: &Play| plays.mark(play).and_then(|mark| mark.measured);
    let threshold = |play: &Play| plays.mark(play).and_then(|mark| mark.threshold);
    Ok(vec![
        pages.of_words(&codes.report, Never, |play| usize::from(play.report))?,
        pages.encoder.of_integers(
            rows.iter().map(|p| Some(i64::from(p.row))),
            Integer::Bits32,
            Never,
        )?,
        pages.of_numbers(&codes.listened_at, Never, |play| Some(play.listened_at_ms))?,
        // No format so far says when its plays were reported.
        pages.encoder.of_codes(rows.iter().map(|_| NONE), 1, Allowed)?,
        pages.of_words(&codes.isrc, Allowed, track)?,
        pages.of_words(&codes.upc, Allowed, track)?,
        pages.of_words(&codes.store_track, Allowed, track)?,
        pages.of_words(&codes.listener, Allowed, |play| play.listener as usize)?,
        pages.of_words(&codes.territory, Allowed, |play| usize::from(play.territory))?,
        pages.of_words(&codes.tier, Never, product)?,
        pages.of_words(&codes.tier_code, Allowed, product)?,
        pages.of_words(&codes.use_type, Never, product)?,
        pages.encoder.of_truths(rows.iter().map(offline), Allowed)?,
        pages.of_numbers(&codes.played_ms, Allowed, Play::played_ms)?,
        pages.of_numbers(&codes.track_ms, Allowed, Play::track_ms)?,
        pages.of_words(&codes.source, Allowed, |play| usize::from(play.source))?,
        pages.of_words(&codes.device, Allowed, |play| usize::from(play.device))?,
        pages.of_numbers(&codes.plays, Never, |play| Some(i64::from(play.plays)))?,
        pages.of_words(&codes.verdict, Never, reason)?,
        pages.of_words(&codes.reason, Allowed, reason)?,
        pages.of_numbers(&codes.measured, Allowed, measured)?,
        pages.of_numbers(&codes.threshold, Allowed, threshold)?,
    ])
}

/// Encodes pages of the same rows, a column each.
struct Pages<'a> {
    encoder: PageEncoder,
    rows: &'a [Play],
}

impl Pages<'_> {
    fn of_words(
        &mut self,
        codes: &WordCodes,
        nulls: Nulls,
        id: impl Fn(&Play) -> usize,
    ) -> std::io::Result<Page> {
        self.encoder.of_codes(self.rows.iter().map(|play| codes.code(id(play))), codes.width, nulls)
    }

    fn of_numbers(
        &mut self,
        codes: &NumberCodes,
        nulls: Nulls,
        number: impl Fn(&Play) -> Option<i64>,
    ) -> std::io::Result<Page> {
        number_page(&mut self.encoder, self.rows.iter().map(number), codes, nulls)
    }
}

fn offline(play: &Play) -> Option<bool> {
    match play.offline {
        OFFLINE => Some(true),
        ONLINE => Some(false),
        _ => None,
    }
}

/// A page of numbers: codes where they have a dictionary, else differences.
pub(crate) fn number_page(
    encoder: &mut PageEncoder,
    values: impl Iterator<Item = Option<i64>>,
    codes: &NumberCodes,
    nulls: Nulls,
) -> std::io::Result<Page> {
    if codes.has_dictionary() {
        encoder.of_codes(values.map(|value| codes.code(value)), codes.width, nulls)
    } else {
        encoder.of_integers(values, Integer::Bits64, nulls)
    }
}
