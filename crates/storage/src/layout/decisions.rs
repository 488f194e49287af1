//! The decisions of people: a folder of files that are only ever added, one for each decision. They are
//! input as the reports are, and so is their order: the tables are a function of both.
//!
//! ```text
//! DECISIONS/20261129T211500.123456Z-settings-1f2e3d4c.json
//! DECISIONS/20261130T080210.000001Z-accept-9a8b7c6d.json
//! ```
//!
//! A name begins with the moment and ends with the first digits of the hash of what is in the file, so a
//! file that was edited is known. Nothing in the folder is passed over: what cannot be read may be what
//! decides about somebody's money.

use crate::disk::reading::{if_there, list_folder, real_path};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use streamledger_core::decisions::settings::{DecidedMonths, JudgingNumbers, SettingsInForce};
use streamledger_core::decisions::{AcceptKind, AcceptedReports};

use crate::disk::durable::{
    DiskError, IoContext as _, link, make_folder, remove_file, sync, write_new,
};

/// Version of the files' layout.
const DECISION_VERSION: u32 = 1;

/// The moment in a file's name: the order of names is the order of decisions.
const MOMENT: &str = "%Y%m%dT%H%M%S%.6fZ";

/// Digits of the hash in a file's name.
const HASH_DIGITS: usize = 8;

/// By whom the program itself decides, where nothing is left to decide.
pub const BY_PROGRAM: &str = "streamledger";

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Decision {
    /// A report that is rejected is accepted.
    Accept(AcceptDecision),
    /// Numbers judge some months from now on.
    Settings(Box<AcceptedSettings>),
}

/// A report that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptDecision {
    /// Version of the layout.
    pub version: u32,
    /// The report: 64 hex digits of its id.
    pub report: String,
    /// What is accepted of it.
    pub what: AcceptKind,
    /// Why, in somebody's words.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// When, UTC.
    pub when: DateTime<Utc>,
}

/// Numbers that are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedSettings {
    /// Version of the layout.
    pub version: u32,
    /// For which months.
    pub months: DecidedMonths,
    /// Hash of the numbers, 64 hex digits.
    pub hash: String,
    /// Why, in somebody's words.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// When, UTC.
    pub when: DateTime<Utc>,
    /// The numbers, all of them.
    pub numbers: JudgingNumbers,
}

/// Who decides, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionAuthor {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Something about the decisions that stops a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionError {
    /// A step on the disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file is no decision, or not the one that was written.
    #[error("{}: {message}", .path.display())]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        message: String,
    },
    /// A decision that the published tables were made with is not there.
    #[error(
        "{}: {n} of the decisions that the published tables were made with are not there, the first \
         is {first}; put them back from a backup, or name their folder with --decisions; nothing was \
         done, since without them published figures would change", .folder.display()
    )]
    Missing {
        /// Where they should be.
        folder: PathBuf,
        /// Name of the first.
        first: String,
        /// How many.
        n: usize,
    },
    /// Decisions cannot lie among the reports.
    #[error(
        "{}: decisions cannot lie in the inbox {}, whose files are reports; name another folder with \
         --decisions", .folder.display(), .inbox.display()
    )]
    InInbox {
        /// The folder of decisions.
        folder: PathBuf,
        /// The inbox.
        inbox: PathBuf,
    },
    /// Settings cannot be written as JSON, which their types rule out.
    #[error("the settings cannot be written as JSON")]
    Unwritable {
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// What was asked for cannot be decided.
    #[error("{message}")]
    Undecidable {
        /// Why, and what to do.
        message: String,
    },
}

/// The decisions of a folder.
#[derive(Debug, Clone)]
pub struct DecisionLog {
    folder: PathBuf,
    /// By name of the file: in the order in which they were made.
    entries: BTreeMap<String, Decision>,
}

impl DecisionLog {
    /// Reads all decisions of a folder, which need not be there.
    ///
    /// # Errors
    /// [`DecisionError`] if a file cannot be read, is no decision, or is not what was written.
    pub fn read(folder: &Path) -> Result<Self, DecisionError> {
        let mut decisions = Self { folder: folder.to_owned(), entries: BTreeMap::new() };
        for path in if_there(list_folder(folder))?.unwrap_or_default() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // What a write that was interrupted has left; nobody was told that it is decided.
            if name.starts_with('.') && name.ends_with(UNFINISHED) {
                continue;
            }
            let decision = read_decision(&path, &name)?;
            decisions.entries.insert(name, decision);
        }
        Ok(decisions)
    }

    /// Makes sure that the folder does not lie in an inbox.
    ///
    /// # Errors
    /// [`DecisionError::InInbox`].
    pub fn require_outside(&self, inbox: &Path) -> Result<(), DecisionError> {
        let [folder, within] = [&self.folder, inbox].map(real_path);
        if folder.starts_with(&within) {
            let (folder, inbox) = (self.folder.clone(), inbox.to_owned());
            return Err(DecisionError::InInbox { folder, inbox });
        }
        Ok(())
    }

    /// Makes sure that decisions are there, by their names.
    ///
    /// # Errors
    /// [`DecisionError::Missing`].
    pub fn require(&self, names: &BTreeSet<String>) -> Result<(), DecisionError> {
        let missing: Vec<&String> =
            names.iter().filter(|name| !self.entries.contains_key(*name)).collect();
        match missing.first() {
            None => Ok(()),
            Some(first) => Err(DecisionError::Missing {
                folder: self.folder.clone(),
                first: (*first).clone(),
                n: missing.len(),
            }),
        }
    }

    /// Names of their files.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        self.entries.keys().cloned().collect()
    }

    /// What is accepted of which reports.
    #[must_use]
    pub fn accepted(&self) -> AcceptedReports {
        let mut accepted = AcceptedReports::new();
        for (name, decision) in &self.entries {
            if let Decision::Accept(accept) = decision {
                // The first decision of several that say the same is the one that counts.
                let key = (accept.report.clone(), accept.what);
                accepted.entry(key).or_insert_with(|| name.clone());
            }
        }
        accepted
    }

    /// The decision to accept a report, if there is one.
    #[must_use]
    pub fn acceptance(&self, report: &str, what: AcceptKind) -> Option<&AcceptDecision> {
        self.entries.values().find_map(|decision| match decision {
            Decision::Accept(accept) if accept.report == report && accept.what == what => {
                Some(accept)
            }
            _ => None,
        })
    }

    /// The settings in force; `None` before the first.
    ///
    /// # Errors
    /// [`DecisionError::Wrong`] if there are settings for some months, and none for all.
    pub fn settings(&self) -> Result<Option<SettingsInForce>, DecisionError> {
        let entries = || {
            self.entries.values().filter_map(|decision| match decision {
                Decision::Settings(entry) => Some((&entry.months, &entry.numbers)),
                Decision::Accept(_) => None,
            })
        };
        let in_force = SettingsInForce::of(entries()).map_err(unwritable)?;
        if in_force.is_none() && entries().next().is_some() {
            return Err(DecisionError::Wrong {
                path: self.folder.clone(),
                message: "there are settings for some months and none for all; the first settings \
                          of the warehouse are missing: put them back from a backup"
                    .to_owned(),
            });
        }
        Ok(in_force)
    }

    /// Adds the decision to accept a report. Returns the name of its file.
    ///
    /// # Errors
    /// [`DecisionError`].
    pub fn accept(
        &mut self,
        report: &str,
        what: AcceptKind,
        author: &DecisionAuthor,
    ) -> Result<String, DecisionError> {
        let when = self.next_moment();
        self.add(Decision::Accept(AcceptDecision {
            version: DECISION_VERSION,
            report: report.to_owned(),
            what,
            reason: author.reason.clone(),
            by: author.by.clone(),
            when,
        }))
    }

    /// Adds settings for some months. Returns the name of their file.
    ///
    /// # Errors
    /// [`DecisionError`].
    pub fn settle(
        &mut self,
        months: DecidedMonths,
        numbers: JudgingNumbers,
        author: &DecisionAuthor,
    ) -> Result<String, DecisionError> {
        let when = self.next_moment();
        let hash = numbers.hash().map_err(unwritable)?;
        self.add(Decision::Settings(Box::new(AcceptedSettings {
            version: DECISION_VERSION,
            months,
            hash,
            reason: author.reason.clone(),
            by: author.by.clone(),
            when,
            numbers,
        })))
    }

    /// Now, or just after the last decision if the clock was set back: a later decision is the newer one.
    fn next_moment(&self) -> DateTime<Utc> {
        let now = Utc::now();
        let last = self.entries.keys().last().and_then(|name| moment_of(name));
        let next = last.map_or(now, |last| now.max(last + TimeDelta::microseconds(1)));
        // As exact as the name says it.
        DateTime::from_timestamp_micros(next.timestamp_micros()).unwrap_or(next)
    }

    fn add(&mut self, decision: Decision) -> Result<String, DecisionError> {
        let (kind, when) = match &decision {
            Decision::Accept(accept) => ("accept", accept.when),
            Decision::Settings(entry) => ("settings", entry.when),
        };
        let mut bytes = serde_json::to_vec_pretty(&decision).map_err(unwritable)?;
        bytes.push(b'\n');
        let name = format!("{}-{kind}-{}.json", when.format(MOMENT), hash_digits(&bytes));
        make_lasting_folder(&self.folder)?;
        // Whole before it has its name, and never in the place of another.
        let new = self.folder.join(format!(".{name}.{}{UNFINISHED}", std::process::id()));
        write_new(&new, &bytes)?;
        link(&new, &self.folder.join(&name))?;
        remove_file(&new)?;
        sync(&self.folder)?;
        self.entries.insert(name.clone(), decision);
        Ok(name)
    }
}

/// Makes a folder with its parents, so that all of them are there after a crash.
fn make_lasting_folder(folder: &Path) -> Result<(), DiskError> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    make_lasting_folder(parent)?;
    make_folder(folder)?;
    sync(parent)
}

/// Ending of a file that is being written.
const UNFINISHED: &str = ".new";

fn hash_digits(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..HASH_DIGITS].to_owned()
}

/// The moment in a file's name.
fn moment_of(name: &str) -> Option<DateTime<Utc>> {
    let (moment, _) = name.split_once('-')?;
    Some(NaiveDateTime::parse_from_str(moment, MOMENT).ok()?.and_utc())
}

/// A decision that cannot be written as JSON.
#[must_use]
pub fn unwritable(source: serde_json::Error) -> DecisionError {
    DecisionError::Unwritable { source }
}

/// Reads a file and checks it against its name.
fn read_decision(path: &Path, name: &str) -> Result<Decision, DecisionError> {
    let wrong = |message: String| DecisionError::Wrong { path: path.to_owned(), message };
    let parts = name.strip_suffix(".json").and_then(|stem| stem.rsplit_once('-'));
    let Some((_, digits)) = parts.filter(|_| moment_of(name).is_some()) else {
        return Err(wrong(
            "is no decision by its name; nothing else may lie among the decisions: move it away"
                .to_owned(),
        ));
    };
    let bytes = std::fs::read(path).at("read the decision", path)?;
    if hash_digits(&bytes) != digits {
        return Err(wrong(
            "was changed after it was written, or is damaged; put it back from a backup (a new \
             decision is a new file, by `streamledger accept` or `--accept-restatement`)"
                .to_owned(),
        ));
    }
    let advice = "a newer version of streamledger may have written it: use that one";
    let read = |error| wrong(format!("is no decision that this version knows: {error}; {advice}"));
    let decision: Decision = serde_json::from_slice(&bytes).map_err(read)?;
    let version = match &decision {
        Decision::Accept(accept) => accept.version,
        Decision::Settings(entry) => entry.version,
    };
    if version != DECISION_VERSION {
        return Err(wrong(format!("is of version {version}, not {DECISION_VERSION}; {advice}")));
    }
    if let Decision::Settings(entry) = &decision
        && entry.numbers.hash().map_err(unwritable)? != entry.hash
    {
        return Err(wrong(format!("its numbers do not have the hash {}; {advice}", entry.hash)));
    }
    Ok(decision)
}

#[cfg(test)]
mod tests;
