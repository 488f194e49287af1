use super::*;
use crate::ledger::{AboutReport, Part, ReportSizes};

fn report(file: &str, territory: &str, created_ms: Option<i64>) -> (String, ReportEntry) {
    let hash = hex::encode(blake(file, created_ms));
    let about = AboutReport {
        period: Some("2026-09-01..2026-09-30".to_owned()),
        territory: territory.to_owned(),
        created_ms,
        set: None,
    };
    let entry = ReportEntry {
        store: "spotify".to_owned(),
        id: hash.clone(),
        hash: hash.clone(),
        feed: Some("sales".to_owned()),
        format: Some("a-format".to_owned()),
        files: BTreeSet::from([file.to_owned()]),
        archived: None,
        territories: BTreeMap::new(),
        totals: BTreeMap::new(),
        sizes: ReportSizes::default(),
        reading: String::new(),
        state: ReportState::Active,
        reason: None,
        counts: None,
        days: BTreeMap::new(),
        lines: BTreeMap::new(),
        pools: BTreeMap::new(),
        track_dates: BTreeSet::new(),
        part: None,
        about,
        superseded_by: None,
        first_date: None,
        last_date: None,
    };
    (hash, entry)
}

fn blake(file: &str, created_ms: Option<i64>) -> [u8; 32] {
    blake3::hash(format!("{file} {created_ms:?}").as_bytes()).into()
}

fn part(file: &str, number: u32, created_ms: i64) -> (String, ReportEntry) {
    let (key, mut entry) = report(file, "*", Some(created_ms));
    entry.part = Some(Part { set: "set".to_owned(), number, of: 2 });
    entry.about.set = Some("set".to_owned());
    (key, entry)
}

/// File, state, and the file that has taken its place, in order of files.
fn settled(reports: Vec<(String, ReportEntry)>) -> Vec<String> {
    settled_by(reports, &BTreeMap::new())
}

fn settled_by(
    reports: Vec<(String, ReportEntry)>,
    formats: &BTreeMap<String, TableFormat>,
) -> Vec<String> {
    let mut reports: BTreeMap<String, ReportEntry> = reports.into_iter().collect();
    settle_standing(&mut reports, formats);
    let once = reports.clone();
    settle_standing(&mut reports, formats);
    assert_eq!(once, reports, "settling again changes nothing");
    let file = |name: &str| {
        let named = reports.values().find(|report| report.name() == name);
        named.map_or("?", |report| report.file()).to_owned()
    };
    let line = |report: &ReportEntry| {
        let by = report.superseded_by.as_deref().map(|name| format!(" by {}", file(name)));
        format!("{} {}{}", report.file(), report.state.as_str(), by.unwrap_or_default())
    };
    let mut lines: Vec<String> = reports.values().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn the_report_that_was_made_later_takes_the_place_whatever_its_name() {
    let found = settled(vec![
        report("spotify/s_v3.csv", "*", Some(1)),
        report("spotify/s_v2.csv", "*", Some(2)),
        report("spotify/s_v1.csv", "*", Some(3)),
    ]);
    let expected = [
        "spotify/s_v1.csv active",
        "spotify/s_v2.csv superseded by spotify/s_v1.csv",
        "spotify/s_v3.csv superseded by spotify/s_v2.csv",
    ];
    assert_eq!(found, expected);
}

#[test]
fn where_nothing_says_when_it_was_made_the_name_decides() {
    let found = settled(vec![
        report("spotify/s_v10.csv", "*", None),
        report("spotify/s_v9.csv", "*", None),
    ]);
    let expected = ["spotify/s_v10.csv active", "spotify/s_v9.csv superseded by spotify/s_v10.csv"];
    assert_eq!(found, expected);
}

#[test]
fn other_names_territories_periods_and_stores_stand_beside_each_other() {
    let (key, mut other_period) = report("spotify/s_v2.csv", "*", Some(9));
    other_period.about.period = Some("2026-10-01..2026-10-31".to_owned());
    let (store_key, mut other_store) = report("deezer/s_v2.csv", "*", Some(8));
    other_store.store = "deezer".to_owned();
    let found = settled(vec![
        report("spotify/s.csv", "GB", Some(1)),
        report("spotify/other/s.csv", "GB", Some(2)),
        report("spotify/s_v3.csv", "US", Some(3)),
        (key, other_period),
        (store_key, other_store),
    ]);
    assert!(found.iter().all(|line| line.ends_with(" active")), "{found:?}");
}

#[test]
fn several_territories_replace_one_but_one_does_not_replace_several() {
    let one = || report("spotify/s_v1.csv", "GB", Some(1));
    let several = || report("spotify/s_v2.csv", "*", Some(2));
    let later = || report("spotify/s_v3.csv", "GB", Some(3));
    let found = settled(vec![one(), several(), later()]);
    let expected = [
        "spotify/s_v1.csv superseded by spotify/s_v2.csv",
        "spotify/s_v2.csv active",
        "spotify/s_v3.csv active",
    ];
    assert_eq!(found, expected);
    let found = settled(vec![one(), later()]);
    assert_eq!(found[0], "spotify/s_v1.csv superseded by spotify/s_v3.csv");
}

#[test]
fn a_newer_report_without_rows_cancels() {
    let found = settled(vec![
        report("spotify/s_v1.csv", "GB", Some(1)),
        report("spotify/s_v2.csv", "", Some(2)),
    ]);
    let expected = ["spotify/s_v1.csv superseded by spotify/s_v2.csv", "spotify/s_v2.csv active"];
    assert_eq!(found, expected);
}

#[test]
fn a_report_of_several_files_takes_the_place_when_all_of_it_is_there() {
    let old = || vec![part("spotify/a1", 1, 10), part("spotify/a2", 2, 11)];
    let first_of_new = || part("spotify/b1", 1, 20);
    let found = settled([old(), vec![first_of_new()]].concat());
    assert_eq!(found, ["spotify/a1 active", "spotify/a2 active", "spotify/b1 waiting"]);
    let found = settled([old(), vec![first_of_new(), part("spotify/b2", 2, 21)]].concat());
    let expected = [
        "spotify/a1 superseded by spotify/b1",
        "spotify/a2 superseded by spotify/b1",
        "spotify/b1 active",
        "spotify/b2 active",
    ];
    assert_eq!(found, expected);
    // The rest of an old one that never came whole.
    let found = settled(vec![part("spotify/a1", 1, 10), first_of_new(), part("spotify/b2", 2, 21)]);
    let expected =
        ["spotify/a1 superseded by spotify/b1", "spotify/b1 active", "spotify/b2 active"];
    assert_eq!(found, expected);
}

#[test]
fn a_refused_report_takes_nobodys_place() {
    let (key, mut refused) = report("spotify/s_v2.csv", "*", Some(2));
    refused.state = ReportState::Rejected;
    let found = settled(vec![report("spotify/s_v1.csv", "*", Some(1)), (key, refused)]);
    assert_eq!(found, ["spotify/s_v1.csv active", "spotify/s_v2.csv refused"]);
}

#[test]
fn reports_of_a_format_that_adds_stand_beside_each_other() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../pipelines/formats/fuga-royalty-extended.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let format: TableFormat = toml::from_str(&text).unwrap();
    let formats = BTreeMap::from([("a-format".to_owned(), format)]);
    let reports =
        || vec![report("spotify/s_v1.csv", "*", Some(1)), report("spotify/s_v2.csv", "*", Some(2))];
    assert_eq!(
        settled_by(reports(), &formats),
        ["spotify/s_v1.csv active", "spotify/s_v2.csv active"]
    );
}
