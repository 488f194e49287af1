//! The pages of `report`: their numbers are those of the tables, every link leads somewhere, no name can
//! become markup, and a browser shows them to everybody.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::asks::{asked, asked_later, pipeline};
use crate::browser;
use crate::case::{Case, files_of, hashes};
use crate::html::Page;
use crate::odd_months;
use crate::tables::Row;

const TRACK: &str = "ZZSL12600001";
const STORES: [(&str, &str); 2] = [("apple_music", "Apple Music"), ("spotify", "Spotify")];
/// June has the first day of Apple's fiscal July.
const MONTHS: [(&str, &str); 4] = [
    ("2026-09", "September 2026"),
    ("2026-08", "August 2026"),
    ("2026-07", "July 2026"),
    ("2026-06", "June 2026"),
];

/// Makes the pages of a warehouse.
fn report(case: &Case, more: &[&str]) -> PathBuf {
    let pipeline = pipeline();
    let arguments = ["report", "--out", "pages", "--pipeline", &pipeline];
    case.run(&[&arguments, more].concat()).expect_code(0).expect_stdout("pages/index.html");
    case.path("pages")
}

#[track_caller]
fn number(text: &str) -> i64 {
    // What is said next to a number is not part of it.
    let digits = text.split(' ').next().unwrap().replace(',', "").replace('\u{2212}', "-");
    digits.parse().unwrap()
}

/// Sums of plays of the rows of a table, of one recording or of all, by some of its columns.
fn sums(case: &Case, table: &str, of: Option<&str>, by: &[&str]) -> BTreeMap<Vec<String>, i64> {
    let mut sums = BTreeMap::new();
    let is_of =
        |row: &Row| of.is_none_or(|isrc| row.get("isrc").is_some_and(|known| known == isrc));
    let count = if table == "sales_monthly" { "units" } else { "plays" };
    for row in case.table(table).iter().filter(|row| is_of(row)) {
        let key = by.iter().map(|name| row.get(*name).cloned().unwrap_or_default()).collect();
        let plays: i64 = row.get(count).map_or(0, |plays| plays.parse().unwrap());
        *sums.entry(key).or_insert(0) += plays;
    }
    sums
}

/// What a step is called on the pages.
fn called(step: &str) -> String {
    match step {
        "store_shows" => "The store shows".to_owned(),
        "reported" => "Reported to us".to_owned(),
        "counted" => "Counted".to_owned(),
        "paid_units" => "Paid".to_owned(),
        other => other[..1].to_uppercase() + &other[1..].replace('_', " "),
    }
}

/// A page that is checked against the tables.
struct Compared<'a> {
    case: &'a Case,
    page: &'a Page,
    /// The recording that it is of; `None` if it is of all.
    of: Option<&'a str>,
    n: usize,
}

/// Holds the numbers of a page against the tables; how many were compared.
fn compare(case: &Case, page: &Page, of: Option<&str>) -> usize {
    let mut compared = Compared { case, page, of, n: 0 };
    compared.waterfalls();
    compared.months();
    compared.sums();
    compared.n
}

impl Compared<'_> {
    #[track_caller]
    fn same(&mut self, what: &str, found: i64, expected: i64) {
        assert_eq!(found, expected, "{what} on `{}`", self.page.title);
        self.n += 1;
    }

    fn sums_by<const N: usize>(&self, table: &str, by: [&str; N]) -> BTreeMap<Vec<String>, i64> {
        sums(self.case, table, self.of, &by)
    }

    fn waterfalls(&mut self) {
        let grain = ["store", "month", "step"];
        let steps = self.sums_by("waterfall", grain);
        let is_of = |row: &Row| {
            self.of.is_none_or(|isrc| row.get("isrc").is_some_and(|known| known == isrc))
        };
        let rows = self.case.table("waterfall").into_iter();
        let known: BTreeSet<Vec<String>> = rows
            .filter(|row| row.contains_key("plays") && is_of(row))
            .map(|row| grain.map(|name| row[name].clone()).to_vec())
            .collect();
        let mut shown = BTreeSet::new();
        for table in self.page.tables_of("steps") {
            let (store, month) = table.within.split_once("-2026-").unwrap();
            for row in &table.rows[1..] {
                let is_it = |key: &&Vec<String>| {
                    key[0] == store
                        && key[1] == format!("2026-{month}")
                        && called(&key[2]) == row[0]
                };
                let key = steps.keys().find(is_it).unwrap();
                assert!(shown.insert(key.clone()), "{key:?} twice");
                if known.contains(key) {
                    self.same(&format!("{key:?}"), number(&row[1]), steps[key]);
                } else {
                    assert_eq!(row[1], "not known", "{key:?}");
                }
            }
        }
        assert_eq!(shown, steps.keys().cloned().collect(), "every step is on the page");
    }

    fn months(&mut self) {
        let verdicts = self.sums_by("trends_daily", ["store", "month", "verdict"]);
        let heard = self.sums_by("trends_daily", ["verdict", "month", "listened_month"]);
        let by_title = |list: &[(&'static str, &str)], title: &str| {
            list.iter().find(|(_, known)| *known == title).unwrap().0
        };
        for row in self.page.rows_of("months") {
            let (month, store) = (by_title(&MONTHS, &row[0]), by_title(&STORES, &row[1]));
            let [counted, held, excluded] = ["counted", "held", "excluded"].map(|verdict| {
                let key = [store, month, verdict].map(str::to_owned);
                verdicts.get(key.as_slice()).copied().unwrap_or(0)
            });
            let what = format!("{store} {month}");
            self.same(&what, number(&row[3]), counted + held + excluded);
            self.same(&what, number(&row[4]), counted);
            self.same(&what, number(&row[5]), held);
        }
        for row in self.page.rows_of("heard") {
            let month = by_title(&MONTHS, &row[0]);
            let counted = heard.iter().filter(|(key, _)| key[0] == "counted");
            let before = counted.filter(|(key, _)| key[1] == month && key[2] != month);
            let before = before.map(|(_, n)| n).sum();
            self.same(&format!("heard before {month}"), number(&row[2]), before);
        }
    }

    fn sums(&mut self) {
        let verdicts = self.sums_by("trends_daily", ["verdict"]);
        let counted = verdicts.get(["counted".to_owned()].as_slice()).copied().unwrap_or(0);
        let reported = verdicts.values().sum();
        let paid = self.sums_by("waterfall", ["step"]);
        let paid = paid.get(["paid_units".to_owned()].as_slice()).copied().unwrap_or(0);
        let units = self.sums_by("sales_monthly", []).values().sum();
        for (class, column, expected) in [
            ("tiers", 1, reported),
            ("tiers", 2, counted),
            ("territories", 1, reported),
            ("territories", 2, counted),
            ("territories", 3, paid),
            ("paid", 2, units),
        ] {
            let found = self.page.rows_of(class).iter().map(|row| number(&row[column])).sum();
            self.same(class, found, expected);
        }
    }
}

#[test]
fn the_numbers_on_the_pages_are_those_of_the_tables() {
    for case in [asked(), asked_later()] {
        let pages = report(&case, &[]);
        let overview = Page::read(&pages.join("index.html"));
        assert!(60 < compare(&case, &overview, None));
        let track = Page::read(&pages.join(format!("tracks/{TRACK}.html")));
        assert!(60 < compare(&case, &track, Some(TRACK)));
        let other = Page::read(&pages.join("tracks/ZZSL12600002.html"));
        assert!(20 < compare(&case, &other, Some("ZZSL12600002")));
        let artist = overview.links.iter().find(|link| link.contains("mira-solvang")).unwrap();
        let artist = Page::read(&pages.join(artist));
        assert_eq!(artist.heading, "Mira Solvang");
        assert_eq!(
            artist.tables_of("steps").collect::<Vec<_>>(),
            track.tables_of("steps").collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_page_answers_as_worked_out_by_hand() {
    let case = asked();
    let answers = Page::read(&report(&case, &[]).join(format!("tracks/{TRACK}.html"))).answers;
    assert_eq!(
        answers,
        [
            "Apple Music in September 2026: the store's own number is not known, 70 are reported to us, \
             70 count, what is paid is not known yet (statement: due on 28 September 2026, \
             9 days late).",
            "Spotify in September 2026: the store shows 23, 20 are reported to us, 15 count, 7 are paid so \
             far."
        ]
    );
}

#[test]
fn every_link_leads_to_a_page_and_a_place_that_are_there() {
    let case = asked();
    let files = files_of(&report(&case, &[])).into_iter();
    let mut n_links = 0;
    for (name, path) in files.filter(|(_, path)| is_page(path)) {
        let page = Page::read(&path);
        let ids: BTreeSet<&String> = page.ids.iter().collect();
        assert_eq!(ids.len(), page.ids.len(), "{name} has an id twice");
        for link in &page.links {
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.is_file(), "{name}: {link} leads nowhere");
            let there = Page::read(&target);
            assert!(place.is_empty() || there.ids.iter().any(|id| id == place), "{name}: {link}");
            n_links += 1;
        }
    }
    assert!(40 < n_links, "{n_links}");
}

#[test]
fn no_name_becomes_markup_and_nothing_is_asked_of_a_network() {
    let case = asked();
    let evil = "</title><script>alert(1)</script>\"'&";
    let line = format!(
        "valid_from,isrc,upc,title,artist,release,label,track_length,owner,share\n\
         2026-02-01,{TRACK},2000126000012,\"{}\",\"{}\",\"{}\",L,214,a,100\n",
        evil.replace('"', "\"\""),
        "../../<img src=x onerror=alert(2)>",
        "<!--",
    );
    case.put("reference/catalogue_february.csv", line);
    let pipeline = pipeline();
    let run = ["nightly", "--pipeline", &pipeline, "--as-of", "2026-10-07"];
    case.run(&[&run[..], &["--listener-key-file", "key"]].concat()).expect_code(0);
    let pages = report(&case, &[]);
    let track = Page::read(&pages.join(format!("tracks/{TRACK}.html")));
    assert_eq!((track.heading.as_str(), track.title.as_str()), (evil, evil));
    for (name, path) in files_of(&pages) {
        let text = fs::read_to_string(&path).unwrap();
        if is_page(&path) {
            assert_eq!(text.matches("<script").count(), 1, "{name}");
            assert!(!text.contains("<img") && !text.contains("<!--"), "{name}");
        }
        // The only address is the name of the language of drawings, which nobody asks for.
        let text = text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!text.contains("http:") && !text.contains("https:"), "{name}");
    }
    let folders: BTreeSet<String> = fs::read_dir(case.path("."))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!folders.iter().any(|name| name.contains("img")), "{folders:?}");
}

#[test]
fn pages_are_the_same_whatever_the_threads_and_the_day() {
    let case = asked();
    let first = hashes(&report(&case, &["--threads", "1"]));
    let second = hashes(&report(&case, &["--threads", "4"]));
    assert!(first.len() > 10);
    assert_eq!(first, second);
}

#[test]
fn months_can_be_chosen_and_a_folder_of_something_else_is_left_alone() {
    let case = asked();
    let pages = report(&case, &["--from", "2026-08", "--to", "2026-08"]);
    let page = Page::read(&pages.join("index.html"));
    let months: BTreeSet<&String> = page.rows_of("months").iter().map(|row| &row[0]).collect();
    assert_eq!(months, BTreeSet::from([&"August 2026".to_owned()]));
    let pipeline = pipeline();
    let with = |more: &[&'static str]| {
        case.run(&[&["report", "--pipeline", &pipeline], more].concat()).expect_code(2)
    };
    with(&["--out", "inbox"]).expect_stderr("inbox is there already and holds no pages");
    with(&["--out", "p", "--from", "2020-01", "--to", "2020-02"])
        .expect_stderr("there are no figures from January 2020 to February 2020");
    with(&["--out", "p", "--from", "2026-09", "--to", "2026-08"])
        .expect_stderr("--from 2026-09 is after --to 2026-08");
    assert!(!case.path("p").exists());
}

#[test]
fn a_month_that_goes_on_is_shown_as_far_as_it_is_known() {
    let case = asked();
    // On a day in September the trends of its end are not due: no waterfall, but plays.
    let earlier = Case::new();
    crate::case::copy_tree(&case.path("inbox"), &earlier.path("inbox"));
    let pipeline = pipeline();
    let run = ["nightly", "--pipeline", &pipeline, "--as-of", "2026-09-20"];
    earlier.run(&[&run[..], &["--listener-key-file", "key"]].concat()).expect_code(0);
    let page = Page::read(&report(&earlier, &[]).join(format!("tracks/{TRACK}.html")));
    let row = page.rows_of("months").iter().find(|row| row[1] == "Spotify").unwrap().clone();
    assert_eq!(row[..6], ["September 2026", "Spotify", "after the month", "20", "15", "1"]);
    assert!(!page.tables_of("steps").any(|table| table.within.ends_with("2026-09")));
    // `explain` has the same, with the steps between.
    let question = ["--month", "2026-09", "--store", "spotify", "--isrc", TRACK, "--format", "csv"];
    let outcome = earlier
        .run(&[&["explain", "--pipeline", &pipeline], &question[..]].concat())
        .expect_code(0);
    let lines = outcome.stdout.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        format!("{} {}", cells[4], cells[6])
    });
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            "reported 20",
            "duplicate -1",
            "too_short -2",
            "duration_missing -1",
            "offline_expired -1",
            "counted 15"
        ]
    );
}

#[test]
fn a_day_that_nobody_reported_is_a_gap_in_the_lines() {
    let polylines = |pages: &Path| {
        let text = fs::read_to_string(pages.join("index.html")).unwrap();
        (text.matches("<polyline").count(), text.contains("Where a line has a gap"))
    };
    // Reported, counted, held; the days between those with plays are reported to be without.
    let case = asked();
    assert_eq!(polylines(&report(&case, &["--from", "2026-07"])), (3, false));
    let case = Case::new();
    for day in ["2026-02-01", "2026-02-02", "2026-02-04"] {
        odd_months::plays(&case, day, 2);
    }
    case.nightly(&["--as-of", "2026-02-20"]).expect_code(0);
    assert_eq!(polylines(&report(&case, &[])), (6, true));
    // Of two stores one has reported: what the other has not is no zero of both.
    let case = Case::new();
    for day in ["2026-02-01", "2026-02-02", "2026-02-03"] {
        odd_months::plays(&case, day, 2);
        if day != "2026-02-02" {
            case.put(&format!("spotify/{day}.tsv"), crate::report::good_report(day, 0..3));
        }
    }
    case.nightly(&["--as-of", "2026-02-20"]).expect_code(0);
    assert_eq!(polylines(&report(&case, &[])), (6, true));
}

#[test]
fn a_browser_shows_the_pages_to_everybody() {
    let case = asked();
    let pages = report(&case, &[]);
    let index = Page::read(&pages.join("index.html"));
    let artist = index.links.iter().find(|link| link.contains("mira-solvang")).unwrap();
    let track = format!("tracks/{TRACK}.html");
    let names = ["index.html", &track, artist, "tracks/index.html", "artists/index.html"];
    let Some(seen) = browser::look(&pages, &case.path("."), &names) else {
        return;
    };
    for (name, page) in &seen.pages {
        assert!(page.complaints.is_empty(), "{name}: {:#?}", page.complaints);
        assert!(page.said.is_empty(), "{name}: {:#?}", page.said);
        assert!(page.wider.is_empty(), "{name} is wider than the window: {:#?}", page.wider);
        assert!(80 < page.passes, "{name}: only {} checks", page.passes);
        let read = Page::read(&pages.join(name));
        assert_eq!(page.content.tables, read.tables, "{name}");
        assert_eq!(page.content.heading, read.heading);
    }
    assert!(seen.elsewhere.is_empty(), "asked of a network: {:#?}", seen.elsewhere);
    assert!(60 < compare(&case, &seen.pages["index.html"].content, None));
    assert!(60 < compare(&case, &seen.pages[&track].content, Some(TRACK)));
    assert!(6 < seen.pages[&track].charts, "a chart for each waterfall, and the days");
    assert_eq!(seen.search.answers["kvallstag"], ["Kvällståg Nils Öberg"]);
    assert_eq!(seen.search.answers["HARBOUR li"], ["Harbour Lights Mira Solvang"]);
    assert_eq!(seen.search.answers["zz-sl1-26-00001"], ["Harbour Lights Mira Solvang"]);
    assert!(seen.search.answers["nobody at all"].is_empty());
    assert!(seen.search.loaded < 6, "only the files of what was typed are loaded");
    assert_eq!(seen.search.followed, "Harbour Lights");
    assert_eq!(
        (seen.keyboard.first.as_str(), seen.keyboard.unfolded),
        ("To the figures", Some(true))
    );
    assert!(!seen.printed.screen.is_empty() && !seen.printed.screen.contains(&true));
    assert!(!seen.printed.paper.contains(&false), "what is folded up is missing on paper");
    assert_eq!(seen.shots.len(), names.len() * 4, "{:?}", seen.shots);
    assert!(seen.shots.iter().all(|shot: &PathBuf| has_ink(shot)), "an empty screenshot");
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "html")
}

/// Whether a picture is more than one colour: of one colour it packs into next to nothing.
fn has_ink(shot: &Path) -> bool {
    20_000 < fs::metadata(shot).unwrap().len()
}
