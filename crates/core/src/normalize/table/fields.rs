//! The fields of a plain table's row: which cell a field is read from, and what it says. What all feeds
//! have in common; what a row becomes is said in `sales_reader.rs` and `table_plays.rs`.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use crate::ingest::table::format::{
    DateStyle, Feed, FieldSource, FormatField, NumberStyle, TableFormat,
};
use crate::ingest::table::head::{BoundFormat, encoding_of, normal_name};
use crate::ingest::table::rows::TableRecord;
use crate::model::day::Day;
use crate::model::isrc::Isrc;
use crate::model::money::Amount;
use crate::model::territory::{Territory, TerritoryCell, TerritoryTable};
use crate::model::tier::Tier;
use crate::model::upc::Upc;
use crate::normalize::counts::RowCounts;
use crate::normalize::rejected_row::RejectCode;
use crate::normalize::store::{StoreSettings, tier_code};
use crate::normalize::table::track_codes::TrackCodes;
use crate::normalize::values::cells::{trimmed, truth};
use crate::normalize::values::dates::{DateSpan, read_date};
use crate::normalize::values::numbers::{
    MarksSeen, plain_decimal, short_whole, unwrapped, whole_number,
};

mod rejections;

/// Fields, for a table by field.
const N_FIELDS: usize = FormatField::RateSource as usize + 1;

/// What stands in a cell that says that there is nothing: how stores write null.
const NOTHING: [&str; 4] = ["N/A", "--", "n/a", "NULL"];

/// The days that the lines before the header state, of a report whose rows have days of their own.
fn stated_days(format: &TableFormat, bound: &BoundFormat) -> Option<(Day, Day)> {
    if format.feed == Feed::Sales {
        return None;
    }
    let span = |field: FormatField| {
        let styles = format.fields.get(&field).map(|source| source.date.as_slice());
        let styles = styles.filter(|styles| !styles.is_empty()).unwrap_or(&[DateStyle::Iso]);
        read_date(bound.preamble.get(&field)?, styles)
    };
    let first = span(FormatField::UsageFrom)?;
    let last = span(FormatField::UsageTo).unwrap_or(first);
    (first.first <= last.last).then_some((first.first, last.last))
}

/// Whether a field is a name that people gave: it passes as it is written.
fn is_name(field: FormatField) -> bool {
    use FormatField::{Artist, Device, Label, Owner, RateSource, Release, Source, Title};
    matches!(field, Title | Artist | Release | Label | Owner | Source | Device | RateSource)
}

/// Why a row is not ingested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRejection {
    /// The store's name of the column; `None` where none is to blame.
    pub column: Option<String>,
    /// What is wrong.
    pub reject_code: RejectCode,
    /// Expected and found.
    pub detail: String,
}

/// A format and where its fields stand in a report.
#[derive(Debug)]
pub struct TableFields<'a> {
    /// The format.
    pub format: &'a TableFormat,
    /// Where the report has what.
    pub bound: BoundFormat,
    fields: Vec<Option<BoundField<'a>>>,
    /// What its numbers say of the decimal mark, so far.
    marks: Cell<MarksSeen>,
    /// The days that the lines before the header state of a report of plays or figures.
    stated: Option<(Day, Day)>,
}

#[derive(Debug)]
struct BoundField<'a> {
    columns: Vec<usize>,
    /// What the preamble, the name of the file or a constant says, where there is no column.
    fixed: Option<String>,
    source: Option<&'a FieldSource>,
    codes: BTreeMap<String, &'a str>,
}

impl<'a> TableFields<'a> {
    /// Puts a format and a head together.
    #[must_use]
    pub fn new(format: &'a TableFormat, bound: BoundFormat) -> Self {
        let mut fields: Vec<Option<BoundField<'a>>> = (0..N_FIELDS).map(|_| None).collect();
        for (field, source) in &format.fields {
            let columns = bound.columns.get(field).cloned().unwrap_or_default();
            let said = bound.preamble.get(field).cloned();
            let fixed = said.or_else(|| format.constants.get(field).cloned());
            if !columns.is_empty() || fixed.is_some() {
                let codes = source.codes.iter().map(|(code, is)| (normal_name(code), is.as_str()));
                fields[*field as usize] = Some(BoundField {
                    columns,
                    fixed,
                    source: Some(source),
                    codes: codes.collect(),
                });
            }
        }
        for (field, value) in &format.constants {
            fields[*field as usize].get_or_insert_with(|| BoundField {
                columns: Vec::new(),
                fixed: Some(value.clone()),
                source: None,
                codes: BTreeMap::new(),
            });
        }
        let stated = stated_days(format, &bound);
        Self { format, bound, fields, marks: Cell::default(), stated }
    }

    /// First and last day of a report of plays or figures, as its head states them.
    #[must_use]
    pub fn stated_days(&self) -> Option<(Day, Day)> {
        self.stated
    }

    /// Checks that a row is not far outside of the days that the report states.
    ///
    /// # Errors
    /// It is.
    pub fn check_stated(&self, day: Day) -> Result<(), RowRejection> {
        let Some((first, last)) = self.stated else {
            return Ok(());
        };
        let late = self.format.late_days.cast_signed();
        if first.0 - late <= day.0 && day.0 <= last.0 + late {
            return Ok(());
        }
        let expected = format!("a day at most {late} days outside of {first} to {last}");
        Err(self.rejection(
            FormatField::Date,
            RejectCode::OutsidePeriod,
            &expected,
            &day.to_string(),
        ))
    }

    /// Whether the report, or the format for it, says anything of a field.
    #[must_use]
    pub fn has(&self, field: FormatField) -> bool {
        self.fields[field as usize].is_some()
    }

    /// The columns of a field, of which the first that is filled counts; none where the report has none.
    #[must_use]
    pub(crate) fn field_columns(&self, field: FormatField) -> &[usize] {
        self.fields[field as usize].as_ref().map_or(&[], |bound| &bound.columns)
    }

    /// The column of a field, for a message and to mask it.
    #[must_use]
    pub fn column(&self, field: FormatField) -> Option<usize> {
        self.fields[field as usize].as_ref()?.columns.first().copied()
    }

    /// Whether a row is no data.
    #[must_use]
    pub fn is_skipped(&self, record: &TableRecord<'_>) -> bool {
        self.format.skip.iter().zip(&self.bound.skip).any(|(skipped, column)| {
            column.is_some_and(|column| {
                let cell = trimmed(record.cell(column));
                skipped.equals.iter().any(|wanted| cell.eq_ignore_ascii_case(wanted.as_bytes()))
            })
        })
    }

    /// What a field says in a row: its first cell that is filled, else what holds for all rows.
    ///
    /// # Errors
    /// A NUL byte, or bytes that are no text.
    pub fn text<'r>(
        &'r self,
        field: FormatField,
        record: &TableRecord<'r>,
    ) -> Result<Option<Cow<'r, str>>, RowRejection> {
        let Some(bound) = &self.fields[field as usize] else {
            return Ok(None);
        };
        for column in &bound.columns {
            let cell = trimmed(record.cell(*column));
            if cell.is_empty() {
                continue;
            }
            let Some(text) = self.decoded(*column, cell, is_name(field))? else {
                continue;
            };
            if bound.codes.is_empty() {
                return Ok(Some(text));
            }
            let meant = bound.codes.get(&normal_name(&text)).map(|meant| Cow::Borrowed(*meant));
            return Ok(Some(meant.unwrap_or(text)));
        }
        if bound.source.is_some_and(|source| source.filled) {
            return Err(self.missing(field));
        }
        // An empty cell is empty: what the format says for reports without the column is no answer.
        Ok(bound.fixed.as_deref().filter(|_| bound.columns.is_empty()).map(Cow::Borrowed))
    }

    /// The text of a cell; `None` where it says that there is nothing. A name is what is written: a song may
    /// be called `N/A`, or begin with an apostrophe.
    fn decoded<'r>(
        &self,
        column: usize,
        cell: &'r [u8],
        is_name: bool,
    ) -> Result<Option<Cow<'r, str>>, RowRejection> {
        let rejection = |reject_code, expected: &str| {
            Err(RowRejection {
                column: self.bound.names.get(column).cloned(),
                reject_code,
                detail: format!("expected {expected}, found {}", self.shown(cell)),
            })
        };
        if let Some(nul) = memchr::memchr(0, cell) {
            // Whichever stands first.
            if self.format.text.fallback.is_some() || std::str::from_utf8(&cell[..nul]).is_ok() {
                return rejection(RejectCode::NulByte, "text without NUL bytes");
            }
        }
        let text = match (std::str::from_utf8(cell), self.format.text.fallback) {
            (Ok(text), _) => Cow::Borrowed(text),
            (Err(_), None) => return rejection(RejectCode::InvalidUtf8, "valid UTF-8"),
            (Err(_), Some(fallback)) => {
                let encoding = encoding_of(fallback);
                match encoding.decode_without_bom_handling_and_without_replacement(cell) {
                    Some(text) => text,
                    None => return rejection(RejectCode::InvalidUtf8, encoding.name()),
                }
            }
        };
        if is_name {
            return Ok(Some(text));
        }
        // Nearly all cells begin and end with a letter or digit: nothing is wrapped round those, and
        // only a word with an N can say that there is nothing.
        if let [first, .., last] | [first @ last] = cell
            && first.is_ascii_alphanumeric()
            && last.is_ascii_alphanumeric()
            && !first.eq_ignore_ascii_case(&b'n')
        {
            return Ok(Some(text));
        }
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(unwrapped(text)),
            Cow::Owned(text) => Cow::Owned(unwrapped(&text).to_owned()),
        };
        Ok((!text.is_empty() && !NOTHING.contains(&&*text)).then_some(text))
    }

    /// A date.
    ///
    /// # Errors
    /// It is none of the format's styles.
    pub fn date(
        &self,
        field: FormatField,
        record: &TableRecord<'_>,
    ) -> Result<Option<DateSpan>, RowRejection> {
        let Some(text) = self.text(field, record)? else {
            return Ok(None);
        };
        let styles = self.date_styles(field);
        let span = read_date(&text, styles);
        let expected = || styles.iter().map(|style| style.shown()).collect::<Vec<_>>().join(" or ");
        span.map(Some).ok_or_else(|| self.rejection(field, RejectCode::BadDate, &expected(), &text))
    }

    fn date_styles(&self, field: FormatField) -> &'a [DateStyle] {
        let source = self.fields[field as usize].as_ref().and_then(|bound| bound.source);
        match source.map(|source| source.date.as_slice()) {
            None | Some([]) => &[DateStyle::Iso],
            Some(styles) => styles,
        }
    }

    /// All columns of some fields, each once.
    pub(crate) fn columns(&self, is_wanted: impl Fn(FormatField) -> bool) -> Vec<usize> {
        let fields = self.format.fields.keys().filter(|field| is_wanted(**field));
        let bound = fields.filter_map(|field| self.fields[*field as usize].as_ref());
        let columns: BTreeSet<usize> = bound.flat_map(|bound| bound.columns.clone()).collect();
        columns.into_iter().collect()
    }

    /// The cell of a field that is read as it is written.
    #[inline]
    pub(crate) fn plain_cell<'r>(
        &self,
        field: FormatField,
        record: &TableRecord<'r>,
    ) -> Option<&'r [u8]> {
        let bound = self.fields[field as usize].as_ref()?;
        let [column] = bound.columns[..] else {
            return None;
        };
        bound.codes.is_empty().then(|| record.cell(column))
    }

    /// An amount with a decimal point that most cells with one hold; `None` where the cell must be looked at
    /// more closely.
    #[inline]
    pub(crate) fn short_amount(
        &self,
        field: FormatField,
        record: &TableRecord<'_>,
    ) -> Option<Amount> {
        let source = self.fields[field as usize].as_ref()?.source;
        if source.is_some_and(|source| source.number != NumberStyle::Point) {
            return None;
        }
        Amount::parse_short(self.plain_cell(field, record)?)
    }

    /// A number as a decimal with a point.
    ///
    /// # Errors
    /// Its separators do not stand where they stand in a number.
    pub fn decimal<'r>(
        &'r self,
        field: FormatField,
        record: &TableRecord<'r>,
    ) -> Result<Option<String>, RowRejection> {
        let Some(text) = self.text(field, record)? else {
            return Ok(None);
        };
        let source = self.fields[field as usize].as_ref().and_then(|bound| bound.source);
        let style = source.map(|source| source.number).unwrap_or_default();
        if style == NumberStyle::Either {
            let mut marks = self.marks.get();
            marks.look(&text);
            self.marks.set(marks);
        }
        match plain_decimal(&text, style, self.bound.decimal_mark) {
            Some(number) => Ok(Some(number.into_owned())),
            None => Err(self.rejection(field, RejectCode::BadNumber, "a number", &text)),
        }
    }

    /// What the numbers that were read say of the decimal mark of the report.
    #[must_use]
    pub fn marks(&self) -> MarksSeen {
        self.marks.get()
    }

    /// Adds what other rows of the report say of it.
    pub(crate) fn add_marks(&self, others: MarksSeen) {
        let mut marks = self.marks.get();
        marks.add(others);
        self.marks.set(marks);
    }

    /// A whole number.
    ///
    /// # Errors
    /// It is none.
    pub fn whole(
        &self,
        field: FormatField,
        record: &TableRecord<'_>,
    ) -> Result<Option<i64>, RowRejection> {
        if let Some(number) = self.plain_cell(field, record).and_then(short_whole) {
            return Ok(Some(number));
        }
        let Some(text) = self.decimal(field, record)? else {
            return Ok(None);
        };
        let number = whole_number(&text);
        number.map(Some).ok_or_else(|| {
            self.rejection(
                field,
                RejectCode::BadNumber,
                "a whole number of at most 15 digits",
                &text,
            )
        })
    }

    /// A truth value.
    ///
    /// # Errors
    /// It is none.
    pub fn truth(
        &self,
        field: FormatField,
        record: &TableRecord<'_>,
    ) -> Result<Option<bool>, RowRejection> {
        let Some(text) = self.text(field, record)? else {
            return Ok(None);
        };
        truth(text.as_bytes()).map_err(|reject_code| {
            self.rejection(field, reject_code, "true/false, t/f, yes/no or 1/0", &text)
        })
    }

    /// The unit and exactness that the format gives a field.
    #[must_use]
    pub fn source(&self, field: FormatField) -> Option<&'a FieldSource> {
        self.fields[field as usize].as_ref()?.source
    }

    /// The codes of a track, and the text of an ISRC that is none.
    ///
    /// # Errors
    /// A cell is no text.
    pub fn track<'r>(
        &'r self,
        record: &TableRecord<'r>,
        counts: &mut RowCounts,
    ) -> Result<TrackCodes<'r>, RowRejection> {
        let isrc_text = self.text(FormatField::Isrc, record)?;
        let upc_text = self.text(FormatField::Upc, record)?;
        let isrc = isrc_text.as_ref().and_then(|text| Isrc::parse(text.as_bytes()));
        let upc = upc_text.as_ref().and_then(|text| Upc::parse(text.as_bytes()));
        counts.bad_isrc += u64::from(isrc_text.is_some() && isrc.is_none());
        counts.bad_upc += u64::from(upc_text.is_some() && upc.is_none());
        let store_track = self.text(FormatField::StoreTrack, record)?;
        let bad = |is_good: bool, text: Option<Cow<'r, str>>| text.filter(|_| !is_good);
        let bad_upc = bad(upc.is_some(), upc_text);
        let store_track = store_track.or_else(|| isrc_text.clone().filter(|_| isrc.is_none()));
        Ok(TrackCodes { isrc, upc, store_track, bad_isrc: bad(isrc.is_some(), isrc_text), bad_upc })
    }

    /// The territory: a code, an alias, or its English name.
    ///
    /// # Errors
    /// The cell is no text.
    pub fn territory(
        &self,
        record: &TableRecord<'_>,
        territories: &TerritoryTable,
        counts: &mut RowCounts,
    ) -> Result<Option<Territory>, RowRejection> {
        let Some(text) = self.text(FormatField::Territory, record)? else {
            return Ok(None);
        };
        Ok(match territories.look_up(text.as_bytes()) {
            TerritoryCell::Known(territory) => Some(territory),
            TerritoryCell::Aliased(territory) => {
                counts.aliased_territory += 1;
                Some(territory)
            }
            TerritoryCell::Empty => None,
            TerritoryCell::Wrong => {
                let named = territories.look_up_name(&text);
                counts.bad_territory += u64::from(named.is_none());
                named
            }
        })
    }

    /// The tier and its code, by a store's table.
    ///
    /// # Errors
    /// A cell is no text.
    pub fn tier(
        &self,
        record: &TableRecord<'_>,
        store: Option<&StoreSettings>,
    ) -> Result<(Tier, Option<String>), RowRejection> {
        let product = self.text(FormatField::TierProduct, record)?;
        let access = self.text(FormatField::TierAccess, record)?;
        let tier = match store {
            Some(store) => store.tier.look_up(product.as_deref(), access.as_deref()),
            None if product.is_some() || access.is_some() => Tier::Unmapped,
            None => Tier::Unknown,
        };
        Ok((tier, tier_code(product.as_deref(), access.as_deref())))
    }
}
