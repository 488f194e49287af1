//! Decisions as they are printed: who decides, what edited settings would change, and the command that
//! accepts them.

use std::collections::BTreeSet;
use std::path::Path;

use streamledger_core::decisions::settings::SettingsEdit;
use streamledger_pipeline::nightly::plan::proposal::{Proposal, ProposalEffect};
use streamledger_pipeline::nightly::summary::RunSummary;
use streamledger_storage::layout::decisions::DecisionAuthor;
use streamledger_storage::layout::settings_of_months::SettingsOfMonths;
use streamledger_storage::tables::compare::{ComparedFigure, FigureChange, FigureChanges};

use crate::arguments::{DecisionOptions, NightlyCommand};
use crate::print::changes::change_sheets;
use crate::print::output::OutputSheet;

/// Digits of a hash by which settings are told apart in a table.
const SHORT: usize = 8;

/// Who decides, and why.
pub(crate) fn author(options: &DecisionOptions, why: &str) -> DecisionAuthor {
    let reason = options.why.clone().unwrap_or_else(|| why.to_owned());
    DecisionAuthor { by: name(options.by.as_ref()), reason }
}

/// A name that was given, or that of the user.
pub(crate) fn name(given: Option<&String>) -> String {
    let of_user = || {
        let names = ["USER", "LOGNAME"].map(|variable| std::env::var(variable).ok());
        let known = names.into_iter().flatten().find(|name| !name.is_empty());
        known.unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()))
    };
    given.cloned().unwrap_or_else(of_user)
}

/// Settings in a table.
pub(crate) fn short(hash: &str) -> &str {
    hash.get(..SHORT).unwrap_or(hash)
}

/// By which settings months were judged: one line for all, one for each that differs.
pub(crate) fn settings_sheet(settings: &SettingsOfMonths) -> OutputSheet {
    let mut sheet = OutputSheet::new("settings", "Settings", &["store", "month", "settings"]);
    if settings.base.is_empty() {
        return sheet;
    }
    let all = if settings.own.is_empty() { "all" } else { "all others" };
    sheet.push(vec!["all".to_owned(), all.to_owned(), short(&settings.base).to_owned()]);
    for (store, month, hash) in &settings.own {
        sheet.push(vec![store.clone(), month.clone(), short(hash).to_owned()]);
    }
    sheet
}

/// The same in a cell.
pub(crate) fn settings_in_short(settings: &SettingsOfMonths) -> String {
    let own = settings.own.iter().map(|(store, month, hash)| {
        let hash = short(hash);
        format!("{store} {month}: {hash}")
    });
    let own: Vec<String> = own.collect();
    let base = short(&settings.base);
    if own.is_empty() { base.to_owned() } else { format!("{base} ({})", own.join(", ")) }
}

/// Edited settings and what they would change, after a run.
pub(crate) fn proposal_sheets(summary: &RunSummary) -> Vec<OutputSheet> {
    let of = summary.proposal.as_ref().or(summary.settled.as_ref());
    let Some(proposal) = of else {
        return Vec::new();
    };
    let is_open = summary.proposal.is_some();
    let mut sheet =
        OutputSheet::new("proposal", "Edited settings", &["settings", "accepted", "state"]);
    let state = match &proposal.effect {
        _ if !is_open => "accepted: changes no published figure".to_owned(),
        ProposalEffect::Computed(_) => "not accepted".to_owned(),
        ProposalEffect::NotComputed => "not accepted; its effect was not computed".to_owned(),
        ProposalEffect::Failed(why) => {
            format!("not accepted; its effect could not be computed: {why}")
        }
    };
    sheet.push(vec![proposal.hash.clone(), proposal.accepted.clone(), state]);
    let mut sheets = vec![sheet, edits(&proposal.edits)];
    if let (true, ProposalEffect::Computed(changes)) = (is_open, &proposal.effect) {
        let [changed, summed] = change_sheets(&told(changes));
        sheets.push(changed.renamed("proposed_changes", "What they would change"));
        sheets.push(summed.renamed("proposed_totals", "Totals of what they would change"));
    }
    sheets
}

/// The changes without rows that are as many as before, where a figure of the same month says more.
fn told(changes: &FigureChanges) -> FigureChanges {
    let is_other = |change: &FigureChange| change.before != change.after;
    let months: BTreeSet<(&String, &String)> = changes
        .iter()
        .filter(|(_, change)| is_other(change))
        .map(|(figure, _)| (&figure.store, &figure.month))
        .collect();
    let says_more = |figure: &ComparedFigure| months.contains(&(&figure.store, &figure.month));
    let told = changes.iter().filter(|(figure, change)| is_other(change) || !says_more(figure));
    told.map(|(figure, change)| (figure.clone(), *change)).collect()
}

fn edits(edits: &[SettingsEdit]) -> OutputSheet {
    let mut sheet =
        OutputSheet::new("edits", "Edited numbers", &["edited", "accepted", "proposed"]);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    for edit in edits {
        sheet.push(vec![edit.number.clone(), text(&edit.accepted), text(&edit.proposed)]);
    }
    sheet
}

/// What to know of edited settings after a run, and what to do; nothing where none are edited.
pub(crate) fn proposal_in_words(summary: &RunSummary, command: &NightlyCommand) -> String {
    if let Some(settled) = &summary.settled {
        return format!(
            "\nThe settings were edited. That changes no published figure, so they are accepted: {}.\n",
            short(&settled.hash)
        );
    }
    let Some(proposal) = &summary.proposal else {
        return String::new();
    };
    let effect = match &proposal.effect {
        ProposalEffect::Computed(changes) => effect_in_words(changes),
        ProposalEffect::NotComputed => {
            "A run without --dry-run prints what they would change.".to_owned()
        }
        ProposalEffect::Failed(why) => {
            format!("What they would change could not be computed: {why}.")
        }
    };
    format!(
        "\nThe settings were edited, and the edited numbers are not accepted: all months are judged by \
         the accepted settings, {}. {effect}\nTo accept them for all months:\n  {}\nTo leave all as it \
         is, take the edits back.\n",
        short(&proposal.accepted),
        accept_command(proposal, command)
    )
}

fn effect_in_words(changes: &FigureChanges) -> String {
    if changes.is_empty() {
        let text = "They would change no published figure: the next run accepts them by itself.";
        return text.to_owned();
    }
    let is_change = |measure: &str| {
        changes
            .iter()
            .any(|(figure, change)| figure.measure == measure && change.before != change.after)
    };
    let what = match (is_change("plays"), is_change("amount")) {
        (true, true) => "plays and money",
        (true, false) => "plays, and no money that is in a statement",
        (false, true) => "money",
        (false, false) => "no sums of plays or money, but rows",
    };
    format!("They would change {what}; the tables above tell by month what, before and after.")
}

/// The command that accepts a proposal.
fn accept_command(proposal: &Proposal, command: &NightlyCommand) -> String {
    let mut words = vec!["streamledger nightly".to_owned()];
    let paths = [
        ("--pipeline", Some(&command.pipeline), "pipelines/nightly.toml"),
        ("--inbox", Some(&command.inbox), "inbox"),
        ("--warehouse", Some(&command.warehouse), "warehouse"),
        ("--decisions", command.decisions.decisions.as_ref(), ""),
        ("--listener-key-file", command.listener_key_file.as_ref(), ""),
    ];
    for (option, path, usual) in paths {
        if let Some(path) = path.filter(|path| path.as_path() != Path::new(usual)) {
            words.push(format!("{option} {}", quoted(&path.to_string_lossy())));
        }
    }
    words.push(format!("--accept-restatement {}", proposal.short_hash()));
    words.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
