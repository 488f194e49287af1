use std::collections::BTreeSet;
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::supersede::facts::{ComparedBy, FilePart, ReportTotals, SupersedeReason};
use crate::supersede::names::KnownDays;
use crate::supersede::neighbours::ReportNeighbours;
use crate::supersede::periods::DayRanges;
use crate::supersede::proof::NamedReports;

/// A report as a test knows it: its rows are numbers, each of a day of September (row / 100).
#[derive(Debug, Clone)]
struct Made {
    file: String,
    rows: Vec<u64>,
    facts: ReportFacts,
}

fn made(file: &str, rows: &[u64]) -> Made {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    let days: BTreeSet<u64> = rows.iter().map(|row| row / 100).collect();
    let date = |day: &u64| format!("2026-09-{:02}", day % 30 + 1);
    let dates: BTreeSet<String> = days.iter().map(date).collect();
    let period = dates.first().zip(dates.last()).map(|(from, to)| format!("{from}..{to}"));
    let span = period.as_deref().and_then(|period| DayRanges::of_period(period).span());
    let hash = blake3::hash(format!("{rows:?}").as_bytes()).to_hex().to_string();
    let id = blake3::hash(format!("{file} {rows:?}").as_bytes()).to_hex().to_string();
    let plays = i128::try_from(rows.len()).unwrap();
    let totals = ReportTotals {
        rows: rows.len() as u64,
        plays: Some(plays),
        money: BTreeMap::from([("EUR".to_owned(), plays * 1_000_000_000_000)]),
    };
    let spread =
        |row: &u64| u128::from(*row).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let fingerprint = rows.iter().map(spread).fold(0_u128, u128::wrapping_add);
    let facts = ReportFacts {
        id,
        hash,
        store: file.split('/').next().unwrap().to_owned(),
        feed: "sales".to_owned(),
        format: "a-format".to_owned(),
        files: BTreeSet::from([file.to_owned()]),
        set: None,
        part: None,
        period,
        territory: "*".to_owned(),
        only_territory: None,
        created_ms: None,
        known_days: KnownDays { spans: span.into_iter().collect() },
        months: dates,
        totals,
        fingerprint: Some(fingerprint),
        adds: false,
        empty_cancels: false,
        proves_store: false,
        is_figures: true,
    };
    Made { file: file.to_owned(), rows, facts }
}

impl Made {
    fn with(mut self, change: impl FnOnce(&mut ReportFacts)) -> Self {
        change(&mut self.facts);
        self
    }
}

fn standings(reports: &[Made], accepted: &AcceptedReports) -> BTreeMap<String, ReportStanding> {
    let by_key: BTreeMap<String, ReportFacts> =
        reports.iter().map(|made| (made.facts.id.clone(), made.facts.clone())).collect();
    let rows: BTreeMap<&str, &Vec<u64>> =
        reports.iter().map(|made| (made.facts.id.as_str(), &made.rows)).collect();
    let mut compare = |a: &str, b: &str, by: ComparedBy| {
        if by == ComparedBy::Keys {
            // A row's number in its day is what it is about.
            let keys =
                |key: &str| -> BTreeSet<u64> { rows[key].iter().map(|row| row % 100).collect() };
            let (a, b) = (keys(a), keys(b));
            let n_smaller = a.len().min(b.len()) as u64;
            return Ok(SharedRows::Keys(a.intersection(&b).count() as u64, n_smaller));
        }
        let mut left = rows[a].clone();
        let shared = rows[b].iter().filter(|row| {
            let place = left.iter().position(|other| other == *row);
            place.map(|place| left.swap_remove(place)).is_some()
        });
        Ok::<_, Infallible>(SharedRows::Rows(shared.count() as u64))
    };
    assert_no_neighbour_is_missed(&by_key);
    let found = supersede(&by_key, &RowNeighbours::new(), accepted, &mut compare).unwrap();
    // Which reports can share a row saves comparing, and changes nothing.
    let sharing = |made: &Made| {
        let shares = |other: &&Made| other.rows.iter().any(|row| made.rows.contains(row));
        reports.iter().filter(shares).map(|other| other.facts.id.clone()).collect()
    };
    let mut may_share: RowNeighbours =
        reports.iter().map(|made| (made.facts.id.clone(), sharing(made))).collect();
    let by_index = supersede(&by_key, &may_share, accepted, &mut compare).unwrap();
    assert_eq!(by_index, found, "by what rows can be shared");
    may_share = may_share.into_iter().step_by(2).collect();
    let by_some = supersede(&by_key, &may_share, accepted, &mut compare).unwrap();
    assert_eq!(by_some, found, "where it is known of some alone");
    found
}

/// Reports that say something of each other are neighbours.
fn assert_no_neighbour_is_missed(reports: &BTreeMap<String, ReportFacts>) {
    let reports: Vec<(&str, &ReportFacts)> =
        reports.iter().map(|(key, facts)| (key.as_str(), facts)).collect();
    let units = units(&reports);
    let neighbours = ReportNeighbours::new(&units, &RowNeighbours::new());
    for (place, unit) in units.iter().enumerate() {
        let found = neighbours.of_topic(unit, place);
        for (older, other) in units[..place].iter().enumerate() {
            let is_apart = unit.named(other) == NamedReports::default();
            assert!(is_apart || found.contains(&older), "{unit:?} {other:?}");
        }
    }
}

/// `file state` with the file that counts in its place, in order of files.
fn settled(reports: &[Made]) -> Vec<String> {
    settled_with(reports, &AcceptedReports::new())
}

fn settled_with(reports: &[Made], accepted: &AcceptedReports) -> Vec<String> {
    let found = standings(reports, accepted);
    let file = |key: &str| {
        let made = reports.iter().find(|made| made.facts.id == key);
        made.map_or("?", |made| made.file.as_str())
    };
    let line = |made: &Made| match &found[&made.facts.id] {
        ReportStanding::Active => format!("{} active", made.file),
        ReportStanding::Waiting { .. } => format!("{} waiting", made.file),
        ReportStanding::Superseded { by, why } => {
            format!("{} {} by {}", made.file, why.as_str(), file(by))
        }
        ReportStanding::Rejected { what, .. } => {
            format!("{} rejected {}", made.file, what.as_str())
        }
    };
    let mut lines: Vec<String> = reports.iter().map(line).collect();
    lines.sort();
    lines
}

fn rows(of: std::ops::Range<u64>) -> Vec<u64> {
    of.collect()
}

fn accept(made: &Made, what: AcceptKind) -> AcceptedReports {
    AcceptedReports::from([((made.facts.id.clone(), what), "decision".to_owned())])
}

#[test]
fn a_marked_version_of_the_same_name_and_days_replaces_and_the_chain_is_kept() {
    let found = settled(&[
        made("s/a_v10.tsv", &rows(7..100)),
        made("s/a.tsv", &rows(0..99)),
        made("s/a_corrected.tsv", &rows(3..99)),
    ]);
    let expected = [
        "s/a.tsv replaced by s/a_corrected.tsv",
        "s/a_corrected.tsv replaced by s/a_v10.tsv",
        "s/a_v10.tsv active",
    ];
    assert_eq!(found, expected);
}

#[test]
fn other_days_names_territories_stores_and_accounts_stand_beside_each_other() {
    let found = settled(&[
        made("s/a.tsv", &rows(0..50)),
        made("s/a_v2.tsv", &rows(900..950)),
        made("s/b_v3.tsv", &rows(60..99)),
        made("s/a_v4.tsv", &rows(50..60)).with(|facts| "GB".clone_into(&mut facts.territory)),
        made("t/a_v5.tsv", &rows(0..40)),
        made("s/statement_200101.tsv", &rows(1100..1150)),
        made("s/statement_200112.tsv", &rows(1150..1199)),
    ]);
    assert!(found.iter().all(|line| line.ends_with(" active")), "{found:?}");
}

#[test]
fn a_report_that_says_it_was_made_later_replaces_one_of_the_same_name_only() {
    let later = |file: &str, created_ms| {
        made(file, &rows(20..40)).with(|facts| facts.created_ms = Some(created_ms))
    };
    let first = made("s/x/2026-09/a.tsv", &rows(0..40)).with(|facts| facts.created_ms = Some(1));
    let found = settled(&[first.clone(), later("s/x/2026-10/a.tsv", 2)]);
    assert_eq!(found[0], "s/x/2026-09/a.tsv replaced by s/x/2026-10/a.tsv");
    let other_rows = made("s/b.tsv", &rows(50..80)).with(|facts| facts.created_ms = Some(3));
    assert!(settled(&[first, other_rows]).iter().all(|line| line.ends_with(" active")));
}

/// The same bytes under several names are one report. Where they have few rows, or the names are of two
/// accounts, equal bytes may be chance: they count as long as they do under one of the names.
#[test]
fn a_report_under_several_names_goes_with_one_of_them_unless_that_may_be_chance() {
    let names = |made: Made, more: &str| {
        made.with(|facts| {
            facts.files.insert(more.to_owned());
            facts.fingerprint = None;
        })
    };
    let newer = |rows: &[u64]| made("s/b_v2.tsv", rows).with(|facts| facts.fingerprint = None);
    let both = names(made("s/a.tsv", &rows(0..40)), "s/b.tsv");
    let found = settled(&[both, newer(&rows(20..60))]);
    assert_eq!(found, ["s/a.tsv replaced by s/b_v2.tsv", "s/b_v2.tsv active"]);
    let few = names(made("s/a.tsv", &rows(0..9)), "s/b.tsv");
    let found = settled(&[few.clone(), newer(&rows(2..14))]);
    assert_eq!(found, ["s/a.tsv active", "s/b_v2.tsv active"]);
    let third = made("s/a_v2.tsv", &rows(5..14)).with(|facts| facts.fingerprint = None);
    let found = settled(&[few, newer(&rows(2..14)), third]);
    assert!(found[0].starts_with("s/a.tsv replaced by "), "{found:?}");
    let of_accounts = names(made("s/x_80000001.tsv", &rows(0..40)), "s/x_80000002.tsv");
    let second = made("s/x_80000002_v2.tsv", &rows(3..43)).with(|facts| facts.fingerprint = None);
    assert!(settled(&[of_accounts, second]).iter().all(|line| line.ends_with(" active")));
    // Taken back: the first bytes again under a newer name.
    let back = names(made("s/b.tsv", &rows(0..40)), "s/b_v3.tsv");
    let found = settled(&[back, newer(&rows(20..60))]);
    assert_eq!(found, ["s/b.tsv active", "s/b_v2.tsv replaced by s/b.tsv"]);
}

/// Copies and parts of what a newer version has replaced are as old as that.
#[test]
fn copies_and_parts_go_with_the_report_that_a_newer_version_replaces() {
    let other: Vec<u64> = (50..90).collect();
    let newer = || made("s/a_corrected.tsv", &other);
    let older = || made("s/a.tsv", &rows(0..40));
    for of_rows in [0..40, 0..20, 25..40] {
        let copy = made("s/copy.tsv", &rows(of_rows.clone()));
        let found = settled(&[older(), copy, newer()]);
        let n_active = found.iter().filter(|line| line.ends_with(" active")).count();
        assert_eq!(n_active, 1, "{of_rows:?} {found:?}");
        assert_eq!(found[1], "s/a_corrected.tsv active");
    }
    // Plays with listeners count with each other, as long as none of them is replaced.
    let plays = |made: Made| {
        made.with(|facts| {
            facts.fingerprint = None;
            "trends".clone_into(&mut facts.feed);
        })
    };
    let copy = || plays(made("s/copy.tsv", &rows(0..30)));
    let found = settled(&[plays(older()), copy()]);
    assert!(found.iter().all(|line| line.ends_with(" active")), "{found:?}");
    let found = settled(&[plays(older()), copy(), plays(newer())]);
    assert_eq!(found[2], "s/copy.tsv replaced by s/a_corrected.tsv");
    // A report that has them among others: nobody can say what counts of it.
    let week: Vec<u64> = (10..40).chain(100..140).collect();
    let found = settled(&[plays(older()), plays(made("s/week.tsv", &week))]);
    assert!(found.iter().all(|line| line.ends_with(" active")), "{found:?}");
    let found = settled(&[plays(older()), plays(made("s/week.tsv", &week)), plays(newer())]);
    let expected = ["s/a.tsv active", "s/a_corrected.tsv rejected overlaps", "s/week.tsv active"];
    assert_eq!(found, expected);
    // One that comes later, by its folder, is old all the same.
    let copy = made("s/2026-12-01/copy.tsv", &rows(0..30));
    let found = settled(&[older(), copy, newer()]);
    assert_eq!(found.iter().filter(|line| line.ends_with(" active")).count(), 1, "{found:?}");
    // A larger report that holds the old rows and others: nobody can say what counts of it.
    let larger: Vec<u64> = (0..40).chain(100..140).collect();
    let found = settled(&[older(), made("s/larger.tsv", &larger), newer()]);
    let expected = [
        "s/a.tsv contained by s/larger.tsv",
        "s/a_corrected.tsv rejected overlaps",
        "s/larger.tsv active",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_replacement_that_loses_more_than_half_waits_for_a_person() {
    let before = made("s/a.tsv", &rows(0..41));
    let half = made("s/a_v2.tsv", &rows(0..21));
    let less = made("s/a_v2.tsv", &rows(0..20));
    assert_eq!(settled(&[before.clone(), half])[0], "s/a.tsv replaced by s/a_v2.tsv");
    let found = settled(&[before.clone(), less.clone()]);
    assert_eq!(found, ["s/a.tsv active", "s/a_v2.tsv rejected shrinks"]);
    let accepted = accept(&less, AcceptKind::Shrinks);
    let found = settled_with(&[before.clone(), less.clone()], &accepted);
    assert_eq!(found, ["s/a.tsv replaced by s/a_v2.tsv", "s/a_v2.tsv active"]);
    // Money alone, and a currency that is gone.
    for money in [BTreeMap::from([("EUR".to_owned(), 20)]), BTreeMap::new()] {
        let poorer = made("s/a_v2.tsv", &rows(0..40)).with(|facts| facts.totals.money = money);
        let found = settled(&[before.clone(), poorer]);
        assert_eq!(found, ["s/a.tsv active", "s/a_v2.tsv rejected shrinks"]);
    }
    // What comes after a rejected one is checked against what counts, and takes both.
    let third = made("s/a_v3.tsv", &rows(0..40));
    let found = settled(&[before, less, third]);
    let expected = [
        "s/a.tsv replaced by s/a_v3.tsv",
        "s/a_v2.tsv replaced by s/a_v3.tsv",
        "s/a_v3.tsv active",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_rejection_says_what_is_lost_and_how_to_accept_it() {
    let less = made("s/a_v2.tsv", &rows(0..1));
    let found = standings(&[made("s/a.tsv", &rows(0..50)), less.clone()], &AcceptedReports::new());
    let ReportStanding::Rejected { detail, .. } = &found[&less.facts.id] else {
        panic!("{found:?}");
    };
    for text in [
        "s/a.tsv",
        "50 rows, now 1",
        "50 EUR, now 1 EUR",
        &format!("streamledger accept {} --why \"...\"", &less.facts.id[..16]),
    ] {
        let plain = detail.replace(".000000000000", "").replace("now 1;", "now 1 EUR;");
        assert!(plain.contains(text), "{text}: {detail}");
    }
}

#[test]
fn a_report_without_rows_cancels_only_where_its_format_says_so() {
    let cancel = |empty_cancels| {
        made("s/a_v2.tsv", &[]).with(|facts| {
            facts.empty_cancels = empty_cancels;
            facts.territory.clear();
        })
    };
    let before = || made("s/a.tsv", &rows(0..50));
    assert_eq!(settled(&[before(), cancel(false)])[1], "s/a_v2.tsv rejected cancels");
    assert_eq!(settled(&[before(), cancel(true)])[0], "s/a.tsv replaced by s/a_v2.tsv");
    let accepted = accept(&cancel(false), AcceptKind::Cancels);
    let found = settled_with(&[before(), cancel(false)], &accepted);
    assert_eq!(found, ["s/a.tsv replaced by s/a_v2.tsv", "s/a_v2.tsv active"]);
    // Without a mark it is a true zero of something else.
    let zero = made("s/other.tsv", &[]);
    assert!(settled(&[before(), zero]).iter().all(|line| line.ends_with(" active")));
    // Digits that are no date of the other report are those of its account.
    let of_account = made("s/statement_200101.tsv", &rows(0..50));
    let found = settled(&[of_account, made("s/statement_200101_v2.tsv", &[])]);
    assert_eq!(found[1], "s/statement_200101_v2.tsv rejected cancels");
}

#[test]
fn the_same_rows_count_once_in_any_order_and_under_any_name() {
    let found = settled(&[made("s/a.tsv", &rows(0..40)), made("s/renamed.tsv", &rows(0..40))]);
    assert_eq!(found.iter().filter(|line| line.contains(" same_rows by ")).count(), 1, "{found:?}");
    assert_eq!(found.iter().filter(|line| line.ends_with(" active")).count(), 1, "{found:?}");
}

#[test]
fn nine_rows_or_other_accounts_prove_nothing() {
    let found = settled(&[made("s/a.tsv", &rows(0..9)), made("s/b.tsv", &rows(0..9))]);
    assert_eq!(found.iter().filter(|line| line.ends_with(" rejected overlaps")).count(), 1);
    let accounts = [made("s/x_80000001.tsv", &rows(0..40)), made("s/x_80000002.tsv", &rows(0..40))];
    let found = settled(&accounts);
    assert_eq!(found.iter().filter(|line| line.ends_with(" rejected overlaps")).count(), 1);
    let accepted: AcceptedReports =
        accounts.iter().flat_map(|made| accept(made, AcceptKind::Overlaps)).collect();
    let found = settled_with(&accounts, &accepted);
    assert!(found.iter().all(|line| line.ends_with(" active")), "{found:?}");
    let ten = settled(&[made("s/a.tsv", &rows(0..10)), made("s/b.tsv", &rows(0..10))]);
    assert!(ten.iter().any(|line| line.contains(" same_rows by ")), "{ten:?}");
}

#[test]
fn days_and_their_week_count_once() {
    let day = |day: u64| made(&format!("s/d{day}.tsv"), &rows(day * 100..day * 100 + 20));
    let week: Vec<u64> = (0..7).flat_map(|day| day * 100..day * 100 + 20).collect();
    let mut reports: Vec<Made> = (0..7).map(day).collect();
    reports.push(made("s/week.tsv", &week));
    let found = settled(&reports);
    assert_eq!(found.iter().filter(|l| l.ends_with(" contained by s/week.tsv")).count(), 7);
    assert_eq!(found[7], "s/week.tsv active");
}

#[test]
fn ten_rows_and_a_fifth_of_the_smaller_are_too_much() {
    let pair = |shared: u64, smaller: u64| {
        let other: Vec<u64> = (0..shared).chain(50..50 + 49).collect();
        settled(&[made("s/b.tsv", &other), made("s/a.tsv", &rows(0..smaller))])
    };
    let is_rejected = |found: &[String]| found.iter().any(|l| l.ends_with(" rejected overlaps"));
    assert!(is_rejected(&pair(10, 50)));
    assert!(!is_rejected(&pair(9, 50)));
    let large: Vec<u64> = (0..10).chain(1000..1090).collect();
    let apart = |smaller: u64| {
        let other: Vec<u64> = (0..smaller).collect();
        let found = settled(&[made("s/b.tsv", &large), made("s/a.tsv", &other)]);
        !is_rejected(&found)
    };
    assert!(!apart(50) && apart(51));
}

#[test]
fn what_a_rejected_report_holds_still_counts() {
    // The week shares most of a corrected day's rows, and holds another day.
    let corrected: Vec<u64> = (0..30).chain(90..99).collect();
    let week: Vec<u64> = (0..40).chain(100..140).collect();
    let reports = [
        made("s/day1_v2.tsv", &corrected).with(|facts| facts.created_ms = None),
        made("s/day2_v2.tsv", &rows(100..140)),
        made("s/week_v3.tsv", &week),
    ];
    let found = settled(&reports);
    let expected =
        ["s/day1_v2.tsv active", "s/day2_v2.tsv active", "s/week_v3.tsv rejected overlaps"];
    assert_eq!(found, expected);
}

#[test]
fn bytes_in_two_store_folders_are_of_the_store_that_they_prove_or_of_none() {
    let (a, b) = (made("s/a.tsv", &rows(0..40)), made("t/a.tsv", &rows(0..40)));
    let found = settled(&[a.clone(), b.clone()]);
    assert_eq!(found, ["s/a.tsv rejected two_stores", "t/a.tsv rejected two_stores"]);
    let proven = b.clone().with(|facts| facts.proves_store = true);
    let found = settled(&[a.clone(), proven]);
    assert_eq!(found, ["s/a.tsv rejected two_stores", "t/a.tsv active"]);
    let found = settled_with(&[a.clone(), b], &accept(&a, AcceptKind::TwoStores));
    assert_eq!(found, ["s/a.tsv active", "t/a.tsv rejected two_stores"]);
}

#[test]
fn a_report_of_several_files_replaces_when_all_of_it_is_there() {
    let part = |file: &str, number: u32, created_ms: i64, of_rows: std::ops::Range<u64>| {
        made(file, &rows(of_rows)).with(|facts| {
            facts.set = Some("set".to_owned());
            facts.part = Some(FilePart { number, of: 2 });
            facts.created_ms = Some(created_ms);
            facts.period = Some("2026-09-01..2026-09-30".to_owned());
        })
    };
    let old = || vec![part("s/a1", 1, 10, 0..30), part("s/a2", 2, 11, 30..60)];
    let first_of_new = || part("s/b1", 1, 20, 100..130);
    let found = settled(&[old(), vec![first_of_new()]].concat());
    assert_eq!(found, ["s/a1 active", "s/a2 active", "s/b1 waiting"]);
    let found = settled(&[old(), vec![first_of_new(), part("s/b2", 2, 21, 130..160)]].concat());
    assert_eq!(
        found,
        ["s/a1 replaced by s/b1", "s/a2 replaced by s/b1", "s/b1 active", "s/b2 active"]
    );
    // The rest of an old one that never came whole.
    let found =
        settled(&[part("s/a1", 1, 10, 0..30), first_of_new(), part("s/b2", 2, 21, 130..160)]);
    assert_eq!(found, ["s/a1 replaced by s/b1", "s/b1 active", "s/b2 active"]);
}

#[test]
fn a_file_that_was_written_over_counts_with_its_most_rows_and_never_by_chance() {
    let same = |id: &str, of_rows: std::ops::Range<u64>| {
        made("s/a_202609.tsv", &rows(of_rows)).with(|facts| {
            facts.id = id.repeat(64);
            facts.fingerprint = None;
            "trends".clone_into(&mut facts.feed);
        })
    };
    let found = standings(&[same("a", 0..50), same("b", 0..20)], &AcceptedReports::new());
    let state = |id: &str, found: &BTreeMap<String, ReportStanding>| found[&id.repeat(64)].clone();
    assert_eq!(state("a", &found), ReportStanding::Active);
    let found = standings(&[same("a", 0..50), same("b", 40..90)], &AcceptedReports::new());
    assert_eq!(state("a", &found), ReportStanding::Active);
    assert!(matches!(state("b", &found), ReportStanding::Rejected { .. }));
}

#[test]
fn reports_of_a_format_that_adds_are_added_but_their_rows_count_once() {
    let adds = |file: &str, of_rows| made(file, &rows(of_rows)).with(|facts| facts.adds = true);
    let found = settled(&[adds("s/a.csv", 0..40), adds("s/a_corrected.csv", 50..90)]);
    assert!(found.iter().all(|line| line.ends_with(" active")), "{found:?}");
    let found = settled(&[adds("s/a.csv", 0..40), adds("s/a_corrected.csv", 0..40)]);
    assert_eq!(found[0], "s/a.csv same_rows by s/a_corrected.csv");
}

/// A name that comes again in a later folder, or next to the first as programs name it, proves nothing by
/// itself: statements of two months may have one name.
#[test]
fn a_name_that_comes_again_replaces_only_what_its_rows_are_of() {
    let statement = |file: &str, of_rows: std::ops::Range<u64>| made(file, &rows(of_rows));
    let is_replaced = |found: &[String]| found.iter().any(|line| line.contains(" replaced by "));
    for (older, newer) in [
        ("s/2026-09/a.tsv", "s/2026-10/a.tsv"),
        ("s/a.tsv", "s/a (1).tsv"),
        ("s/a.tsv", "s/copy of a.tsv"),
    ] {
        let later = |of_rows| [statement(older, 0..30), statement(newer, of_rows)];
        assert!(is_replaced(&settled(&later(20..60))), "{newer}");
        let found = settled(&later(40..70));
        assert!(found.iter().all(|line| line.ends_with(" active")), "{found:?}");
        // Plays of the same recordings on the same days are those days again.
        let trends = later(0..30).map(|made| {
            made.with(|facts| {
                "trends".clone_into(&mut facts.feed);
                facts.fingerprint = Some(if facts.file() == newer { 7 } else { 8 });
            })
        });
        assert!(is_replaced(&settled(&trends)), "{newer}");
    }
    // A word that a person writes is proof.
    let found = settled(&[statement("s/a.tsv", 0..30), statement("s/a_corrected.tsv", 40..70)]);
    assert!(is_replaced(&found), "{found:?}");
}

#[test]
fn a_few_rows_of_a_report_do_not_keep_it_from_counting() {
    for extract in [0..1, 39..40, 3..7] {
        let reports =
            [made("s/extract.tsv", &rows(extract.clone())), made("s/whole.tsv", &rows(0..40))];
        let found = settled(&reports);
        assert_eq!(found, ["s/extract.tsv rejected overlaps", "s/whole.tsv active"], "{extract:?}");
        let accepted = accept(&reports[0], AcceptKind::Overlaps);
        let found = settled_with(&reports, &accepted);
        assert!(found.iter().all(|line| line.ends_with(" active")), "{found:?}");
    }
    // Where the few make up all of it, nothing is lost without it.
    let days = [made("s/d1.tsv", &rows(0..5)), made("s/d2.tsv", &rows(100..105))];
    let both: Vec<u64> = (0..5).chain(100..105).collect();
    let found = settled(&[&days[..], &[made("s/both.tsv", &both)]].concat());
    assert_eq!(found[0], "s/both.tsv rejected overlaps", "{found:?}");
}

#[test]
fn most_of_a_few_rows_are_too_much() {
    let pair = |shared: u64| {
        let other: Vec<u64> = (0..shared).chain(50..60 - shared).collect();
        let found = settled(&[made("s/a.tsv", &rows(0..10)), made("s/b.tsv", &other)]);
        found.iter().any(|line| line.ends_with(" rejected overlaps"))
    };
    assert!(pair(8) && !pair(7));
}

#[test]
fn the_same_lines_in_two_store_folders_are_found_under_other_bytes() {
    let with_hash = |made: Made, hash: &str| made.with(|facts| hash.clone_into(&mut facts.hash));
    let pair = |n_rows: u64| {
        let a = with_hash(made("s/a.tsv", &rows(0..n_rows)), "1");
        settled(&[a, with_hash(made("t/a.tsv", &rows(0..n_rows)), "2")])
    };
    assert_eq!(pair(10), ["s/a.tsv rejected two_stores", "t/a.tsv rejected two_stores"]);
    assert_eq!(pair(9), ["s/a.tsv active", "t/a.tsv active"]);
}

#[test]
fn a_head_tells_what_a_report_is_about_whatever_its_file_is_called() {
    let message = |file: &str, set: &str, created_ms, of_rows: std::ops::Range<u64>| {
        made(file, &rows(of_rows)).with(|facts| {
            facts.set = Some(set.to_owned());
            facts.created_ms = Some(created_ms);
            "DE".clone_into(&mut facts.territory);
        })
    };
    let (parties, named) = ("a\tb\tc\td\te\tf", "a\tb\tc\td\te\tf\tDE");
    let found = settled(&[
        message("s/DSR_DE.tsv", named, 1, 0..30),
        message("s/report.tsv", parties, 2, 50..80),
    ]);
    assert_eq!(found[0], "s/DSR_DE.tsv replaced by s/report.tsv");
    let elsewhere = message("s/report.tsv", parties, 2, 50..80)
        .with(|facts| "FR".clone_into(&mut facts.territory));
    let found = settled(&[message("s/DSR_DE.tsv", named, 1, 0..30), elsewhere]);
    assert!(found.iter().all(|line| line.ends_with(" active")), "{found:?}");
    // One message with two contents.
    let found = settled(&[
        message("s/DSR_DE.tsv", named, 1, 0..30),
        message("s/x/DSR_DE.tsv", named, 1, 50..80),
    ]);
    assert_eq!(
        found.iter().filter(|line| line.ends_with(" rejected overlaps")).count(),
        1,
        "{found:?}"
    );
}

/// Originals of days, copies, halves, weeks and corrections under names that say so or not.
fn history() -> impl Strategy<Value = Vec<Made>> {
    let one = (0_u64..6, 0_u64..4, 0_usize..7).prop_map(|(day, version, kind)| {
        let day_rows = |day: u64, version: u64| {
            // Versions have most rows in common.
            (0..24).map(move |row| day * 100 + row + if row < 6 { version * 30 } else { 0 })
        };
        let all: Vec<u64> = day_rows(day, version).collect();
        match kind {
            0 => made(&format!("s/d{day}.tsv"), &all),
            1 => made(&format!("s/renamed{day}{version}.tsv"), &all),
            2 => made(&format!("s/half{day}{version}.tsv"), &all[..12]),
            3 => made(&format!("s/d{day}_v{version}.tsv"), &all),
            4 => made(
                &format!("s/week{version}.tsv"),
                &(0..6).flat_map(|d| day_rows(d, version)).collect::<Vec<_>>(),
            ),
            5 => made(&format!("s/few{day}.tsv"), &all[20..]),
            _ => made(&format!("s/d{day}_v{version}.tsv"), &[]),
        }
    });
    prop::collection::vec(one, 1..14).prop_map(|mut all| {
        all.sort_by(|a, b| a.facts.id.cmp(&b.facts.id));
        all.dedup_by(|a, b| a.facts.id == b.facts.id);
        all
    })
}

proptest! {
    /// Without a decision no two reports that count have many rows in common, and every row that a
    /// report had which was not replaced is in one that counts or in one that waits for a person.
    #[test]
    fn each_row_counts_once(reports in history()) {
        let found = standings(&reports, &AcceptedReports::new());
        let active: Vec<&Made> = reports
            .iter()
            .filter(|made| found[&made.facts.id] == ReportStanding::Active)
            .collect();
        for (place, a) in active.iter().enumerate() {
            for b in &active[place + 1..] {
                let shared = a.rows.iter().filter(|row| b.rows.contains(row)).count() as u64;
                let smaller = (a.rows.len().min(b.rows.len())) as u64;
                prop_assert!(shared < 10 || shared * 5 < smaller, "{} {}", a.file, b.file);
                prop_assert!(shared == 0 || shared < smaller, "{} {}", a.file, b.file);
            }
        }
        for made in &reports {
            let mut key = made.facts.id.clone();
            let mut is_replaced = false;
            while let ReportStanding::Superseded { by, why } = &found[&key] {
                is_replaced |= *why == SupersedeReason::Replaced;
                key.clone_from(by);
            }
            let end = reports.iter().find(|other| other.facts.id == key).unwrap();
            let is_there = made.rows.iter().all(|row| end.rows.contains(row));
            prop_assert!(is_replaced || is_there, "{} ends in {}", made.file, end.file);
        }
    }

    /// What a person accepts changes nothing but what hangs on it: the report counts, and asking for
    /// all of it once more gives the same.
    #[test]
    fn an_accepted_report_counts_or_has_been_replaced(reports in history()) {
        let found = standings(&reports, &AcceptedReports::new());
        let rejected = reports.iter().find_map(|made| match &found[&made.facts.id] {
            ReportStanding::Rejected { what, .. } => Some((made, *what)),
            _ => None,
        });
        if let Some((made, what)) = rejected {
            let again = standings(&reports, &accept(made, what));
            let standing = &again[&made.facts.id];
            let is_same = matches!(standing, ReportStanding::Rejected { what: then, .. } if *then == what);
            prop_assert!(!is_same, "{} {standing:?}", made.file);
        }
    }
}
