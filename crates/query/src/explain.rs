//! Explain: the waterfall of a store's month, read from the published tables. Of a track only the row
//! groups are read that may hold it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use polars::prelude::{
    IntoLazy as _, JoinArgs, JoinType, JoinValidation, LazyFrame, MaintainOrderJoin, PolarsError,
    PolarsResult, UnionArgs, col, concat, df, lit,
};
use streamledger_core::explain::calendar::Calendar;
use streamledger_core::explain::figures::{FigureLine, FigureLines};
use streamledger_core::explain::states::StepStates;
use streamledger_core::explain::step::WaterfallStep;
use streamledger_core::filter::policy::Policy;
use streamledger_core::model::day::{Day, Month};
use streamledger_core::model::verdict::{Reason, Verdict};
use streamledger_pipeline::nightly::error::NightlyError;
use streamledger_pipeline::nightly::plan::store_months::settled_from;
use streamledger_storage::layout::error::WarehouseError;
use streamledger_storage::layout::ledger::{Manifest, ReportEntry};
use streamledger_storage::layout::partition_key::{PartitionKey, month_path};
use streamledger_storage::layout::warehouse_layout::WarehouseLayout;
use streamledger_storage::tables::scan::{collect, numbers_of, scan};

/// What is to be explained. Nothing given means all of it.
#[derive(Debug, Clone, Default)]
pub struct WaterfallQuestion {
    /// Month of the counted date, `YYYY-MM`.
    pub month: String,
    /// One store.
    pub store: Option<String>,
    /// Recordings.
    pub isrcs: Option<BTreeSet<String>>,
    /// One territory.
    pub territory: Option<String>,
}

/// The waterfall of a store's month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedStore {
    /// The store.
    pub store: String,
    /// The lines that are there, in their order.
    pub lines: Vec<FigureLine>,
}

impl ExplainedStore {
    /// Takes another number for what the store shows, as somebody copied it from there.
    pub fn start_from(&mut self, shown: i64) {
        let reported = self.lines.iter().find(|line| line.step == WaterfallStep::Reported);
        let why = reported.map(|line| line.states).unwrap_or_default();
        let reported = reported.and_then(|line| line.plays).unwrap_or(0);
        self.lines.retain(|line| WaterfallStep::Reported.position() <= line.step.position());
        let line =
            |step, plays, states| FigureLine { step, plays: Some(plays), states, reports: None };
        let mut start = vec![line(WaterfallStep::StoreShows, shown, StepStates::default())];
        if shown != reported {
            start.push(line(WaterfallStep::NotInTrends, reported - shown, why));
        }
        self.lines.splice(0..0, start);
        self.lines.retain(|line| line.step != WaterfallStep::ShownLessPaid);
        let plays_of =
            |step| self.lines.iter().find(|line| line.step == step).map(|line| line.plays);
        if let (None | Some(None), Some(Some(paid))) =
            (plays_of(WaterfallStep::Counted), plays_of(WaterfallStep::PaidUnits))
        {
            let before =
                |line: &FigureLine| line.step.position() < WaterfallStep::ShownLessPaid.position();
            let place = self.lines.partition_point(before);
            self.lines.insert(
                place,
                line(WaterfallStep::ShownLessPaid, shown - paid, StepStates::default()),
            );
        }
    }
}

/// The answer.
#[derive(Debug)]
pub struct WaterfallAnswer {
    /// The published state that was asked.
    pub snapshot: u64,
    /// By store.
    pub stores: Vec<ExplainedStore>,
    /// Stores that have figures of the month, but no waterfall yet.
    pub not_yet: Vec<String>,
    /// What their reports say so far: the lines from what is reported to what is counted.
    pub so_far: Vec<ExplainedStore>,
    /// Months of which there is a waterfall, for a question about one without.
    pub months: BTreeSet<String>,
    /// The numbers of the rules by which the month was judged, by store.
    pub policies: BTreeMap<String, Policy>,
    /// Files of the reports that are named.
    pub files: BTreeMap<String, String>,
}

/// The tables as they are shown, and what is known of them.
#[derive(Debug)]
pub struct PublishedTables {
    /// The ledger.
    pub manifest: Manifest,
    tables: PathBuf,
}

impl PublishedTables {
    /// Opens what is shown now; it stays the same whatever is published meanwhile.
    ///
    /// # Errors
    /// If nothing is published, or the ledger cannot be read.
    pub fn open(root: &Path) -> Result<Self, NightlyError> {
        let places = WarehouseLayout::new(root);
        if places.current()?.is_none() {
            return Err(WarehouseError::Empty { path: root.to_owned() }.into());
        }
        let manifest = places.current_manifest()?;
        let tables = places.snapshot(manifest.snapshot).join("tables");
        Ok(Self { manifest, tables })
    }

    /// Paths of the partitions of a table that have rows, of a month if one is given.
    pub fn partitions<'a>(
        &'a self,
        table: &'a str,
        month: Option<&'a str>,
    ) -> impl Iterator<Item = &'a String> {
        let partitions = self.manifest.partitions.iter().filter(|(_, of)| of.rows() != 0);
        let paths = partitions.map(|(path, _)| path);
        paths.filter(move |path| {
            let key = PartitionKey::parse(path).filter(|key| key.table == table);
            key.is_some_and(|key| month.is_none_or(|month| key.month == month))
        })
    }

    /// The files of a partition.
    pub(crate) fn files(&self, path: &str) -> Vec<PathBuf> {
        let files = self.manifest.partitions.get(path).into_iter().flat_map(|p| &p.files);
        files.map(|file| self.tables.join(path).join(&file.name)).collect()
    }

    /// The rows of a partition.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn scan(&self, path: &str) -> PolarsResult<LazyFrame> {
        let frames: Vec<LazyFrame> =
            self.files(path).iter().map(|file| scan(file)).collect::<PolarsResult<_>>()?;
        concat(frames, UnionArgs::default())
    }

    /// The recordings of an artist, or on a release (its UPC or its name), by the catalogue. Names are
    /// the same in any case.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub fn recordings(&self, column: &str, name: &str) -> PolarsResult<BTreeSet<String>> {
        let name = name.to_lowercase();
        let mut found = BTreeSet::new();
        for path in self.partitions("catalogue", None) {
            let rows = collect(self.scan(path)?.select([col("isrc"), col(column)]))?;
            let names = rows.column(column)?.str()?.iter();
            for (isrc, known) in rows.column("isrc")?.str()?.iter().zip(names) {
                if known.is_some_and(|known| known.to_lowercase() == name) {
                    found.extend(isrc.map(ToOwned::to_owned));
                }
            }
        }
        Ok(found)
    }

    /// Titles and artists of recordings, by the catalogue.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub fn titles(&self, isrcs: &BTreeSet<String>) -> PolarsResult<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        for path in self.partitions("catalogue", None) {
            let columns = ["isrc", "title", "artist"].map(col);
            let rows = collect(of_recordings(self.scan(path)?, isrcs)?.select(columns))?;
            let text = |name: &str| rows.column(name).and_then(|column| column.str().cloned());
            let (codes, titles, artists) = (text("isrc")?, text("title")?, text("artist")?);
            for row in 0..rows.height() {
                if let (Some(isrc), Some(title)) = (codes.get(row), titles.get(row)) {
                    let by =
                        artists.get(row).map_or(String::new(), |artist| format!(" by {artist}"));
                    found.insert(isrc.to_owned(), format!("{title}{by}"));
                }
            }
        }
        Ok(found)
    }

    /// Whether one of these recordings is on several releases, by the catalogue: their releases do not
    /// add up.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub fn are_on_several_releases(&self, isrcs: &BTreeSet<String>) -> PolarsResult<bool> {
        let mut releases: BTreeMap<String, String> = BTreeMap::new();
        for path in self.partitions("catalogue", None) {
            let rows = of_recordings(self.scan(path)?, isrcs)?;
            let rows = collect(rows.select(["isrc", "upc"].map(col)))?;
            let releases_of =
                rows.column("isrc")?.str()?.iter().zip(rows.column("upc")?.str()?.iter());
            for (isrc, upc) in releases_of.filter_map(|(isrc, upc)| isrc.zip(upc)) {
                let known = releases.entry(isrc.to_owned()).or_insert_with(|| upc.to_owned());
                if known != upc {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Stores with figures of any month.
    #[must_use]
    pub fn stores(&self) -> BTreeSet<&str> {
        let tables = ["trends_daily", "sales", "public_counts"];
        let paths = tables.into_iter().flat_map(|table| self.partitions(table, None));
        paths.filter_map(|path| store_of(path)).collect()
    }

    /// Answers a question.
    ///
    /// # Errors
    /// If a table cannot be read.
    pub fn explain(&self, question: &WaterfallQuestion) -> PolarsResult<WaterfallAnswer> {
        let of_store = |path: &&String| {
            question.store.as_ref().is_none_or(|store| store_of(path) == Some(store.as_str()))
        };
        let mut stores = Vec::new();
        let paths: Vec<&String> =
            self.partitions("waterfall", Some(&question.month)).filter(of_store).collect();
        for path in &paths {
            let lines = sum_lines(self.scan(path)?, question)?;
            let store = store_of(path).unwrap_or_default().to_owned();
            if !lines.is_empty() {
                stores.push(ExplainedStore { store, lines });
            }
        }
        let told: BTreeSet<Option<&str>> = paths.iter().map(|path| store_of(path)).collect();
        let has_figures = ["trends_daily", "sales"]
            .into_iter()
            .flat_map(|table| self.partitions(table, Some(&question.month)).filter(of_store));
        let not_yet: BTreeSet<&str> = has_figures
            .filter(|path| !told.contains(&store_of(path)))
            .filter_map(|path| store_of(path))
            .collect();
        let mut so_far = Vec::new();
        for store in &not_yet {
            let path = month_path("trends_daily", store, &question.month);
            if self.manifest.partitions.contains_key(&path) {
                let lines = sum_verdicts(self.scan(&path)?, question)?;
                if !lines.is_empty() {
                    so_far.push(ExplainedStore { store: (*store).to_owned(), lines });
                }
            }
        }
        let policy = |explained: &ExplainedStore| {
            let numbers = self.manifest.settings.of_month(&explained.store, &question.month)?;
            Some((explained.store.clone(), numbers.policy.clone()))
        };
        let policies = stores.iter().chain(&so_far).filter_map(policy).collect();
        let months = self.partitions("waterfall", None).filter(of_store);
        let months = months.filter_map(|path| Some(PartitionKey::parse(path)?.month.to_owned()));
        Ok(WaterfallAnswer {
            snapshot: self.manifest.snapshot,
            months: months.collect(),
            files: self.files_of(&stores),
            not_yet: not_yet.into_iter().map(ToOwned::to_owned).collect(),
            stores,
            so_far,
            policies,
        })
    }

    fn files_of(&self, stores: &[ExplainedStore]) -> BTreeMap<String, String> {
        let lines = stores.iter().flat_map(|explained| &explained.lines);
        let named = lines.filter_map(|line| line.reports.as_deref()).flatten();
        let named: BTreeSet<&String> = named.collect();
        let is_named = |report: &&ReportEntry| named.iter().any(|name| **name == report.name());
        let reports = self.manifest.reports.values().filter(is_named);
        reports.map(|report| (report.name().to_owned(), report.file().to_owned())).collect()
    }
}

/// Store of a partition's path.
#[must_use]
pub fn store_of(path: &str) -> Option<&str> {
    PartitionKey::parse(path).map(|key| key.store)
}

/// The rows of some recordings, in their order; those of others fall away on purpose.
pub(crate) fn of_recordings(rows: LazyFrame, isrcs: &BTreeSet<String>) -> PolarsResult<LazyFrame> {
    let (Some(first), Some(last)) = (isrcs.first(), isrcs.last()) else {
        return Ok(rows.filter(lit(false)));
    };
    // Bounds first: they are what row groups can be passed over by.
    let within = col("isrc").gt_eq(lit(first.clone())).and(col("isrc").lt_eq(lit(last.clone())));
    let rows = rows.filter(within);
    if isrcs.len() == 1 {
        return Ok(rows);
    }
    let keys = df!("isrc" => isrcs.iter().map(String::as_str).collect::<Vec<&str>>())?;
    let mut join = JoinArgs::new(JoinType::Inner);
    join.validation = JoinValidation::ManyToOne;
    join.maintain_order = MaintainOrderJoin::Left;
    Ok(rows.join(keys.lazy(), [col("isrc")], [col("isrc")], join))
}

/// An error about a name that this version does not know.
pub(crate) fn unknown(what: &str, name: &str) -> PolarsError {
    let newer = "the tables are of a newer version of the program";
    PolarsError::ComputeError(format!("`{name}` is no {what}: {newer}").into())
}

/// The rows of a table that a question is about.
fn asked_for(rows: LazyFrame, question: &WaterfallQuestion) -> PolarsResult<LazyFrame> {
    let mut rows = rows;
    if let Some(isrcs) = &question.isrcs {
        rows = of_recordings(rows, isrcs)?;
    }
    if let Some(territory) = &question.territory {
        rows = rows.filter(col("territory").eq(lit(territory.clone())));
    }
    Ok(rows)
}

/// From what is reported to what is counted, of a month that goes on.
fn sum_verdicts(rows: LazyFrame, question: &WaterfallQuestion) -> PolarsResult<Vec<FigureLine>> {
    let by = ["verdict", "reason"].map(col);
    let sums = collect(asked_for(rows, question)?.group_by(by).agg([col("plays").sum()]))?;
    let text = |name: &str| sums.column(name).and_then(|column| column.str().cloned());
    let (verdicts, reasons) = (text("verdict")?, text("reason")?);
    let plays = numbers_of(&sums, "plays")?;
    let mut lines = FigureLines::default();
    let mut add = |step, plays| {
        let states = StepStates::default();
        lines.add(&FigureLine { step, plays: Some(plays), states, reports: None });
    };
    for row in 0..sums.height() {
        let plays = plays[row];
        add(WaterfallStep::Reported, plays);
        match reasons.get(row) {
            None => add(WaterfallStep::Counted, plays),
            Some(name) => {
                let verdict = verdicts.get(row).unwrap_or_default();
                let verdict = Verdict::ALL.into_iter().find(|known| known.as_str() == verdict);
                let reason = Reason::ALL.into_iter().find(|known| known.as_str() == name);
                let step = verdict.and_then(|verdict| WaterfallStep::of_outcome(verdict, reason));
                add(step.ok_or_else(|| unknown("reason", name))?, -plays);
                // All that are reported count but for the steps between.
                add(WaterfallStep::Counted, 0);
            }
        }
    }
    Ok(lines.into_all())
}

fn sum_lines(rows: LazyFrame, question: &WaterfallQuestion) -> PolarsResult<Vec<FigureLine>> {
    let sums = collect(
        asked_for(rows, question)?
            .group_by(["step", "state", "report"].map(col))
            .agg([col("plays").sum(), col("plays").count().alias("known")]),
    )?;
    let text = |name: &str| sums.column(name).and_then(|column| column.str().cloned());
    let (steps, states, reports) = (text("step")?, text("state")?, text("report")?);
    let plays = sums.column("plays")?.i64()?.clone();
    let known = sums.column("known")?.u32()?.clone();
    let mut lines = FigureLines::default();
    for row in 0..sums.height() {
        let name = steps.get(row).unwrap_or_default();
        let step = WaterfallStep::of_name(name).ok_or_else(|| unknown("step", name))?;
        let states = match states.get(row) {
            None => StepStates::default(),
            Some(state) => {
                StepStates::default().with(state).ok_or_else(|| unknown("state", state))?
            }
        };
        let plays = plays.get(row).filter(|_| known.get(row).is_some_and(|known| 0 < known));
        let reports = reports.get(row).map(|names| {
            Box::new(names.split('|').map(ToOwned::to_owned).collect::<BTreeSet<_>>())
        });
        lines.add(&FigureLine { step, plays, states, reports });
    }
    Ok(lines.into_all())
}

/// When the waterfall of a month is made: the first day of the run that may.
#[must_use]
pub fn made_from(calendar: &Calendar, store: &str, month: Month) -> Day {
    settled_from(calendar, store, month)
}
