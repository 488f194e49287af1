//! `streamledger snapshots`: former states of the tables.

use chrono::{Duration, Utc};
use streamledger_core::vocabulary::money::Amount;
use streamledger_warehouse::compare::{Change, Changes, Figure};
use streamledger_warehouse::snapshots::{
    Prune, Snapshot, diff_snapshots, list_snapshots, prunable, prune_snapshots, roll_back,
};

use crate::arguments::{Common, Format, SnapshotAction, Snapshots};
use crate::output::{Sheet, grouped, print, to_csv, to_json, to_text};
use crate::{decisions, exit, nightly};

/// Does what is asked for and prints what came of it.
pub(crate) fn run(common: &Common, command: &Snapshots) -> anyhow::Result<u8> {
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
            let prune = Prune {
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

fn show(common: &Common, sentence: &str, sheets: &[Sheet]) -> anyhow::Result<()> {
    print(&match common.format {
        Format::Table => {
            let tables = to_text(sheets);
            let gap = if tables.is_empty() { "" } else { "\n" };
            format!("{sentence}\n{gap}{tables}")
        }
        Format::Json => to_json(sheets)?,
        Format::Csv => to_csv(sheets),
    })?;
    Ok(())
}

fn listed(snapshots: &[Snapshot]) -> Sheet {
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
    let mut sheet = Sheet::new("snapshots", "Snapshots", &columns);
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

/// Changed figures, and their totals over stores and months.
pub(crate) fn change_sheets(changes: &Changes) -> [Sheet; 2] {
    let columns =
        ["table", "store", "month", "what", "measure", "$before", "$after", "$difference"];
    let mut sheet = Sheet::new("changes", "Changed figures", &columns);
    let mut totals = Changes::new();
    for (figure, change) in changes {
        sheet.push(cells(figure, change));
        let (store, month) = (String::new(), String::new());
        let total = totals.entry(Figure { store, month, ..figure.clone() }).or_default();
        total.before += change.before;
        total.after += change.after;
    }
    let columns = ["table", "what", "measure", "$before", "$after", "$difference"];
    let mut total_sheet = Sheet::new("totals", "Totals of what changed", &columns);
    for (figure, change) in &totals {
        let mut cells = cells(figure, change);
        drop(cells.drain(1..3));
        total_sheet.push(cells);
    }
    [sheet, total_sheet]
}

fn cells(figure: &Figure, change: &Change) -> Vec<String> {
    let number = |number: i128| {
        if figure.measure == "amount" { Amount(number).to_string() } else { grouped(number) }
    };
    let Figure { table, store, month, what, measure } = figure;
    let words = [table, store, month, what, &(*measure).to_owned()].map(Clone::clone);
    let numbers = [change.before, change.after, change.after - change.before].map(number);
    words.into_iter().chain(numbers).collect()
}
