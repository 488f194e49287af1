//! What is counted while a report is read.

use serde::{Deserialize, Serialize};

/// What was counted while a report was read. Counts of identifiers are over rows ingested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowCounts {
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
}

impl RowCounts {
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
    }
}

/// What the lines of a report turned out to be: each is one of these, and all together are the lines of
/// its text. Readers count what they see; how many lines there are is counted where the text is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// The header and what stands before it; of DDEX reports also comments.
    pub head: u64,
    /// Data rows, rejected ones included.
    pub rows: u64,
    /// Rows that are no data by the format's rules.
    pub skipped: u64,
    /// Headers among the rows that repeat the first one.
    pub repeated_headers: u64,
    /// Records of DDEX reports that say what usage records are about.
    pub descriptions: u64,
    /// Further lines of rows whose cells span lines.
    pub continued: u64,
    /// Lines with nothing in them.
    pub blank: u64,
    /// Lines behind the rows.
    pub tail: u64,
}

impl LineCounts {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self { head, rows, skipped, repeated_headers, .. } = self;
        let Self { descriptions, continued, blank, tail, .. } = self;
        head + rows + skipped + repeated_headers + descriptions + continued + blank + tail
    }
}
