//! The plays that a step of the waterfall is made of.

use std::collections::BTreeMap;

use chrono::DateTime;
use polars::prelude::{DataFrame, DataType, PolarsResult, col, lit};
use streamledger_core::explain::step::WaterfallStep;
use streamledger_core::filter::low_variety::{VarietySign, sign_of};
use streamledger_core::filter::rule_input::RuleInput;
use streamledger_core::model::day::Day;
use streamledger_core::model::play::NONE;
use streamledger_core::model::verdict::Reason;
use streamledger_core::numbers::exact;
use streamledger_storage::tables::scan::{collect, numbers_of};

use crate::explain::{PublishedTables, WaterfallQuestion, of_recordings, store_of};

/// A play, as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayRow {
    /// The store.
    pub store: String,
    /// Counted date.
    pub date: String,
    /// The report.
    pub report: String,
    /// Data line in it.
    pub row: i64,
    /// When it was heard, ISO 8601 UTC; `None` if not known.
    pub listened_at: Option<String>,
    /// The recording.
    pub isrc: Option<String>,
    /// Where.
    pub territory: Option<String>,
    /// Played time, milliseconds.
    pub played_ms: Option<i64>,
    /// How many plays the row stands for.
    pub plays: i64,
    /// What was decided.
    pub verdict: String,
    /// Why.
    pub reason: Option<String>,
    /// What the rule measured.
    pub measured: Option<i64>,
    /// Its bound.
    pub threshold: Option<i64>,
    /// Of `low_variety`: what gave the listener's day away.
    pub sign: Option<VarietySign>,
}

/// What gave a listener's day away, by report and row of its plays.
type RuleSigns = BTreeMap<PlayName, VarietySign>;

/// Report and row of a play.
type PlayName = (String, i64);

/// Plays of a listener's day.
type ListenedMonth = Vec<(PlayName, RuleInput)>;

/// Verdict and reason of a step; nothing for all plays, `None` if no plays are behind it.
fn outcome_of(step: WaterfallStep) -> Option<Vec<(&'static str, Option<&'static str>)>> {
    match step {
        WaterfallStep::Reported => Some(Vec::new()),
        WaterfallStep::Counted => Some(vec![("counted", None)]),
        // A missing length is held, under the rule's own name.
        WaterfallStep::Excluded(reason) => {
            let reason = Some(reason.as_str());
            Some(vec![("excluded", reason), ("held", reason)])
        }
        WaterfallStep::Held(reason) => Some(vec![("held", Some(reason.as_str()))]),
        _ => None,
    }
}

impl PublishedTables {
    /// The plays behind a step, in the order of `plays`; `None` if no single plays are behind it.
    ///
    /// # Errors
    /// If a table cannot be read.
    pub fn plays_behind(
        &self,
        question: &WaterfallQuestion,
        step: WaterfallStep,
    ) -> PolarsResult<Option<Vec<PlayRow>>> {
        let Some(outcomes) = outcome_of(step) else {
            return Ok(None);
        };
        let mut found = Vec::new();
        for path in self.partitions("plays", Some(&question.month)) {
            let store = store_of(path).unwrap_or_default();
            if question.store.as_ref().is_some_and(|wanted| wanted != store) {
                continue;
            }
            let date = path.rsplit_once("date=").map_or("", |(_, date)| date);
            let mut rows = self.scan(path)?;
            if let Some(isrcs) = &question.isrcs {
                rows = of_recordings(rows, isrcs)?;
            }
            if let Some(territory) = &question.territory {
                rows = rows.filter(col("territory").eq(lit(territory.clone())));
            }
            let is_one = outcomes.iter().map(|(verdict, reason)| {
                let verdict = col("verdict").eq(lit(*verdict));
                match reason {
                    Some(reason) => verdict.and(col("reason").eq(lit(*reason))),
                    None => verdict,
                }
            });
            // A step of a rule that holds by the rule's own verdict shows that step's plays only.
            if let Some(is_one) = is_one.reduce(polars::prelude::Expr::or) {
                rows = rows.filter(is_one);
            }
            let rows = collect(rows.with_column(col("listened_at").cast(DataType::Int64)))?;
            let first = found.len();
            read_rows(&rows, store, date, &mut found)?;
            let is_of_variety =
                |row: &PlayRow| row.reason.as_deref() == Some(Reason::LowVariety.as_str());
            if found[first..].iter().any(is_of_variety) {
                let signs = self.signs(path, &question.month)?;
                for row in found[first..].iter_mut().filter(|row| is_of_variety(row)) {
                    row.sign = signs.get(&(row.report.clone(), row.row)).copied();
                }
            }
        }
        let is_of_step = |row: &PlayRow| is_of(step, row);
        found.retain(is_of_step);
        Ok(Some(found))
    }
}

impl PublishedTables {
    /// The signs by which rule 6 marked plays of a date. It marks whole days of a listener, so that their
    /// plays are all that it looked at.
    fn signs(&self, path: &str, month: &str) -> PolarsResult<RuleSigns> {
        let store = store_of(path).unwrap_or_default();
        let Some(numbers) = self.manifest.settings.of_month(store, month) else {
            return Ok(RuleSigns::new());
        };
        let wanted =
            ["report", "row", "listener", "isrc", "store_track", "played_ms", "track_ms", "plays"];
        let columns = wanted.map(col).into_iter();
        let columns = columns.chain([col("listened_at").cast(DataType::Int64)]);
        let is_of_variety = col("reason").eq(lit(Reason::LowVariety.as_str()));
        let rows = self.scan(path)?.filter(is_of_variety);
        let rows = collect(rows.select(columns.collect::<Vec<_>>()))?;
        let mut days: BTreeMap<(Vec<u8>, Day), ListenedMonth> = BTreeMap::new();
        let mut tracks: BTreeMap<(Option<String>, Option<String>), u32> = BTreeMap::new();
        let text = |name: &str| rows.column(name).and_then(|column| column.str().cloned());
        let number = |name: &str| rows.column(name).and_then(|column| column.i64().cloned());
        let (report, isrc, store_track) = (text("report")?, text("isrc")?, text("store_track")?);
        let (listened, played, whole) =
            (number("listened_at")?, number("played_ms")?, number("track_ms")?);
        let (line, plays) = (numbers_of(&rows, "row")?, numbers_of(&rows, "plays")?);
        let listener = rows.column("listener")?.binary()?.clone();
        let length = |ms: Option<i64>| ms.map_or(NONE, exact::<u32>);
        for place in 0..rows.height() {
            let (Some(listener), Some(us)) = (listener.get(place), listened.get(place)) else {
                continue;
            };
            let isrc = isrc.get(place).map(ToOwned::to_owned);
            // Of a recording the store's own ids are one track.
            let own = store_track.get(place).filter(|_| isrc.is_none()).map(ToOwned::to_owned);
            let n_tracks = exact::<u32>(tracks.len());
            let heard = RuleInput {
                track: *tracks.entry((isrc, own)).or_insert(n_tracks),
                played_ms: length(played.get(place)),
                track_ms: length(whole.get(place)),
                plays: exact::<u32>(plays[place]),
                ..RuleInput::default()
            };
            let day = Day::of_ms(us.div_euclid(1_000));
            let name = (report.get(place).unwrap_or_default().to_owned(), line[place]);
            days.entry((listener.to_vec(), day)).or_default().push((name, heard));
        }
        let mut signs = RuleSigns::new();
        for rows in days.into_values() {
            let (names, day): (Vec<PlayName>, Vec<RuleInput>) = rows.into_iter().unzip();
            if let Some(sign) = sign_of(&day, &numbers.policy.low_variety) {
                signs.extend(names.into_iter().map(|name| (name, sign)));
            }
        }
        Ok(signs)
    }
}

/// A rule's plays are in the step of what was decided of them.
fn is_of(step: WaterfallStep, row: &PlayRow) -> bool {
    use streamledger_core::model::verdict::Verdict;
    let verdict = Verdict::ALL.into_iter().find(|known| known.as_str() == row.verdict);
    let reason =
        Reason::ALL.into_iter().find(|known| Some(known.as_str()) == row.reason.as_deref());
    match (step, verdict) {
        (WaterfallStep::Excluded(_) | WaterfallStep::Held(_), Some(verdict)) => {
            WaterfallStep::of_outcome(verdict, reason) == Some(step)
        }
        _ => true,
    }
}

fn read_rows(
    rows: &DataFrame,
    store: &str,
    date: &str,
    found: &mut Vec<PlayRow>,
) -> PolarsResult<()> {
    let text = |name: &str| rows.column(name).and_then(|column| column.str().cloned());
    let number = |name: &str| rows.column(name).and_then(|column| column.i64().cloned());
    let (report, isrc, territory) = (text("report")?, text("isrc")?, text("territory")?);
    let (verdict, reason) = (text("verdict")?, text("reason")?);
    let (listened, played) = (number("listened_at")?, number("played_ms")?);
    let (measured, threshold) = (number("measured")?, number("threshold")?);
    let (plays, line) = (numbers_of(rows, "plays")?, numbers_of(rows, "row")?);
    let owned = |value: Option<&str>| value.map(ToOwned::to_owned);
    let moment = |us: i64| {
        DateTime::from_timestamp_micros(us).map(|at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
    };
    for place in 0..rows.height() {
        found.push(PlayRow {
            store: store.to_owned(),
            date: date.to_owned(),
            report: owned(report.get(place)).unwrap_or_default(),
            row: line[place],
            listened_at: listened.get(place).and_then(moment),
            isrc: owned(isrc.get(place)),
            territory: owned(territory.get(place)),
            played_ms: played.get(place),
            plays: plays[place],
            verdict: owned(verdict.get(place)).unwrap_or_default(),
            reason: owned(reason.get(place)),
            measured: measured.get(place),
            threshold: threshold.get(place),
            sign: None,
        });
    }
    Ok(())
}
