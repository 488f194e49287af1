//! The description of a plain table, as `pipelines/formats/*.toml` writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ingest::table::text_layout::TextLayout;

/// What a report is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    /// Plays, early, without money.
    Trends,
    /// Units and money, months later.
    Sales,
    /// What the store shows the artist in public.
    PublicCounts,
    /// Artificial streams that the store has removed.
    StoreRemovals,
    /// Catalogue, tracks, exchange rates.
    Reference,
}

impl Feed {
    /// The name as it stands in the tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trends => "trends",
            Self::Sales => "sales",
            Self::PublicCounts => "public_counts",
            Self::StoreRemovals => "store_removals",
            Self::Reference => "reference",
        }
    }
}

/// Which reference data a report has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceKind {
    /// What the distributor knows of its recordings.
    Catalogue,
    /// A store's own ids of recordings, for the plays of the same date.
    Tracks,
    /// Exchange rates.
    FxRates,
}

/// How well a layout is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnEvidence {
    /// A real report was looked at.
    Sample,
    /// The store or a standards body publishes it.
    Specification,
    /// Only known from programs that read it.
    Parsers,
}

/// What a newer report of the same store, format, period, territory and name does to the older one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestatesBy {
    /// It takes its place.
    #[default]
    Replace,
    /// It adds to it.
    Add,
}

/// A format of the plain-table kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableFormat {
    /// Name of the format, lower-case letters, digits and hyphens; also the name of its file.
    pub format: String,
    /// What its reports are for.
    pub feed: Feed,
    /// Of the feed `reference`: which table its rows are for.
    #[serde(default)]
    pub reference: Option<ReferenceKind>,
    /// Folder of the inbox in which its reports lie; `*` for any.
    pub store: String,
    /// How well the layout is known.
    pub evidence: ColumnEvidence,
    /// Where the layout is known from, in a sentence.
    pub source: String,
    /// What is not known of it or not read, a sentence each.
    #[serde(default)]
    pub limits: Vec<String>,
    /// How its text is cut into rows and cells.
    pub text: TextLayout,
    /// Column names that none of its reports has: tells it from a format with more columns.
    #[serde(default)]
    pub without: Vec<String>,
    /// Where each field of ours comes from.
    pub fields: BTreeMap<FormatField, FieldSource>,
    /// Fields that are the same in all rows, where the report does not say it.
    #[serde(default)]
    pub constants: BTreeMap<FormatField, String>,
    /// Rows that are no data, such as totals.
    #[serde(default)]
    pub skip: Vec<SkippedRows>,
    /// Numbers in the preamble or tail that the rows must add up to.
    #[serde(default)]
    pub controls: Vec<ControlSpec>,
    /// Of plays and figures whose lines before the header state the days of the report (`usage_from` and
    /// `usage_to` with `preamble`): a row that lies more days outside of them is rejected. Plays that were
    /// late, such as those of a device without a network, stay.
    #[serde(default = "late_days")]
    #[schemars(range(max = 3_660))]
    pub late_days: u32,
    /// What a newer report about the same does to the older one.
    #[serde(default)]
    pub restates: RestatesBy,
    /// Whether a newer version without rows takes the older one back. Only for formats whose reports say
    /// that they have no rows: a file that was cut off behind its header looks the same. Else it waits for
    /// somebody to accept it.
    #[serde(default)]
    pub empty_cancels: bool,
    /// Reports that repeat what others say: they are rejected, since their rows would count twice.
    #[serde(default)]
    pub repeats: Option<RepeatedHeaders>,
}

fn late_days() -> u32 {
    31
}

impl TableFormat {
    /// What is wrong with the description beyond what its types can say.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let has = |field| self.fields.contains_key(&field) || self.constants.contains_key(&field);
        let must_have: &[FormatField] = match self.feed {
            Feed::Trends | Feed::Reference => &[FormatField::Date],
            Feed::PublicCounts | Feed::StoreRemovals => &[FormatField::Date, FormatField::Plays],
            Feed::Sales => &[FormatField::UsageFrom, FormatField::Units],
        };
        for field in must_have.iter().filter(|field| !has(**field)) {
            wrong.push(format!(
                "a format of the feed `{}` needs the field {field:?}",
                self.feed.as_str()
            ));
        }
        if (self.feed == Feed::Reference) != self.reference.is_some() {
            wrong.push("`reference` is for the feed `reference`, which needs it".to_owned());
        }
        if has(FormatField::Amount) && !has(FormatField::Currency) {
            wrong.push("an amount needs the field Currency or a constant for it".to_owned());
        }
        if !self.fields.values().any(|source| source.needed) {
            wrong.push("a field must be `needed`: else every report is of the format".to_owned());
        }
        if self
            .controls
            .iter()
            .any(|control| control.per_currency && control.total != TotalSpec::Amount)
        {
            wrong.push("`per_currency` is for a control with `total = \"amount\"`".to_owned());
        }
        wrong.extend(self.controls.iter().filter_map(|control| self.check_groups(control)));
        let has_tail = !self.text.end_at.is_empty() || 1 < self.text.header_within;
        if !self.controls.is_empty() && !has_tail {
            wrong.push(
                "a control needs lines that are no rows: `text.end_at` or a preamble".to_owned(),
            );
        }
        if self.text.header_within == 0 {
            wrong.push("`text.header_within` must be at least 1".to_owned());
        }
        if self.text.multiline && !self.text.quoted {
            wrong
                .push("`text.multiline` is for cells in quotes: it needs `text.quoted`".to_owned());
        }
        for (field, source) in &self.fields {
            let is_nowhere = source.header.is_empty() && source.preamble.is_empty();
            if is_nowhere && source.file_digits.is_none() && !source.file_isrc {
                let names = "`header`, `preamble`, `file_digits` or `file_isrc`";
                wrong.push(format!("the field {field:?} has none of {names}"));
            }
        }
        wrong
    }

    /// What is wrong with the groups of a control.
    fn check_groups(&self, control: &ControlSpec) -> Option<String> {
        let ControlSpec { label, by, per_currency, .. } = control;
        if by.is_empty() {
            return None;
        }
        if *per_currency {
            return Some(format!("`{label}`: with `by`, write Currency there, not `per_currency`"));
        }
        if self.text.end_at.is_empty() {
            return Some(format!("`{label}`: `by` is for a table in the tail: it needs `end_at`"));
        }
        let has_column = |field: &&FormatField| {
            self.fields.get(field).is_some_and(|source| !source.header.is_empty())
        };
        let field = by.iter().find(|field| !has_column(field))?;
        Some(format!("`{label}`: `by` names the field {field:?}, which has no `header`"))
    }
}

/// A field of ours.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FormatField {
    /// Trends: the day under which the store reports the play. Counters: the day of the number.
    Date,
    /// Trends: when the listener heard it, as exactly as the store says.
    ListenedAt,
    /// Trends: when the device says that the listener heard it, of a play without a network: goes before
    /// `listened_at` where it is filled and can be.
    OfflineListenedAt,
    /// Trends: the store's id of the listener.
    Listener,
    /// Trends: how long it was played.
    PlayedTime,
    /// Trends: how much of the track was played, in percent; with `track_time` it gives `played_time`.
    PlayedPercent,
    /// Trends: how long the track is.
    TrackTime,
    /// Trends, counters, declared: number of plays; 1 where the format has no such column.
    Plays,
    /// Trends: from where in the store it was played.
    Source,
    /// Trends: on what it was played.
    Device,
    /// The recording.
    Isrc,
    /// The release.
    Upc,
    /// The store's own id of the track.
    StoreTrack,
    /// Where.
    Territory,
    /// The store's code for the user's product, looked at first.
    TierProduct,
    /// The store's code for the user's access, looked at where there is no product.
    TierAccess,
    /// What kind of use; `stream` where neither the report nor a constant says it.
    UseType,
    /// Whether the device had no network.
    Offline,
    /// When the report says it was made.
    ReportedDate,
    /// Sales: first day of use. Of a month alone, its first day.
    UsageFrom,
    /// Sales: last day of use; where there is none, the last day of what `usage_from` names.
    UsageTo,
    /// Sales: the month in which it is settled.
    StatementPeriod,
    /// Sales: number of units.
    Units,
    /// Sales: what the line pays us.
    Amount,
    /// Sales: in which currency.
    Currency,
    /// Sales: whether it bears a royalty.
    RoyaltyBearing,
    /// Sales: `sale`, `return`, `adjustment`, `fine` or `promotion`; `sale` where nothing says it.
    LineType,
    /// Sales: the pool of the report that the line shares in.
    Pool,
    /// Sales: the store, in a statement of several stores.
    Shop,
    /// `GRid` of the release.
    Grid,
    /// Title of the recording.
    Title,
    /// Its artist, as shown.
    Artist,
    /// Title of the release.
    Release,
    /// Label.
    Label,
    /// Account to which the recording belongs.
    Owner,
    /// Share of the owner, in percent.
    Share,
    /// Two currencies, of which the second prices the first.
    Pair,
    /// Units of the second for one of the first.
    Rate,
    /// Who published the rate.
    RateSource,
}

impl FormatField {
    /// Its name as format files write it.
    #[must_use]
    pub fn name(self) -> String {
        let value = serde_json::to_value(self).ok();
        value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// Where a field comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct FieldSource {
    /// Column names. They are compared without spaces at the ends, in any case, and runs of spaces
    /// (also unbreakable ones) as one. Of several that a report has, the first that is filled counts.
    #[serde(default)]
    pub header: Vec<String>,
    /// Names in the preamble, in place of columns.
    #[serde(default)]
    pub preamble: Vec<String>,
    /// In place of columns: the last group of exactly so many digits in the name of the file, also
    /// with hyphens as in `2026-09-01`, for reports that say their date nowhere else.
    #[serde(default)]
    pub file_digits: Option<u8>,
    /// In place of columns: the ISRC that stands in the name of the file.
    #[serde(default)]
    pub file_isrc: bool,
    /// Whether a report without any of these columns is not of this format.
    #[serde(default)]
    pub needed: bool,
    /// Whether every row says it: one with an empty cell is rejected.
    #[serde(default)]
    pub filled: bool,
    /// Of a date: how it may be written, tried in this order.
    #[serde(default)]
    pub date: Vec<DateStyle>,
    /// Of a number: how its decimals are written.
    #[serde(default)]
    pub number: NumberStyle,
    /// Of a time: what it is counted in.
    #[serde(default)]
    pub unit: Option<TimeUnit>,
    /// Of a listening time: whether it is exact, not read off a clock that the store rounds.
    #[serde(default)]
    pub exact: bool,
    /// The store's codes, in any case, and what they stand for. A code that is not here is read as it
    /// is written.
    #[serde(default)]
    pub codes: BTreeMap<String, String>,
}

/// How a date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DateStyle {
    /// `2026-09-01`, `20260901`, also with a time behind it.
    Iso,
    /// `2026/09/01`.
    YearSlash,
    /// `01/09/2026`, `01-09-2026`: the day first.
    DayFirst,
    /// `09/01/2026`, `09/01/26`: the month first, also with a time behind it.
    MonthFirst,
    /// `2026-09`, `202609`, `2026/09`, `2026M09`: a month.
    YearMonth,
    /// `2026-09-01`, `2026/09/01`: a day that stands for its month.
    DayOfMonth,
    /// `09-2026`, `09/2026`: a month.
    MonthYear,
    /// `20260901 - 20260930`: from a day to a day.
    Range,
}

impl DateStyle {
    /// How a date of this style looks, for a message.
    #[must_use]
    pub fn shown(self) -> &'static str {
        match self {
            Self::Iso => "YYYY-MM-DD or YYYYMMDD",
            Self::YearSlash => "YYYY/MM/DD",
            Self::DayFirst => "DD/MM/YYYY",
            Self::MonthFirst => "MM/DD/YYYY",
            Self::YearMonth => "YYYY-MM",
            Self::DayOfMonth => "a day that stands for its month",
            Self::MonthYear => "MM-YYYY",
            Self::Range => "YYYYMMDD - YYYYMMDD",
        }
    }
}

/// How a number is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumberStyle {
    /// A decimal point; commas between thousands are passed over.
    #[default]
    Point,
    /// A decimal comma; points between thousands are passed over.
    Comma,
    /// Either, but one of them in all numbers of a report: those that leave no doubt (`0,50`, `1.234,5`)
    /// tell how the others (`1,234`) are meant.
    Either,
}

/// What a time is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Seconds, whole or decimal.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// Rows that are no data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkippedRows {
    /// The column that tells.
    pub header: String,
    /// What stands there, in any case; an empty text for an empty cell.
    pub equals: Vec<String>,
}

/// A number that the rows must add up to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlSpec {
    /// The first cell of its line, in the preamble or tail; the number is in the next cell that is
    /// filled. In a preamble of columns, and in a table with `by`: the name above the number.
    pub label: String,
    /// What it is the number of.
    pub total: TotalSpec,
    /// The tail has a table with a total for each group of rows: the fields that a group has in common.
    /// The table has a column for each of them, under a name that the field has in the header of the
    /// rows. A line with an empty cell there sums all groups that agree with its other cells.
    #[serde(default)]
    pub by: Vec<FormatField>,
    /// Of money: there is a line for each currency, with the code behind the label or in a cell of its
    /// own; each currency of the rows must then have its line.
    #[serde(default)]
    pub per_currency: bool,
    /// Whether every whole report has the line or table: one without it was cut off and is rejected. Only
    /// for what the source of the layout says.
    #[serde(default)]
    pub required: bool,
}

/// What a control number is the number of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TotalSpec {
    /// Data rows.
    Rows,
    /// Units.
    Units,
    /// Money.
    Amount,
}

/// Reports of a format that repeat what others say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepeatedHeaders {
    /// Patterns of their file names; `*` where all reports of the format do.
    pub names: Vec<String>,
    /// What they repeat, in a sentence.
    pub why: String,
}
