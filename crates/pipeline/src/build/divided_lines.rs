//! Lines of statements whose days lie in several months, such as those of a fiscal month: their units are
//! divided over the months of their days, in proportion to the counted plays of those days.
//!
//! Plays of the recording and territory decide; where there are none, those of the store in the territory;
//! where there are none either, the number of days. Lines of a report that agree in recording, territory
//! and days are divided together, so that units are rounded once and not with each line.

use std::collections::BTreeMap;

use polars::prelude::{
    Column, DataFrame, DataType, LazyFrame, PolarsError, PolarsResult, col, lit,
};
use streamledger_core::explain::divide::divide;
use streamledger_core::explain::period::months_within;
use streamledger_core::model::day::{Day, Month};
use streamledger_storage::tables::scan::{collect, numbers_of};

use crate::plans::waterfall::is_listed_only;

/// Counted plays of some days, summed from the first on.
#[derive(Debug, Default, Clone)]
struct DaySeries(Vec<(Day, i64)>);

impl DaySeries {
    /// From plays by day.
    fn new(plays: BTreeMap<Day, i64>) -> Self {
        let mut sum = 0;
        let summed = plays.into_iter().map(|(day, plays)| {
            sum += plays;
            (day, sum)
        });
        Self(summed.collect())
    }

    /// Plays up to a day.
    fn until(&self, day: Day) -> i64 {
        let n_days = self.0.partition_point(|(known, _)| *known <= day);
        n_days.checked_sub(1).map_or(0, |last| self.0[last].1)
    }

    /// Plays from a day to another.
    fn within(&self, (first, last): (Day, Day)) -> i64 {
        self.until(last) - self.until(Day(first.0 - 1))
    }
}

/// Counted plays of a store by day, of all recordings: by territory, and `None` for all of them.
#[derive(Debug, Default)]
pub(crate) struct StorePlays(BTreeMap<Option<String>, DaySeries>);

impl StorePlays {
    /// Sums rows of `trends_daily` that lie within some days.
    pub(crate) fn read(trends: Vec<LazyFrame>, days: (Day, Day)) -> PolarsResult<Self> {
        let mut plays: BTreeMap<Option<String>, BTreeMap<Day, i64>> = BTreeMap::new();
        for rows in trends {
            let sums = counted_within(rows, days).group_by(["territory", "day"].map(col));
            let sums = collect(sums.agg([col("plays").sum()]))?;
            let (days, sums_of) = (sums.column("day")?.i32()?, numbers_of(&sums, "plays")?);
            let territories = sums.column("territory")?.str()?.iter();
            for ((territory, day), n) in territories.zip(days.iter()).zip(sums_of) {
                let Some(day) = day.map(Day) else { continue };
                let all = territory.map(|_| None);
                for key in std::iter::once(territory.map(ToOwned::to_owned)).chain(all) {
                    *plays.entry(key).or_default().entry(day).or_default() += n;
                }
            }
        }
        Ok(Self(plays.into_iter().map(|(key, days)| (key, DaySeries::new(days))).collect()))
    }
}

/// Counted plays of recordings by day: by territory, and `None` for all of them.
#[derive(Debug, Default)]
struct TrackPlays(BTreeMap<String, BTreeMap<Option<String>, DaySeries>>);

impl TrackPlays {
    fn read(trends: Vec<LazyFrame>, days: (Day, Day)) -> PolarsResult<Self> {
        let mut plays: BTreeMap<String, BTreeMap<Option<String>, BTreeMap<Day, i64>>> =
            BTreeMap::new();
        for rows in trends {
            let rows = counted_within(rows, days).filter(col("isrc").is_not_null());
            let sums = rows.group_by(["isrc", "territory", "day"].map(col));
            let sums = collect(sums.agg([col("plays").sum()]))?;
            let (days, sums_of) = (sums.column("day")?.i32()?, numbers_of(&sums, "plays")?);
            let keys = sums.column("isrc")?.str()?.iter();
            let keys = keys.zip(sums.column("territory")?.str()?.iter());
            for (((isrc, territory), day), n) in keys.zip(days.iter()).zip(sums_of) {
                let Some((isrc, day)) = isrc.zip(day.map(Day)) else { continue };
                if !plays.contains_key(isrc) {
                    plays.insert(isrc.to_owned(), BTreeMap::new());
                }
                let Some(of_track) = plays.get_mut(isrc) else { continue };
                let all = territory.map(|_| None);
                for key in std::iter::once(territory.map(ToOwned::to_owned)).chain(all) {
                    *of_track.entry(key).or_default().entry(day).or_default() += n;
                }
            }
        }
        let series = |of: BTreeMap<Option<String>, BTreeMap<Day, i64>>| {
            of.into_iter().map(|(key, days)| (key, DaySeries::new(days))).collect()
        };
        Ok(Self(plays.into_iter().map(|(isrc, of)| (isrc, series(of))).collect()))
    }
}

/// Counted plays within some days, with the day as a number.
fn counted_within(trends: LazyFrame, (first, last): (Day, Day)) -> LazyFrame {
    let day = || col("date").cast(DataType::Int32);
    trends
        .filter(day().gt_eq(lit(first.0)).and(day().lt_eq(lit(last.0))))
        .filter(col("reason").is_null())
        .with_column(day().alias("day"))
}

/// Recording, territory, kind and units.
type DividedPart = (Option<String>, Option<String>, i32, i64);

/// The parts of lines that fall into one month.
#[derive(Debug, Default)]
pub(crate) struct DividedLines {
    rows: Vec<DividedPart>,
    /// Units of them that are paid, or correct what was paid.
    pub(crate) paid: i64,
}

/// Divides lines over the months of their days and gives the parts of one month. `lines` are those of
/// [`crate::plans::waterfall::over_several_months`], `trends` the rows of `trends_daily` of the same recordings.
pub(crate) fn divided_lines(
    lines: &DataFrame,
    trends: impl FnOnce() -> PolarsResult<Vec<LazyFrame>>,
    store_plays: &StorePlays,
    month: Month,
) -> PolarsResult<DividedLines> {
    let mut divided = DividedLines::default();
    let (from, to) = (lines.column("from")?.i32()?, lines.column("to")?.i32()?);
    let (first, last) = (from.iter().flatten().min(), to.iter().flatten().max());
    let Some(days) = first.map(Day).zip(last.map(Day)) else {
        return Ok(divided);
    };
    let tracks = TrackPlays::read(trends()?, days)?;
    let (isrcs, territories) = (lines.column("isrc")?.str()?, lines.column("territory")?.str()?);
    let (kinds, units) = (lines.column("kind")?.i32()?, numbers_of(lines, "plays")?);
    for (row, units) in units.into_iter().enumerate() {
        let (Some(from), Some(to), Some(kind)) = (from.get(row), to.get(row), kinds.get(row))
        else {
            return Err(PolarsError::ComputeError("a line without days".into()));
        };
        let months = months_within((Day(from), Day(to)));
        let Some(place) = months.iter().position(|(known, _)| *known == month) else {
            continue;
        };
        let territory = territories.get(row).map(ToOwned::to_owned);
        let track = isrcs.get(row).and_then(|isrc| tracks.0.get(isrc)?.get(&territory));
        let parts = parts_of(units, &months, [track, store_plays.0.get(&territory)]);
        if parts.iter().sum::<i64>() != units {
            let message = format!("{units} units are divided into {parts:?}");
            return Err(PolarsError::ComputeError(message.into()));
        }
        let part = parts[place];
        if !is_listed_only(kind) {
            divided.paid += part;
        }
        // A month in which nobody heard it has no line of it.
        if part != 0 {
            let isrc = isrcs.get(row).map(ToOwned::to_owned);
            divided.rows.push((isrc, territory, kind, part));
        }
    }
    Ok(divided)
}

impl DividedLines {
    /// As rows of the plan of a month.
    pub(crate) fn to_frame(&self) -> PolarsResult<DataFrame> {
        let texts = |name: &str, of: fn(&DividedPart) -> Option<&str>| {
            Column::new(name.into(), self.rows.iter().map(of).collect::<Vec<Option<&str>>>())
        };
        let kinds: Vec<i32> = self.rows.iter().map(|(_, _, kind, _)| *kind).collect();
        let plays: Vec<i64> = self.rows.iter().map(|(.., plays)| *plays).collect();
        DataFrame::new(
            self.rows.len(),
            vec![
                texts("isrc", |(isrc, ..)| isrc.as_deref()),
                texts("territory", |(_, territory, ..)| territory.as_deref()),
                Column::new("kind".into(), kinds),
                Column::new("plays".into(), plays),
            ],
        )
    }
}

/// The parts of units that fall into the months, by the first of the series that has plays, else by days.
fn parts_of(units: i64, months: &[(Month, (Day, Day))], by: [Option<&DaySeries>; 2]) -> Vec<i64> {
    let plays = |series: &DaySeries| {
        let of_months: Vec<i64> = months.iter().map(|(_, days)| series.within(*days)).collect();
        divide(units, &of_months)
    };
    let days = || {
        let days = months.iter().map(|(_, (first, last))| i64::from(last.0 - first.0) + 1);
        divide(units, &days.collect::<Vec<i64>>())
    };
    by.into_iter().flatten().find_map(plays).or_else(days).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use polars::prelude::{IntoLazy as _, df};

    use super::*;
    use crate::plans::waterfall::SOLD;

    const SEPTEMBER: Month = Month { year: 2026, month: 9 };
    const OCTOBER: Month = Month { year: 2026, month: 10 };

    fn day(text: &str) -> i32 {
        text.parse::<chrono::NaiveDate>().unwrap().to_epoch_days()
    }

    /// The fiscal month from 27 September to 31 October, of several recordings.
    fn lines(rows: &[(Option<&str>, Option<&str>, i64)]) -> DataFrame {
        let isrcs: Vec<Option<&str>> = rows.iter().map(|(isrc, ..)| *isrc).collect();
        let territories: Vec<Option<&str>> = rows.iter().map(|(_, place, _)| *place).collect();
        let units: Vec<i64> = rows.iter().map(|(.., units)| *units).collect();
        df!(
            "isrc" => isrcs, "territory" => territories, "kind" => vec![SOLD; rows.len()],
            "from" => vec![day("2026-09-27"); rows.len()], "to" => vec![day("2026-10-31"); rows.len()],
            "plays" => units
        )
        .unwrap()
    }

    fn trends(rows: &[(&str, &str, &str, i64)]) -> Vec<LazyFrame> {
        let of = |place: fn(&(&str, &str, &str, i64)) -> String| {
            rows.iter().map(place).collect::<Vec<_>>()
        };
        let days: Vec<i32> = rows.iter().map(|(.., date, _)| day(date)).collect();
        let plays: Vec<i64> = rows.iter().map(|(.., plays)| *plays).collect();
        let frame = df!(
            "isrc" => of(|row| row.0.to_owned()), "territory" => of(|row| row.1.to_owned()),
            "date" => days, "plays" => plays
        )
        .unwrap()
        .lazy()
        .with_columns([
            col("date").cast(DataType::Date),
            lit(polars::prelude::NULL).cast(DataType::String).alias("reason"),
        ]);
        vec![frame]
    }

    fn parts(rows: &[(Option<&str>, Option<&str>, i64)], month: Month) -> Vec<i64> {
        let all = || {
            trends(&[
                // 30 and 60 plays of A in Germany; before and after the fiscal month more.
                ("A", "DE", "2026-09-26", 999),
                ("A", "DE", "2026-09-30", 30),
                ("A", "DE", "2026-10-01", 20),
                ("A", "DE", "2026-10-31", 40),
                ("A", "DE", "2026-11-01", 999),
                // B is played elsewhere; in Germany the store has 30 to 60 too, in France 10 to 0.
                ("B", "FR", "2026-09-28", 10),
            ])
        };
        let days = (Day(day("2026-09-27")), Day(day("2026-10-31")));
        let store = StorePlays::read(all(), days).unwrap();
        let divided = divided_lines(&lines(rows), || Ok(all()), &store, month).unwrap();
        assert_eq!(divided.to_frame().unwrap().height(), divided.rows.len());
        divided.rows.into_iter().map(|(.., part)| part).collect()
    }

    #[test]
    fn units_are_divided_by_the_plays_of_the_days() {
        let rows = [
            // 1 : 2 by the plays of the recording.
            (Some("A"), Some("DE"), 90),
            (Some("A"), Some("DE"), -10),
            // All territories together.
            (Some("A"), None, 9),
            // The recording has no play there: by those of the store.
            (Some("B"), Some("DE"), 9),
            (Some("B"), Some("FR"), 9),
            // Nothing without a recording but the plays of the store, 40 : 60.
            (None, None, 10),
            // The store has none in Spain either: 4 days to 31.
            (Some("A"), Some("ES"), 35),
        ];
        assert_eq!(parts(&rows, SEPTEMBER), [30, -3, 3, 3, 9, 4, 4]);
        assert_eq!(parts(&rows, OCTOBER), [60, -7, 6, 6, 6, 31]);
        let months = months_within((Day(day("2026-09-27")), Day(day("2026-10-31"))));
        assert_eq!(
            months.iter().map(|(month, _)| *month).collect::<Vec<_>>(),
            [SEPTEMBER, OCTOBER]
        );
    }
}
