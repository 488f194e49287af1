//! `streamledger snapshots`: previous states of the tables.

use chrono::{Duration, Utc};
use streamledger_storage::layout::snapshots::{
    PrunePlan, Snapshot, diff_snapshots, list_snapshots, prunable, prune_snapshots, roll_back,
};

use crate::arguments::{CommonOptions, OutputFormat, SnapshotAction, SnapshotsCommand};
use crate::commands::nightly;
use crate::exit;
use crate::print::changes::change_sheets;
use crate::print::decisions;
use crate::print::output::{OutputSheet, grouped, print, to_csv, to_json, to_text};

/// Does what is asked for and prints what came of it.
pub(crate) fn run(common: &CommonOptions, command: &SnapshotsCommand) -> anyhow::Result<u8> {
    nightly::start_threads(common)?;
    let root = &command.warehouse;
    match &command.action {
        SnapshotAction::List => {
            let snapshots = list_snapshots(root)?;
            let sentence = match snapshots.len() {
                0 => "There are no snapshots yet; `streamledger nightly` makes them.".to_owned(),
                n => format!("{n} snapshots, the oldest first."),
            };
            show(common, &sentence, &[listed(&snapshots)])?;
        }
        SnapshotAction::Diff { one, other } => {
            let changes = diff_snapshots(root, *one, *other)?;
            let sentence = if changes.is_empty() {
                format!("Snapshots {one} and {other} say the same.")
            } else {
                format!("What snapshot {other} says differently than {one}.")
            };
            show(common, &sentence, &change_sheets(&changes))?;
        }
        SnapshotAction::Rollback { number } => {
            let started = nightly::now();
            let new = roll_back(root, *number, &nightly::owner(&started), &started)?;
            let sentence = format!(
                "Snapshot {number} is published again, as {new}. The next `nightly` builds the tables \
                 from all reports again: correct what was wrong before it runs."
            );
            show(common, &sentence, &[])?;
        }
        SnapshotAction::Prune { keep, older_than, grace, dry_run } => {
            let now = Utc::now();
            let prune = PrunePlan {
                keep: usize::try_from(*keep)?,
                published_before: older_than.map(|days| now - Duration::days(days.into())),
                unseen_since: now - Duration::minutes((*grace).into()),
            };
            let snapshots = list_snapshots(root)?;
            let gone = if *dry_run {
                prunable(&snapshots, &prune)
            } else {
                prune_snapshots(root, &prune, &nightly::owner(&nightly::now()))?
            };
            let sentence = match (gone.len(), dry_run) {
                (0, _) => "No snapshot may go.".to_owned(),
                (n, true) => format!("Nothing was removed. Without --dry-run these {n} would be:"),
                (n, false) => format!("Removed {n} snapshots."),
            };
            let gone: Vec<Snapshot> =
                snapshots.into_iter().filter(|s| gone.contains(&s.number)).collect();
            show(common, &sentence, &[listed(&gone)])?;
        }
    }
    Ok(exit::DONE)
}

fn show(common: &CommonOptions, sentence: &str, sheets: &[OutputSheet]) -> anyhow::Result<()> {
    print(&match common.format {
        OutputFormat::Table => {
            let tables = to_text(sheets);
            let gap = if tables.is_empty() { "" } else { "\n" };
            format!("{sentence}\n{gap}{tables}")
        }
        OutputFormat::Json => to_json(sheets)?,
        OutputFormat::Csv => to_csv(sheets),
    })?;
    Ok(())
}

fn listed(snapshots: &[Snapshot]) -> OutputSheet {
    let columns = [
        "#snapshot",
        "published",
        "by",
        "#reports",
        "#rows of plays",
        "#files",
        "#own MiB",
        "current",
        "settings",
        "tables",
    ];
    let mut sheet = OutputSheet::new("snapshots", "Snapshots", &columns);
    for snapshot in snapshots {
        sheet.push(vec![
            snapshot.number.to_string(),
            snapshot.published(),
            snapshot.damage.clone().unwrap_or_else(|| snapshot.origin.clone()),
            grouped(snapshot.n_reports.into()),
            grouped(snapshot.n_plays.into()),
            grouped(snapshot.n_files.into()),
            grouped((snapshot.own_bytes >> 20).into()),
            if snapshot.is_current { "yes" } else { "" }.to_owned(),
            decisions::settings_in_short(&snapshot.settings),
            snapshot.tables.display().to_string(),
        ]);
    }
    sheet
}
