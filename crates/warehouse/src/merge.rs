//! Sorted runs of a date on disk, and their merge into the order of the table.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::PathBuf;

use streamledger_core::normalize::join::{JoinedWords, Translation};
use streamledger_core::vocabulary::play::{Mark, Play, Plays, Words};

use crate::durable::{At as _, DiskError};
use crate::encode::file::ROW_GROUP_ROWS_MAX;
use crate::partition::PartitionError;
use crate::spill::{read_plays, write_plays};

/// Rows of a block of a run: what each run keeps in memory while runs are merged.
const BLOCK_ROWS: usize = 1 << 14;

/// Sorted plays of a share of the listeners, in blocks.
#[derive(Debug)]
pub struct RunFile {
    path: PathBuf,
    n_blocks: usize,
}

impl RunFile {
    /// Writes plays in the given order.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn write(path: PathBuf, plays: &Plays, order: &[u32]) -> Result<Self, DiskError> {
        let mut file = BufWriter::new(File::create_new(&path).at("create", &path)?);
        for order in order.chunks(BLOCK_ROWS) {
            let rows: Vec<Play> = order.iter().map(|place| plays.rows[*place as usize]).collect();
            let mut block = words_used(rows, &plays.words);
            block.reports.clone_from(&plays.reports);
            let mut marks = MarkBook::default();
            block.marked =
                order.iter().map(|place| marks.id(plays.mark(*place as usize))).collect();
            block.marks = marks.marks;
            write_plays(&block, &mut file).at("write", &path)?;
        }
        file.flush().at("write", &path)?;
        Ok(Self { path, n_blocks: order.len().div_ceil(BLOCK_ROWS) })
    }
}

/// The rows with the words that they use alone.
fn words_used(mut rows: Vec<Play>, words: &Words) -> Plays {
    let mut joined = JoinedWords::default();
    let mut translation = Translation::new(words, |report| report);
    for play in &mut rows {
        *play = translation.translate(*play, words, &mut joined);
    }
    joined.into_plays(rows)
}

/// Marks, each once.
#[derive(Default)]
struct MarkBook {
    marks: Vec<Mark>,
    ids: HashMap<Mark, u32>,
}

impl MarkBook {
    fn id(&mut self, mark: Option<&Mark>) -> u32 {
        let Some(mark) = mark else { return 0 };
        *self.ids.entry(*mark).or_insert_with(|| {
            self.marks.push(*mark);
            u32::try_from(self.marks.len()).unwrap_or(u32::MAX)
        })
    }
}

/// Merges runs and calls `take` with row groups of the merged rows, in order.
///
/// # Errors
/// What reading the runs or `take` fails with.
pub fn merge_runs(
    runs: &[RunFile],
    mut take: impl FnMut(&Plays) -> Result<(), PartitionError>,
) -> Result<(), PartitionError> {
    let mut cursors = Vec::new();
    for run in runs {
        let source =
            BufReader::with_capacity(1 << 18, File::open(&run.path).at("open", &run.path)?);
        let mut cursor = Cursor { run, source, blocks_left: run.n_blocks, current: None };
        if cursor.next_block()? {
            cursors.push(cursor);
        }
    }
    let mut group = Group::default();
    while let Some(first) = first_cursor(&cursors) {
        group.push(first, &cursors[first]);
        if !cursors[first].advance()? {
            // Translations are by place of the cursor, so the places stay.
            cursors[first].current = None;
        }
        if cursors[first].is_at_start() {
            group.translations.remove(&first);
        }
        if group.rows.len() == ROW_GROUP_ROWS_MAX {
            take(&std::mem::take(&mut group).finish())?;
        }
    }
    if group.rows.is_empty() { Ok(()) } else { take(&group.finish()) }
}

struct Cursor<'a> {
    run: &'a RunFile,
    source: BufReader<File>,
    blocks_left: usize,
    current: Option<(Plays, usize)>,
}

impl Cursor<'_> {
    fn next_block(&mut self) -> Result<bool, DiskError> {
        if self.blocks_left == 0 {
            return Ok(false);
        }
        self.blocks_left -= 1;
        let block = read_plays(&mut self.source).at("read", &self.run.path)?;
        self.current = Some((block, 0));
        Ok(true)
    }

    fn advance(&mut self) -> Result<bool, DiskError> {
        match &mut self.current {
            Some((block, place)) if *place + 1 < block.rows.len() => {
                *place += 1;
                Ok(true)
            }
            _ => self.next_block(),
        }
    }

    fn is_at_start(&self) -> bool {
        self.current.as_ref().is_none_or(|(_, place)| *place == 0)
    }
}

/// The cursor whose row comes first; `None` when all are through.
fn first_cursor(cursors: &[Cursor<'_>]) -> Option<usize> {
    let current = |place: usize| cursors[place].current.as_ref();
    (0..cursors.len()).filter(|place| current(*place).is_some()).min_by(|a, b| {
        match (current(*a), current(*b)) {
            (Some((a, a_place)), Some((b, b_place))) => {
                compare((a, &a.rows[*a_place]), (b, &b.rows[*b_place]))
            }
            _ => Ordering::Equal,
        }
    })
}

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
struct Group {
    rows: Vec<Play>,
    marked: Vec<u32>,
    words: JoinedWords,
    reports: Vec<[u8; 32]>,
    marks: MarkBook,
    translations: HashMap<usize, Translation>,
}

impl Group {
    fn push(&mut self, cursor: usize, from: &Cursor<'_>) {
        let Some((block, place)) = &from.current else {
            return;
        };
        let Self { rows, marked, words, reports, marks, translations } = self;
        let translation = translations.entry(cursor).or_insert_with(|| {
            // All shares of a date know the same reports, in the same order, unless a share has none of
            // one: so reports are found by hash.
            let places: Vec<u32> =
                block.reports.iter().map(|hash| place_of_report(reports, *hash)).collect();
            Translation::new(&block.words, |report| places[report as usize])
        });
        rows.push(translation.translate(block.rows[*place], &block.words, words));
        marked.push(marks.id(block.mark(*place)));
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
    u32::try_from(place).unwrap_or(u32::MAX)
}
