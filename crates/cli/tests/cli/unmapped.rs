//! Values that no table of ours knows: listed with the rows, units and money that stand on them.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;

use crate::case::{Case, repository};
use crate::report::{line, lines, report};

const DDEX: &str = "spotify/DSR_PADPIDA2_PADPIDA1_Premium_2026-09_DE_1of1_20261002T100000.tsv";

const DISTROKID: &str = "Reporting Date\tSale Month\tStore\tArtist\tTitle\tISRC\tUPC\tQuantity\t\
    Team Percentage\tSong/Album\tCountry of Sale\tSongwriter Royalties Withheld (USD)\tEarnings (USD)\n\
    2026-10-14\t2026-07\tNew Shop\ta\tt\tZZSL12600001\t200000000011\t5\t100\tSong\tUS\t0.00\t1.50\n\
    2026-10-14\t2026-07\tNew Shop\ta\tu\tZZSL12600002\t200000000011\t7\t100\tSong\tNarnia\t0.00\t-0.25\n";

/// A run's values, one a line: store, field, value, rows, units, amount and currency.
fn values(case: &Case) -> Vec<String> {
    let outcome = case.nightly(&["--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let rows = document["unmapped"].as_array().unwrap().iter().map(|row| {
        let cell = |name: &str| row[name].to_string().replace('"', "");
        ["store", "field", "value", "rows", "units", "amount", "currency"].map(cell).join(" | ")
    });
    let rows = rows.collect();
    case.verify().expect_code(0);
    assert_eq!(case.n_rows("unmapped_values"), document["unmapped"].as_array().unwrap().len());
    rows
}

#[test]
fn values_of_statements_are_listed_with_their_units_and_money() {
    let case = Case::new();
    case.put("distrokid/distrokid_2026-10.tsv", DISTROKID);
    assert_eq!(
        values(&case),
        [
            "distrokid | territory | Narnia | 1 | 7 | -0.25 | USD",
            "distrokid | shop | New Shop | 2 | 12 | 1.25 | USD",
        ]
    );
}

#[test]
fn values_of_plays_are_listed_with_their_number() {
    let case = Case::new();
    let mut rows = lines("2026-09-01", 0..30);
    rows.push(line("2026-09-01", 30).with("country_code", "XQ"));
    rows.push(line("2026-09-01", 31).with("country_code", "XQ").with("financial_product", "gold"));
    case.put("spotify/streams_2026-09-01.tsv", report(&rows));
    let found = values(&case);
    assert_eq!(found[0], "spotify | territory | XQ | 2 | 2 |  | ");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].starts_with("spotify | tier | ") && found[1].ends_with(" | 1 | 1 |  | "));
}

#[test]
fn values_of_ddex_reports_are_listed() {
    let case = Case::new();
    let text =
        fs::read_to_string(repository().join("fixtures/formats/ddex-basic-audio/in").join(DDEX))
            .unwrap();
    // Its good lines only, of an unknown territory.
    let bad = ["SU02.03\t1\tS2\tX3", "SU02.03\t2\tS9", "SU02.03\t2\tS1\tX5", "AS01.02\t2"];
    let lines = text.lines().filter(|line| !bad.iter().any(|bad| line.starts_with(bad)));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    let text = text.replace(
        "\tOnDemandStream\tDE\tPremium\t130\t",
        "\tOnDemandStream\tAtlantis\tPremium\t130\t",
    );
    let text = text.replace("FOOT\t14\t14\t2\t2\t2", "FOOT\t10\t10\t2\t1\t1");
    let text = text.replace("\tFree\t10\t", "\tFree\t0\t");
    assert!(text.contains("Atlantis"));
    case.put(DDEX, text);
    assert_eq!(values(&case), ["spotify | territory | Atlantis | 2 | 130 |  | "]);
}
