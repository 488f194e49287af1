//! Row groups of the table `plays`.

use parquet::errors::Result;
use parquet::schema::types::SchemaDescPtr;
use rayon::prelude::*;
use streamledger_core::filter::policy::Policy;
use streamledger_core::vocabulary::isrc::Isrc;
use streamledger_core::vocabulary::play::{
    Kind, Mark, NONE, OFFLINE, ONLINE, Play, Plays, Track, Words,
};
use streamledger_core::vocabulary::territory::Territory;
use streamledger_core::vocabulary::upc::Upc;
use streamledger_core::vocabulary::verdict::{Reason, Verdict};

use crate::encode::chunk::Values;
use crate::encode::codes::{ListenerCodes, NumberCodes, WordCodes};
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
        .map_init(PageRows::default, |rows, order| {
            rows.gather(plays, order);
            encode_pages(rows, &codes)
        })
        .collect::<Result<_>>()?;
    assemble_row_group(schema, &codes.into_values(), pages, order.len())
}

/// Which ids the rows use.
struct Used {
    tracks: Vec<bool>,
    listeners: Vec<bool>,
    territories: Vec<bool>,
    kinds: Vec<bool>,
    reasons: Vec<bool>,
}

impl Used {
    fn new(plays: &Plays, places: impl Iterator<Item = usize>) -> Self {
        let words = &plays.words;
        let mut used = Self {
            tracks: vec![false; words.tracks.len()],
            listeners: vec![false; words.listeners.len()],
            territories: vec![false; 1 << 16],
            kinds: vec![false; words.kinds.len()],
            reasons: vec![false; Reason::ALL.len() + 1],
        };
        for place in places {
            let play = &plays.rows[place];
            used.tracks[play.track as usize] = true;
            if let Some(listener) = used.listeners.get_mut(play.listener as usize) {
                *listener = true;
            }
            used.territories[usize::from(play.territory)] = true;
            used.kinds[play.kind as usize] = true;
            used.reasons[plays.mark(place).map_or(0, |mark| mark.reason as usize)] = true;
        }
        used
    }
}

/// The dictionaries of a row group.
struct Codes {
    report: WordCodes,
    isrc: WordCodes,
    upc: WordCodes,
    store_track: WordCodes,
    listener: ListenerCodes,
    territory: WordCodes,
    tier: WordCodes,
    tier_code: WordCodes,
    use_type: WordCodes,
    source: WordCodes,
    device: WordCodes,
    verdict: WordCodes,
    reason: WordCodes,
    played_ms: NumberCodes,
    track_ms: NumberCodes,
    /// By id of the track.
    track_ms_of: Vec<Option<i64>>,
    plays: NumberCodes,
    /// By id of the kind.
    plays_of: Vec<Option<i64>>,
    measured: NumberCodes,
    threshold: NumberCodes,
}

impl Codes {
    fn new(plays: &Plays, order: &[u32], policy: &Policy) -> Self {
        // The order makes no difference to a dictionary: all rows are read as they lie in memory.
        if order.len() == plays.rows.len() {
            Self::of(plays, 0..plays.rows.len(), policy)
        } else {
            Self::of(plays, order.iter().map(|place| *place as usize), policy)
        }
    }

    fn of(plays: &Plays, places: impl Iterator<Item = usize> + Clone, policy: &Policy) -> Self {
        let used = Used::new(plays, places.clone());
        let Words { tracks, kinds, products, sources, devices, listeners } = &plays.words;
        let product = |id: usize| &products[kinds[id].product as usize];
        let number = |number: fn(&Mark) -> Option<i64>| {
            let of_place = move |place| plays.mark(place).and_then(number);
            NumberCodes::new(places.clone().filter_map(of_place))
        };
        let verdict = |id: usize| policy.verdict(Reason::from_code(u8::try_from(id).unwrap_or(0)));
        let played = places.clone().filter_map(|place| plays.rows[place].played_ms());
        let track_ms = |track: &Track| track.track_ms.map(i64::from);
        let n_plays = |kind: &Kind| Some(i64::from(kind.plays));
        let used_tracks = tracks.iter().zip(&used.tracks).filter(|(_, used)| **used);
        let used_kinds = kinds.iter().zip(&used.kinds).filter(|(_, used)| **used);
        Self {
            report: WordCodes::new(&used.kinds, |id| {
                Some(hex::encode(&plays.reports[kinds[id].report as usize][..8]))
            }),
            isrc: WordCodes::new(&used.tracks, |id| tracks[id].isrc.map(Isrc::to_text)),
            upc: WordCodes::new(&used.tracks, |id| tracks[id].upc.map(Upc::to_text)),
            store_track: WordCodes::new(&used.tracks, |id| tracks[id].store_track.as_deref()),
            listener: ListenerCodes::new(&used.listeners, listeners),
            territory: WordCodes::new(&used.territories, |id| {
                u16::try_from(id).ok().and_then(Territory::from_packed).map(Territory::to_text)
            }),
            tier: WordCodes::new(&used.kinds, |id| Some(product(id).tier.as_str())),
            tier_code: WordCodes::new(&used.kinds, |id| product(id).tier_code.as_deref()),
            use_type: WordCodes::new(&used.kinds, |id| Some(&*product(id).use_type)),
            source: WordCodes::new(&used.kinds, |id| text(sources, kinds[id].source)),
            device: WordCodes::new(&used.kinds, |id| text(devices, kinds[id].device)),
            verdict: WordCodes::new(&used.reasons, |id| Some(Verdict::as_str(verdict(id)))),
            reason: WordCodes::new(&used.reasons, |id| {
                u8::try_from(id).ok().and_then(Reason::from_code).map(Reason::as_str)
            }),
            played_ms: NumberCodes::new(played),
            track_ms: NumberCodes::new(used_tracks.filter_map(|(track, _)| track_ms(track))),
            track_ms_of: tracks.iter().map(track_ms).collect(),
            plays: NumberCodes::new(used_kinds.filter_map(|(kind, _)| n_plays(kind))),
            plays_of: kinds.iter().map(n_plays).collect(),
            measured: number(|mark| mark.measured),
            threshold: number(|mark| mark.threshold),
        }
    }

    /// What the pages' codes mean, in the order of the columns.
    fn into_values(self) -> Vec<Values> {
        vec![
            self.report.values,
            Values::Plain,
            Values::Plain,
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

/// The text of an id; `None` for none.
fn text(texts: &[Box<str>], id: u32) -> Option<&str> {
    texts.get(id as usize).map(|text| &**text)
}

/// The rows of a page, gathered from all over the memory once.
#[derive(Default)]
struct PageRows {
    rows: Vec<Play>,
    /// What the filter found of each row; `None` if it counts.
    marks: Vec<Option<Mark>>,
}

impl PageRows {
    fn gather(&mut self, plays: &Plays, order: &[u32]) {
        self.rows.clear();
        self.rows.extend(order.iter().map(|place| plays.rows[*place as usize]));
        self.marks.clear();
        self.marks.extend(order.iter().map(|place| plays.mark(*place as usize).copied()));
    }
}

/// A page of each column, in the order of the schema.
fn encode_pages(page: &PageRows, codes: &Codes) -> Result<Vec<Page>> {
    use Nulls::{Allowed, Never};
    let PageRows { rows, marks } = page;
    let mut encoder = PageEncoder::new()?;
    let mut pages = Pages { encoder: &mut encoder, rows };
    let track = |play: &Play| play.track as usize;
    let kind = |play: &Play| play.kind as usize;
    let reason = |mark: &Option<Mark>| mark.map_or(0, |mark| mark.reason as usize);
    let of_marks = |encoder: &mut PageEncoder, codes: &WordCodes, nulls| match codes.uniform {
        Some(code) => encoder.of_equal_codes(code, marks.len(), codes.width, nulls),
        None => {
            let ids = marks.iter().map(|mark| codes.code(reason(mark)));
            encoder.of_codes(ids, codes.width, nulls)
        }
    };
    Ok(vec![
        pages.of_words(&codes.report, Never, kind)?,
        pages.encoder.of_integers(
            rows.iter().map(|p| Some(i64::from(p.row))),
            Integer::Bits32,
            Never,
        )?,
        // Sorted by time within a track: differences are small.
        pages.encoder.of_integers(
            rows.iter().map(|p| Some(p.listened_at_ms)),
            Integer::Bits64,
            Never,
        )?,
        // No format so far says when its plays were reported.
        pages.encoder.of_equal_codes(NONE, rows.len(), 1, Allowed)?,
        pages.of_words(&codes.isrc, Allowed, track)?,
        pages.of_words(&codes.upc, Allowed, track)?,
        pages.of_words(&codes.store_track, Allowed, track)?,
        pages.encoder.of_codes(
            rows.iter().map(|play| codes.listener.code(play.listener)),
            codes.listener.width,
            Allowed,
        )?,
        pages.of_words(&codes.territory, Allowed, |play| usize::from(play.territory))?,
        pages.of_words(&codes.tier, Never, kind)?,
        pages.of_words(&codes.tier_code, Allowed, kind)?,
        pages.of_words(&codes.use_type, Never, kind)?,
        pages.encoder.of_truths(rows.iter().map(offline), Allowed)?,
        number_page(pages.encoder, rows.iter().map(Play::played_ms), &codes.played_ms, Allowed)?,
        number_page(
            pages.encoder,
            rows.iter().map(|play| codes.track_ms_of[track(play)]),
            &codes.track_ms,
            Allowed,
        )?,
        pages.of_words(&codes.source, Allowed, kind)?,
        pages.of_words(&codes.device, Allowed, kind)?,
        number_page(
            pages.encoder,
            rows.iter().map(|play| codes.plays_of[kind(play)]),
            &codes.plays,
            Never,
        )?,
        of_marks(pages.encoder, &codes.verdict, Never)?,
        of_marks(pages.encoder, &codes.reason, Allowed)?,
        number_page(
            pages.encoder,
            marks.iter().map(|mark| mark.and_then(|mark| mark.measured)),
            &codes.measured,
            Allowed,
        )?,
        number_page(
            pages.encoder,
            marks.iter().map(|mark| mark.and_then(|mark| mark.threshold)),
            &codes.threshold,
            Allowed,
        )?,
    ])
}

/// Encodes pages of the same rows, a column each.
struct Pages<'a> {
    encoder: &'a mut PageEncoder,
    rows: &'a [Play],
}

impl Pages<'_> {
    fn of_words(
        &mut self,
        codes: &WordCodes,
        nulls: Nulls,
        id: impl Fn(&Play) -> usize,
    ) -> std::io::Result<Page> {
        if let Some(code) = codes.uniform {
            return self.encoder.of_equal_codes(code, self.rows.len(), codes.width, nulls);
        }
        self.encoder.of_codes(self.rows.iter().map(|play| codes.code(id(play))), codes.width, nulls)
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
    values: impl ExactSizeIterator<Item = Option<i64>>,
    codes: &NumberCodes,
    nulls: Nulls,
) -> std::io::Result<Page> {
    match &codes.values {
        Values::Numbers(numbers) => match numbers.len() {
            0 => encoder.of_equal_codes(NONE, values.len(), codes.width, nulls),
            1 if nulls == Nulls::Never => {
                encoder.of_equal_codes(0, values.len(), codes.width, nulls)
            }
            _ => encoder.of_codes(values.map(|value| codes.code(value)), codes.width, nulls),
        },
        _ => encoder.of_integers(values, Integer::Bits64, nulls),
    }
}
