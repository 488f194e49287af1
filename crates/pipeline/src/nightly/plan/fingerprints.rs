//! Fingerprints: names for all that the files of a partition depend on. Another fingerprint means that
//! the files are made again, so the same inputs must have the same one under every version of the code
//! that makes the same bytes of them: what goes in is written as canonical JSON, never as the debug text
//! of a type.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use streamledger_core::decisions::settings::canonical;
use streamledger_core::explain::coverage::{CoverageRow, CoverageState};
use streamledger_core::explain::eligibility::EligibilityRule;
use streamledger_core::explain::waterfall::SourceState;
use streamledger_core::model::day::Day;
use streamledger_storage::encode::file::SCHEMA_VERSION;

use crate::build::build_waterfall::{ByTerritory, MonthKnown};
use crate::nightly::plan::planned::PartitionKind;

/// Name and version of the stage that makes partitions of a kind. A version is raised when the stage
/// makes other bytes of the same inputs.
fn stage(kind: &PartitionKind) -> (&'static str, u32) {
    match kind {
        PartitionKind::Plays { .. } => ("plays", 2),
        PartitionKind::TrendsDaily { .. } => ("trends_daily", 1),
        PartitionKind::Lots(..) => ("lots", 1),
        PartitionKind::SalesMonthly { .. } => ("sales_monthly", 1),
        PartitionKind::Quarantine => ("quarantine", 1),
        PartitionKind::Reports => ("reports", 1),
        PartitionKind::UnmappedValues => ("unmapped_values", 1),
        PartitionKind::Deliveries => ("deliveries", 1),
        PartitionKind::Coverage => ("coverage", 1),
        PartitionKind::Waterfall => ("waterfall", 2),
        PartitionKind::Eligibility => ("eligibility", 1),
    }
}

/// The fingerprint of a partition: 32 hex digits.
pub(crate) fn fingerprint_of(kind: &PartitionKind, path: &str, parts: &[&str]) -> String {
    let (name, version) = stage(kind);
    let inputs = json!([name, version, SCHEMA_VERSION, path, parts]);
    blake3::hash(canonical(&inputs).as_bytes()).to_hex()[..32].to_owned()
}

/// Hash of all that the rows of `coverage` say, 64 hex digits. A stray date of a report makes millions of
/// rows, so that their text is never there as a whole.
pub(crate) fn coverage_hash(rows: &[CoverageRow]) -> String {
    let mut hasher = blake3::Hasher::new();
    for row in rows {
        hasher.update(coverage_text(row).as_bytes()).update(b"\n");
    }
    hasher.finalize().to_hex().to_string()
}

/// All that a row of `coverage` says.
fn coverage_text(row: &CoverageRow) -> String {
    let split = row.split.as_ref().map(|split| {
        let states = split.states.iter().map(|(code, state)| (code.clone(), state.as_str()));
        json!([states.collect::<BTreeMap<_, _>>(), split.elsewhere.as_str()])
    });
    canonical(&json!({
        "store": row.store,
        "feed": row.feed.as_str(),
        "territory": row.territory,
        "period": row.period.to_string(),
        "state": row.state.as_str(),
        "due_date": row.due_date.map(|day| day.to_string()),
        "late_from": row.late_from.map(|day| day.to_string()),
        "sender": row.sender,
        "n_reports": row.n_reports,
        "restated_by": row.restated_by,
        "split": split,
    }))
}

/// How it stands with the feeds that a waterfall rests on.
pub(crate) fn states_text(month: &MonthKnown) -> String {
    let of = |source: SourceState| source.map(CoverageState::as_str);
    let by_territory = |feed: &ByTerritory<SourceState>| {
        let apart = feed.apart.iter().map(|(code, source)| (code.clone(), of(*source)));
        json!([apart.collect::<BTreeMap<_, _>>(), of(feed.elsewhere), of(feed.nowhere)])
    };
    canonical(&json!({
        "counters": of(month.sources.counters),
        "declared": of(month.sources.declared),
        "next": of(month.sources.next),
        "trends": by_territory(&month.trends),
        "unreported": unreported_text(&month.unreported),
        "sales": by_territory(&month.sales),
    }))
}

/// Days without a daily report.
fn unreported_text(days: &ByTerritory<BTreeSet<Day>>) -> Value {
    let of = |days: &BTreeSet<Day>| days.iter().map(|day| day.0).collect::<Vec<i32>>();
    let apart = days.apart.iter().map(|(code, days)| (code.clone(), of(days)));
    json!([apart.collect::<BTreeMap<_, _>>(), of(&days.elsewhere), of(&days.nowhere)])
}

/// From when on the store pays for a track.
pub(crate) fn rule_text(rule: Option<EligibilityRule>) -> String {
    let rule = rule.map(|EligibilityRule { plays_min, months }| json!([plays_min, months]));
    canonical(&json!(rule))
}

#[cfg(test)]
mod tests {
    use streamledger_core::explain::coverage::TerritorySplit;
    use streamledger_core::explain::eligibility::Eligibility;
    use streamledger_core::explain::waterfall::SourceStates;
    use streamledger_core::ingest::table::format::Feed;

    use super::*;

    /// Pinned: where one of these changes, everything that is published is made again.
    #[test]
    fn fingerprints_stay_as_they_are() {
        let plays = PartitionKind::Plays { store: "spotify".to_owned(), day: Day(20_000) };
        let path = "plays/store=spotify/month=2024-10/date=2024-10-04";
        let of = |parts: &[&str]| fingerprint_of(&plays, path, parts);
        insta::assert_snapshot!(of(&["policy", "numbers", "report"]), @"239b93c3818cdc48d56eed5de8e27753");
        insta::assert_snapshot!(fingerprint_of(&PartitionKind::Coverage, "coverage", &["[]"]), @"3be1b1810b5e096c7b654a85c4f4c2ca");
        // Where one part ends and the next begins is told apart.
        assert_ne!(of(&["a", "b"]), of(&["a\nb"]));
        assert_ne!(of(&["a"]), fingerprint_of(&PartitionKind::Reports, path, &["a"]));
        assert_ne!(of(&["a"]), fingerprint_of(&plays, "plays", &["a"]));
    }

    #[test]
    fn texts_of_states_stay_as_they_are() {
        let row = CoverageRow {
            store: "spotify".to_owned(),
            feed: Feed::Trends,
            territory: None,
            period: "2026-09-30".parse().unwrap(),
            state: CoverageState::Partial,
            due_date: Some(Day(20_000)),
            late_from: None,
            sender: Some("fuga".to_owned()),
            n_reports: 2,
            restated_by: None,
            split: Some(TerritorySplit {
                states: BTreeMap::from([("US".to_owned(), CoverageState::Late)]),
                elsewhere: CoverageState::Complete,
            }),
        };
        let text = coverage_text(&row);
        insta::assert_snapshot!(text, @r#"{"due_date":"2024-10-04","feed":"trends","late_from":null,"n_reports":2,"period":"2026-09-30","restated_by":null,"sender":"fuga","split":[{"US":"late"},"complete"],"state":"partial","store":"spotify","territory":null}"#);
        let hash = coverage_hash(&[row.clone(), row.clone()]);
        let text = text + "\n";
        assert_eq!(hash, blake3::hash(text.repeat(2).as_bytes()).to_hex().to_string());
        assert_ne!(hash, coverage_hash(&[row]));
        let month = MonthKnown {
            sources: SourceStates {
                counters: Some(CoverageState::Complete),
                declared: None,
                eligibility: None,
                next: Some(CoverageState::NotDue),
            },
            trends: ByTerritory {
                apart: BTreeMap::from([("US".to_owned(), Some(CoverageState::Late))]),
                elsewhere: None,
                nowhere: Some(CoverageState::Restated),
            },
            unreported: ByTerritory {
                nowhere: BTreeSet::from([Day(20_000)]),
                ..ByTerritory::default()
            },
            sales: ByTerritory::default(),
            eligibility: None,
            without_plays: Eligibility::Unknown,
            reports: Vec::new(),
        };
        insta::assert_snapshot!(states_text(&month), @r#"{"counters":"complete","declared":null,"next":"not_due","sales":[{},null,null],"trends":[{"US":"late"},null,"restated"],"unreported":[{},[],[20000]]}"#);
        let rule = Some(EligibilityRule { plays_min: 1_000, months: 12 });
        insta::assert_snapshot!(rule_text(rule), @"[1000,12]");
        insta::assert_snapshot!(rule_text(None), @"null");
    }
}
