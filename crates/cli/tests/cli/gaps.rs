//! Statements that are there in part: another territory's, another month's, a corrected one next to one
//! that was not touched. What is not there is waited for, and is no zero.

use std::fs;

use crate::asks;
use crate::case::{Case, nightly_arguments};

/// Apple's statement of fiscal September 2026 in a territory.
fn apple(case: &Case, territory: &str, units: i64) {
    let text = format!(
        "Start Date\t08/30/2026\nEnd Date\t09/26/2026\nVendor\t80000001\nStorefront Name\tApple Identifier\t\
         Vendor Identifier\tISRC\tContent Title\tArtist\tMedia Type\tLabel/Studio/Network\t\
         Total  Royalty Bearing Plays\tNet Royalty\tNet Royalty Total\tCurrency\n\
         {territory}\t1440000001\tZZSL12600001\tZZSL12600001\tHarbour Lights\tMira Solvang\t1\tL\t{units}\t\
         .01\t0.62\tGBP\nRow Count\t1\n"
    );
    case.put(&format!("apple_music/S1_80000001_0926_{territory}.txt"), text);
}

/// A run of the artist's case.
fn run(case: &Case, as_of: &str) {
    let pipeline = asks::pipeline();
    let options = ["--pipeline", &pipeline, "--as-of", as_of];
    case.run(&nightly_arguments(&options)).expect_code(0);
    case.verify().expect_code(0);
}

/// Lines of September as `step plays state`.
fn lines(case: &Case, store: &str, territory: &str) -> Vec<String> {
    let columns = ["store", "month", "isrc", "territory", "step", "plays", "state"];
    let is_it = |cells: &&[String; 7]| {
        cells[..4] == [store, "2026-09", "ZZSL12600001", territory].map(str::to_owned)
    };
    let rows = case.cells("waterfall", columns);
    let line = |cells: &[String; 7]| cells[4..].join(" ").trim_end().to_owned();
    rows.iter().filter(is_it).map(line).collect()
}

#[test]
fn one_territory_s_statement_leaves_the_others_late() {
    let case = asks::asked();
    // The 5 plays of 31 August, and the 40 of 1 September; the 22 of the 30th come with fiscal October.
    apple(&case, "GB", 45);
    run(&case, "2026-10-07");
    let here = lines(&case, "apple_music", "GB");
    assert!(here.contains(&"paid_units 40 partial".to_owned()), "{here:?}");
    assert!(here.contains(&"not_yet_in_sales -22 partial".to_owned()), "{here:?}");
    let there = lines(&case, "apple_music", "US");
    assert!(there.contains(&"not_yet_in_sales -8 late".to_owned()), "{there:?}");
    assert!(there.contains(&"paid_units  late".to_owned()), "{there:?}");
    let pipeline = asks::pipeline();
    let status = ["status", "--pipeline", &pipeline, "--as-of", "2026-10-07"];
    case.run(&status).expect_code(1).expect_stdout(
        "Apple Music sales of US for 30 August 2026 to 26 September 2026 are 9 days late",
    );
    apple(&case, "US", 8);
    run(&case, "2026-10-07");
    assert!(lines(&case, "apple_music", "US").contains(&"paid_units 8 partial".to_owned()));
    case.run(&status).expect_code(0);
}

#[test]
fn a_corrected_statement_moves_none_that_was_not_touched() {
    let case = asks::asked();
    let name =
        |kind: &str, more: &str| format!("spotify/{kind}-track-for-streaming-202609{more}.txt");
    let premium = fs::read_to_string(case.path("inbox").join(name("us", ""))).unwrap();
    let head = premium.split("GB\tL\t").next().unwrap();
    let row = "GB\tL\tA\tspotify:track:2Yrp3WlUneC0gP2uZL0uG9\t\t\tZZSL12600001\tHarbour Lights\t\
               Mira Solvang\t\tHarbour Lights\t2\tUSD\t0.004\n";
    case.put(&name("free", ""), format!("{head}{row}"));
    run(&case, "2026-10-07");
    let paid = |case: &Case| {
        let lines = lines(case, "spotify", "GB");
        let is_told =
            |line: &&String| line.starts_with("paid_units") || line.starts_with("restated");
        lines.iter().filter(is_told).cloned().collect::<Vec<_>>()
    };
    assert_eq!(paid(&case), ["paid_units 9"]);
    assert!(premium.contains("\t7\tUSD\t0.028"));
    case.put(&name("us", "_corrected"), premium.replace("\t7\tUSD\t0.028", "\t8\tUSD\t0.032"));
    run(&case, "2026-10-07");
    assert_eq!(paid(&case), ["restated 1", "paid_units 10"]);
    let restated = case.table("waterfall").into_iter().find(|row| row["step"] == "restated");
    let corrected = case.report_row(&name("us", "_corrected"));
    assert_eq!(restated.unwrap()["report"], corrected["report"]);
}

#[test]
fn a_line_without_a_territory_settles_none_whose_statement_is_not_due() {
    let case = asks::asked();
    let name = "spotify/us-track-for-streaming-202609.txt";
    let text = fs::read_to_string(case.path("inbox").join(name)).unwrap();
    let row = "ZZ\tL\tpremium\tspotify:track:2Yrp3WlUneC0gP2uZL0uG9\t\t\tZZSL12600001\tHarbour Lights\t\
               Mira Solvang\t\tHarbour Lights\t1\tUSD\t0.004\n";
    case.put(name, format!("{}\n{row}", text.trim_end()));
    run(&case, "2026-10-07");
    let there = lines(&case, "spotify", "US");
    assert!(there.contains(&"not_yet_in_sales -5 not_due".to_owned()), "{there:?}");
    assert!(!there.iter().any(|line| line.starts_with("settled_without")), "{there:?}");
}

#[test]
fn a_track_without_plays_in_months_that_are_all_known_has_too_few_of_them() {
    let case = asks::asked();
    // The store shows plays of a recording that it has never reported.
    case.put(
        "spotify/more_counters_2026-09.csv",
        "date,isrc,store_track,territory,streams\n2026-09-30,ZZSL12600009,,GB,3\n",
    );
    run(&case, "2026-10-07");
    let columns = ["month", "isrc", "step", "state"];
    let rows = case.cells("waterfall", columns);
    let of_it: Vec<_> = rows.iter().filter(|cells| cells[1] == "ZZSL12600009").collect();
    assert!(4 <= of_it.len(), "{of_it:?}");
    assert!(!of_it.iter().any(|cells| cells[3] == "history_incomplete"), "{of_it:?}");
}

#[test]
fn a_line_in_a_later_statement_does_not_stand_for_a_month_that_is_missing() {
    let case = Case::new();
    let head = "start_report\tend_report\tisrc\tupc\tcountry\tnb_of_plays\troyalties\tservice\n";
    let row = |month: &str, last: u8, isrc: u8| {
        format!(
            "{month}-01\t{month}-{last}\tGBXY126000{isrc:02}\t\tFR\t7\t0.25\tSubscriptionModel\n"
        )
    };
    case.put("deezer/sales_2026-01.txt", format!("{head}{}", row("2026-01", 31, 1)));
    let march: String = (10..40).map(|isrc| row("2026-03", 31, isrc)).collect();
    let march = format!("{head}{march}{}", row("2026-02", 28, 1));
    case.put("deezer/sales_2026-03.txt", march);
    case.nightly(&["--as-of", "2026-07-20"]).expect_code(0);
    let pipeline = nightly_arguments(&[])[2];
    let arguments = ["status", "--pipeline", pipeline, "--as-of", "2026-07-20"];
    let more = ["--format", "json"];
    let outcome = case.run(&[&arguments[..], &more].concat()).expect_code(1);
    let status: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let sales = status["feeds"].as_array().unwrap().iter().find(|feed| feed["feed"] == "sales");
    let sales = sales.unwrap();
    assert_eq!(sales["complete_until"], "2026-01");
    assert_eq!(sales["partial"], serde_json::json!(["2026-02"]));
    assert_eq!(sales["late"][0]["period"], "2026-02");
}
