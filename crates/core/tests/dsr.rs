//! Random DSR reports, padded or cut as spreadsheets do it, are read back as they were meant, and their
//! control numbers hold; one unit less and they do not.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use streamledger_core::ingest::dsr::head::{Match, match_head};
use streamledger_core::normalize::dsr_reader::{DsrReader, DsrReading};
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_core::normalize::store::StoreSettings;
use streamledger_core::vocabulary::territory::Territories;

const STORE: &str = include_str!("../../../pipelines/stores/spotify.toml");

/// A recording of a block and the units of its usage records, each in one of the summaries.
#[derive(Debug, Clone)]
struct Track {
    isrc: u32,
    usages: Vec<(usize, u32, Option<bool>)>,
}

fn blocks() -> impl Strategy<Value = Vec<Vec<Track>>> {
    let usage = (0_usize..3, 0_u32..100_000, any::<Option<bool>>());
    let track = (0_u32..9_999_999, prop::collection::vec(usage, 0..4))
        .prop_map(|(isrc, usages)| Track { isrc, usages });
    prop::collection::vec(prop::collection::vec(track, 1..4), 1..5)
}

const TERRITORIES: [(&str, &str); 3] = [("DE", "DE"), ("840", "US"), ("GB", "GB")];

/// The lines of a report, of which each may be padded.
fn lines(blocks: &[Vec<Track>]) -> Vec<String> {
    let mut lines = vec![
        "HEAD\tdsrf/1\tBasicAudioProfile\t1.4\tM\t2026-10-02T10:00:00Z\t1\t1\t2026-09-01\t2026-09-30\tP\t\
         Store\tPremium\tQ\tUs"
            .to_owned(),
        "#SU02\tBlockId".to_owned(),
    ];
    for (summary, (territory, _)) in TERRITORIES.iter().enumerate() {
        let of = |track: &Track| -> u64 {
            track
                .usages
                .iter()
                .filter(|usage| usage.0 == summary)
                .map(|usage| u64::from(usage.1))
                .sum()
        };
        let usages: u64 = blocks.iter().flatten().map(of).sum();
        lines.push(format!(
            "SY01.03\tS{summary}\t\t\tSubscriptionModel\tOnDemandStream\t{territory}\tPremium\t{usages}\t7\tEUR\t1.5"
        ));
    }
    for (number, tracks) in blocks.iter().enumerate() {
        for (place, track) in tracks.iter().enumerate() {
            lines.push(format!(
                "AS01.03\tB{number}\tA{place}\tdsp{place}\tGBXY1{:07}\tTitle \\| x",
                track.isrc
            ));
        }
        for (place, track) in tracks.iter().enumerate() {
            for (summary, units, bearing) in &track.usages {
                let bearing = bearing.map(|bearing| bearing.to_string()).unwrap_or_default();
                lines.push(format!(
                    "SU02.03\tB{number}\tS{summary}\tX\t\tA{place}\t{bearing}\t{units}"
                ));
            }
        }
    }
    let (n_lines, n_blocks) = (lines.len() + 1, blocks.len());
    lines.push(format!("FOOT\t{n_lines}\t{n_lines}\t3\t{n_blocks}\t{n_blocks}"));
    lines
}

fn text(lines: &[String], padding: &[u8]) -> String {
    let mut text = String::new();
    for (line, padding) in lines.iter().zip(padding.iter().cycle()) {
        text += line;
        text += &"\t".repeat(usize::from(padding % 4));
        text += if padding % 2 == 0 { "\r\n" } else { "\n" };
    }
    text
}

fn read(text: &str) -> (SalesLot, DsrReading) {
    let store: StoreSettings = toml::from_str(STORE).unwrap();
    let territories = Territories::new(&BTreeMap::new()).unwrap();
    let Match::Yes(head) = match_head(text.as_bytes(), "renamed.tsv") else {
        unreachable!("{text}")
    };
    let mut reader = DsrReader::new(*head, &store, &territories);
    reader.read_block(text.as_bytes());
    (reader.take_lot(), reader.finish())
}

/// ISRC, territory, units and whether it bears a royalty.
type Meant = (String, String, i64, Option<bool>);

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_report_is_read_back_as_it_was_meant(blocks in blocks(), padding in prop::collection::vec(any::<u8>(), 1..9)) {
        let (lot, reading) = read(&text(&lines(&blocks), &padding));
        prop_assert_eq!(&reading.bad_rows, &[]);
        prop_assert!(reading.controls.iter().all(|control| control.agrees), "{:?}", reading.controls);
        let expected: Vec<Meant> = blocks
            .iter()
            .flatten()
            .flat_map(|track| {
                track.usages.iter().map(|(summary, units, bearing)| {
                    (format!("GBXY1{:07}", track.isrc), TERRITORIES[*summary].1.to_owned(), i64::from(*units), *bearing)
                })
            })
            .collect();
        let read: Vec<Meant> = lot
            .sales
            .values()
            .flatten()
            .map(|sale| {
                let isrc = String::from_utf8(sale.isrc.unwrap().to_text().to_vec()).unwrap();
                let territory = String::from_utf8(sale.territory.unwrap().to_text().to_vec()).unwrap();
                (isrc, territory, sale.units, sale.royalty_bearing)
            })
            .collect();
        prop_assert_eq!(read, expected);
        prop_assert_eq!(lot.pools.values().flatten().count(), 3);
    }

    #[test]
    fn a_line_that_is_lost_is_noticed(blocks in blocks(), which in any::<prop::sample::Index>()) {
        let mut lines = lines(&blocks);
        // Any line but the header, without which it is no report.
        let lost = 1 + which.index(lines.len() - 1);
        lines.remove(lost);
        let (_, reading) = read(&text(&lines, &[0]));
        prop_assert!(reading.controls.iter().any(|control| control.is_binding && !control.agrees));
    }
}

/// A report of two summary records, and a line of the first one's id.
fn two_summaries(ids: [&str; 2], usages: [u32; 2], units: &str) -> String {
    let mut lines = vec![
        "HEAD\tdsrf/1\tBasicAudioProfile\t1.4\tM\t2026-10-02T10:00:00Z\t1\t1\t2026-09-01\t2026-09-30\tP\tS\tX\tQ\tU"
            .to_owned(),
    ];
    for (place, (id, territory)) in ids.iter().zip(["DE", "AT"]).enumerate() {
        let usages = usages[place];
        lines.push(format!(
            "SY01\t{id}\t\t\tSubscriptionModel\tStream\t{territory}\tX\t{usages}\t7\tEUR\t1.5"
        ));
    }
    lines.push("AS01\tB1\tA1\tdsp\tGBXY12600001\tT".to_owned());
    lines.push(format!("SU02\tB1\t{}\tX\t\tA1\ttrue\t{units}", ids[0]));
    lines.push("FOOT\t6\t6\t2\t1\t1".to_owned());
    text(&lines, &[1])
}

#[test]
fn summary_records_of_one_id_say_what_they_agree_on() {
    let (lot, reading) = read(&two_summaries(["S1", "S1"], [5, 5], "5"));
    let sale = lot.sales.values().flatten().next().unwrap();
    assert_eq!(sale.territory, None);
    assert_eq!(lot.text(sale.tier_code.unwrap()), "SubscriptionModel");
    assert!(reading.controls.iter().all(|control| control.agrees));
}

#[test]
fn a_total_that_the_lines_do_not_make_up_binds_unless_a_line_is_in_quarantine() {
    let wrong = |text: &str| {
        let (_, reading) = read(text);
        let controls = reading.controls.into_iter();
        controls
            .filter(|control| !control.agrees)
            .map(|c| (c.label, c.is_binding))
            .collect::<Vec<_>>()
    };
    let label = "usages of summary record S1".to_owned();
    assert_eq!(wrong(&two_summaries(["S1", "S2"], [5, 0], "5")), []);
    assert_eq!(wrong(&two_summaries(["S1", "S2"], [5, 0], "4")), [(label.clone(), true)]);
    assert_eq!(wrong(&two_summaries(["S1", "S2"], [5, 0], "four")), [(label, false)]);
}

/// A line of a report of another profile: recording, units, returned units, millionths of money.
type Line = (u32, u32, u32, i64);

fn money(millionths: i64) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    format!("{sign}{}.{:06}", millionths.abs() / 1_000_000, millionths.abs() % 1_000_000)
}

/// UGC and royalty reports: usage records name a recording of their block by the licensee's id.
fn with_su03(profile: &str, summary: &str, rows: &[Line]) -> String {
    let mut lines = vec![format!(
        "HEAD\tdsrf/1\t{profile}\t1.0\tM\t2026-10-02T10:00:00Z\t1\t1\t2026-09-01\t2026-09-30\tP\tS\tX\tQ\tU"
    )];
    lines.push(summary.to_owned());
    for (number, (isrc, units, _, amount)) in rows.iter().enumerate() {
        lines.push(format!("AS01\tB{number}\tA1\tdsp{number}\tGBXY1{isrc:07}\tT"));
        let amount = money(*amount);
        lines.push(format!(
            "SU03.01\tB{number}\tU1\tS1\tdsp{number}\t{units}\t{amount}\t20260902\t20260903"
        ));
    }
    let n_lines = lines.len() + 1;
    lines.push(format!("FOOT\t{n_lines}\t{n_lines}\t1\t{0}\t{0}", rows.len()));
    text(&lines, &[1])
}

/// Financial reports: one record a line.
fn with_sr08(rows: &[Line]) -> String {
    let record = |cells: &[(usize, &str)]| {
        let mut record = vec![""; 48];
        cells.iter().for_each(|(place, cell)| record[*place] = cell);
        record.join("\t")
    };
    let mut lines = vec![
        "SRHE\tdsrf/1\tFinancialReportingToRecordCompaniesProfile\t1.0\tM\t2026-10-02T10:00:00Z\t1\t1\t2026-09-01\t\
         2026-09-30\tP\tS\tX\tQ\tU"
            .to_owned(),
        record(&[(0, "SY10"), (1, "S1"), (12, "DE"), (20, "USD"), (21, "EUR"), (33, "9.5")]),
    ];
    for (isrc, units, returned, amount) in rows {
        let (isrc, units, returned) =
            (format!("GBXY1{isrc:07}"), units.to_string(), returned.to_string());
        let amount = money(*amount);
        let cells = [
            (0, "SR08"),
            (13, isrc.as_str()),
            (15, "dsp"),
            (24, "S1"),
            (25, "2026-09-02"),
            (26, &units),
            (27, &returned),
            (44, "77"),
            (46, &amount),
        ];
        lines.push(record(&cells));
    }
    lines.push(format!("SRFO\t{}\t1", lines.len() + 1));
    text(&lines, &[1])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_with_money_are_read_back_as_they_were_meant(
        rows in prop::collection::vec(
            (0_u32..9_999_999, 0_u32..1_000_000, 0_u32..10, -9_000_000_000_i64..9_000_000_000), 1..20,
        ),
    ) {
        let ugc = "SY02.01\tS1\t\t\tSubscriptionModel\tStream\tDE\tX\t0\t\tEUR\t9.5\tUs";
        let royalty = "SY07\tS1\t\t\tSubscriptionModel\tStream\tDE\tMechanicalRight\tX\t0\t\tEUR\t9.5\tUs";
        let reports = [
            (with_su03("UGCProfile", ugc, &rows), false),
            (with_su03("RoyaltyReportingProfile", royalty, &rows), false),
            (with_sr08(&rows), true),
        ];
        for (report, has_returns) in reports {
            let (lot, reading) = read(&report);
            prop_assert_eq!(&reading.bad_rows, &[]);
            let binding = reading.controls.iter().filter(|control| control.is_binding);
            prop_assert!(binding.into_iter().all(|control| control.agrees), "{:?}", reading.controls);
            let expected: Vec<(String, i64, i128)> = rows
                .iter()
                .map(|(isrc, units, returned, amount)| {
                    let returned = if has_returns { *returned } else { 0 };
                    let units = i64::from(*units) - i64::from(returned);
                    (format!("GBXY1{isrc:07}"), units, i128::from(*amount) * 1_000_000)
                })
                .collect();
            let read: Vec<(String, i64, i128)> = lot
                .sales
                .values()
                .flatten()
                .map(|sale| {
                    let isrc = String::from_utf8(sale.isrc.unwrap().to_text().to_vec()).unwrap();
                    assert_eq!(sale.currency.unwrap().as_str(), "EUR");
                    assert_eq!(sale.usage_from.to_string(), "2026-09-02");
                    (isrc, sale.units, sale.amount.unwrap().0)
                })
                .collect();
            prop_assert_eq!(read, expected);
        }
    }
}
