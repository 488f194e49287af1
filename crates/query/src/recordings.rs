//! Recordings that have figures in some months, and what the catalogue says of them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::{Expr, PolarsResult, StringChunked, col};
use streamledger_core::explain::figures::StoreNumber;
use streamledger_core::explain::period::Period;
use streamledger_core::model::day::{Day, Month};
use streamledger_storage::layout::partition_key::PartitionKey;
use streamledger_storage::tables::scan::collect;

use crate::explain::{PublishedTables, store_of};

/// The tables that have figures of recordings.
pub(crate) const FIGURES: [&str; 3] = ["waterfall", "trends_daily", "sales_monthly"];

/// A recording that has figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishedRecording {
    /// 12 characters; `None` for all plays and lines without one.
    pub isrc: Option<String>,
    /// By the catalogue, as the next ones; `None` where it does not say.
    pub title: Option<String>,
    /// Who is named as the artist.
    pub artist: Option<String>,
    /// Name of the release.
    pub release: Option<String>,
    /// The release.
    pub upc: Option<String>,
}

/// What figures are about: the months that have any, from one to another, and their stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedSpan {
    /// The months, in order.
    pub months: BTreeSet<Month>,
    /// Their stores, in order; a [`StoreNumber`] is a place in it.
    pub stores: Vec<String>,
}

impl PublishedSpan {
    /// The first day.
    #[must_use]
    pub fn first_day(&self) -> Day {
        self.months.first().map_or(Day(0), |month| Period::Month(*month).first())
    }

    /// Month and store of a partition, if figures are about it.
    pub(crate) fn place_of(&self, path: &str) -> Option<(Month, StoreNumber)> {
        let month = month_of(path).filter(|month| self.months.contains(month))?;
        let store = store_of(path)?;
        let place = self.stores.iter().position(|known| known == store)?;
        Some((month, StoreNumber::try_from(place).ok()?))
    }
}

impl PublishedTables {
    /// The months that have figures, of plays or of statements.
    #[must_use]
    pub fn months_with_figures(&self) -> BTreeSet<Month> {
        self.paths_with_figures().filter_map(|path| month_of(path)).collect()
    }

    /// The months from one to another that have figures, and their stores.
    #[must_use]
    pub fn span(&self, first: Month, last: Month) -> PublishedSpan {
        let is_in = |month: &Month| first <= *month && *month <= last;
        let months = self.months_with_figures().into_iter().filter(is_in).collect();
        let paths = self.paths_with_figures();
        let paths = paths.filter(|path| month_of(path).is_some_and(|month| is_in(&month)));
        let stores: BTreeSet<&str> = paths.filter_map(|path| store_of(path)).collect();
        PublishedSpan { months, stores: stores.into_iter().map(ToOwned::to_owned).collect() }
    }

    fn paths_with_figures(&self) -> impl Iterator<Item = &String> {
        FIGURES.into_iter().flat_map(|table| self.partitions(table, None))
    }

    /// The recordings that have figures of these months, with what the catalogue says of them last. In
    /// the order of their artists and titles; those that it does not know come last, and at the very end
    /// the one of all plays without a recording.
    ///
    /// # Errors
    /// If a table cannot be read.
    pub fn recordings_with_figures(
        &self,
        span: &PublishedSpan,
    ) -> PolarsResult<Vec<PublishedRecording>> {
        let mut found: BTreeMap<Option<String>, PublishedRecording> = BTreeMap::new();
        for path in self.paths_with_figures().filter(|path| span.place_of(path).is_some()) {
            for rows in self.parts(path)? {
                let codes = collect(rows.group_by([col("isrc")]).agg([]))?;
                for code in codes.column("isrc")?.str()?.iter() {
                    let isrc = code.map(ToOwned::to_owned);
                    let known =
                        PublishedRecording { isrc: isrc.clone(), ..PublishedRecording::default() };
                    found.entry(isrc).or_insert(known);
                }
            }
        }
        self.name_recordings(&mut found)?;
        let mut recordings: Vec<PublishedRecording> = found.into_values().collect();
        recordings.sort_by(by_artist_and_title);
        Ok(recordings)
    }

    /// Takes names from the catalogue; where it has several, those that hold from the latest day on.
    fn name_recordings(
        &self,
        recordings: &mut BTreeMap<Option<String>, PublishedRecording>,
    ) -> PolarsResult<()> {
        let mut valid: BTreeMap<String, Option<i32>> = BTreeMap::new();
        for path in self.partitions("catalogue", None) {
            let columns = ["isrc", "title", "artist", "release", "upc"];
            let from = col("valid_from").to_physical().alias("from");
            let wanted: Vec<Expr> = columns.iter().map(|name| col(*name)).chain([from]).collect();
            let rows = collect(self.scan(path)?.select(wanted))?;
            let texts: Vec<StringChunked> = columns
                .iter()
                .map(|name| rows.column(name).and_then(|column| column.str().cloned()))
                .collect::<PolarsResult<_>>()?;
            let from = rows.column("from")?.i32()?.clone();
            for row in 0..rows.height() {
                let cell = |place: usize| texts[place].get(row).map(ToOwned::to_owned);
                let Some(isrc) = cell(0) else { continue };
                // One that names no day is older than all that do.
                let day = from.get(row);
                let is_older = valid.get(&isrc).is_some_and(|last| day < *last);
                let Some(known) = recordings.get_mut(&Some(isrc.clone())).filter(|_| !is_older)
                else {
                    continue;
                };
                let (title, artist) = (cell(1), cell(2));
                let (release, upc) = (cell(3), cell(4));
                *known =
                    PublishedRecording { isrc: Some(isrc.clone()), title, artist, release, upc };
                valid.insert(isrc, day);
            }
        }
        Ok(())
    }
}

fn by_artist_and_title(a: &PublishedRecording, b: &PublishedRecording) -> Ordering {
    let last = |text: &Option<String>| (text.is_none(), text.as_ref().map(|t| t.to_lowercase()));
    let key =
        |r: &PublishedRecording| (last(&r.artist), r.artist.clone(), last(&r.title), last(&r.isrc));
    key(a).cmp(&key(b))
}

/// Month of a partition's path.
pub(crate) fn month_of(path: &str) -> Option<Month> {
    PartitionKey::parse(path)?.month()
}
