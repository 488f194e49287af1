//! The decimal mark is one of a whole report: numbers that leave no doubt tell how the others are meant, and
//! where none does the report is rejected.

use crate::case::Case;

const NAME: &str = "believe/believe_2026-09.csv";

/// A statement whose amounts are these.
fn believe(amounts: &[String]) -> String {
    let header = "Reporting month;Sales Month;Platform;Country / Region;Label Name;Artist Name;Release title;\
        Track title;UPC;ISRC;Release Catalog nb;Streaming Subscription Type;Release type;Sales Type;Quantity;\
        Client Payment Currency;Unit Price;Mechanical Fee;Gross Revenue;Client share rate;Net Revenue\n";
    let line = |(n, amount): (usize, &String)| {
        format!(
            "2026/09/01;2026/06/01;Deezer;FR;L;a;r;t;200000000011;ZZSL126{n:05};C1;Premium;Album;Stream;5;EUR;\
             ;;;;{amount}\n"
        )
    };
    format!("{header}{}", amounts.iter().enumerate().map(line).collect::<String>())
}

/// State, reason, and the amounts in order of rows.
fn read(amounts: &[&str]) -> (String, String, Vec<String>) {
    let amounts: Vec<String> = amounts.iter().map(|amount| (*amount).to_owned()).collect();
    let case = Case::new();
    case.put(NAME, believe(&amounts));
    case.nightly(&[]);
    case.verify().expect_code(0);
    let report = case.report_row(NAME);
    let mut rows = case.cells("sales", ["isrc", "amount"]);
    rows.sort();
    let amounts = rows.into_iter().map(|[_, amount]| plain(&amount)).collect();
    (report["state"].clone(), report.get("reason").cloned().unwrap_or_default(), amounts)
}

/// Without zeros behind the decimals.
fn plain(amount: &str) -> String {
    amount.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[test]
fn numbers_without_doubt_tell_how_the_others_are_meant() {
    let active = |amounts: &[&str]| {
        let (state, _, read) = read(amounts);
        assert_eq!(state, "active", "{amounts:?}");
        read
    };
    assert_eq!(active(&["2.345,67", "0,50", "1.234"]), ["2345.67", "0.5", "1234"]);
    assert_eq!(active(&["1.234", "2,345.67", "0.50"]), ["1.234", "2345.67", "0.5"]);
    assert_eq!(active(&["1,234", "0.50"]), ["1234", "0.5"]);
    assert_eq!(active(&["1,234", "0,50"]), ["1.234", "0.5"]);
    assert_eq!(active(&["1", "20"]), ["1", "20"]);
}

#[test]
fn a_report_of_both_kinds_or_without_any_proof_is_rejected() {
    for amounts in [&["0.50", "0,50"][..], &["1.234", "5"], &["1,234", "2.345"]] {
        let (state, reason, rows) = read(amounts);
        assert_eq!(
            (state.as_str(), reason.as_str()),
            ("rejected", "ambiguous_numbers"),
            "{amounts:?}"
        );
        assert_eq!(rows, Vec::<String>::new());
    }
}

/// The same amounts in German and in English, thousands apart.
#[test]
fn the_same_amounts_are_read_in_either_style() {
    let amount = |n: u64| n * n * 7919 % 9_000_000 + n % 10 * 1000;
    let written = |thousands: char, decimal: char| -> Vec<String> {
        let one = |n: u64| {
            let (whole, cents) = (amount(n) / 1000, amount(n) % 1000);
            let digits = whole.to_string();
            let mut grouped = String::new();
            for (place, digit) in digits.chars().enumerate() {
                if place != 0 && (digits.len() - place).is_multiple_of(3) {
                    grouped.push(thousands);
                }
                grouped.push(digit);
            }
            if n.is_multiple_of(3) { grouped } else { format!("{grouped}{decimal}{cents:03}") }
        };
        (0..60).map(one).chain([format!("0{decimal}5")]).collect()
    };
    let read = |amounts: Vec<String>| {
        let amounts: Vec<&str> = amounts.iter().map(String::as_str).collect();
        read(&amounts)
    };
    let (german, english) = (read(written('.', ',')), read(written(',', '.')));
    assert_eq!(german, english);
    assert_eq!((german.0.as_str(), german.2.len()), ("active", 61));
}

#[test]
fn inspect_shows_the_numbers_as_a_run_reads_them() {
    let case = Case::new();
    case.own_pipelines();
    case.put(NAME, believe(&["1.234".to_owned(), "0,50".to_owned()]));
    let path = case.path("inbox").join(NAME);
    let outcome = case.run(&["inspect", path.to_str().unwrap(), "--store", "believe"]);
    outcome.expect_code(0).expect_stdout("1234");
    case.put(NAME, believe(&["1.234".to_owned()]));
    let outcome = case.run(&["inspect", path.to_str().unwrap(), "--store", "believe"]);
    outcome.expect_code(1).expect_stdout("ambiguous_numbers");
}
