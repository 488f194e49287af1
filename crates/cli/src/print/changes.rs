//! Figures that differ between two states of the tables, as they are printed: one by one, and summed.

use streamledger_core::model::money::Amount;
use streamledger_storage::tables::compare::{ComparedFigure, FigureChange, FigureChanges};

use crate::print::output::{OutputSheet, grouped};

/// Changed figures, and their totals over stores and months.
pub(crate) fn change_sheets(changes: &FigureChanges) -> [OutputSheet; 2] {
    let columns =
        ["table", "store", "month", "what", "measure", "$before", "$after", "$difference"];
    let mut sheet = OutputSheet::new("changes", "Changed figures", &columns);
    let mut totals = FigureChanges::new();
    for (figure, change) in changes {
        sheet.push(cells(figure, change));
        let (store, month) = (String::new(), String::new());
        let total = totals.entry(ComparedFigure { store, month, ..figure.clone() }).or_default();
        total.before += change.before;
        total.after += change.after;
    }
    let columns = ["table", "what", "measure", "$before", "$after", "$difference"];
    let mut total_sheet = OutputSheet::new("totals", "Totals of what changed", &columns);
    for (figure, change) in &totals {
        let mut cells = cells(figure, change);
        drop(cells.drain(1..3));
        total_sheet.push(cells);
    }
    [sheet, total_sheet]
}

fn cells(figure: &ComparedFigure, change: &FigureChange) -> Vec<String> {
    let number = |number: i128| {
        if figure.measure == "amount" { Amount(number).to_string() } else { grouped(number) }
    };
    let ComparedFigure { table, store, month, what, measure } = figure;
    let words = [table, store, month, what, &(*measure).to_owned()].map(Clone::clone);
    let numbers = [change.before, change.after, change.after - change.before].map(number);
    words.into_iter().chain(numbers).collect()
}
