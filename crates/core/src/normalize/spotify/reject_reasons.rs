//! What is wrong with a row of Spotify's wide table: the slow path, which looks at the same cells as the
//! fast one, in the report's column order.

use streamledger_lines::LineRow;

use crate::ingest::spotify_streams::StreamColumns;
use crate::normalize::rejected_row::{RejectCode, shown_of_plays};
use crate::normalize::values::cells::{seconds_to_ms, text, truth};
use crate::normalize::values::times::{date, stamp, stamp_or_epoch};

/// The slow path: the first bad cell in the report's column order.
pub(crate) fn explain_row(
    columns: &StreamColumns,
    row: &LineRow<'_>,
) -> (usize, RejectCode, String) {
    let offline = truth(row.cell(columns.stream_cached)).ok().flatten() == Some(true);
    let stamp_cell = columns.offline_timestamp.filter(|_| offline).map(|c| row.cell(c));
    let stamp_used = stamp_cell.is_some_and(|cell| !matches!(stamp_or_epoch(cell), Ok(None)));
    (0..columns.n_columns)
        .find_map(|column| {
            let reject_code = cell_defect(columns, row, column, offline, stamp_used)?;
            Some((column, reject_code, describe(reject_code, column, columns, row.cell(column))))
        })
        .unwrap_or_else(|| {
            let column = columns.track_id.min(columns.isrc);
            (
                column,
                RejectCode::NoTrack,
                "expected an ISRC or a track id, found neither".to_owned(),
            )
        })
}

fn cell_defect(
    columns: &StreamColumns,
    row: &LineRow<'_>,
    column: usize,
    offline: bool,
    stamp_used: bool,
) -> Option<RejectCode> {
    let cell = row.cell(column);
    let is = |place: Option<usize>| place == Some(column);
    let is_used =
        (column != columns.log_time || !stamp_used) && (!is(columns.offline_timestamp) || offline);
    if is_used
        && columns.is_mapped(column)
        && let Err(reject_code) = text(cell)
    {
        return Some(reject_code);
    }
    if column == columns.day {
        date(cell).map_or_else(Some, |day| day.is_none().then_some(RejectCode::Missing))
    } else if column == columns.log_time && !stamp_used {
        stamp(cell).map_or_else(Some, |ms| ms.is_none().then_some(RejectCode::Missing))
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

fn describe(
    reject_code: RejectCode,
    column: usize,
    columns: &StreamColumns,
    cell: &[u8],
) -> String {
    let found = if column == columns.customer_id {
        "it (not shown)".to_owned()
    } else {
        shown_of_plays(cell)
    };
    let expected = match reject_code {
        RejectCode::Missing => return "expected a value, found an empty cell".to_owned(),
        RejectCode::BadDate => "YYYY-MM-DD or YYYYMMDD",
        RejectCode::BadTime if Some(column) == columns.offline_timestamp => {
            "an ISO 8601 time stamp, or seconds or milliseconds since 1970"
        }
        RejectCode::BadTime => "an ISO 8601 time stamp",
        RejectCode::BadNumber => "seconds as a plain decimal number",
        RejectCode::OutOfRange => "0 to 86,400 seconds",
        RejectCode::BadBool => "true/false, t/f, yes/no or 1/0",
        RejectCode::NulByte => "text without NUL bytes",
        _ => "valid UTF-8",
    };
    format!("expected {expected}, found {found}")
}
