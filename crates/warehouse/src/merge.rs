//! Sorted runs of a date on disk, and their merge into the order of the table.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use streamledger_core::normalize::join::{JoinedWords, Translation, join_pieces};
use streamledger_core::vocabulary::play::{Mark, Piece, Play, Plays};

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
        // The words are shared while blocks take out what they use.
        let words = Arc::new(plays.words.clone());
        for order in order.chunks(BLOCK_ROWS) {
            let rows: Vec<Play> = order.iter().map(|place| plays.rows[*place as usize]).collect();
            let piece =
                Piece { report: [0; 32], rows: vec![rows.clone()], words: Arc::clone(&words) };
            let mut block = join_pieces(vec![piece]);
            block.reports.clone_from(&plays.reports);
            let mut marks = MarkBook::default();
            for (row, original) in block.rows.iter_mut().zip(&rows) {
                row.report = original.report;
                row.mark = marks.id(plays.mark(original));
            }
            block.marks = marks.marks;
            write_plays(&block, &mut file).at("write", &path)?;
        }
        file.flush().at("write", &path)?;
        Ok(Self { path, n_blocks: order.len().div_ceil(BLOCK_ROWS) })
    }
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
            a.reports[usize::from(a_row.report)].cmp(&b.reports[usize::from(b_row.report)])
        })
        .then_with(|| a_row.row.cmp(&b_row.row))
}

/// A row group while it fills.
#[derive(Default)]
struct Group {
    rows: Vec<Play>,
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
        let play = block.rows[*place];
        let translation =
            self.translations.entry(cursor).or_insert_with(|| Translation::new(&block.words));
        let translated = translation.translate(play, &block.words, &mut self.words);
        // All shares of a date know the same reports, in the same order, unless a share has none of
        // one: so reports are found by hash.
        let hash = block.reports[usize::from(play.report)];
        let report = self.reports.iter().position(|known| *known == hash).unwrap_or_else(|| {
            self.reports.push(hash);
            self.reports.len() - 1
        });
        let report = u16::try_from(report).unwrap_or(u16::MAX);
        self.rows.push(Play { report, mark: self.marks.id(block.mark(&play)), ..translated });
    }

    fn finish(self) -> Plays {
        Plays {
            rows: self.rows,
            words: self.words.into_words(),
            reports: self.reports,
            marks: self.marks.marks,
        }
    }
}
