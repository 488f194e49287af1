//! Random DSR reports, padded or cut as spreadsheets do it, are read back as they were meant, and their
//! control numbers hold; one unit less and they do not. References find what they name, whatever else has
//! the same name in another name space.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use streamledger_core::ingest::dsr::head::{DsrMatch, match_head};
use streamledger_core::model::sale::SaleRow;
use streamledger_core::model::territory::TerritoryTable;
use streamledger_core::model::upc::Upc;
use streamledger_core::normalize::dsr::reader::{DsrReader, DsrReading};
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_core::normalize::store::StoreSettings;

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
    let territories = TerritoryTable::new(&BTreeMap::new()).unwrap();
    let DsrMatch::Yes(head) = match_head(text.as_bytes(), "renamed.tsv") else {
        unreachable!("{text}")
    };
    let mut reader = DsrReader::new(*head, &store, &territories);
    reader.read_block(text.as_bytes());
    (reader.take_lot(), reader.finish())
}

/// What a report says, as text; `forgets` after each line what the cells of the lines before mean.
fn told(text: &str, forgets: bool) -> (BTreeMap<u32, String>, String) {
    let store: StoreSettings = toml::from_str(STORE).unwrap();
    let territories = TerritoryTable::new(&BTreeMap::new()).unwrap();
    let DsrMatch::Yes(head) = match_head(text.as_bytes(), "renamed.tsv") else {
        unreachable!("{text}")
    };
    let mut reader = DsrReader::new(*head, &store, &territories);
    let mut sales = BTreeMap::new();
    let mut take = |reader: &mut DsrReader<'_>| {
        let lot = reader.take_lot();
        for (month, sale) in lot.all_sales() {
            let ids =
                [sale.store_track, sale.tier_code, sale.pool, sale.id_text, Some(sale.use_type)];
            let texts = ids.map(|id| id.map(|id| lot.text(id).to_owned()));
            let plain = SaleRow {
                store_track: None,
                tier_code: None,
                pool: None,
                id_text: None,
                use_type: 0,
                ..sale
            };
            assert!(sales.insert(sale.row, format!("{month:?} {plain:?} {texts:?}")).is_none());
        }
    };
    for line in text.split_inclusive('\n') {
        reader.read_block(line.as_bytes());
        if forgets {
            take(&mut reader);
        }
    }
    take(&mut reader);
    let read = reader.finish();
    let rest = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        read.counts, read.unmapped, read.bad_rows, read.notes, read.controls
    );
    (sales, rest)
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
                .all_sales()
                .map(|(_, sale)| {
                let isrc = String::from_utf8(sale.isrc.unwrap().to_text().to_vec()).unwrap();
                let territory = String::from_utf8(sale.territory.unwrap().to_text().to_vec()).unwrap();
                (isrc, territory, sale.units, sale.royalty_bearing)
            })
            .collect();
        prop_assert_eq!(read, expected);
        prop_assert_eq!(lot.pools.values().flatten().count(), 3);
    }

    /// Cells of a line that were read before are looked up: that makes no other line of them than reading each
    /// for itself. Lines of blocks stand in any order, some come twice, and summaries may come late.
    #[test]
    fn a_line_that_is_looked_up_is_the_line_that_is_read(
        blocks in blocks(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..80),
    ) {
        let all = lines(&blocks);
        let mut report = all[..2].to_vec();
        report.extend(order.iter().map(|place| all[2 + place.index(all.len() - 2)].clone()));
        let report = text(&report, &[0]);
        let (at_once, one_by_one) = (told(&report, false), told(&report, true));
        prop_assert_eq!(at_once, one_by_one);
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
fn a_line_of_two_summary_records_of_other_territories_is_rejected() {
    let report = two_summaries(["S1", "S1"], [5, 5], "5");
    let (sales, bad) = outcome(&report);
    assert_eq!(sales, Vec::new());
    assert_eq!(bad[0].1, "unknown_reference");
    let (_, reading) = read(&report);
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
                .all_sales()
                .map(|(_, sale)| {
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

/// How records of a block are named: by the kind of name and the place of the record.
type Naming = fn(Name, usize) -> String;

/// The name spaces of a block.
#[derive(Debug, Clone, Copy)]
enum Name {
    Resource,
    Release,
}

fn apart(name: Name, place: usize) -> String {
    match name {
        Name::Resource => format!("A{}", place + 1),
        Name::Release => format!("R{}", place + 1),
    }
}

fn colliding(_: Name, place: usize) -> String {
    (place + 1).to_string()
}

/// A block: recordings, whether there is a whole release, the recordings of each of its parts, and for
/// each usage record the places of release and recording. Places may be those of nothing.
#[derive(Debug, Clone)]
struct Referring {
    n_resources: usize,
    has_release: bool,
    parts: Vec<Vec<usize>>,
    usages: Vec<(Option<usize>, Option<usize>)>,
}

fn referring() -> impl Strategy<Value = Vec<Referring>> {
    let place = || prop::option::of(0_usize..5);
    let block = (
        1_usize..5,
        any::<bool>(),
        prop::collection::vec(prop::collection::vec(0_usize..5, 1..3), 0..4),
        prop::collection::vec((place(), place()), 1..6),
    );
    let block = block.prop_map(|(n_resources, has_release, parts, usages)| Referring {
        n_resources,
        has_release,
        parts,
        usages,
    });
    prop::collection::vec(block, 1..4)
}

/// A report of these blocks, under these names.
fn with_references(blocks: &[Referring], name: Naming) -> String {
    let mut lines = vec![
        "HEAD\tdsrf/1\tBasicAudioProfile\t1.4\tM\t2026-10-02T10:00:00Z\t1\t1\t2026-09-01\t2026-09-30\tP\tS\tX\tQ\tU"
            .to_owned(),
        "SY02\tS1\t\t\tSubscriptionModel\tStream\tDE\tX\t9\t7\tEUR\t1.5".to_owned(),
    ];
    for (number, block) in blocks.iter().enumerate() {
        if block.has_release {
            let reference = name(Name::Release, 0);
            lines.push(format!("RE01\tB{number}\t{reference}\trel\t\t\t200000000011\tT"));
        }
        for place in 0..block.n_resources {
            let reference = name(Name::Resource, place);
            lines.push(format!("AS01\tB{number}\t{reference}\ttrk{place}\tGBXY1260000{place}\tT"));
        }
        for (part, used) in block.parts.iter().enumerate() {
            let reference = name(Name::Release, part + usize::from(block.has_release));
            let used: Vec<String> = used.iter().map(|place| name(Name::Resource, *place)).collect();
            let used = used.join("|");
            lines.push(format!("RE02\tB{number}\t{reference}\tpart{part}\t\t{used}"));
        }
        for (usage, (release, resource)) in block.usages.iter().enumerate() {
            let release = release.map(|place| name(Name::Release, place)).unwrap_or_default();
            let resource = resource.map(|place| name(Name::Resource, place)).unwrap_or_default();
            lines.push(format!(
                "SU02\tB{number}\tS1\tX\t{release}\t{resource}\ttrue\t{}",
                usage + 1
            ));
        }
    }
    text(&lines, &[1])
}

/// Row, ISRC, UPC, id of the store, units.
type Line5 = (u32, Option<String>, Option<String>, Option<String>, i64);

/// What is ingested, and rows and codes of what is not.
fn outcome(report: &str) -> (Vec<Line5>, Vec<(u32, String)>) {
    let (lot, reading) = read(report);
    let mut sales: Vec<_> = lot
        .all_sales()
        .map(|(_, sale)| {
            let isrc = sale.isrc.map(|isrc| String::from_utf8(isrc.to_text().to_vec()).unwrap());
            let upc = sale.upc.map(Upc::to_text);
            let id = sale.store_track.map(|id| lot.text(id).to_owned());
            (sale.row, isrc, upc, id, sale.units)
        })
        .collect();
    sales.sort();
    let bad = reading.bad_rows.iter().map(|bad| (bad.row, bad.reject_code.code().to_owned()));
    (sales, bad.collect())
}

/// What a usage record means, by the block alone: the plain oracle. `None` where a reference is to
/// nothing.
fn meant(block: &Referring, usage: (Option<usize>, Option<usize>)) -> Option<Line5> {
    let n_whole = usize::from(block.has_release);
    let upc = || block.has_release.then(|| "200000000011".to_owned());
    let track = |place: usize| {
        (place < block.n_resources).then(|| (format!("GBXY1260000{place}"), format!("trk{place}")))
    };
    if usage.0.is_some_and(|place| n_whole + block.parts.len() <= place) {
        return None;
    }
    let upc = usage.0.and_then(|_| upc());
    let is_whole = usage.0.is_some_and(|place| place < n_whole);
    match usage {
        (None, None) => None,
        (_, Some(place)) => track(place).map(|(isrc, id)| (0, Some(isrc), upc, Some(id), 0)),
        (Some(_), None) if is_whole => Some((0, None, upc, Some("rel".to_owned()), 0)),
        (Some(place), None) => {
            let part = place - n_whole;
            let tracks: Option<Vec<_>> =
                block.parts[part].iter().map(|place| track(*place)).collect();
            match tracks?.as_slice() {
                [(isrc, id)] => Some((0, Some(isrc.clone()), upc, Some(id.clone()), 0)),
                _ => Some((0, None, upc, Some(format!("part{part}")), 0)),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_that_collide_across_name_spaces_change_no_line(blocks in referring()) {
        let distinct = outcome(&with_references(&blocks, apart));
        prop_assert_eq!(&distinct, &outcome(&with_references(&blocks, colliding)));
        let expected: Vec<Option<Line5>> = blocks
            .iter()
            .flat_map(|block| block.usages.iter().map(|usage| meant(block, *usage)))
            .collect();
        let n_bad = expected.iter().filter(|line| line.is_none()).count();
        prop_assert_eq!(distinct.1.len(), n_bad);
        prop_assert!(distinct.1.iter().all(|(_, code)| code == "unknown_reference"));
        let read: Vec<Line5> =
            distinct.0.into_iter().map(|(_, isrc, upc, id, _)| (0, isrc, upc, id, 0)).collect();
        let expected: Vec<Line5> = expected.into_iter().flatten().collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn a_recording_keeps_its_isrc_whatever_release_has_its_id(ids in prop::collection::vec(0_usize..4, 1..5)) {
        // Licensee's ids of releases are those of recordings too.
        let report = |release: &str, part: &str| {
            let mut lines = vec![
                "HEAD\tdsrf/1\tUGCProfile\t1.0\tM\t2026-10-02T10:00:00Z\t1\t1\t2026-09-01\t2026-09-30\tP\tS\tX\tQ\tU"
                    .to_owned(),
                "SY02\tS1\t\t\tSubscriptionModel\tStream\tDE\tX\t9\t7\tEUR\t1.5".to_owned(),
                format!("RE01\tB\t1\t{release}0\t\t\t200000000011\tT"),
            ];
            for place in 0..4 {
                lines.push(format!("AS01\tB\t{}\ttrk{place}\tGBXY1260000{place}\tT", place + 1));
            }
            lines.push(format!("RE02\tB\t2\t{part}3\t\t1"));
            for (units, place) in ids.iter().enumerate() {
                lines.push(format!("SU03.01\tB\tU\tS1\ttrk{place}\t{units}\t1.5"));
            }
            text(&lines, &[1])
        };
        let distinct = outcome(&report("rel", "part"));
        prop_assert_eq!(&distinct.1, &[]);
        for ((_, isrc, upc, ..), place) in distinct.0.iter().zip(&ids) {
            prop_assert_eq!(isrc.clone(), Some(format!("GBXY1260000{place}")));
            prop_assert_eq!(upc.as_deref(), Some("200000000011"));
        }
        prop_assert_eq!(&distinct, &outcome(&report("trk", "trk")));
    }
}

/// The lines of one block under a head and a summary record.
fn one_block(profile: &str, block: &[&str]) -> String {
    let mut lines = vec![
        format!(
            "HEAD\tdsrf/1\t{profile}\t1.4\tM\t2026-10-02T10:00:00Z\t1\t1\t2026-09-01\t2026-09-30\tP\tS\tX\tQ\tU"
        ),
        "SY02\tS1\t\t\tSubscriptionModel\tStream\tDE\tX\t9\t7\tEUR\t1.5".to_owned(),
    ];
    lines.extend(block.iter().map(|line| (*line).to_owned()));
    text(&lines, &[1])
}

#[test]
fn a_release_1_and_a_recording_1_are_different_things() {
    let report = one_block(
        "BasicAudioProfile",
        &[
            "RE01\tB\t1\trel\t\t\t199999000013\tLights",
            "AS02\tB\t1\ttrk1\tQZX9A2600001\tLights",
            "AS02\tB\t2\ttrk2\tQZX9A2600002\tPier",
            "SU02\tB\tS1\tT1\t1\t1\ttrue\t200",
            "SU02\tB\tS1\tT2\t\t2\ttrue\t100",
        ],
    );
    let line = |row, isrc: &str, upc: Option<&str>, id: &str, units| {
        (row, Some(isrc.to_owned()), upc.map(ToOwned::to_owned), Some(id.to_owned()), units)
    };
    let expected = vec![
        line(6, "QZX9A2600001", Some("199999000013"), "trk1", 200),
        line(7, "QZX9A2600002", None, "trk2", 100),
    ];
    assert_eq!(outcome(&report), (expected, Vec::new()));
}

#[test]
fn what_names_nothing_or_several_things_goes_to_quarantine() {
    let as_one = "AS01\tB\t1\ttrk1\tQZX9A2600001\tT";
    for (profile, block) in [
        // No such release, though there is a recording of the name.
        ("BasicAudioProfile", vec![as_one, "SU02\tB\tS1\tT\t1\t\ttrue\t5"]),
        // A part of a recording that is not there, or of none.
        ("BasicAudioProfile", vec![as_one, "RE02\tB\t1\tp\t\t2", "SU02\tB\tS1\tT\t1\t\ttrue\t5"]),
        ("BasicAudioProfile", vec![as_one, "RE02\tB\t1\tp\t\t1|2", "SU02\tB\tS1\tT\t1\t\ttrue\t5"]),
        ("BasicAudioProfile", vec![as_one, "RE02\tB\t1\tp", "SU02\tB\tS1\tT\t1\t\ttrue\t5"]),
        // Two recordings of one name.
        (
            "BasicAudioProfile",
            vec![as_one, "AS01\tB\t1\ttrk2\tQZX9A2600002\tT", "SU02\tB\tS1\tT\t\t1\ttrue\t5"],
        ),
        // A list, and nothing.
        ("BasicAudioProfile", vec![as_one, "SU02\tB\tS1\tT\t\t1|2\ttrue\t5"]),
        ("BasicAudioProfile", vec![as_one, "SU02\tB\tS1\tT\t\t\ttrue\t5"]),
        // Of another block.
        ("BasicAudioProfile", vec![as_one, "SU02\tC\tS1\tT\t\t1\ttrue\t5"]),
        // An id that nothing in the block has, or an empty one.
        ("UGCProfile", vec![as_one, "RU01\tB\tS1\tv1|v2\t3|2", "SU03.01\tB\tU\tS1\tv3\t5\t1"]),
        ("UGCProfile", vec!["AS01\tB\t1\t\tQZX9A2600001\tT", "SU03.01\tB\tU\tS1\t\t5\t1"]),
    ] {
        let report = one_block(profile, &block);
        let (lines, bad) = outcome(&report);
        assert_eq!(lines, Vec::new(), "{report}");
        let codes: Vec<&str> = bad.iter().map(|(_, code)| code.as_str()).collect();
        assert_eq!(codes, ["unknown_reference"], "{report}");
    }
}

#[test]
fn records_that_say_the_same_of_one_name_are_one() {
    let record = "AS01\tB\t1\ttrk1\tQZX9A2600001\tT";
    let report = one_block("BasicAudioProfile", &[record, record, "SU02\tB\tS1\tT\t\t1\ttrue\t5"]);
    assert_eq!(outcome(&report).0.len(), 1);
}

/// A whole report of Basic Audio: all its numbers are stated.
fn stated_report() -> Vec<String> {
    lines(&[
        vec![Track { isrc: 1, usages: vec![(0, 30, None), (1, 12, None)] }],
        vec![Track { isrc: 2, usages: vec![(0, 5, None), (2, 7, None)] }],
    ])
}

fn is_rejected(report: &[String]) -> bool {
    let (_, reading) = read(&text(report, &[0]));
    reading.controls.iter().any(|control| control.is_binding && !control.agrees)
}

#[test]
fn summary_records_of_one_id_that_disagree_settle_nothing() {
    let report = stated_report();
    let again = |from: &str, to: &str| {
        let mut more = report.clone();
        let record = more[2].clone();
        assert!(record.contains(from), "{record}");
        more.insert(3, record.replacen(from, to, 1));
        more
    };
    let cells: Vec<&str> = report[2].split('\t').collect();
    let (territory, usages) = (format!("\t{}\t", cells[6]), format!("\t{}\t", cells[8]));
    // Where the lines were used nobody knows.
    let elsewhere = again(&territory, "\tJP\t");
    let (sales, bad) = outcome(&text(&elsewhere, &[0]));
    let codes: Vec<&str> = bad.iter().map(|(_, code)| code.as_str()).collect();
    assert!(codes.contains(&"unknown_reference"), "{sales:?} {codes:?}");
    // Two totals cannot both be right.
    assert!(is_rejected(&again(&usages, "\t999\t")));
}

#[test]
fn every_number_that_a_report_states_is_checked() {
    let report = stated_report();
    assert!(!is_rejected(&report));
    let foot = report.len() - 1;
    // Totals of the three summary records, and the five of the footer.
    let places = [(2, 8), (3, 8), (4, 8), (foot, 1), (foot, 2), (foot, 3), (foot, 4), (foot, 5)];
    for (line, cell) in places {
        for other in ["3", "0", "", "many", "99999999999999999999"] {
            let mut cells: Vec<&str> = report[line].split('\t').collect();
            if cells[cell] == other
                || (other.is_empty() && (line != foot || [2, 5].contains(&cell)))
            {
                continue;
            }
            cells[cell] = other;
            let mut changed = report.clone();
            changed[line] = cells.join("\t");
            assert!(is_rejected(&changed), "cell {cell} of line {line} is `{other}`");
        }
    }
    for line in 1..report.len() {
        let mut fewer = report.clone();
        fewer.remove(line);
        assert!(is_rejected(&fewer), "without line {line}");
        let mut more = report.clone();
        more.insert(line, report[line].clone());
        assert!(is_rejected(&more), "with line {line} twice");
    }
}
