//! Names pass as they are written, whatever they look like to a spreadsheet.

use crate::case::Case;

const TITLES: [&str; 14] = [
    "'Til Dawn",
    "N/A",
    "n/a",
    "NULL",
    "--",
    "=\"Formula\"",
    "'quoted'",
    "0012",
    "1,5",
    "say \"hello\"",
    "-",
    "\u{5b57}\u{5e55} \u{1f3b5}",
    "\u{201c}curly\u{201d}",
    "a'b",
];

#[test]
fn any_title_comes_out_as_it_went_in() {
    let case = Case::new();
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let line = |(n, title): (usize, &&str)| {
        let title = quoted(title);
        format!("2026-01-01,ZZSL126{n:05},200000000011,{title},{title},{title},L,181.5,acct,50\n")
    };
    let header = "valid_from,isrc,upc,title,artist,release,label,track_length,owner,share\n";
    let rows: String = TITLES.iter().enumerate().map(line).collect();
    case.put("reference/catalogue.csv", format!("{header}{rows}"));
    case.nightly_verified(0);
    let mut found = case.cells("catalogue", ["isrc", "title", "artist", "release"]);
    found.sort();
    let found: Vec<[&str; 3]> =
        found.iter().map(|[_, a, b, c]| [a.as_str(), b.as_str(), c.as_str()]).collect();
    assert_eq!(found, TITLES.map(|title| [title; 3]));
}

#[test]
fn what_guards_a_code_in_a_spreadsheet_is_no_part_of_it() {
    let case = Case::new();
    let header = "valid_from,isrc,upc,title,artist,release,label,track_length,owner,share\n";
    let row = "2026-01-01,'ZZSL12600001,=\"\"200000000011\"\",t,a,r,L,N/A,acct,50\n";
    let row = row.replace("=\"\"200000000011\"\"", "\"=\"\"200000000011\"\"\"");
    case.put("reference/catalogue.csv", format!("{header}{row}"));
    case.nightly_verified(0);
    let found = case.cells("catalogue", ["isrc", "upc", "track_ms"]);
    assert_eq!(found, [["ZZSL12600001".to_owned(), "200000000011".to_owned(), String::new()]]);
}
