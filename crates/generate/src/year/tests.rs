//! Claims about the made-up year: the same bytes from the same seed, what is there by when, and that sums
//! of statements are those of the plays.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;

fn year(seed: u64, months: u32) -> GeneratedYear {
    GeneratedYear::new(&YearSettings { plays_per_day: 400, seed, year: 2026, months })
}

fn inbox(year: &GeneratedYear) -> (BTreeMap<PathBuf, Vec<u8>>, YearCounts) {
    let mut files = BTreeMap::new();
    let mut sink = |path: &Path, bytes: &[u8]| {
        assert!(files.insert(path.to_owned(), bytes.to_vec()).is_none(), "{}", path.display());
        Ok(())
    };
    let months = year.store_months().map(|of| (of, year.write_days(of, &mut sink).unwrap()));
    let months = months.collect();
    let counts = year.write_rest(months, &mut sink).unwrap();
    (files, counts)
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_gives_others() {
    let of = |seed| inbox(&year(seed, 2)).0;
    let first = of(7);
    assert_eq!(of(7), first);
    let other = of(8);
    assert!(first.iter().all(|(path, bytes)| other.get(path).is_none_or(|there| there != bytes)));
}

#[test]
fn what_is_not_due_on_the_last_day_is_not_there() {
    let (files, counts) = inbox(&year(3, 7));
    assert_eq!(files.len() as u64, counts.reports);
    let names = |prefix: &str| -> Vec<String> {
        let names = files.keys().map(|path| path.display().to_string());
        names.filter_map(|name| name.strip_prefix(prefix).map(str::to_owned)).collect()
    };
    // The statement of May is due on 30 July, that of June on 29 August.
    assert_eq!(
        names("spotify/us-track-for-streaming-"),
        [
            "202601.txt",
            "202602.txt",
            "202603.txt",
            "202603_corrected.txt",
            "202604.txt",
            "202605.txt"
        ]
    );
    assert_eq!(names("deezer/deezer_sales_"), ["202601.txt", "202602.txt", "202603.txt"]);
    assert_eq!(names("imusician/imusician_"), ["2026-05.csv", "2026-06.csv", "2026-07.csv"]);
    // The fiscal months that end on 31 January, 28 February, 28 March and 2 May.
    assert_eq!(
        names("apple_music/S1_80000001_"),
        ["0126_ZZ.txt", "0226_ZZ.txt", "0326_ZZ.txt", "0426_ZZ.txt"]
    );
    assert_eq!(names("tidal/").len(), 4);
    assert_eq!(names("spotify/counters_").len(), 7);
    let of_us = |month: &str| {
        let text =
            String::from_utf8_lossy(&files[Path::new(&format!("imusician/imusician_{month}.csv"))]);
        let us = text.lines().filter(|line| line.contains(";Streaming;US;"));
        us.map(|line| line[..7].to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    assert!(of_us("2026-05").is_empty() && of_us("2026-06").is_empty());
    assert_eq!(of_us("2026-07").into_iter().collect::<Vec<_>>(), ["2026-01"]);
}

#[test]
fn fiscal_months_are_those_of_the_heads_of_statements() {
    let of = |text: &str| {
        let span = fiscal_month(text.parse().unwrap());
        format!("{}..{}", span.first, span.last)
    };
    assert_eq!(of("2026-07-01"), "2026-06-28..2026-08-01");
    assert_eq!(of("2026-09-26"), "2026-08-30..2026-09-26");
    assert_eq!(of("2026-09-27"), "2026-09-27..2026-10-31");
    // The fiscal year that ended on 30 September 2023 had 53 weeks.
    assert_eq!(of("2022-12-31"), "2022-11-27..2022-12-31");
    assert_eq!(of("2023-01-01"), "2023-01-01..2023-02-04");
}
