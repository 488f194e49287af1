//! What a person has decided about reports. Decisions are input, like the reports themselves: the tables
//! are a function of both.

pub mod settings;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a person accepts of a report that is rejected until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AcceptKind {
    /// A proven replacement that loses more than half of the rows, plays or money of the older report.
    Shrinks,
    /// A report whose rows are in part those of another active report.
    Overlaps,
    /// The same bytes in the folders of two stores, neither of which the content proves.
    TwoStores,
    /// A report without rows that takes an older one back.
    Cancels,
}

impl AcceptKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Shrinks, Self::Overlaps, Self::TwoStores, Self::Cancels];

    /// The one that a report is rejected for, by the code of the rejection; `None` for a code that
    /// nobody can accept.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == code)
    }

    /// The name as it stands in a decision file and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shrinks => "shrinks",
            Self::Overlaps => "overlaps",
            Self::TwoStores => "two_stores",
            Self::Cancels => "cancels",
        }
    }
}

/// Reports (64 hex digits of the id) and what is accepted of each, with the name of the decision.
pub type AcceptedReports = BTreeMap<(String, AcceptKind), String>;
