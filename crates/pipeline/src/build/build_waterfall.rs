//! Partitions of `waterfall` and `eligibility` from the figures of a store's month.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{Int32Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::errors::ParquetError;
use polars::prelude::{DataFrame, PolarsError, PolarsResult};
use streamledger_core::explain::eligibility::Eligibility;
use streamledger_core::explain::step::{StepKind, WaterfallStep};
use streamledger_core::explain::waterfall::{
    SoldLines, SoldUnits, SourceState, SourceStates, TrackFacts, TrackGroup, WaterfallLine,
    waterfall,
};
use streamledger_core::model::day::Day;
use streamledger_core::numbers::exact;
use streamledger_storage::encode::file::{FileProvenance, ROW_GROUP_ROWS_MIN};
use streamledger_storage::layout::ledger::FileEntry;
use streamledger_storage::tables::partition::PartitionError;
use streamledger_storage::tables::table_writer::{ArrowLayout, TableWriter};

use crate::plans::waterfall::{
    COUNTED, COUNTED_LATER, DECLARED, KINDS_OF_REPORT, LISTENED_EARLIER, SHOWN, SHOWN_UNREPORTED,
    SOLD,
};

/// Columns of `waterfall`, in their order.
static WATERFALL: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        text("isrc", true),
        text("territory", true),
        text("step", false),
        Field::new("position", DataType::Int32, false),
        text("kind", false),
        Field::new("plays", DataType::Int64, true),
        text("state", true),
        text("report", true),
    ]))
});

/// The columns of `waterfall`.
#[must_use]
pub fn waterfall_schema() -> SchemaRef {
    Arc::clone(&WATERFALL)
}

/// Rows are read by track: small row groups, so that few others are read with one.
const ROW_GROUP_ROWS: usize = ROW_GROUP_ROWS_MIN;

/// What is known of a store's month besides its figures.
#[derive(Debug)]
pub struct MonthKnown {
    /// How it stands with its feeds; eligibility is that of the track.
    pub sources: SourceStates,
    /// How it stands with its daily reports.
    pub trends: ByTerritory<SourceState>,
    /// Days of which no daily report came; empty where the store shows nothing.
    pub unreported: ByTerritory<BTreeSet<Day>>,
    /// How it stands with its statements.
    pub sales: ByTerritory<SourceState>,
    /// Whether tracks are paid for, by ISRC; `None` if the store pays for all.
    pub eligibility: Option<BTreeMap<String, Eligibility>>,
    /// What holds of a recording that is not among them.
    pub without_plays: Eligibility,
    /// Statements, in the order of settlement.
    pub reports: Vec<SettledStatement>,
}

/// What is known of a feed, by territory.
#[derive(Debug, Clone, Default)]
pub struct ByTerritory<T> {
    /// Territories that have an answer of their own.
    pub apart: BTreeMap<String, T>,
    /// All other territories.
    pub elsewhere: T,
    /// Figures without a territory.
    pub nowhere: T,
}

impl<T> ByTerritory<T> {
    fn of(&self, territory: Option<&str>) -> &T {
        let Some(code) = territory else {
            return &self.nowhere;
        };
        self.apart.get(code).unwrap_or(&self.elsewhere)
    }
}

/// A statement of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledStatement {
    /// As the tables name it.
    pub name: String,
    /// Its place in the order of settlement; what settles together shares it.
    pub settlement: u32,
    /// The statement that has taken its place.
    pub replaced_by: Option<String>,
    /// Territories of the statements whose place it has taken: its lines there correct them.
    pub corrects: CorrectedTerritories,
}

/// In which territories a statement corrects others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CorrectedTerritories {
    /// In none.
    #[default]
    Nothing,
    /// In these.
    In(BTreeSet<String>),
    /// In all.
    All,
}

impl SettledStatement {
    /// Whether its lines of a territory change what others said before, and are none of the first.
    fn is_correction(&self, territory: Option<&str>) -> bool {
        match &self.corrects {
            CorrectedTerritories::Nothing => false,
            CorrectedTerritories::In(codes) => territory.is_some_and(|code| codes.contains(code)),
            CorrectedTerritories::All => true,
        }
    }
}

/// Sums over a month, to be checked against other tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaterfallSums {
    /// Plays in the total `reported`.
    pub reported: i64,
    /// Plays in the total `counted`.
    pub counted: i64,
    /// Units in the total `paid_units`.
    pub paid: i64,
}

/// The kind of a report's units by its place.
#[must_use]
pub fn kind_of_report(place: usize) -> i32 {
    SOLD + KINDS_OF_REPORT * i32::try_from(place).unwrap_or(i32::MAX / 8)
}

/// Writes a partition of `waterfall`, some recordings at a time.
pub struct WaterfallWriter<'a> {
    writer: TableWriter<'a>,
    rows: WaterfallRows,
    sums: WaterfallSums,
    folder: &'a Path,
}

impl<'a> WaterfallWriter<'a> {
    /// A writer into a folder of staging, which is made.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn new(folder: &'a Path, provenance: &'a FileProvenance) -> Result<Self, PartitionError> {
        let layout = ArrowLayout {
            schema: Arc::clone(&WATERFALL),
            sorted_by: &[0, 1, 3],
            row_group_rows: ROW_GROUP_ROWS,
        };
        let writer = TableWriter::new(folder, layout, provenance)?;
        Ok(Self { writer, rows: WaterfallRows::new(), sums: WaterfallSums::default(), folder })
    }

    /// Appends the recordings of [`crate::plans::waterfall::facts`], which come after those before.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn push(&mut self, facts: &DataFrame, known: &MonthKnown) -> Result<(), PartitionError> {
        let Self { writer, rows, sums, folder } = self;
        let mut result = Ok(());
        each_track(facts, known, |isrc, groups| {
            let eligibility = known.eligibility.as_ref().map(|tracks| {
                let known = |isrc| tracks.get(isrc).copied().unwrap_or(known.without_plays);
                isrc.map_or(Eligibility::Unknown, known)
            });
            let sources = SourceStates { eligibility, ..known.sources };
            let (territories, groups): (Vec<Option<&str>>, Vec<TrackGroup>) =
                groups.into_iter().unzip();
            for (territory, lines) in territories.iter().zip(waterfall(&groups, sources)) {
                sums.add(&lines);
                rows.push(isrc, *territory, &lines, &known.reports);
            }
            if ROW_GROUP_ROWS <= rows.len && result.is_ok() {
                result = rows.flush(writer, folder);
            }
        })
        .map_err(|error| polars_failed(folder, error))?;
        result
    }

    /// Ends the partition.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn finish(mut self) -> Result<(Vec<FileEntry>, WaterfallSums), PartitionError> {
        self.rows.flush(&mut self.writer, self.folder)?;
        Ok((self.writer.finish()?, self.sums))
    }
}

pub(crate) fn polars_failed(folder: &Path, error: PolarsError) -> PartitionError {
    PartitionError::parquet(folder)(ParquetError::External(Box::new(error)))
}

impl WaterfallSums {
    fn add(&mut self, lines: &[WaterfallLine]) {
        for line in lines {
            let plays = line.plays.unwrap_or(0);
            match line.step {
                WaterfallStep::Reported => self.reported += plays,
                WaterfallStep::Counted => self.counted += plays,
                WaterfallStep::PaidUnits => self.paid += plays,
                _ => {}
            }
        }
    }
}

/// Gives the territories of each track to `take`, in the order of the table.
pub(crate) fn each_track<'f>(
    facts: &'f DataFrame,
    known: &MonthKnown,
    mut take: impl FnMut(Option<&str>, Vec<(Option<&'f str>, TrackGroup)>),
) -> PolarsResult<()> {
    let isrcs = facts.column("isrc")?.str()?;
    let territories = facts.column("territory")?.str()?;
    let kinds = facts.column("kind")?.i32()?;
    let plays = facts.column("plays")?.i64()?;
    let numbers = kinds.iter().zip(plays.iter());
    let mut track: Option<Option<&str>> = None;
    let mut groups: Vec<(Option<&str>, TrackGroup)> = Vec::new();
    for ((isrc, territory), (kind, plays)) in isrcs.iter().zip(territories.iter()).zip(numbers) {
        if track != Some(isrc) {
            if let Some(done) = track {
                take(done, std::mem::take(&mut groups));
            }
            track = Some(isrc);
        }
        if groups.last().is_none_or(|(last, _)| *last != territory) {
            groups.push((territory, known.group(territory)));
        }
        let (Some(kind), Some(plays)) = (kind, plays) else {
            let message = format!("plays of {isrc:?} in {territory:?} have an unknown verdict");
            return Err(PolarsError::ComputeError(message.into()));
        };
        if let Some((_, group)) = groups.last_mut() {
            known.enter(&mut group.facts, territory, kind, plays);
        }
    }
    if let Some(done) = track {
        take(done, groups);
    }
    Ok(())
}

impl MonthKnown {
    fn group(&self, territory: Option<&str>) -> TrackGroup {
        TrackGroup {
            has_territory: territory.is_some(),
            facts: TrackFacts::default(),
            trends: *self.trends.of(territory),
            sales: *self.sales.of(territory),
        }
    }

    fn enter(&self, facts: &mut TrackFacts, territory: Option<&str>, kind: i32, plays: i64) {
        match kind {
            SHOWN => facts.shown = Some(plays),
            SHOWN_UNREPORTED => facts.shown_unreported = plays,
            COUNTED => facts.counted = Some(plays),
            DECLARED => facts.declared = Some(plays),
            LISTENED_EARLIER => facts.listened_earlier = plays,
            COUNTED_LATER => facts.counted_later = plays,
            SOLD.. => {
                let report = exact::<u32>((kind - SOLD) / KINDS_OF_REPORT);
                let statement = self.reports.get(report as usize);
                let is_correction =
                    statement.is_some_and(|statement| statement.is_correction(territory));
                let lines = match (kind - SOLD) % KINDS_OF_REPORT {
                    0 if !is_correction => SoldLines::Paid,
                    1 => SoldLines::Unpaid,
                    _ => SoldLines::Corrections,
                };
                let settlement = statement.map_or(0, |statement| statement.settlement);
                facts.sales.push(SoldUnits { report, settlement, lines, units: plays });
            }
            _ => {
                let step = STEPS.iter().find(|(step, _)| step.position() == kind);
                facts.not_counted.extend(step.map(|(step, _)| (*step, plays)));
            }
        }
    }
}

/// Steps and their names, by position.
static STEPS: LazyLock<Vec<(WaterfallStep, String)>> =
    LazyLock::new(|| WaterfallStep::all().into_iter().map(|step| (step, step.name())).collect());

/// Rows of `waterfall` until they are enough for a row group.
struct WaterfallRows {
    isrc: StringBuilder,
    territory: StringBuilder,
    step: StringBuilder,
    position: Int32Builder,
    kind: StringBuilder,
    plays: Int64Builder,
    state: StringBuilder,
    report: StringBuilder,
    len: usize,
}

impl WaterfallRows {
    fn new() -> Self {
        Self {
            isrc: StringBuilder::new(),
            territory: StringBuilder::new(),
            step: StringBuilder::new(),
            position: Int32Builder::new(),
            kind: StringBuilder::new(),
            plays: Int64Builder::new(),
            state: StringBuilder::new(),
            report: StringBuilder::new(),
            len: 0,
        }
    }

    fn push(
        &mut self,
        isrc: Option<&str>,
        territory: Option<&str>,
        lines: &[WaterfallLine],
        statements: &[SettledStatement],
    ) {
        for line in lines {
            let position = line.step.position();
            let place = usize::try_from(position - 1).unwrap_or_default();
            let name = STEPS.get(place).map_or("", |(_, name)| name.as_str());
            let kind: StepKind = line.step.kind();
            self.isrc.append_option(isrc);
            self.territory.append_option(territory);
            self.step.append_value(name);
            self.position.append_value(position);
            self.kind.append_value(kind.as_str());
            self.plays.append_option(line.plays);
            self.state.append_option(line.state);
            self.report.append_option(names_of(&line.reports, statements));
            self.len += 1;
        }
    }

    fn flush(&mut self, writer: &mut TableWriter<'_>, folder: &Path) -> Result<(), PartitionError> {
        self.len = 0;
        let batch = self.batch().map_err(|error| {
            PartitionError::parquet(folder)(ParquetError::ArrowError(error.to_string()))
        })?;
        writer.write(&batch)
    }

    fn batch(&mut self) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.isrc.finish()),
            Arc::new(self.territory.finish()),
            Arc::new(self.step.finish()),
            Arc::new(self.position.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.plays.finish()),
            Arc::new(self.state.finish()),
            Arc::new(self.report.finish()),
        ];
        RecordBatch::try_new(Arc::clone(&WATERFALL), columns)
    }
}

/// Names of statements by their places, joined.
fn names_of(places: &[u32], statements: &[SettledStatement]) -> Option<String> {
    let name = |place: &u32| statements.get(*place as usize).map(|known| known.name.as_str());
    let names: Vec<&str> = places.iter().filter_map(name).collect();
    (!names.is_empty()).then(|| names.join("|"))
}
