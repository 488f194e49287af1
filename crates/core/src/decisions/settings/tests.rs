use super::*;
use crate::explain::calendar::{DeliveryDelay, ExpectedFeed, NotSent};
use crate::explain::period::PeriodLength;
use crate::ingest::table::format::Feed;
use crate::testing::{policy, store};

fn expected(store: &str, days: u32) -> ExpectedFeed {
    ExpectedFeed {
        store: store.to_owned(),
        feed: Feed::Trends,
        territory: None,
        period: PeriodLength::Day,
        due_after: DeliveryDelay::Days(days),
        grace_days: 1,
        source: "somebody".to_owned(),
    }
}

fn numbers(plays_min: u32) -> JudgingNumbers {
    let mut policy = policy();
    policy.repeater.plays_min = plays_min;
    JudgingNumbers {
        policy,
        stores: BTreeMap::from([("spotify".to_owned(), StoreNumbers::of(&store()))]),
        calendar: Calendar { expected: vec![expected("spotify", 5)], not_sent: Vec::new() },
    }
}

fn span(store: Option<&str>, from: Option<&str>, to: Option<&str>) -> MonthSpan {
    let [store, from, to] = [store, from, to].map(|text| text.map(str::to_owned));
    MonthSpan { store, from, to }
}

fn months(store: Option<&str>, from: &str, to: &str) -> DecidedMonths {
    DecidedMonths::Spans(vec![span(store, Some(from), Some(to))])
}

/// Pinned: another text here makes everything that was ever accepted other settings.
#[test]
fn the_hash_of_settings_stays_as_it_is() {
    let text = canonical(&numbers(50).canonical_value().unwrap());
    insta::assert_snapshot!(text, @r#"{"calendar":{"spotify trends *":{"due_after":{"days":5},"grace_days":1,"period":"day"}},"policy":{"duplicate":{"offline_days_max":60},"impossible_time":{"played_ms_max":90720000},"impossible_volume":{"plays_max":2880},"low_variety":{"longest_ms_max":80000,"played_times_max":10,"plays_min":150},"offline_expired":{"days_max":30},"repeater":{"action":"hold","plays_min":50},"short_cluster":{"complete_min_percent":95,"played_ms_from":30000,"played_ms_to":35999,"plays_min":30,"share_min_basis_points":6000}},"stores":{"spotify":{"eligibility":null,"minimum":{"at_bound":"counts","played_ms":30000},"played_time":{"countable_only":false},"rounded_to_s":900}},"version":1}"#);
    insta::assert_snapshot!(numbers(50).hash().unwrap(), @"50a15c600ca2b00dab03ccbb48a8e640f60ec25f672e7c23db26dd2c93dde016");
    let of_plays = numbers(50).stores["spotify"].canonical_of_plays().unwrap();
    insta::assert_snapshot!(of_plays, @r#"{"eligibility":null,"minimum":{"at_bound":"counts","played_ms":30000},"played_time":{"countable_only":false},"rounded_to_s":900}"#);
}

#[test]
fn what_judges_nothing_makes_no_other_settings() {
    let one = numbers(50);
    let mut other = one.clone();
    other.policy.name = "another".to_owned();
    other.policy.version += 1;
    other.calendar.expected[0].source = "somebody else".to_owned();
    assert_eq!(one.hash().unwrap(), other.hash().unwrap());
    assert_eq!(one.edits(&other).unwrap(), []);
    assert_eq!(one.policy.hash().unwrap(), other.policy.hash().unwrap());
}

#[test]
fn every_number_makes_other_settings_and_is_named() {
    let one = numbers(50);
    let edited = |edit: &dyn Fn(&mut JudgingNumbers)| {
        let mut other = one.clone();
        edit(&mut other);
        assert_ne!(one.hash().unwrap(), other.hash().unwrap());
        let edits = one.edits(&other).unwrap();
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let line = |edit: &SettingsEdit| {
            format!("{} {} {}", edit.number, text(&edit.accepted), text(&edit.proposed))
        };
        edits.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    let spotify = |numbers: &mut JudgingNumbers, edit: &dyn Fn(&mut StoreNumbers)| {
        edit(numbers.stores.get_mut("spotify").unwrap());
    };
    assert_eq!(edited(&|n| n.policy.repeater.plays_min = 40), "policy.repeater.plays_min 50 40");
    assert_eq!(
        edited(&|n| spotify(n, &|store| store.minimum.played_ms = 31_000)),
        "stores.spotify.minimum.played_ms 30000 31000"
    );
    assert_eq!(
        edited(&|n| spotify(n, &|store| store.played_time.countable_only = true)),
        "stores.spotify.played_time.countable_only false true"
    );
    assert_eq!(
        edited(&|n| spotify(n, &|store| store.rounded_to_s = 60)),
        "stores.spotify.rounded_to_s 900 60"
    );
    let rule = EligibilityRule { plays_min: 1_000, months: 12 };
    assert_eq!(
        edited(&|n| spotify(n, &|store| store.eligibility = Some(rule))),
        "stores.spotify.eligibility null -\n\
         stores.spotify.eligibility.months - 12\n\
         stores.spotify.eligibility.plays_min - 1000"
    );
    assert_eq!(
        edited(&|n| n.calendar.expected[0].grace_days = 2),
        "calendar.spotify trends *.grace_days 1 2"
    );
    let not_sent =
        NotSent { store: "spotify".to_owned(), feed: Feed::Sales, source: String::new() };
    assert_eq!(
        edited(&|n| n.calendar.not_sent.push(not_sent.clone())),
        "calendar.spotify sales not sent - true"
    );
}

#[test]
fn the_newest_entry_that_names_a_month_decides() {
    let [a, b, c, d] = [50, 40, 30, 20].map(numbers);
    let [first, august, summer, last] = [&a, &b, &c, &d].map(|n| n.hash().unwrap());
    let entries = [
        (months(None, "2026-01", "2026-02"), d.clone()),
        (DecidedMonths::All, a.clone()),
        (months(None, "2026-08", "2026-08"), b.clone()),
        (months(Some("spotify"), "2026-07", "2026-08"), c),
    ];
    let of = |entries: &[(DecidedMonths, JudgingNumbers)]| {
        SettingsInForce::of(entries.iter().map(|(months, numbers)| (months, numbers))).unwrap()
    };
    assert_eq!(of(&entries[..1]), None);
    let in_force = of(&entries).unwrap();
    let hash = |store: &str, month: &str| in_force.hash_of(store, month).to_owned();
    assert_eq!(hash("spotify", "2026-01"), first, "nothing holds before the first for all");
    assert_eq!([hash("spotify", "2026-07"), hash("spotify", "2026-08")], [&*summer, &*summer]);
    assert_eq!([hash("deezer", "2026-07"), hash("deezer", "2026-08")], [&*first, &*august]);
    assert_eq!(hash("spotify", "2030-01"), first);
    assert_eq!(in_force.differing("spotify", "2026-08"), Some(summer.as_str()));
    assert_eq!(in_force.differing("spotify", "2026-09"), None);
    // One for all months leaves nothing of what was before it.
    let all = [&entries[..], &[(DecidedMonths::All, d)]].concat();
    assert_eq!(of(&all), Some(SettingsInForce::for_all(&numbers(20)).unwrap()));
    assert_eq!(of(&all).unwrap().hash_of("spotify", "2026-08"), last);
}

#[test]
fn what_is_settled_already_is_known() {
    let [base, own] = [50, 40].map(numbers);
    let hash = own.hash().unwrap();
    let in_force = SettingsInForce::for_all(&base).unwrap();
    let in_force = in_force.with(&months(None, "2026-03", "2026-06"), &own).unwrap();
    let have = |store: Option<&str>, from: &str, to: &str| {
        in_force.have(&span(store, Some(from), Some(to)), &hash)
    };
    assert!(have(None, "2026-03", "2026-06") && have(Some("spotify"), "2026-04", "2026-05"));
    assert!(!have(None, "2026-02", "2026-06") && !have(None, "2026-03", "2026-07"));
    assert!(!have(None, "2026-07", "2026-07"));
    let other = in_force.clone().with(&months(Some("deezer"), "2026-04", "2026-04"), &base);
    let other = other.unwrap();
    assert!(!other.have(&span(None, Some("2026-03"), Some("2026-06")), &hash));
    assert!(other.have(&span(Some("spotify"), Some("2026-03"), Some("2026-06")), &hash));
}

#[test]
fn a_new_store_is_added_and_changes_nothing_of_the_others() {
    let base = numbers(50);
    let mut proposed = numbers(40);
    proposed.stores.insert("deezer".to_owned(), StoreNumbers::of(&store()));
    proposed.calendar.expected = vec![expected("deezer", 9), expected("spotify", 6)];
    let (added, new) = base.clone().with_new_of(&proposed);
    assert_eq!(new, BTreeSet::from(["deezer".to_owned()]));
    assert_eq!((&added.policy, &added.stores["spotify"]), (&base.policy, &base.stores["spotify"]));
    assert_eq!(added.calendar.expected, [expected("spotify", 5), expected("deezer", 9)]);
    let own = months(Some("spotify"), "2026-08", "2026-08");
    let in_force = SettingsInForce::for_all(&base).unwrap().with(&own, &numbers(30)).unwrap();
    let whole = DecidedMonths::Spans(vec![span(Some("deezer"), None, None)]);
    let in_force = in_force.with(&whole, &added).unwrap();
    assert_eq!(in_force.base(), Some(&added));
    assert_eq!(in_force.base_hash(), added.hash().unwrap());
    assert_eq!(in_force.hash_of("spotify", "2026-08"), numbers(30).hash().unwrap());
    assert_eq!(in_force.differing("spotify", "2026-09"), None);
}

#[test]
fn a_store_whose_file_is_gone_keeps_its_numbers() {
    let accepted = numbers(50);
    let mut proposed = accepted.clone();
    proposed.stores.clear();
    assert_eq!(proposed.with_absent_of(&accepted), accepted);
}
