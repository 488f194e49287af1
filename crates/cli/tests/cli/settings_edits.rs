//! Any value of any settings file: where it is changed, the next run makes of the old warehouse what a fresh
//! one with the same reports, settings and decisions would be.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs;

use toml::Value;

use crate::case::{Case, Outcome, copy_tree, repository};
use crate::report::{good_report, line, lines, report};

/// Settings files that the reports below depend on.
const FILES: [&str; 13] = [
    "calendar.toml",
    "nightly.toml",
    "policies/default.toml",
    "stores/spotify.toml",
    "stores/deezer.toml",
    "stores/itunes.toml",
    "stores/distrokid.toml",
    "formats/deezer-trends.toml",
    "formats/distrokid.toml",
    "formats/itunes-financial.toml",
    "formats/counters.toml",
    "formats/catalogue.toml",
    "formats/spotify-fraud.toml",
];

/// Formats whose fixtures are among the reports.
const FIXTURES: [&str; 6] =
    ["deezer-trends", "distrokid", "itunes-financial", "counters", "catalogue", "spotify-fraud"];

/// Edits that are tried; `STREAMLEDGER_EDITS` says another number.
const N_EDITS: usize = 6;

/// A case with reports of several feeds, and settings of its own.
fn own_case() -> Case {
    let case = Case::new();
    case.own_pipelines();
    for format in FIXTURES {
        let fixture = repository().join("fixtures/formats").join(format).join("in");
        copy_tree(&fixture, &case.path("inbox"));
    }
    let mut rows = lines("2026-08-15", 0..60);
    rows.extend((0..60).map(|_| line("2026-08-15", 90).with("stream_length", "200")));
    rows.push(line("2026-08-15", 91).with("stream_length", "29.5"));
    rows.push(line("2026-08-15", 92).with("country_code", "XQ"));
    case.put("spotify/2026-08-15.tsv", report(&rows));
    case.put("spotify/2026-07.tsv.part", good_report("2026-07-15", 0..20));
    case
}

fn run(case: &Case, more: &[&str]) -> Outcome {
    let usual = ["nightly", "--listener-key-file", "key", "--as-of", "2026-12-01"];
    case.run(&[&usual[..], more].concat())
}

/// Places of all values of a file that are no tables or lists of tables.
fn leaves(value: &Value, place: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(values) if values.iter().any(Value::is_table) => {
            values.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect()
        }
        _ => {
            found.push(place.clone());
            return;
        }
    };
    for (key, child) in children {
        place.push(key);
        leaves(child, place, found);
        place.pop();
    }
}

fn at<'v>(value: &'v mut Value, place: &[String]) -> &'v mut Value {
    place.iter().fold(value, |value, key| match value {
        Value::Array(values) => &mut values[key.parse::<usize>().unwrap()],
        table => table.get_mut(key).unwrap(),
    })
}

/// Another value of the same kind.
fn change(value: &mut Value) {
    match value {
        Value::Integer(number) => *number += 1,
        Value::Boolean(truth) => *truth = !*truth,
        Value::Array(values) => drop(values.pop()),
        Value::String(text) => text.push('x'),
        _ => {}
    }
}

fn edits() -> Vec<(&'static str, Vec<String>)> {
    let mut all = Vec::new();
    for file in FILES {
        let text = fs::read_to_string(repository().join("pipelines").join(file)).unwrap();
        let mut found = Vec::new();
        leaves(&toml::from_str(&text).unwrap(), &mut Vec::new(), &mut found);
        all.extend(found.into_iter().map(|place| (file, place)));
    }
    all
}

/// What is published once nothing is left to do.
fn settled(case: &Case, more: &[&str]) -> Result<BTreeMap<String, String>, Outcome> {
    for _ in 0..4 {
        let outcome = run(case, more);
        if outcome.code != 0 {
            return Err(outcome);
        }
        if let Some((_, rest)) = outcome.stdout.split_once("--accept-restatement ") {
            let hash = rest.split_whitespace().next().unwrap().to_owned();
            let outcome = run(case, &[more, &["--accept-restatement", &hash]].concat());
            assert_eq!(outcome.code, 0, "{outcome:?}");
        } else if outcome.stdout.contains("Nothing new, nothing published.") {
            case.verify().expect_code(0);
            return Ok(case.published());
        }
    }
    let outcome = run(case, more);
    assert_eq!(outcome.code, 2, "four runs leave something to do: {outcome:?}");
    Err(outcome)
}

#[test]
fn a_changed_value_of_any_settings_file_is_noticed() {
    let all = edits();
    assert!(300 < all.len(), "{}", all.len());
    let n_edits = std::env::var("STREAMLEDGER_EDITS").ok().and_then(|n| n.parse().ok());
    let n_edits: usize = n_edits.unwrap_or(N_EDITS).min(all.len());
    let (mut n_noticed, mut n_unusable) = (0, 0);
    for n in 0..n_edits {
        // Spread over all of them, and others with each number of edits.
        let (file, place) = &all[(n * all.len() + all.len() / 3) / n_edits % all.len()];
        let case = own_case();
        let before = settled(&case, &[]).unwrap();
        let path = case.path("pipelines").join(file);
        let mut value: Value = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        change(at(&mut value, place));
        fs::write(&path, toml::to_string(&value).unwrap()).unwrap();
        let after = match settled(&case, &[]) {
            Ok(after) => after,
            Err(outcome) => {
                assert_eq!(outcome.code, 2, "{file} {place:?}: {outcome:?}");
                n_unusable += 1;
                continue;
            }
        };
        n_noticed += usize::from(after != before);
        let fresh = Case::new();
        for folder in ["inbox", "pipelines"] {
            copy_tree(&case.path(folder), &fresh.path(folder));
        }
        copy_tree(&case.path("warehouse/internal/decisions"), &fresh.path("decided"));
        let expected = settled(&fresh, &["--decisions", "decided"]).unwrap();
        let differing: Vec<&String> =
            after.keys().filter(|key| after.get(*key) != expected.get(*key)).collect();
        assert!(after == expected, "{file} {place:?}: {differing:?}");
    }
    // Most values are used by some table: where hardly any edit shows, the test looks at nothing.
    assert!(n_edits <= 6 * (n_noticed + n_unusable), "{n_noticed} noticed, {n_unusable} unusable");
}
