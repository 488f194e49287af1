//! `streamledger formats`: what is read, of which store and feed, and how well each layout is known.

use streamledger_core::ingest::builtin::BUILT_IN;
use streamledger_core::ingest::table::format::ColumnEvidence;

use crate::arguments::{CommonOptions, FormatsCommand, OutputFormat};
use crate::commands::nightly::load_settings;
use crate::exit;
use crate::print::output::{OutputSheet, print, to_csv, to_json};

/// Lists the formats by feed, store and name.
pub(crate) fn run(common: &CommonOptions, command: &FormatsCommand) -> anyhow::Result<u8> {
    let settings = load_settings(&command.pipeline)?;
    let columns = ["feed", "store", "format", "layout known from"];
    let mut sheet = OutputSheet::new("formats", "Formats", &columns);
    let row = |texts: [&str; 4]| texts.map(str::to_owned).to_vec();
    let known = |evidence: ColumnEvidence| match evidence {
        ColumnEvidence::Sample => "a real report",
        ColumnEvidence::Specification => "a public specification",
        ColumnEvidence::Parsers => "parsers",
    };
    let mut rows: Vec<Vec<String>> = BUILT_IN
        .iter()
        .map(|format| {
            let evidence = known(format.evidence);
            row([format.feed.as_str(), any(format.store), format.format, evidence])
        })
        .collect();
    for format in settings.formats.values() {
        let evidence = known(format.evidence);
        rows.push(row([format.feed.as_str(), any(&format.store), &format.format, evidence]));
    }
    rows.sort();
    rows.into_iter().for_each(|row| sheet.push(row));
    print(&match common.format {
        OutputFormat::Table => sheet.to_text(),
        OutputFormat::Json => to_json(&[sheet])?,
        OutputFormat::Csv => to_csv(&[sheet]),
    })?;
    Ok(exit::DONE)
}

/// A store's name, for people.
fn any(store: &str) -> &str {
    if store == "*" { "any" } else { store }
}
