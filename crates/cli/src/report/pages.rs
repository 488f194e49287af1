//! Pages: templates and what is put into them. Every text that comes from a report is escaped by the
//! template, drawings and the style are our own.

use askama::Template;

use crate::report::cells::PageCell;
use crate::report::subject::PageSubject;

/// The style of all pages: a part of each page, so that a page can be sent by itself.
const STYLE: &str = include_str!("../../templates/style.css");

/// The script of the search.
pub(crate) const SEARCH: &str = include_str!("../../templates/search.js");

/// What surrounds a page.
#[derive(Debug, Clone)]
pub(crate) struct PageFrame {
    pub(crate) title: String,
    /// From the page's folder to the root of the pages.
    pub(crate) root: &'static str,
    /// Which of the first links the page is.
    pub(crate) place: &'static str,
    /// The day for which things are due or late.
    pub(crate) as_of: String,
    pub(crate) snapshot: u64,
    style: &'static str,
}

impl PageFrame {
    pub(crate) fn new(as_of: String, snapshot: u64) -> Self {
        Self { title: String::new(), root: "", place: "", as_of, snapshot, style: STYLE }
    }

    /// The frame of a page.
    pub(crate) fn of(&self, title: &str, root: &'static str, place: &'static str) -> Self {
        Self { title: title.to_owned(), root, place, ..self.clone() }
    }
}

/// The page of a recording.
#[derive(Template)]
#[template(path = "recording.html")]
pub(crate) struct RecordingPage<'a> {
    pub(crate) frame: PageFrame,
    pub(crate) title: String,
    /// Name, and page from the root.
    pub(crate) artist: Option<(String, String)>,
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) subject: &'a PageSubject,
}

/// The page of an artist.
#[derive(Template)]
#[template(path = "artist.html")]
pub(crate) struct ArtistPage<'a> {
    pub(crate) frame: PageFrame,
    pub(crate) title: &'a str,
    pub(crate) n_all: usize,
    pub(crate) n_recordings: String,
    pub(crate) subject: &'a PageSubject,
    pub(crate) recordings: &'a [ListRow],
}

/// A part of a list.
#[derive(Template)]
#[template(path = "list.html")]
pub(crate) struct ListPage<'a> {
    pub(crate) frame: PageFrame,
    pub(crate) heading: &'static str,
    pub(crate) intro: &'static str,
    /// Where the numbers come from and how far they are known.
    pub(crate) source: &'a str,
    /// What stands in the second column.
    pub(crate) detail: &'static str,
    pub(crate) pages: Vec<ListPart>,
    pub(crate) rows: &'a [ListRow],
}

/// A link to a part of a list.
#[derive(Debug, Clone)]
pub(crate) struct ListPart {
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) is_this: bool,
}

/// A row of a list.
#[derive(Debug, Clone)]
pub(crate) struct ListRow {
    pub(crate) name: String,
    /// From the root of the pages.
    pub(crate) path: String,
    pub(crate) detail: String,
    pub(crate) reported: PageCell,
    pub(crate) counted: PageCell,
    pub(crate) paid: PageCell,
    /// Counted plays, to sort by.
    pub(crate) n_counted: i64,
}

/// The first page.
#[derive(Template)]
#[template(path = "overview.html")]
pub(crate) struct OverviewPage<'a> {
    pub(crate) frame: PageFrame,
    pub(crate) months: String,
    pub(crate) stores: String,
    pub(crate) n_artists: String,
    pub(crate) n_recordings: String,
    pub(crate) subject: &'a PageSubject,
    pub(crate) grid_months: Vec<String>,
    pub(crate) grid: Vec<GridRow>,
    pub(crate) feeds: Vec<FeedRow>,
    pub(crate) artists: &'a [ListRow],
}

/// A store's feed in the grid of months.
pub(crate) struct GridRow {
    pub(crate) store: String,
    pub(crate) feed: String,
    pub(crate) cells: Vec<GridCell>,
}

/// How it stands with a month.
pub(crate) struct GridCell {
    pub(crate) class: &'static str,
    pub(crate) words: &'static str,
}

/// How it stands with a store's feed.
pub(crate) struct FeedRow {
    pub(crate) store: String,
    pub(crate) feed: String,
    pub(crate) until: String,
    pub(crate) next: String,
    pub(crate) due: String,
    pub(crate) message: String,
}
