//! Slices of recordings: a month of more rows than fit the memory is summed some recordings at a time.
//!
//! Rows of `trends_daily` are in order of days, so that every slice reads the month again; that is the
//! price, and only large months pay it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, StringArray};
use parquet::errors::ParquetError;
use polars::prelude::{LazyFrame, col, lit};

use crate::tables::scan::each_batch;

/// Memory that a row takes on its way to a sum, in bytes: five texts, a number, its place in the tables
/// of all threads, and what the allocator keeps of it until the next slice.
const BYTES_PER_ROW: usize = 480;

/// Recordings from one to another in the order of their ISRC; those without one come last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IsrcSlice {
    /// The first one; `None` for all from the beginning on.
    pub from: Option<String>,
    /// The first that is not in it; `None` for all to the end.
    pub to: Option<String>,
}

impl IsrcSlice {
    /// Whether a recording is in it.
    #[must_use]
    pub fn holds(&self, isrc: &str) -> bool {
        self.from.as_deref().is_none_or(|from| from <= isrc)
            && self.to.as_deref().is_none_or(|to| isrc < to)
    }

    /// Its rows of a table.
    pub fn of(&self, rows: LazyFrame) -> LazyFrame {
        let isrc = || col("isrc");
        match (&self.from, &self.to) {
            (None, None) => rows,
            (None, Some(to)) => rows.filter(isrc().lt(lit(to.clone()))),
            (Some(from), Some(to)) => {
                rows.filter(isrc().gt_eq(lit(from.clone())).and(isrc().lt(lit(to.clone()))))
            }
            (Some(from), None) => rows.filter(isrc().gt_eq(lit(from.clone())).or(isrc().is_null())),
        }
    }
}

/// Slices of tables with so many rows in all that each fits a part of the memory, in their order.
/// `files` gives their files, which have a column `isrc`, each with what a row of it counts.
///
/// # Errors
/// If a file cannot be read.
pub fn slices(
    n_rows: u64,
    work_bytes_max: usize,
    files: impl FnOnce() -> Vec<(PathBuf, u64)>,
) -> Result<Vec<IsrcSlice>, ParquetError> {
    let rows_max = (work_bytes_max / BYTES_PER_ROW).max(1) as u64;
    if n_rows <= rows_max {
        return Ok(vec![IsrcSlice::default()]);
    }
    // The engine would read ahead, and this is done since there is no memory for that.
    let mut counts = BTreeMap::new();
    for (file, weight) in files() {
        count_rows(&file, weight, &mut counts)?;
    }
    Ok(cut(counts.iter().map(|(isrc, rows)| (isrc.as_str(), *rows)), rows_max))
}

/// The rows of each slice in a file whose rows lie in order of recordings, those without one last:
/// from one to another, all of them together. Rows that are named need not be looked for.
///
/// # Errors
/// If the file cannot be read.
pub fn row_ranges(file: &Path, slices: &[IsrcSlice]) -> Result<Vec<Range<usize>>, ParquetError> {
    let cuts: Vec<&str> = slices.iter().filter_map(|slice| slice.from.as_deref()).collect();
    let mut starts = vec![0];
    let mut n_rows = 0;
    each_isrcs(file, |isrcs| {
        let is_before = |row: usize, cut: &str| isrcs.is_valid(row) && isrcs.value(row) < cut;
        while let Some(cut) = cuts.get(starts.len() - 1) {
            // Most batches have no cut: their last row tells.
            let has_cut = isrcs.len().checked_sub(1).is_some_and(|last| !is_before(last, cut));
            if !has_cut {
                break;
            }
            let first = (0..isrcs.len()).position(|row| !is_before(row, cut));
            starts.push(n_rows + first.unwrap_or(isrcs.len()));
        }
        n_rows += isrcs.len();
    })?;
    starts.resize(slices.len(), n_rows);
    let ends = starts.iter().skip(1).copied().chain([n_rows]);
    Ok(starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect())
}

/// Counts the rows of recordings; those without one have no place to cut at, and are left out.
fn count_rows(
    file: &Path,
    weight: u64,
    counts: &mut BTreeMap<String, u64>,
) -> Result<(), ParquetError> {
    each_isrcs(file, |isrcs| {
        // Rows of a recording mostly lie together.
        let mut last: Option<(&str, u64)> = None;
        let mut add = |run: Option<(&str, u64)>| {
            if let Some((isrc, n_rows)) = run {
                match counts.get_mut(isrc) {
                    Some(count) => *count += n_rows * weight,
                    None => drop(counts.insert(isrc.to_owned(), n_rows * weight)),
                }
            }
        };
        for isrc in isrcs.iter().flatten() {
            match &mut last {
                Some((known, n_rows)) if *known == isrc => *n_rows += 1,
                _ => add(last.replace((isrc, 1))),
            }
        }
        add(last);
    })
}

/// The ISRCs of a file, some at a time.
fn each_isrcs(file: &Path, mut take: impl FnMut(&StringArray)) -> Result<(), ParquetError> {
    each_batch(file, &["isrc"], |batch| {
        take(batch.column(0).as_string::<i32>());
        Ok(())
    })
}

/// Cuts recordings, in their order, so that a slice has at most so many rows or is one recording.
fn cut<'a>(rows: impl Iterator<Item = (&'a str, u64)>, rows_max: u64) -> Vec<IsrcSlice> {
    let mut found = vec![IsrcSlice::default()];
    let mut in_last = 0;
    for (isrc, n_rows) in rows {
        if 0 < in_last && rows_max < in_last + n_rows {
            if let Some(last) = found.last_mut() {
                last.to = Some(isrc.to_owned());
            }
            found.push(IsrcSlice { from: Some(isrc.to_owned()), to: None });
            in_last = 0;
        }
        in_last += n_rows;
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::ArrayRef;
    use polars::prelude::{IntoLazy as _, df};

    use super::*;
    use crate::encode::file::FileProvenance;
    use crate::tables::scan::BATCH_ROWS;
    use crate::tables::scan::collect;
    use crate::tables::small_tables::write_table;

    #[test]
    fn every_recording_is_in_one_slice_and_those_without_one_in_the_last() {
        let rows = [("A", 3), ("B", 1), ("C", 9), ("D", 1)];
        let found = cut(rows.into_iter(), 4);
        let bounds: Vec<(Option<&str>, Option<&str>)> =
            found.iter().map(|slice| (slice.from.as_deref(), slice.to.as_deref())).collect();
        assert_eq!(bounds, [(None, Some("C")), (Some("C"), Some("D")), (Some("D"), None)]);
        for isrc in ["A", "B", "C", "D", "Z"] {
            assert_eq!(found.iter().filter(|slice| slice.holds(isrc)).count(), 1, "{isrc}");
        }
        let table = df!("isrc" => [Some("C"), None, Some("B"), Some("A"), Some("D")]).unwrap();
        let of = |slice: &IsrcSlice| collect(slice.of(table.clone().lazy())).unwrap().height();
        assert_eq!(found.iter().map(of).collect::<Vec<_>>(), [2, 1, 2]);
    }

    #[test]
    fn what_fits_is_one_slice() {
        let never = || panic!("nothing has to be read");
        assert_eq!(slices(10, 10 * BYTES_PER_ROW, never).unwrap(), [IsrcSlice::default()]);
        let folder = tempfile::tempdir().unwrap();
        let isrcs = StringArray::from(vec![Some("A"), Some("B"), Some("A"), None, Some("C")]);
        let columns: Vec<(&str, ArrayRef)> = vec![("isrc", Arc::new(isrcs))];
        let files =
            write_table(folder.path(), columns, &[], &[], &FileProvenance::default()).unwrap();
        let files = |weight| vec![(folder.path().join(&files[0].name), weight)];
        assert_eq!(slices(5, 2 * BYTES_PER_ROW, || files(1)).unwrap().len(), 2);
        assert_eq!(slices(10, 2 * BYTES_PER_ROW, || files(2)).unwrap().len(), 3);
    }

    #[test]
    fn rows_in_order_are_found_by_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let lines = |isrc, n_rows| std::iter::repeat_n(isrc, n_rows);
        let lying = lines(Some("B"), 3).chain(lines(Some("D"), 2 * BATCH_ROWS)).chain([None, None]);
        let isrcs: StringArray = lying.collect();
        let columns: Vec<(&str, ArrayRef)> = vec![("isrc", Arc::new(isrcs))];
        let files =
            write_table(folder.path(), columns, &[], &[], &FileProvenance::default()).unwrap();
        let file = folder.path().join(&files[0].name);
        let (middle, end) = (3 + 2 * BATCH_ROWS, 5 + 2 * BATCH_ROWS);
        let ranges = |cuts: &[&str]| {
            let rows = cuts.iter().map(|cut| (*cut, 1));
            row_ranges(&file, &cut([("A", 1)].into_iter().chain(rows), 1)).unwrap()
        };
        assert_eq!(ranges(&["A"]), [0..0, 0..end]);
        assert_eq!(ranges(&["B", "C", "D"]), [0..0, 0..3, 3..3, 3..end]);
        assert_eq!(ranges(&["D", "E", "F"]), [0..3, 3..middle, middle..middle, middle..end]);
    }
}
