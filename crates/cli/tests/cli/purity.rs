//! The published tables are a pure function of the reports, the settings and the key: order of arrival,
//! batches, number of runs, threads and memory do not change a byte.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::OnceLock;

use crate::case::{Case, files_of, gzip, repository};
use crate::decisions::accept_if_proposed;
use crate::report::{line, lines, report};

/// Path in the inbox and bytes of each report, in order.
type Reports = Vec<(String, Vec<u8>)>;

/// BLAKE3 by path under `tables`.
type Published = BTreeMap<String, String>;

/// Reports of other feeds and layouts, among them a list of tracks for plays of its date.
const STATEMENTS: [&str; 9] = [
    "believe/in/believe/believe_2026-09.csv",
    "cdbaby/in/cdbaby/cdbaby_2026-10.txt",
    "deezer-fraud/in/deezer/fraud_report_us-20260630.txt",
    "imusician/in/imusician/imusician_2026-10.csv",
    "orchard/in/orchard/orchard_2026-09.csv",
    "soundcloud-sales/in/soundcloud/soundcloud_202606.csv",
    "apple-music-content/in/apple_music/Content_20261001.txt",
    "apple-music-detail/in/apple_music/amStreams_detail_20261001.tsv",
    "spotify-royalties/in/spotify/royalties.txt",
];

/// Four generated days; a second report of one of them that shares half of its rows; a report over
/// several days that overlaps them; a copy, a rejected report, one with bad rows, and [`STATEMENTS`].
fn reports() -> &'static Reports {
    static REPORTS: OnceLock<Reports> = OnceLock::new();
    REPORTS.get_or_init(|| {
        let case = Case::new();
        let generate =
            ["generate", "--plays", "6000", "--days", "4", "--seed", "7", "--out", "demo"];
        case.run(&generate).expect_code(0);
        let read =
            |(name, path): (String, _)| (name, fs::read::<std::path::PathBuf>(path).unwrap());
        let mut reports: Reports =
            files_of(&case.path("demo/inbox")).into_iter().map(read).collect();
        assert_eq!(reports.len(), 4);
        let day = unpack(&reports[1].1);
        let (header, rows) = day.split_once('\n').unwrap();
        let half: Vec<&str> =
            rows.lines().enumerate().filter(|(n, _)| n % 2 == 0).map(|(_, row)| row).collect();
        let other = unpack(&reports[2].1);
        let changed =
            other.lines().skip(1).take(700).map(|row| row.replace("2026-09-03", "2026-09-02"));
        let again = [
            vec![header.to_owned()],
            half.iter().map(ToString::to_string).collect(),
            changed.collect(),
        ];
        reports.push((
            "spotify/again.tsv.gz".to_owned(),
            gzip((again.concat().join("\n") + "\n").as_bytes()),
        ));
        reports.push(("spotify/months.tsv".to_owned(), several_days()));
        reports.push(("spotify/0-copy.tsv".to_owned(), unpack(&reports[0].1).into_bytes()));
        reports.push(("spotify/none.tsv".to_owned(), b"not a report\n".to_vec()));
        reports.push(("deezer/mismatch.tsv".to_owned(), report(&lines("2026-09-01", 0..3))));
        for fixture in STATEMENTS {
            let path = repository().join("fixtures/formats").join(fixture);
            let name = fixture.split_once("/in/").unwrap().1;
            reports.push((name.to_owned(), fs::read(path).unwrap()));
        }
        reports
    })
}

/// August to October, with a repeater, offline plays and a bad row.
fn several_days() -> Vec<u8> {
    let mut rows = Vec::new();
    for (n, day) in
        ["2026-10-01", "2026-08-31", "2026-09-02", "2026-09-04", "2026-08-31"].iter().enumerate()
    {
        rows.extend(lines(day, n * 40..n * 40 + 60));
    }
    for n in 0..60 {
        rows.push(line("2026-09-03", 1).with("stream_length", format!("{}", 61 + n)));
        rows.push(line("2026-09-04", n).with("country_code", "QQ"));
        let stamp = (1_788_000_000 + n * 86_400).to_string();
        rows.push(
            line("2026-10-01", n).with("stream_cached", "yes").with("offline_timestamp", stamp),
        );
    }
    rows.push(line("2026-09-03", 2).with("stream_length", "3:34"));
    report(&rows)
}

fn unpack(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

fn put(case: &Case, reports: &[&(String, Vec<u8>)]) {
    for (name, bytes) in reports {
        case.put(name, bytes);
    }
}

/// What is published after each of these batches was ingested by a run of its own.
fn published_after(batches: &[Vec<&(String, Vec<u8>)>], options: &[&str]) -> Published {
    let case = Case::new();
    for batch in batches {
        put(&case, batch);
        let outcome = case.nightly(options);
        assert!(matches!(outcome.code, 0 | 4), "{outcome:?}");
    }
    assert_settled(&case, options);
    case.published()
}

/// The tables are as they were published, nothing is left to do, and nothing is left behind.
fn assert_settled(case: &Case, options: &[&str]) {
    case.verify().expect_code(0);
    case.nightly(options).expect_code(0).expect_stdout("Nothing new, nothing published.");
    let staged: Vec<_> = files_of(&case.path("warehouse/internal/staging"));
    assert!(staged.is_empty(), "{staged:?}");
}

fn all_at_once() -> &'static Published {
    static PUBLISHED: OnceLock<Published> = OnceLock::new();
    PUBLISHED.get_or_init(|| {
        let published = published_after(&[reports().iter().collect()], &[]);
        let tables = ["plays/", "trends_daily/", "quarantine/", "reports/"];
        for table in tables {
            assert!(published.keys().any(|path| path.starts_with(table)), "{table}");
        }
        published
    })
}

#[track_caller]
pub(crate) fn assert_same(found: &Published, expected: &Published) {
    let beyond = |these: &Published, those: &Published| {
        let only = these.iter().filter(|(path, hash)| those.get(*path) != Some(hash));
        only.map(|(path, _)| path.clone()).collect::<Vec<_>>()
    };
    let (found_only, expected_only) = (beyond(found, expected), beyond(expected, found));
    assert!(
        found_only.is_empty() && expected_only.is_empty(),
        "found only: {found_only:#?}\nexpected only: {expected_only:#?}"
    );
}

fn one_a_run(
    reports: impl Iterator<Item = &'static (String, Vec<u8>)>,
) -> Vec<Vec<&'static (String, Vec<u8>)>> {
    reports.map(|report| vec![report]).collect()
}

#[test]
fn a_report_a_run_gives_the_same_bytes_as_all_at_once() {
    assert_same(&published_after(&one_a_run(reports().iter()), &[]), all_at_once());
}

#[test]
fn the_reverse_order_gives_the_same_bytes() {
    assert_same(&published_after(&one_a_run(reports().iter().rev()), &[]), all_at_once());
}

#[test]
fn two_batches_give_the_same_bytes() {
    let (even, odd): (Vec<_>, Vec<_>) = reports().iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let batches = [odd, even].map(|batch| batch.into_iter().map(|(_, report)| report).collect());
    assert_same(&published_after(&batches, &[]), all_at_once());
}

#[test]
fn threads_do_not_change_a_byte() {
    for threads in ["1", "2", "7"] {
        let found = published_after(&[reports().iter().collect()], &["--threads", threads]);
        assert_same(&found, all_at_once());
    }
}

#[test]
fn little_memory_does_not_change_a_byte_and_leaves_nothing_on_the_disk() {
    for limit in ["64KiB", "1MiB"] {
        let found = published_after(&[reports().iter().collect()], &["--memory-limit", limit]);
        assert_same(&found, all_at_once());
        let found = published_after(&one_a_run(reports().iter().rev()), &["--memory-limit", limit]);
        assert_same(&found, all_at_once());
    }
}

#[test]
fn hardly_any_memory_does_not_change_a_byte() {
    let found = published_after(&[reports().iter().collect()], &["--memory-limit", "1B"]);
    assert_same(&found, all_at_once());
}

#[test]
fn the_clock_does_not_change_a_byte_of_what_came() {
    // What is due, and what the figures of a month come to that is over, depends on the day.
    let without = |published: &Published| {
        let of_the_day = ["coverage/", "eligibility/", "waterfall/"];
        let is_other = |path: &String| !of_the_day.iter().any(|table| path.starts_with(table));
        published.clone().into_iter().filter(|(path, _)| is_other(path)).collect::<Published>()
    };
    let found = published_after(&[reports().iter().collect()], &["--as-of", "2027-01-01"]);
    assert_same(&without(&found), &without(all_at_once()));
}

#[test]
fn the_day_of_the_last_run_decides_whatever_the_days_before_were() {
    let at_once = published_after(&[reports().iter().collect()], &["--as-of", "2027-01-01"]);
    assert!(at_once.keys().any(|path| path.starts_with("waterfall/store=spotify/month=2026-09/")));
    assert!(at_once.keys().any(|path| path.starts_with("eligibility/store=spotify/")));
    let case = Case::new();
    for ((name, bytes), as_of) in reports().iter().rev().zip(1..) {
        case.put(name, bytes);
        let as_of = format!("2026-10-{as_of:02}");
        assert!(matches!(case.nightly(&["--as-of", &as_of]).code, 0 | 4));
    }
    assert!(matches!(case.nightly(&["--as-of", "2027-01-01"]).code, 0 | 4));
    case.verify().expect_code(0);
    assert_same(&case.published(), &at_once);
}

#[test]
fn the_inbox_may_be_emptied_after_every_run() {
    let case = Case::new();
    for (name, bytes) in reports() {
        case.put(name, bytes);
        let outcome = case.nightly(&[]);
        assert!(matches!(outcome.code, 0 | 4), "{outcome:?}");
        fs::remove_dir_all(case.path("inbox")).unwrap();
        fs::create_dir(case.path("inbox")).unwrap();
    }
    assert_settled(&case, &[]);
    assert_same(&case.published(), all_at_once());
}

/// A warehouse with all reports, and one that gets them under other settings only, are the same.
#[track_caller]
fn assert_resettled(file: &str, from: &str, to: &str) {
    let options = ["--pipeline", "pipelines/nightly.toml"];
    let settled = |case: &Case| {
        let outcome = case.nightly(&options);
        assert!(matches!(outcome.code, 0 | 4), "{outcome:?}");
        accept_if_proposed(case, &outcome, &options);
        assert_settled(case, &options);
        case.published()
    };
    let (case, fresh) = (Case::new(), Case::new());
    for case in [&case, &fresh] {
        case.own_pipelines();
        put(case, &reports().iter().collect::<Vec<_>>());
    }
    assert_same(&settled(&case), all_at_once());
    case.replace(file, from, to);
    fresh.replace(file, from, to);
    let changed = settled(&case);
    assert_ne!(&changed, all_at_once());
    assert_same(&changed, &settled(&fresh));
    case.replace(file, to, from);
    assert_same(&settled(&case), all_at_once());
}

#[test]
fn another_number_of_the_policy_that_is_accepted_judges_everything_as_in_a_fresh_warehouse() {
    let policy = "pipelines/policies/default.toml";
    assert_resettled(policy, "plays_min = 50\n", "plays_min = 5\n");
}

#[test]
fn another_action_of_the_policy_that_is_accepted_judges_everything_as_in_a_fresh_warehouse() {
    let (hold, cap) = ("[repeater]\naction = \"hold\"", "[repeater]\naction = \"cap\"");
    assert_resettled("pipelines/policies/default.toml", hold, cap);
}

#[test]
fn other_settings_of_a_store_read_everything_again_as_in_a_fresh_warehouse() {
    let store = "pipelines/stores/spotify.toml";
    assert_resettled(store, "rounded_to_s = 900", "rounded_to_s = 1");
    assert_resettled(store, "premium = \"premium\"", "premium = \"family\"");
}

#[test]
fn a_report_that_was_rejected_for_a_while_comes_back_from_the_archive() {
    let options = ["--pipeline", "pipelines/nightly.toml"];
    let case = Case::new();
    case.own_pipelines();
    let mut rows = lines("2026-09-02", 0..1_500);
    rows.extend((0..12).map(|n| line("2026-09-02", n).with("stream_length", "x")));
    case.put("spotify/a.tsv", report(&rows));
    case.nightly(&options).expect_code(4);
    let before = case.published();
    fs::remove_file(case.path("inbox/spotify/a.tsv")).unwrap();
    let store = "pipelines/stores/spotify.toml";
    case.replace(store, "basis_points = 100", "basis_points = 0");
    case.nightly(&options).expect_code(4).expect_stdout("too_many_bad_rows");
    assert_eq!(case.n_rows("plays"), 0);
    case.replace(store, "basis_points = 0", "basis_points = 100");
    case.nightly(&options);
    case.verify().expect_code(0);
    assert_same(&case.published(), &before);
}

#[test]
fn another_alias_of_a_territory_reads_everything_again() {
    assert_resettled("pipelines/nightly.toml", "EL = \"GR\"", "EL = \"GR\"\nQQ = \"DE\"");
}

#[test]
fn another_listener_key_changes_the_listeners_and_nothing_else() {
    let case = Case::new();
    put(&case, &reports().iter().collect::<Vec<_>>());
    case.nightly(&[]).expect_code(4);
    let plays = |case: &Case| {
        let mut rows = case.table("plays");
        for row in &mut rows {
            row.remove("listener");
        }
        rows
    };
    let (before, trends) = (plays(&case), case.table("trends_daily"));
    fs::write(case.path("key"), [8; 32]).unwrap();
    let outcome = case.nightly(&["--rekey"]);
    assert!(matches!(outcome.code, 0 | 4), "{outcome:?}");
    assert_settled(&case, &[]);
    assert_ne!(&case.published(), all_at_once());
    assert!(plays(&case) == before && case.table("trends_daily") == trends);
}

#[test]
fn without_a_key_file_the_warehouse_makes_a_key_that_only_its_owner_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let case = Case::new();
    case.put("spotify/a.tsv", report(&lines("2026-09-02", 0..10)));
    let arguments = [
        "nightly",
        "--pipeline",
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../pipelines/nightly.toml"),
    ];
    case.run(&arguments).expect_code(0);
    let key = case.path("warehouse/internal/listener.key");
    let metadata = fs::metadata(&key).unwrap();
    assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (32, 0o600));
    let (before, bytes) = (case.published(), fs::read::<&Path>(&key).unwrap());
    case.run(&arguments).expect_code(0).expect_stdout("Nothing new");
    assert_eq!(fs::read::<&Path>(&key).unwrap(), bytes);
    assert_eq!(case.published(), before);
}

/// Dates that do not fit the memory are judged, sorted and summed in parts.
#[test]
fn large_dates_give_the_same_bytes_in_any_order_and_with_little_memory() {
    let demo = Case::new();
    let generate = "generate --plays 600000 --days 3 --first-day 2026-09-10 --seed 11 --out demo";
    demo.run(&generate.split(' ').collect::<Vec<_>>()).expect_code(0);
    let inbox = files_of(&demo.path("demo/inbox"));
    assert_eq!(inbox.len(), 3);
    let published = |order: &[&[usize]], options: &[&str]| {
        let case = Case::new();
        for batch in order {
            for date in *batch {
                case.put(&inbox[*date].0, fs::read(&inbox[*date].1).unwrap());
            }
            case.nightly(options).expect_code(0);
        }
        assert_settled(&case, options);
        case
    };
    let whole = published(&[&[0, 1, 2]], &[]);
    let dates: Vec<String> = files_of(&whole.tables().join("trends_daily"))
        .iter()
        .map(|(_, path)| path.file_name().unwrap().to_str().unwrap()[..10].to_owned())
        .collect();
    assert_eq!(dates, ["2026-09-10", "2026-09-11", "2026-09-12"]);
    assert_same(&published(&[&[1], &[2], &[0]], &[]).published(), &whole.published());
    let little = ["--memory-limit", "40MiB"];
    assert_same(&published(&[&[0, 2], &[1]], &little).published(), &whole.published());
}

/// Lines of several shops and months, in no order; some have no ISRC, some an unknown country, some cannot be
/// read.
fn large_statement(n_lines: u32) -> String {
    let header = "Reporting Date\tSale Month\tStore\tArtist\tTitle\tISRC\tUPC\tQuantity\tTeam Percentage\t\
        Song/Album\tCountry of Sale\tSongwriter Royalties Withheld (USD)\tEarnings (USD)\n";
    let line = |line: u32| {
        let number = line.wrapping_mul(2_654_435_761) >> 8;
        let isrc = if number.is_multiple_of(11) {
            String::new()
        } else {
            format!("QZFC126{:05}", number % 700)
        };
        let shop = ["Spotify", "Apple Music", "Unheard Of"][(number / 7 % 3) as usize];
        let country = ["US", "GB", "Narnia", "DE"][(number / 13 % 4) as usize];
        let units =
            if number.is_multiple_of(997) { "many".to_owned() } else { (number % 90).to_string() };
        let month = 6 + number / 17 % 2;
        let amount = number % 100_000;
        format!(
            "2026-10-14\t2026-{month:02}\t{shop}\tVesna Kolar\tA Song\t{isrc}\t\t{units}\t100\tSong\t{country}\t0.00\t\
             0.{amount:05}\n"
        )
    };
    std::iter::once(header.to_owned()).chain((0..n_lines).map(line)).collect()
}

/// Large enough that several readers read a piece each, several times, and that lines go to disk where there
/// is little memory.
#[test]
fn how_many_read_a_statement_and_in_how_much_memory_does_not_change_a_byte() {
    let statement = ("distrokid/statement.tsv".to_owned(), large_statement(30_000).into_bytes());
    let found = |options: &[&str]| published_after(&[vec![&statement]], options);
    let expected = found(&["--threads", "1"]);
    assert!(expected.keys().any(|path| path.starts_with("sales_monthly/")));
    assert_same(&found(&["--threads", "3"]), &expected);
    assert_same(&found(&["--threads", "2", "--memory-limit", "256KiB"]), &expected);
}

#[test]
fn the_script_that_compares_tables_names_what_differs_and_leaves_out_what_is_known() {
    let case = Case::new();
    case.put("spotify/a.tsv", report(&lines("2026-09-02", 0..10)));
    fs::write(case.path("other"), [8; 32]).unwrap();
    case.nightly(&["--warehouse", "one"]).expect_code(0);
    case.nightly(&["--warehouse", "two", "--listener-key-file", "other"]).expect_code(0);
    let compare = |other: &str, ignored: &[&str]| {
        let output = std::process::Command::new(crate::python::python())
            .arg(repository().join("benches/compare_tables.py"))
            .args([case.path("one/tables"), case.path(other).join("tables")])
            .arg("--ignore")
            .args(ignored)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = compare("two", &["deliveries.*"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("DIFFERS: 10 rows only in OLD, 10 only in NEW"), "{text}");
    let differs = text.lines().filter(|line| line.contains("DIFFERS")).count();
    assert_eq!(differs, 1, "{text}");
    let (code, text) = compare("two", &["deliveries.*", "plays.listener"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("same rows in the same order, other bytes"), "{text}");
    let (code, text) = compare("one", &["deliveries.*"]);
    assert_eq!((code, text.matches("same bytes").count()), (Some(0), 18), "{text}");
}
