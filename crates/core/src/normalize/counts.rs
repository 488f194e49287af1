//! What is counted while a report is read.

use serde::{Deserialize, Serialize};

/// What was counted while a report was read. Counts of identifiers are over rows taken in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Data rows, bad ones included; blank lines are none.
    pub rows: u64,
    /// Bad rows.
    pub quarantined: u64,
    /// Rows whose ISRC was not one.
    pub bad_isrc: u64,
    /// Rows whose UPC was not one.
    pub bad_upc: u64,
    /// Rows whose territory was not one.
    pub bad_territory: u64,
    /// Rows whose territory was spelt as an alias.
    pub aliased_territory: u64,
    /// Rows whose tier code the store's table does not hold.
    pub unmapped_tier: u64,
    /// Rows whose exact listening time was not used, since it cannot be; the store's clock was.
    #[serde(default)]
    pub log_time_used: u64,
    /// Lines that repeat the header; they are no rows.
    #[serde(default)]
    pub repeated_headers: u64,
    /// Members of the archive that are no reports.
    #[serde(default)]
    pub skipped_members: u64,
}

impl Counts {
    /// Adds the numbers of other rows.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.quarantined += other.quarantined;
        self.bad_isrc += other.bad_isrc;
        self.bad_upc += other.bad_upc;
        self.bad_territory += other.bad_territory;
        self.aliased_territory += other.aliased_territory;
        self.unmapped_tier += other.unmapped_tier;
        self.log_time_used += other.log_time_used;
        self.repeated_headers += other.repeated_headers;
        self.skipped_members += other.skipped_members;
    }
}
