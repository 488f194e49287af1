//! The plain twin: splits a block as the standard library does, for tests and fuzzing to compare with.

use fearless_simd::Level;

use crate::{BlockLines, LineCutter, LineLayout};

/// A line as owned text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SplitLine {
    /// Its cells, of which there are as many as the layout has.
    Cells(Vec<Vec<u8>>),
    /// It has a quote, and cells may be quoted.
    Quoted(Vec<u8>),
    /// How many cells it has.
    Uneven(usize),
    /// Nothing is in it.
    Blank,
}

/// Splits a block.
#[must_use]
pub fn split_lines(block: &[u8], layout: LineLayout) -> Vec<SplitLine> {
    let mut lines: Vec<&[u8]> = block.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let split = |line: &[u8]| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if layout.is_quoted && line.contains(&b'"') {
            return SplitLine::Quoted(line.to_vec());
        }
        let cells = line.split(|byte| *byte == layout.delimiter);
        let cells: Vec<_> = cells.map(<[u8]>::to_vec).collect();
        match cells.len() {
            1 if line.trim_ascii().is_empty() => SplitLine::Blank,
            n if n == layout.n_columns => SplitLine::Cells(cells),
            n => SplitLine::Uneven(n),
        }
    };
    lines.into_iter().map(split).collect()
}

/// What [`LineCutter`] makes of the same block with these instructions, which the machine has.
///
/// # Panics
/// If it contradicts itself.
#[must_use]
pub fn cut_lines(level: Level, block: &[u8], layout: LineLayout) -> Vec<SplitLine> {
    let mut lines = Vec::new();
    let mut cutter = LineCutter::with_level(layout, level);
    let (n_lines, n_blank) = cutter.cut(block, |cut| {
        let (line, found) = match cut {
            BlockLines::Rows(rows) => {
                for place in 0..rows.len() {
                    lines.resize(rows.line(place) as usize, SplitLine::Blank);
                    let columns = 0..layout.n_columns;
                    let cells: Vec<_> = columns.map(|c| rows.cell(place, c).to_vec()).collect();
                    let row = rows.row(place);
                    let of_row = (0..row.n_cells()).map(|c| row.cell(c));
                    assert!(of_row.eq(cells.iter()), "cells differ");
                    lines.push(SplitLine::Cells(cells));
                }
                return;
            }
            BlockLines::Quoted { text, line } => (line, SplitLine::Quoted(text.to_vec())),
            BlockLines::Uneven { n_cells, line, .. } => (line, SplitLine::Uneven(n_cells)),
        };
        lines.resize(line as usize, SplitLine::Blank);
        lines.push(found);
    });
    lines.resize(n_lines as usize, SplitLine::Blank);
    let n_empty = lines.iter().filter(|line| **line == SplitLine::Blank).count();
    assert_eq!(n_empty, n_blank as usize, "blank lines are counted wrong");
    lines
}
