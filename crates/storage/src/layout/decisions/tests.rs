use std::fs;

use streamledger_core::decisions::settings::MonthSpan;

use super::*;

fn author() -> DecisionAuthor {
    DecisionAuthor { by: "anna".to_owned(), reason: "the store said so".to_owned() }
}

fn numbers() -> JudgingNumbers {
    let policy = include_str!("../../../../../pipelines/policies/default.toml");
    let policy = toml::from_str(policy).unwrap();
    JudgingNumbers { policy, stores: BTreeMap::new(), calendar: toml::from_str("").unwrap() }
}

/// What [`DecisionLog::read`] says of a folder.
fn wrong(folder: &Path) -> String {
    DecisionLog::read(folder).unwrap_err().to_string()
}

#[test]
fn what_was_decided_is_read_in_its_order() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("decisions");
    let mut decisions = DecisionLog::read(&folder).unwrap();
    assert_eq!((decisions.names().len(), decisions.settings().unwrap()), (0, None));
    let ids = ["a", "b"].map(|digit| digit.repeat(64));
    decisions.settle(DecidedMonths::All, numbers(), &author()).unwrap();
    for id in &ids {
        decisions.accept(id, AcceptKind::Shrinks, &author()).unwrap();
    }
    let mut other = numbers();
    other.policy.repeater.plays_min = 40;
    decisions.settle(DecidedMonths::All, other.clone(), &author()).unwrap();
    let read = DecisionLog::read(&folder).unwrap();
    assert_eq!((&read.entries, read.names()), (&decisions.entries, decisions.names()));
    let accepted: Vec<_> = read.accepted().into_keys().collect();
    assert_eq!(accepted, ids.map(|id| (id, AcceptKind::Shrinks)));
    assert_eq!(read.settings().unwrap().unwrap().base(), Some(&other));
    assert!(read.require(&decisions.names()).is_ok());
}

#[test]
fn a_clock_that_was_set_back_makes_no_older_decision() {
    let root = tempfile::tempdir().unwrap();
    let mut decisions = DecisionLog::read(root.path()).unwrap();
    let first = decisions.accept(&"a".repeat(64), AcceptKind::Cancels, &author()).unwrap();
    let entry = decisions.entries.remove(&first).unwrap();
    let in_2099 = first.replacen(&first[..4], "2099", 1);
    decisions.entries.insert(in_2099.clone(), entry);
    let second = decisions.accept(&"b".repeat(64), AcceptKind::Cancels, &author()).unwrap();
    assert!(in_2099 < second, "{in_2099} {second}");
}

#[test]
fn what_is_no_decision_is_named_with_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    let mut decisions = DecisionLog::read(folder).unwrap();
    let name = decisions.accept(&"a".repeat(64), AcceptKind::Overlaps, &author()).unwrap();
    let path = folder.join(&name);
    let text = fs::read_to_string(&path).unwrap();
    // Left over by a write that was killed.
    fs::write(folder.join(".20261129T000000.000000Z-accept-00000000.json.7.new"), "{").unwrap();
    assert!(DecisionLog::read(folder).is_ok());
    fs::write(folder.join("notes.txt"), "x").unwrap();
    let found = wrong(folder);
    assert!(found.contains("notes.txt") && found.contains("move it away"), "{found}");
    fs::remove_file(folder.join("notes.txt")).unwrap();
    fs::write(&path, text.replace("overlaps", "cancels")).unwrap();
    let found = wrong(folder);
    assert!(found.contains(&name) && found.contains("was changed after it was written"), "{found}");
    fs::remove_file(&path).unwrap();
    let put = |text: &str| {
        let name = format!("20261129T000000.000000Z-accept-{}.json", hash_digits(text.as_bytes()));
        fs::write(folder.join(&name), text).unwrap();
        let found = wrong(folder);
        fs::remove_file(folder.join(&name)).unwrap();
        assert!(found.contains(&name), "{found}");
        found
    };
    let unknown = put(&text.replace("\"accept\"", "\"forgive\""));
    assert!(unknown.contains("forgive") && unknown.contains("newer version"), "{unknown}");
    let newer = put(&text.replace("\"version\": 1", "\"version\": 2"));
    assert!(newer.contains("version 2, not 1"), "{newer}");
    let more = put(&text.replace("\"by\"", "\"more\": 1,\n  \"by\""));
    assert!(more.contains("more"), "{more}");
    put("");
}

#[test]
fn decisions_that_are_gone_are_missed() {
    let root = tempfile::tempdir().unwrap();
    let mut decisions = DecisionLog::read(root.path()).unwrap();
    let name = decisions.settle(DecidedMonths::All, numbers(), &author()).unwrap();
    let made_with = decisions.names();
    fs::remove_file(root.path().join(&name)).unwrap();
    let message =
        DecisionLog::read(root.path()).unwrap().require(&made_with).unwrap_err().to_string();
    assert!(message.contains(&name) && message.contains("backup"), "{message}");
    // Settings for some months do not stand alone.
    let mut decisions = DecisionLog::read(root.path()).unwrap();
    let span = MonthSpan { store: None, from: Some("2026-08".to_owned()), to: None };
    decisions.settle(DecidedMonths::Spans(vec![span]), numbers(), &author()).unwrap();
    let message = decisions.settings().unwrap_err().to_string();
    assert!(message.contains("first settings"), "{message}");
}

#[test]
fn decisions_do_not_lie_among_reports() {
    let root = tempfile::tempdir().unwrap();
    let inbox = root.path().join("inbox");
    fs::create_dir(&inbox).unwrap();
    std::os::unix::fs::symlink(&inbox, root.path().join("link")).unwrap();
    let is_outside = |name: &str| {
        DecisionLog::read(&root.path().join(name)).unwrap().require_outside(&inbox).is_ok()
    };
    let inside = ["inbox", "inbox/decisions", "link/not/there", "inbox/spotify/.."];
    assert!(!inside.into_iter().any(is_outside));
    assert!(["decisions", "inbox2", "warehouse/internal/decisions"].into_iter().all(is_outside));
}
