//! Numbers that a report states of itself, and numbers so large that no sum could hold them: the report is
//! rejected by itself, all others are published.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::fs;

use crate::case::{Case, Outcome, files_of, repository};
use crate::report::good_report;

const GOOD: &str = "spotify/good.tsv";
const ITUNES: &str = "itunes/80000000_0226_US.txt";

/// Two lines of 6 units and 32.20 dollars, and the tail that says so.
fn itunes_report() -> String {
    let header = "Start Date\tEnd Date\tUPC\tISRC/ISBN\tVendor Identifier\tQuantity\tPartner Share\t\
        Extended Partner Share\tPartner Share Currency\tSales or Return\tApple Identifier\tArtist\t\
        Title\tLabel\tGrid\tProduct Type Identifier\tISAN\tCountry Of Sale\tPre-order Flag\tPromo Code\t\
        Customer Price\tCustomer Currency\n";
    let line = |quantity: &str, share: &str, extended: &str| {
        format!(
            "02/01/2026\t02/28/2026\t199999000013\tQZX9A2600001\tV1\t{quantity}\t{share}\t{extended}\tUSD\tS\t\
             1234567890\tMira\tLights\tL\t\tSA\t\tUS\t\t\t0.99\tUSD\n"
        )
    };
    let tail = "Total_Rows\t2\nTotal_Amount\t32.20\nTotal_Units\t6\n";
    [header, &line("1", "0.70", "0.70"), &line("5", "6.30", "31.50"), tail].concat()
}

/// A run over a report of the iTunes Store, and one of Spotify that has nothing wrong with it.
fn run_with(report: &str) -> (Case, Outcome) {
    let case = Case::new();
    case.put(GOOD, good_report("2026-09-01", 0..30));
    case.put(ITUNES, report);
    let outcome = case.nightly(&[]);
    assert!([0, 4].contains(&outcome.code), "{}", outcome.stderr);
    case.verify().expect_code(0);
    assert_eq!(case.n_rows("plays"), 30);
    (case, outcome)
}

/// What became of it: nothing if it counts, else code and detail.
fn rejection(case: &Case, name: &str) -> String {
    if case.report_row(name)["state"] == "active" {
        return String::new();
    }
    let (code, column, _) = case.quarantined(name).remove(0);
    assert_eq!(column, "");
    code
}

/// The report is rejected for a total, with this detail; it counts where none is expected.
#[track_caller]
fn expect_control(report: &str, detail: &str) {
    let (case, outcome) = run_with(report);
    let code = if detail.is_empty() { "" } else { "control_total" };
    assert_eq!(rejection(&case, ITUNES), code, "{report}\n{}", outcome.stdout);
    outcome.expect_stdout(detail);
}

#[test]
fn every_number_of_the_tail_is_checked() {
    let report = itunes_report();
    for (from, to, expected) in [
        ("", "", ""),
        ("Total_Units\t6", "Total_Units\t6.0", ""),
        (
            "\t5\t6.30\t31.50",
            "\t5\t6.30\t13.50",
            "Total_Amount says 32.20, the rows add up to 14.2",
        ),
        ("\t5\t6.30", "\t4\t6.30", "Total_Units says 6, the rows add up to 5"),
        ("Total_Rows\t2", "Total_Rows\t3", "Total_Rows says 3, the rows add up to 2"),
        ("Total_Rows\t2", "Total_Rows", "Total_Rows is missing"),
        ("Total_Amount\t32.20", "Total_Amount\tmuch", "Total_Amount says much"),
        ("Total_Amount\t32.20", "Total_Amount\t1e400", "Total_Amount says 1e400"),
        ("Total_Units\t6\n", "Total_Units\t6\nTotal_Units\t7\n", "Total_Units says 7"),
        // A total in a currency is checked against that currency, and one over several means nothing.
        ("Total_Amount\t32.20", "Total_Amount\t32.20\tUSD", ""),
        ("Total_Amount\t32.20", "Total_Amount\t32.20\tAUD", "Total_Amount AUD says 32.20"),
        (
            "\t0.70\tUSD",
            "\t0.70\tAUD",
            "Total_Amount says 32.20, the rows add up to 0.7 AUD and 31.5 USD",
        ),
        (
            "Total_Rows\t2\nTotal_Amount\t32.20\nTotal_Units\t6\n",
            "",
            "Total_Rows is missing: the report was cut off",
        ),
    ] {
        expect_control(&report.replacen(from, to, 1), expected);
    }
}

/// The same two lines, of which one is of Canada, and a table of countries behind the totals.
fn report_with_countries(table: &str) -> String {
    let report = itunes_report().replacen(
        "\t0.70\tUSD\tS\t1234567890\tMira\tLights\tL\t\tSA\t\tUS",
        "\t0.70\tUSD\tS\t1234567890\tMira\tLights\tL\t\tSA\t\tCA",
        1,
    );
    format!("{report}{table}")
}

const COUNTRIES: &str = "Country Of Sale\tPartner Share Currency\tQuantity\tExtended Partner Share\n\
    CA\tUSD\t1\t0.70\nUS\tUSD\t5\t31.50\n";

#[test]
fn every_number_of_a_table_in_the_tail_is_checked() {
    for (from, to, expected) in [
        ("", "", ""),
        ("CA\tUSD", "ca\tusd", ""),
        // Columns and lines in another order, and a line over all countries.
        ("CA\tUSD\t1\t0.70\nUS\tUSD\t5\t31.50\n", "US\tUSD\t5\t31.50\nCA\tUSD\t1\t0.70\n", ""),
        ("US\tUSD\t5\t31.50\n", "US\tUSD\t5\t31.50\n\tUSD\t6\t32.20\n", ""),
        ("US\tUSD\t5\t31.50\n", "US\tUSD\t5\t31.50\n\t\t\t\nThe end\n", ""),
        (
            "US\tUSD\t5\t31.50\n",
            "US\tUSD\t5\t31.50\n\tUSD\t6\t32.21\n",
            "Extended Partner Share USD says 32.21, the rows add up to 32.2",
        ),
        ("CA\tUSD\t1", "CA\tUSD\t9,999", "Quantity CA USD says 9,999, the rows add up to 1"),
        (
            "CA\tUSD\t1\t0.70",
            "CA\tUSD\t1\t0.07",
            "Extended Partner Share CA USD says 0.07, the rows add up to 0.7",
        ),
        ("CA\tUSD\t1", "CA\tUSD\tone", "Quantity CA USD says one"),
        ("US\tUSD\t5\t31.50\n", "", "Quantity US USD is missing"),
        ("US\tUSD\t5\t31.50\n", "US\tUSD\t5\n", "Extended Partner Share US USD is missing"),
        (
            "US\tUSD\t5\t31.50\n",
            "US\tUSD\t5\t31.50\nMX\tUSD\t1\t2\n",
            "Quantity MX USD says 1, the rows add up to 0",
        ),
        ("CA\tUSD", "CA\tCAD", "Quantity CA CAD says 1, the rows add up to 0"),
    ] {
        let table = COUNTRIES.replacen(from, to, 1);
        expect_control(&report_with_countries(&table), expected);
    }
}

#[test]
fn a_number_of_the_tail_that_no_control_reads_is_listed() {
    let (case, outcome) = run_with(&report_with_countries(
        "Country Of Sale\tPartner Share Currency\tTax\nCA\tUSD\t0.10\nUS\tUSD\t0.20\n",
    ));
    assert_eq!(rejection(&case, ITUNES), "");
    outcome
        .expect_stdout("Totals that could not be checked")
        .expect_stdout("tail (2 numbers)")
        .expect_stdout("CA USD 0.10");
    inspected(&case).expect_stdout("no: the format does not say what is summed there");
}

#[test]
fn rows_that_are_dropped_or_doubled_are_noticed() {
    let report = itunes_report();
    let lines: Vec<&str> = report.split_inclusive('\n').collect();
    for row in [1, 2] {
        let mut fewer = lines.clone();
        fewer.remove(row);
        assert_eq!(rejection(&run_with(&fewer.concat()).0, ITUNES), "control_total");
        let mut more = lines.clone();
        more.insert(row, lines[row]);
        assert_eq!(rejection(&run_with(&more.concat()).0, ITUNES), "control_total");
    }
}

/// 19 more lines of nothing, so that one bad row is not too many.
fn with_many_rows(report: &str) -> String {
    let line = report.lines().nth(1).unwrap();
    let nothing = line.replacen("\t1\t0.70\t0.70\t", "\t0\t0.00\t0.00\t", 1) + "\n";
    let many = format!("{}Total_Rows", nothing.repeat(1998));
    report.replacen("Total_Rows", &many, 1).replacen("Total_Rows\t2", "Total_Rows\t2000", 1)
}

#[test]
fn a_rejected_row_is_summed_where_it_can_be_read_and_named_where_not() {
    let report = with_many_rows(&itunes_report());
    // Its code decides whether it is a sale, so the row is rejected; its numbers are plain.
    let readable = report.replacen("31.50\tUSD\tS", "31.50\tUSD\tX", 1);
    let (case, outcome) = run_with(&readable);
    assert_eq!(rejection(&case, ITUNES), "");
    assert!(!outcome.stdout.contains("Total_Amount"), "{}", outcome.stdout);
    // Beside it a row is lost that nobody rejected: that is noticed all the same.
    let lost = readable.replacen("\t1\t0.70\t0.70\t", "\t0\t0.70\t0.00\t", 1);
    assert_eq!(rejection(&run_with(&lost).0, ITUNES), "control_total");
    // Nobody knows what the store summed here.
    let unreadable = report.replacen("\t31.50\t", "\t3l.50\t", 1);
    let (case, outcome) = run_with(&unreadable);
    assert_eq!(rejection(&case, ITUNES), "");
    outcome.expect_stdout("Total_Amount").expect_stdout("32.20");
    inspected(&case).expect_stdout("no: 1 rejected row cannot be summed");
}

fn inspected(case: &Case) -> Outcome {
    case.run(&[
        "inspect",
        &format!("inbox/{ITUNES}"),
        "--store",
        "itunes",
        "--pipeline",
        repository().join("pipelines/nightly.toml").to_str().unwrap(),
    ])
}

const DISTROKID: &str = "distrokid/a_2026-10.tsv";
const DISTROKID_HEADER: &str = "Reporting Date\tSale Month\tStore\tArtist\tTitle\tISRC\tUPC\tQuantity\t\
    Team Percentage\tSong/Album\tCountry of Sale\tSongwriter Royalties Withheld (USD)\tEarnings (USD)\n";

fn distrokid_line(quantity: &str, earnings: &str) -> String {
    format!(
        "2026-10-14\t2026-07\tSpotify\ta\tt\tZZSL12600001\t200000000011\t{quantity}\t100\tSong\tUS\t0.00\t{earnings}\n"
    )
}

#[test]
fn numbers_that_no_sum_could_hold_reject_their_report_alone() {
    let too_much_money =
        [distrokid_line("1", "99999999999999999999"), distrokid_line("1", "1")].concat();
    let too_many_units = distrokid_line("999999999999999", "1").repeat(9_300);
    let no_net = [
        distrokid_line("99999999999999", "-60000000000000000000"),
        distrokid_line("-99999999999999", "60000000000000000000"),
    ]
    .concat();
    for rows in [too_much_money, too_many_units, no_net] {
        let case = Case::new();
        case.put(GOOD, good_report("2026-09-01", 0..30));
        case.put(DISTROKID, format!("{DISTROKID_HEADER}{rows}"));
        let outcome = case.nightly(&[]);
        assert!([0, 4].contains(&outcome.code), "{}", outcome.stderr);
        outcome.expect_stdout("out_of_bounds");
        case.verify().expect_code(0);
        assert_eq!(rejection(&case, DISTROKID), "out_of_bounds");
        assert_eq!((case.n_rows("plays"), case.n_rows("sales")), (30, 0));
    }
    // Just at the bound.
    let case = Case::new();
    let rows = [
        distrokid_line("99999999999999", "99999999999999999999"),
        distrokid_line("1", "0.999999999999"),
    ];
    case.put(DISTROKID, format!("{DISTROKID_HEADER}{}", rows.concat()));
    case.nightly_verified(0);
    assert_eq!(case.n_rows("sales"), 2);
}

/// Seeded numbers.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    /// A number of 1 to 40 digits, sometimes with a sign or decimals.
    fn number(&mut self) -> String {
        let n_digits = 1 + self.below(40);
        let nine = self.below(2) == 0;
        let digits = (0..n_digits).map(|_| {
            if nine { '9' } else { char::from(b'0' + u8::try_from(self.below(10)).unwrap()) }
        });
        let mut text: String = digits.collect();
        match self.below(4) {
            0 => text.insert(0, '-'),
            1 if 1 < n_digits => text.insert(1, '.'),
            _ => {}
        }
        text
    }
}

/// The report with one of its cells, beyond the first line, replaced by a number.
fn with_a_number(text: &str, numbers: &mut Numbers) -> String {
    let is_apart = |c: char| "\t,;\n\":".contains(c);
    let cells: Vec<(usize, &str)> = text
        .match_indices(|c: char| !is_apart(c))
        .map(|(place, _)| place)
        .filter(|place| *place == 0 || text[..*place].ends_with(is_apart))
        .map(|place| (place, text[place..].split(is_apart).next().unwrap()))
        .filter(|(place, _)| text[..*place].contains('\n'))
        .collect();
    if cells.is_empty() {
        return text.to_owned();
    }
    let (place, cell) = cells[numbers.below(cells.len())];
    format!("{}{}{}", &text[..place], numbers.number(), &text[place + cell.len()..])
}

#[test]
fn any_number_in_any_cell_of_any_report_costs_no_other_report() {
    for seed in 1..=6 {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 ^ seed);
        let case = Case::new();
        case.put(GOOD, good_report("2026-09-01", 0..30));
        case.put(DISTROKID, format!("{DISTROKID_HEADER}{}", distrokid_line("3", "1.25")));
        let mut changed = Vec::new();
        for (name, path) in files_of(&repository().join("fixtures/formats")) {
            let Some((format, report)) = name.split_once("/in/") else {
                continue;
            };
            // Packed ones are no text.
            let Ok(text) = fs::read_to_string(path) else {
                continue;
            };
            let (store, file) = report.split_once('/').unwrap();
            let text = with_a_number(&text, &mut numbers);
            case.put(&format!("{store}/{format}/{file}"), &text);
            changed.push(text);
        }
        assert!(30 < changed.len(), "{}", changed.len());
        let outcome = case.nightly(&[]);
        assert!([0, 4].contains(&outcome.code), "seed {seed}: {}\n{changed:#?}", outcome.stderr);
        assert_eq!(case.report_row(GOOD)["state"], "active", "seed {seed}");
        assert_eq!(case.report_row(DISTROKID)["state"], "active", "seed {seed}");
        case.verify().expect_code(0);
    }
}
