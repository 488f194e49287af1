//! `streamledger inspect`: what a person looks at who has a report that is new or was rejected.

use streamledger_core::normalize::counts::LineCounts;
use streamledger_query::inspect::{ReportInspection, inspect_report};

use crate::arguments::{CommonOptions, InspectCommand, OutputFormat};
use crate::commands::nightly::load_settings;
use crate::exit;
use crate::print::output::{OutputSheet, grouped, print, to_csv, to_json, to_text};

/// Reads one report and prints what it is.
pub(crate) fn run(common: &CommonOptions, command: &InspectCommand) -> anyhow::Result<u8> {
    let settings = load_settings(&command.pipeline)?;
    let found = inspect_report(&settings, &command.file, command.store.as_deref(), command.rows)?;
    let sheets = [
        report(&found),
        lines(&found),
        fields(&found),
        controls(&found),
        rows(&found),
        bad_rows(&found),
    ];
    print(&match common.format {
        OutputFormat::Table => to_text(&sheets),
        OutputFormat::Json => to_json(&sheets)?,
        OutputFormat::Csv => to_csv(&sheets),
    })?;
    let is_clean = found.rejection.is_none() && found.counts.quarantined == 0;
    Ok(if is_clean { exit::DONE } else { exit::FAILED })
}

fn report(found: &ReportInspection) -> OutputSheet {
    let mut sheet = OutputSheet::new("report", "Report", &["what", "value"]);
    let mut push = |what: &str, value: Option<String>| {
        if let Some(value) = value {
            sheet.push(vec![what.to_owned(), value]);
        }
    };
    push("format", found.format.clone());
    push("feed", found.feed.map(|feed| feed.as_str().to_owned()));
    push("read as a report of", found.store.clone());
    push("header in line", found.header_line.map(|line| line.to_string()));
    push("packed as", found.packing.map(|packing| packing.name().to_owned()));
    push("member of the archive", found.member.clone());
    for member in &found.skipped {
        push("skipped member", Some(format!("{}: {}", member.name, member.reason)));
    }
    push("hash", found.hash.clone());
    let counts = &found.counts;
    if found.format.is_some() {
        push("rows", Some(grouped(counts.rows.into())));
        push("quarantined", Some(grouped(counts.quarantined.into())));
        let others = [
            ("rows that are no data", found.n_skipped),
            ("ISRCs that are none", counts.bad_isrc),
            ("UPCs that are none", counts.bad_upc),
            ("territories that are none", counts.bad_territory),
            ("territories by an alias", counts.aliased_territory),
            ("rows with an unmapped tier", counts.unmapped_tier),
        ];
        for (what, number) in others.into_iter().filter(|(_, number)| *number != 0) {
            push(what, Some(grouped(number.into())));
        }
    }
    for (key, sums) in found.unmapped.iter() {
        let what = format!("unknown {}", key.field.as_str());
        push(&what, Some(format!("{} ({} rows)", key.value, grouped(sums.rows.into()))));
    }
    if !found.unused.is_empty() {
        push("columns not looked at", Some(found.unused.join(", ")));
    }
    if let Some(rejection) = &found.rejection {
        push("rejected", Some(format!("{}: {}", rejection.code, rejection.detail)));
    }
    sheet
}

/// What each line of the report is; all together are its lines.
fn lines(found: &ReportInspection) -> OutputSheet {
    let mut sheet = OutputSheet::new("lines", "Lines", &["what", "#lines"]);
    if found.lines == LineCounts::default() {
        return sheet;
    }
    let LineCounts { head, rows, skipped, repeated_headers, .. } = found.lines;
    let LineCounts { descriptions, continued, blank, tail, .. } = found.lines;
    let ingested = rows.checked_sub(found.counts.quarantined);
    let parts = [
        ("header and preamble", Some(head)),
        ("rows that can be ingested", ingested),
        ("rejected rows", Some(found.counts.quarantined)),
        ("rows that are no data", Some(skipped)),
        ("repeated headers", Some(repeated_headers)),
        ("records that describe others", Some(descriptions)),
        ("further lines of rows", Some(continued)),
        ("blank lines", Some(blank)),
        ("tail", Some(tail)),
    ];
    // Kinds that only some formats have are shown where there are some.
    let is_usual =
        |what: &str| !matches!(what, "records that describe others" | "further lines of rows");
    for (what, n_lines) in parts {
        if let Some(n_lines) = n_lines.filter(|n_lines| *n_lines != 0 || is_usual(what)) {
            sheet.push(vec![what.to_owned(), grouped(n_lines.into())]);
        }
    }
    sheet.push(vec!["all lines".to_owned(), grouped(found.lines.total().into())]);
    sheet.push(vec!["lines of the file".to_owned(), grouped(found.n_lines.into())]);
    sheet
}

fn fields(found: &ReportInspection) -> OutputSheet {
    let mut sheet = OutputSheet::new("fields", "Fields", &["field", "comes from"]);
    for (field, from) in &found.fields {
        sheet.push(vec![field.clone(), from.clone()]);
    }
    sheet
}

fn controls(found: &ReportInspection) -> OutputSheet {
    let columns = ["control", "report says", "rows add up to", "agrees", "binds"];
    let mut sheet = OutputSheet::new("controls", "Control numbers", &columns);
    for control in &found.controls {
        let agrees = if control.agrees { "yes" } else { "no" };
        let binds = match (control.is_binding, control.why_not.as_str()) {
            (true, _) => "yes".to_owned(),
            (false, why_not) => format!("no: {why_not}"),
        };
        let cells = [&control.label, &control.said, &control.found, agrees, &binds];
        sheet.push(cells.map(ToOwned::to_owned).to_vec());
    }
    sheet
}

fn rows(found: &ReportInspection) -> OutputSheet {
    let columns: Vec<&str> = found.columns.iter().map(String::as_str).collect();
    let mut sheet = OutputSheet::new("rows", "First rows, as they are ingested", &columns);
    found.rows.iter().for_each(|row| sheet.push(row.clone()));
    sheet
}

fn bad_rows(found: &ReportInspection) -> OutputSheet {
    let columns = ["#row", "column", "reason", "detail"];
    let mut sheet = OutputSheet::new("bad_rows", "First rows that go to quarantine", &columns);
    for bad in &found.bad_rows {
        sheet.push(vec![
            bad.row.to_string(),
            bad.column.clone().unwrap_or_default(),
            bad.reject_code.code().to_owned(),
            bad.detail.clone(),
        ]);
    }
    sheet
}
