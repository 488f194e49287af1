//! Row groups of the table `plays`.

use parquet::errors::Result;
use parquet::schema::types::SchemaDescPtr;
use rayon::prelude::*;
use streamledger_core::aggregate::gathered::GatheredPlays;
use streamledger_core::filter::policy::Policy;
use streamledger_core::model::isrc::Isrc;
use streamledger_core::model::play::{
    OFFLINE, ONLINE, Play, PlayAttributes, PlayDictionaries, PlayMark, Plays, Track,
};
use streamledger_core::model::territory::Territory;
use streamledger_core::model::upc::Upc;
use streamledger_core::model::verdict::{Finding, Verdict};
use streamledger_core::numbers::exact;
use streamledger_parquet_pages::NULL_CODE;
use streamledger_parquet_pages::codes::{HashCodes, NumberCodes, NumberSet, WordCodes};
use streamledger_parquet_pages::delta::IntegerWidth;
use streamledger_parquet_pages::file::{EncodedPages, EncodedRowGroup, assemble_row_group};
use streamledger_parquet_pages::page::{PageEncoder, PageNulls};
use streamledger_parquet_pages::values::ColumnValues;

use crate::encode::file::PAGE_ROWS;

/// The columns of `plays`; `store`, `month` and `date` are in the path.
pub const SCHEMA: &str = "message plays {
    required binary report (UTF8);
    required int64 row;
    required int64 listened_at (TIMESTAMP(MICROS, true));
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
/// If the `parquet` crate or zstd fails.
pub fn encode_plays(
    plays: &Plays,
    order: &[u32],
    policy: &Policy,
    schema: &SchemaDescPtr,
) -> Result<EncodedRowGroup> {
    let encoder = PlaysEncoder::new(plays, order, policy);
    let encode = |(gathered, maker): &mut (GatheredPlays, PageMaker), order| {
        gathered.gather(plays, order);
        encoder.encode_pages(maker, gathered)
    };
    let pages: Vec<EncodedPages> =
        order.par_chunks(PAGE_ROWS).map_init(Default::default, encode).collect::<Result<_>>()?;
    encoder.finish(schema, pages)
}

/// Encodes the rows of one row group, page by page.
pub struct PlaysEncoder<'a> {
    plays: &'a Plays,
    codes: PlayCodes<'a>,
    n_rows: usize,
}

impl<'a> PlaysEncoder<'a> {
    /// Of the rows at these places.
    #[must_use]
    pub fn new(plays: &'a Plays, order: &[u32], policy: &Policy) -> Self {
        Self { plays, codes: PlayCodes::new(plays, order, policy), n_rows: order.len() }
    }

    /// A page of each column: of [`PAGE_ROWS`] rows, but for the last ones of the row group.
    ///
    /// # Errors
    /// If zstd fails.
    pub fn encode_pages(
        &self,
        maker: &mut PageMaker,
        gathered: &GatheredPlays,
    ) -> Result<EncodedPages> {
        maker.encode_pages(self.plays, gathered, &self.codes)
    }

    /// The row group of these pages, which are in the order of the rows.
    ///
    /// # Errors
    /// If the `parquet` crate or zstd fails.
    pub fn finish(
        self,
        schema: &SchemaDescPtr,
        pages: Vec<EncodedPages>,
    ) -> Result<EncodedRowGroup> {
        assemble_row_group(schema, &self.codes.into_values(), pages, self.n_rows)
    }
}

/// What the rows use: ids, and played times.
struct UsedPlayIds {
    tracks: Vec<bool>,
    listeners: Vec<bool>,
    territories: Vec<bool>,
    kinds: Vec<bool>,
    /// By number in [`Plays::marked`].
    marks: Vec<bool>,
    played_ms: NumberSet,
}

impl UsedPlayIds {
    fn new(plays: &Plays, places: impl Iterator<Item = usize>) -> Self {
        let words = &plays.words;
        let mut used = Self {
            tracks: vec![false; words.tracks.len()],
            listeners: vec![false; words.listeners.len()],
            territories: vec![false; 1 << 16],
            kinds: vec![false; words.kinds.len()],
            marks: vec![false; plays.marks.len() + 1],
            played_ms: NumberSet::default(),
        };
        for place in places {
            let play = &plays.rows[place];
            used.tracks[play.track as usize] = true;
            if let Some(listener) = used.listeners.get_mut(play.listener as usize) {
                *listener = true;
            }
            used.territories[usize::from(play.territory)] = true;
            used.kinds[play.kind as usize] = true;
            used.marks[plays.marked.get(place).map_or(0, |marked| *marked as usize)] = true;
            if let Some(played_ms) = play.played_ms() {
                used.played_ms.insert(played_ms);
            }
        }
        used
    }

    /// What was found of the rows, each once.
    fn found<'a>(&'a self, plays: &'a Plays) -> impl Iterator<Item = &'a PlayMark> {
        plays.marks.iter().zip(&self.marks[1..]).filter(|(_, used)| **used).map(|(mark, _)| mark)
    }

    /// By code of what a rule found, whether a row has it; 0 is nothing.
    fn reasons(&self, plays: &Plays) -> Vec<bool> {
        let mut reasons = vec![false; Finding::COUNT + 1];
        reasons[0] = self.marks[0];
        self.found(plays).for_each(|mark| reasons[usize::from(mark.finding.code())] = true);
        reasons
    }
}

/// The dictionaries of a row group.
struct PlayCodes<'a> {
    report: WordCodes,
    isrc: WordCodes,
    upc: WordCodes,
    store_track: WordCodes,
    listener: HashCodes<'a>,
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

impl<'a> PlayCodes<'a> {
    fn new(plays: &'a Plays, order: &[u32], policy: &Policy) -> Self {
        // The order makes no difference to a dictionary: all rows are read as they lie in memory.
        if order.len() == plays.rows.len() {
            Self::of(plays, 0..plays.rows.len(), policy)
        } else {
            Self::of(plays, order.iter().map(|place| *place as usize), policy)
        }
    }

    fn of(plays: &'a Plays, places: impl Iterator<Item = usize>, policy: &Policy) -> Self {
        let mut used = UsedPlayIds::new(plays, places);
        let reasons = used.reasons(plays);
        let PlayDictionaries { tracks, kinds, products, sources, devices, listeners } =
            &plays.words;
        let product = |id: usize| &products[kinds[id].product as usize];
        let number = |number: fn(&PlayMark) -> Option<i64>| {
            NumberCodes::new(used.found(plays).filter_map(number).collect())
        };
        let (measured, threshold) = (number(|mark| mark.measured), number(|mark| mark.threshold));
        let verdict = |id: usize| policy.verdict(Finding::from_code(exact::<u8>(id)));
        let track_ms = |track: &Track| track.track_ms.map(i64::from);
        let n_plays = |kind: &PlayAttributes| Some(i64::from(kind.plays));
        let used_tracks = tracks.iter().zip(&used.tracks).filter(|(_, used)| **used);
        let used_kinds = kinds.iter().zip(&used.kinds).filter(|(_, used)| **used);
        Self {
            report: WordCodes::new(&used.kinds, |id| {
                Some(hex::encode(&plays.reports[kinds[id].report as usize][..8]))
            }),
            isrc: WordCodes::of_packed(
                &used.tracks,
                |id| tracks[id].isrc.map(Isrc::packed),
                isrc_text,
            ),
            upc: WordCodes::of_packed(&used.tracks, |id| tracks[id].upc.map(Upc::packed), upc_text),
            store_track: WordCodes::new(&used.tracks, |id| tracks[id].store_track.as_deref()),
            listener: HashCodes::new(&used.listeners, bytemuck::cast_slice(listeners)),
            territory: WordCodes::new(&used.territories, |id| {
                u16::try_from(id).ok().and_then(Territory::from_packed).map(Territory::to_text)
            }),
            tier: WordCodes::new(&used.kinds, |id| Some(product(id).tier.as_str())),
            tier_code: WordCodes::new(&used.kinds, |id| product(id).tier_code.as_deref()),
            use_type: WordCodes::new(&used.kinds, |id| Some(&*product(id).use_type)),
            source: WordCodes::new(&used.kinds, |id| text(sources, kinds[id].source)),
            device: WordCodes::new(&used.kinds, |id| text(devices, kinds[id].device)),
            verdict: WordCodes::new(&reasons, |id| Some(Verdict::as_str(verdict(id)))),
            reason: WordCodes::new(&reasons, |id| {
                let finding = u8::try_from(id).ok().and_then(Finding::from_code);
                finding.map(|finding| finding.reason().as_str())
            }),
            played_ms: NumberCodes::new(std::mem::take(&mut used.played_ms)),
            track_ms: NumberCodes::new(
                used_tracks.filter_map(|(track, _)| track_ms(track)).collect(),
            ),
            track_ms_of: tracks.iter().map(track_ms).collect(),
            plays: NumberCodes::new(used_kinds.filter_map(|(kind, _)| n_plays(kind)).collect()),
            plays_of: kinds.iter().map(n_plays).collect(),
            measured,
            threshold,
        }
    }

    /// What the pages' codes mean, in the order of the columns.
    fn into_values(self) -> Vec<ColumnValues<'a>> {
        vec![
            self.report.values,
            ColumnValues::Plain,
            ColumnValues::Plain,
            ColumnValues::Numbers(Vec::new()),
            self.isrc.values,
            self.upc.values,
            self.store_track.values,
            self.listener.values,
            self.territory.values,
            self.tier.values,
            self.tier_code.values,
            self.use_type.values,
            ColumnValues::Plain,
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

/// The text of a packed recording.
pub(crate) fn isrc_text(packed: u64) -> impl AsRef<[u8]> {
    Isrc::from_packed(packed).map(Isrc::to_text).unwrap_or_default()
}

/// The text of a packed release.
pub(crate) fn upc_text(packed: u64) -> impl AsRef<[u8]> {
    Upc::from_packed(packed).map(Upc::digits).unwrap_or_default()
}

/// Makes pages; keeps its memory from one to the next.
#[derive(Default)]
pub struct PageMaker {
    encoder: PageEncoder,
    /// Of each row, beside the rows: several columns are made of either, and nothing else.
    tracks: Vec<u32>,
    kinds: Vec<u32>,
}

impl PageMaker {
    /// A page of each column, in the order of the schema.
    fn encode_pages(
        &mut self,
        plays: &Plays,
        GatheredPlays { rows, marked, findings }: &GatheredPlays,
        codes: &PlayCodes<'_>,
    ) -> Result<EncodedPages> {
        use PageNulls::{Allowed, Never};
        let Self { encoder, tracks, kinds } = self;
        tracks.clear();
        tracks.extend(rows.iter().map(|play| play.track));
        kinds.clear();
        kinds.extend(rows.iter().map(|play| play.kind));
        let reason = || findings.iter().map(|reason| usize::from(*reason));
        let territory = rows.iter().map(|play| usize::from(play.territory));
        let (track, kind) = (|| ids(tracks), || ids(kinds));
        let mark = || marked.iter().map(|marked| plays.mark_of(*marked));
        let row = rows.iter().map(|play| Some(i64::from(play.row)));
        // Sorted by time within a track: differences are small.
        // Times are read in milliseconds; the column is in the unit that every engine knows.
        let listened_at = rows.iter().map(|play| Some(1_000 * play.listened_at_ms));
        let listener = rows.iter().map(|play| codes.listener.code(play.listener));
        let played_ms = rows.iter().map(Play::played_ms);
        let track_ms = track().map(|id| codes.track_ms_of[id]);
        let n_plays = kind().map(|id| codes.plays_of[id]);
        let measured = mark().map(|mark| mark.and_then(|mark| mark.measured));
        let threshold = mark().map(|mark| mark.and_then(|mark| mark.threshold));
        let pages = vec![
            codes.report.page(encoder, kind(), Never)?,
            encoder.of_integers(row, IntegerWidth::Bits64, Never)?,
            encoder.of_integers(listened_at, IntegerWidth::Bits64, Never)?,
            // No format so far says when its plays were reported.
            encoder.of_equal_codes(NULL_CODE, rows.len(), 1, Allowed)?,
            codes.isrc.page(encoder, track(), Allowed)?,
            codes.upc.page(encoder, track(), Allowed)?,
            codes.store_track.page(encoder, track(), Allowed)?,
            encoder.of_random_codes(listener, codes.listener.width, Allowed)?,
            codes.territory.page(encoder, territory, Allowed)?,
            codes.tier.page(encoder, kind(), Never)?,
            codes.tier_code.page(encoder, kind(), Allowed)?,
            codes.use_type.page(encoder, kind(), Never)?,
            encoder.of_truths(rows.iter().map(offline), Allowed)?,
            codes.played_ms.page(encoder, played_ms, Allowed)?,
            codes.track_ms.page(encoder, track_ms, Allowed)?,
            codes.source.page(encoder, kind(), Allowed)?,
            codes.device.page(encoder, kind(), Allowed)?,
            codes.plays.page(encoder, n_plays, Never)?,
            codes.verdict.page(encoder, reason(), Never)?,
            codes.reason.page(encoder, reason(), Allowed)?,
            codes.measured.page(encoder, measured, Allowed)?,
            codes.threshold.page(encoder, threshold, Allowed)?,
        ];
        Ok(EncodedPages { bytes: encoder.take_bytes(), pages })
    }
}

fn ids(ids: &[u32]) -> impl ExactSizeIterator<Item = usize> {
    ids.iter().map(|id| *id as usize)
}

fn offline(play: &Play) -> Option<bool> {
    match play.offline {
        OFFLINE => Some(true),
        ONLINE => Some(false),
        _ => None,
    }
}
