//! What the partitions of a run are made of, besides the archive and the published files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use streamledger_core::filter::offline_repeats::OfflineKeys;
use streamledger_core::model::day::Day;
use streamledger_core::normalize::tracks::KnownTracks;
use streamledger_storage::layout::offline_keys::NewList;

use crate::intake::play_buffer::ReportDays;
use crate::intake::sales_runs::ReportRuns;
use crate::nightly::intake::speculative_build::SpeculativeBuilds;
use crate::nightly::plan::planned::FinishedFiles;

/// A store and counted date.
pub(crate) type Date = (String, Day);

/// What was read, and what was computed of it on the way to the plan.
#[derive(Debug, Default)]
pub(crate) struct RunInputs {
    /// Plays of the reports that were read in this run, by report.
    pub(crate) plays: BTreeMap<String, ReportDays>,
    /// Lines, figures and reference data of the reports that were read in this run, by report.
    pub(crate) runs: BTreeMap<String, ReportRuns>,
    /// Partitions of lines and sums that are in staging already.
    pub(crate) finished: BTreeMap<String, FinishedFiles>,
    /// Dates that are in staging already, from just the reports that feed them.
    pub(crate) early: SpeculativeBuilds,
    /// The stores' lists of tracks for stale dates.
    pub(crate) tracks: BTreeMap<Date, KnownTracks>,
    /// Keys of the offline plays of stale dates, by path of the partition of `plays`.
    pub(crate) keys: BTreeMap<String, Arc<OfflineKeys>>,
    /// Those that are not empty, as files to write.
    pub(crate) lists: BTreeMap<String, NewList>,
}

impl RunInputs {
    /// Months (`YYYY-MM`) in which plays of a date were listened to, of the reports with these keys; `None` if
    /// one of these was not read.
    pub(crate) fn listened_months(
        &self,
        date: &Date,
        reports: &[&String],
    ) -> Option<BTreeSet<String>> {
        if let Some(early) = self.early.get(date) {
            return Some(early.built.trends.listened_months.clone());
        }
        let mut months = BTreeSet::new();
        for key in reports {
            let of_date = self.plays.get(*key)?.get(&date.1)?;
            months.extend(of_date.listened_months.iter().map(ToString::to_string));
        }
        Some(months)
    }
}

/// Those of the months (`YYYY-MM`) that are not the month of a date.
pub(crate) fn before_its_month(months: &BTreeSet<String>, day: Day) -> BTreeSet<String> {
    let own = day.month().to_string();
    months.iter().filter(|month| **month != own).cloned().collect()
}
