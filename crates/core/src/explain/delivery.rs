//! What a report brings for a store: figures of which feed, days and territories, and whether it counts.

use std::collections::BTreeSet;

use crate::ingest::table::format::Feed;
use crate::model::day::Day;

/// What a report brings for a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedDelivery {
    /// The store that its figures are about.
    pub store: String,
    /// Whose folder it lay in: the store, or a distributor that reports of several.
    pub sender: String,
    /// What it is for.
    pub feed: Feed,
    /// The report, as the tables name it.
    pub report: String,
    /// First and last day that it speaks of.
    pub days: (Day, Day),
    /// Whether these days are what the report is for.
    pub about: AboutDays,
    /// Whether it counts.
    pub standing: DeliveryStatus,
    /// Territories of its rows.
    pub territories: BTreeSet<String>,
    /// What its name and the names of the reports like it have in common.
    pub series: String,
    /// The one territory that it is about, where its sender reports of each by itself; `None` for all.
    pub only: Option<String>,
}

/// What a report is to the days of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AboutDays {
    /// The report of these days.
    Own,
    /// Some figures of these days, too few to say that it is the report of them.
    Part,
    /// A report of other days, or of several stores, that has figures of these too.
    Other,
}

/// Whether a report counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryStatus {
    /// Its rows are in the tables.
    Active,
    /// Other files of it are missing.
    Waiting,
    /// The named report has taken its place.
    Superseded(String),
}
