//! What the README shows an analyst runs as it stands there, in DuckDB and in Polars, and both read
//! every table as `verify` does.
#![expect(clippy::unwrap_used, reason = "what a test needs for itself must be there")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::case::{Case, repository};
use crate::golden::first_run;
use crate::python::python;

/// Runs queries from stdin, a JSON list of [language, text], and prints the rows of each as texts.
const DRIVER: &str = r#"
import contextlib, io, json, sys
import duckdb

def rows_of(language, text):
    if language == "sql":
        return duckdb.sql(text).fetchall()
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(text, names)
    return names["result"].rows()

blocks = json.load(sys.stdin)
results = [[[str(cell) for cell in row] for row in rows_of(*block)] for block in blocks]
json.dump(results, sys.stdout)
"#;

/// A query and its language.
type Block = (&'static str, String);

/// The rows of each query, run where the warehouse lies.
fn run_blocks(case: &Case, blocks: &[Block]) -> Vec<Vec<Vec<String>>> {
    let mut command = Command::new(python());
    command.args(["-c", DRIVER]).current_dir(case.path(""));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let input = serde_json::to_vec(blocks).unwrap();
    process.stdin.take().unwrap().write_all(&input).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The fenced blocks of the README in the two languages, in their order.
fn blocks() -> Vec<Block> {
    let text = fs::read_to_string(repository().join("README.md")).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (&mut open, line) {
            (None, "```sql") => open = Some(("sql", String::new())),
            (None, "```python") => open = Some(("python", String::new())),
            (None, _) => {}
            (Some(_), "```") => blocks.extend(open.take()),
            (Some((_, block)), line) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    assert!(open.is_none(), "a block has no end");
    blocks
}

#[test]
fn every_query_of_the_readme_runs_and_both_engines_agree() {
    let blocks = blocks();
    let languages: Vec<&str> = blocks.iter().map(|(language, _)| *language).collect();
    assert_eq!(languages, ["sql", "python"].repeat(3));
    let mut results = run_blocks(&first_run(), &blocks);
    for (result, (_, text)) in results.iter_mut().zip(&blocks) {
        assert!(!result.is_empty(), "no rows:\n{text}");
        // Where nulls are sorted to differs between the engines.
        result.sort();
    }
    for (pair, block) in results.chunks(2).zip(blocks.chunks(2)) {
        assert_eq!(pair[0], pair[1], "{}\n{}", block[0].1, block[1].1);
    }
}

#[test]
fn both_engines_read_as_many_rows_of_every_table_as_verify() {
    let case = first_run();
    // Also those without rows: the first run has no statement.
    let tables = [
        "catalogue",
        "coverage",
        "deliveries",
        "eligibility",
        "fx_rates",
        "plays",
        "public_counts",
        "quarantine",
        "reports",
        "revenue_pools",
        "sales",
        "sales_monthly",
        "sales_superseded",
        "store_removals",
        "tracks",
        "trends_daily",
        "unmapped_values",
        "waterfall",
    ];
    let mut blocks: Vec<Block> = Vec::new();
    for table in tables {
        let files = format!("warehouse/tables/{table}/**/*.parquet");
        let sql = format!(
            "SELECT count(*) FROM (FROM read_parquet('{files}', hive_partitioning = true))"
        );
        blocks.push(("sql", sql));
        let scan = format!("pl.scan_parquet('warehouse/tables/{table}/', hive_partitioning=True)");
        blocks.push((
            "python",
            format!("import polars as pl\nresult = {scan}.select(pl.len()).collect()"),
        ));
        // Every column, not only the numbers in the footers.
        blocks.push((
            "sql",
            format!("SELECT count(*) FROM (SELECT DISTINCT * FROM read_parquet('{files}'))"),
        ));
        blocks.push((
            "python",
            format!("import polars as pl\nresult = {scan}.collect().select(pl.len())"),
        ));
    }
    let counts: BTreeMap<usize, Vec<i64>> = run_blocks(&case, &blocks)
        .into_iter()
        .enumerate()
        .fold(BTreeMap::new(), |mut counts, (n, rows)| {
            counts.entry(n / 4).or_insert_with(Vec::new).push(rows[0][0].parse().unwrap());
            counts
        });
    let mut total = 0;
    for (place, table) in tables.iter().enumerate() {
        let expected = i64::try_from(case.n_rows(table)).unwrap();
        assert_eq!(counts[&place], [expected; 4], "{table}");
        total += expected;
    }
    let verified = case.run(&["verify", "--format", "json"]).expect_code(0);
    assert_eq!(verified.number("their rows"), total);
}

#[test]
fn duckdb_sums_sales_to_the_same_sales_monthly() {
    let case = crate::formats::all_fixtures();
    let grain = "store, month, statement_period, isrc, upc, territory, tier, tier_code, use_type, \
                 line_type, royalty_bearing, currency";
    let read = |table: &str| {
        format!("read_parquet('warehouse/tables/{table}/**/*.parquet', hive_partitioning = true)")
    };
    let summed = format!(
        "select {grain}, sum(units)::bigint as units, sum(amount)::decimal(38, 12) as amount, count(*) as lines \
         from {} group by all",
        read("sales")
    );
    let published = format!("select {grain}, units, amount, lines from {}", read("sales_monthly"));
    let blocks: Vec<Block> = vec![
        ("sql", format!("({summed}) except ({published})")),
        ("sql", format!("({published}) except ({summed})")),
        ("sql", format!("select count(*), sum(amount) from ({published})")),
    ];
    let rows = run_blocks(&case, &blocks);
    assert_eq!((rows[0].len(), rows[1].len()), (0, 0), "{rows:?}");
    assert!(30 < rows[2][0][0].parse::<u64>().unwrap(), "{rows:?}");
}
