//! The JSON Schemas next to the settings say what the code reads. `INSTA_UPDATE=always` or
//! `STREAMLEDGER_BLESS=1` writes them anew.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is wrong")]
#![expect(clippy::disallowed_methods, reason = "tests make files, break them and look at them")]

use std::fmt::Write as _;
use std::path::Path;

use schemars::{JsonSchema, schema_for};
use streamledger_core::explain::calendar::Calendar;
use streamledger_core::filter::policy::Policy;
use streamledger_core::ingest::builtin::BUILT_IN;
use streamledger_core::ingest::table::format::{ColumnEvidence, Feed, TableFormat};
use streamledger_core::normalize::store::StoreSettings;
use streamledger_pipeline::intake::config::{PipelineFile, PipelineSettings};

fn check<T: JsonSchema>(name: &str) {
    let schema = serde_json::to_string_pretty(&schema_for!(T)).unwrap() + "\n";
    check_file(&format!("pipelines/schema/{name}"), &schema);
}

fn check_file(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    let is_bless = std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always");
    if is_bless || std::env::var_os("STREAMLEDGER_BLESS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, expected, "{} is stale: run `just bless`", path.display());
}

#[test]
fn the_schemas_of_the_settings_are_up_to_date() {
    check::<PipelineFile>("pipeline.json");
    check::<StoreSettings>("store.json");
    check::<TableFormat>("format.json");
    check::<Policy>("policy.json");
    check::<Calendar>("calendar.json");
}

#[test]
fn the_projects_own_settings_load() {
    let pipeline = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/nightly.toml");
    let settings = PipelineSettings::load(&pipeline).unwrap();
    // A format of one store is of no use without the store's settings.
    for format in settings.formats.values().filter(|format| format.store != "*") {
        assert!(settings.stores.contains_key(&format.store), "{}", format.format);
    }
    assert_eq!(settings.policy.name, "default");
}

/// A format as the page of formats shows it.
struct Shown {
    feed: Feed,
    store: String,
    format: String,
    evidence: ColumnEvidence,
    source: String,
    limits: Vec<String>,
}

fn all_formats() -> Vec<Shown> {
    let pipeline = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/nightly.toml");
    let settings = PipelineSettings::load(&pipeline).unwrap();
    let tables = settings.formats.values().map(|format| {
        let mut limits = format.limits.clone();
        if let Some(repeats) = &format.repeats {
            let names = if repeats.names == ["*"] {
                "All its reports are".to_owned()
            } else {
                format!("A report named `{}` is", repeats.names.join("` or `"))
            };
            limits.push(format!("{names} rejected as `repeats`: {}", repeats.why));
        }
        Shown {
            feed: format.feed,
            store: format.store.clone(),
            format: format.format.clone(),
            evidence: format.evidence,
            source: format.source.clone(),
            limits,
        }
    });
    let built_in = BUILT_IN.iter().map(|format| Shown {
        feed: format.feed,
        store: format.store.to_owned(),
        format: format.format.to_owned(),
        evidence: format.evidence,
        source: format.source.to_owned(),
        limits: format.limits.iter().map(|limit| sentence(limit)).collect(),
    });
    tables.chain(built_in).collect()
}

fn sentence(text: &str) -> String {
    let text = text.strip_suffix('.').unwrap_or(text);
    text[..1].to_uppercase() + &text[1..] + "."
}

const PAGE: &str = "# Formats

<!-- Made from the format files by a test: `just bless` writes it anew. -->

What is read, by feed and store. The report type is detected from its content; the folder of the inbox in which it lies says of which store it must be.
How well a layout is known: *sample*: a real report was looked at; *specification*: the store or a standards body publishes it; *parsers*: it is only known from programs that read it, so look at the first report with `streamledger inspect` before you trust it.

A layout of the plain-table kind is added by a file in [`pipelines/formats`](../pipelines/formats), without a change of the program: [`format.json`](../pipelines/schema/format.json) describes what stands in one, and `streamledger inspect FILE` shows what it makes of a report.
";

#[test]
fn the_page_of_formats_is_up_to_date() {
    let mut page = PAGE.to_owned();
    let formats = all_formats();
    let feeds = [
        (Feed::Trends, "plays, early, without money"),
        (Feed::Sales, "statements with money, months later"),
        (Feed::StoreRemovals, "streams that a store has removed as artificial"),
        (Feed::PublicCounts, "what a store shows in public"),
        (Feed::Reference, "catalogue, lists of tracks, exchange rates"),
    ];
    for (feed, what) in feeds {
        let mut shown: Vec<&Shown> = formats.iter().filter(|format| format.feed == feed).collect();
        shown.sort_by_key(|format| (&format.store, &format.format));
        write!(page, "\n## {}: {what}\n\n", feed.as_str()).unwrap();
        page += "| format | store | known from | source and limits |\n|---|---|---|---|\n";
        for format in shown {
            let evidence = match format.evidence {
                ColumnEvidence::Sample => "sample",
                ColumnEvidence::Specification => "specification",
                ColumnEvidence::Parsers => "parsers",
            };
            let store = if format.store == "*" { "any" } else { &format.store };
            let notes = [vec![sentence(&format.source)], format.limits.clone()].concat().join(" ");
            writeln!(page, "| `{}` | {store} | {evidence} | {notes} |", format.format).unwrap();
        }
    }
    check_file("docs/formats.md", &page);
}
