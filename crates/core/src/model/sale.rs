//! Sale: one line of a statement in our words, and the texts its ids point into.
//!
//! Usage and settlement are two things: a line says when the units were used (`usage_from`,
//! `usage_to`), a report may say in which period they are settled (`statement_period`). They are kept
//! both and never merged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::day::{Day, Month};
use crate::model::isrc::Isrc;
use crate::model::money::{Amount, Currency};
use crate::model::territory::Territory;
use crate::model::tier::Tier;
use crate::model::upc::Upc;

/// Id of a text among those of its batch.
pub type TextId = u32;

/// What kind of line it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LineType {
    /// Units that were used or sold.
    Sale,
    /// Units that were given back; they are negative.
    Return,
    /// A correction of an earlier line.
    Adjustment,
    /// Money that the store keeps back as a punishment, such as for artificial streams.
    Fine,
    /// Units that were given away.
    Promotion,
}

impl LineType {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Sale, Self::Return, Self::Adjustment, Self::Fine, Self::Promotion];

    /// The name as it stands in the tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Return => "return",
            Self::Adjustment => "adjustment",
            Self::Fine => "fine",
            Self::Promotion => "promotion",
        }
    }
}

/// Most days that a line of a statement may be about: ten years. More is a date that was mistyped.
pub const USAGE_DAYS_MAX: i32 = 3_660;

/// One line of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaleRow {
    /// Line in the report after the header, from 1.
    pub row: u32,
    /// First day of use.
    pub usage_from: Day,
    /// Last day of use.
    pub usage_to: Day,
    /// Period in which it is settled; `None` if the report names none.
    pub statement_period: Option<Month>,
    /// When the report says it was made.
    pub reported: Option<Day>,
    /// The recording.
    pub isrc: Option<Isrc>,
    /// The release.
    pub upc: Option<Upc>,
    /// The store's own id, or an ISRC that is none.
    pub store_track: Option<TextId>,
    /// Where it was used.
    pub territory: Option<Territory>,
    /// The kind of user.
    pub tier: Tier,
    /// The store's codes for it, joined by `|`.
    pub tier_code: Option<TextId>,
    /// What kind of use.
    pub use_type: TextId,
    /// Whether it was used without a network; `None` if the report does not say.
    pub offline: Option<bool>,
    /// Units; negative for returns.
    pub units: i64,
    /// What the line pays us; `None` where the report gives no money for the line.
    pub amount: Option<Amount>,
    /// The amount as written, only where 12 decimals did not hold it.
    pub amount_text: Option<TextId>,
    /// In which currency; `None` only where there is no amount.
    pub currency: Option<Currency>,
    /// Whether it bears a royalty; `None` if the report does not say.
    pub royalty_bearing: Option<bool>,
    /// What kind of line it is.
    pub line_type: LineType,
    /// The pool of the report that the line shares in.
    pub pool: Option<TextId>,
    /// The store as a statement of several stores names it.
    pub shop: Option<TextId>,
    /// The release by its `GRid`.
    pub grid: Option<TextId>,
    /// Identifiers that are none, as they are written: `isrc=...; upc=...`.
    pub id_text: Option<TextId>,
}

/// One revenue pool of a report: money for a territory and model, not for a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevenuePool {
    /// Line in the report, from 1.
    pub row: u32,
    /// First day of use.
    pub usage_from: Day,
    /// The report's name of the pool.
    pub pool: TextId,
    /// Where it was used.
    pub territory: Option<Territory>,
    /// The commercial model, as the report names it.
    pub model: Option<TextId>,
    /// What kind of use, as the report names it.
    pub use_type: Option<TextId>,
    /// Units in the pool.
    pub units: Option<i64>,
    /// Subscribers that paid into it.
    pub subscribers: Option<i64>,
    /// The money.
    pub amount: Option<Amount>,
    /// In which currency.
    pub currency: Option<Currency>,
}

/// One number of a report of counters, or of streams that a store has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FigureRow {
    /// Line in the report after the header, from 1.
    pub row: u32,
    /// The day; of a month its first.
    pub date: Day,
    /// The recording.
    pub isrc: Option<Isrc>,
    /// The release.
    pub upc: Option<Upc>,
    /// The store's own id, or an ISRC that is none.
    pub store_track: Option<TextId>,
    /// Where.
    pub territory: Option<Territory>,
    /// The kind of user.
    pub tier: Tier,
    /// The store's codes for it, joined by `|`.
    pub tier_code: Option<TextId>,
    /// Number of plays.
    pub plays: i64,
}

impl FigureRow {
    /// Its place among the figures of its report and month.
    #[must_use]
    pub fn order(&self) -> (Day, bool, Option<Isrc>, u32) {
        (self.date, self.isrc.is_none(), self.isrc, self.row)
    }
}
