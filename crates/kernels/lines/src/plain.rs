//! The plain twin: splits a block as the standard library does, for tests and fuzzing to compare with.

use fearless_simd::Level;

use crate::{BlockLines, LineCutter};

/// A line as owned text: its cells if there are as many as there are columns, otherwise how many there
/// are, 0 for a blank line.
pub type SplitLine = Result<Vec<Vec<u8>>, usize>;

/// Splits a block.
#[must_use]
pub fn split_lines(block: &[u8], n_columns: usize) -> Vec<SplitLine> {
    let mut lines: Vec<&[u8]> = block.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let cells = |line: &[u8]| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let cells: Vec<_> = line.split(|byte| *byte == b'\t').map(<[u8]>::to_vec).collect();
        match cells.len() {
            1 if line.trim_ascii().is_empty() => Err(0),
            n if n == n_columns => Ok(cells),
            n => Err(n),
        }
    };
    lines.into_iter().map(cells).collect()
}

/// What [`LineCutter`] makes of the same block with these instructions, which the machine has.
///
/// # Panics
/// If it contradicts itself.
#[must_use]
pub fn cut_lines(level: Level, block: &[u8], n_columns: usize) -> Vec<SplitLine> {
    let mut lines = Vec::new();
    let mut cutter = LineCutter::with_level(n_columns, level);
    let (n_lines, n_blank) = cutter.cut(block, |cut| match cut {
        BlockLines::Rows(rows) => {
            for place in 0..rows.len() {
                lines.resize(rows.line(place) as usize, Err(0));
                let cells: Vec<_> = (0..n_columns).map(|c| rows.cell(place, c).to_vec()).collect();
                let row = rows.row(place);
                assert!((0..row.n_cells()).map(|c| row.cell(c)).eq(cells.iter()), "cells differ");
                lines.push(Ok(cells));
            }
        }
        BlockLines::Uneven { n_cells, line, .. } => {
            lines.resize(line as usize, Err(0));
            lines.push(Err(n_cells));
        }
    });
    lines.resize(n_lines as usize, Err(0));
    let n_empty = lines.iter().filter(|line| **line == Err(0)).count();
    assert_eq!(n_empty, n_blank as usize, "blank lines are counted wrong");
    lines
}
