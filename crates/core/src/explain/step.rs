//! Step: a line of the waterfall, its place in it and its name.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::model::verdict::{Reason, Verdict};
use crate::numbers::exact;

/// A line of the waterfall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaterfallStep {
    /// What the store shows the artist.
    StoreShows,
    /// What it shows and does not report, or the other way round.
    NotInTrends,
    /// What it shows on days that no report covers.
    NoReport,
    /// Reported plays of which the store's own number is not known.
    NoStoreFigure,
    /// The store's number is one for all territories; reported plays have a territory.
    ShownWithoutTerritory,
    /// What the store's daily reports hold.
    Reported,
    /// Excluded by a rule, in the order of the rules.
    Excluded(Reason),
    /// Held by a rule.
    Held(Reason),
    /// What we count.
    Counted,
    /// What the store says it has removed as artificial.
    StoreRemovals,
    /// Plays of a track that has too few to be paid for.
    BelowEligibility,
    /// Units that a statement lists and does not pay.
    NotRoyaltyBearing,
    /// Counted plays of which no statement says anything yet.
    NotYetInSales,
    /// Paid plays that a rule excluded, up to their number.
    PaidThoughExcluded,
    /// Paid plays that a rule holds, up to their number.
    PaidThoughHeld,
    /// What later statements and corrections have changed.
    Restated,
    /// Plays have a territory, and what settles them has none.
    SettledWithoutTerritory,
    /// What is settled where it is not known what was counted.
    NoTrendsFigure,
    /// What is left.
    Unexplained,
    /// What the store shows and does not pay, where it is not known what was counted.
    ShownLessPaid,
    /// What statements pay.
    PaidUnits,
    /// Counted in this month, heard before it.
    ListenedEarlier,
    /// Listened to in this month, counted in a later one.
    ListenedHereCountedLater,
}

/// What a line is in the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepKind {
    /// A total: the one before it and the changes since.
    Total,
    /// A change.
    Change,
    /// Told next to the sum.
    Aside,
}

impl StepKind {
    /// The name as it stands in the tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Change => "change",
            Self::Aside => "aside",
        }
    }
}

/// Reasons in the order of the rules.
const RULES: [Reason; 9] = [
    Reason::Duplicate,
    Reason::TooShort,
    Reason::DurationMissing,
    Reason::OfflineExpired,
    Reason::ImpossibleVolume,
    Reason::ImpossibleTime,
    Reason::LowVariety,
    Reason::Repeater,
    Reason::ShortCluster,
];

/// Rules by which a play may be held for a pattern; of `duration_missing` every play is held.
const HOLDING: [Reason; 5] = [
    Reason::ImpossibleVolume,
    Reason::ImpossibleTime,
    Reason::LowVariety,
    Reason::Repeater,
    Reason::ShortCluster,
];

impl WaterfallStep {
    /// All lines, in their order.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![
            Self::StoreShows,
            Self::NotInTrends,
            Self::NoReport,
            Self::NoStoreFigure,
            Self::ShownWithoutTerritory,
        ];
        all.push(Self::Reported);
        all.extend(RULES.map(Self::Excluded));
        all.extend(HOLDING.map(Self::Held));
        all.extend([
            Self::Counted,
            Self::StoreRemovals,
            Self::BelowEligibility,
            Self::NotRoyaltyBearing,
            Self::NotYetInSales,
            Self::PaidThoughExcluded,
            Self::PaidThoughHeld,
            Self::Restated,
            Self::SettledWithoutTerritory,
            Self::NoTrendsFigure,
            Self::Unexplained,
            Self::ShownLessPaid,
            Self::PaidUnits,
            Self::ListenedEarlier,
            Self::ListenedHereCountedLater,
        ]);
        all
    }

    /// Its place among the lines, from 1.
    #[must_use]
    pub fn position(self) -> i32 {
        let place = |reasons: &[Reason], reason: Reason| {
            let before = reasons.iter().take_while(|known| **known != reason);
            exact::<i32>(before.count())
        };
        match self {
            Self::StoreShows => 1,
            Self::NotInTrends => 2,
            Self::NoReport => 3,
            Self::NoStoreFigure => 4,
            Self::ShownWithoutTerritory => 5,
            Self::Reported => 6,
            Self::Excluded(reason) => 7 + place(&RULES, reason),
            Self::Held(reason) => 16 + place(&HOLDING, reason),
            Self::Counted => 21,
            Self::StoreRemovals => 22,
            Self::BelowEligibility => 23,
            Self::NotRoyaltyBearing => 24,
            Self::NotYetInSales => 25,
            Self::PaidThoughExcluded => 26,
            Self::PaidThoughHeld => 27,
            Self::Restated => 28,
            Self::SettledWithoutTerritory => 29,
            Self::NoTrendsFigure => 30,
            Self::Unexplained => 31,
            Self::ShownLessPaid => 32,
            Self::PaidUnits => 33,
            Self::ListenedEarlier => 34,
            Self::ListenedHereCountedLater => 35,
        }
    }

    /// What it is in the sum.
    #[must_use]
    pub fn kind(self) -> StepKind {
        match self {
            Self::StoreShows | Self::Reported | Self::Counted | Self::PaidUnits => StepKind::Total,
            Self::ShownLessPaid | Self::ListenedEarlier | Self::ListenedHereCountedLater => {
                StepKind::Aside
            }
            _ => StepKind::Change,
        }
    }

    /// The name as it stands in the tables.
    #[must_use]
    pub fn name(self) -> String {
        let name = match self {
            Self::StoreShows => "store_shows",
            Self::NotInTrends => "not_in_trends",
            Self::NoReport => "no_report",
            Self::NoStoreFigure => "no_store_figure",
            Self::ShownWithoutTerritory => "shown_without_territory",
            Self::Reported => "reported",
            Self::Excluded(reason) => reason.as_str(),
            Self::Held(reason) => return format!("held_{}", reason.as_str()),
            Self::Counted => "counted",
            Self::StoreRemovals => "store_removals",
            Self::BelowEligibility => "below_eligibility",
            Self::NotRoyaltyBearing => "not_royalty_bearing",
            Self::NotYetInSales => "not_yet_in_sales",
            Self::PaidThoughExcluded => "paid_though_excluded",
            Self::PaidThoughHeld => "paid_though_held",
            Self::Restated => "restated",
            Self::SettledWithoutTerritory => "settled_without_territory",
            Self::NoTrendsFigure => "no_trends_figure",
            Self::Unexplained => "unexplained",
            Self::ShownLessPaid => "shown_less_paid",
            Self::PaidUnits => "paid_units",
            Self::ListenedEarlier => "listened_earlier",
            Self::ListenedHereCountedLater => "listened_here_counted_later",
        };
        name.to_owned()
    }

    /// Whether its plays are held, not excluded; of `duration_missing` every play is held.
    #[must_use]
    pub fn is_held(self) -> bool {
        matches!(self, Self::Held(_) | Self::Excluded(Reason::DurationMissing))
    }

    /// The line with this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        static STEPS: LazyLock<BTreeMap<String, WaterfallStep>> = LazyLock::new(|| {
            WaterfallStep::all().into_iter().map(|step| (step.name(), step)).collect()
        });
        STEPS.get(name).copied()
    }

    /// The line of plays that were not counted; `None` of counted ones.
    #[must_use]
    pub fn of_outcome(verdict: Verdict, reason: Option<Reason>) -> Option<Self> {
        let reason = reason?;
        match verdict {
            Verdict::Counted => None,
            Verdict::Held if HOLDING.contains(&reason) => Some(Self::Held(reason)),
            Verdict::Held | Verdict::Excluded => Some(Self::Excluded(reason)),
        }
    }
}
