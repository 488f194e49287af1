//! `streamledger explain`: from what a store shows to what it pays, step by step, with a sentence each.

use std::collections::BTreeSet;

use anyhow::{anyhow, bail, ensure};
use serde::Serialize;
use streamledger_core::explain::figures::FigureLine;
use streamledger_core::explain::known::KnownMonths;
use streamledger_core::explain::period::Period;
use streamledger_core::explain::step::StepKind;
use streamledger_core::model::isrc::Isrc;
use streamledger_pipeline::intake::config::PipelineSettings;
use streamledger_query::explain::{
    ExplainedStore, PublishedTables, WaterfallAnswer, WaterfallQuestion, made_from, store_of,
};
use streamledger_query::status::status_of;

use crate::arguments::{CommonOptions, ExplainCommand, OutputFormat};
use crate::commands::explain_against::copied;
use crate::commands::{explain_missing, explain_plays, nightly};
use crate::exit;
use crate::print::output::{OutputSheet, grouped, print, to_csv};
use crate::print::state_words::StateWords;
use crate::print::step_words::{days_in_words, name_of, words_of};
use crate::print::words::{date_in_words, month_in_words, title_of};

/// Prints the waterfall, or the plays behind one of its steps.
pub(crate) fn run(common: &CommonOptions, command: &ExplainCommand) -> anyhow::Result<u8> {
    let settings = nightly::load_settings(&command.pipeline)?;
    let published = PublishedTables::open(&command.warehouse)?;
    // What is published was judged by the accepted numbers, whatever the pipeline says by now.
    let settings = settings.judged_by(&published.manifest.settings);
    let mut question = question(command, &published)?;
    if let Some(step) = &command.plays {
        let sheet = explain_plays::sheet(&published, &question, step)?;
        print(&match common.format {
            OutputFormat::Table => sheet.to_text(),
            OutputFormat::Json => crate::print::output::to_json(&[sheet])?,
            OutputFormat::Csv => to_csv(&[sheet]),
        })?;
        return Ok(exit::DONE);
    }
    let against = command.against.as_ref().map(|file| copied(file, &mut question)).transpose()?;
    let mut answer = published.explain(&question)?;
    let states = states(&published, &settings);
    if answer.stores.is_empty() && answer.so_far.is_empty() {
        answer.stores = explain_missing::explained(&published, &states, &question, &answer);
    }
    if let Some(copied) = &against {
        let all = answer.stores.iter_mut().chain(&mut answer.so_far);
        all.for_each(|explained| explained.start_from(copied.shown));
    }
    let level = level(command);
    let several = match &question.isrcs {
        Some(isrcs) if level == "release" => published.are_on_several_releases(isrcs)?,
        _ => false,
    };
    let told = ToldStore {
        command,
        settings: &settings,
        states: &states,
        answer: &answer,
        level,
        is_additive: !several,
        against_note: against.and_then(|copied| copied.note),
    };
    if answer.stores.is_empty() && answer.so_far.is_empty() {
        bail!(told.nothing(&published, &question));
    }
    print(&match common.format {
        OutputFormat::Table => told.as_text(&published, &question)?,
        OutputFormat::Json => serde_json::to_string_pretty(&told.document())? + "\n",
        OutputFormat::Csv => to_csv(&[told.all_lines()]),
    })?;
    Ok(exit::DONE)
}

/// How it stands with the reports on the day of the published state.
fn states<'a>(published: &PublishedTables, settings: &'a PipelineSettings) -> StateWords<'a> {
    let as_of = match published.manifest.as_of.parse() {
        Ok(Period::Day(day)) => day,
        _ => nightly::day_of(None),
    };
    let status = status_of(&published.manifest, settings, as_of);
    StateWords { known: KnownMonths::new(&status.coverage), as_of, calendar: &settings.calendar }
}

fn question(
    command: &ExplainCommand,
    published: &PublishedTables,
) -> anyhow::Result<WaterfallQuestion> {
    let by = |column: &str, name: &str, what: &str| -> anyhow::Result<BTreeSet<String>> {
        let found = published.recordings(column, name)?;
        ensure!(
            !found.is_empty(),
            "no recording of the {what} `{name}` in the catalogue: put the catalogue into \
             inbox/reference, or name the recording with --isrc"
        );
        Ok(found)
    };
    let isrcs = match (&command.isrc, &command.artist, &command.release) {
        (Some(text), ..) => {
            let isrc = Isrc::parse(text.as_bytes()).ok_or_else(|| {
                anyhow!("`{text}` is no ISRC: two letters, three letters or digits, seven digits")
            })?;
            let code: String = isrc.to_text().iter().copied().map(char::from).collect();
            Some(BTreeSet::from([code]))
        }
        (_, Some(artist), _) => Some(by("artist", artist, "artist")?),
        (.., Some(release)) if release.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(by("upc", release, "release")?)
        }
        (.., Some(release)) => Some(by("release", release, "release")?),
        _ => None,
    };
    Ok(WaterfallQuestion {
        month: command.month.clone(),
        store: command.store.clone(),
        isrcs,
        territory: command.territory.as_ref().map(|code| code.to_uppercase()),
    })
}

/// What the numbers are of.
fn level(command: &ExplainCommand) -> &'static str {
    match (&command.isrc, &command.artist, &command.release, &command.territory) {
        (Some(_), ..) => "track",
        (_, Some(_), ..) => "artist",
        (_, _, Some(_), _) => "release",
        (.., Some(_)) => "territory",
        _ if command.store.is_some() => "store",
        _ => "all",
    }
}

/// The JSON document: `docs/status.md` describes it.
#[derive(Debug, Serialize)]
struct ExplainDocument {
    version: u32,
    month: String,
    snapshot: u64,
    level: &'static str,
    is_additive: bool,
    stores: Vec<StoreObject>,
    so_far: Vec<StoreObject>,
    not_yet: Vec<String>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct StoreObject {
    store: String,
    lines: Vec<LineObject>,
}

#[derive(Debug, Serialize)]
struct LineObject {
    step: String,
    position: i32,
    kind: &'static str,
    plays: Option<i64>,
    states: Vec<&'static str>,
    reports: Vec<String>,
    words: String,
}

struct ToldStore<'a> {
    command: &'a ExplainCommand,
    settings: &'a PipelineSettings,
    states: &'a StateWords<'a>,
    answer: &'a WaterfallAnswer,
    level: &'static str,
    /// Whether it may be added to others of its level.
    is_additive: bool,
    /// What is to be known of the numbers that somebody copied.
    against_note: Option<String>,
}

impl<'a> ToldStore<'a> {
    /// Why there is no waterfall, and what to do.
    fn nothing(&self, published: &PublishedTables, question: &WaterfallQuestion) -> String {
        let month = &question.month;
        let parsed: Option<Period> = month.parse().ok();
        let words = parsed.map_or_else(|| month.clone(), |period| month_in_words(period.month()));
        if let Some(store) = self.answer.not_yet.first() {
            return format!(
                "{words} is not over for {}, and no report so far has a row of what was asked for; its \
                 waterfall is made by the first run from {} on",
                title_of(store),
                self.made_from(store)
            );
        }
        if self.answer.months.contains(month) {
            let what = match (&self.command.isrc, &question.territory) {
                (Some(isrc), Some(territory)) => format!("{isrc} in {territory}"),
                (Some(isrc), None) => isrc.clone(),
                (None, Some(territory)) => format!("the territory {territory}"),
                (None, None) => "what was asked for".to_owned(),
            };
            return format!(
                "no report of {words} has a row of {what}: neither plays, nor the store's own number, \
                 nor a line of a statement"
            );
        }
        let (first, last) = (self.answer.months.first(), self.answer.months.last());
        if let Some((first, last)) = first.zip(last) {
            return format!("there are no figures of {words}; there are from {first} to {last}");
        }
        let others = published.partitions("waterfall", None);
        let others: BTreeSet<&str> = others.filter_map(|path| store_of(path)).collect();
        let others: Vec<&str> = others.into_iter().collect();
        let store = question.store.as_deref().unwrap_or("any store");
        if others.is_empty() {
            format!("no month of {store} is over yet: `streamledger status` says what is there")
        } else {
            format!("there are no figures of {store}; there are of {}", others.join(", "))
        }
    }

    /// From when on there is a waterfall of a store's month.
    fn made_from(&self, store: &str) -> String {
        let month: Option<Period> = self.command.month.parse().ok();
        let from = month.map(|period| made_from(&self.settings.calendar, store, period.month()));
        from.map_or_else(String::new, date_in_words)
    }

    fn words(&self, store: &str, line: &'a FigureLine) -> String {
        let file = |name: &'a str| self.answer.files.get(name).map_or(name, String::as_str);
        let month: Option<Period> = self.command.month.parse().ok();
        let state = |state: &str| match month {
            Some(month) => self.states.of_step(store, month.month(), line.step, state),
            None => state.to_owned(),
        };
        let settings = self.settings.stores.get(store);
        words_of(line, self.answer.policies.get(store), settings, state, file)
    }

    /// What is to be known besides the numbers.
    fn notes(&self) -> Vec<String> {
        let several = "A recording of this release is on others too and counts in each: these releases do \
                       not add up.";
        let several = (!self.is_additive).then(|| several.to_owned());
        self.days_note().into_iter().chain(several).chain(self.against_note.clone()).collect()
    }

    /// What is to be known of the days of the stores.
    fn days_note(&self) -> Option<String> {
        let stores = self.answer.stores.iter().chain(&self.answer.so_far);
        let stores = stores.map(|explained| explained.store.as_str());
        days_in_words(stores.map(|store| (store, self.settings.stores.get(store))))
    }

    fn as_text(
        &self,
        published: &PublishedTables,
        question: &WaterfallQuestion,
    ) -> anyhow::Result<String> {
        let mut parts = vec![self.heading(published, question)?];
        for explained in &self.answer.stores {
            parts.push(self.sheet(explained, "").to_text());
        }
        for explained in &self.answer.so_far {
            parts.push(self.sheet(explained, ", so far").to_text());
        }
        for store in &self.answer.not_yet {
            let from = self.made_from(store);
            parts.push(format!(
                "The month is not over for {}: runs from {from} on report what it \
                 shows and pays.\n",
                title_of(store)
            ));
        }
        parts.extend(self.notes().into_iter().map(|note| format!("{note}\n")));
        Ok(parts.join("\n"))
    }

    fn heading(
        &self,
        published: &PublishedTables,
        question: &WaterfallQuestion,
    ) -> anyhow::Result<String> {
        let month: Option<Period> = question.month.parse().ok();
        let month = month.map_or_else(String::new, |period| month_in_words(period.month()));
        let mut of = match (&self.command.artist, &self.command.release, &question.isrcs) {
            (Some(artist), ..) => artist.clone(),
            (_, Some(release), _) => format!("release {release}"),
            (_, _, Some(isrcs)) => {
                let titles = published.titles(isrcs)?;
                let name = |isrc: &String| {
                    titles.get(isrc).map_or(isrc.clone(), |title| format!("{title} ({isrc})"))
                };
                isrcs.iter().map(name).collect::<Vec<_>>().join(", ")
            }
            _ => "All recordings".to_owned(),
        };
        if let Some(territory) = &question.territory {
            of = format!("{of}, {territory}");
        }
        Ok(format!("{of} in {month}, by snapshot {}.\n", self.answer.snapshot))
    }

    fn sheet(&self, explained: &'a ExplainedStore, more: &str) -> OutputSheet {
        let columns = ["step", "#plays", "#share", "what it is"];
        let mut sheet = OutputSheet::named(
            "waterfall",
            &format!("{}{more}", title_of(&explained.store)),
            &columns,
        );
        let start = explained
            .lines
            .iter()
            .find(|line| line.step.kind() == StepKind::Total && line.plays.is_some());
        let start = start.and_then(|line| line.plays).unwrap_or(0);
        for line in &explained.lines {
            let indent = if line.step.kind() == StepKind::Total { "" } else { "  " };
            let plays = line.plays.map_or("not known".to_owned(), |plays| grouped(plays.into()));
            let share = line.plays.map_or_else(String::new, |plays| share(plays, start));
            sheet.push(vec![
                format!("{indent}{}", name_of(line.step)),
                plays,
                share,
                self.words(&explained.store, line),
            ]);
        }
        sheet
    }

    fn all_lines(&self) -> OutputSheet {
        let columns = [
            "store",
            "month",
            "#position",
            "step",
            "kind",
            "#plays",
            "state",
            "report",
            "level",
            "is_additive",
        ];
        let mut sheet = OutputSheet::new("waterfall", "Waterfall", &columns);
        for explained in self.answer.stores.iter().chain(&self.answer.so_far) {
            for line in &explained.lines {
                sheet.push(vec![
                    explained.store.clone(),
                    self.command.month.clone(),
                    line.step.position().to_string(),
                    line.step.name(),
                    line.step.kind().as_str().to_owned(),
                    line.plays.map_or_else(String::new, |plays| plays.to_string()),
                    line.states.names().collect::<Vec<_>>().join("|"),
                    reports(line).join("|"),
                    self.level.to_owned(),
                    self.is_additive.to_string(),
                ]);
            }
        }
        sheet
    }

    fn document(&self) -> ExplainDocument {
        let object = |explained: &'a ExplainedStore| StoreObject {
            store: explained.store.clone(),
            lines: explained
                .lines
                .iter()
                .map(|line| LineObject {
                    step: line.step.name(),
                    position: line.step.position(),
                    kind: line.step.kind().as_str(),
                    plays: line.plays,
                    states: line.states.names().collect(),
                    reports: reports(line),
                    words: self.words(&explained.store, line),
                })
                .collect(),
        };
        ExplainDocument {
            version: 1,
            month: self.command.month.clone(),
            snapshot: self.answer.snapshot,
            level: self.level,
            is_additive: self.is_additive,
            stores: self.answer.stores.iter().map(object).collect(),
            so_far: self.answer.so_far.iter().map(object).collect(),
            not_yet: self.answer.not_yet.clone(),
            notes: self.notes(),
        }
    }
}

fn reports(line: &FigureLine) -> Vec<String> {
    line.reports.iter().flat_map(|names| names.iter().cloned()).collect()
}

/// A share of the start in percent with one digit after the point, cut.
pub(crate) fn share(plays: i64, start: i64) -> String {
    if start == 0 {
        return String::new();
    }
    let tenths = i128::from(plays) * 1000 / i128::from(start);
    let sign = if tenths < 0 || (tenths == 0 && plays < 0) { "-" } else { "" };
    let tenths = tenths.unsigned_abs();
    format!("{sign}{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_cut_to_a_tenth_of_a_percent() {
        assert_eq!(share(11_902, 12_480), "95.3 %");
        assert_eq!(share(-60, 12_480), "-0.4 %");
        assert_eq!(share(-1, 12_480), "-0.0 %");
        assert_eq!(share(5, 0), "");
    }
}
