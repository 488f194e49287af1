//! Rows of Spotify's wide table to plays.
//!
//! The listening time is `offline_timestamp` where the play was offline and it is filled (exact),
//! else `log_time` (read off a clock that the store rounds). A cell is read only where it is used.
//!
//! Two paths give one result: the fast one reads cells column by column and marks rows with something
//! wrong; the slow one then looks at the same cells in the report's column order to say what it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use streamledger_lines::{BlockLines, LineCutter, LineRow, LineRows};

use crate::ingest::header_names::HeaderNames;
use crate::ingest::spotify_streams::StreamColumns;
use crate::model::about::ReportFacets;
use crate::model::day::Day;
use crate::model::listener::ListenerKey;
use crate::model::play::{Play, ReportPlays};
use crate::model::territory::TerritoryTable;
use crate::normalize::counts::{LineCounts, RowCounts};
use crate::normalize::day_plays::DayPlays;
use crate::normalize::played_in::PlayedIn;
use crate::normalize::rejected_row::{
    RejectCode, RejectedRow, ReportFault, hashed_line, raw_row_of_plays,
};
use crate::normalize::sales_lot::MonthNotes;
use crate::normalize::spotify::reject_reasons::explain_row;
use crate::normalize::spotify::rows::{RowFields, RowReader, TerritoryKind};
use crate::normalize::spotify::words::WordsBuilder;
use crate::normalize::store::{StoreSettings, tier_code};
use crate::normalize::table::headers::is_repeated;
use crate::normalize::unmapped::{UnmappedField, UnmappedValues};
use crate::normalize::values::cells::text;

/// Most bad rows that are kept in full; of a report with more only the number is known, since it is
/// rejected or a limit of the settings is very loose.
const BAD_ROWS_KEPT_MAX: usize = 1 << 20;

/// What normalising needs to know beside the rows.
#[derive(Debug, Clone, Copy)]
pub struct StreamsContext<'a> {
    /// The store's settings.
    pub store: &'a StoreSettings,
    /// Territory codes and aliases.
    pub territories: &'a TerritoryTable,
    /// The key of the listeners' hashes.
    pub key: &'a ListenerKey,
    /// Counted dates to keep plays of; `None` for all.
    pub wanted: Option<&'a BTreeSet<Day>>,
}

/// Reads the rows of one report.
#[derive(Debug)]
pub struct StreamsReader<'a> {
    columns: StreamColumns,
    context: StreamsContext<'a>,
    cutter: LineCutter,
    /// Lines of the blocks before, blank ones included.
    lines_before: u64,
    n_blank: u64,
    headers: HeaderNames,
    fault: Option<ReportFault>,
    counts: RowCounts,
    about: ReportFacets,
    played_in: PlayedIn,
    unmapped: UnmappedValues,
    bad_rows: Vec<RejectedRow>,
    /// Rows ingested by counted date; those of the last row's date are counted beside.
    day_rows: BTreeMap<Day, u64>,
    last_day: (Day, u64),
    plays: DayPlays,
    words: WordsBuilder,
    reader: RowReader,
}

/// What one report brought, or a part of it, without its plays.
#[derive(Debug)]
pub struct StreamsReading {
    /// Counts over the whole report.
    pub counts: RowCounts,
    /// What its lines were.
    pub lines: LineCounts,
    /// Why it cannot be trusted as a whole.
    pub fault: Option<ReportFault>,
    /// Lines after the header; those beyond [`LINES_MAX`](crate::normalize::sums::LINES_MAX) have no
    /// number and are not ingested.
    pub n_lines: u64,
    /// Bad rows in order.
    pub bad_rows: Vec<RejectedRow>,
    /// Rows ingested by counted date, wanted or not.
    pub day_rows: BTreeMap<Day, u64>,
    /// What the report says of itself.
    pub about: ReportFacets,
    /// Where its plays were.
    pub notes: MonthNotes,
    /// Values that no table of ours knows.
    pub unmapped: UnmappedValues,
}

impl<'a> StreamsReader<'a> {
    /// A reader for a report with these columns.
    #[must_use]
    pub fn new(columns: StreamColumns, context: StreamsContext<'a>) -> Self {
        Self {
            cutter: LineCutter::new(columns.n_columns),
            words: WordsBuilder::new(&columns, *context.key),
            headers: HeaderNames::new(&columns.names, []),
            columns,
            context,
            lines_before: 0,
            n_blank: 0,
            fault: None,
            reader: RowReader::default(),
            counts: RowCounts::default(),
            about: ReportFacets::default(),
            played_in: PlayedIn::default(),
            unmapped: UnmappedValues::default(),
            bad_rows: Vec::new(),
            day_rows: BTreeMap::new(),
            last_day: (Day(0), 0),
            plays: DayPlays::default(),
        }
    }

    /// Reads a block of whole lines; the last block of a report may end without a line end.
    pub fn read_block(&mut self, block: &[u8]) {
        let mut cutter = std::mem::replace(&mut self.cutter, LineCutter::new(1));
        let ends_in_line = !block.ends_with(b"\n");
        let (n_lines, n_blank) = cutter.cut(block, |lines| match lines {
            BlockLines::Rows(rows) => self.read_rows(&rows),
            BlockLines::Uneven { text, n_cells, line } => {
                let at_end = ends_in_line && text.as_ptr_range().end == block.as_ptr_range().end;
                self.reject_line(line, text, n_cells, at_end);
            }
        });
        self.lines_before += u64::from(n_lines);
        self.n_blank += u64::from(n_blank);
        self.cutter = cutter;
    }

    /// Plays that are held in memory by now, and the bytes that they and their words take.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.plays.n_rows() * size_of::<Play>() + self.words.size_bytes()
    }

    /// Takes what was read so far out of the reader, by counted date.
    pub fn take_pieces(&mut self, report: [u8; 32]) -> BTreeMap<Day, ReportPlays> {
        let empty = WordsBuilder::new(&self.columns, *self.context.key);
        let words = std::mem::replace(&mut self.words, empty);
        let words = Arc::new(words.finish());
        std::mem::take(&mut self.plays)
            .finish()
            .into_iter()
            .map(|(day, rows)| (day, ReportPlays { report, rows, words: Arc::clone(&words) }))
            .collect()
    }

    /// Ends the report.
    #[must_use]
    pub fn finish(mut self) -> StreamsReading {
        self.end_day();
        for day in self.day_rows.keys() {
            self.about.note_days(*day, *day);
        }
        let counts = self.counts;
        let lines = LineCounts {
            head: 1,
            rows: counts.rows,
            repeated_headers: counts.repeated_headers,
            blank: self.n_blank,
            ..LineCounts::default()
        };
        let in_header = || ReportFault::of_header(&self.columns.names, counts.rows);
        StreamsReading {
            counts,
            lines,
            fault: self.fault.or_else(in_header),
            n_lines: self.lines_before,
            bad_rows: self.bad_rows,
            day_rows: self.day_rows,
            about: self.about,
            notes: self.played_in.finish(&self.context.store.store),
            unmapped: self.unmapped,
        }
    }

    fn end_day(&mut self) {
        let (day, n_rows) = self.last_day;
        if n_rows != 0 {
            *self.day_rows.entry(day).or_default() += n_rows;
        }
    }

    fn read_rows(&mut self, rows: &LineRows<'_>) {
        let mut reader = std::mem::take(&mut self.reader);
        let settings = (self.context.store, self.context.territories);
        let all = reader.read(rows, &self.columns, &mut self.words, settings);
        for (place, fields) in all.iter().enumerate() {
            if fields.is_bad {
                self.reject_row(rows.line(place), &rows.row(place));
            } else {
                self.take_in(rows, place, fields);
            }
        }
        self.reader = reader;
    }

    /// Whether a line that cannot be read repeats the header. Another header breaks the report.
    fn is_repeated_header(&mut self, line: u32, text: &[u8]) -> bool {
        let cells = text.split(|byte| *byte == b'\t');
        let cells = cells.map(|cell| String::from_utf8_lossy(cell).into_owned());
        let (found, row) = (self.headers.look_at(cells), self.number(line));
        is_repeated(found, row, &mut self.counts, &mut self.fault)
    }

    #[inline]
    fn take_in(&mut self, rows: &LineRows<'_>, place: usize, fields: &RowFields) {
        let counts = &mut self.counts;
        counts.rows += 1;
        counts.bad_isrc += u64::from(fields.track_flaws.bad_isrc);
        counts.bad_upc += u64::from(fields.track_flaws.bad_upc);
        counts.unmapped_tier += u64::from(fields.unmapped_tier);
        counts.log_time_used += u64::from(fields.log_time_used);
        counts.aliased_territory += u64::from(fields.territory == TerritoryKind::Aliased);
        counts.bad_territory += u64::from(fields.territory == TerritoryKind::Wrong);
        if fields.unmapped_tier || fields.territory == TerritoryKind::Wrong {
            self.note_unmapped(rows, place, fields);
        }
        self.about.note_territory(fields.play.territory);
        let day = fields.day;
        self.played_in.note(day, fields.play.territory);
        if self.last_day.0 != day {
            self.end_day();
            self.last_day = (day, 0);
        }
        self.last_day.1 += 1;
        if self.context.wanted.is_some_and(|wanted| !wanted.contains(&day)) {
            return;
        }
        let cell = rows.cell(place, self.columns.customer_id);
        let listener = self.words.listener(cell);
        let Some(row) = self.number(rows.line(place)) else {
            return;
        };
        self.plays.push(day, Play { row, listener, ..fields.play });
    }

    /// Notes what a row says that no table of ours knows.
    #[cold]
    fn note_unmapped(&mut self, rows: &LineRows<'_>, place: usize, fields: &RowFields) {
        let cell = |column: usize| text(rows.cell(place, column)).ok().flatten();
        if fields.territory == TerritoryKind::Wrong {
            let value = cell(self.columns.country_code).unwrap_or_default();
            self.unmapped.note(UnmappedField::Territory, value, 1, None);
        }
        if fields.unmapped_tier {
            let product = self.columns.financial_product.and_then(cell);
            let code = tier_code(product, self.columns.access.and_then(cell)).unwrap_or_default();
            self.unmapped.note(UnmappedField::Tier, &code, 1, None);
        }
    }

    /// Number of a line in the report, after the header, from 1; `line` counts in its block from 0.
    /// `None` beyond [`LINES_MAX`](crate::normalize::sums::LINES_MAX): the report is rejected for it.
    #[inline]
    fn number(&self, line: u32) -> Option<u32> {
        u32::try_from(self.lines_before + u64::from(line) + 1).ok()
    }

    fn reject_line(&mut self, line: u32, text: &[u8], n_cells: usize, at_end: bool) {
        if self.is_repeated_header(line, text) {
            return;
        }
        self.counts.rows += 1;
        let n_columns = self.columns.n_columns;
        let Some(row) = self.number(line) else {
            self.counts.quarantined += 1;
            return;
        };
        let reject_code = if at_end && n_cells < n_columns {
            RejectCode::CutLine
        } else {
            RejectCode::ColumnCount
        };
        self.keep_bad_row(RejectedRow {
            row,
            column: None,
            reject_code,
            detail: format!("expected {n_columns} cells, found {n_cells}"),
            raw: hashed_line(text, row, self.context.key),
        });
    }

    fn reject_row(&mut self, line: u32, row: &LineRow<'_>) {
        if self.is_repeated_header(line, row.line()) {
            return;
        }
        self.counts.rows += 1;
        let Some(number) = self.number(line) else {
            self.counts.quarantined += 1;
            return;
        };
        let (column, reject_code, detail) = explain_row(&self.columns, row);
        let cells = row.line().split(|byte| *byte == b'\t');
        let listener = Some(self.columns.customer_id);
        let raw = raw_row_of_plays(cells, number, listener, reject_code, self.context.key);
        self.keep_bad_row(RejectedRow {
            row: number,
            column: Some(self.columns.names[column].clone()),
            reject_code,
            detail,
            raw,
        });
    }

    fn keep_bad_row(&mut self, bad_row: RejectedRow) {
        self.counts.quarantined += 1;
        if self.bad_rows.len() < BAD_ROWS_KEPT_MAX {
            self.bad_rows.push(bad_row);
        }
    }
}

#[cfg(test)]
mod tests;
