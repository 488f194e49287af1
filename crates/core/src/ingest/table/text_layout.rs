//! How the text of a plain table is cut into lines and cells.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the text of a report is cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextLayout {
    /// What is between two cells.
    pub delimiter: FieldDelimiter,
    /// Whether cells may stand in double quotes, in which delimiters are text.
    #[serde(default)]
    pub quoted: bool,
    /// Whether line ends in quoted cells are text, too. Only where the store documents it: every quote
    /// must then be right, since one too many moves the ends of all rows behind it.
    #[serde(default)]
    pub multiline: bool,
    /// How bytes are read that are not UTF-8. UTF-16 is told by its byte order mark, always.
    #[serde(default)]
    pub fallback: Option<TextFallback>,
    /// The header is within so many lines (1: it is the first one). Blank lines count.
    #[serde(default = "one")]
    pub header_within: u32,
    /// How lines before the header name values that hold for all rows.
    #[serde(default)]
    pub preamble: Option<TablePreamble>,
    /// First cells of the lines with which the rows end; from there on it is the tail.
    #[serde(default)]
    pub end_at: Vec<String>,
    /// Whether rows may have fewer or more cells than the header: those missing are empty, those
    /// beyond are not looked at.
    #[serde(default)]
    pub ragged: bool,
}

fn one() -> u32 {
    1
}

/// What is between two cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldDelimiter {
    /// A tab.
    Tab,
    /// A comma.
    Comma,
    /// A semicolon.
    Semicolon,
    /// No delimiter: each line is a JSON object, its keys are the column names.
    Ndjson,
}

impl FieldDelimiter {
    /// The byte; `None` for JSON.
    #[must_use]
    pub fn byte(self) -> Option<u8> {
        match self {
            Self::Tab => Some(b'\t'),
            Self::Comma => Some(b','),
            Self::Semicolon => Some(b';'),
            Self::Ndjson => None,
        }
    }
}

/// How a cell is read that is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextFallback {
    /// Windows' Western European, which has all of Latin-1's letters.
    Cp1252,
    /// Windows' Japanese, Shift JIS.
    Cp932,
}

/// How lines before the header name values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TablePreamble {
    /// A line each: the name, then the value in the next cell.
    Pairs,
    /// A line of names, and below each its value.
    Columns,
}
