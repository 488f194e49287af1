//! Merges the lines of a partition's statements into the order of `sales`, whatever their number: some lines
//! of each run are in memory, and no more than so many files are open at a time. Where there are more runs,
//! some of them become one longer run first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use streamledger_core::normalize::sale_lines::{
    LineCopier, SaleLine, SaleWords, SaleWordsBuilder, isrc_keys,
};
use streamledger_storage::disk::durable::DiskError;
use streamledger_storage::disk::sale_spill::{BLOCK_LINES, SaleBlockReader, SaleBlockWriter};
use streamledger_storage::tables::partition::PartitionError;

use crate::build::sales_merge::next_pass;
use crate::intake::sales_runs::SaleRun;

/// Merges runs and hands their lines on in the order of `sales`, `n_lines_max` at a time but for the last
/// ones. [`SaleLine::report`] is then the place of the report. Ids of terms and texts mean the same in all
/// calls, those of items only in one.
///
/// `reports` are the runs of each report, in order of the reports. At most `n_runs_max` files (2 or more) are
/// open at a time; which ones they are changes no line. Files of runs are deleted.
///
/// # Errors
/// [`PartitionError`], also of `take`.
pub(crate) fn merge_statements(
    reports: Vec<Vec<SaleRun>>,
    n_runs_max: usize,
    n_lines_max: usize,
    mut take: impl FnMut(&[SaleLine], &SaleWords) -> Result<(), PartitionError>,
) -> Result<SaleWords, PartitionError> {
    let (mut in_memory, mut on_disk) = (Vec::new(), VecDeque::new());
    for (report, runs) in (0_u32..).zip(reports) {
        for run in runs {
            let source = LinesSource { run, report: Some(report) };
            match source.run {
                SaleRun::Memory { .. } => in_memory.push(source),
                SaleRun::Disk(_) => on_disk.push_back(source),
            }
        }
    }
    while let Some(n_runs) = next_pass(on_disk.len(), n_runs_max) {
        let first: Vec<LinesSource> = on_disk.drain(..n_runs).collect();
        on_disk.push_back(to_longer_run(first)?);
    }
    in_memory.extend(on_disk);
    let mut merge = LinesMerge::open(&in_memory)?;
    loop {
        merge.next_lines(n_lines_max)?;
        if merge.lines.is_empty() {
            break;
        }
        take(&merge.lines, merge.builder.words())?;
        merge.forget_items();
    }
    let words = merge.builder.finish();
    in_memory.into_iter().try_for_each(|source| source.run.remove())?;
    Ok(words)
}

/// Makes one run of several files.
fn to_longer_run(sources: Vec<LinesSource>) -> Result<LinesSource, PartitionError> {
    let first = sources.iter().find_map(|source| match &source.run {
        SaleRun::Disk(path) => Some(path.with_added_extension("merged")),
        SaleRun::Memory { .. } => None,
    });
    let mut writer = SaleBlockWriter::create(first.unwrap_or_default())?;
    let mut merge = LinesMerge::open(&sources)?;
    loop {
        merge.next_lines(BLOCK_LINES)?;
        if merge.lines.is_empty() {
            break;
        }
        writer.write(&merge.lines, merge.builder.words())?;
        merge.forget_words();
    }
    let run = SaleRun::Disk(writer.finish()?);
    sources.into_iter().try_for_each(|source| source.run.remove())?;
    Ok(LinesSource { run, report: None })
}

/// A run and the place of its report.
struct LinesSource {
    run: SaleRun,
    /// `None`: of several reports; the lines tell.
    report: Option<u32>,
}

/// Where a line stands: ISRC, report, row.
type LineKey = (u64, u32, u32);

/// Lines of a run that are in memory.
enum MergedLines<'a> {
    Borrowed(&'a [SaleLine], Arc<SaleWords>),
    Owned(Vec<SaleLine>, SaleWords),
}

/// A run while it is merged.
struct LinesCursor<'a> {
    lines: MergedLines<'a>,
    /// Where the blocks behind those lines come from.
    rest: Option<SaleBlockReader>,
    report: Option<u32>,
    /// By item, its place in the order.
    isrcs: Vec<u64>,
    copier: LineCopier,
    at: usize,
}

impl<'a> LinesCursor<'a> {
    /// At the first line; `None` if the run has none.
    fn open(LinesSource { run, report }: &'a LinesSource) -> Result<Option<Self>, DiskError> {
        let (lines, rest) = match run {
            SaleRun::Memory { lines, words } => {
                (MergedLines::Borrowed(lines, Arc::clone(words)), None)
            }
            SaleRun::Disk(path) => {
                let mut reader = SaleBlockReader::open(path)?;
                let Some(block) = reader.next_block()? else {
                    return Ok(None);
                };
                (MergedLines::Owned(block.lines, block.words), Some(reader))
            }
        };
        let (isrcs, copier) = (Vec::new(), LineCopier::default());
        let mut cursor = Self { lines, rest, report: *report, isrcs, copier, at: 0 };
        cursor.begin_block();
        Ok((!cursor.lines().is_empty()).then_some(cursor))
    }

    fn begin_block(&mut self) {
        let words = self.words();
        (self.isrcs, self.copier) = (isrc_keys(&words.items), LineCopier::new(words));
        self.at = 0;
    }

    fn lines(&self) -> &[SaleLine] {
        match &self.lines {
            MergedLines::Borrowed(lines, _) => lines,
            MergedLines::Owned(lines, _) => lines,
        }
    }

    fn words(&self) -> &SaleWords {
        match &self.lines {
            MergedLines::Borrowed(_, words) => words,
            MergedLines::Owned(_, words) => words,
        }
    }

    fn key(&self) -> LineKey {
        key_of(&self.lines()[self.at], &self.isrcs, self.report)
    }

    /// Reads the next block, if all lines of this one are through; false behind the last one.
    fn has_more(&mut self) -> Result<bool, DiskError> {
        if self.at < self.lines().len() {
            return Ok(true);
        }
        let Some(block) =
            self.rest.as_mut().map(SaleBlockReader::next_block).transpose()?.flatten()
        else {
            return Ok(false);
        };
        self.lines = MergedLines::Owned(block.lines, block.words);
        self.begin_block();
        Ok(true)
    }

    /// Copies lines of the block that stand before a place, at most so many.
    fn copy_before(
        &mut self,
        end: Option<LineKey>,
        n_lines_max: usize,
        builder: &mut SaleWordsBuilder,
        to: &mut Vec<SaleLine>,
    ) {
        let Self { lines, report, isrcs, copier, at, .. } = self;
        let (lines, words): (&[SaleLine], &SaleWords) = match lines {
            MergedLines::Borrowed(lines, words) => (lines, words),
            MergedLines::Owned(lines, words) => (lines, words),
        };
        let rest = &lines[*at..];
        let rest = &rest[..rest.len().min(n_lines_max)];
        for line in rest {
            if end.is_some_and(|end| end < key_of(line, isrcs, *report)) {
                break;
            }
            let mut copy = copier.copy(line, words, builder);
            copy.report = report.unwrap_or(line.report);
            to.push(copy);
            *at += 1;
        }
    }
}

#[inline]
fn key_of(line: &SaleLine, isrcs: &[u64], report: Option<u32>) -> LineKey {
    (isrcs[line.item as usize], report.unwrap_or(line.report), line.row)
}

/// Merging of some runs.
struct LinesMerge<'a> {
    cursors: Vec<LinesCursor<'a>>,
    /// The next line of each run that has one, the first in order on top.
    heap: BinaryHeap<Reverse<(LineKey, usize)>>,
    builder: SaleWordsBuilder,
    lines: Vec<SaleLine>,
}

impl<'a> LinesMerge<'a> {
    fn open(sources: &'a [LinesSource]) -> Result<Self, DiskError> {
        let cursors = sources.iter().map(LinesCursor::open);
        let cursors: Vec<LinesCursor<'a>> =
            cursors.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let heap =
            cursors.iter().enumerate().map(|(n, cursor)| Reverse((cursor.key(), n))).collect();
        Ok(Self { cursors, heap, builder: SaleWordsBuilder::default(), lines: Vec::new() })
    }

    /// Reads the next lines in order, as many as there are up to `n_lines_max`.
    fn next_lines(&mut self, n_lines_max: usize) -> Result<(), DiskError> {
        self.lines.clear();
        while self.lines.len() < n_lines_max {
            let Some(Reverse((_, place))) = self.heap.pop() else {
                break;
            };
            let end = self.heap.peek().map(|Reverse((key, _))| *key);
            let cursor = &mut self.cursors[place];
            let n_left = n_lines_max - self.lines.len();
            cursor.copy_before(end, n_left, &mut self.builder, &mut self.lines);
            if cursor.has_more()? {
                self.heap.push(Reverse((cursor.key(), place)));
            }
        }
        Ok(())
    }

    /// Forgets the items of the lines that were read; terms and texts keep their ids.
    fn forget_items(&mut self) {
        self.builder.forget_items();
        self.cursors.iter_mut().for_each(|cursor| cursor.copier.forget_items());
    }

    /// Forgets all words.
    fn forget_words(&mut self) {
        self.builder = SaleWordsBuilder::default();
        for cursor in &mut self.cursors {
            let copier = LineCopier::new(cursor.words());
            cursor.copier = copier;
        }
    }
}

#[cfg(test)]
mod tests;
