//! What a store settles, removes and shows, summed from its plays.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::super::day_plan::DayPlan;
use super::super::rows::RowWriter;
use super::StatementSpan;
use super::stores::{PlayFate, StoreWorld, YearStore, product};

/// Sums of a store over some days.
#[derive(Debug, Default)]
pub struct StoreSums {
    /// Units of statements.
    pub(super) settled: BTreeMap<SettledKey, u64>,
    /// Plays that are removed.
    pub(super) removed: BTreeMap<SettledKey, u64>,
    /// What the store shows in public, by day and track.
    pub(super) shown: BTreeMap<(NaiveDate, u32), u64>,
    /// Rows of all plays.
    pub(super) n_plays: u64,
    /// Reports that were written.
    pub(super) n_reports: u64,
    /// Rows of them that cannot be read.
    pub(super) n_bad_rows: u64,
}

/// What a unit is settled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SettledKey {
    /// The period of the statement.
    pub(super) period: StatementSpan,
    /// Number of the track.
    pub(super) track: u32,
    /// Country of the listener.
    pub(super) territory: &'static str,
    /// The store's product code.
    pub(super) product: &'static str,
    /// Whether the store's reports name the recording.
    pub(super) has_isrc: bool,
}

impl StoreSums {
    /// Adds the plays of a day.
    pub(super) fn add_day(
        &mut self,
        store: &StoreWorld,
        (day, date): (u32, NaiveDate),
        plan: &DayPlan,
    ) {
        let period = store.store.period(date);
        let rows = RowWriter::new(&store.world, day, date);
        for play in plan.plays_once() {
            let fate = store.fate(play);
            let sums = match fate {
                PlayFate::Settled => &mut self.settled,
                PlayFate::Removed => &mut self.removed,
                PlayFate::Ignored => continue,
            };
            let profile = store.world.profile(play.listener);
            let key = SettledKey {
                period,
                track: play.track,
                territory: profile.country.code,
                product: product(profile.plan),
                has_isrc: store.store != YearStore::Spotify || rows.has_isrc(play),
            };
            *sums.entry(key).or_default() += 1;
            *self.shown.entry((date, play.track)).or_default() += 1;
        }
    }

    /// Adds sums of other days of the store.
    pub(super) fn merge(&mut self, other: Self) {
        add_all(&mut self.settled, other.settled);
        add_all(&mut self.removed, other.removed);
        add_all(&mut self.shown, other.shown);
        self.n_plays += other.n_plays;
        self.n_reports += other.n_reports;
        self.n_bad_rows += other.n_bad_rows;
    }
}

/// Adds numbers by key.
pub(super) fn add_all<K: Ord>(
    sums: &mut BTreeMap<K, u64>,
    more: impl IntoIterator<Item = (K, u64)>,
) {
    for (key, number) in more {
        *sums.entry(key).or_default() += number;
    }
}
