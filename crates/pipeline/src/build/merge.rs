//! Sorted runs of a date on disk, and their merge into the order of the table.

use std::cmp::Ordering;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, HashMap};
use std::path::PathBuf;

use streamledger_core::model::play::{Play, PlayDictionaries, PlayMark, Plays, Track};
use streamledger_core::normalize::join::{IdTranslation, JoinedWords};
use streamledger_core::numbers::exact;
use streamledger_storage::disk::durable::DiskError;
use streamledger_storage::disk::spill::{PlayBlockReader, PlayBlockWriter};
use streamledger_storage::encode::file::ROW_GROUP_ROWS_MAX;
use streamledger_storage::tables::partition::PartitionError;

/// Rows of a block of a run: what each run keeps in memory while runs are merged.
const BLOCK_ROWS: usize = 1 << 12;

/// Sorted plays of a share of the listeners, in blocks.
#[derive(Debug)]
pub struct RunFile {
    path: PathBuf,
    n_blocks: usize,
    n_rows: usize,
}

impl RunFile {
    /// Writes plays in the given order.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn write(path: PathBuf, plays: &Plays, order: &[u32]) -> Result<Self, DiskError> {
        let mut file = PlayBlockWriter::create(path)?;
        for order in order.chunks(BLOCK_ROWS) {
            let rows: Vec<Play> = order.iter().map(|place| plays.rows[*place as usize]).collect();
            let mut block = words_used(rows, &plays.words);
            block.reports.clone_from(&plays.reports);
            let mut marks = MarkBook::default();
            block.marked =
                order.iter().map(|place| marks.id(plays.mark(*place as usize))).collect();
            block.marks = marks.marks;
            file.write(&block)?;
        }
        let n_rows = order.len();
        Ok(Self { path: file.finish()?, n_blocks: n_rows.div_ceil(BLOCK_ROWS), n_rows })
    }
}

/// The rows with the words that they use alone.
fn words_used(mut rows: Vec<Play>, words: &PlayDictionaries) -> Plays {
    let mut joined = JoinedWords::of_rows(rows.len());
    let mut translation = IdTranslation::new(words, |report| report);
    for play in &mut rows {
        *play = translation.translate(*play, words, &mut joined);
    }
    joined.into_plays(rows)
}

/// Marks, each once.
#[derive(Default)]
struct MarkBook {
    marks: Vec<PlayMark>,
    ids: HashMap<PlayMark, u32>,
}

impl MarkBook {
    fn id(&mut self, mark: Option<&PlayMark>) -> u32 {
        let Some(mark) = mark else { return 0 };
        *self.ids.entry(*mark).or_insert_with(|| {
            self.marks.push(*mark);
            exact::<u32>(self.marks.len())
        })
    }
}

/// Merges runs. `take` gets the merged rows in order, in row groups; `sum` gets them as well, cut
/// where one track ends and another begins.
///
/// # Errors
/// What reading the runs, `take` or `sum` fails with.
pub fn merge_runs(
    runs: &[RunFile],
    mut take: impl FnMut(&Plays) -> Result<(), PartitionError>,
    mut sum: impl FnMut(&Plays) -> Result<(), PartitionError>,
) -> Result<(), PartitionError> {
    let mut cursors = BinaryHeap::new();
    for (number, run) in runs.iter().enumerate() {
        let mut cursor = PlaysCursor {
            number,
            blocks: PlayBlockReader::open(&run.path, 0)?,
            blocks_left: run.n_blocks,
            block: Plays::default(),
            place: 0,
        };
        if cursor.next_block()? {
            cursors.push(Box::new(cursor));
        }
    }
    let mut n_left: usize = runs.iter().map(|run| run.n_rows).sum();
    let mut rows = PlaysGroup::of_rows(n_left.min(ROW_GROUP_ROWS_MAX));
    let mut tracks = PlaysGroup::of_rows(n_left.min(TRACKS_ROWS));
    while let Some(mut first) = cursors.peek_mut() {
        if TRACKS_ROWS <= tracks.rows.len() && !tracks.ends_with_track_of(&first) {
            let empty = PlaysGroup::of_rows(n_left.min(TRACKS_ROWS));
            sum(&std::mem::replace(&mut tracks, empty).finish())?;
        }
        rows.push(&first);
        tracks.push(&first);
        n_left -= 1;
        if !first.advance()? {
            PeekMut::pop(first);
        } else if first.place == 0 {
            rows.translations.remove(&first.number);
            tracks.translations.remove(&first.number);
        }
        if rows.rows.len() == ROW_GROUP_ROWS_MAX {
            let whole = std::mem::take(&mut rows).finish();
            take(&whole)?;
            drop(whole);
            rows = PlaysGroup::of_rows(n_left.min(ROW_GROUP_ROWS_MAX));
        }
    }
    if !rows.rows.is_empty() {
        take(&rows.finish())?;
        sum(&tracks.finish())?;
    }
    Ok(())
}

/// From this many rows on, the rows of whole tracks are summed.
const TRACKS_ROWS: usize = 1 << 17;

/// Where a run is being read. The greatest is the one whose row comes first.
struct PlaysCursor<'a> {
    number: usize,
    blocks: PlayBlockReader<'a>,
    blocks_left: usize,
    block: Plays,
    place: usize,
}

impl PlaysCursor<'_> {
    fn next_block(&mut self) -> Result<bool, DiskError> {
        if self.blocks_left == 0 {
            return Ok(false);
        }
        self.blocks_left -= 1;
        self.block = self.blocks.next_block()?;
        self.place = 0;
        Ok(true)
    }

    fn advance(&mut self) -> Result<bool, DiskError> {
        self.place += 1;
        if self.place < self.block.rows.len() { Ok(true) } else { self.next_block() }
    }

    fn row(&self) -> &Play {
        &self.block.rows[self.place]
    }

    fn track(&self) -> &Track {
        &self.block.words.tracks[self.row().track as usize]
    }
}

impl Ord for PlaysCursor<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare((&other.block, other.row()), (&self.block, self.row()))
    }
}

impl PartialOrd for PlaysCursor<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PlaysCursor<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for PlaysCursor<'_> {}

/// The order of the table `plays`.
fn compare((a, a_row): (&Plays, &Play), (b, b_row): (&Plays, &Play)) -> Ordering {
    let (a_track, b_track) =
        (&a.words.tracks[a_row.track as usize], &b.words.tracks[b_row.track as usize]);
    (a_track.isrc.is_none(), a_track.isrc)
        .cmp(&(b_track.isrc.is_none(), b_track.isrc))
        .then_with(|| {
            let (a, b) = (a_track.store_track.as_deref(), b_track.store_track.as_deref());
            (a.is_none(), a).cmp(&(b.is_none(), b))
        })
        .then_with(|| a_row.listened_at_ms.cmp(&b_row.listened_at_ms))
        .then_with(|| {
            let report = |plays: &Plays, row: &Play| plays.reports[plays.kind(row).report as usize];
            report(a, a_row).cmp(&report(b, b_row))
        })
        .then_with(|| a_row.row.cmp(&b_row.row))
}

/// A row group while it fills.
#[derive(Default)]
struct PlaysGroup {
    rows: Vec<Play>,
    marked: Vec<u32>,
    words: JoinedWords,
    reports: Vec<[u8; 32]>,
    marks: MarkBook,
    translations: HashMap<usize, IdTranslation>,
}

impl PlaysGroup {
    /// With room for so many rows: what grows leaves holes behind that are as large as itself.
    fn of_rows(n_rows: usize) -> Self {
        Self {
            rows: Vec::with_capacity(n_rows),
            marked: Vec::with_capacity(n_rows),
            words: JoinedWords::of_rows(n_rows),
            ..Self::default()
        }
    }

    fn push(&mut self, from: &PlaysCursor<'_>) {
        let PlaysCursor { number, block, place, .. } = from;
        let Self { rows, marked, words, reports, marks, translations } = self;
        let translation = translations.entry(*number).or_insert_with(|| {
            // All shares of a date know the same reports, in the same order, unless a share has none of
            // one: so reports are found by hash.
            let places: Vec<u32> =
                block.reports.iter().map(|hash| place_of_report(reports, *hash)).collect();
            IdTranslation::new(&block.words, |report| places[report as usize])
        });
        rows.push(translation.translate(block.rows[*place], &block.words, words));
        marked.push(marks.id(block.mark(*place)));
    }

    /// Whether the last row is of the track that a cursor is at, as sums go.
    fn ends_with_track_of(&self, cursor: &PlaysCursor<'_>) -> bool {
        let track = cursor.track();
        self.rows.last().map(|row| self.words.track(row)).is_some_and(|last| {
            last.isrc == track.isrc
                && (last.isrc.is_some() || last.store_track == track.store_track)
        })
    }

    fn finish(self) -> Plays {
        let Self { rows, marked, words, reports, marks, .. } = self;
        Plays { reports, marked, marks: marks.marks, ..words.into_plays(rows) }
    }
}

fn place_of_report(reports: &mut Vec<[u8; 32]>, hash: [u8; 32]) -> u32 {
    let place = reports.iter().position(|known| *known == hash).unwrap_or_else(|| {
        reports.push(hash);
        reports.len() - 1
    });
    exact::<u32>(place)
}
