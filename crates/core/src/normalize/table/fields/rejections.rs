//! What is said of cells that cannot be read.

use super::{RowRejection, TableFields};
use crate::ingest::table::format::{Feed, FormatField};
use crate::normalize::rejected_row::{RejectCode, shown, shown_of_plays};

impl TableFields<'_> {
    /// A rejection of a field's cell.
    #[must_use]
    pub fn rejection(
        &self,
        field: FormatField,
        reject_code: RejectCode,
        expected: &str,
        found: &str,
    ) -> RowRejection {
        RowRejection {
            column: self.column_name(field),
            reject_code,
            detail: format!("expected {expected}, found {}", self.shown(found.as_bytes())),
        }
    }

    /// A cell in a message; of plays only what cannot name a listener.
    pub(super) fn shown(&self, cell: &[u8]) -> String {
        if self.format.feed == Feed::Trends { shown_of_plays(cell) } else { shown(cell) }
    }

    /// A field that every row needs is empty.
    #[must_use]
    pub fn missing(&self, field: FormatField) -> RowRejection {
        let detail = "expected a value, found an empty cell".to_owned();
        RowRejection { column: self.column_name(field), reject_code: RejectCode::Missing, detail }
    }

    /// No cell names the track; the first that could is to blame.
    #[must_use]
    pub(crate) fn no_track(&self) -> RowRejection {
        let columns = [FormatField::Isrc, FormatField::StoreTrack].map(|field| self.column(field));
        let first = columns.into_iter().flatten().min();
        RowRejection {
            column: first.map(|column| self.bound.names[column].clone()),
            reject_code: RejectCode::NoTrack,
            detail: "expected an ISRC or a track id, found neither".to_owned(),
        }
    }

    pub(super) fn column_name(&self, field: FormatField) -> Option<String> {
        let bound = self.fields[field as usize].as_ref()?;
        let source =
            bound.source.and_then(|source| source.header.first().or(source.preamble.first()));
        bound.columns.first().map(|c| &self.bound.names[*c]).or(source).cloned()
    }
}
