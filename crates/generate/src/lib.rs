//! Made-up stores: seeded, realistic reports, for demos, tests and benchmarks. One store's daily reports of
//! plays, of any size, are here; all reports of a small distributor's year are in [`year`].
//!
//! The reports are Spotify's raw streams as one wide table (see the format's own file): TSV, LF, no
//! quotes, UTF-8, one report a day. Beside them stands the truth: which listeners are special, and
//! why, so that the filter can be measured. Same settings, same bytes, on every machine; a day
//! needs no other day, so that days can be written in parallel.
//!
//! Memory is one catalogue (up to 40 MB), and 24 bytes for each row of a day that is being written.
//! Writing rows straight from the walk over the listeners would need none, but a report would then
//! show each listener's plays side by side, which no store's does and which is too kind to a reader.

use std::io::{self, Write};

use chrono::{Datelike, Days, NaiveDate};

mod chance;

mod names;

mod catalogue;

mod audience;

mod patterns;

mod day;

mod pattern_plays;

mod day_plan;

mod rows;

pub mod year;

use audience::{ListenerProfile, MadeUpAudience};
use catalogue::Catalogue;
use patterns::{PatternCast, PatternSession, SpecialListener};
use rows::{RowWriter, SourceTable};

/// The columns of a report, in the order of the real table.
pub const HEADER: &str = "day\tlog_time\tmobile\ttrack_id\tisrc\tupc\tartist_name\ttrack_name\t\
    album_name\tcustomer_id\tpostal_code\taccess\tcountry_code\tgender\tbirth_year\tfilename\t\
    region_code\treferral_code\tpartner_name\tfinancial_product\tuser_product_type\t\
    offline_timestamp\tstream_length\tstream_cached\tstream_source\tstream_source_uri\t\
    stream_device\tstream_os\ttrack_uri\ttrack_artists\tsource";

/// The columns of the truth.
pub const TRUTH_HEADER: &str = "listener\tkind\tnote";

/// Plays of a track on a day, on average.
const PLAYS_PER_TRACK: u64 = 20;
/// Fewest and most tracks of a catalogue.
const TRACKS: (u64, u64) = (50, 200_000);
/// Most listeners: the special ones are numbered after them.
const PEOPLE_MAX: u64 = 1 << 31;

/// What to generate.
#[derive(Debug, Clone)]
pub struct GeneratorSettings {
    /// Data rows of all days together.
    pub plays: u64,
    /// Number of days, each with a report; 0 is taken for 1.
    pub days: u32,
    /// What makes this world different from others of the same size.
    pub seed: u64,
    /// The first counted date.
    pub first_day: NaiveDate,
}

/// The catalogue, the listeners and what they do, for all days of the settings.
#[derive(Debug)]
pub struct GeneratedWorld {
    settings: GeneratorSettings,
    catalogue: Catalogue,
    audience: MadeUpAudience,
    sources: SourceTable,
    cast: PatternCast,
    n_people: u32,
}

impl GeneratedWorld {
    /// Makes the world of the settings; takes a fraction of a second.
    #[must_use]
    pub fn new(settings: &GeneratorSettings) -> Self {
        let rows_per_day = settings.plays / u64::from(settings.days.max(1));
        let catalogue = Catalogue::new(settings.seed, n_tracks(rows_per_day));
        Self::with_catalogue(settings, catalogue)
    }

    /// The world of a store that has this catalogue.
    fn with_catalogue(settings: &GeneratorSettings, catalogue: Catalogue) -> Self {
        let mut settings = settings.clone();
        settings.days = settings.days.max(1);
        let rows_per_day = settings.plays / u64::from(settings.days);
        let year = u32::try_from(settings.first_day.year()).unwrap_or(0);
        let audience = MadeUpAudience::new(settings.seed, year);
        // Half of the people listen on a day, and those make 1.6 plays each.
        let n_people = (rows_per_day.saturating_mul(2) / 16).saturating_mul(10);
        let n_people = u32::try_from(n_people.clamp(10, PEOPLE_MAX)).unwrap_or(u32::MAX);
        let rows: Vec<u64> = (0..settings.days).map(|day| settings.rows_of_day(day)).collect();
        let cast = PatternCast::new(settings.seed, &rows, n_people, (&audience, &catalogue));
        let sources = SourceTable::new(settings.seed);
        Self { settings, catalogue, audience, sources, cast, n_people }
    }

    /// The counted dates, in order: the index of a date is its `day_index`.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> {
        (0..self.settings.days).filter_map(|day| self.date(day))
    }

    /// Writes the report of one day, header included, and returns the number of its data rows.
    ///
    /// The rows of all days add up to [`GeneratorSettings::plays`], and no two days differ by more than one.
    /// A day without rows still has its header.
    ///
    /// # Errors
    /// Those of `out`; `InvalidInput` if there is no such day, or if it has 2^32 rows or more.
    pub fn write_day(&self, day_index: u32, out: &mut impl Write) -> io::Result<u64> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
        let date = usize::try_from(day_index).ok().and_then(|index| self.days().nth(index));
        let date = date.ok_or_else(|| invalid("no such day"))?;
        let n_rows = self.settings.rows_of_day(day_index);
        let n_rows_small =
            u32::try_from(n_rows).map_err(|_| invalid("a day holds fewer than 2^32 rows"))?;
        let plan = day_plan::plan(self, day_index, n_rows_small as usize);
        RowWriter::new(self, day_index, date).write(&plan, out)?;
        Ok(n_rows)
    }

    /// Writes the special listeners, one a row: `listener` as in `customer_id`, `kind`, `note`.
    ///
    /// Every listener in it has plays. All others are ordinary people: none of them comes near a
    /// bound, but some repeat a short track a few times, and some rows are sent twice.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_truth(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{TRUTH_HEADER}")?;
        self.write_specials(out)
    }

    fn write_specials(&self, out: &mut impl Write) -> io::Result<()> {
        for special in &self.cast.specials {
            let mut listener = Vec::new();
            rows::push_customer_id(&mut listener, &special.profile);
            out.write_all(&listener)?;
            let (n_days, n_plays, first) = special.extent();
            let first =
                self.date(first).map_or_else(String::new, |date| format!(", first on {date}"));
            let name = special.name();
            writeln!(out, "\t{name}\t{n_plays} plays on {n_days} day(s){first}")?;
        }
        Ok(())
    }

    /// The counted date with this index; `None` beyond the period and beyond the calendar.
    fn date(&self, day_index: u32) -> Option<NaiveDate> {
        let days = (day_index < self.settings.days).then(|| Days::new(u64::from(day_index)))?;
        self.settings.first_day.checked_add_days(days)
    }

    const fn seed(&self) -> u64 {
        self.settings.seed
    }

    const fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    const fn audience(&self) -> &MadeUpAudience {
        &self.audience
    }

    const fn sources(&self) -> &SourceTable {
        &self.sources
    }

    /// Number of ordinary listeners; those are numbered from 0, the special ones after them.
    const fn n_people(&self) -> u32 {
        self.n_people
    }

    fn sessions(&self, day: u32) -> &[PatternSession] {
        self.cast.sessions.get(day as usize).map_or(&[], Vec::as_slice)
    }

    fn special(&self, special: usize) -> &SpecialListener {
        &self.cast.specials[special]
    }

    fn special_listener(&self, special: usize) -> u32 {
        self.n_people.saturating_add(u32::try_from(special).unwrap_or(u32::MAX))
    }

    fn profile(&self, listener: u32) -> ListenerProfile {
        match listener.checked_sub(self.n_people) {
            Some(special) => self.cast.specials[special as usize].profile,
            None => self.audience.profile(listener),
        }
    }
}

/// Tracks of a catalogue with so many plays a day.
fn n_tracks(plays_per_day: u64) -> u32 {
    let n_tracks = (plays_per_day / PLAYS_PER_TRACK).clamp(TRACKS.0, TRACKS.1);
    u32::try_from(n_tracks).unwrap_or(u32::MAX)
}

impl GeneratorSettings {
    /// Data rows of a day: the first days have one more where the days do not divide the plays.
    fn rows_of_day(&self, day: u32) -> u64 {
        let days = u64::from(self.days.max(1));
        self.plays / days + u64::from(u64::from(day) < self.plays % days)
    }
}

#[cfg(test)]
mod tests;
