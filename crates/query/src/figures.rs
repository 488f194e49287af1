//! Figures: what is published of recordings, by month, store, day, territory and kind of user, summed
//! for pages. Tables are read some rows at a time, for as many recordings as the caller names:
//! neither a month nor a catalogue has to fit the memory.

use std::collections::BTreeSet;
use std::path::Path;

use parquet::errors::ParquetError;
use polars::prelude::{
    DataFrame, Expr, IntoLazy as _, JoinArgs, JoinType, JoinValidation, LazyFrame, PolarsError,
    PolarsResult, StringChunked, col, df, lit,
};
use streamledger_core::explain::figures::{
    FigureLine, FigureTables, PaidFigures, PaidFor, PlayFigures, RecordingFigures, StoreNumber,
    TerritoryCode,
};
use streamledger_core::explain::period::Period;
use streamledger_core::explain::states::StepStates;
use streamledger_core::explain::step::WaterfallStep;
use streamledger_core::model::day::{Day, Month};
use streamledger_core::model::verdict::Verdict;
use streamledger_core::numbers::exact;
use streamledger_storage::tables::scan::{collect, numbers_of, read_footer, scan};

use crate::explain::{PublishedTables, unknown};
use crate::recordings::{FIGURES, PublishedRecording, PublishedSpan};

/// Rows that are summed at a time: what the engine holds of them stays under 100 MB.
const ROWS_AT_A_TIME: usize = 1 << 18;

impl PublishedTables {
    /// The figures of recordings, in their order.
    ///
    /// # Errors
    /// If a table cannot be read.
    pub fn figures(
        &self,
        span: &PublishedSpan,
        recordings: &[PublishedRecording],
    ) -> PolarsResult<Vec<RecordingFigures>> {
        let codes: Vec<&str> = recordings.iter().map(|r| r.isrc.as_deref().unwrap_or("")).collect();
        let numbers: Vec<u32> = (0..).take(codes.len()).collect();
        let keys = df!("key" => codes, "track" => numbers)?;
        let mut figures = Vec::new();
        figures.resize_with(recordings.len(), RecordingFigures::default);
        let mut reading = FigureReading { figures, first: span.first_day() };
        for table in FIGURES {
            for path in self.partitions(table, None) {
                let Some(of) = span.place_of(path) else { continue };
                for rows in self.parts(path)? {
                    reading.add(table, of, &with_tracks(rows, &keys))?;
                }
            }
        }
        Ok(reading.figures)
    }

    /// The rows of a partition, some at a time.
    pub(crate) fn parts(&self, path: &str) -> PolarsResult<Vec<LazyFrame>> {
        let mut parts = Vec::new();
        for file in self.files(path) {
            let n_rows = rows_of(&file).map_err(|error| {
                PolarsError::ComputeError(format!("{}: {error}", file.display()).into())
            })?;
            for start in (0..n_rows).step_by(ROWS_AT_A_TIME) {
                let start = exact::<i64>(start);
                parts.push(scan(&file)?.slice(start, exact(ROWS_AT_A_TIME)));
            }
        }
        Ok(parts)
    }
}

fn rows_of(path: &Path) -> Result<usize, ParquetError> {
    let n_rows = read_footer(path)?.num_rows();
    usize::try_from(n_rows).map_err(|_| ParquetError::General(format!("a file of {n_rows} rows")))
}

/// Rows of the wanted recordings, with their number; those of others fall away on purpose.
fn with_tracks(rows: LazyFrame, keys: &DataFrame) -> LazyFrame {
    let mut join = JoinArgs::new(JoinType::Inner);
    join.validation = JoinValidation::ManyToOne;
    let key = col("isrc").fill_null(lit("")).alias("key");
    rows.with_column(key).join(keys.clone().lazy(), [col("key")], [col("key")], join)
}

/// The sums of a plan: the number of the recording, texts by which it is grouped, and numbers.
struct FigureSums {
    frame: DataFrame,
    tracks: Vec<usize>,
}

impl FigureSums {
    fn new(rows: &LazyFrame, by: &[&str], sums: &[Expr]) -> PolarsResult<Self> {
        let group: Vec<Expr> = ["track"].iter().chain(by).map(|name| col(*name)).collect();
        let frame = collect(rows.clone().group_by(group).agg(sums))?;
        let tracks = frame.column("track")?.u32()?.iter().flatten();
        let tracks = tracks.map(|track| exact::<usize>(track)).collect();
        Ok(Self { frame, tracks })
    }

    fn text(&self, name: &str) -> PolarsResult<StringChunked> {
        self.frame.column(name)?.str().cloned()
    }

    fn numbers(&self, name: &str) -> PolarsResult<Vec<i64>> {
        numbers_of(&self.frame, name)
    }

    /// Plays by their verdict, of sums that are grouped by it.
    fn plays(&self) -> PolarsResult<Vec<PlayFigures>> {
        let (verdicts, plays) = (self.text("verdict")?, self.numbers("plays")?);
        verdicts
            .iter()
            .zip(plays)
            .map(|(verdict, plays)| {
                let known = Verdict::ALL.into_iter().find(|known| Some(known.as_str()) == verdict);
                let verdict = known.ok_or_else(|| unknown("verdict", verdict.unwrap_or("")))?;
                Ok(PlayFigures::of(verdict, plays))
            })
            .collect()
    }
}

struct FigureReading {
    figures: Vec<RecordingFigures>,
    first: Day,
}

impl FigureReading {
    fn add(&mut self, table: &str, of: (Month, StoreNumber), rows: &LazyFrame) -> PolarsResult<()> {
        match table {
            "waterfall" => {
                self.add_waterfall(of, rows)?;
                self.add_paid_territories(rows)
            }
            "trends_daily" => {
                self.add_days(of, rows)?;
                self.add_heard_before(of.0, rows)?;
                self.add_tiers(rows)?;
                self.add_territories(rows)
            }
            _ => self.add_paid(rows),
        }
    }

    fn add_waterfall(&mut self, of: (Month, StoreNumber), rows: &LazyFrame) -> PolarsResult<()> {
        let plays = col("plays");
        let known = plays.clone().count().alias("known");
        let sums = FigureSums::new(rows, &["step", "state", "report"], &[plays.sum(), known])?;
        let (steps, states) = (sums.text("step")?, sums.text("state")?);
        let (reports, plays) = (sums.text("report")?, sums.numbers("plays")?);
        let known = sums.numbers("known")?;
        for (row, track) in sums.tracks.iter().enumerate() {
            let name = steps.get(row);
            let step = name
                .and_then(WaterfallStep::of_name)
                .ok_or_else(|| unknown("step", name.unwrap_or("")))?;
            let state = match states.get(row) {
                None => StepStates::default(),
                Some(state) => {
                    StepStates::default().with(state).ok_or_else(|| unknown("state", state))?
                }
            };
            let names = reports.get(row).map(|names| {
                Box::new(names.split('|').map(ToOwned::to_owned).collect::<BTreeSet<_>>())
            });
            let plays = (0 < known[row]).then_some(plays[row]);
            let line = FigureLine { step, plays, states: state, reports: names };
            self.figures[*track].waterfalls.entry(of).or_default().add(&line);
        }
        Ok(())
    }

    fn add_paid_territories(&mut self, rows: &LazyFrame) -> PolarsResult<()> {
        let is_paid = col("step").eq(lit(WaterfallStep::PaidUnits.name()));
        let paid = rows.clone().filter(is_paid);
        let known = col("plays").count().alias("known");
        // The total that is known and final has no state.
        let open = col("state").count().alias("open");
        let sums = FigureSums::new(&paid, &["territory"], &[col("plays").sum(), known, open])?;
        let (codes, plays) = (sums.text("territory")?, sums.numbers("plays")?);
        let (known, open) = (sums.numbers("known")?, sums.numbers("open")?);
        for (row, track) in sums.tracks.iter().enumerate() {
            let there = self.figures[*track].territories.entry(territory(codes.get(row))?);
            let paid = (0 < known[row]).then_some(plays[row]);
            let is_paid_in_part = 0 < open[row];
            there.or_default().add(FigureTables {
                paid,
                is_paid_in_part,
                ..FigureTables::default()
            });
        }
        Ok(())
    }

    fn add_days(&mut self, of: (Month, StoreNumber), rows: &LazyFrame) -> PolarsResult<()> {
        let rows = rows.clone().with_column(col("date").to_physical().alias("day"));
        let sums = FigureSums::new(&rows, &["day", "verdict"], &[col("plays").sum()])?;
        let days = sums.numbers("day")?;
        let plays = sums.plays()?;
        for ((track, day), plays) in sums.tracks.iter().zip(days).zip(plays) {
            let figures = &mut self.figures[*track];
            figures.add_day(self.first, Day(exact::<i32>(day)), plays);
            figures.months.entry(of).or_default().add(plays);
        }
        Ok(())
    }

    fn add_heard_before(&mut self, month: Month, rows: &LazyFrame) -> PolarsResult<()> {
        let is_before = col("listened_month").neq(lit(month.to_string()));
        let is_counted = col("verdict").eq(lit(Verdict::Counted.as_str()));
        let before = rows.clone().filter(is_before.and(is_counted));
        let sums = FigureSums::new(&before, &["listened_month"], &[col("plays").sum()])?;
        let (heard, plays) = (sums.text("listened_month")?, sums.numbers("plays")?);
        for (row, track) in sums.tracks.iter().enumerate() {
            let name = heard.get(row).unwrap_or("");
            let Ok(Period::Month(heard)) = name.parse() else {
                return Err(unknown("month", name));
            };
            *self.figures[*track].heard_before.entry((month, heard)).or_default() += plays[row];
        }
        Ok(())
    }

    fn add_tiers(&mut self, rows: &LazyFrame) -> PolarsResult<()> {
        let sums = FigureSums::new(rows, &["tier", "verdict"], &[col("plays").sum()])?;
        let tiers = sums.text("tier")?;
        for (row, plays) in sums.plays()?.into_iter().enumerate() {
            let tier = tiers.get(row).unwrap_or_default();
            let known = &mut self.figures[sums.tracks[row]].tiers;
            match known.get_mut(tier) {
                Some(sum) => sum.add(plays),
                None => drop(known.insert(tier.to_owned(), plays)),
            }
        }
        Ok(())
    }

    fn add_territories(&mut self, rows: &LazyFrame) -> PolarsResult<()> {
        let sums = FigureSums::new(rows, &["territory", "verdict"], &[col("plays").sum()])?;
        let codes = sums.text("territory")?;
        for (row, plays) in sums.plays()?.into_iter().enumerate() {
            let code = territory(codes.get(row))?;
            let there = self.figures[sums.tracks[row]].territories.entry(code).or_default();
            there.plays.add(plays);
        }
        Ok(())
    }

    fn add_paid(&mut self, rows: &LazyFrame) -> PolarsResult<()> {
        let amount = col("amount");
        let known = amount.clone().count().alias("known");
        let sums = [col("units").sum(), amount.sum(), known];
        let sums = FigureSums::new(rows, &["tier", "use_type", "currency"], &sums)?;
        let (tiers, uses) = (sums.text("tier")?, sums.text("use_type")?);
        let (currencies, units) = (sums.text("currency")?, sums.numbers("units")?);
        let known = sums.numbers("known")?;
        let amounts = sums.frame.column("amount")?.decimal()?.physical().clone();
        for (row, track) in sums.tracks.iter().enumerate() {
            let key = PaidFor {
                currency: currencies.get(row).map(ToOwned::to_owned),
                is_stream: uses.get(row).is_some_and(|name| name.ends_with("stream")),
                tier: tiers.get(row).unwrap_or_default().to_owned(),
            };
            let amount = amounts.get(row).filter(|_| 0 < known[row]);
            self.figures[*track].add_paid(&key, PaidFigures { units: units[row], amount });
        }
        Ok(())
    }
}

fn territory(code: Option<&str>) -> PolarsResult<TerritoryCode> {
    let Some(text) = code else {
        return Ok(None);
    };
    text.as_bytes().try_into().map(Some).map_err(|_| unknown("territory", text))
}
