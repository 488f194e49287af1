//! Rows of a plain table of the feed `trends` to plays.
//!
//! Rows are read column by column (`PlayColumns`); what most rows have in common with others is looked up
//! by its cells, and read (`PlayFields`) only where it is new.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ingest::table::format::{FormatField, TableFormat};
use crate::ingest::table::head::BoundFormat;
use crate::ingest::table::rows::RecordRows;
use crate::model::about::ReportFacets;
use crate::model::day::Day;
use crate::model::play::{NONE, Play, ReportPlays};
use crate::normalize::counts::RowCounts;
use crate::normalize::day_plays::DayPlays;
use crate::normalize::played_in::PlayedIn;
use crate::normalize::sales_lot::MonthNotes;
use crate::normalize::sums::PlaySums;
use crate::normalize::table::fields::{RowRejection, TableFields};
use crate::normalize::table::plays::columns::{PlayColumns, RowFields};
use crate::normalize::table::plays::context::PlaysContext;
use crate::normalize::table::plays::fields::PlayFields;
use crate::normalize::table::plays::words::PlayWords;
use crate::normalize::unmapped::{UnmappedField, UnmappedValues};

mod columns;
pub mod context;
mod fields;
mod words;

/// Reads the rows of one report.
#[derive(Debug)]
pub struct PlaysReader<'a> {
    fields: PlayFields<'a>,
    columns: PlayColumns,
    words: PlayWords,
    /// What the rows at hand say.
    rows: Vec<RowFields>,
    plays: DayPlays,
    /// Rows ingested by counted date; those of the last row's date are counted beside.
    day_rows: BTreeMap<Day, u64>,
    last_day: (Day, u64),
    unmapped: UnmappedValues,
    about: ReportFacets,
    played_in: PlayedIn,
    sums: PlaySums,
}

/// What is known of a report's plays at its end.
#[derive(Debug)]
pub struct PlaysReading {
    /// Rows ingested by counted date, wanted or not.
    pub day_rows: BTreeMap<Day, u64>,
    /// Values that no table of ours knows.
    pub unmapped: UnmappedValues,
    /// Sums of its plays, wanted or not.
    pub sums: PlaySums,
    /// Where its plays were.
    pub notes: MonthNotes,
}

impl<'a> PlaysReader<'a> {
    /// A reader for a report with this head.
    #[must_use]
    pub fn new(format: &'a TableFormat, bound: BoundFormat, context: PlaysContext<'a>) -> Self {
        let fields = PlayFields { table: TableFields::new(format, bound), context };
        Self {
            columns: PlayColumns::new(&fields),
            fields,
            words: PlayWords::default(),
            rows: Vec::new(),
            plays: DayPlays::default(),
            day_rows: BTreeMap::new(),
            last_day: (Day(0), 0),
            unmapped: UnmappedValues::default(),
            about: ReportFacets::default(),
            played_in: PlayedIn::default(),
            sums: PlaySums::default(),
        }
    }

    /// What it reads with.
    #[must_use]
    pub fn context(&self) -> PlaysContext<'a> {
        self.fields.context
    }

    /// Where the report has its fields.
    #[must_use]
    pub fn fields(&self) -> &TableFields<'a> {
        &self.fields.table
    }

    /// Memory of what was read, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.plays.n_rows() * size_of::<Play>() + self.words.size_bytes()
    }

    /// Takes what was read so far out of the reader, by counted date.
    pub fn take_pieces(&mut self, report: [u8; 32]) -> BTreeMap<Day, ReportPlays> {
        let words = Arc::new(std::mem::take(&mut self.words).finish());
        self.columns.forget_words();
        std::mem::take(&mut self.plays)
            .finish()
            .into_iter()
            .map(|(day, rows)| (day, ReportPlays { report, rows, words: Arc::clone(&words) }))
            .collect()
    }

    /// Adds what another reader of the same report knows, whose plays were taken out.
    pub fn absorb(&mut self, mut other: Self) {
        other.end_day();
        for (day, n_rows) in other.day_rows {
            *self.day_rows.entry(day).or_default() += n_rows;
        }
        self.unmapped.add(other.unmapped);
        self.about.add(&other.about);
        self.played_in.add(other.played_in);
        self.sums.add_sums(&other.sums);
        self.fields.table.add_marks(other.fields.table.marks());
    }

    /// What the report says of itself.
    #[must_use]
    pub fn about(&self) -> ReportFacets {
        let mut about = self.about;
        about.stated = self.fields.table.stated_days();
        let (last, n_rows) = self.last_day;
        let days = self.day_rows.keys().copied().chain((n_rows != 0).then_some(last));
        days.for_each(|day| about.note_days(day, day));
        about
    }

    /// What is known of the plays.
    #[must_use]
    pub fn finish(mut self) -> PlaysReading {
        self.end_day();
        PlaysReading {
            day_rows: self.day_rows,
            unmapped: self.unmapped,
            sums: self.sums,
            notes: self.played_in.finish(&self.fields.context.store.store),
        }
    }

    /// Takes rows in, and calls `reject` with the place of each that goes to quarantine, and why; nothing of
    /// it is counted then.
    pub fn read(
        &mut self,
        rows: &RecordRows<'_>,
        counts: &mut RowCounts,
        mut reject: impl FnMut(usize, RowRejection),
    ) {
        let mut all = std::mem::take(&mut self.rows);
        self.columns.read(rows, &self.fields, &mut self.words, &mut all);
        for (place, fields) in all.iter().enumerate() {
            if !fields.is_bad {
                self.take_in(rows, place, fields, counts);
            } else if let Err(rejection) = self.fields.check(&rows.record(place)) {
                reject(place, rejection);
            }
        }
        self.rows = all;
    }

    #[inline]
    fn take_in(
        &mut self,
        rows: &RecordRows<'_>,
        place: usize,
        fields: &RowFields,
        counts: &mut RowCounts,
    ) {
        let RowFields { day, play, track, territory, .. } = *fields;
        counts.log_time_used += u64::from(fields.log_time_used);
        counts.bad_isrc += u64::from(track.is_bad_isrc);
        counts.bad_upc += u64::from(track.is_bad_upc);
        counts.bad_territory += u64::from(territory.is_bad);
        counts.aliased_territory += u64::from(territory.is_alias);
        let n_plays = self.words.n_plays(play.kind);
        self.sums.add(n_plays, play.played_ms());
        if let Some(code) = self.words.unmapped(play.kind) {
            counts.unmapped_tier += 1;
            self.unmapped.note(UnmappedField::Tier, code, i64::from(n_plays), None);
        }
        if territory.is_bad {
            self.note_territory(rows, place, n_plays);
        }
        self.about.note_territory(play.territory);
        self.played_in.note(day, play.territory);
        if self.last_day.0 != day {
            self.end_day();
            self.last_day = (day, 0);
        }
        self.last_day.1 += 1;
        let PlaysContext { wanted, key, store, .. } = self.fields.context;
        if wanted.is_some_and(|wanted| !wanted.contains(&day)) {
            return;
        }
        let listener = match self.columns.plain_listener(rows, place) {
            Some(b"") => NONE,
            Some(id) => self.words.listener(key, &store.store, id),
            None => self.other_listener(rows, place),
        };
        self.plays.push(day, Play { row: rows.row(place), listener, ..play });
    }

    fn end_day(&mut self) {
        let (day, n_rows) = std::mem::replace(&mut self.last_day, (Day(0), 0));
        if n_rows != 0 {
            *self.day_rows.entry(day).or_default() += n_rows;
        }
    }

    /// The listener of a cell that is not plain.
    #[cold]
    fn other_listener(&mut self, rows: &RecordRows<'_>, place: usize) -> u32 {
        let PlaysContext { key, store, .. } = self.fields.context;
        // The cell was read before.
        match self.fields.listener(&rows.record(place)) {
            Ok(Some(id)) => self.words.listener(key, &store.store, id.as_bytes()),
            Ok(None) | Err(_) => NONE,
        }
    }

    /// Notes a territory that no table of ours knows.
    #[cold]
    fn note_territory(&mut self, rows: &RecordRows<'_>, place: usize, n_plays: u32) {
        let record = rows.record(place);
        let text = self.fields.table.text(FormatField::Territory, &record);
        let text = text.ok().flatten().unwrap_or_default();
        self.unmapped.note(UnmappedField::Territory, &text, i64::from(n_plays), None);
    }
}

#[cfg(test)]
mod tests;
