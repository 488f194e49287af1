//! What is known of a report when it is decided whether it counts, and what comes out of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::decisions::{AcceptKind, AcceptedReports};
use crate::model::day::Day;
use crate::supersede::names::{KnownDays, VersionName};
use crate::supersede::periods::DayRanges;

/// Territory of a report with several.
pub(crate) const SEVERAL: &str = "*";

/// What the rows of a report come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportTotals {
    /// Ingested rows.
    pub rows: u64,
    /// Units or plays; `None` where they are beyond 128 bits.
    pub plays: Option<i128>,
    /// Money by currency, in 10^-12 of its unit.
    pub money: BTreeMap<String, i128>,
}

impl ReportTotals {
    /// The totals of several reports together.
    pub fn of<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let mut sum = Self { plays: Some(0), ..Self::default() };
        for totals in all {
            sum.rows += totals.rows;
            sum.plays = sum.plays.zip(totals.plays).and_then(|(a, b)| a.checked_add(b));
            for (currency, amount) in &totals.money {
                let known = sum.money.entry(currency.clone()).or_default();
                // Amounts beyond 128 bits were rejected when the report was read.
                *known = known.wrapping_add(*amount);
            }
        }
        sum
    }
}

/// The place of a file in a report of several files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// Which file, from 1.
    pub number: u32,
    /// Of how many.
    pub of: u32,
}

/// What is known of one report that was read to its end and not rejected for what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four facts, none of which follows from another")]
pub struct ReportFacts {
    /// Its id, 64 hex digits: what a person accepts.
    pub id: String,
    /// Hash of its bytes.
    pub hash: String,
    /// Folder in the inbox.
    pub store: String,
    /// What it is for.
    pub feed: String,
    /// Name of its format; parts of a report have one.
    pub format: String,
    /// Paths in the inbox under which it came.
    pub files: BTreeSet<String>,
    /// Sender, service and period as its head gives them; `None` where only its name tells such things.
    pub set: Option<String>,
    /// Its place in a report of several files; `None` if it is one of its own.
    pub part: Option<FilePart>,
    /// The period that it settles, or of which it speaks, as the ledger has it.
    pub period: Option<String>,
    /// The only territory of its rows, `*` for several, nothing for none.
    pub territory: String,
    /// The one territory that every row has; `None` for several, or where a row has none.
    pub only_territory: Option<String>,
    /// When it says that it was made, milliseconds since 1970 UTC.
    pub created_ms: Option<i64>,
    /// The days of which it speaks in any way.
    pub known_days: KnownDays,
    /// Days and months in which its rows are; reports without one in common have no row in common.
    pub months: BTreeSet<String>,
    /// What its rows come to.
    pub totals: ReportTotals,
    /// The same number for the same rows in any order; `None` where rows are not compared: plays with a
    /// listener and a time, which the rule of duplicates knows again one by one, and reference data.
    pub fingerprint: Option<u128>,
    /// Whether a newer report of its format adds to it.
    pub adds: bool,
    /// Whether a report of its format without rows takes an older one back.
    pub empty_cancels: bool,
    /// Whether its content proves that it is of the store in whose folder it lies.
    pub proves_store: bool,
    /// Whether its rows are added up, so that the same rows twice count twice.
    pub is_figures: bool,
}

impl ReportFacts {
    /// The smallest path under which it came.
    #[must_use]
    pub fn file(&self) -> &str {
        self.files.first().map_or("", String::as_str)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.totals.rows == 0
    }

    /// Whether a person has accepted it, though it would be rejected for this.
    pub(crate) fn is_accepted(&self, accepted: &AcceptedReports, what: AcceptKind) -> bool {
        accepted.contains_key(&(self.id.clone(), what))
    }

    /// What its names say, where dates in them are told by these days.
    pub(crate) fn names(&self, known: &KnownDays) -> Vec<VersionName> {
        self.files.iter().map(|file| VersionName::of(file, known)).collect()
    }

    pub(crate) fn days(&self) -> Option<DayRanges> {
        self.period.as_deref().map(DayRanges::of_period)
    }

    pub(crate) fn span(&self) -> Option<(Day, Day)> {
        self.days().as_ref().and_then(DayRanges::span)
    }
}

/// By what two reports are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparedBy {
    /// All that a row says.
    Rows,
    /// What a row is about, without its units, plays and money.
    Keys,
}

/// What two reports have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedRows {
    /// So many rows.
    Rows(u64),
    /// So many plays: one of them has sums and the other may have single plays.
    Plays(u64),
    /// So many of what rows are about, and how many the one with fewer has: a recording in a territory on
    /// a day, for instance, whatever number it has.
    Keys(u64, u64),
    /// Nothing tells: they name tracks differently.
    Unknown,
}

/// Why another report counts in place of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupersedeReason {
    /// A newer version of it.
    Replaced,
    /// It has the same rows.
    SameRows,
    /// It has all of its rows and more.
    Contained,
}

impl SupersedeReason {
    /// The code, as it stands in `reports.reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::SameRows => "same_rows",
            Self::Contained => "contained",
        }
    }
}

/// Whether a report counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportStanding {
    /// Its rows count.
    Active,
    /// It is a file of a report of several, of which some are not there.
    Waiting {
        /// Numbers of the files that are missing.
        missing: BTreeSet<u32>,
        /// How many there must be.
        of: u32,
    },
    /// Another report counts in its place.
    Superseded {
        /// Key of that report.
        by: String,
        /// Why.
        why: SupersedeReason,
    },
    /// It does not count until a person accepts it.
    Rejected {
        /// What there is to accept; also the code of the rejection.
        what: AcceptKind,
        /// What was found, and the command that accepts it.
        detail: String,
    },
}
