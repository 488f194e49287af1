//! Random deliveries against what was sold and played: statements, sums and single plays, with copies of
//! them under other names, line ends, encodings and packings, in another order, with another column, only
//! in part or among those of a week, and corrections; in any order and batches, with decisions of a person
//! in between. Each line counts once, or a report of it is rejected and says so; the tables are those of one
//! night over all files with the same decisions, to the byte.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::case::{Case, copy_tree, gzip, nightly_arguments};
use crate::report::{Line, line, report};
use crate::sample::{Chance, figure, n_histories};

/// Fewer lines prove nothing of two reports: a person decides.
const LINES: Range<u64> = 36..60;

const DISTROKID: &str = "Reporting Date\tSale Month\tStore\tArtist\tTitle\tISRC\tUPC\tQuantity\tTeam Percentage\t\
    Song/Album\tCountry of Sale\tSongwriter Royalties Withheld (USD)\tEarnings (USD)";
const AUDIOMACK: &str = "date,subscriber_status,country,music_id,isrc,upc,play30s";

/// What a report is made of; all of its lines are of recordings that no other report has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Statement,
    Sums,
    Plays,
}

/// A report as its store means it.
#[derive(Debug, Clone)]
struct Original {
    kind: Kind,
    name: String,
    header: String,
    lines: Vec<String>,
    /// The lines that a correction has in their place.
    corrected: Vec<String>,
    /// The same with those of other days.
    week: Vec<String>,
}

/// How an original comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    AsItIs,
    WindowsLineEnds,
    OldMacLineEnds,
    ByteOrderMark,
    Utf16,
    Backwards,
    MoreColumns,
    Packed,
    InArchive,
    /// The first lines.
    Beginning(usize),
    /// The last lines.
    End(usize),
    /// Among those of other days.
    Week,
    Correction,
}

fn isrc(number: u64) -> String {
    format!("ZZSL126{number:05}")
}

impl Original {
    fn random(chance: &mut Chance, number: u64) -> Self {
        let kind = [Kind::Statement, Kind::Sums, Kind::Plays][usize::try_from(number % 3).unwrap()];
        let n_lines = chance.within(LINES);
        let recordings = number * 100..number * 100 + n_lines;
        let day = 1 + number;
        let with = |plus: u64| -> Vec<String> {
            let of_recording = |recording: u64| line_of(kind, day, recording, recording + plus);
            recordings.clone().map(of_recording).collect()
        };
        let lines = with(0);
        // A few lines have another number, or most of them.
        let n_changed = if chance.within(0..2) == 0 { 3 } else { lines.len() - 3 };
        let mut corrected = with(7);
        corrected[n_changed..].clone_from_slice(&lines[n_changed..]);
        let others = number * 100 + 70..number * 100 + 82;
        let others = others.map(|recording| line_of(kind, day + 3, recording, recording));
        let week = lines.iter().cloned().chain(others).collect();
        let (header, name) = match kind {
            Kind::Statement => (DISTROKID.to_owned(), format!("distrokid/Statement {day}.tsv")),
            Kind::Sums => (AUDIOMACK.to_owned(), format!("audiomack/Plays {day}.csv")),
            Kind::Plays => (first_line(&report(&[])), format!("spotify/Streams {day}.tsv")),
        };
        Self { kind, name, header, lines, corrected, week }
    }

    fn text(&self, lines: &[String]) -> String {
        let mut text = format!("{}\n", self.header);
        lines.iter().for_each(|line| writeln!(text, "{line}").unwrap());
        text
    }

    /// Lines that a form has.
    fn lines_of(&self, form: Form) -> &[String] {
        match form {
            Form::Beginning(n) => &self.lines[..n],
            Form::End(n) => &self.lines[self.lines.len() - n..],
            Form::Correction => &self.corrected,
            Form::Week => &self.week,
            _ => &self.lines,
        }
    }

    fn bytes(&self, form: Form) -> Vec<u8> {
        let text = self.text(self.lines_of(form));
        match form {
            Form::WindowsLineEnds => text.replace('\n', "\r\n").into(),
            Form::OldMacLineEnds => text.replace('\n', "\r").into(),
            Form::ByteOrderMark => format!("\u{feff}{text}").into(),
            Form::Utf16 => {
                let units = std::iter::once(0xfeff).chain(text.encode_utf16());
                units.flat_map(u16::to_le_bytes).collect()
            }
            Form::Backwards => {
                let backwards: Vec<String> = self.lines.iter().rev().cloned().collect();
                self.text(&backwards).into()
            }
            Form::MoreColumns => {
                let delimiter = if self.kind == Kind::Sums { ',' } else { '\t' };
                let (header, rows) = text.split_once('\n').unwrap();
                let rows = rows.replace('\n', &format!("{delimiter}x\n"));
                format!("{header}{delimiter}Note\n{rows}").into()
            }
            Form::Packed => gzip(text.as_bytes()),
            Form::InArchive => {
                let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
                let (_, member) = self.name.split_once('/').unwrap();
                archive.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
                archive.write_all(text.as_bytes()).unwrap();
                archive.finish().unwrap().into_inner()
            }
            _ => text.into(),
        }
    }

    /// The name in the inbox: of its own for each copy, that of the original with a word for a correction.
    fn name_of(&self, form: Form, copy: usize) -> String {
        let (stem, ending) = self.name.rsplit_once('.').unwrap();
        let (store, _) = self.name.split_once('/').unwrap();
        let letter = char::from(b'a' + u8::try_from(copy % 26).unwrap());
        match form {
            Form::AsItIs if !copy.is_multiple_of(3) => self.name.clone(),
            Form::Correction => format!("{stem}_corrected.{ending}"),
            Form::Packed => format!("{store}/copy {letter} of {}.{ending}.gz", self.lines.len()),
            Form::InArchive => format!("{store}/copy {letter} of {}.zip", self.lines.len()),
            _ => format!("{store}/{letter}/export.{ending}"),
        }
    }
}

fn first_line(report: &[u8]) -> String {
    String::from_utf8(report.to_vec()).unwrap().lines().next().unwrap().to_owned()
}

fn line_of(kind: Kind, day: u64, recording: u64, number: u64) -> String {
    let isrc = isrc(recording);
    match kind {
        Kind::Statement => format!(
            "2026-10-14\t2026-07\tSpotify\tVesna Kolar\tSong {recording}\t{isrc}\t\t{}\t100\tSong\tUS\t0.00\t{number}.5",
            1000 + number
        ),
        Kind::Sums => {
            format!("2026-09-{day:02},free,US,77{recording},{isrc},,{}", 1000 + number)
        }
        Kind::Plays => {
            let day = format!("2026-09-{day:02}");
            let n = usize::try_from(recording).unwrap();
            let row: Line =
                line(&day, n).with("isrc", isrc).with("track_id", format!("t{recording}"));
            let row = row.with("stream_length", (40 + number).to_string());
            let text = String::from_utf8(report(&[row])).unwrap();
            text.lines().nth(1).unwrap().to_owned()
        }
    }
}

fn random_form(chance: &mut Chance, original: &Original) -> Form {
    let n = original.lines.len();
    match chance.within(0..14) {
        0 => Form::WindowsLineEnds,
        1 => Form::OldMacLineEnds,
        2 => Form::ByteOrderMark,
        3 => Form::Utf16,
        4 => Form::Backwards,
        5 => Form::MoreColumns,
        6 => Form::Packed,
        7 => Form::InArchive,
        // Parts that have nothing in common, or enough to be seen.
        8 => Form::Beginning(n / 2),
        9 => Form::Beginning(n - 6),
        10 => Form::End(n - n / 2),
        11 => Form::Correction,
        12 => Form::Week,
        _ => Form::AsItIs,
    }
}

/// What came of an original, and how much of it counts.
struct Found {
    /// Rows or plays that count, by recording, with their number.
    counted: BTreeMap<String, Vec<i64>>,
    /// States of the reports by file.
    states: BTreeMap<String, String>,
}

fn found(case: &Case) -> Found {
    let mut counted: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for [isrc, units] in case.cells("sales", ["isrc", "units"]) {
        counted.entry(isrc).or_default().push(units.parse().unwrap());
    }
    let trends = case.cells("plays", ["isrc", "store", "plays", "played_ms", "verdict"]);
    for [isrc, store, plays, played_ms, verdict] in trends {
        // A play's number is its length: it has one.
        let number = if store == "spotify" { &played_ms } else { &plays };
        if verdict == "counted" {
            counted.entry(isrc).or_default().push(number.parse().unwrap());
        }
    }
    let states = case.cells("reports", ["file", "state"]);
    Found { counted, states: states.into_iter().map(|[file, state]| (file, state)).collect() }
}

/// The number by which a line is known in the tables.
fn number_of(kind: Kind, line: &str) -> i64 {
    let cell = |delimiter: char, place: usize| line.split(delimiter).nth(place).unwrap().to_owned();
    let text = match kind {
        Kind::Statement => cell('\t', 7),
        Kind::Sums => cell(',', 6),
        Kind::Plays => cell('\t', 6) + "000",
    };
    text.parse().unwrap()
}

fn isrc_of(kind: Kind, line: &str) -> String {
    let (delimiter, place) = match kind {
        Kind::Statement => ('\t', 5),
        Kind::Sums => (',', 4),
        Kind::Plays => ('\t', 4),
    };
    line.split(delimiter).nth(place).unwrap().to_owned()
}

/// A history in a folder of its own.
struct History {
    case: Case,
    originals: Vec<Original>,
    /// Place of the original, form and name of each file that came.
    came: Vec<(usize, Form, String)>,
    steps: Vec<String>,
    n_accepted: usize,
}

impl History {
    fn new(chance: &mut Chance) -> Self {
        let originals = (0..3).map(|number| Original::random(chance, number)).collect();
        Self { case: Case::new(), originals, came: Vec::new(), steps: Vec::new(), n_accepted: 0 }
    }

    fn step(&mut self, chance: &mut Chance) {
        match chance.within(0..8) {
            0..5 => self.deliver(chance),
            5..7 => self.night(),
            _ => self.accept(),
        }
    }

    fn deliver(&mut self, chance: &mut Chance) {
        for _ in 0..chance.within(1..3) {
            let place = usize::try_from(chance.within(0..self.originals.len() as u64)).unwrap();
            let form = random_form(chance, &self.originals[place]);
            let name = self.originals[place].name_of(form, self.came.len());
            if self.came.iter().any(|(_, _, other)| *other == name) {
                continue;
            }
            self.case.put(&name, self.originals[place].bytes(form));
            self.steps.push(format!("deliver {name}: {form:?} of {place}"));
            self.came.push((place, form, name));
        }
    }

    fn night(&mut self) {
        self.steps.push("night".to_owned());
        let outcome = self.case.run(&nightly_arguments(&[]));
        assert!(matches!(outcome.code, 0 | 4), "{:#?}\n{outcome:?}", self.steps);
        self.check();
    }

    /// Somebody says that the first report that waits for it counts.
    fn accept(&mut self) {
        if self.came.is_empty() {
            return;
        }
        self.night();
        let rejected = self.case.cells("reports", ["report", "file", "state"]);
        let Some([report, file, _]) = rejected.iter().find(|[_, _, state]| state == "rejected")
        else {
            return;
        };
        self.steps.push(format!("accept {file}"));
        let outcome = self.case.run(&["accept", report, "--why", "checked with the store"]);
        assert_eq!(outcome.code, 0, "{:#?}\n{outcome:?}", self.steps);
        self.n_accepted += 1;
        self.night();
    }

    /// Each line that came counts once, unless a report of the same original is rejected; no line counts
    /// twice unless a person said so.
    #[track_caller]
    fn check(&self) {
        let found = found(&self.case);
        for (place, original) in self.originals.iter().enumerate() {
            let of_original = || self.came.iter().filter(|(of, ..)| *of == place);
            let is_rejected = of_original().any(|(_, _, name)| {
                found.states.get(name).is_some_and(|state| state == "rejected")
            });
            // A correction proves what it replaces by its name: of the original, not of a copy.
            let has = |form: Form| of_original().any(|(_, of, _)| *of == form);
            let has_name = of_original().any(|(_, _, name)| *name == original.name);
            let is_unproven = self.n_accepted != 0 || has(Form::Correction) && !has_name;
            let lines: BTreeSet<&String> =
                of_original().flat_map(|(_, form, _)| original.lines_of(*form)).collect();
            let mut numbers: BTreeMap<String, Vec<i64>> = BTreeMap::new();
            for line in lines {
                let number = number_of(original.kind, line);
                numbers.entry(isrc_of(original.kind, line)).or_default().push(number);
            }
            for (isrc, numbers) in numbers {
                let counted = found.counted.get(&isrc).cloned().unwrap_or_default();
                let context = || format!("{isrc}: {:#?}\n{:#?}", self.steps, found.states);
                assert!(counted.iter().all(|number| numbers.contains(number)), "{}", context());
                assert!(counted.len() <= 1 || is_unproven, "{} twice", context());
                assert!(!counted.is_empty() || is_rejected, "{} lost", context());
            }
        }
    }

    /// One night over the same files, with the same decisions.
    fn at_once(&self) -> Case {
        let other = Case::new();
        for (place, form, name) in &self.came {
            other.put(name, self.originals[*place].bytes(*form));
        }
        copy_tree(&Self::decisions(&self.case), &Self::decisions(&other));
        let outcome = other.run(&nightly_arguments(&[]));
        assert!(matches!(outcome.code, 0 | 4), "{:#?}\n{outcome:?}", self.steps);
        other
    }

    fn decisions(case: &Case) -> std::path::PathBuf {
        case.path("warehouse/internal/decisions")
    }
}

/// Lives through a history; how many steps it had.
fn live_through(number: u64) -> usize {
    let mut chance = Chance::new(7_000_003 * (number + 1));
    let mut history = History::new(&mut chance);
    for _ in 0..chance.within(3..10) {
        history.step(&mut chance);
    }
    if history.came.is_empty() {
        return 0;
    }
    history.night();
    history.case.verify().expect_code(0);
    let steps = &history.steps;
    let at_once = history.at_once();
    assert_eq!(history.case.published(), at_once.published(), "history {number}: {steps:#?}");
    steps.len()
}

#[test]
fn copies_parts_and_corrections_in_any_order_count_once() {
    let n_histories = n_histories(16, 5_000);
    let n_threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicU64::new(0);
    let live = || {
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        numbers.take_while(|number| *number < n_histories).map(live_through).sum::<usize>()
    };
    let n_steps: usize = std::thread::scope(|scope| {
        let lives: Vec<_> = (0..n_threads).map(|_| scope.spawn(live)).collect();
        lives.into_iter().map(|life| life.join().unwrap()).sum()
    });
    let what = format!("{n_histories} histories, {n_steps} steps, all lines once, tables the same");
    figure("random deliveries of copies, parts and corrections", &what);
    assert!(0 < n_steps);
}
