//! Months of a store that get a waterfall: which they are, and what each is made of.
//!
//! While a month goes on, a run leaves its waterfall out: all of it would be rebuilt for one date, and
//! nobody asks a running month for its end.

use std::collections::BTreeSet;

use streamledger_core::explain::calendar::Calendar;
use streamledger_core::explain::coverage::CoverageState;
use streamledger_core::explain::eligibility::{Eligibility, EligibilityRule};
use streamledger_core::explain::known::KnownMonths;
use streamledger_core::explain::period::{Period, month_after, month_before, months_within};
use streamledger_core::explain::waterfall::{SourceState, SourceStates};
use streamledger_core::ingest::table::format::Feed;
use streamledger_core::model::day::{Day, Month};
use streamledger_storage::layout::ledger::{LedgerReports, Manifest, ReportEntry};
use streamledger_storage::layout::partition_key::{month_path, store_month, table_of};

use crate::build::build_waterfall::{ByTerritory, MonthKnown};
use crate::nightly::context::RunContext;
use crate::nightly::options::BackfillOptions;
use crate::nightly::plan::fingerprints::{rule_text, states_text};
use crate::nightly::plan::month_inputs::MonthInputs;
use crate::nightly::plan::offline_dates::PlannedDates;
use crate::nightly::plan::plan_view::{PlanView, SOURCES, StoreMonth};
use crate::nightly::plan::planned::PartitionKind;
use crate::nightly::plan::planning::{Targets, add_target};

/// What the partitions of a month are made of.
pub(crate) struct PlannedMonth {
    pub(crate) of: StoreMonth,
    pub(crate) inputs: MonthInputs,
    pub(crate) known: MonthKnown,
    pub(crate) window: Option<EligibilityWindow>,
    /// Paths of the partitions of `waterfall` and `eligibility`.
    pub(crate) path: String,
    pub(crate) tracks: String,
}

impl RunContext<'_> {
    pub(crate) fn as_of(&self) -> Day {
        Day(self.options.as_of.to_epoch_days())
    }
}

/// Months with figures whose last trends are due, by store, the earliest first.
pub(crate) fn settled_months(
    run: &RunContext<'_>,
    targets: &Targets,
    reports: &LedgerReports,
) -> Vec<StoreMonth> {
    let as_of = run.as_of();
    let mut months: BTreeSet<(String, Month)> = targets
        .keys()
        .filter(|path| SOURCES.contains(&table_of(path)))
        .filter_map(|path| store_month(path))
        .collect();
    let told = reports.values().filter(|report| report.is_active() || report.is_restated());
    months.extend(told.flat_map(reached_months));
    let calendar = &run.settings.calendar;
    let is_settled =
        |(store, month): &(String, Month)| settled_from(calendar, store, *month) <= as_of;
    let settled = months.into_iter().filter(is_settled);
    settled
        .map(|(store, month)| StoreMonth {
            rule: run
                .store_of(&store, &month.to_string())
                .and_then(|settings| settings.eligibility),
            last_over: last_over(calendar, &store, as_of),
            store,
            month,
        })
        .collect()
}

/// Adds the partitions of `waterfall` and `eligibility`. All others are planned; of those of earlier
/// months, a month's eligibility depends on.
pub(crate) fn plan_waterfalls(
    run: &RunContext<'_>,
    targets: &mut Targets,
    known: &KnownMonths,
    (dates, reports): (&PlannedDates, &LedgerReports),
    (previous, backfill): (&Manifest, Option<&BackfillOptions>),
) {
    for of in settled_months(run, targets, reports) {
        let view = PlanView { targets, dates, reports };
        let month = plan_month(of, known, view);
        let parts = parts_of(run, &month, view);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let keys = month.inputs.reports(view);
        let PlannedMonth { of, path, tracks, .. } = month;
        add_target(targets, path.clone(), PartitionKind::Waterfall, (&parts, keys.clone()));
        if of.rule.is_some() {
            let kind = PartitionKind::Eligibility;
            add_target(targets, tracks.clone(), kind, (&parts, keys));
        }
        for path in [path, tracks] {
            let Some(planned) = targets.get_mut(&path) else {
                continue;
            };
            planned.why = match previous.partitions.get(&path) {
                None => Some("new".to_owned()),
                Some(partition) if partition.fingerprint != planned.fingerprint => {
                    Some("its inputs changed".to_owned())
                }
                Some(_) if backfill.is_some_and(|backfill| backfill.covers(&path)) => {
                    Some("its month is rebuilt".to_owned())
                }
                Some(_) => None,
            };
        }
    }
}

/// What the fingerprints of a month are made of.
fn parts_of(run: &RunContext<'_>, month: &PlannedMonth, view: PlanView<'_>) -> Vec<String> {
    let of = &month.of;
    let base = run.judging.footer(&of.store, &of.month.to_string()).to_owned();
    let mut parts = vec![base, states_text(&month.known), rule_text(of.rule)];
    parts.extend(month.inputs.fingerprints(view));
    parts.push(month.window.as_ref().map(|of| of.fingerprint(view)).unwrap_or_default());
    parts
}

/// What the partitions of a month are made of, by the plan.
pub(crate) fn plan_month(of: StoreMonth, known: &KnownMonths, view: PlanView<'_>) -> PlannedMonth {
    let inputs = MonthInputs::new(&of, view);
    let mut month = month_known(&of, known, &inputs, view);
    let window = of.rule.map(|rule| EligibilityWindow::new(&of, rule, known, view));
    if let Some((window, rule)) = window.as_ref().zip(of.rule) {
        month.without_plays = Eligibility::of(0, window.is_whole, rule);
    }
    let (path, tracks) = (of.path("waterfall"), of.path("eligibility"));
    PlannedMonth { of, inputs, known: month, window, path, tracks }
}

fn month_known(
    of: &StoreMonth,
    known: &KnownMonths,
    inputs: &MonthInputs,
    view: PlanView<'_>,
) -> MonthKnown {
    let state = |feed, territory: Option<&str>| -> SourceState {
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
        sources: SourceStates {
            counters: state(Feed::PublicCounts, None),
            declared: state(Feed::StoreRemovals, None),
            eligibility: None,
            next: if of.month < of.last_over {
                let next = known.of(&of.store, Feed::Trends, None, month_after(of.month, 1));
                next.map(|month| month.state)
            } else {
                Some(CoverageState::NotDue)
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
        reports: inputs.statements(view),
    }
}

/// The months in which lines of a report begin that go on in later ones, and those.
fn reached_months(report: &ReportEntry) -> Vec<(String, Month)> {
    let reached = report.reaches.keys().filter_map(|path| {
        let (store, begin) = store_month(path)?;
        let reach = Period::Month(report.last_reach(path)?);
        let months = months_within((Period::Month(begin).first(), reach.last())).into_iter();
        Some(months.map(move |(month, _)| (store.clone(), month)))
    });
    reached.flatten().collect()
}

/// Days of which no daily report came.
fn unreported(of: &StoreMonth, known: &KnownMonths) -> ByTerritory<BTreeSet<Day>> {
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

/// The months that decide whether a track is paid for.
pub(crate) struct EligibilityWindow {
    pub(crate) is_whole: bool,
    /// Partitions of `eligibility` of the months before that there are, the earliest first.
    pub(crate) earlier: Vec<String>,
    /// Whether the last of these is the month before.
    pub(crate) has_month_before: bool,
}

impl EligibilityWindow {
    fn new(
        of: &StoreMonth,
        rule: EligibilityRule,
        known: &KnownMonths,
        view: PlanView<'_>,
    ) -> Self {
        let months: Vec<Month> =
            (0..rule.months).rev().map(|n| month_before(of.month, n)).collect();
        let is_whole = months.iter().all(|month| {
            let state = known.of(&of.store, Feed::Trends, None, *month);
            state.is_some_and(|month| month.state.is_whole())
        });
        let path = |month: &Month| month_path("eligibility", &of.store, month);
        let before: Vec<String> = months[..months.len() - 1].iter().map(path).collect();
        let there = before.iter().filter(|path| view.targets.contains_key(*path));
        let earlier: Vec<String> = there.cloned().collect();
        let has_month_before = before.last().is_some() && earlier.last() == before.last();
        Self { is_whole, earlier, has_month_before }
    }

    fn fingerprint(&self, view: PlanView<'_>) -> String {
        let print = |path: &String| format!("{path} {}", view.targets[path].fingerprint);
        let prints: Vec<String> = self.earlier.iter().map(print).collect();
        format!("{} {}", self.is_whole, prints.join(" "))
    }
}

/// From which day on a store's month has a waterfall: when the trends of its last day are due, or when
/// it is over.
#[must_use]
pub fn settled_from(calendar: &Calendar, store: &str, month: Month) -> Day {
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
