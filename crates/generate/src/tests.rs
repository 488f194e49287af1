//! Claims about the generated world: its bytes, its cells, and that each pattern is what it says.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use proptest::prelude::*;

use super::chance::{AliasTable, RandomSource};
use super::day::ListeningPace;
use super::{GeneratedWorld, GeneratorSettings, HEADER, TRUTH_HEADER};

const MARCH: NaiveDate = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();

fn world(plays: u64, days: u32, seed: u64) -> GeneratedWorld {
    GeneratedWorld::new(&GeneratorSettings { plays, days, seed, first_day: MARCH })
}

fn report(world: &GeneratedWorld, day: u32) -> String {
    let mut out = Vec::new();
    let n_rows = world.write_day(day, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with('\n') && !text.contains('\r') && !text.contains('"'));
    assert_eq!(text.lines().count() as u64, n_rows + 1);
    text
}

fn truth(world: &GeneratedWorld) -> BTreeMap<String, String> {
    let mut out = Vec::new();
    world.write_truth(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(TRUTH_HEADER));
    let cells = lines.map(|line| line.split('\t').collect::<Vec<_>>());
    cells.map(|cells| (cells[0].to_owned(), cells[1].to_owned())).collect()
}

fn place(column: &str) -> usize {
    HEADER.split('\t').position(|name| name == column).unwrap()
}

/// One row by column name.
struct Row<'a>(Vec<&'a str>);

impl<'a> Row<'a> {
    fn cell(&self, column: &str) -> &'a str {
        self.0[place(column)]
    }
}

fn rows(report: &str) -> Vec<Row<'_>> {
    report.lines().skip(1).map(|line| Row(line.split('\t').collect())).collect()
}

/// Milliseconds of a `stream_length`.
fn milliseconds(text: &str) -> u32 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= 3 && !fraction.ends_with('0') && !text.ends_with('.'), "{text}");
    whole.parse::<u32>().unwrap() * 1_000 + format!("{fraction:0<3}").parse::<u32>().unwrap()
}

#[test]
fn the_same_settings_give_the_same_bytes_and_another_seed_gives_others() {
    let text = |seed| report(&world(5_000, 2, seed), 1);
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
}

#[test]
fn the_bytes_do_not_change_between_versions() {
    let world = world(120_000, 2, 1);
    let mut out = report(&world, 0).into_bytes();
    world.write_truth(&mut out).unwrap();
    let fnv = out.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    });
    assert_eq!(
        (out.len(), fnv),
        (19_274_151, 3_148_463_276_811_598_284),
        "a benchmark on these bytes is no longer comparable"
    );
}

#[test]
fn a_day_does_not_depend_on_the_days_written_before_it() {
    let (first, second) = (world(9_000, 3, 5), world(9_000, 3, 5));
    report(&first, 0);
    assert_eq!(report(&first, 2), report(&second, 2));
}

#[test]
fn rows_are_split_evenly_and_a_day_without_plays_has_a_header() {
    let n_rows = |plays, days| -> Vec<usize> {
        let world = world(plays, days, 3);
        (0..days).map(|day| rows(&report(&world, day)).len()).collect()
    };
    assert_eq!(n_rows(1, 1), [1]);
    assert_eq!(n_rows(2, 4), [1, 1, 0, 0]);
    assert_eq!(n_rows(11, 3), [4, 4, 3]);
    assert_eq!(n_rows(1_000, 30).iter().sum::<usize>(), 1_000);
    assert_eq!(n_rows(0, 1), [0]);
}

#[test]
fn a_day_beyond_the_period_is_an_error() {
    let error = world(10, 2, 3).write_day(2, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn no_days_are_one_day() {
    let world = world(10, 0, 3);
    assert_eq!(world.days().collect::<Vec<_>>(), [MARCH]);
    assert_eq!(rows(&report(&world, 0)).len(), 10);
}

#[test]
fn identifiers_are_valid() {
    let text = report(&world(40_000, 2, 11), 1);
    let (mut n_without_isrc, mut leading_zeros) = (0, 0);
    for row in rows(&text) {
        let isrc = row.cell("isrc");
        n_without_isrc += usize::from(isrc.is_empty());
        assert!(isrc.is_empty() || is_isrc(isrc), "{isrc}");
        let upc = row.cell("upc");
        leading_zeros += usize::from(upc.starts_with('0'));
        assert!(upc.is_empty() || is_upc(upc), "{upc}");
        let id = row.cell("track_id");
        assert!(id.len() == 22 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        assert_eq!(row.cell("track_uri"), format!("spotify:track:{id}"));
        let listener = row.cell("customer_id");
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        assert!(listener.len() == 32 && listener.bytes().all(is_hex), "{listener}");
    }
    assert!(n_without_isrc < 20 && leading_zeros > 100);
}

fn is_isrc(text: &str) -> bool {
    let (country, rest) = text.split_at(2);
    let (registrant, number) = rest.split_at(3);
    country.bytes().all(|byte| byte.is_ascii_uppercase())
        && registrant.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && number.len() == 7
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_upc(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().rev().map(|digit| digit.to_digit(10).unwrap()).collect();
    let odd: u32 = digits.iter().step_by(2).sum();
    let even: u32 = digits.iter().skip(1).step_by(2).sum();
    (12..=13).contains(&digits.len()) && (odd + 3 * even).is_multiple_of(10)
}

#[test]
fn cells_hold_what_the_column_may_hold() {
    const SOURCES: [&str; 8] = [
        "others_playlist",
        "playlist",
        "radio",
        "search",
        "album",
        "artist",
        "collection",
        "play_queue",
    ];
    let text = report(&world(40_000, 2, 12), 0);
    assert_eq!(text.lines().next(), Some(HEADER));
    assert_eq!(HEADER.split('\t').count(), 31);
    let mut countries = BTreeSet::new();
    for row in rows(&text) {
        assert_eq!(row.0.len(), 31);
        assert_eq!(row.cell("day"), "2026-03-01");
        let logged = NaiveDateTime::parse_from_str(row.cell("log_time"), "%Y%m%dT%H:%M:%S");
        let logged = logged.unwrap();
        assert_eq!((logged.date(), logged.and_utc().timestamp() % 900), (MARCH, 0));
        assert!(["premium", "free", "trial"].contains(&row.cell("access")));
        assert!(["true", "false", ""].contains(&row.cell("stream_cached")));
        assert!(SOURCES.contains(&row.cell("stream_source")));
        assert!((1_000..=480_999).contains(&milliseconds(row.cell("stream_length"))));
        countries.insert(row.cell("country_code").to_owned());
    }
    assert!(countries.len() > 55 && countries.contains("UK") && countries.contains("GB"));
    assert!(countries.iter().all(|country| country.len() == 2));
    assert!(!text.is_ascii());
}

#[test]
fn offline_plays_were_heard_up_to_forty_days_earlier() {
    let text = report(&world(80_000, 2, 13), 1);
    let counted = MARCH.succ_opt().unwrap();
    let mut spellings = [0; 3];
    let mut ages = Vec::new();
    for row in rows(&text) {
        let stamp = row.cell("offline_timestamp");
        if row.cell("stream_cached") != "true" {
            assert!(["", "0"].contains(&stamp), "{stamp}");
            continue;
        }
        let (spelling, heard) = match stamp.len() {
            0 => continue,
            10 => (0, DateTime::from_timestamp(stamp.parse().unwrap(), 0).unwrap().naive_utc()),
            13 => (1, DateTime::from_timestamp_millis(stamp.parse().unwrap()).unwrap().naive_utc()),
            _ => (2, NaiveDateTime::parse_from_str(stamp, "%Y-%m-%dT%H:%M:%SZ").unwrap()),
        };
        spellings[spelling] += 1;
        ages.push((counted - heard.date()).num_days());
    }
    assert!((2_000..=2_800).contains(&ages.len()), "{}", ages.len());
    assert!(spellings.iter().all(|n_rows| *n_rows > 50) && spellings[2] > 1_500, "{spellings:?}");
    assert!(ages.iter().all(|age| (0..=40).contains(age)));
    assert!(ages.iter().filter(|age| **age > 30).count() > 5);
    assert!(ages.iter().filter(|age| **age <= 3).count() * 100 > ages.len() * 80);
}

#[test]
fn ordinary_people_play_as_a_distributor_sees_it() {
    let world = world(100_000, 2, 14);
    let (texts, special) = ([report(&world, 0), report(&world, 1)], truth(&world));
    let mut per_day: Vec<HashMap<&str, u32>> = Vec::new();
    let (mut n_rows, mut n_short, mut n_exact, mut n_neighbours) = (0, 0, 0, 0);
    for text in &texts {
        let mut plays = HashMap::new();
        let (mut seen, mut last) = (BTreeSet::new(), "");
        for (line, row) in text.lines().skip(1).zip(rows(text)) {
            let listener = row.cell("customer_id");
            n_neighbours += usize::from(listener == last);
            last = listener;
            if special.contains_key(listener) {
                continue;
            }
            *plays.entry(listener).or_insert(0) += 1;
            n_rows += 1;
            n_short += usize::from(milliseconds(row.cell("stream_length")) < 30_000);
            n_exact += usize::from(!seen.insert(line));
        }
        per_day.push(plays);
    }
    let mut plays: Vec<u32> = per_day[0].values().copied().collect();
    plays.sort_unstable();
    let mean_percent = plays.iter().sum::<u32>() as usize * 100 / plays.len();
    assert!((150..=180).contains(&mean_percent), "{mean_percent}");
    assert!(plays[plays.len() * 3 / 4] <= 2);
    assert!((14..=18).contains(&plays[plays.len() * 99 / 100]));
    assert!(plays.last().is_some_and(|most| *most < 50));
    let n_again = per_day[0].keys().filter(|listener| per_day[1].contains_key(*listener)).count();
    assert!(n_again * 2 > plays.len(), "{n_again}");
    assert!((12..=16).contains(&(n_short * 100 / n_rows)));
    assert!((25..=60).contains(&(n_exact * 10_000 / n_rows)), "{n_exact}");
    assert!(n_neighbours * 100 < n_rows, "{n_neighbours}");
}

/// What the filter measures of one listener on one day.
#[derive(Default)]
struct Measures {
    lengths: Vec<u32>,
    tracks: HashMap<String, u32>,
    per_quarter: HashMap<(String, String, u32), u32>,
    quarters: BTreeSet<String>,
}

impl Measures {
    fn add(&mut self, row: &Row<'_>) {
        let played_ms = milliseconds(row.cell("stream_length"));
        let track = [row.cell("isrc"), row.cell("track_id")].into_iter().find(|id| !id.is_empty());
        let track = track.unwrap_or_default().to_owned();
        let quarter = row.cell("log_time").to_owned();
        assert!(played_ms >= 30_000, "a special listener's play counts");
        self.lengths.push(played_ms);
        *self.tracks.entry(track.clone()).or_default() += 1;
        *self.per_quarter.entry((track, quarter.clone(), played_ms)).or_default() += 1;
        self.quarters.insert(quarter);
    }

    /// Panics unless the listener is past the bound of his kind, with what rule 1 takes away.
    fn assert_crosses(&self, kind: &str) {
        let excess = |((_, _, ms), n): (&(String, String, u32), &u32)| {
            n.saturating_sub((900_000 / ms).max(1)) as usize
        };
        let n_repeats: usize = self.per_quarter.iter().map(excess).sum();
        let n_plays = self.lengths.len() - n_repeats;
        let sum_ms: u32 = self.lengths.iter().sum();
        let sum_ms = sum_ms - u32::try_from(n_repeats).unwrap() * 480_000;
        let n_lengths = self.lengths.iter().collect::<BTreeSet<_>>().len();
        let longest = self.lengths.iter().max().copied().unwrap_or(0);
        let n_short = self.lengths.iter().filter(|ms| **ms < 36_000).count();
        let repeats = self.tracks.values().max().copied().unwrap_or(0) as usize;
        let is_plain = n_lengths <= 10 || longest <= 80_000 || n_lengths == self.tracks.len();
        let crosses = match kind {
            "looper" => n_repeats == 0 && (55..150).contains(&n_plays) && repeats >= 54,
            "background" => n_plays >= 150 && !is_plain && repeats < 50 && self.quarters.len() > 75,
            "bot_farm" => (600..700).contains(&n_plays) && longest < 36_000 && repeats < 50,
            "volume_bot" => n_plays > 2_880,
            "time_bot" => sum_ms > 90_720_000 && n_plays <= 2_880,
            "low_variety_bot" => n_plays >= 150 && n_lengths <= 8 && repeats < 50,
            "repeater_bot" => repeats >= 50 && !(n_plays >= 150 && is_plain),
            "short_cluster_bot" => (30..150).contains(&n_plays) && n_short * 10 >= n_plays * 6,
            _ => false,
        };
        assert!(crosses, "{kind}: {n_plays} plays, {sum_ms} ms, {n_lengths} lengths, {repeats}");
    }
}

#[test]
fn each_pattern_crosses_its_bound_where_the_volume_allows() {
    let world = world(300_000, 3, 21);
    let special = truth(&world);
    let kinds: BTreeSet<&str> = special.values().map(String::as_str).collect();
    assert_eq!(kinds.len(), 8, "{kinds:?}");
    let mut seen = BTreeSet::new();
    let mut n_rows = 0;
    for day in 0..3 {
        let text = report(&world, day);
        let mut measures: HashMap<String, Measures> = HashMap::new();
        for line in text.lines().skip(1) {
            let listener = line.split('\t').nth(place("customer_id")).unwrap();
            if special.contains_key(listener) {
                let measures = measures.entry(listener.to_owned()).or_default();
                measures.add(&Row(line.split('\t').collect()));
                n_rows += 1;
            }
        }
        for (listener, measures) in measures {
            measures.assert_crosses(&special[&listener]);
            seen.insert(listener);
        }
    }
    assert_eq!(seen.len(), special.len(), "every listener of the truth occurs");
    assert!((3_000..=15_000).contains(&n_rows), "{n_rows}");
}

#[test]
fn some_recordings_have_two_track_ids() {
    let text = report(&world(40_000, 1, 15), 0);
    let mut ids: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    for row in rows(&text).into_iter().filter(|row| !row.cell("isrc").is_empty()) {
        ids.entry(row.cell("isrc")).or_default().insert(row.cell("track_id"));
    }
    let n_twins = ids.values().filter(|ids| ids.len() > 1).count();
    assert!((1..100).contains(&n_twins), "{n_twins}");
}

#[test]
fn no_more_plays_start_in_a_quarter_than_fit_into_it() {
    let mut pace = ListeningPace::new(0);
    let starts: Vec<u32> = (0..6).map(|_| pace.start(200_000)).collect();
    assert_eq!(starts, [0, 201, 402, 603, 900, 1_101]);
}

#[test]
fn a_table_draws_by_weight() {
    let table = AliasTable::new([6, 0, 3, 1]);
    let mut chance = RandomSource::new(1);
    let mut drawn = [0; 4];
    for _ in 0..100_000 {
        drawn[table.draw(&mut chance)] += 1;
    }
    assert!((59_000..61_000).contains(&drawn[0]) && drawn[1] == 0, "{drawn:?}");
    assert!((29_000..31_000).contains(&drawn[2]) && (9_000..11_000).contains(&drawn[3]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..<_>::default() })]

    /// The total is exact, each row is whole, and special listeners keep to their share.
    #[test]
    fn any_small_world_is_whole(plays in 0_u64..6_000, days in 1_u32..35, seed in any::<u64>()) {
        let world = world(plays, days, seed);
        let special = truth(&world);
        let mut n_rows = 0;
        for (day, date) in (0..).zip(world.days()) {
            let text = report(&world, day);
            let rows = rows(&text);
            n_rows += rows.len();
            let date = date.to_string();
            prop_assert!(rows.iter().all(|row| row.0.len() == 31 && row.cell("day") == date));
            let is_special = |row: &&Row<'_>| special.contains_key(row.cell("customer_id"));
            prop_assert!(rows.iter().filter(is_special).count() * 20 <= rows.len());
        }
        prop_assert_eq!(n_rows as u64, plays);
    }
}
