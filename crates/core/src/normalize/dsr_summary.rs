//! What a DSR report says of all its lines: its summary records by their ids, and its footer.

use crate::ingest::dsr::Cells;
use crate::vocabulary::money::Currency;
use crate::vocabulary::territory::Territory;
use crate::vocabulary::tier::Tier;

/// What summary records of one id say; where several say different things, nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) territory: Option<Territory>,
    /// Whether a territory was named that is none.
    pub(super) is_bad_territory: bool,
    pub(super) tier: Tier,
    pub(super) tier_code: Option<String>,
    pub(super) use_type: Option<String>,
    pub(super) currency: Option<Currency>,
    /// Usages of the pool.
    pub(super) usages: Option<i64>,
    /// Whether the usages are those of this report's lines, not those of a market.
    pub(super) is_of_report: bool,
    /// Units of this report's lines.
    pub(super) units: i64,
    /// Lines whose units could not be read or that were not taken in.
    pub(super) has_bad_lines: bool,
}

/// The counts of a footer.
#[derive(Debug, Clone)]
pub(super) struct Foot {
    /// What each cell says, with the name of the cell.
    pub(super) said: Vec<(&'static str, String)>,
}

impl Summary {
    /// Takes another record of the same id in: what both say holds.
    pub(super) fn join(&mut self, other: &Self) {
        if self.territory != other.territory {
            self.territory = None;
        }
        self.is_bad_territory |= other.is_bad_territory;
        if (self.tier, &self.tier_code) != (other.tier, &other.tier_code) {
            (self.tier, self.tier_code) = (Tier::Unknown, None);
        }
        if self.use_type != other.use_type {
            self.use_type = None;
        }
        if self.currency != other.currency {
            self.currency = None;
        }
        self.usages = None;
    }
}

impl Foot {
    /// The cells of a footer that are filled; a short one says less.
    pub(super) fn read(cells: &Cells<'_>) -> Self {
        let is_single = cells.get(0).eq_ignore_ascii_case(b"SRFO");
        let names: &[&'static str] = if is_single {
            &["NumberOfLinesInReport", "NumberOfSummaryRecords"]
        } else {
            &[
                "NumberOfLinesInFile",
                "NumberOfLinesInReport",
                "NumberOfSummaryRecords",
                "NumberOfBlocksInFile",
                "NumberOfBlocksInReport",
            ]
        };
        let said = names.iter().enumerate().map(|(place, name)| (*name, cells.get(place + 1)));
        let filled = said.filter(|(_, said)| !said.is_empty());
        let text = |said: &[u8]| String::from_utf8_lossy(said).into_owned();
        Self { said: filled.map(|(name, said)| (name, text(said))).collect() }
    }
}
