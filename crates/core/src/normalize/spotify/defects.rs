//! What is wrong with a row of Spotify's wide table: the slow path, which looks at the same cells as the
//! fast one, in the report's column order.

use crate::ingest::lines::Row;
use crate::ingest::spotify_streams::Columns;
use crate::normalize::defect::{Defect, shown_of_plays};
use crate::normalize::values::cells::{seconds_to_ms, text, truth};
use crate::normalize::values::times::{date, stamp, stamp_or_epoch};

/// The slow path: the first bad cell in the report's column order.
pub(crate) fn explain_row(columns: &Columns, row: &Row<'_>) -> (usize, Defect, String) {
    let offline = truth(row.cell(columns.stream_cached)).ok().flatten() == Some(true);
    let stamp_cell = columns.offline_timestamp.filter(|_| offline).map(|c| row.cell(c));
    let stamp_used = stamp_cell.is_some_and(|cell| !matches!(stamp_or_epoch(cell), Ok(None)));
    (0..columns.n_columns)
        .find_map(|column| {
            let defect = cell_defect(columns, row, column, offline, stamp_used)?;
            Some((column, defect, describe(defect, column, columns, row.cell(column))))
        })
        .unwrap_or_else(|| {
            let column = columns.track_id.min(columns.isrc);
            (column, Defect::NoTrack, "expected an ISRC or a track id, found neither".to_owned())
        })
}

fn cell_defect(
    columns: &Columns,
    row: &Row<'_>,
    column: usize,
    offline: bool,
    stamp_used: bool,
) -> Option<Defect> {
    let cell = row.cell(column);
    let is = |place: Option<usize>| place == Some(column);
    let is_used =
        (column != columns.log_time || !stamp_used) && (!is(columns.offline_timestamp) || offline);
    if is_used
        && columns.is_mapped(column)
        && let Err(defect) = text(cell)
    {
        return Some(defect);
    }
    if column == columns.day {
        date(cell).map_or_else(Some, |day| day.is_none().then_some(Defect::Missing))
    } else if column == columns.log_time && !stamp_used {
        stamp(cell).map_or_else(Some, |ms| ms.is_none().then_some(Defect::Missing))
    } else if is(columns.offline_timestamp) && offline {
        stamp_or_epoch(cell).err()
    } else if column == columns.stream_length {
        seconds_to_ms(cell).err()
    } else if column == columns.stream_cached {
        truth(cell).err()
    } else {
        None
    }
}

fn describe(defect: Defect, column: usize, columns: &Columns, cell: &[u8]) -> String {
    let found = if column == columns.customer_id {
        "it (not shown)".to_owned()
    } else {
        shown_of_plays(cell)
    };
    let expected = match defect {
        Defect::Missing => return "expected a value, found an empty cell".to_owned(),
        Defect::BadDate => "YYYY-MM-DD or YYYYMMDD",
        Defect::BadTime if Some(column) == columns.offline_timestamp => {
            "an ISO 8601 time stamp, or seconds or milliseconds since 1970"
        }
        Defect::BadTime => "an ISO 8601 time stamp",
        Defect::BadNumber => "seconds as a plain decimal number",
        Defect::OutOfRange => "0 to 86,400 seconds",
        Defect::BadBool => "true/false, t/f, yes/no or 1/0",
        Defect::NulByte => "text without NUL bytes",
        _ => "valid UTF-8",
    };
    format!("expected {expected}, found {found}")
}
