//! `streamledger report`: the waterfall, the days, the kinds of user and the territories of every
//! recording and artist as pages that a person reads in a browser. No server, no network.
//!
//! Recordings come in the order of their artists, some thousand at a time; what is kept of those before
//! are a line for the lists and the sum of all.

mod audience;
mod book;
mod cells;
mod charts;
mod days;
mod money;
mod overview;
mod pages;
mod search;
mod subject;

use anyhow::{anyhow, bail, ensure};
use askama::Template as _;
use rayon::prelude::*;
use streamledger_core::explain::figures::RecordingFigures;
use streamledger_core::explain::period::{Period, month_before};
use streamledger_core::model::day::Month;
use streamledger_core::numbers::exact;
use streamledger_pipeline::nightly::options::RunProgress as _;
use streamledger_query::explain::PublishedTables;
use streamledger_query::recordings::PublishedRecording;
use streamledger_query::status::status_of;

use crate::arguments::{CommonOptions, ReportCommand};
use crate::commands::nightly;
use crate::exit;
use crate::folders;
use crate::print::output::{OutputSheet, grouped, print};
use crate::print::progress::TerminalProgress;
use crate::print::words::{date_in_words, month_in_words, title_of};
use crate::report::book::FigureBook;
use crate::report::cells::PageCell;
use crate::report::pages::{
    ArtistPage, ListPage, ListPart, ListRow, OverviewPage, PageFrame, RecordingPage,
};
use crate::report::search::{SearchEntry, SearchIndex};
use crate::report::subject::PageSubject;
use streamledger_storage::disk::static_site::StaticSite;

/// Months that pages are about if nobody says which: what is paid of a month is known three to five
/// months after it.
const MONTHS: u32 = 6;

/// Recordings whose figures are in memory at a time: some 20 KB each.
const RECORDINGS_AT_A_TIME: usize = 2_500;

/// Rows of a part of a list.
const ROWS_A_PART: usize = 500;

/// Recordings that the page of an artist lists.
const RECORDINGS_OF_ARTIST_MAX: usize = 200;

/// Artists that the overview lists.
const ARTISTS_MAX: usize = 20;

/// Makes the pages.
pub(crate) fn run(common: &CommonOptions, command: &ReportCommand) -> anyhow::Result<u8> {
    nightly::start_threads(common)?;
    let settings = nightly::load_settings(&command.pipeline)?;
    folders::require_apart(("--out", &command.out), ("--warehouse", &command.warehouse))?;
    let published = PublishedTables::open(&command.warehouse)?;
    // What is published was judged by the accepted numbers, whatever the pipeline says by now.
    let settings = settings.judged_by(&published.manifest.settings);
    let (first, last) = months(command, &published)?;
    let span = published.span(first, last);
    ensure!(
        !span.months.is_empty(),
        "there are no figures from {} to {}",
        month_in_words(first),
        month_in_words(last)
    );
    let as_of = match published.manifest.as_of.parse() {
        Ok(Period::Day(day)) => day,
        _ => nightly::day_of(None),
    };
    let status = status_of(&published.manifest, &settings, as_of);
    let book = FigureBook::new(&published, &settings, &status, &span);
    let bar = TerminalProgress::new();
    let mut making = PageMaking {
        book: &book,
        frame: PageFrame::new(date_in_words(as_of), published.manifest.snapshot),
        site: StaticSite::begin(&command.out, &["artists", "tracks", "search"])?,
        index: SearchIndex::default(),
        recordings: Vec::new(),
        artists: Vec::new(),
        all: RecordingFigures::default(),
    };
    let recordings = published.recordings_with_figures(&span)?;
    bar.begin("pages", exact::<u64>(recordings.len()));
    for chunk in chunks(&recordings) {
        let figures = published.figures(&span, chunk)?;
        making.add(chunk, &figures)?;
        bar.advance(exact::<u64>(chunk.len()));
    }
    bar.end();
    let (n_recordings, n_artists) = (making.recordings.len(), making.artists.len());
    making.finish()?;
    let mut sheet = OutputSheet::new("pages", "Pages", &["what", "#number"]);
    for (what, n) in [("recordings", n_recordings), ("artists", n_artists)] {
        sheet.push(vec![what.to_owned(), grouped(exact::<i128>(n))]);
    }
    let index = command.out.join("index.html");
    print(&match common.format {
        crate::arguments::OutputFormat::Table => {
            format!("{}\nOpen {} in a browser.\n", sheet.to_text(), index.display())
        }
        crate::arguments::OutputFormat::Json => crate::print::output::to_json(&[sheet])?,
        crate::arguments::OutputFormat::Csv => crate::print::output::to_csv(&[sheet]),
    })?;
    Ok(exit::DONE)
}

/// From which month to which.
fn months(command: &ReportCommand, published: &PublishedTables) -> anyhow::Result<(Month, Month)> {
    let given = |text: &Option<String>| match text.as_deref().map(str::parse) {
        Some(Ok(Period::Month(month))) => Some(month),
        _ => None,
    };
    let known = published.months_with_figures();
    let Some(newest) = known.last() else {
        bail!("no month has figures yet: `streamledger status` says what is there");
    };
    let last = given(&command.to).unwrap_or(*newest);
    let first = given(&command.from).unwrap_or_else(|| month_before(last, MONTHS - 1));
    ensure!(first <= last, "--from {first} is after --to {last}");
    Ok((first, last))
}

/// Recordings by their artist; each of those that have none is alone.
fn by_artist(recordings: &[PublishedRecording]) -> impl Iterator<Item = &[PublishedRecording]> {
    recordings.chunk_by(|a, b| a.artist.is_some() && a.artist == b.artist)
}

/// Recordings some at a time; those of an artist stay together.
fn chunks(recordings: &[PublishedRecording]) -> Vec<&[PublishedRecording]> {
    let mut chunks = Vec::new();
    let mut rest = recordings;
    while !rest.is_empty() {
        let mut end = rest.len().min(RECORDINGS_AT_A_TIME);
        while end < rest.len()
            && rest[end].artist.is_some()
            && rest[end].artist == rest[end - 1].artist
        {
            end += 1;
        }
        let (chunk, after) = rest.split_at(end);
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

/// Pages in the making.
struct PageMaking<'a> {
    book: &'a FigureBook<'a>,
    frame: PageFrame,
    site: StaticSite,
    index: SearchIndex,
    recordings: Vec<ListRow>,
    artists: Vec<ListRow>,
    all: RecordingFigures,
}

/// What is made of the recordings of an artist.
struct MadePages {
    recordings: Vec<ListRow>,
    artist: Option<ListRow>,
    sum: RecordingFigures,
}

impl PageMaking<'_> {
    /// Makes the pages of some recordings and of their artists.
    fn add(
        &mut self,
        recordings: &[PublishedRecording],
        figures: &[RecordingFigures],
    ) -> anyhow::Result<()> {
        let mut rest = figures;
        let groups: Vec<(&[PublishedRecording], &[RecordingFigures])> = by_artist(recordings)
            .map(|group| {
                let (of_group, after) = rest.split_at(group.len());
                rest = after;
                (group, of_group)
            })
            .collect();
        let made: Vec<MadePages> = groups
            .into_par_iter()
            .map(|(group, figures)| self.make(group, figures))
            .collect::<anyhow::Result<_>>()?;
        for (made, recordings) in made.into_iter().zip(by_artist(recordings)) {
            for (row, recording) in made.recordings.iter().zip(recordings) {
                let artist = recording.artist.clone().unwrap_or_default();
                let entry = SearchEntry(row.name.clone(), artist, row.path.clone());
                match &recording.isrc {
                    Some(isrc) => self.index.add_recording(&entry, isrc),
                    None => self.index.add(&entry),
                }
            }
            if let Some(artist) = made.artist {
                let entry =
                    SearchEntry(artist.name.clone(), "artist".to_owned(), artist.path.clone());
                self.index.add(&entry);
                self.artists.push(artist);
            }
            self.recordings.extend(made.recordings);
            self.all.add(&made.sum);
        }
        Ok(())
    }

    /// The pages of the recordings of an artist, and the artist's own.
    fn make(
        &self,
        recordings: &[PublishedRecording],
        figures: &[RecordingFigures],
    ) -> anyhow::Result<MadePages> {
        let rows: Vec<ListRow> = recordings
            .par_iter()
            .zip(figures)
            .map(|(recording, figures)| self.recording(recording, figures))
            .collect::<anyhow::Result<_>>()?;
        let mut sum = RecordingFigures::default();
        figures.iter().for_each(|figures| sum.add(figures));
        let name = recordings.first().and_then(|recording| recording.artist.as_deref());
        let artist = name.map(|name| self.artist(name, &rows, &sum)).transpose()?;
        Ok(MadePages { recordings: rows, artist, sum })
    }

    /// The page of a recording.
    fn recording(
        &self,
        recording: &PublishedRecording,
        figures: &RecordingFigures,
    ) -> anyhow::Result<ListRow> {
        let subject = self.subject(figures)?;
        let title = title_of_recording(recording);
        let facts = [
            ("ISRC", recording.isrc.clone()),
            ("Release", recording.release.clone()),
            ("UPC", recording.upc.clone()),
        ];
        let facts = facts.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect();
        let artist = recording.artist.clone().map(|name| {
            let path = artist_path(&name);
            (name, path)
        });
        let page = RecordingPage {
            frame: self.frame.of(&title, "../", "recording"),
            title: title.clone(),
            artist,
            facts,
            subject: &subject,
        };
        let path = format!("tracks/{}.html", recording.isrc.as_deref().unwrap_or("none"));
        self.site.write(&path, &page.render()?)?;
        Ok(self.row(title, path, recording.isrc.clone().unwrap_or_default(), figures))
    }

    /// The page of an artist.
    fn artist(
        &self,
        name: &str,
        rows: &[ListRow],
        figures: &RecordingFigures,
    ) -> anyhow::Result<ListRow> {
        let subject = self.subject(figures)?;
        let mut recordings = rows.to_vec();
        recordings.sort_by_key(|row| std::cmp::Reverse(row.n_counted));
        recordings.truncate(RECORDINGS_OF_ARTIST_MAX);
        let n_recordings = grouped(exact::<i128>(rows.len()));
        let page = ArtistPage {
            frame: self.frame.of(name, "../", "artist"),
            title: name,
            n_all: rows.len(),
            n_recordings: n_recordings.clone(),
            subject: &subject,
            recordings: &recordings,
        };
        let path = artist_path(name);
        self.site.write(&path, &page.render()?)?;
        Ok(self.row(name.to_owned(), path, n_recordings, figures))
    }

    /// A row of a list.
    fn row(
        &self,
        name: String,
        path: String,
        detail: String,
        figures: &RecordingFigures,
    ) -> ListRow {
        let (plays, reach) = (figures.plays(), subject::reach_of_all(figures, self.book));
        ListRow {
            name,
            path,
            detail,
            reported: reach.short_cell(plays.reported()),
            counted: reach.short_cell(plays.counted),
            paid: PageCell::paid(figures),
            n_counted: plays.counted,
        }
    }

    /// The figures as texts, once they have been added up.
    fn subject(&self, figures: &RecordingFigures) -> anyhow::Result<PageSubject> {
        for ((month, store), lines) in &figures.waterfalls {
            if let Some((step, gap)) = lines.first_gap() {
                let store = self.book.store_key(*store);
                return Err(anyhow!(
                    "the waterfall of {store} in {month} does not add up: `{}` is {gap} off; run \
                     `streamledger verify`",
                    step.name()
                ));
            }
        }
        Ok(PageSubject::new(figures, self.book))
    }

    /// The overview, the lists and the search; then all of it takes its place.
    fn finish(mut self) -> anyhow::Result<()> {
        self.overview()?;
        self.recordings.sort_by_cached_key(|row| (row.name.to_lowercase(), row.path.clone()));
        let tracks = ListHeading {
            folder: "tracks",
            heading: "Recordings",
            intro: "All recordings with figures in these months. Plays of all stores.",
            detail: "ISRC",
        };
        self.list(&tracks, &self.recordings)?;
        let intro = if self.artists.is_empty() {
            "No catalogue names an artist of these recordings: put one into the folder `reference` of the inbox."
        } else {
            "Artists as the catalogue names them. Plays of all stores."
        };
        let artists =
            ListHeading { folder: "artists", heading: "Artists", intro, detail: "Recordings" };
        self.list(&artists, &self.artists)?;
        self.site.write("search.js", pages::SEARCH)?;
        for (name, text) in self.index.files() {
            self.site.write(&name, &text?)?;
        }
        Ok(self.site.publish()?)
    }

    fn overview(&self) -> anyhow::Result<()> {
        let subject = self.subject(&self.all)?.with_feeds(&self.book.all_feeds());
        let mut artists = self.artists.clone();
        artists.sort_by_key(|row| std::cmp::Reverse(row.n_counted));
        artists.truncate(ARTISTS_MAX);
        let months = overview::grid_months(self.book);
        let stores: Vec<String> =
            self.book.span.stores.iter().map(|store| title_of(store)).collect();
        let count = |n: usize| grouped(exact::<i128>(n));
        let page = OverviewPage {
            frame: self.frame.of("Overview", "", "overview"),
            months: overview::months_in_words(&self.book.span.months),
            stores: stores.join(", "),
            n_artists: count(self.artists.len()),
            n_recordings: count(self.recordings.len()),
            subject: &subject,
            grid: overview::grid(self.book, &months),
            grid_months: overview::grid_heads(&months),
            feeds: overview::feeds(self.book),
            artists: &artists,
        };
        Ok(self.site.write("index.html", &page.render()?)?)
    }

    /// A list in parts; the first is the `index.html` of its folder.
    fn list(&self, list: &ListHeading, rows: &[ListRow]) -> anyhow::Result<()> {
        let ListHeading { folder, heading, intro, detail } = *list;
        let source = format!("{}.", self.book.headline());
        let none: &[ListRow] = &[];
        let parts: Vec<&[ListRow]> =
            if rows.is_empty() { vec![none] } else { rows.chunks(ROWS_A_PART).collect() };
        let name = |part: usize| match part {
            0 => "index.html".to_owned(),
            part => format!("part-{}.html", part + 1),
        };
        for (this, rows) in parts.iter().enumerate() {
            let link = |(place, part): (usize, &&[ListRow])| ListPart {
                path: name(place),
                name: range_of(part),
                is_this: place == this,
            };
            let page = ListPage {
                frame: self.frame.of(heading, "../", folder),
                heading,
                intro,
                source: &source,
                detail,
                pages: parts.iter().enumerate().map(link).collect(),
                rows,
            };
            self.site.write(&format!("{folder}/{}", name(this)), &page.render()?)?;
        }
        Ok(())
    }
}

/// What stands above a list: where its pages lie, and the words for it and for its second column.
struct ListHeading {
    folder: &'static str,
    heading: &'static str,
    intro: &'static str,
    detail: &'static str,
}

/// From where to where a part of a list goes.
fn range_of(rows: &[ListRow]) -> String {
    let short = |row: &ListRow| row.name.chars().take(12).collect::<String>();
    match (rows.first(), rows.last()) {
        (Some(first), Some(last)) => format!("{} \u{2013} {}", short(first), short(last)),
        _ => String::new(),
    }
}

fn title_of_recording(recording: &PublishedRecording) -> String {
    match (&recording.title, &recording.isrc) {
        (Some(title), _) => title.clone(),
        (None, Some(isrc)) => isrc.clone(),
        (None, None) => "Plays without a recording".to_owned(),
    }
}

/// Page of an artist, from the root: no letter of the name can lead anywhere else.
fn artist_path(name: &str) -> String {
    let letters = name.to_lowercase();
    let words: Vec<String> = letters
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(ToOwned::to_owned)
        .collect();
    let slug: String = words.join("-").chars().take(40).collect();
    let hash = &blake3::hash(name.as_bytes()).to_hex()[..8];
    format!("artists/{}{}{hash}.html", slug, if slug.is_empty() { "" } else { "-" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_an_artist_is_named_for_the_name_and_stays_in_its_folder() {
        assert!(artist_path("Ängel & Söner").starts_with("artists/ngel-s-ner-"));
        assert!(artist_path("../../etc").starts_with("artists/etc-"));
        assert_ne!(artist_path("The Band"), artist_path("the band"));
        assert_eq!(artist_path("夜").len(), "artists/12345678.html".len());
    }

    #[test]
    fn recordings_of_an_artist_stay_together() {
        let recording = |artist: Option<&str>| PublishedRecording {
            artist: artist.map(ToOwned::to_owned),
            ..PublishedRecording::default()
        };
        let mut all = vec![recording(Some("a")); RECORDINGS_AT_A_TIME - 1];
        all.extend(vec![recording(Some("b")); 3]);
        all.extend(vec![recording(None); RECORDINGS_AT_A_TIME + 1]);
        let sizes: Vec<usize> = chunks(&all).iter().map(|chunk| chunk.len()).collect();
        assert_eq!(sizes, [RECORDINGS_AT_A_TIME + 2, RECORDINGS_AT_A_TIME, 1]);
    }
}
