//! Waterfall: how what a store shows becomes what is paid, for one track, month and store, by
//! territory. Totals, and between them steps that add up to the next total exactly.
//!
//! All of it is whole plays. A total that is not known is null with the reason why, and counts as 0
//! in what follows, so that sums over territories, tracks and stores add up too: what nobody knows the
//! beginning of comes in by steps of its own (`no_store_figure`, `no_trends_figure`), what is settled
//! without a territory is carried over by two others. What is left is `unexplained`; it is never spread
//! over other steps, and where it is not known what was counted it is not known either.

use crate::explain::coverage::CoverageState;
use crate::explain::eligibility::Eligibility;
use crate::explain::step::WaterfallStep;

/// Why a total is not known, or not final.
pub mod why {
    /// The store's number is one for all territories.
    pub const NOT_BY_TERRITORY: &str = "not_by_territory";
    /// The store gives numbers, but none of this track.
    pub const NOT_LISTED: &str = "not_listed";
    /// Nothing came, and the calendar does not say when it should.
    pub const NO_CALENDAR: &str = "no_calendar";
    /// Of some of the months that decide whether a track is paid for, not all plays are known.
    pub const HISTORY_INCOMPLETE: &str = "history_incomplete";
}

/// How it stands with the reports that a total rests on; `None` where nothing came and nobody has said
/// when it should.
pub type SourceState = Option<CoverageState>;

fn is_whole(source: SourceState) -> bool {
    source.is_some_and(CoverageState::is_whole)
}

/// Why a number is not known or not final, as it stands in the table.
fn reason_of(source: SourceState) -> Option<&'static str> {
    match source {
        None => Some(why::NO_CALENDAR),
        Some(state) if state.is_whole() => None,
        Some(state) => Some(state.as_str()),
    }
}

/// What is known of a track in a territory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrackFacts {
    /// What the store shows.
    pub shown: Option<i64>,
    /// Of that, what it shows on days that no daily report covers.
    pub shown_unreported: i64,
    /// Counted plays; `None` if no report has a row.
    pub counted: Option<i64>,
    /// Plays that were not counted, by line.
    pub not_counted: Vec<(WaterfallStep, i64)>,
    /// Streams that the store says it has removed.
    pub declared: Option<i64>,
    /// Units of statements, by report.
    pub sales: Vec<SoldUnits>,
    /// Of the counted plays, those that were heard before the month.
    pub listened_earlier: i64,
    /// Counted in later months, heard in this one.
    pub counted_later: i64,
}

/// Units of one report for a track and territory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoldUnits {
    /// Place of the report among those of the month, in the order in which they settle.
    pub report: u32,
    /// When it settles: reports of one statement share it.
    pub settlement: u32,
    /// What the lines are.
    pub lines: SoldLines,
    /// Units, negative for returns.
    pub units: i64,
}

/// What lines of a statement are to the waterfall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SoldLines {
    /// Units that are paid.
    Paid,
    /// Units that are listed and not paid.
    Unpaid,
    /// Returns and adjustments.
    Corrections,
}

/// A territory of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackGroup {
    /// Whether there is a territory; the figures of all others are those of none in particular.
    pub has_territory: bool,
    /// What is known.
    pub facts: TrackFacts,
    /// How it stands with its daily reports.
    pub trends: SourceState,
    /// How it stands with its statements.
    pub sales: SourceState,
}

/// What is known of the store's month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceStates {
    /// How it stands with what it shows.
    pub counters: SourceState,
    /// How it stands with what it has removed.
    pub declared: SourceState,
    /// Whether the track is paid for; `None` if the store pays for every track.
    pub eligibility: Option<Eligibility>,
    /// How it stands with the daily reports of the month after it: until they are there nobody knows
    /// what is counted later.
    pub next: SourceState,
}

/// A line for a territory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaterfallLine {
    /// Which one.
    pub step: WaterfallStep,
    /// Plays, signed; `None` if they are not known.
    pub plays: Option<i64>,
    /// Why they are not known, or not final.
    pub state: Option<&'static str>,
    /// Of `restated`: the reports that did it, by their place among those of the month.
    pub reports: Vec<u32>,
}

/// The lines of a track, for each of its territories. A change of 0 has no line; the totals always
/// have one.
#[must_use]
pub fn waterfall(groups: &[TrackGroup], sources: SourceStates) -> Vec<Vec<WaterfallLine>> {
    let track = TrackWaterfall::new(groups, sources);
    groups
        .iter()
        .map(|group| {
            let mut lines = WrittenSteps(Vec::new());
            track.shown_to_reported(group, &mut lines);
            TrackWaterfall::reported_to_counted(group, &mut lines);
            track.counted_to_paid(group, &mut lines);
            lines.change(WaterfallStep::ListenedEarlier, group.facts.listened_earlier, None);
            let later = Some(group.facts.counted_later).filter(|plays| *plays != 0);
            match (reason_of(sources.next), later) {
                // The part of a month that goes on says nothing yet.
                (Some(state), _) if state == CoverageState::NotDue.as_str() => {
                    lines.total(WaterfallStep::ListenedHereCountedLater, None, Some(state));
                }
                (None, None) => {}
                (state, later) => {
                    lines.total(WaterfallStep::ListenedHereCountedLater, later, state)
                }
            }
            lines.0
        })
        .collect()
}

struct WrittenSteps(Vec<WaterfallLine>);

impl WrittenSteps {
    fn total(&mut self, step: WaterfallStep, plays: Option<i64>, state: Option<&'static str>) {
        self.0.push(WaterfallLine { step, plays, state, reports: Vec::new() });
    }

    fn change(&mut self, step: WaterfallStep, plays: i64, state: Option<&'static str>) {
        if plays != 0 {
            self.total(step, Some(plays), state);
        }
    }
}

/// What a track's territories have in common.
struct TrackWaterfall<'a> {
    groups: &'a [TrackGroup],
    sources: SourceStates,
    /// Whether the store's number is one for all territories.
    is_shown_as_one: bool,
    /// Whether something that settles plays has no territory, though plays have one.
    is_settled_as_one: bool,
    /// Whether any statement pays for it.
    is_paid: bool,
}

impl<'a> TrackWaterfall<'a> {
    fn new(groups: &'a [TrackGroup], sources: SourceStates) -> Self {
        let without = || groups.iter().filter(|group| !group.has_territory);
        let settles =
            |group: &TrackGroup| group.facts.declared.is_some() || !group.facts.sales.is_empty();
        let has_reported =
            |group: &TrackGroup| group.has_territory && group.facts.reported().is_some();
        let is_one = groups.iter().any(has_reported);
        Self {
            groups,
            sources,
            is_shown_as_one: without().any(|group| group.facts.shown.is_some()),
            is_settled_as_one: is_one && without().any(settles),
            is_paid: groups.iter().any(|group| 0 < group.facts.sold().paid),
        }
    }

    fn shown_to_reported(&self, group: &TrackGroup, lines: &mut WrittenSteps) {
        let reported = group.facts.reported().unwrap_or(0);
        let trends = reason_of(group.trends);
        let one_for_all = self.is_shown_as_one && group.has_territory;
        match group.facts.shown {
            Some(shown) => {
                lines.total(WaterfallStep::StoreShows, Some(shown), None);
                let all = if self.is_shown_as_one && !group.has_territory {
                    let others = self.groups.iter().filter(|other| other.facts.shown.is_none());
                    others.filter(|g| g.has_territory).filter_map(|g| g.facts.reported()).sum()
                } else {
                    0
                };
                let unreported = group.facts.shown_unreported;
                lines.change(
                    WaterfallStep::NotInTrends,
                    reported + all - shown + unreported,
                    trends,
                );
                lines.change(WaterfallStep::NoReport, -unreported, trends);
                lines.change(WaterfallStep::ShownWithoutTerritory, -all, None);
            }
            None if one_for_all => {
                lines.total(WaterfallStep::StoreShows, None, Some(why::NOT_BY_TERRITORY));
                lines.change(WaterfallStep::ShownWithoutTerritory, reported, None);
            }
            None => {
                let state = reason_of(self.sources.counters).unwrap_or(why::NOT_LISTED);
                lines.total(WaterfallStep::StoreShows, None, Some(state));
                lines.change(WaterfallStep::NoStoreFigure, reported, Some(state));
            }
        }
    }

    fn reported_to_counted(group: &TrackGroup, lines: &mut WrittenSteps) {
        let state = reason_of(group.trends);
        let known = group.facts.reported();
        // No row means none only where all reports are there.
        let or_none = |plays: Option<i64>| plays.or_else(|| state.is_none().then_some(0));
        lines.total(WaterfallStep::Reported, or_none(known), state);
        let mut steps = group.facts.not_counted.clone();
        steps.sort_by_key(|(step, _)| step.position());
        for (step, plays) in steps {
            lines.change(step, -plays, None);
        }
        lines.total(
            WaterfallStep::Counted,
            or_none(group.facts.counted.or(known.map(|_| 0))),
            state,
        );
    }

    fn counted_to_paid(&self, group: &TrackGroup, lines: &mut WrittenSteps) {
        let settled = self.settled(group);
        match group.facts.declared {
            Some(declared) => lines.change(WaterfallStep::StoreRemovals, -declared, None),
            None => {
                if let Some(state) = reason_of(self.sources.declared) {
                    lines.total(WaterfallStep::StoreRemovals, None, Some(state));
                }
            }
        }
        if self.is_eligibility_open() {
            lines.total(WaterfallStep::BelowEligibility, None, Some(why::HISTORY_INCOMPLETE));
        }
        lines.change(WaterfallStep::BelowEligibility, -settled.below, None);
        lines.change(WaterfallStep::NotRoyaltyBearing, -settled.unpaid, None);
        let (rest, carried) = self.rest_and_carried(group, &settled);
        let is_missing = !is_whole(group.sales);
        let is_known = self.is_counted_known(group);
        let not_yet = if is_missing && is_known { rest.max(0) } else { 0 };
        lines.change(WaterfallStep::NotYetInSales, -not_yet, reason_of(group.sales));
        let more = if is_known { (not_yet - rest).max(0) } else { 0 };
        let (excluded, held) = self.paid_though(group, more);
        lines.change(WaterfallStep::PaidThoughExcluded, excluded, None);
        lines.change(WaterfallStep::PaidThoughHeld, held, None);
        if settled.sold.restated != 0 {
            let reports = settled.sold.restating.clone();
            let plays = Some(settled.sold.restated);
            lines.0.push(WaterfallLine {
                step: WaterfallStep::Restated,
                plays,
                state: None,
                reports,
            });
        }
        lines.change(WaterfallStep::SettledWithoutTerritory, carried, None);
        let paid = settled.sold.paid + settled.sold.restated;
        let has_lines = !group.facts.sales.is_empty();
        let paid = (has_lines || !is_missing).then_some(paid);
        if is_known {
            let open = self.is_eligibility_open().then_some(why::HISTORY_INCOMPLETE);
            let open = reason_of(group.trends).or(open);
            lines.change(WaterfallStep::Unexplained, not_yet - rest - excluded - held, open);
        } else {
            let state = reason_of(group.trends);
            lines.change(WaterfallStep::NoTrendsFigure, -rest, state);
            lines.total(WaterfallStep::Unexplained, None, state);
            self.shown_less_paid(group, lines);
        }
        lines.total(WaterfallStep::PaidUnits, paid, reason_of(group.sales));
    }

    /// What a store pays beyond what we counted, as far as we did not count it: excluded plays first, then
    /// held ones. What is settled without a territory may be that of each whose plays are carried there.
    fn paid_though(&self, group: &TrackGroup, more: i64) -> (i64, i64) {
        let not_counted = || {
            let groups = std::iter::once(group).chain(self.carried_to(group));
            groups.flat_map(|group| &group.facts.not_counted)
        };
        let sum = |is_held: bool| -> i64 {
            let of = not_counted().filter(|(step, _)| step.is_held() == is_held);
            of.map(|(_, plays)| plays).sum()
        };
        let excluded = more.min(sum(false));
        (excluded, (more - excluded).min(sum(true)))
    }

    /// What the store shows and does not pay, besides what nobody can explain. One number for all territories
    /// is compared with what all of them pay.
    fn shown_less_paid(&self, group: &TrackGroup, lines: &mut WrittenSteps) {
        let Some(shown) = group.facts.shown else {
            return;
        };
        let is_one_for_all = self.is_shown_as_one && !group.has_territory;
        let others = self.groups.iter().filter(|other| other.has_territory && is_one_for_all);
        let all = || std::iter::once(group).chain(others.clone());
        if all().any(|group| self.is_counted_known(group)) {
            return;
        }
        let is_paid = all().any(|group| !group.facts.sales.is_empty() || is_whole(group.sales));
        let paid = |group: &TrackGroup| {
            let sold = group.facts.sold();
            sold.paid + sold.restated
        };
        let less = is_paid.then(|| shown - all().map(paid).sum::<i64>());
        let state = all().find_map(|group| reason_of(group.sales));
        lines.total(WaterfallStep::ShownLessPaid, less, state);
    }

    /// What no statement and no rule accounts for, and what is carried over between a territory and
    /// the figures without one.
    fn rest_and_carried(&self, group: &TrackGroup, settled: &SettledUnits) -> (i64, i64) {
        if !self.is_settled_as_one {
            return (settled.rest, 0);
        }
        if group.has_territory {
            let is_carried = self.is_carried(group);
            return if is_carried { (0, -settled.rest) } else { (settled.rest, 0) };
        }
        let theirs: i64 = self.carried_to(group).map(|other| self.settled(other).rest).sum();
        (settled.rest + theirs, theirs)
    }

    /// The territories whose plays are settled here, without a territory.
    fn carried_to(&self, group: &TrackGroup) -> impl Iterator<Item = &'a TrackGroup> {
        let is_here = self.is_settled_as_one && !group.has_territory;
        let is_carried =
            move |other: &&TrackGroup| is_here && other.has_territory && self.is_carried(other);
        self.groups.iter().filter(is_carried)
    }

    /// Whether it is known what was counted: some report has a row, or all are there and none has. Where
    /// plays have a territory, those without one are none.
    fn is_counted_known(&self, group: &TrackGroup) -> bool {
        let has_row = |group: &TrackGroup| group.facts.reported().is_some();
        let others = || self.groups.iter().filter(|other| other.has_territory);
        is_whole(group.trends) || has_row(group) || (!group.has_territory && others().any(has_row))
    }

    /// Whether what is settled without a territory may be that of this one. Where no statement is there
    /// yet, its plays wait for that, whatever else is settled.
    fn is_carried(&self, group: &TrackGroup) -> bool {
        let is_there =
            matches!(group.sales, Some(CoverageState::Received | CoverageState::Partial));
        let mut without = self.groups.iter().filter(|other| !other.has_territory);
        is_whole(group.sales) || (is_there && without.any(|other| !is_whole(other.sales)))
    }

    fn is_below(&self) -> bool {
        // Where the store pays all the same, its own count was higher.
        self.sources.eligibility == Some(Eligibility::Below) && !self.is_paid
    }

    fn is_eligibility_open(&self) -> bool {
        self.sources.eligibility == Some(Eligibility::Unknown) && !self.is_paid
    }

    fn settled(&self, group: &TrackGroup) -> SettledUnits {
        let sold = group.facts.sold();
        let declared = group.facts.declared.unwrap_or(0);
        let left = group.facts.counted.unwrap_or(0) - declared;
        // Where more is removed than we counted, nothing is left to be below.
        let below = if self.is_below() { left.max(0) } else { 0 };
        // What is listed without money for want of plays is in that step already.
        let unpaid = if self.is_below() { 0 } else { sold.unpaid };
        let rest = left - below - unpaid - sold.paid;
        SettledUnits { below, unpaid, rest, sold }
    }
}

/// A territory's plays between what is counted and what is paid.
struct SettledUnits {
    below: i64,
    unpaid: i64,
    rest: i64,
    sold: SoldSteps,
}

/// Units of statements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct SoldSteps {
    /// In the first statement that has any.
    paid: i64,
    unpaid: i64,
    restated: i64,
    restating: Vec<u32>,
}

impl TrackFacts {
    /// Reported plays; `None` if no report has a row.
    fn reported(&self) -> Option<i64> {
        if self.counted.is_none() && self.not_counted.is_empty() {
            return None;
        }
        let not_counted: i64 = self.not_counted.iter().map(|(_, plays)| plays).sum();
        Some(self.counted.unwrap_or(0) + not_counted)
    }

    fn sold(&self) -> SoldSteps {
        let first = self.sales.iter().filter(|units| units.lines != SoldLines::Corrections);
        let first = first.map(|units| units.settlement).min();
        let mut sold = SoldSteps::default();
        for units in &self.sales {
            match units.lines {
                SoldLines::Paid if Some(units.settlement) == first => sold.paid += units.units,
                SoldLines::Unpaid => sold.unpaid += units.units,
                SoldLines::Paid | SoldLines::Corrections => {
                    sold.restated += units.units;
                    sold.restating.push(units.report);
                }
            }
        }
        sold.restating.sort_unstable();
        sold.restating.dedup();
        sold
    }
}

#[cfg(test)]
mod tests;
