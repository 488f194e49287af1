//! What a DSR report says of all its lines: its summary records by their ids, and its footer.

use std::collections::HashMap;

use crate::ingest::dsr::RecordCells;
use crate::model::money::Currency;
use crate::model::territory::Territory;
use crate::model::tier::Tier;
use crate::normalize::dsr::cells::rejection;
use crate::normalize::rejected_row::RejectCode;
use crate::normalize::table::control_numbers::CheckedControl;
use crate::normalize::table::fields::RowRejection;

/// What summary records of one id say; where several say different things, nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DsrSummary {
    pub(crate) territory: Option<Territory>,
    /// What was named as a territory and is none.
    pub(crate) unknown_territory: Option<String>,
    pub(crate) tier: Tier,
    pub(crate) tier_code: Option<String>,
    pub(crate) use_type: Option<String>,
    pub(crate) currency: Option<Currency>,
    /// Usages of the pool, each number that is stated once.
    pub(crate) usages: Vec<i64>,
    /// Whether records of this id name different territories, so that of none of its lines it is known
    /// where it was used.
    pub(crate) is_ambiguous: bool,
    /// Whether the usages are those of this report's lines, not those of a market.
    pub(crate) is_of_report: bool,
    /// Units of this report's lines, those in quarantine too whose units can be read.
    pub(crate) units: i128,
    /// Lines in quarantine whose units cannot be read.
    pub(crate) n_lost: u64,
}

/// The counts of a footer.
#[derive(Debug, Clone)]
pub(crate) struct ReportFoot {
    /// What each cell says, with the name of the cell; empty where it must say it and does not.
    pub(crate) said: Vec<(&'static str, String)>,
}

impl DsrSummary {
    /// Takes another record of the same id in: what both say holds.
    pub(crate) fn join(&mut self, other: &Self) {
        self.is_ambiguous |= self.territory != other.territory;
        if self.unknown_territory.is_none() {
            self.unknown_territory.clone_from(&other.unknown_territory);
        }
        if (self.tier, &self.tier_code) != (other.tier, &other.tier_code) {
            (self.tier, self.tier_code) = (Tier::Unknown, None);
        }
        if self.use_type != other.use_type {
            self.use_type = None;
        }
        if self.currency != other.currency {
            self.currency = None;
        }
        let new = other.usages.iter().filter(|usages| !self.usages.contains(usages));
        let new: Vec<i64> = new.copied().collect();
        self.usages.extend(new);
    }

    /// The usages that it states, checked against the lines; `None` if it states none. Of a report of
    /// several files (`n_files`) each file has the total of all.
    pub(crate) fn check(&self, id: &str, n_files: Option<u32>) -> Option<CheckedControl> {
        let of = if self.is_of_report { "" } else { " (of the whole market)" };
        let label = format!("usages of summary record {id}{of}");
        let said = match self.usages[..] {
            [] => return None,
            // Two pools of a market under one id have two numbers.
            [_, _, ..] if !self.is_of_report => return None,
            ref stated => stated.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
        };
        let checked = CheckedControl::sum(&label, &said, self.units);
        Some(if !self.is_of_report {
            checked.unless_readable("it is of the whole market".to_owned())
        } else if let Some(n_files) = n_files {
            checked.unless_readable(of_all_files(n_files))
        } else {
            checked.without_lost(self.n_lost)
        })
    }
}

/// The summary record of a line; `cell` is its id as it stands there.
pub(crate) fn summary_of<'s>(
    summaries: &'s HashMap<String, DsrSummary>,
    id: &str,
    cell: &[u8],
) -> Result<&'s DsrSummary, RowRejection> {
    let wrong =
        |expected| rejection(Some("SummaryRecordId"), RejectCode::UnknownReference, expected, cell);
    match summaries.get(id) {
        None => Err(wrong("the id of a summary record of this report")),
        Some(summary) if summary.is_ambiguous => {
            Err(wrong("the id of one summary record: several of this id name other territories"))
        }
        Some(summary) => Ok(summary),
    }
}

fn of_all_files(n_files: u32) -> String {
    format!("it is of all {n_files} files")
}

/// A total of a summary record that is no number.
pub(crate) fn unreadable_total(id: &str, said: &[u8]) -> CheckedControl {
    CheckedControl {
        label: format!("usages of summary record {id}"),
        said: String::from_utf8_lossy(said).into_owned(),
        found: String::new(),
        agrees: false,
        is_binding: true,
        why_not: String::new(),
        n_lost: 0,
    }
}

/// What was counted in a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CountedSummary {
    pub(crate) lines: u64,
    pub(crate) summaries: u64,
    pub(crate) blocks: u64,
}

/// The numbers of the footer, checked; a file without one was cut off. Of a report of several files, those
/// for the whole report cannot be checked in one of them.
pub(crate) fn check_foot(
    foot: Option<&ReportFoot>,
    n_files: Option<u32>,
    counted: CountedSummary,
) -> Vec<CheckedControl> {
    let Some(foot) = foot else {
        return vec![CheckedControl::number("NumberOfLinesInFile", "", counted.lines)];
    };
    let check = |(name, said): &(&'static str, String)| {
        let found = match *name {
            "NumberOfLinesInFile" | "NumberOfLinesInReport" => counted.lines,
            "NumberOfSummaryRecords" => counted.summaries,
            _ => counted.blocks,
        };
        let checked = CheckedControl::number(name, said, found);
        match n_files.filter(|_| name.ends_with("InReport")) {
            Some(n_files) => checked.unless_readable(of_all_files(n_files)),
            None => checked,
        }
    };
    foot.said.iter().map(check).collect()
}

impl ReportFoot {
    /// The cells of a footer. Those for the whole of a report of several files may be empty.
    pub(crate) fn read(cells: &RecordCells<'_>) -> Self {
        let names = Self::names(cells.get(0).eq_ignore_ascii_case(b"SRFO"));
        let said = (1..).zip(names).filter_map(|(place, (name, is_required))| {
            let said = cells.get(place);
            let is_there = *is_required || !said.is_empty();
            is_there.then(|| (*name, String::from_utf8_lossy(said).into_owned()))
        });
        Self { said: said.collect() }
    }

    /// The cells and whether each must be filled, as the schemas of the profiles say.
    fn names(is_single: bool) -> &'static [(&'static str, bool)] {
        if is_single {
            return &[("NumberOfLinesInReport", true), ("NumberOfSummaryRecords", true)];
        }
        &[
            ("NumberOfLinesInFile", true),
            ("NumberOfLinesInReport", false),
            ("NumberOfSummaryRecords", true),
            ("NumberOfBlocksInFile", true),
            ("NumberOfBlocksInReport", false),
        ]
    }
}
