//! Reports as their stores mean them, and the forms in which they come.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::io::Write as _;
use std::ops::Range;

use crate::case::gzip;
use crate::histories::ddex::{self, Made};
use crate::report::{COLUMNS, line, report};
use crate::sample::Chance;

/// Fewer rows prove nothing of two reports: a person decides.
const ROWS: Range<u64> = 36..60;

const DISTROKID: &str = "Reporting Date\tSale Month\tStore\tArtist\tTitle\tISRC\tUPC\tQuantity\tTeam Percentage\t\
    Song/Album\tCountry of Sale\tSongwriter Royalties Withheld (USD)\tEarnings (USD)";
const AUDIOMACK: &str = "date,subscriber_status,country,music_id,isrc,upc,play30s";
const META: &str = "isrc,title,track_artist,owner_name,country,product,genre,al_or_ugc,event_count";

/// What a report is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Statement,
    /// Plays of a day, summed.
    Sums,
    /// Plays of a day, one by one.
    Plays,
    /// Plays of a day that only the name of the file says, summed.
    DayInName,
    /// A DDEX report of a month.
    Usage,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Statement, Self::Sums, Self::Plays, Self::DayInName, Self::Usage];

    pub(crate) fn store(self) -> &'static str {
        match self {
            Self::Statement => "distrokid",
            Self::Sums => "audiomack",
            Self::Plays => "spotify",
            Self::DayInName => "meta",
            Self::Usage => "amazon",
        }
    }

    fn delimiter(self) -> char {
        match self {
            Self::Sums | Self::DayInName => ',',
            _ => '\t',
        }
    }

    fn header(self) -> String {
        match self {
            Self::Statement => DISTROKID.to_owned(),
            Self::Sums => AUDIOMACK.to_owned(),
            Self::DayInName => META.to_owned(),
            Self::Plays | Self::Usage => COLUMNS.join("\t"),
        }
    }

    /// The name of a file without its folder.
    fn name(self, day: u64) -> String {
        match self {
            Self::Statement => format!("Statement {day}.tsv"),
            Self::Sums => format!("Plays 202609{day:02}.csv"),
            Self::Plays => format!("streams_2026-09-{day:02}.tsv"),
            Self::DayInName => format!("MERLIN_DAILY_TOP_1K_FB_UGC_FB_REELS_202609{day:02}.csv"),
            Self::Usage => ddex::name((1, 1), Made::First),
        }
    }

    /// The row of a recording; `plus` makes it another one.
    fn row(self, day: u64, recording: u64, plus: u64) -> Row {
        let number = match self {
            // A play's number is its length.
            Self::Plays => 1000 * (40 + recording % 100 + plus),
            _ => 1000 + recording + plus,
        };
        Row { day, recording, number: number.cast_signed() }
    }

    fn line(self, row: &Row) -> String {
        let Row { day, recording, number } = *row;
        let isrc = isrc(recording);
        match self {
            Self::Statement => format!(
                "2026-10-14\t2026-07\tSpotify\tVesna Kolar\tSong {recording}\t{isrc}\t\t{number}\t100\tSong\tUS\t\
                 0.00\t{number}.5"
            ),
            Self::Sums => format!("2026-09-{day:02},free,UK,77{recording},{isrc},,{number}"),
            Self::DayInName => format!("{isrc},t,a,o,MX,FB_REELS,,ugc,{number}"),
            Self::Plays | Self::Usage => play(row),
        }
    }

    /// Whether the tables tell days apart; a row of a month is known by its recording alone.
    pub(crate) fn has_days(self) -> bool {
        !matches!(self, Self::Statement | Self::Usage)
    }
}

/// A line of plays with the recording and length of a row.
fn play(row: &Row) -> String {
    let n = usize::try_from(row.recording).unwrap_or_default();
    let play = line(&format!("2026-09-{:02}", row.day), n)
        .with("isrc", isrc(row.recording))
        .with("track_id", format!("t{}", row.recording))
        .with("stream_length", (row.number / 1000).to_string());
    let report = String::from_utf8_lossy(&report(&[play])).into_owned();
    report.lines().nth(1).unwrap_or_default().to_owned()
}

/// A row of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    /// Day of September, where the report is of a day.
    pub(crate) day: u64,
    pub(crate) recording: u64,
    /// Units, plays, or milliseconds played: what the tables have of it.
    pub(crate) number: i64,
}

/// The ISRC of a recording.
pub(crate) fn isrc(recording: u64) -> String {
    format!("ZZSL126{recording:05}")
}

/// A report as its store means it; its recordings are in no other one.
#[derive(Debug, Clone)]
pub(crate) struct Original {
    pub(crate) kind: Kind,
    /// Path in the inbox.
    pub(crate) name: String,
    day: u64,
    rows: Vec<Row>,
    /// The rows that a correction has in their place.
    corrected: Vec<Row>,
    /// The same with those of other recordings.
    more: Vec<Row>,
}

/// How an original comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    AsItIs,
    WindowsLineEnds,
    OldMacLineEnds,
    ByteOrderMark,
    Utf16,
    Backwards,
    MoreColumns,
    Packed,
    InArchive,
    /// The first rows: of a DDEX report, the first file of two.
    Beginning(usize),
    /// The last rows: of a DDEX report, the second file of two.
    End(usize),
    /// Among more rows, such as those of a week.
    Among,
    /// The same bytes under the name of another day.
    OtherDay,
    Correction,
}

/// How many days later another day is.
const DAYS_LATER: u64 = 10;

impl Form {
    pub(crate) fn random(chance: &mut Chance, original: &Original) -> Self {
        let n = original.rows.len();
        let kind = original.kind;
        match chance.within(0..15) {
            0 => Self::WindowsLineEnds,
            1 => Self::OldMacLineEnds,
            2 => Self::ByteOrderMark,
            3 => Self::Utf16,
            4 => Self::Backwards,
            5 => Self::MoreColumns,
            6 => Self::Packed,
            7 => Self::InArchive,
            // Parts that have nothing in common, or enough to be seen.
            8 if kind != Kind::Usage => Self::Beginning(n - 6),
            8 | 9 => Self::Beginning(n / 2),
            10 if kind != Kind::Usage => Self::Among,
            10 | 11 => Self::End(n - n / 2),
            12 => Self::Correction,
            13 if kind == Kind::DayInName => Self::OtherDay,
            _ => Self::AsItIs,
        }
    }
}

impl Original {
    /// A report of a kind whose recordings begin with a hundred times its number.
    pub(crate) fn random(chance: &mut Chance, kind: Kind, number: u64) -> Self {
        let n_rows = chance.within(ROWS);
        let day = 1 + number;
        let row_with = |plus: u64| move |recording| kind.row(day, recording, plus);
        let recordings = number * 100..number * 100 + n_rows;
        let rows: Vec<Row> = recordings.clone().map(row_with(0)).collect();
        // A few rows have another number, or most of them.
        let n_changed = if chance.within(0..2) == 0 { 3 } else { rows.len() - 3 };
        let mut corrected: Vec<Row> = recordings.map(row_with(7)).collect();
        corrected[n_changed..].clone_from_slice(&rows[n_changed..]);
        let other_day = if kind == Kind::DayInName { day } else { day + 3 };
        let others = number * 100 + 70..number * 100 + 82;
        let others = others.map(|recording| kind.row(other_day, recording, 0));
        let more = rows.iter().copied().chain(others).collect();
        let name = format!("{}/{}", kind.store(), kind.name(day));
        Self { kind, name, day, rows, corrected, more }
    }

    /// The rows that a form has.
    pub(crate) fn rows_of(&self, form: Form) -> Vec<Row> {
        match form {
            Form::Beginning(n) => self.rows[..n].to_vec(),
            Form::End(n) => self.rows[self.rows.len() - n..].to_vec(),
            Form::Correction => self.corrected.clone(),
            Form::Among => self.more.clone(),
            Form::OtherDay => {
                let later = |row: &Row| Row { day: row.day + DAYS_LATER, ..*row };
                self.rows.iter().map(later).collect()
            }
            _ => self.rows.clone(),
        }
    }

    /// Whether these forms together have a report that may count: one file of two may not.
    pub(crate) fn is_whole(&self, forms: &[Form]) -> bool {
        let has = |part| forms.iter().any(|form| Self::part(*form).0 == part);
        self.kind != Kind::Usage || has((1, 1)) || has((1, 2)) && has((2, 2))
    }

    /// The file of a DDEX report: which of how many, and when it was made.
    fn part(form: Form) -> (ddex::Part, Made) {
        match form {
            Form::Beginning(_) => ((1, 2), Made::First),
            Form::End(_) => ((2, 2), Made::First),
            Form::Correction => ((1, 1), Made::Later),
            _ => ((1, 1), Made::First),
        }
    }

    fn text(&self, form: Form) -> String {
        let mut rows = self.rows_of(form);
        if form == Form::Backwards {
            rows.reverse();
        }
        let remark = (form == Form::MoreColumns).then_some("x");
        if self.kind == Kind::Usage {
            let (part, made) = Self::part(form);
            let all = if made == Made::Later { &self.corrected } else { &self.rows };
            let usages = all.iter().map(|row| row.number).sum();
            return ddex::file(&rows, usages, part, made, remark);
        }
        let end =
            remark.map_or_else(String::new, |cell| format!("{}{cell}", self.kind.delimiter()));
        let header = self.kind.header() + &end.replace('x', "Note");
        let lines = rows.iter().map(|row| format!("{}{end}\n", self.kind.line(row)));
        lines.fold(format!("{header}\n"), |text, line| text + &line)
    }

    /// The bytes of the file.
    pub(crate) fn bytes(&self, form: Form) -> Vec<u8> {
        let text = self.text(form);
        match form {
            Form::WindowsLineEnds => text.replace('\n', "\r\n").into(),
            Form::OldMacLineEnds => text.replace('\n', "\r").into(),
            Form::ByteOrderMark => format!("\u{feff}{text}").into(),
            Form::Utf16 => {
                let units = std::iter::once(0xfeff).chain(text.encode_utf16());
                units.flat_map(u16::to_le_bytes).collect()
            }
            Form::Packed => gzip(text.as_bytes()),
            Form::InArchive => {
                let (_, member) = self.name.split_once('/').unwrap_or_default();
                archive(member, &text)
            }
            _ => text.into(),
        }
    }

    /// The path in the inbox of the n-th file that comes: of its own for each copy, that of the original
    /// with a word for a correction. A copy keeps what the format reads from the name.
    pub(crate) fn path_of(&self, form: Form, n: usize) -> String {
        let store = self.kind.store();
        let letter = char::from(b'a' + u8::try_from(n % 26).unwrap_or_default());
        let (stem, ending) = self.name.rsplit_once('.').unwrap_or_default();
        let packing = if form == Form::Packed { ".gz" } else { "" };
        match form {
            Form::InArchive => format!("{store}/copy {letter}.zip"),
            _ if self.kind == Kind::Usage => {
                let (part, made) = Self::part(form);
                format!("{store}/{letter}/{}{packing}", ddex::name(part, made))
            }
            Form::AsItIs if !n.is_multiple_of(3) => self.name.clone(),
            Form::Correction => format!("{stem}_corrected.{ending}"),
            Form::OtherDay => format!("{store}/{}", self.kind.name(self.day + DAYS_LATER)),
            _ if self.kind == Kind::DayInName => {
                format!("{store}/{letter}/{}{packing}", self.kind.name(self.day))
            }
            // A date of the report, one of its delivery, one that has nothing to do with it, or none.
            _ => match n % 4 {
                0 => format!("{store}/{letter}/{}{packing}", self.kind.name(self.day)),
                1 => format!("{store}/2026-11-{:02}/export {letter}.{ending}{packing}", 1 + n % 28),
                2 => format!("{store}/export_{letter}_201903{:02}.{ending}{packing}", 1 + n % 28),
                _ => format!("{store}/{letter}/export.{ending}{packing}"),
            },
        }
    }
}

fn archive(member: &str, text: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(text.as_bytes()).unwrap();
    archive.finish().unwrap().into_inner()
}
