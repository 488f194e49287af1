use std::fs;
use std::path::PathBuf;

use serde_json::json;
use streamledger_storage::layout::manifest::write_manifest;

use super::*;

const SHRINKS: &str = "1111111111111111";
const ACTIVE: &str = "2222222222222222";
const BROKEN: &str = "3333333333333333";

/// A report whose id begins with these 16 digits.
fn report(digits: &str, rest: char, state: &str, reason: Option<&str>) -> (String, ReportEntry) {
    let id: String = digits.chars().chain(std::iter::repeat_n(rest, 48)).collect();
    let state = if state == "active" {
        streamledger_storage::layout::ledger::ReportState::Active
    } else {
        streamledger_storage::layout::ledger::ReportState::Rejected
    };
    let entry = json!({
        "store": "spotify", "id": id, "hash": id, "feed": "trends", "format": null,
        "files": [format!("spotify/{digits}.tsv")], "archived": null, "reading": "",
        "state": state, "reason": reason, "counts": null, "days": {},
        "first_date": null, "last_date": null,
    });
    (id, serde_json::from_value(entry).unwrap())
}

fn warehouse(root: &Path) -> PathBuf {
    let manifest = Manifest {
        snapshot: 1,
        reports: [
            report(SHRINKS, 'a', "rejected", Some("shrinks")),
            report(ACTIVE, 'a', "active", None),
            report(BROKEN, 'a', "rejected", Some("unknown_format")),
            report(BROKEN, 'b', "rejected", Some("overlaps")),
        ]
        .into(),
        ..Manifest::default()
    };
    let places = WarehouseLayout::new(root);
    fs::create_dir_all(places.snapshot(1)).unwrap();
    write_manifest(&places.snapshot(1), &manifest).unwrap();
    places.swap_current(1).unwrap();
    places.internal("decisions")
}

fn accept(root: &Path, report: &str, what: Option<AcceptKind>) -> Result<AcceptedReport, String> {
    let author = DecisionAuthor { by: "anna".to_owned(), reason: "they said so".to_owned() };
    let acceptance = AcceptanceOutcome { report: report.to_owned(), what, author };
    accept_report(root, None, &acceptance).map_err(|error| error.to_string())
}

#[test]
fn a_report_is_accepted_for_what_it_is_rejected_for_and_once() {
    let root = tempfile::tempdir().unwrap();
    let folder = warehouse(root.path());
    let done = accept(root.path(), SHRINKS, None).unwrap();
    assert_eq!((done.what, &done.before), (AcceptKind::Shrinks, &None));
    let id = SHRINKS.to_owned() + &"a".repeat(48);
    let accepted = DecisionLog::read(&folder).unwrap().accepted();
    let key = (id.clone(), AcceptKind::Shrinks);
    assert_eq!(accepted.into_iter().collect::<Vec<_>>(), [(key, done.decision)]);
    let again = accept(root.path(), &id, Some(AcceptKind::Shrinks)).unwrap();
    assert!(again.before.is_some_and(|before| before.starts_with("anna at ")));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_accepted_says_why_and_writes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let folder = warehouse(root.path());
    let says = |report: &str, what, text: &str| {
        let message = accept(root.path(), report, what).unwrap_err();
        assert!(message.contains(text), "no `{text}` in {message}");
        assert!(!folder.exists());
    };
    says(&SHRINKS[..15], None, "at least 16 hex digits");
    says("spotify/2026.tsv.gz", None, "at least 16 hex digits");
    says("4444444444444444", None, "no report of this warehouse");
    says(ACTIVE, None, "is not rejected, it is active");
    says(BROKEN, None, "2 reports begin with");
    says(&format!("{BROKEN}a"), None, "rejected as `unknown_format`, which cannot be accepted");
    says(SHRINKS, Some(AcceptKind::Cancels), "rejected as `shrinks`, not as `cancels`");
}
