//! `waterfall` read again: every total is the one before it and the changes since, and over a month the
//! totals are those of `trends_daily`.

use std::path::Path;

use polars::prelude::{DataFrame, LazyFrame, PolarsError, PolarsResult, UnionArgs, col, concat};
use streamledger_core::explain::step::{StepKind, WaterfallStep};
use streamledger_core::model::verdict::Verdict;
use streamledger_storage::layout::ledger::Manifest;
use streamledger_storage::layout::partition_key::path_in;
use streamledger_storage::tables::scan::{collect, scan};

/// Partitions of `waterfall` that do not add up, and how.
pub(crate) fn verify_waterfalls(tables: &Path, manifest: &Manifest) -> Vec<(String, String)> {
    let waterfalls = manifest.partitions.keys().filter(|path| path.starts_with("waterfall/"));
    let mut differences = Vec::new();
    for path in waterfalls {
        let trends = path_in("trends_daily", path);
        let check = || -> PolarsResult<Option<String>> {
            let sums = match first_gap(&collect(rows(tables, manifest, path)?)?)? {
                Ok(sums) => sums,
                Err(message) => return Ok(Some(message)),
            };
            let expected = if manifest.partitions.contains_key(&trends) {
                sums_of_trends(rows(tables, manifest, &trends)?)?
            } else {
                (0, 0)
            };
            let message = || {
                format!(
                    "has {} reported plays, {} of them counted; trends_daily has {} and {}",
                    sums.0, sums.1, expected.0, expected.1
                )
            };
            Ok((sums != expected).then(message))
        };
        match check() {
            Ok(None) => {}
            Ok(Some(message)) => differences.push((path.clone(), message)),
            Err(error) => differences.push((path.clone(), format!("cannot be summed: {error}"))),
        }
    }
    differences
}

fn rows(tables: &Path, manifest: &Manifest, path: &str) -> PolarsResult<LazyFrame> {
    let files = &manifest.partitions[path].files;
    let frames = files.iter().map(|file| scan(&tables.join(path).join(&file.name)));
    concat(frames.collect::<PolarsResult<Vec<LazyFrame>>>()?, UnionArgs::default())
}

/// Plays of the totals `reported` and `counted`; or which total does not add up.
fn first_gap(rows: &DataFrame) -> PolarsResult<Result<(i64, i64), String>> {
    let (isrcs, territories) = (rows.column("isrc")?.str()?, rows.column("territory")?.str()?);
    let (steps, plays) = (rows.column("step")?.str()?, rows.column("plays")?.i64()?);
    let tracks = isrcs.iter().zip(territories.iter());
    let (mut running, mut reported, mut counted) = (0, 0, 0);
    for ((track, name), plays) in tracks.zip(steps.iter()).zip(plays.iter()) {
        let unknown = || PolarsError::ComputeError(format!("{name:?} is no step").into());
        let step = name.and_then(WaterfallStep::of_name).ok_or_else(unknown)?;
        let known = plays.unwrap_or(0);
        match step.kind() {
            StepKind::Total if step == WaterfallStep::StoreShows => running = known,
            StepKind::Total if running != known => {
                let (isrc, territory) = (track.0.unwrap_or("null"), track.1.unwrap_or("null"));
                let message = format!(
                    "of {isrc} in {territory}, `{}` is {known}, the steps before it come to {running}",
                    step.name()
                );
                return Ok(Err(message));
            }
            StepKind::Change => running += known,
            StepKind::Total | StepKind::Aside => {}
        }
        match step {
            WaterfallStep::Reported => reported += known,
            WaterfallStep::Counted => counted += known,
            _ => {}
        }
    }
    Ok(Ok((reported, counted)))
}

fn sums_of_trends(trends: LazyFrame) -> PolarsResult<(i64, i64)> {
    let sums = collect(trends.group_by([col("verdict")]).agg([col("plays").sum()]))?;
    let (mut reported, mut counted) = (0, 0);
    let verdicts = sums.column("verdict")?.str()?.iter();
    for (verdict, plays) in verdicts.zip(sums.column("plays")?.i64()?.into_no_null_iter()) {
        reported += plays;
        if verdict == Some(Verdict::Counted.as_str()) {
            counted += plays;
        }
    }
    Ok((reported, counted))
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;

    fn gap(plays: [Option<i64>; 5]) -> Result<(i64, i64), String> {
        let steps = ["store_shows", "not_in_trends", "reported", "too_short", "counted"];
        let rows = df!(
            "isrc" => [Some("ZZSL12600001"); 5],
            "territory" => [Some("GB"), Some("GB"), Some("GB"), Some("GB"), Some("GB")],
            "step" => steps,
            "plays" => plays,
        );
        first_gap(&rows.unwrap()).unwrap()
    }

    #[test]
    fn a_play_more_or_less_is_found_and_named() {
        assert_eq!(gap([Some(9), Some(-2), Some(7), Some(-1), Some(6)]), Ok((7, 6)));
        assert_eq!(gap([None, None, None, None, None]), Ok((0, 0)));
        let message = "of ZZSL12600001 in GB, `counted` is 5, the steps before it come to 6";
        assert_eq!(gap([Some(9), Some(-2), Some(7), Some(-1), Some(5)]), Err(message.to_owned()));
        assert!(
            gap([Some(9), None, Some(7), Some(-1), Some(6)])
                .unwrap_err()
                .contains("`reported` is 7")
        );
    }
}
