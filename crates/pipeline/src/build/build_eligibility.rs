//! Partitions of `eligibility`: which tracks of a store have enough plays in a month to be paid for, and
//! since when.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray};
use polars::prelude::{DataFrame, PolarsResult, col};
use streamledger_core::explain::eligibility::{Eligibility, EligibilityRule};
use streamledger_storage::encode::file::FileProvenance;
use streamledger_storage::layout::ledger::FileEntry;
use streamledger_storage::tables::isrc_slices::IsrcSlice;
use streamledger_storage::tables::partition::PartitionError;
use streamledger_storage::tables::scan::{collect, numbers_of, scan};
use streamledger_storage::tables::small_tables::write_table;

use crate::build::build_waterfall::polars_failed;
use crate::plans::waterfall::COUNTED;

/// A track in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackMonth {
    /// Counted plays of the month.
    pub plays: i64,
    /// Counted plays of the months of the rule, this one included.
    pub window_plays: i64,
    /// Whether it is paid for.
    pub eligibility: Eligibility,
    /// The first month since which it has been paid for without a break; `None` if it is not.
    pub pays_since: Option<String>,
}

/// What decides about a store's month.
#[derive(Debug, Clone, Copy)]
pub struct EligibilityOf<'a> {
    /// The month, `YYYY-MM`.
    pub month: &'a str,
    /// The store's rule.
    pub rule: EligibilityRule,
    /// Whether all plays of the months of the rule are known.
    pub is_whole: bool,
    /// Files of the same table for the months before that the rule looks at, the earliest first.
    pub earlier: &'a [Vec<PathBuf>],
    /// Whether the last of these is the month before.
    pub has_month_before: bool,
}

/// All tracks of a slice that have plays in the months of the rule, by ISRC. `facts` are those of the month
/// ([`crate::plans::waterfall::facts`]).
///
/// # Errors
/// [`PartitionError`] if a table cannot be read.
pub fn judge_eligibility(
    facts: &DataFrame,
    of: &EligibilityOf<'_>,
    slice: &IsrcSlice,
    folder: &Path,
) -> Result<BTreeMap<String, TrackMonth>, PartitionError> {
    judge(facts, of, slice).map_err(|error| polars_failed(folder, error))
}

fn judge(
    facts: &DataFrame,
    of: &EligibilityOf<'_>,
    slice: &IsrcSlice,
) -> PolarsResult<BTreeMap<String, TrackMonth>> {
    let mut plays = plays_of(facts)?;
    plays.values_mut().for_each(|(own, window)| *window = *own);
    let mut paying: BTreeMap<String, String> = BTreeMap::new();
    for (place, files) in of.earlier.iter().enumerate() {
        let is_before = of.has_month_before && place + 1 == of.earlier.len();
        for file in files {
            let columns = ["isrc", "plays", "pays_since"].map(col);
            let rows = collect(scan(file)?.select(columns))?;
            let since = rows.column("pays_since")?.str()?.iter();
            let (isrcs, numbers) = (rows.column("isrc")?.str()?, numbers_of(&rows, "plays")?);
            for ((isrc, number), since) in isrcs.iter().zip(numbers).zip(since) {
                let Some(isrc) = isrc.filter(|isrc| slice.holds(isrc)) else {
                    continue;
                };
                let known = plays.entry(isrc.to_owned()).or_default();
                known.1 += number;
                if let Some(since) = since.filter(|_| is_before) {
                    paying.insert(isrc.to_owned(), since.to_owned());
                }
            }
        }
    }
    let judged = plays.into_iter().filter(|(_, (_, window))| *window != 0).map(|(isrc, known)| {
        let (plays, window_plays) = known;
        let eligibility = Eligibility::of(window_plays, of.is_whole, of.rule);
        let since = || paying.get(&isrc).cloned().unwrap_or_else(|| of.month.to_owned());
        let pays_since = (eligibility == Eligibility::Eligible).then(since);
        (isrc, TrackMonth { plays, window_plays, eligibility, pays_since })
    });
    Ok(judged.collect())
}

/// Counted plays of the month by ISRC, each with a place for those of all months.
fn plays_of(facts: &DataFrame) -> PolarsResult<BTreeMap<String, (i64, i64)>> {
    let mut plays: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    let kinds = facts.column("kind")?.i32()?.iter();
    let numbers = facts.column("plays")?.i64()?.iter();
    let mut last: Option<(&str, i64)> = None;
    // Rows of a track lie together: one look-up each.
    for ((isrc, kind), number) in facts.column("isrc")?.str()?.iter().zip(kinds).zip(numbers) {
        let (Some(isrc), Some(COUNTED), Some(number)) = (isrc, kind, number) else {
            continue;
        };
        match &mut last {
            Some((of, sum)) if *of == isrc => *sum += number,
            _ => {
                plays.extend(last.map(|(of, sum)| (of.to_owned(), (sum, 0))));
                last = Some((isrc, number));
            }
        }
    }
    plays.extend(last.map(|(of, sum)| (of.to_owned(), (sum, 0))));
    Ok(plays)
}

/// Writes the file of an `eligibility` table without rows.
///
/// # Errors
/// [`PartitionError`].
pub fn empty_eligibility(
    folder: &Path,
    provenance: &FileProvenance,
) -> Result<Vec<FileEntry>, PartitionError> {
    // Of no track: the numbers of the rule stand in no row.
    let rule = EligibilityRule { plays_min: 1, months: 1 };
    write_eligibility(&BTreeMap::new(), rule, folder, provenance)
}

/// Writes a partition of `eligibility`.
///
/// # Errors
/// [`PartitionError`].
pub fn write_eligibility(
    tracks: &BTreeMap<String, TrackMonth>,
    rule: EligibilityRule,
    folder: &Path,
    provenance: &FileProvenance,
) -> Result<Vec<FileEntry>, PartitionError> {
    let number = |of: &dyn Fn(&TrackMonth) -> i64| -> ArrayRef {
        Arc::new(tracks.values().map(of).map(Some).collect::<Int64Array>())
    };
    let states = tracks.values().map(|track| Some(track.eligibility.as_str()));
    let since = tracks.values().map(|track| track.pays_since.as_deref());
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("isrc", Arc::new(tracks.keys().map(Some).collect::<StringArray>())),
        ("plays", number(&|track| track.plays)),
        ("window_plays", number(&|track| track.window_plays)),
        ("plays_min", number(&|_| rule.plays_min)),
        ("state", Arc::new(states.collect::<StringArray>())),
        ("pays_since", Arc::new(since.collect::<StringArray>())),
    ];
    let required = ["isrc", "plays", "window_plays", "plays_min", "state"];
    write_table(folder, columns, &required, &[(0, false)], provenance)
}
