//! The header of a DSR report: which profile it is of, which period it covers, and which file of how
//! many it is; and what the name of the file says of the same.

use crate::ingest::dsr::records::RecordType;
use crate::ingest::dsr::{DsrLine, is_comment, lines};
use crate::ingest::table::format::DateStyle;
use crate::model::day::Day;
use crate::model::report_id::NameFacts;
use crate::normalize::values::dates::read_date;
use crate::normalize::values::numbers::whole_number;
use crate::normalize::values::times;

/// A profile that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DsrProfile {
    /// Basic Audio, 1.1 to 1.4: units of recordings, and pools.
    BasicAudio,
    /// User generated content.
    Ugc,
    /// Royalty reporting.
    Royalty,
    /// Financial reporting to record companies.
    Financial,
}

impl DsrProfile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::BasicAudio, Self::Ugc, Self::Royalty, Self::Financial];

    /// Name of its format.
    #[must_use]
    pub fn format(self) -> &'static str {
        match self {
            Self::BasicAudio => "ddex-basic-audio",
            Self::Ugc => "ddex-ugc",
            Self::Royalty => "ddex-royalty",
            Self::Financial => "ddex-financial",
        }
    }

    /// The profile that a header names, however it is written (`UGCProfile`, `UgcProfile`).
    fn of(name: &[u8]) -> Option<Self> {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let name = name.trim_end_matches("srbv").trim_end_matches("srb");
        match name.strip_suffix("profile").unwrap_or(name) {
            "basicaudio" => Some(Self::BasicAudio),
            "ugc" => Some(Self::Ugc),
            "royaltyreporting" => Some(Self::Royalty),
            "financialreportingtorecordcompanies" => Some(Self::Financial),
            _ => None,
        }
    }
}

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DsrHead {
    /// The profile.
    pub profile: DsrProfile,
    /// Its name, as written.
    pub profile_name: String,
    /// Its version, as written.
    pub profile_version: String,
    /// When the report was made.
    pub created: Option<Day>,
    /// The same to the millisecond, since 1970 UTC.
    pub created_ms: Option<i64>,
    /// Which file it is.
    pub file_number: Option<u32>,
    /// Of how many.
    pub n_files: Option<u32>,
    /// First and last day of use.
    pub usage: Option<(Day, Day)>,
    /// Names of the sender and of its service, as written.
    pub sender: [String; 2],
    /// What files of one report have in common.
    pub set: String,
    /// What was read from the name of the file: the territory, which the report says nowhere else.
    pub name_facts: NameFacts,
    /// What is wrong with it, or does not agree with the name of the file.
    pub problems: Vec<String>,
}

impl DsrHead {
    /// Whether the sender, or its service, is named by one of these names: its first words are theirs.
    pub fn names_sender<'n>(&self, names: impl Iterator<Item = &'n String>) -> bool {
        let words = |name: &str| -> Vec<String> {
            let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
            words.map(str::to_lowercase).collect()
        };
        let sender = self.sender.each_ref().map(|name| words(name));
        let mut names = names.map(|name| words(name)).filter(|name| !name.is_empty());
        names.any(|name| sender.iter().any(|sender| sender.starts_with(&name)))
    }
}

/// What a head of lines is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DsrMatch {
    /// A DSR report of a profile that is read.
    Yes(Box<DsrHead>),
    /// A DSR report of another profile.
    OtherProfile(String),
    /// Something else.
    No,
}

const PROFILE: usize = 2;
const PROFILE_VERSION: usize = 3;
const CREATED: usize = 5;
const FILE_NUMBER: usize = 6;
const N_FILES: usize = 7;
const USAGE_START: usize = 8;
const USAGE_END: usize = 9;
const SENDER: usize = 10;
const SENDER_NAME: usize = 11;
const SERVICE: usize = 12;
const RECIPIENT: usize = 13;

/// Looks at the first lines of a report, of which the first that is no comment is the header.
#[must_use]
pub fn match_head(head: &[u8], file_name: &str) -> DsrMatch {
    let Some(line) = lines(head).find(|line| !is_comment(line)) else {
        return DsrMatch::No;
    };
    let mut cut = DsrLine::default();
    let cells = cut.cut(line);
    if RecordType::of(cells.get(0)) != Some(RecordType::Head) {
        return DsrMatch::No;
    }
    let text = |place: usize| String::from_utf8_lossy(cells.get(place)).into_owned();
    let Some(profile) = DsrProfile::of(cells.get(PROFILE)) else {
        return DsrMatch::OtherProfile(text(PROFILE));
    };
    let mut problems = Vec::new();
    let mut date = |place: usize, name: &str| {
        let day = read_date(&text(place), &[DateStyle::Iso]).map(|span| span.first);
        if day.is_none() {
            problems.push(format!("{name} of HEAD is `{}`, expected a date", text(place)));
        }
        day
    };
    let (from, to) = (date(USAGE_START, "UsageStartDate"), date(USAGE_END, "UsageEndDate"));
    let usage = from.zip(to).filter(|(from, to)| from <= to);
    if usage.is_none() && from.is_some() && to.is_some() {
        problems.push("UsageEndDate of HEAD is before its UsageStartDate".to_owned());
    }
    let mut number = |place: usize, name: &str| {
        let number = whole_number(&text(place)).and_then(|n| u32::try_from(n).ok());
        let number = number.filter(|number| *number != 0);
        if number.is_none() {
            problems.push(format!("{name} of HEAD is `{}`, expected a number from 1", text(place)));
        }
        number
    };
    let (file_number, n_files) =
        (number(FILE_NUMBER, "FileNumber"), number(N_FILES, "NumberOfFiles"));
    if file_number.zip(n_files).is_some_and(|(number, of)| of < number) {
        problems.push("FileNumber of HEAD is above its NumberOfFiles".to_owned());
    }
    let name = FileName::of(file_name);
    let parties = [SENDER, SERVICE, RECIPIENT, USAGE_START, USAGE_END, PROFILE].map(text);
    let mut head = DsrHead {
        profile,
        profile_name: text(PROFILE),
        profile_version: text(PROFILE_VERSION),
        created: read_date(&text(CREATED), &[DateStyle::Iso]).map(|span| span.first),
        created_ms: times::stamp(cells.get(CREATED)).ok().flatten(),
        file_number,
        n_files,
        usage,
        sender: [SENDER_NAME, SERVICE].map(text),
        set: parties.join("\t"),
        name_facts: NameFacts::new(),
        problems,
    };
    if let Some(name) = name {
        head.name_facts.insert("territory".to_owned(), name.territory.to_owned());
        head.set = format!("{}\t{}", head.set, name.territory);
        head.problems.extend(name.disagrees(&head, &text(SERVICE)));
    }
    DsrMatch::Yes(Box::new(head))
}

/// What a name like `DSR_<recipient>_<sender>_<service>_<period>_<territory>_<x>of<y>_<time>.tsv` says.
struct FileName<'a> {
    service: String,
    territory: &'a str,
    file: Option<(u32, u32)>,
}

impl<'a> FileName<'a> {
    fn of(name: &'a str) -> Option<Self> {
        let stem = name.split('.').next().unwrap_or(name);
        let parts: Vec<&str> = stem.split('_').collect();
        // The service's name may have underscores of its own.
        let [prefix, _, _, service @ .., _, territory, file, _] = parts.as_slice() else {
            return None;
        };
        let file = file
            .split_once("of")
            .and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        (*prefix == "DSR" && !service.is_empty() && file.is_some()).then(|| Self {
            service: service.join("_"),
            territory,
            file,
        })
    }

    fn disagrees(&self, head: &DsrHead, service: &str) -> Vec<String> {
        let mut problems = Vec::new();
        if let (Some((number, of)), Some(head_number), Some(head_of)) =
            (self.file, head.file_number, head.n_files)
            && (number, of) != (head_number, head_of)
        {
            problems.push(format!(
                "HEAD says file {head_number} of {head_of}, the file's name says {number} of {of}"
            ));
        }
        if !service.is_empty() && !service.eq_ignore_ascii_case(&self.service) {
            let named = &self.service;
            problems.push(format!(
                "ServiceDescription of HEAD is `{service}`, the file's name says `{named}`"
            ));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "HEAD\tdsrf/1.1\tBasicAudioProfile\t1.3\tM1\t2026-10-02T10:00:00Z\t1\t2\t\
        2026-09-01\t2026-09-30\tPADPIDA1\tStore\tPremium\tPADPIDA2\tUs\t\r\n";
    const NAME: &str = "DSR_Us_Store_Premium_2026-09_DE_1of2_20261002T100000.tsv.gz";

    fn head(text: &str, name: &str) -> DsrHead {
        match match_head(text.as_bytes(), name) {
            DsrMatch::Yes(head) => *head,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_header_says_period_and_file() {
        let head = head(&format!("# a comment\n{HEAD}"), NAME);
        assert_eq!(head.problems, [""; 0]);
        assert_eq!((head.file_number, head.n_files), (Some(1), Some(2)));
        assert_eq!(
            head.usage.map(|(a, b)| (a.to_string(), b.to_string())).unwrap().1,
            "2026-09-30"
        );
    }

    #[test]
    fn parts_of_a_report_are_of_one_set_and_others_are_not() {
        let first = head(HEAD, NAME);
        let second = head(&HEAD.replace("\t1\t2\t", "\t2\t2\t"), &NAME.replace("1of2", "2of2"));
        let other = head(HEAD, &NAME.replace("_DE_", "_AT_"));
        assert_eq!(first.set, second.set);
        assert_ne!(first.set, other.set);
    }

    #[test]
    fn a_name_that_says_something_else_is_a_problem() {
        let found = head(HEAD, &NAME.replace("1of2", "1of1").replace("Premium", "AdFunded"));
        assert_eq!(found.problems.len(), 2, "{:?}", found.problems);
        assert_eq!(head(HEAD, "renamed.tsv").problems, [""; 0]);
    }

    #[test]
    fn a_short_header_is_a_problem_and_another_profile_is_none_of_ours() {
        assert_eq!(head("HEAD\tID1\tUgcProfile\t1.1\t1\t2\n", "x.tsv").problems.len(), 4);
        let other = match_head(b"HEAD\td\tAudioVisualProfile\t1.0", "x.tsv");
        assert_eq!(other, DsrMatch::OtherProfile("AudioVisualProfile".to_owned()));
        assert_eq!(match_head(b"day\tisrc\n", "x.tsv"), DsrMatch::No);
        assert_eq!(match_head(b"", "x.tsv"), DsrMatch::No);
    }
}
