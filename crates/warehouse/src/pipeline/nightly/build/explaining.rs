//! Fourth step of a night: the months whose trends should be there get their waterfall, those that have
//! one and whose figures changed get it anew.
//!
//! It comes after the other tables since only they tell what it depends on: of later months, the dates
//! that hold plays of this one. While a month goes on, a night leaves its waterfall out: all of it would
//! be made anew for one date, and nobody asks a running month for its end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use streamledger_core::explain::calendar::Calendar;
use streamledger_core::explain::coverage::State;
use streamledger_core::explain::eligibility::{Eligibility, EligibilityRule};
use streamledger_core::explain::known::Known;
use streamledger_core::explain::period::{Period, month_after, month_before, months_within};
use streamledger_core::explain::waterfall::{Source, Sources};
use streamledger_core::ingest::table::format::Feed;
use streamledger_core::model::day::{Day, Month};

use crate::pipeline::build::build_eligibility::{
    EligibilityOf, judge_eligibility, write_eligibility,
};
use crate::pipeline::build::build_waterfall::{
    ByTerritory, MonthKnown, WaterfallWriter, polars_failed,
};
use crate::pipeline::nightly::checking::check_waterfall;
use crate::pipeline::nightly::context::Night;
use crate::pipeline::nightly::error::NightlyError;
use crate::pipeline::nightly::plan::fingerprints::{rule_text, states_text};
use crate::pipeline::nightly::plan::month_inputs::MonthInputs;
use crate::pipeline::nightly::plan::planned::{Kind, Plan};
use crate::pipeline::nightly::plan::store_months::Explaining;
use crate::pipeline::nightly::plan::store_months::SOURCES;
use crate::pipeline::nightly::plan::store_months::StoreMonth;
use crate::pipeline::partition_paths::month_of;
use crate::storage::disk::durable::IoContext as _;
use crate::storage::encode::file::Provenance;
use crate::storage::layout::ledger::{PartitionEntry, ReportEntry, inputs_hash};
use crate::storage::tables::partition::PartitionError;
use crate::storage::tables::scan::collect;

type Reports = BTreeMap<String, ReportEntry>;

impl Night<'_> {
    /// Makes the stale partitions of `eligibility` and `waterfall` in staging and enters all of them.
    pub(crate) fn explain(&self, work: &mut Explaining<'_>) -> Result<(), NightlyError> {
        let known = Known::new(&work.plan.coverage);
        let months = self.settled_months(work.partitions.keys(), work.reports);
        self.progress.begin("explaining months", months.len() as u64);
        for of in &months {
            self.explain_month(of, &known, work)?;
            self.progress.advance(1);
        }
        let tables = ["waterfall/", "eligibility/"];
        let gone = work.former.partitions.keys().filter(|path| {
            tables.iter().any(|table| path.starts_with(table))
                && !work.partitions.contains_key(*path)
        });
        let why = "no figure feeds it any more".to_owned();
        work.plan.reasons.extend(gone.map(|path| (path.clone(), why.clone())));
        Ok(())
    }

    /// Months with figures whose last trends are due, by store, the earliest first.
    fn settled_months<'p>(
        &self,
        paths: impl Iterator<Item = &'p String>,
        reports: &Reports,
    ) -> Vec<StoreMonth> {
        let as_of = self.as_of();
        let mut months: BTreeSet<(String, Month)> = paths
            .filter(|path| SOURCES.iter().any(|table| is_of(path, table)))
            .filter_map(|path| month_of(path))
            .collect();
        let told = reports.values().filter(|report| report.is_active() || report.is_restated());
        months.extend(told.flat_map(reached_months).flatten());
        let calendar = &self.settings.calendar;
        let is_settled =
            |(store, month): &(String, Month)| settled_from(calendar, store, *month) <= as_of;
        let settled = months.into_iter().filter(is_settled);
        settled
            .map(|(store, month)| StoreMonth {
                rule: self
                    .store_of(&store, &month.to_string())
                    .and_then(|settings| settings.eligibility),
                last_over: last_over(calendar, &store, as_of),
                store,
                month,
            })
            .collect()
    }

    /// The months that are over, as a text that changes when another one is.
    pub(crate) fn months_over<'p>(
        &self,
        paths: impl Iterator<Item = &'p String>,
        reports: &Reports,
    ) -> String {
        let months = self.settled_months(paths, reports);
        let text =
            |of: &StoreMonth| format!("{} {} {}", of.store, of.month, of.month < of.last_over);
        months.iter().map(text).collect::<Vec<_>>().join("; ")
    }

    /// Names the waterfalls that the reasons of a plan will change, as far as it can be known before
    /// anything is built.
    pub(crate) fn foresee_waterfalls(&self, plan: &mut Plan, reports: &Reports) {
        let months = self.settled_months(plan.targets.keys(), reports);
        let is_source = |path: &String| SOURCES.iter().any(|table| is_of(path, table));
        let stale = plan.reasons.iter().map(|(path, _)| path).filter(|path| is_source(path));
        let mut changed: BTreeSet<(String, Month)> =
            stale.filter_map(|path| month_of(path)).collect();
        // Lines over several months change in all of them, with the plays of each.
        for together in reports.values().flat_map(reached_months) {
            if together.iter().any(|month| changed.contains(month)) {
                changed.extend(together);
            }
        }
        let is_stale = |of: &StoreMonth| changed.contains(&(of.store.clone(), of.month));
        let stale: Vec<&StoreMonth> = months.iter().filter(|of| is_stale(of)).collect();
        let paths =
            stale.iter().map(|of| format!("waterfall/store={}/month={}", of.store, of.month));
        let why = "its figures change".to_owned();
        let reasons: Vec<_> = paths.map(|path| (path, why.clone())).collect();
        plan.reasons.extend(reasons);
    }

    pub(crate) fn as_of(&self) -> Day {
        Day(self.options.as_of.to_epoch_days())
    }

    fn explain_month(
        &self,
        of: &StoreMonth,
        known: &Known,
        work: &mut Explaining<'_>,
    ) -> Result<(), NightlyError> {
        let inputs = MonthInputs::new(of, work);
        let mut month = month_known(of, known, &inputs, work);
        let base = self.judging.footer(&of.store, &of.month.to_string());
        let states = states_text(&month);
        let prints = inputs.fingerprints(work);
        let prints: Vec<&str> = prints.iter().map(String::as_str).collect();
        let path = format!("waterfall/store={}/month={}", of.store, of.month);
        let rule = rule_text(of.rule);
        let own = [&[base, &states, &rule], prints.as_slice()].concat();
        let window = of.rule.map(|rule| Window::new(of, rule, known, work));
        if let Some((window, rule)) = window.as_ref().zip(of.rule) {
            month.without_plays = Eligibility::of(0, window.is_whole, rule);
        }
        let window_prints = window.as_ref().map(Window::fingerprint).unwrap_or_default();
        let parts = [&own[..], &[window_prints.as_str()]].concat();
        let keys = inputs.reports(work);
        work.plan.add_target(path.clone(), Kind::Waterfall, &parts, keys.clone());
        let tracks = path.replacen("waterfall/", "eligibility/", 1);
        if of.rule.is_some() {
            work.plan.add_target(tracks.clone(), Kind::Eligibility, &parts, keys);
        }
        let all = [Some(&path), of.rule.map(|_| &tracks)];
        let stale: Vec<bool> = all.into_iter().flatten().map(|path| work.settle(path)).collect();
        if !stale.contains(&true) {
            return Ok(());
        }
        let provenance = Provenance {
            inputs: inputs_hash(
                work.plan.targets[&path].reports.iter().map(|key| work.reports[key].hash.as_str()),
            ),
            policy: base.to_owned(),
        };
        let asked = MonthWork { of, inputs, window, path, tracks, provenance };
        self.build_month(&asked, month, work)
    }

    /// Makes the partitions of a month in staging.
    fn build_month(
        &self,
        asked: &MonthWork<'_>,
        mut month: MonthKnown,
        work: &mut Explaining<'_>,
    ) -> Result<(), NightlyError> {
        let MonthWork { of, inputs, window, path, tracks, provenance } = asked;
        let folder = work.staged.join(path);
        let failed = |error| NightlyError::from(polars_failed(&folder, error));
        let name = of.month.to_string();
        let mut writer = WaterfallWriter::new(&folder, provenance)?;
        let mut judged = BTreeMap::new();
        let mut n_divided = 0;
        let parts = inputs
            .parts(work, self.options.memory_limit_bytes / 4)
            .map_err(PartitionError::parquet(&folder))?;
        for part in &parts {
            let (frame, divided) = inputs.frame(of, work, &month, part).map_err(failed)?;
            n_divided += divided;
            let frame = collect(frame).map_err(failed)?;
            if let (Some(window), Some(rule)) = (window, of.rule) {
                let decides = window.of(&name, rule);
                let tracks = judge_eligibility(&frame, &decides, &part.slice, &folder)?;
                let states = tracks.iter().map(|(isrc, track)| (isrc.clone(), track.eligibility));
                month.eligibility = Some(states.collect::<BTreeMap<String, Eligibility>>());
                judged.extend(tracks);
            }
            writer.push(&frame, &month)?;
        }
        let (files, sums) = writer.finish()?;
        if files.iter().all(|file| file.rows == 0) {
            // All that reaches into the month are lines of which no unit is of it.
            fs::remove_dir_all(&folder).at("remove", &folder)?;
            work.forget([path, tracks]);
            return Ok(());
        }
        if let Some(rule) = of.rule {
            let files = write_eligibility(&judged, rule, &work.staged.join(tracks), provenance)?;
            work.enter(tracks, files);
        }
        let tables = inputs.sums(of, work, n_divided).map_err(PartitionError::parquet(&folder))?;
        check_waterfall(path, sums, tables)?;
        work.enter(path, files);
        Ok(())
    }
}

/// What the partitions of a month are made of.
struct MonthWork<'a> {
    of: &'a StoreMonth,
    inputs: MonthInputs,
    window: Option<Window>,
    /// Paths of the partitions of `waterfall` and `eligibility`.
    path: String,
    tracks: String,
    provenance: Provenance,
}

fn month_known(
    of: &StoreMonth,
    known: &Known,
    inputs: &MonthInputs,
    work: &Explaining<'_>,
) -> MonthKnown {
    let state = |feed, territory: Option<&str>| -> Source {
        known.of(&of.store, feed, territory, of.month).map(|month| month.state)
    };
    let by_territory = |feed| {
        let codes = known.territories_of(&of.store, feed, of.month).into_iter();
        let elsewhere = known.elsewhere(&of.store, feed, of.month);
        ByTerritory {
            apart: codes.map(|code| (code.clone(), state(feed, Some(&code)))).collect(),
            elsewhere: elsewhere.map(|month| month.state),
            nowhere: state(feed, None),
        }
    };
    MonthKnown {
        sources: Sources {
            counters: state(Feed::PublicCounts, None),
            declared: state(Feed::StoreRemovals, None),
            eligibility: None,
            next: if of.month < of.last_over {
                let next = known.of(&of.store, Feed::Trends, None, month_after(of.month, 1));
                next.map(|month| month.state)
            } else {
                Some(State::NotDue)
            },
        },
        trends: by_territory(Feed::Trends),
        unreported: if inputs.has_counters() {
            unreported(of, known)
        } else {
            ByTerritory::default()
        },
        sales: by_territory(Feed::Sales),
        eligibility: None,
        without_plays: Eligibility::Unknown,
        reports: inputs.statements(work),
    }
}

/// For each month in which lines of a report begin that go on in later ones: that month and those.
fn reached_months(report: &ReportEntry) -> Vec<Vec<(String, Month)>> {
    let reached = report.reaches.keys().filter_map(|path| {
        let (store, begin) = month_of(path)?;
        let reach = Period::Month(report.last_reach(path)?);
        let months = months_within((Period::Month(begin).first(), reach.last())).into_iter();
        Some(months.map(|(month, _)| (store.clone(), month)).collect())
    });
    reached.collect()
}

/// Days of which no daily report came.
fn unreported(of: &StoreMonth, known: &Known) -> ByTerritory<BTreeSet<Day>> {
    let days = |territory: Option<&str>| {
        known.days_without_report(&of.store, Feed::Trends, territory, of.month)
    };
    let codes = known.territories_of(&of.store, Feed::Trends, of.month).into_iter();
    ByTerritory {
        apart: codes.map(|code| (code.clone(), days(Some(&code)))).collect(),
        elsewhere: days(Some("")),
        nowhere: days(None),
    }
}

impl Explaining<'_> {
    /// Files of a partition, wherever they are.
    pub(crate) fn files(&self, path: &str) -> Vec<PathBuf> {
        let Some(partition) = self.partitions.get(path) else {
            return Vec::new();
        };
        let is_staged = self.plan.targets.get(path).is_some_and(|planned| planned.is_stale);
        let folder = if is_staged { self.staged } else { self.published };
        partition.files.iter().map(|file| folder.join(path).join(&file.name)).collect()
    }

    /// Takes a partition over if it is as it must be; tells whether it must be made.
    fn settle(&mut self, path: &str) -> bool {
        let Some(planned) = self.plan.targets.get_mut(path) else {
            return false;
        };
        let published = self.former.partitions.get(path);
        let reason = match published {
            None => "new",
            Some(partition) if partition.fingerprint != planned.fingerprint => "its inputs changed",
            Some(_) if self.plan.again.as_ref().is_some_and(|again| again.covers(path)) => {
                "its month is made anew"
            }
            Some(partition) => {
                self.partitions.insert(path.to_owned(), partition.clone());
                return false;
            }
        };
        planned.is_stale = true;
        self.plan.reasons.push((path.to_owned(), reason.to_owned()));
        true
    }

    /// There are no such partitions after all.
    fn forget(&mut self, paths: [&String; 2]) {
        for path in paths {
            self.plan.targets.remove(path);
            self.plan.reasons.retain(|(known, _)| known != path);
        }
    }

    fn enter(&mut self, path: &str, files: Vec<crate::storage::layout::ledger::FileEntry>) {
        let fingerprint = self.plan.targets[path].fingerprint.clone();
        self.partitions.insert(path.to_owned(), PartitionEntry::new(fingerprint, files));
    }
}

/// The months that decide whether a track is paid for.
struct Window {
    is_whole: bool,
    earlier: Vec<Vec<PathBuf>>,
    has_month_before: bool,
    fingerprints: Vec<String>,
}

impl Window {
    fn new(of: &StoreMonth, rule: EligibilityRule, known: &Known, work: &Explaining<'_>) -> Self {
        let months: Vec<Month> =
            (0..rule.months).rev().map(|n| month_before(of.month, n)).collect();
        let is_whole = months.iter().all(|month| {
            let state = known.of(&of.store, Feed::Trends, None, *month);
            state.is_some_and(|month| month.state.is_whole())
        });
        let path = |month: &Month| format!("eligibility/store={}/month={month}", of.store);
        let before: Vec<String> = months[..months.len() - 1].iter().map(path).collect();
        let there: Vec<&String> =
            before.iter().filter(|path| work.partitions.contains_key(*path)).collect();
        let print = |path: &&String| format!("{path} {}", work.partitions[*path].fingerprint);
        Self {
            is_whole,
            has_month_before: before.last().is_some() && there.last().copied() == before.last(),
            fingerprints: there.iter().map(print).collect(),
            earlier: there.iter().map(|path| work.files(path)).collect(),
        }
    }

    fn of<'a>(&'a self, month: &'a str, rule: EligibilityRule) -> EligibilityOf<'a> {
        EligibilityOf {
            month,
            rule,
            is_whole: self.is_whole,
            earlier: &self.earlier,
            has_month_before: self.has_month_before,
        }
    }

    fn fingerprint(&self) -> String {
        format!("{} {}", self.is_whole, self.fingerprints.join(" "))
    }
}

/// From which day on a store's month has a waterfall: when the trends of its last day are due, or when
/// it is over.
pub(crate) fn settled_from(calendar: &Calendar, store: &str, month: Month) -> Day {
    let last = Period::Day(Period::Month(month).last());
    let trends = calendar.of(store, Feed::Trends);
    let due = trends.first().map_or(last.first(), |entry| entry.due_date(last));
    due.after(1)
}

/// The last month that is over for a store on a day.
fn last_over(calendar: &Calendar, store: &str, as_of: Day) -> Month {
    let mut month = as_of.month();
    while as_of < settled_from(calendar, store, month) {
        month = month_before(month, 1);
    }
    month
}

fn is_of(path: &str, table: &str) -> bool {
    path.strip_prefix(table).is_some_and(|rest| rest.starts_with('/'))
}
